/*
 * survival.h
 *		Survival curves as rows of SQL: of a state, and of a source.
 */
#ifndef BM_PATTERN_SURVIVAL_H
#define BM_PATTERN_SURVIVAL_H

#include "pg/pg.h"

#include "core/stat/chi2.h"
#include "core/stat/survival.h"

/* Normal quantile of a two-sided band; 22023 unless 0 < confidence < 1. */
extern double bm_survival_z(double confidence);
/*
 * Rows (t, at_risk, events, censored, survival, std_error, low, high[, breakdown]) of n lives in
 * ascending order; what is not finite is NULL, as breakdown may be.
 */
extern void bm_survival_rows(FunctionCallInfo fcinfo, const BmLifetimes *lives, size_t n, double z,
							 const char *breakdown, bool has_breakdown);

#endif
