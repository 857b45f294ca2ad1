/*
 * names.c
 *		A set of names inside an aggregate state.
 */
#include "core/mine/names.h"

#include <stdlib.h>
#include <string.h>

#include "core/num/rng.h"

/* Bytes [at, at + 8) of a name as a word, the lowest first; zeros behind its end. */
static inline uint64_t
load_word(const char *name, size_t len, size_t at)
{
	uint64_t w = 0;
	size_t n = len - at < 8 ? len - at : 8;

	for (size_t i = 0; i < n; i++)
		w |= (uint64_t) (unsigned char) name[at + i] << (8 * i);
	return w;
}

static inline size_t
text_words(size_t len)
{
	return 1 + (len + 7) / 8;
}

static uint64_t
hash_name(const char *name, size_t len)
{
	uint64_t h = bmc_mix64((uint64_t) len);

	for (size_t at = 0; at < len; at += 8)
		h = bmc_mix64(h ^ load_word(name, len, at));
	return h;
}

/* The same from a block. */
static uint64_t
hash_stored(const uint64_t *name)
{
	uint64_t h = bmc_mix64(name[0]);

	for (size_t i = 1; i < text_words((size_t) name[0]); i++)
		h = bmc_mix64(h ^ name[i]);
	return h;
}

static bool
is_name(const uint64_t *stored, const char *name, size_t len)
{
	if (stored[0] != len)
		return false;
	for (size_t at = 0; at < len; at += 8)
		if (stored[1 + at / 8] != load_word(name, len, at))
			return false;
	return true;
}

/* ---- parts of a block ---- */

static inline size_t
begin_text(const uint64_t *block)
{
	return bmc_names_words((size_t) block[1], 0);
}

static inline const uint64_t *
stored_name(const uint64_t *block, uint32_t code)
{
	return block + begin_text(block) + block[BM_NAMES_HEAD + block[1] + code];
}

static inline uint64_t
slot_word(uint64_t hash, uint32_t code)
{
	return (hash & ~UINT64_C(0xffffffff)) | (code + 1);
}

void
bmc_names_init(uint64_t *block, size_t words, size_t nslots)
{
	memset(block, 0, words * sizeof(uint64_t));
	block[1] = nslots;
}

/* ---- finding and adding ---- */

/* The slot of the name, or the empty one where it belongs. */
static size_t
find_slot(const uint64_t *block, uint64_t hash, const char *name, size_t len)
{
	size_t mask = (size_t) block[1] - 1, s = (size_t) hash & mask;
	const uint64_t *slot = block + BM_NAMES_HEAD;

	for (; slot[s] != 0; s = (s + 1) & mask)
		if ((slot[s] ^ hash) >> 32 == 0 &&
			is_name(stored_name(block, (uint32_t) slot[s] - 1), name, len))
			break;
	return s;
}

BmStatus
bmc_names_put(uint64_t *block, size_t words, const char *name, size_t len, uint32_t *code)
{
	uint64_t hash = hash_name(name, len);
	uint64_t *slot = block + BM_NAMES_HEAD + find_slot(block, hash, name, len), *text;

	if (*slot != 0)
	{
		*code = (uint32_t) *slot - 1;
		return BM_OK;
	}
	if (len > BM_MAX_NAME || block[0] >= BM_MAX_NAMES)
		return BM_ELIMIT;
	if (block[0] >= block[1] / 2 || begin_text(block) + block[2] + text_words(len) > words)
		return BM_MORE;
	*code = (uint32_t) block[0];
	*slot = slot_word(hash, *code);
	block[BM_NAMES_HEAD + block[1] + *code] = block[2];
	text = block + begin_text(block) + block[2];
	text[0] = len;
	for (size_t at = 0; at < len; at += 8)
		text[1 + at / 8] = load_word(name, len, at);
	block[0]++;
	block[2] += text_words(len);
	return BM_OK;
}

size_t
bmc_names_larger(size_t *nslots, const uint64_t *block, size_t len)
{
	*nslots = (size_t) block[1] * (block[0] >= block[1] / 2 ? 2 : 1);
	return bmc_names_words(*nslots, 2 * ((size_t) block[2] + text_words(len)));
}

size_t
bmc_names_least(size_t *nslots, const uint64_t *block)
{
	*nslots = BM_NAMES_FEWEST;
	while (*nslots / 2 < block[0])
		*nslots *= 2;
	return bmc_names_words(*nslots, (size_t) block[2]);
}

BmStatus
bmc_names_copy(uint64_t *to, size_t words, const uint64_t *from, const uint32_t *order)
{
	size_t mask = (size_t) to[1] - 1;

	if (from[0] > to[1] / 2 || begin_text(to) + from[2] > words)
		return BM_EINVAL;
	for (uint32_t i = 0; i < from[0]; i++)
	{
		const uint64_t *name = stored_name(from, order ? order[i] : i);
		size_t n = text_words((size_t) name[0]);
		uint64_t hash = hash_stored(name), *slot = to + BM_NAMES_HEAD;
		size_t s = (size_t) hash & mask;

		while (slot[s] != 0)
			s = (s + 1) & mask;
		slot[s] = slot_word(hash, i);
		to[BM_NAMES_HEAD + to[1] + i] = to[2];
		memcpy(to + begin_text(to) + to[2], name, n * sizeof(uint64_t));
		to[2] += n;
		to[0]++;
	}
	return BM_OK;
}

