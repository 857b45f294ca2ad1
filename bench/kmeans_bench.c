/*
 * k-means of the core on a file of n x d floats: kmeans_bench FILE n d k threads starts. Prints seconds,
 * iterations and the inertia.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../test/unit/unit.h"
#include "core/stat/kmeans.h"

int
main(int argc, char **argv)
{
	size_t n, d;
	BmKmeansOptions o = {.iterations = 300, .tolerance = 1e-4};
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	struct timespec t0, t1;
	BmKmeans got;
	BmPool *pool;
	float *x;
	FILE *f;

	if (argc != 7)
		return 2;
	n = strtoul(argv[2], NULL, 10);
	d = strtoul(argv[3], NULL, 10);
	o.k = strtoul(argv[4], NULL, 10);
	o.starts = atoi(argv[6]);
	pool = bmc_pool_open(malloc(bmc_pool_size(atoi(argv[5]))), atoi(argv[5]));
	x = malloc(n * d * sizeof(float));
	f = fopen(argv[1], "rb");
	if (f == NULL || fread(x, d * sizeof(float), n, f) != n)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	if (bmc_kmeans(&got, x, n, d, &o, 1, pool, mem, NULL) != BM_OK)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &t1);
	printf("%.3f %d %.6g\n",
		   (double) (t1.tv_sec - t0.tv_sec) + (double) (t1.tv_nsec - t0.tv_nsec) / 1e9,
		   got.iterations, got.inertia);
	bmc_pool_close(pool);
	return 0;
}
