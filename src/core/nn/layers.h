/*
 * layers.h
 *		Every type of layer, one file a subject, and rules of shapes that several share.
 */
#ifndef BM_LAYERS_H
#define BM_LAYERS_H

#include "core/nn/conv2d.h"
#include "core/nn/layer.h"

extern const BmLayerType bmc_layer_dense;
extern const BmLayerType bmc_layer_embedding, bmc_layer_position, bmc_layer_tokens;
extern const BmLayerType bmc_layer_conv2d, bmc_layer_conv1d;
extern const BmLayerType bmc_layer_max_pool2d, bmc_layer_average_pool2d;
extern const BmLayerType bmc_layer_global_max_pool, bmc_layer_global_average_pool;
extern const BmLayerType bmc_layer_relu, bmc_layer_gelu, bmc_layer_silu;
extern const BmLayerType bmc_layer_sigmoid, bmc_layer_tanh, bmc_layer_softmax;
extern const BmLayerType bmc_layer_layer_norm, bmc_layer_batch_norm, bmc_layer_dropout;
extern const BmLayerType bmc_layer_attention, bmc_layer_gru, bmc_layer_lstm;
extern const BmLayerType bmc_layer_add, bmc_layer_concat, bmc_layer_flatten, bmc_layer_map;
extern const BmLayerType bmc_layer_last;

/* Can this conv2d do the relu and the 2x2 max-pool after it in the same sweep? */
extern bool bmc_layer_conv2d_fuses(const BmLayer *l);
/* What a conv2d or conv1d does; a vector or (length, channels) counts as a map of one row. */
extern BmConv2d bmc_layer_conv_geometry(const BmLayer *l);
/* The answer has the input's shape. */
extern bool bmc_shape_same(BmLayer *l, int inputs, BmShapeFault *fault);
/* The same, for vectors only. */
extern bool bmc_shape_vectors(BmLayer *l, int inputs, BmShapeFault *fault);

#endif
