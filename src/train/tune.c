/*
 * tune.c
 *		behav_tune: random search (Bergstra and Bengio 2012) and successive halving (Jamieson and
 *		Talwalkar 2016) over settings of several algorithms.
 *
 * The setting of a trial is a function of space, seed and number, and every result is a row of
 * behavmine.trial; so a run that was killed goes on where it stopped, when it is asked for in the same words.
 * Halving gives a ninth of the budget to all, a third to the best third, all of it to the best ninth. The
 * budget of a network is its epochs, that of everything else the share of the users it may learn from.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "core/num/rng.h"
#include "model/query.h"
#include "train/tune.h"

#define ETA 3
/* Epochs of a network with the full budget, as far as the smaller ones are parts of it. */
#define FULL_EPOCHS 27
#define MOST_TRIALS 10000

static const char *const status_word[] = {"open", "done", "failed", "left out"};

/* Share of the budget on a rung: 1/9, 1/3, 1. */
static double
share_of(int rung)
{
	return pow(ETA, rung - (BM_TUNE_RUNGS - 1));
}

/* ---- begin ---- */

static bool
parse_method(const char *method)
{
	if (strcmp(method, "random") != 0 && strcmp(method, "halving") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"method\" cannot be \"%s\"", method),
						errhint("It is random or halving.")));
	return strcmp(method, "halving") == 0;
}

static Jsonb *
request_json(const BmTraining *t, const BmRequest *request)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(&s, "{\"source\":");
	escape_json(&s, t->source_name);
	appendStringInfo(
		&s,
		",\"space\":%s,\"trials\":%d,\"method\":\"%s\",\"options\":%s,\"seed\":" INT64_FORMAT "}",
		request->space ? JsonbToCString(NULL, &request->space->root, VARSIZE(request->space))
					   : "null",
		request->trials, request->method, JsonbToCString(NULL, &t->json->root, VARSIZE(t->json)),
		t->seed);
	return bm_jsonb_parse(s.data);
}

void
bm_tune_begin(BmTraining *t, const BmRequest *request)
{
	BmTune *tune = t->tune = palloc0(sizeof(BmTune));
	BmSpace *space = bm_space(request->space);
	int drawn = request->trials;

	tune->halving = parse_method(request->method);
	tune->request = request_json(t, request);
	tune->trial = palloc0(sizeof(BmTrial) * (drawn + 8));
	for (const char *const *b = bm_baselines; *b; b++)
		tune->trial[tune->ntrials++] = (BmTrial){
			.algorithm = bm_algorithm(*b), .options = bm_jsonb_parse("{}"), .baseline = true};
	for (int i = 1; i <= drawn; i++)
	{
		BmTrial *trial = &tune->trial[tune->ntrials++];

		trial->options = bm_space_draw(space, (uint64) t->seed, i, &trial->algorithm);
	}
	tune->best = -1;
}

void
bm_tune_request_json(StringInfo s, const BmTune *tune)
{
	appendStringInfo(s, ",\"tune\":%s",
					 JsonbToCString(NULL, &tune->request->root, VARSIZE(tune->request)));
}

/* ---- rows ---- */

static BmTrialStatus
status_of(const char *word)
{
	for (int i = 0; i < lengthof(status_word); i++)
		if (strcmp(word, status_word[i]) == 0)
			return (BmTrialStatus) i;
	return BM_TRIAL_OPEN;
}

static void
read_rows(BmTraining *t)
{
	BmParam p[2] = {bm_param_text(t->model), bm_param_int(t->tune->study)};
	uint64 n =
		bm_read("SELECT trial, rung, status, value, recall, seconds, memory, answer_ms, message "
				"FROM behavmine.trial WHERE model = $1 AND study = $2 AND owner = current_user",
				2, p);

	for (uint64 i = 0; i < n; i++)
	{
		int trial = (int) bm_row_int8(i, 1) - 1, rung = (int) bm_row_int8(i, 2) - 1;

		if (trial < 0 || trial >= t->tune->ntrials || rung < 0 || rung >= BM_TUNE_RUNGS)
			continue;
		t->tune->trial[trial].result[rung] =
			(BmTrialResult){.status = status_of(bm_row_text(i, 3, t->context)),
							.value = bm_row_float8(i, 4),
							.recall = bm_row_float8(i, 5),
							.seconds = bm_row_float8(i, 6),
							.memory = (size_t) bm_row_int8(i, 7),
							.answer_ms = bm_row_float8(i, 8),
							.message = bm_row_text(i, 9, t->context)};
	}
	if (n > 0)
		bm_progress_note("going on with study %d of model \"%s\": " UINT64_FORMAT
						 " trials are done",
						 t->tune->study, t->model, n);
}

