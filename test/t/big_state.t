#!/usr/bin/env bash
# One user with ten million events: the answer, a cancel in every phase within half a second (the test allows
# one on a loaded machine), the limit of 1 GB. Many users: the sorted path keeps to work_mem.
. "$(dirname "$0")/lib.sh"

server_start main jit=off max_parallel_workers_per_gather=0 work_mem=64MB
psql -Xq -c "CREATE EXTENSION behavmine" -c "CREATE TABLE big (name text, state behav_funnel_state)" \
	-c "ALTER TABLE big ALTER state SET STORAGE EXTERNAL" -c "CREATE TABLE visits (state behav_session_state)" -c "ALTER TABLE visits ALTER state SET STORAGE EXTERNAL"
N=10000000
# shuffled seconds of four months, and a step that never comes: the scan goes to the end
events="SELECT '2024-01-01'::timestamptz + (i::bigint * 7919 % $N) * interval '1 second' AS ts, i % 10 < 8 AS view, i % 10 = 8 AS cart, false AS buy FROM generate_series(1, $N) i"
level="SELECT behav_funnel_level(state) FROM big WHERE name = 'shuffled'"
sql "INSERT INTO big SELECT 'shuffled', behav_funnel_agg(ts, '1 hour', view, cart, buy) FROM ($events) e"
is "$(sql "SELECT behav_events(state) FROM big")" $((N * 9 / 10)) "a state of nine million events"
is "$(sql "$level")" 2 "its level"
is "$(sql "SELECT cardinality(behav_funnel_times(state)) FROM big WHERE name = 'shuffled'")" 2 "its times"
is "$(sql "SELECT md5(t) = md5(t::behav_funnel_state::text) FROM (SELECT state::text AS t FROM big) x")" t "its text form there and back"
like "$(sql_error "SELECT length((overlay(state::text PLACING '==' FROM 4 + 2 * 262144 - 1 FOR 2)::behav_funnel_state)::text) FROM big")" "22P02" "padding in the middle of a long text is refused"
sql "INSERT INTO visits SELECT behav_session_agg(ts, '1 microsecond') FROM (SELECT ts FROM ($events) e LIMIT 3000000) e"
is "$(sql "SELECT behav_session_count(state) FROM visits")" 3000000 "three million sessions of shuffled events"

# a timeout at many moments of a statement; how long after it the statement ends
stops() { # what statement milliseconds...
	local what=$1 statement=$2 timeout started took worst=0 out stopped=0
	shift 2
	for timeout in "$@"; do
		started=$(ms)
		out=$(psql -XqAt -v VERBOSITY=sqlstate -c "SET statement_timeout = $timeout" -c "$statement" 2>&1)
		took=$(($(ms) - started - timeout))
		case $out in *57014*) stopped=$((stopped + 1)) ;; *) took=0 ;; esac
		[ "$took" -gt "$worst" ] && worst=$took
	done
	note "$what: stopped $stopped of $# times, at most $worst ms late"
	[ "$stopped" -gt 0 ] && [ "$worst" -lt 1000 ]
	ok $? "$what: a cancel is heard in time"
}
stops "accumulating" "SELECT behav_funnel_level(ts, '1 hour', view, cart, buy) FROM ($events) e" 200 900 1700 2500
stops "sorting and scanning" "$level" 60 120 200 300 400 500
stops "times" "SELECT behav_funnel_times(state) FROM big WHERE name = 'shuffled'" 100 200 350 500
stops "text form" "SELECT length(state::text) FROM big" 60 120 200 300
stops "from text" "SELECT behav_events(state::text::behav_funnel_state) FROM big" 200 400 600 800
stops "sessions" "SELECT behav_session_count(state) FROM visits" 30 60 120 200

out=$(sql_error "DO \$\$ DECLARE s behav_funnel_state := (SELECT state FROM big WHERE name = 'shuffled'); BEGIN FOR i IN 1..5 LOOP s := behav_funnel_state_combine(s, s); END LOOP; END \$\$")
like "$out" "54000: one group has too many events" "1 GB is the end"
like "$out" "It has [0-9]{8} events of 16 bytes; a state ends at 1 GB" "with the number of events"

# ---- many users: memory of the server process, hashed and sorted
sql "DROP TABLE big, visits"
sql "CREATE TABLE many AS SELECT (i::bigint * 7919 % 20011)::int AS user_id, '2024-01-01'::timestamptz + i * interval '1 second' AS ts, i % 7 AS event FROM generate_series(1, 3000000) i"
peak() { # settings: peak of a process's own memory in kB after one query
	psql -XqAt -c "SET work_mem = '4MB'; $1" -c "SELECT sum(level) FROM (SELECT user_id, behav_funnel_level(ts, '1 hour', event = 1, event = 2, event > 0) AS level FROM many GROUP BY user_id) x" \
		-c "SELECT (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'VmHWM:\s+(\d+)'))[1]::int - (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'RssShmem:\s+(\d+)'))[1]::int" | tail -1
}
if [ -r /proc/self/status ]; then
	hashed=$(peak "SET enable_sort = off") sorted=$(peak "SET enable_hashagg = off")
	note "20,011 users of 150 events, work_mem 4 MB: hashed $hashed kB, sorted $sorted kB"
	[ "$sorted" -lt 40000 ] && [ "$sorted" -lt "$hashed" ]
	ok $? "sorted groups keep to work_mem"
fi
done_testing
