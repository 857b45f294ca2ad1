#!/usr/bin/env bash
# Who leaves, on Online Retail (UCI): the model trained on customers at cuts a horizon apart and tested on the newest
# ones, beside the rule of the longest silence and the majority; then calibration and lift.
#
#   bench/churn.sh [horizon in days ...]      default 30 60 90
#
# BEHAVMINE_DATA is the folder of online_retail.csv.xz. gbdt needs libxgboost: the system's, or that of the interpreter
# PYTHON; else it is skipped.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
[ -r "$DATA/online_retail.csv.xz" ] || { echo "skipped: no online_retail.csv.xz in $DATA"; exit 0; }
[ $# -gt 0 ] || set -- 30 60 90
. "$ROOT/test/server.sh"
server_start main shared_buffers=256MB work_mem=64MB jit=off
library=
[ -z "${PYTHON:-}" ] || library=$("$PYTHON" -c 'import os, xgboost; print(os.path.join(os.path.dirname(xgboost.__file__), "lib", "libxgboost.so"))' 2>/dev/null || true)
export PGOPTIONS="-c client_min_messages=warning -c behavmine.progress=off -c TimeZone=UTC -c behavmine.xgboost_library=$library"
psql -Xqc "CREATE EXTENSION behavmine" -c "CREATE TABLE retail (invoice text, code text, description text, quantity int, at text, price float8, customer text, country text)"
xz -dc "$DATA/online_retail.csv.xz" | psql -Xqc "COPY retail FROM STDIN (FORMAT csv, HEADER, ENCODING 'latin1')"
psql -Xqc "CREATE TABLE sale AS SELECT customer, code, at::timestamp AS at, price, quantity FROM retail WHERE customer <> ''" \
	-c "SELECT FROM behav_source('retail', 'sale', 'customer', 'code', 'at', value => 'price', quantity => 'quantity')"
for days; do
	for algorithm in logistic gbdt; do
		echo "horizon $days days, $algorithm"
		psql -Xqtc "SELECT format('  %s %s customers, AUC %s, accuracy %s, log loss %s, Brier %s', rpad(answer, 28), customers, round(auc::numeric, 4), round(accuracy::numeric, 4), round(log_loss::numeric, 4), round(brier::numeric, 4))
			FROM behav_churn('${algorithm}_$days', 'retail', '$days days', '$algorithm')" || echo "  skipped: $algorithm cannot be fitted here"
	done
	psql -Xqtc "SELECT format('  predicted %s seen %s', round(predicted::numeric, 3), round(observed::numeric, 3)) FROM behav_calibration('logistic_$days') WHERE bin IN (1, 3, 5, 7, 9, 10)"
done
