-- Portraits: on demand, all in one pass, refreshed, tags, users alike, whose they are, wrong input.
SET behavmine.progress = off;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE SCHEMA portrait;
SET search_path = portrait, public;

CREATE TABLE item (sku text PRIMARY KEY, category text, brand text, list_price numeric);
INSERT INTO item VALUES ('tea', 'drinks', 'north', 10), ('mug', 'kitchen', 'south', 20), ('pot', 'kitchen', NULL, NULL);
CREATE TABLE event (who text, sku text, at timestamptz, what text, price numeric, pieces int, device text);
INSERT INTO event VALUES
	('ann', 'tea', '2024-03-01 09:00', 'view', 10, 1, 'phone'), ('ann', 'tea', '2024-03-01 09:05', 'purchase', 8, 2, 'phone'),
	('ann', 'mug', '2024-03-02 10:00', 'view', 20, 1, 'phone'), ('ann', 'mug', '2024-03-02 10:20', 'purchase', 20, 1, 'phone'),
	('ann', 'mug', '2024-03-02 10:20', 'purchase', 20, 1, 'phone'), -- the same once more
	('ann', 'mug', '2024-03-05 12:00', 'purchase', 20, -1, 'phone'), ('ann', 'tea', '2024-03-20 23:30', 'purchase', 10, 1, 'laptop'),
	('ann', NULL, '2024-03-20 23:40', 'search', NULL, NULL, 'laptop'), ('bob', 'pot', '2024-03-03 08:00', 'view', NULL, NULL, NULL),
	('eve', 'tea', '2200-01-01 00:00', 'purchase', 8, 1, 'phone'), (NULL, 'tea', '2024-03-01 09:00', 'view', 10, 1, 'phone'),
	('fay', 'tea', '2024-03-04 09:00', 'purchase', 0, 1, 'phone'), ('gus', 'tea', NULL, 'purchase', 8, 1, 'phone');
SELECT FROM behav_source('por', 'event', user_id => 'who', item_id => 'sku', ts => 'at', event => 'what', value => 'price', quantity => 'pieces', items => 'item');

-- each part with its evidence
CREATE TEMP TABLE ann AS SELECT behav_portrait('ann', 'por', at => '2024-03-25') AS p;
SELECT p ->> 'user_id' AS user_id, p ->> 'source' AS source, (p -> 'activity') - '{trend,by_behaviour}'::text[] AS activity FROM ann;
SELECT p -> 'activity' -> 'by_behaviour' AS by_behaviour, p -> 'activity' -> 'trend' AS trend FROM ann;
SELECT p -> 'rhythm' -> 'weekdays' AS weekdays, p -> 'rhythm' ? 'peak' AS told FROM ann;
SELECT p -> 'categories' AS categories FROM ann;
SELECT p -> 'brands' -> 0 ->> 'brand' AS brand, p -> 'devices' -> 1 ->> 'device' AS device FROM ann;
SELECT p -> 'price' AS price FROM ann;
SELECT p -> 'value' AS value FROM ann;
SELECT p -> 'next' AS next, p -> 'tags' AS tags, p -> 'risks' AS risks FROM ann;
SELECT jsonb_array_length(p -> 'embedding') AS width FROM ann;
-- days and hours are those of a clock
SELECT behav_portrait('ann', 'por', at => '2024-03-25', options => '{"time_zone": "Asia/Tokyo"}') -> 'rhythm' -> 'weekdays' AS in_tokyo;
-- one event, a free item, nobody, only in the future, no time
SELECT behav_portrait('bob', 'por', at => '2024-03-25') -> 'value' AS bob, behav_portrait('fay', 'por', at => '2024-03-25') -> 'value' ->> 'spent' AS fay;
SELECT behav_portrait('nobody', 'por') IS NULL AS nobody, behav_portrait('eve', 'por') IS NULL AS eve, behav_portrait('gus', 'por') IS NULL AS gus;
-- without prices, items and behaviours
CREATE TABLE bare AS SELECT who, sku, at FROM event WHERE at < '2100-01-01';
SELECT FROM behav_source('por_bare', 'bare', user_id => 'who', item_id => 'sku', ts => 'at');
SELECT behav_portrait('ann', 'por_bare', '2024-03-25') -> 'value' AS value, behav_portrait('ann', 'por_bare', '2024-03-25') -> 'price' -> 'mean_paid' AS price;

