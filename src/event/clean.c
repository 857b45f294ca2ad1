/*
 * clean.c
 *		From chunks to the log: sorted, cleaned, with canonical codes. Second half of bm_log_read.
 *
 * Events are counted by user and scattered from the chunks straight to their user's place, each
 * chunk freed when it is consumed, so the peak stays near 30 bytes an event; then each user's few
 * events are sorted by time where they are not in order yet. The result does not depend on the order of arrival:
 * users are numbered by key, items by count and key, and ties in time are broken by hashes of keys.
 */
#include "event/read.h"

#include <math.h>

#include "utils/timestamp.h"

/* One event of the user that is being sorted. */
typedef struct Record
{
	int64 time;
	uint64_t tie;
	uint32_t item;
	uint32_t from; /* place among the user's events as they came */
} Record;

/* The extra columns of the user that is being sorted: codes in the order of keys. */
typedef struct Extras
{
	int n;
	const uint32_t *code[BM_MAX_EXTRA];
} Extras;

static inline int
compare_records(const Record *a, const Record *b, const Extras *extra)
{
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->tie != b->tie)
		return a->tie < b->tie ? -1 : 1;
	/* so that it does not depend on the order of arrival which duplicate is the first */
	for (int x = 0; x < extra->n; x++)
		if (extra->code[x][a->from] != extra->code[x][b->from])
			return extra->code[x][a->from] < extra->code[x][b->from] ? -1 : 1;
	return 0;
}

#define ST_SORT sort_records
#define ST_ELEMENT_TYPE Record
#define ST_COMPARE(a, b, extra) compare_records(a, b, extra)
#define ST_COMPARE_ARG_TYPE const Extras
#define ST_SCOPE static
#define ST_DEFINE
#define ST_CHECK_FOR_INTERRUPTS
#include "lib/sort_template.h"

typedef struct Cleaner
{
	BmReader *r;
	BmLog *log;
	BmMem *mem;
	size_t nusers;          /* in the order of keys, before the last renumbering */
	uint32_t *user_code;    /* (users) arrival -> order of keys */
	uint64_t *item_hash;    /* (items) of the key */
	uint8_t rank[256];      /* behaviours in order of weight */
	uint8_t behaviour[256]; /* behaviour of a rank */
	Record *scratch;        /* (capacity) the longest user's events so far */
	uint32_t *column;       /* (capacity) */
	size_t capacity;
} Cleaner;

static void
check(const Cleaner *c, BmStatus status)
{
	bm_read_check(status, c->r);
}

static void *
take(const Cleaner *c, size_t n, size_t size)
{
	void *block = bmc_alloc(c->mem, n, size);

	if (!block)
		check(c, BM_ENOMEM);
	return block;
}

static void *
take0(const Cleaner *c, size_t n, size_t size)
{
	void *block = bmc_alloc0(c->mem, n, size);

	if (!block)
		check(c, BM_ENOMEM);
	return block;
}

/* ---- by user, then by time ---- */

/* A hash of an item's key: the same whatever its code. */
static uint64_t
key_hash(const BmDictView *d, uint32_t code)
{
	if (d->kind == BM_KEY_INT)
		return bm_key_hash_int(d->key[code]);
	return bm_key_hash_bytes(d->blob + d->offset[code], d->offset[code + 1] - d->offset[code]);
}

/* Is behaviour a before b: lighter first, then by name. */
static bool
behaviour_before(const Cleaner *c, uint32_t a, uint32_t b)
{
	const BmReader *r = c->r;

	if (r->behaviour[a].weight != r->behaviour[b].weight)
		return r->behaviour[a].weight < r->behaviour[b].weight;
	return strcmp(bm_dict_text(&r->events.view, a), bm_dict_text(&r->events.view, b)) < 0;
}

