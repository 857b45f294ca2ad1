/*
 * lbfgs.c
 *		Limited-memory BFGS; see lbfgs.h.
 */
#include "core/num/lbfgs.h"

#include <math.h>
#include <string.h>

/* Nocedal and Wright 2006, section 3.1: sufficient decrease and curvature. */
#define ARMIJO 1e-4
#define CURVATURE 0.9
#define SEARCH_STEPS 40

static double
dot(const double *a, const double *b, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static double
largest(const double *a, size_t n)
{
	double m = 0.0;

	for (size_t i = 0; i < n; i++)
		m = fmax(m, fabs(a[i]));
	return m;
}

/* Vectors: x, gradient, direction, trial, trial gradient, and the pairs. */
size_t
bmc_lbfgs_bytes(size_t n)
{
	return bmc_mul(bmc_take_size(n, sizeof(double)), 5 + 2 * BM_LBFGS_PAIRS);
}

BmStatus
bmc_lbfgs_begin(BmLbfgs *l, size_t n, BmObjective objective, void *arg, double tolerance,
				BmMem *mem)
{
	size_t bytes = bmc_lbfgs_bytes(n);
	BmArena arena;

	*l = (BmLbfgs){.n = n, .objective = objective, .arg = arg, .tolerance = tolerance};
	l->block = bmc_alloc(mem, bytes, 1);
	if (l->block == NULL)
		return BM_ENOMEM;
	arena = (BmArena){l->block, bytes, 0};
	l->x = bmc_take(&arena, n, sizeof(double));
	l->gradient = bmc_take(&arena, n, sizeof(double));
	l->direction = bmc_take(&arena, n, sizeof(double));
	l->trial = bmc_take(&arena, n, sizeof(double));
	l->trial_gradient = bmc_take(&arena, n, sizeof(double));
	l->s = bmc_take(&arena, n * BM_LBFGS_PAIRS, sizeof(double));
	l->y = bmc_take(&arena, n * BM_LBFGS_PAIRS, sizeof(double));
	memset(l->x, 0, n * sizeof(double));
	return BM_OK;
}

/* direction = -H gradient by the two loops over the pairs, the newest first. */
static void
find_direction(BmLbfgs *l)
{
	double alpha[BM_LBFGS_PAIRS], scale = 1.0;
	size_t n = l->n;

	for (size_t i = 0; i < n; i++)
		l->direction[i] = -l->gradient[i];
	for (int k = 0; k < l->pairs; k++)
	{
		int at = (l->next - 1 - k + BM_LBFGS_PAIRS) % BM_LBFGS_PAIRS;
		const double *s = l->s + at * n, *y = l->y + at * n;

		if (k == 0)
			scale = 1.0 / (l->rho[at] * dot(y, y, n));
		alpha[at] = l->rho[at] * dot(s, l->direction, n);
		for (size_t i = 0; i < n; i++)
			l->direction[i] -= alpha[at] * y[i];
	}
	for (size_t i = 0; i < n; i++)
		l->direction[i] *= scale;
	for (int k = l->pairs - 1; k >= 0; k--)
	{
		int at = (l->next - 1 - k + BM_LBFGS_PAIRS) % BM_LBFGS_PAIRS;
		const double *s = l->s + at * n, *y = l->y + at * n;
		double beta = l->rho[at] * dot(y, l->direction, n);

		for (size_t i = 0; i < n; i++)
			l->direction[i] += (alpha[at] - beta) * s[i];
	}
}

/*
 * A step along the direction that is neither too long (decrease) nor too short (curvature), by bracketing
 * and bisection; trial and its gradient are left there. false: none is found, value is then no lower.
 */
static BmStatus
search(BmLbfgs *l, double *value, bool *found)
{
	double slope = dot(l->gradient, l->direction, l->n), lo = 0.0, hi = INFINITY, t = 1.0;

	*found = false;
	if (l->pairs == 0) /* nothing is known of the scale yet */
		t = fmin(1.0, 1.0 / fmax(largest(l->gradient, l->n), 1e-300));
	for (int k = 0; k < SEARCH_STEPS && slope < 0.0; k++)
	{
		BmStatus status;

		for (size_t i = 0; i < l->n; i++)
			l->trial[i] = l->x[i] + t * l->direction[i];
		status = l->objective(value, l->trial_gradient, l->trial, l->arg);
		if (status != BM_OK)
			return status;
		if (!(*value <= l->value + ARMIJO * t * slope))
			hi = t;
		else if (dot(l->trial_gradient, l->direction, l->n) < CURVATURE * slope)
			lo = t;
		else
		{
			*found = true;
			return BM_OK;
		}
		t = isinf(hi) ? 2.0 * lo : 0.5 * (lo + hi);
	}
	*found = slope < 0.0 && lo > 0.0 && *value < l->value;
	return BM_OK;
}

/* Remember the last move where it has positive curvature. */
static void
remember(BmLbfgs *l)
{
	double *s = l->s + l->next * l->n, *y = l->y + l->next * l->n, sy;

	for (size_t i = 0; i < l->n; i++)
	{
		s[i] = l->trial[i] - l->x[i];
		y[i] = l->trial_gradient[i] - l->gradient[i];
	}
	sy = dot(s, y, l->n);
	if (!(sy > 1e-14 * dot(y, y, l->n)))
		return;
	l->rho[l->next] = 1.0 / sy;
	l->next = (l->next + 1) % BM_LBFGS_PAIRS;
	if (l->pairs < BM_LBFGS_PAIRS)
		l->pairs++;
}

BmStatus
bmc_lbfgs_step(BmLbfgs *l)
{
	double value = 0.0;
	bool found;
	BmStatus status;

	if (l->iterations == 0)
	{
		status = l->objective(&l->value, l->gradient, l->x, l->arg);
		if (status != BM_OK)
			return status;
	}
	if (largest(l->gradient, l->n) <= l->tolerance)
		return BM_OK;
	find_direction(l);
	status = search(l, &value, &found);
	if (status != BM_OK)
		return status;
	if (!found)
	{
		if (l->pairs == 0)
			return BM_OK;
		l->pairs = 0; /* once more along the gradient itself */
		return BM_MORE;
	}
	remember(l);
	memcpy(l->x, l->trial, l->n * sizeof(double));
	memcpy(l->gradient, l->trial_gradient, l->n * sizeof(double));
	l->value = value;
	l->iterations++;
	return largest(l->gradient, l->n) <= l->tolerance ? BM_OK : BM_MORE;
}

void
bmc_lbfgs_end(BmLbfgs *l, BmMem *mem)
{
	bmc_free(mem, l->block);
	l->block = NULL;
}
