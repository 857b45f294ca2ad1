/*
 * column_stats.h
 *		States of the aggregates over columns, as what an encoder is fitted on.
 */
#ifndef BM_COLUMN_STATS_H
#define BM_COLUMN_STATS_H

#include "pg/flat.h"
#include "core/stat/frame.h"

/*
 * A column of frame f from a state in its text form: up to f->capacity rows that are spread as the state's
 * are, missing ones last. The rows that the state has seen.
 */
extern int64 bm_column_state_rows(const char *state);
extern void bm_column_state_fill(BmColumn *column, size_t rows, const char *state);
extern int64 bm_category_state_rows(const char *state);
extern BmStatus bm_category_state_fill(BmColumn *column, size_t rows, const char *state);

/* Rows that are kept of total, up to and with the one of rank before + count: for a spread of rows. */
static inline size_t
bm_spread(uint64 upto, int64 total, size_t rows)
{
	return total <= (int64) rows ? (size_t) upto
								 : (size_t) ((double) upto * (double) rows / (double) total + 0.5);
}

/* Is it the text form of a state of the other kind? */
extern bool bm_is_category_state(const char *state);

#endif
