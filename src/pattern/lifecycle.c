/*
 * lifecycle.c
 *		behav_lifecycle and behav_stickiness: users by what they are in each period, and by the number of
 *		periods they are active in.
 */
#include "pattern/activity_read.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A call's arguments, what was read, and the periods that it answers for. */
typedef struct Call
{
	FunctionCallInfo fcinfo;
	MemoryContext context;
	BmSource *source;
	BmActivityRequest ask;
	BmZone zone;
	int64 since;
	BmMem mem;
	BmWatch watch;
	BmActivity *activity;
	int32 first, complete; /* first period; last one that is over */
	uint32 nperiods;
} Call;

/* Arguments source, grain, event, time_zone, since, until, breakdown of both functions. */
static Call *
call_arguments(FunctionCallInfo fcinfo, const char *doing)
{
	Call *c = palloc0(sizeof(Call));
	const char *event = bm_arg_event(fcinfo, 2);

	c->fcinfo = fcinfo;
	c->context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine lifecycle", ALLOCSET_DEFAULT_SIZES);
	c->source = bm_source_load(bm_arg_text(fcinfo, 0, "source"));
	bm_zone_init(&c->zone, bm_arg_event(fcinfo, 3));
	c->since = bm_arg_time(fcinfo, 4, "since", PG_INT64_MIN);
	c->ask = (BmActivityRequest){.doing = doing,
								 .start_event = event,
								 .return_event = event,
								 .breakdown = bm_arg_text_or_null(fcinfo, 6),
								 .since = PG_INT64_MIN,
								 .until = bm_arg_time(fcinfo, 5, "until", PG_INT64_MAX),
								 .grain = bm_grain(bm_arg_text(fcinfo, 1, "grain")),
								 .zone = &c->zone};
	bm_check_span(c->since, c->ask.until);
	bm_mem_init(&c->mem, c->context);
	bm_watch_init(&c->watch, 0);
	return c;
}

/*
 * Read; the periods from the first that begins at or after since to that of the last event, or to the
 * last that is known to be over: quiet ones count, too.
 */
static void
read_activity(Call *c)
{
	const BmActivity *a;
	int32 last;

	bm_progress_start(c->source->name);
	a = c->activity = bm_activity_read(c->source, &c->ask, &c->mem, &c->watch);
	bm_progress_end();
	if (a->first > a->last)
		return;
	c->complete =
		bm_zone_period(&c->zone, c->ask.grain, bm_observed_until(a, &c->zone, c->ask.until)) - 1;
	c->first = bm_first_period(a, &c->zone, c->ask.grain, c->since);
	last = Max(bm_zone_period(&c->zone, c->ask.grain, a->last), c->complete);
	c->nperiods = last < c->first ? 0 : (uint32) (last - c->first) + 1;
}

/* Zeroed counts (groups, n). */
static int64 *
count_array(Call *c, size_t n)
{
	size_t cells = bmc_mul(c->activity->log.ngroups, n);
	int64 *count;

	bm_check_memory(&c->mem, bmc_mul(cells, sizeof(int64)), "counting by period",
					"Use a coarser grain, or a later \"since\"; or raise behavmine.max_memory.");
	count = bmc_alloc0(&c->mem, Max(cells, 1), sizeof(int64));
	if (!count)
		bm_activity_check(BM_ENOMEM, c->ask.doing);
	return count;
}

/* The group's name as the value of a column. */
static Datum
group_datum(const Call *c, uint32 g, bool *null)
{
	const char *name = c->activity->group_name[g];

	*null = name == NULL;
	return name ? bm_text_datum(name) : (Datum) 0;
}

