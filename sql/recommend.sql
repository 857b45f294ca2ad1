-- Recommendations from the live history, on walks whose next step is known.
SET behavmine.progress = off;
SET behavmine.num_threads = 1;
SET client_min_messages = warning;

-- Three shops with the same walk in a circle of twelve items, one for each type of key. Users see
-- items in order; every third is bought right after it was seen. User u starts at item u + 1.
CREATE TABLE shop_int (who bigint NOT NULL, item int NOT NULL, at timestamptz NOT NULL, what text);
INSERT INTO shop_int
SELECT u, 100 + (u + n) % 12, '2026-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 minute', 'view'
FROM generate_series(1, 60) u, generate_series(1, 10) n;
INSERT INTO shop_int SELECT who, item, at + interval '30 seconds', 'purchase' FROM shop_int WHERE item % 3 = 0;
CREATE INDEX ON shop_int (who, at);
CREATE TABLE shop_text AS
SELECT 'u' || who AS who, 'i' || item AS item, at, what FROM shop_int;
CREATE INDEX ON shop_text (who, at);
CREATE TABLE shop_uuid AS
SELECT ('00000000-0000-4000-8000-' || lpad(who::text, 12, '0'))::uuid AS who,
	('00000000-0000-4000-8000-' || lpad(item::text, 12, '0'))::uuid AS item, at, what FROM shop_int;
CREATE INDEX ON shop_uuid (who, at);
SELECT rows, users, items, user_id, item_id FROM behav_source('int', 'shop_int', 'who', 'item', 'at', 'what');
SELECT rows, users, items FROM behav_source('text', 'shop_text', 'who', 'item', 'at', 'what');
SELECT rows, users, items FROM behav_source('uuid', 'shop_uuid', 'who', 'item', 'at', 'what');
SELECT version, deployed FROM behav_train('int', 'seq_rules', options => '{"exclude": "nothing"}');

-- one model is deployed: no name is needed
SELECT item_id, rank, reason FROM behav_recommend(1, 3);
-- a Markov chain knows one thing: the next item
SELECT version, deployed FROM behav_train('next', 'markov', 'int', '{"exclude": "nothing", "repeats": false}');
SELECT version, deployed FROM behav_train('text', 'seq_rules', options => '{"exclude": "nothing"}');
SELECT version, deployed FROM behav_train('uuid', 'seq_rules', options => '{"exclude": "nothing"}');
-- several: which one?
SELECT * FROM behav_recommend(1, 3);
\set VERBOSITY sqlstate
SELECT * FROM behav_recommend(1, 3);
\set VERBOSITY default
SET behavmine.default_model = 'int';
SELECT item_id, rank FROM behav_recommend(1, 3);

-- the same answer for every type of key
SELECT item_id, round(score::numeric, 2) AS score, rank, reason FROM behav_recommend(5, 3, 'int');
SELECT item_id, round(score::numeric, 2) AS score, rank, reason FROM behav_recommend('u5', 3, 'text');
SELECT item_id, round(score::numeric, 2) AS score, rank, reason
FROM behav_recommend('00000000-0000-4000-8000-000000000005'::uuid, 3, 'uuid');
-- an integer user may come as text; a number is a text for texts
SELECT item_id FROM behav_recommend('5'::text, 1, 'int');
SELECT item_id FROM behav_recommend(5, 1, 'text');
SELECT reason FROM behav_recommend('U5', 1, 'text');

-- after their last item, all users are offered the next one
SELECT count(*) AS users, count(*) FILTER (WHERE r.item_id::int = 100 + (u + 11) % 12) AS next_item,
	count(*) FILTER (WHERE r.reason LIKE 'because of ' || 100 + (u + 10) % 12 || ' (%') AS for_the_last
FROM generate_series(1, 60) u, behav_recommend(u, 1, 'next', 'nothing') r;
SELECT item_id, reason FROM behav_recommend(5, 2, 'next', 'nothing');

-- unknown users and no user: what is popular, and the reason says so
SELECT item_id, rank, reason FROM behav_recommend(999999, 2);
SELECT item_id, rank, reason FROM behav_recommend(NULL::bigint, 2);
SELECT item_id, rank, reason FROM behav_recommend('nobody', 2, 'text');
SELECT count(*) AS same FROM behav_recommend(NULL::uuid, 12, 'uuid') a
JOIN behav_recommend('ffffffff-ffff-4fff-8fff-ffffffffffff'::uuid, 12, 'uuid') b USING (item_id, score, rank, reason);
SELECT count(*) FROM behav_recommend(9223372036854775807, 5);

