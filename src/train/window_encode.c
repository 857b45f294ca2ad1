/*
 * window_encode.c
 *		Rows of windows through an encoder, once for all parts; windows as one row each for predictors
 *		that take rows; and the baseline that knows the last behaviour.
 */
#include "pg/pg.h"

#include <math.h>

#include "core/num/pooled.h"
#include "train/rows.h"

static void *
need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "encode windows of events", NULL);
	return block;
}

/* On what lies before the first cut; of a refit on everything. */
BmTableEncoder *
bm_windows_fit_encoder(BmTraining *t, const BmPart *part)
{
	BmRows *r = t->rows;
	BmWindows *w = r->windows;
	bool all = part == &r->all;
	BmEncoderFit fit = {.rows = all ? NULL : w->train_row,
						.nrows = all ? w->nrows : w->ntrain_rows,
						.seed = (uint64) t->seed,
						.stop = &t->cancel.stop};
	BmTableEncoder *encoder;

	if (fit.nrows == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("the training part has no rows"),
						errhint("Bring more events, or change the options \"valid_share\" and "
								"\"test_share\".")));
	encoder = bm_encode_fit(r->plan, &r->features, &fit, &t->mem);
	r->plan->quiet = true;
	return encoder;
}

static void
encode_rows(BmTraining *t, const BmTableEncoder *encoder)
{
	BmWindows *w = t->rows->windows;
	const BmRowEncoder *e = &encoder->core;

	if (w->encoded == encoder)
		return;
	bmc_free(&t->mem, w->x);
	bmc_free(&t->mem, w->code);
	w->x = NULL;
	w->code = NULL;
	bm_check_memory(&t->mem, bmc_mul(w->nrows, bmc_mul(e->width + e->ncodes, 4)),
					psprintf("encoding %zu events", w->nrows),
					"Raise behavmine.max_memory, or lower \"max_windows\" or \"steps\".");
	w->x = need(bmc_alloc(&t->mem, Max(w->nrows * e->width, 1), sizeof(float)));
	if (e->ncodes)
		w->code = need(bmc_alloc(&t->mem, w->nrows * e->ncodes, sizeof(uint32_t)));
	bm_check(bmc_encoder_apply(w->x, w->code, e, &t->rows->features, NULL, w->nrows, false, &t->mem,
							   t->run.pool, &t->cancel.stop),
			 "encode windows of events", NULL);
	w->encoded = encoder;
}

/* The windows of s as rows. */
BmSamples
bm_windows_pooled(const BmSamples *s, BmMem *mem)
{
	BmSamples p = *s;
	size_t W = BM_POOLED_ROWS * s->width;
	float *x = need(bmc_alloc(mem, Max(bmc_mul(s->n, W), 1), sizeof(float)));
	uint32_t *code =
		s->ncodes ? need(bmc_alloc(mem, bmc_mul(s->n, s->ncodes), sizeof(uint32_t))) : NULL;

	for (size_t i = 0; i < s->n; i++)
	{
		if (i % 4096 == 0)
			bm_interrupts();
		bmc_pool_window(x + i * W, code + (code ? i * s->ncodes : 0), s, i);
	}
	p.nrows = s->n;
	p.width = W;
	p.x = x;
	p.code = code;
	p.steps = 1;
	p.end = NULL;
	p.length = NULL;
	return p;
}

void
bm_windows_encode(BmTraining *t, BmPart *part, const BmTableEncoder *encoder)
{
	BmRows *r = t->rows;
	BmWindows *w = r->windows;
	const BmRowEncoder *e = &encoder->core;
	size_t n = Max(part->n, 1), *end = need(bmc_alloc(&t->mem, n, sizeof(size_t)));
	uint32_t *length = need(bmc_alloc(&t->mem, n, sizeof(uint32_t)));
	float *y = need(bmc_alloc(&t->mem, n, sizeof(float))), *weight = NULL;

	encode_rows(t, encoder);
	if (r->weight)
		weight = need(bmc_alloc(&t->mem, n, sizeof(float)));
	for (size_t i = 0; i < part->n; i++)
	{
		end[i] = w->end[part->row[i]];
		length[i] = w->length[part->row[i]];
		y[i] = r->y[part->row[i]];
		if (weight)
			weight[i] = r->weight[(size_t) y[i]];
	}
	part->samples =
		(BmSamples){.n = part->n,
					.nrows = w->nrows,
					.width = e->width,
					.x = w->x,
					.ncodes = e->ncodes,
					.code = w->code,
					.cardinality = e->cardinality,
					/* a window's most rows: 2 where a network must know that it has windows */
					.steps = Max((size_t) w->options.steps + (w->options.task == BM_TASK_WILL), 2),
					.end = end,
					.length = length,
					.classes = r->classes,
					.y = y,
					.weight = weight};
	bm_check_memory(&t->mem, bmc_mul(part->n, bmc_mul(BM_POOLED_ROWS * e->width + e->ncodes, 4)),
					psprintf("encoding %zu windows", part->n),
					"Raise behavmine.max_memory, or lower \"max_windows\".");
	part->pooled = bm_windows_pooled(&part->samples, &t->mem);
}

