/*
 * update.h
 *		behav_update: what a deployed version does not know yet, folded in.
 */
#ifndef BM_UPDATE_H
#define BM_UPDATE_H

#include "train/train.h"

typedef struct BmUpdateOptions
{
	double newest; /* share of the new events, the newest, on which both versions are compared */
	int epochs;    /* of what goes on from its weights; 0: a twentieth of those of its training */
} BmUpdateOptions;

typedef struct BmUpdate
{
	BmUpdateOptions options;
	BmVersion *old;       /* row of the deployed version */
	Jsonb *training;      /* options of training, those of the old version's included */
	Jsonb *popular;       /* settings of its popularity, or NULL */
	int trained;          /* epochs of the training that all updates go back to */
	size_t events, items; /* new ones */
	uint32_t *item;       /* (items of the log) the old version's code, or BM_NONE */
	double old_value;     /* NDCG@k of the old version on the newest slice; NaN: not compared */
	size_t cases;         /* in that slice */
} BmUpdate;

extern const BmOptionSpec bm_update_spec[];

/* Look at the deployed version; called by bm_training_begin, before the options are parsed. */
extern void bm_update_begin(BmTraining *t);
/* Fit all parts on what is older than the newest slice, compare on it; then t->choice is filled. */
extern void bm_update_choose(BmTraining *t);
/* Weights of part i of the choice to go on from, or NULL: it counts anew. */
extern const BmFitStart *bm_update_start(const BmTraining *t, BmFitStart *start, const BmFitted *f);
/* Are there new events at all? Known after bm_update_choose. */
static inline bool
bm_update_is_empty(const BmTraining *t)
{
	return t->update && t->update->events == 0;
}
/* {"training": ...}: what an update of this version has to know. */
extern Jsonb *bm_update_encoder(const BmTraining *t);

#endif
