-- Runs that start runs: input goes down, output or failure comes up, cancel goes down; the
-- worker dies in between. What is to be seen of it in views is tested elsewhere.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/', max_in_flight => 1000);
SELECT pulse.register_action(name, 'h') FROM unnest('{x.a,x.b}'::text[]) AS name;
CREATE FUNCTION family(OUT workflow text, OUT status text, OUT depth smallint, OUT parent text, OUT node text,
	OUT input jsonb, OUT output jsonb, OUT error text) RETURNS SETOF record LANGUAGE sql
	AS $$SELECT r.workflow, r.status, r.depth, p.workflow, r.parent_node, r.input, r.output, r.error ->> 'class'
	FROM _pulse.run r LEFT JOIN _pulse.run p ON p.id = r.parent ORDER BY r.submitted_at, r.depth NULLS FIRST, r.workflow, r.input$$;

-- end to end; the worker dies at each stage
SELECT pulse.define('child', '{"nodes": {"a": {"action": "x.a", "input": {"got": {"$": "$.input.n"}}}}, "deadline": "1 day"}',
	defaults => '{"labels": {"of": "child"}, "priority": 3}');
SELECT pulse.define('parent', '{"nodes": {
	"before": {"pure": 7},
	"call": {"workflow": "child", "after": ["before"], "input": {"n": {"$": "$.nodes.before"}}},
	"after": {"pure": {"answer": {"$": "$.nodes.call"}}, "after": ["call"]}}}');
