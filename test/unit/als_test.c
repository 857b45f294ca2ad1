/*
 * Implicit ALS against a twin in double precision with dense matrices: the fit, every score, every share.
 */
#include "rec_check.h"
#include "core/num/blas.h"
#include "core/rec/als.h"

#define D 6

static Log L;

/* ---- twin ---- */

/* Solve A x = b by Gauss-Jordan; A and b are overwritten. */
static void
solve(double A[D][D], double b[D])
{
	for (int i = 0; i < D; i++)
	{
		double pivot = A[i][i];

		for (int j = 0; j < D; j++)
			A[i][j] /= pivot;
		b[i] /= pivot;
		for (int r = 0; r < D; r++)
		{
			double f = A[r][i];

			for (int j = 0; r != i && j < D; j++)
				A[r][j] -= f * A[i][j];
			b[r] -= r != i ? f * b[i] : 0;
		}
	}
}

/* x of one row: its weights c (others, 0 = not observed) against the other side's F (others, D). */
static void
twin_row(double x[D], const double *c, double (*F)[D], int others, const BmAlsOptions *o)
{
	double A[D][D] = {{0}};
	int n = 0;

	memset(x, 0, D * sizeof(double));
	for (int i = 0; i < others; i++)
	{
		n += c[i] > 0;
		for (int a = 0; a < D; a++)
		{
			x[a] += c[i] * F[i][a];
			for (int b = 0; b < D; b++)
				A[a][b] += (o->unobserved + c[i]) * F[i][a] * F[i][b];
		}
	}
	for (int a = 0; a < D; a++)
		A[a][a] += o->regularization * pow(n + o->unobserved * others, o->activity);
	if (n > 0)
		solve(A, x);
}

static void
interactions(double X[USERS][ITEMS])
{
	memset(X, 0, sizeof(double) * USERS * ITEMS);
	for (size_t u = 0; u < USERS; u++)
		for (size_t e = 0; e < bmc_sequence_length(&L.s, u); e++)
		{
			uint32_t i = L.item[L.start[u] + e];

			X[u][i] = fmax(X[u][i], L.weight[L.event[L.start[u] + e]]);
		}
}

static void
twin_fit(double H[ITEMS][D], const BmAlsOptions *o)
{
	static double X[USERS][ITEMS], Xt[ITEMS][USERS], W[USERS][D];
	BmRng rng = bmc_rng(5, 0x615);

	interactions(X);
	for (int i = 0; i < ITEMS; i++)
		for (int d = 0; d < D; d++)
			H[i][d] = 0.1 / sqrt(D) * bmc_rng_normal(&rng);
	for (int u = 0; u < USERS; u++)
		for (int i = 0; i < ITEMS; i++)
			Xt[i][u] = X[u][i];
	for (int sweep = 0; sweep < o->iterations; sweep++)
	{
		for (int u = 0; u < USERS; u++)
			twin_row(W[u], X[u], H, ITEMS, o);
		for (int i = 0; i < ITEMS; i++)
			twin_row(H[i], Xt[i], W, USERS, o);
	}
}

/* ---- tests ---- */

static void
test_cholesky(void)
{
	BmRng rng = bmc_rng(1, 2);

	CASE("a small Cholesky factor solves; what is not positive definite is told");
	for (size_t n = 1; n <= 70; n += 1 + n / 8)
	{
		float *A = calloc(n * n, sizeof(float)), *x = calloc(n, sizeof(float));
		double *B = calloc(n * n, sizeof(double)), *b = calloc(n, sizeof(double));

		for (size_t i = 0; i < n; i++)
		{
			float v[70];

			for (size_t j = 0; j < n; j++)
				v[j] = (float) bmc_rng_normal(&rng);
			for (size_t j = 0; j < n; j++)
				for (size_t k = 0; k < n; k++)
					A[j * n + k] += v[j] * v[k] + (j == k) * 0.2f;
			b[i] = x[i] = (float) bmc_rng_normal(&rng);
		}
		for (size_t i = 0; i < n * n; i++)
			B[i] = A[i];
		CHECK_INT(bmc_spd_solve(B, b, n, 1), BM_OK);
		CHECK(bmc_chol_factor(A, n));
		bmc_chol_solve(x, A, n);
		for (size_t i = 0; i < n; i++)
			CHECK_NEAR(x[i], b[i], 1e-3 * (1 + fabs(b[i])));
		A[0] = -1.0f;
		CHECK(!bmc_chol_factor(A, n));
		A[0] = NAN;
		CHECK(!bmc_chol_factor(A, n));
		free(A), free(x), free(B), free(b);
	}
}

