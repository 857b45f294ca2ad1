/*
 * Sequential patterns against brute force: all parts of all sequences are tried, containment is
 * searched by backtracking. UNIT_CASES is the number of random databases of each mode.
 */
#include "unit.h"
#include "core/mine/pattern.h"
#include "core/mine/stack.h"
#include "core/num/rng.h"

#define MAX_SEQ 6
#define MAX_ITEMS 8 /* in one sequence: its parts are 2^8 */
#define MAX_FOUND (MAX_SEQ * 256)

/* ---- a small database, twice: as given, and by ids ---- */

typedef struct Toy
{
	size_t n;
	uint32_t nitems;
	size_t start[MAX_SEQ + 1];
	size_t element[MAX_SEQ * MAX_ITEMS + 1];
	uint32_t item[MAX_SEQ * MAX_ITEMS];
	int64_t time[MAX_SEQ * MAX_ITEMS];
	bool sets, timed;
	uint32_t id[8], code[8]; /* by support, then code; BM_NONE for what is infrequent */
} Toy;

typedef struct Naive
{
	uint32_t token[MAX_ITEMS];
	uint32_t length, support;
	bool beaten; /* not closed, or not maximal */
} Naive;

static void
random_toy(Toy *t, BmRng *rng, bool sets, bool timed)
{
	size_t items = 0, elements = 0;

	memset(t, 0, sizeof(*t));
	t->n = 1 + bmc_rng_below(rng, MAX_SEQ);
	t->nitems = 1 + bmc_rng_below(rng, 4);
	t->sets = sets;
	t->timed = timed;
	for (size_t s = 0; s < t->n; s++)
	{
		uint32_t left = bmc_rng_below(rng, MAX_ITEMS + 1);
		int64_t now = 0;

		t->start[s] = elements;
		while (left > 0)
		{
			uint32_t size = sets ? 1 + bmc_rng_below(rng, 3) : 1;

			size = size > left ? left : size;
			left -= size;
			now += bmc_rng_below(rng, 3); /* ties */
			t->time[elements] = now;
			t->element[elements++] = items;
			while (size-- > 0)
				t->item[items++] = bmc_rng_below(rng, t->nitems);
		}
	}
	t->start[t->n] = elements;
	t->element[elements] = items;
}

static BmSequenceSet
set_of(const Toy *t)
{
	return (BmSequenceSet){
		t->n, t->nitems, t->start, t->sets ? t->element : NULL, t->item, t->timed ? t->time : NULL};
}

static bool
sequence_has(const Toy *t, size_t s, uint32_t code)
{
	for (size_t i = t->element[t->start[s]]; i < t->element[t->start[s + 1]]; i++)
		if (t->item[i] == code)
			return true;
	return false;
}

static void
number_toy(Toy *t, uint32_t min_support)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < t->nitems; c++)
		t->id[c] = BM_NONE;
	for (uint32_t support = (uint32_t) t->n; support >= min_support; support--)
		for (uint32_t c = 0; c < t->nitems; c++)
		{
			uint32_t have = 0;

			for (size_t s = 0; s < t->n; s++)
				have += sequence_has(t, s, c);
			if (have == support)
			{
				t->code[n] = c;
				t->id[c] = n++;
			}
		}
}

/* ---- containment by its definition ---- */

static bool
element_has(const Toy *t, size_t e, uint32_t id)
{
	for (size_t i = t->element[e]; i < t->element[e + 1]; i++)
		if (t->id[t->item[i]] == id)
			return true;
	return false;
}

/*
 * All occurrences of the pattern from token p on, the element before at e (or none), the first at
 * first: the earliest end, and the latest start for it.
 */
static void
occurrences(const Toy *t, size_t s, const Naive *q, uint32_t p, const BmPatternLimits *l, size_t e,
			size_t first, BmPatternMatch *best, bool *found)
{
	uint32_t next = p + 1;

	if (p == q->length)
	{
		if (!*found || e < best->last || (e == best->last && first > best->first))
			*best = (BmPatternMatch){first, e};
		*found = true;
		return;
	}
	while (next < q->length && BM_TOKEN_JOINED(q->token[next]))
		next++;
	for (size_t x = p == 0 ? t->start[s] : e + 1; x < t->start[s + 1]; x++)
	{
		bool all = true;

		for (uint32_t i = p; i < next; i++)
			all = all && element_has(t, x, BM_TOKEN_ID(q->token[i]));
		if (!all)
			continue;
		if (p > 0)
		{
			int64_t gap = (int64_t) (x - e) - 1, dt = t->time[x] - t->time[e];

			if (gap < l->min_gap || gap > l->max_gap || (int64_t) (x - first) > l->max_window)
				continue;
			if (t->timed && (dt < l->min_interval || dt > l->max_interval ||
							 t->time[x] - t->time[first] > l->max_duration))
				continue;
		}
		occurrences(t, s, q, next, l, x, p == 0 ? x : first, best, found);
	}
}

