/*
 * table.c
 *		behav_recommend_table: everyone's recommendations into a table that applications can join.
 *
 * The source is read and cleaned in one pass as for a training, users are answered in parallel, and
 * the rows replace those of the same model in one transaction.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "event/log.h"
#include "model/query.h"
#include "pg/compat.h"
#include "recommend/answer.h"

#define BLOCK_USERS 1024

typedef struct TableJob
{
	BmModel *model;
	BmSource *source;
	BmLog *log;
	BmMem mem;
	BmWatch watch;
	BmPool *pool;
	BmServe serve;
	char *into; /* quoted */
	MemoryContext context;
	uint32_t *code;     /* (log items) the model's code, or BM_NONE */
	int behaviour[256]; /* the model's code of a behaviour of the log, or -1 */
	/* one block of users */
	uint32_t *item, *found, *past_item;
	uint8_t *past_event;
	float *score;
	BmHistory *h;
	int64 rows;
} TableJob;

/* Codes of this reading in the model's numbering. */
static void
translate_codes(TableJob *job)
{
	const BmDictView *items = &job->log->items.view, *events = &job->log->events.view;

	job->code = MemoryContextAllocHuge(job->context, sizeof(uint32_t) * Max(items->n, 1));
	for (uint32_t i = 0; i < items->n; i++)
		job->code[i] = items->kind != job->model->items.kind ? BM_NONE
					   : items->kind == BM_KEY_INT
						   ? bmc_dict_find_int(&job->model->items, items->key[i])
						   : bmc_dict_find_bytes(&job->model->items, items->blob + items->offset[i],
												 items->offset[i + 1] - items->offset[i]);
	for (uint32_t a = 0; a < 256; a++)
		job->behaviour[a] = job->log->event == NULL ? 0 : -1;
	for (uint32_t a = 0; job->log->event && a < events->n; a++)
		for (int b = 0; b < job->model->nevents; b++)
			if (strcmp(bm_dict_text(events, a), job->model->events[b]) == 0)
				job->behaviour[a] = b;
}

/* User u's events in the model's codes, appended at item and event. */
static BmHistory
history_of(const TableJob *job, size_t u, uint32_t *item, uint8_t *event)
{
	const BmLog *log = job->log;
	BmHistory h = {0, item, NULL, log->event ? event : NULL, job->model->event_weight};

	for (size_t e = log->start[u]; e < log->start[u + 1]; e++)
	{
		uint32_t code = job->code[log->item[e]];
		int behaviour = job->behaviour[log->event ? log->event[e] : 0];

		if (code == BM_NONE || behaviour < 0)
			continue;
		item[h.n] = code;
		event[h.n++] = (uint8_t) behaviour;
	}
	return h;
}

