-- Itemsets and rules: baskets of arrays, rows and sources; kinds, the k best, measures, caps, errors.
SET timezone = 'UTC';
SET behavmine.progress = off;

-- six baskets: duplicates in a basket, one-item baskets, an empty one, nulls
CREATE TABLE carts (id int, items text[]);
INSERT INTO carts VALUES (1, '{bread,milk}'), (2, '{bread,milk,eggs,bread}'), (3, '{milk}'), (4, '{bread,eggs}'),
	(5, '{milk,bread,butter}'), (6, '{butter}'), (7, '{}'), (8, NULL), (9, ARRAY[NULL, 'milk', NULL]);
SELECT itemset, n, round(support::numeric, 4) AS support FROM behav_itemsets_arrays('carts', 'items', 2);
CREATE VIEW cart_lines AS SELECT id, unnest(items) AS item FROM carts;
SELECT itemset, n FROM behav_itemsets_rows('cart_lines', 'id', 'item', 1, 'closed');
SELECT itemset, n FROM behav_itemsets_rows('cart_lines', 'id', 'item', 1, 'maximal');
SELECT itemset, n FROM behav_itemsets_arrays('carts', 'items', 1, k => 3, options => '{"min_length": 2}');
SELECT itemset, n FROM behav_itemsets_arrays('carts', 'items', 0.2, options => '{"max_length": 1}');
SELECT lhs, rhs, n, round(support::numeric, 4) AS support, round(confidence::numeric, 4) AS confidence,
	round(lift::numeric, 4) AS lift, round(leverage::numeric, 4) AS leverage, round(nullif(conviction, 'Infinity')::numeric, 4) AS conviction, conviction = 'Infinity' AS infinite, round(zhang::numeric, 4) AS zhang,
	round(jaccard::numeric, 4) AS jaccard, round(cosine::numeric, 4) AS cosine, round(kulczynski::numeric, 4) AS kulczynski,
	round(imbalance::numeric, 4) AS imbalance, round(chi2::numeric, 4) AS chi2, round(fisher_p::numeric, 4) AS fisher_p, round(p_adj::numeric, 4) AS p_adj
FROM behav_rules_arrays('carts', 'items', 2, 0.6);
SELECT lhs, rhs, n, confidence FROM behav_rules_arrays('carts', 'items', 1, 1, max_rhs => 2);
SELECT lhs, rhs FROM behav_rules_arrays('carts', 'items', 1, 1, max_rhs => NULL, options => '{"max_lhs": 1}');
-- what is in every basket: 0/0 is null
CREATE TABLE always AS SELECT b, i FROM generate_series(1, 4) b, generate_series(1, 2) i WHERE i = 1 OR b < 3;
SELECT lhs, rhs, lift, conviction, zhang, chi2, round(fisher_p::numeric, 4) AS fisher_p FROM behav_rules_rows('always', 'b', 'i', 1, 0.1);

-- item types: numbers in order of value, everything else as its text
CREATE TABLE typed AS SELECT g / 3 AS b, (g % 3 * 7)::smallint AS small, (g % 3 * 7)::bigint AS big, (g % 3 * 7)::numeric AS num,
	md5((g % 3)::text)::uuid AS id, ('i' || g % 3)::char(5) AS padded FROM generate_series(0, 11) g;
SELECT itemset FROM behav_itemsets_rows('typed', 'b', 'small', 3, 'maximal');
SELECT itemset FROM behav_itemsets_rows('typed', 'small', 'big', 1, 'maximal');
SELECT itemset FROM behav_itemsets_rows('typed', 'id', 'num', 1, 'maximal');
SELECT itemset FROM behav_itemsets_rows('typed', 'padded', 'id', 1, 'maximal');
SELECT itemset FROM behav_itemsets_rows('typed', 'b', 'padded', 4, 'maximal');
CREATE TABLE ints AS SELECT b, array_agg(small) AS smalls, array_agg(num) AS nums FROM typed GROUP BY b;
SELECT itemset, n FROM behav_itemsets_arrays('ints', 'smalls', 4, 'closed');
SELECT itemset, n FROM behav_itemsets_arrays('ints', 'nums', 4, 'closed');

