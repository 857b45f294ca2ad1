/*
 * network_json.c
 *		From a JSON array of layers to a BmNetworkSpec. Besides the types of core/nn/layer.h it knows
 *		{"type": "residual", "layers": [...]}, which adds what goes in to what its layers answer, and
 *		{"type": "concat", "branches": [[...], ...]}, which joins the answers of lists of layers.
 */
#include "pg/pg.h"

#include "miscadmin.h"

#include "pg/options.h"
#include "predict/network_json.h"

/* A layer as JSON states it. */
typedef struct LayerJson
{
	char *type;
	int units, filters, heads, padding;
	double rate;
	bool causal, code;
	Jsonb *kernel, *size, *stride, *dilation, *layers, *branches;
} LayerJson;

#define AT(field) offsetof(LayerJson, field)

static const BmOptionSpec keys[] = {
	{"type", BM_OPT_TEXT, AT(type), NULL, 0, 0, NULL, "Kind of layer."},
	{"units", BM_OPT_INT, AT(units), "0", 1, 65536, NULL, "Numbers of the answer."},
	{"filters", BM_OPT_INT, AT(filters), "0", 1, 65536, NULL, "Channels of the answer."},
	{"heads", BM_OPT_INT, AT(heads), "1", 1, 64, NULL, "Attention heads."},
	{"padding", BM_OPT_ENUM, AT(padding), "valid", 0, 0, "valid|same|causal", "Zeros around."},
	{"rate", BM_OPT_FLOAT, AT(rate), "0.5", 0, 0.95, NULL, "Share dropped in training."},
	{"causal", BM_OPT_BOOL, AT(causal), "false", 0, 0, NULL, "No step sees a later one."},
	{"code", BM_OPT_BOOL, AT(code), "false", 0, 0, NULL, "Its answer is the embedding."},
	{"kernel", BM_OPT_JSON, AT(kernel), NULL, 0, 0, NULL, "Height and width of the kernel."},
	{"size", BM_OPT_JSON, AT(size), NULL, 0, 0, NULL, "Height and width of what is pooled."},
	{"stride", BM_OPT_JSON, AT(stride), NULL, 0, 0, NULL, "Steps from one output to the next."},
	{"dilation", BM_OPT_JSON, AT(dilation), NULL, 0, 0, NULL, "Steps between a kernel's taps."},
	{"layers", BM_OPT_JSON, AT(layers), NULL, 0, 0, NULL, "What a residual goes around."},
	{"branches", BM_OPT_JSON, AT(branches), NULL, 0, 0, NULL, "Lists of layers to join."},
	{NULL}};

#define NKEYS (lengthof(keys) - 1)
#define MOST 1024 /* of a kernel, a stride, a dilation */

static int add_layers(BmNetworkSpec *spec, Jsonb *list, int before);

static bool
has_word(const char *words, const char *word)
{
	const char *at = words;
	size_t n = strlen(word);

	while ((at = strstr(at, word)) != NULL)
	{
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
		at += n;
	}
	return false;
}

/* The keys that a type knows: its own, "type" and "code". */
static const BmOptionSpec *
keys_of(const char *words)
{
	BmOptionSpec *own = palloc0(sizeof(BmOptionSpec) * (NKEYS + 1));
	int n = 0;

	for (int i = 0; i < NKEYS; i++)
		if (has_word("type code", keys[i].name) || has_word(words, keys[i].name))
			own[n++] = keys[i];
	return own;
}

static void
raise_type(const char *type, int number)
{
	const char *names[BM_LAYER_TYPES + 1];
	const char *near;

	for (int i = 0; i < BM_LAYER_TYPES; i++)
		names[i] = bmc_layer_types[i]->name;
	names[BM_LAYER_TYPES] = "residual";
	near = bm_nearest(type, names, BM_LAYER_TYPES + 1);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("layer %d has the unknown type \"%s\"", number, type),
					near ? errhint("Perhaps you mean \"%s\".", near)
						 : errhint("The types are listed in doc/networks.md.")));
}

static int
whole_number(const JsonbValue *v, const char *key, int number)
{
	int64 n = -1;

	if (v->type == jbvNumeric)
		n = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
	if (n < 1 || n > MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of layer %d must be a whole number from 1 to %d, or two of them",
						key, number, MOST)));
	return (int) n;
}

/* 3, [3] or [3, 5] into two numbers; NULL leaves them 0. */
static void
one_or_two(int *to, Jsonb *json, const char *key, int number)
{
	int n;

	if (json == NULL)
		return;
	n = JB_ROOT_IS_ARRAY(json) ? (int) JB_ROOT_COUNT(json) : 0;
	if (n < 1 || n > 2)
		whole_number(&(JsonbValue){.type = jbvNull}, key, number);
	for (int i = 0; i < 2; i++)
		to[i] =
			whole_number(getIthJsonbValueFromContainer(&json->root, Min(i, n - 1)), key, number);
}

