/*
 * forecast.c
 *		Choosing by rolling origin, and futures by resampling.
 *
 * The weights of every method are those with the least squared error of one step over the periods before the
 * first origin; with them each method goes on, and at each origin says what comes in the next periods.
 * The chosen method gets its weights anew, on all periods.
 *
 * Futures: the intermittent methods draw whether there is a demand, and its size from the sizes seen, so that the
 * mean is the forecast (Willemain, Smart and Schwarz 2004 without their jitter); the others draw from their
 * own one-step errors and go on from what they drew.
 */
#include "core/stat/forecast.h"

#include <math.h>
#include <string.h>

#include "core/num/mem.h"

#define FEW 6          /* periods that a choice needs at least */
#define TEST_PART 4    /* the origins are the last fourth of the periods */
#define SURE 2.0       /* standard errors by which a method has to be better than the mean */
#define SURE_TREND 6.0 /* for a trend: a wrong one costs most, a true one shows clearly */
#define WARM_UP 3 /* errors of the first periods tell about the beginning, not about the weights */

typedef struct Scratch
{
	double *residual;               /* (n) */
	double *sorted;                 /* (2 n) */
	double *size;                   /* (n) demands above 0 */
	double *error, *cost;           /* (n) by origin, of the method looked at */
	double *mean_error, *mean_cost; /* (n) of the mean */
	double *path;                   /* (paths, steps) */
	double *column;                 /* (paths) */
	size_t nsizes;
} Scratch;

/* Steps of a path: the horizon, or the lead time where that is longer. */
static int
steps(const BmForecastOptions *o)
{
	int lead = (int) ceil(o->lead);

	return lead > o->horizon ? lead : o->horizon;
}

size_t
bmc_forecast_size(const BmForecastOptions *o, size_t n)
{
	size_t row = bmc_take_size(n, sizeof(double)), paths = (size_t) o->paths;

	return bmc_add(bmc_mul(9, row),
				   bmc_add(bmc_take_size(bmc_mul(paths, (size_t) steps(o)), sizeof(double)),
						   bmc_take_size(paths, sizeof(double))));
}

static Scratch
carve(const BmForecastOptions *o, size_t n, void *memory)
{
	BmArena a = {memory, bmc_forecast_size(o, n), 0};
	Scratch s = {0};

	s.residual = bmc_take(&a, n, sizeof(double));
	s.sorted = bmc_take(&a, 2 * n, sizeof(double));
	s.size = bmc_take(&a, n, sizeof(double));
	s.error = bmc_take(&a, n, sizeof(double));
	s.cost = bmc_take(&a, n, sizeof(double));
	s.mean_error = bmc_take(&a, n, sizeof(double));
	s.mean_cost = bmc_take(&a, n, sizeof(double));
	s.path = bmc_take(&a, (size_t) o->paths * (size_t) steps(o), sizeof(double));
	s.column = bmc_take(&a, (size_t) o->paths, sizeof(double));
	return s;
}

/* ---- quantiles ---- */

/* Ascending, by heap: no recursion, no worst case. */
static void
sort_doubles(double *v, size_t n)
{
	for (size_t end = n, from = n / 2; end > 1;)
	{
		size_t i, child;
		double x;

		if (from > 0)
			x = v[--from];
		else
		{
			x = v[--end];
			v[end] = v[0];
		}
		for (i = from; (child = 2 * i + 1) < end; i = child)
		{
			if (child + 1 < end && v[child + 1] > v[child])
				child++;
			if (!(v[child] > x))
				break;
			v[i] = v[child];
		}
		v[i] = x;
	}
}

/* The share-quantile of ascending v (n), between its neighbours in proportion. */
static double
quantile(const double *v, size_t n, double share)
{
	double at = share * (double) (n - 1);
	size_t i = (size_t) at;

	return i + 1 < n ? v[i] + (at - (double) i) * (v[i + 1] - v[i]) : v[n - 1];
}

/* ---- weights ---- */

static const double alphas[] = {0.02, 0.05, 0.1, 0.2, 0.3, 0.5};
static const double betas[] = {0.02, 0.05, 0.1, 0.2};
static const double gammas[] = {0.05, 0.2};
static const double phis[] = {1.0, 0.9};

