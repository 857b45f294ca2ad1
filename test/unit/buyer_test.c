/*
 * Models of customers: gradients against differences, fits against the parameters that the customers were
 * simulated with, answers against published numbers and against simulated futures.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/buyer.h"
#include "core/stat/special.h"

static const double truth[BM_BUY_MODELS][4] = {{.24259, 4.41353, .79289, 2.42575},
											   {.52484, 6.18299, .89136, 1.61400},
											   {.5533, 10.578, .6061, 11.669}};
static const char *const names[BM_BUY_MODELS] = {"BG/NBD", "MBG/NBD", "Pareto/NBD"};

static void
test_special(void)
{
	CASE("digamma and 2F1 are what tables print");
	CHECK_NEAR(bmc_digamma(1.0), -0.57721566490153286, 1e-13);
	CHECK_NEAR(bmc_digamma(0.5), -1.96351002602142348, 1e-13);
	CHECK_NEAR(bmc_digamma(1e-3), -1000.5755719318103, 1e-9);
	CHECK_NEAR(bmc_digamma(123.4), log(123.4) - 1 / 246.8 - 1 / (12 * 123.4 * 123.4), 1e-9);
	CHECK_NEAR(bmc_hyp2f1(1, 1, 2, .5), log(2) * 2, 1e-13); /* -ln(1-z)/z */
	CHECK_NEAR(bmc_hyp2f1(.5, .5, 1.5, .81), asin(.9) / .9, 1e-13);
	CHECK_NEAR(bmc_hyp2f1(2.5, 7, 7, .99), pow(.01, -2.5), 1e-6);
	CHECK_NEAR(bmc_hyp2f1(-2, 3, 1.5, .5), 1 - 2 + .8, 1e-12);
}

/* ---- simulated customers ---- */

typedef struct Truth
{
	double rate, leave; /* of purchases; chance after each, or rate of leaving */
} Truth;

static double
beta_of(BmRng *rng, double a, double b)
{
	double x = bmc_rng_gamma(rng, a), y = bmc_rng_gamma(rng, b);

	return x / (x + y);
}

static Truth
new_customer(BmRng *rng, BmBuyModel model, const double *p)
{
	Truth t = {bmc_rng_gamma(rng, p[0]) / p[1], 0};

	t.leave = model == BM_PARETO_NBD ? bmc_rng_gamma(rng, p[2]) / p[3] : beta_of(rng, p[2], p[3]);
	return t;
}

/* Purchases in (0, T]; *last the time of the last; *alive at T. */
static int
live(BmRng *rng, BmBuyModel model, Truth c, double T, double *last, bool *alive)
{
	double t = 0.0, end = model == BM_PARETO_NBD ? bmc_rng_exponential(rng) / c.leave : INFINITY;
	int x = 0;

	*last = 0.0;
	if (model == BM_MBG_NBD && bmc_rng_double(rng) < c.leave)
		end = 0.0;
	while ((t += bmc_rng_exponential(rng) / c.rate) <= fmin(T, end))
	{
		*last = t;
		x++;
		if (model != BM_PARETO_NBD && bmc_rng_double(rng) < c.leave)
			end = t;
	}
	*alive = end > T;
	return x;
}

static BmBuyers
simulate(BmBuyModel model, size_t n, uint64_t seed)
{
	BmBuyers rows = {.n = n, .customers = (double) n};
	BmRng rng = bmc_rng(seed, 3);

	rows.x = malloc(sizeof(double) * n);
	rows.tx = malloc(sizeof(double) * n);
	rows.T = malloc(sizeof(double) * n);
	rows.w = malloc(sizeof(double) * n);
	for (size_t i = 0; i < n; i++)
	{
		bool alive;

		rows.T[i] = 27.0 + bmc_rng_below(&rng, 12 * 7) / 7.0;
		rows.x[i] = live(&rng, model, new_customer(&rng, model, truth[model]), rows.T[i],
						 &rows.tx[i], &alive);
		rows.w[i] = 1.0;
	}
	return rows;
}

static void
release(BmBuyers *rows)
{
	free(rows->x);
	free(rows->tx);
	free(rows->T);
	free(rows->w);
}

