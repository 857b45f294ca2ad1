/*
 * request.c
 *		The arguments of a question for recommendations: what may come out, and in what order.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "recommend/request.h"

/* Variety compares every pick with the pool: beyond this it is no page of a shop. */
#define MAX_DIVERSE_K 1000

void
bm_request_begin(BmRequest *r, BmModel *model, int64 k, const char *exclude)
{
	memset(r, 0, sizeof(*r));
	r->model = model;
	r->before = PG_INT64_MAX;
	r->at = GetCurrentTransactionStartTimestamp();
	r->serve = (BmServe){.model = &model->blend,
						 .panel = model->panel,
						 .popularity = model->popularity,
						 .k = Min((size_t) k, model->items.n),
						 .exclude = bm_answer_exclude(exclude ? exclude : "purchased"),
						 .purchase = model->purchase,
						 .min_score = -INFINITY};
	r->arrange = (BmArrange){.nitems = model->items.n,
							 .lambda = 1.0f,
							 .embedding = model->embedding,
							 .D = model->embedding_dim,
							 .model = &model->blend};
}

/* ---- what may come out ---- */

void
bm_request_keep(BmRequest *r, const uint64_t *bits, const char *what)
{
	size_t n = r->model->items.n;

	if (r->allowed == NULL)
		r->serve.allowed = r->allowed = bm_item_bits(r->model, true);
	for (size_t w = 0; w <= n / 64; w++)
		r->allowed[w] &= bits[w];
	if (r->nsteps < BM_MAX_STEPS)
		r->step[r->nsteps++] = (BmStep){what, bm_count_bits(r->allowed, n)};
}

static void
take_out(BmRequest *r, const uint64_t *bits, const char *what)
{
	uint64_t *rest = bm_item_bits(r->model, true);

	for (size_t w = 0; w <= r->model->items.n / 64; w++)
		rest[w] &= ~bits[w];
	bm_request_keep(r, rest, what);
}

void
bm_request_candidates(BmRequest *r, ArrayType *candidates)
{
	bm_request_keep(r, bm_answer_candidates(r->model, candidates), "candidates");
}

void
bm_request_filter(BmRequest *r, const char *filter)
{
	bm_request_keep(r, bm_filter(r->model, filter, "filter"), "filter");
}

/* An array of any type; an untyped literal is read as text[]. */
void
bm_request_exclude_items(BmRequest *r, Oid type, Datum items)
{
	ArrayType *array;

	if (type == UNKNOWNOID)
		array = DatumGetArrayTypeP(
			OidInputFunctionCall(F_ARRAY_IN, DatumGetCString(items), TEXTOID, -1));
	else if (OidIsValid(get_element_type(type)))
		array = DatumGetArrayTypeP(items);
	else
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("\"exclude_items\" is of type %s", format_type_be(type)),
						errhint("Give an array of items, as ARRAY[7, 12].")));
	take_out(r, bm_answer_candidates(r->model, array), "exclude_items");
}

void
bm_request_min_score(BmRequest *r, float8 least)
{
	if (isnan(least))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"min_score\" cannot be NaN")));
	r->serve.min_score = (float) least;
}

/* ---- in what order ---- */

static void
bad_max_per(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"max_per\" must be an object of columns and numbers from 1 on"),
					errdetail("At most %d columns of the table of items.", BM_MAX_CAPS),
					errhint("As '{\"category\": 2, \"brand\": 3}'.")));
}

void
bm_request_max_per(BmRequest *r, Jsonb *max_per)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	int n = 0;

	if (!JB_ROOT_IS_OBJECT(max_per) || JB_ROOT_COUNT(max_per) > BM_MAX_CAPS)
		bad_max_per();
	it = JsonbIteratorInit(&max_per->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		double limit;

		if (token == WJB_KEY)
			r->cap[n] = pnstrdup(v.val.string.val, v.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if (v.type != jbvNumeric)
			bad_max_per();
		limit = DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v.val.numeric)));
		if (!(limit >= 1 && limit <= PG_INT32_MAX && limit == floor(limit)))
			bad_max_per();
		(void) bm_items_column(bm_serving_items(r->model, "max_per"), r->cap[n], "max_per");
		r->arrange.limit[n++] = (uint32_t) limit;
	}
	r->arrange.ncaps = n;
	if (n > 0)
		r->serve.arrange = &r->arrange;
}

void
bm_request_diversity(BmRequest *r, float8 diversity)
{
	if (!(diversity >= 0 && diversity <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"diversity\" must be between 0 and 1"),
						errdetail("It is %g.", diversity)));
	if (diversity == 0)
		return;
	if (r->serve.k > MAX_DIVERSE_K)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"k\" must be at most %d with \"diversity\"", MAX_DIVERSE_K)));
	r->arrange.lambda = (float) (1.0 - diversity);
	r->serve.arrange = &r->arrange;
}

/* ---- business rules ---- */

