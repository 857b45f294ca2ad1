/*
 * deploy.c
 *		Which version answers: a stack of deployments, so that a rollback knows where to go.
 *
 * A deployment is a row; undoing it sets undone_at and keeps the row as history. The newest row that
 * is not undone is what is deployed. All of it is transactional. The trigger on the table tells the
 * other backends at commit.
 */
#include "pg/pg.h"

#include "model/query.h"
#include "model/registry.h"

int
bm_deployed_version(int64 model_id)
{
	BmParam param = bm_param_int8(model_id);
	int version = 0;

	SPI_connect();
	if (bm_read("SELECT version FROM behavmine.deployment WHERE model_id = $1 "
				"AND undone_at IS NULL ORDER BY deployment_id DESC LIMIT 1",
				1, &param) == 1)
		version = (int) bm_row_int8(0, 1);
	SPI_finish();
	return version;
}

/*
 * A version reads the source that it was trained on. When another one than before answers, the model's
 * source, which decides what its readers see, follows it.
 */
static void
adopt_source(int64 model_id, int version)
{
	BmParam params[2] = {bm_param_int8(model_id), bm_param_int(version)};
	MemoryContext context = CurrentMemoryContext;

	if (bm_write(
			"UPDATE behavmine.model m SET source = v.encoder->>'source' FROM behavmine.version v "
			"WHERE m.model_id = $1 AND v.model_id = $1 AND v.version = $2 "
			"AND v.encoder->>'source' <> m.source RETURNING m.name, m.source",
			2, params) == 0)
		return;
	ereport(NOTICE,
			(errmsg("model \"%s\" answers from source \"%s\" now", bm_row_text(0, 1, context),
					bm_row_text(0, 2, context)),
			 errdetail("Version %d was trained on it, the one before on another.", version)));
}

void
bm_deploy(int64 model_id, int version)
{
	BmParam params[2] = {bm_param_int8(model_id), bm_param_int(version)};

	SPI_connect();
	/* the row lock makes two deployments of one model happen one after the other */
	if (bm_write("SELECT 1 FROM behavmine.model WHERE model_id = $1 FOR UPDATE", 1, params) == 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("only the owner of a model may deploy its versions")));
	bm_write("INSERT INTO behavmine.deployment (model_id, version) SELECT $1, $2 "
			 "WHERE $2 IS DISTINCT FROM (SELECT d.version FROM behavmine.deployment d "
			 "WHERE d.model_id = $1 AND d.undone_at IS NULL "
			 "ORDER BY d.deployment_id DESC LIMIT 1)",
			 2, params);
	adopt_source(model_id, version);
	SPI_finish();
}

static void
require_version(const char *model, int64 id, int version)
{
	BmParam params[2] = {bm_param_int8(id), bm_param_int(version)};

	SPI_connect();
	if (bm_read("SELECT 1 FROM behavmine.version WHERE model_id = $1 AND version = $2", 2,
				params) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("version %d of model \"%s\" does not exist", version, model),
						errhint("SELECT version, trained_at, metric, value FROM behav_versions "
								"WHERE model = %s",
								quote_literal_cstr(model))));
	SPI_finish();
}

/* behav_deploy(model text, version int): the version that answers from the commit on. */
BM_FUNCTION(behav_deploy);
Datum
behav_deploy(PG_FUNCTION_ARGS)
{
	char *model = bm_arg_text(fcinfo, 0, "model");
	int version = (int) bm_arg_range(fcinfo, 1, "version", 1, PG_INT32_MAX);
	int64 id = bm_model_own(model);

	require_version(model, id, version);
	bm_deploy(id, version);
	PG_RETURN_INT32(version);
}

/*
 * Deployments to undo so that the version steps changes ago is on top again: those newer than the
 * returned deployment. Neighbours of the same version (one between them was dropped) are one step.
 */
static int64
rollback_target(const char *model, int64 id, int steps, int *version)
{
	BmParam param = bm_param_int8(id);
	uint64 n = bm_write("SELECT deployment_id, version FROM behavmine.deployment "
						"WHERE model_id = $1 AND undone_at IS NULL ORDER BY deployment_id DESC",
						1, &param);
	int changes = 0;

	for (uint64 i = 0; i < n; i++)
	{
		if (i > 0 && bm_row_int8(i, 2) != bm_row_int8(i - 1, 2))
			changes++;
		if (changes == steps)
		{
			*version = (int) bm_row_int8(i, 2);
			return bm_row_int8(i, 1);
		}
	}
	if (n == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("no version of model \"%s\" is deployed", model),
						errhint("SELECT behav_deploy(%s, <version>)", quote_literal_cstr(model))));
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("model \"%s\" cannot be rolled back by %d", model, steps),
					errdetail("It has %d earlier %s.", changes,
							  changes == 1 ? "deployment" : "deployments"),
					errhint("SELECT version, deployed FROM behav_versions WHERE model = %s",
							quote_literal_cstr(model))));
	return 0;
}

/* behav_rollback(model text, steps int): the version that is deployed again. */
BM_FUNCTION(behav_rollback);
Datum
behav_rollback(PG_FUNCTION_ARGS)
{
	char *model = bm_arg_text(fcinfo, 0, "model");
	int steps = (int) bm_arg_range(fcinfo, 1, "steps", 1, 1000000);
	BmParam params[2];
	int version;

	params[0] = bm_param_int8(bm_model_own(model));
	SPI_connect();
	bm_write("SELECT 1 FROM behavmine.model WHERE model_id = $1 FOR UPDATE", 1, params);
	params[1] =
		bm_param_int8(rollback_target(model, DatumGetInt64(params[0].value), steps, &version));
	bm_write("UPDATE behavmine.deployment SET undone_at = pg_catalog.now() WHERE model_id = $1 "
			 "AND undone_at IS NULL AND deployment_id > $2",
			 2, params);
	adopt_source(DatumGetInt64(params[0].value), version);
	SPI_finish();
	PG_RETURN_INT32(version);
}
