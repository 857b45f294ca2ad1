/*
 * kmeans_nearest.h
 *		The inner loop of k-means: the nearest of k centres for many rows.
 */
#ifndef BM_KMEANS_NEAREST_H
#define BM_KMEANS_NEAREST_H

#include "core/stat/kmeans.h"

/* Sum of the squares of a - b over d floats. */
extern float bmc_square_distance(const float *a, const float *b, size_t d);

/* Floats of a panel: centres in groups of sixteen, coordinate by coordinate, zeros where there are none. */
extern size_t bmc_nearest_panel_size(size_t k, size_t d);
extern void bmc_nearest_panel(float *panel, const float *centre, size_t k, size_t d);
/*
 * label, distance (n): the nearest centre of each row of x (n,d) and the squared distance, ties to the
 * first centre. Returns how many labels changed.
 */
extern size_t bmc_nearest(uint32_t *label, float *distance, const float *panel, size_t k,
						  const float *x, size_t n, size_t d);

#endif
