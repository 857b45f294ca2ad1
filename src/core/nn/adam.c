/*
 * adam.c
 *		Adam with decoupled weight decay, dense and by touched rows.
 */
#include <math.h>

#include "core/nn/adam.h"
#include "core/num/vec.h"

#define ADAM_BETA1 0.9 /* Kingma and Ba 2015, default */
#define ADAM_EPS 1e-8f /* the same */

BmAdam
bmc_adam_step(double learning_rate, double beta2, double weight_decay, double clip, uint64_t step)
{
	BmAdam a;

	a.rate = (float) (learning_rate / (1.0 - pow(ADAM_BETA1, (double) step)));
	a.beta1 = (float) ADAM_BETA1;
	a.beta2 = (float) beta2;
	a.unbias = (float) (1.0 / (1.0 - pow(beta2, (double) step)));
	a.decay = (float) (learning_rate * weight_decay);
	a.clip = (float) clip;
	return a;
}

BM_CLONES void
bmc_adam_update(const BmAdam *a, float *w, float *m, float *v, const float *g, size_t n)
{
	float rate = a->rate, beta1 = a->beta1, beta2 = a->beta2, unbias = a->unbias;
	float decay = a->decay, clip = a->clip;

	for (size_t i = 0; i < n; i++)
	{
		float x = g[i] * clip;

		m[i] = beta1 * m[i] + (1.0f - beta1) * x;
		v[i] = beta2 * v[i] + (1.0f - beta2) * x * x;
		w[i] -= rate * m[i] / (sqrtf(v[i] * unbias) + ADAM_EPS) + decay * w[i];
	}
}

void
bmc_adam_rows(const BmAdam *a, float *w, float *m, float *v, const float *g, const uint32_t *row,
			  size_t R, size_t D)
{
	for (size_t i = 0; i < R; i++)
	{
		size_t at = (size_t) row[i] * D;

		bmc_adam_update(a, w + at, m + at, v + at, g + i * D, D);
	}
}
