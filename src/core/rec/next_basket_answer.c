/*
 * next_basket_answer.c
 *		What TIFU-kNN answers: the history's profile, the nearest users' profiles, their mean.
 */
#include <math.h>
#include <string.h>

#include "core/num/mem.h"
#include "core/num/topk.h"
#include "core/rec/index_check.h"
#include "core/rec/next_basket.h"

#define MINUTE 60e6

/* ---- profiles ---- */

/* The newest event of some weight before e (exclusive); false when there is none. */
static bool
step_back(size_t *e, const BmHistory *h)
{
	while (*e > 0)
		if (bmc_history_weight(h, --*e) > 0.0f)
			return true;
	return false;
}

/* Does a pause longer than the gap lie between two events, the older first? Without times: never. */
static bool
pause_between(const BmBasketRule *rule, const BmHistory *h, size_t older, size_t newer)
{
	return h->time && h->time[newer] - h->time[older] > rule->gap;
}

static size_t
count_baskets(const BmBasketRule *rule, const BmHistory *h)
{
	size_t e = h->n, newer, n;

	if (!step_back(&e, h))
		return 0;
	for (n = 1, newer = e; step_back(&e, h); newer = e)
		n += pause_between(rule, h, e, newer);
	return n;
}

/* Weight of the basket of this age (0 = the newest) among n. */
static float
basket_weight(const BmBasketRule *rule, size_t age, size_t n)
{
	size_t size = (n + rule->groups - 1) / rule->groups, groups = (n + size - 1) / size;
	size_t group = age / size, members = group + 1 < groups ? size : n - (groups - 1) * size;

	return powf(rule->between, (float) group) * powf(rule->within, (float) (age % size)) /
		   (float) (members * groups);
}

/* What the event adds to its item: only what its weight is above the basket's entry so far. */
static float
add_event(BmProfile *p, uint32_t item, float weight, uint32_t basket, float scale)
{
	float more = weight;

	if (p->stamp[item] == basket)
		more = weight > p->entry[item] ? weight - p->entry[item] : 0.0f;
	if (p->stamp[item] == 0)
		p->touched[p->n++] = item;
	p->entry[item] = p->stamp[item] == basket && more == 0.0f ? p->entry[item] : weight;
	p->stamp[item] = basket;
	p->value[item] += scale * more;
	return scale * more;
}

void
bmc_profile_fill(BmProfile *p, float *part, const BmBasketRule *rule, const BmHistory *h)
{
	size_t baskets = count_baskets(rule, h), age = 0, newer = 0;
	float scale = baskets > 0 ? basket_weight(rule, 0, baskets) : 0.0f;
	double square = 0.0;

	p->n = 0;
	if (part)
		memset(part, 0, h->n * sizeof(float));
	for (size_t e = h->n, first = 1; step_back(&e, h); newer = e, first = 0)
	{
		float more;

		if (!first && pause_between(rule, h, e, newer))
			scale = basket_weight(rule, ++age, baskets);
		more = add_event(p, h->item[e], bmc_history_weight(h, e), (uint32_t) age + 1, scale);
		if (part)
			part[e] = more;
	}
	for (size_t i = 0; i < p->n; i++)
		square += (double) p->value[p->touched[i]] * (double) p->value[p->touched[i]];
	p->square = (float) square;
}

void
bmc_profile_clear(BmProfile *p)
{
	for (size_t i = 0; i < p->n; i++)
	{
		p->value[p->touched[i]] = 0.0f;
		p->stamp[p->touched[i]] = 0;
	}
	p->n = 0;
}

/* ---- bind ---- */

static const char *
bind_config(BmBasketBound *b, const float *c)
{
	if (!(c[0] >= 1.0f && c[0] <= (float) BM_MAX_K) || !(c[1] >= 1.0f && c[1] <= 1e6f) ||
		!(c[2] > 0.0f && c[2] <= 1.0f) || !(c[3] > 0.0f && c[3] <= 1.0f) ||
		!(c[4] >= 0.0f && c[4] <= 1.0f) || !(c[5] >= 0.0f && c[5] <= 1e10f) ||
		!(c[6] == 0.0f || c[6] == 1.0f))
		return "tensor \"config\" is out of range";
	b->neighbours = (size_t) c[0];
	b->rule = (BmBasketRule){(size_t) c[1], c[2], c[3], (int64_t) ((double) c[5] * MINUTE)};
	b->own = c[4];
	b->distance = (BmBasketDistance) c[6];
	return NULL;
}

