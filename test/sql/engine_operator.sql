-- What operators do: pause, resume, cancel, retry, skip; quarantine and release.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/');
SELECT pulse.register_action(name, 'h') FROM unnest('{x.a,x.b}'::text[]) AS name;

-- pause: what is under way ends, nothing new starts, timers and signals are kept
SELECT pulse.define('pausable', '{"nodes": {
	"call": {"action": "x.a"},
	"next": {"action": "x.b", "after": ["call"]},
	"sleep": {"delay": "1 min"},
	"ask": {"signal": "s"},
	"end": {"pure": "end", "after": ["next", "sleep", "ask"]}}}');
SELECT pulse.submit('pausable') AS r \gset
CALL drain();
SELECT pulse.pause(:'r', 'lunch'), pulse.pause(:'r');
CALL drain();
SELECT pulse.pause(:'r');
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT answer(:'r', 'call', 200, '"done"');
SELECT pulse.signal(:'r', 's', '"heard"');
CALL drain();
SELECT at('2 min');
CALL drain();
SELECT node, status, reason, due, output FROM show(:'r');
SELECT count(*) FROM calls;
CALL kill();
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT count(*) FROM calls;
SELECT pulse.resume(:'r'), pulse.resume(:'r');
CALL drain();
SELECT node FROM calls;
SELECT answer(:'r', 'next', 200);
CALL drain();
SELECT * FROM ended(:'r');
\set VERBOSITY sqlstate
SELECT pulse.pause(:'r');
SELECT pulse.resume(:'r');
\set VERBOSITY default
SELECT level, message, actor FROM pulse.logs WHERE run = :'r' ORDER BY id;

-- paused before it is taken up; paused and resumed in one transaction
SELECT pulse.define('short', '{"nodes": {"a": {"pure": 1}}}');
SELECT pulse.submit('short') AS r \gset
SELECT pulse.pause(:'r');
CALL drain();
SELECT status, started FROM ended(:'r');
SELECT pulse.resume(:'r');
CALL drain();
SELECT status FROM ended(:'r');
SELECT pulse.submit('pausable') AS r \gset
CALL drain();
BEGIN;
SELECT pulse.pause(:'r'), pulse.resume(:'r');
COMMIT;
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'r';

-- cancel: nodes not started stay pending, the others are interrupted, calls aborted
SELECT node FROM calls;
SELECT pulse.cancel(:'r', 'changed my mind'), pulse.cancel(:'r');
CALL drain();
SELECT * FROM ended(:'r');
SELECT pulse.cancel(:'r');
SELECT node, status, reason FROM pulse.nodes WHERE run = :'r' ORDER BY node;
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r';
SELECT count(*) AS calls, (SELECT count(*) FROM _pulse.timer) AS timers, (SELECT count(*) FROM _pulse.inbox) AS inbox FROM calls;
SELECT answer(:'r', 'call', 200);
-- before it is taken up, while it is paused, while it waits for its start
SELECT pulse.submit('short') AS r \gset
SELECT pulse.submit('short', start_at => epoch() + interval '1 day') AS r2 \gset
SELECT pulse.submit('pausable') AS r3 \gset
SELECT pulse.cancel(:'r');
CALL drain();
SELECT pulse.pause(:'r3');
CALL drain();
SELECT pulse.cancel(:'r2'), pulse.cancel(:'r3');
CALL drain();
SELECT status, count(*) FROM pulse.runs WHERE run IN (:'r', :'r2', :'r3') GROUP BY 1;
SELECT count(*) FROM _pulse.timer;
-- cancel and signal in one transaction, in both orders
SELECT pulse.define('listen', '{"nodes": {"a": {"signal": "s"}}}');
SELECT pulse.submit('listen') AS r \gset
SELECT pulse.submit('listen') AS r2 \gset
CALL drain();
BEGIN;
SELECT pulse.cancel(:'r'), pulse.signal(:'r', 's');
SELECT pulse.signal(:'r2', 's'), pulse.cancel(:'r2');
COMMIT;
CALL drain();
SELECT status FROM ended(:'r');
SELECT state, reason FROM pulse.signals WHERE run = :'r';
SELECT status FROM ended(:'r2');
SELECT state, reason FROM pulse.signals WHERE run = :'r2';
-- the answer of a call and the cancel in one batch: the cancel was first
SELECT pulse.submit('pausable') AS r \gset
CALL drain();
SELECT answer(:'r', 'call', 200, '"too late"');
SELECT pulse.cancel(:'r');
CALL drain();
SELECT status FROM ended(:'r');
SELECT node, status, reason, output FROM show(:'r') WHERE node = 'call';
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r';

