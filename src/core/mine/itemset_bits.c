/*
 * itemset_bits.c
 *		Baskets as bit sets, one row of bits an item (Zaki 2000, Eclat, in its bitmap form): a support
 *		is an AND and a count of bits. For databases of few baskets, where rows are short.
 *
 * Words in which a head has no basket are left out of its branch, so rows shrink with the support.
 */
#include <string.h>

#include "core/mine/itemset_search.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

void
bmc_bits_free(BmSearch *s)
{
	bmc_free(s->mem, s->count);
	bmc_free(s->mem, s->nonzero);
	s->count = NULL;
	s->nonzero = NULL;
}

/* The same for equal sets of baskets, whatever words were left out on the way to them. */
static uint64_t
signature_of(const uint64_t *row, const uint32_t *word_id, size_t words)
{
	uint64_t sum = 0;

	for (size_t w = 0; w < words; w++)
		if (row[w])
			sum += bmc_mix64(row[w] ^ bmc_mix64(word_id[w]));
	return sum;
}

BmStatus
bmc_bits_root(BmSearch *s, BmBranch *root, const uint32_t *support)
{
	const BmSparse *baskets = s->baskets;
	size_t words = (baskets->rows + 63) / 64, cols = baskets->cols;
	uint32_t n = 0;

	memset(root, 0, sizeof(*root));
	root->root = true;
	root->words = words;
	s->count = bmc_alloc0(s->mem, cols, sizeof(uint32_t));
	s->nonzero = bmc_alloc(s->mem, words, sizeof(uint32_t));
	root->code = bmc_stack_take(&s->stack, cols, sizeof(uint32_t));
	root->support = bmc_stack_take(&s->stack, cols, sizeof(uint32_t));
	root->word_id = bmc_stack_take(&s->stack, words, sizeof(uint32_t));
	if (!s->count || !s->nonzero || !root->code || !root->support || !root->word_id)
		return BM_ENOMEM;
	for (size_t c = 0; c < cols; c++)
	{
		s->count[c] = support[c] >= s->min_support ? n : BM_NONE; /* for now: its row */
		if (support[c] < s->min_support)
			continue;
		root->code[n] = (uint32_t) c;
		root->support[n++] = support[c];
	}
	root->n = n;
	root->bits = bmc_stack_take(&s->stack, bmc_mul(n, words), sizeof(uint64_t));
	root->signature = s->signatures ? bmc_stack_take(&s->stack, n, sizeof(uint64_t)) : NULL;
	if (!root->bits || (s->signatures && !root->signature))
		return BM_ENOMEM;
	memset(root->bits, 0, (size_t) n * words * sizeof(uint64_t));
	for (size_t w = 0; w < words; w++)
		root->word_id[w] = (uint32_t) w;
	for (size_t b = 0; b < baskets->rows; b++)
		for (size_t e = baskets->start[b]; e < baskets->start[b + 1]; e++)
			if (s->count[baskets->col[e]] != BM_NONE)
				root->bits[s->count[baskets->col[e]] * words + b / 64] |= UINT64_C(1) << (b % 64);
	memset(s->count, 0, cols * sizeof(uint32_t));
	for (uint32_t j = 0; s->signatures && j < n; j++)
		root->signature[j] = signature_of(root->bits + j * words, root->word_id, words);
	return bmc_search_stop(s, (size_t) n * words + baskets->start[baskets->rows] * 4) ? BM_ESTOP
																					  : BM_OK;
}

/* ---- kernels ---- */

BM_CLONES static uint32_t
count_and(const uint64_t *a, const uint64_t *b, size_t words)
{
	uint64_t n = 0;

	for (size_t w = 0; w < words; w++)
		n += (uint64_t) __builtin_popcountll(a[w] & b[w]);
	return (uint32_t) n;
}

/* The same over the words that pick (n) names, kept in to. */
BM_CLONES static uint32_t
gather_and(uint64_t *to, const uint64_t *a, const uint64_t *b, const uint32_t *pick, size_t n)
{
	uint64_t bits = 0;

	for (size_t k = 0; k < n; k++)
	{
		to[k] = a[pick[k]] & b[pick[k]];
		bits += (uint64_t) __builtin_popcountll(to[k]);
	}
	return (uint32_t) bits;
}

/* ---- projection ---- */

/*
 * At the root most pairs of a sparse database are rare, and rows are long: count the items beside
 * item i over its baskets instead.
 */
