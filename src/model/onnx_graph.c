/*
 * onnx_graph.c
 *		Building a graph of ONNX out of the messages that protobuf-c makes of onnx.proto.
 */
#include "pg/pg.h"

#include <math.h>

#include "core/nn/gru.h"
#include "core/nn/lstm.h"
#include "model/onnx_graph.h"

#define NORM_EPS 1e-5f /* of norm.c */
#define MASKED (-1e9f) /* added to a score that must not count */

BmOnnxGraph *
bm_onnx_graph(void)
{
	BmOnnxGraph *g = palloc0(sizeof(BmOnnxGraph));

	onnx_graph__init(&g->graph);
	g->graph.name = "network";
	return g;
}

/* A list with one more place; rooms double. */
static void *
longer(void *list, size_t n, size_t *room, size_t width)
{
	if (n < *room)
		return list;
	*room = Max(16, *room * 2);
	return list ? repalloc(list, *room * width) : palloc(*room * width);
}

static char *
new_name(BmOnnxGraph *g, const char *kind)
{
	return psprintf("%s_%d", kind, g->named++);
}

/* ---- constants ---- */

static OnnxTensor *
make_tensor(int type, int ndim, const size_t *dims, size_t width, const void *data)
{
	OnnxTensor *t = palloc(sizeof(OnnxTensor));
	size_t count = 1;

	onnx_tensor__init(t);
	t->has_type = t->has_data = true;
	t->type = type;
	t->n_dims = ndim;
	t->dims = palloc(sizeof(int64) * Max(ndim, 1));
	for (int d = 0; d < ndim; d++)
		count *= t->dims[d] = (int64) dims[d];
	t->data.len = count * width;
	t->data.data = (uint8 *) data;
	return t;
}

static const char *
constant(BmOnnxGraph *g, int type, int ndim, const size_t *dims, size_t width, const void *data)
{
	OnnxGraph *graph = &g->graph;
	OnnxTensor *t = make_tensor(type, ndim, dims, width, data);

	t->name = new_name(g, "weight");
	graph->initializer =
		longer(graph->initializer, graph->n_initializer, &g->constant_room, sizeof(OnnxTensor *));
	graph->initializer[graph->n_initializer++] = t;
	return t->name;
}

static void *
copied(const void *data, size_t bytes)
{
	return memcpy(palloc(Max(bytes, 1)), data, bytes);
}

const char *
bm_onnx_floats(BmOnnxGraph *g, const float *data, int ndim, const size_t *dims)
{
	return constant(g, BM_ONNX_FLOAT, ndim, dims, sizeof(float), data);
}

const char *
bm_onnx_vector(BmOnnxGraph *g, const float *data, size_t n)
{
	return bm_onnx_floats(g, data, 1, &n);
}

const char *
bm_onnx_number(BmOnnxGraph *g, float number)
{
	return bm_onnx_floats(g, copied(&number, sizeof(number)), 0, NULL);
}

const char *
bm_onnx_integers(BmOnnxGraph *g, int n, const int64_t *data)
{
	size_t count = (size_t) n;

	return constant(g, BM_ONNX_INT64, 1, &count, sizeof(int64),
					copied(data, count * sizeof(int64)));
}

const char *
bm_onnx_integer(BmOnnxGraph *g, int64_t integer)
{
	return constant(g, BM_ONNX_INT64, 0, NULL, sizeof(int64), copied(&integer, sizeof(integer)));
}

const char *
bm_onnx_flags(BmOnnxGraph *g, const uint8_t *data, size_t n)
{
	return constant(g, BM_ONNX_BOOL, 1, &n, 1, data);
}

/* ---- operators ---- */

