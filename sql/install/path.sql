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

-- ---- states, for tables that are no sources ----

CREATE TYPE @extschema@.behav_path_state;
CREATE FUNCTION @extschema@.behav_path_state_in(cstring)
RETURNS @extschema@.behav_path_state
AS 'MODULE_PATHNAME', 'behav_path_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_path_state_in(cstring) IS
'Text form of a state, with its checksum verified. Example: SELECT behav_path_agg(ts, event)::text::behav_path_state FROM events';
CREATE FUNCTION @extschema@.behav_path_state_out(@extschema@.behav_path_state)
RETURNS cstring
AS 'MODULE_PATHNAME', 'behav_path_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_path_state_out(@extschema@.behav_path_state) IS
'Text form of a state: bm1: and base64. Example: SELECT behav_path_agg(ts, event)::text FROM events';
CREATE FUNCTION @extschema@.behav_path_state_recv(internal)
RETURNS @extschema@.behav_path_state
AS 'MODULE_PATHNAME', 'behav_path_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_path_state_recv(internal) IS
'Binary form of a state, with its checksum verified; used by COPY and drivers. Example: COPY daily FROM ''/tmp/daily'' (FORMAT binary)';
CREATE FUNCTION @extschema@.behav_path_state_send(@extschema@.behav_path_state)
RETURNS bytea
AS 'MODULE_PATHNAME', 'behav_path_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_path_state_send(@extschema@.behav_path_state) IS
'Binary form of a state; used by COPY and drivers. Example: COPY daily TO ''/tmp/daily'' (FORMAT binary)';
CREATE TYPE @extschema@.behav_path_state (
	INPUT = @extschema@.behav_path_state_in, OUTPUT = @extschema@.behav_path_state_out, RECEIVE = @extschema@.behav_path_state_recv, SEND = @extschema@.behav_path_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_path_state IS
'Events of one user, 16 bytes each and one set of names, as a state that merges; made by behav_path_agg. Example: CREATE TABLE daily AS SELECT user_id, behav_path_agg(ts, event) AS state FROM events GROUP BY user_id';

CREATE FUNCTION @extschema@.behav_path_state_accum(@extschema@.behav_path_state, timestamptz, text)
RETURNS @extschema@.behav_path_state
AS 'MODULE_PATHNAME', 'behav_path_state_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_path_state_accum(@extschema@.behav_path_state, timestamptz, text) IS
'Transition of behav_path_agg: one more event. Example: SELECT behav_path_agg(ts, event) FROM events';
CREATE FUNCTION @extschema@.behav_path_state_combine(@extschema@.behav_path_state, @extschema@.behav_path_state)
RETURNS @extschema@.behav_path_state
AS 'MODULE_PATHNAME', 'behav_path_state_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_path_state_combine(@extschema@.behav_path_state, @extschema@.behav_path_state) IS
'The events of two states as one. Example: SELECT behav_path(behav_path_state_combine(a.state, b.state)) FROM monday a JOIN tuesday b USING (user_id)';
CREATE FUNCTION @extschema@.behav_path_state_final(@extschema@.behav_path_state)
RETURNS @extschema@.behav_path_state
AS 'MODULE_PATHNAME', 'behav_path_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_path_state_final(@extschema@.behav_path_state) IS
'A state with its names and events in order and no spare room: what behav_path_agg answers. Example: SELECT behav_path_agg(ts, event) FROM events';

CREATE AGGREGATE @extschema@.behav_path_agg(ts timestamptz, event text) (
	SFUNC = @extschema@.behav_path_state_accum, STYPE = @extschema@.behav_path_state,
	COMBINEFUNC = @extschema@.behav_path_state_combine,
	FINALFUNC = @extschema@.behav_path_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_path_agg(timestamptz, text) IS
'Events of one user, in any order, as a state; behav_path, behav_path_sessions and behav_path_edges read it. Example: SELECT user_id, behav_path(behav_path_agg(ts, event)) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_path_state) (
	SFUNC = @extschema@.behav_path_state_combine, STYPE = @extschema@.behav_path_state,
	COMBINEFUNC = @extschema@.behav_path_state_combine,
	FINALFUNC = @extschema@.behav_path_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_path_state) IS
'Stored states of one user as one state. Example: SELECT user_id, behav_path(behav_rollup(state)) FROM daily GROUP BY user_id';

CREATE FUNCTION @extschema@.behav_path(
	state @extschema@.behav_path_state, start_event text = NULL, end_event text = NULL,
	depth int = NULL, options jsonb = '{}')
RETURNS text[]
AS 'MODULE_PATHNAME', 'behav_path' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_path(@extschema@.behav_path_state, text, text, int, jsonb) IS
'All events of a state as one path, repeats collapsed. Example: SELECT user_id, behav_path(behav_path_agg(ts, event)) FROM events GROUP BY user_id';
CREATE FUNCTION @extschema@.behav_path_sessions(
	state @extschema@.behav_path_state, start_event text = NULL, end_event text = NULL,
	depth int = NULL, gap interval = '30 minutes', options jsonb = '{}')
RETURNS TABLE (session int, started timestamptz, ended timestamptz, path text[], seconds float8)
AS 'MODULE_PATHNAME', 'behav_path_sessions' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_path_sessions(@extschema@.behav_path_state, text, text, int, interval, jsonb) IS
'The sessions of a state as paths. Example: SELECT user_id, p.* FROM (SELECT user_id, behav_path_agg(ts, event) AS state FROM events GROUP BY user_id) u, behav_path_sessions(u.state) p';
CREATE FUNCTION @extschema@.behav_path_edges(
	state @extschema@.behav_path_state, start_event text = NULL, end_event text = NULL,
	depth int = 5, gap interval = '30 minutes', options jsonb = '{}')
RETURNS TABLE (session int, layer int, source text, target text, seconds float8)
AS 'MODULE_PATHNAME', 'behav_path_edges_state' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.behav_path_edges(@extschema@.behav_path_state, text, text, int, interval, jsonb) IS
'The steps of a state''s sessions with their layers, to be counted over all users. Example: SELECT layer, source, target, count(*) AS sessions, count(DISTINCT user_id) AS users FROM (SELECT user_id, behav_path_agg(ts, event) AS state FROM events GROUP BY user_id) u, behav_path_edges(u.state) GROUP BY 1, 2, 3';
CREATE FUNCTION @extschema@.behav_events(state @extschema@.behav_path_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_path_state_events' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_events(@extschema@.behav_path_state) IS
'Number of events in a state. Example: SELECT behav_events(behav_path_agg(ts, event)) FROM events WHERE user_id = 7';
CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_path_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_path_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_path_state) IS
'Number of rows that a state left out because their time was null or infinite or their event null. Example: SELECT behav_ignored(behav_path_agg(ts, event)) FROM events WHERE user_id = 7';
