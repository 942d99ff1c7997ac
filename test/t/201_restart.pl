# The server stops, in all manners, in the middle of runs.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $limit = $ENV{PULSE_TEST_SLOW} ? 10 : 2;
my $node = cluster('restart', 'fsync = on');
my $host = PulseHost->start('restart');

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$host->register($node, 'postgres', 'test.a', 'test.b');
$node->safe_psql('postgres', q[
	SELECT pulse.define('work', '{"nodes": {
		"a": {"action": "test.a", "input": {"$": "$.input"}},
		"pause": {"delay": "200 ms", "after": ["a"]},
		"ask": {"signal": "go", "after": ["a"]},
		"b": {"action": "test.b", "after": ["pause", "ask"], "retry": {"initial": "100 ms", "max_attempts": 5},
			"input": {"v": {"$": "$.input.v"}, "__fault": {"status": 503, "times": 2}}},
		"end": {"pure": {"$": "$.nodes.b.v"}, "after": ["b"]}}}');]);
workers_ready($node, 'postgres', 2);

my $runs = 0;
foreach my $mode ('immediate', 'fast', 'immediate', 'fast')
{
	my $seen = scalar $host->entries(action => 'test.a');

	# some are in a call that is not answered, some wait, some have not been taken up
	$node->safe_psql('postgres', q[
		SELECT pulse.submit('work', jsonb_build_object('v', i, '__fault',
			CASE WHEN i % 2 = 0 THEN '[{"delay_ms": 60000, "apply": true}]'::jsonb ELSE '[]' END))
		FROM generate_series(1, 20) AS i]);
	$runs += 20;
	$host->until_entries($seen + 20, action => 'test.a') or BAIL_OUT('no calls');
	$node->safe_psql('postgres', q[
		SELECT pulse.submit('work', jsonb_build_object('v', i)) FROM generate_series(1, 5) AS i;
		SELECT pulse.signal(run, 'go', id => 'only') FROM pulse.runs WHERE ended_at IS NULL]);
	$runs += 5;
	$node->stop($mode);
	my $before = scalar $host->entries(action => 'test.a', outcome => 'repeated');
	$node->start;
	my $accepting = time;
	ok($host->until_entries($before + 10, action => 'test.a', outcome => 'repeated'),
		"$mode: calls in flight are repeated");
	my $took = ($host->entries(action => 'test.a', outcome => 'repeated'))[$before]->{t} - $accepting;
	cmp_ok($took, '<', $limit, "$mode: soon");
	note(sprintf('%s: the first after %.3f s', $mode, $took));
	ok(until_sql($node, 'postgres', 'SELECT count(*) = 0 FROM pulse.runs WHERE ended_at IS NULL'),
		"$mode: all runs have ended");
}
is($node->safe_psql('postgres', q[SELECT string_agg(DISTINCT status, ' ') FROM pulse.runs]),
	'completed', 'all of them well');
is($node->safe_psql('postgres', q[SELECT bool_and(output = input -> 'v') FROM pulse.runs]), 't', 'outputs are right');
is($node->safe_psql('postgres', q[SELECT count(*) FILTER (WHERE state <> 'consumed') FROM pulse.signals]),
	'0', 'no signal was lost');
$host->ledger_ok(2 * $runs, 'each effect once');

# the host is away for a while, too
my $run = $node->safe_psql('postgres', q[
	SELECT pulse.submit_graph('{"nodes": {"a": {"action": "test.a", "retry": {"initial": "100 ms", "factor": 1, "max_attempts": 1000}}}}')]);
is(finished($node, 'postgres', $run), 'completed', 'a run before the host goes');
$host->stop;
$run = $node->safe_psql('postgres', q[
	SELECT pulse.submit_graph('{"nodes": {"a": {"action": "test.a", "retry": {"initial": "100 ms", "factor": 1, "max_attempts": 1000}}}}', '"x"')]);
ok(until_sql($node, 'postgres', qq[SELECT count(*) > 2 FROM pulse.attempts WHERE run = '$run' AND class = 'network']),
	'attempts at a host that is away');
$node->stop('immediate');
$node->start;
$host->begin;
is(finished($node, 'postgres', $run), 'completed', 'the host is back');
$host->ledger_ok(2 * $runs + 2, 'each effect once');

$node->stop('fast');
$host->stop;
done_testing();