static bool
occurs(const Toy *t, size_t s, const Naive *q, const BmPatternLimits *l, BmPatternMatch *best)
{
	bool found = false;

	occurrences(t, s, q, 0, l, 0, 0, best, &found);
	return found;
}

/* Is p's element from token a contained in q's from token b? */
static bool
part_of(const Naive *p, uint32_t a, uint32_t a_end, const Naive *q, uint32_t b, uint32_t b_end)
{
	for (uint32_t i = a; i < a_end; i++)
	{
		bool has = false;

		for (uint32_t j = b; j < b_end; j++)
			has = has || BM_TOKEN_ID(q->token[j]) == BM_TOKEN_ID(p->token[i]);
		if (!has)
			return false;
	}
	return true;
}

static uint32_t
element_end(const Naive *p, uint32_t a)
{
	do
		a++;
	while (a < p->length && BM_TOKEN_JOINED(p->token[a]));
	return a;
}

/* Does q contain p from token a on, beginning at q's token b, with at most m elements left out between? */
static bool
pattern_contains(const Naive *q, const Naive *p, uint32_t a, uint32_t b, int64_t m)
{
	uint32_t a_end, b_end;
	int64_t skipped = 0;

	if (a == p->length)
		return true;
	a_end = element_end(p, a);
	for (; b < q->length; b = b_end, skipped++)
	{
		b_end = element_end(q, b);
		if (a > 0 && skipped > m)
			return false;
		if (part_of(p, a, a_end, q, b, b_end) && pattern_contains(q, p, a_end, b_end, m))
			return true;
	}
	return false;
}

/* ---- brute force ---- */

static int
order(const Naive *a, const Naive *b)
{
	if (a->support != b->support)
		return a->support > b->support ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	for (uint32_t i = 0; i < a->length; i++)
		if (a->token[i] != b->token[i])
			return a->token[i] < b->token[i] ? -1 : 1;
	return 0;
}

static int
compare_naive(const void *a, const void *b)
{
	return order(a, b);
}

/* The part of sequence s that mask selects, as a pattern by ids; false when it has an infrequent item
 * or an item twice in an element. */
static bool
part(Naive *out, const Toy *t, size_t s, uint32_t mask)
{
	size_t base = t->element[t->start[s]];

	out->length = 0;
	for (size_t e = t->start[s]; e < t->start[s + 1]; e++)
	{
		uint32_t first = out->length;

		for (size_t i = t->element[e]; i < t->element[e + 1]; i++)
			if (mask >> (i - base) & 1)
			{
				uint32_t id = t->id[t->item[i]], at = out->length;

				if (id == BM_NONE)
					return false;
				for (; at > first && BM_TOKEN_ID(out->token[at - 1]) >= id; at--)
				{
					if (BM_TOKEN_ID(out->token[at - 1]) == id)
						return false;
					out->token[at] = out->token[at - 1];
				}
				out->token[at] = BM_TOKEN(id, 0);
				out->length++;
			}
		for (uint32_t i = first; i < out->length; i++)
			out->token[i] = BM_TOKEN(BM_TOKEN_ID(out->token[i]), i > first);
	}
	return out->length > 0;
}

static size_t
brute_force(Naive *found, const Toy *t, const BmMineOptions *o)
{
	size_t n = 0, kept = 0;
	bool ends = o->limits.max_gap == 0 || o->limits.max_interval != BM_UNLIMITED;
	BmPatternMatch m;

	for (size_t s = 0; s < t->n; s++)
	{
		uint32_t items = (uint32_t) (t->element[t->start[s + 1]] - t->element[t->start[s]]);

		for (uint32_t mask = 1; mask < 1u << items; mask++)
		{
			Naive p = {{0}, 0, 0, false};

			if (!part(&p, t, s, mask) || p.length > o->max_length)
				continue;
			for (size_t r = 0; r < t->n; r++)
				p.support += occurs(t, r, &p, &o->limits, &m);
			if (p.support >= o->min_support)
				found[n++] = p;
		}
	}
	qsort(found, n, sizeof(Naive), compare_naive);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || order(&found[kept - 1], &found[i]) != 0)
			found[kept++] = found[i];
	n = kept;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n && o->kind != BM_PATTERNS_ALL; j++)
			if (found[j].length > found[i].length &&
				(o->kind == BM_PATTERNS_MAXIMAL || found[j].support == found[i].support) &&
				pattern_contains(&found[j], &found[i], 0, 0, ends ? 0 : o->limits.max_gap))
				found[i].beaten = true;
	kept = 0;
	for (size_t i = 0; i < n; i++)
	{
		bool keep = !found[i].beaten && found[i].length >= o->min_length;

		for (size_t c = 0; c < o->ninclude; c++)
		{
			bool has = false;

			for (uint32_t k = 0; k < found[i].length; k++)
				has = has || BM_TOKEN_ID(found[i].token[k]) == o->include[c];
			keep = keep && has;
		}
		if (keep && (o->top == 0 || kept < o->top))
			found[kept++] = found[i];
	}
	return kept;
}

