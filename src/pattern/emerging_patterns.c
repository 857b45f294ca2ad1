/*
 * emerging_patterns.c
 *		behav_emerging_patterns: what one group does more than another (Dong and Li 1999): two values of
 *		an attribute of the users, two spans of time, or two sources.
 *
 * The patterns that are frequent in the group are mined; their support in the other group is counted
 * by looking for them there. Every pattern is a test, so the p-values are adjusted over all of them,
 * before any is left out.
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

/* The other group, and how the group's ids read there. */
typedef struct Other
{
	BmPatternInput in;
	BmPatternDb db;
	BmItemLists lists;
	uint32_t *id;   /* (ids of the group) id there, or BM_NONE */
	void *scratch;
	uint32_t *token;
} Other;

/* ---- two groups by an attribute ---- */

/* Keep the sequences of the users that flag (owners) says; the arrays of items stay. */
static void
keep_sequences(BmPatternInput *in, const BmPatternInput *all, const bool *flag, BmMem *mem)
{
	size_t n = 0, elements = 0, items = 0;
	const BmSequenceSet *set = &all->set;
	size_t *start = bmc_alloc(mem, set->n + 1, sizeof(size_t));
	size_t *element = set->element ? bmc_alloc(mem, set->start[set->n] + 1, sizeof(size_t)) : NULL;
	size_t nitems = set->element ? set->element[set->start[set->n]] : set->start[set->n];
	uint32_t *item = bmc_alloc(mem, nitems, sizeof(uint32_t));
	int64_t *time = bmc_alloc(mem, set->start[set->n], sizeof(int64_t));
	uint32_t *owner = bmc_alloc(mem, set->n, sizeof(uint32_t));

	if (!start || (set->element && !element) || !item || !time || !owner)
		bm_check(BM_ENOMEM, psprintf("divide %s", all->what), NULL);
	for (size_t s = 0; s < set->n; s++)
	{
		if (!flag[all->owner[s]])
			continue;
		owner[n] = all->owner[s];
		start[n++] = elements;
		for (size_t e = set->start[s]; e < set->start[s + 1]; e++)
		{
			size_t from = set->element ? set->element[e] : e;
			size_t to = set->element ? set->element[e + 1] : e + 1;

			if (element)
				element[elements] = items;
			time[elements++] = set->time[e];
			memcpy(item + items, set->item + from, (to - from) * sizeof(uint32_t));
			items += to - from;
		}
	}
	start[n] = elements;
	if (element)
		element[elements] = items;
	*in = *all;
	in->owner = owner;
	in->set = (BmSequenceSet){n, set->nitems, start, element, item, time};
}

/* Code among owners of a user of another dictionary; BM_NONE when it is not there. */
static uint32_t
same_user(const BmDictView *owners, const BmDictView *users, uint32_t user)
{
	if (owners->kind != users->kind)
		return BM_NONE;
	if (users->kind == BM_KEY_INT)
		return bmc_dict_find_int(owners, users->key[user]);
	return bmc_dict_find_bytes(owners, users->blob + users->offset[user],
							   users->offset[user + 1] - users->offset[user]);
}

/* Flags (owners) of the users whose latest value of the attribute is the group's, and the other's. */
static void
divide_users(BmPatternRun *run, const char *source, bool *group, bool *other, int64 since,
			 int64 until)
{
	const BmPatternOptions *o = &run->options;
	static const BmOptionSpec *const none[] = {NULL};
	BmPatternOptions plain;
	BmPatternInput values;
	uint32_t a, b;

	bm_pattern_options(&plain, NULL, "behav_emerging_patterns", none, true);
	plain.of = o->attribute;
	bm_pattern_read_source(&values, source, &plain, since, until, &run->mem, run->context,
						   &run->watch);
	a = bm_pattern_token(&values, o->value, "option \"value\"");
	b = o->against_value
			? bm_pattern_token(&values, o->against_value, "option \"against_value\"")
			: BM_NONE;
	for (size_t s = 0; s < values.set.n; s++)
	{
		uint32_t user = same_user(&run->in.owners, &values.owners, values.owner[s]);
		uint32_t latest = values.set.item[values.set.start[s + 1] - 1];

		if (user == BM_NONE)
			continue;
		group[user] = latest == a;
		other[user] = latest != a && (b == BM_NONE || latest == b);
	}
}

