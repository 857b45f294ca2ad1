/*
 * next_node.h
 *		What came next: the text of the row after a run of rows, as ClickHouse's sequenceNextNode.
 *
 * A row is one or more entries of eight words, as many as its text needs:
 *		time; conditions as in sequence_pattern.h; hash of the text;
 *		base << 63 | null << 62 | bytes << 32 | number of the entry; 32 bytes of the text, the first
 *		one lowest.
 * In the order of entries.h the entries of a row lie together, except that those of equal rows are
 * mixed: first all first ones, then all second ones.
 */
#ifndef BM_NEXT_NODE_H
#define BM_NEXT_NODE_H

#include "core/mine/sequence_pattern.h"
#include "core/num/mem.h"

#define BM_NODE_WORDS 8
#define BM_NODE_BYTES 32
#define BM_MAX_NODE_TEXT 0x3fffffff

typedef enum BmNodeDirection
{
	BM_NODE_FORWARD,
	BM_NODE_BACKWARD
} BmNodeDirection;

/* Where the run begins; in each case the row must be one that can be a base. */
typedef enum BmNodeBase
{
	BM_NODE_HEAD,        /* the first row */
	BM_NODE_TAIL,        /* the last row */
	BM_NODE_FIRST_MATCH, /* the first of those that fulfil the first condition */
	BM_NODE_LAST_MATCH   /* the last of them */
} BmNodeBase;

/* The question: rows from the base on, in this direction, fulfil conditions 1..n one after the other. */
typedef struct BmNodeQuestion
{
	BmNodeDirection direction;
	BmNodeBase base;
	int n;
} BmNodeQuestion;

typedef struct BmNodeRow
{
	size_t entry;    /* its first */
	uint32_t stride; /* to its next */
	bool can_be_base;
} BmNodeRow;

/* Entries that a text of len bytes needs. */
extern size_t bmc_node_entries(size_t len);
/* Write entry number i of a row; text NULL for none. */
extern void bmc_node_entry(uint64_t *entry, int64_t time, uint64_t conditions, bool can_be_base,
						   const char *text, size_t len, uint64_t hash, size_t i);
/*
 * Rows of n sorted entries, *row of *nrows from mem. BM_OK, BM_ENOMEM, BM_ESTOP; BM_EINVAL when the
 * entries are no rows.
 */
extern BmStatus bmc_node_rows(BmNodeRow **row, size_t *nrows, const uint64_t *entries, size_t n,
							  BmMem *mem, const BmStop *stop);
/* The row that answers the question, or nrows. */
extern size_t bmc_next_node(const BmNodeQuestion *q, const uint64_t *entries, const BmNodeRow *row,
							size_t nrows);
/* Of n entries, *from .. *to-1 hold all rows that can still matter, whatever rows are added. */
extern void bmc_node_keep(size_t *from, size_t *to, const BmNodeQuestion *q,
						  const uint64_t *entries, size_t n, const BmNodeRow *row, size_t nrows);
/* Bytes of a row's text, SIZE_MAX for none; and the bytes themselves. */
extern size_t bmc_node_text_length(const uint64_t *entries, const BmNodeRow *row);
extern void bmc_node_text(char *text, const uint64_t *entries, const BmNodeRow *row);

#endif
