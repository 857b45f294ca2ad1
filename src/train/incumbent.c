/*
 * incumbent.c
 *		Is a newly trained version better than the deployed one?
 *
 * The deployed version numbers items its own way, and items have come since; so it answers through
 * an adapter that translates codes, and what it does not know ranks last. Both versions are measured
 * on the same cases, and only on events that the deployed one was not trained on.
 */
#include "pg/pg.h"
#include "train/train.h"

/* Fewer cases than this say too little. */
#define MIN_FAIR_CASES 200

/* A bound model in another version's codes, dressed as a recommender in this log's codes. */
typedef struct Translated
{
	const BmBlend *blend;
	const uint32_t *to_old; /* (nitems) BM_NONE where unknown */
	size_t nitems;          /* of this log */
	size_t longest;         /* events of a history */
} Translated;

static size_t
translated_bytes(const void *bound, size_t B)
{
	const Translated *t = bound;

	return bmc_add(bmc_add(bmc_mul(t->longest, 4 + 8 + 1) + 192, bmc_mul(t->blend->nitems, 4) + 64),
				   bmc_blend_score_bytes(t->blend, 1));
}

/* The history in the old codes, unknown items left out; arrays carved from arena. */
static BmHistory
old_history(const Translated *t, const BmHistory *h, BmArena *arena)
{
	uint32_t *item = bmc_take(arena, t->longest, sizeof(uint32_t));
	int64_t *time = bmc_take(arena, t->longest, sizeof(int64_t));
	uint8_t *event = bmc_take(arena, t->longest, sizeof(uint8_t));
	BmHistory old = {0, item, h->time ? time : NULL, h->event ? event : NULL, h->event_weight};

	for (size_t e = 0; e < h->n; e++)
	{
		if (t->to_old[h->item[e]] == BM_NONE)
			continue;
		item[old.n] = t->to_old[h->item[e]];
		if (h->time)
			time[old.n] = h->time[e];
		if (h->event)
			event[old.n] = h->event[e];
		old.n++;
	}
	return old;
}

static void
translated_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
				 bool fast_blas)
{
	const Translated *t = bound;
	size_t size = translated_bytes(bound, B);

	for (size_t b = 0; b < B; b++, scores += t->nitems)
	{
		BmArena arena = {scratch, size, 0};
		BmHistory old = old_history(t, &h[b], &arena);
		float *row = bmc_take(&arena, t->blend->nitems, sizeof(float));
		float lowest = 0.0f;

		bmc_blend_score(row, t->blend, &old, 1, arena.base + arena.used, fast_blas);
		for (size_t i = 0; i < t->blend->nitems; i++)
			lowest = Min(lowest, row[i]);
		for (size_t i = 0; i < t->nitems; i++)
			scores[i] = t->to_old[i] == BM_NONE ? lowest - 1.0f : row[t->to_old[i]];
	}
}

static const BmRecommender translated = {
	.name = "translated",
	.bound_size = sizeof(Translated),
	.score_bytes = translated_bytes,
	.score = translated_score,
};

uint32_t
bm_code_in(const BmDictView *items, uint32_t code, const BmDictView *old)
{
	if (items->kind != old->kind)
		return BM_NONE;
	if (items->kind == BM_KEY_INT)
		return bmc_dict_find_int(old, items->key[code]);
	return bmc_dict_find_bytes(old, items->blob + items->offset[code],
							   items->offset[code + 1] - items->offset[code]);
}

/* Training events of the stored version in this log's codes: what it has never seen is cold. */
static uint32_t *
old_support(BmTraining *t, const BmModel *model, const uint32_t *to_old)
{
	size_t nitems = t->split->all.nitems;
	uint32_t *support = bmc_alloc(&t->mem, nitems, sizeof(uint32_t));

	if (support == NULL)
		bm_check(BM_ENOMEM, "measure a stored version", NULL);
	for (size_t i = 0; i < nitems; i++)
		support[i] = to_old[i] == BM_NONE ? 0 : (uint32_t) model->support[to_old[i]];
	return support;
}

