-- What a review suspected: work that could have been lost, or done twice.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/engine_setup.inc'
\o /dev/null
\i :setup
\o
\set ECHO all
SELECT pulse.register_host('h', 'http://127.0.0.1:9/');
SELECT pulse.register_action(name, 'h') FROM unnest('{x.a,x.b}'::text[]) AS name;

-- a signal that was consumed before its inbox row was read is not consumed again
SELECT pulse.define('twice', '{"nodes": {"a": {"signal": "s"}, "b": {"signal": "s", "after": ["a"]}}}');
SELECT pulse.submit('twice') AS r \gset
CALL drain();
SELECT pulse.signal(:'r', 's', '1', 'one');
CREATE TEMP TABLE kept AS SELECT run, part, kind, payload FROM _pulse.inbox;
CALL drain();
INSERT INTO _pulse.inbox (run, part, kind, payload) SELECT * FROM kept;
CALL kill();
CALL drain();
SELECT node, status, output FROM show(:'r');
SELECT count(*) FROM _pulse.inbox;
SELECT pulse.signal(:'r', 's', '2', 'two');
CALL drain();
SELECT status, output FROM ended(:'r');
DROP TABLE kept;

-- an old activation that goes on in a batch that fails: its mark is lowered again
SELECT at('0 s');
SELECT pulse.define('one', '{"nodes": {"a": {"action": "x.a"}}}');
SELECT pulse.define('rotten', '{"nodes": {"rotten": {"noop": true}}}');
SELECT pulse.submit('one') AS r \gset
CALL drain();
SELECT key FROM calls \gset old_
SELECT pulse.cancel(:'r');
CALL drain();
SELECT at('1 h');
SELECT pulse.submit('one') AS r2 \gset
CALL drain();
SELECT at('2 h');
SELECT answer(:'r2', 'a');
CALL drain();
SELECT activation_mark > '00000000-0000-0000-0000-000000000000' AS saved FROM _pulse.part WHERE part = (SELECT part FROM _pulse.run WHERE id = :'r');
ALTER TABLE _pulse.node ADD CONSTRAINT sound CHECK (node <> 'rotten');
CALL kill();
CALL drain();
BEGIN;
SELECT pulse.retry(:'r');
SELECT pulse.submit('rotten') AS bad \gset
COMMIT;
CALL drain();
SELECT status FROM pulse.runs WHERE run = :'bad';
ALTER TABLE _pulse.node DROP CONSTRAINT sound;
SELECT node, attempt, key = :'old_key' AS same_key FROM calls;
CALL kill();
CALL drain();
SELECT node, attempt, key = :'old_key' AS same_key FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT status FROM ended(:'r');

-- an operator's retry in a paused run is not lost
SELECT at('0 s');
SELECT pulse.register_action('x.once', 'h', repeatable => false);
SELECT pulse.define('once', '{"nodes": {"a": {"action": "x.once", "total_timeout": "1 min"}}}');
SELECT pulse.submit('once') AS r \gset
CALL drain();
SELECT fail(:'r', 'a', 'broken');
CALL drain();
SELECT pulse.pause(:'r');
CALL drain();
SELECT at('1 day');
SELECT pulse.retry(:'r');
CALL drain();
SELECT node, status, reason FROM show(:'r');
SELECT pulse.resume(:'r');
CALL drain();
SELECT node, attempt FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT status FROM ended(:'r');

-- skip before the start: not before its time, and the deadline stays
SELECT at('0 s');
SELECT pulse.define('late', '{"nodes": {"a": {"noop": true}, "s": {"signal": "s", "after": ["a"]}}, "deadline": "1 h"}');
SELECT pulse.submit('late', start_at => epoch() + interval '1 day') AS r \gset
SELECT pulse.submit('late') AS r2 \gset
SELECT pulse.skip(:'r', 'a'), pulse.skip(:'r2', 'a', '1');
CALL drain();
CALL kill();
CALL drain();
SELECT node, status FROM show(:'r');
SELECT node, status FROM show(:'r2');
SELECT t(due), kind FROM _pulse.timer ORDER BY 1, 2;
SELECT message FROM pulse.logs WHERE run = :'r';
-- paused before it is taken up
SELECT pulse.submit('late') AS r3 \gset
SELECT pulse.pause(:'r3');
CALL drain();
SELECT at('2 h');
CALL drain();
SELECT status FROM ended(:'r2');
SELECT status FROM ended(:'r3');
SELECT at('1 day');
CALL drain();
SELECT node, status FROM show(:'r');
SELECT pulse.signal(:'r', 's');
CALL drain();
SELECT status FROM ended(:'r');

-- the clock is put back: a host with a rate limit goes on
SELECT at('10 h');
SELECT pulse.alter_host('h', rate => 1, rate_period => '1 s');
SELECT pulse.submit('one') AS r \gset
CALL drain();
SELECT answer(:'r', 'a', 200);
SELECT at('1 h');
CALL drain();
SELECT pulse.submit('one') AS r \gset
CALL drain();
SELECT at('1 h 2 s');
CALL drain();
SELECT node FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT status FROM ended(:'r');
SELECT status, count(*) FROM pulse.runs GROUP BY 1 ORDER BY 1;
SELECT (SELECT count(*) FROM _pulse.inbox) AS inbox, (SELECT count(*) FROM _pulse.timer) AS timer, (SELECT count(*) FROM calls) AS calls;

-- after an unclean end, batches fail through nobody's fault: that is no strike against runs
SELECT at('20 h');
SELECT pulse.alter_host('h', rate => 0);
SELECT pulse.define('plain', '{"nodes": {"plain": {"noop": true}}}');
SELECT pulse.submit('one') AS r \gset
CALL drain();
CREATE FUNCTION full_disk(text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
	IF $1 = 'plain' THEN RAISE 'no space left' USING ERRCODE = 'disk_full'; END IF; RETURN true; END$$;
ALTER TABLE _pulse.node ADD CONSTRAINT space CHECK (pulse_test.full_disk(node));
SELECT count(pulse.submit('plain')) FROM generate_series(1, 3);
CALL kill();
CALL drain();
SELECT at('20 h 1 min');
CALL drain();
SELECT at('20 h 2 min');
CALL drain();
SELECT at('20 h 3 min');
CALL drain();
SELECT at('20 h 4 min');
CALL drain();
SELECT count(*) FROM _pulse.strike;
ALTER TABLE _pulse.node DROP CONSTRAINT space;
SELECT at('20 h 5 min');
CALL drain();
SELECT workflow, status, count(*) FROM pulse.runs WHERE workflow = 'plain' OR run = :'r' GROUP BY 1, 2;
SELECT node, attempt FROM calls;
SELECT answer(:'r', 'a', 200);
CALL drain();
SELECT status FROM ended(:'r');
SELECT (SELECT count(*) FROM _pulse.inbox) AS inbox, (SELECT count(*) FROM _pulse.timer) AS timer, (SELECT count(*) FROM _pulse.strike) AS strike, (SELECT count(*) FROM calls) AS calls;
