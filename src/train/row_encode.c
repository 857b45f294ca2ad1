/*
 * row_encode.c
 *		Parts of the rows through the encoder of the training part, and a look for features that know the
 *		answer.
 */
#include "pg/pg.h"

#include <math.h>

#include "train/rows.h"

/* A feature that ranks the target like this was hardly known before it. */
#define LEAK_QUALITY 0.9999
#define LEAK_ROWS 20000
#define LEAK_CLASSES 10

BmTableEncoder *
bm_rows_fit_encoder(BmTraining *t, const BmPart *part)
{
	BmRows *r = t->rows;
	BmEncoderFit fit = {.rows = part->row,
						.nrows = part->n,
						.y = r->y,
						.classes = r->classes,
						.seed = (uint64) t->seed,
						.stop = &t->cancel.stop};
	BmTableEncoder *encoder;

	if (r->windows)
		return bm_windows_fit_encoder(t, part);
	encoder = bm_encode_fit(r->plan, &r->features, &fit, &t->mem);

	r->plan->quiet = true; /* what is left out has been told once */
	return encoder;
}

static void *
need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "encode the rows", NULL);
	return block;
}

void
bm_part_encode(BmTraining *t, BmPart *part, const BmTableEncoder *encoder, bool fitted)
{
	BmRows *r = t->rows;
	const BmRowEncoder *e = &encoder->core;
	BmSamples *s = &part->samples;
	size_t bytes = bmc_mul(part->n, bmc_mul(bmc_add(bmc_add(e->width, e->ncodes), 2), 4));
	float *x, *y, *weight = NULL;
	uint32_t *code = NULL;

	if (r->windows)
	{
		bm_windows_encode(t, part, encoder);
		return;
	}
	bm_check_memory(
		&t->mem, bytes, psprintf("encoding %zu rows", part->n),
		"Raise behavmine.max_memory, take fewer rows or features, or encode many-valued "
		"columns by \"hash\" or \"target\".");
	x = need(bmc_alloc(&t->mem, Max(part->n * e->width, 1), sizeof(float)));
	if (e->ncodes)
		code = need(bmc_alloc(&t->mem, part->n * e->ncodes, sizeof(uint32_t)));
	y = need(bmc_alloc(&t->mem, part->n, sizeof(float)));
	bm_check(bmc_encoder_apply(x, code, e, &r->features, part->row, part->n, fitted, &t->mem,
							   t->run.pool, &t->cancel.stop),
			 "encode the rows", NULL);
	if (r->weight)
		weight = need(bmc_alloc(&t->mem, part->n, sizeof(float)));
	for (size_t i = 0; i < part->n; i++)
	{
		y[i] = r->y[part->row[i]];
		if (weight)
			weight[i] = r->weight[(size_t) y[i]];
	}
	*s = (BmSamples){.n = part->n,
					 .nrows = part->n,
					 .width = e->width,
					 .x = x,
					 .ncodes = e->ncodes,
					 .code = code,
					 .cardinality = e->cardinality,
					 .steps = 1,
					 .classes = r->classes,
					 .y = y,
					 .weight = weight};
}

void
bm_part_release(BmTraining *t, BmPart *part)
{
	if (part->samples.end == NULL) /* windows share their rows */
	{
		bmc_free(&t->mem, (void *) part->samples.x);
		bmc_free(&t->mem, (void *) part->samples.code);
	}
	bmc_free(&t->mem, (void *) part->samples.end);
	bmc_free(&t->mem, (void *) part->samples.length);
	bmc_free(&t->mem, (void *) part->pooled.x);
	bmc_free(&t->mem, (void *) part->pooled.code);
	bmc_free(&t->mem, (void *) part->samples.y);
	bmc_free(&t->mem, (void *) part->samples.weight);
	part->samples = part->pooled = (BmSamples){0};
}

/* How well feature j alone tells the target: the AUC of its best class, or the correlation. */
static double
alone(const BmSamples *s, size_t j, size_t n, BmMem *mem)
{
	double best = 0.0, auc, pr, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;

	for (size_t c = 0; c < s->classes && c < LEAK_CLASSES; c++)
	{
		bm_check(bmc_rank_quality(&auc, &pr, s->x + j, s->width, s->y, (float) c, n, mem),
				 "look for leaks", NULL);
		if (!isnan(auc))
			best = Max(best, Max(auc, 1.0 - auc));
	}
	if (s->classes)
		return best;
	for (size_t i = 0; i < n; i++)
	{
		double x = s->x[i * s->width + j], y = s->y[i];

		sx += x;
		sy += y;
		sxx += x * x;
		syy += y * y;
		sxy += x * y;
	}
	sxx -= sx * sx / n;
	syy -= sy * sy / n;
	sxy -= sx * sy / n;
	return sxx > 0 && syy > 0 ? fabs(sxy) / sqrt(sxx * syy) : 0.0;
}

void
bm_rows_notice_leaks(const BmRows *r, BmMem *mem)
{
	const BmSamples *s = r->windows ? &r->train.pooled : &r->train.samples;
	size_t n = Min(s->n, LEAK_ROWS), column;
	size_t width = r->train.samples.width; /* of windows the newest row alone */
	char name[NAMEDATALEN * 2];

	for (size_t j = 0; j < width; j++)
	{
		double quality;

		bm_interrupts();
		quality = alone(s, j, n, mem);
		if (quality < LEAK_QUALITY)
			continue;
		bmc_encoder_feature(&r->encoder->core, j, name, sizeof(name), &column);
		ereport(NOTICE,
				(errmsg("feature \"%s\" alone tells the target \"%s\"", name, r->target),
				 errdetail("Its %s is %.4f.", s->classes ? "AUC" : "correlation", quality),
				 errhint("If it is known only after the target, leave its column out: options => "
						 "'{\"exclude\": [\"%s\"]}'.",
						 r->encoder->column[column].name)));
	}
}
