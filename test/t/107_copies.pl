# A dump that is restored elsewhere is a copy: it sends nothing until it is adopted.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseTest;
use Test::More;

# While it is held, the copy is looked at often.
my $node = cluster('copies', 'pulse.poll_interval = 100ms');
install($node, 'postgres');
is(run_one($node, 'postgres'), 'completed', 'a run in the original');
my $waits = $node->safe_psql('postgres', q[
	SELECT pulse.define('approval', '{"nodes": {"s": {"signal": "go"}, "n": {"noop": true, "after": ["s"]}}}') \gset
	SELECT pulse.submit('approval');]);
my $later = $node->safe_psql('postgres', q[
	SELECT pulse.define('later', '{"nodes": {"d": {"delay": "1 s"}, "n": {"noop": true, "after": ["d"]}}}') \gset
	SELECT pulse.submit('later');]);

my $dump = $node->basedir . '/dump';
my $connstr = $node->connstr('postgres');

# Polls of the workers of a database: it has been looked at so many times.
sub looked_at
{
	my ($db) = @_;

	foreach my $n (1 .. 3)
	{
		my $since = $node->safe_psql('postgres', 'SELECT clock_timestamp()');

		$node->poll_query_until('postgres', qq[
			SELECT bool_and(state_change > '$since') FROM pg_stat_activity
			WHERE backend_type = 'pulse worker' AND datname = '$db'])
		  or BAIL_OUT("nobody looks at $db");
	}
	return;
}

sub states
{
	my ($db) = @_;

	return $node->safe_psql($db, "SELECT string_agg(status, ' ' ORDER BY run) FROM pulse.runs
		WHERE run IN ('$waits', '$later')");
}

# with live runs, restored in one piece and in parallel
$node->command_ok([ 'pg_dump', '-Fd', '-f', $dump, '-d', $connstr ], 'dump');
foreach my $jobs (1, 2)
{
	my $db = "copy$jobs";

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok([ 'pg_restore', '-j', $jobs, '-d', $node->connstr($db), $dump ],
		"restore with $jobs jobs");
	$node->poll_query_until('postgres', qq[
		SELECT count(*) = 2 FROM pg_stat_activity
		WHERE backend_type = 'pulse worker' AND datname = '$db' AND query LIKE '%held%'])
	  or BAIL_OUT('not held');
	looked_at($db);
	is($node->safe_psql($db, qq[SELECT count(*) FROM pulse.runs
		WHERE run IN ('$waits', '$later') AND ended_at IS NULL]), '2',
		'the copy has all live runs, and leaves them alone');
	is($node->safe_psql($db, q[SELECT count(*) FROM pulse.runs WHERE status = 'completed']), '1',
		'and the history');
	like($node->safe_psql($db, q[SELECT string_agg(concat_ws(' ', item, detail, hint), E'\n')
		FROM pulse.doctor() WHERE NOT ok]), qr/copy.*pulse\.adopt/s, 'doctor() says so');
	is($node->safe_psql($db, q[SELECT pulse.adopt('rehearsal')]), 't', 'adopted');
	is($node->safe_psql($db, q[SELECT pulse.adopt('again')]), 'f', 'once');
	is(finished($node, $db, $later), 'completed', 'its timers go on');
	is($node->safe_psql($db, "SELECT pulse.signal('$waits', 'go')"), 'accepted', 'signalled');
	is(finished($node, $db, $waits), 'completed', 'its signals go on');
	is(run_one($node, $db), 'completed', 'new runs too');
}

# the original knows nothing of all this
is(finished($node, 'postgres', $later), 'completed', 'the original has gone on');
is($node->safe_psql('postgres', "SELECT count(*) FROM pulse.runs
	WHERE run = '$waits' AND ended_at IS NULL"), '1', 'by itself');

# without live runs, whoever submits first makes it his own
$node->safe_psql('postgres', "SELECT pulse.cancel('$waits')");
is(finished($node, 'postgres', $waits), 'cancelled', 'no live runs are left');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.c", '-d', $connstr ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE calm');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('calm'), "$dump.c" ], 'restore');
is(run_one($node, 'calm'), 'completed', 'a copy without live runs needs no adoption');

$node->stop;
done_testing();
