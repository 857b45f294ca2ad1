/*
 * serve.h
 *		The k best items for a history: score, take out, keep the candidates, pick.
 */
#ifndef BM_SERVE_H
#define BM_SERVE_H

#include "core/rec/rank.h"

typedef struct BmServe
{
	const BmBlend *model;
	const float *popularity; /* (nitems) answer to a history without a known item */
	size_t k;
	BmExclude exclude;
	const bool *purchase;    /* (256) */
	const uint64_t *allowed; /* (nitems bits) or NULL: only these */
	float min_score;         /* -INFINITY: none */
} BmServe;

extern size_t bmc_serve_bytes(const BmServe *serve);
/*
 * item, score (k): best first, ties to the item with the lower code, that is the more frequent one.
 * Returns how many. scores of all items stay in scratch (its first nitems floats) until the next call.
 */
extern size_t bmc_serve(uint32_t *item, float *score, const BmServe *serve, const BmHistory *h,
						void *scratch, bool fast_blas);

/*
 * The same for n histories, in parallel. item, score (n, k); found (n). Each history is a task.
 */
extern BmStatus bmc_serve_many(uint32_t *item, float *score, uint32_t *found, const BmServe *serve,
							   const BmHistory *h, size_t n, BmPool *pool, BmMem *mem,
							   const BmStop *stop);

#endif
