/*
 * gemm.c
 *		The built-in matrix product: small panels packed on the stack, a register-blocked kernel that
 *		gcc vectorises for AVX2 and AVX-512. Used for serving, and where there is no OpenBLAS.
 */
#include <string.h>

#include "core/num/blas.h"
#include "core/num/vec.h"

#define MR 6   /* rows of C in registers */
#define NR 32  /* columns of C in registers: two AVX-512 or four AVX2 vectors */
#define KC 256 /* depth of a packed panel: NR * KC floats = 32 KiB */

/* acc (MR,NR) = A panel (MR,K; element (m,k) at a[m * am + k * ak]) * packed b (K,NR). */
BM_CLONES
static void
kernel(float *restrict acc, const float *a, size_t am, size_t ak, const float *restrict b, size_t K)
{
	float c0[NR] = {0}, c1[NR] = {0}, c2[NR] = {0}, c3[NR] = {0}, c4[NR] = {0}, c5[NR] = {0};

	for (size_t k = 0; k < K; k++, b += NR, a += ak)
	{
		float a0 = a[0], a1 = a[am], a2 = a[2 * am], a3 = a[3 * am], a4 = a[4 * am], a5 = a[5 * am];

		for (int j = 0; j < NR; j++)
		{
			c0[j] += a0 * b[j];
			c1[j] += a1 * b[j];
			c2[j] += a2 * b[j];
			c3[j] += a3 * b[j];
			c4[j] += a4 * b[j];
			c5[j] += a5 * b[j];
		}
	}
	memcpy(acc, c0, sizeof(c0));
	memcpy(acc + NR, c1, sizeof(c1));
	memcpy(acc + 2 * NR, c2, sizeof(c2));
	memcpy(acc + 3 * NR, c3, sizeof(c3));
	memcpy(acc + 4 * NR, c4, sizeof(c4));
	memcpy(acc + 5 * NR, c5, sizeof(c5));
}

/* As kernel for 1 <= rows < MR. */
BM_CLONES
static void
kernel_rows(float *restrict acc, const float *a, size_t am, size_t ak, const float *restrict b,
			size_t K, size_t rows)
{
	for (size_t m = 0; m < rows; m++)
	{
		float c[NR] = {0};
		const float *row = a + m * am, *p = b;

		for (size_t k = 0; k < K; k++, p += NR)
			for (int j = 0; j < NR; j++)
				c[j] += row[k * ak] * p[j];
		memcpy(acc + m * NR, c, sizeof(c));
	}
}

/* b (K,NR) from op(B) columns [n, n + cols), rows [k, k + K); missing columns are 0. */
static void
pack(float *b, bool tb, const float *B, size_t ldb, size_t k, size_t K, size_t n, size_t cols)
{
	if (!tb)
		for (size_t i = 0; i < K; i++, b += NR)
		{
			memcpy(b, B + (k + i) * ldb + n, cols * sizeof(float));
			for (size_t j = cols; j < NR; j++)
				b[j] = 0.0f;
		}
	else
	{
		if (cols < NR)
			memset(b, 0, K * NR * sizeof(float));
		for (size_t j = 0; j < cols; j++)
		{
			const float *row = B + (n + j) * ldb + k;

			for (size_t i = 0; i < K; i++)
				b[i * NR + j] = row[i];
		}
	}
}

BM_CLONES
static void
add_block(float *C, size_t ldc, const float *acc, float alpha, size_t rows, size_t cols)
{
	for (size_t m = 0; m < rows; m++)
		for (size_t j = 0; j < cols; j++)
			C[m * ldc + j] += alpha * acc[m * NR + j];
}

static void
scale_rows(float *C, size_t ldc, size_t M, size_t N, float beta)
{
	for (size_t m = 0; m < M; m++)
		if (beta == 0.0f)
			memset(C + m * ldc, 0, N * sizeof(float));
		else if (beta != 1.0f)
			bmc_scale(C + m * ldc, beta, N);
}

/* One row of C: dots with the rows of B when it is stored transposed, else a sum of rows. */
static void
one_row(bool tb, size_t N, size_t K, float alpha, const float *a, size_t ak, const float *B,
		size_t ldb, float *c)
{
	for (size_t n = 0; tb && n < N; n++)
		c[n] += alpha * bmc_dot(a, B + n * ldb, K);
	for (size_t k = 0; !tb && k < K; k++)
		bmc_axpy(c, alpha * a[k * ak], B + k * ldb, N);
}

void
bmc_gemm_builtin(bool ta, bool tb, size_t M, size_t N, size_t K, float alpha, const float *A,
				 size_t lda, const float *B, size_t ldb, float beta, float *C, size_t ldc)
{
	float b[KC * NR], acc[MR * NR];
	size_t am = ta ? 1 : lda, ak = ta ? lda : 1;

	scale_rows(C, ldc, M, N, beta);
	if (M == 1 && (!tb || ak == 1))
	{
		one_row(tb, N, K, alpha, A, ak, B, ldb, C);
		return;
	}
	for (size_t k = 0; k < K; k += KC)
	{
		size_t depth = K - k < KC ? K - k : KC;

		for (size_t n = 0; n < N; n += NR)
		{
			size_t cols = N - n < NR ? N - n : NR;

			pack(b, tb, B, ldb, k, depth, n, cols);
			for (size_t m = 0; m < M; m += MR)
			{
				const float *a = A + m * am + k * ak;
				size_t rows = M - m < MR ? M - m : MR;

				if (rows == MR)
					kernel(acc, a, am, ak, b, depth);
				else
					kernel_rows(acc, a, am, ak, b, depth, rows);
				add_block(C + m * ldc + n, ldc, acc, alpha, rows, cols);
			}
		}
	}
}