static void
read_by_attribute(BmPatternRun *run, Other *other, const char *source, int64 since, int64 until)
{
	BmPatternInput all;
	bool *a, *b;

	bm_pattern_read_source(&all, source, &run->options, since, until, &run->mem, run->context,
						   &run->watch);
	run->in = all;
	a = palloc0(sizeof(bool) * Max(all.owners.n, 1));
	b = palloc0(sizeof(bool) * Max(all.owners.n, 1));
	divide_users(run, source, a, b, since, until);
	keep_sequences(&run->in, &all, a, &run->mem);
	keep_sequences(&other->in, &all, b, &run->mem);
	run->in.what = psprintf("the group \"%s\"", run->options.value);
	other->in.what = run->options.against_value
						 ? psprintf("the group \"%s\"", run->options.against_value)
						 : psprintf("the group of all but \"%s\"", run->options.value);
}

/* ---- counting in the other group ---- */

static void
other_begin(Other *other, BmPatternRun *run)
{
	uint32_t *id_of = bmc_alloc(&run->mem, other->in.set.nitems, sizeof(uint32_t));
	uint32_t longest = 0;

	for (size_t i = 0; i < run->found.n; i++)
		longest = Max(longest, run->found.pattern[i].length);
	bm_pattern_check(bmc_pattern_db_build(&other->db, &other->in.set, 1, NULL, &run->mem,
										  &run->watch.stop),
					 run, "patterns");
	bm_pattern_check(bmc_item_lists_build(&other->lists, &other->db, &run->mem), run, "patterns");
	other->id = bmc_alloc(&run->mem, run->db.nitems, sizeof(uint32_t));
	other->scratch = bmc_alloc(&run->mem, bmc_pattern_match_bytes(&other->db), 1);
	other->token = bmc_alloc(&run->mem, longest, sizeof(uint32_t));
	if (!id_of || !other->id || !other->scratch || !other->token)
		bm_pattern_check(BM_ENOMEM, run, "patterns");
	memset(id_of, 0xff, other->in.set.nitems * sizeof(uint32_t));
	for (uint32_t i = 0; i < other->db.nitems; i++)
		id_of[other->db.code[i]] = i;
	for (uint32_t i = 0; i < run->db.nitems; i++)
	{
		char *text = bm_dict_text(&run->in.tokens, run->db.code[i]);
		uint32_t code = bm_pattern_find(&other->in, text, strlen(text));

		other->id[i] = code == BM_NONE ? BM_NONE : id_of[code];
		pfree(text);
	}
	bmc_free(&run->mem, id_of);
}

/* The pattern by the other group's ids, elements in their order; false: an item is missing there. */
static bool
to_other_ids(Other *other, const uint32_t *token, uint32_t length)
{
	uint32_t begin = 0;

	for (uint32_t t = 0; t < length; t++)
	{
		uint32_t id = other->id[BM_TOKEN_ID(token[t])], at = t;

		if (id == BM_NONE)
			return false;
		if (!BM_TOKEN_JOINED(token[t]))
			begin = t;
		for (; at > begin && other->token[at - 1] > id; at--)
			other->token[at] = other->token[at - 1];
		other->token[at] = id;
	}
	for (uint32_t t = 0; t < length; t++)
		other->token[t] = BM_TOKEN(other->token[t], BM_TOKEN_JOINED(token[t]));
	return true;
}

static uint32_t
support_there(Other *other, const BmPatternRun *run, const BmPattern *p)
{
	uint32_t rarest = 0, n = 0;
	BmPatternMatch m;

	if (!to_other_ids(other, run->found.token + p->at, p->length))
		return 0;
	for (uint32_t t = 0; t < p->length; t++)
		rarest = Max(rarest, BM_TOKEN_ID(other->token[t]));
	for (size_t i = other->lists.start[rarest]; i < other->lists.start[rarest + 1]; i++)
	{
		n += bmc_pattern_match(&m, &other->db, other->lists.sequence[i], other->token, p->length,
							   &run->options.limits, other->scratch);
		if ((i & 0x3ff) == 0)
			bm_interrupts();
	}
	return n;
}

/* ---- rows ---- */

