/*
 * window_read.c
 *		Windows of events: where time is cut, which windows there are, and their rows as a frame.
 *
 * Nothing that a window of the training part sees, and nothing of its label, lies at or after the first
 * cut; nor of the validation part at or after the second. The next behaviour is settled by the event itself, a horizon
 * when it is over: so the last cut of a part is a horizon before its end.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/num/sort.h"
#include "event/behaviour.h"
#include "train/rows.h"

#define STREAM_DRAW 0x57494e /* "WIN" */
#define SIGN (UINT64_C(1) << 63)

static void *
need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "cut events into windows", NULL);
	return block;
}

/* ---- what is asked ---- */

static int64
option_time(const char *text, int64 dflt)
{
	return text ? bm_option_time(text) : dflt;
}

static void
within_option(BmWindows *w)
{
	Datum d = DirectFunctionCall3(interval_in, CStringGetDatum(w->options.within),
								  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));

	w->within = bm_interval_micros(DatumGetIntervalP(d), "within");
	if (w->within <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"within\" must be longer than nothing")));
}

/* The behaviours by which "will" is answered with yes. */
static void
asked_behaviours(const BmWindows *w, bool *yes)
{
	const BmLog *log = w->log;
	uint32_t n = log->events.view.n, code;
	const char **names;
	const char *nearest;

	if (w->options.event == NULL)
	{
		memcpy(yes, log->purchase, sizeof(bool) * 256);
		if (n == 0)
			yes[0] = true; /* without behaviours every event is a purchase */
		return;
	}
	code = n ? bmc_dict_find_bytes(&log->events.view, w->options.event, strlen(w->options.event))
			 : BM_NONE;
	if (code != BM_NONE)
	{
		yes[code] = true;
		return;
	}
	names = palloc(sizeof(char *) * Max(n, 1));
	for (uint32_t i = 0; i < n; i++)
		names[i] = bm_dict_text(&log->events.view, i);
	nearest = bm_nearest(w->options.event, names, (int) n);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("source \"%s\" has no behaviour \"%s\"", w->source_name, w->options.event),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest)
					 : errhint("SELECT DISTINCT of the source's event column shows them.")));
}

/* ---- cuts ---- */

/* The times before which the shares of all events lie. */
static void
choose_cuts(BmTraining *t)
{
	BmRows *r = t->rows;
	BmWindows *w = r->windows;
	const BmLog *log = w->log;
	uint64_t *key = need(bmc_alloc(&t->mem, log->n, sizeof(uint64_t)));
	uint32_t *row = need(bmc_alloc(&t->mem, log->n, sizeof(uint32_t)));
	double test = 1.0 - r->options.test_share, valid = test - r->options.valid_share;

	for (size_t i = 0; i < log->n; i++)
	{
		key[i] = (uint64_t) log->time[i] ^ SIGN;
		row[i] = 0;
	}
	bm_check(bmc_sort_u64(key, row, log->n, &t->mem), "cut events into windows", NULL);
	w->valid_from = (int64) (key[(size_t) (valid * (double) log->n)] ^ SIGN);
	w->test_from = (int64) (key[(size_t) (test * (double) log->n)] ^ SIGN);
	bmc_free(&t->mem, row);
	bmc_free(&t->mem, key);
	if (w->options.task == BM_TASK_NEXT_EVENT)
		return;
	w->test_from = Min(w->test_from, log->last - w->within);
	w->valid_from = Min(w->valid_from, w->test_from - w->within);
	if (w->valid_from - w->within <= log->first)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the events of source \"%s\" are too few days for the horizon of \"%s\"",
						w->source_name, w->options.within),
				 errdetail("They cover %.1f days; training, validation and test each need a whole "
						   "horizon, and some events before.",
						   (double) (log->last - log->first) / USECS_PER_DAY),
				 errhint("Ask for a shorter time \"within\".")));
}

/* ---- windows ---- */

/* A walk over all windows, twice: to count, and to keep those that are drawn. */
typedef struct Walk
{
	const BmWindows *w;
	uint64_t seed;
	size_t count[3], cap[3], seen, kept;
	bool keep;
	BmWindow *out;
} Walk;

static void
visit(Walk *k, const BmWindow *window)
{
	size_t count = k->count[window->part], cap = k->cap[window->part];

	if (!k->keep)
		k->count[window->part]++;
	else if (count <= cap || (double) (bmc_mix64(k->seed + k->seen) >> 11) * 0x1p-53 <
								 (double) cap / (double) count)
		k->out[k->kept++] = *window;
	k->seen++;
}

