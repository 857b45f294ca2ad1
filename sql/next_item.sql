-- The sequence networks beside sasrec: gru, caser, nextitnet.
SET behavmine.progress = off;
SET behavmine.num_threads = 1;
SET client_min_messages = warning;

-- Everyone walks a circle of 24 items from a start of their own, one event in eight strays.
CREATE TABLE walk (who int NOT NULL, item int NOT NULL, at timestamptz NOT NULL);
INSERT INTO walk
SELECT u, CASE WHEN abs(hashint8(u * 1000 + n)) % 8 = 0 THEN abs(hashint8(u * 77 + n)) % 24
	ELSE (abs(hashint8(u)) + n) % 24 END,
	'2026-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 minute'
FROM generate_series(1, 120) u, generate_series(1, 16) n;
CREATE INDEX ON walk (who, at);
SELECT users, items FROM behav_source('walk', 'walk', 'who', 'item', 'at');

-- each one finds the order, with either loss; their tensors are checked and named
SELECT a.model, t.algorithm, t.version, value > 3 * baseline AS finds_order, epochs > 0 AS epochs, deployed
FROM (VALUES (1, 'gru', 'gru', '{"epochs": 12}'::jsonb),
		(2, 'bpr', 'gru', '{"epochs": 20, "loss": "bpr_max", "negatives": 12, "alpha": 0.5, "bpreg": 0.1, "learning_rate": 0.01}'),
		(3, 'deep', 'gru', '{"epochs": 12, "layers": 2, "hidden": 24, "negatives": 16, "alpha": 0.5, "logq": 1}'),
		(4, 'caser', 'caser', '{"epochs": 12, "window": 3}'),
		(5, 'nextitnet', 'nextitnet', '{"epochs": 12, "blocks": 1}')) a(n, model, algorithm, options),
	behav_train(a.model, a.algorithm, 'walk',
		a.options || '{"exclude": "nothing", "dim": 16, "batch": 32, "dropout": 0.1, "refit": false}', seed => 1) t
ORDER BY n;
SELECT model, string_agg(name || shape::text, ' ' ORDER BY name) AS tensors
FROM (VALUES ('deep'), ('caser'), ('nextitnet')) m(model), behav_weights(m.model) w
WHERE chunk_no = 0 AND name NOT LIKE '%item' GROUP BY model ORDER BY model;

-- the next step of the circle, why, and what is like it
SELECT m.model, r.item_id, (SELECT item FROM walk WHERE who = 5 ORDER BY at DESC LIMIT 1) AS last,
	r.reason <> '' AS reason
FROM (VALUES ('gru'), ('caser'), ('nextitnet')) m(model), behav_recommend(5, 1, m.model, 'nothing') r ORDER BY 1;
SELECT m.model, count(*) > 1 AS events, round(sum(share)::numeric, 3) AS sum, min(share) >= 0 AS none_below
FROM (VALUES ('gru'), ('caser'), ('nextitnet')) m(model), behav_explain(5, 3, m.model) e GROUP BY 1 ORDER BY 1;
SELECT m.model, count(*) FROM (VALUES ('gru'), ('caser'), ('nextitnet')) m(model), behav_similar_items(3, 4, m.model)
GROUP BY 1 ORDER BY 1;
SELECT m.model, count(*), min(cardinality(embedding)) AS width
FROM (VALUES ('gru'), ('caser'), ('nextitnet')) m(model), behav_embeddings(m.model) GROUP BY 1 ORDER BY 1;

-- one seed, one set of weights, whatever the threads
SET behavmine.num_threads = 2;
SELECT algorithm FROM behav_train('twin', 'gru', 'walk', '{"exclude": "nothing", "epochs": 12, "dim": 16, "batch": 32, "dropout": 0.1, "refit": false}',
	seed => 1);
SELECT count(*) AS parts, bool_and(a.values = b.values) AS same
FROM behav_weights('gru') a JOIN behav_weights('twin') b USING (name, chunk_no) WHERE a.dtype = 'f32';
SET behavmine.num_threads = 1;

-- a default choice takes them only when they are named
SELECT bool_or(algorithm = 'sasrec') AS sasrec, count(*) FILTER (WHERE algorithm IN ('gru', 'caser', 'nextitnet')) AS others
FROM behav_compare('walk', options => '{"exclude": "nothing", "epochs": 1, "dim": 8, "tune": false}');
SELECT string_agg(algorithm, ' ' ORDER BY algorithm) AS candidates
FROM behav_compare('walk', ARRAY['markov', 'caser'], '{"exclude": "nothing", "epochs": 1}');

-- what cannot be
SELECT * FROM behav_train('no', 'gru', 'walk', '{"loss": "bpr_max", "negatives": 0}');
\set VERBOSITY sqlstate
SELECT * FROM behav_train('no', 'gru', 'walk', '{"layers": 9}');
SELECT * FROM behav_train('no', 'gru', 'walk', '{"loss": "hinge"}');
SELECT * FROM behav_train('no', 'caser', 'walk', '{"window": 33}');
SELECT * FROM behav_train('no', 'nextitnet', 'walk', '{"kernel": 1}');
SELECT * FROM behav_train('no', 'caser', 'walk', '{"heads": 2}');
SELECT * FROM behav_train('no', 'gru', 'walk', '{"alpha": "NaN"}');
SELECT * FROM behav_train('no', 'gru', 'walk', '{"learning_rate": 1, "epochs": 3, "clip": 0, "hidden": 4096, "dim": 1024, "layers": 8}');
\set VERBOSITY default
SELECT count(*) AS left_behind FROM behavmine.model WHERE name = 'no';
SELECT count(*) AS gone FROM (SELECT behav_drop_model(model) FROM (SELECT DISTINCT model FROM behav_versions) m) d;
SELECT behav_drop_source('walk');
DROP TABLE walk;
