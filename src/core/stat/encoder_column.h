/*
 * encoder_column.h
 *		What fitting, applying and storing an encoder have in common.
 */
#ifndef BM_ENCODER_COLUMN_H
#define BM_ENCODER_COLUMN_H

#include "core/num/rng.h"
#include "core/stat/row_encoder.h"

#define BM_CYCLES 4 /* cyclic parts of a time, the bits below BM_PART_TREND */

static inline int
bmc_parts_width(uint32_t parts)
{
	int width = (parts & BM_PART_TREND) != 0;

	for (int p = 0; p < BM_CYCLES; p++)
		width += parts >> p & 1 ? 2 : 0;
	return width;
}

/* Numbers of a target encoding of this column: one a class where there are more than two. */
static inline bool
bmc_is_key_number(const BmEncoderColumn *c)
{
	return c->encode == BM_ENCODE_ORDINAL || c->encode == BM_ENCODE_TARGET;
}

/* Fold of a training row. */
static inline uint32_t
bmc_fold(const BmRowEncoder *e, size_t row)
{
	return (uint32_t) (bmc_mix64(e->seed ^ bmc_mix64(row)) % e->folds);
}

/* The category of a frame's code for each code of d, K where the encoder does not know it. */
static inline uint32_t
bmc_category(const BmEncoderColumn *c, const BmDictView *d, uint32_t code)
{
	uint32_t found = d->kind == BM_KEY_INT
						 ? bmc_dict_find_int(&c->keys.view, d->key[code])
						 : bmc_dict_find_bytes(&c->keys.view, d->blob + d->offset[code],
											   (size_t) (d->offset[code + 1] - d->offset[code]));

	return found == BM_NONE ? c->ncategories : found;
}

/* Where a bucket is and its sign, of a key; the same on every machine. */
extern uint64_t bmc_hash_int(int64_t key);
extern uint64_t bmc_hash_bytes(const char *key, size_t len);

/* On the line through a column's knots; beyond them the nearest one's value, c->fill for NaN. */
extern double bmc_interpolate(const BmEncoderColumn *c, double at);

/* Fractions of their cycle of hour, weekday, day of month and month. */
extern void bmc_time_parts(double part[BM_CYCLES], int64_t time);

/* Set first, width and code of all columns, and width, ncodes and cardinality of e. BM_ELIMIT. */
extern BmStatus bmc_encoder_layout(BmRowEncoder *e);
/* e with ncolumns empty columns. */
extern BmStatus bmc_encoder_init(BmRowEncoder *e, size_t ncolumns, BmMem *mem);

#endif
