/*
 * Survival against the published curve of a clinical trial and the definition; the chi-squared tail
 * against closed forms and tables; rhythm against counting hour by hour.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/chi2.h"
#include "core/stat/rhythm.h"
#include "core/stat/survival.h"

/*
 * Weeks in remission of 21 leukaemia patients on 6-mercaptopurine (Freireich and others 1963; Gehan 1965):
 * the example of most textbooks. S and standard errors as they print them; the 95 % log-log band from
 * exact fractions.
 */
static void
test_leukaemia(void)
{
	static const BmLifetimes in[] = {{6, 3, 1},  {7, 1, 0},  {9, 0, 1},  {10, 1, 1},
									 {11, 0, 1}, {13, 1, 0}, {16, 1, 0}, {17, 0, 1},
									 {19, 0, 1}, {20, 0, 1}, {22, 1, 0}, {23, 1, 0},
									 {25, 0, 1}, {32, 0, 2}, {34, 0, 1}, {35, 0, 1}};
	static const struct
	{
		double t;
		int64_t at_risk;
		double s, se, low, high;
	} want[] = {{6, 21, .8571, .0764, .6197, .9516},  {7, 17, .8067, .0869, .5631, .9228},
				{10, 15, .7529, .0963, .5032, .8894}, {13, 12, .6902, .1068, .4316, .8491},
				{16, 11, .6275, .1141, .3675, .8049}, {22, 7, .5378, .1282, .2678, .7468},
				{23, 6, .4482, .1346, .1881, .6801}};
	BmSurvivalRow row[16];
	size_t w = 0;

	CASE("the leukaemia trial of the textbooks");
	bmc_survival(row, in, 16, bmc_normal_quantile(0.975));
	for (size_t i = 0; i < 16; i++)
	{
		if (in[i].events == 0)
			continue;
		CHECK_NEAR(row[i].t, want[w].t, 0);
		CHECK_INT(row[i].at_risk, want[w].at_risk);
		CHECK_NEAR(row[i].survival, want[w].s, 5e-5);
		CHECK_NEAR(row[i].std_error, want[w].se, 5.1e-5);
		CHECK_NEAR(row[i].low, want[w].low, 5e-5);
		CHECK_NEAR(row[i].high, want[w].high, 5e-5);
		w++;
	}
	CHECK_INT(w, 7);
	CHECK_NEAR(bmc_survival_quantile(row, 16, 0.5), 23, 0);
	CHECK(isnan(bmc_survival_quantile(row, 16, 0.25)));
}

/* Every unit by itself, every time anew. */
static void
test_naive(void)
{
	BmRng rng = bmc_rng(1, 5);

	CASE("survival is its definition");
	for (int c = 0; c < 2000; c++)
	{
		int t[30], n = 1 + (int) bmc_rng_below(&rng, 30);
		bool event[30];
		BmLifetimes in[10] = {{0}};
		BmSurvivalRow row[10];
		size_t m = 0;
		double s = 1, v = 0;

		for (int i = 0; i < n; i++)
		{
			t[i] = (int) bmc_rng_below(&rng, 10);
			event[i] = bmc_rng_below(&rng, 2);
		}
		for (int at = 0; at < 10; at++)
		{
			BmLifetimes l = {at, 0, 0};

			for (int i = 0; i < n; i++)
				if (t[i] == at)
				{
					l.events += event[i];
					l.censored += !event[i];
				}
			if (l.events + l.censored > 0)
				in[m++] = l;
		}
		bmc_survival(row, in, m, 1.96);
		for (size_t k = 0; k < m; k++)
		{
			double risk = 0, d = 0;

			for (int i = 0; i < n; i++)
			{
				risk += t[i] >= in[k].t;
				d += t[i] == in[k].t && event[i];
			}
			s *= 1 - d / risk;
			v += d / (risk * (risk - d));
			CHECK_INT(row[k].at_risk, risk);
			CHECK_NEAR(row[k].survival, s, 1e-14);
			if (s <= 0)
			{
				CHECK(row[k].survival == 0 && isnan(row[k].std_error) && isnan(row[k].low));
				continue;
			}
			CHECK_NEAR(row[k].std_error, s * sqrt(v), 1e-14);
			if (s >= 1)
			{
				CHECK(isnan(row[k].low) && isnan(row[k].high));
				continue;
			}
			CHECK(row[k].low > 0 && row[k].low < s && row[k].high > s && row[k].high < 1);
			CHECK_NEAR(log(-log(row[k].low)) + log(-log(row[k].high)), 2 * log(-log(s)), 1e-9);
		}
	}
}

