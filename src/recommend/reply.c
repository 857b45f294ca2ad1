/*
 * reply.c
 *		From a request and a history to rows: the best items, arranged, each with its reason.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/xact.h"
#include "lib/stringinfo.h"

#include "core/rec/segments.h"
#include "recommend/request.h"

/* Above so many items of a pool the kinds of all are read in one go. */
#define MAX_POOL_KEYS 10000

/* ---- a history without a known item ---- */

/* The code of a segment by name; -1 when the model knows none of this name. */
static int
segment_code(const BmModel *model, const char *name)
{
	for (int s = 0; name && s < model->nsegments; s++)
		if (strcmp(model->segments[s], name) == 0)
			return s;
	return -1;
}

/* Popularity of the segment in the place of the shop's; its name, or NULL. */
static const char *
apply_segment(BmRequest *r, const BmPast *past)
{
	BmModel *model = r->model;
	int s = segment_code(model, r->segment ? r->segment : past->segment);
	float *scores;

	if (past->h.n > 0 || s < 0)
		return NULL;
	scores = palloc_extended(sizeof(float) * model->items.n, MCXT_ALLOC_HUGE);
	bmc_segment_scores(scores, (const uint32_t *) model->segment_item + s * BM_SEGMENT_TOP,
					   model->segment_score + s * BM_SEGMENT_TOP, model->popularity,
					   model->items.n);
	r->serve.popularity = scores;
	return model->segments[s];
}

/* ---- picking ---- */

/* The kinds of the items of a pool, which is all that an arrangement looks at. */
static void
read_kinds(BmRequest *r, const uint32_t *item, size_t n)
{
	for (int c = 0; c < r->arrange.ncaps; c++)
	{
		if (r->arrange.group[c] == NULL)
			r->arrange.group[c] =
				palloc_extended(sizeof(uint32_t) * r->model->items.n, MCXT_ALLOC_HUGE);
		r->arrange.ngroups[c] =
			bm_filter_groups((uint32_t *) r->arrange.group[c], r->model, r->cap[c],
							 n > MAX_POOL_KEYS ? NULL : item, n, "max_per");
	}
}

/* item, score (k); a larger pool as long as kinds that are full leave places empty. */
static size_t
arranged(uint32_t *item, float *score, BmRequest *r, const float *scores)
{
	const BmArrange *a = &r->arrange;
	size_t k = r->serve.k, want = bmc_arrange_pool(a, k), n, found;
	uint32_t *pool, *place = palloc(sizeof(uint32_t) * k);
	float *value;

	bmc_arrange_pins(r->pinned, a, scores);
	for (bool whole;; want = Min(want * 4, a->nitems))
	{
		pool = palloc_extended(sizeof(uint32_t) * (want + a->npins), MCXT_ALLOC_HUGE);
		value = palloc_extended(sizeof(float) * (want + a->npins), MCXT_ALLOC_HUGE);
		n = bmc_arrange_candidates(pool, value, want, a, r->pinned, scores);
		read_kinds(r, pool, n);
		whole = want == a->nitems || n < want;
		found = bmc_arrange(place, k, a, r->pinned, pool, value, n, whole,
							palloc_extended(bmc_arrange_bytes(a, n), MCXT_ALLOC_HUGE), NULL);
		bm_interrupts();
		if (found == k || whole)
			break;
	}
	for (size_t i = 0; i < found; i++)
	{
		item[i] = pool[place[i]];
		score[i] = value[place[i]];
	}
	return found;
}

static size_t
pick(uint32_t *item, float *score, BmRequest *r, const BmPast *past)
{
	size_t bytes = bmc_serve_bytes(&r->serve);
	void *scratch;

	if (r->serve.arrange == NULL)
		return bmc_serve(item, score, &r->serve, &past->h, bm_serving_scratch(r->model, bytes),
						 false);
	scratch = palloc_extended(bytes, MCXT_ALLOC_HUGE); /* the scores live while kinds are read */
	return arranged(item, score, r, bmc_serve_scores(&r->serve, &past->h, scratch, false));
}

