/*
 * tensor.c
 *		Lists of named tensors.
 */
#include <string.h>

#include "core/num/tensor.h"

size_t
bmc_tensor_count(const BmTensor *t)
{
	size_t n = 1;

	for (int i = 0; i < t->ndim; i++)
		n = bmc_mul(n, t->shape[i]);
	return n;
}

/* prefix + name into out (BM_TENSOR_NAME); false when it is too long. */
static bool
join(char *out, const char *prefix, const char *name)
{
	size_t p = prefix ? strlen(prefix) : 0, n = strlen(name);

	if (p + n >= BM_TENSOR_NAME)
		return false;
	if (p)
		memcpy(out, prefix, p);
	memcpy(out + p, name, n + 1);
	return true;
}

bool
bmc_tensors_add(BmTensors *set, const char *prefix, const char *name, BmDtype dtype,
				const void *data, int ndim, const size_t *shape)
{
	BmTensor *t = &set->t[set->n];

	if (set->n >= BM_MAX_TENSORS || ndim < 0 || ndim > BM_MAX_DIMS || !join(t->name, prefix, name))
		return false;
	t->dtype = dtype;
	t->ndim = ndim;
	for (int i = 0; i < ndim; i++)
		t->shape[i] = shape[i];
	t->data = data;
	set->n++;
	return true;
}

const BmTensor *
bmc_tensors_find(const BmTensors *set, const char *prefix, const char *name, BmDtype dtype,
				 int ndim, const size_t *shape)
{
	char wanted[BM_TENSOR_NAME];

	if (!join(wanted, prefix, name))
		return NULL;
	for (int i = 0; i < set->n; i++)
	{
		const BmTensor *t = &set->t[i];

		if (strcmp(t->name, wanted) != 0)
			continue;
		if (t->dtype != dtype || t->ndim != ndim)
			return NULL;
		for (int d = 0; d < ndim; d++)
			if (shape && shape[d] != 0 && shape[d] != t->shape[d])
				return NULL;
		return t;
	}
	return NULL;
}
