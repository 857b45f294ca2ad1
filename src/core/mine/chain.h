/*
 * chain.h
 *		Absorbing Markov chains given by counts: where they end, how long it takes, which states are
 *		needed on the way.
 *
 * Solved by elimination without subtractions (Grassmann, Taksar, Heyman 1985): a state's pivot is
 * the sum of what still leaves it, so that every number is a sum of non-negative ones and has a small
 * relative error, however nearly the chain is closed.
 */
#ifndef BM_CHAIN_H
#define BM_CHAIN_H

#include "core/num/mem.h"

/*
 * (D - W) = I - Q, scaled by rows: n transient states with counts w (n,n) among them and out (n)
 * into absorbing ones, eliminated in place. Self loops count in d alone.
 */
typedef struct BmChain
{
	size_t n;
	double *w;     /* (n,n), row-major: factors below and above the diagonal */
	double *pivot; /* (n) what leaves a state for later states and absorption */
	double *d;     /* (n) all that leaves a state, self loops included */
} BmChain;

/*
 * Takes w over (n,n; overwritten). pivot (n), d (n) and scratch (n) are the caller's. BM_ESINGULAR when from some state
 * no absorbing one can be reached; BM_ENOTFINITE for a negative or not finite count; BM_ESTOP.
 */
extern BmStatus bmc_chain_factor(BmChain *chain, double *w, double *pivot, double *d,
								 const double *out, double *scratch, size_t n, const BmStop *stop);
/* x (n) = (D - W)^-1 rhs, in place; rhs >= 0 gives x >= 0. */
extern void bmc_chain_solve(double *x, const BmChain *chain);

/*
 * Removal effects (Anderl et al. 2014): of a chain that starts in state 0 and ends in conversion
 * (counts convert, (n)) or not (counts fail, (n)), the share of conversions that is lost when visits
 * to a state fail. effect (n): 1 - P(conversion without the state) / P(conversion), [0] unused (0).
 * *total: P(conversion). By first visits: what is lost is P(visit) P(conversion from there), and
 * P(visit i) = N[0,i] / N[i,i] of the fundamental matrix, so all n effects take one elimination.
 * w (n,n) is overwritten; scratch (4n).
 */
extern BmStatus bmc_chain_removal(double *effect, double *total, double *w, const double *convert,
								  const double *fail, size_t n, double *scratch,
								  const BmStop *stop);
/*
 * From every state: the probability (n) to be absorbed in target (counts, (n)) rather than in the
 * other end (counts, (n)), and the expected steps (n) until then, of those that are (NaN where none).
 * w (n,n) is overwritten; scratch (3n).
 */
extern BmStatus bmc_chain_reach(double *probability, double *steps, double *w, const double *target,
								const double *other, size_t n, double *scratch, const BmStop *stop);

#endif
