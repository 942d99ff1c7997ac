# Two databases, one host: each has its own workers, runs, keys and end.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;

my $node = cluster('two', 'restart_after_crash = on');
my $host = PulseHost->start('two');
my @dbs = ('left_one', 'right_one');
my $runs = 150;

foreach my $db (@dbs)
{
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION pulse');
	$host->register($node, $db, 'test.a', 'test.b');
	$node->safe_psql($db, q[
		SELECT pulse.define('work', '{"nodes": {
			"a": {"action": "test.a", "input": {"db": {"$": "$.input"}}},
			"wait": {"signal": "go", "after": ["a"]},
			"b": {"action": "test.b", "after": ["wait"], "input": {"db": {"$": "$.nodes.a.db"}, "__fault": {"delay_ms": 20}}}}}')]);
}
workers_ready($node, $_, 2) foreach @dbs;

$node->safe_psql($_, qq[SELECT count(pulse.submit('work', to_jsonb(current_database()), idempotency_key => i::text)) FROM generate_series(1, $runs) AS i])
  foreach @dbs;
$host->until_entries(2 * $runs, action => 'test.a') or BAIL_OUT('no calls');

# the worker of one database dies, and takes all with it; both go on
my ($pid) = split /\n/, $node->safe_psql($dbs[0], 'SELECT pid FROM pulse.stat_workers');
$node->safe_psql($dbs[0], q[SELECT count(pulse.signal(run, 'go', id => 'only')) FROM pulse.runs]);
kill 'KILL', $pid;
until_sql($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid") or BAIL_OUT('the server does not come back');
$node->safe_psql($dbs[1], q[SELECT count(pulse.signal(run, 'go', id => 'only')) FROM pulse.runs]);
foreach my $db (@dbs)
{
	ok(until_sql($node, $db, qq[SELECT count(*) = $runs FROM pulse.runs WHERE status = 'completed']), "$db: all runs have ended well");
	is($node->safe_psql($db, q[SELECT bool_and(output ->> 'db' = current_database()) FROM pulse.runs]), 't', "$db: with their own outputs");
	is($node->safe_psql($db, q[SELECT count(DISTINCT pid) FROM pulse.stat_workers]), '2', "$db: has its own workers");
}
$host->ledger_ok(4 * $runs, 'each effect once');

# one goes; the other does not notice
$node->safe_psql('postgres', "DROP DATABASE $dbs[0]");
is(finished($node, $dbs[1], $node->safe_psql($dbs[1], q[SELECT pulse.submit_graph('{"nodes": {"a": {"noop": true}}}')])), 'completed',
	'the other database goes on');
$node->stop('fast');
$host->stop;
done_testing();
