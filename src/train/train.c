/*
 * train.c
 *		behav_train: read, choose, fit, compare with what is deployed, save, deploy.
 */
#include "pg/pg.h"

#include <math.h>

#include "commands/async.h"
#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "event/item_features.h"
#include "model/encoder.h"
#include "train/rows.h"
#include "train/train.h"
#include "train/tune.h"
#include "train/update.h"

/* Share of max_seconds for choosing when the choice is then fitted on a fifth more events. */
#define CHOICE_SHARE 0.55

static const char *const deploy_rules[] = {"if_better", "always", "never"};

/* ---- begin ---- */

/* Every key must belong to training or to an algorithm that this call may use. */
static void
check_options(const BmTraining *t)
{
	const BmOptionSpec *specs[BM_MAX_CANDIDATES + 8];
	const BmAlgorithm *named = t->algorithm ? bm_algorithm(t->algorithm) : NULL;
	int n = 0;

	specs[n++] = t->rows ? bm_row_common_spec : bm_train_option_spec;
	if (t->rows)
	{
		specs[n++] = t->rows->windows ? bm_window_row_spec() : bm_row_own_spec;
		specs[n++] = bm_row_encode_spec();
	}
	if (t->update)
		specs[n++] = bm_update_spec;
	if (t->update || t->tune)
	{
		bm_options_check(t->json, specs, n, t->update ? "an update" : "tuning");
		return;
	}
	if (t->rows && t->rows->windows)
		specs[n++] = bm_window_spec;
	if (named)
		specs[n++] = named->options;
	if (named == NULL || bm_is_blend(named))
		for (int i = 0; bm_algorithms[i] && n < lengthof(specs); i++)
			if ((bm_algorithms[i]->predictor != NULL) == (t->rows != NULL))
				specs[n++] = bm_algorithms[i]->options;
	bm_options_check(t->json, specs, n,
					 named ? psprintf("algorithm \"%s\"", t->algorithm) : "training");
}

/* What the named algorithms (all, where none is) say against their options before anything is read. */
static void
check_settings(BmTraining *t)
{
	const BmFitSize unknown = {0};
	int n;
	const char **names = bm_training_candidates(t, &n);

	for (int i = 0; bm_algorithms[i]; i++)
	{
		bool wanted = n == 0;

		for (int k = 0; k < n; k++)
			wanted |= strcmp(names[k], bm_algorithms[i]->name) == 0;
		if (wanted && bm_algorithms[i]->predictor)
			pfree(bm_settings(bm_algorithms[i], t->json, &unknown));
	}
}

/* An algorithm learns from events or from rows, as the request must. */
static void
check_kind(const BmTraining *t)
{
	const BmAlgorithm *a = t->algorithm ? bm_algorithm(t->algorithm) : NULL;

	if (a && a->predictor && t->rows == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("algorithm \"%s\" learns from rows", a->name),
						errhint("Name them: SELECT * FROM behav_train(%s, %s, data => "
								"'<table or view>', target => '<column>'); or say what to learn "
								"from events: options => '{\"task\": \"next_event\"}'.",
								quote_literal_cstr(t->model), quote_literal_cstr(a->name))));
	if (a && a->predictor == NULL && t->rows)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("algorithm \"%s\" learns from events, not from rows", a->name),
						errhint("SELECT name FROM behav_algorithms() WHERE task = 'predict'")));
}

