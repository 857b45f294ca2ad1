#!/usr/bin/env bash
# Sequential patterns of real data: the counts that independent miners found (SIGN, Kosarak10k), the
# paper's identity with itemsets, and a cancel in every phase. The data are no part of the project.
. "$(dirname "$0")/lib.sh"

DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
server_start main && sql "CREATE EXTENSION behavmine"

# SPMF's format, one item an element, as a table of arrays
load() { # table file
	sql "CREATE TABLE $1 (id int GENERATED ALWAYS AS IDENTITY, items int[])"
	xz -dc "$DATA/$2" | awk '/^[0-9]/ { gsub(/ -1/, ""); sub(/ *-2.*/, ""); gsub(/ +/, ","); print "{" $0 "}" }' |
		psql -Xq -c "COPY $1 (items) FROM STDIN"
}

counts() { # table min_support options expected name, all kinds that expected names
	local kind want
	for want in $4; do
		kind=${want%%=*}
		is "$(sql "SELECT count(*) FROM behav_patterns_arrays('$1', 'items', $2, '$kind', options => '$3')")" "${want#*=}" "$5: $kind"
	done
}

if [ -r "$DATA/spm_sign.txt.xz" ] && [ -r "$DATA/spm_kosarak10k.txt.xz" ]; then
	load sign spm_sign.txt.xz
	load kosarak spm_kosarak10k.txt.xz
	is "$(sql "SELECT count(*) FROM sign")|$(sql "SELECT count(*) FROM kosarak")" "730|10000" "the data are complete"

	counts sign 365 '{}' "all=173" "SIGN 365"
	counts sign 292 '{}' "all=518 closed=518 maximal=245" "SIGN 292"
	counts sign 220 '{}' "all=1895" "SIGN 220"
	counts sign 219 '{}' "all=1928 closed=1928 maximal=805" "SIGN 219"
	counts sign 0.3 '{}' "all=1928" "SIGN, a share of .3 is 219"
	counts sign 146 '{}' "all=9718 closed=9717 maximal=3451" "SIGN 146"
	counts sign 73 '{"details": false}' "all=110417 closed=109743 maximal=31311" "SIGN 73"
	counts kosarak 100 '{}' "all=392" "Kosarak 100"
	counts kosarak 50 '{}' "all=1716 closed=1361 maximal=328" "Kosarak 50"
	counts kosarak 30 '{}' "all=5458 closed=3603 maximal=863" "Kosarak 30"
	counts kosarak 20 '{}' "all=19477 closed=8102 maximal=2061" "Kosarak 20"
	counts sign 73 '{"max_gap": 0}' "all=129" "SIGN 73, nothing between"
	counts sign 73 '{"max_gap": 1}' "all=162" "SIGN 73, gap 1"
	counts sign 73 '{"max_gap": 4}' "all=439" "SIGN 73, gap 4"
	counts sign 73 '{"max_window": 5}' "all=299" "SIGN 73, window 5"
	counts sign 73 '{"max_gap": 2, "max_window": 5}' "all=219" "SIGN 73, gap 2 and window 5"
	counts kosarak 20 '{"max_gap": 0}' "all=870" "Kosarak 20, nothing between"
	counts kosarak 20 '{"max_gap": 2}' "all=1411" "Kosarak 20, gap 2"

	top() { # table kind
		sql "SELECT count(*), min(support) FROM behav_patterns_arrays('$1', 'items', kind => '$2', k => 1000)"
	}
	is "$(top sign all)" "1000|254" "SIGN, the 1,000 best"
	is "$(top kosarak all)" "1000|64" "Kosarak, the 1,000 best"
	is "$(top kosarak closed)" "1000|58" "Kosarak, the 1,000 best closed ones"
	# the same with times in seconds one apart, where a gap of g positions is an interval of g + 1
	sql "CREATE TABLE clocked AS SELECT id AS user_id, item AS item_id, '2020-01-01'::timestamptz + o * interval '1 second' AS ts FROM sign, unnest(items) WITH ORDINALITY u(item, o)"
	sql "SELECT FROM behav_source('clocked', 'clocked', 'user_id', 'item_id', 'ts', options => '{\"robot_events_per_minute\": 0}')"
	is "$(sql "SELECT count(*) FROM behav_patterns('clocked', 73, options => '{\"max_gap\": \"5 seconds\"}')")" 439 "SIGN 73, gap 4 in time"
	is "$(sql "SELECT count(*) FROM behav_patterns('clocked', 73, options => '{\"max_gap\": \"3 seconds\", \"max_window\": \"5 seconds\"}')")" 219 "SIGN 73, gap 2 and window 5 in time"
	is "$(sql "SELECT count(*) FROM behav_patterns('clocked', 219, 'closed')")" 1928 "SIGN 219 as events of a source"
