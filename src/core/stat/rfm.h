/*
 * rfm.h
 *		Recency, frequency, monetary: quintile scores and named segments.
 */
#ifndef BM_RFM_H
#define BM_RFM_H

#include "core/num/mem.h"

/*
 * score (n): 1..5, the fifth of all values that a value falls into: 1 + floor(5 c / n), c the number of values
 * below it. Equal values have equal scores; NaN counts as the lowest value.
 */
extern BmStatus bmc_quintiles(int32_t *score, const double *value, size_t n, BmMem *mem);
/* The segment of a customer with these scores, 1..5 each; table in doc/value.md. */
extern const char *bmc_rfm_segment(int recency, int worth);

#endif
