-- What people see of runs: views, timeline, why, result, draw.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/');
SELECT pulse.register_action(name, 'h') FROM unnest('{x.a,x.b}'::text[]) AS name;
SELECT pulse.register_action('x.once', 'h', repeatable => false);
SELECT pulse.define('order', '{"nodes": {
	"load": {"action": "x.a"},
	"charge": {"action": "x.b", "after": ["load"], "retry": {"max_attempts": 3, "initial": "1 s", "jitter": 0}},
	"approve": {"signal": "approve", "after": ["charge"], "when": "$.nodes.load.total > 500", "timeout": "3 days"},
	"ship": {"action": "x.a", "after": ["charge", "approve"]},
	"rest": {"delay": "10 s", "after": ["ship"]},
	"sum": {"pure": {"total": {"$": "$.nodes.load.total"}}, "after": ["rest"]}}}');
SELECT pulse.submit('order', '{"order_id": 7}', labels => '{"customer": "c-1"}', priority => 0, traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01') AS r \gset
-- not taken up
SELECT status, priority, input, labels, traceparent, submitted_by, t(submitted_at) AS submitted, started_at FROM pulse.runs WHERE run = :'r';
SELECT node, kind, name, status, reason, blocked_by FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT node, status, cause, detail FROM pulse.why(:'r');
SELECT t(at), what, node, detail FROM pulse.timeline(:'r');
CALL drain();
-- a call under way
SELECT status, t(started_at) FROM pulse.runs WHERE run = :'r';
SELECT node, kind, name, status, reason, blocked_by, attempt FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT node, status, cause, detail FROM pulse.why(:'r');
SELECT node, attempt, outcome FROM pulse.attempts WHERE run = :'r';
SELECT at('1 s');
SELECT answer(:'r', 'load', 200, '{"total": 900}');
CALL drain();
SELECT answer(:'r', 'charge', 503, '{"title": "busy", "code": "network_busy"}', 'application/problem+json');
CALL drain();
-- waits for a retry
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT node, status, cause, detail FROM pulse.why(:'r');
SELECT node, waits_for, name, t(due) AS due, t(since) AS since, error ->> 'message' AS message, run_status FROM pulse.waiting WHERE run = :'r';
SELECT at('2 s');
CALL drain();
SELECT answer(:'r', 'charge', 200, '{"payment": 1}');
CALL drain();
-- waits for a signal
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT node, status, cause, detail, replace(hint, :'r', '<run>') AS hint FROM pulse.why(:'r');
SELECT node, waits_for, name, t(due) AS due, t(since) AS since FROM pulse.waiting WHERE run = :'r';
SELECT at('3 s');
SELECT pulse.signal(:'r', 'approve', '{"by": "boss"}', 's-1');
CALL drain();
SELECT at('4 s');
SELECT answer(:'r', 'ship', 200, '{"tracking": "T1"}');
CALL drain();
-- sleeps
SELECT node, status, cause, detail FROM pulse.why(:'r');
SELECT at('5 s');
SELECT pulse.pause(:'r', 'stock-taking');
CALL drain();
SELECT node, status, cause, detail, replace(hint, :'r', '<run>') AS hint FROM pulse.why(:'r');
SELECT node, waits_for, run_status FROM pulse.waiting WHERE run = :'r';
SELECT at('20 s');
SELECT pulse.resume(:'r');
CALL drain();
SELECT status, output, t(started_at) AS started, t(ended_at) AS ended FROM pulse.runs WHERE run = :'r';
SELECT node, status, attempt, output, t(started_at) AS started, t(ended_at) AS ended FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT node, attempt, outcome, class, code, http_status FROM pulse.attempts WHERE run = :'r' ORDER BY node, attempt;
SELECT t(at), what, node, detail FROM pulse.timeline(:'r');
SELECT node, status, cause, detail FROM pulse.why(:'r');
SELECT pulse.result(:'r');
SELECT status, output, error FROM pulse.wait(:'r');
SELECT pulse.draw(:'r'::uuid);
SELECT pulse.draw(:'r'::uuid, 'mermaid');
SELECT pulse.draw('order');

-- a failed run
SELECT at('0 s');
SELECT pulse.submit('order', '{}') AS r \gset
CALL drain();
SELECT answer(:'r', 'load', 422, '{"title": "no such order", "code": "unknown_order"}', 'application/problem+json');
CALL drain();
SELECT status, output, error FROM pulse.wait(:'r', '0 s');
\set VERBOSITY sqlstate
SELECT pulse.result(:'r');
\set VERBOSITY default
SELECT node, status, reason, blocked_by FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT workflow, status, node, class, message FROM pulse.failed_runs WHERE run = :'r';
SELECT t(at), what, node, detail FROM pulse.timeline(:'r');
SELECT node, status, cause, detail, replace(hint, :'r', '<run>') AS hint FROM pulse.why(:'r');
SELECT pulse.draw(:'r'::uuid);

-- a run with several causes to wait
SELECT pulse.define('causes', '{"nodes": {
	"call": {"action": "x.a"}, "held": {"action": "x.b"}, "once": {"action": "x.once"}, "unknown": {"action": "nobody.knows"},
	"sleep": {"delay": "1 h"}, "ask": {"signal": "s"}, "after": {"noop": true, "after": ["ask", "sleep"]}}}');
SELECT pulse.submit('causes') AS r \gset
CALL drain();
SELECT answer(:'r', 'held', 404), fail(:'r', 'once', 'timeout');
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT node, status, cause, regexp_replace(detail, 'again at .*', 'again at ...') AS detail, replace(hint, :'r', '<run>') AS hint FROM pulse.why(:'r');
SELECT node, waits_for, name FROM pulse.waiting WHERE run = :'r' ORDER BY node;
-- not ended: no result yet, wait gives what there is when its time is over
\set VERBOSITY sqlstate
SELECT pulse.result(:'r');
\set VERBOSITY default
SELECT status, output, error FROM pulse.wait(:'r', '10 ms');
SELECT pulse.cancel(:'r', 'enough');
CALL drain();
SELECT node, status, reason FROM pulse.nodes WHERE run = :'r' ORDER BY node COLLATE "C";
SELECT t(at), what, node, detail FROM pulse.timeline(:'r');
SELECT count(*) FROM pulse.why(:'r');

-- counted
SELECT tenant, status, runs FROM pulse.stat_now ORDER BY 1, 2;
SELECT pulse.submit('order') AS r \gset
SELECT pulse.submit('causes') AS r2 \gset
SELECT pulse.submit('order', start_at => epoch() + interval '1 day') AS r3 \gset
CALL drain();
SELECT pulse.pause(:'r');
CALL drain();
SELECT tenant, status, runs FROM pulse.stat_now ORDER BY 1, 2;
SELECT node, status, cause, detail FROM pulse.why(:'r3');
\set VERBOSITY sqlstate
SELECT * FROM pulse.why(gen_random_uuid());
SELECT * FROM pulse.timeline(gen_random_uuid());
SELECT * FROM pulse.wait(gen_random_uuid());
SELECT pulse.result(gen_random_uuid());
\set VERBOSITY default
