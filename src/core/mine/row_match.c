/*
 * row_match.c
 *		A Pike machine (Pike 1987; Cox 2009): all ways through the program at once, in the order in
 *		which the pattern prefers them, at most one thread at a step.
 *
 * Two threads that have come to the same step before the same row have the same future, so the one
 * that is preferred goes on alone: no pattern takes exponential time. A thread that reaches the end
 * of the program is a match, and cuts off what is less preferred; those before it go on.
 *
 * Without a limit on the time, threads of all starts run together, earlier starts preferred. With
 * one, an earlier start may run out of time where a later one would not, so each start runs alone.
 * The symbols of a match's rows come from running its start once more, now keeping each thread's
 * predecessor.
 */
#include "core/mine/row_match.h"

#include <string.h>

#define STOP_WORK 0x20000U /* threads and steps between two questions: about a millisecond */

/* Threads before one row, preferred ones first. */
typedef struct Threads
{
	uint32_t *step; /* (n) */
	size_t *tag;    /* (n) row of its start, or the predecessor's place in the list before */
	uint32_t n;
} Threads;

/* What a start's threads came from: for each of its rows the list before it. */
typedef struct Trail
{
	uint32_t *step, *from; /* all lists, one after the other */
	size_t n, capacity;
	size_t *begin; /* (rows + 1) */
	size_t rows, row_capacity;
} Trail;

struct BmRowSearch
{
	const BmRowProgram *program;
	const uint64_t *rows;
	size_t n;
	uint64_t within;
	bool overlap;
	BmMem *mem;
	const BmStop *stop;
	size_t from; /* the next start to try */
	Threads now, then;
	uint64_t *seen; /* (program->n) the list, by number, in which a step was last */
	uint64_t list;  /* number of the list being made */
	uint32_t *stack;
	size_t work; /* since the last question */
	Trail trail;
	uint8_t *symbols;
	size_t symbol_capacity;
};

static inline bool
takes(const BmRowSearch *s, size_t row, const BmRowStep *step)
{
	return !(s->rows[2 * row + 1] & bmc_condition_bit(step->symbol));
}

static inline bool
in_time(const BmRowSearch *s, size_t first, size_t row)
{
	return s->rows[2 * row] - s->rows[2 * first] <= s->within;
}

static bool
stopped(BmRowSearch *s)
{
	if (s->work < STOP_WORK)
		return false;
	s->work = 0;
	return bmc_stop(s->stop);
}

/* Add to list what step leads to without taking a row, in order of preference; before row. */
static void
add(BmRowSearch *s, Threads *list, uint32_t step, size_t tag, size_t row)
{
	uint32_t depth = 0;

	s->stack[depth++] = step;
	while (depth > 0)
	{
		uint32_t at = s->stack[--depth];
		const BmRowStep *p = &s->program->step[at];

		s->work++;
		if (s->seen[at] == s->list)
			continue;
		s->seen[at] = s->list;
		switch ((BmRowOp) p->op)
		{
		case BM_ROW_CHOICE:
			s->stack[depth++] = p->other;
			s->stack[depth++] = p->next;
			break;
		case BM_ROW_FIRST:
			if (row == 0)
				s->stack[depth++] = p->next;
			break;
		case BM_ROW_LAST:
			if (row == s->n)
				s->stack[depth++] = p->next;
			break;
		case BM_ROW_SYMBOL:
		case BM_ROW_MATCH:
			list->step[list->n] = at;
			list->tag[list->n++] = tag;
			break;
		case BM_ROW_NOWHERE:
			break;
		}
	}
}

static inline void
begin_list(BmRowSearch *s, Threads *list)
{
	list->n = 0;
	s->list++;
}

static inline void
swap_lists(BmRowSearch *s)
{
	Threads t = s->now;

	s->now = s->then;
	s->then = t;
}

/* ---- one start ---- */