-- all of them
SELECT source, users, new_users, events, watermark, note FROM behav_portraits('por');
SELECT user_id, last_event, behav_portrait(user_id, source) = portrait AS as_on_demand, embedding IS NOT NULL AS embedding
FROM behav_portrait_list WHERE source = 'por' ORDER BY 1;
SELECT user_id, tag, round(score::numeric, 2) AS score, since FROM behav_user_tags WHERE source = 'por' ORDER BY 1, 2;
SELECT behaviours, transitions FROM behavmine.portrait_source WHERE source = 'por';
-- new events only; late ones by a full run
INSERT INTO event VALUES ('ann', 'tea', '2024-04-01 10:00', 'purchase', 9, 1, 'phone'), ('hal', 'pot', '2024-04-02 10:00', 'view', 30, 1, 'phone'),
	('bob', 'pot', '2024-03-03 09:00', 'purchase', 30, 1, 'phone');
SELECT users, new_users, events, watermark, note FROM behav_portraits('por');
SELECT users, new_users, events, note FROM behav_portraits('por');
SELECT user_id, portrait -> 'activity' ->> 'events' AS events, behav_portrait(user_id, source) - 'tags' = portrait - 'tags' AS as_on_demand
FROM behav_portrait_list WHERE source = 'por' ORDER BY 1;
SELECT users, new_users, note FROM behav_portraits('por', rebuild => true);
SELECT bool_and(behav_portrait(user_id, source) = portrait) AS as_on_demand FROM behav_portrait_list WHERE source = 'por';
-- other options make them anew
SELECT users, note FROM behav_portraits('por', options => '{"time_zone": "Asia/Tokyo"}');
SELECT portrait -> 'rhythm' -> 'weekdays' AS in_tokyo FROM behav_portrait_list WHERE source = 'por' AND user_id = 'ann';
SELECT users, note FROM behav_portraits('por', options => '{"time_zone": "Asia/Tokyo"}');

-- a shop: everybody as on demand, in pieces as in one pass, at any number of threads
CREATE TABLE shop AS SELECT * FROM behav_simulate(users => 300, items => 60, days => 60, seed => 3);
CREATE INDEX ON shop (user_id, ts);
CREATE TABLE part AS SELECT * FROM shop WHERE ts < '2024-12-15';
SELECT FROM behav_source('por_shop', 'shop');
SELECT FROM behav_source('por_part', 'part');
SET behavmine.num_threads = 1;
SELECT users > 250 AS many FROM behav_portraits('por_part');
INSERT INTO part SELECT * FROM shop WHERE ts >= '2024-12-15';
SELECT users > 150 AS many, note FROM behav_portraits('por_part');
SET behavmine.num_threads = 2;
SELECT users > 250 AS many, note FROM behav_portraits('por_shop');
RESET behavmine.num_threads;
SELECT count(*) > 250 AS many, bool_and(behav_portrait(user_id::bigint, 'por_shop') = portrait) AS as_on_demand FROM behav_portrait_list WHERE source = 'por_shop';
-- robots are known by their rate over all events; taste rounds in between
SELECT count(*) > 250 AS many, count(*) FILTER (WHERE a.portrait - '{source,tags,embedding}'::text[] <> b.portrait - '{source,tags,embedding}'::text[]) AS differ
FROM behav_portrait_list a JOIN behav_portrait_list b USING (user_id) WHERE a.source = 'por_shop' AND b.source = 'por_part';
-- sums over all users are those of the table
SELECT sum((portrait -> 'activity' ->> 'events')::int) = (SELECT count(*) FROM shop JOIN behavmine.portrait p ON p.source = 'por_shop' AND p.user_id = shop.user_id::text) AS events,
	abs(sum((portrait -> 'value' ->> 'spent')::numeric) - (SELECT sum(price * quantity)::numeric FROM shop JOIN behavmine.portrait p ON p.source = 'por_shop' AND p.user_id = shop.user_id::text
	WHERE event = 'purchase')) < 5 AS spent FROM behav_portrait_list WHERE source = 'por_shop';
-- value models and segments speak in it
SELECT count(*) FROM behav_segments('shop_segments', source => 'por_shop', features => 'all', k => 3);
SELECT converged IS NOT NULL AS fitted FROM behav_fit_value('shop_value', source => 'por_shop');
SELECT p -> 'segment' ->> 'model' AS model, p -> 'segment' ? 'description' AS described, (p -> 'value' ->> 'p_alive')::float8 BETWEEN 0 AND 1 AS alive,
	p -> 'value' ->> 'p_alive_model' AS by FROM behav_portrait(7, 'por_shop') p;
