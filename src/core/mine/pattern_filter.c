/*
 * pattern_filter.c
 *		Closed and maximal patterns out of all of them, where BIDE is not valid: with limits, elements
 *		of several items, a maximal length.
 *
 * q contains p within the limits when p is q with some items left out and, under a maximal gap of m
 * positions, at most m whole elements in a row left out between two that stay; under a maximal gap
 * in time none between, only at the ends. (Minimal gaps and windows of q are kept by p.)
 *
 * Where support falls along single omissions, that is without a maximal gap, or when only the ends may
 * go, it is enough to leave out one item at a time: a chain from q to p of equal supports exists.
 * With 1 <= m the supports between may be smaller, so all omissions from q are tried: by subsets for
 * short patterns, pair by pair for long ones.
 */
#include <string.h>

#include "core/mine/pattern.h"

#define MAX_SUBSET 12         /* items: 4096 subsets */
#define WORK_PER_STOP 1000000 /* omissions or pairs between two questions */

typedef struct Filter
{
	BmPatterns *p;
	BmPatternKind kind;
	BmPatternIndex index;
	bool *drop;        /* (patterns) */
	bool ends_only;    /* whole elements may be left out only at the ends */
	int64_t max_gap;   /* elements in a row, or BM_UNLIMITED */
	uint32_t *scratch; /* (longest pattern) */
	const BmStop *stop;
	size_t work;
} Filter;

static BmStatus
poll(Filter *f, size_t work)
{
	f->work += work;
	if (f->work < WORK_PER_STOP)
		return BM_OK;
	f->work = 0;
	return bmc_stop(f->stop) ? BM_ESTOP : BM_OK;
}

/* A part of q of the given tokens exists within the limits: drop it if it is a pattern that q beats. */
static void
beat(Filter *f, const BmPattern *q, const uint32_t *token, uint32_t length)
{
	uint32_t i = bmc_pattern_index_find(&f->index, token, length);

	if (i != BM_NONE && (f->kind == BM_PATTERNS_MAXIMAL || f->p->pattern[i].support == q->support))
		f->drop[i] = true;
}

/* Is the token at t a whole element? */
static bool
is_alone(const uint32_t *token, uint32_t length, uint32_t t)
{
	return !BM_TOKEN_JOINED(token[t]) && (t + 1 == length || !BM_TOKEN_JOINED(token[t + 1]));
}

/* q without one item, each in turn. */
static void
omit_one(Filter *f, const BmPattern *q)
{
	const uint32_t *token = f->p->token + q->at;

	for (uint32_t t = 0; t < q->length; t++)
	{
		if (f->ends_only && is_alone(token, q->length, t) && t > 0 && t + 1 < q->length)
			continue;
		memcpy(f->scratch, token, t * sizeof(uint32_t));
		memcpy(f->scratch + t, token + t + 1, (q->length - t - 1) * sizeof(uint32_t));
		/* what followed the element's first item is its first now */
		if (t + 1 < q->length && BM_TOKEN_JOINED(token[t + 1]) && !BM_TOKEN_JOINED(token[t]))
			f->scratch[t] &= ~1u;
		beat(f, q, f->scratch, q->length - 1);
	}
}

/* The items of q in mask to f->scratch; 0 when too many elements in a row are missing. */
static uint32_t
subset(Filter *f, const uint32_t *token, uint32_t length, uint32_t mask)
{
	uint32_t n = 0;
	int64_t missing = 0;
	bool open = false; /* has the element at hand an item that stays */

	for (uint32_t t = 0; t < length; t++)
	{
		if (!BM_TOKEN_JOINED(token[t]))
		{
			missing = t > 0 && !open ? missing + 1 : 0;
			open = false;
		}
		if (!(mask >> t & 1))
			continue;
		if (n > 0 && !open && missing > f->max_gap)
			return 0;
		f->scratch[n++] = BM_TOKEN(BM_TOKEN_ID(token[t]), open);
		open = true;
	}
	return n;
}

static BmStatus
omit_any(Filter *f, const BmPattern *q)
{
	const uint32_t *token = f->p->token + q->at;
	uint32_t all = (1u << q->length) - 1;

	for (uint32_t mask = 1; mask < all; mask++)
	{
		uint32_t n = subset(f, token, q->length, mask);

		if (n > 0)
			beat(f, q, f->scratch, n);
	}
	return poll(f, all);
}

/* The element of a pattern that begins at t: its tokens. */
static uint32_t
element_end(const uint32_t *token, uint32_t length, uint32_t t)
{
	do
		t++;
	while (t < length && BM_TOKEN_JOINED(token[t]));
	return t;
}

