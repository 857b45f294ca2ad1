/*
 * frame_read.h
 *		Reading columns of any table or view into a frame: as the caller, through the executor, in one
 *		pass. And one value of any such column as a cell.
 */
#ifndef BM_FRAME_READ_H
#define BM_FRAME_READ_H

#include "pg/zone.h"
#include "core/stat/row_encoder.h"
#include "event/recent.h"

/* How a column's values arrive. */
typedef enum BmFrameFrom
{
	BM_CELL_INT2,
	BM_CELL_INT4,
	BM_CELL_INT8,
	BM_CELL_FLOAT4,
	BM_CELL_FLOAT8,
	BM_CELL_NUMERIC,
	BM_CELL_BOOL,
	BM_CELL_TEXT,
	BM_CELL_BPCHAR, /* trailing blanks do not count */
	BM_CELL_NAME,
	BM_CELL_UUID,
	BM_CELL_OUTPUT, /* by the type's output function: enums, and numbers as categories */
	BM_CELL_DATE,
	BM_CELL_TIMESTAMP,
	BM_CELL_TIMESTAMPTZ,
	BM_CELL_FLOAT4_ARRAY,
	BM_CELL_FLOAT8_ARRAY
} BmFrameFrom;

/* A column to read: the caller sets name and category, bm_frame_columns the rest. */
typedef struct BmFrameColumn
{
	const char *name; /* unquoted */
	bool category;    /* read numbers and booleans as keys, too */
	bool absent;      /* not read: missing in every row, of the kind that is set */
	Oid type;         /* a domain's base type */
	BmColumnKind kind;
	bool key_int; /* keys are integers, else bytes */
	BmFrameFrom from;
	FmgrInfo output; /* of BM_CELL_OUTPUT */
} BmFrameColumn;

/*
 * Find the columns of relation and what they become. 42703 with the nearest name for one that does not
 * exist, 42804 for a type that cannot be a feature (integers, floats, numeric, boolean, text, varchar,
 * char, name, enums, uuid, date, timestamp, timestamptz, real[], double precision[] can, and domains
 * over them).
 */
extern void bm_frame_columns(Oid relation, BmFrameColumn *column, int n);
/* The same for a value of this type; false: it cannot be a feature. */
extern bool bm_frame_type(BmFrameColumn *column, Oid type);

/*
 * A value as a cell. What it points to is in the datum or in the current context: the datum must outlive
 * it. zone: the wall clock of a timestamptz.
 */
extern void bm_frame_cell(BmCell *cell, BmFrameColumn *column, Datum value, bool isnull,
						  BmZone *zone);

typedef struct BmFrameRequest
{
	Oid relation;
	const char *where; /* SQL condition, trusted (ours, never a caller's text), or NULL */
	BmFrameColumn *column;
	int n;
	const char *time_zone; /* wall clock of timestamptz columns; NULL: UTC */
	bool canonical;        /* order rows by content: what is computed does not depend on the plan */
	const char *purpose;   /* for messages: "fit an encoder" */
} BmFrameRequest;

/*
 * Read into a new frame, in the current context, its columns in mem. Vectors of differing length: 22000.
 * Above behavmine.max_memory: 53400. Connects to SPI by itself.
 */
extern BmFrame *bm_frame_read(const BmFrameRequest *request, BmMem *mem, BmWatch *watch);

#endif
