/*
 * query.h
 *		Statements on the registry's tables under the caller's rights, with little ceremony.
 */
#ifndef BM_QUERY_H
#define BM_QUERY_H

#include "pg/pg.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/jsonb.h"

/* A parameter: type and value; NULL texts become SQL NULL. */
typedef struct BmParam
{
	Oid type;
	Datum value;
	bool null;
} BmParam;

extern BmParam bm_param_int(int32 v);
extern BmParam bm_param_int8(int64 v);
extern BmParam bm_param_float8(double v); /* NaN becomes NULL */
extern BmParam bm_param_text(const char *s);
extern BmParam bm_param_jsonb(Jsonb *json);
extern BmParam bm_param_datum(Oid type, Datum value);

/*
 * Run one statement; SPI must be connected. Reading uses the snapshot of the calling statement and
 * is allowed in a read-only transaction and on a standby. Returns the number of rows. Unqualified names
 * and operators are the server's own, whatever the caller's search_path.
 */
extern uint64 bm_read(const char *sql, int n, const BmParam *params);
extern uint64 bm_write(const char *sql, int n, const BmParam *params);
/* On a table of the caller's, whose triggers and defaults may count on the search_path. */
extern uint64 bm_write_as_caller(const char *sql, int n, const BmParam *params);
/* Columns (from 1) of row i of the last bm_read or bm_write, copied into context. */
extern char *bm_row_text(uint64 i, int column, MemoryContext context); /* NULL for NULL */
extern int64 bm_row_int8(uint64 i, int column);                        /* smallint to bigint; 0 */
extern double bm_row_float8(uint64 i, int column);                     /* NaN for NULL */
extern Jsonb *bm_row_jsonb(uint64 i, int column, MemoryContext context);
/* Stream a SELECT's rows into the result that bm_srf_begin opened. Connects by itself. */
extern void bm_srf_query(FunctionCallInfo fcinfo, const char *sql, int n, const BmParam *params);

#endif
