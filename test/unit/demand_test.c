/*
 * Forecasts of demand: the worked example of the intermittent methods, exponential smoothing against its
 * formulas, classes, choosing what made the series, and intervals that hold what they promise.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/forecast.h"

static const double example[] = {0, 0, 3, 0, 0, 0, 2, 0, 5, 0, 0, 1, 0, 0, 0, 0};

static double
after(BmDemandMethod m, const BmDemandWeights *w, int season, const double *y, size_t n, int h)
{
	BmDemandState s;

	bmc_demand_begin(&s, m, w, season, 0, y, n);
	for (size_t i = 0; i < n; i++)
		bmc_demand_next(&s, y[i]);
	return bmc_demand_ahead(&s, h);
}

static void
test_intermittent(void)
{
	BmDemandWeights w = {.alpha = .1, .beta = .1, .phi = 1};
	BmDemandState s;

	CASE("Croston, SBA, SBJ, TSB: the worked example");
	CHECK_NEAR(after(BM_CROSTON, &w, 1, example, 16, 1), .969241, 5e-7);
	CHECK_NEAR(after(BM_SBA, &w, 1, example, 16, 3), .920779, 5e-7);
	CHECK_NEAR(after(BM_SBJ, &w, 1, example, 16, 1), .918228, 5e-7);
	CHECK_NEAR(after(BM_TSB, &w, 1, example, 16, 7), .686804, 5e-7);
	bmc_demand_begin(&s, BM_TSB, &w, 1, 0, example, 16);
	CHECK_NEAR(bmc_demand_ahead(&s, 1), 0, 0);
	for (int i = 0; i < 16; i++)
	{
		bmc_demand_next(&s, example[i]);
		if (i == 2)
		{
			CHECK_NEAR(s.size, 3, 0);
			CHECK_NEAR(s.interval, 3, 0);
			CHECK_NEAR(s.chance, 1.0 / 3, 1e-15);
		}
	}
	CHECK_NEAR(s.size, 2.899, 5e-4);
	CHECK_NEAR(s.chance, .236911, 5e-7);
	/* a given first interval takes the place of the first demand's period */
	bmc_demand_begin(&s, BM_CROSTON, &w, 1, 5, example, 16);
	bmc_demand_next(&s, 4);
	CHECK_NEAR(bmc_demand_ahead(&s, 1), .8, 1e-15);
}

static void
test_smooth(void)
{
	static const double y[] = {10, 12, 9, 14, 13, 15, 12, 17};
	static const double wave[] = {10, 20, 30, 12, 22, 32, 14, 24, 34, 16, 26, 36};
	BmDemandWeights w = {.alpha = .4, .beta = .3, .gamma = .2, .phi = 1};
	BmDemandWeights d = {.alpha = .4, .beta = .3, .phi = .9};
	double level, trend = 0;

	CASE("mean, naive, and smoothing by their formulas");
	CHECK_NEAR(after(BM_MEAN, &w, 1, y, 8, 5), 102 / 8.0, 1e-12);
	CHECK_NEAR(after(BM_SEASONAL_NAIVE, &w, 1, y, 8, 4), 17, 0);
	CHECK_NEAR(after(BM_SEASONAL_NAIVE, &w, 3, y, 8, 1), 15, 0);
	CHECK_NEAR(after(BM_SEASONAL_NAIVE, &w, 3, y, 8, 2), 12, 0);
	CHECK_NEAR(after(BM_SEASONAL_NAIVE, &w, 3, y, 8, 6), 17, 0);
	level = (10 + 12 + 9 + 14 + 13) / 5.0;
	for (int i = 0; i < 8; i++)
		level += .4 * (y[i] - level);
	CHECK_NEAR(after(BM_SES, &w, 1, y, 8, 3), level, 1e-12);
	level = (10 + 12 + 9 + 14 + 13) / 5.0;
	for (int i = 0; i < 8; i++)
	{
		double old = level;

		level = .4 * y[i] + .6 * (level + .9 * trend);
		trend = .3 * (level - old) + .7 * .9 * trend;
	}
	CHECK_NEAR(after(BM_HOLT, &d, 1, y, 8, 3), level + (.9 + .81 + .729) * trend, 1e-12);
	/* what is exactly trend and season goes on so */
	for (int h = 1; h <= 6; h++)
		CHECK_NEAR(after(BM_HOLT_WINTERS, &w, 3, wave, 12, h),
				   18 + 2 * ((h - 1) / 3) + 10 * ((h - 1) % 3), 1e-9);
	/* nothing below zero */
	CHECK_NEAR(after(BM_HOLT, &w, 1, (double[]){9, 6, 3, 1, 0, 0}, 6, 50), 0, 0);
}

static void
test_classes(void)
{
	static const struct
	{
		double y[8];
		BmDemandClass want;
	} c[] = {{{5, 6, 5, 4, 5, 6, 5, 5}, BM_DEMAND_SMOOTH},
			 {{5, 0, 0, 5, 0, 6, 0, 5}, BM_DEMAND_INTERMITTENT},
			 {{1, 20, 1, 2, 30, 1, 0, 1}, BM_DEMAND_ERRATIC},
			 {{1, 0, 0, 30, 0, 1, 0, 0}, BM_DEMAND_LUMPY},
			 {{0, 0, 0, 0, 0, 0, 0, 0}, BM_DEMAND_NONE},
			 {{-3, 0, 0, 0, 0, 0, 0, 4}, BM_DEMAND_INTERMITTENT}};
	BmDemandProfile p;

	CASE("classes of demand");
	for (int i = 0; i < 6; i++)
	{
		bmc_demand_profile(&p, c[i].y, 8);
		CHECK_INT(p.class, c[i].want);
	}
	bmc_demand_profile(&p, example, 16);
	CHECK_NEAR(p.adi, 4, 0);
	CHECK_NEAR(p.total, 11, 0);
	CHECK_NEAR(p.cv2, (.0625 + .5625 + 5.0625 + 3.0625) / 3 / (2.75 * 2.75), 1e-12);
}

