# kill -9 of workers while graphs grow: around the admission of rewrites, in maps and loops, and
# between parents and children. All runs end with the right output, every call has one effect,
# and nothing is left behind.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;
use Time::HiRes qw(sleep);

my $node = cluster('growth', 'restart_after_crash = on', 'fsync = on');
my $host = PulseHost->start('growth');
my $seed = $ENV{PULSE_KILL_SEED} // 20261121;
my %keys;    # calls of a run of each workflow

srand($seed);
note("seed $seed");
$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$host->register($node, 'postgres', map { "test.$_" } qw(grow after item round one two));

# Each call takes a little, so that there is something to be killed; its effect comes first.
my $slow = '"config": {"__fault": {"apply": true, "delay_ms": 25}}';

$keys{grow} = 6;
$node->safe_psql('postgres', qq[SELECT pulse.define('grow', '{"nodes": {
	"g": {"action": "test.grow", "input": {"__grow": {"times": 2, "width": 2}}},
	"z": {"action": "test.after", "after": ["g"], "input": {"of": {"\$": "\$.nodes.g.__grow.times"}}}}, $slow}')]);
$keys{map} = 13;
$node->safe_psql('postgres', qq[SELECT pulse.define('map', '{"nodes": {
	"m": {"map": {"over": "\$.input", "max_parallel": 5, "as": {"nodes": {
		"i": {"action": "test.item", "input": {"i": {"\$": "\$.item"}, "at": {"\$": "\$.index"}}}}}}},
	"z": {"action": "test.after", "after": ["m"], "input": {"items": {"\$": "\$.nodes.m[*].i"}}}}, $slow}')]);
$keys{loop} = 9;
$node->safe_psql('postgres', qq[SELECT pulse.define('loop', '{"nodes": {
	"r": {"repeat": {"while": "\$.round < 8", "max": 8, "body": {"nodes": {
		"i": {"action": "test.round", "input": {"n": {"\$": "\$.round"}, "last": {"\$": "\$.nodes.r.n"}}}}}}, "on_exhausted": "complete"},
	"z": {"action": "test.after", "after": ["r"]}}, $slow}')]);
$node->safe_psql('postgres', qq[SELECT pulse.define('child', '{"nodes": {
	"a": {"action": "test.one", "input": {"id": {"\$": "\$.input.id"}}},
	"b": {"action": "test.two", "after": ["a"], "input": {"id": {"\$": "\$.nodes.a.id"}}}}, $slow}')]);
$keys{parent} = 2 * 4 + 2 * 2 + 1;
$node->safe_psql('postgres', qq[SELECT pulse.define('parent', '{"nodes": {
	"m": {"map": {"over": "\$.input", "max_parallel": 2, "as": {"nodes": {"k": {"workflow": "child", "input": {"id": {"\$": "\$.item"}}}}}}},
	"r": {"repeat": {"while": "\$.round < 2", "max": 2, "body": {"nodes": {"k": {"workflow": "child", "input": {"id": {"\$": "\$.round"}}}}}}},
	"z": {"action": "test.after", "after": ["m", "r"], "input": {"m": {"\$": "\$.nodes.m"}, "r": {"\$": "\$.nodes.r"}}}}, $slow}')]);
workers_ready($node, 'postgres', 2);

my %input = (grow => 'null', map => '[1,2,3,4,5,6,7,8,9,10,11,12]', loop => 'null', parent => '[10, 20, 30, 40]');
my %output = (
	grow => '{"of": 2}',
	map => '{"items": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}',
	loop => '{"r": {"n": 8, "last": 7}}',
	parent => '{"m": [{"id": 10}, {"id": 20}, {"id": 30}, {"id": 40}], "r": {"id": 2}}');
my $total = 0;

sub submit
{
	my ($workflow, $times) = @_;

	$node->safe_psql('postgres',
		"SELECT count(pulse.submit('$workflow', '$input{$workflow}')) FROM generate_series(1, $times)");
	$total += $times * $keys{$workflow};
	return;
}

sub kill_worker
{
	my ($pid) = split /\n/, $node->safe_psql('postgres', q[
		SELECT pid FROM pulse.stat_workers ORDER BY in_flight DESC, worker]);

	return unless $pid;
	kill 'KILL', $pid;
	until_sql($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
	  or BAIL_OUT('the server does not come back');
	return;
}

# What must hold when all runs have ended.
sub settled
{
	my ($name) = @_;

	ok(until_sql($node, 'postgres', q[SELECT count(*) = 0 FROM pulse.runs WHERE ended_at IS NULL]), "$name: all runs have ended")
	  or diag($node->safe_psql('postgres', q[SELECT r.run, r.workflow, r.status, w.* FROM pulse.runs r, pulse.why(r.run) w WHERE r.ended_at IS NULL LIMIT 20]));
	is($node->safe_psql('postgres', q[SELECT string_agg(DISTINCT workflow || ' ' || status, ', ') FROM pulse.runs WHERE status <> 'completed']),
		'', '... all of them well');
	foreach my $workflow (sort keys %output)
	{
		is($node->safe_psql('postgres', qq[
			SELECT count(*) FROM pulse.runs WHERE workflow = '$workflow' AND output IS DISTINCT FROM '$output{$workflow}'::jsonb]),
			'0', "... outputs of $workflow are right")
		  or diag($node->safe_psql('postgres', qq[SELECT DISTINCT output FROM pulse.runs WHERE workflow = '$workflow' LIMIT 5]));
	}
	$host->ledger_ok($total, '... each effect once, keys and bodies stable');
	is($node->safe_psql('postgres', q[
		SELECT count(*) FROM _pulse.run c LEFT JOIN _pulse.run p ON p.id = c.parent
		WHERE c.workflow = 'child' AND p.id IS NULL]), '0', '... no orphans');
	is($node->safe_psql('postgres', q[SELECT count(*) FILTER (WHERE workflow = 'child') - 6 * count(*) FILTER (WHERE workflow = 'parent') FROM _pulse.run]),
		'0', '... each child started once');
	is($node->safe_psql('postgres', q[
		SELECT (SELECT count(*) FROM _pulse.inbox) || ' ' || (SELECT count(*) FROM _pulse.timer) || ' ' || (SELECT count(*) FROM _pulse.strike)]),
		'0 0 0', '... nothing left in inbox, timers and strikes');
	return;
}

# Kills while calls come in, of this action or any, after so many of them, up to 30 ms later.
sub kill_during
{
	my ($action, $step, $kills) = @_;
	my @like = defined $action ? (action => "test.$action") : ();
	my $seen = scalar $host->entries(@like);
	my $done = 0;

	foreach my $n (1 .. $kills)
	{
		$seen += 1 + int rand($step);
		until_true(sub { scalar($host->entries(@like)) >= $seen }, 2) or last;
		sleep(rand(0.03));
		kill_worker();
		$done++;
	}
	note("$done kills");
	return $done;
}

# calm first: what is expected is right without any kill
submit($_, 1) foreach sort keys %output;
settled('undisturbed');

my $kills = 0;

submit('grow', 8);
$kills += kill_during('grow', 12, 5);
settled('around admission');
is($node->safe_psql('postgres', q[
	SELECT string_agg(DISTINCT n::text, ' ') FROM (
		SELECT count(*) AS n FROM _pulse.rewrite w JOIN _pulse.run r ON r.id = w.run
		WHERE r.workflow = 'grow' AND revision IS NOT NULL GROUP BY r.id) x]), '2', 'each rewrite was admitted once');

submit('map', 4);
$kills += kill_during('item', 10, 4);
settled('in a map');

submit('loop', 6);
$kills += kill_during('round', 10, 5);
settled('in a loop');
is($node->safe_psql('postgres', q[SELECT count(*) FROM _pulse.node n JOIN _pulse.run r ON r.id = n.run WHERE workflow = 'loop' AND node LIKE 'r:iter%' AND node NOT LIKE 'r:iter\\_8:%']),
	'0', 'rounds that are over have left no rows');

submit('parent', 4);
$kills += kill_during('one', 4, 5);
settled('between parent and child');
submit('parent', 4);
$kills += kill_during('two', 4, 5);
settled('when children end');

submit($_, 5) foreach sort keys %output;
$kills += kill_during(undef, 15, 8);
settled('all together');
cmp_ok($kills, '>=', 20, 'killed often enough');

$node->stop('fast');
$host->stop;
done_testing();
