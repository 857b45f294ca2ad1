/*
 * behaviour.h
 *		What a behaviour's name says: how much it tells about taste, and whether money was spent.
 */
#ifndef BM_BEHAVIOUR_H
#define BM_BEHAVIOUR_H

#include "event/source.h"

/* The behaviour of rows whose event column is NULL or empty. */
#define BM_NO_BEHAVIOUR "unknown"

typedef struct BmBehaviour
{
	float weight; /* >= 0; views are 1 */
	bool purchase;
	bool ignored;
} BmBehaviour;

/* From the source's options, else by name. Checks the options' shape: 22023. */
extern BmBehaviour bm_behaviour(const BmSourceOptions *options, const char *name);
/* 22023 when event_weights, purchase_events, ignore_events, min_time or max_time is malformed. */
extern void bm_source_options_check(const BmSourceOptions *options);
/* An option's time; PG_INT64_MIN and PG_INT64_MAX for NULL are the caller's. 22007 as the server. */
extern int64 bm_option_time(const char *text);

#endif
