/*
 * answer.c
 *		From a key to a history in the model's codes, and from codes to rows with reasons.
 */
#include "pg/pg.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "recommend/answer.h"

BmHistoryReader *
bm_answer_reader(BmModel *model)
{
	BmServing *serving = bm_serving(model);

	if (serving->reader == NULL)
	{
		BmSource *source = bm_serving_source(model);

		model->source_relid = source->relid; /* first: a change from here on is noticed */
		serving->reader = bm_history_reader(source, model->segment_column, model->context);
	}
	return serving->reader;
}

/* ---- items ---- */

/* A whole number as text, or false. */
static bool
parse_int(const char *s, int64 *v)
{
	char *end;

	if (*s == '\0' || isspace((unsigned char) *s))
		return false;
	errno = 0;
	*v = strtoll(s, &end, 10);
	return errno == 0 && *end == '\0';
}

/* A key of the other kind is compared as text, as in a join with a cast. */
uint32_t
bm_item_code_text(const BmModel *model, const char *key, size_t len)
{
	int64 v;

	if (model->items.kind == BM_KEY_BYTES)
		return bmc_dict_find_bytes(&model->items, key, len);
	return parse_int(key, &v) ? bmc_dict_find_int(&model->items, v) : BM_NONE;
}

uint32_t
bm_item_code(const BmModel *model, Oid type, Datum key)
{
	bool is_int = type == INT2OID || type == INT4OID || type == INT8OID;
	int64 v = 0;
	char *text;
	Oid output;
	bool varlena;

	if (is_int)
		v = type == INT8OID   ? DatumGetInt64(key)
			: type == INT4OID ? DatumGetInt32(key)
							  : DatumGetInt16(key);
	if (is_int && model->items.kind == BM_KEY_INT)
		return bmc_dict_find_int(&model->items, v);
	getTypeOutputInfo(type, &output, &varlena);
	text = OidOutputFunctionCall(output, key);
	return bm_item_code_text(model, text, strlen(text));
}

Datum
bm_item_text(const BmModel *model, uint32_t code)
{
	const BmDictView *d = &model->items;
	char digits[MAXINT8LEN + 1];

	if (d->kind == BM_KEY_BYTES)
		return PointerGetDatum(cstring_to_text_with_len(
			d->blob + d->offset[code], (int) (d->offset[code + 1] - d->offset[code])));
	pg_lltoa(d->key[code], digits);
	return bm_text_datum(digits);
}

/* ---- histories ---- */

static BmPast *
new_past(BmModel *model, size_t n)
{
	BmPast *past = palloc0(sizeof(BmPast));

	past->h.item = palloc(sizeof(uint32_t) * Max(n, 1));
	past->h.event_weight = model->event_weight;
	past->name = palloc0(sizeof(char *) * Max(n, 1));
	return past;
}

/* Code of a behaviour's name; -1 for one that the model was not trained on. */
static int
event_code(const BmModel *model, const char *name)
{
	for (int i = 0; i < model->nevents; i++)
		if (strcmp(model->events[i], name) == 0)
			return i;
	return -1;
}

static uint32_t
past_item(const BmModel *model, const BmPastEvent *e)
{
	char digits[MAXINT8LEN + 1];

	if (e->text)
		return bm_item_code_text(model, e->text, e->len);
	if (model->items.kind == BM_KEY_INT)
		return bmc_dict_find_int(&model->items, e->key);
	pg_lltoa(e->key, digits);
	return bm_item_code_text(model, digits, strlen(digits));
}

/* ---- users ---- */

BmUser
bm_user_int(FunctionCallInfo fcinfo)
{
	int64 key = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);

	return (BmUser){!PG_ARGISNULL(0), true, key, psprintf(INT64_FORMAT, key)};
}

BmUser
bm_user_text(FunctionCallInfo fcinfo)
{
	return (BmUser){!PG_ARGISNULL(0), false, 0,
					PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0))};
}

BmUser
bm_user_uuid(FunctionCallInfo fcinfo)
{
	return (BmUser){
		!PG_ARGISNULL(0), false, 0,
		PG_ARGISNULL(0) ? "" : DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0)))};
}

void
bm_check_user(BmModel *model, BmUser *user)
{
	if (!bm_history_user_is_int(bm_answer_reader(model)) || user->is_int)
		return;
	if (!parse_int(user->text, &user->key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("user \"%s\" is not an integer", user->text),
				 errdetail("The users of source \"%s\" are integers.", model->version->source)));
}

int64
bm_arg_before(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? PG_INT64_MAX : PG_GETARG_TIMESTAMPTZ(i);
}

BmPast *
bm_answer_history(BmModel *model, BmUser *user, int64 before)
{
	BmHistoryReader *reader = bm_answer_reader(model);
	BmPastEvent *e;
	size_t n;
	BmPast *past;
	uint32_t *item;
	uint8_t *event;

	bm_check_user(model, user);
	n = bm_history_read(reader, user->key, user->text, before, &e);
	past = new_past(model, n);
	item = (uint32_t *) past->h.item;
	past->times = palloc(sizeof(int64) * Max(n, 1));
	event = model->nevents > 0 ? palloc(Max(n, 1)) : NULL;
	for (size_t i = 0; i < n; i++)
	{
		uint32_t code = past_item(model, &e[i]);
		int behaviour = event && e[i].event ? event_code(model, e[i].event) : 0;

		past->segment = e[i].segment ? e[i].segment : past->segment;
		if (code == BM_NONE || behaviour < 0)
			continue;
		item[past->h.n] = code;
		past->times[past->h.n] = e[i].time;
		past->name[past->h.n] = e[i].event;
		if (event)
			event[past->h.n] = (uint8_t) behaviour;
		past->h.n++;
	}
	past->h.time = past->times;
	past->h.event = event;
	return past;
}

BmPast *
bm_answer_items(BmModel *model, ArrayType *items)
{
	Oid type = ARR_ELEMTYPE(items);
	Datum *key;
	bool *null;
	int n;
	int16 len;
	bool byval;
	char align;
	BmPast *past;

	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(items, type, len, byval, align, &key, &null, &n);
	past = new_past(model, (size_t) n);
	for (int i = 0; i < n; i++)
	{
		uint32_t code = null[i] ? BM_NONE : bm_item_code(model, type, key[i]);

		if (code != BM_NONE)
			((uint32_t *) past->h.item)[past->h.n++] = code;
	}
	return past;
}

/* ---- filters ---- */

BmExclude
bm_answer_exclude(const char *word)
{
	static const char *const words[] = {"nothing", "seen", "purchased"}; /* as in BmExclude */

	return (BmExclude) bm_word(word, words, lengthof(words), "exclude");
}

uint64_t *
bm_answer_candidates(const BmModel *model, ArrayType *candidates)
{
	uint64_t *bits;
	BmPast *past;

	if (candidates == NULL)
		return NULL;
	bits = palloc0((model->items.n / 64 + 1) * sizeof(uint64_t));
	past = bm_answer_items((BmModel *) model, candidates);
	for (size_t i = 0; i < past->h.n; i++)
		bits[past->h.item[i] / 64] |= UINT64_C(1) << (past->h.item[i] % 64);
	return bits;
}

/* ---- reasons ---- */

char *
bm_answer_because(const BmModel *model, const BmPast *past, const float *share, size_t event)
{
	const char *name = past->name[event];

	return psprintf("because of %s (%s%s%.0f %%)",
					TextDatumGetCString(bm_item_text(model, past->h.item[event])), name ? name : "",
					name ? ", " : "", 100.0 * share[event]);
}
