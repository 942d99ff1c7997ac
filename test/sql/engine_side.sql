-- What a host says beside its result: progress, cost and log lines are kept with the node.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/');
SELECT pulse.register_action('x.a', 'h');
CREATE FUNCTION stage(run uuid, node text, body jsonb) RETURNS boolean LANGUAGE sql
	AS $$SELECT pulse_test.answer($1, $2, 200, $3::text, 'application/vnd.pulse.result+json')$$;
SELECT pulse.define('side', '{"nodes": {"a": {"action": "x.a", "retry": {"max_attempts": 2, "initial": "0 s"}}}}');

-- a failed attempt leaves its lines and what it cost; the next one brings more
SELECT pulse.submit('side') AS r \gset
CALL drain();
SELECT stage(:'r', 'a', '{"result": "fail", "error": {"message": "not yet", "retryable": true}, "progress": {"done": 1, "of": 2},
	"cost": {"amount": "0.5", "unit": "USD"}, "logs": [{"level": "warning", "message": "half of it", "data": {"n": 1}}]}');
CALL drain();
SELECT status, progress, cost FROM pulse.nodes WHERE run = :'r';
SELECT stage(:'r', 'a', '{"result": "complete", "output": 1, "progress": {"done": 2, "of": 2},
	"logs": [{"level": "debug", "message": "second"}, {"level": "loud", "message": "of no known level"}, {"message": {"no": "text"}}]}');
CALL drain();
SELECT status, output, progress, cost FROM pulse.nodes WHERE run = :'r';
SELECT node, attempt, level, actor, message, data FROM pulse.logs WHERE run = :'r' ORDER BY id;

-- also of a node that proposes a rewrite, or waits; a bounded number of lines
SELECT pulse.submit('side') AS r \gset
CALL drain();
SELECT stage(:'r', 'a', jsonb_build_object('result', 'suspend', 'signal', 'go', 'progress', 0.25,
	'logs', (SELECT jsonb_agg(jsonb_build_object('message', g::text)) FROM generate_series(1, 1002) AS g)));
CALL drain();
SELECT status, reason, progress FROM pulse.nodes WHERE run = :'r';
SELECT count(*), max(length(message)) AS longest FROM pulse.logs WHERE run = :'r';
SELECT message FROM pulse.logs WHERE run = :'r' ORDER BY id DESC LIMIT 1;

-- and of pure nodes with a stage result
SELECT pulse.submit_graph('{"nodes": {"p": {"pure": {"result": "complete", "output": 2, "cost": {"amount": 1, "unit": "USD"},
	"logs": [{"message": "pure"}]}, "result": true}}}') AS r \gset
CALL drain();
SELECT status, output, cost FROM pulse.nodes WHERE run = :'r';
SELECT node, attempt, level, message FROM pulse.logs WHERE run = :'r';
