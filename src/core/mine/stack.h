/*
 * stack.h
 *		A stack of memory for depth-first searches: take, mark, release to the mark. Grows by chunks,
 *		which are kept until the end.
 */
#ifndef BM_STACK_H
#define BM_STACK_H

#include "core/num/mem.h"

#define BM_STACK_CHUNKS 48

typedef struct BmStack
{
	BmMem *mem;
	BmArena chunk[BM_STACK_CHUNKS];
	int n;   /* chunks there are */
	int top; /* the one in use */
} BmStack;

typedef struct BmStackMark
{
	int top;
	size_t used;
} BmStackMark;

extern void bmc_stack_init(BmStack *stack, BmMem *mem);
/* n * size bytes, 64-byte aligned, not zeroed; NULL when mem refuses. */
extern void *bmc_stack_take(BmStack *stack, size_t n, size_t size);
extern BmStackMark bmc_stack_mark(const BmStack *stack);
extern void bmc_stack_release(BmStack *stack, BmStackMark mark);
extern void bmc_stack_free(BmStack *stack);

#endif
