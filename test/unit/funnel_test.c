/*
 * Funnel levels and times against brute force that keeps every chain, for each mode, with gaps,
 * exclusions, ties and repeated steps; and the cases that others are known to answer wrongly.
 * BM_CASES=50000 sets the random cases for each mode.
 */
#include "unit.h"
#include "core/mine/entries.h"
#include "core/mine/funnel.h"
#include "core/num/rng.h"

#define MAX_ROWS 8
#define MAX_K 5
#define MAX_CHAINS 200000
#define NEVER INT64_MIN
#ifdef __SANITIZE_ADDRESS__
#define RANDOM_CASES 6000
#else
#define RANDOM_CASES 50000
#endif

typedef struct Row
{
	int64_t time;
	unsigned bits; /* condition c is bit c */
} Row;

typedef struct Case
{
	BmFunnel f;
	int64_t gap[MAX_K];
	BmFunnelExclusion exclusion[2];
	int n;
	Row row[MAX_ROWS]; /* in order of time, then of first condition */
} Case;

/* A chain as it was when its last step was done. */
typedef struct Chain
{
	int level;
	unsigned used; /* rows, for strict_once */
	int64_t time[MAX_K];
	bool cleared; /* an exclusion ended it (event-by-event reference only) */
} Chain;

static Chain *chains;
static size_t nchains;
static long cases_of_level[MAX_K + 2]; /* proves that the cases are not all alike */

/* ---- shared rules ---- */

static bool
excluded_at(const Case *c, int x, int64_t after, int64_t until, bool with_until)
{
	for (int r = 0; r < c->n; r++)
		if ((c->row[r].bits >> (c->f.steps + x) & 1) && c->row[r].time > after &&
			(c->row[r].time < until || (with_until && c->row[r].time == until)))
			return true;
	return false;
}

/* May this chain go on with its next step at time t? Window, gap, order, exclusions. */
static bool
may_follow(const Case *c, const Chain *ch, int64_t t)
{
	int j = ch->level + 1;
	int64_t last;

	if (j == 1)
		return true;
	last = ch->time[j - 2];
	if (t < last || t - ch->time[0] > c->f.within)
		return false;
	if (c->f.gap && t - last > c->f.gap[j - 1])
		return false;
	if ((c->f.modes & BM_FUNNEL_INCREASE) && t == last)
		return false;
	for (int x = 0; x < c->f.nexclusions; x++)
	{
		const BmFunnelExclusion *e = &c->f.exclusion[x];

		if (!e->drop_user && ch->level >= e->from && ch->level < e->to &&
			excluded_at(c, x, ch->time[e->from - 1], t, true))
			return false;
	}
	return true;
}

static void
add_chain(const Chain *ch)
{
	if (nchains == MAX_CHAINS)
		abort();
	chains[nchains++] = *ch;
}

/* ---- modes that never end the scan: all chains there are ---- */

static void
extend_all(const Case *c, const Chain *ch)
{
	if (ch->level > 0)
		add_chain(ch);
	if (ch->level == c->f.steps)
		return;
	for (int r = 0; r < c->n; r++)
	{
		Chain longer = *ch;

		if (!(c->row[r].bits >> ch->level & 1) || !may_follow(c, ch, c->row[r].time))
			continue;
		if ((c->f.modes & BM_FUNNEL_ONCE) && (ch->used >> r & 1))
			continue;
		longer.used |= 1U << r;
		longer.time[longer.level++] = c->row[r].time;
		extend_all(c, &longer);
	}
}

/* ---- modes that end the scan: row by row, every chain kept ---- */

static int
deepest(void)
{
	int level = 0;

	for (size_t i = 0; i < nchains; i++)
		level = chains[i].level > level ? chains[i].level : level;
	return level;
}

static bool
row_ends_scan(const Case *c, const Row *row, bool *skip)
{
	int reached = deepest();
	unsigned m = row->bits & ((1U << c->f.steps) - 1);
	bool fits = false;

	*skip = false;
	for (int j = 2; j <= reached; j++)
		if ((c->f.modes & BM_FUNNEL_DEDUP) && (m >> (j - 1) & 1))
			return true;
	if (!(c->f.modes & BM_FUNNEL_ORDER) || reached == 0)
		return false;
	for (int j = 1; j <= reached + 1 && j <= c->f.steps; j++)
		fits |= m >> (j - 1) & 1;
	*skip = !fits && m != 0 && (c->f.modes & BM_FUNNEL_REENTRY);
	return !fits && !*skip;
}

