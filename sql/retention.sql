-- Retention, lifecycle, stickiness, survival and rhythm of a source: worked examples, and plain SQL beside them.
SET behavmine.progress = off;
SET timezone = 'UTC';
SET datestyle = ISO;
SET intervalstyle = postgres;
SET client_min_messages = warning;

-- worked example: three users from Monday 2024-01-01; what is known ends with Sunday 14th
CREATE TABLE small (who int, item int, ts timestamptz, ev text, val float8, shop text);
INSERT INTO small VALUES
	(1, 1, '2024-01-01 10:00', 'view', 1, 'a'), (1, 1, '2024-01-02 09:00', 'buy', 2, 'a'),
	(1, 1, '2024-01-04 09:00', 'view', 4, 'b'), (2, 1, '2024-01-01 23:59:59.999999', 'view', 8, 'a'),
	(2, 1, '2024-01-02 00:00', 'view', 16, NULL), (3, 1, '2024-01-03 12:00', 'buy', 32, 'a'),
	(3, 1, '2024-01-05 12:00', 'view', 64, 'a'), (3, 1, '2024-01-05 13:00', 'view', NULL, 'a');
SELECT FROM behav_source('small', 'small', 'who', 'item', 'ts', 'ev', 'val');
SELECT * FROM behav_retention('small', periods => 4);
SELECT * FROM behav_retention('small', 'day', 4, options => '{"criterion": "on_or_after", "summary": "none"}');
SELECT cohort, label, users, share FROM behav_retention('small', 'day',
	options => '{"brackets": [[0, 0], [1, 2], [3, null]]}');
SELECT cohort, period, users, share FROM behav_retention('small', 'day', 3, 'view', 'buy');
SELECT cohort, size, period, users, share FROM behav_retention('small', 'day', 3, options => '{"cohort": "every"}');
SELECT cohort, period, users, share FROM behav_retention('small', 'day', 3,
	options => '{"min_count": 2, "reference": "previous", "summary": "simple"}');
-- a row must have the same value as its start
SELECT cohort, size, period, users, breakdown FROM behav_retention('small', 'day', 2, breakdown => 'shop');
-- 24 hours from a user's own start: user 2 is back after a microsecond, so on day 0
SELECT cohort, period, users FROM behav_retention('small', 'day', 4, options => '{"clock": "rolling", "summary": "none"}');
-- an hour from the start, or from the full hour before it: user 2's second event is a microsecond later, and in the next hour
SELECT cohort, period, users FROM behav_retention('small', 'hour', 3, options => '{"clock": "rolling", "round_to_hour": true, "summary": "none"}');
SELECT cohort, period, users FROM behav_retention('small', 'hour', 3, options => '{"clock": "rolling", "summary": "none"}');
SELECT cohort, size, period, users FROM behav_retention('small', 'week', 2, until => '2024-01-15');
SELECT cohort, size, period, users FROM behav_retention('small', 'day', 2, since => '2024-01-01 00:00:01');

SELECT * FROM behav_lifecycle('small');
SELECT * FROM behav_lifecycle('small', since => '2024-01-04', until => '2024-01-08');
SELECT * FROM behav_lifecycle('small', 'week', until => '2024-01-05 12:30');
SELECT * FROM behav_stickiness('small');
SELECT * FROM behav_stickiness('small', event => 'view', options => '{"min_count": 2}');
SELECT periods, users, breakdown FROM behav_stickiness('small', 'day', breakdown => 'shop') WHERE users > 0;
SELECT * FROM behav_survival('small', '1 day');
SELECT t, at_risk, events, censored, survival FROM behav_survival('small', '2 days', 'hour', start_event => 'view', until => '2024-01-06');
SELECT weekday, hour, events, round(ratio::numeric, 3) AS ratio FROM behav_rhythm('small') WHERE events > 0;
SELECT weekday, hour, events FROM behav_rhythm('small', 'Asia/Kathmandu', 'buy') WHERE events > 0;
SELECT weekday, hour, events FROM behav_rhythm('small', options => '{"count": "user_hours"}') WHERE events > 0;

