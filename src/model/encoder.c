/*
 * encoder.c
 *		Writing and reading the encoder of an event model.
 */
#include "pg/pg.h"

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "model/encoder.h"

#define MAX_SEGMENTS 1000 /* as in train/segment.c */

static void
append_event_name(StringInfo s, const BmDictView *events, uint32_t code)
{
	size_t from = events->offset[code], len = events->offset[code + 1] - from;

	escape_json(s, pnstrdup(events->blob + from, len));
}

Jsonb *
bm_encoder_jsonb(bool user_int, bool item_int, const BmDictView *events, const float *event_weight,
				 const bool *purchase)
{
	uint32_t named = events->kind == BM_KEY_BYTES ? events->n : 0, n = Max(named, 1);
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"user_int\":%s,\"item_int\":%s,\"events\":[",
					 user_int ? "true" : "false", item_int ? "true" : "false");
	for (uint32_t i = 0; i < named; i++)
	{
		appendStringInfoString(&s, i ? "," : "");
		append_event_name(&s, events, i);
	}
	appendStringInfoString(&s, "],\"event_weights\":[");
	for (uint32_t i = 0; i < n; i++)
		appendStringInfo(&s, "%s%.9g", i ? "," : "", (double) event_weight[i]);
	appendStringInfoString(&s, "],\"purchase\":[");
	for (uint32_t i = 0; i < n; i++)
		appendStringInfo(&s, "%s%s", i ? "," : "", purchase[i] ? "true" : "false");
	appendStringInfoString(&s, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

static JsonbValue *
member_of(Jsonb *encoder, const char *key)
{
	if (encoder == NULL || !JB_ROOT_IS_OBJECT(encoder))
		return NULL;
	return getKeyJsonValueFromContainer(&encoder->root, key, strlen(key), NULL);
}

/* Elements of the array under key, at most so many, into value; how many. */
static int
array_member(const BmModel *model, Jsonb *encoder, const char *key, enum jbvType type, int most,
			 JsonbValue *value)
{
	JsonbValue *member = member_of(encoder, key);
	JsonbContainer *array;
	int n;

	if (member == NULL || member->type != jbvBinary ||
		!JsonContainerIsArray(member->val.binary.data) ||
		JsonContainerSize(member->val.binary.data) > most)
		bm_version_damaged(model->version, NULL, "its encoder lacks the array \"%s\"", key);
	array = member->val.binary.data;
	n = (int) JsonContainerSize(array);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(array, i);

		if (v->type != type)
			bm_version_damaged(model->version, NULL, "\"%s\" in its encoder has a wrong element",
							   key);
		value[i] = *v;
	}
	return n;
}

static void
apply_segments(BmModel *model, Jsonb *encoder)
{
	JsonbValue *column = member_of(encoder, "segment");
	JsonbValue *value;

	if (column == NULL || column->type != jbvString)
		return;
	value = palloc(sizeof(JsonbValue) * MAX_SEGMENTS);
	model->segment_column = pnstrdup(column->val.string.val, column->val.string.len);
	model->nsegments = array_member(model, encoder, "segments", jbvString, MAX_SEGMENTS, value);
	model->segments = palloc(sizeof(char *) * Max(model->nsegments, 1));
	for (int i = 0; i < model->nsegments; i++)
		model->segments[i] = pnstrdup(value[i].val.string.val, value[i].val.string.len);
	pfree(value);
}

void
bm_encoder_apply(BmModel *model, Jsonb *encoder)
{
	JsonbValue value[256];
	int n = array_member(model, encoder, "event_weights", jbvNumeric, 256, value);

	for (int i = 0; i < n; i++)
		model->event_weight[i] = (float) DatumGetFloat8(
			DirectFunctionCall1(numeric_float8, NumericGetDatum(value[i].val.numeric)));
	if (array_member(model, encoder, "purchase", jbvBool, 256, value) != n)
		bm_version_damaged(model->version, NULL, "the arrays of its encoder differ in length");
	for (int i = 0; i < n; i++)
		model->purchase[i] = value[i].val.boolean;
	model->nevents = array_member(model, encoder, "events", jbvString, 256, value);
	if (model->nevents > n)
		bm_version_damaged(model->version, NULL, "the arrays of its encoder differ in length");
	model->events = palloc(sizeof(char *) * Max(model->nevents, 1));
	for (int i = 0; i < model->nevents; i++)
		model->events[i] = pnstrdup(value[i].val.string.val, value[i].val.string.len);
	apply_segments(model, encoder);
}
