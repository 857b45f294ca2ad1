/*
 * pattern_details.c
 *		Who follows the patterns, and how long it takes: for all patterns in one walk.
 *
 * Patterns are visited in the order in which the search gave them, so that neighbours share a prefix;
 * for each element of the prefix at hand the sequences that contain it are on a stack, with
 * the first end (with limits: all ends, as in gapped.c). The supports are counted anew on
 * the way, by other code than that of the miners.
 */
#include <string.h>

#include "core/mine/stack.h"
#include "core/mine/sweep.h"
#include "core/num/sort.h"

#define WORK_PER_STOP 2000000 /* elements looked at between two questions */

/* The sequences that contain a prefix of whole elements. */
typedef struct Level
{
	uint32_t length; /* tokens of the prefix */
	size_t n;
	uint32_t *seq; /* (n) ascending */
	size_t *first; /* (n+1) bounds in end, with limits; NULL: one end a sequence */
	BmEnd *end;
	BmStackMark mark; /* before this level's memory */
} Level;

typedef struct Walk
{
	const BmPatterns *p;
	const BmPatternDb *db;
	const BmPatternLimits *limits;
	bool limited;
	BmMem *mem;
	const BmStop *stop;
	BmStack stack;
	Level *level; /* (longest pattern) */
	size_t depth;
	const uint32_t *token; /* of the pattern that the levels belong to */
	size_t *item_start;    /* (nitems+1) bounds in item_seq */
	uint32_t *item_seq;    /* sequences of each item, ascending */
	BmEnd *buffer;         /* ends of a level being made */
	size_t capacity;
	int64_t *span; /* (largest support) */
	size_t work;
} Walk;

static BmStatus
poll(Walk *w, size_t work)
{
	w->work += work;
	if (w->work < WORK_PER_STOP)
		return BM_OK;
	w->work = 0;
	return bmc_stop(w->stop) ? BM_ESTOP : BM_OK;
}

/* ---- the sequences of each item ---- */

static BmStatus
list_items(Walk *w)
{
	const BmPatternDb *db = w->db;
	size_t total = 0, *fill = bmc_alloc(w->mem, db->nitems, sizeof(size_t));
	BmStatus status = BM_OK;

	w->item_start = bmc_alloc(w->mem, (size_t) db->nitems + 1, sizeof(size_t));
	if (fill && w->item_start)
	{
		for (uint32_t i = 0; i < db->nitems; i++)
		{
			w->item_start[i] = fill[i] = total;
			total += db->support[i];
		}
		w->item_start[db->nitems] = total;
		w->item_seq = bmc_alloc(w->mem, total, sizeof(uint32_t));
	}
	if (!w->item_seq)
		status = BM_ENOMEM;
	for (size_t s = 0; s < db->n && status == BM_OK; s++)
	{
		for (size_t i = bmc_element_at(db, db->start[s]); i < bmc_element_at(db, db->start[s + 1]);
			 i++)
		{
			size_t at = fill[db->item[i]];

			if (at > w->item_start[db->item[i]] && w->item_seq[at - 1] == (uint32_t) s)
				continue;
			w->item_seq[at] = (uint32_t) s;
			fill[db->item[i]]++;
		}
		status = poll(w, db->start[s + 1] - db->start[s]);
	}
	bmc_free(w->mem, fill);
	return status;
}

/* ---- levels ---- */

static BmStatus
put_end(Walk *w, size_t n, BmEnd end)
{
	if (n == w->capacity)
	{
		size_t capacity = 2 * n + 1024;
		BmEnd *grown = bmc_realloc(w->mem, w->buffer, capacity, sizeof(BmEnd));

		if (!grown)
			return BM_ENOMEM;
		w->buffer = grown;
		w->capacity = capacity;
	}
	w->buffer[n] = end;
	return BM_OK;
}

/* Ends in sequence s of the element token (length) after those of before (group i; NULL: the first
 * element), appended at *n. */
static BmStatus
extend(Walk *w, size_t s, const Level *before, size_t i, const uint32_t *token, uint32_t length,
	   size_t *n)
{
	const BmPatternDb *db = w->db;
	BmStatus status = BM_OK;

	if (before && w->limited)
	{
		BmSweep sweep = bmc_sweep(db, w->limits, true, s, before->end + before->first[i],
								  before->first[i + 1] - before->first[i]);
		BmEnd x;

		while (status == BM_OK && bmc_sweep_next(&sweep, &x))
			if (bmc_element_contains(db, x.end, token, length))
				status = put_end(w, (*n)++, x);
	}
	else
	{
		size_t e = before ? (size_t) before->end[i].end + 1 : db->start[s];

		for (; e < db->start[s + 1] && status == BM_OK; e++)
			if (bmc_element_contains(db, e, token, length))
			{
				status = put_end(w, (*n)++, (BmEnd){(uint32_t) e, (uint32_t) e});
				if (!w->limited)
					break;
			}
	}
	w->work += db->start[s + 1] - db->start[s];
	return status;
}