BmTraining *
bm_training_begin(const BmRequest *request, MemoryContext parent)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "behavmine training", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	BmTraining *t = palloc0(sizeof(BmTraining));

	t->context = context;
	t->model = pstrdup(request->model);
	t->algorithm = request->algorithm ? pstrdup(request->algorithm) : NULL;
	t->json = request->options ? (Jsonb *) PG_DETOAST_DATUM_COPY(JsonbPGetDatum(request->options))
							   : bm_jsonb_parse("{}");
	t->rule =
		(BmDeployRule) bm_word(request->deploy, deploy_rules, lengthof(deploy_rules), "deploy");
	t->seed = request->seed;
	t->started = GetCurrentTimestamp();
	t->rows = bm_rows_begin(request);
	if (request->update)
		bm_update_begin(t);
	else if (t->rows == NULL)
		t->source_name =
			pstrdup(request->source ? request->source : bm_model_source(request->model));
	if (request->method)
		bm_tune_begin(t, request);
	if (t->rows && t->rows->windows)
	{
		t->json = t->rows->windows->json;
		if (t->algorithm && strcmp(t->algorithm, "gru") == 0)
			t->algorithm = "gru_events"; /* the recommender has the plain name */
	}
	check_kind(t);
	check_options(t);
	bm_options_parse(&t->options, t->rows ? bm_row_common_spec : bm_train_option_spec,
					 t->update ? t->update->training : t->json);
	if (t->update)
		bm_options_parse(&t->update->options, bm_update_spec, t->json);
	if (t->rows)
	{
		bm_options_parse(&t->rows->options,
						 t->rows->windows ? bm_window_row_spec() : bm_row_own_spec, t->json);
		if (t->rows->windows)
			bm_options_parse(&t->rows->windows->options, bm_window_spec, t->json);
		bm_options_parse(&t->rows->encode, bm_row_encode_spec(), t->json);
		check_settings(t);
	}
	bm_mem_init(&t->mem, context);
	MemoryContextSwitchTo(old);
	return t;
}

/* ---- read ---- */

static int64
time_option(const char *text, int64 dflt)
{
	if (text == NULL)
		return dflt;
	return DatumGetTimestampTz(DirectFunctionCall3(
		timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

void
bm_training_read(BmTraining *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	int64 model_id;
	char *part[BM_MAX_BLEND];
	const char **names;
	int n;

	bm_progress_start(t->model);
	bm_model_check_task(t->model, t->rows ? "predict" : "recommend");
	if (t->rows)
	{
		bm_watch_init(&t->watch, t->options.max_seconds);
		bm_watch_init(&t->cancel, 0);
		if (t->rows->windows)
			bm_windows_read(t);
		else
			bm_rows_read(t);
		MemoryContextSwitchTo(old);
		return;
	}
	if (t->tune)
		bm_tune_resume(t);
	t->source = bm_source_load(t->source_name);
	bm_segment_column(t);
	model_id = bm_model_id(t->model, true);
	if (t->update)
		t->incumbent = bm_model_load(t->model, t->update->old->version, &t->mem, t->context);
	else if (t->rule == BM_DEPLOY_IF_BETTER && model_id != 0 && bm_deployed_version(model_id) != 0)
		t->incumbent = bm_model_load(t->model, 0, &t->mem, t->context);
	bm_watch_init(&t->watch, t->options.max_seconds);
	bm_watch_init(&t->cancel, 0);
	t->log =
		bm_log_read(t->source, time_option(t->options.since, PG_INT64_MIN),
					time_option(t->options.until, PG_INT64_MAX), &t->mem, t->context, &t->cancel);
	if (t->update)
		n = bm_version_parts(t->update->old, part);
	names = t->update ? (const char **) part : bm_training_candidates(t, &n);
	bm_training_features(t, names, n);
	MemoryContextSwitchTo(old);
}

void
bm_training_features(BmTraining *t, const char *const *names, int n)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);

	for (int i = 0; i < n && t->log->features == NULL; i++)
		if (strcmp(names[i], "content") == 0)
			t->log->features = bm_item_features(t->log, t->options.content_columns, &t->cancel);
	MemoryContextSwitchTo(old);
}

/* ---- compute ---- */

pg_attribute_noreturn() static void bad_candidates(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"candidates\" must be an array of 1 to %d algorithm names",
						   BM_MAX_CANDIDATES),
					errhint("SELECT name FROM behav_algorithms()")));
}

const char **
bm_training_candidates(const BmTraining *t, int *n)
{
	const char **names = palloc(sizeof(char *) * BM_MAX_CANDIDATES);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;

	*n = 0;
	if (t->algorithm && !bm_is_blend(bm_algorithm(t->algorithm)))
	{
		names[(*n)++] = t->algorithm;
		return names;
	}
	if (t->options.candidates == NULL)
		return names;
	if (!JB_ROOT_IS_ARRAY(t->options.candidates) || JB_ROOT_IS_SCALAR(t->options.candidates) ||
		JB_ROOT_COUNT(t->options.candidates) == 0)
		bad_candidates();
	it = JsonbIteratorInit(&t->options.candidates->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (v.type != jbvString || *n == BM_MAX_CANDIDATES)
			bad_candidates();
		names[(*n)++] = pnstrdup(v.val.string.val, v.val.string.len);
	}
	return names;
}

