-- Attacks, by roles that may do little: what they must not read, change or notice.
\pset tuples_only on
\pset format unaligned
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
SET client_min_messages = error;
DROP ROLE IF EXISTS pulse_x, pulse_y, pulse_group, pulse_dump, pulse_gone;
SET client_min_messages = warning;
CREATE ROLE pulse_x; CREATE ROLE pulse_y; CREATE ROLE pulse_group; CREATE ROLE pulse_dump IN ROLE pg_read_all_data;
GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC; GRANT CREATE ON DATABASE pulse_api TO PUBLIC;
-- the SQLSTATE and message only
CREATE FUNCTION public.e(command text) RETURNS text LANGUAGE plpgsql
	AS $$DECLARE answer text; BEGIN IF command LIKE 'SELECT%' THEN EXECUTE command INTO answer; ELSE EXECUTE command; END IF; RETURN 'no error: ' || coalesce(public.masked(answer), '(null)');
	EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || public.masked(SQLERRM); END$$;
-- all that an error tells
CREATE FUNCTION public.whole(command text) RETURNS text LANGUAGE plpgsql
	AS $$DECLARE d text; h text; answer text; BEGIN IF command LIKE 'SELECT%' THEN EXECUTE command INTO answer; ELSE EXECUTE command; END IF; RETURN 'no error: ' || coalesce(public.masked(answer), '(null)');
	EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws('|', SQLSTATE, public.masked(SQLERRM), public.masked(d), public.masked(h)); END$$;
SELECT pulse.define('w', '{"nodes": {"s": {"signal": "go"}, "a": {"action": "ours.do", "after": ["s"]}}}', tenant => 'theirs'),
	pulse.define('w', '{"nodes": {"s": {"signal": "go"}}}', tenant => 'mine');
SELECT pulse.submit('w', '{"secret": "theirs"}', 'key', tenant => 'theirs') AS theirs, pulse.submit('w', tenant => 'mine') AS mine \gset
SELECT pulse.submit_graph('{"nodes": {"a": {"noop": true}}}', tenant => 'theirs') IS NOT NULL;
SELECT pulse.set_credential('c', 'bearer', 'canary-bearer'), pulse.set_credential('c', 'hmac', 'whsec_' || encode('canary-canary-canary-canary', 'base64'));
SELECT pulse.register_host('theirs', 'https://theirs.example', credential => 'c', tenant => 'theirs'), pulse.register_action('theirs.do', 'theirs');
-- levels as one finds them, and in addition the right to execute everything
SELECT pulse.grant_access('pulse_x', 'author', '{mine}'), pulse.grant_access('pulse_x', 'host', '{theirs}');
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA pulse, _pulse TO pulse_x;
GRANT SELECT ON ALL TABLES IN SCHEMA pulse TO pulse_x;
\set ECHO all

-- a run of others is a run that does not exist: word for word, in each function that takes one
SET ROLE pulse_x;
CREATE TABLE pg_temp.calls(call text);
INSERT INTO pg_temp.calls VALUES
	('SELECT pulse.signal(%L, ''go'')'), ('SELECT pulse.signal(%L, ''go'', ''{}'', ''key'')'), ('SELECT pulse.cancel(%L)'),
	('SELECT pulse.pause(%L)'), ('SELECT pulse.resume(%L)'), ('SELECT pulse.retry(%L)'), ('SELECT pulse.release(%L)'),
	('SELECT pulse.skip(%L, ''a'')'), ('SELECT pulse.skip(%L, ''no such node'')'), ('SELECT pulse.skip(%L, ''a'', ''{}'')'),
	('SELECT pulse.wait(%L, ''0 s'')'), ('SELECT pulse.result(%L)'), ('SELECT * FROM pulse.timeline(%L)'), ('SELECT pulse.run_graph(%L)'),
	('SELECT * FROM pulse.why(%L)'), ('SELECT pulse.draw(%L::uuid)'), ('SELECT pulse.draw(%L::text)'), ('SELECT pulse.draw(%L)'),
	('SELECT pulse.draw(%L::name, ''mermaid'')'), ('SELECT pulse.draw(%L::varchar, tenant => ''theirs'')');
SELECT count(*), count(*) FILTER (WHERE whole(format(call, :'theirs')) = whole(format(call, '00000000-0000-7000-8000-000000000000'))) AS alike,
	count(*) FILTER (WHERE whole(format(call, :'theirs')) LIKE '42704|run <id> does not exist|%') AS not_found FROM pg_temp.calls;
