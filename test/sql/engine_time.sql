-- Delays, moments, signals, time limits of signals, start and deadline of runs.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/');
SELECT pulse.register_action('x.a', 'h');

-- delay: constant, computed; not early, not only after a poll
SELECT pulse.define('delay', '{"nodes": {
	"a": {"delay": "90 s"},
	"b": {"delay": {"$": "$.input.pause"}},
	"none": {"delay": "0 s"},
	"end": {"noop": true, "after": ["a", "b", "none"]}}}');
SELECT pulse.submit('delay', '{"pause": "2 min 0.5 s"}') AS r \gset
CALL drain();
SELECT * FROM show(:'r');
SELECT node, kind, t(due) FROM _pulse.timer ORDER BY due;
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT at('89.999999 s');
CALL drain();
SELECT node, status FROM show(:'r') WHERE node = 'a';
SELECT at('90 s');
CALL drain();
SELECT node, status, output FROM show(:'r') WHERE node = 'a';
SELECT at('2 min 0.5 s');
CALL drain();
SELECT * FROM ended(:'r');
SELECT count(*) FROM _pulse.timer;

-- until: a moment ahead, one in the past, a computed one, one too far
SELECT at('0 s');
SELECT pulse.define('until', '{"nodes": {
	"past": {"until": "2029-12-31T23:59:59Z"},
	"ahead": {"until": "2030-01-01T00:00:30Z"},
	"zone": {"until": {"$": "$.input.when"}}}}');
SELECT pulse.submit('until', '{"when": "2030-01-01 02:00:10+02"}') AS r \gset
CALL drain();
SELECT node, status, reason, due FROM show(:'r');
SELECT at('1 h');
CALL drain();
SELECT node, status, due FROM show(:'r');
SELECT status, ended FROM ended(:'r');
SELECT pulse.submit('until', '{"when": "2040-01-01T00:00:00Z"}') AS r \gset
CALL drain();
SELECT status, error ->> 'message' AS message FROM ended(:'r');

-- the worker dies while time passes: fired once, at once, after it is back
SELECT at('0 s');
SELECT pulse.submit('delay', '{"pause": "10 s"}') AS r \gset
CALL drain();
CALL kill();
SELECT at('5 s');
CALL drain();
SELECT node, status, due FROM show(:'r') ORDER BY node;
CALL kill();
SELECT at('1 day');
CALL drain();
SELECT status, ended FROM ended(:'r');

-- a signal that comes while its node waits
SELECT at('0 s');
SELECT pulse.define('signal', '{"nodes": {
	"ask": {"signal": "answer"},
	"end": {"pure": {"said": {"$": "$.nodes.ask.say"}}, "after": ["ask"]}}}');
SELECT pulse.submit('signal') AS r \gset
CALL drain();
SELECT * FROM show(:'r');
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT name, waits_for, due FROM pulse.waiting WHERE run = :'r';
SELECT at('1 s');
SELECT pulse.signal(:'r', 'other', '1');
SELECT pulse.signal(:'r', 'answer', '{"say": "yes"}', 'id-1');
SELECT pulse.signal(:'r', 'answer', '{"say": "no"}', 'id-1');
CALL drain();
SELECT * FROM ended(:'r');
SELECT id = 'id-1' AS first, name, state, reason, node, payload, t(at) AS at, t(settled_at) AS settled FROM pulse.signals WHERE run = :'r' ORDER BY at, name;
SELECT pulse.signal(:'r', 'answer', NULL, 'id-1');
\set VERBOSITY sqlstate
SELECT pulse.signal(:'r', 'answer');
SELECT pulse.signal(gen_random_uuid(), 'answer');
SELECT pulse.signal(:'r', 'pulse.mine');
\set VERBOSITY default

-- signals that come early are kept, in order, and each is consumed once
SELECT at('0 s');
SELECT pulse.define('inbox', '{"nodes": {
	"wait": {"delay": "10 s"},
	"s1": {"signal": "s", "after": ["wait"]},
	"s2": {"signal": "s", "after": ["s1"]},
	"s3": {"signal": "s", "after": ["s2"]},
	"end": {"pure": [{"$": "$.nodes.s1"}, {"$": "$.nodes.s2"}, {"$": "$.nodes.s3"}], "after": ["s3"]}}}');
SELECT pulse.submit('inbox') AS r \gset
-- even before the run is taken up
SELECT pulse.signal(:'r', 's', '"first"');
CALL drain();
SELECT pulse.signal(:'r', 's', '"second"');
CALL drain();
SELECT name, state, payload FROM pulse.signals WHERE run = :'r' ORDER BY payload;
CALL kill();
SELECT at('10 s');
CALL drain();
SELECT node, status, reason, output FROM show(:'r');
SELECT pulse.signal(:'r', 's'), pulse.signal(:'r', 's', '"too many"');
CALL drain();
SELECT * FROM ended(:'r');
SELECT state, reason, node, payload FROM pulse.signals WHERE run = :'r' ORDER BY node;

-- several nodes wait for one name: the signal takes one of them
SELECT at('0 s');
SELECT pulse.define('two_ears', '{"nodes": {"b": {"signal": "s"}, "a": {"signal": "s"}}}');
SELECT pulse.submit('two_ears') AS r \gset
CALL drain();
SELECT pulse.signal(:'r', 's', '1');
CALL drain();
SELECT node, status, output FROM show(:'r');
SELECT pulse.signal(:'r', 's', '2');
CALL drain();
SELECT * FROM ended(:'r');

