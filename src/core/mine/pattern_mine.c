/*
 * pattern_mine.c
 *		Which miner and which filter answer a request, and the search for the k best.
 *
 * Top k: a heap of the k best so far raises the support that a pattern needs (TKS, Fournier-Viger
 * et al. 2013), and of equal support the length, then the ids, for an extension of a pattern is never
 * more frequent and always longer. Two things keep the search short while the heap is not full:
 *
 * Depth first alone would follow the first item into the longest patterns, so the search is repeated
 * with a limit on the length that doubles. Each round begins with the bound of the one before.
 *
 * Where patterns are passed through that do not count (not closed, too short, without an item of
 * include), those of low support may be endless before the heap is full: the least support begins at
 * the most frequent item's and is halved until k are found.
 */
#include "core/mine/pattern.h"

/* Patterns of sink->kind into sink->out, up to sink->deepest. */
static BmStatus
search(BmPatternSink *sink, const BmPatternDb *db, BmMem *mem, const BmStop *stop)
{
	if (db->element || bmc_pattern_limited(&sink->options->limits))
		return bmc_gapped(sink, db, mem, stop);
	return bmc_prefixspan(sink, db, mem, stop);
}

/*
 * The best of a search down to least, if there are so many. Each round goes twice as deep as the one
 * before, and begins with the bound that it has reached.
 */
static BmStatus
deepen(BmPatternSink *sink, const BmPatternDb *db, const BmMineOptions *o, uint32_t least,
	   BmMem *mem, const BmStop *stop)
{
	uint32_t deepest = o->min_length > 2 ? o->min_length : 2;

	sink->min_support = least;
	sink->longest = UINT32_MAX;
	for (;;)
	{
		BmStatus status;

		bmc_patterns_free(sink->out);
		sink->live = 0;
		sink->cut = false;
		sink->deepest = deepest < o->max_length ? deepest : o->max_length;
		status = search(sink, db, mem, stop);
		if (status != BM_OK || !sink->cut || sink->deepest == o->max_length)
			return status;
		deepest = deepest > UINT32_MAX / 2 ? UINT32_MAX : 2 * deepest;
	}
}

/* The best k of kind; min_support becomes the support that the search ended with. */
static BmStatus
search_top(BmPatterns *out, uint32_t *min_support, const BmPatternDb *db, const BmMineOptions *o,
		   BmPatternKind kind, size_t k, BmMem *mem, const BmStop *stop)
{
	bool every = kind == BM_PATTERNS_ALL && o->min_length <= 1 && o->ninclude == 0;
	uint32_t least = every || db->nitems == 0 ? o->min_support : db->support[0];
	BmPatternSink sink;
	BmStatus status;

	bmc_sink_init(&sink, out, o);
	sink.kind = kind;
	sink.top = k;
	for (;;)
	{
		least = least > o->min_support ? least : o->min_support;
		status = deepen(&sink, db, o, least, mem, stop);
		*min_support = sink.min_support;
		if (status != BM_OK || out->n == k || least == o->min_support)
			return status;
		least = (least + 1) / 2;
	}
}

/* All patterns of at least min_support, then those that the filter leaves, then the others' filters. */
static BmStatus
search_and_filter(BmPatterns *out, uint32_t min_support, const BmPatternDb *db,
				  const BmMineOptions *o, BmMem *mem, const BmStop *stop)
{
	BmMineOptions all = *o;
	BmPatternSink sink, rest;
	BmPatterns kept;
	BmStatus status;

	all.min_length = 0;
	all.ninclude = 0;
	bmc_patterns_free(out);
	bmc_sink_init(&sink, out, &all);
	sink.kind = BM_PATTERNS_ALL;
	sink.top = 0;
	sink.min_support = min_support;
	status = search(&sink, db, mem, stop);
	if (status == BM_OK)
		status = bmc_patterns_filter(out, o->kind, &o->limits, mem, stop);
	if (status != BM_OK)
		return status;
	bmc_patterns_init(&kept, mem);
	bmc_sink_init(&rest, &kept, o);
	for (size_t i = 0; i < out->n && status == BM_OK; i++)
		status = bmc_sink_put(&rest, out->token + out->pattern[i].at, out->pattern[i].length,
							  out->pattern[i].support);
	bmc_patterns_free(out);
	*out = kept;
	return status;
}

/*
 * The best k closed patterns where BIDE is not valid. Whether a pattern is closed depends only on
 * patterns of its own support: all patterns down to a support suffice, and it is lowered, by asking
 * for more of them, until enough are closed.
 */
static BmStatus
search_top_closed(BmPatterns *out, const BmPatternDb *db, const BmMineOptions *o, BmMem *mem,
				  const BmStop *stop)
{
	BmStatus status;
	uint32_t min_support;

	for (size_t k = o->top;; k = k > SIZE_MAX / 4 ? SIZE_MAX : 4 * k)
	{
		status = search_top(out, &min_support, db, o, BM_PATTERNS_ALL, k, mem, stop);
		if (status == BM_OK)
			status = search_and_filter(out, min_support, db, o, mem, stop);
		if (status != BM_OK || out->n >= o->top || min_support == o->min_support)
			return status;
	}
}

/* See pattern.h. */
BmStatus
bmc_patterns_mine(BmPatterns *out, const BmPatternDb *db, const BmMineOptions *options, BmMem *mem,
				  const BmStop *stop)
{
	bool direct = options->kind == BM_PATTERNS_ALL ||
				  (options->kind == BM_PATTERNS_CLOSED && !db->element &&
				   options->max_length == UINT32_MAX && !bmc_pattern_limited(&options->limits));
	BmPatternSink sink;
	BmStatus status;
	uint32_t least;

	if (direct && options->top > 0)
		status = search_top(out, &least, db, options, options->kind, options->top, mem, stop);
	else if (direct)
	{
		bmc_sink_init(&sink, out, options);
		status = search(&sink, db, mem, stop);
	}
	else if (options->kind == BM_PATTERNS_CLOSED && options->top > 0)
		status = search_top_closed(out, db, options, mem, stop);
	else
		status = search_and_filter(out, options->min_support, db, options, mem, stop);
	if (status == BM_OK)
		status = bmc_patterns_sort(out, stop);
	return status;
}
