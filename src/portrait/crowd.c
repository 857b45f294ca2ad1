/*
 * crowd.c
 *		Portraits of all users: the source read once, and a parallel sweep over its users.
 */
#include "portrait/person.h"

#include <math.h>

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "event/read.h"
#include "pg/scan.h"

#define USERS_OF_A_TASK 256

static void *
take(BmMem *mem, size_t n, size_t size)
{
	void *block = bmc_alloc(mem, Max(n, 1), size);

	if (!block)
		bm_check(BM_ENOMEM, "make portraits", NULL);
	return block;
}

/* ---- items ---- */

typedef struct ItemReader
{
	BmCrowd *c;
	const BmDictView *items;
	bool as_int; /* the key arrives as bigint, else as text */
} ItemReader;

static uint32_t
item_of(const ItemReader *r, TupleTableSlot *slot)
{
	text *t;
	uint32_t code;

	if (slot->tts_isnull[0])
		return BM_NONE;
	if (r->as_int)
		return bmc_dict_find_int(r->items, DatumGetInt64(slot->tts_values[0]));
	t = DatumGetTextPP(slot->tts_values[0]);
	code = r->items->kind == BM_KEY_INT
			   ? bmc_dict_find_int(r->items, strtoll(text_to_cstring(t), NULL, 10))
			   : bmc_dict_find_bytes(r->items, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	if ((Pointer) t != DatumGetPointer(slot->tts_values[0]))
		pfree(t);
	return code;
}

/* BmRowFn: item, category, brand, device, list price. */
static void
item_row(void *arg, TupleTableSlot *slot)
{
	ItemReader *r = arg;
	BmCrowd *c = r->c;
	uint32_t item = item_of(r, slot);

	if (item == BM_NONE)
		return;
	for (int k = 0; k < BM_TALLIES; k++)
		if (c->item_code[k] && !slot->tts_isnull[1 + k])
		{
			text *t = DatumGetTextPP(slot->tts_values[1 + k]);

			if (VARSIZE_ANY_EXHDR(t) > 0)
				c->item_code[k][item] =
					bm_people_code(&c->people->names[k], VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
		}
	if (c->item_list && !slot->tts_isnull[1 + BM_TALLIES])
		c->item_list[item] = DatumGetFloat8(slot->tts_values[1 + BM_TALLIES]);
}

static char *
item_expr(const BmPersonColumn *c, const char *type)
{
	return c->name && c->of_item ? psprintf("%s::pg_catalog.%s", quote_identifier(c->name), type)
								 : psprintf("NULL::pg_catalog.%s", type);
}

static void
read_items(BmCrowd *c)
{
	BmPeople *p = c->people;
	const BmDictView *items = &c->log->items.view;
	ItemReader reader = {c, items, false};
	bool any = p->list.name && p->list.of_item;
	StringInfoData sql;

	initStringInfo(&sql);
	if (any)
		c->item_list = take(p->mem, items->n, sizeof(double));
	for (uint32_t i = 0; any && i < items->n; i++)
		c->item_list[i] = NAN;
	for (int k = 0; k < BM_TALLIES; k++)
		if (p->tally[k].name && p->tally[k].of_item)
		{
			any = true;
			c->item_code[k] = take(p->mem, items->n, sizeof(uint32_t));
			memset(c->item_code[k], 0xff, items->n * sizeof(uint32_t)); /* BM_NONE */
		}
	if (!any)
		return;
	reader.as_int = items->kind == BM_KEY_INT && p->items->key_int;
	appendStringInfo(&sql, "SELECT %s::pg_catalog.%s", quote_identifier(p->items->key),
					 reader.as_int ? "int8" : "text");
	for (int k = 0; k < BM_TALLIES; k++)
		appendStringInfo(&sql, ", %s", item_expr(&p->tally[k], "text"));
	appendStringInfo(&sql, ", %s FROM %s", item_expr(&p->list, "float8"), p->items->relation);
	SPI_connect();
	(void) bm_scan(sql.data, 0, NULL, NULL, NULL, item_row, &reader);
	SPI_finish();
}

/* ---- codes ---- */

/* Codes of behaviours, the lightest first, ties by name. */
static void
order_behaviours(BmCrowd *c)
{
	uint32_t n = c->people->events.view.n;
	float weight[256];

	c->order = palloc(sizeof(uint32_t) * Max(n, 1));
	for (uint32_t i = 0; i < n; i++)
	{
		char *name = bm_dict_text(&c->people->events.view, i);
		uint32_t j = i;

		weight[i] = c->people->source->event
						? bm_behaviour(&c->people->source->options, name).weight
						: 1.0f;
		for (;
			 j > 0 && (weight[c->order[j - 1]] > weight[i] ||
					   (weight[c->order[j - 1]] == weight[i] &&
						strcmp(bm_dict_text(&c->people->events.view, c->order[j - 1]), name) > 0));
			 j--)
			c->order[j] = c->order[j - 1];
		c->order[j] = i;
	}
}

static void
map_behaviours(BmCrowd *c)
{
	const BmLog *log = c->log;

	if (!log->event)
		c->event_code[0] = bm_people_code(&c->people->events, "event", 5);
	for (uint32_t i = 0; log->event && i < log->events.view.n; i++)
	{
		char *name = bm_dict_text(&log->events.view, i);

		c->event_code[i] = bm_people_code(&c->people->events, name, strlen(name));
	}
	memcpy(c->purchase, log->purchase, sizeof(c->purchase));
	memcpy(c->weight, log->event_weight, sizeof(c->weight));
}

static void
map_extras(BmCrowd *c)
{
	const BmSource *s = c->people->source;

	for (int x = 0; x < s->nextra; x++)
	{
		const BmDictView *d = &c->log->extra[x].view;

		if (!s->extra[x].number)
			continue;
		c->number[x] = take(c->people->mem, d->n, sizeof(double));
		for (uint32_t i = 0; i < d->n; i++)
		{
			memcpy(&c->number[x][i], &d->key[i], sizeof(double));
			if (!isfinite(c->number[x][i]))
				c->number[x][i] = NAN;
		}
	}
	for (int k = 0; k < BM_TALLIES; k++)
	{
		const BmPersonColumn *column = &c->people->tally[k];
		const BmDictView *d;

		if (!column->name || column->of_item)
			continue;
		d = &c->log->extra[column->extra].view;
		c->name_code[k] = take(c->people->mem, d->n, sizeof(uint32_t));
		for (uint32_t i = 0; i < d->n; i++)
		{
			char *name = bm_dict_text(d, i);

			c->name_code[k][i] = bm_people_code(&c->people->names[k], name, strlen(name));
			pfree(name);
		}
	}
}

static void
hash_names(BmCrowd *c)
{
	const BmDictView *items = &c->log->items.view;

	c->item_hash = take(c->people->mem, items->n, sizeof(uint64));
	for (uint32_t i = 0; i < items->n; i++)
		c->item_hash[i] = items->kind == BM_KEY_INT
							  ? bm_key_hash_int(items->key[i])
							  : bm_key_hash_bytes(items->blob + items->offset[i],
												  items->offset[i + 1] - items->offset[i]);
	for (int k = 0; k < BM_TALLIES; k++)
	{
		const BmDictView *d = &c->people->names[k].view;

		c->name_hash[k] = take(c->people->mem, d->n, sizeof(uint64));
		for (uint32_t i = 0; i < d->n; i++)
			c->name_hash[k][i] =
				bm_key_hash_bytes(d->blob + d->offset[i], d->offset[i + 1] - d->offset[i]);
	}
}

void
bm_crowd_read(BmCrowd *out, BmPeople *people, int64 since, MemoryContext context, BmWatch *watch)
{
	BmReader reader;

	memset(out, 0, sizeof(*out));
	out->people = people;
	bm_progress_phase(BM_PHASE_READ, NULL);
	bm_read_source(&reader, people->source, since, PG_INT64_MAX, true, people->mem, watch);
	out->log = reader.n > 0 ? bm_log_from_reader(&reader, context) : NULL;
	if (out->log && out->log->n == 0)
		out->log = NULL;
	if (out->log)
	{
		map_behaviours(out);
		read_items(out);
		map_extras(out);
		hash_names(out);
	}
	order_behaviours(out);
}

size_t
bm_crowd_users(const BmCrowd *c)
{
	return c->log ? c->log->users.view.n : 0;
}

/* ---- the sweep ---- */

typedef struct Sweep
{
	BmPortrait *p;
	const BmCrowd *c;
	size_t first, n;
	const BmZoneSpan *span; /* of local time, for the log's whole time, in order */
	int spans;
} Sweep;

/* Local time by spans that are all known beforehand: threads may not look them up. */
static inline int64
local_of(const Sweep *s, int64 t)
{
	int i = 0;

	while (i < s->spans - 1 && t >= s->span[i].to)
		i++;
	return t + s->span[i].offset;
}

static inline double
number_at(const BmCrowd *c, int x, size_t e)
{
	uint32_t code = x < 0 ? BM_NONE : c->log->extra_code[x][e];

	return code == BM_NONE ? NAN : c->number[x][code];
}

static void
event_at(BmPortraitEvent *to, const Sweep *s, size_t e)
{
	const BmCrowd *c = s->c;
	const BmPeople *p = c->people;
	const BmLog *log = c->log;
	uint8_t behaviour = log->event ? log->event[e] : 0;
	uint32_t item = log->item[e];

	to->time = log->time[e];
	to->local = local_of(s, to->time);
	to->item = item == BM_NONE ? 0 : c->item_hash[item];
	to->event = c->event_code[behaviour];
	to->purchase = c->purchase[behaviour];
	to->weight = c->weight[behaviour];
	to->price = number_at(c, p->price, e);
	to->quantity = number_at(c, p->quantity, e);
	to->list = p->list.name && !p->list.of_item  ? number_at(c, p->list.extra, e)
			   : c->item_list && item != BM_NONE ? c->item_list[item]
												 : NAN;
	for (int k = 0; k < BM_TALLIES; k++)
	{
		uint32_t code = BM_NONE;

		if (c->name_code[k])
		{
			uint32_t value = log->extra_code[p->tally[k].extra][e];

			code = value == BM_NONE ? BM_NONE : c->name_code[k][value];
		}
		else if (c->item_code[k] && item != BM_NONE)
			code = c->item_code[k][item];
		to->code[k] = code;
		to->hash[k] = code == BM_NONE ? 0 : c->name_hash[k][code];
	}
}

static void
sweep_task(void *arg, size_t task, int worker)
{
	const Sweep *s = arg;
	const BmLog *log = s->c->log;
	size_t first = task * USERS_OF_A_TASK, last = Min(first + USERS_OF_A_TASK, s->n);
	BmPortraitEvent event;

	for (size_t u = first; u < last; u++)
		for (size_t e = log->start[s->first + u]; e < log->start[s->first + u + 1]; e++)
		{
			event_at(&event, s, e);
			bmc_portrait_add(&s->p[u], &event, s->c->people->gap);
		}
}

/* The spans of the zone between the first and the last event. */
static BmZoneSpan *
all_spans(const BmCrowd *c, int *n)
{
	BmZone zone = c->people->zone;
	int capacity = 64;
	BmZoneSpan *span = palloc(sizeof(BmZoneSpan) * capacity);
	int64 t = c->log->first;

	*n = 0;
	for (;;)
	{
		if (*n == capacity)
			span = repalloc(span, sizeof(BmZoneSpan) * (capacity *= 2));
		span[*n] = *bm_zone_find(&zone, t);
		if (span[(*n)++].to > c->log->last)
			return span;
		t = span[*n - 1].to;
	}
}

void
bm_crowd_sweep(BmPortrait *p, const BmCrowd *c, size_t first, size_t n, BmPool *pool,
			   BmWatch *watch)
{
	Sweep s = {.p = p, .c = c, .first = first, .n = n};

	s.span = all_spans(c, &s.spans);
	bm_check(bmc_pool_run(pool, sweep_task, &s, (n + USERS_OF_A_TASK - 1) / USERS_OF_A_TASK,
						  &watch->stop),
			 "make portraits", NULL);
	pfree((void *) s.span);
}
