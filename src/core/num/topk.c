/*
 * topk.c
 *		The k largest by one pass: blocks whose maximum is not above the threshold are skipped, the
 *		rest go through a heap of k with the worst on top. Products are made a word of the bitmap at a
 *		time and never stored.
 */
#include <math.h>

#include "core/num/lanes.h"
#include "core/num/topk.h"

#define BLOCK 256
#define WORD 64

/* Is (s, i) worse than (t, j)? Lower score, or the same and a higher position. */
static inline bool
worse(float s, uint32_t i, float t, uint32_t j)
{
	return s < t || (s == t && i > j);
}

static void
sift_down(BmTopk *h, size_t at, size_t n)
{
	for (;;)
	{
		size_t c = 2 * at + 1;
		float s;
		uint32_t i;

		if (c >= n)
			return;
		if (c + 1 < n && worse(h->score[c + 1], h->index[c + 1], h->score[c], h->index[c]))
			c++;
		if (!worse(h->score[c], h->index[c], h->score[at], h->index[at]))
			return;
		s = h->score[at];
		i = h->index[at];
		h->score[at] = h->score[c];
		h->index[at] = h->index[c];
		h->score[c] = s;
		h->index[c] = i;
		at = c;
	}
}

void
bmc_topk_offer(BmTopk *h, float s, uint32_t i)
{
	if (!(s > -INFINITY)) /* also NaN */
		return;
	if (h->n < h->k)
	{
		size_t at = h->n++;

		while (at > 0)
		{
			size_t p = (at - 1) / 2;

			if (!worse(s, i, h->score[p], h->index[p]))
				break;
			h->score[at] = h->score[p];
			h->index[at] = h->index[p];
			at = p;
		}
		h->score[at] = s;
		h->index[at] = i;
	}
	else if (worse(h->score[0], h->index[0], s, i))
	{
		h->score[0] = s;
		h->index[0] = i;
		sift_down(h, 0, h->n);
	}
}

void
bmc_topk_block(BmTopk *h, const float *scores, size_t first, size_t n, const uint64_t *keep)
{
	if (h->n == h->k && !(bmc_max(scores, n) > h->score[0]))
		return; /* an equal score further on never displaces an earlier one */
	for (size_t i = 0; i < n; i++)
		if ((h->n < h->k || scores[i] > h->score[0]) && bmc_kept(keep, first + i))
			bmc_topk_offer(h, scores[i], (uint32_t) (first + i));
}

size_t
bmc_topk_finish(BmTopk *h)
{
	for (size_t n = h->n; n > 1;)
	{
		float s = h->score[0];
		uint32_t i = h->index[0];

		n--;
		h->score[0] = h->score[n];
		h->index[0] = h->index[n];
		h->score[n] = s;
		h->index[n] = i;
		sift_down(h, 0, n);
	}
	return h->n;
}

size_t
bmc_topk(uint32_t *index, float *score, size_t k, const float *scores, size_t n)
{
	BmTopk h = {index, score, 0, k};

	if (k == 0)
		return 0;
	for (size_t i = 0; i < n; i += BLOCK)
		bmc_topk_block(&h, scores + i, i, n - i < BLOCK ? n - i : BLOCK, NULL);
	return bmc_topk_finish(&h);
}

/* dot (rows of the word) = E q, E the word's first row; D a constant where it is inlined with one. */
static inline __attribute__((always_inline)) void
word_rows(float *dot, const float *E, const float *q, size_t D, uint64_t bits)
{
	if (bits == UINT64_MAX)
		for (size_t i = 0; i < WORD; i++)
			dot[i] = bmc_lanes_dot4(E + i * D, q, D);
	else
		for (; bits; bits &= bits - 1)
			*dot++ = bmc_lanes_dot4(E + (size_t) __builtin_ctzll(bits) * D, q, D);
}

BM_CLONES
static void
word_dots(float *dot, const float *E, const float *q, size_t D, uint64_t bits)
{
	if (D == 64)
		word_rows(dot, E, q, 64, bits);
	else if (D == 128)
		word_rows(dot, E, q, 128, bits);
	else
		word_rows(dot, E, q, D, bits);
}

size_t
bmc_topk_dot(uint32_t *index, float *score, size_t k, const float *E, const float *q, size_t N,
			 size_t D, const uint64_t *keep)
{
	BmTopk h = {index, score, 0, k};
	float dot[WORD];

	for (size_t first = 0; k > 0 && first < N; first += WORD)
	{
		uint64_t bits = bmc_keep_word(keep, first / WORD, N);

		if (bits == 0)
			continue;
		word_dots(dot, E + first * D, q, D, bits);
		for (const float *s = dot; bits; bits &= bits - 1, s++)
			if (h.n < k || *s > score[0])
				bmc_topk_offer(&h, *s, (uint32_t) (first + (size_t) __builtin_ctzll(bits)));
	}
	return bmc_topk_finish(&h);
}
