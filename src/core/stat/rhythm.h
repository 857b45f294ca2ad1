/*
 * rhythm.h
 *		The rhythm of the week: events by weekday and hour, and how far they are from evenly spread.
 */
#ifndef BM_RHYTHM_H
#define BM_RHYTHM_H

#include "core/num/status.h"

#define BM_RHYTHM_CELLS 168 /* 24 * weekday + hour; weekday 0 is Monday */

typedef struct BmRhythmTest
{
	int64_t events;
	int32_t cells;   /* that the span of time touches */
	double chi2, df; /* against a rate that never changes */
	double p_value;
	double cramers_v; /* 0: even; 1: everything in the rarest cell */
	double entropy;   /* of the rates, over its maximum; 1: even */
} BmRhythmTest;

/* The cell of a local time (microseconds since 2000-01-01 00:00, a Saturday). */
extern int bmc_rhythm_cell(int64_t local);
/* Add the time that local times from..to spend in each cell, in hours. */
extern void bmc_rhythm_exposure(double *exposure, int64_t from, int64_t to);
/* Fields that need an event, or two cells, are NaN without. */
extern void bmc_rhythm_test(BmRhythmTest *out, const int64_t *count, const double *exposure);

#endif
