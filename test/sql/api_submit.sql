\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
\set ECHO all
SELECT pulse.define('w', '{"nodes": {"s": {"signal": "go"}}}');
SELECT pulse.define('timed', '{"nodes": {"s": {"signal": "go"}}, "deadline": "2 days"}');
SELECT pulse.define('kind', '{"nodes": {"s": {"signal": "go"}}}', defaults => '{"input": {"a": 1}, "priority": 3, "labels": {"team": "x"}, "budget": {"nodes": 4}}');
-- what is stored
SELECT pulse.submit('w', '{"x": 1}', priority => 0, labels => '{"customer": "c1", "vip": true}', budget => '{"nodes": 1, "edges": 2, "depth": 3, "frontier": 4, "operations": 5}',
	start_at => '2099-01-01 00:00+00', deadline => '2099-02-01 00:00+00', traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01') AS id \gset
SELECT workflow, version, tenant, status, priority, input, labels, budget, start_at, deadline, traceparent, submitted_by = session_user, submitted_at = (SELECT submitted_at FROM _pulse.run) FROM pulse.runs;
SELECT part = (SELECT part FROM _pulse.run WHERE id = :'id'), xid = pg_current_xact_id_if_assigned() FROM _pulse.run;
SELECT pulse.submit('kind') AS id \gset
SELECT priority, input, labels, budget FROM pulse.runs WHERE run = :'id';
SELECT pulse.submit('kind', 'null', priority => 1, labels => '{}', budget => '{}') AS id \gset
SELECT priority, input, labels, budget FROM pulse.runs WHERE run = :'id';
SELECT pulse.submit('timed') AS id \gset
SELECT deadline - submitted_at FROM pulse.runs WHERE run = :'id';
SELECT pulse.submit('timed', start_at => '2099-01-01 00:00+00') AS id \gset
SELECT deadline FROM pulse.runs WHERE run = :'id';
-- a start in the past is one at once
SELECT pulse.submit('w', start_at => '2000-01-01') AS id \gset
SELECT start_at FROM pulse.runs WHERE run = :'id';
-- ids are ordered by time
WITH s AS MATERIALIZED (SELECT i, pulse.submit('w') AS run FROM generate_series(1, 50) i) SELECT count(DISTINCT run), count(DISTINCT left(run::text, 8)) <= 2 FROM s;

-- idempotency keys
SELECT pulse.submit('w', '{"x": 1}', 'k1') AS k1 \gset
SELECT pulse.submit('w', '{"x": 1}', 'k1') = :'k1', pulse.submit('w', '{"x": 1.0}', 'k1', priority => 2) = :'k1', pulse.submit('w', '{"x": 1}', 'k1', version => 1) = :'k1';
SELECT pulse.submit('kind', '{"x": 1}', 'k1') <> :'k1', pulse.submit('w', '{"x": 1}', 'k2') <> :'k1';
SELECT err($$SELECT pulse.submit('w', '{"x": 2}', 'k1')$$);
SELECT err($$SELECT pulse.submit('w', NULL, 'k1')$$);
SELECT err($$SELECT pulse.submit('w', '{"x": 1}', 'k1', labels => '{"a": 1}')$$);
SELECT pulse.define('w', '{"nodes": {"t": {"signal": "go"}}}');
SELECT pulse.submit('w', '{"x": 1}', 'k1') = :'k1';
SELECT err($$SELECT pulse.submit('w', '{"x": 1}', 'k1', version => 2)$$);
SELECT err($$SELECT pulse.submit('w', idempotency_key => '')$$);
SELECT err($$SELECT pulse.submit('w', idempotency_key => repeat('k', 201))$$);
SELECT err($$SELECT pulse.submit('w', idempotency_key => E'a\tb')$$);
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT pulse.submit('w', '{"x": 1}', 'k1') = :'k1'; COMMIT;

-- refused
SELECT err($$SELECT pulse.submit(NULL)$$);
SELECT err($$SELECT pulse.submit('nothing')$$);
SELECT err($$SELECT pulse.submit('w', version => 9)$$);
SELECT err($$SELECT pulse.submit('w', version => 0)$$);
SELECT err($$SELECT pulse.submit('w', tenant => E'a\nb')$$);
SELECT err($$SELECT pulse.submit('w', priority => 4)$$);
SELECT err($$SELECT pulse.submit('w', priority => -1)$$);
SELECT err($$SELECT pulse.submit('w', deadline => '2000-01-01')$$);
SELECT err($$SELECT pulse.submit('w', start_at => '2099-01-02', deadline => '2099-01-01')$$);
SELECT err($$SELECT pulse.submit('w', deadline => 'infinity')$$);
SELECT err($$SELECT pulse.submit('w', start_at => '-infinity')$$);
SELECT err($$SELECT pulse.submit('w', labels => '[]')$$);
SELECT err($$SELECT pulse.submit('w', labels => '{"a": {}}')$$);
SELECT err($$SELECT pulse.submit('w', labels => (SELECT jsonb_object_agg(i, i) FROM generate_series(1, 65) i))$$);
SELECT err($$SELECT pulse.submit('w', labels => jsonb_build_object('a', repeat('x', 9000)))$$);
SELECT err($$SELECT pulse.submit('w', budget => '1')$$);
SELECT err($$SELECT pulse.submit('w', budget => '{"nodes": 1.5}')$$);
SELECT err($$SELECT pulse.submit('w', budget => '{"node": 1}')$$);
SELECT err($$SELECT pulse.submit('w', budget => '{"nodes": 3000000000}')$$);
SELECT err($$SELECT pulse.submit('w', traceparent => 'x')$$);
SELECT err($$SELECT pulse.submit('w', traceparent => '00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')$$);
SELECT err($$SELECT pulse.submit('w', traceparent => '00-00000000000000000000000000000000-b7ad6b7169203331-01')$$);
SELECT err($$SELECT pulse.submit('w', traceparent => 'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')$$);
SELECT err(format('SELECT pulse.submit(''w'', traceparent => %L)', E'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX: 1'));
SELECT err($$SELECT pulse.submit('w', to_jsonb(repeat('x', 1100000)))$$);
SELECT err(format('SELECT pulse.submit(''w'', %L)', repeat('[', 101) || repeat(']', 101)));
SELECT pulse.submit('w', (repeat('[', 100) || repeat(']', 100))::jsonb) IS NOT NULL;
SELECT err(format('SELECT pulse.submit(''w'', %L)', '1e5000'));
SELECT err(format('SELECT pulse.submit(''w'', %L)', '"a\u0000b"'));

-- transactions
SELECT count(*) AS before FROM _pulse.run \gset
BEGIN; SELECT pulse.submit('w') IS NOT NULL; ROLLBACK;
BEGIN; SAVEPOINT s; SELECT pulse.submit('w', idempotency_key => 'sp') IS NOT NULL; ROLLBACK TO s; SELECT pulse.submit('w', '7', 'sp') IS NOT NULL; COMMIT;
SELECT count(*) - :before FROM _pulse.run;
-- a definition that is rolled back is forgotten
BEGIN; SELECT pulse.define('brief', '{"nodes": {"s": {"signal": "go"}}}'); SELECT pulse.submit('brief') IS NOT NULL; ROLLBACK;
SELECT err($$SELECT pulse.submit('brief')$$);
BEGIN; SAVEPOINT s; SELECT pulse.define('w', '{"nodes": {"u": {"signal": "go"}}}'); SELECT pulse.submit('w') AS id \gset
SELECT version FROM pulse.runs WHERE run = :'id'; ROLLBACK TO s; SELECT pulse.submit('w') AS id \gset
SELECT version FROM pulse.runs WHERE run = :'id'; COMMIT;
-- a definition of another transaction is seen at once
SELECT pulse.disable('w');
SELECT err($$SELECT pulse.submit('w')$$);
SELECT pulse.enable('w');

-- graphs that come with the run
SELECT pulse.submit_graph('{"nodes": {"s": {"signal": "go"}}}', '1') AS g1 \gset
SELECT pulse.submit_graph('{"nodes": {"s": {"signal": "go"}}}', '2', 'gk') AS g2 \gset
SELECT count(DISTINCT workflow), min(version) FROM pulse.runs WHERE run IN (:'g1', :'g2');
SELECT pulse.submit_graph('{"nodes": {"s": {"signal": "go"}}}', '2', 'gk') = :'g2';
SELECT err($$SELECT pulse.submit_graph('{"nodes": {"s": {"signal": "go"}}}', '3', 'gk')$$) LIMIT 1;
SELECT err($$SELECT pulse.submit_graph('{"nodes": {"s": {"sinal": "go"}}}')$$);
SELECT err($$SELECT pulse.submit_graph(NULL)$$);
SELECT err($$SELECT pulse.submit_graph('{"nodes": {"s": {"signal": "go"}}}', deadline => '2000-01-01')$$);
SELECT err(format($$SELECT pulse.submit(%L)$$, (SELECT workflow FROM pulse.runs WHERE run = :'g1'))) LIMIT 1;
SELECT node, kind, status FROM pulse.nodes WHERE run = :'g1';
SELECT count(*) FROM _pulse.workflow WHERE name LIKE 'graph:%';

-- waiting where nothing can happen
BEGIN; SELECT pulse.submit('w') AS id \gset
SELECT err(format('SELECT pulse.wait(%L)', :'id')); ROLLBACK;
SELECT status, output, error FROM pulse.wait(:'k1', '10 ms');
SELECT err(format('SELECT pulse.wait(%L, %L)', :'k1', '-1 s'));
SELECT err(format('SELECT pulse.wait(%L, %L)', :'k1', '1 month'));
SELECT err(format('SELECT pulse.wait(%L, %L)', :'k1', '2147483647 days'));
SELECT err($$SELECT pulse.wait(NULL)$$);
SELECT err($$CALL pulse.run('w')$$);
SELECT err(format('SELECT pulse.result(%L)', :'k1'));
SELECT node, status, cause, detail, hint FROM pulse.why(:'k1') WHERE cause <> 'engine';
SELECT cause FROM pulse.why(:'k1');
SELECT what, node FROM pulse.timeline(:'k1');
-- by prepared statements and through the planner's generic plans
PREPARE s(text) AS SELECT pulse.submit('w', idempotency_key => $1);
EXECUTE s('p1') \gset p_
EXECUTE s('p1') \gset q_
SELECT :'p_submit' = :'q_submit';
-- read-only transactions write nothing
BEGIN READ ONLY; SELECT err($$SELECT pulse.submit('w')$$); ROLLBACK;
