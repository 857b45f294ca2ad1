#!/usr/bin/env bash
# The file that shares weights between backends: gone, cut, with flipped bits, or not writable, the
# answers stay the same; damaged weights in the tables are an error that names them; open sessions notice
# what changes; 50 connections hold one copy.
. "$(dirname "$0")/lib.sh"

server_start main && shop_create
sql "SELECT FROM behav_train('shop', 'sasrec', options => '{\"epochs\": 2, \"dim\": 16}', deploy => 'always')" >/dev/null
before=$(answers)
DIR=$WORK/main/base/pgsql_tmp
cache_file() { ls "$DIR"/pgsql_tmp_behavmine_* 2>/dev/null; }

is "$(cache_file | wc -l)" 1 "one file after the first answers"
file=$(cache_file)
size=$(stat -c %s "$file")
inode=$(stat -c %i "$file")
is "$(answers)" "$before" "a new session answers from it"
is "$(stat -c %i "$file")" "$inode" "and does not write it again"

survives() { # what was done to the file
	is "$(answers)" "$before" "$1: a new session answers the same"
	is "$(stat -c %s "$file" 2>/dev/null)" "$size" "$1: and the file is made again"
}
rm "$file"
survives "removed"
truncate -s 100 "$file"
survives "cut within its header"
truncate -s $((size - 4096)) "$file"
survives "cut at its end"
: >"$file"
survives "empty"
for at in 0 9 40 70 130 200 $((size / 2)) $((size - 1)); do
	byte=$(dd if="$file" bs=1 skip="$at" count=1 status=none | od -An -tu1)
	printf "\\$(printf %o $((byte ^ 64)))" | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
	[ "$(answers)" = "$before" ] || break
done
is "$at" $((size - 1)) "a flipped bit anywhere: a new session answers the same"
rm -r "$DIR"
survives "folder removed"
rm -r "$DIR" && as_server touch "$DIR" # a file where the folder should be: nothing can be written
is "$(answers)" "$before" "not writable: a session answers from memory of its own"
rm "$DIR"
sql "SELECT count(*) FROM behav_recommend(8, 5, 'shop')" >/dev/null

# one session, open all the while
coproc SESSION { exec psql -XqAt -v VERBOSITY=verbose 2>&1; }
ask() { # statement: its output in $reply
	local line
	reply=
	printf '%s;\n\\echo .\n' "$1" >&"${SESSION[1]}"
	while read -r -t 20 line <&"${SESSION[0]}"; do
		[ "$line" = . ] && return 0
		[ "${line#LOCATION}" = "$line" ] && reply=$reply${reply:+ }$line
	done
	return 1
}
QUERY="SELECT string_agg(item_id || ' ' || score, ' ' ORDER BY rank) FROM behav_recommend(8, 3, 'shop')"
ask "$QUERY"
network=$reply
rm -r "$DIR"
ask "$QUERY"
is "$reply" "$network" "an open session goes on without the file"
sql "SELECT FROM behav_train('shop', 'markov', deploy => 'always')" >/dev/null
ask "$QUERY"
markov=$reply
[ "$markov" != "$network" ]
ok $? "it notices a new version at its next call"
is "$reply" "$(sql "$QUERY")" "and answers as a new session"
sql "SELECT behav_rollback('shop')" >/dev/null
ask "$QUERY"
is "$reply" "$network" "it notices a rollback"
sql "SELECT behav_deploy('shop', 2)" >/dev/null
ask "$QUERY"
is "$reply" "$markov" "it notices a deploy"
sql "UPDATE behavmine.deployment SET undone_at = now() WHERE version = 2" >/dev/null
ask "$QUERY"
is "$reply" "$network" "it notices a plain UPDATE of behavmine.deployment"

# rights
sql "CREATE ROLE webapp LOGIN"
like "$(sql_error "$QUERY" webapp | head -1)" "^(42501|42704)" "a role without rights is refused"
sql "GRANT SELECT ON events TO webapp; GRANT USAGE ON SCHEMA behavmine TO webapp;
	GRANT SELECT ON ALL TABLES IN SCHEMA behavmine TO webapp"
like "$(sql_error "$QUERY" webapp | head -1)" "^(42501|42704)" "as long as the model is not granted"
is "$(psql -XqAt -U webapp -c "SELECT count(*) FROM behavmine.tensor")" 0 "it sees no weights"
ask "SET ROLE webapp"
ask "$QUERY"
like "$reply" "(42501|42704)" "refused in the open session, whose role before may"
sql "SELECT behav_grant_model('shop', 'webapp')" >/dev/null
ask "$QUERY"
is "$reply" "$network" "it notices the grant"
is "$(psql -XqAt -U webapp -c "$QUERY")" "$network" "which lets it in"
for statement in "SELECT behav_deploy('shop', 2)" "SELECT behav_drop_model('shop')" "SELECT behav_rollback('shop')" \
	"SELECT behav_grant_model('shop', 'postgres')" "SELECT FROM behav_train('shop', 'popular')"; do
	like "$(sql_error "$statement" webapp | head -1)" "^42501" "a reader may not: $statement"
