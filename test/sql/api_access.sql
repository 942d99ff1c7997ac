\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
DROP ROLE IF EXISTS pulse_reader, pulse_submitter, pulse_author, pulse_admin, pulse_nobody, pulse_group, pulse_member, pulse_host;
CREATE ROLE pulse_reader; CREATE ROLE pulse_submitter; CREATE ROLE pulse_author; CREATE ROLE pulse_admin;
CREATE ROLE pulse_nobody; CREATE ROLE pulse_group; CREATE ROLE pulse_member IN ROLE pulse_group; CREATE ROLE pulse_host;
GRANT USAGE ON SCHEMA public TO PUBLIC;
\set ECHO all
-- nobody has anything
SELECT count(*) FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE p.pronamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace) AND a.grantee <> p.proowner;
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a
	WHERE c.relnamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace) AND a.grantee <> c.relowner;
SET ROLE pulse_nobody;
SELECT err($$SELECT pulse.version()$$);
SELECT err($$SELECT * FROM pulse.runs$$);
SELECT err($$SELECT * FROM _pulse.run$$);
RESET ROLE;
-- levels
SELECT pulse.grant_access('pulse_reader', 'read', ARRAY['acme']);
SELECT pulse.grant_access('pulse_reader', 'read', ARRAY['acme']);
SELECT pulse.grant_access('pulse_submitter', 'submit', ARRAY['acme', 'default']);
SELECT pulse.grant_access('pulse_author', 'author', ARRAY['acme']);
SELECT pulse.grant_access('pulse_host', 'host', ARRAY['acme']);
SELECT pulse.grant_access('pulse_admin', 'admin');
SELECT pulse.grant_access('pulse_group', 'read');
SELECT role, level, tenants, granted_by = session_user FROM _pulse.access ORDER BY role::text;
SELECT err($$SELECT pulse.grant_access('pulse_nowhere', 'read')$$);
SELECT err($$SELECT pulse.grant_access(0, 'read')$$);
SELECT err($$SELECT pulse.grant_access(4294967295, 'read')$$);
SELECT err($$SELECT pulse.grant_access('pulse_reader', 'write')$$);
SELECT err($$SELECT pulse.grant_access('pulse_reader', 'read', '{}')$$);
SELECT err($$SELECT pulse.grant_access('pulse_reader', 'read', '{*}')$$);
SELECT err($$SELECT pulse.grant_access('pulse_reader', 'read', '{NULL}')$$);
SELECT err($$SELECT pulse.grant_access('pulse_reader', 'read', ARRAY[''])$$);
SELECT err($$SELECT pulse.grant_access('pulse_reader', 'read', ARRAY[['a'],['b']])$$);
SELECT err($$SELECT pulse.grant_access(NULL, 'read')$$);

SELECT pulse.define('w', '{"nodes": {"s": {"signal": "go"}}}', tenant => 'acme'), pulse.define('w', '{"nodes": {"s": {"signal": "go"}}}', tenant => 'rival');
SELECT pulse.submit('w', tenant => 'acme') AS acme, pulse.submit('w', tenant => 'rival') AS rival \gset
SELECT pulse.register_host('shared', 'https://shared.example'), pulse.register_host('rival', 'https://rival.example', tenant => 'rival'),
	pulse.register_action('shared.do', 'shared'), pulse.register_action('rival.do', 'rival');

