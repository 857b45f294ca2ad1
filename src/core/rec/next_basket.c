/*
 * next_basket.c
 *		Fit of TIFU-kNN: the profile of every user, by user and by item.
 */
#include <math.h>
#include <string.h>

#include "core/num/sparse.h"
#include "core/rec/next_basket.h"

#define MINUTE 60e6
#define STEP_EVENTS 500000 /* of one fit_step */

typedef struct BasketState
{
	BmSparse V;       /* (U, N) in the order of touching, until the fit is done */
	size_t nnz, next; /* next: first user not yet read */
	BmProfile profile;
	BmBasketRule rule;
	BmSparse by_item, by_user; /* (N, U), (U, N) */
	int32_t *start, *index_start;
	float *square; /* (U) */
	float config[BM_BASKET_CONFIG];
} BasketState;

static size_t
basket_fit_bytes(const BmFitSize *size, const void *options)
{
	/* an entry of V and its two transposes; V goes when these are there */
	return bmc_add(bmc_mul(size->nevents, 8 + 2 * 8),
				   bmc_add(bmc_mul(size->nitems, 16 + 12), bmc_mul(size->nusers, 8 * 2 + 8)));
}

static void
basket_end(BmFit *fit)
{
	BasketState *s = fit->state;

	if (s)
	{
		bmc_sparse_free(&s->V, fit->mem);
		bmc_sparse_free(&s->by_item, fit->mem);
		bmc_sparse_free(&s->by_user, fit->mem);
		bmc_free(fit->mem, s->profile.value);
		bmc_free(fit->mem, s->profile.entry);
		bmc_free(fit->mem, s->profile.stamp);
		bmc_free(fit->mem, s->profile.touched);
		bmc_free(fit->mem, s->start);
		bmc_free(fit->mem, s->index_start);
		bmc_free(fit->mem, s->square);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
}

static BmStatus
basket_begin(BmFit *fit)
{
	const BmNextBasketOptions *o = fit->options;
	const BmSequences *d = fit->data;
	size_t N = d->nitems, events = d->start[d->nusers];
	BasketState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));

	if (s == NULL)
		return BM_ENOMEM;
	s->V = (BmSparse){d->nusers, N, NULL, NULL, NULL};
	s->V.start = bmc_alloc0(fit->mem, bmc_add(d->nusers, 1), sizeof(size_t));
	s->V.col = bmc_alloc(fit->mem, events, sizeof(uint32_t));
	s->V.value = bmc_alloc(fit->mem, events, sizeof(float));
	s->profile.value = bmc_alloc0(fit->mem, N, sizeof(float));
	s->profile.entry = bmc_alloc(fit->mem, N, sizeof(float));
	s->profile.stamp = bmc_alloc0(fit->mem, N, sizeof(uint32_t));
	s->profile.touched = bmc_alloc(fit->mem, N, sizeof(uint32_t));
	s->start = bmc_alloc(fit->mem, bmc_add(d->nusers, 1), sizeof(int32_t));
	s->index_start = bmc_alloc(fit->mem, bmc_add(N, 1), sizeof(int32_t));
	s->square = bmc_alloc(fit->mem, d->nusers, sizeof(float));
	if (!s->V.start || !s->V.col || !s->V.value || !s->profile.value || !s->profile.entry ||
		!s->profile.stamp || !s->profile.touched || !s->start || !s->index_start || !s->square)
		return BM_ENOMEM;
	s->rule = (BmBasketRule){(size_t) o->groups, (float) o->within, (float) o->between,
							 (int64_t) (o->gap_minutes * MINUTE)};
	s->config[0] = (float) o->neighbours;
	s->config[1] = (float) o->groups;
	s->config[2] = s->rule.within;
	s->config[3] = s->rule.between;
	s->config[4] = (float) o->own;
	s->config[5] = (float) o->gap_minutes;
	s->config[6] = (float) o->distance;
	fit->epochs = 1;
	fit->total = d->nusers;
	fit->loss = NAN;
	return events < INT32_MAX ? BM_OK : BM_ELIMIT;
}

