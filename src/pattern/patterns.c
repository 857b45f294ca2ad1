/*
 * patterns.c
 *		behav_patterns: frequent sequential patterns of a source, of a jsonb, of a column of arrays.
 */
#include "pattern/pattern_input.h"

#include <math.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#define DEFAULT_K 100
#define COLUMNS 7

/* A span of microseconds as the difference of two times is shown: days and the rest. */
static Datum
interval_datum(double micros)
{
	Interval *v = palloc0(sizeof(Interval));
	int64 whole = (int64) rint(micros);

	v->day = (int32) (whole / USECS_PER_DAY);
	v->time = whole % USECS_PER_DAY;
	return IntervalPGetDatum(v);
}

/* The names of n sequences, those that have one. */
static Datum
example_array(const BmPatternRun *run, const uint32_t *sequence, uint32_t n)
{
	char **name = palloc(sizeof(char *) * Max(n, 1));
	size_t have = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		name[have] = bm_pattern_owner(&run->in, sequence[i]);
		have += name[have] != NULL;
	}
	return bm_text_array(name, have);
}

/* Row i; examples as bmc_pattern_details left them; d NULL: there are no details. */
static void
pattern_row(FunctionCallInfo fcinfo, BmPatternRun *run, size_t i, const BmPatternDetail *d,
			const uint32_t *example)
{
	const BmPattern *p = &run->found.pattern[i];
	bool times = run->db.time != NULL;
	Datum v[COLUMNS];
	bool null[COLUMNS] = {false};

	v[0] = bm_pattern_array(run, run->found.token + p->at, p->length);
	v[1] = Int32GetDatum((int32) p->length);
	v[2] = Int64GetDatum(p->support);
	v[3] = Float8GetDatum((double) p->support / (double) run->in.set.n);
	null[4] = !d || !run->in.has_owners;
	null[5] = null[6] = !d;
	if (d)
	{
		bm_pattern_verify(p, d);
		v[4] = null[4] ? (Datum) 0 : example_array(run, example, d->nexamples);
		v[5] = times ? interval_datum(d->median_span) : Float8GetDatum(d->median_span);
		v[6] = TimestampTzGetDatum(d->first); /* only where there are times */
	}
	bm_srf_row(fcinfo, v, null);
}

/* The details of all patterns; *example: k sequences each. */
static BmPatternDetail *
find_details(BmPatternRun *run, size_t k, uint32_t **example)
{
	BmPatternDetail *detail = bmc_alloc(&run->mem, run->found.n, sizeof(BmPatternDetail));
	BmStatus status = BM_ENOMEM;

	*example = bmc_alloc(&run->mem, bmc_mul(run->found.n, k), sizeof(uint32_t));
	bm_progress_phase(BM_PHASE_EVALUATE, "patterns");
	if (detail && *example)
		status = bmc_pattern_details(detail, *example, k, NULL, &run->found, &run->db,
									 &run->options.limits, &run->mem, &run->watch.stop);
	bm_pattern_check(status, run, "patterns");
	return detail;
}

static void
pattern_rows(FunctionCallInfo fcinfo, BmPatternRun *run)
{
	MemoryContext row =
		AllocSetContextCreate(run->context, "behavmine pattern", ALLOCSET_DEFAULT_SIZES);
	size_t k = run->in.has_owners ? (size_t) run->options.examples : 0;
	bool details = run->options.details;
	uint32_t *example = NULL;
	BmPatternDetail *detail = details ? find_details(run, k, &example) : NULL;

	for (size_t i = 0; i < run->found.n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(row);

		pattern_row(fcinfo, run, i, details ? &detail[i] : NULL, details ? example + k * i : NULL);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
		if ((i & 0xff) == 0)
			bm_interrupts();
	}
}

/* ---- arguments ---- */

static BmPatternKind
arg_kind(FunctionCallInfo fcinfo, int arg)
{
	static const char *const kinds[] = {"all", "closed", "maximal"};
	char *kind = bm_arg_text(fcinfo, arg, "kind");
	const char *near;

	for (int i = 0; i < lengthof(kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return (BmPatternKind) i;
	near = bm_nearest(kind, kinds, lengthof(kinds));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"kind\" cannot be \"%s\"", kind),
			 errdetail("It is one of \"all\", \"closed\" (no longer pattern has the same support), "
					   "\"maximal\" (no longer pattern is frequent)."),
			 near ? errhint("Perhaps you meant \"%s\".", near) : 0));
	return BM_PATTERNS_ALL;
}

