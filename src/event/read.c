/*
 * read.c
 *		Reading a source: one SELECT, as the caller, into chunked columns of 17 bytes an event.
 *
 * The row callback is the hot loop: keys are encoded by type without a text round trip, recent
 * keys are remembered (events come in runs, and items are popular), and nothing is palloc'd per row but
 * what a compressed text needs. Codes are by order of arrival here; clean.c makes them canonical.
 */
#include "event/read.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/memory.h"
#include "pg/scan.h"

#define MAX_BEHAVIOURS 255

/* ---- errors ---- */

void
bm_read_check(BmStatus status, const BmReader *r)
{
	const char *name = r->source->name;

	switch (status)
	{
	case BM_OK:
		return;
	case BM_ENOMEM:
		if (bm_memory_system_refused())
			bm_check(status, psprintf("read source \"%s\"", name), NULL);
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("reading source \"%s\" needs more memory than behavmine.max_memory", name),
				 errdetail("After %zu events %zu kB are in use; the limit is %d kB.", r->n,
						   r->mem->used / 1024, bm_max_memory_kb),
				 errhint("Run SET behavmine.max_memory = '%d MB', or read less with the option "
						 "\"since\".",
						 bm_max_memory_kb / 1024 * 2)));
		break;
	case BM_ELIMIT:
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("source \"%s\" has too many events, users or items", name),
				 errdetail("After %zu events there are %u users and %u items; the limits are "
						   "%u of each.",
						   r->n, r->users.view.n, r->items.view.n, (unsigned) PG_INT32_MAX - 1),
				 errhint("Read less with the option \"since\", or group items.")));
		break;
	default:
		bm_check(status, psprintf("read source \"%s\"", name), NULL);
	}
}

static void
too_many_behaviours(const BmReader *r)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("source \"%s\" has more than %d behaviours in column \"%s\"", r->source->name,
					MAX_BEHAVIOURS, r->source->event),
			 errhint("Name the column of behaviours (view, cart, purchase) with event => ..., "
					 "or group them in a view.")));
}

/* ---- keys ---- */

static inline uint32_t
int_code(BmReader *r, BmKeyColumn *k, int64 key)
{
	uint32_t code;

	bm_read_check(bm_recent_int(k->recent, k->dict, key, &code), r);
	return code;
}

static inline uint32_t
bytes_code(BmReader *r, BmKeyColumn *k, const char *key, size_t len)
{
	uint32_t code;

	bm_read_check(bm_recent_bytes(k->recent, k->dict, key, len, &code), r);
	return code;
}

/* Code of a text; BM_NONE for the empty one. */
static uint32_t
text_code(BmReader *r, BmKeyColumn *k, Datum d)
{
	struct varlena *t = PG_DETOAST_DATUM_PACKED(d);
	size_t len = VARSIZE_ANY_EXHDR(t);
	uint32_t code = len == 0 ? BM_NONE : bytes_code(r, k, VARDATA_ANY(t), len);

	if ((Pointer) t != DatumGetPointer(d))
		pfree(t);
	return code;
}

