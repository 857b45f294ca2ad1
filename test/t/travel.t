#!/usr/bin/env bash
# States that travel: every aggregate of travel.list gives one answer, to the last digit, in one process,
# under workers, partition by partition, from states stored on two foreign servers, and after a trip
# through the text and the binary form.
. "$(dirname "$0")/lib.sh"

server_start main max_worker_processes=16 max_parallel_workers=8
PGDATABASE=postgres psql -Xq -c "CREATE DATABASE shard1" -c "CREATE DATABASE shard2" -c "CREATE DATABASE hub"

# 120 users of seven kinds (some only view), 24,000 events, many of one time; a few without a finite time
events="SELECT (i * 7919 % 120)::int AS user_id,
	CASE WHEN i % 997 = 0 THEN NULL WHEN i % 991 = 0 THEN 'infinity' ELSE '2024-01-01'::timestamptz + make_interval(mins => (i::bigint * 104729 % 20011)::int) END AS ts,
	(ARRAY['view', 'cart', 'view', 'refund', 'other', 'buy', 'view'])[1 + (i::bigint * 31337 % 7919) % (1 + (i * 7919 % 120) % 7)] AS event, (i::bigint * 7907 % 50)::int AS item_id, i
	FROM generate_series(1, 24000) i"
for n in 1 2; do
	PGDATABASE=shard$n psql -Xq -c "CREATE EXTENSION behavmine" -c "CREATE TABLE events AS SELECT * FROM ($events) e WHERE (i / 3) % 2 = $((n - 1))"
done
export PGDATABASE=hub
psql -Xq -v ON_ERROR_STOP=1 <<EOS
CREATE EXTENSION behavmine;
CREATE TABLE events AS $events;
CREATE TABLE by_time (LIKE events) PARTITION BY RANGE (ts);
CREATE TABLE by_time_1 PARTITION OF by_time FOR VALUES FROM (MINVALUE) TO ('2024-01-05');
CREATE TABLE by_time_2 PARTITION OF by_time FOR VALUES FROM ('2024-01-05') TO ('2024-01-10');
CREATE TABLE by_time_3 PARTITION OF by_time DEFAULT;
INSERT INTO by_time SELECT * FROM events;
CREATE TABLE by_user (LIKE events) PARTITION BY HASH (user_id);
CREATE TABLE by_user_0 PARTITION OF by_user FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_user_1 PARTITION OF by_user FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_user SELECT * FROM events;
ANALYZE;
CREATE EXTENSION postgres_fdw;
EOS
fdw=$?
for n in 1 2; do
	psql -Xq -v ON_ERROR_STOP=1 -c "CREATE SERVER shard$n FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$PGHOST', dbname 'shard$n', extensions 'behavmine')" \
		-c "CREATE USER MAPPING FOR CURRENT_USER SERVER shard$n" \
		-c "CREATE FOREIGN TABLE events$n (user_id int, ts timestamptz, event text, item_id int) SERVER shard$n OPTIONS (table_name 'events')" || fdw=1
done
ok $fdw "two foreign servers"
psql -Xq -c "CREATE VIEW both_shards AS SELECT * FROM events1 UNION ALL SELECT * FROM events2"

serial="SET max_parallel_workers_per_gather = 0; SET jit = off"
parallel() { echo "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = $1; SET jit = off"; }
partitionwise="SET max_parallel_workers_per_gather = 0; SET enable_partitionwise_aggregate = on; SET jit = off"

# All users' answers as one checksum.
answers_of() { # settings answer from
	psql -XqAt -v ON_ERROR_STOP=1 -c "$1" -c "SELECT md5(string_agg(user_id || ': ' || coalesce(a, 'null'), E'\n' ORDER BY user_id)) FROM (SELECT user_id, ($2)::text AS a FROM $3 GROUP BY user_id) x" 2>&1
}
plan_of() { # settings answer from
	psql -XqAt -c "$1" -c "EXPLAIN (COSTS OFF) SELECT user_id, $2 FROM $3 GROUP BY user_id" 2>&1
}

