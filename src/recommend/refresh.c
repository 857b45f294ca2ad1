/*
 * refresh.c
 *		behav_refresh_table: recommendations of everybody, or of those with new events, in many short
 *		transactions.
 *
 * How far a run is stands in behavmine.refresh and changes with each batch's rows, so a run that was killed
 * goes on where it stopped. Users are taken in the order of their keys. A run remembers the newest event
 * that was there when it began; the next one answers those who have events from that on.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "pg/scan.h"
#include "storage/lock.h"
#include "tcop/pquery.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/timestamp.h"

#include "model/query.h"
#include "recommend/table.h"

/* As LOCK_CLASS of the training lock, another number. */
#define LOCK_CLASS 0x424E
/* Up to this share of the users that the version knows, histories are read one by one. */
#define FEW_USERS 0.1

enum
{
	ARG_MODEL,
	ARG_INTO,
	ARG_EVERYONE = 9,
	ARG_BATCH
};

/* The row of behavmine.refresh. */
typedef struct Run
{
	BmTableJob job;
	char *settings;        /* what the answers depend on, as jsonb's text */
	TimestampTz watermark; /* newest event at the begin */
	TimestampTz since;     /* only users with events from here on; DT_NOBEGIN: everybody */
	char *last_user;       /* done up to this one; NULL: none yet */
	bool resumed;
	int64 users; /* answered by this call */
	size_t batch;
} Run;

/* ---- one at a time ---- */

static void
lock_tag(LOCKTAG *tag, const Run *run)
{
	const char *key = psprintf("%s %s", run->job.model->version->model, run->job.into);
	uint64 hash = hash_bytes_extended((const unsigned char *) key, (int) strlen(key), 0);

	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, LOCK_CLASS);
}

static void
lock_table(const LOCKTAG *tag, const Run *run)
{
	if (LockAcquire(tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						errmsg("table %s is being filled by another session", run->job.into),
						errhint("SELECT * FROM behav_progress shows it; wait for its end, or stop "
								"it with pg_cancel_backend(pid).")));
}

/* ---- the run's state ---- */

/* Everything but the users that an answer depends on; another text begins anew. */
static char *
settings_text(FunctionCallInfo fcinfo, const BmVersion *v)
{
	static const char *const names[] = {"k",       "exclude",  "filter", "exclude_items",
										"max_per", "diversity"};
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"version\": %d", v->version);
	for (int i = 0; i < lengthof(names); i++)
	{
		Oid output;
		bool varlena;

		if (PG_ARGISNULL(i + 2))
			continue;
		getTypeOutputInfo(get_fn_expr_argtype(fcinfo->flinfo, i + 2), &output, &varlena);
		appendStringInfo(&s, ", \"%s\": ", names[i]);
		escape_json(&s, OidOutputFunctionCall(output, PG_GETARG_DATUM(i + 2)));
	}
	appendStringInfo(&s, ", \"rules\": %s}", bm_arg_bool_or(fcinfo, 8, true) ? "true" : "false");
	return s.data;
}

