/*
 * sequence_answer.c
 *		What is asked of a state of event sequences: is there a match, how many, which events. As the
 *		aggregates' final functions by the pattern that the state carries, on stored states by any other.
 */
#include "pattern/sequence.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "core/mine/sequence_match.h"

/* One question: the events in order, the pattern, and what the search needs. */
typedef struct Question
{
	BmSequencePattern pattern;
	const uint64 *events;
	size_t n;
	BmMem mem;
	BmWatch watch;
} Question;

static void
raise_no_pattern(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the state has no pattern"),
					errhint("Give one: behav_sequence_count(state, '(?1).*(?2)').")));
}

/* Arguments: state [, pattern, within]; what is NULL is taken from the state. */
static void
ask(Question *q, FunctionCallInfo fcinfo)
{
	const BmFlat *s = bm_flat_get(PG_GETARG_DATUM(0), &bm_sequence_kind);
	BmSequenceConfig config;

	bm_sequence_config(&config, s);
	if (PG_NARGS() > 1 && !PG_ARGISNULL(1))
	{
		text *pattern = PG_GETARG_TEXT_PP(1);

		config.pattern = VARDATA_ANY(pattern);
		config.pattern_bytes = VARSIZE_ANY_EXHDR(pattern);
		config.within = 0;
	}
	else if (config.all_rows || config.pattern_bytes == 0)
		raise_no_pattern();
	if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
		config.within = bm_arg_within(fcinfo, 2);
	bm_sequence_compile(&q->pattern, config.pattern, config.pattern_bytes, config.conditions);
	if (config.within > 0)
		q->pattern.within = config.within;
	q->events = bm_flat_sorted(s);
	q->n = (size_t) s->n;
	bm_mem_init(&q->mem, CurrentMemoryContext);
	bm_watch_init(&q->watch, 0);
}

static void
check_search(BmStatus status)
{
	bm_check(status, "search the events of one group for a pattern", NULL);
}

static uint64
count_matches(FunctionCallInfo fcinfo, uint64 limit)
{
	Question q;
	uint64 count;

	ask(&q, fcinfo);
	check_search(
		bmc_sequence_count(&count, &q.pattern, q.events, q.n, limit, &q.mem, &q.watch.stop));
	return count;
}

/* Does the pattern match? (state) and (state, pattern, within) */
BM_FUNCTION(behav_sequence_match);
Datum
behav_sequence_match(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(count_matches(fcinfo, 1) > 0);
}

/* How often, without overlap? */
BM_FUNCTION(behav_sequence_count);
Datum
behav_sequence_count(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) count_matches(fcinfo, PG_INT64_MAX));
}

Datum
bm_sequence_times(const BmSequencePattern *p, const uint64 *events, const size_t *chain)
{
	Datum time[BM_MAX_ELEMENTS];
	int n = 0;

	for (int j = 0; j < p->n; j++)
		if (!(p->any >> j & 1))
			time[n++] = TimestampTzGetDatum((TimestampTz) events[2 * chain[j]]);
	return PointerGetDatum(construct_array(time, n, TIMESTAMPTZOID, sizeof(TimestampTz),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* When was the first match? Empty without one. */
BM_FUNCTION(behav_sequence_events);
Datum
behav_sequence_events(PG_FUNCTION_ARGS)
{
	size_t chain[BM_MAX_ELEMENTS], next;
	bool found;
	Question q;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	ask(&q, fcinfo);
	check_search(bmc_sequence_find(chain, &found, &next, &q.pattern, q.events, q.n, 0, &q.mem,
								   &q.watch.stop));
	if (!found)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(TIMESTAMPTZOID));
	PG_RETURN_DATUM(bm_sequence_times(&q.pattern, q.events, chain));
}

/* All matches: number, first and last time, times of the (?N). */
BM_FUNCTION(behav_sequence_matches);
Datum
behav_sequence_matches(PG_FUNCTION_ARGS)
{
	size_t chain[BM_MAX_ELEMENTS], next = 0;
	bool found = true;
	Question q;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	ask(&q, fcinfo);
	for (int64 match = 1; found; match++)
	{
		Datum values[4];
		bool nulls[4] = {false};

		check_search(bmc_sequence_find(chain, &found, &next, &q.pattern, q.events, q.n, next,
									   &q.mem, &q.watch.stop));
		bm_interrupts();
		if (!found)
			break;
		values[0] = Int64GetDatum(match);
		values[1] = TimestampTzGetDatum((TimestampTz) q.events[2 * chain[0]]);
		values[2] =
			TimestampTzGetDatum((TimestampTz) q.events[2 * bmc_sequence_last(&q.pattern, chain)]);
		values[3] = bm_sequence_times(&q.pattern, q.events, chain);
		bm_srf_row(fcinfo, values, nulls);
		pfree(DatumGetPointer(values[3]));
	}
	return (Datum) 0;
}
