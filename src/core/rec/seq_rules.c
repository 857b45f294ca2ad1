/*
 * seq_rules.c
 *		Sequential rules: items that follow an item within a few steps of a user's sequence, nearer
 *		followers counting more (Ludewig and Jannach 2018, "SR"), normalised by the popularity of both
 *		sides. With one step and only the last event it is a first-order Markov chain.
 *
 * Rows are filled from an index item -> its occurrences, so that each row is a task of its own.
 */
#include <math.h>
#include <string.h>

#include "core/num/decay.h"
#include "core/rec/count_models.h"
#include "core/rec/neighbours.h"

typedef struct RulesState
{
	BmRows rows;
	BmSequences data;
	size_t steps;
	float *nearness; /* (steps+1) 1 / distance */
	float repeat;    /* what an item's following itself is given in advance; < 0: it cannot be */
	size_t *start;   /* (N+1) into at, end */
	size_t *at;      /* event position of each occurrence */
	size_t *end;     /* where its user's training events end */
	float *left;     /* (N) c^-alpha, 0 for an item without events */
	float *right;    /* (N) c^-beta */
} RulesState;

static size_t
rules_fit_bytes(const BmFitSize *size, const void *options)
{
	const BmSeqRulesOptions *o = options;
	double mean_row = (double) size->nevents * o->steps / ((double) size->nitems + 1.0);

	return bmc_add(bmc_add(bmc_mul(size->nevents, 20), bmc_mul(size->nitems, 16)),
				   bmc_rows_bytes(size->nitems, o->top, mean_row, size->threads));
}

static void
rules_end(BmFit *fit)
{
	RulesState *s = fit->state;

	if (s)
	{
		bmc_rows_end(&s->rows, fit->mem);
		bmc_decay_end(&s->data, fit->data, fit->mem);
		bmc_free(fit->mem, s->start);
		bmc_free(fit->mem, s->at);
		bmc_free(fit->mem, s->end);
		bmc_free(fit->mem, s->nearness);
		bmc_free(fit->mem, s->left);
		bmc_free(fit->mem, s->right);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
}

/* Counting sort of the training events of some weight by item, in event order within an item. */
static void
index_occurrences(RulesState *s)
{
	const BmSequences *d = &s->data;

	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t end = d->start[u] + bmc_sequence_length(d, u);

		for (size_t e = d->start[u]; e < end; e++)
			s->start[d->item[e] + 1] += bmc_event_weight(d, e) >= BM_LEAST_WEIGHT;
	}
	for (size_t i = 0; i < d->nitems; i++)
		s->start[i + 1] += s->start[i];
	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t end = d->start[u] + bmc_sequence_length(d, u);

		for (size_t e = d->start[u]; e < end; e++)
		{
			size_t slot;

			if (!(bmc_event_weight(d, e) >= BM_LEAST_WEIGHT))
				continue;
			slot = s->start[d->item[e]]++; /* start[i] runs to start[i+1] meanwhile */
			s->at[slot] = e;
			s->end[slot] = end;
		}
	}
	memmove(s->start + 1, s->start, d->nitems * sizeof(size_t));
	s->start[0] = 0;
}

/* The share of repeats among neighbours in the sequences, by the weight of the later event. */
static double
repeat_share(const BmSequences *d)
{
	double repeats = 0.0, all = 0.0;

	for (size_t u = 0; u < d->nusers; u++)
	{
		uint32_t before = BM_NONE;

		for (size_t e = d->start[u]; e < d->start[u] + bmc_sequence_length(d, u); e++)
		{
			float w = bmc_event_weight(d, e);

			if (!(w >= BM_LEAST_WEIGHT))
				continue;
			if (before != BM_NONE)
				all += (double) w;
			if (before == d->item[e])
				repeats += (double) w;
			before = d->item[e];
		}
	}
	return all > 0.0 ? repeats / all : 0.0;
}

