
-- Who comes back, when, and for how long: states that travel, and functions on sources.

CREATE TYPE @extschema@.behav_activity_state;

CREATE FUNCTION @extschema@.behav_activity_state_in(pg_catalog.cstring) RETURNS @extschema@.behav_activity_state
AS 'MODULE_PATHNAME', 'behav_activity_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_state_in(pg_catalog.cstring) IS
'Text to a state; a damaged or newer one is refused. Example: SELECT x::text::behav_activity_state FROM (SELECT behav_activity_agg(ts, ''day UTC'') FROM events WHERE user_id = 1) s(x)';

CREATE FUNCTION @extschema@.behav_activity_state_out(@extschema@.behav_activity_state) RETURNS pg_catalog.cstring
AS 'MODULE_PATHNAME', 'behav_activity_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_state_out(@extschema@.behav_activity_state) IS
'A state as text. Example: SELECT x::text FROM (SELECT behav_activity_agg(ts, ''day UTC'') FROM events WHERE user_id = 1) s(x)';

CREATE FUNCTION @extschema@.behav_activity_state_recv(pg_catalog.internal) RETURNS @extschema@.behav_activity_state
AS 'MODULE_PATHNAME', 'behav_activity_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_state_recv(pg_catalog.internal) IS
'Bytes to a state; damaged or newer ones are refused. Example: COPY states FROM STDIN (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_activity_state_send(@extschema@.behav_activity_state) RETURNS pg_catalog.bytea
AS 'MODULE_PATHNAME', 'behav_activity_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_state_send(@extschema@.behav_activity_state) IS
'A state as bytes. Example: COPY states TO STDOUT (FORMAT binary)';

CREATE TYPE @extschema@.behav_activity_state (
	INPUT = @extschema@.behav_activity_state_in, OUTPUT = @extschema@.behav_activity_state_out,
	RECEIVE = @extschema@.behav_activity_state_recv, SEND = @extschema@.behav_activity_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_activity_state IS
'Aggregate state: a user''s active periods; can be stored, sent, and merged with behav_rollup. Example: SELECT behav_activity_agg(ts, ''day UTC'') FROM events WHERE user_id = 1';

CREATE FUNCTION @extschema@.behav_activity_state_combine(@extschema@.behav_activity_state, @extschema@.behav_activity_state)
RETURNS @extschema@.behav_activity_state
AS 'MODULE_PATHNAME', 'behav_activity_state_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_state_combine(@extschema@.behav_activity_state, @extschema@.behav_activity_state) IS
'Two states as one. Example: SELECT behav_activity_state_combine(a.state, b.state) FROM monday a JOIN tuesday b USING (user_id)';

CREATE FUNCTION @extschema@.behav_activity_state_final(@extschema@.behav_activity_state)
RETURNS @extschema@.behav_activity_state
AS 'MODULE_PATHNAME', 'behav_activity_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_state_final(@extschema@.behav_activity_state) IS
'The state without its spare room. Example: SELECT behav_activity_state_final(state) FROM states';

CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_activity_state) (
	SFUNC = @extschema@.behav_activity_state_combine, STYPE = @extschema@.behav_activity_state,
	FINALFUNC = @extschema@.behav_activity_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_activity_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_activity_state) IS
'Stored states as one. Example: SELECT behav_rollup(state) FROM states';

CREATE TYPE @extschema@.behav_survival_state;

CREATE FUNCTION @extschema@.behav_survival_state_in(pg_catalog.cstring) RETURNS @extschema@.behav_survival_state
AS 'MODULE_PATHNAME', 'behav_survival_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_survival_state_in(pg_catalog.cstring) IS
'Text to a state; a damaged or newer one is refused. Example: SELECT x::text::behav_survival_state FROM (SELECT behav_survival_agg(days, churned) FROM customers) s(x)';

CREATE FUNCTION @extschema@.behav_survival_state_out(@extschema@.behav_survival_state) RETURNS pg_catalog.cstring
AS 'MODULE_PATHNAME', 'behav_survival_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_survival_state_out(@extschema@.behav_survival_state) IS
'A state as text. Example: SELECT x::text FROM (SELECT behav_survival_agg(days, churned) FROM customers) s(x)';

