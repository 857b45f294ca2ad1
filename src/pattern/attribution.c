/*
 * attribution.c
 *		behav_attribution: conversions and their value, divided among channels by seven models.
 */
#include "pattern/path_source.h"

#include <math.h>

#include "core/mine/attribution.h"

#define MAX_CHANNELS 1000 /* the chain's matrix has 8 MB then, its elimination takes a second */

static const char *const model_names[BM_ATTRIBUTE_MODELS] = {
	"first", "last", "linear", "time_decay", "position", "shapley", "markov"};

typedef struct AttributionOptions
{
	BmPathOptions path; /* sessions, gap, exclude, groups */
	double window_days, half_life_days;
	double first_share, last_share;
	bool reset, touch_conversion;
	int touch;       /* 0 session, 1 event */
	int conversions; /* 0 event, 1 session */
	char *value;
} AttributionOptions;

#define OPT(field) offsetof(AttributionOptions, field)

static const BmOptionSpec attribution_options[] = {
	{"window_days", BM_OPT_FLOAT, OPT(window_days), "30", 1.0 / 86400, 36500, NULL,
	 "Look-back: touches up to this long before a conversion count for it."},
	{"half_life_days", BM_OPT_FLOAT, OPT(half_life_days), "7", 1.0 / 86400, 36500, NULL,
	 "time_decay: a touch this much older weighs half."},
	{"first_share", BM_OPT_FLOAT, OPT(first_share), "0.4", 0, 1, NULL,
	 "position: share of the first touch."},
	{"last_share", BM_OPT_FLOAT, OPT(last_share), "0.4", 0, 1, NULL,
	 "position: share of the last touch; those between share the rest."},
	{"reset", BM_OPT_BOOL, OPT(reset), "false", 0, 0, NULL,
	 "Touches up to one conversion count for no later one."},
	{"touch", BM_OPT_ENUM, OPT(touch), "session", 0, 0, "session|event",
	 "Is every event a touch, or a session's run of events with one channel?"},
	{"touch_conversion", BM_OPT_BOOL, OPT(touch_conversion), "false", 0, 0, NULL,
	 "The conversion's own channel is a touch, too."},
	{"conversions", BM_OPT_ENUM, OPT(conversions), "event", 0, 0, "event|session",
	 "Is every event a conversion, or do those of one session count once, with their values "
	 "added?"},
	{"value", BM_OPT_TEXT, OPT(value), NULL, 0, 0, NULL,
	 "Column with the value of a conversion; null: the source's value."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* Sessions here only cut touches and conversions: node, min_users and trimming have no meaning. */
static const BmOptionSpec session_options[] = {
	{"sessions", BM_OPT_ENUM, offsetof(BmPathOptions, sessions), "auto", 0, 0,
	 "auto|gap|column|none", "As in behav_path_edges."},
	{"gap_minutes", BM_OPT_FLOAT, offsetof(BmPathOptions, gap_minutes), NULL, 0.01, 52560000, NULL,
	 "A longer pause begins a session; null: the source's session_gap_minutes."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* A session while its user's events are read. */
typedef struct Visit
{
	bool open, converted;
	uint32_t user;
	uint32_t channel;  /* of the last touch */
	size_t conversion; /* index of the first one */
	int64_t time;      /* of the last event */
} Visit;

typedef struct Call
{
	FunctionCallInfo fcinfo;
	AttributionOptions options;
	bool wanted[BM_ATTRIBUTE_MODELS];
	char *conversion; /* name or pattern; NULL: purchases */
	BmMem mem;
	BmWatch watch;
	BmSource *source;
	BmLog *log;
	int channel, session, value; /* extra columns; -1: none */
	bool converts[256];          /* by behaviour */
	BmPathNames names;
	uint32_t *node; /* channel of a code of the column */
	Visit *visit;   /* by session number, or NULL */
	Visit current;
	BmAttribution sums;
	/* one user's, growing */
	int64_t *touch_time, *converted;
	uint32_t *touch;
	double *worth;
	size_t capacity;
} Call;

/* ---- arguments ---- */

static void
wanted_models(Call *c, int i)
{
	int n;
	char **name = bm_arg_text_array(c->fcinfo, i, "models", &n);

	for (int m = 0; m < BM_ATTRIBUTE_MODELS; m++)
		c->wanted[m] = n == 0;
	for (int j = 0; j < n; j++)
	{
		int m = 0;
		const char *near;

		while (m < BM_ATTRIBUTE_MODELS && strcmp(model_names[m], name[j]) != 0)
			m++;
		if (m < BM_ATTRIBUTE_MODELS)
		{
			c->wanted[m] = true;
			continue;
		}
		near = bm_nearest(name[j], model_names, BM_ATTRIBUTE_MODELS);
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"models\": there is no model \"%s\"", name[j]),
						errdetail("They are first, last, linear, time_decay, position, shapley and "
								  "markov."),
						near ? errhint("Did you mean \"%s\"?", near) : 0));
	}
}

static void
parse_options(Call *c, Jsonb *json)
{
	AttributionOptions *o = &c->options;
	const BmOptionSpec *specs[] = {attribution_options, session_options, bm_path_name_options};

	bm_options_check(json, specs, lengthof(specs), "behav_attribution");
	bm_options_parse(o, attribution_options, json);
	bm_options_parse(&o->path, session_options, json);
	bm_options_parse(&o->path, bm_path_name_options, json);
	if (o->first_share + o->last_share > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options \"first_share\" and \"last_share\" together must be at most 1"),
				 errdetail("They are %g and %g.", o->first_share, o->last_share)));
}

