/*
 * next_node.c
 *		behav_next_node: the event behind a run of events, from a state that keeps texts.
 *
 * 64 bytes a row whose text has up to 32, and 64 more for each further 32. When a state is full, rows
 * that cannot matter any more, whatever else comes, are dropped: where the first or the last row is
 * the base, it stays as small as the run.
 */
#include "pattern/sequence.h"

#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "core/mine/next_node.h"
#include "event/log.h"

#define CUT_ENTRIES 64 /* smaller states are not worth the sort */

static const char *check_node(const BmFlat *state);

/* Configuration word: direction | base << 8 | conditions << 16. */
static const BmFlatKind node_kind = {.type = "behav_next_node_state",
									 .config = "direction, base and conditions",
									 .id = BM_FLAT_NODE,
									 .version = 1,
									 .words = BM_NODE_WORDS,
									 .times = true,
									 .config_words = 1,
									 .check = check_node};

BM_FLAT_TYPE(behav_next_node_state, node_kind);
BM_FLAT_FUNCTION(behav_next_node_state, ignored, node_kind);

static const char *const directions[] = {"forward", "backward"};
static const char *const bases[] = {"head", "tail", "first_match", "last_match"};

static bool
decode(BmNodeQuestion *q, uint64 word)
{
	unsigned direction = word & 255, base = word >> 8 & 255;

	q->direction = (BmNodeDirection) direction;
	q->base = (BmNodeBase) base;
	q->n = (int) (word >> 16 & 255);
	return direction < lengthof(directions) && base < lengthof(bases) && q->n >= 1 &&
		   q->n <= BM_MAX_CONDITIONS && word >> 24 == 0;
}

