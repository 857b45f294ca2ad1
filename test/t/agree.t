#!/usr/bin/env bash
# Everything that scores agrees, for every algorithm: the answer to one user, the table of all users, and,
# where a model is linear or a count, a computation in plain SQL over the stored weights. And every algorithm
# explains what it recommends.
. "$(dirname "$0")/lib.sh"
PGOPTIONS="$PGOPTIONS -c jit=off"

server_start
shop_create
psql -Xq -c "CREATE TABLE goods AS SELECT DISTINCT item_id, 'kind ' || item_id % 7 AS kind, 'maker ' || item_id % 11 AS maker FROM events" \
	-c "SELECT FROM behav_source('shop', 'events', 'user_id', 'item_id', 'ts', 'event', items => 'goods')" >/dev/null
psql -Xq -v ON_ERROR_STOP=1 <<'SQL'
CREATE TABLE asked AS SELECT generate_series(3, 300, 31) AS who;

-- the weights of all models as rows (place from 0, value), by weights_of
CREATE TABLE weights (model text, tensor text, i bigint, v float8);
CREATE INDEX ON weights (model, tensor, i);
CREATE FUNCTION weights_of(model text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO weights SELECT $1, w.name, row_number() OVER (PARTITION BY w.name ORDER BY w.chunk_no, x.n) - 1, x.v FROM behav_weights($1) w,
		unnest(coalesce(w."values"::float8[], w.ints::float8[])) WITH ORDINALITY x (v, n) $$;
CREATE FUNCTION tensor(model text, tensor text) RETURNS TABLE (i bigint, v float8) LANGUAGE sql STABLE AS $$
	SELECT w.i, w.v FROM weights w WHERE w.model = $1 AND w.tensor = $2 $$;

-- a user's events in a model's codes, age 0 the newest; weight: of the behaviour
CREATE FUNCTION past(model text, who bigint) RETURNS TABLE (age bigint, item int, weight float8, n bigint) LANGUAGE sql STABLE AS $$
	SELECT row_number() OVER (ORDER BY e.ts DESC) - 1, c.code, CASE e.event WHEN 'view' THEN 1 WHEN 'cart' THEN 3 ELSE 5 END, count(*) OVER ()
	FROM events e JOIN behavmine.code c ON c.key = e.item_id::text AND c.kind = 'item'
	JOIN behavmine.model m USING (model_id) WHERE m.name = model AND e.user_id = who $$;

CREATE FUNCTION brute_popular(model text, who bigint) RETURNS TABLE (item int, score float8) LANGUAGE sql AS $$
	SELECT i::int, v FROM tensor(model, 'popular/score') $$;

-- prior + sum over the newest events of gamma^age * R[item][other]; once: an item's newest event only
CREATE FUNCTION brute_rows(model text, who bigint, part text) RETURNS TABLE (item int, score float8) LANGUAGE sql AS $$
	WITH start AS MATERIALIZED (SELECT * FROM tensor(model, part || '/start')),
	col AS MATERIALIZED (SELECT * FROM tensor(model, part || '/col')),
	value AS MATERIALIZED (SELECT * FROM tensor(model, part || '/value')),
	c AS (SELECT max(v) FILTER (WHERE i = 0) AS gamma, max(v) FILTER (WHERE i = 1) AS last, max(v) FILTER (WHERE i = 2) AS once FROM tensor(model, part || '/config')),
	p AS MATERIALIZED (SELECT *, min(age) OVER (PARTITION BY item) AS newest FROM past(model, who)),
	h AS (SELECT p.item, CASE WHEN p.age = 0 THEN 1 ELSE c.gamma ^ p.age END AS w FROM p, c
		WHERE p.age < c.last AND (c.once = 0 OR p.age = p.newest)),
	terms AS (SELECT col.v AS other, sum(h.w * value.v) AS s FROM h JOIN start s ON s.i = h.item JOIN start e ON e.i = h.item + 1
		JOIN col ON col.i >= s.v AND col.i < e.v JOIN value ON value.i = col.i GROUP BY 1)
	SELECT p.i::int, p.v + coalesce(t.s, 0) FROM tensor(model, part || '/prior') p LEFT JOIN terms t ON t.other = p.i $$;

-- x with A x = b by elimination with pivots
CREATE FUNCTION solve(a float8[], b float8[]) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE d int := cardinality(b); p int; f float8; t float8;
BEGIN
	FOR i IN 1 .. d LOOP
		p := i;
		FOR r IN i .. d LOOP IF abs(a[r][i]) > abs(a[p][i]) THEN p := r; END IF; END LOOP;
		FOR c IN 1 .. d LOOP t := a[i][c]; a[i][c] := a[p][c]; a[p][c] := t; END LOOP;
		t := b[i]; b[i] := b[p]; b[p] := t;
		FOR r IN 1 .. d LOOP
			CONTINUE WHEN r = i;
			f := a[r][i] / a[i][i];
			FOR c IN i .. d LOOP a[r][c] := a[r][c] - f * a[i][c]; END LOOP;
			b[r] := b[r] - f * b[i];
		END LOOP;
	END LOOP;
	FOR i IN 1 .. d LOOP b[i] := b[i] / a[i][i]; END LOOP;
	RETURN b;
END $$;

-- (a0 H'H + sum c h h' + lambda (n + a0 N)^nu I) w = sum c h; score = h w
CREATE FUNCTION brute_als(model text, who bigint) RETURNS TABLE (item int, score float8) LANGUAGE plpgsql AS $$
DECLARE d int; n int; items int; a float8[]; b float8[]; w float8[]; g float8[]; c float8[];
BEGIN
	SELECT shape[1], shape[2] INTO items, d FROM behav_weights(model, 'als/item') LIMIT 1;
	SELECT array_agg(v ORDER BY i) INTO g FROM tensor(model, 'als/gram');
	SELECT array_agg(v ORDER BY i) INTO c FROM tensor(model, 'als/config');
	CREATE TEMP TABLE h ON COMMIT DROP AS SELECT t.i / d AS item, array_agg(t.v ORDER BY t.i) AS h FROM tensor(model, 'als/item') t GROUP BY 1;
	CREATE TEMP TABLE s ON COMMIT DROP AS SELECT p.item, max(p.weight * CASE WHEN p.age = 0 THEN 1 ELSE c[4] ^ p.age END) AS c FROM past(model, who) p GROUP BY 1;
	SELECT count(*) INTO n FROM s;
	SELECT array_agg(r ORDER BY i) INTO a FROM (SELECT i, array_agg(g[(i - 1) * d + j] + CASE WHEN i = j THEN c[2] * (n + c[1] * items) ^ c[3] ELSE 0 END
		+ (SELECT sum(s.c * h.h[i] * h.h[j]) FROM s JOIN h USING (item)) ORDER BY j) AS r FROM generate_series(1, d) i, generate_series(1, d) j GROUP BY i) x;
	SELECT array_agg((SELECT sum(s.c * h.h[i]) FROM s JOIN h USING (item)) ORDER BY i) INTO b FROM generate_series(1, d) i;
	w := solve(a, b);
	RETURN QUERY SELECT h.item::int, (SELECT sum(h.h[i] * w[i]) FROM generate_series(1, d) i) FROM h;
	DROP TABLE h, s;
END $$;

-- linear: the k most similar sessions, similarity the sum of (len - place) / len over shared items, vote for
-- their items by idf, less with the place of the newest shared item; the newest item itself gets nothing
CREATE FUNCTION brute_session_knn(model text, who bigint) RETURNS TABLE (item int, score float8) LANGUAGE sql AS $$
	WITH c AS (SELECT max(v) FILTER (WHERE i = 0) AS k, max(v) FILTER (WHERE i = 1) AS last FROM tensor(model, 'session_knn/config')),
	newest AS (SELECT item, min(age) AS age FROM past(model, who) GROUP BY 1),
	h AS (SELECT item, row_number() OVER (ORDER BY age) - 1 AS place FROM newest ORDER BY age LIMIT (SELECT last::int FROM c)),
	part AS (SELECT item, place, ((SELECT count(*) FROM h) - place)::float8 / (SELECT count(*) FROM h) AS w FROM h),
	index AS MATERIALIZED (SELECT * FROM tensor(model, 'session_knn/index')), at AS MATERIALIZED (SELECT * FROM tensor(model, 'session_knn/index_start')),
	start AS MATERIALIZED (SELECT * FROM tensor(model, 'session_knn/start')), items AS MATERIALIZED (SELECT * FROM tensor(model, 'session_knn/item')),
	sim AS (SELECT x.v AS session, sum(p.w) AS s, min(p.place) AS nearest FROM part p JOIN at a ON a.i = p.item JOIN at b ON b.i = p.item + 1
		JOIN index x ON x.i >= a.v AND x.i < b.v GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT (SELECT k::int FROM c)),
	votes AS (SELECT i.v AS item, sum(s.s * greatest(0, 1 - 0.1 * s.nearest)) AS vote FROM sim s JOIN start a ON a.i = s.session JOIN start b ON b.i = s.session + 1
		JOIN items i ON i.i >= a.v AND i.i < b.v GROUP BY 1)
	SELECT f.i::int, CASE WHEN f.i = (SELECT item FROM h WHERE place = 0) THEN 0 ELSE f.v * coalesce(vote, 0) END
	FROM tensor(model, 'session_knn/idf') f LEFT JOIN votes v ON v.item = f.i $$;
SQL

# The k best of a brute force are those of behav_recommend: the same scores at the same ranks, and each item
# with its own (so that ties may stand in any order).
against_brute_force() { # model query-of-(item, score)
	sql "BEGIN; SELECT count(*) || ' rows, wrong: ' || count(*) FILTER (WHERE NOT coalesce(abs(r.score - b.score) <= 2e-4 * (1 + abs(b.score)), false)
			OR NOT coalesce(abs(r.score - o.score) <= 2e-4 * (1 + abs(o.score)), false))
		FROM asked a, LATERAL behav_recommend(a.who::bigint, 8, '$1', 'nothing') r
		JOIN behavmine.code c ON c.key = r.item_id AND c.kind = 'item' AND c.model_id = (SELECT model_id FROM behavmine.model WHERE name = '$1'),
		LATERAL (SELECT array_agg(s.score ORDER BY s.item) AS of_item, array_agg(s.score ORDER BY s.score DESC) AS of_rank FROM $2 s) f,
		LATERAL (SELECT f.of_item[c.code + 1] AS score) b, LATERAL (SELECT f.of_rank[r.rank] AS score) o; COMMIT"
}

