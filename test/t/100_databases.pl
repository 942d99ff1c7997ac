# Databases and extensions come and go under the workers' feet.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseTest;
use Test::More;

# Promised are 2 s; a loaded machine may need some more.
my $limit = 4;

my $node = cluster('databases');

# several databases, each with its own workers
foreach my $db (qw(a b))
{
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	install($node, $db);
	is(run_one($node, $db), 'completed', "a run in database $db");
}
is($node->safe_psql('postgres', q[
	SELECT string_agg(DISTINCT datname, ' ' ORDER BY datname)
	FROM pg_stat_activity WHERE backend_type = 'pulse worker']),
	'a b', 'workers are where the extension is, and nowhere else');

# while they wait, nothing is held
is($node->safe_psql('postgres', q[
	SELECT count(*) FROM pg_stat_activity
	WHERE backend_type LIKE 'pulse%' AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)]),
	'0', 'no snapshot and no transaction while waiting');
is($node->safe_psql('postgres', q[
	SELECT string_agg(DISTINCT locktype, ' ') FROM pg_locks
	WHERE pid IN (SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pulse%')]),
	'advisory', 'no locks but those of the parts while waiting');
is($node->safe_psql('postgres', q[
	SELECT count(*) || ' ' || count(DISTINCT (database, classid)) FROM pg_locks
	WHERE locktype = 'advisory' AND objsubid = 28789]),
	'128 128', 'each part has one owner');

# the extension goes and comes
within($node, 'a', 'DROP EXTENSION pulse', $limit, 'DROP EXTENSION');
ok(workers_gone($node, 'a'), 'workers leave with the extension');
is(run_one($node, 'b'), 'completed', 'the other database is not affected');
install($node, 'a');
is(run_one($node, 'a'), 'completed', 'the extension is back');
within($node, 'a', 'DROP EXTENSION pulse; CREATE EXTENSION pulse;', $limit,
	'DROP and CREATE EXTENSION at once');
$node->safe_psql('a', q[SELECT pulse.define('one', '{"nodes": {"n": {"noop": true}}}')]);
is(run_one($node, 'a'), 'completed', 'workers go over to the new extension');
$node->safe_psql('a', 'BEGIN; DROP EXTENSION pulse; ROLLBACK;');
is(run_one($node, 'a'), 'completed', 'DROP EXTENSION rolled back');
$node->safe_psql('b', 'BEGIN; SAVEPOINT s; DROP EXTENSION pulse; ROLLBACK TO s; COMMIT;');
is(run_one($node, 'b'), 'completed', 'DROP EXTENSION rolled back to a savepoint');

# renamed, dropped
within($node, 'postgres', 'ALTER DATABASE b RENAME TO c', $limit, 'RENAME');
workers_ready($node, 'c', 2);
is(run_one($node, 'c'), 'completed', 'workers are back after RENAME');
my $run = submit_one($node, 'c');
within($node, 'postgres', 'DROP DATABASE c', $limit, 'DROP DATABASE');
within($node, 'postgres', 'DROP DATABASE a WITH (FORCE)', $limit, 'DROP DATABASE WITH (FORCE)');
within($node, 'postgres', 'CREATE DATABASE fresh', $limit, 'CREATE DATABASE');
within($node, 'postgres', 'DROP DATABASE fresh', $limit, 'DROP DATABASE just created');

# those who may not drop a database may not disturb its workers either
$node->safe_psql('postgres', 'CREATE DATABASE d');
install($node, 'd');
my @before = pids($node, 'worker');
$node->safe_psql('postgres', 'CREATE ROLE nobody_special LOGIN');
my ($rc, $out, $err) = $node->psql('postgres', 'SET ROLE nobody_special; DROP DATABASE d');
like($err, qr/must be owner/, 'DROP DATABASE is refused');
is_deeply([ pids($node, 'worker') ], \@before, 'and has disturbed nobody');

# a database made from one with runs is a copy: it stands still until it is adopted
$node->safe_psql('d', q[SELECT pulse.define('later',
	'{"nodes": {"d": {"delay": "1 hour"}}}')]);
$run = $node->safe_psql('d', q[SELECT pulse.submit('later')]);
within($node, 'postgres', 'CREATE DATABASE copy TEMPLATE d', $limit, 'use as a template');
workers_ready($node, 'd', 2);
is(run_one($node, 'd'), 'completed', 'the original goes on');
$node->poll_query_until('copy', q[
	SELECT count(*) = 2 FROM pg_stat_activity
	WHERE backend_type = 'pulse worker' AND datname = 'copy' AND query LIKE '%held%']);
my $held = submit_one($node, 'copy');
is(finished($node, 'copy', $held, '100 ms'), 'pending', 'the copy stands still');
is($node->safe_psql('copy', q[SELECT pulse.adopt('test')]), 't', 'adopted');
is(finished($node, 'copy', $held), 'completed', 'and goes on');

# a template or a database that takes no connections has no workers
$node->safe_psql('postgres', 'ALTER DATABASE copy ALLOW_CONNECTIONS false');
ok(workers_gone($node, 'copy'), 'no workers where no connections are allowed');
$node->safe_psql('postgres', 'ALTER DATABASE copy ALLOW_CONNECTIONS true');
workers_ready($node, 'copy', 2);
is(run_one($node, 'copy'), 'completed', 'back again');

my $log = slurp_log($node);
unlike($log, qr/PANIC|TRAP|FATAL:|Segmentation/, 'nothing untoward in the log');

$node->stop;
done_testing();

sub slurp_log
{
	return PostgreSQL::Test::Utils::slurp_file($_[0]->logfile);
}
