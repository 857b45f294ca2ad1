/*
 * blas.h
 *		Matrix products: OpenBLAS opened on first use, and a built-in kernel that needs nothing.
 *
 * All matrices are row-major float32. The recipe (memory probe, signals blocked, one thread,
 * dlopen with RTLD_LOCAL) and its reasons stand in blas.c, the only file that knows OpenBLAS.
 */
#ifndef BM_BLAS_H
#define BM_BLAS_H

#include "core/num/mem.h"
#include "core/num/pool.h"

typedef enum BmBlasState
{
	BM_BLAS_NONE = 0, /* not opened, or no library: the built-in kernel is used */
	BM_BLAS_SERIAL,   /* not thread-safe: one thread only */
	BM_BLAS_PTHREAD,
	BM_BLAS_OPENMP
} BmBlasState;

/*
 * Open OpenBLAS for up to threads calling threads; call before any training, in the leader, with no
 * pool running. Idempotent; probes memory again when threads grows. BM_ENOMEM: the address space
 * that OpenBLAS needs (bmc_blas_bytes) is not to be had, and it must not be called. A missing
 * library is BM_OK with state NONE.
 */
extern BmStatus bmc_blas_open(int threads);
extern size_t bmc_blas_bytes(int threads); /* the address space probed for */
extern BmBlasState bmc_blas_state(void);
extern const char *bmc_blas_corename(void); /* "Haswell", ...; "built-in" when none */
/* How many threads may call the products at once: wanted, or 1 with the serial variant. */
extern int bmc_blas_threads(int wanted);
extern void bmc_blas_thread_start(void); /* each pool thread, before its first product */

/*
 * C (M,N) = alpha * op(A) * op(B) + beta * C; op(A) is (M,K), op(B) is (K,N); ta/tb transpose.
 * lda/ldb/ldc are row strides of the stored matrices. beta 0 overwrites C (NaN in C is ignored).
 * Goes to OpenBLAS when it is open, else to bmc_gemm_builtin.
 */
extern void bmc_gemm(bool ta, bool tb, size_t M, size_t N, size_t K, float alpha, const float *A,
					 size_t lda, const float *B, size_t ldb, float beta, float *C, size_t ldc);
/* The same, never touching OpenBLAS: the serving path, and machines without the library. */
extern void bmc_gemm_builtin(bool ta, bool tb, size_t M, size_t N, size_t K, float alpha,
							 const float *A, size_t lda, const float *B, size_t ldb, float beta,
							 float *C, size_t ldc);

/*
 * Symmetric positive definite A (N,N), full storage, row-major; only the lower triangle is read. In
 * place: A = its inverse, both triangles. Scratch of bmc_spd_inverse_bytes from mem; tile products are
 * the pool's tasks; stop is polled between them. BM_ESINGULAR when a pivot is not positive.
 */
extern BmStatus bmc_spd_inverse(float *A, size_t N, BmMem *mem, BmPool *pool, const BmStop *stop);
extern size_t bmc_spd_inverse_bytes(size_t N);
/* Solve A X = B, A (N,N) small and overwritten by its Cholesky factor; B holds nrhs vectors (nrhs,N). */
extern BmStatus bmc_spd_solve(double *A, double *B, size_t N, size_t nrhs);
/*
 * The same in single precision, for N of a few hundred (chol.c): U (N,N) holds the upper triangle of A
 * and becomes that of its factor, U'U = A; false when a pivot is not positive. Then x (N) = A^-1 x.
 */
extern bool bmc_chol_factor(float *U, size_t N);
extern void bmc_chol_solve(float *x, const float *U, size_t N);

#endif