/* ---- comparison ---- */

enum
{
	PLAIN,
	SETS,
	POSITIONS, /* limits in positions */
	TIMES,     /* limits in time */
	BOTH       /* both, elements of several items */
};

static void
random_limits(BmPatternLimits *l, BmRng *rng, int mode)
{
	*l = BM_NO_LIMITS;
	if (mode == POSITIONS || mode == BOTH)
	{
		l->min_gap = bmc_rng_below(rng, 3) == 0 ? bmc_rng_below(rng, 3) : 0;
		if (bmc_rng_below(rng, 2))
			l->max_gap = l->min_gap + bmc_rng_below(rng, 3);
		if (bmc_rng_below(rng, 3) == 0)
			l->max_window = bmc_rng_below(rng, 6);
	}
	if (mode == TIMES || mode == BOTH)
	{
		l->min_interval = bmc_rng_below(rng, 3) == 0 ? bmc_rng_below(rng, 3) : 0;
		if (bmc_rng_below(rng, 2))
			l->max_interval = l->min_interval + bmc_rng_below(rng, 3);
		if (bmc_rng_below(rng, 3) == 0)
			l->max_duration = bmc_rng_below(rng, 7);
	}
}

static int
compare_spans(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

	return x < y ? -1 : x > y;
}

/* The details of one pattern from its n occurrences. */
static void
check_detail(const BmPatternDetail *d, const uint32_t *example, const bool *group, int64_t *span,
			 const uint32_t *seq, size_t n, int64_t first, bool timed)
{
	double want = 0;
	uint32_t in_group = 0;

	qsort(span, n, sizeof(int64_t), compare_spans);
	if (n > 0)
		want = 0.5 * (double) (span[n / 2] + span[(n - 1) / 2]);
	CHECK_INT(d->support, n);
	CHECK_INT(d->nexamples, n < 2 ? n : 2);
	for (size_t i = 0; i < n; i++)
		in_group += group[seq[i]];
	for (size_t i = 0; i < d->nexamples; i++)
		CHECK_INT(example[i], seq[i]);
	CHECK_NEAR(d->median_span, want, 0.0);
	CHECK_INT(d[1].in_group, in_group);
	if (timed)
		CHECK_INT(d->first, first);
}

/* Every pattern found again in every sequence, with the same occurrence; the details from them. */
static void
check_matches(const Toy *t, const BmPatternDb *db, const BmPatterns *p, const BmPatternLimits *l,
			  BmMem *mem)
{
	void *scratch = malloc(bmc_pattern_match_bytes(db) + 1);
	BmPatternDetail *detail = malloc((p->n + 1) * sizeof(BmPatternDetail));
	BmPatternDetail *grouped = malloc((p->n + 1) * sizeof(BmPatternDetail));
	uint32_t *example = malloc((2 * p->n + 1) * sizeof(uint32_t));
	bool group[MAX_SEQ] = {true, false, false, true, true, false};

	CHECK_INT(bmc_pattern_details(detail, example, 2, NULL, p, db, l, mem, NULL), BM_OK);
	CHECK_INT(bmc_pattern_details(grouped, NULL, 0, group, p, db, l, mem, NULL), BM_OK);
	for (size_t i = 0; i < p->n; i++)
	{
		BmPatternDetail both[2] = {detail[i], grouped[i]};
		int64_t span[MAX_SEQ], begun = INT64_MAX;
		uint32_t seq[MAX_SEQ];
		size_t n = 0;

		for (size_t s = 0; s < t->n; s++)
		{
			Naive q = {.length = p->pattern[i].length};
			BmPatternMatch got = {0, 0}, want = {0, 0};
			bool has, should;

			memcpy(q.token, p->token + p->pattern[i].at, q.length * sizeof(uint32_t));
			should = occurs(t, s, &q, l, &want);
			has = bmc_pattern_match(&got, db, s, q.token, q.length, l, scratch);
			CHECK_INT(has, should);
			if (!has || !should)
				continue;
			CHECK_INT(db->position[got.first], want.first - t->start[s]);
			CHECK_INT(db->position[got.last], want.last - t->start[s]);
			seq[n] = (uint32_t) s;
			span[n++] = t->timed ? t->time[want.last] - t->time[want.first]
								 : (int64_t) (want.last - want.first);
			if (t->time[want.first] < begun)
				begun = t->time[want.first];
		}
		check_detail(both, example + 2 * i, group, span, seq, n, begun, t->timed);
	}
	free(example);
	free(grouped);
	free(detail);
	free(scratch);
}

