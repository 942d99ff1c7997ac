-- Runs in memory: pulse.run_local. Everything about the kernel's side is in test/core/test_local.c.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
DROP ROLE IF EXISTS pulse_local_reader, pulse_local_nobody;
CREATE ROLE pulse_local_reader; CREATE ROLE pulse_local_nobody;
GRANT USAGE ON SCHEMA public TO PUBLIC;
\set ECHO all
-- the whole result
SELECT jsonb_pretty(pulse.run_local(
	'{"nodes": {"price": {"action": "shop.price", "retry": {"jitter": 0}},
		"ok": {"signal": "ok", "after": ["price"], "timeout": "1 h"},
		"sum": {"pure": {"$": "$.nodes.price * 2"}, "after": ["price", "ok"]}}}',
	'{"item": "lamp"}', '{"shop.price": [{"$error": {"class": "server"}}, 60.50]}', '{"ok": {"by": "eve"}}'));
-- the same again: same input, same trace
SELECT count(DISTINCT pulse.run_local('{"nodes": {"a": {"action": "x", "retry": {"max_attempts": 5}}}}', NULL,
	'{"x": {"$error": {"class": "server"}}}')) FROM generate_series(1, 20);
-- defaults
SELECT r->'output', r->'mode', r->'status' FROM pulse.run_local('{"nodes": {"a": {"pure": {"$": "$.input"}}}}') r;
-- named arguments; no trace, another clock, another budget
SELECT r - 'statuses' - 'outputs' FROM pulse.run_local('{"nodes": {"a": {"pure": {"$": "$.run.started_at"}}}}',
	options => '{"trace": false, "now": "2026-11-21T10:00:00Z", "budget": {"nodes": 2}}') r;
-- suspended: no handle, and says so
SELECT jsonb_pretty(pulse.run_local('{"nodes": {"a": {"noop": true}, "s": {"signal": "go", "after": ["a"]}}}', options => '{"trace": false}'));
-- failed: after closure
SELECT r->'status', r->'error', r->'statuses', r->'elapsed' FROM pulse.run_local('{"nodes": {"a": {"action": "x"},
	"b": {"noop": true, "after": ["a"]}}}', NULL, '{"x": {"result": "fail", "error": {"code": "empty", "detail": "nothing left"}}}') r;
SELECT r->'status', r->'error'->'class', r->'elapsed' FROM pulse.run_local('{"nodes": {"a": {"delay": "2 days"}}, "deadline": "1 day"}') r;
-- results do not become runs: functions for durable runs find no handle in them
SELECT err($$SELECT pulse.retry((pulse.run_local('{"nodes": {"a": {"signal": "x"}}}')->>'run')::uuid)$$);
SELECT err($$SELECT pulse.signal((pulse.run_local('{"nodes": {"a": {"signal": "x"}}}')->>'id')::uuid, 'x')$$);
SELECT err($$SELECT pulse.signal(substring(pulse.run_local('{"nodes": {"a": {"signal": "x"}, "b": {"pure": {"$": "$.run.id"}}}}')::text,
	'[0-9a-f]{8}-[0-9a-f-]{27}')::uuid, 'x')$$);
SELECT err($$SELECT * FROM pulse.wait(substring(pulse.run_local('{"nodes": {"b": {"pure": {"$": "$.run.id"}}}}')::text,
	'[0-9a-f]{8}-[0-9a-f-]{27}')::uuid)$$);
SELECT err($$SELECT pulse.cancel(pulse.run_local('{"nodes": {}}'))$$);
-- nothing is written, also where nothing can be
BEGIN READ ONLY;
SELECT pulse.run_local('{"nodes": {"a": {"pure": 1}}}')->'output';
COMMIT;
SELECT (SELECT count(*) FROM _pulse.run) + (SELECT count(*) FROM _pulse.workflow) + (SELECT count(*) FROM _pulse.stamp);
-- what is not valid
SELECT err($$SELECT pulse.run_local(NULL)$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {"a": {"acton": "x"}}}')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', NULL, '[]')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', NULL, '{"x": {"$": "$.nodes.a"}}')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', NULL, '{"x": [{"$error": {"clas": "server"}}]}')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', signals => '[{"name": "go", "after": "soon"}]')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', signals => '{"pulse.x": 1}')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', options => '{"now": "yesterday"}')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', options => '{"speed": 2}')$$);
-- a value that is too large fails its node, as in durable runs
SELECT r->'error'->'class' FROM pulse.run_local('{"nodes": {"a": {"action": "x"}}}',
	to_jsonb(repeat('x', 600000)), '{"x": [[{"$": "$.input"}, {"$": "$.input"}]]}', options => '{"trace": false}') r;
