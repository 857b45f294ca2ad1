/*
 * itemset_tree.c
 *		FP-trees (Han, Pei and Yin 2000) in arrays: item, parent, weight of every node, the nodes of
 *		one item side by side. So an item's nodes need no links, and a tree is read and written in
 *		order.
 *
 * A tree of a tree is made without inserting paths: the ancestors of the item's nodes are touched
 * once each, weights are summed from the deepest item up, and from the top down every touched node
 * either goes into the node above it (its item is not frequent) or gets its place, shared with
 * siblings of its item that lost what was between them.
 */
#include <string.h>

#include "core/mine/itemset_search.h"

/* ---- memory ---- */

void
bmc_tree_free(BmSearch *s)
{
	BmTreeScratch *t = &s->tree;

	bmc_free(s->mem, t->sum);
	bmc_free(s->mem, t->sum_sig);
	bmc_free(s->mem, t->alias);
	bmc_free(s->mem, t->next);
	bmc_free(s->mem, t->seen);
	bmc_free(s->mem, t->list);
	bmc_free(s->mem, t->support);
	bmc_free(s->mem, t->touched);
	bmc_free(s->mem, t->frequent);
	memset(t, 0, sizeof(*t));
}

/* Scratch for a tree of so many nodes and items; no projection is under way. */
static BmStatus
reserve_scratch(BmSearch *s, size_t nodes, size_t items)
{
	BmTreeScratch *t = &s->tree;

	if (nodes <= t->nodes && items <= t->items)
		return BM_OK;
	nodes = nodes > t->nodes ? nodes + nodes / 4 : t->nodes;
	items = items > t->items ? items + items / 4 : t->items;
	bmc_tree_free(s);
	t->sum = bmc_alloc0(s->mem, nodes, sizeof(uint32_t));
	t->alias = bmc_alloc(s->mem, nodes, sizeof(uint32_t));
	t->next = bmc_alloc(s->mem, nodes, sizeof(uint32_t));
	t->seen = bmc_alloc(s->mem, nodes, sizeof(uint32_t));
	t->list = bmc_alloc(s->mem, items, sizeof(uint32_t));
	t->support = bmc_alloc0(s->mem, items, sizeof(uint32_t));
	t->touched = bmc_alloc0(s->mem, items / 64 + 1, sizeof(uint64_t));
	t->frequent = bmc_alloc(s->mem, items, sizeof(uint32_t));
	if (s->signatures)
		t->sum_sig = bmc_alloc0(s->mem, nodes, sizeof(uint64_t));
	if (!t->sum || !t->alias || !t->next || !t->seen || !t->list || !t->support || !t->touched ||
		!t->frequent || (s->signatures && !t->sum_sig))
		return BM_ENOMEM;
	memset(t->alias, 0xff, nodes * sizeof(uint32_t)); /* BM_NONE */
	memset(t->list, 0xff, items * sizeof(uint32_t));
	t->nodes = nodes;
	t->items = items;
	return BM_OK;
}

static BmStatus
take_nodes(BmSearch *s, BmBranch *b, size_t nodes)
{
	b->first = bmc_stack_take(&s->stack, (size_t) b->n + 1, sizeof(uint32_t));
	b->item = bmc_stack_take(&s->stack, nodes, sizeof(uint32_t));
	b->up = bmc_stack_take(&s->stack, nodes, sizeof(uint32_t));
	b->weight = bmc_stack_take(&s->stack, nodes, sizeof(uint32_t));
	b->weight_sig = s->signatures ? bmc_stack_take(&s->stack, nodes, sizeof(uint64_t)) : NULL;
	if (!b->first || !b->item || !b->up || !b->weight || (s->signatures && !b->weight_sig))
		return BM_ENOMEM;
	return BM_OK;
}

/* A node of the tree that is being made: the child of above for item j, made when there is none. */
static inline uint32_t
child_node(BmBranch *b, uint32_t *seen, uint32_t *nodes, uint32_t above, uint32_t j)
{
	uint32_t node = seen[above];

	if (node != BM_NONE && node >= b->first[j])
		return node;
	node = (*nodes)++;
	seen[above] = node;
	seen[node] = BM_NONE;
	b->item[node] = j;
	b->up[node] = above;
	b->weight[node] = 0;
	if (b->weight_sig)
		b->weight_sig[node] = 0;
	return node;
}

/* Is every item one node under that of the item before it? */
static bool
is_path(const BmBranch *b, uint32_t nodes)
{
	if (nodes != b->n + 1)
		return false;
	for (uint32_t j = 0; j < b->n; j++)
		if (b->first[j] != j + 1 || b->up[j + 1] != j)
			return false;
	return true;
}

