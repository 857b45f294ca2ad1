/*
 * path.c
 *		behav_path_edges, behav_paths, behav_path_tree: where people go, as rows.
 */
#include "pattern/path_source.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"

#define DEFAULT_DEPTH 5

static const BmOptionSpec edge_options[] = {
	{"exits", BM_OPT_BOOL, offsetof(BmPathOptions, exits), "false", 0, 0, NULL,
	 "Also edges to (exit), for sessions that end before the depth."},
	{"numbered", BM_OPT_BOOL, offsetof(BmPathOptions, numbered), "false", 0, 0, NULL,
	 "Names with their layer, as \"2 cart\": what Sankey charts want."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/*
 * The arguments that all three share: (source, start_event, end_event, depth, n, since, until,
 * options); reads the source, builds the paths.
 */
static void
open_paths(BmPathData *d, FunctionCallInfo fcinfo, int min_depth, int default_depth,
		   const BmOptionSpec *more, const char *what)
{
	const BmOptionSpec *specs[] = {bm_path_source_options, bm_path_name_options,
								   bm_path_trim_options, more};
	char *source = bm_arg_text(fcinfo, 0, "source");
	char *start = PG_ARGISNULL(1) ? NULL : bm_arg_text(fcinfo, 1, "start_event");
	char *end = PG_ARGISNULL(2) ? NULL : bm_arg_text(fcinfo, 2, "end_event");
	int64 depth = bm_arg_range_or(fcinfo, 3, "depth", min_depth, BM_MAX_PATH_DEPTH, default_depth);
	BmPathOptions options;
	int64 since, until;

	bm_arg_period(fcinfo, 5, &since, &until);
	bm_path_options(&options, bm_arg_jsonb(fcinfo, 7), specs, more ? 4 : 3, what);
	bm_srf_begin(fcinfo);
	bm_path_open(d, source, &options, since, until);
	bm_path_anchor(d, "start_event", start, BM_NODE_START);
	bm_path_anchor(d, "end_event", end, BM_NODE_END);
	d->rules.depth = (uint32_t) depth;
	bm_path_build(d);
}

static Datum
seconds_datum(double seconds, bool *null)
{
	*null = isnan(seconds);
	return Float8GetDatum(*null ? 0 : seconds);
}

/* behav_path_edges(source, ...): layer, source, target, sessions, users, median_seconds */
BM_FUNCTION(behav_path_edges);
Datum
behav_path_edges(PG_FUNCTION_ARGS)
{
	int64 top = bm_arg_range_or(fcinfo, 4, "top_n", 1, BM_MAX_PATH_TOP, 10);
	MemoryContext caller;
	BmPathData d;
	BmEdgeRules rules;
	BmEdges edges;

	open_paths(&d, fcinfo, 2, DEFAULT_DEPTH, edge_options, "behav_path_edges");
	rules = (BmEdgeRules){d.names.n, (uint32_t) top, BM_NONE, (uint32_t) d.options.min_users,
						  d.options.exits};
	bm_path_check(bmc_path_edges(&edges, &d.paths, &rules, d.rules.depth, &d.mem, &d.watch.stop),
				  &d, "count the edges of paths");
	caller = MemoryContextSwitchTo(d.row);
	for (size_t i = 0; i < edges.n; i++)
	{
		const BmEdge *e = &edges.edge[i];
		bool null[6] = {false};
		Datum v[6] = {Int32GetDatum((int32) e->layer),
					  bm_path_name(&d.names, e->source, e->layer),
					  bm_path_name(&d.names, e->target, e->layer + 1),
					  Int64GetDatum(e->count),
					  Int64GetDatum(e->users),
					  seconds_datum(e->seconds, &null[5])};

		bm_path_row(fcinfo, v, null, d.row);
	}
	MemoryContextSwitchTo(caller);
	bm_path_close(&d);
	return (Datum) 0;
}

/* Names of the nodes from the root of a tree to one of its nodes. */
static Datum
path_datum(const BmPathNames *names, const BmPathTree *t, uint32_t id)
{
	int n = (int) t->node[id].step;
	Datum name[BM_MAX_PATH_DEPTH];

	for (; id != BM_NONE; id = t->node[id].parent)
		name[t->node[id].step - 1] = bm_path_name(names, t->node[id].node, 0);
	return PointerGetDatum(construct_array(name, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* behav_paths(source, ...): path, depth, sessions, users, share, median_seconds */
BM_FUNCTION(behav_paths);
Datum
behav_paths(PG_FUNCTION_ARGS)
{
	int64 k = bm_arg_range_or(fcinfo, 4, "k", 1, 1000000, 20);
	MemoryContext caller;
	BmPathData d;
	BmPathTree tree;
	uint32_t *best;
	size_t n;

	open_paths(&d, fcinfo, 1, 2 * DEFAULT_DEPTH, NULL, "behav_paths");
	bm_path_check(bmc_path_tree(&tree, &d.paths, &d.mem, &d.watch.stop), &d, "count paths");
	best = bmc_alloc(&d.mem, Min((size_t) k, tree.n), sizeof(uint32_t));
	if (!best)
		bm_path_check(BM_ENOMEM, &d, "count paths");
	bm_path_check(bmc_path_ends(best, &n, (size_t) k, (uint32_t) d.options.min_users, &tree,
								&d.paths, &d.mem, &d.watch.stop),
				  &d, "rank paths");
	caller = MemoryContextSwitchTo(d.row);
	for (size_t i = 0; i < n; i++)
	{
		const BmPathTreeNode *t = &tree.node[best[i]];
		bool null[6] = {false};
		Datum v[6] = {path_datum(&d.names, &tree, best[i]),
					  Int32GetDatum((int32) t->step),
					  Int64GetDatum(t->ended),
					  Int64GetDatum(t->ended_users),
					  Float8GetDatum((double) t->ended / (double) d.paths.n),
					  seconds_datum(t->seconds, &null[5])};

		bm_path_row(fcinfo, v, null, d.row);
	}
	MemoryContextSwitchTo(caller);
	bm_path_close(&d);
	return (Datum) 0;
}

/* behav_path_tree(source, ...): id, parent, step, node, path, sessions, users, ended, shares, seconds */
BM_FUNCTION(behav_path_tree);
Datum
behav_path_tree(PG_FUNCTION_ARGS)
{
	int64 top = bm_arg_range_or(fcinfo, 4, "top_n", 1, BM_MAX_PATH_TOP, 5);
	MemoryContext caller;
	BmPathData d;
	BmPathTree whole, tree;

	open_paths(&d, fcinfo, 1, DEFAULT_DEPTH, NULL, "behav_path_tree");
	bm_path_check(bmc_path_tree(&whole, &d.paths, &d.mem, &d.watch.stop), &d, "count paths");
	bm_path_check(bmc_path_prune(&tree, &whole, &d.paths, (uint32_t) top,
								 (uint32_t) d.options.min_users, &d.mem, &d.watch.stop),
				  &d, "make a tree of paths");
	caller = MemoryContextSwitchTo(d.row);
	for (uint32_t i = 0; i < tree.n; i++)
	{
		const BmPathTreeNode *t = &tree.node[i];
		bool root = t->parent == BM_NONE, null[11] = {false};
		double above = root ? (double) d.paths.n : (double) tree.node[t->parent].sessions;
		Datum v[11] = {Int32GetDatum((int32) i + 1),
					   Int32GetDatum(root ? 0 : (int32) t->parent + 1),
					   Int32GetDatum((int32) t->step),
					   bm_path_name(&d.names, t->node, 0),
					   path_datum(&d.names, &tree, i),
					   Int64GetDatum(t->sessions),
					   Int64GetDatum(t->users),
					   Int64GetDatum(t->ended),
					   Float8GetDatum((double) t->sessions / (double) d.paths.n),
					   Float8GetDatum((double) t->sessions / above),
					   seconds_datum(t->seconds, &null[10])};

		null[1] = root;
		bm_path_row(fcinfo, v, null, d.row);
	}
	MemoryContextSwitchTo(caller);
	bm_path_close(&d);
	return (Datum) 0;
}
