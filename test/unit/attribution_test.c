/*
 * Absorbing chains against plain elimination and against walking the distribution forward; attribution
 * against worked examples, against the Shapley formula over all orders, and against a naive twin.
 * BEHAVMINE_CASES=50000 runs that many random cases a part; the default is quick.
 */
#include "unit.h"
#include "core/mine/attribution.h"
#include "core/mine/chain.h"
#include "core/num/rng.h"

#define MAX_STATES 9
#define MINUTE INT64_C(60000000)

static long
cases(long normal)
{
	const char *wanted = getenv("BEHAVMINE_CASES");

	return wanted ? atol(wanted) : normal;
}

/* ---- chains ---- */

/* P(absorbed in convert) from each state by Gauss and pivoting, in long double. */
static void
plain_absorb(double *h, const double *w, const double *convert, const double *fail, size_t n)
{
	long double a[MAX_STATES][MAX_STATES + 1];

	for (size_t i = 0; i < n; i++)
	{
		long double total = convert[i] + fail[i];

		for (size_t j = 0; j < n; j++)
			total += w[i * n + j];
		for (size_t j = 0; j < n; j++)
			a[i][j] = (i == j) - w[i * n + j] / total;
		a[i][n] = convert[i] / total;
	}
	for (size_t k = 0; k < n; k++)
	{
		size_t p = k;

		for (size_t i = k; i < n; i++)
			if (fabsl(a[i][k]) > fabsl(a[p][k]))
				p = i;
		for (size_t j = 0; j <= n; j++)
		{
			long double t = a[k][j];

			a[k][j] = a[p][j];
			a[p][j] = t;
		}
		for (size_t i = 0; i < n; i++)
			if (i != k)
			{
				long double f = a[i][k] / a[k][k];

				for (size_t j = 0; j <= n; j++)
					a[i][j] -= f * a[k][j];
			}
	}
	for (size_t i = 0; i < n; i++)
		h[i] = (double) (a[i][n] / a[i][i]);
}

static size_t
random_chain(double *w, double *convert, double *fail, BmRng *rng)
{
	size_t n = 1 + bmc_rng_below(rng, MAX_STATES);

	for (size_t i = 0; i < n * n; i++)
		w[i] = bmc_rng_below(rng, 3) ? 0 : bmc_rng_below(rng, 10);
	for (size_t i = 0; i < n; i++)
	{
		convert[i] = bmc_rng_below(rng, 2) ? 0 : bmc_rng_below(rng, 5);
		fail[i] = bmc_rng_below(rng, 2) ? 0 : bmc_rng_below(rng, 5);
		if (convert[i] + fail[i] == 0) /* so that every state can be left for good */
			fail[i] = 1;
	}
	return n;
}

static void
chain_case(uint64_t seed)
{
	BmRng rng = bmc_rng(seed, 2);
	double w[MAX_STATES * MAX_STATES], copy[MAX_STATES * MAX_STATES], convert[MAX_STATES];
	double fail[MAX_STATES], effect[MAX_STATES], scratch[4 * MAX_STATES], total;
	double h[MAX_STATES], lost[MAX_STATES], p[MAX_STATES], steps[MAX_STATES];
	size_t n = random_chain(w, convert, fail, &rng);

	memcpy(copy, w, sizeof(w));
	CHECK_INT(bmc_chain_removal(effect, &total, copy, convert, fail, n, scratch, NULL), BM_OK);
	plain_absorb(h, w, convert, fail, n);
	CHECK_NEAR(total, h[0], 1e-12);
	for (size_t i = 1; i < n; i++)
	{
		/* without i: what went to it fails */
		double without[MAX_STATES * MAX_STATES], failed[MAX_STATES];

		memcpy(without, w, sizeof(w));
		memcpy(failed, fail, sizeof(fail));
		for (size_t j = 0; j < n; j++)
			if (j != i)
			{
				failed[j] += w[j * n + i];
				without[j * n + i] = 0;
			}
		plain_absorb(lost, without, convert, failed, n);
		CHECK_NEAR(effect[i], total > 0 ? 1 - lost[0] / h[0] : 0, 1e-11);
	}
	memcpy(copy, w, sizeof(w));
	CHECK_INT(bmc_chain_reach(p, steps, copy, convert, fail, n, scratch, NULL), BM_OK);
	for (size_t i = 0; i < n; i++)
	{
		double at[MAX_STATES] = {0}, reached = 0, weighted = 0, left = 1;

		CHECK_NEAR(p[i], h[i], 1e-12);
		at[i] = 1;
		for (int step = 1; step < 4000 && left > 1e-14; step++)
		{
			double next[MAX_STATES] = {0};

			left = 0;
			for (size_t a = 0; a < n; a++)
			{
				double all = convert[a] + fail[a];

				for (size_t b = 0; b < n; b++)
					all += w[a * n + b];
				for (size_t b = 0; b < n; b++)
					next[b] += at[a] * w[a * n + b] / all;
				reached += at[a] * convert[a] / all;
				weighted += step * at[a] * convert[a] / all;
			}
			memcpy(at, next, sizeof(at));
			for (size_t a = 0; a < n; a++)
				left += at[a];
		}
		CHECK_NEAR(p[i], reached, 1e-9);
		if (p[i] > 0)
			CHECK_NEAR(steps[i], weighted / reached, 1e-6 * steps[i]);
		else
			CHECK(isnan(steps[i]));
	}
}