static void
check_gradient(BmLikelihoodFn fn, const BmBuyers *rows, const double *p, int d)
{
	double sum[5] = {0};

	fn(sum, rows, p, 0, rows->n, 1);
	for (int i = 0; i < d; i++)
	{
		double q[4], h = 1e-5 * p[i], up[5] = {0}, down[5] = {0}, slope;

		memcpy(q, p, sizeof(double) * d);
		q[i] = p[i] + h;
		fn(up, rows, q, 0, rows->n, 1);
		q[i] = p[i] - h;
		fn(down, rows, q, 0, rows->n, 1);
		slope = (up[0] - down[0]) / (2 * h);
		CHECK_NEAR(sum[i + 1], slope, 1e-5 * fmax(1.0, fabs(slope)));
	}
}

static void
test_gradients(void)
{
	static const double far[][4] = {{2, 30, .1, .2}, {.05, .5, 4, 1}, {1, 3, 1, 3}};
	static const double spend[][3] = {{6.25, 3.74, 15.4}, {.5, .9, 100}};

	CASE("gradients of the likelihoods are their differences");
	for (int m = 0; m < BM_BUY_MODELS; m++)
	{
		BmBuyers rows = simulate((BmBuyModel) m, 300, 4);

		check_gradient(bmc_buy_likelihood[m], &rows, truth[m], 4);
		for (int k = 0; k < 3; k++)
			check_gradient(bmc_buy_likelihood[m], &rows, far[k], 4);
		for (size_t i = 0; i < rows.n; i++)
		{
			rows.x[i]++;
			rows.tx[i] = 1.0 + rows.tx[i];
		}
		for (int k = 0; k < 2; k++)
			check_gradient(bmc_spend_likelihood, &rows, spend[k], 3);
		release(&rows);
	}
}

/* The likelihood of Pareto/NBD as it is published (Fader and Hardie 2005), alpha >= beta. */
static double
pareto_published(const double *p, double x, double tx, double T)
{
	double r = p[0], alpha = p[1], s = p[2], beta = p[3], m = r + s + x;
	double A0 = bmc_hyp2f1(m, s + 1, m + 1, (alpha - beta) / (alpha + tx)) / pow(alpha + tx, m) -
				bmc_hyp2f1(m, s + 1, m + 1, (alpha - beta) / (alpha + T)) / pow(alpha + T, m);

	return bmc_lgamma(r + x) - bmc_lgamma(r) + r * log(alpha) + s * log(beta) +
		   log(1 / (pow(alpha + T, r + x) * pow(beta + T, s)) + s / m * A0);
}

static void
test_pareto(void)
{
	static const double p[] = {.6, 11.0, .7, 9.0};
	static const BmBuyer c[] = {{0, 0, 30}, {1, 3, 30}, {4, 29.9, 30}, {12, 11, 38}, {2, 30, 30}};

	CASE("the likelihood of Pareto/NBD is the published one");
	for (int i = 0; i < 5; i++)
	{
		BmBuyer b = c[i];
		double one = 1.0, sum[5] = {0};
		BmBuyers rows = {1, &b.x, &b.tx, &b.T, &one, 1.0};

		bmc_buy_likelihood[BM_PARETO_NBD](sum, &rows, p, 0, 1, 1);
		CHECK_NEAR(sum[0], pareto_published(p, b.x, b.tx, b.T), 1e-8);
	}
}

static void
test_published(void)
{
	/* Fader and Hardie's notes on the CDNOW sample, in weeks */
	static const double p[] = {.243, 4.414, .793, 2.426}, spend[] = {6.25, 3.74, 15.44};
	static const double t[] = {1 / 7.0, 1, 3, 31.857, 32, 78};
	static const double want[] = {.0078, .0532, .1506, 1.0405, 1.0437, 1.858};
	BmBuyer c = {2, 30.43, 38.86};

	CASE("expectations are the published ones");
	CHECK_NEAR(bmc_buy_expected(BM_BG_NBD, p, &c, 39), 1.226, 5.1e-4);
	CHECK_NEAR(bmc_buy_expected(BM_BG_NBD, truth[0], &c, 39), 1.2259, 5.1e-5);
	for (int i = 0; i < 6; i++)
		CHECK_NEAR(bmc_buy_new(BM_BG_NBD, truth[0], t[i]), want[i], i == 5 ? 5.1e-4 : 5.1e-5);
	CHECK_NEAR(spend[0] * spend[2] / (spend[1] - 1), bmc_spend_mean(spend, 0, 0), 1e-12);
	CHECK_NEAR(bmc_spend_mean(spend, 0, 0), 35.2, .1);
	CHECK(isnan(bmc_spend_mean((double[]){1, .5, 3}, 0, 0)));
}

