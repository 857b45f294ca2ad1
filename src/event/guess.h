/*
 * guess.h
 *		Guessing which column of a table is the user, the item, the time, and so on.
 */
#ifndef BM_GUESS_H
#define BM_GUESS_H

#include "event/source.h"

typedef enum BmRole
{
	BM_ROLE_USER,
	BM_ROLE_ITEM,
	BM_ROLE_TS,
	BM_ROLE_EVENT,
	BM_ROLE_VALUE,
	BM_ROLE_QUANTITY,
	BM_ROLE_SESSION,
	BM_ROLES
} BmRole;

typedef struct BmColumns
{
	char *name[BM_ROLES]; /* NULL: none */
	bool guessed[BM_ROLES];
} BmColumns;

/* The SQL argument that names a role's column. */
extern const char *bm_role_argument(BmRole role);
/*
 * Fill what is NULL in columns from the relation's names and types; no column serves two roles.
 * 42703 listing the columns when user, item or time is not to be found.
 */
extern void bm_guess_columns(BmColumns *columns, Oid relid);
/* The relation's column whose squeezed name (lower case letters and digits) is word, or NULL. */
extern char *bm_column_like(Oid relid, const char *word);

#endif
