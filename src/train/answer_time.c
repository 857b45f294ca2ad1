/*
 * answer_time.c
 *		How long one answer takes on this machine, beside how good it is.
 */
#include "pg/pg.h"

#include "portability/instr_time.h"

#include "core/num/topk.h"
#include "train/fit.h"

#define MOST_ANSWERS 101
#define MOST_MS 500.0 /* of all of them */

static double
ms_since(instr_time started)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, started);
	return INSTR_TIME_GET_MILLISEC(now);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

static BmHistory
history_of(const BmCases *cases, size_t c)
{
	const BmSequences *d = cases->data;
	size_t first = d->start[cases->user[c]];

	return (BmHistory){cases->pos[c], d->item + first, d->time + first,
					   d->event ? d->event + first : NULL, d->event_weight};
}

double
bm_answer_ms(BmRun *run, const BmBlend *blend, const BmCases *cases)
{
	double ms[MOST_ANSWERS], total = 0.0;
	size_t n = blend->nitems, k = Min((size_t) run->options->k, n);
	size_t stride = Max(cases->n / MOST_ANSWERS, 1);
	float *scores = bmc_alloc(run->mem, n, sizeof(float));
	float *best = bmc_alloc(run->mem, k, sizeof(float));
	uint32_t *which = bmc_alloc(run->mem, k, sizeof(uint32_t));
	void *scratch = bmc_alloc0(run->mem, bmc_blend_score_bytes(blend, 1), 1);
	int taken = 0;

	if (!scores || !best || !which || !scratch)
		bm_check(BM_ENOMEM, "time an answer", NULL);
	for (size_t c = 0; c < cases->n && taken < MOST_ANSWERS && total < MOST_MS; c += stride)
	{
		BmHistory h = history_of(cases, c);
		instr_time started;

		INSTR_TIME_SET_CURRENT(started);
		bmc_blend_score(scores, blend, &h, 1, scratch, false);
		(void) bmc_topk(which, best, k, scores, n);
		total += ms[taken++] = ms_since(started);
		bm_interrupts();
	}
	qsort(ms, taken, sizeof(double), by_value);
	bmc_free(run->mem, scores);
	bmc_free(run->mem, best);
	bmc_free(run->mem, which);
	bmc_free(run->mem, scratch);
	return taken > 0 ? ms[taken / 2] : 0.0;
}
