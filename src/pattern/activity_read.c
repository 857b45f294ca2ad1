/*
 * activity_read.c
 *		A source's users and times: one SELECT, as the caller, into columns of 13 bytes an event (4 more
 *		with instants, 8 with values).
 *
 * Where only the set of active periods matters, an event in the same period as its user's event before is
 * dropped at once, so that what is kept and sorted is about one entry for each active period of a user.
 */
#include "pattern/activity_read.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "event/behaviour.h"
#include "pg/memory.h"
#include "pg/scan.h"

#define RECENT_BITS 12 /* users whose code is remembered: events come in runs */
#define NO_PERIOD PG_INT32_MIN
#define IGNORED 4 /* beside BM_ACTIVE_START and _RETURN: the source ignores this behaviour */

typedef enum KeyFrom
{
	FROM_INT2,
	FROM_INT4,
	FROM_INT8,
	FROM_UUID,
	FROM_TEXT
} KeyFrom;

typedef struct Recent
{
	int64 key;
	uint32 code; /* BM_NONE: empty */
} Recent;

typedef struct Reader
{
	const BmSource *source;
	const BmActivityRequest *ask;
	BmMem *mem;
	KeyFrom user_from;
	int event_column, value_column, breakdown_column; /* of the SELECT list; -1: none */
	int64 min_time, max_time;
	BmDict users, events, groups, units; /* by arrival; units are pairs of user and group */
	Recent recent[1 << RECENT_BITS];
	uint8 *event_flags; /* (events) */
	size_t event_capacity;
	int32 *last_period; /* (units) of the unit's latest kept event; only without repeats */
	uint8 *last_flags;  /* (units) */
	uint32 *group_of;   /* (units) */
	size_t unit_capacity;
	size_t capacity; /* events */
	BmActivityColumns kept;
	uint64 read, missing_user, missing_time, bad_time, ignored, starts, returns;
	int64 first, last;
} Reader;

/* ---- errors ---- */

void
bm_activity_check(BmStatus status, const char *doing)
{
	if (status == BM_ELIMIT)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many events or users to %s", doing),
						errdetail("The limit is %d of each.", PG_INT32_MAX),
						errhint("Look at a shorter time with \"until\".")));
	if (status == BM_ENOMEM && !bm_memory_system_refused())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not %s within behavmine.max_memory", doing),
				 errdetail("The limit is %s.", bm_size_text((size_t) bm_max_memory_kb * 1024)),
				 errhint("Raise it with SET behavmine.max_memory, or ask for less: a coarser "
						 "grain, fewer periods, an earlier \"until\".")));
	bm_check(status, doing, NULL);
}

static void
check(const Reader *r, BmStatus status)
{
	bm_activity_check(status, r->ask->doing);
}

static void *
grown(const Reader *r, void *block, size_t n, size_t size)
{
	void *larger = bmc_realloc(r->mem, block, n, size);

	if (!larger)
		check(r, BM_ENOMEM);
	return larger;
}

/* 22000: the event is not in the source; with the nearest name that is. */
static void
no_such_event(const Reader *r, const char *name)
{
	uint32 n = r->events.view.n;
	const char **names = palloc(sizeof(char *) * Max(n, 1));
	const char *near;

	for (uint32 e = 0; e < n; e++)
		names[e] = pnstrdup(r->events.view.blob + r->events.view.offset[e],
							r->events.view.offset[e + 1] - r->events.view.offset[e]);
	near = bm_nearest(name, names, (int) n);
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("source \"%s\" has no event \"%s\"", r->source->name, name),
			 errdetail("There are %u different behaviours in the " UINT64_FORMAT " rows read.", n,
					   r->read),
			 near ? errhint("Did you mean \"%s\"?", near)
				  : errhint("View the names with SELECT detail FROM behav_profile(%s) WHERE "
							"\"check\" = 'behaviours'.",
							quote_literal_cstr(r->source->name))));
}

/* ---- keys ---- */

static uint32
bytes_code(const Reader *r, BmDict *dict, const char *key, size_t len)
{
	uint32_t code;

	check(r, bmc_dict_put_bytes(dict, key, len, &code));
	return code;
}