static void
take_row(const Case *c, int r)
{
	const Row *row = &c->row[r];
	size_t begin = nchains;

	for (int step = 0; step < c->f.steps; step++)
	{
		size_t now = (c->f.modes & BM_FUNNEL_ONCE) ? begin : nchains;

		if (!(row->bits >> step & 1))
			continue;
		if (step == 0)
		{
			Chain ch = {.level = 1, .time = {row->time}};

			add_chain(&ch);
			continue;
		}
		for (size_t i = 0; i < now; i++)
			if (chains[i].level == step && may_follow(c, &chains[i], row->time))
			{
				Chain longer = chains[i];

				longer.time[longer.level++] = row->time;
				add_chain(&longer);
			}
	}
}

static void
extend_rows(const Case *c)
{
	bool skip;

	for (int r = 0; r < c->n; r++)
	{
		if (row_ends_scan(c, &c->row[r], &skip))
			return;
		if (!skip)
			take_row(c, r);
	}
}

/* ---- what the chains say ---- */

static bool
lives(const Case *c, const Chain *ch, int64_t x)
{
	for (int z = 0; z < c->f.nexclusions; z++)
	{
		const BmFunnelExclusion *e = &c->f.exclusion[z];

		if (!e->drop_user && ch->level >= e->from && ch->level < e->to &&
			excluded_at(c, z, ch->time[e->from - 1], x, false))
			return false;
	}
	return true;
}

/* The newest attempt among chains of a level that was done before x. */
static int64_t
newest(const Case *c, int level, int64_t x, bool live)
{
	int64_t start = NEVER;

	for (size_t i = 0; i < nchains; i++)
		if (chains[i].level == level && chains[i].time[level - 1] < x &&
			(!live || lives(c, &chains[i], x)) && chains[i].time[0] > start)
			start = chains[i].time[0];
	return start;
}

/* The time of the row that ends the scan, or INT64_MAX: exclusions of that time still count. */
static int64_t
scan_end(const Case *c)
{
	bool skip;
	size_t kept = nchains;

	if (!(c->f.modes & (BM_FUNNEL_ORDER | BM_FUNNEL_DEDUP)))
		return INT64_MAX;
	nchains = 0;
	for (int r = 0; r < c->n; r++)
	{
		if (row_ends_scan(c, &c->row[r], &skip))
		{
			nchains = kept;
			return c->row[r].time;
		}
		if (!skip)
			take_row(c, r);
	}
	nchains = kept;
	return INT64_MAX;
}

static bool
dropped(const Case *c, int64_t end)
{
	for (int x = 0; x < c->f.nexclusions; x++)
		for (int r = 0; r < c->n; r++)
		{
			const BmFunnelExclusion *e = &c->f.exclusion[x];
			int64_t t = c->row[r].time, from, to;

			if (!e->drop_user || !(c->row[r].bits >> (c->f.steps + x) & 1) || t > end)
				continue;
			from = newest(c, e->from, t, true);
			to = newest(c, e->to, t, false);
			if (from != NEVER && t - from <= c->f.within && to < from)
				return true;
		}
	return false;
}

static int
any_order(const Case *c)
{
	int most = 0;

	for (int r = 0; r < c->n; r++)
	{
		unsigned m = 0;

		for (int q = 0; q < c->n; q++)
			if (c->row[q].time <= c->row[r].time && c->row[r].time - c->row[q].time <= c->f.within)
				m |= c->row[q].bits;
		if (__builtin_popcount(m) > most)
			most = __builtin_popcount(m);
	}
	return most;
}

/* The level by brute force; -1: dropped. Leaves all chains behind. */
static int
brute(const Case *c)
{
	Chain none = {0};

	nchains = 0;
	if (c->f.modes & BM_FUNNEL_ANY)
		return any_order(c);
	if (c->f.modes & (BM_FUNNEL_ORDER | BM_FUNNEL_DEDUP))
		extend_rows(c);
	else
		extend_all(c, &none);
	return dropped(c, scan_end(c)) ? -1 : deepest();
}