-- an event that is inserted in this transaction changes the answer
BEGIN;
SELECT item_id, reason FROM behav_recommend(777, 1, 'next');
INSERT INTO shop_int VALUES (777, 104, '2026-01-20 10:00+00', 'view');
SELECT item_id, reason FROM behav_recommend(777, 1, 'next');
INSERT INTO shop_int VALUES (777, 109, '2026-01-20 11:00+00', 'view');
SELECT item_id, reason FROM behav_recommend(777, 1, 'next');
DELETE FROM shop_int WHERE who = 777 AND item = 109;
SELECT item_id, reason FROM behav_recommend(777, 1, 'next');
ROLLBACK;
SELECT item_id, reason FROM behav_recommend(777, 1, 'next');
-- what the model does not know counts for nothing: items, behaviours, no time, a time to come
BEGIN;
INSERT INTO shop_int VALUES (778, 555, '2026-01-20 10:00+00', 'view'), (778, 104, '2026-01-20 10:00+00', 'stare'),
	(778, 105, '2999-01-01 10:00+00', 'view');
SELECT reason FROM behav_recommend(778, 1);
ROLLBACK;

-- exclude
SELECT what, array_agg(item ORDER BY item) FROM shop_int WHERE who = 5 GROUP BY what ORDER BY what;
SELECT exclude, array_agg(item_id ORDER BY item_id) AS items
FROM unnest('{nothing,purchased,seen}'::text[]) exclude, behav_recommend(5, 100, 'int', exclude) GROUP BY exclude ORDER BY exclude;
SELECT array_agg(item_id ORDER BY item_id) AS by_default FROM behav_recommend(5, 100);
SELECT array_agg(item_id ORDER BY item_id) AS by_default FROM behav_recommend(5, 100, exclude => NULL);

-- candidates
SELECT item_id FROM behav_recommend(5, 10, exclude => 'nothing', candidates => ARRAY[101, 103, 110]) ORDER BY item_id;
SELECT item_id FROM behav_recommend(5, 10, exclude => 'nothing', candidates => ARRAY['101', '103', 'x']) ORDER BY item_id;
SELECT item_id FROM behav_recommend(5, 10, exclude => 'nothing', candidates => '{101,103}') ORDER BY item_id;
SELECT item_id FROM behav_recommend(5, 10, exclude => 'nothing', candidates => ARRAY[101, NULL, 99999999999]) ORDER BY item_id;
SELECT count(*) FROM behav_recommend(5, candidates => '{}');
SELECT count(*) FROM behav_recommend(5, candidates => ARRAY[1, 2]);
SELECT count(*) FROM behav_recommend(5, candidates => NULL);
SELECT item_id FROM behav_recommend(999999, 10, candidates => ARRAY[101, 103]) ORDER BY item_id;
SELECT item_id FROM behav_recommend(5, candidates => ARRAY[105], exclude => 'purchased');
SELECT item_id FROM behav_recommend('u5', 1, 'text', candidates => ARRAY['i104', 'i101']);
SELECT right(item_id, 3) AS item FROM behav_recommend('00000000-0000-4000-8000-000000000005'::uuid, 1, 'uuid',
	candidates => ARRAY['00000000-0000-4000-8000-000000000104']::uuid[]);

-- min_score cuts the tail, k the head
WITH whole AS (SELECT * FROM behav_recommend(5, 100, exclude => 'nothing')),
cut AS (SELECT * FROM behav_recommend(5, 100, exclude => 'nothing', min_score => (SELECT score FROM whole WHERE rank = 3)))
SELECT (SELECT count(*) FROM whole) AS whole, count(*) AS cut, max(rank) AS last FROM cut;
SELECT count(*) FROM behav_recommend(5, min_score => 1e30);
SELECT count(*) FROM behav_recommend(5, min_score => '-infinity');
SELECT count(*) FROM behav_recommend(5, 1), LATERAL (SELECT 1) x;
SELECT count(*) AS ranks, bool_and(score <= before) AS descending FROM (
	SELECT score, lag(score, 1, 'infinity') OVER (ORDER BY rank) AS before FROM behav_recommend(5, 10000, exclude => 'nothing')) x;

