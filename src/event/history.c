/*
 * history.c
 *		Reading one user's history for an answer.
 *
 * One prepared statement a source: the newest events first, so that an index on (user, time) ends the
 * work early. Times that are equal are put into the log's order, so that an answer does not depend on
 * where the rows lie.
 */
#include "event/history.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "lib/stringinfo.h"

#include "event/behaviour.h"

#define KNOWN_BEHAVIOURS 16

struct BmHistoryReader
{
	BmSource *source;
	char *segment; /* column to read along, or NULL */
	SPIPlanPtr plan;
	SPIPlanPtr before; /* the same with a time that the events are before; NULL until asked for */
	int64 min_time, max_time;     /* max_time 0: a day after now */
	Oid user_input, user_ioparam; /* input function of the user's type */
	MemoryContextCallback release;
};

static void
release_plan(void *arg)
{
	BmHistoryReader *r = arg;

	if (r->plan)
		SPI_freeplan(r->plan);
	if (r->before)
		SPI_freeplan(r->before);
}

static char *
text_column(const char *column)
{
	return column ? psprintf("%s::pg_catalog.text", quote_identifier(column)) : "NULL";
}

static char *
history_sql(const BmHistoryReader *r, bool before)
{
	const BmSource *s = r->source;
	StringInfoData extra;

	initStringInfo(&extra);
	for (int x = 0; x < s->nextra; x++)
		appendStringInfo(&extra, ", %s", text_column(s->extra[x].column));
	return psprintf(
		"SELECT %s, %s, %s, %s%s FROM %s WHERE %s OPERATOR(pg_catalog.=) $1 AND %s IS NOT NULL %s"
		"ORDER BY %s DESC LIMIT %d",
		bm_source_item_expr(s), bm_source_time_expr(s), text_column(s->event),
		text_column(r->segment), extra.data, s->relation, quote_identifier(s->user_id),
		quote_identifier(s->ts),
		before ? psprintf("AND %s OPERATOR(pg_catalog.<) $2 ", bm_source_time_expr(s)) : "",
		quote_identifier(s->ts), BM_HISTORY_EVENTS);
}

/* SPI is connected. */
static SPIPlanPtr
prepare(const BmHistoryReader *r, bool before)
{
	Oid types[2] = {r->source->user_type, TIMESTAMPTZOID};
	SPIPlanPtr plan =
		SPI_prepare_cursor(history_sql(r, before), before ? 2 : 1, types, CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare the history of source \"%s\"", r->source->name);
	return plan;
}

BmHistoryReader *
bm_history_reader(BmSource *source, const char *segment, MemoryContext context)
{
	BmHistoryReader *r = MemoryContextAllocZero(context, sizeof(BmHistoryReader));
	const BmSourceOptions *o = &source->options;

	r->source = source;
	r->segment = segment ? MemoryContextStrdup(context, segment) : NULL;
	r->min_time = o->min_time ? bm_option_time(o->min_time) : DT_NOBEGIN + 1;
	r->max_time = o->max_time ? Min(bm_option_time(o->max_time), DT_NOEND - 1) : 0;
	getTypeInputInfo(source->user_type, &r->user_input, &r->user_ioparam);
	SPI_connect();
	r->plan = prepare(r, false);
	SPI_finish();
	r->release.func = release_plan;
	r->release.arg = r;
	MemoryContextRegisterResetCallback(context, &r->release);
	return r;
}

bool
bm_history_user_is_int(const BmHistoryReader *reader)
{
	return reader->source->user_int;
}

bool
bm_history_user(const BmHistoryReader *r, int64 key, const char *text, Datum *d)
{
	switch (r->source->user_type)
	{
	case INT8OID:
		*d = Int64GetDatum(key);
		return true;
	case INT4OID:
		*d = Int32GetDatum((int32) key);
		return key >= PG_INT32_MIN && key <= PG_INT32_MAX;
	case INT2OID:
		*d = Int16GetDatum((int16) key);
		return key >= PG_INT16_MIN && key <= PG_INT16_MAX;
	default:
		*d = OidInputFunctionCall(r->user_input, (char *) text, r->user_ioparam, -1);
		return true;
	}
}

static int
compare_events(const void *a, const void *b)
{
	const BmPastEvent *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->tie != y->tie)
		return x->tie < y->tie ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	return x->event && y->event ? strcmp(x->event, y->event) : 0;
}

static bool
same_item(const BmPastEvent *a, const BmPastEvent *b)
{
	return a->text ? a->len == b->len && memcmp(a->text, b->text, a->len) == 0 : a->key == b->key;
}

/* Weights of the behaviours of this history, by name; few, so looked up in a line. */
typedef struct KnownBehaviours
{
	int n;
	const char *name[KNOWN_BEHAVIOURS];
	BmBehaviour behaviour[KNOWN_BEHAVIOURS];
} KnownBehaviours;

