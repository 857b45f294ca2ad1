/*
 * dict.c
 *		Hash dictionaries with linear probing; at most half of the slots are used. Byte keys lie one
 *		behind the other in a blob; the high bits of the hash are not stored, equal slots compare keys.
 */
#include <stdlib.h>
#include <string.h>

#include "core/num/dict.h"
#include "core/num/rng.h"

#define MAX_CODES (UINT32_C(0x7fffffff) - 1)
#define FIRST_SLOTS 64

/* Eight bytes at a time through the 64-bit mix, the length in the seed. */
static uint64_t
hash_bytes(const char *key, size_t len)
{
	uint64_t h = bmc_mix64((uint64_t) len);
	uint64_t word;

	for (; len >= 8; key += 8, len -= 8)
	{
		memcpy(&word, key, 8);
		h = bmc_mix64(h ^ word);
	}
	word = 0;
	if (len)
		memcpy(&word, key, len);
	return bmc_mix64(h ^ word);
}

static inline bool
same_bytes(const BmDictView *d, uint32_t code, const char *key, size_t len)
{
	uint64_t at = d->offset[code];

	return d->offset[code + 1] - at == len && (len == 0 || memcmp(d->blob + at, key, len) == 0);
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint32_t
slot_of_int(const BmDictView *d, int64_t key)
{
	uint32_t mask = d->nslots - 1, s = (uint32_t) bmc_mix64((uint64_t) key) & mask;

	while (d->slot[s] != BM_NONE && d->key[d->slot[s]] != key)
		s = (s + 1) & mask;
	return s;
}

static uint32_t
slot_of_bytes(const BmDictView *d, const char *key, size_t len)
{
	uint32_t mask = d->nslots - 1, s = (uint32_t) hash_bytes(key, len) & mask;

	while (d->slot[s] != BM_NONE && !same_bytes(d, d->slot[s], key, len))
		s = (s + 1) & mask;
	return s;
}

uint32_t
bmc_dict_find_int(const BmDictView *d, int64_t key)
{
	return d->n == 0 || d->kind != BM_KEY_INT ? BM_NONE : d->slot[slot_of_int(d, key)];
}

uint32_t
bmc_dict_find_bytes(const BmDictView *d, const char *key, size_t len)
{
	return d->n == 0 || d->kind != BM_KEY_BYTES ? BM_NONE : d->slot[slot_of_bytes(d, key, len)];
}

bool
bmc_dict_valid(const BmDictView *d, size_t blob_size)
{
	size_t used = 0;
	bool bytes = d->kind == BM_KEY_BYTES;

	if ((d->kind != BM_KEY_INT && !bytes) || d->n > MAX_CODES || d->nslots <= d->n ||
		(d->nslots & (d->nslots - 1)) != 0)
		return false;
	if (bytes && d->offset[0] != 0)
		return false;
	for (uint32_t c = 0; bytes && c < d->n; c++)
		if (d->offset[c + 1] < d->offset[c] || d->offset[c + 1] > blob_size)
			return false;
	for (uint32_t s = 0; s < d->nslots; s++)
	{
		if (d->slot[s] == BM_NONE)
			continue;
		if (d->slot[s] >= d->n)
			return false;
		used++;
	}
	if (used != d->n) /* so an empty slot exists and every probe ends */
		return false;
	for (uint32_t c = 0; c < d->n; c++)
	{
		uint32_t s = bytes ? slot_of_bytes(d, d->blob + d->offset[c],
										   (size_t) (d->offset[c + 1] - d->offset[c]))
						   : slot_of_int(d, d->key[c]);

		if (d->slot[s] != c)
			return false;
	}
	return true;
}

static void
refresh(BmDict *d)
{
	d->view.slot = d->slot;
	d->view.key = d->key;
	d->view.offset = d->offset;
	d->view.blob = d->blob;
}

/* Put every code into slots that are all empty. */
static void
fill_slots(BmDict *d)
{
	memset(d->slot, 0xff, (size_t) d->view.nslots * sizeof(uint32_t));
	for (uint32_t c = 0; c < d->view.n; c++)
	{
		uint32_t s = d->view.kind == BM_KEY_INT
						 ? slot_of_int(&d->view, d->key[c])
						 : slot_of_bytes(&d->view, d->blob + d->offset[c],
										 (size_t) (d->offset[c + 1] - d->offset[c]));

		d->slot[s] = c;
	}
}

BmStatus
bmc_dict_init(BmDict *d, BmKeyKind kind, BmMem *mem)
{
	memset(d, 0, sizeof(*d));
	d->mem = mem;
	d->view.kind = kind;
	d->view.nslots = FIRST_SLOTS;
	d->capacity = FIRST_SLOTS / 2;
	d->slot = bmc_alloc(mem, FIRST_SLOTS, sizeof(uint32_t));
	if (kind == BM_KEY_INT)
		d->key = bmc_alloc(mem, d->capacity, sizeof(int64_t));
	else
	{
		d->blob_capacity = 1024;
		d->offset = bmc_alloc(mem, d->capacity + 1, sizeof(uint64_t));
		d->blob = bmc_alloc(mem, d->blob_capacity, 1);
	}
	if (!d->slot || (kind == BM_KEY_INT ? !d->key : !d->offset || !d->blob))
	{
		bmc_dict_free(d);
		return BM_ENOMEM;
	}
	if (d->offset)
		d->offset[0] = 0;
	refresh(d);
	fill_slots(d);
	return BM_OK;
}

/* Room for one more key; the slots are rebuilt when they double. */
static BmStatus
grow(BmDict *d)
{
	size_t capacity = d->capacity * 2;
	uint32_t *slot;
	void *keys;

	if (d->view.n >= MAX_CODES || capacity * 2 > UINT32_MAX)
		return BM_ELIMIT;
	keys = d->view.kind == BM_KEY_INT
			   ? bmc_realloc(d->mem, d->key, capacity, sizeof(int64_t))
			   : bmc_realloc(d->mem, d->offset, capacity + 1, sizeof(uint64_t));
	if (keys == NULL)
		return BM_ENOMEM;
	if (d->view.kind == BM_KEY_INT)
		d->key = keys;
	else
		d->offset = keys;
	refresh(d);
	slot = bmc_alloc(d->mem, capacity * 2, sizeof(uint32_t));
	if (slot == NULL)
		return BM_ENOMEM; /* the keys merely have more room than is used */
	bmc_free(d->mem, d->slot);
	d->slot = slot;
	d->capacity = capacity;
	d->view.nslots = (uint32_t) (capacity * 2);
	refresh(d);
	fill_slots(d);
	return BM_OK;
}

BmStatus
bmc_dict_put_int(BmDict *d, int64_t key, uint32_t *code)
{
	uint32_t s = slot_of_int(&d->view, key);

	if (d->slot[s] == BM_NONE)
	{
		if (d->view.n == d->capacity)
		{
			BmStatus status = grow(d);

			if (status != BM_OK)
				return status;
			s = slot_of_int(&d->view, key);
		}
		d->key[d->view.n] = key;
		d->slot[s] = d->view.n++;
	}
	*code = d->slot[s];
	return BM_OK;
}

BmStatus
bmc_dict_put_bytes(BmDict *d, const char *key, size_t len, uint32_t *code)
{
	uint32_t s = slot_of_bytes(&d->view, key, len);

	if (d->slot[s] == BM_NONE)
	{
		uint64_t at = d->offset[d->view.n];

		if (d->view.n == d->capacity)
		{
			BmStatus status = grow(d);

			if (status != BM_OK)
				return status;
			s = slot_of_bytes(&d->view, key, len);
		}
		if (len > d->blob_capacity - at)
		{
			size_t wanted = bmc_add(bmc_mul(d->blob_capacity, 2), len);
			char *blob = bmc_realloc(d->mem, d->blob, wanted, 1);

			if (blob == NULL)
				return BM_ENOMEM;
			d->blob = blob;
			d->blob_capacity = wanted;
			refresh(d);
		}
		if (len)
			memcpy(d->blob + at, key, len);
		d->offset[d->view.n + 1] = at + len;
		d->slot[s] = d->view.n++;
	}
	*code = d->slot[s];
	return BM_OK;
}

/* ---- canonical order ---- */

typedef struct Ranked
{
	const BmDictView *d;
	uint32_t code;
	uint32_t count;
} Ranked;

static int
by_count_then_key(const void *x, const void *y)
{
	const Ranked *a = x, *b = y;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	if (a->d->kind == BM_KEY_INT)
	{
		int64_t p = a->d->key[a->code], q = a->d->key[b->code];

		return p < q ? -1 : p > q;
	}
	else
	{
		const uint64_t *o = a->d->offset;
		size_t la = (size_t) (o[a->code + 1] - o[a->code]);
		size_t lb = (size_t) (o[b->code + 1] - o[b->code]);
		size_t l = la < lb ? la : lb;
		int c = l ? memcmp(a->d->blob + o[a->code], a->d->blob + o[b->code], l) : 0;

		return c != 0 ? c : la < lb ? -1 : la > lb;
	}
}

/* New key arrays in the order of r (n); NULL on no memory, the dictionary is then unchanged. */
static bool
permute_keys(BmDict *d, const Ranked *r, uint32_t n)
{
	if (d->view.kind == BM_KEY_INT)
	{
		int64_t *key = bmc_alloc(d->mem, d->capacity, sizeof(int64_t));

		if (key == NULL)
			return false;
		for (uint32_t i = 0; i < n; i++)
			key[i] = d->key[r[i].code];
		bmc_free(d->mem, d->key);
		d->key = key;
	}
	else
	{
		uint64_t *offset = bmc_alloc(d->mem, d->capacity + 1, sizeof(uint64_t));
		char *blob = bmc_alloc(d->mem, d->blob_capacity, 1);

		if (offset == NULL || blob == NULL)
		{
			bmc_free(d->mem, offset);
			bmc_free(d->mem, blob);
			return false;
		}
		offset[0] = 0;
		for (uint32_t i = 0; i < n; i++)
		{
			uint64_t at = d->offset[r[i].code], len = d->offset[r[i].code + 1] - at;

			if (len)
				memcpy(blob + offset[i], d->blob + at, (size_t) len);
			offset[i + 1] = offset[i] + len;
		}
		bmc_free(d->mem, d->offset);
		bmc_free(d->mem, d->blob);
		d->offset = offset;
		d->blob = blob;
	}
	return true;
}

BmStatus
bmc_dict_order(BmDict *d, const uint32_t *count, const bool *keep, uint32_t *new_code)
{
	uint32_t n = 0;
	Ranked *r = bmc_alloc(d->mem, d->view.n, sizeof(Ranked));

	if (r == NULL)
		return BM_ENOMEM;
	for (uint32_t c = 0; c < d->view.n; c++)
		if (keep == NULL || keep[c])
			r[n++] = (Ranked){&d->view, c, count ? count[c] : 0};
	if (n > 1)
		qsort(r, n, sizeof(Ranked), by_count_then_key);
	if (!permute_keys(d, r, n))
	{
		bmc_free(d->mem, r);
		return BM_ENOMEM;
	}
	for (uint32_t c = 0; c < d->view.n; c++)
		new_code[c] = BM_NONE;
	for (uint32_t i = 0; i < n; i++)
		new_code[r[i].code] = i;
	bmc_free(d->mem, r);
	d->view.n = n;
	refresh(d);
	fill_slots(d);
	return BM_OK;
}

void
bmc_dict_free(BmDict *d)
{
	bmc_free(d->mem, d->slot);
	bmc_free(d->mem, d->key);
	bmc_free(d->mem, d->offset);
	bmc_free(d->mem, d->blob);
	d->slot = NULL;
	d->key = NULL;
	d->offset = NULL;
	d->blob = NULL;
	d->view.n = 0;
	refresh(d);
}