void
bm_training_allow(BmTraining *t, double share)
{
	double passed = (double) (GetCurrentTimestamp() - t->started) / USECS_PER_SEC;

	if (t->options.max_seconds > 0)
		bm_watch_init(&t->watch, Max(share * t->options.max_seconds - passed, 1e-3));
}

/* The chosen parts, fitted once more on everything; on a full clock those already fitted stay. */
static void
refit(BmTraining *t)
{
	BmChoice *c = t->choice;

	for (int i = 0; i < c->blend.n; i++)
		t->final[i] = c->candidate[c->part[i]];
	bm_training_allow(t, 1.0);
	if (!t->options.refit || bm_run_late(&t->run))
		return;
	for (int i = 0; i < c->n; i++)
	{
		bool used = c->candidate[i] == c->baseline;

		for (int p = 0; p < c->blend.n; p++)
			used |= c->part[p] == i;
		if (!used)
			bm_fitted_free(c->candidate[i]);
	}
	for (int i = 0; i < c->blend.n; i++)
	{
		BmFitted *f = t->final[i];
		BmFitStart room;
		const BmFitStart *start = bm_update_start(t, &room, f);
		BmFitted *again =
			bm_fit_from(&t->run, f->algorithm, f->settings, &t->split->all, NULL, f->epochs, start);

		if (again == NULL || again->stopped)
		{
			bm_fitted_free(again);
			for (int p = 0; p <= i; p++)
				t->final[p] = c->candidate[c->part[p]];
			return;
		}
		again->history = f->history;
		t->final[i] = again;
	}
	t->refitted = true;
}

/* Cold users' answer: the popular model on all events, as one score per item. */
static void
fill_popularity(BmTraining *t)
{
	size_t nitems = t->split->all.nitems;
	BmFitted *popular = bm_fit(&t->run, t->choice->baseline->algorithm,
							   t->choice->baseline->settings, &t->split->all, NULL, 0);
	BmHistory nobody = {0};
	BmBlend blend;

	if (popular == NULL)
		popular = t->choice->baseline;
	blend = bm_blend_of(popular, nitems);
	t->popularity = palloc_extended(nitems * sizeof(float), MCXT_ALLOC_HUGE);
	t->support = palloc_extended(nitems * sizeof(float), MCXT_ALLOC_HUGE);
	blend.part[0].algorithm->score(
		t->popularity, blend.part[0].bound, &nobody, 1,
		palloc(blend.part[0].algorithm->score_bytes(blend.part[0].bound, 1)), false);
	for (size_t i = 0; i < nitems; i++)
		t->support[i] = (float) t->log->item_count[i];
}

static void
collect_tensors(BmTraining *t)
{
	BmBlend *blend = &t->choice->blend;
	size_t nitems = t->split->all.nitems, nparts = blend->n;

	t->tensors = palloc0(sizeof(BmTensors));
	for (int i = 0; i < blend->n; i++)
		for (int j = 0; j < t->final[i]->tensors->n; j++)
		{
			const BmTensor *x = &t->final[i]->tensors->t[j];

			if (!bmc_tensors_add(t->tensors, NULL, x->name, x->dtype, x->data, x->ndim, x->shape))
				elog(ERROR, "too many tensors in one version");
		}
	t->weight = palloc(sizeof(float) * nparts);
	for (int i = 0; i < blend->n; i++)
		t->weight[i] = blend->part[i].weight;
	if (!bmc_tensors_add(t->tensors, NULL, "popularity", BM_F32, t->popularity, 1, &nitems) ||
		!bmc_tensors_add(t->tensors, NULL, "support", BM_F32, t->support, 1, &nitems) ||
		(t->choice->blended &&
		 !bmc_tensors_add(t->tensors, NULL, "blend_weight", BM_F32, t->weight, 1, &nparts)))
		elog(ERROR, "too many tensors in one version");
}

/* {"source": ...}: a version goes on reading the source that it was trained on. */
static Jsonb *
source_member(const BmTraining *t)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(&s, "{\"source\":");
	escape_json(&s, t->source_name);
	appendStringInfoChar(&s, '}');
	return bm_jsonb_parse(s.data);
}

