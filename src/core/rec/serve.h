/*
 * serve.h
 *		The k best items for a history: score, lift, take out, keep the candidates, pick, arrange.
 */
#ifndef BM_SERVE_H
#define BM_SERVE_H

#include "core/num/panel.h"
#include "core/rec/arrange.h"
#include "core/rec/rank.h"

/*
 * A business rule: how far the item's score lies above the lowest score of the catalogue is multiplied
 * by factor. So 0 buries and 2 lifts whatever the unit of the scores, negative ones included.
 */
typedef struct BmBoost
{
	uint32_t item;
	float factor; /* >= 0, finite */
} BmBoost;

typedef struct BmServe
{
	const BmBlend *model;
	const BmPanel *panel;    /* of the item matrix of a model that has one; NULL: none */
	const float *popularity; /* (nitems) answer to a history without a known item */
	size_t k;
	BmExclude exclude;
	const bool *purchase; /* (256) */
	const BmBoost *boost; /* (nboosts) an item at most once; before anything is taken out */
	size_t nboosts;
	const uint64_t *allowed;  /* (nitems bits) or NULL: only these */
	float min_score;          /* -INFINITY: none */
	const BmArrange *arrange; /* NULL: the k best as they are; else only bmc_serve_many looks */
} BmServe;

extern size_t bmc_serve_bytes(const BmServe *serve);
/*
 * Scores of all items, in the first nitems floats of scratch: boosts applied, -INFINITY where an item is
 * taken out.
 */
extern float *bmc_serve_scores(const BmServe *serve, const BmHistory *h, void *scratch,
							   bool fast_blas);
/*
 * item, score (k): best first, ties to the item with the lower code, that is the more frequent one.
 * Returns how many. scratch: bmc_serve_bytes.
 */
extern size_t bmc_serve(uint32_t *item, float *score, const BmServe *serve, const BmHistory *h,
						void *scratch, bool fast_blas);

/*
 * The same for n histories, in parallel, and arranged. item, score (n, k); found (n). A history is a
 * task, or a block of them where their scores are one matrix product (whose sums may be in another order).
 */
extern BmStatus bmc_serve_many(uint32_t *item, float *score, uint32_t *found, const BmServe *serve,
							   const BmHistory *h, size_t n, BmPool *pool, BmMem *mem,
							   const BmStop *stop);

#endif
