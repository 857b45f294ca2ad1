/*
 * nn_recurrent_test.c
 *		The layers over packed sequences of core/nn, GRU, LSTM and convolution over time, against naive
 *		twins in double and against numeric gradients.
 */
#include "nn_check.h"

#include "core/nn/conv1d.h"
#include "core/nn/gru.h"
#include "core/nn/lstm.h"

#define GRADIENT_BOUND 2e-3 /* central differences in float32 with h = 0.01 */

/* Lengths 3, 0, 7, 1, 7, 2: an empty one, ties, the longest in the middle; the first token is 5. */
static const uint32_t start[] = {5, 8, 8, 15, 16, 23, 25};

enum
{
	S = 6,
	T = 20
};

static const BmRagged ragged = {S, start, NULL};

/* ---- the order of steps ---- */

static void
test_steps(void)
{
	static const uint32_t first[] = {0, 5, 9, 12, 14, 16, 18, 20};
	static const uint32_t token[] = {3, 11, 0, 18, 10, 4, 12, 1, 19, 5, 13, 2};
	char memory[2048] __attribute__((aligned(64)));
	BmSteps s = bmc_steps(&ragged, memory);
	float *x = random_floats(T * 3, 1.0f, 1), *rows = zeros(T * 3), *back = zeros(T * 3);

	CHECK(bmc_steps_size(T) <= sizeof(memory));
	CHECK_INT(s.T, T);
	CHECK_INT(s.n, 7);
	CHECK(memcmp(s.first, first, sizeof(first)) == 0);
	CHECK(memcmp(s.token, token, sizeof(token)) == 0);
	bmc_steps_gather(rows, x, &s, 3);
	CHECK(memcmp(rows + 6, x, 3 * sizeof(float)) == 0); /* row 2 is token 0 */
	bmc_steps_scatter(back, rows, &s, 3);
	CHECK(memcmp(back, x, T * 3 * sizeof(float)) == 0);
	free(x), free(rows), free(back);
}

/* ---- recurrent layers ---- */

typedef void (*Forward)(float *, float *, const float *, const BmRecurrent *, const BmSteps *,
						size_t, size_t, BmGemm);
typedef void (*Backward)(float *, const BmRecurrent *, float *, const float *, float *,
						 const float *, const BmRecurrent *, const BmSteps *, size_t, size_t,
						 float *, BmGemm);
typedef size_t (*Keep)(size_t, size_t);

typedef struct Layer
{
	size_t I, H, G;
	Forward forward;
	BmSteps steps;
	BmRecurrent w;
	float *x, *h, *c, *keep;
} Layer;

static double
sigmoid(double x)
{
	return 1.0 / (1.0 + exp(-x));
}

/* The projection of gate column j: x W + b, or h U + c. */
static double
project(const double *x, const float *W, const float *b, size_t j, size_t I, size_t width)
{
	double sum = b[j];

	for (size_t i = 0; i < I; i++)
		sum += x[i] * W[i * width + j];
	return sum;
}

static void
naive_step(double *h, double *cell, const double *x, const Layer *l)
{
	size_t H = l->H, I = l->I, W = l->G * H;
	double last[64], a[4], b[4];

	memcpy(last, h, H * sizeof(double));
	for (size_t i = 0; i < H; i++)
	{
		for (size_t g = 0; g < l->G; g++)
		{
			a[g] = project(x, l->w.W, l->w.b, g * H + i, I, W);
			b[g] = project(last, l->w.U, l->w.c, g * H + i, H, W);
		}
		if (l->G == BM_GRU_GATES)
		{
			double r = sigmoid(a[0] + b[0]), z = sigmoid(a[1] + b[1]), n = tanh(a[2] + r * b[2]);

			h[i] = (1.0 - z) * n + z * last[i];
		}
		else
		{
			cell[i] = sigmoid(a[1] + b[1]) * cell[i] + sigmoid(a[0] + b[0]) * tanh(a[2] + b[2]);
			h[i] = sigmoid(a[3] + b[3]) * tanh(cell[i]);
		}
	}
}

/* The largest error of the states h (rows in the steps' order). */
static double
naive_error(const Layer *l)
{
	float *want = zeros(T * l->H), *rows = zeros(T * l->H), *x = zeros(T * l->I);
	double most;

	bmc_steps_scatter(x, l->x, &l->steps, l->I);
	for (size_t s = 0; s < S; s++)
	{
		double h[64] = {0}, cell[64] = {0}, in[64];

		for (size_t t = start[s] - start[0]; t < start[s + 1] - start[0]; t++)
		{
			for (size_t i = 0; i < l->I; i++)
				in[i] = x[t * l->I + i];
			naive_step(h, cell, in, l);
			for (size_t i = 0; i < l->H; i++)
				want[t * l->H + i] = (float) h[i];
		}
	}
	bmc_steps_gather(rows, want, &l->steps, l->H);
	most = worst(l->h, rows, T * l->H);
	free(want), free(rows), free(x);
	return most;
}

