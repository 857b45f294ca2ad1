/*
 * history.h
 *		One user's newest events, read through the source's index, in the order of the log.
 */
#ifndef BM_EVENT_HISTORY_H
#define BM_EVENT_HISTORY_H

#include "event/log.h"

/* Newest events of a user that an answer looks at; older ones neither count nor exclude. */
#define BM_HISTORY_EVENTS 2000

/* An event as it stands in the source. */
typedef struct BmPastEvent
{
	int64 time;
	int64 key;                       /* item of an integer type */
	const char *text;                /* item of another type, else NULL */
	size_t len;                      /* of text */
	const char *event;               /* behaviour, or NULL when the source has none */
	const char *segment;             /* of the segment column, or NULL */
	const char *extra[BM_MAX_EXTRA]; /* of the source's extra columns, as text; NULL: none */
	float weight;                    /* of the behaviour */
	uint64 tie;
} BmPastEvent;

typedef struct BmHistoryReader BmHistoryReader;

/*
 * Prepare the query of a source; it lives until context is deleted. Rights are the caller's. segment: a
 * column to read along, or NULL.
 */
extern BmHistoryReader *bm_history_reader(BmSource *source, const char *segment,
										  MemoryContext context);
/* The user as the column's type; false when the type cannot hold the number. */
extern bool bm_history_user(const BmHistoryReader *reader, int64 key, const char *text, Datum *d);
/* Is the user's key an integer (key) or text (the type's input form)? */
extern bool bm_history_user_is_int(const BmHistoryReader *reader);
/*
 * The newest events of one user before a time (PG_INT64_MAX: all), oldest first, duplicates and impossible times left out as the
 * source says, into the current context. text is used when the source's user column is no integer.
 * An integer that the column's type cannot hold has no events.
 */
extern size_t bm_history_read(BmHistoryReader *reader, int64 key, const char *text, int64 before,
							  BmPastEvent **events);

#endif
