/*
 * next_item_answer.c
 *		What a fitted network of next_item.h answers: scores of all items for histories, similar items,
 *		and how much each event of a history contributed.
 *
 * Only the newest L events of a history count, and events of weight 0 not at all. An item without
 * any training event has an embedding that nothing has taught; its score is the least of the row.
 *
 * explain attributes the lead of an item over the mean item (under the predicted probabilities) to
 * the history's tokens; see bmc_trace_attribute. Events that speak against the item get 0; if all do,
 * the sizes of the parts are taken instead. The shares are scaled to sum to 1.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/num/lanes.h"
#include "core/nn/next_item_state.h"

#define GROUP_TOKENS 1024 /* histories encoded together, in tokens */

/* ---- bind ---- */

/* "tensor "name" is missing or has another shape"; the sentence lives in the bound model. */
static const char *
missing(BmNextBound *b, const char *name)
{
	snprintf(b->wrong, sizeof(b->wrong), "tensor \"%.63s\" is missing or has another shape", name);
	return b->wrong;
}

/* Options as the tensor "config" keeps them; false: it does not. */
static bool
read_config(BmNextOptions *o, const BmHistoryEncoder *e, const BmTensors *t, const char *prefix)
{
	const BmTensor *config;
	const int32_t *c;
	size_t n = 0;

	while (e->config[n])
		n++;
	n++;
	config = bmc_tensors_find(t, prefix, "config", BM_I32, 1, &n);
	c = config ? config->data : NULL;
	if (c == NULL || c[0] != BM_NEXT_FORMAT)
		return false;
	for (size_t i = 1; i < n; i++)
		*bmc_next_option(o, e->config[i - 1]) = c[i];
	return true;
}

/* The sizes that the stored tensors tell. */
static const char *
bind_shape(BmNextBound *b, const BmTensors *t, const char *prefix, const BmTensor *item)
{
	BmNextOptions o = {.dim = (int) item->shape[1]};
	const char *wrong;

	if (!read_config(&o, b->encoder, t, prefix))
		return "tensor \"config\" is missing, has another shape or an unknown format";
	wrong = b->encoder->stored ? b->encoder->stored(&o, t, prefix) : NULL;
	if (wrong)
		return wrong;
	wrong = bmc_next_shape(&b->shape, b->encoder, &o, item->shape[0]);
	if (wrong == NULL)
		return NULL;
	snprintf(b->wrong, sizeof(b->wrong), "tensor \"config\" is impossible: %s", wrong);
	return b->wrong;
}

const char *
bmc_next_bind(const BmHistoryEncoder *e, void *bound, const BmTensors *t, const char *prefix,
			  size_t nitems)
{
	BmNextBound *b = bound;
	BmNetTensor want[BM_MAX_TENSORS];
	const BmTensor *item = bmc_tensors_find(t, prefix, "item", BM_F32, 2, (size_t[]){nitems, 0});
	const BmTensor *support = bmc_tensors_find(t, prefix, "support", BM_I32, 1, &nitems);
	const char *wrong;
	int n;

	memset(b, 0, sizeof(*b));
	b->encoder = e;
	if (item == NULL || item->shape[1] < 1 || item->shape[1] > BM_NEXT_MAX_DIM)
		return missing(b, "item");
	wrong = bind_shape(b, t, prefix, item);
	if (wrong)
		return wrong;
	n = e->tensors(want, &b->weights, &b->shape);
	for (int i = 0; i < n; i++)
	{
		const BmTensor *have =
			bmc_tensors_find(t, prefix, want[i].name, BM_F32, want[i].ndim, want[i].shape);

		if (have == NULL)
			return missing(b, want[i].name);
		*want[i].at = (float *) have->data; /* read only from here on */
	}
	if (support == NULL)
		return missing(b, "support");
	b->support = support->data;
	b->item = item->data;
	return NULL;
}

/* ---- score ---- */

/* Tokens encoded together when B histories are scored. */
static size_t
group_tokens(const BmNextBound *b, size_t B)
{
	size_t all = bmc_mul(B, b->shape.L);
	size_t most = b->shape.L > GROUP_TOKENS ? b->shape.L : GROUP_TOKENS;

	return all < most ? all : most;
}

/* Scratch of score: packed items, starts, rows of the histories that have events, states, encoder. */
typedef struct Room
{
	uint32_t *item;  /* (T) */
	uint32_t *start; /* (B+1) */
	uint32_t *row;   /* (B) history of a packed sequence */
	float *state;    /* (B,D) */
	void *encode;
} Room;

