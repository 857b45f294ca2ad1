/*
 * transformer.c
 *		SASRec (Kang and McAuley 2018): the causal Transformer of net.h as a history encoder.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/next_item_state.h"
#include "core/nn/net.h"

#define INIT_STD 0.02f /* of all weights, as BERT and GPT start */

/* BmWeights is pointers only, and so is BmNetWeights. */
_Static_assert(sizeof(BmNetWeights) <= sizeof(BmWeights), "a weight has no place");

static BmNetWeights *
net(BmWeights *w)
{
	return (BmNetWeights *) w->at;
}

static const BmNetWeights *
net_const(const BmWeights *w)
{
	return (const BmNetWeights *) w->at;
}

/* ---- sizes and storage ---- */

static const char *
shape(BmNetShape *s, const BmNextOptions *o)
{
	if (o->heads < 1 || o->dim % o->heads != 0)
		return "dim must be a multiple of heads";
	if (o->blocks < 0 || o->blocks > BM_NET_MAX_BLOCKS)
		return "blocks must be between 0 and 16";
	if (o->hidden < 0 || o->hidden > BM_NEXT_MAX_HIDDEN)
		return "hidden must be between 0 and 4096";
	s->H = (size_t) o->heads;
	s->F = (size_t) (o->hidden > 0 ? o->hidden : o->dim);
	s->blocks = (size_t) o->blocks;
	return NULL;
}

/* The shapes of the weights tell length and hidden. */
static const char *
stored(BmNextOptions *o, const BmTensors *t, const char *prefix)
{
	size_t D = (size_t) o->dim;
	const BmTensor *position = bmc_tensors_find(t, prefix, "position", BM_F32, 2, (size_t[]){0, D});
	const BmTensor *w1 = bmc_tensors_find(t, prefix, "block0.w1", BM_F32, 2, (size_t[]){D, 0});

	if (position == NULL || position->shape[0] > BM_NEXT_MAX_LENGTH)
		return "tensor \"position\" is missing or has another shape";
	o->length = (int) position->shape[0];
	o->hidden = w1 && w1->shape[1] <= BM_NEXT_MAX_HIDDEN ? (int) w1->shape[1] : 1;
	return NULL;
}

static int
tensors(BmNetTensor *out, BmWeights *weights, const BmNetShape *s)
{
	BmNetWeights *w = net(weights);
	float std = INIT_STD;
	int n = 0;

	out[n++] = (BmNetTensor){"position", {s->L, s->D}, 2, &w->position, std};
	out[n++] = (BmNetTensor){"norm", {2, s->D}, 2, &w->norm, BM_INIT_NORM};
	for (size_t b = 0; b < s->blocks; b++)
	{
		BmNetBlock *k = &w->block[b];
		const BmNetTensor block[] = {
			{"norm1", {2, s->D}, 2, &k->norm1, BM_INIT_NORM},
			{"wqkv", {s->D, 3 * s->D}, 2, &k->wqkv, std},
			{"bqkv", {3 * s->D, 0}, 1, &k->bqkv, 0.0f},
			{"wo", {s->D, s->D}, 2, &k->wo, std},
			{"bo", {s->D, 0}, 1, &k->bo, 0.0f},
			{"norm2", {2, s->D}, 2, &k->norm2, BM_INIT_NORM},
			{"w1", {s->D, s->F}, 2, &k->w1, std},
			{"b1", {s->F, 0}, 1, &k->b1, 0.0f},
			{"w2", {s->F, s->D}, 2, &k->w2, std},
			{"b2", {s->D, 0}, 1, &k->b2, 0.0f},
		};

		for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++, n++)
		{
			out[n] = block[i];
			snprintf(out[n].name, sizeof(out[n].name), "block%zu.%.20s", b, block[i].name);
		}
	}
	return n;
}

static double
flops(const BmNetShape *s)
{
	double D = (double) s->D, F = (double) s->F;

	return (double) s->blocks * (24.0 * D * D + 12.0 * D * F + 8.0 * D * (double) s->L);
}

/* ---- passes ---- */

static void *
pass(const BmNetShape *s, size_t T, void *memory)
{
	return bmc_net_pass(s, T, memory);
}

static const float *
forward(void *pass, const BmWeights *w, const float *E, const BmRagged *r, BmDropout drop,
		BmGemm gemm)
{
	return bmc_net_forward(pass, net_const(w), E, r, drop, gemm);
}

static float *
gradient(void *pass)
{
	return bmc_net_gradient(pass);
}

static const float *
backward(void *pass, const BmWeights *w, BmWeights *dw, float *dE, const uint32_t *slot,
		 const BmRagged *r, BmDropout drop, BmGemm gemm)
{
	return bmc_net_backward(pass, net_const(w), dw ? net(dw) : NULL, dE, slot, r, drop, gemm);
}

static void
encode(float *out, const BmNetShape *s, const BmWeights *w, const float *E, const BmRagged *r,
	   void *scratch, BmGemm gemm)
{
	bmc_net_encode(out, s, net_const(w), E, r, scratch, gemm);
}

static size_t
trace_size(const BmNetShape *s, size_t T)
{
	return bmc_add(bmc_take_size(1, sizeof(BmNetTrace)), bmc_net_trace_size(s, T));
}

static const float *
trace(BmTrace *t, const BmRagged *r)
{
	BmNetTrace *own = t->memory;

	bmc_net_trace(own, t->shape, net_const(t->w), t->E, r,
				  (char *) t->memory + bmc_take_size(1, sizeof(BmNetTrace)));
	return own->state;
}

static void
attribute(float *part, const BmTrace *t, const float *target)
{
	bmc_net_attribute(part, t->memory, target);
}

const BmHistoryEncoder bmc_transformer_encoder = {
	.chunk = 1024, /* activations of a chunk stay near the caches */
	.shape = shape,
	.config = {offsetof(BmNextOptions, blocks), offsetof(BmNextOptions, heads)},
	.stored = stored,
	.tensors = tensors,
	.flops = flops,
	.pass_size = bmc_net_pass_size,
	.pass = pass,
	.forward = forward,
	.gradient = gradient,
	.backward = backward,
	.encode_size = bmc_net_encode_size,
	.encode = encode,
	.trace_size = trace_size,
	.trace = trace,
	.attribute = attribute,
};

BM_NEXT_RECOMMENDER(bmc_sasrec, "sasrec", bmc_transformer_encoder);
