/*
 * path_tree.c
 *		Paths as a tree of prefixes: whole paths are its ends, a chart of where people went is its top.
 *
 * A child is found by hashing (parent, node); so every event of every path is one probe, and a path
 * is one number from then on.
 */
#include "core/mine/path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/num/rng.h"
#include "core/num/sort.h"

#define STOP_EVENTS 0x40000
#define FIRST_SLOTS 1024
#define MICROS 1e6

/* ---- children by hash ---- */

typedef struct Children
{
	uint32_t *slot; /* (nslots) tree node, or BM_NONE; at most half are used */
	size_t nslots;
} Children;

static inline size_t
child_hash(uint32_t parent, uint32_t node)
{
	return (size_t) bmc_mix64((uint64_t) parent << 32 | node);
}

static BmStatus
children_grow(Children *c, const BmPathTree *t, BmMem *mem)
{
	size_t nslots = c->nslots ? 2 * c->nslots : FIRST_SLOTS;

	bmc_free(mem, c->slot);
	c->slot = bmc_alloc(mem, nslots, sizeof(uint32_t));
	if (!c->slot)
		return BM_ENOMEM;
	c->nslots = nslots;
	memset(c->slot, 0xff, nslots * sizeof(uint32_t));
	for (size_t i = 0; i < t->n; i++)
	{
		size_t s = child_hash(t->node[i].parent, t->node[i].node) & (nslots - 1);

		while (c->slot[s] != BM_NONE)
			s = (s + 1) & (nslots - 1);
		c->slot[s] = (uint32_t) i;
	}
	return BM_OK;
}

static BmStatus
add_node(BmPathTree *t, uint32_t parent, uint32_t node, uint32_t step, BmMem *mem)
{
	if (t->n == t->capacity)
	{
		size_t capacity = t->capacity ? 2 * t->capacity : FIRST_SLOTS / 2;
		BmPathTreeNode *grown;

		if (capacity > UINT32_MAX / 4)
			return BM_ELIMIT;
		grown = bmc_realloc(mem, t->node, capacity, sizeof(BmPathTreeNode));
		if (!grown)
			return BM_ENOMEM;
		t->node = grown;
		t->capacity = capacity;
	}
	t->node[t->n++] = (BmPathTreeNode){.parent = parent,
									   .node = node,
									   .step = step,
									   .seen = BM_NONE,
									   .ended_seen = BM_NONE,
									   .seconds = NAN};
	return BM_OK;
}

/* The child of parent with this node, made where there is none. */
static BmStatus
child(uint32_t *id, BmPathTree *t, Children *c, uint32_t parent, uint32_t node, uint32_t step,
	  BmMem *mem)
{
	size_t s = child_hash(parent, node) & (c->nslots - 1);
	BmStatus status;

	for (; c->slot[s] != BM_NONE; s = (s + 1) & (c->nslots - 1))
	{
		*id = c->slot[s];
		if (t->node[*id].parent == parent && t->node[*id].node == node)
			return BM_OK;
	}
	*id = (uint32_t) t->n;
	status = add_node(t, parent, node, step, mem);
	c->slot[s] = *id;
	if (status == BM_OK && 2 * t->n > c->nslots)
		status = children_grow(c, t, mem);
	return status;
}

static void
pass(BmPathTreeNode *node, uint32_t user, bool ends)
{
	node->sessions++;
	node->users += node->seen != user;
	node->seen = user;
	if (!ends)
		return;
	node->ended++;
	node->ended_users += node->ended_seen != user;
	node->ended_seen = user;
}

BmStatus
bmc_path_tree(BmPathTree *out, const BmPaths *paths, BmMem *mem, const BmStop *stop)
{
	Children children = {NULL, 0};
	size_t since = 0;
	BmStatus status;

	memset(out, 0, sizeof(*out));
	status = children_grow(&children, out, mem);
	if (status == BM_OK)
	{
		out->of_path = bmc_alloc(mem, paths->n, sizeof(uint32_t));
		status = out->of_path ? BM_OK : BM_ENOMEM;
	}
	for (size_t p = 0; p < paths->n && status == BM_OK; p++)
	{
		size_t begin = paths->start[p], end = paths->start[p + 1];
		uint32_t id = BM_NONE;

		for (size_t e = begin; e < end && status == BM_OK; e++)
		{
			status =
				child(&id, out, &children, id, paths->node[e], (uint32_t) (e - begin + 1), mem);
			if (status == BM_OK)
				pass(&out->node[id], paths->user[p], e + 1 == end);
		}
		out->of_path[p] = id;
		since += end - begin + 1;
		if (since >= STOP_EVENTS)
		{
			if (status == BM_OK && bmc_stop(stop))
				status = BM_ESTOP;
			since = 0;
		}
	}
	bmc_free(mem, children.slot);
	if (status != BM_OK)
		bmc_path_tree_free(out, mem);
	return status;
}

