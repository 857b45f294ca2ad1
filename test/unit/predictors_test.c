/* Models of rows: linear ones against Newton's method and normal equations; trees by hand, and against
 * XGBoost's own answers where it is installed (BEHAVMINE_XGBOOST names its file). */
#include "unit.h"

#include <dlfcn.h>

#include "core/num/blas.h"
#include "core/num/rng.h"
#include "core/stat/gbdt.h"
#include "core/stat/linear.h"
#include "core/stat/trees.h"

#define N 400
#define D 5

static float x[N * D], y[N], weight[N];
static double truth[D] = {1.0, -2.0, 0.5, 0.0, 0.25};

static BmSamples
samples(size_t classes)
{
	BmRng rng = bmc_rng(42, classes);
	BmSamples s = {.n = N, .nrows = N, .width = D, .x = x, .steps = 1, .classes = classes, .y = y};

	for (size_t i = 0; i < N; i++)
	{
		double z = 0.3;

		for (size_t j = 0; j < D; j++)
		{
			x[i * D + j] = (float) bmc_rng_normal(&rng);
			z += truth[j] * (double) x[i * D + j];
		}
		weight[i] = 0.5f + bmc_rng_float(&rng);
		if (classes == 0)
			y[i] = (float) (100 + z + 0.1 * bmc_rng_normal(&rng));
		else if (classes == 2)
			y[i] = bmc_rng_double(&rng) < 1 / (1 + exp(-z)) ? 1.0f : 0.0f;
		else
			y[i] = (float) (z < -1 ? 0 : z < 1 ? 1 : 2);
	}
	return s;
}

/* Fit to the end; tensors stay with fit. */
static BmStatus
run(BmFit *fit, const BmPredictor *p, BmTensors *t, int *epochs)
{
	BmStatus status = p->fit_begin(fit);

	t->n = 0;
	if (epochs)
		*epochs = 0;
	while (status == BM_OK || status == BM_MORE || status == BM_EPOCH)
	{
		status = p->fit_step(fit);
		if (epochs && (status == BM_EPOCH || status == BM_OK))
			(*epochs)++;
		if (status == BM_OK)
			return p->fit_tensors(fit, "m/", t);
	}
	return status;
}

/* Weighted ridge by the normal equations, biases free. */
static void
naive_ridge(double *w, double l2)
{
	double A[(D + 1) * (D + 1)] = {0}, W = 0;

	memset(w, 0, (D + 1) * sizeof(double));
	for (size_t i = 0; i < N; i++)
	{
		double row[D + 1] = {0};

		for (size_t j = 0; j < D; j++)
			row[j] = (double) x[i * D + j];
		row[D] = 1;
		W += (double) weight[i];
		for (size_t j = 0; j <= D; j++)
		{
			w[j] += (double) weight[i] * row[j] * (double) y[i];
			for (size_t k = 0; k <= D; k++)
				A[j * (D + 1) + k] += (double) weight[i] * row[j] * row[k];
		}
	}
	for (size_t j = 0; j < D; j++)
		A[j * (D + 1) + j] += l2;
	(void) bmc_spd_solve(A, w, D + 1, 1);
}

/* Weighted logistic regression by 50 Newton steps. */
static void
naive_logistic(double *w, double l2)
{
	memset(w, 0, (D + 1) * sizeof(double));
	for (int step = 0; step < 50; step++)
	{
		double H[(D + 1) * (D + 1)] = {0}, g[D + 1] = {0};

		for (size_t i = 0; i < N; i++)
		{
			double row[D + 1], z = w[D], p;

			row[D] = 1;
			for (size_t j = 0; j < D; j++)
			{
				row[j] = (double) x[i * D + j];
				z += w[j] * row[j];
			}
			p = 1 / (1 + exp(-z));
			for (size_t j = 0; j <= D; j++)
			{
				g[j] += (double) weight[i] * (p - (double) y[i]) * row[j];
				for (size_t k = 0; k <= D; k++)
					H[j * (D + 1) + k] += (double) weight[i] * p * (1 - p) * row[j] * row[k];
			}
		}
		for (size_t j = 0; j < D; j++)
		{
			g[j] += l2 * w[j];
			H[j * (D + 1) + j] += l2;
		}
		(void) bmc_spd_solve(H, g, D + 1, 1);
		for (size_t j = 0; j <= D; j++)
			w[j] -= g[j];
	}
}

