/*
 * path.c
 *		From events in the order of (user, time) to paths: sessions, collapsed repeats, anchors, depth.
 *
 * One pass, in place: what a path keeps is never more than what was read, so the columns of the
 * events become the columns of the paths.
 */
#include "core/mine/path.h"

#include <string.h>

#include "core/num/sort.h"

#define STOP_EVENTS 0x100000 /* a few milliseconds of work */

/* ---- sessions of several devices ---- */

/* Do a user's sessions interleave? run (nsessions+1) holds the last run that had the number. */
static bool
interleaved(const uint32_t *session, size_t n, uint32_t nsessions, size_t *run, size_t *runs)
{
	size_t first = *runs + 1;
	bool found = false;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t s = session[i] == BM_NONE ? nsessions : session[i];

		if (i > 0 && session[i] == session[i - 1])
			continue;
		found = found || run[s] >= first;
		run[s] = ++*runs;
	}
	return found;
}

/* Scratch of bmc_path_group, for the longest user so far. */
typedef struct Grouping
{
	uint64_t *key;    /* (capacity) first event of the session */
	uint32_t *order;  /* (capacity) */
	uint32_t *number; /* (capacity) */
	int64_t *time;    /* (capacity) */
	size_t *first;    /* (nsessions+1) of the user in hand; stale elsewhere */
	size_t capacity;
} Grouping;

static void
free_grouping(Grouping *g, BmMem *mem)
{
	bmc_free(mem, g->key);
	bmc_free(mem, g->order);
	bmc_free(mem, g->number);
	bmc_free(mem, g->time);
	g->key = NULL;
	g->order = g->number = NULL;
	g->time = NULL;
	g->capacity = 0;
}

static bool
reserve(Grouping *g, size_t n, BmMem *mem)
{
	if (n <= g->capacity)
		return true;
	free_grouping(g, mem);
	g->key = bmc_alloc(mem, n, sizeof(uint64_t));
	g->order = bmc_alloc(mem, n, sizeof(uint32_t));
	g->number = bmc_alloc(mem, n, sizeof(uint32_t));
	g->time = bmc_alloc(mem, n, sizeof(int64_t));
	g->capacity = n;
	return g->key && g->order && g->number && g->time;
}

static void
permute_u32(uint32_t *v, const uint32_t *order, size_t n, uint32_t *scratch)
{
	for (size_t i = 0; i < n; i++)
		scratch[i] = v[order[i]];
	memcpy(v, scratch, n * sizeof(uint32_t));
}

/* One user's events into runs: a stable sort by the first event of their session. */
static BmStatus
group_user(Grouping *g, uint32_t *node, int64_t *time, uint32_t *session, size_t n,
		   uint32_t nsessions, BmMem *mem)
{
	BmStatus status;

	if (!reserve(g, n, mem))
		return BM_ENOMEM;
	for (size_t i = n; i-- > 0;)
		g->first[session[i] == BM_NONE ? nsessions : session[i]] = i;
	for (size_t i = 0; i < n; i++)
	{
		g->key[i] = g->first[session[i] == BM_NONE ? nsessions : session[i]];
		g->order[i] = (uint32_t) i;
	}
	status = bmc_sort_u64(g->key, g->order, n, mem);
	if (status != BM_OK)
		return status;
	permute_u32(node, g->order, n, g->number);
	permute_u32(session, g->order, n, g->number);
	for (size_t i = 0; i < n; i++)
		g->time[i] = time[g->order[i]];
	memcpy(time, g->time, n * sizeof(int64_t));
	return BM_OK;
}

