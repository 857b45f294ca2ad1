-- Who leaves: features at a cut, models, risk, survival.
SET behavmine.progress = off;
SET TimeZone = 'UTC';
SET extra_float_digits = 0;

-- by hand: a buys on three days (twice on one), b once and gives it all back, c buys after the cut only, d returns a part
CREATE TABLE sale (who text, at timestamptz, amount numeric);
INSERT INTO sale VALUES
	('a', '2024-01-01 10:00', 10), ('a', '2024-01-11 19:00', 20), ('a', '2024-01-11 20:00', 5), ('a', '2024-01-31 10:00', 30), ('a', '2024-02-20 10:00', 40),
	('b', '2024-01-05 10:00', 10), ('b', '2024-01-05 12:00', -10), ('c', '2024-02-12 10:00', 10), ('d', '2024-01-20 12:00', 50), ('d', '2024-01-25 12:00', -20),
	(NULL, '2024-01-05 10:00', 1), ('e', 'infinity', 1), ('f', '2024-03-31 00:00', 1);
\set cols 'data => ''sale'', user_id => ''who'', ts => ''at'', value => ''amount'''
SELECT user_id, round(recency::numeric, 3) AS recency, round(tenure::numeric, 3) AS tenure, purchases, gap_mean, round(gap_sd::numeric, 3) AS gap_sd, recent, trend,
	round(weekend::numeric, 3) AS weekend, round(evening::numeric, 3) AS evening, total, recent_total, returned, items, churned
FROM behav_churn_features(at => '2024-02-10', horizon => '20 days', :cols) ORDER BY 1;
SELECT user_id, churned FROM behav_churn_features(at => '2024-02-10', horizon => '5 days', :cols, options => '{"active": 15}') ORDER BY 1;
SELECT count(*), count(churned) AS known FROM behav_churn_features(at => '2024-03-30', horizon => '20 days', :cols);
SELECT count(*) FROM behav_churn_features(at => '2020-01-01', :cols);

-- a shop
CREATE TABLE events AS SELECT * FROM behav_simulate(users => 400, items => 60, days => 150, seed => 3);
CREATE TABLE goods AS SELECT i AS item_id, 'kind ' || i % 5 AS kind FROM generate_series(1, 60) i;
SELECT FROM behav_source('shop', 'events', items => 'goods');
-- nothing is known too early: whatever happens from the cut on, the features of the cut do not move, but labels do
CREATE TABLE before AS SELECT * FROM behav_churn_features('shop', '2024-11-01', '20 days', options => '{"category": "kind"}');
BEGIN;
UPDATE events SET price = price * 7, quantity = quantity + 3, item_id = 1 WHERE ts >= '2024-11-01';
DELETE FROM events WHERE ts >= '2024-11-01' AND user_id % 2 = 0;
INSERT INTO events SELECT user_id, 5, 'purchase', '2024-11-01', 1, 1, 1 FROM generate_series(1, 399, 2) user_id;
CREATE TEMP TABLE later AS SELECT * FROM behav_churn_features('shop', '2024-11-01', '20 days', options => '{"category": "kind"}');
SELECT count(*) > 200 AS many, count(*) FILTER (WHERE to_jsonb(b) - 'churned' IS DISTINCT FROM to_jsonb(l) - 'churned') AS moved,
	bool_and(l.churned = (l.user_id::bigint % 2 = 0)) AS labels
FROM before b FULL JOIN later l USING (user_id);
-- and the detector detects: one event just before the cut
INSERT INTO events SELECT user_id, 5, 'purchase', '2024-10-31 23:59:59.999999', 1, 1, 1 FROM generate_series(1, 10) user_id;
SELECT count(*) >= 10 AS moved FROM (SELECT * FROM behav_churn_features('shop', '2024-11-01', '20 days', options => '{"category": "kind"}') EXCEPT SELECT * FROM later) x;
ROLLBACK;
SELECT bool_and(categories BETWEEN 1 AND 5 AND items >= categories) AS breadth, bool_and(events >= 0 AND idle <= recency) AS activity FROM before;

