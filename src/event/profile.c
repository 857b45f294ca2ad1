/*
 * profile.c
 *		behav_profile: the quality of a source's events, a row per check; behav_read: what reading costs.
 *
 * One read of the source gives nearly every number, from the same code that trainings use; only
 * the value and quantity columns are asked by two plain aggregates each. Shares are of the rows
 * read, unless the detail says otherwise.
 */
#include "event/read.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define OUTLIER_SIGMAS 6 /* one in 1e9 where values are normal; prices are not, hence "look" */
#define MANY_ROBOTS 0.01
#define MANY_TIES 0.5

typedef struct Profile
{
	FunctionCallInfo fcinfo;
	BmSource *source;
	BmReader *reader;
	BmLog *log; /* NULL when nothing is left */
	uint64 rows;
} Profile;

static void
put_text(Datum *value, bool *null, const char *text)
{
	*null = text == NULL;
	*value = text ? bm_text_datum(text) : (Datum) 0;
}

/* One row; share of total, NULL when total is 0. detail and advice may be NULL. */
static void
row(const Profile *p, const char *check, uint64 n, double total, const char *detail,
	const char *advice)
{
	Datum v[5];
	bool null[5] = {false};

	v[0] = bm_text_datum(check);
	v[1] = Int64GetDatum((int64) n);
	null[2] = !(total > 0);
	v[2] = Float8GetDatum(total > 0 ? (double) n / total : 0);
	put_text(&v[3], &null[3], detail);
	put_text(&v[4], &null[4], advice);
	bm_srf_row(p->fcinfo, v, null);
}

/* A row that advises only where there is something to advise on. */
static void
row_if(const Profile *p, const char *check, uint64 n, const char *detail, const char *advice)
{
	row(p, check, n, (double) p->rows, detail, n > 0 ? advice : NULL);
}

static const char *
time_text(int64 t)
{
	return pstrdup(timestamptz_to_str(t));
}

/* ---- what the read itself counted ---- */

static void
profile_rows(const Profile *p)
{
	const BmCleaning *c = &p->reader->cleaning;
	char *ts = pstrdup(quote_identifier(p->source->ts));

	row(p, "rows", c->read, (double) c->read, psprintf("rows of %s", p->source->relation),
		c->read == 0 ? "Load events, or look whether a row-level security policy hides them."
					 : NULL);
	row_if(p, "missing user", c->missing_user, "null or empty; left out",
		   psprintf("If these are anonymous visitors, fill %s with a cookie or session id.",
					quote_identifier(p->source->user_id)));
	row_if(p, "missing item", c->missing_item, "null or empty, the user being there; left out",
		   "Searches and page views without an item can stay: they are left out.");
	row_if(p, "missing time", c->missing_time, "null, or a number that is no time; left out",
		   psprintf("Fill %s from the time of loading, or leave these rows out in a view.", ts));
	row_if(
		p, "impossible time", c->bad_time,
		psprintf("infinite, before %s or after %s; left out",
				 p->source->options.min_time ? p->source->options.min_time : "-infinity",
				 p->source->options.max_time ? p->source->options.max_time : "a day from now"),
		"Look at the clocks and at the time unit; options min_time and max_time set the limits.");
	row_if(p, "future time", p->reader->future, "later than now",
		   "A client's clock or a time zone is wrong: prefer the server's time of receipt.");
	row_if(p, "ignored behaviour", c->ignored_event, "named by the option ignore_events; left out",
		   NULL);
}

/* "view 120, cart 30, purchase 9" with the most frequent first, ties by name. */
static char *
behaviour_list(const BmReader *r)
{
	StringInfoData s;
	bool done[256] = {false};

	initStringInfo(&s);
	for (uint32 k = 0; k < r->events.view.n; k++)
	{
		int best = -1;
		char *name = NULL;

		for (uint32 e = 0; e < r->events.view.n; e++)
		{
			char *other = bm_dict_text(&r->events.view, e);

			if (!done[e] && (best < 0 || r->event_rows[e] > r->event_rows[best] ||
							 (r->event_rows[e] == r->event_rows[best] && strcmp(other, name) < 0)))
			{
				best = (int) e;
				name = other;
			}
		}
		done[best] = true;
		appendStringInfo(&s, "%s%s " UINT64_FORMAT, k ? ", " : "", name, r->event_rows[best]);
	}
	return s.data;
}

/* Must run before the reader's dictionaries become the log's. */
static void
behaviours(const BmReader *r, uint64 *n, char **detail, bool *purchase)
{
	*n = r->has_event ? r->events.view.n : 0;
	*detail = r->has_event ? behaviour_list(r) : pstrdup("no column of behaviours");
	*purchase = !r->has_event;
	for (uint32 e = 0; e < r->events.view.n; e++)
		*purchase = *purchase || r->behaviour[e].purchase;
}

/* ---- what the sorted log shows ---- */

/* Events at the very time of the user's event before: their order is unknown. */
static uint64
count_ties(const BmLog *log)
{
	uint64 ties = 0;

	for (size_t u = 0; u < log->users.view.n; u++)
		for (size_t e = log->start[u] + 1; e < log->start[u + 1]; e++)
			ties += log->time[e] == log->time[e - 1];
	return ties;
}

