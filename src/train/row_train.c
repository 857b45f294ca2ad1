/*
 * row_train.c
 *		From rows to the model that answers: candidates at their best settings on validation, the best
 *		one measured on the test part beside the baseline, cross-validated, and fitted once more on
 *		everything.
 */
#include "pg/pg.h"

#include <math.h>

#include "core/num/rng.h"
#include "train/rows.h"

/* Share of max_seconds for choosing when folds and the refit come behind. */
#define CHOICE_SHARE 0.6
#define STREAM_IMPORTANCE 0x494d50 /* "IMP" */
#define IMPORTANCE_ROWS 5000

static void *
need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "train on rows", NULL);
	return block;
}

/* ---- measuring ---- */

/* Answers for a part, (n, outputs) in mem. */
static float *
answers_of(BmTraining *t, const BmFitted *f, const BmSamples *s)
{
	float *p = need(bmc_alloc(&t->mem, bmc_mul(s->n, bmc_outputs(s->classes)), sizeof(float)));

	bm_predict_all(p, f->algorithm->predictor, f->bound, s, t->run.pool, &t->mem, &t->cancel, true);
	return p;
}

static BmAnswers
beside_truth(const BmSamples *s, const float *p, double threshold)
{
	return (BmAnswers){.n = s->n, .classes = s->classes, .p = p, .y = s->y, .threshold = threshold};
}

static double
chosen_threshold(const BmRows *r, const float *p, BmMem *mem)
{
	double threshold = 0.5;

	if (r->classes == 2)
		bm_check(bmc_threshold(&threshold, (BmThresholdRule) r->options.threshold, p + 1, 2,
							   r->valid.samples.y, r->valid.n, mem),
				 "choose a threshold", NULL);
	return threshold;
}

/* The judge of a fit: the chosen metric on the validation part, losses negative. */
static double
judge_part(const BmJudge *judge, BmFitted *f)
{
	BmTraining *t = judge->arg;
	const BmRows *r = t->rows;
	BmRowMetric metric = bm_rows_metric(r);
	float *p = answers_of(t, f, bm_part_for(&r->valid, f->algorithm));
	BmAnswers a = beside_truth(&r->valid.samples, p, 0.5);
	BmRowQuality q;
	double v;

	if (metric == BM_METRIC_F1 || metric == BM_METRIC_PRECISION || metric == BM_METRIC_RECALL ||
		metric == BM_METRIC_ACCURACY)
		a.threshold = chosen_threshold(r, p, &t->mem);
	bm_row_quality(&q, &a, &t->mem);
	bmc_free(&t->mem, p);
	v = q.value[metric];
	return isnan(v) ? -INFINITY : bm_metric_is_loss(metric) ? -v : v;
}

/* ---- candidates ---- */

static BmFitSize
fit_size(const BmTraining *t, const BmSamples *s)
{
	BmFitSize size = {.nsamples = s->n,
					  .nrows = s->nrows,
					  .width = s->width,
					  .steps = s->steps,
					  .classes = s->classes,
					  .ncodes = s->ncodes,
					  .threads = t->run.threads};

	for (size_t j = 0; j < s->ncodes; j++)
		size.ntable += s->cardinality[j];
	return size;
}

static BmFitted *
fit_part(BmTraining *t, const BmAlgorithm *a, void *settings, const BmPart *part,
		 const BmJudge *judge, int epochs)
{
	BmFit input = {.samples = bm_part_for(part, a),
				   .valid = judge ? bm_part_for(&t->rows->valid, a) : NULL};
	BmFitSize size = fit_size(t, input.samples);

	return bm_fit_input(&t->run, a, settings, &input, &size, judge, epochs);
}

/* At the caller's setting, or the best of the grid on validation. */
static BmFitted *
fit_best(BmTraining *t, const BmAlgorithm *a)
{
	BmJudge judge = {
		.metric = bm_row_metric_name[bm_rows_metric(t->rows)], .measure = judge_part, .arg = t};
	BmFitSize size = fit_size(t, bm_part_for(&t->rows->train, a));
	BmFitted *best = NULL;

	if (!t->options.tune || a->grid == NULL || bm_has_own_options(a, t->json))
		return fit_part(t, a, bm_settings(a, t->json, &size), &t->rows->train, &judge, 0);
	for (const char *const *setting = a->grid; *setting; setting++)
	{
		void *settings = bm_settings(a, bm_jsonb_merge(t->json, bm_jsonb_parse(*setting)), &size);
		BmFitted *f;

		if (best && bm_run_late(&t->run))
			break;
		f = fit_part(t, a, settings, &t->rows->train, &judge, 0);
		if (f == NULL)
			break;
		if (best == NULL || f->quality > best->quality)
		{
			bm_fitted_free(best);
			best = f;
		}
		else
			bm_fitted_free(f);
	}
	return best;
}

