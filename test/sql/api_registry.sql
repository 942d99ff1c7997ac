\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/api_setup.inc'
\i :setup
\set ECHO all
-- hosts
SELECT pulse.register_host('payments', 'https://payments.example/pulse');
SELECT pulse.register_host('payments', 'https://payments.example/pulse');
SELECT err($$SELECT pulse.register_host('payments', 'https://other.example/')$$);
SELECT err($$SELECT pulse.register_host('payments', 'https://payments.example/pulse', timeout => '1 min')$$);
SELECT pulse.register_host('local', 'http://127.0.0.1:8080/x', credential => 'c', networks => '{10.0.0.0/8,fd00::/8}',
	timeout => '2 min', max_in_flight => 5, rate => 100, rate_period => '10 s');
SELECT name, url, credential, tenant, networks, timeout, max_in_flight, rate, rate_period, allow_http FROM pulse.hosts ORDER BY 1;
SELECT pulse.alter_host('local', timeout => '30 s', credential => '', rate => 0, tenant => 'acme', networks => '{}');
SELECT pulse.alter_host('local', timeout => '30 s');
SELECT pulse.alter_host('local', enable => false, reason => 'moving'), pulse.alter_host('local', enable => false);
SELECT name, url, credential, tenant, networks, timeout, max_in_flight, rate, rate_period, disabled_reason FROM pulse.hosts ORDER BY 1;
SELECT pulse.alter_host('local', enable => true, tenant => ''), pulse.alter_host('local', enable => true);
SELECT name, tenant, disabled_reason FROM pulse.hosts ORDER BY 1;
SELECT err($$SELECT pulse.alter_host('nothing', timeout => '30 s')$$);
SELECT err($$SELECT pulse.register_host('h', NULL)$$);
SELECT err($$SELECT pulse.register_host('h', '')$$);
SELECT err($$SELECT pulse.register_host('h h', 'https://h.example')$$);
SELECT err($$SELECT pulse.register_host('h', 'http://h.example')$$);
SELECT err($$SELECT pulse.alter_host('payments', url => 'http://h.example')$$);
SELECT pulse.register_host('plain', 'http://h.example', allow_http => true);
SELECT err($$SELECT pulse.alter_host('plain', allow_http => false)$$);
SELECT err($$SELECT pulse.register_host('h', 'ftp://h.example')$$);
SELECT err($$SELECT pulse.register_host('h', 'https://user:secret@h.example')$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example/#x')$$);
SELECT err(format('SELECT pulse.register_host(''h'', %L)', E'https://h.example/\r\nX-Evil: 1'));
SELECT err($$SELECT pulse.register_host('h', 'https://h.example/' || repeat('x', 3000))$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', timeout => '0')$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', timeout => '-1 s')$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', timeout => '1 month')$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', timeout => '2 hours')$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', max_in_flight => 0)$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', rate => -5)$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', rate => 5, rate_period => '2 days')$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', networks => '{NULL}')$$);
SELECT err(format('SELECT pulse.register_host(''h'', ''https://h.example'', tenant => %L)', E'a\rb'));
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', ca_file => 'relative.pem')$$);
SELECT err($$SELECT pulse.register_host('h', 'https://h.example', ca_file => '/etc/../../x')$$);

-- actions
SELECT err($$SELECT pulse.register_action('payments.charge', 'nothing')$$);
SELECT pulse.register_action('payments.charge', 'payments', version => '3', timeout => '10 s', retry => '{"max_attempts": 5, "initial": "2 s"}', repeatable => false, description => 'takes money');
SELECT pulse.register_action('payments.charge', 'payments', version => '3', timeout => '10 s', retry => '{"max_attempts": 5, "initial": "2 s"}', repeatable => false, description => 'takes money');
SELECT pulse.register_action('payments.charge', 'payments', version => '4');
SELECT name, host, version, timeout, retry, repeatable, read_only, replay_safe, description FROM pulse.actions;
SELECT err($$SELECT pulse.register_action('payments.x', 'payments', retry => '{"max_attempts": 0}')$$);
SELECT err($$SELECT pulse.register_action('payments.x', 'payments', retry => '{"max_atempts": 3}')$$);
SELECT err($$SELECT pulse.register_action('payments.x', 'payments', retry => '[]')$$);
SELECT err($$SELECT pulse.register_action('payments x', 'payments')$$);
SELECT err($$SELECT pulse.register_action(NULL, 'payments')$$);
SELECT err(format('SELECT pulse.register_action(''a'', ''payments'', version => %L)', E'1\n2'));
SELECT err($$SELECT pulse.drop_host('payments')$$);
SELECT pulse.drop_action('payments.charge'), pulse.drop_action('payments.charge', true);
SELECT err($$SELECT pulse.drop_action('payments.charge')$$);
SELECT pulse.drop_host('payments'), pulse.drop_host('payments', true);
SELECT err($$SELECT pulse.drop_host('payments')$$);

