/*
 * segment_answer.c
 *		behav_segment and behav_segment_table: which segment a user is in now, or all of them.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/memutils.h"

#include "portrait/portrait.h"
#include "portrait/segment.h"

static void
emit(FunctionCallInfo fcinfo, const BmSegmentModel *m, const BmSegmentRows *rows, size_t i)
{
	double distance;
	size_t s = bm_segment_nearest(m, rows->x + i * rows->d, &distance);
	Datum values[7] = {bm_text_datum(rows->text + rows->user[i]),
					   Int32GetDatum(m->number[s]),
					   bm_text_datum(m->name[s]),
					   bm_text_datum(m->description[s]),
					   Float8GetDatum(distance),
					   bm_text_datum(m->version->model),
					   Int32GetDatum(m->version->version)};
	bool nulls[7] = {false};

	bm_srf_row(fcinfo, values, nulls);
}

/* user NULL: everybody. Arguments model and version from first on. */
static void
answer(FunctionCallInfo fcinfo, int first, const char *user)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine segment", ALLOCSET_DEFAULT_SIZES);
	int version = (int) bm_arg_range_or(fcinfo, first + 1, "version", 1, PG_INT32_MAX, 0);
	MemoryContext row;
	BmSegmentModel *m;
	BmSegmentRows rows;
	BmWatch watch;
	BmMem mem;

	bm_srf_begin(fcinfo);
	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	m = bm_segment_model(bm_arg_text_or_null(fcinfo, first), version, &mem);
	if (m->in.kind == BM_SEGMENT_COLUMNS && m->in.user_id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" does not know which column is the user", m->version->model),
				 errhint("Make it again with user_id => 'my_column'.")));
	bm_segment_read(&rows, &m->in, &m->options, user, true, &mem, context, &watch);
	row = AllocSetContextCreate(context, "behavmine row", ALLOCSET_SMALL_SIZES);
	for (size_t i = 0; i < rows.n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(row);

		emit(fcinfo, m, &rows, i);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
		if ((i & 0xfff) == 0)
			bm_interrupts();
	}
	MemoryContextDelete(context);
}

/* behav_segment(user_id, model, version): no row for a user who is in no segment. */
BM_FUNCTION(behav_segment);
Datum
behav_segment(PG_FUNCTION_ARGS)
{
	answer(fcinfo, 1, bm_arg_user(fcinfo, 0));
	return (Datum) 0;
}

/* behav_segment_table(model, version) */
BM_FUNCTION(behav_segment_table);
Datum
behav_segment_table(PG_FUNCTION_ARGS)
{
	answer(fcinfo, 0, NULL);
	return (Datum) 0;
}
