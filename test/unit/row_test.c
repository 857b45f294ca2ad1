/*
 * Row patterns: the parser, and random patterns on random rows with ties against a backtracking
 * matcher on the pattern's tree, which it makes itself. BM_CASES: how many.
 */
#include "unit.h"
#include "core/mine/row_match.h"
#include "core/num/rng.h"

#define SECOND INT64_C(1000000)
#define MOST_ROWS 12
#define MOST_NODES 64
#define MOST_TRIES 200000 /* of the naive matcher, in one case; beyond, the case is left out */

static const char *const names[] = {"A", "B", "C", "D"};
static const size_t lengths[] = {1, 1, 1, 1};
static const BmRowNames four = {names, lengths, 4};

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

static void
refused(const char *text, BmPatternFault fault, size_t at)
{
	UnitHeap h;
	BmRowProgram p;
	BmPatternError error = {0};

	CHECK_INT(bmc_row_parse(&p, text, strlen(text), &four, unit_heap(&h), &error), BM_EINVAL);
	CHECK_INT(h.live, 0);
	if (error.what == NULL || error.fault != fault || error.at != at)
		UNIT_FAIL("%s: fault %d at %zu (%s), expected %d at %zu", text, (int) error.fault, error.at,
				  error.what, (int) fault, at);
}

static uint32_t
steps(const char *text)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRowProgram p;
	BmPatternError error;
	uint32_t n;

	if (bmc_row_parse(&p, text, strlen(text), &four, mem, &error) != BM_OK)
	{
		UNIT_FAIL("%s: %s at %zu", text, error.what, error.at);
		return 0;
	}
	n = p.n;
	bmc_row_free(&p, mem);
	CHECK_INT(h.live, 0);
	return n;
}

static void
test_parser(void)
{
	char deep[2 * 101 + 2];

	CASE("steps of a program");
	CHECK_INT(steps("A"), 3);
	CHECK_INT(steps("A B | \"C\" "), 6);
	CHECK_INT(steps("A* B+ C?"), 9);
	CHECK_INT(steps("A{3} B{1,} C{,2} D{2,4}"), 3 + 3 + 4 + 6 + 2);
	CHECK_INT(steps("() (()*){1000000} A"), 3);
	CHECK_INT(steps("permute(A, B, C)"), 22);
	CHECK_INT(steps("PERMUTE(A, B+)"), 2 * 4 + 1 + 2);
	CHECK_INT(steps("A{0,8191}"), 16384);

	CASE("what is no pattern, and where");
	refused("", BM_PATTERN_SYNTAX, 0);
	refused("A |", BM_PATTERN_SYNTAX, 3);
	refused("A ) B", BM_PATTERN_SYNTAX, 2);
	refused("(A B", BM_PATTERN_SYNTAX, 4);
	refused("A , B", BM_PATTERN_SYNTAX, 2);
	refused("A**", BM_PATTERN_SYNTAX, 2);
	refused("*", BM_PATTERN_SYNTAX, 0);
	refused("A \"B", BM_PATTERN_SYNTAX, 2);
	refused("A{", BM_PATTERN_SYNTAX, 2);
	refused("A{,}", BM_PATTERN_SYNTAX, 3);
	refused("A{2 B", BM_PATTERN_SYNTAX, 4);
	refused("A{- B -}", BM_PATTERN_SYNTAX, 2);
	refused("PERMUTE(A B", BM_PATTERN_SYNTAX, 11);
	refused("A E", BM_PATTERN_NAME, 2);
	refused("a", BM_PATTERN_NAME, 0);
	refused("A \"long name\"", BM_PATTERN_NAME, 2);
	refused("A{3,2}", BM_PATTERN_RANGE, 2);
	refused("A{0,100000}", BM_PATTERN_RANGE, 1);
	refused("A{99999999999999999999}", BM_PATTERN_RANGE, 2);
	refused("B (A{100}){200}", BM_PATTERN_RANGE, 10);
	refused("PERMUTE(A,B,C,D,A,B,C)", BM_PATTERN_RANGE, 20);
	refused("PERMUTE(A{9},B{9},C{9},D{9},A{9},B{9})", BM_PATTERN_RANGE, 0);
	memset(deep, '(', 101);
	deep[101] = 'A';
	memset(deep + 102, ')', 101);
	deep[203 - 1] = '\0';
	refused(deep, BM_PATTERN_RANGE, 100);
}

/* ---- a pattern as a tree, and as text ---- */

typedef enum Kind
{
	SYMBOL,
	EMPTY,
	FIRST,
	LAST,
	SEQUENCE,
	CHOICE,
	REPEAT,
	PERMUTE
} Kind;

typedef struct Tree
{
	Kind kind;
	int symbol, n;
	struct Tree *child[3];
	int least, most; /* most -1: no end */
	bool reluctant;
} Tree;

