/*
 * Sequence patterns: the parser, the wrong cases of others, and random patterns on random events with
 * ties against a backtracking matcher that knows nothing of the linear one. BM_CASES: how many.
 */
#include "unit.h"
#include "core/mine/entries.h"
#include "core/mine/sequence_match.h"
#include "core/num/rng.h"

#define SECOND INT64_C(1000000)
#define MOST_EVENTS 24
#define MOST_ELEMENTS 6

/* Bit c of conditions as the second word of an entry has it. */
static uint64_t
word(uint64_t conditions)
{
	uint64_t w = BM_NO_CONDITION;

	for (int c = 0; c < 64; c++)
		if (conditions >> c & 1)
			w ^= bmc_condition_bit(c);
	return w;
}

/* ---- the parser ---- */

static BmSequencePattern
parsed(const char *text, int conditions)
{
	BmSequencePattern p;
	BmPatternError error;

	if (bmc_sequence_parse(&p, text, strlen(text), conditions, &error) != BM_OK)
		UNIT_FAIL("%s: %s at %zu", text, error.what, error.at);
	return p;
}

static void
refused(const char *text, BmPatternFault fault, size_t at)
{
	BmSequencePattern p;
	BmPatternError error = {0};

	CHECK_INT(bmc_sequence_parse(&p, text, strlen(text), 3, &error), BM_EINVAL);
	CHECK(error.what != NULL);
	if (error.fault != fault || error.at != at)
		UNIT_FAIL("%s: fault %d at %zu (%s), expected %d at %zu", text, (int) error.fault, error.at,
				  error.what, (int) fault, at);
}

static void
test_parser(void)
{
	BmSequencePattern p;
	char long_text[5 * 65 + 1] = "";

	CASE("gaps: none, open, bounded, delayed; bounds on one gap meet");
	p = parsed(" (?1)(?2).*(?3) (?t<=3600) .(?t>5).*(?t<10)(?1).*", 3);
	CHECK_INT(p.n, 5);
	CHECK_INT(p.adjacent, 1 << 1);
	CHECK_INT(p.open, 1 << 2);
	CHECK_INT(p.bounded, 1 << 3);
	CHECK_INT(p.delayed, 1 << 4);
	CHECK_INT(p.any, 1 << 3);
	CHECK_INT(p.uses[63], 1 | 1 << 4);
	CHECK_INT(p.most[3], 3600 * SECOND);
	CHECK_INT(p.least[4], 5 * SECOND + 1);
	CHECK_INT(p.most[4], 10 * SECOND - 1);
	CHECK_INT(p.within, UINT64_MAX);

	CASE("seconds with decimals; == and =; bounds at the end");
	p = parsed("(?1)(?t==1.25)(?2)(?t=0.000001)(?1)", 3);
	CHECK_INT(p.least[1], 1250000);
	CHECK_INT(p.most[1], 1250000);
	CHECK_INT(p.least[2], 1);
	CHECK_INT(parsed("(?1)(?t<=5)", 1).n, 1);
	CHECK_INT(parsed("(?1)(?t>=0).*", 1).n, 1);
	CHECK_INT(parsed("(?1)(?t>5)", 1).n, 2);
	CHECK_INT(parsed("(?1)(?t>5)", 1).any, 2);
	CHECK(parsed("(?1)(?t>5)", 1).peek && !parsed("(?1)(?t>5).", 1).peek);

	CASE("what is no pattern, and where");
	refused("", BM_PATTERN_SYNTAX, 0);
	refused(".*", BM_PATTERN_SYNTAX, 2);
	refused("(?1)x", BM_PATTERN_SYNTAX, 4);
	refused("(?1", BM_PATTERN_SYNTAX, 3);
	refused("(1)", BM_PATTERN_SYNTAX, 1);
	refused("(?u>1)", BM_PATTERN_SYNTAX, 2);
	refused("(?1)(?t<=)(?2)", BM_PATTERN_SYNTAX, 9);
	refused("(?1)(?t!5)(?2)", BM_PATTERN_SYNTAX, 7);
	refused("(?1)(?t<5", BM_PATTERN_SYNTAX, 9);
	refused("(?1)(?t<1.)(?2)", BM_PATTERN_SYNTAX, 10);
	refused("(?1)(?t<1.1234567)(?2)", BM_PATTERN_SYNTAX, 16);
	refused("(?t<5)(?1)", BM_PATTERN_SYNTAX, 0);
	refused(".*(?t<5)(?1)", BM_PATTERN_SYNTAX, 2);
	refused("(?1)(?0)", BM_PATTERN_NAME, 6);
	refused("(?1)(?4)", BM_PATTERN_NAME, 6);
	refused("(?99999999999999999999)", BM_PATTERN_NAME, 2);
	refused("(?1)(?t<100000000001)", BM_PATTERN_RANGE, 8);
	for (int i = 0; i < 65; i++)
		strcat(long_text, "(?1)");
	refused(long_text, BM_PATTERN_RANGE, 64 * 4);
	long_text[64 * 4] = '\0';
	CHECK_INT(parsed(long_text, 1).n, 64);
}

