/*
 * arrange.c
 *		Greedy: place by place the best item whose kinds have room left.
 *
 * By score alone a kind that is full stays full, so one pass through the pool is exact. With variety every
 * place looks at the whole pool, and each pick costs one row of similarities.
 */
#include <math.h>
#include <string.h>

#include "core/num/topk.h"
#include "core/num/vec.h"
#include "core/rec/arrange.h"

#define POOL_LEAST 100
#define POOL_FACTOR 10

enum
{
	KEPT = 1,
	PICKED
};

static size_t
position(uint32_t item, const uint32_t *items, size_t n)
{
	size_t i = 0;

	while (i < n && items[i] != item)
		i++;
	return i;
}

size_t
bmc_arrange_pool(const BmArrange *a, size_t k)
{
	size_t n = k;

	if (a->lambda < 1.0f)
		n = k * POOL_FACTOR < POOL_LEAST ? POOL_LEAST : k * POOL_FACTOR;
	else if (a->ncaps > 0)
		n = k * 4;
	n += a->npins;
	return n < a->nitems ? n : a->nitems;
}

/* Is the item among the first n pinned ones? */
static bool
pinned_before(uint32_t item, const uint32_t *pinned, size_t n)
{
	return position(item, pinned, n) < n;
}

static uint32_t
best_of(const uint64_t *items, size_t nitems, const float *scores, const uint32_t *pinned, size_t n)
{
	uint32_t best = BM_NONE;

	for (size_t w = 0; w * 64 < nitems; w++)
		for (uint64_t bits = items[w]; bits; bits &= bits - 1)
		{
			uint32_t i = (uint32_t) (w * 64 + (size_t) __builtin_ctzll(bits));

			if (scores[i] > (best == BM_NONE ? -INFINITY : scores[best]) &&
				!pinned_before(i, pinned, n))
				best = i;
		}
	return best;
}

void
bmc_arrange_pins(uint32_t *pinned, const BmArrange *a, const float *scores)
{
	for (size_t p = 0; p < a->npins; p++)
		pinned[p] = best_of(a->pin[p].items, a->nitems, scores, pinned, p);
}

size_t
bmc_arrange_candidates(uint32_t *item, float *score, size_t want, const BmArrange *a,
					   const uint32_t *pinned, const float *scores)
{
	size_t n = bmc_topk(item, score, want, scores, a->nitems);

	for (size_t p = 0; p < a->npins; p++)
		if (pinned[p] != BM_NONE && position(pinned[p], item, n) == n)
		{
			item[n] = pinned[p];
			score[n++] = scores[pinned[p]];
		}
	return n;
}

/* What one call works with. */
typedef struct Arranging
{
	const BmArrange *a;
	const uint32_t *item;
	const float *score;
	size_t n, next;
	size_t at[BM_MAX_PINS];           /* (npins) where in the pool; n: nowhere */
	uint8_t *taken;                   /* (n) KEPT for its place, or PICKED */
	uint32_t *count;                  /* per cap: (ngroups) picked of each value */
	float *relevance, *nearest, *row; /* (n) */
	float *scores, *share; /* (nitems), (n): one item's answer and what of it is due to it */
	void *inner;
} Arranging;

static size_t
counts(const BmArrange *a)
{
	size_t n = 0;

	for (int c = 0; c < a->ncaps; c++)
		n = bmc_add(n, a->ngroups[c]);
	return n;
}

static size_t
model_bytes(const BmArrange *a, size_t n)
{
	if (a->lambda >= 1.0f || a->embedding)
		return 0;
	return bmc_add(
		bmc_add(bmc_take_size(a->nitems, sizeof(float)), bmc_take_size(n, sizeof(float))),
		bmc_take_size(
			bmc_add(bmc_blend_score_bytes(a->model, 1), bmc_blend_explain_bytes(a->model, 1, n)),
			1));
}

size_t
bmc_arrange_bytes(const BmArrange *a, size_t n)
{
	return bmc_add(bmc_add(bmc_take_size(n, 1), bmc_take_size(counts(a), sizeof(uint32_t))),
				   bmc_add(bmc_mul(3, bmc_take_size(n, sizeof(float))), model_bytes(a, n)));
}

static void
begin(Arranging *x, const BmArrange *a, size_t n, void *scratch)
{
	BmArena arena = {scratch, bmc_arrange_bytes(a, n), 0};

	x->taken = bmc_take(&arena, n, 1);
	x->count = bmc_take(&arena, counts(a), sizeof(uint32_t));
	x->relevance = bmc_take(&arena, n, sizeof(float));
	x->nearest = bmc_take(&arena, n, sizeof(float));
	x->row = bmc_take(&arena, n, sizeof(float));
	memset(x->taken, 0, n);
	memset(x->count, 0, counts(a) * sizeof(uint32_t));
	memset(x->nearest, 0, n * sizeof(float));
	if (model_bytes(a, n) == 0)
		return;
	x->scores = bmc_take(&arena, a->nitems, sizeof(float));
	x->share = bmc_take(&arena, n, sizeof(float));
	x->inner = bmc_take(
		&arena,
		bmc_add(bmc_blend_score_bytes(a->model, 1), bmc_blend_explain_bytes(a->model, 1, n)), 1);
}

