-- The public contract: what is there, under which names, for whom.
-- A line that changes here is a change that users notice.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, pg_catalog;
SELECT no_plan();

SELECT bag_eq($$SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')',
		coalesce(pg_get_function_result(p.oid), 'procedure')
	FROM pg_proc p WHERE p.pronamespace = 'pulse'::regnamespace$$,
$$VALUES
	('adopt(reason text DEFAULT NULL::text)', 'boolean'),
	('alter_host(name text, url text DEFAULT NULL::text, credential text DEFAULT NULL::text, networks cidr[] DEFAULT NULL::cidr[], timeout interval DEFAULT NULL::interval, max_in_flight integer DEFAULT NULL::integer, rate integer DEFAULT NULL::integer, rate_period interval DEFAULT NULL::interval, allow_http boolean DEFAULT NULL::boolean, tenant text DEFAULT NULL::text, ca_file text DEFAULT NULL::text, enable boolean DEFAULT NULL::boolean, reason text DEFAULT NULL::text)', 'boolean'),
	('cancel(run uuid, reason text DEFAULT NULL::text)', 'boolean'),
	('define(name text, graph jsonb, trigger text DEFAULT NULL::text, environment text DEFAULT NULL::text, resource_type text DEFAULT NULL::text, filter jsonpath DEFAULT NULL::jsonpath, input_schema jsonb DEFAULT NULL::jsonb, description text DEFAULT NULL::text, defaults jsonb DEFAULT NULL::jsonb, tenant text DEFAULT NULL::text, enable boolean DEFAULT true)', 'integer'),
	('disable(name text, reason text DEFAULT NULL::text, tenant text DEFAULT NULL::text)', 'boolean'),
	('doctor(OUT item text, OUT ok boolean, OUT detail text, OUT hint text)', 'SETOF record'),
	('draw(what "any", format text DEFAULT ''text''::text, tenant text DEFAULT NULL::text)', 'text'),
	('drop_action(name text, if_exists boolean DEFAULT false)', 'boolean'),
	('drop_credential(name text, kind text DEFAULT NULL::text, if_exists boolean DEFAULT false)', 'boolean'),
	('drop_host(name text, if_exists boolean DEFAULT false)', 'boolean'),
	('drop_workflow(name text, if_exists boolean DEFAULT false, tenant text DEFAULT NULL::text)', 'boolean'),
	('enable(name text, version integer DEFAULT NULL::integer, tenant text DEFAULT NULL::text)', 'boolean'),
	('grant_access(role regrole, level text, tenants text[] DEFAULT NULL::text[])', 'boolean'),
	('graph(name text, version integer DEFAULT NULL::integer, tenant text DEFAULT NULL::text)', 'jsonb'),
	('inspect(graph jsonb, state jsonb DEFAULT ''{}''::jsonb)', 'jsonb'),
	('pause(run uuid, reason text DEFAULT NULL::text)', 'boolean'),
	('plan_rewrite(graph jsonb, state jsonb, anchor text, rewrite jsonb, budget jsonb DEFAULT NULL::jsonb)', 'jsonb'),
	('readable_tenants()', 'text[]'),
	('register_action(name text, host text, version text DEFAULT NULL::text, timeout interval DEFAULT NULL::interval, retry jsonb DEFAULT NULL::jsonb, repeatable boolean DEFAULT true, read_only boolean DEFAULT false, replay_safe boolean DEFAULT false, description text DEFAULT NULL::text)', 'boolean'),
	('register_host(name text, url text, credential text DEFAULT NULL::text, networks cidr[] DEFAULT NULL::cidr[], timeout interval DEFAULT NULL::interval, max_in_flight integer DEFAULT NULL::integer, rate integer DEFAULT NULL::integer, rate_period interval DEFAULT NULL::interval, allow_http boolean DEFAULT false, tenant text DEFAULT NULL::text, ca_file text DEFAULT NULL::text)', 'boolean'),
	('release(run uuid)', 'boolean'),
	('result(run uuid)', 'jsonb'),
	('resume(run uuid)', 'boolean'),
	('retry(run uuid)', 'boolean'),
	('revoke_access(role regrole, level text DEFAULT NULL::text)', 'boolean'),
	('run_local(graph jsonb, input jsonb DEFAULT NULL::jsonb, bindings jsonb DEFAULT NULL::jsonb, signals jsonb DEFAULT NULL::jsonb, options jsonb DEFAULT NULL::jsonb)', 'jsonb'),
	('run_graph(run uuid, revision integer DEFAULT NULL::integer)', 'jsonb'),
	('run(IN workflow text, IN input jsonb DEFAULT NULL::jsonb, IN timeout interval DEFAULT NULL::interval, INOUT output jsonb DEFAULT NULL::jsonb)', 'procedure'),
	('set_credential(name text, kind text, secret text DEFAULT NULL::text, file text DEFAULT NULL::text)', 'boolean'),
	('signal(run uuid, name text, payload jsonb DEFAULT NULL::jsonb, id text DEFAULT NULL::text)', 'text'),
	('skip(run uuid, node text, output jsonb DEFAULT NULL::jsonb, reason text DEFAULT NULL::text)', 'boolean'),
	('submit(workflow text, input jsonb DEFAULT NULL::jsonb, idempotency_key text DEFAULT NULL::text, tenant text DEFAULT NULL::text, priority integer DEFAULT NULL::integer, start_at timestamp with time zone DEFAULT NULL::timestamp with time zone, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, version integer DEFAULT NULL::integer, labels jsonb DEFAULT NULL::jsonb, budget jsonb DEFAULT NULL::jsonb, traceparent text DEFAULT NULL::text)', 'uuid'),
	('submit_graph(graph jsonb, input jsonb DEFAULT NULL::jsonb, idempotency_key text DEFAULT NULL::text, tenant text DEFAULT NULL::text, priority integer DEFAULT NULL::integer, start_at timestamp with time zone DEFAULT NULL::timestamp with time zone, deadline timestamp with time zone DEFAULT NULL::timestamp with time zone, labels jsonb DEFAULT NULL::jsonb, budget jsonb DEFAULT NULL::jsonb, traceparent text DEFAULT NULL::text)', 'uuid'),
	('timeline(run uuid, OUT at timestamp with time zone, OUT what text, OUT node text, OUT detail text)', 'SETOF record'),
	('validate(graph jsonb, OUT severity text, OUT path text, OUT code text, OUT message text, OUT hint text)', 'SETOF record'),
	('version()', 'text'),
	('wait(INOUT run uuid, timeout interval DEFAULT NULL::interval, OUT status text, OUT output jsonb, OUT error jsonb)', 'record'),
	('why(run uuid, OUT node text, OUT status text, OUT cause text, OUT detail text, OUT hint text)', 'SETOF record')
$$, 'functions: names, arguments, defaults, results');

