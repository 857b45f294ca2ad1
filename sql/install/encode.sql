
-- Encoders of rows: from the columns of any table to numbers that a model can take.

CREATE FUNCTION @extschema@.behav_fit_encoder(
	data regclass, features name[] = NULL, target name = NULL, options jsonb = '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'behav_fit_encoder' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.behav_fit_encoder(regclass, name[], name, jsonb) IS
'Fit how the columns of a table or view become features: imputation, clipping, scaling, one-hot, hash, ordinal, target and cyclic encodings. The answer is complete and can be stored. Example: SELECT behav_fit_encoder(''visits'', options => ''{"exclude": ["id"]}'')';

CREATE FUNCTION @extschema@.behav_encode(encoder jsonb, data record)
RETURNS real[]
AS 'MODULE_PATHNAME', 'behav_encode' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_encode(jsonb, record) IS
'A row as features, by an encoder of behav_fit_encoder; columns are found by name. Codes of embeddings come last. Example: SELECT behav_encode(e.encoder, v) FROM visits v, encoders e WHERE e.name = ''visits''';

CREATE FUNCTION @extschema@.behav_encoder_features(encoder jsonb)
RETURNS TABLE ("position" int, name text, "column" text, encoding text)
AS 'MODULE_PATHNAME', 'behav_encoder_features' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.behav_encoder_features(jsonb) IS
'What each element of a row encoded by behav_encode is, and which column it comes from. Example: SELECT * FROM behav_encoder_features(behav_fit_encoder(''visits''))';

-- What a column holds, as states that can be merged: numbers, and categories.

CREATE TYPE @extschema@.behav_column_state;

CREATE FUNCTION @extschema@.behav_column_state_in(pg_catalog.cstring) RETURNS @extschema@.behav_column_state
AS 'MODULE_PATHNAME', 'behav_column_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_column_state_in(pg_catalog.cstring) IS
'Text to a state; a damaged or newer one is refused. Example: SELECT x::text::behav_column_state FROM (SELECT behav_column_agg(age) FROM visits) s(x)';

CREATE FUNCTION @extschema@.behav_column_state_out(@extschema@.behav_column_state) RETURNS pg_catalog.cstring
AS 'MODULE_PATHNAME', 'behav_column_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_column_state_out(@extschema@.behav_column_state) IS
'A state as text. Example: SELECT x::text FROM (SELECT behav_column_agg(age) FROM visits) s(x)';

CREATE FUNCTION @extschema@.behav_column_state_recv(pg_catalog.internal) RETURNS @extschema@.behav_column_state
AS 'MODULE_PATHNAME', 'behav_column_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_column_state_recv(pg_catalog.internal) IS
'Bytes to a state; damaged or newer ones are refused. Example: COPY states FROM STDIN (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_column_state_send(@extschema@.behav_column_state) RETURNS pg_catalog.bytea
AS 'MODULE_PATHNAME', 'behav_column_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_column_state_send(@extschema@.behav_column_state) IS
'A state as bytes. Example: COPY states TO STDOUT (FORMAT binary)';

CREATE TYPE @extschema@.behav_column_state (
	INPUT = @extschema@.behav_column_state_in, OUTPUT = @extschema@.behav_column_state_out,
	RECEIVE = @extschema@.behav_column_state_recv, SEND = @extschema@.behav_column_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_column_state IS
'Aggregate state: number, mean, variance, extremes and quantiles of a column; can be stored, sent, and merged with behav_rollup. Example: SELECT behav_column_agg(age) FROM visits';

CREATE FUNCTION @extschema@.behav_column_state_combine(@extschema@.behav_column_state, @extschema@.behav_column_state)
RETURNS @extschema@.behav_column_state
AS 'MODULE_PATHNAME', 'behav_column_state_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_column_state_combine(@extschema@.behav_column_state, @extschema@.behav_column_state) IS
'Two states as one. Example: SELECT behav_column_state_combine(a.state, b.state) FROM monday a, tuesday b';

CREATE FUNCTION @extschema@.behav_column_state_final(@extschema@.behav_column_state)
RETURNS @extschema@.behav_column_state
AS 'MODULE_PATHNAME', 'behav_column_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_column_state_final(@extschema@.behav_column_state) IS
'The state in its shortest form. Example: SELECT behav_column_state_final(state) FROM states';

CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_column_state) (
	SFUNC = @extschema@.behav_column_state_combine, STYPE = @extschema@.behav_column_state,
	FINALFUNC = @extschema@.behav_column_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_column_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_column_state) IS
'Stored states as one. Example: SELECT behav_rollup(state) FROM states';

CREATE TYPE @extschema@.behav_category_state;

CREATE FUNCTION @extschema@.behav_category_state_in(pg_catalog.cstring) RETURNS @extschema@.behav_category_state
AS 'MODULE_PATHNAME', 'behav_category_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_category_state_in(pg_catalog.cstring) IS
'Text to a state; a damaged or newer one is refused. Example: SELECT x::text::behav_category_state FROM (SELECT behav_category_agg(city) FROM visits) s(x)';

CREATE FUNCTION @extschema@.behav_category_state_out(@extschema@.behav_category_state) RETURNS pg_catalog.cstring
AS 'MODULE_PATHNAME', 'behav_category_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_category_state_out(@extschema@.behav_category_state) IS
'A state as text. Example: SELECT x::text FROM (SELECT behav_category_agg(city) FROM visits) s(x)';

CREATE FUNCTION @extschema@.behav_category_state_recv(pg_catalog.internal) RETURNS @extschema@.behav_category_state
AS 'MODULE_PATHNAME', 'behav_category_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_category_state_recv(pg_catalog.internal) IS
'Bytes to a state; damaged or newer ones are refused. Example: COPY states FROM STDIN (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_category_state_send(@extschema@.behav_category_state) RETURNS pg_catalog.bytea
AS 'MODULE_PATHNAME', 'behav_category_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_category_state_send(@extschema@.behav_category_state) IS
'A state as bytes. Example: COPY states TO STDOUT (FORMAT binary)';

CREATE TYPE @extschema@.behav_category_state (
	INPUT = @extschema@.behav_category_state_in, OUTPUT = @extschema@.behav_category_state_out,
	RECEIVE = @extschema@.behav_category_state_recv, SEND = @extschema@.behav_category_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_category_state IS
'Aggregate state: how often each value of a column occurs; can be stored, sent, and merged with behav_rollup. Example: SELECT behav_category_agg(city) FROM visits';

CREATE FUNCTION @extschema@.behav_category_state_combine(@extschema@.behav_category_state, @extschema@.behav_category_state)
RETURNS @extschema@.behav_category_state
AS 'MODULE_PATHNAME', 'behav_category_state_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_category_state_combine(@extschema@.behav_category_state, @extschema@.behav_category_state) IS
'Two states as one. Example: SELECT behav_category_state_combine(a.state, b.state) FROM monday a, tuesday b';

CREATE FUNCTION @extschema@.behav_category_state_final(@extschema@.behav_category_state)
RETURNS @extschema@.behav_category_state
AS 'MODULE_PATHNAME', 'behav_category_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_category_state_final(@extschema@.behav_category_state) IS
'The state in its shortest form. Example: SELECT behav_category_state_final(state) FROM states';

CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_category_state) (
	SFUNC = @extschema@.behav_category_state_combine, STYPE = @extschema@.behav_category_state,
	FINALFUNC = @extschema@.behav_category_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_category_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_category_state) IS
'Stored states as one. Example: SELECT behav_rollup(state) FROM states';

CREATE FUNCTION @extschema@.behav_column_accum(@extschema@.behav_column_state, float8)
RETURNS @extschema@.behav_column_state
AS 'MODULE_PATHNAME', 'behav_column_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_column_accum(@extschema@.behav_column_state, float8) IS
'Transition function of behav_column_agg. Example: SELECT behav_column_agg(age) FROM visits';

CREATE AGGREGATE @extschema@.behav_column_agg(value float8) (
	SFUNC = @extschema@.behav_column_accum, STYPE = @extschema@.behav_column_state,
	FINALFUNC = @extschema@.behav_column_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_column_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_column_agg(float8) IS
'Number, mean, variance, extremes and quantiles of a column, as a state. Sums are exact, quantiles up to 1,024 different values, too. Example: SELECT behav_column_agg(age) FROM visits';

CREATE FUNCTION @extschema@.behav_category_accum(@extschema@.behav_category_state, text)
RETURNS @extschema@.behav_category_state
AS 'MODULE_PATHNAME', 'behav_category_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_category_accum(@extschema@.behav_category_state, text) IS
'Transition function of behav_category_agg. Example: SELECT behav_category_agg(city) FROM visits';

CREATE AGGREGATE @extschema@.behav_category_agg(value text) (
	SFUNC = @extschema@.behav_category_accum, STYPE = @extschema@.behav_category_state,
	FINALFUNC = @extschema@.behav_category_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_category_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_category_agg(text) IS
'How often each value of a column occurs, exactly, as a state. Example: SELECT behav_category_agg(city) FROM visits';

CREATE FUNCTION @extschema@.behav_column_stats(state @extschema@.behav_column_state)
RETURNS TABLE (
	n bigint, missing bigint, non_finite bigint, mean float8, stddev float8, min float8,
	q25 float8, median float8, q75 float8, max float8, "distinct" bigint, quantile_error float8)
AS 'MODULE_PATHNAME', 'behav_column_stats' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_column_stats(@extschema@.behav_column_state) IS
'What a column of numbers holds; quantile_error is the largest relative error of a quartile, 0 where they are exact. Example: SELECT s.* FROM (SELECT behav_column_agg(age) AS state FROM visits) x, behav_column_stats(x.state) s';

CREATE FUNCTION @extschema@.behav_column_quantile(state @extschema@.behav_column_state, p float8)
RETURNS float8
AS 'MODULE_PATHNAME', 'behav_column_quantile' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_column_quantile(@extschema@.behav_column_state, float8) IS
'A quantile of a column, as percentile_cont where it is exact. Example: SELECT behav_column_quantile(behav_column_agg(age), 0.99) FROM visits';

CREATE FUNCTION @extschema@.behav_category_stats(
	state @extschema@.behav_category_state, k int = 100)
RETURNS TABLE (kind text, value text, "rows" bigint, share float8, categories bigint)
AS 'MODULE_PATHNAME', 'behav_category_stats' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_category_stats(@extschema@.behav_category_state, int) IS
'The k most frequent values of a column; a row "other" says how many values and rows were cut, a row "missing" how many were NULL. Example: SELECT s.* FROM (SELECT behav_category_agg(city) AS state FROM visits) x, behav_category_stats(x.state, 10) s';

CREATE FUNCTION @extschema@.behav_fit_encoder_stats(stats jsonb, options jsonb = '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'behav_fit_encoder_stats' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.behav_fit_encoder_stats(jsonb, jsonb) IS
'An encoder from states by column, which partitions, workers or servers made of their own rows. Example: SELECT behav_fit_encoder_stats(jsonb_build_object(''age'', behav_column_agg(age), ''city'', behav_category_agg(city))) FROM visits';
