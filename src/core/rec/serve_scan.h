/*
 * serve_scan.h
 *		The k best of a model whose score is a product, without its scores: what serve.c takes where nothing
 *		asks for all scores of the catalogue.
 */
#ifndef BM_SERVE_SCAN_H
#define BM_SERVE_SCAN_H

#include "core/rec/serve.h"

#define BM_SCAN_NOT UINT32_MAX /* in found: the scores are needed for this history */

/* The model has states, and no boost looks at the lowest score. */
extern bool bmc_scan_applies(const BmServe *serve);

extern size_t bmc_scan_bytes(const BmServe *serve);
/* As bmc_serve, for a history with events. False: the answer depends on the scores of all items. */
extern bool bmc_scan(uint32_t *item, float *score, size_t *found, const BmServe *serve,
					 const BmHistory *h, void *scratch, bool fast_blas);

/* What may come out of any scan (nitems bits): allowed, and scored by its product. Returns how many. */
extern size_t bmc_scan_keep(uint64_t *keep, const BmServe *serve);
/* Histories of one task of a bulk, and their scratch. */
extern size_t bmc_scan_block(const BmServe *serve);
extern size_t bmc_scan_many_bytes(const BmServe *serve, size_t block);
/*
 * The same for n <= block histories: states times tiles of items, each tile offered to the heaps while it
 * is in the cache. item, score (n, k); found (n), BM_SCAN_NOT where bmc_scan would say false or the history
 * has no event.
 */
extern void bmc_scan_many(uint32_t *item, float *score, uint32_t *found, const BmServe *serve,
						  const uint64_t *keep, const BmHistory *h, size_t n, void *scratch);

#endif
