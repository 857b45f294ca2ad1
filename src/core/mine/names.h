/*
 * names.h
 *		A set of names inside an aggregate state: byte strings to codes 0, 1, ... in a block of 64-bit
 *		words that can be copied, sent and stored as it is.
 *
 * Bytes are packed into words from the lowest up, so a block means the same on machines of either byte
 * order once its words have been converted. Layout: count, slots, words of text; the slots of a hash table
 * (upper half of the hash, code + 1; 0 is empty; at most half are used); where each name begins; the
 * names, each its length and its bytes, padded with zeros.
 */
#ifndef BM_NAMES_H
#define BM_NAMES_H

#include "core/num/status.h"

#define BM_NAMES_HEAD 3
#define BM_NAMES_FEWEST 8   /* slots */
#define BM_MAX_NAME 0xffffU /* bytes of a name */
#define BM_MAX_NAMES 0x3fffffffU

/* Words of a block with so many slots (a power of two) and words of text; the least block. */
static inline size_t
bmc_names_words(size_t nslots, size_t text)
{
	return BM_NAMES_HEAD + nslots + nslots / 2 + text;
}

#define BM_NAMES_FIRST 31 /* bmc_names_words(8, 16): four short names */

static inline uint32_t
bmc_names_count(const uint64_t *block)
{
	return (uint32_t) block[0];
}

/* An empty block of words >= bmc_names_words(nslots, 0). */
extern void bmc_names_init(uint64_t *block, size_t words, size_t nslots);
/*
 * The name's code, added if it is new. BM_MORE: the block of words is full, nothing is changed; copy
 * it into one of bmc_names_larger. BM_ELIMIT: a name too long, or too many.
 */
extern BmStatus bmc_names_put(uint64_t *block, size_t words, const char *name, size_t len,
							  uint32_t *code);
/* Words, and slots, of a block that has room for all of it twice over, and one more name of len bytes. */
extern size_t bmc_names_larger(size_t *nslots, const uint64_t *block, size_t len);
/* Words, and slots, of the least block that holds the names of this one. */
extern size_t bmc_names_least(size_t *nslots, const uint64_t *block);
/* All names of from into a block just initialised, order[i] as code i (NULL: as they are). */
extern BmStatus bmc_names_copy(uint64_t *to, size_t words, const uint64_t *from,
							   const uint32_t *order);
/* Codes in the order of names (memcmp, a prefix first) into order (count); scratch (count). */
typedef struct BmNameRank
{
	const uint64_t *name;
	uint32_t code;
} BmNameRank;
extern void bmc_names_order(uint32_t *order, const uint64_t *block, BmNameRank *scratch);
/* Are codes in the order of names already? */
extern bool bmc_names_ordered(const uint64_t *block);
extern size_t bmc_name_length(const uint64_t *block, uint32_t code);
/* The name's bytes into out (its length; not terminated). */
extern void bmc_name_bytes(char *out, const uint64_t *block, uint32_t code);
/* Is a block of words from anywhere what bmc_names_put makes? Everything else trusts it. */
extern bool bmc_names_valid(const uint64_t *block, size_t words);

#endif