static uint32
int_user(Reader *r, int64 key)
{
	Recent *slot = &r->recent[(uint64) key * UINT64CONST(0x9e3779b97f4a7c15) >> (64 - RECENT_BITS)];

	if (slot->code == BM_NONE || slot->key != key)
	{
		uint32_t code;

		check(r, bmc_dict_put_int(&r->users, key, &code));
		slot->key = key;
		slot->code = code;
	}
	return slot->code;
}

/* A text's bytes; *copy is to be freed when it is not NULL. */
static const char *
text_bytes(Datum d, size_t *len, void **copy)
{
	struct varlena *t = PG_DETOAST_DATUM_PACKED(d);

	*copy = (Pointer) t != DatumGetPointer(d) ? t : NULL;
	*len = VARSIZE_ANY_EXHDR(t);
	return VARDATA_ANY(t);
}

/* Code of the user in column 0; BM_NONE for NULL and the empty text. */
static uint32
user_code(Reader *r, const TupleTableSlot *slot)
{
	Datum d = slot->tts_values[0];
	const char *bytes;
	uint32 code;
	size_t len;
	void *copy;

	if (slot->tts_isnull[0])
		return BM_NONE;
	switch (r->user_from)
	{
	case FROM_INT2:
		return int_user(r, DatumGetInt16(d));
	case FROM_INT4:
		return int_user(r, DatumGetInt32(d));
	case FROM_INT8:
		return int_user(r, DatumGetInt64(d));
	case FROM_UUID:
		return bytes_code(r, &r->users, (const char *) DatumGetUUIDP(d)->data, UUID_LEN);
	case FROM_TEXT:
		break;
	}
	bytes = text_bytes(d, &len, &copy);
	code = len == 0 ? BM_NONE : bytes_code(r, &r->users, bytes, len);
	if (copy)
		pfree(copy);
	return code;
}

/* Is the user in column 0 the empty text? For rows whose user is not encoded. */
static bool
user_empty(const Reader *r, const TupleTableSlot *slot)
{
	size_t len;
	void *copy;

	if (r->user_from != FROM_TEXT)
		return false;
	(void) text_bytes(slot->tts_values[0], &len, &copy);
	if (copy)
		pfree(copy);
	return len == 0;
}

/* What a behaviour met for the first time is. */
static void
new_event(Reader *r, uint32 code, const char *bytes, size_t len)
{
	char *name = pnstrdup(bytes, len);
	uint8 flags = 0;

	if (code >= r->event_capacity)
	{
		r->event_capacity = Max(64, 2 * r->event_capacity);
		r->event_flags = grown(r, r->event_flags, r->event_capacity, 1);
	}
	if (!r->ask->start_event || strcmp(name, r->ask->start_event) == 0)
		flags |= BM_ACTIVE_START;
	if (!r->ask->return_event || strcmp(name, r->ask->return_event) == 0)
		flags |= BM_ACTIVE_RETURN;
	if (bm_behaviour(&r->source->options, name).ignored)
		flags |= IGNORED;
	r->event_flags[code] = flags;
	pfree(name);
}

/* Flags of the row's behaviour; a row without one is of BM_NO_BEHAVIOUR. */
static uint8
event_flags(Reader *r, const TupleTableSlot *slot)
{
	const char *bytes = BM_NO_BEHAVIOUR;
	size_t len = strlen(bytes);
	void *copy = NULL;
	uint32 known = r->events.view.n, code;

	if (r->event_column < 0)
		return BM_ACTIVE_START | BM_ACTIVE_RETURN;
	if (!slot->tts_isnull[r->event_column])
	{
		bytes = text_bytes(slot->tts_values[r->event_column], &len, &copy);
		if (len == 0)
		{
			bytes = BM_NO_BEHAVIOUR;
			len = strlen(bytes);
		}
	}
	code = bytes_code(r, &r->events, bytes, len);
	if (code >= known)
		new_event(r, code, bytes, len);
	if (copy)
		pfree(copy);
	return r->event_flags[code];
}

