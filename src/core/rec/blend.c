/*
 * blend.c
 *		Weighted sums of recommenders whose scores have different scales: each row is standardised over
 *		the items first. A single recommender's scores pass unchanged.
 */
#include <math.h>
#include <string.h>

#include "core/num/vec.h"
#include "core/rec/blend.h"

static size_t
largest_part_bytes(const BmBlend *blend, size_t B)
{
	size_t most = 0;

	for (int p = 0; p < blend->n; p++)
	{
		size_t bytes = blend->part[p].algorithm->score_bytes(blend->part[p].bound, B);

		most = bytes > most ? bytes : most;
	}
	return bmc_add(most, 64);
}

size_t
bmc_blend_score_bytes(const BmBlend *blend, size_t B)
{
	size_t bytes = bmc_add(bmc_take_size(largest_part_bytes(blend, B), 1), 64);

	/* one part's rows beside the sum */
	return blend->n == 1 ? bytes
						 : bmc_add(bytes, bmc_take_size(bmc_mul(B, blend->nitems), sizeof(float)));
}

/* Mean and standard deviation of a row, in double. */
BM_CLONES static void
moments(const float *x, size_t n, double *mean, double *sd)
{
	double sum = 0.0, squares = 0.0;

	for (size_t i = 0; i < n; i++)
		sum += (double) x[i];
	*mean = sum / (double) n;
	for (size_t i = 0; i < n; i++)
		squares += ((double) x[i] - *mean) * ((double) x[i] - *mean);
	*sd = sqrt(squares / (double) n);
}

void
bmc_standardise(float *x, size_t n)
{
	double mean, sd;

	moments(x, n, &mean, &sd);
	for (size_t i = 0; i < n; i++)
		x[i] = sd > 0.0 ? (float) (((double) x[i] - mean) / sd) : 0.0f;
}

/* y += weight * (x - mean) / sd; a row without spread adds nothing. */
static void
add_standardised(float *y, const float *x, size_t n, float weight)
{
	double mean, sd;

	moments(x, n, &mean, &sd);
	if (!(sd > 0.0))
		return;
	for (size_t i = 0; i < n; i++)
		y[i] += weight * (float) (((double) x[i] - mean) / sd);
}

bool
bmc_blend_knows_cold(const BmBlend *blend)
{
	for (int p = 0; p < blend->n; p++)
		if (blend->part[p].algorithm->knows_cold && blend->part[p].weight > 0.0f)
			return true;
	return false;
}

/* Least score and mean of the items that are not cold. */
static void
warm_scores(float *least, double *mean, const float *scores, const BmBlend *blend)
{
	double sum = 0.0;
	size_t c = 0, warm = blend->nitems - blend->ncold;

	*least = INFINITY;
	for (size_t i = 0; i < blend->nitems; i++)
	{
		if (c < blend->ncold && blend->cold[c] == i)
		{
			c++;
			continue;
		}
		if (scores[i] == -INFINITY) /* of similarity: the item itself */
			continue;
		*least = scores[i] < *least ? scores[i] : *least;
		sum += (double) scores[i];
	}
	*mean = warm > 0 ? sum / (double) warm : 0.0;
}

void
bmc_blend_settle(float *scores, const BmBlend *blend, int p)
{
	float least;
	double mean;

	if (blend->ncold == 0 || blend->ncold == blend->nitems || blend->part[p].algorithm->knows_cold)
		return;
	warm_scores(&least, &mean, scores, blend);
	least = bmc_blend_knows_cold(blend) ? (float) mean : nextafterf(least, -INFINITY);
	for (size_t c = 0; c < blend->ncold; c++)
		scores[blend->cold[c]] = least;
}

/* Of the cold items only the knowing parts have spoken: their mean in the place of the others. */
static void
raise_cold(float *scores, const BmBlend *blend)
{
	float all = 0.0f, knowing = 0.0f;

	for (int p = 0; p < blend->n; p++)
	{
		all += blend->part[p].weight;
		knowing += blend->part[p].algorithm->knows_cold ? blend->part[p].weight : 0.0f;
	}
	for (size_t c = 0; c < blend->ncold && knowing > 0.0f; c++)
		scores[blend->cold[c]] *= all / knowing;
}

