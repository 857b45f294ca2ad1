/*
 * filter.c
 *		Questions to the source's table of items, asked as the caller: which items fulfil an expression,
 *		what their values of a column are.
 *
 * An expression is parsed alone first, so that nothing but one expression gets into the query. The plans
 * are kept with the model, the last used ones. What an immutable expression on a plain table has answered is
 * kept with its plan, too, and holds for every snapshot that sees the same transactions: then no row can
 * have become another.
 */
#include "pg/pg.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/parser.h"
#include "pg/scan.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "recommend/answer.h"

#define MAX_PLANS 32
#define MAX_RUNNING 256 /* transactions in progress that a kept answer remembers */

/* What a snapshot sees, and what names mean: with the same, an immutable expression has the same answer. */
typedef struct Sight
{
	bool known;
	TransactionId xmin, xmax, running[MAX_RUNNING];
	uint32 nrunning;
	char *search_path;
} Sight;

/* ---- plans ---- */

typedef struct ItemPlan
{
	dlist_node node;
	MemoryContext context;
	MemoryContextCallback release;
	SPIPlanPtr plan;
	int in_use;     /* a filter may call a function that asks for recommendations */
	Oid type;       /* of the parameter, or InvalidOid */
	uint64_t *bits; /* the answer of a filter at sight, or NULL */
	Sight sight;
	char sql[FLEXIBLE_ARRAY_MEMBER];
} ItemPlan;

static void
release_plan(void *arg)
{
	SPI_freeplan(((ItemPlan *) arg)->plan);
}

static void
forget_oldest(BmServing *serving)
{
	dlist_iter it;

	dlist_reverse_foreach(it, &serving->plans)
	{
		ItemPlan *p = dlist_container(ItemPlan, node, it.cur);

		if (p->in_use > 0)
			continue;
		dlist_delete(&p->node);
		serving->nplans--;
		MemoryContextDelete(p->context);
		return;
	}
}

static ItemPlan *
find_plan(BmServing *serving, const char *sql, Oid type)
{
	dlist_iter it;

	dlist_foreach(it, &serving->plans)
	{
		ItemPlan *p = dlist_container(ItemPlan, node, it.cur);

		if (p->type == type && strcmp(p->sql, sql) == 0)
		{
			dlist_move_head(&serving->plans, &p->node);
			return p;
		}
	}
	return NULL;
}

/* The plan of a query with at most one parameter; SPI is connected. */
static ItemPlan *
make_plan(BmModel *model, const char *sql, Oid type)
{
	BmServing *serving = bm_serving(model);
	MemoryContext context;
	SPIPlanPtr plan;
	ItemPlan *p;

	plan = SPI_prepare_cursor(sql, OidIsValid(type) ? 1 : 0, &type, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\"", sql);
	if (serving->nplans >= MAX_PLANS)
		forget_oldest(serving);
	context =
		AllocSetContextCreate(model->context, "behavmine query on items", ALLOCSET_SMALL_SIZES);
	p = MemoryContextAllocZero(context, offsetof(ItemPlan, sql) + strlen(sql) + 1);
	strcpy(p->sql, sql);
	p->context = context;
	p->plan = plan;
	p->type = type;
	p->release.func = release_plan;
	p->release.arg = p;
	MemoryContextRegisterResetCallback(context, &p->release);
	dlist_push_head(&serving->plans, &p->node);
	serving->nplans++;
	return p;
}

/* Run it with an array parameter, or none (0), and hand each row to fn. */
static void
run_plan(BmModel *model, const char *sql, Datum array, Oid type, BmRowFn fn, void *arg)
{
	ItemPlan *p;

	SPI_connect();
	p = find_plan(bm_serving(model), sql, type);
	if (p == NULL)
		p = make_plan(model, sql, type);
	p->in_use++;
	PG_TRY();
	{
		bm_scan_plan(p->plan, OidIsValid(type) ? 1 : 0, &type, &array, NULL, fn, arg);
	}
	PG_FINALLY();
	{
		p->in_use--;
	}
	PG_END_TRY();
	SPI_finish();
}

/* ---- an expression ---- */

typedef struct Expression
{
	const char *text, *what;
} Expression;

/* Say which expression an error is in, and where, in the expression's own text. */
static void
expression_error(void *arg)
{
	const Expression *e = arg;
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(e->text);
	}
	errcontext("expression \"%s\"", e->what);
}

