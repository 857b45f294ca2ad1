-- Paths: edges, whole paths, trees, transitions, attribution; against SQL and by hand.
SET timezone = 'UTC';
SET behavmine.progress = off;
SET client_min_messages = warning;

-- two users; a session begins after 30 minutes: view view cart buy | view, view cart
CREATE TABLE p_small (user_id text, item_id int, event text, ts timestamptz, sid int, price float8, channel text);
INSERT INTO p_small VALUES
	('ann', 1, 'view', '2024-05-01 10:00', 1, NULL, 'mail'), ('ann', 1, 'view', '2024-05-01 10:01', 1, NULL, 'mail'),
	('ann', 1, 'cart', '2024-05-01 10:03', 2, NULL, NULL), ('ann', 1, 'buy', '2024-05-01 10:06', 1, 20, NULL),
	('ann', NULL, 'view', '2024-05-01 12:00', 2, NULL, 'ads'),
	('bob', 2, 'view', '2024-05-01 10:00', 3, NULL, 'ads'), ('bob', 2, 'cart', '2024-05-01 10:10', 3, NULL, 'ads');
SELECT rows FROM behav_source('small', 'p_small', 'user_id', 'item_id', 'ts', 'event', value => 'price');
SELECT rows FROM behav_source('small_sid', 'p_small', 'user_id', 'item_id', 'ts', 'event', session_id => 'sid');
SELECT * FROM behav_path_edges('small');
SELECT * FROM behav_path_edges('small', options => '{"collapse": false, "exits": true, "numbered": true}');
SELECT * FROM behav_path_edges('small', end_event => 'cart', options => '{"reverse": true}');
SELECT * FROM behav_path_edges('small', start_event => 'view', end_event => 'b*', options => '{"occurrence": "last", "collapse": false}');
SELECT * FROM behav_path_edges('small', top_n => 1, options => '{"collapse": false}');
SELECT * FROM behav_path_edges('small', options => '{"min_users": 2}');
SELECT * FROM behav_path_edges('small', options => '{"exclude": ["view"], "groups": [{"b*": "done"}]}');
SELECT * FROM behav_path_edges('small', options => '{"sessions": "none"}');
SELECT * FROM behav_path_edges('small', options => '{"gap_minutes": 2}');
SELECT * FROM behav_paths('small');
SELECT path, sessions FROM behav_paths('small', options => '{"node": "item", "sessions": "none"}');
SELECT path, sessions FROM behav_paths('small', options => '{"node": "channel", "sessions": "none"}');
-- numbered sessions interleave: those of ann are view view buy and cart view
SELECT path, sessions FROM behav_paths('small_sid', options => '{"collapse": false}');
SELECT path, sessions FROM behav_paths('small_sid', options => '{"collapse": false, "sessions": "gap"}');
SELECT id, parent, step, node, path, sessions, users, ended, round(share::numeric, 3) AS share, round(parent_share::numeric, 3) AS parent_share, median_seconds FROM behav_path_tree('small');
SELECT id, parent, node, sessions, ended FROM behav_path_tree('small', top_n => 1, options => '{"collapse": false}');
SELECT source, target, count, users, round(probability::numeric, 3) AS probability, median_seconds FROM behav_transitions('small');
SELECT source, target, count, probability FROM behav_transitions('small', options => '{"ends": false, "collapse": true}');
-- by hand: start to view always; view to view 1/4, to cart 2/4, to the end 1/4; cart to buy 1/2: p = (p + 1) / 4
SELECT state, visits, round(probability::numeric, 4) AS probability, round(expected_steps::numeric, 4) AS steps FROM behav_reach('small', 'buy');
SELECT state, round(probability::numeric, 4) AS probability FROM behav_reach('small', 'buy', top_n => 1);

-- the same numbers as windows in SQL give, on a simulated shop
CREATE TABLE p_events AS SELECT * FROM behav_simulate(users => 120, items => 100, days => 30, seed => 3);
SELECT rows > 5000 AS many FROM behav_source('shop', 'p_events', 'user_id', 'item_id', 'ts', 'event', options =>
	'{"drop_duplicates": false, "robot_events_per_day": 0, "robot_events_per_minute": 0}');
CREATE VIEW p_steps AS
WITH s AS (SELECT *, sum(new) OVER (PARTITION BY user_id ORDER BY ts) AS session FROM (
		SELECT user_id, event, ts, coalesce(ts - lag(ts) OVER (PARTITION BY user_id ORDER BY ts) > '30 min', true)::int AS new FROM p_events) x),
