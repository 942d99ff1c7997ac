-- Graphs that grow while they run, durably: rewrites of hosts, branches, maps, rounds; the
-- worker dies in between.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/', max_in_flight => 1000);
SELECT pulse.register_action(name, 'h') FROM unnest('{x.plan,x.a,x.b}'::text[]) AS name;
-- a stage result as answer
CREATE FUNCTION stage(run uuid, node text, body jsonb) RETURNS boolean LANGUAGE sql
	AS $$SELECT pulse_test.answer($1, $2, 200, $3::text, 'application/vnd.pulse.result+json')$$;
CREATE FUNCTION growths(wanted uuid, OUT id integer, OUT revision integer, OUT attempt integer, OUT form text,
	OUT anchor text, OUT code text, OUT has_hash boolean, OUT cost jsonb, OUT budget_after jsonb)
	RETURNS SETOF record LANGUAGE sql
	AS $$SELECT id, revision, attempt, form, anchor, code, hash IS NOT NULL, cost, budget_after
	FROM _pulse.rewrite WHERE run = wanted ORDER BY id$$;

-- replace: the proposer leaves the graph
SELECT pulse.define('work', '{"nodes": {
	"first": {"pure": {"n": {"$": "$.input.n"}}},
	"plan": {"action": "x.plan", "after": ["first"]},
	"last": {"pure": {"all": {"$": "$.nodes"}}, "after": ["plan"]}}}');
SELECT pulse.submit('work', '{"n": 1}') AS r \gset
CALL drain();
SELECT key FROM calls \gset p_
-- the proposal is answered, but not yet admitted when the worker dies: nothing of it is left
SELECT stage(:'r', 'plan', '{"result": "rewrite", "output": "lost", "rewrite": {"form": "replace", "fragment": {"nodes": {"lost": {"noop": true}}}}}');
CALL kill();
CALL drain();
SELECT * FROM growths(:'r');
SELECT node, attempt, key = :'p_key' AS same_key FROM calls;
SELECT stage(:'r', 'plan', '{"result": "rewrite", "output": "planned", "cost": {"tokens": 10}, "rewrite": {"form": "replace", "fragment": {
	"nodes": {"x": {"action": "x.a", "input": {"from": {"$": "$.nodes.first.n"}}}, "y": {"action": "x.b", "after": ["x"], "input": {"x": {"$": "$.nodes.x"}}}}}}}');
CALL drain();
SELECT * FROM growths(:'r');
SELECT output, budget_before, rewrite -> 'form' AS form, activation::text = substr(:'p_key', 5) AS by_it FROM _pulse.rewrite WHERE run = :'r';
SELECT node, status, reason, attempt FROM show(:'r');
SELECT count(*) FROM _pulse.attempt WHERE run = :'r';
SELECT node, attempt, body -> 'data' -> 'input' AS input FROM calls;
-- dies after it was admitted
CALL kill();
CALL drain();
SELECT node, attempt FROM calls;
SELECT answer(:'r', 'plan:x', 200, '"X"');
CALL drain();
CALL kill();
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r', 'plan:y', 200, '"Y"');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT node, status FROM show(:'r');

-- retain and append: the proposer stays, with its output
SELECT pulse.submit('work', '{"n": 2}') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "rewrite", "output": "kept", "rewrite": {"form": "retain", "fragment": {"nodes": {"more": {"action": "x.plan", "input": {"$": "$.nodes.plan"}}}}}}');
CALL drain();
CALL kill();
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
SELECT stage(:'r', 'plan:more', '{"result": "rewrite", "output": "more", "rewrite": {"form": "append", "fragment": {"nodes": {"p": {"pure": 1}, "q": {"pure": 2}, "r": {"pure": 3, "after": ["p"]}}}}}');
CALL drain();
SELECT * FROM growths(:'r');
SELECT node, status, output FROM show(:'r');
SELECT status, output FROM ended(:'r');