/* ---- reading ---- */

static int
add_column(BmSource *s, const char *column, bool number, const char *what)
{
	s->extra[s->nextra] = (BmExtraColumn){.column = column, .number = number};
	bm_source_extra(s, s->nextra, what);
	return s->nextra++;
}

static void
read_source(Call *c, const char *name, const char *channel, int64 since, int64 until)
{
	AttributionOptions *o = &c->options;
	BmSource *s = c->source = bm_source_load(name);
	const char *value = o->value ? o->value : s->value;

	s->extra = palloc0(sizeof(BmExtraColumn) * BM_MAX_EXTRA);
	s->itemless = true;
	if (o->path.sessions == BM_SESSIONS_COLUMN && !s->session_id)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("source \"%s\" has no column of sessions", s->name),
						errhint("Register it with session_id => ..., or use the option "
								"\"sessions\": \"gap\".")));
	c->channel = add_column(s, channel, false, "channel");
	c->value = value ? add_column(s, value, true, "value") : -1;
	c->session = -1;
	if (s->session_id &&
		(o->path.sessions == BM_SESSIONS_COLUMN || o->path.sessions == BM_SESSIONS_AUTO))
		c->session = add_column(s, s->session_id, false, "session_id");
	bm_progress_start(s->name);
	c->log = bm_log_read(s, since, until, &c->mem, CurrentMemoryContext, &c->watch);
	bm_progress_end();
}

/* Which behaviours are conversions: those of that name, or the source's purchases. */
static void
find_conversions(Call *c)
{
	BmLog *log = c->log;
	BmPathNames names = {.n = log->events.view.n, .dict = &log->events.view};
	bool any = false;

	if (c->conversion && !log->event)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("source \"%s\" has no column of behaviours", c->source->name),
						errhint("Register it with event => ..., or leave out \"conversion\": "
								"every event is a purchase then.")));
	names.flags = palloc0(256);
	if (c->conversion && !bm_path_mark(&names, c->conversion, BM_NODE_END))
		bm_path_no_such_node(&names, "conversion", c->conversion,
							 psprintf("Source \"%s\"", c->source->name));
	for (uint32_t e = 0; e < (log->event ? names.n : 1); e++)
	{
		c->converts[e] = c->conversion ? names.flags[e] != 0 : log->purchase[e];
		any = any || c->converts[e];
	}
	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source \"%s\" has no conversions", c->source->name),
				 errdetail("None of its %u behaviours is known as a purchase.", names.n),
				 errhint("Name the behaviour: conversion => '...', or register the source with the "
						 "option purchase_events.")));
}

