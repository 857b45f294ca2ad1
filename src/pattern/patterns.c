/*
 * patterns.c
 *		behav_patterns: frequent sequential patterns of a source, of a jsonb, of a column of arrays.
 */
#include "pattern/pattern_input.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define DEFAULT_K 100
#define COLUMNS 7

/* ---- details of a pattern ---- */

/* Who follows the patterns, and how long it takes them. */
typedef struct Details
{
	BmPatternRun *run;
	BmItemLists lists;
	void *scratch;
	int64 *span;       /* (longest list) */
	Datum *example;    /* (option examples) */
	MemoryContext row; /* reset for each pattern */
	size_t work;
} Details;

static void
details_begin(Details *d, BmPatternRun *run)
{
	size_t longest = run->db.nitems > 0 ? run->db.support[0] : 0;

	memset(d, 0, sizeof(*d));
	d->run = run;
	d->row = AllocSetContextCreate(run->context, "behavmine pattern", ALLOCSET_DEFAULT_SIZES);
	bm_pattern_check(bmc_item_lists_build(&d->lists, &run->db, &run->mem), run, "patterns");
	d->scratch = bmc_alloc(&run->mem, bmc_pattern_match_bytes(&run->db), 1);
	d->span = bmc_alloc(&run->mem, longest, sizeof(int64));
	d->example = MemoryContextAlloc(run->context, sizeof(Datum) * Max(run->options.examples, 1));
	if (!d->scratch || !d->span)
		bm_pattern_check(BM_ENOMEM, run, "patterns");
}

/* The k-th smallest of v (n), which is reordered (Hoare's selection). */
static int64
nth(int64 *v, size_t n, size_t k)
{
	size_t lo = 0, hi = n - 1;

	while (lo < hi)
	{
		int64 pivot = v[lo + (hi - lo) / 2];
		size_t i = lo, j = hi;

		for (;;)
		{
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			{
				int64 swap = v[i];

				v[i++] = v[j];
				v[j--] = swap;
			}
		}
		if (k <= j)
			hi = j;
		else
			lo = j + 1;
	}
	return v[k];
}

/* The median; of two middle ones their mean. */
static double
median(int64 *v, size_t n)
{
	double upper = (double) nth(v, n, n / 2);

	return n % 2 ? upper : 0.5 * (upper + (double) nth(v, n, n / 2 - 1));
}

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

/* examples, median_span, first of one pattern into v[4..6]. */
static void
details_of(Details *d, const BmPattern *p, Datum *v, bool *null)
{
	BmPatternRun *run = d->run;
	const BmPatternDb *db = &run->db;
	const uint32_t *token = run->found.token + p->at;
	uint32_t rarest = 0, n = 0;
	int64 first = PG_INT64_MAX;
	int nexamples = 0;
	BmPatternMatch m;

	for (uint32_t t = 0; t < p->length; t++)
		rarest = Max(rarest, BM_TOKEN_ID(token[t]));
	for (size_t i = d->lists.start[rarest]; i < d->lists.start[rarest + 1]; i++)
	{
		size_t s = d->lists.sequence[i];

		if ((++d->work & 0x3ff) == 0)
			bm_interrupts();
		if (!bmc_pattern_match(&m, db, s, token, p->length, &run->options.limits, d->scratch))
			continue;
		if (nexamples < run->options.examples && run->in.has_owners)
		{
			char *owner = bm_pattern_owner(&run->in, s);

			if (owner)
				d->example[nexamples++] = bm_text_datum(owner);
		}
		if (db->time)
			first = Min(first, db->time[m.first]);
		d->span[n++] = db->time ? db->time[m.last] - db->time[m.first]
								: (int64) db->position[m.last] - db->position[m.first];
	}
	if (n != p->support)
		elog(ERROR, "a pattern of support %u was found in %u sequences", p->support, n);
	null[4] = !run->in.has_owners;
	v[4] = PointerGetDatum(
		construct_array(d->example, nexamples, TEXTOID, -1, false, TYPALIGN_INT));
	v[5] = db->time ? interval_datum(median(d->span, n)) : Float8GetDatum(median(d->span, n));
	v[6] = TimestampTzGetDatum(first);
}

/* ---- rows ---- */

static void
pattern_rows(FunctionCallInfo fcinfo, BmPatternRun *run)
{
	Details d;

	bm_progress_phase(BM_PHASE_EVALUATE, "patterns");
	details_begin(&d, run);
	for (size_t i = 0; i < run->found.n; i++)
	{
		const BmPattern *p = &run->found.pattern[i];
		MemoryContext old = MemoryContextSwitchTo(d.row);
		Datum v[COLUMNS];
		bool null[COLUMNS] = {false};

		v[0] = bm_pattern_array(run, run->found.token + p->at, p->length);
		v[1] = Int32GetDatum((int32) p->length);
		v[2] = Int64GetDatum(p->support);
		v[3] = Float8GetDatum((double) p->support / (double) run->in.set.n);
		details_of(&d, p, v, null);
		bm_srf_row(fcinfo, v, null);
		MemoryContextSwitchTo(old);
		MemoryContextReset(d.row);
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
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
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
	static const BmOptionSpec *const tables[] = {bm_pattern_source_options,
												 bm_pattern_limit_options,
												 bm_pattern_length_options,
												 bm_pattern_answer_options, NULL};
	char *source = bm_arg_text(fcinfo, 0, "source");
	BmPatternRun *run;

	bm_srf_begin(fcinfo);
	run = bm_pattern_begin(source);
	bm_pattern_options(&run->options, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4),
					   "behav_patterns", tables, true);
	bm_pattern_read_source(&run->in, source, &run->options,
						   bm_pattern_time(fcinfo, 5, PG_INT64_MIN),
						   bm_pattern_time(fcinfo, 6, PG_INT64_MAX), &run->mem, run->context,
						   &run->watch);
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
