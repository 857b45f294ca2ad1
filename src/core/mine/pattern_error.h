/*
 * pattern_error.h
 *		What is wrong with a pattern given as text, and where: for a caret under it.
 */
#ifndef BM_PATTERN_ERROR_H
#define BM_PATTERN_ERROR_H

#include "core/num/status.h"

typedef enum BmPatternFault
{
	BM_PATTERN_SYNTAX, /* the text is no pattern */
	BM_PATTERN_NAME,   /* it names a condition that does not exist */
	BM_PATTERN_RANGE   /* a number or the size is out of range */
} BmPatternFault;

typedef struct BmPatternError
{
	BmPatternFault fault;
	size_t at;        /* byte of the text, 0-based; its length = the end */
	const char *what; /* "expected a condition number": no capital, no full stop */
} BmPatternError;

/* Tell a fault at byte at of the text; a parser ends with what this returns. */
static inline BmStatus
bmc_pattern_fault(BmPatternError *error, BmPatternFault fault, size_t at, const char *what)
{
	error->fault = fault;
	error->at = at;
	error->what = what;
	return BM_EINVAL;
}

#endif