static BmStatus
grow(BmMem *mem, void **block, size_t *capacity, size_t need, size_t size)
{
	size_t larger = *capacity ? *capacity : 256;
	void *grown;

	while (larger < need)
		larger *= 2;
	if (*block && larger == *capacity)
		return BM_OK;
	grown = bmc_realloc(mem, *block, larger, size);
	if (grown == NULL)
		return BM_ENOMEM;
	*block = grown;
	*capacity = larger;
	return BM_OK;
}

/* Keep the list before the next row. */
static BmStatus
keep_list(BmRowSearch *s)
{
	Trail *t = &s->trail;
	size_t capacity = t->capacity;
	BmStatus status = grow(s->mem, (void **) &t->step, &capacity, t->n + s->now.n, 4);

	if (status == BM_OK)
		status = grow(s->mem, (void **) &t->from, &t->capacity, t->n + s->now.n, 4);
	if (status == BM_OK)
		status = grow(s->mem, (void **) &t->begin, &t->row_capacity, t->rows + 1, sizeof(size_t));
	if (status != BM_OK)
		return status;
	t->begin[t->rows++] = t->n;
	for (uint32_t i = 0; i < s->now.n; i++)
	{
		t->step[t->n] = s->now.step[i];
		t->from[t->n++] = (uint32_t) s->now.tag[i];
	}
	return BM_OK;
}

/* The threads before row+1 of those before row; *matched when one of them is a match. */
static void
advance_one(BmRowSearch *s, size_t first, size_t row, bool *matched)
{
	bool open = row < s->n && in_time(s, first, row);

	begin_list(s, &s->then);
	for (uint32_t i = 0; i < s->now.n; i++)
	{
		const BmRowStep *p = &s->program->step[s->now.step[i]];

		s->work++;
		if (p->op == BM_ROW_MATCH)
		{
			*matched = row > first;
			break;
		}
		if (open && takes(s, row, p))
			add(s, &s->then, p->next, i, row + 1);
	}
	swap_lists(s);
}

/* *end: the row behind the preferred match that begins at first; first itself if there is none. */
static BmStatus
run_one(BmRowSearch *s, size_t first, size_t *end)
{
	*end = first;
	begin_list(s, &s->now);
	add(s, &s->now, s->program->entry, 0, first);
	for (size_t row = first; s->now.n > 0; row++)
	{
		bool matched = false;

		advance_one(s, first, row, &matched);
		if (matched)
			*end = row;
		if (stopped(s))
			return BM_ESTOP;
	}
	return BM_OK;
}

/* The same once more as far as end, keeping every list. */
static BmStatus
retrace(BmRowSearch *s, size_t first, size_t end)
{
	BmStatus status;

	s->trail.n = s->trail.rows = 0;
	begin_list(s, &s->now);
	add(s, &s->now, s->program->entry, 0, first);
	status = keep_list(s);
	for (size_t row = first; row < end && status == BM_OK; row++)
	{
		bool matched;

		advance_one(s, first, row, &matched);
		status = stopped(s) ? BM_ESTOP : keep_list(s);
	}
	return status;
}

/* Fill s->symbols with those of the match of rows first .. end-1. */
static BmStatus
find_symbols(BmRowSearch *s, size_t first, size_t end)
{
	BmStatus status = retrace(s, first, end);
	const Trail *t = &s->trail;
	size_t at;

	if (status == BM_OK)
		status =
			grow(s->mem, (void **) &s->symbols, &s->symbol_capacity, end - first, sizeof(uint8_t));
	if (status != BM_OK)
		return status;
	/* the last list's first match; its predecessors, list by list */
	at = t->begin[end - first];
	while (s->program->step[t->step[at]].op != BM_ROW_MATCH)
		at++;
	for (size_t row = end - first; row-- > 0;)
	{
		at = t->begin[row] + t->from[at];
		s->symbols[row] = s->program->step[t->step[at]].symbol;
	}
	return BM_OK;
}

/* ---- the next start ---- */

/* The first start that has a match, each by itself. */
static BmStatus
search_alone(BmRowSearch *s, size_t *first, size_t *end)
{
	for (; s->from < s->n; s->from++)
	{
		s->work++;
		if (~s->rows[2 * s->from + 1] & s->program->begins)
		{
			BmStatus status = run_one(s, s->from, end);

			if (status != BM_OK)
				return status;
			if (*end > s->from)
				break;
		}
		if (stopped(s))
			return BM_ESTOP;
	}
	*first = s->from;
	return BM_OK;
}

