-- Segments: found again where they were planted, described, numbered, asked, wrong input.
SET behavmine.progress = off;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE SCHEMA segments;
SET search_path = segments, public;

-- a table: three groups, a column that never varies, rows that cannot be used
CREATE TABLE point AS
SELECT g * 1000 + i AS id, g * 20 + (i * 7 % 11) * 0.1 AS a, (g % 2) * 10 + (i * 5 % 13)::real * 0.1 AS b, 3 AS same, 'x' AS word
FROM generate_series(0, 2) g, generate_series(1, 100 * (g + 1)) i;
INSERT INTO point VALUES (5000, NULL, 1, 3, 'x'), (5001, 1, 'NaN', 3, 'x'), (NULL, 40, 0.5, 3, 'x');
SELECT segment, name, users, round(share::numeric, 3) AS share, description, version, silhouette > 0.9 AS clear, note
FROM behav_segments('points', data => 'point', user_id => 'id', columns => '{a,b,same}') ORDER BY segment;
SELECT segment, features -> 'a' ->> 'typical' AS a, features -> 'same' ->> 'deviations' AS same
FROM behav_segments('points', data => 'point', user_id => 'id', columns => '{a,b,same}', deploy => false) ORDER BY segment;
SELECT segment, count(*), min(user_id::int) / 1000 AS lowest, max(user_id::int) / 1000 AS highest, bool_and(distance < 1) AS near
FROM behav_segment_table('points') GROUP BY 1 ORDER BY 1;
SELECT user_id, segment, name, model, version FROM behav_segment(1007);
SELECT user_id, segment FROM behav_segment('2007', 'points', 2);
SELECT count(*) AS nobody FROM behav_segment(999999);
-- all number columns when none is named; no user column
SELECT count(*) AS segments, sum(users) AS rows FROM behav_segments('all_numbers', data => 'point', k => 3);
SELECT * FROM behav_segment_table('all_numbers');

-- numbers stay when the groups change their sizes: the third becomes the smallest
CREATE TEMP TABLE was AS SELECT * FROM behav_segment_table('points');
DELETE FROM point WHERE id BETWEEN 2020 AND 4000;
SELECT segment, users FROM behav_segments('points', data => 'point', user_id => 'id', columns => '{a,b,same}', k => 3) ORDER BY users DESC;
SELECT count(*) AS users, bool_and(n.segment = w.segment) AS same_number FROM behav_segment_table('points') n JOIN was w USING (user_id);
-- a group that goes gives its number to none of those that stay; one that comes gets a free one
DELETE FROM point WHERE id BETWEEN 1000 AND 1999;
SELECT segment, users FROM behav_segments('points', data => 'point', user_id => 'id', columns => '{a,b,same}', k => 2) ORDER BY users DESC;
INSERT INTO point SELECT 7000 + i, 100 + i * 0.01, 40, 3, 'x' FROM generate_series(1, 30) i;
SELECT segment, users FROM behav_segments('points', data => 'point', user_id => 'id', columns => '{a,b,same}', k => 3) ORDER BY users DESC;

-- versions like all others: rolled back, exported, imported, dropped, kept few
SELECT model, task, algorithm, metric, versions FROM behav_models WHERE model = 'points';
SELECT behav_rollback('points') AS answers;
SELECT DISTINCT version FROM behav_segment_table('points');
SELECT part, shape FROM behav_summary('points') ORDER BY part;
SELECT * FROM behav_recommend(1, model => 'points');
SELECT behav_import('copy', behav_export('points'), deploy => true) AS copied;
SELECT count(*) FILTER (WHERE a.segment = b.segment AND a.name = b.name) = count(*) AS same FROM behav_segment_table('points') a JOIN behav_segment_table('copy') b USING (user_id);

-- few different rows, one row, equal rows, gap statistic, mini-batches
CREATE TABLE few (id int, v float8);
INSERT INTO few SELECT i, i % 3 FROM generate_series(1, 50) i;
SELECT segment, users, note FROM behav_segments('few', data => 'few', user_id => 'id', k => 10) ORDER BY segment;
SELECT count(*) BETWEEN 2 AND 8 AS some, min(note) ~ 'best by the gap statistic' AS by_gap FROM behav_segments('gap', data => 'point', user_id => 'id', columns => '{a,b}', options => '{"choose": "gap"}');
SELECT count(*) AS segments FROM behav_segments('batch', data => 'point', columns => '{a,b}', k => 3, options => '{"batch": 64}');
UPDATE few SET v = 1;
SELECT * FROM behav_segments('few', data => 'few', user_id => 'id', k => 2);
TRUNCATE few;
SELECT * FROM behav_segments('few', data => 'few', user_id => 'id', k => 2);