static void
fill_version(BmTraining *t)
{
	BmVersion *v = &t->version;
	BmFitted *lead = t->final[0];

	v->model = t->model;
	v->source = t->source_name;
	v->algorithm = t->choice->blended ? "blend" : pstrdup(lead->algorithm->name);
	v->options = bm_choice_options(t->choice);
	v->encoder = bm_encoder_jsonb(t->source->user_int, t->source->item_int, &t->log->events.view,
								  t->log->event_weight, t->log->purchase);
	v->encoder = bm_jsonb_merge(v->encoder, source_member(t));
	v->encoder = bm_jsonb_merge(v->encoder, bm_segment_encoder(t));
	v->encoder = bm_jsonb_merge(v->encoder, bm_update_encoder(t));
	v->parent = t->update ? t->update->old->version : 0;
	v->seed = t->seed;
	v->rows = (int64) t->log->n;
	v->users = t->log->users.view.n;
	v->items = t->log->items.view.n;
	for (int i = 0; i < t->choice->blend.n; i++)
	{
		v->epochs = Max(v->epochs, t->final[i]->epochs);
		if (t->final[i]->algorithm->network)
			lead = t->final[i];
	}
	v->history = lead->history;
	v->metric = psprintf("ndcg@%d", t->options.k);
	v->value = BM_MEAN(t->choice->test, ndcg);
	v->baseline = BM_MEAN(t->choice->baseline->test, ndcg);
	v->metrics = bm_training_metrics(t);
	v->cleaning = bm_cleaning_jsonb(&t->log->cleaning);
	v->watermark = t->refitted                       ? t->log->last
				   : t->split->kind == BM_SPLIT_TIME ? t->split->valid_from - 1
													 : t->log->last;
}

void
bm_training_open(BmTraining *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);

	t->run = (BmRun){.mem = &t->mem,
					 .watch = &t->watch,
					 .cancel = &t->cancel,
					 .seed = (uint64) t->seed,
					 .options = &t->options};
	t->run.pool = bm_pool_open(t->context, bm_threads(), true);
	t->run.threads = bmc_pool_threads(t->run.pool);
	MemoryContextSwitchTo(old);
}

void
bm_training_split(BmTraining *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);

	t->split = bm_split(t->log, &t->options, &t->mem, (uint64) t->seed);
	bm_training_open(t);
	t->run.cold = bm_split_cold(t->split, &t->run.ncold);
	MemoryContextSwitchTo(old);
}

void
bm_training_choose(BmTraining *t, const char *const *names, int n)
{
	MemoryContext old;

	if (t->split == NULL)
		bm_training_split(t);
	old = MemoryContextSwitchTo(t->context);
	t->choice = bm_choose(&t->run, t->split, names, n, t->json,
						  t->algorithm && bm_is_blend(bm_algorithm(t->algorithm)), t->baselines);
	t->version.value = BM_MEAN(t->choice->test, ndcg);
	t->version.baseline = BM_MEAN(t->choice->baseline->test, ndcg);
	MemoryContextSwitchTo(old);
}

/* Choose, and decide by the rule. */
static void
choose(BmTraining *t)
{
	int n;
	const char **names = bm_training_candidates(t, &n);

	bm_training_choose(t, names, n);
	if (t->rule == BM_DEPLOY_IF_BETTER)
		t->deploy = bm_beats_incumbent(t, &t->note);
	else
	{
		t->deploy = t->rule == BM_DEPLOY_ALWAYS;
		t->note = pstrdup(t->deploy ? "deploy => 'always'" : "deploy => 'never'");
	}
}

/* What was chosen as it will be saved. */
static void
make_version(BmTraining *t)
{
	refit(t);
	fill_popularity(t);
	collect_tensors(t);
	bm_segment_tensors(t);
	fill_version(t);
}

void
bm_training_compute(BmTraining *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);

	if (t->rows)
	{
		bm_rows_compute(t);
		MemoryContextSwitchTo(old);
		return;
	}
	if (t->options.refit)
		bm_training_allow(t, CHOICE_SHARE);
	if (t->update)
		bm_update_choose(t);
	else
		choose(t);
	if (!bm_update_is_empty(t))
		make_version(t);
	MemoryContextSwitchTo(old);
}

/* ---- save ---- */

