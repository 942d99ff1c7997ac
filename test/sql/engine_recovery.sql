-- The worker dies at each stage; its successor goes on with the same keys and bodies.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/', max_in_flight => 1000);
SELECT pulse.register_action(name, 'h') FROM unnest('{x.a,x.b,x.c}'::text[]) AS name;
SELECT pulse.define('work', '{"nodes": {
	"a": {"action": "x.a", "input": {"n": {"$": "$.input.n"}, "text": "\u00e4\u20ac \"quoted\" \\ back", "number": 1.500, "big": 12345678901234567890.123456789}},
	"b": {"action": "x.b", "after": ["a"], "retry": {"max_attempts": 2, "initial": "10 s", "jitter": 0}},
	"wait": {"signal": "go", "after": ["b"]},
	"pause": {"delay": "1 min", "after": ["wait"]},
	"c": {"action": "x.c", "after": ["pause"], "input": {"all": {"$": "$.nodes"}, "run": {"$": "$.run"}}},
	"end": {"pure": {"$": "$.nodes.c"}, "after": ["c"]}}}');

-- submitted, not yet taken up
SELECT pulse.submit('work', '{"n": 1}') AS r \gset
CALL kill();
CALL drain();
-- called, not yet answered
SELECT key, body::text FROM calls \gset a_
CALL kill();
SELECT at('1 s');
CALL drain();
SELECT node, attempt, key = :'a_key' AS same_key, body::text = :'a_body' AS same_body FROM calls;
SELECT attempt, outcome, t(started_at) AS started, t(ended_at) AS ended FROM pulse.attempts WHERE run = :'r' ORDER BY attempt;
CALL kill();
CALL drain();
SELECT node, attempt, key = :'a_key' AS same_key, body::text = :'a_body' AS same_body FROM calls;
SELECT tries, attempt FROM pulse.nodes WHERE run = :'r' AND node = 'a';
-- answered, the answer not yet recorded
SELECT answer(:'r', 'a', 200, '"lost"');
CALL kill();
CALL drain();
SELECT node, attempt, key = :'a_key' AS same_key, body::text = :'a_body' AS same_body FROM calls;
SELECT answer(:'r', 'a', 200, '{"v": 1.50, "list": [3, 2, 1]}');
CALL drain();
SELECT key, body::text FROM calls \gset b_
SELECT answer(:'r', 'b', 500);
CALL drain();
-- waits for its retry
CALL kill();
CALL drain();
SELECT count(*) FROM calls;
SELECT node, status, reason, attempt, due FROM show(:'r') WHERE node = 'b';
SELECT at('11 s');
CALL drain();
SELECT node, attempt, key = :'b_key' AS same_key, body::text = :'b_body' AS same_body FROM calls;
-- the retry is under way; its death is nobody's fault and burns no attempt
CALL kill();
CALL drain();
SELECT node, attempt, key = :'b_key' AS same_key FROM calls;
SELECT answer(:'r', 'b', 200, '"B"');
CALL drain();
-- waits for a signal; the signal is sent while nobody is there
CALL kill();
SELECT pulse.signal(:'r', 'go', '{"by": "me"}');
CALL drain();
SELECT node, status, reason, output FROM show(:'r') WHERE node IN ('wait', 'pause');
-- sleeps; comes due while nobody is there
CALL kill();
SELECT at('10 min');
CALL drain();
SELECT key, body::text FROM calls \gset c_
SELECT (body -> 'data' -> 'input' -> 'all')::text AS input FROM calls;
SELECT body -> 'data' -> 'input' -> 'run' ->> 'started_at' AS started_at FROM calls;
CALL kill();
SELECT at('20 min');
CALL drain();
SELECT node, attempt, key = :'c_key' AS same_key, body::text = :'c_body' AS same_body FROM calls;
SELECT answer(:'r', 'c', 200, '"the end"');
CALL drain();
SELECT * FROM ended(:'r');
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r' ORDER BY node, attempt;
SELECT count(DISTINCT activation) FROM pulse.attempts WHERE run = :'r';
CALL kill();
CALL drain();
SELECT count(*) FROM calls;

-- what a host may rely on: envelope and members of the body
SELECT at('0 s');
SELECT pulse.submit('work', '{"n": 2}') AS r \gset
CALL drain();
SELECT body -> 'type' AS type, body -> 'timestamp' AS stamp FROM calls;
SELECT m.key, m.value FROM calls, jsonb_each((body -> 'data') - '{activation,run,task}'::text[]) AS m ORDER BY m.key COLLATE "C";
SELECT (body -> 'data' -> 'run') - 'id' AS run, body -> 'data' -> 'run' ->> 'id' = run::text AS own_id,
	'act_' || (body -> 'data' ->> 'activation') = key AS own_key FROM calls;
SELECT a.activation::text = substr(c.key, 5) AS known FROM calls c JOIN pulse.attempts a USING (run, node, attempt);
SELECT answer(:'r', 'a', 200, '1');
CALL drain();
SELECT answer(:'r', 'b', 400);
CALL drain();

