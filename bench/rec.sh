#!/usr/bin/env bash
# The count and factor models of the core on public data: quality by leave-last-out with all items ranked, seconds
# of a fit, and the ratio to fits by scipy, numpy and the Python package implicit. No server is needed.
#
#   bench/rec.sh [ml1m] [lastfm] [beauty]     default: all three
#
# PYTHON names an interpreter that has numpy and scipy already; else a virtual environment is made in
# build/rec, and the comparison is skipped where that cannot be done. BEHAVMINE_DATA is the data,
# THREADS the threads of both sides.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
OUT=${OUT:-$ROOT/build/rec}
THREADS=${THREADS:-1}
[ $# -gt 0 ] || set -- ml1m lastfm beauty
export OPENBLAS_NUM_THREADS=$THREADS OMP_NUM_THREADS=$THREADS

find_python() {
	PYTHON=${PYTHON:-$OUT/venv/bin/python}
	[ -x "$PYTHON" ] || python3 -m venv "$OUT/venv" || return 1
	"$PYTHON" -c 'import numpy, scipy' 2>/dev/null && return
	"$PYTHON" -m pip install -q numpy scipy implicit || "$PYTHON" -m pip install -q numpy scipy
}

mkdir -p "$OUT"
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/rec_bench" \
	"$ROOT"/src/core/num/*.c "$ROOT"/src/core/rec/*.c "$ROOT/bench/rec_bench.c" -lm -lpthread -ldl
compare=yes
find_python >/dev/null 2>&1 || compare=

for name in "$@"; do
	least=1
	case $name in
		ml1m) file=seqrec_ml1m_ordered.txt least=5 ;;
		lastfm | beauty) file=seqrec_s3_$name.txt ;;
		*) echo "unknown data set $name: ml1m, lastfm, beauty" >&2; exit 2 ;;
	esac
	if [ ! -r "$DATA/$file.xz" ]; then
		echo "skipped: no $DATA/$file.xz"
		continue
	fi
	echo "== $name"
	xz -dc "$DATA/$file.xz" >"$OUT/$name.txt"
	"$OUT/rec_bench" "$OUT/$name.txt" "$least" "$THREADS" | tee "$OUT/$name.core"
	if [ -z "$compare" ]; then
		echo "skipped: the comparison, no Python with numpy and scipy can be made"
		continue
	fi
	"$PYTHON" "$ROOT/bench/rec_reference.py" "$OUT/$name.txt" "$least" "$THREADS" >"$OUT/$name.python"
	awk 'NR == FNR { core[$1] = $(NF - 1); next }
		{ printf "%-10s fit: core %.3f s, %s %.3f s, ratio %.2f\n", $1, core[$1], $2, $3, $3 / core[$1] }' \
		"$OUT/$name.core" "$OUT/$name.python"
	for side in "$OUT/rec_bench" "$PYTHON $ROOT/bench/rec_reference.py"; do
		$side "$OUT/$name.txt" "$least" "$THREADS" ease | grep peak
	done | awk '{ peak[NR] = $3 } END { printf "ease       peak: core %d MB, numpy %d MB, ratio %.2f\n", peak[1], peak[2], peak[1] / peak[2] }'
done