/* Code of the row's breakdown value. A byte before the key puts NULL behind all texts. */
static uint32
group_code(Reader *r, const TupleTableSlot *slot)
{
	char *key;
	const char *bytes;
	uint32 code;
	size_t len;
	void *copy;

	if (slot->tts_isnull[r->breakdown_column])
		return bytes_code(r, &r->groups, "\002", 1);
	bytes = text_bytes(slot->tts_values[r->breakdown_column], &len, &copy);
	key = palloc(len + 1);
	key[0] = '\001';
	memcpy(key + 1, bytes, len);
	code = bytes_code(r, &r->groups, key, len + 1);
	pfree(key);
	if (copy)
		pfree(copy);
	if (code >= BM_MAX_BREAKDOWN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%s\" has more than %d different values, too many for a breakdown",
						r->ask->breakdown, BM_MAX_BREAKDOWN),
				 errhint("Group its values in a view, and register that as the source.")));
	return code;
}

/* The unit of the row: the user, or the user with the breakdown's value. */
static uint32
unit_code(Reader *r, uint32 user, const TupleTableSlot *slot)
{
	uint32 group = 0;
	uint32_t unit = user;

	if (r->breakdown_column >= 0)
	{
		group = group_code(r, slot);
		check(r, bmc_dict_put_int(&r->units, (int64) ((uint64) user << 32 | group), &unit));
	}
	if (unit >= r->unit_capacity)
	{
		size_t known = r->unit_capacity;

		/* users whose events were none of those asked for have codes, too: it may be far away */
		r->unit_capacity = Max(Max(1024, 2 * known), (size_t) unit + 1);
		r->last_period = grown(r, r->last_period, r->unit_capacity, sizeof(int32));
		r->last_flags = grown(r, r->last_flags, r->unit_capacity, 1);
		r->group_of = grown(r, r->group_of, r->unit_capacity, sizeof(uint32));
		for (size_t u = known; u < r->unit_capacity; u++)
			r->last_period[u] = NO_PERIOD;
	}
	r->group_of[unit] = group;
	return unit;
}

/* ---- rows ---- */

static void
grow_columns(Reader *r)
{
	BmActivityColumns *c = &r->kept;

	r->capacity = Max(65536, r->capacity + r->capacity / 2);
	if (c->n >= PG_INT32_MAX)
		check(r, BM_ELIMIT);
	c->unit = grown(r, c->unit, r->capacity, sizeof(uint32));
	c->at = grown(r, c->at, r->capacity, sizeof(int64));
	c->flags = grown(r, c->flags, r->capacity, 1);
	if (r->ask->instants)
		c->period = grown(r, c->period, r->capacity, sizeof(int32));
	if (r->value_column >= 0)
		c->value = grown(r, c->value, r->capacity, sizeof(double));
}

static inline void
keep_event(Reader *r, uint32 unit, int64 t, uint8 flags, const TupleTableSlot *slot)
{
	int32 period = bm_zone_period(r->ask->zone, r->ask->grain, t);
	BmActivityColumns *c = &r->kept;

	if (!r->ask->repeats && !r->ask->instants)
	{
		if (r->last_period[unit] == period && (flags & ~r->last_flags[unit]) == 0)
			return;
		r->last_flags[unit] = r->last_period[unit] == period ? r->last_flags[unit] | flags : flags;
		r->last_period[unit] = period;
	}
	if (c->n == r->capacity)
		grow_columns(r);
	c->unit[c->n] = unit;
	c->at[c->n] = r->ask->instants ? t : period;
	c->flags[c->n] = flags;
	if (c->period)
		c->period[c->n] = period;
	if (c->value)
	{
		double v = slot->tts_isnull[r->value_column]
					   ? 0
					   : DatumGetFloat8(slot->tts_values[r->value_column]);

		c->value[c->n] = isfinite(v) ? v : 0;
	}
	c->n++;
}

/* BmRowFn. Each row that does not count is counted once, under the first thing wrong. */
static void
read_row(void *arg, TupleTableSlot *slot)
{
	Reader *r = arg;
	uint32 user = BM_NONE;
	uint8 flags;
	int64 t;

	if ((r->read++ & 0xffff) == 0)
		bm_progress_step((double) r->read, 0, NAN, NULL, NAN);
	if (slot->tts_isnull[0])
		r->missing_user++;
	else if (slot->tts_isnull[1])
		r->missing_time++;
	else if ((t = DatumGetTimestampTz(slot->tts_values[1])) < r->min_time || t > r->max_time)
		r->bad_time++;
	else if ((flags = event_flags(r, slot)) & IGNORED)
		r->ignored++;
	else if (r->ask->each ? user_empty(r, slot) : (user = user_code(r, slot)) == BM_NONE)
		r->missing_user++;
	else
	{
		/* known until then, whatever happened */
		r->first = Min(r->first, t);
		r->last = Max(r->last, t);
		r->starts += (flags & BM_ACTIVE_START) != 0;
		r->returns += (flags & BM_ACTIVE_RETURN) != 0;
		if (flags == 0)
			return;
		if (r->ask->each)
			r->ask->each(r->ask->arg, t);
		else
			keep_event(r, unit_code(r, user, slot), t, flags, slot);
	}
}

