# Settings of the cluster and of databases, and what the server lacks.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseTest;
use Test::More;

my $node = cluster('settings', 'pulse.poll_interval = 200ms');
install($node, 'postgres');

sub set
{
	my ($setting, $value) = @_;

	$node->safe_psql('postgres',
		defined $value ? "ALTER SYSTEM SET $setting = $value" : "ALTER SYSTEM RESET $setting");
	$node->reload;
	return;
}

# size of a team
foreach my $n (1, 3, 2)
{
	set('pulse.workers', $n);
	workers_ready($node, 'postgres', $n);
	is(run_one($node, 'postgres'), 'completed', "a run with pulse.workers = $n");
	is($node->safe_psql('postgres', q[SELECT count(*) FROM pg_locks
		WHERE locktype = 'advisory' AND objsubid = 28789]), '64', 'all parts are owned');
}

# off and on
set('pulse.enabled', 'off');
ok(workers_gone($node, 'postgres'), 'workers leave when pulse.enabled is off');
my $run = submit_one($node, 'postgres');
is(finished($node, 'postgres', $run, '100 ms'), 'pending', 'a run waits');
set('pulse.enabled', undef);
is(finished($node, 'postgres', $run), 'completed', 'until pulse.enabled is on');

# some databases only
$node->safe_psql('postgres', 'CREATE DATABASE "Other one"');
install($node, 'Other one');
set('pulse.databases', q['"Other one", third']);
ok(workers_gone($node, 'postgres'), 'workers leave a database that is not named');
is(run_one($node, 'Other one'), 'completed', 'the one that is named goes on');
$run = submit_one($node, 'postgres');
is(finished($node, 'postgres', $run, '100 ms'), 'pending', 'the other one waits');
set('pulse.databases', undef);
is(finished($node, 'postgres', $run), 'completed', 'until all are named');

# values that are refused
foreach my $case (
	[ 'pulse.workers', '65', qr/outside the valid range/ ],
	[ 'pulse.workers', '0', qr/outside the valid range/ ],
	[ 'pulse.poll_interval', q['1min'], qr/outside the valid range/ ],
	[ 'pulse.allow_networks', q['10.0.0.0/8, nowhere'], qr/"nowhere" is not a network/ ],
	[ 'pulse.allow_networks', q['10.0.0.0/33'], qr/is not a network/ ],
	[ 'pulse.secret_directory', q['relative'], qr/absolute path/ ],
	[ 'pulse.databases', q['a,,b'], qr/list of database names/ ],
	[ 'pulse.tenant', q[''], qr/1 to 200 bytes/ ],
	[ 'pulse.no_such_thing', '1', qr/invalid configuration parameter name|unrecognized/ ])
{
	my ($setting, $value, $expect) = @$case;
	my ($rc, $out, $err) = $node->psql('postgres', "ALTER SYSTEM SET $setting = $value");

	like($err, $expect, "$setting = $value is refused");
}

# what the owner of a database may set does not reach the workers
$node->safe_psql('postgres', 'CREATE DATABASE hostile');
install($node, 'hostile', 0);
$node->safe_psql('hostile', q[
	CREATE SCHEMA evil;
	CREATE FUNCTION evil.trap(text, text) RETURNS boolean LANGUAGE plpgsql
		AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
	CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.trap);
	ALTER DATABASE hostile SET search_path = evil, pg_catalog;
	ALTER DATABASE hostile SET default_transaction_read_only = on;
	ALTER DATABASE hostile SET default_transaction_isolation = 'serializable';
	ALTER DATABASE hostile SET statement_timeout = 1;
	ALTER DATABASE hostile SET lock_timeout = 1;
	ALTER DATABASE hostile SET idle_session_timeout = 1;
	ALTER DATABASE hostile SET timezone = 'Asia/Tokyo';
	ALTER DATABASE hostile SET datestyle = 'SQL, DMY';
	ALTER DATABASE hostile SET intervalstyle = 'sql_standard';
	ALTER DATABASE hostile SET enable_indexscan = off;
	ALTER DATABASE hostile SET plan_cache_mode = force_custom_plan;
	ALTER DATABASE hostile SET session_replication_role = replica;
	ALTER DATABASE hostile SET row_security = off;
	ALTER DATABASE hostile SET synchronous_commit = off;
	ALTER DATABASE hostile SET application_name = 'innocent';]);
set('pulse.enabled', 'off');
workers_gone($node, 'hostile');
set('pulse.enabled', undef);
workers_ready($node, 'hostile', 2);
{
	# ours are sessions of that database too: options beat what its owner has set
	local $ENV{PGOPTIONS} = join(' ', map { "-c $_" } qw(idle_session_timeout=0
		statement_timeout=0 lock_timeout=0 default_transaction_read_only=off
		search_path=pg_catalog), 'default_transaction_isolation=read\\ committed');
	$run = $node->safe_psql('hostile', q[SELECT pulse.submit('one')]);
	is($node->safe_psql('hostile', qq[SELECT status FROM pulse.wait('$run', '30 s')]),
		'completed', 'a run in a hostile database');
}
is($node->safe_psql('postgres', q[SELECT string_agg(DISTINCT application_name, ' ')
	FROM pg_stat_activity WHERE backend_type = 'pulse worker']), 'pulse',
	'workers have set their own application_name');
$node->safe_psql('postgres', 'DROP DATABASE hostile');

# library and SQL objects of different versions
$node->safe_psql('postgres', q[SET allow_system_table_mods = on;
	UPDATE pg_extension SET extversion = '99' WHERE extname = 'pulse']);
$node->poll_query_until('postgres', q[
	SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'pulse worker'
		AND datname = 'postgres' AND query LIKE '%held%'])
  or BAIL_OUT('not held');
my ($rc, $out, $err) = $node->psql('postgres', q[\set VERBOSITY verbose
	SELECT pulse.submit('one')]);
like($err, qr/PU006/, 'functions refuse a version that they do not know');
like($node->safe_psql('postgres', q[SELECT string_agg(detail, ' ') FROM pulse.doctor() WHERE NOT ok]),
	qr/99/, 'doctor() says so');
$node->safe_psql('postgres', q[SET allow_system_table_mods = on;
	UPDATE pg_extension SET extversion = pulse.version() WHERE extname = 'pulse']);
workers_ready($node, 'postgres', 2);
is(run_one($node, 'postgres'), 'completed', 'on again with the right version');

# no room for workers
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_worker_processes = 2');
$node->restart;
my $offset = -s $node->logfile;
$run = submit_one($node, 'postgres');
$node->wait_for_log(qr/no background worker slot is free for pulse/);
is(finished($node, 'postgres', $run, '100 ms'), 'pending',
	'without room for workers a run waits');
like($node->safe_psql('postgres', 'SELECT string_agg(detail, E\'\n\') FROM pulse.doctor() WHERE NOT ok'),
	qr/background worker slot/, 'doctor() says why');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET max_worker_processes');
$node->restart;
is(finished($node, 'postgres', $run), 'completed', 'until there is room');

# room comes back without a restart
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_worker_processes = 4');
set('pulse.workers', 3);
set('pulse.databases', 'postgres');
$node->restart;
$node->wait_for_log(qr/no background worker slot is free for pulse in database "postgres"/, $offset);
set('pulse.workers', 1);
workers_ready($node, 'postgres', 1);
is(run_one($node, 'postgres'), 'completed', 'fewer workers find room');

$node->stop;
done_testing();
