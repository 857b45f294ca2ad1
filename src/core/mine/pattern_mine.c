/*
 * pattern_mine.c
 *		Which miner and which filter answer a request, and the search for the k best.
 *
 * Top k: a heap of the k best so far raises the support that a pattern needs (TKS, Fournier-Viger
 * et al. 2013). Depth first alone would follow the first item into the longest patterns while
 * the heap is still half empty, so the search is repeated with a limit on the length that doubles;
 * each round begins with the support that the one before has reached, and nearly all of the work is
 * in the last one.
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

/* The best k of kind; min_support becomes the support that the search ended with. */
static BmStatus
search_top(BmPatterns *out, uint32_t *min_support, const BmPatternDb *db, const BmMineOptions *o,
		   BmPatternKind kind, size_t k, BmMem *mem, const BmStop *stop)
{
	BmPatternSink sink;
	BmStatus status;

	*min_support = o->min_support;
	for (uint32_t deepest = 2;; deepest = deepest > UINT32_MAX / 2 ? UINT32_MAX : 2 * deepest)
	{
		bmc_patterns_free(out);
		bmc_sink_init(&sink, out, o);
		sink.kind = kind;
		sink.top = k;
		sink.min_support = *min_support;
		sink.deepest = deepest < o->max_length ? deepest : o->max_length;
		status = search(&sink, db, mem, stop);
		*min_support = sink.min_support;
		if (status != BM_OK || !sink.cut || sink.deepest == o->max_length)
			return status;
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
