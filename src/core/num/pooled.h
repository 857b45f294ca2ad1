/*
 * pooled.h
 *		Windows of rows as one row each, for predictors that take rows: the newest row, the one before it,
 *		and the mean of all.
 */
#ifndef BM_POOLED_H
#define BM_POOLED_H

#include "core/num/predictor.h"

#define BM_POOLED_ROWS 3 /* the row is so many times as wide */

/*
 * x (BM_POOLED_ROWS * s->width), code (s->ncodes): sample i of s; codes are those of the newest row. A window
 * of one row has zeros for the row before it.
 */
extern void bmc_pool_window(float *x, uint32_t *code, const BmSamples *s, size_t i);
/*
 * Back: share (rows, width + ncodes) of the window from that of its pooled row (BM_POOLED_ROWS * width +
 * ncodes). What the mean has is dealt to the rows evenly, for each is the same part of it.
 */
extern void bmc_pooled_share(float *share, const float *pooled, size_t rows, size_t width,
							 size_t ncodes);

#endif