static void
test_fits(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);

	for (int m = 0; m < BM_BUY_MODELS; m++)
	{
		BmBuyers rows = simulate((BmBuyModel) m, m == BM_PARETO_NBD ? 6000 : 60000, 9);
		BmEstimate e;

		CASE(names[m]);
		CHECK_INT(bmc_buyers_merge(&rows, mem), BM_OK);
		CHECK(rows.n < rows.customers);
		CHECK_INT(bmc_buy_fit(&e, (BmBuyModel) m, &rows, NULL, mem, NULL), BM_OK);
		CHECK(e.converged && e.identified);
		for (int i = 0; i < 4; i++)
			CHECK_NEAR(e.value[i], truth[m][i], 3 * e.std_error[i]);
		for (int i = 0; i < 4; i++)
			CHECK(e.std_error[i] < .5 * e.value[i]);
		release(&rows);
	}
	CHECK_INT(heap.live, 0);
}

static void
test_spend(void)
{
	static const double p[] = {6.25, 3.74, 15.44};
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmBuyers rows = simulate(BM_BG_NBD, 20000, 2);
	BmRng rng = bmc_rng(7, 7);
	BmEstimate e;

	CASE("Gamma-Gamma finds what the amounts were drawn from");
	for (size_t i = 0; i < rows.n; i++)
	{
		double nu = bmc_rng_gamma(&rng, p[1]) / p[2];

		rows.x[i] += 1;
		rows.tx[i] = bmc_rng_gamma(&rng, p[0] * rows.x[i]) / (nu * rows.x[i]);
	}
	free(rows.T);
	rows.T = NULL;
	CHECK_INT(bmc_buyers_merge(&rows, mem), BM_OK);
	CHECK_INT(bmc_spend_fit(&e, &rows, NULL, mem, NULL), BM_OK);
	CHECK(e.converged && e.identified);
	for (int i = 0; i < 3; i++)
		CHECK_NEAR(e.value[i], p[i], 3 * e.std_error[i]);
	rows.n = 1;
	CHECK_INT(bmc_spend_fit(&e, &rows, NULL, mem, NULL), BM_EINVAL);
	release(&rows);
}

/* Futures of simulated customers who look alike, against what the model says of them. */
static void
test_futures(void)
{
	for (int m = 0; m < BM_BUY_MODELS; m++)
	{
		BmRng rng = bmc_rng(11, (uint64_t) m);
		double n = 0, alive_now = 0, bought = 0, within = 0, p_alive = 0, expected = 0, chance = 0;
		double median = 0;

		CASE(names[m]);
		for (int i = 0; i < 40000; i++)
		{
			Truth c = new_customer(&rng, (BmBuyModel) m, truth[m]);
			BmBuyer b = {.T = 30};
			double last = 0;
			bool alive, later;
			BmRng life = bmc_rng(77, (uint64_t) i), again = bmc_rng(77, (uint64_t) i);
			int all = live(&again, (BmBuyModel) m, c, 50, &last, &later);

			b.x = live(&life, (BmBuyModel) m, c, 30, &b.tx, &alive);
			n++;
			alive_now += alive;
			bought += all - b.x;
			within += all > b.x;
			p_alive += bmc_buy_alive((BmBuyModel) m, truth[m], &b);
			expected += bmc_buy_expected((BmBuyModel) m, truth[m], &b, 20);
			chance += bmc_buy_within((BmBuyModel) m, truth[m], &b, 20);
			if (i < 100)
			{
				double share = .5 * bmc_buy_alive((BmBuyModel) m, truth[m], &b);
				double next = bmc_buy_next((BmBuyModel) m, truth[m], &b, share);

				if (isfinite(next))
					CHECK_NEAR(bmc_buy_within((BmBuyModel) m, truth[m], &b, next), share, 1e-9);
				median += isfinite(next);
				CHECK(isinf(bmc_buy_next((BmBuyModel) m, truth[m], &b, 1.0)));
			}
		}
		CHECK_NEAR(p_alive / n, alive_now / n, .01);
		CHECK_NEAR(expected / n, bought / n, .03);
		CHECK_NEAR(chance / n, within / n, .01);
		CHECK(median > 10);
	}
}

