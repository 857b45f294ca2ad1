/*
 * mem.h
 *		Memory that the caller hands to the core: a counting allocator with a limit, and an arena
 *		carved out of one block.
 *
 * Only the calling (leader) thread allocates; pool threads work on memory taken before they start.
 */
#ifndef BM_MEM_H
#define BM_MEM_H

#include "core/num/status.h"

/* get() answers NULL when it cannot; it never raises. limit 0 = no limit. */
typedef struct BmMem
{
	void *(*get)(void *arg, size_t bytes);
	void (*put)(void *arg, void *block);
	void *arg;
	size_t used;  /* bytes now, headers included */
	size_t peak;  /* bytes at most so far */
	size_t limit; /* bytes; a request beyond it answers NULL */
} BmMem;

/* n * size bytes, 64-byte aligned, not zeroed; NULL on overflow, over the limit, or no memory. */
extern void *bmc_alloc(BmMem *mem, size_t n, size_t size);
extern void *bmc_alloc0(BmMem *mem, size_t n, size_t size);
/* Grow or shrink; on NULL the old block is still valid. block may be NULL. */
extern void *bmc_realloc(BmMem *mem, void *block, size_t n, size_t size);
extern void bmc_free(BmMem *mem, void *block); /* NULL is fine */

/* malloc-backed BmMem for unit tests and benchmarks (defined in test/unit/unit.h, not in the core). */

/*
 * A cursor through one block. A take beyond the end answers NULL. Everything is 64-byte aligned. Without
 * a base (BM_COUNTING_ARENA) takes only add up: used is what they need, SIZE_MAX on overflow.
 */
typedef struct BmArena
{
	char *base;
	size_t size;
	size_t used;
} BmArena;

#define BM_COUNTING_ARENA ((BmArena){NULL, SIZE_MAX, 0})

extern void *bmc_take(BmArena *arena, size_t n, size_t size);
/* What bmc_take(n, size) uses: for adding up sizes beforehand. SIZE_MAX on overflow. */
extern size_t bmc_take_size(size_t n, size_t size);
/* a + b and a * b, SIZE_MAX on overflow (SIZE_MAX stays SIZE_MAX). */
extern size_t bmc_add(size_t a, size_t b);
extern size_t bmc_mul(size_t a, size_t b);

#endif
