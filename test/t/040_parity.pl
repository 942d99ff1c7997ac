# Random workflows, each run in memory (pulse.run_local) and durably: both must come to the
# same statuses, outputs, rewrites, budget and graph. A second pass kills the engine again and
# again, and pauses and cancels runs that go on then. In the end, workflows that fail in
# parallel, with children and parents: however they end, nothing of them may be left.
#
# PULSE_PARITY_SEED and PULSE_PARITY_CASES choose others; PULSE_PARITY_ONLY=N runs case N and
# tells all of it.
use strict;
use warnings;

use FindBin;
use IPC::Open2;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{PULSE_PARITY_SEED} // 20261121;
my $only = $ENV{PULSE_PARITY_ONLY};
my $cases = $ENV{PULSE_PARITY_CASES} // 3000;
my $chunk = 300;
my $shown = $ENV{PULSE_PARITY_SHOWN} // 3;
my $generate = "$FindBin::RealBin/../parity/generate.py";
my ($low, $high) = defined $only ? ($only, $only) : (0, $cases - 1);

note("seed $seed, " . (defined $only ? "case $only" : "$cases cases"));

my $file = PostgreSQL::Test::Utils::tempdir . '/cases.jsonl';
my @wanted = defined $only ? (1, '--only', $only) : ($cases);

IPC::Run::run([ 'python3', '-B', $generate, $seed, @wanted ], '>', $file) or BAIL_OUT('no cases');

my $node = PostgreSQL::Test::Cluster->new('parity');

$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "pulse.enabled = off\nfsync = off\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/../parity/parity.sql"));

# One session for all: the engine under test lives in it.
my $connstr = $node->connstr('postgres');
my $psql = open2(my $from, my $to, "exec psql -XqAt -v ON_ERROR_STOP=1 -d \"$connstr\" 2>&1");

sub sql
{
	my ($text) = @_;
	my @lines;

	print $to "$text;\n\\echo __end_of_answer\n";
	$to->flush;
	while (my $line = <$from>)
	{
		chomp $line;
		return join("\n", @lines) if $line eq '__end_of_answer';
		push @lines, $line;
	}
	diag(join("\n", @lines));
	BAIL_OUT('psql has ended, after: ' . substr($text, 0, 300));
}

# Runs the cases to their ends; $killing: how many steps lie between two deaths of the engine.
sub play
{
	my ($pass, $from_case, $to_case, $killing, $all) = @_;
	my $calm = $killing && !$all ? 'true' : 'false';
	my $most = $killing ? 0 : -1;    # in memory one answer is folded after the other
	my $steps = 0;

	# signals are there before the runs start, as in memory
	sql(q[SELECT pulse_test.set_now(parity.epoch() - interval '1 s'), pulse_test.bindings_reset()]);
	sql("SELECT parity.submit($pass, $from_case, $to_case, $calm)");
	while (1)
	{
		if ($killing && ++$steps % $killing == 0)
		{
			# between batches
			sql('CALL pulse_test.drain(' . (1 + $steps % 3) . ')');
			sql('CALL pulse_test.kill()');
		}
		if ($killing && !$all && $steps % 4 == 3)
		{
			sql("SELECT parity.disturb($pass, $from_case, $to_case, $steps)");
			sql('CALL pulse_test.drain(0)');
			sql("SELECT parity.go_on($pass, $from_case, $to_case)");
		}
		sql('CALL pulse_test.drain(0)');
		my $next = sql('SELECT parity.next()');

		last if $next eq 'end';
		BAIL_OUT("cases $from_case to $to_case do not end") if ++$steps > 10000;
		sql("SELECT parity.answer($from_case, $most)")
		  if $next eq 'calls';

		# with answers that nobody has heard of
		sql('CALL pulse_test.kill()') if $killing && $steps % (2 * $killing + 1) == 0;
	}
	return $steps;
}

sub report
{
	my ($pass, $name) = @_;
	my $count = sql("SELECT parity.compare($pass)");

	ok($count eq '0', $name) or diag("$count cases differ");
	return if $count eq '0';
	foreach my $line (split /\n/, sql("SELECT n || ' ' || differences FROM parity.differing WHERE pass = $pass ORDER BY n LIMIT $shown"))
	{
		my ($n, $what) = split / /, $line, 2;

		diag("case $n: $what");
		diag(sql("SELECT doc FROM parity.cases WHERE n = $n"));
		diag("again: PULSE_PARITY_SEED=$seed PULSE_PARITY_ONLY=$n make check-tap TESTS=040_parity");
	}
	return;
}

sql(q[SET client_min_messages = warning; SET TimeZone = 'UTC']);
sql("\\copy parity.cases (doc) FROM '$file' WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')");

my $start = time;

sql('UPDATE parity.cases SET local = parity.run_local(doc)');
note(sprintf('in memory: %.1f s', time - $start));
is(sql(q[SELECT count(*) FROM parity.cases WHERE local ? 'refused']), '0', 'all cases are valid')
  or diag(sql(q[SELECT n || ' ' || (local ->> 'refused') FROM parity.cases WHERE local ? 'refused' LIMIT 5]));