/*
 * The same without limits and with one item an element, for item at of token: the level is made in
 * place. The latest start carries over from the prefix as long as the prefix's last item does not
 * occur again on the way: then the prefix must end where it did.
 */
static BmStatus
push_item(Walk *w, Level *l, const Level *before, const uint32_t *seq, size_t from,
		  const uint32_t *token, uint32_t at)
{
	const BmPatternDb *db = w->db;
	uint32_t id = BM_TOKEN_ID(token[at]), last = at > 0 ? BM_TOKEN_ID(token[at - 1]) : BM_NONE;
	BmStatus status = BM_OK;

	l->end = bmc_stack_take(&w->stack, from, sizeof(BmEnd));
	if (!l->end)
		return BM_ENOMEM;
	for (size_t i = 0; i < from && status == BM_OK; i++)
	{
		size_t begin = before ? (size_t) before->end[i].end + 1 : db->start[seq[i]];
		size_t end = db->start[seq[i] + 1], e = begin, start;
		bool again = false;

		for (; e < end && db->item[e] != id; e++)
			again |= db->item[e] == last;
		status = poll(w, e - begin + 1);
		if (e == end)
			continue;
		start = again    ? bmc_pattern_latest_start(db, token, at + 1, e)
				: before ? before->end[i].start
						 : e;
		l->seq[l->n] = seq[i];
		l->end[l->n++] = (BmEnd){(uint32_t) e, (uint32_t) start};
	}
	w->depth++;
	return status;
}

/* One more level for the element of length tokens at token[at]. */
static BmStatus
push(Walk *w, const uint32_t *token, uint32_t at, uint32_t length)
{
	const Level *before = w->depth > 0 ? &w->level[w->depth - 1] : NULL;
	Level *l = &w->level[w->depth];
	uint32_t rarest = BM_TOKEN_ID(token[at + length - 1]); /* ids ascend with rarity */
	const uint32_t *seq = before ? before->seq : w->item_seq + w->item_start[rarest];
	size_t from = before ? before->n : w->item_start[rarest + 1] - w->item_start[rarest];
	size_t ends = 0;
	BmStatus status = BM_OK;

	memset(l, 0, sizeof(*l));
	l->mark = bmc_stack_mark(&w->stack);
	l->length = at + length;
	l->seq = bmc_stack_take(&w->stack, from, sizeof(uint32_t));
	l->first = w->limited ? bmc_stack_take(&w->stack, from + 1, sizeof(size_t)) : NULL;
	if (!l->seq || (w->limited && !l->first))
		return BM_ENOMEM;
	if (!w->limited && !w->db->element)
		return push_item(w, l, before, seq, from, token, at);
	for (size_t i = 0; i < from && status == BM_OK; i++)
	{
		size_t were = ends;

		status = extend(w, seq[i], before, i, token + at, length, &ends);
		if (ends == were)
			continue;
		if (l->first)
			l->first[l->n] = were;
		l->seq[l->n++] = seq[i];
		if (status == BM_OK)
			status = poll(w, 1);
	}
	if (status != BM_OK)
		return status;
	if (l->first)
		l->first[l->n] = ends;
	l->end = bmc_stack_take(&w->stack, ends, sizeof(BmEnd));
	if (!l->end)
		return BM_ENOMEM;
	if (ends > 0)
		memcpy(l->end, w->buffer, ends * sizeof(BmEnd));
	w->depth++;
	return BM_OK;
}

/* Levels for all elements of pattern q; those of a common beginning stay. */
static BmStatus
go_to(Walk *w, const BmPattern *q)
{
	const uint32_t *token = w->p->token + q->at;
	uint32_t at;
	BmStatus status = BM_OK;

	/* a level stays when its tokens are q's and its last element ends there in q, too */
	while (w->depth > 0)
	{
		const Level *l = &w->level[w->depth - 1];

		if (l->length <= q->length &&
			(l->length == q->length || !BM_TOKEN_JOINED(token[l->length])) &&
			memcmp(w->token, token, l->length * sizeof(uint32_t)) == 0)
			break;
		bmc_stack_release(&w->stack, l->mark);
		w->depth--;
	}
	w->token = token;
	at = w->depth > 0 ? w->level[w->depth - 1].length : 0;
	while (at < q->length && status == BM_OK)
	{
		uint32_t length = bmc_element_length(token, q->length, at);

		status = push(w, token, at, length);
		at += length;
	}
	return status;
}

/* ---- details ---- */

