-- RFM, models of customers, the next purchase.
SET behavmine.progress = off;
SET TimeZone = 'UTC';

-- returns: b gives back a part on another day, c all on the same day, d has a return alone, e a free item
CREATE TABLE sale (who text, at timestamptz, amount numeric, pieces int);
INSERT INTO sale VALUES
	('a', '2024-01-01 10:00', 10, 1), ('a', '2024-01-01 23:00', 5, 1), ('a', '2024-01-08 09:00', 20, 2),
	('a', '2024-01-29 09:00', 40, 1), ('b', '2024-01-05 12:00', 30, 1), ('b', '2024-01-10 12:00', -12, -1),
	('c', '2024-01-06 12:00', 50, 1), ('c', '2024-01-06 18:00', -50, -1), ('c', '2024-01-20 12:00', 8, 1),
	('d', '2024-01-07 12:00', -5, -1), ('e', '2024-01-09 12:00', 0, 1), ('f', '2024-02-20 12:00', 9, 1),
	(NULL, '2024-01-02 12:00', 7, 1), ('', '2024-01-02 12:00', 7, 1), ('g', 'infinity', 7, 1), ('h', NULL, 7, 1),
	('i', '2024-01-03 12:00', 'NaN', 1), ('j', '2024-01-31 23:30', 1, 1);
SELECT user_id, purchases, frequency, recency, t, monetary, total, returned, last_purchase::date, r, f, m, segment
FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', value => 'amount', until => '2024-02-01');
-- days are those of a clock: in Tokyo a's two purchases of 1 January are on two days, and j's is in February
SELECT user_id, purchases, recency, t FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', value => 'amount',
	until => '2024-01-31 15:00+00', options => '{"time_zone": "Asia/Tokyo"}') WHERE user_id IN ('a', 'j');
SELECT user_id, purchases, round(recency::numeric, 3) AS recency FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at',
	value => 'amount', options => '{"period": "instant"}') WHERE user_id = 'a';
-- value times quantity; value as the row's amount; quantities alone; neither
SELECT user_id, total FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', value => 'amount', quantity => 'pieces') WHERE user_id = 'a';
SELECT user_id, total FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', value => 'amount', quantity => 'pieces',
	options => '{"amount": "total"}') WHERE user_id = 'a';
SELECT user_id, purchases, total, m, segment FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', quantity => 'pieces') WHERE user_id IN ('a', 'b', 'd');
SELECT user_id, purchases FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at') WHERE user_id IN ('b', 'd');
SELECT count(*) FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', until => '2020-01-01');

-- a source: only purchases count
CREATE TABLE events AS SELECT * FROM behav_simulate(users => 400, items => 60, days => 60, seed => 3);
SELECT FROM behav_source('shop', 'events');
SELECT count(*) > 300 AS many, bool_and(r BETWEEN 1 AND 5 AND f BETWEEN 1 AND 5 AND m BETWEEN 1 AND 5) AS scores,
	sum(purchases) = (SELECT count(DISTINCT (user_id, ts::date)) FROM events WHERE event = 'purchase') AS purchases,
	round(sum(total)::numeric, 2) = (SELECT round(sum(price * quantity)::numeric, 2) FROM events WHERE event = 'purchase') AS money
FROM behav_rfm('shop');

-- customers of whom some never come back, and some leave after one to three more purchases
CREATE TABLE visit AS
SELECT u AS id, '2024-01-01 12:00+00'::timestamptz + (u % 40 + k * (3 + u % 9)) * interval '1 day' AS at, 10.0 + (u * 7 + k * 3) % 11 AS amount
FROM generate_series(1, 300) u, generate_series(0, 12) k WHERE k <= CASE WHEN u % 5 < 2 THEN 0 WHEN u % 3 = 0 THEN u % 4 ELSE 12 END;
\set cols 'data => ''visit'', user_id => ''id'', ts => ''at'', value => ''amount'', until => ''2024-04-10'''
SELECT algorithm, customers, repeaters, log_likelihood < 0 AS fitted, details -> 'parameters' ?& '{r,alpha}' AS named, spend_log_likelihood < 0 AS spend, deployed
FROM behav_fit_value('worth', :cols);
SELECT algorithm, customers, log_likelihood < 0 AS fitted FROM behav_fit_value('worth_m', 'mbg_nbd', :cols, options => '{"unit": "day", "spend": false}', deploy => 'never');
SELECT algorithm, customers, log_likelihood < 0 AS fitted FROM behav_fit_value('worth_p', 'pareto_nbd', :cols, deploy => 'always');
-- the unit moves parameters only: log-likelihoods differ by (sum of x) ln(7)
SELECT abs(a.value - b.value - b.x * ln(7)) < 0.01 AS same_model
FROM (SELECT log_likelihood AS value FROM behav_fit_value('u', 'bg_nbd', :cols, options => '{"unit": "week"}', deploy => 'never')) a,
	(SELECT log_likelihood AS value, (SELECT sum(frequency) FROM behav_rfm(:cols)) AS x
	FROM behav_fit_value('u', 'bg_nbd', :cols, options => '{"unit": "day"}', deploy => 'never')) b;
