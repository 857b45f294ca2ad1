-- Encoders of rows: what the numbers are, what is refused, and that neither plan nor order can be seen.
SET client_min_messages = notice;
SET timezone = 'UTC';

CREATE TABLE visits (
	id int, age int, spend numeric, city text, vip boolean, seen timestamptz, embedding real[], bought boolean);
INSERT INTO visits VALUES
	(1, 30, 10, 'Paris', true, '2024-03-04 06:00+00', '{1,0}', true),
	(2, 40, 20, 'Rome', false, '2024-03-05 12:00+00', '{0,1}', false),
	(3, NULL, 30, 'Paris', false, '2024-03-06 18:00+00', '{1,1}', true),
	(4, 60, NULL, NULL, NULL, NULL, NULL, NULL);

-- ---- features and numbers
SELECT * FROM behav_encoder_features(behav_fit_encoder('visits', options => '{"exclude": ["id", "bought"]}'));
CREATE TABLE encoders AS SELECT behav_fit_encoder('visits', array['age', 'spend', 'city', 'vip'], options =>
	'{"numbers": {"scale": "none"}}') AS encoder;
SELECT id, behav_encode(encoder, v) FROM visits v, encoders ORDER BY id;
-- the same by a subquery with other columns in another order, and unseen values
SELECT behav_encode(encoder, r) FROM encoders,
	(SELECT 'Oslo'::varchar AS city, 7::smallint AS spend, true AS vip, 'x' AS other, 50::bigint AS age) r;
SELECT behav_encode(encoder, NULL::visits) IS NULL AS no_row FROM encoders;
SELECT column_ ->> 'name' AS name, column_ ->> 'encode' AS encode, column_ ->> 'impute' AS impute,
	column_ ->> 'fill' AS fill, column_ ->> 'missing' AS missing
FROM encoders, jsonb_array_elements(encoder -> 'columns') column_;

-- a stored encoder is complete: out and in again
SELECT behav_encode(encoder::text::jsonb, v) = behav_encode(encoder, v) AS same FROM visits v, encoders ORDER BY id;

-- scaling and clipping as the server's own aggregates say
CREATE TABLE numbers AS SELECT i, (i * 37 % 101) ^ 2 AS v FROM generate_series(0, 100) i;
WITH e(how, encoder) AS MATERIALIZED (
	SELECT how, behav_fit_encoder('numbers', '{v}', options => jsonb_build_object('numbers', how::jsonb))
	FROM unnest(ARRAY['{"scale": "zscore"}', '{"scale": "robust"}', '{"scale": "minmax"}',
		'{"scale": "none", "clip": "quantile", "clip_low": 0.1, "clip_high": 0.9}',
		'{"scale": "none", "clip": "iqr", "fence": 0.5}']) how),
s AS (
	SELECT avg(v) AS mean, stddev_pop(v) AS sd, min(v) AS lo, max(v) AS hi,
		percentile_cont(0.1) WITHIN GROUP (ORDER BY v) AS p10, percentile_cont(0.25) WITHIN GROUP (ORDER BY v) AS q1,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS median, percentile_cont(0.75) WITHIN GROUP (ORDER BY v) AS q3,
		percentile_cont(0.9) WITHIN GROUP (ORDER BY v) AS p90
	FROM numbers)
SELECT how, max(abs((behav_encode(encoder, n))[1] - CASE
	WHEN how ~ 'zscore' THEN (v - mean) / sd
	WHEN how ~ 'robust' THEN (v - median) / (q3 - q1)
	WHEN how ~ 'minmax' THEN (v - lo) / (hi - lo)
	WHEN how ~ 'quantile' THEN least(greatest(v, p10), p90)
	ELSE least(greatest(v, q1 - 0.5 * (q3 - q1)), q3 + 0.5 * (q3 - q1)) END) / greatest(v, 1)) < 1e-6 AS right
FROM e, s, numbers n GROUP BY how ORDER BY how;

-- categories
CREATE TYPE size AS ENUM ('small', 'medium', 'large');
CREATE DOMAIN label AS text CHECK (VALUE <> '');
CREATE TABLE things ("Key" uuid, size size, kind label, code char(4), n int, y float8);
INSERT INTO things SELECT ('00000000-0000-0000-0000-00000000000' || i % 3)::uuid,
	(ARRAY['small', 'medium', 'large'])[1 + i % 3]::size, 'k' || i % 50, 'c' || i % 2, i % 4, i % 7
FROM generate_series(1, 400) i;
SELECT string_agg(name, ', ' ORDER BY position) FROM behav_encoder_features(behav_fit_encoder('things',
	options => '{"exclude": ["y"], "columns": {"n": {"encode": "onehot"}, "kind": {"buckets": 4},
		"size": {"encode": "ordinal", "order": ["small", "medium", "large"]}}}'));
-- many categories: the mean of the target where there is one, else a hash
SELECT target, column_ ->> 'encode' AS encode, column_ ->> 'distinct' AS "distinct", column_ ->> 'features' AS features
FROM unnest(ARRAY[NULL, 'y']) target,
	jsonb_array_elements(behav_fit_encoder('things', '{kind}', target) -> 'columns') column_;
