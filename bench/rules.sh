#!/usr/bin/env bash
# Association rules on Online Retail (25,900 invoices; a cancellation is an invoice of its own, its code
# begins with C, and stays a basket on both sides): the miner of behav_rules against mlxtend and
# efficient-apriori with the same thresholds, from baskets in memory to rules, counts side by side. Beside
# it a whole statement, which also reads 541,909 rows from the table, against their calls without any
# reading. Then the worst cases: huge baskets, and 100,000 users with 20,000 items at a low support within
# behavmine.max_memory.
#
#   bench/rules.sh [support ...]    shares of the baskets, default 0.02 0.01; RUNS (3) are interleaved
#
# PYTHON names an interpreter that has mlxtend and efficient_apriori; else a virtual environment is made
# in build/rules, and the comparison is skipped where that cannot be done. BEHAVMINE_DATA is the data.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
OUT=$ROOT/build/rules
RUNS=${RUNS:-3}
[ $# -gt 0 ] || set -- 0.02 0.01
mkdir -p "$OUT"

server_work
server_start main
export PGOPTIONS="-c behavmine.progress=off -c client_min_messages=warning"
sql "CREATE EXTENSION behavmine" >/dev/null
CORE="$ROOT/src/core/num/*.c $ROOT/src/core/mine/*.c"
# shellcheck disable=SC2086
"${CC:-cc}" -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -I"$ROOT/src" -I"$ROOT/test/unit" -o "$OUT/rules_bench" \
	"$ROOT/bench/rules_bench.c" $CORE -lm -lpthread -ldl

seconds() { # statement: its first column, and the seconds it took
	psql -XqAt -v ON_ERROR_STOP=1 -c '\timing on' -c "$1" | awk -F'[ |]' '/^Time/ { printf "%s %.3f\n", got, $2 / 1000; next } { got = $1 }'
}

find_python() {
	PYTHON=${PYTHON:-$OUT/venv/bin/python}
	[ -x "$PYTHON" ] || python3 -m venv "$OUT/venv" || return 1
	"$PYTHON" -c 'import mlxtend, efficient_apriori' 2>/dev/null || "$PYTHON" -m pip install -q mlxtend efficient-apriori
}

retail() { # supports...
	local share support compare=yes run peer
	if [ ! -r "$DATA/online_retail.csv.xz" ]; then
		echo "skipped: Online Retail, no $DATA/online_retail.csv.xz"
		return
	fi
	find_python >/dev/null 2>&1 || compare=
	sql "CREATE TABLE retail (invoice text, code text, description text, quantity int, ts timestamp, price numeric, customer text, country text)"
	xz -dc "$DATA/online_retail.csv.xz" | psql -Xq -c "COPY retail FROM STDIN (FORMAT csv, HEADER)"
	sql "ANALYZE retail"
	psql -XqAt -c "SELECT string_agg(DISTINCT code, ',') FROM retail GROUP BY invoice" >"$OUT/retail.txt"
	for share in "$@"; do
		support=$(awk -v s="$share" 'BEGIN { n = s * 25900; c = int(n); print c < n - 1e-9 ? c + 1 : c }')
		echo "== Online Retail, support $share ($support invoices), confidence 0.5, one item on the right"
		: >"$OUT/times"
		for ((run = 0; run < RUNS; run++)); do
			seconds "SELECT count(*) FROM behav_rules_rows('retail', 'invoice', 'code', $support, 0.5)" | sed 's/^/statement /' >>"$OUT/times"
			"$OUT/rules_bench" "$OUT/retail.txt" "$support" 0.5 | awk '{ print "mining", $2, $4 }' >>"$OUT/times"
			for peer in ${compare:+efficient_apriori mlxtend_fpgrowth mlxtend_apriori}; do
				[ "$peer" = mlxtend_apriori ] && [ $run -gt 0 ] && continue # minutes
				"$PYTHON" "$ROOT/bench/rules_peers.py" $peer "$OUT/retail.txt" "$support" 0.5 >>"$OUT/times"
			done
		done
		[ -n "$compare" ] || echo "skipped: the comparison, no Python with mlxtend and efficient-apriori can be made"
		awk '{ rules[$1] = $2; if (!($1 in best) || $3 < best[$1]) best[$1] = $3; if (!n[$1]++) name[++names] = $1 }
			END {
				wanted["efficient_apriori"] = 3; wanted["mlxtend_fpgrowth"] = wanted["mlxtend_apriori"] = 10
				for (i = 1; i <= names; i++) {
					p = name[i]
					printf "%-18s %6d rules %9.3f s", p, rules[p], best[p]
					if (p in wanted) printf "  mining %.1f times faster (wanted: %d), the statement %.1f times%s", best[p] / best["mining"],
						wanted[p], best[p] / best["statement"], rules[p] == rules["statement"] ? "" : "  OTHER COUNT"
					print ""
				}
			}' "$OUT/times"
	done
}

worst() {
	echo "== 40 baskets of 60 of 70 items, support 2: as good as 2^50 itemsets"
	sql "CREATE TABLE worst AS SELECT b, i FROM generate_series(1, 40) b, generate_series(1, 70) i WHERE (b * 31 + i * 17) % 7 <> 0"
	seconds "SELECT count(*) FROM behav_itemsets_rows('worst', 'b', 'i', 2, 'closed')" | awk '{ print "closed:", $1, "itemsets,", $2, "s" }'
	seconds "SELECT count(*) FROM behav_itemsets_rows('worst', 'b', 'i', 2, k => 10000)" | awk '{ print "the 10,000 best:", $1, "itemsets,", $2, "s" }'
	seconds "SELECT count(*) FROM behav_itemsets_rows('worst', 'b', 'i', 2)" | awk '{ print "all, to the cap:", $1, "itemsets,", $2, "s" }'
	echo "== 100,000 users, 20,000 items, 3 million rows, behavmine.max_memory = 1 GB"
	sql "CREATE TABLE wide AS SELECT u, (20000 * power((hashint8(u * 1000 + n)::bigint + 2147483648) / 4294967296.0, 3))::int AS i
		FROM generate_series(1, 100000) u, generate_series(1, 30) n"
	PGOPTIONS="$PGOPTIONS -c behavmine.max_memory=1GB"
	for support in 1000 200 50; do
		seconds "SELECT count(*) FROM behav_itemsets_rows('wide', 'u', 'i', $support)" | awk -v s=$support '{ print "support", s ":", $1, "itemsets,", $2, "s" }'
	done
	seconds "SELECT count(*) FROM behav_rules_rows('wide', 'u', 'i', 50, 0.05)" | awk '{ print "support 50:", $1, "rules,", $2, "s" }'
}

retail "$@"
worst
