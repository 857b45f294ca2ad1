-- Training, evaluation, comparison, jobs.

CREATE FUNCTION @extschema@.behav_train(
	model text, algorithm text = NULL, source text = NULL, options jsonb = '{}',
	deploy text = 'if_better', seed bigint = 0, background boolean = false,
	data regclass = NULL, target name = NULL, features name[] = NULL)
RETURNS TABLE (
	model text, version int, task text, algorithm text, rows bigint, users bigint, items bigint,
	epochs int, seconds float8, metric text, value float8, baseline float8, deployed boolean,
	job bigint, note text)
AS 'MODULE_PATHNAME', 'behav_train' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_train(text, text, text, jsonb, text, bigint, boolean, regclass, name, name[]) IS
'Train a recommender on an event source, or a model of the rows of a table (data, target, features), measure it beside its baseline, save it as a version, deploy it if it is better. Without an algorithm the best of those that fit the data is chosen. Example: SELECT * FROM behav_train(''shop'')';

CREATE FUNCTION @extschema@.behav_update(
	model text, options jsonb = '{}', deploy text = 'if_better', background boolean = false)
RETURNS TABLE (
	model text, version int, algorithm text, rows bigint, users bigint, items bigint,
	new_events bigint, new_items bigint, seconds float8, metric text, value float8,
	old_value float8, baseline float8, deployed boolean, job bigint, note text)
AS 'MODULE_PATHNAME', 'behav_update' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_update(text, jsonb, text, boolean) IS
'Fold the events since the deployed version into a new one: counts are counted anew, factors and networks go on from their weights, new items get codes; compared on the newest slice before it is deployed. Example: SELECT version, new_events, value, old_value, deployed FROM behav_update(''shop'')';

CREATE FUNCTION @extschema@.behav_tune(
	model text, space jsonb = NULL, trials int = 20, method text = 'random', source text = NULL,
	options jsonb = '{}', deploy text = 'if_better', seed bigint = 0, background boolean = false)
RETURNS TABLE (
	model text, study int, trial int, rung int, algorithm text, options jsonb, share float8,
	status text, metric text, value float8, recall float8, seconds float8, memory bigint,
	answer_ms float8, version int, job bigint, note text)
AS 'MODULE_PATHNAME', 'behav_tune' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 24;
COMMENT ON FUNCTION @extschema@.behav_tune(text, jsonb, int, text, text, jsonb, text, bigint, boolean) IS
'Search settings of several algorithms by random search or successive halving, popular, seq_rules, item_knn and ease beside them; train the best one as a version. In the background every trial is kept as soon as it is done, and the same call goes on after a crash. Example: SELECT trial, algorithm, options, value FROM behav_tune(''shop'', ''{"als": {"factors": [32, 64, 128], "regularization": {"log": [0.001, 0.03]}}}'', 10) ORDER BY value DESC';

CREATE VIEW @extschema@.behav_trials WITH (security_barrier) AS
SELECT t.model, t.study, t.trial, t.rung, t.algorithm, t.options, t.share, t.status, t.metric, t.value,
	t.recall, t.seconds, t.memory, t.answer_ms, t.chosen, t.version, t.message, t.request, t.watermark,
	t.owner::text AS owner, t.tried_at
FROM behavmine.trial t
WHERE @extschema@.behav_is_member(ARRAY[t.owner]);
COMMENT ON VIEW @extschema@.behav_trials IS
'Trials of behav_tune of the roles that you are a member of: quality on validation, seconds, memory and time of an answer side by side. Example: SELECT algorithm, options, value, seconds, answer_ms FROM behav_trials WHERE model = ''shop'' ORDER BY value DESC';
GRANT SELECT ON @extschema@.behav_trials TO PUBLIC;

CREATE FUNCTION @extschema@.behav_compare(
	source text, algorithms text[] = NULL, options jsonb = '{}', seed bigint = 0)
RETURNS TABLE (
	algorithm text, chosen boolean, cases bigint, recall float8, ndcg float8, mrr float8,
	coverage float8, popularity float8, cold_items bigint, cold_users bigint, repeats bigint,
	recall_error float8, ndcg_error float8, head float8, gini float8, k int, seed bigint,
	seconds float8, bytes bigint, memory bigint, answer_ms float8, options jsonb, protocol text)
