#!/usr/bin/env bash
# Latency of behav_recommend against an index read of the same history; the first call of a fresh
# connection; memory of 50 connections that have all served.
#   bench/serve.sh [seconds a run]     needs the public data (see bench/load.sh)
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
. "$ROOT/bench/load.sh"
seconds=${1:-10}

# Percentiles of pgbench's per-transaction log, milliseconds.
percentiles() { # name script users
	(cd "$WORK" && rm -f "$1".log.* && pgbench -n -M prepared -D users="$3" -f "$2" -T "$seconds" -c 1 -l --log-prefix="$1".log >/dev/null 2>&1)
	cat "$WORK/$1".log.* | awk '{ print $3 / 1000 }' | sort -n | awk -v name="$1" '{ v[NR] = $1 }
		END { printf "%-34s p50 %.3f ms   p99 %.3f ms   %d calls\n", name, v[int(NR * .5) + 1], v[int(NR * .99) + 1], NR }'
}

measure() { # model users
	printf '\\set u random(1, :users)\nSELECT item_id, ts FROM %s WHERE user_id = :u ORDER BY ts DESC LIMIT 2000;\n' "$1" >"$WORK/$1.history.sql"
	printf "\\\\set u random(1, :users)\nSELECT * FROM behav_recommend(:u::bigint, 10, '%s', 'seen');\n" "$1" >"$WORK/$1.recommend.sql"
	percentiles "$1.history" "$WORK/$1.history.sql" "$2"
	percentiles "$1.recommend" "$WORK/$1.recommend.sql" "$2"
}

# The first call of ten fresh connections: median.
first_call() { # model
	for u in 1 2 3 4 5 6 7 8 9 10; do
		printf '\\timing on\nSELECT count(*) FROM behav_recommend(%s::bigint, 10, '"'%s'"');\n' "$u" "$1" | psql -Xq | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
	done | sort -n | awk -v m="$1" '{ v[NR] = $1 } END { printf "%-34s median %.1f ms, most %.1f ms\n", m ".first call", v[5], v[NR] }'
}

# Proportional and private memory of the cache mapping, over all backends that have it open.
mapped_memory() { # model
	local pids total=0 pss=0 n=0 p
	for i in $(seq 50); do
		printf "SELECT count(*) FROM behav_recommend(%s::bigint, 10, '%s');\nSELECT pg_sleep(6);\n" "$i" "$1" | psql -Xqo /dev/null &
	done
	sleep 4
	pids=$(sql "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6)%' AND pid <> pg_backend_pid()")
	for p in $pids; do
		set -- $(awk '/pgsql_tmp_behavmine/ { on = 1; next } on && /^Size:/ { size += $2 } on && /^Pss:/ { pss += $2; on = 0 } END { print size + 0, pss + 0 }' "/proc/$p/smaps")
		total=$((total + $1)) pss=$((pss + $2)) n=$((n + 1))
	done
	wait
	echo "$n connections map $total kB together; resident once: $pss kB in all"
}

server_start main shared_buffers=512MB
psql -Xqc "CREATE EXTENSION behavmine" -c "ALTER SYSTEM SET client_min_messages = warning" -c "SELECT pg_reload_conf()" -o /dev/null
load_ml1m && {
	psql -XqAt -o /dev/null -c "SELECT * FROM behav_train('ml1m', 'sasrec', options => '{\"epochs\": 2, \"split\": \"leave_last_out\", \"refit\": false}')"
	measure ml1m 6040
	first_call ml1m
	mapped_memory ml1m
}
load_beauty && {
	psql -XqAt -o /dev/null -c "SELECT * FROM behav_train('beauty', 'seq_rules', options => '{\"tune\": false}')"
	measure beauty 22363
	first_call beauty
	mapped_memory beauty
}
echo "wanted: p50 at most 1 ms above the index read, p99 at most 5 ms, first call at most 30 ms, weights resident once"