BmStatus
bmc_path_group(size_t nusers, const size_t *start, uint32_t *node, int64_t *time, uint32_t *session,
			   uint32_t nsessions, BmMem *mem, const BmStop *stop)
{
	size_t *run = bmc_alloc0(mem, (size_t) nsessions + 1, sizeof(size_t));
	Grouping g = {.first = bmc_alloc(mem, (size_t) nsessions + 1, sizeof(size_t))};
	size_t runs = 0, since = 0;
	BmStatus status = run && g.first ? BM_OK : BM_ENOMEM;

	for (size_t u = 0; u < nusers && status == BM_OK; u++)
	{
		size_t at = start[u], n = start[u + 1] - at;

		if (interleaved(session + at, n, nsessions, run, &runs))
			status = group_user(&g, node + at, time + at, session + at, n, nsessions, mem);
		since += n + 1;
		if (since >= STOP_EVENTS)
		{
			if (status == BM_OK && bmc_stop(stop))
				status = BM_ESTOP;
			since = 0;
		}
	}
	free_grouping(&g, mem);
	bmc_free(mem, g.first);
	bmc_free(mem, run);
	return status;
}

/* ---- one session to one path ---- */

static inline bool
is(const BmPathRules *r, uint32_t node, uint8_t flag)
{
	return r->flags && (r->flags[node] & flag) != 0;
}

/* The first or the last place in [lo, hi) with the flag; hi where there is none. */
static size_t
find(const BmPathRules *r, const uint32_t *node, size_t lo, size_t hi, uint8_t flag, bool last)
{
	if (last)
	{
		for (size_t i = hi; i > lo; i--)
			if (is(r, node[i - 1], flag))
				return i - 1;
		return hi;
	}
	for (size_t i = lo; i < hi; i++)
		if (is(r, node[i], flag))
			return i;
	return hi;
}

/*
 * The part [*lo, *hi) of a session of n nodes between its anchors; false when it has none. Going
 * forwards the start is the anchor, and the path runs to the nearest end after it; in reverse the
 * end is the anchor, and the path runs back to the nearest start before it. With both anchors only
 * places that have a partner count, so the first (or last) one with a partner is taken.
 */
static bool
trim(const BmPathRules *r, const uint32_t *node, size_t n, size_t *lo, size_t *hi)
{
	size_t a = 0, b = n, limit = n;

	if (r->from_start && r->to_end)
	{
		if (!r->reverse)
		{
			limit = find(r, node, 0, n, BM_NODE_END, true); /* an end must follow */
			if (limit == n)
				return false;
			a = find(r, node, 0, limit, BM_NODE_START, r->last);
			if (a == limit)
				return false;
			b = find(r, node, a + 1, n, BM_NODE_END, false) + 1;
		}
		else
		{
			limit = find(r, node, 0, n, BM_NODE_START, false); /* a start must come before */
			if (limit == n)
				return false;
			b = find(r, node, limit + 1, n, BM_NODE_END, r->last);
			if (b == n)
				return false;
			a = find(r, node, 0, b, BM_NODE_START, true);
			b++;
		}
	}
	else if (r->from_start)
	{
		a = find(r, node, 0, n, BM_NODE_START, r->reverse || r->last);
		if (a == n)
			return false;
	}
	else if (r->to_end)
	{
		b = find(r, node, 0, n, BM_NODE_END, r->last);
		if (b == n)
			return false;
		b++;
	}
	*lo = a;
	*hi = b;
	return true;
}

static void
turn(uint32_t *node, int64_t *time, size_t n)
{
	for (size_t i = 0; i < n / 2; i++)
	{
		uint32_t x = node[i];
		int64_t t = time[i];

		node[i] = node[n - 1 - i];
		time[i] = time[n - 1 - i];
		node[n - 1 - i] = x;
		time[n - 1 - i] = t;
	}
}

/* A session of n nodes to what is kept of it, at its place; how many nodes that is. */
static size_t
make_path(const BmPathRules *r, uint32_t *node, int64_t *time, size_t n)
{
	size_t lo, hi;

	if (n == 0 || !trim(r, node, n, &lo, &hi))
		return 0;
	if (r->depth > 0 && hi - lo > r->depth)
	{
		if (r->reverse)
			lo = hi - r->depth;
		else
			hi = lo + r->depth;
	}
	n = hi - lo;
	if (lo > 0)
	{
		memmove(node, node + lo, n * sizeof(uint32_t));
		memmove(time, time + lo, n * sizeof(int64_t));
	}
	if (r->reverse)
		turn(node, time, n);
	return n;
}