-- budgets: what was spent is spent, also over restarts; every dimension exceeded is named
SELECT pulse.submit('work', '{"n": 3}', budget => '{"operations": 1, "nodes": 3}') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "rewrite", "output": 0, "rewrite": {"form": "retain", "fragment": {"nodes": {"next": {"action": "x.plan"}}}}}');
CALL drain();
SELECT body::text LIKE '%rejection%' AS told FROM calls;
SELECT key, body -> 'data' ->> 'activation' AS activation FROM calls \gset p_
CALL kill();
CALL drain();
SELECT stage(:'r', 'plan:next', '{"result": "rewrite", "output": 1, "rewrite": {"form": "append", "fragment": {"nodes": {"a": {"noop": true}, "b": {"noop": true}, "c": {"noop": true}}}}}');
CALL drain();
SELECT * FROM growths(:'r');
SELECT exceeded FROM _pulse.rewrite WHERE run = :'r' AND id = 2;
SELECT node, attempt, outcome, class FROM pulse.attempts WHERE run = :'r' ORDER BY attempt;
SELECT node, attempt, key <> :'p_key' AS new_key, body -> 'data' -> 'rejection' AS rejection FROM calls;
SELECT memo FROM _pulse.node WHERE run = :'r' AND node = 'plan:next';
-- the reason is told again, in the same body under the same key
SELECT key, body::text FROM calls \gset again_
CALL kill();
CALL drain();
SELECT attempt, key = :'again_key' AS same_key, body::text = :'again_body' AS same_body FROM calls;
SELECT answer(:'r', 'plan:next', 200, '"without"');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT memo FROM _pulse.node WHERE run = :'r' AND node = 'plan:next';

-- two propose in one batch: by the order of their ids, the second one with what the first has left
SELECT pulse.define('rivals', '{"nodes": {"b": {"action": "x.plan"}, "a": {"action": "x.plan"}}, "budget": {"operations": 1}}');
SELECT pulse.submit('rivals') AS r \gset
CALL drain();
SELECT stage(:'r', node, jsonb_build_object('result', 'rewrite', 'output', node, 'rewrite', '{"form": "append", "fragment": {"nodes": {"n": {"pure": 1}}}}'::jsonb)) FROM unnest('{b,a}'::text[]) AS node;
CALL drain();
SELECT id, revision, form, anchor, code, budget_after -> 'operations' AS operations FROM growths(:'r');
SELECT node, attempt FROM calls;
SELECT answer(:'r', 'b', 200, '2');
CALL drain();
SELECT status, output FROM ended(:'r');

-- reject_rewrite by the host, until that is exhausted
SELECT pulse.submit('work', '{"n": 4}') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "reject_rewrite", "output": null, "reason": {"why": "not now"}}');
CALL drain();
SELECT attempt, body -> 'data' -> 'rejection' AS rejection FROM calls;
SELECT stage(:'r', 'plan', '{"result": "reject_rewrite", "output": null}');
CALL drain();
CALL kill();
CALL drain();
SELECT attempt, body -> 'data' -> 'rejection' AS rejection FROM calls;
SELECT stage(:'r', 'plan', '{"result": "reject_rewrite", "output": null}');
CALL drain();
SELECT status, error FROM ended(:'r');
SELECT id, revision, attempt, form, code, has_hash FROM growths(:'r');
-- or the last output counts
SELECT pulse.define('degrade', '{"nodes": {"plan": {"action": "x.plan", "rewrite": {"max_reexecutions": 1, "on_exhausted": "degrade"}}}}');
SELECT pulse.submit('degrade') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "reject_rewrite", "output": 1}');
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "reject_rewrite", "output": "second best"}');
CALL drain();
SELECT status, output FROM ended(:'r');

-- an invalid rewrite fails at once, with all that is wrong with it; a malformed one is a bad response
SELECT pulse.submit('work') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "rewrite", "output": 1, "rewrite": {"form": "append", "fragment": {"nodes": {"a": {"noop": true, "after": ["b"]}, "b": {"noop": true, "after": ["a"]}}}}}');
CALL drain();
SELECT status, error -> 'class' AS class, error -> 'node' AS node FROM ended(:'r');
SELECT id, revision, form, code, errors, budget_before = budget_after AS unspent FROM _pulse.rewrite WHERE run = :'r';
SELECT pulse.submit('work') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "rewrite", "rewrite": {"form": "appendix", "fragment": {"nodes": {"a": {"noop": true}}}}}');
CALL drain();
SELECT status, error -> 'class' AS class, error -> 'message' AS message FROM ended(:'r');

