-- Forecasts of demand, reorder points, hours of orders.
SET behavmine.progress = off;
SET TimeZone = 'UTC';

-- a: even; b: every third week; c: all zeros but for a return; d: one week; e: grows; the last week is not finished
CREATE TABLE sale AS
SELECT s AS item, '2024-01-01'::timestamptz + w * interval '7 days' + interval '30 hours' AS at, q AS pieces
FROM generate_series(0, 39) w, LATERAL (VALUES ('a', 10.0), ('b', CASE WHEN w % 3 = 2 THEN 5 END), ('e', 10.0 + w)) x(s, q) WHERE q IS NOT NULL
UNION ALL VALUES ('c', '2024-03-01'::timestamptz, -4), ('d', '2024-09-25'::timestamptz, 7), ('a', '2024-10-07', 3), ('a', '2024-02-07', -9);
\set cols 'data => ''sale'', by => ''item'', ts => ''at'', quantity => ''pieces'''

SELECT series, period::date, step, round(forecast::numeric, 2) AS forecast, round(lower::numeric, 1) AS lower, round(upper::numeric, 1) AS upper, method, class, round(mase::numeric, 3) AS mase
FROM behav_forecast(:cols, horizon => 2);
SELECT series, class, periods, total, round(adi::numeric, 3) AS adi, round(cv2::numeric, 3) AS cv2, method, origins FROM behav_forecast_quality(:cols, horizon => 2);
-- with the end of what is known, the week before it is finished
SELECT series, min(period)::date AS first FROM behav_forecast(:cols, horizon => 1, until => '2024-10-14') WHERE series = 'a' GROUP BY 1;
SELECT series, min(period)::date AS first FROM behav_forecast(:cols, horizon => 1, until => '2024-10-13 23:59') WHERE series = 'a' GROUP BY 1;
SELECT series, min(period) AS first, round(sum(forecast)::numeric) > 0 AS some FROM behav_forecast(data => 'sale', ts => 'at', quantity => 'pieces', period => 'month', horizon => 1,
	options => '{"time_zone": "Europe/Berlin"}') GROUP BY 1;
SELECT count(*) = 5 AS days, min(period)::date AS first FROM behav_forecast(data => 'sale', ts => 'at', period => 'day', horizon => 5);
-- each method as asked for; Croston's on b: 5 every third week
SELECT m, round(max(forecast)::numeric, 4) AS forecast FROM unnest('{mean,seasonal_naive,croston,sba,sbj,tsb,ses,holt}'::text[]) m,
	LATERAL behav_forecast(data => 'sale', by => 'item', ts => 'at', quantity => 'pieces', horizon => 1, options => jsonb_build_object('method', m, 'season', 1)) f WHERE series = 'b' GROUP BY 1 ORDER BY 1;
SELECT round(sum(forecast)::numeric, 2) AS net_of_returns FROM behav_forecast(:cols, horizon => 1, options => '{"returns": "net", "method": "mean"}') WHERE series = 'a';
-- the same seed, the same numbers, at any number of threads
SELECT sum(upper) AS upper FROM behav_forecast(:cols) \gset
SET behavmine.num_threads = 1;
SELECT sum(upper) = :upper AS same FROM behav_forecast(:cols);
RESET behavmine.num_threads;

-- stock
SELECT series, round(demand::numeric, 2) AS demand, round(lead_demand::numeric, 2) AS lead_demand, round(reorder_point::numeric, 2) AS reorder_point, round(order_quantity::numeric, 2) AS quantity
FROM behav_reorder('14 days', 0.95, :cols) WHERE series IN ('a', 'd');
SELECT bool_and(reorder_point >= lead_demand - 1e-9) AS safe, bool_and(abs(lead_demand + safety_stock - reorder_point) < 1e-9) AS adds_up FROM behav_reorder('14 days', 0.95, :cols);
SELECT bool_and(h.reorder_point >= l.reorder_point) AS more_service_more_stock FROM behav_reorder('14 days', 0.99, :cols) h JOIN behav_reorder('14 days', 0.6, :cols) l USING (series);
SELECT series, round(lead_demand::numeric, 2) AS lead_demand, round(order_quantity::numeric, 3) AS economic
FROM behav_reorder('7 days', 0.9, :cols, review => '7 days', options => '{"order_cost": 20, "holding_cost": 0.5}') WHERE series = 'a';

