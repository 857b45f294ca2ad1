/*
 * rec_bench.c
 *		Quality and fit time of the core's count models on a file of sequences, one user a line:
 *		"user item item ...", oldest first.
 *
 * Protocol: fitted without each user's last two events, tested on the last one, fed everything before
 * it. All items are ranked, seen items removed (a repeated target is a miss), ties at their mid-rank.
 * Fit seconds are those of the fastest of three fits (of one, where it is long), from
 * sequences to tensors.
 *
 * With a name only that model is fitted, once, and the process's peak of resident memory is printed.
 *
 * usage: rec_bench FILE [least rows of an item] [threads] [model]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/resource.h>

#include "core/num/blas.h"
#include "core/rec/count_models.h"
#include "core/rec/als.h"
#include "core/rec/bpr.h"
#include "core/rec/rank.h"

#define REPEATS 3
#define LONG 5.0 /* seconds; a longer fit is not repeated */

static void *
get_block(void *arg, size_t bytes)
{
	return malloc(bytes);
}

static void
put_block(void *arg, void *block)
{
	free(block);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void
die(const char *what)
{
	fprintf(stderr, "rec_bench: %s\n", what);
	exit(2);
}

/* ---- data ---- */

static int
by_count(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return x[0] < y[0] ? 1 : x[0] > y[0] ? -1 : x[1] < y[1] ? -1 : x[1] > y[1];
}

/* Give items their codes, most frequent first; drop those with fewer than least rows. */
static size_t
encode(size_t *start, size_t users, uint32_t *item, uint32_t most, uint64_t least)
{
	uint64_t(*count)[2] = calloc((size_t) most + 1, sizeof(*count));
	uint32_t *code = malloc(((size_t) most + 1) * sizeof(*code));
	size_t nitems = 0, n = 0;

	for (size_t i = 0; i <= most; i++)
		count[i][1] = i;
	for (size_t e = 0; e < start[users]; e++)
		count[item[e]][0]++;
	qsort(count, (size_t) most + 1, sizeof(*count), by_count);
	for (size_t i = 0; i <= most; i++)
	{
		code[count[i][1]] = count[i][0] >= least ? (uint32_t) i : BM_NONE;
		nitems += count[i][0] >= least;
	}
	for (size_t u = 0, end = 0; u < users; u++)
	{
		size_t first = end;

		end = start[u + 1];
		start[u] = n;
		for (size_t e = first; e < end; e++)
			if (code[item[e]] != BM_NONE)
				item[n++] = code[item[e]];
	}
	start[users] = n;
	free(count);
	free(code);
	return nitems;
}

static BmSequences
read_file(const char *path, uint64_t least)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, users = 0, events = 0, cap = 1 << 20, cap_users = 1 << 16;
	uint32_t *item = malloc(cap * sizeof(*item)), most = 1, *use;
	size_t *start = calloc(cap_users + 1, sizeof(*start)), nitems;

	if (f == NULL)
		die("cannot open the file");
	while (getline(&line, &room, f) > 0)
	{
		char *at = line, *next;

		strtoul(at, &at, 10); /* the user's name */
		for (;; at = next)
		{
			unsigned long id = strtoul(at, &next, 10);

			if (next == at)
				break;
			if (events == cap)
				item = realloc(item, (cap *= 2) * sizeof(*item));
			item[events++] = (uint32_t) id;
			most = id > most ? (uint32_t) id : most;
		}
		if (users == cap_users)
			start = realloc(start, ((cap_users *= 2) + 1) * sizeof(*start));
		start[++users] = events;
	}
	fclose(f);
	free(line);
	nitems = encode(start, users, item, most, least);
	use = malloc(users * sizeof(*use));
	for (size_t u = 0; u < users; u++)
		use[u] = start[u + 1] - start[u] > 2 ? (uint32_t) (start[u + 1] - start[u] - 2) : 0;
	return (BmSequences){.nusers = users,
						 .nitems = nitems,
						 .start = start,
						 .item = item,
						 .time = calloc(start[users] + 1, sizeof(int64_t)),
						 .use = use};
}

/* The last event of every user who has three. */
static BmCases
last_events(const BmSequences *s)
{
	uint32_t *user = malloc(s->nusers * sizeof(*user)), *pos = malloc(s->nusers * sizeof(*pos));
	BmCases c = {.data = s, .user = user, .pos = pos, .exclude = BM_EXCLUDE_SEEN};

	for (size_t u = 0; u < s->nusers; u++)
		if (s->start[u + 1] - s->start[u] >= 3)
		{
			user[c.n] = (uint32_t) u;
			pos[c.n++] = (uint32_t) (s->start[u + 1] - s->start[u] - 1);
		}
	return c;
}

/* ---- one model ---- */

static BmStatus
fit_once(BmFit *fit, const BmRecommender *r)
{
	BmStatus status = r->fit_begin(fit);

	if (status != BM_OK)
		return status;
	while ((status = r->fit_step(fit)) == BM_MORE || status == BM_EPOCH)
		;
	return status;
}

