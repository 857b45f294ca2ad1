/*
 * dict.h
 *		Dictionaries: keys (64-bit integers, or byte strings such as text and uuid) to dense codes.
 *
 * Built once by hashing while events stream in, then put into canonical order (so codes do not
 * depend on the order of arrival), then read through a flat view that can live in a mapped file.
 */
#ifndef BM_DICT_H
#define BM_DICT_H

#include "core/num/mem.h"

typedef enum BmKeyKind
{
	BM_KEY_INT = 1,  /* smallint, integer, bigint */
	BM_KEY_BYTES = 2 /* text and everything that is compared as its text output */
} BmKeyKind;

/* Read-only, position independent: every array may point into a mapped file. */
typedef struct BmDictView
{
	BmKeyKind kind;
	uint32_t n;             /* codes 0..n-1 */
	uint32_t nslots;        /* a power of two, > n */
	const uint32_t *slot;   /* (nslots) code, or BM_NONE */
	const int64_t *key;     /* (n) BM_KEY_INT */
	const uint64_t *offset; /* (n+1) BM_KEY_BYTES: key c is blob[offset[c] .. offset[c+1]) */
	const char *blob;
} BmDictView;

extern uint32_t bmc_dict_find_int(const BmDictView *d, int64_t key); /* BM_NONE if absent */
extern uint32_t bmc_dict_find_bytes(const BmDictView *d, const char *key, size_t len);
/* Check a view read from a file: slots in range, every code in exactly one slot, offsets rising. */
extern bool bmc_dict_valid(const BmDictView *d, size_t blob_size);

typedef struct BmDict
{
	BmDictView view; /* points into the arrays below; refreshed by every put */
	BmMem *mem;
	uint32_t *slot;
	int64_t *key;
	uint64_t *offset;
	char *blob;
	size_t capacity;      /* keys */
	size_t blob_capacity; /* bytes */
} BmDict;

extern BmStatus bmc_dict_init(BmDict *d, BmKeyKind kind, BmMem *mem);
/* The key's code, added if new. BM_ELIMIT at 2^31 - 2 codes. */
extern BmStatus bmc_dict_put_int(BmDict *d, int64_t key, uint32_t *code);
extern BmStatus bmc_dict_put_bytes(BmDict *d, const char *key, size_t len, uint32_t *code);
/*
 * Renumber: codes by count (n), most first, ties by key (signed order, or memcmp); codes with keep
 * false are dropped. new_code (n) gets the new code or BM_NONE. count and keep may be NULL (all
 * equal; keep all).
 */
extern BmStatus bmc_dict_order(BmDict *d, const uint32_t *count, const bool *keep,
							   uint32_t *new_code);
extern void bmc_dict_free(BmDict *d);

#endif
