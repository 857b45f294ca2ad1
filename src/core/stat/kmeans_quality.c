/*
 * kmeans_quality.c
 *		How good a grouping is: silhouette, gap statistic, adjusted Rand index.
 */
#include <math.h>
#include <string.h>

#include "core/num/rng.h"
#include "core/stat/kmeans_nearest.h"

/* ---- silhouette ---- */

typedef struct Silhouette
{
	const float *x;
	const uint32_t *label;
	size_t n, d, k;
	const size_t *size; /* (k) */
	double *distance;   /* (threads, k) */
	float *each;        /* (n) */
} Silhouette;

static void
silhouette_task(void *arg, size_t task, int worker)
{
	Silhouette *s = arg;
	double *sum = s->distance + (size_t) worker * s->k, own, other = INFINITY;
	uint32_t mine = s->label[task];

	s->each[task] = 0;
	if (s->size[mine] < 2)
		return;
	memset(sum, 0, s->k * sizeof(double));
	for (size_t i = 0; i < s->n; i++)
		sum[s->label[i]] += sqrt(bmc_square_distance(s->x + task * s->d, s->x + i * s->d, s->d));
	own = sum[mine] / (double) (s->size[mine] - 1);
	for (size_t c = 0; c < s->k; c++)
		if (c != mine && s->size[c] > 0 && sum[c] / (double) s->size[c] < other)
			other = sum[c] / (double) s->size[c];
	if (own != other)
		s->each[task] = (float) ((other - own) / (own > other ? own : other));
}

BmStatus
bmc_silhouette(double *mean, float *each, const float *x, const uint32_t *label, size_t n, size_t d,
			   size_t k, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	size_t threads = pool ? (size_t) bmc_pool_threads(pool) : 1, groups = 0;
	size_t *size = bmc_alloc0(mem, k ? k : 1, sizeof(size_t));
	double *distance = bmc_alloc(mem, bmc_mul(threads, k ? k : 1), sizeof(double));
	float *room = each ? NULL : bmc_alloc(mem, n ? n : 1, sizeof(float));
	Silhouette s = {x, label, n, d, k, size, distance, each ? each : room};
	BmStatus status = size && distance && s.each ? BM_OK : BM_ENOMEM;

	*mean = NAN;
	for (size_t i = 0; status == BM_OK && i < n; i++)
		groups += size[label[i]]++ == 0;
	if (status == BM_OK && groups >= 2)
	{
		status = bmc_pool_run(pool, silhouette_task, &s, n, stop);
		*mean = 0;
		for (size_t i = 0; i < n; i++)
			*mean += s.each[i] / (double) n;
	}
	bmc_free(mem, room);
	bmc_free(mem, distance);
	bmc_free(mem, size);
	return status;
}

/* ---- gap ---- */

static void
spread_evenly(float *to, const float *low, const float *high, size_t n, size_t d, BmRng *rng)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < d; j++)
			*to++ = low[j] + bmc_rng_float(rng) * (high[j] - low[j]);
}

static void
box_of(float *low, float *high, const float *x, size_t n, size_t d)
{
	memcpy(low, x, d * sizeof(float));
	memcpy(high, x, d * sizeof(float));
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < d; j++)
		{
			low[j] = fminf(low[j], x[i * d + j]);
			high[j] = fmaxf(high[j], x[i * d + j]);
		}
}

/* Log of the inertia with 1..most groups. */
static BmStatus
log_inertia(double *out, const float *x, size_t n, size_t d, size_t most, const BmKmeansOptions *o,
			uint64_t seed, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	BmStatus status = BM_OK;

	for (size_t k = 1; status == BM_OK && k <= most; k++)
	{
		BmKmeansOptions with = *o;
		BmKmeans got;

		with.k = k;
		status = bmc_kmeans(&got, x, n, d, &with, seed, pool, mem, stop);
		if (status != BM_OK)
			break;
		out[k - 1] = log(got.inertia > 0 ? got.inertia : 1e-300);
		bmc_kmeans_free(&got, mem);
	}
	return status;
}

/* Mean and deviation of the references' logs, taken up one by one. */
static void
take_up(double *mean, double *squares, const double *value, size_t most, int count)
{
	for (size_t k = 0; k < most; k++)
	{
		double delta = value[k] - mean[k];

		mean[k] += delta / count;
		squares[k] += delta * (value[k] - mean[k]);
	}
}

BmStatus
bmc_gap(double *gap, double *se, const float *x, size_t n, size_t d, size_t most, int references,
		const BmKmeansOptions *o, uint64_t seed, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	float *even = bmc_alloc(mem, bmc_mul(n, d), sizeof(float));
	float *box = bmc_alloc(mem, bmc_mul(2, d), sizeof(float));
	double *value = bmc_alloc(mem, most, sizeof(double));
	BmStatus status = even && box && value && n > 0 ? BM_OK : BM_ENOMEM;

	memset(gap, 0, most * sizeof(double));
	memset(se, 0, most * sizeof(double));
	if (status == BM_OK)
		box_of(box, box + d, x, n, d);
	for (int r = 1; status == BM_OK && r <= references; r++)
	{
		BmRng rng = bmc_rng(seed, UINT64_C(0x67617000) + (uint64_t) r);

		spread_evenly(even, box, box + d, n, d, &rng);
		status = log_inertia(value, even, n, d, most, o, seed, pool, mem, stop);
		if (status == BM_OK)
			take_up(gap, se, value, most, r);
	}
	if (status == BM_OK)
		status = log_inertia(value, x, n, d, most, o, seed, pool, mem, stop);
	for (size_t k = 0; status == BM_OK && k < most; k++)
	{
		gap[k] -= value[k];
		se[k] = sqrt(se[k] / references) * sqrt(1 + 1.0 / references);
	}
	bmc_free(mem, value);
	bmc_free(mem, box);
	bmc_free(mem, even);
	return status;
}

size_t
bmc_gap_best(const double *gap, const double *se, size_t most)
{
	for (size_t k = 0; k + 1 < most; k++)
		if (gap[k] >= gap[k + 1] - se[k + 1])
			return k + 1;
	return most;
}

/* ---- two groupings ---- */

static double
pairs(double n)
{
	return n * (n - 1) / 2;
}

double
bmc_adjusted_rand(const uint32_t *a, size_t ka, const uint32_t *b, size_t kb, size_t n,
				  double *scratch)
{
	double *table = scratch, *rows = table + ka * kb, *columns = rows + ka;
	double both = 0, in_a = 0, in_b = 0, expected, most;

	if (n < 2)
		return NAN;
	memset(scratch, 0, (ka * kb + ka + kb) * sizeof(double));
	for (size_t i = 0; i < n; i++)
	{
		table[a[i] * kb + b[i]] += 1;
		rows[a[i]] += 1;
		columns[b[i]] += 1;
	}
	for (size_t i = 0; i < ka * kb; i++)
		both += pairs(table[i]);
	for (size_t i = 0; i < ka; i++)
		in_a += pairs(rows[i]);
	for (size_t i = 0; i < kb; i++)
		in_b += pairs(columns[i]);
	expected = in_a * in_b / pairs((double) n);
	most = (in_a + in_b) / 2;
	return most == expected ? 1.0 : (both - expected) / (most - expected);
}