/* Share of the events that go to the top percent of items (at least one); codes are by count. */
static double
top_share(const BmLog *log, size_t *top)
{
	uint64 sum = 0;

	*top = Max(log->items.view.n / 100, 1);
	for (size_t i = 0; i < *top; i++)
		sum += log->item_count[i];
	return (double) sum / (double) log->n;
}

static void
profile_counts(const Profile *p)
{
	const BmLog *log = p->log;
	size_t users = log->users.view.n, items = log->items.view.n, single_users = 0, single_items = 0;

	for (size_t u = 0; u < users; u++)
		single_users += log->start[u + 1] - log->start[u] == 1;
	for (size_t i = 0; i < items; i++)
		single_items += log->item_count[i] == 1;
	row(p, "users", users, 0, psprintf("%.1f events each", (double) log->n / (double) users),
		users == 1 ? "Nothing can be learnt from one user: is this the right column?" : NULL);
	row(p, "users with one event", single_users, (double) users, "share of the users",
		single_users > users / 2 ? "Most users teach no sequence: set the option min_user_count to "
								   "2, or look for a better user id."
								 : NULL);
	row(p, "items", items, 0, psprintf("%.1f events each", (double) log->n / (double) items),
		items == 1 ? "Nothing can be recommended with one item: is this the right column?" : NULL);
	row(p, "items with one event", single_items, (double) items, "share of the items",
		single_items > items / 2
			? "Most items cannot be learnt: set the option min_item_count, or group items."
			: NULL);
}

static void
profile_log(const Profile *p)
{
	const BmLog *log = p->log;
	const BmCleaning *c = &log->cleaning;
	uint64 ties = count_ties(log);
	size_t top;
	double share = top_share(log, &top);

	row_if(p, "duplicates", c->duplicates,
		   p->source->options.drop_duplicates
			   ? "same user, item, behaviour and time as another; left out"
			   : "not looked for: the option drop_duplicates is off",
		   "Look for a loader that runs twice, or a client that retries.");
	row_if(
		p, "robots", c->robots,
		psprintf(UINT64_FORMAT " users at rates that no person reaches; left out", c->robot_users),
		c->robots > MANY_ROBOTS * p->rows
			? "Look at these users; options robot_events_per_day and robot_events_per_minute set "
			  "the limits."
			: NULL);
	row(p, "same time as before", ties, (double) log->n,
		"events at the very time of the user's event before; share of the usable events",
		ties > MANY_TIES * log->n
			? "The order of most events is unknown: store times to the second or finer."
			: NULL);
	row_if(p, "usable events", log->n, "left after cleaning", NULL);
	profile_counts(p);
	row(p, "top items", (uint64) llround(share * (double) log->n), (double) log->n,
		psprintf("events of the top %zu items, one in a hundred; share of the usable events", top),
		share > 0.5
			? "A few items draw most events: compare with algorithm popular before trusting "
			  "a model."
			: NULL);
	row(p, "days", (uint64) ((log->last - log->first) / USECS_PER_DAY + 1), 0,
		psprintf("%s to %s", time_text(log->first), time_text(log->last)),
		log->last - log->first < 7 * USECS_PER_DAY
			? "Less than a week: rhythm and churn cannot be seen."
			: NULL);
}

/* ---- value and quantity ---- */

/* n int64 results of one aggregate query; floats go through sum[] in order. */
static void
aggregates(const char *sql, int n, double *result)
{
	if (SPI_execute(sql, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not execute \"%s\"", sql);
	for (int i = 0; i < n; i++)
	{
		bool null;
		Datum d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &null);

		result[i] = null ? 0 : DatumGetFloat8(d);
	}
}

static void
profile_numbers(const Profile *p, const char *column, const char *what)
{
	char *x, *finite;
	double r[6], far[1] = {0};

	if (!column)
		return;
	x = psprintf("%s::pg_catalog.float8", quote_identifier(column));
	finite = psprintf("(%s OPERATOR(pg_catalog.<) 'Infinity' AND %s OPERATOR(pg_catalog.>) "
					  "'-Infinity')",
					  x, x);
	aggregates(
		psprintf(
			"SELECT pg_catalog.count(*)::pg_catalog.float8,"
			" pg_catalog.count(*) FILTER (WHERE NOT coalesce(%2$s, false))::pg_catalog.float8,"
			" pg_catalog.count(*) FILTER (WHERE %1$s OPERATOR(pg_catalog.<) 0)::pg_catalog.float8,"
			" pg_catalog.avg(%1$s) FILTER (WHERE %2$s),"
			" pg_catalog.stddev_pop(%1$s) FILTER (WHERE %2$s),"
			" pg_catalog.max(%1$s) FILTER (WHERE %2$s) FROM %3$s",
			x, finite, p->source->relation),
		6, r);
	if (r[4] > 0 && isfinite(r[3]) && isfinite(r[4]))
		aggregates(psprintf("SELECT pg_catalog.count(*)::pg_catalog.float8 FROM %s WHERE %s AND %s "
							"OPERATOR(pg_catalog.>) %.17g::pg_catalog.float8",
							p->source->relation, finite, x, r[3] + OUTLIER_SIGMAS * r[4]),
				   1, far);
	row_if(p, psprintf("missing %s", what), (uint64) r[1], "null, not a number, or infinite",
		   r[1] > 0.5 * r[0] ? psprintf("Most rows have no %s: is this the right column?", what)
							 : NULL);
	row_if(p, psprintf("negative %s", what), (uint64) r[2], NULL,
		   "Returns and corrections: give them a behaviour of their own, as refund.");
	row_if(p, psprintf("far %s", what), (uint64) far[0],
		   psprintf("more than %d standard deviations above the mean; mean %.4g, largest %.4g",
					OUTLIER_SIGMAS, r[3], r[5]),
		   "Look at the largest: another currency or unit, or a test order?");
}

