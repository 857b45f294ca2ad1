/*
 * Sequence rules, item-kNN, EASE and popularity against twins written down from the formulas of
 * count_models.h in double precision: every score of every user, every share.
 */
#include "rec_check.h"
#include "core/num/blas.h"

static Log L;

/* ---- twins: matrix W (ITEMS, ITEMS) ---- */

static void
count_events(double *c)
{
	memset(c, 0, ITEMS * sizeof(double));
	for (size_t u = 0; u < USERS; u++)
		for (size_t e = 0; e < bmc_sequence_length(&L.s, u); e++)
			c[L.item[L.start[u] + e]]++;
}

static void
twin_rules(double W[ITEMS][ITEMS], const BmSeqRulesOptions *o)
{
	double c[ITEMS];

	count_events(c);
	memset(W, 0, sizeof(double) * ITEMS * ITEMS);
	for (size_t u = 0; u < USERS; u++)
		for (size_t p = 0; p < bmc_sequence_length(&L.s, u); p++)
			for (size_t q = p + 1; q < bmc_sequence_length(&L.s, u); q++)
			{
				uint32_t a = L.item[L.start[u] + p], b = L.item[L.start[u] + q];

				if (q - p <= (size_t) o->steps && a != b)
					W[a][b] += L.weight[L.event[L.start[u] + q]] / (double) (q - p);
			}
	for (int a = 0; a < ITEMS; a++)
		for (int b = 0; b < ITEMS; b++)
			if (W[a][b] > 0)
				W[a][b] *= pow(c[a], -o->alpha) * pow(c[b], -o->beta);
}

/* X (USERS, ITEMS): the largest weight of a pair's events. */
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
twin_knn(double W[ITEMS][ITEMS], const BmItemKnnOptions *o)
{
	static double X[USERS][ITEMS];
	double users_of[ITEMS] = {0}, norm[ITEMS] = {0}, pairs = 0;

	interactions(X);
	for (int u = 0; u < USERS; u++)
		for (int i = 0; i < ITEMS; i++)
			users_of[i] += X[u][i] > 0, pairs += X[u][i] > 0;
	for (int u = 0; u < USERS; u++)
	{
		double length = 0;

		for (int i = 0; i < ITEMS; i++)
			length += X[u][i] > 0;
		for (int i = 0; i < ITEMS; i++)
		{
			double x = X[u][i], c = users_of[i];

			if (o->weight == BM_KNN_TFIDF)
				x *= log((1.0 + USERS) / (1.0 + c)) + 1;
			else if (o->weight == BM_KNN_BM25)
				x = x * 2.2 / (x + 1.2 * (0.25 + 0.75 * length / (pairs / USERS))) *
					log(1 + (USERS - c + 0.5) / (c + 0.5));
			X[u][i] = X[u][i] > 0 ? x : 0;
			norm[i] += X[u][i] * X[u][i];
		}
	}
	for (int a = 0; a < ITEMS; a++)
		for (int b = 0; b < ITEMS; b++)
		{
			double both = 0;

			for (int u = 0; u < USERS; u++)
				both += X[u][a] * X[u][b];
			W[a][b] = a != b && both > 0 ? both / (sqrt(norm[a]) * sqrt(norm[b]) + o->shrink) : 0;
		}
}

/* Gauss-Jordan. */
static void
invert(double A[ITEMS][2 * ITEMS])
{
	for (int i = 0; i < ITEMS; i++)
	{
		double pivot = A[i][i];

		for (int j = 0; j < 2 * ITEMS; j++)
			A[i][j] /= pivot;
		for (int r = 0; r < ITEMS; r++)
		{
			double f = A[r][i];

			for (int j = 0; r != i && j < 2 * ITEMS; j++)
				A[r][j] -= f * A[i][j];
		}
	}
}

static void
twin_ease(double W[ITEMS][ITEMS], const BmEaseOptions *o)
{
	static double X[USERS][ITEMS], A[ITEMS][2 * ITEMS];

	interactions(X);
	for (int a = 0; a < ITEMS; a++)
		for (int b = 0; b < ITEMS; b++)
		{
			A[a][b] = a == b ? o->lambda : 0;
			A[a][ITEMS + b] = a == b;
			for (int u = 0; u < USERS; u++)
				A[a][b] += X[u][a] * X[u][b];
		}
	invert(A);
	for (int a = 0; a < ITEMS; a++)
		for (int b = 0; b < ITEMS; b++)
			W[a][b] = a == b ? 0 : -A[a][ITEMS + b] / A[b][ITEMS + b];
}