-- counts agree with SQL: 2000 baskets of up to 10 of 40 items
CREATE TABLE big AS SELECT DISTINCT g % 2000 AS b, (x * x / 1000 / 25)::int AS i
	FROM (SELECT g, (g::bigint * 1103515245 + 12345) % 2147483648 / 65536 % 1000 AS x FROM generate_series(1, 20000) g) s;
CREATE TEMP TABLE pairs AS SELECT x.i AS a, y.i AS b, count(*) AS n FROM big x JOIN big y USING (b) WHERE x.i < y.i GROUP BY 1, 2;
CREATE TEMP TABLE found AS SELECT * FROM behav_itemsets_rows('big', 'b', 'i', 80);
SELECT (SELECT count(*) FROM pairs WHERE n >= 80) = count(*) AND bool_and(f.n = p.n) AS pairs_agree
FROM found f LEFT JOIN pairs p ON f.itemset = ARRAY[p.a::text, p.b::text] WHERE cardinality(f.itemset) = 2;
SELECT count(*) > 100 AND bool_and(f.n = (SELECT count(*) FROM (SELECT b FROM big WHERE i::text = ANY (f.itemset)
	GROUP BY b HAVING count(*) = cardinality(f.itemset)) s)) AS triples_agree
FROM (SELECT * FROM found WHERE cardinality(itemset) > 2 ORDER BY n, itemset LIMIT 150) f;
SELECT bool_and(f.support = f.n / (SELECT count(DISTINCT b) FROM big)::float8) AS shares_agree FROM found f;
SELECT (SELECT count(*) FROM behav_itemsets_rows('big', 'b', 'i', 80, 'closed')) =
	(SELECT count(*) FROM found f WHERE NOT EXISTS (SELECT FROM found g WHERE g.n = f.n AND g.itemset @> f.itemset AND g.itemset <> f.itemset)) AS closed_agree,
	(SELECT count(*) FROM behav_itemsets_rows('big', 'b', 'i', 80, 'maximal')) =
	(SELECT count(*) FROM found f WHERE NOT EXISTS (SELECT FROM found g WHERE g.itemset @> f.itemset AND g.itemset <> f.itemset)) AS maximal_agree;
SELECT count(*) = 20 AND bool_and(f.n = k.n) AS top_agree
FROM (SELECT n, row_number() OVER () AS r FROM behav_itemsets_rows('big', 'b', 'i', k => 20)) k
JOIN (SELECT n, row_number() OVER (ORDER BY n DESC) AS r FROM found) f USING (r);
CREATE TEMP TABLE made AS SELECT * FROM behav_rules_rows('big', 'b', 'i', 80, 0.3, max_rhs => 2);
SELECT count(*) > 100 AND bool_and(r.confidence = r.n::float8 / l.n AND abs(r.lift - r.n * 2000.0 / l.n / h.n) < 1e-9
	AND abs(r.leverage - (r.n / 2000.0 - l.n / 2000.0 * h.n / 2000.0)) < 1e-9) AS measures_agree
FROM made r JOIN found l ON l.itemset = r.lhs JOIN found h ON h.itemset = r.rhs;
SELECT (SELECT count(*) FROM made) = count(*) AS rules_agree
FROM found l JOIN found x ON x.itemset @> l.itemset AND cardinality(x.itemset) - cardinality(l.itemset) BETWEEN 1 AND 2
WHERE x.n::float8 / l.n >= 0.3;
SELECT bool_and(p_adj BETWEEN fisher_p AND 1) AS adjusted,
	bool_and(p_adj >= before) AS monotone FROM (SELECT *, lag(p_adj) OVER (ORDER BY fisher_p, p_adj) AS before FROM made) s;
SELECT count(*) AS unlike FROM behav_rules_rows('big', 'b', 'i', 80, 0.3, 1.5) WHERE lift < 1.5;