/* ---- random cases ---- */

static uint64_t
word_of(const Case *c, unsigned bits)
{
	uint64_t word = BM_FUNNEL_NOTHING;

	for (int b = 0; b < c->f.steps + c->f.nexclusions; b++)
		if (bits >> b & 1)
			word ^= bmc_funnel_bit(b);
	return word;
}

static void
sort_rows(Case *c)
{
	for (int i = 1; i < c->n; i++)
		for (int j = i; j > 0; j--)
		{
			Row *a = &c->row[j - 1], *b = &c->row[j], held = *a;

			if (a->time < b->time ||
				(a->time == b->time && word_of(c, a->bits) <= word_of(c, b->bits)))
				break;
			*a = *b;
			*b = held;
		}
}

static void
random_case(Case *c, unsigned modes, BmRng *rng)
{
	int span = 1 + (int) bmc_rng_below(rng, 8);

	memset(c, 0, sizeof(*c));
	c->f.modes = modes;
	c->f.steps = 1 + (int) bmc_rng_below(rng, MAX_K);
	c->f.within = 1 + bmc_rng_below(rng, 7);
	c->n = (int) bmc_rng_below(rng, MAX_ROWS + 1);
	if (!(modes & BM_FUNNEL_ANY) && bmc_rng_below(rng, 2))
	{
		for (int j = 0; j < c->f.steps; j++)
			c->gap[j] = bmc_rng_below(rng, 4) ? (int64_t) bmc_rng_below(rng, 4) : INT64_MAX;
		c->f.gap = c->gap;
	}
	if (!(modes & BM_FUNNEL_ANY) && c->f.steps > 1 && bmc_rng_below(rng, 2))
	{
		c->f.nexclusions = 1 + (int) bmc_rng_below(rng, 2);
		for (int x = 0; x < c->f.nexclusions; x++)
		{
			int from = 1 + (int) bmc_rng_below(rng, (uint32_t) c->f.steps - 1);

			c->exclusion[x].from = (uint8_t) from;
			c->exclusion[x].to =
				(uint8_t) (from + 1 + (int) bmc_rng_below(rng, (uint32_t) (c->f.steps - from)));
			c->exclusion[x].drop_user = bmc_rng_below(rng, 2);
		}
		c->f.exclusion = c->exclusion;
	}
	for (int r = 0; r < c->n; r++)
	{
		int all = c->f.steps + c->f.nexclusions, several = bmc_rng_below(rng, 3) == 0;

		c->row[r].time = (int64_t) bmc_rng_below(rng, (uint32_t) span) - 2;
		c->row[r].bits = several ? bmc_rng_u32(rng) & ((1U << all) - 1)
								 : 1U << bmc_rng_below(rng, (uint32_t) all);
		/* what a funnel with repeated steps looks like: the same conditions for two steps */
		if (c->f.steps >= 3 && (modes & BM_FUNNEL_ONCE) && (c->row[r].bits & 5))
			c->row[r].bits |= 5;
		if (bmc_rng_below(rng, 12) == 0)
			c->row[r].bits = 0;
	}
	sort_rows(c);
}

static int
kernel(const Case *c, int64_t *times)
{
	uint64_t entries[2 * MAX_ROWS + 2];
	size_t bytes = bmc_funnel_scratch(&c->f, times != NULL);
	char *scratch = malloc(bytes + 1); /* exactly: the sanitizer sees one byte too many */
	int level = -9;

	for (int r = 0; r < c->n; r++)
	{
		entries[2 * r] = (uint64_t) c->row[r].time;
		entries[2 * r + 1] = word_of(c, c->row[r].bits);
	}
	CHECK(bmc_funnel_wrong(&c->f) == NULL);
	CHECK(bmc_entries_sorted(entries, (size_t) c->n, 2, NULL));
	CHECK_INT(bmc_funnel(&level, times, &c->f, entries, (size_t) c->n, scratch, NULL), BM_OK);
	free(scratch);
	return level;
}

