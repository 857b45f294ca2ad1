
-- Sources: which relation holds the events, read, measured, listed.

CREATE FUNCTION @extschema@.behav_source(
	name text, events regclass, user_id name = NULL, item_id name = NULL, ts name = NULL,
	event name = NULL, value name = NULL, quantity name = NULL, session_id name = NULL,
	attributes name[] = '{}', items regclass = NULL, preset text = NULL, options jsonb = '{}')
RETURNS TABLE (
	name text, relation text, user_id text, item_id text, ts text, event text, value text,
	rows bigint, users bigint, items bigint, first_ts timestamptz, last_ts timestamptz,
	events jsonb, guessed text, advice text)
AS 'MODULE_PATHNAME', 'behav_source' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_source(text, regclass, name, name, name, name, name, name, name, name[], regclass, text, jsonb) IS
'Give a table or view of events a name; columns that are not named are guessed. Answers what was found in one exact pass over the rows. Example: SELECT * FROM behav_source(''shop'', ''public.events'')';

CREATE FUNCTION @extschema@.behav_drop_source(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'behav_drop_source' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_drop_source(text) IS
'Forget a source; the events and the models trained on them stay. Example: SELECT behav_drop_source(''shop'')';

CREATE FUNCTION @extschema@.behav_profile(source text)
RETURNS TABLE ("check" text, rows bigint, share float8, detail text, advice text)
AS 'MODULE_PATHNAME', 'behav_profile' LANGUAGE C STABLE PARALLEL UNSAFE COST 10000 ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_profile(text) IS
'Quality of a source''s events, a row per check, with what to do about it. Example: SELECT "check", rows, share, advice FROM behav_profile(''shop'')';

CREATE FUNCTION @extschema@.behav_read(source text)
RETURNS TABLE (
	rows bigint, users bigint, items bigint, kept bigint, seconds float8, peak_bytes bigint,
	bytes_per_event float8)
AS 'MODULE_PATHNAME', 'behav_read' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_read(text) IS
'Read, clean and encode a source as a training does, and tell how long it took and how much memory at most. Example: SELECT rows, seconds, bytes_per_event FROM behav_read(''shop'')';

CREATE VIEW @extschema@.behav_sources AS
SELECT s.name, s.owner::text AS owner, s.relation, s.user_id::text AS user_id,
	s.item_id::text AS item_id, s.ts::text AS ts, s.event::text AS event, s.value::text AS value,
	s.quantity::text AS quantity, s.session_id::text AS session_id,
	s.attributes::text[] AS attributes, s.items, s.preset, s.options, s.created_at
FROM behavmine.source s
WHERE EXISTS (
		SELECT FROM pg_catalog.pg_roles r
		WHERE r.rolname OPERATOR(pg_catalog.=) s.owner AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))
	OR EXISTS (
		SELECT FROM pg_catalog.pg_class c
		JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
		WHERE pg_catalog.format('%I.%I', n.nspname, c.relname) OPERATOR(pg_catalog.=) s.relation
			AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
			AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT'));
COMMENT ON VIEW @extschema@.behav_sources IS
'Sources that are yours, or whose events you may read. Example: SELECT name, relation FROM behav_sources';
GRANT SELECT ON @extschema@.behav_sources TO PUBLIC;