static const char *only; /* the one model that is asked for, or NULL */

static void
run(const char *name, const BmRecommender *r, const void *options, const BmSequences *s,
	const BmCases *cases, BmPool *pool)
{
	BmMem mem = {.get = get_block, .put = put_block};
	BmFit fit;
	BmTensors tensors = {0};
	BmBlend model = {1, s->nitems, {{r, malloc(r->bound_size), 1.0f}}};
	BmMetrics m;
	double seconds = INFINITY;

	if (only && strcmp(only, name) != 0)
		return;
	for (int i = 0; i < (only ? 1 : REPEATS) && (i == 0 || seconds < LONG); i++)
	{
		double t;

		if (i > 0)
			r->fit_end(&fit);
		fit = (BmFit){.data = s, .options = options, .pool = pool, .mem = &mem};
		t = now();
		if (fit_once(&fit, r) != BM_OK)
			die(fit.error[0] ? fit.error : "the fit failed");
		t = now() - t;
		seconds = t < seconds ? t : seconds;
	}
	if (r->fit_tensors(&fit, NULL, &tensors) != BM_OK ||
		r->bind((void *) model.part[0].bound, &tensors, NULL, s->nitems) != NULL ||
		bmc_evaluate(&m, NULL, &model, cases, 10, pool, &mem, NULL) != BM_OK)
		die("the model cannot be evaluated");
	printf("%-10s HR@10 %.4f  NDCG@10 %.4f  fit %.4f s\n", name, m.hit / (double) m.n,
		   m.ndcg / (double) m.n, seconds);
	fflush(stdout);
	r->fit_end(&fit);
	free((void *) model.part[0].bound);
}

int
main(int argc, char **argv)
{
	static const BmPopularOptions popular = {0, {0}};
	static const BmSeqRulesOptions markov = {0, 0, 0, 1, 0, 1, 0, false},
								   rules = {0.5, 0.25, 0.7, 50, 0, 50, 0, false};
	static const BmItemKnnOptions knn = {10, 0.8, 0, 10, BM_KNN_COSINE, 0};
	static const BmRp3betaOptions walk = {0.6, 0.6, 0.7, 300, 50, 0},
								  sparse_walk = {0.4, 0.3, 0.6, 300, 50, 0};
	static const BmEaseOptions ease = {500, 0.7, 200, 50, 0};
	static const BmAlsOptions als = {64, 15, 0.1, 0.003, 1, 1, BM_ALS_CG, 0};
	static const BmAlsOptions als_exact = {64, 15, 0.1, 0.003, 1, 1, BM_ALS_CHOLESKY, 0};
	static const BmAlsOptions als_recent = {64, 15, 0.1, 0.003, 1, 0.9, BM_ALS_CG, 0};
	static const BmBprOptions bpr = {64, 60, 0.05, 0.01, BM_BPR_UNIFORM, 10, 0.01, 10, 0.8, 0};
	int threads = argc > 3 ? atoi(argv[3]) : 1;
	BmSequences s;
	BmCases cases;
	void *memory;
	BmPool *pool;

	only = argc > 4 ? argv[4] : NULL;
	if (argc < 2 || threads < 1 || threads > BM_MAX_THREADS)
		die("usage: rec_bench FILE [least rows of an item] [threads]");
	s = read_file(argv[1], argc > 2 ? strtoul(argv[2], NULL, 10) : 1);
	cases = last_events(&s);
	if (cases.n == 0)
		die("no user has three events");
	if (bmc_blas_open(threads) != BM_OK)
		die("no memory for OpenBLAS");
	memory = malloc(bmc_pool_size(threads));
	pool = bmc_pool_open(memory, threads);
	printf("%zu users, %zu items, %zu events, %zu cases, %d threads\n", s.nusers, s.nitems,
		   s.start[s.nusers], cases.n, threads);
	run("popular", &bmc_popular, &popular, &s, &cases, pool);
	run("markov", &bmc_seq_rules, &markov, &s, &cases, pool);
	run("item_knn", &bmc_item_knn, &knn, &s, &cases, pool);
	run("rp3beta", &bmc_rp3beta, &walk, &s, &cases, pool);
	run("rp3beta_2", &bmc_rp3beta, &sparse_walk, &s, &cases, pool);
	run("seq_rules", &bmc_seq_rules, &rules, &s, &cases, pool);
	run("ease", &bmc_ease, &ease, &s, &cases, pool);
	run("als", &bmc_als, &als, &s, &cases, pool);
	run("als_exact", &bmc_als, &als_exact, &s, &cases, pool);
	run("als_recent", &bmc_als, &als_recent, &s, &cases, pool);
	run("bpr", &bmc_bpr, &bpr, &s, &cases, pool);
	bmc_pool_close(pool);
	if (only)
	{
		struct rusage usage;

		getrusage(RUSAGE_SELF, &usage);
		printf("%s peak %ld MB\n", only, usage.ru_maxrss / 1024);
	}
	return 0;
}