#define COUNT(a) ((int) (sizeof(a) / sizeof((a)[0])))

/* Settings of a method; the i-th of them, false when there are no more. */
static bool
setting(BmDemandWeights *w, BmDemandMethod m, int i)
{
	int na = m == BM_MEAN || m == BM_SEASONAL_NAIVE ? 1 : COUNT(alphas);
	int nb = m == BM_TSB || m == BM_HOLT || m == BM_HOLT_WINTERS ? COUNT(betas) : 1;
	int nc = m == BM_HOLT_WINTERS ? COUNT(gammas) : 1;
	int np = m == BM_HOLT || m == BM_HOLT_WINTERS ? COUNT(phis) : 1;

	*w = (BmDemandWeights){.alpha = na > 1 ? alphas[i % na] : 0.0,
						   .beta = nb > 1 ? betas[i / na % nb] : 0.0,
						   .gamma = nc > 1 ? gammas[i / na / nb % nc] : 0.0,
						   .phi = np > 1 ? phis[i / na / nb / nc % np] : 1.0};
	return i < na * nb * nc * np;
}

/* Begin method m with what the first n periods of y say of it. */
static void
begin(BmDemandState *s, BmDemandMethod m, const BmDemandWeights *w, const BmForecastOptions *o,
	  const double *y, size_t n)
{
	BmDemandProfile p;

	/* a series begins at its first demand: the interval before it is not known */
	bmc_demand_profile(&p, y, n);
	bmc_demand_begin(s, m, w, o->season, p.demands ? p.adi : 0.0, y, n);
}

/* One-step errors over y (n), into residual unless NULL; the mean of their squares. s has then seen y. */
static double
run(BmDemandState *s, const double *y, size_t n, double *residual)
{
	double squares = 0.0;
	size_t from = n > 2 * WARM_UP ? WARM_UP : n > 1;

	for (size_t i = 0; i < n; i++)
	{
		double e = i ? y[i] - bmc_demand_ahead(s, 1) : 0.0;

		if (residual)
			residual[i] = e;
		if (i >= from)
			squares += e * e;
		bmc_demand_next(s, y[i]);
	}
	return squares;
}

/* The weights of m that fit y (n) best. */
static BmDemandWeights
best_weights(BmDemandMethod m, const BmForecastOptions *o, const double *y, size_t n)
{
	BmDemandWeights w, best = {.phi = 1.0};
	double least = INFINITY;

	for (int i = 0; setting(&w, m, i); i++)
	{
		BmDemandState s;
		double squares;

		begin(&s, m, &w, o, y, n);
		squares = run(&s, y, n, NULL);
		if (squares < least)
		{
			least = squares;
			best = w;
		}
	}
	return best;
}

/* ---- rolling origin ---- */

/* Mean absolute change from period to period. */
static double
naive_scale(const double *y, size_t n)
{
	double sum = 0.0;

	for (size_t i = 1; i < n; i++)
		sum += fabs(y[i] - y[i - 1]);
	return n > 1 ? sum / (double) (n - 1) : 0.0;
}

/* What it cost to have had the stock in a period with demand y. */
static double
stock_cost(double stock, double y, double service)
{
	return stock > y ? (1.0 - service) * (stock - y) : service * (y - stock);
}

/* Has m a level and nothing else? */
static bool
level_only(BmDemandMethod m)
{
	return m == BM_MEAN || m == BM_SES;
}

/*
 * v (n): deviations of y from their mean; from their straight line by least squares where m has a trend. The
 * errors that a method makes while its weights are fitted would be too small.
 */
static void
deviations(double *v, BmDemandMethod m, const double *y, size_t n)
{
	double middle = ((double) n - 1.0) / 2.0, mean = 0.0, xy = 0.0, xx = 0.0, slope = 0.0;

	for (size_t i = 0; i < n; i++)
	{
		mean += y[i] / (double) n;
		xy += ((double) i - middle) * y[i];
		xx += ((double) i - middle) * ((double) i - middle);
	}
	if (m == BM_HOLT && xx > 0)
		slope = xy / xx;
	for (size_t i = 0; i < n; i++)
		v[i] = y[i] - mean - slope * ((double) i - middle);
}

