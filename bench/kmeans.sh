#!/usr/bin/env bash
# k-means from a table, reading included, against scikit-learn on the same numbers in memory.
#
#   bench/kmeans.sh [rows] [columns] [k]     default 1,000,000 x 16, k = 8
#
# PYTHON names an interpreter that has numpy and scikit-learn; without it the comparison is skipped. Both sides run one
# start with all processors, in turn, and the best of three counts.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/test/server.sh"
n=${1:-1000000} d=${2:-16} k=${3:-8}
server_start main shared_buffers=1GB work_mem=256MB max_parallel_workers_per_gather=2 jit=off
q() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }
# normal groups around k corners that overlap, by sums of uniform numbers; the table holds what Python gets
columns=$(for j in $(seq "$d"); do printf '%s((g * %d %% %d) / %d.0 * 3 + random() + random() + random() + random())::real AS c%d' "$([ "$j" = 1 ] || echo ', ')" $((j * 7 + 1)) "$k" "$k" "$j"; done)
q -c "CREATE EXTENSION behavmine" -c "SELECT setseed(0.5)" \
	-c "CREATE TABLE x AS SELECT id, $columns FROM (SELECT id, (random() * $k)::int % $k AS g FROM generate_series(1, $n) id) s" -c "VACUUM ANALYZE x"
# seconds of one call
ours() {
	q -c "SET behavmine.progress = off" -c "\\timing on" \
		-c "SELECT count(*) FROM behav_segments('m', data => 'x', user_id => 'id', columns => '{$(seq -s, -f c%g "$d")}', k => $k, options => '{\"starts\": 1, \"seed\": $1}')" |
		awk '/^Time/ { print $2 / 1000 }'
}
inertia() { q -c "SELECT round(sum(distance ^ 2)::numeric, 0) FROM behav_segment_table('m')"; }
if [ -z "${PYTHON:-}" ] || ! "$PYTHON" -c 'import sklearn' 2>/dev/null; then
	for i in 1 2 3; do echo "here $(ours $i) s, reading and saving included"; done
	echo "skipped: the comparison, PYTHON names no interpreter with scikit-learn"
	exit
fi
export WORK
cat >"$WORK/peer.py" <<'PY'
import os, sys, time
import numpy as np
from sklearn.cluster import KMeans
k, path = int(sys.argv[1]), sys.argv[2]
x = np.loadtxt(path, delimiter=',', dtype=np.float32) if not os.path.exists(path + '.npy') else np.load(path + '.npy')
np.save(path + '.npy', x)
x = (x - x.mean(0)) / x.std(0)
t = time.time()
m = KMeans(k, n_init=1, random_state=int(sys.argv[3])).fit(x)
print('%.3f %.0f %d' % (time.time() - t, m.inertia_, m.n_iter_))
PY
q -c "COPY (SELECT $(seq -s, -f c%g "$d") FROM x) TO STDOUT (FORMAT csv)" >"$WORK/x.csv"
for i in 1 2 3; do
	peer=$("$PYTHON" "$WORK/peer.py" "$k" "$WORK/x.csv" "$i")
	here=$(ours "$i")
	echo "$here $(inertia) $peer"
done | awk '{ printf "# here %s s (inertia %s), scikit-learn %s s (inertia %s, %s iterations)\n", $1, $2, $3, $4, $5
		if (!a || $1 < a) a = $1; if (!b || $3 < b) b = $3 }
	END { printf "k-means from a table: %.3f s, scikit-learn in memory %.3f s: %.2f times its time (wanted at most 1)\n", a, b, a / b }'
