/*
 * retention.c
 *		Retention matrices: N-day, unbounded and bracket retention over cohorts of first or every start.
 *
 * A unit's events are first put together by time, so that a million events in one period are one
 * step. Each of its starts then walks forward over the later times once: O(events) with cohorts of first
 * starts, O(starts * horizon) with cohorts of every start.
 */
#include "core/mine/retention.h"

#include <math.h>
#include <string.h>

#define STOP_STEPS 0x40000 /* about a millisecond */

/* What happened at one time of the unit at hand. */
typedef struct Moment
{
	int64_t at;
	int64_t returns;
	double value; /* sum over the returns */
	int32_t period;
	bool start;
} Moment;

typedef struct Work
{
	const BmActivityLog *log;
	const BmRetentionSpec *spec;
	BmRetention *out;
	Moment *moment; /* (longest unit) */
	size_t n;       /* moments of the unit */
	size_t steps;   /* since stop was asked */
} Work;

static size_t
longest_unit(const BmActivityLog *log)
{
	size_t most = 0;

	for (size_t u = 0; u < log->nunits; u++)
		if (log->start[u + 1] - log->start[u] > most)
			most = log->start[u + 1] - log->start[u];
	return most;
}

/* The unit's events, equal times put together. */
static void
gather(Work *w, size_t unit)
{
	const BmActivityLog *log = w->log;
	Moment *m = w->moment - 1;

	w->n = 0;
	for (size_t e = log->start[unit]; e < log->start[unit + 1]; e++)
	{
		if (w->n == 0 || log->at[e] != m->at)
		{
			m = &w->moment[w->n++];
			*m = (Moment){.at = log->at[e],
						  .period = log->period ? log->period[e] : (int32_t) log->at[e]};
		}
		m->start = m->start || (log->flags[e] & BM_ACTIVE_START);
		if (!(log->flags[e] & BM_ACTIVE_RETURN))
			continue;
		m->returns++;
		if (log->value)
			m->value += log->value[e];
	}
	w->steps += log->start[unit + 1] - log->start[unit];
}

