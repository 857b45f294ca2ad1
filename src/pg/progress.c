/*
 * progress.c
 *		How far a long run is: NOTICE lines for the one who waits, the backend's own progress slot
 *		for everybody else, and the process title.
 *
 * The slot is the one of the server's pg_stat_progress_* views, under a command number that no
 * command of the server uses, so no preload and no shared memory of ours is needed. It holds only
 * 64-bit integers: a double travels as its bits, names as their bytes.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/ps_status.h"
#include "utils/timestamp.h"

#include "pg/compat.h"

#define BM_PROGRESS ((ProgressCommandType) 0x424D) /* "BM" */

/* Layout of the 20 slots; a name of n slots has at most 8 n bytes. */
enum
{
	P_PHASE,
	P_DONE,  /* double */
	P_TOTAL, /* double, 0 = unknown */
	P_LOSS,  /* double, NaN = none */
	P_VALUE, /* double, NaN = none */
	P_START, /* TimestampTz */
	P_PHASE_START,
	P_MODEL,
	P_WHAT = P_MODEL + 8,
	P_METRIC = P_WHAT + 3,
	P_END = P_METRIC + 2
};

StaticAssertDecl(P_END <= PGSTAT_NUM_PROGRESS_PARAM, "progress fits the server's slots");

#define MODEL_BYTES 64
#define WHAT_BYTES 24
#define METRIC_BYTES 16

/* After every so many lines the interval doubles: about 30 lines for minutes, 50 for an hour. */
#define LINES_PER_DOUBLING 6
#define BAR_WIDTH 24

static const char *const phase_words[] = {
	"starting", "reading events", "cleaning", "indexing events", "fitting", "evaluating", "saving"};

typedef struct Progress
{
	int depth;      /* starts without their end */
	int nest_level; /* transaction nesting at the first start */
	BmPhase phase;
	char model[MODEL_BYTES + 1];
	char what[WHAT_BYTES + 1];
	char metric[METRIC_BYTES + 1];
	double done, total, loss, value;
	TimestampTz started, phase_started, line;
	int lines;
	char title[64]; /* process title before the run */
} Progress;

static Progress run;

static bool
active(void)
{
	return run.depth > 0;
}

/* ---- the slot ---- */

