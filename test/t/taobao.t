#!/usr/bin/env bash
# Funnels on the Taobao log of 815 users (BEHAVMINE_DATA), against levels counted by an independent program:
# default, strict_increase and strict_once; sessions of 30 minutes. Skips where the data is not at hand.
. "$(dirname "$0")/lib.sh"

file=${BEHAVMINE_DATA:-$ROOT/../shared/data}/events_taobao_815users.csv.xz
[ -r "$file" ] || { echo "1..0 # skipped: no $(basename "$file") in BEHAVMINE_DATA"; exit 0; }
server_start main
psql -Xq -c "CREATE EXTENSION behavmine" -c "CREATE TABLE raw (line int GENERATED ALWAYS AS IDENTITY, user_id bigint, item_id bigint, category_id bigint, behavior text, unix_time bigint)"
# the last line of the file is cut off in the middle: only whole lines are loaded
xz -dc "$file" | tail -n +2 | awk -F, 'NF == 5' | psql -Xq -c "COPY raw (user_id, item_id, category_id, behavior, unix_time) FROM STDIN (FORMAT csv)"
is "$(sql "SELECT count(*) || ' ' || count(DISTINCT user_id) FROM raw")" "84475 815" "whole lines and users"
# the oracle takes events of one second in the order of the file: microseconds say so, and the window has room
# for them
sql "CREATE TABLE events AS SELECT user_id, behavior AS event, to_timestamp(unix_time) AS ts, to_timestamp(unix_time) + line * interval '1 microsecond' AS ordered FROM raw"

levels() { # time within mode steps: users at level 0, 1, ...
	sql "SELECT string_agg((SELECT count(*) FROM (SELECT behav_funnel_level($1, $2, '$3', event, '$4') AS level FROM events GROUP BY user_id) x WHERE level = l)::text, ' ' ORDER BY l)
		FROM generate_series(0, cardinality('$4'::text[])) l"
}
check() { # steps within default strict
	is "$(levels ts "'$2'" default "{$1}")" "$3" "$1 within $2, default"
	is "$(levels ts "'$2'" strict_increase "{$1}")" "$4" "$1 within $2, strict_increase"
	is "$(levels ordered "'$2'::interval + '0.9 seconds'" strict_once "{$1}")" "$4" "$1 within $2, strict_once, in the order of the file"
}
check pv,cart,buy "1 hour" "2 253 427 133" "2 253 427 133"
check pv,cart,buy "1 day" "2 223 311 279" "2 223 311 279"
check pv,cart,buy "7 days" "2 217 209 387" "2 217 209 387"
check pv,fav,cart,buy "1 day" "2 516 157 81 59" "2 516 157 81 59"
check pv,pv,buy "1 hour" "2 0 332 481" "2 5 378 430"
check pv,pv,buy "1 day" "2 0 267 546" "2 2 289 522"
# an event that does one step at most, events of one second in any order: never less than in one given order
is "$(sql "SELECT count(*) FROM (SELECT behav_funnel_level(ts, '1 hour', 'strict_once', event, '{pv,pv,buy}') < behav_funnel_level(ordered, '1 hour 0.9 seconds', 'strict_once', event, '{pv,pv,buy}') AS less FROM events GROUP BY user_id) x WHERE less")" 0 "strict_once without an order loses nothing"
is "$(sql "SELECT sum(n) FROM (SELECT max(session) AS n FROM (SELECT user_id, behav_sessionize(ts, '30 minutes') OVER (PARTITION BY user_id ORDER BY ts) AS session FROM events) x GROUP BY user_id) y")" 14122 "sessions, window function"
is "$(sql "SELECT sum(behav_session_count(s)) FROM (SELECT behav_session_agg(ts, '30 minutes') AS s FROM events GROUP BY user_id) x")" 14122 "sessions, aggregate"
is "$(sql "SELECT sum(cardinality(t)) FROM (SELECT behav_funnel_times(ts, '1 day', event, ARRAY['pv', 'cart', 'buy']) AS t FROM events GROUP BY user_id) x")" $((223 + 2 * 311 + 3 * 279)) "times: as many as steps"

psql -Xq -c "CREATE TABLE log AS SELECT user_id, item_id, behavior AS event, to_timestamp(unix_time) AS ts FROM raw" -c "SELECT FROM behav_source('taobao', 'log', 'user_id', 'item_id', 'ts', 'event')" >/dev/null
is "$(sql "SELECT string_agg(users::text, ' ' ORDER BY step) FROM behav_funnel('taobao', ARRAY['pv', 'cart', 'buy'], '1 day')")" "813 590 279" "behav_funnel on the source"
done_testing
