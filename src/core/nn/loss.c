/*
 * loss.c
 *		Losses and their gradients, sample by sample in double precision.
 */
#include <math.h>

#include "core/nn/loss.h"

static double
class_weight(const BmLoss *l, size_t c)
{
	return l->class_weight ? (double) l->class_weight[c] : 1.0;
}

static double
sample_weight(const BmLoss *l, const float *y, const float *weight, size_t s)
{
	double w = weight ? (double) weight[s] : 1.0;

	return y && l->classes ? w * class_weight(l, (size_t) y[s]) : w;
}

double
bmc_loss_weight(const BmLoss *l, const float *y, const float *weight, size_t S)
{
	double sum = 0.0;

	for (size_t s = 0; s < S; s++)
		sum += sample_weight(l, y, weight, s);
	return sum;
}

/*
 * -log softmax(z) against the smoothed target q. With class weights every class's term has its own, so
 * the gradient is p * sum(q w) - q w.
 */
static double
cross_entropy(float *dz, const float *z, const BmLoss *l, size_t y, double scale)
{
	double top = (double) z[0], sum = 0.0, loss = 0.0, even = l->smoothing / (double) l->outputs;
	double total = (1.0 - l->smoothing) * class_weight(l, y), log_sum;

	for (size_t c = 1; c < l->outputs; c++)
		top = (double) z[c] > top ? (double) z[c] : top;
	for (size_t c = 0; c < l->outputs; c++)
		sum += exp((double) z[c] - top);
	log_sum = top + log(sum);
	loss = total * (log_sum - (double) z[y]);
	for (size_t c = 0; even > 0.0 && c < l->outputs; c++)
	{
		loss += even * class_weight(l, c) * (log_sum - (double) z[c]);
		total += even * class_weight(l, c);
	}
	for (size_t c = 0; dz && c < l->outputs; c++)
	{
		double q = even > 0.0 ? even * class_weight(l, c) : 0.0;

		q += c == y ? (1.0 - l->smoothing) * class_weight(l, y) : 0.0;
		dz[c] = (float) (scale * (exp((double) z[c] - log_sum) * total - q));
	}
	return scale * loss;
}

/* -log of the sigmoid of z or of -z: log(1 + exp(-|z|)) + max(z, 0) - z q. */
static double
binary_cross_entropy(float *dz, const float *z, const BmLoss *l, float y, double scale)
{
	double q = (double) y * (1.0 - l->smoothing) + 0.5 * l->smoothing, x = (double) z[0];

	scale *= l->classes ? class_weight(l, (size_t) y) : 1.0;
	if (dz)
		dz[0] = (float) (scale * (1.0 / (1.0 + exp(-x)) - q));
	return scale * (log1p(exp(-fabs(x))) + (x > 0.0 ? x : 0.0) - x * q);
}

/* The error e = z - target of one number: its loss and slope. */
static double
error_of(double *slope, double e, const BmLoss *l)
{
	double delta = (double) l->delta;

	if (l->kind == BM_LOSS_MAE || (l->kind == BM_LOSS_HUBER && fabs(e) > delta))
	{
		double unit = l->kind == BM_LOSS_MAE ? 1.0 : delta;

		*slope = e > 0.0 ? unit : e < 0.0 ? -unit : 0.0;
		return unit * fabs(e) - (l->kind == BM_LOSS_HUBER ? 0.5 * delta * delta : 0.0);
	}
	*slope = l->kind == BM_LOSS_MSE ? 2.0 * e : e;
	return l->kind == BM_LOSS_MSE ? e * e : 0.5 * e * e;
}

/* Against a number, a row of them, or a class as 0 and 1 (smoothed); the mean over the outputs. */
static double
errors(float *dz, const float *z, const BmLoss *l, const float *y, const float *row, double scale)
{
	double loss = 0.0, slope;

	if (y && l->classes)
		scale *= class_weight(l, (size_t) *y);
	scale /= (double) l->outputs;
	for (size_t o = 0; o < l->outputs; o++)
	{
		double to = row ? (double) row[o] : (double) *y;

		if (y && l->outputs > 1)
			to = (o == (size_t) *y ? 1.0 - l->smoothing : 0.0) + l->smoothing / (double) l->outputs;
		loss += error_of(&slope, (double) z[o] - to, l);
		if (dz)
			dz[o] = (float) (scale * slope);
	}
	return scale * loss;
}

double
bmc_loss(float *dz, const float *z, const BmLoss *l, const float *y, const float *rows,
		 const float *weight, size_t S, double norm)
{
	double loss = 0.0;

	for (size_t s = 0; s < S; s++, z += l->outputs, dz = dz ? dz + l->outputs : NULL)
	{
		double scale = (weight ? (double) weight[s] : 1.0) / norm;

		if (l->kind == BM_LOSS_CROSS_ENTROPY)
			loss += cross_entropy(dz, z, l, (size_t) y[s], scale);
		else if (l->kind == BM_LOSS_BINARY_CROSS_ENTROPY)
			loss += binary_cross_entropy(dz, z, l, y[s], scale);
		else
			loss += errors(dz, z, l, y ? y + s : NULL, rows ? rows + s * l->outputs : NULL, scale);
	}
	return loss;
}
