/*
 * segments.c
 *		Popularity by segment, exactly: the events of one segment after the other into one dense row.
 */
#include <math.h>
#include <string.h>

#include "core/num/topk.h"
#include "core/rec/segments.h"

/* Events by segment: order (n) holds the events of segment s at start[s] .. start[s + 1] - 1. */
static void
sort_events(size_t *start, size_t *order, const uint32_t *segment, size_t n, size_t nsegments)
{
	memset(start, 0, (nsegments + 2) * sizeof(size_t));
	for (size_t e = 0; e < n; e++)
		if (segment[e] != BM_NONE)
			start[segment[e] + 2]++;
	for (size_t s = 0; s < nsegments; s++)
		start[s + 2] += start[s + 1];
	for (size_t e = 0; e < n; e++)
		if (segment[e] != BM_NONE)
			order[start[segment[e] + 1]++] = e;
}

static void
fill_segment(uint32_t *item, float *score, float *row, size_t nitems)
{
	size_t most = nitems < BM_SEGMENT_TOP ? nitems : BM_SEGMENT_TOP;
	size_t n = bmc_topk(item, score, most, row, nitems);

	while (n > 0 && !(score[n - 1] > 0.0f))
		n--;
	for (; n < BM_SEGMENT_TOP; n++)
	{
		item[n] = BM_NONE;
		score[n] = 0.0f;
	}
}

BmStatus
bmc_segments(uint32_t *item, float *score, const BmSequences *data, const uint32_t *segment,
			 size_t nsegments, double half_life, BmMem *mem, const BmStop *stop)
{
	size_t n = data->start[data->nusers];
	size_t *start = bmc_alloc(mem, nsegments + 2, sizeof(size_t));
	size_t *order = bmc_alloc(mem, n, sizeof(size_t));
	float *row = bmc_alloc(mem, data->nitems, sizeof(float));
	double last = -INFINITY;
	BmStatus status = start && order && row ? BM_OK : BM_ENOMEM;

	if (status == BM_OK)
		sort_events(start, order, segment, n, nsegments);
	for (size_t e = 0; e < n; e++)
		last = (double) data->time[e] > last ? (double) data->time[e] : last;
	for (size_t s = 0; s < nsegments && status == BM_OK; s++)
	{
		memset(row, 0, data->nitems * sizeof(float));
		for (size_t i = start[s]; i < start[s + 1]; i++)
		{
			size_t e = order[i];
			double age = last - (double) data->time[e];

			row[data->item[e]] += bmc_event_weight(data, e) *
								  (float) (half_life > 0.0 ? exp2(-age / half_life) : 1.0);
		}
		fill_segment(item + s * BM_SEGMENT_TOP, score + s * BM_SEGMENT_TOP, row, data->nitems);
		if (bmc_stop(stop))
			status = BM_ESTOP;
	}
	bmc_free(mem, start);
	bmc_free(mem, order);
	bmc_free(mem, row);
	return status;
}

void
bmc_segment_scores(float *scores, const uint32_t *item, const float *score, const float *popularity,
				   size_t nitems)
{
	float most = 0.0f, least = 1.0f, scale;
	size_t n = 0;

	for (size_t i = 0; i < nitems; i++)
		most = popularity[i] > most ? popularity[i] : most;
	for (; n < BM_SEGMENT_TOP && item[n] != BM_NONE; n++)
		least = score[n];
	scale = most > 0.0f ? 0.5f * least / most : 0.0f;
	for (size_t i = 0; i < nitems; i++)
		scores[i] = popularity[i] * scale;
	for (size_t i = 0; i < n; i++)
		scores[item[i]] = score[i];
}