static bool
is_rare(BmDemandMethod m)
{
	return m >= BM_CROSTON && m <= BM_TSB;
}

/*
 * Is every second future drawn from the whole past? A level that follows the last demands closely forgets how far
 * they can go; both together are nearer to the truth (a mixture of forecasts). Not so for what has a trend
 * or a season.
 */
static bool
hedged(BmDemandMethod m)
{
	return level_only(m) || is_rare(m);
}

/* The chance of a demand, and what the sizes seen are multiplied with, so that their product is f. */
static double
chance_of(double f, double mean_size, double *scale)
{
	*scale = f > mean_size ? f / mean_size : 1.0;
	return f > mean_size ? 1.0 : f / mean_size;
}

/* The chance and the sizes of a rare demand of f as n values, into v. */
static void
rare_values(double *v, double f, const double *y, size_t n, Scratch *t)
{
	double mean = 0.0, scale = 1.0;
	size_t m = 0, demands;

	for (size_t i = 0; i < n; i++)
		if (y[i] > 0)
		{
			t->size[m++] = y[i];
			mean += y[i];
		}
	demands = m ? (size_t) (chance_of(f, mean / (double) m, &scale) * (double) n + 0.5) : 0;
	sort_doubles(t->size, m);
	for (size_t i = 0; i < n; i++)
		v[i] =
			i < demands ? scale * quantile(t->size, m, ((double) i + 0.5) / (double) demands) : 0.0;
}

/* n values as the next period's demand spreads by the method alone, into v; y (n) is known. */
static void
next_values(double *v, const BmDemandState *s, const double *y, size_t n, Scratch *t)
{
	double f = bmc_demand_ahead(s, 1);

	if (is_rare(s->method))
	{
		rare_values(v, f, y, n, t);
		return;
	}
	if (level_only(s->method) || s->method == BM_HOLT)
		deviations(v, s->method, y, n);
	else
		deviations(v, BM_MEAN, t->residual, n);
	for (size_t i = 0; i < n; i++)
		v[i] = fmax(v[i] + f, 0.0);
}

/* Stock that serves all demand of the next period with the probability asked for; y (n) is known. */
static double
next_stock(const BmDemandState *s, const double *y, size_t n, double service, Scratch *t)
{
	size_t count = n;

	next_values(t->sorted, s, y, n, t);
	if (hedged(s->method))
	{
		memcpy(t->sorted + n, y, sizeof(double) * n);
		count = 2 * n;
	}
	sort_doubles(t->sorted, count);
	return quantile(t->sorted, count, service);
}

/* Errors of m with the origins first..n-1: y[0..first) is known at the first of them. */
static BmForecastError
roll(BmDemandMethod m, const BmForecastOptions *o, const double *y, size_t n, size_t first,
	 Scratch *t)
{
	BmDemandWeights w = best_weights(m, o, y, first);
	BmForecastError e = {0};
	double scale = naive_scale(y, first), count = (double) (n - first);
	BmDemandState s;

	begin(&s, m, &w, o, y, first);
	(void) run(&s, y, first, t->residual);
	for (size_t i = first; i < n; i++)
	{
		int h = 1;
		double f = bmc_demand_ahead(&s, 1), sum = 0.0;

		t->cost[i - first] = stock_cost(next_stock(&s, y, i, o->service, t), y[i], o->service);
		for (; h <= o->horizon && i + (size_t) h <= n; h++)
			sum += fabs(y[i + (size_t) h - 1] - bmc_demand_ahead(&s, h));
		t->error[i - first] = sum / (h - 1);
		e.mae += t->error[i - first] / count;
		e.cost += t->cost[i - first] / count;
		t->residual[i] = y[i] - f;
		bmc_demand_next(&s, y[i]);
	}
	e.mase = scale > 0 ? e.mae / scale : NAN;
	return e;
}

/*
 * How much the method whose losses are in t saves against the mean, in shares of what the mean costs, less
 * its standard error over the origins: few origins make any method look good on some series.
 */
