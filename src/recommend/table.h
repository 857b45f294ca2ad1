/*
 * table.h
 *		Recommendations for many users into a table, block by block: what behav_recommend_table does in one
 *		transaction and behav_refresh_table in many.
 */
#ifndef BM_TABLE_H
#define BM_TABLE_H

#include "recommend/request.h"

/* Users of a block: answered together, inserted by one statement. */
#define BM_BLOCK_USERS 1024

typedef struct BmTableJob
{
	BmRequest request;
	BmModel *model;
	BmSource *source;
	char *into; /* quoted */
	MemoryContext context;
	BmMem mem;
	BmWatch watch;
	BmPool *pool;
	const BmDictView *users; /* who is answered, in the order of their keys */
	/* Histories come from a reading of the whole source, or, without one, from the index, user by user. */
	BmLog *log;
	uint32_t *code;     /* (log items) the model's code, or BM_NONE */
	int behaviour[256]; /* the model's code of a behaviour of the log, or -1 */
	/* one block of users */
	uint32_t *item, *found; /* (block, k), (block) */
	float *score;           /* (block, k) */
	BmHistory *h;           /* (block) */
	int64 rows;
} BmTableJob;

/*
 * Arguments 2 on of both: k, exclude, filter, exclude_items, max_per, diversity, rules. The model's source
 * must be there: 55000.
 */
extern void bm_table_begin(BmTableJob *job, BmModel *model, FunctionCallInfo fcinfo);
/* The table by name: found and checked, or made. */
extern void bm_table_prepare(BmTableJob *job, const char *into);
/* Read the source: everybody of it is answered. */
extern void bm_table_read(BmTableJob *job);
/* Threads and memory for the blocks. */
extern void bm_table_open(BmTableJob *job);
/* Answer users first .. first + n - 1, n <= BM_BLOCK_USERS, and insert; replace: delete theirs before. */
extern void bm_table_block(BmTableJob *job, size_t first, size_t n, bool replace);
/* Keys of users first .. first + n - 1 as text[]. */
extern Datum bm_table_users(const BmTableJob *job, size_t first, size_t n);

#endif
