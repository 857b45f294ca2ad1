/*
 * encode_row.h
 *		From a composite value or a JSON object to the cells of an encoder's columns.
 */
#ifndef BM_ENCODE_ROW_H
#define BM_ENCODE_ROW_H

#include "event/encode.h"

#include "access/htup_details.h"

/* Kept between the rows of a query: where the columns are. */
typedef struct BmRowReader
{
	BmTableEncoder *encoder;
	MemoryContext context;
	BmCell *cell;   /* (ncolumns) of the last row */
	TupleDesc desc; /* of the row type below; NULL: none yet */
	Oid row_type;
	int32 row_typmod;
	int *attribute; /* (ncolumns) from 0; -1: not used */
	BmFrameColumn *column;
	Datum *value;
	bool *null;
	Oid *json_type;             /* (ncolumns) types of the fit, 0 until they are looked up; */
	BmFrameColumn *json_column; /* ... and how they are read */
} BmRowReader;

/* In the current context, which lives as long as it. */
extern BmRowReader *bm_row_reader(BmTableEncoder *encoder);
/*
 * (ncolumns) cells of a row; they point into it. 42703 for a column or key that it does not have, 42804 for
 * one of another type, 22000 for what is not finite.
 */
extern const BmCell *bm_row_cells(BmRowReader *reader, HeapTupleHeader row);
extern const BmCell *bm_row_cells_jsonb(BmRowReader *reader, Jsonb *row);
/* Column j of the last composite row as text; NULL for NULL or for what is not read. */
extern char *bm_row_value(const BmRowReader *reader, int j);

#endif
