/*
 * basket_bench.c
 *		The next basket on a file of purchases, one a line: "user seconds item", in (user, time) order.
 *
 * Protocol: a basket is one user's purchases of one time. Each user's last basket (with "valid": the last
 * but one) is the target, everything before it is fitted and is the history; users with two baskets or more
 * before it count. All items are ranked, bought ones too; ten are shown. recall@10 is over the target basket,
 * ndcg@10 against the best order of it, hit: at least one is right.
 *
 * usage: basket_bench FILE test|valid [threads]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/num/topk.h"
#include "core/rec/count_models.h"
#include "core/rec/next_basket.h"

#define K 10

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
	fprintf(stderr, "basket_bench: %s\n", what);
	exit(2);
}

static BmSequences
read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t room = 1 << 20, users = 0, n = 0, most = 0;
	uint32_t *item = malloc(room * sizeof(*item));
	int64_t *time = malloc(room * sizeof(*time));
	size_t *start = calloc(room + 1, sizeof(*start));
	long long user, seconds, code;

	if (f == NULL)
		die("cannot open the file");
	while (fscanf(f, "%lld %lld %lld", &user, &seconds, &code) == 3)
	{
		if (n == room)
		{
			room *= 2;
			item = realloc(item, room * sizeof(*item));
			time = realloc(time, room * sizeof(*time));
			start = realloc(start, (room + 1) * sizeof(*start));
		}
		for (; users <= (size_t) user; users++)
			start[users] = n;
		item[n] = (uint32_t) code;
		time[n++] = seconds * 1000000;
		most = (size_t) code > most ? (size_t) code : most;
	}
	fclose(f);
	start[users] = n;
	return (BmSequences){
		.nusers = users, .nitems = most + 1, .start = start, .item = item, .time = time};
}

/* Where the last basket before end begins. */
static size_t
basket_start(const BmSequences *s, size_t first, size_t end)
{
	size_t e = end - 1;

	while (e > first && s->time[e - 1] == s->time[end - 1])
		e--;
	return e;
}

/* Targets: events [from, to) of the users that count; s->use ends before them. */
static size_t
cut(BmSequences *s, size_t *from, size_t *to, int skip)
{
	uint32_t *use = malloc(s->nusers * sizeof(*use));
	size_t n = 0;

	for (size_t u = 0; u < s->nusers; u++)
	{
		size_t first = s->start[u], end = s->start[u + 1], begin = end;

		from[u] = to[u] = 0;
		for (int k = 0; k <= skip && end > first; k++)
		{
			to[u] = end;
			begin = end = basket_start(s, first, end);
		}
		use[u] = (uint32_t) (begin - first);
		if (begin == first || basket_start(s, first, begin) == first)
			to[u] = 0; /* fewer than two baskets before it */
		from[u] = begin;
		n += to[u] > 0;
	}
	s->use = use;
	return n;
}

typedef struct Quality
{
	double recall, ndcg, hit;
} Quality;

/* Distinct targets [from, to) among the k items shown. */
static Quality
judge(const BmSequences *s, size_t from, size_t to, const uint32_t *shown, size_t k)
{
	Quality q = {0};
	double best = 0.0, dcg = 0.0;
	size_t targets = 0, right = 0;

	for (size_t e = from; e < to; e++)
	{
		bool again = false;

		for (size_t x = from; x < e; x++)
			again |= s->item[x] == s->item[e];
		if (again)
			continue;
		if (targets++ < K)
			best += 1.0 / log2((double) targets + 1.0);
		for (size_t r = 0; r < k; r++)
			if (shown[r] == s->item[e])
			{
				right++;
				dcg += 1.0 / log2((double) r + 2.0);
			}
	}
	q.recall = (double) right / (double) targets;
	q.ndcg = dcg / best;
	q.hit = right > 0;
	return q;
}