-- retry of a failed run: outputs are kept, what failed gets a new key, what is unknown keeps it
SELECT at('0 s');
SELECT pulse.define('again', '{"nodes": {
	"done": {"action": "x.a"},
	"bad": {"action": "x.b", "after": ["done"], "retry": {"max_attempts": 2, "initial": "1 s", "jitter": 0}},
	"busy": {"action": "x.a", "after": ["done"]},
	"end": {"pure": [{"$": "$.nodes.done"}, {"$": "$.nodes.bad"}], "after": ["bad", "busy"]}}}');
SELECT pulse.submit('again') AS r \gset
CALL drain();
SELECT answer(:'r', 'done', 200, '"kept"');
CALL drain();
SELECT key FROM calls WHERE node = 'bad' \gset bad_
SELECT key FROM calls WHERE node = 'busy' \gset busy_
SELECT answer(:'r', 'bad', 400);
CALL drain();
SELECT status, error ->> 'node' AS node FROM ended(:'r');
\set VERBOSITY sqlstate
SELECT pulse.skip(:'r', 'end');
SELECT pulse.skip(:'r', 'done');
SELECT pulse.skip(:'r', 'nobody');
SELECT pulse.release(:'r');
\set VERBOSITY default
SELECT at('1 h');
SELECT pulse.retry(:'r'), pulse.retry(:'r');
CALL drain();
SELECT status, error FROM pulse.runs WHERE run = :'r';
SELECT node, attempt, key IN (:'bad_key', :'busy_key') AS same_key FROM calls;
SELECT node, tries FROM pulse.nodes WHERE run = :'r' AND attempt > 1 ORDER BY node;
-- the policy counts anew
SELECT answer(:'r', 'bad', 503), answer(:'r', 'busy', 200);
CALL drain();
SELECT node, status, reason, attempt, due FROM show(:'r');
SELECT at('1 h 1 s');
CALL drain();
SELECT answer(:'r', 'bad', 200, '"mended"');
CALL drain();
SELECT * FROM ended(:'r');
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r' ORDER BY node, attempt;
\set VERBOSITY sqlstate
SELECT pulse.retry(:'r');
\set VERBOSITY default

-- retry of a cancelled and of a timed-out run
SELECT at('0 s');
SELECT pulse.define('limited', '{"nodes": {"a": {"pure": 1}, "s": {"signal": "s", "after": ["a"]}}, "deadline": "10 s"}');
SELECT pulse.submit('limited') AS r \gset
SELECT pulse.submit('limited') AS r2 \gset
CALL drain();
SELECT pulse.cancel(:'r');
CALL drain();
SELECT at('11 s');
CALL drain();
SELECT status FROM ended(:'r2');
SELECT pulse.retry(:'r'), pulse.retry(:'r2');
CALL drain();
SELECT status, t(deadline), error FROM pulse.runs WHERE run IN (:'r', :'r2');
SELECT pulse.signal(:'r', 's', '2'), pulse.signal(:'r2', 's', '3');
CALL drain();
SELECT status, output FROM pulse.runs WHERE run IN (:'r', :'r2') ORDER BY output;
-- discarded is discarded: a retry does not bring signals back
SELECT pulse.submit('listen') AS r \gset
CALL drain();
SELECT pulse.signal(:'r', 'other', '1', 'x');
SELECT pulse.cancel(:'r');
CALL drain();
SELECT pulse.retry(:'r');
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT state, reason FROM pulse.signals WHERE run = :'r';
SELECT pulse.signal(:'r', 's', '"now"');
CALL drain();
SELECT status, output FROM ended(:'r');

