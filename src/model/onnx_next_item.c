/*
 * onnx_next_item.c
 *		The Transformer (sasrec) and the recurrent network (gru) of the next item as graphs of ONNX.
 */
#include "pg/pg.h"

#include <float.h>

#include "core/nn/net.h"
#include "model/onnx_parts.h"

/* The weights of a bound network by the names under which they are stored. */
typedef struct Weights
{
	BmWeights at;
	BmNetTensor tensor[BM_MAX_TENSORS];
	int n;
} Weights;

static Weights *
weights_of(const BmNextBound *b)
{
	Weights *w = palloc(sizeof(Weights));

	w->at = b->weights;
	w->n = b->encoder->tensors(w->tensor, &w->at, &b->shape);
	return w;
}

/* "<part><i>.<name>", or name alone where part is NULL. */
static const float *
find(const Weights *w, const char *part, size_t i, const char *name)
{
	char *full = part ? psprintf("%s%zu.%s", part, i, name) : pstrdup(name);

	for (int k = 0; k < w->n; k++)
		if (strcmp(w->tensor[k].name, full) == 0)
			return *w->tensor[k].at;
	elog(ERROR, "a network has no weight \"%s\"", full);
	return NULL;
}

/* x += attention(norm(x)); x += feed-forward(norm(x)). */
static const char *
block(BmOnnxGraph *g, const char *x, const Weights *w, size_t i, const BmNetShape *s)
{
	BmOnnxAttention a = {find(w, "block", i, "wqkv"),
						 find(w, "block", i, "bqkv"),
						 find(w, "block", i, "wo"),
						 find(w, "block", i, "bo"),
						 s->D,
						 s->H,
						 true};
	const char *y = bm_onnx_norm(g, x, find(w, "block", i, "norm1"), s->D);

	x = bm_onnx_op(g, "Add", 2, x, bm_onnx_attention(g, y, &a));
	y = bm_onnx_norm(g, x, find(w, "block", i, "norm2"), s->D);
	y = bm_onnx_linear(g, y, find(w, "block", i, "w1"), find(w, "block", i, "b1"), s->D, s->F);
	y = bm_onnx_op(g, "Relu", 1, y);
	y = bm_onnx_linear(g, y, find(w, "block", i, "w2"), find(w, "block", i, "b2"), s->F, s->D);
	return bm_onnx_op(g, "Add", 2, x, y);
}

static const char *
transformer(BmOnnxGraph *g, const char *x, const Weights *w, const BmNetShape *s)
{
	x = bm_onnx_position(g, x, find(w, NULL, 0, "position"), s->L, s->D);
	for (size_t i = 0; i < s->blocks; i++)
		x = block(g, x, w, i, s);
	return bm_onnx_norm(g, x, find(w, NULL, 0, "norm"), s->D);
}

static const char *
recurrent(BmOnnxGraph *g, const char *x, const Weights *w, const BmNetShape *s)
{
	for (size_t i = 0; i < s->blocks; i++)
		x = bm_onnx_recurrent(g, x,
							  &(BmOnnxRecurrent){find(w, "layer", i, "w"), find(w, "layer", i, "b"),
												 find(w, "layer", i, "u"), find(w, "layer", i, "c"),
												 i ? s->F : s->D, s->F, false});
	x = bm_onnx_linear(g, x, find(w, NULL, 0, "wo"), find(w, NULL, 0, "bo"), s->F, s->D);
	return bm_onnx_norm(g, x, find(w, NULL, 0, "norm"), s->D);
}

/* Items that nothing has taught get the least score of the others; see sink_untaught of next_item_answer.c. */
static const char *
sink_untaught(BmOnnxGraph *g, const char *score, const BmNextBound *b)
{
	size_t N = b->shape.N, taught = 0;
	uint8 *flag = palloc(N);
	const char *flags, *least;

	for (size_t i = 0; i < N; i++)
		taught += flag[i] = b->support[i] > 0;
	if (taught == N)
		return score;
	flags = bm_onnx_flags(g, flag, N);
	least = bm_onnx_op(g, "Where", 3, flags, score, bm_onnx_number(g, FLT_MAX));
	least = bm_onnx_op(g, "ReduceMin", 1, least);
	bm_onnx_set_integers(g, "axes", 1, &(int64){1});
	return bm_onnx_op(g, "Where", 3, flags, score, least);
}

const char *
bm_onnx_next_item(BmOnnxGraph *g, const BmNextBound *b)
{
	const BmNetShape *s = &b->shape;
	const char *table, *x;
	Weights *w;

	if (b->encoder != &bmc_transformer_encoder && b->encoder != &bmc_gru_encoder)
		return NULL;
	w = weights_of(b);
	bm_onnx_input(g, "items", BM_ONNX_INT64, 2, (int64[]){BM_ONNX_BATCH, BM_ONNX_STEPS});
	table = bm_onnx_floats(g, b->item, 2, (size_t[]){s->N, s->D});
	x = bm_onnx_op(g, "Gather", 2, table, "items");
	x = bm_onnx_op(g, "Mul", 2, x, bm_onnx_number(g, bmc_input_scale(s)));
	x = b->encoder == &bmc_gru_encoder ? recurrent(g, x, w, s) : transformer(g, x, w, s);
	x = bm_onnx_op(g, "Gemm", 2, bm_onnx_pick(g, x, -1, 1), table);
	bm_onnx_set_integer(g, "transB", 1);
	return sink_untaught(g, x, b);
}
