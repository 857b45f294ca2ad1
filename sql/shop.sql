-- What a shop asks for beside the best items: conditions, kinds, variety, rules, carts, segments, other users.
SET behavmine.progress = off;
SET behavmine.num_threads = 1;

-- Sixty items: who views item i views i + 1 next, users 1 to 40. Every third item is bought, and milk
-- (item 60) every five days. Countries are segments; item 59 is in the table only, item 58 in the events only.
CREATE TABLE s_items (sku int PRIMARY KEY, kind text, brand int, price numeric, stock int, note text);
INSERT INTO s_items SELECT i, (ARRAY['shoe', 'hat', 'bag', 'tie'])[i % 4 + 1], i % 5, i, CASE WHEN i % 10 = 0 THEN 0 ELSE i END,
	CASE WHEN i % 2 = 0 THEN 'even' END
FROM generate_series(1, 60) i WHERE i <> 58;
CREATE TABLE s_events (who int, item int, what text, at timestamptz, country text);
INSERT INTO s_events SELECT u, (u * 7 + n * (1 + u % 3)) % 57 + 1, 'view', '2026-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 minute',
	CASE WHEN u % 2 = 0 THEN 'de' ELSE 'at' END
FROM generate_series(1, 40) u, generate_series(1, 20) n;
INSERT INTO s_events SELECT who, item, 'purchase', at + interval '10 seconds', country FROM s_events WHERE item % 3 = 0;
INSERT INTO s_events SELECT u, 60, 'purchase', '2026-01-01 12:00+00'::timestamptz + n * 5 * interval '1 day', 'de' FROM generate_series(1, 5) u, generate_series(1, 4) n;
INSERT INTO s_events SELECT u, 58, 'view', '2026-01-21 00:00+00'::timestamptz, 'de' FROM generate_series(1, 30) u;
INSERT INTO s_events VALUES (90, 7777, 'search', '2026-01-20 00:00+00', 'at');
CREATE INDEX ON s_events (who, at);
SET client_min_messages = warning;
-- the key of the table of items: named, or that of item_id's name, or the primary key
SELECT rows FROM behav_source('s', 's_events', 'who', 'item', 'at', 'what', items => 's_items');
SELECT rows FROM behav_source('s', 's_events', 'who', 'item', 'at', 'what', items => 's_items', options => '{"items_key": "sku", "ignore_events": ["search"]}');
\set VERBOSITY default
SELECT rows FROM behav_source('s2', 's_events', 'who', 'item', 'at', 'what', items => 's_items', options => '{"items_key": "ean"}');
CREATE TABLE s_keyless (code int, kind text);
SELECT rows FROM behav_source('s2', 's_events', 'who', 'item', 'at', 'what', items => 's_keyless');
SELECT version, deployed FROM behav_train('s', 'item_knn', options => '{"exclude": "nothing", "segment": "country"}', deploy => 'always');
RESET client_min_messages;

-- ---- a condition on the table of items, before the k best are taken ----
SELECT count(*) AS rows, bool_and(i.kind = 'shoe' AND i.stock > 0) AS all_fulfil
FROM behav_recommend(5, 100, exclude => 'nothing', filter => $$ kind = 'shoe' AND stock > 0 $$) r JOIN s_items i ON i.sku = r.item_id::int;
SELECT (SELECT count(*) FROM s_items i WHERE kind = 'shoe' AND stock > 0 AND EXISTS (SELECT FROM s_events e WHERE e.item = i.sku)) AS wanted;
-- exactly the best of those: as the whole answer, filtered afterwards
SELECT count(*) AS different FROM
	(SELECT item_id, score, row_number() OVER (ORDER BY rank) AS n FROM behav_recommend(5, 100, exclude => 'nothing') r
	 WHERE item_id::int IN (SELECT sku FROM s_items WHERE price % 7 = 3)) a
	FULL JOIN behav_recommend(5, 100, exclude => 'nothing', filter => 'price % 7 = 3') b ON b.rank = a.n AND b.item_id = a.item_id AND b.score = a.score
