-- Planning of rewrites: pulse.plan_rewrite. Everything about the kernel's side is in test/core/test_rewrite.c.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
DROP ROLE IF EXISTS pulse_rewrite_reader, pulse_rewrite_nobody;
CREATE ROLE pulse_rewrite_reader; CREATE ROLE pulse_rewrite_nobody;
GRANT USAGE ON SCHEMA public TO PUBLIC;
\set ECHO all
-- the whole answer: admitted, over budget, invalid
SELECT jsonb_pretty(pulse.plan_rewrite('{"edges": [["p", "a"], ["a", "s"]]}', '{"p": "completed", "a": "running"}', 'a',
	'{"form": "replace", "fragment": {"nodes": {"x": {"noop": true}, "y": {"pure": {"$": "$.nodes.p"}, "after": ["x"]}}}}'));
SELECT jsonb_pretty(pulse.plan_rewrite('{"edges": [["p", "a"], ["a", "s"]]}', NULL, 'a',
	'{"form": "append", "fragment": {"nodes": {"x": {"noop": true}, "y": {"noop": true}}}}', '{"nodes": 1, "edges": 3}'));
SELECT jsonb_pretty(pulse.plan_rewrite('{"edges": [["p", "a"], ["a", "s"]]}', '{}', 'a',
	'{"form": "append", "fragment": {"nodes": {"x": {"nop": true}, "y": {"pure": {"$": "$.nodes.s"}}}}}'));
-- an answer is a graph for the next question; the hash is that of inspect
WITH RECURSIVE life AS (
	SELECT 0 AS step, '{"nodes": {"a": {"noop": true}}}'::jsonb AS graph, NULL::jsonb AS budget, 'a'::text AS anchor,
		true AS admitted, NULL::text AS hash
	UNION ALL
	SELECT step + 1, p->'graph', p->'remaining', anchor || ':n', (p->>'admitted')::boolean, p->>'hash'
	FROM life, pulse.plan_rewrite(graph, '{}', anchor, '{"form": "append", "fragment": {"nodes": {"n": {"noop": true}}}}', budget) p
	WHERE admitted AND step < 10)
SELECT step, anchor, admitted, budget->'operations' AS operations, hash = pulse.inspect(graph)->>'hash' AS same_hash FROM life;
-- every group of checks
SELECT name, array(SELECT concat_ws(' ', e->>'code', e->>'node') FROM jsonb_array_elements(p->'errors') e)
FROM (VALUES
	('anchor', 'b', '{"nodes": {}}'),
	('fragment', 'a', '{"nodes": {"x": {"noop": true, "after": ["z"]}}, "entries": ["x", "x", "e"]}'),
	('names', 'a', '{"nodes": {"": {}, "x:y": {}, "taken": {}}}'),
	('definitions', 'a', '{"nodes": {"x": {"noop": 1}, "y": {"delay": "soon"}}}')) v(name, anchor, fragment),
	pulse.plan_rewrite('{"nodes": ["a", "a:taken"]}', NULL, anchor, jsonb_build_object('form', 'append', 'fragment', fragment::jsonb)) p;
-- nothing is changed: it may be asked in a read-only transaction
BEGIN READ ONLY;
SELECT p->'cost' FROM pulse.plan_rewrite('{"nodes": ["a"]}', NULL, 'a', '{"form": "retain", "fragment": {"nodes": {"x": {"noop": true}}}}') p;
COMMIT;
-- bad input
SELECT err($$SELECT pulse.plan_rewrite('{"edges": [["a", "a"]]}', NULL, 'a', '{"form": "append", "fragment": {"nodes": {}}}')$$);
SELECT err($$SELECT pulse.plan_rewrite('{"nodes": {"a": {"nop": true}}}', NULL, 'a', '{"form": "append", "fragment": {"nodes": {}}}')$$);
SELECT err($$SELECT pulse.plan_rewrite('{"nodes": ["a"]}', '{"a": "asleep"}', 'a', '{"form": "append", "fragment": {"nodes": {}}}')$$);
SELECT err($$SELECT pulse.plan_rewrite('{"nodes": ["a"]}', NULL, 'a', '{"form": "append", "fragment": {"node": {}}}')$$);
SELECT err($$SELECT pulse.plan_rewrite('{"nodes": ["a"]}', NULL, 'a', '{"form": "apend", "fragment": {"nodes": {}}}')$$);
SELECT err($$SELECT pulse.plan_rewrite('{"nodes": ["a"]}', NULL, 'a', '[]')$$);
SELECT err($$SELECT pulse.plan_rewrite('{"nodes": ["a"]}', NULL, 'a', '{"form": "append", "fragment": {"nodes": {}}}', '{"depht": 1}')$$);
SELECT err($$SELECT pulse.plan_rewrite('{"nodes": ["a"]}', NULL, 'a', '{"form": "append", "fragment": {"nodes": {}}}', '{"depth": 1.5}')$$);
SELECT err($$SELECT pulse.plan_rewrite(NULL, NULL, 'a', '{}')$$);
SELECT err($$SELECT pulse.plan_rewrite('{}', NULL, NULL, '{}')$$);
SELECT err($$SELECT pulse.plan_rewrite('{}', NULL, 'a', NULL)$$);
-- rights
SELECT pulse.grant_access('pulse_rewrite_reader', 'read');
SET ROLE pulse_rewrite_reader;
SELECT p->'admitted' FROM pulse.plan_rewrite('{"nodes": ["a"]}', NULL, 'a', '{"form": "retain", "fragment": {"nodes": {"x": {"noop": true}}}}') p;
SET ROLE pulse_rewrite_nobody;
SELECT err($$SELECT pulse.plan_rewrite('{"nodes": ["a"]}', NULL, 'a', '{"form": "retain", "fragment": {"nodes": {"x": {"noop": true}}}}')$$);
RESET ROLE;
\set ECHO none
\c postgres
DROP DATABASE pulse_api;
DROP ROLE pulse_rewrite_reader, pulse_rewrite_nobody;
