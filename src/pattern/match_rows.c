/*
 * match_rows.c
 *		Row patterns over the rows of one group: which rows make a match, and what each stands for.
 */
#include "pattern/sequence.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "core/mine/row_match.h"
#include "pattern/caret.h"

/* The names of the conditions, as they stand one after the other in a configuration. */
static void
split_names(const BmSequenceConfig *config, const char **name, size_t *len, Datum *label)
{
	const char *at = config->names;

	if (!config->all_rows)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the state is not one of behav_match_rows_agg"),
			 errdetail("Its conditions have no names, and rows without a condition are not in it."),
			 errhint("Make it with behav_match_rows_agg('{A,B}', ts, condition, condition).")));
	for (int i = 0; i < config->conditions; i++)
	{
		name[i] = at;
		len[i] = strlen(at);
		label[i] = bm_text_datum(at);
		at += len[i] + 1;
	}
}

/* "Names are A, B." with the one that is nearest to what stands at the fault. */
static char *
names_hint(const char *pattern, const BmPatternError *error, const char **name, int n)
{
	size_t len = strcspn(pattern + error->at, " \t\n\r\f\v()|,*+?{}$^\"");
	const char *near = bm_nearest(pnstrdup(pattern + error->at, len), name, n);
	StringInfoData s;

	initStringInfo(&s);
	if (near)
		appendStringInfo(&s, "Perhaps you meant \"%s\". ", near);
	appendStringInfoString(&s, n == 1 ? "The only name is " : "Names are ");
	for (int i = 0; i < n; i++)
		appendStringInfo(&s, "%s%s", i > 0 ? ", " : "", name[i]);
	appendStringInfoString(&s, "; they are told apart by case.");
	return s.data;
}

static void
compile(BmRowProgram *program, const char *pattern, const char **name, const size_t *len, int n,
		BmMem *mem)
{
	BmRowNames names = {name, len, n};
	BmPatternError error;
	BmStatus status;

	if (strlen(pattern) > BM_MAX_PATTERN_BYTES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a pattern is too long"),
						errdetail("It has %zu bytes; the limit is %d.", strlen(pattern),
								  BM_MAX_PATTERN_BYTES)));
	status = bmc_row_parse(program, pattern, strlen(pattern), &names, mem, &error);
	if (status == BM_EINVAL)
		bm_raise_pattern(pattern, strlen(pattern), &error,
						 error.fault == BM_PATTERN_NAME ? names_hint(pattern, &error, name, n)
														: NULL);
	bm_check(status, "compile a row pattern", NULL);
}

/* true: the next match may begin at the row behind a match's first one. */
static bool
arg_overlap(FunctionCallInfo fcinfo, int i)
{
	char *skip = bm_arg_text_or_null(fcinfo, i);

	if (skip == NULL || pg_strcasecmp(skip, "past last row") == 0)
		return false;
	if (pg_strcasecmp(skip, "to next row") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"skip\" must be \"past last row\" or \"to next row\""),
						errdetail("It is \"%s\".", skip)));
	return true;
}

static Datum
symbols_array(const BmRowMatch *match, const Datum *label)
{
	Datum *symbol = palloc_extended(sizeof(Datum) * match->n, MCXT_ALLOC_HUGE);
	ArrayType *array;

	for (size_t i = 0; i < match->n; i++)
		symbol[i] = label[match->symbols[i]];
	array = construct_array(symbol, (int) match->n, TEXTOID, -1, false, TYPALIGN_INT);
	pfree(symbol);
	return PointerGetDatum(array);
}