static double
layer_loss(void *arg)
{
	Layer *l = arg;

	l->forward(l->h, l->keep, l->x, &l->w, &l->steps, l->I, l->H, bmc_gemm_builtin);
	return dot(l->h, l->c, T * l->H);
}

static void
test_recurrent(Forward forward, Backward backward, Keep keep, size_t I, size_t H, size_t G)
{
	size_t W = G * H;
	void *memory = aligned_alloc(64, bmc_steps_size(T));
	BmRecurrent w = {random_floats(I * W, 0.5f, 1), random_floats(W, 0.5f, 2),
					 random_floats(H * W, 0.5f, 3), random_floats(W, 0.5f, 4)};
	BmRecurrent dw = {zeros(I * W), zeros(W), zeros(H * W), zeros(W)};
	Layer l = {I,
			   H,
			   G,
			   forward,
			   bmc_steps(&ragged, memory),
			   w,
			   random_floats(T * I, 1.0f, 5),
			   zeros(T * H),
			   random_floats(T * H, 1.0f, 6),
			   zeros(keep(T, H))};
	float *dx = zeros(T * I), *dh = zeros(T * H), *again = zeros(T * I);
	float *scratch = zeros(bmc_recurrent_scratch(T, H, G));

	layer_loss(&l);
	CHECK(naive_error(&l) < 1e-5);
	memcpy(dh, l.c, T * H * sizeof(float));
	backward(dx, &dw, dh, l.h, l.keep, l.x, &w, &l.steps, I, H, scratch, bmc_gemm_builtin);
	CHECK(gradient_error(layer_loss, &l, l.x, dx, T * I, 80) < GRADIENT_BOUND);
	CHECK(gradient_error(layer_loss, &l, w.W, dw.W, I * W, 80) < GRADIENT_BOUND);
	CHECK(gradient_error(layer_loss, &l, w.b, dw.b, W, 80) < GRADIENT_BOUND);
	CHECK(gradient_error(layer_loss, &l, w.U, dw.U, H * W, 80) < GRADIENT_BOUND);
	CHECK(gradient_error(layer_loss, &l, w.c, dw.c, W, 80) < GRADIENT_BOUND);
	layer_loss(&l);
	memcpy(dh, l.c, T * H * sizeof(float));
	backward(again, NULL, dh, l.h, l.keep, l.x, &w, &l.steps, I, H, scratch, bmc_gemm_builtin);
	CHECK(memcmp(again, dx, T * I * sizeof(float)) == 0); /* the same without the weights' part */
	free(w.W), free(w.b), free(w.U), free(w.c), free(dw.W), free(dw.b), free(dw.U), free(dw.c);
	free(l.x), free(l.h), free(l.c), free(l.keep), free(dx), free(dh), free(again), free(scratch);
	free(memory);
}

/* Gates far beyond the range of expf: saturated, finite, gradients 0. */
static void
test_saturated(void)
{
	enum
	{
		H = 5,
		W = 3 * H
	};
	void *memory = aligned_alloc(64, bmc_steps_size(T));
	BmSteps s = bmc_steps(&ragged, memory);
	BmRecurrent w = {random_floats(H * W, 1e4f, 1), zeros(W), random_floats(H * W, 1e4f, 2),
					 zeros(W)};
	float *x = random_floats(T * H, 1.0f, 3), *h = zeros(T * H),
		  *dh = random_floats(T * H, 1.0f, 4);
	float *keep = zeros(bmc_gru_keep(T, H)), *dx = zeros(T * H);
	float *scratch = zeros(bmc_recurrent_scratch(T, H, 3));
	bool finite = true;

	bmc_gru_forward(h, keep, x, &w, &s, H, H, bmc_gemm_builtin);
	bmc_gru_backward(dx, NULL, dh, h, keep, x, &w, &s, H, H, scratch, bmc_gemm_builtin);
	for (size_t i = 0; i < T * H; i++)
		finite = finite && fabsf(h[i]) <= 1.0f && isfinite(dx[i]);
	CHECK(finite);
	free(w.W), free(w.b), free(w.U), free(w.c), free(x), free(h), free(dh), free(keep), free(dx);
	free(scratch), free(memory);
}