SELECT bool_and(abs((behav_encode(e, t))[1] - (s + 10 * a) / (m.n + 10)) < 1e-5) AS smoothed_mean
FROM (SELECT behav_fit_encoder('things', '{kind}', 'y', '{"categories": {"encode": "target", "scale": "none"}}') AS e) e,
	things t JOIN (SELECT kind, sum(y) AS s, count(*) AS n FROM things GROUP BY kind) m USING (kind), (SELECT avg(y) AS a FROM things) a;
SELECT behav_encode(e, t) FROM things t,
	(SELECT behav_fit_encoder('things', '{size,code}', options => '{"columns": {"size": {"encode": "embed"}}}') AS e) e
ORDER BY size, code LIMIT 2;
-- thousands of categories
CREATE TABLE many AS SELECT 'item ' || i % 5000 AS item, i AS v FROM generate_series(1, 20000) i;
SELECT c ->> 'categories' AS categories, c ->> 'features' AS features
FROM jsonb_array_elements(behav_fit_encoder('many', '{item}', options => '{"categories": {"encode": "onehot", "max_categories": 100}}') -> 'columns') c;

-- times: a zone, parts, an interpolation along them
SELECT string_agg(name, ', ' ORDER BY position) FROM behav_encoder_features(
	behav_fit_encoder('visits', '{seen}', options => '{"times": {"parts": ["hour", "trend"]}}'));
SELECT behav_encode(behav_fit_encoder('visits', '{seen}', options => '{"time_zone": "Asia/Tokyo", "times": {"parts": ["hour"]}}'), v) AS hour
FROM visits v WHERE id = 1;
CREATE TABLE series AS SELECT '2024-01-01'::date + i AS day, CASE WHEN i % 4 <> 2 THEN 10.0 * i END AS v FROM generate_series(0, 20) i;
SELECT v, round((behav_encode(e, s))[1]) AS interpolated
FROM series s, (SELECT behav_fit_encoder('series', '{v}', options =>
	'{"columns": {"v": {"impute": "interpolate", "by": "day", "scale": "none", "missing_flag": "off"}}}') AS e) e
ORDER BY day LIMIT 4;

-- names with quotes and capitals
CREATE TABLE "Odd ""Table""" ("The ""Age""" int, "Größe" float8);
INSERT INTO "Odd ""Table""" VALUES (1, 2), (3, 5);
SELECT name, "column" FROM behav_encoder_features(behav_fit_encoder('"Odd ""Table"""'));
SELECT behav_encode(behav_fit_encoder('"Odd ""Table"""', '{"The \"Age\""}'), o) FROM "Odd ""Table""" o;

-- ---- neither plan nor order nor number of workers can be seen
CREATE TABLE shuffled AS SELECT * FROM things ORDER BY md5(ctid::text || 'a');
SELECT behav_fit_encoder('things', target => 'y') = behav_fit_encoder('shuffled', target => 'y') AS same;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT behav_fit_encoder('things', target => 'y') = behav_fit_encoder('shuffled', target => 'y') AS same;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- ---- what is left out, and said
CREATE TABLE poor (a int, constant int, empty float8, sometimes int);
INSERT INTO poor VALUES (1, 5, NULL, 3), (2, 5, NULL, NULL);
SELECT name FROM behav_encoder_features(behav_fit_encoder('poor'));
SELECT behav_fit_encoder('visits', '{age}', 'bought') ->> 'target' AS target;
SELECT behav_fit_encoder('poor', '{constant}');

-- ---- bad input, in full
SELECT behav_fit_encoder('visits', options => '{"exclud": ["id"]}');
SELECT behav_fit_encoder('visits', options => '{"columns": {"agee": {"scale": "none"}}}');
SELECT behav_fit_encoder('visits', options => '{"columns": {"age": {"scle": "none"}}}');
SELECT behav_fit_encoder('visits', options => '{"columns": {"age": {"scale": "zscores"}}}');
SELECT behav_fit_encoder('visits', '{city}', options => '{"columns": {"city": {"scale": "zscore"}}}');
SELECT behav_fit_encoder('visits', '{city}', options => '{"columns": {"city": {"encode": "target"}}}');
SELECT behav_fit_encoder('visits', '{age}', options => '{"numbers": {"impute": "constant", "constant": "x"}}');
SELECT behav_fit_encoder('visits', '{ages}');
SELECT behav_fit_encoder('visits', '{age,bought}', 'bought');
CREATE TABLE docs (d jsonb, x float8);
SELECT behav_fit_encoder('docs');
SELECT behav_fit_encoder('docs', '{x}');
INSERT INTO docs VALUES (NULL, 'NaN'), (NULL, 1), (NULL, '-Infinity'), (NULL, 2);
SELECT behav_fit_encoder('docs', '{x}');
SELECT c ->> 'missing' AS missing FROM jsonb_array_elements(behav_fit_encoder('docs', '{x}', options => '{"numbers": {"non_finite": "missing"}}') -> 'columns') c;
CREATE TABLE vectors (v real[]);
INSERT INTO vectors VALUES ('{1,2}'), (NULL), ('{1,2,3}');
SELECT behav_fit_encoder('vectors');
-- at the time of encoding
SELECT behav_encode(encoder, r) FROM encoders, (SELECT 1 AS age, 2 AS spend, 'x' AS city) r;
SELECT behav_encode(encoder, r) FROM encoders, (SELECT 'old' AS age, 2 AS spend, 'x' AS city, true AS vip) r;
SELECT behav_encode(encoder, r) FROM encoders, (SELECT 'NaN'::float8 AS age, 2 AS spend, 'x' AS city, true AS vip) r;
SELECT behav_encode(behav_fit_encoder('visits', '{embedding}'), r) FROM (SELECT '{1,2,3}'::real[] AS embedding) r;
SELECT behav_encode('{"format": 1}', v) FROM visits v LIMIT 1;
SELECT behav_encode(encoder || '{"format": 99}', v) FROM encoders, visits v LIMIT 1;
SELECT behav_encode(jsonb_set(encoder, '{data,number}', '"AAAA"'), v) FROM encoders, visits v LIMIT 1;
SELECT behav_encode(jsonb_set(encoder, '{columns}', '[]'), v) FROM encoders, visits v LIMIT 1;

