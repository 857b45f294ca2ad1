#!/usr/bin/env bash
# Cancel, statement_timeout and terminate stop every phase at once (half a second is the goal; the test
# allows two on a loaded machine and prints what it took) and leave nothing behind.
. "$(dirname "$0")/lib.sh"

LIMIT=2000
LONG='{"epochs": 100000, "patience": 10000}'
server_start main && shop_create
sql "SELECT FROM behav_train('shop', 'seq_rules', deploy => 'always')" >/dev/null
before=$(answers)
# 800,000 events of 40,000 users with 3,000 items; and the small shop through a view that takes its time
sql "CREATE TABLE many AS SELECT u AS user_id, (u * 7919 + n * n * 31) % 3000 AS item_id,
		'2026-01-01'::timestamptz + n * interval '7 hours' + u * interval '1 second' AS ts
	FROM generate_series(1, 40000) u, generate_series(1, 20) n"
sql "CREATE INDEX ON many (user_id, ts)"
sql "CREATE FUNCTION dawdle(bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN \$1; END'"
sql "CREATE VIEW slow AS SELECT dawdle(user_id) AS user_id, item_id, ts FROM events"
sql "ANALYZE"
sql "SELECT FROM behav_source('many', 'many', 'user_id', 'item_id', 'ts')"
sql "INSERT INTO behavmine.source (name, relation, user_id, item_id, ts) VALUES ('slow', 'public.slow', 'user_id', 'item_id', 'ts')"

state() { # what no stopped call may change
	echo "$(half_written) $(sql "SELECT count(*), max(version), (SELECT count(*) FROM behavmine.tensor), (SELECT count(*) FROM behavmine.code),
		(SELECT max(deployed) FROM behav_models), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') FROM behavmine.version")"
}
was=$(state)

ended() { # started-ms what: the client of background() ends in time
	wait "$client"
	local took=$(($(ms) - $1))
	note "$2: stopped after $took ms"
	[ "$took" -lt "$LIMIT" ]
	ok $? "$2: stops in time"
}

cancelled() { # what statement phase
	background "canceled" "$2"
	wait_phase "$pid" "$3" 20
	ok $? "$1: \"$3\" is reached"
	local started
	started=$(ms)
	sql "SELECT pg_cancel_backend($pid)" >/dev/null
	ended "$started" "$1"
	like "$(cat "$WORK/canceled.out")" "57014" "$1: query_canceled"
	is "$(state)" "$was" "$1: nothing is left"
}

cancelled "read" "SELECT FROM behav_train('shop', 'popular', 'slow')" "reading events"
cancelled "profile" "SELECT FROM behav_profile('slow')" "reading events"
cancelled "fit of sasrec" "SELECT FROM behav_train('shop', 'sasrec', options => '$LONG')" "fitting"
cancelled "fit of sasrec on much" "SELECT FROM behav_train('shop', 'sasrec', 'many', options => '$LONG')" "fitting"
cancelled "fit of ease" "SELECT FROM behav_train('shop', 'ease', 'many')" "fitting"
cancelled "the default choice" "SELECT FROM behav_train('shop', source => 'many')" "fitting"
cancelled "compare" "SELECT FROM behav_compare('many', ARRAY['item_knn', 'ease'])" "fitting"

# a save that waits for a lock
psql -Xq -c "BEGIN" -c "LOCK TABLE behavmine.tensor IN EXCLUSIVE MODE" -c "SELECT pg_sleep(60)" >/dev/null 2>&1 &
locker=$!
wait_for "SELECT count(*) = 1 FROM pg_locks WHERE relation = 'behavmine.tensor'::regclass AND mode = 'ExclusiveLock' AND granted"
background "canceled" "SELECT FROM behav_train('shop', 'markov', deploy => 'always')"
wait_for "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $pid AND wait_event_type = 'Lock'"
ok $? "save: waits for a lock"
started=$(ms)
sql "SELECT pg_cancel_backend($pid)" >/dev/null
ended "$started" "save that waits"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" >/dev/null
wait "$locker"
is "$(state)" "$was" "save: nothing is left"

