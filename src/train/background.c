/*
 * background.c
 *		Training in a dynamic background worker.
 *
 * The caller inserts a row into behavmine.job and registers the worker at once, so that a lack of
 * worker slots is an error of the call; the worker then waits for the caller's transaction to end.
 * It reads in one transaction, computes in another that holds no snapshot (vacuum goes on), and
 * writes in a short last one. SIGINT cancels it like any query; the job's row tells how it ended.
 */
#include "pg/pg.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "catalog/pg_type.h"

#include "train/rows.h"
#include "train/train.h"
#include "train/tune.h"
#include "train/update.h"

#define JOB_BACKEND_TYPE "behavmine job"
/* As LOCK_CLASS of the training lock, another number; view behav_jobs knows it. */
#define JOB_LOCK 0x424F

/* Handed over in bgw_extra. */
typedef struct JobStart
{
	Oid database;
	Oid user;
	TransactionId xid; /* of the caller: its end makes the job's row visible, or never */
	int64 job_id;
} JobStart;

StaticAssertDecl(sizeof(JobStart) <= BGW_EXTRALEN, "a job's start fits bgw_extra");

extern PGDLLEXPORT void behav_worker_main(Datum arg);

/* ---- the caller's side ---- */

static const char *
action_of(const BmTraining *t)
{
	return t->update ? "update" : t->tune ? "tune" : "train";
}

static Jsonb *
request_json(const BmTraining *t)
{
	static const char *const rules[] = {"if_better", "always", "never"};
	StringInfoData s;

	initStringInfo(&s);
	if (t->tune)
	{
		appendStringInfo(&s, "{\"source\":");
		escape_json(&s, t->source_name);
		bm_tune_request_json(&s, t->tune);
	}
	else if (t->rows)
		bm_rows_request_json(&s, t->rows);
	else
	{
		appendStringInfoString(&s, "{\"source\":");
		escape_json(&s, t->source_name);
	}
	appendStringInfoString(&s, ",\"algorithm\":");
	if (t->algorithm)
		escape_json(&s, t->algorithm);
	else
		appendStringInfoString(&s, "null");
	appendStringInfo(&s,
					 ",\"update\":%s,\"deploy\":\"%s\",\"seed\":" INT64_FORMAT ",\"options\":%s}",
					 t->update ? "true" : "false", rules[t->rule], t->seed,
					 JsonbToCString(NULL, &t->json->root, VARSIZE(t->json)));
	return bm_jsonb_parse(s.data);
}

static int64
insert_job(const BmTraining *t)
{
	Oid types[] = {TEXTOID, JSONBOID, TEXTOID};
	Datum values[] = {bm_text_datum(t->model), JsonbPGetDatum(request_json(t)),
					  bm_text_datum(action_of(t))};
	bool null;
	int64 job_id;

	SPI_connect();
	if (SPI_execute_with_args("INSERT INTO behavmine.job (action, model, arguments) "
							  "VALUES ($3, $1, $2) RETURNING job_id",
							  3, types, values, NULL, false, 1) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not insert a job");
	job_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	SPI_finish();
	return job_id;
}

int64
bm_background_train(const BmTraining *t)
{
	JobStart start = {MyDatabaseId, GetUserId(), InvalidTransactionId, insert_job(t)};
	BackgroundWorker worker;

	if (t->rows == NULL)
		(void) bm_source_load(t->source_name); /* what is wrong now is told now */
	start.xid = GetTopTransactionId();
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	/* as the SQL functions name it: a server may find extensions elsewhere by this name only */
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "$libdir/behavmine");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "behav_worker_main");
	snprintf(worker.bgw_name, BGW_MAXLEN, "behavmine job " INT64_FORMAT, start.job_id);
	snprintf(worker.bgw_type, BGW_MAXLEN, JOB_BACKEND_TYPE);
	memcpy(worker.bgw_extra, &start, sizeof(start));
	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker is free for the training of model \"%s\"", t->model),
				 errhint("Raise max_worker_processes, or train in this session with "
						 "background => false.")));
	return start.job_id;
}

/* ---- the worker's side ---- */

