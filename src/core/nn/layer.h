/*
 * layer.h
 *		The layers of a network as data: one BmLayerType for each kind, with its rule of shapes, its
 *		parameters, what it keeps and its passes. A network (network.h) is a list of them.
 *
 * Layout. A batch is packed rows: S samples, and of windows T rows, each sample's one after the other,
 * oldest first, without padding. What a layer answers for one row has up to three dimensions and is
 * contiguous, channels last (height, width, channels): a convolution then is a product with a row of
 * channels as its vector, and flattening costs nothing.
 */
#ifndef BM_LAYER_H
#define BM_LAYER_H

#include "core/nn/activation.h"
#include "core/nn/attention.h"
#include "core/num/tensor.h"

#define BM_LAYER_INPUTS 8  /* layers that one reads */
#define BM_LAYER_PARAMS 6  /* named parameters of one */
#define BM_LAYER_WINDOW -1 /* steps: as many rows as the sample's window has */

/* The shape of one row, and whether a sample has several. */
typedef struct BmDims
{
	int steps; /* 0: a sample is one row; n: exactly n rows; BM_LAYER_WINDOW */
	int rank;  /* 1..3 */
	size_t d[3];
} BmDims;

typedef enum BmPadding
{
	BM_PAD_VALID = 0,
	BM_PAD_SAME,  /* as many outputs as ceil(inputs / stride), zeros around */
	BM_PAD_CAUSAL /* conv1d: zeros before, so that no step sees a later one */
} BmPadding;

/* One layer as the user states it; what a type does not know is 0. */
typedef struct BmLayerSpec
{
	int type;                   /* index into bmc_layer_types */
	int inputs;                 /* layers read; 0: the one before */
	int input[BM_LAYER_INPUTS]; /* their indexes, lower than the own; -1: the network's input */
	int units;                  /* width of the answer, filters */
	int heads;
	int size[2];     /* kernel or pool: height, width */
	int stride[2];   /* 0: 1, or a pool's size */
	int dilation[2]; /* 0: 1 */
	int padding;     /* BmPadding */
	int causal;      /* attention: 1 = no token sees a later one */
	float rate;      /* dropout */
} BmLayerSpec;

typedef struct BmLayerType BmLayerType;

/* A layer in its place: shapes known, places of its parameters. */
typedef struct BmLayer
{
	const BmLayerType *type;
	BmLayerSpec spec;
	BmDims in[BM_LAYER_INPUTS], out;
	size_t params, at;      /* floats trained, and their place in the network's vector */
	size_t state, state_at; /* floats kept beside (running averages) */
	bool inplace;           /* shares its input's buffer */
	int fused;              /* layers after this one that it does, too */
	bool done_before;       /* by the layer that fused it */
	bool learns;            /* it, or a layer before it, has parameters */
	bool newest;            /* answers the newest row of each sequence alone: no more is read */
	bool gathers[BM_LAYER_INPUTS]; /* of this input it reads the newest rows alone */
	uint64_t stream;               /* of its dropout */
} BmLayer;

/* What one pass of a layer over one shard's rows works on. */
typedef struct BmLayerCall
{
	const BmLayer *l;
	size_t rows, out_rows; /* of the first input, and of the answer */
	const BmRagged *r;     /* the input's sequences; with steps only */
	const float *w;        /* (params) */
	float *dw;             /* (params) +=; NULL: not wanted */
	const float *state;    /* (state) */
	const float *x[BM_LAYER_INPUTS];
	float *dx[BM_LAYER_INPUTS]; /* overwritten; NULL: not wanted; dx[0] is dy in place */
	float *y;
	float *dy; /* may be overwritten */
	float *keep, *scratch;
	const double *stats;  /* of the whole batch, for a type with stats */
	const uint32_t *code; /* embedding: (rows, columns) rows of the table */
	const uint32_t *slot; /* embedding: a table row's row in dw */
	size_t columns;
	BmDropout drop;
	bool training;
	BmGemm gemm;
} BmLayerCall;