/* ---- convolution ---- */

typedef struct Conv
{
	BmConv1d c;
	size_t I, O, Q;
	float *x, *W, *b, *y, *col, *dy;
} Conv;

static double
conv_loss(void *arg)
{
	Conv *v = arg;

	bmc_conv1d_forward(v->y, v->col, v->x, v->W, v->b, &v->c, &ragged, v->I, v->O,
					   bmc_gemm_builtin);
	return dot(v->y, v->dy, v->Q * v->O);
}

static double
naive_conv_error(const Conv *v, const uint32_t *out)
{
	double most = 0.0;

	for (size_t s = 0; s < S; s++)
		for (size_t p = 0; p < out[s + 1] - out[s]; p++)
			for (size_t o = 0; o < v->O; o++)
			{
				long n = (long) (start[s + 1] - start[s]);
				double sum = v->b[o];

				for (size_t j = 0; j < v->c.kernel; j++)
				{
					long at = (long) (p * v->c.stride + j * v->c.dilation) - (long) v->c.left;
					const float *x = v->x + ((long) (start[s] - start[0]) + at) * (long) v->I;

					for (size_t i = 0; at >= 0 && at < n && i < v->I; i++)
						sum += (double) x[i] * v->W[(j * v->I + i) * v->O + o];
				}
				most = fmax(most, fabs(sum - v->y[(out[s] + p) * v->O + o]));
			}
	return most;
}

static void
test_conv(BmConv1d c, size_t I, size_t O, const uint32_t *lengths)
{
	size_t K = c.kernel * I;
	uint32_t out[S + 1];
	Conv v = {.c = c, .I = I, .O = O};
	float *dx = zeros(T * I), *dW = zeros(K * O), *db = zeros(O);

	bmc_conv1d_starts(out, &c, &ragged);
	for (size_t s = 0; s < S; s++)
		CHECK_INT(out[s + 1] - out[s], lengths[s]);
	v.Q = out[S];
	v.x = random_floats(T * I, 1.0f, 1);
	v.W = random_floats(K * O, 0.3f, 2);
	v.b = random_floats(O, 1.0f, 3);
	v.y = zeros(v.Q * O);
	v.col = zeros(v.Q * K);
	v.dy = random_floats(v.Q * O, 1.0f, 4);
	conv_loss(&v);
	CHECK(naive_conv_error(&v, out) < 1e-4);
	bmc_conv1d_backward(dx, dW, db, v.dy, v.col, v.W, &c, &ragged, I, O, bmc_gemm_builtin);
	CHECK(gradient_error(conv_loss, &v, v.x, dx, T * I, 100) < GRADIENT_BOUND);
	CHECK(gradient_error(conv_loss, &v, v.W, dW, K * O, 100) < GRADIENT_BOUND);
	CHECK(gradient_error(conv_loss, &v, v.b, db, O, 100) < GRADIENT_BOUND);
	free(v.x), free(v.W), free(v.b), free(v.y), free(v.col), free(v.dy), free(dx), free(dW);
	free(db);
}

int
main(void)
{
	CASE("steps: longest first, empty sequences, there and back");
	test_steps();
	CASE("GRU: naive twin, gradients, without the weights' part; saturated gates stay finite");
	test_recurrent(bmc_gru_forward, bmc_gru_backward, bmc_gru_keep, 4, 5, BM_GRU_GATES);
	test_recurrent(bmc_gru_forward, bmc_gru_backward, bmc_gru_keep, 7, 33, BM_GRU_GATES);
	test_saturated();
	CASE("LSTM: naive twin, gradients, without the weights' part");
	test_recurrent(bmc_lstm_forward, bmc_lstm_backward, bmc_lstm_keep, 4, 5, BM_LSTM_GATES);
	test_recurrent(bmc_lstm_forward, bmc_lstm_backward, bmc_lstm_keep, 7, 33, BM_LSTM_GATES);
	CASE("convolution over time: causal and dilated, strided, padded on both sides, none at all");
	test_conv(bmc_conv1d_causal(3, 1), 4, 5, (uint32_t[]){3, 0, 7, 1, 7, 2});
	test_conv(bmc_conv1d_causal(3, 2), 3, 17, (uint32_t[]){3, 0, 7, 1, 7, 2});
	test_conv((BmConv1d){3, 2, 1, 1, 1}, 4, 5, (uint32_t[]){2, 0, 4, 1, 4, 1});
	test_conv((BmConv1d){2, 1, 3, 0, 0}, 4, 5, (uint32_t[]){0, 0, 4, 0, 4, 0});
	return unit_done();
}
