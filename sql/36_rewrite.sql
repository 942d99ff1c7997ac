-- Rewrites of graphs.

CREATE FUNCTION pulse.plan_rewrite(
	graph jsonb,
	state jsonb,
	anchor text,
	rewrite jsonb,
	budget jsonb DEFAULT NULL) RETURNS jsonb
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pulse_sql_plan_rewrite';
COMMENT ON FUNCTION pulse.plan_rewrite(jsonb, jsonb, text, jsonb, jsonb) IS
	'Asks the kernel whether a node of a graph may put a fragment into it, what that costs, and what the graph would be; changes nothing. Level read.';
