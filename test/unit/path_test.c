/*
 * Paths against a naive twin: every session written out in a list, edges, transitions, whole paths and
 * tree nodes counted by comparing everything with everything.
 * BEHAVMINE_CASES=50000 runs that many random cases a part; the default is quick.
 */
#include "unit.h"
#include "core/mine/path.h"
#include "core/mine/wildcard.h"
#include "core/num/rng.h"

#define MAX_EVENTS 60
#define MAX_USERS 6

typedef struct Path
{
	uint32_t user;
	size_t n;
	uint32_t node[MAX_EVENTS];
	int64_t time[MAX_EVENTS];
} Path;

typedef struct Data
{
	size_t nusers, n;
	size_t start[MAX_USERS + 1];
	uint32_t node[MAX_EVENTS], session[MAX_EVENTS];
	int64_t time[MAX_EVENTS];
	uint32_t nnodes, nsessions;
	uint8_t flags[8];
	BmPathRules rules;
	bool numbered;
	size_t npaths;
	Path path[MAX_EVENTS];
} Data;

static long
cases(long normal)
{
	const char *wanted = getenv("BEHAVMINE_CASES");

	return wanted ? atol(wanted) : normal;
}

static void
draw(Data *d, BmRng *rng)
{
	memset(d, 0, sizeof(*d));
	d->nusers = 1 + bmc_rng_below(rng, MAX_USERS);
	d->nnodes = 1 + bmc_rng_below(rng, 6);
	d->nsessions = 1 + bmc_rng_below(rng, 5);
	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t m = bmc_rng_below(rng, MAX_EVENTS / MAX_USERS + 1);
		int64_t t = 0;

		for (size_t i = 0; i < m; i++, d->n++)
		{
			t += bmc_rng_below(rng, 6);
			d->time[d->n] = t;
			d->node[d->n] = bmc_rng_below(rng, 8) == 0 ? BM_NONE : bmc_rng_below(rng, d->nnodes);
			d->session[d->n] =
				bmc_rng_below(rng, 4) == 0 ? BM_NONE : bmc_rng_below(rng, d->nsessions);
		}
		d->start[u + 1] = d->n;
	}
	for (uint32_t i = 0; i < sizeof(d->flags) && i < d->nnodes; i++)
		d->flags[i] = (uint8_t) bmc_rng_below(rng, 4);
	d->rules.gap = bmc_rng_below(rng, 4) == 0 ? -1 : (int64_t) bmc_rng_below(rng, 5);
	d->rules.flags = d->flags;
	d->rules.from_start = bmc_rng_below(rng, 2);
	d->rules.to_end = bmc_rng_below(rng, 2);
	d->rules.last = bmc_rng_below(rng, 2);
	d->rules.reverse = bmc_rng_below(rng, 2);
	d->rules.collapse = bmc_rng_below(rng, 2);
	d->rules.depth = bmc_rng_below(rng, 6);
	d->numbered = bmc_rng_below(rng, 3) == 0;
}

/* ---- the twin: by definition, in copies ---- */

static bool
flagged(const Data *d, uint32_t node, int flag)
{
	return (d->flags[node] & flag) != 0;
}

/* All parts [a, b] of a session that the anchors allow; the chosen one is cut out of p. */
static bool
naive_trim(const Data *d, Path *p)
{
	const BmPathRules *r = &d->rules;
	int best_a = -1, best_b = -1, n = (int) p->n;
	Path out = *p;

	for (int a = 0; a < n; a++)
		for (int b = a; b < n; b++)
		{
			bool better;

			if (r->from_start ? !flagged(d, p->node[a], BM_NODE_START) : a != 0)
				continue;
			if (r->to_end ? !flagged(d, p->node[b], BM_NODE_END) : b != n - 1)
				continue;
			if (r->from_start && r->to_end && b == a)
				continue;
			if (r->from_start && r->to_end)
			{
				/* tied to one anchor by occurrence, the other the nearest partner */
				int tie = r->reverse ? b : a, best_tie = r->reverse ? best_b : best_a;
				int length = b - a, best_length = best_b - best_a;

				better = best_a < 0 || (r->last ? tie > best_tie : tie < best_tie) ||
						 (tie == best_tie && length < best_length);
			}
			else if (r->from_start)
				better = best_a < 0 || (r->last || r->reverse ? a > best_a : a < best_a);
			else
				better = best_a < 0 || (r->last ? b > best_b : b < best_b);
			if (better)
				best_a = a, best_b = b;
		}
	if (best_a < 0)
		return false;
	p->n = 0;
	for (int k = 0; k <= best_b - best_a && (r->depth == 0 || k < (int) r->depth); k++)
	{
		int from = r->reverse ? best_b - k : best_a + k;

		p->node[p->n] = out.node[from];
		p->time[p->n++] = out.time[from];
	}
	return true;
}

