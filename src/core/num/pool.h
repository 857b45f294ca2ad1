/*
 * pool.h
 *		A small pthread pool over numbered tasks of pure core code.
 *
 * All signals are blocked in the workers; they are joined in bmc_pool_close. Tasks are numbered
 * shards fixed by the caller, never by the thread count, so that sums taken per shard and added in
 * shard order are the same bits with 1 or 8 threads.
 */
#ifndef BM_POOL_H
#define BM_POOL_H

#include "core/num/status.h"

#define BM_MAX_THREADS 64

typedef struct BmPool BmPool;

/* task: 0..ntasks-1; worker: 0..threads-1 (0 is the caller), to pick a private scratch area. */
typedef void (*BmTask)(void *arg, size_t task, int worker);

extern size_t bmc_pool_size(int threads);
/*
 * Start up to threads-1 workers in memory of bmc_pool_size(threads) bytes. Fewer start when the
 * system refuses them; bmc_pool_threads says how many run, the caller included (at least 1).
 * Each worker first calls bmc_blas_thread_start() (see blas.h).
 */
extern BmPool *bmc_pool_open(void *memory, int threads);
extern int bmc_pool_threads(const BmPool *pool);
/*
 * Run every task once; the caller works too, asks stop between its tasks, and while it waits in
 * slices of at most 50 ms. BM_ESTOP: no task is running any more, some never ran. A NULL pool runs
 * all in the caller.
 */
extern BmStatus bmc_pool_run(BmPool *pool, BmTask task, void *arg, size_t ntasks,
							 const BmStop *stop);
/* Join the workers. Safe on NULL, and twice. Must be called before the memory goes away. */
extern void bmc_pool_close(BmPool *pool);

#endif
