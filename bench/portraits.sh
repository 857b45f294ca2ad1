#!/usr/bin/env bash
# Portraits of a whole shop against reading its events, a refresh after one event in a hundred is new, and one
# portrait on demand.
#
#   bench/portraits.sh [users] [days]     default 100,000 users, 36 days: 10 million events
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
users=${1:-100000} days=${2:-36}
shop="$users, 2000, $days, 1"
server_start main shared_buffers=1GB work_mem=256MB maintenance_work_mem=512MB max_wal_size=8GB jit=off
export PGOPTIONS="-c behavmine.progress=off -c TimeZone=UTC"
q() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
q <<SQL
CREATE EXTENSION behavmine;
CREATE TABLE shop_all AS SELECT * FROM behav_simulate($shop);
CREATE TABLE item AS SELECT key AS item_id, 'category ' || other AS category FROM behav_simulate_truth($shop) WHERE kind = 'item_category';
ALTER TABLE item ADD PRIMARY KEY (item_id);
CREATE TABLE cut AS SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY ts) AS at FROM shop_all;
CREATE TABLE events AS SELECT e.* FROM shop_all e, cut WHERE e.ts < cut.at;
CREATE INDEX ON events (user_id, ts);
CREATE INDEX ON events (ts);
VACUUM (ANALYZE) events;
SELECT FROM behav_source('shop', 'events', items => 'item');
SELECT count(*), 'events of', count(DISTINCT user_id), 'users' FROM events;
SQL
# reading alone: what every training reads, and the profile of the source
now() { date +%s.%N; }
timed() { local t0; t0=$(now); q -c "$1" >/dev/null; awk -v a="$t0" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'; }
for i in 1 2 3; do
	read=$(timed "SELECT FROM behav_profile('shop')")
	scan=$(timed "SELECT count(user_id), count(item_id), count(ts), count(event), count(price), count(quantity) FROM events")
	full=$(q -c "SELECT seconds FROM behav_portraits('shop', rebuild => true)")
	echo "$read $scan $full"
done | awk '{ print "# read and clean", $1, "s; count in SQL", $2, "s; portraits", $3, "s"; r += $1; s += $2; f += $3 }
	END { printf "portraits of all users: %.2f times the time of reading and cleaning the events (wanted at most 2)\n", f / r; printf "full %.3f\n", f / NR }' | tee /tmp/portraits.$$
full=$(awk '$1 == "full" { print $2 }' /tmp/portraits.$$)
rm -f /tmp/portraits.$$
q -c "INSERT INTO events SELECT e.* FROM shop_all e, cut WHERE e.ts >= cut.at" -c "ANALYZE events"
q -c "SELECT users, events, new_users, seconds, $full FROM behav_portraits('shop')" |
	awk -F'|' '{ printf "refresh: %d events of %d users (%d new) in %.3f s: %.1f %% of the full run (wanted at most 5 %%)\n", $2, $1, $3, $4, 100 * $4 / $5 }'
q -c "SELECT pg_size_pretty(pg_total_relation_size('behavmine.portrait')), 'on disk,', round(avg(length(state))), 'bytes a portrait' FROM behavmine.portrait"
q <<'SQL'
CREATE TABLE took (ms float8);
CREATE FUNCTION ask(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE t0 timestamptz; u bigint;
BEGIN
	FOR i IN 1..n LOOP
		u := 1 + (i * 7919) % (SELECT max(user_id::bigint) FROM behavmine.portrait);
		t0 := clock_timestamp();
		PERFORM behav_portrait(u);
		INSERT INTO took VALUES (1000 * extract(epoch FROM clock_timestamp() - t0));
	END LOOP;
END $$;
SELECT ask(500);
SELECT 'one portrait on demand: p50', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 2), 'ms, p99',
	round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)::numeric, 2), 'ms (wanted p50 at most 5)' FROM took;
SELECT 'with segments and P(alive):' FROM behav_segments('seg', source => 'shop', k => 4) LIMIT 1;
SELECT FROM behav_fit_value('val', source => 'shop');
TRUNCATE took;
SELECT ask(500);
SELECT 'p50', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 2), 'ms, p99',
	round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)::numeric, 2), 'ms' FROM took;
\timing on
SELECT count(*), 'tags' FROM behav_user_tags;
SELECT count(*), 'users alike' FROM behav_lookalikes('{1,2,3}', 100);
SQL
