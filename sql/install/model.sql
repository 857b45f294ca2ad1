-- Models, versions, deployment, what is inside a version, what is installed.

CREATE FUNCTION @extschema@.behav_algorithms()
RETURNS TABLE (name text, task text, network boolean, options int, summary text)
AS 'MODULE_PATHNAME', 'behav_algorithms' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 8;
COMMENT ON FUNCTION @extschema@.behav_algorithms() IS
'The algorithms that behav_train knows, the cheap ones first. Example: SELECT name, summary FROM behav_algorithms()';

CREATE FUNCTION @extschema@.behav_options(algorithm text = NULL)
RETURNS TABLE (algorithm text, name text, type text, "default" text, range text, description text)
AS 'MODULE_PATHNAME', 'behav_options' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.behav_options(text) IS
'Options of one algorithm, or of all: type, default, range, a sentence. Example: SELECT name, "default", range FROM behav_options(''ease'')';

CREATE FUNCTION @extschema@.behav_version() RETURNS TABLE (name text, value text)
AS 'MODULE_PATHNAME', 'behav_version' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 8;
COMMENT ON FUNCTION @extschema@.behav_version() IS
'What is installed: extension, server, matrix library and its kernel, processors, threads, memory limit, pg_cron. Example: SELECT * FROM behav_version()';

CREATE FUNCTION @extschema@.behav_deploy(model text, version int) RETURNS int
AS 'MODULE_PATHNAME', 'behav_deploy' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_deploy(text, int) IS
'Let this version answer from the commit on; the one before stays on the stack for behav_rollback. Example: SELECT behav_deploy(''shop'', 3)';

CREATE FUNCTION @extschema@.behav_rollback(model text, steps int = 1) RETURNS int
AS 'MODULE_PATHNAME', 'behav_rollback' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_rollback(text, int) IS
'Undo the last deployments of a model and return the version that answers again. Example: SELECT behav_rollback(''shop'')';

CREATE FUNCTION @extschema@.behav_drop_model(model text, version int = NULL) RETURNS int
AS 'MODULE_PATHNAME', 'behav_drop_model' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_drop_model(text, int) IS
'Drop a model with all its versions, or one version that is not deployed; returns how many versions went. Example: SELECT behav_drop_model(''shop'', 2)';

CREATE FUNCTION @extschema@.behav_grant_model(model text, role name) RETURNS void
AS 'MODULE_PATHNAME', 'behav_grant_model' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_grant_model(text, name) IS
'Let a role use a model of yours: read its versions and ask it. Example: SELECT behav_grant_model(''shop'', ''webapp'')';

CREATE FUNCTION @extschema@.behav_revoke_model(model text, role name) RETURNS void
AS 'MODULE_PATHNAME', 'behav_revoke_model' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_revoke_model(text, name) IS
'Take back what behav_grant_model gave. Example: SELECT behav_revoke_model(''shop'', ''webapp'')';

CREATE FUNCTION @extschema@.behav_summary(model text, version int = NULL)
RETURNS TABLE (part text, shape int[], parameters bigint, bytes bigint, note text)
AS 'MODULE_PATHNAME', 'behav_summary' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_summary(text, int) IS
'The layers of a version that is a network over rows (the shape of what each answers, its parameters, bytes of a batch), then its tensors with shape and size; reading them verifies them. Of the deployed version by default. Example: SELECT * FROM behav_summary(''shop'')';

CREATE FUNCTION @extschema@.behav_history(model text, version int = NULL)
RETURNS TABLE (epoch int, loss float8, metric text, value float8, seconds float8)
AS 'MODULE_PATHNAME', 'behav_history' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_history(text, int) IS
'The curve of a training, one row an epoch: mean loss, metric on the validation part, seconds so far. Example: SELECT epoch, loss, value FROM behav_history(''shop'')';

CREATE FUNCTION @extschema@.behav_weights(model text, name text = NULL, version int = NULL)
RETURNS TABLE (name text, dtype text, shape int[], chunk_no int, "values" real[], ints int[])
AS 'MODULE_PATHNAME', 'behav_weights' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_weights(text, text, int) IS
'Stored weights of a version, all or of one tensor, row-major in chunks. Example: SELECT name, shape, "values"[1:4] FROM behav_weights(''shop'')';

CREATE FUNCTION @extschema@.behav_embeddings(model text, kind text = 'item', version int = NULL)
RETURNS TABLE (id text, embedding real[])
AS 'MODULE_PATHNAME', 'behav_embeddings' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_embeddings(text, text, int) IS
'One vector per item, for models that learn some; real[] casts to the vector type of pgvector. Example: SELECT id, embedding FROM behav_embeddings(''shop'') LIMIT 5';

