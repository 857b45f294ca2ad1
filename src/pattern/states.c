/*
 * states.c
 *		Zones inside flat states, and states whose equal entries are put together.
 */
#include "pattern/states.h"

void
bm_zone_to_words(uint64 *words, const BmZone *zone)
{
	const char *name = bm_zone_name(zone);
	size_t len = strlen(name);

	if (len >= BM_ZONE_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("time zone \"%s\" has too long a name for a state", name),
						errdetail("It has %zu bytes; a state holds %zu.", len, BM_ZONE_BYTES - 1),
						errhint("Use a name of view pg_timezone_names.")));
	memset(words, 0, BM_ZONE_BYTES);
	memcpy(words, name, len);
}

bool
bm_zone_words_valid(const uint64 *words)
{
	const char *name = (const char *) words;
	size_t len = strnlen(name, BM_ZONE_BYTES);

	for (size_t i = len; i < BM_ZONE_BYTES; i++)
		if (name[i] != '\0')
			return false;
	return len > 0 && len < BM_ZONE_BYTES;
}

BmZone *
bm_zone_of_words(const uint64 *words)
{
	static BmZone zone;
	static uint64 of[BM_ZONE_WORDS]; /* zeros: no zone yet */

	if (memcmp(of, words, BM_ZONE_BYTES) != 0)
	{
		memset(of, 0, BM_ZONE_BYTES);
		bm_zone_init(&zone, (const char *) words);
		memcpy(of, words, BM_ZONE_BYTES);
	}
	return &zone;
}

BmFlat *
bm_state_unite(BmFlat *s, int64 more, BmUniteFn unite)
{
	const uint64 *sorted = bm_flat_sorted(s);
	uint64 *entries = bm_flat_entries(s);
	Size bytes = sizeof(uint64) * s->words * (Size) s->n;

	if (sorted != entries)
	{
		memcpy(entries, sorted, bytes);
		pfree((void *) sorted);
	}
	s->n = (int64) unite(entries, (size_t) s->n);
	s->flags |= BM_FLAT_SORTED;
	/* grow unless a quarter is free: the next one must not come soon */
	return bm_flat_grow(s, Max(more, s->n / 3));
}

BmFlat *
bm_state_united(const BmFlat *s, BmUniteFn unite)
{
	const uint64 *sorted = bm_flat_sorted(s);
	Size bytes = sizeof(uint64) * s->words * (Size) s->n;
	BmFlat *copy = palloc(bm_flat_size(s, 0));

	memcpy(copy, s, bm_flat_size(s, -s->n));
	if (bytes > 0)
		memcpy(bm_flat_entries(copy), sorted, bytes);
	copy->n = (int64) unite(bm_flat_entries(copy), (size_t) s->n);
	copy->flags |= BM_FLAT_SORTED;
	SET_VARSIZE(copy, bm_flat_size(copy, 0));
	return copy;
}
