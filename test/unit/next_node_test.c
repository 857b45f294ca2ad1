/*
 * What came next: random rows with equal ones and texts of several entries, against the plain
 * definition; and states that are cut down to what matters, in pieces and merged, give the same answer.
 */
#include "unit.h"
#include "core/mine/entries.h"
#include "core/mine/next_node.h"
#include "core/num/rng.h"

#define MOST_ROWS 12
#define MOST_ENTRIES (MOST_ROWS * 3)

typedef struct Row
{
	int64_t time;
	uint64_t conditions, hash;
	bool can_be_base;
	const char *text; /* NULL: none */
} Row;

static const char *const texts[] = {
	NULL,
	"",
	"a",
	"b",
	"a text of exactly thirty-two byte",
	"a text that is so long that it needs three entries of a state, each of 32 bytes"};

static Row
random_row(BmRng *rng)
{
	Row r = {bmc_rng_below(rng, 6), BM_NO_CONDITION, 0, bmc_rng_below(rng, 3) > 0,
			 texts[bmc_rng_below(rng, 6)]};

	for (int c = 0; c < 3; c++)
		if (bmc_rng_below(rng, 2))
			r.conditions ^= bmc_condition_bit(c);
	for (const char *t = r.text; t && *t; t++)
		r.hash = bmc_mix64(r.hash ^ (unsigned char) *t);
	return r;
}

static size_t
push(uint64_t *entries, size_t n, const Row *r)
{
	size_t len = r->text ? strlen(r->text) : 0;

	for (size_t i = 0; i < bmc_node_entries(len); i++)
		bmc_node_entry(entries + n++ * BM_NODE_WORDS, r->time, r->conditions, r->can_be_base,
					   r->text, len, r->hash, i);
	return n;
}

static void
sort(uint64_t *entries, size_t n)
{
	uint64_t from[MOST_ENTRIES * BM_NODE_WORDS], scratch[MOST_ENTRIES * BM_NODE_WORDS];

	memcpy(from, entries, n * BM_NODE_WORDS * 8);
	CHECK_INT(bmc_entries_sort(entries, from, n, BM_NODE_WORDS, scratch, NULL), BM_OK);
}

/* The order of entries for rows: time, conditions, hash, base, no text, length. */
static int
compare_rows(const void *x, const void *y)
{
	const Row *a = x, *b = y;
	uint64_t ma = (uint64_t) a->can_be_base << 1 | (a->text == NULL);
	uint64_t mb = (uint64_t) b->can_be_base << 1 | (b->text == NULL);

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->conditions != b->conditions)
		return a->conditions < b->conditions ? -1 : 1;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return ma < mb ? -1 : ma > mb;
}

/* The definition, word by word. "?" for no answer. */
static const char *
naive(const BmNodeQuestion *q, const Row *row, int n)
{
	int base = -1, step = q->direction == BM_NODE_FORWARD ? 1 : -1;

	if (q->base == BM_NODE_HEAD && n > 0 && row[0].can_be_base)
		base = 0;
	if (q->base == BM_NODE_TAIL && n > 0 && row[n - 1].can_be_base)
		base = n - 1;
	for (int i = 0; i < n; i++)
		if (row[i].can_be_base && !(row[i].conditions & bmc_condition_bit(0)) &&
			((q->base == BM_NODE_FIRST_MATCH && base < 0) || q->base == BM_NODE_LAST_MATCH))
			base = i;
	if (base < 0)
		return "?";
	for (int c = 0; c < q->n; c++)
	{
		int at = base + step * c;

		if (at < 0 || at >= n || (row[at].conditions & bmc_condition_bit(c)))
			return "?";
	}
	base += step * q->n;
	return base < 0 || base >= n ? "?" : row[base].text;
}

/* The answer from entries in any order; "?" for none. */
static const char *
answer(const BmNodeQuestion *q, uint64_t *entries, size_t n, char *text)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmNodeRow *row;
	size_t nrows, at, len;

	sort(entries, n);
	CHECK_INT(bmc_node_rows(&row, &nrows, entries, n, mem, NULL), BM_OK);
	at = bmc_next_node(q, entries, row, nrows);
	strcpy(text, "?");
	len = at < nrows ? bmc_node_text_length(entries, &row[at]) : 1;
	if (at < nrows && len != SIZE_MAX)
	{
		bmc_node_text(text, entries, &row[at]);
		text[len] = '\0';
	}
	bmc_free(mem, row);
	CHECK_INT(h.live, 0);
	return len == SIZE_MAX ? NULL : text;
}

