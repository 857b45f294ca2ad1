/*
 * rhythm.c
 *		behav_rhythm and behav_rhythm_strength on a source.
 */
#include "pattern/rhythm.h"

#include "utils/memutils.h"

#include "pattern/activity_read.h"

typedef struct Options
{
	int count; /* 0 events, 1 hours in which a user was active */
} Options;

static const BmOptionSpec option_specs[] = {{"count", BM_OPT_ENUM, offsetof(Options, count),
											 "events", 0, 0, "events|user_hours",
											 "Every event, or each user once in an hour."},
											{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static void
count_event(void *arg, int64 t)
{
	bm_rhythm_add(arg, t);
}

/* Each hour (of UTC) of each user once, at the time of its first event. */
static void
count_user_hours(BmRhythm *r, const BmActivityLog *log)
{
	for (size_t u = 0; u < log->nunits; u++)
	{
		for (size_t e = log->start[u]; e < log->start[u + 1]; e++)
			if (e == log->start[u] || log->period[e] != log->period[e - 1])
				bm_rhythm_add(r, log->at[e]);
		if ((u & 0xfff) == 0)
			bm_interrupts();
	}
}

/* Arguments source, time_zone, event, since, until, options of both functions; r is filled. */
static void
count_rhythm(FunctionCallInfo fcinfo, BmRhythm *r, BmZone *zone)
{
	static const BmOptionSpec *const tables[] = {option_specs};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine rhythm", ALLOCSET_DEFAULT_SIZES);
	BmSource *source = bm_source_load(bm_arg_text(fcinfo, 0, "source"));
	Jsonb *json = PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5);
	const char *event = bm_arg_event(fcinfo, 2);
	BmActivityRequest ask = {.doing = "compute the rhythm",
							 .start_event = event,
							 .return_event = event,
							 .since = bm_arg_time(fcinfo, 3, "since", PG_INT64_MIN),
							 .until = bm_arg_time(fcinfo, 4, "until", PG_INT64_MAX),
							 .grain = BM_GRAIN_HOUR,
							 .zone = zone,
							 .instants = true};
	BmActivity *activity;
	Options options;
	BmWatch watch;
	BmMem mem;

	bm_zone_init(zone, bm_arg_event(fcinfo, 1));
	bm_check_span(ask.since, ask.until);
	bm_options_check(json, tables, 1, "behav_rhythm");
	bm_options_parse(&options, option_specs, json);
	bm_rhythm_init(r, zone);
	if (options.count == 0)
	{
		ask.each = count_event;
		ask.arg = r;
	}
	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	bm_progress_start(source->name);
	activity = bm_activity_read(source, &ask, &mem, &watch);
	bm_progress_end();
	if (options.count == 1)
		count_user_hours(r, &activity->log);
	MemoryContextDelete(context);
}

/* behav_rhythm(source, time_zone, event, since, until, options) */
BM_FUNCTION(behav_rhythm);
Datum
behav_rhythm(PG_FUNCTION_ARGS)
{
	BmRhythm r;
	BmZone zone;

	bm_srf_begin(fcinfo);
	count_rhythm(fcinfo, &r, &zone);
	bm_rhythm_rows(fcinfo, &r);
	return (Datum) 0;
}

/* behav_rhythm_strength(source, time_zone, event, since, until, options) */
BM_FUNCTION(behav_rhythm_strength);
Datum
behav_rhythm_strength(PG_FUNCTION_ARGS)
{
	BmRhythm r;
	BmZone zone;

	bm_srf_begin(fcinfo);
	count_rhythm(fcinfo, &r, &zone);
	bm_rhythm_strength_row(fcinfo, &r);
	return (Datum) 0;
}
