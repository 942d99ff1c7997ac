\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
\set ECHO all
-- versions: the same content is the same version, other content the next
SELECT pulse.define('order', '{"nodes": {"a": {"noop": true}}}', description => 'first');
SELECT pulse.define('order', '{"nodes": {"a": {"noop": true}}}');
SELECT pulse.define('order', '{"nodes": {"a": {"noop": true}, "b": {"noop": true, "after": ["a"]}}}');
SELECT pulse.define('order', '{"nodes": {"a": {"noop": true}}}', defaults => '{"priority": 0}');
SELECT version, enabled, defaults, description FROM pulse.workflows WHERE name = 'order' ORDER BY version;
-- going back to earlier content enables that version
SELECT pulse.define('order', '{"nodes": {"a": {"noop": true}}}');
SELECT version FROM pulse.workflows WHERE name = 'order' AND enabled;
-- a version that is not enabled changes nothing for submit
SELECT pulse.define('order', '{"nodes": {"c": {"noop": true}}}', enable => false);
SELECT version FROM pulse.workflows WHERE name = 'order' AND enabled;
SELECT pulse.graph('order');
SELECT pulse.graph('order', 4);
SELECT pulse.graph('order', version => 2) = '{"nodes": {"a": {"noop": true}, "b": {"noop": true, "after": ["a"]}}}';
SELECT pulse.enable('order'), pulse.enable('order'), pulse.enable('order', 2);
SELECT pulse.disable('order', 'out of season'), pulse.disable('order');
SELECT name, version, disabled_reason FROM pulse.workflows WHERE version = 1;
SELECT err($$SELECT pulse.submit('order')$$);
SELECT err($$SELECT pulse.submit('order', version => 2)$$);
SELECT err($$SELECT pulse.enable('order', 9)$$);
SELECT err($$SELECT pulse.enable('order', 0)$$);
SELECT err($$SELECT pulse.enable('nothing')$$);
SELECT err($$SELECT pulse.disable('nothing')$$);
SELECT err($$SELECT pulse.graph('order', 9)$$);
SELECT err($$SELECT pulse.graph('order', -1)$$);
SELECT err($$SELECT pulse.graph('nothing')$$);
-- tenants are apart
SELECT pulse.define('order', '{"nodes": {"a": {"noop": true}}}', tenant => 'acme');
SELECT tenant, name, version FROM pulse.workflows WHERE enabled;
SET pulse.tenant = 'acme';
SELECT pulse.graph('order');
RESET pulse.tenant;
-- dropped, and numbered on when defined again
SELECT pulse.drop_workflow('order'), pulse.drop_workflow('order', if_exists => true);
SELECT err($$SELECT pulse.drop_workflow('order')$$);
SELECT err($$SELECT pulse.graph('order')$$);
SELECT pulse.define('order', '{"nodes": {"d": {"noop": true}}}');
SELECT pulse.define('order', '{"nodes": {"a": {"noop": true}}}');

