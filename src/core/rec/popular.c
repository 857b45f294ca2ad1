/*
 * popular.c
 *		Popularity with exponential decay: the answer for users without a history, and the least that
 *		any model has to beat.
 */
#include <math.h>
#include <string.h>

#include "core/rec/count_models.h"

#define DAY_US 86400e6

typedef struct PopularState
{
	float *score; /* (N) */
} PopularState;

typedef struct PopularBound
{
	size_t nitems;
	const float *score;
} PopularBound;

static size_t
popular_fit_bytes(const BmFitSize *size, const void *options)
{
	return bmc_add(bmc_mul(size->nitems, 12), 4096);
}

static BmStatus
popular_begin(BmFit *fit)
{
	PopularState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));

	if (s == NULL || (s->score = bmc_alloc0(fit->mem, fit->data->nitems, sizeof(float))) == NULL)
		return BM_ENOMEM;
	fit->epochs = 1;
	fit->total = fit->data->nusers;
	fit->loss = NAN;
	return BM_OK;
}

/* Newest time that the fit may look at. */
static int64_t
newest(const BmSequences *d)
{
	int64_t last = INT64_MIN;

	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t n = bmc_sequence_length(d, u);

		if (n > 0 && d->time[d->start[u] + n - 1] > last)
			last = d->time[d->start[u] + n - 1];
	}
	return last;
}

static BmStatus
popular_step(BmFit *fit)
{
	const BmPopularOptions *o = fit->options;
	const BmSequences *d = fit->data;
	PopularState *s = fit->state;
	double *sum = bmc_alloc0(fit->mem, d->nitems, sizeof(double));
	double last = (double) newest(d), half_life = o->half_life_days * DAY_US;

	if (sum == NULL)
		return BM_ENOMEM;
	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t end = d->start[u] + bmc_sequence_length(d, u);

		for (size_t e = d->start[u]; e < end; e++)
		{
			double decay = half_life > 0.0 ? exp2(-(last - (double) d->time[e]) / half_life) : 1.0;

			sum[d->item[e]] += decay * (double) bmc_event_weight(d, e);
		}
		if (u % 8192 == 0 && bmc_stop(fit->stop))
		{
			bmc_free(fit->mem, sum);
			return BM_ESTOP;
		}
	}
	for (size_t i = 0; i < d->nitems; i++)
		s->score[i] = (float) sum[i];
	bmc_free(fit->mem, sum);
	fit->epoch = 1;
	fit->done = fit->total;
	return BM_OK;
}

static BmStatus
popular_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	PopularState *s = fit->state;
	size_t n = fit->data->nitems;

	return bmc_tensors_add(out, prefix, "score", BM_F32, s->score, 1, &n) ? BM_OK : BM_ELIMIT;
}

static void
popular_end(BmFit *fit)
{
	PopularState *s = fit->state;

	if (s)
		bmc_free(fit->mem, s->score);
	bmc_free(fit->mem, s);
	fit->state = NULL;
}

static const char *
popular_bind(void *bound, const BmTensors *t, const char *prefix, size_t nitems)
{
	PopularBound *b = bound;
	const BmTensor *score = bmc_tensors_find(t, prefix, "score", BM_F32, 1, &nitems);

	if (score == NULL)
		return "tensor \"score\" is missing or has another shape";
	b->nitems = nitems;
	b->score = score->data;
	return NULL;
}

static size_t
popular_score_bytes(const void *bound, size_t B)
{
	return 0;
}

static void
popular_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
			  bool fast_blas)
{
	const PopularBound *b = bound;

	for (size_t i = 0; i < B; i++)
		memcpy(scores + i * b->nitems, b->score, b->nitems * sizeof(float));
}

/* No event of the user's contributes. */
static void
popular_explain(float *share, const void *bound, const BmHistory *h, const uint32_t *items,
				size_t n, void *scratch)
{
	memset(share, 0, n * h->n * sizeof(float));
}

const BmRecommender bmc_popular = {
	.name = "popular",
	.options_size = sizeof(BmPopularOptions),
	.bound_size = sizeof(PopularBound),
	.fit_bytes = popular_fit_bytes,
	.fit_begin = popular_begin,
	.fit_step = popular_step,
	.fit_tensors = popular_tensors,
	.fit_end = popular_end,
	.bind = popular_bind,
	.score_bytes = popular_score_bytes,
	.score = popular_score,
	.explain = popular_explain,
};
