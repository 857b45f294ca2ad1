/*
 * recent.h
 *		Keys of a column on their way into a dictionary, with the recent ones remembered: keys come in
 *		runs and few are popular, and a slot of the dictionary's hash table is often a cache miss.
 */
#ifndef BM_RECENT_H
#define BM_RECENT_H

#include "pg/pg.h"
#include "utils/uuid.h"

#include "core/num/dict.h"

#define BM_RECENT_BITS 12 /* direct mapped */
#define BM_RECENT_KEYS ((size_t) 1 << BM_RECENT_BITS)

typedef struct BmRecentKey
{
	uint64 tag;    /* the integer itself, or a weak hash of the bytes */
	uint32_t code; /* BM_NONE: empty */
} BmRecentKey;

static inline void
bm_recent_clear(BmRecentKey *recent)
{
	for (size_t i = 0; i < BM_RECENT_KEYS; i++)
		recent[i].code = BM_NONE;
}

/* Where a tag lives among the recent keys (Fibonacci hashing). */
static inline BmRecentKey *
bm_recent_slot(BmRecentKey *recent, uint64 tag)
{
	return &recent[tag * UINT64CONST(0x9e3779b97f4a7c15) >> (64 - BM_RECENT_BITS)];
}

/* The key's code in dict, added if new. */
static inline BmStatus
bm_recent_int(BmRecentKey *recent, BmDict *dict, int64 key, uint32_t *code)
{
	BmRecentKey *slot = bm_recent_slot(recent, (uint64) key);
	BmStatus status = BM_OK;

	if (slot->tag != (uint64) key || slot->code == BM_NONE)
	{
		status = bmc_dict_put_int(dict, key, &slot->code);
		slot->tag = (uint64) key;
	}
	*code = slot->code;
	return status;
}

/* Length, first and last eight bytes: enough to tell recent keys apart; the bytes decide. */
static inline uint64
bm_weak_hash(const char *key, size_t len)
{
	uint64 head = 0, tail = 0;

	if (len >= 8)
	{
		memcpy(&head, key, 8);
		memcpy(&tail, key + len - 8, 8);
	}
	else
		memcpy(&head, key, len);
	return head ^ (tail * UINT64CONST(0xff51afd7ed558ccd)) ^ len << 56;
}

static inline bool
bm_is_key(const BmDictView *d, uint32_t code, const char *key, size_t len)
{
	return d->offset[code + 1] - d->offset[code] == len &&
		   memcmp(d->blob + d->offset[code], key, len) == 0;
}

static inline BmStatus
bm_recent_bytes(BmRecentKey *recent, BmDict *dict, const char *key, size_t len, uint32_t *code)
{
	uint64 tag = bm_weak_hash(key, len);
	BmRecentKey *slot = bm_recent_slot(recent, tag);
	BmStatus status = BM_OK;

	if (slot->tag != tag || slot->code == BM_NONE || !bm_is_key(&dict->view, slot->code, key, len))
	{
		status = bmc_dict_put_bytes(dict, key, len, &slot->code);
		slot->tag = tag;
	}
	*code = slot->code;
	return status;
}

#define BM_UUID_TEXT 36

/* The 36 characters of a uuid, as uuid_out writes them. */
static inline void
bm_uuid_text(char *out, const pg_uuid_t *uuid)
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[uuid->data[i] >> 4];
		*out++ = hex[uuid->data[i] & 15];
	}
}

#endif
