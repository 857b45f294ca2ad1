/*
 * basket.c
 *		Baskets: collected, counted, numbered; the options and messages that itemsets and rules share.
 */
#include "pattern/basket.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "event/log.h"
#include "pg/memory.h"

#define OPT(field) offsetof(BmBasketOptions, field)
#define INSERTION 24

const BmOptionSpec bm_basket_source_options[] = {
	{"per", BM_OPT_ENUM, OPT(per), "auto", 0, 0, "auto|session|session_id|user|day",
	 "What a basket is: a user's session, a value of the source's session column, a user, a user's "
	 "day; auto is session_id where the source has that column, else session."},
	{"of", BM_OPT_TEXT, OPT(of), "item", 0, 0, NULL,
	 "What lies in a basket: item, or an attribute of the source."},
	{"events", BM_OPT_JSON, OPT(events), NULL, 0, 0, NULL,
	 "Behaviours that fill a basket, as [\"cart\"], or \"all\"; null: the purchases."},
	{"time_zone", BM_OPT_TEXT, OPT(time_zone), NULL, 0, 0, NULL,
	 "Where a day begins; null: the session's setting TimeZone."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const BmOptionSpec bm_basket_options[] = {
	{"max_basket", BM_OPT_INT, OPT(max_basket), "0", 0, 1000000000, NULL,
	 "Leave out baskets with more items; 0: none. A notice tells how many."},
	{"max_rows", BM_OPT_INT, OPT(max_rows), "1000000", 1, 100000000, NULL,
	 "More rows than this are an error, never a shorter answer."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* ---- collecting ---- */

void *
bm_baskets_take(BmBaskets *b, size_t n, size_t size)
{
	void *block = bmc_alloc(&b->mem, n, size);

	if (block == NULL)
		bm_baskets_check(b, BM_ENOMEM, psprintf("read the baskets of %s", b->what),
						 "read a part of them.");
	return block;
}

static void *
grow(BmBaskets *b, void *block, size_t n, size_t size)
{
	block = bmc_realloc(&b->mem, block, n, size);
	if (block == NULL)
		bm_baskets_check(b, BM_ENOMEM, psprintf("read the baskets of %s", b->what),
						 "read a part of them.");
	return block;
}

void
bm_baskets_add(BmBaskets *b, uint32_t code)
{
	if (b->nitems == b->item_capacity)
	{
		b->item_capacity = bmc_add(bmc_mul(b->item_capacity, 2), 4096);
		b->item = grow(b, b->item, b->item_capacity, sizeof(uint32_t));
	}
	b->item[b->nitems++] = code;
}

static int
compare_codes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

static void
sort_codes(uint32_t *code, size_t n)
{
	if (n > INSERTION)
	{
		qsort(code, n, sizeof(uint32_t), compare_codes);
		return;
	}
	for (size_t i = 1; i < n; i++)
	{
		uint32_t x = code[i];
		size_t j = i;

		for (; j > 0 && code[j - 1] > x; j--)
			code[j] = code[j - 1];
		code[j] = x;
	}
}

/* Sorted, each once; returns how many are left. */
static size_t
distinct_codes(uint32_t *code, size_t n)
{
	size_t kept = 0;

	sort_codes(code, n);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || code[i] != code[i - 1])
			code[kept++] = code[i];
	return kept;
}

/* The basket that is open ends: items once each; an empty or a huge one is counted and forgotten. */
void
bm_baskets_close(BmBaskets *b)
{
	size_t first = b->n > 0 ? b->start[b->n] : 0;
	size_t n = distinct_codes(b->item + first, b->nitems - first);

	if (n == 0 || (b->o.max_basket > 0 && n > (size_t) b->o.max_basket))
	{
		b->empty += n == 0;
		b->huge += n > 0;
		b->nitems = first;
		return;
	}
	if (b->n == b->capacity)
	{
		b->capacity = bmc_add(bmc_mul(b->capacity, 2), 1024);
		b->start = grow(b, b->start, bmc_add(b->capacity, 1), sizeof(size_t));
		b->start[0] = 0;
	}
	b->nitems = first + n;
	b->start[++b->n] = b->nitems;
}

/* ---- a call ---- */

static int64
time_argument(FunctionCallInfo fcinfo, int i, int64 dflt)
{
	return PG_ARGISNULL(i) ? dflt : PG_GETARG_TIMESTAMPTZ(i);
}

static void
append_count(StringInfo s, uint64 n, const char *one, const char *more)
{
	if (n > 0)
		appendStringInfo(s, "%s" UINT64_FORMAT " %s", s->len > 0 ? ", " : "", n,
						 n == 1 ? one : more);
}

static void
tell_left_out(const BmBaskets *b)
{
	StringInfoData s;

	initStringInfo(&s);
	append_count(&s, b->no_basket, "row without a basket", "rows without a basket");
	append_count(&s, b->no_item, "null item", "null items");
	append_count(&s, b->empty, "basket without items", "baskets without items");
	append_count(&s, b->huge, psprintf("basket of more than %d items", b->o.max_basket),
				 psprintf("baskets of more than %d items", b->o.max_basket));
	if (s.len > 0)
		ereport(NOTICE, (errmsg("left out of %s: %s", b->what, s.data)));
}

static void
read_input(BmBaskets *b, FunctionCallInfo fcinfo, BmBasketInput input, int times)
{
	Oid relid;

	if (input == BM_BASKETS_SOURCE)
	{
		bm_baskets_from_source(b, bm_arg_text(fcinfo, 0, "source"),
							   time_argument(fcinfo, times, PG_INT64_MIN),
							   time_argument(fcinfo, times + 1, PG_INT64_MAX));
		return;
	}
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"relation\" must not be null")));
	relid = PG_GETARG_OID(0);
	if (input == BM_BASKETS_ARRAYS)
		bm_baskets_from_arrays(b, relid, bm_arg_text(fcinfo, 1, "items"));
	else
		bm_baskets_from_rows(b, relid, bm_arg_text(fcinfo, 1, "basket_id"),
							 bm_arg_text(fcinfo, 2, "item_id"));
}

