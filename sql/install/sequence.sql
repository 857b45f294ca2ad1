-- Sequence matching: patterns over the events of a user, row patterns, and what came next.

CREATE TYPE @extschema@.behav_sequence_state;
CREATE FUNCTION @extschema@.behav_sequence_state_in(cstring) RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_sequence_state_out(@extschema@.behav_sequence_state) RETURNS cstring
AS 'MODULE_PATHNAME', 'behav_sequence_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_sequence_state_recv(internal) RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_sequence_state_send(@extschema@.behav_sequence_state) RETURNS bytea
AS 'MODULE_PATHNAME', 'behav_sequence_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE @extschema@.behav_sequence_state (
	INPUT = @extschema@.behav_sequence_state_in, OUTPUT = @extschema@.behav_sequence_state_out,
	RECEIVE = @extschema@.behav_sequence_state_recv, SEND = @extschema@.behav_sequence_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_sequence_state IS
'Events of one user and which conditions each fulfils, 16 bytes an event; made by behav_sequence_agg and behav_match_rows_agg, merged by behav_rollup. Example: CREATE TABLE daily AS SELECT user_id, behav_sequence_agg(''(?1).*(?2)'', ts, event = ''view'', event = ''purchase'') AS seq FROM events GROUP BY user_id';
COMMENT ON FUNCTION @extschema@.behav_sequence_state_in(cstring) IS
'Text form of a state, with its checksum verified. Example: SELECT behav_sequence_agg(''(?1)'', ts, event = ''view'')::text::behav_sequence_state FROM events';
COMMENT ON FUNCTION @extschema@.behav_sequence_state_out(@extschema@.behav_sequence_state) IS
'Text form of a state: bm1: and base64. Example: SELECT behav_sequence_agg(''(?1)'', ts, event = ''view'')::text FROM events';
COMMENT ON FUNCTION @extschema@.behav_sequence_state_recv(internal) IS
'Binary form of a state, with its checksum verified; used by COPY and drivers. Example: COPY daily FROM ''/tmp/daily'' (FORMAT binary)';
COMMENT ON FUNCTION @extschema@.behav_sequence_state_send(@extschema@.behav_sequence_state) IS
'Binary form of a state; used by COPY and drivers. Example: COPY daily TO ''/tmp/daily'' (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_sequence_state_accum(
	@extschema@.behav_sequence_state, text, timestamptz, VARIADIC boolean[])
RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sequence_state_accum(@extschema@.behav_sequence_state, text, timestamptz, boolean[]) IS
'Transition of the sequence aggregates: one more event. Example: SELECT behav_sequence_match(''(?1).*(?2)'', ts, event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_sequence_state_accum(
	@extschema@.behav_sequence_state, text, interval, timestamptz, VARIADIC boolean[])
RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_accum_within' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sequence_state_accum(@extschema@.behav_sequence_state, text, interval, timestamptz, boolean[]) IS
'Transition of the sequence aggregates with a limit on the whole: one more event. Example: SELECT behav_sequence_match(''(?1).*(?2)'', ''1 day'', ts, event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_sequence_state_accum(
	@extschema@.behav_sequence_state, text, timestamptz, text, text[])
RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_accum_names' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sequence_state_accum(@extschema@.behav_sequence_state, text, timestamptz, text, text[]) IS
'Transition of the sequence aggregates with conditions as names of events. Example: SELECT behav_sequence_match(''(?1).*(?2)'', ts, event, ''{view,purchase}'') FROM events';
CREATE FUNCTION @extschema@.behav_sequence_state_accum(
	@extschema@.behav_sequence_state, text, interval, timestamptz, text, text[])
RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_accum_names_within' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sequence_state_accum(@extschema@.behav_sequence_state, text, interval, timestamptz, text, text[]) IS
'Transition of the sequence aggregates with a limit on the whole and conditions as names of events. Example: SELECT behav_sequence_match(''(?1).*(?2)'', ''1 day'', ts, event, ''{view,purchase}'') FROM events';
CREATE FUNCTION @extschema@.behav_sequence_state_accum_rows(
	@extschema@.behav_sequence_state, text[], timestamptz, text)
RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_accum_rows_names' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sequence_state_accum_rows(@extschema@.behav_sequence_state, text[], timestamptz, text) IS
'Transition of behav_match_rows_agg with names of events as symbols. Example: SELECT behav_match_rows_agg(''{view,purchase}'', ts, event) FROM events';
CREATE FUNCTION @extschema@.behav_sequence_state_accum_rows(
	@extschema@.behav_sequence_state, text[], timestamptz, VARIADIC boolean[])
RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_accum_rows' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sequence_state_accum_rows(@extschema@.behav_sequence_state, text[], timestamptz, boolean[]) IS
'Transition of behav_match_rows_agg: one more row. Example: SELECT behav_match_rows_agg(''{V,P}'', ts, event = ''view'', event = ''purchase'') FROM events';
CREATE FUNCTION @extschema@.behav_sequence_state_combine(
	@extschema@.behav_sequence_state, @extschema@.behav_sequence_state)
RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sequence_state_combine(@extschema@.behav_sequence_state, @extschema@.behav_sequence_state) IS
'Two states of the same pattern and conditions as one. Example: SELECT behav_sequence_count(behav_sequence_state_combine(a.seq, b.seq)) FROM monday a JOIN tuesday b USING (user_id)';
CREATE FUNCTION @extschema@.behav_sequence_state_final(@extschema@.behav_sequence_state)
RETURNS @extschema@.behav_sequence_state
AS 'MODULE_PATHNAME', 'behav_sequence_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_sequence_state_final(@extschema@.behav_sequence_state) IS
'A state without spare room: what behav_sequence_agg answers. Example: SELECT behav_sequence_agg(''(?1)'', ts, event = ''view'') FROM events';

-- ---- questions to a state ----