static Datum
user_array(const TableJob *job, size_t first, size_t n)
{
	Datum *values = palloc(sizeof(Datum) * job->serve.k * n);
	size_t rows = 0;

	for (size_t u = 0; u < n; u++)
	{
		Datum user = bm_text_datum(bm_dict_text(&job->log->users.view, (uint32_t) (first + u)));

		for (uint32_t i = 0; i < job->found[u]; i++)
			values[rows++] = user;
	}
	return PointerGetDatum(construct_array(values, (int) rows, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
item_array(const TableJob *job, size_t n)
{
	Datum *values = palloc(sizeof(Datum) * job->serve.k * n);
	size_t rows = 0;

	for (size_t u = 0; u < n; u++)
		for (uint32_t i = 0; i < job->found[u]; i++)
			values[rows++] = bm_item_text(job->model, job->item[u * job->serve.k + i]);
	return PointerGetDatum(construct_array(values, (int) rows, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Scores and ranks, as real[] and int[]. */
static void
number_arrays(const TableJob *job, size_t n, Datum *scores, Datum *ranks)
{
	float *score = palloc(sizeof(float) * job->serve.k * n);
	int32 *rank = palloc(sizeof(int32) * job->serve.k * n);
	size_t rows = 0;

	for (size_t u = 0; u < n; u++)
		for (uint32_t i = 0; i < job->found[u]; i++)
		{
			score[rows] = job->score[u * job->serve.k + i];
			rank[rows++] = (int32) i + 1;
		}
	*scores = bm_float4_array(score, rows);
	*ranks = bm_int4_array(rank, rows);
}

static void
insert_block(TableJob *job, size_t first, size_t n)
{
	MemoryContext scratch =
		AllocSetContextCreate(job->context, "behavmine rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Datum scores, ranks;
	BmParam params[6];

	number_arrays(job, n, &scores, &ranks);
	params[0] = bm_param_datum(TEXTARRAYOID, user_array(job, first, n));
	params[1] = bm_param_datum(TEXTARRAYOID, item_array(job, n));
	params[2] = bm_param_datum(FLOAT4ARRAYOID, scores);
	params[3] = bm_param_datum(INT4ARRAYOID, ranks);
	params[4] = bm_param_text(job->model->version->model);
	params[5] = bm_param_int(job->model->version->version);
	SPI_connect();
	job->rows += (int64) bm_write_as_caller(
		psprintf("INSERT INTO %s (user_id, item_id, score, rank, model, version) "
				 "SELECT u::%s, i::%s, s, r, $5, $6 "
				 "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), "
				 "pg_catalog.unnest($3), pg_catalog.unnest($4)) AS t (u, i, s, r)",
				 job->into, format_type_be_qualified(job->source->user_type),
				 format_type_be_qualified(job->source->item_type)),
		6, params);
	SPI_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* Users first .. first + n - 1: answer in parallel, insert. */
static void
serve_block(TableJob *job, size_t first, size_t n)
{
	const BmLog *log = job->log;
	size_t at = 0;

	job->past_item = bmc_alloc(&job->mem, log->start[first + n] - log->start[first], 4);
	job->past_event = bmc_alloc(&job->mem, log->start[first + n] - log->start[first], 1);
	if (job->past_item == NULL || job->past_event == NULL)
		bm_check(BM_ENOMEM, "fill a table of recommendations", NULL);
	for (size_t u = 0; u < n; u++)
	{
		job->h[u] = history_of(job, first + u, job->past_item + at, job->past_event + at);
		at += job->h[u].n;
	}
	bm_check(bmc_serve_many(job->item, job->score, job->found, &job->serve, job->h, n, job->pool,
							&job->mem, &job->watch.stop),
			 "fill a table of recommendations", NULL);
	bmc_free(&job->mem, job->past_item);
	bmc_free(&job->mem, job->past_event);
	insert_block(job, first, n);
}

/* An existing table must have the columns, with types that the rows can be assigned to. */
static void
check_column(const TableJob *job, Oid relid, const char *column, Oid type)
{
	AttrNumber attno = get_attnum(relid, column);
	Oid target = attno > 0 ? get_atttype(relid, attno) : InvalidOid;

	if (!OidIsValid(target))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("table %s has no column \"%s\"", job->into, column),
						errdetail("Recommendations need the columns user_id, item_id, score, rank, "
								  "model and version."),
						errhint("ALTER TABLE %s ADD COLUMN %s %s; or name a table that does not "
								"exist: it is made.",
								job->into, column, format_type_be(type))));
	if (!can_coerce_type(1, &type, &target, COERCION_ASSIGNMENT))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table %s is of type %s", column, job->into,
						format_type_be(target)),
				 errdetail("Model \"%s\" fills it with values of type %s.",
						   job->model->version->model, format_type_be(type)),
				 errhint("Name a table that does not exist: it is made with the right types.")));
}

static void
check_columns(const TableJob *job, Oid relid)
{
	check_column(job, relid, "user_id", job->source->user_type);
	check_column(job, relid, "item_id", job->source->item_type);
	check_column(job, relid, "score", FLOAT4OID);
	check_column(job, relid, "rank", INT4OID);
	check_column(job, relid, "model", TEXTOID);
	check_column(job, relid, "version", INT4OID);
}

/* The table by name: made when it does not exist, else emptied of this model's rows. */
static void
prepare_table(TableJob *job, const char *into)
{
	RangeVar *range = makeRangeVarFromNameList(bm_qualified_name(into));
	Oid relid = RangeVarGetRelid(range, NoLock, true);
	BmParam model = bm_param_text(job->model->version->model);

	job->into = NULL;
	SPI_connect();
	if (!OidIsValid(relid))
	{
		char *quoted = quote_qualified_identifier(range->schemaname, range->relname);

		bm_write_as_caller(
			psprintf("CREATE TABLE %s (user_id %s NOT NULL, item_id %s NOT NULL, "
					 "score pg_catalog.float4 NOT NULL, rank pg_catalog.int4 NOT NULL, "
					 "model pg_catalog.text NOT NULL, version pg_catalog.int4 NOT NULL, PRIMARY "
					 "KEY (user_id, model, rank))",
					 quoted, format_type_be_qualified(job->source->user_type),
					 format_type_be_qualified(job->source->item_type)),
			0, NULL);
		relid = RangeVarGetRelid(range, NoLock, false);
	}
	SPI_finish();
	job->into = bm_relation_name(relid);
	check_columns(job, relid);
	SPI_connect();
	bm_write_as_caller(psprintf("DELETE FROM %s WHERE model OPERATOR(pg_catalog.=) $1", job->into),
					   1, &model);
	SPI_finish();
}

static void
begin(TableJob *job, FunctionCallInfo fcinfo)
{
	char *name = bm_arg_text(fcinfo, 0, "model");
	int64 k = bm_arg_range_or(fcinfo, 2, "k", 1, BM_MAX_K, 10);
	char *exclude = bm_arg_text_or_null(fcinfo, 3);

	memset(job, 0, sizeof(*job));
	job->context = CurrentMemoryContext;
	job->model = bm_recommender_deployed(name);
	(void) bm_answer_reader(job->model); /* 55000 without a source */
	job->source = bm_source_load(job->model->version->source);
	job->serve = (BmServe){.model = &job->model->blend,
						   .popularity = job->model->popularity,
						   .k = Min((size_t) k, job->model->items.n),
						   .exclude = bm_answer_exclude(exclude ? exclude : "purchased"),
						   .purchase = job->model->purchase,
						   .min_score = -INFINITY};
	bm_mem_init(&job->mem, job->context);
	bm_watch_init(&job->watch, 0);
}

/* behav_recommend_table(model, into, k, exclude): users, rows, seconds */
BM_FUNCTION(behav_recommend_table);
Datum
behav_recommend_table(PG_FUNCTION_ARGS)
{
	TimestampTz started = GetCurrentTimestamp();
	char *into = bm_arg_text(fcinfo, 1, "into_table");
	TableJob job;
	size_t nusers;
	Datum values[3];
	bool nulls[3] = {false};

	bm_srf_begin(fcinfo);
	begin(&job, fcinfo);
	bm_progress_start(job.model->version->model);
	prepare_table(&job, into);
	job.log =
		bm_log_read(job.source, PG_INT64_MIN, PG_INT64_MAX, &job.mem, job.context, &job.watch);
	translate_codes(&job);
	nusers = job.log->users.view.n;
	job.pool = bm_pool_open(job.context, bm_threads(), true);
	job.item = palloc_extended(sizeof(uint32_t) * job.serve.k * BLOCK_USERS, MCXT_ALLOC_HUGE);
	job.score = palloc_extended(sizeof(float) * job.serve.k * BLOCK_USERS, MCXT_ALLOC_HUGE);
	job.found = palloc(sizeof(uint32_t) * BLOCK_USERS);
	job.h = palloc(sizeof(BmHistory) * BLOCK_USERS);
	bm_progress_phase(BM_PHASE_SAVE, into);
	for (size_t first = 0; first < nusers; first += BLOCK_USERS)
	{
		serve_block(&job, first, Min(nusers - first, BLOCK_USERS));
		bm_progress_step((double) first, (double) nusers, NAN, NULL, NAN);
		bm_interrupts();
	}
	bm_progress_end();
	values[0] = Int64GetDatum((int64) nusers);
	values[1] = Int64GetDatum(job.rows);
	values[2] = Float8GetDatum((GetCurrentTimestamp() - started) / 1e6);
	bm_srf_row(fcinfo, values, nulls);
	return (Datum) 0;
}
