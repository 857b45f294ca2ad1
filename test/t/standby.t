#!/usr/bin/env bash
# A streaming standby serves the same answers, in sessions that stay open over deploys, rollbacks and
# drops on the primary; what writes is refused there; promotion keeps everything.
. "$(dirname "$0")/lib.sh"

server_start main && shop_create
sql "SELECT FROM behav_train('shop', 'markov', deploy => 'always')" >/dev/null
sql "SELECT FROM behav_train('shop', 'sasrec', options => '{\"epochs\": 2, \"dim\": 16}', deploy => 'always')" >/dev/null
network=$(answers)
server_standby standby main
export PRIMARY=$WORK/main.sock STANDBY=$WORK/standby.sock

on_primary() { PGHOST=$PRIMARY sql "$1"; }

replayed() { # until the standby has what the primary has written
	local lsn
	lsn=$(on_primary "SELECT pg_current_wal_insert_lsn()")
	wait_for "SELECT pg_last_wal_replay_lsn() >= '$lsn'"
}

PGHOST=$STANDBY
replayed
is "$(sql "SELECT pg_is_in_recovery()")" t "a standby follows"
is "$(answers)" "$network" "it answers the same, to the bit"
is "$(sql "SELECT string_agg(item_id, ',') FROM behav_similar_items(7, 3, 'shop')")" \
	"$(on_primary "SELECT string_agg(item_id, ',') FROM behav_similar_items(7, 3, 'shop')")" "similar items too"
is "$(sql "SELECT count(*) > 0 FROM behav_explain(8, 43, 'shop')")" t "explanations too"

# one session on the standby, open all the while
coproc SESSION { exec psql -XqAt 2>&1; }
ask() { # statement: its output in $reply
	local line
	reply=
	printf '%s;\n\\echo .\n' "$1" >&"${SESSION[1]}"
	while read -r -t 20 line <&"${SESSION[0]}"; do
		[ "$line" = . ] && return 0
		reply=$reply${reply:+ }$line
	done
	return 1
}
QUERY="SELECT string_agg(item_id || ' ' || score, ' ' ORDER BY rank) FROM behav_recommend(8, 3, 'shop')"
ask "$QUERY"
is "$reply" "$(on_primary "$QUERY")" "an open session answers"
first=$reply

on_primary "SELECT behav_deploy('shop', 1)" >/dev/null
markov=$(on_primary "$QUERY")
replayed
ask "$QUERY"
is "$reply" "$markov" "it notices a deploy at its next call"
[ "$markov" != "$first" ]
ok $? "the versions differ"
on_primary "SELECT behav_rollback('shop')" >/dev/null
replayed
ask "$QUERY"
is "$reply" "$first" "it notices a rollback at its next call"
on_primary "INSERT INTO events VALUES (8, 50, '2026-06-01', 'view')"
replayed
ask "$QUERY"
is "$reply" "$(on_primary "$QUERY")" "a new event on the primary changes its answer"
[ "$reply" != "$first" ]
ok $? "the answer did change"

for statement in "SELECT FROM behav_train('shop', 'popular')" "SELECT behav_deploy('shop', 1)" "SELECT behav_rollback('shop')" \
	"SELECT behav_drop_model('shop')" "SELECT FROM behav_source('x', 'events')" \
	"SELECT FROM behav_recommend_table('shop', 'everyone')" "SELECT FROM behav_train('shop', 'popular', background => true)"; do
	is "$(sql_error "$statement" | head -1 | cut -c1-5)" 25006 "refused on a standby: $statement"
done

on_primary "SELECT behav_drop_model('shop')" >/dev/null
replayed
ask "$QUERY"
like "$reply" "ERROR:  model \"shop\" does not exist" "it notices a drop at its next call"
on_primary "SELECT FROM behav_train('shop', 'item_knn', deploy => 'always')" >/dev/null
replayed
ask "$QUERY"
is "$reply" "$(on_primary "$QUERY")" "and a new model of the same name"

as_server "$PGBIN/pg_ctl" -D "$WORK/standby" -w promote >/dev/null
ask "$QUERY"
is "$reply" "$(on_primary "$QUERY")" "it answers on after the promotion"
is "$(sql "SELECT version, deployed FROM behav_train('shop', 'seq_rules', deploy => 'always')")" "2|t" \
	"the promoted server trains the next version"
ask "$QUERY"
is "$reply" "$(sql "$QUERY")" "which the open session serves"
done_testing
