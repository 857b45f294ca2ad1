/*
 * content.h
 *		Similarity by what items are, not by who takes them; and bands of a number.
 */
#ifndef BM_CONTENT_H
#define BM_CONTENT_H

#include "core/num/recommender.h"

/*
 * w_ab = cosine of the TF-IDF terms + dot product of the vectors where it is positive;
 * s(b) = sum_k gamma^k w[h_k][b] over the newest `last` events, an item once. idf = ln(n / df) over the n
 * items with a term.
 */
typedef struct BmContentOptions
{
	double gamma;
	int top; /* neighbours kept of an item; 0 = all */
	int last;
} BmContentOptions;

extern const BmRecommender bmc_content;

/*
 * edge (bands - 1): rising values that cut x (n, finite, any order; gets sorted) into bands of about
 * equally many: value v is in band number of edges <= v. Equal values are never cut apart, and a value
 * that most items have leaves the others bands of their own; up to `bands` distinct values have one each.
 * What is too many is INFINITY.
 */
extern void bmc_band_edges(double *edge, int bands, double *x, size_t n);
extern int bmc_band(const double *edge, int bands, double v);

#endif