WHERE a IS NULL OR b IS NULL;
-- an item that the table does not have is no candidate once there is a condition
SELECT bool_or(item_id = '58') AS unfiltered FROM behav_recommend(5, 100, exclude => 'nothing');
SELECT bool_or(item_id = '58') AS filtered FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'true');
SELECT bool_or(item_id = '59') AS never_met FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'true');
-- a NULL is not true; a subselect; a comment; a condition with quotes
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => $$ note <> 'odd' $$);
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => $$ sku IN (SELECT item FROM s_events WHERE who = 3) $$) ;
SELECT count(*) FROM behav_recommend(5, 3, filter => $$ true -- all of them $$);
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => $$ kind = 'it''s' OR kind = 'hat' $$);
-- with candidates, an exclusion of the history and one by name: all of them, and k rows as long as k are left
SELECT item_id FROM behav_recommend(5, 10, exclude => 'nothing', candidates => ARRAY[1, 2, 3, 5, 6, 9], filter => 'sku <> 2', exclude_items => ARRAY[3, 1000]) ORDER BY item_id::int;
SELECT item_id FROM behav_recommend(5, 10, exclude => 'nothing', candidates => ARRAY[1, 2, 3], exclude_items => '{3}') ORDER BY item_id::int;
SELECT count(*) FROM behav_recommend(5, 7, exclude => 'seen', exclude_items => ARRAY(SELECT item_id FROM behav_recommend(5, 7, exclude => 'seen')));
SELECT count(*) FROM behav_recommend(5, 10, exclude => 'nothing', exclude_items => ARRAY[]::int[]);
SELECT count(*) FROM behav_recommend(5, 10000, exclude => 'nothing', exclude_items => ARRAY['1', 'x', NULL]);
-- nothing left: no row, and which condition took how many
SELECT * FROM behav_recommend(5, 3, filter => 'price > 1000');
SELECT * FROM behav_recommend(5, 3, candidates => ARRAY[1, 2, 999], filter => 'sku > 2');
SELECT * FROM behav_recommend(5, 3, exclude => 'nothing', min_score => 1000, filter => 'sku < 4');
-- a condition that is none
SELECT * FROM behav_recommend(5, 3, filter => 'kind = ''shoe''; DROP TABLE s_items');
SELECT * FROM behav_recommend(5, 3, filter => 'true) OR (true');
SELECT * FROM behav_recommend(5, 3, filter => 'true ORDER BY 1');
SELECT * FROM behav_recommend(5, 3, filter => 'sku, kind');
SELECT * FROM behav_recommend(5, 3, filter => 'sku FROM s_items');
SELECT * FROM behav_recommend(5, 3, filter => '*');
SELECT * FROM behav_recommend(5, 3, filter => '');
SELECT * FROM behav_recommend(5, 3, filter => 'sku +');
\set VERBOSITY sqlstate
SELECT * FROM behav_recommend(5, 3, filter => 'sku');
SELECT * FROM behav_recommend(5, 3, filter => 'colour = 1');
SELECT * FROM behav_recommend(5, 3, filter => 'count(*) > 1');
SELECT * FROM behav_recommend(5, 3, filter => '1 / (sku - sku) = 1');
SELECT * FROM behav_recommend(5, 3, exclude_items => 3);
\set VERBOSITY default
-- the plan is kept; the table may change, be replaced, lose a column, be dropped
BEGIN;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
UPDATE s_items SET stock = 1000 WHERE sku IN (4, 5);
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
ALTER TABLE s_items RENAME TO s_old;
CREATE TABLE s_items AS SELECT sku, stock FROM s_old WHERE sku = 4;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
SAVEPOINT a;
DROP TABLE s_items;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
ROLLBACK TO a;
ALTER TABLE s_items DROP COLUMN sku;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
ROLLBACK;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
-- the answer of a plain condition is kept as long as nobody has changed anything
UPDATE s_items SET stock = 1000 WHERE sku IN (4, 5, 6);
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
UPDATE s_items SET stock = sku WHERE sku = 6;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
BEGIN;
DELETE FROM s_items WHERE sku = 5;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
ROLLBACK;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'stock = 1000');
-- what is not plain is asked each time: a setting, a function found by the search_path
SET app.stock = 1000;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => $$ stock = current_setting('app.stock')::int $$);
SET app.stock = 7;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => $$ stock = current_setting('app.stock')::int $$);
CREATE SCHEMA s_one;
CREATE FUNCTION s_one.wanted(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = 1000';
CREATE FUNCTION public.wanted(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = 7';
SET search_path = s_one, public;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'wanted(stock)');
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'wanted(stock)');
RESET search_path;
SELECT count(*) FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'wanted(stock)');
DROP SCHEMA s_one CASCADE;
DROP FUNCTION public.wanted(int);
UPDATE s_items SET stock = sku WHERE sku IN (4, 5);