/* Cut sorted entries down to what matters; how many are left. */
static size_t
cut(const BmNodeQuestion *q, uint64_t *entries, size_t n)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmNodeRow *row;
	size_t nrows, from, to;

	sort(entries, n);
	CHECK_INT(bmc_node_rows(&row, &nrows, entries, n, mem, NULL), BM_OK);
	bmc_node_keep(&from, &to, q, entries, n, row, nrows);
	CHECK(from <= to && to <= n);
	memmove(entries, entries + from * BM_NODE_WORDS, (to - from) * BM_NODE_WORDS * 8);
	bmc_free(mem, row);
	return to - from;
}

static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void
test_random(void)
{
	const char *wanted = getenv("BM_CASES");
	long cases = wanted ? atol(wanted) : 5000, answered = 0, shorter = 0;

	CASE("random rows in any order against the definition; pieces cut down and merged");
	for (long c = 0; c < cases; c++)
	{
		BmRng rng = bmc_rng((uint64_t) c, 5);
		BmNodeQuestion q = {(BmNodeDirection) bmc_rng_below(&rng, 2),
							(BmNodeBase) bmc_rng_below(&rng, 4), 1 + (int) bmc_rng_below(&rng, 3)};
		int n = (int) bmc_rng_below(&rng, MOST_ROWS + 1);
		uint64_t all[MOST_ENTRIES * BM_NODE_WORDS], half[2][MOST_ENTRIES * BM_NODE_WORDS];
		size_t nall = 0, nhalf[2] = {0, 0};
		char text[100], merged[100];
		const char *got, *want, *again;
		Row row[MOST_ROWS];

		for (int i = 0; i < n; i++)
		{
			uint32_t side = bmc_rng_below(&rng, 2);

			row[i] = random_row(&rng);
			nall = push(all, nall, &row[i]);
			nhalf[side] = push(half[side], nhalf[side], &row[i]);
		}
		qsort(row, (size_t) n, sizeof(Row), compare_rows);
		want = naive(&q, row, n);
		got = answer(&q, all, nall, text);
		for (int s = 0; s < 2; s++)
			nhalf[s] = cut(&q, half[s], nhalf[s]);
		shorter += nhalf[0] + nhalf[1] < nall;
		memcpy(half[0] + nhalf[0] * BM_NODE_WORDS, half[1], nhalf[1] * BM_NODE_WORDS * 8);
		again = answer(&q, half[0], nhalf[0] + nhalf[1], merged);
		if (!same(got, want) || !same(again, want))
			UNIT_FAIL("case %ld: \"%s\", in pieces \"%s\", expected \"%s\"", c, got ? got : "none",
					  again ? again : "none", want ? want : "none");
		answered += !want || strcmp(want, "?") != 0;
	}
	CHECK(answered > cases / 20 && shorter > cases / 2);
	printf("# %ld cases, %ld with an answer, %ld cut\n", cases, answered, shorter);
}

static void
test_damaged(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	Row r = {1, BM_NO_CONDITION, 7, true, texts[5]};
	uint64_t entries[MOST_ENTRIES * BM_NODE_WORDS];
	BmNodeRow *row;
	size_t nrows, n = push(entries, 0, &r);

	CASE("entries that are no rows");
	CHECK_INT(n, 3);
	CHECK_INT(bmc_node_rows(&row, &nrows, entries, n, mem, NULL), BM_OK);
	CHECK_INT(nrows, 1);
	bmc_free(mem, row);
	CHECK_INT(bmc_node_rows(&row, &nrows, entries, 1, mem, NULL), BM_EINVAL);
	entries[BM_NODE_WORDS + 3]++;
	CHECK_INT(bmc_node_rows(&row, &nrows, entries, n, mem, NULL), BM_EINVAL);
	entries[BM_NODE_WORDS + 3] = entries[3];
	CHECK_INT(bmc_node_rows(&row, &nrows, entries, n, mem, NULL), BM_EINVAL);
	h.fail_at = h.calls + 1;
	CHECK_INT(bmc_node_rows(&row, &nrows, entries, n, mem, NULL), BM_ENOMEM);
	CHECK_INT(h.live, 0);
}

int
main(void)
{
	test_random();
	test_damaged();
	return unit_done();
}
