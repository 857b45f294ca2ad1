#!/usr/bin/env bash
# Sequential patterns on SIGN and Kosarak10k: mining alone against a plain PrefixSpan in C++
# (bench/prefixspan_plain.cc), in turns, the best of each; the whole process against SPMF's PrefixSpan
# (Java), when SPMF names the folder of its sources (with ca/pfv below) or its jar.
#
#   SPMF=.../src/main/java bench/patterns.sh [rounds]     default: 5
#
# BEHAVMINE_DATA is the data. UNIT_CASES=50000 build/unit/fast/patterns_test is the comparison with brute
# force, 50,000 databases in each of 30 modes.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
OUT=${OUT:-$ROOT/build/patterns}
ROUNDS=${1:-5}

mkdir -p "$OUT"
for file in spm_sign spm_kosarak10k; do
	[ -r "$DATA/$file.txt.xz" ] || { echo "skipped: no $DATA/$file.txt.xz"; exit 0; }
	xz -dc "$DATA/$file.txt.xz" >"$OUT/$file.txt"
done
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -o "$OUT/ours" \
	"$ROOT"/src/core/num/*.c "$ROOT"/src/core/mine/*.c "$ROOT/bench/patterns_bench.c" -lm -lpthread -ldl
"${CXX:-c++}" -std=c++17 -O3 -o "$OUT/plain" "$ROOT/bench/prefixspan_plain.cc"

least() { sort -n | head -1; }
seconds() { sed 's/.* \([0-9.]*\) s$/\1/'; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

echo "== mining alone, one thread (wanted: at most 1.0 of the plain one's time, better 0.5)"
mine() { # file minsup
	local i ours plain
	: >"$OUT/ours.s"
	: >"$OUT/plain.s"
	for ((i = 0; i < ROUNDS; i++)); do
		"$OUT/ours" "$OUT/$1.txt" "$2" repeats=3 | tee "$OUT/ours.out" | seconds >>"$OUT/ours.s"
		"$OUT/plain" "$OUT/$1.txt" "$2" 3 | tee "$OUT/plain.out" | seconds >>"$OUT/plain.s"
	done
	[ "$(cut -d, -f1,2 "$OUT/ours.out")" = "$(cut -d, -f1,2 "$OUT/plain.out")" ] ||
		{ echo "the answers differ: $(cat "$OUT/ours.out" "$OUT/plain.out")"; exit 1; }
	ours=$(least <"$OUT/ours.s") plain=$(least <"$OUT/plain.s")
	echo "$1 $2: $(cut -d, -f1 "$OUT/ours.out"), behavmine $ours s, plain $plain s, ratio $(ratio "$ours" "$plain")"
}
mine spm_sign 146
mine spm_sign 73
mine spm_kosarak10k 20

echo "== other kinds and limits, seconds"
for what in "spm_sign 73 kind=closed" "spm_sign 73 kind=maximal" "spm_kosarak10k 20 kind=closed" "spm_kosarak10k 20 kind=maximal" \
	"spm_sign 73 maxgap=4" "spm_sign 73 maxgap=2 maxwin=5" "spm_kosarak10k 20 maxgap=2" "spm_sign 1 top=1000" "spm_kosarak10k 1 top=1000" \
	"spm_kosarak10k 1 top=1000 kind=closed" "spm_sign 73 details=1" "spm_kosarak10k 20 details=1"; do
	# shellcheck disable=SC2086
	set -- $what
	echo "$what: $("$OUT/ours" "$OUT/$1.txt" "${@:2}" repeats=3)"
done

echo "== the whole process: read, mine, write (wanted: 10 times faster than SPMF)"
. "$ROOT/test/server.sh"
server_start
psql -Xqc "CREATE EXTENSION behavmine"
for file in spm_sign spm_kosarak10k; do
	psql -Xqc "CREATE TABLE $file (id int GENERATED ALWAYS AS IDENTITY, items int[])"
	awk '/^[0-9]/ { gsub(/ -1/, ""); sub(/ *-2.*/, ""); gsub(/ +/, ","); print "{" $0 "}" }' "$OUT/$file.txt" |
		psql -Xqc "COPY $file (items) FROM STDIN"
done
now() { date +%s.%N; }

java_ready() {
	[ -n "${SPMF:-}" ] && command -v javac >/dev/null || return 1
	cat >"$OUT/Run.java" <<-'JAVA'
		import ca.pfv.spmf.algorithms.sequentialpatterns.prefixspan.AlgoPrefixSpan;
		public class Run {
			public static void main(String[] a) throws Exception {
				new AlgoPrefixSpan().runAlgorithm(a[0], a[2], Integer.parseInt(a[1]));
			}
		}
	JAVA
	javac -nowarn -encoding UTF-8 -d "$OUT/classes" -cp "$SPMF" -sourcepath "$SPMF" "$OUT/Run.java" 2>"$OUT/javac.log"
}

whole() { # file minsup
	local i began ours theirs
	: >"$OUT/ours.s"
	: >"$OUT/spmf.s"
	for ((i = 0; i < ROUNDS; i++)); do
		began=$(now)
		psql -Xqc "\\copy (SELECT pattern, support FROM behav_patterns_arrays('$1', 'items', $2, options => '{\"details\": false}')) TO '$OUT/ours.txt'"
		awk "BEGIN { printf \"%.3f\\n\", $(now) - $began }" >>"$OUT/ours.s"
		[ -n "$JAVA" ] || continue
		began=$(now)
		java -cp "$OUT/classes:$SPMF" Run "$OUT/$1.txt" "$2" "$OUT/spmf.txt" >/dev/null
		awk "BEGIN { printf \"%.3f\\n\", $(now) - $began }" >>"$OUT/spmf.s"
	done
	ours=$(least <"$OUT/ours.s")
	[ -n "$JAVA" ] || { echo "$1 $2: psql $ours s"; return; }
	[ "$(wc -l <"$OUT/ours.txt")" = "$(wc -l <"$OUT/spmf.txt")" ] || { echo "the numbers of patterns differ"; exit 1; }
	theirs=$(least <"$OUT/spmf.s")
	echo "$1 $2: $(wc -l <"$OUT/ours.txt") patterns, psql $ours s, SPMF $theirs s, $(ratio "$theirs" "$ours") times faster"
}
JAVA=
if java_ready; then JAVA=yes; else echo "skipped: SPMF, which is not given (SPMF=folder or jar) or does not compile"; fi
whole spm_sign 146
whole spm_sign 73
whole spm_kosarak10k 20
