/*
 * mem.c
 *		The counting allocator and the arena. Each block carries a 64-byte header with its size, so
 *		that the count is right when it is freed and the data are aligned for vector loads.
 */
#include <string.h>

#include "core/num/mem.h"

#define ALIGNMENT 64

typedef struct Header
{
	void *raw;    /* what get() answered */
	size_t bytes; /* data */
	size_t total; /* taken from get() */
} Header;

size_t
bmc_add(size_t a, size_t b)
{
	return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

size_t
bmc_mul(size_t a, size_t b)
{
	return a != 0 && b > SIZE_MAX / a ? SIZE_MAX : a * b;
}

static Header *
header_of(void *block)
{
	return (Header *) ((char *) block - ALIGNMENT);
}

void *
bmc_alloc(BmMem *mem, size_t n, size_t size)
{
	size_t bytes = bmc_mul(n, size);
	size_t total = bmc_add(bytes, 2 * ALIGNMENT);
	uintptr_t at;
	void *raw;
	Header *h;

	if (total == SIZE_MAX ||
		(mem->limit != 0 && (mem->used > mem->limit || total > mem->limit - mem->used)))
		return NULL;
	raw = mem->get(mem->arg, total);
	if (raw == NULL)
		return NULL;
	at = ((uintptr_t) raw + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT;
	h = header_of((void *) at);
	h->raw = raw;
	h->bytes = bytes;
	h->total = total;
	mem->used += total;
	if (mem->used > mem->peak)
		mem->peak = mem->used;
	return (void *) at;
}

void *
bmc_alloc0(BmMem *mem, size_t n, size_t size)
{
	void *block = bmc_alloc(mem, n, size);

	if (block)
		memset(block, 0, n * size);
	return block;
}

void *
bmc_realloc(BmMem *mem, void *block, size_t n, size_t size)
{
	void *grown = bmc_alloc(mem, n, size);

	if (grown == NULL || block == NULL)
		return grown;
	memcpy(grown, block, header_of(block)->bytes < n * size ? header_of(block)->bytes : n * size);
	bmc_free(mem, block);
	return grown;
}

void
bmc_free(BmMem *mem, void *block)
{
	Header *h;

	if (block == NULL)
		return;
	h = header_of(block);
	mem->used -= h->total;
	mem->put(mem->arg, h->raw);
}

size_t
bmc_take_size(size_t n, size_t size)
{
	size_t bytes = bmc_mul(n, size);

	return bytes > SIZE_MAX - ALIGNMENT ? SIZE_MAX
										: (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *
bmc_take(BmArena *arena, size_t n, size_t size)
{
	size_t bytes = bmc_take_size(n, size);
	void *block;

	if (bytes == SIZE_MAX || bytes > arena->size - arena->used)
	{
		arena->used = arena->base ? arena->used : SIZE_MAX;
		return NULL;
	}
	block = arena->base ? arena->base + arena->used : NULL;
	arena->used += bytes;
	return block;
}
