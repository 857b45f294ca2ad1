# Sourced by benchmarks: loads the public data sets into tables of database $DB and registers them as
# sources. Needs the functions of test/server.sh (psql reaches the throw-away server) and DATA.

DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}

have() {
	[ -f "$DATA/$1" ] && return 0
	echo "skipped: $1 is not in $DATA (set BEHAVMINE_DATA)"
	return 1
}

# One user a line, items in time order: `user item item ...`. The place in the line becomes the time.
load_lines() { # table file [minimum events of an item]
	have "$2" || return 1
	psql -Xqc "CREATE TABLE $1 (user_id bigint, item_id bigint, ts bigint)"
	xz -dc "$DATA/$2" |
		awk '{ for (i = 2; i <= NF; i++) printf "%s\t%s\t%d\n", $1, $i, 1000000000 + i }' |
		psql -Xqc "COPY $1 FROM STDIN"
	psql -Xqc "CREATE INDEX ON $1 (user_id, ts)" -c "ANALYZE $1"
	psql -XqAt -o /dev/null -c "SET client_min_messages = warning" \
		-c "SELECT * FROM behav_source('$1', '$1', options => '{\"min_item_count\": ${3:-1}}')"
}

load_ml1m() { load_lines ml1m seqrec_ml1m_ordered.txt.xz 5; }
load_beauty() { load_lines beauty seqrec_s3_beauty.txt.xz; }
load_lastfm() { load_lines lastfm seqrec_s3_lastfm.txt.xz; }

load_taobao() {
	have events_taobao_815users.csv.xz || return 1
	# the last line of the file is cut off
	psql -Xqc "CREATE TABLE taobao (user_id bigint, item_id bigint, category_id bigint, event text, ts bigint)"
	xz -dc "$DATA/events_taobao_815users.csv.xz" | sed '$d' | psql -Xqc "COPY taobao FROM STDIN (FORMAT csv, HEADER)"
	psql -Xqc "CREATE INDEX ON taobao (user_id, ts)" -c "ANALYZE taobao"
	psql -XqAt -o /dev/null -c "SET client_min_messages = warning" \
		-c "SELECT * FROM behav_source('taobao', 'taobao')"
}

load_retail() {
	have online_retail.csv.xz || return 1
	psql -Xqc "CREATE TABLE retail (invoice text, item_id text, description text, quantity int,
		ts timestamp, price float8, user_id int, country text)"
	xz -dc "$DATA/online_retail.csv.xz" | psql -Xqc "COPY retail FROM STDIN (FORMAT csv, HEADER)"
	psql -Xqc "CREATE VIEW retail_purchases AS SELECT user_id, item_id, ts, price, quantity FROM retail
		WHERE quantity > 0 AND invoice NOT LIKE 'C%' AND user_id IS NOT NULL" \
		-c "CREATE INDEX ON retail (user_id, ts)" -c "ANALYZE retail"
	psql -XqAt -o /dev/null -c "SET client_min_messages = warning" \
		-c "SELECT * FROM behav_source('retail', 'retail_purchases', value => 'price')"
}
