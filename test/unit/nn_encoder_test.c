/*
 * nn_encoder_test.c
 *		Every history encoder's training pass against numeric gradients, with and without dropout; the
 *		draws of a batch's negatives.
 */
#include "nn_check.h"

#include "core/nn/next_item_state.h"

enum
{
	N = 9,
	T = 13,
	S = 4
};

/* Lengths 1, 7, 2, 3; the first token is 2. */
static const uint32_t start[] = {2, 3, 10, 12, 15};
static const uint32_t item[] = {0, 0, 4, 1, 2, 3, 4, 5, 4, 8, 7, 7, 1, 0, 6};
static const BmRagged ragged = {S, start, item};

typedef struct Encoder
{
	const BmHistoryEncoder *e;
	BmNetShape s;
	BmWeights w;
	float *base, *E, *c;
	void *pass;
	BmDropout drop;
} Encoder;

static double
encoder_loss(void *arg)
{
	Encoder *v = arg;
	const float *h = v->e->forward(v->pass, &v->w, v->E, &ragged, v->drop, bmc_gemm_builtin);

	return dot(h, v->c, T * v->s.D);
}

/* The last states alone agree with the pass; sequences do not see each other. */
static void
check_encode(Encoder *v)
{
	size_t D = v->s.D;
	float *together = zeros(S * D), *alone = zeros(D), *hidden = zeros(T * D);
	void *scratch = aligned_alloc(64, (bmc_encode_size(v->e, &v->s, T, S) + 63) / 64 * 64);

	memcpy(hidden, v->e->forward(v->pass, &v->w, v->E, &ragged, v->drop, bmc_gemm_builtin),
		   T * D * sizeof(float));
	bmc_encode(together, v->e, &v->s, &v->w, v->E, &ragged, scratch, bmc_gemm_builtin);
	for (size_t i = 0; i < S; i++)
	{
		BmRagged one = {1, start + i, item};

		bmc_encode(alone, v->e, &v->s, &v->w, v->E, &one, scratch, bmc_gemm_builtin);
		CHECK(worst(together + i * D, alone, D) < 1e-5);
		CHECK(worst(together + i * D, hidden + (start[i + 1] - 1 - start[0]) * D, D) < 1e-5);
	}
	free(together), free(alone), free(hidden), free(scratch);
}

/* Places whose gradient is wrong. A step over a kink of ReLU may make one look so; a bug makes many. */
static int
wrong_places(Encoder *v, float *x, const float *dx, size_t n)
{
	size_t stride = n > 400 ? n / 400 : 1;
	int wrong = 0;

	for (size_t i = 0; i < n; i += stride)
		wrong += !(gradient_error_at(encoder_loss, v, x + i, dx + i, 1, 1, 3e-4f) < 5e-3);
	return wrong;
}

static void
test_encoder(const BmHistoryEncoder *e, const BmNextOptions *o, float p)
{
	Encoder v = {.e = e, .drop = {p, 5, 77}};
	BmWeights dw;
	size_t P, ND;
	float *base, *dE, *dx;
	const float *inputs;

	CHECK(bmc_next_shape(&v.s, e, o, N) == NULL);
	P = bmc_weights_count(e, &v.s);
	ND = N * v.s.D;
	v.base = random_floats(P, 0.3f, 2);
	v.E = random_floats(ND, 0.3f, 3);
	v.c = random_floats(T * v.s.D, 0.3f, 4);
	v.pass = e->pass(&v.s, T + 3, aligned_alloc(64, (e->pass_size(&v.s, T + 3) + 63) / 64 * 64));
	bmc_weights_into(&v.w, e, &v.s, v.base);
	base = zeros(P);
	dE = zeros(ND);
	dx = zeros(T * v.s.D);
	dw = bmc_weights_moved(&v.w, v.base, base);
	if (p == 0.0f)
		check_encode(&v);
	encoder_loss(&v);
	memcpy(e->gradient(v.pass), v.c, T * v.s.D * sizeof(float));
	inputs = e->backward(v.pass, &v.w, &dw, dE, NULL, &ragged, v.drop, bmc_gemm_builtin);
	memcpy(dx, inputs, T * v.s.D * sizeof(float));
	CHECK(wrong_places(&v, v.base, base, P) <= 1);
	CHECK(wrong_places(&v, v.E, dE, ND) <= 1);
	encoder_loss(&v);
	memcpy(e->gradient(v.pass), v.c, T * v.s.D * sizeof(float));
	inputs = e->backward(v.pass, &v.w, NULL, NULL, NULL, &ragged, v.drop, bmc_gemm_builtin);
	CHECK(memcmp(dx, inputs, T * v.s.D * sizeof(float)) == 0); /* without the weights' part too */
	free(v.base), free(v.E), free(v.c), free(v.pass), free(base), free(dE), free(dx);
}

