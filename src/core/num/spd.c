/*
 * spd.c
 *		Symmetric positive definite matrices: inverse of a large one, solution with a small one.
 *
 * The inverse is a blocked symmetric sweep (Goodnight 1979): sweeping every block column turns A into
 * -A^-1, symmetric all the way, so only the lower triangle is updated: N^3 operations, nearly all of
 * them in matrix products of full tiles, which are the tasks of the pool.
 */
#include <math.h>
#include <string.h>

#include "core/num/blas.h"
#include "core/num/pool.h"

#define NB 128 /* block: products of 128 x j x 128 take well below 50 ms */

typedef struct Sweep
{
	float *A; /* (N,N) */
	size_t N;
	size_t k, nb;   /* the block column being swept: rows k .. k + nb */
	float *P;       /* (N,nb) block column before the sweep */
	float *Q;       /* (N,nb) P times the inverse of the block */
	float *inverse; /* (nb,nb) */
} Sweep;

static size_t
tiles(const Sweep *s)
{
	return (s->N + NB - 1) / NB;
}

static size_t
tile_rows(const Sweep *s, size_t i)
{
	return s->N - i * NB < NB ? s->N - i * NB : NB;
}

/* In place lower Cholesky factor in double; false at a pivot that is not positive. */
static bool
cholesky(double *L, size_t n)
{
	for (size_t j = 0; j < n; j++)
	{
		double d = L[j * n + j];

		for (size_t k = 0; k < j; k++)
			d -= L[j * n + k] * L[j * n + k];
		if (!(d > 0.0))
			return false;
		d = sqrt(d);
		L[j * n + j] = d;
		for (size_t i = j + 1; i < n; i++)
		{
			double v = L[i * n + j];

			for (size_t k = 0; k < j; k++)
				v -= L[i * n + k] * L[j * n + k];
			L[i * n + j] = v / d;
		}
	}
	return true;
}

/* x (n) = (L L')^-1 x */
static void
cholesky_solve(double *x, const double *L, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		for (size_t k = 0; k < i; k++)
			x[i] -= L[i * n + k] * x[k];
		x[i] /= L[i * n + i];
	}
	for (size_t i = n; i-- > 0;)
	{
		for (size_t k = i + 1; k < n; k++)
			x[i] -= L[k * n + i] * x[k];
		x[i] /= L[i * n + i];
	}
}

/* s->inverse from the diagonal block; L (nb,nb) is scratch. */
static bool
invert_block(Sweep *s, double *L)
{
	double column[NB];
	size_t n = s->nb;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j <= i; j++)
			L[i * n + j] = (double) s->A[(s->k + i) * s->N + s->k + j];
	if (!cholesky(L, n))
		return false;
	for (size_t j = 0; j < n; j++)
	{
		memset(column, 0, sizeof(column));
		column[j] = 1.0;
		cholesky_solve(column, L, n);
		for (size_t i = 0; i < n; i++)
			s->inverse[i * n + j] = (float) column[i];
	}
	return true;
}

/* Rows of tile i of P (from the lower triangle) and of Q = P inverse. */
static void
panel_task(void *arg, size_t i, int worker)
{
	Sweep *s = arg;
	size_t first = i * NB, rows = tile_rows(s, i), nb = s->nb;
	float *P = s->P + first * nb;

	(void) worker;
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < nb; c++)
		{
			size_t row = first + r, col = s->k + c;

			P[r * nb + c] = row >= col ? s->A[row * s->N + col] : s->A[col * s->N + row];
		}
	bmc_gemm(false, false, rows, nb, nb, 1.0f, P, nb, s->inverse, nb, 0.0f, s->Q + first * nb, nb);
}

/* Tile row i of the lower triangle: A -= Q P'; then the swept column in its place. */
static void
update_task(void *arg, size_t i, int worker)
{
	Sweep *s = arg;
	size_t first = i * NB, rows = tile_rows(s, i), nb = s->nb;
	float *A = s->A + first * s->N;

	(void) worker;
	if (first == s->k)
	{
		for (size_t r = 0; r < rows; r++)
		{
			for (size_t c = 0; c < s->k; c++)
				A[r * s->N + c] = s->Q[c * nb + r];
			for (size_t c = 0; c <= r; c++)
				A[r * s->N + s->k + c] = -s->inverse[r * nb + c];
		}
		return;
	}
	bmc_gemm(false, true, rows, first + rows, nb, -1.0f, s->Q + first * nb, nb, s->P, nb, 1.0f, A,
			 s->N);
	if (first > s->k)
		for (size_t r = 0; r < rows; r++)
			memcpy(A + r * s->N + s->k, s->Q + (first + r) * nb, nb * sizeof(float));
}

/* Tile row i of the result: the negative, mirrored into the upper triangle. */
static void
mirror_task(void *arg, size_t i, int worker)
{
	Sweep *s = arg;
	size_t first = i * NB, rows = tile_rows(s, i);

	(void) worker;
	for (size_t r = first; r < first + rows; r++)
		for (size_t c = 0; c <= r; c++)
		{
			float v = -s->A[r * s->N + c];

			s->A[r * s->N + c] = v;
			s->A[c * s->N + r] = v;
		}
}

static BmStatus
sweep_all(Sweep *s, double *L, BmPool *pool, const BmStop *stop)
{
	BmStatus status = BM_OK;

	for (s->k = 0; s->k < s->N && status == BM_OK; s->k += NB)
	{
		s->nb = s->N - s->k < NB ? s->N - s->k : NB;
		if (!invert_block(s, L))
			return BM_ESINGULAR;
		status = bmc_pool_run(pool, panel_task, s, tiles(s), stop);
		if (status == BM_OK)
			status = bmc_pool_run(pool, update_task, s, tiles(s), stop);
	}
	return status == BM_OK ? bmc_pool_run(pool, mirror_task, s, tiles(s), stop) : status;
}

size_t
bmc_spd_inverse_bytes(size_t N)
{
	return bmc_add(bmc_mul(2 * NB * sizeof(float), N), NB * NB * (sizeof(double) + sizeof(float)));
}

BmStatus
bmc_spd_inverse(float *A, size_t N, BmMem *mem, BmPool *pool, const BmStop *stop)
{
	Sweep s = {.A = A, .N = N};
	double *L = bmc_alloc(mem, NB * NB, sizeof(double));
	BmStatus status = BM_ENOMEM;

	s.P = bmc_alloc(mem, N, NB * sizeof(float));
	s.Q = bmc_alloc(mem, N, NB * sizeof(float));
	s.inverse = bmc_alloc(mem, NB * NB, sizeof(float));
	if (L && s.P && s.Q && s.inverse)
		status = sweep_all(&s, L, pool, stop);
	bmc_free(mem, s.inverse);
	bmc_free(mem, s.Q);
	bmc_free(mem, s.P);
	bmc_free(mem, L);
	return status;
}

BmStatus
bmc_spd_solve(double *A, double *B, size_t N, size_t nrhs)
{
	if (!cholesky(A, N))
		return BM_ESINGULAR;
	for (size_t r = 0; r < nrhs; r++)
		cholesky_solve(B + r * N, A, N);
	return BM_OK;
}