-- random events at edges: midnights of several zones, changes of the clock, a day that never was, ties
CREATE TABLE t AS
SELECT (x * 7919 / 64) % 90 AS who, 1 AS item, CASE (x / 7) % 4 WHEN 0 THEN 'a' WHEN 1 THEN 'b' WHEN 2 THEN 'c' END AS ev,
	(x / 3) % 16 AS val, chr(97 + (x / 11)::int % 3) AS part,
	('2011-12-20'::timestamp + (x / 5 % 26) * interval '1 day') AT TIME ZONE
		(ARRAY['UTC', 'Pacific/Apia', 'America/New_York', 'Asia/Kathmandu'])[1 + x / 13 % 4]
	+ (ARRAY[-1, 0, 1, 3600000000, 7200000000])[1 + x / 17 % 5] * interval '1 microsecond' AS ts
FROM (SELECT (i::bigint * 1103515245 + 12345) % 2147483648 AS x FROM generate_series(1, 1500) i) r
UNION ALL
SELECT (x * 7919 / 64) % 90, 1, CASE (x / 7) % 4 WHEN 0 THEN 'a' WHEN 1 THEN 'b' WHEN 2 THEN 'c' END,
	(x / 3) % 16, chr(97 + (x / 11)::int % 3),
	('2018-09-25'::timestamp + (x / 5 % 60) * interval '1 day') AT TIME ZONE
		(ARRAY['America/Sao_Paulo', 'America/New_York', 'Australia/Lord_Howe', 'Europe/Berlin'])[1 + x / 13 % 4]
	+ (ARRAY[-1, 0, 1, 3600000000, 90000000000])[1 + x / 17 % 5] * interval '1 microsecond'
FROM (SELECT (i::bigint * 1103515245 + 54321) % 2147483648 AS x FROM generate_series(1, 1500) i) r;
INSERT INTO t VALUES (NULL, 1, 'a', 1, 'a', '2018-10-01'), (1, 1, 'a', 1, 'a', NULL), (1, 1, 'a', 1, 'a', 'infinity'), (1, 1, 'a', 1, 'a', '-infinity');
SELECT rows, users FROM behav_source('t', 't', 'who', 'item', 'ts', 'ev', 'val');

