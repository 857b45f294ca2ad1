/*
 * space.h
 *		Where behav_tune looks: for each algorithm the values that its options may take.
 */
#ifndef BM_SPACE_H
#define BM_SPACE_H

#include "model/algorithm.h"
#include "utils/jsonb.h"

#define BM_MAX_DIMENSIONS 32

typedef struct BmDimension
{
	char *name;
	bool range, log,
		integer; /* range: any number between low and high, evenly, or so by logarithm */
	double low, high;
	int n;         /* else one of these, as JSON */
	char **choice; /* (n) */
} BmDimension;

typedef struct BmSpace
{
	int n;
	struct
	{
		const BmAlgorithm *algorithm;
		int n;
		BmDimension dimension[BM_MAX_DIMENSIONS];
	} of[32];
} BmSpace;

/*
 * From {"als": {"factors": [32, 64], "regularization": {"log": [0.001, 0.03]}}, "ease": {}}: arrays are
 * choices, {"range": [a, b]} and {"log": [a, b]} intervals, all else is fixed. An empty object stands for
 * the algorithm's default space; NULL for that of every algorithm of a default choice. Every corner
 * is checked: 22023, 42704.
 */
extern BmSpace *bm_space(Jsonb *json);
/* The setting of trial number `trial`: a function of space, seed and number alone. */
extern Jsonb *bm_space_draw(const BmSpace *space, uint64 seed, int trial,
							const BmAlgorithm **algorithm);

#endif
