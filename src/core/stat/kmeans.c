/*
 * kmeans.c
 *		Lloyd's algorithm and mini-batches.
 */
#include <math.h>
#include <string.h>

#include "core/num/rng.h"
#include "core/stat/kmeans_nearest.h"

#define SHARDS 64           /* at most; a function of the rows alone */
#define SHARD_ROWS 4096     /* at least, but for the last */
#define START_ROWS 32768    /* more rows are started from the best groups of so many of them */
#define BATCH_STOP_AFTER 10 /* mini-batches without a better smoothed inertia */

typedef struct Shard
{
	double *sum; /* (k,d) */
	double *n;   /* (k) */
	double inertia;
	size_t changed, farthest;
	float farthest_distance;
} Shard;

typedef struct Work
{
	const float *x;
	size_t n, d, k;
	const BmKmeansOptions *o;
	BmPool *pool;
	const BmStop *stop;
	BmRng rng;
	size_t shards;
	Shard shard[SHARDS];
	float *centre;   /* (k,d) */
	float *panel;    /* the centres as bmc_nearest wants them */
	uint32_t *label; /* (n) */
	float *distance; /* (n) */
	double *sums;    /* (SHARDS, k, d + 1) */
	float *closest;  /* (n) squared distance to the nearest centre so far */
	float *trial;    /* (2, n) */
	int iterations;
	bool converged;
} Work;

static size_t
shards_of(size_t n)
{
	size_t shards = (n + SHARD_ROWS - 1) / SHARD_ROWS;

	return shards > SHARDS ? SHARDS : shards;
}

static size_t
shard_start(const Work *w, size_t shard)
{
	return w->n * shard / w->shards;
}

static BmStatus
run(Work *w, BmTask task)
{
	return bmc_pool_run(w->pool, task, w, w->shards, w->stop);
}

/* ---- the start ---- */

static size_t
candidates_of(size_t k)
{
	return 2 + (size_t) log((double) k); /* as scikit-learn: greedy k-means++ */
}

static const float *
row_of(const Work *w, size_t i)
{
	return w->x + i * w->d;
}

/* A row with probability in proportion to its closest distance; BM_NONE when all are 0. */
static size_t
draw_far(Work *w, double total)
{
	double u = bmc_rng_double(&w->rng) * total, sum = 0;
	size_t last = SIZE_MAX;

	for (size_t i = 0; i < w->n; i++)
	{
		if (!(w->closest[i] > 0))
			continue;
		sum += w->closest[i];
		last = i;
		if (sum > u)
			return i;
	}
	return last;
}

/* Distances of all rows to a candidate, at most closest; their sum. */
static double
try_candidate(const Work *w, float *out, size_t candidate)
{
	double total = 0;

	for (size_t i = 0; i < w->n; i++)
	{
		float d = bmc_square_distance(row_of(w, i), row_of(w, candidate), w->d);

		out[i] = d < w->closest[i] ? d : w->closest[i];
		total += out[i];
	}
	return total;
}

/* The best of a few candidates becomes centre c; false when every row lies on a centre already. */
static bool
add_centre(Work *w, size_t c, double *total)
{
	size_t best = SIZE_MAX;
	double best_total = INFINITY;

	for (size_t t = 0; t < candidates_of(w->o->k); t++)
	{
		size_t candidate = draw_far(w, *total);
		float *to = w->trial + (best == SIZE_MAX ? 0 : w->n);
		double after;

		if (candidate == SIZE_MAX)
			return false;
		after = try_candidate(w, to, candidate);
		if (after < best_total)
		{
			if (to != w->trial)
				memcpy(w->trial, to, w->n * sizeof(float));
			best = candidate;
			best_total = after;
		}
	}
	memcpy(w->closest, w->trial, w->n * sizeof(float));
	memcpy(w->centre + c * w->d, row_of(w, best), w->d * sizeof(float));
	*total = best_total;
	return true;
}

static BmStatus
start(Work *w)
{
	double total = 0;

	memcpy(w->centre, row_of(w, bmc_rng_below(&w->rng, (uint32_t) w->n)), w->d * sizeof(float));
	for (size_t i = 0; i < w->n; i++)
	{
		w->closest[i] = bmc_square_distance(row_of(w, i), w->centre, w->d);
		total += w->closest[i];
	}
	for (w->k = 1; w->k < w->o->k; w->k++)
	{
		if (bmc_stop(w->stop))
			return BM_ESTOP;
		if (!add_centre(w, w->k, &total))
			break;
	}
	return BM_OK;
}

/* ---- one iteration ---- */

