/*
 * funnel_report.c
 *		behav_funnel: how many users of a source did each step, how long it took, for each value of a
 *		breakdown.
 *
 * The source is read once into columns, sorted by user and time in C, and each user's events go
 * through the kernel. A user counts under one value of the breakdown: that of the first (or last)
 * event of a step that has one.
 */
#include "pattern/funnel_read.h"

#include "core/num/sort.h"
#include "event/log.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct ReportOptions
{
	int attribution; /* 0 first, 1 last */
	int max_groups;
} ReportOptions;

static const BmOptionSpec report_options[] = {
	{"attribution", BM_OPT_ENUM, offsetof(ReportOptions, attribution), "first", 0, 0, "first|last",
	 "Which event's value of the breakdown a user counts under: that of the first or the last "
	 "step."},
	{"max_groups", BM_OPT_INT, offsetof(ReportOptions, max_groups), "100", 1, 100000, NULL,
	 "Values of the breakdown with rows of their own; the others count together as (other)."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* Keys of an exclusion that are not columns. */
static const char *const exclusion_keys[] = {"from", "to", "drop", NULL};
static const char *const no_keys[] = {NULL};

typedef struct Report
{
	BmSource *source;
	BmConditions conditions;
	BmFunnelConfig config;
	BmFunnelExclusion exclusions[BM_MAX_STEPS];
	BmFunnel funnel;
	ReportOptions options;
	const char *breakdown;
	int64 since, until;
	BmFunnelEvents events;
	BmMem mem;
	BmWatch watch;
	/* by user */
	size_t nusers;
	int8_t *level;
	uint32_t *group;
	int64_t *times; /* (nusers, steps) */
	/* by group; the last one is (other) when there is one */
	size_t ngroups;
	uint32_t *rank; /* of a group's code: its place in the report */
	uint32_t *code; /* of a place: the group's code; BM_NONE for NULL and for the other groups */
	bool others;
	uint32_t *member; /* (nusers) users by place */
	size_t *first;    /* (ngroups+1) where a place's users begin */
	uint64_t *delays; /* (nusers) scratch of medians */
	uint32_t *payload;
} Report;

enum
{
	ARG_SOURCE,
	ARG_STEPS,
	ARG_WITHIN,
	ARG_BREAKDOWN,
	ARG_SINCE,
	ARG_UNTIL,
	ARG_OPTIONS
};

static void *
take(Report *r, size_t n, size_t size)
{
	void *block = bmc_alloc0(&r->mem, Max(n, 1), size);

	bm_check(block ? BM_OK : BM_ENOMEM, "compute a funnel", NULL);
	return block;
}

/* ---- arguments ---- */

static int64
time_argument(FunctionCallInfo fcinfo, int i, int64 open)
{
	return PG_ARGISNULL(i) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(i))
			   ? open
			   : PG_GETARG_TIMESTAMPTZ(i);
}

static void
raise_no_steps(int n)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("a funnel has 1 to %d steps, exclusions included", BM_MAX_STEPS),
					errdetail("There are %d steps.", n)));
}

static void
steps_from_names(Report *r, FunctionCallInfo fcinfo)
{
	int n;
	char **names = bm_arg_text_array(fcinfo, ARG_STEPS, "steps", &n);

	if (n < 1 || n > BM_MAX_STEPS)
		raise_no_steps(n);
	for (int i = 0; i < n; i++)
		bm_condition_event(&r->conditions, r->source, names[i]);
}

static void
steps_from_json(Report *r, FunctionCallInfo fcinfo)
{
	Jsonb *steps;
	JsonbValue *v;
	int n;

	if (PG_ARGISNULL(ARG_STEPS))
		raise_no_steps(0);
	steps = PG_GETARG_JSONB_P(ARG_STEPS);
	v = bm_jsonb_elements(steps, &n);
	if (n < 1 || n > BM_MAX_STEPS)
		raise_no_steps(n);
	for (int i = 0; i < n; i++)
		bm_condition_json(&r->conditions, r->source, &v[i], no_keys, psprintf("step %d", i + 1));
}