static void
refuse_unavailable(const BmAlgorithm *a, const char *why)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		 errmsg("algorithm \"%s\" is not available on this server", a->name), errdetail("%s", why),
		 errhint("Install its library (Debian: apt install libxgboost0), name it in the setting "
				 "behavmine.xgboost_library, or choose another algorithm.")));
}

static bool
listed(const char *name, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Is the algorithm to be fitted? names (n): those asked for; none: those that suit. */
static bool
wanted(const BmTraining *t, const BmAlgorithm *a, const char *const *names, int n)
{
	bool classes = t->rows->classes > 0;
	const char *why;

	if (a->predictor == NULL || (n > 0 ? !listed(a->name, names, n) : a->on_request))
		return false;
	if (a->windows == BM_WINDOWS_ONLY && t->rows->windows == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("algorithm \"%s\" learns from windows of events, not from rows", a->name),
				 errhint("Give a source and a task: behav_train(%s, %s, source => "
						 "'<source>', options => '{\"task\": \"next_event\"}').",
						 quote_literal_cstr(t->model), quote_literal_cstr(a->name))));
	if (classes ? !a->classifies : !a->regresses)
	{
		if (n > 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("algorithm \"%s\" cannot learn target \"%s\"", a->name,
								   t->rows->target),
							errdetail("The target is a %s.", classes ? "class" : "number"),
							errhint("The option \"task\" says what the target is.")));
		return false;
	}
	why = a->unavailable ? a->unavailable() : NULL;
	if (why && n > 0)
		refuse_unavailable(a, why);
	if (why)
		bm_progress_note("%s is left out: %s", a->name, why);
	return why == NULL;
}

static void
add_candidate(BmTraining *t, const BmAlgorithm *a)
{
	BmRows *r = t->rows;
	BmRowMetric metric = bm_rows_metric(r);
	BmFitted *f = r->ncandidates > 0 && bm_run_late(&t->run) ? NULL : fit_best(t, a);
	BmRowCandidate *c = &r->candidate[r->ncandidates];
	BmAnswers answers;
	float *p;

	if (f == NULL || r->ncandidates == BM_MAX_CANDIDATES)
		return;
	c->fitted = f;
	p = answers_of(t, f, bm_part_for(&r->valid, a));
	c->threshold = chosen_threshold(r, p, &t->mem);
	answers = beside_truth(&r->valid.samples, p, c->threshold);
	bm_row_quality(&c->valid, &answers, &t->mem);
	bmc_free(&t->mem, p);
	p = answers_of(t, f, bm_part_for(&r->test, a));
	answers = beside_truth(&r->test.samples, p, c->threshold);
	bm_row_quality(&c->test, &answers, &t->mem);
	bmc_free(&t->mem, p);
	bm_progress_note("%-11s validation %s %.4f  %6.1f s", a->name, bm_row_metric_name[metric],
					 c->valid.value[metric], f->seconds);
	if (r->ncandidates == 0 || f->quality > r->candidate[r->best].fitted->quality)
		r->best = r->ncandidates;
	r->ncandidates++;
}

/* What cannot be is said before any work. */
static void
check_request(BmTraining *t)
{
	const BmRows *r = t->rows;
	int n;
	const char **names = bm_training_candidates(t, &n);

	(void) bm_rows_metric(r);
	if (r->options.folds == 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"folds\" must be 0, or 2 and more")));
	if (r->options.calibrate != BM_CALIBRATE_NONE && r->classes != 2)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"calibrate\" is for targets of two classes"),
						errdetail("Target \"%s\" has %zu.", r->target, r->classes)));
	for (int i = 0; i < n; i++)
	{
		const BmAlgorithm *a = bm_algorithm(names[i]);

		if (a->predictor == NULL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("algorithm \"%s\" learns from events, not from rows", names[i]),
							errhint("SELECT name FROM behav_algorithms() WHERE task = 'predict'")));
		(void) wanted(t, a, names, n);
	}
}

static void
fit_candidates(BmTraining *t)
{
	int n;
	const char **names = bm_training_candidates(t, &n);

	for (int i = 0; bm_algorithms[i]; i++)
		if (wanted(t, bm_algorithms[i], names, n))
			add_candidate(t, bm_algorithms[i]);
	if (t->rows->ncandidates == 0)
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
						errmsg("no algorithm was ready after \"max_seconds\""),
						errdetail("The bound is %g seconds.", t->options.max_seconds),
						errhint("Raise \"max_seconds\", or choose a lighter algorithm from "
								"behav_algorithms().")));
}