static double
gain(const Scratch *t, const BmForecastError *mean, size_t origins, BmCriterion criterion,
	 double sure)
{
	double by_error = criterion != BM_BY_COST && mean->mae > 0 ? 1.0 / mean->mae : 0.0;
	double by_cost = criterion != BM_BY_ERROR && mean->cost > 0 ? 1.0 / mean->cost : 0.0;
	double n = (double) origins, sum = 0.0, squares = 0.0;

	for (size_t i = 0; i < origins; i++)
	{
		double d =
			by_error * (t->mean_error[i] - t->error[i]) + by_cost * (t->mean_cost[i] - t->cost[i]);

		sum += d;
		squares += d * d;
	}
	return sum / n - sure * sqrt(fmax(squares / n - sum / n * sum / n, 0.0) / n);
}

/* Can m be begun on n periods? */
static bool
possible(BmDemandMethod m, const BmForecastOptions *o, size_t n)
{
	if (m == BM_HOLT_WINTERS)
		return o->season > 1 && n >= 2 * (size_t) o->season;
	if (m == BM_SEASONAL_NAIVE)
		return o->season > 1 && n >= (size_t) o->season;
	return true;
}

static void
choose(BmForecast *out, const BmForecastOptions *o, const double *y, size_t n, Scratch *t)
{
	size_t first = n - n / TEST_PART;
	BmForecastOptions plain = *o;
	double most = 0.0;

	out->method = BM_MEAN;
	out->error.mae = out->error.mase = out->error.cost = NAN;
	out->naive = out->mean = out->error;
	if (n < FEW || out->profile.demands == 0)
		return;
	out->origins = n - first;
	out->mean = out->error = roll(BM_MEAN, o, y, n, first, t);
	memcpy(t->mean_error, t->error, sizeof(double) * out->origins);
	memcpy(t->mean_cost, t->cost, sizeof(double) * out->origins);
	if (!possible(BM_SEASONAL_NAIVE, o, first))
		plain.season = 1; /* too short a series: what was there in the last period */
	out->naive = roll(BM_SEASONAL_NAIVE, &plain, y, n, first, t);
	if (!(o->methods & 1u << BM_MEAN))
		most = -INFINITY;
	else if (out->mean.mae <= 1e-9 * out->profile.total / (double) n)
		return; /* it never varied: what is left is rounding */
	for (int m = 0; m < BM_DEMAND_METHODS; m++)
	{
		BmForecastError e;
		double value;

		if (m == BM_MEAN || !(o->methods >> m & 1) || !possible((BmDemandMethod) m, o, first))
			continue;
		e = roll((BmDemandMethod) m, o, y, n, first, t);
		value = gain(t, &out->mean, out->origins, o->criterion, m == BM_HOLT ? SURE_TREND : SURE);
		if (value > most)
		{
			most = value;
			out->method = (BmDemandMethod) m;
			out->error = e;
		}
	}
}

/* ---- futures ---- */

/* What futures of f's method draw from, into residual; mean 0, so that drawing does not move the forecast. */
static size_t
centred(const BmForecast *f, const double *y, size_t n, Scratch *t)
{
	if (level_only(f->method) || f->method == BM_HOLT)
	{
		deviations(t->residual, f->method, y, n);
		return n;
	}
	memmove(t->residual, t->residual + 1, sizeof(double) * (n - 1)); /* the first has no error */
	deviations(t->residual, BM_MEAN, t->residual, n - 1);
	return n - 1;
}

/* One future (steps) of s by its own errors. */
static void
draw_smooth(double *path, int count, BmDemandState s, const Scratch *t, size_t m, BmRng *rng)
{
	bool still = s.method == BM_MEAN;

	for (int h = 0; h < count; h++)
	{
		double y = bmc_demand_ahead(&s, 1) + t->residual[bmc_rng_below(rng, (uint32_t) m)];

		path[h] = y > 0 ? y : 0.0;
		if (!still)
			bmc_demand_next(&s, path[h]);
	}
}

