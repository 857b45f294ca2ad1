/*
 * itemset_search.h
 *		Shared by the files of the itemset miner: a branch of the search, and the two ways to keep
 *		the baskets of a branch.
 */
#ifndef BM_ITEMSET_SEARCH_H
#define BM_ITEMSET_SEARCH_H

#include "core/mine/itemset.h"
#include "core/mine/stack.h"

/*
 * The baskets that hold a head, and its tail: the items, all less than the head's last one, that are
 * frequent together with it. Everything lies on the search's stack.
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
	uint64_t *bits;       /* bits: (n, words) baskets that hold head and item */
	uint32_t *word_id;    /* bits: (words) which word of the root this was */
	bool root;
} BmBranch;

/* Scratch of the engines, for the widest branch: the root. Clean between projections. */
typedef struct BmTreeScratch
{
	uint32_t *sum;      /* (nodes) baskets of the branch below a node */
	uint64_t *sum_sig;  /* (nodes) or NULL */
	uint32_t *alias;    /* (nodes) its node in the new tree, or BM_NONE: not touched */
	uint32_t *next;     /* (nodes) the next touched one of the same item */
	uint32_t *seen;     /* (nodes) of the new tree: the child made last */
	uint32_t *list;     /* (tail) first touched node of an item, or BM_NONE */
	uint32_t *support;  /* (tail) */
	uint64_t *touched;  /* (tail bits) items with touched nodes */
	uint32_t *frequent; /* (tail) */
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
	uint32_t *count;   /* bits: (cols) */
	uint32_t *nonzero; /* bits: (words) */
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
 * root: the branch of the empty head, and scratch. project: the branch of parent's head with the i-th
 * item of its tail; with leaf only codes and supports are filled. On return with an error the stack
 * may hold more than before.
 */
extern BmStatus bmc_tree_root(BmSearch *s, BmBranch *root, const uint32_t *support);
extern BmStatus bmc_tree_project(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i,
								 bool leaf);
extern void bmc_tree_free(BmSearch *s);
extern BmStatus bmc_bits_root(BmSearch *s, BmBranch *root, const uint32_t *support);
extern BmStatus bmc_bits_project(BmSearch *s, BmBranch *child, const BmBranch *parent, uint32_t i,
								 bool leaf);
extern void bmc_bits_free(BmSearch *s);

#endif