static void
test_chain_by_hand(void)
{
	double w[4] = {0, 1e-17, 1e17, 0}, out[2] = {0, 1e-17}, pivot[2], d[2], scratch[2];
	double x[2] = {0, 1e-17}, bad[1] = {NAN}, closed[1] = {5}, none[1] = {0}, one[1] = {1};
	BmChain chain;

	CASE("a chain that is closed but for one part in 1e34 is solved to full precision");
	CHECK_INT(bmc_chain_factor(&chain, w, pivot, d, out, scratch, 2, NULL), BM_OK);
	bmc_chain_solve(x, &chain);
	CHECK_NEAR(x[0], 1, 1e-15);
	CHECK_NEAR(x[1], 1, 1e-15);
	CASE("a chain without an exit is singular; counts that are no numbers are refused");
	CHECK_INT(bmc_chain_factor(&chain, closed, pivot, d, none, scratch, 1, NULL), BM_ESINGULAR);
	CHECK_INT(bmc_chain_factor(&chain, bad, pivot, d, one, scratch, 1, NULL), BM_ENOTFINITE);
	bad[0] = -1;
	CHECK_INT(bmc_chain_factor(&chain, bad, pivot, d, one, scratch, 1, NULL), BM_ENOTFINITE);
}

/* ---- attribution by hand ---- */

static const BmAttributionRules defaults = {
	.window = 1000 * MINUTE, .half_life = 10 * MINUTE, .first = 0.4, .last = 0.4};

static void
test_published(void)
{
	UnitHeap h;
	BmAttribution a;
	uint32_t one[] = {0, 1, 2}, two[] = {0}, three[] = {1, 2};
	int64_t time[] = {0, MINUTE, 2 * MINUTE}, at[] = {3 * MINUTE};
	double value[] = {1};

	/*
	 * Often published: C1 C2 C3 converts, C1 fails, C2 C3 fails. By hand: from the start C1 2/3, C2
	 * 1/3; C1 to C2 1/2; C2 to C3 1; C3 converts 1/2: P = (2/3 1/2 + 1/3) 1/2 = 1/3. Without C1:
	 * 1/3 1/2 = 1/6, so 1/2 is lost; without C2 or C3 all. Shares 1/5, 2/5, 2/5.
	 */
	CASE("removal effects of the published example: 1/2, 1, 1, and shares 0.2, 0.4, 0.4");
	CHECK_INT(bmc_attribution_init(&a, &defaults, 3, unit_heap(&h)), BM_OK);
	bmc_attribution_user(&a, time, one, 3, at, value, 1, NULL);
	bmc_attribution_user(&a, time, two, 1, NULL, NULL, 0, NULL);
	bmc_attribution_user(&a, time, three, 2, NULL, NULL, 0, NULL);
	CHECK_INT(bmc_attribution_markov(&a, NULL), BM_OK);
	CHECK_NEAR(a.probability, 1.0 / 3, 1e-15);
	CHECK_NEAR(a.effect[0], 0.5, 1e-15);
	CHECK_NEAR(a.effect[1], 1, 1e-15);
	CHECK_NEAR(a.effect[2], 1, 1e-15);
	CHECK_NEAR(a.credit[BM_ATTRIBUTE_MARKOV][0], 0.2, 1e-15);
	CHECK_NEAR(a.credit[BM_ATTRIBUTE_MARKOV][1], 0.4, 1e-15);
	CHECK_NEAR(a.credit[BM_ATTRIBUTE_MARKOV][2], 0.4, 1e-15);
	bmc_attribution_free(&a);
	CHECK_INT(h.live, 0);
}