static void
naive_session(Data *d, Path *p)
{
	Path kept = {.user = p->user};

	for (size_t i = 0; i < p->n; i++)
		if (p->node[i] != BM_NONE &&
			!(d->rules.collapse && kept.n > 0 && kept.node[kept.n - 1] == p->node[i]))
		{
			kept.node[kept.n] = p->node[i];
			kept.time[kept.n++] = p->time[i];
		}
	if (kept.n > 0 && naive_trim(d, &kept))
		d->path[d->npaths++] = kept;
}

/* Sessions of a user, in the order of their first events. */
static void
naive_paths(Data *d)
{
	for (size_t u = 0; u < d->nusers; u++)
	{
		bool done[MAX_EVENTS] = {false};

		for (size_t i = d->start[u]; i < d->start[u + 1]; i++)
		{
			Path p = {.user = (uint32_t) u};
			int64_t before = 0;

			if (done[i])
				continue;
			for (size_t j = i; j < d->start[u + 1]; j++)
			{
				bool mine = !d->numbered || d->session[j] == d->session[i];

				if (!mine || done[j])
					continue;
				if (p.n > 0 && d->rules.gap >= 0 && d->time[j] - before > d->rules.gap &&
					(!d->numbered || d->session[i] == BM_NONE))
				{
					naive_session(d, &p);
					p.n = 0;
				}
				before = d->time[j];
				p.node[p.n] = d->node[j];
				p.time[p.n++] = d->time[j];
				done[j] = true;
			}
			naive_session(d, &p);
		}
	}
}

static BmStatus
build(Data *d, BmPaths *paths, uint32_t *node, int64_t *time, BmMem *mem)
{
	uint32_t session[MAX_EVENTS];
	BmStatus status = BM_OK;

	memcpy(node, d->node, sizeof(d->node));
	memcpy(time, d->time, sizeof(d->time));
	memcpy(session, d->session, sizeof(session));
	if (d->numbered)
		status = bmc_path_group(d->nusers, d->start, node, time, session, d->nsessions, mem, NULL);
	if (status == BM_OK)
		status = bmc_path_build(paths, &d->rules, d->nusers, d->start, node, time,
								d->numbered ? session : NULL, mem, NULL);
	return status;
}

static void
check_paths(const Data *d, const BmPaths *p)
{
	CHECK_INT(p->n, d->npaths);
	for (size_t i = 0; i < p->n && i < d->npaths; i++)
	{
		const Path *want = &d->path[i];

		CHECK_INT(p->user[i], want->user);
		CHECK_INT(p->start[i + 1] - p->start[i], want->n);
		for (size_t e = 0; e < want->n && e < p->start[i + 1] - p->start[i]; e++)
		{
			CHECK_INT(p->node[p->start[i] + e], want->node[e]);
			CHECK_INT(p->time[p->start[i] + e], want->time[e]);
		}
	}
}

/* ---- edges ---- */

static int
by_value(const void *x, const void *y)
{
	int64_t a = *(const int64_t *) x, b = *(const int64_t *) y;

	return a < b ? -1 : a > b;
}

static double
naive_median(int64_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? (double) v[n / 2] : ((double) v[n / 2 - 1] + (double) v[n / 2]) / 2;
}

/* Rank of a node at a place: 0 is the most frequent, ties by code. */
static uint32_t
naive_name(const Data *d, size_t place, bool everywhere, uint32_t node, uint32_t top)
{
	uint32_t count[8] = {0}, rank = 0;

	for (size_t i = 0; i < d->npaths; i++)
		for (size_t e = 0; e < d->path[i].n; e++)
			if (everywhere || e == place)
				count[d->path[i].node[e]]++;
	for (uint32_t x = 0; x < d->nnodes; x++)
		rank += count[x] > count[node] || (count[x] == count[node] && x < node);
	return rank < top ? node : BM_NODE_OTHER;
}

