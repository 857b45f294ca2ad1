/*
 * funnel_state.c
 *		Funnel aggregates: events of one user into a flat state, the level and the times out of it.
 *
 * An event that matches no condition is not kept, except where a mode asks for it (strict_order), so
 * a state has 16 bytes for each event that matters. The configuration is read from the arguments of
 * every row and compared, so a window that changes within a group is an error, not a surprise.
 */
#include "pattern/funnel.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

/* The window and the options of the last call: most calls are like the one before. */
typedef struct FunnelCache
{
	Interval within;
	int conditions;
	int options_bytes; /* -1: no options */
	char *options;
	BmFunnelConfig config;
} FunnelCache;

static const char *check_funnel(const BmFlat *state);

static const BmFlatKind funnel_kind = {.type = "behav_funnel_state",
									   .config = "steps, window and options",
									   .id = BM_FLAT_FUNNEL,
									   .version = 1,
									   .words = 2,
									   .times = true,
									   .config_words = 2,
									   .config_max = BM_FUNNEL_MAX_CONFIG,
									   .check = check_funnel};

BM_FLAT_TYPE(behav_funnel_state, funnel_kind);
BM_FLAT_FUNCTION(behav_funnel_state, events, funnel_kind);
BM_FLAT_FUNCTION(behav_funnel_state, ignored, funnel_kind);

/* A value from outside: a funnel that exists, and no conditions beyond its own. */
static const char *
check_funnel(const BmFlat *state)
{
	BmFunnelExclusion exclusions[BM_MAX_STEPS];
	BmFunnel f;
	const char *wrong =
		bm_funnel_decode(&f, exclusions, bm_flat_config(state), state->config_words);
	const uint64 *entry = bm_flat_entries(state);
	uint64 beyond;

	if (wrong)
		return wrong;
	beyond = f.steps + f.nexclusions == 64 ? 0 : ~UINT64CONST(0) >> (f.steps + f.nexclusions);
	for (int64 i = 0; i < state->n; i++)
		if ((entry[2 * i + 1] & beyond) != beyond)
			return "It has an event with conditions that the funnel does not have.";
	return NULL;
}

/* ---- transition ---- */

/* Conditions of a row as the word of an entry; NULL is false. */
static inline uint64
conditions_word(ArrayType *array, int *conditions)
{
	const char *value = ARR_DATA_PTR(array);
	const bits8 *nulls = ARR_NULLBITMAP(array);
	uint64 word = BM_FUNNEL_NOTHING;
	int n = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the steps of a funnel must be an array of one dimension")));
	*conditions = n;
	for (int c = 0; c < Min(n, BM_MAX_STEPS); c++)
	{
		if (nulls && !(nulls[c / 8] >> (c % 8) & 1))
			continue;
		if (*value++)
			word ^= bmc_funnel_bit(c);
	}
	return word;
}

static bool
cache_fits(const FunnelCache *cache, const Interval *within, const text *options, int conditions)
{
	if (cache == NULL || cache->conditions != conditions || cache->within.time != within->time ||
		cache->within.day != within->day || cache->within.month != within->month)
		return false;
	if (options == NULL || cache->options_bytes < 0)
		return options == NULL && cache->options_bytes < 0;
	return VARSIZE_ANY_EXHDR(options) == cache->options_bytes &&
		   memcmp(VARDATA_ANY(options), cache->options, cache->options_bytes) == 0;
}

/* The configuration of this call; parsing is skipped where the arguments are those of the last. */
static const BmFunnelConfig *
call_config(FunctionCallInfo fcinfo, int options_arg, int conditions)
{
	FunnelCache *cache = fcinfo->flinfo->fn_extra;
	const Interval *within;
	text *options = NULL;

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"within\" must not be null")));
	within = PG_GETARG_INTERVAL_P(2);
	if (options_arg > 0 && !PG_ARGISNULL(options_arg))
		options = PG_GETARG_TEXT_PP(options_arg);
	if (!cache_fits(cache, within, options, conditions))
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fcinfo->flinfo->fn_extra = NULL;
		if (cache)
			pfree(cache);
		cache = palloc0(sizeof(FunnelCache) + (options ? VARSIZE_ANY_EXHDR(options) : 0));
		MemoryContextSwitchTo(old);
		cache->options = (char *) (cache + 1);
		cache->options_bytes = options ? VARSIZE_ANY_EXHDR(options) : -1;
		if (options)
			memcpy(cache->options, VARDATA_ANY(options), cache->options_bytes);
		cache->within = *within;
		cache->conditions = conditions;
		bm_funnel_config(&cache->config, conditions, bm_interval_micros(within, "within"),
						 options ? text_to_cstring(options) : NULL);
		fcinfo->flinfo->fn_extra = cache;
	}
	return &cache->config;
}