/* User u's training events as a history. */
static BmHistory
training_history(const BmSequences *d, size_t u)
{
	size_t first = d->start[u];

	return (BmHistory){bmc_sequence_length(d, u), d->item + first, d->time + first,
					   d->event ? d->event + first : NULL, d->event_weight};
}

static void
add_user(BasketState *s, const BmSequences *d, size_t u)
{
	BmHistory h = training_history(d, u);
	BmProfile *p = &s->profile;

	bmc_profile_fill(p, NULL, &s->rule, &h);
	for (size_t i = 0; i < p->n; i++)
	{
		s->V.col[s->nnz] = p->touched[i];
		s->V.value[s->nnz++] = p->value[p->touched[i]];
	}
	s->square[u] = p->square;
	s->V.start[u + 1] = s->nnz;
	bmc_profile_clear(p);
}

static void
copy_starts(int32_t *out, const size_t *start, size_t rows)
{
	for (size_t r = 0; r <= rows; r++)
		out[r] = (int32_t) start[r];
}

/* Both orders, columns ascending. */
static BmStatus
transpose(BasketState *s, BmFit *fit)
{
	BmStatus status = bmc_sparse_transpose(&s->by_item, &s->V, fit->mem);

	bmc_sparse_free(&s->V, fit->mem);
	if (status == BM_OK)
		status = bmc_sparse_transpose(&s->by_user, &s->by_item, fit->mem);
	if (status != BM_OK)
		return status;
	copy_starts(s->start, s->by_user.start, fit->data->nusers);
	copy_starts(s->index_start, s->by_item.start, fit->data->nitems);
	fit->epoch = 1;
	return BM_OK;
}

static BmStatus
basket_step(BmFit *fit)
{
	BasketState *s = fit->state;
	const BmSequences *d = fit->data;
	size_t from = s->next;

	if (bmc_stop(fit->stop))
		return BM_ESTOP;
	while (s->next < d->nusers && d->start[s->next] - d->start[from] < STEP_EVENTS &&
		   s->next - from < STEP_EVENTS)
		add_user(s, d, s->next++);
	fit->done = s->next;
	return s->next < d->nusers ? BM_MORE : transpose(s, fit);
}

static BmStatus
basket_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	BasketState *s = fit->state;
	size_t U = fit->data->nusers, N = fit->data->nitems, U1 = U + 1, N1 = N + 1;
	size_t nnz = s->nnz, config = BM_BASKET_CONFIG;
	bool ok = bmc_tensors_add(out, prefix, "start", BM_I32, s->start, 1, &U1);

	ok &= bmc_tensors_add(out, prefix, "item", BM_I32, s->by_user.col, 1, &nnz);
	ok &= bmc_tensors_add(out, prefix, "value", BM_F32, s->by_user.value, 1, &nnz);
	ok &= bmc_tensors_add(out, prefix, "index_start", BM_I32, s->index_start, 1, &N1);
	ok &= bmc_tensors_add(out, prefix, "index", BM_I32, s->by_item.col, 1, &nnz);
	ok &= bmc_tensors_add(out, prefix, "index_value", BM_F32, s->by_item.value, 1, &nnz);
	ok &= bmc_tensors_add(out, prefix, "square", BM_F32, s->square, 1, &U);
	ok &= bmc_tensors_add(out, prefix, "config", BM_F32, s->config, 1, &config);
	return ok ? BM_OK : BM_ELIMIT;
}

const BmRecommender bmc_next_basket = {
	.name = "next_basket",
	.options_size = sizeof(BmNextBasketOptions),
	.bound_size = sizeof(BmBasketBound),
	.fit_bytes = basket_fit_bytes,
	.fit_begin = basket_begin,
	.fit_step = basket_step,
	.fit_tensors = basket_tensors,
	.fit_end = basket_end,
	.bind = bmc_next_basket_bind,
	.score_bytes = bmc_next_basket_score_bytes,
	.score = bmc_next_basket_score,
	.explain = bmc_next_basket_explain,
};