static void
find_channels(Call *c)
{
	const BmDictView *dict = &c->log->extra[c->channel].view;

	c->node = bm_path_nodes(&c->names, dict, &c->options.path, &c->mem, CurrentMemoryContext);
	if (c->names.n > MAX_CHANNELS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%s\" has too many channels", c->source->extra[c->channel].column),
				 errdetail("It has %u; the limit is %d.", c->names.n, MAX_CHANNELS),
				 errhint("Join names with the option \"groups\", as [\"google*\", \"mail*\"].")));
	bm_check_memory(&c->mem, bmc_mul(bmc_mul(c->names.n + 1, c->names.n + 1), sizeof(double)),
					"attribution", "Raise behavmine.max_memory, or join channels with groups.");
}

/* ---- one user ---- */

/* The value of an event: NULL is 0; what is not finite would spoil every sum. */
static double
event_value(const Call *c, size_t e)
{
	uint32_t code = c->value < 0 ? BM_NONE : c->log->extra_code[c->value][e];
	double v;

	if (code == BM_NONE)
		return 0;
	memcpy(&v, &c->log->extra[c->value].view.key[code], sizeof(v));
	if (!isfinite(v))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("column \"%s\" of source \"%s\" has a value that is not finite",
							   c->source->extra[c->value].column, c->source->name),
						errhint("Leave such rows out in a view, or set them to null.")));
	return v;
}

/* The session of event e of user u: a numbered one (they may interleave), or the one since the last gap. */
static Visit *
visit_of(Call *c, size_t u, size_t e)
{
	const BmPathOptions *o = &c->options.path;
	uint32_t id = c->session < 0 ? BM_NONE : c->log->extra_code[c->session][e];
	double gap =
		(o->gap_minutes > 0 ? o->gap_minutes : c->source->options.session_gap_minutes) * 60e6;
	Visit *v = id == BM_NONE ? &c->current : &c->visit[id];

	if (!v->open || v->user != u ||
		(id == BM_NONE && o->sessions != BM_SESSIONS_NONE &&
		 (double) (c->log->time[e] - v->time) > gap))
		*v = (Visit){.open = true, .user = (uint32_t) u, .channel = BM_NONE};
	v->time = c->log->time[e];
	return v;
}

static void
reserve(Call *c, size_t n)
{
	if (n <= c->capacity)
		return;
	bmc_free(&c->mem, c->touch_time);
	bmc_free(&c->mem, c->converted);
	bmc_free(&c->mem, c->touch);
	bmc_free(&c->mem, c->worth);
	c->capacity = 2 * n;
	c->touch_time = bmc_alloc(&c->mem, c->capacity, sizeof(int64_t));
	c->converted = bmc_alloc(&c->mem, c->capacity, sizeof(int64_t));
	c->touch = bmc_alloc(&c->mem, c->capacity, sizeof(uint32_t));
	c->worth = bmc_alloc(&c->mem, c->capacity, sizeof(double));
	if (!c->touch_time || !c->converted || !c->touch || !c->worth)
		bm_check(BM_ENOMEM, "read touches", NULL);
}

/* Touches and conversions of user u, then their shares. */
static void
attribute_user(Call *c, size_t u)
{
	const BmLog *log = c->log;
	const AttributionOptions *o = &c->options;
	size_t start = log->start[u], end = log->start[u + 1], touches = 0, conversions = 0;

	reserve(c, end - start);
	for (size_t e = start; e < end; e++)
	{
		uint32_t code = log->extra_code[c->channel][e];
		uint32_t channel = code == BM_NONE ? BM_NONE : c->node[code];
		bool converts = c->converts[log->event ? log->event[e] : 0];

		Visit *visit = visit_of(c, u, e);

		if (channel != BM_NONE && (!converts || o->touch_conversion) &&
			(o->touch == 1 || channel != visit->channel))
		{
			c->touch_time[touches] = log->time[e];
			c->touch[touches++] = channel;
			visit->channel = channel;
		}
		if (!converts)
			continue;
		if (o->conversions == 1 && visit->converted)
		{
			c->worth[visit->conversion] += event_value(c, e);
			continue;
		}
		visit->converted = true;
		visit->conversion = conversions;
		c->converted[conversions] = log->time[e];
		c->worth[conversions++] = event_value(c, e);
	}
	bm_check(bmc_attribution_user(&c->sums, c->touch_time, c->touch, touches, c->converted,
								  c->worth, conversions, &c->watch.stop),
			 "attribute conversions", NULL);
}

