#!/usr/bin/env bash
# A backend killed in the middle of a training, a server stopped at once, a worker killed: nothing is
# half-written, the deployed model answers as before, and the next training works.
. "$(dirname "$0")/lib.sh"

LONG='{"epochs": 100000, "patience": 10000}'
server_start main && shop_create
sql "SELECT FROM behav_train('shop', 'seq_rules', deploy => 'always')" >/dev/null
before=$(answers)
is "$(echo "$before" | wc -l)" 215 "the model answers before the crash"

unharmed() { # when
	is "$(answers)" "$before" "$1, the deployed model answers the same, to the bit"
	is "$(half_written)" 0 "$1, nothing is half-written"
	is "$(sql "SELECT string_agg(version::text, ',') FROM behavmine.version")" 1 "$1, no version was added"
	is "$(sql "SELECT deployed FROM behav_models")" 1 "$1, the same version is deployed"
}

running() { # process: is there, and not only its exit status
	[ -e "/proc/$1/stat" ] && ! grep -q '^[0-9]* (.*) Z' "/proc/$1/stat" 2>/dev/null
}

# kill -9 in the fit
background fit "SELECT FROM behav_train('shop', 'sasrec', options => '$LONG')"
wait_phase "$pid" fitting
ok $? "a training fits a network"
as_server kill -9 "$pid"
wait "$client"
wait_for "SELECT true" 30
ok $? "the server is back after kill -9"
unharmed "after kill -9 in the fit"

# kill -9 while the tensors are being written, before the commit
PGAPPNAME=save psql -XqAt -c "BEGIN" -c "SELECT FROM behav_train('shop', 'item_knn', deploy => 'always')" \
	-c "SELECT pg_sleep(100)" >/dev/null 2>&1 &
client=$!
wait_for "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'save' AND query LIKE '%pg_sleep(%' AND state = 'active'"
ok $? "a training has written its version and does not commit"
as_server kill -9 "$(sql "SELECT pid FROM pg_stat_activity WHERE application_name = 'save'")"
wait "$client"
wait_for "SELECT true" 30
unharmed "after kill -9 before the commit"

# immediate shutdown during the fit
background fit "SELECT FROM behav_train('shop', 'sasrec', options => '$LONG')"
wait_phase "$pid" fitting
started=$(ms)
server_stop main immediate
wait "$client"
took=$(($(ms) - started))
running "$pid"
is $? 1 "no training process outlives an immediate shutdown"
note "immediate shutdown took $took ms"
server_start main
unharmed "after an immediate shutdown"

# kill -9 of the postmaster alone: the computing process notices
background fit "SELECT FROM behav_train('shop', 'sasrec', options => '$LONG')"
wait_phase "$pid" fitting
started=$(ms)
as_server kill -9 "$(head -1 "$WORK/main/postmaster.pid")"
for ((i = 0; i < 100; i++)); do
	running "$pid" || break
	sleep 0.05
done
took=$(($(ms) - started))
wait "$client"
[ "$took" -lt 3000 ]
ok $? "a training ends when its postmaster is gone"
note "after $took ms"
for ((i = 0; i < 100; i++)); do
	server_start main 2>/dev/null && break
	sleep 0.1
done
unharmed "after kill -9 of the postmaster"

# kill -9 of a background training
job=$(sql "SELECT job FROM behav_train('shop', 'sasrec', options => '$LONG', background => true)")
wait_for "SELECT status = 'running' AND pid IS NOT NULL FROM behav_jobs WHERE job_id = $job"
ok $? "a job runs"
wait_for "SELECT count(*) = 1 FROM behav_progress WHERE phase = 'fitting'"
is "$(sql_error "SELECT FROM behav_train('shop', 'popular')" | cut -c1-5 | head -1)" 55P03 \
	"a second training of the model is refused at once"
as_server kill -9 "$(sql "SELECT pid FROM behav_jobs WHERE job_id = $job")"
wait_for "SELECT status IN ('lost', 'failed') FROM behav_jobs WHERE job_id = $job"
ok $? "a job whose worker was killed is lost"
is "$(sql "SELECT pid IS NULL FROM behav_jobs WHERE job_id = $job")" t "a lost job has no process"
is "$(sql "SELECT behav_cancel($job)")" f "a lost job cannot be cancelled"
is "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" 0 "its lock is free"
unharmed "after kill -9 of a job"

is "$(sql "SELECT version, deployed FROM behav_train('shop', 'item_knn', deploy => 'always')")" "2|t" \
	"the next training works, with the next number"
is "$(half_written)" 0 "it is whole"
job=$(sql "SELECT job FROM behav_train('shop', 'markov', deploy => 'never', background => true)")
wait_for "SELECT status = 'done' FROM behav_jobs WHERE job_id = $job"
ok $? "the next background training works"
done_testing