static void
test_edges(void)
{
	static const double pole[] = {.3, 5, 1.0, 2.0}, near[] = {.3, 5, 1.0001, 2.0};
	static const double low[] = {.3, 5, .4, .6};
	BmBuyer c = {5, 20, 30}, new = {0}, heavy = {5000, 29, 30};
	UnitHeap heap;
	BmBuyers rows;
	BmEstimate e;

	CASE("removable poles, heavy customers, discounts, nothing to learn");
	CHECK_NEAR(bmc_buy_expected(BM_BG_NBD, pole, &c, 10), bmc_buy_expected(BM_BG_NBD, near, &c, 10),
			   1e-3);
	CHECK_NEAR(bmc_buy_expected(BM_PARETO_NBD, pole, &c, 10),
			   bmc_buy_expected(BM_PARETO_NBD, near, &c, 10), 1e-3);
	CHECK(isfinite(bmc_buy_expected(BM_BG_NBD, low, &new, 10))); /* a + b - 1 is 0 */
	for (int m = 0; m < BM_BUY_MODELS; m++)
	{
		double all = bmc_buy_expected((BmBuyModel) m, truth[m], &heavy, 10);

		CHECK(all > 0 && all < 5000);
		CHECK_NEAR(bmc_buy_discounted((BmBuyModel) m, truth[m], &c, 10, 0),
				   bmc_buy_expected((BmBuyModel) m, truth[m], &c, 10), 1e-9);
		CHECK(bmc_buy_discounted((BmBuyModel) m, truth[m], &c, 10, .1) <
			  bmc_buy_expected((BmBuyModel) m, truth[m], &c, 10));
		CHECK_NEAR(bmc_buy_expected((BmBuyModel) m, truth[m], &c, 0), 0, 0);
	}
	/* customers who hardly differ: the two forms of the expectation, and its limit, the Poisson process */
	CHECK_NEAR(bmc_buy_expected(BM_BG_NBD, (double[]){1, 9, 29.9, 60}, &c, 10),
			   bmc_buy_expected(BM_BG_NBD, (double[]){1, 9, 30.1, 60}, &c, 10), 2e-2);
	CHECK_NEAR(bmc_buy_new(BM_BG_NBD, (double[]){31, 90, 2, 3}, 10),
			   bmc_buy_new(BM_BG_NBD, (double[]){35, 90 * 35 / 31., 2, 3}, 10), 1e-2);
	CHECK_NEAR(bmc_buy_new(BM_BG_NBD, (double[]){1.5e5, 3e5, 1e-5, 1e5}, 10), 5, 1e-3);
	CHECK_NEAR(bmc_log_hyp2f1(2.5, 7, 7, .99), -2.5 * log(.01), 1e-9);
	CHECK_NEAR(bmc_log_hyp2f1(900, 5, 5, .9), 900 * log(10), 1e-6);
	rows = simulate(BM_BG_NBD, 50, 1);
	for (int i = 0; i < 50; i++)
		rows.x[i] = rows.tx[i] = 0;
	CHECK_INT(bmc_buy_fit(&e, BM_BG_NBD, &rows, NULL, unit_heap(&heap), NULL), BM_EINVAL);
	/* one customer alone: a best point, and the flag that says what it is worth */
	rows.x[0] = 3;
	rows.tx[0] = 5;
	rows.n = 1;
	rows.customers = 1;
	for (int m = 0; m < BM_BUY_MODELS; m++)
	{
		CHECK_INT(bmc_buy_fit(&e, (BmBuyModel) m, &rows, NULL, unit_heap(&heap), NULL), BM_OK);
		CHECK(!e.identified && isfinite(e.loglik));
	}
	release(&rows);
}

int
main(void)
{
	test_special();
	test_gradients();
	test_pareto();
	test_published();
	test_fits();
	test_spend();
	test_futures();
	test_edges();
	return unit_done();
}
