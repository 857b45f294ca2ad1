/*
 * evaluate.c
 *		behav_evaluate: a stored version on held-out events; behav_compare: algorithms side by side.
 */
#include "pg/pg.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "train/train.h"

#define METRIC_COLUMNS 15

/*
 * cases, recall, ndcg, mrr, coverage, popularity, cold_items, cold_users, repeats, recall_error, ndcg_error,
 * head, gini, k, seed
 */
static void
metric_columns(Datum *values, const BmMetrics *m, const BmTraining *t)
{
	size_t nitems = t->split->all.nitems;

	values[0] = Int64GetDatum((int64) m->n);
	values[1] = Float8GetDatum(BM_MEAN(*m, hit));
	values[2] = Float8GetDatum(BM_MEAN(*m, ndcg));
	values[3] = Float8GetDatum(BM_MEAN(*m, mrr));
	values[4] = Float8GetDatum(nitems ? (double) m->shown / (double) nitems : 0.0);
	values[5] = Float8GetDatum(BM_MEAN(*m, popularity));
	values[6] = Int64GetDatum((int64) m->cold_items);
	values[7] = Int64GetDatum((int64) m->cold_users);
	values[8] = Int64GetDatum((int64) m->repeats);
	values[9] = Float8GetDatum(bmc_recall_error(m));
	values[10] = Float8GetDatum(bmc_ndcg_error(m));
	values[11] = Float8GetDatum(BM_MEAN(*m, head));
	values[12] = Float8GetDatum(m->gini);
	values[13] = Int32GetDatum(t->options.k);
	values[14] = Int64GetDatum((int64) t->run.seed);
}

/* ---- behav_compare ---- */

/* What a row costs, beside how good it is. */
typedef struct RowCost
{
	double seconds;
	size_t bytes, memory;
	double answer_ms;
} RowCost;

static void
compare_row(FunctionCallInfo fcinfo, const BmTraining *t, const char *name, Jsonb *settings,
			const BmMetrics *test, const RowCost *cost, bool chosen)
{
	Datum values[8 + METRIC_COLUMNS];
	bool nulls[8 + METRIC_COLUMNS] = {false};

	values[0] = bm_text_datum(name);
	values[1] = BoolGetDatum(chosen);
	metric_columns(values + 2, test, t);
	values[2 + METRIC_COLUMNS] = Float8GetDatum(cost->seconds);
	values[3 + METRIC_COLUMNS] = Int64GetDatum((int64) cost->bytes);
	values[4 + METRIC_COLUMNS] = Int64GetDatum((int64) cost->memory);
	values[5 + METRIC_COLUMNS] = Float8GetDatum(cost->answer_ms);
	values[6 + METRIC_COLUMNS] = JsonbPGetDatum(settings);
	values[7 + METRIC_COLUMNS] = bm_text_datum(t->split->protocol);
	bm_srf_row(fcinfo, values, nulls);
}

static void
compare_rows(FunctionCallInfo fcinfo, BmTraining *t)
{
	const BmChoice *c = t->choice;
	RowCost blend = {0.0, 0, 0, 0.0};

	for (int i = 0; i < c->n; i++)
	{
		const BmFitted *f = c->candidate[i];
		BmBlend one = bm_blend_of(f, t->split->all.nitems);
		RowCost cost = {f->seconds, f->bytes, f->memory,
						bm_answer_ms(&t->run, &one, &t->split->test)};

		compare_row(fcinfo, t, f->algorithm->name,
					bm_options_jsonb(f->settings, f->algorithm->options), &f->test, &cost,
					!c->blended && c->best == i);
	}
	if (!c->blended)
		return;
	for (int i = 0; i < c->blend.n; i++)
	{
		const BmFitted *f = c->candidate[c->part[i]];

		blend.seconds += f->seconds;
		blend.bytes += f->bytes;
		blend.memory = Max(blend.memory, f->memory);
	}
	blend.answer_ms = bm_answer_ms(&t->run, &c->blend, &t->split->test);
	compare_row(fcinfo, t, "blend", bm_choice_options(c), &c->test, &blend, true);
}

/* behav_compare(source text, algorithms text[], options jsonb, seed bigint) */
BM_FUNCTION(behav_compare);
Datum
behav_compare(PG_FUNCTION_ARGS)
{
	char *source = bm_arg_text(fcinfo, 0, "source");
	const char **names;
	BmTraining *t;
	int n;

	bm_srf_begin(fcinfo);
	names = (const char **) bm_arg_text_array(fcinfo, 1, "algorithms", &n);
	t = bm_training_begin(&(BmRequest){.model = source,
									   .source = source,
									   .options = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2),
									   .deploy = "never",
									   .seed = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3)},
						  CurrentMemoryContext);
	bm_training_read(t);
	t->baselines = true;
	bm_training_features(t, names, n);
	bm_training_choose(t, names, n);
	compare_rows(fcinfo, t);
	bm_progress_end();
	bm_training_end(t);
	return (Datum) 0;
}