-- ---- kinds and variety ----
SELECT count(*) AS rows, max(n) AS most FROM (SELECT i.kind, count(*) AS n FROM behav_recommend(5, 8, exclude => 'nothing', max_per => '{"kind": 2}') r
	JOIN s_items i ON i.sku = r.item_id::int GROUP BY kind) x;
SELECT max(k) AS most_of_a_kind, max(b) AS most_of_a_brand FROM (SELECT count(*) OVER (PARTITION BY kind) AS k, count(*) OVER (PARTITION BY brand) AS b
	FROM behav_recommend(5, 10, exclude => 'nothing', max_per => '{"kind": 3, "brand": 2}') r JOIN s_items i ON i.sku = r.item_id::int) x;
-- the best that the caps allow, in order: as a walk down the whole list takes them
WITH list AS (SELECT r.item_id, r.rank, i.kind, row_number() OVER (PARTITION BY i.kind ORDER BY r.rank) AS nth
	FROM behav_recommend(5, 100, exclude => 'nothing', filter => 'true') r JOIN s_items i ON i.sku = r.item_id::int),
walk AS (SELECT item_id, row_number() OVER (ORDER BY rank) AS n FROM list WHERE nth <= 2)
SELECT count(*) AS same FROM walk w JOIN behav_recommend(5, 8, exclude => 'nothing', filter => 'true', max_per => '{"kind": 2}') r ON r.rank = w.n AND r.item_id = w.item_id;
-- no value, no cap
SELECT count(*) FROM behav_recommend(5, 50, exclude => 'nothing', max_per => '{"note": 1}');
SELECT count(*) FROM behav_recommend(5, 50, exclude => 'nothing', max_per => '{}');
SELECT (SELECT array_agg(item_id ORDER BY rank) FROM behav_recommend(5, 6, exclude => 'nothing', diversity => 0))
	= (SELECT array_agg(item_id ORDER BY rank) FROM behav_recommend(5, 6, exclude => 'nothing')) AS the_same,
	(SELECT array_agg(item_id ORDER BY rank) FROM behav_recommend(5, 6, exclude => 'nothing', diversity => 0.9))
	= (SELECT array_agg(item_id ORDER BY rank) FROM behav_recommend(5, 6, exclude => 'nothing')) AS varied_is_the_same,
	(SELECT count(*) FROM behav_recommend(5, 6, exclude => 'nothing', diversity => 1)) AS rows;
\set VERBOSITY sqlstate
SELECT * FROM behav_recommend(5, 3, max_per => '{"colour": 1}');
SELECT * FROM behav_recommend(5, 3, max_per => '{"kind": 0}');
SELECT * FROM behav_recommend(5, 3, max_per => '{"kind": "two"}');
SELECT * FROM behav_recommend(5, 3, max_per => '{"kind": 1.5}');
SELECT * FROM behav_recommend(5, 3, max_per => '[1]');
SELECT * FROM behav_recommend(5, 3, max_per => '{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}');
SELECT * FROM behav_recommend(5, 3, diversity => 1.5);
SELECT * FROM behav_recommend(5, 3, diversity => 'NaN');
\set VERBOSITY default

