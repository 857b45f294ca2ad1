/*
 * linear.c
 *		Logistic and ridge regression; see linear.h.
 */
#include "core/stat/linear.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/num/lbfgs.h"
#include "core/num/vec.h"
#include "core/stat/link.h"

#define SHARD_ROWS 4096
#define MAX_SHARDS 64
#define MAX_WIDE 65536 /* classes times features: parameters */

typedef struct Fit
{
	const BmSamples *s;
	const BmLinearOptions *options;
	BmPool *pool;
	const BmStop *stop;
	size_t D, K, nparameters;
	size_t shard_rows, nshards;
	double weights;          /* sum of the samples' */
	double center, scale_by; /* of the target of a ridge regression */
	const double *x; /* parameters of the evaluation that runs: (K, D) weights, (K) biases */
	double *sum;     /* (nshards, nparameters + 1) gradients and losses */
	double *score;   /* (nshards, K) */
	BmLbfgs search;
	float *weight, *bias, *mean; /* the tensors */
	int32_t classes;
	void *block;
} Fit;

/* ---- kernels: eight sums side by side, so that the compiler may use vectors ---- */

BM_CLONES static double
dot(const double *w, const float *x, size_t n)
{
	double part[8] = {0}, sum = 0.0;
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (size_t k = 0; k < 8; k++)
			part[k] += w[i + k] * (double) x[i + k];
	for (; i < n; i++)
		sum += w[i] * (double) x[i];
	for (size_t k = 0; k < 8; k++)
		sum += part[k];
	return sum;
}

BM_CLONES static void
axpy(double *g, double a, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g[i] += a * (double) x[i];
}

