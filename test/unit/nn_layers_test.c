/*
 * nn_layers_test.c
 *		Every layer of core/nn against a naive twin and against numeric gradients.
 */
#include "nn_check.h"

#include "core/nn/activation.h"
#include "core/nn/attention.h"
#include "core/nn/embed.h"
#include "core/nn/norm.h"

#define GRADIENT_BOUND 2e-3 /* central differences in float32 with h = 0.01 */

/* ---- layer norm ---- */

typedef struct Norm
{
	size_t T, D;
	float *x, *gb, *y, *c;
} Norm;

static double
norm_loss(void *arg)
{
	Norm *n = arg;

	bmc_norm_forward(n->y, NULL, NULL, n->x, n->gb, n->T, n->D);
	return dot(n->y, n->c, n->T * n->D);
}

static void
naive_norm(float *y, const float *x, const float *gb, size_t T, size_t D)
{
	for (size_t t = 0; t < T; t++)
	{
		double mean = 0.0, var = 0.0;

		for (size_t d = 0; d < D; d++)
			mean += x[t * D + d] / (double) D;
		for (size_t d = 0; d < D; d++)
			var += (x[t * D + d] - mean) * (x[t * D + d] - mean) / (double) D;
		for (size_t d = 0; d < D; d++)
			y[t * D + d] = (float) ((x[t * D + d] - mean) / sqrt(var + 1e-5) * gb[d] + gb[D + d]);
	}
}

static void
test_norm(size_t T, size_t D)
{
	Norm n = {T,
			  D,
			  random_floats(T * D, 1.0f, 1),
			  random_floats(2 * D, 1.0f, 2),
			  zeros(T * D),
			  random_floats(T * D, 1.0f, 3)};
	float *naive = zeros(T * D), *mean = zeros(T), *rstd = zeros(T), *dx = zeros(T * D);
	float *dgb = zeros(2 * D);

	bmc_norm_forward(n.y, mean, rstd, n.x, n.gb, T, D);
	naive_norm(naive, n.x, n.gb, T, D);
	CHECK(worst(n.y, naive, T * D) < 1e-5);
	bmc_norm_backward(dx, dgb, n.c, n.x, n.gb, mean, rstd, T, D);
	CHECK(gradient_error(norm_loss, &n, n.x, dx, T * D, 60) < GRADIENT_BOUND);
	CHECK(gradient_error(norm_loss, &n, n.gb, dgb, 2 * D, 40) < GRADIENT_BOUND);
	free(n.x), free(n.gb), free(n.y), free(n.c), free(naive);
	free(mean), free(rstd), free(dx), free(dgb);
}

/* ---- linear ---- */

typedef struct Linear
{
	size_t T, I, O;
	float *x, *W, *b, *y, *c;
} Linear;

static double
linear_loss(void *arg)
{
	Linear *l = arg;

	bmc_linear_forward(l->y, l->O, l->x, l->W, l->O, l->b, l->T, l->I, l->O, bmc_gemm_builtin);
	return dot(l->y, l->c, l->T * l->O);
}

static void
test_linear(size_t T, size_t I, size_t O)
{
	Linear l = {T,
				I,
				O,
				random_floats(T * I, 1.0f, 1),
				random_floats(I * O, 0.3f, 2),
				random_floats(O, 1.0f, 3),
				zeros(T * O),
				random_floats(T * O, 1.0f, 4)};
	float *dx = zeros(T * I), *dW = zeros(I * O), *db = zeros(O);
	double most = 0.0;

	linear_loss(&l);
	for (size_t t = 0; t < T; t++)
		for (size_t o = 0; o < O; o++)
		{
			double sum = l.b[o];

			for (size_t i = 0; i < I; i++)
				sum += (double) l.x[t * I + i] * l.W[i * O + o];
			most = fmax(most, fabs(sum - l.y[t * O + o]));
		}
	CHECK(most < 1e-4);
	bmc_linear_backward(dx, dW, db, l.c, l.x, l.W, T, I, O, bmc_gemm_builtin);
	CHECK(gradient_error(linear_loss, &l, l.x, dx, T * I, 50) < GRADIENT_BOUND);
	CHECK(gradient_error(linear_loss, &l, l.W, dW, I * O, 50) < GRADIENT_BOUND);
	CHECK(gradient_error(linear_loss, &l, l.b, db, O, 50) < GRADIENT_BOUND);
	free(l.x), free(l.W), free(l.b), free(l.y), free(l.c), free(dx), free(dW), free(db);
}

/* ---- ReLU, dropout, residual ---- */