-- credentials: no secret comes back, in no message either
SELECT pulse.set_credential('c', 'hmac', 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz');
SELECT pulse.set_credential('c', 'hmac', 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz');
SELECT pulse.set_credential('c', 'bearer', secret => 'canary-0123');
SELECT err($$SELECT pulse.set_credential('c', 'hmac', 'canary-not-whsec')$$);
SELECT err($$SELECT pulse.set_credential('c', 'hmac', 'whsec_canary!')$$);
SELECT err($$SELECT pulse.set_credential('c', 'hmac', 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODk=')$$);
SELECT err($$SELECT pulse.set_credential('c', 'hmac', 'whsec_' || encode(repeat('c', 65)::bytea, 'base64'))$$);
SELECT err($$SELECT pulse.set_credential('c', 'bearer', 'canary with spaces')$$);
SELECT err(format('SELECT pulse.set_credential(''c'', ''bearer'', %L)', E'canary\r\nX-Evil: 1'));
SELECT err($$SELECT pulse.set_credential('c', 'bearer', 'canäry')$$);
SELECT err($$SELECT pulse.set_credential('c', 'bearer', '')$$);
SELECT err($$SELECT pulse.set_credential('c', 'password', 'canary')$$);
SELECT err($$SELECT pulse.set_credential('c', NULL, 'canary')$$);
SELECT err($$SELECT pulse.set_credential('c', 'bearer')$$);
SELECT err($$SELECT pulse.set_credential('c', 'bearer', 'canary', '/etc/x')$$);
SELECT err($$SELECT pulse.set_credential('c c', 'bearer', 'canary')$$);
SELECT err($$SELECT pulse.set_credential('c', 'bearer', file => '/etc/passwd')$$);
SELECT pulse.alter_host('local', credential => 'c');
SELECT err($$SELECT pulse.drop_credential('c')$$);
SELECT pulse.drop_credential('c', 'bearer'), pulse.drop_credential('c', 'bearer', if_exists => true);
SELECT err($$SELECT pulse.drop_credential('c', 'bearer')$$);
SELECT pulse.alter_host('local', credential => ''), pulse.drop_credential('c');
SELECT err($$SELECT pulse.drop_credential('c')$$);
-- nothing secret is among what views or dumps show
SELECT count(*) FROM pg_extension e, unnest(e.extconfig) t WHERE e.extname = 'pulse' AND t = '_pulse.credential'::regclass;
SELECT item, ok, detail FROM pulse.doctor() WHERE item IN ('actions', 'hosts', 'disabled hosts', 'credentials');
SELECT pulse.alter_host('local', credential => 'gone', enable => false);
SELECT pulse.define('w', '{"nodes": {"a": {"action": "x.y"}, "b": {"action": "x.z", "after": ["a"]}}}');
SELECT item, ok, detail, hint FROM pulse.doctor() WHERE item IN ('actions', 'hosts', 'disabled hosts', 'credentials');
-- also what is named inside of composite nodes, and workflows
SELECT pulse.define('nested', '{"nodes": {
	"c": {"choose": [{"when": "true", "then": {"nodes": {"x": {"action": "in.then"}}}}, {"else": {"nodes": {"y": {"workflow": "in.else"}}}}]},
	"m": {"map": {"over": "$.input", "as": {"nodes": {"r": {"repeat": {"body": {"nodes": {"z": {"action": "in.body", "input": {"action": "no.action"}}}}, "while": "false", "max": 1}}}}}},
	"w": {"workflow": "w"}, "v": {"workflow": "w", "version": 7}}}');
SELECT item, ok, detail, hint FROM pulse.doctor() WHERE item IN ('actions', 'workflows');
SELECT pulse.disable('nested');
SELECT item, ok, detail, hint FROM pulse.doctor() WHERE item IN ('actions', 'workflows');
