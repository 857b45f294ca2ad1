/*
 * als_answer.c
 *		What a fitted ALS answers. A user is folded in at every call: one solution of the user's equations
 *		with the whole history, so that a new event counts at once and a new user needs no training.
 *
 * An item counts once, with the largest gamma^age weight of its events; age 0 is the newest event.
 */
#include <math.h>
#include <string.h>

#include "core/num/blas.h"
#include "core/num/vec.h"
#include "core/rec/als.h"

const char *
bmc_als_bind(void *bound, const BmTensors *t, const char *prefix, size_t nitems)
{
	BmAlsBound *b = bound;
	const BmTensor *item = bmc_tensors_find(t, prefix, "item", BM_F32, 2, (size_t[]){nitems, 0});
	const BmTensor *config =
		bmc_tensors_find(t, prefix, "config", BM_F32, 1, (size_t[]){BM_ALS_CONFIG});
	const BmTensor *gram;
	const float *c;

	if (item == NULL || item->shape[1] < 1 || item->shape[1] > BM_ALS_MAX_FACTORS)
		return "tensor \"item\" is missing or has another shape";
	b->D = item->shape[1];
	gram = bmc_tensors_find(t, prefix, "gram", BM_F32, 2, (size_t[]){b->D, b->D});
	if (gram == NULL || config == NULL)
		return "tensor \"gram\" or \"config\" is missing or has another shape";
	c = config->data;
	if (!(c[0] > 0.0f) || !(c[1] > 0.0f) || !(c[2] >= 0.0f && c[2] <= 4.0f) ||
		!(c[3] >= 0.0f && c[3] <= 1.0f))
		return "tensor \"config\" is out of range";
	b->N = nitems;
	b->item = item->data;
	b->gram = gram->data;
	b->a0 = c[0];
	b->lambda = c[1];
	b->nu = c[2];
	b->gamma = c[3];
	return NULL;
}

/* Scratch of one user's solution. */
typedef struct Fold
{
	float *mark;  /* (N) weight of the items of the history */
	float *A;     /* (D,D) */
	float *panel; /* (BM_ALS_PANEL, D) */
	float *c;     /* (BM_ALS_PANEL) */
	uint32_t *col;
	float *x; /* (D) of the history that is folded in */
	float *w; /* (B,D) solutions */
} Fold;

static size_t
fold_bytes(const BmAlsBound *b, size_t B)
{
	return bmc_add(
		bmc_add(bmc_take_size(b->N, sizeof(float)), bmc_take_size(b->D * b->D, sizeof(float))),
		bmc_add(bmc_add(bmc_take_size(BM_ALS_PANEL * b->D, sizeof(float)),
						2 * bmc_take_size(BM_ALS_PANEL, sizeof(float))),
				bmc_add(bmc_take_size(b->D, sizeof(float)),
						bmc_take_size(bmc_mul(B, b->D), sizeof(float)))));
}

static Fold
fold_take(const BmAlsBound *b, size_t B, void *scratch)
{
	BmArena arena = {scratch, fold_bytes(b, B), 0};
	Fold f;

	f.mark = bmc_take(&arena, b->N, sizeof(float));
	f.A = bmc_take(&arena, b->D * b->D, sizeof(float));
	f.panel = bmc_take(&arena, BM_ALS_PANEL * b->D, sizeof(float));
	f.c = bmc_take(&arena, BM_ALS_PANEL, sizeof(float));
	f.col = bmc_take(&arena, BM_ALS_PANEL, sizeof(uint32_t));
	f.x = bmc_take(&arena, b->D, sizeof(float));
	f.w = bmc_take(&arena, B * b->D, sizeof(float));
	return f;
}

size_t
bmc_als_score_bytes(const void *bound, size_t B)
{
	return fold_bytes(bound, B);
}

/* mark (N) gets the weight of each item of the history; returns how many items. */
static size_t
mark_items(float *mark, const BmAlsBound *b, const BmHistory *h)
{
	float decay = 1.0f;
	size_t n = 0;

	for (size_t e = 0; e < h->n; e++) /* the other items' marks are never looked at */
		mark[h->item[e]] = 0.0f;
	for (size_t e = h->n; e-- > 0 && decay > 0.0f;)
	{
		float w = bmc_history_weight(h, e);

		if (!(w > 0.0f))
			continue;
		n += mark[h->item[e]] == 0.0f;
		if (w * decay > mark[h->item[e]])
			mark[h->item[e]] = w * decay;
		decay *= b->gamma;
	}
	return n;
}

/*
 * f->A gets the factor of the user's matrix, x (D) the solution, f->mark the weights of the history's
 * items. False, and x = 0, without any item.
 */
