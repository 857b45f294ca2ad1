/*
 * network_json.h
 *		Networks as JSON: {"layers": [{"type": "dense", "units": 10}, ...]}.
 */
#ifndef BM_NETWORK_JSON_H
#define BM_NETWORK_JSON_H

#include "pg/pg.h"
#include "utils/jsonb.h"

#include "core/nn/predict_network.h"

/*
 * Fill spec from an array of layers. 22023 names the layer, the key or the type that is wrong, and the
 * nearest right one; shapes are checked later, when the features are known.
 */
extern void bm_network_spec(BmNetworkSpec *spec, Jsonb *layers);

#endif