/* ---- rows ---- */

typedef struct Share
{
	uint32_t channel;
	double credit;
} Share;

static int
compare_shares(const void *x, const void *y)
{
	const Share *a = x, *b = y;

	if (a->credit != b->credit)
		return a->credit > b->credit ? -1 : 1;
	return a->channel < b->channel ? -1 : a->channel > b->channel;
}

/* A model's channels, most conversions first; channels without any are shown, with 0. */
static void
model_rows(Call *c, BmAttributionModel m)
{
	const BmAttribution *a = &c->sums;
	Share *share = palloc(sizeof(Share) * (a->n + 1));

	for (uint32_t i = 0; i <= a->n; i++)
		share[i] = (Share){i, a->credit[m][i]};
	qsort(share, a->n + 1, sizeof(Share), compare_shares);
	for (uint32_t i = 0; i <= a->n; i++)
	{
		uint32_t channel = share[i].channel;
		bool none = channel == a->n, null[6] = {false};
		Datum v[6] = {none ? bm_text_datum("(none)") : bm_path_name(&c->names, channel, 0),
					  bm_text_datum(model_names[m]),
					  Float8GetDatum(a->credit[m][channel]),
					  Float8GetDatum(a->worth[m][channel]),
					  Float8GetDatum(a->credit[m][channel] / (double) a->conversions),
					  Float8GetDatum(none ? 0 : a->effect[channel])};

		if (none && a->untouched == 0)
			continue;
		null[3] = c->value < 0;
		null[5] = none || m != BM_ATTRIBUTE_MARKOV;
		bm_srf_row(c->fcinfo, v, null);
	}
	pfree(share);
}

/* behav_attribution(source, conversion, channel, models, since, until, options) */
BM_FUNCTION(behav_attribution);
Datum
behav_attribution(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "behavmine attribution",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = CurrentMemoryContext;
	Call *c = palloc0(sizeof(Call));
	char *source = bm_arg_text(fcinfo, 0, "source");
	char *channel = bm_arg_text(fcinfo, 2, "channel");
	BmAttributionRules rules;
	int64 since, until;

	c->fcinfo = fcinfo;
	c->conversion = PG_ARGISNULL(1) ? NULL : bm_arg_text(fcinfo, 1, "conversion");
	wanted_models(c, 3);
	bm_arg_period(fcinfo, 4, &since, &until);
	parse_options(c, bm_arg_jsonb(fcinfo, 6));
	bm_srf_begin(fcinfo);
	MemoryContextSwitchTo(context);
	bm_mem_init(&c->mem, context);
	bm_watch_init(&c->watch, 0);
	read_source(c, source, channel, since, until);
	find_conversions(c);
	find_channels(c);
	rules = (BmAttributionRules){(int64) (c->options.window_days * USECS_PER_DAY),
								 c->options.half_life_days * USECS_PER_DAY, c->options.first_share,
								 c->options.last_share, c->options.reset};
	bm_check(bmc_attribution_init(&c->sums, &rules, c->names.n, &c->mem), "attribute conversions",
			 NULL);
	if (c->session >= 0)
		c->visit =
			MemoryContextAllocExtended(context, sizeof(Visit) * c->log->extra[c->session].view.n,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (size_t u = 0; u < c->log->users.view.n; u++)
	{
		attribute_user(c, u);
		if (u % 1024 == 0)
			bm_interrupts();
	}
	if (c->wanted[BM_ATTRIBUTE_MARKOV])
		bm_check(bmc_attribution_markov(&c->sums, &c->watch.stop), "solve the Markov chain", NULL);
	for (int m = 0; m < BM_ATTRIBUTE_MODELS; m++)
		if (c->wanted[m])
			model_rows(c, m);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (Datum) 0;
}