/* ---- the naive matcher: tries everything, in order, and remembers nothing ---- */

typedef struct Naive
{
	const BmSequencePattern *p;
	const uint64_t *events;
	size_t n;
	size_t chain[MOST_ELEMENTS + 1];
	size_t earliest_end; /* over all matches; n = none */
	bool found;          /* first holds the first match in the order of the search */
	size_t first[MOST_ELEMENTS + 1];
} Naive;

static int64_t
at(const Naive *s, size_t i)
{
	return (int64_t) s->events[2 * i];
}

static bool
holds(const Naive *s, int j, size_t i)
{
	return s->p->condition[j] == 255 ||
		   !(s->events[2 * i + 1] & bmc_condition_bit(s->p->condition[j]));
}

/* May element j follow at event i when element j-1 lies at event before? Straight from the text. */
static bool
allowed(const Naive *s, int j, size_t before, size_t i)
{
	int64_t gap = at(s, i) - at(s, before);

	if (s->p->adjacent >> j & 1)
	{
		for (size_t b = before + 1; b < i; b++)
			if (s->events[2 * b + 1] != BM_NO_CONDITION)
				return false;
		return true;
	}
	return (uint64_t) gap >= s->p->least[j] && (uint64_t) gap <= s->p->most[j];
}

static void
naive_from(Naive *s, int j, size_t from)
{
	if (j == s->p->n)
	{
		size_t end = s->chain[j - 1];

		if ((uint64_t) (at(s, end) - at(s, s->chain[0])) > s->p->within)
			return;
		if (!s->found)
			memcpy(s->first, s->chain, sizeof(s->first));
		s->found = true;
		s->earliest_end = end < s->earliest_end ? end : s->earliest_end;
		return;
	}
	for (size_t i = from; i < s->n; i++)
		if (s->events[2 * i + 1] != BM_NO_CONDITION && holds(s, j, i) &&
			(j == 0 || allowed(s, j, s->chain[j - 1], i)))
		{
			s->chain[j] = i;
			naive_from(s, j + 1, i + 1);
		}
}

/* ---- random cases ---- */

static size_t
random_events(BmRng *rng, uint64_t *events, int conditions)
{
	size_t n = bmc_rng_below(rng, MOST_EVENTS + 1);
	uint64_t raw[2 * MOST_EVENTS], scratch[2 * MOST_EVENTS];
	uint32_t span = 1 + bmc_rng_below(rng, 30);
	bool single = bmc_rng_below(rng, 2);

	for (size_t i = 0; i < n; i++)
	{
		raw[2 * i] = (uint64_t) ((int64_t) bmc_rng_below(rng, span) * SECOND - 5 * SECOND);
		raw[2 * i + 1] = word(single ? 1u << bmc_rng_below(rng, (uint32_t) conditions)
									 : bmc_rng_below(rng, 1u << conditions));
	}
	CHECK_INT(bmc_entries_sort(events, raw, n, 2, scratch, NULL), BM_OK);
	return n;
}

static void
random_pattern(BmRng *rng, char *text, int conditions)
{
	static const char *const op[] = {">", ">=", "<", "<=", "=="};
	int n = 1 + (int) bmc_rng_below(rng, MOST_ELEMENTS - 1);

	*text = '\0';
	for (int j = 0; j < n; j++)
	{
		if (bmc_rng_below(rng, 5) == 0)
			text += sprintf(text, ".");
		else
			text += sprintf(text, "(?%u)", 1 + bmc_rng_below(rng, (uint32_t) conditions));
		for (uint32_t b = bmc_rng_below(rng, 4); b > 0; b--)
			text +=
				bmc_rng_below(rng, 2) == 0
					? sprintf(text, ".*")
					: sprintf(text, "(?t%s%u)", op[bmc_rng_below(rng, 5)], bmc_rng_below(rng, 9));
	}
}

