/*
 * caser_encoder.c
 *		Caser (Tang and Wang 2018) as a history encoder: horizontal and vertical convolutions over the
 *		newest K events, seen as an image of K x D.
 *
 * Horizontal filters of every height 1..K slide over the window, ReLU, the largest value over time;
 * vertical filters weigh the K events. Instead of a stored vector of the user, whom a model need not
 * know, the mean of the history's items speaks for the long term. Then
 * h = norm(relu(features W1 + b1) W2 + b2).
 *
 * A filter of height k at an event looks at the k events up to it, whatever the window, so it is
 * computed once an event; the window only bounds the maximum over time.
 */
#include <stdio.h>
#include <math.h>
#include <string.h>

#include "core/nn/conv1d.h"
#include "core/nn/next_item_state.h"
#include "core/nn/norm.h"
#include "core/num/vec.h"

#define MAX_WINDOW 32
#define MAX_FILTERS 256

typedef struct Weights
{
	float *wh[MAX_WINDOW]; /* height k at k-1: (kD,C) */
	float *bh[MAX_WINDOW]; /* (C) */
	float *wv;             /* (V,K), oldest event first */
	float *w1;             /* (KC + VD + D, D) */
	float *b1;             /* (D) */
	float *w2;             /* (D,D) */
	float *b2;             /* (D) */
	float *norm;           /* (2,D) */
} Weights;

_Static_assert(sizeof(Weights) <= sizeof(BmWeights), "a weight has no place");

/* ---- sizes and storage; of the shape F is the number of vertical filters ---- */

static const char *
shape(BmNetShape *s, const BmNextOptions *o)
{
	if (o->kernel < 1 || o->kernel > MAX_WINDOW)
		return "window must be between 1 and 32";
	if (o->filters < 1 || o->filters > MAX_FILTERS)
		return "filters must be between 1 and 256";
	if (o->vertical < 1 || o->vertical > MAX_FILTERS)
		return "vertical must be between 1 and 256";
	s->K = (size_t) o->kernel;
	s->C = (size_t) o->filters;
	s->F = (size_t) o->vertical;
	return NULL;
}

/* Features of a token: the filters' maxima, the vertical sums, the mean. */
static size_t
width(const BmNetShape *s)
{
	return s->K * s->C + s->F * s->D + s->D;
}

static int
tensors(BmNetTensor *out, BmWeights *weights, const BmNetShape *s)
{
	Weights *w = (Weights *) weights->at;
	size_t D = s->D, Z = width(s);
	int n = 0;

	for (size_t k = 1; k <= s->K; k++)
	{
		float std = sqrtf(2.0f / (float) (k * D));

		out[n] = (BmNetTensor){"", {k * D, s->C}, 2, &w->wh[k - 1], std};
		snprintf(out[n++].name, sizeof(out[n].name), "horizontal%zu.w", k);
		out[n] = (BmNetTensor){"", {s->C, 0}, 1, &w->bh[k - 1], 0.0f};
		snprintf(out[n++].name, sizeof(out[n].name), "horizontal%zu.b", k);
	}
	out[n++] = (BmNetTensor){"vertical", {s->F, s->K}, 2, &w->wv, 1.0f / sqrtf((float) s->K)};
	out[n++] = (BmNetTensor){"w1", {Z, D}, 2, &w->w1, sqrtf(2.0f / (float) Z)};
	out[n++] = (BmNetTensor){"b1", {D, 0}, 1, &w->b1, 0.0f};
	out[n++] = (BmNetTensor){"w2", {D, D}, 2, &w->w2, 1.0f / sqrtf((float) D)};
	out[n++] = (BmNetTensor){"b2", {D, 0}, 1, &w->b2, 0.0f};
	out[n++] = (BmNetTensor){"norm", {2, D}, 2, &w->norm, BM_INIT_NORM};
	return n;
}

static double
flops(const BmNetShape *s)
{
	double K = (double) s->K, D = (double) s->D;

	return 3.0 * K * (K + 1.0) * D * (double) s->C + 6.0 * D * (K * (double) s->F + D) +
		   6.0 * (double) width(s) * D;
}

