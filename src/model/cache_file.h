/*
 * cache_file.h
 *		A version's tensors and item dictionary in one file that every backend maps read-only.
 *
 * The file is derived: it lives in the server's temporary area, carries the version's fingerprint and
 * a checksum of its own, and is written again from the tables whenever it is missing or wrong.
 */
#ifndef BM_CACHE_FILE_H
#define BM_CACHE_FILE_H

#include "model/registry.h"

typedef struct BmMapping
{
	void *base;
	size_t bytes;
	BmTensors *tensors; /* palloc'd; the data point into the file */
	BmDictView items;
} BmMapping;

/* Map v's file; false when there is none that is whole and carries v's fingerprint. */
extern bool bm_cache_map(const BmVersion *v, BmMapping *mapping);
/*
 * Write v's file, and remove those of the model's other versions. False when the disk refuses (the
 * caller then keeps its own copy in memory); a DEBUG1 line says why.
 */
extern bool bm_cache_write(const BmVersion *v, const BmTensors *tensors, const BmDictView *items);
extern void bm_cache_unmap(BmMapping *mapping);
/*
 * One backend at a time makes v's file: without this, many that miss it together would each load the
 * weights from the tables, and all but the last would keep a copy of their own. Can be cancelled while it
 * waits; an error releases it.
 */
extern void bm_cache_lock(const BmVersion *v);
extern void bm_cache_unlock(const BmVersion *v);

#endif
