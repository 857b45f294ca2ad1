#!/usr/bin/env bash
# Models of customers: fits on simulated customers with known parameters against the Python package lifetimes
# on the first 10,000 of them; then a fit from a table of purchases, reading included.
#
#   bench/value.sh [customers]      default 1,000,000
#
# PYTHON names an interpreter that has lifetimes; else a virtual environment is made in build/value, and the
# comparison is skipped where that cannot be done. THREADS is that of our side.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
OUT=${OUT:-$ROOT/build/value}
THREADS=${THREADS:-$(nproc)}
n=${1:-1000000}
mkdir -p "$OUT"

find_python() {
	PYTHON=${PYTHON:-$OUT/venv/bin/python}
	[ -x "$PYTHON" ] || python3 -m venv "$OUT/venv" || return 1
	"$PYTHON" -c 'import lifetimes' 2>/dev/null && return
	"$PYTHON" -m pip install -q lifetimes
}

"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/value_bench" \
	"$ROOT"/src/core/num/*.c "$ROOT"/src/core/stat/*.c "$ROOT/bench/value_bench.c" -lm -lpthread -ldl
"$OUT/value_bench" "$n" "$THREADS" "$OUT/peer" | tee "$OUT/ours"
if find_python >/dev/null 2>&1; then
	"$PYTHON" "$ROOT/bench/value_reference.py" "$OUT/peer" 2>/dev/null >"$OUT/peers"
	awk -v n="$n" 'NR == FNR { match($0, /[0-9.]+ s,/); ours[$1] = substr($0, RSTART, RLENGTH - 3); next }
		{ printf "%-12s %d customers here %.3f s, 10,000 in lifetimes %.3f s (%s): %.2f times its time (wanted at most 1)\n", $1, n, ours[$1], $2, $3, ours[$1] / $2 }' \
		"$OUT/ours" "$OUT/peers"
else
	echo "skipped: the comparison, no Python with lifetimes can be made"
fi

# from a table: days of purchases with amounts
. "$ROOT/test/server.sh"
server_start main shared_buffers=512MB work_mem=256MB max_parallel_workers_per_gather=2 jit=off
psql -Xq -c "CREATE EXTENSION behavmine" -c "CREATE TABLE sale AS
	SELECT u AS id, '2024-01-01'::timestamptz + (u % 84 + g * (1 + u % 29)) * interval '1 day' AS at, 5 + (u * 7 + g * 13) % 50 AS amount
	FROM generate_series(1, $n) u, generate_series(0, 5) g WHERE g <= CASE WHEN u % 10 < 6 THEN 0 ELSE (u / 10) % 7 END" -c "VACUUM ANALYZE sale"
psql -XqAt -c "SET behavmine.progress = off" -c '\timing on' \
	-c "SELECT customers, 'customers; fit and save', round(seconds::numeric, 2), 's with reading' FROM behav_fit_value('bench', data => 'sale', user_id => 'id', ts => 'at', value => 'amount')" \
	-c "SELECT count(*), 'rows of behav_rfm' FROM behav_rfm(data => 'sale', user_id => 'id', ts => 'at', value => 'amount')" \
	-c "SELECT count(*), 'rows of behav_clv_table' FROM behav_clv_table(model => 'bench')"
