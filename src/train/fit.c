/*
 * fit.c
 *		Runs one fit step by step: cancellable, bounded in time, with progress, early stopping and
 *		the best epoch kept.
 */
#include "pg/pg.h"

#include <math.h>

#include "portability/instr_time.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"
#include "train/fit.h"

/* A training while it is watched on the validation part. */
typedef struct Course
{
	BmFitted *fitted;
	const BmJudge *judge; /* or NULL */
	bool measured;        /* some epoch's weights are kept */
	double best;          /* their quality */
	int since_best;       /* epochs */
	StringInfoData history;
	instr_time started;
} Course;

static double
seconds_since(instr_time started)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, started);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* Measured after every epoch, stopped early, kept at the best one. */
static bool
in_epochs(const BmAlgorithm *algorithm)
{
	return algorithm->network || algorithm->staged;
}

bool
bm_run_late(const BmRun *run)
{
	return run->watch->deadline != 0 && GetCurrentTimestamp() >= run->watch->deadline;
}

void *
bm_settings(const BmAlgorithm *algorithm, Jsonb *json, const BmFitSize *size)
{
	void *settings = palloc0(bm_fitter(algorithm).options_size);

	bm_options_parse(settings, algorithm->options, json);
	if (algorithm->settle)
		algorithm->settle(settings, size);
	return settings;
}

BmBlend
bm_blend_of(const BmFitted *fitted, size_t nitems)
{
	BmBlend blend = {.n = 1,
					 .nitems = nitems,
					 .part = {{fitted->algorithm->core, fitted->bound, 1.0f}},
					 .cold = fitted->run->cold,
					 .ncold = fitted->run->ncold};

	return blend;
}

BmMetrics
bm_measure(BmRun *run, const BmBlend *blend, const BmCases *cases)
{
	BmMetrics metrics;

	bm_check(bmc_evaluate(&metrics, NULL, blend, cases, run->options->k, run->pool, run->mem,
						  &run->cancel->stop),
			 "evaluate", NULL);
	return metrics;
}

static char *
prefix_of(const BmFitted *f)
{
	return psprintf("%s/", f->algorithm->name);
}

static size_t
tensor_bytes(const BmTensors *tensors)
{
	size_t bytes = 0;

	for (int i = 0; i < tensors->n; i++)
		bytes = bmc_add(bytes, bmc_mul(bmc_tensor_count(&tensors->t[i]), 4));
	return bytes;
}

/* Bind f->tensors; NULL, or what is wrong with them. */
static const char *
bind_tensors(BmFitted *f)
{
	char *prefix = prefix_of(f);
	const char *wrong =
		f->algorithm->core
			? f->algorithm->core->bind(f->bound, f->tensors, prefix, f->fit.data->nitems)
			: f->algorithm->predictor->bind(f->bound, f->tensors, prefix);

	pfree(prefix);
	return wrong;
}

/* The fit's current weights, bound; they belong to the fit until its next step. */
static void
bind_current(BmFitted *f)
{
	char *prefix = prefix_of(f);
	const char *wrong;

	f->tensors->n = 0;
	bm_check(f->fitter.fit_tensors(&f->fit, prefix, f->tensors), "collect weights", f->fit.error);
	wrong = bind_tensors(f);
	if (wrong)
		elog(ERROR, "algorithm \"%s\" produced weights that it cannot use: %s", f->algorithm->name,
			 wrong);
	f->bytes = tensor_bytes(f->tensors);
	pfree(prefix);
}

/* Copy the current weights into a block of ours, which the bound model then reads. */
static void
keep_current(BmFitted *f)
{
	size_t needed = f->bytes + 64 * (size_t) f->tensors->n;
	char *at;

	if (needed > f->copy_bytes) /* a network's stay as large; trees become more */
	{
		bmc_free(f->run->mem, f->copy);
		f->copy = bmc_alloc(f->run->mem, needed, 1);
		f->copy_bytes = f->copy ? needed : 0;
	}
	if (f->copy == NULL)
		bm_check(BM_ENOMEM, "keep the best weights", NULL);
	at = f->copy;
	for (int i = 0; i < f->tensors->n; i++)
	{
		size_t bytes = bmc_tensor_count(&f->tensors->t[i]) * 4;

		memcpy(at, f->tensors->t[i].data, bytes);
		f->tensors->t[i].data = at;
		at += TYPEALIGN(64, bytes);
	}
	bind_tensors(f);
}