static int64
bits_of(double x)
{
	int64 bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static double
double_of(int64 bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

static void
publish(void)
{
	int index[P_END];
	int64 value[P_END] = {0};

	for (int i = 0; i < P_END; i++)
		index[i] = i;
	value[P_PHASE] = run.phase;
	value[P_DONE] = bits_of(run.done);
	value[P_TOTAL] = bits_of(run.total);
	value[P_LOSS] = bits_of(run.loss);
	value[P_VALUE] = bits_of(run.value);
	value[P_START] = run.started;
	value[P_PHASE_START] = run.phase_started;
	memcpy(&value[P_MODEL], run.model, MODEL_BYTES);
	memcpy(&value[P_WHAT], run.what, WHAT_BYTES);
	memcpy(&value[P_METRIC], run.metric, METRIC_BYTES);
	pgstat_progress_update_multi_param(P_END, index, value);
}

/* A utility command inside the run takes the slot, a failed subtransaction clears it: ours again. */
static void
claim_slot(void)
{
	pgstat_progress_start_command(BM_PROGRESS, InvalidOid);
	publish();
}

/* ---- the end of transactions ---- */

/* An error ends the run. The server has cleared the slot; the next command sets the title. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		run.depth = 0;
	/* a background job goes on in its next transaction, a statement does not */
	else if (event == XACT_EVENT_COMMIT && active() && !bm_is_background_worker())
	{
		run.depth = 1;
		bm_progress_end();
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB || !active())
		return;
	if (GetCurrentTransactionNestLevel() <= run.nest_level)
		run.depth = 0;
	else
		claim_slot();
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	registered = true;
}

/* ---- the line ---- */

static bool
blocks_allowed(void)
{
	return GetDatabaseEncoding() == PG_UTF8 && pg_get_client_encoding() == PG_UTF8;
}

static void
append_bar(StringInfo s, double share)
{
	bool blocks = blocks_allowed();
	int full = (int) (share * BAR_WIDTH + 0.5);

	for (int i = 0; i < BAR_WIDTH; i++)
		appendStringInfoString(s, i < full ? (blocks ? "\u2588" : "#") : (blocks ? "\u2591" : "."));
}

static void
append_eta(StringInfo s, double share, TimestampTz now)
{
	double eta = (double) (now - run.phase_started) / USECS_PER_SEC * (1.0 - share) / share;

	if (eta < 100.0)
		appendStringInfo(s, "  eta %5.1fs", eta);
	else if (eta < 6000.0)
		appendStringInfo(s, "  eta %.0f min", eta / 60.0);
	else
		appendStringInfo(s, "  eta %.1f h", eta / 3600.0);
}

/* Phase, what is worked on, and for several epochs which one: "sasrec  3/8". */
static void
append_head(StringInfo s)
{
	if (run.phase == BM_PHASE_FIT && run.what[0] && run.total > 0.0)
		appendStringInfo(s, "%-11s", run.what);
	else
		appendStringInfo(s, "%s%s%s", phase_words[run.phase], run.what[0] ? " " : "", run.what);
	if (run.phase == BM_PHASE_FIT && run.total >= 2.0)
		appendStringInfo(s, " epoch %3d/%d", (int) Min(floor(run.done) + 1.0, run.total),
						 (int) run.total);
}

static void
emit(const char *line)
{
	ereport(NOTICE, (errmsg_internal("%s", line), errhidestmt(true), errhidecontext(true)));
}

static void
print_line(TimestampTz now)
{
	double share = run.total > 0.0 ? Max(0.0, Min(run.done / run.total, 1.0)) : 0.0;
	StringInfoData s;

	initStringInfo(&s);
	append_head(&s);
	if (run.total > 0.0)
	{
		appendStringInfoChar(&s, ' ');
		append_bar(&s, share);
	}
	else if (run.done > 0.0)
		appendStringInfo(&s, " %.0f", run.done);
	if (!isnan(run.loss))
		appendStringInfo(&s, " loss %7.4f", run.loss);
	if (run.metric[0] && !isnan(run.value))
		appendStringInfo(&s, "  %s %.4f", run.metric, run.value);
	if (share > 0.0 && share < 1.0)
		append_eta(&s, share, now);
	emit(s.data);
	pfree(s.data);
}

/* Print when the interval since the last line has passed; it grows with the lines printed. */
static void
maybe_print(void)
{
	TimestampTz now = GetCurrentTimestamp();
	double interval =
		bm_progress_interval_ms * 1000.0 * pow(2.0, (double) (run.lines / LINES_PER_DOUBLING));

	if (!bm_progress_notice || (double) (now - run.line) < interval)
		return;
	run.line = now;
	run.lines++;
	print_line(now);
}

/* ---- the interface ---- */

/* Copy at most n bytes of s, whole characters, and zeros up to n + 1. */
static void
copy_name(char *to, const char *s, size_t n)
{
	memset(to, 0, n + 1);
	if (s)
		memcpy(to, s, pg_mbcliplen(s, strlen(s), n));
}

static void
show_title(void)
{
	char title[160];

	snprintf(title, sizeof(title), "behavmine %s%s%s", phase_words[run.phase],
			 run.what[0] ? " " : "", run.what);
	set_ps_display(title);
}

void
bm_progress_start(const char *model)
{
	int len;
	const char *title;

	if (active())
	{
		run.depth++;
		return;
	}
	register_callbacks();
	memset(&run, 0, sizeof(run));
	run.nest_level = GetCurrentTransactionNestLevel();
	run.started = run.phase_started = run.line = GetCurrentTimestamp();
	run.loss = run.value = NAN;
	copy_name(run.model, model, MODEL_BYTES);
	title = get_ps_display(&len);
	if (title)
		snprintf(run.title, sizeof(run.title), "%.*s", len, title);
	run.depth = 1;
	claim_slot();
}

void
bm_progress_phase(BmPhase phase, const char *what)
{
	if (!active())
		return;
	run.phase = phase;
	copy_name(run.what, what, WHAT_BYTES);
	copy_name(run.metric, NULL, METRIC_BYTES);
	run.done = run.total = 0.0;
	run.loss = run.value = NAN;
	run.phase_started = GetCurrentTimestamp();
	claim_slot();
	show_title();
	maybe_print();
}

void
bm_progress_step(double done, double total, double loss, const char *metric, double value)
{
	if (!active())
		return;
	run.done = done;
	run.total = total;
	run.loss = loss;
	if (metric && !isnan(value)) /* stays on the later lines of the phase */
	{
		copy_name(run.metric, metric, METRIC_BYTES);
		run.value = value;
	}
	publish();
	maybe_print();
}

void
bm_progress_note(const char *fmt, ...)
{
	StringInfoData s;
	va_list args;
	int more;

	if (!bm_progress_notice)
		return;
	initStringInfo(&s);
	do
	{
		va_start(args, fmt);
		more = appendStringInfoVA(&s, fmt, args);
		va_end(args);
		if (more)
			enlargeStringInfo(&s, more);
	} while (more);
	emit(s.data);
	pfree(s.data);
}

void
bm_progress_end(void)
{
	if (!active() || --run.depth > 0)
		return;
	pgstat_progress_end_command();
	set_ps_display(run.title);
}

/* ---- the reader ---- */

/* A name out of n slots, or NULL when empty. */
static char *
slot_name(const int64 *slot, int n)
{
	char text[MODEL_BYTES + 1];

	Assert(n * sizeof(int64) <= MODEL_BYTES);
	memcpy(text, slot, n * sizeof(int64));
	text[n * sizeof(int64)] = '\0';
	return text[0] ? pstrdup(text) : NULL;
}

static void
set_text(Datum *value, bool *null, const char *text)
{
	*null = text == NULL;
	*value = text ? bm_text_datum(text) : (Datum) 0;
}

static void
set_double(Datum *value, bool *null, double x)
{
	*null = isnan(x);
	*value = Float8GetDatum(x);
}

/* What is done, of how much, in percent; seconds left in the phase at its speed so far. */
static void
set_share(Datum *values, bool *nulls, const int64 *slot, TimestampTz now)
{
	double done = double_of(slot[P_DONE]), total = double_of(slot[P_TOTAL]);
	double share = total > 0.0 ? Max(0.0, Min(done / total, 1.0)) : NAN;
	double seconds = (double) (now - slot[P_PHASE_START]) / USECS_PER_SEC;

	values[0] = Float8GetDatum(done);
	set_double(&values[1], &nulls[1], total > 0.0 ? total : NAN);
	set_double(&values[2], &nulls[2], rint(1000.0 * share) / 10.0);
	set_double(&values[3], &nulls[3], share > 0.0 ? seconds * (1.0 - share) / share : NAN);
}

/*
 * behav_progress_slots(): one row per backend of this database that runs one of our long calls:
 * pid, model, phase, what, done, total, percent, phase_seconds_left, loss, metric, value, seconds,
 * started_at. Visible to the same role and to members of pg_read_all_stats.
 */
BM_FUNCTION(behav_progress_slots);
Datum
behav_progress_slots(PG_FUNCTION_ARGS)
{
	bool all = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
	TimestampTz now = GetCurrentTimestamp();
	int n;

	bm_srf_begin(fcinfo);
	n = pgstat_fetch_stat_numbackends();
	for (int i = 1; i <= n; i++)
	{
		LocalPgBackendStatus *local = bm_backend_status(i);
		const PgBackendStatus *b = local ? &local->backendStatus : NULL;
		const int64 *slot;
		Datum values[13];
		bool nulls[13] = {false};
		int64 phase;

		if (b == NULL || b->st_progress_command != BM_PROGRESS || b->st_databaseid != MyDatabaseId)
			continue;
		if (!all && !has_privs_of_role(GetUserId(), b->st_userid))
			continue;
		slot = b->st_progress_param;
		phase = slot[P_PHASE] >= 0 && slot[P_PHASE] < lengthof(phase_words) ? slot[P_PHASE] : 0;
		values[0] = Int32GetDatum(b->st_procpid);
		set_text(&values[1], &nulls[1], slot_name(&slot[P_MODEL], 8));
		values[2] = bm_text_datum(phase_words[phase]);
		set_text(&values[3], &nulls[3], slot_name(&slot[P_WHAT], 3));
		set_share(&values[4], &nulls[4], slot, now);
		set_double(&values[8], &nulls[8], double_of(slot[P_LOSS]));
		set_text(&values[9], &nulls[9], slot_name(&slot[P_METRIC], 2));
		set_double(&values[10], &nulls[10], double_of(slot[P_VALUE]));
		values[11] = Float8GetDatum((double) (now - slot[P_START]) / USECS_PER_SEC);
		values[12] = TimestampTzGetDatum(slot[P_START]);
		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}
