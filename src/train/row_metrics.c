/*
 * row_metrics.c
 *		Answers of a predictor for many rows, and what is measured of them.
 */
#include "pg/pg.h"

#include <math.h>

#include "train/rows.h"

#define BLOCK_ROWS 512

const char *const bm_row_metric_name[BM_NMETRICS] = {"auto",      "auc",    "pr_auc", "accuracy",
													 "precision", "recall", "f1",     "log_loss",
													 "brier",     "rmse",   "mae",    "r2"};

bool
bm_metric_is_loss(BmRowMetric metric)
{
	return metric == BM_METRIC_LOG_LOSS || metric == BM_METRIC_BRIER || metric == BM_METRIC_RMSE ||
		   metric == BM_METRIC_MAE;
}

BmRowMetric
bm_rows_metric(const BmRows *r)
{
	BmRowMetric m = r->options.metric;
	bool values = m == BM_METRIC_RMSE || m == BM_METRIC_MAE || m == BM_METRIC_R2;

	if (m == BM_METRIC_AUTO)
		return r->classes ? BM_METRIC_AUC : BM_METRIC_R2;
	if (values == (r->classes > 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"metric\" cannot be \"%s\" here", bm_row_metric_name[m]),
						errdetail("The target \"%s\" is a %s.", r->target,
								  r->classes ? "class" : "number")));
	return m;
}

/* ---- answers ---- */

typedef struct Ask
{
	float *p;
	const BmPredictor *predictor;
	const void *bound;
	const BmSamples *samples;
	char *scratch;
	size_t scratch_bytes;
	bool fast_blas;
} Ask;

static void
ask_task(void *arg, size_t task, int worker)
{
	Ask *a = arg;
	size_t first = task * BLOCK_ROWS, left = a->samples->n - first;

	a->predictor->predict(a->p + first * bmc_outputs(a->samples->classes), a->bound, a->samples,
						  first, left < BLOCK_ROWS ? left : BLOCK_ROWS,
						  a->scratch + (size_t) worker * a->scratch_bytes, a->fast_blas);
}

void
bm_predict_all(float *p, const BmPredictor *predictor, const void *bound, const BmSamples *s,
			   BmPool *pool, BmMem *mem, BmWatch *watch, bool fast_blas)
{
	Ask a = {.p = p,
			 .predictor = predictor,
			 .bound = bound,
			 .samples = s,
			 .scratch_bytes = TYPEALIGN(64, predictor->predict_bytes(bound, BLOCK_ROWS)),
			 .fast_blas = fast_blas};
	BmStatus status;

	a.scratch = bmc_alloc(mem, a.scratch_bytes, pool ? bmc_pool_threads(pool) : 1);
	if (a.scratch == NULL)
		bm_check(BM_ENOMEM, "predict", NULL);
	status = bmc_pool_run(pool, ask_task, &a, (s->n + BLOCK_ROWS - 1) / BLOCK_ROWS, &watch->stop);
	bmc_free(mem, a.scratch);
	bm_check(status, "predict", NULL);
}

/* ---- quality ---- */

void
bm_row_quality(BmRowQuality *q, const BmAnswers *a, BmMem *mem)
{
	const BmAccuracy *c = &q->accuracy;
	const BmClassMetrics *m;

	memset(q, 0, sizeof(*q));
	q->n = (double) a->n;
	for (int i = 0; i < BM_NMETRICS; i++)
		q->value[i] = NAN;
	if (a->classes == 0)
	{
		BmErrors e = bmc_errors(a);

		q->value[BM_METRIC_RMSE] = sqrt(e.mse);
		q->value[BM_METRIC_MAE] = e.mae;
		q->value[BM_METRIC_R2] = e.r2;
		return;
	}
	bm_check(bmc_accuracy(&q->accuracy, NULL, a, mem), "measure the answers", NULL);
	m = a->classes == 2 ? &c->positive : &c->macro;
	q->value[BM_METRIC_AUC] = m->auc;
	q->value[BM_METRIC_PR_AUC] = m->pr_auc;
	q->value[BM_METRIC_ACCURACY] = c->accuracy;
	q->value[BM_METRIC_PRECISION] = m->precision;
	q->value[BM_METRIC_RECALL] = m->recall;
	q->value[BM_METRIC_F1] = m->f1;
	q->value[BM_METRIC_LOG_LOSS] = c->log_loss;
	q->value[BM_METRIC_BRIER] = c->brier;
}

void
bm_calibrate(float *p, size_t n, const BmCalibrated *c)
{
	if (c->kind == BM_CALIBRATE_NONE)
		return;
	for (size_t i = 0; i < n; i++)
	{
		float one = c->kind == BM_CALIBRATE_ISOTONIC
						? bmc_isotonic_at(c->knot, c->nsteps, p[2 * i + 1])
						: bmc_platt_at(c->a, c->b, p[2 * i + 1]);

		p[2 * i] = 1.0f - one;
		p[2 * i + 1] = one;
	}
}