-- ---- business rules ----
SELECT behav_add_rule('s', 'boost', filter => 'kind = ''tie''', multiplier => 50, name => 'ties') AS boost \gset
SELECT behav_add_rule('s', 'pin', ARRAY[17], "position" => 2) AS pin \gset
SELECT behav_add_rule('s', 'hide', ARRAY['3', '7']) AS hide \gset
SELECT behav_add_rule('s', 'boost', ARRAY[1], multiplier => 0, valid_from => '2030-01-01') AS later \gset
SELECT i.kind, r.item_id = '17' AS pinned, regexp_replace(r.reason, '^because of \d+ \(\w+, \d+ %\)', 'because ...') AS reason
FROM behav_recommend(5, 3, exclude => 'nothing') r JOIN s_items i ON i.sku = r.item_id::int ORDER BY rank;
SELECT count(*) FILTER (WHERE item_id IN ('3', '7')) AS hidden, count(*) AS rows FROM behav_recommend(5, 100, exclude => 'nothing');
SELECT count(*) FILTER (WHERE item_id IN ('3', '7')) AS shown FROM behav_recommend(5, 100, exclude => 'nothing', rules => false);
-- what a condition takes out is not shown, pinned or not
SELECT bool_or(item_id = '17') AS pinned FROM behav_recommend(5, 5, exclude => 'nothing', exclude_items => ARRAY[17]);
-- a pin below a short list stands at its end; the best of several is taken
SELECT item_id FROM behav_recommend(5, 5, exclude => 'nothing', candidates => ARRAY[17]) ;
-- rules hold for visitors, carts and tables; and from a time on
SELECT item_id = '17' AS second FROM behav_recommend_items(ARRAY[5, 9], 2) WHERE rank = 2;
SELECT item_id = '17' AS second FROM behav_recommend_cart(ARRAY[5, 9], 2) WHERE rank = 2;
SELECT users, rows FROM behav_recommend_table('s', 's_all', 3, 'nothing');
SELECT count(*) AS different FROM s_all t LEFT JOIN LATERAL behav_recommend(t.user_id, 3, exclude => 'nothing') r ON r.rank = t.rank
WHERE r.item_id IS DISTINCT FROM t.item_id::text;
SELECT bool_or(reason LIKE '%x0 by%') AS now, (SELECT bool_or(reason LIKE '%x0 by%') FROM behav_recommend(5, 100, exclude => 'nothing', as_of => '2031-01-01')) AS later
FROM behav_recommend(5, 100, exclude => 'nothing');
SELECT kind, name, items, filter, multiplier, "position", holds FROM behav_shop_rules WHERE model = 's' ORDER BY rule_id;
-- tables: conditions, kinds
SELECT rows FROM behav_recommend_table('s', 's_all', 4, 'nothing', filter => 'kind <> ''hat''', exclude_items => ARRAY[11], max_per => '{"kind": 2}');
SELECT bool_or(i.kind = 'hat' OR item_id = 11) AS wrong, max(n) AS most FROM s_all t JOIN s_items i ON i.sku = t.item_id,
	LATERAL (SELECT count(*) AS n FROM s_all x JOIN s_items y ON y.sku = x.item_id WHERE x.user_id = t.user_id AND y.kind = i.kind) c;