SELECT bag_eq($$SELECT c.relname::text, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace = 'pulse'::regnamespace GROUP BY c.relname$$,
$$VALUES
	('actions', 'name text, host text, version text, timeout interval, retry jsonb, repeatable boolean, read_only boolean, replay_safe boolean, description text, tenant text, changed_at timestamp with time zone'),
	('attempts', 'run uuid, node text, attempt integer, activation uuid, outcome text, class text, code text, http_status integer, error jsonb, started_at timestamp with time zone, ended_at timestamp with time zone, action_version text, workflow text, tenant text'),
	('failed_runs', 'run uuid, workflow text, version integer, tenant text, status text, node text, class text, message text, error jsonb, labels jsonb, submitted_at timestamp with time zone, ended_at timestamp with time zone'),
	('hosts', 'name text, url text, credential text, tenant text, networks cidr[], timeout interval, max_in_flight integer, rate integer, rate_period interval, allow_http boolean, ca_file text, disabled_reason text, changed_at timestamp with time zone'),
	('logs', 'run uuid, id bigint, at timestamp with time zone, node text, attempt integer, level text, actor text, message text, data jsonb, workflow text, tenant text'),
	('nodes', 'run uuid, node text, kind text, name text, status text, reason text, blocked_by text[], rewrite integer, proposer text, child uuid, attempt integer, tries integer, activation uuid, output jsonb, error jsonb, progress jsonb, cost jsonb, outcome_unknown boolean, action_version text, due timestamp with time zone, total_deadline timestamp with time zone, started_at timestamp with time zone, ended_at timestamp with time zone, workflow text, tenant text'),
	('rewrites', 'run uuid, rewrite integer, revision integer, form text, state text, anchor text, activation uuid, attempt integer, at timestamp with time zone, proposal jsonb, detail jsonb, output jsonb, cost jsonb, budget_before jsonb, budget_after jsonb, code text, reason jsonb, errors jsonb, exceeded jsonb, hash text, nodes text[], workflow text, tenant text'),
	('runs', 'run uuid, workflow text, version integer, tenant text, status text, priority smallint, input jsonb, output jsonb, error jsonb, labels jsonb, idempotency_key text, submitted_at timestamp with time zone, submitted_by text, start_at timestamp with time zone, deadline timestamp with time zone, started_at timestamp with time zone, ended_at timestamp with time zone, traceparent text, budget jsonb, parent uuid, parent_node text, depth smallint, revision integer, remaining_budget jsonb'),
	('signals', 'run uuid, id text, name text, state text, reason text, node text, payload jsonb, at timestamp with time zone, settled_at timestamp with time zone, actor text, workflow text, tenant text'),
	('stat_hosts', 'host text, worker smallint, circuit text, reason text, opened_at timestamp with time zone, retry_at timestamp with time zone, throttled_until timestamp with time zone, failures bigint'),
	('stat_now', 'tenant text, status text, runs bigint, oldest timestamp with time zone'),
	('stat_workers', 'worker integer, workers integer, pid integer, state text, started_at timestamp with time zone, state_since timestamp with time zone, last_batch_at timestamp with time zone, last_batch interval, wakeups bigint, polls bigint, batches bigint, facts bigint, nodes bigint, calls bigint, errors bigint, in_flight integer, queued integer, cached_runs integer, reason text'),
	('waiting', 'run uuid, node text, waits_for text, name text, child uuid, due timestamp with time zone, since timestamp with time zone, error jsonb, run_status text, workflow text, version integer, tenant text'),
	('workflows', 'name text, version integer, enabled boolean, tenant text, description text, disabled_reason text, graph_hash text, defaults jsonb, created_at timestamp with time zone, created_by text')
$$, 'views: columns and their types');

