/*
 * optimizer.c
 *		SGD, Adam, AdamW and Adagrad, as PyTorch has them, and schedules of the learning rate.
 */
#include <math.h>
#include <stddef.h>

#include "core/nn/optimizer.h"
#include "core/num/vec.h"

#define ADAGRAD_EPS 1e-10f  /* PyTorch's default */
#define PLATEAU_CHANGE 1e-4 /* relative; PyTorch's default */
#define PI 3.14159265358979323846

double
bmc_schedule_rate(const BmSchedule *s, const BmPlateau *p, double rate, uint64_t step,
				  uint64_t total)
{
	if (s->warmup > 0 && step < (uint64_t) s->warmup)
		rate *= (double) (step + 1) / (double) s->warmup;
	if (s->kind == BM_SCHEDULE_STEP)
		rate *= pow(s->factor, (double) (step / (uint64_t) (s->every > 0 ? s->every : 1)));
	if (s->kind == BM_SCHEDULE_COSINE && total > 0)
		rate *= 0.5 * (1.0 + cos(PI * (double) step / (double) total));
	return s->kind == BM_SCHEDULE_PLATEAU ? rate * p->scale : rate;
}

void
bmc_plateau_measured(BmPlateau *p, const BmSchedule *s, double loss)
{
	if (!p->begun || loss < p->best - PLATEAU_CHANGE * fabs(p->best))
	{
		p->begun = true;
		p->best = loss;
		p->since_best = 0;
	}
	else if (++p->since_best > s->patience)
	{
		p->scale *= s->factor;
		p->since_best = 0;
	}
}

bool
bmc_optimizer_needs_m(const BmOptimizer *o)
{
	return o->kind == BM_ADAM || o->kind == BM_ADAMW || (o->kind == BM_SGD && o->momentum > 0.0);
}

bool
bmc_optimizer_needs_v(const BmOptimizer *o)
{
	return o->kind != BM_SGD;
}

BmUpdate
bmc_update(const BmOptimizer *o, double rate, double clip, uint64_t step)
{
	BmUpdate u = {.o = *o, .rate = (float) rate, .clip = (float) clip};
	bool coupled = o->kind == BM_ADAM;

	if (o->kind == BM_ADAM || o->kind == BM_ADAMW)
		u.adam = bmc_adam_step(rate, o->beta2, coupled ? 0.0 : o->weight_decay,
							   coupled && o->weight_decay > 0.0 ? 1.0 : clip, step);
	return u;
}

/* g = clip * g + decay * w: what a penalty on the weights adds. */
BM_CLONES static void
penalise(float *g, const float *w, float clip, float decay, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g[i] = clip * g[i] + decay * w[i];
}

BM_CLONES static void
sgd(float *w, float *m, const float *g, float rate, float momentum, bool nesterov, size_t n)
{
	if (m == NULL)
		for (size_t i = 0; i < n; i++)
			w[i] -= rate * g[i];
	else if (nesterov)
		for (size_t i = 0; i < n; i++)
		{
			m[i] = momentum * m[i] + g[i];
			w[i] -= rate * (g[i] + momentum * m[i]);
		}
	else
		for (size_t i = 0; i < n; i++)
		{
			m[i] = momentum * m[i] + g[i];
			w[i] -= rate * m[i];
		}
}

BM_CLONES static void
adagrad(float *w, float *v, const float *g, float rate, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		v[i] += g[i] * g[i];
		w[i] -= rate * g[i] / (sqrtf(v[i]) + ADAGRAD_EPS);
	}
}

void
bmc_update_weights(const BmUpdate *u, float *w, float *m, float *v, float *g, size_t n)
{
	float decay = u->o.kind == BM_ADAMW ? 0.0f : (float) u->o.weight_decay;
	bool adam = u->o.kind == BM_ADAM || u->o.kind == BM_ADAMW;

	if (decay > 0.0f || (!adam && u->clip != 1.0f))
		penalise(g, w, u->clip, decay, n);
	if (adam)
		bmc_adam_update(&u->adam, w, m, v, g, n);
	else if (u->o.kind == BM_ADAGRAD)
		adagrad(w, v, g, u->rate, n);
	else
		sgd(w, m, g, u->rate, (float) u->o.momentum, u->o.nesterov, n);
}

void
bmc_update_rows(const BmUpdate *u, float *w, float *m, float *v, float *g, const uint32_t *row,
				size_t R, size_t D)
{
	for (size_t i = 0; i < R; i++)
	{
		size_t at = (size_t) row[i] * D;

		bmc_update_weights(u, w + at, m ? m + at : NULL, v ? v + at : NULL, g + i * D, D);
	}
}