static BmStatus
rules_begin(BmFit *fit)
{
	const BmSeqRulesOptions *o = fit->options;
	const BmSequences *d = fit->data;
	size_t n = d->start[d->nusers];
	RulesState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));
	BmStatus status;

	if (s == NULL)
		return BM_ENOMEM;
	status = bmc_decay_begin(&s->data, d, o->half_life_days, fit->mem, fit->stop);
	if (status != BM_OK)
		return status;
	s->repeat = o->repeats ? (float) (BM_REPEAT_PRIOR * repeat_share(&s->data)) : -1.0f;
	s->steps = (size_t) o->steps;
	s->nearness = bmc_alloc(fit->mem, s->steps + 1, sizeof(float));
	s->start = bmc_alloc0(fit->mem, d->nitems + 1, sizeof(size_t));
	s->at = bmc_alloc(fit->mem, n, sizeof(size_t));
	s->end = bmc_alloc(fit->mem, n, sizeof(size_t));
	s->left = bmc_alloc(fit->mem, d->nitems, sizeof(float));
	s->right = bmc_alloc(fit->mem, d->nitems, sizeof(float));
	if (!s->start || !s->at || !s->end || !s->left || !s->right || !s->nearness)
		return BM_ENOMEM;
	for (size_t k = 0; k <= s->steps; k++)
		s->nearness[k] = 1.0f / (float) (k > 0 ? k : 1);
	index_occurrences(s);
	for (size_t i = 0; i < d->nitems; i++)
	{
		double c = (double) (s->start[i + 1] - s->start[i]);

		s->left[i] = c > 0.0 ? (float) pow(c, -o->alpha) : 0.0f;
		s->right[i] = c > 0.0 ? (float) pow(c, -o->beta) : 0.0f;
	}
	fit->epochs = 1;
	fit->loss = NAN;
	return bmc_rows_begin(&s->rows, d->nitems, o->top, o->gamma, o->last, false, fit);
}

/* dense += the followers of one occurrence; noted: those met for the first time go to touched. */
static inline __attribute__((always_inline)) size_t
add_followers(float *dense, uint32_t *touched, size_t n, const RulesState *s, size_t o, bool noted)
{
	const BmSequences *d = &s->data;
	bool plain = d->weight == NULL && d->event == NULL;

	for (size_t q = s->at[o] + 1, step = 1; q < s->end[o] && step <= s->steps; q++)
	{
		uint32_t b = d->item[q];
		float w = plain ? 1.0f : bmc_event_weight(d, q);

		if (!(w >= BM_LEAST_WEIGHT))
			continue;
		if (noted && dense[b] == 0.0f)
			touched[n++] = b;
		dense[b] += w * s->nearness[step++]; /* steps are over events of some weight */
	}
	return n;
}

/* Row a: followers of every occurrence of a, each weighted by 1 / distance. */
static size_t
rules_row(void *model, uint32_t a, float *value, uint32_t *col, float *dense, uint32_t *touched)
{
	const RulesState *s = model;
	size_t n = 0, kept = 0, N = s->data.nitems, occurrences = s->start[a + 1] - s->start[a];
	bool dense_row = bmc_row_is_dense(occurrences * s->steps, N);

	for (size_t o = s->start[a]; o < s->start[a + 1]; o++)
		if (dense_row)
			add_followers(dense, touched, n, s, o, false);
		else
			n = add_followers(dense, touched, n, s, o, true);
	if (dense_row)
		n = bmc_row_columns(touched, dense, N);
	if (s->repeat > 0.0f && occurrences > 0)
	{
		if (dense[a] == 0.0f)
			touched[n++] = a;
		dense[a] += s->repeat;
	}
	for (size_t i = 0; i < n; i++)
	{
		uint32_t b = touched[i];

		col[kept] = b;
		value[kept] = dense[b] * s->left[a] * s->right[b];
		kept += b != a || s->repeat >= 0.0f;
		dense[b] = 0.0f;
	}
	return kept;
}

static BmStatus
rules_step(BmFit *fit)
{
	RulesState *s = fit->state;
	BmStatus status = bmc_rows_step(&s->rows, rules_row, s, &s->data, fit);

	if (status == BM_OK)
		fit->epoch = 1;
	return status;
}

static BmStatus
rules_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	return bmc_rows_tensors(&((RulesState *) fit->state)->rows, prefix, out);
}

const BmRecommender bmc_seq_rules = {
	.name = "seq_rules",
	.options_size = sizeof(BmSeqRulesOptions),
	.bound_size = sizeof(BmNeighbours),
	.fit_bytes = rules_fit_bytes,
	.fit_begin = rules_begin,
	.fit_step = rules_step,
	.fit_tensors = rules_tensors,
	.fit_end = rules_end,
	.bind = bmc_neighbours_bind,
	.score_bytes = bmc_neighbours_score_bytes,
	.score = bmc_neighbours_score,
	.explain = bmc_neighbours_explain,
};
