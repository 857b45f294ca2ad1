/*
 * options.h
 *		What behav_train, behav_compare and behav_evaluate take beside an algorithm's own options.
 */
#ifndef BM_TRAIN_OPTIONS_H
#define BM_TRAIN_OPTIONS_H

#include "core/rec/rank.h"
#include "pg/options.h"

typedef enum BmSplitKind
{
	BM_SPLIT_TIME = 0,      /* train before t1, validate t1 to t2, test after t2 */
	BM_SPLIT_LEAVE_LAST_OUT /* each user's last event is the test, the one before the validation */
} BmSplitKind;

typedef struct BmTrainOptions
{
	int split;            /* BmSplitKind */
	double valid_share;   /* of the events, by time */
	double test_share;    /* of the events, by time */
	int targets_per_user; /* at most so many targets a user in each part of a time split */
	int max_cases;        /* at most so many cases in each part */
	int k;                /* cut-off of the metrics */
	int exclude;          /* BmExclude */
	int sampled;          /* negatives; 0 = rank all items */
	bool refit;           /* fit the choice once more on everything before it is saved */
	bool tune;            /* try the algorithm's grid where the caller set none of its options */
	double max_seconds;   /* 0 = no bound */
	int patience;         /* epochs without a better validation before a network stops */
	int keep_versions;    /* undeployed versions that stay */
	Jsonb *candidates;    /* ["seq_rules","ease"]: what the default choice tries */
	char *since, *until;  /* only events in [since, until) */
	Jsonb *
		content_columns; /* what algorithm content looks at; NULL: all that it can (item_features.h) */
	char *segment;       /* column whose values are the segments of users without a history */
} BmTrainOptions;

#define BM_TRAIN_AT(field) offsetof(BmTrainOptions, field)

/* Entries of an option table: what the training of every kind of model takes. */
#define BM_COMMON_OPTIONS                                                                          \
	{"refit",                                                                                      \
	 BM_OPT_BOOL,                                                                                  \
	 BM_TRAIN_AT(refit),                                                                           \
	 "true",                                                                                       \
	 0,                                                                                            \
	 0,                                                                                            \
	 NULL,                                                                                         \
	 "Fit the chosen setting once more on all data before it is saved."},                          \
		{"tune",                                                                                   \
		 BM_OPT_BOOL,                                                                              \
		 BM_TRAIN_AT(tune),                                                                        \
		 "true",                                                                                   \
		 0,                                                                                        \
		 0,                                                                                        \
		 NULL,                                                                                     \
		 "Try the algorithm's grid of settings when none of its options is given."},               \
		{"max_seconds",                                                                            \
		 BM_OPT_FLOAT,                                                                             \
		 BM_TRAIN_AT(max_seconds),                                                                 \
		 "0",                                                                                      \
		 0,                                                                                        \
		 1e7,                                                                                      \
		 NULL,                                                                                     \
		 "Stop after so many seconds and keep the best so far; 0 means no bound."},                \
		{"patience",                                                                               \
		 BM_OPT_INT,                                                                               \
		 BM_TRAIN_AT(patience),                                                                    \
		 "10",                                                                                     \
		 1,                                                                                        \
		 10000,                                                                                    \
		 NULL,                                                                                     \
		 "A network stops after so many epochs without a better validation result."},              \
		{"keep_versions",                                                                          \
		 BM_OPT_INT,                                                                               \
		 BM_TRAIN_AT(keep_versions),                                                               \
		 "2",                                                                                      \
		 0,                                                                                        \
		 1000,                                                                                     \
		 NULL,                                                                                     \
		 "So many older versions that are not deployed stay in the tables."},                      \
	{                                                                                              \
		"candidates", BM_OPT_JSON, BM_TRAIN_AT(candidates), NULL, 0, 0, NULL,                      \
			"Array of algorithm names that the default choice tries; null means those that fit "   \
			"the size."                                                                            \
	}

extern const BmOptionSpec bm_train_option_spec[]; /* of recommenders */

#endif
