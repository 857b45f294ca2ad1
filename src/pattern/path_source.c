/*
 * path_source.c
 *		From a source to paths: one read, names grouped and left out, anchors found, sessions cut.
 */
#include "pattern/path_source.h"

#include "core/mine/wildcard.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define OPT(field) offsetof(BmPathOptions, field)

/* Nearest names are not searched among more: it would take longer than reading the list. */
#define MAX_COMPARED 20000

const BmOptionSpec bm_path_source_options[] = {
	{"node", BM_OPT_TEXT, OPT(node), NULL, 0, 0, NULL,
	 "What a step is: event, item, or a column of the source's relation; null: event if there is "
	 "one, else item."},
	{"sessions", BM_OPT_ENUM, OPT(sessions), "auto", 0, 0, "auto|gap|column|none",
	 "Sessions by the source's session_id column (auto: where it has one), by gap, or none: all "
	 "events of a user are one path."},
	{"gap_minutes", BM_OPT_FLOAT, OPT(gap_minutes), NULL, 0.01, 52560000, NULL,
	 "A longer pause begins a session; null: the source's session_gap_minutes."},
	{"min_users", BM_OPT_INT, OPT(min_users), "1", 1, 1000000000, NULL,
	 "Leave out what fewer users did."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const BmOptionSpec bm_path_name_options[] = {
	{"exclude", BM_OPT_JSON, OPT(exclude), NULL, 0, 0, NULL,
	 "Names that are left out, as [\"search\", \"/admin/*\"]."},
	{"groups", BM_OPT_JSON, OPT(groups), NULL, 0, 0, NULL,
	 "Names that become one, the first match counts, as [\"/product/*\", {\"checkout*\": "
	 "\"checkout\"}]."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const BmOptionSpec bm_path_trim_options[] = {
	{"collapse", BM_OPT_BOOL, OPT(collapse), "true", 0, 0, NULL,
	 "Repeats of a step, one after the other, count once."},
	{"reverse", BM_OPT_BOOL, OPT(reverse), "false", 0, 0, NULL,
	 "Paths run backwards from where they end: what led to it."},
	{"occurrence", BM_OPT_ENUM, OPT(occurrence), "first", 0, 0, "first|last",
	 "Which start_event (in reverse: end_event) of a session the path is tied to."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

void
bm_path_options(BmPathOptions *o, Jsonb *json, const BmOptionSpec *const *specs, int n,
				const char *what)
{
	memset(o, 0, sizeof(*o));
	bm_options_check(json, specs, n, what);
	for (int i = 0; i < n; i++)
		bm_options_parse(o, specs[i], json);
	o->min_users = Max(o->min_users, 1);
}

/* ---- arguments ---- */

void
bm_arg_period(FunctionCallInfo fcinfo, int i, int64 *since, int64 *until)
{
	*since = PG_ARGISNULL(i) ? PG_INT64_MIN : PG_GETARG_TIMESTAMPTZ(i);
	*until = PG_ARGISNULL(i + 1) ? PG_INT64_MAX : PG_GETARG_TIMESTAMPTZ(i + 1);
	if (*since >= *until)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"since\" must be before \"until\""),
						errdetail("Events from since on and before until are read.")));
}

Jsonb *
bm_arg_jsonb(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : PG_GETARG_JSONB_P(i);
}

static void
bad_option(const char *option, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" must be %s", option, wanted)));
}

static char *
value_text(const JsonbValue *v)
{
	return pnstrdup(v->val.string.val, v->val.string.len);
}

char **
bm_option_strings(Jsonb *array, const char *option, int *n)
{
	static const char wanted[] = "an array of names, as [\"search\", \"/admin/*\"]";
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	char **out;

	*n = 0;
	if (!array)
		return NULL;
	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		bad_option(option, wanted);
	out = palloc(sizeof(char *) * Max(JB_ROOT_COUNT(array), 1));
	it = JsonbIteratorInit(&array->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (v.type != jbvString)
			bad_option(option, wanted);
		out[(*n)++] = value_text(&v);
	}
	return out;
}

/* ---- names ---- */

typedef struct NameGroup
{
	char *pattern, *name;
} NameGroup;

/* Patterns and the names of their groups: strings stand for themselves, objects map. */
static NameGroup *
parse_groups(Jsonb *array, int *n)
{
	static const char wanted[] =
		"an array of patterns and {\"pattern\": \"name\"}, as [\"/product/*\", {\"checkout*\": "
		"\"checkout\"}]";
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	NameGroup *group = NULL;
	int capacity = 0, depth = 0;

	*n = 0;
	if (!array)
		return NULL;
	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		bad_option("groups", wanted);
	it = JsonbIteratorInit(&array->root);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_ARRAY && ++depth > 1)
			bad_option("groups", wanted);
		if (token != WJB_ELEM && token != WJB_KEY && token != WJB_VALUE)
			continue;
		if (v.type != jbvString || (token == WJB_VALUE && v.val.string.len == 0))
			bad_option("groups", wanted);
		if (token == WJB_VALUE)
		{
			group[*n - 1].name = value_text(&v);
			continue;
		}
		if (*n == capacity)
		{
			capacity = Max(16, 2 * capacity);
			group = group ? repalloc(group, capacity * sizeof(NameGroup))
						  : palloc(capacity * sizeof(NameGroup));
		}
		group[*n].pattern = group[*n].name = value_text(&v);
		(*n)++;
	}
	return group;
}