/* Users' canonical codes, items' hashes, behaviours' ranks. */
static void
prepare_codes(Cleaner *c)
{
	BmReader *r = c->r;
	uint32_t nitems = r->items.view.n, nevents = r->events.view.n;

	c->nusers = r->users.view.n;
	c->user_code = take(c, c->nusers, sizeof(uint32_t));
	check(c, bmc_dict_order(&r->users, NULL, NULL, c->user_code));
	c->item_hash = take(c, nitems, sizeof(uint64_t));
	for (uint32_t i = 0; i < nitems; i++)
		c->item_hash[i] = key_hash(&r->items.view, i);
	for (uint32_t a = 0; a < nevents; a++)
	{
		int rank = 0;

		for (uint32_t b = 0; b < nevents; b++)
			rank += b != a && behaviour_before(c, b, a);
		c->rank[a] = (uint8_t) rank;
		c->behaviour[rank] = (uint8_t) a;
	}
}

/* Codes of the extra columns in the order of their keys, in the chunks. */
static void
order_extras(Cleaner *c)
{
	for (int x = 0; x < c->r->source->nextra; x++)
	{
		BmDict *d = &c->r->extras[x];
		uint32_t *code = take(c, d->view.n, sizeof(uint32_t));

		check(c, bmc_dict_order(d, NULL, NULL, code));
		for (size_t k = 0; k < c->r->nchunks; k++)
		{
			BmChunk *chunk = &c->r->chunks[k];

			for (size_t i = 0; i < chunk->n; i++)
				if (chunk->extra[x][i] != BM_NONE)
					chunk->extra[x][i] = code[chunk->extra[x][i]];
			bm_interrupts();
		}
		bmc_free(c->mem, code);
	}
}

/* start (users+1): where each user's events will begin; also canonical user codes into the chunks. */
static void
count_users(Cleaner *c)
{
	size_t *start = c->log->start;

	for (size_t k = 0; k < c->r->nchunks; k++)
	{
		BmChunk *chunk = &c->r->chunks[k];

		for (size_t i = 0; i < chunk->n; i++)
		{
			chunk->user[i] = c->user_code[chunk->user[i]];
			start[chunk->user[i] + 1]++;
		}
		bm_interrupts();
	}
	for (size_t u = 0; u < c->nusers; u++)
		start[u + 1] += start[u];
}

static void
free_chunk(Cleaner *c, BmChunk *chunk)
{
	bmc_free(c->mem, chunk->user);
	bmc_free(c->mem, chunk->item);
	bmc_free(c->mem, chunk->time);
	bmc_free(c->mem, chunk->event);
	for (int x = 0; x < BM_MAX_EXTRA; x++)
		bmc_free(c->mem, chunk->extra[x]);
	memset(chunk, 0, sizeof(BmChunk));
}

/* Every event to the next place of its user, by order of arrival. The chunks are gone after. */
static void
scatter(Cleaner *c)
{
	BmLog *log = c->log;
	size_t *at = take(c, c->nusers, sizeof(size_t));

	memcpy(at, log->start, c->nusers * sizeof(size_t));
	for (size_t k = 0; k < c->r->nchunks; k++)
	{
		BmChunk *chunk = &c->r->chunks[k];

		for (size_t i = 0; i < chunk->n; i++)
		{
			size_t to = at[chunk->user[i]]++;

			log->time[to] = chunk->time[i];
			log->item[to] = chunk->item[i];
			if (log->event)
				log->event[to] = chunk->event[i];
			for (int x = 0; x < log->source->nextra; x++)
				log->extra_code[x][to] = chunk->extra[x][i];
		}
		free_chunk(c, chunk);
		bm_interrupts();
	}
	bmc_free(c->mem, at);
}

/* Are the times rising, without a tie? Then there is nothing to sort. */
static inline bool
is_rising(const int64_t *time, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (time[i] <= time[i - 1])
			return false;
	return true;
}