static void
walk_next_event(Walk *k)
{
	const BmWindows *w = k->w;
	const BmLog *log = w->log;
	size_t steps = (size_t) w->options.steps;

	for (uint32_t u = 0; u < log->users.view.n; u++)
		for (size_t i = log->start[u] + 1; i < log->start[u + 1]; i++)
		{
			BmWindow x = {.user = u, .last = i, .at = log->time[i], .settled = log->time[i]};

			x.first = i - log->start[u] > steps ? i - steps : log->start[u];
			x.y = (float) log->event[i];
			x.part = x.at >= w->test_from ? 2 : x.at >= w->valid_from;
			visit(k, &x);
		}
}

/* First event of [from, to) that is not before time. */
static size_t
first_at(const BmLog *log, size_t from, size_t to, int64 time)
{
	while (from < to)
	{
		size_t mid = from + (to - from) / 2;

		if (log->time[mid] < time)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* All users with events before a cut. */
static void
walk_cut(Walk *k, const bool *yes, int64 cut, uint8_t part)
{
	const BmWindows *w = k->w;
	const BmLog *log = w->log;
	size_t steps = (size_t) w->options.steps;

	for (uint32_t u = 0; u < log->users.view.n; u++)
	{
		size_t from = log->start[u], to = log->start[u + 1];
		BmWindow x = {.user = u, .at = cut, .settled = cut + w->within - 1, .part = part};

		x.last = first_at(log, from, to, cut);
		if (x.last == from)
			continue;
		x.first = x.last - from > steps ? x.last - steps : from;
		for (size_t i = x.last; i < to && log->time[i] <= x.settled && x.y == 0.0f; i++)
			x.y = (float) yes[log->event ? log->event[i] : 0];
		visit(k, &x);
	}
}

/* Cuts of a part, the last one first, a horizon apart: so that no two windows of a part share a label. */
static void
walk_will(Walk *k)
{
	const BmWindows *w = k->w;
	const int64 ends[] = {w->valid_from, w->test_from, w->log->last + 1};
	const int64 begins[] = {w->log->first + 1, w->valid_from, w->test_from};
	bool yes[256] = {false};

	asked_behaviours(w, yes);
	for (uint8_t part = 0; part < 3; part++)
		for (int64 cut = ends[part] - w->within; cut >= begins[part]; cut -= w->within)
		{
			bm_interrupts();
			walk_cut(k, yes, cut, part);
		}
}

static void
collect_windows(BmTraining *t)
{
	BmRows *r = t->rows;
	BmWindows *w = r->windows;
	size_t most = (size_t) w->options.max_windows, total = 0;
	Walk k = {.w = w,
			  .seed = bmc_mix64((uint64) t->seed + STREAM_DRAW),
			  .cap = {most, most / 4 + 1, most / 4 + 1}};
	void (*walk)(Walk *) = w->options.task == BM_TASK_WILL ? walk_will : walk_next_event;

	walk(&k);
	for (int i = 0; i < 3; i++)
		total += k.count[i];
	w->window = need(bmc_alloc(&t->mem, Max(total, 1), sizeof(BmWindow)));
	k.out = w->window;
	k.keep = true;
	k.seen = 0;
	walk(&k);
	r->n = k.kept;
}

/* ---- rows ---- */

/* One row of the frame: event i of the log, or, of a cut, the moment itself behind events up to i. */
static void
put_row(BmRows *r, BmZone *zone, const uint64_t *hash, size_t row, uint32_t user, size_t i,
		int64 at, bool moment)
{
	const BmLog *log = r->windows->log;
	BmColumn *c = r->frame->column;
	size_t start = log->start[user];
	uint32_t item = moment ? BM_NONE : log->item[i];
	BmMoment m =
		bm_window_moment(log->time + start, hash + start, i - start, at, moment ? 0 : hash[i],
						 (int64) (r->windows->source->options.session_gap_minutes * 60e6));

	c[BM_WINDOW_EVENT].code[row] = moment || log->event == NULL ? BM_NONE : log->event[i];
	c[BM_WINDOW_ITEM].code[row] = item;
	c[BM_WINDOW_GAP].number[row] = m.gap;
	c[BM_WINDOW_POSITION].number[row] = m.position;
	c[BM_WINDOW_SEEN].number[row] = m.seen;
	c[BM_WINDOW_TIME].time[row] = bm_zone_local(zone, at);
	for (size_t j = BM_WINDOW_FIXED; j < r->frame->ncolumns; j++)
	{
		uint32_t code = moment ? BM_NONE : log->extra_code[j - BM_WINDOW_FIXED][i];
		const BmDictView *d = &log->extra[j - BM_WINDOW_FIXED].view;

		if (c[j].kind == BM_COLUMN_KEY)
			c[j].code[row] = code;
		else
		{
			c[j].number[row] = NAN;
			if (code != BM_NONE)
				memcpy(&c[j].number[row], &d->key[code], sizeof(double));
			if (!isfinite(c[j].number[row]))
				c[j].number[row] = NAN;
		}
	}
}

static void
open_frame(BmTraining *t, size_t nrows)
{
	BmRows *r = t->rows;
	BmLog *log = r->windows->log;
	int n = r->plan->n;
	BmColumn *column = palloc0(sizeof(BmColumn) * n);
	bool *key_int = palloc0(sizeof(bool) * n);

	for (int j = 0; j < n; j++)
	{
		column[j].name = r->column[j].name;
		column[j].kind = r->column[j].kind;
		column[j].dim = 1;
		key_int[j] = r->column[j].key_int;
	}
	bm_check_memory(&t->mem, bmc_mul(nrows, 8 * (size_t) n + 24), "cutting events into windows",
					"Raise behavmine.max_memory, or lower \"max_windows\" or \"steps\".");
	r->frame = palloc0(sizeof(BmFrame));
	bm_check(bmc_frame_init(r->frame, column, n, key_int, &t->mem), "cut events into windows",
			 NULL);
	bm_check(bmc_frame_grow(r->frame, Max(nrows, 1)), "cut events into windows", NULL);
	r->frame->n = nrows;
	for (int j = 0; j < n; j++)
		if (column[j].kind == BM_COLUMN_KEY) /* the log's own; both live as long as the training */
		{
			const BmDict *d = j == BM_WINDOW_EVENT  ? &log->events
							  : j == BM_WINDOW_ITEM ? &log->items
													: &log->extra[j - BM_WINDOW_FIXED];

			bmc_dict_free(&column[j].dict);
			if (log->event || j != BM_WINDOW_EVENT)
				column[j].dict = *d;
			else
				bm_check(bmc_dict_init(&column[j].dict, BM_KEY_BYTES, &t->mem),
						 "cut events into windows", NULL);
		}
	r->features = *r->frame;
}

/* Hashes of the items of all events, by which repeats are found; as an answer finds them. */
static uint64_t *
item_hashes(BmTraining *t, const BmLog *log)
{
	uint64_t *hash = need(bmc_alloc(&t->mem, log->n, sizeof(uint64_t)));
	const BmDictView *d = &log->items.view;

	for (size_t i = 0; i < log->n; i++)
	{
		uint32_t c = log->item[i];

		hash[i] = c == BM_NONE ? 0
				  : d->kind == BM_KEY_INT
					  ? bm_key_hash_int(d->key[c])
					  : bm_key_hash_bytes(d->blob + d->offset[c], d->offset[c + 1] - d->offset[c]);
	}
	return hash;
}

/* Windows of next events share the rows of the log; those of a cut have rows of their own. */
static void
fill_rows(BmTraining *t)
{
	BmRows *r = t->rows;
	BmWindows *w = r->windows;
	const BmLog *log = w->log;
	bool own = w->options.task == BM_TASK_WILL;
	uint64_t *hash = item_hashes(t, log);
	BmZone zone;
	size_t to = 0;

	for (size_t i = 0; i < r->n; i++)
		w->nrows += own ? w->window[i].last - w->window[i].first + 1 : 0;
	w->nrows = own ? w->nrows : log->n;
	open_frame(t, w->nrows);
	bm_zone_init(&zone, r->plan->time_zone);
	w->end = need(bmc_alloc(&t->mem, Max(r->n, 1), sizeof(size_t)));
	w->length = need(bmc_alloc(&t->mem, Max(r->n, 1), sizeof(uint32_t)));
	w->train_row = need(bmc_alloc(&t->mem, Max(w->nrows, 1), sizeof(uint32_t)));
	for (uint32_t u = 0; !own && u < log->users.view.n; u++)
		for (size_t i = log->start[u]; i < log->start[u + 1]; i++)
		{
			if (log->time[i] < w->valid_from)
				w->train_row[w->ntrain_rows++] = (uint32_t) i;
			put_row(r, &zone, hash, i, u, i, log->time[i], false);
		}
	for (size_t i = 0; i < r->n; i++)
	{
		const BmWindow *x = &w->window[i];

		for (size_t e = x->first; own && e <= x->last; e++, to++)
		{
			bool moment = e == x->last;

			if (x->part == 0)
				w->train_row[w->ntrain_rows++] = (uint32_t) to;
			put_row(r, &zone, hash, to, x->user, e, moment ? x->at : log->time[e], moment);
		}
		w->end[i] = own ? to : x->last;
		w->length[i] = (uint32_t) (x->last - x->first + own);
	}
	bmc_free(&t->mem, hash);
}

/* ---- labels ---- */

static void
label(BmTraining *t)
{
	static const char *const names[] = {"next_event", "will"};
	BmRows *r = t->rows;
	BmWindows *w = r->windows;

	r->target = pstrdup(names[w->options.task]);
	r->row = need(bmc_alloc(&t->mem, Max(r->n, 1), sizeof(uint32_t)));
	r->y = need(bmc_alloc(&t->mem, Max(r->n, 1), sizeof(float)));
	for (size_t i = 0; i < r->n; i++)
	{
		r->row[i] = (uint32_t) i;
		r->y[i] = w->window[i].y;
	}
	r->options.task = BM_TASK_CLASSIFY;
	r->classes = w->options.task == BM_TASK_WILL ? 2 : w->log->events.view.n;
	r->class_name = palloc(sizeof(char *) * Max(r->classes, 2));
	r->class_name[0] = "false";
	r->class_name[1] = "true";
	for (size_t c = 0; w->options.task == BM_TASK_NEXT_EVENT && c < r->classes; c++)
		r->class_name[c] = bm_dict_text(&w->log->events.view, (uint32_t) c);
	snprintf(r->protocol, sizeof(r->protocol), "by time: validation from %s, test from ",
			 timestamptz_to_str(w->valid_from));
	strlcat(r->protocol, timestamptz_to_str(w->test_from), sizeof(r->protocol));
	if (w->options.task == BM_TASK_WILL)
		strlcat(r->protocol, psprintf(", horizon %.40s", w->options.within), sizeof(r->protocol));
}

static void
check_behaviours(const BmWindows *w)
{
	uint32_t n = w->log->events.view.n;

	if (w->options.task == BM_TASK_WILL)
		return;
	if (w->log->event == NULL || n < 2)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("source \"%s\" has no two behaviours to tell apart", w->source_name),
						w->log->event == NULL ? errdetail("It has no event column.")
											  : errdetail("All its events are \"%s\".",
														  bm_dict_text(&w->log->events.view, 0)),
						errhint("Ask whether there will be any event: {\"task\": \"will\"}.")));
	if (n > (uint32_t) bm_max_classes)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("source \"%s\" has too many behaviours", w->source_name),
						errdetail("It has %u; behavmine.max_classes is %d.", n, bm_max_classes),
						errhint("Raise the setting, or leave rare ones out with the source's "
								"option \"ignore_events\".")));
}

