/*
 * attribution.c
 *		Attribution of conversions to channels.
 *
 * A journey is the touches inside the look-back window of one conversion. The rules divide each
 * journey by itself. The Shapley value is the one of Zhao, Mahboobi and Bagheri (2018): with the
 * worth of a set of channels being the conversions of journeys inside the set, every journey is
 * shared equally by its distinct channels. The Markov model (Anderl, Becker, von Wangenheim,
 * Schumann 2014) makes one chain of order one of all journeys, those that failed included, and
 * divides the conversions in proportion to removal effects.
 */
#include "core/mine/attribution.h"

#include <math.h>
#include <string.h>

#include "core/mine/chain.h"

#define STOP_TOUCHES 0x100000

BmStatus
bmc_attribution_init(BmAttribution *a, const BmAttributionRules *rules, uint32_t n, BmMem *mem)
{
	size_t states = (size_t) n + 1;
	bool ok;

	memset(a, 0, sizeof(*a));
	a->rules = *rules;
	a->n = n;
	a->mem = mem;
	a->w = bmc_alloc0(mem, bmc_mul(states, states), sizeof(double));
	a->convert = bmc_alloc0(mem, states, sizeof(double));
	a->fail = bmc_alloc0(mem, states, sizeof(double));
	a->effect = bmc_alloc0(mem, states, sizeof(double));
	a->seen = bmc_alloc0(mem, states, sizeof(uint64_t));
	ok = a->w && a->convert && a->fail && a->effect && a->seen;
	for (int m = 0; m < BM_ATTRIBUTE_MODELS; m++)
	{
		a->credit[m] = bmc_alloc0(mem, states, sizeof(double));
		a->worth[m] = bmc_alloc0(mem, states, sizeof(double));
		ok = ok && a->credit[m] && a->worth[m];
	}
	if (!ok)
		bmc_attribution_free(a);
	return ok ? BM_OK : BM_ENOMEM;
}

void
bmc_attribution_free(BmAttribution *a)
{
	bmc_free(a->mem, a->w);
	bmc_free(a->mem, a->convert);
	bmc_free(a->mem, a->fail);
	bmc_free(a->mem, a->effect);
	bmc_free(a->mem, a->seen);
	bmc_free(a->mem, a->weight);
	for (int m = 0; m < BM_ATTRIBUTE_MODELS; m++)
	{
		bmc_free(a->mem, a->credit[m]);
		bmc_free(a->mem, a->worth[m]);
	}
	a->w = a->convert = a->fail = a->effect = a->weight = NULL;
	a->seen = NULL;
	memset(a->credit, 0, sizeof(a->credit));
	memset(a->worth, 0, sizeof(a->worth));
	a->weights = 0;
}

static inline void
give(BmAttribution *a, BmAttributionModel model, uint32_t channel, double share, double value)
{
	a->credit[model][channel] += share;
	a->worth[model][channel] += share * value;
}

/* Shares of the position model: the ends, and what is left for the n - 2 between them. */
static double
position_share(const BmAttributionRules *r, size_t i, size_t n)
{
	double ends = r->first + r->last;

	if (n == 1)
		return 1;
	if (n == 2)
		return ends > 0 ? (i == 0 ? r->first : r->last) / ends : 0.5;
	if (i == 0 || i == n - 1)
		return i == 0 ? r->first : r->last;
	return (1 - ends) / (double) (n - 2);
}

/* Weights 2^(-age / half life) of a journey's touches; the youngest is set to 1, so none is lost. */
static double
decay_weights(double *weight, const int64_t *time, size_t n, double half_life)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		weight[i] = exp2(-((double) (time[n - 1] - time[i]) / half_life));
		sum += weight[i];
	}
	return sum;
}

/* A step of the chain: from the touch before (or the start) to a channel. */
static inline void
add_steps(BmAttribution *a, const uint32_t *channel, size_t n, double *end)
{
	size_t states = (size_t) a->n + 1, from = 0;

	for (size_t i = 0; i < n; i++)
	{
		a->w[from * states + channel[i] + 1] += 1;
		from = (size_t) channel[i] + 1;
	}
	end[from] += 1;
}

