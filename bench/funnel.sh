#!/usr/bin/env bash
# The funnel aggregate against array_agg(ts) in the same query and against exact window-function SQL; the
# session window function against lag and a running sum; two workers; bytes of a state; the kernel.
#   bench/funnel.sh [events] [rounds]      default 10,000,000 simulated events of 100,000 users, 3 rounds
# Queries are interleaved, the best of the rounds counts. Lines end with what was wanted. Steps are given as
# conditions and, where it says so, as names. Sessions with and without the sort that both queries need.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
events=${1:-10000000} rounds=${2:-3}
users=$((events / 100))
server_start main shared_buffers=2GB work_mem=1GB max_parallel_workers_per_gather=0 min_parallel_table_scan_size=8MB jit=off
psql -Xqc "CREATE EXTENSION behavmine"
# in order of time, as a shop writes it; about 100 events a user
psql -Xqc "CREATE UNLOGGED TABLE events AS SELECT user_id, event, ts FROM (SELECT * FROM behav_simulate(users => $users, items => 1000, days => 36) LIMIT $events) x ORDER BY ts" \
	-c "VACUUM ANALYZE events"
# the same in order of user and time, with the index that says so
psql -Xqc "CREATE UNLOGGED TABLE in_order AS SELECT * FROM events ORDER BY user_id, ts" -c "CREATE INDEX ON in_order (user_id, ts)" -c "VACUUM ANALYZE in_order"
echo "$(sql "SELECT count(*) || ' events of ' || count(DISTINCT user_id) || ' users' FROM events")"

funnel="SELECT sum(level) FROM (SELECT user_id, behav_funnel_level(ts, '1 day', event = 'view', event = 'cart', event = 'purchase', event = 'view') AS level FROM events GROUP BY user_id) x"
names="SELECT sum(level) FROM (SELECT user_id, behav_funnel_level(ts, '1 day', event, ARRAY['view', 'cart', 'purchase', 'view']) AS level FROM events GROUP BY user_id) x"
array="SELECT sum(cardinality(a)) FROM (SELECT user_id, array_agg(ts) AS a FROM events GROUP BY user_id) x"
# what the four comparisons of texts cost any query
floor="SELECT sum(cardinality(a)) FROM (SELECT user_id, array_agg(CASE WHEN (event = 'view') IS NULL OR (event = 'cart') IS NULL OR (event = 'purchase') IS NULL OR (event = 'view') IS NULL THEN NULL ELSE ts END) AS a FROM events GROUP BY user_id) x"
window="SELECT sum(level) FROM (SELECT user_id, max(CASE WHEN s4 IS NOT NULL THEN 4 WHEN s3 IS NOT NULL THEN 3 WHEN s2 IS NOT NULL THEN 2 WHEN s1 IS NOT NULL THEN 1 ELSE 0 END) AS level FROM (
	SELECT *, max(CASE WHEN event = 'view' AND ts - s3 <= '1 day' THEN s3 END) OVER w AS s4 FROM (
	SELECT *, max(CASE WHEN event = 'purchase' AND ts - s2 <= '1 day' THEN s2 END) OVER w AS s3 FROM (
	SELECT *, max(CASE WHEN event = 'cart' AND ts - s1 <= '1 day' THEN s1 END) OVER w AS s2 FROM (
	SELECT *, max(CASE WHEN event = 'view' THEN ts END) OVER w AS s1 FROM events WINDOW w AS (PARTITION BY user_id ORDER BY ts)) a
	WINDOW w AS (PARTITION BY user_id ORDER BY ts)) b WINDOW w AS (PARTITION BY user_id ORDER BY ts)) c
	WINDOW w AS (PARTITION BY user_id ORDER BY ts)) d GROUP BY user_id) x"
sessions="SELECT *, behav_sessionize(ts, '30 minutes') OVER (PARTITION BY user_id ORDER BY ts) AS session FROM events"
lag="SELECT user_id, event, ts, sum(fresh) OVER (PARTITION BY user_id ORDER BY ts) AS session FROM (
	SELECT *, CASE WHEN ts - lag(ts) OVER (PARTITION BY user_id ORDER BY ts) <= '30 minutes' THEN 0 ELSE 1 END AS fresh FROM events) a"
