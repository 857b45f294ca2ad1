/*
 * rhythm.h
 *		The week's rhythm as rows of SQL: of a state, and of a source.
 */
#ifndef BM_PATTERN_RHYTHM_H
#define BM_PATTERN_RHYTHM_H

#include "pg/zone.h"

#include "core/stat/rhythm.h"

typedef struct BmRhythm
{
	BmZone *zone;
	int64 count[BM_RHYTHM_CELLS];
	int64 first, last; /* instants of the first and last event; first > last: none */
} BmRhythm;

/* Nothing counted yet. */
extern void bm_rhythm_init(BmRhythm *r, BmZone *zone);

static inline void
bm_rhythm_add(BmRhythm *r, int64 t)
{
	r->count[bmc_rhythm_cell(bm_zone_local(r->zone, t))]++;
	r->first = Min(r->first, t);
	r->last = Max(r->last, t);
}

/* 168 rows (weekday, hour, events, share, expected, ratio); none without an event. */
extern void bm_rhythm_rows(FunctionCallInfo fcinfo, BmRhythm *r);
/* One row (events, cells, chi2, df, p_value, cramers_v, entropy, weekday, hour). */
extern void bm_rhythm_strength_row(FunctionCallInfo fcinfo, BmRhythm *r);

#endif