/* ---- attribution ---- */

/* Where the network is linear in a token's embedding, gradient times input is what it adds. */
static void
test_attribution(void)
{
	BmNextOptions o = {.dim = 8, .length = 8, .kernel = 3, .filters = 4, .vertical = 2};
	Encoder v = {.e = &bmc_caser_encoder};
	BmRagged one = {1, (uint32_t[]){0, 7}, item + 3};
	float part[7], target[8] = {0}, end[2];
	BmTrace trace;
	void *memory;

	CHECK(bmc_next_shape(&v.s, v.e, &o, N) == NULL);
	v.base = random_floats(bmc_weights_count(v.e, &v.s), 0.3f, 2);
	v.E = random_floats(N * 8, 0.3f, 3);
	memory = aligned_alloc(64, (bmc_trace_size(v.e, &v.s, 7) + 63) / 64 * 64);
	bmc_weights_into(&v.w, v.e, &v.s, v.base);
	target[3] = 1.0f;
	bmc_trace_begin(&trace, v.e, &v.s, &v.w, v.E, &one, memory);
	bmc_trace_attribute(part, &trace, target);
	/* item[3 + 1] = 2 comes once: the derivative along its embedding, by differences */
	for (int side = 0; side < 2; side++)
	{
		float *e = v.E + 2 * 8, old[8];

		memcpy(old, e, sizeof(old));
		for (int d = 0; d < 8; d++)
			e[d] *= side ? 0.99f : 1.01f;
		bmc_trace_begin(&trace, v.e, &v.s, &v.w, v.E, &one, memory);
		end[side] = trace.state[3];
		memcpy(e, old, sizeof(old));
	}
	CHECK_NEAR(part[1], (end[0] - end[1]) / 0.02f, 2e-3);
	free(v.base), free(v.E), free(memory);
}

/* ---- negatives ---- */

/* How often an item is among the negatives, against what bmc_batches_chance promises. */
static void
test_negatives(double alpha)
{
	enum
	{
		ITEMS = 40,
		K = 10,
		EVENTS = 820, /* item i occurs i + 1 times */
		ROUNDS = 4000
	};
	uint32_t events[EVENTS];
	size_t starts[] = {0, EVENTS}, n = 0;
	BmSequences seq = {.nusers = 1, .nitems = ITEMS + 1, .start = starts, .item = events};
	UnitHeap heap;
	BmBatches b;
	int count[ITEMS + 1] = {0};
	double sum = 0.0, most = 0.0;

	for (uint32_t i = 0; i < ITEMS; i++)
		for (uint32_t k = 0; k <= i; k++)
			events[n++] = i;
	CHECK_INT(bmc_batches_begin(&b, &seq, 5, 8, K, alpha, unit_heap(&heap), NULL), BM_OK);
	for (uint64_t step = 0; step < ROUNDS; step++)
	{
		bmc_batches_fill(&b, 0, 11, step);
		for (size_t k = 0; k < K; k++)
			count[b.row_item[k]]++;
	}
	for (uint32_t i = 0; i < ITEMS; i++)
	{
		double chance = bmc_batches_chance(&b, i);

		sum += chance;
		most = fmax(most, fabs((double) count[i] / ROUNDS - chance));
	}
	CHECK_NEAR(sum, K, 1e-6);
	CHECK(most < 0.035); /* sampling noise .008 and the Poisson form of the chance */
	CHECK_INT(count[ITEMS], 0);
	bmc_batches_end(&b, &heap.mem);
	CHECK_INT(heap.live, 0);
}

int
main(void)
{
	const BmNextOptions small = {
		.dim = 8, .blocks = 1, .heads = 2, .length = 8, .kernel = 3, .filters = 4, .vertical = 2};
	const BmNextOptions large = {.dim = 12,
								 .blocks = 2,
								 .heads = 3,
								 .hidden = 20,
								 .length = 8,
								 .kernel = 5,
								 .filters = 3,
								 .vertical = 1};
	const BmHistoryEncoder *all[] = {&bmc_transformer_encoder, &bmc_gru_encoder, &bmc_caser_encoder,
									 &bmc_nextitnet_encoder};
	static const char *const names[] = {"Transformer: gradients, last states", "GRU: the same",
										"Caser: the same", "NextItNet: the same"};

	for (size_t i = 0; i < 4; i++)
	{
		CASE(names[i]);
		test_encoder(all[i], &small, 0.0f);
		test_encoder(all[i], &large, 0.0f);
		test_encoder(all[i], &large, 0.25f);
	}
	CASE("gradient times input is the derivative along a token's embedding");
	test_attribution();
	CASE("negatives come as often as their chance says");
	test_negatives(0.0);
	test_negatives(0.75);
	return unit_done();
}
