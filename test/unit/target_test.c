/*
 * Offers under a budget against all choices tried, and against the bound.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/target.h"

/* The most that person u.. on can gain with this money. */
static double
best_of(const double *gain, const double *cost, size_t people, size_t offers, double money)
{
	double best;

	if (people == 0)
		return 0;
	best = best_of(gain + offers, cost + offers, people - 1, offers, money);
	for (size_t j = 0; j < offers; j++)
		if (cost[j] <= money)
		{
			double got = gain[j] +
						 best_of(gain + offers, cost + offers, people - 1, offers, money - cost[j]);

			if (got > best)
				best = got;
		}
	return best;
}

static void
check_choice(const int32_t *choice, const BmTarget *t, const double *gain, const double *cost,
			 size_t people, size_t offers, double budget)
{
	double g = 0, c = 0;
	size_t n = 0;

	for (size_t u = 0; u < people; u++)
		if (choice[u] >= 0)
		{
			CHECK(choice[u] < (int32_t) offers);
			g += gain[u * offers + (size_t) choice[u]];
			c += cost[u * offers + (size_t) choice[u]];
			n++;
		}
	CHECK_NEAR(g, t->gain, 1e-9 * (1 + fabs(g)));
	CHECK_NEAR(c, t->cost, 1e-9 * (1 + fabs(c)));
	CHECK(t->cost <= budget + 1e-9);
	CHECK_INT(n, t->chosen);
}

static void
test_brute_force(void)
{
	BmRng rng = bmc_rng(1, 1);
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	int exact = 0;

	CASE("between the optimum less one step and the bound, on 20,000 random cases");
	for (int c = 0; c < 20000; c++)
	{
		size_t people = 1 + bmc_rng_below(&rng, 5), offers = 1 + bmc_rng_below(&rng, 3);
		double gain[15], cost[15], budget = bmc_rng_below(&rng, 20), most = 0, optimum;
		int32_t choice[5];
		BmTarget t;

		for (size_t i = 0; i < people * offers; i++)
		{
			gain[i] = (int) bmc_rng_below(&rng, 12) - 3;
			cost[i] = bmc_rng_below(&rng, 9);
			most = gain[i] > most ? gain[i] : most;
		}
		CHECK_INT(bmc_target(choice, &t, gain, cost, people, offers, budget, mem, NULL), BM_OK);
		check_choice(choice, &t, gain, cost, people, offers, budget);
		optimum = best_of(gain, cost, people, offers, budget);
		CHECK(t.gain <= optimum + 1e-9 && optimum <= t.bound + 1e-9);
		CHECK(t.gain >= optimum - most - 1e-9);
		exact += t.gain > optimum - 1e-9;
	}
	CHECK(exact > 12000);
	CHECK_INT(heap.live, 0);
}

static bool
stop_now(void *arg)
{
	return true;
}

static void
test_large(void)
{
	enum
	{
		PEOPLE = 100000,
		OFFERS = 3
	};
	static double gain[PEOPLE * OFFERS], cost[PEOPLE * OFFERS];
	static int32_t choice[PEOPLE];
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmRng rng = bmc_rng(2, 1);
	BmStop stop = {stop_now, NULL};
	BmTarget t, rich;

	CASE("a hundred thousand people: within .01 % of the bound, any budget, in bounded memory");
	for (size_t i = 0; i < PEOPLE * OFFERS; i++)
	{
		gain[i] = bmc_rng_normal(&rng) + 1;
		cost[i] = 1 + 4 * bmc_rng_double(&rng);
	}
	for (double budget = 0; budget < 1e6; budget = 10 * budget + 1000)
	{
		CHECK_INT(bmc_target(choice, &t, gain, cost, PEOPLE, OFFERS, budget, mem, NULL), BM_OK);
		check_choice(choice, &t, gain, cost, PEOPLE, OFFERS, budget);
		CHECK(t.gain >= t.bound * (1 - 1e-4) - 1e-9 || budget < 2000);
		CHECK(t.gain >= t.bound - 5);
	}
	CHECK(mem->peak <= bmc_target_bytes(PEOPLE, OFFERS));
	CHECK_INT(bmc_target(choice, &rich, gain, cost, PEOPLE, OFFERS, INFINITY, mem, NULL), BM_OK);
	CHECK_NEAR(rich.gain, rich.bound, 0);
	CHECK_NEAR(rich.rate, 0, 0);
	for (size_t u = 0; u < PEOPLE; u++)
		for (int j = 0; j < OFFERS; j++)
			CHECK(gain[u * OFFERS + (size_t) j] <=
				  (choice[u] < 0 ? 0 : gain[u * OFFERS + (size_t) choice[u]]));
	CHECK_INT(bmc_target(choice, &t, gain, cost, PEOPLE, OFFERS, 1, mem, &stop), BM_ESTOP);
	CHECK_INT(heap.live, 0);
}

static void
test_edges(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	double gain[2] = {1, 2}, cost[2] = {0, 0}, bad = NAN, minus = -1;
	int32_t choice[2];
	BmTarget t;

	CASE("free offers are taken without money; impossible numbers are refused");
	CHECK_INT(bmc_target(choice, &t, gain, cost, 1, 2, 0, mem, NULL), BM_OK);
	CHECK_INT(choice[0], 1);
	CHECK_NEAR(t.gain, 2, 0);
	CHECK_INT(bmc_target(choice, &t, gain, cost, 0, 2, 10, mem, NULL), BM_OK);
	CHECK_NEAR(t.gain, 0, 0);
	CHECK_INT(bmc_target(choice, &t, &bad, cost, 1, 1, 1, mem, NULL), BM_EINVAL);
	CHECK_INT(bmc_target(choice, &t, gain, &minus, 1, 1, 1, mem, NULL), BM_EINVAL);
	CHECK_INT(bmc_target(choice, &t, gain, cost, 1, 1, -1, mem, NULL), BM_EINVAL);
	CHECK_INT(bmc_target(choice, &t, gain, cost, 1, 1, NAN, mem, NULL), BM_EINVAL);
	for (long at = 1; at <= 5; at++)
	{
		heap.calls = 0;
		heap.fail_at = at;
		bmc_target(choice, &t, gain, cost, 2, 1, 1, mem, NULL);
		CHECK_INT(heap.live, 0);
	}
}

int
main(void)
{
	test_brute_force();
	test_large();
	test_edges();
	return unit_done();
}
