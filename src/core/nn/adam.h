/*
 * adam.h
 *		Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019).
 */
#ifndef BM_ADAM_H
#define BM_ADAM_H

#include "core/num/status.h"

/* The settings of one step; make it with bmc_adam_step. */
typedef struct BmAdam
{
	float rate; /* learning rate over the first moment's bias correction */
	float beta1, beta2;
	float unbias; /* 1 / the second moment's bias correction */
	float decay;  /* learning rate * weight decay */
	float clip;   /* factor on the gradient, 1 = none */
} BmAdam;

/* step counts from 1. */
extern BmAdam bmc_adam_step(double learning_rate, double beta2, double weight_decay, double clip,
							uint64_t step);
/* w, m, v, g: (n). One update of every weight. */
extern void bmc_adam_update(const BmAdam *a, float *w, float *m, float *v, const float *g,
							size_t n);
/*
 * The rows that a batch touched: row i of g (R,D) belongs to row row[i] of w, m, v (N,D). Other rows,
 * and their moments, stay as they are (lazy Adam).
 */
extern void bmc_adam_rows(const BmAdam *a, float *w, float *m, float *v, const float *g,
						  const uint32_t *row, size_t R, size_t D);

#endif