/* The first pin that is not shown yet and whose place has come; BM_NONE: none. */
static uint32_t
pinned_at(const Arranging *x, size_t place)
{
	for (size_t p = 0; p < x->a->npins && x->a->pin[p].place <= place; p++)
		if (x->at[p] < x->n && x->taken[x->at[p]] != PICKED)
			return (uint32_t) x->at[p];
	return BM_NONE;
}

/* Pinned items wait for their place; scores of the others are scaled to 0..1. */
static void
prepare(Arranging *x, const uint32_t *pinned)
{
	float low = INFINITY, high = -INFINITY;

	for (size_t p = 0; p < x->a->npins; p++)
	{
		x->at[p] = pinned[p] == BM_NONE ? x->n : position(pinned[p], x->item, x->n);
		if (x->at[p] < x->n)
			x->taken[x->at[p]] = KEPT;
	}
	for (size_t i = 0; i < x->n; i++)
		if (!x->taken[i])
		{
			low = x->score[i] < low ? x->score[i] : low;
			high = x->score[i] > high ? x->score[i] : high;
		}
	for (size_t i = 0; i < x->n; i++)
		x->relevance[i] = high > low ? (x->score[i] - low) / (high - low) : 0.0f;
}

static uint32_t *
count_of(const Arranging *x, int c, size_t i)
{
	uint32_t *count = x->count, g = x->a->group[c][x->item[i]];

	for (int b = 0; b < c; b++)
		count += x->a->ngroups[b];
	return g == BM_NONE ? NULL : count + g;
}

static bool
has_room(const Arranging *x, size_t i)
{
	for (int c = 0; c < x->a->ncaps; c++)
	{
		const uint32_t *count = count_of(x, c, i);

		if (count && *count >= x->a->limit[c])
			return false;
	}
	return true;
}

/* The best that is left by score: what was passed over has no room any more. */
static uint32_t
next_by_score(Arranging *x)
{
	while (x->next < x->n && (x->taken[x->next] || !has_room(x, x->next)))
		x->next++;
	return x->next < x->n ? (uint32_t) x->next : BM_NONE;
}

static uint32_t
next_by_variety(Arranging *x)
{
	float lambda = x->a->lambda, best = -INFINITY;
	uint32_t found = BM_NONE;

	for (size_t i = 0; i < x->n; i++)
	{
		float value = lambda * x->relevance[i] - (1.0f - lambda) * x->nearest[i];

		if (x->taken[i] || !(value > best) || !has_room(x, i))
			continue;
		best = value;
		found = (uint32_t) i;
	}
	return found;
}

/* ---- similarity ---- */

static void
cosine_row(Arranging *x, size_t picked)
{
	size_t D = x->a->D;
	const float *p = x->a->embedding + (size_t) x->item[picked] * D;
	float norm = sqrtf(bmc_dot(p, p, D));

	for (size_t i = 0; i < x->n; i++)
	{
		const float *q = x->a->embedding + (size_t) x->item[i] * D;
		float length = norm * sqrtf(bmc_dot(q, q, D));

		x->row[i] = length > 0.0f ? bmc_dot(p, q, D) / length : 0.0f;
	}
}

/* The answer to the one item over its largest; only where the item has a share in it. */
static void
related_row(Arranging *x, size_t picked)
{
	const BmBlend *model = x->a->model;
	BmHistory one = {.n = 1, .item = &x->item[picked]};
	float most = 0.0f;

	bmc_blend_score(x->scores, model, &one, 1, x->inner, false);
	bmc_blend_explain(x->share, model, &one, x->item, x->n, x->inner);
	for (size_t i = 0; i < x->n; i++)
	{
		x->row[i] = i != picked && x->share[i] > 0.0f ? fmaxf(0.0f, x->scores[x->item[i]]) : 0.0f;
		most = fmaxf(most, x->row[i]);
	}
	for (size_t i = 0; i < x->n; i++)
		if (most > 0.0f)
			x->row[i] /= most;
		else if (x->a->ncaps > 0)
			x->row[i] = x->a->group[0][x->item[i]] != BM_NONE &&
						x->a->group[0][x->item[i]] == x->a->group[0][x->item[picked]];
}

static void
pick(Arranging *x, size_t i)
{
	x->taken[i] = PICKED;
	for (int c = 0; c < x->a->ncaps; c++)
	{
		uint32_t *count = count_of(x, c, i);

		if (count)
			++*count;
	}
	if (x->a->lambda >= 1.0f)
		return;
	if (x->a->embedding)
		cosine_row(x, i);
	else
		related_row(x, i);
	for (size_t j = 0; j < x->n; j++)
		x->nearest[j] = fmaxf(x->nearest[j], x->row[j]);
}

size_t
bmc_arrange(uint32_t *place, size_t k, const BmArrange *a, const uint32_t *pinned,
			const uint32_t *item, const float *score, size_t n, bool whole, void *scratch,
			const BmStop *stop)
{
	Arranging x = {.a = a, .item = item, .score = score, .n = n};
	size_t found = 0;

	begin(&x, a, n, scratch);
	prepare(&x, pinned);
	for (; found < k; found++)
	{
		uint32_t i = pinned_at(&x, found);

		if (bmc_stop(stop))
			return BM_NONE;
		if (i == BM_NONE)
			i = a->lambda < 1.0f ? next_by_variety(&x) : next_by_score(&x);
		if (i == BM_NONE && whole) /* the list ends here: what is pinned further down moves up */
			i = pinned_at(&x, SIZE_MAX);
		if (i == BM_NONE)
			break;
		pick(&x, i);
		place[found] = i;
	}
	return found;
}
