/*
 * pattern_db.c
 *		Sequences as a miner wants them: infrequent items dropped first, ids by descending support,
 *		compressed sparse rows.
 */
#include <string.h>

#include "core/mine/pattern.h"
#include "core/num/sort.h"

#define STOP_EVERY 0x3fff /* sequences between two questions */

bool
bmc_pattern_limited(const BmPatternLimits *l)
{
	return l->min_gap > 0 || l->max_gap != BM_UNLIMITED || l->max_window != BM_UNLIMITED ||
		   l->min_interval > 0 || l->max_interval != BM_UNLIMITED ||
		   l->max_duration != BM_UNLIMITED;
}

static inline size_t
element_begin(const BmSequenceSet *set, size_t e)
{
	return set->element ? set->element[e] : e;
}

/* support (nitems): sequences that contain each code. */
static BmStatus
count_support(uint32_t *support, const BmSequenceSet *set, BmMem *mem, const BmStop *stop)
{
	uint32_t *stamp = bmc_alloc0(mem, set->nitems, sizeof(uint32_t));
	BmStatus status = stamp ? BM_OK : BM_ENOMEM;

	for (size_t s = 0; s < set->n && status == BM_OK; s++)
	{
		size_t end = element_begin(set, set->start[s + 1]);

		for (size_t i = element_begin(set, set->start[s]); i < end; i++)
		{
			uint32_t code = set->item[i];

			support[code] += stamp[code] != (uint32_t) s + 1;
			stamp[code] = (uint32_t) s + 1;
		}
		if ((s & STOP_EVERY) == 0 && bmc_stop(stop))
			status = BM_ESTOP;
	}
	bmc_free(mem, stamp);
	return status;
}

/* db->code, db->support, and id (nitems): code -> id or BM_NONE. */
static BmStatus
number_items(BmPatternDb *db, uint32_t *id, const uint32_t *support, uint32_t nitems,
			 uint32_t min_support, const bool *exclude, BmMem *mem)
{
	uint64_t *key = bmc_alloc(mem, nitems, sizeof(uint64_t));
	uint32_t n = 0;
	BmStatus status = BM_ENOMEM;

	db->code = bmc_alloc(mem, nitems, sizeof(uint32_t));
	db->support = bmc_alloc(mem, nitems, sizeof(uint32_t));
	if (key && db->code && db->support)
	{
		for (uint32_t c = 0; c < nitems; c++)
		{
			id[c] = BM_NONE;
			if (support[c] < min_support || support[c] == 0 || (exclude && exclude[c]))
				continue;
			key[n] = (uint64_t) ~support[c] << 32 | c;
			db->code[n++] = c;
		}
		status = bmc_sort_u64(key, db->code, n, mem);
	}
	for (uint32_t i = 0; i < n && status == BM_OK; i++)
	{
		id[db->code[i]] = i;
		db->support[i] = support[db->code[i]];
	}
	db->nitems = n;
	bmc_free(mem, key);
	return status;
}

/* Shell's sort: the lists are short, and there is no scratch. */
void
bmc_sort_ids(uint32_t *a, size_t n)
{
	for (size_t gap = n / 2; gap > 0; gap = gap > 2 ? gap * 5 / 11 : gap - 1)
		for (size_t i = gap; i < n; i++)
		{
			uint32_t v = a[i];
			size_t j = i;

			for (; j >= gap && a[j - gap] > v; j -= gap)
				a[j] = a[j - gap];
			a[j] = v;
		}
}

/* The element's kept ids to out, ascending, each once; returns how many. */
static size_t
keep_element(uint32_t *out, const BmSequenceSet *set, const uint32_t *id, size_t e)
{
	size_t n = 0, kept = 0, end = element_begin(set, e + 1);

	for (size_t i = element_begin(set, e); i < end; i++)
		if (id[set->item[i]] != BM_NONE)
			out[n++] = id[set->item[i]];
	if (n <= 1)
		return n;
	bmc_sort_ids(out, n);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || out[i] != out[i - 1])
			out[kept++] = out[i];
	return kept;
}

