-- Graphs: order of nodes, conditions, skips, handlers, outputs, failures.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all

-- a path: one step after the other, pure nodes in a single batch
SELECT pulse.define('linear', '{"nodes": {
	"a": {"pure": {"n": {"$": "$.input.n"}}},
	"b": {"pure": {"twice": {"$": "$.nodes.a.n * 2"}}, "after": ["a"]},
	"c": {"noop": true, "after": ["b"]},
	"d": {"pure": [{"$": "$.nodes.a.n"}, {"$": "$.nodes.b.twice"}, {"$literal": {"$": "x"}}], "after": ["c"]}}}');
SELECT pulse.submit('linear', '{"n": 21}') AS r \gset
SELECT status, output FROM pulse.runs WHERE run = :'r';
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');

-- the empty graph
SELECT pulse.define('empty', '{"nodes": {}}');
SELECT pulse.submit('empty') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');

-- a diamond: both branches at once, no barrier, the join waits for both
SELECT pulse.register_host('h', 'http://127.0.0.1:9/');
SELECT pulse.register_action(name, 'h') FROM unnest('{x.a,x.b,x.c,x.d,x.e}'::text[]) AS name;
SELECT pulse.define('diamond', '{"nodes": {
	"a": {"action": "x.a"},
	"b": {"action": "x.b", "after": ["a"]},
	"c": {"action": "x.c", "after": ["a"], "input": {"of_a": {"$": "$.nodes.a.v"}, "k": {"$": "$.config.k"}}},
	"b2": {"action": "x.e", "after": ["b"], "config": {"own": 1}},
	"d": {"action": "x.d", "after": ["b2", "c"]}},
	"config": {"k": "v"}}');
SELECT pulse.submit('diamond', '{"in": true}') AS r \gset
CALL drain();
SELECT node, action, attempt, body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r', 'a', 200, '{"v": 1}');
CALL drain();
SELECT node, action, attempt, body -> 'data' -> 'input' AS input, body -> 'data' -> 'config' AS config FROM calls;
SELECT answer(:'r', 'b', 200, '"B"');
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input, body -> 'data' -> 'config' AS config FROM calls;
SELECT answer(:'r', 'c', 204, NULL), answer(:'r', 'b2', 201, '[]');
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r', 'd', 200, '{"end": 1}');
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');

-- several sinks: an object of their outputs; skipped ones are not in it
SELECT pulse.define('sinks', '{"nodes": {
	"a": {"noop": true},
	"b": {"pure": 1, "after": ["a"]},
	"c": {"pure": 2, "after": ["a"], "when": "$.input.c == true"},
	"d": {"pure": 3, "after": ["a"]}}}');
SELECT pulse.submit('sinks', '{"c": false}') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');
SELECT pulse.submit('sinks', '{"c": true}') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');

-- an output template of the workflow
SELECT pulse.define('output', '{"nodes": {"a": {"pure": {"x": 1}}, "b": {"pure": {"y": 2}, "after": ["a"]}},
	"output": {"x": {"$": "$.nodes.a.x"}, "none": {"$": "$.nodes.a.nothing"}, "all": {"$": "$.nodes.*"}, "wf": {"$": "$.run.workflow"}, "in": {"$": "$.input"}}}');
SELECT pulse.submit('output') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');

-- what $.run holds
SELECT pulse.define('me', '{"nodes": {"a": {"pure": {"$": "$.run"}}}}');
SELECT pulse.submit('me') AS r \gset
CALL drain();
SELECT output - 'id' AS run, output ->> 'id' = run::text AS own_id FROM pulse.runs WHERE run = :'r';

-- when: false, null, nothing and unknown skip; anything but a boolean fails
SELECT pulse.define('when', '{"nodes": {
	"a": {"pure": {"t": true, "f": false, "n": null, "s": "text", "num": 5}},
	"true": {"noop": true, "after": ["a"], "when": "$.nodes.a.num > 4"},
	"false": {"noop": true, "after": ["a"], "when": "$.nodes.a.num > 5"},
	"unknown": {"noop": true, "after": ["a"], "when": "$.nodes.a.s > 5"},
	"empty": {"noop": true, "after": ["a"], "when": "$.nodes.a.nothing == 1"},
	"exists": {"noop": true, "after": ["a"], "when": "exists($.nodes.a.nothing)"}}}');
SELECT pulse.submit('when') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');
SELECT pulse.define('when_' || word, format('{"nodes": {"a": {"pure": {"v": %s}}, "b": {"noop": true, "after": ["a"], "when": "$.nodes.a.v"}}}', value)::jsonb)
	FROM (VALUES ('true', 'true'), ('false', 'false'), ('null', 'null'), ('text', '"x"'), ('number', '1'), ('array', '[true]'), ('arrays', '[true, false]')) AS v (word, value);
