/*
 * retention.c
 *		behav_retention(source, ...): cohorts and who came back; the matrix as rows.
 */
#include "pattern/activity_read.h"

#include <math.h>

#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#define MOST_PERIODS 10000
#define MOST_BRACKETS 1000

typedef enum Reference
{
	OF_START,
	OF_PREVIOUS
} Reference;

typedef enum Summary
{
	SUMMARY_WEIGHTED,
	SUMMARY_SIMPLE,
	SUMMARY_NONE
} Summary;

typedef struct Options
{
	int criterion; /* BmRetentionCriterion */
	Jsonb *brackets;
	int clock;  /* 0 calendar, 1 rolling */
	int cohort; /* 0 first, 1 every */
	int reference, summary;
	int min_count;
	bool round_to_hour;
} Options;

#define OPT(field) offsetof(Options, field)

static const BmOptionSpec option_specs[] = {
	{"criterion", BM_OPT_ENUM, OPT(criterion), "on", 0, 0, "on|on_or_after|bracket",
	 "Came back in that period, in it or later, or in a range of periods."},
	{"brackets", BM_OPT_JSON, OPT(brackets), NULL, 0, 0, NULL,
	 "Ranges of periods after the start, as [[1, 3], [4, 7], [8, null]]."},
	{"clock", BM_OPT_ENUM, OPT(clock), "calendar", 0, 0, "calendar|rolling",
	 "Periods of the calendar, or spans of 24 hours (a week, 30 days) from a user's own start."},
	{"cohort", BM_OPT_ENUM, OPT(cohort), "first", 0, 0, "first|every",
	 "A user is in the cohort of the first start event ever, or of each period with one."},
	{"reference", BM_OPT_ENUM, OPT(reference), "start", 0, 0, "start|previous",
	 "Shares of the cohort, or of the period before."},
	{"summary", BM_OPT_ENUM, OPT(summary), "weighted", 0, 0, "weighted|simple|none",
	 "The row over all cohorts: weighted by size, the mean of the cohorts' shares, or none."},
	{"min_count", BM_OPT_INT, OPT(min_count), "1", 1, 1000000, NULL,
	 "Return events that a user needs in a period."},
	{"round_to_hour", BM_OPT_BOOL, OPT(round_to_hour), "false", 0, 0, NULL,
	 "Rolling periods begin at the full hour before the start event."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

typedef struct Call
{
	FunctionCallInfo fcinfo;
	Options options;
	BmGrain grain;
	BmZone zone;
	BmActivity *activity;
	BmRetentionSpec spec;
	BmRetention matrix;
	int64 *horizon;    /* (cohorts) periods finished for everybody in the cohort */
	Datum *start_date; /* (cohorts) */
	bool breakdown;
} Call;

/* ---- options ---- */

static void
bad_brackets(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"brackets\" must be an array of ranges of periods"),
					errdetail("A range is two whole numbers from 0 to %d, the first not above the "
							  "second; null as the second leaves it open.",
							  MOST_PERIODS),
					errhint("For example {\"criterion\": \"bracket\", \"brackets\": [[0, 0], [1, "
							"3], [4, 7], [8, null]]}.")));
}

/* A whole number from 0 to MOST_PERIODS; INT64_MAX for an open end. */
static int64
bracket_bound(const JsonbValue *v, bool end)
{
	double d;

	if (end && v && v->type == jbvNull)
		return PG_INT64_MAX;
	if (!v || v->type != jbvNumeric)
		bad_brackets();
	d = DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric)));
	if (!(d >= 0 && d <= MOST_PERIODS) || d != floor(d))
		bad_brackets();
	return (int64) d;
}

static BmBracket *
parse_brackets(Jsonb *json, uint32 *n)
{
	uint32 count = JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json) ? JB_ROOT_COUNT(json) : 0;
	BmBracket *bracket = palloc(sizeof(BmBracket) * Max(count, 1));

	if (count < 1 || count > MOST_BRACKETS)
		bad_brackets();
	for (uint32 i = 0; i < count; i++)
	{
		JsonbValue *range = getIthJsonbValueFromContainer(&json->root, i);
		JsonbContainer *pair = range->type == jbvBinary ? range->val.binary.data : NULL;

		if (!pair || !JsonContainerIsArray(pair) || JsonContainerSize(pair) != 2)
			bad_brackets();
		bracket[i].first = bracket_bound(getIthJsonbValueFromContainer(pair, 0), false);
		bracket[i].last = bracket_bound(getIthJsonbValueFromContainer(pair, 1), true);
		if (bracket[i].last < bracket[i].first)
			bad_brackets();
	}
	*n = count;
	return bracket;
}

/* Microseconds of a rolling period. */
static int64
rolling_length(BmGrain grain)
{
	switch (grain)
	{
	case BM_GRAIN_HOUR:
		return USECS_PER_HOUR;
	case BM_GRAIN_DAY:
		return USECS_PER_DAY;
	case BM_GRAIN_WEEK:
		return 7 * USECS_PER_DAY;
	case BM_GRAIN_MONTH:
		return 30 * USECS_PER_DAY;
	default:
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("rolling periods cannot be a %s long", bm_grain_names[grain]),
						errhint("Use the grain hour, day, week or month (30 days), or the "
								"calendar's clock.")));
	}
	return 0;
}