c AS (SELECT *, lag(event) OVER (PARTITION BY user_id, session ORDER BY ts) IS NOT DISTINCT FROM event AS again FROM s)
SELECT user_id, session, event, ts, row_number() OVER w AS step, lead(event) OVER w AS next, lead(ts) OVER w AS next_ts
FROM c WHERE NOT again WINDOW w AS (PARTITION BY user_id, session ORDER BY ts);
CREATE VIEW p_edges AS
SELECT step::int AS layer, event AS source, next AS target, count(*) AS sessions, count(DISTINCT user_id) AS users,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM next_ts - ts)::float8) AS seconds
FROM p_steps WHERE next IS NOT NULL AND step < 8 GROUP BY 1, 2, 3;
SELECT count(*) > 10 AS some, bool_and((e.sessions = s.sessions AND e.users = s.users AND abs(e.median_seconds - s.seconds) < 1e-6) IS TRUE) AS same
FROM behav_path_edges('shop', depth => 8) e FULL JOIN p_edges s USING (layer, source, target);
SELECT count(*) > 20 AS some, bool_and((p.sessions = s.sessions AND p.users = s.users AND abs(p.median_seconds - s.seconds) < 1e-6) IS TRUE) AS same
FROM behav_paths('shop', depth => 100, k => 100000) p FULL JOIN (
	SELECT path, count(*) AS sessions, count(DISTINCT user_id) AS users,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM took)::float8) AS seconds
	FROM (SELECT user_id, session, array_agg(event ORDER BY ts) AS path, max(ts) - min(ts) AS took FROM p_steps GROUP BY 1, 2) x
	GROUP BY 1) s USING (path);
SELECT count(*) = 7 AS some, bool_and((t.count = s.count AND t.users = s.users AND abs(t.probability - s.probability) < 1e-12) IS TRUE) AS same
FROM (SELECT * FROM behav_transitions('shop', options => '{"collapse": true}') WHERE source <> '(start)') t FULL JOIN (
	SELECT *, count / sum(count) OVER (PARTITION BY source)::float8 AS probability
	FROM (SELECT event AS source, coalesce(next, '(end)') AS target, count(*), count(DISTINCT user_id) AS users FROM p_steps GROUP BY 1, 2) x) s
USING (source, target);
SELECT abs(r.probability - (SELECT avg(bought::int) FROM (SELECT bool_or(event = 'purchase') AS bought FROM p_steps GROUP BY user_id, session) x)) < 0.05 AS near_what_happened
FROM behav_reach('shop', 'purchase', options => '{"collapse": true}') r WHERE state = '(start)';
-- flows: what enters a node of a layer leaves it
SELECT bool_and((i.sessions = o.sessions) IS TRUE) AS conserved FROM
	(SELECT layer + 1 AS layer, target AS node, sum(sessions) AS sessions FROM behav_path_edges('shop', depth => 7, top_n => 2, options => '{"exits": true}') WHERE target <> '(exit)' AND layer < 6 GROUP BY 1, 2) i
FULL JOIN (SELECT layer, source AS node, sum(sessions) AS sessions FROM behav_path_edges('shop', depth => 7, top_n => 2, options => '{"exits": true}') WHERE layer > 1 GROUP BY 1, 2) o USING (layer, node);
-- since and until are of the events
SELECT (SELECT sum(count) FROM behav_transitions('shop', since => '2024-12-10', until => '2024-12-20') WHERE target <> '(end)')
	= (SELECT count(*) FROM p_events WHERE ts >= '2024-12-10' AND ts < '2024-12-20') AS period;

-- attribution by hand: one purchase, touched by mail (10:00, one session); ann's ads come after, bob's fail
SELECT channel, model, conversions, value, share, removal_effect FROM behav_attribution('small', 'buy');
SELECT channel, conversions FROM behav_attribution('small', 'buy', models => '{first}', options => '{"window_days": 0.001}');
SELECT channel, conversions, value FROM behav_attribution('small', 'cart', models => '{last,markov}', options => '{"touch_conversion": true, "touch": "event"}');
-- of duplicates that differ in what is read along the first by name stays, in whatever order they come
CREATE TABLE p_twice AS SELECT * FROM p_small;
INSERT INTO p_twice SELECT user_id, item_id, event, ts, sid, price, c FROM p_small, unnest('{zoo,abc,mmm}'::text[]) c WHERE channel = 'mail';
SELECT rows FROM behav_source('twice', 'p_twice', 'user_id', 'item_id', 'ts', 'event');
SELECT channel, conversions FROM behav_attribution('twice', 'buy', models => '{first}');
-- every model adds up to the conversions and their value
ALTER TABLE p_events ADD channel text;
UPDATE p_events SET channel = (ARRAY['ads', 'mail', 'search', 'social'])[1 + (user_id * 31 + session_id * 7) % 4] WHERE (user_id + session_id) % 5 > 0;
SELECT rows > 5000 AS many FROM behav_source('shop', 'p_events', 'user_id', 'item_id', 'ts', 'event', value => 'price', options =>
	'{"drop_duplicates": false, "robot_events_per_day": 0, "robot_events_per_minute": 0}');
