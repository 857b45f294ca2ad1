-- Models of windows of events: the next behaviour, and whether one happens in time.
SET client_min_messages = warning;
SET behavmine.progress = off;
-- where libxgboost is missing or not, the tests are the same
SET behavmine.xgboost_library = '/nowhere/libxgboost.so';
SET TIME ZONE 'UTC';
CREATE FUNCTION draw(key text) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	$$ SELECT ('x' || substr(md5(key), 1, 7))::bit(28)::int / 268435456.0 $$;

-- what comes next depends on the two behaviours before: view, view -> cart; cart -> purchase; else view
CREATE TABLE next_shop AS
SELECT u AS user_id, (draw('i' || u || '.' || i) * 30)::int AS item_id,
	timestamptz '2026-01-01' + (i * 60 + u) * interval '10 minutes' AS ts,
	CASE WHEN draw('n' || u || '.' || i) < .1 THEN 'view'
		ELSE (ARRAY['view', 'view', 'cart', 'purchase'])[(i + u) % 4 + 1] END AS event,
	draw('p' || u || '.' || i) * 100 AS price, CASE WHEN u % 2 = 0 THEN 'red' ELSE 'blue' END AS colour
FROM generate_series(1, 50) u, generate_series(1, 60) i;
CREATE INDEX ON next_shop (user_id, ts);
SELECT users, events FROM behav_source('next_shop', 'next_shop', 'user_id', 'item_id', 'ts', event => 'event',
	value => 'price', attributes => '{colour}', options => '{"robot_events_per_day": 0, "robot_events_per_minute": 0}');

-- ---- the next behaviour ----
SELECT model, task, algorithm, rows, metric, value > .9 AS learnt, baseline < .51 AS baseline, deployed
FROM behav_train('next_event', 'gru', 'next_shop', '{"task": "next_event", "steps": 6, "epochs": 12, "units": 16,
	"learning_rate": 0.01, "refit": false}', seed => 1);
