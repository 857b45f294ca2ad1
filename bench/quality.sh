#!/usr/bin/env bash
# What behav_train chooses by itself on public data, beside every single algorithm.
#
# For each data set: the table of behav_compare (every candidate and the choice, test part), the ratio
# of the choice to the best single algorithm, and the published or measured yardsticks. ML-1M, Beauty
# and LastFM have an order but no times: leave-last-out, fitted without each user's last two events,
# all items ranked, seen removed. Taobao and Online Retail: the default split by time.
#
#   bench/quality.sh [ml1m beauty lastfm taobao retail]
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
. "$ROOT/bench/load.sh"

protocol() {
	case $1 in
	taobao | retail) echo '{}' ;;
	*) echo '{"split": "leave_last_out", "max_cases": 100000}' ;;
	esac
}

yardstick() {
	case $1 in
	ml1m) echo "yardsticks: markov .1919/.1122, seq_rules .2619/.1517, SASRec with full cross-entropy .3152/.1821 (published)" ;;
	beauty) echo "yardsticks: seq_rules .0835/.0521, half seq_rules half EASE .0872/.0544, SASRec with sampled softmax .0921/.0531 (published)" ;;
	lastfm) echo "yardsticks: item-kNN .0780/.0416, EASE .0826/.0429, SASRec .0688/.0390 (published)" ;;
	esac
}

server_start
psql -Xqc "CREATE EXTENSION behavmine"
for set in ${*:-ml1m beauty lastfm taobao retail}; do
	echo
	echo "== $set"
	"load_$set" || continue
	psql -XqAt -c "SET client_min_messages = warning" -c "CREATE TABLE r_$set AS
		SELECT * FROM behav_compare('$set', options => '$(protocol "$set")')"
	psql -Xq -P footer=off -c "SELECT algorithm, CASE WHEN chosen THEN '*' END AS chosen, cases,
		round(recall::numeric, 4) AS recall_at_10, round(ndcg::numeric, 4) AS ndcg_at_10,
		round(coverage::numeric, 3) AS coverage, round(seconds::numeric, 1) AS seconds
		FROM r_$set ORDER BY ndcg"
	psql -XqAt -c "SELECT format('the choice / the best single algorithm: %s', round((
		(SELECT ndcg FROM r_$set WHERE chosen) /
		(SELECT max(ndcg) FROM r_$set WHERE algorithm <> 'blend'))::numeric, 3))"
	yardstick "$set"
done
