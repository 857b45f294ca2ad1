/*
 * sequence_match.c
 *		Linear matching of event sequence patterns.
 *
 * Element j can lie at event i when its condition holds there and element j-1 can lie at some event
 * i' that the gap allows. What a gap allows is an interval of events whose ends move forward with i:
 * directly before; before; at least and at most so long before. Three facts follow, for two matches
 * may always be exchanged where they cross, so that their element-wise minimum and maximum are
 * matches too:
 *	- the latest i' not too late is the only one to ask, so an element needs one time, or a queue
 *	  of those still too late where there is a lower bound;
 *	- the latest start of a match up to (j, i) grows with i, so the same i' also carries the best
 *	  start for a limit on the whole;
 *	- the match that ends first and the one that starts first end alike, and one match is the
 *	  earliest in every element.
 * Elements are bits of a word: gaps without bounds cost a shift for all of them together, as in
 * Shift-And (Baeza-Yates and Gonnet 1992).
 */
#include "core/mine/sequence_match.h"

#include <string.h>

#define STOP_EVENTS 0x10000U /* far below 50 ms of work */
#define QUEUE_FIRST 64

/* Where an element lay. */
typedef struct Cell
{
	int64_t time, start; /* of the event; of the latest first event that leads to it */
} Cell;

/* Events of the element before that a lower bound still holds back; capacity is a power of two. */
typedef struct Queue
{
	Cell *cell;
	size_t head, n, capacity;
	bool ripe; /* last has been set */
	Cell last; /* the latest that the bound lets through */
} Queue;

/* Elements that can be reached; in registers while a scan runs. */
typedef struct Reached
{
	uint64_t previous; /* at the event before */
	uint64_t seen;     /* at any event so far */
} Reached;

typedef struct Scan
{
	const BmSequencePattern *p;
	uint64_t final; /* the last element's bit */
	Cell latest[BM_MAX_ELEMENTS];
	Queue queue[BM_MAX_ELEMENTS]; /* of delayed elements */
	BmMem *mem;
} Scan;

static void
scan_reset(Scan *s)
{
	for (uint64_t d = s->p->delayed; d; d &= d - 1)
	{
		Queue *q = &s->queue[__builtin_ctzll(d)];

		q->head = q->n = 0;
		q->ripe = false;
	}
}

static void
scan_begin(Scan *s, const BmSequencePattern *p, BmMem *mem)
{
	s->p = p;
	s->mem = mem;
	s->final = UINT64_C(1) << (p->n - 1);
	for (uint64_t d = p->delayed; d; d &= d - 1)
		memset(&s->queue[__builtin_ctzll(d)], 0, sizeof(Queue));
	scan_reset(s);
}

static void
scan_end(Scan *s)
{
	for (uint64_t d = s->p->delayed; d; d &= d - 1)
		bmc_free(s->mem, s->queue[__builtin_ctzll(d)].cell);
}

/* Let through what is at least least before t. */
static inline void
queue_ripen(Queue *q, int64_t t, uint64_t least)
{
	while (q->n > 0 && (uint64_t) t - (uint64_t) q->cell[q->head].time >= least)
	{
		q->last = q->cell[q->head];
		q->ripe = true;
		q->head = (q->head + 1) & (q->capacity - 1);
		q->n--;
	}
}

static BmStatus
queue_grow(Queue *q, BmMem *mem)
{
	size_t capacity = q->capacity ? 2 * q->capacity : QUEUE_FIRST;
	Cell *cell = bmc_alloc(mem, capacity, sizeof(Cell));

	if (cell == NULL)
		return BM_ENOMEM;
	for (size_t i = 0; i < q->n; i++)
		cell[i] = q->cell[(q->head + i) & (q->capacity - 1)];
	bmc_free(mem, q->cell);
	q->cell = cell;
	q->head = 0;
	q->capacity = capacity;
	return BM_OK;
}

static inline BmStatus
queue_push(Queue *q, const Cell *c, BmMem *mem)
{
	if (q->n == q->capacity && queue_grow(q, mem) != BM_OK)
		return BM_ENOMEM;
	q->cell[(q->head + q->n++) & (q->capacity - 1)] = *c;
	return BM_OK;
}

/* Elements whose condition holds; conditions: the bits of those that do. */
static inline uint64_t
candidates(const BmSequencePattern *p, uint64_t conditions)
{
	uint64_t c = p->any;

	for (; conditions; conditions &= conditions - 1)
		c |= p->uses[__builtin_ctzll(conditions)];
	return c;
}

