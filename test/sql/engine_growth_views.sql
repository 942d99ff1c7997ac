-- What people see of graphs that grow: rewrites, branches, items, rounds, child runs.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
CREATE FUNCTION stage(run uuid, node text, body text) RETURNS boolean LANGUAGE sql
	AS $$SELECT pulse_test.answer($1, $2, 200, $3, 'application/vnd.pulse.result+json')$$;
-- no ids in what is compared: the first run that is named is <run 1>
CREATE TABLE seen (n integer GENERATED ALWAYS AS IDENTITY, id text UNIQUE);
CREATE FUNCTION named(said text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	FOR found IN SELECT m[1] FROM regexp_matches(said, '[0-9a-f]{8}-[0-9a-f-]{27}', 'g') m LOOP
		INSERT INTO pulse_test.seen (id) SELECT found WHERE NOT EXISTS (SELECT FROM pulse_test.seen s WHERE s.id = found);
		said := replace(said, found, (SELECT format('<run %s>', n) FROM pulse_test.seen s WHERE s.id = found));
	END LOOP;
	RETURN said;
END $$;
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/');
SELECT pulse.register_action(name, 'h') FROM unnest('{x.plan,x.a,x.b}'::text[]) AS name;

-- rewrites: two are rejected, one is admitted
SELECT pulse.define('grow', '{"budget": {"nodes": 5}, "nodes": {
	"load": {"action": "x.a"},
	"plan": {"action": "x.plan", "after": ["load"]},
	"sum": {"pure": {"of": {"$": "$.nodes.plan"}}, "after": ["plan"]}}}');
SELECT pulse.submit('grow') AS r \gset
SELECT named(:'r');
CALL drain();
SELECT answer(:'r', 'load', 200, '{"total": 900}');
CALL drain();
SELECT revision, remaining_budget, depth, parent FROM pulse.runs WHERE run = :'r';
SELECT at('1 s');
SELECT stage(:'r', 'plan', '{"result": "rewrite", "output": 1, "rewrite": {"form": "append", "fragment": {"nodes": {
	"a": {"noop": true}, "b": {"noop": true}, "c": {"noop": true}, "d": {"noop": true}, "e": {"noop": true}, "f": {"noop": true}}}}}');
CALL drain();
SELECT at('2 s');
SELECT stage(:'r', 'plan', '{"result": "reject_rewrite", "reason": "cannot be made smaller"}');
CALL drain();
SELECT rewrite, revision, form, state, anchor, attempt, t(at), code, reason, exceeded, cost, budget_before, budget_after, nodes FROM pulse.rewrites WHERE run = :'r' ORDER BY rewrite;
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r' ORDER BY 1, 2;
SELECT at('3 s');
SELECT stage(:'r', 'plan', '{"result": "rewrite", "output": {"steps": 3}, "rewrite": {"form": "append", "fragment": {"nodes": {
	"ask": {"action": "x.b"}, "go": {"signal": "go", "after": ["ask"]}, "tell": {"pure": {"$": "$.nodes.go"}, "after": ["go"]}}}}}');
CALL drain();
SELECT rewrite, revision, form, state, anchor, attempt, t(at), proposal -> 'form' AS proposal, output, cost, budget_before, budget_after, nodes FROM pulse.rewrites WHERE run = :'r' AND state = 'admitted';
SELECT revision, remaining_budget FROM pulse.runs WHERE run = :'r';
SELECT node, kind, name, status, reason, blocked_by, rewrite, proposer FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT stage(:'r', 'plan:ask', '{"result": "suspend", "signal": "approved",
	"progress": {"asked": 1}, "cost": {"letters": 2}, "logs": [{"level": "info", "message": "the boss was asked", "data": {"by": "post"}}, {"message": "twice"}]}');
