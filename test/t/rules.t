#!/usr/bin/env bash
# Itemsets and rules on public data: the counts and measures that two independent miners agree on, in
# every form of the data; a cancel in the worst case; memory. Skips where the data are missing.
. "$(dirname "$0")/lib.sh"

DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
server_start main
sql "CREATE EXTENSION behavmine" >/dev/null

count() { sql "SELECT count(*) FROM $1"; }

# a file of baskets, one a line, comma separated; labels keep their spaces ("cream cheese " ends with one)
load() { # table file
	sql "CREATE TABLE $1_lines (id bigint GENERATED ALWAYS AS IDENTITY, line text)" >/dev/null
	xz -dc "$DATA/$2.xz" | psql -Xq -c "COPY $1_lines (line) FROM STDIN WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02', ESCAPE E'\\x02')"
	sql "CREATE TABLE $1 AS SELECT id, string_to_array(line, ',') AS items FROM $1_lines" >/dev/null
	sql "CREATE VIEW $1_rows AS SELECT id, unnest(items) AS item FROM $1" >/dev/null
}

groceries() {
	local row
	load groc basket_groceries.txt
	is "$(count groc) $(sql "SELECT count(DISTINCT item) FROM groc_rows")" "9835 169" "Groceries: 9,835 baskets, 169 items"
	is "$(sql "SELECT length(itemset[1]) FROM behav_itemsets_arrays('groc', 'items', 10) WHERE itemset[1] LIKE 'cream cheese%' AND cardinality(itemset) = 1")" 13 \
		"Groceries: the label with a space at its end is one item"
	while read -r support all closed maximal; do
		is "$(count "behav_itemsets_arrays('groc', 'items', $support)")" "$all" "Groceries $support: $all itemsets"
		[ "$closed" = - ] || is "$(count "behav_itemsets_arrays('groc', 'items', $support, 'closed')")" "$closed" "Groceries $support: $closed closed"
		[ "$maximal" = - ] || is "$(count "behav_itemsets_rows('groc_rows', 'id', 'item', $support, 'maximal')")" "$maximal" "Groceries $support: $maximal maximal"
	done <<-END
		99 333 333 243
		60 747 - -
		50 1001 - -
		10 13492 13464 7794
		0.01 333 333 243
		0.001 13492 13464 7794
	END
	while read -r support confidence one any; do
		row="'groc_rows', 'id', 'item', $support, $confidence"
		is "$(count "behav_rules_rows($row)")" "$one" "Groceries $support, $confidence: $one rules"
		is "$(count "behav_rules_rows($row, max_rhs => NULL)")" "$any" "Groceries $support, $confidence: $any rules with any right side"
	done <<-END
		0.001 0.5 5668 5829
		10 0.8 410 413
		0.005 0.5 120 120
		0.006 0.25 463 467
		0.01 0.2 231 234
		99 0.5 15 15
	END
	like "$(PGOPTIONS= psql -Xq -c "SELECT count(*) FROM behav_rules_arrays('groc', 'items', 60, 0.25)" 2>&1)" \
		"not returned: 1 rule with an empty left side" "Groceries 60, .25: one more rule has an empty left side"
	while IFS=: read -r lhs rhs wanted; do
		is "$(sql "SELECT n, round(support::numeric, 6), round(confidence::numeric, 6), round(lift::numeric, 6), round(leverage::numeric, 6),
			CASE WHEN conviction = 'Infinity' THEN 'Infinity' ELSE round(conviction::numeric, 4)::text END, round(zhang::numeric, 4)
			FROM behav_rules_arrays('groc', 'items', 10, 0.3) WHERE lhs = '$lhs' AND rhs = '$rhs'")" "$wanted" "Groceries: $lhs => $rhs"
	done <<-END
		{Instant food products,soda}:{hamburger meat}:12|0.001220|0.631579|18.995654|0.001156|2.6240|0.9492
		{other vegetables}:{whole milk}:736|0.074835|0.386758|1.513634|0.025394|1.2140|0.4208
		{rice,sugar}:{whole milk}:12|0.001220|1.000000|3.913649|0.000908|Infinity|0.7454
	END
	is "$(sql "SELECT bool_and(s.n = (SELECT count(*) FROM groc WHERE items @> s.itemset)) FROM (SELECT * FROM behav_itemsets_arrays('groc', 'items', 10) ORDER BY n, itemset LIMIT 200) s")" t \
		"Groceries: the rarest 200 itemsets as counted with @>"
}

epub() {
	load epub basket_epub.txt
	is "$(count "behav_itemsets_arrays('epub', 'items', 16)")" 561 "Epub: 561 itemsets"
	is "$(count "behav_rules_arrays('epub', 'items', 16, 0.5)")" 13 "Epub: 13 rules"
}