/* All nodes are made: the end of the last item's, and the items' signatures. */
static void
complete(BmBranch *b, uint32_t nodes)
{
	b->first[b->n] = nodes;
	b->path = is_path(b, nodes);
	for (uint32_t j = 0; b->signature && j < b->n; j++)
	{
		b->signature[j] = 0;
		for (uint32_t v = b->first[j]; v < b->first[j + 1]; v++)
			b->signature[j] += b->weight_sig[v];
	}
}

/* ---- the tree of a list of baskets ---- */

/* holder: for every item of the tail, in order, the numbers k of the baskets that hold it. */
static BmStatus
list_holders(BmSearch *s, const BmBranch *b, const uint32_t *basket, size_t nbaskets,
			 uint32_t *holder, size_t *at)
{
	const BmSparse *baskets = s->baskets;
	size_t sum = 0;

	for (uint32_t j = 0; j < b->n; j++)
	{
		at[j] = sum;
		sum += b->support[j];
	}
	for (size_t k = 0; k < nbaskets; k++)
	{
		size_t e = baskets->start[basket[k]], end = baskets->start[basket[k] + 1];

		for (; e < end && baskets->col[e] <= b->code[b->n - 1]; e++)
			if (s->place[baskets->col[e]] != BM_NONE)
				holder[at[s->place[baskets->col[e]]]++] = (uint32_t) k;
		if ((k & 1023) == 0 && bmc_search_stop(s, 1024 * 32))
			return BM_ESTOP;
	}
	return BM_OK;
}

/* Item by item every basket goes one node down; stand (nbaskets) is where it is. */
static BmStatus
go_down(BmSearch *s, BmBranch *b, const uint32_t *basket, const uint32_t *holder, uint32_t *stand,
		uint32_t *seen)
{
	uint32_t nodes = 1;

	seen[0] = BM_NONE;
	for (uint32_t j = 0; j < b->n; j++)
	{
		b->first[j] = nodes;
		for (uint32_t h = 0; h < b->support[j]; h++, holder++)
		{
			uint32_t node = child_node(b, seen, &nodes, stand[*holder], j);

			b->weight[node]++;
			if (b->weight_sig)
				b->weight_sig[node] += bmc_basket_signature(basket[*holder]);
			stand[*holder] = node;
		}
		if (bmc_search_stop(s, (size_t) b->support[j] * 8))
			return BM_ESTOP;
	}
	complete(b, nodes);
	return reserve_scratch(s, nodes, b->n);
}

BmStatus
bmc_tree_make(BmSearch *s, BmBranch *b, const uint32_t *basket, size_t nbaskets)
{
	uint32_t *holder = NULL, *stand = NULL, *seen = NULL;
	size_t ones = 0, *at;
	BmStatus status;

	for (uint32_t j = 0; j < b->n; j++)
		ones += b->support[j];
	if (ones >= BM_NONE - 1)
		return BM_ELIMIT;
	if ((status = take_nodes(s, b, ones + 1)) != BM_OK)
		return status;
	holder = bmc_alloc(s->mem, ones, sizeof(uint32_t));
	stand = bmc_alloc0(s->mem, nbaskets, sizeof(uint32_t));
	seen = bmc_alloc(s->mem, ones + 1, sizeof(uint32_t));
	at = bmc_alloc(s->mem, b->n, sizeof(size_t));
	status = holder && stand && seen && at ? list_holders(s, b, basket, nbaskets, holder, at)
										   : BM_ENOMEM;
	if (status == BM_OK)
		status = go_down(s, b, basket, holder, stand, seen);
	bmc_free(s->mem, holder);
	bmc_free(s->mem, stand);
	bmc_free(s->mem, seen);
	bmc_free(s->mem, at);
	return status;
}

/* ---- projection ---- */

/* Touch the ancestors of the nodes of item i; returns how many, sums at the lowest ones. */
static uint32_t
touch(BmSearch *s, const BmBranch *parent, uint32_t i)
{
	BmTreeScratch *t = &s->tree;
	uint32_t touched = 0;

	for (uint32_t v = parent->first[i]; v < parent->first[i + 1]; v++)
	{
		uint32_t lowest = parent->up[v];

		if (lowest == 0)
			continue;
		for (uint32_t a = lowest; a != 0 && t->alias[a] == BM_NONE; a = parent->up[a])
		{
			uint32_t j = parent->item[a];

			t->alias[a] = 0;
			t->next[a] = t->list[j];
			t->list[j] = a;
			t->touched[j / 64] |= UINT64_C(1) << (j % 64);
			touched++;
		}
		t->sum[lowest] += parent->weight[v];
		if (s->signatures)
			t->sum_sig[lowest] += parent->weight_sig[v];
	}
	return touched;
}