static void
show(const char *text, const BmSequencePattern *p, const uint64_t *events, size_t n)
{
	printf("# %s within %lld:", text, (long long) p->within);
	for (size_t i = 0; i < n; i++)
		printf(" (%lld,%llu)", (long long) events[2 * i] / SECOND,
			   (unsigned long long) ~events[2 * i + 1] >> 60);
	printf("\n");
}

/* All matches of a case, one after the other, by both. */
static void
compare(const char *text, const BmSequencePattern *p, const uint64_t *events, size_t n)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	uint64_t count = 0, matches;
	size_t from = 0, next, chain[MOST_ELEMENTS + 1];
	bool found = true;
	int failed = unit_failed;

	while (found)
	{
		Naive s = {.p = p, .events = events, .n = n, .earliest_end = n};

		naive_from(&s, 0, from);
		CHECK_INT(bmc_sequence_find(chain, &found, &next, p, events, n, from, mem, NULL), BM_OK);
		CHECK_INT(found, s.found);
		for (int j = 0; j < p->n && found && s.found; j++)
			CHECK_INT(chain[j], s.first[j]);
		if (found)
		{
			CHECK_INT(chain[p->n - 1], s.earliest_end);
			CHECK_INT(next, s.earliest_end + !p->peek);
			from = next;
			count++;
		}
		if (unit_failed > failed)
			break;
	}
	CHECK_INT(bmc_sequence_count(&matches, p, events, n, UINT64_MAX, mem, NULL), BM_OK);
	CHECK_INT(matches, count);
	CHECK_INT(bmc_sequence_count(&matches, p, events, n, 1, mem, NULL), BM_OK);
	CHECK_INT(matches, count > 0);
	CHECK_INT(h.live, 0);
	if (unit_failed > failed)
		show(text, p, events, n);
}

static void
test_random(bool within, const char *name)
{
	const char *wanted = getenv("BM_CASES");
	long cases = wanted ? atol(wanted) : 4000, matched = 0;

	CASE(name);
	for (long c = 0; c < cases; c++)
	{
		BmRng rng = bmc_rng((uint64_t) c, within);
		uint64_t events[2 * MOST_EVENTS], any;
		char text[400];
		int conditions = 1 + (int) bmc_rng_below(&rng, 4);
		size_t n = random_events(&rng, events, conditions);
		BmSequencePattern p;
		UnitHeap h;

		random_pattern(&rng, text, conditions);
		p = parsed(text, conditions);
		if (within)
			p.within = (uint64_t) (1 + bmc_rng_below(&rng, 12)) * SECOND;
		compare(text, &p, events, n);
		bmc_sequence_count(&any, &p, events, n, 1, unit_heap(&h), NULL);
		matched += (long) any;
	}
	CHECK(matched > cases / 10 && matched < cases - cases / 10);
	printf("# %ld cases, %ld with a match\n", cases, matched);
}

/* ---- known cases ---- */

static uint64_t
count_of(const char *text, int conditions, const uint64_t *events, size_t n)
{
	UnitHeap h;
	BmSequencePattern p = parsed(text, conditions);
	uint64_t count;

	CHECK_INT(bmc_sequence_count(&count, &p, events, n, UINT64_MAX, unit_heap(&h), NULL), BM_OK);
	CHECK_INT(h.live, 0);
	return count;
}