/* log(1 + exp(z)) without overflow */
static double
log1pexp(double z)
{
	return z > 0.0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

/* z (K) becomes the derivatives of the loss by the scores; the loss. */
static double
loss_of(double *z, const Fit *f, size_t i)
{
	double y = (double) f->s->y[i], top, sum = 0.0, loss;

	if (f->classes == 0)
	{
		z[0] -= (y - f->center) * f->scale_by;
		return 0.5 * z[0] * z[0];
	}
	if (f->K == 1)
	{
		loss = log1pexp(z[0]) - y * z[0];
		z[0] = 1.0 / (1.0 + exp(-z[0])) - y;
		return loss;
	}
	top = z[0];
	for (size_t k = 1; k < f->K; k++)
		top = fmax(top, z[k]);
	loss = top - z[(size_t) y];
	for (size_t k = 0; k < f->K; k++)
		sum += z[k] = exp(z[k] - top);
	for (size_t k = 0; k < f->K; k++)
		z[k] /= sum;
	z[(size_t) y] -= 1.0;
	return loss + log(sum);
}

/* Rows of one shard: gradient by all parameters, and the loss behind it. */
static void
shard_task(void *arg, size_t shard, int worker)
{
	Fit *f = arg;
	size_t first = shard * f->shard_rows, last = first + f->shard_rows;
	double *g = f->sum + shard * (f->nparameters + 1), *z = f->score + shard * f->K;
	const double *bias = f->x + f->K * f->D;

	(void) worker;
	memset(g, 0, (f->nparameters + 1) * sizeof(double));
	if (last > f->s->n)
		last = f->s->n;
	for (size_t i = first; i < last; i++)
	{
		double w = f->s->weight ? (double) f->s->weight[i] : 1.0;
		const float *x = f->s->x + i * f->D;

		if (w == 0.0)
			continue;
		for (size_t k = 0; k < f->K; k++)
			z[k] = bias[k] + dot(f->x + k * f->D, x, f->D);
		g[f->nparameters] += w * loss_of(z, f, i);
		for (size_t k = 0; k < f->K; k++)
		{
			axpy(g + k * f->D, w * z[k], x, f->D);
			g[f->K * f->D + k] += w * z[k];
		}
	}
}

static BmStatus
objective(double *value, double *gradient, const double *x, void *arg)
{
	Fit *f = arg;
	size_t P = f->nparameters, W = f->K * f->D;
	double l2 = f->options->l2 / f->weights, loss = 0.0, penalty = 0.0;
	BmStatus status;

	f->x = x;
	status = bmc_pool_run(f->pool, shard_task, f, f->nshards, f->stop);
	if (status != BM_OK)
		return status;
	memset(gradient, 0, P * sizeof(double));
	for (size_t s = 0; s < f->nshards; s++)
	{
		const double *g = f->sum + s * (P + 1);

		for (size_t i = 0; i < P; i++)
			gradient[i] += g[i];
		loss += g[P];
	}
	for (size_t i = 0; i < P; i++)
		gradient[i] /= f->weights;
	for (size_t i = 0; i < W; i++)
	{
		gradient[i] += l2 * x[i];
		penalty += x[i] * x[i];
	}
	*value = loss / f->weights + 0.5 * l2 * penalty;
	return isfinite(*value) ? BM_OK : BM_ENOTFINITE;
}

/* ---- fit ---- */

static size_t
outputs(size_t classes)
{
	return classes > 2 ? classes : 1;
}

static size_t
shards(size_t n, size_t *rows)
{
	*rows = n / MAX_SHARDS + 1 > SHARD_ROWS ? n / MAX_SHARDS + 1 : SHARD_ROWS;
	return (n + *rows - 1) / *rows;
}

static size_t
block_bytes(size_t n, size_t D, size_t K)
{
	size_t rows, count = shards(n, &rows), P = bmc_mul(K, D + 1);
	size_t bytes = bmc_take_size(bmc_mul(count, P + 1), sizeof(double));

	bytes = bmc_add(bytes, bmc_take_size(count * K, sizeof(double)));
	bytes = bmc_add(bytes, bmc_take_size(bmc_mul(K, D), sizeof(float)));
	bytes = bmc_add(bytes, bmc_take_size(K, sizeof(float)));
	return bmc_add(bytes, bmc_take_size(D, sizeof(float)));
}

static size_t
fit_bytes(const BmFitSize *size, const void *options)
{
	size_t K = outputs(size->classes);

	(void) options;
	return bmc_add(bmc_add(block_bytes(size->nsamples, size->width, K),
						   bmc_lbfgs_bytes(bmc_mul(K, size->width + 1))),
				   sizeof(Fit));
}

/* Mean of every feature by the samples' weights, and the mean and spread of a numeric target. */
static void
describe(Fit *f)
{
	const BmSamples *s = f->s;
	double *mean = f->sum, y = 0.0, y2 = 0.0; /* sum is free until the first evaluation */

	memset(mean, 0, f->D * sizeof(double));
	for (size_t i = 0; i < s->n; i++)
	{
		double w = s->weight ? (double) s->weight[i] : 1.0;

		axpy(mean, w, s->x + i * f->D, f->D);
		y += w * (double) s->y[i];
		f->weights += w;
	}
	for (size_t j = 0; j < f->D; j++)
		f->mean[j] = (float) (mean[j] / f->weights);
	f->center = y / f->weights;
	for (size_t i = 0; i < s->n; i++)
	{
		double d = (double) s->y[i] - f->center;

		y2 += (s->weight ? (double) s->weight[i] : 1.0) * d * d;
	}
	f->scale_by = y2 > 0.0 ? 1.0 / sqrt(y2 / f->weights) : 1.0;
}

static BmStatus
refuse(BmFit *fit, const char *what)
{
	snprintf(fit->error, sizeof(fit->error), "%s", what);
	return BM_EINVAL;
}

static BmStatus
fit_begin(BmFit *fit)
{
	const BmSamples *s = fit->samples;
	size_t D = s->width, K = outputs(s->classes), bytes;
	BmArena arena;
	Fit *f;

	if (s->ncodes > 0)
		return refuse(fit, "It takes numbers: give no column the encoding \"embed\".");
	if (s->steps > 1)
		return refuse(fit, "It takes single rows, no windows of several.");
	if (s->n == 0 || bmc_mul(K, D + 1) > MAX_WIDE * 16)
		return refuse(fit, "There are no rows, or more weights than 1048576.");
	f = fit->state = bmc_alloc0(fit->mem, 1, sizeof(Fit));
	if (f == NULL)
		return BM_ENOMEM;
	*f = (Fit){
		.s = s, .options = fit->options, .pool = fit->pool, .stop = fit->stop, .D = D, .K = K};
	f->nparameters = K * (D + 1);
	f->nshards = shards(s->n, &f->shard_rows);
	f->classes = (int32_t) s->classes;
	bytes = block_bytes(s->n, D, K);
	f->block = bmc_alloc(fit->mem, bytes, 1);
	if (f->block == NULL)
		return BM_ENOMEM;
	arena = (BmArena){f->block, bytes, 0};
	f->sum = bmc_take(&arena, f->nshards * (f->nparameters + 1), sizeof(double));
	f->score = bmc_take(&arena, f->nshards * K, sizeof(double));
	f->weight = bmc_take(&arena, K * D, sizeof(float));
	f->bias = bmc_take(&arena, K, sizeof(float));
	f->mean = bmc_take(&arena, D, sizeof(float));
	describe(f);
	if (!(f->weights > 0.0))
		return refuse(fit, "All rows have the weight 0.");
	fit->epochs = 1;
	fit->total = (size_t) f->options->max_iterations;
	return bmc_lbfgs_begin(&f->search, f->nparameters, objective, f, f->options->tolerance,
						   fit->mem);
}

static BmStatus
fit_step(BmFit *fit)
{
	Fit *f = fit->state;
	BmStatus status = bmc_lbfgs_step(&f->search);

	if (status != BM_OK && status != BM_MORE)
		return status;
	fit->done = (size_t) f->search.iterations;
	fit->loss = f->search.value;
	if (status == BM_MORE && f->search.iterations < f->options->max_iterations)
		return BM_MORE;
	fit->epoch = 1;
	return BM_OK;
}

static BmStatus
fit_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	Fit *f = fit->state;
	size_t wide[2] = {f->K, f->D}, one = 1;
	double scale = f->classes == 0 ? 1.0 / f->scale_by : 1.0;

	for (size_t i = 0; i < f->K * f->D; i++)
		f->weight[i] = (float) (scale * f->search.x[i]);
	for (size_t k = 0; k < f->K; k++)
		f->bias[k] =
			(float) (scale * f->search.x[f->K * f->D + k] + (f->classes == 0 ? f->center : 0.0));
	return bmc_tensors_add(out, prefix, "weight", BM_F32, f->weight, 2, wide) &&
				   bmc_tensors_add(out, prefix, "bias", BM_F32, f->bias, 1, &f->K) &&
				   bmc_tensors_add(out, prefix, "mean", BM_F32, f->mean, 1, &f->D) &&
				   bmc_tensors_add(out, prefix, "classes", BM_I32, &f->classes, 1, &one)
			   ? BM_OK
			   : BM_ELIMIT;
}