static void
check_weights(const BmTensors *t, const double *w, double tol)
{
	const float *got = t->t[0].data, *bias = t->t[1].data;

	for (size_t j = 0; j < D; j++)
		CHECK_NEAR(got[j], w[j], tol);
	CHECK_NEAR(bias[0], w[D], tol * 10);
}

static void
test_exact(BmMem *mem)
{
	static BmTensors t;
	BmLinearOptions o = {3.0, 1000, 1e-9};
	double w[D + 1];

	CASE("ridge regression equals the normal equations, weights and a target far from 0 and all");
	{
		BmSamples s = samples(0);
		BmFit fit = {.samples = &s, .options = &o, .mem = mem};

		s.weight = weight;
		CHECK(run(&fit, &bmc_linear, &t, NULL) == BM_OK);
		naive_ridge(w, o.l2);
		check_weights(&t, w, 1e-5);
		bmc_linear.fit_end(&fit);
	}
	CASE("binary logistic regression equals Newton's method");
	{
		BmSamples s = samples(2);
		BmFit fit = {.samples = &s, .options = &o, .mem = mem};

		s.weight = weight;
		CHECK(run(&fit, &bmc_logistic, &t, NULL) == BM_OK);
		naive_logistic(w, o.l2);
		check_weights(&t, w, 1e-5);
		bmc_logistic.fit_end(&fit);
	}
}

static double
multinomial_loss(const double *w, const BmSamples *s, double l2)
{
	double loss = 0, penalty = 0;

	for (size_t i = 0; i < N; i++)
	{
		double z[3], sum = 0;

		for (size_t k = 0; k < 3; k++)
		{
			z[k] = w[3 * D + k];
			for (size_t j = 0; j < D; j++)
				z[k] += w[k * D + j] * (double) s->x[i * D + j];
			sum += exp(z[k]);
		}
		loss += log(sum) - z[(size_t) s->y[i]];
	}
	for (size_t j = 0; j < 3 * D; j++)
		penalty += w[j] * w[j];
	return loss / N + l2 / 2 / N * penalty;
}

static void
test_multinomial(BmMem *mem)
{
	static BmTensors t;
	BmLinearOptions o = {1.0, 1000, 1e-8};
	BmSamples s = samples(3);
	BmFit fit = {.samples = &s, .options = &o, .mem = mem};
	double w[3 * D + 3], h = 1e-4;

	CASE("the gradient of the multinomial loss vanishes at the solution, by differences");
	CHECK(run(&fit, &bmc_logistic, &t, NULL) == BM_OK);
	for (size_t j = 0; j < 3 * D; j++)
		w[j] = (double) ((const float *) t.t[0].data)[j];
	for (size_t k = 0; k < 3; k++)
		w[3 * D + k] = (double) ((const float *) t.t[1].data)[k];
	CHECK_NEAR(multinomial_loss(w, &s, 1.0), fit.loss, 1e-6);
	for (size_t j = 0; j < 3 * D + 3; j++)
	{
		double at = w[j], up, down;

		w[j] = at + h;
		up = multinomial_loss(w, &s, 1.0);
		w[j] = at - h;
		down = multinomial_loss(w, &s, 1.0);
		w[j] = at;
		CHECK_NEAR((up - down) / (2 * h), 0, 1e-6);
	}
	CASE("probabilities sum to 1; parts add up to the log-odds over the mean row");
	{
		char *bound = malloc(bmc_logistic.bound_size);
		float p[3], base[3], share[D], mean[D];
		BmSamples one = s;

		CHECK(bmc_logistic.bind(bound, &t, "m/") == NULL);
		memcpy(mean, t.t[2].data, sizeof(mean));
		bmc_logistic.predict(p, bound, &s, 17, 1, NULL, false);
		one.x = mean;
		bmc_logistic.predict(base, bound, &one, 0, 1, NULL, false);
		CHECK_NEAR(p[0] + p[1] + p[2], 1, 1e-6);
		for (size_t c = 0; c < 3; c++)
		{
			double sum = 0, now = 0, then = 0;

			bmc_logistic.explain(share, bound, &s, 17, c, NULL);
			for (size_t j = 0; j < D; j++)
				sum += (double) share[j];
			for (size_t k = 0; k < 3; k++)
			{
				now += log((double) p[c] / (double) p[k]) / 3;
				then += log((double) base[c] / (double) base[k]) / 3;
			}
			CHECK_NEAR(sum, now - then, 1e-4);
		}
		free(bound);
	}
	bmc_logistic.fit_end(&fit);
}

