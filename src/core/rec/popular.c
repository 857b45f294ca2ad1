/*
 * popular.c
 *		Popularity with exponential decay: the answer for users without a history, and the least that
 *		any model has to beat. With several half-lives at once: what is trending.
 */
#include <math.h>
#include <string.h>

#include "core/num/decay.h"
#include "core/rec/count_models.h"

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
	return bmc_add(bmc_mul(size->nitems, 12), bmc_add(bmc_mul(size->nevents, 4), 4096));
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

/* sum (N) of the decayed weights of the items' events. */
static BmStatus
add_events(double *sum, BmFit *fit, double half_life_days)
{
	BmSequences d;
	BmStatus status = bmc_decay_begin(&d, fit->data, half_life_days, fit->mem, fit->stop);

	memset(sum, 0, fit->data->nitems * sizeof(double));
	for (size_t u = 0; u < d.nusers && status == BM_OK; u++)
	{
		size_t end = d.start[u] + bmc_sequence_length(&d, u);

		for (size_t e = d.start[u]; e < end; e++)
			sum[d.item[e]] += (double) bmc_event_weight(&d, e);
		if (u % 8192 == 0 && bmc_stop(fit->stop))
			status = BM_ESTOP;
	}
	bmc_decay_end(&d, fit->data, fit->mem);
	return status;
}

/* score += weight * the shares of sum. */
static void
add_shares(float *score, const double *sum, size_t n, double weight)
{
	double total = 0.0;

	for (size_t i = 0; i < n; i++)
		total += sum[i];
	for (size_t i = 0; i < n && total > 0.0; i++)
		score[i] += (float) (weight * sum[i] / total);
}

static BmStatus
popular_step(BmFit *fit)
{
	static const double trend_days[BM_TRENDS] = {1.0 / 24.0, 1.0, 7.0};
	const BmPopularOptions *o = fit->options;
	size_t n = fit->data->nitems;
	PopularState *s = fit->state;
	double *sum = bmc_alloc(fit->mem, n, sizeof(double)), trends = 0.0;
	BmStatus status = sum ? BM_OK : BM_ENOMEM;

	for (int t = 0; t < BM_TRENDS; t++)
		trends += o->trend[t];
	if (status == BM_OK && !(trends > 0.0))
	{
		status = add_events(sum, fit, o->half_life_days);
		for (size_t i = 0; i < n && status == BM_OK; i++)
			s->score[i] = (float) sum[i];
	}
	for (int t = 0; t < BM_TRENDS && status == BM_OK; t++)
		if (o->trend[t] > 0.0)
		{
			status = add_events(sum, fit, trend_days[t]);
			add_shares(s->score, sum, n, o->trend[t] / trends);
		}
	bmc_free(fit->mem, sum);
	if (status == BM_OK)
		fit->epoch = 1;
	fit->done = fit->total;
	return status;
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