static void
one_case(BmRng *rng, int mode, BmPatternKind kind, bool top)
{
	static Naive naive[MAX_FOUND];
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmMineOptions o = {.kind = kind, .max_length = UINT32_MAX};
	BmPatterns found;
	BmPatternDb db;
	BmSequenceSet set;
	uint32_t include[2];
	size_t n;
	Toy t;

	random_toy(&t, rng, mode == SETS || mode == BOTH, mode >= TIMES || bmc_rng_below(rng, 2));
	set = set_of(&t);
	o.min_support = 1 + bmc_rng_below(rng, (uint32_t) t.n);
	random_limits(&o.limits, rng, mode);
	o.top = top ? 1 + bmc_rng_below(rng, 12) : 0;
	o.min_length = bmc_rng_below(rng, 4) == 0 ? bmc_rng_below(rng, 4) : 0;
	if (bmc_rng_below(rng, 4) == 0)
		o.max_length = 1 + bmc_rng_below(rng, 4);
	o.widest = bmc_rng_below(rng, 3); /* 1, 2: no matrix for wider alphabets */
	number_toy(&t, o.min_support);
	CHECK_INT(bmc_pattern_db_build(&db, &set, o.min_support, NULL, mem, NULL), BM_OK);
	for (uint32_t i = 0; i < db.nitems; i++)
		CHECK_INT(db.code[i], t.code[i]);
	if (db.nitems > 0 && bmc_rng_below(rng, 4) == 0)
	{
		o.include = include;
		o.ninclude = 1 + bmc_rng_below(rng, 2);
		for (size_t i = 0; i < o.ninclude; i++)
			include[i] = bmc_rng_below(rng, db.nitems);
	}
	n = brute_force(naive, &t, &o);
	bmc_patterns_init(&found, mem);
	CHECK_INT(bmc_patterns_mine(&found, &db, &o, mem, NULL), BM_OK);
	CHECK_INT(found.n, n);
	for (size_t i = 0; i < n && i < found.n; i++)
	{
		const BmPattern *p = &found.pattern[i];

		CHECK_INT(p->length, naive[i].length);
		CHECK_INT(p->support, naive[i].support);
		if (p->length == naive[i].length)
			CHECK(memcmp(found.token + p->at, naive[i].token, p->length * sizeof(uint32_t)) == 0);
	}
	check_matches(&t, &db, &found, &o.limits, mem);
	bmc_patterns_free(&found);
	bmc_pattern_db_free(&db, mem);
	CHECK_INT(h.live, 0);
	CHECK_INT(mem->used, 0);
}

static void
test_random(size_t cases)
{
	static const char *const mode_name[] = {"items", "sets", "positions", "times", "both"};
	static const char *const kind_name[] = {"all", "closed", "maximal"};
	static char names[30][64];

	for (int mode = PLAIN; mode <= BOTH; mode++)
		for (int kind = 0; kind < 3; kind++)
			for (int top = 0; top < 2; top++)
			{
				int number = mode * 6 + kind * 2 + top;
				char *name = names[number]; /* shown when the case ends */
				BmRng rng = bmc_rng(7, (uint64_t) number);

				snprintf(name, sizeof(names[0]), "%s, %s%s: %zu databases", mode_name[mode],
						 kind_name[kind], top ? ", top k" : "", cases);
				CASE(name);
				for (size_t c = 0; c < cases; c++)
					one_case(&rng, mode, (BmPatternKind) kind, top);
			}
}

/* ---- larger data, where paths of the search that small ones never take are taken ---- */

/* Ascending sequences without repeats: the patterns are the itemsets, counted by subsets. */
static void
test_itemsets(void)
{
	enum
	{
		N = 300,
		K = 10
	};
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRng rng = bmc_rng(3, 1);
	BmMineOptions o = {.min_support = 20, .max_length = UINT32_MAX, .limits = BM_NO_LIMITS};
	static uint32_t basket[N], item[N * K];
	static size_t start[N + 1];
	size_t items = 0, want = 0;
	BmPatternDb db;
	BmPatterns found;

	CASE("ascending sequences: patterns are itemsets");
	for (int s = 0; s < N; s++)
	{
		start[s] = items;
		for (uint32_t i = 0; i < K; i++)
			if (bmc_rng_below(&rng, 10) < 7 - i / 2)
			{
				basket[s] |= 1u << i;
				item[items++] = i;
			}
	}
	start[N] = items;
	for (uint32_t set = 1; set < 1u << K; set++)
	{
		uint32_t support = 0;

		for (int s = 0; s < N; s++)
			support += (basket[s] & set) == set;
		want += support >= o.min_support;
	}
	CHECK_INT(bmc_pattern_db_build(&db, &(BmSequenceSet){N, K, start, NULL, item, NULL},
								   o.min_support, NULL, mem, NULL),
			  BM_OK);
	bmc_patterns_init(&found, mem);
	CHECK_INT(bmc_patterns_mine(&found, &db, &o, mem, NULL), BM_OK);
	CHECK_INT(found.n, want);
	CHECK(want > 200);
	bmc_patterns_free(&found);
	bmc_pattern_db_free(&db, mem);
	CHECK_INT(h.live, 0);
}

