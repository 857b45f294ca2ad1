-- Portraits of users: one on demand, all in a table that is refreshed by new events, tags, users alike.

CREATE TABLE behavmine.portrait_source (
	source      text PRIMARY KEY CHECK (source <> ''),
	options     jsonb NOT NULL DEFAULT '{}',
	watermark   timestamptz,
	filled_at   timestamptz,
	behaviours  text[],
	transitions float8[]
);
COMMENT ON TABLE behavmine.portrait_source IS
'Sources whose portraits are stored: options, newest event that is in them, transitions between behaviours of all users. Example: SELECT source, watermark FROM behavmine.portrait_source';

CREATE TABLE behavmine.portrait (
	source     text NOT NULL,
	user_id    text NOT NULL,
	last_event timestamptz NOT NULL,
	updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	state      bytea NOT NULL,
	PRIMARY KEY (source, user_id)
) WITH (fillfactor = 80); -- a refresh finds room beside the row
COMMENT ON TABLE behavmine.portrait IS
'Portraits of users as behav_portraits keeps them; view behav_portrait_list says what is in them. Example: SELECT user_id, last_event FROM behavmine.portrait';

-- A portrait is personal data: only who owns the source sees those that are stored of it.
ALTER TABLE behavmine.portrait_source ENABLE ROW LEVEL SECURITY;
ALTER TABLE behavmine.portrait ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON behavmine.portrait_source USING (
	source OPERATOR(pg_catalog.=) ANY (
		SELECT s.name FROM behavmine.source s WHERE @extschema@.behav_is_member(ARRAY[s.owner])));
CREATE POLICY owner ON behavmine.portrait USING (
	source OPERATOR(pg_catalog.=) ANY (
		SELECT s.name FROM behavmine.source s WHERE @extschema@.behav_is_member(ARRAY[s.owner])));

-- They go with their source, and when it reads something else.
CREATE FUNCTION @extschema@.behav_portraits_stale() RETURNS trigger
AS 'MODULE_PATHNAME', 'behav_portraits_stale' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_portraits_stale() IS
'Trigger of behavmine.source: the portraits of a source go with it, and when its relation or columns change. Example: SELECT tgrelid::regclass FROM pg_trigger WHERE tgfoid = ''behav_portraits_stale''::regproc';
CREATE TRIGGER portraits_dropped BEFORE DELETE ON behavmine.source
	FOR EACH ROW EXECUTE FUNCTION @extschema@.behav_portraits_stale();
CREATE TRIGGER portraits_stale BEFORE UPDATE ON behavmine.source
	FOR EACH ROW WHEN (ROW(OLD.name, OLD.owner, OLD.relation, OLD.user_id, OLD.item_id, OLD.ts, OLD.event, OLD.value,
		OLD.quantity, OLD.items, OLD.options) IS DISTINCT FROM ROW(NEW.name, NEW.owner, NEW.relation, NEW.user_id,
		NEW.item_id, NEW.ts, NEW.event, NEW.value, NEW.quantity, NEW.items, NEW.options))
	EXECUTE FUNCTION @extschema@.behav_portraits_stale();

