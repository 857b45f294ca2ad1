/*
 * tensor.h
 *		Named arrays of float32 or int32: what a fit produces, what is stored in behavmine.tensor,
 *		and what a bound model reads (from memory or from a mapped file). The owner of the data is
 *		whoever made the list.
 */
#ifndef BM_TENSOR_H
#define BM_TENSOR_H

#include "core/num/mem.h"

#define BM_TENSOR_NAME 64
#define BM_MAX_TENSORS 256
#define BM_MAX_DIMS 4

typedef enum BmDtype
{
	BM_F32 = 1,
	BM_I32 = 2
} BmDtype;

typedef struct BmTensor
{
	char name[BM_TENSOR_NAME]; /* "block0.wq"; components of a blend: "ease/weight" */
	BmDtype dtype;
	int ndim;
	size_t shape[BM_MAX_DIMS];
	const void *data; /* float or int32_t, 64-byte aligned where it matters */
} BmTensor;

typedef struct BmTensors
{
	int n;
	BmTensor t[BM_MAX_TENSORS];
} BmTensors;

extern size_t bmc_tensor_count(const BmTensor *t); /* elements, SIZE_MAX on overflow */
/* Append; false when full or the name is too long. prefix may be NULL ("ease/"). */
extern bool bmc_tensors_add(BmTensors *set, const char *prefix, const char *name, BmDtype dtype,
							const void *data, int ndim, const size_t *shape);
/* By name (after prefix, which may be NULL), with this type and shape (0 = any size); NULL if absent or different. */
extern const BmTensor *bmc_tensors_find(const BmTensors *set, const char *prefix, const char *name,
										BmDtype dtype, int ndim, const size_t *shape);

#endif