CREATE TABLE good AS SELECT *, coalesce(ev, 'unknown') AS e FROM t WHERE who IS NOT NULL AND isfinite(ts);
ANALYZE good;
CREATE FUNCTION observed(zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT (date_trunc('day', max(ts) AT TIME ZONE zone) + interval '1 day') AT TIME ZONE zone FROM good $$;
-- N-day retention of first starts on the calendar, as one would write it in SQL
CREATE FUNCTION oracle(grain text, zone text, n int, start text, ret text, enough int)
RETURNS TABLE (cohort timestamptz, size bigint, period int, users bigint, value float8) LANGUAGE sql STABLE AS $$
	WITH e AS MATERIALIZED (SELECT who, date_trunc(grain, ts AT TIME ZONE zone) AS p, e, val FROM good),
	o AS MATERIALIZED (SELECT observed(zone) AS till),
	c AS (SELECT who, min(p) AS c FROM e WHERE e = coalesce(start, e) GROUP BY 1),
	per AS (
		SELECT who, c, k, c + k * ('1 ' || grain)::interval AS p
		FROM c, generate_series(0, n - 1) k),
	hit AS (
		SELECT who, c, k, count(e.p) >= enough OR (k = 0 AND coalesce(start = ret, ret IS NULL)) AS yes,
			coalesce(sum(e.val), 0) AS val
		FROM per LEFT JOIN (SELECT * FROM e WHERE e = coalesce(ret, e)) e USING (who, p) GROUP BY 1, 2, 3)
	SELECT c AT TIME ZONE zone, count(*), k,
		CASE WHEN (c + (k + 1) * ('1 ' || grain)::interval) AT TIME ZONE zone <= till THEN count(*) FILTER (WHERE yes) END,
		CASE WHEN (c + (k + 1) * ('1 ' || grain)::interval) AT TIME ZONE zone <= till THEN coalesce(sum(val) FILTER (WHERE yes), 0) END
	FROM hit, o GROUP BY c, k, till $$;
CREATE FUNCTION differ(grain text, zone text, start text, ret text, enough int, OUT differences bigint, OUT compared bigint) LANGUAGE sql STABLE AS $$
	WITH ours AS (
		SELECT cohort, size, period, users, value
		FROM behav_retention('t', grain, 9, start, ret, zone, options => jsonb_build_object('min_count', enough, 'summary', 'none'))),
	theirs AS (SELECT * FROM oracle(grain, zone, 9, start, ret, enough))
	SELECT count(*), (SELECT count(*) FROM ours WHERE users > 0)
	FROM ((TABLE ours EXCEPT ALL TABLE theirs) UNION ALL (TABLE theirs EXCEPT ALL TABLE ours)) d $$;
SELECT grain, count(*) AS calls, min(compared) > 0 AND sum(compared) > 30 AS compared, sum(differences) AS differences
FROM unnest(ARRAY['day', 'week', 'month', 'year']) grain,
	unnest(ARRAY['Pacific/Apia', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'America/New_York']) zone,
	(VALUES (NULL, NULL, 1), ('a', 'b', 1), ('a', 'a', 2), ('b', NULL, 3)) v(s, r, enough),
	differ(grain, zone, s, r, enough)
GROUP BY 1 ORDER BY 1;

-- rolling periods of 24 hours; in the cohort of every start
WITH c AS (SELECT DISTINCT ON (who, date_trunc('week', ts)) who, date_trunc('week', ts) AS cohort, ts AS start FROM good WHERE e = 'a' ORDER BY 1, 2, ts),
theirs AS (
	SELECT cohort, k AS period, count(DISTINCT (who, start)) FILTER (WHERE g.ts >= start + k * interval '7 days' AND g.ts < start + (k + 1) * interval '7 days' AND g.e = 'b') AS users
	FROM c CROSS JOIN generate_series(0, 3) k JOIN good g USING (who) GROUP BY 1, 2),
ours AS (
	SELECT cohort, period, users FROM behav_retention('t', 'week', 4, 'a', 'b',
		options => '{"clock": "rolling", "cohort": "every", "summary": "none"}'))
SELECT count(*) > 30 AS compared, count(*) FILTER (WHERE o.users <> t.users) AS differences,
	bool_and((o.users IS NULL) = (cohort + (period + 2) * interval '7 days' > observed('UTC'))) AS unfinished_null
FROM theirs t FULL JOIN ours o USING (cohort, period);

-- unbounded and brackets follow from the active days; the row over all cohorts from the cohorts
WITH u AS (
	SELECT who, min(ts::date) AS c, array_agg(DISTINCT ts::date) AS days FROM good GROUP BY 1),
theirs AS (
	SELECT c, k, count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(days) d WHERE d - c >= k)) AS later,
		count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(days) d WHERE d - c BETWEEN 2 * k AND 2 * k + 1)) AS bracket
	FROM u, generate_series(0, 2) k GROUP BY 1, 2)
SELECT count(*) > 30 AS compared, count(*) FILTER (WHERE a.users <> later OR b.users <> bracket) AS differences
FROM theirs
JOIN behav_retention('t', 'day', 3, options => '{"criterion": "on_or_after", "summary": "none"}') a ON a.cohort = c AND a.period = k
JOIN behav_retention('t', 'day', options => '{"criterion": "bracket", "brackets": [[0, 1], [2, 3], [4, 5]], "summary": "none"}') b ON b.cohort = c AND b.period = k;
SELECT bool_and(s.share IS NOT DISTINCT FROM w.share AND s.size = w.size AND s.users = w.users) AS weighted
FROM behav_retention('t', 'week', 5, 'a', 'b') s
JOIN (SELECT period, sum(size) FILTER (WHERE users IS NOT NULL) AS size, sum(users) AS users,
		sum(users)::float8 / sum(size) FILTER (WHERE users IS NOT NULL) AS share
	FROM behav_retention('t', 'week', 5, 'a', 'b', options => '{"summary": "none"}') GROUP BY 1) w USING (period)
