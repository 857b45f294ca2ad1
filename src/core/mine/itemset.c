/*
 * itemset.c
 *		Mining frequent itemsets, depth first: heads grow by items of ever higher support, over FP-trees
 *		or bit sets.
 *
 * Here are the search itself, and all itemsets; closed and maximal ones have their own files. Top: the
 * least support rises with the k best so far; the search begins with a guess of it, halved until k
 * are found.
 */
#include <string.h>

#include "core/mine/itemset_miner.h"

/* ---- branches ---- */

/* A path needs no projection: what holds item i holds all items before it. */
static void
project_path(const BmMiner *m, BmBranch *child, const BmBranch *parent, uint32_t i)
{
	memset(child, 0, sizeof(*child));
	if (m->s.absorb)
	{
		child->nperfect = i;
		child->perfect = parent->code;
		return;
	}
	child->n = i;
	child->code = parent->code;
	child->support = parent->support + (parent->flat ? 0 : i);
	child->path = child->flat = true;
}

BmStatus
bmc_miner_project(BmMiner *m, BmBranch *child, const BmBranch *parent, uint32_t i, bool leaf)
{
	if (parent->path)
	{
		project_path(m, child, parent, i);
		return bmc_search_stop(&m->s, 64) ? BM_ESTOP : BM_OK;
	}
	if (parent->root)
		return bmc_root_project(&m->s, child, parent, i, leaf);
	return parent->bits ? bmc_bits_project(&m->s, child, parent, i, leaf)
						: bmc_tree_project(&m->s, child, parent, i, leaf);
}

BmStatus
bmc_miner_push(BmMiner *m, const BmBranch *branch, BmStackMark mark, uint32_t head)
{
	BmLevel *l;

	if (m->depth == m->level_capacity)
	{
		size_t capacity = bmc_add(bmc_mul(2, m->level_capacity), 16);

		l = bmc_realloc(m->s.mem, m->level, capacity, sizeof(BmLevel));
		if (l == NULL)
			return BM_ENOMEM;
		m->level = l;
		m->level_capacity = capacity;
	}
	l = &m->level[m->depth++];
	memset(l, 0, sizeof(*l));
	l->branch = *branch;
	l->mark = mark;
	l->head = head;
	l->next = branch->n;
	l->pending = BM_NONE;
	return BM_OK;
}

BmStatus
bmc_miner_put(BmMiner *m, uint32_t length, uint32_t support)
{
	const BmItemsetOptions *o = m->s.options;

	if (m->out->n >= BM_NONE - 1 || (o->most && m->out->n == o->most))
		return BM_ELIMIT;
	if (bmc_search_stop(&m->s, length + 8))
		return BM_ESTOP;
	return bmc_itemsets_put(m->out, m->head, length, support);
}

/* ---- all, and top ---- */

static inline bool
may_enter(const BmMiner *m, uint32_t length, uint32_t support)
{
	return support > m->bound_count || (support == m->bound_count && length <= m->bound_length);
}

/* Twice as many as are wanted have been found: only the k best stay, in order, and tell the bound. */
static BmStatus
shrink_all(BmMiner *m)
{
	BmItemsets *s = m->out;
	BmStatus status = bmc_itemsets_sort(s, m->s.stop);

	if (status != BM_OK)
		return status;
	s->n = m->s.options->top;
	m->bound = s->n - 1;
	m->bound_count = s->count[m->bound];
	m->bound_length = bmc_itemset_length(s, m->bound);
	m->s.min_support = m->bound_count;
	return BM_OK;
}

/*
 * May a larger itemset with the head's first length items, and tail of b's first i, enter? Of equal
 * support and length the smaller codes do: the least possible are the first ones of the tail, then
 * the head.
 */
static bool
may_extend(const BmMiner *m, const BmBranch *b, uint32_t i, uint32_t length, uint32_t support)
{
	uint32_t shortest = length + 1, more;
	const uint32_t *last;

	if (shortest < m->s.options->min_length)
		shortest = m->s.options->min_length;
	more = shortest - length;
	if (i < more || !may_enter(m, shortest, support))
		return false;
	if (support > m->bound_count || shortest < m->bound_length || m->bound == SIZE_MAX)
		return true;
	last = m->out->item + m->out->start[m->bound];
	for (uint32_t at = 0; at < shortest; at++)
	{
		uint32_t code = at < more ? b->code[at] : m->head[shortest - 1 - at];

		if (code != last[at])
			return code < last[at];
	}
	return false;
}

