/*
 * decay.c
 *		Weights of events by their age.
 */
#include <math.h>

#include "core/num/decay.h"

#define DAY_US 86400e6
#define STOP_EVENTS (1 << 20) /* some 10 ms */
#define HALF_LIVES 40.0       /* 2^-40 is below what float32 sums can show */

/* Newest time among the events that the fit may look at; INT64_MIN without any. */
static int64_t
newest_time(const BmSequences *d)
{
	int64_t last = INT64_MIN;

	for (size_t u = 0; u < d->nusers; u++)
	{
		size_t n = bmc_sequence_length(d, u);

		if (n > 0 && d->time[d->start[u] + n - 1] > last)
			last = d->time[d->start[u] + n - 1];
	}
	return last;
}

BmStatus
bmc_decay_begin(BmSequences *out, const BmSequences *in, double half_life_days, BmMem *mem,
				const BmStop *stop)
{
	size_t n = in->start[in->nusers];
	double last, scale;
	float *weight;

	*out = *in;
	if (!(half_life_days > 0.0))
		return BM_OK; /* then nobody needs times */
	last = (double) newest_time(in);
	scale = 1.0 / (half_life_days * DAY_US);
	weight = bmc_alloc(mem, n, sizeof(float));
	if (weight == NULL)
		return BM_ENOMEM;
	out->weight = weight;
	for (size_t e = 0; e < n; e++)
	{
		double age = (last - (double) in->time[e]) * scale;

		if (e % STOP_EVENTS == 0 && bmc_stop(stop))
			return BM_ESTOP;
		weight[e] = age > HALF_LIVES ? 0.0f : (float) exp2(-age) * bmc_event_weight(in, e);
	}
	return BM_OK;
}

void
bmc_decay_end(BmSequences *out, const BmSequences *in, BmMem *mem)
{
	if (out->weight != in->weight)
		bmc_free(mem, (void *) out->weight);
	out->weight = NULL;
}
