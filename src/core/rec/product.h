/*
 * product.h
 *		What item-kNN and RP3beta share: rows of a product of the item-user matrix with the user-item
 *		matrix, scaled.
 */
#ifndef BM_PRODUCT_H
#define BM_PRODUCT_H

#include "core/rec/neighbours.h"

typedef struct BmProduct
{
	BmRows rows;
	BmSequences data; /* with the decayed weights */
	BmSparse X;       /* (users, items) positive values; NULL: all 1 */
	BmSparse Xt;      /* (items, users) the same, which may become others */
	float *scale;     /* (N) zeroed; what the algorithm makes of each item */
	float shrink;
} BmProduct;

extern size_t bmc_product_bytes(const BmFitSize *size, int top);
/*
 * fit->state = a product with X read and its scale zeroed; values: X->value in any case. It owns what it
 * takes from the first step on: bmc_product_end frees it at any time.
 */
extern BmStatus bmc_product_begin(BmFit *fit, double half_life_days, bool values);
extern void bmc_product_end(BmFit *fit);
extern BmStatus bmc_product_step(BmFit *fit, BmRowFill fill);
extern BmStatus bmc_product_tensors(BmFit *fit, const char *prefix, BmTensors *out);

/* Row a of Xt X without its diagonal: dense (N) gets the sums, touched the columns; returns how many. */
extern size_t bmc_product_row(float *dense, uint32_t *touched, const BmProduct *p, uint32_t a);

#endif
