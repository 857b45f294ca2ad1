/*
 * quantile.h
 *		Exact quantiles by selection, and a summary of numbers from which they can be read within a bound
 *		whatever order the numbers came in.
 *
 * The summary: values with their counts, exact while there are at most BM_SKETCH_MOST different
 * values. Beyond, low bits of all values are dropped, as few as it takes ("level"): a bucket is then a
 * range of relative width 2^(level-52), as in DDSketch (Masson, Rim and Lee 2019) with the buckets of
 * the floating-point format itself. The level depends on the values alone: any part of them needs no
 * higher level than all of them, so the order of adding and merging cannot be seen in the result.
 */
#ifndef BM_QUANTILE_H
#define BM_QUANTILE_H

#include "core/num/status.h"

/*
 * Quantiles p (np, ascending, in [0,1]) of v (n >= 1; is reordered): linear between the two nearest
 * values, as percentile_cont (type 7 of Hyndman and Fan 1996). BM_OK, BM_ESTOP.
 */
extern BmStatus bmc_quantiles(double *out, const double *p, size_t np, double *v, size_t n,
							  const BmStop *stop);

#define BM_SKETCH_MOST 1024
#define BM_SKETCH_LEVELS 63

/* A value's bucket; signed order of buckets is that of values. */
typedef struct BmSketchEntry
{
	int64_t bucket;
	uint64_t count;
} BmSketchEntry;

extern int64_t bmc_sketch_bucket(double x, int level);
/* The middle of a bucket; at level 0 the value itself. */
extern double bmc_sketch_value(int64_t bucket, int level);
/*
 * Unite equal buckets of e (n, sorted), raising level until at most BM_SKETCH_MOST are left: how many.
 */
extern size_t bmc_sketch_unite(BmSketchEntry *e, size_t n, int *level);
/* Quantile p of the values in e (n >= 1, united); a bucket's value is its middle, within lo and hi. */
extern double bmc_sketch_quantile(const BmSketchEntry *e, size_t n, int level, double p, double lo,
								  double hi);
/* Largest relative error of a value; 0 at level 0. */
extern double bmc_sketch_error(int level);

#endif