-- graphs that grow: the whole result of a rewrite, a map, a repeat and a child run
SELECT jsonb_pretty(pulse.run_local(
	'{"nodes": {"plan": {"action": "agent.plan"}, "done": {"pure": {"$": "$.nodes"}, "after": ["plan"]}}}', NULL,
	'{"agent.plan": [{"result": "rewrite", "output": 1, "rewrite": {"form": "append", "fragment": {"nodes": {
		"a": {"pure": {"$": "$.nodes.plan"}}, "b": {"noop": true}, "c": {"noop": true}}}}},
		{"result": "rewrite", "output": {"$": "$.rejection.code"}, "rewrite": {"form": "append", "fragment": {"nodes": {
		"a": {"pure": {"$": "$.nodes.plan"}}}}}}]}', options => '{"budget": {"nodes": 2}}'));
SELECT r->'output', r->'statuses', r->'elapsed', r->'hash' FROM pulse.run_local('{"nodes": {"each": {"map": {"over": "$.input", "max_parallel": 1, "as": {"nodes": {
	"buy": {"workflow": "order", "input": {"item": {"$": "$.item"}}},
	"again": {"repeat": {"body": {"nodes": {"n": {"pure": {"$": "$.round"}}}}, "while": "$.nodes.n < 2", "max": 5}, "after": ["buy"]},
	"how": {"choose": [{"when": "$.index == 0", "then": {"nodes": {"x": {"pure": "first"}}}}, {"else": {"nodes": {"x": {"pure": {"$": "$.nodes.again"}}}}}],
		"after": ["again"]}}}}}}}', '["lamp", "desk"]', '{"shop.ship": {"sent": {"$": "$.input"}}}',
	options => '{"workflows": {"order": {"nodes": {"rest": {"delay": "1 h"}, "ship": {"action": "shop.ship", "after": ["rest"]}}}}}') r;
-- suspended by its action, and by that of a child
SELECT r->'status', r->'waiting' FROM pulse.run_local('{"nodes": {"a": {"action": "x"}, "w": {"workflow": "c"}}}', NULL,
	'{"x": {"result": "suspend", "signal": "go"}}', options => '{"workflows": {"c": {"nodes": {"k": {"action": "x"}}}}}') r;
-- a malformed stage result is told with its path
SELECT r->'error'->'class', r->'error'->'message' FROM pulse.run_local('{"nodes": {"a": {"action": "x"}}}', NULL,
	'{"x": {"result": "rewrite", "rewrite": {"form": "append", "fragment": {"nodes": {"x": 5}}}}}') r;
-- a loop: bounded by max, and by the memory that a run may have
SELECT r->'status', r->'output' FROM pulse.run_local('{"nodes": {"r": {"repeat": {"body": {"nodes": {"n": {"pure": {"$": "$.round"}}}},
	"while": "$.nodes.n < 20000", "max": 100000}}}}', options => '{"trace": false}') r;
SELECT err($$SELECT pulse.run_local('{"nodes": {"r": {"repeat": {"body": {"nodes": {"n": {"pure": 1}}}, "while": "$.nodes.n == 1", "max": 1000000000}}}}')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', options => '{"workflows": {"c": {"nodes": {"a": {"acton": "x"}}}}}')$$);
SELECT err($$SELECT pulse.run_local('{"nodes": {}}', options => '{"workflows": ["c"]}')$$);
-- rights: level read, in any tenant
SELECT pulse.grant_access('pulse_local_reader', 'read', ARRAY['acme']);
SET ROLE pulse_local_reader;
SELECT pulse.run_local('{"nodes": {"a": {"pure": 1}}}')->'output';
RESET ROLE;
SET ROLE pulse_local_nobody;
SELECT err($$SELECT pulse.run_local('{"nodes": {}}')$$);
RESET ROLE;
GRANT USAGE ON SCHEMA pulse TO pulse_local_nobody; GRANT EXECUTE ON FUNCTION pulse.run_local TO pulse_local_nobody;
SET ROLE pulse_local_nobody;
SELECT err($$SELECT pulse.run_local('{"nodes": {}}')$$);
RESET ROLE;
\c postgres
SET client_min_messages = warning;
DROP DATABASE pulse_api;
DROP ROLE pulse_local_reader, pulse_local_nobody;