const char *
bmc_next_basket_bind(void *bound, const BmTensors *t, const char *prefix, size_t nitems)
{
	BmBasketBound *b = bound;
	size_t any = 0, N1 = nitems + 1, config = BM_BASKET_CONFIG, U1, nnz;
	const BmTensor *square = bmc_tensors_find(t, prefix, "square", BM_F32, 1, &any);
	const BmTensor *item = bmc_tensors_find(t, prefix, "item", BM_I32, 1, &any);
	const BmTensor *at = bmc_tensors_find(t, prefix, "index_start", BM_I32, 1, &N1);
	const BmTensor *c = bmc_tensors_find(t, prefix, "config", BM_F32, 1, &config);
	const BmTensor *start, *value, *index, *index_value;

	if (!square || !item || !at || !c)
		return "one of the tensors \"square\", \"item\", \"index_start\", \"config\" is missing or "
			   "has another shape";
	U1 = square->shape[0] + 1;
	nnz = item->shape[0];
	start = bmc_tensors_find(t, prefix, "start", BM_I32, 1, &U1);
	value = bmc_tensors_find(t, prefix, "value", BM_F32, 1, &nnz);
	index = bmc_tensors_find(t, prefix, "index", BM_I32, 1, &nnz);
	index_value = bmc_tensors_find(t, prefix, "index_value", BM_F32, 1, &nnz);
	/* a size of 0 asks for any */
	if (!start || !value || !index || !index_value || value->shape[0] != nnz ||
		index->shape[0] != nnz || index_value->shape[0] != nnz)
		return "one of the tensors \"start\", \"value\", \"index\", \"index_value\" is missing or "
			   "has another shape";
	*b = (BmBasketBound){.N = nitems,
						 .U = square->shape[0],
						 .start = start->data,
						 .item = item->data,
						 .value = value->data,
						 .index_start = at->data,
						 .index = index->data,
						 .index_value = index_value->data,
						 .square = square->data};
	if (!bmc_starts_rise(b->start, b->U, nnz) || !bmc_starts_rise(b->index_start, nitems, nnz))
		return "tensors \"start\" and \"item\" or \"index_start\" and \"index\" do not belong "
			   "together";
	if (!bmc_all_below(b->item, nnz, nitems) || !bmc_all_below(b->index, nnz, b->U))
		return "a tensor names an item or a user that does not exist";
	return bind_config(b, c->data);
}

/* ---- neighbours ---- */

typedef struct Nearest
{
	BmProfile profile;
	float *near;      /* (U) similarity: minus the squared distance, or the cosine */
	uint32_t *chosen; /* (neighbours) */
	float *best;
	size_t n;
} Nearest;

size_t
bmc_next_basket_score_bytes(const void *bound, size_t B)
{
	const BmBasketBound *b = bound;

	(void) B;
	return bmc_add(bmc_mul(4, bmc_take_size(b->N, 4)),
				   bmc_add(bmc_take_size(b->U, 4), bmc_mul(2, bmc_take_size(b->neighbours, 4))));
}

static Nearest
nearest_take(const BmBasketBound *b, void *scratch)
{
	BmArena arena = {scratch, bmc_next_basket_score_bytes(b, 1), 0};
	Nearest v = {0};

	v.profile.value = bmc_take(&arena, b->N, sizeof(float));
	v.profile.entry = bmc_take(&arena, b->N, sizeof(float));
	v.profile.stamp = bmc_take(&arena, b->N, sizeof(uint32_t));
	v.profile.touched = bmc_take(&arena, b->N, sizeof(uint32_t));
	v.near = bmc_take(&arena, b->U, sizeof(float));
	v.chosen = bmc_take(&arena, b->neighbours, sizeof(uint32_t));
	v.best = bmc_take(&arena, b->neighbours, sizeof(float));
	memset(v.profile.value, 0, b->N * sizeof(float));
	memset(v.profile.stamp, 0, b->N * sizeof(uint32_t));
	return v;
}

/* v->near from the inner products: larger is nearer. Users without events are never near. */
static void
to_similarity(Nearest *v, const BmBasketBound *b)
{
	float square = v->profile.square;

	for (size_t u = 0; u < b->U; u++)
		if (b->square[u] == 0.0f)
			v->near[u] = -INFINITY;
		else if (b->distance == BM_BASKET_COSINE)
			v->near[u] = v->near[u] > 0.0f ? v->near[u] / sqrtf(square * b->square[u]) : -INFINITY;
		else
			v->near[u] = 2.0f * v->near[u] - b->square[u] - square;
}

