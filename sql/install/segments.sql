-- Groups of users by k-means: found, described, stored as versions, and asked.

CREATE FUNCTION @extschema@.behav_segments(
	model text, source text = NULL, features text = 'rfm', k int = NULL,
	data regclass = NULL, user_id name = NULL, columns name[] = NULL,
	options jsonb = '{}', deploy boolean = true)
RETURNS TABLE (segment int, name text, users bigint, share float8, description text, features jsonb,
	version int, silhouette float8, note text)
AS 'MODULE_PATHNAME', 'behav_segments' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 8;
COMMENT ON FUNCTION @extschema@.behav_segments(text, text, text, int, regclass, name, name[], jsonb, boolean) IS
'Group the users of a source, or the rows of a table, and save the groups as a version of a model; numbers stay from version to version. Example: SELECT segment, name, users, description FROM behav_segments(''shop_segments'', source => ''shop'')';

CREATE FUNCTION @extschema@.behav_segment(
	user_id bigint, model text = NULL, version int = NULL)
RETURNS TABLE (user_id text, segment int, name text, description text, distance float8,
	model text, version int)
AS 'MODULE_PATHNAME', 'behav_segment' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_segment(bigint, text, int) IS
'The segment in which a user is now, by the deployed version. Example: SELECT segment, name FROM behav_segment(42)';

CREATE FUNCTION @extschema@.behav_segment(
	user_id text, model text = NULL, version int = NULL)
RETURNS TABLE (user_id text, segment int, name text, description text, distance float8,
	model text, version int)
AS 'MODULE_PATHNAME', 'behav_segment' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_segment(text, text, int) IS
'The segment in which a user is now, by the deployed version, for users that are texts. Example: SELECT segment, name FROM behav_segment(''u42'')';

CREATE FUNCTION @extschema@.behav_segment(
	user_id uuid, model text = NULL, version int = NULL)
RETURNS TABLE (user_id text, segment int, name text, description text, distance float8,
	model text, version int)
AS 'MODULE_PATHNAME', 'behav_segment' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_segment(uuid, text, int) IS
'The segment in which a user is now, by the deployed version, for users that are uuids. Example: SELECT segment, name FROM behav_segment(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid)';

CREATE FUNCTION @extschema@.behav_segment_table(model text = NULL, version int = NULL)
RETURNS TABLE (user_id text, segment int, name text, description text, distance float8,
	model text, version int)
AS 'MODULE_PATHNAME', 'behav_segment_table' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_segment_table(text, int) IS
'The segment of every user, by the deployed version. Example: SELECT name, count(*) FROM behav_segment_table(''shop_segments'') GROUP BY 1';