static void
check_same(const BmFlat *s, const BmFunnelConfig *config)
{
	if (s->config_words != config->nwords ||
		memcmp(bm_flat_config(s), config->word, sizeof(uint64) * config->nwords) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the window, the options or the number of steps change within a group"),
				 errhint("Give them as constants, or group by what they depend on.")));
}

static Datum
accumulate(FunctionCallInfo fcinfo, int options_arg, int steps_arg)
{
	BmFlat *s = bm_flat_writable(fcinfo, &funnel_kind);
	const BmFunnelConfig *config;
	uint64 word;
	int conditions;

	if (PG_ARGISNULL(steps_arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the array of a funnel's steps must not be null"),
						errhint("A step may be null: it is then false.")));
	word = conditions_word(PG_GETARG_ARRAYTYPE_P(steps_arg), &conditions);
	config = call_config(fcinfo, options_arg, conditions);
	if (s == NULL)
		s = bm_flat_new_config(&funnel_kind, config->word, config->nwords);
	else
		check_same(s, config);
	if (PG_ARGISNULL(1) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		s->ignored++;
	else if (word != BM_FUNNEL_NOTHING || (config->word[0] >> 16 & BM_FUNNEL_ORDER))
		s = bm_flat_add(s, PG_GETARG_TIMESTAMPTZ(1), word);
	PG_RETURN_POINTER(s);
}

/* (state, ts, within, VARIADIC steps) */
BM_FUNCTION(behav_funnel_state_accum);
Datum
behav_funnel_state_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, -1, 3);
}

/* (state, ts, within, options, VARIADIC steps) */
BM_FUNCTION(behav_funnel_state_accum_options);
Datum
behav_funnel_state_accum_options(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, 3, 4);
}

/* ---- answers ---- */

/* Level of a state; -1: dropped. times (steps) may be NULL. */
static int
state_level(const BmFlat *s, BmFunnel *f, BmFunnelExclusion *exclusions, int64 *times)
{
	const char *wrong = bm_funnel_decode(f, exclusions, bm_flat_config(s), s->config_words);
	size_t bytes;
	BmWatch watch;
	int level;

	if (wrong)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a value of type behav_funnel_state is damaged"), errdetail("%s", wrong)));
	bytes = bmc_funnel_scratch(f, times != NULL);
	bm_watch_init(&watch, 0);
	bm_check(bmc_funnel(&level, times, f, bm_flat_sorted(s), (size_t) s->n,
						bytes ? palloc(bytes) : NULL, &watch.stop),
			 "walk through the events of one group", NULL);
	return level;
}

/* The level of a state, and the FINALFUNC of the aggregate; NULL for a user that is dropped. */
BM_FUNCTION(behav_funnel_level);
Datum
behav_funnel_level(PG_FUNCTION_ARGS)
{
	BmFunnelExclusion exclusions[BM_MAX_STEPS];
	BmFunnel f;
	int level = state_level(bm_flat_get(PG_GETARG_DATUM(0), &funnel_kind), &f, exclusions, NULL);

	if (level < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(level);
}

/* When each step of the deepest chain was done. */
BM_FUNCTION(behav_funnel_times);
Datum
behav_funnel_times(PG_FUNCTION_ARGS)
{
	BmFunnelExclusion exclusions[BM_MAX_STEPS];
	int64 times[BM_MAX_STEPS];
	Datum values[BM_MAX_STEPS];
	bool nulls[BM_MAX_STEPS];
	BmFunnel f;
	int dims[1], lbound[1] = {1};
	int level = state_level(bm_flat_get(PG_GETARG_DATUM(0), &funnel_kind), &f, exclusions, times);

	if (level < 0)
		PG_RETURN_NULL();
	if (level == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(TIMESTAMPTZOID));
	dims[0] = f.modes == BM_FUNNEL_ANY ? f.steps : level;
	for (int j = 0; j < dims[0]; j++)
	{
		nulls[j] = times[j] == PG_INT64_MIN;
		values[j] = TimestampTzGetDatum(times[j]);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, 1, dims, lbound, TIMESTAMPTZOID,
											 sizeof(TimestampTz), FLOAT8PASSBYVAL,
											 TYPALIGN_DOUBLE));
}
