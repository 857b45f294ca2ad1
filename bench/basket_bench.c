/*
 * basket_bench.c
 *		The next basket on a file of purchases, one a line: "user seconds item", in (user, time) order.
 *
 * Protocol: a basket is one user's purchases of one time. Each user's last basket (with "valid": the last
 * but one) is the target, everything before it is fitted and is the history; users with two baskets or more
 * before it count. All items are ranked, bought ones too; ten are shown. recall@10 is over the target basket,
 * ndcg@10 against the best order of it, hit: at least one is right.
 *
 * usage: basket_bench FILE test|valid
 */
#include "rec_sets.h"

/* Where the last basket before end begins. */
static size_t
basket_start(const BmSequences *s, size_t first, size_t end)
{
	size_t e = end - 1;

	while (e > first && s->time[e - 1] == s->time[end - 1])
		e--;
	return e;
}

/* Each user's last basket but skip; s->use ends before it. Returns how many users have one that counts. */
static size_t
cut(Targets *t, BmSequences *s, int skip)
{
	uint32_t *use = malloc(s->nusers * sizeof(*use));
	size_t n = 0, users = 0;

	t->first = calloc(s->nusers + 1, sizeof(*t->first));
	t->target = malloc(s->start[s->nusers] * sizeof(*t->target));
	for (size_t u = 0; u < s->nusers; u++)
	{
		size_t first = s->start[u], end = s->start[u + 1], begin = end, to = end;

		for (int k = 0; k <= skip && end > first; k++)
		{
			to = end;
			begin = end = basket_start(s, first, end);
		}
		use[u] = (uint32_t) (begin - first);
		if (begin > first && basket_start(s, first, begin) > first)
		{
			memcpy(t->target + n, s->item + begin, (to - begin) * sizeof(uint32_t));
			n += to - begin;
			users++;
		}
		t->first[u + 1] = n;
	}
	s->use = use;
	t->data = s;
	return users;
}

static void
run(const char *name, const BmRecommender *r, const void *options, const Targets *t)
{
	Quality q = measure(r, options, t, 0);

	printf("%-34s recall@10 %.4f  ndcg@10 %.4f  hit@10 %.4f  fit %.3f s  answer %.3f ms\n", name,
		   q.recall, q.ndcg, q.hit, q.fit_seconds, q.answer_ms);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static const BmPopularOptions popular = {0, {0}}, trending = {0, {0, 1, 1}};
	static const BmSeqRulesOptions rules = {0.5, 0.25, 0.85, 50, 0, 50, 0, true};
	/* personal frequency: every basket counts alike, nobody else does */
	static const BmNextBasketOptions again = {1, 1, 1, 1, 1, 0, BM_BASKET_EUCLIDEAN};
	static const BmNextBasketOptions tried[] = {
		{300, 7, 0.9, 0.7, 0.7, 0, BM_BASKET_EUCLIDEAN}, /* as in the paper */
		{300, 7, 0.9, 0.7, 0.7, 0, BM_BASKET_COSINE},
		{300, 7, 0.9, 0.8, 0.4, 0, BM_BASKET_COSINE},
		{300, 7, 0.9, 0.7, 0.1, 0, BM_BASKET_COSINE},
		{300, 7, 0.9, 0.9, 0.7, 0, BM_BASKET_COSINE},
		{300, 7, 0.9, 0.9, 0.5, 0, BM_BASKET_COSINE},
		{100, 7, 0.9, 0.8, 0.4, 0, BM_BASKET_COSINE},
		{300, 3, 0.9, 0.8, 0.4, 0, BM_BASKET_COSINE},
	};
	BmSequences s;
	Targets t = {0};
	size_t n;

	if (argc < 3)
		die("usage: basket_bench FILE test|valid");
	s = read_events(argv[1]);
	n = cut(&t, &s, strcmp(argv[2], "valid") == 0);
	printf("%zu users, %zu items, %zu purchases, %zu target baskets (%s)\n", s.nusers, s.nitems,
		   s.start[s.nusers], n, argv[2]);
	run("popular", &bmc_popular, &popular, &t);
	run("trending, day and week", &bmc_popular, &trending, &t);
	run("seq_rules with repeats", &bmc_seq_rules, &rules, &t);
	run("buy again by frequency", &bmc_next_basket, &again, &t);
	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
	{
		const BmNextBasketOptions *o = &tried[i];
		char name[96];

		snprintf(name, sizeof(name), "next_basket %s %d/%d %g %g own %g",
				 o->distance == BM_BASKET_COSINE ? "cosine" : "euclid", o->neighbours, o->groups,
				 o->within, o->between, o->own);
		run(name, &bmc_next_basket, o, &t);
	}
	return 0;
}