static bool
matches(const char *pattern, const char *name, size_t len)
{
	return bmc_wildcard_match(pattern, strlen(pattern), name, len);
}

/* A key's bytes: its own, or an integer's digits in buffer. */
static const char *
key_bytes(const BmDictView *d, uint32_t code, char *buffer, size_t *len)
{
	if (d->kind == BM_KEY_BYTES)
	{
		*len = d->offset[code + 1] - d->offset[code];
		return d->blob + d->offset[code];
	}
	*len = snprintf(buffer, MAXINT8LEN + 1, INT64_FORMAT, (int64) d->key[code]);
	return buffer;
}

/* The group of a name, or the name itself. */
static const char *
group_of(const NameGroup *group, int n, const char *name, size_t *len)
{
	for (int g = 0; g < n; g++)
		if (matches(group[g].pattern, name, *len))
		{
			*len = strlen(group[g].name);
			return group[g].name;
		}
	return name;
}

static void
check_memory(BmStatus status)
{
	bm_check(status, "name the steps of paths", NULL);
}

uint32_t *
bm_path_nodes(BmPathNames *names, const BmDictView *dict, const BmPathOptions *o, BmMem *mem,
			  MemoryContext context)
{
	uint32_t *code = bmc_alloc(mem, dict->n, sizeof(uint32_t));
	int nexclude, ngroups;
	char **exclude = bm_option_strings(o->exclude, "exclude", &nexclude);
	NameGroup *group = parse_groups(o->groups, &ngroups);

	if (!code)
		check_memory(BM_ENOMEM);
	names->dict = dict;
	names->numbered = o->numbered;
	if (ngroups > 0)
	{
		check_memory(bmc_dict_init(&names->grouped, BM_KEY_BYTES, mem));
		names->dict = &names->grouped.view;
	}
	for (uint32_t i = 0; i < dict->n; i++)
	{
		char buffer[MAXINT8LEN + 1];
		size_t len;
		const char *name = key_bytes(dict, i, buffer, &len);
		bool left_out = false;

		for (int x = 0; x < nexclude && !left_out; x++)
			left_out = matches(exclude[x], name, len);
		code[i] = left_out ? BM_NONE : i;
		if (!left_out && ngroups > 0)
		{
			name = group_of(group, ngroups, name, &len);
			check_memory(bmc_dict_put_bytes(&names->grouped, name, len, &code[i]));
		}
		if (i % 1024 == 0)
			bm_interrupts();
	}
	names->n = names->dict->n;
	names->flags = bmc_alloc0(mem, names->n, 1);
	if (!names->flags)
		check_memory(BM_ENOMEM);
	return code;
}

bool
bm_path_mark(BmPathNames *names, const char *pattern, uint8_t flag)
{
	bool found = false;

	for (uint32_t i = 0; i < names->n; i++)
	{
		char buffer[MAXINT8LEN + 1];
		size_t len;
		const char *name = key_bytes(names->dict, i, buffer, &len);

		if (!matches(pattern, name, len))
			continue;
		names->flags[i] |= flag;
		found = true;
	}
	return found;
}

void
bm_path_no_such_node(const BmPathNames *names, const char *argument, const char *pattern,
					 const char *where)
{
	int n = (int) Min(names->n, MAX_COMPARED);
	const char **known = palloc(sizeof(char *) * Max(n, 1));
	const char *near;

	for (int i = 0; i < n; i++)
		known[i] = bm_dict_text(names->dict, i);
	near = bm_nearest(pattern, known, n);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\": there is no step \"%s\"", argument, pattern),
			 errdetail("%s has %u different steps after exclusions and groups.", where, names->n),
			 near ? errhint("Did you mean \"%s\"?", near)
				  : errhint("A name is compared exactly; * stands for any characters.")));
}

Datum
bm_path_name(const BmPathNames *names, uint32_t node, uint32_t layer)
{
	char *name;

	switch (node)
	{
	case BM_NODE_OTHER:
		name = "other";
		break;
	case BM_NODE_EXIT:
		name = layer > 0 ? "(exit)" : "(end)";
		break;
	case BM_NODE_ENTRY:
		name = "(start)";
		break;
	default:
		name = bm_dict_text(names->dict, node);
	}
	if (names->numbered && layer > 0)
		name = psprintf("%u %s", layer, name);
	return bm_text_datum(name);
}

/* ---- reading ---- */

void
bm_path_check(BmStatus status, const BmPathData *d, const char *doing)
{
	if (status != BM_ENOMEM)
	{
		bm_check(status, doing, NULL);
		return;
	}
	bm_check(status, doing,
			 psprintf("%zu events give %zu paths; %zu kB are in use.", d->log->n, d->paths.n,
					  d->mem.used / 1024));
}