/* One conversion of a journey of n >= 1 touches, by every rule. */
static BmStatus
convert(BmAttribution *a, const int64_t *time, const uint32_t *channel, size_t n, double value)
{
	const BmAttributionRules *r = &a->rules;
	uint32_t distinct = 0;
	double sum;

	if (n > a->weights)
	{
		size_t size = n > 64 ? bmc_mul(n, 2) : 128;
		double *grown = bmc_realloc(a->mem, a->weight, size, sizeof(double));

		if (!grown)
			return BM_ENOMEM;
		a->weight = grown;
		a->weights = size;
	}
	sum = decay_weights(a->weight, time, n, r->half_life);
	give(a, BM_ATTRIBUTE_FIRST, channel[0], 1, value);
	give(a, BM_ATTRIBUTE_LAST, channel[n - 1], 1, value);
	a->journeys++;
	for (size_t i = 0; i < n; i++)
	{
		give(a, BM_ATTRIBUTE_LINEAR, channel[i], 1.0 / (double) n, value);
		give(a, BM_ATTRIBUTE_TIME_DECAY, channel[i], a->weight[i] / sum, value);
		give(a, BM_ATTRIBUTE_POSITION, channel[i], position_share(r, i, n), value);
		distinct += a->seen[channel[i]] != a->journeys;
		a->seen[channel[i]] = a->journeys;
	}
	for (size_t i = 0; i < n; i++)
		if (a->seen[channel[i]] == a->journeys)
		{
			a->seen[channel[i]] = 0; /* once */
			give(a, BM_ATTRIBUTE_SHAPLEY, channel[i], 1.0 / distinct, value);
		}
	add_steps(a, channel, n, a->convert);
	return BM_OK;
}

static void
convert_untouched(BmAttribution *a, double value)
{
	a->untouched++;
	a->untouched_value += value;
	for (int m = 0; m < BM_ATTRIBUTE_MODELS; m++)
		give(a, m, a->n, 1, value);
}

BmStatus
bmc_attribution_user(BmAttribution *a, const int64_t *time, const uint32_t *channel,
					 size_t ntouches, const int64_t *converted, const double *value,
					 size_t nconversions, const BmStop *stop)
{
	size_t lo = 0, hi = 0, used = 0, since = 0;
	BmStatus status = BM_OK;

	for (size_t c = 0; c < nconversions && status == BM_OK; c++)
	{
		int64_t at = converted[c], oldest = INT64_MIN;

		if (a->rules.window >= 0 && at >= INT64_MIN + a->rules.window)
			oldest = at - a->rules.window;
		if (a->rules.reset)
			lo = hi; /* all up to the conversion before */
		for (; hi < ntouches && time[hi] <= at; hi++)
			;
		for (; lo < hi && time[lo] < oldest; lo++)
			;
		a->conversions++;
		a->value += value[c];
		if (lo == hi)
		{
			convert_untouched(a, value[c]);
			continue;
		}
		if (lo > used)
			add_steps(a, channel + used, lo - used, a->fail);
		used = hi;
		status = convert(a, time + lo, channel + lo, hi - lo, value[c]);
		since += hi - lo;
		if (since >= STOP_TOUCHES)
		{
			if (bmc_stop(stop))
				return BM_ESTOP;
			since = 0;
		}
	}
	if (used < ntouches)
		add_steps(a, channel + used, ntouches - used, a->fail);
	return status;
}

BmStatus
bmc_attribution_markov(BmAttribution *a, const BmStop *stop)
{
	size_t states = (size_t) a->n + 1;
	double *scratch = bmc_alloc(a->mem, states, 4 * sizeof(double));
	double *effect = bmc_alloc(a->mem, states, sizeof(double));
	double sum = 0, touched = (double) (a->conversions - a->untouched);
	double touched_value = a->value - a->untouched_value;
	BmStatus status = scratch && effect ? BM_OK : BM_ENOMEM;
	size_t used = 0;

	/* states that no journey visits cannot be left: they stay out of the chain */
	for (size_t i = 0; i < states && status == BM_OK; i++)
	{
		double leaves = a->convert[i] + a->fail[i];

		for (size_t j = 0; j < states; j++)
			leaves += a->w[i * states + j];
		used += leaves > 0;
		if (leaves == 0)
			a->fail[i] = 1;
	}
	if (status == BM_OK && used > 0)
		status = bmc_chain_removal(effect, &a->probability, a->w, a->convert, a->fail, states,
								   scratch, stop);
	if (status == BM_OK && used > 0)
	{
		for (uint32_t i = 0; i < a->n; i++)
		{
			a->effect[i] = effect[i + 1];
			sum += effect[i + 1];
		}
		for (uint32_t i = 0; i < a->n && sum > 0; i++)
		{
			a->credit[BM_ATTRIBUTE_MARKOV][i] += touched * effect[i + 1] / sum;
			a->worth[BM_ATTRIBUTE_MARKOV][i] += touched_value * effect[i + 1] / sum;
		}
	}
	bmc_free(a->mem, scratch);
	bmc_free(a->mem, effect);
	return status;
}
