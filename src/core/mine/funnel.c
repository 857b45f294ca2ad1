/*
 * funnel.c
 *		Funnel levels by the newest chain of each level.
 *
 * For every level only one chain is kept: the one whose first step is latest. At any moment a chain
 * that began later ends its window later and, by induction over the levels, has its last step no
 * earlier, so it can do whatever an older one can. Events of one time are one group, and what a
 * mode makes of a group is the whole difference between modes: steps ascending (one event, or
 * several of one time, may do several steps), descending (each step needs an earlier time), or a
 * matching of steps to different events. O(n k), O(k) memory; O(k) more for each time kept.
 */
#include "core/mine/funnel.h"

#include <string.h>

#define NEVER INT64_MIN /* the first step of no chain: further away than any window */
#define STOP_EVENTS 0x10000U

const char *
bmc_funnel_wrong(const BmFunnel *f)
{
	unsigned m = f->modes;

	if (f->steps < 1 || f->steps > BM_MAX_STEPS)
		return "A funnel has 1 to 64 steps.";
	if (f->nexclusions < 0 || f->nexclusions > BM_MAX_STEPS - f->steps)
		return "Steps and exclusions together are at most 64.";
	if (f->within < 1 || f->within > BM_MAX_WITHIN)
		return "The window must be longer than zero and shorter than 250,000 years.";
	if ((m & BM_FUNNEL_ANY) && (m != BM_FUNNEL_ANY || f->gap || f->nexclusions))
		return "Mode any_order stands alone: no other mode, gap or exclusion.";
	if ((m & BM_FUNNEL_REENTRY) && !(m & BM_FUNNEL_ORDER))
		return "Mode allow_reentry needs mode strict_order.";
	if (m >= 2 * BM_FUNNEL_ANY)
		return "There is no such mode.";
	for (int j = 1; f->gap && j < f->steps; j++)
		if (f->gap[j] < 0)
			return "A maximal gap is negative.";
	for (int x = 0; x < f->nexclusions; x++)
		if (f->exclusion[x].from < 1 || f->exclusion[x].from >= f->exclusion[x].to ||
			f->exclusion[x].to > f->steps)
			return "An exclusion lies between a step and a later one.";
	return NULL;
}

/* Is time b at most limit after time a <= b? NEVER is beyond every limit. */
static inline bool
reaches(int64_t a, int64_t b, int64_t limit)
{
	return (uint64_t) b - (uint64_t) a <= (uint64_t) limit;
}

/* The conditions true at time entries[0]; *i moves behind the group. */
static inline uint64_t
group_conditions(const uint64_t *entries, size_t *i, size_t n)
{
	uint64_t time = entries[2 * *i], none = entries[2 * *i + 1];

	for ((*i)++; *i < n && entries[2 * *i] == time; (*i)++)
		none &= entries[2 * *i + 1];
	return ~none;
}

/* ---- levels alone: neither gaps nor exclusions nor times ---- */

static inline int
deepest_level(const int64_t *start, int k)
{
	int level = 0;

	while (level < k && start[level + 1] != NEVER)
		level++;
	return level;
}

/*
 * start[j] = first step of the newest chain of level j; start[0] is the present time. Returns what is
 * to be start[j+1] once step j+1 (0-based j) is done at this time. Whether the window is still open
 * is a coin toss to a branch predictor, so there is no branch.
 */
static inline int64_t
after_step(const int64_t *start, int j, int64_t time, int64_t within)
{
	int64_t open = -(int64_t) reaches(start[j], time, within);

	return (start[j] & open) | (start[j + 1] & ~open);
}

/* All conditions true at the time of entry i, those of entries before it included. */
static uint64_t
whole_group(const uint64_t *entries, size_t i, size_t n)
{
	while (i > 0 && entries[2 * (i - 1)] == entries[2 * i])
		i--;
	return group_conditions(entries, &i, n);
}

/*
 * Levels where an event, or events of one time, may do several steps. Events of one time come in order
 * of their first step, so events of one condition each are taken one by one, without a look at the
 * next time. An event of several conditions takes its whole group again: nothing that was done is
 * undone by that.
 */
