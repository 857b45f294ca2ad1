/*
 * uplift_train.c
 *		behav_uplift: learners of the effect of a treatment, chosen by their Qini on validation, measured
 *		on a test part beside the best rule of one column and a random order, fitted again on everybody.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "event/source.h"
#include "portrait/uplift_fit.h"

#define MARGIN 0.02 /* as for models of rows */

static const char *const deploy_rules[] = {"always", "if_better", "never"};

#define AT(field) offsetof(BmUpliftOptions, field)

static const BmOptionSpec uplift_options[] = {
	{"learner", BM_OPT_ENUM, AT(learner), "auto", 0, 0,
	 "auto|s_learner|t_learner|class_transform|uplift_forest",
	 "The learner; auto: the best of all by Qini on the validation part."},
	{"l2", BM_OPT_FLOAT, AT(l2), "1", 0, 1e9, NULL, "Penalty on the weights of the regressions."},
	{"trees", BM_OPT_INT, AT(trees), "100", 1, 5000, NULL, "Trees of the forest."},
	{"depth", BM_OPT_INT, AT(depth), "6", 1, BM_UPLIFT_MAX_DEPTH, NULL, "Depth of its trees."},
	{"min_arm", BM_OPT_INT, AT(min_arm), "0", 0, 1000000, NULL,
	 "Least people of each arm in a leaf; 0: by the number of people."},
	{"valid_share", BM_OPT_FLOAT, AT(valid_share), "0.2", 0.05, 0.45, NULL,
	 "Share of the people that the learner is chosen on."},
	{"test_share", BM_OPT_FLOAT, AT(test_share), "0.2", 0.05, 0.45, NULL,
	 "Share of the people that it is measured on."},
	{"top", BM_OPT_FLOAT, AT(top), "0.1", 0.001, 1, NULL,
	 "Share of the best whose effect is reported."},
	{"bootstrap", BM_OPT_INT, AT(bootstrap), "200", 10, 10000, NULL,
	 "Resamplings behind the interval of the Qini."},
	{"keep_versions", BM_OPT_INT, AT(keep_versions), "2", 0, 1000000, NULL,
	 "Newest versions to keep beside the deployed one."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* ---- the version ---- */

static void
append_ranking(StringInfo s, const BmUpliftRanking *r)
{
	appendStringInfoString(s, s->data[s->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
	escape_json(s, r->name);
	bm_append_number(s, "validation", r->valid);
	bm_append_number(s, "loss", r->loss);
	bm_append_number(s, "qini", r->test.qini);
	bm_append_number(s, "qini_raw", r->test.qini_raw);
	bm_append_number(s, "low", r->low);
	bm_append_number(s, "high", r->high);
	bm_append_number(s, "auuc", r->test.auuc);
	bm_append_number(s, "effect_top", r->top);
	appendStringInfoChar(s, '}');
}

static Jsonb *
metrics_jsonb(const BmUpliftCall *c)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s,
					 "{\"rows\":{\"training\":%zu,\"validation\":%zu,\"test\":%zu,"
					 "\"left_out\":%zu},\"protocol\":\"people at random, both arms alike\"",
					 c->train.n, c->valid.n, c->test.n, c->left_out);
	bm_append_number(&s, "effect", c->ranking[c->best].test.effect);
	appendStringInfoString(&s, ",\"rankings\":[");
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (c->tried[m])
			append_ranking(&s, &c->ranking[m]);
	append_ranking(&s, &c->column);
	append_ranking(&s, &c->random);
	appendStringInfoString(&s, "]}");
	return bm_jsonb_parse(s.data);
}

static Jsonb *
encoder_jsonb(const BmUpliftCall *c)
{
	Jsonb *encoder = bm_encode_jsonb(c->encoder, false);
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(&s, "{\"data\":");
	escape_json(&s, c->relation);
	appendStringInfoString(&s, ",\"outcome\":");
	escape_json(&s, c->outcome);
	appendStringInfoString(&s, ",\"treatment\":");
	escape_json(&s, c->treatment);
	appendStringInfo(&s, ",\"binary\":%s,\"encoder\":%s}", c->binary ? "true" : "false",
					 JsonbToCString(NULL, &encoder->root, VARSIZE(encoder)));
	return bm_jsonb_parse(s.data);
}

/* Should it be deployed? Compared is what each version reported of its own test part. */
static bool
beats_deployed(BmUpliftCall *c)
{
	int64 id = bm_model_id(c->model, true);
	double value = bm_uplift_criterion(c, &c->ranking[c->best].test);
	const BmVersion *old;

	if (c->rule != 1)
		return c->rule == 0;
	if (id == 0 || bm_deployed_version(id) == 0)
		return true;
	old = bm_version_load(c->model, 0);
	c->note = psprintf("qini %.4f, deployed version %d had %.4f when it was trained", value,
					   old->version, old->value);
	return isnan(old->value) || value >= old->value - MARGIN * fabs(old->value);
}

static void
save(BmUpliftCall *c)
{
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	size_t shape[2] = {c->nbands, 4};
	BmVersion *v = &c->version;

	c->deployed = beats_deployed(c);
	bm_check(bmc_encoder_tensors(&c->encoder->core, "encoder/", tensors), "store the encoder",
			 NULL);
	if (!bmc_uplift_learner_tensors(&c->learner, tensors) ||
		(c->nbands && !bmc_tensors_add(tensors, NULL, "bands", BM_F32, c->band, 2, shape)))
		elog(ERROR, "too many tensors in one version");
	v->model = c->model;
	v->task = BM_UPLIFT_TASK;
	v->algorithm = pstrdup(bm_uplift_method_names[c->best]);
	v->options = bm_options_jsonb(&c->options, uplift_options);
	v->encoder = encoder_jsonb(c);
	v->seed = c->seed;
	v->rows = v->users = (int64) c->all.n;
	v->seconds = (double) (GetCurrentTimestamp() - c->started) / USECS_PER_SEC;
	v->metric = c->binary ? "qini" : "qini_raw";
	v->value = bm_uplift_criterion(c, &c->ranking[c->best].test);
	v->baseline = bm_uplift_criterion(c, &c->column.test);
	v->metrics = metrics_jsonb(c);
	v->watermark = c->started;
	bm_version_save(v, tensors, NULL, NULL);
	if (c->deployed)
		bm_deploy(v->model_id, v->version);
	bm_version_prune(v->model_id, c->options.keep_versions);
}

static void
emit(FunctionCallInfo fcinfo, const BmUpliftCall *c, const BmUpliftRanking *r, bool chosen)
{
	Datum values[12];
	bool nulls[12] = {false};

	values[0] = bm_text_datum(c->model);
	values[1] = Int32GetDatum(c->version.version);
	values[2] = bm_text_datum(r->name);
	values[3] = BoolGetDatum(chosen);
	bm_set_float8(values, nulls, 4, r->valid);
	bm_set_float8(values, nulls, 5, bm_uplift_criterion(c, &r->test));
	bm_set_float8(values, nulls, 6, r->low);
	bm_set_float8(values, nulls, 7, r->high);
	bm_set_float8(values, nulls, 8, c->binary ? r->test.auuc : r->test.auuc_raw);
	bm_set_float8(values, nulls, 9, r->top);
	values[10] = BoolGetDatum(chosen && c->deployed);
	nulls[11] = !chosen || c->note == NULL;
	values[11] = nulls[11] ? (Datum) 0 : bm_text_datum(c->note);
	bm_srf_row(fcinfo, values, nulls);
}

static void
parse_options(BmUpliftCall *c, Jsonb *json)
{
	const BmOptionSpec *specs[] = {uplift_options, bm_row_encode_spec()};
	BmUpliftOptions *o = &c->options;

	bm_options_check(json, specs, 2, "behav_uplift");
	bm_options_parse(o, uplift_options, json);
	bm_options_parse(&c->encode, bm_row_encode_spec(), json);
	c->settings = (BmUpliftSettings){.l2 = o->l2,
									 .forest = {.trees = o->trees,
												.depth = o->depth,
												.min_arm = o->min_arm,
												.bins = 32,
												.criterion = BM_UPLIFT_BY_EFFECT,
												.sample = 0.5,
												.honest = true}};
}

/* behav_uplift(model, data, outcome, treatment, features, options, deploy, seed) */
BM_FUNCTION(behav_uplift);
Datum
behav_uplift(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine uplift", ALLOCSET_DEFAULT_SIZES);
	BmUpliftCall c = {.model = bm_arg_text(fcinfo, 0, "model"),
					  .outcome = bm_arg_text(fcinfo, 2, "outcome"),
					  .treatment = bm_arg_text(fcinfo, 3, "treatment"),
					  .rule = bm_word(bm_arg_text(fcinfo, 6, "deploy"), deploy_rules,
									  lengthof(deploy_rules), "deploy"),
					  .seed = PG_ARGISNULL(7) ? 0 : PG_GETARG_INT64(7),
					  .best = -1,
					  .started = GetCurrentTimestamp(),
					  .context = context};
	char **features;
	int nfeatures;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"data\" must not be null")));
	bm_srf_begin(fcinfo);
	features = bm_arg_text_array(fcinfo, 4, "features", &nfeatures);
	parse_options(&c, PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5));
	c.relation = bm_relation_name(PG_GETARG_OID(1));
	bm_model_lock(c.model);
	bm_model_check_task(c.model, BM_UPLIFT_TASK);
	bm_mem_init(&c.mem, context);
	bm_watch_init(&c.watch, 0);
	bm_progress_start(c.model);
	bm_uplift_read(&c, PG_GETARG_OID(1), features, nfeatures);
	bm_uplift_choose(&c);
	save(&c);
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (c.tried[m])
			emit(fcinfo, &c, &c.ranking[m], m == c.best);
	emit(fcinfo, &c, &c.column, false);
	emit(fcinfo, &c, &c.random, false);
	bm_progress_end();
	MemoryContextDelete(context);
	return (Datum) 0;
}
