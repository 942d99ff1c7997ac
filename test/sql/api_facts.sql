\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
\set ECHO all
-- without an engine: what is accepted is in the inbox, in order
SELECT pulse.define('w', '{"nodes": {"a": {"noop": true}, "b": {"signal": "go", "after": ["a"]}, "c": {"noop": true, "after": ["b"]}}}');
SELECT pulse.submit('w') AS r \gset
SELECT pulse.signal(:'r', 'go', '{"ok": 1}', 's1'), pulse.signal(:'r', 'go', '{"ok": 2}', 's1'), pulse.signal(:'r', 'go'), pulse.signal(:'r', 'other', id => 's2');
SELECT id, name, payload, state FROM pulse.signals WHERE id IN ('s1', 's2') ORDER BY id;
SELECT pulse.resume(:'r'), pulse.pause(:'r', 'lunch'), pulse.pause(:'r'), pulse.resume(:'r'), pulse.resume(:'r'), pulse.cancel(:'r', 'enough'), pulse.cancel(:'r');
SELECT kind, node, actor = session_user, CASE WHEN kind = 'signal' THEN '{}' ELSE payload END FROM _pulse.inbox ORDER BY id;
SELECT cause, detail FROM pulse.why(:'r') WHERE cause = 'inbox';
SELECT part = (SELECT part FROM _pulse.run) FROM _pulse.inbox GROUP BY 1;
SELECT err(format('SELECT pulse.release(%L)', :'r'));
-- refused
SELECT err(format('SELECT pulse.signal(%L, NULL)', :'r'));
SELECT err(format('SELECT pulse.signal(%L, %L)', :'r', ''));
SELECT err(format('SELECT pulse.signal(%L, %L)', :'r', repeat('x', 201)));
SELECT err(format('SELECT pulse.signal(%L, %L)', :'r', E'a\nb'));
SELECT err(format('SELECT pulse.signal(%L, %L)', :'r', 'pulse.run_terminal'));
SELECT err(format('SELECT pulse.signal(%L, %L, id => %L)', :'r', 'go', repeat('x', 201)));
SELECT err(format('SELECT pulse.signal(%L, %L, to_jsonb(repeat(%L, 1100000)))', :'r', 'go', 'x'));
SELECT err($$SELECT pulse.signal(NULL, 'go')$$);
SELECT err(format('SELECT pulse.cancel(%L, repeat(%L, 2001))', :'r', 'x'));
SELECT err(format('SELECT pulse.skip(%L, NULL)', :'r'));
SELECT err(format('SELECT pulse.skip(%L, %L)', :'r', 'z'));
SELECT err(format('SELECT pulse.skip(%L, %L)', :'r', 'c'));
SELECT err($$SELECT pulse.cancel('00000000-0000-0000-0000-000000000000')$$);
SELECT err($$SELECT pulse.pause('00000000-0000-0000-0000-000000000000')$$);
SELECT err($$SELECT pulse.resume('00000000-0000-0000-0000-000000000000')$$);
SELECT err($$SELECT pulse.retry('00000000-0000-0000-0000-000000000000')$$);
SELECT err($$SELECT pulse.skip('00000000-0000-0000-0000-000000000000', 'a')$$);
SELECT err($$SELECT pulse.release('00000000-0000-0000-0000-000000000000')$$);
SELECT err($$SELECT pulse.wait('00000000-0000-0000-0000-000000000000')$$);
SELECT err($$SELECT pulse.result('00000000-0000-0000-0000-000000000000')$$);
SELECT err($$SELECT * FROM pulse.timeline('00000000-0000-0000-0000-000000000000')$$);
SELECT err($$SELECT * FROM pulse.why('00000000-0000-0000-0000-000000000000')$$);
DELETE FROM _pulse.inbox;
SELECT pulse.skip(:'r', 'a'), pulse.skip(:'r', 'a', output => '{"v": 1}', reason => 'by hand');
SELECT kind, node, payload FROM _pulse.inbox ORDER BY id;
DELETE FROM _pulse.inbox;
-- by status of the run, put there by hand
SELECT err(format('SELECT pulse.retry(%L)', :'r'));
INSERT INTO _pulse.node (run, part, node, status, reason, started_at) SELECT id, part, 'a', 'waiting', 'operator', now() FROM _pulse.run;
SELECT pulse.retry(:'r'), pulse.retry(:'r');
DELETE FROM _pulse.inbox;
UPDATE _pulse.node SET status = 'completed', reason = NULL, output = 'null', ended_at = now();
SELECT err(format('SELECT pulse.skip(%L, %L)', :'r', 'a'));
UPDATE _pulse.run SET status = 'paused';
SELECT pulse.pause(:'r'), pulse.resume(:'r'), pulse.pause(:'r');
SELECT cause, hint IS NOT NULL FROM pulse.why(:'r') WHERE cause = 'paused';
DELETE FROM _pulse.inbox;
UPDATE _pulse.run SET status = 'quarantined', error = '{"message": "went wrong"}';
SELECT pulse.pause(:'r'), pulse.release(:'r'), pulse.release(:'r');
SELECT err(format('SELECT pulse.retry(%L)', :'r'));
SELECT err(format('SELECT pulse.skip(%L, %L)', :'r', 'b'));
SELECT cause, detail, masked(hint) FROM pulse.why(:'r') WHERE cause = 'quarantined';
SELECT status, message FROM pulse.failed_runs;
SELECT item, ok, masked(detail) FROM pulse.doctor() WHERE item = 'quarantine';
DELETE FROM _pulse.inbox;
UPDATE _pulse.run SET status = 'failed', ended_at = now(), error = '{"node": "b", "class": "timeout", "message": "too late"}';
INSERT INTO _pulse.node (run, part, node, status, started_at, ended_at, error) SELECT id, part, 'b', 'failed', now(), (SELECT ended_at FROM _pulse.run), '{"class": "timeout", "message": "too late"}' FROM _pulse.run;
SELECT node, status, reason FROM pulse.nodes ORDER BY node;
SELECT what, node, replace(detail, session_user, 'me') FROM pulse.timeline(:'r');
SELECT err(format('SELECT pulse.signal(%L, %L)', :'r', 'go'));
SELECT pulse.signal(:'r', 'go', id => 's1');
SELECT pulse.cancel(:'r');
SELECT err(format('SELECT pulse.pause(%L)', :'r'));
SELECT err(format('SELECT pulse.resume(%L)', :'r'));
SELECT err(format('SELECT pulse.release(%L)', :'r'));
SELECT err(format('SELECT pulse.result(%L)', :'r'));
SELECT status, output, error FROM pulse.wait(:'r');
SELECT cause, detail, masked(hint) FROM pulse.why(:'r');
SELECT node, class, message FROM pulse.failed_runs;
SELECT pulse.skip(:'r', 'b');
SELECT pulse.retry(:'r'), pulse.cancel(:'r'), pulse.retry(:'r');
DELETE FROM _pulse.inbox;
UPDATE _pulse.run SET status = 'cancelled'; DELETE FROM _pulse.node WHERE node = 'b';
SELECT node, status, reason FROM pulse.nodes ORDER BY node;
SELECT pulse.draw(:'r'::uuid);
UPDATE _pulse.run SET status = 'completed', output = '{"sum": 1}', error = NULL;
SELECT pulse.result(:'r');
SELECT pulse.cancel(:'r');
SELECT err(format('SELECT pulse.retry(%L)', :'r'));
SELECT err(format('SELECT pulse.skip(%L, %L)', :'r', 'b'));
SELECT masked(hint) FROM pulse.why(:'r');