static void
profile_index(const Profile *p)
{
	bool has = bm_source_has_index(p->source);
	char *statement = has ? NULL : bm_source_index_statement(p->source);

	row(p, "index on user and time", has ? 1 : 0, 0,
		has         ? "recommendations read one user's events through it"
		: statement ? "missing: each recommendation would scan the table"
					: "not a table: an index belongs on the tables below it",
		statement ? psprintf("%s;", statement) : NULL);
}

/* Events that the rules on rare items and users will remove, items first; shown, not applied. */
static void
profile_rare(const Profile *p, int min_item, int min_user)
{
	const BmLog *log = p->log;
	uint64 items = 0, users = 0;

	for (size_t u = 0; u < log->users.view.n; u++)
	{
		uint64 rare = 0, n = log->start[u + 1] - log->start[u];

		for (size_t e = log->start[u]; e < log->start[u + 1]; e++)
			rare += log->item_count[log->item[e]] < (uint32) min_item;
		items += rare;
		if (n - rare < (uint64) min_user)
			users += n - rare;
	}
	row_if(p, "rare items", items,
		   psprintf("of items with fewer than %d events; left out", min_item), NULL);
	row_if(p, "rare users", users,
		   psprintf("of users with fewer than %d events; left out", min_user), NULL);
}

/* behav_profile(source): a row per check. */
BM_FUNCTION(behav_profile);
Datum
behav_profile(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine profile", ALLOCSET_DEFAULT_SIZES);
	BmSource *source = bm_source_load(bm_arg_text(fcinfo, 0, "source"));
	int min_item = source->options.min_item_count, min_user = source->options.min_user_count;
	BmReader reader;
	Profile p = {fcinfo, source, &reader, NULL, 0};
	uint64 nbehaviours;
	char *list;
	bool purchase;
	BmWatch watch;
	BmMem mem;

	bm_srf_begin(fcinfo);
	/* the rules on rare items and users would hide them: they are counted here, not applied */
	source->options.min_item_count = source->options.min_user_count = 1;
	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	bm_progress_start(source->name);
	bm_progress_phase(BM_PHASE_READ, NULL);
	bm_read_source(&reader, source, PG_INT64_MIN, PG_INT64_MAX, true, &mem, &watch);
	p.rows = reader.cleaning.read;
	behaviours(&reader, &nbehaviours, &list, &purchase);
	profile_rows(&p);
	if (reader.n > 0)
		p.log = bm_log_from_reader(&reader, context);
	if (p.log && p.log->n > 0)
	{
		profile_rare(&p, min_item, min_user);
		profile_log(&p);
	}
	bm_progress_end();

	row(&p, "behaviours", nbehaviours, 0, list,
		purchase ? NULL : "None is known as a purchase: name it with the option purchase_events.");
	SPI_connect();
	profile_numbers(&p, source->value, "value");
	profile_numbers(&p, source->quantity, "quantity");
	SPI_finish();
	profile_index(&p);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* behav_read(source): read as a training does; what it took. */
BM_FUNCTION(behav_read);
Datum
behav_read(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine read", ALLOCSET_DEFAULT_SIZES);
	BmSource *source = bm_source_load(bm_arg_text(fcinfo, 0, "source"));
	instr_time begin, end;
	Datum v[7];
	bool null[7] = {false};
	BmWatch watch;
	BmMem mem;
	BmLog *log;

	bm_srf_begin(fcinfo);
	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	bm_progress_start(source->name);
	INSTR_TIME_SET_CURRENT(begin);
	log = bm_log_read(source, PG_INT64_MIN, PG_INT64_MAX, &mem, context, &watch);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	bm_progress_end();

	v[0] = Int64GetDatum((int64) log->cleaning.read);
	v[1] = Int64GetDatum((int64) log->users.view.n);
	v[2] = Int64GetDatum((int64) log->items.view.n);
	v[3] = Int64GetDatum((int64) log->n);
	v[4] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(end));
	v[5] = Int64GetDatum((int64) mem.peak);
	v[6] = Float8GetDatum((double) mem.peak / (double) log->cleaning.read);
	bm_srf_row(fcinfo, v, null);
	MemoryContextDelete(context);
	return (Datum) 0;
}
