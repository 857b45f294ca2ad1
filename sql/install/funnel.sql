-- Sessions and funnels: a window function, aggregates with states that travel, reports on sources.

-- ---- sessions ----

CREATE FUNCTION @extschema@.behav_sessionize(
	ts timestamptz, gap interval = '30 minutes', max_length interval = NULL,
	force_new boolean = false, time_zone text = NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_sessionize' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sessionize(timestamptz, interval, interval, boolean, text) IS
'Number of the row''s session among the partition''s rows, from 1: a new one after a pause longer than gap, where it would exceed max_length, where force_new is true, and at midnight in time_zone. Example: SELECT *, behav_sessionize(ts, ''30 minutes'') OVER (PARTITION BY user_id ORDER BY ts) FROM events';

CREATE TYPE @extschema@.behav_session_state;
CREATE FUNCTION @extschema@.behav_session_state_in(cstring) RETURNS @extschema@.behav_session_state
AS 'MODULE_PATHNAME', 'behav_session_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_session_state_out(@extschema@.behav_session_state) RETURNS cstring
AS 'MODULE_PATHNAME', 'behav_session_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_session_state_recv(internal) RETURNS @extschema@.behav_session_state
AS 'MODULE_PATHNAME', 'behav_session_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_session_state_send(@extschema@.behav_session_state) RETURNS bytea
AS 'MODULE_PATHNAME', 'behav_session_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE @extschema@.behav_session_state (
	INPUT = @extschema@.behav_session_state_in, OUTPUT = @extschema@.behav_session_state_out,
	RECEIVE = @extschema@.behav_session_state_recv, SEND = @extschema@.behav_session_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_session_state IS
'Sessions of one user as a list that merges with others of the same gap; made by behav_session_agg. Example: CREATE TABLE daily AS SELECT user_id, behav_session_agg(ts, ''30 minutes'') AS sessions FROM events GROUP BY user_id';
COMMENT ON FUNCTION @extschema@.behav_session_state_in(cstring) IS
'Text form of a state, with its checksum verified. Example: SELECT behav_session_agg(ts, ''30 minutes'')::text::behav_session_state FROM events';
COMMENT ON FUNCTION @extschema@.behav_session_state_out(@extschema@.behav_session_state) IS
'Text form of a state: bm1: and base64. Example: SELECT behav_session_agg(ts, ''30 minutes'')::text FROM events';
COMMENT ON FUNCTION @extschema@.behav_session_state_recv(internal) IS
'Binary form of a state, with its checksum verified; used by COPY and drivers. Example: COPY daily FROM ''/tmp/daily'' (FORMAT binary)';
COMMENT ON FUNCTION @extschema@.behav_session_state_send(@extschema@.behav_session_state) IS
'Binary form of a state; used by COPY and drivers. Example: COPY daily TO ''/tmp/daily'' (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_session_state_accum(@extschema@.behav_session_state, timestamptz, interval)
RETURNS @extschema@.behav_session_state
AS 'MODULE_PATHNAME', 'behav_session_state_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_session_state_accum(@extschema@.behav_session_state, timestamptz, interval) IS
'Transition of behav_session_agg: one more event. Example: SELECT behav_session_agg(ts, ''30 minutes'') FROM events';
CREATE FUNCTION @extschema@.behav_session_state_combine(@extschema@.behav_session_state, @extschema@.behav_session_state)
RETURNS @extschema@.behav_session_state
AS 'MODULE_PATHNAME', 'behav_session_state_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_session_state_combine(@extschema@.behav_session_state, @extschema@.behav_session_state) IS
'Two states of the same gap as one. Example: SELECT behav_session_count(behav_session_state_combine(a.sessions, b.sessions)) FROM monday a JOIN tuesday b USING (user_id)';
CREATE FUNCTION @extschema@.behav_session_state_final(@extschema@.behav_session_state)
RETURNS @extschema@.behav_session_state
AS 'MODULE_PATHNAME', 'behav_session_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_session_state_final(@extschema@.behav_session_state) IS
'A state with its sessions merged and in order, without spare room: what behav_session_agg answers. Example: SELECT behav_session_agg(ts, ''30 minutes'') FROM events';

CREATE AGGREGATE @extschema@.behav_session_agg(ts timestamptz, gap interval) (
	SFUNC = @extschema@.behav_session_state_accum, STYPE = @extschema@.behav_session_state, SSPACE = 1024,
	COMBINEFUNC = @extschema@.behav_session_state_combine,
	FINALFUNC = @extschema@.behav_session_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_session_agg(timestamptz, interval) IS
'Sessions of one user, events in any order: a new one after a pause longer than gap. Example: SELECT user_id, behav_session_count(behav_session_agg(ts, ''30 minutes'')) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_session_state) (
	SFUNC = @extschema@.behav_session_state_combine, STYPE = @extschema@.behav_session_state, SSPACE = 1024,
	COMBINEFUNC = @extschema@.behav_session_state_combine,
	FINALFUNC = @extschema@.behav_session_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_session_state) IS
'Stored states of one user as one state: sessions across midnight become one again. Example: SELECT user_id, behav_session_count(behav_rollup(sessions)) FROM daily GROUP BY user_id';

CREATE FUNCTION @extschema@.behav_sessions(state @extschema@.behav_session_state)
RETURNS TABLE (session bigint, started timestamptz, ended timestamptz, events bigint, seconds float8)
AS 'MODULE_PATHNAME', 'behav_sessions' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_sessions(@extschema@.behav_session_state) IS
'The sessions in a state, in order of time. Example: SELECT s.* FROM (SELECT behav_session_agg(ts, ''30 minutes'') AS state FROM events WHERE user_id = 7) a, behav_sessions(a.state) s';
CREATE FUNCTION @extschema@.behav_session_count(state @extschema@.behav_session_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_session_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_session_count(@extschema@.behav_session_state) IS
'Number of sessions in a state. Example: SELECT user_id, behav_session_count(behav_session_agg(ts, ''30 minutes'')) FROM events GROUP BY user_id';
CREATE FUNCTION @extschema@.behav_events(state @extschema@.behav_session_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_session_state_events' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_events(@extschema@.behav_session_state) IS
'Number of events in a state. Example: SELECT behav_events(behav_session_agg(ts, ''30 minutes'')) FROM events WHERE user_id = 7';
CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_session_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_session_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_session_state) IS
'Number of rows that a state left out because their time was null or infinite. Example: SELECT behav_ignored(behav_session_agg(ts, ''30 minutes'')) FROM events WHERE user_id = 7';

-- ---- funnels ----

CREATE TYPE @extschema@.behav_funnel_state;
CREATE FUNCTION @extschema@.behav_funnel_state_in(cstring) RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_funnel_state_out(@extschema@.behav_funnel_state) RETURNS cstring
AS 'MODULE_PATHNAME', 'behav_funnel_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_funnel_state_recv(internal) RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_funnel_state_send(@extschema@.behav_funnel_state) RETURNS bytea
AS 'MODULE_PATHNAME', 'behav_funnel_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE @extschema@.behav_funnel_state (
	INPUT = @extschema@.behav_funnel_state_in, OUTPUT = @extschema@.behav_funnel_state_out,
	RECEIVE = @extschema@.behav_funnel_state_recv, SEND = @extschema@.behav_funnel_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_funnel_state IS
'Events of one user on their way through a funnel, 16 bytes each; made by behav_funnel_agg, merged by behav_rollup. Example: CREATE TABLE daily AS SELECT user_id, behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''purchase'') AS funnel FROM events GROUP BY user_id';
COMMENT ON FUNCTION @extschema@.behav_funnel_state_in(cstring) IS
'Text form of a state, with its checksum verified. Example: SELECT behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''purchase'')::text::behav_funnel_state FROM events';
COMMENT ON FUNCTION @extschema@.behav_funnel_state_out(@extschema@.behav_funnel_state) IS
'Text form of a state: bm1: and base64. Example: SELECT behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''purchase'')::text FROM events';
COMMENT ON FUNCTION @extschema@.behav_funnel_state_recv(internal) IS
'Binary form of a state, with its checksum verified; used by COPY and drivers. Example: COPY daily FROM ''/tmp/daily'' (FORMAT binary)';
COMMENT ON FUNCTION @extschema@.behav_funnel_state_send(@extschema@.behav_funnel_state) IS
'Binary form of a state; used by COPY and drivers. Example: COPY daily TO ''/tmp/daily'' (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, VARIADIC boolean[])
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, boolean[]) IS
'Transition of the funnel aggregates: one more event. Example: SELECT behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, text, VARIADIC boolean[])
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_options' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, text, boolean[]) IS
'Transition of the funnel aggregates with options: one more event. Example: SELECT behav_funnel_level(ts, ''1 day'', ''strict_once'', event = ''view'', event = ''view'') FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean)
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_steps' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean) IS
'Transition of the funnel aggregates with 2 steps. Example: SELECT behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean, boolean)
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_steps' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean, boolean) IS
'Transition of the funnel aggregates with 3 steps. Example: SELECT behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean, boolean, boolean)
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_steps' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean, boolean, boolean) IS
'Transition of the funnel aggregates with 4 steps. Example: SELECT behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean, boolean, boolean, boolean)
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_steps' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean, boolean, boolean, boolean) IS
'Transition of the funnel aggregates with 5 steps. Example: SELECT behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean, boolean, boolean, boolean, boolean)
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_steps' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, boolean, boolean, boolean, boolean, boolean, boolean) IS
'Transition of the funnel aggregates with 6 steps. Example: SELECT behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, text, text[])
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_names' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, text, text[]) IS
'Transition of the funnel aggregates with steps as names of events. Example: SELECT behav_funnel_level(ts, ''1 day'', event, ARRAY[''view'', ''purchase'']) FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, text, text)
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_literal' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, text, text) IS
'Transition of the funnel aggregates with steps as the text of an array of names. Example: SELECT behav_funnel_level(ts, ''1 day'', event, ''{view,purchase}'') FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_accum(
	@extschema@.behav_funnel_state, timestamptz, interval, text, text, text[])
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_accum_names_options' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_accum(@extschema@.behav_funnel_state, timestamptz, interval, text, text, text[]) IS
'Transition of the funnel aggregates with options and steps as names of events. Example: SELECT behav_funnel_level(ts, ''1 day'', ''strict_once'', event, ARRAY[''view'', ''view'']) FROM events';
CREATE FUNCTION @extschema@.behav_funnel_state_combine(@extschema@.behav_funnel_state, @extschema@.behav_funnel_state)
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_combine(@extschema@.behav_funnel_state, @extschema@.behav_funnel_state) IS
'Two states of the same funnel as one. Example: SELECT behav_funnel_level(behav_funnel_state_combine(a.funnel, b.funnel)) FROM monday a JOIN tuesday b USING (user_id)';
CREATE FUNCTION @extschema@.behav_funnel_state_final(@extschema@.behav_funnel_state)
RETURNS @extschema@.behav_funnel_state
AS 'MODULE_PATHNAME', 'behav_funnel_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_state_final(@extschema@.behav_funnel_state) IS
'A state without spare room: what behav_funnel_agg answers. Example: SELECT behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events';

