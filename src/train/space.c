/*
 * space.c
 *		Spaces of settings, and drawing from them (Bergstra and Bengio 2012: random search).
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "core/num/rng.h"
#include "train/fit.h"
#include "train/space.h"

/* A default interval over so many times its lower end is searched by logarithm. */
#define LOG_FROM 8.0

pg_attribute_noreturn() static void bad_space(const char *algorithm, const char *option,
											  const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 option ? errmsg("option \"%s\" of algorithm \"%s\" cannot be searched like this",
							 option, algorithm)
					: errmsg("\"space\" must be an object of algorithms"),
			 errdetail("%s", detail),
			 errhint("Write {\"als\": {\"factors\": [32, 64], \"regularization\": "
					 "{\"log\": [0.001, 0.03]}, \"gamma\": {\"range\": [0.7, 1]}}, "
					 "\"ease\": {}}.")));
}

static char *
value_text(const JsonbValue *v)
{
	Jsonb *json = JsonbValueToJsonb((JsonbValue *) v);

	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

static double
number(const JsonbValue *v)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric)));
}

static const BmOptionSpec *
spec_of(const BmAlgorithm *a, const char *name)
{
	for (const BmOptionSpec *o = a->options; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

/* {"log": [a, b]} or {"range": [a, b]}; false: neither. */
static bool
read_interval(BmDimension *d, JsonbContainer *object)
{
	static const char *const word[] = {"range", "log"};

	for (int w = 0; w < lengthof(word); w++)
	{
		JsonbValue *v = getKeyJsonValueFromContainer(object, word[w], strlen(word[w]), NULL);
		JsonbValue *low, *high;

		if (v == NULL || v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data) ||
			JsonContainerSize(v->val.binary.data) != 2)
			continue;
		low = getIthJsonbValueFromContainer(v->val.binary.data, 0);
		high = getIthJsonbValueFromContainer(v->val.binary.data, 1);
		if (low->type != jbvNumeric || high->type != jbvNumeric)
			return false;
		d->range = true;
		d->log = w == 1;
		d->low = number(low);
		d->high = number(high);
		return d->low <= d->high && (!d->log || d->low > 0.0);
	}
	return false;
}

static void
add_choice(BmDimension *d, const JsonbValue *v)
{
	d->choice =
		d->choice ? repalloc(d->choice, sizeof(char *) * (d->n + 1)) : palloc(sizeof(char *));
	d->choice[d->n++] = value_text(v);
}

static void
read_dimension(BmDimension *d, const BmAlgorithm *a, const JsonbValue *key, const JsonbValue *v)
{
	const BmOptionSpec *spec;

	memset(d, 0, sizeof(*d));
	d->name = pnstrdup(key->val.string.val, key->val.string.len);
	spec = spec_of(a, d->name); /* an unknown one is told when the corners are checked */
	d->integer = spec && spec->type == BM_OPT_INT;
	if (v->type != jbvBinary)
		add_choice(d, v);
	else if (JsonContainerIsObject(v->val.binary.data))
	{
		if (!read_interval(d, v->val.binary.data))
			bad_space(a->name, d->name,
					  "An interval is {\"range\": [low, high]} or {\"log\": "
					  "[low, high]}, with low above 0.");
	}
	else
		for (uint32 i = 0; i < JsonContainerSize(v->val.binary.data); i++)
			add_choice(d, getIthJsonbValueFromContainer(v->val.binary.data, i));
	if (!d->range && d->n == 0)
		bad_space(a->name, d->name, "The array has no value.");
}

/* The dimensions in an object; how many. */
static int
read_dimensions(BmDimension *d, const BmAlgorithm *a, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue key = {0}, v;
	int n = 0;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = v;
		else if (token == WJB_VALUE && n == BM_MAX_DIMENSIONS)
			bad_space(a->name, pnstrdup(key.val.string.val, key.val.string.len),
					  "There are too many options.");
		else if (token == WJB_VALUE)
			read_dimension(&d[n++], a, &key, &v);
	}
	return n;
}

/* A value of the grid joins its dimension: numbers widen an interval, all else is one more choice. */
static void
widen(BmDimension *d, const JsonbValue *v)
{
	char *text = value_text(v);

	if (v->type == jbvNumeric)
	{
		double x = number(v);

		d->low = d->n ? Min(d->low, x) : x;
		d->high = d->n ? Max(d->high, x) : x;
		d->range = true;
	}
	for (int i = 0; i < d->n; i++)
		if (strcmp(d->choice[i], text) == 0)
			return;
	add_choice(d, v);
}