-- no overloads: a name is enough, also for GRANT
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace)
	GROUP BY proname HAVING count(*) > 1$$, 'no overloads');
SELECT is_empty($$SELECT proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE pronamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace)
	AND (l.lanname <> 'c' OR prosecdef OR proconfig IS NOT NULL OR proleakproof)$$,
	'functions are in C, and none is SECURITY DEFINER');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'pulse'::regnamespace
	AND (relkind <> 'v' OR NOT coalesce('security_barrier=true' = ANY (reloptions), false))$$,
	'only views, with security_barrier, are in schema pulse');

-- everything has a comment
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p
	WHERE pronamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace)
	AND obj_description(p.oid, 'pg_proc') IS NULL$$, 'every function has a comment');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c
	WHERE relnamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace) AND relkind IN ('r', 'v')
	AND obj_description(c.oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT a.attrelid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE relnamespace = 'pulse'::regnamespace AND a.attnum > 0
	AND col_description(c.oid, a.attnum) IS NULL$$, 'every column of a view has a comment');
SELECT is_empty($$SELECT t.typname FROM pg_type t WHERE t.typnamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace)
	AND t.typtype = 'd' AND obj_description(t.oid, 'pg_type') IS NULL$$, 'every domain has a comment');
SELECT is_empty($$SELECT nspname FROM pg_namespace WHERE nspname IN ('pulse', '_pulse')
	AND obj_description(oid, 'pg_namespace') IS NULL$$, 'both schemas have a comment');