SELECT count(*) AS models, bool_and(abs(conversions - n) < 1e-6) AS conversions, bool_and(abs(value - v) < 1e-3) AS value, bool_and(abs(share - 1) < 1e-9) AS share
FROM (SELECT model, sum(conversions) AS conversions, sum(value) AS value, sum(share) AS share FROM behav_attribution('shop') GROUP BY 1) m,
	(SELECT count(*) AS n, sum(price) AS v FROM p_events WHERE event = 'purchase') e;
SELECT abs(sum(conversions) - (SELECT count(DISTINCT (user_id, session_id)) FROM p_events WHERE event = 'purchase')) < 5 AS sessions
FROM behav_attribution('shop', models => '{linear}', options => '{"conversions": "session", "reset": true}');
-- first and last touch as subqueries in SQL find them, touches being events
CREATE INDEX ON p_events (user_id, ts);
ANALYZE p_events;
SELECT bool_and((abs(a.conversions - coalesce(s.n, 0)) < 1e-9) IS TRUE) AS same FROM behav_attribution('shop', models => '{first,last}', options => '{"touch": "event", "window_days": 3}') a
FULL JOIN (
	SELECT x.model, coalesce(x.channel, '(none)') AS channel, count(*) AS n FROM p_events c,
		LATERAL (SELECT 'first' AS model, (SELECT t.channel FROM p_events t WHERE t.user_id = c.user_id AND t.channel IS NOT NULL AND t.event <> 'purchase' AND t.ts BETWEEN c.ts - interval '3 days' AND c.ts ORDER BY ts LIMIT 1) AS channel
			UNION ALL SELECT 'last', (SELECT t.channel FROM p_events t WHERE t.user_id = c.user_id AND t.channel IS NOT NULL AND t.event <> 'purchase' AND t.ts BETWEEN c.ts - interval '3 days' AND c.ts ORDER BY ts DESC LIMIT 1)) x
	WHERE c.event = 'purchase' GROUP BY 1, 2) s USING (model, channel);

-- columns that are read along follow their events through the sort and the cleaning
SELECT rows > 5000 AS many FROM behav_source('frequent', 'p_events', 'user_id', 'item_id', 'ts', 'event', options => '{"min_item_count": 100, "robot_events_per_minute": 0}');
SELECT count(*) AS channels, bool_and((t.n = s.n) IS TRUE) AS same FROM (
	SELECT target, sum(count) AS n FROM behav_transitions('frequent', options => '{"node": "channel"}') WHERE target <> '(end)' GROUP BY 1) t
FULL JOIN (
	SELECT channel AS target, count(*) AS n FROM p_events JOIN (SELECT item_id FROM p_events GROUP BY 1 HAVING count(*) >= 100) i USING (item_id)
	WHERE channel IS NOT NULL GROUP BY 1) s USING (target);

-- states: a path, its sessions, its edges, from a plain table
SELECT user_id, behav_path(s), behav_path(s, end_event => 'cart', options => '{"reverse": true, "collapse": false}') AS before_cart, behav_events(s)
FROM (SELECT user_id, behav_path_agg(ts, event) AS s FROM p_small GROUP BY user_id) u ORDER BY 1;
SELECT user_id, p.* FROM (SELECT user_id, behav_path_agg(ts, event) AS s FROM p_small GROUP BY user_id) u, behav_path_sessions(s) p ORDER BY 1, 2;
SELECT user_id, p.* FROM (SELECT user_id, behav_path_agg(ts, event) AS s FROM p_small GROUP BY user_id) u, behav_path_edges(s, 'view', depth => 3, options => '{"exits": true, "numbered": true}') p ORDER BY 1, 2, 3;
SELECT behav_path(NULL), behav_path(behav_path_agg(ts, event)) AS empty FROM p_small WHERE false;
SELECT behav_events(s), behav_ignored(s), behav_path(s) FROM (
	SELECT behav_path_agg(ts, event) AS s FROM (VALUES ('2024-01-01'::timestamptz, 'a'), (NULL, 'b'), ('infinity', 'c'), ('2024-01-02', NULL), ('2024-01-02', '')) v (ts, event)) x;