BmBaskets *
bm_baskets_begin(FunctionCallInfo fcinfo, BmBasketInput input, int opts, int times,
				 const BmOptionSpec *kind_options)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine baskets", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const BmOptionSpec *specs[3] = {kind_options, bm_basket_options, bm_basket_source_options};
	int nspecs = input == BM_BASKETS_SOURCE ? 3 : 2;
	Jsonb *json = PG_ARGISNULL(opts) ? NULL : PG_GETARG_JSONB_P(opts);
	BmBaskets *b = palloc0(sizeof(BmBaskets));

	b->context = context;
	bm_mem_init(&b->mem, context);
	bm_watch_init(&b->watch, 0);
	bm_options_check(json, specs, nspecs, "itemsets and rules");
	for (int i = 0; i < nspecs; i++)
		bm_options_parse(&b->o, specs[i], json);
	read_input(b, fcinfo, input, times);
	tell_left_out(b);
	if (b->n == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s has no baskets", b->what),
						errdetail("No basket with an item is left.")));
	bm_progress_phase(BM_PHASE_FIT, "itemsets");
	MemoryContextSwitchTo(old);
	return b;
}

void
bm_baskets_end(BmBaskets *b)
{
	bm_progress_end();
	MemoryContextDelete(b->context);
}

void
bm_baskets_check(BmBaskets *b, BmStatus status, const char *doing, const char *hint)
{
	switch (status)
	{
	case BM_ENOMEM:
		if (bm_memory_system_refused())
			break;
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("could not %s within behavmine.max_memory", doing),
						errdetail("behavmine.max_memory is %s; %zu baskets were read.",
								  bm_size_text(b->mem.limit), b->n),
						errhint("Raise it with SET behavmine.max_memory = '%d MB', or %s",
								bm_max_memory_kb / 1024 * 2, hint)));
		break;
	case BM_ELIMIT:
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("cannot %s", doing),
						errdetail("A fixed limit, 2^32 itemsets or items in baskets, is reached."),
						errhint("To make it smaller, %s", hint)));
		break;
	default:
		break;
	}
	bm_check(status, doing, NULL);
}

/* ---- numbering ---- */

static const char support_hint[] =
	"Below 1 it is a share of the baskets, from 1 on a number of baskets.";

double
bm_baskets_support(double support)
{
	if (!(support > 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"min_support\" must be above 0"),
						errdetail("It is %g.", support), errhint("%s", support_hint)));
	if (support >= 1 && support != floor(support))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"min_support\" must be a whole number from 1 on"),
						errdetail("It is %.17g.", support), errhint("%s", support_hint)));
	return support;
}

/* A share below 1, else a number of baskets, as a number. */
static uint32_t
absolute_support(const BmBaskets *b, double support)
{
	double n = (double) b->n, x = support * n;

	if (support > n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"min_support\" is above the number of baskets"),
						errdetail("It is %.17g; %s has %zu baskets.", support, b->what, b->n),
						errhint("%s", support_hint)));
	if (support >= 1)
		return (uint32_t) support;
	/* 0.3 of 730 is 219, also where the product is a hair above */
	return (uint32_t) Max(1.0, ceil(x - x * 1e-12));
}

