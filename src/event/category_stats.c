/*
 * category_stats.c
 *		behav_category_agg(value): how often each value of a column occurs, exactly, as a state.
 *
 * The values are names in the configuration (names.h); entry i is (i, count of value i). What is cut
 * is cut when the state is read, never while it is made: so nothing depends on the order of rows.
 */
#include "event/column_stats.h"

#include "common/base64.h"

#include "pg/flat_names.h"

#define ENTRY_WORDS 2
#define COUNT 1
#define MOST_CATEGORIES 1000000
#define MOST_COUNT ((uint64) 1 << 52)

static const char *check_category(const BmFlat *s);

static const BmFlatKind category_kind = {.type = "behav_category_state",
										 .config = "values",
										 .id = BM_FLAT_CATEGORY,
										 .version = 1,
										 .words = ENTRY_WORDS,
										 .times = false,
										 .config_words = BM_NAMES_HEAD,
										 .check = check_category,
										 .config_max = MaxAllocSize / sizeof(uint64)};

BM_FLAT_FUNCTION(behav_category_state, in, category_kind);
BM_FLAT_FUNCTION(behav_category_state, out, category_kind);
BM_FLAT_FUNCTION(behav_category_state, recv, category_kind);
BM_FLAT_FUNCTION(behav_category_state, send, category_kind);

static const char *
check_category(const BmFlat *s)
{
	const uint64 *entry = bm_flat_entries(s);
	const char *wrong = bm_flat_names_wrong(s);
	uint64 sum = 0;

	if (wrong)
		return wrong;
	if (s->n != (int64) bmc_names_count(bm_flat_config(s)) || s->n > MOST_CATEGORIES)
		return "It has not one count for each value.";
	for (int64 i = 0; i < s->n; i++, entry += ENTRY_WORDS)
		if (entry[0] != (uint64) i || entry[COUNT] == 0 || entry[COUNT] > MOST_COUNT ||
			(sum += entry[COUNT]) > MOST_COUNT)
			return "It has a count out of range.";
	return NULL;
}

/* ---- building ---- */

static void
raise_limit(size_t len)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 len > BM_MAX_NAME ? errmsg("a value is too long for a category: %zu bytes", len)
							   : errmsg("a column has too many categories to count"),
			 errdetail("The limits are %u bytes and %d categories.", BM_MAX_NAME, MOST_CATEGORIES),
			 errhint("Count a part of it, as left(value, 200), or a hash: abs(hashtext(value)) "
					 "%% 1000.")));
}

/* Count a value n times. */
static BmFlat *
add_value(BmFlat *s, const char *value, size_t len, uint64 n)
{
	uint32 code;

	if (bm_flat_put_name(&s, &category_kind, value, len, &code) != BM_OK || code >= MOST_CATEGORIES)
		raise_limit(len);
	if (code == s->n)
	{
		uint64 entry[ENTRY_WORDS] = {code, 0};

		s = bm_flat_push(s, entry);
	}
	bm_flat_entries(s)[(Size) code * ENTRY_WORDS + COUNT] += n;
	return s;
}

/* behav_category_accum(state, value): a NULL is counted by itself. */
BM_FUNCTION(behav_category_accum);
Datum
behav_category_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &category_kind);
	text *value;

	if (s == NULL)
		s = bm_flat_new_names(&category_kind);
	if (PG_ARGISNULL(1))
	{
		s->ignored++;
		PG_RETURN_POINTER(s);
	}
	value = PG_GETARG_TEXT_PP(1);
	PG_RETURN_POINTER(add_value(s, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), 1));
}

BM_FUNCTION(behav_category_state_combine);
Datum
behav_category_state_combine(PG_FUNCTION_ARGS)
{
	BmFlat *a = bm_flat_writable(fcinfo, &category_kind);
	const BmFlat *b;
	const uint64 *names;
	char *name;

	if (PG_ARGISNULL(1) || a == NULL)
		return bm_flat_combine(fcinfo, &category_kind);
	b = bm_flat_get(PG_GETARG_DATUM(1), &category_kind);
	names = bm_flat_config(b);
	name = palloc(BM_MAX_NAME);
	for (uint32 i = 0; i < bmc_names_count(names); i++)
	{
		bmc_name_bytes(name, names, i);
		a = add_value(a, name, bmc_name_length(names, i),
					  bm_flat_entries(b)[(Size) i * ENTRY_WORDS + COUNT]);
		CHECK_FOR_INTERRUPTS();
	}
	a->ignored += b->ignored;
	pfree(name);
	PG_RETURN_POINTER(a);
}

/* The state with its values in order and no spare room. */
static const BmFlat *
canonical(const BmFlat *s)
{
	uint32 n = bmc_names_count(bm_flat_config(s)), *order = bm_flat_names_order(s);
	BmFlat *c = bm_flat_ordered_names(s, &category_kind, order);

	c = bm_flat_grow(c, n);
	for (uint32 i = 0; i < n; i++)
	{
		uint64 entry[ENTRY_WORDS] = {i, bm_flat_entries(s)[(Size) order[i] * ENTRY_WORDS + COUNT]};

		c = bm_flat_push(c, entry);
	}
	pfree(order);
	return c;
}