/* One number a row: its time (every second word of rows), or where rows is NULL its place from 1. */
static Datum
numbers_array(const BmRowMatch *match, const uint64 *rows)
{
	Datum *number = palloc_extended(sizeof(Datum) * match->n, MCXT_ALLOC_HUGE);
	ArrayType *array;

	for (size_t i = 0; i < match->n; i++)
		number[i] = rows ? TimestampTzGetDatum((TimestampTz) rows[2 * (match->first + i)])
						 : Int64GetDatum((int64) (match->first + i + 1));
	array = construct_array(number, (int) match->n, rows ? TIMESTAMPTZOID : INT8OID, 8,
							FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	pfree(number);
	return PointerGetDatum(array);
}

static void
put_match(FunctionCallInfo fcinfo, int64 number, const BmRowMatch *match, const uint64 *rows,
		  const Datum *label)
{
	Datum values[6];
	bool nulls[6] = {false};

	values[0] = Int64GetDatum(number);
	values[1] = TimestampTzGetDatum((TimestampTz) rows[2 * match->first]);
	values[2] = TimestampTzGetDatum((TimestampTz) rows[2 * (match->first + match->n - 1)]);
	/* a match can have millions of rows */
	values[3] = symbols_array(match, label);
	bm_interrupts();
	values[4] = numbers_array(match, rows);
	bm_interrupts();
	values[5] = numbers_array(match, NULL);
	bm_srf_row(fcinfo, values, nulls);
	for (int i = 3; i < 6; i++)
		pfree(DatumGetPointer(values[i]));
}

/* One question: the rows in order, and the search through them. */
typedef struct RowQuestion
{
	Datum label[BM_MAX_CONDITIONS];
	const uint64 *rows;
	BmRowProgram program;
	BmRowSearch *search;
	BmWatch watch;
	BmMem mem;
} RowQuestion;

static void
check_search(BmStatus status)
{
	bm_check(status, "search the rows of one group for a pattern", NULL);
}

/* Arguments: state, pattern, within, skip. */
static void
ask(RowQuestion *q, FunctionCallInfo fcinfo)
{
	const BmFlat *s = bm_flat_get(PG_GETARG_DATUM(0), &bm_sequence_kind);
	const char *name[BM_MAX_CONDITIONS];
	size_t len[BM_MAX_CONDITIONS];
	BmSequenceConfig config;
	uint64 within;

	bm_sequence_config(&config, s);
	split_names(&config, name, len, q->label);
	bm_mem_init(&q->mem, CurrentMemoryContext);
	bm_watch_init(&q->watch, 0);
	compile(&q->program, bm_arg_text(fcinfo, 1, "pattern"), name, len, config.conditions, &q->mem);
	within = bm_arg_within(fcinfo, 2);
	q->rows = bm_flat_sorted(s);
	q->search = bmc_row_search(&q->program, q->rows, (size_t) s->n, within ? within : UINT64_MAX,
							   arg_overlap(fcinfo, 3), &q->mem, &q->watch.stop);
	check_search(q->search ? BM_OK : BM_ENOMEM);
}

/* The next match; false when there is none. */
static bool
next_match(RowQuestion *q, BmRowMatch *match)
{
	check_search(bmc_row_next(q->search, match));
	bm_interrupts();
	if (match->n > 0)
		return true;
	bmc_row_search_free(q->search);
	bmc_row_free(&q->program, &q->mem);
	return false;
}

/* (state, pattern, within, skip): the matches, in the order of their first rows. */
BM_FUNCTION(behav_match_rows);
Datum
behav_match_rows(PG_FUNCTION_ARGS)
{
	BmRowMatch match;
	RowQuestion q;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	ask(&q, fcinfo);
	for (int64 number = 1; next_match(&q, &match); number++)
		put_match(fcinfo, number, &match, q.rows, q.label);
	return (Datum) 0;
}

/* The same arguments: how many matches. */
BM_FUNCTION(behav_match_rows_count);
Datum
behav_match_rows_count(PG_FUNCTION_ARGS)
{
	BmRowMatch match;
	RowQuestion q;
	int64 n = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	ask(&q, fcinfo);
	while (next_match(&q, &match))
		n++;
	PG_RETURN_INT64(n);
}