static void
fit_end(BmFit *fit)
{
	Fit *f = fit->state;

	if (f == NULL)
		return;
	bmc_lbfgs_end(&f->search, fit->mem);
	bmc_free(fit->mem, f->block);
	bmc_free(fit->mem, f);
	fit->state = NULL;
}

/* ---- answer ---- */

typedef struct Bound
{
	size_t D, K, classes;
	const float *weight, *bias, *mean;
} Bound;

static const char *
bind(void *bound, const BmTensors *t, const char *prefix)
{
	Bound *b = bound;
	size_t any[2] = {0, 0}, one = 1, D, K;
	const BmTensor *weight = bmc_tensors_find(t, prefix, "weight", BM_F32, 2, any);
	const BmTensor *classes = bmc_tensors_find(t, prefix, "classes", BM_I32, 1, &one), *bias, *mean;
	int32_t C;

	if (weight == NULL || classes == NULL)
		return "tensor \"weight\" or \"classes\" is missing or has another shape";
	K = weight->shape[0];
	D = weight->shape[1];
	C = *(const int32_t *) classes->data;
	bias = bmc_tensors_find(t, prefix, "bias", BM_F32, 1, &K);
	mean = bmc_tensors_find(t, prefix, "mean", BM_F32, 1, &D);
	if (bias == NULL || mean == NULL || C < 0 || C == 1 || outputs((size_t) C) != K)
		return "tensor \"bias\" or \"mean\" is missing or has another shape";
	*b = (Bound){D, K, (size_t) C, weight->data, bias->data, mean->data};
	return NULL;
}

static void
shape(const void *bound, size_t *width, size_t *ncodes, size_t *classes)
{
	const Bound *b = bound;

	*width = b->D;
	*ncodes = 0;
	*classes = b->classes;
}

static size_t
predict_bytes(const void *bound, size_t B)
{
	(void) bound;
	(void) B;
	return 64;
}

static void
predict(float *out, const void *bound, const BmSamples *s, size_t first, size_t count,
		void *scratch, bool fast_blas)
{
	const Bound *b = bound;

	(void) scratch;
	(void) fast_blas;
	for (size_t i = 0; i < count; i++, out += bmc_outputs(b->classes))
	{
		const float *x = s->x + (first + i) * b->D;

		for (size_t k = 0; k < b->K; k++)
			out[k] = b->bias[k] + bmc_dot(b->weight + k * b->D, x, b->D);
		bmc_link(out, b->classes);
	}
}

/* Part of feature j: its weight times its distance from the mean; of several classes, against their mean. */
static void
explain(float *share, const void *bound, const BmSamples *s, size_t i, size_t target, void *scratch)
{
	const Bound *b = bound;
	const float *x = s->x + i * b->D;

	(void) scratch;
	for (size_t j = 0; j < b->D; j++)
	{
		double w = (double) b->weight[(b->classes > 2 ? target : 0) * b->D + j], mean = 0.0;

		for (size_t k = 0; k < b->K && b->classes > 2; k++)
			mean += (double) b->weight[k * b->D + j] / (double) b->K;
		if (b->classes == 2 && target == 0)
			w = -w;
		share[j] = (float) ((w - mean) * ((double) x[j] - (double) b->mean[j]));
	}
}

const BmPredictor bmc_logistic = {
	.name = "logistic",
	.options_size = sizeof(BmLinearOptions),
	.bound_size = sizeof(Bound),
	.fit_bytes = fit_bytes,
	.fit_begin = fit_begin,
	.fit_step = fit_step,
	.fit_tensors = fit_tensors,
	.fit_end = fit_end,
	.bind = bind,
	.shape = shape,
	.predict_bytes = predict_bytes,
	.predict = predict,
	.explain = explain,
};

const BmPredictor bmc_linear = {
	.name = "linear",
	.options_size = sizeof(BmLinearOptions),
	.bound_size = sizeof(Bound),
	.fit_bytes = fit_bytes,
	.fit_begin = fit_begin,
	.fit_step = fit_step,
	.fit_tensors = fit_tensors,
	.fit_end = fit_end,
	.bind = bind,
	.shape = shape,
	.predict_bytes = predict_bytes,
	.predict = predict,
	.explain = explain,
};
