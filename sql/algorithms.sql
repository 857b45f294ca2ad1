-- Algorithms on planted behaviour: who repeats, what is on the rise, what is forgotten.
SET behavmine.progress = off;
SET behavmine.num_threads = 1;
SET client_min_messages = warning;

-- Households: every week milk and bread, every other week their own tea (item 100 + u % 5), now and then one of
-- 40 other things that is not bought again.
CREATE TABLE baskets AS
SELECT u AS user_id, i AS item_id, '2026-01-01'::timestamptz + w * interval '7 days' + u * interval '1 minute' AS ts
FROM generate_series(1, 60) u, generate_series(1, 12) w,
	LATERAL (VALUES (1), (2), (CASE WHEN w % 2 = 0 THEN 100 + u % 5 END), (200 + (u * 7 + w * 11) % 40)) v (i)
WHERE i IS NOT NULL;
CREATE INDEX ON baskets (user_id, ts);
SELECT events FROM (SELECT rows AS events FROM behav_source('baskets', 'baskets', 'user_id', 'item_id', 'ts')) s;
SELECT algorithm, value > baseline AS above_popular
FROM behav_train('baskets', 'next_basket', options => '{"exclude": "nothing", "k": 3}');
-- the habit first; the tea of the household third, whatever household it is
SELECT bool_and(items[1:2] <@ '{1,2}') AS milk_and_bread, bool_and(items[3] = (100 + u % 5)::text) AS own_tea
FROM generate_series(1, 60) u, LATERAL (SELECT array_agg(item_id ORDER BY rank) AS items
	FROM behav_recommend(u, 3, 'baskets', exclude => 'nothing')) r;
SELECT bool_and(reason ~ '^because of ') AS reasons FROM behav_recommend(7, 3, 'baskets', exclude => 'nothing');
-- a basket as an array: no times, one basket
SELECT array_agg(item_id ORDER BY item_id) FROM behav_recommend_items(ARRAY[1, 2, 103], 3, 'baskets', exclude => 'nothing');

-- What is on the rise: item 9 in the last hours, 8 over the last days, 7 months ago but most of all.
CREATE TABLE rise AS
SELECT u AS user_id, CASE WHEN n = 12 THEN CASE WHEN u % 3 > 0 THEN 9 ELSE 6 END WHEN n > 8 THEN 8 ELSE 7 END AS item_id,
	'2026-06-01'::timestamptz - CASE WHEN n = 12 THEN u * interval '1 minute'
		WHEN n > 8 THEN (12 - n) * interval '20 hours' + u * interval '1 minute'
		ELSE interval '90 days' + n * interval '1 day' + u * interval '1 minute' END AS ts
