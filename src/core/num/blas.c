/*
 * blas.c
 *		OpenBLAS, opened on first use. The only file that knows it, and the only one with globals.
 *
 * Not linked, because opening Debian's threaded variant starts helper threads in every backend that
 * loads the library. Opened with one thread, all signals blocked (its threads would take the
 * server's signals), and only after a probe of the address space: OpenBLAS maps 128 MiB for each
 * calling thread and spins for ever where that fails. So these buffers are made right after the probe,
 * before the training takes what was left. The serial variant is not thread-safe, the OpenMP variant
 * wants its thread count set in every calling thread.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/num/blas.h"

#define BUFFER_BYTES (UINT64_C(160) << 20) /* a buffer is 128 MiB */
#define OPEN_BYTES                                                                                 \
	(UINT64_C(256) << 20) /* the library, and the buffer that 0.3.29 makes in loading */
#define ROW_MAJOR 101
#define NO_TRANS 111
#define TRANS 112

typedef void (*SgemmFn)(int, int, int, int, int, int, float, const float *, int, const float *, int,
						float, float *, int);

static struct
{
	bool tried;
	int ready; /* threads that have a buffer */
	void *library;
	SgemmFn sgemm;
	int (*get_parallel)(void);
	void (*set_num_threads)(int);
	char *(*get_corename)(void);
	void *(*memory_alloc)(int);
	void (*memory_free)(void *);
} blas;

size_t
bmc_blas_bytes(int threads)
{
	return OPEN_BYTES + (size_t) (threads > 0 ? threads : 1) * BUFFER_BYTES;
}

/* Could this much be mapped now? */
static bool
room(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, bytes);
	return true;
}

/* Set name to "1"; the former value, to be given back to restore(). */
static char *
set_one(const char *name)
{
	const char *value = getenv(name);
	char *old = value ? strdup(value) : NULL;

	setenv(name, "1", 1);
	return old;
}

static void
restore(const char *name, char *old)
{
	if (old)
		setenv(name, old, 1);
	else
		unsetenv(name);
	free(old);
}

static void
open_library(void)
{
	char *old_blas = set_one("OPENBLAS_NUM_THREADS"), *old_omp = set_one("OMP_NUM_THREADS");

	blas.library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
	if (blas.library)
	{
		*(void **) &blas.sgemm = dlsym(blas.library, "cblas_sgemm");
		*(void **) &blas.get_parallel = dlsym(blas.library, "openblas_get_parallel");
		*(void **) &blas.set_num_threads = dlsym(blas.library, "openblas_set_num_threads");
		*(void **) &blas.get_corename = dlsym(blas.library, "openblas_get_corename");
		*(void **) &blas.memory_alloc = dlsym(blas.library, "blas_memory_alloc");
		*(void **) &blas.memory_free = dlsym(blas.library, "blas_memory_free");
	}
	restore("OPENBLAS_NUM_THREADS", old_blas);
	restore("OMP_NUM_THREADS", old_omp);
	if (!blas.sgemm || !blas.get_parallel || !blas.set_num_threads)
		blas.sgemm = NULL; /* not the library we know: the built-in kernel serves */
	else
		blas.set_num_threads(1);
}

/*
 * A product takes a free buffer of the library's table, or maps a new one; held at once, then given back,
 * they stay mapped for as many products at once. Without the two functions a probe for all must do.
 */
static bool
make_buffers(int threads)
{
	void *buffer[BM_MAX_THREADS];
	int n = 0;

	if (!blas.memory_alloc || !blas.memory_free)
		return room((size_t) threads * BUFFER_BYTES);
	while (n < threads && (n < blas.ready || room(BUFFER_BYTES)))
		buffer[n++] = blas.memory_alloc(0);
	for (int i = 0; i < n; i++)
		blas.memory_free(buffer[i]);
	return n == threads;
}

static BmStatus
open_for(int threads)
{
	if (!blas.tried)
	{
		if (!room(OPEN_BYTES))
			return BM_ENOMEM;
		open_library();
		blas.tried = true;
	}
	if (!blas.sgemm)
		return BM_OK;
	threads = bmc_blas_threads(threads);
	if (threads > blas.ready)
	{
		if (!make_buffers(threads))
			return BM_ENOMEM;
		blas.ready = threads;
	}
	return BM_OK;
}

BmStatus
bmc_blas_open(int threads)
{
	sigset_t all, old;
	BmStatus status;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	status = open_for(threads < BM_MAX_THREADS ? threads : BM_MAX_THREADS);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return status;
}

BmBlasState
bmc_blas_state(void)
{
	if (!blas.sgemm)
		return BM_BLAS_NONE;
	switch (blas.get_parallel())
	{
	case 0:
		return BM_BLAS_SERIAL;
	case 1:
		return BM_BLAS_PTHREAD;
	default:
		return BM_BLAS_OPENMP;
	}
}

const char *
bmc_blas_corename(void)
{
	return blas.sgemm && blas.get_corename ? blas.get_corename() : "built-in";
}

int
bmc_blas_threads(int wanted)
{
	return bmc_blas_state() == BM_BLAS_SERIAL ? 1 : wanted;
}

void
bmc_blas_thread_start(void)
{
	if (blas.sgemm)
		blas.set_num_threads(1);
}

void
bmc_gemm(bool ta, bool tb, size_t M, size_t N, size_t K, float alpha, const float *A, size_t lda,
		 const float *B, size_t ldb, float beta, float *C, size_t ldc)
{
	if (!blas.sgemm || M == 0 || N == 0 || K == 0)
		bmc_gemm_builtin(ta, tb, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
	else
		blas.sgemm(ROW_MAJOR, ta ? TRANS : NO_TRANS, tb ? TRANS : NO_TRANS, (int) M, (int) N,
				   (int) K, alpha, A, (int) lda, B, (int) ldb, beta, C, (int) ldc);
}
