/*
 * sequence_rules.c
 *		behav_sequence_rules: whoever did this goes on with that.
 */
#include "pattern/pattern_input.h"

#include <math.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#define COLUMNS 8

/* Does the rule's pattern pass min_length and include, which all patterns were mined without? */
static bool
is_wanted(const BmPatternRun *run, const BmPattern *p, int min_length, size_t ninclude)
{
	const uint32_t *token = run->found.token + p->at;

	if (p->length < (uint32_t) min_length)
		return false;
	for (size_t i = 0; i < ninclude; i++)
	{
		uint32_t t = 0;

		while (t < p->length && BM_TOKEN_ID(token[t]) != run->include[i])
			t++;
		if (t == p->length)
			return false;
	}
	return true;
}

static void
rule_row(FunctionCallInfo fcinfo, BmPatternRun *run, const BmSequenceRule *r)
{
	const BmPattern *p = &run->found.pattern[r->pattern];
	const uint32_t *token = run->found.token + p->at;
	double n = (double) run->in.set.n;
	double support = p->support / n, a = r->antecedent / n, c = r->consequent / n;
	Datum v[COLUMNS];
	bool null[COLUMNS] = {false};

	v[0] = bm_pattern_array(run, token, r->split);
	v[1] = bm_pattern_array(run, token + r->split, p->length - r->split);
	v[2] = Int64GetDatum(p->support);
	v[3] = Float8GetDatum(support);
	v[4] = Float8GetDatum(r->confidence);
	v[5] = Float8GetDatum(r->confidence / c);
	v[6] = Float8GetDatum(support - a * c);
	v[7] =
		Float8GetDatum(p->support == r->antecedent ? INFINITY : (1.0 - c) / (1.0 - r->confidence));
	bm_srf_row(fcinfo, v, null);
}

static void
rule_rows(FunctionCallInfo fcinfo, BmPatternRun *run, double min_confidence, int max_consequent)
{
	MemoryContext row =
		AllocSetContextCreate(run->context, "behavmine rule", ALLOCSET_DEFAULT_SIZES);
	int min_length = run->options.min_length;
	size_t n, ninclude;
	BmSequenceRule *rule;
	Jsonb *include = run->options.include;
	BmStatus status;

	/* the parts of a rule are looked up among all patterns */
	run->options.min_length = 1;
	run->options.include = NULL;
	bm_pattern_mine(run, BM_PATTERNS_ALL, 0);
	run->options.include = include;
	if (!bm_pattern_include(run, &ninclude))
		return;
	status = bmc_sequence_rules(&rule, &n, &run->found, min_confidence, (uint32_t) max_consequent,
								0, &run->mem, &run->watch.stop);
	bm_pattern_check(status, run, "rules");
	for (size_t i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(row);

		if (is_wanted(run, &run->found.pattern[rule[i].pattern], min_length, ninclude))
			rule_row(fcinfo, run, &rule[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
		if ((i & 0xff) == 0)
			bm_interrupts();
	}
}

/* A number in (0, 1]. */
static double
arg_confidence(FunctionCallInfo fcinfo, int arg)
{
	double v = PG_ARGISNULL(arg) ? 0.0 : PG_GETARG_FLOAT8(arg);

	if (!(v >= 0.0 && v <= 1.0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"min_confidence\" must be between 0 and 1"),
						errdetail("It is %.15g.", v)));
	return v;
}

/* behav_sequence_rules(source, min_support, min_confidence, max_consequent, options, since, until) */
BM_FUNCTION(behav_sequence_rules);
Datum
behav_sequence_rules(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const tables[] = {
		bm_pattern_source_options, bm_pattern_limit_options, bm_pattern_length_options, NULL};
	char *source = bm_arg_text(fcinfo, 0, "source");
	double confidence = arg_confidence(fcinfo, 2);
	int max_consequent = (int) bm_arg_range_or(fcinfo, 3, "max_consequent", 1, 10000, 1);
	BmPatternRun *run;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"min_support\" must not be null"),
						errhint("For example min_support => 0.05, or min_support => 20.")));
	bm_srf_begin(fcinfo);
	run = bm_pattern_begin(source);
	bm_pattern_options(&run->options, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4),
					   "behav_sequence_rules", tables, true);
	bm_pattern_read_source(
		&run->in, source, &run->options, bm_pattern_time(fcinfo, 5, PG_INT64_MIN),
		bm_pattern_time(fcinfo, 6, PG_INT64_MAX), &run->mem, run->context, &run->watch);
	run->min_support =
		bm_pattern_support(isnan(PG_GETARG_FLOAT8(1)) ? -1 : PG_GETARG_FLOAT8(1), &run->in);
	rule_rows(fcinfo, run, confidence, max_consequent);
	bm_pattern_end(run);
	return (Datum) 0;
}