void
bm_windows_read(BmTraining *t)
{
	BmRows *r = t->rows;
	BmWindows *w = r->windows;

	if (w->options.task == BM_TASK_WILL)
		within_option(w);
	w->source = bm_source_load(w->source_name);
	bm_window_source(w->source);
	bm_rows_incumbent(t);
	r->relation_name = pstrdup(w->source_name);
	r->plan = bm_window_plan(w->source, &r->encode);
	r->column = r->plan->column;
	r->nfeatures = r->plan->n;
	r->time_column = r->group_column = -1;
	w->log =
		bm_log_read(w->source, option_time(w->options.since, PG_INT64_MIN),
					option_time(w->options.until, PG_INT64_MAX), &t->mem, t->context, &t->cancel);
	check_behaviours(w);
	choose_cuts(t);
	collect_windows(t);
	fill_rows(t);
	label(t);
	if (r->options.balanced)
	{
		r->weight = palloc0(sizeof(float) * r->classes);
		for (size_t i = 0; i < r->n; i++)
			r->weight[(int) r->y[i]] += 1.0f;
		for (size_t c = 0; c < r->classes; c++)
			r->weight[c] =
				r->weight[c] > 0.0f ? (float) r->n / ((float) r->classes * r->weight[c]) : 0.0f;
	}
}
