/* The counting allocator and the arena: limits, alignment, overflow. */
#include "unit.h"

static void
test_limit(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	void *a, *b;

	CASE("the limit refuses, and what is given back counts again");
	mem->limit = 4096;
	a = bmc_alloc(mem, 1000, 1);
	CHECK(a != NULL && mem->used >= 1000 && mem->used <= 1200);
	CHECK(bmc_alloc(mem, 4000, 1) == NULL);
	b = bmc_alloc0(mem, 100, 8);
	for (int i = 0; i < 800; i++)
		CHECK(((char *) b)[i] == 0);
	bmc_free(mem, a);
	a = bmc_alloc(mem, 2500, 1);
	CHECK(a != NULL);
	CHECK(mem->peak >= mem->used);
	bmc_free(mem, a);
	bmc_free(mem, b);
	bmc_free(mem, NULL);
	CHECK_INT(mem->used, 0);
	CHECK_INT(h.live, 0);
}

static void
test_overflow(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);

	CASE("sizes that overflow are refused before anything is asked");
	CHECK(bmc_alloc(mem, SIZE_MAX / 2, 3) == NULL);
	CHECK(bmc_alloc(mem, SIZE_MAX, 1) == NULL);
	CHECK_INT(h.calls, 0);
	CHECK(bmc_mul(SIZE_MAX, 2) == SIZE_MAX && bmc_mul(SIZE_MAX, 0) == 0);
	CHECK(bmc_add(SIZE_MAX, 1) == SIZE_MAX && bmc_add(3, 4) == 7);
	CHECK(bmc_take_size(SIZE_MAX / 4, 8) == SIZE_MAX);
}

static void
test_realloc(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	uint32_t *a = bmc_realloc(mem, NULL, 10, 4), *b;

	CASE("realloc keeps the content; a refused one keeps the block");
	for (uint32_t i = 0; i < 10; i++)
		a[i] = i;
	a = bmc_realloc(mem, a, 1000, 4);
	for (uint32_t i = 0; i < 10; i++)
		CHECK_INT(a[i], i);
	CHECK((uintptr_t) a % 64 == 0);
	h.fail_at = h.calls + 1;
	b = bmc_realloc(mem, a, 100000, 4);
	CHECK(b == NULL && a[9] == 9);
	bmc_free(mem, a);
	CHECK_INT(mem->used, 0);
}

static void
test_arena(void)
{
	static char block[1024] __attribute__((aligned(64)));
	BmArena arena = {block, sizeof(block), 0};
	char *a = bmc_take(&arena, 3, 1), *b = bmc_take(&arena, 10, 8);

	CASE("an arena hands out aligned, disjoint pieces and refuses beyond its end");
	CHECK((uintptr_t) a % 64 == 0 && (uintptr_t) b % 64 == 0 && b >= a + 3);
	CHECK_INT(arena.used, bmc_take_size(3, 1) + bmc_take_size(10, 8));
	CHECK(bmc_take(&arena, 1024, 1) == NULL);
	CHECK(bmc_take(&arena, SIZE_MAX, 8) == NULL);
	CHECK(bmc_take(&arena, 64, 1) != NULL);
}

static void
test_counting(void)
{
	BmArena arena = BM_COUNTING_ARENA;

	CASE("an arena without a base adds up, and knows when a sum overflows");
	CHECK(bmc_take(&arena, 3, 1) == NULL && bmc_take(&arena, 10, 8) == NULL);
	CHECK_INT(arena.used, bmc_take_size(3, 1) + bmc_take_size(10, 8));
	CHECK(bmc_take(&arena, SIZE_MAX, 8) == NULL && arena.used == SIZE_MAX);
	CHECK(bmc_take(&arena, 1, 1) == NULL && arena.used == SIZE_MAX);
}

int
main(void)
{
	test_limit();
	test_overflow();
	test_realloc();
	test_arena();
	test_counting();
	return unit_done();
}
