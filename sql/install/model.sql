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
CREATE TABLE behavmine.model (
	model_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name        text NOT NULL UNIQUE CHECK (name <> ''),
	task        text NOT NULL,
	source      text,
	owner       name NOT NULL DEFAULT current_user,
	readers     name[] NOT NULL DEFAULT '{}',
	created_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
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
