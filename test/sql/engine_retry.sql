-- Attempts: retries under a virtual clock, Retry-After, holds, unknown outcomes.
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

-- exponential delays; the counter of attempts; success at last
SELECT pulse.define('retry', '{"nodes": {"a": {"action": "x.a", "input": {"k": {"$": "$.input"}},
	"retry": {"max_attempts": 5, "initial": "10 s", "factor": 3, "max": "1 min", "jitter": 0}}}}');
SELECT pulse.submit('retry', '"v"') AS r \gset
CALL drain();
SELECT key, body::text FROM calls \gset first_
SELECT answer(:'r', 'a', 503, 'busy', 'text/plain');
CALL drain();
SELECT * FROM show(:'r');
SELECT t(due), node, kind FROM _pulse.timer;
SELECT status FROM pulse.runs WHERE run = :'r';
SELECT at('9.999999 s');
CALL drain();
SELECT count(*) FROM calls;
SELECT at('10 s');
CALL drain();
SELECT node, attempt, key = :'first_key' AS same_key, body::text = :'first_body' AS same_body FROM calls;
SELECT answer(:'r', 'a', 500);
CALL drain();
SELECT node, status, reason, attempt, due FROM show(:'r');
SELECT at('40 s');
CALL drain();
SELECT fail(:'r', 'a', 'connect');
CALL drain();
SELECT node, status, reason, attempt, due, error FROM show(:'r');
SELECT at('100 s');
CALL drain();
SELECT answer(:'r', 'a', 408);
CALL drain();
SELECT node, status, reason, attempt, due FROM show(:'r');
SELECT at('160 s');
CALL drain();
SELECT node, attempt, key = :'first_key' AS same_key, body::text = :'first_body' AS same_body FROM calls;
SELECT answer(:'r', 'a', 200, '"ok"');
CALL drain();
SELECT * FROM ended(:'r');
SELECT attempt, outcome, class, http_status, t(started_at) AS started, t(ended_at) AS ended FROM pulse.attempts WHERE run = :'r' ORDER BY attempt;
SELECT count(*) FROM _pulse.timer;

-- exhausted
SELECT at('0 s');
SELECT pulse.define('exhaust', '{"nodes": {"a": {"action": "x.a", "retry": {"max_attempts": 2, "initial": "1 s", "jitter": 0}}}}');
SELECT pulse.submit('exhaust') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 500);
CALL drain();
SELECT at('1 s');
CALL drain();
SELECT answer(:'r', 'a', 500, '{"title": "still broken"}', 'application/problem+json');
CALL drain();
SELECT status, error ->> 'message' AS message, ended FROM ended(:'r');

-- jitter stays within its bounds
SELECT at('0 s');
SELECT pulse.define('jitter', '{"nodes": {"a": {"action": "x.a", "retry": {"initial": "100 s"}}}}');
SELECT count(pulse.submit('jitter', to_jsonb(i))) FROM generate_series(1, 64) AS i;
CALL drain();
SELECT count(answer(run, node, 503)) FROM calls;
CALL drain();
SELECT count(*), bool_and(t(due) BETWEEN '80 s' AND '120 s') AS within, count(DISTINCT due) > 32 AS spread FROM _pulse.timer;
SELECT bool_and(pulse.cancel(run)) FROM pulse.runs WHERE workflow = 'jitter';
CALL drain();

-- Retry-After only lengthens the delay; as a date too; capped at an hour
SELECT pulse.define('after', '{"nodes": {"a": {"action": "x.a", "retry": {"max_attempts": 9, "initial": "30 s", "factor": 1, "jitter": 0}}}}');
SELECT pulse.submit('after') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 500, retry_after => '5');
CALL drain();
SELECT due FROM show(:'r');
SELECT at('30 s');
CALL drain();
SELECT answer(:'r', 'a', 500, retry_after => '120');
CALL drain();
SELECT due BETWEEN '149 s' AND '152 s' AS two_minutes FROM show(:'r');
SELECT at('160 s');
CALL drain();
SELECT answer(:'r', 'a', 500, retry_after => 'Tue, 01 Jan 2030 00:10:00 GMT');
CALL drain();
SELECT due BETWEEN '10 min' AND '10 min 3 s' AS at_ten FROM show(:'r');
SELECT at('11 min');
CALL drain();
SELECT answer(:'r', 'a', 500, retry_after => '999999');
CALL drain();
SELECT due BETWEEN '71 min' AND '71 min 3 s' AS an_hour_more FROM show(:'r');
SELECT at('72 min');
CALL drain();
SELECT answer(:'r', 'a', 500, '{"retry_after_seconds": 300}', 'application/problem+json', retry_after => 'rubbish');
CALL drain();
SELECT due BETWEEN '77 min' AND '77 min 3 s' AS five_minutes FROM show(:'r');
SELECT pulse.cancel(:'r');
CALL drain();