-- what is not valid says where and why
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true, "after": ["b"]}, "b": {"noop": true, "after": ["a"]}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"load": {"noop": true}, "b": {"noop": true, "after": ["laod"]}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"pure": {"$": "$.nodes.b"}}, "b": {"noop": true}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"pure": {"$": "$.input.a +"}}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"pure": {"$": "$.input / 2"}}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"delay": "2 months"}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"action": "x", "retries": 3}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"action": "x", "noop": true}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a:b": {"noop": true}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a b": {"noop": true}}}')$$);
SELECT err($$SELECT pulse.define('x', '[]')$$);
SELECT err($$SELECT pulse.define('x', '1')$$);
SELECT err($$SELECT pulse.define('x', '{}')$$);
SELECT err($$SELECT pulse.define('x', NULL)$$);
SELECT err($$SELECT pulse.define('x', jsonb_build_object('nodes', jsonb_build_object('a', jsonb_build_object('pure', repeat('x', 1100000)))))$$);
SELECT err(format('SELECT pulse.define(''x'', %L)', '{"nodes": {"a": {"pure": ' || repeat('[', 120) || repeat(']', 120) || '}}}'));
SELECT err(format('SELECT pulse.define(''x'', %L)', '{"nodes": {"a": {"pure": ' || repeat('9', 1200) || '}}}'));
SELECT err($$SELECT pulse.define('x', (SELECT jsonb_build_object('nodes', jsonb_object_agg('n' || i, '{"noop": 1}'::jsonb)) FROM generate_series(1, 30) i))$$);
SELECT count(*) FROM pulse.workflows WHERE name = 'x';
SELECT * FROM pulse.validate('{"nodes": {"a": {"noop": true, "after": ["bb"]}, "b": {"noop": 3, "wen": 1}}}');
SELECT count(*) FROM pulse.validate('{"nodes": {"a": {"noop": true}}}');
SELECT count(*), max(message) FILTER (WHERE code = 'too_many') FROM pulse.validate((SELECT jsonb_build_object('nodes', jsonb_object_agg('n' || i, '{"noop": 1}'::jsonb)) FROM generate_series(1, 300) i));

-- names and what goes with a definition
SELECT err($$SELECT pulse.define('', '{"nodes": {"a": {"noop": true}}}')$$);
SELECT err($$SELECT pulse.define(NULL, '{"nodes": {"a": {"noop": true}}}')$$);
SELECT err($$SELECT pulse.define(repeat('x', 201), '{"nodes": {"a": {"noop": true}}}')$$);
SELECT err($$SELECT pulse.define(E'a\nb', '{"nodes": {"a": {"noop": true}}}')$$);
SELECT err($$SELECT pulse.define('graph:1', '{"nodes": {"a": {"noop": true}}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', tenant => '*')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', tenant => '')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', trigger => 'order.created')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', filter => '$.a')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', environment => 'test')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', resource_type => 'order')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', input_schema => '{}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', defaults => '[]')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', defaults => '{"prio": 1}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', defaults => '{"priority": 4}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', defaults => '{"priority": "1"}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', defaults => '{"labels": {"a": []}}')$$);
SELECT err($$SELECT pulse.define('x', '{"nodes": {"a": {"noop": true}}}', defaults => '{"budget": {"nodes": -1}}')$$);

-- inspect and draw
SELECT jsonb_pretty(pulse.inspect('{"edges": [["a","b"],["a","c"],["b","d"],["c","d"]]}', '{"a": {"status": "completed", "output": 1}, "b": "running"}'));
SELECT err($$SELECT pulse.inspect('{"edges": [["a","a"]]}')$$);
SELECT err($$SELECT pulse.inspect('{"edges": []}', '{"a": 1}')$$);
SELECT pulse.draw('order');
SELECT pulse.draw('{"edges": [["a","b"]]}'::jsonb, 'mermaid');
SELECT pulse.draw('{"nodes": {"a": {"noop": true}}}');
SELECT err($$SELECT pulse.draw('{"nodes": {"a": {"noop": true}, "a": {"noop": true}}}')$$);
SELECT pulse.draw('{"edges": [["a","b"]]}'::jsonb, 'dot');
SELECT pulse.draw('order', 'svg') LIKE '<svg %</svg>' || chr(10) AS svg;
SELECT err($$SELECT pulse.draw((SELECT jsonb_build_object('edges', jsonb_agg(ARRAY['a', 'b' || i])) FROM generate_series(1, 200) i), 'svg')$$);
SELECT err($$SELECT pulse.draw('order', 'png')$$);
SELECT err($$SELECT pulse.draw('nothing')$$);
SELECT err($$SELECT pulse.draw(1)$$);
SELECT err($$SELECT pulse.draw(NULL)$$);
SELECT err($$SELECT pulse.draw('00000000-0000-0000-0000-000000000000'::uuid)$$);
