/*
 * basket_source.c
 *		Baskets of a registered source: what users bought (or did) in a session, a value of the session
 *		column, a day, or ever; items or an attribute.
 */
#include "pattern/basket.h"

#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "event/log.h"

/* ---- the source as it is to be read ---- */

/* An attribute in the place of the item. */
static void
use_attribute(BmSource *s, const char *attribute)
{
	const char **names = palloc(sizeof(char *) * (s->nattributes + 1));
	const char *near;
	StringInfoData list;

	for (int i = 0; i < s->nattributes; i++)
		if (strcmp(s->attributes[i], attribute) == 0)
		{
			s->item_id = pstrdup(attribute);
			return;
		}
	names[0] = "item";
	initStringInfo(&list);
	appendStringInfoString(&list, "\"item\"");
	for (int i = 0; i < s->nattributes; i++)
	{
		names[i + 1] = s->attributes[i];
		appendStringInfo(&list, ", \"%s\"", s->attributes[i]);
	}
	near = bm_nearest(attribute, names, s->nattributes + 1);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"of\" cannot be \"%s\" for source \"%s\"", attribute, s->name),
					errdetail("It can be %s.", list.data),
					near ? errhint("Perhaps you meant \"%s\".", near)
						 : errhint("Register the source with attributes => ARRAY[%s].",
								   quote_literal_cstr(attribute))));
}

/*
 * The session column in the place of the user, so that its values are the baskets. Orders may have no
 * user; numbers that count within a user are told apart by it.
 */
static void
use_session_id(BmSource *s)
{
	if (s->session_id == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("source \"%s\" has no session column", s->name),
						errhint("Register it with session_id => ..., or use the option \"per\": "
								"\"session\", \"user\" or \"day\".")));
	s->user_key = psprintf("(COALESCE(%s::pg_catalog.text, '') OPERATOR(pg_catalog.||) E'\\x1f'"
						   " OPERATOR(pg_catalog.||) %s::pg_catalog.text)",
						   quote_identifier(s->user_id), quote_identifier(s->session_id));
	s->options.min_user_count = 1;
}

/* ---- which events count ---- */

static void
no_such_behaviour(const BmLog *log, const char *word)
{
	const BmDictView *d = &log->events.view;
	const char **names = palloc(sizeof(char *) * Max(d->n, 1));
	const char *near;
	StringInfoData list;

	initStringInfo(&list);
	for (uint32_t c = 0; c < d->n; c++)
	{
		names[c] = bm_dict_text(d, c);
		appendStringInfo(&list, "%s\"%s\"", c ? ", " : "", names[c]);
	}
	near = bm_nearest(word, names, (int) d->n);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("source \"%s\" has no behaviour \"%s\"", log->source->name, word),
					errdetail("It has %s.", list.data),
					near ? errhint("Perhaps you meant \"%s\".", near) : 0));
}

pg_attribute_noreturn() static void bad_events(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"events\" must be an array of behaviours, as [\"cart\"], or "
						   "\"all\"")));
}

/* The behaviours that the option names. */
static void
named_events(const BmLog *log, Jsonb *json, bool *wanted)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;

	if (!JB_ROOT_IS_ARRAY(json))
		bad_events();
	if (log->event == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"events\" needs a column of behaviours, and source \"%s\" has none",
					log->source->name),
			 errhint("Register the source with event => ...")));
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		uint32_t code;

		if (token != WJB_ELEM)
			continue;
		if (v.type != jbvString)
			bad_events();
		code = bmc_dict_find_bytes(&log->events.view, v.val.string.val, v.val.string.len);
		if (code == BM_NONE)
			no_such_behaviour(log, pnstrdup(v.val.string.val, v.val.string.len));
		wanted[code] = true;
	}
}

static bool
says_all(Jsonb *json)
{
	JsonbValue v;

	return JB_ROOT_IS_SCALAR(json) && JsonbExtractScalar(&json->root, &v) && v.type == jbvString &&
		   v.val.string.len == 3 && memcmp(v.val.string.val, "all", 3) == 0;
}

