/*
 * log.c
 *		Event logs: read, clean, and what others ask of them.
 */
#include "event/log.h"

#include "event/read.h"

/* Cleaning counts as "12 rows without a user, ..."; never empty. */
static char *
cleaning_words(const BmCleaning *c)
{
	const struct
	{
		uint64 n;
		const char *what;
	} part[] = {{c->missing_user, "without a user"},
				{c->missing_item, "without an item"},
				{c->missing_time, "without a time"},
				{c->bad_time, "at impossible times"},
				{c->ignored_event, "of ignored behaviours"},
				{c->duplicates, "duplicates"},
				{c->robots, "of robots"},
				{c->rare_items, "of rare items"},
				{c->rare_users, "of rare users"}};
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "Rows read: " UINT64_FORMAT, c->read);
	for (int i = 0; i < lengthof(part); i++)
		if (part[i].n > 0)
			appendStringInfo(&s, ", " UINT64_FORMAT " %s", part[i].n, part[i].what);
	appendStringInfoString(&s, ".");
	return s.data;
}

static void
nothing_left(const BmSource *s, const BmCleaning *c)
{
	if (c->read == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("source \"%s\" has no events", s->name),
				 errdetail("Relation %s gave no row.", s->relation),
				 errhint("Load events into it, ask for another time span with \"since\" and "
						 "\"until\", or look whether a row-level security policy hides them.")));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("source \"%s\" has no events left after cleaning", s->name),
			 errdetail("%s", cleaning_words(c)),
			 errhint("Run SELECT * FROM behav_profile(%s) to see what is wrong, and register "
					 "the source with other options or columns.",
					 quote_literal_cstr(s->name))));
}

BmLog *
bm_log_read(BmSource *source, int64 since, int64 until, BmMem *mem, MemoryContext context,
			BmWatch *watch)
{
	BmReader reader;
	BmLog *log;

	bm_progress_phase(BM_PHASE_READ, NULL);
	bm_read_source(&reader, source, since, until, true, mem, watch);
	if (reader.n == 0)
		nothing_left(source, &reader.cleaning);
	log = bm_log_from_reader(&reader, context);
	if (log->n == 0)
		nothing_left(source, &log->cleaning);
	return log;
}

/*
 * At the sort: the chunks as read and the columns as sorted, 4 + 4 + 8 + 1 and 4 + 8 + 1 bytes an
 * event. Dictionaries are growing tables of keys and slots, with counters and codes beside them.
 */
size_t
bm_log_bytes(double rows, double users, double items)
{
	return (size_t) (rows * 30.0 + (users + items) * 64.0) + 4 * 1024 * 1024;
}

void
bm_log_sequences(const BmLog *log, BmSequences *out)
{
	memset(out, 0, sizeof(BmSequences));
	out->nusers = log->users.view.n;
	out->nitems = log->items.view.n;
	out->start = log->start;
	out->item = log->item;
	out->time = log->time;
	out->event = log->event;
	out->event_weight = log->event ? log->event_weight : NULL;
	out->features = log->features;
}

Jsonb *
bm_cleaning_jsonb(const BmCleaning *c)
{
	char *text = psprintf("{\"read\": " UINT64_FORMAT ", \"missing_user\": " UINT64_FORMAT
						  ", \"missing_item\": " UINT64_FORMAT ", \"missing_time\": " UINT64_FORMAT
						  ", \"bad_time\": " UINT64_FORMAT ", \"ignored_event\": " UINT64_FORMAT
						  ", \"duplicates\": " UINT64_FORMAT ", \"robots\": " UINT64_FORMAT
						  ", \"robot_users\": " UINT64_FORMAT ", \"rare_items\": " UINT64_FORMAT
						  ", \"rare_users\": " UINT64_FORMAT ", \"kept\": " UINT64_FORMAT "}",
						  c->read, c->missing_user, c->missing_item, c->missing_time, c->bad_time,
						  c->ignored_event, c->duplicates, c->robots, c->robot_users, c->rare_items,
						  c->rare_users, c->kept);

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

char *
bm_dict_text(const BmDictView *d, uint32_t code)
{
	if (d->kind == BM_KEY_INT)
		return psprintf(INT64_FORMAT, (int64) d->key[code]);
	return pnstrdup(d->blob + d->offset[code], d->offset[code + 1] - d->offset[code]);
}
