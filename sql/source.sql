-- Sources: id types, guesses, presets, relations of all kinds, cleaning rules, errors.
SET timezone = 'UTC';
SET behavmine.progress = off;
SET client_min_messages = warning;

-- every id type
CREATE TABLE s_int (user_id int, item_id smallint, ts timestamptz);
INSERT INTO s_int SELECT u, i, '2024-01-01'::timestamptz + u * interval '1 hour' + i * interval '1 minute'
	FROM generate_series(1, 5) u, generate_series(1, 4) i;
CREATE TABLE s_text AS SELECT 'u' || user_id AS visitor, ('i' || item_id)::varchar(9) AS sku, ts AS created_at, 'view' AS action FROM s_int;
CREATE TABLE s_uuid AS SELECT md5('u' || user_id)::uuid AS customer_id, md5('i' || item_id)::uuid AS product_id, ts::timestamp AS order_date FROM s_int;
CREATE TABLE s_big AS SELECT 9000000000000000000 + user_id AS "CustomerID", -9000000000000000000 - item_id AS "StockCode", extract(epoch FROM ts)::bigint AS unix_time FROM s_int;
CREATE TABLE s_milli AS SELECT user_id, item_id::numeric AS item_id, extract(epoch FROM ts) * 1000 AS ts FROM s_int;
SELECT name, user_id, item_id, ts, event, rows, users, items, first_ts, events FROM behav_source('int', 's_int');
SELECT name, user_id, item_id, ts, event, rows, users, items, first_ts, events FROM behav_source('text', 's_text');
SELECT name, user_id, item_id, ts, event, rows, users, items, first_ts FROM behav_source('uuid', 's_uuid');
SELECT name, user_id, item_id, ts, event, rows, users, items, first_ts FROM behav_source('big', 's_big');
SELECT name, user_id, item_id, ts, event, rows, users, items, first_ts FROM behav_source('milli', 's_milli');
SELECT guessed, advice FROM behav_source('big', 's_big') \gx

-- a view, a partitioned table, a materialised view
CREATE VIEW s_view AS SELECT * FROM s_int WHERE item_id > 1;
CREATE MATERIALIZED VIEW s_matview AS SELECT * FROM s_int WHERE user_id > 1;
CREATE TABLE s_part (user_id int, item_id int, ts timestamptz) PARTITION BY RANGE (ts);
CREATE TABLE s_part1 PARTITION OF s_part FOR VALUES FROM ('2024-01-01') TO ('2024-01-01 03:00');
CREATE TABLE s_part2 PARTITION OF s_part DEFAULT;
INSERT INTO s_part SELECT * FROM s_int;
SELECT rows, users, items FROM behav_source('view', 's_view');
SELECT rows, users, items FROM behav_source('matview', 's_matview');
SELECT rows, users, items FROM behav_source('part', 's_part');

-- hostile names
CREATE SCHEMA "Sch""ema 'x'; --";
CREATE TABLE "Sch""ema 'x'; --"."sel""ect" ("user" int, "it'em;" text, "wh""en" timestamptz, "é vent" text);
INSERT INTO "Sch""ema 'x'; --"."sel""ect" SELECT user_id, 'i''"' || item_id, ts, 'vi''ew"' FROM s_int;
SELECT relation, user_id, item_id, ts, event, rows, events
FROM behav_source('na''me"; --', '"Sch""ema ''x''; --"."sel""ect"', 'user', 'it''em;', 'wh"en', 'é vent') \gx
SELECT "check", rows FROM behav_profile('na''me"; --') WHERE rows > 0;

-- cleaning: each rule counts what it removes
CREATE TABLE dirty (user_id text, item_id text, ts timestamptz, event text);
INSERT INTO dirty SELECT 'u' || u, 'i' || (u + i) % 9, '2024-03-01'::timestamptz + u * interval '1 day' + i * interval '5 minutes', 'view'
	FROM generate_series(1, 20) u, generate_series(1, 6) i;
INSERT INTO dirty VALUES (NULL, 'i1', '2024-03-01', 'view'), ('', 'i1', '2024-03-01', 'view'),
	('u1', NULL, '2024-03-01', 'view'), ('u1', 'i1', NULL, 'view'), ('u1', 'i1', 'infinity', 'view'),
	('u1', 'i1', '1970-01-01', 'view'), ('u1', 'i1', '2999-01-01', 'view'), ('u1', 'rare', '2024-03-01', 'view'),
	('lonely', 'i1', '2024-03-01', 'view'), ('u1', 'i1', '2024-03-01', 'search'), ('u1', 'i1', '2024-03-01', NULL);