/* A value from outside; whether its entries make rows is seen when they are in order. */
static const char *
check_node(const BmFlat *state)
{
	const uint64 *entry = bm_flat_entries(state);
	BmNodeQuestion q;
	uint64 beyond;

	if (!decode(&q, bm_flat_config(state)[0]))
		return "Its direction, base or number of conditions is impossible.";
	beyond = q.n == 64 ? 0 : ~UINT64CONST(0) >> q.n;
	for (int64 i = 0; i < state->n; i++, entry += BM_NODE_WORDS)
	{
		if ((entry[1] & beyond) != beyond)
			return "It has an event with conditions that it does not have.";
		if (i % 0x10000 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return NULL;
}

static void
raise_damaged(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a value of type %s is damaged", node_kind.type), errdetail("%s", detail)));
}

/* What is read out of a state: its entries in order, and as rows. */
typedef struct Rows
{
	BmNodeQuestion q;
	const uint64 *entries;
	BmNodeRow *row;
	size_t nrows;
	BmMem mem;
} Rows;

static void
read_rows(Rows *r, const BmFlat *s)
{
	BmWatch watch;
	BmStatus status;

	if (!decode(&r->q, bm_flat_config(s)[0]))
		raise_damaged("Its direction, base or number of conditions is impossible.");
	r->entries = bm_flat_sorted(s);
	bm_mem_init(&r->mem, CurrentMemoryContext);
	bm_watch_init(&watch, 0);
	status = bmc_node_rows(&r->row, &r->nrows, r->entries, (size_t) s->n, &r->mem, &watch.stop);
	if (status == BM_EINVAL)
		raise_damaged("Its entries do not make rows.");
	bm_check(status, "read the rows of one group", NULL);
}

/* ---- transition ---- */

/* Drop what cannot matter any more, if that is half of the entries or more. */
static void
cut(BmFlat *s)
{
	size_t from, to;
	Rows r;

	read_rows(&r, s);
	bmc_node_keep(&from, &to, &r.q, r.entries, (size_t) s->n, r.row, r.nrows);
	if (to - from <= (size_t) s->n / 2)
	{
		memmove(bm_flat_entries(s), r.entries + from * BM_NODE_WORDS,
				(to - from) * BM_NODE_WORDS * sizeof(uint64));
		bm_flat_settle(s, (int64) (to - from));
	}
	if (r.entries != bm_flat_entries(s))
		pfree((void *) r.entries);
	bmc_free(&r.mem, r.row);
}

static BmFlat *
push_row(BmFlat *s, TimestampTz time, uint64 conditions, bool can_be_base, const text *event)
{
	const char *bytes = event ? VARDATA_ANY(event) : NULL;
	size_t len = event ? VARSIZE_ANY_EXHDR(event) : 0, n = bmc_node_entries(len);
	uint64 hash = event ? bm_key_hash_bytes(bytes, len) : 0;

	if (s->n >= CUT_ENTRIES && bm_flat_size(s, (int64) n) > VARSIZE(s))
		cut(s);
	s = bm_flat_grow(s, (int64) n);
	for (size_t i = 0; i < n; i++)
	{
		uint64 entry[BM_NODE_WORDS];

		bmc_node_entry(entry, time, conditions, can_be_base, bytes, len, hash, i);
		s = bm_flat_push(s, entry);
	}
	return s;
}

/* Which of n words is argument i? */
static int
arg_word(FunctionCallInfo fcinfo, int i, const char *name, const char *const *words, int n)
{
	text *t = PG_ARGISNULL(i) ? NULL : PG_GETARG_TEXT_PP(i);
	const char *nearest;
	char *word;

	for (int w = 0; t && w < n; w++)
		if (VARSIZE_ANY_EXHDR(t) == strlen(words[w]) &&
			pg_strncasecmp(VARDATA_ANY(t), words[w], strlen(words[w])) == 0)
			return w;
	word = bm_arg_text(fcinfo, i, name);
	nearest = bm_nearest(word, words, n);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("argument \"%s\" cannot be \"%s\"", name, word),
					n == 2 ? errdetail("It is forward or backward.")
						   : errdetail("It is head, tail, first_match or last_match."),
					nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
	return 0;
}

/* (state, direction, base, ts, event, base_condition, VARIADIC events) */
BM_FUNCTION(behav_next_node_state_accum);
Datum
behav_next_node_state_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &node_kind);
	int conditions;
	uint64 word = bm_arg_conditions(fcinfo, 6, &conditions), config;

	config = (uint64) arg_word(fcinfo, 1, "direction", directions, lengthof(directions)) |
			 (uint64) arg_word(fcinfo, 2, "base", bases, lengthof(bases)) << 8 |
			 (uint64) conditions << 16;
	if (s == NULL)
		s = bm_flat_new(&node_kind, &config);
	else if (bm_flat_config(s)[0] != config)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the direction, the base or the number of events changes within a "
							   "group"),
						errhint("Give them as constants, or group by what they depend on.")));
	if (PG_ARGISNULL(3) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(3)))
		s->ignored++;
	else
		s = push_row(s, PG_GETARG_TIMESTAMPTZ(3), word, !PG_ARGISNULL(5) && PG_GETARG_BOOL(5),
					 PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4));
	PG_RETURN_POINTER(s);
}

/* ---- answer ---- */

/* The event behind the run; NULL without one. */
BM_FUNCTION(behav_next_node);
Datum
behav_next_node(PG_FUNCTION_ARGS)
{
	size_t at, len;
	text *event;
	Rows r;

	read_rows(&r, bm_flat_get(PG_GETARG_DATUM(0), &node_kind));
	at = bmc_next_node(&r.q, r.entries, r.row, r.nrows);
	len = at < r.nrows ? bmc_node_text_length(r.entries, &r.row[at]) : SIZE_MAX;
	if (len == SIZE_MAX)
		PG_RETURN_NULL();
	event = palloc(VARHDRSZ + len);
	SET_VARSIZE(event, VARHDRSZ + len);
	bmc_node_text(VARDATA(event), r.entries, &r.row[at]);
	if (!pg_verifymbstr(VARDATA(event), (int) len, true))
		raise_damaged("An event is no text of this database.");
	PG_RETURN_TEXT_P(event);
}
