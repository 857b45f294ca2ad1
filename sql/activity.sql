-- States of activity, survival, rhythm and conditions: the same from one process, from workers, from stored parts.
SET behavmine.progress = off;
SET timezone = 'UTC';
SET datestyle = ISO;
SET client_min_messages = warning;
CREATE TABLE e AS
SELECT user_id, ts, event, (ts AT TIME ZONE 'UTC')::date AS day FROM behav_simulate(users => 200, items => 50, days => 50, seed => 3);
INSERT INTO e VALUES (1, NULL, 'view'), (1, 'infinity', 'view'), (1, '-infinity', 'view');
ANALYZE e;

-- what a state says
CREATE TABLE one AS SELECT behav_activity_agg(ts, ev = 'start', ev = 'back', 'day Europe/Berlin') AS s
FROM (VALUES ('2024-03-30 22:59:59.999999Z'::timestamptz, 'back'), ('2024-03-30 23:00Z', 'start'), ('2024-03-31 21:59Z', 'other'),
	('2024-03-31 22:00Z', 'back'), ('2024-04-20Z', 'back'), ('2024-03-31 12:00Z', 'start'), (NULL, 'back'), ('infinity', 'start')) v(ts, ev);
SELECT behav_activity_first(s), behav_activity_cohort(s), behav_activity_count(s), behav_ignored(s) FROM one;
SELECT behav_activity_retained(s, 4), behav_activity_retained(s, 4, true) AS or_after FROM one;
SELECT p.* FROM one, behav_activity_periods(s) p;
SELECT behav_activity_count(s, '2024-03-31', '2024-04-20') AS inside, behav_activity_count(s, until => '2024-03-30') AS before, behav_activity_count(s, '-infinity', 'infinity') AS everything FROM one;
-- hours of 25 and 23 hour days; a day without a local midnight
SELECT grain, behav_activity_count(behav_activity_agg(ts, grain || ' America/New_York')) AS periods
FROM unnest(ARRAY['hour', 'day', 'week', 'month', 'quarter', 'year']) WITH ORDINALITY g(grain, o),
	generate_series('2024-11-03 04:00Z'::timestamptz, '2024-11-04 04:30Z', interval '15 minutes') ts GROUP BY grain, o ORDER BY o;
SELECT behav_activity_cohort(behav_activity_agg('2018-11-04 03:00Z', 'day America/Sao_Paulo')) AS first_instant_of_the_day;
-- no start, no row, no group
SELECT behav_activity_first(s) IS NULL AS first, behav_activity_cohort(s) IS NULL AS cohort, behav_activity_retained(s) IS NULL AS retained, behav_activity_count(s)
FROM (SELECT behav_activity_agg(ts, false, true, 'day') AS s FROM e) x;
SELECT behav_activity_agg(ts, 'day') IS NULL AS no_rows, behav_survival_agg(1, true) IS NULL AS none, behav_rhythm_agg(ts, 'UTC') IS NULL AS no_rhythm, behav_retention(true) IS NULL AS no_conditions FROM e WHERE false;
SELECT behav_activity_count(behav_activity_agg(ts, 'week')) AS periods, behav_ignored(behav_activity_agg(ts, 'week')) AS ignored FROM e WHERE ts IS NULL;

-- retention from states is behav_retention of the source
CREATE VIEW known AS SELECT user_id, 1 AS item, ts, event FROM e;
SELECT FROM behav_source('known', 'known', 'user_id', 'item', 'ts', 'event');
CREATE TABLE states AS SELECT user_id, behav_activity_agg(ts, true, event = 'cart', 'week Asia/Tokyo') AS s FROM e GROUP BY 1;
SELECT count(*) > 20 AS compared, count(*) FILTER (WHERE r.users <> t.users OR r.size <> t.size) AS differences
FROM behav_retention('known', 'week', 5, return_event => 'cart', time_zone => 'Asia/Tokyo', options => '{"summary": "none"}') r
JOIN (SELECT behav_activity_cohort(s) AS cohort, k - 1 AS period, count(*) AS size, count(*) FILTER (WHERE yes) AS users
	FROM states, unnest(behav_activity_retained(s, 5)) WITH ORDINALITY u(yes, k) GROUP BY 1, 2) t USING (cohort, period)
WHERE r.users IS NOT NULL;
-- stickiness too
SELECT count(*) FILTER (WHERE y.users <> coalesce(t.users, 0)) AS differences
FROM behav_stickiness('known', 'week', 'cart', 'Asia/Tokyo', until => '2024-12-23 00:00+09') y
LEFT JOIN (SELECT behav_activity_count(s, until => '2024-12-23 00:00+09') AS periods, count(*) AS users FROM states GROUP BY 1) t USING (periods);

