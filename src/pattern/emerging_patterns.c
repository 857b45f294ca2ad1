/*
 * emerging_patterns.c
 *		behav_emerging_patterns: what one group does more than another (Dong and Li 1999): two values of
 *		an attribute of the users, two spans of time, or two sources.
 *
 * The patterns of both groups together are mined, then counted in each. Which patterns are tested
 * must not depend on the groups: among those chosen because they are frequent in one group, chance
 * alone makes many look like a difference. Every pattern is a test, so the p-values are adjusted
 * over all of them, before any is left out.
 */
#include "pattern/pattern_input.h"

#include <math.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#define COLUMNS 10

enum
{
	ARG_SOURCE,
	ARG_MIN_SUPPORT,
	ARG_AGAINST,
	ARG_MIN_GROWTH,
	ARG_OPTIONS,
	ARG_SINCE,
	ARG_UNTIL,
	ARG_AGAINST_SINCE,
	ARG_AGAINST_UNTIL
};

/* Sequences of both groups in one input. */
typedef struct Groups
{
	bool *against;       /* (sequences) of the other group */
	size_t n[2];         /* sequences of the group, of the other */
	const char *what[2]; /* for messages */
} Groups;

static void *
take(BmPatternRun *run, size_t n, size_t size)
{
	void *block = bmc_alloc(&run->mem, n, size);

	if (block == NULL)
		bm_check(BM_ENOMEM, psprintf("read %s", run->in.what), NULL);
	return block;
}

/* ---- into one input ---- */

typedef struct Joined
{
	BmSequenceSet set;
	size_t *start, *element;
	uint32_t *item, *owner;
	int64_t *time;
	size_t n, elements, items;
} Joined;

static size_t
set_items(const BmSequenceSet *set)
{
	return set->element ? set->element[set->start[set->n]] : set->start[set->n];
}

/* Room for all of a and b (or NULL). */
static void
join_begin(BmPatternRun *run, Joined *j, const BmSequenceSet *a, const BmSequenceSet *b)
{
	size_t elements = a->start[a->n] + (b ? b->start[b->n] : 0);
	size_t items = set_items(a) + (b ? set_items(b) : 0);
	size_t n = a->n + (b ? b->n : 0);

	memset(j, 0, sizeof(*j));
	j->start = take(run, n + 1, sizeof(size_t));
	j->element = a->element ? take(run, elements + 1, sizeof(size_t)) : NULL;
	j->item = take(run, items, sizeof(uint32_t));
	j->time = take(run, elements, sizeof(int64_t));
}

/* One more sequence; code translates its items, or is NULL. */
static void
join_add(Joined *j, const BmSequenceSet *set, size_t s, const uint32_t *code)
{
	if ((s & 0x3ff) == 0)
		bm_interrupts();
	j->start[j->n++] = j->elements;
	for (size_t e = set->start[s]; e < set->start[s + 1]; e++)
	{
		size_t from = set->element ? set->element[e] : e;
		size_t to = set->element ? set->element[e + 1] : e + 1;

		if (j->element)
			j->element[j->elements] = j->items;
		j->time[j->elements++] = set->time[e];
		for (size_t i = from; i < to; i++)
			j->item[j->items++] = code ? code[set->item[i]] : set->item[i];
	}
}

static BmSequenceSet
join_end(Joined *j, uint32_t nitems)
{
	j->start[j->n] = j->elements;
	if (j->element)
		j->element[j->elements] = j->items;
	return (BmSequenceSet){j->n, nitems, j->start, j->element, j->item, j->time};
}

/* ---- two groups by an attribute ---- */

/* Code in one dictionary of a key of another; BM_NONE when it is not there. */
static uint32_t
same_key(const BmDictView *here, const BmDictView *there, uint32_t code)
{
	if (here->kind != there->kind)
		return BM_NONE;
	if (there->kind == BM_KEY_INT)
		return bmc_dict_find_int(here, there->key[code]);
	return bmc_dict_find_bytes(here, there->blob + there->offset[code],
							   there->offset[code + 1] - there->offset[code]);
}

