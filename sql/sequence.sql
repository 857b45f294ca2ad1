-- Sequence patterns, row patterns, what came next.
SET timezone = 'UTC';
-- an event is a letter and a second: 'A0 B5' is an A at 0 and a B at 5
CREATE FUNCTION events(list text) RETURNS TABLE (ts timestamptz, e text) LANGUAGE sql IMMUTABLE AS $$
	SELECT to_timestamp(substr(w, 2)::float8), left(w, 1) FROM string_to_table(list, ' ') w $$;
CREATE FUNCTION seq(pattern text, list text, within interval = NULL, OUT match boolean, OUT count bigint, OUT at text)
LANGUAGE sql AS $$
	SELECT behav_sequence_match(pattern, within, ts, e = 'A', e = 'B', e = 'C'),
		behav_sequence_count(pattern, within, ts, e = 'A', e = 'B', e = 'C'),
		(SELECT string_agg(extract(epoch FROM t)::float8::text, ' ' ORDER BY o)
			FROM unnest(behav_sequence_events(pattern, within, ts, e = 'A', e = 'B', e = 'C')) WITH ORDINALITY u(t, o))
	FROM events(list) $$;

-- what others answer wrongly: a bound that is forgotten, patterns that end in .*, a limit on the whole
SELECT * FROM seq('(?1)(?t<=10)(?2)(?3)', 'A0 B5 B100 C101');
SELECT * FROM seq('(?1).*(?2).*', 'A0 B1 A2 B3');
SELECT * FROM seq('(?1).*(?2)', 'A0 B1 A2 B3');
SELECT * FROM seq('(?1).*(?3)', 'A0 B5 B100 C101', '100 s');
SELECT * FROM seq('(?1).*(?3)', 'A0 A1 B5 C101', '100 s');

-- neighbours among the named events; an event that must not lie between is named, too
SELECT * FROM seq('(?1)(?2)', 'A0 X1 B2');
SELECT * FROM seq('(?1)(?2)', 'A0 C1 B2');
SELECT * FROM seq('(?1).(?2)', 'A0 C1 B2 A3 B4');
SELECT * FROM seq('. . .', 'A0 B1 C2 A3');
-- bounds: open, closed, equal, two on one gap, with decimals, at the end
SELECT op, (seq('(?1)(?t' || op || '5)(?2)', 'A0 B4 B5 B6')).* FROM unnest('{>,>=,<,<=,==,=}'::text[]) op;
SELECT * FROM seq('(?1)(?t>=4)(?t<6)(?2)', 'A0 B3 B6 A10 B14 B15');
SELECT * FROM seq('(?1)(?t<=0.5)(?2)', 'A0 B0.500001 A1 B1.5');
SELECT * FROM seq('(?1)(?t<=5)', 'A0 A9');
SELECT * FROM seq('(?1)(?t>5)', 'A0 A9 A20');
SELECT * FROM seq('(?1)(?t<0)(?2)', 'A0 B0 B1');
-- the earliest events of the match that ends first
SELECT * FROM seq('(?1).*(?2).*(?3)', 'A0 A1 B2 B3 C4 C5 A6 B7 C8');
-- one time: the condition of the lower number comes first
SELECT * FROM seq('(?1)(?2)', 'B0 A0');
SELECT * FROM seq('(?2)(?1)', 'B0 A0');
-- all matches
SELECT match, extract(epoch FROM first_ts)::int AS first, extract(epoch FROM last_ts)::int AS last, cardinality(times) AS n
FROM (SELECT behav_sequence_agg('(?1)(?t<5).(?2)', ts, e = 'A', e = 'B', e = 'C') AS s FROM events('A0 C1 B2 A3 C9 B10 A11 C12 B13')) x,
	behav_sequence_matches(s);

