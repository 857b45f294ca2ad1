/*
 * lifecycle.c
 *		Units by what they are in each calendar period, and by the number of periods they are active in.
 */
#include "core/mine/retention.h"

#define STOP_EVENTS 0x40000

/* Asks stop once in a while. */
static bool
asks_stop(size_t *steps, size_t n, const BmStop *stop)
{
	*steps += n;
	if (*steps < STOP_EVENTS)
		return false;
	*steps = 0;
	return bmc_stop(stop);
}

static void
count_state(int64_t *count, int64_t period, uint32_t nperiods, BmLifecycle state)
{
	if (period >= 0 && period < nperiods)
		count[period * BM_LIFE_STATES + state]++;
}

BmStatus
bmc_lifecycle(int64_t *count, const BmActivityLog *log, int32_t first, uint32_t nperiods,
			  const BmStop *stop)
{
	size_t steps = 0;

	for (size_t u = 0; u < log->nunits; u++)
	{
		size_t begin = log->start[u], end = log->start[u + 1];
		int64_t *of = count + (log->group ? log->group[u] : 0) * (size_t) nperiods * BM_LIFE_STATES;

		for (size_t e = begin; e < end; e++)
		{
			int64_t now = log->at[e] - first;

			if (e > begin && log->at[e] == log->at[e - 1])
				continue;
			if (e == begin)
				count_state(of, now, nperiods, BM_LIFE_NEW);
			else if (log->at[e - 1] + 1 == log->at[e])
				count_state(of, now, nperiods, BM_LIFE_RETURNING);
			else
			{
				count_state(of, log->at[e - 1] + 1 - first, nperiods, BM_LIFE_DORMANT);
				count_state(of, now, nperiods, BM_LIFE_RESURRECTING);
			}
		}
		if (end > begin)
			count_state(of, log->at[end - 1] + 1 - first, nperiods, BM_LIFE_DORMANT);
		if (asks_stop(&steps, end - begin, stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

BmStatus
bmc_stickiness(int64_t *count, const BmActivityLog *log, int32_t first, uint32_t nperiods,
			   int64_t min_count, const BmStop *stop)
{
	size_t steps = 0;

	for (size_t u = 0; u < log->nunits; u++)
	{
		size_t end = log->start[u + 1];
		int64_t *of = count + (log->group ? log->group[u] : 0) * ((size_t) nperiods + 1);
		int64_t active = 0, events = 0;

		for (size_t e = log->start[u]; e < end; e++)
		{
			int64_t period = log->at[e] - first;

			events = e > log->start[u] && log->at[e] == log->at[e - 1] ? events + 1 : 1;
			active += events == min_count && period >= 0 && period < nperiods;
		}
		of[active]++;
		if (asks_stop(&steps, end - log->start[u], stop))
			return BM_ESTOP;
	}
	return BM_OK;
}
