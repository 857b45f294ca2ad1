/*
 * itemset_closed.c
 *		Closed itemsets: items in every basket of a head join it at once, and a head whose baskets are
 *		exactly those of a larger itemset found before is given up with its branch, for everything in it
 *		lies in that one's items, too (Zaki and Hsiao 2002, CHARM). Heads are tried from the rarest item
 *		on, so the larger itemset has been found. Sets of baskets are compared by a 64-bit signature,
 *		which a test of inclusion makes exact.
 */
#include <string.h>

#include "core/mine/itemset_miner.h"

static bool
contains(const BmItemsets *s, size_t row, const uint32_t *item, uint32_t length)
{
	const uint32_t *set = s->item + s->start[row];

	for (uint32_t i = 0; i < length; i++)
	{
		uint32_t lo = 0, hi = bmc_itemset_length(s, row);

		while (lo < hi)
		{
			uint32_t mid = lo + (hi - lo) / 2;

			if (set[mid] < item[i])
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo == bmc_itemset_length(s, row) || set[lo] != item[i])
			return false;
	}
	return true;
}

/* Is the head (length) in an itemset found before that lies in the same baskets? */
static bool
is_known(const BmMiner *m, uint32_t length, uint32_t support, uint64_t signature)
{
	size_t at = bmc_mix64(signature) & (m->nslots - 1);

	for (; m->slot[at] != BM_NONE; at = (at + 1) & (m->nslots - 1))
	{
		uint32_t row = m->slot[at];

		if (m->signature[row] == signature && m->out->count[row] == support &&
			contains(m->out, row, m->head, length))
			return true;
	}
	return false;
}

static void
add_slot(BmMiner *m, uint32_t row)
{
	size_t at = bmc_mix64(m->signature[row]) & (m->nslots - 1);

	while (m->slot[at] != BM_NONE)
		at = (at + 1) & (m->nslots - 1);
	m->slot[at] = row;
}

BmStatus
bmc_closed_slots(BmMiner *m, size_t rows)
{
	size_t nslots = m->nslots ? m->nslots : 1024;

	while (nslots < bmc_mul(2, rows))
		nslots *= 2;
	if (nslots != m->nslots)
	{
		bmc_free(m->s.mem, m->slot);
		m->slot = bmc_alloc(m->s.mem, nslots, sizeof(uint32_t));
		if (m->slot == NULL)
			return BM_ENOMEM;
		m->nslots = nslots;
	}
	memset(m->slot, 0xff, nslots * sizeof(uint32_t)); /* BM_NONE */
	for (size_t row = 0; row < m->out->n; row++)
	{
		add_slot(m, (uint32_t) row);
		if (bmc_search_stop(&m->s, 64))
			return BM_ESTOP;
	}
	return BM_OK;
}

static BmStatus
put_closed(BmMiner *m, uint32_t length, uint32_t support, uint64_t signature)
{
	size_t row = m->out->n;
	BmStatus status = bmc_miner_put(m, length, support);

	if (status != BM_OK)
		return status;
	if (row == m->signature_capacity)
	{
		size_t capacity = bmc_add(bmc_mul(2, row), 512);
		uint64_t *grown = bmc_realloc(m->s.mem, m->signature, capacity, sizeof(uint64_t));

		if (grown == NULL)
			return BM_ENOMEM;
		m->signature = grown;
		m->signature_capacity = capacity;
	}
	m->signature[row] = signature;
	if (2 * m->out->n > m->nslots)
		return bmc_closed_slots(m, 2 * m->out->n);
	add_slot(m, (uint32_t) row);
	return BM_OK;
}

/* The top-th largest support among rows of a wanted length; 0 when there are not so many. */
static uint32_t
top_support(const BmMiner *m, uint32_t *count)
{
	const BmItemsetOptions *o = m->s.options;
	size_t n = 0, lo = 0, hi;

	for (size_t i = 0; i < m->out->n; i++)
		if (bmc_length_wanted(o, m->out, i))
			count[n++] = m->out->count[i];
	if (n < o->top)
		return 0;
	for (hi = n - 1; lo < hi;) /* Hoare's select, largest first */
	{
		uint32_t pivot = count[lo + (hi - lo) / 2];
		size_t a = lo, b = hi;

		for (;; a++, b--)
		{
			uint32_t t;

			while (count[a] > pivot)
				a++;
			while (count[b] < pivot)
				b--;
			if (a >= b)
				break;
			t = count[a];
			count[a] = count[b];
			count[b] = t;
		}
		if (o->top - 1 <= b)
			hi = b;
		else
			lo = b + 1;
	}
	return count[o->top - 1];
}

/*
 * The least support rises to that of the k-th best; rows below it are not needed any more. Those of
 * just that support stay, however many: they tell which heads are not closed.
 */
static BmStatus
shrink_closed(BmMiner *m)
{
	BmItemsets *s = m->out;
	bool *keep = bmc_alloc(m->s.mem, s->n, sizeof(bool));
	uint32_t *count = bmc_alloc(m->s.mem, s->n, sizeof(uint32_t));
	uint32_t least = count ? top_support(m, count) : 0;
	size_t n = 0;
	BmStatus status = keep && count ? BM_OK : BM_ENOMEM;

	if (status == BM_OK && least > m->s.min_support)
	{
		for (size_t i = 0; i < s->n; i++)
		{
			keep[i] = s->count[i] >= least;
			if (keep[i])
				m->signature[n++] = m->signature[i];
		}
		bmc_itemsets_compact(s, keep);
		m->s.min_support = least;
		status = bmc_closed_slots(m, s->n);
	}
	bmc_free(m->s.mem, keep);
	bmc_free(m->s.mem, count);
	m->shrink_at = bmc_mul(2, s->n > m->s.options->top ? s->n : m->s.options->top);
	return status;
}

BmStatus
bmc_closed_enter(BmMiner *m, BmLevel *l, uint32_t i)
{
	uint32_t support = bmc_support_at(&l->branch, i), length = l->head + 1;
	uint64_t signature = l->branch.signature[i];
	BmStackMark mark = bmc_stack_mark(&m->s.stack);
	BmBranch child;
	BmStatus status;

	m->head[l->head] = l->branch.code[i];
	if (bmc_search_stop(&m->s, 32 + 8 * length))
		return BM_ESTOP;
	if (support < m->s.min_support || is_known(m, length, support, signature))
		return BM_OK;
	if ((status = bmc_miner_project(m, &child, &l->branch, i, false)) != BM_OK)
		return status;
	memcpy(m->head + length, child.perfect, child.nperfect * sizeof(uint32_t));
	length += child.nperfect;
	if ((status = put_closed(m, length, support, signature)) != BM_OK)
		return status;
	if (m->out->n >= m->shrink_at && (status = shrink_closed(m)) != BM_OK)
		return status;
	if (child.n > 0)
		return bmc_miner_push(m, &child, mark, length);
	bmc_stack_release(&m->s.stack, mark);
	return BM_OK;
}