static void
read_arguments(Report *r, FunctionCallInfo fcinfo, bool json)
{
	const BmOptionSpec *specs[2] = {bm_funnel_options, report_options};
	Jsonb *options = PG_ARGISNULL(ARG_OPTIONS) ? NULL : PG_GETARG_JSONB_P(ARG_OPTIONS);
	BmFunnelOptions funnel = {0};
	int steps, n = 0;
	JsonbValue *v;

	r->source = bm_source_load(bm_arg_text(fcinfo, ARG_SOURCE, "source"));
	if (PG_ARGISNULL(ARG_WITHIN))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"within\" must not be null")));
	bm_options_check(options, specs, 2, "behav_funnel");
	bm_options_parse(&funnel, bm_funnel_options, options);
	bm_options_parse(&r->options, report_options, options);
	if (json)
		steps_from_json(r, fcinfo);
	else
		steps_from_names(r, fcinfo);
	steps = r->conditions.n;
	v = funnel.exclusions ? bm_jsonb_elements(funnel.exclusions, &n) : NULL;
	for (int x = 0; x < n; x++)
		bm_condition_json(&r->conditions, r->source, &v[x], exclusion_keys,
						  psprintf("exclusion %d", x + 1));
	bm_funnel_config_parsed(
		&r->config, steps, bm_interval_micros(PG_GETARG_INTERVAL_P(ARG_WITHIN), "within"), &funnel);
	(void) bm_funnel_decode(&r->funnel, r->exclusions, r->config.word, r->config.nwords);
	r->breakdown = bm_arg_text_or_null(fcinfo, ARG_BREAKDOWN);
	r->since = time_argument(fcinfo, ARG_SINCE, PG_INT64_MIN);
	r->until = time_argument(fcinfo, ARG_UNTIL, PG_INT64_MAX);
}

/* ---- users ---- */

/* Of two codes the one whose value comes first: ties in time must not depend on the order of rows. */
static uint32_t
lesser_value(const BmDictView *d, uint32_t a, uint32_t b)
{
	size_t la, lb;
	int order;

	if (a == BM_NONE || b == BM_NONE)
		return a == BM_NONE ? b : a;
	la = d->offset[a + 1] - d->offset[a];
	lb = d->offset[b + 1] - d->offset[b];
	order = memcmp(d->blob + d->offset[a], d->blob + d->offset[b], Min(la, lb));
	return order < 0 || (order == 0 && la <= lb) ? a : b;
}

/* The value that a user counts under, from events order[0..n) in order of time. */
static uint32_t
touched_group(const Report *r, const uint32_t *order, size_t n)
{
	const BmFunnelEvents *e = &r->events;
	uint64_t steps = ~UINT64_C(0) << (64 - r->funnel.steps);
	uint32_t found = BM_NONE;
	int64_t time = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t event = order[r->options.attribution == 0 ? i : n - 1 - i];

		if (found != BM_NONE && e->time[event] != time)
			break;
		if (e->group[event] == BM_NONE || !(~e->word[event] & steps))
			continue;
		found = lesser_value(&e->groups.view, found, e->group[event]);
		time = e->time[event];
	}
	return found;
}

/* Sort by user and time, and put every user through the kernel. */
static void
compute_users(Report *r)
{
	BmFunnelEvents *e = &r->events;
	size_t k = r->funnel.steps, longest = 0, bytes = bmc_funnel_scratch(&r->funnel, true);
	uint32_t *order;
	size_t *start;
	uint64_t *entries;
	void *scratch = palloc(Max(bytes, 8));

	r->nusers = e->users.view.n;
	order = take(r, e->n, sizeof(*order));
	start = take(r, r->nusers + 1, sizeof(*start));
	bm_check(bmc_sort_events(order, start, e->user, e->time, e->word, e->n, r->nusers, &r->mem,
							 &r->watch.stop),
			 "sort events by user and time", NULL);
	for (size_t u = 0; u < r->nusers; u++)
		longest = Max(longest, start[u + 1] - start[u]);
	entries = take(r, longest, 2 * sizeof(uint64_t));
	r->level = take(r, r->nusers, sizeof(*r->level));
	r->group = take(r, r->nusers, sizeof(*r->group));
	r->times = take(r, bmc_mul(r->nusers, k), sizeof(*r->times));
	for (size_t u = 0; u < r->nusers; u++)
	{
		size_t n = start[u + 1] - start[u];
		int level;

		if (u % 1024 == 0)
			bm_interrupts();
		for (size_t i = 0; i < n; i++)
		{
			entries[2 * i] = (uint64_t) e->time[order[start[u] + i]];
			entries[2 * i + 1] = e->word[order[start[u] + i]];
		}
		bm_check(
			bmc_funnel(&level, r->times + u * k, &r->funnel, entries, n, scratch, &r->watch.stop),
			"walk through the events of one user", NULL);
		r->level[u] = (int8_t) level;
		r->group[u] = e->group ? touched_group(r, order + start[u], n) : BM_NONE;
	}
	bmc_free(&r->mem, entries);
	bmc_free(&r->mem, start);
	bmc_free(&r->mem, order);
}

