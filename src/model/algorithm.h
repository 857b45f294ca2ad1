/*
 * algorithm.h
 *		The algorithm table: one entry per algorithm, listed once in behavmine.c.
 *
 * Training, evaluation and serving reach an algorithm only through its entry here.
 */
#ifndef BM_ALGORITHM_H
#define BM_ALGORITHM_H

#include "core/num/recommender.h"
#include "pg/options.h"

typedef struct BmAlgorithm
{
	const char *name;
	const char *task;          /* "recommend" */
	const char *summary;       /* one sentence */
	const BmRecommender *core; /* NULL for a blend, whose parts have their own entries */
	const BmOptionSpec *options;
	/* Settings tried on the validation part when the caller named none: JSON objects, NULL ends. */
	const char *const *grid;
	bool on_request; /* not among the candidates of a default choice: only when it is named */
	bool network;    /* fitted in epochs with early stopping; wants BLAS */
	/* Overwrite options that mean "by size" once the data is known (negatives, length). May be NULL. */
	void (*settle)(void *options, const BmFitSize *size);
	/* Rough floating-point operations of one fit, for estimates and for leaving out what would take
	 * hours. NULL: linear in the events. */
	double (*work)(const BmFitSize *size, const void *options);
} BmAlgorithm;

extern const BmAlgorithm *const bm_algorithms[]; /* NULL ends; defined in behavmine.c */

/* 42704 with the nearest name as the hint. */
extern const BmAlgorithm *bm_algorithm(const char *name);
extern const BmAlgorithm *bm_algorithm_or_null(const char *name);

#endif
