-- Models: algorithms and options, versions, deployment as a stack, what is inside, rights.
SET behavmine.progress = off;
SET behavmine.num_threads = 1;
SET client_min_messages = warning;

-- algorithms and options
SELECT name, task, network, options FROM behav_algorithms();
SELECT count(*) FILTER (WHERE summary !~ '\.$') AS without_sentence FROM behav_algorithms();
SELECT name, type, "default", range FROM behav_options('seq_rules');
SELECT name, type, "default", range FROM behav_options('item_knn') WHERE name = 'weight';
SELECT count(*) FROM behav_options('blend');
SELECT a.name, a.options = count(o.name) AS all_listed
FROM behav_algorithms() a LEFT JOIN behav_options() o ON o.algorithm = a.name
GROUP BY a.name, a.options ORDER BY a.name;
SELECT count(*) AS without_description FROM behav_options() WHERE description IS NULL OR description !~ '\.$';
SELECT * FROM behav_options('seqrules');

-- what is installed
SELECT name, value <> '' AS told FROM behav_version();
SELECT v.value = x.extversion AS same_version
FROM behav_version() v, pg_extension x WHERE v.name = 'behavmine' AND x.extname = 'behavmine';
SELECT value FROM behav_version() WHERE name IN ('max_memory', 'pg_cron') ORDER BY name;

-- a walk in a circle of twelve items: after item i comes item i + 1
CREATE TABLE walk (user_id int NOT NULL, item_id text NOT NULL, ts timestamptz NOT NULL);
INSERT INTO walk
SELECT u, 'item' || (u + n) % 12, '2026-01-01'::timestamptz + n * interval '1 day' + u * interval '1 minute'
FROM generate_series(1, 60) u, generate_series(1, 10) n;
CREATE INDEX ON walk (user_id, ts);
SELECT rows, users, items FROM behav_source('walk', 'walk');
SELECT version, algorithm, rows, users, items, deployed
FROM behav_train('walk', 'markov', options => '{"keep_versions": 10}');
SELECT version, deployed FROM behav_train('walk', 'popular', options => '{"keep_versions": 10}', deploy => 'never');
SELECT version, deployed FROM behav_train('walk', 'seq_rules', options => '{"keep_versions": 10}', deploy => 'never');
SELECT version, algorithm, deployed FROM behav_versions WHERE model = 'walk' ORDER BY version;
SELECT model, task, source, readers, versions, deployed, algorithm FROM behav_models;
SELECT bool_and(value BETWEEN 0 AND 1 AND baseline BETWEEN 0 AND 1 AND bytes > 0 AND seconds >= 0
	AND metrics ? 'test' AND metrics ? 'candidates' AND trained_at <= now()) AS sensible,
	bool_and(watermark = (SELECT max(ts) FROM walk)) AS to_the_end FROM behav_versions;

-- deployments are a stack
SELECT behav_deploy('walk', 2), behav_deploy('walk', 3), behav_deploy('walk', 1);
SELECT behav_rollback('walk');
SELECT behav_rollback('walk', 2);
SELECT version, deployed FROM behav_versions WHERE model = 'walk' ORDER BY version;
SELECT behav_rollback('walk');
-- after a rollback a new deployment stands on what answers now
SELECT behav_deploy('walk', 3);
SELECT behav_rollback('walk');
-- deploying what is deployed is no step
SELECT behav_deploy('walk', 1), behav_deploy('walk', 2), behav_deploy('walk', 2);
SELECT behav_rollback('walk');
-- history stays; a deployment that is rolled back with its transaction never was
SELECT version, undone_at IS NULL AS stands FROM behavmine.deployment d JOIN behavmine.model USING (model_id)
WHERE name = 'walk' ORDER BY deployment_id;
BEGIN;
SELECT behav_deploy('walk', 3);
SELECT deployed FROM behav_models WHERE model = 'walk';
ROLLBACK;
SELECT deployed FROM behav_models WHERE model = 'walk';
SELECT behav_deploy('walk', 2), behav_deploy('walk', 3);
SELECT behav_rollback('walk', 3);

\set VERBOSITY sqlstate
SELECT behav_deploy('walk', 9);
SELECT behav_deploy('walk', 0);
SELECT behav_deploy('walk', NULL);
SELECT behav_deploy(NULL, 1);
SELECT behav_deploy('wlak', 1);
SELECT behav_rollback('walk', 0);
SELECT behav_rollback('walk', 1000);
SELECT behav_rollback('', 1);
\set VERBOSITY default
SELECT behav_deploy('walk', 9);
SELECT behav_deploy('wlak', 1);

-- dropping: not what is deployed, then what is not, then all
SELECT behav_drop_model('walk', 3);
SELECT behav_drop_model('walk', 2);
SELECT count(*) AS left_behind FROM behavmine.tensor t JOIN behavmine.model m USING (model_id)
WHERE m.name = 'walk' AND t.version = 2;
-- version 2 lay between two others on the stack: one step goes to version 1
SELECT behav_rollback('walk');
SELECT behav_drop_model('walk', 2);
-- numbers are not used twice
SELECT version FROM behav_train('walk', 'popular', options => '{"keep_versions": 10}', deploy => 'never');