CREATE FUNCTION @extschema@.behav_export(model text, format text = 'safetensors', version int = NULL) RETURNS bytea
AS 'MODULE_PATHNAME', 'behav_export' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION @extschema@.behav_export(text, text, int) IS
'A version (the deployed one by default) as one value in the safetensors format: weights, items, options, metrics; or, of a network, in the format onnx, where the library was built with protobuf-c. Example: SELECT length(behav_export(''shop''))';

CREATE FUNCTION @extschema@.behav_import(model text, data bytea, deploy boolean = false) RETURNS int
AS 'MODULE_PATHNAME', 'behav_import' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.behav_import(text, bytea, boolean) IS
'Save what behav_export wrote as a new version of a model, verified; returns its number. Example: SELECT behav_import(''copy'', behav_export(''shop''))';

CREATE FUNCTION @extschema@.behav_progress_slots()
RETURNS TABLE (
	pid int, model text, phase text, what text, done float8, total float8, percent float8,
	phase_seconds_left float8, loss float8, metric text, value float8, seconds float8,
	started_at timestamptz)
AS 'MODULE_PATHNAME', 'behav_progress_slots' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 4;
COMMENT ON FUNCTION @extschema@.behav_progress_slots() IS
'Long calls that run now in this database, of your roles (of all for members of pg_read_all_stats); behav_progress adds their role and query. Example: SELECT pid, model, phase FROM behav_progress_slots()';

CREATE VIEW @extschema@.behav_progress AS
SELECT p.pid, a.usename::text AS role, p.model, p.phase, p.what, p.done, p.total, p.percent,
	p.phase_seconds_left, p.loss, p.metric, p.value, p.seconds, p.started_at, a.query
FROM @extschema@.behav_progress_slots() p
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) p.pid;
COMMENT ON VIEW @extschema@.behav_progress IS
'Trainings and bulk runs that run now: phase, percent, loss, seconds so far and left in the phase. Example: SELECT pid, model, phase, what, percent FROM behav_progress';

-- Views run with the rights of the extension's owner, so they filter by the reader's roles themselves.
CREATE VIEW @extschema@.behav_models WITH (security_barrier) AS
SELECT m.name AS model, m.task, m.source, m.owner::text AS owner, m.readers::text[] AS readers,
	(SELECT pg_catalog.count(*) FROM behavmine.version c
	 WHERE c.model_id OPERATOR(pg_catalog.=) m.model_id)::int AS versions,
	d.version AS deployed, d.deployed_at, v.algorithm, v.metric, v.value, v.baseline,
	v.rows, v.users, v.items, v.bytes, v.trained_at
FROM behavmine.model m
LEFT JOIN LATERAL (
	SELECT s.version, s.deployed_at FROM behavmine.deployment s
	WHERE s.model_id OPERATOR(pg_catalog.=) m.model_id AND s.undone_at IS NULL
	ORDER BY s.deployment_id DESC LIMIT 1) d ON true
LEFT JOIN behavmine.version v
	ON v.model_id OPERATOR(pg_catalog.=) m.model_id AND v.version OPERATOR(pg_catalog.=) d.version
WHERE @extschema@.behav_is_member(m.owner OPERATOR(pg_catalog.||) m.readers);
COMMENT ON VIEW @extschema@.behav_models IS
'Your models and those granted to you, with the deployed version and how good it is beside its baseline. Example: SELECT model, deployed, metric, value, baseline FROM behav_models';

CREATE VIEW @extschema@.behav_versions WITH (security_barrier) AS
SELECT m.name AS model, v.version,
	v.version IS NOT DISTINCT FROM (
		SELECT s.version FROM behavmine.deployment s
		WHERE s.model_id OPERATOR(pg_catalog.=) m.model_id AND s.undone_at IS NULL
		ORDER BY s.deployment_id DESC LIMIT 1) AS deployed,
	v.algorithm, v.metric, v.value, v.baseline, v.rows, v.users, v.items, v.bytes, v.epochs,
	v.seconds, v.seed, v.options, v.metrics, v.cleaning, v.watermark, v.trained_at,
	v.trained_by::text AS trained_by
FROM behavmine.model m
JOIN behavmine.version v ON v.model_id OPERATOR(pg_catalog.=) m.model_id
WHERE @extschema@.behav_is_member(m.owner OPERATOR(pg_catalog.||) m.readers);
COMMENT ON VIEW @extschema@.behav_versions IS
'Every stored version of your models and those granted to you: algorithm, options, metrics, what it was trained on. Example: SELECT version, deployed, algorithm, value FROM behav_versions WHERE model = ''shop'' ORDER BY version';

GRANT SELECT ON @extschema@.behav_progress, @extschema@.behav_models, @extschema@.behav_versions TO PUBLIC;
