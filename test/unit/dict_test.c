/* Dictionaries against a linear search; order, drops, validation of views from files. */
#include "unit.h"
#include "core/num/dict.h"
#include "core/num/rng.h"

#define N 3000

static void
test_int(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmDict d;
	BmRng rng = bmc_rng(1, 0);
	int64_t keys[N];
	uint32_t n = 0, code;

	CASE("integers get dense codes in order of arrival, and are found again");
	CHECK_INT(bmc_dict_init(&d, BM_KEY_INT, mem), BM_OK);
	CHECK_INT(bmc_dict_find_int(&d.view, 5), BM_NONE);
	for (int i = 0; i < 3 * N && n < N; i++)
	{
		int64_t key = i == 0   ? INT64_MIN
					  : i == 1 ? INT64_MAX
					  : i == 2 ? 0
							   : (int64_t) bmc_rng_u64(&rng) >> (i % 60);
		uint32_t expected = 0;

		while (expected < n && keys[expected] != key)
			expected++;
		CHECK_INT(bmc_dict_put_int(&d, key, &code), BM_OK);
		CHECK_INT(code, expected);
		if (expected == n)
			keys[n++] = key;
	}
	for (uint32_t i = 0; i < n; i++)
		CHECK_INT(bmc_dict_find_int(&d.view, keys[i]), i);
	CHECK(bmc_dict_valid(&d.view, 0));
	bmc_dict_free(&d);
	CHECK_INT(h.live, 0);
}

static void
test_bytes(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmDict d;
	char key[40];
	uint32_t code;

	CASE("byte strings of any length and content");
	CHECK_INT(bmc_dict_init(&d, BM_KEY_BYTES, mem), BM_OK);
	for (uint32_t i = 0; i < N; i++)
	{
		int len = snprintf(key, sizeof(key), "%c%u", i % 2 ? '\0' : 'k', i * 7919);

		CHECK_INT(bmc_dict_put_bytes(&d, key, (size_t) len, &code), BM_OK);
		CHECK_INT(code, i);
		CHECK_INT(bmc_dict_put_bytes(&d, key, (size_t) len, &code), BM_OK);
		CHECK_INT(code, i);
	}
	CHECK_INT(bmc_dict_find_bytes(&d.view, "k0", 1), BM_NONE);
	CHECK_INT(bmc_dict_find_bytes(&d.view, "", 0), BM_NONE);
	CHECK_INT(bmc_dict_put_bytes(&d, "", 0, &code), BM_OK);
	CHECK_INT(bmc_dict_find_bytes(&d.view, "", 0), N);
	CHECK(bmc_dict_valid(&d.view, (size_t) d.view.offset[d.view.n]));
	CHECK(!bmc_dict_valid(&d.view, (size_t) d.view.offset[d.view.n] - 1));
	bmc_dict_free(&d);
	CHECK_INT(h.live, 0);
}

static void
test_order(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmDict d;
	int64_t keys[6] = {50, -3, 7, 9, 1, 100};
	uint32_t count[6] = {2, 5, 5, 1, 9, 0}, map[6], code;
	bool keep[6] = {true, true, true, false, true, true};

	CASE("order: by count, ties by key, what is not kept has no code");
	CHECK_INT(bmc_dict_init(&d, BM_KEY_INT, mem), BM_OK);
	for (int i = 0; i < 6; i++)
		bmc_dict_put_int(&d, keys[i], &code);
	CHECK_INT(bmc_dict_order(&d, count, keep, map), BM_OK);
	CHECK_INT(d.view.n, 5);
	CHECK(map[4] == 0 && map[1] == 1 && map[2] == 2 && map[0] == 3 && map[5] == 4);
	CHECK_INT(map[3], BM_NONE);
	CHECK_INT(bmc_dict_find_int(&d.view, 9), BM_NONE);
	for (int i = 0; i < 6; i++)
		if (keep[i])
			CHECK_INT(bmc_dict_find_int(&d.view, keys[i]), map[i]);
	CHECK(bmc_dict_valid(&d.view, 0));
	bmc_dict_free(&d);
}

static void
test_damage(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmDict d;
	BmDictView v;
	uint32_t code;

	CASE("a damaged view is not valid");
	CHECK_INT(bmc_dict_init(&d, BM_KEY_INT, mem), BM_OK);
	for (int64_t i = 0; i < 100; i++)
		bmc_dict_put_int(&d, i * i, &code);
	for (uint32_t s = 0; s < d.view.nslots; s++)
		if (d.slot[s] != BM_NONE)
		{
			uint32_t was = d.slot[s];

			d.slot[s] = 100; /* beyond the codes */
			CHECK(!bmc_dict_valid(&d.view, 0));
			d.slot[s] = BM_NONE; /* lost */
			CHECK(!bmc_dict_valid(&d.view, 0));
			d.slot[s] = was == 0 ? 1 : was - 1; /* twice */
			CHECK(!bmc_dict_valid(&d.view, 0));
			d.slot[s] = was;
		}
	v = d.view;
	v.nslots--;
	CHECK(!bmc_dict_valid(&v, 0));
	v = d.view;
	v.n = v.nslots;
	CHECK(!bmc_dict_valid(&v, 0));
	bmc_dict_free(&d);
}

static void
test_memory(void)
{
	CASE("every refused allocation is reported and leaks nothing");
	for (long fail = 1; fail < 40; fail++)
	{
		UnitHeap h;
		BmMem *mem = unit_heap(&h);
		BmDict d;
		BmStatus status;
		uint32_t code;

		h.fail_at = fail;
		status = bmc_dict_init(&d, BM_KEY_BYTES, mem);
		for (int i = 0; status == BM_OK && i < 5000; i++)
			status = bmc_dict_put_bytes(&d, (char *) &i, sizeof(i), &code);
		CHECK(status == BM_OK || status == BM_ENOMEM);
		CHECK(status == BM_OK || h.calls >= fail);
		bmc_dict_free(&d);
		CHECK_INT(h.live, 0);
	}
}

int
main(void)
{
	test_int();
	test_bytes();
	test_order();
	test_damage();
	test_memory();
	return unit_done();
}
