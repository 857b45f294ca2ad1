/*
 * itemset_tree.c
 *		FP-trees (Han, Pei and Yin 2000) in arrays: item, parent, weight of every node, the nodes of
 *		one item side by side. So an item's nodes need no links, and a tree is read and written in
 *		order.
 *
 * A conditional tree is made without inserting paths: the ancestors of the item's nodes are touched
 * once each, weights are summed from the deepest item up, and from the top down every touched node
 * either goes into the node above it (its item is not frequent) or gets its place, shared with
 * siblings of its item that lost what was between them.
 */
#include <string.h>

#include "core/mine/itemset_search.h"
#include "core/num/rng.h"

/* ---- the tree of all baskets ---- */

static BmStatus
alloc_scratch(BmSearch *s, size_t nodes, uint32_t n)
{
	BmTreeScratch *t = &s->tree;

	t->sum = bmc_alloc0(s->mem, nodes, sizeof(uint32_t));
	t->alias = bmc_alloc(s->mem, nodes, sizeof(uint32_t));
	t->next = bmc_alloc(s->mem, nodes, sizeof(uint32_t));
	t->seen = bmc_alloc(s->mem, nodes, sizeof(uint32_t));
	t->list = bmc_alloc(s->mem, n, sizeof(uint32_t));
	t->support = bmc_alloc0(s->mem, n, sizeof(uint32_t));
	t->touched = bmc_alloc0(s->mem, (size_t) n / 64 + 1, sizeof(uint64_t));
	t->frequent = bmc_alloc(s->mem, n, sizeof(uint32_t));
	if (!t->sum || !t->alias || !t->next || !t->seen || !t->list || !t->support || !t->touched ||
		!t->frequent)
		return BM_ENOMEM;
	if (s->signatures && (t->sum_sig = bmc_alloc0(s->mem, nodes, sizeof(uint64_t))) == NULL)
		return BM_ENOMEM;
	memset(t->alias, 0xff, nodes * sizeof(uint32_t)); /* BM_NONE */
	memset(t->list, 0xff, n * sizeof(uint32_t));
	return BM_OK;
}

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

/* Arrays of a tail of n items; support and signature are filled by the engine. */
static BmStatus
take_tail(BmSearch *s, BmBranch *b, uint32_t n, bool leaf)
{
	b->n = n;
	b->code = bmc_stack_take(&s->stack, n, sizeof(uint32_t));
	b->support = bmc_stack_take(&s->stack, n, sizeof(uint32_t));
	b->first = leaf ? NULL : bmc_stack_take(&s->stack, (size_t) n + 1, sizeof(uint32_t));
	b->signature = s->signatures ? bmc_stack_take(&s->stack, n, sizeof(uint64_t)) : NULL;
	if (!b->code || !b->support || (!leaf && !b->first) || (s->signatures && !b->signature))
		return BM_ENOMEM;
	return BM_OK;
}

static BmStatus
take_nodes(BmSearch *s, BmBranch *b, size_t nodes)
{
	b->item = bmc_stack_take(&s->stack, nodes, sizeof(uint32_t));
	b->up = bmc_stack_take(&s->stack, nodes, sizeof(uint32_t));
	b->weight = bmc_stack_take(&s->stack, nodes, sizeof(uint32_t));
	b->weight_sig = s->signatures ? bmc_stack_take(&s->stack, nodes, sizeof(uint64_t)) : NULL;
	if (!b->item || !b->up || !b->weight || (s->signatures && !b->weight_sig))
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

/* Item by item, every basket goes one node down; at (rows) is where it stands. */
static BmStatus
build_root(BmSearch *s, BmBranch *root, const BmSparse *by_item, uint32_t *at, uint32_t *seen,
		   uint32_t *nodes)
{
	*nodes = 1;
	seen[0] = BM_NONE;
	for (uint32_t j = 0; j < root->n; j++)
	{
		uint32_t code = root->code[j];

		root->first[j] = *nodes;
		for (size_t e = by_item->start[code]; e < by_item->start[code + 1]; e++)
		{
			uint32_t basket = by_item->col[e];
			uint32_t node = child_node(root, seen, nodes, at[basket], j);

			root->weight[node]++;
			if (root->weight_sig)
				root->weight_sig[node] += bmc_mix64(basket);
			at[basket] = node;
		}
		if (bmc_search_stop(s, (by_item->start[code + 1] - by_item->start[code]) * 8))
			return BM_ESTOP;
	}
	root->first[root->n] = *nodes;
	return BM_OK;
}

/* Signatures of the root's items: sums over their nodes. */
static void
sum_signatures(BmBranch *b)
{
	for (uint32_t j = 0; b->signature && j < b->n; j++)
	{
		b->signature[j] = 0;
		for (uint32_t v = b->first[j]; v < b->first[j + 1]; v++)
			b->signature[j] += b->weight_sig[v];
	}
}

BmStatus
bmc_tree_root(BmSearch *s, BmBranch *root, const uint32_t *support)
{
	const BmSparse *baskets = s->baskets;
	BmSparse by_item = {0};
	uint32_t *at = NULL, *seen = NULL, n = 0, nodes = 0;
	size_t most = 1;
	BmStatus status;

	for (size_t c = 0; c < baskets->cols; c++)
		n += support[c] >= s->min_support;
	memset(root, 0, sizeof(*root));
	root->root = true;
	if ((status = take_tail(s, root, n, false)) != BM_OK)
		return status;
	n = 0;
	for (size_t c = 0; c < baskets->cols; c++)
		if (support[c] >= s->min_support)
		{
			root->code[n] = (uint32_t) c;
			root->support[n++] = support[c];
			most += support[c];
		}
	if (most >= BM_NONE)
		return BM_ELIMIT;
	if ((status = bmc_sparse_transpose(&by_item, baskets, s->mem)) != BM_OK)
		return status;
	at = bmc_alloc0(s->mem, baskets->rows, sizeof(uint32_t));
	seen = bmc_alloc(s->mem, most, sizeof(uint32_t));
	status = at && seen ? take_nodes(s, root, most) : BM_ENOMEM;
	if (status == BM_OK)
		status = build_root(s, root, &by_item, at, seen, &nodes);
	bmc_sparse_free(&by_item, s->mem);
	bmc_free(s->mem, at);
	bmc_free(s->mem, seen);
	if (status != BM_OK)
		return status;
	sum_signatures(root);
	return alloc_scratch(s, nodes, n);
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
split_items(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, bool leaf)
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
	child->perfect = bmc_stack_take(&s->stack, nperfect, sizeof(uint32_t));
	if (child->perfect == NULL)
		return BM_ENOMEM;
	status = take_tail(s, child, n, leaf);
	if (status != BM_OK)
		return status;
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
	child->first[child->n] = nodes;
	child->path = is_path(child, nodes);
	sum_signatures(child);
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
	status = split_items(s, child, parent, i, leaf);
	if (status == BM_OK && child->n > 0 && !leaf)
		status = place_all(s, child, parent, i, touched);
	finish(s, child, parent, i);
	if (status == BM_OK &&
		bmc_search_stop(s, ((size_t) touched + parent->first[i + 1] - parent->first[i]) * 16 +
							   i / 64 + 16))
		status = BM_ESTOP;
	return status;
}