/* Sort one user's events by (time, tie). */
static void
sort_user(Cleaner *c, size_t u)
{
	BmLog *log = c->log;
	size_t start = log->start[u], n = log->start[u + 1] - start;
	uint64_t user;
	Extras extra;

	if (is_rising(log->time + start, n))
		return;
	if (n > c->capacity)
	{
		bmc_free(c->mem, c->scratch);
		c->capacity = n > c->log->n / 2 ? n : 2 * n;
		c->scratch = take(c, c->capacity, sizeof(Record));
		if (log->source->nextra > 0)
		{
			bmc_free(c->mem, c->column);
			c->column = take(c, c->capacity, sizeof(uint32_t));
		}
	}
	extra.n = log->source->nextra;
	for (int x = 0; x < extra.n; x++)
		extra.code[x] = log->extra_code[x] + start;
	user = key_hash(&c->r->users.view, (uint32_t) u);
	for (size_t i = 0; i < n; i++)
	{
		size_t e = start + i;
		uint8_t event = log->event ? log->event[e] : 0;
		uint64_t item = log->item[e] == BM_NONE ? 0 : c->item_hash[log->item[e]];
		uint64_t tie = bm_tie(user, item, log->time[e]) | c->rank[event];

		c->scratch[i] = (Record){log->time[e], tie, log->item[e], (uint32_t) i};
	}
	sort_records(c->scratch, n, &extra);
	for (size_t i = 0; i < n; i++)
	{
		log->time[start + i] = c->scratch[i].time;
		log->item[start + i] = c->scratch[i].item;
		if (log->event)
			log->event[start + i] = c->behaviour[c->scratch[i].tie & 255];
	}
	for (int x = 0; x < extra.n; x++)
	{
		for (size_t i = 0; i < n; i++)
			c->column[i] = extra.code[x][c->scratch[i].from];
		memcpy(log->extra_code[x] + start, c->column, n * sizeof(uint32_t));
	}
}

/* Chunks to columns in the order of (user, time, tie). */
static void
sort_events(Cleaner *c)
{
	BmReader *r = c->r;
	BmLog *log = c->log;

	log->n = r->n;
	log->start = take0(c, c->nusers + 1, sizeof(size_t));
	count_users(c);
	bmc_free(c->mem, c->user_code);
	log->time = take(c, r->n, sizeof(int64_t));
	log->item = take(c, r->n, sizeof(uint32_t));
	log->event = r->has_event ? take(c, r->n, 1) : NULL;
	for (int x = 0; x < log->source->nextra; x++)
		log->extra_code[x] = take(c, r->n, sizeof(uint32_t));
	order_extras(c);
	scatter(c);
	for (size_t u = 0; u < c->nusers; u++)
	{
		sort_user(c, u);
		if ((u & 0x3ff) == 0)
			bm_interrupts();
	}
	bmc_free(c->mem, c->scratch);
	bmc_free(c->mem, c->column);
	bmc_free(c->mem, c->item_hash);
}

/* ---- cleaning rules, each one pass over the sorted columns ---- */

/* Does event e survive? kept: events of this user kept so far, the last of them at to - 1. */
typedef bool (*KeepFn)(const Cleaner *c, size_t user, size_t e, size_t to, size_t kept,
					   const void *arg);

/* Keep what keep says, in place; returns how many events went. */
static inline size_t
compact(Cleaner *c, KeepFn keep, const void *arg)
{
	BmLog *log = c->log;
	size_t to = 0, from = 0, before = log->n;

	for (size_t u = 0; u < c->nusers; u++)
	{
		size_t begin = to, end = log->start[u + 1];

		log->start[u] = to;
		for (; from < end; from++)
		{
			if (!keep(c, u, from, to, to - begin, arg))
				continue;
			log->item[to] = log->item[from];
			log->time[to] = log->time[from];
			if (log->event)
				log->event[to] = log->event[from];
			for (int x = 0; x < log->source->nextra; x++)
				log->extra_code[x][to] = log->extra_code[x][from];
			to++;
		}
		if ((u & 0xfff) == 0)
			bm_interrupts();
	}
	log->start[c->nusers] = log->n = to;
	return before - to;
}

/* Duplicates are neighbours, because their ties are equal. */
static bool
keep_first(const Cleaner *c, size_t user, size_t e, size_t to, size_t kept, const void *arg)
{
	const BmLog *log = c->log;

	return kept == 0 || log->time[to - 1] != log->time[e] || log->item[to - 1] != log->item[e] ||
		   (log->event && log->event[to - 1] != log->event[e]);
}

/* Whole days of an event's time since 2000, in UTC. */
static inline int64
day_of(int64 t)
{
	return t >= 0 ? t / USECS_PER_DAY : -((USECS_PER_DAY - 1 - t) / USECS_PER_DAY);
}

