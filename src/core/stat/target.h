/*
 * target.h
 *		Who gets which offer under a budget: the multiple-choice knapsack by its linear relaxation
 *		(Sinha and Zoltners 1979).
 *
 * At most one offer a person. Offers that are dominated, or that a mixture of two others beats, are
 * left out; what remains is bought by gain per money, the best first. The answer misses the optimum by
 * less than the gain of one step, and the relaxation bounds the optimum from above, so the gap is
 * known.
 */
#ifndef BM_TARGET_H
#define BM_TARGET_H

#include "core/num/mem.h"

#define BM_MAX_OFFERS 64

typedef struct BmTarget
{
	double gain, cost; /* of what was chosen */
	double bound;      /* no choice within the budget gains more */
	size_t chosen;     /* people who get an offer */
	double rate;       /* gain per money of the last step that was bought; 0 when all were */
} BmTarget;

/*
 * choice (people): offer 0..offers-1, or -1 for none. gain, cost (people, offers): finite, cost >= 0;
 * offers that gain nothing are never chosen. budget >= 0. BM_EINVAL for other numbers.
 */
extern BmStatus bmc_target(int32_t *choice, BmTarget *out, const double *gain, const double *cost,
						   size_t people, size_t offers, double budget, BmMem *mem,
						   const BmStop *stop);
extern size_t bmc_target_bytes(size_t people, size_t offers);

#endif
