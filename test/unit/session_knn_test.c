/*
 * Nearest sessions against a twin written down from session_knn.h: sessions as lists, all compared with all.
 */
#include "rec_check.h"
#include "core/rec/session_knn.h"

#define SESSIONS (USERS * LONGEST)

static Log L;

typedef struct Session
{
	int n;
	int item[LONGEST]; /* distinct, in the order of the last event */
	int64_t time;
	size_t at; /* of its last event: orders sessions of one time */
} Session;

static Session session[SESSIONS];
static int nsessions;

/* Pauses of a minute, now and then of two hours; users overlap in time. */
static void
set_times(void)
{
	BmRng rng = bmc_rng(8, 8);

	for (size_t u = 0; u < USERS; u++)
	{
		int64_t t = (int64_t) bmc_rng_below(&rng, 100000) * 60000000;

		for (size_t e = L.start[u]; e < L.start[u + 1]; e++)
		{
			t += bmc_rng_below(&rng, 4) == 0 ? INT64_C(7200000000) : 60000000;
			L.time[e] = t;
		}
	}
}

static void
twin_close(Session *s, size_t from, size_t to)
{
	s->n = 0;
	for (size_t e = from; e < to; e++)
	{
		int kept = 0;

		if (L.weight[L.event[e]] <= 0)
			continue;
		for (int i = 0; i < s->n; i++) /* a repeat moves to the end */
			if (s->item[i] != (int) L.item[e])
				s->item[kept++] = s->item[i];
		s->item[kept++] = (int) L.item[e];
		s->n = kept;
	}
	s->time = L.time[to - 1];
	s->at = to - 1;
	nsessions += s->n >= 2;
}

static int
newer(const void *a, const void *b)
{
	const Session *x = a, *y = b;

	if (x->time != y->time)
		return x->time > y->time ? -1 : 1;
	return x->at > y->at ? -1 : 1;
}

static void
twin_sessions(double gap_minutes)
{
	nsessions = 0;
	for (size_t u = 0; u < USERS; u++)
	{
		size_t at[LONGEST + 1], n = 0, from = 0;

		for (size_t e = L.start[u]; e < L.start[u] + bmc_sequence_length(&L.s, u); e++)
			if (L.weight[L.event[e]] > 0)
				at[n++] = e;
		for (size_t k = 0; k < n; k++)
			if (k + 1 == n || (gap_minutes > 0 &&
							   (double) (L.time[at[k + 1]] - L.time[at[k]]) > gap_minutes * 60e6))
			{
				twin_close(&session[nsessions], at[from], at[k] + 1);
				from = k + 1;
			}
	}
	qsort(session, (size_t) nsessions, sizeof(Session), newer);
}

static int
place(const Session *s, int item)
{
	for (int i = 0; i < s->n; i++)
		if (s->item[i] == item)
			return i;
	return -1;
}

typedef struct Evolving
{
	int n;
	int item[LONGEST]; /* the newest first */
	size_t event[LONGEST];
} Evolving;

static Evolving
twin_evolving(const BmHistory *h, int last)
{
	Evolving v = {0};

	for (size_t e = h->n; e-- > 0 && v.n < last;)
	{
		bool met = L.weight[h->event[e]] <= 0;

		for (int i = 0; i < v.n; i++)
			met |= v.item[i] == (int) h->item[e];
		if (met)
			continue;
		v.event[v.n] = e;
		v.item[v.n++] = (int) h->item[e];
	}
	return v;
}

/* How often an item is in a session; the index of a session among the item's, newest first. */
static int
sessions_with(int item, int before)
{
	int n = 0;

	for (int s = 0; s < before; s++)
		n += place(&session[s], item) >= 0;
	return n;
}

/* Of an item coming again right after itself in a session, single-item sessions among them. */
static double
chance(int item, double gap_minutes)
{
	double same[ITEMS + 1] = {0}, all[ITEMS + 1] = {0}; /* the last: of all items */

	for (size_t u = 0; u < USERS; u++)
	{
		int before = -1;
		int64_t at = 0;

		for (size_t e = L.start[u]; e < L.start[u] + bmc_sequence_length(&L.s, u); e++)
		{
			if (L.weight[L.event[e]] <= 0)
				continue;
			if (before >= 0 && !(gap_minutes > 0 && (double) (L.time[e] - at) > gap_minutes * 60e6))
			{
				all[before]++, all[ITEMS]++;
				same[before] += before == (int) L.item[e];
				same[ITEMS] += before == (int) L.item[e];
			}
			before = (int) L.item[e];
			at = L.time[e];
		}
	}
	return (same[item] + 5 * same[ITEMS] / all[ITEMS]) / (all[item] + 5);
}

