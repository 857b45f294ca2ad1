/*
 * als.h
 *		Implicit alternating least squares (Hu, Koren, Volinsky 2008; objective and regularisation of
 *		Rendle, Krichene, Zhang, Koren 2021, "Revisiting the Performance of iALS on Item Recommendation
 *		Benchmarks"): options, and what fit and answers share.
 *
 * minimise  sum over observed c_ui (1 - <w_u, h_i>)^2 + a0 sum over all (u, i) <w_u, h_i>^2
 *           + lambda sum_u (n_u + a0 N)^nu |w_u|^2 + lambda sum_i (n_i + a0 U)^nu |h_i|^2
 */
#ifndef BM_ALS_H
#define BM_ALS_H

#include "core/num/recommender.h"

#define BM_ALS_MAX_FACTORS 1024

typedef enum BmAlsSolver
{
	BM_ALS_AUTO = 0,
	BM_ALS_CHOLESKY,
	BM_ALS_CG
} BmAlsSolver;

typedef struct BmAlsOptions
{
	int factors;           /* D */
	int iterations;        /* sweeps over users and items */
	double unobserved;     /* a0 > 0 */
	double regularization; /* lambda > 0 */
	double activity;       /* nu: 0 = the same for all, 1 = in proportion to the events */
	double gamma;          /* a history's older events count by this factor less, at answers only */
	int solver;            /* BmAlsSolver */
	double half_life_days; /* of an event's weight; 0: no decay */
} BmAlsOptions;

extern const BmRecommender bmc_als;

/* ---- als.c and als_answer.c ---- */

/* One row's equations: (base + lambda I + sum c h h') x = sum c h. */
typedef struct BmAlsRow
{
	size_t n;
	const uint32_t *col; /* (n) rows of H */
	const float *c;      /* (n) weights, or NULL: all 1 */
} BmAlsRow;

#define BM_ALS_PANEL 256 /* rows gathered for one product */

/*
 * A (D,D) += sum c h h', x (D) += sum c h. panel (BM_ALS_PANEL, D) is scratch. fast: OpenBLAS may be used.
 */
extern void bmc_als_add(float *A, float *x, const float *H, size_t D, const BmAlsRow *row,
						float *panel, bool fast);
/*
 * x (D): a few steps of conjugate gradients from its value towards the solution of (base + penalty I +
 * sum c h h') x = sum c h. scratch: 3 D floats.
 */
extern void bmc_als_gradients(float *x, const float *base, float penalty, const float *H, size_t D,
							  const BmAlsRow *row, float *scratch);
/* lambda (n + a0 others)^nu */
extern float bmc_als_penalty(double lambda, double nu, double a0, size_t n, size_t others);

/* What answers read. */
typedef struct BmAlsBound
{
	size_t N, D;
	const float *item; /* (N,D) */
	const float *gram; /* (D,D) a0 H'H */
	float a0, lambda, nu, gamma;
} BmAlsBound;

#define BM_ALS_CONFIG 4 /* floats of tensor "config": a0, lambda, nu, gamma */

extern const char *bmc_als_bind(void *bound, const BmTensors *t, const char *prefix, size_t nitems);
extern size_t bmc_als_score_bytes(const void *bound, size_t B);
extern BmItemMatrix bmc_als_matrix(const void *bound);
extern void bmc_als_state(float *state, const void *bound, const BmHistory *h, size_t B,
						  void *scratch, bool fast_blas);
extern void bmc_als_score(float *scores, const void *bound, const BmHistory *h, size_t B,
						  void *scratch, bool fast_blas);
extern void bmc_als_explain(float *share, const void *bound, const BmHistory *h,
							const uint32_t *items, size_t n, void *scratch);
extern void bmc_als_similar(float *scores, const void *bound, uint32_t item, void *scratch);

#endif