static size_t
room_size(const BmNextBound *b, size_t T, size_t B)
{
	size_t total = bmc_take_size(T, sizeof(uint32_t));

	total = bmc_add(total, bmc_take_size(bmc_add(B, 1), sizeof(uint32_t)));
	total = bmc_add(total, bmc_take_size(B, sizeof(uint32_t)));
	total = bmc_add(total, bmc_take_size(bmc_mul(B, b->shape.D), sizeof(float)));
	return bmc_add(total, bmc_encode_size(b->encoder, &b->shape, T, B));
}

static size_t
explain_size(const BmNextBound *b)
{
	const BmNetShape *s = &b->shape;
	size_t f = sizeof(float), total = bmc_trace_size(b->encoder, s, s->L);

	total = bmc_add(total, bmc_mul(2, bmc_take_size(s->L, sizeof(uint32_t))));
	total = bmc_add(total, bmc_take_size(s->L, f));
	total = bmc_add(total, bmc_mul(2, bmc_take_size(s->D, f)));
	return bmc_add(total, bmc_take_size(s->N, f));
}

size_t
bmc_next_score_bytes(const void *bound, size_t B)
{
	const BmNextBound *b = bound;
	size_t score = room_size(b, group_tokens(b, B), B), explain = explain_size(b);

	score = bmc_add(score, bmc_take_size(bmc_mul(B, b->shape.D), sizeof(float)));
	return score > explain ? score : explain;
}

static bool
counts(const BmHistory *h, size_t i)
{
	return !(h->event && h->event_weight) || h->event_weight[h->event[i]] > 0.0f;
}

/* item gets the newest (at most L) events that count, oldest first, and at their places in h. */
static size_t
recent_events(uint32_t *item, uint32_t *at, const BmHistory *h, size_t L)
{
	size_t n = 0, first = h->n;

	while (first > 0 && n < L)
		n += counts(h, --first) ? 1 : 0;
	n = 0;
	for (size_t i = first; i < h->n; i++)
		if (counts(h, i))
		{
			if (at)
				at[n] = (uint32_t) i;
			item[n++] = h->item[i];
		}
	return n;
}

/* Items that nothing has taught rank last: they get the row's least score. */
static void
sink_untaught(float *score, const int32_t *support, size_t N)
{
	float least = INFINITY;

	for (size_t i = 0; i < N; i++)
		if (support[i] > 0 && score[i] < least)
			least = score[i];
	if (least == INFINITY)
		least = 0.0f;
	for (size_t i = 0; i < N; i++)
		if (support[i] <= 0)
			score[i] = least;
}

BmItemMatrix
bmc_next_matrix(const void *bound)
{
	const BmNextBound *b = bound;

	return (BmItemMatrix){b->shape.D, b->item, b->support};
}

/* A history without an event that counts has the state 0. */
void
bmc_next_state(float *state, const void *bound, const BmHistory *h, size_t B, void *scratch,
			   bool fast_blas)
{
	const BmNextBound *b = bound;
	size_t T = group_tokens(b, B), D = b->shape.D, next = 0;
	BmArena arena = {scratch, bmc_next_score_bytes(bound, B), 0};
	Room m;

	m.item = bmc_take(&arena, T, sizeof(uint32_t));
	m.start = bmc_take(&arena, B + 1, sizeof(uint32_t));
	m.row = bmc_take(&arena, B, sizeof(uint32_t));
	m.state = bmc_take(&arena, B * D, sizeof(float));
	m.encode = arena.base + arena.used;
	memset(state, 0, B * D * sizeof(float));
	while (next < B)
	{
		BmRagged r = {0, m.start, m.item};

		m.start[0] = 0;
		for (; next < B && m.start[r.S] + b->shape.L <= T; next++)
		{
			size_t n = recent_events(m.item + m.start[r.S], NULL, &h[next], b->shape.L);

			if (n == 0)
				continue;
			m.row[r.S++] = (uint32_t) next;
			m.start[r.S] = m.start[r.S - 1] + (uint32_t) n;
		}
		if (r.S == 0)
			continue;
		bmc_encode(m.state, b->encoder, &b->shape, &b->weights, b->item, &r, m.encode,
				   fast_blas ? bmc_gemm : bmc_gemm_builtin);
		for (size_t s = 0; s < r.S; s++)
			memcpy(state + m.row[s] * D, m.state + s * D, D * sizeof(float));
	}
}

