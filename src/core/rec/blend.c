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

	/* one part's rows beside the sum, and the shares of explain, which never needs both */
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
			add_standardised(scores + b * n, row + b * n, n, part->weight);
	}
}

/* Scratch: bmc_blend_score_bytes(blend, 1); a share needs h->n floats of it, at most nitems are used. */
void
bmc_blend_explain(float *share, const BmBlend *blend, const BmHistory *h, uint32_t item,
				  void *scratch)
{
	size_t n = blend->nitems;
	BmArena arena = {scratch, bmc_blend_score_bytes(blend, 1), 0};
	void *inner = bmc_take(&arena, largest_part_bytes(blend, 1), 1);
	BmHistory newest = *h;
	float *row;
	double total = 0.0;

	if (blend->n == 1)
	{
		blend->part[0].algorithm->explain(share, blend->part[0].bound, h, item, inner);
		return;
	}
	row = bmc_take(&arena, n, sizeof(float));
	memset(share, 0, h->n * sizeof(float));
	if (newest.n > n) /* the row holds the shares too: the newest n events explain */
	{
		size_t skip = newest.n - n;

		newest.item += skip;
		newest.time = newest.time ? newest.time + skip : NULL;
		newest.event = newest.event ? newest.event + skip : NULL;
		newest.n = n;
	}
	for (int p = 0; p < blend->n; p++)
	{
		const BmBlendPart *part = &blend->part[p];
		double mean, sd, z;

		if (part->weight == 0.0f)
			continue;
		part->algorithm->score(row, part->bound, h, 1, inner, false);
		moments(row, n, &mean, &sd);
		z = sd > 0.0 ? ((double) row[item] - mean) / sd : 0.0;
		part->algorithm->explain(row, part->bound, &newest, item, inner);
		for (size_t i = 0; i < newest.n; i++)
			share[h->n - newest.n + i] += (float) ((double) part->weight * fabs(z)) * row[i];
	}
	for (size_t i = 0; i < h->n; i++)
		total += (double) share[i];
	for (size_t i = 0; i < h->n && total > 0.0; i++)
		share[i] = (float) ((double) share[i] / total);
}