-- inside a version
SELECT part, shape, parameters, bytes = parameters * 4 AS four_bytes, note
FROM behav_summary('walk', 1) WHERE part <> 'total' ORDER BY part;
SELECT part, parameters = (SELECT sum(parameters) FROM behav_summary('walk', 1) WHERE part <> 'total') AS adds_up,
	bytes > 0 AS has_bytes, note FROM behav_summary('walk', 1) WHERE part = 'total';
SELECT note FROM behav_summary('walk', 4) WHERE part = 'total';
SELECT count(*) FROM behav_history('walk', 1);
SELECT name, dtype, shape, chunk_no, cardinality("values") AS floats, cardinality(ints) AS ints
FROM behav_weights('walk') ORDER BY name, chunk_no;
SELECT sum(x) AS events FROM behav_weights('walk', 'support'), unnest("values") x;
-- the stored weights say which item comes next
WITH items AS (
	SELECT code, key FROM behavmine.code JOIN behavmine.model USING (model_id)
	WHERE name = 'walk' AND version = 1 AND kind = 'item'),
w AS (
	SELECT max("values") FILTER (WHERE name = 'markov/value') AS value,
		max(ints) FILTER (WHERE name = 'markov/col') AS col,
		max(ints) FILTER (WHERE name = 'markov/start') AS start
	FROM behav_weights('walk', version => 1))
SELECT count(*) AS transitions,
	bool_and((substr(b.key, 5)::int - substr(a.key, 5)::int + 12) % 12 = 1) AS all_one_ahead
FROM w, items a, items b, LATERAL generate_series(w.start[a.code + 1] + 1, w.start[a.code + 2]) p
WHERE b.code = w.col[p];

-- networks have a curve and embeddings
SELECT version, epochs FROM behav_train('net', 'sasrec', 'walk',
	'{"dim": 8, "blocks": 1, "epochs": 3, "patience": 10, "dropout": 0, "refit": false}');
SELECT epoch, metric, loss > 0 AS has_loss, value BETWEEN 0 AND 1 AS has_value, seconds >= 0 AS has_seconds
FROM behav_history('net');
SELECT (SELECT loss FROM behav_history('net') WHERE epoch = 3) < (SELECT loss FROM behav_history('net') WHERE epoch = 1) AS learns;
SELECT count(*), count(DISTINCT id) AS ids, min(cardinality(embedding)) AS least, max(cardinality(embedding)) AS most,
	bool_and(array_position(embedding, 'NaN') IS NULL AND abs(x.largest) < 1000) AS finite
FROM behav_embeddings('net'), LATERAL (SELECT max(abs(v)) AS largest FROM unnest(embedding) v) x;
-- real[] casts; the text form is what pgvector reads
SELECT pg_typeof(embedding), pg_typeof(embedding::float8[]), translate(embedding::text, '{}', '[]') ~ '^\[[-0-9.,e]+\]$' AS vector_text
FROM behav_embeddings('net', 'item', 1) WHERE id = 'item3';
SELECT note FROM behav_summary('net') WHERE note LIKE '%behav_embeddings';

\set VERBOSITY sqlstate
SELECT * FROM behav_summary('nothing');
SELECT * FROM behav_summary(NULL);
SELECT * FROM behav_summary('walk', 77);
SELECT * FROM behav_history('walk', -1);
SELECT * FROM behav_weights('walk', 'suport');
SELECT * FROM behav_embeddings('walk');
SELECT * FROM behav_embeddings('net', 'user');
SELECT * FROM behav_options('x');
SELECT behav_drop_model('walk', 77);
SELECT behav_drop_model('nothing');
SELECT behav_drop_model(NULL);
\set VERBOSITY default
SELECT * FROM behav_weights('walk', 'suport');
SELECT * FROM behav_embeddings('walk');
SELECT * FROM behav_embeddings('net', 'user');
SELECT * FROM behav_summary('walk', 77);

-- damaged rows: the error names model, version and tensor, and nothing is served
CREATE TABLE kept AS SELECT * FROM behavmine.tensor WHERE name = 'support';
UPDATE behavmine.tensor SET "values"[1] = "values"[1] + 1 WHERE name = 'support';
SELECT count(*) FROM behav_summary('walk', 1);
UPDATE behavmine.tensor t SET "values" = k."values" FROM kept k
WHERE (t.model_id, t.version, t.name, t.chunk_no) = (k.model_id, k.version, k.name, k.chunk_no);
SELECT count(*) > 0 AS whole_again FROM behav_summary('walk', 1);
DELETE FROM behavmine.tensor WHERE name = 'support' AND version = 4;
\set VERBOSITY sqlstate
SELECT count(*) FROM behav_recommend_items('{item1}'::text[], 3, 'walk');
SELECT behav_deploy('walk', 4);
SELECT count(*) FROM behav_recommend_items('{item1}'::text[], 3, 'walk');
SELECT behav_rollback('walk');
SELECT count(*) FROM behav_recommend_items('{item1}'::text[], 3, 'walk');
\set VERBOSITY default
DROP TABLE kept;