/* A longer random database: single items, skewed. */
static void
random_sequences(size_t *start, uint32_t *item, size_t n, uint32_t k, uint32_t longest, BmRng *rng)
{
	size_t items = 0;

	for (size_t s = 0; s < n; s++)
	{
		start[s] = items;
		for (uint32_t i = bmc_rng_below(rng, longest + 1); i > 0; i--)
			item[items++] = bmc_rng_below(rng, 1 + bmc_rng_below(rng, k));
	}
	start[n] = items;
}

/* The reduced search, the general miner, and BIDE against the filter agree on larger data. */
static void
test_miners_agree(void)
{
	enum
	{
		N = 200,
		K = 40,
		L = 24
	};
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRng rng = bmc_rng(11, 5);
	BmMineOptions o = {.max_length = UINT32_MAX, .limits = BM_NO_LIMITS};
	static uint32_t item[N * L];
	static size_t start[N + 1];

	CASE("the miners agree on larger data");
	for (int round = 0; round < 6; round++)
	{
		BmPatterns found[5];
		BmPatternSink sink;
		BmPatternDb db;

		random_sequences(start, item, N, K, L, &rng);
		o.min_support = 8 + 4 * (uint32_t) round;
		CHECK_INT(bmc_pattern_db_build(&db, &(BmSequenceSet){N, K, start, NULL, item, NULL},
									   o.min_support, NULL, mem, NULL),
				  BM_OK);
		for (int i = 0; i < 5; i++)
			bmc_patterns_init(&found[i], mem);
		o.kind = BM_PATTERNS_ALL;
		o.widest = 0;
		CHECK_INT(bmc_patterns_mine(&found[0], &db, &o, mem, NULL), BM_OK);
		o.widest = 3;
		CHECK_INT(bmc_patterns_mine(&found[1], &db, &o, mem, NULL), BM_OK);
		bmc_sink_init(&sink, &found[2], &o);
		CHECK_INT(bmc_gapped(&sink, &db, mem, NULL), BM_OK);
		CHECK_INT(bmc_patterns_sort(&found[2], NULL), BM_OK);
		o.kind = BM_PATTERNS_CLOSED;
		CHECK_INT(bmc_patterns_mine(&found[3], &db, &o, mem, NULL), BM_OK);
		bmc_sink_init(&sink, &found[4], &o);
		sink.kind = BM_PATTERNS_ALL;
		CHECK_INT(bmc_prefixspan(&sink, &db, mem, NULL), BM_OK);
		CHECK_INT(bmc_patterns_filter(&found[4], BM_PATTERNS_CLOSED, &o.limits, mem, NULL), BM_OK);
		CHECK_INT(bmc_patterns_sort(&found[4], NULL), BM_OK);
		CHECK(found[0].n > (round < 3 ? 300 : 40));
		for (int i = 1; i < 5; i++)
		{
			const BmPatterns *a = &found[i < 3 ? 0 : 3], *b = &found[i < 3 ? i : 4];

			CHECK_INT(b->n, a->n);
			for (size_t q = 0; q < a->n && q < b->n; q++)
				CHECK(a->pattern[q].support == b->pattern[q].support &&
					  a->pattern[q].length == b->pattern[q].length &&
					  memcmp(a->token + a->pattern[q].at, b->token + b->pattern[q].at,
							 a->pattern[q].length * sizeof(uint32_t)) == 0);
		}
		for (int i = 0; i < 5; i++)
			bmc_patterns_free(&found[i]);
		bmc_pattern_db_free(&db, mem);
	}
	CHECK_INT(h.live, 0);
}

static bool
stop_after(void *arg)
{
	return --*(int *) arg < 0;
}