const BmSamples *
bm_part_for(const BmPart *part, const BmAlgorithm *a)
{
	return part->samples.end && a->windows == BM_WINDOWS_POOLED ? &part->pooled : &part->samples;
}

BmSamples
bm_windows_sample(const BmSamples *s, size_t most, BmMem *mem)
{
	BmSamples o = *s;
	size_t n = Min(s->n, most), to = 0, *end, rows;
	uint32_t *length, *code;
	float *x, *y;

	for (size_t k = 0; k < n; k++)
	{
		(void) bmc_sample(s, k * s->n / n, &rows);
		to += rows;
	}
	o.n = n;
	o.nrows = to;
	o.x = x = need(bmc_alloc(mem, Max(to * s->width, 1), sizeof(float)));
	o.code = code = need(bmc_alloc(mem, Max(to * s->ncodes, 1), sizeof(uint32_t)));
	o.y = y = need(bmc_alloc(mem, Max(n, 1), sizeof(float)));
	o.end = end = need(bmc_alloc(mem, Max(n, 1), sizeof(size_t)));
	o.length = length = need(bmc_alloc(mem, Max(n, 1), sizeof(uint32_t)));
	o.weight = NULL;
	to = 0;
	for (size_t k = 0; k < n; k++)
	{
		size_t i = k * s->n / n, first = bmc_sample(s, i, &rows);

		memcpy(x + to * s->width, s->x + first * s->width, rows * s->width * sizeof(float));
		if (s->ncodes)
			memcpy(code + to * s->ncodes, s->code + first * s->ncodes,
				   rows * s->ncodes * sizeof(uint32_t));
		to += rows;
		end[k] = to;
		length[k] = (uint32_t) rows;
		y[k] = s->y[i];
	}
	return o;
}

void
bm_windows_sample_free(BmSamples *s, BmMem *mem)
{
	bmc_free(mem, (void *) s->x);
	bmc_free(mem, (void *) s->code);
	bmc_free(mem, (void *) s->y);
	bmc_free(mem, (void *) s->end);
	bmc_free(mem, (void *) s->length);
}

/* ---- the baseline ---- */

/* The behaviour of a window's last event, or 0 where there are none. */
static size_t
last_behaviour(const BmWindows *w, uint32_t sample)
{
	return w->log->event ? w->log->event[w->window[sample].last - 1] : 0;
}

/* Shares of the classes after each last behaviour in the training part, one row of the whole added. */
void
bm_windows_markov(BmTraining *t)
{
	BmRows *r = t->rows;
	BmWindows *w = r->windows;
	size_t C = r->classes, n = r->test.n;
	double *count = palloc0(sizeof(double) * 257 * C), *all = count + 256 * C;
	float *p = need(bmc_alloc(&t->mem, bmc_mul(n, C), sizeof(float)));
	BmAnswers a = {.n = n, .classes = C, .p = p, .y = r->test.samples.y, .threshold = 0.5};
	BmAccuracy whole;

	for (size_t i = 0; i < r->train.n; i++)
	{
		count[last_behaviour(w, r->train.row[i]) * C + (size_t) r->train.samples.y[i]] += 1.0;
		all[(size_t) r->train.samples.y[i]] += 1.0 / (double) r->train.n;
	}
	for (size_t i = 0; i < n; i++)
	{
		const double *of = count + last_behaviour(w, r->test.row[i]) * C;
		double sum = 1.0;

		for (size_t c = 0; c < C; c++)
			sum += of[c];
		for (size_t c = 0; c < C; c++)
			p[i * C + c] = (float) ((of[c] + all[c]) / sum);
	}
	bm_row_quality(&w->markov, &a, &t->mem);
	w->markov_class = palloc(sizeof(BmClassMetrics) * C);
	bm_check(bmc_accuracy(&whole, w->markov_class, &a, &t->mem), "measure the baseline", NULL);
	bmc_free(&t->mem, p);
}