/* From the deepest item up: sums of the nodes above, supports of the items. */
static void
sum_up(BmSearch *s, const BmBranch *parent, uint32_t i)
{
	BmTreeScratch *t = &s->tree;

	for (uint32_t w = i / 64 + 1; w-- > 0;)
		for (uint64_t bits = t->touched[w]; bits;)
		{
			int bit = 63 - __builtin_clzll(bits);
			uint32_t j = w * 64 + (uint32_t) bit;

			bits ^= UINT64_C(1) << bit;
			for (uint32_t a = t->list[j]; a != BM_NONE; a = t->next[a])
			{
				uint32_t above = parent->up[a];

				t->support[j] += t->sum[a];
				t->sum[above] += t->sum[a]; /* the root's sum is never read */
				if (s->signatures)
					t->sum_sig[above] += t->sum_sig[a];
			}
		}
}

/* Touched items into the tail and the perfect ones; the rest are dropped. */
static BmStatus
split_items(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i)
{
	BmTreeScratch *t = &s->tree;
	uint32_t n = 0, nperfect = 0;
	BmStatus status;

	for (uint32_t w = 0; w <= i / 64; w++)
		for (uint64_t bits = t->touched[w]; bits; bits &= bits - 1)
		{
			uint32_t j = w * 64 + (uint32_t) __builtin_ctzll(bits);

			if (t->support[j] < s->min_support)
				continue;
			if (s->absorb && t->support[j] == parent->support[i])
				nperfect++;
			else
				t->frequent[n++] = j;
		}
	if ((status = bmc_branch_take(s, child, n, nperfect)) != BM_OK)
		return status;
	child->n = n;
	for (uint32_t k = 0; k < n; k++)
	{
		child->code[k] = parent->code[t->frequent[k]];
		child->support[k] = t->support[t->frequent[k]];
	}
	return BM_OK;
}

/* From the top down: where the touched nodes of item j went in the child; k: its place in the tail. */
static void
place(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t j, uint32_t k, uint32_t *nodes)
{
	BmTreeScratch *t = &s->tree;

	for (uint32_t a = t->list[j]; a != BM_NONE; a = t->next[a])
	{
		uint32_t above = parent->up[a];
		uint32_t to = above == 0 ? 0 : t->alias[above];

		if (k != BM_NONE)
		{
			to = child_node(child, t->seen, nodes, to, k);
			child->weight[to] += t->sum[a];
			if (s->signatures)
				child->weight_sig[to] += t->sum_sig[a];
		}
		t->alias[a] = to;
	}
}

static BmStatus
place_all(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, uint32_t touched)
{
	BmTreeScratch *t = &s->tree;
	uint32_t nodes = 1, k = 0;
	BmStatus status = take_nodes(s, child, (size_t) touched + 1);

	if (status != BM_OK)
		return status;
	t->seen[0] = BM_NONE;
	for (uint32_t w = 0; w <= i / 64; w++)
		for (uint64_t bits = t->touched[w]; bits; bits &= bits - 1)
		{
			uint32_t j = w * 64 + (uint32_t) __builtin_ctzll(bits);
			bool kept = k < child->n && t->frequent[k] == j;

			if (kept)
				child->first[k] = nodes;
			place(s, child, parent, j, kept ? k : BM_NONE, &nodes);
			k += kept;
		}
	complete(child, nodes);
	return BM_OK;
}

/* Perfect items, in order; and everything that was touched is clean again. */
static void
finish(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i)
{
	BmTreeScratch *t = &s->tree;

	for (uint32_t w = 0; w <= i / 64; w++)
	{
		for (uint64_t bits = t->touched[w]; bits; bits &= bits - 1)
		{
			uint32_t j = w * 64 + (uint32_t) __builtin_ctzll(bits);

			if (s->absorb && t->support[j] == parent->support[i] && child->perfect)
				child->perfect[child->nperfect++] = parent->code[j];
			for (uint32_t a = t->list[j]; a != BM_NONE; a = t->next[a])
			{
				t->sum[a] = 0;
				t->alias[a] = BM_NONE;
				if (s->signatures)
					t->sum_sig[a] = 0;
			}
			t->list[j] = BM_NONE;
			t->support[j] = 0;
		}
		t->touched[w] = 0;
	}
	t->sum[0] = 0;
}

BmStatus
bmc_tree_project(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, bool leaf)
{
	uint32_t touched = touch(s, parent, i);
	BmStatus status;

	memset(child, 0, sizeof(*child));
	sum_up(s, parent, i);
	status = split_items(s, child, parent, i);
	if (status == BM_OK && child->n > 0 && !leaf)
		status = place_all(s, child, parent, i, touched);
	finish(s, child, parent, i);
	if (status == BM_OK &&
		bmc_search_stop(s, ((size_t) touched + parent->first[i + 1] - parent->first[i]) * 16 +
							   i / 64 + 16))
		status = BM_ESTOP;
	return status;
}
