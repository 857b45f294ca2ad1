/*
 * onnx_parts.h
 *		The networks of the core as graphs of ONNX.
 */
#ifndef BM_ONNX_PARTS_H
#define BM_ONNX_PARTS_H

#include "core/nn/network_state.h"
#include "core/nn/next_item_state.h"
#include "model/onnx_graph.h"

/*
 * Inputs "features" (batch[, steps], width) and "codes" (batch[, steps], codes), whichever there are; answers
 * the name of the value (batch, width) that the network gives: probabilities that sum to 1, or one number.
 */
extern const char *bm_onnx_network(BmOnnxGraph *g, const BmNetworkBound *b);
/*
 * Input "items" (batch, steps), codes of the newest items, the newest last; answers the name of the scores
 * (batch, items). NULL when the network has no such form here.
 */
extern const char *bm_onnx_next_item(BmOnnxGraph *g, const BmNextBound *b);

#endif
