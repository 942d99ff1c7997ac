# DROP EXTENSION, DROP DATABASE, RENAME, TEMPLATE and shutdown under load, with calls in flight.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $limit = $ENV{PULSE_TEST_SLOW} ? 10 : 2;
my $node = cluster('drop');
my $host = PulseHost->start('drop');

# A database with work in all stages: calls that hang, queues, timers, new runs.
sub busy
{
	my ($db) = @_;
	my $seen = scalar $host->entries(action => 'test.hang');

	$node->safe_psql('postgres', "CREATE DATABASE $db") if $db ne 'postgres';
	$node->safe_psql($db, 'CREATE EXTENSION pulse');
	$host->register($node, $db, 'test.hang', 'test.a');
	$node->safe_psql($db, q[
		SELECT pulse.alter_host('h', max_in_flight => 60);
		SELECT pulse.define('hang', '{"nodes": {"a": {"action": "test.hang", "timeout": "10 min", "input": {"__fault": {"mode": "hang"}}}}}');
		SELECT pulse.define('quick', '{"nodes": {"a": {"action": "test.a"}, "d": {"delay": "50 ms"}, "b": {"action": "test.a", "after": ["a", "d"]}}}');
		SELECT count(pulse.submit('hang')) FROM generate_series(1, 200);
		SELECT count(pulse.submit('quick', priority => 0)) FROM generate_series(1, 3000)]);
	$host->until_entries($seen + 20, action => 'test.hang') or BAIL_OUT('no calls');
	return;
}

busy('one');
within($node, 'one', 'DROP EXTENSION pulse', $limit, 'DROP EXTENSION');
ok(workers_gone($node, 'one'), '... and the workers are gone');
ok(until_true(sub { $host->stats->{open} <= 1 }, 10), '... and their connections');
$node->safe_psql('postgres', 'DROP DATABASE one');

# in a transaction that is rolled back: nothing has happened
busy('two');
within($node, 'two', 'BEGIN; DROP EXTENSION pulse; ROLLBACK', $limit, 'DROP EXTENSION, rolled back');
is(finished($node, 'two', $node->safe_psql('two', q[SELECT pulse.submit_graph('{"nodes": {"a": {"noop": true}}}', priority => 0)])),
	'completed', '... and work goes on');
within($node, 'postgres', 'DROP DATABASE two', $limit, 'DROP DATABASE');
ok(workers_gone($node, 'two'), '... and the workers are gone');

busy('three');
within($node, 'postgres', 'ALTER DATABASE three RENAME TO renamed', $limit, 'RENAME');
is(finished($node, 'renamed', $node->safe_psql('renamed', q[SELECT pulse.submit_graph('{"nodes": {"a": {"noop": true}}}', priority => 0)])),
	'completed', '... and work goes on');
within($node, 'postgres', 'CREATE DATABASE copy TEMPLATE renamed STRATEGY file_copy', 3 * $limit, 'TEMPLATE');
is(finished($node, 'renamed', $node->safe_psql('renamed', q[SELECT pulse.submit_graph('{"nodes": {"a": {"noop": true}}}', priority => 0)])),
	'completed', '... and work goes on in the original');
within($node, 'postgres', 'DROP DATABASE copy', $limit, 'DROP DATABASE of the copy');

# a worker that is told to go, while calls hang
my ($pid) = split /\n/, $node->safe_psql('renamed', 'SELECT pid FROM pulse.stat_workers');
within($node, 'postgres', "SELECT pg_terminate_backend($pid, 10000)", $limit, 'pg_terminate_backend');
within($node, 'renamed', q[SELECT bool_and(pulse.cancel(run)) FROM pulse.runs WHERE workflow = 'hang'], 10 * $limit, 'cancel of all that hangs');
ok(until_sql($node, 'renamed', q[SELECT count(*) = 0 FROM pulse.runs WHERE ended_at IS NULL AND workflow = 'hang'], 20), '... has its effect');
ok(until_sql($node, 'renamed', q[SELECT count(*) = 0 FROM pulse.runs WHERE ended_at IS NULL], 120), '... and the others end');
is($node->safe_psql('renamed', q[SELECT string_agg(DISTINCT status, ' ') FROM pulse.runs WHERE workflow = 'quick']), 'completed', '... well');

busy('four');
my $start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 2 * $limit, 'fast shutdown');
note(sprintf('fast shutdown: %.3f s', time - $start));
$node->start;
$start = time;
is(finished($node, 'four', $node->safe_psql('four', q[SELECT pulse.submit_graph('{"nodes": {"a": {"noop": true}}}', priority => 0)])),
	'completed', 'a run after the start');
note(sprintf('after the start: %.3f s', time - $start));
$node->safe_psql('postgres', 'DROP DATABASE four');
is($node->safe_psql('postgres', q[SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pulse launcher']), '1', 'the launcher is there');
$node->stop('fast');
$host->stop;
done_testing();