/* One edge by definition: pairs of (source, target) at place, or anywhere. */
static void
naive_edge(const Data *d, BmEdge *e, bool everywhere, uint32_t top)
{
	int64_t gap[MAX_EVENTS];
	size_t gaps = 0;
	bool user[MAX_USERS] = {false};

	e->count = e->users = 0;
	for (size_t i = 0; i < d->npaths; i++)
	{
		const Path *p = &d->path[i];

		for (size_t k = 0; k <= p->n; k++) /* from k-1 to k; 0: the entry, n: the exit */
		{
			size_t place = everywhere ? 0 : e->layer - 1;
			uint32_t a =
				k == 0 ? BM_NODE_ENTRY : naive_name(d, k - 1, everywhere, p->node[k - 1], top);
			uint32_t b = k == p->n ? BM_NODE_EXIT : naive_name(d, k, everywhere, p->node[k], top);

			if ((!everywhere && k != place + 1) || a != e->source || b != e->target)
				continue;
			e->count++;
			user[p->user] = true;
			if (k > 0 && k < p->n)
				gap[gaps++] = llabs(p->time[k] - p->time[k - 1]);
		}
	}
	for (size_t u = 0; u < MAX_USERS; u++)
		e->users += user[u];
	e->seconds = gaps ? naive_median(gap, gaps) / 1e6 : NAN;
}

/* Every edge is right; the counts of all edges add up, so none is missing. */
static void
check_edges(const Data *d, const BmEdges *edges, bool everywhere, const BmEdgeRules *rules,
			uint32_t depth)
{
	size_t total = 0, wanted = 0;

	for (size_t i = 0; i < edges->n; i++)
	{
		const BmEdge *e = &edges->edge[i];
		BmEdge want = *e;

		naive_edge(d, &want, everywhere, rules->top);
		CHECK_INT(e->count, want.count);
		CHECK_INT(e->users, want.users);
		CHECK(isnan(e->seconds) ? isnan(want.seconds) : fabs(e->seconds - want.seconds) < 1e-12);
		CHECK(e->users >= rules->min_users);
		if (i > 0 && e->layer == e[-1].layer)
			CHECK(e->count < e[-1].count ||
				  (e->count == e[-1].count &&
				   (e->source > e[-1].source ||
					(e->source == e[-1].source && e->target > e[-1].target))));
		total += e->count;
	}
	if (rules->min_users > 1)
		return;
	for (size_t i = 0; i < d->npaths; i++)
	{
		size_t n = d->path[i].n;

		if (everywhere)
			wanted += n - 1 + 2 * rules->exits;
		else
			wanted += n >= depth ? depth - 1 : n - 1 + rules->exits;
	}
	CHECK_INT(total, wanted);
}

/* ---- paths as wholes ---- */

