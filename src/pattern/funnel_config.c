/*
 * funnel_config.c
 *		A funnel's modes, gaps and exclusions: from SQL's arguments to words that a state carries.
 */
#include "pattern/funnel.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#define OPT(field) offsetof(BmFunnelOptions, field)

const BmOptionSpec bm_funnel_options[] = {
	{"mode", BM_OPT_JSON, OPT(mode), NULL, 0, 0, NULL,
	 "One mode or an array of modes: strict_increase, strict_once, strict_order, strict_dedup, "
	 "allow_reentry, any_order."},
	{"max_gap", BM_OPT_JSON, OPT(max_gap), NULL, 0, 0, NULL,
	 "The longest time from the step before: an interval for all steps, or an array for steps 2, "
	 "3, ..., with null for no limit."},
	{"exclusions", BM_OPT_JSON, OPT(exclusions), NULL, 0, 0, NULL,
	 "Conditions that must not come true between two steps, as [{\"from\": 1, \"to\": 2, \"drop\": "
	 "\"user\"}]."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const struct
{
	const char *name;
	unsigned bit;
} modes[] = {{"default", 0},
			 {"strict_increase", BM_FUNNEL_INCREASE},
			 {"strict_once", BM_FUNNEL_ONCE},
			 {"strict_order", BM_FUNNEL_ORDER},
			 {"strict_dedup", BM_FUNNEL_DEDUP},
			 {"strict_deduplication", BM_FUNNEL_DEDUP}, /* ClickHouse's word */
			 {"allow_reentry", BM_FUNNEL_REENTRY},
			 {"any_order", BM_FUNNEL_ANY}};

/* ---- JSON ---- */

JsonbValue *
bm_jsonb_elements(Jsonb *json, int *n)
{
	JsonbValue *elements, v;
	JsonbIterator *it;
	JsonbIteratorToken token;

	*n = 0;
	if (JB_ROOT_IS_OBJECT(json))
	{
		elements = palloc(sizeof(JsonbValue));
		elements[0].type = jbvBinary;
		elements[0].val.binary.data = &json->root;
		elements[0].val.binary.len = VARSIZE(json) - VARHDRSZ;
		*n = 1;
		return elements;
	}
	elements = palloc(sizeof(JsonbValue) * (JB_ROOT_COUNT(json) + 1));
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			elements[(*n)++] = v;
	return elements;
}

char *
bm_jsonb_field(JsonbContainer *object, const char *key)
{
	JsonbValue buffer, *v = getKeyJsonValueFromContainer(object, key, strlen(key), &buffer);
	Jsonb *json;

	if (v == NULL || v->type == jbvNull)
		return NULL;
	if (v->type == jbvString)
		return pnstrdup(v->val.string.val, v->val.string.len);
	json = JsonbValueToJsonb(v);
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

static void
raise_option(const char *option, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" of the funnel cannot be used", option),
					errdetail("%s", detail)));
}

/* ---- modes ---- */

static unsigned
mode_bit(const char *name)
{
	const char *names[lengthof(modes)], *nearest;

	for (int i = 0; i < lengthof(modes); i++)
	{
		if (pg_strcasecmp(name, modes[i].name) == 0)
			return modes[i].bit;
		names[i] = modes[i].name;
	}
	nearest = bm_nearest(name, names, lengthof(modes));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("there is no funnel mode \"%s\"", name),
					errdetail("Modes are default, strict_increase, strict_once, strict_order, "
							  "strict_dedup, allow_reentry and any_order."),
					nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
	return 0;
}

static unsigned
json_modes(Jsonb *mode)
{
	unsigned bits = 0;
	JsonbValue *v;
	int n;

	if (mode == NULL)
		return 0;
	v = bm_jsonb_elements(mode, &n);
	for (int i = 0; i < n; i++)
	{
		if (v[i].type != jbvString)
			raise_option("mode", "It is a word or an array of words.");
		bits |= mode_bit(pnstrdup(v[i].val.string.val, v[i].val.string.len));
	}
	return bits;
}

/* "strict_once, strict_increase" */
static unsigned
listed_modes(const char *list)
{
	char *copy = pstrdup(list), *rest = NULL;
	unsigned bits = 0;

	for (char *word = strtok_r(copy, ", \t\n", &rest); word; word = strtok_r(NULL, ", \t\n", &rest))
		bits |= mode_bit(word);
	return bits;
}

/* ---- gaps and exclusions ---- */

static int64
text_micros(const JsonbValue *v, const char *option)
{
	char *text;

	if (v->type != jbvString)
		raise_option(option, "It holds intervals as text, such as \"30 minutes\".");
	text = pnstrdup(v->val.string.val, v->val.string.len);
	return bm_interval_micros(
		DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
											  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))),
		option);
}

/* Gap words for all steps; no limit is the largest number. */
static void
gap_words(uint64 *gap, int steps, Jsonb *max_gap)
{
	int n;
	JsonbValue *v = bm_jsonb_elements(max_gap, &n);
	bool one = JB_ROOT_IS_SCALAR(max_gap);

	if (!one && n != steps - 1)
		raise_option("max_gap", psprintf("It has %d gaps; %d steps have %d between them.", n, steps,
										 steps - 1));
	gap[0] = 0;
	for (int j = 1; j < steps; j++)
	{
		const JsonbValue *given = &v[one ? 0 : j - 1];

		gap[j] = given->type == jbvNull ? (uint64) PG_INT64_MAX : text_micros(given, "max_gap");
	}
}