-- so is a workflow of others
TRUNCATE pg_temp.calls;
INSERT INTO pg_temp.calls VALUES
	('SELECT pulse.submit(%L, tenant => ''theirs'')'), ('SELECT pulse.submit(%L, tenant => ''theirs'', idempotency_key => ''key'')'),
	('SELECT pulse.submit(%L, tenant => ''theirs'', version => 1)'), ('SELECT pulse.submit(%L, tenant => ''theirs'', version => 7)'),
	('SELECT pulse.graph(%L, tenant => ''theirs'')'), ('SELECT pulse.graph(%L, 1, ''theirs'')'), ('SELECT pulse.graph(%L, 7, ''theirs'')'),
	('SELECT pulse.draw(%L::text, tenant => ''theirs'')'), ('SELECT pulse.enable(%L, tenant => ''theirs'')'), ('SELECT pulse.enable(%L, 1, ''theirs'')'),
	('SELECT pulse.disable(%L, tenant => ''theirs'')'), ('SELECT pulse.drop_workflow(%L, tenant => ''theirs'')'),
	('SELECT pulse.drop_workflow(%L, true, ''theirs'')'), ('SELECT pulse.define(%L, ''{"nodes": {}}'', tenant => ''theirs'')');
SELECT count(*), count(*) FILTER (WHERE replace(whole(format(call, 'w')), '"w"', '"v"') = whole(format(call, 'v'))) AS alike,
	count(*) FILTER (WHERE whole(format(call, 'w')) ~ '^(42704|42501)\|') AS refused FROM pg_temp.calls;
-- and a tenant that is not there is one that is not mine
SELECT whole($$SELECT pulse.submit('w', tenant => 'theirs')$$) = replace(whole($$SELECT pulse.submit('w', tenant => 'none')$$), '"none"', '"theirs"');
-- the key of others is free here; the setting carries no right
SELECT pulse.submit('w', idempotency_key => 'key', tenant => 'mine') IS NOT NULL;
SET pulse.tenant = 'theirs'; SELECT e($$SELECT pulse.submit('w')$$); SELECT e($$SELECT pulse.graph('w')$$);
SET pulse.tenant = '*'; SELECT e($$SELECT pulse.submit('w')$$); SELECT pulse.readable_tenants();
RESET pulse.tenant;