static void
test_fit(void)
{
	BmAlsOptions o[] = {{D, 3, 0.1, 0.05, 1, 1, BM_ALS_CHOLESKY, 0},
						{D, 4, 0.5, 0.3, 0, 1, BM_ALS_AUTO, 0}};
	static double H[ITEMS][D];

	CASE("the factors are those of dense alternating least squares");
	for (int t = 0; t < 2; t++)
	{
		Fitted f;
		const float *have;

		CHECK_INT(fit_model(&f, &bmc_als, &o[t], &L.s, NULL, NULL, 0), BM_OK);
		twin_fit(H, &o[t]);
		have = f.tensors.t[0].data;
		for (int i = 0; i < ITEMS; i++)
			for (int d = 0; d < D; d++)
				CHECK_NEAR(have[i * D + d], H[i][d], 2e-3 * (0.1 + fabs(H[i][d])));
		free_model(&f);
	}
}

/* The objective of als.h, where the users are at their best for these item factors. */
static double
objective(const float *item, const BmAlsOptions *o)
{
	static double X[USERS][ITEMS], H[ITEMS][D];
	double sum = 0, users_of[ITEMS] = {0};

	interactions(X);
	for (int i = 0; i < ITEMS * D; i++)
		H[i / D][i % D] = item[i];
	for (int u = 0; u < USERS; u++)
	{
		double w[D], n = 0, square = 0;

		twin_row(w, X[u], H, ITEMS, o);
		for (int i = 0; i < ITEMS; i++)
		{
			double y = 0;

			for (int d = 0; d < D; d++)
				y += w[d] * H[i][d];
			sum += X[u][i] * (1 - y) * (1 - y) + o->unobserved * y * y;
			n += X[u][i] > 0;
			users_of[i] += X[u][i] > 0;
		}
		for (int d = 0; d < D; d++)
			square += w[d] * w[d];
		sum += o->regularization * pow(n + o->unobserved * ITEMS, o->activity) * square;
	}
	for (int i = 0; i < ITEMS; i++)
		for (int d = 0; d < D; d++)
			sum += o->regularization * pow(users_of[i] + o->unobserved * USERS, o->activity) *
				   H[i][d] * H[i][d];
	return sum;
}

static void
test_gradients(void)
{
	double last = INFINITY, exact = 0;

	CASE("conjugate gradients come to where the exact solutions come");
	for (int iterations = 1; iterations <= 25; iterations += 4)
	{
		BmAlsOptions o = {D, iterations, 0.1, 0.05, 1, 1, BM_ALS_CG, 0};
		Fitted f;
		double now;

		CHECK_INT(fit_model(&f, &bmc_als, &o, &L.s, NULL, NULL, 0), BM_OK);
		now = objective(f.tensors.t[0].data, &o);
		CHECK(now < last * (1 + 1e-5));
		last = now;
		free_model(&f);
		o.solver = BM_ALS_CHOLESKY;
		CHECK_INT(fit_model(&f, &bmc_als, &o, &L.s, NULL, NULL, 0), BM_OK);
		exact = objective(f.tensors.t[0].data, &o);
		free_model(&f);
	}
	CHECK_NEAR(last, exact, 0.01 * exact);
}

/* Weights of a history's items: the largest gamma^age weight; ages count events of some weight. */
static void
twin_history(double c[ITEMS], size_t speaker[ITEMS], const BmHistory *h, double gamma)
{
	double decay = 1;

	memset(c, 0, ITEMS * sizeof(double));
	for (size_t e = h->n; e-- > 0;)
	{
		double w = L.weight[h->event[e]];

		if (c[h->item[e]] == 0)
			speaker[h->item[e]] = e;
		c[h->item[e]] = fmax(c[h->item[e]], decay * w);
		decay *= w > 0 ? gamma : 1;
	}
}

