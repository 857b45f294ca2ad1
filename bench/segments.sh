#!/usr/bin/env bash
# Are segments the same from data to data, and are they those that are there? Adjusted Rand index between the segments
# of all customers of Online Retail by two models, each fitted on another half of the customers; and between segments
# of users of the simulated shop and the segments that it planted.
#
#   bench/segments.sh          BEHAVMINE_DATA names the folder of online_retail.csv.xz (default ../shared/data)
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
. "$ROOT/test/server.sh"
server_start main shared_buffers=512MB work_mem=256MB max_wal_size=4GB jit=off
export PGOPTIONS="-c behavmine.progress=off -c TimeZone=UTC -c client_min_messages=warning"
q() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
q <<'SQL'
CREATE EXTENSION behavmine;
-- Hubert and Arabie 1985, of a table pair (a, b)
CREATE TABLE pair (a int, b int);
CREATE FUNCTION adjusted_rand() RETURNS numeric LANGUAGE sql AS $$
	WITH c AS (SELECT sum(n * (n - 1) / 2) AS c FROM (SELECT count(*) AS n FROM pair GROUP BY a, b) x),
	a AS (SELECT sum(n * (n - 1) / 2) AS a FROM (SELECT count(*) AS n FROM pair GROUP BY a) x),
	b AS (SELECT sum(n * (n - 1) / 2) AS b FROM (SELECT count(*) AS n FROM pair GROUP BY b) x),
	n AS (SELECT count(*) * (count(*) - 1) / 2.0 AS n FROM pair)
	SELECT round((c - a * b / n) / ((a + b) / 2 - a * b / n), 3) FROM c, a, b, n $$;
SQL
if [ -f "$DATA/online_retail.csv.xz" ]; then
	q -c "CREATE TABLE raw (invoice text, code text, description text, quantity int, at timestamp, price numeric, customer int, country text)"
	xzcat "$DATA/online_retail.csv.xz" | q -c "SET client_encoding = 'UTF8'; SET DateStyle = 'ISO, MDY'" -c "COPY raw FROM STDIN (FORMAT csv, HEADER)"
	q -c "CREATE TABLE retail AS SELECT *, hashint4(customer) % 2 = 0 AS half FROM raw WHERE customer IS NOT NULL"
	for k in 3 4 5 6; do
		q <<SQL
CREATE OR REPLACE VIEW retail_a AS SELECT * FROM retail WHERE half;
CREATE OR REPLACE VIEW retail_b AS SELECT * FROM retail WHERE NOT half;
SELECT FROM behav_source('a', 'retail_a', user_id => 'customer', item_id => 'code', ts => 'at', value => 'price', quantity => 'quantity');
SELECT FROM behav_source('b', 'retail_b', user_id => 'customer', item_id => 'code', ts => 'at', value => 'price', quantity => 'quantity');
SELECT FROM behav_segments('half_a', source => 'a', k => $k);
SELECT FROM behav_segments('half_b', source => 'b', k => $k);
-- both models now look at everybody
CREATE OR REPLACE VIEW retail_a AS SELECT * FROM retail;
CREATE OR REPLACE VIEW retail_b AS SELECT * FROM retail;
TRUNCATE pair;
INSERT INTO pair SELECT x.segment, y.segment FROM behav_segment_table('half_a') x JOIN behav_segment_table('half_b') y USING (user_id);
SELECT 'Online Retail, k = $k:', count(*), 'customers, adjusted Rand between two halves', adjusted_rand(), '(wanted .8)' FROM pair;
SQL
	done
	q -c "SELECT segment, name, users, description FROM behav_segments('half_a', source => 'a', k => 4) ORDER BY 1"
else
	echo "skipped: Online Retail, $DATA/online_retail.csv.xz is not there"
fi
shop="3000, 500, 730, 1"
q <<SQL
CREATE TABLE shop AS SELECT * FROM behav_simulate($shop);
SELECT FROM behav_source('shop', 'shop');
SELECT FROM behav_segments('planted', source => 'shop', features => 'rates', k => 4, options => '{"min_events": 1000}');
TRUNCATE pair;
INSERT INTO pair SELECT s.segment, t.other FROM behav_segment_table('planted') s JOIN behav_simulate_truth($shop) t ON t.kind = 'user_segment' AND t.key = s.user_id::bigint;
SELECT 'simulated shop:', count(*), 'users of at least 1000 events, adjusted Rand with the planted segments', adjusted_rand(), '(wanted .9)' FROM pair;
SQL