static void
no_purchases(const BmLog *log)
{
	StringInfoData list;

	initStringInfo(&list);
	for (uint32_t c = 0; c < log->events.view.n; c++)
		appendStringInfo(&list, "%s\"%s\"", c ? ", " : "", bm_dict_text(&log->events.view, c));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("source \"%s\" has no purchases", log->source->name),
			 errdetail("Its behaviours are %s.", list.data),
			 errhint("Name those that fill a basket, as options => '{\"events\": [\"cart\"]}', or "
					 "take all: '{\"events\": \"all\"}'; or register the source with the option "
					 "purchase_events.")));
}

/* (256) flags of the behaviours that count; NULL: every event does. */
static bool *
wanted_events(const BmLog *log, Jsonb *json)
{
	bool *wanted = palloc0(sizeof(bool) * 256);
	bool any = false;

	if (json && says_all(json))
		return NULL;
	if (json)
	{
		if (JB_ROOT_IS_SCALAR(json))
			bad_events();
		named_events(log, json, wanted);
		return wanted;
	}
	if (log->event == NULL)
		return NULL; /* a table of purchases */
	for (uint32_t c = 0; c < log->events.view.n; c++)
	{
		wanted[c] = log->purchase[c];
		any = any || wanted[c];
	}
	if (!any)
		no_purchases(log);
	return wanted;
}

/* ---- baskets ---- */

static pg_tz *
time_zone_option(const char *name)
{
	pg_tz *zone = name ? pg_tzset(name) : session_timezone;

	if (zone == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("time zone \"%s\" does not exist", name),
						errhint("View pg_timezone_names lists them.")));
	return zone;
}

/* The day of a time in a zone, as a number. */
static int
day_of(int64 time, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t fsec;
	int offset;

	if (timestamp2tm(time, &offset, &tm, &fsec, NULL, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);
}

/* One user's events; every event ends a session, also those that do not count. */
static void
add_user(BmBaskets *b, const BmLog *log, uint32_t u, const bool *wanted, BmPer per, int64 pause,
		 pg_tz *zone)
{
	size_t first = log->start[u];
	int day = 0;

	for (size_t e = first; e < log->start[u + 1]; e++)
	{
		bool counts = wanted == NULL || wanted[log->event[e]];

		if (per == BM_PER_SESSION && e > first && log->time[e] - log->time[e - 1] > pause)
			bm_baskets_close(b);
		if (!counts)
			continue;
		if (per == BM_PER_DAY)
		{
			int today = day_of(log->time[e], zone);

			if (today != day)
				bm_baskets_close(b);
			day = today;
		}
		bm_baskets_add(b, log->item[e]);
	}
	bm_baskets_close(b);
}

/* Of the log only the items' names are needed any more. */
static void
free_events(BmBaskets *b, BmLog *log)
{
	bmc_free(&b->mem, log->start);
	bmc_free(&b->mem, log->item);
	bmc_free(&b->mem, log->time);
	bmc_free(&b->mem, log->event);
	bmc_free(&b->mem, log->item_count);
	bmc_dict_free(&log->users);
}

void
bm_baskets_from_source(BmBaskets *b, const char *name, int64 since, int64 until)
{
	BmSource *source = bm_source_load(name);
	pg_tz *zone = time_zone_option(b->o.time_zone);
	BmPer per = (BmPer) b->o.per;
	bool *wanted;
	BmLog *log;

	b->what = psprintf("source \"%s\"", source->name);
	if (per == BM_PER_AUTO)
		per = source->session_id ? BM_PER_SESSION_ID : BM_PER_SESSION;
	if (strcmp(b->o.of, "item") != 0)
		use_attribute(source, b->o.of);
	if (per == BM_PER_SESSION_ID)
		use_session_id(source);
	bm_source_resolve(source);
	bm_progress_start(source->name);
	log = bm_log_read(source, since, until, &b->mem, b->context, &b->watch);
	wanted = wanted_events(log, b->o.events);
	for (uint32_t u = 0; u < log->users.view.n; u++)
	{
		add_user(b, log, u, wanted, per,
				 (int64) (source->options.session_gap_minutes * 60.0 * USECS_PER_SEC), zone);
		if ((u & 0xfff) == 0)
			bm_interrupts();
	}
	b->empty = 0; /* sessions and users without a purchase are no baskets */
	b->items = &log->items;
	free_events(b, log);
}