SELECT count(pulse.submit('when_' || word)) FROM unnest('{true,false,"null",text,number,array,arrays}'::text[]) AS word;
CALL drain();
SELECT r.workflow, r.status, n.status AS b, n.reason, n.error
	FROM pulse.runs r JOIN _pulse.node n ON n.run = r.run AND n.node = 'b'
	WHERE r.workflow LIKE 'when\_%' ORDER BY r.workflow COLLATE "C";

-- skips go on downwards; on_skip run stops that; one living predecessor is enough
SELECT pulse.define('skips', '{"nodes": {
	"a": {"noop": true, "when": "1 == 2"},
	"b": {"noop": true, "after": ["a"]},
	"c": {"noop": true, "after": ["b"]},
	"run": {"pure": {"in": {"$": "$.nodes.b"}}, "after": ["b"], "on_skip": "run"},
	"mixed": {"noop": true, "after": ["c", "run"]},
	"last": {"pure": "done", "after": ["mixed"]}}}');
SELECT pulse.submit('skips') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');
SELECT pulse.define('all_skipped', '{"nodes": {"a": {"noop": true, "when": "1 == 2"}, "b": {"noop": true, "after": ["a"]}}}');
SELECT pulse.submit('all_skipped') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');

-- a condition is looked at only if the rule of skipped predecessors lets it
SELECT pulse.define('skip_first', '{"nodes": {"a": {"noop": true, "when": "1 == 2"},
	"b": {"noop": true, "after": ["a"], "when": "$.nodes.a.size() + \"x\" == 1"}}}');
SELECT pulse.submit('skip_first') AS r \gset
CALL drain();
SELECT * FROM show(:'r');

-- a failing expression fails its node, class expression, at each place
SELECT pulse.define('bad_' || word, format('{"nodes": {"a": {"pure": {"s": "text"}}, "b": {%s, "after": ["a"]}, "c": {"noop": true, "after": ["b"]}}}', def)::jsonb)
	FROM (VALUES ('pure', '"pure": {"$": "$.nodes.a.s + 1"}'), ('input', '"action": "x.a", "input": {"x": {"$": "-$.nodes.a.s"}}'),
		('delay', '"delay": "$.nodes.a.s"'), ('until', '"until": "$.nodes.a"'), ('long', '"delay": {"$": "$.input.delay"}')) AS v (word, def);
SELECT count(pulse.submit('bad_' || word, '{"delay": "400 days"}')) FROM unnest('{pure,input,delay,until,long}'::text[]) AS word;
CALL drain();
SELECT workflow, status, error ->> 'node' AS node, error ->> 'class' AS class, error ->> 'message' AS message
	FROM pulse.runs WHERE workflow LIKE 'bad\_%' ORDER BY workflow COLLATE "C";
SELECT count(*) FROM calls;
SELECT pulse.define('bad_output', '{"nodes": {"a": {"pure": {"s": "text"}}}, "output": {"$": "$.nodes.a.s * 2"}}');
SELECT pulse.submit('bad_output') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');

-- failure: closure fails what comes after, unrelated branches are interrupted or stay pending
SELECT pulse.define('failure', '{"nodes": {
	"bad": {"action": "x.a", "retry": {"max_attempts": 1}},
	"after": {"noop": true, "after": ["bad"]},
	"after2": {"noop": true, "after": ["after"]},
	"busy": {"action": "x.b"},
	"then": {"noop": true, "after": ["busy"]},
	"asleep": {"delay": "1 day"},
	"listens": {"signal": "s"},
	"join": {"noop": true, "after": ["after2", "then"]}}}');
SELECT pulse.submit('failure') AS r \gset
CALL drain();
SELECT node FROM calls;
SELECT answer(:'r', 'bad', 422, '{"title": "no such card", "code": "card", "detail": "expired"}', 'application/problem+json');
CALL drain();
SELECT * FROM ended(:'r');
SELECT node, status, reason, blocked_by, error ->> 'class' AS class FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT node, attempt, outcome, class, code, http_status FROM pulse.attempts WHERE run = :'r' ORDER BY node;
SELECT count(*) AS calls FROM calls;
SELECT count(*) AS timers FROM _pulse.timer WHERE run = :'r';
SELECT node, class, message FROM pulse.failed_runs WHERE run = :'r';

-- on_error skip: the node becomes skipped, the run goes on
SELECT pulse.define('tolerant', '{"nodes": {
	"bad": {"action": "x.a", "retry": {"max_attempts": 1}, "on_error": "skip"},
	"next": {"noop": true, "after": ["bad"]},
	"other": {"pure": 1},
	"join": {"pure": "joined", "after": ["next", "other"]}}}');
SELECT pulse.submit('tolerant') AS r \gset
CALL drain();
SELECT answer(:'r', 'bad', 400, '{}');
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');