static int
step_number(JsonbContainer *object, const char *key, int dflt)
{
	char *text = bm_jsonb_field(object, key), *end;
	long step;

	if (text == NULL)
		return dflt;
	step = strtol(text, &end, 10);
	if (end == text || *end != '\0' || step < 1 || step > BM_MAX_STEPS)
		raise_option("exclusions", psprintf("\"%s\" is the number of a step, not %s.", key, text));
	return (int) step;
}

static uint64
exclusion_word(const JsonbValue *v, int steps)
{
	JsonbContainer *object;
	char *drop;
	uint64 from, to;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		raise_option("exclusions", "It is an array of objects.");
	object = v->val.binary.data;
	from = step_number(object, "from", 1);
	to = step_number(object, "to", steps);
	drop = bm_jsonb_field(object, "drop");
	if (drop && strcmp(drop, "user") != 0 && strcmp(drop, "chain") != 0)
		raise_option("exclusions",
					 psprintf("\"drop\" is \"user\" or \"chain\", not \"%s\".", drop));
	return from | to << 8 | (uint64) (drop == NULL || strcmp(drop, "user") == 0) << 16;
}

/* ---- together ---- */

static int
exclusion_count(const BmFunnelOptions *o)
{
	int n;

	if (o->exclusions == NULL)
		return 0;
	(void) bm_jsonb_elements(o->exclusions, &n);
	return n;
}

static void
build(BmFunnelConfig *config, int steps, int64 within, unsigned bits, const BmFunnelOptions *o)
{
	BmFunnelExclusion exclusions[BM_MAX_STEPS];
	int n = exclusion_count(o);
	const char *wrong;
	JsonbValue *v;
	BmFunnel f;

	if (steps < 1 || steps > BM_MAX_STEPS || n > BM_MAX_STEPS - steps)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a funnel has 1 to %d steps, exclusions included", BM_MAX_STEPS),
						errdetail("There are %d steps and %d exclusions.", steps, n)));
	config->word[0] = (uint64) steps | (uint64) n << 8 | (uint64) bits << 16 |
					  (uint64) (o->max_gap != NULL) << 32;
	config->word[1] = (uint64) within;
	config->nwords = 2;
	v = n > 0 ? bm_jsonb_elements(o->exclusions, &n) : NULL;
	for (int x = 0; x < n; x++)
		config->word[config->nwords++] = exclusion_word(&v[x], steps);
	if (o->max_gap)
	{
		gap_words(config->word + config->nwords, steps, o->max_gap);
		config->nwords += steps;
	}
	config->hash = bm_flat_hash(config->word, config->nwords);
	wrong = bm_funnel_decode(&f, exclusions, config->word, config->nwords);
	if (wrong)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the funnel cannot be used"), errdetail("%s", wrong)));
}

void
bm_funnel_config_parsed(BmFunnelConfig *config, int steps, int64 within,
						const BmFunnelOptions *options)
{
	build(config, steps, within, json_modes(options->mode), options);
}

void
bm_funnel_config(BmFunnelConfig *config, int conditions, int64 within, const char *text)
{
	const BmOptionSpec *spec = bm_funnel_options;
	BmFunnelOptions options = {0};
	Jsonb *json;

	while (text && isspace((unsigned char) *text))
		text++;
	if (text == NULL || *text != '{')
	{
		build(config, conditions, within, text ? listed_modes(text) : 0, &options);
		return;
	}
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	bm_options_check(json, &spec, 1, "a funnel");
	bm_options_parse(&options, spec, json);
	bm_funnel_config_parsed(config, conditions - exclusion_count(&options), within, &options);
}

const char *
bm_funnel_decode(BmFunnel *f, BmFunnelExclusion *exclusions, const uint64 *word, uint32 nwords)
{
	int steps = word[0] & 0xff, n = word[0] >> 8 & 0xff;
	bool gaps = word[0] >> 32 & 1;

	if (word[0] >> 33 != 0 || steps < 1 || steps > BM_MAX_STEPS || n > BM_MAX_STEPS - steps ||
		nwords != (uint32) (2 + n + (gaps ? steps : 0)))
		return "Its numbers of steps and exclusions do not fit its length.";
	for (int x = 0; x < n; x++)
	{
		exclusions[x].from = word[2 + x] & 0xff;
		exclusions[x].to = word[2 + x] >> 8 & 0xff;
		exclusions[x].drop_user = word[2 + x] >> 16 & 1;
	}
	memset(f, 0, sizeof(*f));
	f->steps = steps;
	f->modes = word[0] >> 16 & 0xffff;
	f->within = (int64) word[1];
	f->gap = gaps ? (const int64_t *) word + 2 + n : NULL;
	f->nexclusions = n;
	f->exclusion = exclusions;
	return bmc_funnel_wrong(f);
}
