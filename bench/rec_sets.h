/*
 * rec_sets.h
 *		What the benchmarks share whose users have several right answers each: a file of events, a fit,
 *		and metrics of the ten items shown against a set of targets.
 */
#ifndef REC_SETS_H
#define REC_SETS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/num/blas.h"
#include "core/num/topk.h"
#include "core/rec/als.h"
#include "core/rec/bpr.h"
#include "core/rec/count_models.h"
#include "core/rec/next_basket.h"
#include "core/rec/session_knn.h"

#define K 10

static inline void *
get_block(void *arg, size_t bytes)
{
	return malloc(bytes);
}

static inline void
put_block(void *arg, void *block)
{
	free(block);
}

static inline double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static inline void
die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(2);
}

/* Lines "user seconds item", users 0, 1, ... in order, times ascending within a user. */
static inline BmSequences
read_events(const char *path)
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

/* What is to be found: user u's targets are target[first[u]] to target[first[u + 1] - 1]. */
typedef struct Targets
{
	const BmSequences *data; /* what is fitted, and the histories */
	size_t *first;           /* (nusers+1) */
	uint32_t *target;
	bool exclude_seen;
} Targets;

/* Means over the users who have targets. */
typedef struct Quality
{
	double recall, precision, ndcg, map, hit, fit_seconds, answer_ms;
} Quality;

/* Adds one user's; shown (k) are distinct. */
static inline void
judge(Quality *sum, const uint32_t *target, size_t n, const uint32_t *shown, size_t k)
{
	double best = 0.0, dcg = 0.0, ap = 0.0;
	size_t targets = 0, right = 0;

	for (size_t e = 0; e < n; e++)
	{
		bool again = false;

		for (size_t x = 0; x < e; x++)
			again |= target[x] == target[e];
		if (!again && targets++ < K)
			best += 1.0 / log2((double) targets + 1.0);
	}
	for (size_t r = 0; r < k; r++)
		for (size_t e = 0; e < n; e++)
			if (shown[r] == target[e])
			{
				dcg += 1.0 / log2((double) r + 2.0);
				ap += (double) ++right / (double) (r + 1);
				break;
			}
	sum->recall += (double) right / (double) targets;
	sum->precision += (double) right / K;
	sum->ndcg += dcg / best;
	sum->map += ap / (double) targets;
	sum->hit += right > 0;
}

/* Ask for every user with targets. */
static inline void
ask(Quality *q, const BmRecommender *r, const void *bound, const Targets *t)
{
	const BmSequences *s = t->data;
	void *scratch = aligned_alloc(64, (r->score_bytes(bound, 1) + 127) / 64 * 64);
	float *scores = malloc(s->nitems * sizeof(float)), best[K];
	uint32_t shown[K];
	double start = now();
	size_t users = 0;

	for (size_t u = 0; u < s->nusers; u++)
	{
		BmHistory h = {bmc_sequence_length(s, u), s->item + s->start[u], s->time + s->start[u],
					   NULL, NULL};

		if (t->first[u] == t->first[u + 1])
			continue;
		users++;
		r->score(scores, bound, &h, 1, scratch, true);
		for (size_t e = 0; e < h.n && t->exclude_seen; e++)
			scores[h.item[e]] = -INFINITY;
		judge(q, t->target + t->first[u], t->first[u + 1] - t->first[u], shown,
			  bmc_topk(shown, best, K, scores, s->nitems));
	}
	q->answer_ms = 1e3 * (now() - start);
	for (double *x = &q->recall; x <= &q->answer_ms; x++)
		if (x != &q->fit_seconds)
			*x /= (double) users;
	free(scratch);
	free(scores);
}

static inline Quality
measure(const BmRecommender *r, const void *options, const Targets *t, uint64_t seed)
{
	BmMem mem = {.get = get_block, .put = put_block};
	BmFit fit = {.data = t->data, .options = options, .mem = &mem, .seed = seed};
	BmTensors tensors = {0};
	void *bound = malloc(r->bound_size);
	Quality q = {0};
	BmStatus status;
	double start = now(), fitted;

	status = r->fit_begin(&fit);
	if (status == BM_OK)
		while ((status = r->fit_step(&fit)) == BM_MORE || status == BM_EPOCH)
			;
	fitted = now() - start;
	if (status != BM_OK || r->fit_tensors(&fit, NULL, &tensors) != BM_OK ||
		r->bind(bound, &tensors, NULL, t->data->nitems) != NULL)
		die("the fit failed");
	ask(&q, r, bound, t);
	q.fit_seconds = fitted;
	r->fit_end(&fit);
	free(bound);
	return q;
}

#endif
