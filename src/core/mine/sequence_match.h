/*
 * sequence_match.h
 *		Does an event sequence contain a pattern, how often, and where: exact, O(events * elements) at
 *		most, without backtracking.
 *
 * Events are entries (time, conditions) of two words in the order of entries.h; the second word as
 * sequence_pattern.h has it. Events of no condition are passed over, as if they were not
 * there. A match is one event for each element, each later than the one before in that order.
 */
#ifndef BM_SEQUENCE_MATCH_H
#define BM_SEQUENCE_MATCH_H

#include "core/mine/sequence_pattern.h"
#include "core/num/mem.h"

/* The event of a chain with which its match ends. */
static inline size_t
bmc_sequence_last(const BmSequencePattern *p, const size_t *chain)
{
	return chain[p->n - 1 - (p->peek ? 1 : 0)];
}

/*
 * Matches that do not overlap: the one that ends first, then the search goes on behind its end; no
 * more than limit of them are looked for (1: is there one?). Memory is needed for lower bounds only.
 * BM_OK, BM_ENOMEM, BM_ESTOP.
 */
extern BmStatus bmc_sequence_count(uint64_t *count, const BmSequencePattern *p,
								   const uint64_t *events, size_t n, uint64_t limit, BmMem *mem,
								   const BmStop *stop);
/*
 * The first of those matches at or after event from: chain (p->n) gets its events, every one of them
 * the earliest that any match has at that element. *found says whether there is one; *next is where
 * a search for the next one begins: behind the match, at the event that was only asked for if there
 * is one. 8 bytes an event between its first and last one.
 */
extern BmStatus bmc_sequence_find(size_t *chain, bool *found, size_t *next,
								  const BmSequencePattern *p, const uint64_t *events, size_t n,
								  size_t from, BmMem *mem, const BmStop *stop);

#endif
