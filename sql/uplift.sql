-- Uplift: a planted effect that grows with the score, from .00 to .40, on a base of .2. Pseudo-random by hashing.
CREATE FUNCTION u(i int, salt int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT (hashint8extended(i, salt) & 1048575) / 1048576.0 $$;
CREATE TABLE campaign AS
SELECT i AS user_id, x AS score, mailed, (p < 0.2 + CASE WHEN mailed THEN 0.4 * x ELSE 0 END)::int AS bought, i % 10 AS day
FROM (SELECT i, u(i, 1) AS x, u(i, 2) < 0.5 AS mailed, u(i, 3) AS p FROM generate_series(1, 20000) i) s;

SELECT behav_qini(bought, mailed, score) > 0.05 AS better_than_chance,
       behav_qini(bought, mailed, -score) < -0.05 AS worse_than_chance,
       abs(behav_qini(bought, mailed, u(user_id, 9))) < 0.03 AS chance,
       behav_qini(bought, mailed, 1) = 0 AS all_the_same,
       behav_auuc(bought, mailed, score) > 0 AS auuc
FROM campaign;
SELECT measure, round(value::numeric, 2) AS value, low < value AND value < high AS inside
FROM (SELECT behav_uplift_agg(bought, mailed, score) AS s FROM campaign) c, behav_uplift_report(c.s, bootstrap => 50)
WHERE measure IN ('people', 'effect', 'effect_top', 'qini', 'auuc');
SELECT bin, people, abs(effect - 0.4 * (1.05 - bin / 10.0)) < 0.08 AS as_planted, outcome_control BETWEEN 0.15 AND 0.25 AS base
FROM (SELECT behav_uplift_agg(bought, mailed, score) AS s FROM campaign) c, behav_uplift_table(c.s) ORDER BY bin;
SELECT count(*) BETWEEN 20 AND 21 AS points, max(share) AS all_of_them, bool_and(qini >= random - 60) AS above
FROM (SELECT behav_uplift_agg(bought, mailed, score) AS s FROM campaign) c, behav_uplift_curve(c.s, 20);

-- the definition, in SQL: Y_t - Y_c N_t / N_c after each score, areas by trapezoids
WITH small AS (SELECT bought, mailed, round(score::numeric, 1) AS score FROM campaign WHERE user_id <= 500),
points AS (
	SELECT score, sum(count(*)) OVER w AS n, sum(count(*) FILTER (WHERE mailed)) OVER w AS nt,
		sum(count(*) FILTER (WHERE NOT mailed)) OVER w AS nc,
		sum(sum(bought) FILTER (WHERE mailed)) OVER w AS yt, sum(sum(bought) FILTER (WHERE NOT mailed)) OVER w AS yc
	FROM small GROUP BY score WINDOW w AS (ORDER BY score DESC)),
curve AS (SELECT n, coalesce(yt, 0) - coalesce(yc, 0) * nt / nullif(nc, 0) AS q FROM points),
area AS (
	SELECT sum((n - n0) * (q + q0) / 2) AS a, max(n) AS n
	FROM (SELECT n, q, coalesce(lag(n) OVER (ORDER BY n), 0) AS n0, coalesce(lag(q) OVER (ORDER BY n), 0) AS q0 FROM curve) c)
SELECT abs(a / n / n - (SELECT value FROM behav_uplift_report((SELECT behav_uplift_agg(bought, mailed, score::float8) FROM small), bootstrap => 0)
	WHERE measure = 'qini_raw')) < 1e-12 AS same FROM area;

-- states: stored by day and merged; text and back; NULLs counted
CREATE TABLE days AS SELECT day, behav_uplift_agg(bought, mailed, score) AS s FROM campaign GROUP BY day;
SELECT behav_qini(behav_rollup(s)) = (SELECT behav_qini(bought, mailed, score) FROM campaign) AS same,
       sum(behav_events(s)) AS people FROM days;
SELECT behav_qini(s::text::behav_uplift_state) = behav_qini(s) AS same FROM days WHERE day = 1;
SELECT behav_ignored(behav_uplift_agg(b, m, s)), behav_events(behav_uplift_agg(b, m, s))
FROM (VALUES (1, true, 0.5), (NULL, true, 0.1), (0, NULL, 0.1), (0, false, NULL), (0, false, 0.2)) v (b, m, s);

-- one arm, no rows, real outcomes: no invented numbers
SELECT behav_qini(1, true, user_id) IS NULL AS one_arm, behav_uplift_at(behav_uplift_agg(1, true, user_id), 0.5) IS NULL AS no_effect FROM campaign;
SELECT behav_qini(1, true, 1) IS NULL AS nobody FROM campaign WHERE false;
SELECT measure, value IS NULL AS "null" FROM (SELECT behav_uplift_agg(bought * 9.5, mailed, score) AS s FROM campaign) c,
	behav_uplift_report(c.s, bootstrap => 0) WHERE measure IN ('effect', 'qini_raw', 'qini', 'auuc_raw', 'auuc');

-- refused
SELECT behav_qini(bought, mailed, 'NaN') FROM campaign;
SELECT behav_qini('Infinity', mailed, score) FROM campaign;
SELECT behav_uplift_at(s, 0) FROM days LIMIT 1;
SELECT * FROM behav_uplift_table((SELECT s FROM days LIMIT 1), 0);
SELECT * FROM behav_uplift_report((SELECT s FROM days LIMIT 1), bootstrap => -1);
SELECT * FROM behav_uplift_report((SELECT s FROM days LIMIT 1), confidence => 1);
SELECT 'nonsense'::behav_uplift_state;
DROP TABLE campaign, days;
DROP FUNCTION u;