static void
print_case(const Case *c, int got, int want)
{
	printf("# modes %u steps %d within %lld level %d, brute force %d:", c->f.modes, c->f.steps,
		   (long long) c->f.within, got, want);
	for (int r = 0; r < c->n; r++)
		printf(" %lld:%x", (long long) c->row[r].time, c->row[r].bits);
	for (int j = 1; c->f.gap && j < c->f.steps; j++)
		printf(" gap%d=%lld", j + 1, (long long) c->gap[j]);
	for (int x = 0; x < c->f.nexclusions; x++)
		printf(" excl %d-%d%s", c->exclusion[x].from, c->exclusion[x].to,
			   c->exclusion[x].drop_user ? " user" : "");
	printf("\n");
}

/* Of the deepest chains the one that ends first, of those the one that begins last: a real one. */
static bool
times_right(const int64_t *times, int level)
{
	int64_t finish = INT64_MAX, start = NEVER;
	bool real = false;

	for (size_t i = 0; i < nchains; i++)
		if (chains[i].level == level && chains[i].time[level - 1] < finish)
			finish = chains[i].time[level - 1];
	for (size_t i = 0; i < nchains; i++)
		if (chains[i].level == level && chains[i].time[level - 1] == finish)
		{
			if (chains[i].time[0] > start)
				start = chains[i].time[0];
			real |= memcmp(chains[i].time, times, (size_t) level * 8) == 0;
		}
	return real && times[0] == start && times[level - 1] == finish;
}

static void
check_any_times(const Case *c, const int64_t *times, int level)
{
	int64_t first = INT64_MAX, last = NEVER;
	int found = 0;

	for (int j = 0; j < c->f.steps && level > 0; j++)
	{
		bool real = false;

		if (times[j] == NEVER)
			continue;
		for (int r = 0; r < c->n; r++)
			real |= c->row[r].time == times[j] && (c->row[r].bits >> j & 1);
		CHECK(real);
		first = times[j] < first ? times[j] : first;
		last = times[j] > last ? times[j] : last;
		found++;
	}
	CHECK_INT(found, level);
	CHECK(level == 0 || last - first <= c->f.within);
}

static void
check_mode(unsigned modes, long ncases, const char *name)
{
	BmRng rng = bmc_rng(77, modes);
	int different = 0;

	CASE(name);
	memset(cases_of_level, 0, sizeof(cases_of_level));
	for (long i = 0; i < ncases; i++)
	{
		int64_t times[MAX_K] = {0};
		Case c;
		int want, got, with_times;

		random_case(&c, modes, &rng);
		want = brute(&c);
		got = kernel(&c, NULL);
		with_times = kernel(&c, times);
		cases_of_level[want + 1]++;
		CHECK_INT(with_times, got);
		if (got != want && different++ < 3)
			print_case(&c, got, want);
		CHECK_INT(got, want);
		if (modes & BM_FUNNEL_ANY)
			check_any_times(&c, times, got);
		else if (want > 0 && got == want && !times_right(times, want))
		{
			print_case(&c, got, want);
			UNIT_FAIL("the times are not those of the earliest deepest chain");
		}
	}
	for (int level = 0; level <= 3; level++)
		CHECK(cases_of_level[level + 1] > ncases / 5000);
	CHECK((modes & BM_FUNNEL_ANY) || cases_of_level[0] > 0);
}

/* ---- known cases ---- */

/* events: "time:steps ..." with steps as letters; the answer of a funnel of k steps. */
static int
level_of(const char *events, int k, unsigned modes, int64_t within)
{
	Case c = {.f = {.steps = k, .modes = modes, .within = within}};
	static uint64_t entries[64];
	char *rest, scratch[16384];
	int level;
	size_t n = 0;

	for (const char *p = events; *p; n++)
	{
		unsigned bits = 0;

		entries[2 * n] = (uint64_t) strtoll(p, &rest, 10);
		for (p = rest + 1; *p && *p != ' '; p++)
			bits |= *p == '-' ? 0 : 1U << (*p - 'a');
		entries[2 * n + 1] = word_of(&c, bits);
		while (*p == ' ')
			p++;
	}
	CHECK(bmc_entries_sorted(entries, n, 2, NULL));
	CHECK(bmc_funnel_scratch(&c.f, false) <= sizeof(scratch));
	CHECK_INT(bmc_funnel(&level, NULL, &c.f, entries, n, scratch, NULL), BM_OK);
	return level;
}