/* A number as a key: equal numbers have equal bits, but for zeros of either sign. */
static inline int64
float8_bits(float8 v)
{
	int64 bits;

	v += 0.0; /* -0 becomes 0 */
	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* Code of the key in column i; BM_NONE when it is NULL or empty. */
static inline uint32_t
key_code(BmReader *r, BmKeyColumn *k, const TupleTableSlot *slot, int i)
{
	Datum d = slot->tts_values[i];
	char text[BM_UUID_TEXT];

	if (slot->tts_isnull[i])
		return BM_NONE;
	switch (k->from)
	{
	case BM_FROM_INT2:
		return int_code(r, k, DatumGetInt16(d));
	case BM_FROM_INT4:
		return int_code(r, k, DatumGetInt32(d));
	case BM_FROM_INT8:
		return int_code(r, k, DatumGetInt64(d));
	case BM_FROM_FLOAT8:
		return int_code(r, k, float8_bits(DatumGetFloat8(d)));
	case BM_FROM_UUID:
		bm_uuid_text(text, DatumGetUUIDP(d));
		return bytes_code(r, k, text, BM_UUID_TEXT);
	case BM_FROM_TEXT:
		break;
	}
	return text_code(r, k, d);
}

/* What a behaviour met for the first time is. */
static void
new_behaviour(BmReader *r, uint32_t code)
{
	if (code >= MAX_BEHAVIOURS)
		too_many_behaviours(r);
	r->behaviour[code] = bm_behaviour(&r->source->options, bm_dict_text(&r->events.view, code));
}

static inline uint32_t
event_code(BmReader *r, const TupleTableSlot *slot, int i)
{
	uint32_t known = r->events.view.n;
	uint32_t code = key_code(r, &r->event, slot, i);

	if (code == BM_NONE)
		code = bytes_code(r, &r->event, BM_NO_BEHAVIOUR, strlen(BM_NO_BEHAVIOUR));
	if (code >= known)
		new_behaviour(r, code);
	return code;
}

/* ---- time ---- */

/* An integer's time by its magnitude, as bm_source_time_expr; false when no timestamp can hold it. */
static inline bool
epoch_micros(int64 v, int64 *t)
{
	static const int64 epoch_2000 =
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

	if (v < -INT64CONST(210000000000))
		return false;
	if (v < INT64CONST(100000000000))
		*t = v * USECS_PER_SEC - epoch_2000;
	else if (v < INT64CONST(100000000000000))
		*t = v * 1000 - epoch_2000;
	else
		*t = v - epoch_2000;
	return true;
}

/* The event's time; false when missing. */
static inline bool
event_time(const BmReader *r, const TupleTableSlot *slot, int i, int64 *t)
{
	Datum d = slot->tts_values[i];

	if (slot->tts_isnull[i])
		return false;
	switch (r->time_from)
	{
	case BM_FROM_TIMESTAMPTZ:
		*t = DatumGetTimestampTz(d);
		return true;
	case BM_FROM_EPOCH2:
		return epoch_micros(DatumGetInt16(d), t);
	case BM_FROM_EPOCH4:
		return epoch_micros(DatumGetInt32(d), t);
	case BM_FROM_EPOCH8:
		break;
	}
	return epoch_micros(DatumGetInt64(d), t);
}

/* ---- rows ---- */

static void *
take(BmReader *r, size_t n, size_t size)
{
	void *block = bmc_alloc(r->mem, n, size);

	if (!block)
		bm_read_check(BM_ENOMEM, r);
	return block;
}

/* Begin the next chunk. */
static void
new_chunk(BmReader *r)
{
	BmChunk *c;

	if (r->n >= (size_t) PG_INT32_MAX - BM_CHUNK_ROWS)
		bm_read_check(BM_ELIMIT, r);
	if (r->nchunks == r->chunk_capacity)
	{
		size_t capacity = Max(64, 2 * r->chunk_capacity);
		BmChunk *grown = bmc_realloc(r->mem, r->chunks, capacity, sizeof(BmChunk));

		if (!grown)
			bm_read_check(BM_ENOMEM, r);
		r->chunks = grown;
		r->chunk_capacity = capacity;
	}
	c = r->tail = &r->chunks[r->nchunks];
	memset(c, 0, sizeof(BmChunk));
	c->user = take(r, BM_CHUNK_ROWS, sizeof(uint32_t));
	c->item = take(r, BM_CHUNK_ROWS, sizeof(uint32_t));
	c->time = take(r, BM_CHUNK_ROWS, sizeof(int64_t));
	c->event = r->has_event ? take(r, BM_CHUNK_ROWS, 1) : NULL;
	for (int x = 0; x < r->source->nextra; x++)
		c->extra[x] = take(r, BM_CHUNK_ROWS, sizeof(uint32_t));
	r->nchunks++;
	bm_progress_step((double) r->cleaning.read, r->expected, NAN, NULL, NAN);
}

static inline void
keep_event(BmReader *r, const TupleTableSlot *slot, uint32_t user, uint32_t item, int64 t,
		   uint32_t event)
{
	BmChunk *c = r->tail;

	if (!c || c->n == BM_CHUNK_ROWS)
	{
		new_chunk(r);
		c = r->tail;
	}
	c->user[c->n] = user;
	c->item[c->n] = item;
	c->time[c->n] = t;
	if (c->event)
		c->event[c->n] = (uint8_t) event;
	for (int x = 0; x < r->source->nextra; x++)
		c->extra[x][c->n] = key_code(r, &r->extra[x], slot, 3 + r->has_event + x);
	c->n++;
}

/* BmRowFn: (user, item, time[, event][, extra...]). Each row is counted once, under the first thing wrong. */
static void
read_row(void *arg, TupleTableSlot *slot)
{
	BmReader *r = arg;
	uint32_t event = 0, user, item;
	int64 t;

	r->cleaning.read++;
	if (slot->tts_isnull[0])
		r->cleaning.missing_user++;
	else if (slot->tts_isnull[1] && !r->source->itemless)
		r->cleaning.missing_item++;
	else if (!event_time(r, slot, 2, &t))
		r->cleaning.missing_time++;
	else if (t < r->min_time || t > r->max_time)
	{
		r->cleaning.bad_time++;
		r->future += t > r->now;
	}
	else if (r->has_event &&
			 (event = event_code(r, slot, 3), r->event_rows[event]++, r->behaviour[event].ignored))
		r->cleaning.ignored_event++;
	else if ((user = key_code(r, &r->user, slot, 0)) == BM_NONE)
		r->cleaning.missing_user++;
	else if ((item = key_code(r, &r->item, slot, 1)) == BM_NONE && !r->source->itemless)
		r->cleaning.missing_item++;
	else
	{
		if (r->keep)
			keep_event(r, slot, user, item, t, event);
		r->n++;
		r->first = Min(r->first, t);
		r->last = Max(r->last, t);
		r->future += t > r->now;
		r->coarse = r->coarse && t % USECS_PER_MINUTE == 0;
	}
}

/* ---- the query ---- */

/* Fill how a key column arrives; returns its expression for the SELECT list. */
static char *
key_column(BmKeyColumn *k, BmDict *dict, const char *column, Oid type, char *expr)
{
	k->dict = dict;
	switch (type)
	{
	case INT2OID:
		k->from = BM_FROM_INT2;
		break;
	case INT4OID:
		k->from = BM_FROM_INT4;
		break;
	case INT8OID:
		k->from = BM_FROM_INT8;
		break;
	case UUIDOID:
		k->from = BM_FROM_UUID;
		break;
	case TEXTOID:
	case VARCHAROID:
		k->from = BM_FROM_TEXT;
		break;
	default:
		k->from = BM_FROM_TEXT;
		return expr; /* through the cast to text */
	}
	return pstrdup(quote_identifier(column)); /* as it is stored */
}

/* The same for a column that is read along. */
static char *
extra_column(BmKeyColumn *k, BmDict *dict, const BmExtraColumn *x)
{
	char *quoted = pstrdup(quote_identifier(x->column)), *expr;

	if (!x->number)
		return key_column(k, dict, x->column, x->type, psprintf("%s::pg_catalog.text", quoted));
	expr = psprintf("%s::pg_catalog.float8", quoted);
	k->dict = dict;
	k->from = BM_FROM_FLOAT8;
	return expr;
}

/* The same for the time. */
static char *
time_column(BmReader *r, const BmSource *s)
{
	r->time_from = s->ts_type == INT2OID   ? BM_FROM_EPOCH2
				   : s->ts_type == INT4OID ? BM_FROM_EPOCH4
				   : s->ts_type == INT8OID ? BM_FROM_EPOCH8
										   : BM_FROM_TIMESTAMPTZ;
	return bm_type_is_int(s->ts_type) ? pstrdup(quote_identifier(s->ts)) : bm_source_time_expr(s);
}

/* " WHERE ..." for since and until, in the column's own terms where an index can then serve it. */
static void
append_range(StringInfo sql, const BmSource *s, int64 since, int64 until, Datum *values, int *n)
{
	bool plain =
		s->ts_type == TIMESTAMPTZOID || s->ts_type == TIMESTAMPOID || s->ts_type == DATEOID;
	char *ts = plain ? pstrdup(quote_identifier(s->ts)) : bm_source_time_expr(s);

	*n = 0;
	if (since != PG_INT64_MIN)
	{
		values[(*n)++] = TimestampTzGetDatum(since);
		appendStringInfo(sql, " WHERE %s OPERATOR(pg_catalog.>=) $%d", ts, *n);
	}
	if (until != PG_INT64_MAX)
	{
		values[(*n)++] = TimestampTzGetDatum(until);
		appendStringInfo(sql, " %s %s OPERATOR(pg_catalog.<) $%d", *n > 1 ? "AND" : "WHERE", ts,
						 *n);
	}
}

static void
init_recent(BmReader *r, BmKeyColumn *k)
{
	k->recent = take(r, BM_RECENT_KEYS, sizeof(BmRecentKey));
	bm_recent_clear(k->recent);
}

static void
free_recent(BmReader *r, BmKeyColumn *k)
{
	bmc_free(r->mem, k->recent);
	k->recent = NULL;
}

static void
reader_init(BmReader *r, const BmSource *s, bool keep, BmMem *mem, BmWatch *watch)
{
	const BmSourceOptions *o = &s->options;

	memset(r, 0, sizeof(BmReader));
	r->source = s;
	r->mem = mem;
	r->keep = keep;
	r->watch = watch;
	r->has_event = s->event != NULL;
	r->now = GetCurrentTransactionStartTimestamp();
	r->min_time = o->min_time ? bm_option_time(o->min_time) : DT_NOBEGIN + 1;
	r->max_time = o->max_time ? bm_option_time(o->max_time) : r->now + USECS_PER_DAY;
	r->min_time = Max(r->min_time, DT_NOBEGIN + 1); /* an infinite time is never possible */
	r->max_time = Min(r->max_time, DT_NOEND - 1);
	r->first = PG_INT64_MAX;
	r->last = PG_INT64_MIN;
	r->coarse = true;
	init_recent(r, &r->user);
	init_recent(r, &r->item);
	init_recent(r, &r->event);
	bm_read_check(bmc_dict_init(&r->users, s->user_int ? BM_KEY_INT : BM_KEY_BYTES, mem), r);
	bm_read_check(bmc_dict_init(&r->items, s->item_int ? BM_KEY_INT : BM_KEY_BYTES, mem), r);
	bm_read_check(bmc_dict_init(&r->events, BM_KEY_BYTES, mem), r);
	for (int x = 0; x < s->nextra; x++)
	{
		bool is_int = s->extra[x].number || bm_type_is_int(s->extra[x].type);

		init_recent(r, &r->extra[x]);
		bm_read_check(bmc_dict_init(&r->extras[x], is_int ? BM_KEY_INT : BM_KEY_BYTES, mem), r);
	}
}

void
bm_read_source(BmReader *r, const BmSource *s, int64 since, int64 until, bool keep, BmMem *mem,
			   BmWatch *watch)
{
	Oid types[2] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum values[2];
	StringInfoData sql;
	int nargs;

	reader_init(r, s, keep, mem, watch);
	if (since == PG_INT64_MIN && until == PG_INT64_MAX)
		r->expected = bm_relation_rows(s->relid);
	if (keep)
		bm_check_memory(mem, bm_log_bytes(r->expected, 0, 0) + 8 * s->nextra * (size_t) r->expected,
						psprintf("reading source \"%s\"", s->name),
						"Raise behavmine.max_memory, or read less with the option \"since\".");

	SPI_connect();
	initStringInfo(&sql);
	appendStringInfo(
		&sql, "SELECT %s, %s, %s",
		key_column(&r->user, &r->users, s->user_id, s->user_type, bm_source_user_expr(s)),
		key_column(&r->item, &r->items, s->item_id, s->item_type, bm_source_item_expr(s)),
		time_column(r, s));
	if (r->has_event)
	{
		r->event.dict = &r->events;
		r->event.from = BM_FROM_TEXT;
		appendStringInfo(&sql, ", %s::pg_catalog.text", quote_identifier(s->event));
	}
	for (int x = 0; x < s->nextra; x++)
		appendStringInfo(&sql, ", %s", extra_column(&r->extra[x], &r->extras[x], &s->extra[x]));
	appendStringInfo(&sql, " FROM %s", s->relation);
	append_range(&sql, s, since, until, values, &nargs);
	(void) bm_scan(sql.data, nargs, types, values, NULL, read_row, r);
	SPI_finish();
	free_recent(r, &r->user);
	free_recent(r, &r->item);
	free_recent(r, &r->event);
	for (int x = 0; x < s->nextra; x++)
		free_recent(r, &r->extra[x]);
}
