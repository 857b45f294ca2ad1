/*
 * itemset_search.h
 *		Shared by the files of the itemset miner: a branch of the search, and the two ways to keep
 *		the baskets of a branch.
 */
#ifndef BM_ITEMSET_SEARCH_H
#define BM_ITEMSET_SEARCH_H

#include "core/mine/itemset.h"
#include "core/mine/stack.h"
#include "core/num/rng.h"

/*
 * The baskets that hold a head, and its tail: the items, all less than the head's last one, that are
 * frequent together with it. Everything lies on the search's stack. The root is kept as the baskets
 * themselves, a branch of one item as a tree or as bits, and so its branches.
 */
typedef struct BmBranch
{
	uint32_t n;           /* tail */
	uint32_t *code;       /* (n) ascending */
	uint32_t *support;    /* (n) of head and item */
	uint64_t *signature;  /* (n) of the baskets that hold head and item; NULL unless wanted */
	uint32_t nperfect;    /* items that are in every basket of the head: not in the tail */
	uint32_t *perfect;    /* (nperfect) ascending */
	bool path;            /* the tail is nested: what holds an item holds those before it */
	bool flat;            /* and all of it has support[0]: a branch of a path */
	uint32_t *first;      /* tree: (n+1) nodes of an item are first[j] .. first[j+1]-1; 0: root */
	uint32_t *item, *up;  /* tree: (nodes) index into the tail; the node above */
	uint32_t *weight;     /* tree: (nodes) baskets */
	uint64_t *weight_sig; /* tree: (nodes) sum of the baskets' numbers, mixed; or NULL */
	size_t words;         /* bits: a row's length */
	uint64_t *bits;       /* bits: (n, words) baskets that hold head and item; else NULL */
	uint32_t *word_id;    /* bits: (words) which word of the one-item branch this was */
	uint64_t *basket_sig; /* bits: numbers, mixed, of the baskets of the one-item branch; or NULL */
	bool root;
} BmBranch;

/* Scratch of trees, for the widest one. Clean between projections. */
typedef struct BmTreeScratch
{
	size_t nodes, items; /* room */
	uint32_t *sum;       /* (nodes) baskets of the branch below a node */
	uint64_t *sum_sig;   /* (nodes) or NULL */
	uint32_t *alias;     /* (nodes) its node in the new tree, or BM_NONE: not touched */
	uint32_t *next;      /* (nodes) the next touched one of the same item */
	uint32_t *seen;      /* (nodes) of the new tree: the child made last */
	uint32_t *list;      /* (tail) first touched node of an item, or BM_NONE */
	uint32_t *support;   /* (tail) */
	uint64_t *touched;   /* (tail bits) items with touched nodes */
	uint32_t *frequent;  /* (tail) */
} BmTreeScratch;

typedef struct BmSearch
{
	const BmSparse *baskets;
	const BmItemsetOptions *options;
	const BmStop *stop;
	BmMem *mem;
	BmStack stack;
	uint32_t min_support; /* of the options; rises with top */
	bool signatures;      /* wanted: closed */
	bool absorb;          /* perfect items leave the tail: closed and maximal */
	size_t work;          /* since stop was asked */
	BmTreeScratch tree;
	BmSparse by_item;  /* baskets, transposed */
	uint32_t *count;   /* (cols) of the root: items beside one, else 0 */
	uint32_t *place;   /* (cols) of the root: where an item is in the tail, else BM_NONE */
	uint32_t *nonzero; /* bits: (room) */
	size_t nonzero_room;
} BmSearch;

/* Do some work; true: stop now. A unit is about a nanosecond or two. */
static inline bool
bmc_search_stop(BmSearch *s, size_t work)
{
	s->work += work;
	if (s->work < (size_t) 1 << 22)
		return false;
	s->work = 0;
	return bmc_stop(s->stop);
}

/*
 * The branch of parent's head with the i-th item of its tail. With leaf only codes and supports are
 * filled. On return with an error the stack may hold more than before.
 */
extern BmStatus bmc_root_project(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i,
								 bool leaf);
extern BmStatus bmc_tree_project(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i,
								 bool leaf);
extern BmStatus bmc_bits_project(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i,
								 bool leaf);

/* The branch of the empty head. support: (cols). */
extern BmStatus bmc_root_open(BmSearch *s, BmBranch *root, const uint32_t *support);
extern void bmc_root_free(BmSearch *s);
/*
 * A one-item branch, its tail filled, as a tree or as bits. basket (nbaskets) are those that hold the
 * item; s->place tells where an item stands in the tail.
 */
extern BmStatus bmc_tree_make(BmSearch *s, BmBranch *b, const uint32_t *basket, size_t nbaskets);
extern BmStatus bmc_bits_make(BmSearch *s, BmBranch *b, const uint32_t *basket, size_t nbaskets);
extern void bmc_tree_free(BmSearch *s);
extern void bmc_bits_free(BmSearch *s);

/* Arrays of a tail of n items and nperfect perfect ones; n stays 0 until they are filled. */
extern BmStatus bmc_branch_take(BmSearch *s, BmBranch *b, uint32_t n, uint32_t nperfect);

/* What a basket adds to the signature of a set of baskets: sums are equal for equal sets. */
static inline uint64_t
bmc_basket_signature(uint32_t basket)
{
	return bmc_mix64(basket);
}

#endif