static void
test_known(void)
{
	const char *i_52844 = "1:a 2:b 2:c 2:d 3:b 3:c 3:d 4:b 4:c 4:d";

	CASE("answers that others get wrong");
	CHECK_INT(level_of(i_52844, 4, BM_FUNNEL_INCREASE, 100), 4);
	CHECK_INT(level_of("1:a 2:a 2:b", 2, BM_FUNNEL_INCREASE, 100), 2);
	CHECK_INT(
		level_of("0:a 5:b 10:c 15:a 20:b 25:a 30:b 35:a 40:b 45:c 50:d", 4, BM_FUNNEL_DEDUP, 60),
		3);
	CHECK_INT(level_of("1:a 2:b 3:c 4:b 5:d", 4, BM_FUNNEL_DEDUP, 100), 3);
	CHECK_INT(level_of("1:a 1:b", 2, 0, 100), 2);
	CHECK_INT(level_of("1:a 1:b", 2, BM_FUNNEL_INCREASE, 100), 1);
	CASE("strict_once: one event for two equal steps, two events, ties");
	CHECK_INT(level_of("1:ab 2:c", 3, 0, 100), 3);
	CHECK_INT(level_of("1:ab 2:c", 3, BM_FUNNEL_ONCE, 100), 1);
	CHECK_INT(level_of("1:ab 1:ab 2:c", 3, BM_FUNNEL_ONCE, 100), 3);
	CHECK_INT(level_of("1:ab 1:ab 1:c", 3, BM_FUNNEL_ONCE, 100), 3);
	CHECK_INT(level_of("1:ac 1:b", 3, BM_FUNNEL_ONCE, 100), 2);
	CASE("strict_order: what matches nothing, or comes too early, ends the scan");
	CHECK_INT(level_of("0:- 1:a 2:- 3:b", 2, BM_FUNNEL_ORDER, 100), 1);
	CHECK_INT(level_of("1:a 2:c 3:b 4:c", 3, BM_FUNNEL_ORDER, 100), 1);
	CHECK_INT(level_of("1:a 2:c 3:b 4:c", 3, BM_FUNNEL_ORDER | BM_FUNNEL_REENTRY, 100), 3);
	CHECK_INT(level_of("1:a 2:a 3:b 4:b 5:a 6:c", 3, BM_FUNNEL_ORDER, 100), 3);
	CASE("the window includes its end; the ends of time do not overflow");
	CHECK_INT(level_of("0:a 10:b", 2, 0, 10), 2);
	CHECK_INT(level_of("0:a 11:b", 2, 0, 10), 1);
	CHECK_INT(level_of("-211813488000000000:a 9223371331199999999:b", 2, 0, 10), 1);
	CHECK_INT(level_of("-211813488000000000:b 9223371331199999999:a", 2, 0, BM_MAX_WITHIN), 1);
	CHECK_INT(level_of("", 2, 0, 10), 0);
}

/* 64 steps, all in one chain, by every mode; 65 do not exist. */
static void
test_limits(void)
{
	static const unsigned modes[] = {0, BM_FUNNEL_INCREASE, BM_FUNNEL_ONCE, BM_FUNNEL_ORDER,
									 BM_FUNNEL_ANY};
	uint64_t entries[128];
	int64_t times[64];
	BmFunnel f = {.steps = 64, .within = 1000};
	BmFunnelExclusion x = {2, 2, false};
	int level;

	CASE("64 steps");
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
		for (int tie = 0; tie < 2; tie++)
		{
			size_t bytes;
			char *scratch;

			f.modes = modes[m];
			bytes = bmc_funnel_scratch(&f, true);
			scratch = malloc(bytes + 1);
			for (int i = 0; i < 64; i++)
			{
				entries[2 * i] = tie ? 7 : (uint64_t) i;
				entries[2 * i + 1] = BM_FUNNEL_NOTHING ^ bmc_funnel_bit(i);
			}
			CHECK_INT(bmc_funnel(&level, times, &f, entries, 64, scratch, NULL), BM_OK);
			CHECK_INT(level, tie && f.modes == BM_FUNNEL_INCREASE ? 1 : 64);
			CHECK_INT(times[level - 1], tie ? 7 : level - 1);
			free(scratch);
		}
	CASE("definitions that are refused");
	f.modes = 0;
	CHECK(bmc_funnel_wrong(&f) == NULL);
	f.steps = 65;
	CHECK(bmc_funnel_wrong(&f) != NULL);
	f.steps = 0;
	CHECK(bmc_funnel_wrong(&f) != NULL);
	f.steps = 3;
	f.within = 0;
	CHECK(bmc_funnel_wrong(&f) != NULL);
	f.within = 1;
	f.modes = BM_FUNNEL_ANY | BM_FUNNEL_ONCE;
	CHECK(bmc_funnel_wrong(&f) != NULL);
	f.modes = BM_FUNNEL_REENTRY;
	CHECK(bmc_funnel_wrong(&f) != NULL);
	f.modes = 0;
	f.nexclusions = 1;
	f.exclusion = &x;
	CHECK(bmc_funnel_wrong(&f) != NULL);
	f.nexclusions = 62;
	CHECK(bmc_funnel_wrong(&f) != NULL);
}

