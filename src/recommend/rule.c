/*
 * rule.c
 *		Business rules: behav_add_rule, behav_drop_rule, and the rules of a model in its codes.
 *
 * A rule is a row of behavmine.rule; a change reaches every backend with its commit, as a deployment
 * does, so an answer asks no table for them. Only what a rule's filter says is asked at each answer.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "model/query.h"
#include "recommend/answer.h"

static const char *const kinds[] = {"boost", "pin", "hide"};

/* ---- reading ---- */

/* Row i of the query below, in the context of the model. */
static void
rule_from_row(BmRule *rule, BmModel *model, uint64 i)
{
	char *kind = bm_row_text(i, 3, CurrentMemoryContext);
	bool null;
	Datum items = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 4, &null);

	rule->id = bm_row_int8(i, 1);
	rule->name = bm_row_text(i, 2, model->context);
	for (int k = 0; k < lengthof(kinds); k++)
		if (strcmp(kind, kinds[k]) == 0)
			rule->kind = (BmRuleKind) k;
	rule->filter = bm_row_text(i, 5, model->context);
	rule->multiplier = (float) bm_row_float8(i, 6);
	rule->place = (int) bm_row_int8(i, 7);
	rule->from = bm_row_int8(i, 8);
	rule->until = bm_row_int8(i, 9);
	if (!null)
	{
		MemoryContext old = MemoryContextSwitchTo(model->context);

		rule->items = bm_answer_candidates(model, DatumGetArrayTypeP(items));
		MemoryContextSwitchTo(old);
	}
}

const BmRule *
bm_rules(BmModel *model, int *n)
{
	BmServing *s = bm_serving(model);

	if (!s->rules_loaded)
	{
		BmParam id = bm_param_int8(model->version->model_id);
		uint64 rows;

		SPI_connect();
		rows = bm_read("SELECT rule_id, name, kind, items, filter, multiplier, \"position\", "
					   "coalesce(valid_from, '-infinity'), coalesce(valid_until, 'infinity') "
					   "FROM behavmine.rule WHERE model_id = $1 ORDER BY \"position\", rule_id",
					   1, &id);
		s->rule = MemoryContextAllocZero(model->context, sizeof(BmRule) * Max(rows, 1));
		for (uint64 i = 0; i < rows; i++)
			rule_from_row(&s->rule[i], model, i);
		SPI_finish();
		s->nrules = (int) rows;
		s->rules_loaded = true;
	}
	*n = s->nrules;
	return s->rule;
}

bool
bm_rule_holds(const BmRule *rule, TimestampTz at)
{
	return rule->from <= at && at < rule->until;
}

const uint64_t *
bm_rule_items(BmModel *model, const BmRule *rule)
{
	return rule->items ? rule->items : bm_filter(model, rule->filter, bm_rule_name(rule));
}

char *
bm_rule_name(const BmRule *rule)
{
	return rule->name ? psprintf("rule \"%s\"", rule->name)
					  : psprintf("rule " INT64_FORMAT, rule->id);
}

/* ---- writing ---- */

