/*
 * split.h
 *		Cutting an event log into what a fit may see and what it is measured on.
 */
#ifndef BM_SPLIT_H
#define BM_SPLIT_H

#include "event/log.h"
#include "train/options.h"

typedef struct BmSplit
{
	BmSplitKind kind;
	int64 valid_from, test_from; /* time split: microseconds as in BmLog */
	uint32_t *use;               /* (users) events of a user before the validation part */
	uint32_t *support;           /* (items) events in the training part */
	size_t nevents;              /* in the training part */
	BmSequences data;            /* the log; data.use = use: what a fit gets */
	BmSequences all;             /* the log with nothing hidden: what a refit gets */
	BmCases valid, test;
	size_t valid_repeats, test_repeats; /* targets left out because exclude forbids them */
	char protocol[200];                 /* in words */
} BmSplit;

/* In mem, for the log's life. 22000 when a part has no case, with the numbers and what to do. */
extern BmSplit *bm_split(const BmLog *log, const BmTrainOptions *options, BmMem *mem, uint64 seed);
/*
 * Everything before `from` is fitted on, what follows is tested; nothing validates. Nothing is raised where
 * there is no case.
 */
extern BmSplit *bm_split_from(const BmLog *log, const BmTrainOptions *options, int64 from,
							  BmMem *mem, uint64 seed);
/* Items without an event in the training part, ascending, in the current context. */
extern const uint32_t *bm_split_cold(const BmSplit *split, size_t *n);
/* Cases from the events in [from, to) of every user; pieces of the above for behav_evaluate. */
extern void bm_cases_between(BmCases *cases, size_t *repeats, const BmLog *log,
							 const BmSequences *all, int64 from, int64 to,
							 const BmTrainOptions *options, BmMem *mem, uint64 seed);
extern BmFitSize bm_fit_size(const BmSequences *data, int threads);

#endif