/* After an epoch: measure, note, keep if better. True when training should stop. */
static bool
epoch_done(Course *c)
{
	BmFitted *f = c->fitted;
	BmTensors *kept = palloc(sizeof(BmTensors));
	double quality;

	memcpy(kept, f->tensors, sizeof(BmTensors));
	bind_current(f);
	quality = c->judge->measure(c->judge, f);
	appendStringInfo(&c->history, "%s{\"epoch\":%d,\"loss\":%.7g,\"%s\":%.6f,\"seconds\":%.3f}",
					 c->history.len > 1 ? "," : "", f->fit.epoch,
					 isfinite(f->fit.loss) ? f->fit.loss : 0.0, c->judge->metric, quality,
					 seconds_since(c->started));
	bm_progress_step(f->fit.epoch, f->fit.epochs, f->fit.loss, c->judge->metric, quality);
	if (!c->measured || quality > c->best)
	{
		keep_current(f);
		if (c->judge->kept)
			c->judge->kept(c->judge, f);
		f->epochs = f->fit.epoch;
		c->measured = true;
		c->best = quality;
		c->since_best = 0;
	}
	else
	{
		memcpy(f->tensors, kept, sizeof(BmTensors)); /* bound again when the course ends */
		c->since_best++;
	}
	pfree(kept);
	return c->since_best >= f->run->options->patience;
}

/* The weights ran off after an epoch whose weights are kept: no reason to lose these. */
static bool
diverged_late(const Course *c, BmStatus status)
{
	const BmFitted *f = c->fitted;

	if (status != BM_ENOTFINITE || f->copy == NULL || !isfinite(c->best))
		return false;
	ereport(WARNING, (errcode(ERRCODE_DATA_EXCEPTION),
					  errmsg("training of algorithm \"%s\" diverged; its best epoch, %d, is kept",
							 f->algorithm->name, f->epochs),
					  f->fit.error[0] ? errdetail("%s", f->fit.error) : 0,
					  errhint("Train again with a smaller option \"learning_rate\".")));
	return true;
}

/* Step until done, out of patience, or late. False: ended by the clock. */
static bool
run_steps(Course *c, int epochs)
{
	BmFitted *f = c->fitted;
	bool watched = in_epochs(f->algorithm) && c->judge != NULL;

	for (;;)
	{
		BmStatus status = f->fitter.fit_step(&f->fit);

		bm_interrupts();
		if (status != BM_OK && status != BM_MORE && status != BM_EPOCH)
		{
			char *doing = psprintf("train algorithm \"%s\"", f->algorithm->name);

			if (status == BM_ESTOP && f->run->watch->timed_out)
				return false;
			if (diverged_late(c, status))
				return true;
			bm_check(status, doing, f->fit.error[0] ? f->fit.error : NULL);
		}
		if (status == BM_MORE)
		{
			double part = f->fit.total ? (double) f->fit.done / (double) f->fit.total : 0.0;

			bm_progress_step(f->fit.epoch + part, f->fit.epochs, f->fit.loss, NULL, 0.0);
		}
		else if (watched && epoch_done(c))
			return true;
		if (status == BM_OK || (epochs > 0 && status == BM_EPOCH && f->fit.epoch >= epochs))
			return true;
		if (bm_run_late(f->run))
			return false;
	}
}

static void
finish(Course *c, bool complete)
{
	BmFitted *f = c->fitted;
	bool watched = in_epochs(f->algorithm) && c->judge != NULL;

	f->stopped = !complete;
	if (watched && !c->measured && !complete && f->fit.done > 0)
		epoch_done(c); /* out of time inside the first epoch: what there is, measured */
	f->quality = c->measured ? c->best : NAN;
	if (f->copy)
	{
		f->fitter.fit_end(&f->fit);
		f->open = false;
		bind_tensors(f);
		return;
	}
	bind_current(f);
	f->epochs = Max(f->fit.epoch, 1);
	if (c->judge)
	{
		f->quality = c->judge->measure(c->judge, f);
		if (c->judge->kept)
			c->judge->kept(c->judge, f);
	}
}