INSERT INTO dirty SELECT * FROM dirty WHERE user_id = 'u2';
INSERT INTO dirty SELECT 'robot', 'i' || i % 9, '2024-03-01'::timestamptz + i * interval '0.1 second', 'view' FROM generate_series(1, 500) i;
SELECT rows, users, items FROM behav_source('dirty', 'dirty', options => '{"min_item_count": 3, "min_user_count": 2, "ignore_events": ["search"]}');
SELECT "check", rows FROM behav_profile('dirty') WHERE rows > 0;
SELECT rows, kept, users, items, bytes_per_event > 0 AS measured FROM behav_read('dirty');
SELECT (SELECT kept FROM behav_read('dirty')) = (SELECT sum(CASE WHEN "check" LIKE 'rare %' THEN -rows ELSE rows END)
	FROM behav_profile('dirty') WHERE "check" IN ('usable events', 'rare items', 'rare users')) AS agrees;
SELECT rows FROM behav_source('dirty', 'dirty', options => '{"drop_duplicates": false, "robot_events_per_minute": 0, "robot_events_per_day": 0}');
SELECT kept FROM behav_read('dirty');

-- rights: the table's grants and policies apply, and so does ownership
CREATE ROLE behav_reader;
GRANT SELECT ON s_int TO behav_reader;
ALTER TABLE s_int ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON s_int FOR SELECT TO behav_reader USING (user_id <= 2);
SET ROLE behav_reader;
SELECT rows, users FROM behav_source('mine', 's_int');
RESET ROLE;
GRANT USAGE ON SCHEMA behavmine TO behav_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA behavmine TO behav_reader;
SET ROLE behav_reader;
SELECT rows, users FROM behav_source('mine', 's_int');
SELECT name FROM behav_sources ORDER BY name;
\set VERBOSITY sqlstate
SELECT * FROM behav_source('theirs', 's_text');
SELECT * FROM behav_source('int', 's_int');
SELECT behav_drop_source('int');
SELECT * FROM behav_profile('text');
RESET ROLE;

-- errors
SELECT * FROM behav_source('x', 'no_such_table');
SELECT * FROM behav_source('x', 's_int', user_id => 'nobody');
SELECT * FROM behav_source('x', 's_int', options => '{"min_item_cuont": 3}');
SELECT * FROM behav_source('x', 's_int', options => '{"min_item_count": 0}');
SELECT * FROM behav_source('x', 's_int', options => '[]');
SELECT * FROM behav_source('x', 's_int', preset => 'rees64');
SELECT * FROM behav_source(NULL, 's_int');
SELECT * FROM behav_profile('txt');
CREATE TABLE s_empty (user_id int, item_id int, ts timestamptz);
CREATE TABLE s_null AS SELECT user_id, NULL::int AS item_id, ts FROM s_int;
CREATE TABLE s_clock AS SELECT user_id, item_id, ts::text AS ts FROM s_int;
SELECT rows, advice IS NOT NULL AS advice FROM behav_source('empty', 's_empty');
SELECT kept FROM behav_read('empty');
SELECT rows FROM behav_source('nulls', 's_null');
SELECT kept FROM behav_read('nulls');
SELECT * FROM behav_source('clock', 's_clock');
\set VERBOSITY default
SELECT * FROM behav_source('x', 's_int', user_id => 'nobody');
SELECT * FROM behav_source('clock', 's_clock', ts => 'ts');
SELECT * FROM behav_source('x', 's_int', options => '{"min_item_cuont": 3}');
SELECT * FROM behav_read('nulls');
SELECT * FROM behav_profile('txt');

-- forgotten
SELECT behav_drop_source('int');
SELECT count(*) FROM behav_sources WHERE name = 'int';
DELETE FROM behavmine.source;
DROP TABLE s_int, s_text, s_uuid, s_big, s_milli, s_part, dirty, s_empty, s_null, s_clock CASCADE;
DROP SCHEMA "Sch""ema 'x'; --" CASCADE;
DROP OWNED BY behav_reader;
DROP ROLE behav_reader;