/* Scores (ITEMS) and shares (ITEMS, h->n) of one history. */
static void
twin(double *score, double *share, const BmHistory *h, const BmSessionKnnOptions *o)
{
	Evolving v = twin_evolving(h, o->last);
	static double sim[SESSIONS], part[SESSIONS][LONGEST];
	double l1 = o->l1 > 0 ? o->l1 : o->last / 2.0;
	static bool used[SESSIONS];

	memset(score, 0, ITEMS * sizeof(double));
	memset(share, 0, ITEMS * LONGEST * sizeof(double));
	for (int s = 0; s < nsessions; s++)
	{
		sim[s] = 0;
		used[s] = false;
		for (int i = 0; i < v.n; i++)
		{
			part[s][i] = 0;
			if (place(&session[s], v.item[i]) < 0 || sessions_with(v.item[i], s) >= o->index)
				continue;
			part[s][i] = o->weight == BM_SESSION_LINEAR ? (double) (v.n - i) / v.n : exp(-i / l1);
			if (o->weight == BM_SESSION_STAN)
				part[s][i] *= exp(-fabs((double) h->time[h->n - 1] / 60e6 -
										floor((double) session[s].time / 60e6)) /
								  (o->l2_days * 1440)) /
							  sqrt((double) v.n * session[s].n);
			if (o->half_life_days > 0)
				part[s][i] *= exp2((floor((double) session[s].time / 60e6) -
									floor((double) session[0].time / 60e6)) /
								   (o->half_life_days * 1440));
			sim[s] += part[s][i];
		}
	}
	for (int k = 0; k < o->neighbours; k++)
	{
		int best = -1, nearest = 0;

		for (int s = 0; s < nsessions; s++)
			if (!used[s] && sim[s] > 0 && (best < 0 || sim[s] > sim[best] * (1 + 1e-6)))
				best = s;
		if (best < 0)
			break;
		used[best] = true;
		while (part[best][nearest] == 0)
			nearest++;
		for (int p = 0; p < session[best].n; p++)
		{
			int j = session[best].item[p];
			double f =
				o->weight == BM_SESSION_LINEAR
					? fmax(0, 1 - 0.1 * nearest) *
						  log((double) nsessions / sessions_with(j, nsessions))
					: exp(-fabs((double) (p - place(&session[best], v.item[nearest]))) / o->l3);

			score[j] += sim[best] * f;
			for (int i = 0; i < v.n; i++)
				share[(size_t) j * LONGEST + v.event[i]] += part[best][i] * f;
		}
	}
	if (v.n > 0)
	{
		int a = v.item[0];
		double others = 0;

		for (int i = 0; i < ITEMS; i++)
			others += i == a ? 0 : score[i];
		score[a] =
			o->repeats ? chance(a, o->gap_minutes) / (1 - chance(a, o->gap_minutes)) * others : 0;
		memset(share + (size_t) a * LONGEST, 0, LONGEST * sizeof(double));
		share[(size_t) a * LONGEST + v.event[0]] = score[a] > 0;
	}
}

static void
compare(const BmSessionKnnOptions *o, size_t users)
{
	Fitted f;
	static float scores[USERS * ITEMS], share[ITEMS * LONGEST];
	static double want[ITEMS], want_share[ITEMS * LONGEST];
	BmHistory h[USERS];
	uint32_t all[ITEMS];
	void *scratch;

	twin_sessions(o->gap_minutes);
	CHECK_INT(fit_model(&f, &bmc_session_knn, o, &L.s, NULL, NULL, 0), BM_OK);
	CHECK_INT(((const BmSessionBound *) f.bound)->S, nsessions);
	scratch = aligned_alloc(64, (f.r->score_bytes(f.bound, USERS) + 127) / 64 * 64);
	for (uint32_t i = 0; i < ITEMS; i++)
		all[i] = i;
	for (size_t u = 0; u < USERS; u++)
		h[u] = history(&L.s, u);
	f.r->score(scores, f.bound, h, users, scratch, false);
	for (size_t u = 0; u < users; u++)
	{
		twin(want, want_share, &h[u], o);
		f.r->explain(share, f.bound, &h[u], all, ITEMS, scratch);
		for (size_t i = 0; i < ITEMS; i++)
		{
			double total = 0;

			CHECK_NEAR(scores[u * ITEMS + i], want[i], 1e-4 * (1 + fabs(want[i])));
			for (size_t e = 0; e < h[u].n; e++)
				total += want_share[i * LONGEST + e];
			for (size_t e = 0; e < h[u].n && total > 1e-6; e++)
				CHECK_NEAR(share[i * h[u].n + e], want_share[i * LONGEST + e] / total, 1e-3);
		}
	}
	free(scratch);
	free_model(&f);
}

