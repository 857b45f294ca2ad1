-- Business rules: what a shop wants shown, lifted or hidden, whatever a model says.

CREATE TABLE behavmine.rule (
	rule_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model_id    bigint NOT NULL REFERENCES behavmine.model ON DELETE CASCADE,
	kind        text NOT NULL CHECK (kind IN ('boost', 'pin', 'hide')),
	name        text CHECK (name <> ''),
	items       text[],
	filter      text CHECK (filter <> ''),
	multiplier  float8 CHECK (multiplier >= 0 AND multiplier <= 1e6),
	position    int CHECK (position BETWEEN 1 AND 10000),
	valid_from  timestamptz,
	valid_until timestamptz,
	owner       name NOT NULL DEFAULT current_user,
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CHECK ((items IS NULL) <> (filter IS NULL)),
	CHECK ((kind = 'boost') = (multiplier IS NOT NULL)),
	CHECK ((kind = 'pin') = ("position" IS NOT NULL)),
	CHECK (valid_from < valid_until)
);
CREATE INDEX ON behavmine.rule (model_id);
COMMENT ON TABLE behavmine.rule IS
'Business rules of models: items, or an expression on the table of items, that are boosted, pinned to a position or hidden for a time. Example: SELECT rule_id, kind, name FROM behavmine.rule';
COMMENT ON SEQUENCE behavmine.rule_rule_id_seq IS
'Numbers of behavmine.rule. Example: SELECT last_value FROM behavmine.rule_rule_id_seq';

ALTER TABLE behavmine.rule ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON behavmine.rule USING (
	model_id OPERATOR(pg_catalog.=) ANY (
		SELECT m.model_id FROM behavmine.model m WHERE @extschema@.behav_is_member(ARRAY[m.owner])));
CREATE POLICY reader ON behavmine.rule FOR SELECT USING (
	model_id OPERATOR(pg_catalog.=) ANY (SELECT m.model_id FROM behavmine.model m));

CREATE TRIGGER rule_changed AFTER INSERT OR UPDATE OR DELETE ON behavmine.rule
	FOR EACH ROW EXECUTE FUNCTION @extschema@.behav_deployment_changed();
CREATE TRIGGER rule_truncated AFTER TRUNCATE ON behavmine.rule
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.behav_deployment_changed();
ALTER TABLE behavmine.rule ENABLE ALWAYS TRIGGER rule_changed;
ALTER TABLE behavmine.rule ENABLE ALWAYS TRIGGER rule_truncated;

CREATE FUNCTION @extschema@.behav_add_rule(
	model text, kind text, items anyarray = NULL::text[], filter text = NULL,
	multiplier float8 = NULL, "position" int = NULL, valid_from timestamptz = NULL,
	valid_until timestamptz = NULL, name text = NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'behav_add_rule' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_add_rule(text, text, anyarray, text, float8, int, timestamptz, timestamptz, text) IS
'A rule for the answers of a model: boost items by a multiplier, pin the best of them to a position, or hide them; its number. Example: SELECT behav_add_rule(''shop'', ''boost'', filter => ''category = 3'', multiplier => 2)';

CREATE FUNCTION @extschema@.behav_drop_rule(rule_id bigint) RETURNS boolean
AS 'MODULE_PATHNAME', 'behav_drop_rule' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_drop_rule(bigint) IS
'Drop a business rule; false when there is none of this number. Example: SELECT behav_drop_rule(3)';

CREATE VIEW @extschema@.behav_shop_rules WITH (security_barrier) AS
SELECT r.rule_id, m.name AS model, r.kind, r.name, pg_catalog.to_jsonb(r.items) AS items, r.filter, r.multiplier,
	r."position", r.valid_from, r.valid_until,
	coalesce(r.valid_from OPERATOR(pg_catalog.<=) pg_catalog.now(), true)
		AND coalesce(r.valid_until OPERATOR(pg_catalog.>) pg_catalog.now(), true) AS holds,
	r.owner::text AS owner, r.created_at
FROM behavmine.rule r JOIN behavmine.model m ON m.model_id OPERATOR(pg_catalog.=) r.model_id
WHERE @extschema@.behav_is_member(m.owner OPERATOR(pg_catalog.||) m.readers);
COMMENT ON VIEW @extschema@.behav_shop_rules IS
'Business rules of the models that you may use, and whether they hold now. Example: SELECT rule_id, model, kind, name, holds FROM behav_shop_rules ORDER BY rule_id';
GRANT SELECT ON @extschema@.behav_shop_rules TO PUBLIC;