while IFS= read -r line; do
	case $line in '' | '#'*) continue ;; esac
	name=${line%% ;; *} rest=${line#* ;; }
	answer=${rest%% ;; *} rest=${rest#* ;; }
	state=${rest%% ;; *} merged=${rest#* ;; }
	want=$(answers_of "$serial" "$answer" events)
	like "$want" '^[0-9a-f]{32}$' "$name: an answer"
	[ "$(sql "SELECT count(DISTINCT a::text) > 1 FROM (SELECT $answer AS a FROM events GROUP BY user_id) x")" = t ]
	ok $? "$name: users differ"
	is "$(answers_of "$serial; SET enable_hashagg = off" "$answer" events)" "$want" "$name: sorted groups"
	is "$(answers_of "$serial" "$answer" "(SELECT * FROM events ORDER BY random()) r")" "$want" "$name: shuffled"
	for workers in 2 4; do
		plan=$(plan_of "$(parallel $workers)" "$answer" events)
		like "$(tr '\n' ' ' <<<"$plan")" "Finalize .*Workers Planned: $workers.*Partial " "$name: $workers workers, Partial and Finalize"
		is "$(answers_of "$(parallel $workers)" "$answer" events)" "$want" "$name: $workers workers, the same answer"
	done
	plan=$(plan_of "$partitionwise" "$answer" by_time)
	like "$(tr '\n' ' ' <<<"$plan")" 'Finalize .*Append .*Partial .*Partial ' "$name: partial by partition"
	is "$(answers_of "$partitionwise" "$answer" by_time)" "$want" "$name: partial by partition, the same answer"
	plan=$(plan_of "$partitionwise" "$answer" by_user)
	like "$(tr '\n' ' ' <<<"$plan")" '^ *Append .*Aggregate .*Aggregate ' "$name: partition by partition"
	is "$(answers_of "$partitionwise" "$answer" by_user)" "$want" "$name: partition by partition, the same answer"
	is "$(answers_of "$serial" "$answer" both_shards)" "$want" "$name: rows of two foreign servers"
	for n in 1 2; do
		PGDATABASE=shard$n psql -Xq -c "DROP TABLE IF EXISTS states" -c "CREATE TABLE states AS SELECT user_id, $state AS state FROM events GROUP BY user_id"
		type=$(PGDATABASE=shard$n sql "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'states'::regclass AND attname = 'state'")
		psql -Xq -c "DROP FOREIGN TABLE IF EXISTS states$n" -c "CREATE FOREIGN TABLE states$n (user_id int, state $type) SERVER shard$n OPTIONS (table_name 'states')"
	done
	is "$(answers_of "$serial" "$merged" "(TABLE states1 UNION ALL TABLE states2) s")" "$want" "$name: stored states of two foreign servers"
	psql -Xq -c "DROP TABLE IF EXISTS trip" -c "CREATE TABLE trip (user_id int, state $type)" -c "INSERT INTO trip SELECT user_id, state::text::$type FROM states1"
	psql -Xq -c "COPY (SELECT user_id, state FROM states2) TO STDOUT (FORMAT binary)" | psql -Xq -c "COPY trip FROM STDIN (FORMAT binary)"
	is "$(answers_of "$serial" "$merged" trip)" "$want" "$name: states after a text and a binary trip"
	is "$(answers_of "$(parallel 2)" "$merged" trip)" "$want" "$name: stored states merged by workers"
done <"$ROOT/test/t/travel.list"

# ---- the binary form: every flipped byte and every cut is refused, or (the row's own framing) another error
psql -Xq -v ON_ERROR_STOP=1 <<'EOS'
CREATE TABLE target (funnel behav_funnel_state, sessions behav_session_state);
CREATE TABLE tries (what text, result text);
CREATE FUNCTION try_copy(content bytea, folder text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE lo oid := lo_from_bytea(0, content); copied bigint;
BEGIN
	PERFORM lo_export(lo, folder || '/fuzz');
	PERFORM lo_unlink(lo);
	EXECUTE format('COPY target FROM %L (FORMAT binary)', folder || '/fuzz');
	GET DIAGNOSTICS copied = ROW_COUNT;
	RETURN 'accepted ' || copied;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
EOS
folder=$WORK/main
sql "COPY (SELECT behav_funnel_agg(ts, '1 day', 'strict_once', event, ARRAY['view', 'buy']), behav_session_agg(ts, '1 hour') FROM events WHERE user_id = 7 AND ts < '2024-01-03') TO '$folder/fuzz0' (FORMAT binary)"
sql "INSERT INTO tries SELECT 'flipped', try_copy(set_byte(b, i, get_byte(b, i) # (1 << i % 8)), '$folder') FROM (SELECT pg_read_binary_file('$folder/fuzz0') AS b) f, generate_series(25, length(b) - 3) i"
sql "INSERT INTO tries SELECT 'cut', try_copy(substr(b, 1, i), '$folder') FROM (SELECT pg_read_binary_file('$folder/fuzz0') AS b) f, generate_series(22, length(b) - 3, 3) i"
is "$(sql "SELECT count(*) FROM tries WHERE result LIKE 'accepted%'")" 0 "no flipped or cut binary state is accepted"
is "$(sql "SELECT string_agg(DISTINCT result, ' ' ORDER BY result) FROM tries WHERE result NOT IN ('22P03', '22P04', '08P01')")" "" "binary damage: 22P03, or an error of COPY's own"
like "$(sql "SELECT count(*) FROM tries WHERE result = '22P03'")" '^[0-9]{3,}$' "most damage is found by the checksum (22P03)"
is "$(sql "SELECT try_copy(pg_read_binary_file('$folder/fuzz0'), '$folder')")" "accepted 1" "the undamaged one is accepted"

done_testing
