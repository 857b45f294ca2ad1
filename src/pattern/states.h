/*
 * states.h
 *		What the flat states of retention, survival and rhythm share: a zone in the configuration, and
 *		putting equal entries together before a state grows.
 */
#ifndef BM_PATTERN_STATES_H
#define BM_PATTERN_STATES_H

#include "pg/zone.h"
#include "pg/flat.h"

/* Names of zones are shorter: the longest of the database has 32 bytes. */
#define BM_ZONE_WORDS 5
#define BM_ZONE_BYTES (BM_ZONE_WORDS * sizeof(uint64))

/*
 * The zone's name into BM_ZONE_WORDS words, eight bytes each, the first one uppermost, padded with zeros:
 * the same words on every machine. 22023 when it is too long.
 */
extern void bm_zone_to_words(uint64 *words, const BmZone *zone);
/* Back: the name, ended by a zero byte. */
extern void bm_zone_words_name(char name[BM_ZONE_BYTES], const uint64 *words);
/* Do the words hold a name that ends? */
extern bool bm_zone_words_valid(const uint64 *words);
/* The zone named by the words. It stays valid until the next call. */
extern BmZone *bm_zone_of_words(const uint64 *words);
/*
 * Argument i, a zone's name for many rows, and its words. Both stay valid until the next call. 22004,
 * 22023.
 */
extern BmZone *bm_zone_argument(FunctionCallInfo fcinfo, int i, const uint64 **words);

/* Puts equal ones among n ascending entries together, in place; how many are left. */
typedef size_t (*BmUniteFn)(uint64 *entries, size_t n);
/* s (writable) in order, equal entries put together, and with room for more. */
extern BmFlat *bm_state_unite(BmFlat *s, int64 more, BmUniteFn unite);
/* A trimmed copy in order, equal entries put together. */
extern BmFlat *bm_state_united(const BmFlat *s, BmUniteFn unite);

#endif
