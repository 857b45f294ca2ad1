/*
 * activity_state.c
 *		behav_activity_agg: in which calendar periods a user was active, as a state that can be stored and
 *		merged; and the questions to it.
 *
 * The configuration is one text, "day Europe/Berlin": the grain, and the zone (UTC without one). The
 * state holds the grain, the zone's name, the first start to the microsecond, and a sparse bitmap of
 * periods (core/mine/activity.h).
 */
#include "pattern/states.h"

#include "utils/array.h"
#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "core/mine/activity.h"

/* Words of the configuration. */
enum
{
	GRAIN,
	ZONE,
	FIRST = ZONE + BM_ZONE_WORDS, /* instant of the first start, NO_START without; not compared */
	CONFIG_WORDS
};

#define NO_START ((uint64) PG_INT64_MAX)
#define COMPARED_BYTES (FIRST * sizeof(uint64))
#define MOST_PERIODS 10000
#define CONFIG_TEXT 128 /* bytes of a configuration that is kept parsed */

static const char *
check_activity(const BmFlat *s)
{
	const uint64 *config = bm_flat_config(s);

	if (config[GRAIN] >= BM_GRAINS)
		return "It has an unknown grain.";
	if (!bm_zone_words_valid(config + ZONE))
		return "It has no time zone.";
	if (config[FIRST] != NO_START && !bm_period_time((int64) config[FIRST]))
		return "It has a time out of range.";
	if (!bmc_active_valid(bm_flat_entries(s), (size_t) s->n))
		return "It has a period out of range.";
	return NULL;
}

static const BmFlatKind activity_kind = {.type = "behav_activity_state",
										 .config = "grain and time zone",
										 .id = BM_FLAT_ACTIVITY,
										 .version = 1,
										 .words = 1,
										 .times = false,
										 .config_words = CONFIG_WORDS,
										 .check = check_activity};

BM_FLAT_FUNCTION(behav_activity_state, in, activity_kind);
BM_FLAT_FUNCTION(behav_activity_state, out, activity_kind);
BM_FLAT_FUNCTION(behav_activity_state, recv, activity_kind);
BM_FLAT_FUNCTION(behav_activity_state, send, activity_kind);
BM_FLAT_FUNCTION(behav_activity_state, ignored, activity_kind);

/* ---- the configuration ---- */

typedef struct Config
{
	char text[CONFIG_TEXT];
	size_t len; /* 0: none */
	BmGrain grain;
	BmZone zone;
	uint64 words[CONFIG_WORDS];
} Config;

/* "grain" or "grain zone". */
static void
parse_config(Config *c, const char *text)
{
	char *grain = pstrdup(text), *zone = strchr(grain, ' ');

	if (zone)
	{
		*zone++ = '\0';
		zone += strspn(zone, " ");
	}
	c->grain = bm_grain(grain);
	bm_zone_init(&c->zone, zone && *zone ? zone : "UTC");
	c->words[GRAIN] = c->grain;
	bm_zone_to_words(c->words + ZONE, &c->zone);
	c->words[FIRST] = NO_START;
	pfree(grain);
}

/* Parsed once for many rows; whatever row comes next may bring another one. */
static Config *
config_argument(FunctionCallInfo fcinfo, int i)
{
	static Config last;
	text *t;
	size_t len;

	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"config\" must not be null")));
	t = PG_GETARG_TEXT_PP(i);
	len = VARSIZE_ANY_EXHDR(t);
	if (last.len > 0 && last.len == len && memcmp(last.text, VARDATA_ANY(t), len) == 0)
		return &last;
	last.len = 0;
	parse_config(&last, text_to_cstring(t));
	if (len > 0 && len <= CONFIG_TEXT)
	{
		memcpy(last.text, VARDATA_ANY(t), len);
		last.len = len;
	}
	return &last;
}

/* ---- building ---- */