-- views: nothing of others, also not to a condition that is cheap and tells
CREATE FUNCTION pg_temp.tell(v text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
	AS $$BEGIN IF v ~ 'theirs' THEN RAISE EXCEPTION 'seen: %', v; END IF; RETURN true; END$$;
SELECT v, n FROM (SELECT relname AS v, e(format('SELECT count(*) FROM pulse.%I AS v WHERE pg_temp.tell(v::text)', relname)) AS n,
	e(format('SELECT count(*) FROM pulse.%I AS v WHERE v::text ~ ''theirs''', relname)) AS m
	FROM pg_class WHERE relnamespace = 'pulse'::regnamespace AND relkind = 'v') t ORDER BY 1;
SELECT e($$SELECT 1 / (tenant <> 'theirs')::int FROM pulse.runs$$) IS NOT NULL, count(*) FROM pulse.runs;
SELECT count(*) FROM pulse.runs r, pulse.nodes n WHERE r.run = n.run AND pg_temp.tell(n.tenant) AND pg_temp.tell(r.input::text);
-- locks, and what takes them
SELECT e(format('LOCK TABLE pulse.runs IN %s MODE', m)) FROM unnest('{ROW SHARE,ROW EXCLUSIVE,SHARE,EXCLUSIVE,ACCESS EXCLUSIVE}'::text[]) AS m;
SELECT e('SELECT * FROM pulse.failed_runs FOR UPDATE'); SELECT e('SELECT * FROM pulse.failed_runs FOR KEY SHARE');
SELECT e('UPDATE pulse.failed_runs SET tenant = ''mine'''); SELECT e('DELETE FROM pulse.failed_runs'); SELECT e('INSERT INTO pulse.failed_runs (run) VALUES (NULL)');

-- functions of the administrators, by somebody who may execute them
SELECT DISTINCT left(e(c), 24) FROM unnest(ARRAY[
	'SELECT * FROM pulse.doctor()', 'SELECT pulse.adopt()', 'SELECT pulse.grant_access(''pulse_x'', ''admin'')', 'SELECT pulse.grant_access(''pulse_x'', ''read'', ''{mine}'')',
	'SELECT pulse.revoke_access(''pulse_y'')', 'SELECT pulse.register_host(''h'', ''https://h.example'', tenant => ''mine'')', 'SELECT pulse.alter_host(''theirs'', url => ''https://x.example'')',
	'SELECT pulse.alter_host(''none'', url => ''https://x.example'')', 'SELECT pulse.drop_host(''theirs'')', 'SELECT pulse.register_action(''a.b'', ''theirs'')', 'SELECT pulse.drop_action(''theirs.do'')',
	'SELECT pulse.set_credential(''c'', ''bearer'', ''x'')', 'SELECT pulse.set_credential(''c'', ''bearer'', file => ''/etc/passwd'')', 'SELECT pulse.drop_credential(''c'')']) AS c;
-- an administrator of one tenant is none
RESET ROLE; SELECT pulse.grant_access('pulse_y', 'admin', '{mine}'); SET ROLE pulse_y;
SELECT DISTINCT left(e(c), 24) FROM unnest(ARRAY['SELECT * FROM pulse.doctor()', 'SELECT pulse.grant_access(''pulse_y'', ''admin'')',
	'SELECT pulse.register_host(''h'', ''https://h.example'', tenant => ''mine'')', 'SELECT pulse.set_credential(''c'', ''bearer'', ''x'')']) AS c;
SELECT pulse.readable_tenants(), count(*) FROM pulse.stat_workers;

-- the tables, the schemas, the objects: hands off
RESET ROLE; SET ROLE pulse_x;
SET client_min_messages = error;
SELECT t, c, answer FROM unnest('{_pulse.run,_pulse.credential,_pulse.access,pulse.runs}'::text[]) AS t, unnest(ARRAY[
	'INSERT INTO %s DEFAULT VALUES', 'TRUNCATE %s', 'DROP VIEW %s', 'CREATE TRIGGER t BEFORE INSERT ON %s EXECUTE FUNCTION suppress_redundant_updates_trigger()',
	'CREATE RULE r AS ON INSERT TO %s DO INSTEAD NOTHING', 'COMMENT ON VIEW %s IS ''x''', 'GRANT ALL ON %s TO PUBLIC', 'ALTER VIEW %s OWNER TO pulse_x', 'ALTER VIEW %s SET (security_barrier = off)',
	'CREATE POLICY p ON %s USING (true)', 'ALTER TABLE %s DISABLE ROW LEVEL SECURITY', 'CREATE INDEX ON %s ((1))', 'CREATE TABLE child () INHERITS (%s)', 'CREATE TABLE copy (LIKE %s INCLUDING ALL, FOREIGN KEY (id) REFERENCES %1$s)',
	'CREATE STATISTICS s (ndistinct) ON id, tenant FROM %s', 'ALTER TABLE %s ADD COLUMN x int DEFAULT 1']) AS c, e(format(c, t)) AS answer WHERE answer !~ '^42501 (permission denied|must be owner)';
SELECT c, answer FROM unnest(ARRAY['CREATE EXTENSION pulse', 'CREATE TABLE pulse.x ()', 'CREATE FUNCTION pulse.x() RETURNS int LANGUAGE sql AS ''SELECT 1''', 'CREATE TYPE _pulse.x AS (a int)',
	'CREATE OR REPLACE FUNCTION pulse.readable_tenants() RETURNS text[] LANGUAGE sql AS $s$SELECT ''{*}''::text[]$s$', 'ALTER FUNCTION pulse.version() SECURITY DEFINER', 'ALTER FUNCTION pulse.readable_tenants() LEAKPROOF',
	'DROP FUNCTION pulse.version()', 'DROP SCHEMA pulse CASCADE', 'ALTER SCHEMA pulse RENAME TO x', 'DROP EXTENSION pulse', 'DROP EXTENSION pulse CASCADE', 'ALTER EXTENSION pulse SET SCHEMA public', 'ALTER EXTENSION pulse UPDATE',
	'ALTER EXTENSION pulse DROP FUNCTION pulse.version()', 'SELECT * FROM _pulse.run_nodes(NULL)', 'SELECT _pulse.install_check()', 'SELECT * FROM _pulse.worker_stats()', 'SELECT ''_pulse.run''::regclass',
	'ALTER DEFAULT PRIVILEGES IN SCHEMA pulse GRANT ALL ON TABLES TO PUBLIC', 'GRANT EXECUTE ON FUNCTION pulse.version() TO PUBLIC']) AS c, e(c) AS answer WHERE answer !~ '^42501 (permission denied|must be owner)';
SET client_min_messages = warning;
-- the grants among these gave nothing
SELECT count(*) FROM pg_proc p, aclexplode(p.proacl) a WHERE p.pronamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace) AND a.grantee = 0;
CREATE TABLE public.mine (r uuid);
CREATE FUNCTION public.c_function() RETURNS int LANGUAGE c AS 'pulse', 'pulse_sql_version';
-- settings
SELECT name, context FROM pg_settings WHERE name LIKE 'pulse.%' AND context NOT IN ('sighup', 'postmaster');
SELECT DISTINCT left(e(format('SET %s TO DEFAULT', name)), 5) FROM pg_settings WHERE name LIKE 'pulse.%' AND name <> 'pulse.tenant';
SELECT left(e('SET pulse.anything = 1'), 5), left(e('SHOW pulse.secret_directory'), 5), left(e('SHOW pulse.allow_networks'), 5);