-- NULL and infinite times are left out and counted; a NULL condition is false; no row, no answer
SELECT behav_sequence_count('(?1)', ts, c), behav_events(behav_sequence_agg('(?1)', ts, c)), behav_ignored(behav_sequence_agg('(?1)', ts, c))
FROM (VALUES (NULL::timestamptz, true), ('infinity', true), ('-infinity', false), ('2024-01-01', true), ('2024-01-01', NULL)) v(ts, c);
SELECT behav_sequence_match('(?1)', ts, true), behav_sequence_count('(?1)', ts, true), behav_sequence_events('(?1)', ts, true)
FROM events('A0') WHERE false;
SELECT behav_sequence_match('(?1)', NULL, true), behav_sequence_count('(?1)', NULL, true), behav_sequence_events('(?1)', NULL, true);
SELECT behav_sequence_match('(?64)', ts, VARIADIC array_fill(false, '{63}') || true) FROM events('A0');

-- conditions as names of events; a name may be there twice
SELECT behav_sequence_match('(?1)(?2)', ts, e, '{A,B}') AS m, behav_sequence_count('(?1)(?2)', '2 s', ts, e, '{A,B}') AS n,
	behav_sequence_events('(?3)', ts, e, '{A,A,C}') = ARRAY[to_timestamp(9)] AS t, behav_sequence_count('(?2)', ts, e, '{A,A}') AS twice,
	behav_sequence_agg('(?1)(?2)', ts, e, '{A,B}')::text = behav_sequence_agg('(?1)(?2)', ts, e = 'A', e = 'B')::text AS same,
	behav_sequence_agg('(?1)(?2)', '1 s', ts, e, '{A,B}')::text = behav_sequence_agg('(?1)(?2)', '1 s', ts, e = 'A', e = 'B')::text AS same_within,
	behav_match_rows_agg('{A,B}', ts, e)::text = behav_match_rows_agg('{A,B}', ts, e = 'A', e = 'B')::text AS same_rows
FROM (SELECT * FROM events('A0 B1 A2 X4 B5 C9') UNION ALL VALUES (to_timestamp(6), NULL)) x;
-- pattern and names of each group, from a table
CREATE TABLE ask AS SELECT p, n, x FROM (VALUES ('(?1)(?2)', '{A,B}'::text[], 'A0 B1 A2 B3'), ('(?2).*(?1)', '{B,A}', 'A0 B1 A2 B3'), ('(?1)', '{X}', 'A0')) v(p, n, x);
SELECT p, n, behav_sequence_count(p, ts, e, n), behav_sequence_count(p, ts, VARIADIC ARRAY[e = n[1], e = n[2]]) AS other
FROM ask, events(x) GROUP BY p, n ORDER BY p;
DROP TABLE ask;

-- states: asked later, by other patterns, stored as text, merged
CREATE TABLE daily AS
	SELECT u, d, behav_sequence_agg('(?1)(?t<=60).*(?2)', ts, k = 0, k = 1, k = 2) AS s
	FROM (SELECT i % 5 AS u, i % 3 AS d, to_timestamp(i * 7919 % 10007) AS ts, i * 31 % 17 AS k FROM generate_series(1, 20000) i) e GROUP BY 1, 2;
CREATE TABLE whole AS
	SELECT u, behav_sequence_count('(?1)(?t<=60).*(?2)', ts, k = 0, k = 1, k = 2) AS n,
		behav_sequence_events('(?1)(?t<=60).*(?2)', ts, k = 0, k = 1, k = 2) AS t,
		behav_sequence_count('(?1).(?2)', '1 minute', ts, k = 0, k = 1, k = 2) AS other
	FROM (SELECT i % 5 AS u, to_timestamp(i * 7919 % 10007) AS ts, i * 31 % 17 AS k FROM generate_series(1, 20000) i) e GROUP BY 1;
SELECT sum(n) > 100 AS many, bool_or(other <> n) AS others, bool_and(n = behav_sequence_count(s) AND t = behav_sequence_events(s)
	AND behav_sequence_match(s) = (n > 0) AND other = behav_sequence_count(s, '(?1).(?2)', '1 minute')
	AND n = (SELECT count(*) FROM behav_sequence_matches(s))) AS same
