#!/usr/bin/env bash
# The core's sequence networks against the same ones in PyTorch on the CPU: d = 64, batch 128, length 50, one
# layer, 256 shared negatives, the same batches, lengths, dropout and threads. Milliseconds of a training step
# of both and their ratio, on windows that are all full (made here) and on Amazon Beauty. No server is needed.
#
#   bench/sequence_nets.sh [name=value ...]     settings for both, such as dim=128
#
# PYTHON names an interpreter that has PyTorch already; else a virtual environment is made in
# build/torch with what TORCH names (default torch==2.13.0), and the benchmark is skipped where that cannot be done.
# BEHAVMINE_DATA is the data. QUALITY=1 also trains both networks on Beauty to the end of early stopping.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
OUT=$ROOT/build/sequence_nets
SETTINGS=(dim=64 blocks=1 heads=1 length=50 batch=128 negatives=256 dropout=0.2 "$@")

skip() {
	echo "skipped: $1"
	exit 0
}

find_python() {
	PYTHON=${PYTHON:-$ROOT/build/torch/bin/python}
	if [ ! -x "$PYTHON" ]; then
		python3 -m venv "$ROOT/build/torch" || skip "python3 cannot make a virtual environment"
	fi
	"$PYTHON" -c 'import torch' 2>/dev/null && return
	"$PYTHON" -m pip install -q numpy "${TORCH:-torch==2.13.0}" || skip "pip cannot install torch"
}

# The least of a figure over the runs of a log: seconds of the fastest epoch, or of processors.
least() { # log pattern
	sed -n "s/.*$2.*/\\1/p" "$1" | sort -n | head -1
}

# Epochs without validation; the machine may be shared, so the two take turns, and the processors' time, which
# other programs change little, stands beside the clock's.
compare() { # name file windows network threads
	local log=$OUT/$1.$4.$5 time='fastest \([0-9.]*\),' cpu=', \([0-9.]*\) of processors'
	rm -f "$log".*
	for _ in 1 2; do
		"$OUT/bench" "$2" "network=$4" "threads=$5" "${SETTINGS[@]}" every=0 epochs=3 >> "$log.core"
		"$PYTHON" "$ROOT/bench/pytorch_next_item.py" "$2" "network=$4" "threads=$5" "${SETTINGS[@]}" every=0 \
			epochs=2 >> "$log.torch"
	done
	awk -v c="$(least "$log.core" "$time")" -v t="$(least "$log.torch" "$time")" \
		-v cc="$(least "$log.core" "$cpu")" -v tc="$(least "$log.torch" "$cpu")" \
		-v n="$3" -v what="$1 $4, $5 thread(s)" 'BEGIN {
		ms = 1e3 / int((n + 127) / 128)
		printf "%-26s ms a step: core %6.1f  PyTorch %6.1f  ratio %5.2f    of processors: %6.1f  %6.1f  %5.2f\n",
			what, c * ms, t * ms, t / c, cc * ms, tc * ms, tc / cc }'
}

[ -r "$DATA/seqrec_s3_beauty.txt.xz" ] || skip "no $DATA/seqrec_s3_beauty.txt.xz"
mkdir -p "$OUT"
find_python
xz -dc "$DATA/seqrec_s3_beauty.txt.xz" > "$OUT/beauty.txt"
# 6,400 users of 53 events, the last two of which are not trained on: 6,400 windows of 50
awk 'BEGIN { srand(1); for (u = 1; u <= 6400; u++) { line = u; for (i = 0; i < 53; i++)
	line = line " " int(10000 * rand() * rand()); print line } }' > "$OUT/full.txt"
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/bench" \
	"$ROOT"/src/core/num/*.c "$ROOT"/src/core/nn/*.c "$ROOT/bench/next_item_bench.c" -lm -lpthread -ldl

for threads in 1 2; do
	for network in gru sasrec; do
		compare full "$OUT/full.txt" 6400 $network $threads
		compare beauty "$OUT/beauty.txt" 22363 $network $threads
	done
done
[ -z "${QUALITY:-}" ] && exit 0

for network in gru sasrec; do
	"$OUT/bench" "$OUT/beauty.txt" network=$network "${SETTINGS[@]}" every=3 > "$OUT/core.log"
	"$PYTHON" "$ROOT/bench/pytorch_next_item.py" "$OUT/beauty.txt" network=$network "${SETTINGS[@]}" every=3 \
		> "$OUT/torch.log"
	echo "$network core:    $(grep '^best epoch' "$OUT/core.log")"
	echo "$network PyTorch: $(grep '^best epoch' "$OUT/torch.log")"
done
