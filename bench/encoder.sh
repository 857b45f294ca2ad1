#!/usr/bin/env bash
# Encoders of rows on 1,000,000 rows of 17 columns (ten numbers, four columns of texts, two booleans, a time):
# behav_fit_encoder, behav_encode and the core alone, against scikit-learn's ColumnTransformer with the same
# steps (median and flag, z-score, one-hot, target encoding) on a data frame in memory. One thread each.
#
#   bench/encoder.sh [rows]          default 1000000; RUNS (3) are interleaved, the best of each counts
#
# PYTHON names an interpreter that has numpy, pandas (or none: then arrays are used) and scikit-learn; the
# comparison is skipped without it.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
ROWS=${1:-1000000}
RUNS=${RUNS:-3}
OUT=$ROOT/build/encode
mkdir -p "$OUT"

server_work
server_start main
export PGOPTIONS="-c behavmine.progress=off -c client_min_messages=warning -c max_parallel_workers_per_gather=0"
sql "CREATE EXTENSION behavmine" >/dev/null
sql "CREATE TABLE wide AS SELECT
		random() AS n1, random() * 100 AS n2, (random() * 1000)::int AS n3, random()::real AS n4, CASE WHEN random() > 0.1 THEN random() END AS n5,
		(random() * 10)::int AS n6, random() AS n7, random() * 1e6 AS n8, random() AS n9, random() AS n10,
		'a' || (random() * 5)::int AS c1, 'b' || (random() * 20)::int AS c2, 'c' || (random() * 20000)::int AS c3, 'd' || (random() * 3)::int AS c4,
		random() < 0.3 AS b1, random() < 0.5 AS b2, timestamp '2024-01-01' + random() * interval '300 days' AS t1, random() < 0.2 AS y
	FROM generate_series(1, $ROWS)"
sql "VACUUM ANALYZE wide"
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -I"$ROOT/test/unit" -o "$OUT/encoder_bench" \
	"$ROOT/bench/encoder_bench.c" "$ROOT"/src/core/num/*.c "$ROOT"/src/core/stat/*.c -lm -lpthread -ldl

seconds() { # name statement...: the last one's seconds
	local name=$1
	shift
	psql -XqAt -v ON_ERROR_STOP=1 "$@" | awk -v name="$name" '/^Time/ { t = $2 / 1000 } END { printf "%s %.3f\n", name, t }'
}

sql "CREATE TABLE encoders AS SELECT behav_fit_encoder('wide', target => 'y') AS encoder"
: >"$OUT/times"
for ((run = 0; run < RUNS; run++)); do
	seconds scan -c '\timing on' -c "SELECT sum(n1 + n2 + n3 + n4 + n6 + n7 + n8 + n9 + n10) + sum(n5) + count(c1) + count(c2) + count(c3) + count(c4) + count(b1) + count(b2) + count(t1) FROM wide" >>"$OUT/times"
	seconds fit -c '\timing on' -c "SELECT length(behav_fit_encoder('wide', target => 'y')::text)" >>"$OUT/times"
	seconds encode -c '\timing on' -c "SELECT sum(cardinality(behav_encode((SELECT encoder FROM encoders), w))) FROM wide w" >>"$OUT/times"
	"$OUT/encoder_bench" "$ROWS" >>"$OUT/times"
	if [ -n "${PYTHON:-}" ] && "$PYTHON" -c 'import sklearn' 2>/dev/null; then
		OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$PYTHON" "$ROOT/bench/encoder_peer.py" "$ROWS" >>"$OUT/times"
	fi
done
awk -v rows="$ROWS" '
	{ if (!($1 in best) || $2 < best[$1]) best[$1] = $2 }
	END {
		printf "%d rows of 17 columns, one thread, best of the runs\n", rows
		printf "  statement: scan %.2f s, behav_fit_encoder %.2f s, behav_encode %.2f s\n", best["scan"], best["fit"], best["encode"]
		printf "  core:      fit %.2f s, encode %.2f s\n", best["core_fit"], best["core_encode"]
		if ("sklearn_fit" in best) {
			printf "  sklearn:   fit %.2f s, transform %.2f s\n", best["sklearn_fit"], best["sklearn_transform"]
			printf "  ratio:     statement fit %.1f, encode %.1f; core fit %.1f, encode %.1f times faster\n", best["sklearn_fit"] / best["fit"],
				best["sklearn_transform"] / best["encode"], best["sklearn_fit"] / best["core_fit"], best["sklearn_transform"] / best["core_encode"]
		} else
			print "  skipped: scikit-learn, PYTHON names no interpreter that has it"
	}' "$OUT/times"