-- suspended by its host until a signal comes; one that is there already is taken at once
SELECT pulse.submit('work', '{"n": 5}') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "suspend", "signal": "go"}');
CALL drain();
SELECT node, status, reason FROM show(:'r') WHERE node = 'plan';
CALL kill();
SELECT pulse.signal(:'r', 'go', '{"by": "me"}');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT pulse.submit('work', '{"n": 6}') AS r \gset
SELECT pulse.signal(:'r', 'go', '"early"');
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "suspend", "signal": "go"}');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT pulse.define('impatient', '{"nodes": {"plan": {"action": "x.plan", "total_timeout": "1 min"}}}');
SELECT pulse.submit('impatient') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "suspend", "signal": "never"}');
CALL drain();
CALL kill();
CALL drain();
SELECT node, status, reason, due FROM show(:'r');
SELECT at('2 min');
CALL drain();
SELECT status, error -> 'class' AS class FROM ended(:'r');

-- choose: what is not chosen never enters the graph
SELECT pulse.define('choose', '{"nodes": {
	"c": {"choose": [{"when": "$.input.n > 10", "then": {"nodes": {"big": {"action": "x.a"}}}},
		{"when": "$.input.n > 0", "then": {"nodes": {"s1": {"action": "x.b", "input": {"$": "$.input.n"}}, "s2": {"pure": {"got": {"$": "$.nodes.s1"}}, "after": ["s1"]}}}}]},
	"end": {"pure": {"$": "$.nodes.c"}, "after": ["c"]}}}');
SELECT pulse.submit('choose', '{"n": 5}') AS r \gset
SELECT pulse.submit('choose', '{"n": -5}') AS r2 \gset
CALL drain();
CALL kill();
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r', 'c:s1', 200, '"S"');
CALL drain();
SELECT node, status, output FROM show(:'r');
SELECT id, revision, attempt, form, anchor, cost, budget_after FROM growths(:'r');
SELECT detail FROM _pulse.rewrite WHERE run = :'r';
SELECT status, output FROM ended(:'r');
SELECT node, status, output FROM show(:'r2');
SELECT status, output FROM ended(:'r2');

-- map: items at once within max_parallel, results in their order; the worker dies in it
SELECT pulse.define('map', '{"nodes": {
	"m": {"map": {"over": "$.input", "max_parallel": 2, "as": {"nodes": {
		"a": {"action": "x.a", "input": {"item": {"$": "$.item"}, "index": {"$": "$.index"}}}, "b": {"pure": {"$": "$.nodes.a"}, "after": ["a"]}}}}},
	"end": {"pure": {"$": "$.nodes.m"}, "after": ["m"]}}}');
SELECT pulse.submit('map', '[10, 20, 30, 40]') AS r \gset
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r', 'm:item_1:a', 200, '"B"');
CALL drain();
SELECT node FROM calls;
CALL kill();
CALL drain();
SELECT node, attempt FROM calls;
SELECT answer(:'r', 'm:item_2:a', 200, '"C"');
CALL drain();
SELECT answer(:'r', 'm:item_3:a', 200, '"D"');
CALL drain();
CALL kill();
CALL drain();
SELECT node, attempt FROM calls;
SELECT answer(:'r', 'm:item_0:a', 200, '"A"');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT count(*) FROM _pulse.node WHERE run = :'r';
SELECT pulse.submit('map', '[]') AS r \gset
SELECT pulse.submit('map', '{"no": "array"}') AS r2 \gset
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT status, error -> 'class' AS class FROM ended(:'r2');
-- failures: up to a share they are results
SELECT pulse.define('tolerant', '{"nodes": {"m": {"map": {"over": "$.input", "tolerate": 0.5, "as": {"nodes": {"a": {"action": "x.a", "retry": {"max_attempts": 1}}, "b": {"action": "x.b", "after": ["a"]}}}}}}}');
SELECT pulse.submit('tolerant', '[1, 2, 3]') AS r \gset
CALL drain();
SELECT answer(:'r', 'm:item_1:a', 500);
CALL drain();
CALL kill();
CALL drain();
SELECT node, attempt FROM calls;
SELECT count(answer(run, node, 200, '"ok"')) FROM calls;
CALL drain();
SELECT count(answer(run, node, 200, '"ok"')) FROM calls;
CALL drain();
SELECT status, output -> 0 AS first, output -> 1 -> 'error' -> 'class' AS second, output -> 2 AS third FROM ended(:'r');
SELECT pulse.submit('tolerant', '[1, 2, 3]') AS r \gset
CALL drain();
SELECT answer(:'r', 'm:item_1:a', 500);
CALL drain();
CALL kill();
CALL drain();
SELECT answer(:'r', 'm:item_0:a', 500);
CALL drain();
SELECT status, error -> 'class' AS class FROM ended(:'r');
SELECT node, status, reason FROM show(:'r');
SELECT count(*) FROM calls;

