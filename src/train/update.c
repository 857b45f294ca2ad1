/*
 * update.c
 *		behav_update: folds into the deployed version what came after it.
 *
 * Settings, blend weights and what is read stay as they were chosen; nothing is searched. Counting models
 * are counted once more from the events: that is exact whatever happened to them meanwhile (late events,
 * deleted users), and takes no longer than reading them. Factors and networks go on from their weights for
 * a few epochs, a new item's being the only ones that begin at random. All of it happens twice: without
 * the newest slice of the new events, on which the new version is then compared with the deployed one,
 * which knows none of them; and with it.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "train/update.h"

/* Fewer cases than this say too little. */
#define MIN_CASES 50
/* A slice is small: an update is as good as the deployed version down to this share of its NDCG. */
#define AS_GOOD 0.98
/* Share of the epochs of the training. */
#define EPOCH_SHARE 0.05

#define AT(field) offsetof(BmUpdateOptions, field)

const BmOptionSpec bm_update_spec[] = {
	{"newest", BM_OPT_FLOAT, AT(newest), "0.5", 0.05, 0.95, NULL,
	 "Share of the new events, the newest, on which both versions are compared."},
	{"update_epochs", BM_OPT_INT, AT(epochs), "0", 0, 100000, NULL,
	 "Epochs of factors and networks; 0 means a twentieth of those of the training."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* ---- the deployed version ---- */

/* A member that is an object or an array, or NULL. */
static Jsonb *
member(Jsonb *json, const char *key)
{
	JsonbValue *v = NULL;

	if (json && JB_ROOT_IS_OBJECT(json))
		v = getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL);
	return v && v->type == jbvBinary ? JsonbValueToJsonb(v) : NULL;
}

static int
int_member(Jsonb *json, const char *key, int dflt)
{
	JsonbValue *v = json ? getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL) : NULL;

	return v && v->type == jbvNumeric
			   ? DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(v->val.numeric)))
			   : dflt;
}

void
bm_update_begin(BmTraining *t)
{
	BmUpdate *u = palloc0(sizeof(BmUpdate));
	Jsonb *training;

	u->old = bm_version_load(t->model, 0);
	if (u->old->source == NULL)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("model \"%s\" does not learn from events", t->model),
						errhint("Train it again with behav_train.")));
	training = member(u->old->encoder, "training");
	u->training = bm_jsonb_merge(member(training, "options"), t->json);
	u->popular = member(training, "popular");
	u->trained = int_member(training, "epochs", u->old->epochs);
	u->old_value = NAN;
	t->source_name = u->old->source;
	t->seed = u->old->seed;
	t->update = u;
}

Jsonb *
bm_update_encoder(const BmTraining *t)
{
	const BmFitted *baseline = t->choice->baseline;
	Jsonb *popular = bm_options_jsonb(baseline->settings, baseline->algorithm->options);
	Jsonb *options = t->update ? t->update->training : t->json;
	int epochs = 0;
	StringInfoData s;

	for (int i = 0; i < t->choice->blend.n; i++)
		epochs = Max(epochs, t->final[i]->epochs);
	initStringInfo(&s);
	appendStringInfo(&s, "{\"training\":{\"options\":%s,\"popular\":%s,\"epochs\":%d}}",
					 JsonbToCString(NULL, &options->root, VARSIZE(options)),
					 JsonbToCString(NULL, &popular->root, VARSIZE(popular)),
					 t->update ? t->update->trained : epochs);
	return bm_jsonb_parse(s.data);
}

/* ---- what is new ---- */

/* Count the new events; the time from which on they are the newest slice. */
static int64
find_new(BmTraining *t)
{
	const BmLog *log = t->log;
	BmUpdate *u = t->update;
	int64 since = u->old->watermark;
	double span = (double) log->last - (double) since;
	size_t bins[1024] = {0}, above = 0;
	int b = lengthof(bins);

	for (size_t e = 0; e < log->n; e++)
		if (log->time[e] > since)
		{
			double at = ((double) log->time[e] - (double) since) / span;

			bins[Min((int) (at * lengthof(bins)), (int) lengthof(bins) - 1)]++;
			u->events++;
		}
	while (b > 0 && (double) above < u->options.newest * (double) u->events)
		above += bins[--b];
	return since + Max((int64) (span * b / lengthof(bins)), 1);
}

