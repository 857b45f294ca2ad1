/*
 * flat_names.h
 *		Flat states whose configuration is a block of names (core/mine/names.h) that grows with what is in
 *		the state.
 */
#ifndef BM_FLAT_NAMES_H
#define BM_FLAT_NAMES_H

#include "pg/flat.h"
#include "core/mine/names.h"

static inline uint64 *
bm_flat_names(BmFlat *s)
{
	return (uint64 *) bm_flat_config(s);
}

/* An empty state without names. */
extern BmFlat *bm_flat_new_names(const BmFlatKind *kind);
/* The code of a name, in *s or a larger copy of it. BM_ELIMIT: too long a name, or too many. */
extern BmStatus bm_flat_put_name(BmFlat **s, const BmFlatKind *kind, const char *name, size_t len,
								 uint32 *code);
/* An empty state of the same ignored rows with the names of s, order[i] as code i, in the least room. */
extern BmFlat *bm_flat_ordered_names(const BmFlat *s, const BmFlatKind *kind, const uint32 *order);
/* Order of the names of s, palloc'd. */
extern uint32 *bm_flat_names_order(const BmFlat *s);
/* What is wrong with the names of a state from outside, or NULL. */
extern const char *bm_flat_names_wrong(const BmFlat *s);

#endif
