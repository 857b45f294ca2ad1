-- A simulated shop.

CREATE FUNCTION @extschema@.behav_simulate(
	users int = 1000, items int = 500, days int = 60, seed bigint = 0)
RETURNS TABLE (
	user_id bigint, item_id bigint, event text, ts timestamptz, price float8, quantity int,
	session_id bigint)
AS 'MODULE_PATHNAME', 'behav_simulate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 100000;
COMMENT ON FUNCTION @extschema@.behav_simulate(int, int, int, bigint) IS
'Events of a shop that does not exist, up to the end of 2024, with planted truth (behav_simulate_truth): segments, tastes, funnels, followers, bundles, rhythm, reorders, frauds. Example: CREATE TABLE events AS SELECT * FROM behav_simulate(users => 2000, seed => 1)';

CREATE FUNCTION @extschema@.behav_simulate_truth(
	users int = 1000, items int = 500, days int = 60, seed bigint = 0)
RETURNS TABLE (kind text, key bigint, other bigint, name text, value float8)
AS 'MODULE_PATHNAME', 'behav_simulate_truth' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_simulate_truth(int, int, int, bigint) IS
'What behav_simulate planted for the same arguments: kinds segment_share, cart_rate, purchase_rate, follower, bundle, repeat_days, user_segment, fraud and others. Example: SELECT key, other FROM behav_simulate_truth(seed => 1) WHERE kind = ''bundle''';