/* Does the option ask for the source's session column? */
static bool
by_column(const BmSource *s, const BmPathOptions *o)
{
	if (o->sessions == BM_SESSIONS_COLUMN && !s->session_id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" has no column of sessions", s->name),
				 errhint("Register it with session_id => ..., or use the option \"sessions\": "
						 "\"gap\".")));
	return o->sessions == BM_SESSIONS_COLUMN || (o->sessions == BM_SESSIONS_AUTO && s->session_id);
}

/* Which column nodes are: fills the source's extra columns where it is another. */
typedef enum NodeKind
{
	NODE_EVENT,
	NODE_ITEM,
	NODE_COLUMN
} NodeKind;

static NodeKind
node_kind(BmSource *s, const BmPathOptions *o)
{
	if (o->node == NULL)
		return s->event ? NODE_EVENT : NODE_ITEM;
	if (strcmp(o->node, "item") == 0)
		return NODE_ITEM;
	if (strcmp(o->node, "event") != 0)
	{
		s->extra[s->nextra] = (BmExtraColumn){.column = o->node};
		bm_source_extra(s, s->nextra++, "node");
		return NODE_COLUMN;
	}
	if (!s->event)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("source \"%s\" has no column of behaviours", s->name),
						errhint("Register it with event => ..., or use the option \"node\": "
								"\"item\" or the name of a column.")));
	return NODE_EVENT;
}

/* Nodes into the log's item column, by way of codes. */
static void
set_nodes(BmPathData *d, NodeKind kind, int column)
{
	BmLog *log = d->log;
	const BmDictView *dict = kind == NODE_EVENT  ? &log->events.view
							 : kind == NODE_ITEM ? &log->items.view
												 : &log->extra[column].view;
	uint32_t *code = bm_path_nodes(&d->names, dict, &d->options, &d->mem, d->context);

	for (size_t e = 0; e < log->n; e++)
	{
		uint32_t from = kind == NODE_EVENT  ? log->event[e]
						: kind == NODE_ITEM ? log->item[e]
											: log->extra_code[column][e];

		log->item[e] = from == BM_NONE ? BM_NONE : code[from];
		if ((e & 0xfffff) == 0)
			bm_interrupts();
	}
	bmc_free(&d->mem, code);
}

void
bm_path_open(BmPathData *d, const char *source, const BmPathOptions *options, int64 since,
			 int64 until)
{
	NodeKind kind;
	MemoryContext caller;
	BmSource *s;

	memset(d, 0, sizeof(*d));
	d->context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine paths", ALLOCSET_DEFAULT_SIZES);
	d->row = AllocSetContextCreate(d->context, "behavmine row", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(d->context);
	d->options = *options;
	bm_mem_init(&d->mem, d->context);
	bm_watch_init(&d->watch, 0);
	s = d->source = bm_source_load(source);
	s->extra = palloc0(sizeof(BmExtraColumn) * BM_MAX_EXTRA);
	s->itemless = true;
	if (by_column(s, options))
	{
		s->extra[s->nextra] = (BmExtraColumn){.column = s->session_id};
		bm_source_extra(s, s->nextra++, "session_id");
	}
	kind = node_kind(s, options);

	bm_progress_start(s->name);
	d->log = bm_log_read(s, since, until, &d->mem, d->context, &d->watch);
	bm_progress_end();
	set_nodes(d, kind, s->nextra - 1);

	d->rules.collapse = options->collapse;
	d->rules.reverse = options->reverse;
	d->rules.last = options->occurrence == 1;
	d->rules.flags = d->names.flags;
	d->rules.gap = -1;
	if (options->sessions != BM_SESSIONS_NONE)
		d->rules.gap = (int64) ((options->gap_minutes > 0 ? options->gap_minutes
														  : s->options.session_gap_minutes) *
								USECS_PER_MINUTE);
	MemoryContextSwitchTo(caller);
}

void
bm_path_anchor(BmPathData *d, const char *argument, const char *pattern, uint8_t flag)
{
	if (!pattern)
		return;
	if (!bm_path_mark(&d->names, pattern, flag))
		bm_path_no_such_node(&d->names, argument, pattern,
							 psprintf("Source \"%s\"", d->source->name));
	if (flag == BM_NODE_START)
		d->rules.from_start = true;
	else
		d->rules.to_end = true;
}

void
bm_path_build(BmPathData *d)
{
	BmLog *log = d->log;
	uint32_t *session = by_column(d->source, &d->options) ? log->extra_code[0] : NULL;
	size_t nusers = log->users.view.n;

	if (session)
		bm_path_check(bmc_path_group(nusers, log->start, log->item, log->time, session,
									 log->extra[0].view.n, &d->mem, &d->watch.stop),
					  d, "put sessions together");
	bm_path_check(bmc_path_build(&d->paths, &d->rules, nusers, log->start, log->item, log->time,
								 session, &d->mem, &d->watch.stop),
				  d, "cut events into paths");
}

void
bm_path_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls, MemoryContext row)
{
	bm_srf_row(fcinfo, values, nulls);
	MemoryContextReset(row);
	CHECK_FOR_INTERRUPTS();
}

void
bm_path_close(BmPathData *d)
{
	MemoryContextDelete(d->context);
}