const char *
bm_onnx_op(BmOnnxGraph *g, const char *type, int n, ...)
{
	OnnxGraph *graph = &g->graph;
	OnnxNode *node = palloc(sizeof(OnnxNode));
	va_list inputs;

	onnx_node__init(node);
	node->type = (char *) type;
	node->n_input = n;
	node->input = palloc(sizeof(char *) * Max(n, 1));
	va_start(inputs, n);
	for (int i = 0; i < n; i++)
		node->input[i] = va_arg(inputs, char *);
	va_end(inputs);
	node->n_output = 1;
	node->output = palloc(sizeof(char *));
	node->name = node->output[0] = new_name(g, type);
	graph->node = longer(graph->node, graph->n_node, &g->node_room, sizeof(OnnxNode *));
	graph->node[graph->n_node++] = node;
	return node->name;
}

/* A new attribute of the newest operator. */
static OnnxAttribute *
attribute(BmOnnxGraph *g, const char *name, int type)
{
	OnnxNode *node = g->graph.node[g->graph.n_node - 1];
	OnnxAttribute *a = palloc(sizeof(OnnxAttribute));

	onnx_attribute__init(a);
	a->name = (char *) name;
	a->has_type = true;
	a->type = type;
	node->attribute = node->attribute ? repalloc(node->attribute,
												 sizeof(OnnxAttribute *) * (node->n_attribute + 1))
									  : palloc(sizeof(OnnxAttribute *));
	node->attribute[node->n_attribute++] = a;
	return a;
}

void
bm_onnx_set_integer(BmOnnxGraph *g, const char *name, int64_t v)
{
	OnnxAttribute *a = attribute(g, name, 2);

	a->has_integer = true;
	a->integer = v;
}

void
bm_onnx_set_integers(BmOnnxGraph *g, const char *name, int n, const int64_t *v)
{
	OnnxAttribute *a = attribute(g, name, 7);

	a->n_integers = n;
	a->integers = copied(v, sizeof(int64) * n);
}

void
bm_onnx_set_number(BmOnnxGraph *g, const char *name, float v)
{
	OnnxAttribute *a = attribute(g, name, 1);

	a->has_number = true;
	a->number = v;
}

void
bm_onnx_set_value(BmOnnxGraph *g, const char *name, float v)
{
	size_t one = 1;

	attribute(g, name, 4)->tensor =
		make_tensor(BM_ONNX_FLOAT, 1, &one, sizeof(float), copied(&v, sizeof(v)));
}

const char *
bm_onnx_transpose(BmOnnxGraph *g, const char *x, int n, const int64_t *perm)
{
	const char *y = bm_onnx_op(g, "Transpose", 1, x);

	bm_onnx_set_integers(g, "perm", n, perm);
	return y;
}

const char *
bm_onnx_reshape(BmOnnxGraph *g, const char *x, int n, const int64_t *dims)
{
	return bm_onnx_op(g, "Reshape", 2, x, bm_onnx_integers(g, n, dims));
}

const char *
bm_onnx_pick(BmOnnxGraph *g, const char *x, int64_t i, int axis)
{
	const char *y = bm_onnx_op(g, "Gather", 2, x, bm_onnx_integer(g, i));

	bm_onnx_set_integer(g, "axis", axis);
	return y;
}

const char *
bm_onnx_linear(BmOnnxGraph *g, const char *x, const float *w, const float *b, size_t I, size_t O)
{
	const char *y = bm_onnx_op(g, "MatMul", 2, x, bm_onnx_floats(g, w, 2, (size_t[]){I, O}));

	return bm_onnx_op(g, "Add", 2, y, bm_onnx_vector(g, b, O));
}

const char *
bm_onnx_norm(BmOnnxGraph *g, const char *x, const float *gb, size_t D)
{
	const char *y = bm_onnx_op(g, "LayerNormalization", 3, x, bm_onnx_vector(g, gb, D),
							   bm_onnx_vector(g, gb + D, D));

	bm_onnx_set_integer(g, "axis", -1);
	bm_onnx_set_number(g, "epsilon", NORM_EPS);
	return y;
}

/* Number of steps of x (N,T,.), a vector of one. */
static const char *
steps_of(BmOnnxGraph *g, const char *x)
{
	const char *y = bm_onnx_op(g, "Shape", 1, x);

	bm_onnx_set_integer(g, "start", 1);
	bm_onnx_set_integer(g, "end", 2);
	return y;
}

