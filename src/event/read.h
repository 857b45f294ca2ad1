/*
 * read.h
 *		Reading a source: rows of one SELECT into chunked columns of codes. First half of bm_log_read.
 */
#ifndef BM_READ_H
#define BM_READ_H

#include "event/behaviour.h"
#include "event/log.h"
#include "event/recent.h"

#define BM_CHUNK_ROWS 65536

/* Columns of up to BM_CHUNK_ROWS events, each its own block so that it is freed when consumed. */
typedef struct BmChunk
{
	size_t n;
	uint32_t *user, *item;         /* codes by arrival */
	int64_t *time;                 /* TimestampTz */
	uint8_t *event;                /* code by arrival; NULL when the source has no event column */
	uint32_t *extra[BM_MAX_EXTRA]; /* codes by arrival of the source's extra columns, or NULL */
} BmChunk;

/* How a key column arrives in the slot. */
typedef enum BmKeySource
{
	BM_FROM_INT2,
	BM_FROM_INT4,
	BM_FROM_INT8,
	BM_FROM_TEXT,
	BM_FROM_UUID,
	BM_FROM_FLOAT8 /* the bits as an integer */
} BmKeySource;

/* How the time column arrives: a TimestampTz, or an integer count from 1970. */
typedef enum BmTimeSource
{
	BM_FROM_TIMESTAMPTZ,
	BM_FROM_EPOCH2,
	BM_FROM_EPOCH4,
	BM_FROM_EPOCH8
} BmTimeSource;

/* A key column on its way into a dictionary. */
typedef struct BmKeyColumn
{
	BmKeySource from;
	BmDict *dict;
	BmRecentKey *recent; /* (BM_RECENT_KEYS) */
} BmKeyColumn;

typedef struct BmReader
{
	const BmSource *source;
	BmMem *mem;
	bool keep; /* keep the columns; false: count only */
	bool has_event;
	int64 min_time, max_time, now;
	BmTimeSource time_from;
	BmKeyColumn user, item, event;
	BmDict users, items, events; /* by arrival */
	BmKeyColumn extra[BM_MAX_EXTRA];
	BmDict extras[BM_MAX_EXTRA]; /* by arrival */
	BmBehaviour behaviour[256];  /* by events' code */
	uint64 event_rows[256];      /* rows that count, ignored behaviours too */
	BmChunk *chunks;
	size_t nchunks, chunk_capacity;
	BmChunk *tail;     /* being filled, or NULL */
	size_t n;          /* events kept so far */
	bool coarse;       /* every time is a whole minute */
	uint64 future;     /* events after now, possible or not */
	int64 first, last; /* of the events kept; first > last when there is none */
	double expected;   /* rows, for progress; 0 = unknown */
	BmCleaning cleaning;
	BmWatch *watch;
} BmReader;

/* Read; what is impossible or missing is counted in r->cleaning. Connects to SPI by itself. */
extern void bm_read_source(BmReader *r, const BmSource *source, int64 since, int64 until, bool keep,
						   BmMem *mem, BmWatch *watch);
/* Sort, clean, number; takes the reader's columns and dictionaries over. An empty log is possible. */
extern BmLog *bm_log_from_reader(BmReader *r, MemoryContext context);
/* An error for a status of the core while reading source: 53400, 54000, 57014. */
extern void bm_read_check(BmStatus status, const BmReader *r);

#endif