FROM whole JOIN (SELECT u, behav_rollup(s ORDER BY d DESC) AS s FROM daily GROUP BY u) r USING (u);
SELECT bool_and(n = behav_sequence_count(s)) AS same
FROM whole JOIN (SELECT u, behav_rollup(s::text::behav_sequence_state) AS s FROM daily GROUP BY u) r USING (u);
SELECT behav_sequence_count(behav_sequence_state_combine(s, NULL)) = behav_sequence_count(behav_sequence_state_combine(NULL, s)) AS same,
	pg_column_size(behav_sequence_state_final(s)) <= 16 * behav_events(s) + 100 AS size FROM daily WHERE u = 1 AND d = 0;

-- workers
CREATE TABLE many AS SELECT i % 100 AS u, to_timestamp(i * 7919 % 1000003) AS ts, i * 31 % 17 AS k FROM generate_series(1, 50000) i;
ANALYZE many;
CREATE TABLE serial AS SELECT u, behav_sequence_match('(?1)(?2)(?3)', ts, k = 0, k = 1, k = 2) AS m, behav_sequence_count('(?1).*(?2)', ts, k = 0, k = 1) AS n,
	behav_sequence_events('(?1)(?t>=100)(?2)', '1 hour', ts, k = 0, k = 1) AS t, behav_next_node('forward', 'last_match', ts, k::text, k > 3, k = 5) AS x FROM many GROUP BY u;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT u, behav_sequence_match('(?1)(?2)(?3)', ts, k = 0, k = 1, k = 2), behav_next_node('forward', 'last_match', ts, k::text, k > 3, k = 5) FROM many GROUP BY u;
EXPLAIN (COSTS OFF) SELECT behav_sequence_count('(?1).*(?2)', ts, k = 0, k = 1), behav_sequence_events('(?1)', '1 hour', ts, k = 0),
	behav_match_rows_agg('{A}', ts, k = 0), behav_sequence_agg('(?1)', ts, k = 0) FROM many;
SELECT count(*), bool_and(m = pm AND n = pn AND t = pt AND x IS NOT DISTINCT FROM px) AS workers_equal_serial FROM serial JOIN (
	SELECT u, behav_sequence_match('(?1)(?2)(?3)', ts, k = 0, k = 1, k = 2) AS pm, behav_sequence_count('(?1).*(?2)', ts, k = 0, k = 1) AS pn,
		behav_sequence_events('(?1)(?t>=100)(?2)', '1 hour', ts, k = 0, k = 1) AS pt, behav_next_node('forward', 'last_match', ts, k::text, k > 3, k = 5) AS px FROM many GROUP BY u) p USING (u);
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- no number of steps is too many
SELECT behav_sequence_match('(?1).*(?1).*(?1).*(?1).*(?1).*(?1).*(?1).*(?1)(?t<=1)(?2)', to_timestamp(i), true, i < 0) FROM generate_series(1, 50000) i;

-- ---- row patterns ----
CREATE FUNCTION rows(pattern text, list text, within interval = NULL, skip text = 'past last row')
RETURNS TABLE (match bigint, symbols text, rows bigint[], seconds text) LANGUAGE sql AS $$
	SELECT match, array_to_string(symbols, ' '), rows, extract(epoch FROM first_ts)::int || '-' || extract(epoch FROM last_ts)::int
	FROM (SELECT behav_match_rows_agg('{A,B,C}', ts, e = 'A', e = 'B', e = 'C') AS s FROM events(list)) x,
		behav_match_rows(s, pattern, within, skip) $$;
