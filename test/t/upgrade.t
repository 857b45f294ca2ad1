#!/usr/bin/env bash
# The extension as an object: what CREATE EXTENSION makes is what the list of this version says, every
# released version updates to it, DROP EXTENSION takes everything away, and it works in any schema under
# any search_path.
. "$(dirname "$0")/lib.sh"

server_start main
VERSION=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$ROOT/behavmine.control")

# Of the extension, without the schema that the user chose; row and array types, which come with their
# tables and types, are objects of the extension from PostgreSQL 17 on.
objects() {
	sql "SELECT replace(replace(pg_describe_object(classid, objid, objsubid), 'public.', ''), 'shelf.', '')
		FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'behavmine')
			AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t
				WHERE t.oid = objid AND (t.typrelid <> 0 OR t.typcategory = 'A')))" | sort
}

everything() { # what is in the database, but the system's own
	sql "SELECT count(*), (SELECT count(*) FROM pg_class WHERE oid >= 16384), (SELECT count(*) FROM pg_type WHERE oid >= 16384),
		(SELECT count(*) FROM pg_namespace WHERE oid >= 16384), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_policy),
		(SELECT count(*) FROM pg_constraint WHERE oid >= 16384), (SELECT count(*) FROM pg_description WHERE objoid >= 16384)
		FROM pg_proc WHERE oid >= 16384"
}

empty=$(everything)
sql "CREATE EXTENSION behavmine"
is "$(sql "SELECT extversion FROM pg_extension WHERE extname = 'behavmine'")" "$VERSION" "the version is the control file's"
is "$(sql "SELECT value FROM behav_version() WHERE name = 'behavmine'" | grep -c "$VERSION")" 1 "behav_version tells it"
fresh=$(objects)
is "$(diff <(echo "$fresh") "$ROOT/test/t/objects.list")" "" "its objects are those of test/t/objects.list"
sql "ALTER EXTENSION behavmine UPDATE" 2>/dev/null
ok $? "ALTER EXTENSION UPDATE works"
is "$(objects)" "$fresh" "and changes nothing in the newest version"
is "$(sql "SELECT count(*) FROM pg_extension_update_paths('behavmine') WHERE target = '$VERSION' AND source <> target AND path IS NULL")" 0 \
	"from every version a path leads to this one"
sql "DROP EXTENSION behavmine"
is "$(everything)" "$empty" "DROP EXTENSION leaves nothing"

for old in $(sql "SELECT version FROM pg_available_extension_versions WHERE name = 'behavmine' AND version <> '$VERSION'"); do
	sql "CREATE EXTENSION behavmine VERSION '$old'"
	sql "ALTER EXTENSION behavmine UPDATE TO '$VERSION'"
	is "$(objects)" "$fresh" "version $old updates to the same objects"
	sql "DROP EXTENSION behavmine"
done

# what the script may not do
is "$(grep -nE '^CREATE OR REPLACE|IF NOT EXISTS' "$ROOT"/sql/install/*.sql)" "" "the script replaces nothing that may be another's"
sql "CREATE EXTENSION behavmine"
is "$(sql "SELECT string_agg(p.oid::regprocedure::text, ' ') FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
		AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'behavmine')
	WHERE p.prosecdef OR p.prokind <> 'a' AND p.prolang NOT IN (SELECT oid FROM pg_language WHERE lanname = 'c')
		AND p.prosqlbody IS NULL AND p.proconfig IS NULL")" "" "no function runs with its owner's rights or under the caller's search_path"
is "$(sql "SELECT string_agg(c.relname, ' ') FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'behavmine'::regnamespace AND a.grantee = 0")" "" \
	"nothing stored is PUBLIC"
is "$(sql "SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'behavmine'::regnamespace AND relkind = 'r' AND NOT relrowsecurity")" "" \
	"every stored table has row-level security"
sql "DROP EXTENSION behavmine"

# in another schema, with traps in front of pg_catalog
psql -Xq -v ON_ERROR_STOP=1 -f "$ROOT/test/t/shop.sql" -c "CREATE SCHEMA shelf" -c "CREATE EXTENSION behavmine SCHEMA shelf" \
	-c "CREATE SCHEMA trap"
