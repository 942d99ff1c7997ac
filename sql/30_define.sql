-- Definition of workflows.

CREATE FUNCTION pulse.define(
	name text,
	graph jsonb,
	trigger text DEFAULT NULL,
	environment text DEFAULT NULL,
	resource_type text DEFAULT NULL,
	filter jsonpath DEFAULT NULL,
	input_schema jsonb DEFAULT NULL,
	description text DEFAULT NULL,
	defaults jsonb DEFAULT NULL,
	tenant text DEFAULT NULL,
	enable boolean DEFAULT true) RETURNS integer
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_define';
COMMENT ON FUNCTION pulse.define(text, jsonb, text, text, text, jsonpath, jsonb, text, jsonb, text, boolean) IS
	'Checks a graph and stores it as a version of a workflow; the same content gives the version that is there. Level author.';

CREATE FUNCTION pulse.validate(
	graph jsonb,
	OUT severity text, OUT path text, OUT code text, OUT message text, OUT hint text)
	RETURNS SETOF record
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_validate';
COMMENT ON FUNCTION pulse.validate(jsonb) IS
	'What define would say of a graph: one row for each fault, none if it is valid.';

CREATE FUNCTION pulse.graph(name text, version integer DEFAULT NULL, tenant text DEFAULT NULL)
	RETURNS jsonb
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_graph';
COMMENT ON FUNCTION pulse.graph(text, integer, text) IS
	'The graph of a version of a workflow; of the enabled one, or else the latest, if none is named. Level read.';

CREATE FUNCTION pulse.enable(name text, version integer DEFAULT NULL, tenant text DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_enable';
COMMENT ON FUNCTION pulse.enable(text, integer, text) IS
	'Makes a version, by default the latest, the one that submit takes. False if it was. Level author.';

CREATE FUNCTION pulse.disable(name text, reason text DEFAULT NULL, tenant text DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_disable';
COMMENT ON FUNCTION pulse.disable(text, text, text) IS
	'Refuses new runs of a workflow; runs under way go on. False if it was disabled. Level author.';

CREATE FUNCTION pulse.drop_workflow(name text, if_exists boolean DEFAULT false, tenant text DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pulse_sql_drop_workflow';
COMMENT ON FUNCTION pulse.drop_workflow(text, boolean, text) IS
	'Removes a workflow. Runs under way go on with their version, and history keeps what it refers to. Level author.';

CREATE FUNCTION pulse.inspect(graph jsonb, state jsonb DEFAULT '{}') RETURNS jsonb
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_inspect';
COMMENT ON FUNCTION pulse.inspect(jsonb, jsonb) IS
	'Asks the kernel about a graph in a given state: what is ready, what is blocked and why, without a run.';

CREATE FUNCTION pulse.draw(what "any", format text DEFAULT 'text', tenant text DEFAULT NULL) RETURNS text
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_draw';
COMMENT ON FUNCTION pulse.draw("any", text, text) IS
	'Draws a graph (jsonb), a workflow (its name) or a run (its id) as text, Mermaid, Graphviz DOT or SVG.';