CREATE FUNCTION @extschema@.behav_survival_state_recv(pg_catalog.internal) RETURNS @extschema@.behav_survival_state
AS 'MODULE_PATHNAME', 'behav_survival_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_survival_state_recv(pg_catalog.internal) IS
'Bytes to a state; damaged or newer ones are refused. Example: COPY states FROM STDIN (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_survival_state_send(@extschema@.behav_survival_state) RETURNS pg_catalog.bytea
AS 'MODULE_PATHNAME', 'behav_survival_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_survival_state_send(@extschema@.behav_survival_state) IS
'A state as bytes. Example: COPY states TO STDOUT (FORMAT binary)';

CREATE TYPE @extschema@.behav_survival_state (
	INPUT = @extschema@.behav_survival_state_in, OUTPUT = @extschema@.behav_survival_state_out,
	RECEIVE = @extschema@.behav_survival_state_recv, SEND = @extschema@.behav_survival_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_survival_state IS
'Aggregate state: durations with their ends; can be stored, sent, and merged with behav_rollup. Example: SELECT behav_survival_agg(days, churned) FROM customers';

CREATE FUNCTION @extschema@.behav_survival_state_combine(@extschema@.behav_survival_state, @extschema@.behav_survival_state)
RETURNS @extschema@.behav_survival_state
AS 'MODULE_PATHNAME', 'behav_survival_state_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_survival_state_combine(@extschema@.behav_survival_state, @extschema@.behav_survival_state) IS
'Two states as one. Example: SELECT behav_survival_state_combine(a.state, b.state) FROM monday a JOIN tuesday b USING (user_id)';

CREATE FUNCTION @extschema@.behav_survival_state_final(@extschema@.behav_survival_state)
RETURNS @extschema@.behav_survival_state
AS 'MODULE_PATHNAME', 'behav_survival_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_survival_state_final(@extschema@.behav_survival_state) IS
'The state without its spare room. Example: SELECT behav_survival_state_final(state) FROM states';

CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_survival_state) (
	SFUNC = @extschema@.behav_survival_state_combine, STYPE = @extschema@.behav_survival_state,
	FINALFUNC = @extschema@.behav_survival_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_survival_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_survival_state) IS
'Stored states as one. Example: SELECT behav_rollup(state) FROM states';

CREATE TYPE @extschema@.behav_rhythm_state;

CREATE FUNCTION @extschema@.behav_rhythm_state_in(pg_catalog.cstring) RETURNS @extschema@.behav_rhythm_state
AS 'MODULE_PATHNAME', 'behav_rhythm_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_rhythm_state_in(pg_catalog.cstring) IS
'Text to a state; a damaged or newer one is refused. Example: SELECT x::text::behav_rhythm_state FROM (SELECT behav_rhythm_agg(ts, ''Europe/Berlin'') FROM events) s(x)';

CREATE FUNCTION @extschema@.behav_rhythm_state_out(@extschema@.behav_rhythm_state) RETURNS pg_catalog.cstring
AS 'MODULE_PATHNAME', 'behav_rhythm_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_rhythm_state_out(@extschema@.behav_rhythm_state) IS
'A state as text. Example: SELECT x::text FROM (SELECT behav_rhythm_agg(ts, ''Europe/Berlin'') FROM events) s(x)';

CREATE FUNCTION @extschema@.behav_rhythm_state_recv(pg_catalog.internal) RETURNS @extschema@.behav_rhythm_state
AS 'MODULE_PATHNAME', 'behav_rhythm_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_rhythm_state_recv(pg_catalog.internal) IS
'Bytes to a state; damaged or newer ones are refused. Example: COPY states FROM STDIN (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_rhythm_state_send(@extschema@.behav_rhythm_state) RETURNS pg_catalog.bytea
AS 'MODULE_PATHNAME', 'behav_rhythm_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_rhythm_state_send(@extschema@.behav_rhythm_state) IS
'A state as bytes. Example: COPY states TO STDOUT (FORMAT binary)';