/* ---- one training pass ---- */

typedef struct Pass
{
	BmNetShape shape;
	size_t T;        /* tokens of room */
	float *x;        /* (T,D) inputs */
	float *col;      /* (T,KD) the window of each token, oldest first */
	float *filter;   /* (T,KC) horizontal filters after ReLU */
	uint8_t *from;   /* (T,KC) how many tokens back the maximum is */
	float *feature;  /* (T,Z) */
	float *z;        /* (T,D) */
	float *out;      /* (T,D) before the norm */
	float *stat;     /* (2,T) mean, rstd */
	float *hidden;   /* (T,D) */
	float *dhidden;  /* (T,D) */
	float *dcol;     /* (T,KD) */
	float *dfilter;  /* (T,KC) */
	float *dfeature; /* (T,Z) */
	float *dz;       /* (T,D) */
	float *dx;       /* (T,D) */
} Pass;

_Static_assert(sizeof(Pass) <= BM_MAX_PASS, "a pass has no place");

static void
lay_out(void *pass, const BmNetShape *s, size_t T, BmArena *arena)
{
	Pass *p = pass;
	size_t f = sizeof(float), TD = bmc_mul(T, s->D), TF = bmc_mul(T, s->K * s->C);
	size_t TZ = bmc_mul(T, width(s));

	p->shape = *s;
	p->T = T;
	p->x = bmc_take(arena, TD, f);
	p->col = bmc_take(arena, bmc_mul(TD, s->K), f);
	p->filter = bmc_take(arena, TF, f);
	p->from = bmc_take(arena, TF, 1);
	p->feature = bmc_take(arena, TZ, f);
	p->z = bmc_take(arena, TD, f);
	p->out = bmc_take(arena, TD, f);
	p->stat = bmc_take(arena, bmc_mul(T, 2), f);
	p->hidden = bmc_take(arena, TD, f);
	p->dhidden = bmc_take(arena, TD, f);
	p->dcol = bmc_take(arena, bmc_mul(TD, s->K), f);
	p->dfilter = bmc_take(arena, TF, f);
	p->dfeature = bmc_take(arena, TZ, f);
	p->dz = bmc_take(arena, TD, f);
	p->dx = bmc_take(arena, TD, f);
}

static size_t
pass_size(const BmNetShape *s, size_t T)
{
	return bmc_pass_size(sizeof(Pass), lay_out, s, T);
}

static void *
pass(const BmNetShape *s, size_t T, void *memory)
{
	return bmc_pass(sizeof(Pass), lay_out, s, T, memory);
}

static float *
gradient(void *pass)
{
	return ((Pass *) pass)->dhidden;
}

static const BmDropout no_drop; /* p = 0 */

static BmDropout
feature_site(BmDropout drop)
{
	drop.stream++;
	return drop;
}

/* Every filter at every token, from the windows' newest k tokens. */
static void
horizontal_forward(Pass *p, const Weights *w, size_t T, BmGemm gemm)
{
	const BmNetShape *s = &p->shape;
	size_t D = s->D, C = s->C, KD = s->K * D, KC = s->K * C;

	for (size_t k = 1; k <= s->K; k++)
	{
		float *y = p->filter + (k - 1) * C;

		for (size_t t = 0; t < T; t++)
			memcpy(y + t * KC, w->bh[k - 1], C * sizeof(float));
		gemm(false, false, T, C, k * D, 1.0f, p->col + KD - k * D, KD, w->wh[k - 1], C, 1.0f, y,
			 KC);
	}
	bmc_relu_forward(p->filter, T * KC, no_drop);
}

