-- Funnels and sessions: results, ties, modes, bad input, states in text form, workers = serial.
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE clicks (user_id int, ts timestamptz, event text);
INSERT INTO clicks VALUES
	(1, '2024-01-01 10:00', 'view'), (1, '2024-01-01 10:05', 'cart'), (1, '2024-01-01 10:20', 'buy'),
	(2, '2024-01-01 10:00', 'view'), (2, '2024-01-03 10:00', 'cart'), (2, '2024-01-03 10:01', 'buy'),
	(3, '2024-01-01 10:00', 'cart'), (3, '2024-01-01 10:00', 'view'), (3, '2024-01-01 10:00', 'buy'),
	(4, '2024-01-01 10:00', 'other'), (4, NULL, 'view'), (4, 'infinity', 'view'), (4, '-infinity', NULL),
	(5, '2024-01-01 10:00', 'view'), (5, '2024-01-01 10:10', 'refund'), (5, '2024-01-01 10:20', 'cart'), (5, '2024-01-01 10:30', 'buy');

-- levels: within a day, inclusive of its end; ties; NULL and infinite times; nothing
SELECT user_id, behav_funnel_level(ts, '1 day', event = 'view', event = 'cart', event = 'buy') AS array_free,
	behav_funnel_level(ts, '1 day', VARIADIC ARRAY[event = 'view', event = 'cart', event = 'buy']) AS variadic,
	behav_funnel_level(ts, '1 day', event, ARRAY['view', 'cart', 'buy']) AS names,
	behav_funnel_level(ts, '1 day', 'strict_increase', event = 'view', event = 'cart', event = 'buy') AS later,
	behav_funnel_level(ts, '1 day', '{"mode": "any_order"}', event, ARRAY['view', 'cart', 'buy']) AS any_order,
	behav_funnel_level(ts, '2 days', event, ARRAY['view', 'cart', 'buy']) AS two_days
FROM clicks GROUP BY user_id ORDER BY user_id;
SELECT user_id, behav_funnel_times(ts, '1 day', event = 'view', event = 'cart', event = 'buy') AS times FROM clicks GROUP BY user_id ORDER BY user_id;
SELECT behav_funnel_times(ts, '1 day', 'any_order', event, ARRAY['buy', 'view', 'none']) AS buy_view_none FROM clicks WHERE user_id = 1;
SELECT behav_funnel_level(ts, '1 day', event = 'view', event = 'cart') IS NULL AS no_rows FROM clicks WHERE user_id = 99;
-- a NULL condition is false; NULL arrays are not
SELECT behav_funnel_level(ts, '1 day', event = 'view', NULL, event = 'buy') FROM clicks WHERE user_id = 1;
SELECT behav_funnel_level(ts, '1 day', VARIADIC ARRAY[NULL, true, NULL, event = 'view']::boolean[]) FROM clicks WHERE user_id = 1;

-- exclusions: a refund between view and buy ends the chain, or drops the user (NULL); gaps
SELECT behav_funnel_level(ts, '1 day', '{"exclusions": [{"drop": "chain"}]}', event = 'view', event = 'cart', event = 'buy', event = 'refund') AS chain,
	behav_funnel_level(ts, '1 day', '{"exclusions": [{"from": 1, "to": 2}]}', event = 'view', event = 'cart', event = 'buy', event = 'refund') AS "user",
	behav_funnel_level(ts, '1 day', '{"exclusions": [{"from": 2, "to": 3}]}', event = 'view', event = 'cart', event = 'buy', event = 'refund') AS later,
	behav_funnel_level(ts, '1 day', '{"max_gap": "10 minutes"}', event = 'view', event = 'cart', event = 'buy') AS gap,
	behav_funnel_level(ts, '1 day', '{"max_gap": [null, "10 minutes"]}', event = 'view', event = 'cart', event = 'buy') AS gaps
FROM clicks WHERE user_id = 5;

