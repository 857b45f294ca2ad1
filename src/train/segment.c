/*
 * segment.c
 *		Popularity by segment, for users of whom no event is known: the option "segment" names a column of
 *		the events, whose values are the segments.
 */
#include "pg/pg.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "core/rec/segments.h"
#include "train/train.h"

/* Names of segments stand in the version's row, and a name is looked for one by one. */
#define MAX_SEGMENTS 1000
/* As that of algorithm popular by default, in microseconds. */
#define HALF_LIFE (30.0 * 86400e6)

void
bm_segment_column(BmTraining *t)
{
	if (t->options.segment == NULL)
		return;
	t->source->extra = palloc0(sizeof(BmExtraColumn));
	t->source->extra[0].column = t->options.segment;
	t->source->nextra = 1;
	bm_source_extra(t->source, 0, "segment");
}

void
bm_segment_tensors(BmTraining *t)
{
	const BmDictView *names = &t->log->extra[0].view;
	size_t shape[2] = {names->n, BM_SEGMENT_TOP};
	uint32_t *item;
	float *score;

	if (t->options.segment == NULL || names->n == 0)
		return;
	if (names->n > MAX_SEGMENTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%s\" has too many values to be segments", t->options.segment),
				 errdetail("It has %u; the limit is %d.", names->n, MAX_SEGMENTS)));
	item = palloc(sizeof(uint32_t) * shape[0] * shape[1]);
	score = palloc(sizeof(float) * shape[0] * shape[1]);
	bm_check(bmc_segments(item, score, &t->split->all, t->log->extra_code[0], names->n, HALF_LIFE,
						  &t->mem, &t->cancel.stop),
			 "find what is popular by segment", NULL);
	if (!bmc_tensors_add(t->tensors, NULL, "segment_item", BM_I32, item, 2, shape) ||
		!bmc_tensors_add(t->tensors, NULL, "segment_score", BM_F32, score, 2, shape))
		elog(ERROR, "too many tensors in one version");
}

Jsonb *
bm_segment_encoder(const BmTraining *t)
{
	const BmDictView *names = &t->log->extra[0].view;
	StringInfoData s;

	if (t->options.segment == NULL || names->n == 0)
		return NULL;
	initStringInfo(&s);
	appendStringInfoString(&s, "{\"segment\":");
	escape_json(&s, t->options.segment);
	appendStringInfoString(&s, ",\"segments\":[");
	for (uint32_t i = 0; i < names->n; i++)
	{
		appendStringInfoString(&s, i ? "," : "");
		escape_json(&s, bm_dict_text(names, i));
	}
	appendStringInfoString(&s, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}