static BmBehaviour
behaviour_of(KnownBehaviours *known, const BmHistoryReader *r, const char **name)
{
	BmBehaviour b;

	for (int i = 0; i < known->n; i++)
		if (strcmp(known->name[i], *name) == 0)
		{
			*name = known->name[i];
			return known->behaviour[i];
		}
	b = bm_behaviour(&r->source->options, *name);
	if (known->n < KNOWN_BEHAVIOURS)
	{
		known->name[known->n] = *name;
		known->behaviour[known->n++] = b;
	}
	return b;
}

/* Row i of the result; false for what cleaning leaves out. */
static bool
past_event(BmPastEvent *e, const BmHistoryReader *r, KnownBehaviours *known, uint64 user_hash,
		   int64 max_time, uint64 i)
{
	HeapTuple row = SPI_tuptable->vals[i];
	TupleDesc desc = SPI_tuptable->tupdesc;
	bool no_item, no_time, no_event;
	Datum item = SPI_getbinval(row, desc, 1, &no_item),
		  time = SPI_getbinval(row, desc, 2, &no_time);
	Datum event = SPI_getbinval(row, desc, 3, &no_event);

	if (no_item || no_time)
		return false;
	memset(e, 0, sizeof(*e));
	e->time = DatumGetTimestampTz(time);
	if (e->time < r->min_time || e->time > max_time)
		return false;
	if (r->source->item_int)
		e->key = DatumGetInt64(item);
	else
	{
		e->text = TextDatumGetCString(item);
		e->len = strlen(e->text);
		if (e->len == 0)
			return false;
	}
	e->tie = bm_tie(
		user_hash, e->text ? bm_key_hash_bytes(e->text, e->len) : bm_key_hash_int(e->key), e->time);
	if (r->source->event)
	{
		BmBehaviour b;

		e->event = no_event ? BM_NO_BEHAVIOUR : TextDatumGetCString(event);
		if (*e->event == '\0')
			e->event = BM_NO_BEHAVIOUR;
		b = behaviour_of(known, r, &e->event);
		e->weight = b.weight;
		if (b.ignored)
			return false;
	}
	if (r->segment)
	{
		Datum segment = SPI_getbinval(row, desc, 4, &no_event);

		e->segment = no_event ? NULL : TextDatumGetCString(segment);
	}
	for (int x = 0; x < r->source->nextra; x++)
	{
		Datum extra = SPI_getbinval(row, desc, 5 + x, &no_event);

		e->extra[x] = no_event ? NULL : TextDatumGetCString(extra);
	}
	return true;
}

/* Neighbours that are the same event, after sorting. */
static size_t
drop_duplicates(BmPastEvent *e, size_t n)
{
	size_t kept = n > 0;

	for (size_t i = 1; i < n; i++)
		if (e[i].time != e[kept - 1].time || !same_item(&e[i], &e[kept - 1]) ||
			(e[i].event && strcmp(e[i].event, e[kept - 1].event) != 0))
			e[kept++] = e[i];
	return kept;
}

size_t
bm_history_read(BmHistoryReader *r, int64 key, const char *text, int64 before, BmPastEvent **events)
{
	MemoryContext caller = CurrentMemoryContext, old;
	KnownBehaviours known = {0};
	int64 max_time =
		r->max_time ? r->max_time : GetCurrentTransactionStartTimestamp() + USECS_PER_DAY;
	uint64 user_hash;
	size_t n = 0;
	Datum param[2] = {0, Int64GetDatum(before)};
	SPIPlanPtr plan = r->plan;

	*events = NULL;
	if (!bm_history_user(r, key, text, &param[0]))
		return 0;
	user_hash = r->source->user_int ? bm_key_hash_int(key) : bm_key_hash_bytes(text, strlen(text));
	SPI_connect();
	if (before != PG_INT64_MAX)
	{
		if (r->before == NULL)
			r->before = prepare(r, true);
		plan = r->before;
	}
	if (SPI_execute_plan(plan, param, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the history of source \"%s\"", r->source->name);
	old = MemoryContextSwitchTo(caller);
	if (SPI_processed > 0)
		*events = palloc(sizeof(BmPastEvent) * SPI_processed);
	for (uint64 i = SPI_processed; i-- > 0;) /* oldest first: mostly in order already */
		n += past_event(&(*events)[n], r, &known, user_hash, max_time, i);
	MemoryContextSwitchTo(old);
	SPI_finish();
	if (n > 1)
		qsort(*events, n, sizeof(BmPastEvent), compare_events);
	return r->source->options.drop_duplicates ? drop_duplicates(*events, n) : n;
}