static BmStatus
levels_ascending(int *level, const BmFunnel *f, const uint64_t *entries, size_t n,
				 const BmStop *stop)
{
	int64_t start[BM_MAX_STEPS + 1], within = f->within;
	int k = f->steps;

	for (int j = 0; j <= k; j++)
		start[j] = NEVER;
	for (size_t i = 0; i < n && start[k] == NEVER;)
	{
		size_t pause = n - i > STOP_EVENTS ? i + STOP_EVENTS : n;

		if (i > 0 && bmc_stop(stop))
			return BM_ESTOP;
		for (; i < pause && start[k] == NEVER; i++)
		{
			int64_t time = (int64_t) entries[2 * i];
			uint64_t m = ~entries[2 * i + 1];

			start[0] = time;
			if (m & (m - 1))
				m = whole_group(entries, i, n);
			while (m)
			{
				int j = __builtin_clzll(m);

				start[j + 1] = after_step(start, j, time, within);
				m ^= bmc_funnel_bit(j);
			}
		}
	}
	*level = deepest_level(start, k);
	return BM_OK;
}

/* Levels where each step must be later than the one before: a group's steps are taken descending. */
static BmStatus
levels_descending(int *level, const BmFunnel *f, const uint64_t *entries, size_t n,
				  const BmStop *stop)
{
	int64_t start[BM_MAX_STEPS + 1], within = f->within;
	int k = f->steps;

	for (int j = 0; j <= k; j++)
		start[j] = NEVER;
	for (size_t i = 0; i < n && start[k] == NEVER;)
	{
		size_t pause = n - i > STOP_EVENTS ? i + STOP_EVENTS : n;

		if (i > 0 && bmc_stop(stop))
			return BM_ESTOP;
		while (i < pause && start[k] == NEVER)
		{
			int64_t time = (int64_t) entries[2 * i];
			uint64_t m = group_conditions(entries, &i, n);

			start[0] = time;
			for (; m; m &= m - 1)
			{
				int j = 63 - __builtin_ctzll(m);

				start[j + 1] = after_step(start, j, time, within);
			}
		}
	}
	*level = deepest_level(start, k);
	return BM_OK;
}

/* ---- everything else ---- */

typedef struct Scan
{
	const BmFunnel *f;
	uint64_t step_bits; /* of all steps */
	int64_t *start;     /* (k+1) first step of the newest chain of a level, or NEVER */
	int64_t *last;      /* (k+1) its last step */
	int64_t *done;      /* (k+1) newest attempt that ever did a level, excluded or not */
	int64_t *times;     /* (k+1,k) its steps; NULL when nobody asks */
	int64_t *best;      /* (k) steps of the deepest chain so far; with times */
	int level;          /* deepest so far */
	uint64_t *word;     /* (k*k) events of a group that matter to a matching */
	uint16_t *owner;    /* (k*k) the step that has the event, or 0 */
	uint16_t *event;    /* (k+1) the step's event + 1, or 0 */
	uint64_t *seen;     /* (k) visited events of one search are marked by it */
} Scan;

static inline bool
follows(const Scan *c, int j, int64_t time)
{
	const BmFunnel *f = c->f;

	if (j == 1)
		return true;
	return reaches(c->start[j - 1], time, f->within) &&
		   (f->gap == NULL || reaches(c->last[j - 1], time, f->gap[j - 1]));
}

/* Level j from the chain of level i < j by steps i+1..j all at this time. */
static void
set_level(Scan *c, int j, int i, int64_t time)
{
	int k = c->f->steps;

	c->start[j] = i == 0 ? time : c->start[i];
	c->last[j] = time;
	c->done[j] = c->start[j];
	if (c->times)
	{
		memcpy(c->times + j * k, c->times + i * k, (size_t) i * sizeof(int64_t));
		for (int step = i; step < j; step++)
			c->times[j * k + step] = time;
	}
	/* again at the same time: an event-by-event mode found a chain that begins later */
	if (c->times && (j > c->level || (j == c->level && c->best[j - 1] == time)))
		memcpy(c->best, c->times + j * k, (size_t) j * sizeof(int64_t));
	if (j > c->level)
		c->level = j;
}

