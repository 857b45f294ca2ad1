/*
 * bands.c
 *		Quantile bands: a number as one of a few words.
 */
#include <math.h>
#include <stdlib.h>

#include "core/rec/content.h"

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return x < y ? -1 : x > y;
}

void
bmc_band_edges(double *edge, int bands, double *x, size_t n)
{
	double last = 0.0;

	if (n > 0)
	{
		qsort(x, n, sizeof(double), ascending);
		last = x[0];
	}
	for (int b = 1; b < bands; b++)
	{
		size_t at = n * (size_t) b / (size_t) bands;

		while (at < n && x[at] <= last)
			at++;
		edge[b - 1] = at < n ? (last = x[at]) : INFINITY;
	}
}

int
bmc_band(const double *edge, int bands, double v)
{
	int b = 0;

	while (b < bands - 1 && edge[b] <= v)
		b++;
	return b;
}
