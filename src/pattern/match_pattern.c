/*
 * match_pattern.c
 *		behav_match_pattern: who follows a pattern, and when.
 */
#include "pattern/pattern_input.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Ids of one element in ascending order, without repeats; returns how many. */
static uint32_t
sort_element(uint32_t *id, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 1; i < n; i++)
	{
		uint32_t v = id[i], j = i;

		for (; j > 0 && id[j - 1] > v; j--)
			id[j] = id[j - 1];
		id[j] = v;
	}
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || id[i] != id[i - 1])
			id[kept++] = id[i];
	return kept;
}

/* The text array as tokens of run->db, as bm_pattern_array writes them. */
static uint32_t *
pattern_tokens(BmPatternRun *run, char **word, int n, uint32_t *length)
{
	uint32_t *token = palloc(sizeof(uint32_t) * Max(n, 1));
	uint32_t *id = palloc(sizeof(uint32_t) * Max(n, 1));
	uint32_t *id_of =
		palloc_extended(sizeof(uint32_t) * Max(run->in.set.nitems, 1), MCXT_ALLOC_HUGE);

	for (uint32_t i = 0; i < run->db.nitems; i++)
		id_of[run->db.code[i]] = i;
	*length = 0;
	for (int w = 0, next; w < n; w = next)
	{
		uint32_t items = 0;

		for (next = w; next < n && (next == w || (run->in.marked && word[next][0] == '+')); next++)
		{
			const char *text = word[next];

			if (run->in.marked && (text[0] == '\\' || (text[0] == '+' && next > w)))
				text++;
			id[items++] = id_of[bm_pattern_token(&run->in, text, "argument \"pattern\"")];
		}
		items = sort_element(id, items);
		for (uint32_t i = 0; i < items; i++)
			token[(*length)++] = BM_TOKEN(id[i], i > 0);
	}
	return token;
}

static void
match_rows(FunctionCallInfo fcinfo, BmPatternRun *run, const uint32_t *token, uint32_t length)
{
	MemoryContext row =
		AllocSetContextCreate(run->context, "behavmine match", ALLOCSET_DEFAULT_SIZES);
	const BmPatternDb *db = &run->db;
	void *scratch = bmc_alloc(&run->mem, bmc_pattern_match_bytes(db), 1);
	BmPatternMatch m;

	if (!scratch)
		bm_pattern_check(BM_ENOMEM, run, "matches");
	for (size_t s = 0; s < db->n; s++)
	{
		MemoryContext old;
		Datum v[4];
		bool null[4] = {false};

		if ((s & 0x3ff) == 0)
			bm_interrupts();
		if (!bmc_pattern_match(&m, db, s, token, length, &run->options.limits, scratch))
			continue;
		old = MemoryContextSwitchTo(row);
		v[0] = bm_text_datum(bm_pattern_owner(&run->in, s));
		v[1] = TimestampTzGetDatum(db->time[m.first]);
		v[2] = TimestampTzGetDatum(db->time[m.last]);
		v[3] = DirectFunctionCall2(timestamp_mi, v[2], v[1]);
		bm_srf_row(fcinfo, v, null);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
}

/* behav_match_pattern(source, pattern text[], options, since, until) */
BM_FUNCTION(behav_match_pattern);
Datum
behav_match_pattern(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const tables[] = {bm_pattern_source_options,
												 bm_pattern_limit_options, NULL};
	char *source = bm_arg_text(fcinfo, 0, "source");
	uint32_t *token, length;
	BmPatternRun *run;
	char **word;
	int n;

	word = bm_arg_text_array(fcinfo, 1, "pattern", &n);
	if (n == 0)
		ereport(ERROR, (errcode(PG_ARGISNULL(1) ? ERRCODE_NULL_VALUE_NOT_ALLOWED
												: ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"pattern\" must name at least one item"),
						errhint("For example pattern => ARRAY['view', 'cart'].")));
	bm_srf_begin(fcinfo);
	run = bm_pattern_begin(source);
	bm_pattern_options(&run->options, PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2),
					   "behav_match_pattern", tables, true);
	bm_pattern_read_source(
		&run->in, source, &run->options, bm_pattern_time(fcinfo, 3, PG_INT64_MIN),
		bm_pattern_time(fcinfo, 4, PG_INT64_MAX), &run->mem, run->context, &run->watch);
	bm_pattern_database(run);
	token = pattern_tokens(run, word, n, &length);
	match_rows(fcinfo, run, token, length);
	bm_pattern_end(run);
	return (Datum) 0;
}