static Tree trees[MOST_NODES];
static int ntrees;

static Tree *
random_tree(BmRng *rng, int depth)
{
	Tree *t = &trees[ntrees++];
	uint32_t kind = bmc_rng_below(rng, depth > 0 ? 16 : 7);

	memset(t, 0, sizeof(*t));
	t->symbol = (int) bmc_rng_below(rng, 3);
	if (kind < 6)
		t->kind = bmc_rng_below(rng, 12) ? SYMBOL : bmc_rng_below(rng, 2) ? FIRST : LAST;
	else if (kind == 6)
		t->kind = bmc_rng_below(rng, 3) ? SYMBOL : EMPTY;
	else if (kind < 9 || ntrees > MOST_NODES - 16)
		t->kind = SEQUENCE;
	else if (kind < 11)
		t->kind = CHOICE;
	else if (kind < 15)
		t->kind = REPEAT;
	else
		t->kind = PERMUTE;
	if (t->kind < SEQUENCE)
		return t;
	t->n = t->kind == REPEAT ? 1 : t->kind == PERMUTE ? 3 : 2;
	for (int i = 0; i < t->n; i++)
		t->child[i] = random_tree(rng, ntrees > MOST_NODES - 16 ? 0 : depth - 1);
	t->least = (int) bmc_rng_below(rng, 3);
	t->most = bmc_rng_below(rng, 2) ? -1 : t->least + (int) bmc_rng_below(rng, 3);
	t->reluctant = bmc_rng_below(rng, 3) == 0;
	return t;
}

static char *print_list(char *to, const Tree *t, const char *between);

static char *
print(char *to, const Tree *t)
{
	switch (t->kind)
	{
	case SYMBOL:
		return to + sprintf(to, "%s", names[t->symbol]);
	case EMPTY:
		return to + sprintf(to, "()");
	case FIRST:
		return to + sprintf(to, "^");
	case LAST:
		return to + sprintf(to, "$");
	case SEQUENCE:
		return print_list(to + sprintf(to, "("), t, " ");
	case CHOICE:
		return print_list(to + sprintf(to, "("), t, " | ");
	case PERMUTE:
		return print_list(to + sprintf(to, "PERMUTE("), t, ", ");
	case REPEAT:
		to = print_list(to + sprintf(to, "("), t, "");
		if (t->most == -1)
			to += t->least == 0   ? sprintf(to, "*")
				  : t->least == 1 ? sprintf(to, "+")
								  : sprintf(to, "{%d,}", t->least);
		else if (t->least == 0 && t->most == 1)
			to += sprintf(to, "?");
		else if (t->least == t->most)
			to += sprintf(to, "{%d}", t->least);
		else
			to += sprintf(to, "{%d,%d}", t->least, t->most);
		return to + sprintf(to, "%s", t->reluctant ? "?" : "");
	}
	return to;
}

static char *
print_list(char *to, const Tree *t, const char *between)
{
	for (int i = 0; i < t->n; i++)
		to = print(to + sprintf(to, "%s", i > 0 ? between : ""), t->child[i]);
	return to + sprintf(to, ")");
}

/* ---- the naive matcher: the first way to the end, preferred ways first ---- */

typedef struct Then /* what is still to be matched */
{
	const Tree *tree;
	int at;       /* children of a sequence, or rounds of a repetition, done */
	int order[3]; /* of PERMUTE */
	size_t since; /* row at which the round began */
	const struct Then *then;
} Then;

typedef struct Naive
{
	const uint64_t *rows;
	size_t n, first, end;
	uint64_t within;
	uint8_t path[MOST_ROWS];
	long tries;
} Naive;

static bool go(Naive *s, const Tree *t, size_t row, const Then *then);
static bool go_on(Naive *s, size_t row, const Then *then);

static bool
go_sequence(Naive *s, const Tree *t, int at, size_t row, const Then *then)
{
	Then more = {t, at + 1, {0}, row, then};

	return at == t->n ? go_on(s, row, then) : go(s, t->child[at], row, &more);
}

static bool
go_order(Naive *s, const Then *order, size_t row)
{
	Then more = *order;

	more.at++;
	return order->at == order->tree->n
			   ? go_on(s, row, order->then)
			   : go(s, order->tree->child[order->order[order->at]], row, &more);
}

static bool
go_orders(Naive *s, const Tree *t, size_t row, const Then *then)
{
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
									 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (int o = 0; o < 6; o++)
	{
		Then order = {t, 0, {orders[o][0], orders[o][1], orders[o][2]}, row, then};

		if (go_order(s, &order, row))
			return true;
	}
	return false;
}