static BmStatus
enter_all(BmMiner *m, BmLevel *l, uint32_t i)
{
	const BmItemsetOptions *o = m->s.options;
	uint32_t support = bmc_support_at(&l->branch, i), length = l->head + 1;
	BmStackMark mark = bmc_stack_mark(&m->s.stack);
	BmBranch child;
	BmStatus status;

	if (!may_enter(m, length, support))
		return BM_OK;
	m->head[l->head] = l->branch.code[i];
	if (length >= o->min_length)
	{
		if ((status = bmc_miner_put(m, length, support)) != BM_OK)
			return status;
		if (m->out->n >= m->shrink_at && (status = shrink_all(m)) != BM_OK)
			return status;
	}
	if (length == o->max_length || !may_extend(m, &l->branch, i, length, support))
		return BM_OK;
	status = bmc_miner_project(m, &child, &l->branch, i, length + 1 == o->max_length);
	if (status == BM_OK && child.n > 0)
		return bmc_miner_push(m, &child, mark, length);
	bmc_stack_release(&m->s.stack, mark);
	return status;
}

/* ---- the search ---- */

static BmStatus
search(BmMiner *m)
{
	while (m->depth > 0)
	{
		BmLevel *l = &m->level[m->depth - 1];
		BmStatus status = l->holders ? bmc_maximal_settle(m, l) : BM_OK;

		if (status == BM_OK && l->next > 0)
		{
			l->next--;
			status = m->enter(m, l, m->ascending ? l->branch.n - 1 - l->next : l->next);
		}
		else if (status == BM_OK)
		{
			if (l->holders)
				m->nholders = l->pool;
			bmc_stack_release(&m->s.stack, l->mark);
			m->depth--;
		}
		if (status != BM_OK)
			return status;
	}
	return BM_OK;
}

static BmStatus
begin(BmMiner *m, const uint32_t *support)
{
	BmStackMark mark = bmc_stack_mark(&m->s.stack);
	BmBranch root;
	BmStatus status = bmc_root_open(&m->s, &root, support);

	if (status == BM_OK)
		status = bmc_miner_push(m, &root, mark, 0);
	if (status == BM_OK && m->s.options->kind == BM_ITEMSETS_MAXIMAL)
		status = bmc_maximal_begin(m, &m->level[0]);
	if (status == BM_OK && m->s.options->kind == BM_ITEMSETS_CLOSED)
		status = bmc_closed_slots(m, 0);
	return status;
}

/* Lengths that are not wanted go, then the order, then the k best. */
static BmStatus
finish(BmMiner *m)
{
	const BmItemsetOptions *o = m->s.options;
	BmItemsets *s = m->out;
	BmStatus status;

	if (o->kind != BM_ITEMSETS_ALL && s->n > 0)
	{
		bool *keep = bmc_alloc(m->s.mem, s->n, sizeof(bool));

		if (keep == NULL)
			return BM_ENOMEM;
		for (size_t i = 0; i < s->n; i++)
			keep[i] = bmc_length_wanted(o, s, i);
		bmc_itemsets_compact(s, keep);
		bmc_free(m->s.mem, keep);
	}
	status = bmc_itemsets_sort(s, m->s.stop);
	if (status == BM_OK && o->top > 0 && s->n > o->top)
		s->n = o->top;
	return status;
}

static void
free_miner(BmMiner *m)
{
	BmMem *mem = m->s.mem;

	bmc_root_free(&m->s);
	bmc_tree_free(&m->s);
	bmc_bits_free(&m->s);
	bmc_stack_free(&m->s.stack);
	bmc_free(mem, m->level);
	bmc_free(mem, m->head);
	bmc_free(mem, m->signature);
	bmc_free(mem, m->slot);
	bmc_free(mem, m->holder);
	bmc_free(mem, m->mark);
}

