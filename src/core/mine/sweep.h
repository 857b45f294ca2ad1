/*
 * sweep.h
 *		Where the next element of a pattern can be, given all ends of what came before, under limits.
 *
 * With limits the first match is not enough (a a a b, nothing between a and b), so all end positions
 * of a prefix are kept, each with the latest start that leads to it. Both rise together, and so the
 * best predecessor of a position is the last end that keeps the minimal gap: if that one is too far
 * away, or started too early, all are.
 */
#ifndef BM_SWEEP_H
#define BM_SWEEP_H

#include "core/mine/pattern.h"

/* An end of a prefix in a sequence, and the latest start of an occurrence that ends there. */
typedef struct BmEnd
{
	uint32_t end, start; /* elements of the database */
} BmEnd;

typedef struct BmSweep
{
	const BmPatternDb *db;
	const BmPatternLimits *limits;
	const BmEnd *end; /* (n) ascending */
	size_t n, at;
	size_t next, stop; /* elements still to look at */
	bool limited;
} BmSweep;

static inline BmSweep
bmc_sweep(const BmPatternDb *db, const BmPatternLimits *limits, bool limited, size_t s,
		  const BmEnd *end, size_t n)
{
	return (BmSweep){db, limits, end, n, 0, (size_t) end[0].end + 1, db->start[s + 1], limited};
}

/* Elements left out between a and b, and time. */
static inline bool
bmc_gap_wide_enough(const BmPatternDb *db, const BmPatternLimits *l, size_t a, size_t b)
{
	return (int64_t) db->position[b] - db->position[a] - 1 >= l->min_gap &&
		   (!db->time || db->time[b] - db->time[a] >= l->min_interval);
}

static inline bool
bmc_gap_narrow_enough(const BmPatternDb *db, const BmPatternLimits *l, size_t a, size_t b)
{
	return (int64_t) db->position[b] - db->position[a] - 1 <= l->max_gap &&
		   (!db->time || db->time[b] - db->time[a] <= l->max_interval);
}

static inline bool
bmc_window_holds(const BmPatternDb *db, const BmPatternLimits *l, size_t first, size_t last)
{
	return (int64_t) db->position[last] - db->position[first] <= l->max_window &&
		   (!db->time || db->time[last] - db->time[first] <= l->max_duration);
}

/* The next element that can follow, with the latest start for it; false: no more. */
static inline bool
bmc_sweep_next(BmSweep *w, BmEnd *found)
{
	while (w->next < w->stop)
	{
		size_t x = w->next++;

		while (w->at + 1 < w->n && w->end[w->at + 1].end < x &&
			   (!w->limited || bmc_gap_wide_enough(w->db, w->limits, w->end[w->at + 1].end, x)))
			w->at++;
		*found = (BmEnd){(uint32_t) x, w->end[w->at].start};
		if (!w->limited)
			return true;
		if (!bmc_gap_wide_enough(w->db, w->limits, w->end[w->at].end, x))
			continue;
		if (!bmc_gap_narrow_enough(w->db, w->limits, w->end[w->at].end, x))
		{
			/* only a later end can reach what comes */
			if (w->at + 1 == w->n)
				return false;
			if (w->end[w->at + 1].end >= x)
				w->next = (size_t) w->end[w->at + 1].end + 1;
			continue;
		}
		if (bmc_window_holds(w->db, w->limits, found->start, x))
			return true;
		if (w->at + 1 == w->n)
			return false; /* the window only gets longer */
	}
	return false;
}

#endif