/* A named parameter of a layer. */
typedef struct BmParam
{
	const char *name;
	int ndim;
	size_t shape[BM_MAX_DIMS];
	float bound; /* starts uniform in (-bound, bound) */
	float start; /* or, with bound 0, at this */
	bool state;  /* is kept, not trained */
} BmParam;

/* Where a rule of shapes says what it needs. */
typedef struct BmShapeFault
{
	char needs[96];
} BmShapeFault;

struct BmLayerType
{
	const char *name;
	const char *options; /* keys that it reads: "units", "size stride padding" */
	int min_inputs, max_inputs;
	/* Fill l->out from l->in; false with what it needs in fault. */
	bool (*shape)(BmLayer *l, int inputs, BmShapeFault *fault);
	int (*params)(const BmLayer *l, BmParam *out); /* NULL: none; in the order of the vector */
	/* Floats kept from forward to backward, and of scratch, for so many input rows. NULL: none. */
	size_t (*keep)(const BmLayer *l, size_t rows);
	size_t (*scratch)(const BmLayer *l, size_t rows);
	void (*forward)(const BmLayerCall *c);
	void (*backward)(const BmLayerCall *c);
	bool inplace;    /* can work in its input's buffer: needs its answer alone to go back */
	bool reads_y;    /* goes back by its answer, so nothing may overwrite that */
	bool is_sparse;  /* parameters are rows of a table, of which a batch touches few */
	bool row_wise;   /* a row of its answer depends on that row of its inputs alone */
	bool can_newest; /* its passes can do with BmLayer.newest, though it reads all rows */
	/*
	 * Sums over the whole batch that the layer needs (batch normalisation): how many doubles, and the
	 * part of a shard's rows in them, going forward and going back.
	 */
	size_t (*stats)(const BmLayer *l);
	void (*add_stats)(const BmLayerCall *c, double *sum, bool back);
	/* From the batch's sums to the new running state. */
	void (*keep_stats)(const BmLayer *l, float *state, const double *sum);
	double (*flops)(const BmLayer *l); /* of one input row's forward pass; NULL: a few per number */
};

enum
{
	BM_LAYER_DENSE,
	BM_LAYER_EMBEDDING,
	BM_LAYER_POSITION,
	BM_LAYER_TOKENS,
	BM_LAYER_CONV2D,
	BM_LAYER_CONV1D,
	BM_LAYER_MAX_POOL2D,
	BM_LAYER_AVERAGE_POOL2D,
	BM_LAYER_GLOBAL_MAX_POOL,
	BM_LAYER_GLOBAL_AVERAGE_POOL,
	BM_LAYER_RELU,
	BM_LAYER_GELU,
	BM_LAYER_SILU,
	BM_LAYER_SIGMOID,
	BM_LAYER_TANH,
	BM_LAYER_SOFTMAX,
	BM_LAYER_LAYER_NORM,
	BM_LAYER_BATCH_NORM,
	BM_LAYER_DROPOUT,
	BM_LAYER_ATTENTION,
	BM_LAYER_GRU,
	BM_LAYER_LSTM,
	BM_LAYER_ADD,
	BM_LAYER_CONCAT,
	BM_LAYER_FLATTEN,
	BM_LAYER_MAP,
	BM_LAYER_LAST,
	BM_LAYER_TYPES
};

extern const BmLayerType *const bmc_layer_types[BM_LAYER_TYPES];
/* Index of the type of this name; -1. */
extern int bmc_layer_find(const char *name);

static inline size_t
bmc_dims_count(const BmDims *s)
{
	size_t n = 1;

	for (int i = 0; i < s->rank; i++)
		n *= s->d[i];
	return n;
}

/* Width of the last dimension: channels. */
static inline size_t
bmc_dims_width(const BmDims *s)
{
	return s->d[s->rank - 1];
}

/* Bound of Glorot and Bengio's (2010) uniform start. */
extern float bmc_glorot(size_t fan_in, size_t fan_out);
/* Dims as a user reads them, "(14, 14, 32)" or "(steps, 64)", into text (size). */
extern void bmc_dims_text(char *text, size_t size, const BmDims *s);

#endif