/* The k best of db are the first of all that oracle finds, within a budget of work. */
static void
check_top(const BmPatternDb *db, BmMineOptions o, BmMineOptions oracle, BmMem *mem)
{
	static const size_t tops[] = {1, 5, 70, 1000};
	BmPatterns all, top;

	bmc_patterns_init(&all, mem);
	CHECK_INT(bmc_patterns_mine(&all, db, &oracle, mem, NULL), BM_OK);
	for (int k = 0; k < 4; k++)
	{
		int budget = 40; /* questions: some milliseconds of work each */

		o.top = tops[k] < all.n ? tops[k] : all.n;
		bmc_patterns_init(&top, mem);
		CHECK_INT(bmc_patterns_mine(&top, db, &o, mem, &(BmStop){stop_after, &budget}), BM_OK);
		CHECK_INT(top.n, o.top);
		for (size_t i = 0; i < top.n; i++)
			CHECK(top.pattern[i].support == all.pattern[i].support &&
				  top.pattern[i].length == all.pattern[i].length &&
				  memcmp(top.token + top.pattern[i].at, all.token + all.pattern[i].at,
						 top.pattern[i].length * sizeof(uint32_t)) == 0);
		bmc_patterns_free(&top);
	}
	CHECK(all.n > 30);
	bmc_patterns_free(&all);
}

enum
{
	DENSE_N = 5,
	DENSE_K = 7,
	DENSE_L = 40
};

/* Five sequences over seven items: random, or all of them the same round after round. */
static void
dense_db(BmPatternDb *db, int round, bool sets, BmMem *mem)
{
	static uint32_t item[DENSE_N * DENSE_L];
	static size_t start[DENSE_N + 1], element[DENSE_N * DENSE_L / 2 + 1];
	BmRng rng = bmc_rng(17, (uint64_t) round);

	for (size_t s = 0; s <= DENSE_N; s++)
		start[s] = s * DENSE_L / (sets ? 2 : 1);
	for (size_t e = 0; e <= DENSE_N * DENSE_L / 2; e++)
		element[e] = 2 * e;
	for (size_t i = 0; i < DENSE_N * DENSE_L; i++)
		item[i] = round == 0 ? i % DENSE_L % DENSE_K : bmc_rng_below(&rng, DENSE_K);
	CHECK_INT(bmc_pattern_db_build(
				  db, &(BmSequenceSet){DENSE_N, DENSE_K, start, sets ? element : NULL, item, NULL},
				  1, NULL, mem, NULL),
			  BM_OK);
}

/*
 * Few users, long histories, few items: very many patterns of every support. The k best did not end,
 * because equally frequent longer patterns, which cannot enter, were searched.
 */
static void
test_top_same(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	uint32_t include[] = {6, 5};

	CASE("equal long sequences: the k best are the shortest");
	for (int sets = 0; sets < 2; sets++)
	{
		BmMineOptions o = {.min_support = 1, .max_length = UINT32_MAX, .limits = BM_NO_LIMITS};
		BmMineOptions oracle = o;
		BmPatternDb db;

		dense_db(&db, 0, sets, mem);
		oracle.max_length = 4; /* more than a thousand, all of them in every sequence */
		check_top(&db, o, oracle, mem);
		o.limits.max_gap = oracle.limits.max_gap = 12;
		check_top(&db, o, oracle, mem);
		o.limits.max_gap = oracle.limits.max_gap = BM_UNLIMITED;
		o.min_length = oracle.min_length = 4;
		check_top(&db, o, oracle, mem);
		o.include = oracle.include = include;
		o.ninclude = oracle.ninclude = 2;
		check_top(&db, o, oracle, mem);
		bmc_pattern_db_free(&db, mem);
	}
	CHECK_INT(h.live, 0);
}

/* Random ones have patterns of all lengths and supports: here the oracle finds those of four users. */
static void
test_top_dense(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmMineOptions plain = {.min_support = 1, .max_length = UINT32_MAX, .limits = BM_NO_LIMITS};
	BmMineOptions variant[6] = {plain, plain, plain, plain, plain, plain};
	uint32_t include[] = {6, 5};

	variant[1].kind = BM_PATTERNS_CLOSED;
	variant[2].min_length = 7;
	variant[3].min_length = 7;
	variant[3].max_length = 9;
	variant[3].include = include;
	variant[3].ninclude = 2;
	variant[4].limits.max_gap = variant[5].limits.max_gap = 3;
	variant[5].kind = BM_PATTERNS_CLOSED;
	CASE("few long sequences of few items: the k best in every kind");
	for (int round = 1; round < 4; round++)
		for (int sets = 0; sets < 2; sets++)
		{
			BmPatternDb db;

			dense_db(&db, round, sets, mem);
			for (int v = 0; v < (sets ? 2 : 6); v++)
			{
				BmMineOptions oracle = variant[v];

				oracle.min_support = DENSE_N - 1;
				check_top(&db, variant[v], oracle, mem);
			}
			bmc_pattern_db_free(&db, mem);
		}
	CHECK_INT(h.live, 0);
}

/* ---- rules, contrasts, limits, refusals ---- */