-- the conditions of ClickHouse's retention
SELECT behav_retention(a, b, c) FROM (VALUES (true, false, NULL), (false, false, true), (NULL, false, false)) v(a, b, c);
SELECT behav_retention(a, b, c) FROM (VALUES (false, true, true)) v(a, b, c);
SELECT behav_retention(VARIADIC ARRAY[true, NULL, true]) FROM generate_series(1, 3);
SELECT r[1] AND NOT r[2] AND r[64] AS bits_of_64 FROM (SELECT behav_retention(VARIADIC array_fill(false, ARRAY[64]) || '{}') AS r FROM e WHERE false UNION ALL
	SELECT behav_retention(VARIADIC ARRAY(SELECT i IN (1, 64) FROM generate_series(1, 64) i ORDER BY i)) FROM generate_series(1, 2)) x WHERE r IS NOT NULL;
SELECT count(*) FILTER (WHERE ours <> theirs) AS differences, count(*) > 150 AS compared FROM (
	SELECT behav_retention(event = 'view', event = 'cart', event = 'purchase', event = 'none') AS ours,
		ARRAY[bool_or(event = 'view'), bool_or(event = 'view') AND bool_or(event = 'cart'), bool_or(event = 'view') AND bool_or(event = 'purchase'), false] AS theirs
	FROM e GROUP BY user_id) x;

-- the leukaemia trial (Freireich and others 1963): weeks in remission on 6-mercaptopurine
CREATE TABLE trial (weeks float8, relapse boolean);
INSERT INTO trial VALUES (6, true), (6, true), (6, true), (6, false), (7, true), (9, false), (10, true), (10, false), (11, false), (13, true),
	(16, true), (17, false), (19, false), (20, false), (22, true), (23, true), (25, false), (32, false), (32, false), (34, false), (35, false);
SELECT t, at_risk, events, censored, round(survival::numeric, 4) AS survival, round(std_error::numeric, 4) AS std_error, round(low::numeric, 4) AS low, round(high::numeric, 4) AS high
FROM (SELECT behav_survival_agg(weeks, relapse) AS s FROM trial) x, behav_survival_curve(s) WHERE events > 0;
SELECT behav_survival_quantile(s) AS median, behav_survival_quantile(s, 0.75) AS three_quarters, behav_survival_quantile(s, 0.25) AS a_quarter, behav_ignored(s) AS ignored
FROM (SELECT behav_survival_agg(nullif(weeks, 35), relapse) AS s FROM trial) x;
SELECT count(*), min(survival), bool_and(low IS NULL AND high IS NULL AND std_error IS NULL) AS no_band FROM (SELECT behav_survival_agg(1, true) AS s FROM trial) x, behav_survival_curve(s);

-- rhythm
SELECT weekday, hour, events, round(share::numeric, 3) AS share, round(expected::numeric, 3) AS expected, round(ratio::numeric, 3) AS ratio
FROM (SELECT behav_rhythm_agg(ts, 'Asia/Kolkata') AS s FROM (VALUES ('2024-01-01 00:00Z'::timestamptz), ('2024-01-01 00:29:59Z'), ('2024-01-01 02:30Z'), (NULL), ('infinity')) v(ts)) x, behav_rhythm(s) WHERE expected > 0;
SELECT behav_ignored(behav_rhythm_agg(ts, 'UTC')) AS ignored FROM e;
SELECT events, cells, round(chi2::numeric, 3) AS chi2, df, round(p_value::numeric, 6) AS p_value, round(cramers_v::numeric, 6) AS cramers_v, round(entropy::numeric, 6) AS entropy, weekday, hour
FROM (SELECT behav_rhythm_agg(ts, 'Asia/Kolkata') AS s FROM (VALUES ('2024-01-01 00:00Z'::timestamptz), ('2024-01-01 00:29:59Z'), ('2024-01-01 02:30Z')) v(ts)) x, behav_rhythm_strength(s);
-- from a state and from the source: the same
SELECT NOT EXISTS (SELECT r.* FROM (SELECT behav_rhythm_agg(ts, 'Asia/Tokyo') AS s FROM e) x, behav_rhythm(s) r EXCEPT SELECT * FROM behav_rhythm('known', 'Asia/Tokyo')) AS rows,
	(SELECT r FROM (SELECT behav_rhythm_agg(ts, 'Asia/Tokyo') AS s FROM e) x, behav_rhythm_strength(s) r) = (SELECT r FROM behav_rhythm_strength('known', 'Asia/Tokyo') r) AS strength;