SELECT * FROM rows('A B+ C?', 'A0 B1 B2 X3 A4 B5 C6');
SELECT * FROM rows('A B+? (B | C)', 'A0 B1 B2 C3 A4 B5 C6');
SELECT * FROM rows('A{2,}', 'A0 A1 A2 B3 A4 B5 A6 A7');
SELECT * FROM rows('A{2}', 'A0 A1 A2', skip => 'to next row');
SELECT * FROM rows('A+', 'A0 A5 A10 A15', '6 s');
SELECT * FROM rows('^A | C$', 'A0 A1 C2 C3');
SELECT * FROM rows('PERMUTE(A, B, C)', 'C0 A1 B2 B3 A4 B5');
SELECT * FROM rows('A*', 'B0 B1');
SELECT * FROM rows('A*? B', 'A0 A1 B2');
SELECT behav_match_rows_count(s, 'A B'), behav_match_rows_count(s, '(A | B) B', NULL, 'to next row'), behav_match_rows_count(s, 'A B', '1 s'), behav_match_rows_count(NULL, 'A') IS NULL AS none
FROM (SELECT behav_match_rows_agg('{A,B}', ts, e) AS s FROM events('A0 B1 B2 A3 B5')) x;
-- a row of two symbols stands for the one that the pattern prefers
SELECT symbols FROM (SELECT behav_match_rows_agg('{UP,"big up"}', to_timestamp(i), i > 2, i > 4) AS s FROM generate_series(1, 6) i) x,
	behav_match_rows(s, '("big up" | UP)+');
SELECT count(*) FROM (SELECT behav_match_rows_agg('{A}', to_timestamp(i), true) AS s FROM generate_series(1, 20000) i) x, behav_match_rows(s, '(A* A*)* A{3}');

-- ---- what came next ----
CREATE TABLE clicks (u int, ts timestamptz, page text, referrer text);
INSERT INTO clicks SELECT 1, to_timestamp(i), p, CASE WHEN i > 1 THEN 'link' END
FROM unnest('{home,gift,basket,home,gift,gift,basket}'::text[]) WITH ORDINALITY x(p, i);
SELECT d, b, behav_next_node(d, b, ts, page, true, page = e1, page = e2) AS two, behav_next_node(d, b, ts, page, true, page = e1) AS one
FROM clicks, unnest('{forward,backward}'::text[]) d, unnest('{head,tail,first_match,last_match}'::text[]) b,
	LATERAL (SELECT CASE b WHEN 'head' THEN 'home' WHEN 'tail' THEN 'basket' ELSE 'gift' END, CASE WHEN d = 'forward' THEN 'basket' ELSE 'home' END) c(e1, e2)
GROUP BY d, b, e1, e2 ORDER BY d DESC, b;
SELECT behav_next_node('forward', 'first_match', ts, page, referrer = 'link', page = 'home') AS base_condition,
	behav_next_node('forward', 'head', ts, page, referrer = 'link', page = 'home') IS NULL AS head_is_no_base,
	behav_next_node('forward', 'first_match', ts, NULLIF(page, 'gift'), true, page = 'home') IS NULL AS no_text FROM clicks;
SELECT behav_next_node('forward', 'head', ts, repeat(page, 1000), true, page = 'home') = repeat('gift', 1000) AS long FROM clicks;
-- large groups, cut down as they grow, against window functions
WITH x AS (SELECT i % 3 AS u, to_timestamp(i * 7919 % 10007) AS ts, i * 31 % 11 AS k FROM generate_series(1, 10000) i),
	w AS (SELECT *, lead(k) OVER w AS next, lag(k) OVER w AS before, row_number() OVER w AS n, row_number() OVER (PARTITION BY u ORDER BY ts DESC) AS back FROM x WINDOW w AS (PARTITION BY u ORDER BY ts))
SELECT u, behav_next_node('forward', 'first_match', ts, k::text, true, k = 3) = min(next::text) FILTER (WHERE n = first) AS first_match,
	behav_next_node('forward', 'last_match', ts, k::text, true, k = 3) = min(next::text) FILTER (WHERE n = last) AS last_match,
	behav_next_node('backward', 'last_match', ts, k::text, true, k = 3) = min(before::text) FILTER (WHERE n = last) AS backward,
	behav_next_node('forward', 'head', ts, k::text, true, true, true) = min(k::text) FILTER (WHERE n = 3) AS head,
	behav_next_node('backward', 'tail', ts, k::text, true, true, true) = min(k::text) FILTER (WHERE back = 3) AS tail,
	pg_column_size(behav_next_node_agg('forward', 'head', ts, k::text, true, true)) < 10000 AS small,
	pg_column_size(behav_next_node_agg('backward', 'first_match', ts, k::text, true, k = 3)) < 10000 AS small_too
