/*
 * kmeans_nearest.c
 *		The nearest of k centres: sixteen centres side by side, so that one coordinate of a row meets
 *		sixteen of theirs in one instruction.
 */
#include <math.h>

#include "core/num/lanes.h"
#include "core/stat/kmeans_nearest.h"

#define LANES 16

BM_CLONES
float
bmc_square_distance(const float *a, const float *b, size_t d)
{
	BmLanes sum = {0};
	float rest = 0.0f;
	size_t i = 0;

	for (; i + LANES <= d; i += LANES)
	{
		BmLanes x, y;

		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		x -= y;
		sum += x * x;
	}
	for (; i < d; i++)
		rest += (a[i] - b[i]) * (a[i] - b[i]);
	return bmc_lanes_total(&sum) + rest;
}

size_t
bmc_nearest_panel_size(size_t k, size_t d)
{
	return bmc_mul((k + LANES - 1) / LANES * LANES, d);
}

void
bmc_nearest_panel(float *panel, const float *centre, size_t k, size_t d)
{
	for (size_t from = 0; from < k; from += LANES)
		for (size_t j = 0; j < d; j++)
			for (size_t l = 0; l < LANES; l++)
				*panel++ = from + l < k ? centre[(from + l) * d + j] : 0.0f;
}

BM_CLONES
size_t
bmc_nearest(uint32_t *label, float *distance, const float *panel, size_t k, const float *x,
			size_t n, size_t d)
{
	size_t changed = 0;

	for (size_t i = 0; i < n; i++, x += d)
	{
		float best = INFINITY;
		uint32_t at = 0;
		const float *p = panel;

		for (size_t from = 0; from < k; from += LANES)
		{
			BmLanes sum = {0};
			float s[LANES];

			for (size_t j = 0; j < d; j++, p += LANES)
			{
				BmLanes c;

				memcpy(&c, p, sizeof(c));
				c = x[j] - c;
				sum += c * c;
			}
			memcpy(s, &sum, sizeof(s));
			for (size_t l = 0; l < LANES && from + l < k; l++)
				if (s[l] < best)
				{
					best = s[l];
					at = (uint32_t) (from + l);
				}
		}
		changed += label[i] != at;
		label[i] = at;
		distance[i] = best;
	}
	return changed;
}
