-- Runs in memory.

CREATE FUNCTION pulse.run_local(
	graph jsonb,
	input jsonb DEFAULT NULL,
	bindings jsonb DEFAULT NULL,
	signals jsonb DEFAULT NULL,
	options jsonb DEFAULT NULL) RETURNS jsonb
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_run_local';
COMMENT ON FUNCTION pulse.run_local(jsonb, jsonb, jsonb, jsonb, jsonb) IS
	'Runs a graph to its end in memory, in virtual time, with the given answers for actions; nothing is stored, and a suspended run cannot be resumed. Level read.';