/* ---- groups ---- */

typedef struct GroupCount
{
	uint32_t code;
	uint64_t users;
	const BmDictView *dict;
} GroupCount;

/* Most users first, then by value; NULL after the values. */
static int
compare_groups(const void *a, const void *b)
{
	const GroupCount *x = a, *y = b;

	if (x->users != y->users)
		return x->users > y->users ? -1 : 1;
	if (x->code == y->code)
		return 0;
	if (x->code == BM_NONE || y->code == BM_NONE)
		return x->code == BM_NONE ? 1 : -1;
	return lesser_value(x->dict, x->code, y->code) == x->code ? -1 : 1;
}

/* Which places the groups have in the report; without a breakdown there is one. */
static void
rank_groups(Report *r)
{
	size_t n = r->events.groups.view.n, shown = 0;
	GroupCount *count = take(r, n + 1, sizeof(*count));

	r->rank = take(r, n + 1, sizeof(*r->rank));
	r->code = take(r, n + 2, sizeof(*r->code));
	for (size_t g = 0; g <= n; g++)
		count[g] = (GroupCount){g < n ? (uint32_t) g : BM_NONE, 0, &r->events.groups.view};
	for (size_t u = 0; u < r->nusers; u++)
		if (r->level[u] >= 1)
			count[r->group[u] == BM_NONE ? n : r->group[u]].users++;
	qsort(count, n + 1, sizeof(*count), compare_groups);
	while (shown <= n && shown < (size_t) r->options.max_groups &&
		   (count[shown].users > 0 || shown == 0))
		shown++;
	r->others = shown <= n && count[shown].users > 0;
	r->ngroups = shown + r->others;
	for (size_t g = 0; g <= n; g++)
	{
		r->rank[count[g].code == BM_NONE ? n : count[g].code] = (uint32_t) (g < shown   ? g
																			: r->others ? shown
																						: 0);
		if (g < shown)
			r->code[g] = count[g].code;
	}
	if (r->others)
		ereport(
			NOTICE,
			(errmsg("values of the breakdown beyond the first %zu are counted as (other)", shown),
			 errhint("Raise the option \"max_groups\".")));
	bmc_free(&r->mem, count);
}

static inline uint32_t
place_of(const Report *r, size_t user)
{
	uint32_t g = r->group[user];

	return r->rank[g == BM_NONE ? r->events.groups.view.n : g];
}

/* Users by place: a counting sort. */
static void
gather_members(Report *r)
{
	size_t *next = take(r, r->ngroups + 1, sizeof(*next));

	r->member = take(r, r->nusers, sizeof(*r->member));
	r->first = take(r, r->ngroups + 1, sizeof(*r->first));
	for (size_t u = 0; u < r->nusers; u++)
		r->first[place_of(r, u) + 1]++;
	for (size_t p = 0; p < r->ngroups; p++)
	{
		r->first[p + 1] += r->first[p];
		next[p] = r->first[p];
	}
	for (size_t u = 0; u < r->nusers; u++)
		r->member[next[place_of(r, u)]++] = (uint32_t) u;
	bmc_free(&r->mem, next);
}

/* ---- rows ---- */

/* Users of a place that did step j (1-based). */
static int64
users_of(const Report *r, uint32_t place, int j)
{
	int64 n = 0;

	for (size_t i = r->first[place]; i < r->first[place + 1]; i++)
		n += r->level[r->member[i]] >= j;
	return n;
}