static BmFlat *
add_word(BmFlat *s, uint64 word)
{
	uint64 *last = bm_flat_entries(s) + s->n - 1;

	if (s->n > 0 && bmc_active_same_block(*last, word))
	{
		*last |= word; /* its block stays: the order, too */
		return s;
	}
	if (bm_flat_size(s, 1) > VARSIZE(s))
		s = bm_state_unite(s, 1, bmc_active_unite);
	return bm_flat_push(s, &word);
}

static BmFlat *
accumulate(FunctionCallInfo fcinfo, bool starts, bool returns, int config_argument_no)
{
	Config *config = config_argument(fcinfo, config_argument_no);
	BmFlat *s = bm_flat_writable(fcinfo, &activity_kind);
	unsigned flags = (starts ? BM_ACTIVE_START : 0) | (returns ? BM_ACTIVE_RETURN : 0);
	uint64 *words;
	int64 t;

	if (s == NULL)
		s = bm_flat_new(&activity_kind, config->words);
	words = (uint64 *) bm_flat_config(s);
	if (memcmp(words, config->words, COMPARED_BYTES) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"config\" changes within one group")));
	t = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	if (!bm_period_time(t))
	{
		s->ignored++;
		return s;
	}
	if (flags == 0)
		return s;
	if (starts && t < (int64) words[FIRST])
		words[FIRST] = (uint64) t;
	return add_word(s, bmc_active_word(bm_zone_period(&config->zone, config->grain, t), flags));
}

/* behav_activity_accum(state, ts, config): every event is a start and a return. */
BM_FUNCTION(behav_activity_accum);
Datum
behav_activity_accum(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(accumulate(fcinfo, true, true, 2));
}

/* behav_activity_accum_flags(state, ts, starts, returns, config): NULL is false. */
BM_FUNCTION(behav_activity_accum_flags);
Datum
behav_activity_accum_flags(PG_FUNCTION_ARGS)
{
	bool starts = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	bool returns = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);

	PG_RETURN_POINTER(accumulate(fcinfo, starts, returns, 4));
}

/* Union of two users' states, which are the same user's. */
BM_FUNCTION(behav_activity_state_combine);
Datum
behav_activity_state_combine(PG_FUNCTION_ARGS)
{
	BmFlat *a = bm_flat_writable(fcinfo, &activity_kind);
	const BmFlat *b;
	uint64 *words, first;

	if (PG_ARGISNULL(1) || a == NULL)
		return bm_flat_combine(fcinfo, &activity_kind);
	b = bm_flat_get(PG_GETARG_DATUM(1), &activity_kind);
	if (bm_flat_size(a, b->n) > VARSIZE(a))
		a = bm_state_unite(a, b->n, bmc_active_unite);
	words = (uint64 *) bm_flat_config(a);
	first = Min((int64) words[FIRST], (int64) bm_flat_config(b)[FIRST]);
	words[FIRST] = bm_flat_config(b)[FIRST]; /* not part of what must be equal */
	a->config_hash = b->config_hash;         /* which therefore tells nothing here */
	a = bm_flat_append(a, b, &activity_kind);
	((uint64 *) bm_flat_config(a))[FIRST] = first;
	PG_RETURN_POINTER(a);
}

BM_FUNCTION(behav_activity_state_final);
Datum
behav_activity_state_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(
		bm_state_united(bm_flat_get(PG_GETARG_DATUM(0), &activity_kind), bmc_active_unite));
}

/* ---- questions ---- */

/* Argument 0, united, with what its configuration says. */
typedef struct Activity
{
	BmFlat *state;
	const uint64 *word;
	size_t n;
	BmGrain grain;
	BmZone *zone;
	int64 first;
} Activity;

static Activity
activity_argument(FunctionCallInfo fcinfo)
{
	Activity a;
	const uint64 *config;

	a.state = bm_state_united(bm_flat_get(PG_GETARG_DATUM(0), &activity_kind), bmc_active_unite);
	config = bm_flat_config(a.state);
	a.word = bm_flat_entries(a.state);
	a.n = (size_t) a.state->n;
	a.grain = (BmGrain) config[GRAIN];
	a.zone = bm_zone_of_words(config + ZONE);
	a.first = (int64) config[FIRST];
	return a;
}

