/*
 * memory.c
 *		Memory and threads for the core: a BmMem over a memory context, the limit of
 *		behavmine.max_memory, and a pool that is joined whatever happens.
 */
#include "pg/pg.h"

#include "core/num/blas.h"
#include "utils/memutils.h"

#include "pg/memory.h"

/* Pools and what they hold start on a cache line of their own. */
#define POOL_ALIGN 64

static bool system_refused; /* the last refusal came from the system, not from our limit */

bool
bm_memory_system_refused(void)
{
	return system_refused;
}

/* "640 kB", "1.5 GB": sizes in messages. */
char *
bm_size_text(size_t bytes)
{
	static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB"};
	double size = (double) bytes;
	int u = 0;

	while (size >= 1024.0 && u < lengthof(unit) - 1)
	{
		size /= 1024.0;
		u++;
	}
	return psprintf(size < 10.0 && u > 0 ? "%.1f %s" : "%.0f %s", size, unit[u]);
}

static void *
context_get(void *arg, size_t bytes)
{
	void *block = NULL;

	if (bytes <= MaxAllocHugeSize)
		block = MemoryContextAllocExtended((MemoryContext) arg, bytes,
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (block == NULL)
		system_refused = true;
	return block;
}

static void
context_put(void *arg, void *block)
{
	pfree(block);
}

void
bm_mem_init(BmMem *mem, MemoryContext context)
{
	memset(mem, 0, sizeof(*mem));
	mem->get = context_get;
	mem->put = context_put;
	mem->arg = context;
	mem->limit = bmc_mul((size_t) bm_max_memory_kb, 1024);
	system_refused = false;
}

void
bm_check_memory(const BmMem *mem, size_t bytes, const char *what, const char *hint)
{
	size_t need = bmc_add(mem->used, bytes);

	if (mem->limit == 0 || need <= mem->limit)
		return;
	if (need == SIZE_MAX)
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("%s needs more memory than any machine has", what),
						errdetail("behavmine.max_memory is %s.", bm_size_text(mem->limit)),
						errhint("%s", hint)));
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("%s needs more memory than behavmine.max_memory allows", what),
			 errdetail("It needs %s (%s of it in use already); behavmine.max_memory is %s.",
					   bm_size_text(need), bm_size_text(mem->used), bm_size_text(mem->limit)),
			 errhint("%s", hint)));
}

static void
open_blas(int threads)
{
	if (bmc_blas_open(threads) == BM_OK)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for matrix products"),
			 errdetail("OpenBLAS needs %s of address space for %d %s, and the system refused it.",
					   bm_size_text(bmc_blas_bytes(threads)), threads,
					   threads == 1 ? "thread" : "threads"),
			 errhint("Lower behavmine.num_threads, or raise the server's limit on virtual memory "
					 "(ulimit -v, vm.overcommit_memory).")));
}

/* Memory-context callback: the threads end before the memory that they may touch goes away. */
static void
join_pool(void *arg)
{
	bmc_pool_close(arg);
}

BmPool *
bm_pool_open(MemoryContext context, int threads, bool blas)
{
	MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof(*callback));
	BmPool *pool;
	char *memory;

	threads = Max(1, Min(threads, BM_MAX_THREADS));
	if (blas)
	{
		open_blas(threads);
		threads = bmc_blas_threads(threads);
	}
	memory = MemoryContextAllocZero(context, bmc_pool_size(threads) + POOL_ALIGN);
	pool = bmc_pool_open((void *) TYPEALIGN(POOL_ALIGN, memory), threads);
	callback->func = join_pool;
	callback->arg = pool;
	MemoryContextRegisterResetCallback(context, callback);
	if (bmc_pool_threads(pool) < threads)
		ereport(
			WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("the system allowed only %d of %d threads", bmc_pool_threads(pool), threads),
			 errdetail("The result is the same; it takes longer."),
			 errhint("Raise the server's limit on processes (ulimit -u, TasksMax), or lower "
					 "behavmine.num_threads.")));
	return pool;
}
