#!/usr/bin/env bash
# Models of uplift on simulated campaigns whose effects are known: the Qini of every learner beside that of the
# true effects; then a budget spent by the model on people it has not seen, beside the optimum that knows the true
# effects, a random choice under the same budget, and everybody.
#
#   bench/uplift.sh [people]      default 100,000, half of them in the campaign
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
n=${1:-100000}
. "$ROOT/test/server.sh"
server_start main shared_buffers=256MB jit=off
export PGOPTIONS="-c client_min_messages=warning -c behavmine.progress=off"
psql -Xq -v ON_ERROR_STOP=1 -v n="$n" <<'SQL'
CREATE EXTENSION behavmine;
CREATE FUNCTION u(i int, salt int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT (hashint8extended(i, salt) & 1048575) / 1048576.0 $$;
-- effects: a straight line; a step of two columns; harm to some; a straight line, with one in five treated
CREATE FUNCTION effect(kind text, a float8, b float8, c text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
SELECT CASE kind WHEN 'line' THEN 0.2 * a WHEN 'few treated' THEN 0.2 * a
	WHEN 'step' THEN CASE WHEN a > 0.6 AND b > 0.5 THEN 0.3 ELSE 0.01 END
	ELSE CASE WHEN c = 'c1' THEN -0.1 WHEN a > 0.5 THEN 0.15 ELSE 0.02 END END $$;
CREATE TABLE person AS
SELECT kind, i AS id, a, b, c, d, p, kind = 'few treated' AS few, effect(kind, a, b, c) AS effect, i % 2 = 0 AS campaign
FROM (SELECT kind, i, u(i, 1 + k) AS a, u(i, 2 + k) AS b, 'c' || (5 * u(i, 3 + k))::int AS c, u(i, 4 + k) AS d, u(i, 5 + k) AS p
	FROM unnest('{line,few treated,step,harm}'::text[]) WITH ORDINALITY AS s (kind, no), LATERAL (SELECT (no * 100)::int AS k) x, generate_series(1, :n) i) z;
SQL
for kind in "line" "few treated" "step" "harm"; do
	t=${kind// /_}
	psql -Xq -v ON_ERROR_STOP=1 -v kind="$kind" -v t="$t" -v new="${t}_new" <<'SQL'
CREATE TABLE :t AS SELECT id, a, b, c, d, mailed, (p < 0.1 + 0.1 * d + CASE WHEN mailed THEN effect ELSE 0 END)::int AS bought, effect
FROM (SELECT *, u(id, 77) < CASE WHEN few THEN 0.2 ELSE 0.5 END AS mailed FROM person WHERE kind = :'kind' AND campaign) s;
CREATE TABLE :new AS SELECT id AS user_id, a, b, c, d, effect, 0.2 + u(id, 88) AS cost FROM person WHERE kind = :'kind' AND NOT campaign;
SQL
	echo "campaign \"$kind\""
	psql -Xqtc "SELECT '  ' || rpad(ranking, 40) || ' qini ' || to_char(qini, 'FM0.0000') || '  [' || to_char(low, 'FMS0.0000') || ', ' || to_char(high, 'FMS0.0000') || ']' || CASE WHEN chosen THEN '  chosen' ELSE '' END
		FROM behav_uplift('$t', '$t', 'bought', 'mailed', '{a,b,c,d}', seed => 1)"
	# the ranking by true effects, on everybody; the model's on people it has not seen against the truth
	psql -Xqtc "SELECT '  true effects rank the campaign with qini ' || to_char(behav_qini(bought, mailed, effect), 'FM0.0000') FROM $t"
	psql -Xqtc "WITH budget AS (SELECT 0.2 * sum(cost) AS b FROM ${t}_new),
		model AS (SELECT sum(n.effect * 10 - n.cost) AS gain, count(*) AS people FROM budget, behav_target('${t}_new', b, model => '$t', cost => 'cost', options => '{\"value\": 10}') m JOIN ${t}_new n ON n.user_id::text = m.user_id),
		best AS (SELECT max(gain) FILTER (WHERE plan = 'chosen') AS gain, max(gain) FILTER (WHERE plan = 'bound') AS bound, max(gain) FILTER (WHERE plan = 'random') AS random, max(gain) FILTER (WHERE plan = 'everybody') AS everybody
			FROM budget, behav_target_summary('${t}_new', b, uplift => 'effect', cost => 'cost', options => '{\"value\": 10}'))
		SELECT format('  a fifth of the money: the model gains %s (%s people), the optimum %s (bound %s), random %s; everybody for five times the money %s', round(model.gain), people, round(best.gain), round(bound), round(random), round(everybody)) || E'\n' ||
			format('  the model has %s of the optimum (wanted at least 0.90), %s times the random choice', round((model.gain / best.gain)::numeric, 3), round((model.gain / random)::numeric, 1)) FROM model, best"
done
