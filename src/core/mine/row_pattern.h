/*
 * row_pattern.h
 *		Row patterns, a subset of SQL's MATCH_RECOGNIZE, compiled to a program for row_match.h.
 *
 *		A  "a name"              a row for which the condition of this name holds
 *		P Q      P | Q           one after the other; either, the left one preferred
 *		(P)      ()              group; no row
 *		* + ? {n} {n,} {,m} {n,m}   as often as possible; with ? behind it, as seldom as possible
 *		^  $                     before the first row; behind the last row
 *		PERMUTE(P, Q, ...)       every order of up to six, as alternatives in the order of the list
 *
 * Names are letters, digits and underscores, told apart by case. P{2,4} is P P (P (P)?)?, and a
 * repetition without an upper end does not go round again without having taken a row.
 */
#ifndef BM_ROW_PATTERN_H
#define BM_ROW_PATTERN_H

#include "core/mine/sequence_pattern.h"
#include "core/num/mem.h"

#define BM_MAX_ROW_PROGRAM 16384 /* symbols and choices with repetitions written out */
#define BM_MAX_PERMUTE 6
#define BM_MAX_ROW_NESTING 100

typedef enum BmRowOp
{
	BM_ROW_SYMBOL, /* take a row of condition symbol, go to next */
	BM_ROW_CHOICE, /* go to next; else to other */
	BM_ROW_FIRST,  /* go to next if no row lies before */
	BM_ROW_LAST,   /* go to next if no row lies behind */
	BM_ROW_MATCH,
	BM_ROW_NOWHERE /* no way on: a round of a repetition that took no row */
} BmRowOp;

typedef struct BmRowStep
{
	uint8_t op;
	uint8_t symbol; /* condition, from 0 */
	uint32_t next, other;
} BmRowStep;

typedef struct BmRowProgram
{
	BmRowStep *step; /* (n); from the BmMem of bmc_row_parse */
	uint32_t n, entry;
	uint64_t begins; /* bits of the conditions of which a match's first row has one */
} BmRowProgram;

/* The conditions' names: condition i is name[i], of len[i] bytes. At most 64. */
typedef struct BmRowNames
{
	const char *const *name;
	const size_t *len;
	int n;
} BmRowNames;

/* Compile; bmc_row_free afterwards. BM_OK; BM_EINVAL and *error; BM_ENOMEM. */
extern BmStatus bmc_row_parse(BmRowProgram *program, const char *text, size_t len,
							  const BmRowNames *names, BmMem *mem, BmPatternError *error);
extern void bmc_row_free(BmRowProgram *program, BmMem *mem);

#endif