-- reasons and shares
SELECT item_id, event, to_char(ts AT TIME ZONE 'UTC', 'MM-DD HH24:MI:SS') AS ts, round(share::numeric, 3) AS share FROM behav_explain(5, 104);
SELECT round(sum(share)::numeric, 5) AS sum, count(*) AS events FROM behav_explain(5, 101);
SELECT r.item_id, r.reason = format('because of %s (%s, %s %%)', x.item_id, x.event, round((100 * x.share)::numeric)) AS names_the_largest
FROM behav_recommend(5, 4, exclude => 'nothing') r,
	LATERAL (SELECT * FROM behav_explain(5, r.item_id) ORDER BY share DESC, ts DESC LIMIT 1) x ORDER BY r.rank;
SELECT round(sum(share)::numeric, 5) FROM behav_explain('u5', 'i104', 'text');
SELECT round(sum(share)::numeric, 5)
FROM behav_explain('00000000-0000-4000-8000-000000000005'::uuid, '00000000-0000-4000-8000-000000000104'::uuid, 'uuid');
SELECT (SELECT count(*) FROM behav_explain(999999, 104)) AS nobody, (SELECT count(*) FROM behav_explain(5, 7)) AS unknown_item,
	(SELECT count(*) FROM behav_explain(5, 'x'::text)) AS no_number, (SELECT count(*) FROM behav_explain(NULL::bigint, 104)) AS no_user,
	(SELECT count(*) FROM behav_explain(5, NULL::int)) AS no_item;

-- visitors without an account: items so far, oldest first
SELECT item_id, reason FROM behav_recommend_items(ARRAY[103, 107], 2);
SELECT item_id FROM behav_recommend_items('{103}'::int[], 1);
SELECT item_id FROM behav_recommend_items(ARRAY['103', 'zzz'], 1);
SELECT reason FROM behav_recommend_items(ARRAY[]::int[], 1);
SELECT reason FROM behav_recommend_items(NULL::text[], 1);
SELECT reason FROM behav_recommend_items(ARRAY[555], 1);
SELECT item_id FROM behav_recommend_items(ARRAY[103], 3, candidates => ARRAY[105, 106]) ORDER BY item_id;
SELECT bool_or(item_id = '103') AS seen_again FROM behav_recommend_items(ARRAY[103], 100);
SELECT bool_or(item_id = '103') AS seen_again FROM behav_recommend_items(ARRAY[103], 100, exclude => 'nothing');
SELECT right(item_id, 3) AS item FROM behav_recommend_items(ARRAY['00000000-0000-4000-8000-000000000103']::uuid[], 1, 'uuid');

-- similar items
SELECT item_id, rank FROM behav_similar_items(103, 2);
SELECT item_id FROM behav_similar_items('i103', 1, 'text');
SELECT count(*) AS others, bool_or(item_id = '103') AS itself FROM behav_similar_items(103, 100);
SELECT (SELECT count(*) FROM behav_similar_items(7)) AS unknown, (SELECT count(*) FROM behav_similar_items(NULL::int)) AS nothing;

-- in joins, LATERAL, views, plans; in a read-only transaction
SELECT provolatile, count(*) FROM pg_proc WHERE proname IN ('behav_recommend', 'behav_recommend_items', 'behav_similar_items', 'behav_explain')
GROUP BY 1;
CREATE TABLE title (item int PRIMARY KEY, name text);
INSERT INTO title SELECT i, 'title ' || i FROM generate_series(100, 111) i;
SELECT u, t.name FROM generate_series(1, 3) u, LATERAL behav_recommend(u, 2, exclude => 'nothing') r
JOIN title t ON t.item = r.item_id::int ORDER BY u, r.rank;
SELECT (behav_recommend(u, 1, exclude => 'nothing')).item_id FROM generate_series(1, 3) u;
CREATE VIEW shown AS SELECT who, r.* FROM (SELECT DISTINCT who FROM shop_int) w, behav_recommend(who, 1, 'int', 'nothing') r;
SELECT count(*) FROM shown;
PREPARE ask(bigint) AS SELECT item_id FROM behav_recommend($1, 1, exclude => 'nothing');
EXECUTE ask(1);
EXECUTE ask(2);
DEALLOCATE ask;
BEGIN READ ONLY;
SELECT item_id FROM behav_recommend(5, 1);
SELECT item_id FROM behav_recommend_items(ARRAY[103], 1);
SELECT item_id FROM behav_similar_items(103, 1);
SELECT count(*) > 0 AS explained FROM behav_explain(5, 104);
COMMIT;

