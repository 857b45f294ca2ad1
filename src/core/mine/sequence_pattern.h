/*
 * sequence_pattern.h
 *		Event sequence patterns in ClickHouse's grammar, compiled for the kernels of sequence_match.h.
 *
 *		(?N)         an event of condition N, from 1
 *		.            one event, whatever its conditions
 *		.*           any number of events, also none
 *		(?t op s)    op is > >= < <= == or =; s seconds, up to six decimals, since the event before
 *
 * Blanks between elements mean nothing. What stands between two events makes one gap: nothing means
 * that the second follows the first directly; a time bound lets any events lie between, as .* does;
 * several bounds hold together. A gap at the end that may be empty matches nothing; one that may not
 * asks for one more event, which is no part of the match.
 */
#ifndef BM_SEQUENCE_PATTERN_H
#define BM_SEQUENCE_PATTERN_H

#include "core/mine/pattern_error.h"

#define BM_MAX_CONDITIONS 64
#define BM_MAX_ELEMENTS 64          /* events of one pattern: one bit each */
#define BM_MAX_SECONDS 100000000000 /* in a bound: 3,000 years */

/*
 * The conditions of an event as the second word of its entry: all ones, without the bit of each
 * condition that holds. Of two events at one time, the one that holds the condition of the lowest
 * number where they differ is sorted before the other.
 */
#define BM_NO_CONDITION UINT64_MAX

static inline uint64_t
bmc_condition_bit(int condition)
{
	return (UINT64_C(1) << 63) >> condition;
}

/* Element j is bit j of the sets; its gap is the one before it. Element 0 has none. */
typedef struct BmSequencePattern
{
	int n;                              /* elements */
	bool peek;                          /* the last one is asked for, but no part of the match */
	uint64_t within;                    /* microseconds, first to last event; UINT64_MAX: any */
	uint64_t any;                       /* elements that take every event */
	uint64_t adjacent;                  /* follow the event before directly */
	uint64_t open;                      /* a gap without bounds */
	uint64_t bounded;                   /* a gap with an upper bound only */
	uint64_t delayed;                   /* a gap with a lower bound above 0 */
	uint64_t uses[BM_MAX_CONDITIONS];   /* elements by bit number of their condition */
	uint64_t least[BM_MAX_ELEMENTS];    /* microseconds of the gap, at least */
	uint64_t most[BM_MAX_ELEMENTS];     /* at most; UINT64_MAX: any */
	uint8_t condition[BM_MAX_ELEMENTS]; /* 0-based; of an element in any: 255 */
} BmSequencePattern;

/* Compile text (len bytes) over conditions 1..nconditions. BM_OK, or BM_EINVAL and *error. */
extern BmStatus bmc_sequence_parse(BmSequencePattern *p, const char *text, size_t len,
								   int nconditions, BmPatternError *error);

#endif