static void
check_tree(const Data *d, BmPathTree *t, const BmPaths *paths, BmMem *mem, BmRng *rng)
{
	uint32_t best[MAX_EVENTS], min_users = 1 + bmc_rng_below(rng, 2);
	size_t k = 1 + bmc_rng_below(rng, 8), n, distinct = 0;

	for (size_t i = 0; i < t->n; i++)
	{
		uint32_t node[MAX_EVENTS], sessions = 0, ended = 0, users = 0, ended_users = 0;
		bool seen[MAX_USERS] = {false}, ends[MAX_USERS] = {false};
		size_t step = t->node[i].step;

		for (uint32_t id = (uint32_t) i; id != BM_NONE; id = t->node[id].parent)
			node[t->node[id].step - 1] = t->node[id].node;
		for (size_t p = 0; p < d->npaths; p++)
			if (d->path[p].n >= step && memcmp(d->path[p].node, node, step * sizeof(*node)) == 0)
			{
				sessions++;
				seen[d->path[p].user] = true;
				ended += d->path[p].n == step;
				ends[d->path[p].user] |= d->path[p].n == step;
			}
		for (size_t u = 0; u < MAX_USERS; u++)
			users += seen[u], ended_users += ends[u];
		CHECK(sessions > 0);
		CHECK_INT(t->node[i].sessions, sessions);
		CHECK_INT(t->node[i].ended, ended);
		CHECK_INT(t->node[i].users, users);
		CHECK_INT(t->node[i].ended_users, ended_users);
		distinct += ended > 0 && ended_users >= min_users;
	}
	CHECK_INT(bmc_path_ends(best, &n, k, min_users, t, paths, mem, NULL), BM_OK);
	CHECK_INT(n, distinct < k ? distinct : k);
	for (size_t i = 0; i < n; i++)
	{
		int64_t gap[MAX_EVENTS];
		size_t gaps = 0;

		for (size_t p = 0; p < d->npaths; p++)
			if (t->of_path[p] == best[i])
				gap[gaps++] = llabs(d->path[p].time[d->path[p].n - 1] - d->path[p].time[0]);
		CHECK_NEAR(t->node[best[i]].seconds, naive_median(gap, gaps) / 1e6, 1e-12);
		if (i > 0)
			CHECK(t->node[best[i]].ended <= t->node[best[i - 1]].ended);
		for (size_t j = 0; j < t->n; j++)
			if (t->node[j].ended > t->node[best[n - 1]].ended &&
				t->node[j].ended_users >= min_users)
			{
				bool found = false;

				for (size_t b = 0; b < n; b++)
					found = found || best[b] == j;
				CHECK(found);
			}
	}
}

/* The pruned tree: depth first, no more children than allowed, flows conserved. */
static void
check_pruned(const BmPathTree *t, const BmPathTree *whole, size_t npaths, uint32_t top,
			 uint32_t min_users)
{
	size_t first = 0;

	for (size_t i = 0; i < t->n; i++)
	{
		const BmPathTreeNode *x = &t->node[i];
		size_t children = 0, sessions = 0;

		first += x->parent == BM_NONE ? x->sessions : 0;
		CHECK(x->parent == BM_NONE ? x->step == 1
								   : x->parent < i && x->step == t->node[x->parent].step + 1);
		CHECK(x->node == BM_NODE_OTHER || x->users >= min_users);
		CHECK(x->step == 1 ? isnan(x->seconds) : x->seconds >= 0);
		for (size_t j = i + 1; j < t->n; j++)
			if (t->node[j].parent == i)
			{
				children += t->node[j].node != BM_NODE_OTHER;
				sessions += t->node[j].sessions;
			}
		CHECK(children <= top);
		if (x->node != BM_NODE_OTHER)
			CHECK_INT(sessions + x->ended, x->sessions);
		else
			CHECK_INT(children, 0);
		/* a kept node has the numbers of the whole tree */
		for (size_t j = 0; j < whole->n && x->node != BM_NODE_OTHER; j++)
		{
			uint32_t a = (uint32_t) i, b = (uint32_t) j;

			while (a != BM_NONE && b != BM_NONE && t->node[a].node == whole->node[b].node)
				a = t->node[a].parent, b = whole->node[b].parent;
			if (a == BM_NONE && b == BM_NONE)
			{
				CHECK_INT(x->sessions, whole->node[j].sessions);
				CHECK_INT(x->users, whole->node[j].users);
				CHECK_INT(x->ended, whole->node[j].ended);
			}
		}
	}
	CHECK_INT(first, npaths);
}

