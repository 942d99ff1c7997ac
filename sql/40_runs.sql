-- Runs: submit them, talk to them, wait for them.

CREATE FUNCTION pulse.submit(
	workflow text,
	input jsonb DEFAULT NULL,
	idempotency_key text DEFAULT NULL,
	tenant text DEFAULT NULL,
	priority integer DEFAULT NULL,
	start_at timestamptz DEFAULT NULL,
	deadline timestamptz DEFAULT NULL,
	version integer DEFAULT NULL,
	labels jsonb DEFAULT NULL,
	budget jsonb DEFAULT NULL,
	traceparent text DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_submit';
COMMENT ON FUNCTION pulse.submit(text, jsonb, text, text, integer, timestamptz, timestamptz, integer, jsonb, jsonb, text) IS
	'Submits a run of a workflow, as part of this transaction, and gives its id. Level submit.';

CREATE FUNCTION pulse.submit_graph(
	graph jsonb,
	input jsonb DEFAULT NULL,
	idempotency_key text DEFAULT NULL,
	tenant text DEFAULT NULL,
	priority integer DEFAULT NULL,
	start_at timestamptz DEFAULT NULL,
	deadline timestamptz DEFAULT NULL,
	labels jsonb DEFAULT NULL,
	budget jsonb DEFAULT NULL,
	traceparent text DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_submit_graph';
COMMENT ON FUNCTION pulse.submit_graph(jsonb, jsonb, text, text, integer, timestamptz, timestamptz, jsonb, jsonb, text) IS
	'Submits a run of a graph that is given with it, and gives its id. Level author.';

CREATE FUNCTION pulse.signal(run uuid, name text, payload jsonb DEFAULT NULL, id text DEFAULT NULL)
	RETURNS text
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_signal';
COMMENT ON FUNCTION pulse.signal(uuid, text, jsonb, text) IS
	'Sends a signal to a run: accepted, or duplicate if the run has had one with this id. Level submit.';

CREATE FUNCTION pulse.cancel(run uuid, reason text DEFAULT NULL) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_cancel';
COMMENT ON FUNCTION pulse.cancel(uuid, text) IS
	'Asks for a run to be cancelled. False if it has ended or is asked already. Level submit.';

CREATE FUNCTION pulse.pause(run uuid, reason text DEFAULT NULL) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_pause';
COMMENT ON FUNCTION pulse.pause(uuid, text) IS
	'Lets a run start nothing new until it is resumed. False if it is paused. Level submit.';

CREATE FUNCTION pulse.resume(run uuid) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_resume';
COMMENT ON FUNCTION pulse.resume(uuid) IS
	'Lets a paused run go on. False if it is not paused. Level submit.';

CREATE FUNCTION pulse.retry(run uuid) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_retry';
COMMENT ON FUNCTION pulse.retry(uuid) IS
	'Takes up a failed, cancelled or timed-out run at the point of failure; in a live one repeats calls whose outcome is unknown. Level submit.';

CREATE FUNCTION pulse.skip(run uuid, node text, output jsonb DEFAULT NULL, reason text DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_skip';
COMMENT ON FUNCTION pulse.skip(uuid, text, jsonb, text) IS
	'Skips a node whose ancestors have all ended, or completes it with an output; in a failed run it also retries the rest. Level author.';

CREATE FUNCTION pulse.release(run uuid) RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_release';
COMMENT ON FUNCTION pulse.release(uuid) IS
	'Lets a quarantined run go on. False if it is not quarantined. Level author.';

CREATE FUNCTION pulse.wait(
	INOUT run uuid,
	IN timeout interval DEFAULT NULL,
	OUT status text, OUT output jsonb, OUT error jsonb)
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_wait';
COMMENT ON FUNCTION pulse.wait(uuid, interval) IS
	'Waits for the end of a run, or for the timeout, and gives its status then. Level read.';

CREATE FUNCTION pulse.result(run uuid) RETURNS jsonb
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_result';
COMMENT ON FUNCTION pulse.result(uuid) IS
	'Output of a completed run; an error for a run that is under way or ended otherwise. Level read.';

CREATE PROCEDURE pulse.run(
	IN workflow text,
	IN input jsonb DEFAULT NULL,
	IN timeout interval DEFAULT NULL,
	INOUT output jsonb DEFAULT NULL)
	LANGUAGE c AS 'MODULE_PATHNAME', 'pulse_sql_run';
COMMENT ON PROCEDURE pulse.run(text, jsonb, interval, jsonb) IS
	'Submits a run, commits, waits for its end and gives its output. Level submit.';

CREATE FUNCTION pulse.timeline(
	run uuid,
	OUT at timestamptz, OUT what text, OUT node text, OUT detail text)
	RETURNS SETOF record
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_timeline';
COMMENT ON FUNCTION pulse.timeline(uuid) IS
	'What has happened in a run, in order of time. Level read.';

CREATE FUNCTION pulse.why(
	run uuid,
	OUT node text, OUT status text, OUT cause text, OUT detail text, OUT hint text)
	RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_why';
COMMENT ON FUNCTION pulse.why(uuid) IS
	'Why a run is not moving: a row for each thing that it waits for, with what to do about it. Level read.';

CREATE FUNCTION pulse.run_graph(run uuid, revision integer DEFAULT NULL) RETURNS jsonb
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_run_graph';
COMMENT ON FUNCTION pulse.run_graph(uuid, integer) IS
	'The graph of a run at a revision, by default the last, checked against the hash that was stored with it. Level read.';

CREATE FUNCTION _pulse.run_nodes(
	run uuid,
	OUT node text, OUT kind text, OUT name text, OUT status text, OUT reason text,
	OUT blocked_by text[], OUT rewrite integer, OUT proposer text, OUT child uuid,
	OUT attempt integer, OUT tries integer, OUT activation uuid,
	OUT output jsonb, OUT error jsonb, OUT progress jsonb, OUT cost jsonb,
	OUT outcome_unknown boolean, OUT action_version text,
	OUT due timestamptz, OUT total_deadline timestamptz,
	OUT started_at timestamptz, OUT ended_at timestamptz)
	RETURNS SETOF record
	LANGUAGE c STABLE ROWS 10 AS 'MODULE_PATHNAME', 'pulse_sql_run_nodes';
COMMENT ON FUNCTION _pulse.run_nodes(uuid) IS
	'Rows of pulse.nodes for one run: what is stored, and what follows from it for the other nodes of the graph.';

CREATE FUNCTION _pulse.node_name(run uuid, node text) RETURNS text
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_node_name';
COMMENT ON FUNCTION _pulse.node_name(uuid, text) IS
	'Action, signal or workflow that a node of a run names, also one that its graph has grown by.';
