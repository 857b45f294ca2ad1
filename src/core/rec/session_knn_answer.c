/*
 * session_knn_answer.c
 *		What nearest sessions answer: the evolving session against the index, the k best vote.
 */
#include <math.h>
#include <string.h>

#include "core/num/mem.h"
#include "core/num/topk.h"
#include "core/num/vec.h"
#include "core/rec/index_check.h"
#include "core/rec/session_knn.h"

#define MINUTE 60000000.0
#define MOST_LAST 256 /* distinct items of an evolving session */
#define MOST_NEIGHBOURS BM_MAX_K
#define DISTANCE_STEP 0.1f /* of the linear weighting */

/* ---- bind ---- */

static const char *
bind_config(BmSessionBound *b, const float *c)
{
	if (!(c[0] >= 1.0f && c[0] <= (float) MOST_NEIGHBOURS) ||
		!(c[1] >= 1.0f && c[1] <= (float) MOST_LAST) || !(c[2] == 0.0f || c[2] == 1.0f) ||
		!(c[3] > 0.0f) || !(c[4] > 0.0f) || !(c[5] > 0.0f) || !(c[6] == 0.0f || c[6] == 1.0f) ||
		!(c[7] >= 0.0f))
		return "tensor \"config\" is out of range";
	b->neighbours = (size_t) c[0];
	b->last = (size_t) c[1];
	b->weight = (BmSessionWeight) c[2];
	b->l1 = c[3];
	b->l2 = c[4];
	b->l3 = c[5];
	b->repeats = c[6] == 1.0f;
	b->half_life = c[7];
	return NULL;
}

const char *
bmc_session_knn_bind(void *bound, const BmTensors *t, const char *prefix, size_t nitems)
{
	BmSessionBound *b = bound;
	size_t any = 0, N1 = nitems + 1, config = BM_SESSION_CONFIG, S1;
	const BmTensor *minute = bmc_tensors_find(t, prefix, "minute", BM_I32, 1, &any);
	const BmTensor *item = bmc_tensors_find(t, prefix, "item", BM_I32, 1, &any);
	const BmTensor *index = bmc_tensors_find(t, prefix, "index", BM_I32, 1, &any);
	const BmTensor *at = bmc_tensors_find(t, prefix, "index_start", BM_I32, 1, &N1);
	const BmTensor *idf = bmc_tensors_find(t, prefix, "idf", BM_F32, 1, &nitems);
	const BmTensor *repeat = bmc_tensors_find(t, prefix, "repeat", BM_F32, 1, &nitems);
	const BmTensor *c = bmc_tensors_find(t, prefix, "config", BM_F32, 1, &config);
	const BmTensor *start;

	if (!minute || !item || !index || !at || !idf || !repeat || !c)
		return "one of the tensors \"minute\", \"item\", \"index\", \"index_start\", \"idf\", "
			   "\"repeat\", \"config\" is missing or has another shape";
	S1 = minute->shape[0] + 1;
	start = bmc_tensors_find(t, prefix, "start", BM_I32, 1, &S1);
	if (!start)
		return "tensor \"start\" is missing or has another shape";
	b->N = nitems;
	b->S = minute->shape[0];
	b->start = start->data;
	b->item = item->data;
	b->minute = minute->data;
	b->index_start = at->data;
	b->index = index->data;
	b->idf = idf->data;
	b->repeat = repeat->data;
	if (!bmc_starts_rise(b->start, b->S, item->shape[0]) ||
		!bmc_starts_rise(b->index_start, nitems, index->shape[0]))
		return "tensors \"start\" and \"item\" or \"index_start\" and \"index\" do not belong "
			   "together";
	if (!bmc_all_below(b->item, item->shape[0], nitems) ||
		!bmc_all_below(b->index, index->shape[0], b->S))
		return "a tensor names an item or a session that does not exist";
	return bind_config(b, c->data);
}

/* ---- neighbours ---- */

