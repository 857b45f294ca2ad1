-- Uplift: whom does a treatment move, and how well does a score know.

CREATE TYPE @extschema@.behav_uplift_state;

CREATE FUNCTION @extschema@.behav_uplift_state_in(pg_catalog.cstring)
RETURNS @extschema@.behav_uplift_state
AS 'MODULE_PATHNAME', 'behav_uplift_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_uplift_state_in(pg_catalog.cstring) IS
'Text to a state; a damaged or newer one is refused. Example: SELECT c.s::text::behav_uplift_state FROM (SELECT behav_uplift_agg(bought::int, mailed, score) AS s FROM campaign) c';

CREATE FUNCTION @extschema@.behav_uplift_state_out(@extschema@.behav_uplift_state)
RETURNS pg_catalog.cstring
AS 'MODULE_PATHNAME', 'behav_uplift_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_uplift_state_out(@extschema@.behav_uplift_state) IS
'A state as text. Example: SELECT c.s::text FROM (SELECT behav_uplift_agg(bought::int, mailed, score) AS s FROM campaign) c';

CREATE FUNCTION @extschema@.behav_uplift_state_recv(pg_catalog.internal)
RETURNS @extschema@.behav_uplift_state
AS 'MODULE_PATHNAME', 'behav_uplift_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_uplift_state_recv(pg_catalog.internal) IS
'A state in binary form, as COPY BINARY and drivers send it. Example: COPY states FROM ''states.bin'' (FORMAT binary)';

CREATE FUNCTION @extschema@.behav_uplift_state_send(@extschema@.behav_uplift_state)
RETURNS pg_catalog.bytea
AS 'MODULE_PATHNAME', 'behav_uplift_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_uplift_state_send(@extschema@.behav_uplift_state) IS
'A state in binary form, as COPY BINARY and drivers read it. Example: COPY states TO ''states.bin'' (FORMAT binary)';

CREATE TYPE @extschema@.behav_uplift_state (
	INPUT = @extschema@.behav_uplift_state_in, OUTPUT = @extschema@.behav_uplift_state_out,
	RECEIVE = @extschema@.behav_uplift_state_recv, SEND = @extschema@.behav_uplift_state_send,
	INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended);
COMMENT ON TYPE @extschema@.behav_uplift_state IS
'Aggregate state: people of a campaign with score, outcome and arm; can be stored, sent, and merged with behav_rollup. Example: SELECT behav_uplift_agg(bought::int, mailed, score) FROM campaign';

CREATE FUNCTION @extschema@.behav_uplift_state_combine(@extschema@.behav_uplift_state, @extschema@.behav_uplift_state)
RETURNS @extschema@.behav_uplift_state
AS 'MODULE_PATHNAME', 'behav_uplift_state_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_uplift_state_combine(@extschema@.behav_uplift_state, @extschema@.behav_uplift_state) IS
'Two states as one. Example: SELECT behav_uplift_state_combine(a.s, b.s) FROM monday a, tuesday b';

CREATE FUNCTION @extschema@.behav_uplift_state_final(@extschema@.behav_uplift_state)
RETURNS @extschema@.behav_uplift_state
AS 'MODULE_PATHNAME', 'behav_uplift_state_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_uplift_state_final(@extschema@.behav_uplift_state) IS
'The state without its spare room. Example: SELECT behav_uplift_state_final(s) FROM monday';

CREATE FUNCTION @extschema@.behav_uplift_accum(@extschema@.behav_uplift_state, outcome float8, treated boolean, score float8)
RETURNS @extschema@.behav_uplift_state
AS 'MODULE_PATHNAME', 'behav_uplift_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_uplift_accum(@extschema@.behav_uplift_state, float8, boolean, float8) IS
'Adds a person to a state. Example: SELECT behav_uplift_accum(NULL, 1, true, 0.3)';