-- into a table: the same rows as one by one
SELECT users, rows FROM behav_recommend_table('int', 'bulk', 3, 'nothing');
SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a WHERE attrelid = 'bulk'::regclass AND attnum > 0 ORDER BY attnum;
SELECT count(*) AS different FROM generate_series(1, 60) u
CROSS JOIN LATERAL behav_recommend(u, 3, 'int', 'nothing') r
LEFT JOIN bulk b ON b.user_id = u AND b.item_id = r.item_id::int AND b.rank = r.rank AND b.score = r.score::real
WHERE b IS NULL;
SELECT DISTINCT model, version FROM bulk;
-- replaced, not added; other models' rows stay
INSERT INTO bulk VALUES (1, 1, 1, 1, 'another', 1);
SELECT users, rows FROM behav_recommend_table('int', 'bulk', 2);
SELECT model, count(*) FROM bulk GROUP BY model ORDER BY model;
BEGIN;
SELECT users, rows FROM behav_recommend_table('int', 'bulk', 1);
ROLLBACK;
SELECT model, count(*) FROM bulk GROUP BY model ORDER BY model;
SELECT users, rows FROM behav_recommend_table('text', 'bulk_text', 1, 'nothing');
SELECT item_id FROM bulk_text WHERE user_id = 'u5';
SELECT users, rows FROM behav_recommend_table('uuid', '"Bulk ""uuid"" table"', 1, 'nothing');
SELECT right(item_id::text, 3) AS item FROM "Bulk ""uuid"" table" WHERE user_id = '00000000-0000-4000-8000-000000000005';
-- an existing table with the columns serves, with more columns too; with wrong ones it does not
CREATE TABLE wide (note text DEFAULT 'x', version int, model text, rank int, score real, item_id bigint, user_id bigint);
SELECT rows FROM behav_recommend_table('int', 'wide', 1);
SELECT count(*), min(note) FROM wide;
CREATE TABLE narrow (user_id bigint, item_id int);
SELECT * FROM behav_recommend_table('int', 'narrow', 1);
SELECT * FROM behav_recommend_table('text', 'wide', 1);
\set VERBOSITY sqlstate
SELECT * FROM behav_recommend_table('int', 'narrow', 1);
SELECT * FROM behav_recommend_table('text', 'wide', 1);
SELECT * FROM behav_recommend_table('int', 'shown', 1);
SELECT * FROM behav_recommend_table('int', 'no_schema.bulk', 1);
SELECT * FROM behav_recommend_table('int', '', 1);
SELECT * FROM behav_recommend_table('int', NULL, 1);
SELECT * FROM behav_recommend_table(NULL, 'bulk', 1);
SELECT * FROM behav_recommend_table('nothing', 'bulk', 1);
SELECT * FROM behav_recommend_table('int', 'bulk', 0);
SELECT * FROM behav_recommend_table('int', 'bulk', 1, 'some');

-- arguments that cannot be
SELECT * FROM behav_recommend(5, 0);
SELECT * FROM behav_recommend(5, 10001);
SELECT * FROM behav_recommend(5, -1);
SELECT * FROM behav_recommend(5, exclude => 'bought');
SELECT * FROM behav_recommend(5, min_score => 'NaN');
SELECT * FROM behav_recommend(5, model => 'nothing');
SELECT * FROM behav_recommend('five', model => 'int');
SELECT * FROM behav_recommend('five', model => 'uuid');
SELECT * FROM behav_recommend_items(ARRAY[1], 0);
SELECT * FROM behav_similar_items(103, 0);
SELECT * FROM behav_explain('five', 103, 'int');
\set VERBOSITY default
SELECT * FROM behav_recommend(5, 10001);
SELECT * FROM behav_recommend(5, exclude => 'bought');
SELECT * FROM behav_recommend('five', model => 'int');
SELECT count(*) FROM behav_recommend(5, NULL, NULL, NULL, NULL, NULL);
SELECT item_id FROM behav_recommend(5, 1, '');

-- rights: the model and the events are granted apart
CREATE ROLE regress_behav_app;
GRANT USAGE ON SCHEMA behavmine TO regress_behav_app;
GRANT SELECT ON ALL TABLES IN SCHEMA behavmine TO regress_behav_app;
SELECT behav_grant_model('next', 'regress_behav_app');
SET ROLE regress_behav_app;
SELECT item_id FROM behav_recommend_items(ARRAY[103], 1, 'next');
\set VERBOSITY sqlstate
SELECT item_id FROM behav_recommend(5, 1, 'next');
SELECT item_id FROM behav_recommend_items(ARRAY[103], 1, 'int');
\set VERBOSITY default
RESET ROLE;
GRANT SELECT ON shop_int TO regress_behav_app;
SET ROLE regress_behav_app;
SELECT item_id FROM behav_recommend(5, 1, 'next');
RESET ROLE;
-- a role that sees some of the events is answered from those
ALTER TABLE shop_int ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON shop_int USING (who = 6);
SET ROLE regress_behav_app;
SELECT who, r.reason FROM unnest('{5,6}'::int[]) who, behav_recommend(who, 1, 'next', 'nothing') r ORDER BY who;
RESET ROLE;
DROP POLICY few ON shop_int;
ALTER TABLE shop_int DISABLE ROW LEVEL SECURITY;
SELECT behav_revoke_model('next', 'regress_behav_app');
DROP OWNED BY regress_behav_app;
DROP ROLE regress_behav_app;

