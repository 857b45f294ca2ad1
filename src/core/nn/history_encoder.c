/*
 * history_encoder.c
 *		What all networks of next_item.h share: the layout of their weights, the last state of a
 *		history, and the attribution of a score to its tokens.
 */
#include <math.h>
#include <string.h>

#include "core/nn/history_encoder.h"
#include "core/num/vec.h"

float
bmc_input_scale(const BmNetShape *s)
{
	return sqrtf((float) s->D);
}

/* ---- weights ---- */

static size_t
tensor_floats(const BmNetTensor *t)
{
	return t->ndim == 2 ? bmc_mul(t->shape[0], t->shape[1]) : t->shape[0];
}

size_t
bmc_weights_count(const BmHistoryEncoder *e, const BmNetShape *s)
{
	BmNetTensor t[BM_MAX_TENSORS];
	BmWeights w;
	size_t total = 0;
	int n = e->tensors(t, &w, s);

	for (int i = 0; i < n; i++)
		total = bmc_add(total, tensor_floats(&t[i]));
	return total;
}

void
bmc_weights_into(BmWeights *w, const BmHistoryEncoder *e, const BmNetShape *s, float *base)
{
	BmNetTensor t[BM_MAX_TENSORS];
	int n;

	memset(w, 0, sizeof(*w));
	n = e->tensors(t, w, s);
	for (int i = 0; i < n; i++)
	{
		*t[i].at = base;
		base += tensor_floats(&t[i]);
	}
}

BmWeights
bmc_weights_moved(const BmWeights *w, const float *from, float *to)
{
	BmWeights moved;

	for (size_t i = 0; i < BM_MAX_WEIGHTS; i++)
		moved.at[i] = w->at[i] ? to + (w->at[i] - from) : NULL;
	return moved;
}

/* ---- passes ---- */

size_t
bmc_pass_size(size_t bytes, BmLayOut lay_out, const BmNetShape *s, size_t T)
{
	BmArena arena = BM_COUNTING_ARENA;
	char own[BM_MAX_PASS] __attribute__((aligned(16)));

	bmc_take(&arena, bytes, 1);
	lay_out(own, s, T, &arena);
	return arena.used;
}

void *
bmc_pass(size_t bytes, BmLayOut lay_out, const BmNetShape *s, size_t T, void *memory)
{
	BmArena arena = {memory, bmc_pass_size(bytes, lay_out, s, T), 0};
	void *pass = bmc_take(&arena, bytes, 1);

	lay_out(pass, s, T, &arena);
	return pass;
}

/* ---- the last state ---- */

static const BmDropout no_drop; /* p = 0 */

size_t
bmc_encode_size(const BmHistoryEncoder *e, const BmNetShape *s, size_t T, size_t S)
{
	return e->encode ? e->encode_size(s, T, S) : e->pass_size(s, T);
}

void
bmc_encode(float *out, const BmHistoryEncoder *e, const BmNetShape *s, const BmWeights *w,
		   const float *E, const BmRagged *r, void *scratch, BmGemm gemm)
{
	const float *hidden;

	if (e->encode)
	{
		e->encode(out, s, w, E, r, scratch, gemm);
		return;
	}
	hidden = e->forward(e->pass(s, bmc_ragged_tokens(r), scratch), w, E, r, no_drop, gemm);
	for (size_t i = 0; i < r->S; i++)
		memcpy(out + i * s->D, hidden + (size_t) (r->start[i + 1] - 1 - r->start[0]) * s->D,
			   s->D * sizeof(float));
}

/* ---- attribution ---- */

size_t
bmc_trace_size(const BmHistoryEncoder *e, const BmNetShape *s, size_t T)
{
	return e->trace ? e->trace_size(s, T) : e->pass_size(s, T);
}

void
bmc_trace_begin(BmTrace *trace, const BmHistoryEncoder *e, const BmNetShape *s, const BmWeights *w,
				const float *E, const BmRagged *r, void *memory)
{
	*trace = (BmTrace){e, s, w, E, memory, r, NULL};
	if (e->trace)
		trace->state = e->trace(trace, r);
	else
	{
		size_t T = bmc_ragged_tokens(r);

		trace->memory = e->pass(s, T, memory);
		trace->state =
			e->forward(trace->memory, w, E, r, no_drop, bmc_gemm_builtin) + (T - 1) * s->D;
	}
}

/*
 * Gradient times input: the linear part of what a token's embedding adds. A pass keeps what its
 * backward pass needs for one time only, so the forward pass runs again.
 */
static void
gradient_times_input(float *part, const BmTrace *t, const float *target)
{
	const BmHistoryEncoder *e = t->encoder;
	size_t T = bmc_ragged_tokens(t->r), D = t->shape->D;
	float *gradient = e->gradient(t->memory), scale = bmc_input_scale(t->shape);
	const float *dx;

	e->forward(t->memory, t->w, t->E, t->r, no_drop, bmc_gemm_builtin);
	memset(gradient, 0, (T - 1) * D * sizeof(float));
	memcpy(gradient + (T - 1) * D, target, D * sizeof(float));
	dx = e->backward(t->memory, t->w, NULL, NULL, NULL, t->r, no_drop, bmc_gemm_builtin);
	for (size_t i = 0; i < T; i++)
		part[i] = scale * bmc_dot(dx + i * D, t->E + (size_t) t->r->item[i] * D, D);
}

void
bmc_trace_attribute(float *part, const BmTrace *trace, const float *target)
{
	if (trace->encoder->trace)
		trace->encoder->attribute(part, trace, target);
	else
		gradient_times_input(part, trace, target);
}