/* behav_category_state_final(state) */
BM_FUNCTION(behav_category_state_final);
Datum
behav_category_state_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(bm_flat_trim(canonical(bm_flat_get(PG_GETARG_DATUM(0), &category_kind))));
}

/* ---- reading ---- */

static uint64
total_of(const BmFlat *s)
{
	uint64 total = 0;

	for (int64 i = 0; i < s->n; i++)
		total += bm_flat_entries(s)[(Size) i * ENTRY_WORDS + COUNT];
	return total;
}

/* By count, most first; equal ones in the order of values, which is that of codes. */
static int
compare_counts(const void *x, const void *y)
{
	const uint64 *a = x, *b = y;

	if (a[COUNT] != b[COUNT])
		return a[COUNT] > b[COUNT] ? -1 : 1;
	return a[0] < b[0] ? -1 : a[0] > b[0];
}

/* kind, value, rows, share, categories */
static void
category_row(FunctionCallInfo fcinfo, const char *kind, Datum value, uint64 rows, double all,
			 int64 categories)
{
	bool null[5] = {false, value == (Datum) 0, false, false, false};
	Datum v[5] = {bm_text_datum(kind), value, Int64GetDatum((int64) rows),
				  Float8GetDatum(all > 0 ? (double) rows / all : 0), Int64GetDatum(categories)};

	bm_srf_row(fcinfo, v, null);
}

/* behav_category_stats(state, k): the k most frequent values, then what was cut, then what is missing. */
BM_FUNCTION(behav_category_stats);
Datum
behav_category_stats(PG_FUNCTION_ARGS)
{
	const BmFlat *s = canonical(bm_flat_get(PG_GETARG_DATUM(0), &category_kind));
	int64 k = bm_arg_range_or(fcinfo, 1, "k", 1, MOST_CATEGORIES, 100);
	uint64 total = total_of(s), cut = 0, *entry;
	double all = (double) total + (double) s->ignored;
	char *name = palloc(BM_MAX_NAME);

	entry = palloc_extended(sizeof(uint64) * ENTRY_WORDS * Max(s->n, 1), MCXT_ALLOC_HUGE);
	memcpy(entry, bm_flat_entries(s), sizeof(uint64) * ENTRY_WORDS * s->n);
	qsort(entry, s->n, sizeof(uint64) * ENTRY_WORDS, compare_counts);
	bm_srf_begin(fcinfo);
	for (int64 i = 0; i < s->n; i++)
	{
		const uint64 *e = entry + i * ENTRY_WORDS;
		size_t len = bmc_name_length(bm_flat_config(s), (uint32) e[0]);

		if (i >= k)
		{
			cut += e[COUNT];
			continue;
		}
		bmc_name_bytes(name, bm_flat_config(s), (uint32) e[0]);
		category_row(fcinfo, "category", PointerGetDatum(cstring_to_text_with_len(name, (int) len)),
					 e[COUNT], all, 1);
		CHECK_FOR_INTERRUPTS();
	}
	if (s->n > k)
		category_row(fcinfo, "other", (Datum) 0, cut, all, s->n - k);
	if (s->ignored > 0)
		category_row(fcinfo, "missing", (Datum) 0, (uint64) s->ignored, all, 0);
	return (Datum) 0;
}

/* ---- as a column of a frame ---- */

static const BmFlat *
from_text(const char *text)
{
	LOCAL_FCINFO(call, 1);
	InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
	call->args[0].value = CStringGetDatum(text);
	call->args[0].isnull = false;
	return bm_flat_get(bm_flat_in(call, &category_kind), &category_kind);
}

bool
bm_is_category_state(const char *state)
{
	const char *colon = strchr(state, ':');
	char bytes[8];

	/* behind the prefix the first byte is the kind */
	return colon && strlen(colon) > 4 &&
		   pg_b64_decode(colon + 1, 4, (void *) bytes, sizeof(bytes)) == 3 &&
		   bytes[0] == BM_FLAT_CATEGORY;
}

int64
bm_category_state_rows(const char *state)
{
	const BmFlat *s = from_text(state);

	return (int64) total_of(s) + s->ignored;
}

BmStatus
bm_category_state_fill(BmColumn *column, size_t rows, const char *state)
{
	const BmFlat *s = canonical(from_text(state));
	int64 total = (int64) total_of(s) + s->ignored;
	char *name = palloc(BM_MAX_NAME);
	uint64 upto = 0;
	size_t row = 0;

	for (int64 i = 0; i < s->n; i++)
	{
		size_t len = bmc_name_length(bm_flat_config(s), (uint32) i);
		uint32_t code;
		BmStatus status;

		bmc_name_bytes(name, bm_flat_config(s), (uint32) i);
		status = bmc_dict_put_bytes(&column->dict, name, len, &code);
		if (status != BM_OK)
			return status;
		upto += bm_flat_entries(s)[(Size) i * ENTRY_WORDS + COUNT];
		for (; row < bm_spread(upto, total, rows); row++)
			column->code[row] = code;
	}
	column->missing = rows - row;
	for (; row < rows; row++)
		column->code[row] = BM_NONE;
	return BM_OK;
}
