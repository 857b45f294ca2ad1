#!/usr/bin/env bash
# The next behaviour on Taobao (pv, cart, fav, buy), split by time: macro-F1 and the AUC of buy of each
# algorithm beside the baselines: the majority, and a Markov chain on the last behaviour.
#
#   bench/next_event.sh [algorithm ...]     default: logistic gru
#
# BEHAVMINE_DATA is the data, OPTIONS more options of the training as members of a JSON object.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
FILE=$DATA/events_taobao_815users.csv.xz
[ $# -gt 0 ] || set -- logistic gru
[ -r "$FILE" ] || { echo "skipped: no $FILE"; exit 0; }
. "$ROOT/test/server.sh"
server_start main
psql -Xq -c 'CREATE EXTENSION behavmine' \
	-c 'CREATE TABLE taobao (user_id bigint, item_id bigint, category_id bigint, behavior text, unix_time bigint)'
xz -dc "$FILE" | awk -F, 'NF == 5' | psql -Xqc 'COPY taobao FROM STDIN CSV HEADER'
psql -XqAtc "SELECT 'events: ' || rows FROM behav_source('taobao', 'taobao', 'user_id', 'item_id', 'unix_time',
	event => 'behavior', attributes => '{category_id}')"
printf '%-12s %9s %9s %9s %9s %9s %9s %9s\n' algorithm macro-F1 markov majority AUC-buy markov macro-AUC seconds
for a in "$@"; do
	PGOPTIONS='-c behavmine.progress=off' psql -Xqc "SELECT behav_train('m', '$a', 'taobao', '{\"task\": \"next_event\", \"balanced\": true, \"metric\": \"f1\", \"refit\": false, \"repeats\": 0, \"max_windows\": 40000, \"patience\": 3 ${OPTIONS:+, $OPTIONS}}', deploy => 'always')" >/dev/null
	psql -XqAt -F ' ' -c "SELECT '$a', metrics #>> '{test,macro,f1}', metrics #>> '{markov,macro,f1}', metrics #>> '{baseline,macro,f1}',
		(SELECT c ->> 'auc' FROM jsonb_array_elements(metrics -> 'classes') c WHERE c ->> 'class' = 'buy'),
		(SELECT c ->> 'auc' FROM jsonb_array_elements(metrics -> 'markov_classes') c WHERE c ->> 'class' = 'buy'),
		metrics #>> '{test,macro,auc}', round(seconds::numeric, 1)
		FROM behavmine.version v JOIN behavmine.model m USING (model_id) WHERE m.name = 'm' ORDER BY version DESC LIMIT 1" |
		xargs printf '%-12s %9.4f %9.4f %9.4f %9.4f %9.4f %9.4f %9.1f\n'
done