brute_force_of() { # algorithm
	case $1 in
	popular) echo "brute_popular('m_$1', a.who)" ;;
	markov | seq_rules | item_knn | ease | rp3beta) echo "brute_rows('m_$1', a.who, '$1')" ;;
	als) echo "brute_als('m_$1', a.who)" ;;
	session_knn) echo "brute_session_knn('m_$1', a.who)" ;;
	esac
}

panels=
for algorithm in $(sql "SELECT name FROM behav_algorithms() WHERE task = 'recommend' ORDER BY name"); do
	model=m_$algorithm
	case $algorithm in
	als) options='{"exclude": "nothing", "factors": 6, "iterations": 4, "gamma": 0.9}' ;;
	session_knn) options='{"exclude": "nothing", "neighbours": 1000, "gap_minutes": 0, "weight": "linear"}' ;;
	blend) options='{"exclude": "nothing", "candidates": ["seq_rules", "ease", "item_knn"]}' ;;
	*) options='{"exclude": "nothing", "tune": false}' ;;
	esac
	case $(sql "SELECT bool_or(name = 'epochs') FROM behav_options('$algorithm')") in
	t) options=$(sql "SELECT '$options'::jsonb || '{\"epochs\": 2}'") ;;
	esac
	got=$(psql -XqAt -c "SELECT deployed FROM behav_train('$model', '$algorithm', 'shop', '$options', deploy => 'always')" 2>&1)
	is "$got" t "$algorithm is trained"
	[ "$got" = t ] || continue
	is "$(sql "SELECT rows > 0 FROM behav_recommend_table('$model', 'all_$algorithm', 8, 'nothing')")" t "$algorithm answers all users"
	# ranks of nearly equal scores may differ: bulk uses other kernels
	is "$(sql "SELECT count(*) FILTER (WHERE NOT coalesce(abs(t.score - r.score) <= 1e-4 * (1 + abs(r.score)), false)) FROM asked a
		CROSS JOIN LATERAL behav_recommend(a.who::bigint, 8, '$model', 'nothing') r LEFT JOIN all_$algorithm t ON t.user_id = a.who AND t.rank = r.rank")" 0 \
		"$algorithm: one by one and in bulk the scores agree at every rank"
	is "$(sql "SELECT count(*) <= 2 FROM asked a CROSS JOIN LATERAL behav_recommend(a.who::bigint, 8, '$model', 'nothing') r
		LEFT JOIN all_$algorithm t ON t.user_id = a.who AND t.item_id::text = r.item_id WHERE t IS NULL")" t "$algorithm: and the items"
	# the same once more through 8-bit weights, which lie in a cache file that is made anew
	rm -f "$WORK"/main/base/pgsql_tmp/pgsql_tmp_behavmine_*
	psql -Xq -c "SET behavmine.panel_items = 1" -c "CREATE TABLE panel_$algorithm AS SELECT a.who, r.* FROM asked a
		CROSS JOIN LATERAL behav_recommend(a.who::bigint, 8, '$model', 'nothing') r"
	if grep -aq "$algorithm/panel_code" "$WORK"/main/base/pgsql_tmp/pgsql_tmp_behavmine_*; then
		panels="$panels $algorithm"
	fi
	is "$(sql "SELECT count(*) FROM (SELECT a.who, r.* FROM asked a CROSS JOIN LATERAL behav_recommend(a.who::bigint, 8, '$model', 'nothing') r
		EXCEPT ALL SELECT * FROM panel_$algorithm) x")" 0 "$algorithm: 8-bit weights give the same rows"
	is "$(sql "SELECT count(*) = 80 FROM panel_$algorithm")" t "$algorithm: all of them"
	brute=$(brute_force_of "$algorithm")
	if [ -n "$brute" ]; then
		sql "SELECT weights_of('$model'); ANALYZE weights" >/dev/null
		like "$(against_brute_force "$model" "$brute")" '^80 rows, wrong: 0$' "$algorithm: so does SQL over behav_weights"
	fi
	# explanations: events of the user's own history, shares that sum to 1, the largest is the reason's
	is "$(sql "SELECT count(*) FILTER (WHERE NOT coalesce(abs(x.total - 1) < 1e-4 AND x.own AND abs(100 * x.most - substring(r.reason FROM '([0-9]+) %')::int) <= 0.51
			AND r.reason LIKE '%of ' || x.item || ' (%', false))
		FROM asked a, LATERAL behav_recommend(a.who::bigint, 8, '$model', 'nothing') r,
		LATERAL (SELECT sum(e.share) AS total, max(e.share) AS most, bool_and(EXISTS (SELECT FROM events v WHERE (v.user_id, v.item_id::text, v.event, v.ts) = (a.who, e.item_id, e.event, e.ts))) AS own,
			(array_agg(e.item_id ORDER BY e.share DESC, e.ts DESC))[1] AS item FROM behav_explain(a.who::bigint, r.item_id, '$model') e) x
		WHERE r.reason LIKE 'because%'")" 0 "$algorithm: what is recommended is explained by the user's own events"
	if [ "$algorithm" = popular ] || [ "$algorithm" = trending ]; then
		is "$(sql "SELECT count(*) FROM behav_explain(1, 5, '$model')")" 0 "$algorithm: needs no event"
	else
		is "$(sql "SELECT count(*) >= 9 FROM asked a, LATERAL behav_recommend(a.who::bigint, 1, '$model', 'nothing') r WHERE r.reason LIKE 'because%'")" t \
			"$algorithm: every best item but one at most has a reason in the history"
	fi
done
is "$(echo $panels)" "$(echo $(sql "SELECT name FROM behav_algorithms() WHERE name IN ('als', 'bpr', 'caser', 'gru', 'nextitnet', 'sasrec') ORDER BY 1"))" \
	"the models whose scores are products have 8-bit weights, no others"

# pgvector, where it is installed: the recipe of doc/model.md finds what the model itself calls similar
if [ "$(sql "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")" = 1 ]; then
	psql -Xq -c "CREATE EXTENSION vector" -c "CREATE TABLE item_vector AS SELECT id AS item_id, embedding::vector(6) FROM behav_embeddings('m_als')" \
		-c "CREATE INDEX ON item_vector USING hnsw (embedding vector_cosine_ops)"
	is "$(sql "SELECT count(*) >= 4 FROM (SELECT item_id FROM item_vector WHERE item_id <> '7'
			ORDER BY embedding <=> (SELECT embedding FROM item_vector WHERE item_id = '7') LIMIT 5) v JOIN behav_similar_items(7, 5, 'm_als') s USING (item_id)")" t \
		"pgvector finds the items that the model calls similar"
else
	echo "# skipped: pgvector is not installed"
fi
done_testing
