-- Items by what they are: terms, bands, lists and vectors; items without events; what is wrong with a table.
SET behavmine.progress = off;
SET behavmine.num_threads = 1;
SET client_min_messages = warning;

-- Sixty items of four kinds, with tags, a price and a vector; users 1 to 40 stay with one kind. Items 57 to 60,
-- one a kind, have no event; item 61 has neither event nor anything to tell.
CREATE TABLE c_items (item_id int PRIMARY KEY, kind text, tags text[], price numeric, stocked boolean, looks real[], added timestamptz);
INSERT INTO c_items SELECT i, (ARRAY['shoe', 'hat', 'bag', 'tie'])[i % 4 + 1], ARRAY['t' || i % 4, 'u' || i % 5],
	i % 4 * 100 + i % 3, i % 7 > 0, ARRAY[cos(i % 4 * 1.5), sin(i % 4 * 1.5), 0.1]::real[], now()
FROM generate_series(1, 60) i;
INSERT INTO c_items (item_id) VALUES (61);
CREATE TABLE c_events AS SELECT u AS user_id, ((u * 3 + n * (1 + u % 3)) % 14) * 4 + u % 4 + 1 AS item_id,
	'2026-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 minute' AS ts
FROM generate_series(1, 40) u, generate_series(1, 12) n;
CREATE INDEX ON c_events (user_id, ts);
SELECT rows FROM behav_source('c', 'c_events', 'user_id', 'item_id', 'ts', items => 'c_items');
SELECT max(item_id) < 57 AS four_are_cold FROM c_events;

-- every item of the table is in the model; who likes hats gets hats, the new one among them
SELECT items FROM behav_train('c', 'content', options => '{"exclude": "nothing"}', deploy => 'always');
SELECT count(*) AS rows, bool_and(i.kind = 'shoe') AS all_shoes, bool_or(r.item_id = '60') AS new_one
FROM behav_recommend_items(ARRAY[4, 8], 13, 'c', exclude => 'seen') r JOIN c_items i ON i.item_id = r.item_id::int;
SELECT bool_and(i.kind = 'hat') AS hats, count(*) FROM behav_similar_items(57, 10, 'c') r JOIN c_items i ON i.item_id = r.item_id::int;
-- an item of which nothing is known is the last
SELECT rank = (SELECT max(rank) FROM behav_recommend_items(ARRAY[4], 100, 'c', exclude => 'nothing')) AS last
FROM behav_recommend_items(ARRAY[4], 100, 'c', exclude => 'nothing') WHERE item_id = '61';
-- shares of a new item are those of the history's items
SELECT round(sum(share)::numeric, 3) AS shares, count(*) > 0 AS some
FROM behav_explain((SELECT user_id FROM c_events WHERE item_id % 4 = 0 LIMIT 1), 60, 'c');

-- each kind of column by itself, with weights, as a list
CREATE FUNCTION kinds_for(columns text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM behav_train('cc', 'content', 'c', ('{"exclude": "nothing", "tune": false, "content_columns": ' || columns || '}')::jsonb, deploy => 'always');
	RETURN (SELECT string_agg(DISTINCT i.kind, ',' ORDER BY i.kind) FROM behav_recommend_items(ARRAY[57], 10, 'cc', exclude => 'seen') r JOIN c_items i ON i.item_id = r.item_id::int);
END $$;
SELECT c AS columns, kinds_for(c) FROM unnest(ARRAY['["kind"]', '{"tags": 1}', '["price"]', '{"looks": 1}', '{"stocked": 0.1, "kind": 3}', '{"price": "category"}', '{"kind": {"weight": 2, "as": "category"}}']) c;

-- In a blend items without events stand where content puts them; alone the others give them the least.
SELECT algorithm, items FROM behav_train('b', 'blend', 'c', '{"exclude": "nothing", "candidates": ["als", "content"], "tune": false}', deploy => 'always');
SELECT bool_or(item_id = '60') AS lifted FROM behav_recommend_items(ARRAY[4, 8], 13, 'b', exclude => 'seen');
-- an item that is inserted counts from the next training on
INSERT INTO c_items SELECT 64, kind, tags, price, stocked, looks FROM c_items WHERE item_id = 60;
SELECT count(*) AS unknown FROM behav_similar_items(64, 3, 'c');
SELECT items FROM behav_train('c', 'content', options => '{"exclude": "nothing"}', deploy => 'always');
SELECT bool_or(item_id = '60') AS known FROM behav_similar_items(64, 3, 'c');
-- the same whatever the threads and the order of rows
CREATE TABLE c_one AS SELECT * FROM behav_weights('c');
CREATE TABLE c_turned AS SELECT * FROM c_items ORDER BY item_id DESC;
SELECT rows FROM behav_source('turned', 'c_events', 'user_id', 'item_id', 'ts', items => 'c_turned');
SET behavmine.num_threads = 2;
SELECT items FROM behav_train('turned', 'content', 'turned', '{"exclude": "nothing"}');
SELECT count(*) AS different FROM (SELECT to_jsonb(w) - 'model' - 'version' FROM c_one w EXCEPT ALL SELECT to_jsonb(w) - 'model' - 'version' FROM behav_weights('turned') w) d;
-- networks weigh their loss by age
SET client_min_messages = error;
SELECT epochs > 0 AS trained FROM behav_train('s', 'sasrec', 'c', '{"exclude": "nothing", "epochs": 1, "dim": 8, "half_life_days": 5}');

-- ---- what is wrong ----
SELECT rows FROM behav_source('bare', 'c_events', 'user_id', 'item_id', 'ts');
SELECT behav_train('x', 'content', 'bare');
SELECT behav_train('x', 'content', 'c', '{"content_columns": ["kinds"]}');
SELECT behav_train('x', 'content', 'c', '{"content_columns": ["added"]}');
SELECT behav_train('x', 'content', 'c', '{"content_columns": {"kind": -1}}');
SELECT behav_train('x', 'content', 'c', '{"content_columns": {"kind": "text"}}');
CREATE TABLE c_mute (item_id int PRIMARY KEY, added date);
SELECT rows FROM behav_source('mute', 'c_events', 'user_id', 'item_id', 'ts', items => 'c_mute');
SELECT behav_train('x', 'content', 'mute');
\set VERBOSITY sqlstate
SELECT behav_train('x', 'content', 'c', '{"content_columns": []}');
SELECT behav_train('x', 'content', 'c', '{"content_columns": {"kind": {"wait": 1}}}');
UPDATE c_items SET looks = '{1}' WHERE item_id = 5;
SELECT behav_train('x', 'content', 'c');
\set VERBOSITY default

DROP FUNCTION kinds_for(text);
SELECT bool_and(behav_drop_model(model) > 0) FROM (SELECT DISTINCT model FROM behav_models) m;
SELECT count(behav_drop_source(name)) FROM behav_sources;
DROP TABLE c_items, c_events, c_one, c_turned, c_mute;
