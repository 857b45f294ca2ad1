/*
 * answer.c
 *		From a key to a history in the model's codes, and from codes to rows with reasons.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "recommend/answer.h"

BmHistoryReader *
bm_answer_reader(BmModel *model)
{
	MemoryContext old;
	BmSource *source;

	if (model->attached)
		return model->attached;
	if (model->version->source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no source", model->version->model),
				 errhint("Give the items yourself: SELECT * FROM behav_recommend_items(...).")));
	old = MemoryContextSwitchTo(model->context);
	source = bm_source_load(model->version->source);
	model->source_relid = source->relid; /* first: a change from here on is noticed */
	model->attached = bm_history_reader(source, model->context);
	MemoryContextSwitchTo(old);
	return model->attached;
}

/* ---- items ---- */

static uint32_t
code_of_text(const BmModel *model, const char *key, size_t len)
{
	return model->items.kind == BM_KEY_BYTES ? bmc_dict_find_bytes(&model->items, key, len)
											 : BM_NONE;
}

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
	if (model->items.kind == BM_KEY_INT)
		return parse_int(text, &v) ? bmc_dict_find_int(&model->items, v) : BM_NONE;
	return code_of_text(model, text, strlen(text));
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
		return code_of_text(model, e->text, e->len);
	if (model->items.kind == BM_KEY_INT)
		return bmc_dict_find_int(&model->items, e->key);
	pg_lltoa(e->key, digits);
	return code_of_text(model, digits, strlen(digits));
}

BmPast *
bm_answer_history(BmModel *model, int64 key, bool is_int, const char *text)
{
	BmHistoryReader *reader = bm_answer_reader(model);
	BmPastEvent *e;
	size_t n;
	BmPast *past;
	uint32_t *item;
	uint8_t *event;

	if (bm_history_user_is_int(reader) && !is_int && !parse_int(text, &key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("user \"%s\" is not an integer", text),
				 errdetail("The users of source \"%s\" are integers.", model->version->source)));
	n = bm_history_read(reader, key, text, &e);
	past = new_past(model, n);
	item = (uint32_t *) past->h.item;
	past->times = palloc(sizeof(int64) * Max(n, 1));
	event = model->nevents > 0 ? palloc(Max(n, 1)) : NULL;
	for (size_t i = 0; i < n; i++)
	{
		uint32_t code = past_item(model, &e[i]);
		int behaviour = event && e[i].event ? event_code(model, e[i].event) : 0;

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
	if (strcmp(word, "nothing") == 0)
		return BM_EXCLUDE_NONE;
	if (strcmp(word, "seen") == 0)
		return BM_EXCLUDE_SEEN;
	if (strcmp(word, "purchased") == 0)
		return BM_EXCLUDE_PURCHASED;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"exclude\" cannot be \"%s\"", word),
			 errhint("It is one of nothing, seen, purchased.")));
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

/* ---- rows ---- */

/* "because of 2858 (purchase, 43 %)": the history event with the largest share. */
static Datum
reason(const BmModel *model, const BmPast *past, const float *share)
{
	size_t best = 0;
	const char *name;

	if (past->h.n == 0)
		return bm_text_datum("popular: no event of this user that the model knows");
	for (size_t e = 1; e < past->h.n; e++)
		if (share[e] >= share[best])
			best = e;
	if (!(share[best] > 0.0f))
		return bm_text_datum("popular: nothing in the history speaks for more");
	name = past->name[best];
	return bm_text_datum(psprintf("because of %s (%s%s%.0f %%)",
								  TextDatumGetCString(bm_item_text(model, past->h.item[best])),
								  name ? name : "", name ? ", " : "", 100.0 * share[best]));
}

void
bm_answer_emit(FunctionCallInfo fcinfo, const BmModel *model, const BmServe *serve,
			   const BmPast *past)
{
	uint32_t *item = palloc(sizeof(uint32_t) * serve->k);
	float *score = palloc(sizeof(float) * serve->k), *share;
	size_t n = bmc_serve(item, score, serve, &past->h,
						 palloc_extended(bmc_serve_bytes(serve), MCXT_ALLOC_HUGE), false);

	share = palloc_extended(Max(n * past->h.n, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	if (past->h.n > 0 && n > 0)
		bmc_blend_explain(
			share, &model->blend, &past->h, item, n,
			palloc_extended(bmc_blend_explain_bytes(&model->blend, past->h.n, n), MCXT_ALLOC_HUGE));
	for (size_t i = 0; i < n; i++)
	{
		Datum values[4] = {bm_item_text(model, item[i]), bm_float8_datum(score[i]),
						   Int32GetDatum((int32) i + 1),
						   reason(model, past, share + i * past->h.n)};
		bool nulls[4] = {false};

		bm_srf_row(fcinfo, values, nulls);
	}
}