CREATE TYPE @extschema@.behav_rhythm_state (
	INPUT = @extschema@.behav_rhythm_state_in, OUTPUT = @extschema@.behav_rhythm_state_out,
	RECEIVE = @extschema@.behav_rhythm_state_recv, SEND = @extschema@.behav_rhythm_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_rhythm_state IS
'Aggregate state: events by hour of the week; can be stored, sent, and merged with behav_rollup. Example: SELECT behav_rhythm_agg(ts, ''Europe/Berlin'') FROM events';

CREATE FUNCTION @extschema@.behav_rhythm_state_combine(@extschema@.behav_rhythm_state, @extschema@.behav_rhythm_state)
RETURNS @extschema@.behav_rhythm_state
AS 'MODULE_PATHNAME', 'behav_rhythm_state_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_rhythm_state_combine(@extschema@.behav_rhythm_state, @extschema@.behav_rhythm_state) IS
'Two states as one. Example: SELECT behav_rhythm_state_combine(a.state, b.state) FROM monday a JOIN tuesday b USING (user_id)';

CREATE FUNCTION @extschema@.behav_rhythm_state_final(@extschema@.behav_rhythm_state)
RETURNS @extschema@.behav_rhythm_state
AS 'MODULE_PATHNAME', 'behav_rhythm_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_rhythm_state_final(@extschema@.behav_rhythm_state) IS
'The state without its spare room. Example: SELECT behav_rhythm_state_final(state) FROM states';

CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_rhythm_state) (
	SFUNC = @extschema@.behav_rhythm_state_combine, STYPE = @extschema@.behav_rhythm_state,
	FINALFUNC = @extschema@.behav_rhythm_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_rhythm_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_rhythm_state) IS
'Stored states as one. Example: SELECT behav_rollup(state) FROM states';

CREATE TYPE @extschema@.behav_retention_state;

CREATE FUNCTION @extschema@.behav_retention_state_in(pg_catalog.cstring) RETURNS @extschema@.behav_retention_state
AS 'MODULE_PATHNAME', 'behav_retention_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_retention_state_in(pg_catalog.cstring) IS
'Text to a state; a damaged or newer one is refused. Example: SELECT x::text::behav_retention_state FROM (SELECT behav_retention_agg(event = ''view'', event = ''cart'') FROM events WHERE user_id = 1) s(x)';

CREATE FUNCTION @extschema@.behav_retention_state_out(@extschema@.behav_retention_state) RETURNS pg_catalog.cstring
AS 'MODULE_PATHNAME', 'behav_retention_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_retention_state_out(@extschema@.behav_retention_state) IS
'A state as text. Example: SELECT x::text FROM (SELECT behav_retention_agg(event = ''view'', event = ''cart'') FROM events WHERE user_id = 1) s(x)';

CREATE FUNCTION @extschema@.behav_retention_state_recv(pg_catalog.internal) RETURNS @extschema@.behav_retention_state
AS 'MODULE_PATHNAME', 'behav_retention_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_retention_state_recv(pg_catalog.internal) IS
'Bytes to a state; damaged or newer ones are refused. Example: COPY states FROM STDIN (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_retention_state_send(@extschema@.behav_retention_state) RETURNS pg_catalog.bytea
AS 'MODULE_PATHNAME', 'behav_retention_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_retention_state_send(@extschema@.behav_retention_state) IS
'A state as bytes. Example: COPY states TO STDOUT (FORMAT binary)';

CREATE TYPE @extschema@.behav_retention_state (
	INPUT = @extschema@.behav_retention_state_in, OUTPUT = @extschema@.behav_retention_state_out,
	RECEIVE = @extschema@.behav_retention_state_recv, SEND = @extschema@.behav_retention_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_retention_state IS
'Aggregate state: which of some conditions happened; can be stored, sent, and merged with behav_rollup. Example: SELECT behav_retention_agg(event = ''view'', event = ''cart'') FROM events WHERE user_id = 1';

CREATE FUNCTION @extschema@.behav_retention_state_combine(@extschema@.behav_retention_state, @extschema@.behav_retention_state)
RETURNS @extschema@.behav_retention_state
AS 'MODULE_PATHNAME', 'behav_retention_state_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_retention_state_combine(@extschema@.behav_retention_state, @extschema@.behav_retention_state) IS
'Two states as one. Example: SELECT behav_retention_state_combine(a.state, b.state) FROM monday a JOIN tuesday b USING (user_id)';

CREATE FUNCTION @extschema@.behav_retention_state_final(@extschema@.behav_retention_state)
RETURNS @extschema@.behav_retention_state
AS 'MODULE_PATHNAME', 'behav_retention_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_retention_state_final(@extschema@.behav_retention_state) IS
'The state without its spare room. Example: SELECT behav_retention_state_final(state) FROM states';

CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_retention_state) (
	SFUNC = @extschema@.behav_retention_state_combine, STYPE = @extschema@.behav_retention_state,
	FINALFUNC = @extschema@.behav_retention_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_retention_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_retention_state) IS