static void
assign_task(void *arg, size_t task, int worker)
{
	Work *w = arg;
	Shard *s = &w->shard[task];
	size_t from = shard_start(w, task), to = shard_start(w, task + 1);

	memset(s->sum, 0, w->k * w->d * sizeof(double));
	memset(s->n, 0, w->k * sizeof(double));
	s->inertia = 0;
	s->farthest_distance = -1;
	s->changed = bmc_nearest(w->label + from, w->distance + from, w->panel, w->k,
							 w->x + from * w->d, to - from, w->d);
	for (size_t i = from; i < to; i++)
	{
		const float *row = w->x + i * w->d;
		double *sum = s->sum + w->label[i] * w->d;

		for (size_t j = 0; j < w->d; j++)
			sum[j] += row[j];
		s->n[w->label[i]] += 1;
		s->inertia += w->distance[i];
		if (w->distance[i] > s->farthest_distance)
		{
			s->farthest_distance = w->distance[i];
			s->farthest = i;
		}
	}
}

/* All shards into the first, in order. */
static void
add_up(Work *w)
{
	Shard *all = &w->shard[0];

	for (size_t t = 1; t < w->shards; t++)
	{
		const Shard *s = &w->shard[t];

		for (size_t i = 0; i < w->k * w->d; i++)
			all->sum[i] += s->sum[i];
		for (size_t c = 0; c < w->k; c++)
			all->n[c] += s->n[c];
		all->inertia += s->inertia;
		all->changed += s->changed;
		if (s->farthest_distance > all->farthest_distance)
		{
			all->farthest_distance = s->farthest_distance;
			all->farthest = s->farthest;
		}
	}
}

/* A group without rows takes over the row that lies farthest from its centre. */
static void
fill_empty(Work *w)
{
	Shard *all = &w->shard[0];

	for (size_t c = 0; c < w->k; c++)
	{
		size_t row = all->farthest, old;

		if (all->n[c] > 0 || !(all->farthest_distance > 0))
			continue;
		old = w->label[row];
		for (size_t j = 0; j < w->d; j++)
		{
			all->sum[old * w->d + j] -= w->x[row * w->d + j];
			all->sum[c * w->d + j] = w->x[row * w->d + j];
		}
		all->n[old] -= 1;
		all->n[c] = 1;
		all->changed++;
		all->farthest_distance = 0; /* one a time: the next iteration finds the next */
	}
}

/* Squared distance that the centres moved. */
static double
move_centres(Work *w)
{
	double moved = 0;

	for (size_t c = 0; c < w->k; c++)
		for (size_t j = 0; j < w->d && w->shard[0].n[c] > 0; j++)
		{
			float *at = &w->centre[c * w->d + j];
			float to = (float) (w->shard[0].sum[c * w->d + j] / w->shard[0].n[c]);

			moved += ((double) to - *at) * ((double) to - *at);
			*at = to;
		}
	return moved;
}

static BmStatus
lloyd(Work *w, double variance)
{
	BmStatus status = BM_OK;

	memset(w->label, 0xFF, w->n * sizeof(uint32_t));
	w->converged = false;
	for (w->iterations = 0; w->iterations < w->o->iterations && !w->converged; w->iterations++)
	{
		double moved;

		bmc_nearest_panel(w->panel, w->centre, w->k, w->d);
		status = run(w, assign_task);
		if (status != BM_OK)
			return status;
		add_up(w);
		fill_empty(w);
		moved = move_centres(w);
		w->converged = w->shard[0].changed == 0 || moved <= w->o->tolerance * variance;
	}
	return BM_OK;
}

/* ---- mini-batches ---- */

/* Each centre is the mean of all rows that a batch gave it so far. */
static double
learn_batch(Work *w, double *seen)
{
	double inertia = 0;

	bmc_nearest_panel(w->panel, w->centre, w->k, w->d);
	for (size_t b = 0; b < w->o->batch; b++)
	{
		const float *row = w->x + (size_t) bmc_rng_below(&w->rng, (uint32_t) w->n) * w->d;
		uint32_t c = BM_NONE;
		float distance;

		bmc_nearest(&c, &distance, w->panel, w->k, row, 1, w->d);
		seen[c] += 1;
		for (size_t j = 0; j < w->d; j++)
			w->centre[c * w->d + j] += (row[j] - w->centre[c * w->d + j]) / (float) seen[c];
		inertia += distance;
	}
	return inertia / (double) w->o->batch;
}

