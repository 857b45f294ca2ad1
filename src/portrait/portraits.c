/*
 * portraits.c
 *		behav_portraits: the table of portraits, filled in one pass and refreshed by new events alone.
 *
 * A portrait needs no old event to go on, so a refresh reads what is newer than the watermark, fetches
 * the portraits of those users by the thousand, sweeps, and writes them back. Rows that come late, with times
 * before the watermark, are seen by a full run only.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "model/query.h"
#include "portrait/portrait.h"

#define CHUNK_USERS 2048
#define MOST_SHOP_EVENTS 64 /* behaviours whose transitions are kept of all users */

/* ---- what is kept of a source ---- */

/* Columns options, watermark, behaviours, transitions of the only row of the last statement. */
static void
source_of_row(BmPortraitSource *out, MemoryContext context)
{
	TupleDesc desc = SPI_tuptable->tupdesc;
	HeapTuple row = SPI_tuptable->vals[0];
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum d, *element;
	bool null;
	int n;

	out->options = bm_row_jsonb(0, 1, context);
	d = SPI_getbinval(row, desc, 2, &null);
	out->filled = !null;
	out->watermark = null ? 0 : DatumGetTimestampTz(d);
	d = SPI_getbinval(row, desc, 3, &null);
	if (!null)
	{
		deconstruct_array(DatumGetArrayTypePCopy(d), TEXTOID, -1, false, TYPALIGN_INT, &element,
						  NULL, &out->n);
		out->event = palloc(sizeof(char *) * Max(out->n, 1));
		for (int i = 0; i < out->n; i++)
			out->event[i] = TextDatumGetCString(element[i]);
		d = SPI_getbinval(row, desc, 4, &null);
		deconstruct_array(DatumGetArrayTypePCopy(d), FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
						  &element, NULL, &n);
		if (n != out->n * out->n)
			elog(ERROR, "transitions of a source do not match its behaviours");
		out->count = palloc(sizeof(double) * Max(n, 1));
		for (int i = 0; i < n; i++)
			out->count[i] = DatumGetFloat8(element[i]);
	}
	MemoryContextSwitchTo(old);
}

void
bm_portrait_source(BmPortraitSource *out, const char *source)
{
	MemoryContext caller = CurrentMemoryContext;
	BmParam name = bm_param_text(source);

	memset(out, 0, sizeof(*out));
	SPI_connect();
	if (bm_read("SELECT options, watermark, behaviours, transitions FROM "
				"behavmine.portrait_source WHERE source = $1",
				1, &name) == 1)
		source_of_row(out, caller);
	SPI_finish();
}

double *
bm_portrait_shop(const BmPortrait *p, const BmDictView *events, int n, char **event,
				 const double *count)
{
	int place[BM_PORTRAIT_EVENTS];
	double *shop;

	if (n == 0)
		return NULL;
	shop = palloc0(sizeof(double) * BM_PORTRAIT_EVENTS * BM_PORTRAIT_EVENTS);
	for (uint32_t i = 0; i < p->nevents; i++)
	{
		char *name = bm_dict_text(events, p->event[i]);

		place[i] = -1;
		for (int j = 0; j < n && place[i] < 0; j++)
			if (strcmp(event[j], name) == 0)
				place[i] = j;
	}
	for (uint32_t i = 0; i < p->nevents; i++)
		for (uint32_t j = 0; j < p->nevents; j++)
			if (place[i] >= 0 && place[j] >= 0)
				shop[i * p->nevents + j] = count[place[i] * n + place[j]];
	return shop;
}

char *
bm_one_source(const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	char *found = NULL;
	uint64 n;

	if (name)
		return pstrdup(name);
	SPI_connect();
	n = bm_read("SELECT name FROM behavmine.source ORDER BY name LIMIT 2", 0, NULL);
	if (n > 0)
		found = bm_row_text(0, 1, caller);
	SPI_finish();
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("there is no source"),
				 errhint("Register the table of events: SELECT * FROM behav_source('shop', "
						 "'my_events').")));
	if (n > 1)
		ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_PARAMETER), errmsg("there are several sources"),
						errhint("Name one: source => %s.", quote_literal_cstr(found))));
	return found;
}