BmMetrics
bm_measure_model(BmTraining *t, const BmModel *model, const BmBlend *answer, const BmCases *cases)
{
	size_t nitems = t->split->all.nitems;
	uint32_t *to_old = bmc_alloc(&t->mem, nitems, sizeof(uint32_t));
	Translated bound = {answer, to_old, nitems, 0};
	BmRecommender dressed = translated;
	BmBlend blend = {.n = 1, .nitems = nitems, .part = {{&dressed, &bound, 1.0f}}};
	BmCases of_model = *cases;
	BmMetrics metrics;

	dressed.knows_cold = bmc_blend_knows_cold(answer);
	if (to_old == NULL)
		bm_check(BM_ENOMEM, "measure a stored version", NULL);
	for (size_t i = 0; i < nitems; i++)
		to_old[i] = bm_code_in(&t->log->items.view, (uint32_t) i, &model->items);
	if (of_model.support == NULL)
		of_model.support = old_support(t, model, to_old);
	for (size_t u = 0; u < t->split->all.nusers; u++)
		bound.longest = Max(bound.longest, t->log->start[u + 1] - t->log->start[u]);
	metrics = bm_measure(&t->run, &blend, &of_model);
	bmc_free(&t->mem, to_old);
	return metrics;
}

/* The test cases that the deployed version has not seen. */
static void
fair_cases(BmTraining *t, BmCases *cases)
{
	TimestampTz seen = t->incumbent->version->watermark;
	size_t repeats;

	if (t->split->kind == BM_SPLIT_TIME && seen < t->split->test_from)
		*cases = t->split->test;
	else
	{
		int64 from =
			t->split->kind == BM_SPLIT_TIME ? Max(seen + 1, t->split->test_from) : seen + 1;

		bm_cases_between(cases, &repeats, t->log, &t->split->all, from, PG_INT64_MAX, &t->options,
						 &t->mem, t->seed);
		cases->support = t->split->support;
	}
}

/* Where no row is fair to both: the new lift over popularity against the one stored with the old. */
static bool
better_lift(const BmTraining *t, char **note)
{
	const BmVersion *old = t->incumbent->version;
	double lift = t->version.baseline > 0 ? t->version.value / t->version.baseline : 1.0;
	double old_lift = old->baseline > 0 ? old->value / old->baseline : 1.0;

	*note = psprintf("lift over popularity %.2f, deployed version %d had %.2f when it was trained",
					 lift, old->version, old_lift);
	return !(lift < 0.95 * old_lift);
}

bool
bm_beats_incumbent(BmTraining *t, char **note)
{
	BmCases cases;
	BmMetrics ours, theirs;

	if (t->incumbent == NULL)
	{
		bool poor = t->version.value < t->version.baseline;

		*note = psprintf("nothing was deployed before%s", poor ? "; popularity is better" : "");
		if (poor)
			ereport(
				WARNING,
				(errmsg("model \"%s\" is worse than popularity", t->model),
				 errdetail("ndcg@%d is %.4f, that of popularity %.4f.", t->options.k,
						   t->version.value, t->version.baseline),
				 errhint("Without an algorithm behav_train takes the best that fits the data.")));
		return true;
	}
	fair_cases(t, &cases);
	if (cases.n < MIN_FAIR_CASES)
		return better_lift(t, note);
	ours = bm_measure(&t->run, &t->choice->blend, &cases);
	theirs = bm_measure_model(t, t->incumbent, &t->incumbent->blend, &cases);
	*note = psprintf("ndcg@%d %.4f against %.4f of deployed version %d on the same %zu cases",
					 t->options.k, BM_MEAN(ours, ndcg), BM_MEAN(theirs, ndcg),
					 t->incumbent->version->version, cases.n);
	return ours.ndcg >= theirs.ndcg;
}