-- sources: purchases by default; sessions, days, users, the session column
CREATE TABLE shopping (u int, i text, ev text, ts timestamptz, sid int, cat text);
INSERT INTO shopping VALUES
	(1, 'tea', 'view', '2024-03-01 10:00', 1, 'drink'), (1, 'tea', 'purchase', '2024-03-01 10:01', 1, 'drink'),
	(1, 'cup', 'purchase', '2024-03-01 10:05', 1, 'ware'), (1, 'pot', 'cart', '2024-03-01 10:06', 1, 'ware'),
	(1, 'pot', 'purchase', '2024-03-01 23:30', 2, 'ware'), (1, 'lid', 'purchase', '2024-03-02 00:30', 2, 'ware'),
	(2, 'tea', 'purchase', '2024-03-01 10:00', 1, 'drink'), (2, 'cup', 'purchase', '2024-03-01 10:25', 1, 'ware'),
	(2, 'tea', 'view', '2024-03-01 10:50', 1, 'drink'), (2, 'pot', 'purchase', '2024-03-01 11:15', 1, 'ware'),
	(2, 'cup', 'purchase', '2024-03-01 18:00', NULL, 'ware'), (NULL, 'lid', 'purchase', '2024-03-01 18:00', 9, 'ware');
SELECT rows, users FROM behav_source('tea', 'shopping', 'u', 'i', 'ts', 'ev', attributes => '{cat}');
SELECT itemset, n, round(support::numeric, 4) AS support FROM behav_itemsets('tea', 2);
SELECT itemset, n FROM behav_itemsets('tea', 2, options => '{"per": "user"}');
SELECT itemset, n FROM behav_itemsets('tea', 1, 'maximal', options => '{"per": "day"}');
SELECT itemset, n FROM behav_itemsets('tea', 1, 'maximal', options => '{"per": "day", "time_zone": "Asia/Tokyo"}');
SELECT itemset, n FROM behav_itemsets('tea', 1, 'maximal', options => '{"events": ["cart", "view"]}');
SELECT itemset, n FROM behav_itemsets('tea', 1, 'maximal', options => '{"events": "all"}');
SELECT itemset, n FROM behav_itemsets('tea', 1, 'maximal', options => '{"of": "cat"}');
SELECT itemset, n FROM behav_itemsets('tea', 1, 'maximal', since => '2024-03-01 12:00', until => '2024-03-01 23:45');
SELECT lhs, rhs, n FROM behav_rules('tea', 2, 1);
-- the session column tells baskets apart within a user, and rows without a user are baskets too
SELECT rows FROM behav_source('orders', 'shopping', 'u', 'i', 'ts', 'ev', session_id => 'sid');
SELECT itemset, n FROM behav_itemsets('orders', 1, 'maximal');
-- no behaviours: a table of purchases
SELECT rows FROM behav_source('bought', 'shopping', 'u', 'i', 'ts', options => '{"purchase_events": null}');

-- a bundle that was planted is found, in every form
CREATE TABLE events AS SELECT * FROM behav_simulate(300, 60, 40, 5);
SELECT rows > 0 AS there FROM behav_source('sim', 'events');
SELECT count(*) > 0 AS found FROM behav_simulate_truth(300, 60, 40, 5) t
JOIN behav_rules('sim', 5, 0.2, 2) r ON r.lhs = ARRAY[t.key::text] AND r.rhs = ARRAY[t.other::text] AND r.p_adj < 0.001 WHERE t.kind = 'bundle';
CREATE VIEW events_bought AS SELECT session_id AS s, item_id FROM events WHERE event = 'purchase' AND user_id NOT IN
	(SELECT key FROM behav_simulate_truth(300, 60, 40, 5) WHERE kind = 'fraud');
DELETE FROM events WHERE user_id IN (SELECT key FROM behav_simulate_truth(300, 60, 40, 5) WHERE kind = 'fraud');
SELECT (SELECT array_agg(x ORDER BY x) FROM behav_rules('sim', 3, 0.2) x) =
	(SELECT array_agg(x ORDER BY x) FROM behav_rules_rows('events_bought', 's', 'item_id', 3, 0.2) x) AS source_as_rows;
SELECT s.session_baskets = r.row_baskets AS sessions_are_the_same
FROM (SELECT round(max(n / support)) AS session_baskets FROM behav_itemsets('sim', options => '{"per": "session"}')) s,
	(SELECT round(max(n / support)) AS row_baskets FROM behav_itemsets('sim', options => '{"per": "session_id"}')) r;