void
bm_tune_resume(BmTraining *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	BmTune *tune = t->tune;
	BmParam p[2] = {bm_param_text(t->model), bm_param_jsonb(tune->request)};

	SPI_connect();
	tune->study = 1;
	if (bm_read("SELECT study, request = $2 AND NOT bool_or(chosen), "
				"max(watermark) + interval '1 microsecond' FROM behavmine.trial "
				"WHERE model = $1 AND owner = current_user GROUP BY study, request "
				"ORDER BY study DESC LIMIT 1",
				2, p) == 1)
	{
		bool same = strcmp(bm_row_text(0, 2, t->context), "t") == 0;

		tune->study = (int) bm_row_int8(0, 1) + !same;
		if (same)
		{
			if (t->options.until == NULL) /* the events that the earlier trials saw */
				t->options.until = bm_row_text(0, 3, t->context);
			read_rows(t);
		}
	}
	SPI_finish();
	MemoryContextSwitchTo(old);
}

static BmParam
real(double x, bool known)
{
	return bm_param_float8(known ? x : NAN);
}

void
bm_tune_record(BmTraining *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	BmTune *tune = t->tune;
	const BmTrial *trial = &tune->trial[tune->next];
	const BmTrialResult *r = &trial->result[tune->rung];
	bool done = r->status == BM_TRIAL_DONE;
	BmParam p[] = {bm_param_text(t->model),
				   bm_param_int(tune->study),
				   bm_param_int(tune->next + 1),
				   bm_param_int(tune->rung + 1),
				   bm_param_text(trial->algorithm->name),
				   bm_param_jsonb(trial->options),
				   bm_param_float8(share_of(tune->rung)),
				   bm_param_text(status_word[r->status]),
				   bm_param_text(psprintf("ndcg@%d", t->options.k)),
				   real(r->value, done),
				   real(r->recall, done),
				   real(r->seconds, done),
				   bm_param_int8((int64) r->memory),
				   real(r->answer_ms, done),
				   bm_param_text(r->message),
				   bm_param_jsonb(tune->request),
				   bm_param_datum(TIMESTAMPTZOID, TimestampTzGetDatum(t->log->last))};

	p[12].null = !done;
	SPI_connect();
	bm_write(
		"INSERT INTO behavmine.trial (model, study, trial, rung, algorithm, options, share, "
		"status, metric, value, recall, seconds, memory, answer_ms, message, request, watermark) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
		lengthof(p), p);
	SPI_finish();
	MemoryContextSwitchTo(old);
}

void
bm_tune_mark(BmTraining *t)
{
	BmParam p[4] = {bm_param_text(t->model), bm_param_int(t->tune->study),
					bm_param_int(t->tune->best + 1), bm_param_int(t->version.version)};

	SPI_connect();
	bm_write(
		"UPDATE behavmine.trial SET chosen = true, version = $4 WHERE model = $1 AND study = $2 "
		"AND trial = $3 AND owner = current_user AND share = 1",
		4, p);
	SPI_finish();
}

/* ---- which trial is next ---- */

/* Does trial i reach this rung? Its place among those of the rung below decides. */
static bool
reaches(const BmTune *tune, int i, int rung)
{
	const BmTrial *trial = &tune->trial[i];
	int first = tune->halving ? 0 : BM_TUNE_RUNGS - 1, entered = 0, better = 0;

	if (trial->baseline)
		return rung == BM_TUNE_RUNGS - 1;
	if (rung <= first)
		return rung == first;
	if (!reaches(tune, i, rung - 1) || trial->result[rung - 1].status != BM_TRIAL_DONE)
		return false;
	for (int j = 0; j < tune->ntrials; j++)
	{
		const BmTrial *other = &tune->trial[j];

		if (other->baseline || !reaches(tune, j, rung - 1))
			continue;
		entered++;
		if (other->result[rung - 1].status == BM_TRIAL_DONE &&
			(other->result[rung - 1].value > trial->result[rung - 1].value ||
			 (other->result[rung - 1].value == trial->result[rung - 1].value && j < i)))
			better++;
	}
	return better < (entered + ETA - 1) / ETA;
}

