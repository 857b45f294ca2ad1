/*
 * itemset_miner.h
 *		The depth-first search of itemset.c, and what closed and maximal itemsets add to it.
 */
#ifndef BM_ITEMSET_MINER_H
#define BM_ITEMSET_MINER_H

#include "core/mine/itemset_search.h"

/* A maximal itemset on its way through the items of a level that it holds. */
typedef struct BmHolder
{
	uint32_t set;  /* row of out */
	uint32_t at;   /* index of the level's item in the set; smaller items are before it */
	uint32_t next; /* of the same item, or BM_NONE */
} BmHolder;

typedef struct BmLevel
{
	BmBranch branch;
	BmStackMark mark;  /* of the stack before it */
	uint32_t head;     /* items of the head */
	uint32_t next;     /* items of the tail still to be tried */
	uint32_t *holders; /* maximal: (n) sets that hold the head, by their next item of the tail */
	uint32_t pending;  /* maximal: those of the item being tried */
	size_t found;      /* maximal: sets known when it was begun */
	size_t pool;       /* maximal: holders in use before the level */
} BmLevel;

typedef struct BmMiner BmMiner;
struct BmMiner
{
	BmSearch s;
	BmItemsets *out;
	BmStatus (*enter)(BmMiner *m, BmLevel *l, uint32_t i);
	bool ascending; /* tails from the front: the frequent first, so that bounds rise early */
	BmLevel *level;
	size_t depth, level_capacity;
	uint32_t *head; /* (longest basket) items of the head, as they joined */
	/* top: an itemset may enter when it is more frequent, or as frequent and not longer */
	uint32_t bound_count, bound_length;
	size_t bound; /* all: row of the k-th best, or SIZE_MAX while there is none */
	size_t shrink_at;
	/* closed: rows of out by the signature of their baskets */
	uint64_t *signature; /* (capacity) */
	size_t signature_capacity, nslots;
	uint32_t *slot;
	/* maximal */
	BmHolder *holder;
	size_t nholders, holder_capacity;
	uint8_t *mark; /* (cols) */
};

static inline uint32_t
bmc_support_at(const BmBranch *b, uint32_t i)
{
	return b->support[b->flat ? 0 : i];
}

static inline bool
bmc_length_wanted(const BmItemsetOptions *o, const BmItemsets *s, size_t i)
{
	uint32_t length = bmc_itemset_length(s, i);

	return length >= o->min_length && length <= o->max_length;
}

/* ---- itemset.c ---- */

/* The branch of parent's head with the i-th item of its tail. */
extern BmStatus bmc_miner_project(BmMiner *m, BmBranch *child, const BmBranch *parent, uint32_t i,
								  bool leaf);
/* The next level, with the branch and its head of so many items; moves m->level. */
extern BmStatus bmc_miner_push(BmMiner *m, const BmBranch *branch, BmStackMark mark, uint32_t head);
/* The first length items of the head are a result. */
extern BmStatus bmc_miner_put(BmMiner *m, uint32_t length, uint32_t support);

/* ---- itemset_closed.c ---- */

extern BmStatus bmc_closed_enter(BmMiner *m, BmLevel *l, uint32_t i);
/* A table of signatures for at least rows rows, with those of out in it. */
extern BmStatus bmc_closed_slots(BmMiner *m, size_t rows);

/* ---- itemset_maximal.c ---- */

extern BmStatus bmc_maximal_enter(BmMiner *m, BmLevel *l, uint32_t i);
extern BmStatus bmc_maximal_begin(BmMiner *m, BmLevel *l);
/* Item l->next has been tried: its holders and the sets found meanwhile go on to smaller items. */
extern BmStatus bmc_maximal_settle(BmMiner *m, BmLevel *l);

#endif