CREATE FUNCTION @extschema@.behav_funnel_level(state @extschema@.behav_funnel_state)
RETURNS int
AS 'MODULE_PATHNAME', 'behav_funnel_level' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_level(@extschema@.behav_funnel_state) IS
'How many steps of the funnel a state''s user did; null where an exclusion drops the user. Example: SELECT behav_funnel_level(behav_rollup(funnel)) FROM daily WHERE user_id = 7';
CREATE FUNCTION @extschema@.behav_funnel_times(state @extschema@.behav_funnel_state)
RETURNS timestamptz[]
AS 'MODULE_PATHNAME', 'behav_funnel_times' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_funnel_times(@extschema@.behav_funnel_state) IS
'When each step of the deepest chain in a state was done, as many times as steps were done. Example: SELECT behav_funnel_times(behav_rollup(funnel)) FROM daily WHERE user_id = 7';
CREATE FUNCTION @extschema@.behav_events(state @extschema@.behav_funnel_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_funnel_state_events' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_events(@extschema@.behav_funnel_state) IS
'Number of events that a state keeps. Example: SELECT behav_events(funnel) FROM daily WHERE user_id = 7';
CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_funnel_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_funnel_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_funnel_state) IS
'Number of rows that a state left out because their time was null or infinite. Example: SELECT sum(behav_ignored(funnel)) FROM daily';

