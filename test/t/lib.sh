# Sourced by the server tests: TAP lines, a small shop, waiting. Ends are checked by done_testing.
#
#   . "$(dirname "$0")/lib.sh"
#   server_start; shop_create
#   is "$(sql "SELECT 1")" 1 "one is one"
#   done_testing

set -u
export LC_ALL=C
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$ROOT/test/server.sh"
# What a test trains is small: one thread is enough, and lines of progress only hide the rest.
export PGOPTIONS="-c behavmine.num_threads=1 -c behavmine.progress=off -c client_min_messages=warning"
tap_count=0
tap_failed=0

note() { printf '%s\n' "$@" | sed 's/^/# /'; }

clip() { printf '%.300s' "${1:-(nothing)}" | head -5; }

ok() { # status name: 0 is fine, as $?
	tap_count=$((tap_count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $2"
	fi
}

is() { # got expected name
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || note "got:      $(clip "$1")" "expected: $(clip "$2")"
}

like() { # got extended-regular-expression name
	printf '%s' "$1" | grep -qE -- "$2"
	ok $? "$3"
	printf '%s' "$1" | grep -qE -- "$2" || note "got:     $(clip "$1")" "pattern: $2"
}

done_testing() {
	echo "1..$tap_count"
	[ "$tap_failed" = 0 ]
	exit
}

# SQLSTATE and message of a statement that must fail; the result when it does not.
sql_error() { # statement [role]
	psql -XqAt ${2:+-U "$2"} -v VERBOSITY=verbose -c "$1" 2>&1 | sed '/^LOCATION:/d; s/^ERROR:  //'
}

# Run a query every 50 ms until it answers t.
wait_for() { # query [seconds]
	local deadline=$(($(date +%s) + ${2:-30}))
	until [ "$(sql "$1" 2>/dev/null)" = t ]; do
		[ "$(date +%s)" -ge "$deadline" ] && return 1
		sleep 0.05
	done
}

ms() { date +%s%3N; }

# The shop of shop.sql as the source "shop", in $PGDATABASE.
shop_create() {
	psql -Xq -v ON_ERROR_STOP=1 -c "CREATE EXTENSION behavmine" -f "$ROOT/test/t/shop.sql" \
		-c "SELECT FROM behav_source('shop', 'events', 'user_id', 'item_id', 'ts', 'event')" >/dev/null
}

# All answers of a model to the bit: items, scores, ranks, reasons of some users.
answers() { # [model]
	sql "SELECT u, r.* FROM generate_series(1, 300, 7) u, behav_recommend(u, 5, '${1:-shop}') r ORDER BY u, rank"
}

# What a half-written version would leave: versions without all their tensors and items, orphans.
half_written() {
	sql "SELECT
		(SELECT count(*) FROM behavmine.version v WHERE (SELECT count(*) FROM behavmine.code c
			WHERE (c.model_id, c.version, c.kind) = (v.model_id, v.version, 'item')) <> v.items)
		+ (SELECT count(*) FROM behavmine.version v WHERE NOT EXISTS (SELECT FROM behavmine.tensor t
			WHERE (t.model_id, t.version, t.name) = (v.model_id, v.version, 'popularity')))
		+ (SELECT count(*) FROM (SELECT model_id, version, name,
				(SELECT coalesce(exp(sum(ln(nullif(d, 0)))), 0) FROM unnest(min(shape)) d) AS want,
				sum(coalesce(cardinality(\"values\"), cardinality(ints))) AS have
			FROM behavmine.tensor GROUP BY 1, 2, 3) s WHERE round(want) <> have)
		+ (SELECT count(*) FROM behavmine.tensor t WHERE NOT EXISTS (SELECT FROM behavmine.version v
			WHERE (v.model_id, v.version) = (t.model_id, t.version)))"
}

# A statement in the background; its output in $WORK/$1.out, its backend in $pid once it runs.
background() { # name statement
	PGAPPNAME=$1 psql -XqAt -v VERBOSITY=verbose -c "$2" >"$WORK/$1.out" 2>&1 &
	client=$!
	wait_for "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$1' AND state = 'active'"
	pid=$(sql "SELECT pid FROM pg_stat_activity WHERE application_name = '$1'")
}

# Wait until the call of backend $1 is in a phase (of behav_progress).
wait_phase() { # pid phase [seconds]
	wait_for "SELECT count(*) = 1 FROM behav_progress WHERE pid = $1 AND phase = '$2'" "${3:-30}"
}