static BmStatus
mini_batches(Work *w)
{
	double smooth = NAN, best = INFINITY, *seen = w->shard[0].n;
	int since = 0;

	memset(seen, 0, w->k * sizeof(double));
	w->converged = false;
	for (w->iterations = 0; w->iterations < w->o->iterations && !w->converged; w->iterations++)
	{
		double inertia = learn_batch(w, seen);

		smooth = isnan(smooth) ? inertia : .9 * smooth + .1 * inertia;
		since = smooth < best ? 0 : since + 1;
		best = smooth < best ? smooth : best;
		w->converged = since >= BATCH_STOP_AFTER;
		if (bmc_stop(w->stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

/* ---- the whole ---- */

/* Labels, sizes and inertia at the final centres; groups that lost all rows go. */
static BmStatus
settle(Work *w)
{
	BmStatus status;
	size_t kept = 0;

	bmc_nearest_panel(w->panel, w->centre, w->k, w->d);
	status = run(w, assign_task);
	if (status != BM_OK)
		return status;
	add_up(w);
	for (size_t c = 0; c < w->k; c++)
		if (w->shard[0].n[c] > 0)
			memmove(w->centre + kept++ * w->d, w->centre + c * w->d, w->d * sizeof(float));
	if (kept == w->k)
		return BM_OK;
	w->k = kept;
	return settle(w);
}

/* Of the columns, from distances to the first row. */
static double
mean_variance(Work *w)
{
	double *mean = w->sums, squares = 0, off = 0;

	memset(mean, 0, w->d * sizeof(double));
	for (size_t i = 0; i < w->n; i++)
	{
		squares += bmc_square_distance(row_of(w, i), w->x, w->d);
		for (size_t j = 0; j < w->d; j++)
			mean[j] += row_of(w, i)[j] - w->x[j];
	}
	for (size_t j = 0; j < w->d; j++)
		off += mean[j] / (double) w->n * mean[j];
	return (squares - off) / (double) w->n / (double) w->d;
}

/* The largest group first, ties by the first coordinates; labels follow. */
static void
order_groups(BmKmeans *out, const Work *w)
{
	size_t order[BM_KMEANS_MAX_K];
	uint32_t place[BM_KMEANS_MAX_K];

	for (size_t c = 0; c < w->k; c++)
	{
		size_t at = c;

		for (; at > 0; at--)
		{
			size_t other = order[at - 1];
			double a = w->shard[0].n[c], b = w->shard[0].n[other];

			if (a < b || (a == b && memcmp(w->centre + c * w->d, w->centre + other * w->d,
										   w->d * sizeof(float)) >= 0))
				break;
			order[at] = other;
		}
		order[at] = c;
	}
	for (size_t c = 0; c < w->k; c++)
	{
		place[order[c]] = (uint32_t) c;
		out->size[c] = (size_t) w->shard[0].n[order[c]];
		memcpy(out->centre + c * w->d, w->centre + order[c] * w->d, w->d * sizeof(float));
	}
	for (size_t i = 0; i < w->n; i++)
		out->label[i] = place[w->label[i]];
	out->k = w->k;
	out->inertia = w->shard[0].inertia;
	out->iterations = w->iterations;
	out->converged = w->converged;
}

/* Move the centres to where they stay, and keep the answer if it is the best so far. */
static BmStatus
finish(Work *w, BmKmeans *out)
{
	BmStatus status = w->o->batch ? mini_batches(w) : lloyd(w, mean_variance(w));

	if (status == BM_OK)
		status = settle(w);
	if (status == BM_OK && w->shard[0].inertia < out->inertia)
		order_groups(out, w);
	return status;
}

static BmStatus
try_starts(Work *w, BmKmeans *out, uint64_t seed)
{
	BmStatus status = BM_OK;

	for (int s = 0; status == BM_OK && s < w->o->starts; s++)
	{
		w->rng = bmc_rng(seed, (uint64_t) s);
		status = start(w);
		if (status == BM_OK)
			status = finish(w, out);
	}
	return status;
}

/* Many rows: all the starts on some of them, then the best groups of those on all. */
static BmStatus
start_small(Work *w, BmKmeans *out, uint64_t seed, BmMem *mem)
{
	float *rows = bmc_alloc(mem, bmc_mul(START_ROWS, w->d), sizeof(float));
	BmKmeans small = {0};
	BmStatus status = BM_ENOMEM;

	w->rng = bmc_rng(seed, UINT64_C(0x73616D70));
	for (size_t i = 0; rows && i < START_ROWS; i++)
		memcpy(rows + i * w->d, row_of(w, bmc_rng_below(&w->rng, (uint32_t) w->n)),
			   w->d * sizeof(float));
	if (rows)
		status = bmc_kmeans(&small, rows, START_ROWS, w->d, w->o, seed, w->pool, mem, w->stop);
	if (status == BM_OK)
	{
		w->k = small.k;
		memcpy(w->centre, small.centre, small.k * w->d * sizeof(float));
		status = finish(w, out);
	}
	bmc_kmeans_free(&small, mem);
	bmc_free(mem, rows);
	return status;
}

static bool
large(size_t n)
{
	return n > START_ROWS;
}

static size_t
own_bytes(size_t n, size_t d, const BmKmeansOptions *o)
{
	size_t k = o->k, start = large(n) ? 0 : 3 * sizeof(float);
	size_t rows = bmc_mul(n, 2 * sizeof(uint32_t) + sizeof(float) + start);
	size_t sums =
		bmc_mul(bmc_mul(k, bmc_add(d, 1)), shards_of(n) * sizeof(double) + 2 * sizeof(float));
	size_t panel = bmc_mul(bmc_nearest_panel_size(k, d), sizeof(float));

	return bmc_add(bmc_add(rows, sums), bmc_add(panel, bmc_mul(k, 64) + 8192));
}

size_t
bmc_kmeans_bytes(size_t n, size_t d, const BmKmeansOptions *o, int threads)
{
	size_t bytes = own_bytes(n, d, o);

	if (large(n))
		bytes = bmc_add(
			bytes, bmc_add(own_bytes(START_ROWS, d, o), bmc_mul(START_ROWS * sizeof(float), d)));
	return bytes;
}

static BmStatus
take(Work *w, BmKmeans *out, BmMem *mem)
{
	size_t k = w->o->k;

	out->centre = bmc_alloc(mem, bmc_mul(k, w->d), sizeof(float));
	out->label = bmc_alloc(mem, w->n, sizeof(uint32_t));
	out->size = bmc_alloc(mem, k, sizeof(size_t));
	w->centre = bmc_alloc(mem, bmc_mul(k, w->d), sizeof(float));
	w->panel = bmc_alloc(mem, bmc_nearest_panel_size(k, w->d), sizeof(float));
	w->label = bmc_alloc(mem, w->n, sizeof(uint32_t));
	w->distance = bmc_alloc(mem, w->n, sizeof(float));
	w->sums = bmc_alloc(mem, bmc_mul(w->shards, bmc_mul(k, w->d + 1)), sizeof(double));
	w->closest = bmc_alloc(mem, large(w->n) ? 1 : w->n, sizeof(float));
	w->trial = bmc_alloc(mem, large(w->n) ? 1 : 2 * w->n, sizeof(float));
	if (!out->centre || !out->label || !out->size || !w->centre || !w->panel || !w->label ||
		!w->distance || !w->sums || !w->closest || !w->trial)
		return BM_ENOMEM;
	for (size_t s = 0; s < w->shards; s++)
	{
		w->shard[s].sum = w->sums + s * k * (w->d + 1);
		w->shard[s].n = w->shard[s].sum + k * w->d;
	}
	return BM_OK;
}

static void
give_back(Work *w, BmMem *mem)
{
	bmc_free(mem, w->trial);
	bmc_free(mem, w->closest);
	bmc_free(mem, w->sums);
	bmc_free(mem, w->distance);
	bmc_free(mem, w->label);
	bmc_free(mem, w->panel);
	bmc_free(mem, w->centre);
}

BmStatus
bmc_kmeans(BmKmeans *out, const float *x, size_t n, size_t d, const BmKmeansOptions *o,
		   uint64_t seed, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	Work w = {.x = x, .n = n, .d = d, .o = o, .pool = pool, .stop = stop};
	BmStatus status;

	memset(out, 0, sizeof(*out));
	if (n == 0 || n > UINT32_MAX || d == 0 || o->k < 1 || o->k > BM_KMEANS_MAX_K || o->starts < 1 ||
		o->iterations < 1)
		return BM_EINVAL;
	w.shards = shards_of(n);
	out->d = d;
	out->inertia = INFINITY;
	status = take(&w, out, mem);
	if (status == BM_OK)
		status = large(n) ? start_small(&w, out, seed, mem) : try_starts(&w, out, seed);
	give_back(&w, mem);
	if (status != BM_OK)
		bmc_kmeans_free(out, mem);
	return status;
}

void
bmc_kmeans_free(BmKmeans *k, BmMem *mem)
{
	bmc_free(mem, k->size);
	bmc_free(mem, k->label);
	bmc_free(mem, k->centre);
	memset(k, 0, sizeof(*k));
}

void
bmc_kmeans_assign(uint32_t *label, float *distance, const float *centre, size_t k, const float *x,
				  size_t n, size_t d)
{
	for (size_t i = 0; i < n; i++)
	{
		float best = INFINITY;

		label[i] = 0;
		for (size_t c = 0; c < k; c++)
		{
			float got = bmc_square_distance(x + i * d, centre + c * d, d);

			if (got < best)
			{
				best = got;
				label[i] = (uint32_t) c;
			}
		}
		if (distance)
			distance[i] = best;
	}
}