FROM generate_series(1, 60) u, generate_series(1, 12) n;
SELECT rows FROM behav_source('rise', 'rise', 'user_id', 'item_id', 'ts');
CREATE FUNCTION first_now(options text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM behav_train('rise', 'trending', 'rise', ('{"exclude": "nothing", ' || options || '}')::jsonb, deploy => 'always');
	RETURN (SELECT item_id FROM behav_recommend_items(ARRAY[7], 1, 'rise', exclude => 'nothing'));
END $$;
SELECT o AS weights, first_now(o) FROM unnest(ARRAY['"hour": 1, "day": 0, "week": 0', '"hour": 0, "day": 0, "week": 1', '"hour": 0, "day": 0, "week": 0']) o;

-- A half-life in every algorithm of counts and factors: the newest habit wins over the older, larger one.
CREATE TABLE habit AS
SELECT u AS user_id, CASE WHEN n % 2 = 0 THEN 1 WHEN n < 20 THEN 2 ELSE 3 END AS item_id,
	'2026-01-01'::timestamptz + n * interval '10 days' + u * interval '1 minute' AS ts
FROM generate_series(1, 40) u, generate_series(0, 29) n;
SELECT rows FROM behav_source('habit', 'habit', 'user_id', 'item_id', 'ts');
CREATE FUNCTION first_after_1(algorithm text, options text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM behav_train('habit', algorithm, 'habit', ('{"exclude": "nothing", ' || options || '}')::jsonb, deploy => 'always');
	RETURN (SELECT item_id FROM behav_recommend_items(ARRAY[1], 1, 'habit', exclude => 'seen', candidates => ARRAY[2, 3]));
END $$;
SELECT a, first_after_1(a, '"half_life_days": 0') AS always, first_after_1(a, '"half_life_days": 20') AS lately
FROM unnest('{popular,markov,seq_rules}'::text[]) a;

-- Repeats are learned: half of the clicks repeat the one before.
CREATE TABLE again AS
SELECT u AS user_id, (u + n / 2) % 30 AS item_id, '2026-01-01'::timestamptz + n * interval '1 day' + u * interval '1 minute' AS ts
FROM generate_series(1, 60) u, generate_series(0, 11) n;
SELECT rows FROM behav_source('again', 'again', 'user_id', 'item_id', 'ts');
SELECT a, round((SELECT value FROM behav_train('again_' || a, a, 'again', '{"exclude": "nothing", "k": 2, "repeats": false}'))::numeric, 1) AS without,
	round((SELECT value FROM behav_train('again_' || a || '_r', a, 'again', '{"exclude": "nothing", "k": 2, "repeats": true}'))::numeric, 1) AS with
FROM unnest('{markov,seq_rules}'::text[]) a;

-- Weights: a behaviour of weight 0 is as if it had not happened.
CREATE TABLE silent AS SELECT user_id, item_id, ts, 'view' AS event FROM again;
INSERT INTO silent SELECT user_id, 999, ts + interval '1 hour', 'glimpse' FROM again;
SELECT rows FROM behav_source('silent', 'silent', 'user_id', 'item_id', 'ts', 'event', options => '{"event_weights": {"glimpse": 0}}');
CREATE FUNCTION answers(algorithm text, source text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM behav_train('w', algorithm, source, '{"exclude": "nothing", "tune": false}', deploy => 'always', seed => 1);
	RETURN (SELECT string_agg(item_id || ' ' || round(score::numeric, 3), ', ' ORDER BY rank)
		FROM behav_recommend_items(ARRAY[3, 3, 4], 3, 'w', exclude => 'nothing', candidates => ARRAY(SELECT DISTINCT item_id FROM again)));
END $$;
SELECT a, answers(a, 'again') = answers(a, 'silent') AS silent
FROM unnest('{seq_rules,item_knn,rp3beta,next_basket,session_knn}'::text[]) a;

SET client_min_messages = error;
-- BPR: asked for by name, the same whatever the threads; not among the candidates of a default choice.
SELECT algorithm FROM behav_train('bpr', 'bpr', 'baskets', '{"exclude": "nothing", "epochs": 20, "factors": 8}', seed => 3);
CREATE TEMP TABLE one AS SELECT * FROM behav_embeddings('bpr');
SET behavmine.num_threads = 2;
SELECT algorithm FROM behav_train('bpr2', 'bpr', 'baskets', '{"exclude": "nothing", "epochs": 20, "factors": 8}', seed => 3);
SELECT count(*) = (SELECT count(*) FROM one) AND bool_and(a.embedding = b.embedding) AS same_bits FROM one a JOIN behav_embeddings('bpr2') b USING (id);
SELECT bool_or(algorithm IN ('bpr', 'next_basket')) AS on_request, count(*) > 8 AS others
FROM behav_compare('baskets', options => '{"epochs": 1, "tune": false}');
SELECT algorithm FROM behav_compare('baskets', ARRAY['bpr', 'next_basket'], options => '{"tune": false, "epochs": 2}') ORDER BY 1;
\set VERBOSITY sqlstate
SELECT behav_train('bpr', 'bpr', 'baskets', '{"learning_rate": 11}');
SELECT behav_train('bpr', 'bpr', 'baskets', '{"learning_rate": 10, "regularization": 10}');
SELECT behav_train('bpr', 'next_basket', 'baskets', '{"own": 1.5}');
\set VERBOSITY default
SELECT behav_train('bpr', 'rp3beta', 'baskets', '{"alfa": 1}');

DROP FUNCTION first_now(text), first_after_1(text, text), answers(text, text);
SELECT bool_and(behav_drop_model(model) > 0) FROM (SELECT DISTINCT model FROM behav_models) m;
SELECT count(behav_drop_source(name)) FROM behav_sources;
DROP TABLE baskets, rise, habit, again, silent;
