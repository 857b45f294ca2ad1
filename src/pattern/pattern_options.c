/*
 * pattern_options.c
 *		Options of sequential patterns.
 *
 * A gap or a window is a number of positions (2) or a span of time ("2 hours"): the type of the
 * JSON value says which.
 */
#include "pattern/pattern_input.h"

#include "utils/numeric.h"
#include "utils/timestamp.h"

#define OPT(field) offsetof(BmPatternOptions, field)
#define END_OF_OPTIONS                                                                             \
	{                                                                                              \
		NULL, 0, 0, NULL, 0, 0, NULL, NULL                                                         \
	}

const BmOptionSpec bm_pattern_source_options[] = {
	{"of", BM_OPT_TEXT, OPT(of), "item", 0, 0, NULL,
	 "What follows each other: \"item\", \"event\" (behaviours), or an attribute of the source."},
	{"per", BM_OPT_ENUM, OPT(per), "user", 0, 0, "user|session",
	 "A sequence is a user's whole history, or one session."},
	{"element", BM_OPT_ENUM, OPT(element), "event", 0, 0, "event|time|session",
	 "What stands at one position: each event, all events of one time, all of one session."},
	{"events", BM_OPT_JSON, OPT(events), NULL, 0, 0, NULL,
	 "Behaviours to look at, as [\"purchase\"]; null means all."},
	{"collapse_repeats", BM_OPT_BOOL, OPT(collapse_repeats), "false", 0, 0, NULL,
	 "Count the same item several times in a row as one."},
	END_OF_OPTIONS};

const BmOptionSpec bm_pattern_limit_options[] = {
	{"min_gap", BM_OPT_JSON, OPT(min_gap), NULL, 0, 0, NULL,
	 "Least distance of neighbours: positions left out (0 = adjacent), or a time as \"1 hour\"."},
	{"max_gap", BM_OPT_JSON, OPT(max_gap), NULL, 0, 0, NULL,
	 "Greatest distance of neighbours: positions left out (0 = adjacent), or a time."},
	{"max_window", BM_OPT_JSON, OPT(max_window), NULL, 0, 0, NULL,
	 "From the first to the last: difference of positions, or a time."},
	END_OF_OPTIONS};

const BmOptionSpec bm_pattern_length_options[] = {
	{"min_length", BM_OPT_INT, OPT(min_length), "1", 1, 10000, NULL,
	 "Shorter patterns, in items, are not given."},
	{"max_length", BM_OPT_INT, OPT(max_length), NULL, 1, 10000, NULL,
	 "Longer patterns, in items, are not looked for; null means any length."},
	{"include", BM_OPT_JSON, OPT(include), NULL, 0, 0, NULL,
	 "Only patterns with all of these items, as [\"cart\"]."},
	{"exclude", BM_OPT_JSON, OPT(exclude), NULL, 0, 0, NULL,
	 "No pattern has one of these items; they still take a position."},
	{"max_patterns", BM_OPT_INT, OPT(max_patterns), "1000000", 1, 100000000, NULL,
	 "More patterns than this are an error."},
	END_OF_OPTIONS};

const BmOptionSpec bm_pattern_answer_options[] = {
	{"examples", BM_OPT_INT, OPT(examples), "3", 0, 100, NULL,
	 "How many of those who follow a pattern are named."},
	{"details", BM_OPT_BOOL, OPT(details), "true", 0, 0, NULL,
	 "Find who follows the patterns and how long it takes; false leaves these columns NULL."},
	END_OF_OPTIONS};

const BmOptionSpec bm_pattern_group_options[] = {
	{"attribute", BM_OPT_TEXT, OPT(attribute), NULL, 0, 0, NULL,
	 "The attribute of the source that divides its users; each user's latest value counts."},
	{"value", BM_OPT_TEXT, OPT(value), NULL, 0, 0, NULL, "The group: users with this value."},
	{"against_value", BM_OPT_TEXT, OPT(against_value), NULL, 0, 0, NULL,
	 "The other group: users with this value; null means any other."},
	END_OF_OPTIONS};

/* ---- gaps ---- */

static void
bad_gap(const char *name, Jsonb *json, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" cannot be %s", name,
						   JsonbToCString(NULL, &json->root, VARSIZE(json))),
					errdetail("%s", detail),
					errhint("For example {\"%1$s\": 2} for positions, {\"%1$s\": \"2 hours\"} for "
							"time.",
							name)));
}

