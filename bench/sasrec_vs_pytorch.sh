#!/usr/bin/env bash
# SASRec of the core against the same network in PyTorch on the CPU: Amazon Beauty, d = 64, 1 block,
# 256 shared negatives, the same batches, lengths, dropout and threads. Prints seconds an epoch of
# both, their ratio, and the quality both reach with early stopping. No server is needed.
#
#   bench/sasrec_vs_pytorch.sh [name=value ...]     settings for both, such as threads=2 epochs=10
#
# PYTHON names an interpreter that has PyTorch already; else a virtual environment is made in
# build/torch with what TORCH names (default torch==2.13.0), and the benchmark is skipped where that cannot be done.
# BEHAVMINE_DATA is the data. QUICK=1 leaves the quality out.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
OUT=$ROOT/build/sasrec
SETTINGS=(dim=64 blocks=1 heads=1 length=50 batch=128 negatives=256 dropout=0.2 threads=1 "$@")

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

# Without validation: seconds of the fastest epoch out of five. The machine may be shared, so the two
# take turns.
fastest() {
	sed -n 's/.*(fastest \([0-9.]*\)).*/\1/p' "$1" | sort -n | head -1
}

[ -r "$DATA/seqrec_s3_beauty.txt.xz" ] || skip "no $DATA/seqrec_s3_beauty.txt.xz"
mkdir -p "$OUT"
find_python
xz -dc "$DATA/seqrec_s3_beauty.txt.xz" > "$OUT/beauty.txt"
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/bench" \
	"$ROOT"/src/core/num/*.c "$ROOT"/src/core/nn/*.c "$ROOT/bench/next_item_bench.c" -lm -lpthread -ldl

: > "$OUT/core.time"
: > "$OUT/torch.time"
for _ in 1 2 3; do
	"$OUT/bench" "$OUT/beauty.txt" "${SETTINGS[@]}" every=0 epochs=5 >> "$OUT/core.time"
	"$PYTHON" "$ROOT/bench/pytorch_sasrec.py" "$OUT/beauty.txt" "${SETTINGS[@]}" every=0 epochs=5 \
		>> "$OUT/torch.time"
done
core=$(fastest "$OUT/core.time")
torch=$(fastest "$OUT/torch.time")
echo "seconds an epoch: core $core, PyTorch $torch, ratio $(awk "BEGIN {printf \"%.2f\", $torch / $core}")"
[ -n "${QUICK:-}" ] && exit 0

"$OUT/bench" "$OUT/beauty.txt" "${SETTINGS[@]}" every=3 > "$OUT/core.log"
"$PYTHON" "$ROOT/bench/pytorch_sasrec.py" "$OUT/beauty.txt" "${SETTINGS[@]}" every=3 > "$OUT/torch.log"
echo "core:    $(grep '^best epoch' "$OUT/core.log")"
echo "PyTorch: $(grep '^best epoch' "$OUT/torch.log")"
