/*
 * tensor_test.c
 *		Lists of tensors: counts that overflow, names that are too long, lists that are full, look-ups
 *		that must fail on type and shape.
 */
#include "core/num/tensor.h"
#include "unit.h"

static void
count(void)
{
	BmTensor t = {.ndim = 0};

	CASE("tensor count: scalar, product, zero, overflow");
	CHECK_INT(bmc_tensor_count(&t), 1);
	t.ndim = 3;
	t.shape[0] = 2, t.shape[1] = 3, t.shape[2] = 5;
	CHECK_INT(bmc_tensor_count(&t), 30);
	t.shape[1] = 0;
	CHECK_INT(bmc_tensor_count(&t), 0);
	t.shape[0] = t.shape[1] = SIZE_MAX / 2;
	CHECK(bmc_tensor_count(&t) == SIZE_MAX);
}

static void
look_up(BmTensors *set)
{
	static const float weight[6];
	size_t shape[] = {2, 3}, any[] = {0, 3}, other[] = {3, 2};
	const BmTensor *t;

	CASE("tensors are found by prefix, name, type and shape, and not otherwise");
	set->n = 0;
	CHECK(bmc_tensors_add(set, "ease/", "weight", BM_F32, weight, 2, shape));
	t = bmc_tensors_find(set, NULL, "ease/weight", BM_F32, 2, shape);
	CHECK(t == &set->t[0] && t->data == weight);
	CHECK(bmc_tensors_find(set, "ease/", "weight", BM_F32, 2, any) == t);
	CHECK(bmc_tensors_find(set, "ease/", "weight", BM_F32, 2, NULL) == t);
	CHECK(bmc_tensors_find(set, "ease/", "weight", BM_F32, 2, other) == NULL);
	CHECK(bmc_tensors_find(set, "ease/", "weight", BM_F32, 1, shape) == NULL);
	CHECK(bmc_tensors_find(set, "ease/", "weight", BM_I32, 2, shape) == NULL);
	CHECK(bmc_tensors_find(set, NULL, "weight", BM_F32, 2, shape) == NULL);
}

static void
limits(BmTensors *set)
{
	char name[BM_TENSOR_NAME + 1];
	size_t shape[BM_MAX_DIMS] = {1, 1, 1, 1};

	CASE("tensors refuse long names, too many dimensions, and more than the list holds");
	set->n = 0;
	memset(name, 'x', sizeof(name));
	name[BM_TENSOR_NAME] = '\0';
	CHECK(!bmc_tensors_add(set, NULL, name, BM_I32, NULL, 1, shape));
	CHECK(bmc_tensors_find(set, NULL, name, BM_I32, 1, shape) == NULL);
	name[BM_TENSOR_NAME - 1] = '\0';
	CHECK(!bmc_tensors_add(set, "p", name, BM_I32, NULL, 1, shape));
	CHECK(!bmc_tensors_add(set, NULL, "t", BM_I32, NULL, BM_MAX_DIMS + 1, shape));
	CHECK(!bmc_tensors_add(set, NULL, "t", BM_I32, NULL, -1, shape));
	CHECK_INT(set->n, 0);
	CHECK(bmc_tensors_add(set, NULL, name, BM_I32, NULL, BM_MAX_DIMS, shape));
	while (set->n < BM_MAX_TENSORS)
		if (!bmc_tensors_add(set, NULL, "t", BM_I32, NULL, 0, NULL))
			break;
	CHECK_INT(set->n, BM_MAX_TENSORS);
	CHECK(!bmc_tensors_add(set, NULL, "t", BM_I32, NULL, 0, NULL));
	CHECK_INT(set->n, BM_MAX_TENSORS);
}

int
main(void)
{
	static BmTensors set;

	count();
	look_up(&set);
	limits(&set);
	return unit_done();
}
