/*
 * items.c
 *		Looking up a source's table of items, at each use, by the names that are stored.
 */
#include "event/items.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "nodes/bitmapset.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

#include "pg/compat.h"

/* The only column of the primary key, or NULL. */
static char *
primary_key(Oid relid)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Bitmapset *columns = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	char *name = NULL;
	int member;

	if (bms_get_singleton_member(columns, &member))
		name = get_attname(relid, member + FirstLowInvalidHeapAttributeNumber, true);
	relation_close(rel, AccessShareLock);
	return name;
}

static bool
has_column(Oid relid, const char *column)
{
	return column && get_attnum(relid, column) > 0;
}

static char *
key_column(const BmSource *s, Oid relid)
{
	const char *named = s->options.items_key;
	char *primary;

	if (named)
		return has_column(relid, named) ? pstrdup(named) : NULL;
	if (has_column(relid, s->item_id))
		return pstrdup(s->item_id);
	primary = primary_key(relid);
	if (primary)
		return primary;
	return has_column(relid, "id") ? pstrdup("id") : NULL;
}

static void
no_key(const BmSource *s)
{
	if (s->options.items_key)
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of relation %s does not exist", s->options.items_key, s->items),
			 errdetail("It was given as the option \"items_key\" of source \"%s\".", s->name)));
	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_COLUMN),
		 errmsg("no column of relation %s is known to be the item", s->items),
		 errdetail("It has no column \"%s\", no primary key of one column and no column \"id\".",
				   s->item_id),
		 errhint("Name it when the source is registered: behav_source(%s, ..., options => "
				 "'{\"items_key\": \"my_column\"}').",
				 quote_literal_cstr(s->name))));
}

BmItems *
bm_items(const BmSource *s)
{
	BmItems *items;
	Oid relid;

	if (s->items == NULL)
		return NULL;
	relid = RangeVarGetRelid(makeRangeVarFromNameList(bm_qualified_name(s->items)), NoLock, true);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation %s does not exist", s->items),
				 errdetail("It is the table of items of source \"%s\".", s->name),
				 errhint("Register the source again with its present name: SELECT * FROM "
						 "behav_source(%s, ..., items => 'my_items').",
						 quote_literal_cstr(s->name))));
	items = palloc0(sizeof(BmItems));
	items->relation = pstrdup(s->items);
	items->relid = relid;
	items->key = key_column(s, relid);
	if (items->key == NULL)
		no_key(s);
	items->key_type = getBaseType(get_atttype(relid, get_attnum(relid, items->key)));
	items->key_int = bm_type_is_int(items->key_type);
	return items;
}

char *
bm_items_key_expr(const BmItems *items)
{
	return psprintf("%s::pg_catalog.%s", quote_identifier(items->key),
					items->key_int ? "int8" : "text");
}

const char *
bm_items_column(const BmItems *items, const char *column, const char *what)
{
	char **columns;
	const char *near;
	int n;

	if (has_column(items->relid, column))
		return quote_identifier(column);
	columns = bm_relation_columns(items->relid, &n);
	near = bm_nearest(column, (const char *const *) columns, n);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" of relation %s does not exist", column, items->relation),
					errdetail("It was given as \"%s\".", what),
					near ? errhint("Did you mean \"%s\"?", near) : 0));
	return NULL;
}