CREATE AGGREGATE @extschema@.behav_uplift_agg(outcome float8, treated boolean, score float8) (
	SFUNC = @extschema@.behav_uplift_accum, STYPE = @extschema@.behav_uplift_state,
	FINALFUNC = @extschema@.behav_uplift_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_uplift_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_uplift_agg(float8, boolean, float8) IS
'People of a campaign as a state: what happened, were they treated, the score that ranks them (higher: treat first). Example: SELECT behav_uplift_agg(bought::int, mailed, score) FROM campaign';

CREATE AGGREGATE @extschema@.behav_rollup(state @extschema@.behav_uplift_state) (
	SFUNC = @extschema@.behav_uplift_state_combine, STYPE = @extschema@.behav_uplift_state,
	FINALFUNC = @extschema@.behav_uplift_state_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_uplift_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_rollup(@extschema@.behav_uplift_state) IS
'Merges stored states into one. Example: SELECT behav_qini(behav_rollup(s)) FROM campaigns_by_day';

CREATE FUNCTION @extschema@.behav_events(state @extschema@.behav_uplift_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_uplift_state_events' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_events(@extschema@.behav_uplift_state) IS
'People in a state. Example: SELECT behav_events(s) FROM campaigns_by_day';

CREATE FUNCTION @extschema@.behav_ignored(state @extschema@.behav_uplift_state)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_uplift_state_ignored' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_ignored(@extschema@.behav_uplift_state) IS
'Rows that were left out because of a NULL. Example: SELECT behav_ignored(s) FROM campaigns_by_day';

CREATE FUNCTION @extschema@.behav_qini(state @extschema@.behav_uplift_state)
RETURNS float8
AS 'MODULE_PATHNAME', 'behav_qini' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_qini(@extschema@.behav_uplift_state) IS
'Area between the Qini curve and a random order, as a share of the perfect order''s: 1 perfect, 0 chance. NULL unless outcomes are 0 and 1 and both arms are there. Example: SELECT behav_qini(behav_rollup(s)) FROM campaigns_by_day';

CREATE FUNCTION @extschema@.behav_auuc(state @extschema@.behav_uplift_state)
RETURNS float8
AS 'MODULE_PATHNAME', 'behav_auuc' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_auuc(@extschema@.behav_uplift_state) IS
'Area between the uplift curve and a random order, as a share of the perfect order''s: 1 perfect, 0 chance. NULL unless outcomes are 0 and 1 and both arms are there. Example: SELECT behav_auuc(behav_rollup(s)) FROM campaigns_by_day';

CREATE FUNCTION @extschema@.behav_uplift_at(state @extschema@.behav_uplift_state, share float8)
RETURNS float8
AS 'MODULE_PATHNAME', 'behav_uplift_at' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.behav_uplift_at(@extschema@.behav_uplift_state, float8) IS
'Difference of the arms'' mean outcomes among the best share of the people; a tie at the cut counts wholly. Example: SELECT behav_uplift_at(behav_rollup(s), 0.1) FROM campaigns_by_day';

CREATE AGGREGATE @extschema@.behav_qini(outcome float8, treated boolean, score float8) (
	SFUNC = @extschema@.behav_uplift_accum, STYPE = @extschema@.behav_uplift_state,
	FINALFUNC = @extschema@.behav_qini, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_uplift_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_qini(float8, boolean, float8) IS
'How well a score ranks people by the effect of a treatment: Qini coefficient, 1 for the perfect order, 0 for chance. Example: SELECT behav_qini(bought::int, mailed, score) FROM campaign';

CREATE AGGREGATE @extschema@.behav_auuc(outcome float8, treated boolean, score float8) (
	SFUNC = @extschema@.behav_uplift_accum, STYPE = @extschema@.behav_uplift_state,
	FINALFUNC = @extschema@.behav_auuc, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = @extschema@.behav_uplift_state_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.behav_auuc(float8, boolean, float8) IS
'How well a score ranks people by the effect of a treatment: area under the uplift curve, 1 for the perfect order, 0 for chance. Example: SELECT behav_auuc(bought::int, mailed, score) FROM campaign';

CREATE FUNCTION @extschema@.behav_uplift_table(state @extschema@.behav_uplift_state, bins int = 10)
RETURNS TABLE (
	bin int, people bigint, treated bigint, control bigint, outcome_treated float8,
	outcome_control float8, effect float8, score_from float8)
AS 'MODULE_PATHNAME', 'behav_uplift_table' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_uplift_table(@extschema@.behav_uplift_state, int) IS
'The people in bins of equal size, best score first, with the mean outcome of each arm and their difference. Example: SELECT t.* FROM (SELECT behav_uplift_agg(bought::int, mailed, score) AS s FROM campaign) c, behav_uplift_table(c.s) t';

CREATE FUNCTION @extschema@.behav_uplift_curve(state @extschema@.behav_uplift_state, points int = 100)
RETURNS TABLE (
	share float8, people bigint, score float8, qini float8, uplift float8, random float8)
AS 'MODULE_PATHNAME', 'behav_uplift_curve' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.behav_uplift_curve(@extschema@.behav_uplift_state, int) IS
'The curves over the share of the people that is treated first: extra outcomes by Qini and by uplift, and of the first what a random order gives. Example: SELECT t.* FROM (SELECT behav_uplift_agg(bought::int, mailed, score) AS s FROM campaign) c, behav_uplift_curve(c.s) t';

CREATE FUNCTION @extschema@.behav_uplift_report(
	state @extschema@.behav_uplift_state, top float8 = 0.1, bootstrap int = 200,
	confidence float8 = 0.95, seed bigint = 0)
RETURNS TABLE (measure text, value float8, low float8, high float8)
AS 'MODULE_PATHNAME', 'behav_uplift_report' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 8;
COMMENT ON FUNCTION @extschema@.behav_uplift_report(@extschema@.behav_uplift_state, float8, int, float8, bigint) IS
'Effect, Qini and AUUC in both scalings and the effect among the best, with bootstrap intervals. Example: SELECT t.* FROM (SELECT behav_uplift_agg(bought::int, mailed, score) AS s FROM campaign) c, behav_uplift_report(c.s) t';

-- models

CREATE FUNCTION @extschema@.behav_uplift(
	model text, data regclass, outcome name, treatment name, features name[] = NULL,
	options jsonb = '{}', deploy text = 'if_better', seed bigint = 0)
RETURNS TABLE (
	model text, version int, ranking text, chosen boolean, validation float8, qini float8, low float8,
	high float8, auuc float8, effect_top float8, deployed boolean, note text)
AS 'MODULE_PATHNAME', 'behav_uplift' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 6;
COMMENT ON FUNCTION @extschema@.behav_uplift(text, regclass, name, name, name[], jsonb, text, bigint) IS
'Train a model of whom a treatment moves as a new version: the best of four learners by Qini on validation, measured on a test part beside the best rule of one column and a random order. Example: SELECT * FROM behav_uplift(''mail'', ''campaign'', outcome => ''bought'', treatment => ''mailed'')';

CREATE FUNCTION @extschema@.behav_uplift_predict(
	model text, "row" anyelement, OUT uplift float8, OUT seen float8, OUT low float8, OUT high float8)
AS 'MODULE_PATHNAME', 'behav_uplift_predict' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION @extschema@.behav_uplift_predict(text, anyelement) IS
'What the treatment is expected to change for one row of a table, or a JSON object; and the effect that was seen, with its 95 % interval, on people of such a score in the test part. Example: SELECT t.user_id, p.* FROM campaign t, behav_uplift_predict(''mail'', t) p';

CREATE FUNCTION @extschema@.behav_uplift_scores(model text, data regclass, id name = 'user_id')
RETURNS TABLE (id text, uplift float8, seen float8, low float8, high float8)
AS 'MODULE_PATHNAME', 'behav_uplift_scores' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_uplift_scores(text, regclass, name) IS
'As behav_uplift_predict, for every row of a table. Example: SELECT * FROM behav_uplift_scores(''mail'', ''customers'') ORDER BY uplift DESC LIMIT 100';

CREATE FUNCTION @extschema@.behav_uplift_explain(model text, "row" anyelement)
RETURNS TABLE (feature text, share float8)
AS 'MODULE_PATHNAME', 'behav_uplift_explain' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_uplift_explain(text, anyelement) IS
'What each column of a row adds to the expected effect, the strongest first: the coefficients, or the forest''s paths; in log-odds where the learner is logistic. Example: SELECT e.* FROM campaign t, behav_uplift_explain(''mail'', t) e WHERE t.user_id = 42';
