#!/usr/bin/env bash
# One user with millions of events: sequence matching gives an answer, stops at once when it is told to,
# and refuses a search that needs more memory than behavmine.max_memory.
. "$(dirname "$0")/lib.sh"

LIMIT=2000 # milliseconds; half a second is the goal, the machine may be loaded
server_start main
sql "CREATE EXTENSION behavmine"
sql "CREATE TABLE crowd AS SELECT to_timestamp(i * 7919::bigint % 3000017) AS ts, i % 3 AS k FROM generate_series(1, 3000000) i"
sql "CREATE TABLE state AS SELECT behav_match_rows_agg('{A,B}', ts, k < 3, k = 1) AS s,
	behav_next_node_agg('forward', 'first_match', ts, 'an event', false, k = 1) AS n FROM crowd"

is "$(sql "SELECT behav_sequence_count('(?1)(?t>=1000)(?2)', ts, k = 0, k = 1) = (SELECT behav_sequence_count(behav_rollup(p))
	FROM (SELECT behav_sequence_agg('(?1)(?t>=1000)(?2)', ts, k = 0, k = 1) AS p FROM crowd GROUP BY hashint4(k + extract(epoch FROM ts)::int) % 50) x) FROM crowd")" t \
	"3 million events: the same as a hundred states merged"
is "$(sql "SELECT behav_sequence_match(s, '(?1).*(?1).*(?1).*(?1).*(?1).*(?1)(?t<=0)(?2).(?t<0)(?1)') FROM state")" f "no number of steps is too many"
is "$(sql "SELECT count(*), max(cardinality(symbols)), max(cardinality(rows)) FROM state, behav_match_rows(s, 'A+ \$') m")" "1|3000000|3000000" "a match of 3 million rows"

# what takes longer than the timeout, stopped in each phase
stopped() { # what milliseconds statement
	local started took error
	started=$(ms)
	error=$(sql_error "SET statement_timeout = $2; $3")
	took=$(($(ms) - started - $2))
	like "$error" "57014" "$1: stopped"
	note "$1: $took ms after the timeout"
	[ "$took" -lt "$LIMIT" ]
	ok $? "$1: in time"
}
stopped "sorting" 100 "SELECT behav_sequence_match(s, '(?1)') FROM state"
stopped "aggregating" 100 "SELECT behav_sequence_count('(?1)(?t>=1000)(?2)', ts, k = 0, k = 1) FROM crowd"
stopped "a quadratic row pattern" 2000 "SELECT count(*) FROM state, behav_match_rows(s, 'A (A* ^)?') m"
stopped "a row pattern with a limit on its time" 2000 "SELECT count(*) FROM state, behav_match_rows(s, 'A+ ^', '1000 days') m"
stopped "rows of texts" 100 "SELECT behav_next_node(n) FROM state"

error=$(sql_error "SET behavmine.max_memory = '16MB'; SELECT behav_sequence_match(s, '(?1)(?t>=1000000)(?2)') FROM state")
like "$error" "^53400" "max_memory too small: configuration_limit_exceeded"
like "$error" "behavmine.max_memory" "it tells the setting"
is "$(sql "SELECT behav_events(s) FROM state")" 3000000 "the state is as it was"
done_testing