-- one process, two workers, stored parts: the same bytes
CREATE FUNCTION plan(query text, what text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text; found boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP found := found OR line LIKE '%' || what || '%'; END LOOP;
	RETURN found;
END $$;
CREATE TABLE answers (how text, kind text, key bigint, answer text);
CREATE VIEW ask AS
SELECT 'activity' AS kind, user_id AS key, behav_activity_agg(ts, event = 'view', event <> 'view', 'day America/New_York')::text AS answer FROM e GROUP BY 2
UNION ALL SELECT 'all activity', 0, behav_activity_agg(ts, 'hour')::text FROM e
UNION ALL SELECT 'survival', user_id % 7, behav_survival_agg(extract(day FROM day), event = 'cart')::text FROM e GROUP BY 2
UNION ALL SELECT 'survival', 9, behav_survival_agg(abs(extract(epoch FROM ts)::bigint % 1000) / 8.0, event = 'cart')::text FROM e WHERE isfinite(ts)
UNION ALL SELECT 'rhythm', user_id % 5, behav_rhythm_agg(ts, 'Europe/Berlin')::text FROM e GROUP BY 2
UNION ALL SELECT 'conditions', user_id, behav_retention(event = 'view', event = 'cart')::text FROM e GROUP BY 2
UNION ALL SELECT 'conditions', -1, behav_retention_agg(event = 'nothing', event = 'cart')::text FROM e;
SET max_parallel_workers_per_gather = 0;
INSERT INTO answers SELECT 'serial', * FROM ask;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT a AS aggregate, plan('SELECT ' || a || ' FROM e', 'Partial Aggregate') AS partial
FROM unnest(ARRAY['behav_activity_agg(ts, ''day'')', 'behav_activity_agg(ts, true, false, ''day'')', 'behav_survival_agg(1, true)', 'behav_rhythm_agg(ts, ''UTC'')',
	'behav_retention(true, false)', 'behav_retention_agg(true)']) a;
CREATE TABLE parallel AS SELECT * FROM ask;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
INSERT INTO answers SELECT 'parallel', * FROM parallel;

-- parts of a day each, stored, some of them twice on their way through text
CREATE TABLE parts AS
SELECT user_id, day, behav_activity_agg(ts, event = 'view', event <> 'view', 'day America/New_York') AS a,
	behav_survival_agg(extract(day FROM day), event = 'cart') AS s, behav_rhythm_agg(ts, 'Europe/Berlin') AS r,
	behav_retention_agg(event = 'view', event = 'cart') AS c FROM e GROUP BY 1, 2;
UPDATE parts SET a = a::text::behav_activity_state, s = s::text::behav_survival_state, r = r::text::behav_rhythm_state, c = c::text::behav_retention_state WHERE user_id % 2 = 0;
INSERT INTO answers
SELECT 'parts', 'activity', user_id, behav_rollup(a)::text FROM parts GROUP BY 3
UNION ALL SELECT 'parts', 'survival', user_id % 7, behav_rollup(s)::text FROM parts GROUP BY 3
UNION ALL SELECT 'parts', 'rhythm', user_id % 5, behav_rollup(r)::text FROM parts GROUP BY 3
UNION ALL SELECT 'parts', 'conditions', user_id, behav_retention(behav_rollup(c))::text FROM parts GROUP BY 3
UNION ALL SELECT 'combine', 'rhythm', user_id % 5, r::text FROM (
	SELECT user_id % 5 AS user_id, behav_rhythm_state_combine(behav_rollup(r) FILTER (WHERE day < '2024-12-10'), behav_rollup(r) FILTER (WHERE day >= '2024-12-10' OR day IS NULL)) AS r FROM parts GROUP BY 1) x;
SELECT s.kind, s.how, count(*) > 0 AS compared, count(*) FILTER (WHERE s.answer IS DISTINCT FROM o.answer) AS differences
FROM answers s LEFT JOIN answers o ON o.how = 'serial' AND (o.kind, o.key) = (s.kind, s.key) WHERE s.how <> 'serial' GROUP BY 1, 2 ORDER BY 1, 2;
-- merging changes neither of the two, in any order
SELECT bool_and(behav_activity_state_combine(a.a, b.a)::text = behav_activity_state_combine(b.a, a.a)::text
	OR behav_activity_state_final(behav_activity_state_combine(a.a, b.a))::text = behav_activity_state_final(behav_activity_state_combine(b.a, a.a))::text) AS commutes
FROM parts a JOIN parts b USING (user_id) WHERE a.day < b.day AND user_id < 20;

-- a state is small: a word for 16 periods
SELECT max(pg_column_size(s)) <= 140 AS small FROM states;
SELECT pg_column_size(behav_activity_agg(ts, 'day')) < 88 + 8 * (365 / 16 + 3) AS daily_for_a_year
FROM generate_series('2023-01-01'::timestamptz, '2023-12-31', interval '1 hour') ts;
-- shuffled hours of 20 years: it is put together as it grows
SELECT behav_activity_count(behav_activity_agg('2000-01-01'::timestamptz + (i * 7919::bigint % 175000) * interval '1 hour', 'hour')) AS hours FROM generate_series(0, 199999) i;
SELECT count(*) AS durations, sum(events + censored) AS n FROM (SELECT behav_survival_agg(i * 7919::bigint % 5003, i % 3 = 0) AS s FROM generate_series(1, 50000) i) x, behav_survival_curve(s);

-- errors
SELECT behav_activity_agg(ts, 'dya UTC') FROM e;
SELECT behav_activity_agg(ts, 'day Asia/Tokio') FROM e;
SELECT behav_activity_agg(ts, CASE WHEN ts > '2024-12-01' THEN 'day' ELSE 'week' END) FROM e;
SELECT behav_rollup(s) FROM (SELECT behav_activity_agg(ts, 'day') AS s FROM e UNION ALL SELECT behav_activity_agg(ts, 'week') FROM e) x;
SELECT behav_rollup(s) FROM (SELECT behav_rhythm_agg(ts, 'UTC') AS s FROM e UNION ALL SELECT behav_rhythm_agg(ts, 'Asia/Tokyo') FROM e) x;
SELECT behav_survival_agg(-1, true);
SELECT 'bm1:BwIBAQAAAAcAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAFVVEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKw3jatqAACAAIjMAAAAAIAAiUMAAAA5XYW+Q=='::behav_activity_state;
SELECT overlay('bm1:BwEBAQAAAAcAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAFVVEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKw3jatqAACAAIjMAAAAAIAAiUMAAAA+UMzwA==' PLACING 'b' FROM 90)::behav_activity_state;
\set VERBOSITY sqlstate
SELECT behav_activity_count('bm1:BwEBAQAAAAcAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAFVVEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKw3jatqAACAAIjMAAAAAIAAiUMAAAA+UMzwA==');
SELECT 'bm1:BwEBAQAAAAcAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAFVVEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKw3jatqAACAAIjMAAAAAAAAAAAAAAA/i1fEw=='::behav_activity_state;
SELECT 'bm1:BwEBAQAAAAcAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAlVVEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKw3jatqAACAAIjMAAAAAIAAiUMAAAA6r2D1w=='::behav_activity_state;
SELECT 'bm1:BwEBAQAAAAcAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAFVVEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKw3jatqAACAAIjMAAAAAIAAiUMAAAA+UMzwA=='::behav_rhythm_state;
SELECT left('bm1:BwEBAQAAAAcAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAFVVEMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKw3jatqAACAAIjMAAAAAIAAiUMAAAA+UMzwA==', 60)::behav_activity_state;
SELECT 'bm2:AAAA'::behav_activity_state;
SELECT ''::behav_activity_state;
SELECT 'bm1:????'::behav_survival_state;
SELECT behav_activity_agg(ts, NULL::text) FROM e;
SELECT behav_activity_agg(ts, '') FROM e;
SELECT behav_activity_agg(ts, 'day ' || repeat('x', 300)) FROM e;
SELECT behav_activity_retained(s, 0) FROM one;
SELECT behav_activity_retained(s, 10001) FROM one;
SELECT behav_survival_agg('NaN', true);
SELECT behav_survival_agg('infinity', true);
SELECT behav_survival_curve(behav_survival_agg(1, true), 1.5);
SELECT behav_survival_quantile(behav_survival_agg(1, true), 1);
SELECT behav_rhythm_agg(ts, NULL::text) FROM e;
SELECT behav_rhythm_agg(ts, 'Nowhere/Land') FROM e;
SELECT behav_rhythm_agg(ts, CASE WHEN ts > '2024-12-01' THEN 'UTC' ELSE 'Asia/Tokyo' END) FROM e;
SELECT behav_retention(VARIADIC '{}'::boolean[]) FROM e;
SELECT behav_retention(VARIADIC array_fill(true, ARRAY[65])) FROM e;
SELECT behav_retention(VARIADIC array_fill(true, ARRAY[CASE WHEN user_id = 1 THEN 2 ELSE 3 END])) FROM e;
SELECT behav_rollup(s) FROM (SELECT behav_retention_agg(true) AS s UNION ALL SELECT behav_retention_agg(true, true)) x;
\set VERBOSITY default

SELECT behav_drop_source('known');
DROP FUNCTION plan;
DROP VIEW known, ask;
DROP TABLE e, one, states, trial, answers, parallel, parts;
