/*
 * nn_net_test.c
 *		The losses and the whole network of core/nn against naive twins and numeric gradients; Adam.
 */
#include "nn_check.h"
#include "nn_naive.h"

#include "core/nn/adam.h"
#include "core/nn/softmax.h"

#define LOSS_BOUND 2e-3 /* central differences in float32 */

/* ---- losses ---- */

typedef struct Loss
{
	size_t T, N, D;
	float *H, *E, *dH, *dE, *weight, *scratch;
	uint32_t *target;
	BmNegatives *neg; /* NULL: all items */
	float bpreg;      /* of BPR-max; below 0: softmax */
} Loss;

static Loss
make_loss(size_t T, size_t N, size_t D)
{
	Loss l = {T,
			  N,
			  D,
			  random_floats(T * D, 1.0f, 1),
			  random_floats(N * D, 0.6f, 2),
			  zeros(T * D),
			  zeros(N * D),
			  zeros(T),
			  NULL,
			  malloc(T * sizeof(uint32_t)),
			  NULL,
			  -1.0f};
	BmRng rng = bmc_rng(3, 3);

	for (size_t t = 0; t < T; t++)
	{
		l.target[t] = bmc_rng_below(&rng, (uint32_t) N);
		l.weight[t] = t % 5 == 4 ? 0.0f : 0.1f + bmc_rng_float(&rng); /* some without weight */
	}
	return l;
}

static void
free_loss(Loss *l)
{
	free(l->H), free(l->E), free(l->dH), free(l->dE), free(l->weight), free(l->scratch);
	free(l->target);
}

static double
run_loss(void *arg)
{
	Loss *l = arg;

	memset(l->dE, 0, l->N * l->D * sizeof(float));
	if (l->neg == NULL)
		return bmc_softmax_loss(l->dH, l->dE, l->H, l->E, l->target, l->weight, l->T, l->N, l->D,
								l->scratch, bmc_gemm_builtin);
	for (size_t k = 0; k < l->neg->K; k++)
		memcpy((float *) l->neg->E + k * l->D, l->E + l->neg->item[k] * l->D, l->D * sizeof(float));
	if (l->bpreg >= 0.0f)
		return bmc_bpr_max_loss(l->dH, l->dE, l->H, l->E, l->neg, l->target, l->weight, l->T, l->D,
								l->bpreg, l->scratch, bmc_gemm_builtin);
	return bmc_sampled_loss(l->dH, l->dE, l->H, l->E, l->neg, l->target, l->weight, l->T, l->D,
							l->scratch, bmc_gemm_builtin);
}

/*
 * The loss and its gradients in double. candidate says how often item i competes: exp(shift) for a
 * negative, 1 for all items; the target always does, once.
 */
static double
naive_loss(double *dH, double *dE, const Loss *l)
{
	size_t N = l->N, D = l->D;
	double *p = malloc(N * sizeof(double)), *often = calloc(N, sizeof(double)), loss = 0.0;

	for (size_t k = 0; l->neg && k < l->neg->K; k++)
		often[l->neg->item[k]] = exp((double) l->neg->shift[k]);
	for (size_t t = 0; t < l->T; t++)
	{
		double sum = 0.0;

		for (size_t i = 0; i < N; i++)
		{
			double count = l->neg == NULL || i == l->target[t] ? 1.0 : often[i];

			sum += p[i] = count * exp(dot(l->H + t * D, l->E + i * D, D));
		}
		loss -= l->weight[t] * log(p[l->target[t]] / sum);
		for (size_t i = 0; i < N; i++)
		{
			double g = l->weight[t] * (p[i] / sum - (i == l->target[t] ? 1.0 : 0.0));

			for (size_t d = 0; d < D; d++)
			{
				dH[t * D + d] += g * l->E[i * D + d];
				dE[i * D + d] += g * l->H[t * D + d];
			}
		}
	}
	free(p), free(often);
	return loss;
}

static double
worst_double(const float *a, const double *b, size_t n)
{
	double most = 0.0;

	for (size_t i = 0; i < n; i++)
	{
		double e = fabs(a[i] - b[i]) / (1.0 + fabs(b[i]));

		most = e > most || isnan(e) ? e : most;
	}
	return most;
}

