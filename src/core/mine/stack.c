/*
 * stack.c
 *		A stack of memory: chunks of doubling size, each filled from its start. A request that does
 *		not fit the rest of a chunk goes to the next one that can hold it.
 */
#include <string.h>

#include "core/mine/stack.h"

#define FIRST_CHUNK ((size_t) 1 << 18) /* bytes; a small database needs no more */

void
bmc_stack_init(BmStack *stack, BmMem *mem)
{
	memset(stack, 0, sizeof(*stack));
	stack->mem = mem;
	stack->top = -1;
}

/* A new last chunk that holds at least bytes, twice the one before. */
static bool
add_chunk(BmStack *stack, size_t bytes)
{
	size_t size = stack->n > 0 ? bmc_mul(2, stack->chunk[stack->n - 1].size) : FIRST_CHUNK;
	char *base;

	if (stack->n == BM_STACK_CHUNKS)
		return false;
	if (size < bytes)
		size = bytes;
	base = bmc_alloc(stack->mem, size, 1);
	if (base == NULL && size > bytes)
	{
		size = bytes; /* near the limit: no more than is asked for */
		base = bmc_alloc(stack->mem, size, 1);
	}
	if (base == NULL)
		return false;
	stack->chunk[stack->n++] = (BmArena){base, size, 0};
	return true;
}

void *
bmc_stack_take(BmStack *stack, size_t n, size_t size)
{
	size_t bytes = bmc_take_size(n, size);

	if (bytes == SIZE_MAX)
		return NULL;
	if (stack->top >= 0)
	{
		void *block = bmc_take(&stack->chunk[stack->top], n, size);

		if (block)
			return block;
	}
	for (int next = stack->top + 1; next < stack->n; next++)
	{
		stack->chunk[next].used = 0;
		if (stack->chunk[next].size >= bytes)
		{
			stack->top = next;
			return bmc_take(&stack->chunk[next], n, size);
		}
	}
	if (!add_chunk(stack, bytes))
		return NULL;
	stack->top = stack->n - 1;
	return bmc_take(&stack->chunk[stack->top], n, size);
}

BmStackMark
bmc_stack_mark(const BmStack *stack)
{
	return (BmStackMark){stack->top, stack->top >= 0 ? stack->chunk[stack->top].used : 0};
}

void
bmc_stack_release(BmStack *stack, BmStackMark mark)
{
	stack->top = mark.top;
	if (mark.top >= 0)
		stack->chunk[mark.top].used = mark.used;
}

void
bmc_stack_free(BmStack *stack)
{
	for (int i = stack->n - 1; i >= 0; i--)
		bmc_free(stack->mem, stack->chunk[i].base);
	stack->n = 0;
	stack->top = -1;
}