/* One search at min_support. */
static BmStatus
mine(BmItemsets *out, const BmSparse *baskets, const BmItemsetOptions *o, uint32_t min_support,
	 const uint32_t *support, size_t longest, BmMem *mem, const BmStop *stop)
{
	BmMiner m;
	BmStatus status = BM_OK;

	memset(&m, 0, sizeof(m));
	bmc_itemsets_init(out, mem);
	m.out = out;
	m.s.baskets = baskets;
	m.s.options = o;
	m.s.stop = stop;
	m.s.mem = mem;
	m.s.min_support = m.bound_count = min_support;
	m.bound_length = UINT32_MAX;
	m.bound = SIZE_MAX;
	m.s.signatures = o->kind == BM_ITEMSETS_CLOSED;
	m.s.absorb = o->kind != BM_ITEMSETS_ALL;
	m.shrink_at = o->top && o->kind != BM_ITEMSETS_MAXIMAL ? bmc_mul(2, o->top) : SIZE_MAX;
	m.ascending = o->kind == BM_ITEMSETS_ALL;
	m.enter = o->kind == BM_ITEMSETS_ALL      ? enter_all
			  : o->kind == BM_ITEMSETS_CLOSED ? bmc_closed_enter
											  : bmc_maximal_enter;
	bmc_stack_init(&m.s.stack, mem);
	m.head = bmc_alloc(mem, longest + 1, sizeof(uint32_t));
	m.mark = bmc_alloc0(mem, baskets->cols, 1);
	if (m.head == NULL || m.mark == NULL)
		status = BM_ENOMEM;
	if (status == BM_OK)
		status = begin(&m, support);
	if (status == BM_OK)
		status = search(&m);
	if (status == BM_OK)
		status = finish(&m);
	free_miner(&m);
	if (status != BM_OK)
		bmc_itemsets_free(out);
	return status;
}

/* Supports of the codes, and the longest basket; BM_EINVAL unless codes ascend and are in range. */
static BmStatus
check_baskets(const BmSparse *b, uint32_t *support, size_t *longest)
{
	*longest = 0;
	for (size_t r = 0; r < b->rows; r++)
	{
		for (size_t e = b->start[r]; e < b->start[r + 1]; e++)
		{
			if (b->col[e] >= b->cols || (e > b->start[r] && b->col[e] <= b->col[e - 1]))
				return BM_EINVAL;
			support[b->col[e]]++;
		}
		if (b->start[r + 1] - b->start[r] > *longest)
			*longest = b->start[r + 1] - b->start[r];
	}
	return BM_OK;
}

/* Where a search for the top best begins: at the support of the item of that rank. */
static uint32_t
first_guess(const BmItemsetOptions *o, const uint32_t *support, size_t cols)
{
	uint32_t guess = cols > 0 ? support[(o->top < cols ? o->top : cols) - 1] : 0;

	if (o->top == 0 || o->kind == BM_ITEMSETS_MAXIMAL || guess < o->min_support)
		return o->min_support;
	return guess;
}

BmStatus
bmc_itemsets_mine(BmItemsets *out, const BmSparse *baskets, const BmItemsetOptions *options,
				  BmMem *mem, const BmStop *stop)
{
	uint32_t *support, least;
	size_t longest;
	BmStatus status;

	bmc_itemsets_init(out, mem);
	if (options->min_support < 1 || options->min_length < 1)
		return BM_EINVAL;
	if (baskets->rows >= BM_NONE || baskets->cols > (size_t) 1 << 31)
		return BM_ELIMIT;
	support = bmc_alloc0(mem, baskets->cols, sizeof(uint32_t));
	if (support == NULL)
		return BM_ENOMEM;
	status = check_baskets(baskets, support, &longest);
	if (status == BM_OK && bmc_stop(stop))
		status = BM_ESTOP;
	least = first_guess(options, support, baskets->cols);
	while (status == BM_OK)
	{
		status = mine(out, baskets, options, least, support, longest, mem, stop);
		if (status != BM_OK || least == options->min_support || out->n >= options->top)
			break;
		bmc_itemsets_free(out);
		least = least / 2 > options->min_support ? least / 2 : options->min_support;
	}
	bmc_free(mem, support);
	return status;
}
