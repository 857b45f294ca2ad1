#!/usr/bin/env bash
# Retention of a source against the SQL that people write: each user's first day, joined to the active days.
# Then the states: parallel workers, merging stored days.
#   bench/retention.sh [events]      default 10,000,000 simulated events of about 100,000 users
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
events=${1:-10000000}
server_start main shared_buffers=1GB work_mem=512MB max_parallel_workers_per_gather=2 min_parallel_table_scan_size=8MB jit=off
psql -Xqc "CREATE EXTENSION behavmine"
# in order of time, as a shop writes it; 100 events a user
psql -Xqc "CREATE TABLE events AS SELECT user_id, item_id, event, ts FROM (SELECT * FROM behav_simulate(users => $((events / 100)), items => 20000, days => 42) LIMIT $events) x ORDER BY ts" \
	-c "VACUUM ANALYZE events"
psql -XqAt -o /dev/null -c "SET client_min_messages = warning" -c "SELECT * FROM behav_source('shop', 'events')"
zone=Europe/Berlin
# with DISTINCT days first: the better one of the two usual forms
ctes="WITH d AS (SELECT DISTINCT user_id, date_trunc('day', ts AT TIME ZONE '$zone')::date AS day FROM events),
	c AS (SELECT user_id, min(day) AS cohort FROM d GROUP BY 1)
	SELECT cohort, day - cohort AS period, count(*) AS users FROM d JOIN c USING (user_id) WHERE day - cohort < 30 GROUP BY 1, 2"
# the cohort from the events, the events joined, distinct users counted: the form of most tutorials
join="WITH c AS (SELECT user_id, min(ts AT TIME ZONE '$zone')::date AS cohort FROM events GROUP BY 1)
	SELECT cohort, (ts AT TIME ZONE '$zone')::date - cohort AS period, count(DISTINCT user_id) AS users
	FROM events JOIN c USING (user_id) WHERE (ts AT TIME ZONE '$zone')::date - cohort < 30 GROUP BY 1, 2"
ours="SELECT (cohort AT TIME ZONE '$zone')::date AS cohort, period, users FROM behav_retention('shop', 'day', 30, time_zone => '$zone', options => '{\"summary\": \"none\"}') WHERE users > 0"

ms_of() { # statement [setting ...]: milliseconds
	local s=$1
	shift
	psql -Xq -c "SET behavmine.progress = off" "${@/#/-cSET }" -c '\timing on' -c "CREATE TEMP TABLE r AS $s" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}
least() { printf '%s\n' "$@" | sort -g | head -1; }

same=$(psql -XqAt -c "SET behavmine.progress = off" -c "SELECT count(*) FROM (($ours) EXCEPT ($ctes)) x" -c "SELECT count(*) > 500 FROM ($ours) x" | paste -sd' ')
[ "$same" = "0 t" ] || { echo "the answers differ: $same" >&2; exit 1; }
echo "the answers are the same"
a='' b='' c=''
for round in 1 2 3; do
	a="$a $(ms_of "$ctes")" b="$b $(ms_of "$ours")"
done
c=$(ms_of "$join")
# shellcheck disable=SC2086
a=$(least $a) b=$(least $b)
echo "retention of $events events: behav_retention $b ms, DISTINCT days + join $a ms, join + count(DISTINCT) $c ms"
awk -v a="$a" -v b="$b" -v c="$c" 'BEGIN { printf "ratio %.1f and %.1f; wanted: at least 2 and 4\n", a / b, c / b }'

state="SELECT user_id, behav_activity_agg(ts, 'day $zone') AS s FROM events GROUP BY 1"
plain="SELECT user_id, count(*), max(ts) FROM events GROUP BY 1"
serial='' workers='' floor=''
for round in 1 2 3; do
	serial="$serial $(ms_of "$state" max_parallel_workers_per_gather=0)" workers="$workers $(ms_of "$state")"
	floor="$floor $(ms_of "$plain" max_parallel_workers_per_gather=0)"
done
# shellcheck disable=SC2086
serial=$(least $serial) workers=$(least $workers) floor=$(least $floor)
psql -Xqc "CREATE TABLE parts AS SELECT user_id, ts::date AS day, behav_activity_agg(ts, 'day $zone') AS s FROM events GROUP BY 1, 2"
merge=$(ms_of "SELECT user_id, behav_rollup(s) AS s FROM parts GROUP BY 1")
bytes=$(psql -XqAt -c "SELECT round(avg(pg_column_size(s)), 1) FROM ($state) x")
echo "states by user: one process $serial ms, 2 workers $workers ms, count and max in one process $floor ms; daily states merged $merge ms; $bytes bytes a user"
awk -v s="$serial" -v w="$workers" -v f="$floor" 'BEGIN { printf "speed-up %.2f (wanted 1.6 on two free cores), %.2f times count and max (wanted at most 1.3)\n", s / w, s / f }'
for what in "lifecycle:SELECT * FROM behav_lifecycle('shop', 'day', time_zone => '$zone')" "stickiness:SELECT * FROM behav_stickiness('shop', 'day')" \
	"survival:SELECT * FROM behav_survival('shop', '7 days')" "rhythm:SELECT * FROM behav_rhythm('shop', '$zone')" \
	"rolling retention:SELECT * FROM behav_retention('shop', 'day', 30, options => '{\"clock\": \"rolling\"}')"; do
	echo "${what%%:*} $(ms_of "${what#*:}") ms"
done