typedef struct Contrast
{
	const BmPattern *pattern;
	uint32_t against;
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
contrasts(BmPatternRun *run, Other *other)
{
	size_t n = run->found.n;
	double na = (double) run->in.set.n, nb = (double) other->in.set.n;
	Contrast *c = bmc_alloc(&run->mem, n, sizeof(Contrast));
	double *p = bmc_alloc(&run->mem, n, sizeof(double));

	if (!c || !p)
		bm_pattern_check(BM_ENOMEM, run, "patterns");
	for (size_t i = 0; i < n; i++)
	{
		double a = run->found.pattern[i].support, b;

		c[i].pattern = &run->found.pattern[i];
		c[i].against = support_there(other, run, c[i].pattern);
		b = c[i].against;
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
contrast_rows(FunctionCallInfo fcinfo, BmPatternRun *run, Other *other, double min_growth)
{
	MemoryContext row =
		AllocSetContextCreate(run->context, "behavmine contrast", ALLOCSET_DEFAULT_SIZES);
	Contrast *c;

	bm_progress_phase(BM_PHASE_EVALUATE, "patterns");
	other_begin(other, run);
	c = contrasts(run, other);
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
		v[2] = Int64GetDatum(p->support);
		v[3] = Float8GetDatum((double) p->support / (double) run->in.set.n);
		v[4] = Int64GetDatum(c[i].against);
		v[5] = Float8GetDatum((double) c[i].against / (double) other->in.set.n);
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
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options \"attribute\" and \"value\" go together"),
				 errhint("For example options => '{\"attribute\": \"country\", \"value\": "
						 "\"DE\"}'.")));
}

static void
read_groups(FunctionCallInfo fcinfo, BmPatternRun *run, Other *other, const char *source)
{
	char *against = bm_arg_text_or_null(fcinfo, ARG_AGAINST);
	bool span = !PG_ARGISNULL(ARG_AGAINST_SINCE) || !PG_ARGISNULL(ARG_AGAINST_UNTIL);
	int64 since = bm_pattern_time(fcinfo, ARG_SINCE, PG_INT64_MIN);
	int64 until = bm_pattern_time(fcinfo, ARG_UNTIL, PG_INT64_MAX);

	one_way(against != NULL, span, &run->options);
	if (run->options.attribute)
	{
		read_by_attribute(run, other, source, since, until);
		return;
	}
	bm_pattern_read_source(&run->in, source, &run->options, since, until, &run->mem, run->context,
						   &run->watch);
	if (span)
	{
		since = bm_pattern_time(fcinfo, ARG_AGAINST_SINCE, PG_INT64_MIN);
		until = bm_pattern_time(fcinfo, ARG_AGAINST_UNTIL, PG_INT64_MAX);
	}
	bm_pattern_read_source(&other->in, against ? against : source, &run->options, since, until,
						   &run->mem, run->context, &run->watch);
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
	Other other;

	if (PG_ARGISNULL(ARG_MIN_SUPPORT))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"min_support\" must not be null"),
						errhint("For example min_support => 0.05, or min_support => 20.")));
	if (!(growth >= 0.0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"min_growth\" must not be negative"),
						errdetail("It is %.15g.", growth)));
	bm_srf_begin(fcinfo);
	memset(&other, 0, sizeof(other));
	run = bm_pattern_begin(source);
	bm_pattern_options(&run->options,
					   PG_ARGISNULL(ARG_OPTIONS) ? NULL : PG_GETARG_JSONB_P(ARG_OPTIONS),
					   "behav_emerging_patterns", tables, true);
	read_groups(fcinfo, run, &other, source);
	if (run->in.set.n == 0 || other.in.set.n == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("%s has no %s",
							   run->in.set.n == 0 ? run->in.what : other.in.what, run->in.unit)));
	run->min_support = bm_pattern_support(
		isnan(PG_GETARG_FLOAT8(ARG_MIN_SUPPORT)) ? -1 : PG_GETARG_FLOAT8(ARG_MIN_SUPPORT),
		&run->in);
	bm_pattern_mine(run, BM_PATTERNS_ALL, 0);
	contrast_rows(fcinfo, run, &other, growth);
	bm_pattern_end(run);
	return (Datum) 0;
}