/* How many elements and items stay. */
static void
count_kept(size_t *elements, size_t *items, const BmSequenceSet *set, const uint32_t *id)
{
	size_t last = set->start[set->n];

	*elements = *items = 0;
	for (size_t e = set->start[0]; e < last; e++)
	{
		size_t before = *items, end = element_begin(set, e + 1);

		for (size_t i = element_begin(set, e); i < end; i++)
			*items += id[set->item[i]] != BM_NONE;
		*elements += *items > before;
	}
}

static BmStatus
fill(BmPatternDb *db, const BmSequenceSet *set, const uint32_t *id, const BmStop *stop)
{
	size_t elements = 0, items = 0;

	for (size_t s = 0; s < set->n; s++)
	{
		if ((s & STOP_EVERY) == 0 && bmc_stop(stop))
			return BM_ESTOP;
		db->start[s] = elements;
		for (size_t e = set->start[s]; e < set->start[s + 1]; e++)
		{
			size_t kept = keep_element(db->item + items, set, id, e);

			if (kept == 0)
				continue;
			if (db->element)
				db->element[elements] = items;
			db->position[elements] = (uint32_t) (e - set->start[s]);
			if (db->time)
				db->time[elements] = set->time[e];
			items += kept;
			elements++;
		}
		if (elements - db->start[s] > db->longest)
			db->longest = elements - db->start[s];
	}
	db->start[set->n] = elements;
	if (db->element)
		db->element[elements] = items;
	return BM_OK;
}

static BmStatus
take_rows(BmPatternDb *db, const BmSequenceSet *set, const uint32_t *id, BmMem *mem,
		  const BmStop *stop)
{
	size_t elements, items;

	count_kept(&elements, &items, set, id);
	if (items >= UINT32_MAX - 1 || set->n >= UINT32_MAX - 1)
		return BM_ELIMIT;
	db->start = bmc_alloc(mem, bmc_add(set->n, 1), sizeof(size_t));
	db->element = set->element ? bmc_alloc(mem, elements + 1, sizeof(size_t)) : NULL;
	db->item = bmc_alloc(mem, items, sizeof(uint32_t));
	db->position = bmc_alloc(mem, elements, sizeof(uint32_t));
	db->time = set->time ? bmc_alloc(mem, elements, sizeof(int64_t)) : NULL;
	if (!db->start || !db->item || !db->position || (set->element && !db->element) ||
		(set->time && !db->time))
		return BM_ENOMEM;
	return fill(db, set, id, stop);
}

/* See pattern.h. */
BmStatus
bmc_pattern_db_build(BmPatternDb *db, const BmSequenceSet *set, uint32_t min_support,
					 const bool *exclude, BmMem *mem, const BmStop *stop)
{
	uint32_t *support, *id;
	BmStatus status = BM_ENOMEM;

	memset(db, 0, sizeof(*db));
	db->n = set->n;
	if (set->nitems > (UINT32_MAX >> 1) - 1)
		return BM_ELIMIT;
	support = bmc_alloc0(mem, set->nitems, sizeof(uint32_t));
	id = bmc_alloc(mem, set->nitems, sizeof(uint32_t));
	if (support && id)
		status = count_support(support, set, mem, stop);
	if (status == BM_OK)
		status = number_items(db, id, support, set->nitems, min_support, exclude, mem);
	if (status == BM_OK)
		status = take_rows(db, set, id, mem, stop);
	bmc_free(mem, id);
	bmc_free(mem, support);
	if (status != BM_OK)
		bmc_pattern_db_free(db, mem);
	return status;
}

void
bmc_pattern_db_free(BmPatternDb *db, BmMem *mem)
{
	bmc_free(mem, db->time);
	bmc_free(mem, db->position);
	bmc_free(mem, db->item);
	bmc_free(mem, db->element);
	bmc_free(mem, db->start);
	bmc_free(mem, db->support);
	bmc_free(mem, db->code);
	memset(db, 0, sizeof(*db));
}