FROM w JOIN (SELECT u, min(n) FILTER (WHERE k = 3) AS first, max(n) FILTER (WHERE k = 3) AS last FROM w GROUP BY u) f USING (u) GROUP BY u ORDER BY u;
SELECT behav_next_node(behav_rollup(s::text::behav_next_node_state)), sum(behav_ignored(s))
FROM (SELECT behav_next_node_agg('forward', 'last_match', ts, page, true, page = 'home') AS s FROM clicks
	UNION ALL SELECT behav_next_node_agg('forward', 'last_match', ts, 'late', true, false) FROM (VALUES (NULL::timestamptz), ('1970-01-01 00:00:04.5Z')) v(ts)) x;

-- ---- on a source ----
SET client_min_messages = warning;
CREATE TABLE shop AS SELECT * FROM behav_simulate(users => 200, items => 50, days => 20, seed => 3);
SELECT rows > 1000 AS many FROM behav_source('seq_shop', 'shop', options => '{"drop_duplicates": false, "robot_events_per_minute": 0, "robot_events_per_day": 0}');
RESET client_min_messages;
SET behavmine.progress = off;
SELECT count(*) > 20 AS many, bool_and(matches = n AND times = t AND first_ts = t[1] AND last_ts = t[2]) AS same, count(*) = max(users) AS all
FROM behav_sequence_users('seq_shop', '(?1)(?t<=600)(?2)', '{cart,purchase}') r
JOIN (SELECT *, count(*) OVER () AS users FROM (SELECT user_id::text, behav_sequence_count('(?1)(?t<=600)(?2)', ts, event = 'cart', event = 'purchase') AS n,
	behav_sequence_events('(?1)(?t<=600)(?2)', ts, event = 'cart', event = 'purchase') AS t FROM shop GROUP BY 1) a WHERE n > 0) w USING (user_id);
SELECT count(*) FROM behav_sequence_users('seq_shop', '(?1).*(?2)', '{cart,purchas}');
CREATE ROLE seq_reader;
GRANT USAGE ON SCHEMA behavmine TO seq_reader;
GRANT SELECT ON behavmine.source TO seq_reader;
SET ROLE seq_reader;
\set VERBOSITY sqlstate
SELECT count(*) FROM behav_sequence_users('seq_shop', '(?1)', '{cart}');
RESET ROLE;
SELECT count(*) FROM behav_sequence_users('nowhere', '(?1)', '{cart}');
SELECT count(*) FROM behav_sequence_users('seq_shop', '(?1)', '{}');
SELECT count(*) FROM behav_sequence_users('seq_shop', '(?2)', '{cart}');
REVOKE ALL ON behavmine.source FROM seq_reader;
REVOKE ALL ON SCHEMA behavmine FROM seq_reader;
DROP ROLE seq_reader;
SELECT behav_drop_source('seq_shop');

