/*
 * pattern_fuzz.c
 *		Sequence and row patterns made of random pieces for some seconds: a fault lies inside the text,
 *		what is accepted can be searched, alone and with failing allocators, and nothing leaks. Run
 *		under the sanitizers.
 *		Arguments: seconds (5) and seed (1).
 */
#include <time.h>

#include "core/mine/row_match.h"
#include "core/mine/sequence_match.h"
#include "core/num/rng.h"
#include "../unit/unit.h"

#define MAX_TEXT 200
#define ROWS 40

static const char *const sequence_piece[] = {
	"(?1)",      "(?2)", "(?3)",         "(?9)", ".",       ".*", "(?t<=5)", "(?t>2)",
	"(?t==1.5)", "(?t",  "(?",           ")",    "(?t>=0)", " ",  "0",       "99999999999999999999",
	"<",         "é",    "(?t<0.000001)"};
static const char *const row_piece[] = {"A",
										"B",
										"C",
										"D",
										" ",
										"|",
										"(",
										")",
										"*",
										"+",
										"?",
										"*?",
										"{2}",
										"{0,3}",
										"{1,}",
										"{,2}",
										"^",
										"$",
										"()",
										"PERMUTE(",
										",",
										"PERMUTE(A,B,C)",
										"{90}",
										"{200}",
										"\"A\"",
										"\"",
										"{-",
										"é",
										"{99999999999}",
										"(A|B)"};

static size_t
random_text(BmRng *r, char *text, const char *const *piece, uint32_t pieces)
{
	uint32_t n = bmc_rng_below(r, 24);

	*text = '\0';
	for (uint32_t i = 0; i < n; i++)
	{
		const char *p = piece[bmc_rng_below(r, pieces)];

		if (strlen(text) + strlen(p) < MAX_TEXT)
			strcat(text, p);
	}
	if (*text && bmc_rng_below(r, 10) == 0)
		text[bmc_rng_below(r, (uint32_t) strlen(text))] = (char) bmc_rng_below(r, 256);
	return strlen(text);
}

static void
random_rows(BmRng *r, uint64_t *rows)
{
	uint64_t t = bmc_rng_below(r, 2) ? (uint64_t) INT64_MIN : 0;

	for (int i = 0; i < ROWS; i++)
	{
		t += bmc_rng_below(r, 3) * UINT64_C(1000000);
		rows[2 * i] = t;
		rows[2 * i + 1] = BM_NO_CONDITION;
		for (int c = 0; c < 3; c++)
			if (bmc_rng_below(r, 2))
				rows[2 * i + 1] ^= bmc_condition_bit(c);
	}
}

static void
check_fault(const BmPatternError *e, size_t len)
{
	CHECK(e->what != NULL && *e->what);
	CHECK(e->at <= len);
}

static void
sequence_round(BmRng *r, const uint64_t *rows)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	char text[MAX_TEXT + 1];
	size_t len = random_text(r, text, sequence_piece, sizeof(sequence_piece) / sizeof(char *));
	BmPatternError error = {0};
	BmSequencePattern p;
	uint64_t count = 0;
	size_t chain[BM_MAX_ELEMENTS], next;
	bool found = false;
	BmStatus counted, searched;

	if (bmc_sequence_parse(&p, text, len, 3, &error) != BM_OK)
	{
		check_fault(&error, len);
		return;
	}
	CHECK(p.n >= 1 && p.n <= BM_MAX_ELEMENTS);
	if (bmc_rng_below(r, 2))
		p.within = bmc_rng_below(r, 20) * UINT64_C(1000000);
	h.fail_at = bmc_rng_below(r, 8);
	counted = bmc_sequence_count(&count, &p, rows, ROWS, UINT64_MAX, mem, NULL);
	searched = bmc_sequence_find(chain, &found, &next, &p, rows, ROWS, 0, mem, NULL);
	if (counted == BM_OK && searched == BM_OK)
		CHECK(found == (count > 0));
	if (searched == BM_OK && found)
		for (int j = 1; j < p.n; j++)
			CHECK(chain[j - 1] < chain[j] && chain[j] < ROWS);
	CHECK_INT(h.live, 0);
}

static void
row_round(BmRng *r, const uint64_t *rows)
{
	static const char *const name[] = {"A", "B", "C"};
	static const size_t length[] = {1, 1, 1};
	static const BmRowNames names = {name, length, 3};
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	char text[MAX_TEXT + 1];
	size_t len = random_text(r, text, row_piece, sizeof(row_piece) / sizeof(char *)), end = 0;
	bool overlap = bmc_rng_below(r, 2);
	BmPatternError error = {0};
	BmRowProgram p;
	BmRowSearch *s;
	BmRowMatch m = {0};
	BmStatus status;

	h.fail_at = bmc_rng_below(r, 3) ? 0 : bmc_rng_below(r, 30);
	status = bmc_row_parse(&p, text, len, &names, mem, &error);
	if (status == BM_EINVAL)
		check_fault(&error, len);
	if (status == BM_OK)
	{
		CHECK(p.n >= 2 && p.n <= 2 * BM_MAX_ROW_PROGRAM + 2 && p.entry < p.n);
		s = bmc_row_search(&p, rows, ROWS, bmc_rng_below(r, 2) ? UINT64_MAX : 4000000, overlap, mem,
						   NULL);
		while (s && bmc_row_next(s, &m) == BM_OK && m.n > 0)
		{
			CHECK(m.first >= end && m.first + m.n <= ROWS);
			for (size_t i = 0; i < m.n; i++)
				CHECK(!(rows[2 * (m.first + i) + 1] & bmc_condition_bit(m.symbols[i])));
			end = overlap ? m.first + 1 : m.first + m.n;
		}
		bmc_row_search_free(s);
		bmc_row_free(&p, mem);
	}
	CHECK_INT(h.live, 0);
	if (unit_failed)
		printf("# %s\n", text);
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 5;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	time_t end = time(NULL) + (time_t) seconds;
	uint64_t rounds = 0;

	CASE("random patterns are refused with a place, or searched safely");
	do
	{
		BmRng r = bmc_rng(seed, rounds++);
		uint64_t rows[2 * ROWS];

		random_rows(&r, rows);
		sequence_round(&r, rows);
		row_round(&r, rows);
	} while (time(NULL) < end && !unit_failed);
	if (unit_failed)
		printf("# seed %llu, round %llu\n", (unsigned long long) seed,
			   (unsigned long long) rounds - 1);
	return unit_done();
}