static void
test_chi2(void)
{
	/* critical values as printed in tables */
	static const struct
	{
		double p, df, x;
	} table[] = {{.05, 1, 3.841},   {.01, 1, 6.635},     {.05, 5, 11.070}, {.001, 10, 29.588},
				 {.05, 30, 43.773}, {.01, 100, 135.807}, {.95, 10, 3.940}, {.99, 50, 29.707}};

	CASE("chi-squared tail: tables, closed forms, far tails");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		CHECK_NEAR(bmc_chi2_upper(table[i].x, table[i].df) / table[i].p, 1, 6e-4);
	for (double x = 0.01; x < 600; x *= 1.7)
	{
		double sum = 0, term = 1;

		CHECK_NEAR(bmc_chi2_upper(x, 1) / erfc(sqrt(x / 2)), 1, 1e-12);
		/* even degrees of freedom: a Poisson sum */
		for (int k = 0; k < 30; k++)
		{
			sum += term;
			term *= x / 2 / (k + 1);
			CHECK_NEAR(bmc_chi2_upper(x, 2 * (k + 1)) / (exp(-x / 2) * sum), 1, 1e-11);
		}
	}
	CHECK_NEAR(bmc_chi2_upper(0, 3), 1, 0);
	CHECK_NEAR(bmc_chi2_upper(INFINITY, 3), 0, 0);
	CHECK_NEAR(bmc_chi2_upper(1e7, 167), 0, 0);
	CHECK_NEAR(bmc_chi2_upper(167, 167), 0.48544, 1e-5);
	CHECK_NEAR(bmc_normal_quantile(0.975), 1.959963984540054, 1e-14);
	CHECK_NEAR(bmc_normal_quantile(0.5), 0, 1e-15);
	CHECK_NEAR(bmc_normal_quantile(1e-10), -6.361340902404056, 1e-9);
}

#define MINUTE INT64_C(60000000)

static void
test_rhythm(void)
{
	BmRng rng = bmc_rng(7, 7);
	int64_t count[BM_RHYTHM_CELLS] = {0};
	double exposure[BM_RHYTHM_CELLS];
	BmRhythmTest t;

	CASE("exposure is counted minute by minute");
	for (int c = 0; c < 300; c++)
	{
		int64_t from = (int64_t) bmc_rng_below(&rng, 60000) - 30000;
		int64_t to = from + bmc_rng_below(&rng, 40000);
		double want[BM_RHYTHM_CELLS] = {0};

		memset(exposure, 0, sizeof(exposure));
		bmc_rhythm_exposure(exposure, from * MINUTE, to * MINUTE);
		for (int64_t m = from; m < to; m++)
		{
			/* 2000-01-01 was a Saturday: weekday 5 from Monday */
			int64_t hour = m >= 0 ? m / 60 : (m - 59) / 60;

			want[(((hour + 5 * 24) % 168) + 168) % 168] += 1.0 / 60;
		}
		for (int i = 0; i < BM_RHYTHM_CELLS; i++)
			CHECK_NEAR(exposure[i], want[i], 1e-9);
	}
	CHECK_INT(bmc_rhythm_cell(0), 5 * 24);
	CHECK_INT(bmc_rhythm_cell(-1), 5 * 24 - 1);
	CHECK_INT(bmc_rhythm_cell(2 * 24 * 60 * MINUTE), 0);

	CASE("strength: even, all in one cell, by hand");
	for (int i = 0; i < BM_RHYTHM_CELLS; i++)
	{
		exposure[i] = 2;
		count[i] = 5;
	}
	bmc_rhythm_test(&t, count, exposure);
	CHECK_NEAR(t.chi2, 0, 1e-12);
	CHECK_NEAR(t.df, 167, 0);
	CHECK_NEAR(t.p_value, 1, 0);
	CHECK_NEAR(t.cramers_v, 0, 1e-12);
	CHECK_NEAR(t.entropy, 1, 1e-12);
	memset(count, 0, sizeof(count));
	count[17] = 840;
	bmc_rhythm_test(&t, count, exposure);
	CHECK_NEAR(t.chi2, 840.0 * 167, 1e-6);
	CHECK_NEAR(t.cramers_v, 1, 1e-12);
	CHECK_NEAR(t.entropy, 0, 1e-12);
	CHECK_NEAR(t.p_value, 0, 1e-300);
	/* three hours, one of them seen twice as long: expected 10, 10, 20 of 40 */
	memset(exposure, 0, sizeof(exposure));
	exposure[0] = exposure[1] = 1;
	exposure[2] = 2;
	memset(count, 0, sizeof(count));
	count[0] = 16;
	count[1] = 4;
	count[2] = 20;
	bmc_rhythm_test(&t, count, exposure);
	CHECK_NEAR(t.chi2, 7.2, 1e-12);
	CHECK_NEAR(t.df, 2, 0);
	CHECK_NEAR(t.p_value, exp(-3.6), 1e-12);
	CHECK_NEAR(t.cramers_v, sqrt(7.2 / 120), 1e-12);
	/* rates 16, 4, 10 */
	CHECK_NEAR(t.entropy,
			   -(16. / 30 * log(16. / 30) + 4. / 30 * log(4. / 30) + 10. / 30 * log(10. / 30)) /
				   log(3.0),
			   1e-12);
	memset(count, 0, sizeof(count));
	bmc_rhythm_test(&t, count, exposure);
	CHECK_INT(t.events, 0);
	CHECK(isnan(t.chi2) && isnan(t.p_value));
}

int
main(void)
{
	test_leukaemia();
	test_naive();
	test_chi2();
	test_rhythm();
	return unit_done();
}