CREATE TABLE p_states AS SELECT user_id, ts::date AS day, behav_path_agg(ts, event) AS state FROM p_events GROUP BY 1, 2;
CREATE TABLE p_whole AS SELECT user_id, behav_path_agg(ts, event) AS state FROM p_events GROUP BY 1;
SELECT bool_and(w.state::text = r.state::text) AS rolled_up, bool_and(w.state::text::behav_path_state::text = w.state::text) AS as_text
FROM p_whole w JOIN (SELECT user_id, behav_rollup(state ORDER BY md5(day::text)) AS state FROM p_states GROUP BY 1) r USING (user_id);
SELECT bool_and((e.sessions = s.sessions AND e.users = s.users) IS TRUE) AS same_as_source FROM behav_path_edges('shop', depth => 4, options => '{"exits": true}') e
FULL JOIN (SELECT layer, source, target, count(*) AS sessions, count(DISTINCT user_id) AS users FROM p_whole, behav_path_edges(state, depth => 4, options => '{"exits": true}') GROUP BY 1, 2, 3) s USING (layer, source, target);
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_hashagg = off; SET enable_sort = on;
ALTER TABLE p_events SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT user_id, behav_path_agg(ts, event) FROM p_events GROUP BY user_id;
SELECT bool_and(w.state::text = p.state::text) AS workers_equal_serial FROM p_whole w JOIN (SELECT user_id, behav_path_agg(ts, event) AS state FROM p_events GROUP BY user_id) p USING (user_id);
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET enable_hashagg; RESET enable_sort;
-- collations do not matter, names may be long and many
SELECT behav_events(behav_path_agg(ts, a COLLATE "C" || b)) FROM (SELECT now() AS ts, 'x'::text AS a, 'y'::text COLLATE "POSIX" AS b) x;
SELECT behav_events(s), length(behav_path(s)::text) > 500 * 3000 AS long FROM (SELECT behav_path_agg('2024-01-01'::timestamptz + i * interval '1 s', i || repeat('x', 3000)) AS s FROM generate_series(1, 500) i) x;
SELECT behav_path(behav_path_agg('2024-01-01', e)) AS ties_by_name FROM unnest('{b,é,a,Z}'::text[]) e;

