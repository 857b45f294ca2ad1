/*
 * onnx_graph.h
 *		A graph of ONNX under construction: operators, constants, inputs and outputs, known by the names
 *		of the values between them. Everything is palloc'd; data of constants is not copied.
 */
#ifndef BM_ONNX_GRAPH_H
#define BM_ONNX_GRAPH_H

#include "core/num/status.h"
#include "onnx.pb-c.h"

#define BM_ONNX_IR 8         /* version of the format */
#define BM_ONNX_OPERATORS 17 /* version of the set of operators */

#define BM_ONNX_FLOAT 1 /* types of elements, by the format */
#define BM_ONNX_INT64 7
#define BM_ONNX_BOOL 9

#define BM_ONNX_BATCH (-1) /* in dims of an input: sizes that are free */
#define BM_ONNX_STEPS (-2)

typedef struct BmOnnxGraph
{
	OnnxGraph graph;
	size_t node_room, constant_room;
	int named; /* values that were given a name */
} BmOnnxGraph;

extern BmOnnxGraph *bm_onnx_graph(void);

/* ---- constants; each answers its name ---- */

extern const char *bm_onnx_floats(BmOnnxGraph *g, const float *data, int ndim, const size_t *dims);
extern const char *bm_onnx_vector(BmOnnxGraph *g, const float *data, size_t n);
extern const char *bm_onnx_number(BmOnnxGraph *g, float number); /* no dimensions */
extern const char *bm_onnx_integers(BmOnnxGraph *g, int n, const int64_t *data);
extern const char *bm_onnx_integer(BmOnnxGraph *g, int64_t integer); /* no dimensions */
extern const char *bm_onnx_flags(BmOnnxGraph *g, const uint8_t *data, size_t n);

/* ---- operators ---- */

/* Append one with n inputs (const char *); answers the name of its first output. */
extern const char *bm_onnx_op(BmOnnxGraph *g, const char *type, int n, ...);
/* Attributes of the newest operator. */
extern void bm_onnx_set_integer(BmOnnxGraph *g, const char *name, int64_t v);
extern void bm_onnx_set_integers(BmOnnxGraph *g, const char *name, int n, const int64_t *v);
extern void bm_onnx_set_number(BmOnnxGraph *g, const char *name, float v);
/* A tensor of one float. */
extern void bm_onnx_set_value(BmOnnxGraph *g, const char *name, float v);

/* What is asked for often. */
extern const char *bm_onnx_transpose(BmOnnxGraph *g, const char *x, int n, const int64_t *perm);
extern const char *bm_onnx_reshape(BmOnnxGraph *g, const char *x, int n, const int64_t *dims);
extern const char *bm_onnx_pick(BmOnnxGraph *g, const char *x, int64_t i, int axis);
extern const char *bm_onnx_linear(BmOnnxGraph *g, const char *x, const float *w, const float *b,
								  size_t I, size_t O);
/* Layer normalisation over the last dimension; gain and bias (2,D). */
extern const char *bm_onnx_norm(BmOnnxGraph *g, const char *x, const float *gb, size_t D);
/* x (N,T,D) plus the last T rows of position (L,D), whose row 0 is that of the newest step. */
extern const char *bm_onnx_position(BmOnnxGraph *g, const char *x, const float *position, size_t L,
									size_t D);

/* Weights of multi-head attention as attention.h takes them, with projections. */
typedef struct BmOnnxAttention
{
	const float *wqkv, *bqkv, *wo, *bo;
	size_t D, H;
	bool causal;
} BmOnnxAttention;

extern const char *bm_onnx_attention(BmOnnxGraph *g, const char *x, const BmOnnxAttention *a);

/* Weights of a recurrent layer as recurrent.h takes them; lstm: four gates, else the three of a gru. */
typedef struct BmOnnxRecurrent
{
	const float *W, *b, *U, *c;
	size_t I, H;
	bool lstm;
} BmOnnxRecurrent;

/* x (N,T,I) to the states (N,T,H). */
extern const char *bm_onnx_recurrent(BmOnnxGraph *g, const char *x, const BmOnnxRecurrent *r);

/* ---- what goes in and out ---- */

extern void bm_onnx_input(BmOnnxGraph *g, const char *name, int type, int n, const int64_t *dims);
/* The value x is answered as name, a tensor of floats (batch, width). */
extern void bm_onnx_output(BmOnnxGraph *g, const char *name, const char *x, int64_t width);

#endif