/* One future: demands with a chance and of sizes whose product is the forecast f. */
static void
draw_intermittent(double *path, int count, double f, double mean_size, const Scratch *t, BmRng *rng)
{
	double scale, chance = chance_of(f, mean_size, &scale);

	for (int h = 0; h < count; h++)
	{
		double u = bmc_rng_double(rng), z = t->size[bmc_rng_below(rng, (uint32_t) t->nsizes)];

		path[h] = u < chance ? scale * z : 0.0;
	}
}

static void
draw(const BmForecast *f, const BmDemandState *s, const BmForecastOptions *o, const double *y,
	 size_t n, uint64_t stream, Scratch *t)
{
	bool rare = is_rare(f->method);
	BmRng rng = bmc_rng(o->seed, stream);
	size_t m = rare ? 0 : centred(f, y, n, t);
	double mean_size = f->profile.total / (double) f->profile.demands;
	int count = steps(o);

	for (size_t i = 0; i < n; i++)
		if (y[i] > 0)
			t->size[t->nsizes++] = y[i];
	for (int p = 0; p < o->paths; p++)
	{
		double *path = t->path + (size_t) p * (size_t) count;

		if (p % 2 && hedged(f->method))
			for (int h = 0; h < count; h++)
				path[h] = y[bmc_rng_below(&rng, (uint32_t) n)];
		else if (rare)
			draw_intermittent(path, count, bmc_demand_ahead(s, 1), mean_size, t, &rng);
		else
			draw_smooth(path, count, *s, t, m, &rng);
	}
}

static void
set_intervals(double *low, double *high, const BmForecastOptions *o, Scratch *t)
{
	int count = steps(o);
	size_t paths = (size_t) o->paths;

	for (int h = 0; h < o->horizon; h++)
	{
		for (size_t p = 0; p < paths; p++)
			t->column[p] = t->path[p * (size_t) count + (size_t) h];
		sort_doubles(t->column, paths);
		low[h] = quantile(t->column, paths, 0.5 - 0.5 * o->coverage);
		high[h] = quantile(t->column, paths, 0.5 + 0.5 * o->coverage);
	}
}

/* Demand over the lead time: whole periods, and a part of the one after them. */
static void
set_lead(BmForecast *out, const BmDemandState *s, const BmForecastOptions *o, Scratch *t)
{
	int whole = (int) floor(o->lead), count = steps(o);
	double part = o->lead - whole;
	size_t paths = (size_t) o->paths;

	out->lead_mean = part > 0 ? part * bmc_demand_ahead(s, whole + 1) : 0.0;
	for (int h = 1; h <= whole; h++)
		out->lead_mean += bmc_demand_ahead(s, h);
	for (size_t p = 0; p < paths; p++)
	{
		const double *path = t->path + p * (size_t) count;

		t->column[p] = part > 0 ? part * path[whole] : 0.0;
		for (int h = 0; h < whole; h++)
			t->column[p] += path[h];
	}
	sort_doubles(t->column, paths);
	out->lead_quantile = quantile(t->column, paths, o->service);
}

void
bmc_forecast(BmForecast *out, double *mean, double *low, double *high, const double *y, size_t n,
			 const BmForecastOptions *o, uint64_t stream, void *scratch)
{
	Scratch t = carve(o, n, scratch);
	BmDemandState s;

	memset(out, 0, sizeof(*out));
	out->n = n;
	out->lead_mean = out->lead_quantile = NAN;
	bmc_demand_profile(&out->profile, y, n);
	choose(out, o, y, n, &t);
	out->weights = best_weights(out->method, o, y, n);
	begin(&s, out->method, &out->weights, o, y, n);
	(void) run(&s, y, n, t.residual);
	for (int h = 0; h < o->horizon; h++)
	{
		mean[h] = bmc_demand_ahead(&s, h + 1);
		low[h] = high[h] = n > 1 ? mean[h] : NAN;
	}
	if (n > 1 && out->profile.demands > 0)
	{
		draw(out, &s, o, y, n, stream, &t);
		set_intervals(low, high, o, &t);
		if (o->lead > 0)
			set_lead(out, &s, o, &t);
	}
	else if (o->lead > 0)
		out->lead_mean = out->lead_quantile = o->lead * mean[0];
}
