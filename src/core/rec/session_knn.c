/*
 * session_knn.c
 *		Fit of nearest sessions: cut, number newest first, index by item.
 */
#include <math.h>
#include <string.h>

#include "core/num/sort.h"
#include "core/rec/count_models.h"
#include "core/rec/session_knn.h"

#define MINUTE INT64_C(60000000)
#define MOST_REPEAT 0.99 /* chance of a repeat: the odds stay finite */

typedef struct SessionState
{
	size_t S, E;
	int32_t *start, *item, *minute, *index_start, *index;
	float *idf;
	float *repeat; /* (N) odds of the same item coming again */
	float config[BM_SESSION_CONFIG];
} SessionState;

/* Where the sessions lie in the data, in the order of the users. */
typedef struct Cuts
{
	size_t n;
	size_t *from, *to; /* event positions [from, to) */
} Cuts;

static size_t
session_fit_bytes(const BmFitSize *size, const void *options)
{
	/* per event: cuts, keys, order, item, index, minute, start; per item: index, stamps, idf, repeats */
	return bmc_add(bmc_mul(size->nevents, 60), bmc_mul(size->nitems, 36));
}

static void
session_end(BmFit *fit)
{
	SessionState *s = fit->state;

	if (s)
	{
		bmc_free(fit->mem, s->start);
		bmc_free(fit->mem, s->item);
		bmc_free(fit->mem, s->minute);
		bmc_free(fit->mem, s->index_start);
		bmc_free(fit->mem, s->index);
		bmc_free(fit->mem, s->idf);
		bmc_free(fit->mem, s->repeat);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
}

static BmStatus
session_begin(BmFit *fit)
{
	const BmSessionKnnOptions *o = fit->options;
	SessionState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));
	size_t N = fit->data->nitems;

	if (s == NULL)
		return BM_ENOMEM;
	s->index_start = bmc_alloc0(fit->mem, bmc_add(N, 1), sizeof(int32_t));
	s->idf = bmc_alloc0(fit->mem, N, sizeof(float));
	s->repeat = bmc_alloc0(fit->mem, N, sizeof(float));
	if (!s->index_start || !s->idf || !s->repeat)
		return BM_ENOMEM;
	s->config[0] = (float) o->neighbours;
	s->config[1] = (float) o->last;
	s->config[2] = (float) o->weight;
	s->config[3] = o->l1 > 0.0 ? (float) o->l1 : (float) o->last / 2.0f;
	s->config[4] = (float) (o->l2_days * 1440.0);
	s->config[5] = (float) o->l3;
	s->config[6] = o->repeats ? 1.0f : 0.0f;
	s->config[7] = (float) (o->half_life_days * 1440.0);
	fit->epochs = 1;
	fit->total = 1;
	fit->loss = NAN;
	return BM_OK;
}

/* Cut every user's training events of some weight at pauses longer than the gap. */
static BmStatus
cut(Cuts *c, const BmSequences *d, double gap_minutes, BmMem *mem)
{
	int64_t gap = gap_minutes > 0.0 ? (int64_t) (gap_minutes * (double) MINUTE) : INT64_MAX;
	size_t events = d->start[d->nusers];

	c->n = 0;
	c->from = bmc_alloc(mem, events, sizeof(size_t));
	c->to = bmc_alloc(mem, events, sizeof(size_t));
	if (!c->from || !c->to)
		return BM_ENOMEM;
	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t first = d->start[u], last = first + bmc_sequence_length(d, u), before = last;

		for (size_t e = first; e < last; e++)
		{
			if (!(bmc_event_weight(d, e) > 0.0f))
				continue;
			if (before == last || d->time[e] - d->time[before] > gap)
				c->from[c->n++] = e;
			c->to[c->n - 1] = e + 1;
			before = e;
		}
	}
	return BM_OK;
}

/*
 * Distinct items of the events [from, to) that weigh something, in the order of their last event: walked
 * from the end and turned round. stamp (N) holds the number of the last session that had the item.
 */