static void
test_formulas(void)
{
	/* many neighbours, so that no tie decides */
	BmSessionKnnOptions o[] = {
		{1000, 100000, 20, 30, BM_SESSION_LINEAR, 0, 40, 2.5, false, 10},
		{1000, 100000, 7, 0, BM_SESSION_STAN, 2, 3, 1.5, true, 20},
		{1000, 100000, 20, 30, BM_SESSION_LINEAR, 0, 40, 2.5, false, 0},
		{1000, 100000, 5, 0, BM_SESSION_LINEAR, 0, 40, 2.5, false, 0},
		{1000, 100000, 20, 30, BM_SESSION_STAN, 0, 3, 2.5, true, 0},
		{1000, 100000, 7, 0, BM_SESSION_STAN, 2, 3, 1.5, false, 0},
		{1000, 4, 20, 30, BM_SESSION_LINEAR, 0, 40, 2.5, true, 0},
	};

	CASE("scores and shares are the formulas: gaps, places, ages, short memories of items");
	for (size_t i = 0; i < sizeof(o) / sizeof(o[0]); i++)
		compare(&o[i], USERS);
}

static void
test_index(void)
{
	BmSessionKnnOptions o = {1000, 4, 20, 30, BM_SESSION_LINEAR, 0, 40, 2.5, false, 0};
	Fitted f;
	const BmSessionBound *b;

	CASE("an item remembers its newest sessions only");
	twin_sessions(o.gap_minutes);
	CHECK_INT(fit_model(&f, &bmc_session_knn, &o, &L.s, NULL, NULL, 0), BM_OK);
	b = f.bound;
	for (int i = 0; i < ITEMS; i++)
	{
		int n = sessions_with(i, nsessions), have = b->index_start[i + 1] - b->index_start[i];

		CHECK_INT(have, n < 4 ? n : 4);
		for (int s = 0, at = 0; s < nsessions && at < have; s++)
			if (place(&session[s], i) >= 0)
				CHECK_INT(b->index[b->index_start[i] + at++], s);
	}
	free_model(&f);
}

static void
test_few_neighbours(void)
{
	BmSessionKnnOptions o = {1, 100000, 20, 30, BM_SESSION_LINEAR, 0, 40, 2.5, false, 0};
	BmHistory nobody = {0};
	static float scores[ITEMS];
	void *scratch;
	Fitted f;

	CASE("one neighbour: the newer one of equals; nothing known: no score");
	compare(&o, USERS);
	CHECK_INT(fit_model(&f, &bmc_session_knn, &o, &L.s, NULL, NULL, 0), BM_OK);
	scratch = aligned_alloc(64, (f.r->score_bytes(f.bound, 1) + 127) / 64 * 64);
	f.r->score(scores, f.bound, &nobody, 1, scratch, false);
	for (int i = 0; i < ITEMS; i++)
		CHECK(scores[i] == 0.0f);
	free(scratch);
	free_model(&f);
}

static void
test_runs(void)
{
	BmSessionKnnOptions o = {100, 100, 20, 30, BM_SESSION_STAN, 0, 40, 2.5, false, 0};

	CASE("the same bits with 1, 2 and 3 threads; the estimate of memory holds");
	check_threads(&bmc_session_knn, &o, &L);
	CASE("a stop ends a fit; a refused allocation is told; neither leaks");
	check_failures(&bmc_session_knn, &o, &L);
	CASE("an event of weight 0 is none at all");
	check_weight_zero(&bmc_session_knn, &o, &L);
}

static void
test_damage(void)
{
	BmSessionKnnOptions o = {100, 100, 20, 30, BM_SESSION_STAN, 0, 40, 2.5, false, 0};
	static const char *const any[] = {"minute", "idf", "repeat", NULL};

	CASE("bind refuses every damaged index, shape and setting");
	check_damage(&bmc_session_knn, &o, &L, any);
}

int
main(void)
{
	make_log(&L, 3);
	set_times();
	test_formulas();
	test_index();
	test_few_neighbours();
	test_runs();
	test_damage();
	return unit_done();
}
