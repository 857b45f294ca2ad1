/*
 * quantile.c
 *		Quantiles: selection (Hoare 1961) on all values, and the summary of quantile.h.
 */
#include <math.h>
#include <string.h>

#include "core/stat/quantile.h"

#define INSERTION 16
#define POLL_VALUES 65536 /* partitions of fewer values are not worth a question to stop */

static inline void
swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

/* The median of three goes to *b. */
static void
median_to_middle(double *a, double *b, double *c)
{
	if (*b < *a)
		swap(a, b);
	if (*c < *b)
		swap(b, c);
	if (*b < *a)
		swap(a, b);
}

/*
 * Put the k-th smallest of v[lo..hi] at k, nothing larger before it, nothing smaller after it. The pivot
 * is the median of three medians of three: linear but for inputs made against it.
 */
static BmStatus
select_kth(double *v, size_t lo, size_t hi, size_t k, const BmStop *stop)
{
	while (hi - lo >= INSERTION)
	{
		size_t step = (hi - lo) / 8, mid = lo + 4 * step, i = lo, j = hi;
		double pivot;

		if (hi - lo >= POLL_VALUES && bmc_stop(stop))
			return BM_ESTOP;
		median_to_middle(&v[lo], &v[lo + step], &v[lo + 2 * step]);
		median_to_middle(&v[lo + 3 * step], &v[mid], &v[lo + 5 * step]);
		median_to_middle(&v[lo + 6 * step], &v[lo + 7 * step], &v[hi]);
		median_to_middle(&v[lo + step], &v[mid], &v[lo + 7 * step]);
		pivot = v[mid];
		for (;;)
		{
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i > j)
				break;
			swap(&v[i], &v[j]);
			i++;
			if (j == 0)
				break;
			j--;
		}
		if (k <= j)
			hi = j;
		else if (k >= i)
			lo = i;
		else
			return BM_OK;
	}
	for (size_t a = lo + 1; a <= hi; a++)
		for (size_t b = a; b > lo && v[b] < v[b - 1]; b--)
			swap(&v[b], &v[b - 1]);
	return BM_OK;
}

static inline double
between(double low, double high, double fraction)
{
	return fraction > 0 ? low + (high - low) * fraction : low;
}

BmStatus
bmc_quantiles(double *out, const double *p, size_t np, double *v, size_t n, const BmStop *stop)
{
	size_t from = 0;

	for (size_t q = 0; q < np; q++)
	{
		double rank = p[q] * (double) (n - 1);
		size_t k = (size_t) rank;
		double next;

		if (select_kth(v, from < k ? from : k, n - 1, k, stop) != BM_OK)
			return BM_ESTOP;
		next = v[k];
		if (k + 1 < n) /* the least of what is not smaller */
		{
			next = v[k + 1];
			for (size_t i = k + 2; i < n; i++)
				next = v[i] < next ? v[i] : next;
		}
		out[q] = between(v[k], next, rank - (double) k);
		from = k;
	}
	return BM_OK;
}

/* ---- the summary ---- */

static int64_t
order_of(uint64_t bits)
{
	return bits >> 63 ? (int64_t) (bits ^ INT64_MAX) : (int64_t) bits;
}

static double
value_of(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* Drop the low bits of the magnitude: towards zero on both sides. */
static int64_t
coarser(int64_t bucket, int level)
{
	uint64_t low = (UINT64_C(1) << level) - 1;

	return bucket < 0 ? (int64_t) ((uint64_t) bucket | low) : (int64_t) ((uint64_t) bucket & ~low);
}

int64_t
bmc_sketch_bucket(double x, int level)
{
	uint64_t bits;

	x += 0.0; /* no negative zero */
	memcpy(&bits, &x, sizeof(bits));
	return coarser(order_of(bits), level);
}

double
bmc_sketch_value(int64_t bucket, int level)
{
	uint64_t low = (UINT64_C(1) << level) - 1;
	uint64_t near = bucket < 0 ? (uint64_t) bucket ^ INT64_MAX : (uint64_t) bucket;
	double inner = value_of(near), outer = value_of(near | low);

	/* zero stays zero, and what shares its bucket is nearly that */
	return inner != 0 && isfinite(outer) ? inner / 2 + outer / 2 : inner;
}

size_t
bmc_sketch_unite(BmSketchEntry *e, size_t n, int *level)
{
	for (;;)
	{
		size_t kept = 0;

		for (size_t i = 0; i < n; i++)
		{
			int64_t bucket = coarser(e[i].bucket, *level);

			if (kept > 0 && e[kept - 1].bucket == bucket)
				e[kept - 1].count += e[i].count;
			else
				e[kept++] = (BmSketchEntry){bucket, e[i].count};
		}
		n = kept;
		if (n <= BM_SKETCH_MOST || *level >= BM_SKETCH_LEVELS)
			return n;
		(*level)++;
	}
}

double
bmc_sketch_quantile(const BmSketchEntry *e, size_t n, int level, double p, double lo, double hi)
{
	uint64_t total = 0, before = 0, k;
	double rank, value[2];
	int found = 0;

	for (size_t i = 0; i < n; i++)
		total += e[i].count;
	rank = p * (double) (total - 1);
	k = (uint64_t) rank;
	value[0] = value[1] = hi;
	for (size_t i = 0; i < n && found < 2; i++)
	{
		before += e[i].count;
		while (found < 2 && k + (uint64_t) found < before)
			value[found++] = fmin(fmax(bmc_sketch_value(e[i].bucket, level), lo), hi);
	}
	return between(value[0], value[1], rank - (double) k);
}

double
bmc_sketch_error(int level)
{
	if (level == 0)
		return 0;
	if (level <= 52)
		return ldexp(1, level - 53);
	return ldexp(1, (1 << (level < 62 ? level - 52 : 10)) - 1);
}
