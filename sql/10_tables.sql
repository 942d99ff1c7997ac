-- Tables of _pulse: state of the engine. Nobody but the extension's owner has
-- rights here; people read the views of schema pulse and call its functions.
--
-- Rules that keep this fast: index columns that never change (an index on a
-- changing column, also as a predicate, costs the HOT update); what must be found
-- by a changing condition is a row of its own in a small insert/delete table. The
-- fillfactor leaves room for the one update that each row gets. The
-- CHECK of a table is parsed anew for every statement (4.5 us of an INSERT), that of a domain
-- is not (0.3 us): states are domains.

CREATE DOMAIN _pulse.run_status AS text
	CHECK (VALUE IN ('pending', 'paused', 'completed', 'failed', 'cancelled', 'timed_out', 'quarantined'));
CREATE DOMAIN _pulse.node_status AS text
	CHECK (VALUE IN ('pending', 'running', 'waiting', 'interrupted', 'completed', 'rewritten', 'skipped', 'failed'));
CREATE DOMAIN _pulse.attempt_outcome AS text
	CHECK (VALUE IN ('failed', 'unknown', 'timed_out', 'held', 'lost', 'interrupted', 'late', 'rejected'));
CREATE DOMAIN _pulse.timer_kind AS text
	CHECK (VALUE IN ('start', 'deadline', 'delay', 'retry', 'timeout', 'host', 'continue'));
CREATE DOMAIN _pulse.inbox_kind AS text
	CHECK (VALUE IN ('signal', 'cancel', 'pause', 'resume', 'retry', 'skip', 'release', 'child'));
CREATE DOMAIN _pulse.growth_form AS text
	CHECK (VALUE IN ('replace', 'retain', 'append', 'reject', 'choose', 'map', 'repeat'));
CREATE DOMAIN _pulse.signal_state AS text
	CHECK (VALUE IN ('pending', 'consumed', 'discarded'));
CREATE DOMAIN _pulse.log_level AS text
	CHECK (VALUE IN ('debug', 'info', 'warning', 'error', 'operator'));

CREATE TABLE _pulse.stamp (
	one boolean NOT NULL DEFAULT true,
	system_identifier bigint NOT NULL,
	database oid NOT NULL,
	timeline integer NOT NULL,
	stamped_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	reason text,
	CONSTRAINT stamp_pkey PRIMARY KEY (one),
	CONSTRAINT stamp_one CHECK (one)
);

CREATE TABLE _pulse.workflow_name (
	tenant text NOT NULL,
	name text NOT NULL,
	last_version integer NOT NULL,
	enabled_version integer,
	disabled_reason text,
	description text,
	CONSTRAINT workflow_name_pkey PRIMARY KEY (tenant, name)
);

CREATE TABLE _pulse.workflow (
	tenant text NOT NULL,
	name text NOT NULL,
	version integer NOT NULL,
	graph jsonb NOT NULL,
	content_hash text NOT NULL,
	graph_hash text NOT NULL,
	trigger text,
	environment text,
	resource_type text,
	filter text,
	input_schema jsonb,
	defaults jsonb,
	description text,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	created_by text NOT NULL DEFAULT pg_catalog.current_setting('role'),
	CONSTRAINT workflow_pkey PRIMARY KEY (tenant, name, version)
);
CREATE INDEX workflow_content ON _pulse.workflow (tenant, name, content_hash);