static int64
start_of(const Activity *a, int32 period)
{
	return bm_zone_period_start(a->zone, a->grain, period);
}

/* The first period that begins at or after t. */
static int32
first_period_from(const Activity *a, int64 t)
{
	int32 period;

	if (!bm_period_time(t))
		return t < 0 ? -BM_PERIOD_BIAS : BM_PERIOD_BIAS;
	period = bm_zone_period(a->zone, a->grain, t);
	return start_of(a, period) < t ? period + 1 : period;
}

/* behav_activity_first(state): the first start event. */
BM_FUNCTION(behav_activity_first);
Datum
behav_activity_first(PG_FUNCTION_ARGS)
{
	Activity a = activity_argument(fcinfo);

	if (a.first == (int64) NO_START)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(a.first);
}

/* behav_activity_cohort(state): beginning of the period of the first start event. */
BM_FUNCTION(behav_activity_cohort);
Datum
behav_activity_cohort(PG_FUNCTION_ARGS)
{
	Activity a = activity_argument(fcinfo);
	int32 period;

	if (!bmc_active_first(&period, a.word, a.n))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(start_of(&a, period));
}

/* behav_activity_count(state, since, until): periods with a return that begin in the range. */
BM_FUNCTION(behav_activity_count);
Datum
behav_activity_count(PG_FUNCTION_ARGS)
{
	Activity a;
	int32 from, to;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	a = activity_argument(fcinfo);
	from = PG_ARGISNULL(1) ? -BM_PERIOD_BIAS : first_period_from(&a, PG_GETARG_TIMESTAMPTZ(1));
	to = PG_ARGISNULL(2) ? BM_PERIOD_BIAS : first_period_from(&a, PG_GETARG_TIMESTAMPTZ(2));
	PG_RETURN_INT64((int64) bmc_active_count(a.word, a.n, from, to, BM_ACTIVE_RETURN));
}

/* behav_activity_retained(state, periods, or_after): was there a return in period 0, 1, ... */
BM_FUNCTION(behav_activity_retained);
Datum
behav_activity_retained(PG_FUNCTION_ARGS)
{
	Activity a = activity_argument(fcinfo);
	size_t periods = (size_t) bm_arg_range(fcinfo, 1, "periods", 1, MOST_PERIODS);
	bool *retained = palloc(periods * sizeof(bool));
	Datum *values;
	int32 first;

	if (!bmc_active_first(&first, a.word, a.n))
		PG_RETURN_NULL();
	bmc_active_retained(retained, periods, first, PG_GETARG_BOOL(2), a.word, a.n);
	values = palloc(periods * sizeof(Datum));
	for (size_t k = 0; k < periods; k++)
		values[k] = BoolGetDatum(retained[k]);
	PG_RETURN_ARRAYTYPE_P(construct_array(values, (int) periods, BOOLOID, 1, true, TYPALIGN_CHAR));
}

/* behav_activity_periods(state): a row per active period. */
BM_FUNCTION(behav_activity_periods);
Datum
behav_activity_periods(PG_FUNCTION_ARGS)
{
	Activity a = activity_argument(fcinfo);
	BmActiveWalk walk = bmc_active_walk(a.word, a.n);
	int32 period;
	unsigned flags;

	bm_srf_begin(fcinfo);
	while (bmc_active_next(&walk, &period, &flags))
	{
		Datum v[3] = {TimestampTzGetDatum(start_of(&a, period)),
					  BoolGetDatum((flags & BM_ACTIVE_START) != 0),
					  BoolGetDatum((flags & BM_ACTIVE_RETURN) != 0)};
		bool null[3] = {false};

		bm_srf_row(fcinfo, v, null);
		CHECK_FOR_INTERRUPTS();
	}
	return (Datum) 0;
}