SELECT count(*) AS different FROM s_all t LEFT JOIN LATERAL behav_recommend(t.user_id, 4, exclude => 'nothing', filter => 'kind <> ''hat''', exclude_items => ARRAY[11], max_per => '{"kind": 2}') r ON r.rank = t.rank
WHERE r.item_id IS DISTINCT FROM t.item_id::text;
-- whose rules
CREATE ROLE regress_behav_shop;
GRANT USAGE ON SCHEMA behavmine TO regress_behav_shop;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA behavmine TO regress_behav_shop;
GRANT SELECT ON s_events TO regress_behav_shop;
SET ROLE regress_behav_shop;
SELECT count(*) FROM behav_shop_rules;
SELECT count(*) FROM behavmine.rule;
\set VERBOSITY sqlstate
SELECT behav_add_rule('s', 'hide', ARRAY[1]);
\set VERBOSITY default
SELECT behav_drop_rule(:hide);
RESET ROLE;
SELECT behav_grant_model('s', 'regress_behav_shop');
SET ROLE regress_behav_shop;
SELECT count(*) FROM behav_shop_rules;
SELECT behav_drop_rule(:hide);
-- a filter and a rule's filter are run with the rights of whoever asks
\set VERBOSITY sqlstate
SELECT count(*) FROM behav_recommend(5, 3, 's', filter => 'true', rules => false);
SELECT count(*) FROM behav_recommend(5, 3, 's');
\set VERBOSITY default
SELECT count(*) FROM behav_recommend(5, 3, 's', rules => false);
RESET ROLE;
SELECT behav_revoke_model('s', 'regress_behav_shop');
DROP OWNED BY regress_behav_shop;
DROP ROLE regress_behav_shop;
SELECT behav_drop_rule(:boost), behav_drop_rule(:pin), behav_drop_rule(:hide), behav_drop_rule(:later), behav_drop_rule(:later), behav_drop_rule(NULL);
SELECT bool_or(reason LIKE '%rule%') AS any_rule FROM behav_recommend(5, 100, exclude => 'nothing');
-- rules that cannot be
SELECT behav_add_rule('s', 'boost', ARRAY[1], multiplier => -1);
SELECT behav_add_rule('s', 'boost', ARRAY[1], multiplier => NULL);
SELECT behav_add_rule('s', 'lift', ARRAY[1]);
\set VERBOSITY sqlstate
SELECT behav_add_rule('s', 'boost', ARRAY[1], multiplier => 'NaN');
SELECT behav_add_rule('s', 'boost', ARRAY[1], multiplier => 'infinity');
SELECT behav_add_rule('s', 'pin', ARRAY[1]);
SELECT behav_add_rule('s', 'pin', ARRAY[1], "position" => 0);
SELECT behav_add_rule('s', 'hide', ARRAY[1], "position" => 1);
SELECT behav_add_rule('s', 'hide');
SELECT behav_add_rule('s', 'hide', ARRAY[1], 'true');
SELECT behav_add_rule('s', 'hide', ARRAY[]::int[]);
SELECT behav_add_rule('s', 'hide', ARRAY[NULL]::int[]);
SELECT behav_add_rule('s', 'hide', filter => 'colour = 1');
SELECT behav_add_rule('s', 'hide', filter => 'true; true');
SELECT behav_add_rule('s', 'hide', ARRAY[1], valid_from => '2026-02-01', valid_until => '2026-01-01');
SELECT behav_add_rule('nothing', 'hide', ARRAY[1]);
SELECT behav_add_rule(NULL, 'hide', ARRAY[1]);
\set VERBOSITY default

-- ---- carts ----
SELECT count(*) AS rows, bool_or(item_id IN ('5', '9', '30')) AS in_the_cart FROM behav_recommend_cart(ARRAY[5, 9, 30], 100);
SELECT (SELECT array_agg(r ORDER BY rank) FROM behav_recommend_cart(ARRAY[5, 9, 30], 10) r)
	= (SELECT array_agg(r ORDER BY rank) FROM behav_recommend_cart(ARRAY[30, 9, 5, 9, 9], 10) r) AS order_says_nothing;
SELECT DISTINCT i.kind FROM behav_recommend_cart(ARRAY[5, 9], 100, differ_by => 'kind') r JOIN s_items i ON i.sku = r.item_id::int ORDER BY 1;
SELECT count(*) FROM behav_recommend_cart(ARRAY[5], 3, filter => 'kind = ''bag''', max_per => '{"brand": 1}');
SELECT reason FROM behav_recommend_cart(ARRAY[]::int[], 1);
SELECT reason FROM behav_recommend_cart(NULL::int[], 1);
SELECT reason FROM behav_recommend_cart(ARRAY['nothing'], 1);

-- ---- segments of users without a history ----
SELECT reason FROM behav_recommend(999, 1, segment => 'de');
SELECT array_agg(item_id ORDER BY rank) = (SELECT array_agg(item::text ORDER BY n DESC, c DESC, item) FROM (
	SELECT item, sum(CASE what WHEN 'purchase' THEN 5 ELSE 1 END * 2 ^ (-extract(epoch FROM '2026-01-21 00:39:10+00' - at) / 86400 / 30)) AS n, count(*) AS c
	FROM s_events WHERE country = 'at' AND what <> 'search' GROUP BY 1 ORDER BY 2 DESC LIMIT 5) x) AS popular_in_it
FROM behav_recommend(999, 5, segment => 'at');
SELECT count(*) FROM behav_recommend(999, 100, segment => 'at');
SELECT reason FROM behav_recommend(999, 1, segment => 'mars');
SELECT reason LIKE 'because%' AS own_history FROM behav_recommend(5, 1, segment => 'at');
-- the column itself says it, of a user whose events are of no known item
INSERT INTO s_events VALUES (91, 4444, 'view', '2026-01-20 00:00+00', 'at');
SELECT reason FROM behav_recommend(91, 1);
SELECT reason FROM behav_recommend(91, 1, segment => 'de');
\set VERBOSITY sqlstate
SELECT version FROM behav_train('s', 'popular', options => '{"segment": "planet"}');
\set VERBOSITY default

