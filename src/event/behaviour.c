/*
 * behaviour.c
 *		What a behaviour's name says, by the source's options or by the words that shops use.
 */
#include "event/behaviour.h"

#include <ctype.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/*
 * Words by squeezed name (lower case, letters and digits only): Google Analytics 4, Segment,
 * Snowplow, Shopify, REES46, Retailrocket, Taobao. Weights order the evidence of taste; a purchase
 * says most, taking something out of the cart or sending it back says nothing in favour.
 */
static const struct
{
	const char *name;
	float weight;
	bool purchase;
} known[] = {
	{"view", 1, false},
	{"pv", 1, false},
	{"click", 1, false},
	{"viewitem", 1, false},
	{"selectitem", 1, false},
	{"productview", 1, false},
	{"productviewed", 1, false},
	{"listview", 0.5f, false},
	{"viewitemlist", 0.5f, false},
	{"productlistviewed", 0.5f, false},
	{"list", 0.5f, false},
	{"impression", 0.5f, false},
	{"search", 0.5f, false},
	{"wish", 2, false},
	{"wishlist", 2, false},
	{"fav", 2, false},
	{"favorite", 2, false},
	{"favourite", 2, false},
	{"like", 2, false},
	{"addtowishlist", 2, false},
	{"cart", 3, false},
	{"addtocart", 3, false},
	{"productadded", 3, false},
	{"productaddedtocart", 3, false},
	{"basket", 3, false},
	{"checkout", 4, false},
	{"begincheckout", 4, false},
	{"checkoutstarted", 4, false},
	{"purchase", 5, true},
	{"purchased", 5, true},
	{"buy", 5, true},
	{"bought", 5, true},
	{"order", 5, true},
	{"ordercompleted", 5, true},
	{"checkoutcompleted", 5, true},
	{"transaction", 5, true},
	{"sale", 5, true},
	{"uncart", 0, false},
	{"removefromcart", 0, false},
	{"productremoved", 0, false},
	{"productremovedfromcart", 0, false},
	{"refund", 0, false},
	{"orderrefunded", 0, false},
	{"return", 0, false},
	{"cancel", 0, false},
};

static BmBehaviour
by_name(const char *name)
{
	char squeezed[NAMEDATALEN];
	size_t n = 0;

	for (const char *c = name; *c && n + 1 < sizeof(squeezed); c++)
		if (isalnum((unsigned char) *c))
			squeezed[n++] = (char) tolower((unsigned char) *c);
	squeezed[n] = '\0';
	for (int i = 0; i < lengthof(known); i++)
		if (strcmp(squeezed, known[i].name) == 0)
			return (BmBehaviour){known[i].weight, known[i].purchase, false};
	return (BmBehaviour){1.0f, false, false};
}

static void
bad_option(const char *option, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" must be %s", option, wanted)));
}

/* Is name among the strings of a jsonb array? */
static bool
listed(Jsonb *array, const char *name)
{
	JsonbValue key;

	key.type = jbvString;
	key.val.string.val = (char *) name;
	key.val.string.len = (int) strlen(name);
	return findJsonbValueFromContainer(&array->root, JB_FARRAY, &key) != NULL;
}

/* The number under name in a jsonb object; dflt when there is none. */
static float
number_of(Jsonb *object, const char *name, float dflt)
{
	JsonbValue key, *v;

	key.type = jbvString;
	key.val.string.val = (char *) name;
	key.val.string.len = (int) strlen(name);
	v = findJsonbValueFromContainer(&object->root, JB_FOBJECT, &key);
	if (!v)
		return dflt;
	return (float) DatumGetFloat8(
		DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric)));
}

BmBehaviour
bm_behaviour(const BmSourceOptions *options, const char *name)
{
	BmBehaviour b = by_name(name);

	if (options->event_weights)
		b.weight = number_of(options->event_weights, name, b.weight);
	if (options->purchase_events)
		b.purchase = listed(options->purchase_events, name);
	b.ignored = options->ignore_events && listed(options->ignore_events, name);
	return b;
}

static void
check_names(Jsonb *array, const char *option)
{
	static const char wanted[] = "an array of behaviours, as [\"purchase\"]";
	JsonbIterator *it;
	JsonbValue v;
	JsonbIteratorToken token;

	if (!array)
		return;
	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		bad_option(option, wanted);
	it = JsonbIteratorInit(&array->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_ELEM && v.type != jbvString)
			bad_option(option, wanted);
}

static void
check_weights(Jsonb *object)
{
	static const char wanted[] =
		"an object of behaviours and weights from 0 to 1000000, as {\"view\": 1, \"purchase\": 5}";
	JsonbIterator *it;
	JsonbValue v;
	JsonbIteratorToken token;

	if (!object)
		return;
	if (!JB_ROOT_IS_OBJECT(object))
		bad_option("event_weights", wanted);
	it = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		double weight;

		if (token != WJB_VALUE)
			continue;
		if (v.type != jbvNumeric)
			bad_option("event_weights", wanted);
		weight =
			DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v.val.numeric)));
		if (!(weight >= 0 && weight <= 1e6))
			bad_option("event_weights", wanted);
	}
}

int64
bm_option_time(const char *text)
{
	return DatumGetTimestampTz(DirectFunctionCall3(
		timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

void
bm_source_options_check(const BmSourceOptions *options)
{
	check_weights(options->event_weights);
	check_names(options->purchase_events, "purchase_events");
	check_names(options->ignore_events, "ignore_events");
	if (options->min_time)
		(void) bm_option_time(options->min_time);
	if (options->max_time)
		(void) bm_option_time(options->max_time);
}
