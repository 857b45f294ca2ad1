/*
 * demand.c
 *		Methods of forecasting as states.
 */
#include "core/stat/demand.h"

#include <math.h>
#include <string.h>

#define FREQUENT                                                                                   \
	1.32 /* mean interval, and squared variation, of Syntetos, Boylan and Croston 2005 */
#define EVEN 0.49

const char *const bmc_demand_class_names[BM_DEMAND_CLASSES] = {"none", "smooth", "intermittent",
															   "erratic", "lumpy"};
const char *const bmc_demand_method_names[BM_DEMAND_METHODS] = {
	"mean", "seasonal_naive", "croston", "sba", "sbj", "tsb", "ses", "holt", "holt_winters"};

void
bmc_demand_profile(BmDemandProfile *out, const double *y, size_t n)
{
	double mean, squares = 0.0;

	*out = (BmDemandProfile){.adi = NAN};
	for (size_t i = 0; i < n; i++)
		if (y[i] > 0)
		{
			out->demands++;
			out->total += y[i];
		}
	if (out->demands == 0)
		return;
	mean = out->total / (double) out->demands;
	for (size_t i = 0; i < n; i++)
		if (y[i] > 0)
			squares += (y[i] - mean) * (y[i] - mean);
	out->adi = (double) n / (double) out->demands;
	if (out->demands > 1)
		out->cv2 = squares / (double) (out->demands - 1) / (mean * mean);
	out->class = out->adi < FREQUENT ? (out->cv2 < EVEN ? BM_DEMAND_SMOOTH : BM_DEMAND_ERRATIC)
									 : (out->cv2 < EVEN ? BM_DEMAND_INTERMITTENT : BM_DEMAND_LUMPY);
}

static bool
intermittent(BmDemandMethod m)
{
	return m >= BM_CROSTON && m <= BM_TSB;
}

static double
mean_of(const double *y, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++)
		sum += y[i];
	return n ? sum / (double) n : 0.0;
}

/* Level and trend before the first of two seasons; the seasonal parts as mean deviations from that line. */
static void
begin_winters(BmDemandState *s, const double *y)
{
	size_t m = (size_t) s->season;
	double first = mean_of(y, m), second = mean_of(y + m, m);

	s->trend = (second - first) / (double) m;
	s->level = first - s->trend * ((double) m + 1.0) / 2.0;
	for (size_t i = 0; i < m; i++)
		s->ring[i] = 0.5 * (y[i] - first + y[m + i] - second) -
					 s->trend * ((double) i - ((double) m - 1.0) / 2.0);
}

void
bmc_demand_begin(BmDemandState *s, BmDemandMethod method, const BmDemandWeights *w, int season,
				 double interval, const double *y, size_t n)
{
	size_t few = n < 4 ? n : n < 12 ? n / 2 + 1 : 6;

	memset(s, 0, sizeof(*s));
	s->method = method;
	s->w = *w;
	s->season = season;
	s->interval = interval;
	if (method == BM_SES || method == BM_HOLT)
		s->level = mean_of(y, few); /* of the beginning: one period alone would weigh too much */
	if (method == BM_HOLT_WINTERS)
		begin_winters(s, y);
}

/* Intermittent methods begin at the first demand, and update from the period after it. */
static void
next_intermittent(BmDemandState *s, double y)
{
	if (s->since == 0)
	{
		if (!(y > 0))
			return;
		s->size = y;
		if (!(s->interval > 0))
			s->interval = (double) s->n;
		s->chance = 1.0 / s->interval;
		s->since = 1.0;
		return;
	}
	s->chance += s->w.beta * ((y > 0 ? 1.0 : 0.0) - s->chance);
	if (y > 0)
	{
		s->size += s->w.alpha * (y - s->size);
		s->interval += s->w.alpha * (s->since - s->interval);
		s->since = 1.0;
	}
	else
		s->since += 1.0;
}

static void
next_smooth(BmDemandState *s, double y)
{
	double *part = &s->ring[(s->n - 1) % (size_t) s->season], before = s->level;
	double phi = s->method == BM_SES ? 0.0 : s->w.phi, seasonal = 0.0;

	if (s->method == BM_HOLT_WINTERS)
		seasonal = *part;
	s->level = s->w.alpha * (y - seasonal) + (1.0 - s->w.alpha) * (before + phi * s->trend);
	if (s->method == BM_SES)
		return;
	s->trend = s->w.beta * (s->level - before) + (1.0 - s->w.beta) * phi * s->trend;
	if (s->method == BM_HOLT_WINTERS)
		*part = s->w.gamma * (y - s->level) + (1.0 - s->w.gamma) * seasonal;
}

void
bmc_demand_next(BmDemandState *s, double y)
{
	s->n++;
	if (intermittent(s->method))
		next_intermittent(s, y);
	else if (s->method == BM_MEAN)
		s->level += (y - s->level) / (double) s->n;
	else if (s->method == BM_SEASONAL_NAIVE)
		s->ring[(s->n - 1) % (size_t) s->season] = y;
	else
		next_smooth(s, y);
}

/* The sum of phi, phi^2, ... phi^h. */
static double
damped(double phi, int h)
{
	return phi == 1.0 ? (double) h : phi * (1.0 - pow(phi, h)) / (1.0 - phi);
}

double
bmc_demand_ahead(const BmDemandState *s, int h)
{
	double croston = s->interval > 0 ? s->size / s->interval : 0.0, f = s->level;
	double seasonal = s->ring[(s->n + (size_t) h - 1) % (size_t) s->season];

	switch (s->method)
	{
	case BM_SEASONAL_NAIVE:
		f = seasonal;
		break;
	case BM_CROSTON:
		f = croston;
		break;
	case BM_SBA:
		f = croston * (1.0 - s->w.alpha / 2.0);
		break;
	case BM_SBJ:
		f = croston * (1.0 - s->w.alpha / (2.0 - s->w.alpha));
		break;
	case BM_TSB:
		f = s->size * s->chance;
		break;
	case BM_HOLT:
		f = s->level + s->trend * damped(s->w.phi, h);
		break;
	case BM_HOLT_WINTERS:
		f = s->level + s->trend * damped(s->w.phi, h) + seasonal;
		break;
	default:
		break;
	}
	return f > 0 ? f : 0.0;
}