/* ---- nothing ---- */

/* Zero rows: what took out how many, once a statement. */
static void
tell_nothing(const BmRequest *r, const BmPast *past)
{
	static TimestampTz told = 0;
	size_t left = r->model->items.n;
	StringInfoData s;

	if (told == GetCurrentStatementStartTimestamp())
		return;
	told = GetCurrentStatementStartTimestamp();
	initStringInfo(&s);
	appendStringInfo(&s, "The model knows %zu items.", left);
	for (int i = 0; i < r->nsteps; left = r->step[i++].left)
		appendStringInfo(&s, " %s removed %zu of %zu.", r->step[i].what, left - r->step[i].left,
						 left);
	if (left > 0)
		appendStringInfo(&s, " The history%s removed the other %zu.",
						 r->serve.min_score > -INFINITY ? " and min_score" : "", left);
	ereport(NOTICE, (errmsg("no item is left to recommend"), errdetail("%s", s.data)));
}

/* ---- rows ---- */

/* What the rules did to an item. */
static void
append_rules(StringInfo s, const BmRequest *r, uint32_t item)
{
	for (int i = 0; i < r->nheld; i++)
		if (r->held[i].rule->kind == BM_RULE_BOOST && bm_has_bit(r->held[i].items, item))
			appendStringInfo(s, "; boosted x%g by %s", (double) r->held[i].rule->multiplier,
							 bm_rule_name(r->held[i].rule));
	for (size_t p = 0; p < r->arrange.npins; p++)
		if (r->pinned[p] == item)
			appendStringInfo(s, "; pinned to %d by %s", r->pin[p]->place, bm_rule_name(r->pin[p]));
}

static Datum
reason(const BmRequest *r, const BmPast *past, const float *share, const char *segment,
	   uint32_t item)
{
	size_t best = 0;
	StringInfoData s;

	initStringInfo(&s);
	for (size_t e = 1; e < past->h.n; e++)
		if (share[e] >= share[best])
			best = e;
	if (past->h.n == 0 && segment)
		appendStringInfo(&s, "popular in segment \"%s\": no event that the model knows", segment);
	else if (past->h.n == 0)
		appendStringInfoString(&s, "popular: no event of this user that the model knows");
	else if (!(share[best] > 0.0f))
		appendStringInfoString(&s, "popular: nothing in the history speaks for more");
	else
		appendStringInfoString(&s, bm_answer_because(r->model, past, share, best));
	append_rules(&s, r, item);
	return PointerGetDatum(cstring_to_text_with_len(s.data, s.len));
}

void
bm_request_answer(FunctionCallInfo fcinfo, BmRequest *r, const BmPast *past)
{
	const char *segment = apply_segment(r, past);
	uint32_t *item = palloc(sizeof(uint32_t) * r->serve.k);
	float *score = palloc(sizeof(float) * r->serve.k), *share;
	size_t n = pick(item, score, r, past);

	if (n == 0 && (r->nsteps > 0 || r->serve.min_score > -INFINITY))
		tell_nothing(r, past);
	share = palloc_extended(Max(n * past->h.n, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	if (past->h.n > 0 && n > 0)
		bmc_blend_explain(
			share, r->serve.model, &past->h, item, n,
			bm_serving_scratch(r->model, bmc_blend_explain_bytes(r->serve.model, past->h.n, n)));
	for (size_t i = 0; i < n; i++)
	{
		Datum values[4] = {bm_item_text(r->model, item[i]), bm_float8_datum(score[i]),
						   Int32GetDatum((int32) i + 1),
						   reason(r, past, share + i * past->h.n, segment, item[i])};
		bool nulls[4] = {false};

		bm_srf_row(fcinfo, values, nulls);
	}
}