-- as a model
SELECT model, version, series, horizon, mase > 0 AS mase, deployed FROM behav_fit_forecast('demand', :cols, horizon => 3);
SELECT count(*) AS rows, bool_and(abs(a.forecast - b.forecast) < 1e-4 AND a.method = b.method AND a.class = b.class AND a.lower IS NOT DISTINCT FROM b.lower::real) AS same
FROM behav_forecast(:cols, horizon => 3) a JOIN behav_forecast_table('demand') b USING (series, period, step);
SELECT version FROM behav_fit_forecast('demand', :cols, horizon => 2);
SELECT count(*) FROM behav_forecast_table();
SELECT behav_rollback('demand');
SELECT count(*) FROM behav_forecast_table();
SELECT v.model, m.task, v.algorithm, v.metric FROM behav_versions v JOIN behav_models m USING (model) WHERE v.model = 'demand' AND v.version = 1;

-- a source: its purchases, by item, by another column, all together
CREATE TABLE events AS SELECT *, 'r' || user_id % 3 AS region FROM behav_simulate(users => 200, items => 20, days => 60, seed => 5);
SELECT FROM behav_source('shop', 'events');
SELECT count(DISTINCT series) > 10 AS items FROM behav_forecast('shop');
SELECT count(DISTINCT series) AS regions FROM behav_forecast('shop', 'region');
SELECT q.total = (SELECT sum(quantity) FROM events WHERE event = 'purchase' AND ts < date_trunc('day', (SELECT max(ts) FROM events WHERE event = 'purchase'))) AS all_purchases
FROM behav_forecast_quality('shop', '*', 'day') q;
SELECT region, count(*) AS hours, round(sum(share)::numeric, 9) AS share, sum(orders) = (SELECT count(DISTINCT (user_id, ts)) FROM events e WHERE event = 'purchase' AND e.region = d.region) AS orders,
	bool_and(busiest >= per_hour OR per_hour IS NULL) AS busiest FROM behav_delivery('shop', 'region') d GROUP BY 1 ORDER BY 1;
SELECT (SELECT sum(orders) FROM behav_delivery('shop', options => '{"time_zone": "Asia/Tokyo"}') WHERE hour = 9)
	= (SELECT sum(orders) FROM behav_delivery('shop') WHERE hour = 0) AS moved_by_nine_hours;
SELECT count(*) FROM behav_delivery('shop', since => '2090-01-01');

-- errors
\set VERBOSITY terse
SELECT * FROM behav_forecast(:cols, horizon => 0);
SELECT * FROM behav_forecast(:cols, horizon => -3);
SELECT * FROM behav_forecast(:cols, period => 'weak');
SELECT * FROM behav_forecast(:cols, options => '{"method": "arima"}');
SELECT * FROM behav_forecast(:cols, options => '{"time_zone": "Europe/Berlun"}');
\set VERBOSITY sqlstate
SELECT * FROM behav_forecast(data => 'sale', by => 'colour', ts => 'at');
\set VERBOSITY terse
SELECT * FROM behav_forecast(:cols, until => '2000-01-01');
SELECT * FROM behav_forecast(data => 'sale', by => 'item');
SELECT * FROM behav_reorder('0 days', 0.95, :cols);
SELECT * FROM behav_reorder('14 days', 1.0, :cols);
SELECT * FROM behav_reorder('1000 years', 0.9, :cols);
SELECT * FROM behav_forecast_table('worth');
SELECT * FROM behav_recommend(1, model => 'demand');
\set VERBOSITY sqlstate
SELECT * FROM behav_delivery('shop', 'colour');
\set VERBOSITY terse
SELECT * FROM behav_delivery('shop', options => '{"time_zone": "X/Y"}');

SELECT behav_drop_model('demand');
DROP TABLE sale, events;
DELETE FROM behavmine.source WHERE name = 'shop';
