/*
 * als_cg.c
 *		Conjugate gradients for one row of ALS (Takács, Pilászy, Tikk 2011): the row's matrix is never
 *		made, its product with a vector is a pass over the row's factors.
 *
 * The pass is the whole cost of a fit, so for the usual widths it runs with the vectors in registers.
 */
#include <string.h>

#include "core/num/lanes.h"
#include "core/num/vec.h"
#include "core/rec/als.h"

#define CG_STEPS 3
#define MOST_LANES 8 /* widths up to 128 in steps of 16 */

/* y = (base + penalty I + sum c h h') p, D = 16 lanes: base is symmetric, so its rows are added up. */
static inline __attribute__((always_inline)) void
apply_lanes(float *y, const float *p, const float *base, float penalty, const float *H,
			const BmAlsRow *row, const size_t lanes)
{
	const size_t D = 16 * lanes;
	BmLanes P[MOST_LANES], Y[MOST_LANES];

	memcpy(P, p, D * sizeof(float));
	for (size_t l = 0; l < lanes; l++)
		Y[l] = penalty * P[l];
	for (size_t d = 0; d < D; d++)
		for (size_t l = 0; l < lanes; l++)
		{
			BmLanes g;

			memcpy(&g, base + d * D + 16 * l, sizeof(g));
			Y[l] += p[d] * g;
		}
	for (size_t i = 0; i < row->n; i++)
	{
		const float *h = H + (size_t) row->col[i] * D;
		BmLanes x[MOST_LANES], sum = {0};
		float f;

		memcpy(x, h, D * sizeof(float));
		for (size_t l = 0; l < lanes; l++)
			sum += x[l] * P[l];
		f = bmc_lanes_total(&sum);
		f = row->c ? f * row->c[i] : f;
		for (size_t l = 0; l < lanes; l++)
			Y[l] += f * x[l];
	}
	memcpy(y, Y, D * sizeof(float));
}

/* The same for any width. */
static void
apply_any(float *y, const float *p, const float *base, float penalty, const float *H, size_t D,
		  const BmAlsRow *row)
{
	for (size_t d = 0; d < D; d++)
		y[d] = bmc_dot(base + d * D, p, D) + penalty * p[d];
	for (size_t i = 0; i < row->n; i++)
	{
		const float *h = H + (size_t) row->col[i] * D;

		bmc_axpy(y, (row->c ? row->c[i] : 1.0f) * bmc_dot(h, p, D), h, D);
	}
}

BM_CLONES static void
apply(float *y, const float *p, const float *base, float penalty, const float *H, size_t D,
	  const BmAlsRow *row)
{
	switch (D)
	{
	case 32:
		apply_lanes(y, p, base, penalty, H, row, 2);
		break;
	case 48:
		apply_lanes(y, p, base, penalty, H, row, 3);
		break;
	case 64:
		apply_lanes(y, p, base, penalty, H, row, 4);
		break;
	case 96:
		apply_lanes(y, p, base, penalty, H, row, 6);
		break;
	case 128:
		apply_lanes(y, p, base, penalty, H, row, 8);
		break;
	default:
		apply_any(y, p, base, penalty, H, D, row);
		break;
	}
}

void
bmc_als_gradients(float *x, const float *base, float penalty, const float *H, size_t D,
				  const BmAlsRow *row, float *scratch)
{
	float *r = scratch, *p = r + D, *y = p + D;
	float rr;

	apply(y, x, base, penalty, H, D, row);
	memset(r, 0, D * sizeof(float));
	for (size_t i = 0; i < row->n; i++)
		bmc_axpy(r, row->c ? row->c[i] : 1.0f, H + (size_t) row->col[i] * D, D);
	bmc_axpy(r, -1.0f, y, D);
	memcpy(p, r, D * sizeof(float));
	rr = bmc_dot(r, r, D);
	for (int step = 0; step < CG_STEPS && rr > 1e-20f; step++)
	{
		float before = rr, a;

		apply(y, p, base, penalty, H, D, row);
		a = rr / bmc_dot(p, y, D);
		bmc_axpy(x, a, p, D);
		bmc_axpy(r, -a, y, D);
		rr = bmc_dot(r, r, D);
		bmc_scale(p, rr / before, D);
		bmc_axpy(p, 1.0f, r, D);
	}
}