void
bmc_path_tree_free(BmPathTree *tree, BmMem *mem)
{
	bmc_free(mem, tree->node);
	bmc_free(mem, tree->of_path);
	memset(tree, 0, sizeof(*tree));
}

/* ---- the most frequent whole paths ---- */

static inline int64_t
gap(const BmPaths *p, size_t a, size_t b)
{
	int64_t d = p->time[b] - p->time[a];

	return d < 0 ? -d : d;
}

/* Median seconds of the chosen ends; place (tree nodes) is where one's gaps end so far, or SIZE_MAX. */
static BmStatus
fill_ends(BmPathTree *t, const BmPaths *p, const uint32_t *best, size_t n, size_t *place,
		  int64_t *gaps, const BmStop *stop)
{
	for (size_t i = 0; i < p->n; i++)
	{
		uint32_t id = t->of_path[i];

		if (i % STOP_EVENTS == 0 && bmc_stop(stop))
			return BM_ESTOP;
		if (place[id] != SIZE_MAX)
			gaps[place[id]++] = gap(p, p->start[i], p->start[i + 1] - 1);
	}
	for (size_t i = 0; i < n; i++)
	{
		BmPathTreeNode *node = &t->node[best[i]];

		node->seconds = bmc_path_median(gaps + place[best[i]] - node->ended, node->ended) / MICROS;
		if (bmc_stop(stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

BmStatus
bmc_path_ends(uint32_t *best, size_t *n, size_t k, uint32_t min_users, BmPathTree *tree,
			  const BmPaths *paths, BmMem *mem, const BmStop *stop)
{
	uint64_t *key = bmc_alloc(mem, tree->n, sizeof(uint64_t));
	uint32_t *id = bmc_alloc(mem, tree->n, sizeof(uint32_t));
	size_t *place = bmc_alloc(mem, tree->n, sizeof(size_t));
	int64_t *gaps = NULL;
	size_t found = 0, total = 0;
	BmStatus status = key && id && place ? BM_OK : BM_ENOMEM;

	*n = 0;
	for (size_t i = 0; i < tree->n && status == BM_OK; i++)
	{
		place[i] = SIZE_MAX;
		if (tree->node[i].ended == 0 || tree->node[i].ended_users < min_users)
			continue;
		key[found] = UINT32_MAX - tree->node[i].ended;
		id[found++] = (uint32_t) i;
	}
	if (status == BM_OK)
		status = bmc_sort_u64(key, id, found, mem);
	if (status == BM_OK)
	{
		*n = found < k ? found : k;
		for (size_t i = 0; i < *n; i++)
		{
			best[i] = id[i];
			place[best[i]] = total;
			total += tree->node[best[i]].ended;
		}
		gaps = bmc_alloc(mem, total, sizeof(int64_t));
		status = gaps ? fill_ends(tree, paths, best, *n, place, gaps, stop) : BM_ENOMEM;
	}
	bmc_free(mem, gaps);
	bmc_free(mem, place);
	bmc_free(mem, id);
	bmc_free(mem, key);
	return status;
}

/* ---- the top of the tree ---- */

/* A child of some node: siblings are put in order, most paths first, when their parent is kept. */
typedef struct Sibling
{
	uint32_t count, node, id;
} Sibling;

static int
compare_siblings(const void *x, const void *y)
{
	const Sibling *a = x, *b = y;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

typedef struct Pruner
{
	const BmPathTree *from;
	BmPathTree *to;
	Sibling *child; /* (from->n) by parent */
	size_t *first;  /* (from->n+2) children of the roots' parent at [0], of node i at [i+1] */
	uint32_t *copy; /* (from->n) where a node went: its copy, or its siblings' "other" */
	uint32_t top, min_users;
	BmMem *mem;
} Pruner;

/* The children of every node together: a counting sort. */
static void
collect_children(Pruner *x)
{
	const BmPathTree *t = x->from;

	memset(x->first, 0, (t->n + 2) * sizeof(size_t));
	for (size_t i = 0; i < t->n; i++)
		x->first[(size_t) (uint32_t) (t->node[i].parent + 1) + 1]++;
	for (size_t i = 0; i <= t->n; i++)
		x->first[i + 1] += x->first[i];
	for (size_t i = t->n; i-- > 0;)
	{
		const BmPathTreeNode *n = &t->node[i];
		size_t *end = &x->first[(size_t) (uint32_t) (n->parent + 1) + 1];

		x->child[--*end] = (Sibling){n->sessions, n->node, (uint32_t) i};
	}
	/* every bound has moved to the begin of its own range: one place to the left */
	memmove(x->first, x->first + 1, (t->n + 1) * sizeof(size_t));
	x->first[t->n + 1] = t->n;
}

/*
 * Copies of the children of one node, each followed by its own children, the rest of them as one
 * leaf. Recursion is at most BM_MAX_PATH_DEPTH deep.
 */
static BmStatus
copy_children(Pruner *x, uint32_t id, uint32_t copy, uint32_t step)
{
	size_t slot = (size_t) (uint32_t) (id + 1), n = x->first[slot + 1] - x->first[slot];
	Sibling *child = x->child + x->first[slot];
	uint32_t other = BM_NONE;
	BmStatus status = BM_OK;

	if (n > 1)
		qsort(child, n, sizeof(Sibling), compare_siblings);
	for (size_t i = 0; i < n && i < x->top && status == BM_OK; i++)
	{
		uint32_t here = (uint32_t) x->to->n;

		if (x->from->node[child[i].id].users < x->min_users)
			continue;
		x->copy[child[i].id] = here;
		status = add_node(x->to, copy, child[i].node, step, x->mem);
		if (status == BM_OK)
			status = copy_children(x, child[i].id, here, step + 1);
	}
	for (size_t i = 0; i < n && status == BM_OK; i++)
	{
		if (x->copy[child[i].id] != BM_NONE)
			continue;
		if (other == BM_NONE)
		{
			other = (uint32_t) x->to->n;
			status = add_node(x->to, copy, BM_NODE_OTHER, step, x->mem);
		}
		x->copy[child[i].id] = other;
	}
	return status;
}

/* Walk every path down the copies until it ends or leaves into an "other". */
static BmStatus
walk_copies(Pruner *x, const BmPaths *p, size_t *place, int64_t *gaps, const BmStop *stop)
{
	uint32_t down[BM_MAX_PATH_DEPTH];
	size_t since = 0;

	for (size_t i = 0; i < p->n; i++)
	{
		size_t begin = p->start[i], length = p->start[i + 1] - begin, s = length;

		for (uint32_t id = x->from->of_path[i]; id != BM_NONE; id = x->from->node[id].parent)
			down[--s] = id;
		for (s = 0; s < length; s++)
		{
			uint32_t copy = x->copy[down[s]];
			bool other = x->to->node[copy].node == BM_NODE_OTHER;

			if (!place)
				pass(&x->to->node[copy], p->user[i], s + 1 == length);
			else if (s > 0)
				gaps[place[copy]++] = gap(p, begin + s - 1, begin + s);
			if (other)
				break;
		}
		since += length + 1;
		if (since >= STOP_EVENTS)
		{
			if (bmc_stop(stop))
				return BM_ESTOP;
			since = 0;
		}
	}
	return BM_OK;
}

/* Median seconds from the parent, for all nodes but the first of paths. */
static BmStatus
fill_copies(Pruner *x, const BmPaths *p, BmMem *mem, const BmStop *stop)
{
	BmPathTree *t = x->to;
	size_t *place = bmc_alloc(mem, t->n, sizeof(size_t)), total = 0;
	int64_t *gaps;
	BmStatus status;

	for (size_t i = 0; i < t->n && place; i++)
	{
		place[i] = total;
		total += t->node[i].step > 1 ? t->node[i].sessions : 0;
	}
	gaps = bmc_alloc(mem, total, sizeof(int64_t));
	status = place && gaps ? walk_copies(x, p, place, gaps, stop) : BM_ENOMEM;
	for (size_t i = 0; i < t->n && status == BM_OK; i++)
	{
		uint32_t n = t->node[i].sessions;

		if (t->node[i].step > 1)
			t->node[i].seconds = bmc_path_median(gaps + place[i] - n, n) / MICROS;
		if (i % 1024 == 0 && bmc_stop(stop))
			status = BM_ESTOP;
	}
	bmc_free(mem, gaps);
	bmc_free(mem, place);
	return status;
}

BmStatus
bmc_path_prune(BmPathTree *out, const BmPathTree *tree, const BmPaths *paths, uint32_t top,
			   uint32_t min_users, BmMem *mem, const BmStop *stop)
{
	Pruner x = {.from = tree, .to = out, .top = top, .min_users = min_users, .mem = mem};
	BmStatus status = BM_ENOMEM;

	memset(out, 0, sizeof(*out));
	x.child = bmc_alloc(mem, tree->n, sizeof(Sibling));
	x.first = bmc_alloc(mem, tree->n + 2, sizeof(size_t));
	x.copy = bmc_alloc(mem, tree->n, sizeof(uint32_t));
	if (x.child && x.first && x.copy)
	{
		memset(x.copy, 0xff, tree->n * sizeof(uint32_t));
		collect_children(&x);
		status = copy_children(&x, BM_NONE, BM_NONE, 1);
	}
	if (status == BM_OK)
		status = walk_copies(&x, paths, NULL, NULL, stop);
	if (status == BM_OK)
		status = fill_copies(&x, paths, mem, stop);
	bmc_free(mem, x.child);
	bmc_free(mem, x.first);
	bmc_free(mem, x.copy);
	if (status != BM_OK)
		bmc_path_tree_free(out, mem);
	return status;
}