SELECT pulse.submit('parent', priority => 0, traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01') AS r \gset
CALL drain();
SELECT node, status, reason, attempt FROM show(:'r');
SELECT * FROM family();
SELECT c.id = n.activation AS same_id, c.priority, c.version, t(c.deadline) AS deadline, c.submitted_by = p.submitted_by AS same_user, c.labels, c.traceparent = p.traceparent AS same_trace, c.tenant
	FROM _pulse.run c JOIN _pulse.run p ON p.id = c.parent JOIN _pulse.node n ON n.run = p.id AND n.node = c.parent_node;
SELECT workflow, node, attempt, body -> 'data' -> 'input' AS input FROM calls;
CALL kill();
CALL drain();
SELECT workflow, node, attempt FROM calls;
SELECT answer(run, node, 200, '"A"') FROM calls;
CALL kill();
CALL drain();
SELECT workflow, node, attempt FROM calls;
SELECT answer(run, node, 200, '"A"') FROM calls;
CALL drain();
SELECT * FROM family();
SELECT status, output FROM ended(:'r');
SELECT node, status, output FROM show(:'r');
SELECT count(*) FROM _pulse.inbox;

-- between the end of the child and the word of it: nobody reads the inbox of the parent
SELECT pulse.submit('parent') AS r \gset
CALL drain();
SELECT run AS c FROM calls \gset
SELECT answer(:'c', 'a', 200, '"A"');
CREATE FUNCTION not_now() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not now' USING ERRCODE = 'disk_full'; END$$;
CREATE TRIGGER not_now BEFORE INSERT ON _pulse.inbox FOR EACH ROW EXECUTE FUNCTION not_now();
CALL drain();
-- neither of the two has happened
SELECT status FROM _pulse.run WHERE id = :'c';
SELECT count(*) FROM _pulse.inbox;
DROP TRIGGER not_now ON _pulse.inbox;
DROP FUNCTION not_now();
SELECT at('1 min');
CALL drain();
SELECT status, output FROM ended(:'c');
SELECT status, output FROM ended(:'r');

-- failure comes up, and another child is tried where the node says so
SELECT pulse.define('fragile', '{"nodes": {"a": {"action": "x.a", "retry": {"max_attempts": 1}}}}');
SELECT pulse.define('twice', '{"nodes": {"call": {"workflow": "fragile", "retry": {"max_attempts": 2, "initial": "10 s", "jitter": 0}}}}');
SELECT pulse.submit('twice', '{"i": 1}') AS r \gset
CALL drain();
SELECT key FROM calls \gset first_
SELECT answer(run, node, 500) FROM calls;
CALL drain();
SELECT node, status, reason, attempt, due FROM show(:'r');
CALL kill();
SELECT at('71 s');
CALL drain();
SELECT node, attempt, key <> :'first_key' AS new_key, body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(run, node, 500) FROM calls;
CALL drain();
SELECT status, error ->> 'class' AS class, error ->> 'message' AS message, error -> 'error' -> 'error' ->> 'class' AS why FROM ended(:'r');
SELECT node, attempt, outcome, class FROM pulse.attempts WHERE run = :'r' ORDER BY attempt;
SELECT workflow, status, error FROM family() WHERE workflow IN ('twice', 'fragile');
-- a child that an operator retries ends again: nobody waits for it any more
SELECT run AS c FROM pulse.runs WHERE workflow = 'fragile' ORDER BY submitted_at DESC, run DESC LIMIT 1 \gset
SELECT pulse.retry(:'c');
CALL drain();
SELECT answer(:'c', 'a', 200);
CALL drain();
SELECT status FROM ended(:'c');
SELECT status FROM ended(:'r');
-- and a parent that is retried starts another one
SELECT pulse.retry(:'r');
CALL drain();
SELECT node, attempt FROM show(:'r');
SELECT answer(run, node, 200, '"at last"') FROM calls;
CALL drain();
SELECT status, output FROM ended(:'r');

-- cancel goes down
SELECT pulse.define('middle', '{"nodes": {"call": {"workflow": "child"}}}');
SELECT pulse.define('top', '{"nodes": {"call": {"workflow": "middle"}}}');
SELECT pulse.submit('top', '{"n": 1}') AS r \gset
CALL drain();
SELECT workflow, node FROM calls;
SELECT pulse.cancel(:'r', reason => 'enough');
CALL drain();
SELECT workflow, status, error FROM family() WHERE workflow IN ('top', 'middle') OR input = '{"n": 1}';
SELECT count(*) FROM calls;
SELECT l.actor, l.message FROM _pulse.log l JOIN _pulse.run r ON r.id = l.run ORDER BY r.depth NULLS FIRST, l.id;
-- also when nobody is there to hear of it, and when a sibling fails
SELECT pulse.define('pair', '{"nodes": {"call": {"workflow": "child", "input": {"n": "pair"}}, "other": {"action": "x.b", "retry": {"max_attempts": 1}}}}');
SELECT pulse.submit('pair') AS r \gset
CALL drain();
CALL kill();
SELECT pulse.cancel(:'r');
CALL drain();
CALL kill();
CALL drain();
SELECT workflow, status FROM family() WHERE workflow = 'pair' OR input = '{"n": "pair"}';
SELECT pulse.submit('pair', '2') AS r \gset
CALL drain();
SELECT answer(:'r', 'other', 500);
CALL drain();
SELECT workflow, status FROM family() WHERE input IN ('2', '{"n": "pair"}');
SELECT count(*) FROM calls;

-- a child that is cancelled by itself has failed for its parent
SELECT pulse.submit('middle', '{"n": "c"}') AS r \gset
CALL drain();
SELECT run AS c FROM calls \gset
SELECT pulse.cancel(:'c');
CALL drain();
SELECT status, error ->> 'class' AS class, error ->> 'message' AS message FROM ended(:'r');

-- timeouts
SELECT pulse.define('hurried', '{"nodes": {"call": {"workflow": "child", "timeout": "1 min", "input": {"n": "h"}, "on_error": "skip"}}}');
SELECT pulse.submit('hurried') AS r \gset
CALL drain();
SELECT node, status, reason, due FROM show(:'r');
SELECT at('3 min');
CALL kill();
CALL drain();
SELECT workflow, status FROM family() WHERE workflow = 'hurried' OR input = '{"n": "h"}';
SELECT node, status, reason, error FROM show(:'r');
SELECT count(*) FROM calls;

-- what cannot be started
SELECT pulse.define('nobody', '{"nodes": {"call": {"workflow": "no such", "on_error": "skip"}}}');
SELECT pulse.define('pinned', '{"nodes": {"call": {"workflow": "fragile", "version": 7, "on_error": "skip"}}}');
SELECT pulse.define('off', '{"nodes": {"a": {"noop": true}}}');
SELECT pulse.define('uses_off', '{"nodes": {"call": {"workflow": "off", "on_error": "skip"}}}');
SELECT pulse.disable('off', 'for a while');
SELECT pulse.submit('nobody') AS r1, pulse.submit('pinned') AS r2, pulse.submit('uses_off') AS r3 \gset
CALL drain();
SELECT status, reason, error FROM show(:'r1') UNION ALL SELECT status, reason, error FROM show(:'r2') UNION ALL SELECT status, reason, error FROM show(:'r3');
-- a version that is asked for is that one; else the enabled one when the node is activated
SELECT pulse.define('versions', '{"nodes": {"a": {"pure": 1}}}');
SELECT pulse.define('versions', '{"nodes": {"a": {"pure": 2}}}');
SELECT pulse.define('both', '{"nodes": {"one": {"workflow": "versions", "version": 1}, "new": {"workflow": "versions"}}}');
SELECT pulse.submit('both') AS r \gset
CALL drain();
SELECT status, output FROM ended(:'r');
-- tenants: a workflow of another one does not exist
SELECT pulse.define('mine', '{"nodes": {"a": {"noop": true}}}', tenant => 't1');
SELECT pulse.define('theirs', '{"nodes": {"call": {"workflow": "mine", "on_error": "skip"}}}', tenant => 't2');
SELECT pulse.submit('theirs', tenant => 't2') AS r \gset
CALL drain();
SELECT status, reason, error FROM show(:'r');

-- depth is bounded
SELECT pulse.define('deep', '{"nodes": {"again": {"workflow": "deep", "input": {"n": 1}}}}');
SELECT pulse.submit('deep') AS r \gset
CALL drain();
SELECT count(*), max(depth) FROM _pulse.run WHERE workflow = 'deep';
SELECT status, error ->> 'class' AS class FROM pulse.runs WHERE workflow = 'deep' GROUP BY 1, 2 ORDER BY 2;

-- many of them, in a map and in a loop
SELECT pulse.define('square', '{"nodes": {"s": {"pure": {"$": "$.input.i * $.input.i"}}}}');
SELECT pulse.define('many', '{"nodes": {"m": {"map": {"over": "$.input", "as": {"nodes": {"c": {"workflow": "square", "input": {"i": {"$": "$.item"}}}}}}}}}');
SELECT pulse.submit('many', (SELECT jsonb_agg(i) FROM generate_series(1, 100) AS i)) AS r \gset
CALL drain();
SELECT status, output -> 99 AS last, jsonb_array_length(output) AS n FROM ended(:'r');
SELECT count(DISTINCT part) > 20 AS spread, count(*) FROM _pulse.run WHERE workflow = 'square';
SELECT pulse.define('rounds', '{"nodes": {"r": {"repeat": {"body": {"nodes": {"c": {"workflow": "square", "input": {"i": {"$": "$.round"}}}}}, "while": "$.nodes.r < 50", "max": 100}}}}');
SELECT pulse.submit('rounds') AS r \gset
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT count(*) FROM _pulse.node WHERE run = :'r';

-- damaged parents and children: who is given up tells the others
SELECT pulse.submit('middle', '{"n": "damaged child"}') AS r \gset
CALL drain();
SELECT run AS c FROM calls \gset
UPDATE _pulse.node SET output = '1' WHERE run = :'c';
CALL kill();
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'c';
SELECT node, status, reason FROM show(:'r');
SELECT pulse.cancel(:'c');
CALL drain();
SELECT status, error ->> 'class' AS class FROM ended(:'r');
SELECT pulse.submit('middle', '{"n": "damaged parent"}') AS r \gset
CALL drain();
SELECT run AS c FROM calls \gset
UPDATE _pulse.node SET output = '1' WHERE run = :'r';
SELECT pulse.pause(:'r');
CALL kill();
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT pulse.cancel(:'r');
CALL drain();
SELECT status FROM ended(:'c');
SELECT count(*) FROM calls;

-- the parent is gone altogether
SELECT pulse.submit('middle', '{"n": "orphan"}') AS r \gset
CALL drain();
SELECT run AS c FROM calls \gset
DELETE FROM _pulse.node WHERE run = :'r';
DELETE FROM _pulse.run WHERE id = :'r';
SELECT answer(:'c', 'a');
CALL kill();
CALL drain();
SELECT answer(:'c', 'a');
CALL drain();
SELECT status FROM ended(:'c');

-- at the end nothing is left over
SELECT at('2 days');
CALL drain();
SELECT status, count(*) FROM pulse.runs GROUP BY 1 ORDER BY 1;
SELECT (SELECT count(*) FROM _pulse.inbox) AS inbox, (SELECT count(*) FROM _pulse.timer) AS timer, (SELECT count(*) FROM _pulse.strike) AS strike, (SELECT count(*) FROM calls) AS calls;