static const BmForecastOptions plain = {.horizon = 4,
										.season = 1,
										.coverage = .8,
										.service = .95,
										.paths = 500,
										.methods = (1u << BM_DEMAND_METHODS) - 1,
										.seed = 1};

static BmForecast
forecast(const double *y, size_t n, const BmForecastOptions *o, double *mean, double *low,
		 double *high)
{
	void *scratch = malloc(bmc_forecast_size(o, n));
	BmForecast f;

	bmc_forecast(&f, mean, low, high, y, n, o, 3, scratch);
	free(scratch);
	return f;
}

static void
test_choice(void)
{
	BmForecastOptions o = plain;
	double y[120], mean[8], low[8], high[8];
	BmRng rng = bmc_rng(5, 5);
	BmForecast f;

	CASE("a season and a trend are found; noise is given its mean");
	o.season = 12;
	o.horizon = 8;
	for (int i = 0; i < 120; i++)
		y[i] = 50 + .5 * i + 20 * sin(i * M_PI / 6) + bmc_rng_normal(&rng);
	f = forecast(y, 120, &o, mean, low, high);
	CHECK_INT(f.method, BM_HOLT_WINTERS);
	CHECK_INT(f.origins, 30);
	CHECK(f.error.mase < f.naive.mase && f.error.mase < f.mean.mase);
	for (int h = 0; h < 8; h++)
	{
		CHECK_NEAR(mean[h], 50 + .5 * (120 + h) + 20 * sin((120 + h) * M_PI / 6), 3);
		CHECK(low[h] < mean[h] && mean[h] < high[h]);
	}
	for (int i = 0; i < 120; i++)
		y[i] = 20 + bmc_rng_normal(&rng);
	f = forecast(y, 120, &plain, mean, low, high);
	CHECK_NEAR(mean[0], 20, .5);
	CHECK(f.error.mae <= f.naive.mae);
	CHECK_NEAR(high[0] - low[0], 2 * 1.2816, .5);
}

/* Coverage of intervals and of the stock over the lead time, over many series. */
static void
test_coverage(void)
{
	int within[2] = {0}, served[2] = {0}, n = 400;

	CASE("intervals cover, and stock serves, as often as they say");
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < n; i++)
		{
			BmForecastOptions o = plain;
			double y[64], mean[4], low[4], high[4], lead = 0;
			BmRng rng = bmc_rng((uint64_t) k + 1, (uint64_t) i);
			BmForecast f;

			for (int t = 0; t < 64; t++)
				y[t] = k == 0 || bmc_rng_double(&rng) < .3 ? 1.0 + bmc_rng_poisson(&rng, 6) : 0.0;
			o.lead = 2.5;
			f = forecast(y, 60, &o, mean, low, high);
			lead = y[60] + y[61] + .5 * y[62];
			within[k] += y[60] >= low[0] && y[60] <= high[0];
			served[k] += f.lead_quantile >= lead;
			CHECK(f.lead_quantile > f.lead_mean);
		}
	CHECK_NEAR(within[0] / (double) n, .8, .1);
	CHECK(within[1] / (double) n > .75); /* whole numbers: the interval can only be too wide */
	CHECK_NEAR(served[0] / (double) n, .95, .04);
	CHECK_NEAR(served[1] / (double) n, .95, .04);
}

static void
test_edges(void)
{
	static const double zeros[20] = {0}, one[] = {7}, even[] = {4, 4, 4, 4, 4, 4, 4, 4};
	BmForecastOptions o = plain;
	double mean[4], low[4], high[4], again[4];
	BmForecast f;

	CASE("no demand, one period, no variation; the same seed gives the same bits");
	o.lead = 2;
	f = forecast(zeros, 20, &o, mean, low, high);
	CHECK_INT(f.profile.class, BM_DEMAND_NONE);
	CHECK_NEAR(mean[3] + low[3] + high[3] + f.lead_quantile, 0, 0);
	f = forecast(one, 1, &o, mean, low, high);
	CHECK_NEAR(mean[0], 7, 0);
	CHECK(isnan(low[0]) && isnan(high[0]));
	CHECK_NEAR(f.lead_mean, 14, 0);
	CHECK(isnan(f.error.mase) && f.origins == 0);
	f = forecast(even, 8, &o, mean, low, high);
	CHECK_NEAR(mean[3], 4, 1e-12);
	CHECK_NEAR(low[3], 4, 1e-12);
	CHECK_NEAR(high[3], 4, 1e-12);
	CHECK_NEAR(f.lead_quantile, 8, 1e-9);
	CHECK(isnan(f.error.mase));
	o.season = 12;
	for (size_t n = 1; n <= 16; n++)
	{
		f = forecast(example, n, &o, mean, low, high);
		CHECK(isfinite(mean[3]));
		memcpy(again, high, sizeof(again));
		(void) forecast(example, n, &o, mean, low, high);
		CHECK(memcmp(again, high, sizeof(again)) == 0);
	}
}

int
main(void)
{
	test_intermittent();
	test_smooth();
	test_classes();
	test_choice();
	test_coverage();
	test_edges();
	return unit_done();
}
