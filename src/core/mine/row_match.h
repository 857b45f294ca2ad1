/*
 * row_match.h
 *		Matches of a row pattern in the rows of one group, as SQL's MATCH_RECOGNIZE finds them.
 *
 * Rows are entries (time, conditions) as in sequence_match.h, but every row counts. A match begins as
 * early as possible, and among those that begin there it is the one that the pattern prefers. Matches
 * that take no row are passed over.
 */
#ifndef BM_ROW_MATCH_H
#define BM_ROW_MATCH_H

#include "core/mine/row_pattern.h"

typedef struct BmRowSearch BmRowSearch;

typedef struct BmRowMatch
{
	size_t first, n;        /* rows first .. first + n - 1; n = 0: there is no more match */
	const uint8_t *symbols; /* (n) the condition that each row stands for; until the next call */
} BmRowMatch;

/*
 * program and rows must stay. within: microseconds from a match's first row to its last, UINT64_MAX
 * for any. overlap: the next match may begin one row after the last one began, else behind its end.
 * NULL when there is no memory.
 */
extern BmRowSearch *bmc_row_search(const BmRowProgram *program, const uint64_t *rows, size_t n,
								   uint64_t within, bool overlap, BmMem *mem, const BmStop *stop);
/*
 * The next match. O(rows * steps) from one match to the next, and as much for each row that could
 * begin one where there is a limit on its time (then over the rows within it). BM_OK, BM_ENOMEM, BM_ESTOP.
 */
extern BmStatus bmc_row_next(BmRowSearch *s, BmRowMatch *match);
extern void bmc_row_search_free(BmRowSearch *s); /* NULL is fine */

#endif
