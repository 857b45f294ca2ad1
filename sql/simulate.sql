-- behav_simulate: the events show what behav_simulate_truth says was planted.
CREATE TABLE e AS SELECT * FROM behav_simulate(users => 3000, items => 200, days => 60, seed => 7);
CREATE TABLE t AS SELECT * FROM behav_simulate_truth(users => 3000, items => 200, days => 60, seed => 7);
CREATE TABLE honest AS SELECT * FROM e WHERE user_id NOT IN (SELECT key FROM t WHERE kind = 'fraud');
CREATE TABLE steps AS
	SELECT *, lead(item_id) OVER w AS next_item, lead(event) OVER w AS next_event
	FROM honest WINDOW w AS (PARTITION BY session_id ORDER BY ts);

-- shape
SELECT count(*) > 100000 AS many, min(user_id) >= 1 AS first_user, max(user_id) <= 3000 AS last_user,
	min(item_id) >= 1 AND max(item_id) <= 200 AS items, count(DISTINCT event) = 3 AS events,
	min(ts) >= '2024-11-02 00:00Z' AND max(ts) < '2025-01-01 00:00Z' AS times,
	bool_and(price > 0) AS prices, min(quantity) = 1 AND max(quantity) > 1 AS quantities
FROM e;

-- the same arguments, the same events; another seed, others; a user does not depend on the others
SELECT NOT EXISTS (SELECT * FROM e EXCEPT SELECT * FROM behav_simulate(3000, 200, 60, 7)) AS repeats,
	EXISTS (SELECT * FROM behav_simulate(50, 200, 60, 8) EXCEPT SELECT * FROM e) AS other_seed,
	NOT EXISTS (SELECT * FROM behav_simulate(50, 200, 60, 7) EXCEPT SELECT * FROM e) AS fewer_users;

-- segments: their share; carts to views, and purchases to carts, as planted
SELECT t.name, abs(t.value - n / 3000.0) < 0.03 AS share
FROM (SELECT other, count(*) AS n FROM t WHERE kind = 'user_segment' GROUP BY 1) u
JOIN t ON t.kind = 'segment_share' AND t.key = u.other ORDER BY t.key;
WITH rates AS (
	SELECT s.other AS segment,
		count(*) FILTER (WHERE event = 'view' AND next_event = 'cart' AND next_item = item_id)::float8
			/ count(*) FILTER (WHERE event = 'view') AS cart
	FROM steps JOIN t s ON s.kind = 'user_segment' AND s.key = user_id GROUP BY 1)
SELECT t.name, abs(cart / t.value - 1) < 0.1 AS cart_rate
FROM rates JOIN t ON t.kind = 'cart_rate' AND t.key = segment ORDER BY t.key;
WITH c AS (
	SELECT session_id, user_id, item_id, bool_or(event = 'cart') AS carted, bool_or(event = 'purchase') AS bought
	FROM honest GROUP BY 1, 2, 3)
SELECT t.name, abs(avg(bought::int) / t.value - 1) < 0.1 AS purchase_rate
FROM c JOIN t s ON s.kind = 'user_segment' AND s.key = user_id
JOIN t ON t.kind = 'purchase_rate' AND t.key = s.other
WHERE carted GROUP BY t.key, t.name, t.value ORDER BY t.key;

-- next-item regularity: the follower comes next as often as planted, and far more often than chance
SELECT abs(avg((next_item = t.other)::int) - 0.35) < 0.04 AS follower
FROM (SELECT *, lead(item_id) OVER (PARTITION BY session_id ORDER BY ts) AS next_view
	FROM honest WHERE event = 'view') s
JOIN steps USING (session_id, item_id, ts) JOIN t ON t.kind = 'follower' AND t.key = item_id
WHERE next_view IS NOT NULL AND next_event = 'view';

-- bundles: whoever buys the first (not as a reorder) buys the second in the same session
WITH bought AS (SELECT DISTINCT session_id, item_id FROM honest WHERE event = 'purchase')
SELECT count(*) > 500 AS many, abs(avg((b.item_id IS NOT NULL)::int) - 0.6) < 0.08 AS bundle
FROM bought a JOIN t ON t.kind = 'bundle' AND t.key = a.item_id
LEFT JOIN bought b ON b.session_id = a.session_id AND b.item_id = t.other
WHERE EXISTS (SELECT FROM honest c WHERE c.session_id = a.session_id AND c.item_id = a.item_id AND c.event = 'cart');

-- reorders of consumables come about their interval after; other goods are seldom bought twice
WITH p AS (
	SELECT user_id, item_id, ts - lag(ts) OVER (PARTITION BY user_id, item_id ORDER BY ts) AS gap
	FROM honest WHERE event = 'purchase')
SELECT abs(avg(extract(epoch FROM gap) / 86400 / t.value) - 1) < 0.25 AS interval
FROM p JOIN t ON t.kind = 'repeat_days' AND t.key = item_id
WHERE gap BETWEEN interval '1 day' AND interval '45 days';

-- rhythm: evenings above nights, weekends above weekdays; a long tail of popularity
SELECT count(*) FILTER (WHERE extract(hour FROM ts) IN (19, 20, 21)) >
		5 * count(*) FILTER (WHERE extract(hour FROM ts) IN (2, 3, 4)) AS evenings,
	count(*) FILTER (WHERE extract(isodow FROM ts) IN (6, 7)) / 2.0 >
		0.9 * count(*) FILTER (WHERE extract(isodow FROM ts) < 6) / 5.0 AS weekends
FROM honest;
SELECT sum(n) FILTER (WHERE r <= 20) > 0.2 * sum(n) AS head, min(n) > 0 AS tail
FROM (SELECT count(*) AS n, row_number() OVER (ORDER BY count(*) DESC) AS r FROM honest GROUP BY item_id) x;

-- sessions are an hour apart
SELECT bool_and(ts - previous >= interval '1 hour') AS apart
FROM (SELECT session_id, ts, lag(ts) OVER (PARTITION BY user_id ORDER BY ts) AS previous,
		lag(session_id) OVER (PARTITION BY user_id ORDER BY ts) AS previous_session FROM honest) x
WHERE previous_session <> session_id;

-- robots and card testers stand out
SELECT t.name, bool_and(CASE t.name WHEN 'robot' THEN a_minute > 120 ELSE share = 1 END) AS found
FROM t JOIN (
	SELECT user_id, max(n) AS a_minute, sum(bought) / sum(n) AS share
	FROM (SELECT user_id, date_trunc('minute', ts), count(*) AS n,
			count(*) FILTER (WHERE event = 'purchase') AS bought FROM e GROUP BY 1, 2) m GROUP BY 1) u
	ON u.user_id = t.key
WHERE kind = 'fraud' GROUP BY 1 ORDER BY 1;

-- errors
\set VERBOSITY sqlstate
SELECT count(*) FROM behav_simulate(users => 0);
SELECT count(*) FROM behav_simulate(items => 9);
SELECT count(*) FROM behav_simulate(days => 4000);
\set VERBOSITY default
SELECT count(*) FROM behav_simulate(users => -1);
SELECT count(*) FROM behav_simulate(users => NULL);
DROP TABLE e, t, honest, steps;
