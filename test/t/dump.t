#!/usr/bin/env bash
# A dump restored into another database, or by another server, answers the same to the bit, goes on
# numbering where it was, and keeps owners, grants, sources and jobs.
. "$(dirname "$0")/lib.sh"

server_start main && shop_create
sql "CREATE ROLE \"ana \"\"lyst\"" && sql "GRANT SELECT ON events TO \"ana \"\"lyst\""
sql "SELECT FROM behav_train('shop', 'markov', deploy => 'always')" >/dev/null
sql "SELECT FROM behav_train('shop', 'sasrec', options => '{\"epochs\": 2, \"dim\": 16}', deploy => 'always')" >/dev/null
sql "SELECT FROM behav_train('o''dd \"name\"', 'blend', 'shop', deploy => 'always')" >/dev/null
sql "SELECT behav_grant_model('shop', 'ana \"lyst')" >/dev/null
job=$(sql "SELECT job FROM behav_train('by job', 'popular', 'shop', background => true)")
wait_for "SELECT status = 'done' FROM behav_jobs WHERE job_id = $job"
ok $? "three models and a job are there to be dumped"

state() { # what must survive, as text: the bits of all weights by their text, which is exact
	sql "SELECT 'model', md5(string_agg(m::text, '|' ORDER BY model_id)) FROM behavmine.model m
	UNION ALL SELECT 'source', md5(string_agg(s::text, '|' ORDER BY name)) FROM behavmine.source s
	UNION ALL SELECT 'version', md5(string_agg(v::text, '|' ORDER BY model_id, version)) FROM behavmine.version v
	UNION ALL SELECT 'tensor', md5(string_agg(md5(t::text), '|' ORDER BY model_id, version, name, chunk_no)) FROM behavmine.tensor t
	UNION ALL SELECT 'code', md5(string_agg(c::text, '|' ORDER BY model_id, version, kind, code)) FROM behavmine.code c
	UNION ALL SELECT 'deployment', md5(string_agg(d::text, '|' ORDER BY deployment_id)) FROM behavmine.deployment d
	UNION ALL SELECT 'job', md5(string_agg(j::text, '|' ORDER BY job_id)) FROM behavmine.job j ORDER BY 1"
}

is "$(sql "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
		AND c.relnamespace = 'behavmine'::regnamespace AND c.relkind IN ('r', 'S')
		AND c.oid <> ALL ((SELECT extconfig FROM pg_extension WHERE extname = 'behavmine')::oid[])")" "" \
	"every table and listed sequence of the extension is dumped"
is "$(sql "SELECT count(*) FROM pg_class WHERE relnamespace = 'behavmine'::regnamespace AND relkind IN ('r', 'S')")" \
	"$(sql "SELECT cardinality(extconfig) FROM pg_extension WHERE extname = 'behavmine'")" \
	"and so is every other one in the schema"

before=$(answers) odd=$(answers "o''dd \"name\"") was=$(state)
compare() { # where
	is "$(state)" "$was" "$1: sources, models, versions, weights, dictionaries, deployments, jobs are the same"
	is "$(answers)" "$before" "$1: the network answers the same, to the bit"
	is "$(answers "o''dd \"name\"")" "$odd" "$1: the blend answers the same, to the bit"
	is "$(sql "SELECT version FROM behav_train('shop', 'popular', deploy => 'never')")" 3 "$1: the next version is 3"
	is "$(sql "SELECT FROM behav_train('new', 'popular', 'shop')" >/dev/null; sql "SELECT model_id FROM behavmine.model WHERE name = 'new'")" 4 \
		"$1: the next model is 4"
	is "$(sql "INSERT INTO behavmine.job (action) VALUES ('train') RETURNING job_id")" $((job + 1)) "$1: the next job follows"
	is "$(sql "SELECT behav_rollback('shop')")" 1 "$1: rollback finds the version before"
	is "$(sql "SELECT readers FROM behav_models WHERE model = 'shop'")" '{"ana \"lyst"}' "$1: the grant is kept"
}

# plain SQL into another database
pg_dump postgres >"$WORK/plain.sql" 2>"$WORK/dump.err"
is "$(cat "$WORK/dump.err")" "" "pg_dump has nothing to say"
sql "CREATE DATABASE plain"
psql -Xq -v ON_ERROR_STOP=1 -d plain -f "$WORK/plain.sql" >"$WORK/restore.out" 2>&1
ok $? "a plain dump is restored without an error"
PGDATABASE=plain compare "plain dump"

# custom format, another server
pg_dump -Fc -f "$WORK/custom" postgres && globals=$(pg_dumpall --roles-only)
server_start other
psql -Xq -c "$(echo "$globals" | grep 'CREATE ROLE "ana')" >/dev/null
pg_restore --create --if-exists --clean -d template1 "$WORK/custom" >"$WORK/restore.out" 2>&1
ok $? "a restore on another server works"
compare "other server"
server_stop other
export PGHOST=$WORK/main.sock

# With several jobs pg_restore may load a child before its parent: pg_dump does not write into the archive
# which data of an extension's tables must come first. So these follow on their own, in the dump's order.
sql "CREATE DATABASE parallel" && pg_restore -j 2 -d parallel --exclude-schema=behavmine "$WORK/custom" >"$WORK/restore.out" 2>&1 &&
	pg_restore -d parallel --data-only --schema=behavmine "$WORK/custom" >>"$WORK/restore.out" 2>&1
ok $? "a parallel restore works, with behavmine's data after the rest"
PGDATABASE=parallel compare "parallel restore"

# pg_upgrade keeps the files of the tables; sequences and config tables go through its dump
if server_stop main && mkdir "$WORK/up" && chown "$SERVER_USER" "$WORK/up" && cd "$WORK/up" &&
	as_server "$PGBIN/initdb" -D "$WORK/next" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >/dev/null; then
	server_configure next
	PGOPTIONS='' as_server "$PGBIN/pg_upgrade" -b "$PGBIN" -B "$PGBIN" -d "$WORK/main" -D "$WORK/next" \
		-U postgres -s "$WORK/up" >"$WORK/upgrade.log" 2>&1
	ok $? "pg_upgrade takes the cluster over" || tail -20 "$WORK/upgrade.log"
	server_start next
	compare "pg_upgrade"
	is "$(half_written)" 0 "pg_upgrade: nothing is lost"
fi
done_testing