/* ---- all of them ---- */

static BmStatus
grow(BmPaths *p, BmMem *mem)
{
	size_t capacity = p->capacity ? 2 * p->capacity : 1024;
	size_t *start = bmc_realloc(mem, p->start, capacity + 1, sizeof(size_t));
	uint32_t *user;

	if (!start)
		return BM_ENOMEM;
	p->start = start;
	user = bmc_realloc(mem, p->user, capacity, sizeof(uint32_t));
	if (!user)
		return BM_ENOMEM;
	p->user = user;
	p->capacity = capacity;
	return BM_OK;
}

/* A session of n nodes lies at the end of what is built: keep its path. */
static BmStatus
end_session(BmPaths *p, const BmPathRules *r, uint32_t user, size_t n, BmMem *mem)
{
	size_t at = p->start[p->n];

	n = make_path(r, p->node + at, p->time + at, n);
	if (n == 0)
		return BM_OK;
	if (p->n == p->capacity && grow(p, mem) != BM_OK)
		return BM_ENOMEM;
	p->user[p->n++] = user;
	p->start[p->n] = at + n;
	return BM_OK;
}

/* Does event e begin a session? The event before it is the same user's. */
static inline bool
begins(const BmPathRules *r, const uint32_t *session, size_t e, int64_t time, int64_t before)
{
	if (session && session[e] != session[e - 1])
		return true;
	if (r->gap < 0 || (session && session[e] != BM_NONE))
		return false;
	return time - before > r->gap;
}

/* All sessions of one user; events [from, to). */
static BmStatus
build_user(BmPaths *p, const BmPathRules *r, uint32_t user, size_t from, size_t to,
		   const uint32_t *session, BmMem *mem)
{
	size_t at = p->start[p->n], n = 0;
	int64_t before = 0;

	for (size_t e = from; e < to; e++)
	{
		uint32_t node = p->node[e];
		int64_t time = p->time[e]; /* read before anything is written: at + n <= e */

		if (e > from && begins(r, session, e, time, before))
		{
			if (end_session(p, r, user, n, mem) != BM_OK)
				return BM_ENOMEM;
			at = p->start[p->n];
			n = 0;
		}
		before = time; /* events that are left out keep their session alive */
		if (node == BM_NONE || (r->collapse && n > 0 && p->node[at + n - 1] == node))
			continue;
		p->node[at + n] = node;
		p->time[at + n] = time;
		n++;
	}
	return end_session(p, r, user, n, mem);
}

BmStatus
bmc_path_build(BmPaths *out, const BmPathRules *rules, size_t nusers, const size_t *start,
			   uint32_t *node, int64_t *time, const uint32_t *session, BmMem *mem,
			   const BmStop *stop)
{
	size_t since = 0;
	BmStatus status;

	memset(out, 0, sizeof(*out));
	out->node = node;
	out->time = time;
	status = grow(out, mem);
	if (status == BM_OK)
		out->start[0] = 0;
	for (size_t u = 0; u < nusers && status == BM_OK; u++)
	{
		status = build_user(out, rules, (uint32_t) u, start[u], start[u + 1], session, mem);
		since += start[u + 1] - start[u] + 1;
		if (since >= STOP_EVENTS)
		{
			if (status == BM_OK && bmc_stop(stop))
				status = BM_ESTOP;
			since = 0;
		}
	}
	if (status != BM_OK)
		bmc_path_free(out, mem);
	return status;
}

void
bmc_path_free(BmPaths *paths, BmMem *mem)
{
	bmc_free(mem, paths->start);
	bmc_free(mem, paths->user);
	paths->start = NULL;
	paths->user = NULL;
	paths->n = paths->capacity = 0;
}
