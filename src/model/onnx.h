/*
 * onnx.h
 *		A bound model as a file of ONNX, for programs that run networks. Needs protobuf-c when it is
 *		built; without it onnx_none.c stands in for onnx.c and its helpers.
 */
#ifndef BM_ONNX_H
#define BM_ONNX_H

#include "model/bound.h"

/*
 * The network of a model of rows or of windows, or of a recommender of a single network, as one value.
 * version: what behav_export says of the version, JSON; items: keys of the items in the order of their
 * codes as a JSON array, or NULL. 0A000 for algorithms that have no such form.
 */
extern bytea *bm_onnx_write(const BmModel *model, const char *version, const char *items);

#endif