static void
bad_rule(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

/* The keys of an array of any type as text[]; 22004 for a null among them. */
static Datum
key_texts(ArrayType *array)
{
	Oid type = ARR_ELEMTYPE(array), output;
	Datum *key;
	bool *null, byval, varlena;
	int16 len;
	char align;
	int n;

	get_typlenbyvalalign(type, &len, &byval, &align);
	getTypeOutputInfo(type, &output, &varlena);
	deconstruct_array(array, type, len, byval, align, &key, &null, &n);
	if (n == 0)
		bad_rule("argument \"items\" must not be empty", "Give the items, as ARRAY[7, 12].");
	for (int i = 0; i < n; i++)
	{
		if (null[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"items\" must not contain nulls")));
		key[i] = bm_text_datum(OidOutputFunctionCall(output, key[i]));
	}
	return PointerGetDatum(construct_array(key, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* An expression that the table of items of the model's source does not understand is told now. */
static void
check_filter(const char *model, const char *filter)
{
	BmSource *source = bm_source_load(bm_model_source(model));
	BmItems *items = bm_items(source);

	if (items == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("source \"%s\" has no table of items", source->name),
						errhint("Register it with one: behav_source(..., items => 'my_items').")));
	bm_check_expression(filter, "filter");
	SPI_connect();
	if (SPI_prepare(psprintf("SELECT 1 FROM %s WHERE (%s\n)", items->relation, filter), 0, NULL) ==
		NULL)
		elog(ERROR, "could not prepare the filter of a rule");
	SPI_finish();
}

static void
check_numbers(FunctionCallInfo fcinfo, BmRuleKind kind)
{
	if ((kind == BM_RULE_BOOST) == PG_ARGISNULL(4))
		bad_rule(kind == BM_RULE_BOOST ? "a boost needs a multiplier"
									   : "only a boost has a multiplier",
				 "multiplier => 2 lifts, 0.5 lowers, 0 puts at the end.");
	if (!PG_ARGISNULL(4) && !(PG_GETARG_FLOAT8(4) >= 0 && PG_GETARG_FLOAT8(4) <= 1e6))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"multiplier\" must be between 0 and 1000000"),
						errdetail("It is %g.", PG_GETARG_FLOAT8(4))));
	if ((kind == BM_RULE_PIN) == PG_ARGISNULL(5))
		bad_rule(kind == BM_RULE_PIN ? "a pin needs a position" : "only a pin has a position",
				 "\"position\" => 1 is the first.");
	if (!PG_ARGISNULL(5))
		(void) bm_arg_range(fcinfo, 5, "position", 1, BM_MAX_K);
	if (!PG_ARGISNULL(6) && !PG_ARGISNULL(7) &&
		PG_GETARG_TIMESTAMPTZ(6) >= PG_GETARG_TIMESTAMPTZ(7))
		bad_rule("\"valid_from\" must be before \"valid_until\"",
				 "A rule holds from the one on, until the other.");
}

/* behav_add_rule(model, kind, items, filter, multiplier, position, valid_from, valid_until, name) */
BM_FUNCTION(behav_add_rule);
Datum
behav_add_rule(PG_FUNCTION_ARGS)
{
	char *model = bm_arg_text(fcinfo, 0, "model");
	char *kind = bm_arg_text(fcinfo, 1, "kind");
	char *filter = bm_arg_text_or_null(fcinfo, 3);
	BmRuleKind which = (BmRuleKind) bm_word(kind, kinds, lengthof(kinds), "kind");
	BmParam p[9];
	int64 id;

	if (PG_ARGISNULL(2) == (filter == NULL))
		bad_rule("a rule needs either items or a filter",
				 "items => ARRAY[7, 12], or filter => 'category = 3'.");
	check_numbers(fcinfo, which);
	p[0] = bm_param_int8(bm_model_own(model));
	if (filter)
		check_filter(model, filter);
	p[1] = bm_param_text(kind);
	p[2] = (BmParam){TEXTARRAYOID, filter ? (Datum) 0 : key_texts(PG_GETARG_ARRAYTYPE_P(2)),
					 filter != NULL};
	p[3] = bm_param_text(filter);
	p[4] = bm_param_float8(PG_ARGISNULL(4) ? NAN : PG_GETARG_FLOAT8(4));
	p[5] = (BmParam){INT4OID, PG_ARGISNULL(5) ? (Datum) 0 : PG_GETARG_DATUM(5), PG_ARGISNULL(5)};
	for (int i = 6; i < 8; i++)
		p[i] = (BmParam){TIMESTAMPTZOID, PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i),
						 PG_ARGISNULL(i)};
	p[8] = bm_param_text(bm_arg_text_or_null(fcinfo, 8));
	SPI_connect();
	bm_write("INSERT INTO behavmine.rule (model_id, kind, items, filter, multiplier, \"position\", "
			 "valid_from, valid_until, name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
			 "nullif($9, '')) RETURNING rule_id",
			 9, p);
	id = bm_row_int8(0, 1);
	SPI_finish();
	PG_RETURN_INT64(id);
}

/* behav_drop_rule(rule_id): row-level security hides the rules of others' models. */
BM_FUNCTION(behav_drop_rule);
Datum
behav_drop_rule(PG_FUNCTION_ARGS)
{
	BmParam id;
	uint64 rows;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	id = bm_param_int8(PG_GETARG_INT64(0));
	SPI_connect();
	rows = bm_write("DELETE FROM behavmine.rule WHERE rule_id = $1", 1, &id);
	SPI_finish();
	PG_RETURN_BOOL(rows > 0);
}