-- ---- as it was at a time: later events change nothing ----
SELECT version FROM behav_train('past', 'item_knn', 's', '{"exclude": "nothing", "until": "2026-01-10"}', deploy => 'always');
CREATE TABLE s_then AS SELECT u, r.* FROM generate_series(1, 40) u, behav_recommend(u, 5, 'past', as_of => '2026-01-12') r;
CREATE TABLE s_why AS SELECT u, e.* FROM generate_series(1, 40) u, behav_explain(u, 20, 'past', '2026-01-12') e;
BEGIN;
DELETE FROM s_events WHERE at >= '2026-01-12';
INSERT INTO s_events SELECT u, 1 + u % 50, 'view', '2026-01-13', 'at' FROM generate_series(1, 40) u, generate_series(1, 2500);
SELECT count(*) AS rows, count(*) FILTER (WHERE t IS NULL OR r IS NULL) AS different FROM s_then t
FULL JOIN (SELECT u, r.* FROM generate_series(1, 40) u, behav_recommend(u, 5, 'past', as_of => '2026-01-12') r) r ON r = t;
SELECT count(*) > 0 AS rows, count(*) FILTER (WHERE t IS NULL OR r IS NULL) AS different FROM s_why t
FULL JOIN (SELECT u, r.* FROM generate_series(1, 40) u, behav_explain(u, 20, 'past', '2026-01-12') r) r ON r = t;
SELECT max(ts) < '2026-01-12' AS only_before FROM s_why;
ROLLBACK;
SELECT count(*) > 0 AS changed FROM s_then t
FULL JOIN (SELECT u, r.* FROM generate_series(1, 40) u, behav_recommend(u, 5, 'past') r) r ON r = t WHERE t IS NULL OR r IS NULL;
-- a model that has learned from later events is told
SELECT count(*) FROM behav_recommend(5, 1, 's', as_of => '2026-01-05');
SELECT behav_drop_model('past');

-- ---- what is bought again ----
SELECT item_id, round(score::numeric, 4) AS score, rank, due, reason FROM behav_buy_again(3, 10, as_of => '2026-01-25 12:00+00');
SELECT item_id, round(score::numeric, 4) AS score FROM behav_buy_again('3'::text, 1, as_of => '2026-01-26 12:00+00');
SELECT item_id, due FROM behav_buy_again(3, 1, as_of => '2026-01-12');
SELECT count(*) FROM behav_buy_again(3, 10, as_of => '2026-01-05');
SELECT (SELECT count(*) FROM behav_buy_again(999)) AS unknown, (SELECT count(*) FROM behav_buy_again(NULL::bigint)) AS nobody;
\set VERBOSITY sqlstate
SELECT * FROM behav_buy_again(3, 0);
SELECT * FROM behav_buy_again('x'::text);
\set VERBOSITY default

-- ---- users with similar histories: as a brute force over the events ----
CREATE TABLE s_vector AS SELECT who, item, max(CASE what WHEN 'purchase' THEN 5 ELSE 1 END * 2 ^ (extract(epoch FROM at - '2026-01-21') / 86400 / 30)) AS w
FROM s_events WHERE what <> 'search' AND item <> 4444 GROUP BY 1, 2;
SELECT count(*) AS rows, count(*) FILTER (WHERE abs(s.score - b.cosine) > 1e-9 OR s.user_id IS NULL) AS different FROM behav_similar_users(5, 100, half_life_days => 30) s
FULL JOIN (SELECT o.who, sum(o.w * m.w) / sqrt((SELECT sum(w * w) FROM s_vector WHERE who = o.who) * (SELECT sum(w * w) FROM s_vector WHERE who = 5)) AS cosine
	FROM s_vector o JOIN s_vector m USING (item) WHERE m.who = 5 AND o.who <> 5 GROUP BY 1) b ON b.who::text = s.user_id;
