/*
 * likelihood.c
 *		BFGS on the logarithms of the parameters, a simplex for where it fails, and the observed
 *		information for the standard errors.
 *
 * The likelihood is flat where a parameter is badly identified, and rules on the gradient alone then never
 * hold; so the search ends when the mean log-likelihood gains no more than rounding.
 */
#include "core/stat/likelihood.h"

#include <math.h>
#include <string.h>

#define D BM_MAX_PARAMETERS
#define SHARD 8192       /* rows of one task: fixed, so that sums are the same with any threads */
#define SAMPLE_ROWS 8000 /* on more than twice as many, search on about this many first */
#define MAX_STEPS 300
#define GAIN 1e-13 /* relative; less is rounding */

typedef struct Search
{
	const BmLikelihood *l;
	size_t stride; /* 1: all rows */
	double *sums;  /* (shards, D + 1) */
	double weight; /* of the rows looked at */
	int looked;    /* evaluations of all rows */
	BmStatus status;
} Search;

typedef struct Task
{
	Search *s;
	const double *parameter;
} Task;

static size_t
shards(const BmLikelihood *l)
{
	return (l->n + SHARD - 1) / SHARD;
}

static void
shard(void *arg, size_t task, int worker)
{
	const Task *t = arg;
	Search *s = t->s;
	size_t stride = s->stride, first = task * SHARD, last = first + SHARD;

	if (last > s->l->n)
		last = s->l->n;
	first = (first + stride - 1) / stride * stride;
	memset(s->sums + task * (D + 1), 0, sizeof(double) * (D + 1));
	s->l->fn(s->sums + task * (D + 1), s->l->rows, t->parameter, first, last, stride);
}

/* Minus the mean log-likelihood at e^x and its derivatives by x; INFINITY where there is none. */
static double
cost(Search *s, const double *x, double *gradient)
{
	int d = s->l->d;
	double p[D], sum[D + 1] = {0};
	Task t = {s, p};

	for (int i = 0; i < d; i++)
	{
		if (!(fabs(x[i]) <= s->l->most[i]))
			return INFINITY;
		p[i] = exp(x[i]);
	}
	if (s->status == BM_OK)
		s->status = bmc_pool_run(s->l->pool, shard, &t, shards(s->l), s->l->stop);
	if (s->status != BM_OK)
		return INFINITY;
	s->looked += s->stride == 1;
	for (size_t k = 0; k < shards(s->l); k++)
		for (int i = 0; i <= d; i++)
			sum[i] += s->sums[k * (D + 1) + i];
	for (int i = 0; i <= d; i++)
		if (!isfinite(sum[i]))
			return INFINITY;
	for (int i = 0; i < d; i++)
		gradient[i] = -sum[i + 1] * p[i] / s->weight;
	return -sum[0] / s->weight;
}

/* ---- small dense algebra ---- */

/* inverse (d,d) of the symmetric A (d,d) by Cholesky; false unless A is positive definite. */
static bool
invert(double *inverse, const double *A, int d)
{
	double L[D][D] = {{0}}, M[D][D] = {{0}};

	for (int i = 0; i < d; i++)
		for (int j = 0; j <= i; j++)
		{
			double sum = A[i * d + j];

			for (int k = 0; k < j; k++)
				sum -= L[i][k] * L[j][k];
			if (i == j && !(sum > 1e-14))
				return false;
			L[i][j] = i == j ? sqrt(sum) : sum / L[j][j];
		}
	for (int i = 0; i < d; i++) /* M = L^-1 */
		for (int j = 0; j <= i; j++)
		{
			double sum = i == j ? 1.0 : 0.0;

			for (int k = j; k < i; k++)
				sum -= L[i][k] * M[k][j];
			M[i][j] = sum / L[i][i];
		}
	for (int i = 0; i < d; i++)
		for (int j = 0; j < d; j++)
		{
			double sum = 0.0;

			for (int k = 0; k < d; k++)
				sum += M[k][i] * M[k][j];
			inverse[i * d + j] = sum;
		}
	return true;
}

/*
 * Second derivatives (d,d) at x, by differences of the gradient: one-sided, for what they serve (errors of the
 * estimate, steps of a search) needs three digits. False when not finite.
 */
static bool
curvature(Search *s, const double *x, const double *gradient, double *A)
{
	int d = s->l->d;
	const double h = 1e-4;

	for (int i = 0; i < d; i++)
	{
		double y[D], there[D];

		memcpy(y, x, sizeof(double) * d);
		y[i] = x[i] + h;
		if (!isfinite(cost(s, y, there)))
			return false;
		for (int j = 0; j < d; j++)
			A[i * d + j] = (there[j] - gradient[j]) / h;
	}
	for (int i = 0; i < d; i++)
		for (int j = 0; j < i; j++)
			A[i * d + j] = A[j * d + i] = 0.5 * (A[i * d + j] + A[j * d + i]);
	return true;
}

