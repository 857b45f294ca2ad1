#!/usr/bin/env bash
# The sequence functions against ClickHouse itself: do the answers agree? chdb comes from pip into
# build/chdb; without it, nothing is compared.
#   bench/sequence_clickhouse.sh [patterns] [groups]
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=$ROOT/build/chdb/bin/python
if ! { [ -x "$PYTHON" ] || python3 -m venv "$ROOT/build/chdb"; } >/dev/null 2>&1 ||
	! { "$PYTHON" -c 'import chdb' || "$PYTHON" -m pip install -q chdb; } >/dev/null 2>&1; then
	echo "skipped: no chdb to be had"
	exit 0
fi
. "$ROOT/test/server.sh"
server_start main
psql -Xqc "CREATE EXTENSION behavmine"
"$PYTHON" "$ROOT/bench/sequence_clickhouse.py" "${1:-100}" "${2:-300}"
echo "wanted: match and next_node agree everywhere; where count or events differ, the events tell who is right (ClickHouse 120729: .* at the end; 118120: a bound that is forgotten)"
