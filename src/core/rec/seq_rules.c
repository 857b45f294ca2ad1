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

#include "core/rec/count_models.h"
#include "core/rec/neighbours.h"

typedef struct RulesState
{
	BmRows rows;
	const BmSequences *data;
	int steps;
	size_t *start; /* (N+1) into at, end */
	size_t *at;    /* event position of each occurrence */
	size_t *end;   /* where its user's training events end */
	float *left;   /* (N) c^-alpha, 0 for an item without events */
	float *right;  /* (N) c^-beta */
} RulesState;

static size_t
rules_fit_bytes(const BmFitSize *size, const void *options)
{
	const BmSeqRulesOptions *o = options;
	double mean_row = (double) size->nevents * o->steps / ((double) size->nitems + 1.0);

	return bmc_add(bmc_add(bmc_mul(size->nevents, 16), bmc_mul(size->nitems, 16)),
				   bmc_rows_bytes(size->nitems, o->top, mean_row, size->threads));
}

static void
rules_end(BmFit *fit)
{
	RulesState *s = fit->state;

	if (s)
	{
		bmc_rows_end(&s->rows, fit->mem);
		bmc_free(fit->mem, s->start);
		bmc_free(fit->mem, s->at);
		bmc_free(fit->mem, s->end);
		bmc_free(fit->mem, s->left);
		bmc_free(fit->mem, s->right);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
}

/* Counting sort of the training events by item, in event order within an item. */
static void
index_occurrences(RulesState *s)
{
	const BmSequences *d = s->data;

	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t end = d->start[u] + bmc_sequence_length(d, u);

		for (size_t e = d->start[u]; e < end; e++)
			s->start[d->item[e] + 1]++;
	}
	for (size_t i = 0; i < d->nitems; i++)
		s->start[i + 1] += s->start[i];
	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t end = d->start[u] + bmc_sequence_length(d, u);

		for (size_t e = d->start[u]; e < end; e++)
		{
			size_t slot = s->start[d->item[e]]++; /* start[i] runs to start[i+1] meanwhile */

			s->at[slot] = e;
			s->end[slot] = end;
		}
	}
	memmove(s->start + 1, s->start, d->nitems * sizeof(size_t));
	s->start[0] = 0;
}

static BmStatus
rules_begin(BmFit *fit)
{
	const BmSeqRulesOptions *o = fit->options;
	const BmSequences *d = fit->data;
	size_t n = d->start[d->nusers];
	RulesState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));

	if (s == NULL)
		return BM_ENOMEM;
	s->data = d;
	s->steps = o->steps;
	s->start = bmc_alloc0(fit->mem, d->nitems + 1, sizeof(size_t));
	s->at = bmc_alloc(fit->mem, n, sizeof(size_t));
	s->end = bmc_alloc(fit->mem, n, sizeof(size_t));
	s->left = bmc_alloc(fit->mem, d->nitems, sizeof(float));
	s->right = bmc_alloc(fit->mem, d->nitems, sizeof(float));
	if (!s->start || !s->at || !s->end || !s->left || !s->right)
		return BM_ENOMEM;
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

/* Row a: followers of every occurrence of a, each weighted by 1 / distance. */
static size_t
rules_row(void *model, uint32_t a, float *value, uint32_t *col, float *dense, uint32_t *touched)
{
	const RulesState *s = model;
	const BmSequences *d = s->data;
	size_t n = 0, kept = 0;

	for (size_t o = s->start[a]; o < s->start[a + 1]; o++)
	{
		size_t p = s->at[o], end = s->end[o];

		if (end - p > (size_t) s->steps + 1)
			end = p + (size_t) s->steps + 1;
		for (size_t q = p + 1; q < end; q++)
		{
			uint32_t b = d->item[q];
			float w = bmc_event_weight(d, q);

			if (b == a || w <= 0.0f)
				continue;
			if (dense[b] == 0.0f)
				touched[n++] = b;
			dense[b] += w / (float) (q - p);
		}
	}
	for (size_t i = 0; i < n; i++)
	{
		uint32_t b = touched[i];

		col[kept] = b;
		value[kept++] = dense[b] * s->left[a] * s->right[b];
		dense[b] = 0.0f;
	}
	return kept;
}

static BmStatus
rules_step(BmFit *fit)
{
	RulesState *s = fit->state;
	BmStatus status = bmc_rows_step(&s->rows, rules_row, s, fit);

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
