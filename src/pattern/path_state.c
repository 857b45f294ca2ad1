/*
 * path_state.c
 *		behav_path_agg: one user's events as a state that travels, and what is read out of it: the path,
 *		its sessions, its edges. For tables that are no sources.
 *
 * 16 bytes an event (time, code of the name) and one set of names a state, which lies in the
 * configuration. Codes are by arrival while a state is filled; the final function puts names in order
 * and events in the order of time and name, so that equal events give equal states.
 */
#include "pattern/path_source.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/flat_names.h"

static const char *check_state(const BmFlat *state);

static const BmFlatKind path_kind = {.type = "behav_path_state",
									 .config = "names",
									 .id = BM_FLAT_PATH,
									 .version = 1,
									 .words = 2,
									 .times = true,
									 .config_words = BM_NAMES_HEAD,
									 .check = check_state,
									 .config_max = MaxAllocSize / sizeof(uint64)};

BM_FLAT_FUNCTION(behav_path_state, in, path_kind);
BM_FLAT_FUNCTION(behav_path_state, out, path_kind);
BM_FLAT_FUNCTION(behav_path_state, recv, path_kind);
BM_FLAT_FUNCTION(behav_path_state, send, path_kind);
BM_FLAT_FUNCTION(behav_path_state, events, path_kind);
BM_FLAT_FUNCTION(behav_path_state, ignored, path_kind);

/* A value from outside: nothing below looks at names or codes with suspicion again. */
static const char *
check_state(const BmFlat *s)
{
	const uint64 *names = bm_flat_config(s), *entry = bm_flat_entries(s);
	const char *wrong = bm_flat_names_wrong(s);

	if (wrong)
		return wrong;
	for (int64 i = 0; i < s->n; i++, entry += 2)
	{
		if (entry[1] >= bmc_names_count(names))
			return "It has an event without a name.";
		if ((i & 0xfffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return NULL;
}

/* ---- filling ---- */

static void
raise_limit(size_t len)
{
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					len > BM_MAX_NAME ? errmsg("the name of an event is too long: %zu bytes", len)
									  : errmsg("one group has too many different names of events"),
					errdetail("The limits are %u bytes and %u names.", BM_MAX_NAME, BM_MAX_NAMES),
					errhint("Shorten names, as with left(event, 200), or group them.")));
}

/* The code of a name, in a state that may have to grow for it. */
static BmFlat *
put_name(BmFlat *s, const char *name, size_t len, uint32 *code)
{
	if (bm_flat_put_name(&s, &path_kind, name, len, code) != BM_OK)
		raise_limit(len);
	return s;
}

/* behav_path_state_accum(state, ts, event) */
BM_FUNCTION(behav_path_state_accum);
Datum
behav_path_state_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &path_kind);
	text *event;
	uint32 code;

	if (s == NULL)
		s = bm_flat_new_names(&path_kind);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
	{
		s->ignored++;
		PG_RETURN_POINTER(s);
	}
	event = PG_GETARG_TEXT_PP(2);
	s = put_name(s, VARDATA_ANY(event), VARSIZE_ANY_EXHDR(event), &code);
	PG_RETURN_POINTER(bm_flat_add(s, PG_GETARG_TIMESTAMPTZ(1), code));
}

