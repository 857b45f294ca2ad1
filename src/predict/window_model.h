/*
 * window_model.h
 *		A user's live history on its way into a model of windows of events.
 *
 * What version.encoder has beside that of a model of rows: "events": {"source": "shop", "task": "next_event",
 * "steps": 20, "options": {...}}.
 */
#ifndef BM_WINDOW_MODEL_H
#define BM_WINDOW_MODEL_H

#include "event/history.h"
#include "predict/row_model.h"

struct BmWindowModel
{
	char *source_name;
	BmSource *source;
	BmHistoryReader *reader;
	bool will;   /* the last row is the moment that is asked about */
	bool pooled; /* the predictor takes rows */
	size_t steps;
	/* the window of the last call */
	BmSamples window; /* as the encoder made it */
	BmPastEvent *event;
	size_t nevents, first; /* its events are [first, nevents) */
	size_t end;
	uint32_t length;
};

/* Of the member "events", or NULL: the model is one of rows. */
extern struct BmWindowModel *bm_window_model(BmRowModel *m, BmModel *model);
/*
 * The window of a user whose key is argument i (an integer, a text, a uuid, or an object with "user_id"
 * and "at"), into m->samples. at: the moment asked about, unless the object says another. False: the user has no event
 * before it.
 */
extern bool bm_window_read(BmRowModel *m, FunctionCallInfo fcinfo, int i, int64 at);

#endif