/* ---- the choice ---- */

/* Calibration and threshold of the choice on validation, then what is reported on the test part. */
static void
measure_choice(BmTraining *t)
{
	BmRows *r = t->rows;
	BmRowCandidate *c = &r->candidate[r->best];
	float *p = answers_of(t, c->fitted, bm_part_for(&r->valid, c->fitted->algorithm));
	BmAnswers a;

	r->calibrated.kind = r->options.calibrate;
	if (r->calibrated.kind == BM_CALIBRATE_ISOTONIC)
	{
		r->calibrated.knot = need(bmc_alloc(&t->mem, r->valid.n, 3 * sizeof(float)));
		bm_check(bmc_isotonic(r->calibrated.knot, &r->calibrated.nsteps, p + 1, 2,
							  r->valid.samples.y, r->valid.n, &t->mem),
				 "calibrate", NULL);
	}
	if (r->calibrated.kind == BM_CALIBRATE_PLATT)
		bmc_platt(&r->calibrated.a, &r->calibrated.b, p + 1, 2, r->valid.samples.y, r->valid.n);
	bm_calibrate(p, r->classes == 2 ? r->valid.n : 0, &r->calibrated);
	r->threshold = c->threshold = chosen_threshold(r, p, &t->mem);
	a = beside_truth(&r->valid.samples, p, r->threshold);
	bm_row_quality(&c->valid, &a, &t->mem);
	bmc_free(&t->mem, p);
	r->test_p = answers_of(t, c->fitted, bm_part_for(&r->test, c->fitted->algorithm));
	bm_calibrate(r->test_p, r->classes == 2 ? r->test.n : 0, &r->calibrated);
	a = beside_truth(&r->test.samples, r->test_p, r->threshold);
	bm_row_quality(&c->test, &a, &t->mem);
}

/* What answers without a look at the row: the classes' shares of the training part, or its mean. */
static void
measure_baseline(BmTraining *t)
{
	BmRows *r = t->rows;
	size_t C = bmc_outputs(r->classes), n = r->test.n;
	float *share = palloc0(sizeof(float) * C);
	float *p = need(bmc_alloc(&t->mem, bmc_mul(n, C), sizeof(float)));
	BmAnswers a;
	double mean = 0.0;

	for (size_t i = 0; i < r->train.n; i++)
	{
		mean += (double) r->train.samples.y[i];
		if (r->classes)
			share[(size_t) r->train.samples.y[i]] += 1.0f / (float) r->train.n;
	}
	if (r->classes == 0)
		share[0] = (float) (mean / (double) r->train.n);
	for (size_t i = 0; i < n; i++)
		memcpy(p + i * C, share, C * sizeof(float));
	a = beside_truth(&r->test.samples, p, 0.5);
	bm_row_quality(&r->baseline, &a, &t->mem);
	bmc_free(&t->mem, p);
}

/* ---- importance ---- */

/* The features of column j exchanged between the rows of x, by a permutation of them all. */
static void
shuffle_column(float *x, uint32_t *code, const BmSamples *s, const BmEncoderColumn *c,
			   const uint32_t *order)
{
	for (size_t i = 0; i < s->nrows; i++)
	{
		if (c->width)
			memcpy(x + i * s->width + c->first, s->x + (size_t) order[i] * s->width + c->first,
				   c->width * sizeof(float));
		if (c->encode == BM_ENCODE_EMBED && !c->dropped)
			code[i * s->ncodes + c->code] = s->code[(size_t) order[i] * s->ncodes + c->code];
	}
}

/* The model's quality on s, whatever it takes. */
static double
importance_quality(BmTraining *t, const BmFitted *f, const BmSamples *s)
{
	BmRows *r = t->rows;
	BmPart part = {.samples = *s};
	BmRowQuality q;
	BmAnswers a;
	float *p;

	if (r->windows && f->algorithm->windows == BM_WINDOWS_POOLED)
		part.pooled = bm_windows_pooled(s, &t->mem);
	p = answers_of(t, f, bm_part_for(&part, f->algorithm));
	a = beside_truth(s, p, r->candidate[r->best].threshold);
	bm_row_quality(&q, &a, &t->mem);
	bmc_free(&t->mem, p);
	bmc_free(&t->mem, (void *) part.pooled.x);
	bmc_free(&t->mem, (void *) part.pooled.code);
	return q.value[bm_rows_metric(r)];
}