-- a source: planted segments are found by the rates of behaviours (bench/segments.sh asks for more, of more data)
CREATE TABLE events AS SELECT * FROM behav_simulate(users => 250, items => 100, days => 500, seed => 7);
SELECT FROM behav_source('seg_shop', 'events');
SELECT count(*) AS segments FROM behav_segments('planted', source => 'seg_shop', features => 'rates', k => 4, options => '{"min_events": 1000}');
WITH pair AS (SELECT s.segment, t.other FROM behav_segment_table('planted') s JOIN behav_simulate_truth(250, 100, 500, 7) t ON t.kind = 'user_segment' AND t.key = s.user_id::bigint),
cell AS (SELECT sum(n * (n - 1) / 2) AS together FROM (SELECT count(*) AS n FROM pair GROUP BY segment, other) c),
a AS (SELECT sum(n * (n - 1) / 2) AS a FROM (SELECT count(*) AS n FROM pair GROUP BY segment) c),
b AS (SELECT sum(n * (n - 1) / 2) AS b FROM (SELECT count(*) AS n FROM pair GROUP BY other) c),
n AS (SELECT count(*) * (count(*) - 1) / 2.0 AS n FROM pair)
SELECT (together - a * b / n) / ((a + b) / 2 - a * b / n) > 0.85 AS found FROM cell, a, b, n;
SELECT count(*) AS segments, bool_and(note ~ 'silhouette') AS chosen FROM behav_segments('value', source => 'seg_shop');
SELECT count(*) > 200 AS many, count(DISTINCT segment) > 1 AS several FROM behav_segment_table('value');
-- what one user is asked and what all are asked is the same
SELECT count(*) FILTER (WHERE o.segment = t.segment AND abs(o.distance - t.distance) < 1e-5) = count(*) AS same
FROM behav_segment_table('value') t, behav_segment(t.user_id, 'value') o WHERE t.user_id::int % 10 = 0;
SELECT count(*) AS segments FROM behav_segments('every', source => 'seg_shop', features => 'all', k => 3);
-- item vectors of a recommender
SET client_min_messages = warning;
SELECT algorithm FROM behav_train('seg_shop', 'als', options => '{"factors": 8, "iterations": 3}', seed => 1);
RESET client_min_messages;
SELECT count(*) AS segments, bool_and(features ? 'dimension_8') AS eight FROM behav_segments('taste', source => 'seg_shop', features => 'embedding', k => 4);
SELECT count(*) FILTER (WHERE o.segment = t.segment) >= 0.9 * count(*) AS same
FROM behav_segment_table('taste') t, behav_segment(t.user_id, 'taste') o WHERE t.user_id::int % 20 = 0;

-- wrong input
SELECT * FROM behav_segments('x');
SELECT * FROM behav_segments('x', source => 'seg_shop', data => 'point');
SELECT * FROM behav_segments('x', source => 'seg_shop', features => 'colour');
SELECT * FROM behav_segments('x', source => 'seg_shop', k => 0);
SELECT * FROM behav_segments('x', data => 'point', columns => '{a,nope}');
SELECT * FROM behav_segments('x', data => 'point', columns => '{word}');
SELECT * FROM behav_segments('x', source => 'seg_shop', options => '{"start": 3}');
SELECT * FROM behav_segments('x', source => 'seg_shop', options => '{"min_events": 1000000}');
SELECT * FROM behav_segments('seg_shop', source => 'seg_shop', k => 2);
SELECT * FROM behav_segment(1, 'seg_shop');
SELECT * FROM behav_segment(1);
SELECT * FROM behav_segment('nobody', 'value');

SELECT count(behav_drop_model(model)) AS dropped FROM behav_models WHERE task = 'segment' OR model = 'seg_shop';
SELECT behav_drop_source('seg_shop');
SET client_min_messages = warning;
DROP SCHEMA segments CASCADE;