static void
test_worked(void)
{
	UnitHeap h;
	BmAttribution a;
	/* touches of channels 0 1 0 2 at minutes 0, 10, 20, 30; a conversion worth 100 at minute 40 */
	uint32_t channel[] = {0, 1, 0, 2};
	int64_t time[] = {0, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE}, at[] = {40 * MINUTE};
	double value[] = {100};
	static const double want[][3] = {
		[BM_ATTRIBUTE_FIRST] = {1, 0, 0},
		[BM_ATTRIBUTE_LAST] = {0, 0, 1},
		[BM_ATTRIBUTE_LINEAR] = {0.5, 0.25, 0.25},
		/* weights 1/8 1/4 1/2 1, sum 15/8 */
		[BM_ATTRIBUTE_TIME_DECAY] = {5.0 / 15, 2.0 / 15, 8.0 / 15},
		[BM_ATTRIBUTE_POSITION] = {0.5, 0.1, 0.4},
		[BM_ATTRIBUTE_SHAPLEY] = {1.0 / 3, 1.0 / 3, 1.0 / 3},
	};

	CASE("one journey by hand, in every model");
	CHECK_INT(bmc_attribution_init(&a, &defaults, 3, unit_heap(&h)), BM_OK);
	bmc_attribution_user(&a, time, channel, 4, at, value, 1, NULL);
	for (int m = 0; m < BM_ATTRIBUTE_MARKOV; m++)
		for (int c = 0; c < 3; c++)
		{
			CHECK_NEAR(a.credit[m][c], want[m][c], 1e-15);
			CHECK_NEAR(a.worth[m][c], 100 * want[m][c], 1e-12);
		}
	bmc_attribution_free(&a);
	CHECK_INT(h.live, 0);

	CASE("one and two touches by position; a touch at the conversion's time counts, one outside "
		 "not");
	CHECK_INT(
		bmc_attribution_init(
			&a,
			&(BmAttributionRules){.window = 10 * MINUTE, .half_life = 1, .first = 0.1, .last = 0.3},
			3, unit_heap(&h)),
		BM_OK);
	at[0] = 30 * MINUTE; /* window: minutes 20 to 30 */
	bmc_attribution_user(&a, time, channel, 4, at, value, 1, NULL);
	CHECK_NEAR(a.credit[BM_ATTRIBUTE_POSITION][0], 0.25, 1e-15);
	CHECK_NEAR(a.credit[BM_ATTRIBUTE_POSITION][2], 0.75, 1e-15);
	at[0] = 5 * MINUTE;
	bmc_attribution_user(&a, time, channel, 4, at, value, 1, NULL);
	CHECK_NEAR(a.credit[BM_ATTRIBUTE_POSITION][0], 1.25, 1e-15);
	at[0] = 1000 * MINUTE;
	bmc_attribution_user(&a, time, channel, 4, at, value, 1, NULL);
	CHECK_INT(a.untouched, 1);
	CHECK_NEAR(a.credit[BM_ATTRIBUTE_FIRST][3], 1, 0);
	bmc_attribution_free(&a);
}

static void
test_reset(void)
{
	UnitHeap h;
	BmAttribution a;
	BmAttributionRules rules = defaults;
	uint32_t channel[] = {0, 1};
	int64_t time[] = {0, 20 * MINUTE}, at[] = {10 * MINUTE, 30 * MINUTE, 31 * MINUTE};
	double value[] = {1, 2, 4};

	CASE("touches count for every later conversion, or with reset for the next one only");
	for (int reset = 0; reset < 2; reset++)
	{
		rules.reset = reset;
		CHECK_INT(bmc_attribution_init(&a, &rules, 2, unit_heap(&h)), BM_OK);
		bmc_attribution_user(&a, time, channel, 2, at, value, 3, NULL);
		CHECK_NEAR(a.credit[BM_ATTRIBUTE_FIRST][0], reset ? 1 : 3, 0);
		CHECK_NEAR(a.credit[BM_ATTRIBUTE_LAST][1], reset ? 1 : 2, 0);
		CHECK_NEAR(a.worth[BM_ATTRIBUTE_LAST][1], reset ? 2 : 6, 0);
		CHECK_INT(a.untouched, reset ? 1 : 0);
		CHECK_NEAR(a.fail[1] + a.fail[2] + a.fail[0], 0, 0);
		bmc_attribution_free(&a);
	}
}

/* ---- attribution at random ---- */

#define CHANNELS 4
#define TOUCHES 12
#define USERS 5

typedef struct Journey
{
	size_t n;
	uint32_t channel[TOUCHES];
	int64_t time[TOUCHES];
	double value;
} Journey;