/* Is the statement nothing but SELECT <one expression>? */
static bool
only_expression(const List *parsed)
{
	const SelectStmt *s;
	const ResTarget *target;

	if (list_length(parsed) != 1)
		return false;
	s = (const SelectStmt *) linitial_node(RawStmt, parsed)->stmt;
	if (!IsA(s, SelectStmt) || list_length(s->targetList) != 1 || s->op != SETOP_NONE)
		return false;
	target = linitial_node(ResTarget, s->targetList);
	return target->name == NULL && target->indirection == NIL && s->distinctClause == NIL &&
		   s->intoClause == NULL && s->fromClause == NIL && s->whereClause == NULL &&
		   s->groupClause == NIL && s->havingClause == NULL && s->windowClause == NIL &&
		   s->valuesLists == NIL && s->sortClause == NIL && s->limitOffset == NULL &&
		   s->limitCount == NULL && s->lockingClause == NIL && s->withClause == NULL &&
		   !(IsA(target->val, ColumnRef) &&
			 IsA(llast(((const ColumnRef *) target->val)->fields), A_Star));
}

void
bm_check_expression(const char *text, const char *what)
{
	Expression e = {text, what};
	ErrorContextCallback callback = {error_context_stack, expression_error, &e};
	List *parsed;

	error_context_stack = &callback;
	parsed = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	error_context_stack = callback.previous;
	if (!only_expression(parsed))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR), errmsg("\"%s\" is not a single expression", what),
				 errdetail("It is: %s", text),
				 errhint("Give a condition on the columns of the table of items, as $$ category = "
						 "'shoes' AND in_stock $$.")));
}

/* ---- rows ---- */

typedef struct RowJob
{
	const BmModel *model;
	uint64_t *bits;
	uint32_t *group;
	BmDict *values;
	BmStatus status;
} RowJob;

/* Code of the key in column 1, a bigint or a text. */
static uint32_t
row_item(const BmModel *model, TupleTableSlot *slot)
{
	Form_pg_attribute key = TupleDescAttr(slot->tts_tupleDescriptor, 0);
	char *key_text;
	uint32_t code;

	if (slot->tts_isnull[0])
		return BM_NONE;
	if (key->atttypid == INT8OID)
		return bm_item_code(model, INT8OID, slot->tts_values[0]);
	key_text = TextDatumGetCString(slot->tts_values[0]);
	code = bm_item_code_text(model, key_text, strlen(key_text));
	pfree(key_text);
	return code;
}

static void
bit_row(void *arg, TupleTableSlot *slot)
{
	RowJob *job = arg;
	uint32_t code = row_item(job->model, slot);

	if (code != BM_NONE)
		bm_set_bit(job->bits, code);
}

static void
group_row(void *arg, TupleTableSlot *slot)
{
	RowJob *job = arg;
	uint32_t code = row_item(job->model, slot);
	text *value;

	if (code == BM_NONE || slot->tts_isnull[1] || job->status != BM_OK)
		return;
	value = DatumGetTextPP(slot->tts_values[1]);
	job->status = bmc_dict_put_bytes(job->values, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
									 &job->group[code]);
}

/* ---- questions ---- */

/* ---- kept answers ---- */

static void
take_sight(Sight *sight, MemoryContext context)
{
	Snapshot s = GetActiveSnapshot();

	sight->known = s->snapshot_type == SNAPSHOT_MVCC && !s->takenDuringRecovery &&
				   s->xcnt <= MAX_RUNNING && !TransactionIdIsValid(GetTopTransactionIdIfAny());
	if (!sight->known)
		return;
	sight->xmin = s->xmin;
	sight->xmax = s->xmax;
	sight->nrunning = s->xcnt;
	memcpy(sight->running, s->xip, s->xcnt * sizeof(TransactionId));
	if (sight->search_path == NULL || strcmp(sight->search_path, namespace_search_path) != 0)
		sight->search_path = MemoryContextStrdup(context, namespace_search_path);
}

/* Does the active snapshot see exactly what it saw, and mean the same? */
static bool
same_sight(const Sight *sight)
{
	Snapshot s = GetActiveSnapshot();

	return sight->known && s->snapshot_type == SNAPSHOT_MVCC && !s->takenDuringRecovery &&
		   !TransactionIdIsValid(GetTopTransactionIdIfAny()) && s->xmin == sight->xmin &&
		   s->xmax == sight->xmax && s->xcnt == sight->nrunning &&
		   memcmp(sight->running, s->xip, s->xcnt * sizeof(TransactionId)) == 0 &&
		   strcmp(sight->search_path, namespace_search_path) == 0;
}

/* A table of its own, without policies and children, and nothing in the query but immutable functions on it. */
static bool
repeatable(SPIPlanPtr plan, Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	const Query *query = linitial_node(Query, source->query_list);
	Form_pg_class form;
	bool plain;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	plain = (form->relkind == RELKIND_RELATION || form->relkind == RELKIND_MATVIEW) &&
			!form->relrowsecurity && !form->relhassubclass;
	ReleaseSysCache(tuple);
	return plain && !query->hasSubLinks &&
		   linitial_node(RangeTblEntry, query->rtable)->relid == relid &&
		   !contain_mutable_functions((Node *) query->jointree);
}

