#!/usr/bin/env bash
# The next basket on Online Retail and The Complete Journey: TIFU-kNN beside popularity, what is trending, rules
# with repeats, and buying again by personal frequency. All items ranked, bought ones too. No server is needed.
#
#   bench/next_basket.sh [retail] [journey]     default: both
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
OUT=${OUT:-$ROOT/build/rec}
[ $# -gt 0 ] || set -- retail journey

mkdir -p "$OUT"
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/basket_bench" \
	"$ROOT"/src/core/num/*.c "$ROOT"/src/core/rec/*.c "$ROOT/bench/basket_bench.c" -lm -lpthread -ldl
for name in "$@"; do
	case $name in
		retail) file=online_retail.csv ;;
		journey) file=retail_complete_journey_sample.csv ;;
		*) echo "unknown data set $name: retail, journey" >&2; exit 2 ;;
	esac
	if [ ! -r "$DATA/$file.xz" ]; then
		echo "skipped: no $DATA/$file.xz"
		continue
	fi
	echo "== $name"
	xz -dc "$DATA/$file.xz" >"$OUT/$name.csv"
	python3 "$ROOT/bench/next_basket.py" "$name" "$OUT/$name.csv" >"$OUT/$name.events"
	for part in valid test; do
		"$OUT/basket_bench" "$OUT/$name.events" "$part"
	done
done
