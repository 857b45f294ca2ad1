/*
 * safetensors.h
 *		The file format of behav_export and behav_import: safetensors, as of huggingface/safetensors.
 *
 * 8 bytes little-endian length of a JSON header, the header, then the arrays without gaps. The header
 * maps each name to {"dtype", "shape", "data_offsets"}; "__metadata__" maps texts to texts. Ours holds
 * under "version" what a row of behavmine.version says, as JSON, and under "crc32c" the checksum of
 * the arrays. Beside the tensors stand the item dictionary ("item.key", or "item.offset" and
 * "item.blob" where keys are texts) and its counts ("item.count").
 */
#ifndef BM_SAFETENSORS_H
#define BM_SAFETENSORS_H

#include "core/num/tensor.h"
#include "model/registry.h"

#define BM_FILE_FORMAT 1
#define BM_FILE_ENTRIES (BM_MAX_TENSORS + 4)

typedef struct BmFileEntry
{
	char name[BM_TENSOR_NAME];
	char dtype[8]; /* "F32", "I32", "I64", "U8" */
	int ndim;
	size_t shape[BM_MAX_DIMS];
	const void *data;
	size_t bytes;
} BmFileEntry;

typedef struct BmFile
{
	int n;
	BmFileEntry entry[BM_FILE_ENTRIES];
	char *metadata; /* JSON object of the version's row */
} BmFile;

extern size_t bm_file_width(const char *dtype); /* bytes of an element; 0 for an unknown type */
/* Entries are put in order: wide elements first, so that all are aligned, then by name. */
extern bytea *bm_file_write(BmFile *file);
/* Everything is checked; entries point into data. 22023 says what is wrong with it. */
extern BmFile *bm_file_read(const char *data, size_t size);
extern const BmFileEntry *bm_file_find(const BmFile *file, const char *name, const char *dtype,
									   int ndim);

#endif
