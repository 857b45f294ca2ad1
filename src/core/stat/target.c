/*
 * target.c
 *		Choosing offers under a budget, step by step along each person's best mixtures.
 */
#include <math.h>
#include <string.h>

#include "core/num/sort.h"
#include "core/stat/target.h"

#define STOP_EVERY 65536

/* From one offer of a person to the next better and dearer one. */
typedef struct Step
{
	uint32_t person;
	int32_t from, to; /* offers; -1: none */
	double gain, cost;
} Step;

typedef struct Offer
{
	double gain, cost;
	int32_t number;
} Offer;

static bool
cheaper(const Offer *a, const Offer *b)
{
	if (a->cost != b->cost)
		return a->cost < b->cost;
	return a->gain != b->gain ? a->gain > b->gain : a->number < b->number;
}

/* A person's offers that gain something, cheapest first. */
static size_t
worthwhile(Offer *out, const double *gain, const double *cost, size_t offers)
{
	size_t n = 0;

	for (size_t j = 0; j < offers; j++)
	{
		Offer o = {gain[j], cost[j], (int32_t) j};
		size_t at = n;

		if (!(o.gain > 0))
			continue;
		for (; at > 0 && cheaper(&o, &out[at - 1]); at--)
			out[at] = out[at - 1];
		out[at] = o;
		n++;
	}
	return n;
}

static double
rate_of(double gain, double cost)
{
	return cost > 0 ? gain / cost : INFINITY;
}

/* The upper hull from (0, 0): rates of its steps fall. Returns how many steps. */
static size_t
hull(Step *out, uint32_t person, const Offer *offer, size_t n)
{
	size_t steps = 0;

	for (size_t i = 0; i < n; i++)
	{
		Step s = {person, -1, offer[i].number, offer[i].gain, offer[i].cost};
		double base_gain = 0, base_cost = 0;

		for (size_t k = 0; k < steps; k++)
		{
			base_gain += out[k].gain;
			base_cost += out[k].cost;
		}
		if (offer[i].gain <= base_gain)
			continue; /* dearer, and not better */
		for (;;)
		{
			s.gain = offer[i].gain - base_gain;
			s.cost = offer[i].cost - base_cost;
			s.from = steps ? out[steps - 1].to : -1;
			if (steps == 0 ||
				rate_of(out[steps - 1].gain, out[steps - 1].cost) > rate_of(s.gain, s.cost))
				break;
			steps--;
			base_gain -= out[steps].gain;
			base_cost -= out[steps].cost;
		}
		out[steps++] = s;
	}
	return steps;
}

/* Bits that sort from the largest rate to the smallest; rates are > 0. */
static uint64_t
falling(double rate)
{
	uint64_t bits;

	memcpy(&bits, &rate, sizeof(bits));
	return ~bits;
}

static bool
numbers_fit(const double *gain, const double *cost, size_t n, double budget)
{
	if (!(budget >= 0))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isfinite(gain[i]) || !isfinite(cost[i]) || cost[i] < 0)
			return false;
	return true;
}

/* Buy the steps in order; one that is too dear closes its person's way. */
static void
buy(int32_t *choice, BmTarget *out, const Step *step, const uint32_t *order, size_t nsteps,
	double budget)
{
	double left = budget;
	bool full = false;

	for (size_t i = 0; i < nsteps; i++)
	{
		const Step *s = &step[order[i]];

		if (s->cost > left && !full)
		{
			out->bound = out->gain + rate_of(s->gain, s->cost) * left;
			out->rate = rate_of(s->gain, s->cost);
			full = true;
		}
		if (choice[s->person] != s->from || s->cost > left)
			continue;
		choice[s->person] = s->to;
		out->chosen += s->from < 0;
		out->gain += s->gain;
		out->cost += s->cost;
		left -= s->cost;
	}
	if (!full)
		out->bound = out->gain;
	else if (out->bound < out->gain)
		out->bound = out->gain; /* rounding */
}

size_t
bmc_target_bytes(size_t people, size_t offers)
{
	size_t steps = bmc_mul(people, offers);

	/* steps, keys and payloads, and those of the sort */
	return bmc_add(bmc_mul(steps, sizeof(Step) + 2 * (sizeof(uint64_t) + sizeof(uint32_t))), 4096);
}

BmStatus
bmc_target(int32_t *choice, BmTarget *out, const double *gain, const double *cost, size_t people,
		   size_t offers, double budget, BmMem *mem, const BmStop *stop)
{
	size_t most = bmc_mul(people ? people : 1, offers ? offers : 1), n = 0;
	Step *step;
	uint64_t *key;
	uint32_t *order;
	BmStatus status = BM_OK;

	memset(out, 0, sizeof(*out));
	if (offers > BM_MAX_OFFERS || !numbers_fit(gain, cost, people * offers, budget))
		return BM_EINVAL;
	step = bmc_alloc(mem, most, sizeof(Step));
	key = bmc_alloc(mem, most, sizeof(uint64_t));
	order = bmc_alloc(mem, most, sizeof(uint32_t));
	if (!step || !key || !order || most > UINT32_MAX)
		status = BM_ENOMEM;
	for (size_t u = 0; status == BM_OK && u < people; u++)
	{
		Offer offer[BM_MAX_OFFERS];
		size_t found = worthwhile(offer, gain + u * offers, cost + u * offers, offers);

		choice[u] = -1;
		n += hull(step + n, (uint32_t) u, offer, found);
		if (u % STOP_EVERY == 0 && bmc_stop(stop))
			status = BM_ESTOP;
	}
	for (size_t i = 0; status == BM_OK && i < n; i++)
	{
		key[i] = falling(rate_of(step[i].gain, step[i].cost));
		order[i] = (uint32_t) i;
	}
	if (status == BM_OK)
		status = bmc_sort_u64_until(key, order, n, mem, stop);
	if (status == BM_OK)
		buy(choice, out, step, order, n, budget);
	bmc_free(mem, order);
	bmc_free(mem, key);
	bmc_free(mem, step);
	return status;
}