CALL drain();
SELECT node, progress, cost FROM pulse.nodes WHERE run = :'r' AND progress IS NOT NULL;
SELECT t(at), node, attempt, level, message, data FROM pulse.logs WHERE run = :'r';
-- an action that waits for a signal, which no definition names
SELECT node, waits_for, name FROM pulse.waiting WHERE run = :'r';
SELECT node, status, cause, detail, named(hint) AS hint FROM pulse.why(:'r');
SELECT pulse.signal(:'r', 'approved', '{"by": "boss"}', 's-1');
CALL drain();
SELECT node, waits_for, name FROM pulse.waiting WHERE run = :'r';
SELECT pulse.draw(:'r'::uuid);
SELECT pulse.draw(:'r'::uuid, 'mermaid');
SELECT pulse.draw(:'r'::uuid, 'dot');
SELECT pulse.signal(:'r', 'go', '7', 's-2');
CALL drain();
SELECT status, output, revision FROM pulse.runs WHERE run = :'r';
SELECT t(at), what, node, detail FROM pulse.timeline(:'r');

-- the graph at each revision
SELECT pulse.run_graph(:'r', 0) = pulse.run_graph(:'r', 0), pulse.run_graph(:'r') = pulse.run_graph(:'r', 1);
SELECT jsonb_object_agg(k, v -> 'after') FROM jsonb_each(pulse.run_graph(:'r', 0) -> 'nodes') AS e(k, v);
SELECT jsonb_object_agg(k, v -> 'after') FROM jsonb_each(pulse.run_graph(:'r') -> 'nodes') AS e(k, v);
SELECT (pulse.inspect(pulse.run_graph(:'r')) ->> 'hash') = hash AS same FROM pulse.rewrites WHERE run = :'r' AND revision = 1;
DO $$ BEGIN PERFORM pulse.run_graph(pulse_test.run('grow'), 2); EXCEPTION WHEN OTHERS THEN RAISE WARNING '% %', SQLSTATE, pulse_test.named(SQLERRM); END $$;
DO $$ BEGIN PERFORM pulse.run_graph(pulse_test.run('grow'), -1); EXCEPTION WHEN OTHERS THEN RAISE WARNING '% %', SQLSTATE, pulse_test.named(SQLERRM); END $$;
DO $$ BEGIN PERFORM pulse.run_graph(gen_random_uuid()); EXCEPTION WHEN undefined_object THEN RAISE WARNING '%', SQLSTATE; END $$;
UPDATE _pulse.rewrite SET hash = repeat('0', 64) WHERE run = :'r' AND revision = 1;
DO $$ DECLARE detail text; BEGIN
	PERFORM pulse.run_graph(pulse_test.run('grow'));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RAISE WARNING '% %: %', SQLSTATE, pulse_test.named(SQLERRM), detail;
END $$;
-- a damaged one hides nothing else
SELECT node, kind, status, rewrite FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT count(*) FROM pulse.run_graph(:'r', 0);

-- branches, items, rounds and a child, in one another
SELECT at('10 s');
SELECT pulse.define('small', '{"nodes": {"ask": {"action": "x.b"}}}');
SELECT pulse.define('whole', '{"nodes": {
	"route": {"choose": [{"when": "$.input.big", "then": {"nodes": {"ask": {"signal": "approve"}}}}, {"else": {"nodes": {"note": {"noop": true}}}}]},
	"lines": {"map": {"over": "$.input.lines", "as": {"nodes": {"pick": {"action": "x.a", "input": {"$": "$.item"}}, "pack": {"pure": {"$": "$.index"}, "after": ["pick"]}}}, "max_parallel": 2, "tolerate": 0.5}, "after": ["route"]},
	"poll": {"repeat": {"body": {"nodes": {"look": {"action": "x.b", "input": {"$": "$.round"}}}}, "while": "$.nodes.poll.more", "max": 5}, "after": ["route"]},
	"bill": {"workflow": "small", "input": 1, "after": ["route"]},
	"sum": {"noop": true, "after": ["lines", "poll", "bill"]}}}');