/* The features of token t of n, n counted from its sequence's start: maxima over the window. */
static void
largest(Pass *p, size_t t, size_t n)
{
	const BmNetShape *s = &p->shape;
	size_t C = s->C, KC = s->K * C;

	for (size_t k = 1; k <= s->K; k++)
	{
		float *y = p->feature + t * width(s) + (k - 1) * C;
		uint8_t *from = p->from + t * KC + (k - 1) * C;

		memcpy(y, p->filter + t * KC + (k - 1) * C, C * sizeof(float));
		memset(from, 0, C);
		for (size_t back = 1; back <= s->K - k && back <= n; back++)
		{
			const float *older = p->filter + (t - back) * KC + (k - 1) * C;

			for (size_t c = 0; c < C; c++)
				if (older[c] > y[c])
				{
					y[c] = older[c];
					from[c] = (uint8_t) back;
				}
		}
	}
}

/* Vertical filters of token t, and the mean of its sequence so far: sum (D) holds the sum. */
static void
vertical_and_mean(Pass *p, const Weights *w, size_t t, size_t n, float *sum)
{
	const BmNetShape *s = &p->shape;
	size_t D = s->D;
	float *y = p->feature + t * width(s) + s->K * s->C;

	memset(y, 0, (s->F + 1) * D * sizeof(float));
	for (size_t v = 0; v < s->F; v++, y += D)
		for (size_t k = 0; k < s->K; k++)
			bmc_axpy(y, w->wv[v * s->K + k], p->col + (t * s->K + k) * D, D);
	bmc_axpy(sum, 1.0f, p->x + t * D, D);
	bmc_axpy(y, 1.0f / (float) (n + 1), sum, D);
}

static void
features(Pass *p, const Weights *w, const BmRagged *r)
{
	float *sum = p->dz; /* free until the backward pass */

	for (size_t i = 0; i < r->S; i++)
	{
		size_t first = r->start[i] - r->start[0], n = r->start[i + 1] - r->start[i];

		memset(sum, 0, p->shape.D * sizeof(float));
		for (size_t t = 0; t < n; t++)
		{
			largest(p, first + t, t);
			vertical_and_mean(p, w, first + t, t, sum);
		}
	}
}

static const float *
forward(void *pass, const BmWeights *weights, const float *E, const BmRagged *r, BmDropout drop,
		BmGemm gemm)
{
	Pass *p = pass;
	const Weights *w = (const Weights *) weights->at;
	const BmNetShape *s = &p->shape;
	size_t T = bmc_ragged_tokens(r), D = s->D, Z = width(s);
	BmConv1d window = bmc_conv1d_causal(s->K, 1);

	bmc_embed_forward(p->x, r, E, NULL, bmc_input_scale(s), D);
	bmc_dropout(p->x, T * D, drop);
	bmc_conv1d_gather(p->col, p->x, &window, r, D);
	horizontal_forward(p, w, T, gemm);
	features(p, w, r);
	bmc_dropout(p->feature, T * Z, feature_site(drop));
	bmc_linear_forward(p->z, D, p->feature, w->w1, D, w->b1, T, Z, D, gemm);
	bmc_relu_forward(p->z, T * D, no_drop);
	bmc_linear_forward(p->out, D, p->z, w->w2, D, w->b2, T, D, D, gemm);
	bmc_norm_forward(p->hidden, p->stat, p->stat + p->T, p->out, w->norm, T, D);
	return p->hidden;
}

/* From dfeature to dfilter, dcol (vertical part), dx (mean's part) of one sequence; dwv NULL: not wanted. */
static void
features_backward(Pass *p, const Weights *w, float *dwv, size_t first, size_t n)
{
	const BmNetShape *s = &p->shape;
	size_t D = s->D, KC = s->K * s->C;
	float *sum = p->dz; /* used up by now */

	memset(sum, 0, D * sizeof(float));
	for (size_t i = n; i-- > 0;)
	{
		size_t t = first + i;
		const float *dy = p->dfeature + t * width(s);

		for (size_t c = 0; c < KC; c++)
			p->dfilter[(t - p->from[t * KC + c]) * KC + c] += dy[c];
		dy += KC;
		for (size_t v = 0; v < s->F; v++, dy += D)
			for (size_t k = 0; k < s->K; k++)
			{
				size_t at = (t * s->K + k) * D;

				bmc_axpy(p->dcol + at, w->wv[v * s->K + k], dy, D);
				if (dwv)
					dwv[v * s->K + k] += bmc_dot(p->col + at, dy, D);
			}
		bmc_axpy(sum, 1.0f / (float) (i + 1), dy, D);
		memcpy(p->dx + t * D, sum, D * sizeof(float));
	}
}

