/*
 * transition.c
 *		behav_transitions: what follows what, as a Markov matrix in rows; behav_reach: how likely, and
 *		in how many steps, a state is reached.
 */
#include "pattern/path_source.h"

#include <math.h>

#include "core/mine/chain.h"

#define DEFAULT_TOP 50

static const BmOptionSpec transition_options[] = {
	{"collapse", BM_OPT_BOOL, offsetof(BmPathOptions, collapse), "false", 0, 0, NULL,
	 "Repeats of a step, one after the other, count once: no state follows itself."},
	{"ends", BM_OPT_BOOL, offsetof(BmPathOptions, exits), "true", 0, 0, NULL,
	 "Also transitions from (start) and to (end); without them probabilities are of going on."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const BmOptionSpec reach_options[] = {
	{"collapse", BM_OPT_BOOL, offsetof(BmPathOptions, collapse), "false", 0, 0, NULL,
	 "Repeats of a step, one after the other, count once, as a step and as a state."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* Read, build, count; min_users stays out, since rows sum to 1 over all that happened. */
static void
count_transitions(BmEdges *edges, BmPathData *d, int64 top, uint32_t keep, bool ends)
{
	BmEdgeRules rules;

	bm_path_build(d);
	rules = (BmEdgeRules){d->names.n, (uint32_t) top, keep, 1, ends};
	bm_path_check(bmc_path_transitions(edges, &d->paths, &rules, &d->mem, &d->watch.stop), d,
				  "count transitions");
}

/* The states that edges come from, numbered as they are met. */
typedef struct States
{
	uint32_t node[BM_MAX_PATH_TOP + 3];
	double out[BM_MAX_PATH_TOP + 3]; /* transitions that leave it */
	uint32_t n;
	uint32_t *of; /* (nodes) number of a node, or BM_NONE; the other kinds have their own place: */
	uint32_t other, entry;
} States;

static void *
take(BmPathData *d, size_t n, size_t size)
{
	void *block = bmc_alloc0(&d->mem, n, size);

	if (!block)
		bm_path_check(BM_ENOMEM, d, "solve the Markov chain");
	return block;
}

static void
init_states(States *s, BmPathData *d)
{
	s->n = 0;
	s->of = take(d, d->names.n, sizeof(uint32_t));
	memset(s->of, 0xff, sizeof(uint32_t) * d->names.n);
	s->other = s->entry = BM_NONE;
}

static uint32_t
state_of(States *s, uint32_t node)
{
	uint32_t *at = node == BM_NODE_OTHER   ? &s->other
				   : node == BM_NODE_ENTRY ? &s->entry
										   : &s->of[node];

	if (*at != BM_NONE)
		return *at;
	Assert(s->n < lengthof(s->node));
	s->node[s->n] = node;
	s->out[s->n] = 0;
	return *at = s->n++;
}

/* behav_transitions(source, ...): source, target, count, users, probability, median_seconds */
BM_FUNCTION(behav_transitions);
Datum
behav_transitions(PG_FUNCTION_ARGS)
{
	const BmOptionSpec *specs[] = {bm_path_source_options, bm_path_name_options,
								   transition_options};
	char *source = bm_arg_text(fcinfo, 0, "source");
	int64 top = bm_arg_range_or(fcinfo, 1, "top_n", 1, BM_MAX_PATH_TOP, DEFAULT_TOP);
	States *states = palloc0(sizeof(States));
	BmPathOptions options;
	int64 since, until;
	MemoryContext caller;
	BmPathData d;
	BmEdges edges;

	bm_arg_period(fcinfo, 2, &since, &until);
	bm_path_options(&options, bm_arg_jsonb(fcinfo, 4), specs, lengthof(specs), "behav_transitions");
	bm_srf_begin(fcinfo);
	bm_path_open(&d, source, &options, since, until);
	count_transitions(&edges, &d, top, BM_NONE, options.exits);
	init_states(states, &d);
	for (size_t i = 0; i < edges.n; i++)
		states->out[state_of(states, edges.edge[i].source)] += edges.edge[i].count;
	caller = MemoryContextSwitchTo(d.row);
	for (size_t i = 0; i < edges.n; i++)
	{
		const BmEdge *e = &edges.edge[i];
		bool null[6] = {false};
		Datum v[6] = {bm_path_name(&d.names, e->source, 0),
					  bm_path_name(&d.names, e->target, 0),
					  Int64GetDatum(e->count),
					  Int64GetDatum(e->users),
					  Float8GetDatum(e->count / states->out[state_of(states, e->source)]),
					  Float8GetDatum(isnan(e->seconds) ? 0 : e->seconds)};

		null[5] = isnan(e->seconds);
		if (e->users >= (uint32_t) options.min_users)
			bm_path_row(fcinfo, v, null, d.row);
	}
	MemoryContextSwitchTo(caller);
	bm_path_close(&d);
	return (Datum) 0;
}

/* ---- reaching a state ---- */

/* The chain of the transitions: the start first; the target and the end absorb. */
typedef struct Reach
{
	States states;
	double *w, *target, *other;
	double *probability, *steps;
} Reach;

/* Everything but the target's own transitions: the first visit ends the chain. */
static void
fill_chain(Reach *r, BmPathData *d, const BmEdges *edges, uint32_t target)
{
	size_t n;

	init_states(&r->states, d);
	state_of(&r->states, BM_NODE_ENTRY);
	for (size_t i = 0; i < edges->n; i++)
		if (edges->edge[i].source != target)
			r->states.out[state_of(&r->states, edges->edge[i].source)] += edges->edge[i].count;
	n = r->states.n;
	r->w = take(d, n * n, sizeof(double));
	r->target = take(d, n, sizeof(double));
	r->other = take(d, n, sizeof(double));
	r->probability = take(d, n, sizeof(double));
	r->steps = take(d, n, sizeof(double));
	for (size_t i = 0; i < edges->n; i++)
	{
		const BmEdge *e = &edges->edge[i];
		size_t from;

		if (e->source == target)
			continue;
		from = state_of(&r->states, e->source);
		if (e->target == target)
			r->target[from] += e->count;
		else if (e->target == BM_NODE_EXIT)
			r->other[from] += e->count;
		else
			r->w[from * n + state_of(&r->states, e->target)] += e->count;
	}
	bm_path_check(bmc_chain_reach(r->probability, r->steps, r->w, r->target, r->other, n,
								  take(d, 3 * n, sizeof(double)), &d->watch.stop),
				  d, "solve the Markov chain");
}

/* All nodes that the target's pattern matches become its first one; which that is. */
static uint32_t
join_targets(BmPathData *d)
{
	uint32_t first = BM_NONE;

	for (uint32_t i = 0; i < d->names.n && first == BM_NONE; i++)
		if (d->names.flags[i] & BM_NODE_END)
			first = i;
	for (size_t e = 0; e < d->log->n; e++)
		if (d->log->item[e] != BM_NONE && (d->names.flags[d->log->item[e]] & BM_NODE_END))
			d->log->item[e] = first;
	return first;
}

/* behav_reach(source, target, ...): state, visits, probability, expected_steps */
BM_FUNCTION(behav_reach);
Datum
behav_reach(PG_FUNCTION_ARGS)
{
	const BmOptionSpec *specs[] = {bm_path_source_options, bm_path_name_options, reach_options};
	char *source = bm_arg_text(fcinfo, 0, "source");
	char *pattern = bm_arg_text(fcinfo, 1, "target");
	int64 top = bm_arg_range_or(fcinfo, 2, "top_n", 1, BM_MAX_PATH_TOP, DEFAULT_TOP);
	Reach *r = palloc0(sizeof(Reach));
	BmPathOptions options;
	int64 since, until;
	BmPathData d;
	BmEdges edges;
	uint32_t target;

	bm_arg_period(fcinfo, 3, &since, &until);
	bm_path_options(&options, bm_arg_jsonb(fcinfo, 5), specs, lengthof(specs), "behav_reach");
	bm_srf_begin(fcinfo);
	bm_path_open(&d, source, &options, since, until);
	bm_path_anchor(&d, "target", pattern, BM_NODE_END);
	d.rules.to_end = false; /* paths go on: the target is looked for in the chain, not cut at */
	target = join_targets(&d);
	count_transitions(&edges, &d, top, target, true);
	fill_chain(r, &d, &edges, target);
	for (size_t i = 0; i < r->states.n; i++)
	{
		bool null[4] = {false};
		Datum v[4] = {bm_path_name(&d.names, r->states.node[i], 0),
					  Int64GetDatum((int64) r->states.out[i]), Float8GetDatum(r->probability[i]),
					  Float8GetDatum(isnan(r->steps[i]) ? 0 : r->steps[i])};

		null[3] = isnan(r->steps[i]);
		bm_srf_row(fcinfo, v, null);
	}
	bm_path_close(&d);
	return (Datum) 0;
}
