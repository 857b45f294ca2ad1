/*
 * funnel.h
 *		How many steps of a funnel one user did: exact, in one pass over events in order of time.
 *
 * A chain is events of steps 1, 2, ..., j at times that do not fall, the last at most `within` after
 * the first, each at most its step's gap after the one before. The level is the largest j that any
 * chain reaches. Events of one time count in whatever order serves the chain best.
 */
#ifndef BM_FUNNEL_H
#define BM_FUNNEL_H

#include "core/num/status.h"

#define BM_MAX_STEPS 64 /* steps and exclusions together: the bits of a word */
/* The largest window: differences of any two timestamps and "never" stay above it. */
#define BM_MAX_WITHIN INT64_C(8000000000000000000)

/* Modes; see doc/funnel.md. ONCE may be combined with any but ANY, INCREASE too. */
#define BM_FUNNEL_INCREASE 1 /* each step strictly later than the one before */
#define BM_FUNNEL_ONCE 2     /* an event does at most one step of a chain */
#define BM_FUNNEL_ORDER 4    /* an event that is not the next step (or one done) ends the scan */
#define BM_FUNNEL_DEDUP 8    /* a repeat of a step done, other than step 1, ends the scan */
#define BM_FUNNEL_REENTRY 16 /* with ORDER: a step that comes too early is left out instead */
#define BM_FUNNEL_ANY 32     /* steps in any order: the most different ones inside one window */

/* A condition that must not come true after step from and before step to (or with it). */
typedef struct BmFunnelExclusion
{
	uint8_t from, to; /* 1 <= from < to <= steps */
	bool drop_user;   /* else only the chain ends there */
} BmFunnelExclusion;

typedef struct BmFunnel
{
	int steps;          /* 1..64 */
	unsigned modes;     /* BM_FUNNEL_* */
	int64_t within;     /* microseconds, 1..BM_MAX_WITHIN */
	const int64_t *gap; /* (steps) the most from the step before; gap[0] unused; NULL: no limits */
	int nexclusions;    /* steps + nexclusions <= 64 */
	const BmFunnelExclusion *exclusion; /* (nexclusions) */
} BmFunnel;

/*
 * Conditions of an event as the second word of its entry: condition c (0-based; steps, then
 * exclusions) is true where bit 63 - c is CLEAR. So the order of entries takes events of one time
 * by their first step, and those that match nothing last.
 */
#define BM_FUNNEL_NOTHING UINT64_MAX
static inline uint64_t
bmc_funnel_bit(int condition)
{
	return (UINT64_C(1) << 63) >> condition;
}

/* NULL, or what is wrong with a definition: a sentence. */
extern const char *bmc_funnel_wrong(const BmFunnel *f);
/* Must events that match no condition be kept? */
static inline bool
bmc_funnel_needs_all(const BmFunnel *f)
{
	return (f->modes & BM_FUNNEL_ORDER) != 0;
}

/* Bytes of scratch, 8-byte aligned; 0 is possible. */
extern size_t bmc_funnel_scratch(const BmFunnel *f, bool times);
/*
 * The level of one user whose n entries (time, word) are in order; -1 when an exclusion drops the
 * user. times (steps), or NULL: when each step of the deepest chain was done; of several deepest
 * chains the one that ends first, of those the one that begins last; entries from level on are left
 * alone (with ANY: INT64_MIN for a step that is not in the window). BM_OK, BM_ESTOP.
 */
extern BmStatus bmc_funnel(int *level, int64_t *times, const BmFunnel *f, const uint64_t *entries,
						   size_t n, void *scratch, const BmStop *stop);

#endif