ok $? "it goes into a schema of its own"
is "$(objects | sed 's/schema shelf//')" "$fresh" "with the same objects"
psql -Xq -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
CREATE TABLE trap.sprung (what text);
CREATE FUNCTION trap.spring(what text) RETURNS void LANGUAGE sql AS 'INSERT INTO trap.sprung VALUES (what)';
CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT trap.spring('now'); SELECT '-infinity'::pg_catalog.timestamptz $$;
CREATE FUNCTION trap.count(anyelement) RETURNS bigint LANGUAGE sql AS $$ SELECT trap.spring('count'); SELECT 0::bigint $$;
CREATE FUNCTION trap.text_eq(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.spring('text ='); SELECT true $$;
CREATE FUNCTION trap.name_eq(name, name) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.spring('name ='); SELECT true $$;
CREATE FUNCTION trap.big_eq(bigint, bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.spring('bigint ='); SELECT true $$;
CREATE FUNCTION trap.int_eq(int, int) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.spring('int ='); SELECT true $$;
CREATE FUNCTION trap.big_int_eq(bigint, int) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.spring('bigint = int'); SELECT true $$;
CREATE FUNCTION trap.time_lt(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.spring('timestamptz <'); SELECT true $$;
CREATE FUNCTION trap.name_text_eq(name, text) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.spring('name = text'); SELECT true $$;
CREATE OPERATOR trap.= (FUNCTION = trap.text_eq, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR trap.= (FUNCTION = trap.name_eq, LEFTARG = name, RIGHTARG = name);
CREATE OPERATOR trap.= (FUNCTION = trap.big_eq, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR trap.= (FUNCTION = trap.int_eq, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR trap.= (FUNCTION = trap.big_int_eq, LEFTARG = bigint, RIGHTARG = int);
CREATE OPERATOR trap.= (FUNCTION = trap.name_text_eq, LEFTARG = name, RIGHTARG = text);
CREATE OPERATOR trap.< (FUNCTION = trap.time_lt, LEFTARG = timestamptz, RIGHTARG = timestamptz);
CREATE OPERATOR trap.>= (FUNCTION = trap.time_lt, LEFTARG = timestamptz, RIGHTARG = timestamptz);
CREATE DOMAIN trap.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN trap.int8 AS pg_catalog.int8 CHECK (false);
CREATE TABLE trap.events (user_id bigint, item_id bigint, ts timestamptz, event text);
SQL
SAFE=$PGOPTIONS
run() { # the whole round; what it answered
	psql -XqAt -v VERBOSITY=terse 2>&1 <<'SQL'
SELECT rows, users, items FROM shelf.behav_source('shop', 'public.events', 'user_id', 'item_id', 'ts', 'event');
SELECT "check", rows FROM shelf.behav_profile('shop');
SELECT rows, kept FROM shelf.behav_read('shop');
SELECT algorithm, rows, users, items FROM shelf.behav_estimate('shop', 'ease');
SELECT version, algorithm, rows, users, items, value, deployed FROM shelf.behav_train('shop', 'seq_rules', deploy => 'always');
SELECT version, algorithm, value, deployed FROM shelf.behav_train('shop', 'blend', options => '{"candidates": ["markov", "ease"]}', deploy => 'always');
SELECT algorithm, ndcg FROM shelf.behav_compare('shop', ARRAY['markov']);
SELECT version, algorithm, ndcg FROM shelf.behav_evaluate('shop');
SELECT * FROM shelf.behav_recommend(8, 3);
SELECT * FROM shelf.behav_recommend('8', 3, 'shop');
SELECT * FROM shelf.behav_recommend_items(ARRAY[7, 12], 3, 'shop');
SELECT * FROM shelf.behav_similar_items(7, 3, 'shop');
SELECT * FROM shelf.behav_explain(8, 43, 'shop');
SELECT users, rows FROM shelf.behav_recommend_table('shop', 'public.everyone', 2);
SELECT model, deployed, versions FROM shelf.behav_models;
SELECT version, deployed, algorithm FROM shelf.behav_versions;
SELECT name, relation FROM shelf.behav_sources;
SELECT * FROM shelf.behav_jobs;
SELECT * FROM shelf.behav_progress;
SELECT * FROM shelf.behav_summary('shop');
SELECT * FROM shelf.behav_history('shop', 1);
SELECT name, shape FROM shelf.behav_weights('shop');
SELECT shelf.behav_grant_model('shop', 'pg_monitor');
SELECT shelf.behav_revoke_model('shop', 'pg_monitor');
SELECT shelf.behav_is_member(ARRAY['postgres']::name[]);
SELECT shelf.behav_rollback('shop');
SELECT shelf.behav_deploy('shop', 2);
SELECT shelf.behav_drop_model('shop', 1);
SELECT shelf.behav_drop_model('shop');
SELECT shelf.behav_drop_source('shop');
DROP TABLE public.everyone;
SQL
}
export PGOPTIONS="$SAFE -c search_path=pg_catalog"
plain=$(run)
is "$(echo "$plain" | grep ERROR)" "" "a round through all functions works without the schema in the search_path"
export PGOPTIONS="$SAFE -c search_path=trap,pg_catalog,shelf,public"
hostile=$(run)
is "$(diff <(echo "$plain") <(echo "$hostile"))" "" "and answers the same under a hostile search_path"
export PGOPTIONS=$SAFE
is "$(sql "SELECT string_agg(DISTINCT what, ', ') FROM trap.sprung")" "" "no trap was sprung"
done_testing