-- names that need quotes
CREATE SCHEMA "sch'e""ma";
CREATE TABLE "sch'e""ma"."ta;b'le" AS
SELECT who AS "user", item AS "it""em", at AS "when'; --", what AS "select" FROM shop_int;
CREATE INDEX ON "sch'e""ma"."ta;b'le" ("user", "when'; --");
SELECT rows FROM behav_source('na''me"', '"sch''e""ma"."ta;b''le"', 'user', 'it"em', 'when''; --', 'select');
SELECT version, deployed FROM behav_train('mo''del"', 'markov', 'na''me"', '{"exclude": "nothing"}');
SELECT item_id, reason FROM behav_recommend(5, 1, 'mo''del"', 'nothing');
SELECT rows FROM behav_recommend_table('mo''del"', '"sch''e""ma"."in''to"', 1);
SELECT behav_drop_model('mo''del"'), behav_drop_source('na''me"');
DROP SCHEMA "sch'e""ma" CASCADE;

-- what a source is, is looked up again when it changes
CREATE TABLE moved AS SELECT who + 1 AS who, item, at, what FROM shop_int;
SELECT item_id FROM behav_recommend(5, 1, 'next');
BEGIN;
SELECT rows FROM behav_source('int', 'moved', 'who', 'item', 'at', 'what');
SELECT item_id FROM behav_recommend(5, 1, 'next');
ROLLBACK;
SELECT item_id FROM behav_recommend(5, 1, 'next');
BEGIN;
DROP VIEW shown;
ALTER TABLE shop_int ALTER who TYPE text;
SELECT item_id FROM behav_recommend(5, 1, 'next');
ROLLBACK;
BEGIN;
ALTER TABLE shop_int RENAME item TO thing;
SELECT item_id FROM behav_recommend(5, 1, 'next');
ROLLBACK;
BEGIN;
SELECT behav_drop_source('int');
\set VERBOSITY sqlstate
SELECT item_id FROM behav_recommend(5, 1, 'next');
\set VERBOSITY default
ROLLBACK;
SELECT item_id FROM behav_recommend(5, 1, 'next');

-- nothing deployed; a model dropped while it serves; a source dropped; its table dropped
SELECT version, deployed FROM behav_train('idle', 'popular', 'int', deploy => 'never');
SELECT * FROM behav_recommend(5, 1, 'idle');
SELECT version, deployed FROM behav_train('brief', 'markov', 'int', '{"exclude": "nothing", "repeats": false}');
SELECT item_id FROM behav_recommend(5, 1, 'brief');
BEGIN;
DECLARE answers CURSOR FOR SELECT u, r.item_id FROM generate_series(1, 60) u, behav_recommend(u, 1, 'brief', 'nothing') r;
FETCH 1 FROM answers;
SELECT behav_drop_model('brief');
SELECT * FROM behav_recommend(5, 1, 'brief');
ROLLBACK;
SELECT item_id FROM behav_recommend(5, 1, 'brief');
SELECT behav_drop_model('brief');
SELECT * FROM behav_recommend(5, 1, 'brief');
SELECT behav_drop_source('int');
SELECT * FROM behav_recommend(5, 1, 'int');
SELECT item_id FROM behav_recommend_items(ARRAY[103], 1, 'int');
SELECT item_id FROM behav_similar_items(103, 1, 'int');
DROP TABLE shop_text;
SELECT * FROM behav_recommend('u5', 1, 'text');
SELECT item_id FROM behav_recommend_items(ARRAY['i103'], 1, 'text');

-- clean up
DROP VIEW shown;
DROP TABLE shop_int, shop_uuid, title, moved, bulk, bulk_text, "Bulk ""uuid"" table", wide, narrow;
SELECT behav_drop_model('int'), behav_drop_model('next'), behav_drop_model('text'), behav_drop_model('uuid'), behav_drop_model('idle');
SELECT behav_drop_source('text'), behav_drop_source('uuid');