bool
bm_tune_pending(BmTraining *t)
{
	BmTune *tune = t->tune;

	if (t->watch.deadline != 0 && GetCurrentTimestamp() >= t->watch.deadline)
		return false;
	for (int rung = 0; rung < BM_TUNE_RUNGS; rung++)
		for (int i = 0; i < tune->ntrials; i++)
			if (tune->trial[i].result[rung].status == BM_TRIAL_OPEN && reaches(tune, i, rung) &&
				(rung == BM_TUNE_RUNGS - 1 || !tune->trial[i].baseline))
			{
				tune->next = i;
				tune->rung = rung;
				return true;
			}
	return false;
}

/* ---- fitting ---- */

/* The training part with a share of the users: the others have no events in it. */
static BmSequences
some_users(BmTraining *t, double share)
{
	BmSequences data = t->split->data;
	uint32_t *use = palloc_extended(sizeof(uint32_t) * data.nusers, MCXT_ALLOC_HUGE);
	uint64 threshold = (uint64) (share * 18446744073709549568.0);

	for (size_t u = 0; u < data.nusers; u++)
		use[u] = bmc_mix64(bmc_mix64((uint64) t->seed) ^ u) <= threshold ? t->split->use[u] : 0;
	data.use = use;
	return data;
}

static void
measure_trial(BmTraining *t, BmTrialResult *r, const BmTrial *trial, int rung)
{
	const BmAlgorithm *a = trial->algorithm;
	BmFitSize size = bm_fit_size(&t->split->data, t->run.threads);
	void *settings = bm_settings(a, trial->options, &size);
	double share = share_of(rung);
	int epochs = a->network && share < 1.0 ? (int) rint(share * FULL_EPOCHS) : 0;
	BmSequences part = a->network || share >= 1.0 ? t->split->data : some_users(t, share);
	BmFitted *f;
	BmBlend one;

	if (!bm_affordable(&t->run, t->split, a, trial->options))
	{
		r->status = BM_TRIAL_LEFT_OUT;
		r->message = "it would need more than behavmine.max_memory, or about an hour";
		return;
	}
	f = bm_fit(&t->run, a, settings, &part, &t->split->valid, epochs);
	if (f == NULL || f->stopped)
	{
		r->status = BM_TRIAL_LEFT_OUT;
		r->message = "\"max_seconds\" ended it";
		return;
	}
	one = bm_blend_of(f, part.nitems);
	*r = (BmTrialResult){.status = BM_TRIAL_DONE,
						 .value = f->quality,
						 .recall = BM_MEAN(f->valid, hit),
						 .seconds = f->seconds,
						 .memory = f->memory,
						 .answer_ms = bm_answer_ms(&t->run, &one, &t->split->valid)};
	bm_progress_note("trial %d of %d: %-11s validation ndcg@%d %.4f  %6.1f s  %5zu MB  %6.2f ms",
					 t->tune->next + 1, t->tune->ntrials, a->name, t->options.k, r->value,
					 r->seconds, r->memory >> 20, r->answer_ms);
}

/* A trial that fails (weights that diverge) is one row that says so; a cancel ends the run. */
static void
try_trial(BmTraining *t, BmTrialResult *volatile r, const BmTrial *trial, int rung)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		measure_trial(t, r, trial, rung);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(t->context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_DATA_EXCEPTION &&
			error->sqlerrcode != ERRCODE_CONFIGURATION_LIMIT_EXCEEDED &&
			error->sqlerrcode != ERRCODE_INVALID_PARAMETER_VALUE)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		*r = (BmTrialResult){.status = BM_TRIAL_FAILED, .message = error->message};
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
}

void
bm_tune_fit(BmTraining *t)
{
	BmTune *tune = t->tune;
	MemoryContext old, context;
	size_t used;

	if (t->split == NULL)
		bm_training_split(t);
	/* whatever a trial takes goes with its context */
	context = AllocSetContextCreate(t->context, "behavmine trial", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	used = t->mem.used;
	t->mem.arg = context;
	try_trial(t, &tune->trial[tune->next].result[tune->rung], &tune->trial[tune->next], tune->rung);
	t->mem.arg = t->context;
	t->mem.used = used;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---- the end ---- */

void
bm_tune_settle(BmTraining *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	BmTune *tune = t->tune;

	for (int i = 0; i < tune->ntrials; i++)
	{
		const BmTrialResult *r = &tune->trial[i].result[BM_TUNE_RUNGS - 1];

		if (r->status == BM_TRIAL_DONE &&
			(tune->best < 0 || r->value > tune->trial[tune->best].result[BM_TUNE_RUNGS - 1].value))
			tune->best = i;
	}
	if (tune->best < 0)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED), errmsg("no trial was finished"),
				 errhint("Raise \"max_seconds\" or behavmine.max_memory; behav_trials says why "
						 "each one ended.")));
	t->algorithm = pstrdup(tune->trial[tune->best].algorithm->name);
	t->json = bm_jsonb_merge(t->json, tune->trial[tune->best].options);
	t->options.tune = false;
	t->options.max_seconds = 0; /* the search is over; the training of the best one has no bound */
	bm_watch_init(&t->watch, 0);
	MemoryContextSwitchTo(old);
}

