#!/usr/bin/env bash
# Sequence matching: the kernels alone, adversarial patterns, then the SQL aggregates against
# array_agg(ts) on the same rows in the same run, best of three.
#   bench/sequence.sh [events]      default 2,000,000 simulated events, GROUP BY user
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
events=${1:-2000000}
mkdir -p "$ROOT/build"
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$ROOT/build/sequence_bench" \
	"$ROOT"/src/core/num/{mem,rng}.c "$ROOT"/src/core/mine/{sequence,row}_*.c "$ROOT/bench/sequence_bench.c" -lm
"$ROOT/build/sequence_bench"
. "$ROOT/test/server.sh"
server_start main shared_buffers=1GB max_parallel_workers_per_gather=0 work_mem=1GB
psql -Xqc "CREATE EXTENSION behavmine"
psql -Xqc "CREATE TABLE events AS SELECT user_id, ts, event FROM (SELECT * FROM behav_simulate(users => $((events / 90)), days => 60) LIMIT $events) x ORDER BY ts" -c "VACUUM ANALYZE events"

# Milliseconds of processor time that the backend takes: others on the machine do not count.
took() { # select-list
	psql -XqAt <<-END | awk 'NR == 1 { begin = $1 } NR == 3 { print ($1 - begin) * 1000 / HZ }' HZ="$(getconf CLK_TCK)"
		SELECT pg_backend_pid() AS pid, max(ts) FROM events \\gset
		\\setenv BACKEND :pid
		\\! awk '{ print \$14 + \$15 }' /proc/\$BACKEND/stat
		SELECT count(x) FROM (SELECT $1 AS x FROM events GROUP BY user_id) q;
		\\! awk '{ print \$14 + \$15 }' /proc/\$BACKEND/stat
	END
}
declare -A query best
query[array_agg]="array_agg(ts)"
query[match]="behav_sequence_match('(?1).*(?2).*(?3)', ts, event = 'view', event = 'cart', event = 'purchase')"
query[count]="behav_sequence_count('(?1)(?t<=3600)(?2)', ts, event = 'cart', event = 'purchase')"
query[events]="behav_sequence_events('(?1)(?t<=3600)(?2)', ts, event = 'cart', event = 'purchase')"
query[within]="behav_sequence_count('(?1).*(?2).*(?3)', '1 hour', ts, event = 'view', event = 'cart', event = 'purchase')"
query[names]="behav_sequence_match('(?1).*(?2).*(?3)', ts, event, '{view,cart,purchase}')"
query[next_node]="behav_next_node('forward', 'first_match', ts, event, true, event = 'cart')"
for round in 1 2 3; do
	for q in "${!query[@]}"; do
		ms=$(took "${query[$q]}")
		best[$q]=$(echo "$ms ${best[$q]:-1e12}" | awk '{ print $1 < $2 ? $1 : $2 }')
	done
done
echo "$(sql "SELECT count(*) || ' events, ' || count(DISTINCT user_id) || ' users' FROM events")"
for q in match names count events within next_node; do
	echo "${best[$q]} ${best[array_agg]}" | awk -v q="$q" '{ printf "%-10s %6.0f ms, array_agg(ts) %6.0f ms: ratio %.2f\n", q, $1, $2, $1 / $2 }'
done
echo "wanted of the aggregates like these: ratio at most 1.3, then 1.0"