/* Many events of one time and few distinct conditions: the matching must stay small. */
static void
test_large_tie(void)
{
	BmFunnel f = {.steps = 64, .within = 1, .modes = BM_FUNNEL_ONCE};
	size_t n = 20000, bytes = bmc_funnel_scratch(&f, false);
	uint64_t *entries = malloc(n * 16);
	char *scratch = malloc(bytes);
	int level;

	CASE("20,000 events of one time are matched to 64 steps");
	for (size_t i = 0; i < n; i++)
	{
		entries[2 * i] = 0;
		entries[2 * i + 1] = ~bmc_mix64(i);
	}
	CHECK_INT(bmc_funnel(&level, NULL, &f, entries, n, scratch, NULL), BM_OK);
	CHECK_INT(level, 64);
	CHECK_INT(bmc_funnel(&level, NULL, &f, entries, 63, scratch, NULL), BM_OK);
	CHECK_INT(level, 63);
	free(entries), free(scratch);
}

static bool
stop_now(void *arg)
{
	return true;
}

static void
test_stop(void)
{
	static const unsigned modes[] = {0, BM_FUNNEL_INCREASE, BM_FUNNEL_ONCE, BM_FUNNEL_DEDUP,
									 BM_FUNNEL_ANY};
	size_t n = 200000;
	uint64_t *entries = malloc(n * 16);
	BmStop stop = {stop_now, NULL};
	char scratch[4096];
	int level;

	CASE("stop ends a long scan in every mode");
	for (size_t i = 0; i < n; i++)
	{
		entries[2 * i] = i;
		entries[2 * i + 1] = BM_FUNNEL_NOTHING ^ bmc_funnel_bit(0);
	}
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
	{
		BmFunnel f = {.steps = 3, .within = 10, .modes = modes[m]};

		CHECK_INT(bmc_funnel(&level, NULL, &f, entries, n, scratch, &stop), BM_ESTOP);
	}
	free(entries);
}

int
main(void)
{
	const char *env = getenv("BM_CASES");
	long n = env ? atol(env) : RANDOM_CASES;

	chains = malloc(MAX_CHAINS * sizeof(Chain));
	check_mode(0, n, "default");
	check_mode(BM_FUNNEL_INCREASE, n, "strict_increase");
	check_mode(BM_FUNNEL_ONCE, n, "strict_once");
	check_mode(BM_FUNNEL_ONCE | BM_FUNNEL_INCREASE, n, "strict_once, strict_increase");
	check_mode(BM_FUNNEL_ORDER, n, "strict_order");
	check_mode(BM_FUNNEL_ORDER | BM_FUNNEL_REENTRY, n, "strict_order, allow_reentry");
	check_mode(BM_FUNNEL_ORDER | BM_FUNNEL_INCREASE, n, "strict_order, strict_increase");
	check_mode(BM_FUNNEL_ORDER | BM_FUNNEL_ONCE, n, "strict_order, strict_once");
	check_mode(BM_FUNNEL_DEDUP, n, "strict_dedup");
	check_mode(BM_FUNNEL_DEDUP | BM_FUNNEL_INCREASE, n, "strict_dedup, strict_increase");
	check_mode(BM_FUNNEL_DEDUP | BM_FUNNEL_ONCE, n, "strict_dedup, strict_once");
	check_mode(BM_FUNNEL_ANY, n, "any_order");
	free(chains);
	test_known();
	test_limits();
	test_large_tie();
	test_stop();
	return unit_done();
}
