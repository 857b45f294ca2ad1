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
	for (size_t b = 0; b < len; b++)
		words[b / 8] |= (uint64) (unsigned char) name[b] << (56 - 8 * (b % 8));
}

void
bm_zone_words_name(char name[BM_ZONE_BYTES], const uint64 *words)
{
	for (size_t b = 0; b < BM_ZONE_BYTES; b++)
		name[b] = (char) (words[b / 8] >> (56 - 8 * (b % 8)));
	name[BM_ZONE_BYTES - 1] = '\0';
}

bool
bm_zone_words_valid(const uint64 *words)
{
	char name[BM_ZONE_BYTES];
	size_t len;

	bm_zone_words_name(name, words);
	len = strlen(name);
	for (size_t b = len; b < BM_ZONE_BYTES; b++)
		if (name[b] != '\0')
			return false;
	return len > 0 && (words[BM_ZONE_WORDS - 1] & 255) == 0;
}

BmZone *
bm_zone_of_words(const uint64 *words)
{
	static BmZone zone;
	static uint64 of[BM_ZONE_WORDS]; /* zeros: no zone yet */
	char name[BM_ZONE_BYTES];

	if (memcmp(of, words, BM_ZONE_BYTES) != 0)
	{
		memset(of, 0, BM_ZONE_BYTES);
		bm_zone_words_name(name, words);
		bm_zone_init(&zone, name);
		memcpy(of, words, BM_ZONE_BYTES);
	}
	return &zone;
}

BmZone *
bm_zone_argument(FunctionCallInfo fcinfo, int i, const uint64 **words)
{
	static BmZone zone;
	static uint64 of[BM_ZONE_WORDS];
	static char last[BM_ZONE_BYTES];
	static size_t last_len; /* 0: none */
	text *t;
	size_t len;

	*words = of;
	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"time_zone\" must not be null")));
	t = PG_GETARG_TEXT_PP(i);
	len = VARSIZE_ANY_EXHDR(t);
	if (last_len > 0 && last_len == len && memcmp(last, VARDATA_ANY(t), len) == 0)
		return &zone;
	last_len = 0;
	bm_zone_init(&zone, text_to_cstring(t));
	bm_zone_to_words(of, &zone);
	if (len <= sizeof(last))
	{
		memcpy(last, VARDATA_ANY(t), len);
		last_len = len;
	}
	return &zone;
}

BmFlat *
bm_state_unite(BmFlat *s, int64 more, BmUniteFn unite)
{
	bm_flat_sort(s);
	bm_flat_settle(s, (int64) unite(bm_flat_entries(s), (size_t) s->n));
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
	bm_flat_settle(copy, (int64) unite(bm_flat_entries(copy), (size_t) s->n));
	SET_VARSIZE(copy, bm_flat_size(copy, 0));
	return copy;
}