else
	ok 0 "real data # skip no spm_sign.txt.xz and spm_kosarak10k.txt.xz in $DATA"
fi

# ascending without repeats: a pattern is an itemset, counted by the number of supersets
sql "CREATE TABLE baskets AS SELECT b, array_agg(i ORDER BY i) AS items FROM generate_series(1, 400) b, generate_series(1, 9) i
	WHERE hashint8(b * 100 + i) % 3 <> 0 GROUP BY b"
is "$(sql "SELECT count(*) FROM behav_patterns_arrays('baskets', 'items', 40) p
	WHERE p.support <> (SELECT count(*) FROM baskets WHERE items @> p.pattern::int[])")" 0 "ascending sequences: supports of itemsets"
is "$(sql "SELECT count(*) FROM behav_patterns_arrays('baskets', 'items', 40)")" \
	"$(sql "SELECT count(*) FROM (SELECT s, (SELECT array_agg(i) FROM generate_series(1, 9) i WHERE s >> (i - 1) & 1 = 1) AS set FROM generate_series(1, 511) s) x
		WHERE (SELECT count(*) FROM baskets WHERE items @> x.set) >= 40")" "ascending sequences: their number"

# a cancel, while mining and while the followers are looked for; nothing is cut short silently
sql "CREATE TABLE long AS SELECT u AS user_id, (hashint8(u * 1000 + n) % 40 + 40) % 40 AS item_id, '2020-01-01'::timestamptz + n * interval '1 minute' AS ts
	FROM generate_series(1, 2000) u, generate_series(1, 60) n"
sql "SELECT FROM behav_source('long', 'long', 'user_id', 'item_id', 'ts')"

cancelled() { # name statement phase
	background canceled "$2"
	wait_phase "$pid" "$3" 20
	ok $? "$1: it is $3"
	sleep 0.3
	local started took
	started=$(ms)
	sql "SELECT pg_cancel_backend($pid)" >/dev/null
	wait "$client"
	took=$(($(ms) - started))
	note "$1: stopped after $took ms"
	[ "$took" -lt 2000 ] # half a second is the goal; the rest is for a loaded machine
	ok $? "$1: stops in time"
	like "$(cat "$WORK/canceled.out")" "57014" "$1: query_canceled"
}
HUGE='"max_patterns": 100000000'
cancelled "all" "SELECT FROM behav_patterns('long', 10, options => '{$HUGE}')" "fitting"
cancelled "closed" "SELECT FROM behav_patterns('long', 10, 'closed', options => '{$HUGE}')" "fitting"
cancelled "gaps" "SELECT FROM behav_patterns('long', 10, options => '{$HUGE, \"max_gap\": 20}')" "fitting"
cancelled "the best" "SELECT FROM behav_patterns('long', k => 1000000)" "fitting"
cancelled "followers" "SELECT FROM behav_patterns('long', 10, options => '{\"max_length\": 3}')" "evaluating"
cancelled "rules" "SELECT FROM behav_sequence_rules('long', 10, options => '{$HUGE}')" "fitting"
error=$(sql_error "SELECT FROM behav_patterns('long', 10)")
like "$(echo "$error" | head -1)" "^54000" "a million patterns are enough: program_limit_exceeded"
like "$error" "min_support" "it says what to raise"
error=$(sql_error "SET behavmine.max_memory = '32MB'; SELECT FROM behav_patterns('long', 10, options => '{$HUGE}')")
like "$(echo "$error" | head -1)" "^53400" "memory is limited: configuration_limit_exceeded"
done_testing
