/*
 * start.c
 *		Taking over the weights of an earlier fit: warm starts of factors and networks.
 */
#include <string.h>

#include "core/num/fit.h"

bool
bmc_start_items(float *out, const BmFitStart *start, const char *name, size_t nitems, size_t D)
{
	size_t shape[2] = {start->nitems, D};
	const BmTensor *t = bmc_tensors_find(start->tensors, start->prefix, name, BM_F32, 2, shape);
	const float *row;

	if (t == NULL)
		return false;
	row = t->data;
	for (size_t i = 0; i < nitems; i++)
	{
		size_t old = start->item ? start->item[i] : i;

		if (!bmc_start_is_new(start, i) && old < start->nitems)
			memcpy(out + i * D, row + old * D, D * sizeof(float));
	}
	return true;
}

bool
bmc_start_copy(float *out, const BmFitStart *start, const char *name, int ndim, const size_t *shape)
{
	const BmTensor *t = bmc_tensors_find(start->tensors, start->prefix, name, BM_F32, ndim, shape);

	if (t == NULL)
		return false;
	memcpy(out, t->data, bmc_tensor_count(t) * sizeof(float));
	return true;
}