/* One row of the lifecycle: dormant users are known once the period is over. */
static void
put_period(const Call *c, uint32 g, uint32 p, const int64 *count)
{
	int32 period = c->first + (int32) p;
	bool complete = period <= c->complete;
	bool null[7] = {false, false, false, false, !complete, false, false};
	Datum v[7];

	v[0] = TimestampTzGetDatum(bm_zone_period_start(&c->zone, c->ask.grain, period));
	for (int s = 0; s < BM_LIFE_STATES; s++)
		v[1 + s] = Int64GetDatum(count[s]);
	v[5] = BoolGetDatum(complete);
	v[6] = group_datum(c, g, &null[6]);
	bm_srf_row(c->fcinfo, v, null);
	CHECK_FOR_INTERRUPTS();
}

/* behav_lifecycle(source, grain, event, time_zone, since, until, breakdown) */
BM_FUNCTION(behav_lifecycle);
Datum
behav_lifecycle(PG_FUNCTION_ARGS)
{
	Call *c = call_arguments(fcinfo, "compute the lifecycle");
	int64 *count;

	bm_srf_begin(fcinfo);
	read_activity(c);
	count = count_array(c, bmc_mul(c->nperiods, BM_LIFE_STATES));
	bm_activity_check(
		bmc_lifecycle(count, &c->activity->log, c->first, c->nperiods, &c->watch.stop),
		c->ask.doing);
	for (uint32 g = 0; g < c->activity->log.ngroups; g++)
		for (uint32 p = 0; p < c->nperiods; p++)
			put_period(c, g, p, count + ((size_t) g * c->nperiods + p) * BM_LIFE_STATES);
	MemoryContextDelete(c->context);
	return (Datum) 0;
}

/* ---- stickiness ---- */

typedef struct StickyOptions
{
	int min_count;
} StickyOptions;

static const BmOptionSpec sticky_specs[] = {
	{"min_count", BM_OPT_INT, offsetof(StickyOptions, min_count), "1", 1, 1000000, NULL,
	 "Events that a user needs in a period to be active in it."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* Rows of one group: n periods, n = 1 .. all of them. */
static void
put_group(const Call *c, uint32 g, const int64 *count)
{
	int64 total = 0, at_least;

	for (uint32 n = 1; n <= c->nperiods; n++)
		total += count[n];
	at_least = total;
	for (uint32 n = 1; n <= c->nperiods; n++)
	{
		bool null[5] = {false, false, total == 0, false, false};
		Datum v[5] = {Int32GetDatum((int32) n), Int64GetDatum(count[n]),
					  Float8GetDatum(total > 0 ? (double) count[n] / (double) total : 0),
					  Int64GetDatum(at_least)};

		v[4] = group_datum(c, g, &null[4]);
		bm_srf_row(c->fcinfo, v, null);
		at_least -= count[n];
		CHECK_FOR_INTERRUPTS();
	}
}

/* behav_stickiness(source, grain, event, time_zone, since, until, breakdown, options) */
BM_FUNCTION(behav_stickiness);
Datum
behav_stickiness(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const tables[] = {sticky_specs};
	Call *c = call_arguments(fcinfo, "compute stickiness");
	Jsonb *json = PG_ARGISNULL(7) ? NULL : PG_GETARG_JSONB_P(7);
	StickyOptions options;
	int64 *count;

	bm_options_check(json, tables, 1, "behav_stickiness");
	bm_options_parse(&options, sticky_specs, json);
	c->ask.repeats = options.min_count > 1;
	c->ask.since = c->since; /* what was before does not matter here */
	bm_srf_begin(fcinfo);
	read_activity(c);
	/* a period that is not over yet would make everybody look less sticky */
	if (c->nperiods > 0)
		c->nperiods = (uint32) Max(0, Min((int64) c->nperiods, (int64) c->complete - c->first + 1));
	count = count_array(c, (size_t) c->nperiods + 1);
	bm_activity_check(bmc_stickiness(count, &c->activity->log, c->first, c->nperiods,
									 options.min_count, &c->watch.stop),
					  c->ask.doing);
	for (uint32 g = 0; g < c->activity->log.ngroups; g++)
		put_group(c, g, count + (size_t) g * (c->nperiods + 1));
	MemoryContextDelete(c->context);
	return (Datum) 0;
}