/* ---- BFGS ---- */

static void
identity(double *H, int d)
{
	memset(H, 0, sizeof(double) * d * d);
	for (int i = 0; i < d; i++)
		H[i * d + i] = 1.0;
}

/* The way down from H and the gradient, no coordinate by more than a factor of e^2; its slope. */
static double
direction(double *way, const double *H, const double *gradient, int d)
{
	double slope = 0.0, longest = 0.0;

	for (int i = 0; i < d; i++)
	{
		way[i] = 0.0;
		for (int j = 0; j < d; j++)
			way[i] -= H[i * d + j] * gradient[j];
		longest = fmax(longest, fabs(way[i]));
	}
	for (int i = 0; i < d; i++)
	{
		if (longest > 2.0)
			way[i] *= 2.0 / longest;
		slope += way[i] * gradient[i];
	}
	return slope;
}

/* H after a step (d) that changed the gradient by change (d). */
static void
update(double *H, const double *step, const double *change, int d)
{
	double sy = 0.0, yHy = 0.0, Hy[D];

	for (int i = 0; i < d; i++)
	{
		Hy[i] = 0.0;
		for (int j = 0; j < d; j++)
			Hy[i] += H[i * d + j] * change[j];
		sy += step[i] * change[i];
	}
	if (!(sy > 1e-300))
		return;
	for (int i = 0; i < d; i++)
		yHy += change[i] * Hy[i];
	for (int i = 0; i < d; i++)
		for (int j = 0; j < d; j++)
			H[i * d + j] += (1.0 + yHy / sy) * step[i] * step[j] / sy -
							(Hy[i] * step[j] + step[i] * Hy[j]) / sy;
}

/* Halve the step until the cost falls enough; false when it does not. x, f and gradient move. */
static bool
line_search(Search *s, double *x, double *f, double *gradient, const double *way, double slope)
{
	int d = s->l->d;
	double y[D], g[D];

	for (double t = 1.0; t > 1e-10; t *= 0.5)
	{
		double value;

		for (int i = 0; i < d; i++)
			y[i] = x[i] + t * way[i];
		value = cost(s, y, g);
		if (s->status != BM_OK)
			return false;
		if (value <= *f + 1e-4 * t * slope + 0.1 * GAIN * fabs(*f))
		{
			memcpy(x, y, sizeof(double) * d);
			memcpy(gradient, g, sizeof(double) * d);
			*f = value;
			return true;
		}
	}
	return false;
}

/*
 * From x, with H as the first guess of the inverse curvature. True when the gain, or the way, is down to
 * rounding; f and gradient are those at the x reached.
 */
static bool
bfgs(Search *s, double *x, double *f, double *gradient, double *H)
{
	int d = s->l->d, small = 0;
	bool fresh = false;

	*f = cost(s, x, gradient);
	if (!isfinite(*f))
		return false;
	for (int step = 0; step < MAX_STEPS; step++)
	{
		double before = *f, from[D], old[D], way[D], slope = direction(way, H, gradient, d);

		if (-slope <= 10 * GAIN * fmax(fabs(*f), 1e-3))
			return true; /* what is still to be gained is rounding */
		memcpy(from, x, sizeof(double) * d);
		memcpy(old, gradient, sizeof(double) * d);
		if (slope >= 0.0 || !line_search(s, x, f, gradient, way, slope))
		{
			if (s->status != BM_OK)
				return false;
			if (fresh) /* even straight down: rounding, or a kink */
				return fabs(slope) < 1e-9;
			identity(H, d);
			fresh = true;
			continue;
		}
		fresh = false;
		for (int i = 0; i < d; i++)
		{
			from[i] = x[i] - from[i];
			old[i] = gradient[i] - old[i];
		}
		update(H, from, old, d);
		small = before - *f <= GAIN * fabs(before) ? small + 1 : 0;
		if (small == 2)
			return true;
	}
	return false;
}

/* ---- the simplex ---- */