-- retry_on and no_retry_on: by class, by code; the host's own opinion
SELECT at('0 s');
SELECT pulse.define('policy_' || word, jsonb_build_object('nodes', jsonb_build_object('a', jsonb_build_object('action', 'x.a', 'retry', policy::jsonb || '{"initial": "1 s"}'))))
	FROM (VALUES ('only_net', '{"retry_on": ["network"]}'), ('code', '{"retry_on": ["busy"]}'), ('not', '{"no_retry_on": ["server"]}'), ('plain', '{}')) AS v (word, policy);
SELECT count(pulse.submit('policy_' || word, i::text::jsonb)) FROM unnest('{only_net,code,not,plain}'::text[]) AS word, generate_series(1, 4) AS i;
CALL drain();
SELECT count(CASE (SELECT input FROM _pulse.run WHERE id = run)
	WHEN '1' THEN answer(run, node, 500)
	WHEN '2' THEN fail(run, node, 'connect')
	WHEN '3' THEN answer(run, node, 422, '{"code": "busy"}', 'application/problem+json')
	WHEN '4' THEN answer(run, node, 422, '{"retryable": true}', 'application/problem+json') END) FROM calls;
CALL drain();
SELECT workflow, string_agg(CASE input WHEN '1' THEN '500' WHEN '2' THEN 'connect' WHEN '3' THEN '422 busy' ELSE '422 retryable' END || ': ' || status, ', ' ORDER BY input) AS fate
	FROM pulse.runs WHERE workflow LIKE 'policy%' GROUP BY workflow ORDER BY workflow COLLATE "C";
SELECT bool_and(pulse.cancel(run)) FROM pulse.runs WHERE ended_at IS NULL;
CALL drain();

-- the policy of the action where the node has none
SELECT pulse.register_action('x.patient', 'h', retry => '{"max_attempts": 2, "initial": "7 s", "jitter": 0}');
SELECT pulse.define('inherit', '{"nodes": {"a": {"action": "x.patient"}}}');
SELECT pulse.submit('inherit') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 500);
CALL drain();
SELECT due FROM show(:'r');
SELECT at('7 s');
CALL drain();
SELECT answer(:'r', 'a', 500);
CALL drain();
SELECT status FROM ended(:'r');

-- total_timeout bounds attempts and waiting together
SELECT at('0 s');
SELECT pulse.define('total', '{"nodes": {"a": {"action": "x.a", "total_timeout": "20 s", "retry": {"max_attempts": 9, "initial": "15 s", "factor": 1, "jitter": 0}}}}');
SELECT pulse.submit('total') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 500);
CALL drain();
SELECT node, status, reason, attempt, due FROM show(:'r');
SELECT at('15 s');
CALL drain();
SELECT answer(:'r', 'a', 500);
CALL drain();
SELECT node, status, reason, attempt, due FROM show(:'r');
SELECT at('20 s');
CALL drain();
SELECT status, error ->> 'class' AS class, error ->> 'message' AS message, ended FROM ended(:'r');

