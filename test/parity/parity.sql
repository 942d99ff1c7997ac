-- What the parity test runs in its database, beside the driver of the engine: cases as
-- generate.py writes them, each run in memory and durably, and both brought to one form.
SET client_min_messages = warning;
CREATE EXTENSION pulse;
CREATE SCHEMA pulse_test;
CREATE FUNCTION pulse_test.set_now(timestamptz) RETURNS void
	LANGUAGE c AS 'pulse', 'pulse_test_set_now';
CREATE PROCEDURE pulse_test.drain(most integer) LANGUAGE c AS 'pulse', 'pulse_test_drain';
CREATE PROCEDURE pulse_test.kill() LANGUAGE c AS 'pulse', 'pulse_test_kill';
CREATE FUNCTION pulse_test.all_calls(OUT run uuid, OUT node text, OUT action text, OUT attempt integer,
	OUT key text, OUT body jsonb) RETURNS SETOF record
	LANGUAGE c AS 'pulse', 'pulse_test_calls';
CREATE FUNCTION pulse_test.answer_all(bindings jsonb, most integer) RETURNS integer STRICT
	LANGUAGE c AS 'pulse', 'pulse_test_answer_all';
CREATE FUNCTION pulse_test.bindings_reset() RETURNS void
	LANGUAGE c AS 'pulse', 'pulse_test_bindings_reset';

CREATE SCHEMA parity;
CREATE TABLE parity.cases (
	n integer GENERATED ALWAYS AS ((doc ->> 'n')::integer) STORED PRIMARY KEY,
	doc jsonb NOT NULL,
	local jsonb);
CREATE TABLE parity.runs (pass integer, n integer, run uuid, refused text, PRIMARY KEY (pass, n));

CREATE FUNCTION parity.epoch() RETURNS timestamptz LANGUAGE sql IMMUTABLE
	AS $$SELECT timestamptz '2030-01-01 00:00:00+00'$$;

