/*
 * buyer.c
 *		Likelihoods of the models of customers, with their gradients, and the fits.
 *
 * Rows are in order of x, and of T where x is equal, so gamma functions are computed once for a run of equal
 * x and the logarithm of T once for a run of equal T; sums of logarithms are logarithms of products. What is
 * left for a row are one logarithm and one exponential.
 *
 * The likelihood of Pareto/NBD is usually written as the difference of two hypergeometric functions, which
 * cancels. Here it is the integral that they come from, of a positive function, over pieces in which the
 * integrand falls by about e^2.5.
 */
#include "core/stat/buyer.h"

#include <math.h>
#include <string.h>

#include "core/num/rng.h"
#include "core/num/sort.h"
#include "core/stat/special.h"

/* ---- rows ---- */

static uint64_t
bits(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

/* x in the upper 24 bits, then hashes of T and of tx: equal rows come together, and so do equal T. */
static uint64_t
row_key(const BmBuyers *rows, size_t i)
{
	uint64_t x = rows->x[i] < 0xffffff ? (uint64_t) rows->x[i] : 0xffffff;
	uint64_t T = rows->T ? bmc_mix64(bits(rows->T[i])) >> 48 : 0;

	return x << 40 | T << 24 | bmc_mix64(bits(rows->tx[i])) >> 40;
}

static bool
same_row(const BmBuyers *rows, size_t i, size_t j)
{
	return rows->x[i] == rows->x[j] && rows->tx[i] == rows->tx[j] &&
		   (!rows->T || rows->T[i] == rows->T[j]);
}

/* column (n) in the given order, through the scratch (n). */
static void
permute(double *column, const uint32_t *order, size_t n, double *scratch)
{
	for (size_t i = 0; i < n; i++)
		scratch[i] = column[order[i]];
	memcpy(column, scratch, sizeof(double) * n);
}

BmStatus
bmc_buyers_merge(BmBuyers *rows, BmMem *mem)
{
	size_t n = rows->n, m = 0;
	uint64_t *key = bmc_alloc(mem, n, sizeof(uint64_t));
	uint32_t *order = bmc_alloc(mem, n, sizeof(uint32_t));
	BmStatus status = BM_ENOMEM;

	for (size_t i = 0; key && order && i < n; i++)
	{
		key[i] = row_key(rows, i);
		order[i] = (uint32_t) i;
	}
	if (key && order)
		status = bmc_sort_u64(key, order, n, mem);
	if (status == BM_OK)
	{
		permute(rows->x, order, n, (double *) key);
		permute(rows->tx, order, n, (double *) key);
		if (rows->T)
			permute(rows->T, order, n, (double *) key);
		permute(rows->w, order, n, (double *) key);
		for (size_t i = 0; i < n; i++)
		{
			if (m > 0 && same_row(rows, m - 1, i))
			{
				rows->w[m - 1] += rows->w[i];
				continue;
			}
			rows->x[m] = rows->x[i];
			rows->tx[m] = rows->tx[i];
			if (rows->T)
				rows->T[m] = rows->T[i];
			rows->w[m++] = rows->w[i];
		}
		rows->n = m;
	}
	bmc_free(mem, key);
	bmc_free(mem, order);
	return status;
}

/* ---- sums of logarithms ---- */

/* The sum of w ln v over many v: as one logarithm of their product where the weight is 1. */
typedef struct LogSum
{
	double product, sum;
} LogSum;

static inline void
add_log(LogSum *s, double w, double v)
{
	if (w != 1.0 || !(v > 1e-100 && v < 1e100))
	{
		s->sum += w * log(v);
		return;
	}
	s->product *= v;
	if (s->product > 1e150 || s->product < 1e-150)
	{
		s->sum += log(s->product);
		s->product = 1.0;
	}
}

static double
log_sum(const LogSum *s)
{
	return s->sum + log(s->product);
}

/* ---- BG/NBD and MBG/NBD ---- */

/*
 * shift 0: BG/NBD, no dropout before the first repeat purchase; 1: MBG/NBD, one more chance to leave.
 * A row's likelihood is c(x) (u + v): alive all the time, or gone after the last purchase.
 */
static void
beta_geometric(double *sum, const BmBuyers *rows, const double *p, size_t first, size_t last,
			   size_t stride, double shift)
{
	double r = p[0], alpha = p[1], a = p[2], b = p[3], x = -1.0, T = -1.0, lnT = 0.0;
	double psi_r = bmc_digamma(r), psi_b = bmc_digamma(b), psi_ab = bmc_digamma(a + b);
	double at_r = bmc_lgamma(r), at_b = bmc_lgamma(b), at_ab = bmc_lgamma(a + b);
	double constant = 0.0, ln_gone = 0.0, dr = 0.0, da = 0.0, db = 0.0;
	LogSum logs = {1.0, 0.0};

	for (size_t i = first; i < last; i += stride)
	{
		double w = rows->w[i], pu = 1.0, pv = 0.0, lnt = 0.0, top;

		if (rows->x[i] != x)
		{
			double n = rows->x[i] + shift;

			x = rows->x[i];
			constant = bmc_lgamma(r + x) - at_r + r * log(alpha) + bmc_lgamma(b + n) -
					   bmc_lgamma(a + b + n) - at_b + at_ab;
			dr = bmc_digamma(r + x) - psi_r + log(alpha);
			da = psi_ab - bmc_digamma(a + b + n);
			db = bmc_digamma(b + n) - psi_b + da;
			ln_gone = n > 0 ? log(a) - log(b + n - 1.0) : -INFINITY;
		}
		if (rows->T[i] != T)
		{
			T = rows->T[i];
			lnT = log(alpha + T);
		}
		top = -(r + x) * lnT;
		if (x + shift > 0)
		{
			double v, over;

			lnt = log(alpha + rows->tx[i]);
			v = ln_gone - (r + x) * lnt;
			over = exp(-fabs(top - v));
			pv = (v > top ? 1.0 : over) / (1.0 + over);
			pu = 1.0 - pv;
			top = v > top ? v : top;
			add_log(&logs, w, 1.0 + over);
		}
		sum[0] += w * (constant + top);
		sum[1] += w * (dr - pu * lnT - pv * lnt);
		sum[2] += w * (r / alpha - (r + x) * (pu / (alpha + T) + pv / (alpha + rows->tx[i])));
		sum[3] += w * (da + pv / a);
		sum[4] += w * (db - (pv > 0 ? pv / (b + x + shift - 1.0) : 0.0));
	}
	sum[0] += log_sum(&logs);
}

static void
bg_nbd(double *sum, const void *rows, const double *p, size_t first, size_t last, size_t stride)
{
	beta_geometric(sum, rows, p, first, last, stride, 0.0);
}

static void
mbg_nbd(double *sum, const void *rows, const double *p, size_t first, size_t last, size_t stride)
{
	beta_geometric(sum, rows, p, first, last, stride, 1.0);
}

/* ---- Pareto/NBD ---- */

/* The integral of (alpha + t)^-(r + x) (beta + t)^-(s + 1) over [tx, T], and what its derivatives need. */
typedef struct Gone
{
	double log_scale; /* every field below is to be multiplied by its exponential */
	double sum, lna, lnb, over_a,
		over_b; /* of f, f ln(alpha+t), f ln(beta+t), f/(alpha+t), f/(beta+t) */
} Gone;

static Gone
gone_since(const double *p, const BmBuyer *c)
{
	double alpha = p[1], beta = p[3], shape = p[0] + c->x, s1 = p[2] + 1.0, from = c->tx;
	Gone g = {.log_scale = -shape * log(alpha + from) - s1 * log(beta + from)};

	while (from < c->T)
	{
		double at = alpha + from, bt = beta + from, near = at < bt ? at : bt, part = 0.0;
		double step = 2.5 / (shape / at + s1 / bt), half;

		step = step < 2.5 * near ? step : 2.5 * near;
		half = 0.5 * (from + step < c->T ? step : c->T - from);
		for (int i = 0; i < 10; i++)
		{
			double t = from + half * (1.0 + bmc_gauss10_point[i]);
			double lna = log(alpha + t), lnb = log(beta + t), f;

			f = half * bmc_gauss10_weight[i] * exp(-shape * lna - s1 * lnb - g.log_scale);
			part += f;
			g.lna += f * lna;
			g.lnb += f * lnb;
			g.over_a += f / (alpha + t);
			g.over_b += f / (beta + t);
		}
		g.sum += part;
		from += 2.0 * half;
		if (!(step > 1e-13 * from) || part < 1e-17 * g.sum)
			break; /* what is left is rounding: the integrand falls at least like 1/t^(s+1) */
	}
	return g;
}

double
bmc_pareto_log_odds(const double *p, const BmBuyer *b)
{
	Gone g = gone_since(p, b);

	return log(p[2]) + g.log_scale + log(g.sum) + (p[0] + b->x) * log(p[1] + b->T) +
		   p[2] * log(p[3] + b->T);
}

static void
pareto_nbd(double *sum, const void *arg, const double *p, size_t first, size_t last, size_t stride)
{
	const BmBuyers *rows = arg;
	double r = p[0], alpha = p[1], s = p[2], beta = p[3], x = -1.0, constant = 0.0, dr = 0.0;

	for (size_t i = first; i < last; i += stride)
	{
		BmBuyer c = {rows->x[i], rows->tx[i], rows->T[i]};
		double w = rows->w[i], lna = log(alpha + c.T), lnb = log(beta + c.T);
		double u = -(r + c.x) * lna - s * lnb, v, top, pu, pv;
		Gone g = gone_since(p, &c);

		if (c.x != x)
		{
			x = c.x;
			constant = bmc_lgamma(r + x) - bmc_lgamma(r) + r * log(alpha) + s * log(beta);
			dr = bmc_digamma(r + x) - bmc_digamma(r) + log(alpha);
		}
		v = g.sum > 0 ? log(s) + g.log_scale + log(g.sum) : -INFINITY;
		top = fmax(u, v);
		pu = exp(u - top);
		pv = exp(v - top);
		sum[0] += w * (constant + top + log(pu + pv));
		pu = pu / (pu + pv);
		pv = 1.0 - pu;
		if (g.sum > 0)
			pv /= g.sum;
		sum[1] += w * (dr - pu * lna - pv * g.lna);
		sum[2] += w * (r / alpha - (r + x) * (pu / (alpha + c.T) + pv * g.over_a));
		sum[3] += w * (log(beta) - pu * lnb + pv * (g.sum / s - g.lnb));
		sum[4] += w * (s / beta - s * pu / (beta + c.T) - (s + 1.0) * pv * g.over_b);
	}
}

const BmLikelihoodFn bmc_buy_likelihood[BM_BUY_MODELS] = {bg_nbd, mbg_nbd, pareto_nbd};

/* ---- Gamma-Gamma ---- */

/* What a run of customers with equal x adds, beyond what each of them does. */
typedef struct SpendRun
{
	double w, lnm; /* sums of the weights, of w ln m */
	double over;   /* of w / (x m + v) */
	LogSum both;   /* of w ln (x m + v) */
} SpendRun;

static void
add_spend_run(double *sum, const SpendRun *run, double x, const double *p)
{
	double px = p[0] * x, q = p[1], v = p[2], both = log_sum(&run->both);
	double psi = bmc_digamma(px + q), w = run->w;

	sum[0] += w * (bmc_lgamma(px + q) - bmc_lgamma(px) - bmc_lgamma(q) + q * log(v) + px * log(x)) +
			  (px - 1.0) * run->lnm - (px + q) * both;
	sum[1] += x * (w * (psi - bmc_digamma(px) + log(x)) + run->lnm - both);
	sum[2] += w * (psi - bmc_digamma(q) + log(v)) - both;
	sum[3] += w * q / v - (px + q) * run->over;
}

void
bmc_spend_likelihood(double *sum, const void *arg, const double *p, size_t first, size_t last,
					 size_t stride)
{
	const BmBuyers *rows = arg;
	SpendRun run = {.both = {1.0, 0.0}};
	double x = first < last ? rows->x[first] : 0.0;

	for (size_t i = first; i < last; i += stride)
	{
		double w = rows->w[i], m = rows->tx[i], both;

		if (rows->x[i] != x)
		{
			add_spend_run(sum, &run, x, p);
			run = (SpendRun){.both = {1.0, 0.0}};
			x = rows->x[i];
		}
		both = x * m + p[2];
		run.w += w;
		run.lnm += w * (rows->T ? rows->T[i] : log(m));
		run.over += w / both;
		add_log(&run.both, w, both);
	}
	if (run.w > 0)
		add_spend_run(sum, &run, x, p);
}

double
bmc_spend_mean(const double *p, double x, double m)
{
	double under = p[0] * x + p[1] - 1.0;

	return under > 0 ? p[0] * (p[2] + x * m) / under : NAN;
}

/* ---- fits ---- */

#define SHAPE                                                                                      \
	12.0 /* e^12: customers as good as all alike; beyond, differences of ln Gamma lose their digits */
#define SCALE 25.0 /* of time or money: in any unit */

/* The largest T and the mean rate of repeat purchases; what the starts are made of. */
static void
look_at(const BmBuyers *rows, double *longest, double *rate)
{
	double x = 0.0, T = 0.0;

	*longest = 0.0;
	for (size_t i = 0; i < rows->n; i++)
	{
		*longest = fmax(*longest, rows->T[i]);
		x += rows->w[i] * rows->x[i];
		T += rows->w[i] * rows->T[i];
	}
	*rate = T > 0 ? x / T : 0.0;
}

BmStatus
bmc_buy_fit(BmEstimate *out, BmBuyModel model, const BmBuyers *rows, BmPool *pool, BmMem *mem,
			const BmStop *stop)
{
	BmLikelihood l = {.fn = bmc_buy_likelihood[model],
					  .rows = rows,
					  .n = rows->n,
					  .weight = rows->customers,
					  .d = BM_BUY_PARAMETERS,
					  .most = {SHAPE, SCALE, SHAPE, model == BM_PARETO_NBD ? SCALE : SHAPE},
					  .pool = pool,
					  .mem = mem,
					  .stop = stop};
	double longest, rate;

	look_at(rows, &longest, &rate);
	if (!(rate > 0))
		return BM_EINVAL;
	if (model == BM_PARETO_NBD)
	{
		const double start[] = {1.0, 1.0 / rate,  1.0, longest,     0.3, 0.3 / rate,
								0.5, longest / 3, 0.5, 0.25 / rate, 0.3, longest / 10};

		return bmc_maximise(out, &l, start, 3);
	}
	else
	{
		const double start[] = {1.0, 0.5 / rate, 1.0, 3.0,        0.3, 0.15 / rate,
								0.8, 2.5,        2.0, 2.0 / rate, 0.3, 5.0};

		return bmc_maximise(out, &l, start, 3);
	}
}

BmStatus
bmc_spend_fit(BmEstimate *out, const BmBuyers *rows, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	BmBuyers with = *rows; /* T: ln of the mean amount */
	BmLikelihood l = {.fn = bmc_spend_likelihood,
					  .rows = &with,
					  .n = rows->n,
					  .weight = rows->customers,
					  .d = BM_SPEND_PARAMETERS,
					  .most = {SHAPE, SHAPE, SCALE},
					  .pool = pool,
					  .mem = mem,
					  .stop = stop};
	double mean = 0.0;
	BmStatus status;

	if (rows->n < 2)
		return BM_EINVAL;
	with.T = bmc_alloc(mem, rows->n, sizeof(double));
	if (!with.T)
		return BM_ENOMEM;
	for (size_t i = 0; i < rows->n; i++)
	{
		with.T[i] = log(rows->tx[i]);
		mean += rows->w[i] * rows->tx[i] / rows->customers;
	}
	{
		const double start[] = {6.0, 4.0, mean / 2, 1.0, 2.0, mean, 20.0, 10.0, mean / 2};

		status = bmc_maximise(out, &l, start, 3);
	}
	bmc_free(mem, with.T);
	return status;
}