static BmLayerSpec *
append(BmNetworkSpec *spec, int type, int before)
{
	BmLayerSpec *l;

	if (spec->n >= BM_NETWORK_LAYERS - 6)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a network has at most %d layers", BM_NETWORK_LAYERS - 6)));
	l = &spec->layer[spec->n++];
	memset(l, 0, sizeof(*l));
	l->type = type;
	l->inputs = 1;
	l->input[0] = before;
	return l;
}

static int
add_residual(BmNetworkSpec *spec, Jsonb *layers, int before)
{
	int last = add_layers(spec, layers, before);
	BmLayerSpec *l = append(spec, BM_LAYER_ADD, last);

	l->inputs = 2;
	l->input[1] = before;
	return spec->n - 1;
}

static int
add_concat(BmNetworkSpec *spec, Jsonb *branches, int before, int number)
{
	int n = branches && JB_ROOT_IS_ARRAY(branches) ? (int) JB_ROOT_COUNT(branches) : 0;
	int last[BM_LAYER_INPUTS];
	BmLayerSpec *l;

	if (n < 2 || n > BM_LAYER_INPUTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"branches\" of layer %d (concat) must hold 2 to %d lists of layers",
						number, BM_LAYER_INPUTS)));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&branches->root, i);

		last[i] = add_layers(spec, JsonbValueToJsonb(v), before);
	}
	l = append(spec, BM_LAYER_CONCAT, before);
	l->inputs = n;
	memcpy(l->input, last, sizeof(int) * n);
	return spec->n - 1;
}

/* One layer that reads layer `before`; the index of the one that answers for it. */
static int
add_layer(BmNetworkSpec *spec, Jsonb *json, int before)
{
	int number = spec->n + 1, type;
	LayerJson j;
	BmLayerSpec *l;
	const BmOptionSpec *own;
	bool residual, concat;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("layer %d is no object", number),
				 errhint("Write it as {\"type\": \"dense\", \"units\": 10}.")));
	bm_options_parse(&j, keys, json);
	residual = j.type && strcmp(j.type, "residual") == 0;
	concat = j.type && strcmp(j.type, "concat") == 0;
	type = j.type ? bmc_layer_find(j.type) : -1;
	if (type < 0 && !residual)
		raise_type(j.type ? j.type : "", number);
	own = keys_of(residual ? "layers" : concat ? "branches" : bmc_layer_types[type]->options);
	bm_options_check(json, &own, 1, psprintf("layer %d (%s)", number, j.type));
	if (residual)
		return add_residual(spec, j.layers, before);
	if (concat)
		return add_concat(spec, j.branches, before, number);
	for (int i = 0; i < 2; i++)
	{
		const char *width = i ? "filters" : "units";

		if ((i ? j.filters : j.units) < 1 && has_word(bmc_layer_types[type]->options, width))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("layer %d (%s) needs \"%s\" of at least 1", number, j.type, width)));
	}
	l = append(spec, type, before);
	l->units = j.units > 0 ? j.units : j.filters;
	l->heads = type == BM_LAYER_ATTENTION ? j.heads : 0;
	l->padding = j.padding;
	l->causal = j.causal;
	l->rate = type == BM_LAYER_DROPOUT ? (float) j.rate : 0.0f;
	one_or_two(l->size, j.kernel, "kernel", number);
	one_or_two(l->size, j.size, "size", number);
	one_or_two(l->stride, j.stride, "stride", number);
	one_or_two(l->dilation, j.dilation, "dilation", number);
	if (j.code)
		spec->code = spec->n - 1;
	return spec->n - 1;
}

/* A list of layers, the first of which reads layer `before`; the index of the last. */
static int
add_layers(BmNetworkSpec *spec, Jsonb *list, int before)
{
	check_stack_depth();
	if (list == NULL || !JB_ROOT_IS_ARRAY(list) || JB_ROOT_IS_SCALAR(list))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("layers must be an array of objects"),
			 errhint(
				 "For example [{\"type\": \"dense\", \"units\": 10}, {\"type\": \"softmax\"}].")));
	for (uint32 i = 0; i < JB_ROOT_COUNT(list); i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&list->root, i);

		before = add_layer(spec, JsonbValueToJsonb(v), before);
	}
	return before;
}

void
bm_network_spec(BmNetworkSpec *spec, Jsonb *layers)
{
	spec->n = 0;
	spec->code = -1;
	if (layers == NULL)
		return;
	add_layers(spec, layers, -1);
	if (spec->n == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"layers\" has no layer")));
}