static size_t
distinct(int32_t *item, const BmSequences *d, size_t from, size_t to, uint32_t *stamp,
		 uint32_t session)
{
	size_t n = 0;

	for (size_t e = to; e-- > from;)
		if (bmc_event_weight(d, e) > 0.0f && stamp[d->item[e]] != session)
		{
			stamp[d->item[e]] = session;
			item[n++] = (int32_t) d->item[e];
		}
	for (size_t i = 0; i < n / 2; i++)
	{
		int32_t other = item[i];

		item[i] = item[n - 1 - i];
		item[n - 1 - i] = other;
	}
	return n;
}

/* Sessions of two items or more, the newest first. */
static BmStatus
collect(SessionState *s, const Cuts *c, const uint32_t *order, uint32_t *stamp, BmFit *fit)
{
	const BmSequences *d = fit->data;

	s->start[0] = 0;
	for (size_t i = c->n; i-- > 0;) /* order is by rising time */
	{
		size_t from = c->from[order[i]], to = c->to[order[i]];
		size_t n = distinct(s->item + s->E, d, from, to, stamp, (uint32_t) i + 1);

		if (n < 2)
			continue;
		s->E += n;
		s->minute[s->S++] = (int32_t) (d->time[to - 1] / MINUTE);
		s->start[s->S] = (int32_t) s->E;
		if (s->S % 4096 == 0 && bmc_stop(fit->stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

/* The newest `most` sessions of every item, and its idf over all sessions. */
static BmStatus
index_items(SessionState *s, size_t N, size_t most, uint32_t *at, BmFit *fit)
{
	int32_t *start = s->index_start;
	size_t total = 0;

	memset(at, 0, N * sizeof(uint32_t));
	for (size_t e = 0; e < s->E; e++)
		at[s->item[e]]++;
	for (size_t i = 0; i < N; i++)
	{
		s->idf[i] = at[i] > 0 ? (float) log((double) s->S / (double) at[i]) : 0.0f;
		start[i] = (int32_t) total;
		total += at[i] < most ? at[i] : most;
		at[i] = (uint32_t) start[i];
	}
	start[N] = (int32_t) total;
	s->index = bmc_alloc(fit->mem, total, sizeof(int32_t));
	if (s->index == NULL)
		return BM_ENOMEM;
	for (size_t n = 0; n < s->S; n++)
		for (int32_t e = s->start[n]; e < s->start[n + 1]; e++)
		{
			uint32_t i = (uint32_t) s->item[e];

			if (at[i] < (uint32_t) start[i + 1])
				s->index[at[i]++] = (int32_t) n;
		}
	return BM_OK;
}

/*
 * Odds that an item comes again right after itself. Each session's events of some weight; same, all (N) are
 * scratch, zeroed.
 */
static void
count_repeats(SessionState *s, const Cuts *c, const BmSequences *d, uint32_t *same, uint32_t *all)
{
	double repeats = 0.0, followed = 0.0, share;

	for (size_t i = 0; i < c->n; i++)
	{
		uint32_t before = BM_NONE;

		for (size_t e = c->from[i]; e < c->to[i]; e++)
		{
			if (!(bmc_event_weight(d, e) > 0.0f))
				continue;
			if (before != BM_NONE)
				all[before]++;
			if (before == d->item[e])
				same[before]++;
			before = d->item[e];
		}
	}
	for (size_t i = 0; i < d->nitems; i++)
	{
		repeats += same[i];
		followed += all[i];
	}
	share = followed > 0.0 ? repeats / followed : 0.0;
	for (size_t i = 0; i < d->nitems; i++)
	{
		double p = (same[i] + BM_REPEAT_PRIOR * share) / (all[i] + BM_REPEAT_PRIOR);

		s->repeat[i] =
			(float) (p < MOST_REPEAT ? p / (1.0 - p) : MOST_REPEAT / (1.0 - MOST_REPEAT));
	}
}

/* Order of the sessions by the time of their last event, then by user. */
static BmStatus
by_time(uint32_t *order, const Cuts *c, const BmSequences *d, BmMem *mem)
{
	uint64_t *key = bmc_alloc(mem, c->n, sizeof(uint64_t));
	BmStatus status;

	if (key == NULL)
		return BM_ENOMEM;
	for (size_t i = 0; i < c->n; i++)
	{
		key[i] = (uint64_t) d->time[c->to[i] - 1] ^ (UINT64_C(1) << 63);
		order[i] = (uint32_t) i;
	}
	status = bmc_sort_u64(key, order, c->n, mem);
	bmc_free(mem, key);
	return status;
}

static BmStatus
build(SessionState *s, const Cuts *c, uint32_t *order, uint32_t *stamp, BmFit *fit)
{
	const BmSessionKnnOptions *o = fit->options;
	size_t events = fit->data->start[fit->data->nusers];
	BmStatus status = by_time(order, c, fit->data, fit->mem);

	if (status != BM_OK)
		return status;
	s->start = bmc_alloc(fit->mem, bmc_add(c->n, 1), sizeof(int32_t));
	s->minute = bmc_alloc(fit->mem, c->n, sizeof(int32_t));
	s->item = bmc_alloc(fit->mem, events, sizeof(int32_t));
	if (!s->start || !s->minute || !s->item)
		return BM_ENOMEM;
	status = collect(s, c, order, stamp, fit);
	if (status != BM_OK)
		return status;
	return index_items(s, fit->data->nitems, (size_t) o->index, stamp, fit);
}

/* All of it: a few passes over the events. */
static BmStatus
session_step(BmFit *fit)
{
	const BmSessionKnnOptions *o = fit->options;
	const BmSequences *d = fit->data;
	uint32_t *stamp = bmc_alloc0(fit->mem, d->nitems, sizeof(uint32_t)), *order = NULL;
	uint32_t *count = bmc_alloc0(fit->mem, bmc_mul(2, d->nitems), sizeof(uint32_t));
	Cuts c = {0};
	BmStatus status = d->start[d->nusers] >= INT32_MAX ? BM_ELIMIT : BM_ENOMEM;

	if (stamp && count && status != BM_ELIMIT)
		status = cut(&c, d, o->gap_minutes, fit->mem);
	if (status == BM_OK && (order = bmc_alloc(fit->mem, c.n, sizeof(uint32_t))) == NULL)
		status = BM_ENOMEM;
	if (status == BM_OK)
		status = bmc_stop(fit->stop) ? BM_ESTOP : build(fit->state, &c, order, stamp, fit);
	if (status == BM_OK)
		count_repeats(fit->state, &c, d, count, count + d->nitems);
	bmc_free(fit->mem, stamp);
	bmc_free(fit->mem, count);
	bmc_free(fit->mem, order);
	bmc_free(fit->mem, c.from);
	bmc_free(fit->mem, c.to);
	if (status == BM_OK)
		fit->epoch = 1;
	return status;
}

static BmStatus
session_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	SessionState *s = fit->state;
	size_t N = fit->data->nitems, N1 = N + 1, S1 = s->S + 1, config = BM_SESSION_CONFIG;
	size_t indexed = (size_t) s->index_start[N];
	bool ok = bmc_tensors_add(out, prefix, "start", BM_I32, s->start, 1, &S1);

	ok &= bmc_tensors_add(out, prefix, "item", BM_I32, s->item, 1, &s->E);
	ok &= bmc_tensors_add(out, prefix, "minute", BM_I32, s->minute, 1, &s->S);
	ok &= bmc_tensors_add(out, prefix, "index_start", BM_I32, s->index_start, 1, &N1);
	ok &= bmc_tensors_add(out, prefix, "index", BM_I32, s->index, 1, &indexed);
	ok &= bmc_tensors_add(out, prefix, "idf", BM_F32, s->idf, 1, &N);
	ok &= bmc_tensors_add(out, prefix, "repeat", BM_F32, s->repeat, 1, &N);
	ok &= bmc_tensors_add(out, prefix, "config", BM_F32, s->config, 1, &config);
	return ok ? BM_OK : BM_ELIMIT;
}

const BmRecommender bmc_session_knn = {
	.name = "session_knn",
	.options_size = sizeof(BmSessionKnnOptions),
	.bound_size = sizeof(BmSessionBound),
	.fit_bytes = session_fit_bytes,
	.fit_begin = session_begin,
	.fit_step = session_step,
	.fit_tensors = session_tensors,
	.fit_end = session_end,
	.bind = bmc_session_knn_bind,
	.score_bytes = bmc_session_knn_score_bytes,
	.score = bmc_session_knn_score,
	.explain = bmc_session_knn_explain,
};
