/*
 * again.c
 *		Repeat purchases of one user. The median interval, for one long pause says nothing of a habit.
 */
#include <stdlib.h>

#include "core/rec/again.h"

static int
by_item_and_time(const void *a, const void *b)
{
	const BmPurchase *x = a, *y = b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return x->time < y->time ? -1 : x->time > y->time;
}

static int
best_first(const void *a, const void *b)
{
	const BmAgain *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->times != y->times)
		return x->times > y->times ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* Of what is closer together than gap the last one stays; how many remain. */
static size_t
merge_close(BmPurchase *p, size_t n, int64_t gap)
{
	size_t kept = 1;

	for (size_t i = 1; i < n; i++)
	{
		kept += p[i].time - p[kept - 1].time >= gap;
		p[kept - 1].time = p[i].time;
	}
	return kept;
}

/* Median of n differences, which are left in the place of the times. */
static int64_t
median_interval(BmPurchase *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i].time = p[i + 1].time - p[i].time;
	qsort(p, n, sizeof(BmPurchase), by_item_and_time);
	return n % 2 ? p[n / 2].time : p[n / 2 - 1].time + (p[n / 2].time - p[n / 2 - 1].time) / 2;
}

/* One item's n purchases, ascending; false when they are no habit. Their times are used up. */
static bool
habit(BmAgain *out, BmPurchase *p, size_t n, int64_t now, int64_t gap)
{
	double r;

	out->item = p[0].item;
	out->times = merge_close(p, n, gap);
	if (out->times < 2)
		return false;
	out->last = p[out->times - 1].time;
	out->interval = median_interval(p, out->times - 1);
	if (out->interval <= 0)
		return false;
	out->due = out->last + out->interval;
	r = now > out->last ? (double) (now - out->last) / (double) out->interval : 0.0;
	out->score = (1.0 - 1.0 / (double) out->times) * (r > 1.0 ? 1.0 / r : r);
	return true;
}

size_t
bmc_again(BmAgain *out, BmPurchase *purchases, size_t n, int64_t now, int64_t gap)
{
	size_t found = 0, end;

	qsort(purchases, n, sizeof(BmPurchase), by_item_and_time);
	for (size_t i = 0; i < n; i = end)
	{
		for (end = i + 1; end < n && purchases[end].item == purchases[i].item;)
			end++;
		if (end - i >= 2)
			found += habit(&out[found], purchases + i, end - i, now, gap);
	}
	qsort(out, found, sizeof(BmAgain), best_first);
	return found;
}
