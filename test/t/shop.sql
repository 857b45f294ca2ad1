-- A small shop, the same everywhere: 300 users who walk through 80 items. After item i mostly comes
-- 5 i + 3 (mod 80) for even users, 7 i + 1 for odd ones; one step in eight is a jump. Every third item
-- goes into the cart, every ninth is bought.
CREATE TABLE events (
	user_id bigint NOT NULL, item_id bigint NOT NULL, ts timestamptz NOT NULL, event text NOT NULL);

INSERT INTO events
WITH RECURSIVE walk (u, n, item) AS (
	SELECT u, 1, (u * 37) % 80 FROM pg_catalog.generate_series(1, 300) u
	UNION ALL
	SELECT u, n + 1, CASE WHEN (u * 31 + n * 17) % 8 = 0 THEN (u * 13 + n * 29) % 80
		WHEN u % 2 = 0 THEN (item * 5 + 3) % 80 ELSE (item * 7 + 1) % 80 END
	FROM walk WHERE n < 14 + u % 5)
SELECT w.u, w.item, '2026-01-01 00:00+00'::timestamptz + w.n * interval '1 day' + w.u * interval '1 minute'
		+ s.step * interval '10 seconds',
	s.event
FROM walk w
JOIN (VALUES (0, 'view', 1), (1, 'cart', 3), (2, 'purchase', 9)) s (step, event, every) ON w.n % s.every = 0;

CREATE INDEX ON events (user_id, ts);
ANALYZE events;