-- cases that other systems answer wrongly: ClickHouse #52844, its smallest form, #37177, #27469, #21835
CREATE FUNCTION level(mode text, events text, k int) RETURNS int LANGUAGE sql AS $$
	SELECT behav_funnel_level('2024-01-01'::timestamptz + make_interval(secs => split_part(e, ':', 1)::int), '60 seconds', mode, VARIADIC
		ARRAY(SELECT split_part(e, ':', 2) LIKE '%' || chr(96 + j) || '%' FROM generate_series(1, k) j))
	FROM unnest(string_to_array(events, ' ')) e $$;
SELECT level('strict_increase', '1:a 2:b 2:c 2:d 3:b 3:c 3:d 4:b 4:c 4:d', 4) AS i52844, level('strict_increase', '1:a 2:a 2:b', 2) AS smallest,
	level('strict_dedup', '0:a 5:b 10:c 15:a 20:b 25:a 30:b 35:a 40:b 45:c 50:d', 4) AS i37177, level('strict_deduplication', '1:a 2:b 3:c 4:b 5:d', 4) AS i27469,
	level('default', '1:a 1:b', 2) AS tie, level('strict_increase', '1:a 1:b', 2) AS tie_increase;
SELECT level(m, '1:ab 2:ab 3:c', 3) AS repeated, level(m, '1:ab 2:c', 3) AS one_for_two, level(m, '1:a 2:x 3:b', 2) AS nothing_between, level(m, '1:a 2:c 3:b 4:c', 3) AS too_early
FROM unnest(ARRAY['default', 'strict_once', 'strict_order', 'strict_order, allow_reentry', 'strict_dedup', 'any_order']) WITH ORDINALITY u(m, o) ORDER BY o;