/* A fitted to be, with everything that its fit needs. */
static BmFitted *
new_fitted(BmRun *run, const BmAlgorithm *algorithm, void *settings, const BmFit *input)
{
	BmFitted *f = palloc0(sizeof(BmFitted));

	f->algorithm = algorithm;
	f->fitter = bm_fitter(algorithm);
	f->settings = settings;
	f->run = run;
	f->tensors = palloc0(sizeof(BmTensors));
	f->bound = palloc0(f->fitter.bound_size);
	f->fit = *input;
	f->fit.options = settings;
	f->fit.seed = run->seed;
	f->fit.pool = run->pool;
	f->fit.mem = run->mem;
	/* these notice the deadline between its short steps, where its weights are whole */
	f->fit.stop = in_epochs(algorithm) ? &run->cancel->stop : &run->watch->stop;
	f->fit.loss = NAN;
	return f;
}

static void
check_fit_memory(BmRun *run, const BmFitted *f, const BmFitSize *size)
{
	bm_check_memory(
		run->mem, f->fitter.fit_bytes(size, f->settings),
		psprintf("training algorithm \"%s\"", f->algorithm->name),
		f->algorithm->core
			? "Raise behavmine.max_memory, drop rare items with the source's option "
			  "\"min_item_count\", or choose a lighter algorithm from "
			  "behav_algorithms()."
			: "Raise behavmine.max_memory, train on fewer rows or features, or choose a "
			  "lighter algorithm from behav_algorithms().");
}

BmFitted *
bm_fit_input(BmRun *run, const BmAlgorithm *algorithm, void *settings, const BmFit *input,
			 const BmFitSize *size, const BmJudge *judge, int epochs)
{
	BmFitted *f = new_fitted(run, algorithm, settings, input);
	Course course = {.fitted = f, .judge = judge};
	size_t used = run->mem->used, peak = run->mem->peak;
	BmStatus status;
	bool complete;

	run->mem->peak = used;

	initStringInfo(&course.history);
	appendStringInfoChar(&course.history, '[');
	INSTR_TIME_SET_CURRENT(course.started);

	bm_progress_phase(BM_PHASE_FIT, algorithm->name);
	check_fit_memory(run, f, size);
	status = f->fitter.fit_begin(&f->fit); /* which fills error, so before it is looked at */
	bm_check(status, psprintf("train algorithm \"%s\"", algorithm->name), f->fit.error);
	f->open = true;
	complete = run_steps(&course, epochs);
	if (!complete && f->copy == NULL && (!in_epochs(algorithm) || f->fit.done + f->fit.epoch == 0))
	{
		bm_fitted_free(f);
		return NULL;
	}
	finish(&course, complete);
	f->seconds = seconds_since(course.started);
	f->memory = run->mem->peak - used;
	run->mem->peak = Max(run->mem->peak, peak);
	appendStringInfoChar(&course.history, ']');
	f->history = bm_jsonb_parse(course.history.data);
	return f;
}

/* ---- recommenders ---- */

static double
measure_cases(const BmJudge *judge, BmFitted *f)
{
	BmBlend blend = bm_blend_of(f, f->fit.data->nitems);

	f->latest = bm_measure(f->run, &blend, judge->arg);
	return BM_MEAN(f->latest, ndcg);
}

static void
keep_metrics(const BmJudge *judge, BmFitted *f)
{
	f->valid = f->latest;
}

BmFitted *
bm_fit_from(BmRun *run, const BmAlgorithm *algorithm, void *settings, const BmSequences *data,
			const BmCases *cases, int epochs, const BmFitStart *start)
{
	BmFitSize size = bm_fit_size(data, run->threads);
	BmFit input = {.data = data, .start = start};
	BmFitted *f = bm_fit_input(run, algorithm, settings, &input, &size, NULL, epochs);

	if (f && cases)
	{
		BmJudge judge = {.arg = (void *) cases};

		f->quality = measure_cases(&judge, f);
		f->valid = f->latest;
	}
	return f;
}

BmFitted *
bm_fit(BmRun *run, const BmAlgorithm *algorithm, void *settings, const BmSequences *data,
	   const BmCases *cases, int epochs)
{
	BmFitSize size = bm_fit_size(data, run->threads);
	BmFit input = {.data = data};
	BmJudge judge = {psprintf("ndcg@%d", run->options->k), measure_cases, keep_metrics,
					 (void *) cases};

	return bm_fit_input(run, algorithm, settings, &input, &size, cases ? &judge : NULL, epochs);
}

void
bm_fitted_free(BmFitted *f)
{
	if (f == NULL)
		return;
	if (f->open)
		f->fitter.fit_end(&f->fit);
	f->open = false;
	bmc_free(f->run->mem, f->copy);
	f->copy = NULL;
	f->copy_bytes = 0;
}
