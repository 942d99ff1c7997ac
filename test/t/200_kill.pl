# kill -9 of a worker in the middle of a call: the run ends, with one effect.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $limit = $ENV{PULSE_TEST_SLOW} ? 10 : 2;    # seconds until work goes on
my $node = cluster('kill', 'restart_after_crash = on', 'fsync = on');
my $host = PulseHost->start('kill');
my $keys = 0;

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$host->register($node, 'postgres', 'test.a', 'test.b', 'test.once');
$node->safe_psql('postgres', q[
	SELECT pulse.register_action('test.once', 'h', repeatable => false);
	SELECT pulse.define('call', '{"nodes": {
		"before": {"pure": {"n": 1}},
		"a": {"action": "test.a", "after": ["before"], "input": {"$": "$.input"}, "retry": {"max_attempts": 1}},
		"b": {"action": "test.b", "after": ["a"], "input": {"of_a": {"$": "$.nodes.a.v"}}}}}');
	SELECT pulse.define('once', '{"nodes": {"a": {"action": "test.once", "input": {"$": "$.input"}}}}');
]);
workers_ready($node, 'postgres', 2);

# Kills the worker that does something, or any; returns when connections are accepted again.
sub kill_worker
{
	my ($pid) = split /\n/, $node->safe_psql('postgres', q[
		SELECT pid FROM pulse.stat_workers ORDER BY in_flight DESC]);
	my $accepting;

	kill 'KILL', $pid;
	until_sql($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
	  or BAIL_OUT('the server does not come back');
	return time;
}

# the host is at work, or has worked and its answer is under way
my @faults = (
	['applied, the answer delayed', '{"apply": true, "delay_ms": 60000}'],
	['not applied, nothing said', '{"mode": "hang"}'],
	['half of the answer there', '{"mode": "stall"}'],
	['a long answer dripping', '{"mode": "drip", "interval_ms": 500}']);
my $worst = 0;

foreach my $fault (@faults)
{
	my ($name, $json) = @$fault;
	my $seen = scalar $host->entries(action => 'test.a');
	my $run = $node->safe_psql('postgres',
		qq[SELECT pulse.submit('call', '{"v": "$name", "__fault": [$json]}')]);

	$host->until_entries($seen + 1, action => 'test.a') or BAIL_OUT('no call');
	my $accepting = kill_worker();

	$host->until_entries($seen + 2, action => 'test.a') or BAIL_OUT('no second call');
	my $took = ($host->entries(action => 'test.a'))[-1]->{t} - $accepting;
	$worst = $took if $took > $worst;
	cmp_ok($took, '<', $limit, "$name: called again soon");
	note(sprintf('%s: called again %.3f s after the server accepted connections', $name, $took));

	is(finished($node, 'postgres', $run), 'completed', "$name: the run has ended");
	my @calls = $host->entries(run => $run, node => 'a');
	is(scalar @calls, 2, '... two deliveries');
	is($calls[0]->{key}, $calls[1]->{key}, '... one key');
	is($calls[0]->{sha}, $calls[1]->{sha}, '... one body');
	is(join(' ', map { $_->{attempt} } @calls), '1 2', '... attempts 1 and 2');
	is($node->safe_psql('postgres', qq[
		SELECT string_agg(node || attempt || ' ' || outcome, ', ' ORDER BY node, attempt) FROM pulse.attempts WHERE run = '$run']),
		'a1 lost, a2 succeeded, b1 succeeded', '... and recorded so');
	$keys += 2;
}
note(sprintf('worst: %.3f s', $worst));
$host->ledger_ok($keys, 'each effect once');

# many runs in all stages, killed again and again; the host works, or asks to be called later
my $runs = 60;
$node->safe_psql('postgres', qq[
	SELECT count(pulse.submit('call', jsonb_build_object('v', i, '__fault',
		jsonb_build_array(jsonb_build_object('delay_ms', 50 + i * 37 % 400)
			|| CASE WHEN i % 2 = 0 THEN '{"apply": true}'::jsonb ELSE '{"status": 409}' END))))
	FROM generate_series(1, $runs) AS i]);
foreach my $n (1 .. 5)
{
	my $seen = scalar $host->entries;

	# at the end there may be fewer to come
	until_true(sub { scalar($host->entries) >= $seen + 10 }, 3) or last;
	kill_worker();
}
ok(until_sql($node, 'postgres', q[SELECT count(*) = 0 FROM pulse.runs WHERE ended_at IS NULL]),
	'all runs have ended after five more kills');
is($node->safe_psql('postgres', q[SELECT string_agg(DISTINCT status, ' ') FROM pulse.runs]),
	'completed', 'all of them well');
$keys += 2 * $runs;
$host->ledger_ok($keys, 'each effect once, keys and bodies stable');
is($node->safe_psql('postgres', q[SELECT count(*) FROM _pulse.strike]), '0', 'nobody is suspected any more');

# what may not be repeated waits for somebody who knows
my $run = $node->safe_psql('postgres',
	q[SELECT pulse.submit('once', '{"__fault": [{"apply": true, "delay_ms": 60000}]}')]);
$host->until_entries(1, action => 'test.once') or BAIL_OUT('no call');
kill_worker();
ok(until_sql($node, 'postgres', qq[SELECT waits_for = 'operator' FROM pulse.waiting WHERE run = '$run']),
	'a call that may not be repeated waits for an operator');
$keys++;
$host->ledger_ok($keys, '... and is not repeated');
is(scalar $host->entries(action => 'test.once'), 1, '... not even delivered');
$node->safe_psql('postgres', qq[SELECT pulse.retry('$run')]);
is(finished($node, 'postgres', $run), 'completed', '... until he says so');
my @calls = $host->entries(action => 'test.once');
is($calls[1]->{outcome}, 'repeated', '... under the same key');
$host->ledger_ok($keys, '... with one effect');

$node->stop('fast');
$host->stop;
done_testing();