/* Popularity below a tenth of the smallest positive entry. */
static void
twin_prior(double prior[ITEMS], double W[ITEMS][ITEMS])
{
	double least = INFINITY, most = 0;

	count_events(prior);
	for (int a = 0; a < ITEMS; a++)
	{
		most = fmax(most, prior[a]);
		for (int b = 0; b < ITEMS; b++)
			if (W[a][b] > 0)
				least = fmin(least, W[a][b]);
	}
	for (int a = 0; a < ITEMS; a++)
		prior[a] *= 0.1 * least / most;
}

/* Scores and shares of every user against sums over the twin's rows. */
static void
compare(const Fitted *f, double W[ITEMS][ITEMS], double gamma, size_t last, bool once)
{
	size_t bytes = f->r->score_bytes(f->bound, USERS);
	void *scratch = aligned_alloc(64, (bytes + 127) / 64 * 64);
	BmHistory h[USERS];
	static float scores[USERS * ITEMS], share[ITEMS * LONGEST];
	double prior[ITEMS];
	uint32_t all[ITEMS];

	twin_prior(prior, W);
	for (uint32_t i = 0; i < ITEMS; i++)
		all[i] = i;
	for (size_t u = 0; u < USERS; u++)
		h[u] = history(&L.s, u);
	f->r->score(scores, f->bound, h, USERS, scratch, false);
	for (size_t u = 0; u < USERS; u++)
	{
		double w[LONGEST] = {0};
		bool met[ITEMS] = {false};

		for (size_t k = 0; k < h[u].n && k < last; k++)
		{
			size_t at = h[u].n - 1 - k;

			w[at] = once && met[h[u].item[at]] ? 0 : pow(gamma, (double) k);
			met[h[u].item[at]] = true;
		}
		f->r->explain(share, f->bound, &h[u], all, ITEMS, scratch);
		for (int i = 0; i < ITEMS; i++)
		{
			double want = prior[i], positive = 0;

			for (size_t e = 0; e < h[u].n; e++)
			{
				want += w[e] * W[h[u].item[e]][i];
				positive += fmax(w[e] * W[h[u].item[e]][i], 0);
			}
			CHECK_NEAR(scores[u * ITEMS + (size_t) i], want, 2e-5 * (1 + fabs(want)));
			for (size_t e = 0; e < h[u].n && positive > 1e-4; e++)
				CHECK_NEAR(share[(size_t) i * h[u].n + e],
						   fmax(w[e] * W[h[u].item[e]][i], 0) / positive, 2e-4);
		}
	}
	free(scratch);
}

static void
test_rules(void)
{
	static double W[ITEMS][ITEMS];
	BmSeqRulesOptions o[] = {{0, 0, 0.5, 50, 0, 50}, {1, 0.25, 0.7, 3, 0, 4}, {0, 0, 0, 1, 0, 1}};

	CASE("sequence rules and the Markov chain are their formula");
	for (int i = 0; i < 3; i++)
	{
		Fitted f;

		CHECK_INT(fit_model(&f, &bmc_seq_rules, &o[i], &L.s, NULL, NULL, 0), BM_OK);
		twin_rules(W, &o[i]);
		compare(&f, W, o[i].gamma, (size_t) o[i].last, false);
		free_model(&f);
	}
}

static void
test_knn(void)
{
	static double W[ITEMS][ITEMS];

	CASE("item-kNN is its formula, with each weighting");
	for (int weight = BM_KNN_COSINE; weight <= BM_KNN_BM25; weight++)
	{
		BmItemKnnOptions o = {weight == BM_KNN_COSINE ? 10 : 0, 0.8, 0, 10, weight};
		Fitted f;

		CHECK_INT(fit_model(&f, &bmc_item_knn, &o, &L.s, NULL, NULL, 0), BM_OK);
		twin_knn(W, &o);
		compare(&f, W, o.gamma, (size_t) o.last, true);
		free_model(&f);
	}
}

static void
test_ease(void)
{
	static double W[ITEMS][ITEMS];
	BmEaseOptions o = {5.0, 0.7, 0, 50};
	Fitted f;

	CASE("EASE is its closed form");
	CHECK_INT(fit_model(&f, &bmc_ease, &o, &L.s, NULL, NULL, 0), BM_OK);
	twin_ease(W, &o);
	/* items that never occur have rows of zeros */
	for (int b = 0; b < ITEMS; b++)
		W[ITEMS - 1][b] = W[ITEMS - 2][b] = 0;
	compare(&f, W, o.gamma, 50, true);
	free_model(&f);
}