/* The nearest users of the profile; ties go to the lower number. */
static void
find_nearest(Nearest *v, const BmBasketBound *b)
{
	const BmProfile *p = &v->profile;

	memset(v->near, 0, b->U * sizeof(float));
	for (size_t i = 0; i < p->n; i++)
	{
		float x = p->value[p->touched[i]];
		int32_t end = b->index_start[p->touched[i] + 1];

		for (int32_t e = b->index_start[p->touched[i]]; e < end; e++)
			v->near[b->index[e]] += x * b->index_value[e];
	}
	to_similarity(v, b);
	v->n = bmc_topk(v->chosen, v->best, b->neighbours < b->U ? b->neighbours : b->U, v->near, b->U);
}

static float
vote_weight(const Nearest *v, const BmBasketBound *b)
{
	return v->n > 0 ? (1.0f - b->own) / (float) v->n : 0.0f;
}

void
bmc_next_basket_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
					  bool fast_blas)
{
	const BmBasketBound *b = bound;
	Nearest v = nearest_take(b, scratch);
	BmProfile *p = &v.profile;

	(void) fast_blas;
	for (size_t i = 0; i < B; i++, scores += b->N)
	{
		float vote;

		memset(scores, 0, b->N * sizeof(float));
		bmc_profile_fill(p, NULL, &b->rule, &h[i]);
		if (p->n == 0)
			continue;
		find_nearest(&v, b);
		vote = vote_weight(&v, b);
		for (size_t k = 0; k < v.n; k++)
			for (int32_t e = b->start[v.chosen[k]]; e < b->start[v.chosen[k] + 1]; e++)
				scores[b->item[e]] += vote * b->value[e];
		for (size_t k = 0; k < p->n; k++)
			scores[p->touched[k]] += b->own * p->value[p->touched[k]];
		bmc_profile_clear(p);
	}
}

/* ---- explanations ---- */

/* User u's profile at item, 0 where it has none. */
static float
profile_at(const BmBasketBound *b, size_t u, uint32_t item)
{
	size_t at = bmc_find_index(b->item, b->start[u], b->start[u + 1], item);

	return at != SIZE_MAX ? b->value[at] : 0.0f;
}

/* factor of the profile's items += what neighbour u gives to an item, by parts of the inner product. */
static void
add_neighbour(float *factor, const BmProfile *p, const BmBasketBound *b, size_t u, float given)
{
	float dot = 0.0f;

	for (int32_t e = b->start[u]; e < b->start[u + 1]; e++)
		dot += p->value[b->item[e]] * b->value[e];
	for (int32_t e = b->start[u]; e < b->start[u + 1] && dot > 0.0f; e++)
		if (p->value[b->item[e]] > 0.0f)
			factor[b->item[e]] += given * b->value[e] / dot;
}

/*
 * share (h->n) comes as what each event adds to its item's value. The user's own part of the score goes
 * to the item's own events, exactly; a neighbour's to the events of what both have.
 */
static void
explain_one(float *share, const Nearest *v, const BmBasketBound *b, const BmHistory *h,
			uint32_t item)
{
	float vote = vote_weight(v, b), *factor = v->profile.entry;
	double total = 0.0;

	for (size_t i = 0; i < v->profile.n; i++)
		factor[v->profile.touched[i]] = v->profile.touched[i] == item ? b->own : 0.0f;
	for (size_t k = 0; k < v->n; k++)
	{
		float given = vote * profile_at(b, v->chosen[k], item);

		if (given > 0.0f)
			add_neighbour(factor, &v->profile, b, v->chosen[k], given);
	}
	for (size_t e = 0; e < h->n; e++)
		if (share[e] > 0.0f)
			total += (double) (share[e] *= factor[h->item[e]]);
	for (size_t e = 0; e < h->n; e++)
		share[e] = total > 0.0 ? (float) ((double) share[e] / total) : 0.0f;
}

void
bmc_next_basket_explain(float *share, const void *bound, const BmHistory *h, const uint32_t *items,
						size_t n, void *scratch)
{
	const BmBasketBound *b = bound;
	Nearest v = nearest_take(b, scratch);

	for (size_t i = 0; i < n; i++, share += h->n)
	{
		bmc_profile_clear(&v.profile);
		bmc_profile_fill(&v.profile, share, &b->rule, h);
		if (i == 0)
			find_nearest(&v, b);
		explain_one(share, &v, b, h, items[i]);
	}
}
