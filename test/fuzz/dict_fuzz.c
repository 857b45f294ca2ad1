/*
 * dict_fuzz.c
 *		Dictionaries under random work for some seconds: random keys, orders and failing allocators
 *		against what must hold, and views with flipped bits, which may be refused but, once accepted,
 *		must be safe to search. Run under the sanitizers.
 *		Arguments: seconds (5) and seed (1).
 */
#include <time.h>

#include "core/num/dict.h"
#include "core/num/rng.h"
#include "../unit/unit.h"

#define MAX_KEYS 300
#define MAX_LENGTH 12

typedef struct Key
{
	int64_t number;
	char text[MAX_LENGTH];
	size_t length;
} Key;

static Key
random_key(BmRng *r, uint32_t variety)
{
	Key k = {.number = (int64_t) bmc_rng_below(r, variety) - variety / 2};

	if (bmc_rng_below(r, 20) == 0)
		k.number = (int64_t) bmc_rng_u64(r);
	k.length = bmc_rng_below(r, MAX_LENGTH + 1);
	for (size_t i = 0; i < k.length; i++)
		k.text[i] = (char) bmc_rng_below(r, 3);
	return k;
}

static BmStatus
put(BmDict *d, const Key *k, uint32_t *code)
{
	return d->view.kind == BM_KEY_INT ? bmc_dict_put_int(d, k->number, code)
									  : bmc_dict_put_bytes(d, k->text, k->length, code);
}

static uint32_t
find(const BmDictView *v, const Key *k)
{
	return v->kind == BM_KEY_INT ? bmc_dict_find_int(v, k->number)
								 : bmc_dict_find_bytes(v, k->text, k->length);
}

static size_t
blob_bytes(const BmDictView *v)
{
	return v->kind == BM_KEY_BYTES ? (size_t) v->offset[v->n] : 0;
}

/* Flip one bit of a copy of the view's arrays; what is accepted is searched for every key. */
static void
damage(BmRng *r, const BmDictView *v, const Key *key, int n)
{
	size_t slots = v->nslots * sizeof(uint32_t), blob = blob_bytes(v);
	bool text = v->kind == BM_KEY_BYTES;
	size_t keys = text ? (v->n + (size_t) 1) * sizeof(uint64_t) : v->n * sizeof(int64_t);
	size_t size[] = {slots, keys, blob};
	char *part[] = {malloc(slots), malloc(keys), malloc(blob)};
	uint32_t which = bmc_rng_below(r, 3);
	BmDictView copy = *v;

	memcpy(part[0], v->slot, slots);
	if (keys)
		memcpy(part[1], text ? (const void *) v->offset : (const void *) v->key, keys);
	if (blob)
		memcpy(part[2], v->blob, blob);
	if (size[which])
		part[which][bmc_rng_below(r, (uint32_t) size[which])] ^= (char) (1 << bmc_rng_below(r, 8));
	copy.slot = (void *) part[0];
	copy.key = text ? NULL : (void *) part[1];
	copy.offset = text ? (void *) part[1] : NULL;
	copy.blob = part[2];
	if (bmc_dict_valid(&copy, blob))
		for (int i = 0; i < n; i++)
		{
			uint32_t code = find(&copy, &key[i]);

			CHECK(code == BM_NONE || code < copy.n);
		}
	for (int i = 0; i < 3; i++)
		free(part[i]);
}

static void
round_of(BmRng *r, BmKeyKind kind, bool fail)
{
	static Key key[MAX_KEYS];
	uint32_t code[MAX_KEYS], new_code[MAX_KEYS], count[MAX_KEYS], back;
	bool keep[MAX_KEYS];
	int n = (int) bmc_rng_below(r, MAX_KEYS + 1), done = 0;
	uint32_t variety = 1 + bmc_rng_below(r, 1000);
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmDict d;

	if (fail)
		heap.fail_at = 1 + bmc_rng_below(r, 12);
	if (bmc_dict_init(&d, kind, mem) == BM_OK)
	{
		for (; done < n; done++)
		{
			key[done] = random_key(r, variety);
			if (put(&d, &key[done], &code[done]) != BM_OK)
				break;
		}
		CHECK(done == n || fail);
		CHECK(bmc_dict_valid(&d.view, blob_bytes(&d.view)));
		for (int i = 0; i < done; i++)
			CHECK_INT(find(&d.view, &key[i]), code[i]);
		damage(r, &d.view, key, done);
		for (uint32_t c = 0; c < d.view.n; c++)
		{
			count[c] = bmc_rng_below(r, 4);
			keep[c] = bmc_rng_below(r, 4) != 0;
		}
		if (bmc_dict_order(&d, count, keep, new_code) == BM_OK)
			for (int i = 0; i < done; i++)
			{
				back = new_code[code[i]];
				CHECK_INT(find(&d.view, &key[i]), back);
				CHECK((back != BM_NONE) == keep[code[i]]);
			}
		else
			CHECK(fail);
		CHECK(bmc_dict_valid(&d.view, blob_bytes(&d.view)));
		bmc_dict_free(&d);
	}
	else
		CHECK(fail);
	CHECK_INT(heap.live, 0);
	CHECK_INT(mem->used, 0);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 5;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	time_t end = time(NULL) + (time_t) seconds;
	uint64_t rounds = 0;

	CASE("random dictionaries hold their keys, and damaged ones are safe");
	do
	{
		BmRng r = bmc_rng(seed, rounds);

		round_of(&r, rounds & 1 ? BM_KEY_INT : BM_KEY_BYTES, rounds % 3 == 0);
		rounds++;
	} while (time(NULL) < end && !unit_failed);
	if (unit_failed)
		printf("# seed %llu, round %llu\n", (unsigned long long) seed,
			   (unsigned long long) rounds - 1);
	return unit_done();
}