-- secrets: in no view, not for those who may read all tables, in no error
RESET ROLE;
SELECT count(*) FROM (SELECT e(format('SELECT count(*) FROM pulse.%I AS v WHERE v::text ~ ''canary|whsec_''', relname)) AS n
	FROM pg_class WHERE relnamespace = 'pulse'::regnamespace AND relkind = 'v') t WHERE n <> 'no error: 0';
SET ROLE pulse_dump; SELECT count(*) FROM _pulse.credential; SET row_security = off; SELECT e('SELECT count(*) FROM _pulse.credential'); RESET row_security;
RESET ROLE;
SELECT count(*) FROM (SELECT whole(c) AS w FROM unnest(ARRAY['SELECT pulse.set_credential(''c'', ''hmac'', ''canary'')', 'SELECT pulse.set_credential(''c'', ''hmac'', ''whsec_canary!'')',
	'SELECT pulse.set_credential(''c'', ''bearer'', ''canary canary'')', 'SELECT pulse.set_credential(''c'', ''bearer'', E''canary\r\nX-Evil: 1'')', 'SELECT pulse.set_credential(''c'', ''canary'', ''canary'')',
	'SELECT pulse.set_credential(''c'', ''bearer'', ''canary'', ''/canary'')', 'SELECT pulse.set_credential(''c'', ''hmac'', ''whsec_'' || encode(''canary'', ''base64''))']) AS c) t WHERE w ~ 'canary' OR w ~ 'no error';
SELECT pulse.grant_access('pulse_y', 'admin'); SET ROLE pulse_y;
SELECT e($$SELECT pulse.set_credential('c', 'bearer', file => '/etc/passwd')$$); SELECT e($$SELECT pulse.register_host('h', 'https://h.example', ca_file => '/etc/passwd')$$);
RESET ROLE;
SELECT e(format('SELECT pulse.set_credential(''c'', ''bearer'', file => %L)', f)) FROM unnest('{/etc/passwd,etc/passwd,../x,/a/../../etc/passwd,""}'::text[]) AS f;
SELECT pulse.revoke_access('pulse_y');

-- objects named like those that the statements use, found first by the caller: all of them raise
SET ROLE pulse_x;
CREATE SCHEMA evil;
DO $$
DECLARE f record;
BEGIN
	FOR f IN SELECT p.proname, oidvectortypes(p.proargtypes) AS args, p.prokind FROM pg_proc p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a') AND p.proname IN ('now', 'clock_timestamp', 'pg_current_xact_id', 'format', 'concat_ws',
			'jsonb_build_object', 'coalesce', 'unnest', 'starts_with', 'cardinality', 'current_setting', 'text', 'jsonb_object_field', 'jsonb_object_field_text', 'texteq', 'uuid_eq', 'row_number', 'gen_random_uuid', 'generate_series')
			AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype, '"any"'::regtype]::oid[] LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS text LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''evil''; END$f$', f.proname, f.args);
	END LOOP;
	FOR f IN SELECT o.oprname, o.oprleft::regtype AS l, o.oprright::regtype AS r, row_number() OVER (ORDER BY o.oid) AS n FROM pg_operator o
		WHERE o.oprleft IN ('text'::regtype, 'jsonb'::regtype, 'uuid'::regtype, 'int4'::regtype, 'int2'::regtype, 'xid8'::regtype, 'timestamptz'::regtype, 'anyarray'::regtype, 'oid'::regtype) AND o.oprresult <> 0 LOOP
		EXECUTE format('CREATE FUNCTION evil.o%s(%s, %s) RETURNS boolean LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''evil''; END$f$', f.n, f.l, f.r);
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.o%s)', f.oprname, f.l, f.r, f.n);
	END LOOP;
	FOR f IN SELECT unnest('{text,jsonb,uuid,regrole,cidr,interval,timestamptz,int4,int8,bool,oid}'::text[]) AS t LOOP
		EXECUTE format('CREATE DOMAIN evil.%I AS int2 CHECK (false)', f.t);
	END LOOP;
	FOR f IN SELECT unnest('{run,node,inbox,signal,access,workflow,pg_roles,pg_extension,one,s,r,t}'::text[]) AS t LOOP
		EXECUTE format('CREATE TABLE evil.%I (x int)', f.t);
	END LOOP;
