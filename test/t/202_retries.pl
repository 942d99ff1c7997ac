# Real failures of a real host: retries, Retry-After, faults of all kinds.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $node = cluster('retries', 'pulse.workers = 1');
my $host = PulseHost->start('retries');

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$host->register($node, 'postgres', qw(orders.load payments.charge warehouse.ship test.a test.b test.read));
$node->safe_psql('postgres', q[
	SELECT pulse.register_action('test.read', 'h', read_only => true);
	SELECT pulse.define('order', '{"nodes": {
		"load": {"action": "orders.load", "input": {"order_id": {"$": "$.input.order_id"}}},
		"charge": {"action": "payments.charge", "after": ["load"], "retry": {"initial": "100 ms", "max_attempts": 4},
			"input": {"order_id": {"$": "$.input.order_id"}, "amount": {"$": "$.nodes.load.total"}, "fail_times": {"$": "$.input.fail_times"}}},
		"ship": {"action": "warehouse.ship", "after": ["charge"]},
		"sum": {"pure": {"paid": {"$": "$.nodes.charge.status"}, "tracking": {"$": "$.nodes.ship.tracking"}}, "after": ["ship"]}}}');
	SELECT pulse.define('one', '{"nodes": {"a": {"action": "test.a", "timeout": "2 s", "retry": {"initial": "50 ms", "max_attempts": 3}}}}');
	SELECT pulse.define('read', '{"nodes": {"a": {"action": "test.read"}}}');]);
workers_ready($node, 'postgres', 1);
my ($pid) = pids($node, 'worker');

sub submit
{
	my ($workflow, $input) = @_;

	return $node->safe_psql('postgres', "SELECT pulse.submit('$workflow', \$q\$$input\$q\$)");
}

# Ids are 1 to 1: the run of a fault and its attempts, as text.
sub story
{
	my ($run) = @_;

	return $node->safe_psql('postgres', qq[
		SELECT coalesce(string_agg(outcome || coalesce(' ' || class, ''), ', ' ORDER BY attempt), '')
		FROM pulse.attempts WHERE run = '$run' AND node IN ('a', 'charge')]);
}

# real 503s
my $run = submit('order', '{"order_id": "o-1", "fail_times": 2}');
is(finished($node, 'postgres', $run), 'completed', 'an order whose charge fails twice');
is(story($run), 'failed server, failed server, succeeded', '... three attempts');
my @t = map { $_->{t} } $host->entries(action => 'payments.charge');
cmp_ok($t[1] - $t[0], '>=', 0.08, '... 100 ms apart, but for jitter');
cmp_ok($t[2] - $t[1], '>=', 0.16, '... then 200 ms');
$run = submit('order', '{"order_id": "o-2", "fail_times": 9}');
is(finished($node, 'postgres', $run), 'failed', 'an order whose charge fails again and again');
is(story($run), join(', ', ('failed server') x 4), '... four attempts');
is($node->safe_psql('postgres', qq[SELECT error ->> 'node' || ': ' || (error ->> 'message') FROM pulse.runs WHERE run = '$run']),
	'charge: card network is busy', '... and says why');

# Retry-After: of one action, and of the whole host
foreach my $case (['500', 'failed server, succeeded'], ['503', 'held throttled, succeeded'], ['429', 'held throttled, succeeded'])
{
	my ($status, $expected) = @$case;

	$run = submit('one', qq[{"v": "after $status", "__fault": [{"status": $status, "headers": {"Retry-After": "1"}}]}]);
	is(finished($node, 'postgres', $run), 'completed', "$status with Retry-After");
	is(story($run), $expected, '... is told so');
	@t = map { $_->{t} } $host->entries(run => $run);
	is(scalar @t, 2, '... two deliveries');
	cmp_ok($t[1] - $t[0], '>=', 1, '... a second apart');
}

# conflict and unknown action: no attempt burned
$run = submit('one', '{"v": "late", "__fault": [{"status": 409}, {"status": 404}, {"status": 409}, {"status": 404}]}');
is(finished($node, 'postgres', $run), 'completed', 'conflicts, and an action that is not there yet');
is($node->safe_psql('postgres', qq[SELECT tries || ' of ' || attempt FROM pulse.nodes WHERE run = '$run']), '1 of 5',
	'... burn no attempts');

# faults: first delivery misbehaves, the others are fine
my %faults = (
	# nobody knows: repeated under the same key
	half => 'unknown network, succeeded',
	half_reset => 'unknown network, succeeded',
	half_head => 'unknown network, succeeded',
	stall => 'timed_out timeout, succeeded',
	hang => 'timed_out timeout, succeeded',
	# answers that cannot be used are final
	trunc_json => 'failed bad_response',
	nul => 'failed bad_response',
	bad_utf8 => 'failed bad_response',
	deep => 'failed bad_response',
	html => 'failed bad_response',
	empty => 'failed bad_response',
	huge => 'failed bad_response',
	# and some that are fine
	no_content => 'succeeded',
	idle_close => 'succeeded',
	early_hints => 'succeeded');
my %runs;

$runs{$_} = submit('one', qq[{"v": "$_", "__fault": [{"mode": "$_", "count": 20}]}]) foreach sort keys %faults;
foreach my $mode (sort keys %faults)
{
	my $status = finished($node, 'postgres', $runs{$mode});

	is($status, $faults{$mode} =~ /succeeded/ ? 'completed' : 'failed', "fault $mode: the run has ended");
	is(story($runs{$mode}), $faults{$mode}, "fault $mode: attempts");
}
# Whatever comes here, the run goes on or ends, and the worker lives. (A kept connection
# that ends before the first byte of an answer is tried again at once, in the same attempt.)
my @odd = qw(reset reset_after close_after junk http09 lying_long lying_short gzip gzip_transfer many_headers big_header number no_type close two_lengths
	endless drip poison);
$runs{$_} = submit('one', qq[{"v": "$_", "__fault": [{"mode": "$_", "interval_ms": 100}]}]) foreach @odd;
foreach my $mode (@odd)
{
	my $status = finished($node, 'postgres', $runs{$mode});

	ok($status eq 'completed' || $status eq 'failed', "odd answer $mode: the run has ended")
	  or diag($status);
	note("$mode: $status, " . story($runs{$mode}));
}
is((pids($node, 'worker'))[0], $pid, 'the worker is the same all the time');

# read-only actions carry no key
$run = submit('read', '1');
is(finished($node, 'postgres', $run), 'completed', 'a read-only action');

my $applied = () = grep { $_->{outcome} eq 'applied' } $host->entries;
$host->ledger_ok($applied, 'keys and bodies are stable');
$node->stop('fast');
$host->stop;
done_testing();