-- a signal with a time limit: fails, completes, or comes in time
SELECT pulse.define('limit', '{"nodes": {"a": {"signal": "s", "timeout": "1 h"}}}');
SELECT pulse.define('limit_completes', '{"nodes": {"a": {"signal": "s", "timeout": "1 h", "on_timeout": "complete"}}}');
SELECT pulse.define('limit_handled', '{"nodes": {"a": {"signal": "s", "timeout": "1 h", "on_error": {"goto": "b"}}, "b": {"pure": {"$": "$.error.class"}}}}');
SELECT pulse.submit('limit') AS r \gset
SELECT pulse.submit('limit_completes') AS r2 \gset
SELECT pulse.submit('limit') AS r3 \gset
SELECT pulse.submit('limit_handled') AS r4 \gset
CALL drain();
SELECT * FROM show(:'r');
SELECT at('59 min');
SELECT pulse.signal(:'r3', 's', '"in time"');
CALL drain();
SELECT at('1 h');
CALL drain();
SELECT status, error ->> 'class' AS class, error ->> 'message' AS message FROM ended(:'r');
SELECT * FROM ended(:'r2');
SELECT * FROM ended(:'r3');
SELECT * FROM ended(:'r4');
SELECT count(*) FROM _pulse.timer;
-- signal and time limit in one batch: facts of the run come first, so the signal wins
SELECT at('0 s');
SELECT pulse.submit('limit') AS r \gset
CALL drain();
SELECT at('1 h');
SELECT pulse.signal(:'r', 's', '"just in time"');
CALL drain();
SELECT * FROM ended(:'r');
SELECT state, reason FROM pulse.signals WHERE run = :'r';

-- start_at: nothing before it; signals are kept
SELECT at('0 s');
SELECT pulse.submit('signal', start_at => epoch() + interval '1 h') AS r \gset
CALL drain();
SELECT status, t(start_at) AS start_at, started_at FROM pulse.runs WHERE run = :'r';
SELECT pulse.signal(:'r', 'answer', '{"say": "early"}');
CALL drain();
CALL kill();
SELECT at('59 min 59 s');
CALL drain();
SELECT count(*) FROM show(:'r');
SELECT at('1 h');
CALL drain();
SELECT * FROM ended(:'r');
-- one in the past is one at once
SELECT pulse.define('linear', '{"nodes": {"a": {"noop": true}}}');
SELECT pulse.submit('linear', start_at => epoch()) AS r \gset
CALL drain();
SELECT status, started, ended FROM ended(:'r');

-- deadline: of submit and of the graph
SELECT at('0 s');
SELECT pulse.define('deadline', '{"nodes": {"a": {"action": "x.a"}, "b": {"signal": "s"}, "c": {"delay": "1 day"}, "d": {"noop": true, "after": ["a"]}}, "deadline": "10 s"}');
SELECT pulse.submit('deadline') AS r \gset
SELECT pulse.submit('deadline', deadline => epoch() + interval '20 s') AS r2 \gset
CALL drain();
SELECT pulse.signal(:'r', 'unheard');
CALL drain();
SELECT t(deadline) FROM pulse.runs WHERE run IN (:'r', :'r2') ORDER BY 1;
SELECT at('10 s');
CALL drain();
SELECT * FROM ended(:'r');
SELECT node, status, reason FROM pulse.nodes WHERE run = :'r' ORDER BY node;
SELECT state, reason FROM pulse.signals WHERE run = :'r';
SELECT workflow, count(*) FROM calls GROUP BY 1;
SELECT count(*) FROM _pulse.timer WHERE run = :'r';
SELECT status, class FROM pulse.failed_runs WHERE run = :'r';
CALL kill();
SELECT at('20 s');
CALL drain();
SELECT status, ended FROM ended(:'r2');
-- ended in time: the timer of the deadline goes
SELECT at('0 s');
SELECT pulse.submit('linear', deadline => epoch() + interval '5 s') AS r \gset
CALL drain();
SELECT status FROM ended(:'r');
SELECT count(*) FROM _pulse.timer;
-- nobody took it up in time
SELECT pulse.submit('linear', deadline => epoch() + interval '5 s') AS r \gset
SELECT pulse.submit('linear', start_at => epoch() + interval '8 s', deadline => epoch() + interval '9 s') AS r2 \gset
SELECT at('10 s');
CALL drain();
SELECT status, started, ended FROM ended(:'r');
SELECT status, started, ended FROM ended(:'r2');
-- deadline before the start: refused
\set VERBOSITY terse
SELECT pulse.submit('linear', start_at => epoch() + interval '18 s', deadline => epoch() + interval '18 s');
SELECT pulse.submit('linear', deadline => epoch());
SELECT pulse.submit('linear', start_at => 'infinity');
\set VERBOSITY default

-- a deadline passes while the run is paused
SELECT at('0 s');
SELECT pulse.submit('deadline') AS r \gset
CALL drain();
SELECT pulse.pause(:'r');
CALL drain();
SELECT at('11 s');
CALL drain();
SELECT status, ended FROM ended(:'r');

-- many timers due at one moment
SELECT at('0 s');
SELECT pulse.define('many', '{"nodes": {"a": {"delay": "1 min"}}}');
SELECT count(pulse.submit('many')) FROM generate_series(1, 3000);
CALL drain();
SELECT status, count(*) FROM pulse.runs WHERE workflow = 'many' GROUP BY 1;
SELECT at('1 min');
CALL drain();
SELECT status, count(*) FROM pulse.runs WHERE workflow = 'many' GROUP BY 1;
SELECT count(*) FROM _pulse.timer;