/* group, other: flags (owners) of the users whose latest value of the attribute is theirs. */
static void
divide_users(BmPatternRun *run, const char *source, bool *group, bool *other, int64 since,
			 int64 until)
{
	const BmPatternOptions *o = &run->options;
	static const BmOptionSpec *const none[] = {NULL};
	BmPatternOptions plain;
	BmPatternInput values;
	uint32_t a, b = BM_NONE;

	bm_pattern_options(&plain, NULL, "behav_emerging_patterns", none, true);
	plain.of = o->attribute;
	plain.per = o->per; /* the owners are sessions where the source has its own */
	bm_pattern_read_source(&values, source, &plain, since, until, &run->mem, run->context,
						   &run->watch);
	a = bm_pattern_token(&values, o->value, "option \"value\"");
	if (o->against_value)
		b = bm_pattern_token(&values, o->against_value, "option \"against_value\"");
	for (size_t s = 0; s < values.set.n; s++)
	{
		uint32_t user = same_key(&run->in.owners, &values.owners, values.owner[s]);
		uint32_t latest = values.set.item[values.set.start[s + 1] - 1];

		if (user == BM_NONE)
			continue;
		group[user] = latest == a;
		other[user] = latest != a && (b == BM_NONE || latest == b);
	}
}

static void
read_by_attribute(BmPatternRun *run, Groups *g, const char *source, int64 since, int64 until)
{
	BmPatternInput *in = &run->in;
	bool *group, *other;
	Joined j;

	bm_pattern_read_source(in, source, &run->options, since, until, &run->mem, run->context,
						   &run->watch);
	group = palloc0(sizeof(bool) * Max(in->owners.n, 1));
	other = palloc0(sizeof(bool) * Max(in->owners.n, 1));
	divide_users(run, source, group, other, since, until);
	g->what[0] = psprintf("the group \"%s\"", run->options.value);
	g->what[1] = run->options.against_value
					 ? psprintf("the group \"%s\"", run->options.against_value)
					 : psprintf("the group of all but \"%s\"", run->options.value);
	g->against = take(run, in->set.n, sizeof(bool));
	join_begin(run, &j, &in->set, NULL);
	for (size_t s = 0; s < in->set.n; s++)
	{
		uint32_t user = in->owner[s];

		if (!group[user] && !other[user])
			continue;
		g->against[j.n] = other[user];
		g->n[other[user]]++;
		join_add(&j, &in->set, s, NULL);
	}
	in->set = join_end(&j, in->set.nitems);
}

/* ---- two groups that are read by themselves ---- */

/* in, and the other input behind it: its items get in's codes, or codes of their own. */
static void
join_inputs(BmPatternRun *run, BmPatternInput *in, const BmPatternInput *other)
{
	uint32_t *code = take(run, other->set.nitems, sizeof(uint32_t));
	Joined j;

	for (uint32_t c = 0; c < other->tokens.n; c++)
	{
		uint32_t same = same_key(&in->tokens, &other->tokens, c);

		code[c] = same == BM_NONE ? in->tokens.n + c : same;
	}
	join_begin(run, &j, &in->set, &other->set);
	for (size_t s = 0; s < in->set.n; s++)
		join_add(&j, &in->set, s, NULL);
	for (size_t s = 0; s < other->set.n; s++)
		join_add(&j, &other->set, s, code);
	in->more = other->tokens;
	in->set = join_end(&j, in->tokens.n + other->tokens.n);
}

