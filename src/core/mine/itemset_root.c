/*
 * itemset_root.c
 *		The first level of the search, over the baskets themselves: the items beside an item are counted
 *		by walking its baskets, so that a pair costs nothing where it does not occur; then its branch
 *		is made, as a tree or as bits, of the frequent ones alone.
 */
#include <string.h>

#include "core/mine/itemset_search.h"

/* Below so many words of work bits are always good; of more they may take this many bytes. */
#define BITS_ANYWAY 1e6
#define BITS_BYTES ((double) (64 << 20))
/* Nanoseconds of touching a tree's node, in words of bits ANDed (measured on retail baskets). */
#define NODE_COST 8.0

BmStatus
bmc_branch_take(BmSearch *s, BmBranch *b, uint32_t n, uint32_t nperfect)
{
	b->code = bmc_stack_take(&s->stack, n, sizeof(uint32_t));
	b->support = bmc_stack_take(&s->stack, n, sizeof(uint32_t));
	b->signature = s->signatures ? bmc_stack_take(&s->stack, n, sizeof(uint64_t)) : NULL;
	b->perfect = bmc_stack_take(&s->stack, nperfect, sizeof(uint32_t));
	if (!b->code || !b->support || !b->perfect || (s->signatures && !b->signature))
		return BM_ENOMEM;
	return BM_OK;
}

void
bmc_root_free(BmSearch *s)
{
	bmc_sparse_free(&s->by_item, s->mem);
	bmc_free(s->mem, s->count);
	bmc_free(s->mem, s->place);
	s->count = s->place = NULL;
}

BmStatus
bmc_root_open(BmSearch *s, BmBranch *root, const uint32_t *support)
{
	size_t cols = s->baskets->cols;
	uint32_t n = 0;
	BmStatus status;

	memset(root, 0, sizeof(*root));
	root->root = true;
	s->count = bmc_alloc0(s->mem, cols, sizeof(uint32_t));
	s->place = bmc_alloc(s->mem, cols, sizeof(uint32_t));
	if (s->count == NULL || s->place == NULL)
		return BM_ENOMEM;
	memset(s->place, 0xff, cols * sizeof(uint32_t)); /* BM_NONE */
	if ((status = bmc_sparse_transpose(&s->by_item, s->baskets, s->mem)) != BM_OK)
		return status;
	for (size_t c = 0; c < cols; c++)
		n += support[c] >= s->min_support;
	if ((status = bmc_branch_take(s, root, n, 0)) != BM_OK)
		return status;
	for (uint32_t c = 0; c < cols; c++)
	{
		if (support[c] < s->min_support)
			continue;
		root->code[root->n] = c;
		root->support[root->n] = support[c];
		if (root->signature)
		{
			root->signature[root->n] = 0;
			for (size_t e = s->by_item.start[c]; e < s->by_item.start[c + 1]; e++)
				root->signature[root->n] += bmc_basket_signature(s->by_item.col[e]);
		}
		root->n++;
	}
	return bmc_search_stop(s, s->baskets->start[s->baskets->rows] * 8) ? BM_ESTOP : BM_OK;
}

/* Count the items before code over its baskets; true: stop. */
static bool
count_beside(BmSearch *s, uint32_t code)
{
	const BmSparse *baskets = s->baskets;
	size_t work = 0;

	for (size_t k = s->by_item.start[code]; k < s->by_item.start[code + 1]; k++)
	{
		size_t e = baskets->start[s->by_item.col[k]], first = e;

		for (; baskets->col[e] < code; e++)
			s->count[baskets->col[e]]++;
		work += e - first + 4;
		if (work > (size_t) 1 << 20)
		{
			if (bmc_search_stop(s, work))
				return true;
			work = 0;
		}
	}
	return bmc_search_stop(s, work);
}

/* Counts into the tail and the perfect items of child. */
static BmStatus
fill_tail(BmSearch *s, BmBranch *child, const BmBranch *root, uint32_t i)
{
	uint32_t n = 0, nperfect = 0;
	BmStatus status;

	for (uint32_t j = 0; j < i; j++)
		if (s->count[root->code[j]] >= s->min_support)
		{
			if (s->absorb && s->count[root->code[j]] == root->support[i])
				nperfect++;
			else
				n++;
		}
	if ((status = bmc_branch_take(s, child, n, nperfect)) != BM_OK)
		return status;
	for (uint32_t j = 0; j < i; j++)
	{
		uint32_t code = root->code[j], count = s->count[code];

		if (count < s->min_support)
			continue;
		if (s->absorb && count == root->support[i])
		{
			child->perfect[child->nperfect++] = code;
			continue;
		}
		child->code[child->n] = code;
		child->support[child->n++] = count;
	}
	return BM_OK;
}

/*
 * Are bits the cheaper form? Their next level costs a row a pair of items; a tree's at most the pairs
 * of items within baskets, node by node.
 */
static bool
choose_bits(const BmSearch *s, const BmBranch *b, const uint32_t *basket, size_t nbaskets)
{
	double words = (double) ((nbaskets + 63) / 64), n = b->n, work = words * n * n / 2.0;
	double pairs = 0.0, ones = 0.0;

	if (s->options->engine != BM_ENGINE_AUTO)
		return s->options->engine == BM_ENGINE_BITS;
	if (work <= BITS_ANYWAY)
		return true;
	if (words * n * sizeof(uint64_t) > BITS_BYTES)
		return false;
	for (uint32_t j = 0; j < b->n; j++)
		ones += b->support[j];
	/* no basket has less than the mean of items: a lower bound of the sum of squares */
	pairs = ones * (ones / (double) nbaskets) / 2.0;
	return work <= NODE_COST * pairs;
}

BmStatus
bmc_root_project(BmSearch *s, BmBranch *child, const BmBranch *root, uint32_t i, bool leaf)
{
	uint32_t code = root->code[i];
	const uint32_t *basket = s->by_item.col + s->by_item.start[code];
	size_t nbaskets = s->by_item.start[code + 1] - s->by_item.start[code];
	BmStatus status;

	memset(child, 0, sizeof(*child));
	if (count_beside(s, code))
		return BM_ESTOP;
	status = fill_tail(s, child, root, i);
	for (uint32_t j = 0; j < i; j++)
		s->count[root->code[j]] = 0;
	if (status != BM_OK || leaf || child->n == 0)
		return status;
	for (uint32_t j = 0; j < child->n; j++)
		s->place[child->code[j]] = j;
	status = choose_bits(s, child, basket, nbaskets) ? bmc_bits_make(s, child, basket, nbaskets)
													 : bmc_tree_make(s, child, basket, nbaskets);
	for (uint32_t j = 0; j < child->n; j++)
		s->place[child->code[j]] = BM_NONE;
	return status;
}
