/*
 * pool.c
 *		A pthread pool. Tasks are claimed from an atomic counter; what a task computes depends on its
 *		number alone, so the order of claiming does not matter.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "core/num/blas.h"
#include "core/num/pool.h"

/* Looks before sleeping: a few microseconds, since a machine may have other work. */
#define SPINS 2000
#define WAIT_NS 20000000L /* the caller's slice between two looks at stop */

typedef struct Worker
{
	BmPool *pool;
	pthread_t thread;
	int number;
} Worker;

struct BmPool
{
	int threads; /* the caller included */
	bool closed;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* a new run, or quit */
	pthread_cond_t done; /* the last worker left the run */
	atomic_uint run;     /* number of the current run; workers wait for it to change */
	atomic_bool quit;
	atomic_bool stopped;
	atomic_int active; /* workers inside the current run */
	atomic_size_t next;
	size_t ntasks;
	BmTask task;
	void *arg;
	Worker worker[];
};

size_t
bmc_pool_size(int threads)
{
	return sizeof(BmPool) + sizeof(Worker) * (size_t) (threads > 1 ? threads - 1 : 0);
}

int
bmc_pool_threads(const BmPool *pool)
{
	return pool ? pool->threads : 1;
}

/* Claim and run tasks until there are none; the caller passes stop, workers NULL. */
static void
work(BmPool *pool, int worker, const BmStop *stop)
{
	while (!atomic_load_explicit(&pool->stopped, memory_order_relaxed))
	{
		size_t task = atomic_fetch_add(&pool->next, 1);

		if (task >= pool->ntasks)
			return;
		pool->task(pool->arg, task, worker);
		if (bmc_stop(stop))
			atomic_store(&pool->stopped, true);
	}
}

static void
wait_for_run(BmPool *pool, unsigned seen)
{
	for (int i = 0; i < SPINS; i++)
		if (atomic_load(&pool->run) != seen)
			return;
	pthread_mutex_lock(&pool->lock);
	while (atomic_load(&pool->run) == seen)
		pthread_cond_wait(&pool->wake, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

static void *
worker_main(void *arg)
{
	Worker *self = arg;
	BmPool *pool = self->pool;
	unsigned seen = 0;

	bmc_blas_thread_start();
	for (;;)
	{
		wait_for_run(pool, seen);
		seen = atomic_load(&pool->run);
		if (atomic_load(&pool->quit))
			return NULL;
		work(pool, self->number, NULL);
		if (atomic_fetch_sub(&pool->active, 1) == 1)
		{
			pthread_mutex_lock(&pool->lock);
			pthread_cond_signal(&pool->done);
			pthread_mutex_unlock(&pool->lock);
		}
	}
}

/* Wake everybody for a new run (or to quit). */
static void
start_run(BmPool *pool)
{
	pthread_mutex_lock(&pool->lock);
	atomic_store(&pool->active, pool->threads - 1);
	atomic_fetch_add(&pool->run, 1);
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
}

BmPool *
bmc_pool_open(void *memory, int threads)
{
	BmPool *pool = memory;
	sigset_t all, old;

	memset(pool, 0, bmc_pool_size(threads));
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	pthread_cond_init(&pool->done, NULL);
	pool->threads = 1;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (int i = 1; i < threads; i++)
	{
		Worker *w = &pool->worker[i - 1];

		w->pool = pool;
		w->number = i;
		if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
			break;
		pool->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pool;
}

/* Until the last worker has left the run, looking at stop between slices. */
static void
wait_for_workers(BmPool *pool, const BmStop *stop)
{
	for (int i = 0; i < SPINS; i++)
		if (atomic_load(&pool->active) == 0)
			return;
	pthread_mutex_lock(&pool->lock);
	while (atomic_load(&pool->active) > 0)
	{
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += WAIT_NS;
		if (until.tv_nsec >= 1000000000L)
		{
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		if (pthread_cond_timedwait(&pool->done, &pool->lock, &until) == ETIMEDOUT && bmc_stop(stop))
			atomic_store(&pool->stopped, true);
	}
	pthread_mutex_unlock(&pool->lock);
}

BmStatus
bmc_pool_run(BmPool *pool, BmTask task, void *arg, size_t ntasks, const BmStop *stop)
{
	if (pool == NULL || pool->threads == 1 || ntasks <= 1)
	{
		for (size_t i = 0; i < ntasks; i++)
		{
			if (bmc_stop(stop))
				return BM_ESTOP;
			task(arg, i, 0);
		}
		return BM_OK;
	}
	if (bmc_stop(stop))
		return BM_ESTOP;
	pool->task = task;
	pool->arg = arg;
	pool->ntasks = ntasks;
	atomic_store(&pool->next, 0);
	atomic_store(&pool->stopped, false);
	start_run(pool);
	work(pool, 0, stop);
	wait_for_workers(pool, stop);
	return atomic_load(&pool->stopped) ? BM_ESTOP : BM_OK;
}

void
bmc_pool_close(BmPool *pool)
{
	if (pool == NULL || pool->closed)
		return;
	atomic_store(&pool->quit, true);
	start_run(pool);
	for (int i = 0; i < pool->threads - 1; i++)
		pthread_join(pool->worker[i].thread, NULL);
	pthread_mutex_destroy(&pool->lock);
	pthread_cond_destroy(&pool->wake);
	pthread_cond_destroy(&pool->done);
	pool->closed = true;
}