/* ---- the query ---- */

/* The user's expression in the SELECT list, and how it arrives. */
static char *
user_column(Reader *r)
{
	const BmSource *s = r->source;

	switch (s->user_type)
	{
	case INT2OID:
		r->user_from = FROM_INT2;
		break;
	case INT4OID:
		r->user_from = FROM_INT4;
		break;
	case INT8OID:
		r->user_from = FROM_INT8;
		break;
	case UUIDOID:
		r->user_from = FROM_UUID;
		break;
	default:
		r->user_from = FROM_TEXT;
		return bm_source_user_expr(s);
	}
	return pstrdup(quote_identifier(s->user_id));
}

/* 42703 with the nearest name when the breakdown is no column of the source. */
static void
check_breakdown(const BmSource *s, const char *column)
{
	const char *near;
	char **columns;
	int n;

	if (get_attnum(s->relid, column) > 0)
		return;
	columns = bm_relation_columns(s->relid, &n);
	near = bm_nearest(column, (const char *const *) columns, n);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" of relation %s does not exist", column, s->relation),
					errdetail("It was given as \"breakdown\"."),
					near ? errhint("Did you mean \"%s\"?", near) : 0));
}

static void
check_event_column(const Reader *r)
{
	const char *name = r->ask->start_event ? r->ask->start_event : r->ask->return_event;

	if (!name || r->source->event)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("source \"%s\" has no column of events, so \"%s\" cannot be looked for",
					r->source->name, name),
			 errhint("Register the source with event => 'column', or leave the event out: then "
					 "every row counts.")));
}

/* The SELECT; which column is where. */
static char *
build_query(Reader *r, Datum *values, int *nargs)
{
	const BmSource *s = r->source;
	const BmActivityRequest *ask = r->ask;
	bool plain =
		s->ts_type == TIMESTAMPTZOID || s->ts_type == TIMESTAMPOID || s->ts_type == DATEOID;
	char *ts = bm_source_time_expr(s), *range;
	StringInfoData sql;
	int columns = 2;

	check_event_column(r);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, %s", user_column(r), ts);
	r->event_column = r->value_column = r->breakdown_column = -1;
	if (s->event && (ask->start_event || ask->return_event || s->options.ignore_events))
	{
		r->event_column = columns++;
		appendStringInfo(&sql, ", %s::pg_catalog.text", quote_identifier(s->event));
	}
	if (ask->values && s->value)
	{
		r->value_column = columns++;
		appendStringInfo(&sql, ", %s::pg_catalog.float8", quote_identifier(s->value));
	}
	if (ask->breakdown)
	{
		check_breakdown(s, ask->breakdown);
		r->breakdown_column = columns++;
		appendStringInfo(&sql, ", %s::pg_catalog.text", quote_identifier(ask->breakdown));
	}
	appendStringInfo(&sql, " FROM %s", s->relation);
	/* in the column's own terms where an index can then serve it */
	range = plain ? pstrdup(quote_identifier(s->ts)) : ts;
	*nargs = 0;
	if (ask->since != PG_INT64_MIN)
	{
		values[(*nargs)++] = TimestampTzGetDatum(ask->since);
		appendStringInfo(&sql, " WHERE %s OPERATOR(pg_catalog.>=) $%d", range, *nargs);
	}
	if (ask->until != PG_INT64_MAX)
	{
		values[(*nargs)++] = TimestampTzGetDatum(ask->until);
		appendStringInfo(&sql, " %s %s OPERATOR(pg_catalog.<) $%d", *nargs > 1 ? "AND" : "WHERE",
						 range, *nargs);
	}
	return sql.data;
}