END$$;
SELECT count(*) > 100 FROM pg_proc WHERE pronamespace = 'evil'::regnamespace;
\c
SET client_min_messages = warning; SET TimeZone = 'UTC'; SET ROLE pulse_x;
DO $$
DECLARE t text;
BEGIN
	FOREACH t IN ARRAY '{run,node,inbox,signal,access,workflow,pg_roles,pg_extension,one,s,r,t}'::text[] LOOP EXECUTE format('CREATE TEMP TABLE %I (x int)', t); END LOOP;
	FOREACH t IN ARRAY '{text,jsonb,uuid,regrole,cidr,interval,timestamptz,int4,int8,bool,oid}'::text[] LOOP EXECUTE format('CREATE DOMAIN pg_temp.%I AS int2 CHECK (false)', t); END LOOP;
END$$;
SET search_path = pg_temp, evil, pg_catalog, pulse, _pulse;
SET transform_null_equals = on; SET standard_conforming_strings = off; SET quote_all_identifiers = on; SET plan_cache_mode = force_custom_plan; SET row_security = off; SET xmloption = document; SET default_transaction_isolation = 'serializable';
SELECT pulse.define('v', '{"nodes": {"s": {"signal": "go"}, "n": {"noop": true, "after": ["s"]}}}', tenant => 'mine', description => E'\\x'' $1 %s');
SELECT pulse.define('v', '{"nodes": {"s": {"signal": "go"}, "m": {"noop": true, "after": ["s"]}}}', tenant => 'mine', enable => false);
SELECT pulse.submit('v', '{"a": 1}', 'k', 'mine', 2, pg_catalog.now() OPERATOR(pg_catalog.+) '1 day', NULL, 1, '{"l": "v"}') AS run \gset
SELECT pulse.submit('v', '{"a": 1}', 'k', 'mine', 2, NULL, NULL, 1, '{"l": "v"}') OPERATOR(pg_catalog.=) :'run'::pg_catalog.uuid;
SELECT pulse.submit_graph('{"nodes": {"n": {"noop": true}}}', tenant => 'mine') IS NOT NULL;
SELECT pulse.signal(:'run', 'go', '{}', 'one'), pulse.signal(:'run', 'go', '{}', 'one'), pulse.pause(:'run'), pulse.resume(:'run'), pulse.cancel(:'run'), pulse.cancel(:'run');
SELECT status FROM pulse.wait(:'run', '0 s');
SELECT what, node FROM pulse.timeline(:'run'); SELECT cause FROM pulse.why(:'run');
SELECT pulse.enable('v', 2, 'mine'), pulse.disable('v', NULL, 'mine'), pulse.graph('v', 2, 'mine') IS NOT NULL, pulse.draw('v'::pg_catalog.text, tenant => 'mine') IS NOT NULL, pulse.drop_workflow('v', true, 'mine');
SELECT pg_catalog.count(*) FROM pulse.validate('{"nodes": {}}');
SELECT pg_catalog.count(*) FROM pulse.runs; SELECT pg_catalog.count(*) FROM pulse.nodes; SELECT pg_catalog.count(*) FROM pulse.signals; SELECT pg_catalog.count(*) FROM pulse.waiting; SELECT pg_catalog.count(*) FROM pulse.stat_now; SELECT pg_catalog.count(*) FROM pulse.attempts; SELECT pg_catalog.count(*) FROM pulse.stat_hosts;
-- the same for somebody who gives rights
RESET ROLE;
SELECT pulse.grant_access('pulse_y', 'submit', '{mine}'), pulse.revoke_access('pulse_y'); SELECT pg_catalog.count(*) > 5 FROM pulse.doctor();
SELECT pulse.register_host('evil', 'https://evil.example'), pulse.alter_host('evil', rate => 5), pulse.register_action('evil.do', 'evil'), pulse.drop_action('evil.do'), pulse.drop_host('evil');
\c
SET client_min_messages = warning; SET TimeZone = 'UTC';
DROP SCHEMA evil CASCADE;