-- answers that say no word about the action: held, no attempt burned, however often
SELECT at('0 s');
SELECT pulse.define('hold', '{"nodes": {"a": {"action": "x.a", "retry": {"max_attempts": 2, "initial": "1 s", "jitter": 0}}}}');
SELECT pulse.submit('hold') AS r \gset
CALL drain();
SELECT key FROM calls \gset first_
SELECT answer(:'r', 'a', 404, '{"title": "no such action"}', 'application/problem+json');
CALL drain();
SELECT node, status, reason, attempt, due < '2 s' AS soon, error FROM show(:'r');
SELECT cause, regexp_replace(detail, 'again at .*', 'again at ...') AS detail FROM pulse.why(:'r');
SELECT tries FROM pulse.nodes WHERE run = :'r';
SELECT at('2 s');
CALL drain();
SELECT answer(:'r', 'a', 409);
CALL drain();
SELECT at('6 s');
CALL drain();
SELECT answer(:'r', 'a', 404);
CALL drain();
SELECT at('20 s');
CALL drain();
SELECT node, attempt, key = :'first_key' AS same_key FROM calls;
SELECT answer(:'r', 'a', 429, retry_after => '30');
CALL drain();
SELECT node, status, reason, attempt, due BETWEEN '50 s' AND '55 s' AS later, error FROM show(:'r');
SELECT t(throttled_until) BETWEEN '50 s' AND '52 s' AS throttled FROM pulse.stat_hosts;
-- the whole host is throttled, also for others
SELECT pulse.define('other', '{"nodes": {"a": {"action": "x.b"}}}');
SELECT pulse.submit('other') AS r2 \gset
CALL drain();
SELECT count(*) FROM calls;
SELECT node, status, reason, due BETWEEN '50 s' AND '55 s' AS later, error FROM show(:'r2');
SELECT at('60 s');
CALL drain();
SELECT workflow, node, attempt FROM calls;
SELECT tries FROM pulse.nodes WHERE run = :'r';
SELECT answer(run, node, 200, '1') FROM calls;
CALL drain();
SELECT status, output, error FROM ended(:'r');
SELECT attempt, outcome, class, http_status FROM pulse.attempts WHERE run = :'r' ORDER BY attempt;

-- 503 with Retry-After throttles too; throttled again and again counts at last
SELECT at('0 s');
SELECT pulse.submit('hold') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 503, retry_after => '10');
CALL drain();
SELECT node, status, reason, due BETWEEN '10 s' AND '13 s' AS later, error FROM show(:'r');
\set ECHO none
\o /dev/null
SELECT s FROM generate_series(2, 50) AS i, LATERAL (VALUES (1, format('SELECT at(%L)', i * interval '20 s')), (2, 'CALL drain()'),
	(3, format('SELECT answer(%L, ''a'', 503, retry_after => ''10'')', :'r')), (4, 'CALL drain()')) AS v (n, s) ORDER BY i, n \gexec
\o
\set ECHO all
SELECT status, error ->> 'class' AS class FROM ended(:'r');
SELECT tries, attempt FROM pulse.nodes WHERE run = :'r';

-- a hold ends with the node's whole time
SELECT at('1 h');
SELECT pulse.define('hold_total', '{"nodes": {"a": {"action": "x.a", "total_timeout": "10 s"}}}');
SELECT pulse.submit('hold_total') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 404);
CALL drain();
SELECT at('1 h 11 s');
CALL drain();
SELECT count(answer(run, node, 404)) <= 1 FROM calls;
CALL drain();
SELECT status, error ->> 'message' AS message FROM ended(:'r');

-- 410: the host withdraws
SELECT at('2 h');
SELECT pulse.submit('hold') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 410);
CALL drain();
SELECT node, status, reason, due > '2 h 1 min' AS long, error FROM show(:'r');
SELECT pulse.cancel(:'r');
CALL drain();

-- wrong credentials: the circuit opens, everything for the host waits, one probe at a time
SELECT at('0 s');
SELECT pulse.submit('hold', '1') AS r \gset
SELECT pulse.submit('hold', '2') AS r2 \gset
CALL drain();
SELECT count(*) FROM calls;
SELECT answer(:'r', 'a', 401);
CALL drain();
SELECT node, status, reason, attempt, due BETWEEN '14 s' AND '17 s' AS later, error FROM show(:'r');
SELECT circuit, reason, t(retry_at) FROM pulse.stat_hosts;
SELECT pulse.submit('hold', '3') AS r3 \gset
CALL drain();
SELECT node, status, reason, error FROM show(:'r3');
SELECT cause, regexp_replace(detail, 'again at .*', 'again at ...') AS detail FROM pulse.why(:'r3');
SELECT answer(:'r2', 'a', 401);
CALL drain();
SELECT at('100 s');
CALL drain();
SELECT count(*) FROM calls;
SELECT answer(run, node, 403) FROM calls;
CALL drain();
SELECT circuit, retry_at - pulse_test.epoch() > '100 s' AS later FROM pulse.stat_hosts;
SELECT count(*) FROM calls;
-- mended: everything goes on at once, not only when it is due
SELECT pulse.set_credential('c', 'bearer', 'token');
SELECT pulse.alter_host('h', credential => 'c');
CALL drain();
SELECT circuit, reason FROM pulse.stat_hosts;
SELECT count(*) FROM calls;
SELECT count(answer(run, node, 200)) FROM calls;
CALL drain();
SELECT status, count(*), bool_and((SELECT tries FROM _pulse.node n WHERE n.run = r.run) = 1) AS one_try FROM pulse.runs r WHERE run IN (:'r', :'r2', :'r3') GROUP BY 1;