const char *
bm_onnx_position(BmOnnxGraph *g, const char *x, const float *position, size_t L, size_t D)
{
	float *oldest_first = palloc_extended(sizeof(float) * L * D, MCXT_ALLOC_HUGE);
	const char *table, *first;

	for (size_t l = 0; l < L; l++)
		memcpy(oldest_first + l * D, position + (L - 1 - l) * D, sizeof(float) * D);
	table = bm_onnx_floats(g, oldest_first, 2, (size_t[]){L, D});
	first = bm_onnx_op(g, "Neg", 1, steps_of(g, x));
	table = bm_onnx_op(g, "Slice", 4, table, first, bm_onnx_integers(g, 1, &(int64){PG_INT32_MAX}),
					   bm_onnx_integers(g, 1, &(int64){0}));
	return bm_onnx_op(g, "Add", 2, x, table);
}

/* ---- attention ---- */

/* score (N,H,T,T) without what is newer than its row's step. */
static const char *
mask_newer(BmOnnxGraph *g, const char *score, const char *steps)
{
	const char *square, *mask;

	square = bm_onnx_op(g, "Concat", 2, steps, steps);
	bm_onnx_set_integer(g, "axis", 0);
	mask = bm_onnx_op(g, "ConstantOfShape", 1, square);
	bm_onnx_set_value(g, "value", MASKED);
	mask = bm_onnx_op(g, "Trilu", 2, mask, bm_onnx_integer(g, 1));
	bm_onnx_set_integer(g, "upper", 1);
	return bm_onnx_op(g, "Add", 2, score, mask);
}

const char *
bm_onnx_attention(BmOnnxGraph *g, const char *x, const BmOnnxAttention *a)
{
	int64 D = (int64) a->D, H = (int64) a->H;
	const char *qkv = bm_onnx_linear(g, x, a->wqkv, a->bqkv, a->D, 3 * a->D);
	const char *keys, *score, *o;

	qkv = bm_onnx_reshape(g, qkv, 5, (int64[]){0, 0, 3, H, D / H});
	qkv = bm_onnx_transpose(g, qkv, 5, (int64[]){2, 0, 3, 1, 4}); /* (3,N,H,T,D/H) */
	keys = bm_onnx_transpose(g, bm_onnx_pick(g, qkv, 1, 0), 4, (int64[]){0, 1, 3, 2});
	score = bm_onnx_op(g, "MatMul", 2, bm_onnx_pick(g, qkv, 0, 0), keys);
	score = bm_onnx_op(g, "Mul", 2, score, bm_onnx_number(g, 1.0f / sqrtf((float) (D / H))));
	if (a->causal)
		score = mask_newer(g, score, steps_of(g, x));
	score = bm_onnx_op(g, "Softmax", 1, score);
	bm_onnx_set_integer(g, "axis", -1);
	o = bm_onnx_op(g, "MatMul", 2, score, bm_onnx_pick(g, qkv, 2, 0));
	o = bm_onnx_transpose(g, o, 4, (int64[]){0, 2, 1, 3});
	o = bm_onnx_reshape(g, o, 3, (int64[]){0, 0, D});
	return bm_onnx_linear(g, o, a->wo, a->bo, a->D, a->D);
}

/* ---- recurrent layers ---- */

/* Our gates are r, z, n and i, f, g, o; those of ONNX z, r, n and i, o, f, g. */
static const int gru_order[] = {1, 0, 2}, lstm_order[] = {0, 3, 1, 2};

/* (1, gates * H, rows) of w (rows, gates * H), gates in their order. */
static const char *
gate_weights(BmOnnxGraph *g, const float *w, const int *order, size_t gates, size_t rows, size_t H)
{
	size_t W = gates * H;
	float *t = palloc_extended(sizeof(float) * Max(W * rows, 1), MCXT_ALLOC_HUGE);

	for (size_t k = 0; k < gates; k++)
		for (size_t h = 0; h < H; h++)
			for (size_t i = 0; i < rows; i++)
				t[(k * H + h) * rows + i] = w[i * W + (size_t) order[k] * H + h];
	return bm_onnx_floats(g, t, 3, (size_t[]){1, W, rows});
}

