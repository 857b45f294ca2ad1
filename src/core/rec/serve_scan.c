/*
 * serve_scan.c
 *		The k best of a product of states and items: one pass over the rows that may come out, over the
 *		8-bit panel first where there is one, or tiles of a matrix product for many histories.
 *
 * Items without training events get the least score of the others (see BmItemMatrix), so they come out
 * only where fewer than k others are left, or where the worst of the k has the least score itself. Then,
 * and only then, all scores are made.
 */
#include <math.h>
#include <string.h>

#include "core/num/blas.h"
#include "core/num/vec.h"
#include "core/rec/serve_scan.h"

#define TILE 512       /* items of a tile: with its scores it stays in the second-level cache */
#define BLOCK 128      /* histories of a task */
#define SMALL_BLOCK 16 /* of a large catalogue, so that a task stays below 50 ms */
#define LARGE ((size_t) 1 << 24) /* floats of the item matrix of a large catalogue */
#define SPARSE 4 /* below one row in so many the rows themselves are fewer bytes than the panel */

static BmItemMatrix
matrix_of(const BmServe *serve)
{
	return serve->model->part[0].algorithm->matrix(serve->model->part[0].bound);
}

static size_t
words(const BmServe *serve)
{
	return serve->model->nitems / 64 + 1;
}

bool
bmc_scan_applies(const BmServe *serve)
{
	/* a model that was told of items without events puts them last itself */
	return serve->model->n == 1 && serve->model->part[0].algorithm->state && serve->nboosts == 0 &&
		   serve->model->ncold == 0;
}

/* ---- what may come out ---- */

/* Bits of the items with training events among the 64 or fewer from support on. */
BM_CLONES
static uint64_t
taught(const int32_t *support, size_t n)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		bits |= (uint64_t) (support[i] > 0) << i;
	return bits;
}

size_t
bmc_scan_keep(uint64_t *keep, const BmServe *serve)
{
	size_t N = serve->model->nitems, n = 0;
	BmItemMatrix m = matrix_of(serve);

	memset(keep, 0, words(serve) * sizeof(uint64_t));
	for (size_t w = 0; w * 64 < N; w++)
	{
		keep[w] = bmc_keep_word(serve->allowed, w, N);
		if (m.support && keep[w])
			keep[w] &= taught(m.support + w * 64, N - w * 64 < 64 ? N - w * 64 : 64);
		n += (size_t) __builtin_popcountll(keep[w]);
	}
	return n;
}

static void
take_out(uint64_t *keep, const BmServe *serve, const BmHistory *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (bmc_excluded(serve->exclude, serve->purchase, h, i))
			keep[h->item[i] / 64] &= ~(UINT64_C(1) << (h->item[i] % 64));
}

/* ---- items without training events ---- */

/* Has any item with training events a lower score? Mostly the first that is looked at has. */
static bool
any_below(const BmItemMatrix *m, size_t N, const float *state, float score)
{
	for (size_t i = N; i-- > 0;)
		if (m->support[i] > 0 && bmc_dot(m->item + i * m->D, state, m->D) < score)
			return true;
	return false;
}

/* Are the n found the answer whatever score the items have that were not scored? */
static bool
whole(const BmServe *serve, const float *state, const float *score, size_t n)
{
	BmItemMatrix m = matrix_of(serve);

	return m.support == NULL ||
		   (n == serve->k && any_below(&m, serve->model->nitems, state, score[n - 1]));
}

/* Of a list, best first, those with the least score that is wanted. */
static size_t
above_least(const float *score, size_t n, float least)
{
	while (n > 0 && score[n - 1] < least)
		n--;
	return n;
}

/* ---- one history ---- */

size_t
bmc_scan_bytes(const BmServe *serve)
{
	const BmBlendPart *part = &serve->model->part[0];
	size_t D = matrix_of(serve).D;

	return bmc_add(
		bmc_add(bmc_take_size(words(serve), sizeof(uint64_t)), bmc_take_size(D, sizeof(float))),
		bmc_add(bmc_take_size(bmc_panel_scratch(D), 1),
				bmc_take_size(part->algorithm->score_bytes(part->bound, 1), 1)));
}