/* ---- SQL ---- */

static void
emit_trial(FunctionCallInfo fcinfo, const BmTraining *t, int i, int rung)
{
	const BmTrial *trial = &t->tune->trial[i];
	const BmTrialResult *r = &trial->result[rung];
	bool done = r->status == BM_TRIAL_DONE,
		 chosen = i == t->tune->best && rung == BM_TUNE_RUNGS - 1;
	const char *note = chosen ? t->note : r->message;
	Datum values[17] = {0};
	bool nulls[17] = {false};

	values[0] = bm_text_datum(t->model);
	values[1] = Int32GetDatum(t->tune->study);
	values[2] = Int32GetDatum(i + 1);
	values[3] = Int32GetDatum(rung + 1);
	values[4] = bm_text_datum(trial->algorithm->name);
	values[5] = JsonbPGetDatum(trial->options);
	values[6] = Float8GetDatum(share_of(rung));
	values[7] = bm_text_datum(status_word[r->status]);
	values[8] = bm_text_datum(psprintf("ndcg@%d", t->options.k));
	values[9] = Float8GetDatum(r->value);
	values[10] = Float8GetDatum(r->recall);
	values[11] = Float8GetDatum(r->seconds);
	values[12] = Int64GetDatum((int64) r->memory);
	values[13] = Float8GetDatum(r->answer_ms);
	values[14] = Int32GetDatum(t->version.version);
	values[15] = (Datum) 0;
	values[16] = note ? bm_text_datum(note) : (Datum) 0;
	for (int v = 9; v < 14; v++)
		nulls[v] = !done;
	nulls[14] = !chosen;
	nulls[15] = true;
	nulls[16] = note == NULL;
	bm_srf_row(fcinfo, values, nulls);
}

static void
emit_job(FunctionCallInfo fcinfo, const BmTraining *t, int64 job)
{
	Datum values[17] = {0};
	bool nulls[17];

	memset(nulls, true, sizeof(nulls));
	values[0] = bm_text_datum(t->model);
	values[15] = Int64GetDatum(job);
	values[16] =
		bm_text_datum(psprintf("job " INT64_FORMAT " starts when this transaction commits; "
							   "see behav_jobs and behav_trials",
							   job));
	nulls[0] = nulls[15] = nulls[16] = false;
	bm_srf_row(fcinfo, values, nulls);
}

/*
 * behav_tune(model text, space jsonb, trials int, method text, source text, options jsonb, deploy text,
 * seed bigint, background boolean): a row per trial and rung.
 */
BM_FUNCTION(behav_tune);
Datum
behav_tune(PG_FUNCTION_ARGS)
{
	BmRequest request = {.model = bm_arg_text(fcinfo, 0, "model"),
						 .space = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1),
						 .trials = (int) bm_arg_range_or(fcinfo, 2, "trials", 1, MOST_TRIALS, 20),
						 .method = PG_ARGISNULL(3) ? "random" : bm_arg_text(fcinfo, 3, "method"),
						 .source = bm_arg_text_or_null(fcinfo, 4),
						 .options = PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5),
						 .deploy = PG_ARGISNULL(6) ? "if_better" : bm_arg_text(fcinfo, 6, "deploy"),
						 .seed = PG_ARGISNULL(7) ? 0 : PG_GETARG_INT64(7)};
	BmTraining *t;

	bm_srf_begin(fcinfo);
	t = bm_training_begin(&request, CurrentMemoryContext);
	if (bm_arg_bool_or(fcinfo, 8, false))
		emit_job(fcinfo, t, bm_background_train(t));
	else
	{
		bm_training_run(t);
		for (int rung = 0; rung < BM_TUNE_RUNGS; rung++)
			for (int i = 0; i < t->tune->ntrials; i++)
				if (t->tune->trial[i].result[rung].status != BM_TRIAL_OPEN)
					emit_trial(fcinfo, t, i, rung);
	}
	bm_training_end(t);
	return (Datum) 0;
}