SELECT abs((p -> 'value' ->> 'p_alive')::float8 - c.p_alive) < 1e-3 AS as_behav_clv FROM behav_portrait(7, 'por_shop') p, behav_clv(7, model => 'shop_value') c;

-- users alike share a favourite category: here, as items have none, the vector is of items
SELECT count(*) AS n, bool_and(similarity BETWEEN -1.00001 AND 1.00001) AS cosine, bool_and(user_id <> ALL ('{1,2}')) AS others,
	(array_agg(similarity))[1] >= (array_agg(similarity))[5] AS ordered FROM behav_lookalikes('{1,2}', 5, 'por_shop');
SELECT avg(a.similarity) > (SELECT avg(x) FROM (SELECT (SELECT sum(u * v) FROM unnest(p.embedding, q.embedding) AS t (u, v)) AS x
	FROM behav_portrait_list p, behav_portrait_list q WHERE p.source = 'por_shop' AND q.source = 'por_shop' AND p.user_id = '5') y) AS nearer FROM behav_lookalikes('{5}', 20, 'por_shop') a;

-- whose they are
CREATE ROLE portrait_owner;
CREATE ROLE portrait_other;
GRANT USAGE ON SCHEMA behavmine, portrait TO portrait_owner, portrait_other;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA behavmine TO portrait_owner, portrait_other;
GRANT SELECT ON event, item TO portrait_owner;
SET ROLE portrait_owner;
SELECT FROM behav_source('por_mine', 'event', user_id => 'who', item_id => 'sku', ts => 'at', event => 'what', value => 'price', quantity => 'pieces', items => 'item');
SELECT users, new_users FROM behav_portraits('por_mine');
SELECT count(*) AS own, count(*) FILTER (WHERE source <> 'por_mine') AS others FROM behav_portrait_list;
SELECT count(*) AS own FROM behavmine.portrait;
SET ROLE portrait_other;
SELECT count(*) AS seen FROM behav_portrait_list;
SELECT count(*) AS seen FROM behavmine.portrait;
SELECT count(*) AS seen FROM behav_user_tags;
SELECT behav_portrait('ann', 'por_mine');
RESET ROLE;
-- gone with the source, and when it reads something else
SET ROLE portrait_owner;
SELECT behav_drop_source('por_mine');
RESET ROLE;
SELECT count(*) AS left FROM behavmine.portrait WHERE source = 'por_mine';
SELECT FROM behav_source('por_part', 'part', options => '{"session_gap_minutes": 5}');
SELECT count(*) AS left FROM behavmine.portrait WHERE source = 'por_part';
SELECT count(*) FROM behavmine.portrait_source WHERE source IN ('por_mine', 'por_part');
DROP OWNED BY portrait_owner, portrait_other;
DROP ROLE portrait_owner, portrait_other;

-- wrong input
SELECT behav_portrait(NULL::text, 'por');
\set VERBOSITY terse
SELECT behav_portrait('ann');
\set VERBOSITY default
SELECT behav_portrait('ann', 'nope');
SELECT behav_portrait('x', 'por_shop');
SELECT behav_portrait('ann', 'por', 'infinity');
SELECT behav_portrait('ann', 'por', options => '{"category": "nope"}');
SELECT behav_portrait('ann', 'por', options => '{"colour": "x"}');
SELECT behav_portrait('ann', 'por', options => '{"time_zone": "Nowhere"}');
SELECT behav_portrait('ann', 'por', options => '{"list_price": "brand"}');
SELECT * FROM behav_portraits('nope');
SELECT * FROM behav_lookalikes('{nobody}', 5, 'por');
SELECT * FROM behav_lookalikes('{ann}', 0, 'por');
SELECT behav_portrait_embedding('\x0102');
SELECT behav_portrait_json(state || '\x00', source, user_id, now(), '{}', '{}') FROM behavmine.portrait WHERE source = 'por' AND user_id = 'ann';
SELECT behav_portrait_json(state, source, user_id, now(), '{a}', '{}') FROM behavmine.portrait WHERE source = 'por' AND user_id = 'ann';

SELECT count(behav_drop_model(model)) AS dropped FROM behav_models WHERE source LIKE 'por%';
SELECT count(behav_drop_source(name)) AS dropped FROM behavmine.source WHERE name LIKE 'por%';
SELECT count(*) AS left FROM behavmine.portrait;
SET client_min_messages = warning;
DROP SCHEMA portrait CASCADE;
