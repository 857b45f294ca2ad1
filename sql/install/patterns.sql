-- Sequential patterns.

CREATE FUNCTION @extschema@.behav_patterns(
	source text, min_support float8 = NULL, kind text = 'all', k int = NULL,
	options jsonb = '{}', since timestamptz = NULL, until timestamptz = NULL)
RETURNS TABLE (
	pattern text[], length int, support bigint, share float8, examples text[],
	median_span interval, first timestamptz)
AS 'MODULE_PATHNAME', 'behav_patterns' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_patterns(text, float8, text, int, jsonb, timestamptz, timestamptz) IS
'What follows what in the histories or sessions of a source: every pattern that at least min_support users follow (below 1 a share, else a number), or the k best; kind all, closed or maximal. Example: SELECT pattern, support FROM behav_patterns(''shop'', 0.1, options => ''{"of": "event", "per": "session", "max_length": 4}'')';

CREATE FUNCTION @extschema@.behav_patterns(
	sequences jsonb, min_support float8 = NULL, kind text = 'all', k int = NULL,
	options jsonb = '{}')
RETURNS TABLE (
	pattern text[], length int, support bigint, share float8, examples text[],
	median_span float8)
AS 'MODULE_PATHNAME', 'behav_patterns_jsonb' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_patterns(jsonb, float8, text, int, jsonb) IS
'As behav_patterns(source), of an array of sequences; an inner array is a set of items at one position. Example: SELECT pattern, support FROM behav_patterns(''[["a", "b"], ["a", ["b", "c"]]]''::jsonb, 2)';

CREATE FUNCTION @extschema@.behav_patterns_arrays(
	relation regclass, sequence name, min_support float8 = NULL, kind text = 'all', k int = NULL,
	options jsonb = '{}', id name = NULL)
RETURNS TABLE (
	pattern text[], length int, support bigint, share float8, examples text[],
	median_span float8)
AS 'MODULE_PATHNAME', 'behav_patterns_arrays' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_patterns_arrays(regclass, name, float8, text, int, jsonb, name) IS
'As behav_patterns(source), of a table or view with one array (or jsonb array) a row; id names the column that the examples are taken from. Example: SELECT pattern, support FROM behav_patterns_arrays(''visits'', ''pages'', 0.05)';

CREATE FUNCTION @extschema@.behav_sequence_rules(
	source text, min_support float8, min_confidence float8 = 0.5, max_consequent int = 1,
	options jsonb = '{}', since timestamptz = NULL, until timestamptz = NULL)
RETURNS TABLE (
	antecedent text[], consequent text[], support bigint, share float8, confidence float8,
	lift float8, leverage float8, conviction float8)
AS 'MODULE_PATHNAME', 'behav_sequence_rules' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_sequence_rules(text, float8, float8, int, jsonb, timestamptz, timestamptz) IS
'Whoever does the antecedent goes on with the consequent: sequential patterns cut in two, the most confident first. Example: SELECT antecedent, consequent, confidence, lift FROM behav_sequence_rules(''shop'', 0.01, 0.3, options => ''{"per": "session"}'')';

CREATE FUNCTION @extschema@.behav_match_pattern(
	source text, pattern text[], options jsonb = '{}', since timestamptz = NULL,
	until timestamptz = NULL)
RETURNS TABLE (user_id text, started timestamptz, completed timestamptz, span interval)
AS 'MODULE_PATHNAME', 'behav_match_pattern' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_match_pattern(text, text[], jsonb, timestamptz, timestamptz) IS
'Who follows a pattern, and when: of each user (or session) the occurrence that is complete first. Example: SELECT * FROM behav_match_pattern(''shop'', ARRAY[''view'', ''cart''], ''{"of": "event", "max_gap": "1 hour"}'')';

CREATE FUNCTION @extschema@.behav_emerging_patterns(
	source text, min_support float8, against text = NULL, min_growth float8 = 1,
	options jsonb = '{}', since timestamptz = NULL, until timestamptz = NULL,
	against_since timestamptz = NULL, against_until timestamptz = NULL)
RETURNS TABLE (
	pattern text[], length int, support bigint, share float8, against_support bigint,
	against_share float8, growth float8, chi_squared float8, p_value float8, p_adjusted float8)
AS 'MODULE_PATHNAME', 'behav_emerging_patterns' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_emerging_patterns(text, float8, text, float8, jsonb, timestamptz, timestamptz, timestamptz, timestamptz) IS
'Patterns that one group follows more than another: two values of an attribute, two spans of time, two sources; growth of the share, chi-squared, p adjusted for the number of patterns (Benjamini and Hochberg). Example: SELECT pattern, growth, p_adjusted FROM behav_emerging_patterns(''shop'', 0.1, since => ''2024-12-01'', against_since => ''2024-11-01'', against_until => ''2024-12-01'')';