-- the model beside its baselines
SELECT answer LIKE 'no purchase for%' AS rule, answer = 'majority' AS majority, auc > 0.75 AS useful, auc = 0.5 AS coin, accuracy > 0.5 AS right, log_loss < 0.69 AS calibrated, tested_at, deployed
FROM behav_churn('leaving', 'shop', '20 days', 'logistic');
SELECT algorithm, metric, value > baseline AS better, rows > 500 AS rows FROM behav_versions WHERE model = 'leaving';
SELECT count(*) > 300 AS all_customers, bool_and(probability BETWEEN 0 AND 1) AS probabilities, max(until - at) = interval '20 days' AS horizon FROM behav_churn_table('leaving');
SELECT count(*) AS same FROM behav_churn_risk(42, 'leaving') NATURAL JOIN behav_churn_table('leaving');
SELECT count(*) AS same FROM behav_churn_risk('42'::text, 'leaving', '2024-12-01') NATURAL JOIN behav_churn_table('leaving', '2024-12-01');
-- the newest cut, predicted as of then: who left had the higher probability
SELECT corr(probability, churned::int) > 0.3 AS ranks FROM behav_churn_table('leaving', '2024-12-10') JOIN behav_churn_features('shop', '2024-12-10', '20 days') USING (user_id);
-- live: a purchase just now lowers the risk; nobody knows a stranger
SELECT probability AS before FROM behav_churn_risk(7, 'leaving') \gset
INSERT INTO events VALUES (7, 5, 'purchase', '2025-01-01 08:00', 9, 1, 1);
SELECT probability < :before AS lower, recency < 0.001 AS fresh FROM behav_churn_risk(7, 'leaving');
SELECT count(*) FROM behav_churn_risk(99999, 'leaving');
-- as any model of rows: explained, rolled back, exported; no table is left
SELECT count(*) > 5 AS shares FROM behav_churn_features('shop', horizon => '20 days') f, behav_explain_row('leaving', f) e WHERE f.user_id = '42';
SELECT behav_import('copy', behav_export('leaving'), deploy => true);
SELECT count(*) AS same FROM behav_churn_risk(42, 'leaving') a JOIN behav_churn_risk(42, 'copy') b USING (user_id, probability, at);
SELECT count(*) FROM pg_class WHERE relname = 'behav_churn_training';
-- from a plain table
SELECT auc > 0.7 OR answer = 'majority' AS useful FROM behav_churn('plain', horizon => '20 days', algorithm => 'logistic', data => 'events', user_id => 'user_id', ts => 'ts', value => 'price');
SELECT count(*) FROM behav_churn_risk(42, 'plain');

-- survival: by hand, by segment of a table
SELECT segment, days, at_risk, churned, censored, round(survival::numeric, 3) AS survival FROM behav_churn_survival(horizon => '25 days', :cols);
CREATE TABLE part AS SELECT DISTINCT user_id, CASE WHEN user_id % 2 = 0 THEN 'even' ELSE 'odd' END AS segment FROM events;
SELECT segment, max(at_risk) > 100 AS many, min(survival) < 1 AS leave, bool_and(low <= survival AND survival <= high) AS band, sum(churned + censored) = max(at_risk) AS complete
FROM behav_churn_survival('shop', '20 days', 'part') GROUP BY 1 ORDER BY 1;

-- refused
\set VERBOSITY default
SELECT * FROM behav_churn('bad', 'shop', '100 days');
\set VERBOSITY terse
SELECT * FROM behav_churn('bad', 'shop', '-1 days');
SELECT * FROM behav_churn('bad');
SELECT * FROM behav_churn('bad', 'shop', '20 days', options => '{"categry": "kind"}');
SELECT * FROM behav_churn('bad', 'shop', '20 days', options => '{"category": "kinds"}');
SELECT * FROM behav_churn('bad', horizon => '20 days', data => 'events', user_id => 'user_id', ts => 'ts', options => '{"category": "kind"}');
CREATE TABLE views AS SELECT * FROM events WHERE event = 'view';
SELECT FROM behav_source('views', 'views');
SELECT * FROM behav_churn('bad', 'views', '20 days');
CREATE TABLE empty AS SELECT * FROM events LIMIT 0;
SELECT * FROM behav_churn('bad', horizon => '20 days', data => 'empty', user_id => 'user_id', ts => 'ts');
-- everybody buys every day: one class
CREATE TABLE daily AS SELECT u AS user_id, '2024-01-01'::timestamptz + d * interval '1 day' AS ts FROM generate_series(1, 20) u, generate_series(0, 99) d;
SELECT * FROM behav_churn('bad', horizon => '10 days', data => 'daily', user_id => 'user_id', ts => 'ts');
SELECT count(*) FROM pg_class WHERE relname = 'behav_churn_training';
SELECT count(*) FROM behav_models WHERE model = 'bad';
SELECT * FROM behav_churn_risk(1, 'nobody');
CREATE TABLE rows AS SELECT i AS a, i % 2 = 0 AS b FROM generate_series(1, 200) i;
SELECT FROM behav_train('other', 'logistic', data => 'rows', target => 'b');
SELECT * FROM behav_churn_risk(1, 'other');

SELECT behav_drop_model(m) FROM unnest('{leaving,copy,plain,other}'::text[]) m;
DROP TABLE sale, events, goods, before, part, views, empty, daily, rows;
DELETE FROM behavmine.source WHERE name IN ('shop', 'views');