-- repeat: one round after the other; the worker dies in a round and between two
SELECT pulse.define('repeat', '{"nodes": {
	"r": {"repeat": {"body": {"nodes": {"a": {"action": "x.a", "input": {"round": {"$": "$.round"}, "last": {"$": "$.nodes.r"}}}, "b": {"pure": {"$": "$.nodes.a"}, "after": ["a"]}}},
		"while": "$.nodes.r.again == true", "max": 5}},
	"end": {"pure": {"$": "$.nodes.r"}, "after": ["r"]}}}');
SELECT pulse.submit('repeat') AS r \gset
CALL drain();
SELECT answer(:'r', 'r:iter_1:a', 503, '');
CALL drain();
SELECT at('3 min');
CALL drain();
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r' ORDER BY attempt;
SELECT answer(:'r', 'r:iter_1:a', 200, '{"again": true, "n": 1}');
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
SELECT node, status, output FROM show(:'r');
SELECT count(*) FROM _pulse.attempt WHERE run = :'r';
CALL kill();
CALL drain();
SELECT node, attempt, body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r', 'r:iter_2:a', 200, '{"again": true, "n": 2}');
CALL drain();
CALL kill();
CALL drain();
SELECT answer(:'r', 'r:iter_3:a', 200, '{"again": false, "n": 3}');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT id, revision, form, anchor, hash IS NOT NULL AS has_hash, detail FROM _pulse.rewrite WHERE run = :'r';

-- thousands of rounds: steps are cut, and what is stored stays as little as it was
SELECT pulse.define('long', '{"nodes": {
	"r": {"repeat": {"body": {"nodes": {"a": {"pure": {"$": "$.round"}}, "b": {"choose": [{"when": "$.round > 0", "then": {"nodes": {"x": {"pure": {"$": "$.round"}}}}}], "after": ["a"]}}},
		"while": "$.nodes.r < 2000", "max": 3000}}}}');
SELECT pulse.submit('long') AS r \gset
CALL drain(2);
SELECT count(*) FROM _pulse.node WHERE run = :'r';
SELECT kind, due = epoch() + interval '3 min' AS now FROM _pulse.timer WHERE run = :'r';
SELECT sum(total_bytes) < 12000000 AS little FROM pg_backend_memory_contexts WHERE name = 'pulse runs';
CALL kill();
CALL drain(1);
SELECT (detail -> 'round')::integer > 100 AS far FROM _pulse.rewrite WHERE run = :'r' AND anchor = 'r';
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT node, status FROM show(:'r');
SELECT id, revision, form, anchor FROM growths(:'r');
SELECT pulse.define('loop', '{"nodes": {
	"r": {"repeat": {"body": {"nodes": {"w": {"delay": "1 s"}, "a": {"pure": {"$": "$.round"}, "after": ["w"]}}}, "while": "$.nodes.r < 40", "max": 100}}}}');
SELECT pulse.submit('loop') AS r \gset
CALL drain();
CREATE TEMP TABLE seen (nodes bigint, attempts bigint, rewrites bigint, timers bigint);
\set ECHO none
\o /dev/null
SELECT s FROM generate_series(0, 5) AS i, LATERAL (VALUES (1, format('SELECT at(%L)', interval '3 min' + i * interval '7 s')), (2, CASE WHEN i % 2 = 1 THEN 'CALL kill()' ELSE 'SELECT 1' END), (3, 'CALL drain()'),
	(4, format('INSERT INTO seen SELECT (SELECT count(*) FROM _pulse.node WHERE run = %1$L), (SELECT count(*) FROM _pulse.attempt WHERE run = %1$L), (SELECT count(*) FROM _pulse.rewrite WHERE run = %1$L), (SELECT count(*) FROM _pulse.timer WHERE run = %1$L)', :'r'))) AS v (n, s) ORDER BY i, n \gexec
