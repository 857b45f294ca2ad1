/*
 * link.h
 *		From scores to probabilities.
 */
#ifndef BM_LINK_H
#define BM_LINK_H

#include <math.h>
#include <stddef.h>

/*
 * In place: for two classes out[0] holds the one score, the log-odds of class 1; for more each class has its
 * own (softmax); for values (classes 0) nothing is to be done.
 */
static inline void
bmc_link(float *out, size_t classes)
{
	float top = out[0], sum = 0.0f;

	if (classes == 0)
		return;
	if (classes == 2)
	{
		out[1] = 1.0f / (1.0f + expf(-out[0]));
		out[0] = 1.0f - out[1];
		return;
	}
	for (size_t c = 1; c < classes; c++)
		top = fmaxf(top, out[c]);
	for (size_t c = 0; c < classes; c++)
		sum += out[c] = expf(out[c] - top);
	for (size_t c = 0; c < classes; c++)
		out[c] /= sum;
}

#endif
