/*
 * Fits of the models of customers on simulated customers with known parameters: recovered within standard
 * errors, and in how many seconds. Run by bench/value.sh.
 *   value_bench CUSTOMERS THREADS PREFIX    also writes PREFIX.<model>.csv: x, tx, T of the first 10,000
 */
#include <time.h>

#include "../test/unit/unit.h"
#include "core/num/rng.h"
#include "core/stat/buyer.h"

#define PEER 10000

static const char *const names[] = {"bg_nbd", "mbg_nbd"};
static const double truth[][4] = {{.24259, 4.41353, .79289, 2.42575},
								  {.52484, 6.18299, .89136, 1.614}};
static const double spend_truth[] = {6.2488, 3.7446, 15.4477};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static BmBuyers
new_rows(size_t n)
{
	BmBuyers rows = {.n = n, .customers = (double) n};

	rows.x = malloc(sizeof(double) * n);
	rows.tx = malloc(sizeof(double) * n);
	rows.T = malloc(sizeof(double) * n);
	rows.w = malloc(sizeof(double) * n);
	return rows;
}

/* First purchases on whole days of twelve weeks, then weeks with an exact time. */
static void
simulate(BmBuyers *rows, int model, uint64_t seed)
{
	const double *p = truth[model];

	for (size_t i = 0; i < rows->n; i++)
	{
		BmRng rng = bmc_rng(seed, i);
		double rate = bmc_rng_gamma(&rng, p[0]) / p[1], u = bmc_rng_gamma(&rng, p[2]);
		double leave = u / (u + bmc_rng_gamma(&rng, p[3])), t = 0.0, x = 0.0, tx = 0.0;
		double T = 27.0 + bmc_rng_below(&rng, 84) / 7.0;
		bool gone = model == BM_MBG_NBD && bmc_rng_double(&rng) < leave;

		while (!gone && (t += bmc_rng_exponential(&rng) / rate) <= T)
		{
			x++;
			tx = t;
			gone = bmc_rng_double(&rng) < leave;
		}
		rows->x[i] = x;
		rows->tx[i] = tx;
		rows->T[i] = T;
		rows->w[i] = 1.0;
	}
}

static void
write_peer(const BmBuyers *rows, const char *prefix, const char *name)
{
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s.%s.csv", prefix, name);
	f = fopen(path, "w");
	for (size_t i = 0; f && i < rows->n && i < PEER; i++)
		fprintf(f, "%.0f,%.17g,%.17g\n", rows->x[i], rows->tx[i], rows->T[i]);
	if (f)
		fclose(f);
}

static void
report(const char *name, const BmEstimate *e, const double *p, int d, size_t rows, double seconds)
{
	double worst = 0.0;

	for (int i = 0; i < d; i++)
		worst = fmax(worst, fabs(e->value[i] - p[i]) / e->std_error[i]);
	printf("%-12s %zu rows, %.3f s, %d evaluations, largest error %.2f standard errors (wanted at "
		   "most 3)%s\n",
		   name, rows, seconds, e->evaluations, worst,
		   e->converged && e->identified ? "" : ", NOT CONVERGED");
}

int
main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	BmPool *pool = bmc_pool_open(malloc(bmc_pool_size(threads)), threads);
	BmBuyers rows = new_rows(n), some = new_rows(n);
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmEstimate e;
	double t;

	for (int m = 0; m < 2; m++)
	{
		rows.n = n;
		simulate(&rows, m, 1);
		if (argc > 3)
			write_peer(&rows, argv[3], names[m]);
		t = now();
		bmc_buyers_merge(&rows, mem);
		bmc_buy_fit(&e, (BmBuyModel) m, &rows, pool, mem, NULL);
		report(names[m], &e, truth[m], 4, rows.n, now() - t);
	}
	rows.n = n;
	simulate(&rows, 0, 2);
	some.n = 0;
	for (size_t i = 0; i < n; i++)
	{
		BmRng rng = bmc_rng(3, i);
		double nu = bmc_rng_gamma(&rng, spend_truth[1]) / spend_truth[2], x = rows.x[i] + 1;

		some.x[some.n] = x;
		some.tx[some.n] = bmc_rng_gamma(&rng, spend_truth[0] * x) / (nu * x);
		some.w[some.n++] = 1.0;
	}
	some.T = NULL;
	some.customers = (double) some.n;
	if (argc > 3)
	{
		some.T = some.tx;
		write_peer(&some, argv[3], "gamma_gamma");
		some.T = NULL;
	}
	t = now();
	bmc_buyers_merge(&some, mem);
	bmc_spend_fit(&e, &some, pool, mem, NULL);
	report("gamma_gamma", &e, spend_truth, 3, some.n, now() - t);
	bmc_pool_close(pool);
	return 0;
}
