-- Keeping models fresh and searching settings.
SET client_min_messages = warning;
SET behavmine.progress = off;
SET behavmine.num_threads = 2;
CREATE TABLE tune_all AS SELECT user_id, item_id, event, ts FROM behav_simulate(400, 120, 40, 1);
CREATE TABLE tune_events AS SELECT * FROM tune_all WHERE ts < (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY ts) FROM tune_all);
CREATE INDEX ON tune_events (user_id, ts);
SELECT 1 AS ok FROM behav_source('tune_shop', 'tune_events');

-- behav_update: counts are those of a training on everything, bit for bit; factors and networks go on
CREATE TABLE tune_models (algorithm text, options jsonb);
INSERT INTO tune_models VALUES ('popular', '{"half_life_days": 7}'), ('markov', '{"beta": 0.25}'), ('seq_rules', '{"alpha": 1}'),
	('item_knn', '{"shrink": 5}'), ('session_knn', '{"last": 10}'), ('ease', '{"lambda": 100}'), ('als', '{"factors": 8}'),
	('sasrec', '{"dim": 8, "epochs": 4, "length": 20}');
SELECT m.algorithm, t.deployed FROM tune_models m, LATERAL behav_train('tune_' || m.algorithm, m.algorithm, 'tune_shop', m.options) t;
SELECT 1 AS ok FROM behav_train('tune_blend', 'blend', 'tune_shop', '{"candidates": ["seq_rules", "item_knn"], "k": 5}');
INSERT INTO tune_events SELECT * FROM tune_all WHERE ts >= (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY ts) FROM tune_all);
INSERT INTO tune_events SELECT user_id, 999999, 'view', max(ts) + interval '1 hour' FROM tune_all GROUP BY 1 ORDER BY max(ts) DESC LIMIT 30;
SELECT m.algorithm, u.algorithm = m.algorithm AS same, u.version, u.new_events > 0 AS events, u.new_items, u.value BETWEEN 0 AND 1 AS value,
	u.old_value BETWEEN 0 AND 1 AS old_value, u.baseline BETWEEN 0 AND 1 AS baseline, u.note ~ '^ndcg@10 .* of version 1 on the same [0-9]+ cases$' AS note, u.deployed
FROM tune_models m, LATERAL behav_update('tune_' || m.algorithm, deploy => 'always') u;
SELECT version, metric, new_items, note ~ 'of version 1' AS note FROM behav_update('tune_blend');
SELECT 1 AS ok FROM tune_models m, LATERAL behav_train('again_' || m.algorithm, m.algorithm, 'tune_shop', m.options) t WHERE m.algorithm NOT IN ('als', 'sasrec');
SELECT m.algorithm, count(*) > 0 AS tensors, bool_and(a.crc IS NOT DISTINCT FROM b.crc AND a.shape = b.shape) AS as_trained
FROM tune_models m
JOIN behavmine.model x ON x.name = 'tune_' || m.algorithm JOIN behavmine.model y ON y.name = 'again_' || m.algorithm
JOIN behavmine.tensor a ON a.model_id = x.model_id AND a.version = 2
LEFT JOIN behavmine.tensor b ON b.model_id = y.model_id AND b.version = 1 AND b.name = a.name AND b.chunk_no = a.chunk_no
WHERE a.name NOT IN ('popularity') GROUP BY 1 ORDER BY 1;
SELECT parent, (encoder->'training'->>'epochs')::int AS trained FROM behavmine.version JOIN behavmine.model USING (model_id)
WHERE name = 'tune_als' AND version = 2;
-- a new item has a code, and answers
SELECT count(*) FROM behavmine.code JOIN behavmine.model USING (model_id) WHERE name = 'tune_als' AND version = 2 AND key = '999999';
SELECT count(*) FROM behav_similar_items(999999, 5, model => 'tune_als');
-- nothing new; a worse version is not deployed; rights and mistakes
SELECT version, new_events, value, deployed, note ~ '^no events after ' AS note FROM behav_update('tune_als');
SELECT count(*) FROM behav_versions WHERE model = 'tune_als';
SELECT behav_update('tune_nothing');
SELECT behav_update('tune_als', '{"factors": 4}');
SELECT behav_update('tune_als', '{"newest": 2}');
SELECT behav_update('tune_als', deploy => 'perhaps');

