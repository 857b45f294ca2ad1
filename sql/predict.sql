-- Models of rows: training, answers, explanations, measurements, bad input.
SET behavmine.progress = off;
-- where libxgboost is missing or not, the tests are the same
SET behavmine.xgboost_library = '/nowhere/libxgboost.so';

-- visits: a planted rule of numbers and a category, a little noise, no randomness
CREATE FUNCTION noise(i int, k int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	$$SELECT ((i::bigint * (7919 + 104 * k) * 31 + (i::bigint * i % 1009) * 6151 * k) % 10007) / 10007.0$$;
CREATE TABLE visits AS
SELECT i AS id, 18 + (noise(i, 1) * 50)::int AS age, noise(i, 2) * 10 AS pages,
	(ARRAY['Paris', 'Rome', 'Oslo'])[1 + (noise(i, 3) * 2.99)::int % 3] AS city,
	CASE WHEN noise(i, 4) > 0.1 THEN (noise(i, 4) * 100)::numeric(6, 2) END AS spent,
	timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' AS seen, i % 40 AS user_id
FROM generate_series(1, 1200) i;
ALTER TABLE visits ADD bought boolean, ADD segment text, ADD total float8;
UPDATE visits SET
	bought = pages + CASE city WHEN 'Paris' THEN 3 ELSE 0 END - age / 10.0 + 2 * noise(id, 5) > 3,
	segment = CASE WHEN pages > 6.6 THEN 'often' WHEN pages > 3.3 THEN 'some' ELSE 'rare' END,
	total = 3 * pages - 0.5 * age + CASE city WHEN 'Rome' THEN 7 ELSE 0 END + noise(id, 6);

-- binary: the best setting of one algorithm, the baseline beside
SELECT model, version, task, algorithm, rows, users, items, metric, value > 0.9 AS good, baseline, deployed, note
FROM behav_train('buy', data => 'visits', target => 'bought',
	features => '{age,pages,city,spent}', options => '{"folds": 5, "candidates": ["logistic"]}');
SELECT task, algorithm, metric, source FROM behav_models WHERE model = 'buy';
SELECT t.bought = (p.class = 'true') AS right, count(*) > 1000 AS most, bool_and(p.value IS NULL) AS no_value,
	bool_and(abs((p.probabilities ->> 'true')::float8 - p.probability) < 1e-5) AS of_the_positive
FROM visits t, behav_predict('buy', t) p GROUP BY 1 ORDER BY 1;
SELECT p.class, p.probability > 0.5 AS likely
FROM behav_predict('buy', '{"age": 20, "pages": 9.5, "city": "Paris", "spent": null}'::jsonb) p;
-- the row and the object give the same; an unseen category and NULLs have an answer
SELECT bool_and(a.probability = b.probability) AS same
FROM visits t, behav_predict('buy', t) a, behav_predict('buy', to_jsonb(t)) b WHERE t.id <= 100;
SELECT p.probability BETWEEN 0 AND 1 AS answered
FROM behav_predict('buy', '{"age": null, "pages": null, "city": "Atlantis", "spent": null}'::jsonb) p;
SELECT count(*) FROM behav_predict('buy', NULL::visits) p WHERE p.class IS NOT NULL;

-- explanations are exact for linear models: they add up to the difference of two log-odds
SELECT feature, value FROM visits t, behav_explain_row('buy', t) e WHERE t.id = 7 ORDER BY feature COLLATE "C";
WITH one AS (
	SELECT t.id, ln(p.probability / (1 - p.probability)) AS odds, (SELECT sum(share) FROM behav_explain_row('buy', t)) AS parts
	FROM visits t, behav_predict('buy', t) p WHERE t.id IN (7, 8))
SELECT abs((a.odds - b.odds) - (a.parts - b.parts)) < 1e-3 AS exact FROM one a, one b WHERE a.id = 7 AND b.id = 8;
SELECT abs(sum(a.share) + sum(b.share)) < 1e-5 AS opposite
FROM visits t, behav_explain_row('buy', t, 'true') a JOIN behav_explain_row('buy', (SELECT v FROM visits v WHERE id = 9), 'false') b USING (feature)
WHERE t.id = 9;
SELECT feature FROM behav_importance('buy') LIMIT 2;

-- measurements: stored ones of the test part, of folds, and those of a table by hand
SELECT part, count(*) > 8 AS metrics, bool_and(sd IS NOT NULL) AS spread FROM behav_evaluate_rows('buy') WHERE class IS NULL GROUP BY 1 ORDER BY 1;
SELECT round(e.value::numeric, 6) = round(h.accuracy, 6) AS same_accuracy
FROM behav_evaluate_rows('buy', 'visits') e,
	(SELECT avg((t.bought = (p.class = 'true'))::int) AS accuracy FROM visits t, behav_predict('buy', t) p) h
WHERE e.metric = 'accuracy';
SELECT sum(n) AS rows, round(sum(share)::numeric, 6) AS shares FROM behav_confusion('buy', 'visits');
SELECT count(*) AS bins, sum(n) AS rows, bool_and(observed BETWEEN 0 AND 1) AS shares, max(abs(predicted - observed)) < 0.25 AS near FROM behav_calibration('buy', 'visits', bins => 5);
SELECT bin, n, round(gain::numeric, 3) = 1 AS all_reached, lift > 1 AS above FROM behav_lift('buy', 'visits', bins => 4);
SELECT count(*) FROM behav_lift('buy');

-- a table of answers, made and filled anew
SELECT rows FROM behav_predict_table('buy', 'visits', 'visit_scores', 'id');
SELECT rows FROM behav_predict_table('buy', 'visits', 'visit_scores', 'id');
SELECT count(*), count(DISTINCT id), min(model), min(version) FROM visit_scores;

-- several classes, values, splits by time and by group, calibration
SELECT algorithm, metric, value > 0.95 AS good, round(baseline::numeric, 2) AS baseline FROM behav_train('kind', data => 'visits', target => 'segment', features => '{pages,age}');
SELECT class, round(probability::numeric, 1) >= 0.5 AS sure, p.probabilities ?& '{often,rare,some}' AS three
FROM behav_predict('kind', '{"pages": 9.9, "age": 30}'::jsonb) p;
SELECT DISTINCT actual FROM behav_confusion('kind') ORDER BY 1;
SELECT algorithm, metric, value > 0.99 AS good, baseline < 0.01 AS mean FROM behav_train('sum', data => 'visits', target => 'total', features => '{pages,age,city}', options => '{"folds": 3}');
SELECT class, abs(p.value - t.total) < 2 AS near FROM visits t, behav_predict('sum', t) p WHERE t.id = 5;
SELECT feature, sign(share) FROM behav_explain_row('sum', '{"pages": 9, "age": 60, "city": "Rome"}'::jsonb) ORDER BY feature;
SELECT metric, round(value::numeric, 1) = 1.0 AS one FROM behav_evaluate_rows('sum') WHERE part = 'folds' AND metric = 'r2';
SELECT value > 0.8 AS good FROM behav_train('late', 'logistic', data => 'visits', target => 'bought', features => '{age,pages,city}', options => '{"time": "seen", "calibrate": "isotonic", "threshold": "youden"}');
SELECT v.metrics ->> 'protocol' AS protocol, v.metrics ->> 'threshold_rule' AS rule, v.encoder ->> 'calibration' AS calibration
FROM behavmine.version v JOIN behavmine.model m USING (model_id) WHERE m.name = 'late';
SELECT value > 0.8 AS good FROM behav_train('groups', 'logistic', data => 'visits', target => 'bought', features => '{age,pages,city}', options => '{"group": "user_id", "calibrate": "platt", "balanced": true, "folds": 4}');

-- versions as of any model: history, weights, deploy, rollback, drop; training again needs no arguments
SELECT version, deployed FROM behav_train('buy', 'logistic');
SELECT behav_rollback('buy') AS version;
SELECT behav_deploy('buy', 2) AS version;
SELECT name, shape FROM behav_weights('buy') WHERE name LIKE 'logistic/%' ORDER BY name;
SELECT part FROM behav_summary('buy') WHERE part = 'total';
SELECT a.value = b.value AS same_seed_same_bits
FROM behav_train('again', 'logistic', data => 'visits', target => 'bought', features => '{age,pages,city}', seed => 3) a,
	behav_train('again2', 'logistic', data => 'visits', target => 'bought', features => '{age,pages,city}', seed => 3) b;
SELECT bool_and(a."values" = b."values") AS same_weights FROM behav_weights('again', 'logistic/weight') a, behav_weights('again2', 'logistic/weight') b;
SELECT behav_drop_model('again'), behav_drop_model('again2');
BEGIN READ ONLY;
SELECT class FROM behav_predict('buy', '{"age": 20, "pages": 9.5, "city": "Paris", "spent": 1}'::jsonb);
COMMIT;

-- bad input
\set VERBOSITY terse
CREATE TABLE bad (x float8, z text, y boolean, n int, v text);
SELECT behav_train('e', data => 'bad', target => 'y');
INSERT INTO bad VALUES (1, 'a', true, 1, 'q');
SELECT behav_train('e', data => 'bad', target => 'y');
INSERT INTO bad SELECT i, 'a', true, 1, 'k' || i FROM generate_series(1, 150) i;
SELECT behav_train('e', data => 'bad', target => 'y');
SELECT behav_train('e', data => 'bad', target => 'n');
SELECT behav_train('e', data => 'bad', target => 'v');
UPDATE bad SET y = NULL;
SELECT behav_train('e', data => 'bad', target => 'y');
SELECT behav_train('e', data => 'bad', target => 'nope');
SELECT behav_train('e', data => 'bad');
SELECT behav_train('e', target => 'y');
SELECT behav_train('e', source => 's', data => 'bad', target => 'y');
UPDATE bad SET y = x > 75;
SELECT behav_train('e', data => 'bad', target => 'y', features => '{x,y}');
SELECT behav_train('e', 'ease', data => 'bad', target => 'y');
SELECT behav_train('e', 'logistic');
SELECT behav_train('e', 'linear', data => 'bad', target => 'y');
SELECT behav_train('e', 'gbdt', data => 'bad', target => 'y');
SELECT behav_train('e', data => 'bad', target => 'y', options => '{"fold": 3}');
SELECT behav_train('e', data => 'bad', target => 'y', options => '{"metric": "r2"}');
SELECT behav_train('e', data => 'bad', target => 'y', options => '{"positive": "maybe"}');
SELECT behav_train('e', data => 'bad', target => 'y', options => '{"time": "x", "folds": 3}');
SELECT behav_train('e', data => 'bad', target => 'y', options => '{"time": "z"}');
SELECT behav_train('e', data => 'bad', target => 'x', options => '{"calibrate": "platt", "task": "regress"}');
-- a split by time of a target that turns over at one time leaves one class on a side
SELECT behav_train('e', data => 'bad', target => 'y', features => '{z,v}', options => '{"time": "x"}');
-- NaN and infinities
INSERT INTO bad VALUES ('NaN', 'b', true, 2, 'x'), ('Infinity', 'b', false, 2, 'x');
SELECT behav_train('e', data => 'bad', target => 'y', features => '{x,z}');
-- a feature that knows the answer is told; rows without a target are left out and counted
DELETE FROM bad WHERE z = 'b';
UPDATE bad SET y = NULL WHERE x = 1;
SELECT rows FROM behav_train('leak', 'logistic', data => 'bad', target => 'y', features => '{x,n}');
SELECT metrics -> 'rows' ->> 'without_target' AS dropped FROM behav_versions WHERE model = 'leak';
-- a column that disappeared, or has become of another type; what is no row; another kind of model
SELECT behav_predict('buy', '{"age": 20, "page": 9.5, "city": "Paris", "spent": null}'::jsonb);
SELECT behav_predict('buy', r) FROM (SELECT age, city, spent FROM visits LIMIT 1) r;
SELECT behav_predict('buy', r) FROM (SELECT age, pages > 3 AS pages, city, spent FROM visits LIMIT 1) r;
SELECT behav_predict('buy', r) FROM (SELECT age, 'NaN'::float8 AS pages, city, spent FROM visits LIMIT 1) r;
SELECT behav_predict('buy', 42);
SELECT behav_predict('buy', '[1]'::jsonb);
SELECT behav_predict('by', '{}'::jsonb);
SELECT * FROM behav_explain_row('buy', '{"age": 20, "pages": 9.5, "city": "Paris", "spent": null}'::jsonb, 'treu');
SELECT * FROM behav_recommend(1, model => 'buy');
SELECT * FROM behav_evaluate('buy');
SELECT * FROM behav_evaluate_rows('buy', 'bad');
SELECT * FROM behav_predict_table('buy', 'visits', 'visit_scores', 'idd');
SET behavmine.max_classes = 2;
SELECT behav_train('kind', data => 'visits', target => 'segment');
RESET behavmine.max_classes;
SET behavmine.max_memory = '16MB';
CREATE TABLE wide AS SELECT i % 2 = 0 AS y, i AS a, (SELECT array_agg((i * k % 97)::real) FROM generate_series(1, 200) k) AS v FROM generate_series(1, 20000) i;
SELECT behav_train('e', 'logistic', data => 'wide', target => 'y');
RESET behavmine.max_memory;

DROP TABLE visits, visit_scores, bad, wide;
DROP FUNCTION noise;
SELECT count(behav_drop_model(model)) FROM behav_models WHERE task = 'predict';