/*
 * Rates that no person reaches: events per active day on the mean, or events within any minute.
 * Purchases do not count towards the minute (a basket is one act), nor does it apply where times
 * are whole minutes or days, which would pile events up by themselves.
 */
static bool
is_robot(const Cleaner *c, size_t u)
{
	const BmLog *log = c->log;
	const BmReader *r = c->r;
	double per_day = r->source->options.robot_events_per_day;
	double per_minute = r->coarse ? 0 : r->source->options.robot_events_per_minute;
	size_t start = log->start[u], end = log->start[u + 1], oldest = start;
	size_t days = 0, in_window = 0;

	if (per_day > 0 && (double) (end - start) > per_day)
	{
		for (size_t e = start; e < end; e++)
			days += e == start || day_of(log->time[e]) != day_of(log->time[e - 1]);
		if ((double) (end - start) > per_day * (double) days)
			return true;
	}
	if (per_minute <= 0 || (double) (end - start) <= per_minute)
		return false;
	for (size_t e = start; e < end; e++)
	{
		if (log->event ? r->behaviour[log->event[e]].purchase : log->purchase[0])
			continue;
		in_window++;
		for (; log->time[oldest] <= log->time[e] - USECS_PER_MINUTE; oldest++)
			in_window -=
				!(log->event ? r->behaviour[log->event[oldest]].purchase : log->purchase[0]);
		if ((double) in_window > per_minute)
			return true;
	}
	return false;
}

static bool
keep_user(const Cleaner *c, size_t user, size_t e, size_t to, size_t kept, const void *arg)
{
	return !((const bool *) arg)[user];
}

static bool
keep_item(const Cleaner *c, size_t user, size_t e, size_t to, size_t kept, const void *arg)
{
	uint32_t item = c->log->item[e];

	return item == BM_NONE ||
		   ((const uint32_t *) arg)[item] >= (uint32_t) c->r->source->options.min_item_count;
}

static void
drop_robots(Cleaner *c)
{
	BmCleaning *count = &c->log->cleaning;
	bool *robot = take0(c, c->nusers, sizeof(bool));

	for (size_t u = 0; u < c->nusers; u++)
	{
		robot[u] = is_robot(c, u);
		count->robot_users += robot[u];
		if ((u & 0xfff) == 0)
			bm_interrupts();
	}
	if (count->robot_users > 0)
		count->robots = compact(c, keep_user, robot);
	bmc_free(c->mem, robot);
}

/* (items) events per item, by the codes of now. */
static void
count_items(const Cleaner *c, uint32_t *count)
{
	const BmLog *log = c->log;

	memset(count, 0, c->r->items.view.n * sizeof(uint32_t));
	for (size_t e = 0; e < log->n; e++)
		if (log->item[e] != BM_NONE)
			count[log->item[e]]++;
}

/* Drop items, then users, with too few events, until neither rule finds any: a (user, item) core. */
static void
drop_rare(Cleaner *c)
{
	const BmSourceOptions *o = &c->r->source->options;
	BmCleaning *count = &c->log->cleaning;
	uint32_t *of_item;
	bool *rare;
	size_t items, users;

	if (o->min_item_count <= 1 && o->min_user_count <= 1)
		return;
	of_item = take(c, c->r->items.view.n, sizeof(uint32_t));
	rare = take(c, c->nusers, sizeof(bool));
	do
	{
		count_items(c, of_item);
		items = compact(c, keep_item, of_item);
		for (size_t u = 0; u < c->nusers; u++)
			rare[u] = c->log->start[u + 1] - c->log->start[u] < (size_t) o->min_user_count;
		users = compact(c, keep_user, rare);
		count->rare_items += items;
		count->rare_users += users;
	} while (users > 0 && c->log->n > 0 && o->min_item_count > 1);
	bmc_free(c->mem, rare);
	bmc_free(c->mem, of_item);
}

/* ---- canonical codes ---- */

