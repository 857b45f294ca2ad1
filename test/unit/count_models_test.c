/*
 * Sequence rules, item-kNN, RP3beta, EASE and popularity against twins written down from the formulas of
 * count_models.h in double precision: every score of every user, every share.
 */
#include "rec_check.h"
#include "core/num/blas.h"

static Log L;

/* ---- twins: matrix W (ITEMS, ITEMS) ---- */

static double
weight_of(size_t e)
{
	return L.weight[L.event[e]];
}

/* c: events of some weight of each item, or with weighed their weights. */
static void
count_events(double *c, bool weighed)
{
	memset(c, 0, ITEMS * sizeof(double));
	for (size_t u = 0; u < USERS; u++)
		for (size_t e = L.start[u]; e < L.start[u] + bmc_sequence_length(&L.s, u); e++)
			c[L.item[e]] += weighed ? weight_of(e) : weight_of(e) > 0;
}

/* User u's training events of some weight; returns how many. */
static int
events_of(size_t *at, size_t u)
{
	int n = 0;

	for (size_t e = L.start[u]; e < L.start[u] + bmc_sequence_length(&L.s, u); e++)
		if (weight_of(e) > 0)
			at[n++] = e;
	return n;
}

static void
twin_rules(double W[ITEMS][ITEMS], const BmSeqRulesOptions *o)
{
	double c[ITEMS], repeats = 0, neighbours = 0;
	size_t at[LONGEST];

	count_events(c, false);
	memset(W, 0, sizeof(double) * ITEMS * ITEMS);
	for (size_t u = 0; u < USERS; u++)
		for (int p = 0, n = events_of(at, u); p < n; p++)
			for (int q = p + 1; q < n; q++)
			{
				uint32_t a = L.item[at[p]], b = L.item[at[q]];
				double w = weight_of(at[q]);

				neighbours += q == p + 1 ? w : 0;
				repeats += q == p + 1 && a == b ? w : 0;
				if (q - p <= o->steps && (a != b || o->repeats))
					W[a][b] += w / (double) (q - p);
			}
	CHECK(!o->repeats || repeats > 0);
	for (int a = 0; a < ITEMS; a++)
		for (int b = 0; b < ITEMS; b++)
		{
			if (o->repeats && a == b && c[a] > 0)
				W[a][b] += 5.0 * repeats / neighbours;
			if (W[a][b] > 0)
				W[a][b] *= pow(c[a], -o->alpha) * pow(c[b], -o->beta);
		}
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

	count_events(prior, true);
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

		for (size_t at = h[u].n, k = 0; at-- > 0 && k < last;)
		{
			if (L.weight[h[u].event[at]] <= 0)
				continue;
			w[at] = once && met[h[u].item[at]] ? 0 : pow(gamma, (double) k);
			met[h[u].item[at]] = true;
			k++;
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
	BmSeqRulesOptions o[] = {{0, 0, 0.5, 50, 0, 50, 0, false},
							 {1, 0.25, 0.7, 3, 0, 4, 0, false},
							 {0, 0, 0, 1, 0, 1, 0, false},
							 {0, 0, 0, 1, 0, 1, 0, true},
							 {0.5, 0.25, 0.7, 50, 0, 50, 0, true}};

	CASE("sequence rules and the Markov chain are their formula, repeats included");
	for (int i = 0; i < 5; i++)
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
		BmItemKnnOptions o = {weight == BM_KNN_COSINE ? 10 : 0, 0.8, 0, 10, weight, 0};
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
	BmEaseOptions o = {5.0, 0.7, 0, 50, 0};
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

/* A walk of two steps, in full. */
static void
twin_walk(double W[ITEMS][ITEMS], const BmRp3betaOptions *o)
{
	static double X[USERS][ITEMS];
	double of_item[ITEMS] = {0}, of_user[USERS] = {0};

	interactions(X);
	for (int u = 0; u < USERS; u++)
		for (int i = 0; i < ITEMS; i++)
			of_item[i] += X[u][i], of_user[u] += X[u][i];
	for (int a = 0; a < ITEMS; a++)
		for (int b = 0; b < ITEMS; b++)
		{
			W[a][b] = 0;
			for (int u = 0; u < USERS; u++)
				if (a != b && X[u][a] > 0 && X[u][b] > 0)
					W[a][b] += pow(X[u][a] / of_item[a], o->alpha) *
							   pow(X[u][b] / of_user[u], o->alpha) * pow(of_item[b], -o->beta);
		}
}

static void
test_walk(void)
{
	static double W[ITEMS][ITEMS];
	BmRp3betaOptions o[] = {{1, 0, 0.8, 0, 10, 0}, {0.6, 0.5, 0.7, 0, 50, 0}, {2, 1, 1, 0, 50, 0}};

	CASE("RP3beta is its walk");
	for (int i = 0; i < 3; i++)
	{
		Fitted f;

		CHECK_INT(fit_model(&f, &bmc_rp3beta, &o[i], &L.s, NULL, NULL, 0), BM_OK);
		twin_walk(W, &o[i]);
		compare(&f, W, o[i].gamma, (size_t) o[i].last, true);
		free_model(&f);
	}
}

/* Planted: an item rises in the last hour, another one had its time a week ago, one is steady. */
static void
test_trending(void)
{
	enum
	{
		N = 300
	};
	static uint32_t item[N];
	static int64_t time[N];
	size_t start[2] = {0, N};
	BmSequences s = {1, 3, start, item, time, NULL, NULL, NULL, NULL, NULL};
	const double days[3] = {1.0 / 24, 1, 7};
	BmHistory nobody = {0};
	float scores[3];

	CASE("trending: shares at three half-lives, and their mean; the newest event is now");
	for (int e = 0; e < N; e++)
	{
		/* minutes before now */
		int64_t age = e < 200 ? 10080 - e : e < 280 ? 4000 - 50 * (e - 200) : 30 - (e - 280);

		item[e] = e < 200 ? 1 : e < 280 ? 2 : 0;
		time[e] = (100000 - age) * 60000000;
	}
	for (int mask = 1; mask < 8; mask++)
	{
		BmPopularOptions o = {123, {mask & 1 ? 1 : 0, mask & 2 ? 2 : 0, mask & 4 ? 3 : 0}};
		double want[3] = {0}, weights = 0;
		Fitted f;

		for (int t = 0; t < 3; t++)
		{
			double sum[3] = {0}, total = 0;

			for (int e = 0; e < N; e++)
				sum[item[e]] += pow(0.5, (double) (time[N - 1] - time[e]) / 86400e6 / days[t]);
			for (int i = 0; i < 3; i++)
				total += sum[i];
			for (int i = 0; i < 3; i++)
				want[i] += o.trend[t] * sum[i] / total;
			weights += o.trend[t];
		}
		CHECK_INT(fit_model(&f, &bmc_popular, &o, &s, NULL, NULL, 0), BM_OK);
		f.r->score(scores, f.bound, &nobody, 1, NULL, false);
		for (int i = 0; i < 3; i++)
			CHECK_NEAR(scores[i], want[i] / weights, 1e-5);
		if (mask == 1) /* the last hour */
			CHECK(scores[0] > 0.8f);
		if (mask == 4) /* the week */
			CHECK(scores[1] > scores[0]);
		free_model(&f);
	}
}

static void
test_weights(void)
{
	BmSeqRulesOptions rules = {0.5, 0.25, 0.7, 5, 0, 50, 2, true}, rules0 = rules;
	BmItemKnnOptions knn = {10, 0.8, 0, 50, BM_KNN_TFIDF, 2}, knn0 = knn,
					 cosine = {10, 0.8, 0, 50, 0, 2}, cosine0 = cosine;
	BmRp3betaOptions walk = {0.6, 0.5, 0.7, 0, 50, 2}, walk0 = walk;
	BmEaseOptions ease = {10, 0.7, 0, 50, 2}, ease0 = ease;
	BmPopularOptions popular = {2, {0}}, popular0 = popular;

	rules0.half_life_days = knn0.half_life_days = cosine0.half_life_days = walk0.half_life_days = 0;
	ease0.half_life_days = popular0.half_life_days = 0;
	CASE("a half-life weighs events by their age; an event of weight 0 is none at all");
	check_half_life(&bmc_seq_rules, &rules, &rules0, 2, &L);
	check_half_life(&bmc_item_knn, &knn, &knn0, 2, &L);
	check_half_life(&bmc_item_knn, &cosine, &cosine0, 2, &L);
	check_half_life(&bmc_rp3beta, &walk, &walk0, 2, &L);
	check_half_life(&bmc_ease, &ease, &ease0, 2, &L);
	check_half_life(&bmc_popular, &popular, &popular0, 2, &L);
	check_weight_zero(&bmc_seq_rules, &rules0, &L);
	check_weight_zero(&bmc_item_knn, &knn0, &L);
	check_weight_zero(&bmc_rp3beta, &walk0, &L);
	check_weight_zero(&bmc_ease, &ease0, &L);
	check_weight_zero(&bmc_popular, &popular0, &L);
}

/* One event of weight 3 says what three of weight 1 say, where events are counted. */
static void
test_weight_three(void)
{
	static const uint32_t once[] = {0, 1, 2, 0, 2, 1}, thrice[] = {0, 1, 2, 0, 2, 0, 2, 0, 2, 1};
	static const uint8_t behaviour[] = {0, 0, 0, 0, 1, 0};
	static const int64_t time[16] = {0};
	static const float weight[256] = {1, 3};
	static const size_t at[] = {0, 3, 5, 6}, at3[] = {0, 3, 5, 7, 9, 10};
	BmSequences heavy = {3, 3, at, once, time, behaviour, weight, NULL, NULL, NULL};
	BmSequences often = {5, 3, at3, thrice, time, NULL, NULL, NULL, NULL, NULL};
	BmSeqRulesOptions rules = {0, 0, 1, 1, 0, 50, 0, false};
	BmPopularOptions popular = {0, {0}};
	Fitted a, b;

	CASE("a rule: weight 3 of the later event is three events");
	CHECK_INT(fit_model(&a, &bmc_seq_rules, &rules, &heavy, NULL, NULL, 0), BM_OK);
	CHECK_INT(fit_model(&b, &bmc_seq_rules, &rules, &often, NULL, NULL, 0), BM_OK);
	for (int t = 0; t < 3; t++) /* start, col, value */
		CHECK(memcmp(a.tensors.t[t].data, b.tensors.t[t].data,
					 4 * bmc_tensor_count(&a.tensors.t[t])) == 0);
	free_model(&a);
	free_model(&b);
	CASE("popularity: weight 3 is three events");
	CHECK_INT(fit_model(&a, &bmc_popular, &popular, &heavy, NULL, NULL, 0), BM_OK);
	CHECK_NEAR(((const float *) a.tensors.t[0].data)[2], 4.0, 0);
	free_model(&a);
}

static void
test_popular(void)
{
	BmPopularOptions o = {0.5, {0}};
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
	BmSeqRulesOptions all = {0.5, 0.25, 0.7, 5, 0, 50, 0, false},
					  few = {0.5, 0.25, 0.7, 5, 4, 50, 0, false};
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
	BmSeqRulesOptions rules = {0.5, 0.25, 0.7, 5, 10, 50, 3, true};
	BmItemKnnOptions knn = {10, 0.8, 10, 50, BM_KNN_TFIDF, 3};
	BmRp3betaOptions walk = {0.6, 0.5, 0.7, 10, 50, 3};
	BmEaseOptions ease = {100, 0.7, 10, 50, 3};
	BmPopularOptions popular = {30, {0}}, trending = {0, {1, 1, 1}};
	const struct
	{
		const BmRecommender *r;
		const void *o;
	} m[] = {{&bmc_seq_rules, &rules}, {&bmc_item_knn, &knn},    {&bmc_ease, &ease},
			 {&bmc_rp3beta, &walk},    {&bmc_popular, &popular}, {&bmc_popular, &trending}};

	CASE("the same bits with 1, 2 and 3 threads; the estimate of memory holds");
	for (int i = 0; i < 6; i++)
		check_threads(m[i].r, m[i].o, &L);
	CASE("a stop ends a fit; a refused allocation is told; neither leaks");
	for (int i = 0; i < 6; i++)
		check_failures(m[i].r, m[i].o, &L);
}

static void
test_damage(void)
{
	BmSeqRulesOptions o = {0.5, 0.25, 0.7, 5, 10, 50, 0, false};
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
	test_walk();
	test_popular();
	test_trending();
	test_weights();
	test_weight_three();
	test_top();
	test_runs();
	test_damage();
	return unit_done();
}
