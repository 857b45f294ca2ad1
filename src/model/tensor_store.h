/*
 * tensor_store.h
 *		Writing tensors and item codes of a version.
 */
#ifndef BM_TENSOR_STORE_H
#define BM_TENSOR_STORE_H

#include "model/registry.h"

/* 22000 when a weight is NaN or infinite. */
extern void bm_tensors_check_finite(const BmTensors *tensors);
extern int64 bm_tensors_bytes(const BmTensors *tensors);
/* The same data gives the same number, on every machine of one byte order. items may be NULL. */
extern uint64 bm_tensors_fingerprint(const BmTensors *tensors, const BmDictView *items);
/* Insert rows for v->model_id, v->version; SPI must be connected. */
extern void bm_tensors_insert(const BmVersion *v, const BmTensors *tensors);
extern void bm_items_insert(const BmVersion *v, const BmDictView *items, const uint32_t *count);

#endif
