/*
 * survival.c
 *		behav_survival(source, ...): how long users stay.
 *
 * A user's life begins with the first start event and ends with the last event, if nothing more came for
 * churn_after before the end of what is known. Who has been seen within that time is alive: at the
 * moment churn_after before the end their life was still going on, and there it is censored. So every
 * life is looked at with the same knowledge, and who started later than that tells nothing yet.
 */
#include "pattern/survival.h"

#include <math.h>

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pattern/activity_read.h"

typedef struct Options
{
	double confidence;
} Options;

static const BmOptionSpec option_specs[] = {{"confidence", BM_OPT_FLOAT,
											 offsetof(Options, confidence), "0.95", 0.01, 0.9999,
											 NULL, "Coverage of the band from low to high."},
											{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

#define MOST_UNITS 1000000 /* rows of a curve: two thousand years of days */

typedef struct Call
{
	const BmActivity *activity;
	int64 churn_after, unit; /* microseconds */
	int64 since;             /* lives that began before are left out */
	int64 known_until;       /* churn_after before the end */
} Call;

static int64
churn_argument(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"churn_after\" must not be null")));
	return Min(bm_interval_micros(PG_GETARG_INTERVAL_P(i), "churn_after"), BM_PERIOD_MAX_TIME);
}

static int64
unit_argument(FunctionCallInfo fcinfo, int i)
{
	BmGrain grain = bm_grain(bm_arg_text(fcinfo, i, "unit"));

	if (grain == BM_GRAIN_HOUR)
		return USECS_PER_HOUR;
	if (grain == BM_GRAIN_DAY)
		return USECS_PER_DAY;
	if (grain == BM_GRAIN_WEEK)
		return 7 * USECS_PER_DAY;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("durations cannot be counted in %ss", bm_grain_names[grain]),
					errhint("Use the unit hour, day or week.")));
	return 0;
}

/* A unit's life in whole units of time, and whether it ended; false when it says nothing yet. */
static bool
life_of(const Call *c, size_t u, int64 *duration, bool *ended)
{
	const BmActivityLog *log = &c->activity->log;
	size_t begin = log->start[u], end = log->start[u + 1];
	int64 last;

	while (begin < end && !(log->flags[begin] & BM_ACTIVE_START))
		begin++;
	if (begin == end || log->at[begin] < c->since || log->at[begin] >= c->known_until)
		return false;
	while (end - 1 > begin && !(log->flags[end - 1] & BM_ACTIVE_RETURN))
		end--;
	last = log->at[end - 1];
	*ended = last < c->known_until;
	*duration = ((*ended ? last : c->known_until) - log->at[begin]) / c->unit;
	return true;
}

/* Longest life in units of time, plus one; 0 without any. */
static size_t
count_durations(const Call *c)
{
	int64 most = -1, duration;
	bool ended;

	for (size_t u = 0; u < c->activity->log.nunits; u++)
	{
		if (life_of(c, u, &duration, &ended))
			most = Max(most, duration);
		if ((u & 0xffff) == 0)
			bm_interrupts();
	}
	if (most >= MOST_UNITS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("lives are too long for this unit"),
						errdetail("The longest has %lld units; the limit is %d.", (long long) most,
								  MOST_UNITS),
						errhint("Use the unit day or week.")));
	return (size_t) (most + 1);
}

/* Lives of the units of group g, by duration, ascending; how many durations there are. */
static size_t
collect(const Call *c, uint32 g, BmLifetimes *lives, size_t durations)
{
	const BmActivityLog *log = &c->activity->log;
	size_t n = 0;
	int64 duration;
	bool ended;

	memset(lives, 0, durations * sizeof(BmLifetimes));
	for (size_t u = 0; u < log->nunits; u++)
	{
		if ((log->group && log->group[u] != g) || !life_of(c, u, &duration, &ended))
			continue;
		lives[duration].events += ended;
		lives[duration].censored += !ended;
	}
	bm_interrupts();
	for (size_t d = 0; d < durations; d++)
		if (lives[d].events + lives[d].censored > 0)
		{
			lives[n] = lives[d];
			lives[n++].t = (double) d;
		}
	return n;
}

static double
z_option(FunctionCallInfo fcinfo, int i)
{
	static const BmOptionSpec *const tables[] = {option_specs};
	Jsonb *json = PG_ARGISNULL(i) ? NULL : PG_GETARG_JSONB_P(i);
	Options options;

	bm_options_check(json, tables, 1, "behav_survival");
	bm_options_parse(&options, option_specs, json);
	return bm_survival_z(options.confidence);
}

/*
 * behav_survival(source, churn_after, unit, start_event, event, since, until, breakdown, options)
 */
BM_FUNCTION(behav_survival);
Datum
behav_survival(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine survival", ALLOCSET_DEFAULT_SIZES);
	BmSource *source = bm_source_load(bm_arg_text(fcinfo, 0, "source"));
	BmZone utc;
	BmActivityRequest ask = {.doing = "compute survival",
							 .start_event = bm_arg_event(fcinfo, 3),
							 .return_event = bm_arg_event(fcinfo, 4),
							 .breakdown = bm_arg_text_or_null(fcinfo, 7),
							 .since = PG_INT64_MIN, /* who started before did not start later */
							 .until = bm_arg_time(fcinfo, 6, "until", PG_INT64_MAX),
							 .grain = BM_GRAIN_DAY,
							 .zone = &utc,
							 .instants = true};
	Call c = {.churn_after = churn_argument(fcinfo, 1),
			  .unit = unit_argument(fcinfo, 2),
			  .since = bm_arg_time(fcinfo, 5, "since", PG_INT64_MIN)};
	double z = z_option(fcinfo, 8);
	BmLifetimes *lives;
	size_t durations;
	BmWatch watch;
	BmMem mem;

	bm_check_span(c.since, ask.until);
	bm_zone_init(&utc, "UTC");
	bm_srf_begin(fcinfo);
	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	bm_progress_start(source->name);
	c.activity = bm_activity_read(source, &ask, &mem, &watch);
	bm_progress_end();
	if (c.activity->first <= c.activity->last)
		c.known_until = Min(ask.until == PG_INT64_MAX ? c.activity->last : ask.until,
							GetCurrentTransactionStartTimestamp()) -
						c.churn_after;
	durations = count_durations(&c);
	lives = bmc_alloc(&mem, Max(durations, 1), sizeof(BmLifetimes));
	if (!lives)
		bm_activity_check(BM_ENOMEM, ask.doing);
	for (uint32 g = 0; g < c.activity->log.ngroups; g++)
		bm_survival_rows(fcinfo, lives, collect(&c, g, lives, durations), z,
						 c.activity->group_name[g], true);
	MemoryContextDelete(context);
	return (Datum) 0;
}
