/* Transposition of sparse matrices; tensor lists. */
#include "unit.h"
#include "core/num/rng.h"
#include "core/num/sparse.h"
#include "core/num/tensor.h"

static void
test_transpose(void)
{
	enum
	{
		R = 40,
		C = 30
	};
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	float dense[R][C] = {{0}};
	size_t start[R + 1] = {0};
	uint32_t col[R * C];
	float value[R * C];
	BmSparse m = {R, C, start, col, value}, t, back;
	BmRng rng = bmc_rng(1, 4);

	CASE("transposed twice, a matrix is itself; rows stay ascending");
	for (size_t r = 0, n = 0; r < R; r++)
	{
		for (uint32_t c = 0; c < C; c++)
			if (bmc_rng_below(&rng, 4) == 0 && r != 7)
			{
				col[n] = c;
				dense[r][c] = value[n++] = (float) bmc_rng_normal(&rng);
			}
		start[r + 1] = n;
	}
	CHECK_INT(bmc_sparse_transpose(&t, &m, mem), BM_OK);
	CHECK(t.rows == C && t.cols == R);
	for (size_t r = 0; r < C; r++)
		for (size_t e = t.start[r]; e < t.start[r + 1]; e++)
		{
			CHECK(dense[t.col[e]][r] == t.value[e]);
			CHECK(e == t.start[r] || t.col[e - 1] < t.col[e]);
		}
	CHECK_INT(bmc_sparse_transpose(&back, &t, mem), BM_OK);
	CHECK(memcmp(back.start, start, sizeof(start)) == 0);
	CHECK(memcmp(back.col, col, start[R] * 4) == 0 && memcmp(back.value, value, start[R] * 4) == 0);
	bmc_sparse_free(&t, mem);
	bmc_sparse_free(&back, mem);
	CHECK_INT(h.live, 0);
}

static void
test_refusal(void)
{
	size_t start[3] = {0, 1, 2};
	uint32_t col[2] = {1, 0};
	BmSparse m = {2, 2, start, col, NULL}, t;

	CASE("a refused allocation leaks nothing; ones without values");
	for (long fail = 1; fail < 6; fail++)
	{
		UnitHeap h;
		BmMem *mem = unit_heap(&h);
		BmStatus status;

		h.fail_at = fail;
		status = bmc_sparse_transpose(&t, &m, mem);
		CHECK(status == BM_OK || status == BM_ENOMEM);
		if (status == BM_OK)
		{
			CHECK(t.value == NULL && t.col[0] == 1 && t.col[1] == 0);
			bmc_sparse_free(&t, mem);
		}
		CHECK_INT(h.live, 0);
	}
}

static void
test_tensors(void)
{
	static BmTensors set;
	float data[6];
	size_t shape[2] = {2, 3}, any[2] = {0, 3}, wrong[2] = {2, 2}, huge[2] = {SIZE_MAX, 2};
	char name[100];

	CASE("tensors are found by name, type and shape; lists and names have an end");
	CHECK(bmc_tensors_add(&set, "ease/", "value", BM_F32, data, 2, shape));
	CHECK(bmc_tensors_find(&set, "ease/", "value", BM_F32, 2, shape) == &set.t[0]);
	CHECK(bmc_tensors_find(&set, NULL, "ease/value", BM_F32, 2, any) == &set.t[0]);
	CHECK(bmc_tensors_find(&set, "ease/", "value", BM_F32, 2, wrong) == NULL);
	CHECK(bmc_tensors_find(&set, "ease/", "value", BM_I32, 2, shape) == NULL);
	CHECK(bmc_tensors_find(&set, "ease/", "value", BM_F32, 1, shape) == NULL);
	CHECK(bmc_tensors_find(&set, NULL, "value", BM_F32, 2, shape) == NULL);
	CHECK_INT(bmc_tensor_count(&set.t[0]), 6);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	CHECK(!bmc_tensors_add(&set, NULL, name, BM_F32, data, 2, shape));
	for (int i = 1; i < BM_MAX_TENSORS; i++)
	{
		snprintf(name, sizeof(name), "t%d", i);
		CHECK(bmc_tensors_add(&set, NULL, name, BM_F32, data, 2, i == 5 ? huge : shape));
	}
	CHECK(bmc_tensor_count(&set.t[5]) == SIZE_MAX);
	CHECK(!bmc_tensors_add(&set, NULL, "one more", BM_F32, data, 2, shape));
}

int
main(void)
{
	test_transpose();
	test_refusal();
	test_tensors();
	return unit_done();
}