# Online Retail as a source of orders: the session column is the basket, rows without a customer count
retail() {
	sql "CREATE TABLE retail (invoice text, code text, description text, quantity int, ts timestamp, price numeric, customer text, country text)" >/dev/null
	xz -dc "$DATA/online_retail.csv.xz" | psql -Xq -c "COPY retail FROM STDIN (FORMAT csv, HEADER)" || return
	sql "SELECT FROM behav_source('retail', 'retail', 'customer', 'code', 'ts', session_id => 'invoice',
		options => '{\"robot_events_per_day\": 0, \"robot_events_per_minute\": 0}')" >/dev/null
	is "$(sql "SELECT round(max(n / support)) FROM behav_itemsets('retail')")" 25900 "Online Retail: 25,900 baskets"
	is "$(count "behav_itemsets('retail', 259)")" 1087 "Online Retail 259: 1,087 itemsets, as a source"
	is "$(count "behav_rules('retail', 0.01, 0.5)")" "$(count "behav_rules_rows('retail', 'invoice', 'code', 0.01, 0.5)")" "Online Retail: the same rules of rows"
	is "$(sql "SELECT n = (SELECT count(*) FROM (SELECT invoice FROM retail WHERE code = ANY (itemset) GROUP BY 1 HAVING count(DISTINCT code) = 2) s)
		FROM behav_itemsets_rows('retail', 'invoice', 'code', k => 1, options => '{\"min_length\": 2}')")" t "Online Retail: the best pair as SQL counts it"
}

if [ -r "$DATA/basket_groceries.txt.xz" ]; then groceries; else echo "ok $((tap_count += 1)) - Groceries # SKIP no $DATA/basket_groceries.txt.xz"; fi
if [ -r "$DATA/basket_epub.txt.xz" ]; then epub; else echo "ok $((tap_count += 1)) - Epub # SKIP no $DATA/basket_epub.txt.xz"; fi
if [ -r "$DATA/online_retail.csv.xz" ]; then retail; else echo "ok $((tap_count += 1)) - Online Retail # SKIP no $DATA/online_retail.csv.xz"; fi

# the worst case: 40 baskets of 60 of 70 items, as good as 2^50 itemsets
sql "CREATE TABLE worst AS SELECT b, i FROM generate_series(1, 40) b, generate_series(1, 70) i WHERE (b * 31 + i * 17) % 7 <> 0" >/dev/null
stops() { # what statement
	local started took
	background canceled "$2"
	sleep 0.4
	started=$(ms)
	sql "SELECT pg_cancel_backend($pid)" >/dev/null
	wait "$client"
	took=$(($(ms) - started))
	note "$1: stopped after $took ms"
	like "$(cat "$WORK/canceled.out")" "57014" "$1: is cancelled"
	[ "$took" -lt 2000 ]
	ok $? "$1: in time"
}
UNBOUND="SET behavmine.max_memory = '64GB'"
stops "itemsets of huge baskets" "$UNBOUND; SELECT count(*) FROM behav_itemsets_rows('worst', 'b', 'i', 2, options => '{\"max_rows\": 100000000}')"
stops "rules of huge baskets" "$UNBOUND; SELECT count(*) FROM behav_rules_rows('worst', 'b', 'i', 2, options => '{\"max_itemsets\": 1000000000}')"
like "$(sql_error "SELECT count(*) FROM behav_rules_rows('worst', 'b', 'i', 2)" | head -1)" "^54000: .*more than 10000000 itemsets" "rules of huge baskets: give up at the cap"
like "$(sql_error "SET behavmine.max_memory = '64MB'; SELECT count(*) FROM behav_rules_rows('worst', 'b', 'i', 2)")" "^53400(.|\n)*behavmine.max_memory" "or at behavmine.max_memory"
like "$(PGOPTIONS= psql -XqAt -c "SELECT count(*) FROM behav_itemsets_rows('worst', 'b', 'i', 2, options => '{\"max_rows\": 10000}')" 2>&1 | tr '\n' ' ')" \
	"ERROR:  .* has more than 10000 itemsets.*HINT:  Raise min_support" "itemsets of huge baskets: stop at the cap and say what to raise"
like "$(PGOPTIONS= psql -XqAt -c "SELECT count(*) FROM behav_rules_rows('worst', 'b', 'i', 2, options => '{\"max_basket\": 50}')" 2>&1 | tr '\n' ' ')" \
	"40 baskets of more than 50 items.*has no baskets" "with max_basket they are left out"
done_testing