/* Enough targets for several strips, enough items for several tiles, both ragged at the end. */
static void
test_softmax(size_t T, size_t N, size_t D)
{
	Loss l = make_loss(T, N, D);
	double *dH = calloc(T * D, sizeof(double)), *dE = calloc(N * D, sizeof(double)), loss;

	l.scratch = zeros(bmc_softmax_scratch(N, D));
	loss = naive_loss(dH, dE, &l);
	CHECK_NEAR(run_loss(&l), loss, 1e-5 * fabs(loss));
	CHECK(worst_double(l.dH, dH, T * D) < 2e-5);
	CHECK(worst_double(l.dE, dE, N * D) < 2e-5);
	free_loss(&l);
	free(dH), free(dE);
}

/* The gradients are those of the loss that is returned, by differences. */
static void
test_softmax_gradient(void)
{
	enum
	{
		T = 9,
		N = 23,
		D = 6
	};
	Loss l = make_loss(T, N, D);
	float *dH = zeros(T * D), *dE = zeros(N * D);

	l.scratch = zeros(bmc_softmax_scratch(N, D));
	run_loss(&l);
	memcpy(dH, l.dH, T * D * sizeof(float));
	memcpy(dE, l.dE, N * D * sizeof(float));
	CHECK(gradient_error(run_loss, &l, l.H, dH, T * D, T * D) < LOSS_BOUND);
	CHECK(gradient_error(run_loss, &l, l.E, dE, N * D, N * D) < LOSS_BOUND);
	free_loss(&l);
	free(dH), free(dE);
}

/* Logits far beyond what expf could take must neither overflow nor lose the loss. */
static void
test_softmax_range(void)
{
	enum
	{
		T = 3,
		N = 2500,
		D = 4
	};
	Loss l = make_loss(T, N, D);
	double loss;

	for (size_t i = 0; i < N * D; i++)
		l.E[i] *= 300.0f;
	l.scratch = zeros(bmc_softmax_scratch(N, D));
	loss = run_loss(&l);
	CHECK(isfinite(loss) && loss > 0.0);
	for (size_t i = 0; i < T * D; i++)
		CHECK(isfinite(l.dH[i]));
	free_loss(&l);
}

/* Negatives 0..K-1 in a scattered order, so that many targets are hit by accident. */
static void
test_sampled(size_t T, size_t N, size_t D, size_t K, bool numeric)
{
	Loss l = make_loss(T, N, D);
	uint32_t *item = malloc(K * sizeof(uint32_t)), *slot = malloc(N * sizeof(uint32_t));
	float *E = zeros(K * D), *shift = random_floats(K, 0.5f, 9), *mine = zeros(N * D);
	double *dH = calloc(T * D, sizeof(double)), *dE = calloc(N * D, sizeof(double)), loss;
	BmNegatives neg = {K, item, E, shift, slot};

	for (size_t i = 0; i < N; i++)
		slot[i] = (uint32_t) ((i * 7 + 3) % N); /* 7 and N have no common divisor */
	for (size_t i = 0; i < N; i++)
		if (slot[i] < K)
			item[slot[i]] = (uint32_t) i;
	l.neg = &neg;
	l.scratch = zeros(bmc_sampled_scratch(T, K));
	loss = naive_loss(dH, dE, &l);
	CHECK_NEAR(run_loss(&l), loss, 1e-5 * fabs(loss));
	for (size_t i = 0; i < N; i++)
		memcpy(mine + i * D, l.dE + slot[i] * D, D * sizeof(float));
	CHECK(worst_double(l.dH, dH, T * D) < 2e-5);
	CHECK(worst_double(mine, dE, N * D) < 2e-5);
	if (numeric)
	{
		float *keep = zeros(T * D);

		memcpy(keep, l.dH, T * D * sizeof(float));
		CHECK(gradient_error(run_loss, &l, l.H, keep, T * D, T * D) < LOSS_BOUND);
		CHECK(gradient_error(run_loss, &l, l.E, mine, N * D, N * D) < LOSS_BOUND);
		free(keep);
	}
	free_loss(&l);
	free(item), free(slot), free(E), free(shift), free(mine), free(dH), free(dE);
}

/* ---- the whole network ---- */

typedef struct Net
{
	BmNetShape s;
	BmRagged r;
	BmDropout drop;
	BmNetPass *pass;
	BmNetWeights weights;
	float *w, *E, *c;
} Net;

static double
net_loss(void *arg)
{
	Net *n = arg;
	size_t T = bmc_ragged_tokens(&n->r);

	return dot(bmc_net_forward(n->pass, &n->weights, n->E, &n->r, n->drop, bmc_gemm_builtin), n->c,
			   T * n->s.D);
}

