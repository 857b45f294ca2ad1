/*
 * The ten best of every user, by blocks of states times tiles of items, against the bare product.
 *		bulk_bench users items width
 */
#define _POSIX_C_SOURCE 199309L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/num/blas.h"
#include "core/num/rng.h"
#include "core/rec/serve.h"

#define K 10
#define EVENTS 50
#define ROWS 128 /* of the bare product at a time: its result may not leave the cache either */

typedef struct Model
{
	size_t N, D;
	const float *item;
} Model;

static BmItemMatrix
matrix(const void *bound)
{
	const Model *m = bound;

	return (BmItemMatrix){m->D, m->item, NULL};
}

static size_t
score_bytes(const void *bound, size_t B)
{
	return 64;
}

/* The newest item's row: what a state costs is no part of this measurement. */
static void
state(float *out, const void *bound, const BmHistory *h, size_t B, void *scratch, bool fast)
{
	const Model *m = bound;

	for (size_t b = 0; b < B; b++)
		memcpy(out + b * m->D, m->item + h[b].item[h[b].n - 1] * m->D, m->D * sizeof(float));
}

static const BmRecommender product = {.score_bytes = score_bytes, .matrix = matrix, .state = state};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void *
get(void *arg, size_t bytes)
{
	return malloc(bytes);
}

static void
put(void *arg, void *block)
{
	free(block);
}

int
main(int argc, char **argv)
{
	size_t U = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	size_t N = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
	size_t D = argc > 3 ? strtoul(argv[3], NULL, 10) : 64;
	BmRng rng = bmc_rng(1, 1);
	float *E = malloc(N * D * 4), *C = malloc(ROWS * N * 4), *score = malloc(U * K * 4);
	uint32_t *item = malloc(U * K * 4), *found = malloc(U * 4), *past = malloc(U * EVENTS * 4);
	BmHistory *h = calloc(U, sizeof(BmHistory));
	Model m = {N, D, E};
	BmBlend blend = {1, N, {{&product, &m, 1.0f}}};
	BmServe serve = {.model = &blend,
					 .popularity = E,
					 .k = K,
					 .exclude = BM_EXCLUDE_SEEN,
					 .min_score = -INFINITY};
	BmMem mem = {.get = get, .put = put};
	double begin, bare, all;

	for (size_t i = 0; i < N * D; i++)
		E[i] = (float) bmc_rng_normal(&rng);
	for (size_t i = 0; i < U * EVENTS; i++)
		past[i] = bmc_rng_below(&rng, (uint32_t) N);
	for (size_t u = 0; u < U; u++)
		h[u] = (BmHistory){.n = EVENTS, .item = past + u * EVENTS};
	if (bmc_blas_open(1) != BM_OK)
		return 1;
	begin = now();
	for (size_t u = 0; u + ROWS <= U; u += ROWS)
		bmc_gemm(false, true, ROWS, N, D, 1.0f, E + u % (N - ROWS) * D, D, E, D, 0.0f, C, N);
	bare = (now() - begin) * (double) U / (double) (U / ROWS * ROWS);
	begin = now();
	if (bmc_serve_many(item, score, found, &serve, h, U, NULL, &mem, NULL) != BM_OK)
		return 1;
	all = now() - begin;
	printf("%zu users x %zu items x %zu, %s: bare sgemm %.2f s, the ten best of all %.2f s, ratio "
		   "%.2f\n",
		   U, N, D, bmc_blas_corename(), bare, all, all / bare);
	return 0;
}