/* An interval's microseconds; a month has 30 days. */
static int64
interval_micros(const char *text, const char *name, Jsonb *json)
{
	Interval *v = DatumGetIntervalP(DirectFunctionCall3(
		interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	double micros =
		((double) v->month * DAYS_PER_MONTH + (double) v->day) * USECS_PER_DAY + (double) v->time;

	if (!(micros >= 0.0 && micros < 9.0e18))
		bad_gap(name, json, "A time is not negative and less than 290000 years.");
	return ((int64) v->month * DAYS_PER_MONTH + v->day) * USECS_PER_DAY + v->time;
}

/* One of the three options into positions or time, whichever it is given in. */
static void
parse_gap(int64 *positions, int64 *time, Jsonb *json, const char *name, bool has_times)
{
	JsonbValue *v;

	if (json == NULL)
		return;
	v = JB_ROOT_IS_SCALAR(json) ? getIthJsonbValueFromContainer(&json->root, 0) : NULL;
	if (v && v->type == jbvNumeric)
	{
		double x = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(v->val.numeric)));

		if (!(x >= 0 && x <= PG_INT32_MAX) || x != (double) (int64) x)
			bad_gap(name, json, "A number of positions is a non-negative integer.");
		*positions = (int64) x;
	}
	else if (v && v->type == jbvString)
	{
		if (!has_times)
			bad_gap(name, json, "Arrays have positions, but no times.");
		*time = interval_micros(pnstrdup(v->val.string.val, v->val.string.len), name, json);
	}
	else
		bad_gap(name, json, "It is a number of positions, or a time as a string.");
}

static void
conflict(const char *lo, const char *hi, const char *lo_value, const char *hi_value)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" is above option \"%s\"", lo, hi),
					errdetail("They are %s and %s: no pattern can keep both.", lo_value, hi_value),
					errhint("Lower \"%s\", or raise \"%s\".", lo, hi)));
}

static char *
json_text(Jsonb *json)
{
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

static void
parse_limits(BmPatternOptions *o, bool has_times)
{
	BmPatternLimits *l = &o->limits;

	*l = BM_NO_LIMITS;
	parse_gap(&l->min_gap, &l->min_interval, o->min_gap, "min_gap", has_times);
	parse_gap(&l->max_gap, &l->max_interval, o->max_gap, "max_gap", has_times);
	parse_gap(&l->max_window, &l->max_duration, o->max_window, "max_window", has_times);
	if (l->min_gap > l->max_gap || l->min_interval > l->max_interval)
		conflict("min_gap", "max_gap", json_text(o->min_gap), json_text(o->max_gap));
	if ((l->min_gap > 0 && l->min_gap >= l->max_window) || l->min_interval > l->max_duration)
		conflict("min_gap", "max_window", json_text(o->min_gap), json_text(o->max_window));
	if (o->max_length > 0 && o->min_length > o->max_length)
		conflict("min_length", "max_length", psprintf("%d", o->min_length),
				 psprintf("%d", o->max_length));
}

/* See pattern_input.h. */
void
bm_pattern_options(BmPatternOptions *o, Jsonb *json, const char *function,
				   const BmOptionSpec *const *tables, bool has_times)
{
	static const BmOptionSpec *const all[] = {bm_pattern_source_options, bm_pattern_limit_options,
											  bm_pattern_length_options, bm_pattern_answer_options,
											  bm_pattern_group_options};
	int n = 0;

	while (tables[n])
		n++;
	bm_options_check(json, tables, n, function);
	for (int i = 0; i < lengthof(all); i++)
	{
		bool used = false;

		for (int t = 0; t < n; t++)
			used = used || tables[t] == all[i];
		bm_options_parse(o, all[i], used ? json : NULL);
	}
	parse_limits(o, has_times);
}

/* ---- lists of words ---- */

static void
bad_list(const char *option, Jsonb *json)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" must be an array of texts or numbers", option),
					errdetail("It is %s.", json_text(json)),
					errhint("For example {\"%s\": [\"a\", \"b\"]}.", option)));
}

char **
bm_pattern_words(Jsonb *json, const char *option, int *n)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	char **words;

	*n = 0;
	if (json == NULL)
		return NULL;
	if (!JB_ROOT_IS_ARRAY(json))
		bad_list(option, json);
	words = palloc(sizeof(char *) * Max(JB_ROOT_COUNT(json), 1));
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (v.type == jbvString)
			words[(*n)++] = pnstrdup(v.val.string.val, v.val.string.len);
		else if (v.type == jbvNumeric)
			words[(*n)++] =
				DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v.val.numeric)));
		else
			bad_list(option, json);
	}
	return words;
}