static void
run_case(uint64_t seed)
{
	static Data d;
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRng rng = bmc_rng(seed, 1);
	uint32_t node[MAX_EVENTS], depth;
	int64_t time[MAX_EVENTS];
	BmPaths paths;
	BmEdges edges;
	BmPathTree tree, top;
	BmEdgeRules rules;
	uint32_t keep = 1 + bmc_rng_below(&rng, 4), min_users = 1 + bmc_rng_below(&rng, 2);

	draw(&d, &rng);
	naive_paths(&d);
	CHECK_INT(build(&d, &paths, node, time, mem), BM_OK);
	check_paths(&d, &paths);
	rules = (BmEdgeRules){d.nnodes, keep, BM_NONE, min_users, bmc_rng_below(&rng, 2) == 0};
	depth = d.rules.depth ? d.rules.depth : 8;
	if (depth >= 2)
	{
		CHECK_INT(bmc_path_edges(&edges, &paths, &rules, depth, mem, NULL), BM_OK);
		check_edges(&d, &edges, false, &rules, depth);
		bmc_free(mem, edges.edge);
	}
	CHECK_INT(bmc_path_transitions(&edges, &paths, &rules, mem, NULL), BM_OK);
	check_edges(&d, &edges, true, &rules, 0);
	bmc_free(mem, edges.edge);
	CHECK_INT(bmc_path_tree(&tree, &paths, mem, NULL), BM_OK);
	check_tree(&d, &tree, &paths, mem, &rng);
	CHECK_INT(bmc_path_prune(&top, &tree, &paths, keep, min_users, mem, NULL), BM_OK);
	check_pruned(&top, &tree, d.npaths, keep, min_users);
	bmc_path_tree_free(&top, mem);
	bmc_path_tree_free(&tree, mem);
	bmc_path_free(&paths, mem);
	CHECK_INT(h.live, 0);
}

/* ---- by hand ---- */

static void
test_worked(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	/* two users: a b b c | a c, and a c */
	uint32_t node[] = {0, 1, 1, 2, 0, 2, 0, 2};
	int64_t time[] = {0, 10000000, 20000000, 40000000, 9000000000, 9000000000, 0, 6000000};
	size_t start[] = {0, 6, 8};
	BmPathRules rules = {.gap = INT64_C(1800000000), .collapse = true, .depth = 5};
	BmEdgeRules edge_rules = {3, 10, BM_NONE, 1, true};
	BmPaths p;
	BmEdges e;

	CASE("paths: a worked example of edges with layers, sessions and users apart");
	CHECK_INT(bmc_path_build(&p, &rules, 2, start, node, time, NULL, mem, NULL), BM_OK);
	CHECK_INT(p.n, 3);
	CHECK_INT(bmc_path_edges(&e, &p, &edge_rules, 5, mem, NULL), BM_OK);
	CHECK_INT(e.n, 5);
	/* layer 1: a -> c by two sessions of two users, 0 s and 6 s; a -> b by one, 10 s */
	CHECK_INT(e.edge[0].layer * 1000 + e.edge[0].source * 100 + e.edge[0].target, 1002);
	CHECK_INT(e.edge[0].count, 2);
	CHECK_INT(e.edge[0].users, 2);
	CHECK_NEAR(e.edge[0].seconds, 3, 1e-12);
	CHECK_INT(e.edge[1].target, 1);
	CHECK_NEAR(e.edge[1].seconds, 10, 1e-12);
	/* layer 2: c -> exit twice, b -> c after 30 s from the first b */
	CHECK_INT(e.edge[2].layer, 2);
	CHECK(e.edge[2].target == BM_NODE_EXIT && isnan(e.edge[2].seconds));
	CHECK_NEAR(e.edge[3].seconds, 30, 1e-12);
	CHECK_INT(e.edge[4].layer, 3);
	bmc_free(mem, e.edge);
	bmc_path_free(&p, mem);
	CHECK_INT(h.live, 0);
}

static void
test_median(void)
{
	BmRng rng = bmc_rng(5, 5);
	int64_t v[300], copy[300];

	CASE("the median by selection is that of the sorted list");
	for (int round = 0; round < 3000; round++)
	{
		size_t n = 1 + bmc_rng_below(&rng, 300);
		uint32_t range = 1 + bmc_rng_below(&rng, round % 3 == 0 ? 3 : 100000);

		for (size_t i = 0; i < n; i++)
			copy[i] = v[i] = (int64_t) bmc_rng_below(&rng, range) - 5;
		CHECK_NEAR(bmc_path_median(v, n), naive_median(copy, n), 0);
	}
}

static bool
naive_match(const char *p, const char *t)
{
	if (*p == '*')
		return naive_match(p + 1, t) || (*t && naive_match(p, t + 1));
	return *p == *t && (*p == '\0' || naive_match(p + 1, t + 1));
}

