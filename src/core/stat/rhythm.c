/*
 * rhythm.c
 *		Hour-of-week counts against the counts of a constant rate: what a cell is expected to hold is in
 *		proportion to the time that was observed in it, so ten days or a change of the clock do not
 *		look like a rhythm. Pearson 1900; Cramer 1946, for one margin.
 */
#include "core/stat/rhythm.h"

#include <math.h>

#include "core/stat/chi2.h"

#define HOUR INT64_C(3600000000)
#define WEEK (BM_RHYTHM_CELLS * HOUR)
#define MONDAY (2 * 24 * HOUR) /* 2000-01-03 */

/* Time since the Monday before, 0 <= it < WEEK. */
static int64_t
in_week(int64_t local)
{
	int64_t r = (local - MONDAY) % WEEK;

	return r < 0 ? r + WEEK : r;
}

int
bmc_rhythm_cell(int64_t local)
{
	return (int) (in_week(local) / HOUR);
}

void
bmc_rhythm_exposure(double *exposure, int64_t from, int64_t to)
{
	int64_t weeks = (to - from) / WEEK;

	for (int c = 0; c < BM_RHYTHM_CELLS; c++)
		exposure[c] += (double) weeks;
	for (int64_t at = from + weeks * WEEK; at < to;)
	{
		int64_t next = at - in_week(at) % HOUR + HOUR;

		if (next > to)
			next = to;
		exposure[bmc_rhythm_cell(at)] += (double) (next - at) / (double) HOUR;
		at = next;
	}
}

void
bmc_rhythm_test(BmRhythmTest *out, const int64_t *count, const double *exposure)
{
	double time = 0, n, chi2 = 0, rates = 0, h = 0, rarest = INFINITY;

	*out = (BmRhythmTest){0, 0, NAN, NAN, NAN, NAN, NAN};
	for (int c = 0; c < BM_RHYTHM_CELLS; c++)
	{
		if (!(exposure[c] > 0))
			continue;
		out->cells++;
		out->events += count[c];
		time += exposure[c];
		rates += (double) count[c] / exposure[c];
		rarest = fmin(rarest, exposure[c]);
	}
	if (out->events == 0 || out->cells < 2)
		return;
	n = (double) out->events;
	for (int c = 0; c < BM_RHYTHM_CELLS; c++)
	{
		double expected = n * exposure[c] / time, rate;

		if (!(exposure[c] > 0))
			continue;
		chi2 += ((double) count[c] - expected) * ((double) count[c] - expected) / expected;
		rate = (double) count[c] / exposure[c] / rates;
		h -= rate > 0 ? rate * log(rate) : 0.0;
	}
	out->chi2 = chi2;
	out->df = out->cells - 1;
	out->p_value = bmc_chi2_upper(chi2, out->df);
	out->cramers_v = sqrt(chi2 / (n * (time / rarest - 1.0)));
	out->entropy = h / log((double) out->cells);
}