/* Index of the first moment at or after a time. */
static size_t
find_moment(const Work *w, int64_t at)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi)
	{
		size_t mid = lo + (hi - lo) / 2;

		if (w->moment[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline void
count_cell(Work *w, size_t cell, double value)
{
	w->out->users[cell]++;
	if (w->out->value)
		w->out->value[cell] += value;
}

/* Columns in which the unit returned n times with this sum; k = 0 counts always where spec->same. */
static inline bool
counts(const Work *w, int64_t k, int64_t returns)
{
	return returns >= w->spec->min_count || (k == 0 && w->spec->same);
}

/* N-day and unbounded: walk the periods after anchor in which something happened. */
static void
walk_periods(Work *w, size_t row, int64_t anchor)
{
	const BmRetentionSpec *s = w->spec;
	bool or_after = s->criterion == BM_RETAINED_ON_AFTER;
	int64_t last = -1; /* the latest period that counts */

	for (size_t i = find_moment(w, anchor); i < w->n;)
	{
		int64_t k = (w->moment[i].at - anchor) / s->length, returns = 0;
		double value = 0;

		if (k >= s->periods && !or_after)
			break;
		for (; i < w->n && w->moment[i].at - anchor < (k + 1) * s->length; i++, w->steps++)
		{
			returns += w->moment[i].returns;
			value += w->moment[i].value;
		}
		if (!counts(w, k, returns))
			continue;
		if (!or_after)
			count_cell(w, row + (size_t) k, value);
		else
		{
			/* counted where the last period is; columns before it get their sum at the end */
			last = k < s->periods ? k : s->periods - 1;
			if (w->out->value)
				w->out->value[row + (size_t) last] += value;
		}
	}
	if (last >= 0)
		w->out->users[row + (size_t) last]++;
}

static void
walk_brackets(Work *w, size_t row, int64_t anchor)
{
	const BmRetentionSpec *s = w->spec;

	for (uint32_t b = 0; b < s->periods; b++)
	{
		const BmBracket *range = &s->bracket[b];
		bool open = range->last == INT64_MAX;
		int64_t returns = 0, beyond = open ? 0 : (range->last + 1) * s->length;
		double value = 0;

		for (size_t i = find_moment(w, anchor + range->first * s->length);
			 i < w->n && (open || w->moment[i].at - anchor < beyond); i++, w->steps++)
		{
			returns += w->moment[i].returns;
			value += w->moment[i].value;
		}
		w->steps += 8;
		if (counts(w, range->first, returns))
			count_cell(w, row + b, value);
	}
}

/* One start of the unit: its cohort grows, and its returns are counted. */
static void
add_start(Work *w, uint32_t group, const Moment *m)
{
	const BmRetentionSpec *s = w->spec;
	int64_t cohort = (int64_t) m->period - s->first_cohort, anchor = m->at;
	size_t row;

	if (cohort < 0 || cohort >= s->ncohorts)
		return;
	if (s->round > 1)
		anchor = bmc_floor_div(anchor, s->round) * s->round;
	row = (size_t) group * s->ncohorts + (size_t) cohort;
	w->out->size[row]++;
	if (s->criterion == BM_RETAINED_BRACKET)
		walk_brackets(w, row * s->periods, anchor);
	else
		walk_periods(w, row * s->periods, anchor);
}

static BmStatus
add_unit(Work *w, size_t unit, const BmStop *stop)
{
	uint32_t group = w->log->group ? w->log->group[unit] : 0;
	bool started = false;
	int32_t cohort = 0;

	gather(w, unit);
	for (size_t i = 0; i < w->n; i++)
	{
		const Moment *m = &w->moment[i];

		if (!m->start || (started && (!w->spec->every || m->period == cohort)))
			continue;
		started = true;
		cohort = m->period;
		add_start(w, group, m);
		if (!w->spec->every)
			break;
		if (w->steps >= STOP_STEPS)
		{
			w->steps = 0;
			if (bmc_stop(stop))
				return BM_ESTOP;
		}
	}
	return BM_OK;
}

/* Unbounded: who was counted in a later column was there "on or after" each earlier one. */
static void
sum_later_columns(BmRetention *out, size_t rows, uint32_t periods)
{
	for (size_t row = 0; row < rows; row++)
		for (uint32_t k = periods; k-- > 1;)
		{
			size_t cell = row * periods + k;

			out->users[cell - 1] += out->users[cell];
			if (out->value)
				out->value[cell - 1] += out->value[cell];
		}
}

BmStatus
bmc_retention(BmRetention *out, const BmActivityLog *log, const BmRetentionSpec *spec, BmMem *mem,
			  const BmStop *stop)
{
	size_t most = longest_unit(log);
	Work w = {log, spec, out, NULL, 0, 0};
	BmStatus status = BM_OK;

	w.moment = bmc_alloc(mem, most > 0 ? most : 1, sizeof(Moment));
	if (!w.moment)
		return BM_ENOMEM;
	for (size_t u = 0; u < log->nunits && status == BM_OK; u++)
	{
		status = add_unit(&w, u, stop);
		if (status == BM_OK && w.steps >= STOP_STEPS)
		{
			w.steps = 0;
			if (bmc_stop(stop))
				status = BM_ESTOP;
		}
	}
	bmc_free(mem, w.moment);
	if (status == BM_OK && spec->criterion == BM_RETAINED_ON_AFTER)
		sum_later_columns(out, (size_t) log->ngroups * spec->ncohorts, spec->periods);
	return status;
}

/* ---- what the matrix says ---- */

int64_t
bmc_retention_needs(const BmRetentionSpec *spec, uint32_t k)
{
	const BmBracket *b;

	if (spec->criterion != BM_RETAINED_BRACKET)
		return (int64_t) k + 1;
	b = &spec->bracket[k];
	return (b->last == INT64_MAX ? b->first : b->last) + 1;
}

/* What the share of a cell is a share of; 0 when it is not known. */
static int64_t
reference(const BmRetention *r, const BmRetentionSpec *spec, int64_t horizon, size_t row,
		  uint32_t k, bool previous)
{
	if (!previous || k == 0)
		return r->size[row];
	return horizon >= bmc_retention_needs(spec, k - 1) ? r->users[row * spec->periods + k - 1] : 0;
}

double
bmc_retention_share(const BmRetention *r, const BmRetentionSpec *spec, const int64_t *horizon,
					uint32_t g, uint32_t c, uint32_t k, bool previous)
{
	size_t row = (size_t) g * spec->ncohorts + c;
	int64_t of = reference(r, spec, horizon[c], row, k, previous);

	if (horizon[c] < bmc_retention_needs(spec, k) || of == 0)
		return NAN;
	return (double) r->users[row * spec->periods + k] / (double) of;
}

BmRetentionMean
bmc_retention_mean(const BmRetention *r, const BmRetentionSpec *spec, const int64_t *horizon,
				   uint32_t g, uint32_t k, bool previous, bool simple)
{
	BmRetentionMean mean = {0, 0, 0, 0};
	int64_t of = 0, cohorts = 0;
	double sum = 0;

	for (uint32_t c = 0; c < spec->ncohorts; c++)
	{
		size_t row = (size_t) g * spec->ncohorts + c;
		double share = bmc_retention_share(r, spec, horizon, g, c, k, previous);

		if (horizon[c] < bmc_retention_needs(spec, k))
			continue;
		mean.size += r->size[row];
		mean.users += r->users[row * spec->periods + k];
		if (r->value)
			mean.value += r->value[row * spec->periods + k];
		if (isnan(share))
			continue;
		of += reference(r, spec, horizon[c], row, k, previous);
		cohorts++;
		sum += simple ? share : (double) r->users[row * spec->periods + k];
	}
	mean.share = cohorts == 0 ? NAN : simple ? sum / (double) cohorts : sum / (double) of;
	return mean;
}
