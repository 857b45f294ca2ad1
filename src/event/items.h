/*
 * items.h
 *		The table of items that a source names: which column is the item, and SQL over it.
 */
#ifndef BM_ITEMS_H
#define BM_ITEMS_H

#include "event/source.h"

typedef struct BmItems
{
	char *relation; /* schema-qualified and quoted, as text */
	char *key;      /* column, unquoted */
	Oid relid;      /* resolved now, never stored */
	Oid key_type;   /* a domain's base type */
	bool key_int;   /* smallint, integer or bigint */
} BmItems;

/*
 * The source's table of items, in the current context: NULL when it has none. The key is the option
 * "items_key", else the column of the source's item_id's name, else the only column of the primary key,
 * else "id". 42P01 when the relation has gone, 42703 when no such column can be found.
 */
extern BmItems *bm_items(const BmSource *s);
/* The key for a SELECT list: bigint or text. */
extern char *bm_items_key_expr(const BmItems *items);
/* A column of the table of items, quoted; 42703 with the nearest name. what names the argument. */
extern const char *bm_items_column(const BmItems *items, const char *column, const char *what);

#endif
