\echo Use "CREATE EXTENSION behavmine" to load this file. \quit

-- Stored state lives in schema behavmine: plain tables, readable and joinable by whoever is granted.
-- Nothing here is PUBLIC: a model tells about the events that it was trained on. Row-level security
-- shows a role what it owns and what it was granted; the GRANTs that let it in are in doc/model.md.
CREATE SCHEMA behavmine;
COMMENT ON SCHEMA behavmine IS 'State of the extension behavmine: sources, models, weights, deployments, jobs. Example: SELECT * FROM behavmine.version';

-- Whether the current role has the privileges of one of these roles. Names, not OIDs, are stored, so a
-- role may have gone; then only a superuser is it.
CREATE FUNCTION @extschema@.behav_is_member(roles name[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (
	SELECT FROM pg_catalog.pg_roles r
	WHERE r.rolname OPERATOR(pg_catalog.=) ANY (roles) AND pg_catalog.pg_has_role(r.oid, 'USAGE')
	   OR r.rolname OPERATOR(pg_catalog.=) current_user AND r.rolsuper);
COMMENT ON FUNCTION @extschema@.behav_is_member(name[]) IS
'Has the current role the privileges of one of these roles? Roles that do not exist count as no. Example: SELECT behav_is_member(ARRAY[''analyst'']::name[])';

CREATE TABLE behavmine.source (
	name        text PRIMARY KEY CHECK (name <> ''),
	owner       name NOT NULL DEFAULT current_user,
	relation    text NOT NULL,
	user_id     name NOT NULL,
	item_id     name NOT NULL,
	ts          name NOT NULL,
	event       name,
	value       name,
	quantity    name,
	session_id  name,
	attributes  name[] NOT NULL DEFAULT '{}',
	items       text,
	preset      text,
	options     jsonb NOT NULL DEFAULT '{}',
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE behavmine.source IS
'Event sources: the relation (as text, resolved at use), its columns, cleaning and session rules. Example: SELECT name, relation FROM behavmine.source';

CREATE TABLE behavmine.model (
	model_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name         text NOT NULL UNIQUE CHECK (name <> ''),
	task         text NOT NULL,
	source       text,
	owner        name NOT NULL DEFAULT current_user,
	readers      name[] NOT NULL DEFAULT '{}',
	last_version int NOT NULL DEFAULT 0,
	created_at   timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE behavmine.model IS
'Models by name: owner, roles that may use it, number of the last version ever made (numbers are not used twice). Example: SELECT name, owner, readers FROM behavmine.model';
COMMENT ON SEQUENCE behavmine.model_model_id_seq IS
'Numbers of behavmine.model. Example: SELECT last_value FROM behavmine.model_model_id_seq';

CREATE TABLE behavmine.version (
	model_id    bigint NOT NULL REFERENCES behavmine.model ON DELETE CASCADE,
	version     int NOT NULL CHECK (version > 0),
	algorithm   text NOT NULL,
	options     jsonb NOT NULL,
	encoder     jsonb NOT NULL,
	seed        bigint NOT NULL,
	rows        bigint NOT NULL,
	users       bigint NOT NULL,
	items       bigint NOT NULL,
	bytes       bigint NOT NULL,
	epochs      int NOT NULL,
	seconds     float8 NOT NULL,
	metric      text,
	value       float8,
	baseline    float8,
	metrics     jsonb NOT NULL DEFAULT '{}',
	history     jsonb NOT NULL DEFAULT '[]',
	cleaning    jsonb NOT NULL DEFAULT '{}',
	watermark   timestamptz,
	fingerprint bigint NOT NULL,
	parent      int,
	trained_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
	trained_by  name NOT NULL DEFAULT current_user,
	PRIMARY KEY (model_id, version)
);
COMMENT ON TABLE behavmine.version IS
'Trained versions of models: algorithm, complete options, seed, counts, metrics beside their baseline, log of epochs. A row never changes. Example: SELECT version, metric, value, baseline FROM behavmine.version';

CREATE TABLE behavmine.tensor (
	model_id    bigint NOT NULL,
	version     int NOT NULL,
	name        text NOT NULL,
	chunk_no    int NOT NULL CHECK (chunk_no >= 0),
	dtype       text NOT NULL CHECK (dtype IN ('f32', 'i32')),
	shape       int[] NOT NULL,
	"values"    real[],
	ints        int[],
	crc         bigint NOT NULL,
	PRIMARY KEY (model_id, version, name, chunk_no),
	FOREIGN KEY (model_id, version) REFERENCES behavmine.version ON DELETE CASCADE,
	CHECK ((dtype = 'f32') = ("values" IS NOT NULL) AND (dtype = 'i32') = (ints IS NOT NULL))
);
ALTER TABLE behavmine.tensor ALTER COLUMN "values" SET STORAGE EXTERNAL, ALTER COLUMN ints SET STORAGE EXTERNAL;
COMMENT ON TABLE behavmine.tensor IS
'Weights: row-major arrays in chunks of 250000 elements, each with the CRC-32C of its little-endian bytes. Example: SELECT name, shape, cardinality("values") FROM behavmine.tensor';

CREATE TABLE behavmine.code (
	model_id    bigint NOT NULL,
	version     int NOT NULL,
	kind        text NOT NULL,
	code        int NOT NULL CHECK (code >= 0),
	key         text NOT NULL,
	count       bigint,
	PRIMARY KEY (model_id, version, kind, code),
	FOREIGN KEY (model_id, version) REFERENCES behavmine.version ON DELETE CASCADE
);
COMMENT ON TABLE behavmine.code IS
'Dictionaries of a version: the items by code (row of the tensors), the most frequent first, with their training events. Example: SELECT code, key, count FROM behavmine.code WHERE kind = ''item''';

CREATE TABLE behavmine.deployment (
	deployment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model_id    bigint NOT NULL,
	version     int NOT NULL,
	deployed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	deployed_by name NOT NULL DEFAULT current_user,
	undone_at   timestamptz,
	FOREIGN KEY (model_id, version) REFERENCES behavmine.version ON DELETE CASCADE
);
CREATE INDEX ON behavmine.deployment (model_id, deployment_id DESC);
COMMENT ON TABLE behavmine.deployment IS
'Deployments as a stack: the newest row of a model that is not undone is the version that answers. Example: SELECT version, deployed_at, undone_at FROM behavmine.deployment';
COMMENT ON SEQUENCE behavmine.deployment_deployment_id_seq IS
'Numbers of behavmine.deployment. Example: SELECT last_value FROM behavmine.deployment_deployment_id_seq';

CREATE TABLE behavmine.job (
	job_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	action      text NOT NULL,
	model       text,
	arguments   jsonb NOT NULL DEFAULT '{}',
	owner       name NOT NULL DEFAULT current_user,
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
	started_at  timestamptz,
	finished_at timestamptz,
	pid         int,
	status      text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
	message     text,
	result      jsonb
);
COMMENT ON TABLE behavmine.job IS
'Background jobs with their arguments and outcome; behav_jobs shows them with what runs now. Example: SELECT job_id, status, message FROM behavmine.job';
COMMENT ON SEQUENCE behavmine.job_job_id_seq IS
'Numbers of behavmine.job. Example: SELECT last_value FROM behavmine.job_job_id_seq';

CREATE TABLE behavmine.trial (
	model       text NOT NULL CHECK (model <> ''),
	study       int NOT NULL CHECK (study > 0),
	trial       int NOT NULL CHECK (trial > 0),
	rung        int NOT NULL CHECK (rung > 0),
	algorithm   text NOT NULL,
	options     jsonb NOT NULL,
	share       float8 NOT NULL CHECK (share > 0 AND share <= 1),
	status      text NOT NULL CHECK (status IN ('done', 'failed', 'left out')),
	metric      text,
	value       float8,
	recall      float8,
	seconds     float8,
	memory      bigint,
	answer_ms   float8,
	chosen      boolean NOT NULL DEFAULT false,
	version     int,
	message     text,
	request     jsonb NOT NULL,
	watermark   timestamptz,
	owner       name NOT NULL DEFAULT current_user,
	tried_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (owner, model, study, trial, rung)
);
COMMENT ON TABLE behavmine.trial IS
'Trials of behav_tune: the setting, its share of the budget, quality on validation, seconds, memory, time of an answer. Example: SELECT algorithm, options, value FROM behavmine.trial ORDER BY value DESC';

-- Owners write; owners and readers see. Who may use a model must see the source it reads histories from.
ALTER TABLE behavmine.source ENABLE ROW LEVEL SECURITY;
ALTER TABLE behavmine.model ENABLE ROW LEVEL SECURITY;
ALTER TABLE behavmine.version ENABLE ROW LEVEL SECURITY;
ALTER TABLE behavmine.tensor ENABLE ROW LEVEL SECURITY;
ALTER TABLE behavmine.code ENABLE ROW LEVEL SECURITY;
ALTER TABLE behavmine.deployment ENABLE ROW LEVEL SECURITY;
ALTER TABLE behavmine.job ENABLE ROW LEVEL SECURITY;
ALTER TABLE behavmine.trial ENABLE ROW LEVEL SECURITY;

CREATE POLICY owner ON behavmine.source USING (@extschema@.behav_is_member(ARRAY[owner]));
CREATE POLICY reader ON behavmine.source FOR SELECT USING (
	name OPERATOR(pg_catalog.=) ANY (SELECT m.source FROM behavmine.model m));
CREATE POLICY owner ON behavmine.model USING (@extschema@.behav_is_member(ARRAY[owner]));
CREATE POLICY reader ON behavmine.model FOR SELECT USING (@extschema@.behav_is_member(readers));
CREATE POLICY owner ON behavmine.version USING (
	model_id OPERATOR(pg_catalog.=) ANY (
		SELECT m.model_id FROM behavmine.model m WHERE @extschema@.behav_is_member(ARRAY[m.owner])));
CREATE POLICY reader ON behavmine.version FOR SELECT USING (
	model_id OPERATOR(pg_catalog.=) ANY (SELECT m.model_id FROM behavmine.model m));
CREATE POLICY owner ON behavmine.tensor USING (
	model_id OPERATOR(pg_catalog.=) ANY (
		SELECT m.model_id FROM behavmine.model m WHERE @extschema@.behav_is_member(ARRAY[m.owner])));
CREATE POLICY reader ON behavmine.tensor FOR SELECT USING (
	model_id OPERATOR(pg_catalog.=) ANY (SELECT m.model_id FROM behavmine.model m));
CREATE POLICY owner ON behavmine.code USING (
	model_id OPERATOR(pg_catalog.=) ANY (
		SELECT m.model_id FROM behavmine.model m WHERE @extschema@.behav_is_member(ARRAY[m.owner])));
CREATE POLICY reader ON behavmine.code FOR SELECT USING (
	model_id OPERATOR(pg_catalog.=) ANY (SELECT m.model_id FROM behavmine.model m));
CREATE POLICY owner ON behavmine.deployment USING (
	model_id OPERATOR(pg_catalog.=) ANY (
		SELECT m.model_id FROM behavmine.model m WHERE @extschema@.behav_is_member(ARRAY[m.owner])));
CREATE POLICY reader ON behavmine.deployment FOR SELECT USING (
	model_id OPERATOR(pg_catalog.=) ANY (SELECT m.model_id FROM behavmine.model m));
CREATE POLICY owner ON behavmine.job USING (@extschema@.behav_is_member(ARRAY[owner]));
CREATE POLICY owner ON behavmine.trial USING (@extschema@.behav_is_member(ARRAY[owner]));

-- Whatever changes what is deployed, who may use it or where histories are read is told to every backend
-- at commit, also when it comes by a plain UPDATE or through logical replication.
CREATE FUNCTION @extschema@.behav_deployment_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'behav_deployment_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.behav_deployment_changed() IS
'Trigger of behavmine.deployment, model and source: every backend looks again at what is deployed. Example: SELECT tgrelid::regclass FROM pg_trigger WHERE tgfoid = ''behav_deployment_changed''::regproc';
CREATE TRIGGER deployment_changed AFTER INSERT OR UPDATE OR DELETE ON behavmine.deployment
	FOR EACH ROW EXECUTE FUNCTION @extschema@.behav_deployment_changed();
CREATE TRIGGER deployment_truncated AFTER TRUNCATE ON behavmine.deployment
	FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.behav_deployment_changed();
CREATE TRIGGER deployment_changed AFTER UPDATE OR DELETE ON behavmine.model
	FOR EACH ROW EXECUTE FUNCTION @extschema@.behav_deployment_changed();
CREATE TRIGGER source_changed AFTER INSERT OR UPDATE OR DELETE ON behavmine.source
	FOR EACH ROW EXECUTE FUNCTION @extschema@.behav_deployment_changed();
ALTER TABLE behavmine.source ENABLE ALWAYS TRIGGER source_changed;
ALTER TABLE behavmine.deployment ENABLE ALWAYS TRIGGER deployment_changed;
ALTER TABLE behavmine.deployment ENABLE ALWAYS TRIGGER deployment_truncated;
ALTER TABLE behavmine.model ENABLE ALWAYS TRIGGER deployment_changed;