/* since and until are the group's, span the other's (or those of the other source). */
static void
read_two(BmPatternRun *run, Groups *g, const char *source, const char *against, int64 since,
		 int64 until, const int64 *span)
{
	BmPatternInput *in = &run->in, other;

	bm_pattern_read_source(in, source, &run->options, since, until, &run->mem, run->context,
						   &run->watch);
	bm_pattern_read_source(&other, against, &run->options, span[0], span[1], &run->mem,
						   run->context, &run->watch);
	if (in->tokens.kind != other.tokens.kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the items of %s and of %s are of different types", in->what, other.what),
				 errhint("Register a view that casts one of them.")));
	g->what[0] = in->what;
	g->what[1] = other.what;
	g->n[0] = in->set.n;
	g->n[1] = other.set.n;
	g->against = take(run, in->set.n + other.set.n, sizeof(bool));
	for (size_t s = 0; s < in->set.n + other.set.n; s++)
		g->against[s] = s >= in->set.n;
	join_inputs(run, in, &other);
}

/* ---- rows ---- */

typedef struct Contrast
{
	const BmPattern *pattern;
	uint32_t n[2]; /* sequences of each group that contain it */
	double chi2, p, adjusted, growth;
} Contrast;

/* Strongest first; the order of patterns among equals. */
static int
compare_contrasts(const void *x, const void *y)
{
	const Contrast *a = x, *b = y;

	if (a->chi2 != b->chi2)
		return a->chi2 > b->chi2 ? -1 : 1;
	return a->pattern < b->pattern ? -1 : a->pattern > b->pattern;
}

static Contrast *
contrasts(BmPatternRun *run, const Groups *g)
{
	size_t n = run->found.n;
	double na = (double) g->n[0], nb = (double) g->n[1];
	Contrast *c = take(run, n, sizeof(Contrast));
	double *p = take(run, n, sizeof(double));
	BmPatternDetail *detail = take(run, n, sizeof(BmPatternDetail));

	bm_pattern_check(bmc_pattern_details(detail, NULL, 0, g->against, &run->found, &run->db,
										 &run->options.limits, &run->mem, &run->watch.stop),
					 run, "patterns");
	for (size_t i = 0; i < n; i++)
	{
		double a, b;

		c[i].pattern = &run->found.pattern[i];
		bm_pattern_verify(c[i].pattern, &detail[i]);
		c[i].n[0] = detail[i].support - detail[i].in_group;
		c[i].n[1] = detail[i].in_group;
		a = c[i].n[0];
		b = c[i].n[1];
		c[i].chi2 = bmc_contrast_chi2(a, na, b, nb);
		c[i].p = p[i] = bmc_contrast_p(c[i].chi2);
		c[i].growth = b > 0 ? (a / na) / (b / nb) : INFINITY;
	}
	bm_pattern_check(bmc_adjust_bh(p, p, n, &run->mem), run, "patterns");
	for (size_t i = 0; i < n; i++)
		c[i].adjusted = p[i];
	qsort(c, n, sizeof(Contrast), compare_contrasts);
	return c;
}

static void
contrast_rows(FunctionCallInfo fcinfo, BmPatternRun *run, const Groups *g, double min_growth)
{
	MemoryContext row =
		AllocSetContextCreate(run->context, "behavmine contrast", ALLOCSET_DEFAULT_SIZES);
	Contrast *c;

	bm_progress_phase(BM_PHASE_EVALUATE, "patterns");
	c = contrasts(run, g);
	for (size_t i = 0; i < run->found.n; i++)
	{
		const BmPattern *p = c[i].pattern;
		MemoryContext old;
		Datum v[COLUMNS];
		bool null[COLUMNS] = {false};

		if (c[i].growth < min_growth)
			continue;
		old = MemoryContextSwitchTo(row);
		v[0] = bm_pattern_array(run, run->found.token + p->at, p->length);
		v[1] = Int32GetDatum((int32) p->length);
		v[2] = Int64GetDatum(c[i].n[0]);
		v[3] = Float8GetDatum((double) c[i].n[0] / (double) g->n[0]);
		v[4] = Int64GetDatum(c[i].n[1]);
		v[5] = Float8GetDatum((double) c[i].n[1] / (double) g->n[1]);
		v[6] = Float8GetDatum(c[i].growth);
		v[7] = Float8GetDatum(c[i].chi2);
		v[8] = Float8GetDatum(c[i].p);
		v[9] = Float8GetDatum(c[i].adjusted);
		bm_srf_row(fcinfo, v, null);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
}

/* ---- arguments ---- */

static void
one_way(bool source, bool span, const BmPatternOptions *o)
{
	if (source + span + (o->attribute != NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("behav_emerging_patterns needs one group to compare with"),
				 errdetail("Given are %d: a source (against), a span of time (against_since, "
						   "against_until), the option \"attribute\".",
						   source + span + (o->attribute != NULL)),
				 errhint("For example options => '{\"attribute\": \"country\", \"value\": "
						 "\"DE\"}'.")));
	if ((o->attribute != NULL) != (o->value != NULL) || (o->against_value && !o->attribute))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("options \"attribute\" and \"value\" go together"),
						errhint("For example options => '{\"attribute\": \"country\", \"value\": "
								"\"DE\"}'.")));
}