WHERE s.cohort IS NULL;
SELECT bool_and(abs(s.share - w.share) < 1e-12) AS simple
FROM behav_retention('t', 'week', 5, 'a', 'b', options => '{"summary": "simple"}') s
JOIN (SELECT period, avg(share) AS share FROM behav_retention('t', 'week', 5, 'a', 'b', options => '{"summary": "none"}') GROUP BY 1) w USING (period)
WHERE s.cohort IS NULL;
-- a breakdown's rows are those of its part alone
SELECT part, count(*) FILTER (WHERE o.users IS DISTINCT FROM b.users) AS differences
FROM unnest(ARRAY['a', 'b', 'c']) part
CROSS JOIN LATERAL (SELECT * FROM behav_retention('t', 'week', 3, breakdown => 'part', options => '{"summary": "none"}') WHERE breakdown = part) b
LEFT JOIN LATERAL (
	SELECT date_trunc('week', c) AS cohort, k AS period, count(DISTINCT who) FILTER (WHERE date_trunc('week', ts) = date_trunc('week', c) + k * interval '7 days') AS users
	FROM (SELECT *, min(ts) OVER (PARTITION BY who) AS c FROM good g WHERE g.part = b.breakdown) x, generate_series(0, 2) k
	WHERE date_trunc('week', c) = b.cohort AND k = b.period GROUP BY 1, 2) o ON true
WHERE b.users IS NOT NULL GROUP BY 1 ORDER BY 1;

-- lifecycle
WITH d AS (SELECT DISTINCT who, date_trunc('day', ts AT TIME ZONE 'America/Sao_Paulo') AS p FROM good),
w AS (SELECT who, p, lag(p) OVER x AS before, lead(p) OVER x AS after FROM d WINDOW x AS (PARTITION BY who ORDER BY p)),
theirs AS (
	SELECT p AT TIME ZONE 'America/Sao_Paulo' AS period, count(*) FILTER (WHERE s = 1) AS new, count(*) FILTER (WHERE s = 2) AS ret,
		count(*) FILTER (WHERE s = 3) AS resurrecting, count(*) FILTER (WHERE s = 4) AS dormant
	FROM (SELECT p, CASE WHEN before IS NULL THEN 1 WHEN before = p - interval '1 day' THEN 2 ELSE 3 END AS s FROM w
		UNION ALL SELECT p + interval '1 day', 4 FROM w WHERE after IS DISTINCT FROM p + interval '1 day') x GROUP BY 1)
SELECT count(*) > 60 AS compared, count(*) FILTER (WHERE
	(new_users, returning_users, resurrecting_users, dormant_users) IS DISTINCT FROM
	(coalesce(new, 0), coalesce(ret, 0), coalesce(resurrecting, 0), coalesce(dormant, 0))) AS differences
FROM behav_lifecycle('t', 'day', NULL, 'America/Sao_Paulo') LEFT JOIN theirs USING (period);
-- returning + dormant + ... : who was there yesterday is there today or dormant
SELECT bool_and(lag IS NULL OR lag = returning_users + dormant_users) AS adds_up
FROM (SELECT *, lag(new_users + returning_users + resurrecting_users) OVER (ORDER BY period) AS lag FROM behav_lifecycle('t', 'month', 'a')) x;

-- stickiness
WITH theirs AS (
	SELECT n AS periods, count(*) AS users FROM (
		SELECT who, count(DISTINCT date_trunc('day', ts AT TIME ZONE 'America/New_York')) AS n FROM good
		WHERE ts >= '2018-10-20 04:00Z' AND ts < '2018-11-20 05:00Z' GROUP BY 1) x GROUP BY 1)
SELECT count(*) = 31 AS every_number, count(*) FILTER (WHERE s.users <> coalesce(t.users, 0)) AS differences,
	abs(sum(share) - 1) < 1e-9 AS shares, min(at_least) FILTER (WHERE periods = 1) = sum(s.users) AS at_least
FROM behav_stickiness('t', 'day', NULL, 'America/New_York', '2018-10-20 04:00Z', '2018-11-20 05:00Z') s LEFT JOIN theirs t USING (periods);