-- on_error goto: the handler runs, with $.error; without an error it is skipped
SELECT pulse.define('handled', '{"nodes": {
	"work": {"action": "x.a", "retry": {"max_attempts": 1}, "on_error": {"goto": "mend"}},
	"next": {"noop": true, "after": ["work"]},
	"mend": {"pure": {"class": {"$": "$.error.class"}, "code": {"$": "$.error.code"}, "work": {"$": "$.nodes.work"}}},
	"end": {"pure": {"mend": {"$": "$.nodes.mend"}}, "after": ["mend", "next"]}}}');
SELECT pulse.submit('handled') AS r \gset
CALL drain();
SELECT answer(:'r', 'work', 409 + 13, '{"code": "out_of_stock"}', 'application/problem+json');
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');
SELECT pulse.submit('handled') AS r \gset
CALL drain();
SELECT answer(:'r', 'work', 200, '{"ok": 1}');
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');

-- a guarded node that its condition skips is no error either
SELECT pulse.define('unharmed', '{"nodes": {
	"work": {"action": "x.a", "when": "$.input.go == true", "on_error": {"goto": "mend"}},
	"mend": {"pure": "mended"}}}');
SELECT pulse.submit('unharmed', '{}') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');

-- a handler may be an action, keeps its error over the death of the worker, and may fail
SELECT pulse.define('handler_action', '{"nodes": {
	"work": {"action": "x.a", "retry": {"max_attempts": 1}, "on_error": {"goto": "mend"}},
	"mend": {"action": "x.b", "input": {"because": {"$": "$.error.message"}}, "retry": {"max_attempts": 1}}}}');
SELECT pulse.submit('handler_action') AS r \gset
CALL drain();
SELECT answer(:'r', 'work', 400, '{"title": "broken"}', 'application/problem+json');
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
CALL kill();
CALL drain();
SELECT node, attempt, body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r', 'mend', 400, '{"title": "cannot be mended"}', 'application/problem+json');
CALL drain();
SELECT * FROM ended(:'r');

-- a failing expression can be handled as well
SELECT pulse.define('handled_expression', '{"nodes": {
	"work": {"pure": {"$": "$.input.s + 1"}, "on_error": {"goto": "mend"}},
	"mend": {"pure": {"$": "$.error.class"}}}}');
SELECT pulse.submit('handled_expression', '{"s": "text"}') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');

-- two nodes fail in one batch: the lower id is the cause, whoever came first
SELECT pulse.define('two_fail', '{"nodes": {
	"z": {"action": "x.a", "retry": {"max_attempts": 1}}, "b": {"action": "x.b", "retry": {"max_attempts": 1}}}}');
SELECT pulse.submit('two_fail') AS r \gset
CALL drain();
SELECT answer(:'r', 'z', 400), answer(:'r', 'b', 400);
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r' ORDER BY node;

-- a wide and a long graph
SELECT pulse.define('wide', jsonb_build_object('nodes', jsonb_build_object('join', jsonb_build_object('pure', jsonb_build_object('$', '$.nodes.n7.i'),
	'after', jsonb_agg('n' || i))) || jsonb_object_agg('n' || i, jsonb_build_object('pure', jsonb_build_object('i', i)))))
	FROM generate_series(1, 2000) AS i;
SELECT pulse.define('long', jsonb_build_object('nodes', jsonb_object_agg('n' || i, CASE WHEN i = 1 THEN '{"pure": 1}'::jsonb
	ELSE jsonb_build_object('pure', jsonb_build_object('$', format('$.nodes.n%s + 1', i - 1)), 'after', jsonb_build_array('n' || i - 1)) END)))
	FROM generate_series(1, 2000) AS i;
SELECT count(pulse.submit(w)) FROM unnest('{wide,long}'::text[]) AS w;
CALL drain();
SELECT workflow, status, output FROM pulse.runs WHERE workflow IN ('wide', 'long') ORDER BY 1;
SELECT count(*), count(*) FILTER (WHERE status = 'completed') AS completed FROM _pulse.node WHERE run = run('wide');

-- a graph that is given with the run
SELECT pulse.submit_graph('{"nodes": {"a": {"pure": {"$": "$.input"}}}}', '[1, 2]') AS r \gset
CALL drain();
SELECT * FROM ended(:'r');
SELECT starts_with(workflow, 'graph:') AS named, version FROM pulse.runs WHERE run = :'r';

-- a run keeps its version for life
SELECT pulse.define('versions', '{"nodes": {"a": {"signal": "go"}, "b": {"pure": "one", "after": ["a"]}}}');
SELECT pulse.submit('versions') AS r \gset
CALL drain();
SELECT pulse.define('versions', '{"nodes": {"a": {"signal": "go"}, "b": {"pure": "two", "after": ["a"]}}}');
SELECT pulse.submit('versions') AS r2 \gset
SELECT pulse.drop_workflow('versions');
CALL kill();
SELECT pulse.signal(:'r', 'go'), pulse.signal(:'r2', 'go');
CALL drain();
SELECT version, status, output FROM pulse.runs WHERE workflow = 'versions' ORDER BY version;
