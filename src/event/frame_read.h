/*
 * frame_read.h
 *		Reading columns of any table or view into a frame: as the caller, through the executor, in one
 *		pass.
 */
#ifndef BM_FRAME_READ_H
#define BM_FRAME_READ_H

#include "pg/pg.h"
#include "core/stat/frame.h"

/* A column to read. */
typedef struct BmFrameColumn
{
	const char *name; /* unquoted */
	bool category;    /* read numbers and booleans as keys, too */
	Oid type;         /* set by bm_frame_columns; a domain's base type */
	BmColumnKind kind;
	bool key_int; /* keys are integers, else bytes */
} BmFrameColumn;

/*
 * Find the columns of relation and what they become. 42703 with the nearest name for one that does not
 * exist, 42804 for a type that cannot be a feature (integers, floats, numeric, boolean, text, varchar,
 * char, name, enums, uuid, date, timestamp, timestamptz, real[], double precision[] can, and domains
 * over them).
 */
extern void bm_frame_columns(Oid relation, BmFrameColumn *column, int n);
/* The same for one type. false: it cannot be a feature. */
extern bool bm_frame_type(BmFrameColumn *column, Oid type);

typedef struct BmFrameRequest
{
	Oid relation;
	const char *where; /* SQL condition, trusted (ours, never a caller's text), or NULL */
	BmFrameColumn *column;
	int n;
	const char *time_zone; /* wall clock of timestamptz columns; NULL: UTC */
	bool canonical;        /* order rows by content: what is computed does not depend on the plan */
	const char *purpose;   /* for messages: "fitting an encoder" */
} BmFrameRequest;

/*
 * Read into a new frame in mem (over the context that mem was made for). Vectors of differing length:
 * 22000. Above behavmine.max_memory: 53400. Connects to SPI by itself.
 */
extern BmFrame *bm_frame_read(const BmFrameRequest *request, BmMem *mem, BmWatch *watch);

#endif
