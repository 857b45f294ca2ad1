/*
 * ml100k_bench.c
 *		Every algorithm of the core on a random split by user: 75 % of a user's events are fitted and are
 *		the history, the others are the right answers, all of them in time order. Seen items are taken out,
 *		all others ranked. Means over several seeds of the split, with their standard deviation.
 *
 * usage: ml100k_bench FILE [seeds]
 */
#include "core/num/rng.h"
#include "rec_sets.h"

typedef struct Entry
{
	const char *name;
	const BmRecommender *r;
	const void *options;
} Entry;

/* A random quarter of each user's events, rounded down, becomes targets; train has room for all. */
static void
split(BmSequences *train, Targets *t, const BmSequences *s, uint64_t seed)
{
	size_t n = 0, targets = 0;

	for (size_t u = 0; u < s->nusers; u++)
	{
		size_t m = s->start[u + 1] - s->start[u];
		uint32_t *order = malloc(m * sizeof(*order));
		bool *out = calloc(m, 1);
		BmRng rng = bmc_rng(seed, u);

		for (size_t e = 0; e < m; e++)
			order[e] = (uint32_t) e;
		bmc_rng_shuffle(&rng, order, m);
		for (size_t e = 0; e < m / 4; e++)
			out[order[e]] = true;
		for (size_t e = 0; e < m; e++)
			if (out[e])
				t->target[targets++] = s->item[s->start[u] + e];
			else
			{
				((uint32_t *) train->item)[n] = s->item[s->start[u] + e];
				((int64_t *) train->time)[n++] = s->time[s->start[u] + e];
			}
		((size_t *) train->start)[u + 1] = n;
		t->first[u + 1] = targets;
		free(order);
		free(out);
	}
}

static void
run(const Entry *x, const BmSequences *s, int seeds)
{
	size_t n = s->start[s->nusers];
	BmSequences train = *s;
	Targets t = {&train, calloc(s->nusers + 1, sizeof(size_t)), malloc(n * sizeof(uint32_t)), true};
	double sum[4] = {0}, square = 0, seconds = 0;

	train.start = calloc(s->nusers + 1, sizeof(size_t));
	train.item = malloc(n * sizeof(uint32_t));
	train.time = malloc(n * sizeof(int64_t));
	for (int seed = 1; seed <= seeds; seed++)
	{
		Quality q;

		split(&train, &t, s, (uint64_t) seed);
		q = measure(x->r, x->options, &t, (uint64_t) seed);
		sum[0] += q.ndcg, sum[1] += q.precision, sum[2] += q.map, sum[3] += q.recall;
		square += q.ndcg * q.ndcg;
		seconds += q.fit_seconds;
	}
	for (int i = 0; i < 4; i++)
		sum[i] /= seeds;
	printf("%-24s ndcg@10 %.4f (sd %.4f)  precision %.4f  map %.4f  recall %.4f  fit %.2f s\n",
		   x->name, sum[0], sqrt(fmax(square / seeds - sum[0] * sum[0], 0)), sum[1], sum[2], sum[3],
		   seconds / seeds);
	fflush(stdout);
	free((void *) train.start);
	free((void *) train.item);
	free((void *) train.time);
	free(t.first);
	free(t.target);
}

int
main(int argc, char **argv)
{
	static const BmPopularOptions popular = {0, {0}};
	static const BmSeqRulesOptions markov = {0, 0, 0, 1, 0, 1, 0, false},
								   rules = {0.5, 0.25, 0.99, 50, 0, 1000, 0, false};
	static const BmItemKnnOptions knn = {10, 1, 0, 1000, BM_KNN_COSINE, 0};
	static const BmRp3betaOptions walk = {0.6, 0.6, 1, 0, 1000, 0};
	static const BmSessionKnnOptions sessions = {300, 5000, 256, 0,     BM_SESSION_LINEAR,
												 0,   40,   2.5, false, 0};
	static const BmNextBasketOptions basket = {100, 7, 1, 1, 0, 0, BM_BASKET_COSINE};
	static const BmEaseOptions ease = {400, 1, 0, 1000, 0};
	static const BmAlsOptions als = {64, 15, 0.1, 0.03, 1, 1, BM_ALS_CHOLESKY, 0},
							  als_cg = {64, 15, 0.1, 0.03, 1, 1, BM_ALS_CG, 0};
	static const BmBprOptions bpr = {64, 60, 0.05, 0.01, BM_BPR_UNIFORM, 10, 0.01, 1000, 1, 0},
							  popular_negatives = {64, 60,   0.05, 0.01, BM_BPR_POPULAR,
												   10, 0.01, 10,   1,    0},
							  warp = {64, 60, 0.05, 0.01, BM_BPR_WARP, 10, 0.01, 1000, 1, 0};
	static const Entry entries[] = {{"popular", &bmc_popular, &popular},
									{"markov", &bmc_seq_rules, &markov},
									{"seq_rules", &bmc_seq_rules, &rules},
									{"item_knn", &bmc_item_knn, &knn},
									{"rp3beta", &bmc_rp3beta, &walk},
									{"session_knn", &bmc_session_knn, &sessions},
									{"next_basket", &bmc_next_basket, &basket},
									{"bpr", &bmc_bpr, &bpr},
									{"bpr, popular negatives", &bmc_bpr, &popular_negatives},
									{"bpr, warp", &bmc_bpr, &warp},
									{"als, cg", &bmc_als, &als_cg},
									{"als", &bmc_als, &als},
									{"ease", &bmc_ease, &ease}};
	int seeds = argc > 2 ? atoi(argv[2]) : 5;
	BmSequences s;

	if (argc < 2 || seeds < 1)
		die("usage: ml100k_bench FILE [seeds]");
	if (bmc_blas_open(1) != BM_OK)
		die("no memory for OpenBLAS");
	s = read_events(argv[1]);
	printf("%zu users, %zu items, %zu events, %d seeds\n", s.nusers, s.nitems, s.start[s.nusers],
		   seeds);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		run(&entries[i], &s, seeds);
	return 0;
}