/* min_support, kind and k are the arguments from arg on: mine, and answer. */
static void
mine_and_answer(FunctionCallInfo fcinfo, BmPatternRun *run, int arg)
{
	double min_support = PG_ARGISNULL(arg) ? NAN : PG_GETARG_FLOAT8(arg);
	BmPatternKind kind = arg_kind(fcinfo, arg + 1);
	int64 k = bm_arg_range_or(fcinfo, arg + 2, "k", 1, PG_INT32_MAX, 0);

	if (PG_ARGISNULL(arg) && kind == BM_PATTERNS_MAXIMAL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("maximal patterns need \"min_support\""),
						errdetail("A pattern is maximal when no longer one has that support."),
						errhint("For example min_support => 0.05; or kind => 'closed'.")));
	if (!PG_ARGISNULL(arg) && isnan(min_support))
		min_support = -1; /* NaN is no support */
	run->min_support = bm_pattern_support(min_support, &run->in);
	if (k == 0 && PG_ARGISNULL(arg))
		k = DEFAULT_K;
	bm_pattern_mine(run, kind, (size_t) k);
	pattern_rows(fcinfo, run);
}

/* behav_patterns(source text, min_support, kind, k, options, since, until) */
BM_FUNCTION(behav_patterns);
Datum
behav_patterns(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const tables[] = {
		bm_pattern_source_options, bm_pattern_limit_options, bm_pattern_length_options,
		bm_pattern_answer_options, NULL};
	char *source = bm_arg_text(fcinfo, 0, "source");
	BmPatternRun *run;

	bm_srf_begin(fcinfo);
	run = bm_pattern_begin(source);
	bm_pattern_options(&run->options, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4),
					   "behav_patterns", tables, true);
	bm_pattern_read_source(
		&run->in, source, &run->options, bm_pattern_time(fcinfo, 5, PG_INT64_MIN),
		bm_pattern_time(fcinfo, 6, PG_INT64_MAX), &run->mem, run->context, &run->watch);
	mine_and_answer(fcinfo, run, 1);
	bm_pattern_end(run);
	return (Datum) 0;
}

static const BmOptionSpec *const array_tables[] = {
	bm_pattern_limit_options, bm_pattern_length_options, bm_pattern_answer_options, NULL};

/* behav_patterns(sequences jsonb, min_support, kind, k, options) */
BM_FUNCTION(behav_patterns_jsonb);
Datum
behav_patterns_jsonb(PG_FUNCTION_ARGS)
{
	BmPatternRun *run;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"sequences\" must not be null")));
	bm_srf_begin(fcinfo);
	run = bm_pattern_begin("sequences");
	bm_pattern_options(&run->options, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4),
					   "behav_patterns on arrays", array_tables, false);
	bm_pattern_read_jsonb(&run->in, PG_GETARG_JSONB_P(0), &run->mem);
	run->in.has_owners = true; /* their numbers */
	mine_and_answer(fcinfo, run, 1);
	bm_pattern_end(run);
	return (Datum) 0;
}

/* behav_patterns_arrays(relation regclass, sequence name, min_support, kind, k, options, id name) */
BM_FUNCTION(behav_patterns_arrays);
Datum
behav_patterns_arrays(PG_FUNCTION_ARGS)
{
	char *column = bm_arg_text(fcinfo, 1, "sequence");
	BmPatternRun *run;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"relation\" must not be null")));
	bm_srf_begin(fcinfo);
	run = bm_pattern_begin("sequences");
	bm_pattern_options(&run->options, PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5),
					   "behav_patterns_arrays", array_tables, false);
	bm_pattern_read_column(&run->in, PG_GETARG_OID(0), column, bm_arg_text_or_null(fcinfo, 6),
						   &run->mem);
	mine_and_answer(fcinfo, run, 2);
	bm_pattern_end(run);
	return (Datum) 0;
}
