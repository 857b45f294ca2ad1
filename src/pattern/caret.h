/*
 * caret.h
 *		Errors in patterns, with a caret under the place.
 */
#ifndef BM_PATTERN_CARET_H
#define BM_PATTERN_CARET_H

#include "pg/pg.h"
#include "core/mine/pattern_error.h"

/*
 * 42601 for what is no pattern, 22023 for what cannot be. hint: for a name that does not exist, or
 * NULL. Does not return.
 */
extern void bm_raise_pattern(const char *text, size_t len, const BmPatternError *error,
							 const char *hint) pg_attribute_noreturn();

#endif
