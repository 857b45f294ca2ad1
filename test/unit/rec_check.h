/*
 * rec_check.h
 *		What the tests of core/rec share: small random logs, a fit from begin to end, a bound model.
 */
#ifndef REC_CHECK_H
#define REC_CHECK_H

#include "unit.h"
#include "core/num/rng.h"
#include "core/rec/count_models.h"

#define USERS 60
#define ITEMS 35
#define LONGEST 25

typedef struct Log
{
	BmSequences s;
	size_t start[USERS + 1];
	uint32_t item[USERS * LONGEST];
	int64_t time[USERS * LONGEST];
	uint8_t event[USERS * LONGEST];
	uint32_t use[USERS];
	float weight[256];
} Log;

/* Users with 0 to LONGEST events; the last two items never occur; some events are hidden, some weigh 0. */
static inline void
make_log(Log *l, uint64_t seed)
{
	BmRng rng = bmc_rng(seed, 1);
	size_t n = 0;

	memset(l, 0, sizeof(*l));
	for (size_t u = 0; u < USERS; u++)
	{
		size_t m = bmc_rng_below(&rng, LONGEST + 1);

		for (size_t e = 0; e < m; e++, n++)
		{
			uint32_t a = bmc_rng_below(&rng, ITEMS - 2), b = bmc_rng_below(&rng, ITEMS - 2);

			l->item[n] = a < b ? a : b; /* low codes are frequent */
			l->time[n] = (int64_t) (n * 3600) * 1000000;
			l->event[n] = (uint8_t) bmc_rng_below(&rng, 3);
		}
		l->start[u + 1] = n;
		l->use[u] = (uint32_t) (m > 2 ? m - 2 : m);
	}
	l->weight[0] = 1.0f, l->weight[1] = 2.5f, l->weight[2] = 0.0f;
	l->s = (BmSequences){USERS,    ITEMS,     l->start, l->item, l->time,
						 l->event, l->weight, l->use,   NULL,    NULL};
}

typedef struct Fitted
{
	UnitHeap heap;
	BmFit fit;
	BmTensors tensors;
	void *bound;
	const BmRecommender *r;
} Fitted;

/* Where fit_model starts from, when a test sets it. */
static const BmFitStart *fit_start;

/* Begin, step to the end, bind. Stops with the status of whatever fails. */
static inline BmStatus
fit_model(Fitted *f, const BmRecommender *r, const void *options, const BmSequences *s,
		  BmPool *pool, const BmStop *stop, long fail_at)
{
	BmStatus status;

	memset(f, 0, sizeof(*f));
	f->r = r;
	f->fit = (BmFit){
		.data = s, .options = options, .seed = 5, .pool = pool, .stop = stop, .start = fit_start};
	f->fit.mem = unit_heap(&f->heap);
	f->heap.fail_at = fail_at;
	status = r->fit_begin(&f->fit);
	while (status == BM_OK || status == BM_MORE || status == BM_EPOCH)
	{
		status = r->fit_step(&f->fit);
		if (status == BM_OK)
			break;
	}
	if (status != BM_OK)
		return status;
	f->heap.fail_at = 0;
	CHECK_INT(r->fit_tensors(&f->fit, "m/", &f->tensors), BM_OK);
	f->bound = calloc(1, r->bound_size);
	CHECK(r->bind(f->bound, &f->tensors, "m/", s->nitems) == NULL);
	return BM_OK;
}

static inline void
free_model(Fitted *f)
{
	f->r->fit_end(&f->fit);
	CHECK_INT(f->heap.live, 0);
	free(f->bound);
}

/* User u's whole history. */
static inline BmHistory
history(const BmSequences *s, size_t u)
{
	return (BmHistory){s->start[u + 1] - s->start[u], s->item + s->start[u], s->time + s->start[u],
					   s->event ? s->event + s->start[u] : NULL, s->event_weight};
}

/*
 * A fit to events with a half-life against one to the same events whose weights were written down by the
 * formula: the same bits. options has half_life_days = days, plain has 0.
 */
static inline void
check_half_life(const BmRecommender *r, const void *options, const void *plain, double days,
				const Log *l)
{
	static float weight[USERS * LONGEST];
	BmSequences s = l->s;
	int64_t last = INT64_MIN;
	Fitted a, b;

	for (size_t u = 0; u < USERS; u++)
		for (size_t e = l->start[u]; e < l->start[u] + bmc_sequence_length(&l->s, u); e++)
			last = l->time[e] > last ? l->time[e] : last;
	for (size_t e = 0; e < l->start[USERS]; e++)
		weight[e] =
			(float) exp2(-((double) (last - l->time[e]) / 86400e6) / days) * l->weight[l->event[e]];
	s.weight = weight;
	CHECK_INT(fit_model(&a, r, options, &l->s, NULL, NULL, 0), BM_OK);
	CHECK_INT(fit_model(&b, r, plain, &s, NULL, NULL, 0), BM_OK);
	for (int t = 0; t < a.tensors.n; t++)
	{
		const float *x = a.tensors.t[t].data, *y = b.tensors.t[t].data;

		CHECK_INT(bmc_tensor_count(&a.tensors.t[t]), bmc_tensor_count(&b.tensors.t[t]));
		for (size_t i = 0; i < bmc_tensor_count(&a.tensors.t[t]); i++)
			if (a.tensors.t[t].dtype == BM_I32)
				CHECK_INT(((const int32_t *) x)[i], ((const int32_t *) y)[i]);
			else
				CHECK_NEAR(x[i], y[i], 1e-5 * (fabs(y[i]) + 1e-6));
	}
	free_model(&a);
	free_model(&b);
}

/*
 * An event of weight 0 is as if it had not happened: a fit without such events has the same tensors, and an
 * answer to a history without them the same scores.
 */