static void
test_rules(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRng rng = bmc_rng(5, 9);
	BmMineOptions o = {.max_length = UINT32_MAX};
	size_t seen = 0;

	CASE("rules: supports and confidence by their definition");
	for (int c = 0; c < 300; c++)
	{
		BmSequenceRule *rule;
		BmSequenceSet set;
		BmPatterns p;
		BmPatternDb db;
		size_t n, want = 0;
		Toy t;

		random_toy(&t, &rng, c % 2, true);
		set = set_of(&t);
		o.min_support = 1 + bmc_rng_below(&rng, 2);
		random_limits(&o.limits, &rng, BOTH);
		number_toy(&t, o.min_support);
		CHECK_INT(bmc_pattern_db_build(&db, &set, o.min_support, NULL, mem, NULL), BM_OK);
		bmc_patterns_init(&p, mem);
		CHECK_INT(bmc_patterns_mine(&p, &db, &o, mem, NULL), BM_OK);
		CHECK_INT(bmc_sequence_rules(&rule, &n, &p, 0.5, 2, 0, mem, NULL), BM_OK);
		seen += n;
		for (size_t i = 0; i < p.n; i++)
			for (uint32_t split = 1; split < p.pattern[i].length; split++)
			{
				Naive a = {.length = split};
				BmPatternMatch m;
				uint32_t support = 0;

				memcpy(a.token, p.token + p.pattern[i].at, split * sizeof(uint32_t));
				for (size_t s = 0; s < t.n; s++)
					support += occurs(&t, s, &a, &o.limits, &m);
				want += !BM_TOKEN_JOINED(p.token[p.pattern[i].at + split]) &&
						p.pattern[i].length - split <= 2 && 2 * p.pattern[i].support >= support;
			}
		CHECK_INT(n, want);
		for (size_t r = 0; r < n; r++)
		{
			const BmPattern *q = &p.pattern[rule[r].pattern];
			Naive part[2] = {{.length = rule[r].split}, {.length = q->length - rule[r].split}};
			uint32_t support[2] = {0, 0};

			for (int k = 0; k < 2; k++)
			{
				BmPatternMatch m;

				memcpy(part[k].token, p.token + q->at + (k ? rule[r].split : 0),
					   part[k].length * sizeof(uint32_t));
				for (size_t s = 0; s < t.n; s++)
					support[k] += occurs(&t, s, &part[k], &o.limits, &m);
			}
			CHECK_INT(rule[r].antecedent, support[0]);
			CHECK_INT(rule[r].consequent, support[1]);
			CHECK_NEAR(rule[r].confidence, (double) q->support / support[0], 1e-12);
			CHECK(r == 0 || rule[r - 1].confidence >= rule[r].confidence);
		}
		bmc_free(mem, rule);
		bmc_patterns_free(&p);
		bmc_pattern_db_free(&db, mem);
	}
	CHECK(seen > 1000);
	CHECK_INT(h.live, 0);
}

static void
test_contrast(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	double p[4] = {0.01, 0.04, 0.03, 0.5}, adjusted[4];

	CASE("contrast: chi-squared and Benjamini-Hochberg");
	/* 2x2 table 20 10 / 10 20: n (ad - bc)^2 / product of margins = 60 * 300^2 / 30^4 */
	CHECK_NEAR(bmc_contrast_chi2(20, 30, 10, 30), 60.0 * 300 * 300 / 810000.0, 1e-12);
	CHECK_NEAR(bmc_contrast_chi2(5, 20, 9, 70), 90.0 * 170 * 170 / (14.0 * 76 * 20 * 70), 1e-12);
	CHECK_NEAR(bmc_contrast_chi2(0, 30, 0, 30), 0.0, 0.0);
	CHECK_NEAR(bmc_contrast_chi2(3, 0, 3, 30), 0.0, 0.0);
	CHECK_NEAR(bmc_contrast_p(0.0), 1.0, 0.0);
	CHECK_NEAR(bmc_contrast_p(3.841458820694124), 0.05, 1e-12);
	CHECK_NEAR(bmc_contrast_p(6.634896601021213), 0.01, 1e-12);
	CHECK_INT(bmc_adjust_bh(adjusted, p, 4, mem), BM_OK);
	CHECK_NEAR(adjusted[0], 0.04, 1e-12);
	CHECK_NEAR(adjusted[1], 0.04 * 4 / 3, 1e-12);
	CHECK_NEAR(adjusted[2], 0.04 * 4 / 3, 1e-12); /* .03 * 4 / 2 is more */
	CHECK_NEAR(adjusted[3], 0.5, 1e-12);
	CHECK_INT(bmc_adjust_bh(adjusted, p, 0, mem), BM_OK);
	CHECK_INT(h.live, 0);
}

static bool
stop_at_once(void *arg)
{
	return ++*(int *) arg > 3;
}

