/*
 * pattern_source.c
 *		Sequences of a registered source: items, behaviours or an attribute, per user or per session,
 *		an event or a set of events at each position.
 */
#include "pattern/pattern_input.h"

#include "utils/timestamp.h"

typedef struct Builder
{
	BmPatternInput *in;
	const BmPatternOptions *o;
	const BmLog *log;
	BmMem *mem;
	const bool *wanted; /* (behaviours) or NULL: all */
	bool of_events;
	int64 pause; /* microseconds; a longer one begins a session */
	size_t sequences, elements, items;
	size_t *start, *element;
	uint32_t *item;
	int64_t *time;
} Builder;

/* ---- the source as it is to be read ---- */

/* An attribute in the place of the item: its values follow each other. */
static void
use_attribute(BmSource *s, const char *attribute, const char *option)
{
	const char **names = palloc(sizeof(char *) * (s->nattributes + 2));
	const char *near;
	StringInfoData list;
	int n = 0;

	for (int i = 0; i < s->nattributes; i++)
		if (strcmp(s->attributes[i], attribute) == 0)
		{
			s->item_id = pstrdup(attribute);
			bm_source_resolve(s);
			return;
		}
	initStringInfo(&list);
	if (strcmp(option, "of") == 0)
	{
		names[n++] = "item";
		names[n++] = "event";
	}
	for (int i = 0; i < s->nattributes; i++)
		names[n++] = s->attributes[i];
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s\"%s\"", i ? ", " : "", names[i]);
	near = bm_nearest(attribute, names, n);
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("option \"%s\" cannot be \"%s\" for source \"%s\"", option, attribute, s->name),
		 n > 0 ? errdetail("It can be %s.", list.data) : errdetail("The source has no attributes."),
		 near ? errhint("Perhaps you meant \"%s\".", near)
			  : errhint("Register the source with attributes => ARRAY[%s].",
						quote_literal_cstr(attribute))));
}

static void
need_events(const BmSource *s, const char *option)
{
	if (s->event == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" needs a column of behaviours, and source \"%s\" has "
							   "none",
							   option, s->name),
						errhint("Register the source with event => ...")));
}

/* Flags of the behaviours that option events names; NULL for all. */
static bool *
wanted_events(const BmLog *log, const BmPatternOptions *o)
{
	int n;
	char **word = bm_pattern_words(o->events, "events", &n);
	const BmDictView *d = &log->events.view;
	bool *wanted;

	if (o->events == NULL)
		return NULL;
	wanted = palloc0(sizeof(bool) * Max(d->n, 1));
	for (int i = 0; i < n; i++)
	{
		uint32_t code = bmc_dict_find_bytes(d, word[i], strlen(word[i]));
		const char **names = palloc(sizeof(char *) * Max(d->n, 1));
		const char *near;

		if (code != BM_NONE)
		{
			wanted[code] = true;
			continue;
		}
		for (uint32_t c = 0; c < d->n; c++)
			names[c] = bm_dict_text(d, c);
		near = bm_nearest(word[i], names, (int) d->n);
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("source \"%s\" has no behaviour \"%s\"", log->source->name, word[i]),
						near ? errhint("Perhaps you meant \"%s\".", near)
							 : errhint("SELECT events FROM behav_source(...) lists them.")));
	}
	return wanted;
}

/* ---- sequences ---- */

static void *
take(Builder *b, size_t n, size_t size)
{
	void *block = bmc_alloc(b->mem, n, size);

	if (block == NULL)
		bm_check(BM_ENOMEM, psprintf("read %s", b->in->what), NULL);
	return block;
}

static void
open_sequence(Builder *b, uint32_t owner)
{
	b->in->owner[b->sequences] = owner;
	b->start[b->sequences++] = b->elements;
}

static void
open_element(Builder *b, int64 time)
{
	b->time[b->elements] = time;
	if (b->element)
		b->element[b->elements] = b->items;
	b->elements++;
}

