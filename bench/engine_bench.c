/*
 * engine_bench.c
 *		Training speed of the engine: the reference case (rows as 16 x 16 maps, conv 32 3x3, ReLU,
 *		max-pool 2x2, dense 10, batch 32), a GRU and a Transformer (width 64, length 50, batch 128); and
 *		what sgemm reaches on the products that the reference case is made of.
 *
 * usage: engine_bench THREADS [ROWS [NAME]]     prints "name samples/s", one a line; NAME: only that one
 */
#include <time.h>

#include "nn_cases.h"
#include "unit.h"

static const char *only;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* Random rows or windows with 10 classes. */
static BmSamples
samples(size_t n, size_t width, size_t steps)
{
	size_t rows = n + steps;
	float *x = malloc(rows * width * sizeof(float)), *y = malloc(n * sizeof(float));
	size_t *end = malloc(n * sizeof(size_t));
	uint32_t *length = malloc(n * sizeof(uint32_t));
	BmRng rng = bmc_rng(1, 1);

	for (size_t i = 0; i < rows * width; i++)
		x[i] = bmc_rng_float(&rng);
	for (size_t i = 0; i < n; i++)
	{
		y[i] = (float) bmc_rng_below(&rng, 10);
		end[i] = i + steps;
		length[i] = (uint32_t) steps;
	}
	return (BmSamples){.n = n,
					   .nrows = steps > 1 ? rows : n,
					   .width = width,
					   .x = x,
					   .steps = steps,
					   .end = steps > 1 ? end : NULL,
					   .length = steps > 1 ? length : NULL,
					   .classes = 10,
					   .y = y};
}

static void
run(const char *name, BmNetworkOptions *o, const BmSamples *s, BmPool *pool, double seconds)
{
	UnitHeap heap;
	BmFit fit = {.samples = s, .options = o, .seed = 1, .mem = unit_heap(&heap), .pool = pool};
	double started, spent;
	size_t batches = 0;
	BmStatus status;

	if (only && strcmp(only, name) != 0)
		return;
	status = bmc_network.fit_begin(&fit);
	if (status != BM_OK)
	{
		fprintf(stderr, "%s: %s\n", name, fit.error);
		exit(1);
	}
	bmc_network.fit_step(&fit);
	batches = fit.done + (size_t) fit.epoch * fit.total;
	started = now();
	do
	{
		status = bmc_network.fit_step(&fit);
		spent = now() - started;
	} while ((status == BM_MORE || status == BM_EPOCH) && spent < seconds);
	batches = fit.done % fit.total + (size_t) fit.epoch * fit.total - batches;
	printf("%s %.0f\n", name, (double) (batches * (size_t) o->batch) / spent);
	fflush(stdout);
	if (strcmp(name, "cnn_adam_cross_entropy") == 0)
		printf("# memory %.2f MB at most, parameters %zu\n", (double) heap.mem.peak / 1e6,
			   (size_t) 16010);
	bmc_network.fit_end(&fit);
}

static BmNetworkOptions
options(int optimizer, int loss, int batch)
{
	BmNetworkOptions o = {.optimizer = optimizer,
						  .loss = loss,
						  .learning_rate = 0.001,
						  .beta2 = 0.999,
						  .batch = batch,
						  .epochs = 1000000};

	o.spec.code = -1;
	return o;
}

static void
reference(const BmSamples *s, BmPool *pool, double seconds)
{
	static const char *const names[2][2] = {{"cnn_sgd_cross_entropy", "cnn_sgd_mse"},
											{"cnn_adam_cross_entropy", "cnn_adam_mse"}};

	for (int optimizer = 0; optimizer < 2; optimizer++)
		for (int mse = 0; mse < 2; mse++)
		{
			NnCase c = {.o = options(optimizer, mse ? BM_LOSS_MSE : BM_LOSS_CROSS_ENTROPY, 32)};

			nn_kernel(&c, BM_LAYER_CONV2D, 32, 3, 1, 1, BM_PAD_VALID);
			nn_add(&c, BM_LAYER_RELU, 0);
			nn_kernel(&c, BM_LAYER_MAX_POOL2D, 0, 2, 2, 0, 0);
			nn_add(&c, BM_LAYER_FLATTEN, 0);
			nn_add(&c, BM_LAYER_DENSE, 10);
			nn_add(&c, BM_LAYER_SOFTMAX, 0);
			run(names[optimizer][mse], &c.o, s, pool, seconds);
		}
}

static void
sequences(const BmSamples *s, BmPool *pool, double seconds)
{
	BmNetworkOptions o = options(BM_ADAM, BM_LOSS_CROSS_ENTROPY, 128);

	o.ready = BM_READY_GRU;
	o.units = 64;
	o.depth = 1;
	run("gru", &o, s, pool, seconds);
	o = options(BM_ADAM, BM_LOSS_CROSS_ENTROPY, 128);
	o.ready = BM_READY_TRANSFORMER;
	o.units = 64;
	o.depth = 2;
	o.heads = 2;
	run("transformer", &o, s, pool, seconds);
}

/* GFLOP/s of one thread's sgemm on (M,N,K), over and over in the caches. */
static double
gemm_speed(size_t M, size_t N, size_t K)
{
	float *a = calloc(M * K, 4), *b = calloc(K * N, 4), *c = calloc(M * N, 4);
	double started = now(), spent;
	size_t n = 0;

	do
	{
		for (int i = 0; i < 100; i++, n++)
			bmc_gemm(false, false, M, N, K, 1.0f, a, K, b, N, 0.0f, c, N);
		spent = now() - started;
	} while (spent < 0.3);
	free(a), free(b), free(c);
	return 2e-9 * (double) (M * N * K * n) / spent;
}

int
main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	size_t n = argc > 2 ? (size_t) atol(argv[2]) : 100000;
	double seconds = getenv("SECONDS_EACH") ? atof(getenv("SECONDS_EACH")) : 3.0;
	BmSamples maps = samples(n, 256, 1), windows = samples(4096, 64, 50);
	BmPool *pool = NULL;

	only = argc > 3 ? argv[3] : NULL;
	bmc_blas_open(threads);
	threads = bmc_blas_threads(threads);
	if (threads > 1)
		pool = bmc_pool_open(malloc(bmc_pool_size(threads)), threads);
	reference(&maps, pool, seconds);
	sequences(&windows, pool, seconds);
	printf("# sgemm, one thread: conv 196x32x9 %.1f GFLOP/s, dense 32x10x1568 %.1f GFLOP/s\n",
		   gemm_speed(196, 32, 9), gemm_speed(32, 10, 1568));
	bmc_pool_close(pool);
	return 0;
}