static bool
fold_in(float *x, const BmAlsBound *b, const BmHistory *h, const Fold *f, bool fast)
{
	float *mark = f->mark;
	size_t n = mark_items(mark, b, h), D = b->D;
	float penalty = bmc_als_penalty(b->lambda, b->nu, b->a0, n, b->N);
	BmAlsRow row = {0, f->col, f->c};

	memcpy(f->A, b->gram, D * D * sizeof(float));
	for (size_t d = 0; d < D; d++)
		f->A[d * D + d] += penalty;
	memset(x, 0, D * sizeof(float));
	for (size_t e = h->n; e-- > 0;)
	{
		float c = mark[h->item[e]];

		if (c > 0.0f) /* a negative mark: counted already */
		{
			f->col[row.n] = h->item[e];
			f->c[row.n++] = c;
			mark[h->item[e]] = -c;
		}
		if (row.n == BM_ALS_PANEL || (e == 0 && row.n > 0))
		{
			bmc_als_add(f->A, x, b->item, D, &row, f->panel, fast);
			row.n = 0;
		}
	}
	for (size_t e = 0; e < h->n; e++)
		mark[h->item[e]] = fabsf(mark[h->item[e]]);
	if (n == 0 || !bmc_chol_factor(f->A, D))
	{
		memset(x, 0, D * sizeof(float));
		return false;
	}
	bmc_chol_solve(x, f->A, D);
	return true;
}

BmItemMatrix
bmc_als_matrix(const void *bound)
{
	const BmAlsBound *b = bound;

	return (BmItemMatrix){b->D, b->item, NULL};
}

void
bmc_als_state(float *state, const void *bound, const BmHistory *h, size_t B, void *scratch,
			  bool fast_blas)
{
	const BmAlsBound *b = bound;
	Fold f = fold_take(b, B, scratch);

	for (size_t i = 0; i < B; i++)
		fold_in(state + i * b->D, b, &h[i], &f, fast_blas);
}

void
bmc_als_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
			  bool fast_blas)
{
	const BmAlsBound *b = bound;
	Fold f = fold_take(b, B, scratch);

	bmc_als_state(f.w, bound, h, B, scratch, fast_blas);
	if (fast_blas)
		bmc_gemm(false, true, B, b->N, b->D, 1.0f, f.w, b->D, b->item, b->D, 0.0f, scores, b->N);
	else
		for (size_t i = 0; i < B; i++)
			for (size_t n = 0; n < b->N; n++)
				scores[i * b->N + n] = bmc_dot(f.w + i * b->D, b->item + n * b->D, b->D);
}

/*
 * Exact: the score is sum over the history of c h_b' A^-1 h_e, and each event's term is its part;
 * negative terms explain nothing and count as 0. An item's newest event of
 * some weight speaks for it.
 */
void
bmc_als_explain(float *share, const void *bound, const BmHistory *h, const uint32_t *items,
				size_t n, void *scratch)
{
	const BmAlsBound *b = bound;
	Fold f = fold_take(b, 1, scratch);
	bool known;

	memset(share, 0, n * h->n * sizeof(float));
	known = fold_in(f.w, b, h, &f, false);
	for (size_t i = 0; i < n && known; i++, share += h->n)
	{
		double total = 0.0;

		memcpy(f.x, b->item + (size_t) items[i] * b->D, b->D * sizeof(float));
		bmc_chol_solve(f.x, f.A, b->D);
		for (size_t e = h->n; e-- > 0;)
		{
			float *c = &f.mark[h->item[e]];
			float term = *c * bmc_dot(f.x, b->item + (size_t) h->item[e] * b->D, b->D);

			if (*c <= 0.0f || !(bmc_history_weight(h, e) > 0.0f))
				continue;
			*c = -*c;
			share[e] = term > 0.0f ? term : 0.0f;
			total += (double) share[e];
		}
		for (size_t e = 0; e < h->n; e++)
		{
			f.mark[h->item[e]] = fabsf(f.mark[h->item[e]]);
			if (total > 0.0)
				share[e] = (float) ((double) share[e] / total);
		}
	}
}

/* Cosine of the factors. */
void
bmc_als_similar(float *scores, const void *bound, uint32_t item, void *scratch)
{
	const BmAlsBound *b = bound;
	const float *h = b->item + (size_t) item * b->D;
	float norm = sqrtf(bmc_dot(h, h, b->D));

	(void) scratch;
	for (size_t i = 0; i < b->N; i++)
	{
		const float *other = b->item + i * b->D;
		float length = norm * sqrtf(bmc_dot(other, other, b->D));

		scores[i] = length > 0.0f ? bmc_dot(h, other, b->D) / length : 0.0f;
	}
	scores[item] = -INFINITY;
}