/* The k-th smallest of v (n), which is reordered (Hoare 1961). */
static int64_t
nth(int64_t *v, size_t n, size_t k)
{
	size_t low = 0, high = n - 1;

	while (low < high)
	{
		int64_t pivot = v[low + (high - low) / 2];
		size_t i = low, j = high;

		for (;; i++, j--)
		{
			int64_t swap;

			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap = v[i];
			v[i] = v[j];
			v[j] = swap;
		}
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
	return v[k];
}

/* The median; of two middle values their mean. */
static double
median(int64_t *v, size_t n)
{
	double upper = (double) nth(v, n, n / 2);

	return n % 2 ? upper : 0.5 * (upper + (double) nth(v, n, n / 2 - 1));
}

/* first and median_span from the occurrences at the top level. */
static BmStatus
spans(Walk *w, BmPatternDetail *d, const BmPattern *q)
{
	const BmPatternDb *db = w->db;
	const Level *l = &w->level[w->depth - 1];
	BmStatus status = BM_OK;

	d->first = INT64_MAX;
	for (size_t i = 0; i < l->n && status == BM_OK; i++)
	{
		BmEnd end = l->end[l->first ? l->first[i] : i];
		size_t first = end.start;

		if (!w->limited && db->element)
			first = bmc_pattern_latest_start(db, w->token, q->length, end.end);
		w->span[i] = db->time ? db->time[end.end] - db->time[first]
							  : (int64_t) db->position[end.end] - db->position[first];
		if (db->time && db->time[first] < d->first)
			d->first = db->time[first];
		status = poll(w, end.end - first + 1);
	}
	if (status == BM_OK && l->n > 0)
		d->median_span = median(w->span, l->n);
	return status;
}

static BmStatus
detail_of(Walk *w, BmPatternDetail *d, uint32_t *example, size_t k, const bool *group,
		  const BmPattern *q)
{
	BmStatus status = go_to(w, q);
	const Level *l;

	memset(d, 0, sizeof(*d));
	if (status != BM_OK)
		return status;
	l = &w->level[w->depth - 1];
	d->support = (uint32_t) l->n;
	while (d->nexamples < k && d->nexamples < l->n)
	{
		example[d->nexamples] = l->seq[d->nexamples];
		d->nexamples++;
	}
	if (!group)
		return spans(w, d, q);
	for (size_t i = 0; i < l->n; i++)
		d->in_group += group[l->seq[i]];
	return poll(w, l->n);
}

static BmStatus
walk_init(Walk *w)
{
	uint32_t longest = 0;

	bmc_stack_init(&w->stack, w->mem);
	w->limited = bmc_pattern_limited(w->limits);
	for (size_t i = 0; i < w->p->n; i++)
		if (w->p->pattern[i].length > longest)
			longest = w->p->pattern[i].length;
	w->level = bmc_alloc(w->mem, longest, sizeof(Level));
	w->span = bmc_alloc(w->mem, w->db->n, sizeof(int64_t));
	return w->level && w->span ? list_items(w) : BM_ENOMEM;
}

static void
walk_free(Walk *w)
{
	bmc_free(w->mem, w->buffer);
	bmc_free(w->mem, w->item_seq);
	bmc_free(w->mem, w->item_start);
	bmc_free(w->mem, w->span);
	bmc_free(w->mem, w->level);
	bmc_stack_free(&w->stack);
}

/* See pattern.h. */
BmStatus
bmc_pattern_details(BmPatternDetail *detail, uint32_t *example, size_t k, const bool *group,
					const BmPatterns *p, const BmPatternDb *db, const BmPatternLimits *limits,
					BmMem *mem, const BmStop *stop)
{
	Walk w = {.p = p, .db = db, .limits = limits, .mem = mem, .stop = stop};
	uint64_t *key = bmc_alloc(mem, p->n, sizeof(uint64_t));
	uint32_t *order = bmc_alloc(mem, p->n, sizeof(uint32_t));
	BmStatus status = key && order ? walk_init(&w) : BM_ENOMEM;

	if (status == BM_OK && p->n >= UINT32_MAX)
		status = BM_ELIMIT;
	for (size_t i = 0; i < p->n && status == BM_OK; i++)
	{
		key[i] = p->pattern[i].at;
		order[i] = (uint32_t) i;
	}
	if (status == BM_OK)
		status = bmc_sort_u64(key, order, p->n, mem);
	for (size_t i = 0; i < p->n && status == BM_OK; i++)
		status = detail_of(&w, &detail[order[i]], example ? example + k * order[i] : NULL, k, group,
						   &p->pattern[order[i]]);
	if (key && order)
		walk_free(&w);
	bmc_free(mem, order);
	bmc_free(mem, key);
	return status;
}
