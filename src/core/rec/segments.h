/*
 * segments.h
 *		What is popular in each segment: the answer to somebody of whom only the segment is known.
 */
#ifndef BM_SEGMENTS_H
#define BM_SEGMENTS_H

#include "core/num/mem.h"
#include "core/num/recommender.h"

/* Items kept of a segment. Beyond them the whole shop's popularity goes on. */
#define BM_SEGMENT_TOP 200

/*
 * item, score (nsegments, BM_SEGMENT_TOP): of each segment the items with the largest sum over its events of
 * weight * 2^-(age / half_life), best first, BM_NONE and 0 where it has no more. segment (events) of the
 * log's events, BM_NONE for none; half_life in microseconds, <= 0: no decay; age before the newest event.
 */
extern BmStatus bmc_segments(uint32_t *item, float *score, const BmSequences *data,
							 const uint32_t *segment, size_t nsegments, double half_life,
							 BmMem *mem, const BmStop *stop);
/*
 * scores (nitems): the segment's items first, in their order, then everything else in the order of
 * popularity (nitems, >= 0), which is scaled to lie below the segment's least score.
 */
extern void bmc_segment_scores(float *scores, const uint32_t *item, const float *score,
							   const float *popularity, size_t nitems);

#endif