void
bmc_next_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
			   bool fast_blas)
{
	const BmNextBound *b = bound;
	size_t N = b->shape.N, D = b->shape.D;
	BmArena arena = {scratch, bmc_next_score_bytes(bound, B), 0};
	float *state = bmc_take(&arena, B * D, sizeof(float));

	bmc_next_state(state, bound, h, B, arena.base + arena.used, fast_blas);
	if (fast_blas && B > 1)
		bmc_gemm(false, true, B, N, D, 1.0f, state, D, b->item, D, 0.0f, scores, N);
	else
		for (size_t s = 0; s < B; s++)
			for (size_t i = 0; i < N; i++)
				scores[s * N + i] = bmc_dot(b->item + i * D, state + s * D, D);
	for (size_t s = 0; s < B; s++)
		sink_untaught(scores + s * N, b->support, N);
}

/* ---- explain and similar ---- */

/* mean (D) = sum over items of p(item) E[item], p = softmax(<E, state>) in p (N). */
static void
mean_item(float *mean, const BmNextBound *b, const float *state, float *p)
{
	size_t N = b->shape.N, D = b->shape.D;
	float sum;

	for (size_t i = 0; i < N; i++)
		p[i] = bmc_dot(b->item + i * D, state, D);
	sum = bmc_exp_sum(p, p, bmc_max(p, N), N);
	memset(mean, 0, D * sizeof(float));
	for (size_t i = 0; i < N; i++)
		bmc_axpy(mean, p[i] / sum, b->item + i * D, D);
}

/* share (n) = products clipped at 0 (or their sizes when none is positive), scaled to sum to 1. */
static void
to_shares(float *share, const BmHistory *h, const float *product, const uint32_t *at, size_t n)
{
	double total = 0.0;
	bool any = false;

	memset(share, 0, h->n * sizeof(float));
	for (size_t i = 0; i < n; i++)
		any = any || product[i] > 0.0f;
	for (size_t i = 0; i < n; i++)
	{
		share[at[i]] = any ? fmaxf(product[i], 0.0f) : fabsf(product[i]);
		total += share[at[i]];
	}
	for (size_t i = 0; i < n && total > 0.0; i++)
		share[at[i]] = (float) (share[at[i]] / total);
}

void
bmc_next_explain(float *share, const void *bound, const BmHistory *h, const uint32_t *items,
				 size_t n, void *scratch)
{
	const BmNextBound *b = bound;
	const BmNetShape *s = &b->shape;
	BmArena arena = {scratch, explain_size(b), 0};
	uint32_t *recent = bmc_take(&arena, s->L, sizeof(uint32_t));
	uint32_t *at = bmc_take(&arena, s->L, sizeof(uint32_t));
	float *part = bmc_take(&arena, s->L, sizeof(float));
	float *mean = bmc_take(&arena, s->D, sizeof(float));
	float *target = bmc_take(&arena, s->D, sizeof(float));
	float *p = bmc_take(&arena, s->N, sizeof(float));
	size_t T = recent_events(recent, at, h, s->L);
	uint32_t start[2] = {0, (uint32_t) T};
	BmRagged r = {1, start, recent};
	BmTrace trace;

	memset(share, 0, n * h->n * sizeof(float));
	if (T == 0)
		return;
	bmc_trace_begin(&trace, b->encoder, s, &b->weights, b->item, &r, arena.base + arena.used);
	mean_item(mean, b, trace.state, p);
	for (size_t i = 0; i < n; i++)
	{
		memcpy(target, b->item + (size_t) items[i] * s->D, s->D * sizeof(float));
		bmc_axpy(target, -1.0f, mean, s->D);
		bmc_trace_attribute(part, &trace, target);
		to_shares(share + i * h->n, h, part, at, T);
	}
}

/* Cosine of the embeddings; items that nothing has taught get -1, or 0 all round for such an item. */
void
bmc_next_similar(float *scores, const void *bound, uint32_t item, void *scratch)
{
	const BmNextBound *b = bound;
	size_t N = b->shape.N, D = b->shape.D;
	const float *own = b->item + (size_t) item * D;
	float size = sqrtf(bmc_dot(own, own, D));

	for (size_t i = 0; i < N; i++)
	{
		const float *e = b->item + i * D;
		float product = size * sqrtf(bmc_dot(e, e, D));

		scores[i] = b->support[item] <= 0 ? 0.0f
					: b->support[i] <= 0  ? -1.0f
					: product > 0.0f      ? bmc_dot(own, e, D) / product
										  : 0.0f;
	}
	scores[item] = -INFINITY;
}
