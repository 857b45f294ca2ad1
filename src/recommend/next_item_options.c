/*
 * next_item_options.c
 *		How the defaults and the cost of sequence networks follow the data's size.
 */
#include "pg/pg.h"

#include "recommend/next_item_options.h"

/* The softmax runs over all items up to this catalogue, over shared negatives above. */
#define FULL_SOFTMAX_ITEMS 5000
#define USUAL_NEGATIVES 512
/* Users with more events than this, on average, have long histories. */
#define LONG_HISTORY 20.0

static double
events_of_user(const BmFitSize *size)
{
	return (double) size->nevents / Max((double) size->nusers, 1.0);
}

bool
bm_next_long_history(const BmFitSize *size)
{
	return events_of_user(size) > LONG_HISTORY;
}

void
bm_next_settle(void *options, const BmFitSize *size)
{
	BmNextOptions *o = options;
	bool long_history = bm_next_long_history(size);

	if (o->length == 0)
		o->length = events_of_user(size) > 2 * LONG_HISTORY ? 200 : 50;
	if (o->batch == 0)
		o->batch = long_history ? 32 : 128;
	if (o->dropout < 0)
		o->dropout = long_history ? 0.2 : 0.5;
	if (o->negatives < 0)
		o->negatives =
			size->nitems > FULL_SOFTMAX_ITEMS || o->loss == BM_LOSS_BPR_MAX ? USUAL_NEGATIVES : 0;
}

double
bm_next_work(const BmFitSize *size, const BmNextOptions *o, double event)
{
	double targets = o->negatives > 0 ? o->negatives : (double) size->nitems;
	double events = Min((double) size->nevents, (double) size->nusers * o->length);

	return (6.0 * o->dim * targets + event) * events *
		   Min((double) o->epochs, BM_NEXT_USUAL_EPOCHS);
}
