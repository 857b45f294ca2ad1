#!/usr/bin/env bash
# behav_update after 1 % new events: its time beside that of behav_train, its quality beside that of a
# training on the same events.
#
# The sets have an order but no times: a user's events are spread over a year in their order, so that the
# newest 1 % come from everybody. Time: behav_update / the behav_train that made the version (choosing a
# setting of the algorithm's grid and fitting it again on all events, as always). Quality: NDCG@10 on the
# newest half of the new events, of the updated version before it learns from them, and of a version that
# was trained anew on everything before them.
#
#   bench/update.sh        SETS="ml1m" ALGORITHMS="als sasrec" bench/update.sh
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
. "$ROOT/bench/load.sh"

load_year() { # set file minimum
	have "$2" || return 1
	psql -Xqc "CREATE TABLE $1_all (user_id bigint, item_id bigint, ts bigint)"
	xz -dc "$DATA/$2" | awk '{ n = NF - 1; for (i = 2; i <= NF; i++) printf "%s\t%s\t%d\n", $1, $i,
		1000000000 + 31536000 * (i - 2 + (($1 * 7919 + i * 104729) % 1000) / 1000) / n }' |
		psql -Xqc "COPY $1_all FROM STDIN"
	psql -Xqc "CREATE TABLE $1 (LIKE $1_all)" -c "CREATE INDEX ON $1 (user_id, ts)"
	psql -XqAt -o /dev/null -c "SET client_min_messages = warning" \
		-c "SELECT * FROM behav_source('$1', '$1', options => '{\"min_item_count\": $3}')"
}

one() { # set algorithm ("" = the default choice)
	local algorithm=${2:+\'$2\'}
	psql -XqAt -v ON_ERROR_STOP=1 -F ' ' <<-SQL
		SET client_min_messages = warning;
		SET behavmine.progress = off;
		TRUNCATE $1;
		INSERT INTO $1 SELECT * FROM $1_all
			WHERE ts < (SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY ts) FROM $1_all);
		ANALYZE $1;
		SELECT seconds AS trained, algorithm AS chosen FROM behav_train('m', ${algorithm:-NULL}, '$1') \gset
		INSERT INTO $1 SELECT * FROM $1_all
			WHERE ts >= (SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY ts) FROM $1_all);
		SELECT new_events, seconds AS updated, value, old_value, deployed FROM behav_update('m') \gset
		SELECT substring(metrics->>'protocol' FROM 'next event from (.*) on, fitted') AS cut
			FROM behav_versions WHERE model = 'm' ORDER BY version DESC LIMIT 1 \gset
		SELECT 1 FROM behav_train('again', ${algorithm:-NULL}, '$1', options => jsonb_build_object('until', :'cut')) \g /dev/null
		SELECT ndcg AS again FROM behav_evaluate('again', since => :'cut') WHERE algorithm <> 'popular' OR ${algorithm:-NULL} = 'popular' LIMIT 1 \gset
		SELECT '$1', '${2:-default}', :'chosen', :new_events, round(:trained::numeric, 2), round(:updated::numeric, 2),
			round((:updated / :trained)::numeric, 3), round(:old_value::numeric, 4), round(:value::numeric, 4),
			round(:again::numeric, 4), round((:value / :again)::numeric, 3), :'deployed';
		SELECT behav_drop_model('m') \g /dev/null
		SELECT behav_drop_model('again') \g /dev/null
	SQL
}

server_start
psql -Xqc "CREATE EXTENSION behavmine"
echo "set algorithm chosen new_events train_s update_s time_ratio ndcg_old ndcg_updated ndcg_retrained quality_ratio deployed"
for set in ${SETS:-ml1m beauty}; do
	case $set in
	ml1m) load_year ml1m seqrec_ml1m_ordered.txt.xz 5 || continue ;;
	beauty) load_year beauty seqrec_s3_beauty.txt.xz 1 || continue ;;
	esac
	for algorithm in ${ALGORITHMS:-popular markov seq_rules item_knn session_knn als sasrec default}; do
		one "$set" "${algorithm#default}"
	done
done
