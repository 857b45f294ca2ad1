/*
 * sequence_users.c
 *		behav_sequence_users: the users of a source whose events match a sequence pattern, in one pass
 *		over the source with the caller's rights.
 */
#include "pattern/sequence.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/mine/entries.h"
#include "core/mine/sequence_match.h"
#include "event/log.h"

/* The search through a log, user by user. */
typedef struct Search
{
	BmLog *log;
	BmSequencePattern pattern;
	uint64 word[256];                  /* by behaviour: the conditions that it fulfils */
	uint64 *events, *sorted, *scratch; /* (longest user) entries */
	BmMem *mem;
	BmWatch *watch;
} Search;

static void
check_search(BmStatus status)
{
	bm_check(status, "search the events of a source for a pattern", NULL);
}

/* A behaviour that no event has can be a typing error, or just not have happened. */
static void
note_unknown(const BmLog *log, const char *name)
{
	const char **known = palloc(sizeof(char *) * Max(log->events.view.n, 1));
	const char *nearest;

	for (uint32_t e = 0; e < log->events.view.n; e++)
		known[e] = bm_dict_text(&log->events.view, e);
	nearest = bm_nearest(name, known, (int) log->events.view.n);
	ereport(NOTICE, (errmsg("no event of source \"%s\" is a \"%s\"", log->source->name, name),
					 nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
}

static void
set_words(Search *s, char **conditions, int n)
{
	const BmLog *log = s->log;

	for (int e = 0; e < lengthof(s->word); e++)
		s->word[e] = BM_NO_CONDITION;
	for (int c = 0; c < n; c++)
	{
		uint32_t code =
			bmc_dict_find_bytes(&log->events.view, conditions[c], strlen(conditions[c]));

		if (code == BM_NONE)
			note_unknown(log, conditions[c]);
		else
			s->word[code] &= ~bmc_condition_bit(c);
	}
}

static void
make_room(Search *s)
{
	size_t longest = 0;

	for (uint32_t u = 0; u < s->log->users.view.n; u++)
		longest = Max(longest, s->log->start[u + 1] - s->log->start[u]);
	s->events = bmc_alloc(s->mem, longest, 2 * sizeof(uint64));
	s->sorted = bmc_alloc(s->mem, longest, 2 * sizeof(uint64));
	s->scratch = bmc_alloc(s->mem, longest, 2 * sizeof(uint64));
	if (!s->events || !s->sorted || !s->scratch)
		check_search(BM_ENOMEM);
}

/* The user's events of any condition as sorted entries; the log's order among equal times is another. */
static const uint64 *
user_events(Search *s, uint32_t user, size_t *n)
{
	const BmLog *log = s->log;

	*n = 0;
	for (size_t i = log->start[user]; i < log->start[user + 1]; i++)
	{
		uint64 word = s->word[log->event[i]];

		if (word == BM_NO_CONDITION)
			continue;
		s->events[2 * *n] = (uint64) log->time[i];
		s->events[2 * (*n)++ + 1] = word;
	}
	if (bmc_entries_sorted(s->events, *n, 2, &s->watch->stop))
		return s->events;
	check_search(bmc_entries_sort(s->sorted, s->events, *n, 2, s->scratch, &s->watch->stop));
	return s->sorted;
}

/* A row for the user if there is a match. */
static void
search_user(Search *s, FunctionCallInfo fcinfo, uint32_t user)
{
	size_t n, chain[BM_MAX_ELEMENTS], next;
	const uint64 *events = user_events(s, user, &n);
	const BmStop *stop = &s->watch->stop;
	Datum values[5];
	bool nulls[5] = {false}, found;
	uint64 more;

	check_search(bmc_sequence_find(chain, &found, &next, &s->pattern, events, n, 0, s->mem, stop));
	if (!found)
		return;
	check_search(bmc_sequence_count(&more, &s->pattern, events + 2 * next, n - next, PG_INT64_MAX,
									s->mem, stop));
	values[0] = bm_text_datum(bm_dict_text(&s->log->users.view, user));
	values[1] = Int64GetDatum((int64) more + 1);
	values[2] = TimestampTzGetDatum((TimestampTz) events[2 * chain[0]]);
	values[3] =
		TimestampTzGetDatum((TimestampTz) events[2 * bmc_sequence_last(&s->pattern, chain)]);
	values[4] = bm_sequence_times(&s->pattern, events, chain);
	bm_srf_row(fcinfo, values, nulls);
}

static void
search_log(Search *s, FunctionCallInfo fcinfo)
{
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine sequence row", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);

	for (uint32_t u = 0; u < s->log->users.view.n; u++)
	{
		search_user(s, fcinfo, u);
		MemoryContextReset(row);
		bm_interrupts();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

/* Conditions of argument 2: names of behaviours. */
static char **
arg_behaviours(FunctionCallInfo fcinfo, const BmSource *source, int *n)
{
	char **conditions = bm_arg_text_array(fcinfo, 2, "conditions", n);

	if (*n == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a sequence needs at least one condition"),
						errhint("Name behaviours: conditions => '{view,purchase}'.")));
	if (*n > BM_MAX_CONDITIONS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a sequence has too many conditions"),
						errdetail("It has %d; the limit is %d.", *n, BM_MAX_CONDITIONS)));
	if (source->event == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source \"%s\" has no event column", source->name),
				 errhint("Register it with one, or use the aggregate behav_sequence_match with "
						 "conditions of your own.")));
	return conditions;
}

/* (source, pattern, conditions, within, since, until) */
BM_FUNCTION(behav_sequence_users);
Datum
behav_sequence_users(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "behavmine sequence users",
												  ALLOCSET_DEFAULT_SIZES);
	BmSource *source = bm_source_load(bm_arg_text(fcinfo, 0, "source"));
	char *pattern = bm_arg_text(fcinfo, 1, "pattern"), **conditions;
	int64 since = PG_ARGISNULL(4) ? PG_INT64_MIN : PG_GETARG_TIMESTAMPTZ(4);
	int64 until = PG_ARGISNULL(5) ? PG_INT64_MAX : PG_GETARG_TIMESTAMPTZ(5);
	uint64 within = bm_arg_within(fcinfo, 3);
	BmWatch watch;
	BmMem mem;
	Search s;
	int n;

	bm_srf_begin(fcinfo);
	conditions = arg_behaviours(fcinfo, source, &n);
	bm_sequence_compile(&s.pattern, pattern, (int) strlen(pattern), n);
	if (within > 0)
		s.pattern.within = within;
	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	s.mem = &mem;
	s.watch = &watch;
	bm_progress_start(source->name);
	s.log = bm_log_read(source, since, until, &mem, context, &watch);
	bm_progress_end();
	set_words(&s, conditions, n);
	make_room(&s);
	search_log(&s, fcinfo);
	MemoryContextDelete(context);
	return (Datum) 0;
}