static void
test_dropout(void)
{
	enum
	{
		n = 100003
	};
	float *ones = zeros(n), *x = zeros(n), *other = zeros(n);
	BmDropout drop = {0.3f, 11, 5}, next = {0.3f, 11, 6}, none = {0.0f, 11, 5};
	double sum = 0.0, same = 0.0;
	size_t zero = 0;

	for (size_t i = 0; i < n; i++)
		ones[i] = 1.0f;
	memcpy(x, ones, n * sizeof(float));
	memcpy(other, ones, n * sizeof(float));
	bmc_dropout(x, n, drop);
	bmc_dropout(other, n, next);
	for (size_t i = 0; i < n; i++)
	{
		sum += x[i];
		zero += x[i] == 0.0f;
		same += (x[i] == 0.0f) == (other[i] == 0.0f);
	}
	CHECK(fabs((double) zero / n - 0.3) < 0.006);
	CHECK(fabs(sum / n - 1.0) < 0.01); /* the expectation is kept */
	for (size_t i = 0; i < n; i++)
		if (x[i] != 0.0f && fabs((double) x[i] - 1.0 / 0.7) > 1e-4) /* by 1 / (1 - p), every one */
			UNIT_FAIL("a kept value of 1 became %g", (double) x[i]);
	CHECK(fabs(same / n - 0.58) < 0.01); /* streams are independent: .3^2 + .7^2 */
	memcpy(other, ones, n * sizeof(float));
	bmc_dropout(other, n, drop);
	CHECK(memcmp(x, other, n * sizeof(float)) == 0); /* the backward pass draws the same mask */
	bmc_dropout(other, 700, none);
	CHECK(memcmp(x, other, n * sizeof(float)) == 0);
	free(ones), free(x), free(other);
}

static void
test_relu(void)
{
	enum
	{
		n = 2000
	};
	BmDropout drop = {0.25f, 3, 9};
	float *x = random_floats(n, 1.0f, 1), *y = zeros(n), *mask = zeros(n), *dy = zeros(n);
	bool same = true;

	for (size_t i = 0; i < n; i++)
		mask[i] = dy[i] = 1.0f;
	memcpy(y, x, n * sizeof(float));
	bmc_relu_forward(y, n, drop);
	bmc_relu_backward(dy, y, n, drop.p);
	bmc_dropout(mask, n, drop);
	for (size_t i = 0; i < n; i++)
		same = same && fabsf(dy[i] - (x[i] > 0.0f ? mask[i] : 0.0f)) < 1e-6f &&
			   fabsf(y[i] - (x[i] > 0.0f ? x[i] * mask[i] : 0.0f)) < 1e-5f;
	CHECK(same);
	memcpy(y, x, n * sizeof(float));
	bmc_residual(dy, y, n, drop);
	CHECK(fabsf(y[0] - x[0] * mask[0]) < 1e-6f);
	free(x), free(y), free(mask), free(dy);
}

/* ---- embedding ---- */

typedef struct Embed
{
	size_t D;
	BmRagged r;
	float *E, *P, *x, *c;
} Embed;

static double
embed_loss(void *arg)
{
	Embed *e = arg;

	bmc_embed_forward(e->x, &e->r, e->E, e->P, 3.0f, e->D);
	return dot(e->x, e->c, bmc_ragged_tokens(&e->r) * e->D);
}

static void
test_embed(void)
{
	enum
	{
		N = 5,
		L = 4,
		D = 6,
		T = 6
	};
	uint32_t start[] = {2, 6, 8}, item[] = {9, 9, 1, 4, 1, 0, 2, 4}, slot[] = {0, 1, 2, 0, 3};
	Embed e = {D,
			   {2, start, item},
			   random_floats(N * D, 1.0f, 1),
			   random_floats(L * D, 1.0f, 2),
			   zeros(T * D),
			   random_floats(T * D, 1.0f, 3)};
	float *dE = zeros(N * D), *dP = zeros(L * D), *sparse = zeros(4 * D), *dP2 = zeros(L * D);

	embed_loss(&e);
	CHECK(fabsf(e.x[0] - (3.0f * e.E[1 * D] + e.P[3 * D])) < 1e-6f); /* oldest of four events */
	CHECK(fabsf(e.x[5 * D] - (3.0f * e.E[4 * D] + e.P[0])) < 1e-6f); /* newest of two */
	bmc_embed_backward(dE, dP, e.c, &e.r, NULL, 3.0f, D);
	CHECK(gradient_error(embed_loss, &e, e.E, dE, N * D, 100) < GRADIENT_BOUND);
	CHECK(gradient_error(embed_loss, &e, e.P, dP, L * D, 100) < GRADIENT_BOUND);
	bmc_embed_backward(sparse, dP2, e.c, &e.r, slot, 3.0f, D);
	CHECK(worst(sparse + 3 * D, dE + 4 * D, D) == 0.0); /* item 4 has row 3 */
	CHECK(worst(sparse, dE, 3 * D) == 0.0);
	free(e.E), free(e.P), free(e.x), free(e.c), free(dE), free(dP), free(sparse), free(dP2);
}

