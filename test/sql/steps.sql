-- The linear form: define stores the graph that steps are turned into. Everything about the translation is in test/core/test_steps.c.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
\set ECHO all
SELECT pulse.define('order by steps', '{"steps": [
	{"name": "load", "type": "action", "action": "orders.load", "retry_policy": {"max_attempts": 5, "backoff_ms": 500}, "timeout_ms": 30000},
	{"name": "large", "type": "condition", "when": "$.nodes.load.total > 500", "on_false": "skip"},
	{"name": "approve", "type": "action", "input": {"$": "$.nodes.load.total"}},
	{"name": "both", "type": "parallel", "branches": [
		[{"name": "wait", "type": "delay", "delay_ms": 60000}, {"name": "ship", "type": "action", "input": {}}],
		[{"name": "wanted", "type": "condition", "action": "mail.wanted"}, {"name": "mail", "type": "action"}]]}],
	"output": {"shipped": {"$": "$.nodes.ship"}, "mailed": {"$": "$.nodes.mail"}}}');
SELECT jsonb_pretty(pulse.graph('order by steps'));
-- the same steps again, or the graph that they were turned into, are the same version
SELECT pulse.define('order by steps', pulse.graph('order by steps'));
-- what it does
SELECT total, wanted, r->'status' AS status, r->'output' AS output, r->'elapsed' AS elapsed,
	(SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_each_text(r->'statuses') WHERE value = 'skipped') AS skipped
FROM (VALUES (100, false), (1000, true)) AS t(total, wanted),
	pulse.run_local(pulse.graph('order by steps'), NULL, jsonb_build_object('orders.load', jsonb_build_object('total', total),
		'approve', true, 'ship', 'parcel', 'mail.wanted', wanted, 'mail', 'sent')) AS r;
-- also without being defined
SELECT r->'output' FROM pulse.run_local('{"steps": [{"name": "a", "type": "condition", "when": "$.input.go"}, {"name": "b", "type": "action"}]}',
	'{"go": true}', '{"b": "done"}') AS r;
SELECT r->'status', r->'output' FROM pulse.run_local('{"steps": [{"name": "a", "type": "condition", "when": "$.input.go"}, {"name": "b", "type": "action"}]}',
	'{"go": null}', '{"b": "done"}') AS r;
SELECT r->'status', r->'error'->'class' FROM pulse.run_local('{"steps": [{"name": "a", "type": "condition", "when": "$.input.go"}, {"name": "b", "type": "action"}]}',
	'{"go": "yes"}', '{"b": "done"}') AS r;
-- faults are told by steps
SELECT path, code, message, hint FROM pulse.validate('{"steps": [{"name": "a", "type": "action", "input": {"$": "$.nodes.b"}},
	{"name": "b", "type": "action"}, {"name": "p", "type": "parallel", "branches": [[{"name": "c", "type": "action", "action": ""}],
		[{"name": "d", "type": "condition", "when": "$.input = 1"}]]}]}') ORDER BY path COLLATE "C";
SELECT path, code, message, hint FROM pulse.validate('{"steps": [{"name": "a", "type": "acton"}, {"name": "b", "type": "delay", "delay": 5}]}');
SELECT pulse.define('bad steps', '{"steps": [{"name": "a", "type": "delay", "delay_ms": "5"}]}');