-- skip: with an output it is completed, without one skipped; a failed run goes on
SELECT at('0 s');
SELECT pulse.define('skippable', '{"nodes": {
	"a": {"action": "x.a", "retry": {"max_attempts": 1}},
	"b": {"pure": {"of_a": {"$": "$.nodes.a"}}, "after": ["a"]}}}');
SELECT pulse.submit('skippable') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 400);
CALL drain();
SELECT status FROM ended(:'r');
SELECT pulse.skip(:'r', 'a', '{"by": "hand"}', 'done by telephone');
CALL drain();
SELECT * FROM ended(:'r');
SELECT level, node, message FROM pulse.logs WHERE run = :'r' ORDER BY id;
SELECT pulse.submit('skippable') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 400);
CALL drain();
SELECT pulse.skip(:'r', 'a');
CALL drain();
SELECT * FROM ended(:'r');
SELECT * FROM show(:'r');
-- of a node that is under way, that waits, that is ready in a paused run
SELECT pulse.submit('skippable') AS r \gset
CALL drain();
SELECT pulse.skip(:'r', 'a', '1');
CALL drain();
SELECT count(*) FROM calls;
SELECT status, output FROM ended(:'r');
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r';
SELECT pulse.submit('listen') AS r \gset
CALL drain();
SELECT pulse.skip(:'r', 'a', '"skipped"');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT pulse.submit('short') AS r \gset
SELECT pulse.pause(:'r');
CALL drain();
SELECT pulse.skip(:'r', 'a', '"mine"');
CALL drain();
SELECT status, output FROM pulse.runs WHERE run = :'r';
SELECT * FROM show(:'r');
SELECT pulse.resume(:'r');
CALL drain();
SELECT status, output FROM ended(:'r');
-- too late: the node ended before the request was read
SELECT pulse.submit('skippable') AS r \gset
CALL drain();
SELECT pulse.skip(:'r', 'a', '"mine"');
SELECT answer(:'r', 'a', 200, '"theirs"');
CALL drain();
SELECT status, output FROM ended(:'r');
-- an operator's skip of a guarded node is no error: its handler does not run
SELECT pulse.define('guarded', '{"nodes": {"a": {"action": "x.a", "on_error": {"goto": "b"}}, "b": {"pure": "handled"}}}');
SELECT pulse.submit('guarded') AS r \gset
CALL drain();
SELECT pulse.skip(:'r', 'a');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT node, status, reason FROM show(:'r');

-- a state that cannot be: quarantine, with the violation; others go on
SELECT pulse.define('chain', '{"nodes": {"a": {"pure": 1}, "s": {"signal": "s", "after": ["a"]}, "b": {"pure": {"$": "$.nodes.a"}, "after": ["s"]}}}');
SELECT pulse.submit('chain', to_jsonb(n)) FROM unnest('{status_outside,ancestor_unfinished,output_missing,output_not_allowed,sound}'::text[]) AS n \g /dev/null
CALL drain();
CALL kill();
UPDATE _pulse.node SET node = 'x' WHERE node = 'a' AND run = (SELECT id FROM _pulse.run WHERE input = '"status_outside"');
UPDATE _pulse.node SET status = 'pending', output = NULL WHERE node = 'a' AND run = (SELECT id FROM _pulse.run WHERE input = '"ancestor_unfinished"');
UPDATE _pulse.node SET status = 'completed', output = 'null' WHERE node = 's' AND run = (SELECT id FROM _pulse.run WHERE input = '"ancestor_unfinished"');
UPDATE _pulse.node SET output = NULL WHERE node = 'a' AND run = (SELECT id FROM _pulse.run WHERE input = '"output_missing"');
UPDATE _pulse.node SET status = 'skipped', reason = 'when' WHERE node = 'a' AND run = (SELECT id FROM _pulse.run WHERE input = '"output_not_allowed"');
SELECT count(pulse.signal(run, 's')) FROM pulse.runs WHERE workflow = 'chain';
CALL drain();
SELECT input, status, error ->> 'class' AS class, error ->> 'message' AS message FROM pulse.runs WHERE workflow = 'chain' ORDER BY input;
SELECT count(*) FROM _pulse.inbox;
-- nothing moves it but a release, and a cancel
SELECT run AS r FROM pulse.runs WHERE input = '"ancestor_unfinished"' \gset
SELECT run AS r2 FROM pulse.runs WHERE input = '"status_outside"' \gset
SELECT pulse.signal(:'r', 's');
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'r';
\set VERBOSITY sqlstate
SELECT pulse.retry(:'r');
SELECT pulse.skip(:'r', 'a');
\set VERBOSITY default
SELECT pulse.pause(:'r'), pulse.resume(:'r');
-- released unmended: quarantined again
SELECT pulse.release(:'r'), pulse.release(:'r');
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'r';
-- mended and released
DELETE FROM _pulse.node WHERE run = :'r' AND node = 's';
UPDATE _pulse.node SET status = 'completed', output = '1' WHERE run = :'r' AND node = 'a';
SELECT pulse.release(:'r');
CALL drain();
SELECT status, output FROM ended(:'r');
SELECT pulse.cancel(:'r2');
CALL drain();
SELECT status FROM ended(:'r2');