void
bmc_blend_score(float *scores, const BmBlend *blend, const BmHistory *h, size_t B, void *scratch,
				bool fast_blas)
{
	size_t n = blend->nitems;
	BmArena arena = {scratch, bmc_blend_score_bytes(blend, B), 0};
	void *inner = bmc_take(&arena, largest_part_bytes(blend, B), 1);
	float *row;

	if (blend->n == 1)
	{
		blend->part[0].algorithm->score(scores, blend->part[0].bound, h, B, inner, fast_blas);
		for (size_t b = 0; b < B; b++)
			bmc_blend_settle(scores + b * n, blend, 0);
		return;
	}
	row = bmc_take(&arena, B * n, sizeof(float));
	memset(scores, 0, B * n * sizeof(float));
	for (int p = 0; p < blend->n; p++)
	{
		const BmBlendPart *part = &blend->part[p];

		if (part->weight == 0.0f)
			continue;
		part->algorithm->score(row, part->bound, h, B, inner, fast_blas);
		for (size_t b = 0; b < B; b++)
		{
			bmc_blend_settle(row + b * n, blend, p);
			add_standardised(scores + b * n, row + b * n, n, part->weight);
		}
	}
	for (size_t b = 0; b < B; b++)
		raise_cold(scores + b * n, blend);
}

/* one part's scores, its z-scores of the items, its shares */
size_t
bmc_blend_explain_bytes(const BmBlend *blend, size_t nevents, size_t n)
{
	return bmc_add(bmc_add(bmc_take_size(largest_part_bytes(blend, 1), 1),
						   bmc_take_size(blend->nitems, sizeof(float))),
				   bmc_add(bmc_take_size(n, sizeof(double)),
						   bmc_take_size(bmc_mul(nevents, n), sizeof(float))));
}

/* |z-score| of each of the items among a part's scores. */
static void
item_scores(double *z, const float *row, size_t nitems, const uint32_t *items, size_t n)
{
	double mean, sd;

	moments(row, nitems, &mean, &sd);
	for (size_t i = 0; i < n; i++)
		z[i] = sd > 0.0 ? fabs(((double) row[items[i]] - mean) / sd) : 0.0;
}

void
bmc_normalise(float *share, size_t n)
{
	double total = 0.0;

	for (size_t i = 0; i < n; i++)
		total += (double) share[i];
	for (size_t i = 0; i < n && total > 0.0; i++)
		share[i] = (float) ((double) share[i] / total);
}

void
bmc_blend_explain(float *share, const BmBlend *blend, const BmHistory *h, const uint32_t *items,
				  size_t n, void *scratch)
{
	BmArena arena = {scratch, bmc_blend_explain_bytes(blend, h->n, n), 0};
	void *inner = bmc_take(&arena, largest_part_bytes(blend, 1), 1);
	float *row = bmc_take(&arena, blend->nitems, sizeof(float));
	double *z = bmc_take(&arena, n, sizeof(double));
	float *part_share = bmc_take(&arena, h->n * n, sizeof(float));

	if (blend->n == 1)
	{
		blend->part[0].algorithm->explain(share, blend->part[0].bound, h, items, n, inner);
		return;
	}
	memset(share, 0, h->n * n * sizeof(float));
	for (int p = 0; p < blend->n; p++)
	{
		const BmBlendPart *part = &blend->part[p];

		if (part->weight == 0.0f)
			continue;
		part->algorithm->score(row, part->bound, h, 1, inner, false);
		bmc_blend_settle(row, blend, p);
		item_scores(z, row, blend->nitems, items, n);
		part->algorithm->explain(part_share, part->bound, h, items, n, inner);
		for (size_t i = 0; i < n; i++)
			for (size_t e = 0; e < h->n; e++)
				share[i * h->n + e] +=
					(float) ((double) part->weight * z[i]) * part_share[i * h->n + e];
	}
	for (size_t i = 0; i < n; i++)
		bmc_normalise(share + i * h->n, h->n);
}