SELECT rank, reason ~ '^\d+ shared items: \d+ \(\d+ %\), \d+ \(\d+ %\), \d+ \(\d+ %\)$' AS explained FROM behav_similar_users(5, 2);
SELECT (SELECT count(*) FROM behav_similar_users(999)) AS unknown, (SELECT count(*) FROM behav_similar_users(NULL::bigint)) AS nobody,
	(SELECT count(*) FROM behav_similar_users(5, 100, as_of => '2026-01-01')) AS before_anything;
SELECT (SELECT max(score) <= 1.0000001 FROM behav_similar_users(5, half_life_days => 0.01)) AS in_range, (SELECT count(*) > 0 FROM behav_similar_users('5'::text)) AS as_text;
\set VERBOSITY sqlstate
SELECT * FROM behav_similar_users(5, half_life_days => 0);
SELECT * FROM behav_similar_users(5, half_life_days => 'NaN');
\set VERBOSITY default

-- ---- a version is of the source that it was trained on ----
CREATE TABLE s_other AS SELECT who + 1000 AS who, item + 100 AS item, at FROM s_events WHERE who <= 40;
CREATE INDEX ON s_other (who, at);
SET client_min_messages = warning;
SELECT rows FROM behav_source('other', 's_other', 'who', 'item', 'at');
SELECT version, deployed FROM behav_train('s', 'item_knn', 'other', '{"exclude": "nothing"}', deploy => 'never');
RESET client_min_messages;
SELECT reason LIKE 'because%' AS still_of_the_first FROM behav_recommend(5, 1, 's');
SELECT source FROM behav_models WHERE model = 's';
SELECT behav_deploy('s', 2);
SELECT reason LIKE 'because%' AS of_the_second, item_id::int > 100 AS its_items FROM behav_recommend(1005, 1, 's');
SELECT source FROM behav_models WHERE model = 's';
SELECT behav_rollback('s');
SELECT reason LIKE 'because%' AS of_the_first FROM behav_recommend(5, 1, 's');

-- ---- without a table of items; without a source ----
SET client_min_messages = warning;
SELECT version FROM behav_train('plain', 'item_knn', 'other', '{"exclude": "nothing"}', deploy => 'always');
RESET client_min_messages;
SELECT * FROM behav_recommend(1005, 1, 'plain', filter => 'true');
\set VERBOSITY sqlstate
SELECT * FROM behav_recommend(1005, 1, 'plain', max_per => '{"kind": 1}');
SELECT * FROM behav_recommend_cart(ARRAY[105], 1, 'plain', 'kind');
SELECT behav_add_rule('plain', 'hide', filter => 'true');
\set VERBOSITY default
SELECT count(*) FROM behav_recommend(1005, 3, 'plain', diversity => 0.5);

-- ---- what an evaluation tells ----
SELECT algorithm, cases > 0 AS n, k, seed, recall_error BETWEEN 0 AND 0.5 AS recall_error, ndcg_error BETWEEN 0 AND 0.5 AS ndcg_error, head BETWEEN 0 AND 1 AS head,
	gini BETWEEN 0 AND 1 AS gini, coverage > 0 AS coverage, cold_items >= 0 AS cold_items
FROM behav_evaluate('plain', options => '{"exclude": "nothing"}') ORDER BY algorithm;
SELECT round(gini::numeric, 3) = round((1 - 10.0 / (SELECT count(DISTINCT item) FROM s_other))::numeric, 3) AS one_list_for_all, abs(recall_error - sqrt(recall * (1 - recall) / cases)) < 1e-9 AS error
FROM behav_evaluate('plain', options => '{"exclude": "nothing"}') WHERE algorithm = 'popular';
SELECT metrics #> '{test,gini@10}' IS NOT NULL AS gini, metrics #> '{test,head@10}' IS NOT NULL AS head, metrics #> '{test,ndcg_error}' IS NOT NULL AS error
FROM behav_versions WHERE model = 'plain';

-- clean up
SELECT behav_drop_model('s'), behav_drop_model('plain'), behav_drop_source('s'), behav_drop_source('other');
SELECT count(*) AS rules_left FROM behavmine.rule;
DROP TABLE s_items, s_keyless, s_events, s_other, s_all, s_then, s_why, s_vector;
