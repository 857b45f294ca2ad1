/*
 * basket.h
 *		Baskets for itemsets and rules: from a source, from a column of arrays, from two columns of a
 *		relation; distinct items, numbered by descending support.
 */
#ifndef BM_BASKET_H
#define BM_BASKET_H

#include "core/mine/itemset.h"
#include "core/num/dict.h"
#include "pg/options.h"

/* What a basket of a source is. */
typedef enum BmPer
{
	BM_PER_AUTO, /* session_id when the source has the column, else session */
	BM_PER_SESSION,
	BM_PER_SESSION_ID,
	BM_PER_USER,
	BM_PER_DAY
} BmPer;

/* Keys of options; which of them a function takes, its tables say. */
typedef struct BmBasketOptions
{
	int per;
	char *of;      /* item, or an attribute of the source */
	Jsonb *events; /* behaviours; null: the purchases, where the source knows behaviours */
	char *time_zone;
	int max_basket; /* items; 0: any */
	int max_rows;
	int min_length, max_length; /* itemsets; max 0: any */
	int max_lhs, max_itemsets;  /* rules; max_lhs 0: any */
} BmBasketOptions;

extern const BmOptionSpec bm_basket_source_options[];
extern const BmOptionSpec bm_basket_options[];
extern const BmOptionSpec bm_itemset_options[];
extern const BmOptionSpec bm_rule_options[];

typedef struct BmBaskets
{
	const char *what; /* for messages: source "shop" */
	BmBasketOptions o;
	MemoryContext context; /* everything lies in it */
	BmMem mem;
	BmWatch watch;
	BmDict *items;
	size_t n, capacity; /* baskets with at least one item */
	size_t *start;      /* (n+1) */
	uint32_t *item;     /* (start[n]) */
	size_t nitems, item_capacity;
	uint64 no_basket, no_item; /* rows (elements of arrays) that were left out */
	uint64 empty, huge;        /* baskets that were left out */
	/* once encoded */
	uint32_t min_support;
	BmSparse sparse;  /* frequent items only, by descending support; rows without one are gone */
	uint32_t *by_key; /* (sparse.cols) place in the order of the keys */
	Datum *text;      /* (sparse.cols) */
} BmBaskets;

/* From where the baskets of a call come: the arguments of a function's variants. */
typedef enum BmBasketInput
{
	BM_BASKETS_SOURCE, /* source; since and until are the last arguments */
	BM_BASKETS_ARRAYS, /* relation, items */
	BM_BASKETS_ROWS    /* relation, basket_id, item_id */
} BmBasketInput;

/* How many arguments name the input. */
#define BM_INPUT_ARGS(input) ((input) == BM_BASKETS_ROWS ? 3 : (input) == BM_BASKETS_ARRAYS ? 2 : 1)

/*
 * Read the baskets that the first arguments name (and, for a source, since and until at position
 * times). options is at position opts; kind_options are the keys of the capability. A call ends with
 * bm_baskets_end.
 */
extern BmBaskets *bm_baskets_begin(FunctionCallInfo fcinfo, BmBasketInput input, int opts,
								   int times, const BmOptionSpec *kind_options);
/* A least support that can be one: 22023 for 0 or less, NaN, and fractions above 1. */
extern double bm_baskets_support(double support);
/* Number the items; those of fewer than min_support baskets go. Share below 1, else a number. */
extern void bm_baskets_encode(BmBaskets *b, double min_support);
extern void bm_baskets_end(BmBaskets *b);
/* Errors for a status of the core: 53400, 54000, 57014. hint: what makes the result smaller. */
extern void bm_baskets_check(BmBaskets *b, BmStatus status, const char *doing, const char *hint);
/* text[] of n codes, in the order of the keys. */
extern Datum bm_baskets_array(const BmBaskets *b, const uint32_t *code, uint32_t n);

/* ---- used by the readers ---- */

extern void bm_baskets_add(BmBaskets *b, uint32_t code); /* to the basket that is open */
extern void bm_baskets_close(BmBaskets *b);
/* n * size bytes from b's memory, or an error. */
extern void *bm_baskets_take(BmBaskets *b, size_t n, size_t size);
extern void bm_baskets_from_source(BmBaskets *b, const char *name, int64 since, int64 until);
extern void bm_baskets_from_arrays(BmBaskets *b, Oid relid, const char *column);
extern void bm_baskets_from_rows(BmBaskets *b, Oid relid, const char *basket, const char *item);

#endif