\o
\set ECHO all
SELECT DISTINCT * FROM seen ORDER BY 1, 2, 3, 4;
DROP TABLE seen;
SELECT node, status, due FROM show(:'r');
SELECT pulse.cancel(:'r');
CALL drain();
SELECT node, status, reason FROM show(:'r');

-- all in each other, with a rewrite inside of it
SELECT pulse.define('nested', '{"nodes": {
	"m": {"map": {"over": "$.input", "as": {"nodes": {
		"r": {"repeat": {"max": 3, "while": "$.nodes.r < $.item", "body": {"nodes": {"p": {"action": "x.plan", "input": {"i": {"$": "$.index"}, "round": {"$": "$.round"}}}, "q": {"pure": {"$": "$.round"}, "after": ["p"]}}}}},
		"c": {"choose": [{"when": "$.item == 2", "then": {"nodes": {"two": {"pure": "two"}}}}, {"else": {"nodes": {"other": {"pure": {"$": "$.nodes.r"}}}}}], "after": ["r"]}}}}}}}');
SELECT pulse.submit('nested', '[1, 2]') AS r \gset
CALL drain();
SELECT node FROM calls;
SELECT stage(:'r', 'm:item_1:r:iter_1:p', '{"result": "rewrite", "output": "grown", "rewrite": {"form": "append", "fragment": {"nodes": {"n": {"action": "x.b", "input": {"$": "$.nodes.p"}}}}}}');
SELECT answer(:'r', 'm:item_0:r:iter_1:p', 200, '0');
CALL drain();
CALL kill();
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
SELECT id, revision, form, anchor, budget_after FROM growths(:'r');
SELECT answer(:'r', 'm:item_1:r:iter_1:p:n', 200, '0');
CALL drain();
SELECT node, body -> 'data' -> 'input' AS input FROM calls;
SELECT id, revision, form, anchor FROM growths(:'r');
CALL kill();
CALL drain();
SELECT answer(:'r', 'm:item_1:r:iter_2:p', 200, '0');
CALL drain();
SELECT status, output FROM ended(:'r');
-- what a round has spent stays spent when its growths are forgotten
SELECT budget_after FROM _pulse.rewrite WHERE run = :'r' AND budget_after IS NOT NULL;

-- cancel and retry of a run that has grown
SELECT pulse.submit('map', '[1, 2, 3]') AS r \gset
CALL drain();
SELECT pulse.cancel(:'r');
CALL drain();
SELECT status FROM ended(:'r');
SELECT count(*) FROM calls;
SELECT pulse.retry(:'r');
CALL kill();
CALL drain();
SELECT node, attempt FROM calls;
SELECT answer_all('{"x.a": {"$": "$.input.item"}}');
CALL drain();
SELECT answer_all('{"x.a": {"$": "$.input.item"}}');
CALL drain();
SELECT status, output FROM ended(:'r');

-- records that do not give the graph again: the run is set aside, and can be got rid of
SELECT pulse.submit('work') AS r \gset
CALL drain();
SELECT stage(:'r', 'plan', '{"result": "rewrite", "output": 1, "rewrite": {"form": "append", "fragment": {"nodes": {"a": {"action": "x.a"}}}}}');
CALL drain();
UPDATE _pulse.rewrite SET hash = repeat('0', 64) WHERE run = :'r';
CALL kill();
CALL drain();
SELECT status, error ->> 'class' AS class FROM pulse.runs WHERE run = :'r';
SELECT count(*) FROM calls;
SELECT pulse.cancel(:'r');
CALL drain();
SELECT status FROM ended(:'r');

-- answers of bindings: lists go on from call to call
SELECT bindings_reset();
SELECT pulse.submit('map', '[1, 2]') AS r \gset
CALL drain();
SELECT answer_all('{"x.a": ["one", {"$error": {"message": "no", "retryable": false}}]}', 1);
CALL drain();
SELECT answer_all('{"x.a": ["one", {"$error": {"message": "no", "retryable": false}}]}');
CALL drain();
SELECT status, error -> 'message' AS message FROM ended(:'r');

-- at the end nothing is left over
SELECT status, count(*) FROM pulse.runs GROUP BY 1 ORDER BY 1;
SELECT (SELECT count(*) FROM _pulse.inbox) AS inbox, (SELECT count(*) FROM _pulse.timer) AS timer, (SELECT count(*) FROM _pulse.strike) AS strike, (SELECT count(*) FROM calls) AS calls;