static void
reader_init(Reader *r, const BmSource *s, const BmActivityRequest *ask, BmMem *mem)
{
	const BmSourceOptions *o = &s->options;

	memset(r, 0, sizeof(Reader));
	r->source = s;
	r->ask = ask;
	r->mem = mem;
	r->min_time = o->min_time ? bm_option_time(o->min_time) : DT_NOBEGIN;
	r->max_time = o->max_time ? bm_option_time(o->max_time)
							  : GetCurrentTransactionStartTimestamp() + USECS_PER_DAY;
	r->min_time = Max(r->min_time, -BM_PERIOD_MAX_TIME + 1);
	r->max_time = Min(r->max_time, BM_PERIOD_MAX_TIME - 1);
	r->first = PG_INT64_MAX;
	r->last = PG_INT64_MIN;
	for (int i = 0; i < lengthof(r->recent); i++)
		r->recent[i].code = BM_NONE;
	check(r, bmc_dict_init(&r->users, s->user_int ? BM_KEY_INT : BM_KEY_BYTES, mem));
	check(r, bmc_dict_init(&r->events, BM_KEY_BYTES, mem));
	check(r, bmc_dict_init(&r->groups, BM_KEY_BYTES, mem));
	check(r, bmc_dict_init(&r->units, BM_KEY_INT, mem));
}

/* ---- after reading ---- */

static void
say_left_out(const Reader *r)
{
	const struct
	{
		uint64 n;
		const char *what;
	} part[] = {{r->missing_user, "without a user"},
				{r->missing_time, "without a time"},
				{r->bad_time, "at impossible times"},
				{r->ignored, "of ignored behaviours"}};
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < lengthof(part); i++)
		if (part[i].n > 0)
			appendStringInfo(&s, "%s" UINT64_FORMAT " %s", s.len ? ", " : "", part[i].n,
							 part[i].what);
	if (s.len > 0)
		bm_progress_note("left out of " UINT64_FORMAT " rows: %s", r->read, s.data);
}

/* Names in order, NULL last, and the codes of group_of turned into them. */
static void
order_groups(Reader *r, BmActivity *a)
{
	uint32_t *code;

	a->log.ngroups = 1;
	a->group_name = palloc0(sizeof(char *) * (BM_MAX_BREAKDOWN + 1));
	if (r->breakdown_column < 0)
		return;
	code = palloc(sizeof(uint32_t) * Max(r->groups.view.n, 1));
	check(r, bmc_dict_order(&r->groups, NULL, NULL, code));
	for (size_t u = 0; u < a->log.nunits; u++)
		r->group_of[u] = code[r->group_of[u]];
	for (uint32 g = 0; g < r->groups.view.n; g++)
	{
		const char *key = r->groups.view.blob + r->groups.view.offset[g];

		if (key[0] == '\001')
			a->group_name[g] =
				pnstrdup(key + 1, r->groups.view.offset[g + 1] - r->groups.view.offset[g] - 1);
	}
	a->log.group = r->group_of;
	a->log.ngroups = Max(r->groups.view.n, 1);
}

BmActivity *
bm_activity_read(BmSource *source, const BmActivityRequest *request, BmMem *mem, BmWatch *watch)
{
	Oid types[2] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Reader *r = palloc(sizeof(Reader));
	BmActivity *a = palloc0(sizeof(BmActivity));
	Datum values[2];
	char *sql;
	int nargs;

	reader_init(r, source, request, mem);
	bm_progress_phase(BM_PHASE_READ, NULL);
	SPI_connect();
	sql = build_query(r, values, &nargs);
	(void) bm_scan(sql, nargs, types, values, NULL, read_row, r);
	SPI_finish();
	say_left_out(r);

	if (request->start_event && r->starts == 0)
		no_such_event(r, request->start_event);
	if (request->return_event && r->returns == 0)
		no_such_event(r, request->return_event);
	a->rows = r->read;
	a->starts = r->starts;
	a->first = r->first;
	a->last = r->last;
	if (request->each)
		return a;
	bm_progress_phase(BM_PHASE_INDEX, NULL);
	a->log.nunits = r->breakdown_column < 0 ? r->users.view.n : r->units.view.n;
	order_groups(r, a);
	bm_activity_sort(a, &r->kept, request->doing, mem, watch);
	return a;
}