-- rights: a role sees what it owns and what it was granted
CREATE ROLE regress_behav_reader;
CREATE ROLE regress_behav_other;
GRANT USAGE ON SCHEMA behavmine TO regress_behav_reader, regress_behav_other;
GRANT SELECT ON ALL TABLES IN SCHEMA behavmine TO regress_behav_reader, regress_behav_other;
GRANT UPDATE, DELETE ON behavmine.model, behavmine.version, behavmine.deployment TO regress_behav_other;
GRANT SELECT ON walk TO regress_behav_reader;
SELECT behav_grant_model('walk', 'regress_behav_reader');
SELECT behav_grant_model('walk', 'regress_behav_reader');
SELECT model, readers FROM behav_models ORDER BY model;
SET ROLE regress_behav_reader;
SELECT model, versions, deployed FROM behav_models;
SELECT count(*) AS versions FROM behav_versions;
SELECT count(*) > 0 AS tensors, count(DISTINCT model_id) AS models FROM behavmine.tensor;
SELECT item_id, rank FROM behav_recommend(1, 1);
SELECT count(*) > 0 AS reads FROM behav_summary('walk');
SELECT behav_drop_model('walk');
\set VERBOSITY sqlstate
SELECT behav_deploy('walk', 1);
SELECT behav_rollback('walk');
SELECT behav_grant_model('walk', 'regress_behav_other');
SELECT behav_revoke_model('walk', 'regress_behav_reader');
SELECT * FROM behav_summary('net');
UPDATE behavmine.model SET readers = '{}';
\set VERBOSITY default
SET ROLE regress_behav_other;
SELECT count(*) FROM behav_models;
SELECT count(*) FROM behav_versions;
SELECT count(*) FROM behavmine.tensor;
SELECT count(*) FROM behavmine.code;
WITH gone AS (DELETE FROM behavmine.version RETURNING 1) SELECT count(*) FROM gone;
WITH changed AS (UPDATE behavmine.deployment SET undone_at = NULL RETURNING 1) SELECT count(*) FROM changed;
SELECT * FROM behav_recommend(1, 1, 'walk');
\set VERBOSITY sqlstate
SELECT * FROM behav_summary('walk');
SELECT behav_drop_model('walk');
\set VERBOSITY default
RESET ROLE;
-- a role that may not read the schema is told so
CREATE ROLE regress_behav_nobody;
SET ROLE regress_behav_nobody;
SELECT count(*) FROM behav_models;
\set VERBOSITY sqlstate
SELECT * FROM behav_recommend(1, 1, 'walk');
\set VERBOSITY default
RESET ROLE;
-- members of a reader are readers; the answer changes with the grant
GRANT regress_behav_reader TO regress_behav_other;
SET ROLE regress_behav_other;
SELECT model FROM behav_models;
SELECT count(*) FROM behav_recommend_items('{item1}'::text[], 3, 'walk');
RESET ROLE;
SELECT behav_revoke_model('walk', 'regress_behav_reader');
SET ROLE regress_behav_other;
\set VERBOSITY sqlstate
SELECT count(*) FROM behav_recommend_items('{item1}'::text[], 3, 'walk');
RESET ROLE;
SELECT behav_grant_model('walk', 'regress_behav_absent');
SELECT behav_grant_model('walk', 'public');
SELECT behav_grant_model('walk', NULL);
SELECT behav_grant_model('nothing', 'regress_behav_other');
\set VERBOSITY default
-- a grant of a role that has gone can be taken back
SELECT behav_grant_model('walk', 'regress_behav_nobody');
DROP ROLE regress_behav_nobody;
SELECT behav_revoke_model('walk', 'regress_behav_nobody');
SELECT readers FROM behav_models WHERE model = 'walk';

-- a role with the table rights of doc/model.md trains, deploys and drops models of its own
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA behavmine TO regress_behav_other;
GRANT SELECT ON walk TO regress_behav_other;
SET ROLE regress_behav_other;
SELECT rows FROM behav_source('own', 'walk');
SELECT version, deployed FROM behav_train('own', 'markov');
SELECT model, owner, deployed FROM behav_models;
SELECT item_id FROM behav_recommend(1, 1);
\set VERBOSITY sqlstate
SELECT * FROM behav_train('walk', 'popular', 'own');
\set VERBOSITY default
SELECT behav_drop_model('own'), behav_drop_source('own');
RESET ROLE;

-- clean up
SELECT behav_drop_model('walk') AS versions;
SELECT behav_drop_model('net') AS versions;
SELECT count(*) FROM behav_models;
SELECT (SELECT count(*) FROM behavmine.tensor) + (SELECT count(*) FROM behavmine.code)
	+ (SELECT count(*) FROM behavmine.deployment) AS left_behind;
SELECT behav_drop_source('walk');
DROP OWNED BY regress_behav_reader, regress_behav_other;
DROP ROLE regress_behav_reader, regress_behav_other;
DROP TABLE walk;