-- other faults of the configuration open the circuit as well
SELECT at('0 s');
SELECT pulse.submit('hold') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 302);
CALL drain();
SELECT circuit, reason FROM pulse.stat_hosts;
SELECT at('20 s');
CALL drain();
SELECT fail(:'r', 'a', 'tls');
CALL drain();
SELECT circuit, reason FROM pulse.stat_hosts;
SELECT at('100 s');
CALL drain();
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT circuit, reason FROM pulse.stat_hosts;
SELECT status FROM ended(:'r');

-- an action that nobody has registered: held until somebody does
SELECT at('0 s');
SELECT pulse.define('unknown', '{"nodes": {"a": {"action": "new.action"}}}');
SELECT pulse.submit('unknown') AS r \gset
CALL drain();
SELECT node, status, reason, attempt, error FROM show(:'r');
SELECT cause, regexp_replace(detail, 'again at .*', 'again at ...') AS detail FROM pulse.why(:'r');
SELECT name, waits_for FROM pulse.waiting WHERE run = :'r';
SELECT pulse.register_action('new.action', 'h');
CALL drain();
SELECT node, action FROM calls;
SELECT answer(:'r', 'a', 200, '"found"');
CALL drain();
SELECT status, output FROM ended(:'r');

-- a disabled host
SELECT at('0 s');
SELECT pulse.alter_host('h', enable => false, reason => 'moving house');
SELECT pulse.submit('hold') AS r \gset
CALL drain();
SELECT node, status, reason, attempt, error FROM show(:'r');
SELECT pulse.alter_host('h', enable => true);
CALL drain();
SELECT node, action FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT status FROM ended(:'r');

-- the host of another tenant is as unknown as none
SELECT at('0 s');
SELECT pulse.register_host('theirs', 'http://127.0.0.1:9/', tenant => 'them');
SELECT pulse.register_action('their.action', 'theirs');
SELECT pulse.define('trespass', '{"nodes": {"a": {"action": "their.action"}}}');
SELECT pulse.submit('trespass') AS r \gset
CALL drain();
SELECT node, status, reason, error FROM show(:'r');
SELECT pulse.cancel(:'r');
CALL drain();

-- sent, and no complete answer: unknown, and repeated under the same key
SELECT pulse.define('unknown_outcome', '{"nodes": {"a": {"action": "x.a", "retry": {"max_attempts": 4, "initial": "1 s", "factor": 1, "jitter": 0}}}}');
SELECT pulse.submit('unknown_outcome') AS r \gset
CALL drain();
SELECT key FROM calls \gset first_
SELECT fail(:'r', 'a', 'broken');
CALL drain();
SELECT outcome_unknown, status, reason FROM pulse.nodes WHERE run = :'r';
SELECT at('1 s');
CALL drain();
SELECT fail(:'r', 'a', 'timeout');
CALL drain();
SELECT at('2 s');
CALL drain();
SELECT answer(:'r', 'a', 502);
CALL drain();
SELECT at('3 s');
CALL drain();
SELECT attempt, key = :'first_key' AS same_key FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT attempt, outcome, class FROM pulse.attempts WHERE run = :'r' ORDER BY attempt;

