/*
 * itemset.h
 *		Frequent itemsets: which items lie together in at least min_support baskets.
 *
 * The support of an itemset is the number of baskets that contain all of it. It is closed when no
 * larger itemset has its support, and maximal when no larger itemset is frequent (Pasquier et al.
 * 1999, Bayardo 1998); both are decided whatever the lengths that are asked for.
 */
#ifndef BM_ITEMSET_H
#define BM_ITEMSET_H

#include "core/num/mem.h"
#include "core/num/sparse.h"

typedef enum BmItemsetKind
{
	BM_ITEMSETS_ALL,
	BM_ITEMSETS_CLOSED,
	BM_ITEMSETS_MAXIMAL
} BmItemsetKind;

/* How the baskets of a branch are kept: see itemset_tree.c and itemset_bits.c. Same results. */
typedef enum BmItemsetEngine
{
	BM_ENGINE_AUTO,
	BM_ENGINE_TREE,
	BM_ENGINE_BITS
} BmItemsetEngine;

typedef struct BmItemsetOptions
{
	BmItemsetKind kind;
	uint32_t min_support; /* baskets, at least 1 */
	uint32_t min_length;  /* items, at least 1 */
	uint32_t max_length;  /* UINT32_MAX: any */
	size_t top;           /* only the best of the order below; 0: all */
	size_t most;          /* more itemsets than this is BM_ELIMIT; 0: memory is the limit */
	BmItemsetEngine engine;
} BmItemsetOptions;

/* Itemsets in compressed rows. Codes ascend within an itemset. */
typedef struct BmItemsets
{
	BmMem *mem;
	size_t n;
	size_t *start;   /* (n+1) */
	uint32_t *item;  /* (start[n]) */
	uint32_t *count; /* (n) support */
	size_t capacity, item_capacity;
	size_t nslots; /* index by content, see bmc_itemsets_index; 0: none */
	uint32_t *slot;
} BmItemsets;

/*
 * Mine baskets: rows of col codes below cols, strictly ascending in a row, numbered by descending
 * support (the speed depends on it, the result only through the order). out is set up here; its order
 * is total: support descending, then length ascending, then codes ascending. At most 2^32 - 2
 * baskets and 2^31 codes. BM_EINVAL, BM_ELIMIT, BM_ENOMEM, BM_ESTOP: out is freed.
 */
extern BmStatus bmc_itemsets_mine(BmItemsets *out, const BmSparse *baskets,
								  const BmItemsetOptions *options, BmMem *mem, const BmStop *stop);

/* ---- the store (itemset_store.c) ---- */

extern void bmc_itemsets_init(BmItemsets *s, BmMem *mem);
extern void bmc_itemsets_free(BmItemsets *s);
/* Append; the codes may come in any order, each once. */
extern BmStatus bmc_itemsets_put(BmItemsets *s, const uint32_t *item, uint32_t length,
								 uint32_t count);
/* Keep those that keep (n) tells, in their order. */
extern void bmc_itemsets_compact(BmItemsets *s, const bool *keep);
/* Bring s into its order. */
extern BmStatus bmc_itemsets_sort(BmItemsets *s, const BmStop *stop);
/* By content: build the index once s is complete, then find; codes ascend. BM_NONE if absent. */
extern BmStatus bmc_itemsets_index(BmItemsets *s, const BmStop *stop);
extern uint32_t bmc_itemsets_find(const BmItemsets *s, const uint32_t *item, uint32_t length);

static inline uint32_t
bmc_itemset_length(const BmItemsets *s, size_t i)
{
	return (uint32_t) (s->start[i + 1] - s->start[i]);
}

#endif
