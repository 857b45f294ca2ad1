/*
 * window.h
 *		Events as rows of features: what a network sees of one event of a user's window, the same in
 *		training and in an answer.
 *
 * The columns are fixed ones, then the source's value and attributes. All but the first two are functions
 * of the event and of at most BM_WINDOW_BACK events of the user before it, so an answer that reads the newest events
 * makes the rows that the training made.
 */
#ifndef BM_EVENT_WINDOW_H
#define BM_EVENT_WINDOW_H

#include "event/encode.h"
#include "event/log.h"

#define BM_WINDOW_BACK 50   /* events looked back at for session position and repeats */
#define BM_WINDOW_STEPS 500 /* most events of a window */

enum
{
	BM_WINDOW_EVENT,    /* the behaviour */
	BM_WINDOW_ITEM,     /* the item's key */
	BM_WINDOW_GAP,      /* log(1 + seconds since the event before) */
	BM_WINDOW_POSITION, /* events of the session before it, at most BM_WINDOW_BACK */
	BM_WINDOW_SEEN,     /* of the BM_WINDOW_BACK events before it: those with the same item */
	BM_WINDOW_TIME,     /* wall clock of its time */
	BM_WINDOW_FIXED
};

/* The source's value and attributes, as far as they can be features, become columns that are read along. */
extern void bm_window_source(BmSource *source);
/* The columns of windows of a source, for an encoder; defaults below what options ask for. */
extern BmEncodePlan *bm_window_plan(const BmSource *source, const BmEncodeOptions *options);
/* The columns that a stored encoder asks for beyond the fixed ones, into source->extra. */
extern void bm_window_extra(BmSource *source, const BmTableEncoder *encoder);

/* The numbers of one event. */
typedef struct BmMoment
{
	double gap, position, seen; /* gap: NaN for a user's first event */
} BmMoment;

/*
 * Of event i of one user whose events are time (i) and item (i), hashes of keys; at and now_item are its own
 * time and item. 0: it has no item.
 */
extern BmMoment bm_window_moment(const int64_t *time, const uint64_t *item, size_t i, int64 at,
								 uint64_t now_item, int64 session_gap);

#endif
