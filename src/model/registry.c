/*
 * registry.c
 *		Models by name: who owns them, who may read them, who trains them now, dropping them.
 *
 * Everything runs under the caller's rights; row-level security on the tables shows a role the
 * models that it owns or was granted. A model that it may not see does not exist for it.
 */
#include "pg/pg.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "model/query.h"
#include "model/registry.h"

/* The server's own advisory locks have 1 or 2 in this field, so no user's key can meet ours. */
#define LOCK_CLASS 0x424D

static void
raise_no_model(const char *model)
{
	uint64 n = bm_read("SELECT name FROM behavmine.model ORDER BY name LIMIT 10000", 0, NULL);
	const char **names = palloc(sizeof(char *) * Max(n, 1));
	const char *nearest;

	for (uint64 i = 0; i < n; i++)
		names[i] = bm_row_text(i, 1, CurrentMemoryContext);
	nearest = bm_nearest(model, names, (int) n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", model),
			 errdetail("Role \"%s\" sees %llu %s.", GetUserNameFromId(GetUserId(), false),
					   (unsigned long long) n, n == 1 ? "model" : "models"),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest)
			 : n     ? errhint("SELECT model FROM behav_models")
				 : errhint("Train it: SELECT * FROM behav_train(%s)", quote_literal_cstr(model))));
}

int64
bm_model_id(const char *model, bool missing_ok)
{
	BmParam name = bm_param_text(model);
	int64 id = 0;

	SPI_connect();
	if (bm_read("SELECT model_id FROM behavmine.model WHERE name = $1", 1, &name) == 1)
		id = bm_row_int8(0, 1);
	else if (!missing_ok)
		raise_no_model(model);
	SPI_finish();
	return id;
}

const char *
bm_model_source(const char *model)
{
	MemoryContext context = CurrentMemoryContext;
	BmParam name = bm_param_text(model);
	const char *source = NULL;

	SPI_connect();
	if (bm_read("SELECT source FROM behavmine.model WHERE name = $1", 1, &name) == 1)
		source = bm_row_text(0, 1, context);
	SPI_finish();
	return source ? source : model;
}

void
bm_model_check_task(const char *model, const char *task)
{
	MemoryContext context = CurrentMemoryContext;
	BmParam name = bm_param_text(model);
	char *old = NULL;

	SPI_connect();
	if (bm_read("SELECT task FROM behavmine.model WHERE name = $1", 1, &name) == 1)
		old = bm_row_text(0, 1, context);
	SPI_finish();
	if (old && strcmp(old, task) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("model \"%s\" has another task", model),
				 errdetail("Its task is \"%s\", that of this training is \"%s\".", old, task),
				 errhint("Choose another name for the new model.")));
}

int64
bm_model_own(const char *model)
{
	BmParam name = bm_param_text(model);
	int64 id;
	char *owner;
	Oid role;

	SPI_connect();
	if (bm_read("SELECT model_id, owner FROM behavmine.model WHERE name = $1", 1, &name) == 0)
		raise_no_model(model);
	id = bm_row_int8(0, 1);
	owner = bm_row_text(0, 2, CurrentMemoryContext);
	role = get_role_oid(owner, true);
	if (!superuser() && !(OidIsValid(role) && has_privs_of_role(GetUserId(), role)))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must be owner of model \"%s\"", model),
						errdetail("Its owner is role \"%s\".", owner)));
	SPI_finish();
	return id;
}

/* ---- the training lock ---- */

static void
lock_model(const char *model, bool session)
{
	uint64 key = hash_bytes_extended((const unsigned char *) model, strlen(model), 0);
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, LOCK_CLASS);
	if (LockAcquire(&tag, ExclusiveLock, session, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						errmsg("model \"%s\" is being trained by another session", model),
						errhint("SELECT * FROM behav_progress shows it; wait for its end, or stop "
								"it with pg_cancel_backend(pid) or behav_cancel(job_id).")));
}

void
bm_model_lock(const char *model)
{
	lock_model(model, false);
}

void
bm_model_lock_session(const char *model)
{
	lock_model(model, true);
}

/* ---- grants ---- */