static void
test_popular(void)
{
	BmPopularOptions o = {0.5};
	BmHistory nobody = {0};
	float scores[ITEMS];
	double want[ITEMS] = {0};
	int64_t last = INT64_MIN;
	Fitted f;

	CASE("popularity decays by half in a half-life");
	for (size_t u = 0; u < USERS; u++)
		for (size_t e = 0; e < bmc_sequence_length(&L.s, u); e++)
			last = L.time[L.start[u] + e] > last ? L.time[L.start[u] + e] : last;
	for (size_t u = 0; u < USERS; u++)
		for (size_t e = L.start[u]; e < L.start[u] + bmc_sequence_length(&L.s, u); e++)
			want[L.item[e]] += L.weight[L.event[e]] *
							   pow(0.5, (double) (last - L.time[e]) / 86400e6 / o.half_life_days);
	CHECK_INT(fit_model(&f, &bmc_popular, &o, &L.s, NULL, NULL, 0), BM_OK);
	f.r->score(scores, f.bound, &nobody, 1, NULL, false);
	for (int i = 0; i < ITEMS; i++)
		CHECK_NEAR(scores[i], want[i], 1e-5 * (1 + want[i]));
	free_model(&f);
}

static void
test_top(void)
{
	BmSeqRulesOptions all = {0.5, 0.25, 0.7, 5, 0, 50}, few = {0.5, 0.25, 0.7, 5, 4, 50};
	Fitted a, b;
	const int32_t *sa, *sb, *ca, *cb;
	const float *va, *vb;

	CASE("top keeps the largest entries of every row, columns ascending");
	fit_model(&a, &bmc_seq_rules, &all, &L.s, NULL, NULL, 0);
	fit_model(&b, &bmc_seq_rules, &few, &L.s, NULL, NULL, 0);
	sa = a.tensors.t[0].data, ca = a.tensors.t[1].data, va = a.tensors.t[2].data;
	sb = b.tensors.t[0].data, cb = b.tensors.t[1].data, vb = b.tensors.t[2].data;
	for (int r = 0; r < ITEMS; r++)
	{
		int have = sa[r + 1] - sa[r], kept = sb[r + 1] - sb[r];

		CHECK_INT(kept, have < 4 ? have : 4);
		for (int e = sb[r]; e < sb[r + 1]; e++)
		{
			int larger = 0;

			CHECK(e == sb[r] || cb[e - 1] < cb[e]);
			for (int x = sa[r]; x < sa[r + 1]; x++)
				larger += va[x] > vb[e] || (va[x] == vb[e] && ca[x] < cb[e]);
			CHECK(larger < 4);
		}
	}
	free_model(&a);
	free_model(&b);
}

static void
test_runs(void)
{
	BmSeqRulesOptions rules = {0.5, 0.25, 0.7, 5, 10, 50};
	BmItemKnnOptions knn = {10, 0.8, 10, 50, BM_KNN_TFIDF};
	BmEaseOptions ease = {100, 0.7, 10, 50};
	BmPopularOptions popular = {30};
	const struct
	{
		const BmRecommender *r;
		const void *o;
	} m[] = {{&bmc_seq_rules, &rules},
			 {&bmc_item_knn, &knn},
			 {&bmc_ease, &ease},
			 {&bmc_popular, &popular}};

	CASE("the same bits with 1, 2 and 3 threads; the estimate of memory holds");
	for (int i = 0; i < 4; i++)
		check_threads(m[i].r, m[i].o, &L);
	CASE("a stop ends a fit; a refused allocation is told; neither leaks");
	for (int i = 0; i < 4; i++)
		check_failures(m[i].r, m[i].o, &L);
}

static void
test_damage(void)
{
	BmSeqRulesOptions o = {0.5, 0.25, 0.7, 5, 10, 50};
	Fitted f;
	void *bound = malloc(bmc_seq_rules.bound_size);

	CASE("bind refuses every damaged index and shape");
	fit_model(&f, &bmc_seq_rules, &o, &L.s, NULL, NULL, 0);
	CHECK(f.r->bind(bound, &f.tensors, "x/", ITEMS) != NULL);
	CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS - 1) != NULL);
	for (int t = 0; t < 2; t++)
	{
		int32_t *at = (int32_t *) f.tensors.t[t].data;
		size_t n = bmc_tensor_count(&f.tensors.t[t]);

		for (size_t i = 0; i < n; i++)
			for (int d = 0; d < 2; d++)
			{
				int32_t was = at[i];

				at[i] = d ? INT32_MAX : -1;
				CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS) != NULL);
				at[i] = was;
			}
	}
	for (int t = 0; t < f.tensors.n; t++)
	{
		f.tensors.t[t].shape[0]--;
		CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS) != NULL);
		f.tensors.t[t].shape[0]++;
		f.tensors.t[t].name[0] = 'y';
		CHECK(f.r->bind(bound, &f.tensors, "m/", ITEMS) != NULL);
		f.tensors.t[t].name[0] = 'm';
	}
	free_model(&f);
	free(bound);
}

int
main(void)
{
	make_log(&L, 3);
	test_rules();
	test_knn();
	test_ease();
	test_popular();
	test_top();
	test_runs();
	test_damage();
	return unit_done();
}
