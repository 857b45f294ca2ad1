
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