/* A cap, a stop, and memory refused at every single request: an error, and nothing is lost. */
static void
test_refusals(void)
{
	enum
	{
		N = 60,
		K = 12,
		L = 16
	};
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRng rng = bmc_rng(2, 2);
	BmMineOptions o = {.min_support = 6, .max_length = UINT32_MAX, .limits = BM_NO_LIMITS};
	static uint32_t item[N * L];
	static size_t start[N + 1];
	BmSequenceSet set = {N, K, start, NULL, item, NULL};
	BmPatternDb db;
	BmPatterns p;
	size_t n;
	int asked = 0;
	long refused = 0;

	CASE("cap, stop, memory");
	random_sequences(start, item, N, K, L, &rng);
	CHECK_INT(bmc_pattern_db_build(&db, &set, o.min_support, NULL, mem, NULL), BM_OK);
	bmc_patterns_init(&p, mem);
	CHECK_INT(bmc_patterns_mine(&p, &db, &o, mem, NULL), BM_OK);
	n = p.n;
	bmc_patterns_free(&p);
	o.max_patterns = n;
	CHECK_INT(bmc_patterns_mine(&p, &db, &o, mem, NULL), BM_OK);
	bmc_patterns_free(&p);
	o.max_patterns = n - 1;
	CHECK_INT(bmc_patterns_mine(&p, &db, &o, mem, NULL), BM_ELIMIT);
	bmc_patterns_free(&p);
	o.max_patterns = 0;
	o.min_support = 1;
	bmc_pattern_db_free(&db, mem);
	CHECK_INT(bmc_pattern_db_build(&db, &set, 1, NULL, mem, NULL), BM_OK);
	o.max_patterns = 3000000;
	CHECK_INT(bmc_patterns_mine(&p, &db, &o, mem, &(BmStop){stop_at_once, &asked}), BM_ESTOP);
	bmc_patterns_free(&p);
	bmc_pattern_db_free(&db, mem);
	CHECK_INT(h.live, 0);

	o = (BmMineOptions){.min_support = 20, .max_length = 3, .limits = BM_NO_LIMITS};
	for (int kind = 0; kind < 3; kind++)
		for (int variant = 0; variant < 3; variant++)
		{
			BmStatus status = BM_ENOMEM;

			o.kind = (BmPatternKind) kind;
			o.limits.max_gap = variant == 1 ? 2 : BM_UNLIMITED;
			o.max_length = variant == 2 ? UINT32_MAX : 3;
			o.top = variant == 2 ? 30 : 0;
			for (long at = 1; status == BM_ENOMEM; at++)
			{
				h.calls = 0;
				h.fail_at = at;
				status = bmc_pattern_db_build(&db, &set, o.min_support, NULL, mem, NULL);
				bmc_patterns_init(&p, mem);
				if (status == BM_OK)
					status = bmc_patterns_mine(&p, &db, &o, mem, NULL);
				if (status == BM_OK)
				{
					BmPatternDetail *d = malloc((p.n + 1) * sizeof(BmPatternDetail));

					status = bmc_pattern_details(d, NULL, 0, NULL, &p, &db, &o.limits, mem, NULL);
					free(d);
				}
				bmc_patterns_free(&p);
				bmc_pattern_db_free(&db, mem);
				CHECK(status == BM_OK || status == BM_ENOMEM);
				CHECK_INT(h.live, 0);
				refused += status == BM_ENOMEM;
			}
		}
	CHECK(refused > 100);
}

/* The stack gives back what was released, and nothing else. */
static void
test_stack(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmStack s;
	BmStackMark mark, empty;
	char *a, *b, *c;

	CASE("stack");
	bmc_stack_init(&s, mem);
	empty = bmc_stack_mark(&s);
	a = bmc_stack_take(&s, 1000, 1);
	memset(a, 1, 1000);
	mark = bmc_stack_mark(&s);
	b = bmc_stack_take(&s, 1 << 20, 1); /* a chunk of its own */
	memset(b, 2, 1 << 20);
	c = bmc_stack_take(&s, 100, 8);
	memset(c, 3, 800);
	CHECK(a[999] == 1 && b[(1 << 20) - 1] == 2 && c[799] == 3);
	bmc_stack_release(&s, mark);
	CHECK(bmc_stack_take(&s, 1 << 20, 1) == b);
	bmc_stack_release(&s, empty);
	CHECK(bmc_stack_take(&s, 1000, 1) == a);
	CHECK(bmc_stack_take(&s, SIZE_MAX / 4, 8) == NULL);
	bmc_stack_free(&s);
	CHECK_INT(h.live, 0);
}

int
main(void)
{
	const char *cases = getenv("UNIT_CASES");

	test_random(cases ? (size_t) atol(cases) : 60);
	test_itemsets();
	test_miners_agree();
	test_top_same();
	test_top_dense();
	test_rules();
	test_contrast();
	test_refusals();
	test_stack();
	return unit_done();
}