CREATE FUNCTION @extschema@.behav_portrait(
	user_id bigint, source text = NULL, at timestamptz = NULL, options jsonb = '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'behav_portrait' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION @extschema@.behav_portrait(bigint, text, timestamptz, jsonb) IS
'What the events of a user say, as they stand now: activity, rhythm, favourites, prices, value, segment, what comes next, risks, each with its evidence. Example: SELECT jsonb_pretty(behav_portrait(42))';

CREATE FUNCTION @extschema@.behav_portrait(
	user_id text, source text = NULL, at timestamptz = NULL, options jsonb = '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'behav_portrait' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION @extschema@.behav_portrait(text, text, timestamptz, jsonb) IS
'What the events of a user say, as they stand now: activity, rhythm, favourites, prices, value, segment, what comes next, risks, each with its evidence, for users that are texts. Example: SELECT jsonb_pretty(behav_portrait(''u42''))';

CREATE FUNCTION @extschema@.behav_portrait(
	user_id uuid, source text = NULL, at timestamptz = NULL, options jsonb = '{}')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'behav_portrait' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION @extschema@.behav_portrait(uuid, text, timestamptz, jsonb) IS
'What the events of a user say, as they stand now: activity, rhythm, favourites, prices, value, segment, what comes next, risks, each with its evidence, for users that are uuids. Example: SELECT jsonb_pretty(behav_portrait(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid))';

CREATE FUNCTION @extschema@.behav_portraits(source text, rebuild boolean = false, options jsonb = '{}')
RETURNS TABLE (source text, users bigint, new_users bigint, events bigint, watermark timestamptz,
	seconds float8, note text)
AS 'MODULE_PATHNAME', 'behav_portraits' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_portraits(text, boolean, jsonb) IS
'Make the portraits of all users of a source; later calls add the events that are new. Example: SELECT users, events, note FROM behav_portraits(''shop'')';

CREATE FUNCTION @extschema@.behav_portrait_json(
	state bytea, source text, user_id text, at timestamptz, behaviours text[], transitions float8[])
RETURNS jsonb
AS 'MODULE_PATHNAME', 'behav_portrait_json' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_portrait_json(bytea, text, text, timestamptz, text[], float8[]) IS
'A stored portrait as the document of behav_portrait. Example: SELECT behav_portrait_json(state, source, user_id, now(), ''{}'', ''{}'') FROM behavmine.portrait';

CREATE FUNCTION @extschema@.behav_portrait_tags(state bytea, at timestamptz)
RETURNS TABLE (tag text, score float8, since timestamptz)
AS 'MODULE_PATHNAME', 'behav_portrait_tags' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100 ROWS 4;
COMMENT ON FUNCTION @extschema@.behav_portrait_tags(bytea, timestamptz) IS
'Tags of a stored portrait, how much of each, and since when. Example: SELECT p.user_id, t.* FROM behavmine.portrait p, behav_portrait_tags(p.state, now()) t';

CREATE FUNCTION @extschema@.behav_portrait_embedding(state bytea) RETURNS real[]
AS 'MODULE_PATHNAME', 'behav_portrait_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.behav_portrait_embedding(bytea) IS
'Taste of a stored portrait as a vector of length 1; real[] casts to the vector type of pgvector. Example: SELECT user_id, behav_portrait_embedding(state) FROM behavmine.portrait';

CREATE FUNCTION @extschema@.behav_lookalikes(users text[], k int = 10, source text = NULL)
RETURNS TABLE (user_id text, similarity float8)
AS 'MODULE_PATHNAME', 'behav_lookalikes' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_lookalikes(text[], int, text) IS
'Users whose taste is most like that of these users, by the cosine of stored taste vectors. Example: SELECT * FROM behav_lookalikes(''{1,2,3}'', 20)';

-- Views run with the rights of the extension's owner, so they filter by the reader's roles themselves.
CREATE VIEW @extschema@.behav_portrait_list WITH (security_barrier) AS
SELECT p.source, p.user_id, p.last_event, p.updated_at,
	@extschema@.behav_portrait_json(p.state, p.source, p.user_id, s.watermark, s.behaviours, s.transitions) AS portrait,
	@extschema@.behav_portrait_embedding(p.state) AS embedding
FROM behavmine.portrait p JOIN behavmine.portrait_source s ON s.source OPERATOR(pg_catalog.=) p.source
WHERE p.source OPERATOR(pg_catalog.=) ANY (
	SELECT o.name FROM behavmine.source o WHERE @extschema@.behav_is_member(ARRAY[o.owner]));
COMMENT ON VIEW @extschema@.behav_portrait_list IS
'Stored portraits of your sources, as documents and taste vectors. Example: SELECT user_id, portrait -> ''value'' FROM behav_portrait_list WHERE source = ''shop''';

CREATE VIEW @extschema@.behav_user_tags WITH (security_barrier) AS
SELECT p.source, p.user_id, t.tag, t.score, t.since
FROM behavmine.portrait p JOIN behavmine.portrait_source s ON s.source OPERATOR(pg_catalog.=) p.source
CROSS JOIN LATERAL @extschema@.behav_portrait_tags(p.state, s.watermark) t
WHERE p.source OPERATOR(pg_catalog.=) ANY (
	SELECT o.name FROM behavmine.source o WHERE @extschema@.behav_is_member(ARRAY[o.owner]));
COMMENT ON VIEW @extschema@.behav_user_tags IS
'Tags of the users of your sources as rows: how much, since when. Example: SELECT tag, count(*) FROM behav_user_tags WHERE source = ''shop'' GROUP BY 1';

GRANT SELECT ON @extschema@.behav_portrait_list, @extschema@.behav_user_tags TO PUBLIC;

-- Kept by pg_dump.
SELECT pg_catalog.pg_extension_config_dump('behavmine.portrait_source', '');
SELECT pg_catalog.pg_extension_config_dump('behavmine.portrait', '');
