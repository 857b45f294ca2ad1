/*
 * funnel_state.c
 *		Funnel aggregates: events of one user into a flat state, the level and the times out of it.
 *
 * An event that matches no condition is not kept, except where a mode asks for it (strict_order), so
 * a state has 16 bytes for each event that matters. The configuration is compared with that of
 * every row, so a window that changes within a group is an error, not a surprise.
 */
#include "pattern/funnel.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

/*
 * What the last call's arguments mean: most calls are like the one before. Arguments are compared by
 * their bytes; without the cache they would be read anew, with the same result.
 */
typedef struct FunnelCache
{
	MemoryContext context; /* holds all of it */
	Interval within;
	int conditions;
	struct varlena *options; /* copies of the arguments, or NULL */
	struct varlena *names;
	const char *name[BM_MAX_STEPS]; /* into names */
	int name_bytes[BM_MAX_STEPS];
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

static inline bool
same_bytes(const struct varlena *a, const struct varlena *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static struct varlena *
copy_bytes(const struct varlena *v)
{
	Size size = v ? VARSIZE_ANY(v) : 0;

	return v ? memcpy(palloc(size), v, size) : NULL;
}

/* The steps' names of the cached array, or of the literal of one, as '{view,cart}'. */
static void
read_names(FunnelCache *cache, bool literal)
{
	ArrayType *array = (ArrayType *) cache->names;
	Datum *values;
	bool *nulls;
	int n;

	if (literal)
		array = DatumGetArrayTypeP(OidInputFunctionCall(
			F_ARRAY_IN, text_to_cstring((const text *) cache->names), TEXTOID, -1));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	if (ARR_NDIM(array) > 1 || n > BM_MAX_STEPS || n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"steps\" must be an array of 1 to %d names", BM_MAX_STEPS)));
	for (int c = 0; c < n; c++)
	{
		if (nulls[c])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"steps\" must not contain nulls")));
		cache->name[c] = VARDATA_ANY(DatumGetPointer(values[c]));
		cache->name_bytes[c] = VARSIZE_ANY_EXHDR(DatumGetPointer(values[c]));
	}
	cache->conditions = n;
}

static FunnelCache *
new_cache(FmgrInfo *flinfo, const Interval *within, const struct varlena *options, int conditions,
		  const struct varlena *names, bool literal)
{
	MemoryContext context =
		AllocSetContextCreate(flinfo->fn_mcxt, "funnel arguments", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	FunnelCache *cache = palloc0(sizeof(FunnelCache));

	cache->context = context;
	cache->within = *within;
	cache->options = copy_bytes(options);
	cache->names = copy_bytes(names);
	cache->conditions = conditions;
	if (names)
		read_names(cache, literal);
	bm_funnel_config(&cache->config, cache->conditions, bm_interval_micros(within, "within"),
					 options ? text_to_cstring((const text *) options) : NULL);
	MemoryContextSwitchTo(old);
	return cache;
}

/* Window (argument 2), options (their argument, or 0), names of steps (theirs, or 0; as a literal). */
static inline const FunnelCache *
call_arguments(FunctionCallInfo fcinfo, int options_arg, int conditions, int names_arg,
			   bool literal)
{
	FunnelCache *cache = fcinfo->flinfo->fn_extra;
	struct varlena *options = NULL, *names = NULL;
	const Interval *within;

	if (unlikely(PG_ARGISNULL(2)))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"within\" must not be null")));
	within = PG_GETARG_INTERVAL_P(2);
	if (options_arg && !PG_ARGISNULL(options_arg))
		options = (struct varlena *) PG_GETARG_TEXT_PP(options_arg);
	if (names_arg && PG_ARGISNULL(names_arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"steps\" must not be null")));
	if (names_arg)
		names = literal ? (struct varlena *) PG_GETARG_TEXT_PP(names_arg)
						: (struct varlena *) PG_GETARG_ARRAYTYPE_P(names_arg);
	if (likely(cache && cache->within.time == within->time && cache->within.day == within->day &&
			   cache->within.month == within->month &&
			   (names_arg || cache->conditions == conditions) &&
			   same_bytes(cache->options, options) && same_bytes(cache->names, names)))
		return cache;
	fcinfo->flinfo->fn_extra = NULL;
	if (cache)
		MemoryContextDelete(cache->context);
	cache = new_cache(fcinfo->flinfo, within, options, conditions, names, literal);
	fcinfo->flinfo->fn_extra = cache;
	return cache;
}