static BmParam
json_param(const char *text)
{
	return bm_param_datum(JSONBOID, DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/*
 * What an earlier run left: an unfinished one of the same settings goes on; after a finished one only those
 * with new events follow, unless everyone is asked for.
 */
static void
find_state(Run *run, bool everyone)
{
	BmParam p[3] = {bm_param_int8(run->job.model->version->model_id), bm_param_text(run->job.into),
					json_param(run->settings)};
	MemoryContext context = run->job.context;

	run->since = DT_NOBEGIN;
	SPI_connect();
	if (bm_read("SELECT watermark, since, last_user, finished_at IS NULL FROM behavmine.refresh "
				"WHERE model_id = $1 AND into_table = $2 AND settings = $3",
				3, p) == 1)
	{
		bool unfinished = strcmp(bm_row_text(0, 4, context), "t") == 0;

		if (unfinished)
		{
			run->resumed = true;
			run->watermark = bm_row_int8(0, 1);
			run->since = bm_row_int8(0, 2);
			run->last_user = bm_row_text(0, 3, context);
		}
		else if (!everyone)
			run->since = bm_row_int8(0, 1);
	}
	SPI_finish();
}

/* The newest event that the caller sees now. */
static TimestampTz
newest_event(const Run *run)
{
	BmParam limit =
		bm_param_datum(TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp() + USECS_PER_DAY));
	char *time = bm_source_time_expr(run->job.source);
	TimestampTz newest;

	SPI_connect();
	bm_read(psprintf("SELECT coalesce(max(t), '-infinity') FROM (SELECT %s AS t FROM %s) e "
					 "WHERE t < $1",
					 time, run->job.source->relation),
			1, &limit);
	newest = bm_row_int8(0, 1);
	SPI_finish();
	return newest;
}

static void
save_begin(const Run *run)
{
	BmParam p[5] = {bm_param_int8(run->job.model->version->model_id), bm_param_text(run->job.into),
					json_param(run->settings),
					bm_param_datum(TIMESTAMPTZOID, TimestampTzGetDatum(run->watermark)),
					bm_param_datum(TIMESTAMPTZOID, TimestampTzGetDatum(run->since))};

	SPI_connect();
	bm_write("INSERT INTO behavmine.refresh (model_id, into_table, settings, watermark, since) "
			 "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (model_id, into_table) DO UPDATE SET "
			 "settings = $3, watermark = $4, since = $5, last_user = NULL, users = 0, "
			 "started_at = now(), finished_at = NULL, owner = current_user",
			 5, p);
	SPI_finish();
}

static void
save_progress(const Run *run, const char *last_user, size_t users, bool finished)
{
	BmParam p[5] = {bm_param_int8(run->job.model->version->model_id), bm_param_text(run->job.into),
					bm_param_text(last_user), bm_param_int8((int64) users),
					bm_param_datum(BOOLOID, BoolGetDatum(finished))};

	SPI_connect();
	bm_write(
		"UPDATE behavmine.refresh SET last_user = coalesce($3, last_user), users = users + $4, "
		"finished_at = CASE WHEN $5 THEN clock_timestamp() END "
		"WHERE model_id = $1 AND into_table = $2",
		5, p);
	SPI_finish();
}

static void
commit(void)
{
	MemoryContext context = CurrentMemoryContext;

	SPI_commit();
	EnsurePortalSnapshotExists();
	MemoryContextSwitchTo(context);
}

/* ---- whose turn it is ---- */

typedef struct Changed
{
	BmDict users;
	bool is_int;
	BmStatus status;
} Changed;

static void
changed_row(void *arg, TupleTableSlot *slot)
{
	Changed *c = arg;
	uint32_t code;
	text *key;

	if (slot->tts_isnull[0] || c->status != BM_OK)
		return;
	if (c->is_int)
		c->status = bmc_dict_put_int(&c->users, DatumGetInt64(slot->tts_values[0]), &code);
	else
	{
		key = DatumGetTextPP(slot->tts_values[0]);
		c->status = bmc_dict_put_bytes(&c->users, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), &code);
	}
}

/* Users with events from since on, in the order of their keys. */
static const BmDictView *
changed_users(Run *run)
{
	BmTableJob *job = &run->job;
	Changed *c = palloc0(sizeof(Changed));
	Oid type = TIMESTAMPTZOID;
	Datum since = TimestampTzGetDatum(run->since);
	uint32_t *order;

	c->is_int = job->source->user_int;
	c->status = bmc_dict_init(&c->users, c->is_int ? BM_KEY_INT : BM_KEY_BYTES, &job->mem);
	SPI_connect();
	bm_scan(psprintf("SELECT DISTINCT %s FROM %s WHERE %s OPERATOR(pg_catalog.>=) $1",
					 bm_source_user_expr(job->source), job->source->relation,
					 bm_source_time_expr(job->source)),
			1, &type, &since, NULL, changed_row, c);
	SPI_finish();
	order = bmc_alloc(&job->mem, c->users.view.n, sizeof(uint32_t));
	if (order == NULL)
		c->status = BM_ENOMEM;
	if (c->status == BM_OK)
		c->status = bmc_dict_order(&c->users, NULL, NULL, order);
	bm_check(c->status, "find the users with new events", NULL);
	bmc_free(&job->mem, order);
	return &c->users.view;
}

static void
find_users(Run *run)
{
	BmTableJob *job = &run->job;

	if (run->since != DT_NOBEGIN)
	{
		job->users = changed_users(run);
		if ((double) job->users->n <= FEW_USERS * (double) job->model->version->users)
			return;
		run->since = DT_NOBEGIN; /* so many that one reading of all is quicker */
	}
	bm_table_read(job);
}

/* The first user after the last one that is done. */
static size_t
first_user(const Run *run)
{
	const BmDictView *users = run->job.users;
	size_t first = 0;

	if (run->last_user == NULL)
		return 0;
	if (users->kind == BM_KEY_INT)
	{
		int64 last = strtoll(run->last_user, NULL, 10);

		while (first < users->n && users->key[first] <= last)
			first++;
		return first;
	}
	while (first < users->n && strcmp(bm_dict_text(users, (uint32_t) first), run->last_user) <= 0)
		first++;
	return first;
}