static void
run(const char *name, const BmRecommender *r, const void *options, const BmSequences *s,
	const size_t *from, const size_t *to, size_t n)
{
	BmMem mem = {.get = get_block, .put = put_block};
	BmFit fit = {.data = s, .options = options, .mem = &mem};
	BmTensors tensors = {0};
	void *bound = malloc(r->bound_size), *scratch;
	float *scores = malloc(s->nitems * sizeof(float)), best[K];
	uint32_t shown[K];
	Quality sum = {0};
	BmStatus status;
	double t = now(), fitted;

	status = r->fit_begin(&fit);
	while (status == BM_OK && (status = r->fit_step(&fit)) == BM_MORE)
		status = BM_OK;
	fitted = now() - t;
	if (status != BM_OK || r->fit_tensors(&fit, NULL, &tensors) != BM_OK ||
		r->bind(bound, &tensors, NULL, s->nitems) != NULL)
		die("the fit failed");
	scratch = aligned_alloc(64, (r->score_bytes(bound, 1) + 127) / 64 * 64);
	t = now();
	for (size_t u = 0; u < s->nusers; u++)
	{
		BmHistory h = {s->use[u], s->item + s->start[u], s->time + s->start[u], NULL, NULL};
		Quality q;

		if (to[u] == 0)
			continue;
		r->score(scores, bound, &h, 1, scratch, false);
		q = judge(s, from[u], to[u], shown, bmc_topk(shown, best, K, scores, s->nitems));
		sum.recall += q.recall;
		sum.ndcg += q.ndcg;
		sum.hit += q.hit;
	}
	printf("%-28s recall@10 %.4f  ndcg@10 %.4f  hit@10 %.4f  fit %.3f s  answer %.3f ms\n", name,
		   sum.recall / (double) n, sum.ndcg / (double) n, sum.hit / (double) n, fitted,
		   1e3 * (now() - t) / (double) n);
	fflush(stdout);
	r->fit_end(&fit);
	free(scratch);
	free(scores);
	free(bound);
}

int
main(int argc, char **argv)
{
	static const BmPopularOptions popular = {0, {0}};
	static const BmSeqRulesOptions rules = {0.5, 0.25, 0.85, 50, 0, 50, 0, true};
	/* personal frequency: every basket counts alike, nobody else does */
	static const BmNextBasketOptions again = {1, 1, 1, 1, 1, 0, BM_BASKET_EUCLIDEAN};
	static const BmNextBasketOptions tried[] = {
		{300, 7, 0.9, 0.7, 0.7, 0, BM_BASKET_EUCLIDEAN},
		{300, 7, 0.9, 0.7, 0.7, 0, BM_BASKET_COSINE},
		{100, 7, 0.9, 0.7, 0.7, 0, BM_BASKET_COSINE},
		{300, 7, 0.9, 0.7, 0.5, 0, BM_BASKET_COSINE},
		{300, 7, 0.9, 0.7, 0.3, 0, BM_BASKET_COSINE},
		{300, 7, 0.9, 0.7, 0.1, 0, BM_BASKET_COSINE},
		{300, 7, 0.9, 0.9, 0.5, 0, BM_BASKET_COSINE},
		{300, 3, 0.9, 0.7, 0.5, 0, BM_BASKET_COSINE},
		{900, 7, 0.9, 0.7, 0.3, 0, BM_BASKET_COSINE},
		{300, 20, 1, 0.9, 0.3, 0, BM_BASKET_COSINE},
	};
	BmSequences s;
	size_t *from, *to, n;

	if (argc < 3)
		die("usage: basket_bench FILE test|valid");
	s = read_file(argv[1]);
	from = malloc(s.nusers * sizeof(*from));
	to = malloc(s.nusers * sizeof(*to));
	n = cut(&s, from, to, strcmp(argv[2], "valid") == 0);
	printf("%zu users, %zu items, %zu purchases, %zu target baskets (%s)\n", s.nusers, s.nitems,
		   s.start[s.nusers], n, argv[2]);
	run("popular", &bmc_popular, &popular, &s, from, to, n);
	run("seq_rules, repeats", &bmc_seq_rules, &rules, &s, from, to, n);
	run("buy again by frequency", &bmc_next_basket, &again, &s, from, to, n);
	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
	{
		const BmNextBasketOptions *o = &tried[i];
		char name[64];

		snprintf(name, sizeof(name), "tifu %s k%d m%d %g %g own %g",
				 o->distance == BM_BASKET_COSINE ? "cos" : "euc", o->neighbours, o->groups,
				 o->within, o->between, o->own);
		run(name, &bmc_next_basket, o, &s, from, to, n);
	}
	return 0;
}