SELECT pulse.draw('whole');
SELECT pulse.draw('whole', 'mermaid');
SELECT pulse.draw('whole', 'dot');
SELECT pulse.submit('whole', '{"big": true, "lines": ["x", "y", "z"]}') AS r \gset
SELECT named(:'r');
CALL drain();
SELECT node, waits_for, name FROM pulse.waiting WHERE run = :'r';
SELECT pulse.signal(:'r', 'approve', NULL, 's-1');
CALL drain();
SELECT node, kind, name, status, reason, blocked_by, rewrite, proposer, named(child::text) AS child FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT rewrite, revision, form, state, anchor, attempt, detail, nodes FROM pulse.rewrites WHERE run = :'r' ORDER BY rewrite;
SELECT revision FROM pulse.runs WHERE run = :'r';
SELECT node, waits_for, name, named(child::text) AS child FROM pulse.waiting WHERE run = :'r';
SELECT node, status, cause, named(detail) AS detail, named(hint) AS hint FROM pulse.why(:'r');
SELECT named(pulse.draw(:'r'::uuid));
SELECT child AS c FROM pulse.nodes WHERE run = :'r' AND node = 'bill' \gset
SELECT workflow, status, named(parent::text) AS parent, parent_node, depth FROM pulse.runs WHERE run = :'c';
SELECT at('11 s');
SELECT answer(:'r', 'lines:item_0:pick', 200, '1'), answer(:'r', 'poll:iter_1:look', 200, '{"more": true}');
CALL drain();
SELECT at('12 s');
SELECT answer(:'r', 'lines:item_1:pick', 422, '{"title": "broken"}', 'application/problem+json'), answer(:'r', 'lines:item_2:pick', 200, '3'),
	answer(:'r', 'poll:iter_2:look', 200, '{"more": false}'), answer(:'c', 'ask', 200, '"paid"');
CALL drain();
CALL drain();
SELECT status, output, revision FROM pulse.runs WHERE run = :'r';
SELECT node, kind, status, reason, output, rewrite, proposer FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT t(at), what, node, named(detail) FROM pulse.timeline(:'r');
SELECT named(pulse.draw(:'r'::uuid));
SELECT named(pulse.draw(:'r'::uuid, 'mermaid'));
-- rounds that are over are not kept
DO $$ DECLARE detail text; hint text; BEGIN
	PERFORM pulse.run_graph(pulse_test.run('whole'), 1);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RAISE WARNING '% %: % %', SQLSTATE, pulse_test.named(SQLERRM), detail, pulse_test.named(hint);
END $$;
SELECT (pulse.inspect(pulse.run_graph(:'r')) ->> 'hash') = (SELECT hash FROM pulse.rewrites WHERE run = :'r' ORDER BY revision DESC LIMIT 1) AS same;

-- a child that fails
SELECT at('20 s');
SELECT pulse.define('parent', '{"nodes": {"bill": {"workflow": "small"}}}');
SELECT pulse.submit('parent') AS r \gset
CALL drain();
SELECT child AS c FROM pulse.nodes WHERE run = :'r' AND node = 'bill' \gset
SELECT at('21 s');
SELECT answer(:'c', 'ask', 422, '{"title": "no credit"}', 'application/problem+json');
CALL drain();
CALL drain();
SELECT status, error ->> 'class' AS class, error ->> 'message' AS message FROM pulse.runs WHERE run = :'r';
SELECT t(at), what, node, regexp_replace(detail, '^[0-9a-f-]{36}', '<child>') AS detail FROM pulse.timeline(:'r');

-- a large map is counted
SELECT at('30 s');
SELECT pulse.define('wide', '{"nodes": {"all": {"map": {"over": "$.input", "as": {"nodes": {"n": {"pure": {"$": "$.index"}}}}}}}}');
SELECT pulse.submit('wide', (SELECT jsonb_agg(i) FROM generate_series(1, 1000) i)) AS r \gset
CALL drain();
SELECT status, jsonb_array_length(output) FROM pulse.runs WHERE run = :'r';
SELECT pulse.draw(:'r'::uuid);
SELECT length(pulse.draw(:'r'::uuid, 'svg')) BETWEEN 1000 AND 100000 AS fits;