SELECT v.model, v.version, m.task, v.algorithm, v.metric, v.deployed FROM behav_versions v JOIN behav_models m USING (model) WHERE m.task = 'value' ORDER BY 1, 2;
SELECT t.name, t.shape FROM behavmine.tensor t JOIN behavmine.model m USING (model_id) WHERE m.name = 'worth' ORDER BY 1;

-- answers
SELECT count(*) = 300 AS all_customers, bool_and(p_alive BETWEEN 0 AND 1) AS alive, bool_and(purchases >= 0) AS purchases,
	bool_and(abs(value - purchases * amount) < 1e-9) AS value, bool_and(discounted <= value + 1e-9) AS discounted
FROM behav_clv_table('60 days', 'worth', at => '2024-04-10');
SELECT count(*) AS same FROM behav_clv(7, '60 days', 'worth', '2024-04-10') NATURAL JOIN behav_clv_table('60 days', 'worth', at => '2024-04-10');
SELECT count(*) AS same FROM behav_clv('7', '60 days', 'worth', '2024-04-10', 0) NATURAL JOIN behav_clv_table('60 days', 'worth', at => '2024-04-10', discount => 0)
WHERE abs(value - discounted) < 1e-9;
SELECT count(*) AS unknown_user FROM behav_clv(-1, model => 'worth');
SELECT bool_and(within BETWEEN 0 AND p_alive) AS within, bool_and(early <= median AND median <= late) AS ordered,
	count(*) FILTER (WHERE median IS NULL) = count(*) FILTER (WHERE p_alive < 0.5) AS median_needs_life, bool_and(median_if_alive IS NOT NULL) AS if_alive,
	bool_and((within >= 0.5) = (median <= '2024-05-10' AND median IS NOT NULL)) AS median_is_where_half_have_bought
FROM behav_next_purchase_table('30 days', 'worth', at => '2024-04-10');
SELECT count(*) AS same FROM behav_next_purchase(7, '30 days', 'worth', '2024-04-10') NATURAL JOIN behav_next_purchase_table('30 days', 'worth', at => '2024-04-10');
-- a purchase that was inserted a moment ago counts
BEGIN;
SELECT frequency AS before FROM behav_clv(8, model => 'worth') \gset
INSERT INTO visit VALUES (8, '2024-04-11', 12);
SELECT frequency - :before AS more, t > 90 AS later FROM behav_clv(8, model => 'worth');
ROLLBACK;
-- versions: rollback, and none left
SELECT FROM behav_fit_value('worth', 'mbg_nbd', :cols);
SELECT behav_rollback('worth');
SELECT round(sum(p_alive)::numeric, 3) > 0 AS answers FROM behav_clv_table(model => 'worth');

-- errors
\set VERBOSITY terse
SELECT * FROM behav_rfm();
SELECT * FROM behav_rfm('shop', data => 'sale');
SELECT * FROM behav_rfm(data => 'sale', ts => 'at');
SELECT * FROM behav_rfm(data => 'sale', user_id => 'nobody', ts => 'at');
SELECT * FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', until => 'infinity');
SELECT * FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', options => '{"time_zone": "Mars/Olympus"}');
SELECT * FROM behav_rfm(data => 'sale', user_id => 'who', ts => 'at', options => '{"perod": "day"}');
SELECT * FROM behav_fit_value('x', 'bg_nbdd', data => 'sale', user_id => 'who', ts => 'at');
SELECT * FROM behav_fit_value('x', data => 'sale', user_id => 'who', ts => 'at', deploy => 'often');
\set VERBOSITY default
SELECT * FROM behav_fit_value('x', data => 'sale', user_id => 'who', ts => 'at', until => '2024-01-05');
\set VERBOSITY terse
SELECT * FROM behav_fit_value('x', data => 'sale', user_id => 'who', ts => 'at', until => '2000-01-01');
SELECT * FROM behav_clv(1, '0 days', 'worth');
SELECT * FROM behav_clv(1, '-1 days', 'worth');
SELECT * FROM behav_clv(1, model => 'worth', discount => -1);
\set VERBOSITY sqlstate
SELECT * FROM behav_clv('x', model => 'worth');
\set VERBOSITY terse
SELECT * FROM behav_next_purchase(1, model => 'worth', low => 0);
SELECT * FROM behav_clv(1);
SELECT * FROM behav_clv(1, model => 'u');
SELECT * FROM behav_clv(1, model => 'worht');
SELECT * FROM behav_recommend(1, model => 'worth');
SELECT * FROM behav_train('worth', 'popular', 'shop');
UPDATE behavmine.tensor SET values = '{-1,1,1,1}' WHERE name = 'purchases' AND model_id = (SELECT model_id FROM behavmine.model WHERE name = 'worth_p');
SELECT * FROM behav_clv(1, model => 'worth_p');
-- one customer who came back: a best point, and the flag
CREATE TABLE one AS SELECT 1 AS id, d::timestamptz AS at FROM unnest('{2024-01-01,2024-01-09,2024-01-20}'::date[]) d;
SELECT customers, repeaters, deployed, note FROM behav_fit_value('one', data => 'one', user_id => 'id', ts => 'at', deploy => 'if_converged');

SELECT behav_drop_model(m) FROM unnest('{worth,worth_m,worth_p,u,one}'::text[]) m;
DROP TABLE sale, events, visit, one;
DELETE FROM behavmine.source WHERE name = 'shop';