-- What run_local says, or that it refuses the graph.
CREATE FUNCTION parity.run_local(doc jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	options jsonb := jsonb_build_object('now', parity.epoch(), 'trace', false);
BEGIN
	IF doc ? 'budget' THEN
		options := options || jsonb_build_object('budget', doc -> 'budget');
	END IF;
	IF doc -> 'workflows' <> '{}' THEN
		options := options || jsonb_build_object('workflows', doc -> 'workflows');
	END IF;
	RETURN pulse.run_local(doc -> 'graph', doc -> 'input', doc -> 'bindings', doc -> 'signals', options);
EXCEPTION WHEN OTHERS THEN
	RETURN jsonb_build_object('refused', SQLSTATE || ' ' || SQLERRM);
END $$;

-- Actions, workflows, runs and their signals, all in one transaction.
CREATE FUNCTION parity.submit(the_pass integer, low integer, high integer, calm boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c parity.cases;
	made uuid;
	w record;
	s record;
BEGIN
	INSERT INTO parity.bound SELECT submit.low, coalesce(jsonb_object_agg(key, value), '{}')
		FROM parity.cases, jsonb_each(doc -> 'bindings') WHERE n BETWEEN low AND high
		ON CONFLICT DO NOTHING;
	IF NOT EXISTS (SELECT FROM pulse.hosts) THEN
		PERFORM pulse.register_host('h', 'http://127.0.0.1:1/', max_in_flight => 4096);
	END IF;
	PERFORM pulse.register_action(made.name, 'h')
	FROM parity.cases, jsonb_object_keys(doc -> 'bindings') AS made (name)
	WHERE n BETWEEN low AND high AND NOT EXISTS (SELECT FROM pulse.actions a WHERE a.name = made.name);
	FOR c IN SELECT * FROM parity.cases WHERE n BETWEEN low AND high
		AND (NOT submit.calm OR (doc -> 'calm')::boolean) AND local ? 'refused' IS NOT TRUE ORDER BY n
	LOOP
		BEGIN
			FOR w IN SELECT * FROM jsonb_each(c.doc -> 'workflows') LOOP
				PERFORM pulse.define(w.key, w.value);
			END LOOP;
			made := pulse.submit_graph(c.doc -> 'graph', c.doc -> 'input', budget => c.doc -> 'budget',
				start_at => parity.epoch());
			FOR s IN SELECT e.key AS name, p.value AS payload, p.ordinality AS n
				FROM jsonb_each(c.doc -> 'signals') e, jsonb_array_elements(e.value) WITH ORDINALITY AS p (value, ordinality)
				ORDER BY e.key, p.ordinality
			LOOP
				PERFORM pulse.signal(made, s.name, s.payload, s.name || ' ' || s.n);
			END LOOP;
			INSERT INTO parity.runs VALUES (the_pass, c.n, made, NULL);
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO parity.runs VALUES (the_pass, c.n, NULL, SQLSTATE || ' ' || SQLERRM);
		END;
	END LOOP;
END $$;

-- Bindings of all cases of a batch, made once.
CREATE TABLE parity.bound (low integer PRIMARY KEY, doc jsonb NOT NULL);
CREATE FUNCTION parity.answer(low integer, most integer) RETURNS integer LANGUAGE sql AS $$
	SELECT pulse_test.answer_all(doc, most) FROM parity.bound b WHERE b.low = answer.low$$;

-- Whether calls wait for answers; else the clock goes on to what is due next: "calls", "time" or "end".
CREATE FUNCTION parity.next() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	soon timestamptz;
BEGIN
	IF EXISTS (SELECT FROM pulse_test.all_calls()) THEN
		RETURN 'calls';
	END IF;
	SELECT min(due) INTO soon FROM _pulse.timer;
	IF soon IS NULL THEN
		RETURN 'end';
	END IF;
	PERFORM pulse_test.set_now(soon);
	RETURN 'time';
END $$;

-- Operators who change their minds: some runs are paused or cancelled; then all go on. A run that is
-- cancelled loses the signals it has not used, and one that is retried may propose again what was
-- rejected: these are only paused.
CREATE FUNCTION parity.disturb(the_pass integer, low integer, high integer, step integer) RETURNS void LANGUAGE sql AS $$
	SELECT CASE WHEN (r.n * 31 + step) % 2 = 0 AND c.doc -> 'signals' = '{}' AND c.local -> 'rewrites' -> 'rejected' = '[]'
		THEN pulse.cancel(r.run) ELSE pulse.pause(r.run) END
	FROM parity.runs r JOIN parity.cases c USING (n) JOIN _pulse.run s ON s.id = r.run
	WHERE r.pass = the_pass AND r.n BETWEEN low AND high AND (r.n * 7919 + step * 7) % 13 = 0 AND s.ended_at IS NULL$$;
CREATE FUNCTION parity.go_on(the_pass integer, low integer, high integer) RETURNS void LANGUAGE sql AS $$
	SELECT CASE WHEN s.status = 'paused' THEN pulse.resume(s.id) ELSE pulse.retry(s.id) END
	FROM parity.runs r JOIN _pulse.run s ON s.id = r.run
	WHERE r.pass = the_pass AND r.n BETWEEN low AND high AND s.status IN ('paused', 'cancelled')$$;

-- Errors name child runs by ids, and have their own words for a workflow that is not there.
CREATE FUNCTION parity.nameless(value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT regexp_replace(regexp_replace(value::text, '"child": "[-0-9a-f]{36}"', '"child": "…"', 'g'),
		'"message": "[^"]*workflow \\"nowhere\\"[^"]*"', '"message": "…"', 'g')::jsonb$$;

-- Statuses and outputs of all nodes, classes, rewrites, budget and hash: the same for both kinds of runs.
CREATE FUNCTION parity.of_local(r jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object(
		'status', CASE WHEN r -> 'error' ->> 'class' = 'deadline' THEN 'timed_out' ELSE r ->> 'status' END,
		'output', parity.nameless(r -> 'output'),
		'class', r -> 'error' -> 'class',
		'failed', r -> 'error' -> 'node',
		'nodes', r -> 'statuses',
		'outputs', parity.nameless(r -> 'outputs'),
		'admitted', (SELECT jsonb_agg(jsonb_build_object('node', e -> 'anchor', 'form', e -> 'form', 'cost', e -> 'cost')
				ORDER BY (e ->> 'anchor') COLLATE "C")
			FROM jsonb_array_elements(r -> 'rewrites' -> 'admitted') e),
		'rejected', (SELECT jsonb_agg(jsonb_build_object('node', e -> 'anchor', 'form', e -> 'form', 'cost', e -> 'cost',
				'code', e -> 'code', 'exceeded', e -> 'exceeded')
				ORDER BY (e ->> 'anchor') COLLATE "C", o)
			FROM jsonb_array_elements(r -> 'rewrites' -> 'rejected') WITH ORDINALITY AS x (e, o)),
		'budget', r -> 'remaining_budget',
		'hash', r -> 'hash')$$;

CREATE FUNCTION parity.of_durable(wanted uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT jsonb_build_object(
		'status', CASE WHEN r.ended_at IS NULL AND r.status IN ('waiting', 'running', 'pending') THEN 'suspended' ELSE r.status END,
		'output', parity.nameless(coalesce(r.output, 'null')),
		'class', r.error -> 'class',
		'failed', r.error -> 'node',
		'nodes', n.statuses,
		'outputs', parity.nameless(n.outputs),
		'admitted', (SELECT jsonb_agg(jsonb_build_object('node', anchor, 'form', form, 'cost', cost)
				ORDER BY anchor COLLATE "C")
			FROM pulse.rewrites w WHERE w.run = r.run AND state = 'admitted'),
		'rejected', (SELECT jsonb_agg(jsonb_build_object('node', anchor, 'form', form, 'cost', cost, 'code', code, 'exceeded', exceeded)
				ORDER BY anchor COLLATE "C", rewrite)
			FROM pulse.rewrites w WHERE w.run = r.run AND state = 'rejected'),
		'budget', r.remaining_budget,
		'hash', pulse.inspect(pulse.run_graph(r.run)) -> 'hash')
	FROM pulse.runs r CROSS JOIN LATERAL (SELECT jsonb_object_agg(node, status) AS statuses,
				coalesce(jsonb_object_agg(node, output) FILTER (WHERE status IN ('completed', 'rewritten')), '{}') AS outputs
			FROM pulse.nodes WHERE run = r.run) n
	WHERE r.run = wanted$$;

-- Keys in which two results differ, each with both values.
CREATE FUNCTION parity.differences(a jsonb, b jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_object_agg(k, jsonb_build_object('local', x, 'durable', y))
	FROM (SELECT coalesce(p.key, q.key) AS k, p.value AS x, q.value AS y
		FROM jsonb_each(a) p FULL JOIN jsonb_each(b) q ON p.key = q.key) pairs
	WHERE coalesce(x, 'null') IS DISTINCT FROM coalesce(y, 'null')$$;

-- Objects are compared key by key as well, that a difference may be read.
CREATE FUNCTION parity.explain(a jsonb, b jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_object_agg(key, CASE
			WHEN jsonb_typeof(value -> 'local') = 'object' AND jsonb_typeof(value -> 'durable') = 'object'
			THEN parity.differences(value -> 'local', value -> 'durable') ELSE value END)
	FROM jsonb_each(parity.differences(a, b))$$;

CREATE TABLE parity.differing (pass integer, n integer, differences jsonb);
CREATE FUNCTION parity.compare(the_pass integer) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO parity.differing
	SELECT the_pass, n, d FROM (
		SELECT r.n, CASE WHEN r.refused IS NOT NULL THEN jsonb_build_object('refused', r.refused)
			ELSE parity.explain(parity.of_local(c.local), parity.of_durable(r.run)) END AS d
		FROM parity.runs r JOIN parity.cases c USING (n) WHERE r.pass = the_pass) x
	WHERE d IS NOT NULL;
	SELECT count(*) FROM parity.differing WHERE pass = the_pass$$;