session_agg="SELECT sum(n) FROM (SELECT behav_session_count(behav_session_agg(ts, '30 minutes')) AS n FROM events GROUP BY user_id) x"

# Milliseconds and answer of a query, into best_NAME and answer_NAME.
run() { # name query [settings]
	local out time
	out=$(psql -XqAt ${3:+-c "$3"} -c '\timing on' -c "$2")
	time=$(sed -n 's/^Time: \([0-9]*\).*/\1/p' <<<"$out" | tail -1)
	printf -v "answer_$1" '%s' "$(head -1 <<<"$out")"
	local best=best_$1
	if [ -z "${!best:-}" ] || [ "$time" -lt "${!best}" ]; then printf -v "$best" '%s' "$time"; fi
}
# Milliseconds of a query whose rows are computed and thrown away.
rows() { # name query
	local time best=best_$1
	time=$(psql -XqAt -c "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) $2" | sed -n 's/^Execution Time: \([0-9]*\).*/\1/p')
	if [ -z "${!best:-}" ] || [ "$time" -lt "${!best}" ]; then printf -v "$best" '%s' "$time"; fi
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

for ((round = 1; round <= rounds; round++)); do
	run array "$array"
	run funnel "$funnel"
	run names "$names"
	run floor "$floor"
	rows lag "$lag"
	rows sessions "$sessions"
	rows lag_sorted "${lag//events/in_order}"
	rows sessions_sorted "${sessions//events/in_order}"
	run session_agg "$session_agg"
	[ "$round" = 1 ] && run window "$window" # the slowest by far, and the steadiest
	run two "$funnel" "SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0"
	run array_two "$array" "SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0"
done
[ "$answer_funnel" = "$answer_window" ] && [ "$answer_funnel" = "$answer_two" ] && [ "$answer_funnel" = "$answer_names" ] || echo "DIFFERENT ANSWERS: $answer_funnel, window functions $answer_window, two workers $answer_two"
different=$(sql "SELECT count(*) FROM (SELECT user_id, ts, session FROM ($sessions) a EXCEPT ALL SELECT user_id, ts, session FROM ($lag) b) c")
[ "$different" = 0 ] || echo "DIFFERENT SESSIONS in $different rows"
echo "4-step funnel: array_agg(ts) $best_array ms, funnel $best_funnel ms: ratio $(ratio "$best_funnel" "$best_array"), wanted at most 1.3 (then 1.0)"
echo "array_agg(ts) that evaluates the same four conditions: $best_floor ms: the funnel takes $(ratio "$best_funnel" "$best_floor") of it"
echo "the same, steps as names: $best_names ms: ratio $(ratio "$best_names" "$best_array")"
echo "exact window-function SQL $best_window ms: $(ratio "$best_window" "$best_funnel") times the funnel's, wanted at least 4 (then 8); same answer"
echo "sessions, rows in order: lag and running sum $best_lag_sorted ms, behav_sessionize $best_sessions_sorted ms: $(ratio "$best_lag_sorted" "$best_sessions_sorted") times faster, wanted at least 2; same answer"
echo "sessions, sort included: lag and running sum $best_lag ms, behav_sessionize $best_sessions ms: $(ratio "$best_lag" "$best_sessions") times faster"
echo "sessions, no sort needed: behav_session_agg $best_session_agg ms: $(ratio "$best_lag" "$best_session_agg") times faster than lag and running sum"
echo "two workers: $best_two ms: $(ratio "$best_funnel" "$best_two") times faster, wanted at least 1.6 (array_agg: $(ratio "$best_array" "$best_array_two"))"
sql "SELECT 'state: ' || round(avg(bytes), 2) || ' bytes an event beyond the header of 56, wanted 16' FROM
	(SELECT (pg_column_size(s) - 56)::numeric / behav_events(s) AS bytes FROM (SELECT behav_funnel_agg(ts, '1 day', event = 'view', event = 'cart', event = 'purchase') AS s FROM events WHERE user_id < 1000 GROUP BY user_id) x WHERE behav_events(s) > 0) y"
cc=${CC:-cc} out=$ROOT/build/bench
mkdir -p "$out"
(cd "$ROOT" && "$cc" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -Isrc -o "$out/funnel_kernel" bench/funnel_kernel.c \
	src/core/mine/entries.c src/core/mine/funnel.c src/core/num/rng.c -lm) && "$out/funnel_kernel"