/* Write how the job ended, in a transaction of its own. */
static void
end_job(int64 job_id, const char *status, const char *message, Jsonb *result)
{
	Oid types[] = {INT8OID, INT4OID, TEXTOID, TEXTOID, JSONBOID};
	Datum values[] = {Int64GetDatum(job_id), Int32GetDatum(MyProcPid), bm_text_datum(status),
					  bm_text_datum(message), result ? JsonbPGetDatum(result) : (Datum) 0};
	char nulls[] = {' ', ' ', ' ', ' ', result ? ' ' : 'n'};

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	SPI_execute_with_args(
		"UPDATE behavmine.job SET status = $3, message = $4, result = $5, "
		"finished_at = pg_catalog.clock_timestamp() "
		"WHERE job_id OPERATOR(pg_catalog.=) $1 AND pid OPERATOR(pg_catalog.=) $2",
		5, types, values, nulls, false, 0);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* The request of a queued job, which is then ours; NULL when it was rolled back or cancelled. */
static BmTraining *
claim_job(const JobStart *start, MemoryContext parent)
{
	Oid types[] = {INT8OID, INT4OID};
	Datum values[] = {Int64GetDatum(start->job_id), Int32GetDatum(MyProcPid)};
	BmTraining *t = NULL;

	StartTransactionCommand();
	XactLockTableWait(start->xid, NULL, NULL, XLTW_None);
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	SPI_execute_with_args(
		"UPDATE behavmine.job SET status = 'running', pid = $2, "
		"started_at = pg_catalog.clock_timestamp() "
		"WHERE job_id OPERATOR(pg_catalog.=) $1 AND status "
		"OPERATOR(pg_catalog.=) 'queued' RETURNING model, "
		"arguments ->> 'algorithm', arguments ->> 'source', "
		"(arguments -> 'options')::text, arguments ->> 'deploy', "
		"arguments ->> 'seed', arguments ->> 'data', arguments ->> 'target', "
		"ARRAY(SELECT pg_catalog.jsonb_array_elements_text("
		"coalesce(arguments -> 'features', '[]'))), arguments ->> 'update', "
		"arguments -> 'tune' ->> 'method', (arguments -> 'tune' ->> 'trials')::int4, "
		"nullif(arguments -> 'tune' -> 'space', 'null')::text",
		2, types, values, NULL, false, 1);
	if (SPI_processed == 1)
	{
		HeapTuple row = SPI_tuptable->vals[0];
		TupleDesc desc = SPI_tuptable->tupdesc;
		BmRequest request = {.model = SPI_getvalue(row, desc, 1),
							 .algorithm = SPI_getvalue(row, desc, 2),
							 .source = SPI_getvalue(row, desc, 3),
							 .options = bm_jsonb_parse(SPI_getvalue(row, desc, 4)),
							 .deploy = SPI_getvalue(row, desc, 5),
							 .seed = strtoll(SPI_getvalue(row, desc, 6), NULL, 10),
							 .data = SPI_getvalue(row, desc, 7),
							 .target = SPI_getvalue(row, desc, 8)};
		const char *update = SPI_getvalue(row, desc, 10);
		const char *trials = SPI_getvalue(row, desc, 12), *space = SPI_getvalue(row, desc, 13);
		bool null;

		request.method = SPI_getvalue(row, desc, 11);
		request.trials = trials ? atoi(trials) : 0;
		request.space = space ? bm_jsonb_parse(space) : NULL;
		request.update = update && strcmp(update, "true") == 0;
		request.features = bm_text_array_strings(SPI_getbinval(row, desc, 9, &null), "features",
												 &request.nfeatures);
		t = bm_training_begin(&request, parent);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return t;
}

static Jsonb *
outcome_json(const BmTraining *t)
{
	StringInfoData s;

	if (bm_update_is_empty(t))
		return bm_jsonb_parse("{\"new_events\":0}");
	initStringInfo(&s);
	appendStringInfoString(&s, "{\"model\":");
	escape_json(&s, t->model);
	appendStringInfo(&s,
					 ",\"version\":%d,\"algorithm\":\"%s\",\"metric\":\"%s\",\"value\":%.6f,"
					 "\"baseline\":%.6f,\"deployed\":%s}",
					 t->version.version, t->version.algorithm, t->version.metric, t->version.value,
					 t->version.baseline, t->deployed ? "true" : "false");
	return bm_jsonb_parse(s.data);
}

/* In a transaction without a snapshot: it is for the catalogue look-ups of error reports. */
static void
run_computing(void (*step)(BmTraining *t), BmTraining *t)
{
	StartTransactionCommand();
	InvalidateCatalogSnapshot();
	step(t);
	CommitTransactionCommand();
}

/* In a transaction with a snapshot. */
static void
run_writing(void (*step)(BmTraining *t), BmTraining *t)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	step(t);
	PopActiveSnapshot();
	CommitTransactionCommand();
}

static void
run_training(BmTraining *t)
{
	bm_model_lock_session(t->model);
	run_writing(bm_training_read, t);
	while (t->tune && bm_tune_pending(t))
	{
		run_computing(bm_tune_fit, t);
		run_writing(bm_tune_record, t);
	}
	if (t->tune)
		bm_tune_settle(t);
	run_computing(bm_training_compute, t);
	run_writing(bm_training_save, t);
}

/* In a PG_CATCH: log the error, leave every transaction, write it to the job's row. */
static void
report_failure(int64 job_id, MemoryContext context)
{
	ErrorData *error;
	char *message;
	bool cancelled;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	EmitErrorReport();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(context);
	QueryCancelPending = false;
	RESUME_INTERRUPTS();
	cancelled = error->sqlerrcode == ERRCODE_QUERY_CANCELED;
	message = psprintf("%s: %s%s%s%s%s", unpack_sql_state(error->sqlerrcode), error->message,
					   error->detail ? " DETAIL: " : "", error->detail ? error->detail : "",
					   error->hint ? " HINT: " : "", error->hint ? error->hint : "");
	end_job(job_id, cancelled ? "cancelled" : "failed", message, NULL);
}

/*
 * A lock for the worker's life: unlike what the server shows of sessions, which stays as it was at a
 * transaction's first look, locks are always seen as they are, so behav_jobs can tell who is gone.
 */
static void
lock_job(int64 job_id)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (job_id >> 32), (uint32) job_id, JOB_LOCK);
	(void) LockAcquire(&tag, ExclusiveLock, true, false);
}

