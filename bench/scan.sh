#!/usr/bin/env bash
# The ten best of products: exact, under a filter, through the 8-bit panel, against one pass over the matrix
# in the same run. One core, no server.
#   bench/scan.sh [items ...]     default: 100000 1000000, 64 wide
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
OUT=${OUT:-$ROOT/build/scan}
[ $# -gt 0 ] || set -- 100000 1000000
mkdir -p "$OUT"
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/scan_bench" \
	"$ROOT"/src/core/num/*.c "$ROOT/bench/scan_bench.c" -lm -lpthread -ldl
for items in "$@"; do "$OUT/scan_bench" "$items" 64; done
echo "wanted: with the filter at most 2 of one pass; 1000000 items: exact 15 ms, int8 6 ms, all lists the same"