/* ---- a run ---- */

typedef struct Run
{
	BmPeople people;
	BmCrowd crowd;
	BmPortraitSource kept;
	BmMem mem;
	BmPool *pool;
	BmWatch watch;
	MemoryContext chunk; /* of one chunk of users */
	bool full;
	TimestampTz watermark;
	int64 added;        /* users that are new */
	double *transition; /* (MOST_SHOP_EVENTS)^2 by codes of behaviours */
} Run;

/* Lock and read what is kept of the source; the row is made when it is not there. */
static void
claim(Run *r, const char *source, bool full, Jsonb *options)
{
	MemoryContext caller = CurrentMemoryContext;
	BmParam name[2] = {bm_param_text(source), bm_param_jsonb(options)};
	bool changed;

	SPI_connect();
	if (bm_write("INSERT INTO behavmine.portrait_source (source, options) VALUES ($1, '{}') "
				 "ON CONFLICT (source) DO UPDATE SET source = $1 "
				 "RETURNING options, watermark, behaviours, transitions",
				 1, name) != 1)
		elog(ERROR, "could not lock the portraits of source \"%s\"", source);
	source_of_row(&r->kept, caller);
	bm_write("SELECT $2 IS NOT NULL AND $2 <> '{}' AND options <> $2 FROM "
			 "behavmine.portrait_source WHERE source = $1",
			 2, name);
	changed =
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &(bool){0}));
	r->full = full || changed || !r->kept.filled;
	if (r->full)
	{
		bm_write("DELETE FROM behavmine.portrait WHERE source = $1", 1, name);
		r->kept.n = 0;
	}
	SPI_finish();
	if (options == NULL || JB_ROOT_COUNT(options) == 0)
		return;
	r->kept.options = options;
}

static void
count_transitions(Run *r, const BmPortrait *p, double sign)
{
	for (uint32_t i = 0; i < p->nevents; i++)
		for (uint32_t j = 0; j < p->nevents; j++)
			if (p->event[i] < MOST_SHOP_EVENTS && p->event[j] < MOST_SHOP_EVENTS)
				r->transition[p->event[i] * MOST_SHOP_EVENTS + p->event[j]] += sign * p->next[i][j];
}

/* Codes of behaviours that were met before come first, so that their transitions are found. */
static void
restore_transitions(Run *r)
{
	r->transition = palloc0(sizeof(double) * MOST_SHOP_EVENTS * MOST_SHOP_EVENTS);
	for (int i = 0; i < r->kept.n; i++)
		(void) bm_people_code(&r->people.events, r->kept.event[i], strlen(r->kept.event[i]));
	for (int i = 0; i < r->kept.n && i < MOST_SHOP_EVENTS; i++)
		for (int j = 0; j < r->kept.n && j < MOST_SHOP_EVENTS; j++)
			r->transition[i * MOST_SHOP_EVENTS + j] = r->kept.count[i * r->kept.n + j];
}

/* Put the stored portraits of these users in their places. */
static void
fetch(Run *r, BmPortrait *p, Datum users, size_t n)
{
	BmParam params[2] = {bm_param_text(r->people.source->name), {TEXTARRAYOID, users, false}};
	uint64 rows;

	SPI_connect();
	rows = bm_write("SELECT u.place, p.state FROM unnest($2::text[]) WITH ORDINALITY AS "
					"u (user_id, place) JOIN behavmine.portrait p ON p.source = $1 "
					"AND p.user_id = u.user_id",
					2, params);
	for (uint64 i = 0; i < rows; i++)
	{
		size_t place = (size_t) bm_row_int8(i, 1) - 1;
		bool null;
		bytea *state =
			DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &null));

		if (null || place >= n)
			elog(ERROR, "a stored portrait is empty");
		bm_portrait_decode(&p[place], &r->people.events, r->people.names, VARDATA_ANY(state),
						   VARSIZE_ANY_EXHDR(state));
		count_transitions(r, &p[place], -1.0);
	}
	SPI_finish();
	r->added += (int64) (n - rows);
}