/* ---- the run ---- */

/* After a run for everybody: rows of users that the source has no more. */
static void
delete_gone(Run *run)
{
	BmTableJob *job = &run->job;
	BmParam p[2] = {bm_param_text(job->model->version->model),
					bm_param_datum(TEXTARRAYOID, bm_table_users(job, 0, job->users->n))};

	SPI_connect();
	bm_write_as_caller(
		psprintf("DELETE FROM %s AS t WHERE model OPERATOR(pg_catalog.=) $1 AND NOT EXISTS "
				 "(SELECT FROM pg_catalog.unnest($2::%s[]) u WHERE u OPERATOR(pg_catalog.=) "
				 "t.user_id)",
				 job->into, format_type_be_qualified(job->source->user_type)),
		2, p);
	SPI_finish();
}

static void
run_batches(Run *run)
{
	BmTableJob *job = &run->job;
	size_t total = job->users->n, end;

	for (size_t first = first_user(run); first < total; first = end)
	{
		end = Min(first + run->batch, total);
		for (size_t block = first; block < end; block += BM_BLOCK_USERS)
			bm_table_block(job, block, Min(end - block, BM_BLOCK_USERS), true);
		save_progress(run, bm_dict_text(job->users, (uint32_t) (end - 1)), end - first, false);
		run->users += (int64) (end - first);
		bm_progress_step((double) end, (double) total, NAN, NULL, NAN);
		commit();
		bm_interrupts();
	}
	if (job->log)
		delete_gone(run);
	save_progress(run, NULL, 0, true);
	commit();
}

static void
refresh(Run *run, FunctionCallInfo fcinfo)
{
	BmTableJob *job = &run->job;

	find_state(run, bm_arg_bool_or(fcinfo, ARG_EVERYONE, false));
	if (!run->resumed)
	{
		run->watermark = newest_event(run);
		save_begin(run);
		commit();
	}
	bm_progress_start(job->model->version->model);
	find_users(run);
	commit(); /* no snapshot is held while users are answered */
	bm_table_open(job);
	bm_progress_phase(BM_PHASE_SAVE, job->into);
	run_batches(run);
	bm_progress_end();
}

/* The model as it is now, for the whole run: the backend's cache may let go of it at a commit. */
static void
begin(Run *run, FunctionCallInfo fcinfo)
{
	char *name = bm_arg_text(fcinfo, ARG_MODEL, "model");
	BmMem *mem = palloc(sizeof(BmMem));

	bm_mem_init(mem, CurrentMemoryContext);
	bm_table_begin(&run->job, bm_model_load(name, 0, mem, CurrentMemoryContext), fcinfo);
	run->settings = settings_text(fcinfo, run->job.model->version);
	run->batch = (size_t) bm_arg_range_or(fcinfo, ARG_BATCH, "batch", 1, 10000000, 10000);
	bm_table_prepare(&run->job, bm_arg_text(fcinfo, ARG_INTO, "into_table"));
}

static void
check_top_level(FunctionCallInfo fcinfo)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("behav_refresh_table commits, so it cannot run in a transaction block"),
				 errhint("CALL it alone, or fill the table in one transaction: SELECT * FROM "
						 "behav_recommend_table(...).")));
}

/* The answer: users, rows, resumed. */
static Datum
result(FunctionCallInfo fcinfo, const Run *run)
{
	Datum values[3] = {Int64GetDatum(run->users), Int64GetDatum(run->job.rows),
					   BoolGetDatum(run->resumed)};
	bool nulls[3] = {false};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "behav_refresh_table is declared without its outputs");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * CALL behav_refresh_table(model, into_table, k, exclude, filter, exclude_items, max_per, diversity, rules,
 * everyone, batch)
 */
BM_FUNCTION(behav_refresh_table);
Datum
behav_refresh_table(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context =
		AllocSetContextCreate(PortalContext, "behavmine refresh", ALLOCSET_DEFAULT_SIZES);
	Run *run = MemoryContextAllocZero(context, sizeof(Run));
	LOCKTAG tag;
	Datum answer;

	check_top_level(fcinfo);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(context);
	begin(run, fcinfo);
	lock_tag(&tag, run);
	lock_table(&tag, run);
	PG_TRY();
	{
		refresh(run, fcinfo);
	}
	PG_FINALLY();
	{
		LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	SPI_finish();
	MemoryContextSwitchTo(caller);
	answer = result(fcinfo, run);
	MemoryContextDelete(context);
	return answer;
}