static void
test_known(void)
{
	const uint64_t bounds[] = {0,       word(1),      5 * SECOND, word(2), 100 * SECOND,
							   word(2), 101 * SECOND, word(4)};
	const uint64_t ends[] = {0,          word(1), 1 * SECOND, word(2),
							 2 * SECOND, word(1), 3 * SECOND, word(2)};
	const uint64_t dropped[] = {0, word(1), 1 * SECOND, word(0), 2 * SECOND, word(2)};
	const uint64_t far[] = {(uint64_t) INT64_MIN + 10, word(1), (uint64_t) INT64_MAX - 10, word(2)};

	CASE("a bound is not forgotten where the next event is far (ClickHouse 118120)");
	CHECK_INT(count_of("(?1)(?t<=10)(?2)(?3)", 3, bounds, 4), 0);
	CHECK_INT(count_of("(?1)(?t<=10)(?2).*(?3)", 3, bounds, 4), 1);
	CASE("a pattern that ends in .* has one answer (ClickHouse 120729)");
	CHECK_INT(count_of("(?1).*(?2).*", 2, ends, 4), 2);
	CHECK_INT(count_of("(?1).*(?2)", 2, ends, 4), 2);
	CHECK_INT(count_of(".*(?1)(?2).*", 2, ends, 4), 2);
	CASE("events of no condition are passed over");
	CHECK_INT(count_of("(?1)(?2)", 2, dropped, 3), 1);
	CHECK_INT(count_of("(?1).(?2)", 2, dropped, 3), 0);
	CASE("gaps wider than a signed 64-bit number");
	CHECK_INT(count_of("(?1)(?2)", 2, far, 2), 1);
	CHECK_INT(count_of("(?1)(?t<=100)(?2)", 2, far, 2), 0);
	CHECK_INT(count_of("(?1)(?t>100000000000)(?2)", 2, far, 2), 1);
	CHECK_INT(count_of("(?1)", 1, NULL, 0), 0);
}

/* A million events on which backtracking is hopeless: each step forward doubles what was tried. */
static void
test_linear(void)
{
	size_t n = 1000000;
	uint64_t *events = malloc(n * 16), count;
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmSequencePattern p = parsed("(?1).*(?1).*(?1).*(?1).*(?1).*(?1).*(?1)(?t>=3)(?2)", 2);
	size_t chain[8], next;
	bool found;

	CASE(
		"no match among a million events that all could begin one (ClickHouse 2399, 26095, 27729)");
	for (size_t i = 0; i < n; i++)
	{
		events[2 * i] = (uint64_t) (i / 3) * SECOND;
		events[2 * i + 1] = word(1);
	}
	CHECK_INT(bmc_sequence_count(&count, &p, events, n, UINT64_MAX, mem, NULL), BM_OK);
	CHECK_INT(count, 0);
	events[2 * n - 1] = word(2);
	CHECK_INT(bmc_sequence_find(chain, &found, &next, &p, events, n, 0, mem, NULL), BM_OK);
	CHECK(found);
	for (size_t j = 0; j < 7; j++)
		CHECK_INT(chain[j], j);
	CHECK_INT(chain[7], n - 1);
	CHECK_INT(h.live, 0);
	free(events);
}

static bool
stop_at_once(void *arg)
{
	(*(int *) arg)++;
	return true;
}

static void
test_failures(void)
{
	size_t n = 300000, chain[3], next;
	uint64_t *events = malloc(n * 16), count;
	UnitHeap h;
	int asked = 0;
	BmStop stop = {stop_at_once, &asked};
	BmSequencePattern p = parsed("(?1)(?t>1)(?1)(?t>1)(?2)", 2);
	bool found;

	CASE("stopped, and out of memory at every request: nothing leaks");
	for (size_t i = 0; i < n; i++)
	{
		events[2 * i] = i;
		events[2 * i + 1] = word(1);
	}
	CHECK_INT(bmc_sequence_count(&count, &p, events, n, 1, unit_heap(&h), &stop), BM_ESTOP);
	CHECK_INT(asked, 1);
	CHECK_INT(h.live, 0);
	for (size_t i = 0; i < n; i++)
		events[2 * i] = i * SECOND;
	events[2 * n - 1] = word(2);
	for (long fail = 1;; fail++)
	{
		BmMem *mem = unit_heap(&h);
		BmStatus status;

		h.fail_at = fail;
		status = bmc_sequence_find(chain, &found, &next, &p, events, n, 0, mem, NULL);
		CHECK_INT(h.live, 0);
		if (status == BM_OK)
		{
			CHECK(fail > 3 && found);
			break;
		}
		CHECK_INT(status, BM_ENOMEM);
	}
	free(events);
}

int
main(void)
{
	test_parser();
	test_known();
	test_random(false, "random patterns and events with ties: match, count, events");
	test_random(true, "the same with a limit on the whole");
	test_linear();
	test_failures();
	return unit_done();
}