/* Entry point named in bgw_function_name. */
void
behav_worker_main(Datum arg)
{
	JobStart start;
	MemoryContext context;
	BmTraining *volatile t = NULL;

	memcpy(&start, MyBgworkerEntry->bgw_extra, sizeof(start));
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, StatementCancelHandler);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(start.database, start.user, 0);
	context = AllocSetContextCreate(TopMemoryContext, "behavmine job", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

	PG_TRY();
	{
		lock_job(start.job_id);
		t = claim_job(&start, context);
		if (t != NULL)
		{
			char *activity = psprintf("SELECT behav_%s('%s') -- job " INT64_FORMAT, action_of(t),
									  t->model, start.job_id);

			pgstat_report_activity(STATE_RUNNING, activity);
			run_training(t);
			MemoryContextSwitchTo(context);
			end_job(start.job_id, "done", t->note, outcome_json(t));
		}
	}
	PG_CATCH();
	{
		if (t != NULL)
			bm_training_end(t); /* joins its threads */
		report_failure(start.job_id, context);
	}
	PG_END_TRY();
	proc_exit(0);
}

/* Run one statement about a job; how many rows it gave, and whether the first was true. */
static uint64
about_job(Datum job_id, const char *sql, bool *yes)
{
	Oid types[] = {INT8OID};
	bool null;

	SPI_execute_with_args(sql, 1, types, &job_id, NULL, false, 1);
	*yes = SPI_processed > 0 &&
		   DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
	return SPI_processed;
}

/* behav_cancel(job_id bigint): stop a queued or running job; false when it has ended already. */
BM_FUNCTION(behav_cancel);
Datum
behav_cancel(PG_FUNCTION_ARGS)
{
	Datum job_id = PG_GETARG_DATUM(0);
	bool yes;

	SPI_connect();
	if (about_job(job_id,
				  "UPDATE behavmine.job SET status = 'cancelled', "
				  "finished_at = pg_catalog.clock_timestamp() "
				  "WHERE job_id OPERATOR(pg_catalog.=) $1 AND status OPERATOR(pg_catalog.=) "
				  "'queued' RETURNING true",
				  &yes) == 0 &&
		about_job(job_id,
				  "SELECT pg_catalog.pg_cancel_backend(a.pid) FROM behavmine.job j "
				  "JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) j.pid "
				  "WHERE j.job_id OPERATOR(pg_catalog.=) $1 AND j.status OPERATOR(pg_catalog.=) "
				  "'running' AND a.backend_type OPERATOR(pg_catalog.=) '" JOB_BACKEND_TYPE "'",
				  &yes) == 0 &&
		about_job(job_id, "SELECT false FROM behavmine.job WHERE job_id OPERATOR(pg_catalog.=) $1",
				  &yes) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("job " INT64_FORMAT " does not exist", DatumGetInt64(job_id)),
						errhint("SELECT job_id, status FROM behav_jobs")));
	SPI_finish();
	PG_RETURN_BOOL(yes);
}
