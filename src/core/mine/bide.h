/*
 * bide.h
 *		Backward extensions of a pattern of single items: the checks of BIDE (Wang and Han 2004).
 */
#ifndef BM_BIDE_H
#define BM_BIDE_H

#include "core/mine/pattern.h"

/* Sequences whose periods are kept while the places of one pattern are looked at. */
#define BM_BIDE_CACHED 16

typedef struct BmBide
{
	const BmPatternDb *db;
	BmMem *mem;
	uint32_t *stamp;     /* (nitems) */
	uint32_t *candidate; /* (nitems) */
	uint32_t *bound;     /* (BM_BIDE_CACHED + 1, 2, longest) */
	uint32_t now;
} BmBide;

extern BmStatus bmc_bide_init(BmBide *b, const BmPatternDb *db, BmMem *mem);
extern void bmc_bide_free(BmBide *b);
/*
 * Is there a place before one of the pattern's items where all n sequences seq, those that contain
 * it, have room for one and the same further item? Then it is not closed. Also adds to *work the
 * items that were looked at.
 */
extern bool bmc_bide_extensible(BmBide *b, const uint32_t *token, uint32_t length,
								const uint32_t *seq, uint32_t n, double *work);
/* BackScan: the same before its first occurrence is complete; then nothing that begins with it is closed. */
extern bool bmc_bide_prunable(BmBide *b, const uint32_t *token, uint32_t length,
							  const uint32_t *seq, uint32_t n, double *work);

#endif