-- rights that go: for what is prepared, open, cached, or inherited
SELECT pulse.grant_access('pulse_group', 'submit', '{mine}'); GRANT pulse_group TO pulse_y;
SET ROLE pulse_x;
PREPARE all_runs AS SELECT DISTINCT tenant FROM pulse.runs; PREPARE stop AS SELECT pulse.cancel($1);
EXECUTE all_runs;
RESET ROLE; SET ROLE pulse_dump; EXECUTE all_runs;
RESET ROLE; SET ROLE pulse_y; EXECUTE all_runs; SELECT e(format('EXECUTE stop(%L)', :'theirs'));
RESET ROLE; REVOKE pulse_group FROM pulse_y; SET ROLE pulse_y; EXECUTE all_runs;
RESET ROLE; ALTER ROLE pulse_y NOINHERIT; GRANT pulse_group TO pulse_y; SET ROLE pulse_y; EXECUTE all_runs;
RESET ROLE; REVOKE pulse_group FROM pulse_y; ALTER ROLE pulse_y INHERIT; GRANT pulse_group TO pulse_y;
BEGIN; SET LOCAL ROLE pulse_y; DECLARE open CURSOR FOR SELECT tenant FROM pulse.runs; FETCH 0 FROM open;
RESET ROLE; SELECT pulse.revoke_access('pulse_group'); SET LOCAL ROLE pulse_y; FETCH ALL FROM open; ROLLBACK;
-- a view of one's own shows to each what is theirs
SET ROLE pulse_x; CREATE VIEW public.shared AS SELECT tenant, run FROM pulse.runs; GRANT SELECT ON public.shared TO PUBLIC;
CREATE FUNCTION public.lend() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT DISTINCT tenant FROM pulse.runs';
RESET ROLE; SET ROLE pulse_dump; SELECT count(*) FROM public.shared;
RESET ROLE; SELECT DISTINCT tenant FROM public.shared ORDER BY 1; SELECT public.lend();
-- DROP OWNED takes the rights, and what is left over is nobody's; dumps leave it out
DROP OWNED BY pulse_group; SET ROLE pulse_y; SELECT e('SELECT pulse.readable_tenants()'); RESET ROLE;
DROP ROLE pulse_group; SELECT count(*) FROM _pulse.access a WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.role::oid);
SELECT c.condition FROM pg_extension x, unnest(x.extconfig, x.extcondition) AS c(t, condition) WHERE x.extname = 'pulse' AND c.t = '_pulse.access'::regclass;
-- the role that logged in is dropped while it works as another
CREATE ROLE pulse_gone LOGIN; GRANT pulse_x TO pulse_gone; SET SESSION AUTHORIZATION pulse_gone; SET ROLE pulse_x;
\! psql -X -q -c 'DROP ROLE pulse_gone' postgres
SELECT pulse.pause(:'mine'), pulse.signal(:'mine', 'other'), pulse.define('gone', '{"nodes": {"n": {"noop": true}}}', tenant => 'mine'), pulse.submit('gone', tenant => 'mine') IS NOT NULL;
SELECT count(*) FROM pulse.runs WHERE submitted_by ~ '^\d+$';
\c
SET client_min_messages = warning; SET TimeZone = 'UTC'; SET ROLE pulse_x;

