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
DROP TABLE rings;
SELECT count(behav_drop_model(m)) AS dropped FROM unnest('{mlp,cnn,tokens,own,twice}'::text[]) m;