-- bad input
\set VERBOSITY sqlstate
SELECT behav_funnel_level(ts, '0 seconds', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '-1 day', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '2000000000 months', true, true) FROM clicks;
SELECT behav_funnel_level(ts, NULL, true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', VARIADIC '{}'::boolean[]) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', VARIADIC '{{t,f},{f,t}}'::boolean[]) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', VARIADIC NULL::boolean[]) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', VARIADIC array_fill(true, ARRAY[65])) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', VARIADIC array_fill(true, ARRAY[64])) FROM clicks WHERE user_id = 1;
SELECT behav_funnel_level(ts, '1 day', event, ARRAY['view', NULL]) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', event, NULL::text[]) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"mod": "strict_once"}', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"mode": 7}', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"max_gap": ["1 hour", "1 hour"]}', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"max_gap": "-1 hour"}', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"max_gap": 7}', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"exclusions": [{"from": 2, "to": 2}]}', true, true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"exclusions": [{"drop": "all"}]}', true, true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"exclusions": ["refund"]}', true, true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{"exclusions": [{}, {}]}', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', '{', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', 'any_order, strict_once', true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', 'allow_reentry', true, true) FROM clicks;
SELECT behav_funnel_level(ts, make_interval(hours => user_id), true, true) FROM clicks;
SELECT behav_funnel_level(ts, '1 day', event COLLATE "C", ARRAY['view' COLLATE "POSIX"]) FROM clicks;
\set VERBOSITY default
SELECT behav_funnel_level(ts, '1 day', 'strict_one', true, true) FROM clicks;
SELECT behav_funnel_level(ts, make_interval(hours => user_id), true, true) FROM clicks;
-- texts of different collations are compared byte by byte
CREATE TABLE mixed AS SELECT ts, event COLLATE "POSIX" AS event, 'view'::text COLLATE "C" AS first FROM clicks WHERE user_id = 1;
SELECT behav_funnel_level(ts, '1 day', event, ARRAY[first, 'buy']) FROM mixed;
DROP TABLE mixed;

-- states: text there and back, parts merged in any order, different funnels are not merged
CREATE TABLE parts AS SELECT user_id, ts::date AS day, behav_funnel_agg(ts, '3 days', event, ARRAY['view', 'cart', 'buy']) AS funnel FROM clicks GROUP BY 1, 2;
SELECT user_id, behav_funnel_level(behav_rollup(funnel)) AS level, behav_events(behav_rollup(funnel)) AS events, behav_ignored(behav_rollup(funnel)) AS ignored,
	behav_funnel_level(behav_rollup(funnel ORDER BY day DESC)::text::behav_funnel_state) AS there_and_back
FROM parts GROUP BY user_id ORDER BY user_id;
SELECT behav_funnel_agg(ts, '1 day', event = 'view', event = 'buy') AS text_form FROM clicks WHERE user_id = 1;
SELECT pg_column_size(behav_funnel_agg(now(), '1 day', true, true)) - pg_column_size(behav_funnel_agg(NULL, '1 day', true, true)) AS bytes_an_event;
-- support functions by hand do not change their arguments
SELECT behav_funnel_level(funnel) AS before, behav_funnel_level(behav_funnel_state_combine(funnel, funnel)) AS combined,
	behav_events(behav_funnel_state_combine(funnel, funnel)) AS twice, behav_events(funnel) AS once,
	behav_events(behav_funnel_state_combine(NULL, funnel)) AS alone, behav_funnel_state_combine(NULL, NULL) IS NULL AS none
FROM parts WHERE user_id = 1;
SELECT behav_events(behav_funnel_state_accum(funnel, '2024-01-01', '3 days', true, true, true)) - behav_events(funnel) AS added FROM parts WHERE user_id = 1;
\set VERBOSITY sqlstate
SELECT behav_funnel_state_combine(behav_funnel_agg(ts, '1 day', event = 'view'), behav_funnel_agg(ts, '2 days', event = 'view')) FROM clicks;
SELECT behav_funnel_state_combine(behav_funnel_agg(ts, '1 day', event = 'view'), behav_funnel_agg(ts, '1 day', event = 'view', true)) FROM clicks;
SELECT ''::behav_funnel_state;
SELECT 'bm1:'::behav_funnel_state;
SELECT 'bm1:!!!!'::behav_funnel_state;
SELECT 'bm2:AQEB'::behav_funnel_state;
SELECT (behav_session_agg(ts, '1 hour')::text)::behav_funnel_state FROM clicks;
\set VERBOSITY default
-- right checksums: a newer version of the format; contents that cannot be
SELECT 'bm1:AQIBAgAAAAIAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAIAAAAUHddgAAACsN42ragAf/////////8AArDefjQ0AL//////////FHZprA=='::behav_funnel_state;
\set VERBOSITY sqlstate
SELECT 'bm1:AQEBAgAAAAIAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAIAAAAUHddgAAACsN5+NDQAv/////////8AArDeNq2oAH//////////hCpWVQ=='::behav_funnel_state AS "flag";
SELECT 'bm1:AQEBAgAAAAIAAAAAAAAAAwAAAAAAAAAAAAAAAAAAAAIAAAAUHddgAAACsN42ragAf/////////8AArDefjQ0AL//////////Q8I+EA=='::behav_funnel_state AS "n";
SELECT 'bm1:AQEBAgAAAAJ/AAAAAAAAAgAAAAAAAAAAAAAAAAAAAAIAAAAUHddgAAACsN42ragAf/////////8AArDefjQ0AL//////////VpI/vw=='::behav_funnel_state AS "huge n";
SELECT 'bm1:AQEBAgAAAAIAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAEYAAAAUHddgAAACsN42ragAf/////////8AArDefjQ0AL//////////Imka2w=='::behav_funnel_state AS "steps";
SELECT 'bm1:AQEBAgAAAAIAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAIAAAAAAAAAAAACsN42ragAf/////////8AArDefjQ0AL//////////cK3gjg=='::behav_funnel_state AS "window";
SELECT 'bm1:AQEBAgAAAAIAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAIAAAAUHddgAH//////////f/////////8AArDefjQ0AL//////////gBFJqg=='::behav_funnel_state AS "infinite";
SELECT 'bm1:AQEBAgAAAAIAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAIAAAAUHddgAAACsN42ragAf/////////4AArDefjQ0AL//////////ZQ+fKA=='::behav_funnel_state AS "conditions";
SELECT 'bm1:AQEBAgAAAMgAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAIAAAAUHddgAAACsN42ragAf/////////8AArDefjQ0AL//////////S5WOmA=='::behav_funnel_state AS "config words";
SELECT 'bm1:AQEDAgAAAAIAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAIAAAAUHddgAAACsN42ragAf/////////8AArDefjQ0AL//////////J9+7gw=='::behav_funnel_state AS "flags";
SELECT 'bm1:AQEBAgAAAAIAAAAAAAAAAv8AAAAAAAAAAAAAAAAAAAIAAAAUHddgAAACsN42ragAf/////////8AArDefjQ0AL//////////BoOJaw=='::behav_funnel_state AS "ignored";
\set VERBOSITY default

-- every flipped character and every cut of a text form: an error of the right kind, or the same state
CREATE FUNCTION try_state(value text, type regtype) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text;
BEGIN
	EXECUTE format('SELECT %L::%s::text', value, type) INTO state;
	RETURN CASE WHEN state = value THEN 'same' ELSE 'DIFFERENT' END;
EXCEPTION WHEN invalid_text_representation OR feature_not_supported THEN RETURN SQLSTATE;
END $$;
SELECT type, kind, result, count(*) > 0 AS some FROM
	(SELECT 'behav_funnel_state'::regtype AS type, behav_funnel_agg(ts, '1 day', 'strict_once', event = 'view', event = 'cart', event = 'buy')::text AS t FROM clicks WHERE user_id <> 4
	UNION ALL SELECT 'behav_session_state', behav_session_agg(ts, '5 minutes')::text FROM clicks) s,
	LATERAL (SELECT 'flipped' AS kind, overlay(t PLACING chr(ascii(substr(t, i, 1)) # (1 << i % 5)) FROM i FOR 1) AS value FROM generate_series(1, length(t)) i WHERE ascii(substr(t, i, 1)) # (1 << i % 5) > 0
		UNION ALL SELECT 'cut', left(t, i) FROM generate_series(0, length(t) - 1) i) v,
	LATERAL (SELECT try_state(value, type) AS result) r
GROUP BY 1, 2, 3 ORDER BY 2, 3, type::text;

-- sessions: the window function
CREATE TABLE visits (user_id int, ts timestamptz, fresh boolean);
INSERT INTO visits VALUES (1, '2024-03-30 23:40', false), (1, '2024-03-31 00:00', false), (1, '2024-03-31 00:30', false), (1, '2024-03-31 01:00:00.000001', true),
	(1, '2024-03-31 01:10', NULL), (1, '2024-03-31 01:20', true), (1, NULL, false), (1, 'infinity', true), (2, '2024-03-31 00:00', false);
SELECT user_id, ts, behav_sessionize(ts) OVER w AS by_pause, behav_sessionize(ts, '10 minutes') OVER w AS short,
	behav_sessionize(ts, '1 hour', '25 minutes') OVER w AS max_length, behav_sessionize(ts, '1 hour', NULL, fresh) OVER w AS forced,
	behav_sessionize(ts, '1 hour', time_zone => 'UTC') OVER w AS midnight, behav_sessionize(ts, '1 hour', time_zone => 'Europe/Berlin') OVER w AS berlin
FROM visits WINDOW w AS (PARTITION BY user_id ORDER BY ts) ORDER BY user_id, ts;
\set VERBOSITY sqlstate
SELECT behav_sessionize(ts, '0 minutes') OVER (ORDER BY ts) FROM visits;
SELECT behav_sessionize(ts, NULL) OVER (ORDER BY ts) FROM visits;
SELECT behav_sessionize(ts, '1 hour', '-1 hour') OVER (ORDER BY ts) FROM visits;
SELECT behav_sessionize(ts, '1 hour', time_zone => 'Mars/Olympus') OVER (ORDER BY ts) FROM visits;
SELECT behav_sessionize(ts) FROM visits;
\set VERBOSITY default
SELECT behav_sessionize(ts) OVER (ORDER BY ts DESC) FROM visits WHERE isfinite(ts);

-- sessions: the aggregate, events in any order, late events, merged parts
SELECT user_id, behav_session_count(s) AS sessions, behav_events(s) AS events, behav_ignored(s) AS ignored
FROM (SELECT user_id, behav_session_agg(ts, '30 minutes' ORDER BY random()) AS s FROM visits GROUP BY user_id) x ORDER BY user_id;
SELECT s.* FROM (SELECT behav_session_agg(ts, '20 minutes') AS state FROM visits WHERE user_id = 1) x, behav_sessions(state) s;
CREATE TABLE walk AS SELECT (i * 7919 % 97)::int AS user_id, '2024-01-01'::timestamptz + make_interval(secs => (i * 104729 % 1000003)) AS ts FROM generate_series(1, 20000) i;
SELECT count(*) AS different FROM (
	SELECT user_id, max(n) AS n FROM (SELECT user_id, behav_sessionize(ts, '10 minutes') OVER (PARTITION BY user_id ORDER BY ts) AS n FROM walk) a GROUP BY user_id) w
	JOIN (SELECT user_id, behav_session_count(behav_session_agg(ts, '10 minutes')) AS n, behav_session_agg(ts, '10 minutes')::text AS state FROM walk GROUP BY user_id) a USING (user_id)
	JOIN (SELECT user_id, behav_rollup(s)::text AS state FROM (SELECT user_id, extract(second FROM ts)::int % 7 AS part, behav_session_agg(ts, '10 minutes' ORDER BY ts DESC) AS s FROM walk GROUP BY 1, 2) p GROUP BY user_id) m USING (user_id)
WHERE w.n <> a.n OR a.state <> m.state;
SELECT behav_session_count(behav_session_agg(ts, '1 microsecond')) AS many FROM walk;
\set VERBOSITY sqlstate
SELECT behav_session_agg(ts, '0 minutes') FROM visits;
SELECT behav_session_agg(ts, NULL) FROM visits;
SELECT behav_session_agg(ts, make_interval(hours => user_id)) FROM visits;
SELECT behav_rollup(s) FROM (SELECT user_id, behav_session_agg(ts, make_interval(hours => user_id)) AS s FROM visits GROUP BY user_id) x;
\set VERBOSITY default

-- workers = one process
SELECT sum(behav_funnel_level) AS serial, md5(string_agg(behav_funnel_times::text, ',' ORDER BY user_id)) AS times FROM (
	SELECT user_id, behav_funnel_level(ts, '1 day', extract(second FROM ts) < 30, extract(second FROM ts) > 20), behav_funnel_times(ts, '10 minutes', extract(second FROM ts) < 30, extract(minute FROM ts) < 30, true) FROM walk GROUP BY user_id) x \gset
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2; SET enable_hashagg = off;
EXPLAIN (COSTS OFF) SELECT user_id, behav_funnel_level(ts, '1 day', true, false) FROM walk GROUP BY user_id;
SELECT sum(behav_funnel_level) = :serial AS levels, md5(string_agg(behav_funnel_times::text, ',' ORDER BY user_id)) = :'times' AS times FROM (
	SELECT user_id, behav_funnel_level(ts, '1 day', extract(second FROM ts) < 30, extract(second FROM ts) > 20), behav_funnel_times(ts, '10 minutes', extract(second FROM ts) < 30, extract(minute FROM ts) < 30, true) FROM walk GROUP BY user_id) x;
RESET ALL;
SET client_min_messages = warning;
SET timezone = 'UTC';

-- sources
CREATE TABLE shop_events AS SELECT user_id, event, ts, CASE WHEN user_id % 2 = 1 THEN 'web' ELSE 'app' END AS channel, 1 AS item_id, user_id AS amount FROM clicks;
SELECT rows FROM behav_source('funnel_shop', 'shop_events', 'user_id', 'item_id', 'ts', 'event');
SET client_min_messages = notice;
SELECT step, name, users, round(conversion::numeric, 3) AS conversion, round(conversion_previous::numeric, 3) AS previous, drop_off, median_seconds, median_seconds_total FROM behav_funnel('funnel_shop', ARRAY['view', 'cart', 'buy'], '1 day');
SET client_min_messages = warning;
SELECT breakdown_value, step, users FROM behav_funnel('funnel_shop', ARRAY['view', 'buy'], breakdown => 'channel');
SELECT breakdown_value, step, users FROM behav_funnel('funnel_shop', ARRAY['view', 'buy'], breakdown => 'amount', options => '{"max_groups": 1, "attribution": "last"}');
SELECT step, name, users FROM behav_funnel('funnel_shop', '["view", {"event": ["cart", "buy"], "channel": "web", "name": "on the web"}, {"amount": 1}]'::jsonb, '1 day');
SELECT step, users FROM behav_funnel('funnel_shop', '["view", "buy"]'::jsonb, '1 day', options => '{"exclusions": [{"event": "refund"}]}');
SELECT step, users FROM behav_funnel('funnel_shop', ARRAY['view', 'buy'], '1 day', since => '2024-01-01 10:00', until => '2024-01-01 10:20', options => '{"mode": "strict_increase"}');
SELECT step, name, users FROM behav_funnel('funnel_shop', ARRAY['buy', 'view'], '1 day', options => '{"mode": "any_order"}');
SELECT step, users, conversion FROM behav_funnel('funnel_shop', ARRAY['nothing', 'such'], '1 day');
\set VERBOSITY sqlstate
SELECT * FROM behav_funnel('no_shop', ARRAY['view']);
SELECT * FROM behav_funnel('funnel_shop', '{}'::text[]);
SELECT * FROM behav_funnel('funnel_shop', array_fill('view'::text, ARRAY[65]));
SELECT * FROM behav_funnel('funnel_shop', NULL::text[]);
SELECT * FROM behav_funnel('funnel_shop', NULL::jsonb);
SELECT * FROM behav_funnel('funnel_shop', ARRAY['view'], '0 days');
SELECT * FROM behav_funnel('funnel_shop', ARRAY['view'], NULL);
SELECT * FROM behav_funnel('funnel_shop', '[7]'::jsonb);
SELECT * FROM behav_funnel('funnel_shop', '[{}]'::jsonb);
SELECT * FROM behav_funnel('funnel_shop', '[{"chanel": "web"}]'::jsonb);
SELECT * FROM behav_funnel('funnel_shop', '[{"channel": {"a": 1}}]'::jsonb);
SELECT * FROM behav_funnel('funnel_shop', ARRAY['view'], options => '{"attributions": "first"}');
SELECT * FROM behav_funnel('funnel_shop', ARRAY['view'], breakdown => 'channels');
\set VERBOSITY default
-- a step that nobody does is told
SELECT step, name, users > 0 AS users FROM behav_funnel('funnel_shop', ARRAY['view', 'crt']);
-- nothing of the caller's text is SQL
SELECT step, name, users FROM behav_funnel('funnel_shop', ARRAY['view'') OR true --', 'x"']);
CREATE ROLE funnel_reader;
GRANT USAGE ON SCHEMA behavmine TO funnel_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA behavmine TO funnel_reader;
SET ROLE funnel_reader;
SELECT * FROM behav_funnel('funnel_shop', ARRAY['view']);
RESET ROLE;
DELETE FROM behavmine.source WHERE name = 'funnel_shop';
DROP OWNED BY funnel_reader;
DROP ROLE funnel_reader;
DROP FUNCTION level, try_state;
DROP TABLE clicks, parts, visits, walk, shop_events;
