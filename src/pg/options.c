/*
 * options.c
 *		Options given as jsonb, checked key by key against a table and stored into a plain struct.
 *
 * Numbers are taken as doubles: 64.0 is the integer 64, 64.5 is none. JSON null means the default.
 * Nothing is guessed: a number given as a string is an error that says so.
 */
#include "pg/options.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/numeric.h"

#define MAX_SHOWN 80 /* bytes of a value in a message */

#define FIELD(target, spec, type) ((type *) ((char *) (target) + (spec)->offset))

/* A value as JSON for a message; a long one is cut. */
static char *
jsonb_text(Jsonb *json)
{
	char *text = JsonbToCString(NULL, &json->root, VARSIZE(json));
	int len = strlen(text);

	if (len <= MAX_SHOWN)
		return text;
	return psprintf("%.*s...", pg_mbcliplen(text, len, MAX_SHOWN), text);
}

static char *
jsonb_value_text(const JsonbValue *v)
{
	return jsonb_text(JsonbValueToJsonb((JsonbValue *) v));
}

static void
raise_type(const BmOptionSpec *spec, const JsonbValue *v, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" must be %s", spec->name, wanted),
					errdetail("It is %s.", jsonb_value_text(v)),
					spec->doc ? errhint("%s: %s", spec->name, spec->doc) : 0));
}

/* ---- enums ---- */

/* The choices as an array of palloc'd words. */
static char **
split_choices(const char *choices, int *n)
{
	char *s = pstrdup(choices);
	char **word = palloc(sizeof(char *) * (strlen(choices) + 1));

	*n = 0;
	for (char *w = s; w != NULL;)
	{
		char *bar = strchr(w, '|');

		if (bar)
			*bar++ = '\0';
		word[(*n)++] = w;
		w = bar;
	}
	return word;
}

/* Index of the word (len bytes) among the choices, or -1. */
static int
find_choice(const char *choices, const char *word, int len)
{
	int n, found = -1;
	char **choice = split_choices(choices, &n);

	for (int i = 0; i < n && found < 0; i++)
		if (strlen(choice[i]) == len && memcmp(choice[i], word, len) == 0)
			found = i;
	return found;
}

static void
raise_choice(const BmOptionSpec *spec, const char *given)
{
	int n;
	char **choice = split_choices(spec->choices, &n);
	const char *nearest = bm_nearest(given, (const char *const *) choice, n);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s\"%s\"", i ? ", " : "", choice[i]);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" cannot be \"%s\"", spec->name, given),
					errdetail("It is one of %s.", list.data),
					nearest ? errhint("Perhaps you meant \"%s\".", nearest)
							: (spec->doc ? errhint("%s: %s", spec->name, spec->doc) : 0)));
}

/* ---- one value into the struct ---- */

static double
checked_number(const BmOptionSpec *spec, const JsonbValue *v)
{
	bool integer = spec->type == BM_OPT_INT;
	double x;

	if (v->type != jbvNumeric)
		raise_type(spec, v, integer ? "an integer" : "a number");
	x = DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(v->val.numeric)));
	if (!(x >= spec->min && x <= spec->max))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" must be between %.15g and %.15g", spec->name,
							   spec->min, spec->max),
						errdetail("It is %s.", jsonb_value_text(v)),
						spec->doc ? errhint("%s: %s", spec->name, spec->doc) : 0));
	if (integer && x != floor(x))
		raise_type(spec, v, "an integer");
	return x;
}

static void
store_value(void *target, const BmOptionSpec *spec, const JsonbValue *v)
{
	char *word;
	int choice;

	switch (spec->type)
	{
	case BM_OPT_INT:
		*FIELD(target, spec, int) = (int) checked_number(spec, v);
		break;
	case BM_OPT_FLOAT:
		*FIELD(target, spec, double) = checked_number(spec, v);
		break;
	case BM_OPT_BOOL:
		if (v->type != jbvBool)
			raise_type(spec, v, "true or false");
		*FIELD(target, spec, bool) = v->val.boolean;
		break;
	case BM_OPT_ENUM:
	case BM_OPT_TEXT:
		if (v->type != jbvString)
			raise_type(spec, v, "a string");
		word = pnstrdup(v->val.string.val, v->val.string.len);
		if (spec->type == BM_OPT_TEXT)
		{
			*FIELD(target, spec, char *) = word;
			break;
		}
		choice = find_choice(spec->choices, word, v->val.string.len);
		if (choice < 0)
			raise_choice(spec, word);
		*FIELD(target, spec, int) = choice;
		break;
	case BM_OPT_JSON:
		*FIELD(target, spec, Jsonb *) = JsonbValueToJsonb((JsonbValue *) v);
		break;
	}
}

/* Defaults are ours, so a wrong one is a broken invariant, not a user's error. */
static void
store_default(void *target, const BmOptionSpec *spec)
{
	const char *text = spec->dflt;

	switch (spec->type)
	{
	case BM_OPT_INT:
		*FIELD(target, spec, int) = text ? (int) strtol(text, NULL, 10) : 0;
		break;
	case BM_OPT_FLOAT:
		*FIELD(target, spec, double) = text ? strtod(text, NULL) : 0.0;
		break;
	case BM_OPT_BOOL:
		*FIELD(target, spec, bool) = text && strcmp(text, "true") == 0;
		break;
	case BM_OPT_ENUM:
		*FIELD(target, spec, int) = text ? find_choice(spec->choices, text, strlen(text)) : 0;
		if (*FIELD(target, spec, int) < 0)
			elog(ERROR, "default \"%s\" of option \"%s\" is none of its choices", text, spec->name);
		break;
	case BM_OPT_TEXT:
		*FIELD(target, spec, char *) = text ? pstrdup(text) : NULL;
		break;
	case BM_OPT_JSON:
		*FIELD(target, spec, Jsonb *) =
			text ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text))) : NULL;
		break;
	}
}