static bool
go_repeat(Naive *s, const Tree *t, int rounds, size_t row, const Then *then)
{
	Then more = {t, rounds + 1, {0}, row, then};

	if (rounds < t->least)
		return go(s, t->child[0], row, &more);
	if (t->reluctant && go_on(s, row, then))
		return true;
	if ((t->most == -1 || rounds < t->most) && go(s, t->child[0], row, &more))
		return true;
	return !t->reluctant && go_on(s, row, then);
}

static bool
go_on(Naive *s, size_t row, const Then *then)
{
	if (then == NULL)
	{
		s->end = row;
		return true;
	}
	switch (then->tree->kind)
	{
	case SEQUENCE:
		return go_sequence(s, then->tree, then->at, row, then->then);
	case PERMUTE:
		return go_order(s, then, row);
	default:
		/* a round without a row beyond the least number, where there is no upper end */
		if (then->tree->most == -1 && then->at > then->tree->least && row == then->since)
			return false;
		return go_repeat(s, then->tree, then->at, row, then->then);
	}
}

static bool
go(Naive *s, const Tree *t, size_t row, const Then *then)
{
	if (++s->tries > MOST_TRIES)
		return false;
	switch (t->kind)
	{
	case SYMBOL:
		if (row == s->n || (s->rows[2 * row + 1] & bmc_condition_bit(t->symbol)) ||
			s->rows[2 * row] - s->rows[2 * s->first] > s->within)
			return false;
		s->path[row] = (uint8_t) t->symbol;
		return go_on(s, row + 1, then);
	case EMPTY:
		return go_on(s, row, then);
	case FIRST:
		return row == 0 && go_on(s, row, then);
	case LAST:
		return row == s->n && go_on(s, row, then);
	case SEQUENCE:
		return go_sequence(s, t, 0, row, then);
	case CHOICE:
		return go(s, t->child[0], row, then) || go(s, t->child[1], row, then);
	case REPEAT:
		return go_repeat(s, t, 0, row, then);
	case PERMUTE:
		return go_orders(s, t, row, then);
	}
	return false;
}

/* ---- random cases ---- */

static size_t
random_rows(BmRng *rng, uint64_t *rows)
{
	size_t n = bmc_rng_below(rng, MOST_ROWS + 1);
	int64_t t = -3 * SECOND;
	bool single = bmc_rng_below(rng, 2);

	for (size_t i = 0; i < n; i++)
	{
		t += bmc_rng_below(rng, 3) * SECOND;
		rows[2 * i] = (uint64_t) t;
		rows[2 * i + 1] = word(single ? 1u << bmc_rng_below(rng, 4) : bmc_rng_below(rng, 8));
	}
	return n;
}

/* The next match from row *from on: its first row and its end, or n and n. */
static void
naive_next(Naive *s, const Tree *t, size_t *from)
{
	for (; *from < s->n; ++*from)
	{
		s->first = *from;
		if (go(s, t, *from, NULL) && s->end > s->first)
			return;
	}
	s->first = s->end = s->n;
}

/* false: too much for the naive matcher */
static bool
compare(BmRng *rng, const Tree *tree, const char *text, long *matched)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	uint64_t rows[2 * MOST_ROWS];
	Naive s = {.rows = rows, .n = random_rows(rng, rows)};
	bool overlap = bmc_rng_below(rng, 2), more = true;
	int failed = unit_failed;
	size_t from = 0;
	BmRowProgram program;
	BmPatternError error;
	BmRowSearch *search;

	s.within = bmc_rng_below(rng, 2) ? UINT64_MAX : bmc_rng_below(rng, 7) * (uint64_t) SECOND;
	if (bmc_row_parse(&program, text, strlen(text), &four, mem, &error) != BM_OK)
	{
		UNIT_FAIL("%s: %s at %zu", text, error.what, error.at);
		return true;
	}
	search = bmc_row_search(&program, rows, s.n, s.within, overlap, mem, NULL);
	while (more && unit_failed == failed)
	{
		BmRowMatch match;

		CHECK_INT(bmc_row_next(search, &match), BM_OK);
		naive_next(&s, tree, &from);
		if (s.tries > MOST_TRIES)
			break;
		CHECK_INT(match.n, s.end - s.first);
		more = match.n > 0 && s.end > s.first;
		if (!more)
			break;
		CHECK_INT(match.first, s.first);
		for (size_t i = 0; i < match.n && match.first == s.first && match.n == s.end - s.first; i++)
			CHECK_INT(match.symbols[i], s.path[s.first + i]);
		from = overlap ? s.first + 1 : s.end;
		++*matched;
	}
	bmc_row_search_free(search);
	bmc_row_free(&program, mem);
	CHECK_INT(h.live, 0);
	if (unit_failed > failed)
	{
		printf("# %s within %lld %s:", text, (long long) s.within, overlap ? "overlap" : "");
		for (size_t i = 0; i < s.n; i++)
			printf(" (%lld,%llu)", (long long) rows[2 * i] / SECOND,
				   (unsigned long long) ~rows[2 * i + 1] >> 60);
		printf("\n");
	}
	return s.tries <= MOST_TRIES;
}