bool
bmc_scan(uint32_t *item, float *score, size_t *found, const BmServe *serve, const BmHistory *h,
		 void *scratch, bool fast_blas)
{
	const BmBlendPart *part = &serve->model->part[0];
	size_t N = serve->model->nitems, n;
	BmItemMatrix m = matrix_of(serve);
	BmArena arena = {scratch, bmc_scan_bytes(serve), 0};
	uint64_t *keep = bmc_take(&arena, words(serve), sizeof(uint64_t));
	float *state = bmc_take(&arena, m.D, sizeof(float));
	void *query = bmc_take(&arena, bmc_panel_scratch(m.D), 1);
	void *inner = bmc_take(&arena, part->algorithm->score_bytes(part->bound, 1), 1);
	bool dense = bmc_scan_keep(keep, serve) > N / SPARSE;

	take_out(keep, serve, h);
	part->algorithm->state(state, part->bound, h, 1, inner, fast_blas);
	if (serve->panel && dense)
		n = bmc_topk_panel(item, score, serve->k, serve->panel, m.item, state, keep,
						   bmc_panel_level(), query);
	else
		n = bmc_topk_dot(item, score, serve->k, m.item, state, N, m.D, keep);
	*found = above_least(score, n, serve->min_score);
	return whole(serve, state, score, n);
}

/* ---- many ---- */

size_t
bmc_scan_block(const BmServe *serve)
{
	return serve->model->nitems > LARGE / matrix_of(serve).D ? SMALL_BLOCK : BLOCK;
}

size_t
bmc_scan_many_bytes(const BmServe *serve, size_t block)
{
	const BmBlendPart *part = &serve->model->part[0];
	size_t states = bmc_mul(block, matrix_of(serve).D);

	return bmc_add(bmc_add(bmc_take_size(bmc_mul(block, words(serve)), sizeof(uint64_t)),
						   bmc_take_size(states, sizeof(float))),
				   bmc_add(bmc_add(bmc_take_size(block * TILE, sizeof(float)),
								   bmc_take_size(block, sizeof(BmTopk))),
						   bmc_take_size(part->algorithm->score_bytes(part->bound, block), 1)));
}

static bool
any_kept(const uint64_t *keep, size_t n)
{
	uint64_t any = 0;

	for (size_t w = 0; w < (n + 63) / 64; w++)
		any |= keep[w];
	return any != 0;
}

/* tile: scores (n, TILE) of the items from first on. */
static void
offer_tile(BmTopk *heap, const float *tile, size_t n, size_t first, size_t items,
		   const uint64_t *keep, size_t nwords)
{
	for (size_t u = 0; u < n; u++)
		for (size_t i = 0; i < items; i += 64)
			bmc_topk_block(&heap[u], tile + u * TILE + i, first + i,
						   items - i < 64 ? items - i : 64, keep + u * nwords);
}

void
bmc_scan_many(uint32_t *item, float *score, uint32_t *found, const BmServe *serve,
			  const uint64_t *keep, const BmHistory *h, size_t n, void *scratch)
{
	const BmBlendPart *part = &serve->model->part[0];
	size_t N = serve->model->nitems, k = serve->k, W = words(serve);
	BmItemMatrix m = matrix_of(serve);
	BmArena arena = {scratch, bmc_scan_many_bytes(serve, n), 0};
	uint64_t *own = bmc_take(&arena, n * W, sizeof(uint64_t));
	float *state = bmc_take(&arena, n * m.D, sizeof(float));
	float *tile = bmc_take(&arena, n * TILE, sizeof(float));
	BmTopk *heap = bmc_take(&arena, n, sizeof(BmTopk));

	part->algorithm->state(state, part->bound, h, n, arena.base + arena.used, true);
	for (size_t u = 0; u < n; u++)
	{
		memcpy(own + u * W, keep, W * sizeof(uint64_t));
		take_out(own + u * W, serve, &h[u]);
		heap[u] = (BmTopk){item + u * k, score + u * k, 0, k};
	}
	for (size_t first = 0; first < N; first += TILE)
	{
		size_t items = N - first < TILE ? N - first : TILE;

		if (!any_kept(keep + first / 64, items))
			continue;
		bmc_gemm(false, true, n, items, m.D, 1.0f, state, m.D, m.item + first * m.D, m.D, 0.0f,
				 tile, TILE);
		offer_tile(heap, tile, n, first, items, own, W);
	}
	for (size_t u = 0; u < n; u++)
	{
		size_t got = bmc_topk_finish(&heap[u]);

		found[u] = h[u].n > 0 && whole(serve, state + u * m.D, score + u * k, got)
					   ? (uint32_t) above_least(score + u * k, got, serve->min_score)
					   : BM_SCAN_NOT;
	}
}