-- many runs under way at the death
SELECT pulse.define('one', '{"nodes": {"a": {"action": "x.a"}}}');
SELECT count(pulse.submit('one', to_jsonb(i))) FROM generate_series(1, 200) AS i;
CALL drain();
SELECT count(*), count(DISTINCT key) AS keys FROM calls;
CREATE TEMP TABLE before AS SELECT run, key, body FROM calls;
SELECT count(answer(run, 'a', 200, 'true')) FROM calls WHERE body -> 'data' -> 'input' < '101';
CALL drain();
CALL kill();
CALL drain();
SELECT count(*), bool_and(c.key = b.key AND c.body = b.body AND c.attempt = 2) AS same FROM calls c JOIN before b USING (run);
CALL kill();
CALL drain();
SELECT count(*), bool_and(c.key = b.key AND c.body = b.body AND c.attempt = 3) AS same FROM calls c JOIN before b USING (run);
SELECT count(answer(run, 'a', 200, 'true')) FROM calls;
CALL drain();
SELECT status, count(*) FROM pulse.runs WHERE workflow = 'one' GROUP BY 1;
DROP TABLE before;

-- a long time under way: the mark of the oldest activation is saved and still finds it
SELECT pulse.submit('one', '"old"') AS r \gset
CALL drain();
SELECT key FROM calls \gset old_
SELECT at(i * interval '10 s'), pulse.submit('one', to_jsonb(i)) FROM generate_series(1, 3) AS i \g /dev/null
CALL drain();
SELECT count(answer(run, 'a', 200, 'true')) FROM calls WHERE run <> :'r';
SELECT at('1 h');
CALL drain();
SELECT pulse.submit('one', '"new"') AS r2 \gset
CALL drain();
SELECT at('2 h');
SELECT answer(:'r2', 'a', 200);
CALL drain();
CALL kill();
CALL drain();
SELECT node, attempt, key = :'old_key' AS same_key FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT status FROM ended(:'r');

-- a host that is registered anew, a new version of the action: the body stays as it was
SELECT pulse.register_action('x.a', 'h', version => '1');
SELECT pulse.submit('one') AS r \gset
CALL drain();
SELECT body::text FROM calls \gset a_
SELECT pulse.register_action('x.a', 'h', version => '2');
CALL kill();
CALL drain();
SELECT attempt, body::text = :'a_body' AS same_body, body -> 'data' -> 'action_version' AS version FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT pulse.submit('one') AS r \gset
CALL drain();
SELECT body -> 'data' -> 'action_version' AS version FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();

-- rolled back, also by savepoint: nothing is left
BEGIN;
SELECT pulse.submit('one', '"nobody"') \g /dev/null
ROLLBACK;
BEGIN;
SELECT pulse.submit('one', '"committed"') AS r \gset
SAVEPOINT s;
SELECT pulse.submit('one', '"nobody"') \g /dev/null
SELECT pulse.cancel(:'r');
ROLLBACK TO s;
COMMIT;
CALL drain();
SELECT body -> 'data' -> 'input' AS input FROM calls;
SELECT count(*) FROM pulse.runs WHERE input = '"nobody"';
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT status FROM ended(:'r');

-- two-phase: seen when it is committed, by whoever is there then
BEGIN;
SELECT pulse.submit('one', '"prepared"') AS r \gset
PREPARE TRANSACTION 'pulse engine';
SELECT pulse.submit('one', '"later"') AS r2 \gset
CALL drain();
SELECT body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r2', 'a', 200);
CALL drain();
SELECT at('3 h');
SELECT count(pulse.submit('one', to_jsonb(i))) FROM generate_series(1, 70) AS i;
CALL drain();
SELECT count(answer(run, 'a', 200)) FROM calls;
CALL drain();
CALL kill();
CALL drain();
COMMIT PREPARED 'pulse engine';
CALL drain();
SELECT body -> 'data' -> 'input' AS input FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT status FROM ended(:'r');
BEGIN;
SELECT pulse.submit('one', '"nobody"') \g /dev/null
PREPARE TRANSACTION 'pulse engine';
ROLLBACK PREPARED 'pulse engine';
CALL drain();
SELECT count(*) FROM calls;

-- priorities: urgent first, and the least urgent are not starved
SELECT at('4 h');
SELECT pulse.alter_host('h', max_in_flight => 1);
SELECT pulse.define('queue', '{"nodes": {"a": {"action": "x.a"}}}');
SELECT count(pulse.submit('queue', jsonb_build_object('p', p), priority => p)) FROM unnest('{3,2,1,0}'::integer[]) AS p, generate_series(1, 3);
CALL drain();
CREATE TEMP TABLE served (n serial, p jsonb);
\set ECHO none
\o /dev/null
SELECT s FROM generate_series(1, 12) AS i, LATERAL (VALUES (1, 'INSERT INTO served (p) SELECT body -> ''data'' -> ''input'' -> ''p'' FROM calls'),
	(2, 'SELECT answer(run, node, 200) FROM calls'), (3, 'CALL drain()')) AS v (n, s) ORDER BY i, n \gexec
\o
\set ECHO all
SELECT string_agg(p::text, ' ' ORDER BY n) FROM served;
DROP TABLE served;

-- at the end nothing is left over
SELECT status, count(*) FROM pulse.runs GROUP BY 1 ORDER BY 1;
SELECT (SELECT count(*) FROM _pulse.inbox) AS inbox, (SELECT count(*) FROM _pulse.timer) AS timer, (SELECT count(*) FROM _pulse.strike) AS strike, (SELECT count(*) FROM calls) AS calls;