static void
map_items(BmTraining *t)
{
	BmUpdate *u = t->update;
	size_t nitems = t->log->items.view.n;

	u->item = palloc_extended(sizeof(uint32_t) * nitems, MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < nitems; i++)
	{
		u->item[i] = bm_code_in(&t->log->items.view, (uint32_t) i, &t->incumbent->items);
		u->items += u->item[i] == BM_NONE;
	}
}

/* ---- fitting ---- */

const BmFitStart *
bm_update_start(const BmTraining *t, BmFitStart *start, const BmFitted *f)
{
	if (t->update == NULL || !f->algorithm->core->warm_start)
		return NULL;
	*start = (BmFitStart){.tensors = f->tensors,
						  .prefix = psprintf("%s/", f->algorithm->name),
						  .nitems = t->log->items.view.n};
	return start;
}

static int
epochs_of_update(const BmUpdate *u)
{
	return u->options.epochs > 0 ? u->options.epochs : Max(1, (int) ceil(EPOCH_SHARE * u->trained));
}

pg_attribute_noreturn() static void too_late(const BmTraining *t, const char *algorithm)
{
	ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
					errmsg("algorithm \"%s\" was not ready after \"max_seconds\"", algorithm),
					errdetail("The bound is %g seconds.", t->options.max_seconds),
					errhint("Raise \"max_seconds\"; the deployed version goes on answering.")));
}

/* A part of the deployed version as it is without the newest slice. */
static BmFitted *
fit_part(BmTraining *t, const char *name, Jsonb *options)
{
	const BmAlgorithm *a = bm_algorithm(name);
	BmFitSize size = bm_fit_size(&t->split->data, t->run.threads);
	void *settings = bm_settings(a, options, &size);
	BmFitStart start = {.tensors = t->incumbent->tensors,
						.prefix = psprintf("%s/", name),
						.nitems = t->incumbent->items.n,
						.item = t->update->item};
	bool warm = a->core->warm_start;
	BmFitted *f = bm_fit_from(&t->run, a, settings, &t->split->data, &t->split->test,
							  warm ? epochs_of_update(t->update) : 0, warm ? &start : NULL);

	if (f == NULL || f->stopped)
		too_late(t, name);
	f->test = f->valid;
	return f;
}

/* Its parts, popularity beside them, and its blend of them, as a choice that was made. */
static void
fit_parts(BmTraining *t)
{
	const BmVersion *old = t->update->old;
	BmChoice *c = t->choice = palloc0(sizeof(BmChoice));
	char *name[BM_MAX_BLEND];
	int n = bm_version_parts(old, name);

	c->blended = bm_is_blend(bm_algorithm(old->algorithm));
	c->blend = (BmBlend){
		.n = n, .nitems = t->split->all.nitems, .cold = t->run.cold, .ncold = t->run.ncold};
	for (int i = 0; i < n; i++)
	{
		BmFitted *f =
			fit_part(t, name[i], c->blended ? member(old->options, name[i]) : old->options);

		c->part[i] = c->n;
		c->candidate[c->n++] = f;
		c->blend.part[i] =
			(BmBlendPart){f->algorithm->core, f->bound, t->incumbent->blend.part[i].weight};
		if (strcmp(name[i], "popular") == 0)
			c->baseline = f;
	}
	if (c->baseline == NULL)
		c->candidate[c->n++] = c->baseline = fit_part(t, "popular", t->update->popular);
	c->test = n == 1 ? c->candidate[0]->test : bm_measure(&t->run, &c->blend, &t->split->test);
	c->valid = c->test;
}

