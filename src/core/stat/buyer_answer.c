/*
 * buyer_answer.c
 *		What a fitted model of customers says of one of them.
 *
 * The expectations of the two beta models hold a 2F1 whose terms grow like those of (1-z)^-(r+x) and are
 * multiplied by (1-z)^(r+x) afterwards. After Euler's transformation what is left is
 * (1-z)^(a-1) 2F1(a+b-1-r, a-1; a+b+x-1; z), which neither overflows nor cancels while a and a+b-1-r are no
 * large numbers. They are where customers hardly differ; then the first form serves, in logarithms.
 */
#include "core/stat/buyer.h"

#include <math.h>

#include "core/stat/special.h"

#define PARTS 24     /* of a discounted horizon */
#define LARGE 30.0   /* for a, and for a+b-1-r on either side of 0 */
#define AT_POLE 1e-5 /* a and s = 1 are removable poles: the mean of both sides is right to 1e-10 */

/* ln(P(gone) / P(alive)) for the beta models. */
static double
log_odds_gone(BmBuyModel model, const double *p, const BmBuyer *b)
{
	double n = b->x + (model == BM_MBG_NBD);

	if (n <= 0)
		return -INFINITY;
	return log(p[2]) - log(p[3] + n - 1.0) + (p[0] + b->x) * (log(p[1] + b->T) - log(p[1] + b->tx));
}

double
bmc_buy_alive(BmBuyModel model, const double *p, const BmBuyer *b)
{
	double odds = model == BM_PARETO_NBD ? bmc_pareto_log_odds(p, b) : log_odds_gone(model, p, b);

	return 1.0 / (1.0 + exp(odds));
}

/*
 * Expected purchases in t of a customer alive now whose rate is gamma (shape, rate) and whose chance of
 * leaving after each purchase is beta (a, b).
 */
static double
beta_expected(double shape, double rate, double a, double b, double t)
{
	double z = t / (rate + t), c = a + b - 1.0;

	if (fabs(a - 1.0) < AT_POLE || fabs(c) < AT_POLE)
		return 0.5 * (beta_expected(shape, rate, a + 2 * AT_POLE, b, t) +
					  beta_expected(shape, rate, a - 2 * AT_POLE, b, t));
	if (a > LARGE || fabs(c - shape) > LARGE)
		return -c / (a - 1.0) * expm1(shape * log1p(-z) + bmc_log_hyp2f1(shape, b, c, z));
	return c / (a - 1.0) * (1.0 - pow(1.0 - z, a - 1.0) * bmc_hyp2f1(c - shape, a - 1.0, c, z));
}

/* The same where the rate of leaving is gamma (s, beta). */
static double
pareto_expected(double shape, double rate, double s, double beta, double t)
{
	double growth = log1p(t / beta), e = (s - 1.0) * growth;

	/* (1 - exp(-e)) / (s - 1), and its limit */
	return shape * beta / rate * (fabs(e) < 1e-9 ? growth : -expm1(-e) / (s - 1.0));
}

/* Of a customer alive at T. */
static double
expected_alive(BmBuyModel model, const double *p, const BmBuyer *b, double t)
{
	switch (model)
	{
	case BM_PARETO_NBD:
		return pareto_expected(p[0] + b->x, p[1] + b->T, p[2], p[3] + b->T, t);
	case BM_MBG_NBD: /* the chance of leaving is beta (a, b + x + 1), having stayed x + 1 times */
		return beta_expected(p[0] + b->x, p[1] + b->T, p[2], p[3] + b->x + 1.0, t);
	default:
		return beta_expected(p[0] + b->x, p[1] + b->T, p[2], p[3] + b->x, t);
	}
}

double
bmc_buy_expected(BmBuyModel model, const double *p, const BmBuyer *b, double t)
{
	return t > 0 ? bmc_buy_alive(model, p, b) * expected_alive(model, p, b, t) : 0.0;
}

double
bmc_buy_new(BmBuyModel model, const double *p, double t)
{
	BmBuyer new = {0};

	return bmc_buy_expected(model, p, &new, t);
}

double
bmc_buy_discounted(BmBuyModel model, const double *p, const BmBuyer *b, double t, double delta)
{
	double sum = 0.0, before = 0.0;

	if (!(t > 0))
		return 0.0;
	for (int k = 1; k <= PARTS; k++)
	{
		double until = expected_alive(model, p, b, t * k / PARTS);

		sum += (until - before) * exp(-delta * t * (k - 0.5) / PARTS);
		before = until;
	}
	return sum * bmc_buy_alive(model, p, b);
}

typedef struct Next
{
	double shape, rate, s, beta; /* of a customer alive now */
} Next;

/* Density of the next purchase of a Pareto/NBD customer alive now, not yet gone. */
static double
next_at(double t, const void *arg)
{
	const Next *n = arg;

	return n->shape / (n->rate + t) *
		   exp(-n->shape * log1p(t / n->rate) - n->s * log1p(t / n->beta));
}

/* Probability that a customer alive now buys within h. */
static double
within_alive(BmBuyModel model, const double *p, const BmBuyer *b, double h)
{
	Next n = {p[0] + b->x, p[1] + b->T, p[2], p[3] + b->T};
	double sum = 0.0, from = 0.0;

	/* nobody of the beta models leaves before the next purchase */
	if (model != BM_PARETO_NBD)
		return -expm1(-n.shape * log1p(h / n.rate));
	while (from < h)
	{
		double steep = (n.shape + 1.0) / (n.rate + from) + n.s / (n.beta + from);
		double to = from + fmin(2.5 / steep, 2.5 * fmin(n.rate, n.beta) + from);

		if (!(to < h) || !(to > from))
			to = h;
		sum += bmc_gauss10(next_at, &n, from, to);
		from = to;
	}
	return sum < 1.0 ? sum : 1.0;
}

double
bmc_buy_within(BmBuyModel model, const double *p, const BmBuyer *b, double h)
{
	return h > 0 ? bmc_buy_alive(model, p, b) * within_alive(model, p, b, h) : 0.0;
}

double
bmc_buy_next(BmBuyModel model, const double *p, const BmBuyer *b, double share)
{
	double alive = bmc_buy_alive(model, p, b), shape = p[0] + b->x, rate = p[1] + b->T;
	double want = share / alive, low = 0.0, high = rate;

	if (!(want < 1.0))
		return INFINITY;
	if (model != BM_PARETO_NBD)
		return rate * expm1(-log1p(-want) / shape);
	while (within_alive(model, p, b, high) < want)
		if ((high *= 2.0) > 1e6 * rate)
			return INFINITY; /* most leave first */
	for (int k = 0; k < 60; k++)
	{
		double middle = 0.5 * (low + high);

		*(within_alive(model, p, b, middle) < want ? &low : &high) = middle;
	}
	return 0.5 * (low + high);
}
