/*
 * encoder.h
 *		The encoder of an event model as jsonb: how keys are typed, and which behaviours exist with
 *		their weights. Item codes stand in behavmine.code.
 *
 * {"user_int": true, "item_int": true, "events": ["view", "purchase"], "event_weights": [1, 5],
 *  "purchase": [false, true], "source": "shop"}
 *
 * and, of a version trained with the option "segment": {"segment": "country", "segments": ["at", "de"]}
 */
#ifndef BM_ENCODER_H
#define BM_ENCODER_H

#include "model/bound.h"

/* event_weight, purchase: by behaviour code; a source without behaviours has one of code 0. */
extern Jsonb *bm_encoder_jsonb(bool user_int, bool item_int, const BmDictView *events,
							   const float *event_weight, const bool *purchase);
/* Fill events, event_weight, purchase and segments of model; XX001 when encoder is damaged. */
extern void bm_encoder_apply(BmModel *model, Jsonb *encoder);

#endif
