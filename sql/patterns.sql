-- Sequential patterns: of arrays and of sources, rules, matches, contrasts, what they refuse.
SET behavmine.progress = off;
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- the textbook: four sequences
SELECT pattern, length, support, share, examples, median_span
FROM behav_patterns('[["a","b"], ["a","c","b"], ["a","b","c"], []]'::jsonb, 2);
SELECT pattern, support FROM behav_patterns('[["a","b"], ["a","c","b"], ["a","b","c"], []]'::jsonb, 2, 'closed');
SELECT pattern, support FROM behav_patterns('[["a","b"], ["a","c","b"], ["a","b","c"], []]'::jsonb, 2, 'maximal');
SELECT pattern, support FROM behav_patterns('[["a","b"], ["a","c","b"], ["a","b","c"], []]'::jsonb, k => 3);
-- a share is the least count that reaches it: 0.3 of 730 is 219
SELECT count(*), min(support) FROM behav_patterns((SELECT jsonb_agg(CASE WHEN i <= 219 THEN '["x"]' ELSE '["y"]' END::jsonb)
	FROM generate_series(1, 730) i), 0.3);

-- elements of several items: + joins an item to the one before; in the order of rarity
SELECT pattern, length, support FROM behav_patterns('[[["a","b"],"c"], [["b","a"],"c"], ["a","b","c"]]'::jsonb, 2, 'closed');
SELECT pattern FROM behav_patterns('[["+x", ["y", "\\z"]]]'::jsonb, 1, 'maximal');

-- the first match is not enough: nothing between a and b
SELECT pattern, support FROM behav_patterns('[["a","a","a","b"], ["a","x","b"]]'::jsonb, 1, options => '{"max_gap": 0, "include": ["a", "b"]}');
SELECT pattern, support FROM behav_patterns('[["a","x","b"], ["a","b"]]'::jsonb, 1, options => '{"min_gap": 1, "min_length": 2}');
SELECT pattern, support FROM behav_patterns('[["a","x","b"], ["a","b"]]'::jsonb, 1, options => '{"max_window": 1, "min_length": 2}');
SELECT pattern, support FROM behav_patterns('[["a","x","b"], ["a","b"]]'::jsonb, 2, options => '{"exclude": ["a"]}');
-- an excluded item still takes its position
SELECT pattern, support FROM behav_patterns('[["a","x","b"], ["a","b"]]'::jsonb, 1, options => '{"exclude": ["x"], "max_gap": 0, "min_length": 2}');
SELECT pattern, support FROM behav_patterns('[["a","x","b"], ["a","b"]]'::jsonb, 1, options => '{"max_length": 1}');
SELECT * FROM behav_patterns('[["a","b"], ["a","b"]]'::jsonb, 2, 'closed', options => '{"details": false}');
-- one item needs no array
SELECT pattern, support FROM behav_patterns('[["a","x","b"], ["a","b"]]'::jsonb, 2, options => '{"include": "b"}');
-- an item that is too rare to be in a pattern
SELECT count(*) FROM behav_patterns('[["a","x","b"], ["a","b"]]'::jsonb, 2, options => '{"include": ["x"]}');

-- ties at the k-th place: support, then length, then the rarer item last; never k + 1 rows
SELECT k, count(*), string_agg(pattern::text, ' ' ORDER BY support DESC, length, pattern) FROM generate_series(1, 4) k,
	behav_patterns('[["p","q"], ["p","q"], ["r"], ["r"]]'::jsonb, k => k) GROUP BY k ORDER BY k;
-- the kinds agree with their definitions on random sequences
CREATE TABLE p_random AS SELECT s, array_agg(chr(97 + floor((random() * random()) * 5)::int)) AS items
	FROM (SELECT setseed(0.25)) x, generate_series(1, 60) s, generate_series(1, 1 + s % 9) i GROUP BY s;
