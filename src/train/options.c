/*
 * options.c
 *		The option table shared by training, comparison and evaluation.
 */
#include "pg/pg.h"
#include "train/options.h"

#define AT(field) offsetof(BmTrainOptions, field)

const BmOptionSpec bm_train_option_spec[] = {
	{"split", BM_OPT_ENUM, AT(split), "time", 0, 0, "time|leave_last_out",
	 "How test data are held out: by a global time split, or each user's last event as in papers."},
	{"valid_share", BM_OPT_FLOAT, AT(valid_share), "0.1", 0.01, 0.45, NULL,
	 "Share of the events, by time, on which settings and epochs are chosen."},
	{"test_share", BM_OPT_FLOAT, AT(test_share), "0.1", 0.01, 0.45, NULL,
	 "Share of the events, the newest, on which the reported quality is measured."},
	{"targets_per_user", BM_OPT_INT, AT(targets_per_user), "10", 1, 1000, NULL,
	 "At most so many events of one user are predicted in each held-out part of a time split."},
	{"max_cases", BM_OPT_INT, AT(max_cases), "25000", 10, 10000000, NULL,
	 "At most so many events are predicted in each held-out part, taken evenly."},
	{"k", BM_OPT_INT, AT(k), "10", 1, 1000, NULL, "Cut-off of the metrics: recall@k, NDCG@k."},
	{"exclude", BM_OPT_ENUM, AT(exclude), "seen", 0, 0, "nothing|seen|purchased",
	 "Which items of a history are taken out of the ranking when quality is measured."},
	{"sampled", BM_OPT_INT, AT(sampled), "0", 0, 100000, NULL,
	 "Rank against so many random unseen items instead of all; only to compare with papers."},
	BM_COMMON_OPTIONS,
	{"since", BM_OPT_TEXT, AT(since), NULL, 0, 0, NULL, "Only events from this time on are read."},
	{"until", BM_OPT_TEXT, AT(until), NULL, 0, 0, NULL, "Only events before this time are read."},
	{"content_columns", BM_OPT_JSON, AT(content_columns), NULL, 0, 0, NULL,
	 "Columns of the table of items that algorithm \"content\" compares, with their weights; null "
	 "means all that it can."},
	{"segment", BM_OPT_TEXT, AT(segment), NULL, 0, 0, NULL,
	 "Column of the events whose values are segments: what is popular in each answers users of "
	 "whom "
	 "no event is known."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};