/* Scratch of one history. */
typedef struct Vote
{
	float *sim;       /* (S) similarity of every session */
	uint8_t *nearest; /* (S) place of the newest shared item, 0 = the newest item of s */
	uint32_t *chosen; /* (neighbours) */
	float *best;      /* (neighbours) their similarities */
	size_t n;         /* how many */
	/* the evolving session: distinct items, the newest first, and the event that stands for each */
	size_t len;
	uint32_t item[MOST_LAST];
	size_t event[MOST_LAST];
	float part[MOST_LAST]; /* what each adds to a session that has it */
} Vote;

size_t
bmc_session_knn_score_bytes(const void *bound, size_t B)
{
	const BmSessionBound *b = bound;

	(void) B;
	return bmc_add(bmc_add(bmc_take_size(b->S, sizeof(float)), bmc_take_size(b->S, 1)),
				   2 * bmc_take_size(b->neighbours, sizeof(float)));
}

static Vote
vote_take(const BmSessionBound *b, void *scratch)
{
	BmArena arena = {scratch, bmc_session_knn_score_bytes(b, 1), 0};
	Vote v;

	v.sim = bmc_take(&arena, b->S, sizeof(float));
	v.nearest = bmc_take(&arena, b->S, 1);
	v.chosen = bmc_take(&arena, b->neighbours, sizeof(uint32_t));
	v.best = bmc_take(&arena, b->neighbours, sizeof(float));
	v.n = v.len = 0;
	return v;
}

/* The newest distinct items of some weight; their parts by place. */
static void
evolving(Vote *v, const BmSessionBound *b, const BmHistory *h)
{
	for (size_t e = h->n; e-- > 0 && v->len < b->last;)
	{
		bool met = !(bmc_history_weight(h, e) > 0.0f);

		for (size_t i = 0; i < v->len && !met; i++)
			met = v->item[i] == h->item[e];
		if (met)
			continue;
		v->item[v->len] = h->item[e];
		v->event[v->len++] = e;
	}
	for (size_t i = 0; i < v->len; i++)
		v->part[i] = b->weight == BM_SESSION_LINEAR ? (float) (v->len - i) / (float) v->len
													: expf(-(float) i / b->l1);
}

/* Minutes of the history's newest event; without times as late as the newest session. */
static double
now_of(const BmSessionBound *b, const BmHistory *h)
{
	if (h->time && h->n > 0)
		return (double) h->time[h->n - 1] / MINUTE;
	return b->S > 0 ? (double) b->minute[0] : 0.0;
}

/*
 * What a session's similarity is multiplied with: by its age against the newest session; for STAN by its
 * length, and its age at the time of the history's newest event.
 */
static float
session_factor(const BmSessionBound *b, size_t n, double minute, size_t len)
{
	float length = (float) (b->start[n + 1] - b->start[n]), factor = 1.0f;

	if (b->half_life > 0.0f)
		factor = exp2f(-(float) ((double) b->minute[0] - (double) b->minute[n]) / b->half_life);
	if (b->weight == BM_SESSION_STAN)
		factor *= expf(-(float) fabs(minute - (double) b->minute[n]) / b->l2) /
				  sqrtf((float) len * length);
	return factor;
}

/* Similarities of all sessions, then the nearest; ties go to the newer session. */
static void
find_nearest(Vote *v, const BmSessionBound *b, const BmHistory *h)
{
	double now = now_of(b, h);

	memset(v->sim, 0, b->S * sizeof(float));
	for (size_t i = v->len; i-- > 0;) /* the newest item last, so that its place stays */
		for (int32_t at = b->index_start[v->item[i]]; at < b->index_start[v->item[i] + 1]; at++)
		{
			v->sim[b->index[at]] += v->part[i];
			v->nearest[b->index[at]] = (uint8_t) i;
		}
	if (b->weight == BM_SESSION_STAN || b->half_life > 0.0f)
		for (size_t n = 0; n < b->S; n++)
			if (v->sim[n] > 0.0f)
				v->sim[n] *= session_factor(b, n, now, v->len);
	v->n = bmc_topk(v->chosen, v->best, b->neighbours < b->S ? b->neighbours : b->S, v->sim, b->S);
	while (v->n > 0 && !(v->best[v->n - 1] > 0.0f))
		v->n--;
}