void
bm_training_save(BmTraining *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	StringInfoData s;

	if (bm_update_is_empty(t))
	{
		bm_progress_end();
		MemoryContextSwitchTo(old);
		return;
	}
	bm_progress_phase(BM_PHASE_SAVE, NULL);
	t->version.seconds = (GetCurrentTimestamp() - t->started) / 1e6;
	if (t->rows)
		bm_version_save(&t->version, t->tensors, NULL, NULL);
	else
		bm_version_save(&t->version, t->tensors, &t->log->items.view, t->log->item_count);
	if (t->deploy)
		bm_deploy(t->version.model_id, t->version.version);
	t->deployed = t->deploy;
	if (t->tune)
		bm_tune_mark(t);
	bm_version_prune(t->version.model_id, t->options.keep_versions);
	initStringInfo(&s);
	appendStringInfo(&s, "{\"event\":\"%s\",\"model\":", t->update ? "updated" : "trained");
	escape_json(&s, t->model);
	appendStringInfo(&s, ",\"version\":%d,\"deployed\":%s}", t->version.version,
					 t->deployed ? "true" : "false");
	Async_Notify("behavmine", s.data);
	bm_progress_end();
	MemoryContextSwitchTo(old);
}

void
bm_training_run(BmTraining *t)
{
	bm_model_lock(t->model);
	bm_training_read(t);
	if (t->tune)
	{
		while (bm_tune_pending(t))
		{
			bm_tune_fit(t);
			bm_tune_record(t);
		}
		bm_tune_settle(t);
	}
	bm_training_compute(t);
	bm_training_save(t);
}

void
bm_training_end(BmTraining *t)
{
	MemoryContextDelete(t->context);
}

/* ---- SQL ---- */

static void
emit_row(FunctionCallInfo fcinfo, const BmTraining *t, int64 job)
{
	const BmVersion *v = &t->version;
	Datum values[15];
	bool nulls[15] = {false};

	values[0] = bm_text_datum(t->model);
	values[1] = Int32GetDatum(v->version);
	values[2] = bm_text_datum(t->rows ? "predict" : "recommend");
	values[3] = job ? (Datum) 0 : bm_text_datum(v->algorithm);
	values[4] = Int64GetDatum(v->rows);
	values[5] = Int64GetDatum(v->users);
	values[6] = Int64GetDatum(v->items);
	values[7] = Int32GetDatum(v->epochs);
	values[8] = Float8GetDatum(v->seconds);
	values[9] = job ? (Datum) 0 : bm_text_datum(v->metric);
	values[10] = Float8GetDatum(v->value);
	values[11] = Float8GetDatum(v->baseline);
	values[12] = BoolGetDatum(t->deployed);
	values[13] = Int64GetDatum(job);
	nulls[5] = nulls[6] = t->rows != NULL;
	nulls[13] = job == 0;
	values[14] = bm_text_datum(job ? psprintf("job " INT64_FORMAT " starts when this transaction "
											  "commits; see behav_jobs",
											  job)
								   : t->note);
	if (job)
		for (int i = 1; i < 13; i++)
			nulls[i] = i != 2;
	bm_srf_row(fcinfo, values, nulls);
}

/*
 * behav_train(model text, algorithm text, source text, options jsonb, deploy text, seed bigint,
 * background boolean, data regclass, target name, features name[]): one row with the new version.
 */
BM_FUNCTION(behav_train);
Datum
behav_train(PG_FUNCTION_ARGS)
{
	BmRequest request = {.model = bm_arg_text(fcinfo, 0, "model"),
						 .algorithm = bm_arg_text_or_null(fcinfo, 1),
						 .source = bm_arg_text_or_null(fcinfo, 2),
						 .options = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3),
						 .deploy = PG_ARGISNULL(4) ? "if_better" : bm_arg_text(fcinfo, 4, "deploy"),
						 .seed = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5),
						 .data = PG_ARGISNULL(7) ? NULL : bm_relation_name(PG_GETARG_OID(7)),
						 .target = bm_arg_text_or_null(fcinfo, 8)};
	BmTraining *t;
	int64 job = 0;

	bm_srf_begin(fcinfo);
	request.features = bm_arg_text_array(fcinfo, 9, "features", &request.nfeatures);
	t = bm_training_begin(&request, CurrentMemoryContext);
	if (bm_arg_bool_or(fcinfo, 6, false))
		job = bm_background_train(t);
	else
		bm_training_run(t);
	emit_row(fcinfo, t, job);
	bm_training_end(t);
	return (Datum) 0;
}
