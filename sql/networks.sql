-- networks as algorithms of rows: ready-made, described by layers, and what is refused
SET behavmine.progress = off;
CREATE TABLE rings AS
SELECT i AS id, a, b, c, k, CASE WHEN a * a + b * b > 2 THEN 'far' WHEN k = 'x' THEN 'x' ELSE 'near' END AS label, a * b + c AS y
FROM (SELECT i, 1.9 * sin(i * 12.9898) AS a, 1.9 * cos(i * 78.233) AS b, sin(i * 3.7) AS c, (ARRAY['x', 'y', 'z'])[1 + i % 3] AS k
	FROM generate_series(1, 1200) i) s;

SELECT algorithm, task, metric, value > 0.9 AS learned FROM behav_train('mlp', 'mlp', data => 'rings', target => 'label',
	features => '{a,b,c,k}', options => '{"epochs": 25, "learning_rate": 0.01}', seed => 1);
SELECT algorithm, metric, value > 0.85 AS learned FROM behav_train('cnn', 'cnn', data => 'rings', target => 'label',
	features => '{a,b,c,k}', options => '{"epochs": 25, "learning_rate": 0.01, "schedule": "plateau", "schedule_every": 20}', seed => 1);
SELECT algorithm, metric, value > 0.5 AS learned FROM behav_train('tokens', 'transformer', data => 'rings', target => 'y',
	features => '{a,b,c,k}', options => '{"epochs": 12, "learning_rate": 0.005, "units": 16}', seed => 1);
SELECT algorithm, metric, value > 0.8 AS learned FROM behav_train('own', 'cnn', data => 'rings', target => 'label',
	features => '{a,b,c,k}', options => '{"epochs": 25, "optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "loss": "mse", "layers": [
		{"type": "map", "size": [4, 4]}, {"type": "conv2d", "filters": 32, "kernel": [3, 3]}, {"type": "relu"},
		{"type": "max_pool2d", "size": [2, 2]}, {"type": "flatten"},
		{"type": "residual", "layers": [{"type": "dense", "units": 32}, {"type": "gelu"}]},
		{"type": "concat", "branches": [[], [{"type": "dense", "units": 4}, {"type": "batch_norm"}]]},
		{"type": "dense", "units": 3}, {"type": "softmax"}]}', seed => 1);

-- every layer, its shape, its parameters, the memory of a batch; the tensors after them
SELECT part, shape, parameters, bytes, note FROM behav_summary('own') WHERE part LIKE 'layer %';
SELECT sum(parameters) FILTER (WHERE part LIKE 'layer %') = sum(parameters) FILTER (WHERE part LIKE 'cnn/layer%') AS same_parameters
FROM behav_summary('own');

-- answers, explanations, the same again from the same seed
SELECT (p).class = label AS right, (p).probability BETWEEN 0 AND 1 AS chance
FROM (SELECT behav_predict('mlp', rings) AS p, label FROM rings WHERE id = 4) q;
SELECT count(*) AS features, bool_and(share = share) AS finite FROM behav_explain_row('mlp', (SELECT rings FROM rings WHERE id = 4));
SELECT value AS first FROM behav_train('twice', 'mlp', data => 'rings', target => 'label', features => '{a,b,c,k}',
	options => '{"epochs": 3}', seed => 7) \gset
SET behavmine.num_threads = 1;
SELECT value = :first AS same FROM behav_train('twice', 'mlp', data => 'rings', target => 'label', features => '{a,b,c,k}',
	options => '{"epochs": 3}', seed => 7);
RESET behavmine.num_threads;

-- refused, with the layer, what it got and what it needs
CREATE FUNCTION try_layers(layers text, more text = '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	PERFORM behav_train('no', 'cnn', data => 'rings', target => 'label', features => '{a,b,c,k}',
		options => ('{"layers": ' || layers || more || '}')::jsonb);
	RETURN 'trained';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || SQLERRM || coalesce(' / ' || nullif(detail, ''), '');