/* Forward against the naive network, and the last states against the short pass of serving. */
static void
check_forward(Net *n)
{
	size_t T = bmc_ragged_tokens(&n->r), D = n->s.D, S = n->r.S, base = n->r.start[0];
	double *naive = malloc(T * D * sizeof(double)), most = 0.0;
	float *state = zeros(S * D);
	void *scratch = malloc(bmc_net_encode_size(&n->s, T, S));
	const float *hidden;

	for (size_t s = 0; s < S; s++)
		naive_net(naive + (n->r.start[s] - base) * D, &n->s, &n->weights, n->E,
				  n->r.item + n->r.start[s], n->r.start[s + 1] - n->r.start[s]);
	hidden = bmc_net_forward(n->pass, &n->weights, n->E, &n->r, (BmDropout){0.0f, 0, 0},
							 bmc_gemm_builtin);
	CHECK(worst_double(hidden, naive, T * D) < 5e-5);
	bmc_net_encode(state, &n->s, &n->weights, n->E, &n->r, scratch, bmc_gemm_builtin);
	for (size_t s = 0; s < S; s++)
		most =
			fmax(most, worst_double(state + s * D, naive + (n->r.start[s + 1] - 1 - base) * D, D));
	CHECK(most < 5e-5);
	free(naive), free(state), free(scratch);
}

/* Every weight's gradient and the items', with dropout on: the masks are the same in every pass. */
static void
check_backward(Net *n)
{
	size_t P = bmc_net_count(&n->s), T = bmc_ragged_tokens(&n->r), D = n->s.D;
	float *dw = zeros(P), *dE = zeros(n->s.N * D), *dx = zeros(T * D);
	BmNetWeights gradient = bmc_net_weights(&n->s, dw);

	net_loss(n);
	memcpy(bmc_net_gradient(n->pass), n->c, T * D * sizeof(float));
	memcpy(dx,
		   bmc_net_backward(n->pass, &n->weights, &gradient, dE, NULL, &n->r, n->drop,
							bmc_gemm_builtin),
		   T * D * sizeof(float));
	CHECK(gradient_error_at(net_loss, n, n->w, dw, P, 600, 2e-3f) < 5e-3);
	CHECK(gradient_error_at(net_loss, n, n->E, dE, n->s.N * D, 200, 5e-4f) < 1e-2);
	/* Asked for the inputs' gradient only, it is the same one. */
	net_loss(n);
	memcpy(bmc_net_gradient(n->pass), n->c, T * D * sizeof(float));
	CHECK(memcmp(dx,
				 bmc_net_backward(n->pass, &n->weights, NULL, NULL, NULL, &n->r, n->drop,
								  bmc_gemm_builtin),
				 T * D * sizeof(float)) == 0);
	free(dw), free(dE), free(dx);
}

static void
test_net(BmNetShape s, float dropout)
{
	uint32_t start[] = {2, 3, 8, 20}, item[20];
	Net n = {.s = s, .r = {3, start, item}, .drop = {dropout, 5, 1000}};
	BmRng rng = bmc_rng(1, 1);

	for (int i = 0; i < 20; i++)
		item[i] = bmc_rng_below(&rng, (uint32_t) s.N);
	n.w = random_floats(bmc_net_count(&s), 0.4f, 2);
	n.E = random_floats(s.N * s.D, 0.5f, 3);
	n.c = random_floats(18 * s.D, 0.3f, 4);
	n.weights = bmc_net_weights(&s, n.w);
	n.pass = bmc_net_pass(&s, 24, aligned_alloc(64, (bmc_net_pass_size(&s, 24) + 63) / 64 * 64));
	check_forward(&n);
	check_backward(&n);
	free(n.w), free(n.E), free(n.c), free(n.pass);
}

/* ---- Adam ---- */

static void
test_adam(void)
{
	enum
	{
		R = 3,
		D = 20,
		N = 6,
		STEPS = 4
	};
	uint32_t row[R] = {4, 0, 5};
	float *w = random_floats(N * D, 1.0f, 1), *m = zeros(N * D), *v = zeros(N * D),
		  *old = zeros(N * D);
	double e[R * D], em[R * D] = {0}, ev[R * D] = {0}, most = 0.0;

	memcpy(old, w, N * D * sizeof(float));
	for (size_t i = 0; i < R * D; i++)
		e[i] = w[row[i / D] * D + i % D];
	for (uint64_t step = 1; step <= STEPS; step++)
	{
		float *g = random_floats(R * D, 0.3f, 10 + step);
		BmAdam a = bmc_adam_step(0.01, 0.98, 0.1, 0.5, step);

		bmc_adam_rows(&a, w, m, v, g, row, R, D);
		for (size_t i = 0; i < R * D; i++)
		{
			double x = 0.5 * g[i], t = (double) step;

			em[i] = 0.9 * em[i] + 0.1 * x;
			ev[i] = 0.98 * ev[i] + 0.02 * x * x;
			e[i] -= 0.01 * (em[i] / (1 - pow(0.9, t))) / (sqrt(ev[i] / (1 - pow(0.98, t))) + 1e-8) +
					0.01 * 0.1 * e[i];
		}
		free(g);
	}
	for (size_t i = 0; i < R * D; i++)
		most = fmax(most, fabs(e[i] - w[row[i / D] * D + i % D]));
	CHECK(most < 1e-5);
	CHECK(memcmp(old + D, w + D, 3 * D * sizeof(float)) == 0); /* rows 1..3 were not touched */
	free(w), free(m), free(v), free(old);
}