/* ---- order ---- */

static inline uint64_t
swap_bytes(uint64_t w)
{
	uint64_t r = 0;

	for (int i = 0; i < 8; i++)
		r = r << 8 | (w >> (8 * i) & 255);
	return r;
}

/* memcmp, a prefix first. */
static int
compare_stored(const uint64_t *a, const uint64_t *b)
{
	size_t na = text_words((size_t) a[0]), nb = text_words((size_t) b[0]);

	for (size_t i = 1; i < na && i < nb; i++)
		if (a[i] != b[i])
			return swap_bytes(a[i]) < swap_bytes(b[i]) ? -1 : 1;
	return a[0] < b[0] ? -1 : a[0] > b[0];
}

static int
compare_ranks(const void *x, const void *y)
{
	return compare_stored(((const BmNameRank *) x)->name, ((const BmNameRank *) y)->name);
}

void
bmc_names_order(uint32_t *order, const uint64_t *block, BmNameRank *scratch)
{
	uint32_t n = bmc_names_count(block);

	for (uint32_t i = 0; i < n; i++)
		scratch[i] = (BmNameRank){stored_name(block, i), i};
	if (n > 1)
		qsort(scratch, n, sizeof(BmNameRank), compare_ranks);
	for (uint32_t i = 0; i < n; i++)
		order[i] = scratch[i].code;
}

bool
bmc_names_ordered(const uint64_t *block)
{
	for (uint32_t i = 1; i < block[0]; i++)
		if (compare_stored(stored_name(block, i - 1), stored_name(block, i)) >= 0)
			return false;
	return true;
}

/* ---- reading ---- */

size_t
bmc_name_length(const uint64_t *block, uint32_t code)
{
	return (size_t) stored_name(block, code)[0];
}

void
bmc_name_bytes(char *out, const uint64_t *block, uint32_t code)
{
	const uint64_t *name = stored_name(block, code);

	for (size_t i = 0; i < name[0]; i++)
		out[i] = (char) (name[1 + i / 8] >> (8 * (i % 8)) & 255);
}

/* Are the bytes behind the name's end zeros? Names are compared by whole words. */
static bool
padded(const uint64_t *name)
{
	size_t rest = (size_t) name[0] % 8;

	return rest == 0 || name[text_words((size_t) name[0]) - 1] >> (8 * rest) == 0;
}

bool
bmc_names_valid(const uint64_t *block, size_t words)
{
	uint64_t n, nslots, text, at = 0, used = 0;

	if (words < BM_NAMES_HEAD)
		return false;
	n = block[0];
	nslots = block[1];
	text = block[2];
	if (nslots < BM_NAMES_FEWEST || (nslots & (nslots - 1)) != 0 || nslots > words ||
		n > nslots / 2 || n > BM_MAX_NAMES || bmc_names_words((size_t) nslots, 0) > words ||
		text > words - bmc_names_words((size_t) nslots, 0))
		return false;
	for (uint32_t i = 0; i < n; i++) /* one behind the other, without holes */
	{
		const uint64_t *name;

		if (block[BM_NAMES_HEAD + nslots + i] != at || at >= text)
			return false;
		name = stored_name(block, i);
		if (name[0] > BM_MAX_NAME || text_words((size_t) name[0]) > text - at || !padded(name))
			return false;
		at += text_words((size_t) name[0]);
	}
	if (at != text)
		return false;
	for (size_t s = 0; s < nslots; s++)
		used += block[BM_NAMES_HEAD + s] != 0;
	if (used != n) /* so there is an empty slot, and every search ends */
		return false;
	for (size_t s = 0; s < nslots; s++)
	{
		uint64_t slot = block[BM_NAMES_HEAD + s];

		if (slot != 0 && ((uint32_t) slot == 0 || (uint32_t) slot > n))
			return false;
	}
	for (uint32_t i = 0; i < n; i++) /* each is found, and by its own slot: no name twice */
	{
		const uint64_t *name = stored_name(block, i);
		uint64_t hash = hash_stored(name);
		size_t s = (size_t) hash & (nslots - 1);

		for (;; s = (s + 1) & (nslots - 1))
		{
			uint64_t slot = block[BM_NAMES_HEAD + s];

			if (slot == 0)
				return false;
			if (slot == slot_word(hash, i))
				break;
			if ((slot ^ hash) >> 32 == 0 &&
				compare_stored(stored_name(block, (uint32_t) slot - 1), name) == 0)
				return false;
		}
	}
	return true;
}