/* Baskets per code of the dictionary. */
static uint32_t *
count_support(BmBaskets *b)
{
	uint32_t *count = bm_baskets_take(b, b->items->view.n, sizeof(uint32_t));

	memset(count, 0, b->items->view.n * sizeof(uint32_t));
	for (size_t e = 0; e < b->nitems; e++)
		count[b->item[e]]++;
	return count;
}

/* New codes in place; rows without a frequent item go. */
static void
renumber(BmBaskets *b, const uint32_t *code)
{
	size_t rows = 0, at = 0;

	for (size_t r = 0; r < b->n; r++)
	{
		size_t first = at;

		for (size_t e = b->start[r]; e < b->start[r + 1]; e++)
			if (code[b->item[e]] != BM_NONE)
				b->item[at++] = code[b->item[e]];
		if (at == first)
			continue;
		sort_codes(b->item + first, at - first);
		b->start[rows++] = first; /* rows <= r: start[r + 1] is still to be read */
		if ((r & 0xffff) == 0)
			bm_interrupts();
	}
	b->start[rows] = at;
	b->sparse = (BmSparse){rows, b->items->view.n, b->start, b->item, NULL};
}

/* Codes by key: numbers by value, texts by bytes. */
static int
compare_keys(const void *x, const void *y, void *view)
{
	const BmDictView *d = view;
	uint32_t a = *(const uint32_t *) x, b = *(const uint32_t *) y;
	size_t la, lb;
	int c;

	if (d->kind == BM_KEY_INT)
		return d->key[a] < d->key[b] ? -1 : d->key[a] > d->key[b];
	la = d->offset[a + 1] - d->offset[a];
	lb = d->offset[b + 1] - d->offset[b];
	c = memcmp(d->blob + d->offset[a], d->blob + d->offset[b], Min(la, lb));
	return c != 0 ? c : la < lb ? -1 : la > lb;
}

static void
name_items(BmBaskets *b)
{
	const BmDictView *d = &b->items->view;
	MemoryContext old = MemoryContextSwitchTo(b->context);
	uint32_t *order = bm_baskets_take(b, d->n, sizeof(uint32_t));

	b->by_key = bm_baskets_take(b, d->n, sizeof(uint32_t));
	b->text = bm_baskets_take(b, d->n, sizeof(Datum));
	for (uint32_t c = 0; c < d->n; c++)
	{
		order[c] = c;
		b->text[c] = bm_text_datum(bm_dict_text(d, c));
	}
	qsort_arg(order, d->n, sizeof(uint32_t), compare_keys, (void *) d);
	for (uint32_t i = 0; i < d->n; i++)
		b->by_key[order[i]] = i;
	bmc_free(&b->mem, order);
	MemoryContextSwitchTo(old);
}

void
bm_baskets_encode(BmBaskets *b, double min_support)
{
	uint32_t n = b->items->view.n, *count, *code;
	bool *keep;

	if (b->n >= BM_NONE)
		bm_baskets_check(b, BM_ELIMIT, "mine so many baskets", "read a part of them.");
	b->min_support = absolute_support(b, min_support);
	count = count_support(b);
	code = bm_baskets_take(b, n, sizeof(uint32_t));
	keep = bm_baskets_take(b, n, sizeof(bool));
	for (uint32_t c = 0; c < n; c++)
		keep[c] = count[c] >= b->min_support;
	bm_baskets_check(b, bmc_dict_order(b->items, count, keep, code), "number the items",
					 "read a part of the baskets.");
	bmc_free(&b->mem, count);
	bmc_free(&b->mem, keep);
	renumber(b, code);
	bmc_free(&b->mem, code);
	name_items(b);
}

/* ---- answers ---- */

Datum
bm_baskets_array(const BmBaskets *b, const uint32_t *code, uint32_t n)
{
	Datum *value = palloc(sizeof(Datum) * Max(n, 1));
	uint32_t *by = palloc(sizeof(uint32_t) * Max(n, 1));

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t j = i;

		for (; j > 0 && b->by_key[by[j - 1]] > b->by_key[code[i]]; j--)
			by[j] = by[j - 1];
		by[j] = code[i];
	}
	for (uint32_t i = 0; i < n; i++)
		value[i] = b->text[by[i]];
	return PointerGetDatum(construct_array(value, (int) n, TEXTOID, -1, false, TYPALIGN_INT));
}