static void
read_groups(FunctionCallInfo fcinfo, BmPatternRun *run, Groups *g, const char *source)
{
	char *against = bm_arg_text_or_null(fcinfo, ARG_AGAINST);
	bool span = !PG_ARGISNULL(ARG_AGAINST_SINCE) || !PG_ARGISNULL(ARG_AGAINST_UNTIL);
	int64 since = bm_pattern_time(fcinfo, ARG_SINCE, PG_INT64_MIN);
	int64 until = bm_pattern_time(fcinfo, ARG_UNTIL, PG_INT64_MAX);
	int64 same[2] = {since, until};
	int64 other[2] = {bm_pattern_time(fcinfo, ARG_AGAINST_SINCE, PG_INT64_MIN),
					  bm_pattern_time(fcinfo, ARG_AGAINST_UNTIL, PG_INT64_MAX)};

	one_way(against != NULL, span, &run->options);
	memset(g, 0, sizeof(*g));
	if (run->options.attribute)
		read_by_attribute(run, g, source, since, until);
	else
		read_two(run, g, source, against ? against : source, since, until, span ? other : same);
	for (int i = 0; i < 2; i++)
		if (g->n[i] == 0)
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
							errmsg("%s has no %s", g->what[i], run->in.unit)));
}

/* behav_emerging_patterns(source, min_support, against, min_growth, options, since, until,
 * against_since, against_until) */
BM_FUNCTION(behav_emerging_patterns);
Datum
behav_emerging_patterns(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const tables[] = {
		bm_pattern_source_options, bm_pattern_limit_options, bm_pattern_length_options,
		bm_pattern_group_options, NULL};
	char *source = bm_arg_text(fcinfo, ARG_SOURCE, "source");
	double growth = PG_ARGISNULL(ARG_MIN_GROWTH) ? 0.0 : PG_GETARG_FLOAT8(ARG_MIN_GROWTH);
	BmPatternRun *run;
	Groups groups;

	if (PG_ARGISNULL(ARG_MIN_SUPPORT))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"min_support\" must not be null"),
						errhint("For example min_support => 0.05, or min_support => 20.")));
	if (!(growth >= 0.0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"min_growth\" must not be negative"),
						errdetail("It is %.15g.", growth)));
	bm_srf_begin(fcinfo);
	run = bm_pattern_begin(source);
	bm_pattern_options(&run->options,
					   PG_ARGISNULL(ARG_OPTIONS) ? NULL : PG_GETARG_JSONB_P(ARG_OPTIONS),
					   "behav_emerging_patterns", tables, true);
	read_groups(fcinfo, run, &groups, source);
	run->min_support = bm_pattern_support(
		isnan(PG_GETARG_FLOAT8(ARG_MIN_SUPPORT)) ? -1 : PG_GETARG_FLOAT8(ARG_MIN_SUPPORT),
		&run->in);
	bm_pattern_mine(run, BM_PATTERNS_ALL, 0);
	contrast_rows(fcinfo, run, &groups, growth);
	bm_pattern_end(run);
	return (Datum) 0;
}