-- an action that must not be repeated waits for an operator instead
SELECT at('0 s');
SELECT pulse.define('once', '{"nodes": {"a": {"action": "x.once", "retry": {"max_attempts": 3, "initial": "1 s", "jitter": 0}}, "b": {"pure": "after", "after": ["a"]}}}');
SELECT pulse.submit('once', '1') AS r \gset
CALL drain();
SELECT key FROM calls \gset first_
SELECT fail(:'r', 'a', 'broken');
CALL drain();
SELECT * FROM show(:'r');
SELECT cause, regexp_replace(detail, 'again at .*', 'again at ...') AS detail FROM pulse.why(:'r');
SELECT at('1 day');
CALL drain();
SELECT count(*) FROM calls;
-- asked to repeat it: the same key, since it may have been done
SELECT pulse.retry(:'r');
CALL drain();
SELECT attempt, key = :'first_key' AS same_key FROM calls;
-- a clear no is retried as usual
SELECT answer(:'r', 'a', 500);
CALL drain();
SELECT node, status, reason, attempt, due FROM show(:'r');
SELECT at('1 day 1 s');
CALL drain();
SELECT answer(:'r', 'a', 200, '"done"');
CALL drain();
SELECT status, output FROM ended(:'r');
-- or the operator knows how it ended
SELECT pulse.submit('once', '2') AS r \gset
CALL drain();
SELECT fail(:'r', 'a', 'timeout');
CALL drain();
SELECT pulse.skip(:'r', 'a', '"seen in the books"', 'asked the bank');
CALL drain();
SELECT * FROM show(:'r');
-- the worker dies while it is under way: nobody knows either
SELECT pulse.submit('once', '3') AS r \gset
CALL drain();
CALL kill();
CALL drain();
SELECT node, status, reason, attempt FROM show(:'r');
SELECT attempt, outcome FROM pulse.attempts WHERE run = :'r';
SELECT pulse.cancel(:'r');
CALL drain();

-- answers that cannot be used are final, class bad_response
SELECT at('0 s');
SELECT pulse.define('junk', '{"nodes": {"a": {"action": "x.a"}}}');
SELECT count(pulse.submit('junk', i::text::jsonb)) FROM generate_series(1, 9) AS i;
CALL drain();
SELECT count(CASE (SELECT input FROM _pulse.run WHERE id = run)
	WHEN '1' THEN answer(run, node, 200, '{"a": [1, 2')
	WHEN '2' THEN answer(run, node, 200, '<html>', 'text/html')
	WHEN '3' THEN answer(run, node, 200, '')
	WHEN '4' THEN fail(run, node, 'too_large')
	WHEN '5' THEN answer(run, node, 200, '{"a": "\u0000"}')
	WHEN '6' THEN answer(run, node, 200, repeat('[', 200) || repeat(']', 200))
	WHEN '7' THEN answer(run, node, 202, '')
	WHEN '8' THEN answer(run, node, 206, '1')
	WHEN '9' THEN answer(run, node, 200, '1 2') END) FROM calls;
CALL drain();
SELECT input, status, error ->> 'class' AS class, error ->> 'message' AS message FROM pulse.runs WHERE workflow = 'junk' ORDER BY input;

-- an output beyond pulse.max_output_bytes, of a host and of the engine
SELECT pulse.submit('junk', '10') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 200, to_json(repeat('x', 1500000))::text);
CALL drain();
SELECT status, error ->> 'class' AS class FROM ended(:'r');
SELECT pulse.define('grow', jsonb_build_object('nodes', jsonb_object_agg('n' || i, CASE WHEN i = 1 THEN '{"pure": "0123456789"}'::jsonb
	ELSE jsonb_build_object('after', jsonb_build_array('n' || i - 1), 'pure', jsonb_build_array(jsonb_build_object('$', format('$.nodes.n%s', i - 1)), jsonb_build_object('$', format('$.nodes.n%s', i - 1)))) END)))
	FROM generate_series(1, 30) AS i;
SELECT pulse.submit('grow') AS r \gset
CALL drain();
SELECT status, error ->> 'class' AS class, (error ->> 'node') IN ('n16', 'n17', 'n18') AS there FROM ended(:'r');

-- outputs too large to be kept in memory, and larger ones
SELECT pulse.define('large', '{"nodes": {
	"a": {"action": "x.a"},
	"b": {"action": "x.b", "after": ["a"]},
	"c": {"pure": {"sizes": [{"$": "$.nodes.a.size()"}, {"$": "$.nodes.b.size()"}]}, "after": ["b"]}}}');
SELECT pulse.submit('large') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 200, (SELECT json_agg(repeat('x', 100)) FROM generate_series(1, 8000))::text);
CALL drain();
SELECT length(body::text) > 800000 AS large FROM calls;
CALL kill();
CALL drain();
SELECT attempt, length(body::text) > 800000 AS large FROM calls;
SELECT answer(:'r', 'b', 200, (SELECT json_agg(i) FROM generate_series(1, 100000) AS i)::text);
CALL drain();
SELECT * FROM ended(:'r');
