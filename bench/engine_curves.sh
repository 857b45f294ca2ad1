#!/usr/bin/env bash
# Are the losses of 100 steps those of PyTorch, for every layer type and optimiser? PYTHON with torch.
cd "$(dirname "$0")/.." || exit 1
[ -n "${PYTHON:-}" ] || { echo "set PYTHON to a python with torch"; exit 0; }
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
${CC:-gcc} -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -Isrc -Itest/unit -o "$tmp/curves" bench/engine_curves.c src/core/num/*.c src/core/nn/*.c -lm -lpthread -ldl || exit 1
"$tmp/curves" >"$tmp/curves.txt" && "$PYTHON" bench/engine_curves.py <"$tmp/curves.txt"