/* Keep what a filter has answered just now. */
static void
keep_bits(BmModel *model, ItemPlan *p, const uint64_t *bits, Oid relid)
{
	size_t bytes = (model->items.n / 64 + 1) * sizeof(uint64_t);

	p->sight.known = false;
	if (!repeatable(p->plan, relid))
		return;
	if (p->bits == NULL)
		p->bits = MemoryContextAllocHuge(p->context, bytes);
	memcpy(p->bits, bits, bytes);
	take_sight(&p->sight, p->context);
}

uint64_t *
bm_filter(BmModel *model, const char *filter, const char *what)
{
	const BmItems *items = bm_serving_items(model, what);
	RowJob job = {.model = model, .bits = bm_item_bits(model, false)};
	char *sql;
	ItemPlan *p;

	/* the line's end closes a comment of the expression */
	sql = psprintf("SELECT %s FROM %s WHERE (%s\n)", bm_items_key_expr(items), items->relation,
				   filter);
	p = find_plan(bm_serving(model), sql, InvalidOid);
	if (p && same_sight(&p->sight))
	{
		memcpy(job.bits, p->bits, (model->items.n / 64 + 1) * sizeof(uint64_t));
		return job.bits;
	}
	if (p == NULL)
		bm_check_expression(filter, what);
	run_plan(model, sql, (Datum) 0, InvalidOid, bit_row, &job);
	p = find_plan(bm_serving(model), sql, InvalidOid);
	if (p)
		keep_bits(model, p, job.bits, items->relid);
	return job.bits;
}

/* Keys of items as an array of their column's kind: bigint[] or text[]. */
static Datum
key_array(const BmModel *model, const BmItems *items, const uint32_t *code, size_t n, Oid *type)
{
	bool as_int = items->key_int && model->items.kind == BM_KEY_INT;
	Datum *key = palloc(sizeof(Datum) * Max(n, 1));

	for (size_t i = 0; i < n; i++)
		key[i] = as_int ? Int64GetDatum(model->items.key[code[i]]) : bm_item_text(model, code[i]);
	*type = as_int ? INT8ARRAYOID : TEXTARRAYOID;
	return PointerGetDatum(
		as_int ? construct_array(key, (int) n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)
			   : construct_array(key, (int) n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The keys in $1, compared in the column's own type where the model's keys are of it: by an index. */
static char *
key_condition(BmModel *model, const BmItems *items, Oid array)
{
	const char *key = quote_identifier(items->key);

	if (array == INT8ARRAYOID)
		return psprintf("%s OPERATOR(pg_catalog.=) ANY ($1)", key);
	if (items->key_type == bm_serving_source(model)->item_type)
		return psprintf("%s OPERATOR(pg_catalog.=) ANY ($1::%s[])", key,
						format_type_be_qualified(items->key_type));
	return psprintf("%s::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($1)", key);
}

uint64_t *
bm_filter_other(BmModel *model, const char *column, const uint32_t *like, size_t n,
				const char *what)
{
	const BmItems *items = bm_serving_items(model, what);
	const char *value = bm_items_column(items, column, what);
	RowJob job = {.model = model, .bits = bm_item_bits(model, false)};
	Oid type;
	Datum keys = key_array(model, items, like, n, &type);

	run_plan(model,
			 psprintf("SELECT %1$s FROM %2$s WHERE %3$s IS NULL OR %3$s::pg_catalog.text "
					  "OPERATOR(pg_catalog.<>) ALL (SELECT %3$s::pg_catalog.text FROM %2$s WHERE "
					  "%4$s AND %3$s IS NOT NULL)",
					  bm_items_key_expr(items), items->relation, value,
					  key_condition(model, items, type)),
			 keys, type, bit_row, &job);
	return job.bits;
}

uint32_t
bm_filter_groups(uint32_t *group, BmModel *model, const char *column, const uint32_t *items,
				 size_t n, const char *what)
{
	const BmItems *table = bm_serving_items(model, what);
	const char *value = bm_items_column(table, column, what);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine groups", ALLOCSET_DEFAULT_SIZES);
	RowJob job = {.model = model, .group = group};
	Oid type = InvalidOid;
	Datum keys = items ? key_array(model, table, items, n, &type) : (Datum) 0;
	char *sql = psprintf("SELECT %s, %s::pg_catalog.text FROM %s%s%s", bm_items_key_expr(table),
						 value, table->relation, items ? " WHERE " : "",
						 items ? key_condition(model, table, type) : "");
	BmDict values;
	uint32_t found;
	BmMem mem;

	bm_mem_init(&mem, context);
	job.values = &values;
	job.status = bmc_dict_init(&values, BM_KEY_BYTES, &mem);
	memset(group, 0xff, sizeof(uint32_t) * model->items.n);
	run_plan(model, sql, keys, type, group_row, &job);
	bm_check(job.status, "read the kinds of items", NULL);
	found = values.view.n;
	MemoryContextDelete(context);
	return found;
}