/* ---- behav_evaluate ---- */

/* The version, and popularity from its own tensor, as a model that ignores the history. */
typedef struct Constant
{
	const float *score;
	size_t n;
} Constant;

static size_t
constant_bytes(const void *bound, size_t B)
{
	return 64;
}

static void
constant_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
			   bool fast_blas)
{
	const Constant *c = bound;

	for (size_t b = 0; b < B; b++)
		memcpy(scores + b * c->n, c->score, c->n * sizeof(float));
}

static const BmRecommender constant = {
	.name = "popular",
	.bound_size = sizeof(Constant),
	.score_bytes = constant_bytes,
	.score = constant_score,
};

static void
evaluate_row(FunctionCallInfo fcinfo, const BmTraining *t, const char *name, const BmMetrics *m,
			 bool seen)
{
	Datum values[4 + METRIC_COLUMNS + 1];
	bool nulls[4 + METRIC_COLUMNS + 1] = {false};

	values[0] = bm_text_datum(t->model);
	values[1] = Int32GetDatum(t->incumbent->version->version);
	values[2] = bm_text_datum(name);
	values[3] = BoolGetDatum(seen);
	metric_columns(values + 4, m, t);
	values[4 + METRIC_COLUMNS] = bm_text_datum(t->split->protocol);
	bm_srf_row(fcinfo, values, nulls);
}

/*
 * behav_evaluate(model text, version int, since timestamptz, options jsonb): the version, and
 * popularity beside it. Without since: the events after its watermark where there are any, else the
 * test part of the split, and the column seen_in_training says whether it has learned from them.
 */
BM_FUNCTION(behav_evaluate);
Datum
behav_evaluate(PG_FUNCTION_ARGS)
{
	char *model = bm_arg_text(fcinfo, 0, "model");
	int version = (int) bm_arg_range_or(fcinfo, 1, "version", 1, PG_INT32_MAX, 0);
	BmTraining *t;
	BmVersion *v;
	BmCases cases;
	BmMetrics ours, popular;
	Constant bound;
	BmBlend baseline;
	size_t repeats;
	bool seen = false;
	int64 from;

	bm_srf_begin(fcinfo);
	v = bm_version_load(model, version);
	if (v->source == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("model \"%s\" has no event source to be evaluated on", model),
						errhint("A model of rows is measured by SELECT * FROM "
								"behav_evaluate_rows(%s).",
								quote_literal_cstr(model))));
	t = bm_training_begin(&(BmRequest){.model = model,
									   .source = v->source,
									   .options = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3),
									   .deploy = "never",
									   .seed = v->seed},
						  CurrentMemoryContext);
	bm_training_read(t);
	t->incumbent = bm_model_load(model, v->version, &t->mem, t->context);
	bm_training_split(t);
	from = PG_ARGISNULL(2) ? v->watermark + 1 : PG_GETARG_TIMESTAMPTZ(2);
	if (PG_ARGISNULL(2) && (from > t->log->last || t->split->kind == BM_SPLIT_LEAVE_LAST_OUT))
	{
		cases = t->split->test;
		seen = v->watermark > t->split->valid_from;
	}
	else
	{
		bm_cases_between(&cases, &repeats, t->log, &t->split->all, from, PG_INT64_MAX, &t->options,
						 &t->mem, t->run.seed);
		seen = from <= v->watermark;
		snprintf(t->split->protocol, sizeof(t->split->protocol),
				 "next event from %s on, all items ranked", timestamptz_to_str(from));
	}
	cases.support = NULL; /* the version's own */
	bm_progress_phase(BM_PHASE_EVALUATE, NULL);
	ours = bm_measure_model(t, t->incumbent, &t->incumbent->blend, &cases);
	bound = (Constant){t->incumbent->popularity, t->incumbent->items.n};
	baseline = (BmBlend){.n = 1, .nitems = bound.n, .part = {{&constant, &bound, 1.0f}}};
	popular = bm_measure_model(t, t->incumbent, &baseline, &cases);
	evaluate_row(fcinfo, t, v->algorithm, &ours, seen);
	evaluate_row(fcinfo, t, "popular", &popular, seen);
	bm_progress_end();
	bm_training_end(t);
	return (Datum) 0;
}
