/*
 * cache.c
 *		The models that this backend serves, bound once and found again without a query.
 *
 * An entry belongs to a role and a name, for rights are checked where it is made. A deploy, a
 * rollback, a grant, a drop or another registration of a source sends a relcache invalidation of
 * behavmine.deployment (also to standbys, and also when it is rolled back here), a change of
 * memberships one of the role cache: then every entry is made anew at its next use, which costs about
 * a millisecond. A change of a table of events does so to the entries that read it.
 */
#include "pg/pg.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "lib/ilist.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "model/cache_file.h"
#include "model/encoder.h"
#include "model/panel.h"
#include "model/query.h"

typedef struct CacheEntry
{
	dlist_node node;
	Oid role;
	uint64 generation; /* of cache_generation, when it was looked up */
	BmMapping mapping;
	BmModel *model;
	char name[FLEXIBLE_ARRAY_MEMBER]; /* as asked for; "" for the only deployed model */
} CacheEntry;

static dlist_head entries = DLIST_STATIC_INIT(entries);
static dlist_head retired = DLIST_STATIC_INIT(retired); /* freed when the transaction ends */
static uint64 cache_generation = 1;
static Oid deployment_relid = InvalidOid;
static bool registered;

static void
relation_changed(Datum arg, Oid relid)
{
	dlist_iter it;

	if (relid == InvalidOid || relid == deployment_relid)
		cache_generation++;
	else
		dlist_foreach(it, &entries)
		{
			CacheEntry *e = dlist_container(CacheEntry, node, it.cur);

			if (e->model->source_relid == relid)
				e->generation = 0;
		}
}

static void
memberships_changed(Datum arg, int cacheid, uint32 hash)
{
	cache_generation++;
}

static void
free_entry(CacheEntry *e)
{
	bm_cache_unmap(&e->mapping);
	if (e->model)
		MemoryContextDelete(e->model->context);
	pfree(e);
}

/* Answers that were built from a retired entry have left by now. */
static void
transaction_ended(XactEvent event, void *arg)
{
	dlist_mutable_iter it;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PARALLEL_COMMIT && event != XACT_EVENT_PARALLEL_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	dlist_foreach_modify(it, &retired)
	{
		CacheEntry *e = dlist_container(CacheEntry, node, it.cur);

		dlist_delete(&e->node);
		free_entry(e);
	}
}

static void
register_callbacks(void)
{
	Oid schema = get_namespace_oid("behavmine", true);

	deployment_relid = OidIsValid(schema) ? get_relname_relid("deployment", schema) : InvalidOid;
	if (registered)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, memberships_changed, (Datum) 0);
	RegisterXactCallback(transaction_ended, NULL);
	registered = true;
}

static CacheEntry *
find_entry(const char *name, Oid role)
{
	dlist_iter it;

	dlist_foreach(it, &entries)
	{
		CacheEntry *e = dlist_container(CacheEntry, node, it.cur);

		if (e->role == role && strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

static void
retire(CacheEntry *e)
{
	dlist_delete(&e->node);
	dlist_push_tail(&retired, &e->node);
}

/* The name of the only model that is deployed and that this role may use. */
static char *
only_deployed(void)
{
	MemoryContext context = CurrentMemoryContext;
	char *name = NULL;
	uint64 n;

	SPI_connect();
	n = bm_read("SELECT m.name FROM behavmine.model m WHERE m.task = 'recommend' AND EXISTS "
				"(SELECT 1 FROM behavmine.deployment d WHERE d.model_id = m.model_id "
				"AND d.undone_at IS NULL) ORDER BY 1 LIMIT 2",
				0, NULL);
	if (n > 0)
		name = bm_row_text(0, 1, context);
	SPI_finish();
	if (n == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("no model is deployed that you may use"),
						errhint("Train one: SELECT * FROM behav_train('<source>').")));
	if (n > 1)
		ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_PARAMETER), errmsg("several models are deployed"),
						errhint("Name one: model => %s, or SET behavmine.default_model = %s.",
								quote_literal_cstr(name), quote_literal_cstr(name))));
	return name;
}