/* Is the new version as good as the deployed one on what neither has learned from? */
static void
compare(BmTraining *t)
{
	BmUpdate *u = t->update;
	BmMetrics theirs;
	int k = t->options.k;

	u->cases = t->split->test.n;
	t->deploy = t->rule != BM_DEPLOY_NEVER;
	if (u->cases < MIN_CASES)
	{
		t->note = psprintf("%zu new events have only %zu cases to compare on; the least is %d",
						   u->events, u->cases, MIN_CASES);
		return;
	}
	bm_progress_phase(BM_PHASE_EVALUATE, "deployed version");
	theirs = bm_measure_model(t, t->incumbent, &t->incumbent->blend, &t->split->test);
	u->old_value = BM_MEAN(theirs, ndcg);
	if (t->rule == BM_DEPLOY_IF_BETTER)
		t->deploy = t->choice->test.ndcg >= AS_GOOD * theirs.ndcg;
	t->note = psprintf("ndcg@%d %.4f against %.4f of version %d on the same %zu cases", k,
					   BM_MEAN(t->choice->test, ndcg), u->old_value, u->old->version, u->cases);
}

void
bm_update_choose(BmTraining *t)
{
	BmUpdate *u = t->update;
	int64 from = find_new(t);

	if (u->events == 0)
	{
		t->note = psprintf("no events after %s", timestamptz_to_str(u->old->watermark));
		return;
	}
	map_items(t);
	bm_training_open(t);
	t->split = bm_split_from(t->log, &t->options, from, &t->mem, t->run.seed);
	t->run.cold = bm_split_cold(t->split, &t->run.ncold);
	if (t->split->nevents == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("source \"%s\" has none of the events that version %d learned from",
							   t->source_name, u->old->version),
						errhint("Train anew with behav_train.")));
	snprintf(t->split->protocol, sizeof(t->split->protocol),
			 "next event from %s on, fitted on what came before, all items ranked",
			 timestamptz_to_str(from));
	fit_parts(t);
	t->version.value = BM_MEAN(t->choice->test, ndcg);
	t->version.baseline = BM_MEAN(t->choice->baseline->test, ndcg);
	compare(t);
}

/* ---- SQL ---- */

static void
emit_row(FunctionCallInfo fcinfo, const BmTraining *t, int64 job)
{
	const BmVersion *v = &t->version;
	const BmUpdate *u = t->update;
	bool nothing = bm_update_is_empty(t);
	Datum values[16];
	bool nulls[16] = {false};

	values[0] = bm_text_datum(t->model);
	values[1] = Int32GetDatum(nothing ? u->old->version : v->version);
	values[2] = bm_text_datum(u->old->algorithm);
	values[3] = Int64GetDatum(nothing ? u->old->rows : v->rows);
	values[4] = Int64GetDatum(nothing ? u->old->users : v->users);
	values[5] = Int64GetDatum(nothing ? u->old->items : v->items);
	values[6] = Int64GetDatum((int64) u->events);
	values[7] = Int64GetDatum((int64) u->items);
	values[8] = Float8GetDatum((GetCurrentTimestamp() - t->started) / 1e6);
	values[9] = bm_text_datum(psprintf("ndcg@%d", t->options.k));
	values[10] = Float8GetDatum(v->value);
	values[11] = Float8GetDatum(u->old_value);
	values[12] = Float8GetDatum(v->baseline);
	values[13] = BoolGetDatum(t->deployed);
	values[14] = Int64GetDatum(job);
	values[15] = bm_text_datum(job ? psprintf("job " INT64_FORMAT " starts when this transaction "
											  "commits; see behav_jobs",
											  job)
								   : t->note);
	nulls[11] = isnan(u->old_value);
	nulls[10] = nulls[12] = nothing || u->cases == 0;
	nulls[14] = job == 0;
	if (job)
		for (int i = 1; i < 14; i++)
			nulls[i] = true;
	bm_srf_row(fcinfo, values, nulls);
}

/* behav_update(model text, options jsonb, deploy text, background boolean): one row. */
BM_FUNCTION(behav_update);
Datum
behav_update(PG_FUNCTION_ARGS)
{
	BmRequest request = {.model = bm_arg_text(fcinfo, 0, "model"),
						 .options = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1),
						 .deploy = PG_ARGISNULL(2) ? "if_better" : bm_arg_text(fcinfo, 2, "deploy"),
						 .update = true};
	BmTraining *t;
	int64 job = 0;

	bm_srf_begin(fcinfo);
	t = bm_training_begin(&request, CurrentMemoryContext);
	if (bm_arg_bool_or(fcinfo, 3, false))
		job = bm_background_train(t);
	else
		bm_training_run(t);
	emit_row(fcinfo, t, job);
	bm_training_end(t);
	return (Datum) 0;
}