CREATE TABLE p_all AS SELECT pattern, length, support FROM behav_patterns_arrays('p_random', 'items', 6);
CREATE FUNCTION p_contains(text[], text[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	WITH RECURSIVE m(i, at) AS (SELECT 0, 0::bigint UNION ALL
		SELECT i + 1, (SELECT min(o) FROM unnest($1) WITH ORDINALITY u(v, o) WHERE o > at AND v = $2[i + 1]) FROM m
		WHERE i < cardinality($2) AND at IS NOT NULL)
	SELECT max(i) = cardinality($2) FROM m WHERE at IS NOT NULL $$;
SELECT count(*) > 50 AS many, count(*) FILTER (WHERE support <> (SELECT count(*) FROM p_random r WHERE p_contains(r.items, pattern))) AS wrong FROM p_all;
SELECT count(*) AS differ FROM (
	(SELECT pattern FROM p_all p WHERE NOT EXISTS (SELECT FROM p_all q WHERE q.length > p.length AND q.support = p.support AND p_contains(q.pattern, p.pattern))
	 EXCEPT ALL SELECT pattern FROM behav_patterns_arrays('p_random', 'items', 6, 'closed'))
	UNION ALL (SELECT pattern FROM behav_patterns_arrays('p_random', 'items', 6, 'closed')
	 EXCEPT ALL SELECT pattern FROM p_all p WHERE NOT EXISTS (SELECT FROM p_all q WHERE q.length > p.length AND q.support = p.support AND p_contains(q.pattern, p.pattern)))) d;
SELECT count(*) AS differ FROM (
	(SELECT pattern FROM p_all p WHERE NOT EXISTS (SELECT FROM p_all q WHERE q.length > p.length AND p_contains(q.pattern, p.pattern))
	 EXCEPT ALL SELECT pattern FROM behav_patterns_arrays('p_random', 'items', 6, 'maximal'))
	UNION ALL (SELECT pattern FROM behav_patterns_arrays('p_random', 'items', 6, 'maximal')
	 EXCEPT ALL SELECT pattern FROM p_all p WHERE NOT EXISTS (SELECT FROM p_all q WHERE q.length > p.length AND p_contains(q.pattern, p.pattern)))) d;
SELECT string_agg(pattern::text, ' ') = (SELECT string_agg(pattern::text, ' ') FROM (SELECT pattern FROM behav_patterns_arrays('p_random', 'items', 6) LIMIT 20) l) AS top_is_first
FROM behav_patterns_arrays('p_random', 'items', k => 20);

-- a column of arrays of any type, or of jsonb; a NULL row is no sequence, an empty one is
CREATE TABLE p_visits (who int, pages text[], codes int[], doc jsonb);
INSERT INTO p_visits VALUES (3, '{home,shoes,cart}', '{1,2,3}', '["a", ["b","c"]]'), (1, '{home,cart}', '{1,3}', '["a","b"]'),
	(2, '{home,shoes,help,cart}', '{1,2,9,3}', '[["c","b"]]'), (4, '{}', '{}', '[]'), (5, NULL, NULL, NULL), (NULL, '{home}', '{1}', 'null');
SELECT pattern, support, share, examples FROM behav_patterns_arrays('p_visits', 'pages', 0.5, 'closed', id => 'who');
SELECT pattern, support, examples FROM behav_patterns_arrays('p_visits', 'codes', 3);
SELECT pattern, support FROM behav_patterns_arrays('p_visits', 'doc', 2);

-- a source: three users, whose clocks and behaviours matter
CREATE TABLE p_events (user_id int, item_id text, ts timestamptz, event text, country text);
INSERT INTO p_events VALUES
	(1, 'shoe', '2026-01-01 10:00+00', 'view', 'DE'), (1, 'sock', '2026-01-01 10:05+00', 'view', 'DE'), (1, 'shoe', '2026-01-01 10:09+00', 'buy', 'DE'),
	(1, 'sock', '2026-01-01 10:09+00', 'buy', 'DE'), (1, 'hat', '2026-01-03 12:00+00', 'view', 'DE'),
	(2, 'shoe', '2026-01-01 11:00+00', 'view', 'FR'), (2, 'sock', '2026-01-01 19:00+00', 'view', 'FR'), (2, 'hat', '2026-01-01 19:10+00', 'view', 'FR'),
	(3, 'shoe', '2026-01-02 08:00+00', 'view', 'DE'), (3, 'shoe', '2026-01-02 08:01+00', 'view', 'DE'), (3, 'sock', '2026-01-02 08:20+00', 'view', 'DE'),
	(3, 'shoe', '2026-01-02 08:30+00', 'buy', 'FR'), (3, 'sock', '2026-01-02 08:30+00', 'buy', 'FR');
SELECT rows, users FROM behav_source('p_shop', 'p_events', 'user_id', 'item_id', 'ts', 'event', attributes => '{country}');
SET timezone = 'UTC';
SELECT pattern, support, round(share::numeric, 3) AS share, examples, median_span, first FROM behav_patterns('p_shop', 2, options => '{"events": ["view"], "min_length": 2}');
SELECT pattern, support, median_span FROM behav_patterns('p_shop', 2, options => '{"events": ["view"], "min_length": 2, "max_gap": "1 hour"}');
SELECT pattern, support FROM behav_patterns('p_shop', 2, 'closed', options => '{"of": "event", "per": "session"}');
SELECT pattern, support FROM behav_patterns('p_shop', 2, 'maximal', options => '{"events": ["buy"], "element": "time"}');
SELECT pattern, support FROM behav_patterns('p_shop', 2, options => '{"of": "country", "collapse_repeats": true}');
SELECT pattern, support FROM behav_patterns('p_shop', 1, 'maximal', options => '{"events": ["view"], "collapse_repeats": true, "element": "session"}');
SELECT pattern, support FROM behav_patterns('p_shop', 1, options => '{"events": ["view"]}', since => '2026-01-02', until => '2026-01-03');
SELECT * FROM behav_match_pattern('p_shop', '{shoe,sock}', '{"events": ["view"]}');
SELECT * FROM behav_match_pattern('p_shop', '{shoe,sock}', '{"events": ["view"], "max_gap": "10 minutes"}');
SELECT user_id, span FROM behav_match_pattern('p_shop', '{shoe,+sock}', '{"element": "time"}');
SELECT user_id FROM behav_match_pattern('p_shop', '{view,view,buy}', '{"of": "event"}');
SELECT antecedent, consequent, support, round(share::numeric, 3) AS share, round(confidence::numeric, 3) AS confidence, round(lift::numeric, 3) AS lift,
	round(leverage::numeric, 3) AS leverage, conviction FROM behav_sequence_rules('p_shop', 2, 0.9, options => '{"events": ["view"]}');
SELECT count(*) = 0 AS none FROM behav_sequence_rules('p_shop', 2, 0, options => '{"events": ["view"], "min_length": 4}');
SELECT count(*) FILTER (WHERE round(confidence::numeric, 9) <> round((support::float8 /
		(SELECT count(*) FROM behav_match_pattern('p_shop', r.antecedent)))::numeric, 9)) AS wrong, count(*) > 3 AS some
FROM behav_sequence_rules('p_shop', 2, 0, 3) r;
SELECT pattern, support, against_support, round(growth::numeric, 2) AS growth, round(chi_squared::numeric, 3) AS chi2, round(p_value::numeric, 3) AS p, round(p_adjusted::numeric, 3) AS adjusted
FROM behav_emerging_patterns('p_shop', 2, min_growth => 1.1, options => '{"attribute": "country", "value": "DE", "max_length": 1}');
SELECT pattern, support, against_support, growth FROM behav_emerging_patterns('p_shop', 2, since => '2026-01-02', against_until => '2026-01-02', options => '{"max_length": 1, "events": ["view"]}');
SELECT count(*) > 0 AS some, bool_and(growth = 1 AND chi_squared = 0 AND p_adjusted = 1) AS same FROM behav_emerging_patterns('p_shop', 2, 'p_shop');
-- two groups whose difference is planted: chi-squared by its own formula
CREATE TABLE p_planted AS SELECT u AS user_id, i AS item_id, '2026-01-01'::timestamptz + u * interval '1 day' + i * interval '1 minute' AS ts, CASE WHEN u <= 40 THEN 'x' ELSE 'y' END AS side
	FROM generate_series(1, 100) u, generate_series(1, 3) i WHERE i < 3 OR u <= 30 OR u > 88;
SELECT users FROM behav_source('p_planted', 'p_planted', 'user_id', 'item_id', 'ts', attributes => '{side}');
SELECT pattern, support, against_support, growth, round(chi_squared::numeric, 6) AS chi2, round((100 * (30 * 48.0 - 12 * 10) ^ 2 / (42 * 58 * 40 * 60.0))::numeric, 6) AS formula, p_adjusted < 1e-6 AS clear
FROM behav_emerging_patterns('p_planted', 0.4, min_growth => 2, options => '{"attribute": "side", "value": "x", "against_value": "y", "include": [3]}') LIMIT 1;

-- serial and parallel reads give the same
CREATE TABLE p_big AS SELECT user_id, item_id, event, ts FROM behav_simulate(60, 50, 20, 3);
SELECT users FROM behav_source('p_big', 'p_big');
SELECT md5(string_agg(p::text, '|' ORDER BY n)) AS serial FROM (SELECT p, row_number() OVER () AS n FROM behav_patterns('p_big', 0.2, options => '{"per": "session"}') p) s \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT md5(string_agg(p::text, '|' ORDER BY n)) = :'serial' AS workers_equal_serial FROM (SELECT p, row_number() OVER () AS n FROM behav_patterns('p_big', 0.2, options => '{"per": "session"}') p) s;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- sessions of the source's own: user 1 has two at once, and a row without one is in none
CREATE TABLE p_sessions AS SELECT user_id, session_id, item_id, 1767225600 + ts AS ts FROM (VALUES (1, 's1', 'a', 1), (1, 's2', 'b', 2), (1, 's1', 'b', 3), (1, 's2', 'a', 4), (2, 's3', 'a', 1), (2, 's3', 'b', 9), (2, NULL, 'c', 10))
	v(user_id, session_id, item_id, ts);
SELECT rows FROM behav_source('p_sessions', 'p_sessions', 'user_id', 'item_id', 'ts', session_id => 'session_id');
SELECT pattern, support, examples FROM behav_patterns('p_sessions', 1, 'maximal', options => '{"per": "session"}');
SELECT pattern, support, examples FROM behav_patterns('p_sessions', 2, 'maximal');

-- what is refused
\set VERBOSITY sqlstate
SELECT * FROM behav_patterns('p_shop', 0);
SELECT * FROM behav_patterns('p_shop', -1);
SELECT * FROM behav_patterns('p_shop', 'NaN');
SELECT * FROM behav_patterns('p_shop', 'infinity');
SELECT * FROM behav_patterns('p_shop', 1.5);
SELECT * FROM behav_patterns('p_shop', 4);
SELECT * FROM behav_patterns('p_shop', 2, 'closd');
SELECT * FROM behav_patterns('p_shop', kind => 'maximal');
SELECT * FROM behav_patterns('p_shop', k => 0);
SELECT * FROM behav_patterns('p_shpo');
SELECT * FROM behav_patterns(NULL::text);
SELECT * FROM behav_patterns('p_shop', 2, options => '{"min_gap": 3, "max_gap": 1}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"min_gap": "2 hours", "max_gap": "1 hour"}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"min_gap": 3, "max_window": 2}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"min_length": 3, "max_length": 2}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"max_gap": -1}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"max_gap": "-1 hour"}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"max_gap": "soon"}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"max_gap": [1]}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"of": "contry"}');
SELECT * FROM behav_patterns('p_planted', 2, options => '{"of": "event"}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"events": ["veiw"]}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"events": []}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"include": {"shoe": 1}}');
SELECT * FROM behav_patterns('p_shop', 2, options => '{"attribute": "country"}');
SELECT * FROM behav_patterns('[1, 2]'::jsonb, 1);
SELECT * FROM behav_patterns('{"a": 1}'::jsonb, 1);
SELECT * FROM behav_patterns('[["a", null]]'::jsonb, 1);
SELECT * FROM behav_patterns('[["a", []]]'::jsonb, 1);
SELECT * FROM behav_patterns('[["a", {"b": 1}]]'::jsonb, 1);
SELECT * FROM behav_patterns('[["a", ""]]'::jsonb, 1);
SELECT * FROM behav_patterns('[]'::jsonb, 1);
SELECT * FROM behav_patterns('[["a"]]'::jsonb, 1, options => '{"max_gap": "1 hour"}');
SELECT * FROM behav_patterns_arrays('p_visits', 'who');
SELECT * FROM behav_patterns_arrays('p_visits', 'page');
SELECT * FROM behav_patterns_arrays('p_visits', 'pages', id => 'whom');
SELECT * FROM behav_match_pattern('p_shop', '{}');
SELECT * FROM behav_match_pattern('p_shop', NULL);
SELECT * FROM behav_match_pattern('p_shop', '{shoe,NULL}');
SELECT * FROM behav_sequence_rules('p_shop', 2, 1.5);
SELECT * FROM behav_sequence_rules('p_shop', NULL);
SELECT * FROM behav_emerging_patterns('p_shop', 2);
SELECT * FROM behav_emerging_patterns('p_shop', 2, 'p_shop', against_until => '2026-01-01');
SELECT * FROM behav_emerging_patterns('p_shop', 2, options => '{"attribute": "country"}');
SELECT * FROM behav_emerging_patterns('p_shop', 2, 'p_planted');
\set VERBOSITY default
-- empty sequences only, and a NULL in an array of a table
SELECT count(*) FROM behav_patterns('[[], []]'::jsonb, 1);
INSERT INTO p_visits VALUES (9, '{home,NULL}', NULL, NULL);
SELECT * FROM behav_patterns_arrays('p_visits', 'pages', 1);
SELECT * FROM behav_patterns('p_shop', 4);
SELECT * FROM behav_patterns('p_shop', 1, options => '{"max_patterns": 20}');
SELECT * FROM behav_patterns('p_shop', 1, options => '{"include": ["shoes"]}');
SELECT * FROM behav_patterns('p_shop', 1, options => '{"min_gap": 3, "max_gap": 1}');
SELECT * FROM behav_match_pattern('p_shop', '{shoe,socks}');

SELECT behav_drop_source(s) FROM unnest('{p_shop,p_planted,p_big,p_sessions}'::text[]) s;
DROP FUNCTION p_contains(text[], text[]);
DROP TABLE p_random, p_all, p_visits, p_events, p_planted, p_big, p_sessions;

-- few users with equal long histories: the k best are the shortest, at once, where all of them are too many
CREATE TABLE rounds AS SELECT u AS user_id, (i % 7)::text AS item_id, timestamptz '2024-01-01' + i * interval '1 hour' AS ts FROM generate_series(1, 5) u, generate_series(0, 39) i;
SELECT name FROM behav_source('rounds', 'rounds');
SET statement_timeout = '20s';
SELECT pattern, support FROM behav_patterns('rounds', 2, 'all', 8, '{"details": false}') OFFSET 6;
SELECT length, support FROM behav_patterns('rounds', 2, 'closed', 5, '{"details": false}');
SELECT pattern, support FROM behav_patterns('rounds', 2, 'all', 2, '{"details": false, "min_length": 5, "max_gap": 20}');
SELECT pattern, support FROM behav_patterns('rounds', 2, 'all', 2, '{"details": false, "element": "time", "include": ["6"]}');
\set VERBOSITY sqlstate
SELECT count(*) FROM behav_patterns('rounds', 2, options => '{"max_patterns": 100000}');
\set VERBOSITY default
RESET statement_timeout;
DROP TABLE rounds;
SELECT behav_drop_source('rounds');
