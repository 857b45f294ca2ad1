/*
 * itemset_bits.c
 *		Baskets as bit sets, one row of bits an item (Zaki 2000, Eclat, in its bitmap form): a support
 *		is an AND and a count of bits. For branches of few baskets or many items a basket.
 *
 * The baskets of a one-item branch are numbered anew, and words in which a head has no basket are left
 * out of its branch: rows are as long as the support at most.
 */
#include <string.h>

#include "core/mine/itemset_search.h"
#include "core/num/vec.h"

void
bmc_bits_free(BmSearch *s)
{
	bmc_free(s->mem, s->nonzero);
	s->nonzero = NULL;
	s->nonzero_room = 0;
}

/* Sum over the baskets of a row; bit k of word w is basket 64 * word_id[w] + k of the branch. */
static uint64_t
signature_of(const uint64_t *row, const uint32_t *word_id, size_t words, const uint64_t *basket_sig)
{
	uint64_t sum = 0;

	for (size_t w = 0; w < words; w++)
		for (uint64_t bits = row[w]; bits; bits &= bits - 1)
			sum += basket_sig[(size_t) word_id[w] * 64 + (size_t) __builtin_ctzll(bits)];
	return sum;
}

/* ---- the rows of a list of baskets ---- */

static BmStatus
take_rows(BmSearch *s, BmBranch *b, size_t nbaskets)
{
	b->words = (nbaskets + 63) / 64;
	b->bits = bmc_stack_take(&s->stack, bmc_mul(b->n, b->words), sizeof(uint64_t));
	b->word_id = bmc_stack_take(&s->stack, b->words, sizeof(uint32_t));
	b->basket_sig = s->signatures ? bmc_stack_take(&s->stack, nbaskets, sizeof(uint64_t)) : NULL;
	if (!b->bits || !b->word_id || (s->signatures && !b->basket_sig))
		return BM_ENOMEM;
	if (b->words > s->nonzero_room)
	{
		bmc_bits_free(s);
		s->nonzero = bmc_alloc(s->mem, b->words, sizeof(uint32_t));
		if (s->nonzero == NULL)
			return BM_ENOMEM;
		s->nonzero_room = b->words;
	}
	return BM_OK;
}

BmStatus
bmc_bits_make(BmSearch *s, BmBranch *b, const uint32_t *basket, size_t nbaskets)
{
	const BmSparse *baskets = s->baskets;
	BmStatus status = take_rows(s, b, nbaskets);

	if (status != BM_OK)
		return status;
	memset(b->bits, 0, (size_t) b->n * b->words * sizeof(uint64_t));
	for (size_t w = 0; w < b->words; w++)
		b->word_id[w] = (uint32_t) w;
	for (size_t k = 0; k < nbaskets; k++)
	{
		size_t e = baskets->start[basket[k]], end = baskets->start[basket[k] + 1];

		for (; e < end && baskets->col[e] <= b->code[b->n - 1]; e++)
			if (s->place[baskets->col[e]] != BM_NONE)
				b->bits[s->place[baskets->col[e]] * b->words + k / 64] |= UINT64_C(1) << (k % 64);
		if (b->basket_sig)
			b->basket_sig[k] = bmc_basket_signature(basket[k]);
		if ((k & 1023) == 0 && bmc_search_stop(s, 1024 * 32))
			return BM_ESTOP;
	}
	for (uint32_t j = 0; s->signatures && j < b->n; j++)
		b->signature[j] = signature_of(b->bits + j * b->words, b->word_id, b->words, b->basket_sig);
	return bmc_search_stop(s, (size_t) b->n * b->words) ? BM_ESTOP : BM_OK;
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

static BmStatus
take_child(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, bool leaf)
{
	BmStatus status = bmc_branch_take(s, child, i, s->absorb ? i : 0);

	if (status != BM_OK || leaf)
		return status;
	child->words = pick_words(s, parent->bits + (size_t) i * parent->words, parent->words);
	child->word_id = bmc_stack_take(&s->stack, child->words, sizeof(uint32_t));
	child->bits = bmc_stack_take(&s->stack, bmc_mul(i, child->words), sizeof(uint64_t));
	child->basket_sig = parent->basket_sig;
	if (!child->word_id || !child->bits)
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
		child->signature[child->n] =
			signature_of(row, child->word_id, child->words, child->basket_sig);
	child->n++;
}

BmStatus
bmc_bits_project(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i, bool leaf)
{
	const uint64_t *head = parent->bits + (size_t) i * parent->words;
	size_t work;
	BmStatus status;

	memset(child, 0, sizeof(*child));
	status = take_child(s, child, parent, i, leaf);
	work = (leaf ? parent->words : child->words) + 8;
	for (uint32_t j = 0; j < i && status == BM_OK; j++)
	{
		const uint64_t *other = parent->bits + (size_t) j * parent->words;

		if (leaf)
			add_item(s, child, parent, i, j, count_and(head, other, parent->words), NULL);
		else
		{
			/* the next row; it is overwritten by the next item when this one is not kept */
			uint64_t *row = child->bits + (size_t) child->n * child->words;
			uint32_t support = gather_and(row, head, other, s->nonzero, child->words);

			add_item(s, child, parent, i, j, support, row);
		}
		if (bmc_search_stop(s, work))
			status = BM_ESTOP;
	}
	return status;
}