static void
raise_changed(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the window, the options or the number of steps change within a group"),
					errhint("Give them as constants, or group by what they depend on.")));
}

/* The event of this call into state s, or into a new one. */
static inline Datum
add_event(FunctionCallInfo fcinfo, const BmFunnelConfig *config, uint64 word)
{
	BmFlat *s = bm_flat_writable(fcinfo, &funnel_kind);

	if (s == NULL)
		s = bm_flat_new_config(&funnel_kind, config->word, config->nwords);
	else if (unlikely(s->config_hash != config->hash))
		raise_changed();
	if (unlikely(PG_ARGISNULL(1) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1))))
		s->ignored++;
	else if (word != BM_FUNNEL_NOTHING || (config->word[0] >> 16 & BM_FUNNEL_ORDER))
		s = bm_flat_add(s, PG_GETARG_TIMESTAMPTZ(1), word);
	PG_RETURN_POINTER(s);
}

/* Steps as one array of booleans. */
static Datum
accumulate_array(FunctionCallInfo fcinfo, int options_arg, int steps_arg)
{
	uint64 word;
	int conditions;

	if (PG_ARGISNULL(steps_arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the array of a funnel's steps must not be null"),
						errhint("A step may be null: it is then false.")));
	word = conditions_word(PG_GETARG_ARRAYTYPE_P(steps_arg), &conditions);
	return add_event(fcinfo, &call_arguments(fcinfo, options_arg, conditions, 0, false)->config,
					 word);
}

/* Steps as names, of which the event's is one, or several, or none. Bytes are compared. */
static Datum
accumulate_names(FunctionCallInfo fcinfo, int options_arg, int event_arg, bool literal)
{
	const FunnelCache *cache = call_arguments(fcinfo, options_arg, 0, event_arg + 1, literal);
	uint64 word = BM_FUNNEL_NOTHING;

	if (!PG_ARGISNULL(event_arg))
	{
		const text *event = PG_GETARG_TEXT_PP(event_arg);
		int bytes = VARSIZE_ANY_EXHDR(event);

		for (int c = 0; c < cache->conditions; c++)
			if (cache->name_bytes[c] == bytes &&
				memcmp(cache->name[c], VARDATA_ANY(event), bytes) == 0)
				word ^= bmc_funnel_bit(c);
	}
	return add_event(fcinfo, &cache->config, word);
}

/* (state, ts, within, VARIADIC steps) */
BM_FUNCTION(behav_funnel_state_accum);
Datum
behav_funnel_state_accum(PG_FUNCTION_ARGS)
{
	return accumulate_array(fcinfo, 0, 3);
}

/* (state, ts, within, options, VARIADIC steps) */
BM_FUNCTION(behav_funnel_state_accum_options);
Datum
behav_funnel_state_accum_options(PG_FUNCTION_ARGS)
{
	return accumulate_array(fcinfo, 3, 4);
}

/* (state, ts, within, step, step, ...): the server builds no array for each row. */
BM_FUNCTION(behav_funnel_state_accum_steps);
Datum
behav_funnel_state_accum_steps(PG_FUNCTION_ARGS)
{
	int conditions = PG_NARGS() - 3;
	uint64 word = BM_FUNNEL_NOTHING;

	for (int c = 0; c < conditions; c++)
		if (!PG_ARGISNULL(3 + c) && PG_GETARG_BOOL(3 + c))
			word ^= bmc_funnel_bit(c);
	return add_event(fcinfo, &call_arguments(fcinfo, 0, conditions, 0, false)->config, word);
}

/* (state, ts, within, event, names of steps) */
BM_FUNCTION(behav_funnel_state_accum_names);
Datum
behav_funnel_state_accum_names(PG_FUNCTION_ARGS)
{
	return accumulate_names(fcinfo, 0, 3, false);
}

/* (state, ts, within, event, names as a literal): '{view,cart}' without a type would fit two others. */
BM_FUNCTION(behav_funnel_state_accum_literal);
Datum
behav_funnel_state_accum_literal(PG_FUNCTION_ARGS)
{
	return accumulate_names(fcinfo, 0, 3, true);
}

/* (state, ts, within, options, event, names of steps) */
BM_FUNCTION(behav_funnel_state_accum_names_options);
Datum
behav_funnel_state_accum_names_options(PG_FUNCTION_ARGS)
{
	return accumulate_names(fcinfo, 3, 4, false);
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
