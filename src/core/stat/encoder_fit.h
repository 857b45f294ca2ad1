/*
 * encoder_fit.h
 *		A fit of one column in progress, as the files of fitting share it.
 */
#ifndef BM_ENCODER_FIT_H
#define BM_ENCODER_FIT_H

#include "core/stat/encoder_column.h"

#define BM_FIT_POLL 65536 /* rows between two questions to stop */

/* A fit of one column. */
typedef struct BmColumnFit
{
	BmRowEncoder *e;
	const BmFrame *f;
	const BmColumnSpec *spec; /* of the column */
	BmEncoderFit *in;
	size_t j;
	BmEncoderColumn *c;
	const BmColumn *column;
	BmMem *mem;
	double *value;   /* (nrows) of numbers: NaN where missing, later filled and clipped */
	double *scratch; /* (nrows) */
} BmColumnFit;

/* Between blocks of rows: is it time to give up? */
static inline bool
bmc_fit_stopped(const BmColumnFit *t, size_t i)
{
	return i % BM_FIT_POLL == 0 && bmc_stop(t->in->stop);
}

static inline size_t
bmc_fit_row(const BmColumnFit *t, size_t i)
{
	return t->in->rows ? t->in->rows[i] : i;
}

/* BM_EINVAL, with a sentence on what does not fit. */
extern BmStatus bmc_fit_refuse(const BmColumnFit *t, const char *what);
/*
 * From t->value (n), NaN where missing: fill, fences, centre and scale. A column of one value is
 * no feature; whether it was missing may still be one.
 */
extern BmStatus bmc_fit_values(BmColumnFit *t, size_t n);
/* Is there a flag, and is there anything left? */
extern void bmc_fit_flag(BmColumnFit *t);
/* A column of keys, whose options were made definite. */
extern BmStatus bmc_fit_key(BmColumnFit *t);

#endif