-- survival: the product, by windows
WITH l AS (SELECT who, min(ts) AS a, max(ts) AS z FROM good GROUP BY 1),
e AS (SELECT max(ts) - interval '20 days' AS till FROM good),
d AS (SELECT floor(extract(epoch FROM least(z, till) - a) / 86400) AS t, z < till AS ended FROM l, e WHERE a < till),
c AS (SELECT t, count(*) FILTER (WHERE ended) AS d, count(*) AS n FROM d GROUP BY 1),
k AS (SELECT t, d, sum(n) OVER (ORDER BY t DESC) AS risk FROM c),
s AS (SELECT t, d, risk, CASE WHEN bool_or(d = risk) OVER w THEN 0 ELSE exp(sum(ln(1 - d / nullif(risk, d))) OVER w) END AS s FROM k WINDOW w AS (ORDER BY t))
SELECT count(*) AS compared, count(*) FILTER (WHERE (o.at_risk, o.events) IS DISTINCT FROM (risk, d) OR abs(o.survival - s) > 1e-9) AS differences
FROM s FULL JOIN behav_survival('t', '20 days', event => NULL) o USING (t);

-- rhythm: counts by extract, the statistic by its formula over the hours that were there
WITH theirs AS (
	SELECT extract(isodow FROM l)::int AS weekday, extract(hour FROM l)::int AS hour, count(*) AS n
	FROM (SELECT ts AT TIME ZONE 'Australia/Lord_Howe' AS l FROM good) x GROUP BY 1, 2)
SELECT count(*) AS cells, count(*) FILTER (WHERE events <> coalesce(n, 0)) AS differences, abs(sum(share) - 1) < 1e-9 AS shares,
	abs(sum(expected) - 1) < 1e-9 AS expected, sum(events) = 3000 AS all_events
FROM behav_rhythm('t', 'Australia/Lord_Howe') LEFT JOIN theirs USING (weekday, hour);
WITH h AS (
	SELECT extract(isodow FROM l)::int AS weekday, extract(hour FROM l)::int AS hour, count(*) AS hours
	FROM (SELECT h AT TIME ZONE 'America/New_York' AS l FROM generate_series((SELECT date_trunc('hour', min(ts)) FROM good), (SELECT date_trunc('hour', max(ts)) FROM good), interval '1 hour') h) x GROUP BY 1, 2)
SELECT bool_and(abs(expected * (SELECT sum(hours) FROM h) - hours) < 1e-6) AS exposure,
	abs(sum((events - 3000 * expected) ^ 2 / (3000 * expected)) - (SELECT chi2 FROM behav_rhythm_strength('t', 'America/New_York'))) < 1e-6 AS chi2
FROM behav_rhythm('t', 'America/New_York') JOIN h USING (weekday, hour);

-- ids of other types, a view of a time without zone, no event column
CREATE VIEW as_text AS SELECT coalesce('user ' || who, '') AS who, item, ts AT TIME ZONE 'UTC' AS ts FROM t;
CREATE VIEW as_uuid AS SELECT md5(who::text)::uuid AS who, item, extract(epoch FROM ts) AS ts FROM t WHERE isfinite(ts);
SELECT FROM behav_source('as_text', 'as_text', 'who', 'item', 'ts');
SELECT FROM behav_source('as_uuid', 'as_uuid', 'who', 'item', 'ts');
SELECT name, count(*) FILTER (WHERE a.users IS DISTINCT FROM b.users) AS differences
FROM unnest(ARRAY['as_text', 'as_uuid']) name, behav_retention('t', 'month') a
JOIN LATERAL (SELECT * FROM behav_retention(name, 'month')) b USING (period)
WHERE a.cohort IS NOT DISTINCT FROM b.cohort GROUP BY 1 ORDER BY 1;

SELECT sum(events) AS events FROM behav_rhythm('as_text');