static void
store(Run *r, const BmPortrait *p, Datum users, size_t n)
{
	Datum *state = palloc(sizeof(Datum) * n), *last = palloc(sizeof(Datum) * n);
	BmParam params[4] = {bm_param_text(r->people.source->name), {TEXTARRAYOID, users, false}};
	StringInfoData buf;

	initStringInfo(&buf);
	for (size_t i = 0; i < n; i++)
	{
		bytea *b;

		resetStringInfo(&buf);
		bm_portrait_encode(&buf, &p[i], &r->people.events.view,
						   (BmDictView[]){r->people.names[0].view, r->people.names[1].view,
										  r->people.names[2].view});
		b = palloc(VARHDRSZ + buf.len);
		SET_VARSIZE(b, VARHDRSZ + buf.len);
		memcpy(VARDATA(b), buf.data, buf.len);
		state[i] = PointerGetDatum(b);
		last[i] = TimestampTzGetDatum(p[i].last);
	}
	params[2] = (BmParam){get_array_type(TIMESTAMPTZOID),
						  PointerGetDatum(construct_array(last, (int) n, TIMESTAMPTZOID, 8,
														  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
						  false};
	params[3] = (BmParam){
		BYTEAARRAYOID,
		PointerGetDatum(construct_array(state, (int) n, BYTEAOID, -1, false, TYPALIGN_INT)), false};
	SPI_connect();
	bm_write(r->full ? "INSERT INTO behavmine.portrait (source, user_id, last_event, state) "
					   "SELECT $1, u, l, s FROM unnest($2, $3, $4) AS t (u, l, s)"
					 : "INSERT INTO behavmine.portrait (source, user_id, last_event, state) "
					   "SELECT $1, u, l, s FROM unnest($2, $3, $4) AS t (u, l, s) "
					   "ON CONFLICT (source, user_id) DO UPDATE SET last_event = "
					   "EXCLUDED.last_event, state = EXCLUDED.state, updated_at = now()",
			 4, params);
	SPI_finish();
}

static void
do_chunk(Run *r, BmPortrait *p, size_t first, size_t n)
{
	const BmDictView *d = &r->crowd.log->users.view;
	char **user = palloc(sizeof(char *) * n);
	Datum users;

	for (size_t i = 0; i < n; i++)
	{
		user[i] = bm_dict_text(d, (uint32_t) (first + i));
		bmc_portrait_init(&p[i]);
	}
	users = bm_text_array(user, n);
	if (r->full)
		r->added += (int64) n;
	else
		fetch(r, p, users, n);
	bm_crowd_sweep(p, &r->crowd, first, n, r->pool, &r->watch);
	for (size_t i = 0; i < n; i++)
	{
		bmc_portrait_mark(&p[i], r->watermark);
		count_transitions(r, &p[i], 1.0);
	}
	store(r, p, users, n);
}

static void
do_users(Run *r)
{
	size_t users = bm_crowd_users(&r->crowd);
	BmPortrait *p = palloc_extended(sizeof(BmPortrait) * CHUNK_USERS, MCXT_ALLOC_HUGE);

	bm_progress_phase(BM_PHASE_SAVE, "portraits");
	for (size_t first = 0; first < users; first += CHUNK_USERS)
	{
		MemoryContext old = MemoryContextSwitchTo(r->chunk);

		do_chunk(r, p, first, Min(CHUNK_USERS, users - first));
		MemoryContextSwitchTo(old);
		MemoryContextReset(r->chunk);
		bm_interrupts();
		bm_progress_step((double) first, (double) users, NAN, NULL, NAN);
	}
}

static void
save_source(Run *r)
{
	const BmDictView *d = &r->people.events.view;
	int n = (int) Min(d->n, MOST_SHOP_EVENTS);
	char **event = palloc(sizeof(char *) * Max(n, 1));
	Datum *count = palloc(sizeof(Datum) * Max(n * n, 1));
	BmParam params[5] = {bm_param_text(r->people.source->name), bm_param_jsonb(r->kept.options),
						 bm_param_datum(TIMESTAMPTZOID, TimestampTzGetDatum(r->watermark))};

	for (int i = 0; i < n; i++)
	{
		event[i] = bm_dict_text(d, (uint32_t) i);
		for (int j = 0; j < n; j++)
			count[i * n + j] = Float8GetDatum(r->transition[i * MOST_SHOP_EVENTS + j]);
	}
	params[3] = bm_param_datum(TEXTARRAYOID, bm_text_array(event, (size_t) n));
	params[4] = bm_param_datum(FLOAT8ARRAYOID,
							   PointerGetDatum(construct_array(count, n * n, FLOAT8OID, 8,
															   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	SPI_connect();
	bm_write("UPDATE behavmine.portrait_source SET options = coalesce($2, '{}'), watermark = $3, "
			 "behaviours = $4, transitions = $5, filled_at = now() WHERE source = $1",
			 5, params);
	SPI_finish();
}

static void
answer(FunctionCallInfo fcinfo, const Run *r, TimestampTz started)
{
	Datum values[7];
	bool nulls[7] = {false};
	const BmLog *log = r->crowd.log;

	values[0] = bm_text_datum(r->people.source->name);
	values[1] = Int64GetDatum((int64) bm_crowd_users(&r->crowd));
	values[2] = Int64GetDatum(r->added);
	values[3] = Int64GetDatum(log ? (int64) log->n : 0);
	values[4] = TimestampTzGetDatum(r->watermark);
	nulls[4] = log == NULL && !r->kept.filled;
	values[5] = Float8GetDatum((double) (GetCurrentTimestamp() - started) / USECS_PER_SEC);
	values[6] = bm_text_datum(r->full ? "all events" : "events since the last run");
	bm_srf_row(fcinfo, values, nulls);
}

/* behav_portraits(source text, rebuild boolean, options jsonb) */
BM_FUNCTION(behav_portraits);
Datum
behav_portraits(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine portraits", ALLOCSET_DEFAULT_SIZES);
	char *source = bm_arg_text(fcinfo, 0, "source");
	bool full = bm_arg_bool_or(fcinfo, 1, false);
	Jsonb *options = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	TimestampTz started = GetCurrentTimestamp();
	Run r = {.chunk = AllocSetContextCreate(context, "behavmine users", ALLOCSET_DEFAULT_SIZES)};

	bm_srf_begin(fcinfo);
	bm_mem_init(&r.mem, context);
	bm_watch_init(&r.watch, 0);
	bm_progress_start(source);
	bm_people(&r.people, source, options, &r.mem); /* first: it says what is wrong with either */
	claim(&r, source, full, options);
	if (r.kept.options != options)
		bm_people(&r.people, source, r.kept.options, &r.mem);
	restore_transitions(&r);
	r.pool = bm_pool_open(context, bm_threads(), false);
	bm_crowd_read(&r.crowd, &r.people, r.full ? PG_INT64_MIN : r.kept.watermark + 1, context,
				  &r.watch);
	r.watermark = r.crowd.log ? r.crowd.log->last : r.kept.watermark;
	if (r.crowd.log)
	{
		do_users(&r);
		save_source(&r);
	}
	bm_progress_end();
	answer(fcinfo, &r, started);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* behav_portraits_stale(): trigger of behavmine.source; what is kept of a source goes with it. */
BM_FUNCTION(behav_portraits_stale);
Datum
behav_portraits_stale(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	BmParam name;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("behav_portraits_stale can only be called as a trigger")));
	SPI_connect();
	name = bm_param_text(SPI_getvalue(trigger->tg_trigtuple, trigger->tg_relation->rd_att,
									  SPI_fnumber(trigger->tg_relation->rd_att, "name")));
	bm_write("DELETE FROM behavmine.portrait WHERE source = $1", 1, &name);
	bm_write("DELETE FROM behavmine.portrait_source WHERE source = $1", 1, &name);
	SPI_finish();
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple
																	  : trigger->tg_trigtuple);
}
