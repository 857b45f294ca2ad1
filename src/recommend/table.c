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

#include "model/query.h"
#include "pg/compat.h"
#include "recommend/table.h"

/* Codes of this reading in the model's numbering. */
static void
translate_codes(BmTableJob *job)
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

/* User u's newest events in the model's codes, as an answer to one user has them. */
static BmHistory
history_of(const BmTableJob *job, size_t u, uint32_t *item, int64_t *time, uint8_t *event)
{
	const BmLog *log = job->log;
	size_t first = log->start[u], end = log->start[u + 1];
	BmHistory h = {0, item, time, log->event ? event : NULL, job->model->event_weight};

	if (end - first > BM_HISTORY_EVENTS)
		first = end - BM_HISTORY_EVENTS;
	for (size_t e = first; e < end; e++)
	{
		uint32_t code = job->code[log->item[e]];
		int behaviour = job->behaviour[log->event ? log->event[e] : 0];

		if (code == BM_NONE || behaviour < 0)
			continue;
		item[h.n] = code;
		time[h.n] = log->time[e];
		event[h.n++] = (uint8_t) behaviour;
	}
	return h;
}

static Datum
user_array(const BmTableJob *job, size_t first, size_t n)
{
	Datum *values = palloc(sizeof(Datum) * job->request.serve.k * n);
	size_t rows = 0;

	for (size_t u = 0; u < n; u++)
	{
		Datum user = bm_text_datum(bm_dict_text(job->users, (uint32_t) (first + u)));

		for (uint32_t i = 0; i < job->found[u]; i++)
			values[rows++] = user;
	}
	return PointerGetDatum(construct_array(values, (int) rows, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
item_array(const BmTableJob *job, size_t n)
{
	Datum *values = palloc(sizeof(Datum) * job->request.serve.k * n);
	size_t rows = 0;

	for (size_t u = 0; u < n; u++)
		for (uint32_t i = 0; i < job->found[u]; i++)
			values[rows++] = bm_item_text(job->model, job->item[u * job->request.serve.k + i]);
	return PointerGetDatum(construct_array(values, (int) rows, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Scores and ranks, as real[] and int[]. */
static void
number_arrays(const BmTableJob *job, size_t n, Datum *scores, Datum *ranks)
{
	float *score = palloc(sizeof(float) * job->request.serve.k * n);
	int32 *rank = palloc(sizeof(int32) * job->request.serve.k * n);
	size_t rows = 0;

	for (size_t u = 0; u < n; u++)
		for (uint32_t i = 0; i < job->found[u]; i++)
		{
			score[rows] = job->score[u * job->request.serve.k + i];
			rank[rows++] = (int32) i + 1;
		}
	*scores = bm_float4_array(score, rows);
	*ranks = bm_int4_array(rank, rows);
}

Datum
bm_table_users(const BmTableJob *job, size_t first, size_t n)
{
	Datum *key = palloc(sizeof(Datum) * Max(n, 1));

	for (size_t u = 0; u < n; u++)
		key[u] = bm_text_datum(bm_dict_text(job->users, (uint32_t) (first + u)));
	return PointerGetDatum(construct_array(key, (int) n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
delete_block(BmTableJob *job, size_t first, size_t n)
{
	BmParam params[2] = {bm_param_text(job->model->version->model),
						 bm_param_datum(TEXTARRAYOID, bm_table_users(job, first, n))};

	bm_write_as_caller(psprintf("DELETE FROM %s WHERE model OPERATOR(pg_catalog.=) $1 "
								"AND user_id OPERATOR(pg_catalog.=) ANY ($2::%s[])",
								job->into, format_type_be_qualified(job->source->user_type)),
					   2, params);
}

static void
insert_block(BmTableJob *job, size_t first, size_t n, bool replace)
{
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
	if (replace)
		delete_block(job, first, n);
	job->rows += (int64) bm_write_as_caller(
		psprintf("INSERT INTO %s (user_id, item_id, score, rank, model, version) "
				 "SELECT u::%s, i::%s, s, r, $5, $6 "
				 "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), "
				 "pg_catalog.unnest($3), pg_catalog.unnest($4)) AS t (u, i, s, r)",
				 job->into, format_type_be_qualified(job->source->user_type),
				 format_type_be_qualified(job->source->item_type)),
		6, params);
	SPI_finish();
}

/* Histories of a block from the reading, in the current context. */
static void
histories_of_log(BmTableJob *job, size_t first, size_t n)
{
	const BmLog *log = job->log;
	size_t events = log->start[first + n] - log->start[first], at = 0;
	uint32_t *item = palloc_extended(sizeof(uint32_t) * Max(events, 1), MCXT_ALLOC_HUGE);
	int64_t *time = palloc_extended(sizeof(int64_t) * Max(events, 1), MCXT_ALLOC_HUGE);
	uint8_t *event = palloc_extended(Max(events, 1), MCXT_ALLOC_HUGE);

	for (size_t u = 0; u < n; u++)
	{
		job->h[u] = history_of(job, first + u, item + at, time + at, event + at);
		at += job->h[u].n;
	}
}

/* The same from the index. */
static void
histories_of_index(BmTableJob *job, size_t first, size_t n)
{
	for (size_t u = 0; u < n; u++)
	{
		uint32_t code = (uint32_t) (first + u);
		BmUser user = {
			.known = true, .is_int = job->source->user_int, .text = bm_dict_text(job->users, code)};

		if (user.is_int)
			user.key = job->users->key[code];
		job->h[u] = bm_answer_history(job->model, &user, PG_INT64_MAX)->h;
		bm_interrupts();
	}
}

void
bm_table_block(BmTableJob *job, size_t first, size_t n, bool replace)
{
	MemoryContext scratch =
		AllocSetContextCreate(job->context, "behavmine block", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);

	if (job->log)
		histories_of_log(job, first, n);
	else
		histories_of_index(job, first, n);
	bm_check(bmc_serve_many(job->item, job->score, job->found, &job->request.serve, job->h, n,
							job->pool, &job->mem, &job->watch.stop),
			 "fill a table of recommendations", NULL);
	insert_block(job, first, n, replace);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* An existing table must have the columns, with types that the rows can be assigned to. */
static void
check_column(const BmTableJob *job, Oid relid, const char *column, Oid type)
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
check_columns(const BmTableJob *job, Oid relid)
{
	check_column(job, relid, "user_id", job->source->user_type);
	check_column(job, relid, "item_id", job->source->item_type);
	check_column(job, relid, "score", FLOAT4OID);
	check_column(job, relid, "rank", INT4OID);
	check_column(job, relid, "model", TEXTOID);
	check_column(job, relid, "version", INT4OID);
}

void
bm_table_prepare(BmTableJob *job, const char *into)
{
	RangeVar *range = makeRangeVarFromNameList(bm_qualified_name(into));
	Oid relid = RangeVarGetRelid(range, NoLock, true);

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
}

/* Kinds of all items at once: every user's pool is another. */
static void
read_all_kinds(BmTableJob *job)
{
	BmRequest *r = &job->request;

	for (int c = 0; c < r->arrange.ncaps; c++)
	{
		uint32_t *group = palloc_extended(sizeof(uint32_t) * job->model->items.n, MCXT_ALLOC_HUGE);

		r->arrange.ngroups[c] = bm_filter_groups(group, job->model, r->cap[c], NULL, 0, "max_per");
		r->arrange.group[c] = group;
	}
}

void
bm_table_begin(BmTableJob *job, BmModel *model, FunctionCallInfo fcinfo)
{
	BmRequest *r = &job->request;

	memset(job, 0, sizeof(*job));
	job->context = CurrentMemoryContext;
	job->model = model;
	job->source = bm_serving_source(model);
	bm_mem_init(&job->mem, job->context);
	bm_watch_init(&job->watch, 0);
	bm_request_begin(r, model, bm_arg_range_or(fcinfo, 2, "k", 1, BM_MAX_K, 10),
					 bm_arg_text_or_null(fcinfo, 3));
	if (!PG_ARGISNULL(4))
		bm_request_filter(r, text_to_cstring(PG_GETARG_TEXT_PP(4)));
	if (!PG_ARGISNULL(5))
		bm_request_exclude_items(r, get_fn_expr_argtype(fcinfo->flinfo, 5), PG_GETARG_DATUM(5));
	if (!PG_ARGISNULL(6))
		bm_request_max_per(r, PG_GETARG_JSONB_P(6));
	if (!PG_ARGISNULL(7))
		bm_request_diversity(r, PG_GETARG_FLOAT8(7));
	if (bm_arg_bool_or(fcinfo, 8, true))
		bm_request_rules(r);
	read_all_kinds(job);
}

void
bm_table_read(BmTableJob *job)
{
	job->log =
		bm_log_read(job->source, PG_INT64_MIN, PG_INT64_MAX, &job->mem, job->context, &job->watch);
	job->users = &job->log->users.view;
	translate_codes(job);
}

void
bm_table_open(BmTableJob *job)
{
	size_t cells = job->request.serve.k * BM_BLOCK_USERS;

	job->pool = bm_pool_open(job->context, bm_threads(), true);
	job->item = palloc_extended(sizeof(uint32_t) * cells, MCXT_ALLOC_HUGE);
	job->score = palloc_extended(sizeof(float) * cells, MCXT_ALLOC_HUGE);
	job->found = palloc(sizeof(uint32_t) * BM_BLOCK_USERS);
	job->h = palloc(sizeof(BmHistory) * BM_BLOCK_USERS);
}

/* behav_recommend_table(model, into, k, exclude, filter, exclude_items, max_per, diversity, rules) */
BM_FUNCTION(behav_recommend_table);
Datum
behav_recommend_table(PG_FUNCTION_ARGS)
{
	TimestampTz started = GetCurrentTimestamp();
	BmModel *model = bm_recommender_deployed(bm_arg_text(fcinfo, 0, "model"));
	char *into = bm_arg_text(fcinfo, 1, "into_table");
	BmParam name = bm_param_text(model->version->model);
	BmTableJob job;
	Datum values[3];
	bool nulls[3] = {false};

	bm_srf_begin(fcinfo);
	bm_table_begin(&job, model, fcinfo);
	bm_progress_start(model->version->model);
	bm_table_prepare(&job, into);
	SPI_connect();
	bm_write_as_caller(psprintf("DELETE FROM %s WHERE model OPERATOR(pg_catalog.=) $1", job.into),
					   1, &name);
	SPI_finish();
	bm_table_read(&job);
	bm_table_open(&job);
	bm_progress_phase(BM_PHASE_SAVE, into);
	for (size_t first = 0; first < job.users->n; first += BM_BLOCK_USERS)
	{
		bm_table_block(&job, first, Min(job.users->n - first, BM_BLOCK_USERS), false);
		bm_progress_step((double) first, (double) job.users->n, NAN, NULL, NAN);
		bm_interrupts();
	}
	bm_progress_end();
	values[0] = Int64GetDatum((int64) job.users->n);
	values[1] = Int64GetDatum(job.rows);
	values[2] = Float8GetDatum((GetCurrentTimestamp() - started) / 1e6);
	bm_srf_row(fcinfo, values, nulls);
	return (Datum) 0;
}