/* Append n entries, their codes by way of code, or as they are. */
static BmFlat *
add_entries(BmFlat *s, const uint64 *entry, int64 n, const uint32 *code)
{
	s = bm_flat_grow(s, n);
	for (int64 i = 0; i < n; i++, entry += 2)
	{
		s = bm_flat_add(s, (int64) entry[0], code ? code[entry[1]] : entry[1]);
		if ((i & 0xfffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return s;
}

/* behav_path_state_combine(a, b): the events of both; names of b get the codes they have in a. */
BM_FUNCTION(behav_path_state_combine);
Datum
behav_path_state_combine(PG_FUNCTION_ARGS)
{
	BmFlat *a = bm_flat_writable(fcinfo, &path_kind);
	const BmFlat *b;
	const uint64 *names;
	uint32 *code;
	char *name;

	if (PG_ARGISNULL(1))
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	b = bm_flat_get(PG_GETARG_DATUM(1), &path_kind);
	if (a == NULL)
		PG_RETURN_POINTER(b);
	names = bm_flat_config(b);
	code = palloc(sizeof(uint32) * Max(bmc_names_count(names), 1));
	name = palloc(BM_MAX_NAME);
	for (uint32 i = 0; i < bmc_names_count(names); i++)
	{
		bmc_name_bytes(name, names, i);
		a = put_name(a, name, bmc_name_length(names, i), &code[i]);
	}
	a = add_entries(a, bm_flat_entries(b), b->n, code);
	a->ignored += b->ignored;
	pfree(code);
	pfree(name);
	PG_RETURN_POINTER(a);
}

/* The state with its names in order and no spare room, its events in the order of time and name. */
static const BmFlat *
canonical(const BmFlat *s)
{
	const uint64 *names = bm_flat_config(s), *entry;
	uint32 n = bmc_names_count(names), *order, *code;
	size_t nslots;
	BmFlat *c;

	if (bmc_names_least(&nslots, names) == s->config_words && (s->flags & BM_FLAT_SORTED) &&
		bmc_names_ordered(names))
		return s;
	order = bm_flat_names_order(s);
	code = palloc(sizeof(uint32) * Max(n, 1));
	for (uint32 i = 0; i < n; i++)
		code[order[i]] = i;
	c = bm_flat_ordered_names(s, &path_kind, order);
	c = add_entries(c, bm_flat_entries(s), s->n, code);
	if ((c->flags & BM_FLAT_SORTED) == 0)
	{
		entry = bm_flat_sorted(c); /* a copy */
		bm_flat_settle(c, 0);
		c = add_entries(c, entry, s->n, NULL);
	}
	pfree(order);
	pfree(code);
	return c;
}

/* behav_path_state_final(state) */
BM_FUNCTION(behav_path_state_final);
Datum
behav_path_state_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(bm_flat_trim(canonical(bm_flat_get(PG_GETARG_DATUM(0), &path_kind))));
}

/* ---- reading ---- */

static const BmOptionSpec state_edge_options[] = {
	{"exits", BM_OPT_BOOL, offsetof(BmPathOptions, exits), "false", 0, 0, NULL,
	 "Also edges to (exit), for sessions that end before the depth."},
	{"numbered", BM_OPT_BOOL, offsetof(BmPathOptions, numbered), "false", 0, 0, NULL,
	 "Names with their layer, as \"2 cart\"."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

typedef struct StatePaths
{
	BmMem mem;
	BmPathOptions options;
	BmPathNames names;
	BmPathRules rules;
	BmDict dict;
	BmPaths paths;
	MemoryContext row;
} StatePaths;

static void
check(BmStatus status)
{
	bm_check(status, "cut the events of a state into paths", NULL);
}

/* The names as a dictionary, with their codes. */
static void
fill_dict(BmDict *dict, const uint64 *names, BmMem *mem)
{
	char *name = palloc(BM_MAX_NAME);

	check(bmc_dict_init(dict, BM_KEY_BYTES, mem));
	for (uint32 i = 0; i < bmc_names_count(names); i++)
	{
		uint32_t code;

		bmc_name_bytes(name, names, i);
		check(bmc_dict_put_bytes(dict, name, bmc_name_length(names, i), &code));
		Assert(code == i);
	}
	pfree(name);
}

/* Anchors that a user never met are no error: that user has no path. */
static void
mark(StatePaths *p, FunctionCallInfo fcinfo, int i, const char *argument, uint8_t flag,
	 bool *anchor)
{
	if (PG_ARGISNULL(i))
		return;
	*anchor = true;
	(void) bm_path_mark(&p->names, bm_arg_text(fcinfo, i, argument), flag);
}

/*
 * Paths of the state in argument 0, between start_event and end_event (1, 2), of depth (3) and with
 * options (last). gap: microseconds, or -1.
 */
static void
open_state(StatePaths *p, FunctionCallInfo fcinfo, int64 depth, int64 gap, int options,
		   const BmOptionSpec *more, const char *what)
{
	const BmOptionSpec *specs[] = {bm_path_name_options, bm_path_trim_options, more};
	const BmFlat *s = canonical(bm_flat_get(PG_GETARG_DATUM(0), &path_kind));
	const uint64 *entry = bm_flat_entries(s);
	size_t start[2] = {0, (size_t) s->n};
	uint32_t *node, *code;
	int64_t *time;
	BmWatch watch;

	memset(p, 0, sizeof(*p));
	bm_path_options(&p->options, bm_arg_jsonb(fcinfo, options), specs, more ? 3 : 2, what);
	bm_mem_init(&p->mem, CurrentMemoryContext);
	bm_watch_init(&watch, 0);
	p->row = AllocSetContextCreate(CurrentMemoryContext, "behavmine row", ALLOCSET_SMALL_SIZES);
	fill_dict(&p->dict, bm_flat_config(s), &p->mem);
	code = bm_path_nodes(&p->names, &p->dict.view, &p->options, &p->mem, CurrentMemoryContext);
	node = bmc_alloc(&p->mem, (size_t) s->n, sizeof(uint32_t));
	time = bmc_alloc(&p->mem, (size_t) s->n, sizeof(int64_t));
	if (!node || !time)
		check(BM_ENOMEM);
	for (int64 i = 0; i < s->n; i++, entry += 2)
	{
		node[i] = code[entry[1]];
		time[i] = (int64_t) entry[0];
	}
	p->rules = (BmPathRules){.gap = gap,
							 .flags = p->names.flags,
							 .last = p->options.occurrence == 1,
							 .reverse = p->options.reverse,
							 .collapse = p->options.collapse,
							 .depth = (uint32_t) depth};
	mark(p, fcinfo, 1, "start_event", BM_NODE_START, &p->rules.from_start);
	mark(p, fcinfo, 2, "end_event", BM_NODE_END, &p->rules.to_end);
	check(bmc_path_build(&p->paths, &p->rules, 1, start, node, time, NULL, &p->mem, &watch.stop));
}

static Datum
path_array(const StatePaths *p, size_t i)
{
	const BmPaths *paths = &p->paths;
	size_t n = paths->start[i + 1] - paths->start[i];
	Datum *name = palloc(sizeof(Datum) * n), array;

	for (size_t e = 0; e < n; e++)
		name[e] = bm_path_name(&p->names, paths->node[paths->start[i] + e], 0);
	array = PointerGetDatum(construct_array(name, (int) n, TEXTOID, -1, false, TYPALIGN_INT));
	pfree(name);
	return array;
}

static int64
arg_gap(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? -1 : bm_interval_micros(PG_GETARG_INTERVAL_P(i), "gap");
}

/* behav_path(state, start_event, end_event, depth, options): all events as one path, or NULL */
BM_FUNCTION(behav_path);
Datum
behav_path(PG_FUNCTION_ARGS)
{
	StatePaths p;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	open_state(&p, fcinfo, bm_arg_range_or(fcinfo, 3, "depth", 1, PG_INT32_MAX, 0), -1, 4, NULL,
			   "behav_path");
	if (p.paths.n == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(path_array(&p, 0));
}

/* behav_path_sessions(state, start_event, end_event, depth, gap, options) */
BM_FUNCTION(behav_path_sessions);
Datum
behav_path_sessions(PG_FUNCTION_ARGS)
{
	MemoryContext caller;
	StatePaths p;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	open_state(&p, fcinfo, bm_arg_range_or(fcinfo, 3, "depth", 1, PG_INT32_MAX, 0),
			   arg_gap(fcinfo, 4), 5, NULL, "behav_path_sessions");
	caller = MemoryContextSwitchTo(p.row);
	for (size_t i = 0; i < p.paths.n; i++)
	{
		int64_t first = p.paths.time[p.paths.start[i]];
		int64_t last = p.paths.time[p.paths.start[i + 1] - 1];
		int64_t begin = Min(first, last), end = Max(first, last);
		bool null[5] = {false};
		Datum v[5] = {Int32GetDatum((int32) i + 1), TimestampTzGetDatum(begin),
					  TimestampTzGetDatum(end), path_array(&p, i),
					  Float8GetDatum((double) (end - begin) / USECS_PER_SEC)};

		bm_path_row(fcinfo, v, null, p.row);
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

/* One edge of a session, from its step-th node (from 1); to the exit where target is that. */
static void
edge_row(FunctionCallInfo fcinfo, const StatePaths *p, size_t session, uint32 step, bool exits)
{
	size_t at = p->paths.start[session] + step - 1;
	int64_t gap = exits ? 0 : p->paths.time[at + 1] - p->paths.time[at];
	bool null[5] = {false, false, false, false, exits};
	Datum v[5] = {Int32GetDatum((int32) session + 1), Int32GetDatum((int32) step),
				  bm_path_name(&p->names, p->paths.node[at], step),
				  bm_path_name(&p->names, exits ? BM_NODE_EXIT : p->paths.node[at + 1], step + 1),
				  Float8GetDatum((double) (gap < 0 ? -gap : gap) / USECS_PER_SEC)};

	bm_path_row(fcinfo, v, null, p->row);
}

/* behav_path_edges(state, start_event, end_event, depth, gap, options) */
BM_FUNCTION(behav_path_edges_state);
Datum
behav_path_edges_state(PG_FUNCTION_ARGS)
{
	int64 depth = bm_arg_range_or(fcinfo, 3, "depth", 2, BM_MAX_PATH_DEPTH, 5);
	MemoryContext caller;
	StatePaths p;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	open_state(&p, fcinfo, depth, arg_gap(fcinfo, 4), 5, state_edge_options, "behav_path_edges");
	caller = MemoryContextSwitchTo(p.row);
	for (size_t i = 0; i < p.paths.n; i++)
	{
		uint32 n = (uint32) (p.paths.start[i + 1] - p.paths.start[i]);

		for (uint32 step = 1; step < n; step++)
			edge_row(fcinfo, &p, i, step, false);
		if (p.options.exits && n < depth)
			edge_row(fcinfo, &p, i, n, true);
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}
