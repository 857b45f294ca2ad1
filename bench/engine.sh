#!/usr/bin/env bash
# Training speed of the engine beside PyTorch on the CPU, in one run, each at 1 and 2 threads: samples a second
# and the ratio of the best; and the sgemm ceiling. PYTHON with torch; SECONDS_EACH (3) for each measurement.
cd "$(dirname "$0")/.." || exit 1
[ -n "${PYTHON:-}" ] || { echo "set PYTHON to a python with torch"; exit 0; }
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
${CC:-gcc} -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -Isrc -Itest/unit -w -o "$tmp/bench" bench/engine_bench.c src/core/num/*.c src/core/nn/*.c -lm -lpthread -ldl || exit 1
for threads in 1 2; do
	"$tmp/bench" $threads >>"$tmp/core"
	"$PYTHON" bench/engine_torch.py $threads >>"$tmp/torch"
done
grep '^#' "$tmp/core"
awk '/^#/ { next } FNR == NR { if ($2 > core[$1]) core[$1] = $2; next } $2 > torch[$1] { torch[$1] = $2 }
END { for (n in core) printf "%-24s core %8d  PyTorch %8d samples/s  ratio %.2f\n", n, core[n], torch[n], core[n] / torch[n] }' "$tmp/core" "$tmp/torch" | sort