static void
test_answers(void)
{
	BmAlsOptions o = {D, 5, 0.2, 0.05, 1, 0.8, BM_ALS_CHOLESKY, 0};
	Fitted f;
	static double H[ITEMS][D];
	static float scores[2][USERS * ITEMS], share[ITEMS * LONGEST];
	BmHistory h[USERS];
	uint32_t all[ITEMS];
	void *scratch;

	CASE("scores and shares are those of the user's equations, repeats and weights included");
	CHECK_INT(fit_model(&f, &bmc_als, &o, &L.s, NULL, NULL, 0), BM_OK);
	scratch = aligned_alloc(64, (f.r->score_bytes(f.bound, USERS) + 127) / 64 * 64);
	for (int i = 0; i < ITEMS * D; i++)
		H[i / D][i % D] = ((const float *) f.tensors.t[0].data)[i];
	for (uint32_t i = 0; i < ITEMS; i++)
		all[i] = i;
	for (size_t u = 0; u < USERS; u++)
		h[u] = history(&L.s, u);
	f.r->score(scores[0], f.bound, h, USERS, scratch, false);
	f.r->score(scores[1], f.bound, h, USERS, scratch, true);
	for (size_t u = 0; u < USERS; u++)
	{
		double c[ITEMS], w[D];
		size_t speaker[ITEMS];

		twin_history(c, speaker, &h[u], o.gamma);
		twin_row(w, c, H, ITEMS, &o);
		f.r->explain(share, f.bound, &h[u], all, ITEMS, scratch);
		for (int i = 0; i < ITEMS; i++)
		{
			double want = 0, positive = 0, term[ITEMS];

			for (int d = 0; d < D; d++)
				want += w[d] * H[i][d];
			CHECK_NEAR(scores[0][u * ITEMS + (size_t) i], want, 1e-4 * (1 + fabs(want)));
			CHECK_NEAR(scores[1][u * ITEMS + (size_t) i], want, 1e-4 * (1 + fabs(want)));
			for (int e = 0; e < ITEMS; e++) /* what item e alone adds: linear in the right side */
			{
				double A[D][D] = {{0}}, x[D];
				int n = 0;

				for (int a = 0; a < D; a++)
					x[a] = c[e] * H[e][a];
				for (int j = 0; j < ITEMS; j++)
				{
					n += c[j] > 0;
					for (int a = 0; a < D; a++)
						for (int b = 0; b < D; b++)
							A[a][b] += (o.unobserved + c[j]) * H[j][a] * H[j][b];
				}
				for (int a = 0; a < D; a++)
					A[a][a] += o.regularization * pow(n + o.unobserved * ITEMS, o.activity);
				solve(A, x);
				term[e] = 0;
				for (int a = 0; a < D; a++)
					term[e] += H[i][a] * x[a];
				positive += fmax(term[e], 0);
			}
			for (size_t e = 0; e < h[u].n && positive > 1e-3; e++)
				CHECK_NEAR(share[(size_t) i * h[u].n + e],
						   c[h[u].item[e]] > 0 && speaker[h[u].item[e]] == e
							   ? fmax(term[h[u].item[e]], 0) / positive
							   : 0,
						   2e-3);
		}
	}
	free(scratch);
	free_model(&f);
}

static void
test_long_history(void)
{
	BmAlsOptions o = {D, 2, 0.2, 0.05, 1, 0.999, BM_ALS_AUTO, 0};
	static uint32_t item[3 * BM_ALS_PANEL];
	BmHistory longest = {3 * BM_ALS_PANEL, item, NULL, NULL, NULL}, newest, nobody = {0};
	static float a[ITEMS], b[ITEMS];
	void *scratch;
	Fitted f;

	CASE("more events than a panel; events that repeat items; nothing at all");
	CHECK_INT(fit_model(&f, &bmc_als, &o, &L.s, NULL, NULL, 0), BM_OK);
	scratch = aligned_alloc(64, (f.r->score_bytes(f.bound, 1) + 127) / 64 * 64);
	for (uint32_t e = 0; e < 3 * BM_ALS_PANEL; e++)
		item[e] = e % 7;
	newest = (BmHistory){7, item + 3 * BM_ALS_PANEL - 7, NULL, NULL, NULL};
	f.r->score(a, f.bound, &longest, 1, scratch, false);
	f.r->score(b, f.bound, &newest, 1, scratch, false);
	CHECK(memcmp(a, b, sizeof(a)) == 0);
	f.r->score(a, f.bound, &nobody, 1, scratch, false);
	for (int i = 0; i < ITEMS; i++)
		CHECK(a[i] == 0.0f);
	f.r->similar(a, f.bound, 3, scratch);
	for (int i = 0; i < ITEMS; i++)
		CHECK(i == 3 ? a[i] == -INFINITY : a[i] >= -1.0001f && a[i] <= 1.0001f);
	free(scratch);
	free_model(&f);
}