/* The role of argument 1, checked; PUBLIC is none. */
static char *
arg_role(FunctionCallInfo fcinfo, bool must_exist)
{
	char *role = bm_arg_text(fcinfo, 1, "role");

	if (strcmp(role, "public") == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a model cannot be granted to everybody"),
						errdetail("A model tells about the events that it was trained on."),
						errhint("Grant it to a role, and that role to its members.")));
	if (must_exist)
		(void) get_role_oid(role, false);
	return role;
}

/* behav_grant_model(model text, role name): let a role use the model, not change it. */
BM_FUNCTION(behav_grant_model);
Datum
behav_grant_model(PG_FUNCTION_ARGS)
{
	char *model = bm_arg_text(fcinfo, 0, "model");
	BmParam params[2];

	params[1] = bm_param_text(arg_role(fcinfo, true));
	params[0] = bm_param_int8(bm_model_own(model));
	SPI_connect();
	bm_write("UPDATE behavmine.model SET readers = readers || $2::name "
			 "WHERE model_id = $1 AND $2::name <> ALL (readers)",
			 2, params);
	SPI_finish();
	PG_RETURN_VOID();
}

/* behav_revoke_model(model text, role name): also for a role that exists no more. */
BM_FUNCTION(behav_revoke_model);
Datum
behav_revoke_model(PG_FUNCTION_ARGS)
{
	char *model = bm_arg_text(fcinfo, 0, "model");
	BmParam params[2];

	params[1] = bm_param_text(arg_role(fcinfo, false));
	params[0] = bm_param_int8(bm_model_own(model));
	SPI_connect();
	bm_write("UPDATE behavmine.model SET readers = pg_catalog.array_remove(readers, $2::name) "
			 "WHERE model_id = $1 AND $2::name = ANY (readers)",
			 2, params);
	SPI_finish();
	PG_RETURN_VOID();
}

/* ---- dropping ---- */

static int
drop_version(const char *model, int64 id, int version)
{
	BmParam params[2] = {bm_param_int8(id), bm_param_int(version)};

	if (bm_deployed_version(id) == version)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" is deployed", version, model),
				 errhint("Deploy another first: SELECT behav_deploy(%s, <version>); or drop the "
						 "whole model: SELECT behav_drop_model(%s).",
						 quote_literal_cstr(model), quote_literal_cstr(model))));
	SPI_connect();
	if (bm_write("DELETE FROM behavmine.version WHERE model_id = $1 AND version = $2", 2, params) ==
		0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("version %d of model \"%s\" does not exist", version, model),
						errhint("SELECT version FROM behav_versions WHERE model = %s",
								quote_literal_cstr(model))));
	SPI_finish();
	return 1;
}

static int
drop_model(const char *model, int64 id)
{
	BmParam param = bm_param_int8(id);
	int versions;

	bm_model_lock(model); /* a training that runs now would bring it back */
	SPI_connect();
	versions = (int) bm_write("DELETE FROM behavmine.version WHERE model_id = $1", 1, &param);
	bm_write("DELETE FROM behavmine.model WHERE model_id = $1", 1, &param);
	SPI_finish();
	return versions;
}

/* behav_drop_model(model text, version int): how many versions went. Version NULL: the model too. */
BM_FUNCTION(behav_drop_model);
Datum
behav_drop_model(PG_FUNCTION_ARGS)
{
	char *model = bm_arg_text(fcinfo, 0, "model");
	int64 id = bm_model_own(model);

	if (PG_ARGISNULL(1))
		PG_RETURN_INT32(drop_model(model, id));
	PG_RETURN_INT32(
		drop_version(model, id, (int) bm_arg_range(fcinfo, 1, "version", 1, PG_INT32_MAX)));
}

/* ---- telling every backend ---- */

/*
 * behav_deployment_changed(): trigger on behavmine.model, deployment and source. Whatever changed
 * them (our functions, a restore, logical replication, a plain UPDATE), every backend that serves
 * looks again at its next call. The message goes out with the commit and reaches standbys.
 */
BM_FUNCTION(behav_deployment_changed);
Datum
behav_deployment_changed(PG_FUNCTION_ARGS)
{
	Oid schema, relation;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("behav_deployment_changed can only be called as a trigger")));
	schema = get_namespace_oid("behavmine", true);
	relation = OidIsValid(schema) ? get_relname_relid("deployment", schema) : InvalidOid;
	if (OidIsValid(relation))
		CacheInvalidateRelcacheByRelid(relation);
	return PointerGetDatum(NULL);
}