/* Quality lost on validation when the values of a column are dealt anew (Breiman 2001). */
static void
measure_importance(BmTraining *t)
{
	BmRows *r = t->rows;
	const BmFitted *f = r->candidate[r->best].fitted;
	BmSamples s = r->valid.samples, shuffled;
	double sign = bm_metric_is_loss(bm_rows_metric(r)) ? -1.0 : 1.0, whole;
	uint32_t *order, *code;
	float *x;

	if (r->options.repeats == 0 || bm_run_late(&t->run))
		return;
	bm_progress_phase(BM_PHASE_EVALUATE, "importance");
	if (r->windows)
		s = bm_windows_sample(&s, IMPORTANCE_ROWS, &t->mem);
	else
		s.n = s.nrows = Min(s.n, IMPORTANCE_ROWS);
	shuffled = s;
	shuffled.x = x = need(bmc_alloc(&t->mem, Max(s.nrows * s.width, 1), sizeof(float)));
	shuffled.code = code = need(bmc_alloc(&t->mem, Max(s.nrows * s.ncodes, 1), sizeof(uint32_t)));
	order = need(bmc_alloc(&t->mem, s.nrows, sizeof(uint32_t)));
	whole = importance_quality(t, f, &s);
	r->importance = palloc0(sizeof(double) * r->nfeatures);
	r->importance_sd = palloc0(sizeof(double) * r->nfeatures);
	for (int j = 0; j < r->nfeatures; j++)
	{
		double sum = 0.0, squares = 0.0, n = r->options.repeats;
		const BmEncoderColumn *c = &r->encoder->core.column[j];

		bm_interrupts();
		for (int k = 0; k < r->options.repeats && !c->dropped; k++)
		{
			BmRng rng = bmc_rng((uint64) t->seed, STREAM_IMPORTANCE + (uint64) j * 128 + k);
			double loss;

			for (size_t i = 0; i < s.nrows; i++)
				order[i] = (uint32_t) i;
			bmc_rng_shuffle(&rng, order, s.nrows);
			memcpy(x, s.x, s.nrows * s.width * sizeof(float));
			if (s.ncodes)
				memcpy(code, s.code, s.nrows * s.ncodes * sizeof(uint32_t));
			shuffle_column(x, code, &s, c, order);
			loss = sign * (whole - importance_quality(t, f, &shuffled));
			loss = isnan(loss) ? 0.0 : loss;
			sum += loss;
			squares += loss * loss;
		}
		r->importance[j] = sum / n;
		r->importance_sd[j] = n > 1 ? sqrt(Max(0.0, (squares - sum * sum / n) / (n - 1))) : NAN;
	}
	bmc_free(&t->mem, order);
	bmc_free(&t->mem, code);
	bmc_free(&t->mem, x);
	if (r->windows)
		bm_windows_sample_free(&s, &t->mem);
}

/* ---- folds ---- */

/* The choice at its setting and epochs, encoder and all, on one fold. */
static bool
measure_fold(BmTraining *t, BmRowQuality *q, int fold)
{
	BmRows *r = t->rows;
	const BmRowCandidate *c = &r->candidate[r->best];
	BmPart train = {0}, test = {0};
	BmTableEncoder *e;
	BmFitted *f;
	BmAnswers a;
	float *p;

	bm_rows_fold(t, &train, &test, fold);
	e = bm_rows_fit_encoder(t, &train);
	bm_part_encode(t, &train, e, true);
	bm_part_encode(t, &test, e, false);
	f = fit_part(t, c->fitted->algorithm, c->fitted->settings, &train, NULL, c->fitted->epochs);
	if (f)
	{
		p = answers_of(t, f, &test.samples);
		bm_calibrate(p, r->classes == 2 ? test.n : 0, &r->calibrated);
		a = beside_truth(&test.samples, p, r->threshold);
		bm_row_quality(q, &a, &t->mem);
		bmc_free(&t->mem, p);
	}
	bm_fitted_free(f);
	bm_part_release(t, &train);
	bm_part_release(t, &test);
	bmc_encoder_free(&e->core);
	bmc_free(&t->mem, train.row);
	bmc_free(&t->mem, test.row);
	return f != NULL;
}