-- rights: the caller's
CREATE ROLE encode_stranger;
SET ROLE encode_stranger;
SELECT behav_fit_encoder('visits', '{age}');
RESET ROLE;
DROP ROLE encode_stranger;
CREATE VIEW huge AS SELECT g AS n FROM generate_series(1, 2200000) g;
SET behavmine.max_memory = '16MB';
SELECT behav_fit_encoder('huge');
RESET behavmine.max_memory;

-- ---- columns as states
SELECT s.n, s.missing, s.mean, round(s.stddev::numeric, 6) AS stddev, s.min, s.q25, s.median, s.q75, s.max, s."distinct", s.quantile_error
FROM (SELECT behav_column_agg(age) AS state FROM visits) x, behav_column_stats(x.state) s;
SELECT s.non_finite, s.n, s.mean FROM (SELECT behav_column_agg(x) AS state FROM docs) x, behav_column_stats(x.state) s;
SELECT s.* FROM (SELECT behav_column_agg(x) AS state FROM docs WHERE false) x, behav_column_stats(x.state) s;
SELECT s.* FROM (SELECT behav_category_agg(city) AS state FROM visits) x, behav_category_stats(x.state, 1) s;
-- exact up to 1,024 values, then within the bound that is printed; nothing depends on the order
CREATE TABLE wide AS SELECT i, exp(i * 0.001) - 1000 AS v FROM generate_series(1, 20000) i;
SELECT abs(s.mean / avg(v) - 1) < 1e-12 AS mean, abs(s.stddev / stddev(v) - 1) < 1e-12 AS stddev,
	s."distinct" IS NULL AS many, s.quantile_error < 0.02 AS bound,
	abs(s.median / percentile_cont(0.5) WITHIN GROUP (ORDER BY v) - 1) <= s.quantile_error AS median
FROM wide, (SELECT behav_column_agg(v) AS state FROM wide) x, behav_column_stats(x.state) s
GROUP BY s.mean, s.stddev, s.median, s."distinct", s.quantile_error;
SELECT count(DISTINCT state::text) = 1 AS same_in_any_order FROM (
	SELECT behav_column_agg(v) AS state FROM wide
	UNION ALL SELECT behav_column_agg(v) FROM (SELECT v FROM wide ORDER BY md5(i::text)) s
	UNION ALL SELECT behav_rollup(state) FROM (SELECT behav_column_agg(v) AS state FROM wide GROUP BY i % 7) s) u;
SELECT abs(behav_column_quantile(behav_column_agg(i), 0.9) - 90) < 1e-9 AS exact FROM generate_series(0, 100) i;
SELECT behav_column_quantile(behav_column_agg(i), 1.5) FROM generate_series(0, 100) i;
-- an encoder from states is the encoder from the rows
SELECT bool_and(a = b) AS same FROM (SELECT behav_fit_encoder_stats(jsonb_build_object('y', behav_column_agg(y), 'code', behav_category_agg(code))) AS s FROM things) s,
	(SELECT behav_fit_encoder('things', '{y,code}') AS f) f, things t,
	LATERAL (SELECT behav_encode(f, t) AS a, behav_encode(s, t) AS b) e;
SELECT behav_fit_encoder_stats(jsonb_build_object('y', behav_column_agg(y), 'code', behav_category_agg(code) FILTER (WHERE n > 0))) FROM things;
SELECT behav_fit_encoder_stats('{}');
SELECT behav_fit_encoder_stats('{"a": "bm1:xx"}');

DROP VIEW huge;
DROP TABLE visits, encoders, numbers, things, many, series, "Odd ""Table""", shuffled, poor, docs, vectors, wide;
DROP TYPE size;
DROP DOMAIN label;