static inline void
check_weight_zero(const BmRecommender *r, const void *options, const Log *l)
{
	static Log without;
	static float x[ITEMS], y[ITEMS];
	void *scratch;
	Fitted a, b;
	size_t n = 0;

	memset(&without, 0, sizeof(without));
	memcpy(without.weight, l->weight, sizeof(l->weight));
	for (size_t u = 0; u < USERS; u++)
	{
		for (size_t e = l->start[u]; e < l->start[u + 1]; e++)
			if (l->weight[l->event[e]] > 0)
			{
				without.use[u] += e < l->start[u] + bmc_sequence_length(&l->s, u);
				without.item[n] = l->item[e];
				without.time[n] = l->time[e];
				without.event[n++] = l->event[e];
			}
		without.start[u + 1] = n;
	}
	without.s = l->s;
	without.s.start = without.start, without.s.item = without.item, without.s.time = without.time;
	without.s.event = without.event, without.s.use = without.use;
	CHECK(n < l->start[USERS]);
	CHECK_INT(fit_model(&a, r, options, &l->s, NULL, NULL, 0), BM_OK);
	CHECK_INT(fit_model(&b, r, options, &without.s, NULL, NULL, 0), BM_OK);
	for (int t = 0; t < a.tensors.n; t++)
		CHECK(bmc_tensor_count(&a.tensors.t[t]) == bmc_tensor_count(&b.tensors.t[t]) &&
			  memcmp(a.tensors.t[t].data, b.tensors.t[t].data,
					 4 * bmc_tensor_count(&a.tensors.t[t])) == 0);
	scratch = aligned_alloc(64, (r->score_bytes(a.bound, 1) + 127) / 64 * 64);
	for (size_t u = 0; u < USERS; u++)
	{
		BmHistory h = history(&l->s, u), g = history(&without.s, u);

		if (g.n == 0 || l->event[l->start[u + 1] - 1] == 2)
			continue; /* an age against another newest event is another age */
		r->score(x, a.bound, &h, 1, scratch, false);
		r->score(y, b.bound, &g, 1, scratch, false);
		for (int i = 0; i < ITEMS; i++) /* sums in another order, perhaps */
			CHECK_NEAR(x[i], y[i], 1e-5 * (1e-3 + fabs(y[i])));
	}
	free(scratch);
	free_model(&a);
	free_model(&b);
}

/*
 * bind refuses every other shape, and -1 or NaN at every place, but for the values of the tensors whose names
 * hold a word of any (NULL ends).
 */
static inline void
check_damage(const BmRecommender *r, const void *options, const Log *l, const char *const *any)
{
	void *bound = malloc(r->bound_size);
	Fitted f;

	fit_model(&f, r, options, &l->s, NULL, NULL, 0);
	for (int t = 0; t < f.tensors.n; t++)
	{
		BmTensor *tensor = &f.tensors.t[t];
		int32_t *at = (int32_t *) tensor->data;
		bool free_values = false;

		tensor->shape[0]--;
		CHECK(r->bind(bound, &f.tensors, "m/", ITEMS) != NULL);
		tensor->shape[0]++;
		for (int i = 0; any[i]; i++)
			free_values |= strstr(tensor->name, any[i]) != NULL;
		for (size_t i = 0; i < bmc_tensor_count(tensor) && !free_values; i++)
		{
			int32_t was = at[i];

			at[i] = -1; /* as a float: NaN */
			CHECK(r->bind(bound, &f.tensors, "m/", ITEMS) != NULL);
			at[i] = was;
		}
	}
	CHECK(r->bind(bound, &f.tensors, "m/", ITEMS) == NULL);
	free_model(&f);
	free(bound);
}

/* ---- what every fit promises ---- */

static inline bool
stop_now(void *arg)
{
	return --*(int *) arg < 0;
}

/* The same bits with 1, 2 and 3 threads, within the estimate of memory. */
static inline void
check_threads(const BmRecommender *r, const void *options, const Log *l)
{
	Fitted base;
	BmFitSize size = {.nusers = USERS,
					  .nitems = ITEMS,
					  .nevents = l->start[USERS],
					  .nnz = l->start[USERS],
					  .threads = 3};

	CHECK_INT(fit_model(&base, r, options, &l->s, NULL, NULL, 0), BM_OK);
	for (int threads = 1; threads <= 3; threads++)
	{
		void *memory = malloc(bmc_pool_size(threads));
		BmPool *pool = bmc_pool_open(memory, threads);
		Fitted f;

		CHECK_INT(fit_model(&f, r, options, &l->s, pool, NULL, 0), BM_OK);
		CHECK(f.heap.mem.peak <= 2 * r->fit_bytes(&size, options) + 65536);
		for (int t = 0; t < f.tensors.n; t++)
			CHECK(memcmp(f.tensors.t[t].data, base.tensors.t[t].data,
						 4 * bmc_tensor_count(&f.tensors.t[t])) == 0);
		free_model(&f);
		bmc_pool_close(pool);
		free(memory);
	}
	free_model(&base);
}

/* A stop ends a fit; every refused allocation is told; neither leaks. */
static inline void
check_failures(const BmRecommender *r, const void *options, const Log *l)
{
	Fitted f;
	int asked = 0;
	BmStop stop = {stop_now, &asked};

	CHECK_INT(fit_model(&f, r, options, &l->s, NULL, &stop, 0), BM_ESTOP);
	free_model(&f);
	for (long fail = 1; fail < 40; fail++)
	{
		BmStatus status = fit_model(&f, r, options, &l->s, NULL, NULL, fail);

		CHECK(status == BM_ENOMEM || (status == BM_OK && f.heap.calls < fail));
		free_model(&f);
	}
}

#endif
