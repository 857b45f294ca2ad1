#!/usr/bin/env bash
# What the README and the pages of doc/ say can be typed: every ```sql block runs, and what they show as an
# error is raised with those words. README and tutorial begin with an empty database, the pages of mining with the
# extension and a shop that they make, every other page with the shop of the tutorial, each in a database of its own.
#   test/t/pages.t                       on a shop that is quick to train
#   FILL=1 test/t/pages.t [page ...]     in full; writes what came out into the pages
. "$(dirname "$0")/lib.sh"
export PGOPTIONS="-c client_min_messages=warning"
[ -n "${FILL:-}" ] && PGOPTIONS="-c client_min_messages=notice"

MINING="doc/funnel.md doc/retention.md doc/path.md doc/attribution.md doc/sequence.md doc/patterns.md doc/rules.md doc/encode.md doc/predict.md doc/uplift.md doc/networks.md
doc/value.md doc/stock.md doc/next_event.md"
PAGES="README.md doc/tutorial.md doc/recipes.md doc/troubleshooting.md doc/source.md doc/simulate.md doc/train.md doc/algorithms.md doc/sasrec.md
doc/recommend.md doc/shop.md doc/model.md doc/settings.md $MINING"
[ $# = 0 ] || PAGES=$*
shop="users => 200, items => 60, days => 20"
mode=run
[ -z "${FILL:-}" ] || mode=fill shop="users => 1000, items => 300, days => 40"

server_start main max_worker_processes=16
sql "CREATE DATABASE shop"
PGDATABASE=shop psql -Xq -v ON_ERROR_STOP=1 -o /dev/null <<SQL
SET client_min_messages = warning;
CREATE EXTENSION behavmine;
CREATE TABLE events AS SELECT * FROM behav_simulate($shop, seed => 1);
SELECT FROM behav_source('shop', 'events');
CREATE INDEX ON events (user_id, ts);
ANALYZE events;
SELECT FROM behav_train('shop', options => '{"epochs": 12}', seed => 1);
SQL
ok $? "the shop is trained"

n=0
for page in $PAGES; do
	n=$((n + 1))
	case $page in
	README.md | doc/tutorial.md) sql "CREATE DATABASE page$n" ;;
	*) case " $MINING " in
		*" $page "*)
			sql "CREATE DATABASE page$n"
			PGDATABASE=page$n sql "CREATE EXTENSION behavmine"
			;;
		*) sql "CREATE DATABASE page$n TEMPLATE shop" ;;
		esac ;;
	esac
	PGDATABASE=page$n python3 "$ROOT/test/pages.py" "$mode" "$ROOT/$page"
	ok $? "$page"
	sql "DROP DATABASE page$n WITH (FORCE)" # and then the roles that it made
	sql "SELECT format('DROP ROLE %I;', rolname) FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'" | psql -Xq
done
done_testing
