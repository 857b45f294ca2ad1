/*
 * itemsets.c
 *		behav_itemsets and its variants for plain data.
 */
#include "pattern/basket.h"

#include <math.h>

#include "utils/memutils.h"

#define OPT(field) offsetof(BmBasketOptions, field)
#define ROWS_PER_RESET 1024

const BmOptionSpec bm_itemset_options[] = {
	{"min_length", BM_OPT_INT, OPT(min_length), "1", 1, 1000000, NULL,
	 "Return itemsets of at least so many items."},
	{"max_length", BM_OPT_INT, OPT(max_length), "0", 0, 1000000, NULL,
	 "Return itemsets of at most so many items; 0: any."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char smaller[] =
	"raise min_support, set k or the option max_length, or ask for kind => 'closed'.";

static BmItemsetKind
kind_argument(FunctionCallInfo fcinfo, int i)
{
	static const char *const kinds[] = {"all", "closed", "maximal"};
	char *word = bm_arg_text(fcinfo, i, "kind");
	const char *near;

	for (int k = 0; k < lengthof(kinds); k++)
		if (strcmp(word, kinds[k]) == 0)
			return (BmItemsetKind) k;
	near = bm_nearest(word, kinds, lengthof(kinds));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"kind\" cannot be \"%s\"", word),
			 errdetail("It is one of \"all\", \"closed\", \"maximal\"."),
			 near ? errhint("Perhaps you meant \"%s\".", near) : 0));
}

/* One row more than may be returned was asked for: a shorter answer would look like a whole one. */
static void
check_rows(const BmBaskets *b, const BmItemsets *s)
{
	uint32_t next;

	if (s->n <= (size_t) b->o.max_rows)
		return;
	next = s->count[b->o.max_rows];
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s has more than %d itemsets", b->what, b->o.max_rows),
			 errdetail("The best %d lie in at least %u of %zu baskets each, and so does the next; "
					   "min_support is %u.",
					   b->o.max_rows, next, b->n, b->min_support),
			 errhint("Raise min_support above %u, set k or the option max_length, ask for kind => "
					 "'closed', or raise the option max_rows.",
					 next)));
}

static void
put_rows(FunctionCallInfo fcinfo, const BmBaskets *b, const BmItemsets *s)
{
	MemoryContext context =
		AllocSetContextCreate(b->context, "behavmine rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool nulls[3] = {false};

	for (size_t i = 0; i < s->n; i++)
	{
		Datum values[3] = {bm_baskets_array(b, s->item + s->start[i], bmc_itemset_length(s, i)),
						   Int64GetDatum(s->count[i]),
						   Float8GetDatum((double) s->count[i] / (double) b->n)};

		bm_srf_row(fcinfo, values, nulls);
		if (i % ROWS_PER_RESET == 0)
		{
			MemoryContextReset(context);
			bm_interrupts();
		}
	}
	MemoryContextSwitchTo(old);
}

/* Arguments after the input: min_support, kind, k, options[, since, until]. */
static Datum
itemsets(FunctionCallInfo fcinfo, BmBasketInput input)
{
	int a = BM_INPUT_ARGS(input);
	BmItemsetOptions o = {0};
	BmItemsets s;
	BmBaskets *b;
	double support;

	o.kind = kind_argument(fcinfo, a + 1);
	o.top = (size_t) bm_arg_range_or(fcinfo, a + 2, "k", 1, PG_INT32_MAX, 0);
	/* the k best of all, or what lies in one basket of a hundred */
	support = bm_baskets_support(!PG_ARGISNULL(a) ? PG_GETARG_FLOAT8(a) : o.top ? 1.0 : 0.01);
	bm_srf_begin(fcinfo);
	b = bm_baskets_begin(fcinfo, input, a + 3, a + 4, bm_itemset_options);
	bm_baskets_encode(b, support);
	o.min_support = b->min_support;
	o.min_length = (uint32_t) b->o.min_length;
	o.max_length = b->o.max_length > 0 ? (uint32_t) b->o.max_length : UINT32_MAX;
	if (o.top == 0 || o.top > (size_t) b->o.max_rows)
		o.top = (size_t) b->o.max_rows + 1;
	bm_baskets_check(b, bmc_itemsets_mine(&s, &b->sparse, &o, &b->mem, &b->watch.stop),
					 psprintf("find the itemsets of %s", b->what), smaller);
	check_rows(b, &s);
	put_rows(fcinfo, b, &s);
	bm_baskets_end(b);
	return (Datum) 0;
}

/* behav_itemsets(source text, min_support, kind, k, options, since, until): itemset, n, support */
BM_FUNCTION(behav_itemsets);
Datum
behav_itemsets(PG_FUNCTION_ARGS)
{
	return itemsets(fcinfo, BM_BASKETS_SOURCE);
}

/* behav_itemsets_arrays(relation regclass, items name, min_support, kind, k, options) */
BM_FUNCTION(behav_itemsets_arrays);
Datum
behav_itemsets_arrays(PG_FUNCTION_ARGS)
{
	return itemsets(fcinfo, BM_BASKETS_ARRAYS);
}

/* behav_itemsets_rows(relation regclass, basket_id name, item_id name, min_support, kind, k, options) */
BM_FUNCTION(behav_itemsets_rows);
Datum
behav_itemsets_rows(PG_FUNCTION_ARGS)
{
	return itemsets(fcinfo, BM_BASKETS_ROWS);
}
