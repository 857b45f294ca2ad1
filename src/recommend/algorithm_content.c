/*
 * algorithm_content.c
 *		The entry of "content": options, grid, cost.
 */
#include "pg/pg.h"

#include "core/rec/content.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmContentOptions, field)

static const BmOptionSpec options[] = {
	{"gamma", BM_OPT_FLOAT, AT(gamma), "0.8", 0, 1, NULL,
	 "Each older event of the history counts by this factor less."},
	{"top", BM_OPT_INT, AT(top), "300", 0, 1000000, NULL,
	 "Most similar items kept of an item; 0 keeps all."},
	{"last", BM_OPT_INT, AT(last), "50", 1, 100000, NULL, "Newest events of a history that count."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {"{\"gamma\": 0.8}", "{\"gamma\": 0.95}", "{\"gamma\": 0.5}",
								   NULL};

/* Terms are few and shared by many: a hundredth of all pairs of items, a dozen terms each. */
static double
work(const BmFitSize *size, const void *options)
{
	return 2.0 * (double) size->nitems * (double) size->nitems;
}

const BmAlgorithm bm_algorithm_content = {
	.name = "content",
	.task = "recommend",
	.summary = "Items that are like those of the history by what the table of items says of them; "
			   "knows items without events.",
	.core = &bmc_content,
	.options = options,
	.grid = grid,
	.on_request = true,
	.work = work,
};