/* As advance_one, for threads of several starts; a match replaces what was found before. */
static void
advance_all(BmRowSearch *s, size_t row, size_t *first, size_t *end)
{
	begin_list(s, &s->then);
	for (uint32_t i = 0; i < s->now.n; i++)
	{
		const BmRowStep *p = &s->program->step[s->now.step[i]];
		size_t start = s->now.tag[i];

		s->work++;
		if (p->op == BM_ROW_MATCH)
		{
			/* without a row: only the newest start, the last in the list, can have that */
			if (row > start)
			{
				*first = start;
				*end = row;
			}
			break;
		}
		if (row < s->n && takes(s, row, p))
			add(s, &s->then, p->next, start, row + 1);
	}
	swap_lists(s);
}

/* The same with the threads of all starts together. */
static BmStatus
search_together(BmRowSearch *s, size_t *first, size_t *end)
{
	*first = *end = s->n;
	s->now.n = 0;
	for (size_t row = s->from; row <= s->n; row++)
	{
		bool found = *end > *first;

		if (found && s->now.n == 0)
			break;
		if (s->now.n == 0)
			begin_list(s, &s->now);
		if (!found && row < s->n && (~s->rows[2 * row + 1] & s->program->begins))
			add(s, &s->now, s->program->entry, row, row);
		s->work++;
		if (s->now.n > 0)
			advance_all(s, row, first, end);
		if (stopped(s))
			return BM_ESTOP;
	}
	return BM_OK;
}

/* ---- interface ---- */

static bool
make_threads(Threads *t, uint32_t n, BmMem *mem)
{
	t->step = bmc_alloc(mem, n, sizeof(uint32_t));
	t->tag = bmc_alloc(mem, n, sizeof(size_t));
	return t->step && t->tag;
}

BmRowSearch *
bmc_row_search(const BmRowProgram *program, const uint64_t *rows, size_t n, uint64_t within,
			   bool overlap, BmMem *mem, const BmStop *stop)
{
	BmRowSearch *s = bmc_alloc0(mem, 1, sizeof(BmRowSearch));

	if (s == NULL)
		return NULL;
	s->program = program;
	s->rows = rows;
	s->n = n;
	s->within = within;
	s->overlap = overlap;
	s->mem = mem;
	s->stop = stop;
	s->seen = bmc_alloc0(mem, program->n, sizeof(uint64_t));
	s->stack = bmc_alloc(mem, 2 * (size_t) program->n + 1, sizeof(uint32_t));
	if (!make_threads(&s->now, program->n, mem) || !make_threads(&s->then, program->n, mem) ||
		!s->seen || !s->stack)
	{
		bmc_row_search_free(s);
		return NULL;
	}
	return s;
}

BmStatus
bmc_row_next(BmRowSearch *s, BmRowMatch *match)
{
	size_t first = s->n, end = s->n;
	BmStatus status =
		s->within < UINT64_MAX ? search_alone(s, &first, &end) : search_together(s, &first, &end);

	match->first = first;
	match->n = 0;
	if (status != BM_OK || first >= s->n || end <= first)
		return status;
	status = find_symbols(s, first, end);
	match->n = end - first;
	match->symbols = s->symbols;
	s->from = s->overlap ? first + 1 : end;
	return status;
}

void
bmc_row_search_free(BmRowSearch *s)
{
	BmMem *mem;

	if (s == NULL)
		return;
	mem = s->mem;
	bmc_free(mem, s->now.step);
	bmc_free(mem, s->now.tag);
	bmc_free(mem, s->then.step);
	bmc_free(mem, s->then.tag);
	bmc_free(mem, s->seen);
	bmc_free(mem, s->stack);
	bmc_free(mem, s->trail.step);
	bmc_free(mem, s->trail.from);
	bmc_free(mem, s->trail.begin);
	bmc_free(mem, s->symbols);
	bmc_free(mem, s);
}