static void
test_wildcard(void)
{
	BmRng rng = bmc_rng(6, 6);

	CASE("wildcards match what the recursive definition matches");
	for (int round = 0; round < 100000; round++)
	{
		char p[8], t[10];
		size_t np = bmc_rng_below(&rng, 7), nt = bmc_rng_below(&rng, 9);

		for (size_t i = 0; i < np; i++)
			p[i] = "ab*"[bmc_rng_below(&rng, 3)];
		for (size_t i = 0; i < nt; i++)
			t[i] = "ab"[bmc_rng_below(&rng, 2)];
		p[np] = t[nt] = '\0';
		CHECK(bmc_wildcard_match(p, np, t, nt) == naive_match(p, t));
	}
}

/* ---- what goes wrong ---- */

static bool
always(void *arg)
{
	return true;
}

static void
test_failures(void)
{
	static Data d;
	BmStop stop = {always, NULL};

	CASE("paths: every allocation may fail, and nothing is left behind");
	for (uint64_t seed = 1; seed < 30; seed++)
	{
		bool done = false;

		for (long fail = 1; !done && fail < 100; fail++)
		{
			UnitHeap h;
			BmMem *mem = unit_heap(&h);
			BmRng rng = bmc_rng(seed, 1);
			uint32_t node[MAX_EVENTS], best[4];
			int64_t time[MAX_EVENTS];
			size_t n;
			BmEdgeRules rules = {8, 3, BM_NONE, 1, true};
			BmPaths paths = {0};
			BmEdges edges = {0};
			BmPathTree tree = {0}, top = {0};
			BmStatus s;

			draw(&d, &rng);
			h.fail_at = fail;
			s = build(&d, &paths, node, time, mem);
			if (s == BM_OK)
				s = bmc_path_edges(&edges, &paths, &rules, 6, mem, NULL);
			bmc_free(mem, edges.edge);
			edges = (BmEdges){0};
			if (s == BM_OK)
				s = bmc_path_transitions(&edges, &paths, &rules, mem, NULL);
			if (s == BM_OK)
				s = bmc_path_tree(&tree, &paths, mem, NULL);
			if (s == BM_OK)
				s = bmc_path_ends(best, &n, 4, 1, &tree, &paths, mem, NULL);
			if (s == BM_OK)
				s = bmc_path_prune(&top, &tree, &paths, 2, 1, mem, NULL);
			CHECK(s == BM_OK || s == BM_ENOMEM);
			done = s == BM_OK && h.calls < fail;
			bmc_free(mem, edges.edge);
			bmc_path_tree_free(&top, mem);
			bmc_path_tree_free(&tree, mem);
			bmc_path_free(&paths, mem);
			CHECK_INT(h.live, 0);
		}
		CHECK(done);
	}
	CASE("paths: a stop is heard, and nothing is left behind");
	{
		UnitHeap h;
		BmMem *mem = unit_heap(&h);
		size_t n = 3000000, start[2] = {0, n};
		uint32_t *node = malloc(n * sizeof(*node));
		int64_t *time = malloc(n * sizeof(*time));
		BmPathRules rules = {.gap = 0, .depth = 5};
		BmEdgeRules edge_rules = {3, 3, BM_NONE, 1, true};
		BmPaths paths;
		BmEdges edges;
		BmPathTree tree;

		for (size_t i = 0; i < n; i++)
			node[i] = i % 3, time[i] = (int64_t) i / 4;
		CHECK_INT(bmc_path_build(&paths, &rules, 1, start, node, time, NULL, mem, &stop), BM_ESTOP);
		CHECK_INT(bmc_path_build(&paths, &rules, 1, start, node, time, NULL, mem, NULL), BM_OK);
		CHECK_INT(bmc_path_edges(&edges, &paths, &edge_rules, 5, mem, &stop), BM_ESTOP);
		CHECK_INT(bmc_path_transitions(&edges, &paths, &edge_rules, mem, &stop), BM_ESTOP);
		CHECK_INT(bmc_path_tree(&tree, &paths, mem, &stop), BM_ESTOP);
		bmc_path_free(&paths, mem);
		free(node), free(time);
		CHECK_INT(h.live, 0);
	}
}

int
main(void)
{
	test_worked();
	test_median();
	test_wildcard();
	CASE("paths, edges, transitions and trees are those of the naive twin, on random events");
	for (long i = 0; i < cases(4000); i++)
		run_case((uint64_t) i);
	test_failures();
	return unit_done();
}