-- nobody has rights unasked
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE pronamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace) AND a.grantee <> p.proowner$$,
	'nobody but the owner may execute anything');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
	WHERE relnamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace) AND a.grantee <> c.relowner$$,
	'nobody but the owner may read anything');
SELECT is_empty($$SELECT nspname FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
	WHERE nspname IN ('pulse', '_pulse') AND a.grantee <> n.nspowner$$, 'nobody but the owner may use the schemas');

-- the extension owns what is there
SELECT is_empty($$SELECT o.classid::regclass, o.oid FROM (
		SELECT 'pg_proc'::regclass AS classid, oid FROM pg_proc WHERE pronamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace)
		UNION ALL SELECT 'pg_class', oid FROM pg_class WHERE relnamespace IN ('pulse'::regnamespace, '_pulse'::regnamespace) AND relkind IN ('r', 'v')
	) o WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'e')$$,
	'everything belongs to the extension');
SELECT results_eq($$SELECT extrelocatable, extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'pulse'$$,
	$$VALUES (false, 'pg_catalog')$$, 'the extension cannot be moved');
SELECT is(pulse.version(), (SELECT extversion FROM pg_extension WHERE extname = 'pulse'), 'one version everywhere');

-- what a dump takes along
SELECT bag_eq($$SELECT t::regclass::text FROM pg_extension e, unnest(e.extconfig) t WHERE e.extname = 'pulse'$$,
	$$VALUES ('_pulse.stamp'), ('_pulse.workflow_name'), ('_pulse.workflow'), ('_pulse.run'), ('_pulse.node'),
	('_pulse.attempt'), ('_pulse.rewrite'), ('_pulse.inbox'), ('_pulse.inbox_id_seq'), ('_pulse.signal'), ('_pulse.signal_seq_seq'),
	('_pulse.log'), ('_pulse.log_id_seq'), ('_pulse.host'), ('_pulse.action'), ('_pulse.access')$$,
	'user data is dumped, derived state and secrets are not');

-- what each level may execute
CREATE TEMPORARY TABLE allowed (level text, names text[]);
INSERT INTO allowed VALUES
	('read', '{version,readable_tenants,validate,graph,inspect,plan_rewrite,run_local,draw,run_graph,wait,result,timeline,why}'),
	('submit', '{submit,signal,cancel,pause,resume,retry,run}'),
	('author', '{define,enable,disable,drop_workflow,submit_graph,skip,release}'),
	('admin', '{doctor,adopt,grant_access,revoke_access,register_host,alter_host,drop_host,register_action,drop_action,set_credential,drop_credential}');
CREATE ROLE pulse_pgtap_read; CREATE ROLE pulse_pgtap_submit; CREATE ROLE pulse_pgtap_author;
CREATE ROLE pulse_pgtap_host; CREATE ROLE pulse_pgtap_admin; CREATE ROLE pulse_pgtap_bare;
SELECT ok(pulse.grant_access(('pulse_pgtap_' || l)::regrole, l), 'grant_access ' || l)
	FROM unnest('{read,submit,author,host,admin}'::text[]) l;
SELECT bag_eq(format($$SELECT proname::text FROM pg_proc WHERE pronamespace = 'pulse'::regnamespace
		AND has_function_privilege('pulse_pgtap_%s', oid, 'EXECUTE')$$, l.level),
	format($$SELECT unnest(names) FROM allowed WHERE level = ANY (%L::text[])$$, l.includes),
	'level ' || l.level || ' may execute what it should')
	FROM (VALUES ('read', '{read}'), ('submit', '{read,submit}'), ('author', '{read,submit,author}'),
		('admin', '{read,submit,author,admin}')) AS l(level, includes);
SELECT bag_eq($$SELECT proname::text FROM pg_proc WHERE pronamespace = 'pulse'::regnamespace
	AND has_function_privilege('pulse_pgtap_host', oid, 'EXECUTE')$$, $$VALUES ('version')$$,
	'level host may execute what it should');
