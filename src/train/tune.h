/*
 * tune.h
 *		behav_tune: trials of settings, one row each, that a killed run goes on with.
 */
#ifndef BM_TUNE_H
#define BM_TUNE_H

#include "train/space.h"
#include "train/train.h"

#define BM_TUNE_RUNGS 3

typedef enum BmTrialStatus
{
	BM_TRIAL_OPEN = 0,
	BM_TRIAL_DONE,
	BM_TRIAL_FAILED,  /* the message says why */
	BM_TRIAL_LEFT_OUT /* would need too much memory or time */
} BmTrialStatus;

typedef struct BmTrialResult
{
	BmTrialStatus status;
	double value, recall; /* NDCG@k, recall@k on validation */
	double seconds, answer_ms;
	size_t memory;
	char *message;
} BmTrialResult;

typedef struct BmTrial
{
	const BmAlgorithm *algorithm;
	Jsonb *options;
	bool baseline; /* always fitted in full, at its defaults */
	BmTrialResult
		result[BM_TUNE_RUNGS]; /* the last rung is the full budget; random search has it alone */
} BmTrial;

typedef struct BmTune
{
	Jsonb *request; /* what makes two calls the same search */
	bool halving;
	int ntrials; /* baselines included; numbered from 1 in this order */
	BmTrial *trial;
	int study; /* of this model */
	int best;  /* index of the chosen one, after bm_tune_settle */
	int next, rung;
} BmTune;

/* From bm_training_begin: space, trials and method of the request. */
extern void bm_tune_begin(BmTraining *t, const BmRequest *request);
/* What an unfinished earlier call left; before the events are read, needs a snapshot. */
extern void bm_tune_resume(BmTraining *t);
/* Is there a trial to fit? Then bm_tune_fit (touches no table) and bm_tune_record (needs a snapshot). */
extern bool bm_tune_pending(BmTraining *t);
extern void bm_tune_fit(BmTraining *t);
extern void bm_tune_record(BmTraining *t);
/* Turn the request into a training of the best one; after its version is saved, mark the row. */
extern void bm_tune_settle(BmTraining *t);
extern void bm_tune_mark(BmTraining *t);
/* The request's part of a job's arguments: ,"tune":{...}. */
extern void bm_tune_request_json(StringInfo s, const BmTune *tune);

#endif
