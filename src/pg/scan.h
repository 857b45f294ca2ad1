/*
 * scan.h
 *		Streaming a query's rows into a callback: SPI_execute_plan_extended with our own
 *		DestReceiver; the caller's rights, parallel plans allowed, constant memory.
 */
#ifndef BM_SCAN_H
#define BM_SCAN_H

#include "pg/pg.h"
#include "executor/spi.h"
#include "executor/tuptable.h"

/* Called once per row with deformed values; runs inside the executor: keep what you need by copy. */
typedef void (*BmRowFn)(void *arg, TupleTableSlot *slot);

/*
 * Run one read-only SELECT (as the caller, parallel workers allowed) and feed every row to fn.
 * SPI must be connected. Returns the number of rows.
 */
extern uint64 bm_scan(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls,
					  BmRowFn fn, void *arg);
/* The same for a plan that the caller keeps; types are those that it was prepared with. */
extern uint64 bm_scan_plan(SPIPlanPtr plan, int nargs, Oid *types, Datum *values, const char *nulls,
						   BmRowFn fn, void *arg);

#endif