-- places where functions are called that were not meant
BEGIN READ ONLY; SELECT e(format('SELECT pulse.signal(%L, ''x'')', :'mine')); SELECT e($$SELECT pulse.submit('w', tenant => 'mine')$$); SELECT count(*) > 0 FROM pulse.runs; ROLLBACK;
BEGIN; SAVEPOINT s; SELECT pulse.submit('w', idempotency_key => 'gone', tenant => 'mine') IS NOT NULL; ROLLBACK TO s; SELECT count(*) FROM pulse.runs WHERE idempotency_key = 'gone'; ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT pulse.submit('w', idempotency_key => 'twice', tenant => 'mine') = pulse.submit('w', idempotency_key => 'twice', tenant => 'mine'); ROLLBACK;
SELECT count(DISTINCT pulse.submit('w', idempotency_key => 'many', tenant => 'mine')) FROM generate_series(1, 5);
CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.r := pulse.submit('w', tenant => 'mine'); RETURN NEW; END$$;
CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pulse.submit('w', tenant => 'mine', idempotency_key => 'late'); RETURN NULL; END$$;
CREATE TRIGGER fire BEFORE INSERT ON public.mine FOR EACH ROW EXECUTE FUNCTION fire();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
INSERT INTO public.mine VALUES (NULL), (NULL); SELECT count(*) FROM pulse.runs JOIN public.mine ON r = run; SELECT count(*) FROM pulse.runs WHERE idempotency_key = 'late';
SET pulse.tenant = 'mine';
CREATE PROCEDURE public.deep(INOUT o jsonb) LANGUAGE plpgsql AS $$BEGIN BEGIN CALL pulse.run('w', NULL, '1 ms', o); EXCEPTION WHEN division_by_zero THEN NULL; END; END$$;
CALL public.deep(NULL);
\set VERBOSITY sqlstate
DO $$DECLARE o jsonb; BEGIN CALL pulse.run('w', NULL, '1 ms', o); END$$;
\set VERBOSITY default
BEGIN; CALL pulse.run('w', NULL, '1 ms'); ROLLBACK;
RESET pulse.tenant;
CREATE FUNCTION public.par(uuid) RETURNS boolean LANGUAGE sql PARALLEL SAFE AS 'SELECT pulse.cancel($1)';
CREATE FUNCTION public.par_read() RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS 'BEGIN RETURN pulse.readable_tenants(); END';
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT left(e(format('SELECT public.par(%L)', :'mine')), 5); SELECT public.par_read(); SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
CREATE INDEX ON public.mine (r) WHERE r IS NULL; SELECT e('CREATE INDEX ON public.mine ((pulse.readable_tenants()))');
RESET ROLE;

-- inputs
SET ROLE pulse_x;
SELECT left(e(c), 120) FROM unnest(ARRAY[
	$$SELECT pulse.submit('w', format('%s1%s', repeat('[', 101), repeat(']', 101))::jsonb, tenant => 'mine')$$,
	$$SELECT pulse.submit('w', format('%s1%s', repeat('[', 100), repeat(']', 100))::jsonb, tenant => 'mine') IS NOT NULL$$,
	$$SELECT pulse.validate(format('%s1%s', repeat('{"a":', 3000), repeat('}', 3000))::jsonb)$$,
	$$SELECT pulse.draw(format('{"nodes":%s1%s', repeat('[', 100000), repeat(']', 100000)))$$,
	$$SELECT pulse.draw('{"nodes":{"a\u0000":{}}}'::text)$$, $$SELECT pulse.draw('{"nodes":{"\ud800":{}}}'::text)$$, $$SELECT pulse.draw('{'::text)$$, $$SELECT pulse.draw('{"nodes":{}} x'::json)$$,
	$$SELECT pulse.draw(1)$$, $$SELECT pulse.draw(ROW(1))$$, $$SELECT pulse.draw(NULL::jsonb)$$, $$SELECT pulse.draw('w'::char(3))$$,
	$$SELECT pulse.submit('w', to_jsonb(1e1001), tenant => 'mine')$$,
	$$SELECT pulse.submit(E'w\r\nX-Evil: 1', tenant => 'mine')$$, $$SELECT pulse.submit('w', tenant => E'mine\n')$$, $$SELECT pulse.submit('w', tenant => repeat('m', 100000))$$, $$SELECT pulse.submit('w', tenant => '')$$,
	$$SELECT pulse.submit('w', idempotency_key => E'k\t', tenant => 'mine')$$, $$SELECT pulse.submit('w', idempotency_key => repeat('k', 100000), tenant => 'mine')$$, $$SELECT pulse.submit('w', traceparent => E'00-\n', tenant => 'mine')$$,
	$$SELECT pulse.submit('w', version => -2147483648, tenant => 'mine')$$, $$SELECT pulse.submit('w', priority => 2147483647, tenant => 'mine')$$,
	$$SELECT pulse.submit('w', start_at => 'infinity', tenant => 'mine')$$, $$SELECT pulse.submit('w', deadline => '-infinity', tenant => 'mine')$$, $$SELECT pulse.submit('w', start_at => '294276-12-31', deadline => '294276-12-31', tenant => 'mine')$$, $$SELECT pulse.submit('w', start_at => '4713-01-01 BC', tenant => 'mine') IS NOT NULL$$,
	$$SELECT pulse.submit('w', labels => '[]', tenant => 'mine')$$, $$SELECT pulse.submit('w', labels => '{"a": {}}', tenant => 'mine')$$, $$SELECT pulse.submit('w', budget => '{"nodes": -1}', tenant => 'mine')$$, $$SELECT pulse.submit('w', budget => '{"nodes": 1e99}', tenant => 'mine')$$,
	$$SELECT pulse.define('graph:x', '{"nodes": {"n": {"noop": true}}}', tenant => 'mine')$$, $$SELECT pulse.define('n', '{"nodes": {"n\n": {"noop": true}}}', tenant => 'mine')$$,
	$$SELECT pulse.grant_access('pulse_x'::regrole, E'read\n')$$]) AS c;