static void
test_threads(BmMem *mem)
{
	enum
	{
		MANY = 30000
	};
	static float many[MANY * D], target[MANY];
	static BmTensors t;
	BmRng rng = bmc_rng(3, 3);
	BmLinearOptions o = {1.0, 100, 1e-6};
	BmSamples s = {
		.n = MANY, .nrows = MANY, .width = D, .x = many, .steps = 1, .classes = 2, .y = target};
	float first[D];
	void *memory = malloc(bmc_pool_size(3));

	CASE("the same bits with one thread and with three");
	for (size_t i = 0; i < MANY * D; i++)
		many[i] = (float) bmc_rng_normal(&rng);
	for (size_t i = 0; i < MANY; i++)
		target[i] = many[i * D] + (float) bmc_rng_normal(&rng) > 0 ? 1.0f : 0.0f;
	for (int threads = 1; threads <= 3; threads += 2)
	{
		BmPool *pool = bmc_pool_open(memory, threads);
		BmFit fit = {.samples = &s, .options = &o, .mem = mem, .pool = pool};

		CHECK(run(&fit, &bmc_logistic, &t, NULL) == BM_OK);
		if (threads == 1)
			memcpy(first, t.t[0].data, sizeof(first));
		CHECK(memcmp(first, t.t[0].data, sizeof(first)) == 0);
		bmc_logistic.fit_end(&fit);
		bmc_pool_close(pool);
	}
	free(memory);
}

static bool
always(void *arg)
{
	(void) arg;
	return true;
}

static void
test_refusals(BmMem *mem, UnitHeap *heap)
{
	static BmTensors t;
	BmLinearOptions o = {1.0, 100, 1e-6};
	BmSamples s = samples(2);
	BmStop stop = {always, NULL};
	BmFitSize size = {
		.nsamples = N, .nrows = N, .width = D, .steps = 1, .classes = 2, .threads = 1};
	BmFit fit = {.samples = &s, .options = &o, .mem = mem};

	CASE("codes, windows and no rows are refused in words; a stop stops");
	s.ncodes = 1;
	CHECK(bmc_logistic.fit_begin(&fit) == BM_EINVAL && fit.error[0]);
	bmc_logistic.fit_end(&fit);
	s.ncodes = 0;
	s.steps = 2;
	CHECK(bmc_logistic.fit_begin(&fit) == BM_EINVAL && fit.error[0]);
	bmc_logistic.fit_end(&fit);
	s.steps = 1;
	s.n = 0;
	CHECK(bmc_logistic.fit_begin(&fit) == BM_EINVAL && fit.error[0]);
	bmc_logistic.fit_end(&fit);
	s.n = N;
	fit.stop = &stop;
	CHECK(run(&fit, &bmc_logistic, &t, NULL) == BM_ESTOP);
	bmc_logistic.fit_end(&fit);
	CASE("the memory is within what was announced, and its lack is said");
	fit.stop = NULL;
	heap->mem.peak = heap->mem.used;
	CHECK(run(&fit, &bmc_logistic, &t, NULL) == BM_OK);
	CHECK(heap->mem.peak - heap->mem.used <= bmc_logistic.fit_bytes(&size, &o) * 3 / 2);
	CHECK(heap->mem.peak * 3 / 2 >= bmc_logistic.fit_bytes(&size, &o));
	bmc_logistic.fit_end(&fit);
	for (long at = 1; at <= 3; at++)
	{
		heap->calls = 0;
		heap->fail_at = at;
		CHECK(bmc_logistic.fit_begin(&fit) == BM_ENOMEM);
		bmc_logistic.fit_end(&fit);
	}
	heap->fail_at = 0;
	CHECK_INT(heap->live, 0);
}

/* ---- trees ---- */

static int32_t feature[] = {0, -1, 1, -1, -1}, left[] = {1, -1, 3, -1, -1},
			   right[] = {2, -1, 4, -1, -1};