static void
parse_options(Call *c)
{
	static const BmOptionSpec *const tables[] = {option_specs};
	FunctionCallInfo fcinfo = c->fcinfo;
	Jsonb *json = PG_ARGISNULL(9) ? NULL : PG_GETARG_JSONB_P(9);
	Options *o = &c->options;
	BmRetentionSpec *s = &c->spec;

	bm_options_check(json, tables, 1, "behav_retention");
	bm_options_parse(o, option_specs, json);
	s->periods = (uint32) bm_arg_range(fcinfo, 2, "periods", 1, MOST_PERIODS);
	s->criterion = (BmRetentionCriterion) o->criterion;
	if (o->brackets && s->criterion == BM_RETAINED_ON_AFTER)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"brackets\" does not go with criterion on_or_after"),
						errhint("Leave one of them out.")));
	if (s->criterion == BM_RETAINED_BRACKET && !o->brackets)
		bad_brackets();
	if (o->brackets)
	{
		s->criterion = BM_RETAINED_BRACKET;
		s->bracket = parse_brackets(o->brackets, &s->periods);
	}
	s->every = o->cohort == 1;
	s->min_count = o->min_count;
	s->length = o->clock == 1 ? rolling_length(c->grain) : 1;
	s->round = o->clock == 1 && o->round_to_hour ? USECS_PER_HOUR : 1;
}

/* ---- the matrix ---- */

/* Cohorts from the first that begins at or after since to that of the last event. */
static void
find_cohorts(Call *c, int64 since)
{
	const BmActivity *a = c->activity;
	int32 last;

	c->spec.ncohorts = 0;
	if (a->first > a->last)
		return;
	c->spec.first_cohort = bm_first_period(a, &c->zone, c->grain, since);
	last = bm_zone_period(&c->zone, c->grain, a->last);
	if (last >= c->spec.first_cohort)
		c->spec.ncohorts = (uint32) (last - c->spec.first_cohort) + 1;
}

/*
 * Periods that are over for everybody in each cohort. On the calendar that is a matter of numbers; a
 * rolling period is over when it is for who started last in the cohort's period.
 */
static void
find_horizons(Call *c, int64 observed)
{
	uint32 n = c->spec.ncohorts;
	int32 complete = bm_zone_period(&c->zone, c->grain, observed) - 1;

	c->horizon = palloc(sizeof(int64) * Max(n, 1));
	c->start_date = palloc(sizeof(Datum) * Max(n, 1));
	for (uint32 i = 0; i < n; i++)
	{
		int32 period = c->spec.first_cohort + (int32) i;

		c->start_date[i] = TimestampTzGetDatum(bm_zone_period_start(&c->zone, c->grain, period));
		c->horizon[i] =
			c->options.clock == 0
				? (int64) complete - period + 1
				: bmc_floor_div(observed - bm_zone_period_start(&c->zone, c->grain, period + 1),
								c->spec.length);
	}
}

static void
compute(Call *c, BmMem *mem, BmWatch *watch)
{
	BmRetentionSpec *s = &c->spec;
	size_t rows = bmc_mul(c->activity->log.ngroups, s->ncohorts);
	size_t cells = bmc_mul(rows, s->periods);
	bool values = c->activity->log.value != NULL;

	bm_check_memory(mem, bmc_mul(cells, values ? 16 : 8), "the retention matrix",
					"Ask for fewer periods, a coarser grain, or a later \"since\"; or raise "
					"behavmine.max_memory.");
	c->matrix.size = bmc_alloc0(mem, Max(rows, 1), sizeof(int64));
	c->matrix.users = bmc_alloc0(mem, Max(cells, 1), sizeof(int64));
	c->matrix.value = values ? bmc_alloc0(mem, Max(cells, 1), sizeof(double)) : NULL;
	if (!c->matrix.size || !c->matrix.users || (values && !c->matrix.value))
		bm_activity_check(BM_ENOMEM, "compute retention");
	bm_activity_check(bmc_retention(&c->matrix, &c->activity->log, s, mem, &watch->stop),
					  "compute retention");
}

/* ---- rows ---- */

/* "day 3", "day 3+", "day 4-7". */
static Datum
label(const Call *c, uint32 k)
{
	const char *grain = bm_grain_names[c->grain];
	const BmBracket *b;

	if (c->spec.criterion != BM_RETAINED_BRACKET)
		return bm_text_datum(
			psprintf(c->spec.criterion == BM_RETAINED_ON ? "%s %u" : "%s %u+", grain, k));
	b = &c->spec.bracket[k];
	if (b->last == PG_INT64_MAX)
		return bm_text_datum(psprintf("%s %d+", grain, (int) b->first));
	if (b->first == b->last)
		return bm_text_datum(psprintf("%s %d", grain, (int) b->first));
	return bm_text_datum(psprintf("%s %d-%d", grain, (int) b->first, (int) b->last));
}