'Stored states as one. Example: SELECT behav_rollup(state) FROM states';

CREATE FUNCTION @extschema@.behav_activity_accum(@extschema@.behav_activity_state, timestamptz, text)
RETURNS @extschema@.behav_activity_state
AS 'MODULE_PATHNAME', 'behav_activity_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_accum(@extschema@.behav_activity_state, timestamptz, text) IS
'Transition function of behav_activity_agg. Example: SELECT user_id, behav_activity_agg(ts, ''day Europe/Berlin'') FROM events GROUP BY 1';

CREATE AGGREGATE @extschema@.behav_activity_agg(ts timestamptz, config text) (
	SFUNC = @extschema@.behav_activity_accum, STYPE = @extschema@.behav_activity_state,
	FINALFUNC = @extschema@.behav_activity_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_activity_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_activity_agg(timestamptz, text) IS
'The calendar periods in which a user was active, as a state; the second argument is the grain and the time zone. Example: SELECT user_id, behav_activity_agg(ts, ''day Europe/Berlin'') FROM events GROUP BY 1';

CREATE FUNCTION @extschema@.behav_activity_accum_flags(@extschema@.behav_activity_state, timestamptz, boolean, boolean, text)
RETURNS @extschema@.behav_activity_state
AS 'MODULE_PATHNAME', 'behav_activity_accum_flags' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_accum_flags(@extschema@.behav_activity_state, timestamptz, boolean, boolean, text) IS
'Transition function of behav_activity_agg. Example: SELECT user_id, behav_activity_agg(ts, event = ''signup'', event = ''purchase'', ''week UTC'') FROM events GROUP BY 1';

CREATE AGGREGATE @extschema@.behav_activity_agg(
	ts timestamptz, starts boolean, returns boolean, config text) (
	SFUNC = @extschema@.behav_activity_accum_flags, STYPE = @extschema@.behav_activity_state,
	FINALFUNC = @extschema@.behav_activity_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_activity_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_activity_agg(timestamptz, boolean, boolean, text) IS
'The same with starts and returns told apart: is this row a start event, is it a return event. Example: SELECT user_id, behav_activity_agg(ts, event = ''signup'', event = ''purchase'', ''week UTC'') FROM events GROUP BY 1';

CREATE FUNCTION @extschema@.behav_survival_accum(@extschema@.behav_survival_state, float8, boolean)
RETURNS @extschema@.behav_survival_state
AS 'MODULE_PATHNAME', 'behav_survival_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_survival_accum(@extschema@.behav_survival_state, float8, boolean) IS
'Transition function of behav_survival_agg. Example: SELECT r.* FROM (SELECT behav_survival_agg(days, churned) AS s FROM customers) x, behav_survival_curve(x.s) r';

CREATE AGGREGATE @extschema@.behav_survival_agg(duration float8, event boolean) (
	SFUNC = @extschema@.behav_survival_accum, STYPE = @extschema@.behav_survival_state,
	FINALFUNC = @extschema@.behav_survival_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_survival_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_survival_agg(float8, boolean) IS
'Durations, and whether they ended (true) or are still going on (false), as a state. Example: SELECT r.* FROM (SELECT behav_survival_agg(days, churned) AS s FROM customers) x, behav_survival_curve(x.s) r';

CREATE FUNCTION @extschema@.behav_rhythm_accum(@extschema@.behav_rhythm_state, timestamptz, text)
RETURNS @extschema@.behav_rhythm_state
AS 'MODULE_PATHNAME', 'behav_rhythm_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_rhythm_accum(@extschema@.behav_rhythm_state, timestamptz, text) IS
'Transition function of behav_rhythm_agg. Example: SELECT r.* FROM (SELECT behav_rhythm_agg(ts, ''Europe/Berlin'') AS s FROM events) x, behav_rhythm(x.s) r';

CREATE AGGREGATE @extschema@.behav_rhythm_agg(ts timestamptz, time_zone text) (
	SFUNC = @extschema@.behav_rhythm_accum, STYPE = @extschema@.behav_rhythm_state,
	FINALFUNC = @extschema@.behav_rhythm_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_rhythm_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rhythm_agg(timestamptz, text) IS
'Events by hour of the week in a time zone, as a state. Example: SELECT r.* FROM (SELECT behav_rhythm_agg(ts, ''Europe/Berlin'') AS s FROM events) x, behav_rhythm(x.s) r';

CREATE FUNCTION @extschema@.behav_retention_accum(@extschema@.behav_retention_state, VARIADIC boolean[])
RETURNS @extschema@.behav_retention_state
AS 'MODULE_PATHNAME', 'behav_retention_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_retention_accum(@extschema@.behav_retention_state, VARIADIC boolean[]) IS
'Transition function of behav_retention_agg. Example: SELECT user_id, behav_retention_agg(day = 1, day = 2, day = 7) FROM visits GROUP BY 1';

CREATE AGGREGATE @extschema@.behav_retention_agg(VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_retention_accum, STYPE = @extschema@.behav_retention_state,
	FINALFUNC = @extschema@.behav_retention_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_retention_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_retention_agg(VARIADIC boolean[]) IS
'Which of up to 64 conditions happened in any row, as a state. Example: SELECT user_id, behav_retention_agg(day = 1, day = 2, day = 7) FROM visits GROUP BY 1';

CREATE FUNCTION @extschema@.behav_retention(state @extschema@.behav_retention_state)
RETURNS boolean[]
AS 'MODULE_PATHNAME', 'behav_retention_of_state' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_retention(@extschema@.behav_retention_state) IS
'[c1, c1 and c2, c1 and c3, ...] of a state. Example: SELECT behav_retention(behav_rollup(state)) FROM states';

CREATE AGGREGATE @extschema@.behav_retention(VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_retention_accum, STYPE = @extschema@.behav_retention_state,
	FINALFUNC = @extschema@.behav_retention, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_retention_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_retention(VARIADIC boolean[]) IS
'Did c1 happen in any row; and with it c2, c3, ...: an array of as many booleans. Example: SELECT user_id, behav_retention(day = 1, day = 2, day = 7) FROM visits GROUP BY 1';

CREATE FUNCTION @extschema@.behav_activity_first(state @extschema@.behav_activity_state)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'behav_activity_first' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_first(@extschema@.behav_activity_state) IS
'When the first start event happened; NULL without one. Example: SELECT behav_activity_first(s) FROM (SELECT behav_activity_agg(ts, ''day UTC'') AS s FROM events WHERE user_id = 1) x';

CREATE FUNCTION @extschema@.behav_activity_cohort(state @extschema@.behav_activity_state)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'behav_activity_cohort' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_cohort(@extschema@.behav_activity_state) IS
'When the period of the first start event began; NULL without one. Example: SELECT behav_activity_cohort(s) FROM (SELECT behav_activity_agg(ts, ''day UTC'') AS s FROM events WHERE user_id = 1) x';

CREATE FUNCTION @extschema@.behav_activity_count(
	state @extschema@.behav_activity_state, since timestamptz = NULL, until timestamptz = NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_activity_count' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_count(@extschema@.behav_activity_state, timestamptz, timestamptz) IS
'How many periods with a return event begin at or after since and before until. Example: SELECT behav_activity_count(s, since => ''2024-12-01'') FROM (SELECT behav_activity_agg(ts, ''day UTC'') AS s FROM events WHERE user_id = 1) x';

CREATE FUNCTION @extschema@.behav_activity_retained(
	state @extschema@.behav_activity_state, periods int = 8, or_after boolean = false)
RETURNS boolean[]
AS 'MODULE_PATHNAME', 'behav_activity_retained' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_activity_retained(@extschema@.behav_activity_state, int, boolean) IS
'Was there a return event in the period of the first start, in the one after it, and so on; or_after: in it or later. Example: SELECT behav_activity_retained(s, 7) FROM (SELECT behav_activity_agg(ts, ''day UTC'') AS s FROM events WHERE user_id = 1) x';

CREATE FUNCTION @extschema@.behav_activity_periods(state @extschema@.behav_activity_state)
RETURNS TABLE (period timestamptz, starts boolean, returns boolean)
AS 'MODULE_PATHNAME', 'behav_activity_periods' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 30;
COMMENT ON FUNCTION @extschema@.behav_activity_periods(@extschema@.behav_activity_state) IS
'The active periods in order, a row each. Example: SELECT behav_activity_periods(s) FROM (SELECT behav_activity_agg(ts, ''day UTC'') AS s FROM events WHERE user_id = 1) x';

CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_activity_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_activity_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_activity_state) IS
'Rows that were left out because their time was NULL, infinite or out of range. Example: SELECT behav_ignored(s) FROM (SELECT behav_activity_agg(ts, ''day UTC'') AS s FROM events WHERE user_id = 1) x';

CREATE FUNCTION @extschema@.behav_survival_curve(state @extschema@.behav_survival_state, confidence float8 = 0.95)
RETURNS TABLE (
	t float8, at_risk bigint, events bigint, censored bigint, survival float8,
	std_error float8, low float8, high float8)
AS 'MODULE_PATHNAME', 'behav_survival_curve' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_survival_curve(@extschema@.behav_survival_state, float8) IS
'The Kaplan-Meier curve of a state with its confidence band, a row per distinct duration. Example: SELECT r.* FROM (SELECT behav_survival_agg(days, churned) AS s FROM customers) x, behav_survival_curve(x.s) r';

CREATE FUNCTION @extschema@.behav_survival_quantile(state @extschema@.behav_survival_state, share float8 = 0.5)
RETURNS float8
AS 'MODULE_PATHNAME', 'behav_survival_quantile' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_survival_quantile(@extschema@.behav_survival_state, float8) IS
'The duration after which no more than this share is left (0.5: the median); NULL when the curve ends above it. Example: SELECT behav_survival_quantile(behav_survival_agg(days, churned)) FROM customers';

CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_survival_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_survival_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_survival_state) IS
'Rows that were left out because of a NULL. Example: SELECT behav_ignored(behav_survival_agg(days, churned)) FROM customers';

CREATE FUNCTION @extschema@.behav_rhythm(state @extschema@.behav_rhythm_state)
RETURNS TABLE (
	weekday int, hour int, events bigint, share float8, expected float8, ratio float8)
AS 'MODULE_PATHNAME', 'behav_rhythm_of_state' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 168;
COMMENT ON FUNCTION @extschema@.behav_rhythm(@extschema@.behav_rhythm_state) IS
'Events by weekday (1 is Monday) and hour: 168 rows with the share expected of a constant rate. Example: SELECT r.* FROM (SELECT behav_rhythm_agg(ts, ''UTC'') AS s FROM events) x, behav_rhythm(x.s) r';

CREATE FUNCTION @extschema@.behav_rhythm_strength(state @extschema@.behav_rhythm_state)
RETURNS TABLE (
	events bigint, cells int, chi2 float8, df float8, p_value float8, cramers_v float8,
	entropy float8, weekday int, hour int)
AS 'MODULE_PATHNAME', 'behav_rhythm_strength_of_state' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_rhythm_strength(@extschema@.behav_rhythm_state) IS
'How far the rhythm is from a constant rate: chi-squared with its p value, Cramer''s V, normalised entropy, the busiest hour. Example: SELECT r.* FROM (SELECT behav_rhythm_agg(ts, ''UTC'') AS s FROM events) x, behav_rhythm_strength(x.s) r';

CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_rhythm_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_rhythm_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_rhythm_state) IS
'Rows that were left out because their time was NULL, infinite or out of range. Example: SELECT behav_ignored(behav_rhythm_agg(ts, ''UTC'')) FROM events';

-- ---- on sources ----

CREATE FUNCTION @extschema@.behav_retention(
	source text, grain text = 'day', periods int = 8, start_event text = NULL,
	return_event text = NULL, time_zone text = NULL, since timestamptz = NULL,
	until timestamptz = NULL, breakdown name = NULL, options jsonb = '{}')
RETURNS TABLE (
	cohort timestamptz, size bigint, period int, label text, users bigint, share float8,
	value float8, breakdown text)
AS 'MODULE_PATHNAME', 'behav_retention' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_retention(text, text, int, text, text, text, timestamptz, timestamptz, name, jsonb) IS
'Cohorts by the period of their start, and how many came back in each later period; the row with a NULL cohort sums all of them up. Unfinished periods are NULL. Example: SELECT cohort, size, period, users, share FROM behav_retention(''shop'', ''week'', periods => 4)';

CREATE FUNCTION @extschema@.behav_lifecycle(
	source text, grain text = 'day', event text = NULL, time_zone text = NULL,
	since timestamptz = NULL, until timestamptz = NULL, breakdown name = NULL)
RETURNS TABLE (
	period timestamptz, new_users bigint, returning_users bigint, resurrecting_users bigint,
	dormant_users bigint, complete boolean, breakdown text)
AS 'MODULE_PATHNAME', 'behav_lifecycle' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_lifecycle(text, text, text, text, timestamptz, timestamptz, name) IS
'Users of each period: new, returning from the period before, resurrecting after a pause, and dormant, who were there in the period before only. Example: SELECT * FROM behav_lifecycle(''shop'', ''week'')';

CREATE FUNCTION @extschema@.behav_stickiness(
	source text, grain text = 'day', event text = NULL, time_zone text = NULL,
	since timestamptz = NULL, until timestamptz = NULL, breakdown name = NULL,
	options jsonb = '{}')
RETURNS TABLE (
	periods int, users bigint, share float8, at_least bigint, breakdown text)
AS 'MODULE_PATHNAME', 'behav_stickiness' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 30;
COMMENT ON FUNCTION @extschema@.behav_stickiness(text, text, text, text, timestamptz, timestamptz, name, jsonb) IS
'Users by the exact number of periods in which they were active. Example: SELECT * FROM behav_stickiness(''shop'', ''day'', since => ''2024-12-01'', until => ''2024-12-08'')';

CREATE FUNCTION @extschema@.behav_survival(
	source text, churn_after interval = '30 days', unit text = 'day', start_event text = NULL,
	event text = NULL, since timestamptz = NULL, until timestamptz = NULL,
	breakdown name = NULL, options jsonb = '{}')
RETURNS TABLE (
	t float8, at_risk bigint, events bigint, censored bigint, survival float8,
	std_error float8, low float8, high float8, breakdown text)
AS 'MODULE_PATHNAME', 'behav_survival' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_survival(text, interval, text, text, text, timestamptz, timestamptz, name, jsonb) IS
'How long users stay: from the first start event to the last event, which is the end for those of whom nothing more came for churn_after; Kaplan-Meier with a confidence band. Example: SELECT t, at_risk, events, survival, low, high FROM behav_survival(''shop'', ''14 days'')';

CREATE FUNCTION @extschema@.behav_rhythm(
	source text, time_zone text = NULL, event text = NULL, since timestamptz = NULL,
	until timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	weekday int, hour int, events bigint, share float8, expected float8, ratio float8)
AS 'MODULE_PATHNAME', 'behav_rhythm' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 168;
COMMENT ON FUNCTION @extschema@.behav_rhythm(text, text, text, timestamptz, timestamptz, jsonb) IS
'Events by weekday (1 is Monday) and hour: 168 rows with the share expected of a constant rate. Example: SELECT * FROM behav_rhythm(''shop'', ''Europe/Berlin'') ORDER BY ratio DESC LIMIT 3';

CREATE FUNCTION @extschema@.behav_rhythm_strength(
	source text, time_zone text = NULL, event text = NULL, since timestamptz = NULL,
	until timestamptz = NULL, options jsonb = '{}')
RETURNS TABLE (
	events bigint, cells int, chi2 float8, df float8, p_value float8, cramers_v float8,
	entropy float8, weekday int, hour int)
AS 'MODULE_PATHNAME', 'behav_rhythm_strength' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_rhythm_strength(text, text, text, timestamptz, timestamptz, jsonb) IS
'How far the rhythm is from a constant rate: chi-squared with its p value, Cramer''s V, normalised entropy, the busiest hour. Example: SELECT chi2, p_value, cramers_v FROM behav_rhythm_strength(''shop'', ''Europe/Berlin'')';