-- errors
\set VERBOSITY sqlstate
SELECT * FROM behav_path_edges('small', depth => 0);
SELECT * FROM behav_path_edges('small', depth => 101);
SELECT * FROM behav_path_edges('small', top_n => 0);
SELECT * FROM behav_path_edges('small', top_n => -1);
SELECT * FROM behav_path_edges('small', start_event => '');
SELECT * FROM behav_path_edges('small', options => '{"node": "colour"}');
SELECT * FROM behav_path_edges('small', options => '{"sessions": "column"}');
SELECT * FROM behav_path_edges('small', options => '{"gap_minutes": 0}');
SELECT * FROM behav_path_edges('small', options => '{"groups": "x"}');
SELECT * FROM behav_path_edges('small', options => '{"groups": [["x"]]}');
SELECT * FROM behav_path_edges('small', options => '{"groups": [{"x": 1}]}');
SELECT * FROM behav_path_edges('small', options => '{"exclude": [1]}');
SELECT * FROM behav_path_edges('small', options => '{"min_users": 0}');
SELECT * FROM behav_path_edges('small', since => '2030-01-01');
SELECT * FROM behav_path_edges('small', since => '2024-01-02', until => '2024-01-01');
SELECT * FROM behav_path_edges('none');
SELECT * FROM behav_path_edges(NULL::text);
SELECT * FROM behav_paths('small', k => 0);
SELECT * FROM behav_path_tree('small', depth => 1000);
SELECT * FROM behav_transitions('small', top_n => 1001);
SELECT * FROM behav_reach('small', NULL);
SELECT * FROM behav_attribution('small', 'buy', 'no_such_column');
SELECT * FROM behav_attribution('small', 'buy', models => '{frist}');
SELECT * FROM behav_attribution('small', 'buy', models => '{NULL}');
SELECT * FROM behav_attribution('small', 'buy', options => '{"half_life_days": 0}');
SELECT * FROM behav_attribution('small', 'buy', options => '{"half_life_days": -1}');
SELECT * FROM behav_attribution('small', 'buy', options => '{"window_days": 0}');
SELECT * FROM behav_attribution('small', 'buy', options => '{"first_share": 0.7}');
SELECT * FROM behav_attribution('small', 'buy', options => '{"value": "event"}');
SELECT * FROM behav_attribution('small', 'sell');
SELECT rows FROM behav_source('views', 'p_small', 'user_id', 'item_id', 'ts', 'event', options => '{"purchase_events": []}');
SELECT * FROM behav_attribution('views');
UPDATE p_small SET price = 'NaN' WHERE event = 'buy';
SELECT * FROM behav_attribution('small', 'buy');
CREATE VIEW p_eventless AS SELECT user_id, item_id, ts, channel FROM p_small WHERE item_id > 0;
SELECT rows FROM behav_source('eventless', 'p_eventless', 'user_id', 'item_id', 'ts');
SELECT path, sessions FROM behav_paths('eventless', options => '{"collapse": false}');
SELECT * FROM behav_path_edges('eventless', options => '{"node": "event"}');
SELECT * FROM behav_attribution('eventless', 'buy');
SELECT channel, conversions, value FROM behav_attribution('eventless', models => '{last}', options => '{"touch_conversion": true}');
SELECT behav_path_agg(now(), repeat('x', 70000));
SELECT behav_path(s, depth => 0) FROM (SELECT behav_path_agg(ts, event) AS s FROM p_small) x;
SELECT * FROM behav_path_sessions((SELECT behav_path_agg(ts, event) FROM p_small), gap => '-1 s');
SELECT ''::behav_path_state;
SELECT 'bm1:AAAA'::behav_path_state;
SELECT 'bm2:AAAA'::behav_path_state;
-- a state with a flipped byte, and cut off
SELECT state::text AS good FROM p_whole ORDER BY user_id LIMIT 1 \gset
SELECT overlay(:'good' PLACING CASE substr(:'good', 60, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 60)::behav_path_state;
SELECT left(:'good', 100)::behav_path_state;
-- a state whose checksum is right and whose content is not: what made it is not trusted
CREATE FUNCTION p_forge(state text, at int, byte int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE b bytea := decode(substr(state, 5), 'base64'); n int := length(b) - 4; crc bigint := 4294967295;
BEGIN
	b := set_byte(b, at, byte);
	FOR i IN 0..n - 1 LOOP
		crc := crc # get_byte(b, i);
		FOR k IN 1..8 LOOP
			crc := CASE WHEN crc & 1 = 1 THEN (crc >> 1) # 2197175160 ELSE crc >> 1 END;
		END LOOP;
	END LOOP;
	RETURN 'bm1:' || translate(encode(substr(b, 1, n) || decode(lpad(to_hex(crc # 4294967295), 8, '0'), 'hex'), 'base64'), E'\n', '');
END $$;
SELECT behav_path_agg('2024-01-01', e)::text AS two FROM unnest('{a,b}'::text[]) e \gset
SELECT length(decode(substr(:'two', 5), 'base64')) AS bytes, behav_path(p_forge(:'two', 0, 5)::behav_path_state);
SELECT p_forge(:'two', 0, 1)::behav_path_state; -- a kind of state
SELECT p_forge(:'two', 1, 2)::behav_path_state; -- a version
SELECT p_forge(:'two', 31, 3)::behav_path_state; -- names
SELECT p_forge(:'two', 39, 7)::behav_path_state; -- slots
SELECT p_forge(:'two', 159, 255)::behav_path_state; -- the bytes of a name
SELECT p_forge(:'two', 207, 2)::behav_path_state; -- the name of an event
SELECT p_forge(:'two', 192, 128)::behav_path_state; -- the time of an event
\set VERBOSITY default
SELECT p_forge(:'two', 207, 2)::behav_path_state;
SELECT p_forge(:'two', 1, 2)::behav_path_state;
SELECT left(:'good', 100)::behav_path_state;
SELECT 'bm2:AAAA'::behav_path_state;
SELECT behav_path_agg(now(), repeat('x', 70000));
SELECT * FROM behav_path_edges('small', 'vew');
SELECT * FROM behav_path_edges('eventless', options => '{"node": "event"}');
SELECT * FROM behav_path_edges('small', options => '{"colapse": true}');
SELECT * FROM behav_attribution('small', 'buy', models => '{frist}');
SELECT * FROM behav_attribution('views');
SELECT * FROM behav_path_edges('small', options => '{"groups": [["x"]]}');

DELETE FROM behavmine.source;
DROP FUNCTION p_forge;
DROP TABLE p_small, p_twice, p_events, p_states, p_whole CASCADE;
