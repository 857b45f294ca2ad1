#!/usr/bin/env bash
# ML-100K, a random 75/25 split of every user's events, several seeds, NDCG@10: every algorithm of the core.
# No server is needed. Published with the same protocol: BPR .4420, LightGCN .4198, BiVAE .4751.
#
#   bench/ml100k.sh [seeds]     default: 5
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
OUT=${OUT:-$ROOT/build/rec}
file=$DATA/seqrec_ml100k.inter.xz
[ -r "$file" ] || { echo "skipped: no $file"; exit 0; }

mkdir -p "$OUT"
export OPENBLAS_NUM_THREADS=1
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/ml100k_bench" \
	"$ROOT"/src/core/num/*.c "$ROOT"/src/core/rec/*.c "$ROOT/bench/ml100k_bench.c" -lm -lpthread -ldl
# user item rating time -> "user seconds item", numbered from 0, in (user, time, item) order
xz -dc "$file" | tail -n +2 | sort -k1,1n -k4,4n -k2,2n |
	awk '{ if (!($1 in u)) u[$1] = nu++; if (!($2 in i)) i[$2] = ni++; printf "%d %d %d\n", u[$1], $4, i[$2] }' >"$OUT/ml100k.events"
"$OUT/ml100k_bench" "$OUT/ml100k.events" "${1:-5}"
echo "wanted: ease .47 (push .48), tuned als .45"