/* Boosts of all rules that hold, an item once: its multipliers multiplied. */
static void
gather_boosts(BmRequest *r)
{
	uint64_t *any = bm_item_bits(r->model, false);
	size_t n = r->model->items.n, words = n / 64 + 1;
	BmBoost *boost;

	for (int i = 0; i < r->nheld; i++)
		for (size_t w = 0; r->held[i].rule->kind == BM_RULE_BOOST && w < words; w++)
			any[w] |= r->held[i].items[w];
	boost = palloc_extended(sizeof(BmBoost) * Max(bm_count_bits(any, n), 1), MCXT_ALLOC_HUGE);
	for (size_t w = 0; w < words; w++)
		for (uint64_t bits = any[w]; bits; bits &= bits - 1)
		{
			BmBoost b = {(uint32_t) (w * 64 + (size_t) __builtin_ctzll(bits)), 1.0f};

			for (int i = 0; i < r->nheld; i++)
				if (r->held[i].rule->kind == BM_RULE_BOOST && bm_has_bit(r->held[i].items, b.item))
					b.factor *= r->held[i].rule->multiplier;
			boost[r->serve.nboosts++] = b;
		}
	r->serve.boost = boost;
}

static void
gather_pins(BmRequest *r)
{
	BmPin *pin = palloc(sizeof(BmPin) * BM_MAX_PINS);

	for (int i = 0; i < r->nheld && r->arrange.npins < BM_MAX_PINS; i++)
		if (r->held[i].rule->kind == BM_RULE_PIN && (size_t) r->held[i].rule->place <= r->serve.k)
		{
			r->pin[r->arrange.npins] = r->held[i].rule;
			pin[r->arrange.npins++] =
				(BmPin){(size_t) r->held[i].rule->place - 1, r->held[i].items};
		}
	r->arrange.pin = pin;
	if (r->arrange.npins > 0)
		r->serve.arrange = &r->arrange;
}

void
bm_request_rules(BmRequest *r)
{
	int n;
	const BmRule *rule = bm_rules(r->model, &n);

	if (n == 0)
		return;
	r->held = palloc(sizeof(BmHeldRule) * (size_t) n);
	for (int i = 0; i < n; i++)
		if (bm_rule_holds(&rule[i], r->at))
			r->held[r->nheld++] = (BmHeldRule){&rule[i], bm_rule_items(r->model, &rule[i])};
	for (int i = 0; i < r->nheld; i++)
		if (r->held[i].rule->kind == BM_RULE_HIDE)
			take_out(r, r->held[i].items, bm_rule_name(r->held[i].rule));
	gather_boosts(r);
	gather_pins(r);
}

/* ---- all arguments ---- */

enum
{
	ARG_K = 1,
	ARG_MODEL,
	ARG_EXCLUDE,
	ARG_CANDIDATES,
	ARG_MIN_SCORE,
	ARG_FILTER,
	ARG_EXCLUDE_ITEMS,
	ARG_MAX_PER,
	ARG_DIVERSITY,
	ARG_SEGMENT,
	ARG_AS_OF,
	ARG_RULES
};

/* A version that learned from what came after as_of knows the future; said once a backend and version. */
static void
tell_leak(BmRequest *r)
{
	BmServing *serving = bm_serving(r->model);

	if (r->before > r->model->version->watermark || serving->told_leak)
		return;
	serving->told_leak = true;
	ereport(NOTICE,
			(errmsg("version %d of model \"%s\" was trained on events after \"as_of\"",
					r->model->version->version, r->model->version->model),
			 errdetail("Its newest event is of %s. Only the history is cut.",
					   timestamptz_to_str(r->model->version->watermark)),
			 errhint("To test how it would have done, train one with options => '{\"until\": "
					 "...}'.")));
}

void
bm_request_arguments(BmRequest *r, FunctionCallInfo fcinfo, const char *exclude)
{
	int64 k = bm_arg_range_or(fcinfo, ARG_K, "k", 1, BM_MAX_K, 10);
	BmModel *model = bm_recommender_deployed(bm_arg_text_or_null(fcinfo, ARG_MODEL));

	bm_request_begin(r, model, k, exclude);
	if (!PG_ARGISNULL(ARG_AS_OF))
	{
		r->at = r->before = PG_GETARG_TIMESTAMPTZ(ARG_AS_OF);
		tell_leak(r);
	}
	r->segment = bm_arg_text_or_null(fcinfo, ARG_SEGMENT);
	if (!PG_ARGISNULL(ARG_CANDIDATES))
		bm_request_candidates(r, PG_GETARG_ARRAYTYPE_P(ARG_CANDIDATES));
	if (!PG_ARGISNULL(ARG_FILTER))
		bm_request_filter(r, text_to_cstring(PG_GETARG_TEXT_PP(ARG_FILTER)));
	if (!PG_ARGISNULL(ARG_EXCLUDE_ITEMS))
		bm_request_exclude_items(r, get_fn_expr_argtype(fcinfo->flinfo, ARG_EXCLUDE_ITEMS),
								 PG_GETARG_DATUM(ARG_EXCLUDE_ITEMS));
	if (bm_arg_bool_or(fcinfo, ARG_RULES, true))
		bm_request_rules(r);
	if (!PG_ARGISNULL(ARG_MIN_SCORE))
		bm_request_min_score(r, PG_GETARG_FLOAT8(ARG_MIN_SCORE));
	if (!PG_ARGISNULL(ARG_MAX_PER))
		bm_request_max_per(r, PG_GETARG_JSONB_P(ARG_MAX_PER));
	if (!PG_ARGISNULL(ARG_DIVERSITY))
		bm_request_diversity(r, PG_GETARG_FLOAT8(ARG_DIVERSITY));
}