-- ---- errors ----
SELECT behav_sequence_match('(?1)', ts, VARIADIC array_fill(true, '{65}')) FROM events('A0');
SELECT behav_sequence_match('(?1)', ts, VARIADIC '{}'::boolean[]) FROM events('A0');
SELECT behav_sequence_match('(?1)', ts, VARIADIC NULL::boolean[]) FROM events('A0');
SELECT behav_sequence_match('(?1)', ts, VARIADIC '{{t,f}}'::boolean[]) FROM events('A0');
SELECT behav_sequence_match('(?1)', '0 s', ts, true) FROM events('A0');
SELECT behav_sequence_match('(?1)', '-1 day', ts, true) FROM events('A0');
SELECT behav_sequence_match(NULL, ts, true) FROM events('A0');
SELECT behav_sequence_match('', ts, true) FROM events('A0');
SELECT behav_sequence_match(repeat('(?1)', 65), ts, true) FROM events('A0');
SELECT behav_sequence_match(repeat(' ', 9000), ts, true) FROM events('A0');
SELECT behav_sequence_match('(?' || i || ')', ts, true, true) FROM events('A0'), generate_series(1, 2) i;
SELECT behav_sequence_count(behav_rollup(s)) FROM (SELECT behav_sequence_agg('(?1)', ts, true) AS s FROM events('A0') UNION ALL SELECT behav_sequence_agg('(?2)', ts, true, true) FROM events('A0')) x;
SELECT behav_sequence_match('bm1:AAAA'::behav_sequence_state);
SELECT behav_match_rows_agg('{A,A}', ts, true, true) FROM events('A0');
SELECT behav_match_rows_agg('{A}', ts, true, true) FROM events('A0');
SELECT behav_match_rows_agg(NULL, ts, true) FROM events('A0');
SELECT * FROM rows('A{99999}', 'A0');
SELECT * FROM rows('A', 'A0', '-1 s');
SELECT * FROM rows('A', 'A0', skip => 'nowhere');
SELECT * FROM rows(NULL, 'A0');
SELECT m.* FROM (SELECT behav_sequence_agg('(?1)', ts, true) AS s FROM events('A0')) x, behav_match_rows(s, 'A') m;
SELECT behav_sequence_count(behav_match_rows_agg('{A}', ts, true)) FROM events('A0');
SELECT behav_next_node('sideways', 'head', ts, e, true, true) FROM events('A0');
SELECT behav_next_node('forward', 'heads', ts, e, true, true) FROM events('A0');
SELECT behav_next_node('forward', 'head', ts, e, true, VARIADIC '{}'::boolean[]) FROM events('A0');
SELECT behav_sequence_match('(?1)', ts, e, '{}'::text[]) FROM events('A0');
SELECT behav_sequence_match('(?1)', ts, e, array_fill('a'::text, '{65}')) FROM events('A0');
SELECT behav_sequence_match('(?1)', ts, e, NULL::text[]) FROM events('A0');
SELECT behav_sequence_match('(?1)', ts, e, '{NULL}') FROM events('A0');
SELECT behav_match_rows_agg('{A,A}', ts, e) FROM events('A0');
-- a flipped byte, a cut state, a newer one
SELECT behav_events(('bm1:' || translate(encode(set_byte(b, 40, get_byte(b, 40) # flip), 'base64'), E'\n', ''))::behav_sequence_state) > 0 AS loads
FROM (SELECT decode(substr(s::text, 5), 'base64') AS b FROM daily WHERE u = 1 AND d = 0) x, generate_series(0, 1) flip WHERE flip = 0;
SELECT behav_events(('bm1:' || translate(encode(set_byte(b, 40, get_byte(b, 40) # flip), 'base64'), E'\n', ''))::behav_sequence_state) > 0 AS loads
FROM (SELECT decode(substr(s::text, 5), 'base64') AS b FROM daily WHERE u = 1 AND d = 0) x, generate_series(0, 1) flip WHERE flip = 1;
SELECT left(s::text, -8)::behav_sequence_state FROM daily WHERE u = 1 AND d = 0;
SELECT replace(s::text, 'bm1:', 'bm9:')::behav_sequence_state FROM daily WHERE u = 1 AND d = 0;
\set VERBOSITY default
SELECT behav_sequence_match('(?1)(?t<=)(?2)', ts, true, false) FROM events('A0');
SELECT behav_sequence_match(E'(?1)\tпосле (?2)', ts, true, false) FROM events('A0');
SELECT behav_sequence_match('(?1).*(?3)', ts, true, false) FROM events('A0');
SELECT behav_sequence_match(repeat('(?1)', 30) || '(?1]' || repeat('(?1)', 30), ts, true) FROM events('A0');
SELECT m.* FROM (SELECT behav_match_rows_agg('{A,B,C}', ts, true, true, true) AS s FROM events('A0')) x, behav_match_rows(s, 'A (B{0,100000} | C)') m;
SELECT m.* FROM (SELECT behav_match_rows_agg('{A,B,C}', ts, true, true, true) AS s FROM events('A0')) x, behav_match_rows(s, 'A b*') m;
SELECT behav_sequence_match('(?1)', ts, VARIADIC array_fill(true, '{65}')) FROM events('A0');
DROP TABLE daily, whole, many, serial, clicks, shop;
DROP FUNCTION rows, seq, events;
