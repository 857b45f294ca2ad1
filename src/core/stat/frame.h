/*
 * frame.h
 *		Columns of the rows of any table: numbers, booleans, keys as dictionary codes, times, vectors.
 *
 * What is missing (an SQL NULL, a number that is not finite) has a value of its own in each kind of
 * column, so there is no mask: NaN, BM_BOOL_MISSING, BM_NONE, BM_TIME_MISSING, NaN in component 0.
 */
#ifndef BM_FRAME_H
#define BM_FRAME_H

#include <math.h>

#include "core/num/dict.h"

/* Written into stored encoders: never renumber, never reuse. */
typedef enum BmColumnKind
{
	BM_COLUMN_NUMBER = 1,
	BM_COLUMN_BOOL = 2,
	BM_COLUMN_KEY = 3, /* text, enum, uuid, and whatever is asked for as a category */
	BM_COLUMN_TIME = 4,
	BM_COLUMN_VECTOR = 5 /* real[] of one length */
} BmColumnKind;

#define BM_BOOL_MISSING 2
#define BM_TIME_MISSING INT64_MIN
#define BM_MAX_DIM 16384 /* components of a vector column */

typedef struct BmColumn
{
	const char *name;
	BmColumnKind kind;
	uint32_t dim;     /* components of a vector; else 1 */
	size_t missing;   /* rows without a value, nonfinite ones included */
	size_t nonfinite; /* rows with a NaN or an infinity: kept as missing */
	/* one of them, by kind */
	double *number;   /* (n) */
	uint8_t *boolean; /* (n) 0, 1, BM_BOOL_MISSING */
	uint32_t *code;   /* (n) < dict.view.n, or BM_NONE */
	int64_t *time;    /* (n) microseconds since 2000-01-01 00:00 of the wall clock */
	float *vector;    /* (n, dim) */
	BmDict dict;      /* of BM_COLUMN_KEY */
} BmColumn;

typedef struct BmFrame
{
	size_t n;        /* rows, < 2^32 */
	size_t capacity; /* rows that the columns have room for */
	size_t ncolumns;
	BmColumn *column; /* (ncolumns) */
	BmMem *mem;
} BmFrame;

static inline bool
bmc_missing(const BmColumn *c, size_t row)
{
	switch (c->kind)
	{
	case BM_COLUMN_NUMBER:
		return isnan(c->number[row]);
	case BM_COLUMN_BOOL:
		return c->boolean[row] == BM_BOOL_MISSING;
	case BM_COLUMN_KEY:
		return c->code[row] == BM_NONE;
	case BM_COLUMN_TIME:
		return c->time[row] == BM_TIME_MISSING;
	case BM_COLUMN_VECTOR:
		break;
	}
	return isnan(c->vector[row * c->dim]);
}

/*
 * Begin an empty frame of ncolumns whose name and kind the caller has set in column (the array stays
 * the caller's). A vector's dim may be 0 until its first value is known (bmc_frame_dim). key_int[j]
 * (may be NULL: none) says that the keys of column j are integers.
 */
extern BmStatus bmc_frame_init(BmFrame *f, BmColumn *column, size_t ncolumns, const bool *key_int,
							   BmMem *mem);
/* Room for one more row, at least; columns move. BM_ENOMEM, BM_ELIMIT at 2^32 - 1 rows. */
extern BmStatus bmc_frame_grow(BmFrame *f, size_t rows);
/* The first vector of column c is known to have dim components: the rows before it are missing. */
extern BmStatus bmc_frame_dim(BmFrame *f, BmColumn *c, uint32_t dim);
/*
 * Put the frame into canonical form: dictionaries by count and key, unused keys dropped; and where
 * rows is true the rows by a hash of what they hold. Equal tables make equal frames, in whatever
 * order and by however many workers their rows were read (but for a collision of 64-bit hashes:
 * 3e-8 in a million rows).
 */
extern BmStatus bmc_frame_canonical(BmFrame *f, bool rows, const BmStop *stop);
extern void bmc_frame_free(BmFrame *f);

#endif