/* dfilter through ReLU to the filters and dcol. */
static void
horizontal_backward(Pass *p, const Weights *w, const Weights *d, size_t T, BmGemm gemm)
{
	const BmNetShape *s = &p->shape;
	size_t D = s->D, C = s->C, KD = s->K * D, KC = s->K * C;

	bmc_relu_backward(p->dfilter, p->filter, T * KC, 0.0f);
	for (size_t k = 1; k <= s->K; k++)
	{
		const float *dy = p->dfilter + (k - 1) * C;
		size_t at = KD - k * D;

		gemm(false, true, T, k * D, C, 1.0f, dy, KC, w->wh[k - 1], C, 1.0f, p->dcol + at, KD);
		if (d->w1 == NULL)
			continue;
		gemm(true, false, k * D, C, T, 1.0f, p->col + at, KD, dy, KC, 1.0f, d->wh[k - 1], C);
		for (size_t t = 0; t < T; t++)
			bmc_axpy(d->bh[k - 1], 1.0f, dy + t * KC, C);
	}
}

static const float *
backward(void *pass, const BmWeights *weights, BmWeights *dweights, float *dE, const uint32_t *slot,
		 const BmRagged *r, BmDropout drop, BmGemm gemm)
{
	static const Weights none; /* all NULL: no gradients of weights */
	Pass *p = pass;
	const Weights *w = (const Weights *) weights->at;
	const Weights *d = dweights ? (const Weights *) dweights->at : &none;
	const BmNetShape *s = &p->shape;
	size_t T = bmc_ragged_tokens(r), D = s->D, Z = width(s);
	BmConv1d window = bmc_conv1d_causal(s->K, 1);

	memset(p->dx, 0, T * D * sizeof(float));
	bmc_norm_backward(p->dx, d->norm, p->dhidden, p->out, w->norm, p->stat, p->stat + p->T, T, D);
	bmc_linear_backward(p->dz, d->w2, d->b2, p->dx, p->z, w->w2, T, D, D, gemm);
	bmc_relu_backward(p->dz, p->z, T * D, 0.0f);
	bmc_linear_backward(p->dfeature, d->w1, d->b1, p->dz, p->feature, w->w1, T, Z, D, gemm);
	bmc_dropout(p->dfeature, T * Z, feature_site(drop));
	memset(p->dfilter, 0, T * s->K * s->C * sizeof(float));
	memset(p->dcol, 0, T * s->K * D * sizeof(float));
	for (size_t i = 0; i < r->S; i++)
		features_backward(p, w, d->wv, r->start[i] - r->start[0], r->start[i + 1] - r->start[i]);
	horizontal_backward(p, w, d, T, gemm);
	bmc_conv1d_scatter(p->dx, p->dcol, &window, r, D);
	bmc_dropout(p->dx, T * D, drop);
	if (dweights)
		bmc_embed_backward(dE, NULL, p->dx, r, slot, bmc_input_scale(s), D);
	return p->dx;
}

const BmHistoryEncoder bmc_caser_encoder = {
	.chunk = 1024,
	.shape = shape,
	.config = {offsetof(BmNextOptions, length), offsetof(BmNextOptions, kernel),
			   offsetof(BmNextOptions, filters), offsetof(BmNextOptions, vertical)},
	.tensors = tensors,
	.flops = flops,
	.pass_size = pass_size,
	.pass = pass,
	.forward = forward,
	.gradient = gradient,
	.backward = backward,
};

BM_NEXT_RECOMMENDER(bmc_caser, "caser", bmc_caser_encoder);
