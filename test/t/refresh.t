#!/usr/bin/env bash
# Tables of recommendations in batches: a run that is killed goes on where it stopped, a second session is told,
# a later run answers only users with new events. And a user with a million events is answered as fast as others.
. "$(dirname "$0")/lib.sh"

server_start
shop_create
sql "SELECT FROM behav_train('shop', 'item_knn', options => '{\"exclude\": \"nothing\", \"tune\": false}', deploy => 'always')"

# Users whose rows in a table are not what behav_recommend says now.
wrong() { # table k
	sql "SELECT count(DISTINCT coalesce(t.user_id, a.who)) FROM (SELECT u.who, r.* FROM (SELECT DISTINCT user_id AS who FROM events) u, behav_recommend(u.who, $2, 'shop') r) a
		FULL JOIN $1 t ON t.user_id = a.who AND t.rank = a.rank AND t.item_id::text = a.item_id AND t.score = a.score::real WHERE a.who IS NULL OR t.user_id IS NULL"
}

is "$(sql "CALL behav_refresh_table('shop', 'shown', 5, batch => 37)")" "300|1500|f" "a first run answers everybody"
is "$(wrong shown 5)" 0 "as one by one"
is "$(sql "SELECT into_table, users, last_user, finished_at IS NOT NULL, since FROM behavmine.refresh")" "public.shown|300|300|t|-infinity" "it is written down"

# killed in the middle, on a table that takes its time
sql "CREATE TABLE slow (LIKE shown); CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END';
	CREATE TRIGGER wait AFTER INSERT ON slow FOR EACH STATEMENT EXECUTE FUNCTION wait()"
background run "CALL behav_refresh_table('shop', 'slow', 5, batch => 10)"
wait_for "SELECT users >= 50 FROM behavmine.refresh WHERE into_table = 'public.slow'"
like "$(sql_error "CALL behav_refresh_table('shop', 'slow', 5)")" '^55P03: table public.slow is being filled by another session' "a second session is told"
is "$(sql "SELECT count(*) FROM behav_recommend(7, 3)")" 3 "answers go on meanwhile"
sql "SELECT pg_terminate_backend($pid)" >/dev/null
wait "$client" 2>/dev/null
done_before=$(sql "SELECT users FROM behavmine.refresh WHERE into_table = 'public.slow'")
is "$(sql "SELECT count(DISTINCT user_id) = $done_before AND $done_before < 300 FROM slow")" t "the batches before the kill are there, whole"
is "$(sql "SELECT finished_at IS NULL FROM behavmine.refresh WHERE into_table = 'public.slow'")" t "and that it has not ended is known"
sql "DROP TRIGGER wait ON slow"
is "$(sql "CALL behav_refresh_table('shop', 'slow', 5)")" "$((300 - done_before))|$(((300 - done_before) * 5))|t" "the next call does the others"
is "$(wrong slow 5)" 0 "and the table is right"

# only what is new
sql "INSERT INTO events SELECT u, u + 3, '2026-02-01'::timestamptz + u * interval '1 minute', 'purchase' FROM (VALUES (4), (9), (211)) v (u)"
is "$(sql "CALL behav_refresh_table('shop', 'shown', 5)" | cut -d'|' -f1)" 4 "a refresh answers users with new events, and who had the newest before"
is "$(wrong shown 5)" 0 "and the table is right"
is "$(sql "CALL behav_refresh_table('shop', 'shown', 5, everyone => true)" | cut -d'|' -f1)" 300 "everyone when asked for"
is "$(sql "CALL behav_refresh_table('shop', 'shown', 3)" | cut -d'|' -f1)" 300 "and when the question is another"
is "$(wrong shown 3)" 0 "and the table is right"
sql "DELETE FROM events WHERE user_id = 17"
sql "CALL behav_refresh_table('shop', 'shown', 3, everyone => true)" >/dev/null
is "$(sql "SELECT count(*) FROM shown WHERE user_id = 17")" 0 "users who are gone have no rows any more"
sql "INSERT INTO events SELECT 1000 + u, u % 80, '2026-03-01'::timestamptz + u * interval '1 minute', 'view' FROM generate_series(1, 200) u"
is "$(sql "CALL behav_refresh_table('shop', 'shown', 3)" | cut -d'|' -f1)" 499 "where many are new, all are answered from one reading"
is "$(wrong shown 3)" 0 "and the table is right"
sql "SELECT behav_add_rule('shop', 'hide', ARRAY[3])" >/dev/null
is "$(sql "CALL behav_refresh_table('shop', 'shown', 3, everyone => true, filter => NULL)" | cut -d'|' -f1)" 499 "rules hold for tables, too"
is "$(sql "SELECT count(*) FROM shown WHERE item_id = 3")" 0 "what is hidden is not in them"
sql "SELECT behav_drop_rule(rule_id) FROM behav_shop_rules" >/dev/null

like "$(sql_error "BEGIN; CALL behav_refresh_table('shop', 'shown', 3)")" '^2D000: behav_refresh_table commits' "not in a transaction block"
like "$(sql_error "CALL behav_refresh_table('nothing', 'shown', 3)")" '^42704: ' "no such model"
like "$(sql_error "CALL behav_refresh_table('shop', 'shown', 0)")" '^22023: ' "k out of range"
like "$(sql_error "CALL behav_refresh_table('shop', 'events', 3)")" '^42703: ' "a table without the columns"
is "$(sql "CALL behav_refresh_table('shop', 'shown', 3, everyone => true)" | cut -d'|' -f1)" 499 "after an error the table can be filled again"

# cancelled: in the time of a statement, not of the run
sql "CREATE TRIGGER wait AFTER INSERT ON slow FOR EACH STATEMENT EXECUTE FUNCTION wait()"
background run2 "CALL behav_refresh_table('shop', 'slow', 4, batch => 5)"
wait_for "SELECT users >= 5 AND finished_at IS NULL FROM behavmine.refresh WHERE into_table = 'public.slow'"
begin=$(ms)
sql "SELECT pg_cancel_backend($pid)" >/dev/null
wait "$client" 2>/dev/null
[ $(($(ms) - begin)) -lt 500 ]
ok $? "a cancel ends it within half a second"

# a user with a million events
sql "INSERT INTO events SELECT 5000, i % 80, '2026-01-01'::timestamptz + i * interval '1 second', CASE WHEN i % 1000 = 0 THEN 'purchase' ELSE 'view' END FROM generate_series(1, 1000000) i; ANALYZE events"
for call in "behav_recommend(5000, 5)" "behav_recommend(5000, 5, as_of => '2026-01-08')" "behav_explain(5000, 7)" "behav_buy_again(5000)"; do
	sql "SELECT count(*) FROM behav_recommend(1, 5)" >/dev/null
	begin=$(ms)
	got=$(sql "SELECT count(*) >= 0 FROM $call")
	[ "$got" = t ] && [ $(($(ms) - begin)) -lt 500 ]
	ok $? "a user with a million events: $call takes its newest events only"
done
is "$(sql "SELECT count(*) FROM behav_explain(5000, 7) WHERE ts < '2026-01-12 13:00+00'")" 0 "older ones have no share"
done_testing