/* The item dictionary and tensors in the backend's own memory, where no file can be written. */
static void
load_privately(CacheEntry *e, const BmTensors *tensors, const BmDict *items)
{
	e->mapping.tensors = palloc(sizeof(BmTensors));
	memcpy(e->mapping.tensors, tensors, sizeof(BmTensors));
	e->mapping.items = items->view;
}

/* Tensors and items of v: from the file, else from the tables, which makes the file. */
static void
fetch(CacheEntry *e, const BmVersion *v, MemoryContext context)
{
	MemoryContext scratch;
	BmTensors *tensors;
	BmDict items;
	BmMem *mem;

	if (bm_cache_map(v, &e->mapping))
		return;
	bm_cache_lock(v);
	if (bm_cache_map(v, &e->mapping)) /* made while we waited */
	{
		bm_cache_unlock(v);
		return;
	}
	scratch = AllocSetContextCreate(context, "behavmine loading", ALLOCSET_DEFAULT_SIZES);
	mem = MemoryContextAlloc(scratch, sizeof(BmMem));
	bm_mem_init(mem, scratch);
	tensors = MemoryContextAllocZero(scratch, sizeof(BmTensors));
	bm_version_tensors(v, tensors, &items, mem);
	bm_panel_derive(tensors, v, mem);
	if (bm_cache_write(v, tensors, &items.view) && bm_cache_map(v, &e->mapping))
		MemoryContextDelete(scratch);
	else
		load_privately(e, tensors, &items);
	bm_cache_unlock(v);
}

/* Bind version v for role under name; on an error nothing is left. */
static CacheEntry *
make_entry(const char *name, Oid role, const char *model_name)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine model", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CacheEntry *e = palloc0(offsetof(CacheEntry, name) + strlen(name) + 1);
	CacheEntry *kept =
		MemoryContextAlloc(CacheMemoryContext, offsetof(CacheEntry, name) + strlen(name) + 1);

	PG_TRY();
	{
		e->role = role;
		e->generation = cache_generation;
		strcpy(e->name, name);
		e->model = palloc0(sizeof(BmModel));
		e->model->context = context;
		e->model->version = bm_version_load(model_name, 0);
		fetch(e, e->model->version, context);
		e->model->items = e->mapping.items;
		e->model->mapping = e->mapping.base;
		e->model->mapping_bytes = e->mapping.bytes;
		bm_model_bind(e->model, e->mapping.tensors);
	}
	PG_CATCH();
	{
		bm_cache_unmap(&e->mapping);
		pfree(kept);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, CacheMemoryContext);
	memcpy(kept, e, offsetof(CacheEntry, name) + strlen(name) + 1);
	dlist_push_head(&entries, &kept->node);
	return kept;
}

/*
 * What is deployed is looked up as the catalogue is: as of now, at every call, whatever the snapshot of
 * the transaction. An entry made with an older snapshot would outlive it, for its invalidation has come
 * already. The leader of a parallel query may take no new snapshot: it makes the entry anew each time.
 */
BmModel *
bm_model_deployed(const char *name)
{
	Oid role = GetUserId();
	const char *asked = name && *name ? name : bm_default_model ? bm_default_model : "";
	bool latest = !IsInParallelMode();
	uint64 generation;
	CacheEntry *e;

	AcceptInvalidationMessages();
	e = find_entry(asked, role);
	if (e && e->generation == cache_generation)
		return e->model;
	register_callbacks();
	generation = cache_generation;
	if (latest)
		PushActiveSnapshot(GetLatestSnapshot());
	name = *asked ? asked : only_deployed();
	if (e)
		retire(e);
	e = make_entry(asked, role, name);
	if (latest)
		PopActiveSnapshot();
	e->generation = latest ? generation : 0;
	return e->model;
}