/* The worth of a set of channels: conversions of journeys inside it. */
static double
worth_of(const Journey *j, size_t n, unsigned set)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		bool inside = true;

		for (size_t t = 0; t < j[i].n; t++)
			inside = inside && (set >> j[i].channel[t] & 1);
		sum += inside;
	}
	return sum;
}

/* Shapley's formula: the mean over all orders of what a channel adds to those before it. */
static double
shapley(const Journey *j, size_t n, uint32_t channel)
{
	static const double factorial[] = {1, 1, 2, 6, 24};
	double sum = 0;

	for (unsigned set = 0; set < 1U << CHANNELS; set++)
	{
		int size = __builtin_popcount(set);

		if (set >> channel & 1)
			continue;
		sum += factorial[size] * factorial[CHANNELS - size - 1] / factorial[CHANNELS] *
			   (worth_of(j, n, set | 1U << channel) - worth_of(j, n, set));
	}
	return sum;
}

static void
attribution_case(uint64_t seed)
{
	UnitHeap h;
	BmRng rng = bmc_rng(seed, 3);
	BmAttributionRules rules = {.window =
									bmc_rng_below(&rng, 4) ? (int64_t) bmc_rng_below(&rng, 12) : -1,
								.half_life = 1 + bmc_rng_below(&rng, 5),
								.first = bmc_rng_below(&rng, 5) / 10.0,
								.last = bmc_rng_below(&rng, 5) / 10.0,
								.reset = bmc_rng_below(&rng, 2)};
	Journey journey[USERS * TOUCHES];
	size_t journeys = 0, conversions = 0, untouched = 0;
	double sum[BM_ATTRIBUTE_MODELS] = {0}, want[BM_ATTRIBUTE_MODELS][CHANNELS] = {{0}};
	double worth[BM_ATTRIBUTE_MODELS] = {0}, value_sum = 0, steps = 0, failed = 0;
	BmAttribution a;

	CHECK_INT(bmc_attribution_init(&a, &rules, CHANNELS, unit_heap(&h)), BM_OK);
	for (int u = 0; u < USERS; u++)
	{
		size_t n = bmc_rng_below(&rng, TOUCHES), m = bmc_rng_below(&rng, 4);
		uint32_t channel[TOUCHES];
		int64_t time[TOUCHES], at[4], t = 0;
		double value[4];
		bool used[TOUCHES] = {false};

		for (size_t i = 0; i < n; i++)
		{
			t += bmc_rng_below(&rng, 4);
			time[i] = t;
			channel[i] = bmc_rng_below(&rng, CHANNELS);
		}
		t = 0;
		for (size_t i = 0; i < m; i++)
		{
			t += bmc_rng_below(&rng, 12);
			at[i] = t;
			value[i] = bmc_rng_below(&rng, 100);
		}
		CHECK_INT(bmc_attribution_user(&a, time, channel, n, at, value, m, NULL), BM_OK);
		for (size_t c = 0; c < m; c++)
		{
			Journey *j = &journey[journeys];

			j->n = 0;
			j->value = value[c];
			for (size_t i = 0; i < n; i++)
				if (time[i] <= at[c] && (rules.window < 0 || time[i] >= at[c] - rules.window) &&
					!(rules.reset && c > 0 && time[i] <= at[c - 1]))
				{
					j->channel[j->n] = channel[i];
					j->time[j->n++] = time[i];
					used[i] = true;
				}
			conversions++;
			value_sum += value[c];
			untouched += j->n == 0;
			journeys += j->n > 0;
			steps += (double) j->n;
		}
		for (size_t i = 0; i < n; i++)
			failed += !used[i];
	}
	for (size_t i = 0; i < journeys; i++)
	{
		const Journey *j = &journey[i];
		double weights = 0;

		for (size_t t = 0; t < j->n; t++)
			weights += pow(0.5, (double) (j->time[j->n - 1] - j->time[t]) / rules.half_life);
		want[BM_ATTRIBUTE_FIRST][j->channel[0]]++;
		want[BM_ATTRIBUTE_LAST][j->channel[j->n - 1]]++;
		for (size_t t = 0; t < j->n; t++)
		{
			double ends = rules.first + rules.last, position;

			if (j->n <= 2 && ends == 0)
				position = 1.0 / (double) j->n;
			else if (j->n <= 2)
				position = ((t == 0 ? rules.first : 0) + (t + 1 == j->n ? rules.last : 0)) / ends;
			else
				position = t == 0          ? rules.first
						   : t + 1 == j->n ? rules.last
										   : (1 - ends) / (double) (j->n - 2);
			want[BM_ATTRIBUTE_LINEAR][j->channel[t]] += 1.0 / (double) j->n;
			want[BM_ATTRIBUTE_TIME_DECAY][j->channel[t]] +=
				pow(0.5, (double) (j->time[j->n - 1] - j->time[t]) / rules.half_life) / weights;
			want[BM_ATTRIBUTE_POSITION][j->channel[t]] += position;
		}
	}
	for (uint32_t c = 0; c < CHANNELS; c++)
		want[BM_ATTRIBUTE_SHAPLEY][c] = shapley(journey, journeys, c);
	/* every touch is a step of the chain as often as it is in a journey, or once in a failed one */
	for (size_t i = 0; i < (CHANNELS + 1) * (CHANNELS + 1); i++)
		steps -= a.w[i];
	CHECK_NEAR(steps + failed, 0, 1e-9);
	CHECK_INT(bmc_attribution_markov(&a, NULL), BM_OK);
	CHECK_INT(a.conversions, conversions);
	CHECK_INT(a.untouched, untouched);
	for (int m = 0; m < BM_ATTRIBUTE_MODELS; m++)
	{
		for (uint32_t c = 0; c < CHANNELS; c++)
		{
			if (m != BM_ATTRIBUTE_MARKOV)
				CHECK_NEAR(a.credit[m][c], want[m][c], 1e-9);
			CHECK(a.credit[m][c] >= 0);
			sum[m] += a.credit[m][c];
			worth[m] += a.worth[m][c];
		}
		CHECK_NEAR(sum[m] + a.credit[m][CHANNELS], (double) conversions, 1e-9);
		CHECK_NEAR(worth[m] + a.worth[m][CHANNELS], value_sum, 1e-6);
	}
	bmc_attribution_free(&a);
	CHECK_INT(h.live, 0);
}