static void
take_ascending(Scan *c, uint64_t m, int64_t time)
{
	for (; m; m ^= bmc_funnel_bit(__builtin_clzll(m)))
	{
		int j = __builtin_clzll(m) + 1;

		if (follows(c, j, time))
			set_level(c, j, j - 1, time);
	}
}

static void
take_descending(Scan *c, uint64_t m, int64_t time)
{
	for (; m; m &= m - 1)
	{
		int j = 64 - __builtin_ctzll(m);

		if (follows(c, j, time))
			set_level(c, j, j - 1, time);
	}
}

/* ---- one event, one step: matching steps to the events of one time ---- */

/*
 * Keep the events that can matter: at most k for each step. Where an event is left out, each of its
 * steps has k others, and k steps in all cannot use them up.
 */
static size_t
matching_events(Scan *c, const uint64_t *entries, size_t begin, size_t end)
{
	int k = c->f->steps;
	uint16_t kept[BM_MAX_STEPS] = {0};
	size_t n = 0;

	for (size_t i = begin; i < end; i++)
	{
		uint64_t m = ~entries[2 * i + 1] & c->step_bits;
		bool matters = false;

		for (uint64_t b = m; b; b ^= bmc_funnel_bit(__builtin_clzll(b)))
			matters |= kept[__builtin_clzll(b)] < k;
		if (!matters)
			continue;
		for (uint64_t b = m; b; b ^= bmc_funnel_bit(__builtin_clzll(b)))
			kept[__builtin_clzll(b)]++;
		c->word[n++] = m;
	}
	return n;
}

/* An augmenting path from step j (Kuhn 1955); seen marks events tried in this search. */
static bool
match_step(Scan *c, int j, size_t n)
{
	for (size_t e = 0; e < n; e++)
	{
		if (!(c->word[e] & bmc_funnel_bit(j - 1)) || (c->seen[e / 64] >> (e % 64) & 1))
			continue;
		c->seen[e / 64] |= UINT64_C(1) << (e % 64);
		if (c->owner[e] == 0 || match_step(c, c->owner[e], n))
		{
			c->owner[e] = (uint16_t) j;
			c->event[j] = (uint16_t) (e + 1);
			return true;
		}
	}
	return false;
}

/*
 * What a group gives when an event does one step only: for each j the least i so that steps i+1..j
 * can have an event each (found with two pointers, as leaving the first step out keeps a matching),
 * and from there the first level that j may follow.
 */
static void
take_once(Scan *c, const uint64_t *entries, size_t begin, size_t end, int64_t time)
{
	int k = c->f->steps, least[BM_MAX_STEPS + 1];
	size_t n = matching_events(c, entries, begin, end);

	memset(c->owner, 0, n * sizeof(*c->owner));
	for (int j = 1, i = 0; j <= k; j++)
	{
		for (; i < j; i++)
		{
			memset(c->seen, 0, (n + 63) / 64 * sizeof(*c->seen));
			if (match_step(c, j, n))
				break;
			if (i + 1 < j)
				c->owner[c->event[i + 1] - 1] = 0;
		}
		least[j] = i;
	}
	for (int j = k; j >= 1; j--)
		for (int i = least[j]; i < j; i++)
			if (i == 0 || follows(c, i + 1, time))
			{
				set_level(c, j, i, time);
				break;
			}
}

/* ---- modes that end the scan: event by event ---- */

/* May the scan go on after this event's conditions m? reached: deepest level before the event. */
static bool
event_allowed(const Scan *c, uint64_t m, int reached, bool *skip)
{
	unsigned modes = c->f->modes;
	/* steps 2..reached; steps 1..reached+1 */
	uint64_t done = reached > 0 ? ~UINT64_C(0) << (64 - reached) : 0;
	uint64_t next = reached < 64 ? done | bmc_funnel_bit(reached) : done;

	*skip = false;
	if ((modes & BM_FUNNEL_DEDUP) && (m & done & ~bmc_funnel_bit(0)))
		return false;
	if (!(modes & BM_FUNNEL_ORDER) || reached == 0 || (m & next))
		return true;
	*skip = (modes & BM_FUNNEL_REENTRY) && m;
	return *skip;
}

