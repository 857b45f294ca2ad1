#!/usr/bin/env bash
# Next click in sessions of visitors without an account: YooChoose, split by time, every next click of the
# test sessions, all items ranked, repeats allowed.
#
#   bench/sessions.sh     needs the public data (see bench/load.sh)
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
. "$ROOT/bench/load.sh"
have sess_yoochoose_100k_train_full.tsv.xz && have sess_yoochoose_100k_test.tsv.xz || exit 0

server_start
psql -Xqc "CREATE EXTENSION behavmine" -c "CREATE TABLE clicks (session bigint, item bigint, ts float8)"
for part in train_full test; do
	xz -dc "$DATA/sess_yoochoose_100k_$part.tsv.xz" | psql -Xqc "COPY clicks FROM STDIN (FORMAT csv, HEADER, DELIMITER E'\t')"
done
psql -XqAt -o /dev/null -c "CREATE INDEX ON clicks (session, ts)" -c "ANALYZE clicks" -c "SET client_min_messages = warning" \
	-c "SELECT * FROM behav_source('clicks', 'clicks', user_id => 'session', item_id => 'item', ts => 'ts')"
# the test file is the newest 16.2 % of the clicks
psql -Xq -P footer=off -c "SET client_min_messages = warning" -c "SELECT algorithm, CASE WHEN chosen THEN '*' END AS chosen, cases,
	round(recall::numeric, 4) AS hr_at_20, round(mrr::numeric, 4) AS mrr_at_20, round(coverage::numeric, 3) AS coverage,
	cold_items, round(seconds::numeric, 1) AS seconds, options
	FROM behav_compare('clicks', options => '{\"k\": 20, \"exclude\": \"nothing\", \"test_share\": 0.1618, \"valid_share\": 0.1,
		\"targets_per_user\": 1000, \"max_cases\": 100000}') ORDER BY mrr"
echo "wanted: session_knn above markov and item_knn; the choice within 2 % of the best single algorithm"
