-- Paths, transitions, attribution.

CREATE FUNCTION @extschema@.behav_path_edges(
	source text, start_event text = NULL, end_event text = NULL, depth int = 5, top_n int = 10,
	since timestamptz = NULL, until timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	layer int, source text, target text, sessions bigint, users bigint, median_seconds float8)
AS 'MODULE_PATHNAME', 'behav_path_edges' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 200;
COMMENT ON FUNCTION @extschema@.behav_path_edges(text, text, text, int, int, timestamptz, timestamptz, jsonb) IS
'Where sessions go, step by step: edges with layers, so that a Sankey chart never has a cycle; by session and by user. Example: SELECT * FROM behav_path_edges(''shop'', start_event => ''view'', depth => 4)';

CREATE FUNCTION @extschema@.behav_paths(
	source text, start_event text = NULL, end_event text = NULL, depth int = 10, k int = 20,
	since timestamptz = NULL, until timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	path text[], depth int, sessions bigint, users bigint, share float8, median_seconds float8)
AS 'MODULE_PATHNAME', 'behav_paths' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_paths(text, text, text, int, int, timestamptz, timestamptz, jsonb) IS
'The most frequent whole paths of sessions. Example: SELECT path, sessions, share FROM behav_paths(''shop'', end_event => ''purchase'', k => 10)';

CREATE FUNCTION @extschema@.behav_path_tree(
	source text, start_event text = NULL, end_event text = NULL, depth int = 5, top_n int = 5,
	since timestamptz = NULL, until timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	id int, parent int, step int, node text, path text[], sessions bigint, users bigint,
	ended bigint, share float8, parent_share float8, median_seconds float8)
AS 'MODULE_PATHNAME', 'behav_path_tree' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 200;
COMMENT ON FUNCTION @extschema@.behav_path_tree(text, text, text, int, int, timestamptz, timestamptz, jsonb) IS
'Paths as a tree: each step with what came before it, how many went on and how many ended. Example: SELECT repeat(''  '', step - 1) || node, sessions FROM behav_path_tree(''shop'') ORDER BY id';

CREATE FUNCTION @extschema@.behav_transitions(
	source text, top_n int = 50, since timestamptz = NULL, until timestamptz = NULL,
	options jsonb = '{}')
RETURNS TABLE (
	source text, target text, count bigint, users bigint, probability float8,
	median_seconds float8)
AS 'MODULE_PATHNAME', 'behav_transitions' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 500;
COMMENT ON FUNCTION @extschema@.behav_transitions(text, int, timestamptz, timestamptz, jsonb) IS
'What follows what, anywhere in a session: the Markov matrix of order one as rows, with (start) and (end). Example: SELECT * FROM behav_transitions(''shop'') WHERE source = ''cart''';

CREATE FUNCTION @extschema@.behav_reach(
	source text, target text, top_n int = 50, since timestamptz = NULL, until timestamptz = NULL,
	options jsonb = '{}')
RETURNS TABLE (state text, visits bigint, probability float8, expected_steps float8)
AS 'MODULE_PATHNAME', 'behav_reach' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 50;
COMMENT ON FUNCTION @extschema@.behav_reach(text, text, int, timestamptz, timestamptz, jsonb) IS
'From each state of the Markov chain of sessions: how likely the target is reached before the end, and in how many steps. Example: SELECT * FROM behav_reach(''shop'', ''purchase'') ORDER BY probability DESC';

CREATE FUNCTION @extschema@.behav_attribution(
	source text, conversion text = NULL, channel name = 'channel', models text[] = NULL,
	since timestamptz = NULL, until timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	channel text, model text, conversions float8, value float8, share float8,
	removal_effect float8)
AS 'MODULE_PATHNAME', 'behav_attribution' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 70;
COMMENT ON FUNCTION @extschema@.behav_attribution(text, text, name, text[], timestamptz, timestamptz, jsonb) IS
'Which channels led to conversions, by the models first, last, linear, time_decay, position, shapley and markov, in one pass. Example: SELECT channel, model, conversions FROM behav_attribution(''shop'', ''purchase'', ''utm_source'')';