/* Is it the only item of the element before, so that a repeat of it says nothing new? */
static bool
repeats(const Builder *b, uint32_t token)
{
	return b->o->collapse_repeats && b->items > 0 && b->item[b->items - 1] == token;
}

/* One user's events. */
static void
add_user(Builder *b, uint32_t u)
{
	const BmLog *log = b->log;
	int64 last = 0;
	bool any = false; /* an event of this user was taken */

	for (size_t e = log->start[u]; e < log->start[u + 1]; e++)
	{
		int64 t = log->time[e];
		uint32_t token = b->of_events ? log->event[e] : log->item[e];
		bool pause, begin;

		if (b->wanted && !b->wanted[log->event[e]])
			continue;
		pause = any && t - last > b->pause;
		begin = !any || (pause && b->o->per == BM_PER_SESSION);
		if (begin)
			open_sequence(b, u);
		if (begin || b->o->element == BM_ELEMENT_EVENT ||
			(b->o->element == BM_ELEMENT_TIME && t != last) ||
			(b->o->element == BM_ELEMENT_SESSION && pause))
		{
			if (begin || b->o->element != BM_ELEMENT_EVENT || !repeats(b, token))
			{
				open_element(b, t);
				b->item[b->items++] = token;
			}
		}
		else
			b->item[b->items++] = token;
		any = true;
		last = t;
	}
}

static void
build(Builder *b)
{
	const BmLog *log = b->log;
	BmPatternInput *in = b->in;
	bool sets = b->o->element != BM_ELEMENT_EVENT;

	b->start =
		take(b, bmc_add(b->o->per == BM_PER_USER ? log->users.view.n : log->n, 1), sizeof(size_t));
	in->owner = take(b, b->o->per == BM_PER_USER ? log->users.view.n : log->n, sizeof(uint32_t));
	b->element = sets ? take(b, log->n + 1, sizeof(size_t)) : NULL;
	b->item = take(b, log->n, sizeof(uint32_t));
	b->time = take(b, log->n, sizeof(int64_t));
	for (uint32_t u = 0; u < log->users.view.n; u++)
	{
		add_user(b, u);
		if ((u & 0x3ff) == 0)
			bm_interrupts();
	}
	b->start[b->sequences] = b->elements;
	if (b->element)
		b->element[b->elements] = b->items;
	in->set = (BmSequenceSet){b->sequences, in->tokens.n, b->start, b->element, b->item, b->time};
	in->marked = sets;
}

/* See pattern_input.h. */
void
bm_pattern_read_source(BmPatternInput *in, const char *source, const BmPatternOptions *o,
					   int64 since, int64 until, BmMem *mem, MemoryContext context, BmWatch *watch)
{
	BmSource *s = bm_source_load(source);
	Builder b = {.in = in, .o = o, .mem = mem};
	BmLog *log;

	memset(in, 0, sizeof(*in));
	in->what = psprintf("source \"%s\"", s->name);
	in->unit = o->per == BM_PER_SESSION ? "sessions" : "users";
	b.of_events = strcmp(o->of, "event") == 0;
	if (b.of_events)
		need_events(s, "of");
	else if (strcmp(o->of, "item") != 0)
		use_attribute(s, o->of, "of");
	if (o->events)
		need_events(s, "events");
	if (o->per == BM_PER_SESSION && s->session_id)
	{
		s->user_id = s->session_id; /* a session of the source's own is a sequence */
		bm_source_resolve(s);
	}
	log = bm_log_read(s, since, until, mem, context, watch);
	b.log = log;
	b.wanted = wanted_events(log, o);
	b.pause = o->per == BM_PER_SESSION && s->session_id && o->element != BM_ELEMENT_SESSION
				  ? PG_INT64_MAX
				  : (int64) (s->options.session_gap_minutes * USECS_PER_MINUTE);
	in->tokens = b.of_events ? log->events.view : log->items.view;
	in->has_owners = true;
	in->owners = log->users.view;
	build(&b);
}
