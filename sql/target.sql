-- Models of whom a treatment moves, and whom to address under a budget.
SET behavmine.progress = off;
SET TimeZone = 'UTC';
SET extra_float_digits = 0;

CREATE FUNCTION u(i int, salt int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT (hashint8extended(i, salt) & 1048575) / 1048576.0 $$;
-- a mail moves who visits often; the age says nothing
CREATE TABLE campaign AS
SELECT user_id, visits, age, city, mailed, p < 0.1 + CASE WHEN mailed THEN effect ELSE 0 END AS bought, effect
FROM (SELECT i AS user_id, (10 * u(i, 1))::int AS visits, (60 * u(i, 4))::int AS age, 'city ' || i % 4 AS city,
	u(i, 2) < 0.5 AS mailed, u(i, 3) AS p, 0.04 * greatest((10 * u(i, 1))::int - 5, 0) AS effect FROM generate_series(1, 12000) i) s;

-- rankings: learners, the rule of one column, chance
SELECT ranking, version, qini BETWEEN low AND high AS within, CASE WHEN ranking = 'random' THEN abs(qini) < 0.1 ELSE qini > 0.1 END AS as_planted
FROM behav_uplift('mail', 'campaign', 'bought', 'mailed', '{visits,age,city}', seed => 1);
SELECT metric, value > 0.1 AS good, deployed FROM behav_versions WHERE model = 'mail';
SELECT m.task FROM behav_models m WHERE model = 'mail';
-- every learner finds the effects
CREATE FUNCTION quality(learner text) RETURNS text LANGUAGE sql AS $$
	SELECT FROM behav_uplift('m', 'campaign', 'bought', 'mailed', '{visits,age,city}', jsonb_build_object('learner', $1, 'trees', 50), 'always');
	SELECT v.algorithm || ' ' || (corr(s.uplift, c.effect) > 0.8) || ' ' || (abs(avg(s.uplift) - avg(c.effect)) < 0.02)
	FROM behav_uplift_scores('m', 'campaign') s JOIN campaign c ON c.user_id::text = s.id, behav_versions v WHERE v.model = 'm' AND v.deployed GROUP BY v.algorithm $$;
SELECT quality(l) FROM unnest('{s_learner,t_learner,class_transform,uplift_forest}'::text[]) l;
-- amounts instead of yes and no
CREATE VIEW amount AS SELECT user_id, visits, age, mailed::int AS mailed, bought::int * 9.5 + age * 0.01 AS spent FROM campaign;
SELECT count(*) AS rankings, bool_and(qini IS NOT NULL) AS measured FROM behav_uplift('amounts', 'amount', 'spent', 'mailed', '{visits,age}');
SELECT metric FROM behav_versions WHERE model = 'amounts';
-- one row; JSON; missing values; the same from the table form
SELECT p.uplift > 0.1 AS much, p.low <= p.seen AND p.seen <= p.high AS band FROM behav_uplift_predict('mail', '{"visits": 10, "age": 30, "city": "city 1"}'::jsonb) p;
SELECT p.uplift < 0.1 AS little FROM behav_uplift_predict('mail', '{"visits": 0, "age": null, "city": null}'::jsonb) p;
SELECT count(*) AS same FROM campaign t, behav_uplift_predict('mail', t) p JOIN behav_uplift_scores('mail', 'campaign') s USING (uplift, seen, low, high) WHERE s.id = t.user_id::text;
SELECT (array_agg(feature))[1:2] AS strongest FROM behav_uplift_explain('mail', '{"visits": 10, "age": 30, "city": "city 1"}'::jsonb);
-- the learner's shares sum to the effect (a forest)
SELECT abs(sum(e.share) - max(p.uplift)) < 1e-6 AS sums FROM campaign t, behav_uplift_predict('m', t) p, behav_uplift_explain('m', t) e WHERE t.user_id = 42;
-- the same seed, the same bits; deploy, roll back, export, import
SELECT behav_deploy('m', 3), behav_rollback('m');
SELECT algorithm FROM behav_versions WHERE model = 'm' AND deployed;
SELECT behav_import('copy', behav_export('m'), deploy => true);
SELECT count(*) AS same FROM behav_uplift_scores('m', 'campaign') a JOIN behav_uplift_scores('copy', 'campaign') b USING (id) WHERE a.uplift = b.uplift AND a.low = b.low;

-- who gets what: one offer
CREATE TABLE person AS SELECT i AS user_id, (i % 7) * 0.1 AS uplift, 1 + i % 3 AS cost, 10 + i % 5 AS value FROM generate_series(1, 60) i;
SELECT * FROM behav_target('person', 6, cost => 'cost', value => 'value');
SELECT plan, people, round(cost::numeric, 2) AS cost, round(gain::numeric, 2) AS gain, low, round(share_of_bound::numeric, 3) AS share FROM behav_target_summary('person', 6, cost => 'cost', value => 'value');
-- several offers, at most one a person: against every choice tried
CREATE TABLE deal AS SELECT i AS who, o AS offer, round((u(i, o) * 10)::numeric, 2) AS lift, round((1 + u(i, o + 9) * 3)::numeric, 2) AS price FROM generate_series(1, 4) i, generate_series(1, 2) o;
WITH RECURSIVE tried AS (
	SELECT 0 AS who, 0.0 AS cost, 0.0 AS gain UNION ALL
	SELECT t.who + 1, t.cost + coalesce(d.price, 0), t.gain + coalesce(d.lift, 0) FROM tried t, LATERAL (SELECT price, lift FROM deal WHERE who = t.who + 1 UNION ALL SELECT NULL, NULL) d
	WHERE t.who < 4 AND t.cost + coalesce(d.price, 0) <= 6)
SELECT max(t.gain) >= max(s.gain) FILTER (WHERE plan = 'chosen')::numeric - 1e-9 AS not_above, max(t.gain) <= max(s.gain) FILTER (WHERE plan = 'bound')::numeric + 1e-9 AS below_bound
FROM (SELECT max(gain) AS gain FROM tried WHERE who = 4) t, behav_target_summary('deal', 6, 'who', 'offer', 'lift', 'price', options => '{"net": false}') s;
SELECT count(*) = count(DISTINCT user_id) AS one_each, max(cumulative_cost) <= 6 AS within, max(rank) = count(*) AS ranks, bool_and(offer IN ('1', '2')) AS offers
FROM behav_target('deal', 6, 'who', 'offer', 'lift', 'price', options => '{"net": false}');
-- by a model, with the interval of its test part, and the hour and weekday of who comes at night, or hardly ever
CREATE TABLE visit AS SELECT 'u' || i % 3 AS who, 1 AS item, timestamptz '2024-01-01' + (i / 3) * interval '1 day' + CASE WHEN i % 3 = 1 THEN interval '23 hours 10 minutes' ELSE interval '9 hours' END AS at
FROM generate_series(0, 299) i WHERE i % 3 < 2 OR i < 3;
INSERT INTO visit SELECT 'u1', 1, '2024-01-06 23:30'::timestamptz + n * interval '1 week' FROM generate_series(0, 40) n;
SELECT FROM behav_source('visits', 'visit', 'who', 'item', 'at');
CREATE TABLE guest AS SELECT 'u' || i AS user_id, 10 AS visits, 30 AS age, 'city 1' AS city FROM generate_series(0, 3) i;
SELECT user_id, gain > 0 AS gains, low <= high AS band, hour, weekday IS NOT NULL AS weekday FROM behav_target('guest', 100, model => 'mail', source => 'visits', options => '{"value": 50, "prior": 5}') ORDER BY 1;
SELECT weekday FROM behav_target('guest', 100, model => 'mail', source => 'visits', options => '{"value": 50, "prior": 5}') WHERE user_id = 'u1';
SELECT hour FROM behav_target('guest', 100, model => 'mail', source => 'visits', options => '{"value": 50, "prior": 5, "time_zone": "Asia/Tokyo"}') WHERE user_id = 'u1';
-- offers that lose money are not made, whatever the budget
SELECT count(*) FROM behav_target('person', 1000, value => 'value', options => '{"cost": 100}');
SELECT count(*) FROM behav_target('person', 0, cost => 'cost');
SELECT plan, people FROM behav_target_summary('person', 0, cost => 'cost') WHERE plan IN ('chosen', 'random');

-- refused
\set VERBOSITY terse
CREATE VIEW one_arm AS SELECT * FROM campaign WHERE mailed;
SELECT * FROM behav_uplift('bad', 'one_arm', 'bought', 'mailed', '{visits}');
CREATE VIEW constant AS SELECT bought, mailed, 1 AS visits FROM campaign;
SELECT * FROM behav_uplift('bad', 'constant', 'bought', 'mailed');
CREATE VIEW arms AS SELECT *, user_id % 3 AS arm FROM campaign;
SELECT * FROM behav_uplift('bad', 'arms', 'bought', 'arm', '{visits}');
SELECT * FROM behav_uplift('bad', 'campaign', 'city', 'mailed', '{visits}');
SELECT * FROM behav_uplift('bad', 'campaign', 'bought', 'mailed', '{visits,mailed}');
SELECT * FROM behav_uplift('bad', 'campaign', 'bought', 'maild', '{visits}');
SELECT * FROM behav_uplift('bad', 'campaign', 'bought', 'mailed', '{visits}', '{"learnr": "x"}');
SELECT * FROM behav_uplift('bad', 'campaign', 'bought', 'mailed', '{visits}', deploy => 'maybe');
SELECT count(*) FROM behav_models WHERE model = 'bad';
SELECT * FROM behav_uplift_predict('mail', 1);
SELECT * FROM behav_uplift_predict('mial', '{}'::jsonb);
SELECT * FROM behav_recommend(1, model => 'mail');
SELECT * FROM behav_target('person', -1);
SELECT * FROM behav_target('person', 'NaN');
SELECT * FROM behav_target('person', 5, uplift => 'lift');
SELECT * FROM behav_target('person', 5, 'who');
SELECT * FROM behav_target('deal', 5, 'who', uplift => 'lift');
SELECT * FROM behav_target('person', 5, cost => 'uplift', options => '{"worth": 1}');
UPDATE behavmine.version SET algorithm = 's_learner' WHERE version = 4 AND model_id = (SELECT model_id FROM behavmine.model WHERE name = 'm');
SELECT * FROM behav_uplift_predict('m', '{"visits": 1, "age": 30, "city": "city 1"}'::jsonb);

SELECT behav_drop_model(m) FROM unnest('{mail,m,amounts,copy}'::text[]) m;
DROP VIEW amount, one_arm, constant, arms;
DROP TABLE campaign, person, deal, visit, guest;
DELETE FROM behavmine.source WHERE name = 'visits';
DROP FUNCTION u, quality;