void
bm_options_parse(void *target, const BmOptionSpec *spec, Jsonb *json)
{
	for (; spec->name; spec++)
	{
		JsonbValue *v = NULL;

		store_default(target, spec);
		if (json && JB_ROOT_IS_OBJECT(json))
			v = getKeyJsonValueFromContainer(&json->root, spec->name, strlen(spec->name), NULL);
		if (v && v->type != jbvNull)
			store_value(target, spec, v);
	}
}

/* ---- keys ---- */

/* The names of all tables, each once. */
static const char **
all_names(const BmOptionSpec *const *specs, int nspecs, int *n)
{
	int total = 0;
	const char **names;

	for (int i = 0; i < nspecs; i++)
		for (const BmOptionSpec *s = specs[i]; s && s->name; s++)
			total++;
	names = palloc(sizeof(char *) * Max(total, 1));
	*n = 0;
	for (int i = 0; i < nspecs; i++)
		for (const BmOptionSpec *s = specs[i]; s && s->name; s++)
		{
			bool known = false;

			for (int j = 0; j < *n && !known; j++)
				known = strcmp(names[j], s->name) == 0;
			if (!known)
				names[(*n)++] = s->name;
		}
	return names;
}

static void
raise_unknown(const char *key, const char **names, int n, const char *what)
{
	const char *nearest = bm_nearest(key, names, n);
	/* those of a mining function are all in the detail; behav_options knows what is trained */
	bool trained = strncmp(what, "algorithm ", 10) == 0 || strcmp(what, "training") == 0;
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", names[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown option \"%s\" of %s", key, what),
			 n ? errdetail("Its options are %s.", list.data) : errdetail("It has no options."),
			 nearest   ? errhint("Perhaps you meant \"%s\".", nearest)
			 : trained ? errhint("SELECT * FROM behav_options('<algorithm>') describes them.")
					   : 0));
}

void
bm_options_check(Jsonb *json, const BmOptionSpec *const *specs, int n, const char *what)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	const char **names;
	int nnames;

	if (json == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the options of %s must be a JSON object", what),
						errdetail("They are %s.", jsonb_text(json)),
						errhint("For example '{\"max_seconds\": 60}', or '{}' for the defaults.")));
	names = all_names(specs, n, &nnames);
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool known = false;

		if (token != WJB_KEY)
			continue;
		for (int i = 0; i < nnames && !known; i++)
			known = strlen(names[i]) == v.val.string.len &&
					memcmp(names[i], v.val.string.val, v.val.string.len) == 0;
		if (!known)
			raise_unknown(pnstrdup(v.val.string.val, v.val.string.len), names, nnames, what);
	}
}

/* ---- back to jsonb ---- */

static JsonbValue
number_value(double x)
{
	JsonbValue v = {.type = jbvNull};
	char text[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isfinite(x))
	{
		double_to_shortest_decimal_buf(x, text); /* reads back as the same bits */
		v.type = jbvNumeric;
		v.val.numeric = DatumGetNumeric(DirectFunctionCall3(
			numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	return v;
}

static JsonbValue
string_value(const char *s)
{
	JsonbValue v = {.type = jbvNull};

	if (s)
	{
		v.type = jbvString;
		v.val.string.val = (char *) s;
		v.val.string.len = strlen(s);
	}
	return v;
}

/* A stored jsonb as a value that can be pushed: a scalar itself, or the container. */
static JsonbValue
json_value(Jsonb *json)
{
	JsonbValue v = {.type = jbvNull};

	if (json == NULL)
		return v;
	if (!JsonbExtractScalar(&json->root, &v))
	{
		v.type = jbvBinary;
		v.val.binary.data = &json->root;
		v.val.binary.len = VARSIZE(json) - VARHDRSZ;
	}
	return v;
}

static JsonbValue
field_value(const void *target, const BmOptionSpec *spec)
{
	JsonbValue v = {.type = jbvNull};
	char **choice;
	int n, i;

	switch (spec->type)
	{
	case BM_OPT_INT:
		return number_value(*FIELD(target, spec, const int));
	case BM_OPT_FLOAT:
		return number_value(*FIELD(target, spec, const double));
	case BM_OPT_BOOL:
		v.type = jbvBool;
		v.val.boolean = *FIELD(target, spec, const bool);
		return v;
	case BM_OPT_ENUM:
		choice = split_choices(spec->choices, &n);
		i = *FIELD(target, spec, const int);
		return string_value(i >= 0 && i < n ? choice[i] : NULL);
	case BM_OPT_TEXT:
		return string_value(*FIELD(target, spec, char *const));
	case BM_OPT_JSON:
		return json_value(*FIELD(target, spec, Jsonb *const));
	}
	return v;
}

Jsonb *
bm_options_jsonb(const void *target, const BmOptionSpec *spec)
{
	JsonbParseState *state = NULL;
	JsonbValue *object;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (; spec->name; spec++)
	{
		JsonbValue key = string_value(spec->name);
		JsonbValue v = field_value(target, spec);

		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(object);
}

Jsonb *
bm_jsonb_parse(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

Jsonb *
bm_jsonb_merge(Jsonb *a, Jsonb *b)
{
	if (a == NULL || b == NULL)
		return a ? a : b;
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(a), JsonbPGetDatum(b)));
}