-- many users before the first one whose event counts
CREATE TABLE late AS SELECT u AS who, 1 AS item, '2024-01-01Z'::timestamptz + u * interval '1 second' AS ts, CASE WHEN u > 5000 THEN 'b' ELSE 'a' END AS ev
FROM generate_series(1, 5003) u;
SELECT FROM behav_source('late', 'late', 'who', 'item', 'ts', 'ev');
SELECT size, users, share FROM behav_retention('late', 'day', 1, 'b', 'b', options => '{"summary": "none"}');
SELECT new_users FROM behav_lifecycle('late', 'day', 'b');

-- nothing to read; what is left out is counted
SET behavmine.progress = notice;
SET client_min_messages = notice;
SELECT count(*) FROM behav_stickiness('t', 'month');
SET behavmine.progress = off;
SET client_min_messages = warning;
CREATE TABLE nothing (LIKE t);
SELECT FROM behav_source('nothing', 'nothing', 'who', 'item', 'ts', 'ev', 'val');
SELECT count(*) FROM behav_retention('nothing');
SELECT count(*) FROM behav_lifecycle('nothing');
SELECT count(*) FROM behav_stickiness('nothing');
SELECT count(*) FROM behav_survival('nothing');
SELECT count(*) FROM behav_rhythm('nothing');
SELECT * FROM behav_rhythm_strength('nothing');

-- errors
SELECT * FROM behav_retention('small', 'dya');
SELECT * FROM behav_retention('small', time_zone => 'Europe/Berln');
SELECT * FROM behav_retention('small', start_event => 'veiw');
SELECT * FROM behav_retention('small', periods => 0);
SELECT * FROM behav_retention('small', since => '2024-01-02', until => '2024-01-01');
SELECT * FROM behav_retention('small', breakdown => 'shopp');
SELECT * FROM behav_retention('small', options => '{"clok": "rolling"}');
SELECT * FROM behav_retention('small', options => '{"criterion": "bracket"}');
SELECT * FROM behav_retention('as_text', start_event => 'view');
SELECT * FROM behav_survival('small', '0 days');
SELECT * FROM behav_survival('small', unit => 'month');
\set VERBOSITY sqlstate
SELECT * FROM behav_retention('smal');
SELECT * FROM behav_retention(NULL);
SELECT * FROM behav_retention('small', periods => -1);
SELECT * FROM behav_retention('small', periods => 10001);
SELECT * FROM behav_retention('small', return_event => 'sold');
SELECT * FROM behav_retention('small', since => 'infinity');
SELECT * FROM behav_retention('small', options => '{"brackets": [[3, 1]]}');
SELECT * FROM behav_retention('small', options => '{"brackets": [[-1, 1]]}');
SELECT * FROM behav_retention('small', options => '{"brackets": [1, 2]}');
SELECT * FROM behav_retention('small', options => '{"brackets": [[0.5, 1]]}');
SELECT * FROM behav_retention('small', options => '{"brackets": []}');
SELECT * FROM behav_retention('small', options => '{"brackets": [[0, 1]], "criterion": "on_or_after"}');
SELECT * FROM behav_retention('small', 'year', options => '{"clock": "rolling"}');
SELECT * FROM behav_retention('small', options => '{"min_count": 0}');
SELECT * FROM behav_retention('t', 'hour', 10000);
SELECT * FROM behav_retention('t', breakdown => 'ts');
SELECT * FROM behav_lifecycle('small', 'fortnight');
SELECT * FROM behav_lifecycle('small', time_zone => 'Mars/Olympus');
SELECT * FROM behav_stickiness('small', options => '{"min_count": -1}');
SELECT * FROM behav_survival('small', NULL);
SELECT * FROM behav_survival('small', '-1 day');
SELECT * FROM behav_survival('small', options => '{"confidence": 1}');
SELECT * FROM behav_rhythm('small', 'Nowhere');
SELECT * FROM behav_rhythm('small', event => 'sold');
SELECT * FROM behav_rhythm_strength('small', options => '{"count": "users"}');
\set VERBOSITY default

SELECT behav_drop_source(s) FROM unnest(ARRAY['small', 't', 'as_text', 'as_uuid', 'late', 'nothing']) s;
DROP FUNCTION differ, oracle, observed;
DROP VIEW as_text, as_uuid;
DROP TABLE small, t, good, late, nothing;