static int32_t tree[] = {0, 0}, classes[] = {2}, width[] = {2};
static float value[] = {0.5f, -1, 2, 0.25f, 3}, mean[] = {0.6f, -1, 1.4f, 0.25f, 3},
			 base[] = {0.1f};

static void
hand_made(BmTensors *t)
{
	size_t five = 5, one = 1, pair[2] = {1, 2};

	t->n = 0;
	bmc_tensors_add(t, "g/", "feature", BM_I32, feature, 1, &five);
	bmc_tensors_add(t, "g/", "left", BM_I32, left, 1, &five);
	bmc_tensors_add(t, "g/", "right", BM_I32, right, 1, &five);
	bmc_tensors_add(t, "g/", "value", BM_F32, value, 1, &five);
	bmc_tensors_add(t, "g/", "mean", BM_F32, mean, 1, &five);
	bmc_tensors_add(t, "g/", "tree", BM_I32, tree, 2, pair);
	bmc_tensors_add(t, "g/", "base", BM_F32, base, 1, &one);
	bmc_tensors_add(t, "g/", "classes", BM_I32, classes, 1, &one);
	bmc_tensors_add(t, "g/", "width", BM_I32, width, 1, &one);
}

static void
test_tree(void)
{
	static BmTensors t;
	float rows[] = {0.4f, 9, 0.5f, 1.9f, 0.6f, 2}, out[6], share[2];
	double leaf[] = {-1, 0.25, 3};
	BmTrees trees;

	CASE("a tree by hand: less goes left, equal and more go right");
	hand_made(&t);
	CHECK(bmc_trees_bind(&trees, &t, "g/") == NULL);
	bmc_trees_predict(out, &trees, rows, 3);
	for (int i = 0; i < 3; i++)
		CHECK_NEAR(out[2 * i + 1], 1 / (1 + exp(-(0.1 + leaf[i]))), 1e-6);
	CASE("parts along the path add up to the leaf less the root's mean");
	for (size_t i = 0; i < 3; i++)
	{
		bmc_trees_explain(share, &trees, rows + 2 * i, 1);
		CHECK_NEAR(share[0] + share[1], leaf[i] - 0.6, 1e-6);
	}
	CHECK_NEAR(share[0], 0.8, 1e-6);
	bmc_trees_explain(share, &trees, rows, 0);
	CHECK_NEAR(share[0], 1.6, 1e-6);
	CASE("a damaged tree is told, not followed");
	left[2] = 0;
	CHECK(bmc_trees_bind(&trees, &t, "g/") != NULL);
	left[2] = 5;
	CHECK(bmc_trees_bind(&trees, &t, "g/") != NULL);
	left[2] = 3;
	feature[2] = 2;
	CHECK(bmc_trees_bind(&trees, &t, "g/") != NULL);
	feature[2] = 1;
	tree[0] = 5;
	CHECK(bmc_trees_bind(&trees, &t, "g/") != NULL);
	tree[0] = 0;
	CHECK(bmc_trees_bind(&trees, &t, "g/") == NULL);
}

#ifndef __SANITIZE_ADDRESS__
/* XGBoost by itself with the same parameters: its own answers, which belong to it. */
static const float *
own_answers(void *lib, const BmSamples *s, const BmGbdtOptions *o, uint64_t *n)
{
	int (*create)(const float *, uint64_t, uint64_t, float, void **) = (int (*)(
		const float *, uint64_t, uint64_t, float, void **)) dlsym(lib, "XGDMatrixCreateFromMat");
	int (*info)(void *, const char *, const float *, uint64_t) =
		(int (*)(void *, const char *, const float *, uint64_t)) dlsym(lib,
																	   "XGDMatrixSetFloatInfo");
	int (*booster)(void *const *, uint64_t, void **) =
		(int (*)(void *const *, uint64_t, void **)) dlsym(lib, "XGBoosterCreate");
	int (*param)(void *, const char *, const char *) =
		(int (*)(void *, const char *, const char *)) dlsym(lib, "XGBoosterSetParam");
	int (*update)(void *, int, void *) =
		(int (*)(void *, int, void *)) dlsym(lib, "XGBoosterUpdateOneIter");
	int (*predict)(void *, void *, int, unsigned, int, uint64_t *, const float **) =
		(int (*)(void *, void *, int, unsigned, int, uint64_t *, const float **)) dlsym(
			lib, "XGBoosterPredict");
	double sum = 0;
	char text[32];
	const float *out = NULL;
	void *m, *b;

	create(s->x, s->n, s->width, NAN, &m);
	info(m, "label", s->y, s->n);
	booster(&m, 1, &b);
	for (size_t i = 0; i < s->n; i++)
		sum += (double) s->y[i];
	snprintf(text, sizeof(text), "%.9g", s->classes == 2 ? sum / (double) s->n : 0.5);
	param(b, "objective", s->classes == 2 ? "binary:logistic" : "multi:softprob");
	if (s->classes > 2)
		param(b, "num_class", "3");
	param(b, "base_score", text);
	param(b, "tree_method", "hist");
	param(b, "max_depth", "4");
	param(b, "eta", "0.3");
	param(b, "subsample", "0.8");
	param(b, "colsample_bytree", "0.8");
	param(b, "seed", "7");
	param(b, "nthread", "1");
	for (int k = 0; k < o->rounds; k++)
		update(b, k, m);
	predict(b, m, 0, 0, 0, n, &out);
	return out;
}