done
sql "REVOKE SELECT ON events FROM webapp" >/dev/null
ask "$QUERY"
like "$reply" "42501" "without the events it gets no answer"
sql "GRANT SELECT ON events TO webapp; SELECT behav_revoke_model('shop', 'webapp')" >/dev/null
ask "$QUERY"
like "$reply" "(42501|42704)" "it notices the revoke"
ask "RESET ROLE"

# damage in the tables shows as soon as the file does not hide it
sql "CREATE TABLE kept AS SELECT * FROM behavmine.tensor WHERE version = 1"
damage() { # what set-clause condition
	sql "UPDATE behavmine.tensor SET $2 WHERE version = 1 AND name = (SELECT name FROM behavmine.tensor
		WHERE version = 1 AND dtype = 'f32' ORDER BY cardinality(\"values\") DESC, name LIMIT 1) AND chunk_no = 0"
	rm -rf "$DIR"
	local error
	error=$(sql_error "$QUERY")
	like "$(echo "$error" | head -1)" "^XX001" "$1: data_corrupted"
	like "$error" "shop.*" "$1: names the model"
	like "$error" "version 1" "$1: names the version"
	like "$error" "$(sql "SELECT name FROM behavmine.tensor WHERE version = 1 AND dtype = 'f32' ORDER BY cardinality(\"values\") DESC, name LIMIT 1")" \
		"$1: names the tensor"
	note "$(echo "$error" | head -2)"
	sql "DELETE FROM behavmine.tensor WHERE version = 1; INSERT INTO behavmine.tensor SELECT * FROM kept" >/dev/null
}
damage "a changed weight" '"values"[3] = "values"[3] + 1'
damage "a weight that is no number" "\"values\"[3] = 'NaN'"
damage "a wrong checksum" "crc = crc + 1"
damage "a shape that does not fit" "shape = ARRAY[7, 7]"
rm -rf "$DIR"
is "$(answers)" "$before" "repaired, it answers as ever"
is "$(sql "DELETE FROM behavmine.tensor WHERE version = 1 AND name = 'popularity'" >/dev/null; rm -rf "$DIR"; sql_error "$QUERY" | head -1 | cut -c1-5)" XX001 \
	"a missing tensor: data_corrupted"
sql "DELETE FROM behavmine.tensor WHERE version = 1; INSERT INTO behavmine.tensor SELECT * FROM kept" >/dev/null

sql "SELECT behav_drop_model('shop')" >/dev/null
ask "$QUERY"
like "$reply" "42704: *model \"shop\" does not exist" "the open session notices a drop"

# 50 connections that have all served: the weights are there once
sql "CREATE TABLE wide AS SELECT u AS user_id, (u * 7919 + n * n * 31) % 1500 AS item_id,
		'2026-01-01'::timestamptz + n * interval '7 hours' + u * interval '1 second' AS ts
	FROM generate_series(1, 4000) u, generate_series(1, 12) n; CREATE INDEX ON wide (user_id, ts)"
sql "SELECT FROM behav_source('wide', 'wide', 'user_id', 'item_id', 'ts')"
sql "SELECT FROM behav_train('wide', 'ease', options => '{\"tune\": false}', deploy => 'always')"
clients=
for ((i = 0; i < 50; i++)); do
	PGAPPNAME=sharer psql -XqAt -c "SELECT count(*) FROM behav_recommend(8, 5, 'wide')" -c "SELECT pg_sleep(60)" >/dev/null 2>&1 &
	clients="$clients $!"
done
wait_for "SELECT count(*) = 50 FROM pg_stat_activity WHERE application_name = 'sharer' AND query LIKE '%pg_sleep%'" 40
ok $? "50 connections have served"
file=$(cache_file | head -1)
pids=$(sql "SELECT pid FROM pg_stat_activity WHERE application_name = 'sharer'")
mapped=0 pss=0 private=0
for pid in $pids; do
	read -r rss p own < <(awk -v f="$file" '/^[0-9a-f]+-/ {in_file = index($0, f) > 0} in_file && /^Rss:/ {r += $2} in_file && /^Pss:/ {p += $2}
		in_file && /^Private_Dirty:/ {d += $2} END {print r + 0, p + 0, d + 0}' "/proc/$pid/smaps")
	[ "$rss" -gt 0 ] && mapped=$((mapped + 1))
	pss=$((pss + p)) private=$((private + own))
done
kb=$(($(stat -c %s "$file") / 1024))
note "weights of $kb kB, mapped by $mapped connections: $pss kB in all, $private kB private"
is "$mapped" 50 "all map the file"
[ "$pss" -le $((kb + 1024)) ] && [ "$private" = 0 ]
ok $? "the weights are in memory once"
sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'sharer'" >/dev/null
wait $clients
done_testing