/* Median seconds from step `from` to step j of those who did it; false when nobody did. */
static bool
median_seconds(Report *r, uint32_t place, int from, int j, double *seconds)
{
	size_t k = r->funnel.steps, n = 0;

	for (size_t i = r->first[place]; i < r->first[place + 1]; i++)
	{
		size_t u = r->member[i];
		const int64_t *times = r->times + u * k;

		if (r->level[u] >= j)
			r->delays[n++] = (uint64_t) times[j - 1] - (uint64_t) times[from - 1];
	}
	if (n == 0)
		return false;
	memset(r->payload, 0, n * sizeof(*r->payload));
	bm_check(bmc_sort_u64(r->delays, r->payload, n, &r->mem), "sort times to convert", NULL);
	*seconds = ((double) r->delays[(n - 1) / 2] + (double) r->delays[n / 2]) / 2e6;
	return true;
}

static void
put_group(Report *r, FunctionCallInfo fcinfo, uint32_t place)
{
	bool any = r->funnel.modes == BM_FUNNEL_ANY;
	int64 first = users_of(r, place, 1), previous = first;

	for (int j = 1; j <= r->funnel.steps; j++)
	{
		int64 users = users_of(r, place, j);
		Datum values[9];
		bool nulls[9] = {false};
		double seconds;

		bm_interrupts();
		nulls[0] = r->breakdown == NULL;
		if (r->others && place == r->ngroups - 1)
			values[0] = bm_text_datum("(other)");
		else if (r->code[place] == BM_NONE)
			nulls[0] = true;
		else
			values[0] = bm_text_datum(bm_dict_text(&r->events.groups.view, r->code[place]));
		values[1] = Int32GetDatum(j);
		values[2] = bm_text_datum(any ? psprintf("any %d of the steps", j)
									  : r->conditions.condition[j - 1].name);
		values[3] = Int64GetDatum(users);
		values[4] = Float8GetDatum(first > 0 ? (double) users / (double) first : 0);
		nulls[4] = first == 0;
		values[5] = Float8GetDatum(previous > 0 ? (double) users / (double) previous : 0);
		nulls[5] = previous == 0;
		values[6] = Int64GetDatum(previous - users);
		nulls[7] = any || j == 1 || !median_seconds(r, place, j - 1, j, &seconds);
		values[7] = Float8GetDatum(nulls[7] ? 0 : seconds);
		nulls[8] = any || j == 1 || !median_seconds(r, place, 1, j, &seconds);
		values[8] = Float8GetDatum(nulls[8] ? 0 : seconds);
		bm_srf_row(fcinfo, values, nulls);
		previous = users;
	}
}

/* A step that no event does is more often a misspelt name than a fact. */
static void
warn_of_idle_steps(const Report *r)
{
	const BmSource *s = r->source;

	for (int i = 0; i < r->conditions.n; i++)
		if ((r->events.met & bmc_funnel_bit(i)) == 0)
			ereport(WARNING,
					(errmsg("no event is \"%s\"", r->conditions.condition[i].name),
					 s->event ? errhint("SELECT %s, count(*) FROM %s GROUP BY 1 lists the events.",
										quote_identifier(s->event), s->relation)
							  : 0));
}

static Datum
report(FunctionCallInfo fcinfo, bool json)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behav_funnel", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Report *r;

	bm_srf_begin(fcinfo);
	old = MemoryContextSwitchTo(context);
	r = palloc0(sizeof(Report));
	bm_mem_init(&r->mem, context);
	bm_watch_init(&r->watch, 0);
	read_arguments(r, fcinfo, json);
	bm_funnel_read(&r->events, r->source, &r->conditions, bmc_funnel_needs_all(&r->funnel),
				   r->breakdown, r->since, r->until, &r->mem);
	if (r->events.ignored > 0)
		ereport(NOTICE, (errmsg("%llu events without a user or a finite time are left out",
								(unsigned long long) r->events.ignored)));
	warn_of_idle_steps(r);
	compute_users(r);
	rank_groups(r);
	gather_members(r);
	r->delays = take(r, r->nusers, sizeof(*r->delays));
	r->payload = take(r, r->nusers, sizeof(*r->payload));
	for (uint32_t place = 0; place < r->ngroups; place++)
		put_group(r, fcinfo, place);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* behav_funnel(source, steps text[], within, breakdown, since, until, options) */
BM_FUNCTION(behav_funnel);
Datum
behav_funnel(PG_FUNCTION_ARGS)
{
	return report(fcinfo, false);
}

/* behav_funnel_conditions(source, steps jsonb, within, breakdown, since, until, options) */
BM_FUNCTION(behav_funnel_conditions);
Datum
behav_funnel_conditions(PG_FUNCTION_ARGS)
{
	return report(fcinfo, true);
}