SELECT is(count(*) FILTER (WHERE has_table_privilege('pulse_pgtap_' || l, c.oid, 'SELECT')),
	CASE WHEN l = 'host' THEN 0 ELSE count(*) END, 'views of level ' || l)
	FROM unnest('{read,submit,author,host,admin}'::text[]) l, pg_class c
	WHERE c.relnamespace = 'pulse'::regnamespace GROUP BY l;
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c, unnest('{read,submit,author,host,admin}'::text[]) l
	WHERE c.relnamespace = '_pulse'::regnamespace AND c.relkind = 'r'
	AND (has_table_privilege('pulse_pgtap_' || l, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'))$$,
	'no level gives a right on a table');

-- a right to execute is not a right to do: without access every function refuses
GRANT USAGE ON SCHEMA pulse TO pulse_pgtap_bare;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA pulse TO pulse_pgtap_bare;
SELECT pulse.define('pgtap', '{"nodes": {"s": {"signal": "go"}}}');
SELECT pulse.submit('pgtap') AS run \gset
SET LOCAL ROLE pulse_pgtap_bare;
SELECT throws_ok(c, e, NULL, c) FROM (VALUES
	('SELECT pulse.doctor()', '42501'), ('SELECT pulse.adopt()', '42501'),
	($$SELECT pulse.grant_access('pulse_pgtap_bare', 'admin')$$, '42501'),
	($$SELECT pulse.revoke_access('pulse_pgtap_admin')$$, '42501'),
	($$SELECT pulse.define('x', '{}')$$, '42501'), ($$SELECT pulse.validate('{}')$$, '42501'),
	($$SELECT pulse.graph('pgtap')$$, '42704'), ($$SELECT pulse.enable('pgtap')$$, '42704'),
	($$SELECT pulse.disable('pgtap')$$, '42704'), ($$SELECT pulse.drop_workflow('pgtap')$$, '42704'),
	($$SELECT pulse.inspect('{}')$$, '42501'), ($$SELECT pulse.draw('pgtap')$$, '42501'),
	($$SELECT pulse.submit('pgtap')$$, '42704'), ($$SELECT pulse.submit_graph('{}')$$, '42501'),
	($$SELECT pulse.register_host('h', 'https://h.example')$$, '42501'), ($$SELECT pulse.alter_host('h')$$, '42501'),
	($$SELECT pulse.drop_host('h')$$, '42501'), ($$SELECT pulse.register_action('a', 'h')$$, '42501'),
	($$SELECT pulse.drop_action('a')$$, '42501'), ($$SELECT pulse.set_credential('c', 'bearer', 'x')$$, '42501'),
	($$SELECT pulse.drop_credential('c')$$, '42501')) AS t(c, e);
SELECT throws_ok(format(c, :'run'), '42704', NULL, c) FROM unnest(ARRAY[
	'SELECT pulse.signal(%L, ''go'')', 'SELECT pulse.cancel(%L)', 'SELECT pulse.pause(%L)', 'SELECT pulse.resume(%L)',
	'SELECT pulse.retry(%L)', 'SELECT pulse.skip(%L, ''s'')', 'SELECT pulse.release(%L)', 'SELECT pulse.wait(%L)',
	'SELECT pulse.result(%L)', 'SELECT pulse.run_graph(%L)', 'SELECT pulse.timeline(%L)', 'SELECT pulse.why(%L)']) c;
SELECT is(pulse.readable_tenants(), '{}'::text[], 'nothing is readable without access');
RESET ROLE;
SELECT ok(pulse.revoke_access(('pulse_pgtap_' || l)::regrole), 'revoke_access ' || l)
	FROM unnest('{read,submit,author,host,admin}'::text[]) l;
SELECT is_empty($$SELECT classid::regclass, objid FROM pg_shdepend WHERE deptype = 'a'
	AND refobjid IN (SELECT oid FROM pg_roles WHERE rolname LIKE 'pulse\_pgtap\_%' AND rolname <> 'pulse_pgtap_bare')$$,
	'revoke_access leaves no grant behind');

SELECT * FROM finish();
ROLLBACK;