-- an event that was inserted changes the next answer, whatever the algorithm
CREATE FUNCTION tune_answer(name text) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(item_id || ':' || score, ' ' ORDER BY rank) FROM behav_recommend(7, 20, name, 'purchased')$$;
CREATE TABLE tune_before AS SELECT name, tune_answer(name) AS answer FROM behavmine.model WHERE name LIKE 'tune\_%';
INSERT INTO tune_events SELECT 7, item_id, 'purchase', (SELECT max(ts) + interval '3 hours' FROM tune_all) FROM (SELECT split_part(answer, ':', 1)::bigint AS item_id FROM tune_before) x GROUP BY 1, 2;
SELECT name, answer IS DISTINCT FROM tune_answer(name) AS changed FROM tune_before ORDER BY name;

-- behav_tune: settings are a function of the seed and the number
SELECT trial, algorithm, options, status, share, value BETWEEN 0 AND 1 AS value, memory > 0 AS memory, answer_ms >= 0 AS answer_ms, version IS NOT NULL AS chosen
FROM behav_tune('tuned', '{"seq_rules": {"alpha": [0, 0.5, 1], "steps": {"range": [2, 20]}}, "als": {"factors": [4, 8], "regularization": {"log": [0.001, 0.1]}, "iterations": 3}}',
	4, source => 'tune_shop', seed => 5) ORDER BY trial;
SELECT count(*) FILTER (WHERE chosen) AS chosen, count(*) AS trials, max(study) AS study FROM behav_trials WHERE model = 'tuned';
SELECT t.value = (SELECT max(value) FROM behav_trials) AS best, v.algorithm = t.algorithm AS algorithm, v.options @> t.options AS options
FROM behav_trials t JOIN behav_versions v ON v.model = t.model AND v.version = t.version WHERE t.chosen;
-- a run that was killed: its last trials and its end are missing; the same call goes on
CREATE TABLE tune_kept AS SELECT trial, options, value FROM behavmine.trial WHERE model = 'tuned';
DELETE FROM behavmine.trial WHERE model = 'tuned' AND trial > 5;
UPDATE behavmine.trial SET chosen = false, version = NULL, seconds = 12345;
SELECT count(*) AS trials, count(*) FILTER (WHERE seconds = 12345) AS kept, max(study) AS study
FROM behav_tune('tuned', '{"seq_rules": {"alpha": [0, 0.5, 1], "steps": {"range": [2, 20]}}, "als": {"factors": [4, 8], "regularization": {"log": [0.001, 0.1]}, "iterations": 3}}',
	4, source => 'tune_shop', seed => 5);
SELECT bool_and(k.options = t.options AND k.value = t.value) AS same FROM tune_kept k LEFT JOIN behavmine.trial t USING (trial);
-- halving: a third goes on
SELECT rung, round(share::numeric, 2) AS share, count(*) FILTER (WHERE trial > 4) AS drawn FROM
	behav_tune('tuned', '{"seq_rules": {}, "als": {"factors": [4, 8]}}', 9, 'halving', source => 'tune_shop') GROUP BY 1, 2 ORDER BY 1;
SELECT study, count(*) FILTER (WHERE chosen) AS chosen FROM behav_trials GROUP BY 1 ORDER BY 1;
-- a default space draws what every algorithm takes
SELECT count(*) FROM behav_tune('tuned', NULL, 1, source => 'tune_shop', seed => 2);
-- mistakes
SELECT * FROM behav_tune('tuned', '{"alz": {}}');
SELECT * FROM behav_tune('tuned', '{"als": {"factorz": [1]}}');
SELECT * FROM behav_tune('tuned', '{"als": {"factors": [0]}}');
SELECT * FROM behav_tune('tuned', '{"als": {"factors": {"log": [0, 1]}}}');
SELECT * FROM behav_tune('tuned', '{"als": {"factors": []}}');
SELECT * FROM behav_tune('tuned', '{"gbdt": {}}');
SELECT * FROM behav_tune('tuned', '[]');
SELECT * FROM behav_tune('tuned', method => 'grid');
SELECT * FROM behav_tune('tuned', trials => 0);

-- behav_compare: always beside the four, with what it costs
SELECT algorithm, memory > 0 AS memory, answer_ms >= 0 AS answer_ms FROM behav_compare('tune_shop', ARRAY['markov']) ORDER BY 1;

SELECT count(behav_drop_model(name)) FROM behavmine.model WHERE name LIKE 'tune%' OR name LIKE 'again\_%';
SELECT behav_drop_source('tune_shop');
DELETE FROM behavmine.trial;
DROP FUNCTION tune_answer;
DROP TABLE tune_all, tune_events, tune_models, tune_before, tune_kept;
