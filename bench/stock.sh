#!/usr/bin/env bash
# Weekly demand of 811 products (UCI), the last 12 weeks one after the other as the origin, everything chosen
# from the weeks before it only: mean absolute scaled error over the next 4 weeks, and the cost of the stock for the
# next week at a service level of 95 % (5 cents a piece too many, 95 a piece too few).
#   bench/stock.sh        BEHAVMINE_DATA is the data
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
file=$DATA/demand_uci_weekly.csv.xz
[ -r "$file" ] || { echo "skipped: no $file"; exit 0; }
server_start main
psql -Xqc "CREATE EXTENSION behavmine" -c "CREATE TABLE demand (product text, week int, at timestamptz, pieces float8)"
xz -dc "$file" | awk -F, 'NR > 1 { for (w = 2; w <= 53; w++) print $1 "," w - 2 ",2023-01-02 12:00+00," $w }' |
	psql -Xqc "SET TimeZone = 'UTC'" -c "COPY demand FROM STDIN (FORMAT csv)" -c "UPDATE demand SET at = at + week * interval '7 days'" -c "VACUUM ANALYZE demand"
psql -Xqc "CREATE TABLE result (who text, series text, origin int, week int, forecast float8, stock float8)" \
	-c "CREATE TABLE scale AS SELECT product, avg(abs(pieces - before)) AS mae FROM (SELECT *, lag(pieces) OVER (PARTITION BY product ORDER BY week) AS before FROM demand WHERE week < 40) x GROUP BY 1"
run() { # name options
	local o
	for o in 40 41 42 43 44 45 46 47 48 49 50 51; do
		psql -Xq -c "SET TimeZone = 'UTC'" -c "SET behavmine.progress = off" -c "INSERT INTO result
			SELECT '$1', f.series, $o, $o + f.step - 1, f.forecast, CASE WHEN f.step = 1 THEN r.reorder_point END
			FROM behav_forecast(data => 'demand', by => 'product', ts => 'at', quantity => 'pieces', horizon => 4, until => '2023-01-02'::timestamptz + $o * interval '7 days', options => '$2') f
			JOIN behav_reorder('7 days', 0.95, data => 'demand', by => 'product', ts => 'at', quantity => 'pieces', until => '2023-01-02'::timestamptz + $o * interval '7 days', options => '$2') r USING (series)"
	done
}
run chosen '{}'
run mean '{"method": "mean"}'
run naive '{"method": "seasonal_naive", "season": 1}'
run seasonal_4 '{"method": "seasonal_naive", "season": 4}'
run seasonal_13 '{"method": "seasonal_naive", "season": 13}'
psql -Xq -c "SELECT who, count(DISTINCT series) AS series, round(avg(abs(pieces - forecast) / mae)::numeric, 4) AS mase,
	round(avg(CASE WHEN stock > pieces THEN 0.05 * (stock - pieces) ELSE 0.95 * (pieces - stock) END)::numeric, 5) AS cost,
	round(avg((stock >= pieces)::int) FILTER (WHERE stock IS NOT NULL), 3) AS served
	FROM result r JOIN demand d ON d.product = r.series AND d.week = r.week JOIN scale s ON s.product = d.product WHERE mae > 0 GROUP BY 1 ORDER BY 3"