static void
test_random(void)
{
	const char *wanted = getenv("BM_CASES");
	long cases = wanted ? atol(wanted) : 8000, matched = 0, compared = 0;
	static char text[20000];

	CASE("random patterns and rows with ties: matches, their ends and symbols");
	for (long c = 0; c < cases; c++)
	{
		BmRng rng = bmc_rng((uint64_t) c, 77);
		Tree *tree;

		ntrees = 0;
		tree = random_tree(&rng, 1 + (int) bmc_rng_below(&rng, 4));
		print(text, tree);
		compared += compare(&rng, tree, text, &matched);
	}
	CHECK(matched > cases / 2 && compared > cases * 9 / 10);
	printf("# %ld cases compared, %ld matches\n", compared, matched);
}

/* ---- size ---- */

static uint64_t *
many_rows(size_t n, uint64_t conditions)
{
	uint64_t *rows = malloc(n * 16);

	for (size_t i = 0; i < n; i++)
	{
		rows[2 * i] = i;
		rows[2 * i + 1] = word(conditions);
	}
	return rows;
}

static void
first_match(const char *text, const uint64_t *rows, size_t n, size_t *first, size_t *length)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRowProgram program;
	BmPatternError error;
	BmRowSearch *search;
	BmRowMatch match;

	CHECK_INT(bmc_row_parse(&program, text, strlen(text), &four, mem, &error), BM_OK);
	search = bmc_row_search(&program, rows, n, UINT64_MAX, false, mem, NULL);
	CHECK_INT(bmc_row_next(search, &match), BM_OK);
	*first = match.first;
	*length = match.n;
	bmc_row_search_free(search);
	bmc_row_free(&program, mem);
	CHECK_INT(h.live, 0);
}

static void
test_linear(void)
{
	size_t n = 200000, first, length;
	uint64_t *rows = many_rows(n, 1);

	CASE("what explodes in a backtracking matcher");
	first_match("(A* A*)* B", rows, n, &first, &length);
	CHECK_INT(length, 0);
	first_match("(A | A A)+ B", rows, n, &first, &length);
	CHECK_INT(length, 0);
	rows[2 * n - 1] = word(2);
	first_match("((A+)+)+ B $", rows, n, &first, &length);
	CHECK_INT(first, 0);
	CHECK_INT(length, n);
	first_match("A{3} A*? B", rows, n, &first, &length);
	CHECK_INT(length, n);
	free(rows);
}

static bool
stop_at_once(void *arg)
{
	return true;
}

static void
test_failures(void)
{
	static const char text[] = "(A | B)* C";
	size_t n = 400000;
	uint64_t *rows = many_rows(n, 3);
	BmStop stop = {stop_at_once, NULL};
	BmRowProgram program;
	BmPatternError error;
	UnitHeap h;

	CASE("stopped, and out of memory at every request: nothing leaks");
	for (int within = 0; within < 2; within++)
	{
		BmMem *mem = unit_heap(&h);
		BmRowSearch *s;
		BmRowMatch match;

		CHECK_INT(bmc_row_parse(&program, text, strlen(text), &four, mem, &error), BM_OK);
		s = bmc_row_search(&program, rows, n, within ? n : UINT64_MAX, false, mem, &stop);
		CHECK_INT(bmc_row_next(s, &match), BM_ESTOP);
		bmc_row_search_free(s);
		bmc_row_free(&program, mem);
		CHECK_INT(h.live, 0);
	}
	rows[2 * 999 + 1] = word(4);
	for (long fail = 1;; fail++)
	{
		BmMem *mem = unit_heap(&h);
		BmRowSearch *s = NULL;
		BmRowMatch match;
		BmStatus status;

		h.fail_at = fail;
		status = bmc_row_parse(&program, text, strlen(text), &four, mem, &error);
		if (status == BM_OK)
		{
			s = bmc_row_search(&program, rows, 1000, UINT64_MAX, false, mem, NULL);
			status = s ? bmc_row_next(s, &match) : BM_ENOMEM;
		}
		bmc_row_search_free(s);
		if (s || status == BM_OK || program.step)
			bmc_row_free(&program, mem);
		CHECK_INT(h.live, 0);
		if (status == BM_OK)
		{
			CHECK_INT(match.n, 1000);
			CHECK(fail > 12);
			break;
		}
		CHECK_INT(status, BM_ENOMEM);
	}
	free(rows);
}

int
main(void)
{
	test_parser();
	test_random();
	test_linear();
	test_failures();
	return unit_done();
}