static void
test_failures(void)
{
	uint32_t channel[200] = {0};
	int64_t time[200] = {0}, at[] = {1};
	double value[] = {1};

	CASE("attribution: every allocation may fail, and nothing is left behind");
	for (long fail = 1; fail < 40; fail++)
	{
		UnitHeap h;
		BmAttribution a;
		BmStatus s;

		unit_heap(&h);
		h.fail_at = fail;
		s = bmc_attribution_init(&a, &defaults, 3, &h.mem);
		if (s == BM_OK)
			s = bmc_attribution_user(&a, time, channel, 200, at, value, 1, NULL);
		if (s == BM_OK)
			s = bmc_attribution_markov(&a, NULL);
		CHECK(s == BM_OK || s == BM_ENOMEM);
		CHECK(s == BM_ENOMEM || h.calls < fail);
		bmc_attribution_free(&a);
		CHECK_INT(h.live, 0);
	}
}

static bool
always(void *arg)
{
	return true;
}

static void
test_stop(void)
{
	size_t n = 500;
	double *w = malloc(n * n * sizeof(double)), *v = malloc(7 * n * sizeof(double)), total;
	BmStop stop = {always, NULL};

	CASE("a large chain hears a stop, and is solved without one");
	for (int stopped = 1; stopped >= 0; stopped--)
	{
		for (size_t i = 0; i < n * n; i++)
			w[i] = 1;
		for (size_t i = 0; i < 2 * n; i++)
			v[i] = i == n - 1 || i >= n; /* convert from the last state alone; fail from all */
		CHECK_INT(
			bmc_chain_removal(v + 2 * n, &total, w, v, v + n, n, v + 3 * n, stopped ? &stop : NULL),
			stopped ? BM_ESTOP : BM_OK);
	}
	/* states are alike but for the last, which all conversions pass */
	CHECK(total > 0 && total < 1);
	for (size_t i = 2; i < n - 1; i++)
		CHECK_NEAR(v[2 * n + i], v[2 * n + 1], 1e-9);
	CHECK_NEAR(v[2 * n + n - 1], 1, 1e-12);
	free(w), free(v);
}

int
main(void)
{
	test_chain_by_hand();
	test_stop();
	CASE(
		"removal effects are those of chains without the state; reaching takes as long as walking");
	for (long i = 0; i < cases(2000); i++)
		chain_case((uint64_t) i);
	test_published();
	test_worked();
	test_reset();
	CASE("every model is its definition on random journeys, and adds up to the conversions");
	for (long i = 0; i < cases(5000); i++)
		attribution_case((uint64_t) i);
	test_failures();
	return unit_done();
}