static void
test_gbdt(BmMem *mem)
{
	static BmTensors t;
	const char *file = getenv("BEHAVMINE_XGBOOST");
	BmGbdtOptions o = {.rounds = 25,
					   .depth = 4,
					   .learning_rate = 0.3,
					   .min_child_weight = 1,
					   .subsample = 0.8,
					   .colsample = 0.8,
					   .l2 = 1,
					   .bins = 256,
					   .library = file};
	char error[200];
	void *lib;

	if (bmc_gbdt_unavailable(file, error, sizeof(error)))
	{
		printf("# skipped: boosted trees against XGBoost: %s\n", error);
		return;
	}
	CASE("trees taken over from XGBoost answer as it does; ten rounds are an epoch");
	lib = dlopen(file && file[0] ? file : "libxgboost.so", RTLD_NOW);
	for (size_t C = 2; C <= 3 && lib; C++)
	{
		BmSamples s = samples(C);
		BmFit fit = {.samples = &s, .options = &o, .mem = mem, .seed = 7};
		const float *own;
		BmTrees trees;
		float out[3];
		int epochs;
		uint64_t n = 0;

		CHECK(run(&fit, &bmc_gbdt, &t, &epochs) == BM_OK);
		CHECK_INT(epochs, 3);
		CHECK(bmc_trees_bind(&trees, &t, "m/") == NULL);
		own = own_answers(lib, &s, &o, &n);
		CHECK_INT(n, C == 2 ? N : 3 * N);
		for (size_t i = 0; i < N && own; i++)
		{
			bmc_trees_predict(out, &trees, s.x + i * D, 1);
			for (size_t c = 0; c < C; c++)
				CHECK_NEAR(out[c], C == 3 ? own[3 * i + c] : c ? own[i] : 1 - own[i], 2e-6);
		}
		bmc_gbdt.fit_end(&fit);
	}
}
#endif

static void
test_missing_library(BmMem *mem)
{
	static BmTensors t;
	BmGbdtOptions o = {.rounds = 5, .depth = 3, .learning_rate = 0.3, .library = "/nowhere/lib.so"};
	BmSamples s = samples(2);
	BmFit fit = {.samples = &s, .options = &o, .mem = mem};
	char error[200];

	CASE("a library that is not there, or is another one, is named");
	CHECK(run(&fit, &bmc_gbdt, &t, NULL) == BM_EINVAL);
	CHECK(strstr(fit.error, "/nowhere/lib.so") != NULL);
	bmc_gbdt.fit_end(&fit);
	CHECK(bmc_gbdt_unavailable("libm.so.6", error, sizeof(error)) != NULL);
	CHECK(strstr(error, "XGB") != NULL);
}

int
main(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);

	test_exact(mem);
	test_multinomial(mem);
	test_threads(mem);
	test_refusals(mem, &heap);
	test_tree();
	test_missing_library(mem);
#ifndef __SANITIZE_ADDRESS__
	test_gbdt(mem);
#endif
	CASE("all memory is given back");
	CHECK_INT(heap.live, 0);
	return unit_done();
}