# the clock strikes at instants all over a training: reading, indexing, fitting, evaluating, saving
worst=0 stopped=0
for when in ease:30 ease:80 ease:150 ease:300 ease:600 ease:900 ease:1200 ease:1500 item_knn:100 item_knn:200 item_knn:400 item_knn:600 bpr:300 bpr:900 rp3beta:300 next_basket:200; do
	timeout=${when#*:}
	started=$(ms)
	psql -XqAt -c "SET statement_timeout = $timeout" \
		-c "SELECT FROM behav_train('shop', '${when%:*}', 'many', options => '{\"tune\": false}', deploy => 'never')" >"$WORK/timeout.out" 2>&1
	took=$(($(ms) - started - timeout))
	grep -q "statement timeout" "$WORK/timeout.out" || continue # a fast machine had finished
	stopped=$((stopped + 1))
	[ "$took" -gt "$worst" ] && worst=$took
done
note "statement_timeout at $stopped instants: at most $worst ms late"
[ "$stopped" -ge 3 ] && [ "$worst" -lt "$LIMIT" ]
ok $? "statement_timeout: stops in time at every instant"
is "$(half_written)" 0 "statement_timeout: nothing is half-written"
is "$(answers)" "$before" "statement_timeout: the deployed model answers the same"

# what only reads
sql "SELECT FROM behav_train('many', 'seq_rules', options => '{\"split\": \"leave_last_out\"}', deploy => 'always')" >/dev/null
was=$(state)
cancelled "evaluate" "SELECT FROM behav_evaluate('many', options => '{\"max_cases\": 10000000, \"targets_per_user\": 1000, \"test_share\": 0.45}')" "evaluating"
background "canceled" "SELECT FROM behav_recommend_table('many', 'everyone', 100)"
wait_phase "$pid" "saving" 20
ok $? "recommend_table: works on"
started=$(ms)
sql "SELECT pg_cancel_backend($pid)" >/dev/null
ended "$started" "recommend_table"
is "$(sql "SELECT to_regclass('everyone') IS NULL")" t "recommend_table: no table is left"
is "$(state)" "$was" "recommend_table: nothing is left"

# background jobs
job() { sql "SELECT job FROM behav_train('shop', 'sasrec', options => '$LONG', background => true)"; }
job=$(job)
wait_for "SELECT count(*) = 1 FROM behav_progress WHERE phase = 'fitting' AND pid = (SELECT pid FROM behav_jobs WHERE job_id = $job)"
ok $? "job: a network is fitted"
is "$(sql "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE backend_type = 'behavmine job'")" t \
	"job: it holds no snapshot meanwhile"
started=$(ms)
is "$(sql "SELECT behav_cancel($job)")" t "job: is cancelled"
wait_for "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'behavmine job'"
took=$(($(ms) - started))
note "job: gone after $took ms"
[ "$took" -lt "$LIMIT" ]
ok $? "job: leaves no worker behind"
is "$(sql "SELECT status, finished_at IS NOT NULL, pid IS NULL FROM behav_jobs WHERE job_id = $job")" "cancelled|t|t" "job: says so"
is "$(sql "SELECT behav_cancel($job)")" f "job: has ended"
like "$(sql_error "SELECT behav_cancel(4711)" | head -1)" "^42704" "job: an unknown one is an error"
is "$(state)" "$was" "job: nothing is left"

job=$(job)
wait_for "SELECT status = 'running' FROM behav_jobs WHERE job_id = $job"
sql "SELECT pg_terminate_backend(pid) FROM behav_jobs WHERE job_id = $job" >/dev/null
wait_for "SELECT status IN ('lost', 'failed', 'cancelled') FROM behav_jobs WHERE job_id = $job"
ok $? "job: a terminated one does not run"
is "$(state)" "$was" "terminated job: nothing is left"
is "$(sql "BEGIN; SELECT FROM behav_train('shop', 'popular', background => true); ROLLBACK" >/dev/null; sql "SELECT count(*) FROM behav_jobs WHERE status IN ('queued', 'running')")" 0 \
	"job: one that is rolled back never starts"

# a bound on the time keeps the best so far
started=$(ms)
got=$(sql "SELECT version, epochs > 0, value > 0, seconds < 10 FROM behav_train('shop', 'sasrec', options => '{\"epochs\": 100000, \"patience\": 10000, \"max_seconds\": 2}', deploy => 'never')")
note "max_seconds = 2 took $(($(ms) - started)) ms"
like "$got" '^[0-9]+\|t\|t\|t$' "max_seconds: the best so far is kept"
is "$(half_written)" 0 "max_seconds: it is whole"
is "$(answers)" "$before" "the deployed model answers as before all this"
done_testing
