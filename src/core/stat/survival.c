/*
 * survival.c
 *		S(t) = product over times up to t of (1 - d/n), with d ends among n at risk. Who is last seen at
 *		the time of an end counts as at risk for it. The band is symmetric on the scale of log(-log S)
 *		(Kalbfleisch and Prentice 1980), so it stays between 0 and 1.
 */
#include "core/stat/survival.h"

#include <math.h>

static void
set_band(BmSurvivalRow *row, double greenwood, double z)
{
	double s = row->survival, width;

	row->std_error = s * sqrt(greenwood);
	row->low = row->high = NAN;
	if (!(s > 0.0 && s < 1.0))
		return;
	width = z * sqrt(greenwood) / log(s); /* below 0 */
	row->low = pow(s, exp(-width));
	row->high = pow(s, exp(width));
}

void
bmc_survival(BmSurvivalRow *out, const BmLifetimes *in, size_t n, double z)
{
	int64_t left = 0;
	double s = 1.0, greenwood = 0.0;

	for (size_t i = 0; i < n; i++)
		left += in[i].events + in[i].censored;
	for (size_t i = 0; i < n; i++)
	{
		BmSurvivalRow *row = &out[i];
		double d = (double) in[i].events, at_risk = (double) left;

		if (in[i].events > 0)
		{
			s *= (at_risk - d) / at_risk;
			greenwood += d / (at_risk * (at_risk - d)); /* infinite when all end; then S is 0 */
		}
		*row = (BmSurvivalRow){.t = in[i].t,
							   .at_risk = left,
							   .events = in[i].events,
							   .censored = in[i].censored,
							   .survival = s};
		set_band(row, greenwood, z);
		left -= in[i].events + in[i].censored;
	}
}

double
bmc_survival_quantile(const BmSurvivalRow *row, size_t n, double share)
{
	for (size_t i = 0; i < n; i++)
		if (row[i].survival <= share)
			return row[i].t;
	return NAN;
}
