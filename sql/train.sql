-- Training on a planted walk: the models of order find it, counts alone do not.
SET behavmine.progress = off;
SET behavmine.num_threads = 1;
SET client_min_messages = warning;

-- Everyone walks a circle of 24 items from a start of their own, one event in eight strays.
CREATE TABLE walk (who int NOT NULL, item int NOT NULL, at timestamptz NOT NULL);
INSERT INTO walk
SELECT u, CASE WHEN abs(hashint8(u * 1000 + n)) % 8 = 0 THEN abs(hashint8(u * 77 + n)) % 24
	ELSE (abs(hashint8(u)) + n) % 24 END,
	'2026-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 minute'
FROM generate_series(1, 150) u, generate_series(1, 20) n;
CREATE INDEX ON walk (who, at);
SELECT rows > 2900 AS rows, users, items FROM behav_source('walk', 'walk', 'who', 'item', 'at');

-- one row, all columns
SELECT model, version, task, algorithm, rows > 2900 AS rows, users, items, epochs, seconds > 0 AS timed,
	metric, value > 3 * baseline AS better, deployed, job, note IS NOT NULL AS note
FROM behav_train('rules', 'seq_rules', 'walk', '{"exclude": "nothing"}');

-- every algorithm; the ones that know order are far above popularity
SELECT a.algorithm, t.version, value > 3 * baseline AS finds_order, value >= baseline * 0.999 AS not_below
FROM (VALUES (1, 'popular', '{}'::jsonb), (2, 'markov', '{}'), (3, 'seq_rules', '{}'),
		(4, 'sasrec', '{"epochs": 12, "tune": false}')) a(n, algorithm, options),
	behav_train('m_' || a.algorithm, a.algorithm, 'walk', a.options || '{"exclude": "nothing"}') t
ORDER BY n;
SELECT a.algorithm, t.version, t.value BETWEEN 0 AND 1 AS measured, t.deployed
FROM (VALUES (1, 'item_knn'), (2, 'ease')) a(n, algorithm),
	behav_train('m_' || a.algorithm, a.algorithm, 'walk', '{"exclude": "nothing"}') t
ORDER BY n;

-- the default choice among named candidates takes one that knows order
SELECT algorithm <> 'popular' AS not_popular, value > 3 * baseline AS finds_order, deployed
FROM behav_train('walk', options => '{"exclude": "nothing", "candidates": ["popular", "markov", "seq_rules"]}');
-- a worse one does not take its place, unless it must
SELECT version, value < 0.5 AS worse, deployed FROM behav_train('walk', 'popular', options => '{"exclude": "nothing"}');
SELECT version, deployed FROM behav_train('walk', 'popular', options => '{"exclude": "nothing"}', deploy => 'always');
SELECT version, deployed FROM behav_train('walk', 'markov', options => '{"exclude": "nothing"}', deploy => 'never');
SELECT version, deployed FROM behav_train('walk', 'markov', options => '{"exclude": "nothing"}');
SELECT model, version, deployed FROM behav_versions WHERE model = 'walk' ORDER BY version;
SELECT behav_rollback('walk') AS answers_again;
-- of undeployed versions as many stay as asked for
SELECT count(*) = 3 AS three FROM generate_series(1, 3) n,
	LATERAL (SELECT * FROM behav_train('kept', 'markov', 'walk',
		jsonb_build_object('exclude', 'nothing', 'keep_versions', 1, 'k', 9 + n), deploy => 'never')) t;
SELECT version FROM behav_versions WHERE model = 'kept' ORDER BY version;

-- one seed, one set of weights
SELECT t.version FROM (VALUES ('twin_a', 7), ('twin_b', 7), ('twin_c', 8)) s(model, seed),
	behav_train(s.model, 'sasrec', 'walk', '{"epochs": 2, "tune": false}', seed => s.seed) t;
SELECT epoch, loss > 0 AS loss, metric, value BETWEEN 0 AND 1 AS value FROM behav_history('twin_a') ORDER BY epoch;
SELECT m AS model, count(*) > 5 AS parts, bool_and(a.values = b.values) AS same
FROM (VALUES ('twin_b'), ('twin_c')) v(m), behav_weights('twin_a') a,
	LATERAL (SELECT * FROM behav_weights(m) w WHERE w.name = a.name AND w.chunk_no = a.chunk_no) b
WHERE a.dtype = 'f32' GROUP BY m ORDER BY m;

-- side by side, nothing saved
SELECT algorithm, chosen, cases > 200 AS cases, recall >= ndcg AS recall, mrr <= recall AS mrr,
	coverage BETWEEN 0 AND 1 AS coverage, cold_items, cold_users, seconds >= 0 AS timed, bytes > 0 AS bytes
FROM behav_compare('walk', ARRAY['popular', 'markov'], '{"exclude": "nothing"}') ORDER BY algorithm;
SELECT algorithm, seen_in_training, cases > 200 AS cases, ndcg > 0.5 AS finds_order
FROM behav_evaluate('rules', options => '{"exclude": "nothing"}') ORDER BY algorithm;
SELECT algorithm, rows > 2900 AS rows, users, items, bytes > 0 AS bytes, seconds >= 0 AS seconds, fits
FROM behav_estimate('walk', 'markov');
ANALYZE walk;
SELECT algorithm, rows, users, items FROM behav_estimate('walk') ORDER BY algorithm;
-- more time than there is: what was ready is kept
SELECT value > 0 AS value FROM behav_train('short', 'sasrec', 'walk', '{"epochs": 1000, "patience": 1000, "tune": false, "max_seconds": 1.5, "exclude": "nothing"}');

-- in the background: a number at once, the version later
CREATE FUNCTION wait_for(job bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE s text;
BEGIN
	FOR i IN 1..600 LOOP
		SELECT status INTO s FROM behav_jobs WHERE job_id = job;
		EXIT WHEN s NOT IN ('queued', 'running');
		PERFORM pg_sleep(0.05), pg_stat_clear_snapshot(); -- else the sessions of the first look
	END LOOP;
	RETURN s;
END $$;
SELECT version, job AS job FROM behav_train('later', 'markov', 'walk', '{"exclude": "nothing"}', background => true) \gset
\if :{?version}
\echo a version already
\endif
SELECT wait_for(:job);
SELECT action, model, status, pid, result IS NOT NULL AS result FROM behav_jobs WHERE job_id = :job;
SELECT version, algorithm, deployed FROM behav_versions WHERE model = 'later';
SELECT behav_cancel(:job) AS already_ended;
SELECT job FROM behav_train('never', 'sasrec', 'walk', '{"epochs": 100000, "patience": 10000, "tune": false}', background => true) \gset
SELECT behav_cancel(:job) AS cancelled, wait_for(:job);
SELECT count(*) AS versions FROM behav_versions WHERE model = 'never';

-- a model is trained again on its own source
SELECT algorithm, version FROM behav_train('again', 'popular', 'walk');
SELECT algorithm, version FROM behav_train('again', 'markov');

DROP FUNCTION wait_for;
SELECT count(*) AS gone FROM (SELECT behav_drop_model(model) FROM (SELECT DISTINCT model FROM behav_versions) m) d \gset
SELECT count(*) AS models FROM behav_models;
SELECT behav_drop_source('walk');
DROP TABLE walk;