/* The deepest level that a group's accepted steps reach from levels before it. */
static int
reached_later(const Scan *c, uint64_t m, int reached, int64_t time)
{
	for (; m; m &= m - 1)
	{
		int j = 64 - __builtin_ctzll(m);

		if (j > reached && follows(c, j, time))
			return j;
	}
	return reached;
}

/* Events begin..end of one time in their order; false when one ends the scan. */
static bool
take_events(Scan *c, const uint64_t *entries, size_t begin, size_t end, int64_t time)
{
	unsigned modes = c->f->modes;
	uint64_t later = 0; /* INCREASE: steps that count once the whole group is seen */
	int reached = c->level;
	bool going = true, skip;

	for (size_t i = begin; i < end && going; i++)
	{
		uint64_t m = ~entries[2 * i + 1] & c->step_bits;

		going = event_allowed(c, m, reached, &skip);
		if (!going || skip)
			continue;
		if (modes & BM_FUNNEL_INCREASE)
		{
			later |= m;
			reached = reached_later(c, m, reached, time);
			continue;
		}
		if (modes & BM_FUNNEL_ONCE)
			take_descending(c, m, time);
		else
			take_ascending(c, m, time);
		reached = c->level;
	}
	take_descending(c, later, time);
	return going;
}

/* ---- exclusions ---- */

/*
 * Excluded conditions m at this time, before the steps of the same time. True when the user is
 * dropped: the newest attempt that did step `from` is still open and has not done step `to`.
 */
static bool
exclude(Scan *c, uint64_t m, int64_t time)
{
	const BmFunnel *f = c->f;

	for (int x = 0; x < f->nexclusions; x++)
	{
		const BmFunnelExclusion *e = &f->exclusion[x];

		if (e->drop_user && (m & bmc_funnel_bit(f->steps + x)) &&
			reaches(c->start[e->from], time, f->within) && c->done[e->to] < c->start[e->from])
			return true;
	}
	for (int x = 0; x < f->nexclusions; x++)
	{
		const BmFunnelExclusion *e = &f->exclusion[x];

		if (!e->drop_user && (m & bmc_funnel_bit(f->steps + x)))
			for (int j = e->from; j < e->to; j++)
				c->start[j] = NEVER;
	}
	return false;
}

/* ---- the scan ---- */

static size_t
take_bytes(size_t n, size_t width)
{
	return (n * width + 7) / 8 * 8;
}

/* Carve the scan's arrays out of scratch; with scratch NULL only count. */
static size_t
lay_out(Scan *c, const BmFunnel *f, bool times, char *scratch)
{
	size_t k = (size_t) f->steps, used = 0;
	bool once = (f->modes & BM_FUNNEL_ONCE) != 0;

#define TAKE(field, count)                                                                         \
	do                                                                                             \
	{                                                                                              \
		c->field = scratch ? (void *) (scratch + used) : NULL;                                     \
		used += take_bytes(count, sizeof(*c->field));                                              \
	} while (0)
	TAKE(start, k + 1);
	TAKE(last, k + 1);
	TAKE(done, k + 1);
	if (times)
	{
		TAKE(times, (k + 1) * k);
		TAKE(best, k);
	}
	if (once)
	{
		TAKE(word, k * k);
		TAKE(owner, k * k);
		TAKE(event, k + 1);
		TAKE(seen, k);
	}
#undef TAKE
	return used;
}

static inline bool
is_plain(const BmFunnel *f, bool times)
{
	return !times && f->gap == NULL && f->nexclusions == 0 &&
		   (f->modes == 0 || f->modes == BM_FUNNEL_INCREASE ||
			f->modes == (BM_FUNNEL_INCREASE | BM_FUNNEL_ONCE));
}

size_t
bmc_funnel_scratch(const BmFunnel *f, bool times)
{
	Scan c;

	return is_plain(f, times) ? 0 : lay_out(&c, f, times, NULL);
}