static void
test_runs(void)
{
	BmAlsOptions exact = {9, 3, 0.1, 0.05, 1, 1, BM_ALS_CHOLESKY, 0},
				 cg = {33, 3, 0.1, 0.05, 1, 1, BM_ALS_AUTO, 0}, plain = exact;

	CASE("the same bits with 1, 2 and 3 threads; the estimate of memory holds");
	check_threads(&bmc_als, &exact, &L);
	check_threads(&bmc_als, &cg, &L);
	CASE("a stop ends a fit; a refused allocation is told; neither leaks");
	check_failures(&bmc_als, &exact, &L);
	CASE("a half-life weighs events by their age; an event of weight 0 is none at all");
	exact.half_life_days = 2;
	check_half_life(&bmc_als, &exact, &plain, 2, &L);
	check_weight_zero(&bmc_als, &plain, &L);
}

static void
test_damage(void)
{
	BmAlsOptions o = {D, 2, 0.1, 0.05, 1, 1, BM_ALS_AUTO, 0};
	Fitted f;
	void *bound = malloc(bmc_als.bound_size);
	float *config;

	CASE("bind refuses other shapes and impossible settings");
	fit_model(&f, &bmc_als, &o, &L.s, NULL, NULL, 0);
	CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS - 1) != NULL);
	for (int t = 0; t < f.tensors.n; t++)
	{
		f.tensors.t[t].shape[0]--;
		CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS) != NULL);
		f.tensors.t[t].shape[0]++;
	}
	config = (float *) f.tensors.t[2].data;
	for (int i = 0; i < BM_ALS_CONFIG; i++)
	{
		float was = config[i];

		config[i] = -1.0f;
		CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS) != NULL);
		config[i] = NAN;
		CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS) != NULL);
		config[i] = was;
	}
	CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS) == NULL);
	free_model(&f);
	free(bound);
}

/* One sweep from the weights of three: the fourth, whatever codes the items had before. */
static void
test_warm_start(void)
{
	BmAlsOptions o = {D, 3, 0.1, 0.05, 1, 1, BM_ALS_CHOLESKY, 0};
	uint32_t old[ITEMS];
	float moved[ITEMS * D], *item;
	size_t shape[2] = {ITEMS, D};
	BmTensors stored = {0};
	BmFitStart start = {&stored, "m/", ITEMS, old};
	Fitted three, four, warm;

	CASE("a warm start goes on where the weights stopped; new items begin at random");
	fit_model(&three, &bmc_als, &o, &L.s, NULL, NULL, 0);
	o.iterations = 4;
	fit_model(&four, &bmc_als, &o, &L.s, NULL, NULL, 0);
	item = (float *) three.tensors.t[0].data;
	for (int i = 0; i < ITEMS; i++)
	{
		old[i] = (uint32_t) (ITEMS - 1 - i);
		memcpy(moved + old[i] * D, item + i * D, sizeof(float) * D);
	}
	CHECK(bmc_tensors_add(&stored, "m/", "item", BM_F32, moved, 2, shape));
	o.iterations = 1;
	fit_start = &start;
	fit_model(&warm, &bmc_als, &o, &L.s, NULL, NULL, 0);
	CHECK(memcmp(warm.tensors.t[0].data, four.tensors.t[0].data, sizeof(moved)) == 0);
	free_model(&warm);
	fit_start = NULL;

	CHECK(bmc_start_items(moved, &start, "item", ITEMS, D));
	for (int i = 0; i < D; i++)
		moved[i] = 7.0f;
	old[0] = BM_NONE;
	CHECK(bmc_start_is_new(&start, 0) && !bmc_start_is_new(&start, 1));
	stored.t[0].data = item;
	CHECK(bmc_start_items(moved, &start, "item", ITEMS, D));
	CHECK(moved[0] == 7.0f && moved[D] == item[(ITEMS - 2) * D]);
	CHECK(!bmc_start_items(moved, &start, "item", ITEMS, D + 1));
	CHECK(!bmc_start_items(moved, &start, "other", ITEMS, D));
	CHECK(!bmc_start_copy(moved, &start, "item", 1, shape));
	CHECK(bmc_start_copy(moved, &start, "item", 2, shape));
	CHECK(memcmp(moved, item, sizeof(moved)) == 0);
	free_model(&three);
	free_model(&four);
}

int
main(void)
{
	make_log(&L, 3);
	test_warm_start();
	test_cholesky();
	test_fit();
	test_gradients();
	test_answers();
	test_long_history();
	test_runs();
	test_damage();
	return unit_done();
}
