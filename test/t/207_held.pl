# While a slow call is under way nothing is held: no transaction, no snapshot, no lock on a
# relation; and an old transaction elsewhere holds up nobody.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $node = cluster('held', 'pulse.workers = 1');
my $host = PulseHost->start('held');

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$host->register($node, 'postgres', 'test.slow', 'test.a');
$node->safe_psql('postgres', q[
	SELECT pulse.define('slow', '{"nodes": {"a": {"action": "test.slow", "timeout": "10 min", "input": {"__fault": [{"mode": "hang"}]}}}}');
	SELECT pulse.define('quick', '{"nodes": {"a": {"action": "test.a"}, "b": {"action": "test.a", "after": ["a"]}}}')]);
workers_ready($node, 'postgres', 1);

my $run = $node->safe_psql('postgres', q[SELECT pulse.submit('slow')]);
$host->until_entries(1) or BAIL_OUT('no call');
ok(until_sql($node, 'postgres', q[
	SELECT bool_and(state = 'idle' AND backend_xid IS NULL AND backend_xmin IS NULL AND xact_start IS NULL)
	FROM pg_stat_activity WHERE backend_type = 'pulse worker']), 'no transaction and no snapshot while a call is under way');
is($node->safe_psql('postgres', q[
	SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE a.backend_type = 'pulse worker' AND (l.locktype <> 'advisory' AND l.locktype <> 'userlock')]), '0', 'no lock but on the parts');
is($node->safe_psql('postgres', q[SELECT status FROM pulse.runs]), 'running', 'it is still under way');
# so everything can be vacuumed and altered
within($node, 'postgres', 'SET lock_timeout = 2000; VACUUM FULL _pulse.node; VACUUM FULL _pulse.run; REINDEX TABLE _pulse.node', 10, 'VACUUM FULL meanwhile');
is(finished($node, 'postgres', $node->safe_psql('postgres', q[SELECT pulse.submit('quick')])), 'completed', 'others go on beside it');
is($node->safe_psql('postgres', qq[SELECT pulse.cancel('$run')]), 't', 'cancel');
is(finished($node, 'postgres', $run), 'cancelled', '... ends it at once');

# a transaction that stays open, with a submit and a signal in it
my $old = $node->background_psql('postgres');
$run = $node->safe_psql('postgres', q[SELECT pulse.submit_graph('{"nodes": {"a": {"signal": "s"}}}')]);
$old->query_safe(qq[BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pulse.submit('quick', '"old"'); SELECT pulse.signal('$run', 's', '"old"');]);
my $start = time;
is($node->safe_psql('postgres', q[
	SELECT count(pulse.submit('quick', to_jsonb(i))) FROM generate_series(1, 300) AS i]), '300', '300 runs');
ok(until_sql($node, 'postgres', q[SELECT count(*) = 301 FROM pulse.runs WHERE status = 'completed' AND workflow = 'quick']), '... end while it is open');
note(sprintf('%.3f s', time - $start));
is($node->safe_psql('postgres', qq[SELECT status FROM pulse.runs WHERE run = '$run']), 'waiting', 'its signal is not heard');
$old->query_safe('COMMIT');
is(finished($node, 'postgres', $run), 'completed', '... until it commits');
ok(until_sql($node, 'postgres', q[SELECT count(*) = 302 FROM pulse.runs WHERE status = 'completed' AND workflow = 'quick']), '... and so with its run');
$old->quit;
$host->ledger_ok(604, 'each effect once', '--quiet');
$node->stop('fast');
$host->stop;
done_testing();