/* Place of an item in session n; -1 when it is not in there. */
static int32_t
place_in(const BmSessionBound *b, size_t n, uint32_t item)
{
	for (int32_t e = b->start[n]; e < b->start[n + 1]; e++)
		if ((uint32_t) b->item[e] == item)
			return e - b->start[n];
	return -1;
}

/* Did the item find session n? It remembers its newest sessions only, the lower numbers. */
static bool
finds(const BmSessionBound *b, size_t n, uint32_t item)
{
	int32_t end = b->index_start[item + 1];

	return end > b->index_start[item] && (size_t) b->index[end - 1] >= n &&
		   place_in(b, n, item) >= 0;
}

/* What one unit of similarity of session n gives to its item at place e. */
static float
item_factor(const BmSessionBound *b, const Vote *v, size_t n, int32_t shared, int32_t e)
{
	int32_t place = e - b->start[n];

	if (b->weight == BM_SESSION_STAN)
		return expf(-(float) (place < shared ? shared - place : place - shared) / b->l3);
	return b->idf[b->item[e]] * fmaxf(0.0f, 1.0f - DISTANCE_STEP * (float) v->nearest[n]);
}

/* The newest item: nothing, or by its own chance of coming again against all others together. */
static void
score_newest(float *scores, const BmSessionBound *b, uint32_t item)
{
	scores[item] = 0.0f;
	if (b->repeats)
		scores[item] = b->repeat[item] * (float) bmc_sum(scores, b->N);
}

void
bmc_session_knn_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
					  bool fast_blas)
{
	const BmSessionBound *b = bound;

	(void) fast_blas;
	for (size_t i = 0; i < B; i++, scores += b->N)
	{
		Vote v = vote_take(b, scratch);

		memset(scores, 0, b->N * sizeof(float));
		evolving(&v, b, &h[i]);
		find_nearest(&v, b, &h[i]);
		for (size_t k = 0; k < v.n; k++)
		{
			size_t n = v.chosen[k];
			int32_t shared = place_in(b, n, v.item[v.nearest[n]]);

			for (int32_t e = b->start[n]; e < b->start[n + 1]; e++)
				scores[b->item[e]] += v.best[k] * item_factor(b, &v, n, shared, e);
		}
		if (v.len > 0)
			score_newest(scores, b, v.item[0]);
	}
}

/*
 * Exact: a vote is a sum over the items that evolving session and neighbour share. The newest item speaks
 * for itself.
 */
static void
explain_one(float *share, const BmSessionBound *b, const Vote *v, const BmHistory *h, uint32_t item)
{
	double total = 0.0;

	memset(share, 0, h->n * sizeof(float));
	if (v->len > 0 && item == v->item[0])
	{
		share[v->event[0]] = b->repeats && v->n > 0 && b->repeat[item] > 0.0f ? 1.0f : 0.0f;
		return;
	}
	for (size_t k = 0; k < v->n; k++)
	{
		size_t n = v->chosen[k];
		int32_t place = place_in(b, n, item), shared;
		float factor;

		if (place < 0)
			continue;
		shared = place_in(b, n, v->item[v->nearest[n]]);
		factor = item_factor(b, v, n, shared, b->start[n] + place) *
				 session_factor(b, n, now_of(b, h), v->len);
		for (size_t i = 0; i < v->len; i++)
			if (finds(b, n, v->item[i]))
				share[v->event[i]] += v->part[i] * factor;
	}
	for (size_t e = 0; e < h->n; e++)
		total += (double) share[e];
	for (size_t e = 0; e < h->n && total > 0.0; e++)
		share[e] = (float) ((double) share[e] / total);
}

void
bmc_session_knn_explain(float *share, const void *bound, const BmHistory *h, const uint32_t *items,
						size_t n, void *scratch)
{
	const BmSessionBound *b = bound;
	Vote v = vote_take(b, scratch);

	evolving(&v, b, h);
	find_nearest(&v, b, h);
	for (size_t i = 0; i < n; i++)
		explain_one(share + i * h->n, b, &v, h, items[i]);
}