/* ---- attention ---- */

typedef struct Attention
{
	size_t D, H;
	BmRagged r;
	float *qkv, *o, *lse, *c, *scratch;
} Attention;

static double
attention_loss(void *arg)
{
	Attention *a = arg;

	bmc_attention_forward(a->o, a->lse, a->qkv, &a->r, a->D, a->H, a->scratch, bmc_gemm_builtin);
	return dot(a->o, a->c, bmc_ragged_tokens(&a->r) * a->D);
}

static void
naive_attention(float *o, const float *qkv, const BmRagged *r, size_t D, size_t H)
{
	size_t dh = D / H, base = r->start[0];

	for (size_t s = 0; s < r->S; s++)
		for (size_t h = 0; h < H; h++)
			for (size_t i = r->start[s] - base; i < r->start[s + 1] - base; i++)
			{
				double p[512], sum = 0.0;
				size_t first = r->start[s] - base;

				for (size_t j = first; j <= i; j++)
				{
					double score = dot(qkv + i * 3 * D + h * dh, qkv + j * 3 * D + D + h * dh, dh);

					sum += p[j - first] = exp(score / sqrt((double) dh));
				}
				for (size_t d = 0; d < dh; d++)
				{
					double y = 0.0;

					for (size_t j = first; j <= i; j++)
						y += p[j - first] / sum * qkv[j * 3 * D + 2 * D + h * dh + d];
					o[i * D + h * dh + d] = (float) y;
				}
			}
}

/* The newest tokens' rows agree with the short path of serving. */
static void
check_last(const Attention *a, const float *naive, size_t T)
{
	size_t D = a->D, S = a->r.S;
	float *q = zeros(S * D), *kv = zeros(T * 2 * D), *last = zeros(S * D);
	double most = 0.0;

	for (size_t t = 0; t < T; t++)
		memcpy(kv + t * 2 * D, a->qkv + t * 3 * D + D, 2 * D * sizeof(float));
	for (size_t s = 0; s < S; s++)
		memcpy(q + s * D, a->qkv + (a->r.start[s + 1] - 1 - a->r.start[0]) * 3 * D,
			   D * sizeof(float));
	bmc_attention_last(last, NULL, q, kv, &a->r, D, a->H, a->scratch);
	for (size_t s = 0; s < S; s++)
		most =
			fmax(most, worst(last + s * D, naive + (a->r.start[s + 1] - 1 - a->r.start[0]) * D, D));
	CHECK(most < 1e-5);
	free(q), free(kv), free(last);
}

static void
test_attention(size_t D, size_t H)
{
	uint32_t start[] = {3, 4, 9, 9 + 130};
	size_t T = 136;
	Attention a = {D,
				   H,
				   {3, start, NULL},
				   random_floats(T * 3 * D, 0.7f, 1),
				   zeros(T * D),
				   zeros(T * H),
				   random_floats(T * D, 1.0f, 2),
				   zeros(bmc_attention_scratch(130))};
	float *naive = zeros(T * D), *dqkv = zeros(T * 3 * D);

	attention_loss(&a);
	naive_attention(naive, a.qkv, &a.r, D, H);
	CHECK(worst(a.o, naive, T * D) < 1e-5);
	bmc_attention_backward(dqkv, a.c, a.qkv, a.o, a.lse, &a.r, D, H, a.scratch, bmc_gemm_builtin);
	CHECK(gradient_error(attention_loss, &a, a.qkv, dqkv, T * 3 * D, 300) < GRADIENT_BOUND);
	check_last(&a, naive, T);
	free(a.qkv), free(a.o), free(a.lse), free(a.c), free(a.scratch), free(naive), free(dqkv);
}

int
main(void)
{
	CASE("layer norm: naive twin, gradients; width below, at and beyond sixteen lanes");
	test_norm(5, 16);
	test_norm(3, 70);
	test_norm(4, 3);
	CASE("linear: naive twin, gradients");
	test_linear(7, 5, 9);
	test_linear(40, 32, 48);
	CASE("dropout: rate, expectation, independent streams, the same mask again");
	test_dropout();
	CASE("ReLU with dropout: values and slope; residual");
	test_relu();
	CASE("embedding: positions from the end, gradients dense and by slot");
	test_embed();
	CASE("causal ragged attention: naive twin, gradients, the last token's short path");
	test_attention(8, 1);
	test_attention(12, 3);
	test_attention(64, 2);
	return unit_done();
}
