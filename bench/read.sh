#!/usr/bin/env bash
# Reading, cleaning and encoding against COPY of the same columns to nowhere.
#   bench/read.sh [events]      default 10,000,000 simulated events
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
events=${1:-10000000}
server_start main shared_buffers=1GB max_parallel_workers_per_gather=2 min_parallel_table_scan_size=8MB
psql -Xqc "CREATE EXTENSION behavmine"
# a user of the simulated shop has about 100 events in 60 days
# in order of time, as a shop writes it
psql -Xqc "SET work_mem = '1GB'" -c "CREATE TABLE events AS SELECT * FROM (SELECT * FROM behav_simulate(users => $((events / 90)), items => 20000, days => 60) LIMIT $events) x ORDER BY ts" \
	-c "VACUUM ANALYZE events"
psql -XqAt -o /dev/null -c "SET client_min_messages = warning" -c "SELECT * FROM behav_source('shop', 'events')"
for round in 1 2 3; do
	copy=$(psql -Xqc '\timing on' -c "COPY (SELECT user_id, item_id, event, ts FROM events) TO '/dev/null' (FORMAT binary)" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p')
	psql -XqAt -F' ' -c "SET behavmine.progress = off" -c "SELECT rows, round(1000 * seconds::numeric), round(bytes_per_event::numeric, 1) FROM behav_read('shop')" |
		awk -v copy="$copy" -v round="$round" '{ printf "round %d: %d events, COPY %.0f ms, read + clean + encode %d ms: ratio %.2f; %.1f bytes an event at the peak\n", round, $1, copy, $2, $2 / copy, $3 }'
done
echo "wanted: ratio at most 2 (then 1.2), at most 40 bytes an event"
