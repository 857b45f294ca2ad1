/*
 * unit.h
 *		The frame of the unit tests: checks that count, a malloc-backed BmMem that can be told to fail,
 *		and brute-force helpers. One program per file; it prints one line per case.
 */
#ifndef UNIT_H
#define UNIT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/num/mem.h"

static int unit_failed, unit_cases, unit_case_failed;
static const char *unit_case;

static inline void
unit_close_case(void)
{
	if (unit_case)
		printf("%s - %s\n", unit_case_failed ? "not ok" : "ok", unit_case);
	unit_case_failed = 0;
}

/* Start a named case; the one before ends here. */
#define CASE(name) (unit_close_case(), unit_case = (name), unit_cases++, (void) 0)

#define UNIT_FAIL(...)                                                                             \
	do                                                                                             \
	{                                                                                              \
		unit_failed++;                                                                             \
		if (unit_case_failed++ < 5)                                                                \
		{                                                                                          \
			printf("# %s:%d: ", __FILE__, __LINE__);                                               \
			printf(__VA_ARGS__);                                                                   \
			printf("\n");                                                                          \
		}                                                                                          \
	} while (0)

#define CHECK(cond)                                                                                \
	do                                                                                             \
	{                                                                                              \
		if (!(cond))                                                                               \
			UNIT_FAIL("%s", #cond);                                                                \
	} while (0)

#define CHECK_INT(a, b)                                                                            \
	do                                                                                             \
	{                                                                                              \
		long long unit_a = (long long) (a), unit_b = (long long) (b);                              \
		if (unit_a != unit_b)                                                                      \
			UNIT_FAIL("%s is %lld, expected %s = %lld", #a, unit_a, #b, unit_b);                   \
	} while (0)

#define CHECK_NEAR(a, b, tol)                                                                      \
	do                                                                                             \
	{                                                                                              \
		double unit_a = (double) (a), unit_b = (double) (b);                                       \
		if (!(fabs(unit_a - unit_b) <= (double) (tol)))                                            \
			UNIT_FAIL("%s is %.9g, expected %s = %.9g", #a, unit_a, #b, unit_b);                   \
	} while (0)

/* Ends the last case; the exit status of main. */
static inline int
unit_done(void)
{
	unit_close_case();
	return unit_failed != 0;
}

/* ---- memory ---- */

typedef struct UnitHeap
{
	BmMem mem;
	long live;    /* blocks not yet given back */
	long fail_at; /* the n-th request (1-based) answers NULL; 0: none */
	long calls;
} UnitHeap;

static inline void *
unit_get(void *arg, size_t bytes)
{
	UnitHeap *h = arg;

	if (++h->calls == h->fail_at)
		return NULL;
	h->live++;
	return malloc(bytes);
}

static inline void
unit_put(void *arg, void *block)
{
	UnitHeap *h = arg;

	h->live--;
	free(block);
}

/* h must stay where it is while its mem is in use. */
static inline BmMem *
unit_heap(UnitHeap *h)
{
	memset(h, 0, sizeof(*h));
	h->mem.get = unit_get;
	h->mem.put = unit_put;
	h->mem.arg = h;
	return &h->mem;
}

#endif
