/*
 * itemset_maximal.c
 *		Maximal itemsets: a head is given up when it and its whole tail lie in a maximal itemset found
 *		before. That one is looked for only among those that hold the head: they travel down the search
 *		with it, each filed under the next item of the tail that it holds (the progressive focusing of
 *		Gouda and Zaki 2001, GenMax).
 */
#include <string.h>

#include "core/mine/itemset_miner.h"

/* Index of code among the first n of the tail, or BM_NONE. */
static uint32_t
tail_index(const BmBranch *b, uint32_t code, uint32_t n)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi)
	{
		uint32_t mid = lo + (hi - lo) / 2;

		if (b->code[mid] < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && b->code[lo] == code ? lo : BM_NONE;
}

/* Put holder h where its next item among the first n of the tail is; it ends when there is none. */
static void
file_holder(BmMiner *m, BmLevel *l, uint32_t h, uint32_t n)
{
	BmHolder *holder = &m->holder[h];
	const uint32_t *set = m->out->item + m->out->start[holder->set];

	while (holder->at > 0)
	{
		uint32_t j = tail_index(&l->branch, set[--holder->at], n);

		if (j == BM_NONE)
			continue;
		holder->next = l->holders[j];
		l->holders[j] = h;
		return;
	}
}

/* A new holder of row set, before item at of it; BM_NONE without memory. */
static uint32_t
new_holder(BmMiner *m, uint32_t set, uint32_t at)
{
	if (m->nholders == m->holder_capacity)
	{
		size_t capacity = bmc_add(bmc_mul(2, m->holder_capacity), 1024);
		BmHolder *grown = capacity < BM_NONE
							  ? bmc_realloc(m->s.mem, m->holder, capacity, sizeof(BmHolder))
							  : NULL;

		if (grown == NULL)
			return BM_NONE;
		m->holder = grown;
		m->holder_capacity = capacity;
	}
	m->holder[m->nholders] = (BmHolder){set, at, BM_NONE};
	return (uint32_t) m->nholders++;
}

BmStatus
bmc_maximal_settle(BmMiner *m, BmLevel *l)
{
	size_t work = m->out->n - l->found;

	for (uint32_t h = l->pending, next; h != BM_NONE; h = next, work++)
	{
		next = m->holder[h].next;
		file_holder(m, l, h, l->next);
	}
	l->pending = BM_NONE;
	for (; l->found < m->out->n; l->found++)
	{
		uint32_t h = new_holder(m, (uint32_t) l->found, bmc_itemset_length(m->out, l->found));

		if (h == BM_NONE)
			return BM_ENOMEM;
		file_holder(m, l, h, l->next);
	}
	return bmc_search_stop(&m->s, work * 64) ? BM_ESTOP : BM_OK;
}

BmStatus
bmc_maximal_begin(BmMiner *m, BmLevel *l)
{
	l->holders = bmc_stack_take(&m->s.stack, l->branch.n, sizeof(uint32_t));
	if (l->holders == NULL)
		return BM_ENOMEM;
	memset(l->holders, 0xff, l->branch.n * sizeof(uint32_t)); /* BM_NONE */
	l->found = m->out->n;
	l->pool = m->nholders;
	return BM_OK;
}

enum
{
	IN_TAIL = 1,
	IN_PERFECT = 2
};

static void
mark_items(BmMiner *m, const BmBranch *b, bool on)
{
	for (uint32_t j = 0; j < b->n; j++)
		m->mark[b->code[j]] = on ? IN_TAIL : 0;
	for (uint32_t j = 0; j < b->nperfect; j++)
		m->mark[b->perfect[j]] = on ? IN_PERFECT : 0;
}

/* How many of the marked items are among the first n of set, by mark. */
static void
count_marks(const BmMiner *m, const uint32_t *set, uint32_t n, uint32_t marks[3])
{
	marks[0] = marks[IN_TAIL] = marks[IN_PERFECT] = 0;
	for (uint32_t k = 0; k < n; k++)
		marks[m->mark[set[k]]]++;
}

/* Is the head with the whole of the branch in one of the sets of list? */
static bool
is_covered(BmMiner *m, const BmBranch *b, uint32_t list)
{
	bool covered = false;
	size_t work = b->n + b->nperfect;

	mark_items(m, b, true);
	for (uint32_t h = list; h != BM_NONE && !covered; h = m->holder[h].next)
	{
		const BmHolder *holder = &m->holder[h];
		uint32_t marks[3];

		count_marks(m, m->out->item + m->out->start[holder->set], holder->at, marks);
		covered = marks[IN_TAIL] == b->n && marks[IN_PERFECT] == b->nperfect;
		work += holder->at;
	}
	mark_items(m, b, false);
	m->s.work += work;
	return covered;
}

/* The sets of list that hold the perfect items too are those that the new level begins with. */
static BmStatus
inherit_holders(BmMiner *m, BmLevel *l, uint32_t list)
{
	BmStatus status = BM_OK;

	mark_items(m, &l->branch, true);
	for (uint32_t h = list; h != BM_NONE && status == BM_OK; h = m->holder[h].next)
	{
		uint32_t set = m->holder[h].set, at = m->holder[h].at, marks[3], mine;

		count_marks(m, m->out->item + m->out->start[set], at, marks);
		m->s.work += at;
		if (marks[IN_PERFECT] != l->branch.nperfect)
			continue;
		mine = new_holder(m, set, at);
		if (mine == BM_NONE)
			status = BM_ENOMEM;
		else
			file_holder(m, l, mine, l->branch.n);
	}
	mark_items(m, &l->branch, false);
	return status;
}

/* The head with all of the branch is one frequent itemset, in no set known. */
static BmStatus
put_maximal(BmMiner *m, const BmBranch *b, uint32_t length, uint32_t support)
{
	memcpy(m->head + length, b->code, b->n * sizeof(uint32_t));
	return bmc_miner_put(m, length + b->n, b->n > 0 ? b->support[b->n - 1] : support);
}

BmStatus
bmc_maximal_enter(BmMiner *m, BmLevel *l, uint32_t i)
{
	uint32_t support = bmc_support_at(&l->branch, i), length = l->head + 1;
	uint32_t list = l->pending = l->holders[i];
	BmStackMark mark = bmc_stack_mark(&m->s.stack);
	BmBranch child;
	BmStatus status;

	l->holders[i] = BM_NONE;
	m->head[l->head] = l->branch.code[i];
	if ((status = bmc_miner_project(m, &child, &l->branch, i, false)) != BM_OK)
		return status;
	if (is_covered(m, &child, list))
	{
		bmc_stack_release(&m->s.stack, mark);
		return BM_OK;
	}
	memcpy(m->head + length, child.perfect, child.nperfect * sizeof(uint32_t));
	length += child.nperfect;
	if (child.n == 0 || child.path)
	{
		status = put_maximal(m, &child, length, support);
		bmc_stack_release(&m->s.stack, mark);
		return status;
	}
	if ((status = bmc_miner_push(m, &child, mark, length)) != BM_OK)
		return status;
	if ((status = bmc_maximal_begin(m, &m->level[m->depth - 1])) != BM_OK)
		return status;
	return inherit_holders(m, &m->level[m->depth - 1], list);
}
