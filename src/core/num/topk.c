/*
 * topk.c
 *		The k largest by one pass: blocks whose maximum is not above the threshold are skipped, the
 *		rest go through a heap of k with the worst on top.
 */
#include <math.h>

#include "core/num/topk.h"
#include "core/num/vec.h"

#define BLOCK 256

typedef struct Heap
{
	uint32_t *index;
	float *score;
	size_t n, k;
} Heap;

/* Is (s, i) worse than (t, j)? Lower score, or the same and a higher position. */
static inline bool
worse(float s, uint32_t i, float t, uint32_t j)
{
	return s < t || (s == t && i > j);
}

static void
sift_down(Heap *h, size_t at, size_t n)
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

static void
offer(Heap *h, float s, uint32_t i)
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

static void
offer_block(Heap *h, const float *scores, size_t first, size_t n)
{
	if (h->n == h->k && !(bmc_max(scores, n) > h->score[0]))
		return; /* an equal score further on never displaces an earlier one */
	for (size_t i = 0; i < n; i++)
		if (h->n < h->k || scores[i] > h->score[0])
			offer(h, scores[i], (uint32_t) (first + i));
}

/* Heap to list, best first. */
static size_t
finish(Heap *h)
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
	Heap h = {index, score, 0, k};

	if (k == 0)
		return 0;
	for (size_t i = 0; i < n; i += BLOCK)
		offer_block(&h, scores + i, i, n - i < BLOCK ? n - i : BLOCK);
	return finish(&h);
}

size_t
bmc_topk_dot(uint32_t *index, float *score, size_t k, const float *E, const float *q, size_t N,
			 size_t D, const uint64_t *skip)
{
	Heap h = {index, score, 0, k};
	float block[BLOCK];

	if (k == 0)
		return 0;
	for (size_t first = 0; first < N; first += BLOCK)
	{
		size_t n = N - first < BLOCK ? N - first : BLOCK;

		for (size_t i = 0; i < n; i++)
		{
			size_t row = first + i;

			block[i] =
				skip && skip[row / 64] >> (row % 64) & 1 ? -INFINITY : bmc_dot(E + row * D, q, D);
		}
		offer_block(&h, block, first, n);
	}
	return finish(&h);
}
