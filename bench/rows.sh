#!/usr/bin/env bash
# Models of rows on public data: AUC and average precision by stratified 10-fold cross-validation in the
# server, beside scikit-learn and XGBoost on the same rows, and the seconds of a fit on 200,000 rows.
#
#   bench/rows.sh [shoppers] [telco] [speed]       default: all three
#
# PYTHON names an interpreter that has numpy, scikit-learn and xgboost; without it there is no comparison,
# and "gbdt" takes the library that the system has. BEHAVMINE_DATA is the data.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
[ $# -gt 0 ] || set -- shoppers telco speed
. "$ROOT/test/server.sh"
server_start main

library=
if [ -n "${PYTHON:-}" ]; then
	library=$("$PYTHON" -c 'import os, xgboost; print(os.path.join(os.path.dirname(xgboost.__file__), "lib", "libxgboost.so"))' 2>/dev/null || true)
fi
q() {
	psql -XAtq -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" -c "SET behavmine.progress = off" \
		-c "SET behavmine.xgboost_library = '$library'" "$@"
}
psql -Xq -c "CREATE EXTENSION behavmine"

load_shoppers() {
	psql -Xq -c "CREATE TABLE shoppers (administrative int, administrative_duration float8, informational int,
		informational_duration float8, product_related int, product_related_duration float8, bounce_rates float8,
		exit_rates float8, page_values float8, special_day float8, month text, operating_systems text, browser text,
		region text, traffic_type text, visitor_type text, weekend boolean, y boolean)"
	xz -dc "$DATA/online_shoppers_intention.csv.xz" | psql -Xq -c "\\copy shoppers FROM STDIN csv header"
}
load_telco() {
	psql -Xq -c "CREATE TABLE raw (id text, gender text, senior int, partner text, dependents text, tenure int, phone text,
		lines text, internet text, security text, backup text, protection text, support text, tv text, movies text,
		contract text, paperless text, payment text, monthly float8, total text, y text)"
	xz -dc "$DATA/churn_telco.csv.xz" | psql -Xq -c "\\copy raw FROM STDIN csv header"
	psql -Xq -c "CREATE TABLE telco AS SELECT gender, senior, partner, dependents, tenure, phone, lines, internet,
		security, backup, protection, support, tv, movies, contract, paperless, payment, monthly,
		nullif(trim(total), '')::float8 AS total, y FROM raw" -c "DROP TABLE raw"
}
load_speed() {
	psql -Xq -c "CREATE TABLE speed AS SELECT r.*, x0 - x1 * x2 + random() > 0.6 AS y FROM
		(SELECT random() x0, random() x1, random() x2, random() x3, random() x4, random() x5, random() x6, random() x7,
		random() x8, random() x9, (random() * 20)::int::text c0, (random() * 5)::int::text c1
		FROM generate_series(1, 200000)) r"
}

# 10 folds of each algorithm that there is in this build
folds() {
	local a more
	for a in $(q -c "SELECT name FROM behav_algorithms() WHERE name IN ('logistic', 'gbdt', 'mlp', 'cnn')"); do
		more=
		[ "$a" != mlp ] || more=', "dropout": 0.3, "learning_rate": 0.0005, "numbers": {"clip": "quantile"}'
		q -c "SELECT FROM behav_train('$1_$a', '$a', data => '$1', target => 'y',
			options => '{\"folds\": 10, \"repeats\": 0$more}')" >/dev/null || continue
		q -F ' ' -c "SELECT '$1', '$a', 'behavmine', round((metrics #>> '{cross_validation,auc,mean}')::numeric, 4),
			round((metrics #>> '{cross_validation,pr_auc,mean}')::numeric, 4), round(seconds::numeric, 1)
			FROM behav_versions WHERE model = '$1_$a'"
	done
}

# one fit at one setting, no grid, no refit: what the peer does, too
one_fit() { # algorithm options
	q -c "SELECT FROM behav_train('speed_$1', '$1', data => 'speed', target => 'y',
		options => '{\"refit\": false, \"repeats\": 0, \"valid_share\": 0.01, \"test_share\": 0.01, $2}')" >/dev/null
	q -c "SELECT round((metrics #>> '{candidates,0,seconds}')::numeric, 2) FROM behav_versions WHERE model = 'speed_$1'"
}

echo "data algorithm by AUC average_precision seconds"
for name in "$@"; do
	case $name in
		shoppers) file=online_shoppers_intention.csv.xz ;;
		telco) file=churn_telco.csv.xz ;;
		speed) file= ;;
		*) echo "unknown: $name; there are shoppers, telco and speed" >&2; exit 2 ;;
	esac
	if [ -n "$file" ] && [ ! -r "$DATA/$file" ]; then
		echo "skipped: no $DATA/$file"
		continue
	fi
	load_$name
	if [ "$name" != speed ]; then
		folds "$name"
	else
		echo "speed logistic behavmine fit $(one_fit logistic '"l2": 1') s"
		gbdt=$(one_fit gbdt '"rounds": 100, "depth": 6, "eta": 0.1' 2>/dev/null) && echo "speed gbdt behavmine fit $gbdt s"
	fi
	if [ -z "${PYTHON:-}" ]; then
		echo "skipped: the comparison of $name, PYTHON is not given"
		continue
	fi
	psql -Xq -c "\\copy $name TO '$WORK/$name.csv' csv header"
	"$PYTHON" "$ROOT/bench/rows_reference.py" "$name" "$WORK/$name.csv"
done
