#!/usr/bin/env bash
# Models of rows where a server matters: a background job, a standby and a read-only transaction, another role's
# table, a damaged version, a cancel in folds; and quality on Telco churn (BEHAVMINE_DATA) beside its published figure.
. "$(dirname "$0")/lib.sh"

server_start main max_worker_processes=16
psql -Xq <<SQL
CREATE EXTENSION behavmine;
CREATE TABLE t AS SELECT i AS id, i * 37 % 101 AS a, i * 53 % 97 AS b, (ARRAY['x', 'y', 'z'])[1 + i % 3] AS c,
	(i * 37 % 101) + 20 * (i % 3) - (i * 53 % 97) / 2.0 + i * 7 % 11 > 60 AS y FROM generate_series(1, 3000) i;
SQL

# a background job writes the same version as a call
sql "SELECT FROM behav_train('here', 'logistic', data => 't', target => 'y', features => '{a,b,c}', seed => 1)"
sql "SELECT FROM behav_train('job', 'logistic', data => 't', target => 'y', features => '{a,b,c}', seed => 1, background => true)"
wait_for "SELECT bool_and(status = 'done') FROM behav_jobs"
ok $? "a background job trains on rows"
is "$(sql "SELECT bool_and(a.probability = b.probability) FROM t, behav_predict('here', t) a, behav_predict('job', t) b")" t "it answers as the call does, to the bit"

# other roles need the model and the table
psql -Xq -c "CREATE ROLE reader LOGIN" -c "GRANT USAGE ON SCHEMA behavmine TO reader" \
	-c "GRANT SELECT ON ALL TABLES IN SCHEMA behavmine TO reader"
like "$(sql_error "SELECT class FROM behav_predict('here', '{\"a\": 1, \"b\": 2, \"c\": \"x\"}'::jsonb)" reader)" '^42704' "a role does not see another's model"
sql "SELECT behav_grant_model('here', 'reader')"
like "$(sql_error "SELECT class FROM behav_predict('here', '{\"a\": 1, \"b\": 2, \"c\": \"x\"}'::jsonb)" reader)" '^(true|false)$' "granted, it asks it about rows of its own"
like "$(sql_error "SELECT * FROM behav_evaluate_rows('here', 't')" reader)" '^42501' "but does not measure it on a table that it may not read"

# a standby
scores() { sql "SELECT md5(string_agg(p.probability::text, ',' ORDER BY t.id)) FROM t, behav_predict('here', t) p"; }
before=$(scores)
server_standby standby main
PGHOST=$WORK/main.sock
lsn=$(sql "SELECT pg_current_wal_insert_lsn()")
PGHOST=$WORK/standby.sock wait_for "SELECT pg_last_wal_replay_lsn() >= '$lsn'"
is "$(PGHOST=$WORK/standby.sock scores)" "$before" "a standby answers the same, to the bit"
is "$(PGHOST=$WORK/standby.sock sql "SELECT count(*) FROM behav_explain_row('here', '{\"a\": 1, \"b\": 2, \"c\": \"x\"}'::jsonb)")" 3 "and explains"
is "$(PGHOST=$WORK/standby.sock sql "SELECT sum(n) FROM behav_confusion('here', 't')")" 3000 "and measures"

# answers in the leader of a parallel query bind the model once
is "$(sql "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SELECT count(*) FROM t, behav_predict('here', t) p WHERE p.class IS NOT NULL")" 3000 "a parallel plan"

# a damaged version is named
sql "UPDATE behavmine.tensor SET \"values\" = \"values\"[2:] WHERE name = 'logistic/weight' AND model_id = (SELECT model_id FROM behavmine.model WHERE name = 'job')"
like "$(sql_error "SELECT part FROM behav_summary('job')")" '^XX001: tensor "logistic/weight" of version 1 of model "job" is damaged' "a damaged tensor is named"

# a cancel in the folds
sql "CREATE TABLE many AS SELECT t.* FROM t, generate_series(1, 60)"
began=$(date +%s%N)
like "$(sql_error "SET statement_timeout = '2s'; SELECT FROM behav_train('slow', 'logistic', data => 'many', target => 'y', features => '{a,b,c}', options => '{\"folds\": 100}')")" '^57014' "a timeout ends a training"
[ $((($(date +%s%N) - began) / 1000000)) -lt 3500 ]
ok $? "soon"
is "$(sql "SELECT count(*) FROM behav_versions WHERE model = 'slow'")" 0 "and leaves nothing"

file=${BEHAVMINE_DATA:-$ROOT/../shared/data}/churn_telco.csv.xz
if [ -r "$file" ]; then
	sql "CREATE TABLE raw (id text, gender text, senior int, partner text, dependents text, tenure int, phone text, lines text, internet text, security text, backup text, protection text, support text, tv text, movies text, contract text, paperless text, payment text, monthly float8, total text, churn text)"
	xz -dc "$file" | psql -Xq -c "COPY raw FROM STDIN (FORMAT csv, HEADER)"
	sql "CREATE VIEW telco AS SELECT gender, senior, partner, dependents, tenure, phone, lines, internet, security, backup, protection, support, tv, movies, contract, paperless, payment, monthly, nullif(trim(total), '')::float8 AS total, churn FROM raw"
	sql "SELECT FROM behav_train('telco', 'logistic', data => 'telco', target => 'churn', options => '{\"folds\": 10}')"
	is "$(sql "SELECT value >= 0.845 FROM behav_evaluate_rows('telco') WHERE part = 'folds' AND metric = 'auc'")" t "Telco churn, 10 folds: AUC of at least .845"
else
	note "skipped: no $(basename "$file") in BEHAVMINE_DATA"
fi
done_testing