-- a reader
SET ROLE pulse_reader;
SELECT pulse.readable_tenants();
SELECT tenant, status FROM pulse.runs;
SELECT tenant, name FROM pulse.workflows;
SELECT name FROM pulse.hosts; SELECT name FROM pulse.actions; SELECT host FROM pulse.stat_hosts;
SELECT tenant, node FROM pulse.nodes;
SELECT tenant, status, runs FROM pulse.stat_now;
SELECT count(*) FROM pulse.stat_workers;
SELECT err(format($$SELECT pulse.result(%L)$$, :'acme'));
SELECT err(format($$SELECT pulse.result(%L)$$, :'rival'));
SELECT err(format($$SELECT pulse.wait(%L, '1 ms')$$, :'rival'));
SELECT err(format($$SELECT * FROM pulse.why(%L)$$, :'rival'));
SELECT err(format($$SELECT * FROM pulse.timeline(%L)$$, :'rival'));
SELECT err(format($$SELECT * FROM pulse.draw(%L)$$, :'rival'));
SELECT err($$SELECT pulse.graph('w', tenant => 'rival')$$);
SELECT pulse.graph('w', tenant => 'acme');
SELECT err(format($$SELECT pulse.cancel(%L)$$, :'acme'));
SELECT err($$SELECT pulse.submit('w', tenant => 'acme')$$);
SELECT err($$SELECT pulse.define('w', '{}')$$);
SELECT err($$SELECT * FROM pulse.doctor()$$);
SELECT err($$SELECT pulse.grant_access('pulse_reader', 'admin')$$);
SELECT err($$SELECT * FROM _pulse.run_nodes('00000000-0000-0000-0000-000000000000')$$);
-- nothing leaks through a condition that is evaluated early
CREATE FUNCTION pg_temp.leak(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0001
	AS $$BEGIN RAISE NOTICE 'seen %', t; RETURN true; END$$;
SET client_min_messages = notice;
SELECT count(*) FROM pulse.runs WHERE pg_temp.leak(tenant);
SELECT count(*) FROM pulse.hosts WHERE pg_temp.leak(name);
SELECT count(*) FROM pulse.nodes WHERE pg_temp.leak(tenant);
SET client_min_messages = warning;

-- a submitter; execution was granted, but the function checks again
RESET ROLE; SET ROLE pulse_submitter;
SELECT pulse.submit('w', tenant => 'acme') IS NOT NULL;
SELECT err($$SELECT pulse.submit('w', tenant => 'rival')$$);
SELECT err($$SELECT pulse.submit('w', tenant => 'nowhere')$$);
SELECT err(format($$SELECT pulse.signal(%L, 'go')$$, :'rival'));
SELECT err($$SELECT pulse.signal('00000000-0000-0000-0000-000000000000', 'go')$$);
SELECT pulse.signal(:'acme', 'go');
SELECT err(format($$SELECT pulse.skip(%L, 's')$$, :'acme'));
RESET ROLE; GRANT EXECUTE ON ALL ROUTINES IN SCHEMA pulse TO pulse_submitter; SET ROLE pulse_submitter;
SELECT err(format($$SELECT pulse.skip(%L, 's')$$, :'acme'));
SELECT err(format($$SELECT pulse.release(%L)$$, :'rival'));
SELECT err($$SELECT pulse.define('w', '{}', tenant => 'acme')$$);
SELECT err($$SELECT pulse.enable('w', tenant => 'acme')$$);
SELECT err($$SELECT pulse.drop_workflow('w', tenant => 'rival')$$);
SELECT err($$SELECT pulse.drop_workflow('w', true, tenant => 'rival')$$);
SELECT err($$SELECT pulse.submit_graph('{"nodes": {}}', tenant => 'acme')$$);
SELECT err($$SELECT * FROM pulse.doctor()$$);
SELECT err($$SELECT pulse.adopt()$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example')$$);
SELECT err($$SELECT pulse.alter_host('shared', url => 'https://h.example')$$);
SELECT err($$SELECT pulse.drop_host('shared')$$);
SELECT err($$SELECT pulse.register_action('h.x', 'shared')$$);
SELECT err($$SELECT pulse.drop_action('shared.do')$$);
SELECT err($$SELECT pulse.set_credential('c', 'bearer', 'canary')$$);
SELECT err($$SELECT pulse.drop_credential('c')$$);
SELECT err($$SELECT pulse.grant_access('pulse_submitter', 'admin')$$);
SELECT err($$SELECT pulse.revoke_access('pulse_admin')$$);
SELECT err($$SELECT _pulse.install_check()$$);

-- an author
RESET ROLE; SET ROLE pulse_author;
SELECT pulse.define('v', '{"nodes": {"a": {"noop": true}}}', tenant => 'acme');
SELECT err($$SELECT pulse.define('v', '{"nodes": {"a": {"noop": true}}}', tenant => 'rival')$$);
SELECT pulse.submit_graph('{"nodes": {"a": {"noop": true}}}', tenant => 'acme') IS NOT NULL;
SELECT name FROM pulse.workflows ORDER BY 1;
-- those without an own tenant in the setting are told which one was meant
SELECT err($$SELECT pulse.define('v', '{"nodes": {"a": {"noop": true}}}')$$);

-- a host has no right to read
RESET ROLE; SET ROLE pulse_host;
SELECT pulse.version() IS NOT NULL;
SELECT err($$SELECT * FROM pulse.runs$$);

-- by membership
RESET ROLE; SET ROLE pulse_member;
SELECT pulse.readable_tenants();
SELECT DISTINCT tenant FROM pulse.runs ORDER BY 1;
RESET ROLE; REVOKE pulse_group FROM pulse_member; SET ROLE pulse_member;
SELECT err($$SELECT * FROM pulse.runs$$);

-- an administrator
RESET ROLE; SET ROLE pulse_admin;
SELECT count(*) > 5 FROM pulse.doctor();
SELECT pulse.grant_access('pulse_nobody', 'read', '{rival}');
SELECT pulse.grant_access('pulse_nobody', 'submit', '{acme}');
RESET ROLE; SET ROLE pulse_nobody;
SELECT tenant FROM (SELECT unnest(pulse.readable_tenants())) t(tenant) ORDER BY 1;
RESET ROLE; SET ROLE pulse_admin;
SELECT pulse.revoke_access('pulse_nobody', 'submit');
SELECT pulse.revoke_access('pulse_nobody', 'submit');
RESET ROLE; SET ROLE pulse_nobody;
SELECT pulse.readable_tenants();
SELECT err($$SELECT pulse.submit('w', tenant => 'rival')$$);
RESET ROLE; SET ROLE pulse_admin;
SELECT pulse.revoke_access('pulse_nobody');
RESET ROLE; SET ROLE pulse_nobody;
SELECT err($$SELECT pulse.version()$$);
RESET ROLE;
SELECT count(*) FROM pg_proc p, aclexplode(p.proacl) a WHERE a.grantee = 'pulse_nobody'::regrole;
-- a role that has access cannot be dropped by accident
SELECT error FROM err($$DROP ROLE pulse_author$$) LIMIT 1;
DROP OWNED BY pulse_author; DROP ROLE pulse_author;
SELECT item, ok, regexp_replace(detail, '\d{4,}', '<oid>') FROM pulse.doctor() WHERE item = 'access';
-- access given in a transaction that is rolled back is not there
BEGIN; SELECT pulse.grant_access('pulse_reader', 'read', '{rival}');
SET LOCAL ROLE pulse_reader; SELECT pulse.readable_tenants(); ROLLBACK;
SET ROLE pulse_reader; SELECT pulse.readable_tenants(); RESET ROLE;
BEGIN; SAVEPOINT s; SELECT pulse.grant_access('pulse_reader', 'read', '{rival}'); SET LOCAL ROLE pulse_reader;
SELECT pulse.readable_tenants(); ROLLBACK TO s; SET LOCAL ROLE pulse_reader; SELECT pulse.readable_tenants(); ROLLBACK;
-- an old snapshot does not keep old rights alive in the cache
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM _pulse.access;
SELECT pulse.revoke_access('pulse_reader'); COMMIT;
SET ROLE pulse_reader; SELECT err($$SELECT pulse.readable_tenants()$$); RESET ROLE;
-- hostile surroundings change nothing
CREATE SCHEMA evil;
CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
CREATE FUNCTION evil.max(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1000';
SET search_path = evil, pg_catalog;
SELECT pulse.define('w', '{"nodes": {"z": {"noop": true}}}', tenant => 'rival');
SELECT public.err($$SELECT pulse.submit('nothing')$$);
RESET search_path;
DROP SCHEMA evil CASCADE;
\c postgres
DROP DATABASE pulse_api;
DROP ROLE pulse_reader, pulse_submitter, pulse_admin, pulse_nobody, pulse_group, pulse_member, pulse_host;