CREATE FUNCTION @extschema@.behav_sequence_match(state @extschema@.behav_sequence_state)
RETURNS boolean
AS 'MODULE_PATHNAME', 'behav_sequence_match' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_sequence_match(@extschema@.behav_sequence_state) IS
'Does the pattern of a state match its events? Example: SELECT user_id FROM daily GROUP BY user_id HAVING behav_sequence_match(behav_rollup(seq))';
CREATE FUNCTION @extschema@.behav_sequence_match(
	state @extschema@.behav_sequence_state, pattern text, within interval = NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'behav_sequence_match' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_sequence_match(@extschema@.behav_sequence_state, text, interval) IS
'Does another pattern over the same conditions match a state''s events? Example: SELECT user_id, behav_sequence_match(seq, ''(?1)(?2)'', ''1 hour'') FROM daily';
CREATE FUNCTION @extschema@.behav_sequence_count(state @extschema@.behav_sequence_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_sequence_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_sequence_count(@extschema@.behav_sequence_state) IS
'How often the pattern of a state matches its events, without overlap. Example: SELECT user_id, behav_sequence_count(behav_rollup(seq)) FROM daily GROUP BY user_id';
CREATE FUNCTION @extschema@.behav_sequence_count(
	state @extschema@.behav_sequence_state, pattern text, within interval = NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_sequence_count' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_sequence_count(@extschema@.behav_sequence_state, text, interval) IS
'How often another pattern over the same conditions matches a state''s events. Example: SELECT user_id, behav_sequence_count(seq, ''(?1)(?t<=60)(?1)'') FROM daily';
CREATE FUNCTION @extschema@.behav_sequence_events(state @extschema@.behav_sequence_state)
RETURNS timestamptz[]
AS 'MODULE_PATHNAME', 'behav_sequence_events' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_sequence_events(@extschema@.behav_sequence_state) IS
'Times of the conditions of the first match of a state''s pattern, empty without one. Example: SELECT user_id, behav_sequence_events(behav_rollup(seq)) FROM daily GROUP BY user_id';
CREATE FUNCTION @extschema@.behav_sequence_events(
	state @extschema@.behav_sequence_state, pattern text, within interval = NULL)
RETURNS timestamptz[]
AS 'MODULE_PATHNAME', 'behav_sequence_events' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_sequence_events(@extschema@.behav_sequence_state, text, interval) IS
'Times of the conditions of the first match of another pattern over the same conditions. Example: SELECT user_id, behav_sequence_events(seq, ''(?1)(?2)'') FROM daily';
CREATE FUNCTION @extschema@.behav_sequence_matches(
	state @extschema@.behav_sequence_state, pattern text = NULL, within interval = NULL)
RETURNS TABLE (match bigint, first_ts timestamptz, last_ts timestamptz, times timestamptz[])
AS 'MODULE_PATHNAME', 'behav_sequence_matches' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_sequence_matches(@extschema@.behav_sequence_state, text, interval) IS
'All matches that behav_sequence_count counts, in order, with the times of their conditions. Example: SELECT user_id, m.* FROM daily, behav_sequence_matches(seq) m';
CREATE FUNCTION @extschema@.behav_match_rows(
	state @extschema@.behav_sequence_state, pattern text, within interval = NULL,
	skip text = 'past last row')
RETURNS TABLE (
	match bigint, first_ts timestamptz, last_ts timestamptz, symbols text[], times timestamptz[],
	rows bigint[])
AS 'MODULE_PATHNAME', 'behav_match_rows' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_match_rows(@extschema@.behav_sequence_state, text, interval, text) IS
'Matches of a row pattern as MATCH_RECOGNIZE has them, with the symbol, time and number of each row. Example: SELECT m.* FROM (SELECT behav_match_rows_agg(''{V,P}'', ts, event = ''view'', event = ''purchase'') AS s FROM events WHERE user_id = 7) x, behav_match_rows(s, ''V{3,} P'', ''1 day'') m';
CREATE FUNCTION @extschema@.behav_match_rows_count(
	state @extschema@.behav_sequence_state, pattern text, within interval = NULL,
	skip text = 'past last row')
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_match_rows_count' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.behav_match_rows_count(@extschema@.behav_sequence_state, text, interval, text) IS
'How many rows behav_match_rows answers. Example: SELECT user_id FROM events GROUP BY user_id HAVING behav_match_rows_count(behav_match_rows_agg(''{view,purchase}'', ts, event), ''view{3,} purchase'') > 0';
CREATE FUNCTION @extschema@.behav_events(state @extschema@.behav_sequence_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_sequence_state_events' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_events(@extschema@.behav_sequence_state) IS
'Number of events that a state keeps. Example: SELECT behav_events(seq) FROM daily WHERE user_id = 7';
CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_sequence_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_sequence_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_sequence_state) IS
'Number of rows that a state left out because their time was null or infinite. Example: SELECT sum(behav_ignored(seq)) FROM daily';

-- ---- aggregates ----

CREATE AGGREGATE @extschema@.behav_sequence_match(pattern text, ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_match, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_match(text, timestamptz, boolean[]) IS
'Do the events match a pattern in ClickHouse''s grammar? Example: SELECT user_id, behav_sequence_match(''(?1)(?t<=3600)(?2)'', ts, event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_match(
	pattern text, within interval, ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_match, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_match(text, interval, timestamptz, boolean[]) IS
'The same with a limit on the time from the first event of a match to its last. Example: SELECT user_id, behav_sequence_match(''(?1).*(?2).*(?3)'', ''1 day'', ts, event = ''view'', event = ''cart'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_count(pattern text, ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_count, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_count(text, timestamptz, boolean[]) IS
'How often a pattern matches, without overlap. Example: SELECT user_id, behav_sequence_count(''(?1)(?2)'', ts, event = ''cart'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_count(
	pattern text, within interval, ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_count, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_count(text, interval, timestamptz, boolean[]) IS
'The same with a limit on the time from the first event of a match to its last. Example: SELECT user_id, behav_sequence_count(''(?1).*(?2)'', ''1 hour'', ts, event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_events(pattern text, ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_events, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_events(text, timestamptz, boolean[]) IS
'Times of the conditions of the first match, empty without one. Example: SELECT user_id, behav_sequence_events(''(?1).*(?2)'', ts, event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_events(
	pattern text, within interval, ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_events, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_events(text, interval, timestamptz, boolean[]) IS
'The same with a limit on the time from the first event of a match to its last. Example: SELECT user_id, behav_sequence_events(''(?1).*(?2)'', ''1 hour'', ts, event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_agg(pattern text, ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_agg(text, timestamptz, boolean[]) IS
'A user''s events as a state to store, to merge and to ask later; the pattern may be null. Example: SELECT user_id, behav_sequence_agg(NULL, ts, event = ''view'', event = ''cart'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_agg(
	pattern text, within interval, ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_agg(text, interval, timestamptz, boolean[]) IS
'The same with a limit on the time from the first event of a match to its last. Example: SELECT user_id, behav_sequence_agg(''(?1).*(?2)'', ''1 hour'', ts, event = ''view'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_match_rows_agg(names text[], ts timestamptz, VARIADIC conditions boolean[]) (
	SFUNC = @extschema@.behav_sequence_state_accum_rows, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_match_rows_agg(text[], timestamptz, boolean[]) IS
'All rows of a user with named conditions, for behav_match_rows. Example: SELECT user_id, behav_match_rows_agg(''{V,C,P}'', ts, event = ''view'', event = ''cart'', event = ''purchase'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_match(pattern text, ts timestamptz, event text, conditions text[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_match, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_match(text, timestamptz, text, text[]) IS
'Do the events match a pattern, conditions as names of events? Example: SELECT user_id, behav_sequence_match(''(?1)(?t<=3600)(?2)'', ts, event, ''{cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_match(
	pattern text, within interval, ts timestamptz, event text, conditions text[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_match, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_match(text, interval, timestamptz, text, text[]) IS
'The same with a limit on the time from the first event of a match to its last, conditions as names of events. Example: SELECT user_id, behav_sequence_match(''(?1).*(?2)'', ''1 day'', ts, event, ''{cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_count(pattern text, ts timestamptz, event text, conditions text[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_count, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_count(text, timestamptz, text, text[]) IS
'How often a pattern matches, without overlap, conditions as names of events. Example: SELECT user_id, behav_sequence_count(''(?1)(?2)'', ts, event, ''{cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_count(
	pattern text, within interval, ts timestamptz, event text, conditions text[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_count, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_count(text, interval, timestamptz, text, text[]) IS
'The same with a limit on the time from the first event of a match to its last, conditions as names of events. Example: SELECT user_id, behav_sequence_count(''(?1).*(?2)'', ''1 day'', ts, event, ''{cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_events(pattern text, ts timestamptz, event text, conditions text[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_events, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_events(text, timestamptz, text, text[]) IS
'Times of the conditions of the first match, empty without one, conditions as names of events. Example: SELECT user_id, behav_sequence_events(''(?1).*(?2)'', ts, event, ''{cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_events(
	pattern text, within interval, ts timestamptz, event text, conditions text[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_events, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_events(text, interval, timestamptz, text, text[]) IS
'The same with a limit on the time from the first event of a match to its last, conditions as names of events. Example: SELECT user_id, behav_sequence_events(''(?1).*(?2)'', ''1 day'', ts, event, ''{cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_agg(pattern text, ts timestamptz, event text, conditions text[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_agg(text, timestamptz, text, text[]) IS
'A user''s events as a state to store, to merge and to ask later, conditions as names of events. Example: SELECT user_id, behav_sequence_agg(''(?1).*(?2)'', ts, event, ''{cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_sequence_agg(
	pattern text, within interval, ts timestamptz, event text, conditions text[]) (
	SFUNC = @extschema@.behav_sequence_state_accum, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_sequence_agg(text, interval, timestamptz, text, text[]) IS
'The same with a limit on the time from the first event of a match to its last, conditions as names of events. Example: SELECT user_id, behav_sequence_agg(''(?1).*(?2)'', ''1 day'', ts, event, ''{cart,purchase}'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_match_rows_agg(names text[], ts timestamptz, event text) (
	SFUNC = @extschema@.behav_sequence_state_accum_rows, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_match_rows_agg(text[], timestamptz, text) IS
'All rows of a user, names of events as symbols, for behav_match_rows. Example: SELECT user_id, behav_match_rows_agg(''{view,cart,purchase}'', ts, event) FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_sequence_state) (
	SFUNC = @extschema@.behav_sequence_state_combine, STYPE = @extschema@.behav_sequence_state,
	COMBINEFUNC = @extschema@.behav_sequence_state_combine,
	FINALFUNC = @extschema@.behav_sequence_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_sequence_state) IS
'Stored states of one user as one state. Example: SELECT user_id, behav_sequence_count(behav_rollup(seq)) FROM daily GROUP BY user_id';

-- ---- what came next ----

CREATE TYPE @extschema@.behav_next_node_state;
CREATE FUNCTION @extschema@.behav_next_node_state_in(cstring) RETURNS @extschema@.behav_next_node_state
AS 'MODULE_PATHNAME', 'behav_next_node_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_next_node_state_out(@extschema@.behav_next_node_state) RETURNS cstring
AS 'MODULE_PATHNAME', 'behav_next_node_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_next_node_state_recv(internal) RETURNS @extschema@.behav_next_node_state
AS 'MODULE_PATHNAME', 'behav_next_node_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.behav_next_node_state_send(@extschema@.behav_next_node_state) RETURNS bytea
AS 'MODULE_PATHNAME', 'behav_next_node_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE @extschema@.behav_next_node_state (
	INPUT = @extschema@.behav_next_node_state_in, OUTPUT = @extschema@.behav_next_node_state_out,
	RECEIVE = @extschema@.behav_next_node_state_recv, SEND = @extschema@.behav_next_node_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_next_node_state IS
'Events of one user with their texts, 64 bytes for up to 32 of text; made by behav_next_node_agg, merged by behav_rollup. Example: CREATE TABLE daily AS SELECT user_id, behav_next_node_agg(''forward'', ''first_match'', ts, page, true, page = ''/'') AS next FROM events GROUP BY user_id';
COMMENT ON FUNCTION @extschema@.behav_next_node_state_in(cstring) IS
'Text form of a state, with its checksum verified. Example: SELECT behav_next_node_agg(''forward'', ''head'', ts, page, true, page = ''/'')::text::behav_next_node_state FROM events';
COMMENT ON FUNCTION @extschema@.behav_next_node_state_out(@extschema@.behav_next_node_state) IS
'Text form of a state: bm1: and base64. Example: SELECT behav_next_node_agg(''forward'', ''head'', ts, page, true, page = ''/'')::text FROM events';
COMMENT ON FUNCTION @extschema@.behav_next_node_state_recv(internal) IS
'Binary form of a state, with its checksum verified; used by COPY and drivers. Example: COPY daily FROM ''/tmp/daily'' (FORMAT binary)';
COMMENT ON FUNCTION @extschema@.behav_next_node_state_send(@extschema@.behav_next_node_state) IS
'Binary form of a state; used by COPY and drivers. Example: COPY daily TO ''/tmp/daily'' (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_next_node_state_accum(
	@extschema@.behav_next_node_state, text, text, timestamptz, text, boolean, VARIADIC boolean[])
RETURNS @extschema@.behav_next_node_state
AS 'MODULE_PATHNAME', 'behav_next_node_state_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_next_node_state_accum(@extschema@.behav_next_node_state, text, text, timestamptz, text, boolean, boolean[]) IS
'Transition of behav_next_node: one more event. Example: SELECT behav_next_node(''forward'', ''head'', ts, page, true, page = ''/'') FROM events';
CREATE FUNCTION @extschema@.behav_next_node_state_combine(
	@extschema@.behav_next_node_state, @extschema@.behav_next_node_state)
RETURNS @extschema@.behav_next_node_state
AS 'MODULE_PATHNAME', 'behav_next_node_state_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_next_node_state_combine(@extschema@.behav_next_node_state, @extschema@.behav_next_node_state) IS
'Two states of the same question as one. Example: SELECT behav_next_node(behav_next_node_state_combine(a.next, b.next)) FROM monday a JOIN tuesday b USING (user_id)';
CREATE FUNCTION @extschema@.behav_next_node_state_final(@extschema@.behav_next_node_state)
RETURNS @extschema@.behav_next_node_state
AS 'MODULE_PATHNAME', 'behav_next_node_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_next_node_state_final(@extschema@.behav_next_node_state) IS
'A state without spare room: what behav_next_node_agg answers. Example: SELECT behav_next_node_agg(''forward'', ''head'', ts, page, true, page = ''/'') FROM events';
CREATE FUNCTION @extschema@.behav_next_node(state @extschema@.behav_next_node_state)
RETURNS text
AS 'MODULE_PATHNAME', 'behav_next_node' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_next_node(@extschema@.behav_next_node_state) IS
'The event behind the run that a state looks for. Example: SELECT user_id, behav_next_node(behav_rollup(next)) FROM daily GROUP BY user_id';
CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_next_node_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_next_node_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_next_node_state) IS
'Number of rows that a state left out because their time was null or infinite. Example: SELECT sum(behav_ignored(next)) FROM daily';

CREATE AGGREGATE @extschema@.behav_next_node(
	direction text, base text, ts timestamptz, event text, base_condition boolean,
	VARIADIC events boolean[]) (
	SFUNC = @extschema@.behav_next_node_state_accum, STYPE = @extschema@.behav_next_node_state,
	COMBINEFUNC = @extschema@.behav_next_node_state_combine,
	FINALFUNC = @extschema@.behav_next_node, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_next_node(text, text, timestamptz, text, boolean, boolean[]) IS
'The event of the row after a run of rows that begins at the base and fulfils the conditions one after the other. Example: SELECT next, count(*) FROM (SELECT behav_next_node(''forward'', ''first_match'', ts, page, true, page = ''/cart'') AS next FROM events GROUP BY user_id) x GROUP BY 1 ORDER BY 2 DESC';
CREATE AGGREGATE @extschema@.behav_next_node_agg(
	direction text, base text, ts timestamptz, event text, base_condition boolean,
	VARIADIC events boolean[]) (
	SFUNC = @extschema@.behav_next_node_state_accum, STYPE = @extschema@.behav_next_node_state,
	COMBINEFUNC = @extschema@.behav_next_node_state_combine,
	FINALFUNC = @extschema@.behav_next_node_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_next_node_agg(text, text, timestamptz, text, boolean, boolean[]) IS
'A user''s events as a state to store and to merge later: behav_next_node reads it. Example: SELECT user_id, behav_next_node_agg(''forward'', ''head'', ts, page, true, page = ''/'') FROM events GROUP BY user_id';
CREATE AGGREGATE @extschema@.behav_rollup(@extschema@.behav_next_node_state) (
	SFUNC = @extschema@.behav_next_node_state_combine, STYPE = @extschema@.behav_next_node_state,
	COMBINEFUNC = @extschema@.behav_next_node_state_combine,
	FINALFUNC = @extschema@.behav_next_node_state_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_next_node_state) IS
'Stored states of one user as one state. Example: SELECT user_id, behav_next_node(behav_rollup(next)) FROM daily GROUP BY user_id';

-- ---- on sources ----

CREATE FUNCTION @extschema@.behav_sequence_users(
	source text, pattern text, conditions text[], within interval = NULL,
	since timestamptz = NULL, until timestamptz = NULL)
RETURNS TABLE (
	user_id text, matches bigint, first_ts timestamptz, last_ts timestamptz, times timestamptz[])
AS 'MODULE_PATHNAME', 'behav_sequence_users' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_sequence_users(text, text, text[], interval, timestamptz, timestamptz) IS
'Users of a source whose events match a pattern over its behaviours: how often, and when first. Example: SELECT * FROM behav_sequence_users(''shop'', ''(?1).*(?2)'', ''{view,purchase}'', within => ''1 day'')';
