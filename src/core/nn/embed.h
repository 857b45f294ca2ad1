/*
 * embed.h
 *		Item and position embeddings on packed ragged sequences; gradients of items are sparse.
 */
#ifndef BM_EMBED_H
#define BM_EMBED_H

#include "core/num/status.h"

/* S sequences packed one after the other: sequence s is tokens [start[s], start[s+1]). */
typedef struct BmRagged
{
	size_t S;
	const uint32_t *start; /* (S+1) offsets into item; start[0] need not be 0 */
	const uint32_t *item;  /* codes < N */
} BmRagged;

static inline size_t
bmc_ragged_tokens(const BmRagged *r)
{
	return r->start[r->S] - r->start[0];
}

/* Sequence s's newest row, counted from row 0 of what is packed. */
static inline size_t
bmc_ragged_newest(const BmRagged *r, size_t s)
{
	return r->start[s + 1] - r->start[0] - 1;
}

/* out (S,D): the newest row of every sequence of x (T,D). */
extern void bmc_newest_rows(float *out, const float *x, const BmRagged *r, size_t D);

/*
 * x (T,D) = scale * E[item] + P[distance from the sequence's end]; E (N,D), P (L,D). No sequence is
 * longer than L. Row 0 of x belongs to token start[0]. P NULL: no positions.
 */
extern void bmc_embed_forward(float *x, const BmRagged *r, const float *E, const float *P,
							  float scale, size_t D);
/*
 * dE[slot[item]] += scale * dx and dP[distance] += dx; slot NULL: rows of dE are the items
 * themselves; dP NULL: no positions. dx (T,D).
 */
extern void bmc_embed_backward(float *dE, float *dP, const float *dx, const BmRagged *r,
							   const uint32_t *slot, float scale, size_t D);

#endif