CREATE AGGREGATE @extschema@.behav_funnel_level(ts timestamptz, within interval, VARIADIC steps boolean[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, boolean[]) IS
'How many steps of the funnel a user did, one after the other and all within the interval from the first. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, options text, VARIADIC steps boolean[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, text, boolean[]) IS
'The same with modes, or options as JSON: mode, max_gap, exclusions. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', ''strict_once'', event = ''view'', event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(ts timestamptz, within interval, VARIADIC steps boolean[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, boolean[]) IS
'When a user did each step of the deepest chain, the one that ends first. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, options text, VARIADIC steps boolean[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, text, boolean[]) IS
'The same with modes, or options as JSON: mode, max_gap, exclusions. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', ''any_order'', event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(ts timestamptz, within interval, VARIADIC steps boolean[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, boolean[]) IS
'A user''s events as a state to store and to merge later: behav_funnel_level and behav_funnel_times read it. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, options text, VARIADIC steps boolean[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, text, boolean[]) IS
'The same with modes, or options as JSON: mode, max_gap, exclusions. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', ''strict_order'', event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, boolean, boolean) IS
'How many steps of the funnel a user did, 2 steps without an array for each row. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''cart'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, boolean, boolean, boolean) IS
'How many steps of the funnel a user did, 3 steps without an array for each row. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, boolean, boolean, boolean, boolean) IS
'How many steps of the funnel a user did, 4 steps without an array for each row. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean, step_5 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, boolean, boolean, boolean, boolean, boolean) IS
'How many steps of the funnel a user did, 5 steps without an array for each row. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'', event = ''ship'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean, step_5 boolean, step_6 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, boolean, boolean, boolean, boolean, boolean, boolean) IS
'How many steps of the funnel a user did, 6 steps without an array for each row. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'', event = ''ship'', event = ''return'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, event text, steps text[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, text, text[]) IS
'How many steps of the funnel a user did, steps as names of events. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', event, ARRAY[''view'', ''cart'', ''purchase'']) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, event text, steps text) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, text, text) IS
'How many steps of the funnel a user did, steps as the text of an array of names, for a literal without a type. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', event, ''{view,cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_level(
	ts timestamptz, within interval, options text, event text, steps text[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_level, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_level(timestamptz, interval, text, text, text[]) IS
'How many steps of the funnel a user did, steps as names of events, with modes or options as JSON. Example: SELECT user_id, behav_funnel_level(ts, ''1 day'', ''strict_once'', event, ARRAY[''view'', ''cart'', ''purchase'']) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, boolean, boolean) IS
'When a user did each step of the deepest chain, 2 steps without an array for each row. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', event = ''view'', event = ''cart'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, boolean, boolean, boolean) IS
'When a user did each step of the deepest chain, 3 steps without an array for each row. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, boolean, boolean, boolean, boolean) IS
'When a user did each step of the deepest chain, 4 steps without an array for each row. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean, step_5 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, boolean, boolean, boolean, boolean, boolean) IS
'When a user did each step of the deepest chain, 5 steps without an array for each row. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'', event = ''ship'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean, step_5 boolean, step_6 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, boolean, boolean, boolean, boolean, boolean, boolean) IS
'When a user did each step of the deepest chain, 6 steps without an array for each row. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'', event = ''ship'', event = ''return'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, event text, steps text[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, text, text[]) IS
'When a user did each step of the deepest chain, steps as names of events. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', event, ARRAY[''view'', ''cart'', ''purchase'']) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, event text, steps text) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, text, text) IS
'When a user did each step of the deepest chain, steps as the text of an array of names, for a literal without a type. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', event, ''{view,cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_times(
	ts timestamptz, within interval, options text, event text, steps text[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_times, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_times(timestamptz, interval, text, text, text[]) IS
'When a user did each step of the deepest chain, steps as names of events, with modes or options as JSON. Example: SELECT user_id, behav_funnel_times(ts, ''1 day'', ''strict_once'', event, ARRAY[''view'', ''cart'', ''purchase'']) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, boolean, boolean) IS
'A user''s events as a state to store and to merge later, 2 steps without an array for each row. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''cart'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, boolean, boolean, boolean) IS
'A user''s events as a state to store and to merge later, 3 steps without an array for each row. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, boolean, boolean, boolean, boolean) IS
'A user''s events as a state to store and to merge later, 4 steps without an array for each row. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean, step_5 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, boolean, boolean, boolean, boolean, boolean) IS
'A user''s events as a state to store and to merge later, 5 steps without an array for each row. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'', event = ''ship'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, step_1 boolean, step_2 boolean, step_3 boolean, step_4 boolean, step_5 boolean, step_6 boolean) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, boolean, boolean, boolean, boolean, boolean, boolean) IS
'A user''s events as a state to store and to merge later, 6 steps without an array for each row. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', event = ''view'', event = ''cart'', event = ''order'', event = ''pay'', event = ''ship'', event = ''return'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, event text, steps text[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, text, text[]) IS
'A user''s events as a state to store and to merge later, steps as names of events. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', event, ARRAY[''view'', ''cart'', ''purchase'']) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, event text, steps text) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, text, text) IS
'A user''s events as a state to store and to merge later, steps as the text of an array of names, for a literal without a type. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', event, ''{view,cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_funnel_agg(
	ts timestamptz, within interval, options text, event text, steps text[]) (
	SFUNC = @extschema@.behav_funnel_state_accum, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_funnel_agg(timestamptz, interval, text, text, text[]) IS
'A user''s events as a state to store and to merge later, steps as names of events, with modes or options as JSON. Example: SELECT user_id, behav_funnel_agg(ts, ''1 day'', ''strict_once'', event, ARRAY[''view'', ''cart'', ''purchase'']) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_funnel_state) (
	SFUNC = @extschema@.behav_funnel_state_combine, STYPE = @extschema@.behav_funnel_state, SSPACE = 2048,
	COMBINEFUNC = @extschema@.behav_funnel_state_combine,
	FINALFUNC = @extschema@.behav_funnel_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_funnel_state) IS
'Stored states of one user as one state. Example: SELECT user_id, behav_funnel_level(behav_rollup(funnel)) FROM daily GROUP BY user_id';

-- ---- reports on sources ----

CREATE FUNCTION @extschema@.behav_funnel(
	source text, steps text[], within interval = '14 days', breakdown name = NULL,
	since timestamptz = NULL, until timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	breakdown_value text, step int, name text, users bigint, conversion float8,
	conversion_previous float8, drop_off bigint, median_seconds float8, median_seconds_total float8)
AS 'MODULE_PATHNAME', 'behav_funnel' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_funnel(text, text[], interval, name, timestamptz, timestamptz, jsonb) IS
'How many users of a source did each step, steps as names of behaviours: conversion from the first and the previous step, drop-off, median seconds from the previous and the first step, for each value of a breakdown. Example: SELECT * FROM behav_funnel(''shop'', ARRAY[''view'', ''cart'', ''purchase''], ''1 day'')';
CREATE FUNCTION @extschema@.behav_funnel_conditions(
	source text, steps jsonb, within interval = '14 days', breakdown name = NULL,
	since timestamptz = NULL, until timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	breakdown_value text, step int, name text, users bigint, conversion float8,
	conversion_previous float8, drop_off bigint, median_seconds float8, median_seconds_total float8)
AS 'MODULE_PATHNAME', 'behav_funnel_conditions' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_funnel_conditions(text, jsonb, interval, name, timestamptz, timestamptz, jsonb) IS
'How many users of a source did each step, as behav_funnel, with steps as conditions: names, or objects of column and value. Example: SELECT * FROM behav_funnel_conditions(''shop'', ''["view", {"event": "purchase", "category": ["shoes", "boots"]}]'', ''1 day'')';
