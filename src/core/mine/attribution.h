/*
 * attribution.h
 *		Which channels led to conversions: first, last and equal shares, decay with time, position,
 *		Shapley value and Markov removal effect, all from one pass over users' touches.
 */
#ifndef BM_ATTRIBUTION_H
#define BM_ATTRIBUTION_H

#include "core/num/mem.h"

typedef enum BmAttributionModel
{
	BM_ATTRIBUTE_FIRST,
	BM_ATTRIBUTE_LAST,
	BM_ATTRIBUTE_LINEAR,
	BM_ATTRIBUTE_TIME_DECAY,
	BM_ATTRIBUTE_POSITION,
	BM_ATTRIBUTE_SHAPLEY,
	BM_ATTRIBUTE_MARKOV,
	BM_ATTRIBUTE_MODELS
} BmAttributionModel;

typedef struct BmAttributionRules
{
	int64_t
		window; /* microseconds: a touch counts up to this long before the conversion; < 0: always */
	double half_life;   /* microseconds, > 0: a touch this much older weighs half */
	double first, last; /* position: shares of the first and the last touch; first + last <= 1 */
	bool reset;         /* touches up to one conversion count for no later one */
} BmAttributionRules;

/* Sums over users. Channels are 0..n-1; conversions without any touch go to channel n. */
typedef struct BmAttribution
{
	BmAttributionRules rules;
	uint32_t n;
	uint64_t conversions, untouched; /* all; those that no touch led to */
	double value, untouched_value;
	double *credit[BM_ATTRIBUTE_MODELS]; /* each (n+1): conversions */
	double *worth[BM_ATTRIBUTE_MODELS];  /* each (n+1): their value */
	double *effect;                      /* (n) removal effects, after bmc_attribution_markov */
	double probability;                  /* that a journey converts, of the chain */
	double *w;                           /* (n+1, n+1) transitions; state 0 is the start */
	double *convert, *fail;              /* (n+1) */
	uint64_t *seen;                      /* (n) the last journey that a channel was in */
	uint64_t journeys;
	double *weight; /* (weights) of the touches of a journey */
	size_t weights;
	BmMem *mem;
} BmAttribution;

/* BM_ENOMEM. 8 (n+1)^2 bytes and a little. */
extern BmStatus bmc_attribution_init(BmAttribution *a, const BmAttributionRules *rules, uint32_t n,
									 BmMem *mem);
/*
 * One user: touches (time ascending, channel) and conversions (time ascending, value). A touch at
 * the conversion's own time counts as before it. Touches that no conversion counts are journeys that failed.
 */
extern BmStatus bmc_attribution_user(BmAttribution *a, const int64_t *time, const uint32_t *channel,
									 size_t ntouches, const int64_t *converted, const double *value,
									 size_t nconversions, const BmStop *stop);
/* After all users: the Markov model's shares, from the chain of all journeys. */
extern BmStatus bmc_attribution_markov(BmAttribution *a, const BmStop *stop);
extern void bmc_attribution_free(BmAttribution *a);

#endif