/* Are the ids of a (n) among those of b (m)? Both ascend. */
static bool
is_subset(const uint32_t *a, uint32_t n, const uint32_t *b, uint32_t m)
{
	uint32_t j = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		while (j < m && BM_TOKEN_ID(b[j]) < BM_TOKEN_ID(a[i]))
			j++;
		if (j == m || BM_TOKEN_ID(b[j]) != BM_TOKEN_ID(a[i]))
			return false;
		j++;
	}
	return true;
}

/*
 * Does q contain p with at most max_gap elements in a row left out between? reach[e]: p's elements up
 * to the one at hand can end at q's element e; one pass over q for each element of p.
 */
static bool
contains(const Filter *f, const BmPattern *q, const BmPattern *p, bool *reach)
{
	const uint32_t *a = f->p->token + p->at, *b = f->p->token + q->at;
	bool any = true;

	for (uint32_t t = 0, u; t < p->length && any; t = u)
	{
		int64_t e = 0, last = -1; /* the element of q; the latest one before it that is reached */

		any = false;
		u = element_end(a, p->length, t);
		for (uint32_t v = 0, w; v < q->length; v = w, e++)
		{
			bool before = reach[e]; /* for p's element before this one */

			w = element_end(b, q->length, v);
			reach[e] = (t == 0 || (last >= 0 && e - last - 1 <= f->max_gap)) &&
					   is_subset(a + t, u - t, b + v, w - v);
			any = any || reach[e];
			if (before)
				last = e;
		}
	}
	return any;
}

/* A long q against every shorter pattern. */
static BmStatus
compare_all(Filter *f, const BmPattern *q, bool *reach)
{
	BmStatus status = BM_OK;

	for (size_t i = 0; i < f->p->n && status == BM_OK; i++)
	{
		const BmPattern *p = &f->p->pattern[i];

		if (f->drop[i] || p->length >= q->length ||
			(f->kind == BM_PATTERNS_CLOSED && p->support != q->support))
			continue;
		memset(reach, 0, q->length * sizeof(bool));
		f->drop[i] = contains(f, q, p, reach);
		status = poll(f, (size_t) q->length * p->length);
	}
	return status;
}

static BmStatus
filter_all(Filter *f, bool *reach)
{
	bool single = f->ends_only || f->max_gap == BM_UNLIMITED;
	BmStatus status = BM_OK;

	for (size_t i = 0; i < f->p->n && status == BM_OK; i++)
	{
		const BmPattern *q = &f->p->pattern[i];

		if (single)
		{
			omit_one(f, q);
			status = poll(f, q->length);
		}
		else if (q->length <= MAX_SUBSET)
			status = omit_any(f, q);
		else
			status = compare_all(f, q, reach);
	}
	return status;
}

/* Tokens stay where they are; only the list closes up. */
static void
remove_dropped(BmPatterns *p, const bool *drop)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (!drop[i])
			p->pattern[n++] = p->pattern[i];
	p->n = n;
}

/* See pattern.h. */
BmStatus
bmc_patterns_filter(BmPatterns *p, BmPatternKind kind, const BmPatternLimits *limits, BmMem *mem,
					const BmStop *stop)
{
	Filter f = {.p = p,
				.kind = kind,
				.ends_only = limits->max_gap == 0 || limits->max_interval != BM_UNLIMITED,
				.max_gap = limits->max_gap,
				.stop = stop};
	uint32_t longest = 0;
	bool *reach;
	BmStatus status = BM_ENOMEM;

	if (kind == BM_PATTERNS_ALL || p->n == 0)
		return BM_OK;
	for (size_t i = 0; i < p->n; i++)
		if (p->pattern[i].length > longest)
			longest = p->pattern[i].length;
	f.drop = bmc_alloc0(mem, p->n, sizeof(bool));
	f.scratch = bmc_alloc(mem, longest, sizeof(uint32_t));
	reach = bmc_alloc(mem, longest, sizeof(bool));
	if (f.drop && f.scratch && reach)
	{
		status = bmc_pattern_index_build(&f.index, p, mem, stop);
		if (status == BM_OK)
			status = filter_all(&f, reach);
		bmc_pattern_index_free(&f.index);
		if (status == BM_OK)
			remove_dropped(p, f.drop);
	}
	bmc_free(mem, reach);
	bmc_free(mem, f.scratch);
	bmc_free(mem, f.drop);
	return status;
}