/* (1, 2 * gates * H): the input's biases, then the state's. */
static const char *
gate_biases(BmOnnxGraph *g, const float *b, const float *c, const int *order, size_t gates,
			size_t H)
{
	float *t = palloc(sizeof(float) * 2 * gates * H);

	for (size_t k = 0; k < gates; k++)
	{
		memcpy(t + k * H, b + (size_t) order[k] * H, sizeof(float) * H);
		memcpy(t + (gates + k) * H, c + (size_t) order[k] * H, sizeof(float) * H);
	}
	return bm_onnx_floats(g, t, 2, (size_t[]){1, 2 * gates * H});
}

const char *
bm_onnx_recurrent(BmOnnxGraph *g, const char *x, const BmOnnxRecurrent *r)
{
	const int *order = r->lstm ? lstm_order : gru_order;
	size_t gates = r->lstm ? BM_LSTM_GATES : BM_GRU_GATES;
	const char *W = gate_weights(g, r->W, order, gates, r->I, r->H);
	const char *U = gate_weights(g, r->U, order, gates, r->H, r->H);
	const char *b = gate_biases(g, r->b, r->c, order, gates, r->H), *h;

	x = bm_onnx_transpose(g, x, 3, (int64[]){1, 0, 2}); /* steps first */
	h = bm_onnx_op(g, r->lstm ? "LSTM" : "GRU", 4, x, W, U, b);
	bm_onnx_set_integer(g, "hidden_size", (int64) r->H);
	if (!r->lstm)
		bm_onnx_set_integer(g, "linear_before_reset", 1);
	h = bm_onnx_op(g, "Squeeze", 2, h, bm_onnx_integers(g, 1, &(int64){1}));
	return bm_onnx_transpose(g, h, 3, (int64[]){1, 0, 2});
}

/* ---- what goes in and out ---- */

static OnnxValue *
make_value(const char *name, int type, int n, const int64_t *dims)
{
	OnnxValue *v = palloc(sizeof(OnnxValue));
	OnnxTensorType *tensor = palloc(sizeof(OnnxTensorType));

	onnx_value__init(v);
	onnx_tensor_type__init(tensor);
	v->name = (char *) name;
	v->type = palloc(sizeof(OnnxType));
	onnx_type__init(v->type);
	v->type->tensor = tensor;
	tensor->has_type = true;
	tensor->type = type;
	tensor->shape = palloc(sizeof(OnnxShape));
	onnx_shape__init(tensor->shape);
	tensor->shape->n_dim = n;
	tensor->shape->dim = palloc(sizeof(OnnxDimension *) * n);
	for (int d = 0; d < n; d++)
	{
		OnnxDimension *dim = tensor->shape->dim[d] = palloc(sizeof(OnnxDimension));

		onnx_dimension__init(dim);
		dim->has_size = dims[d] >= 0;
		dim->size = dims[d];
		if (dims[d] < 0)
			dim->name = dims[d] == BM_ONNX_BATCH ? "batch" : "steps";
	}
	return v;
}

static void
add_value(OnnxValue ***list, size_t *n, OnnxValue *v)
{
	*list = *list ? repalloc(*list, sizeof(OnnxValue *) * (*n + 1)) : palloc(sizeof(OnnxValue *));
	(*list)[(*n)++] = v;
}

void
bm_onnx_input(BmOnnxGraph *g, const char *name, int type, int n, const int64_t *dims)
{
	add_value(&g->graph.input, &g->graph.n_input, make_value(name, type, n, dims));
}

void
bm_onnx_output(BmOnnxGraph *g, const char *name, const char *x, int64_t width)
{
	bm_onnx_op(g, "Identity", 1, x);
	g->graph.node[g->graph.n_node - 1]->output[0] = (char *) name;
	add_value(&g->graph.output, &g->graph.n_output,
			  make_value(name, BM_ONNX_FLOAT, 2, (int64[]){BM_ONNX_BATCH, width}));
}
