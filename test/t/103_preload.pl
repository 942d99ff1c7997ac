# Without preloading, functions store and nothing runs; with it, everything goes on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('preload');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->start;

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$node->safe_psql('postgres', q[SELECT pulse.define('one', '{"nodes": {"n": {"noop": true}}}')]);
my $run = submit_one($node, 'postgres');
is(finished($node, 'postgres', $run, '100 ms'), 'pending', 'a run is stored and waits');
is(scalar pids($node, 'launcher'), 0, 'no launcher');
like($node->safe_psql('postgres',
		q[SELECT string_agg(concat_ws(' ', item, detail, hint), E'\n') FROM pulse.doctor() WHERE NOT ok]),
	qr/shared_preload_libraries/, 'doctor() says why');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulse.stat_workers'), '0',
	'stat_workers is empty');
$node->safe_psql('postgres', 'CREATE DATABASE x');
$node->safe_psql('postgres', 'DROP DATABASE x');
$node->safe_psql('postgres', 'SET pulse.tenant = acme; SHOW pulse.tenant');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pulse'\n");
$node->restart;
is(finished($node, 'postgres', $run), 'completed', 'it runs when the library is preloaded');
is(scalar pids($node, 'launcher'), 1, 'one launcher');

# threads and TLS start in workers, never in the postmaster
SKIP:
{
	my ($postmaster) = split /\n/, PostgreSQL::Test::Utils::slurp_file($node->data_dir . '/postmaster.pid');

	skip 'no /proc', 1 unless -d "/proc/$postmaster/task";
	my @threads = glob("/proc/$postmaster/task/*");
	is(scalar @threads, 1, 'the postmaster has one thread');
}

# together with others that use shared memory
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements, pulse, auto_explain'\n");
$node->restart;
is(run_one($node, 'postgres'), 'completed', 'among other preloaded libraries');

$node->stop;
done_testing();
