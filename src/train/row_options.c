/*
 * row_options.c
 *		What behav_train takes for models of rows beside an algorithm's own options, and the request.
 */
#include "pg/pg.h"

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "event/source.h"
#include "train/rows.h"

const BmOptionSpec bm_row_common_spec[] = {BM_COMMON_OPTIONS, {NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

#define AT(field) offsetof(BmRowOptions, field)

const BmOptionSpec bm_row_own_spec[] = {
	{"task", BM_OPT_ENUM, AT(task), "auto", 0, 0, "auto|classify|regress",
	 "Is the target a class or a number? auto: numbers of two values and whole numbers of at most "
	 "ten are "
	 "classes."},
	{"positive", BM_OPT_TEXT, AT(positive), NULL, 0, 0, NULL,
	 "The class that a binary problem is about; null means true, or the last of the two."},
	{"time", BM_OPT_TEXT, AT(time), NULL, 0, 0, NULL,
	 "Column to split by time: the newest rows are the test part, those before them validation."},
	{"group", BM_OPT_TEXT, AT(group), NULL, 0, 0, NULL,
	 "Column whose rows stay together in one part: a user with many rows is then never on both "
	 "sides."},
	{"valid_share", BM_OPT_FLOAT, AT(valid_share), "0.15", 0.01, 0.45, NULL,
	 "Share of the rows on which settings, epochs, threshold and calibration are chosen."},
	{"test_share", BM_OPT_FLOAT, AT(test_share), "0.15", 0.01, 0.45, NULL,
	 "Share of the rows on which the reported quality is measured."},
	{"folds", BM_OPT_INT, AT(folds), "0", 0, 100, NULL,
	 "Cross-validate the choice in so many folds: mean and spread of every metric; 0 means not."},
	{"metric", BM_OPT_ENUM, AT(metric), "auto", 0, 0,
	 "auto|auc|pr_auc|accuracy|precision|recall|f1|log_loss|brier|rmse|mae|r2",
	 "What candidates and epochs are chosen by; auto means auc for classes and r2 for numbers."},
	{"balanced", BM_OPT_BOOL, AT(balanced), "false", 0, 0, NULL,
	 "Let all classes weigh the same in the fit, however rare; probabilities are then no longer "
	 "shares."},
	{"threshold", BM_OPT_ENUM, AT(threshold), "f1", 0, 0, "f1|youden|accuracy|half",
	 "The rule by which the threshold of a binary problem is chosen on validation; half means "
	 "0.5."},
	{"calibrate", BM_OPT_ENUM, AT(calibrate), "none", 0, 0, "none|isotonic|platt",
	 "Make the probabilities of a binary problem shares, by what is seen on validation."},
	{"repeats", BM_OPT_INT, AT(repeats), "3", 0, 100, NULL,
	 "Shuffles of every column for the permutation importance; 0 means none is measured."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const BmOptionSpec *
bm_row_encode_spec(void)
{
	static BmOptionSpec *spec = NULL;
	int n = 0, kept = 0;

	if (spec)
		return spec;
	while (bm_encode_options[n].name)
		n++;
	spec = MemoryContextAlloc(TopMemoryContext, sizeof(BmOptionSpec) * (n + 1));
	for (int i = 0; i <= n; i++)
		if (i == n || strcmp(bm_encode_options[i].name, "folds") != 0)
			spec[kept++] = bm_encode_options[i];
	return spec;
}

/* ---- the request ---- */

/* A string member of the encoder of a stored version. */
static char *
member_text(Jsonb *json, const char *key)
{
	JsonbValue *v = getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL);

	return v && v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;
}

/* What the deployed version of the model was trained on; false when it does not know rows. */
static bool
recall_request(BmRows *r, const char *model)
{
	int64 id = bm_model_id(model, true);
	const BmAlgorithm *algorithm;
	JsonbValue *asked;
	BmVersion *v;

	if (id == 0 || bm_deployed_version(id) == 0)
		return false;
	v = bm_version_load(model, 0);
	algorithm = bm_algorithm_or_null(v->algorithm);
	if (algorithm == NULL || algorithm->predictor == NULL)
		return false;
	r->relation_name = member_text(v->encoder, "data");
	r->target = member_text(v->encoder, "target");
	if (r->relation_name == NULL || r->target == NULL)
		return false;
	asked = getKeyJsonValueFromContainer(&v->encoder->root, "asked", 5, NULL);
	if (asked && asked->type == jbvBinary && JsonContainerIsArray(asked->val.binary.data))
	{
		r->nasked = (int) JsonContainerSize(asked->val.binary.data);
		r->asked = palloc(sizeof(char *) * Max(r->nasked, 1));
		for (int i = 0; i < r->nasked; i++)
		{
			JsonbValue *name = getIthJsonbValueFromContainer(asked->val.binary.data, i);

			r->asked[i] = pnstrdup(name->val.string.val, name->val.string.len);
		}
	}
	return true;
}

BmRows *
bm_rows_begin(const BmRequest *request)
{
	BmRows *r = palloc0(sizeof(BmRows));

	r->windows = bm_windows_begin(request);
	if (r->windows)
		return r;
	if (request->data && request->source)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a model learns from a source of events or from rows, not from both"),
				 errhint("Give \"source\", or \"data\" and \"target\".")));
	if ((request->data == NULL) != (request->target == NULL) ||
		(request->data == NULL && request->nfeatures > 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" is missing", request->data ? "target" : "data"),
						errhint("Give both: behav_train(%s, data => '<table or view>', target => "
								"'<column>').",
								quote_literal_cstr(request->model))));
	if (request->data == NULL)
		return request->source == NULL && recall_request(r, request->model) ? r : NULL;
	r->relation_name = pstrdup(request->data);
	r->target = pstrdup(request->target);
	r->nasked = request->nfeatures;
	r->asked = palloc(sizeof(char *) * Max(r->nasked, 1));
	for (int i = 0; i < r->nasked; i++)
		r->asked[i] = pstrdup(request->features[i]);
	return r;
}

void
bm_rows_request_json(StringInfo s, const BmRows *r)
{
	if (r->windows)
	{
		appendStringInfoString(s, "{\"source\":");
		escape_json(s, r->windows->source_name);
		return;
	}
	appendStringInfoString(s, "{\"data\":");
	escape_json(s, r->relation_name);
	appendStringInfoString(s, ",\"target\":");
	escape_json(s, r->target);
	appendStringInfoString(s, ",\"features\":[");
	for (int i = 0; i < r->nasked; i++)
	{
		appendStringInfoString(s, i ? "," : "");
		escape_json(s, r->asked[i]);
	}
	appendStringInfoChar(s, ']');
}