CREATE TABLE _pulse.run (
	id uuid NOT NULL,
	xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
	submitted_at timestamptz NOT NULL,
	part smallint NOT NULL,
	priority smallint NOT NULL,
	version integer NOT NULL,
	tenant text NOT NULL,
	workflow text NOT NULL,
	status _pulse.run_status NOT NULL DEFAULT 'pending',
	start_at timestamptz,
	deadline timestamptz,
	started_at timestamptz,
	ended_at timestamptz,
	idempotency_key text,
	traceparent text,
	submitted_by text,
	input jsonb,
	output jsonb,
	error jsonb,
	labels jsonb,
	budget jsonb,
	event jsonb,
	parent uuid,
	parent_node text,
	depth smallint,
	CONSTRAINT run_pkey PRIMARY KEY (id)
) WITH (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE _pulse.run ALTER COLUMN input SET STORAGE MAIN;
CREATE INDEX run_discovery ON _pulse.run (part, priority, xid, id);
CREATE UNIQUE INDEX run_idempotency ON _pulse.run (tenant, workflow, idempotency_key)
	WHERE idempotency_key IS NOT NULL;

CREATE TABLE _pulse.node (
	run uuid NOT NULL,
	activation uuid,
	started_at timestamptz,
	ended_at timestamptz,
	due timestamptz,
	total_deadline timestamptz,
	attempt integer NOT NULL DEFAULT 0,
	tries integer NOT NULL DEFAULT 0,
	part smallint NOT NULL,
	outcome_unknown boolean NOT NULL DEFAULT false,
	node text NOT NULL,
	status _pulse.node_status NOT NULL,
	reason text,
	action_version text,
	output jsonb,
	error jsonb,
	progress jsonb,
	cost jsonb,
	memo jsonb,
	CONSTRAINT node_pkey PRIMARY KEY (run, node)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX node_activation ON _pulse.node (part, activation) WHERE activation IS NOT NULL;

CREATE TABLE _pulse.attempt (
	run uuid NOT NULL,
	node text NOT NULL,
	attempt integer NOT NULL,
	activation uuid NOT NULL,
	outcome _pulse.attempt_outcome NOT NULL,
	class text,
	code text,
	http_status integer,
	error jsonb,
	started_at timestamptz,
	ended_at timestamptz NOT NULL,
	action_version text,
	epoch bigint NOT NULL,
	CONSTRAINT attempt_pkey PRIMARY KEY (run, node, attempt)
);

-- How the graphs of runs have grown: rewrites that were proposed, admitted or not, and
-- composite nodes that were lowered. The graph at a revision is that of the workflow plus
-- the growths up to it, so nothing of it is kept twice.
CREATE TABLE _pulse.rewrite (
	run uuid NOT NULL,
	id integer NOT NULL,
	revision integer,
	attempt integer,
	activation uuid,
	at timestamptz NOT NULL,
	form _pulse.growth_form NOT NULL,
	anchor text NOT NULL,
	hash text,
	code text,
	rewrite jsonb,
	detail jsonb,
	output jsonb,
	cost jsonb,
	budget_before jsonb,
	budget_after jsonb,
	reason jsonb,
	errors jsonb,
	exceeded jsonb,
	CONSTRAINT rewrite_pkey PRIMARY KEY (run, id)
) WITH (fillfactor = 80);

CREATE TABLE _pulse.timer (
	due timestamptz NOT NULL,
	run uuid NOT NULL,
	part smallint NOT NULL,
	node text NOT NULL,
	kind _pulse.timer_kind NOT NULL,
	CONSTRAINT timer_pkey PRIMARY KEY (part, due, run, node, kind)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE _pulse.inbox (
	xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
	id bigint GENERATED ALWAYS AS IDENTITY,
	run uuid NOT NULL,
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	part smallint NOT NULL,
	kind _pulse.inbox_kind NOT NULL,
	node text,
	actor text,
	payload jsonb,
	CONSTRAINT inbox_pkey PRIMARY KEY (part, xid, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE _pulse.signal (
	run uuid NOT NULL,
	seq bigint GENERATED ALWAYS AS IDENTITY,
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	settled_at timestamptz,
	id text NOT NULL,
	name text NOT NULL,
	state _pulse.signal_state NOT NULL DEFAULT 'pending',
	reason text,
	node text,
	actor text,
	payload jsonb NOT NULL,
	CONSTRAINT signal_pkey PRIMARY KEY (run, id)
) WITH (fillfactor = 90);

CREATE TABLE _pulse.log (
	run uuid NOT NULL,
	id bigint GENERATED ALWAYS AS IDENTITY,
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	node text,
	attempt integer,
	level _pulse.log_level NOT NULL,
	actor text,
	message text NOT NULL,
	data jsonb,
	CONSTRAINT log_pkey PRIMARY KEY (run, id)
);

CREATE TABLE _pulse.credential (
	name text NOT NULL,
	kind text NOT NULL,
	secret text,
	previous text,
	file text,
	changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT credential_pkey PRIMARY KEY (name, kind),
	CONSTRAINT credential_kind CHECK (kind IN ('hmac', 'bearer')),
	CONSTRAINT credential_source CHECK ((secret IS NULL) <> (file IS NULL))
);
-- No policies: rows for the owner only, and none for members of pg_read_all_data.
ALTER TABLE _pulse.credential ENABLE ROW LEVEL SECURITY;

CREATE TABLE _pulse.host (
	name text NOT NULL,
	url text NOT NULL,
	credential text,
	tenant text,
	networks cidr[] NOT NULL DEFAULT '{}',
	timeout interval NOT NULL DEFAULT '30 s',
	max_in_flight integer NOT NULL DEFAULT 64,
	rate_limit integer,
	rate_period interval,
	allow_http boolean NOT NULL DEFAULT false,
	ca_file text,
	disabled_reason text,
	changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT host_pkey PRIMARY KEY (name)
);

CREATE TABLE _pulse.action (
	name text NOT NULL,
	host text NOT NULL,
	version text,
	timeout interval,
	retry jsonb,
	repeatable boolean NOT NULL DEFAULT true,
	read_only boolean NOT NULL DEFAULT false,
	replay_safe boolean NOT NULL DEFAULT false,
	input_schema jsonb,
	output_schema jsonb,
	description text,
	changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT action_pkey PRIMARY KEY (name),
	CONSTRAINT action_host FOREIGN KEY (host) REFERENCES _pulse.host (name)
);

-- What each worker has learned of a host; one writer a row.
CREATE TABLE _pulse.host_state (
	host text NOT NULL,
	worker smallint NOT NULL,
	circuit text NOT NULL DEFAULT 'closed',
	reason text,
	opened_at timestamptz,
	retry_at timestamptz,
	throttled_until timestamptz,
	failures bigint NOT NULL DEFAULT 0,
	CONSTRAINT host_state_pkey PRIMARY KEY (host, worker),
	CONSTRAINT host_state_circuit CHECK (circuit IN ('closed', 'open'))
);

CREATE TABLE _pulse.access (
	role regrole NOT NULL,
	level text NOT NULL,
	tenants text[],
	granted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	granted_by text NOT NULL,
	CONSTRAINT access_pkey PRIMARY KEY (role, level),
	CONSTRAINT access_level CHECK (level IN ('read', 'submit', 'author', 'host', 'admin'))
);

-- The lease of a part as operators see it, and what its owner remembers.
CREATE TABLE _pulse.part (
	part smallint NOT NULL,
	worker smallint,
	pid integer,
	since timestamptz,
	saved_at timestamptz,
	epoch bigint NOT NULL DEFAULT 0,
	unclean boolean NOT NULL DEFAULT false,
	inbox_mark xid8 NOT NULL DEFAULT '0',
	run_marks xid8[] NOT NULL DEFAULT '{0,0,0,0}',
	activation_mark uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
	CONSTRAINT part_pkey PRIMARY KEY (part)
) WITH (fillfactor = 30);
INSERT INTO _pulse.part (part) SELECT p FROM pg_catalog.generate_series(0, 63) AS p;

-- Strikes of runs whose processing failed or ended the process.
CREATE TABLE _pulse.strike (
	run uuid NOT NULL,
	part smallint NOT NULL,
	strikes integer NOT NULL,
	error jsonb,
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	CONSTRAINT strike_pkey PRIMARY KEY (run)
);
