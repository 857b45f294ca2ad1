/*
 * chol.c
 *		Cholesky factor of a small symmetric positive definite matrix in single precision, and solutions
 *		with it: the inner loop of alternating least squares, and what serving does for one user.
 *
 * U'U = A with U kept in the upper triangle, row by row, so that every inner loop runs along a row.
 */
#include <math.h>

#include "core/num/blas.h"
#include "core/num/vec.h"

BM_CLONES bool
bmc_chol_factor(float *restrict U, size_t N)
{
	for (size_t k = 0; k < N; k++)
	{
		float *row = U + k * N, pivot = row[k];

		if (!(pivot > 0.0f) || !isfinite(pivot))
			return false;
		pivot = 1.0f / sqrtf(pivot);
		for (size_t j = k; j < N; j++)
			row[j] *= pivot;
		for (size_t i = k + 1; i < N; i++)
		{
			float *restrict to = U + i * N, f = row[i];

			for (size_t j = i; j < N; j++)
				to[j] -= f * row[j];
		}
	}
	return true;
}

BM_CLONES void
bmc_chol_solve(float *restrict x, const float *restrict U, size_t N)
{
	for (size_t k = 0; k < N; k++)
	{
		const float *row = U + k * N;
		float v = x[k] /= row[k];

		for (size_t j = k + 1; j < N; j++)
			x[j] -= v * row[j];
	}
	for (size_t k = N; k-- > 0;)
	{
		const float *row = U + k * N;

		x[k] = (x[k] - bmc_dot(row + k + 1, x + k + 1, N - k - 1)) / row[k];
	}
}