/* Of bits (bounded or delayed elements whose condition holds), those whose gap fits. */
static inline uint64_t
within_bounds(Scan *s, uint64_t bits, int64_t t)
{
	const BmSequencePattern *p = s->p;
	uint64_t fit = 0;

	for (; bits; bits &= bits - 1)
	{
		int j = __builtin_ctzll(bits);
		int64_t before = s->latest[j - 1].time;

		if (p->delayed >> j & 1)
		{
			queue_ripen(&s->queue[j], t, p->least[j]);
			if (!s->queue[j].ripe)
				continue;
			before = s->queue[j].last.time;
		}
		if ((uint64_t) t - (uint64_t) before <= p->most[j])
			fit |= UINT64_C(1) << j;
	}
	return fit;
}

/* The elements of bits, without those whose match would be too long; with their starts. */
static inline uint64_t
within_window(Scan *s, uint64_t bits, int64_t t, int64_t *start)
{
	uint64_t fit = 0;

	for (; bits; bits &= bits - 1)
	{
		int j = __builtin_ctzll(bits);

		start[j] = j == 0                   ? t
				   : s->p->delayed >> j & 1 ? s->queue[j].last.start
											: s->latest[j - 1].start;
		if ((uint64_t) t - (uint64_t) start[j] <= s->p->within)
			fit |= UINT64_C(1) << j;
	}
	return fit;
}

/* Remember that elements bits lie at t, in matches that begin at start (NULL: nobody asks). */
static inline __attribute__((always_inline)) BmStatus
remember(Scan *s, uint64_t bits, int64_t t, const int64_t *start)
{
	for (; bits; bits &= bits - 1)
	{
		int j = __builtin_ctzll(bits);

		s->latest[j].time = t;
		s->latest[j].start = start ? start[j] : t;
		if (s->p->delayed >> 1 >> j & 1)
		{
			Queue *q = &s->queue[j + 1];

			queue_ripen(q, t, s->p->least[j + 1]);
			if (queue_push(q, &s->latest[j], s->mem) != BM_OK)
				return BM_ENOMEM;
		}
	}
	return BM_OK;
}

/*
 * One event of some condition: now->previous becomes the elements that can lie there. bounds, window:
 * does the pattern have any? Constants where this is inlined.
 */
static inline __attribute__((always_inline)) BmStatus
step(Scan *s, Reached *now, int64_t t, uint64_t conditions, bool bounds, bool window)
{
	const BmSequencePattern *p = s->p;
	uint64_t can = candidates(p, conditions), reached = now->seen << 1, bits;
	int64_t start[BM_MAX_ELEMENTS];

	bits = can & (1 | (now->previous << 1 & p->adjacent) | (reached & p->open));
	if (bounds)
		bits |= within_bounds(s, can & reached & (p->bounded | p->delayed), t);
	if (window)
		bits = within_window(s, bits, t, start);
	now->previous = bits;
	now->seen |= bits;
	if (window)
		return remember(s, bits, t, start);
	if (bounds)
		return remember(s, bits & (p->bounded | p->delayed) >> 1, t, NULL);
	return BM_OK;
}

/* Scan from *at until a match ends (*hit, and *at is where the next may begin), or to the end. */
static inline __attribute__((always_inline)) BmStatus
scan(Scan *s, const uint64_t *events, size_t n, size_t *at, bool *hit, const BmStop *stop,
	 bool bounds, bool window)
{
	Reached now = {0, 0};
	size_t i = *at;

	*hit = false;
	while (i < n)
	{
		size_t pause = n - i < STOP_EVENTS ? n : i + STOP_EVENTS;

		for (; i < pause; i++)
		{
			uint64_t conditions = ~events[2 * i + 1];

			if (conditions == 0)
				continue;
			if (step(s, &now, (int64_t) events[2 * i], conditions, bounds, window) != BM_OK)
				return BM_ENOMEM;
			if (now.previous & s->final)
			{
				*at = i + !s->p->peek;
				*hit = true;
				return BM_OK;
			}
		}
		if (i < n && bmc_stop(stop))
			return BM_ESTOP;
	}
	*at = n;
	return BM_OK;
}

static BmStatus
scan_plain(Scan *s, const uint64_t *events, size_t n, size_t *at, bool *hit, const BmStop *stop)
{
	return scan(s, events, n, at, hit, stop, false, false);
}

static BmStatus
scan_bounds(Scan *s, const uint64_t *events, size_t n, size_t *at, bool *hit, const BmStop *stop)
{
	return scan(s, events, n, at, hit, stop, true, false);
}

static BmStatus
scan_window(Scan *s, const uint64_t *events, size_t n, size_t *at, bool *hit, const BmStop *stop)
{
	return scan(s, events, n, at, hit, stop, true, true);
}