$start = time;
my $steps = 0;
for (my $i = $low; $i <= $high; $i += $chunk)
{
	my $end = $i + $chunk - 1;

	$steps += play(1, $i, $end > $high ? $high : $end, 0);
}
note(sprintf('durably: %.1f s, %d steps', time - $start, $steps));
report(1, 'in memory and durably the same');

# who brought a node is in its id as well
is(sql(q[
	SELECT count(*) FROM parity.runs p JOIN pulse.nodes n USING (run)
	WHERE p.pass = 1 AND (n.rewrite IS NOT NULL) IS DISTINCT FROM (strpos(n.node, ':') > 0 AND starts_with(n.node, n.proposer || ':'))]),
	'0', 'every node that was added tells by whom');

$start = time;
$steps = 0;
for (my $i = $low; $i <= $high; $i += $chunk)
{
	my $end = $i + $chunk - 1;

	$steps += play(2, $i, $end > $high ? $high : $end, 2 + ($i / $chunk) % 4);
}
note(sprintf('killed: %.1f s, %d steps', time - $start, $steps));
note(sql(q[SELECT string_agg(format('%s %s', count, word), ', ') FROM (
	SELECT split_part(message, ' ', 1) AS word, count(*) FROM _pulse.log WHERE level = 'operator' GROUP BY 1 ORDER BY 1) x]));
report(2, 'the same when the engine dies again and again, and operators interfere');

if (!defined $only)
{
	my $many = int($cases / 5);

	IPC::Run::run([ 'python3', '-B', $generate, $seed, $many, '--first', 100000, '--sort', 'mixed' ], '>', $file)
	  or BAIL_OUT('no cases');
	sql("\\copy parity.cases (doc) FROM '$file' WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')");
	play(3, 100000, 100000 + $many, 3, 1);
	is(sql(q[SELECT string_agg(format('case %s: %s', n, coalesce(p.refused, r.error::text)), '; ')
		FROM parity.runs p LEFT JOIN pulse.runs r USING (run)
		WHERE pass = 3 AND (p.refused IS NOT NULL OR r.status NOT IN ('completed', 'failed', 'timed_out', 'waiting'))]),
		'', 'runs that fail in parallel end');
	is(sql(q[SELECT count(*) FROM pulse.runs c JOIN pulse.runs p ON p.run = c.parent
		WHERE c.ended_at IS NULL AND (p.ended_at IS NOT NULL
			OR NOT EXISTS (SELECT FROM pulse.nodes n WHERE n.run = p.run AND n.child = c.run AND n.status = 'waiting'))]),
		'0', 'no child goes on that nobody waits for');
	is(sql(q[SELECT count(*) FROM pulse.nodes n JOIN pulse.runs c ON c.run = n.child
		WHERE n.status = 'waiting' AND n.reason = 'child' AND c.ended_at IS NOT NULL]),
		'0', 'no parent waits for a child that has ended');
}

is(sql(q[SELECT (SELECT count(*) FROM _pulse.inbox) + (SELECT count(*) FROM _pulse.timer) + (SELECT count(*) FROM _pulse.strike)]),
	'0', 'nothing is left behind');

if (defined $only)
{
	diag(sql("SELECT jsonb_pretty(doc) FROM parity.cases"));
	diag('in memory: ' . sql("SELECT jsonb_pretty(pulse.run_local(doc -> 'graph', doc -> 'input', doc -> 'bindings', doc -> 'signals',"
			. " jsonb_build_object('now', parity.epoch()))) FROM parity.cases"));
	diag('durably: ' . sql('SELECT pass, jsonb_pretty(parity.of_durable(run)) FROM parity.runs'));
}
else
{
	my ($count, $completed, $failed, $suspended, $grown, $admitted, $rejected) = split /\|/, sql(q[
		SELECT count(*), count(*) FILTER (WHERE local ->> 'status' = 'completed'),
			count(*) FILTER (WHERE local ->> 'status' = 'failed'), count(*) FILTER (WHERE local ->> 'status' = 'suspended'),
			count(*) FILTER (WHERE local -> 'statuses' @? '$.keyvalue() ? (@.value == "rewritten")'),
			sum(jsonb_array_length(local -> 'rewrites' -> 'admitted')), sum(jsonb_array_length(local -> 'rewrites' -> 'rejected'))
		FROM parity.cases WHERE NOT local ? 'refused']);

	note("$completed completed, $failed failed, $suspended suspended; $grown with nodes that were rewritten; "
		  . "$admitted rewrites admitted, $rejected rejected");
	ok($completed > $count / 5 && $failed > $count / 20 && $suspended > $count / 100
		  && $admitted > $count / 20 && $rejected > $count / 20, 'of every kind enough');
}
print $to "\\q\n";
waitpid $psql, 0;
$node->stop('fast');
done_testing();
