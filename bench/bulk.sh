#!/usr/bin/env bash
# The ten best of every user by matrix products against the bare product (sgemm) in the same run, one thread.
# No server.
#   bench/bulk.sh [users items width]     default: 100000 20000 64
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
OUT=${OUT:-$ROOT/build/bulk}
mkdir -p "$OUT"
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/bulk_bench" \
	"$ROOT"/src/core/num/*.c "$ROOT"/src/core/rec/*.c "$ROOT/bench/bulk_bench.c" -lm -lpthread -ldl
"$OUT/bulk_bench" "$@"
echo "wanted: ratio at most 3"