-- the guard of huge baskets, and caps
INSERT INTO carts SELECT 100 + g, (SELECT array_agg('x' || x) FROM generate_series(1, 60) x) FROM generate_series(1, 30) g;
SELECT count(*) FROM behav_itemsets_arrays('carts', 'items', 2, options => '{"max_basket": 50}');
SELECT count(*) FROM behav_itemsets_arrays('carts', 'items', 2, 'closed');
SELECT count(*) FROM behav_itemsets_arrays('carts', 'items', 2, options => '{"max_rows": 1000}');
SELECT count(*) FROM behav_itemsets_arrays('carts', 'items', 2, k => 1000, options => '{"max_rows": 999}');
SELECT count(*), max(cardinality(itemset)) FROM behav_itemsets_arrays('carts', 'items', 2, k => 1000);
SELECT count(*) FROM behav_rules_arrays('carts', 'items', 2, 0.5, options => '{"max_lhs": 1, "max_rows": 100}');
SELECT count(*) FROM behav_rules_arrays('carts', 'items', 2, 0.5, options => '{"max_lhs": 1}');

-- errors
CREATE TABLE no_carts (b int, i int);
\set VERBOSITY sqlstate
SELECT * FROM behav_itemsets_arrays('carts', 'items', 0);
SELECT * FROM behav_itemsets_arrays('carts', 'items', -0.5);
SELECT * FROM behav_itemsets_arrays('carts', 'items', 'NaN');
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1000);
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1.5);
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1, 'close');
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1, NULL);
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1, k => 0);
SELECT * FROM behav_itemsets_arrays('carts', 'id', 1);
SELECT * FROM behav_itemsets_arrays('carts', 'itens', 1);
SELECT * FROM behav_itemsets_arrays(NULL, 'items', 1);
SELECT * FROM behav_itemsets_arrays('carts', NULL, 1);
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1, options => '{"per": "day"}');
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1, options => '{"max_len": 2}');
SELECT * FROM behav_itemsets_rows('no_carts', 'b', 'i', 1);
SELECT * FROM behav_itemsets_rows('nothing', 'b', 'i', 1);
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 0);
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 1.1);
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 'NaN');
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 0.5, -1);
SELECT * FROM behav_rules_arrays('carts', 'items', NULL);
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 0.5, max_rhs => 0);
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 0.5, options => '{"max_itemsets": 1000}');
SELECT * FROM behav_rules('tee');
SELECT * FROM behav_itemsets('tea', 1, options => '{"per": "session_id"}');
SELECT * FROM behav_itemsets('tea', 1, options => '{"per": "week"}');
SELECT * FROM behav_itemsets('tea', 1, options => '{"of": "category"}');
SELECT * FROM behav_itemsets('tea', 1, options => '{"events": ["buy"]}');
SELECT * FROM behav_itemsets('tea', 1, options => '{"events": "cart"}');
SELECT * FROM behav_itemsets('tea', 1, options => '{"events": [1]}');
SELECT * FROM behav_itemsets('tea', 1, options => '{"events": []}');
SELECT * FROM behav_itemsets('tea', 1, options => '{"time_zone": "Europe/Nowhere"}');
SELECT * FROM behav_itemsets('bought', 1, options => '{"events": ["view"]}');
SET behavmine.max_memory = '16MB';
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 0.5);
RESET behavmine.max_memory;
DELETE FROM shopping WHERE ev = 'purchase';
SELECT * FROM behav_itemsets('tea', 1);
\set VERBOSITY default
SELECT * FROM behav_itemsets('tea', 1);
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1000);
SELECT * FROM behav_itemsets_arrays('carts', 'id', 1);
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 1.1);
SELECT * FROM behav_rules_arrays('carts', 'items', 2, 0.5, options => '{"max_itemsets": 1000}');
SELECT * FROM behav_itemsets('tea', 1, options => '{"of": "item_category"}');

-- rights are the caller's
CREATE ROLE behav_no_reader;
SET ROLE behav_no_reader;
\set VERBOSITY sqlstate
SELECT * FROM behav_itemsets_arrays('carts', 'items', 1);
SELECT * FROM behav_rules('tea', 1);
RESET ROLE;
DROP ROLE behav_no_reader;

DELETE FROM behavmine.source;
DROP VIEW cart_lines, events_bought;
DROP TABLE carts, always, typed, ints, big, pairs, found, made, shopping, events, no_carts;