AS 'MODULE_PATHNAME', 'behav_compare' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 8;
COMMENT ON FUNCTION @extschema@.behav_compare(text, text[], jsonb, bigint) IS
'Fit algorithms on the training part of a source and measure them on its test part, beside popular, seq_rules, item_knn and ease: quality, seconds, memory, milliseconds of an answer; nothing is saved. Example: SELECT algorithm, recall, ndcg, seconds FROM behav_compare(''shop'') ORDER BY ndcg DESC';

CREATE FUNCTION @extschema@.behav_evaluate(
	model text, version int = NULL, since timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	model text, version int, algorithm text, seen_in_training boolean, cases bigint, recall float8,
	ndcg float8, mrr float8, coverage float8, popularity float8, cold_items bigint,
	cold_users bigint, repeats bigint, recall_error float8, ndcg_error float8, head float8, gini float8,
	k int, seed bigint, protocol text)
AS 'MODULE_PATHNAME', 'behav_evaluate' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 2;
COMMENT ON FUNCTION @extschema@.behav_evaluate(text, int, timestamptz, jsonb) IS
'Measure a stored version, and popularity beside it, on events after its watermark or on the test part of its source. Example: SELECT * FROM behav_evaluate(''shop'', since => ''2026-01-01'')';

CREATE FUNCTION @extschema@.behav_estimate(source text, algorithm text = NULL, options jsonb = '{}')
RETURNS TABLE (
	algorithm text, rows bigint, users bigint, items bigint, bytes bigint, seconds float8, fits boolean)
AS 'MODULE_PATHNAME', 'behav_estimate' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 8;
COMMENT ON FUNCTION @extschema@.behav_estimate(text, text, jsonb) IS
'Rough rows, peak memory and seconds of a training before it is started, and whether it fits behavmine.max_memory. Example: SELECT * FROM behav_estimate(''shop'')';

CREATE FUNCTION @extschema@.behav_cancel(job_id bigint) RETURNS boolean
AS 'MODULE_PATHNAME', 'behav_cancel' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_cancel(bigint) IS
'Stop a queued or running background job; false when it has already ended. Example: SELECT behav_cancel(12)';

-- A job that says it runs but has no worker any more (the server was restarted) is lost: a worker holds an
-- advisory lock of class 16975 on its job's number.
CREATE VIEW @extschema@.behav_jobs AS
SELECT j.job_id, j.action, j.model,
	CASE WHEN j.status OPERATOR(pg_catalog.=) 'running' AND NOT w.alive THEN 'lost' ELSE j.status END AS status,
	j.owner::text AS owner, j.created_at, j.started_at, j.finished_at,
	CASE WHEN j.status OPERATOR(pg_catalog.=) 'running' AND w.alive THEN j.pid END AS pid, j.message, j.result
FROM behavmine.job j
CROSS JOIN LATERAL (SELECT EXISTS (
	SELECT FROM pg_catalog.pg_locks l
	WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.objsubid OPERATOR(pg_catalog.=) 16975
	AND l.pid OPERATOR(pg_catalog.=) j.pid
	AND l.objid::bigint OPERATOR(pg_catalog.=) (j.job_id OPERATOR(pg_catalog.&) 4294967295)
	AND l.classid::bigint OPERATOR(pg_catalog.=) (j.job_id OPERATOR(pg_catalog.>>) 32)) AS alive) w
WHERE EXISTS (
	SELECT FROM pg_catalog.pg_roles r
	WHERE r.rolname OPERATOR(pg_catalog.=) j.owner AND pg_catalog.pg_has_role(r.oid, 'MEMBER'));
COMMENT ON VIEW @extschema@.behav_jobs IS
'Background jobs of the roles that you are a member of: queued, running, done, failed, cancelled or lost. Example: SELECT job_id, status, message FROM behav_jobs ORDER BY job_id DESC';
GRANT SELECT ON @extschema@.behav_jobs TO PUBLIC;