static void
put_row(Call *c, uint32 g, Datum cohort, bool summary, uint32 k, Datum text, int64 size,
		int64 users, double share, double value, bool finished)
{
	const char *name = c->activity->group_name[g];
	bool null[8] = {summary,
					false,
					false,
					false,
					!finished,
					!finished || isnan(share),
					!finished || !c->matrix.value,
					name == NULL};
	Datum v[8] = {cohort,
				  Int64GetDatum(size),
				  Int32GetDatum((int32) k),
				  text,
				  Int64GetDatum(users),
				  Float8GetDatum(share),
				  Float8GetDatum(value)};

	if (name)
		v[7] = bm_text_datum(name);
	bm_srf_row(c->fcinfo, v, null);
}

static void
put_cohort(Call *c, uint32 g, uint32 cohort, const Datum *labels)
{
	const BmRetentionSpec *s = &c->spec;
	size_t row = (size_t) g * s->ncohorts + cohort;

	if (c->matrix.size[row] == 0)
		return;
	for (uint32 k = 0; k < s->periods; k++)
	{
		size_t cell = row * s->periods + k;

		put_row(c, g, c->start_date[cohort], false, k, labels[k], c->matrix.size[row],
				c->matrix.users[cell],
				bmc_retention_share(&c->matrix, s, c->horizon, g, cohort, k,
									c->options.reference == OF_PREVIOUS),
				c->matrix.value ? c->matrix.value[cell] : 0,
				c->horizon[cohort] >= bmc_retention_needs(s, k));
	}
	bm_interrupts();
}

static void
put_summary(Call *c, uint32 g, const Datum *labels)
{
	const BmRetentionSpec *s = &c->spec;

	for (uint32 k = 0; k < s->periods; k++)
	{
		BmRetentionMean m =
			bmc_retention_mean(&c->matrix, s, c->horizon, g, k, c->options.reference == OF_PREVIOUS,
							   c->options.summary == SUMMARY_SIMPLE);

		put_row(c, g, (Datum) 0, true, k, labels[k], m.size, m.users, m.share, m.value, m.size > 0);
		bm_interrupts();
	}
}

static void
put_rows(Call *c)
{
	Datum *labels = palloc(sizeof(Datum) * c->spec.periods);

	for (uint32 k = 0; k < c->spec.periods; k++)
		labels[k] = label(c, k);
	for (uint32 g = 0; g < c->activity->log.ngroups; g++)
	{
		for (uint32 cohort = 0; cohort < c->spec.ncohorts; cohort++)
			put_cohort(c, g, cohort, labels);
		if (c->options.summary != SUMMARY_NONE && c->spec.ncohorts > 0)
			put_summary(c, g, labels);
	}
}

/* Is every start a return? Then a cohort's period 0 is all of it. */
static bool
same_event(const BmActivityRequest *ask)
{
	return !ask->return_event ||
		   (ask->start_event && strcmp(ask->start_event, ask->return_event) == 0);
}

/*
 * behav_retention(source, grain, periods, start_event, return_event, time_zone, since, until, breakdown,
 * options)
 */
BM_FUNCTION(behav_retention);
Datum
behav_retention(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine retention", ALLOCSET_DEFAULT_SIZES);
	BmSource *source = bm_source_load(bm_arg_text(fcinfo, 0, "source"));
	Call *c = palloc0(sizeof(Call));
	BmActivityRequest ask = {.doing = "compute retention",
							 .start_event = bm_arg_event(fcinfo, 3),
							 .return_event = bm_arg_event(fcinfo, 4),
							 .breakdown = bm_arg_text_or_null(fcinfo, 8),
							 .since = PG_INT64_MIN, /* who started before is in no later cohort */
							 .until = bm_arg_time(fcinfo, 7, "until", PG_INT64_MAX),
							 .zone = &c->zone,
							 .values = true};
	int64 since = bm_arg_time(fcinfo, 6, "since", PG_INT64_MIN);
	BmWatch watch;
	BmMem mem;

	c->fcinfo = fcinfo;
	c->grain = ask.grain = bm_grain(bm_arg_text(fcinfo, 1, "grain"));
	bm_zone_init(&c->zone, bm_arg_event(fcinfo, 5));
	bm_check_span(since, ask.until);
	parse_options(c);
	c->spec.same = same_event(&ask);
	ask.instants = c->options.clock == 1;
	ask.repeats = c->spec.min_count > 1 || source->value != NULL;

	bm_srf_begin(fcinfo);
	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	bm_progress_start(source->name);
	c->activity = bm_activity_read(source, &ask, &mem, &watch);
	find_cohorts(c, since);
	find_horizons(c, bm_observed_until(c->activity, &c->zone, ask.until));
	compute(c, &mem, &watch);
	bm_progress_end();
	put_rows(c);
	MemoryContextDelete(context);
	return (Datum) 0;
}
