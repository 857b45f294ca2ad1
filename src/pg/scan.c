/*
 * scan.c
 *		Streaming a query: SPI with a DestReceiver of our own.
 *
 * The query runs through the ordinary executor, so privileges and row-level security hold and
 * parallel workers may help; rows are handed on as they come, nothing is kept. A cursor in batches
 * is several times slower and loses the workers; a raw table scan ignores rights.
 */
#include "pg/scan.h"

#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "tcop/dest.h"

#define INTERRUPT_ROWS 0xffff /* the executor checks by itself; this is for a dead postmaster */

typedef struct BmReceiver
{
	DestReceiver pub;
	BmRowFn fn;
	void *arg;
	uint64 rows;
} BmReceiver;

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	BmReceiver *r = (BmReceiver *) self;

	slot_getallattrs(slot);
	r->fn(r->arg, slot);
	if ((++r->rows & INTERRUPT_ROWS) == 0)
		bm_interrupts();
	return true;
}

static void
receiver_shutdown(DestReceiver *self)
{
}

static void
receiver_destroy(DestReceiver *self)
{
}

/* One plan for sql; refused unless it is a single SELECT. */
static SPIPlanPtr
prepare_select(const char *sql, int nargs, Oid *types)
{
	SPIPlanPtr plan = SPI_prepare_cursor(sql, nargs, types, CURSOR_OPT_PARALLEL_OK);

	if (!plan)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	if (!SPI_is_cursor_plan(plan))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("cannot read from a statement that returns no rows")));
	return plan;
}

/* $1..$nargs for the executor; NULL when there are none. */
static ParamListInfo
make_params(int nargs, Oid *types, Datum *values, const char *nulls)
{
	ParamListInfo params;

	if (nargs == 0)
		return NULL;
	params = makeParamList(nargs);
	for (int i = 0; i < nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = nulls && nulls[i] == 'n';
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = types[i];
	}
	return params;
}

uint64
bm_scan_plan(SPIPlanPtr plan, int nargs, Oid *types, Datum *values, const char *nulls, BmRowFn fn,
			 void *arg)
{
	SPIExecuteOptions options;
	BmReceiver receiver;
	int rc;

	memset(&receiver, 0, sizeof(receiver));
	receiver.pub.receiveSlot = receive_row;
	receiver.pub.rStartup = receiver_startup;
	receiver.pub.rShutdown = receiver_shutdown;
	receiver.pub.rDestroy = receiver_destroy;
	receiver.pub.mydest = DestNone;
	receiver.fn = fn;
	receiver.arg = arg;

	memset(&options, 0, sizeof(options));
	options.params = make_params(nargs, types, values, nulls);
	options.read_only = true;
	options.dest = &receiver.pub;

	rc = SPI_execute_plan_extended(plan, &options);
	if (rc < 0)
		elog(ERROR, "could not run a prepared query: %s", SPI_result_code_string(rc));
	return receiver.rows;
}

uint64
bm_scan(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls, BmRowFn fn,
		void *arg)
{
	SPIPlanPtr plan = prepare_select(sql, nargs, types);
	uint64 rows = bm_scan_plan(plan, nargs, types, values, nulls, fn, arg);

	SPI_freeplan(plan);
	return rows;
}