static BmStatus
scan_next(Scan *s, const uint64_t *events, size_t n, size_t *at, bool *hit, const BmStop *stop)
{
	if (s->p->within < UINT64_MAX)
		return scan_window(s, events, n, at, hit, stop);
	if (s->p->bounded | s->p->delayed)
		return scan_bounds(s, events, n, at, hit, stop);
	return scan_plain(s, events, n, at, hit, stop);
}

BmStatus
bmc_sequence_count(uint64_t *count, const BmSequencePattern *p, const uint64_t *events, size_t n,
				   uint64_t limit, BmMem *mem, const BmStop *stop)
{
	Scan s;
	size_t at = 0, since = 0;
	bool hit = true;
	BmStatus status = BM_OK;

	*count = 0;
	scan_begin(&s, p, mem);
	while (hit && *count < limit && status == BM_OK)
	{
		status = scan_next(&s, events, n, &at, &hit, stop);
		*count += hit;
		scan_reset(&s);
		/* many short matches: each scan is too short to ask by itself */
		if (at - since >= STOP_EVENTS && status == BM_OK)
		{
			since = at;
			if (bmc_stop(stop))
				status = BM_ESTOP;
		}
	}
	scan_end(&s);
	return status;
}

/* ---- the events of a match ---- */

/* reach[i - first]: the elements that can lie at event i, for the events first..end-1. */
static BmStatus
fill_reach(uint64_t *reach, const BmSequencePattern *p, const uint64_t *events, size_t first,
		   size_t end, BmMem *mem, const BmStop *stop)
{
	BmStatus status = BM_OK;
	Reached now = {0, 0};
	Scan s;

	scan_begin(&s, p, mem);
	for (size_t i = first; i < end && status == BM_OK; i++)
	{
		uint64_t conditions = ~events[2 * i + 1];

		reach[i - first] = 0;
		if (conditions != 0)
		{
			status = step(&s, &now, (int64_t) events[2 * i], conditions, true, false);
			reach[i - first] = now.previous;
		}
		if ((i - first) % STOP_EVENTS == STOP_EVENTS - 1 && bmc_stop(stop))
			status = BM_ESTOP;
	}
	scan_end(&s);
	return status;
}

/* The earliest event at which element j-1 can lie when element j lies at event at. There is one. */
static BmStatus
earliest_before(size_t *earliest, const uint64_t *reach, const BmSequencePattern *p,
				const uint64_t *events, size_t first, size_t at, int j, const BmStop *stop)
{
	uint64_t bit = UINT64_C(1) << (j - 1);

	for (size_t i = at; i-- > first;)
	{
		uint64_t gap = events[2 * at] - events[2 * i];

		if ((at - i) % STOP_EVENTS == 0 && bmc_stop(stop))
			return BM_ESTOP;
		if (gap > p->most[j])
			break;
		if ((reach[i - first] & bit) && gap >= p->least[j])
			*earliest = i;
		if ((p->adjacent >> j & 1) && events[2 * i + 1] != BM_NO_CONDITION)
			break;
	}
	return BM_OK;
}

/* The earliest match among those that end at event end-1 and begin at or after event first. */
static BmStatus
trace(size_t *chain, const BmSequencePattern *p, const uint64_t *events, size_t first, size_t end,
	  BmMem *mem, const BmStop *stop)
{
	uint64_t *reach = bmc_alloc(mem, end - first, sizeof(uint64_t));
	BmStatus status;

	if (reach == NULL)
		return BM_ENOMEM;
	status = fill_reach(reach, p, events, first, end, mem, stop);
	chain[p->n - 1] = end - 1;
	for (int j = p->n - 1; j > 0 && status == BM_OK; j--)
		status = earliest_before(&chain[j - 1], reach, p, events, first, chain[j], j, stop);
	bmc_free(mem, reach);
	return status;
}

BmStatus
bmc_sequence_find(size_t *chain, bool *found, size_t *next, const BmSequencePattern *p,
				  const uint64_t *events, size_t n, size_t from, BmMem *mem, const BmStop *stop)
{
	size_t end = from, first = from;
	BmStatus status;
	Scan s;

	scan_begin(&s, p, mem);
	status = scan_next(&s, events, n, &end, found, stop);
	scan_end(&s);
	*next = end;
	if (status != BM_OK || !*found)
		return status;
	end += p->peek;
	/* matches that end there and begin earlier are too long */
	while (events[2 * (end - 1)] - events[2 * first] > p->within)
		first++;
	return trace(chain, p, events, first, end, mem, stop);
}