END $$;
SELECT try_layers('[{"type": "conv2d", "filters": 8, "kernel": [9, 9]}]');
SELECT try_layers('[{"type": "dense", "units": 5}]');
SELECT try_layers('[{"type": "gru", "units": 5}]');
SELECT try_layers('[{"type": "convd", "filters": 8}]');
SELECT try_layers('[{"type": "dense", "unit": 8}]');
SELECT try_layers('[{"type": "conv2d", "filters": 8, "kernel": [3, 3, 3]}]');
SELECT try_layers('[{"type": "concat", "branches": [[]]}]');
SELECT try_layers('[]');
SELECT try_layers('{"type": "dense"}');
SELECT try_layers('[{"type": "dense", "units": 3}]', ', "loss": "binary_cross_entropy"');
SELECT try_layers('[{"type": "dense", "units": 64}, {"type": "dense", "units": 3}]', ', "loss": "mse", "optimizer": "sgd", "learning_rate": 10')
	LIKE '22000%not finite at step%' AS diverged;
DROP FUNCTION try_layers;

-- what can be known without the rows is said before these are read: this view cannot be
CREATE VIEW unreadable AS SELECT i AS id, 1 / (i - i) AS a, i % 2 = 0 AS label FROM generate_series(1, 100) i;
CREATE FUNCTION try_unread(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM behav_train('no', 'mlp', data => 'unreadable', target => 'label', features => '{a}', options => options);
	RETURN 'trained';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT try_unread('{"epochs": 2}');
SELECT try_unread('{"layers": [{"type": "convd", "filters": 8}]}');
SELECT try_unread('{"layers": [{"type": "dense"}]}');
SELECT try_unread('{"layers": [{"type": "dense", "units": 8, "unit": 1}]}');
SELECT try_unread('{"optimizer": "sgd", "nesterov": true}');
DROP FUNCTION try_unread;
DROP VIEW unreadable;

-- a loss that runs off after some epochs: the best of these is kept, and a warning says so
CREATE TABLE line AS SELECT i AS id, sin(i * 12.9898) AS a, sin(i * 78.233) AS b, 3 * sin(i * 12.9898) + 1 AS y FROM generate_series(1, 400) i;
\set VERBOSITY terse
SELECT algorithm, value > -100 AS kept FROM behav_train('off', 'mlp', data => 'line', target => 'y', features => '{a,b}',
	options => '{"layers": [{"type": "dense", "units": 1}], "optimizer": "sgd", "learning_rate": 5, "batch": 65536, "epochs": 300, "patience": 300, "refit": false}', seed => 1);
\set VERBOSITY default
SELECT count(*) BETWEEN 2 AND 299 AS epochs_before FROM (SELECT DISTINCT epoch FROM behav_history('off')) e;
DROP TABLE line;

-- no algorithm named: a net where two features must be seen together, a line where each counts alone
CREATE TABLE truth AS SELECT i AS id, a, b, sin(i * 7.77) AS c, sin(i * 5.31) AS d, (a > 0) <> (b > 0) AS both_count, a + b + noise > 0 AS each_counts
FROM (SELECT i, sin(i * 12.9898) AS a, sin(i * 78.233) AS b, sin(i * 37.719) + sin(i * 5.1713) AS noise FROM generate_series(1, 1500) i) s;
SELECT algorithm AS sees_both FROM behav_train('xor', data => 'truth', target => 'both_count', features => '{a,b}',
	options => '{"candidates": ["logistic", "mlp"], "learning_rate": 0.01, "epochs": 40}', seed => 1);
SELECT algorithm AS plain FROM behav_train('plain', data => 'truth', target => 'each_counts', features => '{a,b,c,d}',
	options => '{"candidates": ["logistic", "mlp"], "learning_rate": 0.01, "epochs": 40}', seed => 1);
DROP TABLE truth;
DROP TABLE rings;
SELECT count(behav_drop_model(m)) AS dropped FROM unnest('{mlp,cnn,tokens,own,twice,off,xor,plain}'::text[]) m;
