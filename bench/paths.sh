#!/usr/bin/env bash
# Paths against the SQL that people write with lag and lead windows, on the same rows in one run:
# edges with layers, transitions, whole paths, attribution; the aggregate against array_agg; and the
# sessions of the public Taobao file, which are known.
#   bench/paths.sh [events]      default 10,000,000 simulated events; ROUNDS=1 is quicker
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
. "$ROOT/bench/load.sh"
events=${1:-10000000}
server_start main shared_buffers=1GB max_parallel_workers_per_gather=2 min_parallel_table_scan_size=8MB work_mem=512MB
psql -Xqc "CREATE EXTENSION behavmine" -c "ALTER DATABASE postgres SET behavmine.progress = off"

# The known number of sessions of a real file.
if load_taobao; then
	psql -XqAt -F' ' -c "SELECT sum(count), 14122 FROM behav_transitions('taobao', options => '{\"sessions\": \"gap\"}') WHERE source = '(start)'" |
		awk '{ printf "Taobao, 30 minutes, cleaned: %d sessions\n", $1 }'
	psql -XqAt -o /dev/null -c "SET client_min_messages = warning" -c "SELECT * FROM behav_source('taobao', 'taobao', options =>
		'{\"drop_duplicates\": false, \"robot_events_per_day\": 0, \"robot_events_per_minute\": 0}')"
	psql -XqAt -F' ' -c "SELECT sum(count), 14122 FROM behav_transitions('taobao') WHERE source = '(start)'" |
		awk '{ printf "%s - Taobao, 30 minutes: %d sessions, known are %d\n", $1 == $2 ? "ok" : "not ok", $1, $2; bad = $1 != $2 } END { exit bad }'
fi

psql -Xqc "CREATE TABLE events AS SELECT user_id, item_id, event, ts, price, (ARRAY['ads','mail','search','social',NULL])[1 + (user_id * 31 + session_id * 7) % 5] AS channel
	FROM (SELECT * FROM behav_simulate(users => $((events / 90)), items => 20000, days => 60) LIMIT $events) x ORDER BY ts" \
	-c "VACUUM ANALYZE events"
# the windows see every row: so do we
psql -XqAt -o /dev/null -c "SET client_min_messages = warning" -c "SELECT * FROM behav_source('shop', 'events', value => 'price', options =>
	'{\"drop_duplicates\": false, \"robot_events_per_day\": 0, \"robot_events_per_minute\": 0}')"

ms() { # statement -> milliseconds, the result thrown away
	psql -Xq -c '\timing on' -c "CREATE TEMP TABLE r AS $1" 2>&1 | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1
}

sessions="SELECT user_id, event, ts, sum(new) OVER (PARTITION BY user_id ORDER BY ts) AS session FROM (
	SELECT user_id, event, ts, coalesce(ts - lag(ts) OVER (PARTITION BY user_id ORDER BY ts) > '30 min', true)::int AS new FROM events) x"
steps="SELECT user_id, session, event, ts, row_number() OVER w AS step, lead(event) OVER w AS next, lead(ts) OVER w AS next_ts
	FROM (SELECT *, lag(event) OVER (PARTITION BY user_id, session ORDER BY ts) IS NOT DISTINCT FROM event AS again FROM ($sessions) s) c
	WHERE NOT again WINDOW w AS (PARTITION BY user_id, session ORDER BY ts)"
sql_edges="SELECT step AS layer, event AS source, next AS target, count(*) AS sessions, count(DISTINCT user_id) AS users,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM next_ts - ts)::float8) AS seconds
	FROM ($steps) p WHERE next IS NOT NULL AND step < 5 GROUP BY 1, 2, 3"
sql_edges_lean="SELECT step AS layer, event AS source, next AS target, count(*) AS sessions
	FROM ($steps) p WHERE next IS NOT NULL AND step < 5 GROUP BY 1, 2, 3"
sql_transitions="SELECT *, count / sum(count) OVER (PARTITION BY source) AS probability FROM (
	SELECT event AS source, next AS target, count(*), count(DISTINCT user_id) AS users, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM next_ts - ts)::float8) AS seconds
	FROM (SELECT user_id, event, ts, lead(event) OVER w AS next, lead(ts) OVER w AS next_ts FROM ($sessions) s WINDOW w AS (PARTITION BY user_id, session ORDER BY ts)) p GROUP BY 1, 2) t"
sql_paths="SELECT path, count(*) AS sessions, count(DISTINCT user_id) AS users FROM (
	SELECT user_id, session, array_agg(event ORDER BY ts) AS path FROM ($steps) p WHERE step <= 10 GROUP BY 1, 2) s GROUP BY 1 ORDER BY 2 DESC LIMIT 20"
sql_attribution="SELECT channel, count(*) AS conversions FROM (
	SELECT event, first_value(channel) OVER (PARTITION BY user_id, touches ORDER BY ts) AS channel FROM (
		SELECT user_id, event, ts, channel, count(CASE WHEN event <> 'purchase' THEN channel END) OVER (PARTITION BY user_id ORDER BY ts) AS touches FROM events) x) y
	WHERE event = 'purchase' GROUP BY 1"

our_edges="SELECT * FROM behav_path_edges('shop')"
our_transitions="SELECT * FROM behav_transitions('shop')"
our_paths="SELECT * FROM behav_paths('shop')"
our_attribution="SELECT * FROM behav_attribution('shop', 'purchase')"
our_agg="SELECT user_id, behav_path_agg(ts, event) AS s FROM events GROUP BY user_id"
sql_agg="SELECT user_id, array_agg(ts) AS t, array_agg(event) AS e FROM events GROUP BY user_id"

# The numbers are the same.
psql -XqAt -c "SELECT CASE WHEN bool_and((e.sessions = s.sessions AND e.users = s.users AND abs(e.median_seconds - s.seconds) < 1e-6) IS TRUE) THEN 'ok' ELSE 'not ok' END
	|| ' - edges are those of the windows' FROM ($our_edges) e FULL JOIN ($sql_edges) s USING (layer, source, target)"

for round in $(seq "${ROUNDS:-2}"); do
	for what in edges transitions paths attribution agg; do
		ours=our_$what sql=sql_$what
		a=$(ms "${!ours}") b=$(ms "${!sql}")
		eval "best_a=\${a_$what:-$a} best_b=\${b_$what:-$b}"
		eval "a_$what=$(awk -v x="$a" -v y="$best_a" 'BEGIN { print x < y ? x : y }') b_$what=$(awk -v x="$b" -v y="$best_b" 'BEGIN { print x < y ? x : y }')"
	done
done
lean=$(ms "$sql_edges_lean")
read_ms=$(psql -XqAt -c "SELECT 1000 * seconds FROM behav_read('shop')")
for what in edges transitions paths attribution agg; do
	eval "a=\$a_$what b=\$b_$what"
	awk -v what="$what" -v a="$a" -v b="$b" -v n="$events" 'BEGIN { printf "%-12s %d events: ours %.0f ms, SQL %.0f ms: %.1f times as fast\n", what, n, a, b, b / a }'
done
awk -v a="$a_edges" -v lean="$lean" -v read="$read_ms" 'BEGIN {
	printf "edges against windows that count sessions alone (no users, no medians): %.1f times as fast\n", lean / a
	printf "of the edges'"'"' time %.0f ms are reading and cleaning\n", read }'
echo "attribution: ours is seven models, SQL is last touch alone; agg: behav_path_agg against two array_agg"
