/* Products and the inverse, OpenBLAS and the built-in kernel, against double loops. */
#include "unit.h"
#include "core/num/blas.h"
#include "core/num/rng.h"

static void
naive(bool ta, bool tb, size_t M, size_t N, size_t K, double alpha, const float *A, size_t lda,
	  const float *B, size_t ldb, double beta, const float *C0, float *C, size_t ldc)
{
	for (size_t i = 0; i < M; i++)
		for (size_t j = 0; j < N; j++)
		{
			double sum = 0;

			for (size_t k = 0; k < K; k++)
				sum += (double) (ta ? A[k * lda + i] : A[i * lda + k]) *
					   (tb ? B[j * ldb + k] : B[k * ldb + j]);
			C[i * ldc + j] = (float) (alpha * sum + (beta != 0 ? beta * C0[i * ldc + j] : 0));
		}
}

static void
one_product(bool ta, bool tb, size_t M, size_t N, size_t K, float alpha, float beta)
{
	size_t lda = (ta ? M : K) + 3, ldb = (tb ? K : N) + 1, ldc = N + 2;
	size_t na = (ta ? K : M) * lda, nb = (tb ? N : K) * ldb, nc = M * ldc;
	float *A = malloc((na + 1) * 4), *B = malloc((nb + 1) * 4), *C0 = malloc((nc + 1) * 4);
	float *C[3];
	BmRng rng = bmc_rng(M * 31 + N, K);

	for (size_t i = 0; i < na; i++)
		A[i] = (float) bmc_rng_normal(&rng);
	for (size_t i = 0; i < nb; i++)
		B[i] = (float) bmc_rng_normal(&rng);
	for (size_t i = 0; i < nc; i++)
		C0[i] = beta == 0 ? NAN : (float) bmc_rng_normal(&rng);
	for (int v = 0; v < 3; v++)
	{
		C[v] = malloc((nc + 1) * 4);
		memcpy(C[v], C0, nc * 4);
	}
	naive(ta, tb, M, N, K, alpha, A, lda, B, ldb, beta, C0, C[0], ldc);
	bmc_gemm_builtin(ta, tb, M, N, K, alpha, A, lda, B, ldb, beta, C[1], ldc);
	bmc_gemm(ta, tb, M, N, K, alpha, A, lda, B, ldb, beta, C[2], ldc);
	for (size_t i = 0; i < M; i++)
		for (size_t j = 0; j < N; j++)
			for (int v = 1; v < 3; v++)
				CHECK_NEAR(C[v][i * ldc + j], C[0][i * ldc + j], 1e-4 * sqrt((double) K + 1));
	for (int v = 0; v < 3; v++)
		free(C[v]);
	free(A), free(B), free(C0);
}

static void
test_products(void)
{
	static const size_t sizes[] = {1, 2, 7, 16, 33, 64, 100};

	CASE("products of all shapes, transposes, strides, alpha and beta; NaN in C with beta 0");
	for (int t = 0; t < 4; t++)
		for (size_t i = 0; i < 7; i++)
			for (size_t j = 0; j < 7; j++)
				one_product(t & 1, t & 2, sizes[i], sizes[j], sizes[(i + j + 3) % 7],
							t == 1 ? 0.5f : 1.0f,
							t == 3   ? 1.0f
							: t == 2 ? -0.5f
									 : 0.0f);
	one_product(false, false, 5, 6, 0, 1.0f, 0.5f);
}

static void
test_inverse(size_t n)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	float *A = malloc(n * n * 4), *X = malloc(n * n * 4);
	void *memory = malloc(bmc_pool_size(3));
	BmPool *pool = bmc_pool_open(memory, 3);
	BmRng rng = bmc_rng(n, 1);
	double worst = 0;

	for (size_t i = 0; i < n * n; i++)
		X[i] = (float) bmc_rng_normal(&rng) / sqrtf((float) n);
	naive(false, true, n, n, n, 1, X, n, X, n, 0, NULL, A, n);
	for (size_t i = 0; i < n; i++)
		A[i * n + i] += 1;
	memcpy(X, A, n * n * 4);
	CHECK_INT(bmc_spd_inverse(A, n, mem, pool, NULL), BM_OK);
	CHECK(mem->peak <= bmc_spd_inverse_bytes(n) + 4096);
	for (size_t i = 0; i < n; i += n / 7 + 1)
		for (size_t j = 0; j < n; j++)
		{
			double sum = 0;

			for (size_t k = 0; k < n; k++)
				sum += (double) A[i * n + k] * X[k * n + j];
			worst = fmax(worst, fabs(sum - (i == j)));
		}
	CHECK(worst < 1e-3);
	for (size_t i = 0; i < n; i++)
		CHECK(A[i * n] == A[i]);
	CHECK_INT(h.live, 0);
	bmc_pool_close(pool);
	free(memory), free(A), free(X);
}

static void
test_singular(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	float A[9] = {1, 1, 0, 1, 1, 0, 0, 0, 1};
	double S[4] = {4, 2, 2, 3}, b[4] = {8, 7, 1, 0}, Z[4] = {1, 2, 2, 1};

	CASE("a matrix that is not positive definite is told; small systems");
	CHECK_INT(bmc_spd_inverse(A, 3, mem, NULL, NULL), BM_ESINGULAR);
	CHECK_INT(bmc_spd_solve(S, b, 2, 2), BM_OK);
	CHECK_NEAR(b[0], 1.25, 1e-12);
	CHECK_NEAR(b[1], 1.5, 1e-12);
	CHECK_NEAR(4 * b[2] + 2 * b[3], 1, 1e-12);
	CHECK_NEAR(2 * b[2] + 3 * b[3], 0, 1e-12);
	CHECK_INT(bmc_spd_solve(Z, b, 2, 1), BM_ESINGULAR);
	CHECK_INT(h.live, 0);
}

int
main(void)
{
	test_products(); /* no library yet: both are the built-in kernel */
	CHECK_INT(bmc_blas_open(2), BM_OK);
	printf("# %s\n", bmc_blas_corename());
	test_products();
	CASE("inverse of positive definite matrices, sizes around the tile");
	test_inverse(1);
	test_inverse(5);
	test_inverse(127);
	test_inverse(129);
	test_inverse(300);
	test_singular();
	return unit_done();
}
