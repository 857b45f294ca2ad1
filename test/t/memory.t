#!/usr/bin/env bash
# Too little memory is an error that says so: for the matrix library, which by itself would hang where
# its buffer cannot be mapped, and against behavmine.max_memory, before anything is allocated.
. "$(dirname "$0")/lib.sh"

server_start main && shop_create
sql "SELECT FROM behav_train('shop', 'seq_rules', deploy => 'always')" >/dev/null
before=$(answers)
versions=$(sql "SELECT count(*) FROM behavmine.version")

# the limit of the caller
error=$(sql_error "SET behavmine.max_memory = '16MB'; SELECT FROM behav_train('shop', 'sasrec', options => '{\"dim\": 1024, \"hidden\": 4096, \"blocks\": 16, \"length\": 4096}')")
like "$(echo "$error" | head -1)" "^53400" "max_memory too small: configuration_limit_exceeded"
like "$error" "[0-9].*[0-9].*" "it tells the numbers"
like "$error" "behavmine.max_memory" "it tells the setting"
note "$error"
is "$(sql "SET behavmine.max_memory = '16MB'; SELECT bool_or(NOT fits) FROM behav_estimate('shop', 'sasrec', '{\"dim\": 1024, \"hidden\": 4096, \"blocks\": 16, \"length\": 4096}')")" t \
	"behav_estimate tells it in advance"
server_stop main

# The server under a limit of its address space, swept: every training either works or is 53200, in
# bounded time; the server stays up, and what is deployed answers where a backend fits at all.
limited() { # kilobytes: start the server under this limit
	as_server bash -c "ulimit -v $1; exec '$PGBIN/pg_ctl' -D '$WORK/main' -l '$WORK/main.log' -w -t 20 start" >/dev/null 2>&1
}
base=0 # the least at which the server serves, in steps of 32 MB
for ((kb = 320 * 1024; kb < 1200 * 1024; kb += 32 * 1024)); do
	limited $kb && [ "$(sql "SELECT count(*) FROM behav_recommend(8, 5, 'shop')" 2>/dev/null)" = 5 ] && base=$kb && break
	server_stop main immediate 2>/dev/null
done
[ "$base" -gt 0 ]
ok $? "the server serves under a limit of its address space"
note "the least is $((base / 1024)) MB"
server_stop main

refused=0 worked=0 odd= slow=0
for more in 0 32 64 128 256 384 512 768 1024 1536; do
	limited $((base + more * 1024)) || { odd="$odd no start at +$more;" && continue; }
	for algorithm in ease sasrec; do
		options='{"tune": false}'
		[ $algorithm = sasrec ] && options='{"epochs": 1}'
		started=$(ms)
		out=$(timeout 20 psql -XqAt -v VERBOSITY=sqlstate -c "SET behavmine.num_threads = 2" \
			-c "SELECT 'version', version FROM behav_train('shop', '$algorithm', deploy => 'never', options => '$options')" 2>&1)
		status=$?
		[ $(($(ms) - started)) -gt 15000 ] && slow=$((slow + 1))
		case "$status $out" in
			*"version|"*) worked=$((worked + 1)) ;;
			*53200*) refused=$((refused + 1)) ;;
			*) odd="$odd $algorithm +$more MB: $status $out;" ;;
		esac
	done
	[ "$(sql "SELECT 1")" = 1 ] || odd="$odd down at +$more;"
	server_stop main || odd="$odd no stop at +$more;"
done
note "under the limit: $refused refused, $worked worked"
is "$odd" "" "every training under a limit works or is out of memory (53200)"
is "$slow" 0 "none hangs"
[ "$refused" -gt 0 ] && [ "$worked" -gt 0 ]
ok $? "both happened"
server_start main
is "$(half_written)" 0 "nothing is half-written"
is "$(answers)" "$before" "the deployed model answers the same"
is "$(sql "SELECT count(*) > 0 FROM behav_train('shop', 'ease', deploy => 'never')")" t "without the limit training works"
done_testing