SELECT e(format('SELECT pulse.wait(%L, %L)', :'mine', t)) FROM unnest('{-1 s,1 month,-106751991 days,3000000 years,-178000000 years}'::text[]) AS t;
SELECT left(e(format('SELECT pulse.skip(%L, %L)', :'mine', n)), 100) FROM unnest(ARRAY['', repeat('n', 100000), E'\n', '$', 's'' OR 1=1--']) AS n;
SELECT left(e(format('SELECT pulse.signal(%L, %L)', :'mine', n)), 100) FROM unnest(ARRAY['', repeat('n', 100000), E'go\n', 'pulse.stop']) AS n;
RESET ROLE;
SELECT left(e(format('SELECT pulse.register_host(''h'', %L, allow_http => true)', u)), 100) FROM unnest(ARRAY['file:///etc/passwd', 'gopher://x/', 'ftp://x/', 'https://user:pw@x.example', 'https://x.example/#f', E'https://x.example/\r\nX: 1', 'https://x.example/ y', 'https://x.example\@y', '//x', 'https://', 'https://[::1', 'https://x.example:99999/', 'https://x.example:0/', repeat('https://x.example/', 1000), 'HTTPS://169.254.169.254/latest']) AS u;
SELECT pulse.drop_host('h', true);

-- what a host that tenants share says of a call of one of them is not told to the others
CREATE SCHEMA pulse_test;
CREATE PROCEDURE pulse_test.drain() LANGUAGE c AS 'pulse', 'pulse_test_drain';
CREATE FUNCTION pulse_test.answer(run uuid, node text, status integer, body text, content_type text, retry_after text, transport text DEFAULT 'ok') RETURNS boolean LANGUAGE c AS 'pulse', 'pulse_test_answer';
SELECT pulse.register_host('common', 'http://127.0.0.1:9/'), pulse.register_host('own', 'http://127.0.0.1:9/', tenant => 'theirs'), pulse.register_action('common.do', 'common'), pulse.register_action('own.do', 'own');
SELECT pulse.define('common', '{"nodes": {"a": {"action": "common.do"}}}', tenant => t) FROM unnest('{mine,theirs}'::text[]) AS t;
SELECT pulse.define('own', '{"nodes": {"a": {"action": "own.do"}}}', tenant => 'theirs'), pulse.define('own', '{"nodes": {"a": {"action": "own.do"}}}', tenant => 'mine');
SELECT pulse.submit('common', tenant => 'theirs') AS common, pulse.submit('own', tenant => 'theirs') AS own, pulse.submit('own', tenant => 'mine') AS stolen \gset
CALL pulse_test.drain();
SELECT pulse_test.answer(r, 'a', 401, '{"title": "no", "detail": "account 4711 of theirs is closed"}', 'application/problem+json', NULL) FROM unnest(ARRAY[:'common', :'own']::uuid[]) AS r;
CALL pulse_test.drain();
SELECT pulse.submit('common', tenant => 'mine') AS waits \gset
CALL pulse_test.drain();
SELECT host, reason FROM pulse.stat_hosts WHERE circuit = 'open' ORDER BY 1;
SELECT node, error ->> 'message' FROM pulse.nodes WHERE run = :'common';
SET ROLE pulse_x;
SELECT host, circuit, reason FROM pulse.stat_hosts; SELECT count(*) FROM pulse.why(:'waits') WHERE detail ~ '4711'; SELECT count(*) FROM pulse.nodes WHERE run = :'waits' AND error::text ~ '4711';
-- an action of a host of others does not exist
SELECT cause, regexp_replace(detail, '; tried .*', '') FROM pulse.why(:'stolen'); SELECT name, host FROM pulse.actions;
RESET ROLE;

\c postgres
SET client_min_messages = error;
DROP DATABASE pulse_api;
DROP ROLE pulse_x, pulse_y, pulse_dump;