static bool
count_beside(BmSearch *s, const BmBranch *root, uint32_t i)
{
	const BmSparse *baskets = s->baskets;
	const uint64_t *row = root->bits + (size_t) i * root->words;
	size_t work = root->words;
	bool stop = false;

	for (size_t w = 0; w < root->words && !stop; w++)
		for (uint64_t bits = row[w]; bits; bits &= bits - 1)
		{
			size_t b = w * 64 + (size_t) __builtin_ctzll(bits), e = baskets->start[b];

			for (; baskets->col[e] < root->code[i]; e++)
				s->count[baskets->col[e]]++;
			work += e - baskets->start[b] + 1;
			if (work > (size_t) 1 << 20)
			{
				stop = bmc_search_stop(s, work);
				work = 0;
			}
		}
	return stop || bmc_search_stop(s, work);
}

/* Which words of the head's row are not empty. */
static size_t
pick_words(BmSearch *s, const uint64_t *row, size_t words)
{
	size_t n = 0;

	for (size_t w = 0; w < words; w++)
	{
		s->nonzero[n] = (uint32_t) w;
		n += row[w] != 0;
	}
	return n;
}

/* Items of the parent that can be in the child: at the root those that were counted often enough. */
static uint32_t
most_items(const BmSearch *s, const BmBranch *parent, uint32_t i)
{
	uint32_t n = 0;

	if (!parent->root)
		return i;
	for (uint32_t j = 0; j < i; j++)
		n += s->count[parent->code[j]] >= s->min_support;
	return n;
}

static BmStatus
take_branch(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, bool leaf)
{
	uint32_t n = most_items(s, parent, i);

	child->code = bmc_stack_take(&s->stack, n, sizeof(uint32_t));
	child->support = bmc_stack_take(&s->stack, n, sizeof(uint32_t));
	child->perfect = bmc_stack_take(&s->stack, s->absorb ? n : 0, sizeof(uint32_t));
	if (!child->code || !child->support || !child->perfect)
		return BM_ENOMEM;
	if (leaf)
		return BM_OK;
	child->words = pick_words(s, parent->bits + (size_t) i * parent->words, parent->words);
	child->word_id = bmc_stack_take(&s->stack, child->words, sizeof(uint32_t));
	child->bits = bmc_stack_take(&s->stack, bmc_mul(n, child->words), sizeof(uint64_t));
	child->signature = s->signatures ? bmc_stack_take(&s->stack, n, sizeof(uint64_t)) : NULL;
	if (!child->word_id || !child->bits || (s->signatures && !child->signature))
		return BM_ENOMEM;
	for (size_t w = 0; w < child->words; w++)
		child->word_id[w] = parent->word_id[s->nonzero[w]];
	return BM_OK;
}

/* Item j of the parent into the child when it is frequent there; row: its bits, or NULL in a leaf. */
static void
add_item(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, uint32_t j,
		 uint32_t support, const uint64_t *row)
{
	if (support < s->min_support)
		return;
	if (s->absorb && support == parent->support[i])
	{
		child->perfect[child->nperfect++] = parent->code[j];
		return;
	}
	child->code[child->n] = parent->code[j];
	child->support[child->n] = support;
	if (row && child->signature)
		child->signature[child->n] = signature_of(row, child->word_id, child->words);
	child->n++;
}

/* One item of the parent: its support in the child, and its row there. */
static void
project_item(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, uint32_t j,
			 bool leaf)
{
	const uint64_t *head = parent->bits + (size_t) i * parent->words;
	const uint64_t *other = parent->bits + (size_t) j * parent->words;
	uint32_t support = parent->root ? s->count[parent->code[j]] : s->min_support;
	uint64_t *row;

	if (support < s->min_support)
		return;
	if (leaf)
	{
		if (!parent->root)
			support = count_and(head, other, parent->words);
		add_item(s, child, parent, i, j, support, NULL);
		return;
	}
	/* overwritten by the next item when this one is not kept */
	row = child->bits + (size_t) child->n * child->words;
	support = gather_and(row, head, other, s->nonzero, child->words);
	add_item(s, child, parent, i, j, support, row);
}

BmStatus
bmc_bits_project(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, bool leaf)
{
	size_t row_work;
	BmStatus status;

	memset(child, 0, sizeof(*child));
	if (parent->root && count_beside(s, parent, i))
		return BM_ESTOP;
	status = take_branch(s, child, parent, i, leaf);
	row_work = leaf ? (parent->root ? 1 : parent->words) : child->words + 8;
	for (uint32_t j = 0; j < i && status == BM_OK; j++)
	{
		project_item(s, child, parent, i, j, leaf);
		if (bmc_search_stop(s, row_work))
			status = BM_ESTOP;
	}
	if (parent->root)
		for (uint32_t j = 0; j < i; j++)
			s->count[parent->code[j]] = 0;
	return status;
}
