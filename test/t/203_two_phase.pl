# Submit and signal in two-phase transactions.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $node = cluster('twophase', 'max_prepared_transactions = 10', 'pulse.poll_interval = 60s');
my $host = PulseHost->start('twophase');

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$host->register($node, 'postgres', 'test.a');
$node->safe_psql('postgres', q[
	SELECT pulse.define('ask', '{"nodes": {"ask": {"signal": "go"}, "a": {"action": "test.a", "after": ["ask"]}}}')]);
workers_ready($node, 'postgres', 2);

sub prepare
{
	my ($sql, $gid) = @_;

	return (split /\n/, $node->safe_psql('postgres', "BEGIN; $sql; PREPARE TRANSACTION '$gid'"))[0];
}

# COMMIT PREPARED wakes the worker: the poll is a minute away
my $run = prepare(q[SELECT pulse.submit('ask')], 'submit');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulse.runs'), '0', 'prepared is not there');
$node->safe_psql('postgres', q[COMMIT PREPARED 'submit']);
ok(until_sql($node, 'postgres', qq[SELECT count(*) = 1 FROM pulse.waiting WHERE run = '$run'], 10),
	'COMMIT PREPARED of a submit wakes');
is(prepare(qq[SELECT pulse.signal('$run', 'go')], 'signal'), 'accepted', 'a prepared signal');
is($node->safe_psql('postgres', qq[SELECT status FROM pulse.runs WHERE run = '$run']), 'waiting', '... is not heard');
my $start = time;
$node->safe_psql('postgres', q[COMMIT PREPARED 'signal']);
is(finished($node, 'postgres', $run, '10 s'), 'completed', '... until it is committed');
note(sprintf('COMMIT PREPARED to the end: %.3f s', time - $start));

# others overtake it by thousands of transactions; restart in between
$run = prepare(q[SELECT pulse.submit('ask', '"old"')], 'old');
my $signalled = $node->safe_psql('postgres', q[SELECT pulse.submit('ask', '"signalled"')]);
is(prepare(qq[SELECT pulse.signal('$signalled', 'go')], 'old signal'), 'accepted', 'another prepared signal');
$node->safe_psql('postgres', q[DO $$
	BEGIN
		FOR i IN 1 .. 300 LOOP
			PERFORM pulse.signal(pulse.submit('ask', to_jsonb(i)), 'go');
			COMMIT;
		END LOOP;
	END $$]);
ok(until_sql($node, 'postgres', q[SELECT count(*) = 301 FROM pulse.runs WHERE status = 'completed']), 'others are not held up');
$node->stop('immediate');
$node->start;
is(finished($node, 'postgres', $node->safe_psql('postgres', q[
	BEGIN; SELECT pulse.submit_graph('{"nodes": {"a": {"noop": true}}}'); COMMIT])), 'completed', 'work goes on after a restart');
$node->safe_psql('postgres', q[COMMIT PREPARED 'old']);
$node->safe_psql('postgres', q[COMMIT PREPARED 'old signal']);
is(finished($node, 'postgres', $signalled, '10 s'), 'completed', 'a signal that was prepared before the restart');
is($node->safe_psql('postgres', qq[SELECT pulse.signal('$run', 'go')]), 'accepted', 'a run that was prepared before the restart');
is(finished($node, 'postgres', $run, '10 s'), 'completed', '... runs');

# rolled back
$run = prepare(q[SELECT pulse.submit('ask', '"never"')], 'never');
$node->safe_psql('postgres', q[ROLLBACK PREPARED 'never']);
is($node->safe_psql('postgres', qq[
	SELECT (SELECT count(*) FROM _pulse.run WHERE id = '$run') + (SELECT count(*) FROM _pulse.inbox)
		+ (SELECT count(*) FROM _pulse.timer)]), '0', 'ROLLBACK PREPARED leaves nothing');
$host->ledger_ok(303, 'each effect once');
$node->stop('fast');
$host->stop;
done_testing();
