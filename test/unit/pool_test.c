/* The thread pool: every task once, stop, refusal of nothing to do. */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include "unit.h"
#include "core/num/pool.h"

typedef struct Job
{
	atomic_int ran[5000];
	atomic_int bad_worker, signals_open;
	int threads;
} Job;

static void
task(void *arg, size_t t, int worker)
{
	Job *job = arg;
	sigset_t set;

	atomic_fetch_add(&job->ran[t], 1);
	if (worker < 0 || worker >= job->threads)
		atomic_fetch_add(&job->bad_worker, 1);
	if (worker > 0 && (pthread_sigmask(SIG_BLOCK, NULL, &set) != 0 || !sigismember(&set, SIGTERM) ||
					   !sigismember(&set, SIGINT)))
		atomic_fetch_add(&job->signals_open, 1);
}

static void
test_all_once(void)
{
	Job *job = malloc(sizeof(Job));

	CASE("every task runs once, with 1 to 8 threads; workers block signals");
	for (int threads = 1; threads <= 8; threads++)
	{
		void *memory = malloc(bmc_pool_size(threads));
		BmPool *pool = bmc_pool_open(memory, threads);

		CHECK(bmc_pool_threads(pool) >= 1 && bmc_pool_threads(pool) <= threads);
		for (size_t n = 0; n <= 5000; n += 1250)
		{
			memset(job, 0, sizeof(*job));
			job->threads = threads;
			CHECK_INT(bmc_pool_run(pool, task, job, n, NULL), BM_OK);
			for (size_t t = 0; t < 5000; t++)
				CHECK_INT(job->ran[t], t < n);
			CHECK_INT(job->bad_worker, 0);
			CHECK_INT(job->signals_open, 0);
		}
		bmc_pool_close(pool);
		bmc_pool_close(pool);
		free(memory);
	}
	bmc_pool_close(NULL);
	free(job);
}

/* Workers hold their task until the caller has been asked thrice, so that they cannot finish all before. */
typedef struct Stopping
{
	Job job;
	atomic_int asked;
} Stopping;

static void
task_that_waits(void *arg, size_t t, int worker)
{
	Stopping *s = arg;

	task(&s->job, t, worker);
	while (worker > 0 && atomic_load(&s->asked) < 3)
		sched_yield();
}

static bool
stop_at_third(void *arg)
{
	return atomic_fetch_add((atomic_int *) arg, 1) + 1 >= 3;
}

static void
test_stop(void)
{
	Stopping *s = calloc(1, sizeof(Stopping));
	Job *job = &s->job;
	void *memory = malloc(bmc_pool_size(3));
	BmPool *pool = bmc_pool_open(memory, 3);
	int ran = 0;
	BmStop stop = {stop_at_third, &s->asked};

	CASE("stop ends a run: no task twice, none running afterwards, the pool is usable again");
	job->threads = 3;
	CHECK_INT(bmc_pool_run(pool, task_that_waits, s, 5000, &stop), BM_ESTOP);
	for (int t = 0; t < 5000; t++)
	{
		CHECK(job->ran[t] <= 1);
		ran += job->ran[t];
	}
	CHECK(ran < 5000);
	memset(job, 0, sizeof(*job));
	job->threads = 3;
	CHECK_INT(bmc_pool_run(pool, task, job, 100, NULL), BM_OK);
	for (int t = 0; t < 100; t++)
		CHECK_INT(job->ran[t], 1);
	CHECK_INT(bmc_pool_run(NULL, task, job, 100, NULL), BM_OK);
	CHECK_INT(job->ran[0], 2);
	bmc_pool_close(pool);
	free(memory);
	free(s);
}

int
main(void)
{
	test_all_once();
	test_stop();
	return unit_done();
}
