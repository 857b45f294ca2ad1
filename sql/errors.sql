-- What training and its sisters refuse: each with an SQLSTATE, and nothing is left behind.
SET behavmine.progress = off;
SET behavmine.num_threads = 1;
SET client_min_messages = warning;
CREATE TABLE good (who int, item int, at timestamptz);
INSERT INTO good
SELECT u, (u + n) % 12, '2026-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 minute'
FROM generate_series(1, 60) u, generate_series(1, 10) n;
CREATE TABLE nothing (LIKE good);
CREATE TABLE one_user AS SELECT 1 AS who, n AS item, '2026-01-01 00:00+00'::timestamptz + n * interval '1 day' AS at FROM generate_series(1, 12) n;
CREATE TABLE no_item AS SELECT who, NULL::int AS item, at FROM good;
CREATE TABLE text_time AS SELECT who, item, 'yesterday'::text AS at FROM good;
CREATE TABLE wide AS SELECT who + 9000000000000::bigint AS who, item + 5000000000::bigint AS item, at FROM good;
SELECT rows FROM behav_source('good', 'good', 'who', 'item', 'at');
SELECT name FROM behav_source('nothing', 'nothing', 'who', 'item', 'at');
SELECT name FROM behav_source('one_user', 'one_user', 'who', 'item', 'at');
SELECT name FROM behav_source('no_item', 'no_item', 'who', 'item', 'at');
SELECT name FROM behav_source('wide', 'wide', 'who', 'item', 'at');

-- messages in full
SELECT * FROM behav_train('gud');
SELECT * FROM behav_train('good', 'seq_rule');
SELECT * FROM behav_train('good', 'ease', options => '{"lamda": 3}');
SELECT * FROM behav_train('good', deploy => 'maybe');
SELECT * FROM behav_train('good', options => '{"candidates": "ease"}');
SELECT * FROM behav_train('good', 'sasrec', options => '{"dim": 10, "heads": 3}');
SELECT * FROM behav_train('good', options => '{"k": 1001}');
SELECT * FROM behav_train('good', options => '{"valid_share": 0.46, "test_share": 0.45, "candidates": ["popular"]}');
SELECT * FROM behav_train('one_user');
SELECT * FROM behav_train('nothing');
SELECT * FROM behav_source('bad', 'good', 'whom', 'item', 'at');
SELECT behav_cancel(0);

\set VERBOSITY sqlstate
-- sources
SELECT * FROM behav_source('bad', 'good', 'whom', 'item', 'at');
SELECT * FROM behav_source('bad', 'text_time', 'who', 'item', 'at');
SELECT * FROM behav_train('nothing', 'popular');
SELECT * FROM behav_train('one_user', 'popular');
SELECT * FROM behav_train('no_item', 'popular');
SELECT * FROM behav_train('m', 'popular', 'gud');
-- names
SELECT * FROM behav_train(NULL);
SELECT * FROM behav_train('');
SELECT * FROM behav_train('good', '');
SELECT * FROM behav_train('good', 'sasrek');
SELECT * FROM behav_compare('gud');
SELECT * FROM behav_compare('good', ARRAY['ease', 'nothing']);
SELECT * FROM behav_compare('good', ARRAY[NULL]::text[]);
SELECT * FROM behav_estimate('gud');
SELECT * FROM behav_estimate('good', 'nothing');
SELECT * FROM behav_evaluate('absent');
SELECT * FROM behav_history('absent');
-- options: unknown, of another algorithm, of another type, out of range
SELECT * FROM behav_train('good', 'ease', options => '{"halflife": 3}');
SELECT * FROM behav_train('good', 'popular', options => '{"lambda": 3}');
SELECT * FROM behav_train('good', 'ease', options => '{"lambda": "three"}');
SELECT * FROM behav_train('good', 'ease', options => '{"lambda": -1}');
SELECT * FROM behav_train('good', 'ease', options => '[1]');
SELECT * FROM behav_train('good', 'ease', options => '{"k": 0}');
SELECT * FROM behav_train('good', 'ease', options => '{"k": 1.5}');
SELECT * FROM behav_train('good', 'ease', options => '{"split": "random"}');
SELECT * FROM behav_train('good', 'ease', options => '{"exclude": "all"}');
SELECT * FROM behav_train('good', 'ease', options => '{"max_seconds": -1}');
SELECT * FROM behav_train('good', 'ease', options => '{"keep_versions": 100000}');
SELECT * FROM behav_train('good', 'ease', options => '{"since": "never"}');
SELECT * FROM behav_train('good', 'ease', options => '{"since": "2030-01-01"}');
SELECT * FROM behav_train('good', options => '{"candidates": ["nothing"]}');
SELECT * FROM behav_train('good', options => '{"candidates": []}');
SELECT * FROM behav_train('good', options => '{"candidates": [1]}');
-- memory, rights, a table that has gone, a read-only transaction
SET behavmine.max_memory = '1MB';
SET behavmine.max_memory = '16MB';
SELECT * FROM behav_train('good', 'sasrec', options => '{"dim": 512, "blocks": 4}');
RESET behavmine.max_memory;
CREATE ROLE regress_behav_errors;
SET ROLE regress_behav_errors;
SELECT * FROM behav_train('mine', 'popular', 'good');
SELECT behav_drop_model('good');
RESET ROLE;
BEGIN READ ONLY;
SELECT * FROM behav_train('good', 'popular');
ROLLBACK;
DROP TABLE wide;
SELECT * FROM behav_train('wide', 'popular');
\set VERBOSITY default

-- hostile names are names
SELECT model, version FROM behav_train('a"b''c; DROP TABLE good', 'popular', 'good');
SELECT behav_drop_model('a"b''c; DROP TABLE good');
-- nothing is left of all that
SELECT (SELECT count(*) FROM behavmine.model) + (SELECT count(*) FROM behavmine.version)
	+ (SELECT count(*) FROM behavmine.tensor) AS left_behind, (SELECT count(*) FROM good) AS events;
SELECT behav_drop_source(name) FROM behav_sources ORDER BY name;
DROP ROLE regress_behav_errors;
DROP TABLE good, nothing, one_user, no_item, text_time;