/* Users that kept no event go; the others close up, in the order of their keys. */
static void
renumber_users(Cleaner *c)
{
	BmLog *log = c->log;
	size_t to = 0;
	bool *keep = take(c, c->nusers, sizeof(bool));
	uint32_t *code = NULL;

	for (size_t u = 0; u < c->nusers; u++)
	{
		keep[u] = log->start[u + 1] > log->start[u];
		if (keep[u])
			log->start[to++] = log->start[u];
	}
	log->start[to] = log->n;
	if (to < c->nusers)
	{
		code = take(c, c->nusers, sizeof(uint32_t));
		check(c, bmc_dict_order(&c->r->users, NULL, keep, code));
		bmc_free(c->mem, code);
	}
	c->nusers = to;
	bmc_free(c->mem, keep);
}

/* Items by events, most first, then by key; item_count follows. */
static void
renumber_items(Cleaner *c)
{
	BmLog *log = c->log;
	uint32_t n = c->r->items.view.n, kept = 0;
	uint32_t *count = take(c, n, sizeof(uint32_t));
	uint32_t *code = take(c, n, sizeof(uint32_t));
	bool *keep = take(c, n, sizeof(bool));

	count_items(c, count);
	for (uint32_t i = 0; i < n; i++)
	{
		keep[i] = count[i] > 0;
		kept += keep[i];
	}
	check(c, bmc_dict_order(&c->r->items, count, keep, code));
	log->item_count = take0(c, kept, sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		if (keep[i])
			log->item_count[code[i]] = count[i];
	for (size_t e = 0; e < log->n; e++)
		if (log->item[e] != BM_NONE)
			log->item[e] = code[log->item[e]];
	bmc_free(c->mem, keep);
	bmc_free(c->mem, code);
	bmc_free(c->mem, count);
}

/* Behaviours by events, most first, then by name; their weights follow. */
static void
renumber_events(Cleaner *c)
{
	BmLog *log = c->log;
	BmReader *r = c->r;
	uint32_t count[256] = {0}, code[256];
	uint32_t n = r->events.view.n;
	bool keep[256];

	if (!log->event)
		return;
	for (size_t e = 0; e < log->n; e++)
		count[log->event[e]]++;
	for (uint32_t i = 0; i < n; i++)
		keep[i] = count[i] > 0;
	check(c, bmc_dict_order(&r->events, count, keep, code));
	for (uint32_t i = 0; i < n; i++)
		if (keep[i])
		{
			log->event_weight[code[i]] = r->behaviour[i].weight;
			log->purchase[code[i]] = r->behaviour[i].purchase;
		}
	for (size_t e = 0; e < log->n; e++)
		log->event[e] = (uint8_t) code[log->event[e]];
}

static void
set_span(BmLog *log)
{
	log->first = log->n > 0 ? PG_INT64_MAX : 0;
	log->last = log->n > 0 ? PG_INT64_MIN : 0;
	for (size_t e = 0; e < log->n; e++)
	{
		log->first = Min(log->first, log->time[e]);
		log->last = Max(log->last, log->time[e]);
	}
}

/* See read.h. */
BmLog *
bm_log_from_reader(BmReader *r, MemoryContext context)
{
	BmLog *log = MemoryContextAllocZero(context, sizeof(BmLog));
	Cleaner c = {.r = r, .log = log, .mem = r->mem};

	log->source = (BmSource *) r->source;
	log->mem = r->mem;
	log->cleaning = r->cleaning;
	for (int i = 0; i < 256; i++)
		log->event_weight[i] = 1.0f;
	log->purchase[0] = !r->has_event; /* without behaviours every event is a purchase */

	bm_progress_phase(BM_PHASE_CLEAN, NULL);
	prepare_codes(&c);
	sort_events(&c);
	if (r->source->options.drop_duplicates)
		log->cleaning.duplicates = compact(&c, keep_first, NULL);
	drop_robots(&c);
	drop_rare(&c);
	log->cleaning.kept = log->n;

	bm_progress_phase(BM_PHASE_INDEX, NULL);
	renumber_users(&c);
	renumber_items(&c);
	renumber_events(&c);
	set_span(log);
	log->users = r->users;
	log->items = r->items;
	log->events = r->events;
	for (int x = 0; x < r->source->nextra; x++)
		log->extra[x] = r->extras[x];
	bmc_free(r->mem, r->chunks);
	r->chunks = NULL;
	r->nchunks = 0;
	return log;
}