/* BPR-max by its formula in double, targets among the negatives left out. */
static double
naive_bpr_max(const Loss *l)
{
	double loss = 0.0;

	for (size_t t = 0; t < l->T; t++)
	{
		double y = dot(l->H + t * l->D, l->E + l->target[t] * l->D, l->D), sum = 0.0;
		double chance = 0.0, square = 0.0;

		for (size_t k = 0; k < l->neg->K; k++)
		{
			double x = dot(l->H + t * l->D, l->E + l->neg->item[k] * l->D, l->D);
			double p = l->neg->item[k] == l->target[t] ? 0.0 : exp(x);

			sum += p;
			chance += p / (1.0 + exp(x - y));
			square += p * x * x;
		}
		loss += l->weight[t] * (l->bpreg * square / sum - log(chance / sum));
	}
	return loss;
}

static void
test_bpr_max(float bpreg)
{
	enum
	{
		T = 11,
		N = 23,
		D = 6,
		K = 8
	};
	Loss l = make_loss(T, N, D);
	uint32_t drawn[K], slot[N];
	float E[K * D], shift[K] = {0}, mine[N * D], dH[T * D];
	BmNegatives neg = {K, drawn, E, shift, slot};
	double loss;

	for (uint32_t i = 0; i < N; i++)
		slot[i] = i;
	for (uint32_t k = 0; k < K; k++)
		drawn[k] = k;
	l.neg = &neg;
	l.bpreg = bpreg;
	l.scratch = zeros(bmc_sampled_scratch(T, K));
	loss = naive_bpr_max(&l);
	CHECK_NEAR(run_loss(&l), loss, 1e-5 * (1.0 + fabs(loss)));
	memcpy(mine, l.dE, sizeof(mine));
	memcpy(dH, l.dH, sizeof(dH));
	CHECK(gradient_error(run_loss, &l, l.H, dH, T * D, T * D) < LOSS_BOUND);
	CHECK(gradient_error(run_loss, &l, l.E, mine, N * D, N * D) < LOSS_BOUND);
	for (size_t i = 0; i < N * D; i++) /* scores a thousand apart: no logarithm of 0 */
		l.E[i] *= 1000.0f;
	CHECK(isfinite(run_loss(&l)));
	for (size_t i = 0; i < T * D; i++)
		CHECK(isfinite(l.dH[i]));
	free_loss(&l);
}

int
main(void)
{
	CASE("softmax over all items: naive twin across strips and tiles");
	test_softmax(7, 11, 5);
	test_softmax(150, 2100, 8);
	CASE("softmax over all items: numeric gradient");
	test_softmax_gradient();
	CASE("softmax over all items: huge logits stay finite");
	test_softmax_range();
	CASE("sampled softmax: naive twin with accidental hits, numeric gradient");
	test_sampled(9, 23, 6, 8, true);
	test_sampled(300, 101, 16, 37, false);
	CASE("BPR-max: naive twin with accidental hits, numeric gradient, huge scores");
	test_bpr_max(0.0f);
	test_bpr_max(0.7f);
	CASE("network: naive twin, serving's pass, gradients");
	test_net((BmNetShape){.N = 9, .D = 8, .H = 1, .F = 8, .L = 12, .blocks = 1}, 0.0f);
	test_net((BmNetShape){.N = 9, .D = 12, .H = 3, .F = 20, .L = 16, .blocks = 2}, 0.0f);
	test_net((BmNetShape){.N = 9, .D = 6, .H = 2, .F = 4, .L = 12, .blocks = 0}, 0.0f);
	CASE("network: gradients under dropout");
	test_net((BmNetShape){.N = 9, .D = 8, .H = 2, .F = 16, .L = 12, .blocks = 2}, 0.25f);
	CASE("Adam by rows: float64 twin, other rows untouched");
	test_adam();
	return unit_done();
}
