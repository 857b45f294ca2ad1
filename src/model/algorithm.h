/*
 * algorithm.h
 *		The algorithm table: one entry per algorithm, listed once in behavmine.c.
 *
 * Training, evaluation and serving reach an algorithm only through its entry here.
 */
#ifndef BM_ALGORITHM_H
#define BM_ALGORITHM_H

#include "core/num/predictor.h"
#include "core/num/recommender.h"
#include "pg/options.h"

/* How a predictor takes windows of events. */
typedef enum BmTakesWindows
{
	BM_WINDOWS_POOLED = 0, /* as one row: see pooled.h */
	BM_WINDOWS_TOO,        /* as they are */
	BM_WINDOWS_ONLY        /* and nothing else */
} BmTakesWindows;

typedef struct BmAlgorithm
{
	const char *name;
	const char *task;    /* "recommend": from users' events; "predict": from rows */
	const char *summary; /* one sentence */
	const BmRecommender
		*core; /* NULL for a blend, whose parts have their own entries, and of rows */
	const BmPredictor *predictor; /* of task "predict", else NULL */
	bool classifies, regresses;   /* of a predictor: what its target can be */
	BmTakesWindows windows;
	const BmOptionSpec *options;
	/* Settings tried on the validation part when the caller named none: JSON objects, NULL ends. */
	const char *const *grid;
	/* Where behav_tune looks when nothing is said (train/space.h); NULL: between the extremes of grid. */
	const char *space;
	bool on_request; /* not among the candidates of a default choice: only when it is named */
	bool network;    /* fitted in epochs with early stopping; wants BLAS */
	bool staged;     /* no network, but grows in epochs and stops early like one (boosting) */
	/* Overwrite options that mean "by size" once the data is known (negatives, length). May be NULL. */
	void (*settle)(void *options, const BmFitSize *size);
	/* Rough floating-point operations of one fit, for estimates and for leaving out what would take
	 * hours. NULL: linear in the events. */
	double (*work)(const BmFitSize *size, const void *options);
	/* Why it cannot be fitted here ("libxgboost.so is not installed ..."), or NULL. May be NULL. */
	const char *(*unavailable)(void);
} BmAlgorithm;

/* How an algorithm is fitted, whatever it answers: what recommender.h and predictor.h have in common. */
typedef struct BmFitter
{
	size_t options_size, bound_size;
	size_t (*fit_bytes)(const BmFitSize *size, const void *options);
	BmStatus (*fit_begin)(BmFit *fit);
	BmStatus (*fit_step)(BmFit *fit);
	BmStatus (*fit_tensors)(BmFit *fit, const char *prefix, BmTensors *out);
	void (*fit_end)(BmFit *fit);
} BmFitter;

/* Of an algorithm that is no blend. */
extern BmFitter bm_fitter(const BmAlgorithm *algorithm);

extern const BmAlgorithm *const bm_algorithms[]; /* NULL ends; defined in behavmine.c */

/* 42704 with the nearest name as the hint. */
extern const BmAlgorithm *bm_algorithm(const char *name);
extern const BmAlgorithm *bm_algorithm_or_null(const char *name);

/* A blend: its parts have their own entries. */
static inline bool
bm_is_blend(const BmAlgorithm *algorithm)
{
	return algorithm->core == NULL && algorithm->predictor == NULL;
}

#endif