SELECT metrics -> 'rows' ->> 'training' AS training, metrics #>> '{test,n}' AS test,
	(metrics #>> '{test,macro,f1}')::float8 > (metrics #>> '{markov,macro,f1}')::float8 + .1 AS above_markov,
	(metrics #>> '{markov,macro,f1}')::float8 > (metrics #>> '{baseline,macro,f1}')::float8 AS markov_above_majority
FROM behavmine.version v JOIN behavmine.model m USING (model_id) WHERE m.name = 'next_event';
SELECT count(*), round(sum(probability)::numeric, 5) AS total, bool_and(probability >= 0) AS shares
FROM behav_next_event(7);
-- an event inserted now changes the answer; the class is that of the shares
BEGIN;
INSERT INTO next_shop VALUES (7, 1, '2026-02-10', 'cart', 5, 'blue');
SELECT event, probability > .6 AS sure FROM behav_next_event(7) LIMIT 1;
SELECT class FROM behav_predict('next_event', 7);
ROLLBACK;
SELECT n.event = p.class AS agree FROM behav_next_event(7) n, behav_predict('next_event', 7::bigint) p LIMIT 1;
SELECT n.event = p.class AS before_a_time
FROM behav_next_event(7, at => '2026-01-20') n, behav_predict('next_event', '{"user_id": 7, "at": "2026-01-20"}'::jsonb) p LIMIT 1;
-- shares are of the events as they stand in the table
SELECT count(*), bool_and(e.event = s.event AND e.item_id = s.item_id::text) AS events
FROM behav_explain_events('next_event', 7, 'view') e JOIN next_shop s ON s.user_id = 7 AND s.ts = e.ts;
SELECT feature FROM behav_importance('next_event') ORDER BY importance DESC LIMIT 1;
-- a user without events
SELECT count(*) FROM behav_next_event(4711);
SELECT * FROM behav_predict('next_event', 4711);
-- the other networks, and predictors of rows on pooled windows
SELECT a, (SELECT value > baseline + .2 FROM behav_train('next_' || a, a, 'next_shop', '{"task": "next_event", "steps": 6,
	"epochs": 8, "learning_rate": 0.01, "refit": false, "repeats": 0}', seed => 1)) AS learnt
FROM unnest(ARRAY['lstm', 'cnn', 'transformer', 'mlp']) a;
SELECT algorithm, value > .8 AS learnt FROM behav_train('next_logistic', 'logistic', 'next_shop',
	'{"task": "next_event", "steps": 6, "repeats": 0}');
SELECT count(*) FROM behav_explain_events('next_logistic', 7);
-- trained again without a word about the task
SELECT version, algorithm, value > .8 AS learnt
FROM behav_train('next_logistic', 'logistic', options => '{"repeats": 0}');
-- codes for an embedding
SELECT value > .8 AS learnt FROM behav_train('next_codes', 'gru', 'next_shop', '{"task": "next_event", "steps": 6,
	"epochs": 10, "learning_rate": 0.01, "refit": false, "repeats": 0, "columns": {"event": {"encode": "embed"}}}');
SELECT round(sum(probability)::numeric, 5) AS total FROM behav_next_event(7, 'next_codes');

-- ---- no leak ----
-- Behaviours by lot, each with a mark that tells it: whoever sees the event itself knows the answer.
CREATE TABLE next_lot AS
SELECT user_id, item_id, ts, CASE WHEN lot THEN 'buy' ELSE 'look' END AS event, CASE WHEN lot THEN 'yes' ELSE 'no' END AS mark
FROM (SELECT u AS user_id, i % 7 AS item_id, timestamptz '2026-01-01' + (i * 60 + u) * interval '10 minutes' AS ts,
	draw('l' || u || '.' || i) < .5 AS lot FROM generate_series(1, 50) u, generate_series(1, 60) i) x;
SELECT users FROM behav_source('next_lot', 'next_lot', 'user_id', 'item_id', 'ts', event => 'event', attributes => '{mark}');
SELECT abs(value - .5) < .08 AS chance FROM behav_train('lot', 'logistic', 'next_lot',
	'{"task": "next_event", "repeats": 0, "refit": false}');
SELECT abs(value - .5) < .12 AS chance FROM behav_train('lot_will', 'logistic', 'next_lot',
	'{"task": "will", "event": "buy", "within": "10 hours", "repeats": 0, "refit": false}');
-- The detector: a mark that knows the next event must be noticed, and makes the model perfect.
CREATE VIEW next_leak AS
SELECT user_id, item_id, ts, event, lead(mark, 1, 'no') OVER (PARTITION BY user_id ORDER BY ts) AS mark FROM next_lot;
SELECT users FROM behav_source('next_leak', 'next_leak', 'user_id', 'item_id', 'ts', event => 'event', attributes => '{mark}');
SET client_min_messages = notice;
SELECT value > .999 AS knows FROM behav_train('leak', 'logistic', 'next_leak',
	'{"task": "next_event", "repeats": 0, "refit": false}');
SET client_min_messages = warning;
-- What happens after the first cut changes no weight: encoder and network are of the training part.
CREATE VIEW next_changed AS
SELECT user_id, CASE WHEN ts < '2026-01-20' THEN item_id ELSE 99 END AS item_id, ts, event,
	CASE WHEN ts < '2026-01-20' THEN mark ELSE 'late' END AS mark FROM next_lot;
SELECT users FROM behav_source('next_changed', 'next_changed', 'user_id', 'item_id', 'ts', event => 'event', attributes => '{mark}');
SELECT protocol < '2026-01-20' AS cut_before FROM (SELECT substring(metrics ->> 'protocol' FROM 'validation from (.*), test') AS protocol
	FROM behavmine.version v JOIN behavmine.model m USING (model_id) WHERE m.name = 'lot') x;
SELECT count(*) FROM (SELECT behav_train('lot_' || t, 'logistic', 'next_' || s, format('{"task": "%s", "within": "10 hours", "event": "buy",
	"repeats": 0, "refit": false, "tune": false}', t)::jsonb, deploy => 'always')
	FROM (VALUES ('next_event', 'lot'), ('will', 'lot')) x (t, s)) y;
SELECT count(*) FROM (SELECT behav_train('changed_' || t, 'logistic', 'next_changed', format('{"task": "%s", "within": "10 hours", "event": "buy",
	"repeats": 0, "refit": false, "tune": false}', t)::jsonb) FROM unnest(ARRAY['next_event', 'will']) t) y;
WITH weights AS (
	SELECT m.name, (SELECT md5(string_agg(w.name || coalesce(w."values"::text, w.ints::text), ',' ORDER BY w.name, w.chunk_no))
		FROM behavmine.tensor w WHERE w.model_id = m.model_id AND w.version = d.version) AS weights
	FROM behavmine.model m, LATERAL (SELECT max(version) AS version FROM behavmine.version v WHERE v.model_id = m.model_id) d)
SELECT a.name, a.weights = b.weights AS same FROM weights a JOIN weights b ON b.name = replace(a.name, 'lot', 'changed')
WHERE a.name IN ('lot_next_event', 'lot_will') ORDER BY 1;

SELECT value < .6 AS without_it FROM behav_train('leak', 'logistic', 'next_leak',
	'{"task": "next_event", "repeats": 0, "refit": false, "exclude": ["mark"]}', deploy => 'always');

-- ---- within a time ----
SELECT algorithm, rows > 100 AS windows, value BETWEEN 0 AND 1 AS measured FROM behav_train('will', 'gru', 'next_shop',
	'{"task": "will", "event": "purchase", "within": "20 hours", "steps": 8, "epochs": 5, "repeats": 1}', seed => 1);
SELECT class IN ('true', 'false') AS answered, probability BETWEEN 0 AND 1 AS share
FROM behav_predict('will', '{"user_id": 7, "at": "2026-01-20"}'::jsonb);
SELECT count(*), count(event) AS events FROM behav_explain_events('will', 7, at => '2026-01-20');

-- ---- bad input ----
\set VERBOSITY sqlstate
SELECT behav_train('x', 'gru', 'next_shop', '{"task": "next"}');
SELECT behav_train('x', 'gru', 'next_shop', '{"task": "will", "event": "purchas"}');
SELECT behav_train('x', 'gru', 'next_shop', '{"task": "will", "within": "-1 day"}');
SELECT behav_train('x', 'gru', 'next_shop', '{"task": "will", "within": "60 days"}');
SELECT behav_train('x', 'gru', 'next_shop', '{"task": "next_event", "folds": 3}');
SELECT behav_train('x', 'gru', 'next_shop', '{"task": "next_event", "exclude": ["colur"]}');
SELECT behav_train('x', 'sasrec', 'next_shop', '{"task": "next_event"}');
SELECT behav_train('x', 'mlp', 'next_shop');
SELECT behav_train('x', 'lstm', data => 'next_shop', target => 'price');
SELECT behav_train('x', 'mlp', data => 'next_shop', target => 'event', options => '{"task": "next_event"}');
SELECT behav_predict('next_event', 'seven'::text);
SELECT behav_predict('next_event', s) FROM next_shop s LIMIT 1;
SELECT behav_predict('next_event', '{"user": 7}'::jsonb);
SELECT behav_next_event(7, 'will');
SELECT behav_explain_row('next_event', 7);
SELECT behav_explain_events('next_event', 7, 'fly');
SELECT behav_evaluate_rows('next_event', 'next_shop');
SELECT behav_predict_table('next_event', 'next_shop', 'into_table', 'user_id');
\set VERBOSITY default
SELECT behav_train('x', 'gru', 'next_shop', '{"task": "will", "event": "purchas"}');
-- more than the memory allowed
SET behavmine.max_memory = '16MB';
\set VERBOSITY sqlstate
SELECT behav_train('x', 'gru', 'next_shop', '{"task": "next_event", "columns": {"item": {"encode": "hash", "buckets": 3000}}}');
RESET behavmine.max_memory;
\set VERBOSITY default

-- ---- cnn over a row: ten planted behaviours, cleaned, one-hot, scaled to [0,1] ----
CREATE TABLE next_rows AS
SELECT CASE WHEN draw('m' || i) < .02 THEN NULL ELSE b * 7 % 10 + draw('a' || i) END AS dwell, b * 3 % 10 + draw('b' || i) AS clicks,
	CASE WHEN draw('o' || i) < .01 THEN 1000 ELSE b * 9 % 10 + draw('c' || i) END AS depth,
	(ARRAY['phone', 'desk', 'tablet'])[(b + (draw('d' || i) * 1.2)::int) % 3 + 1] AS device,
	'b' || CASE WHEN draw('x' || i) < .03 THEN (draw('y' || i) * 10)::int % 10 ELSE b END AS behaviour
FROM (SELECT i, i % 10 AS b FROM generate_series(1, 3000) i) r;
SELECT algorithm, value > .9 AS accurate FROM behav_train('rows_cnn', 'cnn', data => 'next_rows', target => 'behaviour',
	options => '{"metric": "accuracy", "numbers": {"scale": "minmax", "clip": "iqr"}, "schedule": "plateau", "schedule_every": 1000,
	"batch": 32, "epochs": 25, "learning_rate": 0.003, "repeats": 0, "refit": false}', seed => 1);
SELECT (metrics #>> '{validation,accuracy}')::float8 >= .9 AS accuracy, (metrics #>> '{validation,recall}')::float8 >= .875 AS recall,
	(metrics #>> '{validation,macro,f1}')::float8 >= .875 AS f1
FROM behavmine.version v JOIN behavmine.model m USING (model_id) WHERE m.name = 'rows_cnn';

SELECT count(behav_drop_model(name)) > 0 AS dropped FROM behavmine.model
WHERE name LIKE 'next%' OR name LIKE 'lot%' OR name LIKE 'changed%' OR name IN ('leak', 'will', 'rows_cnn');
DROP VIEW next_leak, next_changed;
DROP TABLE next_shop, next_lot, next_rows;
DROP FUNCTION draw;