-- a graph that has gone bad, and one that has gone
SELECT pulse.define('rotten', '{"nodes": {"a": {"signal": "s"}}}');
SELECT pulse.define('gone', '{"nodes": {"a": {"signal": "s"}}}');
SELECT pulse.define('sound', '{"nodes": {"a": {"signal": "s"}}}');
SELECT pulse.submit(w) FROM unnest('{rotten,gone,sound}'::text[]) AS w \g /dev/null
CALL drain();
CALL kill();
UPDATE _pulse.workflow SET graph = '{"nodes": {"a": {"signal": 5}}}' WHERE name = 'rotten';
DELETE FROM _pulse.workflow WHERE name = 'gone';
SELECT count(pulse.signal(run, 's')) FROM pulse.runs WHERE workflow IN ('rotten', 'gone', 'sound');
CALL drain();
SELECT workflow, status, error FROM pulse.runs WHERE workflow IN ('rotten', 'gone', 'sound') ORDER BY 1;
-- they can be ended at least
SELECT count(pulse.signal(run, 'other')), bool_and(pulse.cancel(run, 'past mending')) FROM pulse.runs WHERE workflow IN ('rotten', 'gone');
CALL drain();
SELECT workflow, status, error FROM pulse.runs WHERE workflow IN ('rotten', 'gone') ORDER BY 1;
SELECT r.workflow, l.level, l.actor, l.message FROM pulse.logs l JOIN pulse.runs r USING (run) WHERE r.workflow IN ('rotten', 'gone') ORDER BY r.workflow, l.id;
SELECT workflow, name, state, reason FROM pulse.signals WHERE workflow IN ('rotten', 'gone') ORDER BY workflow, name;
-- timers of a quarantined run come due: set again by the release
SELECT at('0 s');
SELECT pulse.define('asleep', '{"nodes": {"a": {"pure": 1}, "d": {"delay": "10 s", "after": ["a"]}}}');
SELECT pulse.submit('asleep') AS r \gset
CALL drain();
CALL kill();
UPDATE _pulse.node SET node = 'x' WHERE run = :'r' AND node = 'a';
SELECT at('5 s');
SELECT pulse.signal(:'r', 'wake up');
CALL drain();
SELECT status, error ->> 'message' AS message FROM pulse.runs WHERE run = :'r';
SELECT at('20 s');
CALL drain();
SELECT count(*) FROM _pulse.timer WHERE run = :'r';
UPDATE _pulse.node SET node = 'a' WHERE run = :'r' AND node = 'x';
SELECT pulse.release(:'r');
CALL drain();
SELECT status, ended FROM ended(:'r');

-- operators and rows that are left over
SELECT count(*) AS inbox, (SELECT count(*) FROM calls) AS calls FROM _pulse.inbox;
