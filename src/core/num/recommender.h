/*
 * recommender.h
 *		What every recommender is to the rest of the system: a stepwise fit from sequences to named
 *		tensors, and a score that is a function of a user's history.
 *
 * The same bind/score/explain run in evaluation during training (on tensors in memory) and in
 * serving (on tensors in a mapped file), so a measured quality is the quality that is served.
 * It stands in core/num because core/rec and core/nn both implement it and may not see each other.
 */
#ifndef BM_RECOMMENDER_H
#define BM_RECOMMENDER_H

#include "core/num/fit.h"
#include "core/num/sparse.h"
#include "core/num/tensor.h"

/* What is known of items besides their events. */
typedef struct BmItemFeatures
{
	BmSparse terms; /* (items, terms) what each item is; value > 0: weight of a term's column */
	size_t width;   /* D, of vector; 0: none */
	const float *vector; /* (items, D); 0 throughout: this item has none */
} BmItemFeatures;

/* All users' events in (user, time) order. Codes are dense; items are numbered most frequent first. */
struct BmSequences
{
	size_t nusers;
	size_t nitems;             /* size of the catalogue; some may have no event here */
	const size_t *start;       /* (nusers+1) */
	const uint32_t *item;      /* (start[nusers]) */
	const int64_t *time;       /* same length; microseconds since any epoch, ascending per user */
	const uint8_t *event;      /* same length, behaviour code; may be NULL */
	const float *event_weight; /* (256) weight of a behaviour, >= 0; NULL: all 1 */
	/* A user's first use[u] events are training data, the later ones are hidden; NULL: all. */
	const uint32_t *use; /* (nusers) */
	/* (start[nusers]) weight of every event, in the place of its behaviour's; NULL: that (decay.h). */
	const float *weight;
	const BmItemFeatures *features; /* NULL: nothing is known */
};

/* Number of u's events that a fit may look at. */
static inline size_t
bmc_sequence_length(const BmSequences *s, size_t u)
{
	size_t n = s->start[u + 1] - s->start[u];

	return s->use && s->use[u] < n ? s->use[u] : n;
}

/* What event e says: 0 nothing, as if it had not happened. */
static inline float
bmc_event_weight(const BmSequences *s, size_t e)
{
	if (s->weight)
		return s->weight[e];
	return s->event && s->event_weight ? s->event_weight[s->event[e]] : 1.0f;
}

/* One user's past, oldest first; the last entry is the newest event. Only items the model knows. */
typedef struct BmHistory
{
	size_t n;                  /* may be 0: a cold user */
	const uint32_t *item;      /* (n) codes < nitems */
	const int64_t *time;       /* (n) or NULL */
	const uint8_t *event;      /* (n) or NULL */
	const float *event_weight; /* (256) or NULL */
} BmHistory;

static inline float
bmc_history_weight(const BmHistory *h, size_t e)
{
	return h->event && h->event_weight ? h->event_weight[h->event[e]] : 1.0f;
}

/* What states are multiplied with, where the score of an item is a product. */
typedef struct BmItemMatrix
{
	size_t D;
	const float *item; /* (nitems, D): the tensor item_embedding */
	const int32_t
		*support; /* (nitems) or NULL; items with 0 or less get the least score of the others */
} BmItemMatrix;

typedef struct BmRecommender
{
	const char *name;
	size_t options_size; /* of the option struct */
	size_t bound_size;   /* of the bound model */
	bool warm_start;     /* a fit can go on from earlier weights (BmFit.start) */

	/* ---- fit ---- */
	/* Peak bytes that the fit will take from mem, tensors included (an upper bound within 1.5x). */
	size_t (*fit_bytes)(const BmFitSize *size, const void *options);
	BmStatus (*fit_begin)(BmFit *fit); /* check options against data; allocate state */
	/*
	 * Work for roughly 50 to 200 ms (or poll fit->stop every 50 ms when one step is longer).
	 * BM_MORE, BM_EPOCH after each epoch but the last, BM_OK when the last work is done.
	 * After BM_OK or BM_EPOCH the tensors may be asked for.
	 */
	BmStatus (*fit_step)(BmFit *fit);
	/* Append the current weights under prefix; data stays valid until the next step or fit_end. */
	BmStatus (*fit_tensors)(BmFit *fit, const char *prefix, BmTensors *out);
	void (*fit_end)(BmFit *fit); /* free everything taken from mem, at any time after begin */

	/* ---- answer; never allocates, never touches OpenBLAS unless blas says so ---- */
	/* Fill bound (bound_size bytes) from tensors named prefix*; every index in them is checked.
	 * NULL, or what is wrong ("tensor \"item\" is missing or has another shape"). */
	const char *(*bind)(void *bound, const BmTensors *t, const char *prefix, size_t nitems);
	/* Scratch bytes for scoring up to B histories at once. */
	size_t (*score_bytes)(const void *bound, size_t B);
	/*
	 * scores (B, nitems): higher is better, comparable within one row only; finite. fast_blas:
	 * OpenBLAS may be used (training and bulk), else built-in kernels only (serving).
	 * An empty history gives all zeros, or the model's own prior where it has one.
	 */
	void (*score)(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
				  bool fast_blas);
	/*
	 * Where scores (B, nitems) = state (B, D) . item': the item matrix, and the states of B histories,
	 * so that the best are found without the scores. scratch: score_bytes. Both NULL for the others.
	 */
	BmItemMatrix (*matrix)(const void *bound);
	void (*state)(float *state, const void *bound, const BmHistory *h, size_t B, void *scratch,
				  bool fast_blas);
	/*
	 * share (n, h->n): how much each history event contributed to the score of items[0..n-1];
	 * non-negative, a row sums to 1 or is all 0 when nothing did. Exact for linear models; for networks
	 * see their file.
	 */
	void (*explain)(float *share, const void *bound, const BmHistory *h, const uint32_t *items,
					size_t n, void *scratch);
	/* scores (nitems): similarity of every item to this one, the item itself -INFINITY; NULL: score of the one-item history. */
	void (*similar)(float *scores, const void *bound, uint32_t item, void *scratch);
	/* Name of the (nitems, D) tensor that embeds items, or NULL. */
	const char *item_embedding;
	/*
	 * What it says of items that had no event in the fit means something. Of the others' scores of such
	 * items nothing is believed: see blend.h.
	 */
	bool knows_cold;
} BmRecommender;

#endif