static void
cross_validate(BmTraining *t)
{
	BmRows *r = t->rows;
	double sum[BM_NMETRICS] = {0}, squares[BM_NMETRICS] = {0}, n;

	for (int k = 0; k < r->options.folds; k++)
	{
		BmRowQuality q;

		if (bm_run_late(&t->run) || !measure_fold(t, &q, k))
			break;
		for (int m = 0; m < BM_NMETRICS; m++)
		{
			sum[m] += q.value[m];
			squares[m] += q.value[m] * q.value[m];
		}
		r->folds_done++;
		bm_progress_note("fold %d of %d: %s %.4f", k + 1, r->options.folds,
						 bm_row_metric_name[bm_rows_metric(r)], q.value[bm_rows_metric(r)]);
	}
	n = r->folds_done;
	for (int m = 0; m < BM_NMETRICS && n > 0; m++)
	{
		r->cv_mean[m] = sum[m] / n;
		r->cv_sd[m] = n > 1 ? sqrt(Max(0.0, (squares[m] - sum[m] * sum[m] / n) / (n - 1))) : NAN;
	}
}

/* ---- refit ---- */

static void
refit(BmTraining *t)
{
	BmRows *r = t->rows;
	BmFitted *chosen = r->candidate[r->best].fitted, *again;
	BmTableEncoder *e;

	r->final = chosen;
	bm_training_allow(t, 1.0);
	for (int i = 0; i < r->ncandidates; i++)
		if (i != r->best)
			bm_fitted_free(r->candidate[i].fitted);
	if (!t->options.refit || bm_run_late(&t->run))
		return;
	bm_part_release(t, &r->valid);
	e = bm_rows_fit_encoder(t, &r->all);
	bm_part_encode(t, &r->all, e, true);
	again = fit_part(t, chosen->algorithm, chosen->settings, &r->all, NULL, chosen->epochs);
	if (again == NULL || again->stopped)
	{
		bm_fitted_free(again);
		bmc_encoder_free(&e->core);
		return;
	}
	again->history = chosen->history;
	again->epochs = chosen->epochs;
	r->final = again;
	r->encoder = e;
	t->refitted = true;
}

static void
add_tensor(BmTraining *t, const char *name, BmDtype dtype, const void *data, int ndim,
		   const size_t *shape)
{
	if (!bmc_tensors_add(t->tensors, NULL, name, dtype, data, ndim, shape))
		elog(ERROR, "too many tensors in one version");
}

/* The predictor's, the encoder's, and the calibration's. */
static void
collect_tensors(BmTraining *t)
{
	BmRows *r = t->rows;
	const BmCalibrated *c = &r->calibrated;
	size_t steps[2] = {c->nsteps, 3}, two = 2;
	float *platt = palloc(2 * sizeof(float));

	t->tensors = palloc0(sizeof(BmTensors));
	for (int i = 0; i < r->final->tensors->n; i++)
	{
		const BmTensor *x = &r->final->tensors->t[i];

		add_tensor(t, x->name, x->dtype, x->data, x->ndim, x->shape);
	}
	bm_check(bmc_encoder_tensors(&r->encoder->core, "encoder/", t->tensors), "store the encoder",
			 NULL);
	platt[0] = (float) c->a;
	platt[1] = (float) c->b;
	if (c->kind == BM_CALIBRATE_ISOTONIC)
		add_tensor(t, "isotonic", BM_F32, c->knot, 2, steps);
	if (c->kind == BM_CALIBRATE_PLATT)
		add_tensor(t, "platt", BM_F32, platt, 1, &two);
}

void
bm_rows_compute(BmTraining *t)
{
	BmRows *r = t->rows;

	t->run = (BmRun){.mem = &t->mem,
					 .watch = &t->watch,
					 .cancel = &t->cancel,
					 .seed = (uint64) t->seed,
					 .options = &t->options};
	check_request(t);
	bm_rows_split(t);
	t->run.pool = bm_pool_open(t->context, bm_threads(), true);
	t->run.threads = bmc_pool_threads(t->run.pool);
	r->encoder = bm_rows_fit_encoder(t, &r->train);
	bm_part_encode(t, &r->train, r->encoder, true);
	bm_part_encode(t, &r->valid, r->encoder, false);
	bm_part_encode(t, &r->test, r->encoder, false);
	bm_rows_notice_leaks(r, &t->mem);
	bm_training_allow(t, CHOICE_SHARE);
	fit_candidates(t);
	measure_choice(t);
	measure_baseline(t);
	if (r->windows)
		bm_windows_markov(t);
	measure_importance(t);
	cross_validate(t);
	if (t->rule == BM_DEPLOY_IF_BETTER)
		t->deploy = bm_rows_beat_incumbent(t, &t->note);
	else
	{
		t->deploy = t->rule == BM_DEPLOY_ALWAYS;
		t->note = pstrdup(t->deploy ? "deploy => 'always'" : "deploy => 'never'");
	}
	refit(t);
	collect_tensors(t);
	bm_rows_fill_version(t);
}