/* The simplex of Nelder and Mead from x; x and f become the best vertex. */
static void
simplex(Search *s, double *x, double *f)
{
	int d = s->l->d < 1 ? 1 : s->l->d > D ? D : s->l->d; /* so that the compiler knows, too */
	double v[D + 1][D], value[D + 1], unused[D];

	for (int i = 0; i <= d; i++)
	{
		memcpy(v[i], x, sizeof(double) * d);
		if (i > 0)
			v[i][i - 1] += 0.5;
		value[i] = cost(s, v[i], unused);
	}
	for (int step = 0; step < MAX_STEPS * 2 && s->status == BM_OK; step++)
	{
		int best = 0, worst = 0;
		double centre[D] = {0}, tried[D], moved, second = -INFINITY;

		for (int i = 1; i <= d; i++)
		{
			best = value[i] < value[best] ? i : best;
			worst = value[i] > value[worst] ? i : worst;
		}
		for (int i = 0; i <= d; i++)
			if (i != worst)
			{
				second = fmax(second, value[i]);
				for (int j = 0; j < d; j++)
					centre[j] += v[i][j] / d;
			}
		memcpy(x, v[best], sizeof(double) * d);
		*f = value[best];
		if (isfinite(value[worst]) && value[worst] - value[best] <= 1e-14 * fabs(value[best]))
			return;
		for (int j = 0; j < d; j++)
			tried[j] = 2 * centre[j] - v[worst][j];
		moved = cost(s, tried, unused);
		if (moved < value[best] || moved >= second) /* farther, or back inside */
		{
			double by = moved < value[best] ? 2.0 : -0.5, again[D], then;

			for (int j = 0; j < d; j++)
				again[j] = centre[j] + by * (centre[j] - v[worst][j]);
			then = cost(s, again, unused);
			if (then < moved)
			{
				moved = then;
				memcpy(tried, again, sizeof(double) * d);
			}
		}
		if (moved < value[worst])
		{
			memcpy(v[worst], tried, sizeof(double) * d);
			value[worst] = moved;
			continue;
		}
		for (int i = 0; i <= d; i++) /* towards the best */
			if (i != best)
			{
				for (int j = 0; j < d; j++)
					v[i][j] = 0.5 * (v[i][j] + v[best][j]);
				value[i] = cost(s, v[i], unused);
			}
	}
}

/* ---- the whole ---- */

/* The best of the starts on the rows that s looks at, in x; H its inverse curvature. */
static double
best_start(Search *s, const double *start, int nstarts, double *x, double *H)
{
	int d = s->l->d;
	double best = INFINITY, A[D * D], gradient[D], at_best[D];

	for (int k = 0; k < nstarts && s->status == BM_OK; k++)
	{
		double y[D], f;

		for (int i = 0; i < d; i++)
			y[i] = log(start[k * d + i]);
		identity(H, d);
		if (!bfgs(s, y, &f, gradient, H) && s->status == BM_OK)
		{
			simplex(s, y, &f);
			identity(H, d);
			(void) bfgs(s, y, &f, gradient, H);
		}
		if (f < best)
		{
			best = f;
			memcpy(x, y, sizeof(double) * d);
			memcpy(at_best, gradient, sizeof(double) * d);
		}
	}
	if (!isfinite(best) || !curvature(s, x, at_best, A) || !invert(H, A, d))
		identity(H, d);
	return best;
}

/* Newton's step from x, if the cost does not rise by it: the search ends within rounding of the cost, which
 * is the square of that in the parameters. */
static void
polish(Search *s, double *x, double *f, double *gradient, const double *H)
{
	int d = s->l->d;
	double way[D], y[D], value;

	(void) direction(way, H, gradient, d);
	for (int i = 0; i < d; i++)
		y[i] = x[i] + way[i];
	value = cost(s, y, gradient);
	if (value <= *f + 1e-14 * fabs(*f))
	{
		memcpy(x, y, sizeof(double) * d);
		*f = value;
	}
}

static void
conclude(BmEstimate *out, Search *s, double *x, double f, double *gradient, bool settled)
{
	int d = s->l->d;
	double A[D * D], H[D * D];
	bool maximum = curvature(s, x, gradient, A) && invert(H, A, d);

	if (maximum)
		polish(s, x, &f, gradient, H);
	*out = (BmEstimate){.loglik = -f * s->weight,
						.converged = settled && maximum,
						.identified = maximum,
						.evaluations = s->looked};
	for (int i = 0; i < d; i++)
	{
		double error = maximum ? sqrt(H[i * d + i] / s->weight) : NAN; /* of the logarithm */

		out->value[i] = exp(x[i]);
		out->std_error[i] = error * out->value[i];
		out->identified &= error < 2.0;
	}
}

BmStatus
bmc_maximise(BmEstimate *out, const BmLikelihood *l, const double *start, int nstarts)
{
	Search s = {.l = l, .stride = 1, .weight = l->weight};
	double x[D], H[D * D], gradient[D], f;
	bool settled;

	s.sums = bmc_alloc(l->mem, shards(l) * (D + 1), sizeof(double));
	if (!s.sums)
		return BM_ENOMEM;
	if (l->n > 2 * SAMPLE_ROWS)
	{
		s.stride = l->n / SAMPLE_ROWS;
		s.weight = l->weight / (double) s.stride; /* about: it only scales */
	}
	f = best_start(&s, start, nstarts, x, H);
	s.stride = 1;
	s.weight = l->weight;
	if (s.status == BM_OK && isfinite(f))
	{
		settled = bfgs(&s, x, &f, gradient, H);
		conclude(out, &s, x, f, gradient, settled);
	}
	bmc_free(l->mem, s.sums);
	return s.status != BM_OK ? s.status : isfinite(f) ? BM_OK : BM_ENOTFINITE;
}
