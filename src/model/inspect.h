/*
 * inspect.h
 *		Rows of behav_summary.
 */
#ifndef BM_INSPECT_H
#define BM_INSPECT_H

#include "model/registry.h"

/* One row: part, shape (ndim; NULL: none), parameters, bytes, note (or NULL). */
extern void bm_summary_part(FunctionCallInfo fcinfo, const char *part, const int32 *shape, int ndim,
							int64 parameters, int64 bytes, const char *note);
/*
 * A row for each layer of a network over rows: the shape of its answer, its parameters, the memory of a
 * batch in training. Nothing of other versions.
 */
extern void bm_summary_layers(FunctionCallInfo fcinfo, const BmVersion *v,
							  const BmTensors *tensors);

#endif