/* One group; false when it ends the scan. */
static bool
take_group(Scan *c, const uint64_t *entries, size_t begin, size_t end, uint64_t m)
{
	unsigned modes = c->f->modes;
	int64_t time = (int64_t) entries[2 * begin];

	if (modes & (BM_FUNNEL_ORDER | BM_FUNNEL_DEDUP))
		return take_events(c, entries, begin, end, time);
	m &= c->step_bits;
	if ((modes & BM_FUNNEL_INCREASE) || ((modes & BM_FUNNEL_ONCE) && end - begin == 1))
		take_descending(c, m, time);
	else if (modes & BM_FUNNEL_ONCE)
		take_once(c, entries, begin, end, time);
	else
		take_ascending(c, m, time);
	return true;
}

static BmStatus
scan_groups(Scan *c, bool *dropped, const uint64_t *entries, size_t n, const BmStop *stop)
{
	const BmFunnel *f = c->f;
	bool to_the_end = false; /* an exclusion may still drop a user who has done everything */
	size_t polled = 0;

	for (int x = 0; x < f->nexclusions; x++)
		to_the_end |= f->exclusion[x].drop_user;
	for (size_t i = 0; i < n && (c->level < f->steps || to_the_end);)
	{
		size_t begin = i;
		uint64_t m = group_conditions(entries, &i, n);

		if (f->nexclusions > 0 && exclude(c, m, (int64_t) entries[2 * begin]))
		{
			*dropped = true;
			return BM_OK;
		}
		if (!take_group(c, entries, begin, i, m))
			return BM_OK;
		if (i - polled >= STOP_EVENTS)
		{
			polled = i;
			if (bmc_stop(stop))
				return BM_ESTOP;
		}
	}
	return BM_OK;
}

/* ---- any order ---- */

/* seen[j] = when step j+1 was done last; a window that ends now holds the steps seen since then. */
static BmStatus
any_order(int *level, int64_t *times, const BmFunnel *f, const uint64_t *entries, size_t n,
		  const BmStop *stop)
{
	int64_t seen[BM_MAX_STEPS];
	int k = f->steps, most = 0;
	size_t polled = 0;

	for (int j = 0; j < k; j++)
		seen[j] = NEVER;
	for (size_t i = 0; i < n && most < k;)
	{
		int64_t time = (int64_t) entries[2 * i];
		uint64_t m = group_conditions(entries, &i, n);
		int done = 0;

		for (; m; m ^= bmc_funnel_bit(__builtin_clzll(m)))
			seen[__builtin_clzll(m)] = time;
		for (int j = 0; j < k; j++)
			done += reaches(seen[j], time, f->within);
		if (done > most)
		{
			most = done;
			for (int j = 0; times && j < k; j++)
				times[j] = reaches(seen[j], time, f->within) ? seen[j] : NEVER;
		}
		if (i - polled >= STOP_EVENTS)
		{
			polled = i;
			if (bmc_stop(stop))
				return BM_ESTOP;
		}
	}
	*level = most;
	return BM_OK;
}

BmStatus
bmc_funnel(int *level, int64_t *times, const BmFunnel *f, const uint64_t *entries, size_t n,
		   void *scratch, const BmStop *stop)
{
	Scan c = {.f = f};
	bool dropped = false;
	BmStatus status;

	if (f->modes == BM_FUNNEL_ANY)
		return any_order(level, times, f, entries, n, stop);
	if (is_plain(f, times != NULL))
		return (f->modes & BM_FUNNEL_INCREASE) ? levels_descending(level, f, entries, n, stop)
											   : levels_ascending(level, f, entries, n, stop);
	lay_out(&c, f, times != NULL, scratch);
	c.step_bits = ~UINT64_C(0) << (64 - f->steps);
	for (int j = 0; j <= f->steps; j++)
		c.start[j] = c.last[j] = c.done[j] = NEVER;
	status = scan_groups(&c, &dropped, entries, n, stop);
	*level = dropped ? -1 : c.level;
	if (times && status == BM_OK && !dropped)
		memcpy(times, c.best, (size_t) c.level * sizeof(int64_t));
	return status;
}
