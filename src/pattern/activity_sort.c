/*
 * activity_sort.c
 *		Events by arrival into the order of (unit, time): a counting scatter, then each unit's events by
 *		runs and radix passes (core/mine/entries.c), which can be stopped within a user of millions.
 */
#include "pattern/activity_read.h"

#include "core/mine/entries.h"

typedef struct Sorter
{
	BmActivityColumns *in;
	const char *doing;
	BmMem *mem;
	const BmStop *stop;
} Sorter;

static void
check(const Sorter *r, BmStatus status)
{
	bm_activity_check(status, r->doing);
}

static void *
taken(const Sorter *r, size_t n, size_t size)
{
	void *block = bmc_alloc(r->mem, n, size);

	if (!block)
		check(r, BM_ENOMEM);
	return block;
}

/*
 * An event as an entry that sorts: its time, then period and flags, then the value's bits, so that sums do
 * not depend on the order of arrival.
 */
enum
{
	ENTRY_AT,
	ENTRY_WHAT, /* period << 8 | flags */
	ENTRY_VALUE
};

static void
poll(const Sorter *r, size_t i)
{
	if ((i & 0xffff) == 0 && bmc_stop(r->stop))
		check(r, BM_ESTOP);
}

/* start (units+1) from the units of the events; the events, unit by unit, as entries. */
static uint64 *
scatter(Sorter *r, size_t *start, size_t nunits, size_t words)
{
	uint64 *entries = taken(r, bmc_mul(Max(r->in->n, 1), words), sizeof(uint64));
	size_t *next = taken(r, nunits + 1, sizeof(size_t));

	memset(start, 0, (nunits + 1) * sizeof(size_t));
	for (size_t i = 0; i < r->in->n; i++)
	{
		start[r->in->unit[i] + 1]++;
		poll(r, i);
	}
	for (size_t u = 0; u < nunits; u++)
		start[u + 1] += start[u];
	memcpy(next, start, (nunits + 1) * sizeof(size_t));
	for (size_t i = 0; i < r->in->n; i++)
	{
		uint64 *e = entries + next[r->in->unit[i]]++ * words;

		e[ENTRY_AT] = (uint64) r->in->at[i];
		e[ENTRY_WHAT] =
			(uint64) (uint32) (r->in->period ? r->in->period[i] : 0) << 8 | r->in->flags[i];
		if (words > ENTRY_VALUE)
			memcpy(&e[ENTRY_VALUE], &r->in->value[i], sizeof(double));
		poll(r, i);
	}
	bmc_free(r->mem, next);
	return entries;
}

/* Each unit's entries in order; they mostly are already. */
static void
sort_units(const Sorter *r, uint64 *entries, const size_t *start, size_t nunits, size_t words)
{
	uint64 *to = NULL, *scratch = NULL;
	size_t room = 0;

	for (size_t u = 0; u < nunits; u++)
	{
		uint64 *e = entries + start[u] * words;
		size_t n = start[u + 1] - start[u];

		poll(r, u);
		if (bmc_entries_sorted(e, n, words, r->stop))
			continue;
		if (n > room)
		{
			room = n + n / 2;
			bmc_free(r->mem, to);
			bmc_free(r->mem, scratch);
			to = taken(r, bmc_mul(room, words), sizeof(uint64));
			scratch = taken(r, bmc_mul(room, words), sizeof(uint64));
		}
		check(r, bmc_entries_sort(to, e, n, words, scratch, r->stop));
		memcpy(e, to, n * words * sizeof(uint64));
	}
	bmc_free(r->mem, to);
	bmc_free(r->mem, scratch);
}

/* Entries back to columns, into the ones that held them by arrival. */
static void
columns_of(Sorter *r, BmActivity *a, const uint64 *entries, size_t words)
{
	const uint64 *e = entries;

	for (size_t i = 0; i < r->in->n; i++, e += words)
	{
		r->in->at[i] = (int64) e[ENTRY_AT];
		r->in->flags[i] = (uint8) e[ENTRY_WHAT];
		if (r->in->period)
			r->in->period[i] = (int32) (uint32) (e[ENTRY_WHAT] >> 8);
		if (r->in->value)
			memcpy(&r->in->value[i], &e[ENTRY_VALUE], sizeof(double));
		poll(r, i);
	}
	a->log.n = r->in->n;
	a->log.at = r->in->at;
	a->log.flags = r->in->flags;
	a->log.period = r->in->period;
	a->log.value = r->in->value;
}

void
bm_activity_sort(BmActivity *a, BmActivityColumns *columns, const char *doing, BmMem *mem,
				 BmWatch *watch)
{
	Sorter sorter = {columns, doing, mem, &watch->stop}, *r = &sorter;
	size_t nunits = a->log.nunits, words = columns->value ? 3 : 2;
	size_t *start = taken(r, nunits + 1, sizeof(size_t));
	uint64 *entries = scatter(r, start, nunits, words);

	bmc_free(mem, columns->unit);
	sort_units(r, entries, start, nunits, words);
	columns_of(r, a, entries, words);
	bmc_free(mem, entries);
	a->log.start = start;
}