/* Between the extremes of the algorithm's own grid. */
static int
grid_dimensions(BmDimension *d, const BmAlgorithm *a)
{
	int n = 0;

	for (const char *const *setting = a->grid; setting && *setting; setting++)
	{
		JsonbIterator *it = JsonbIteratorInit(&bm_jsonb_parse(*setting)->root);
		JsonbIteratorToken token;
		JsonbValue v;
		int at = 0;

		while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
			if (token == WJB_KEY)
			{
				char *name = pnstrdup(v.val.string.val, v.val.string.len);

				for (at = 0; at < n && strcmp(d[at].name, name) != 0;)
					at++;
				if (at == n)
					d[n++] = (BmDimension){.name = name,
										   .integer = spec_of(a, name)->type == BM_OPT_INT};
			}
			else if (token == WJB_VALUE)
				widen(&d[at], &v);
	}
	for (int i = 0; i < n; i++)
	{
		if (spec_of(a, d[i].name)->type == BM_OPT_BOOL) /* a grid names it only where it is set */
		{
			d[i].n = 0;
			add_choice(&d[i], &(JsonbValue){.type = jbvBool, .val.boolean = false});
			add_choice(&d[i], &(JsonbValue){.type = jbvBool, .val.boolean = true});
		}
		d[i].log = d[i].range && d[i].low > 0.0 && d[i].high >= LOG_FROM * d[i].low;
		d[i].range = d[i].range && d[i].low < d[i].high;
	}
	return n;
}

static void
add_algorithm(BmSpace *s, const BmAlgorithm *a, JsonbContainer *object)
{
	if (s->n == lengthof(s->of))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many algorithms")));
	s->of[s->n].algorithm = a;
	s->of[s->n].n =
		object && JsonContainerSize(object) > 0 ? read_dimensions(s->of[s->n].dimension, a, object)
		: a->space ? read_dimensions(s->of[s->n].dimension, a, &bm_jsonb_parse(a->space)->root)
				   : grid_dimensions(s->of[s->n].dimension, a);
	s->n++;
}

/* ---- drawing ---- */

static void
append_value(StringInfo s, const BmDimension *d, double at)
{
	double x;

	if (!d->range)
	{
		appendStringInfoString(s, d->choice[Min((int) (at * d->n), d->n - 1)]);
		return;
	}
	x = d->log ? exp(log(d->low) + at * (log(d->high) - log(d->low)))
			   : d->low + at * (d->high - d->low);
	if (d->integer)
		appendStringInfo(s, "%.0f", rint(x));
	else
		appendStringInfo(s, "%.4g", x);
}

static Jsonb *
setting(const BmSpace *s, int which, BmRng *rng, double corner)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < s->of[which].n; i++)
	{
		const BmDimension *d = &s->of[which].dimension[i];

		appendStringInfoString(&json, i ? "," : "");
		escape_json(&json, d->name);
		appendStringInfoChar(&json, ':');
		append_value(&json, d, rng ? bmc_rng_double(rng) : corner);
	}
	appendStringInfoChar(&json, '}');
	return bm_jsonb_parse(json.data);
}

Jsonb *
bm_space_draw(const BmSpace *space, uint64 seed, int trial, const BmAlgorithm **algorithm)
{
	BmRng rng = bmc_rng(seed, 0x7e57000000 + (uint64) trial);
	int which = (int) bmc_rng_below(&rng, (uint32) space->n);

	*algorithm = space->of[which].algorithm;
	return setting(space, which, &rng, 0.0);
}

/* Names, and both ends of every interval and array, as if they were an option each. */
static void
check_corners(const BmSpace *s, int which)
{
	const BmAlgorithm *a = s->of[which].algorithm;
	const BmOptionSpec *specs[] = {a->options};
	void *settings = palloc0(a->core->options_size);

	for (int c = 0; c <= 8; c++)
	{
		Jsonb *json = setting(s, which, NULL, c / 8.0);

		bm_options_check(json, specs, 1, psprintf("algorithm \"%s\"", a->name));
		bm_options_parse(settings, a->options, json);
	}
}

BmSpace *
bm_space(Jsonb *json)
{
	BmSpace *s = palloc0(sizeof(BmSpace));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	const BmAlgorithm *a = NULL;

	if (json == NULL)
	{
		for (int i = 0; bm_algorithms[i]; i++)
			if (bm_algorithms[i]->core && !bm_algorithms[i]->on_request)
				add_algorithm(s, bm_algorithms[i], NULL);
		return s;
	}
	if (!JB_ROOT_IS_OBJECT(json) || JB_ROOT_COUNT(json) == 0)
		bad_space(NULL, NULL, "It names none.");
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			a = bm_algorithm(pnstrdup(v.val.string.val, v.val.string.len));
			if (a->core == NULL)
				bad_space(NULL, NULL,
						  psprintf("Algorithm \"%s\" does not learn from events.", a->name));
		}
		else if (token == WJB_VALUE)
		{
			if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
				bad_space(NULL, NULL, psprintf("What stands for \"%s\" is no object.", a->name));
			add_algorithm(s, a, v.val.binary.data);
			check_corners(s, s->n - 1);
		}
	}
	return s;
}
