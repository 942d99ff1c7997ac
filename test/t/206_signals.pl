# Signals, cancels, pauses and waits by many sessions at once, through real workers.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = cluster('signals', 'max_connections = 60');
my $host = PulseHost->start('signals');

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$host->register($node, 'postgres', 'test.a');
$node->safe_psql('postgres', q[
	SELECT pulse.define('talk', '{"nodes": {
		"a": {"action": "test.a"},
		"s1": {"signal": "one", "after": ["a"]},
		"s2": {"signal": "two", "after": ["s1"]},
		"s3": {"signal": "two", "after": ["s2"]},
		"end": {"pure": [{"$": "$.nodes.s1"}, {"$": "$.nodes.s2"}, {"$": "$.nodes.s3"}], "after": ["s3"]}}}');
	CREATE TABLE told (run uuid, id text, name text, payload jsonb);]);
workers_ready($node, 'postgres', 2);

# pgbench drives eight sessions; each script submits, signals, repeats, sometimes cancels, and waits
my $scripts = $node->basedir;
append_to_file("$scripts/talk.sql", q[
SELECT pulse.submit('talk') AS run \gset
SELECT pulse.signal(:run, 'two', '1', 'x') AS a1 \gset
BEGIN;
SELECT pulse.signal(:run, 'one', '0', 'y') AS a2 \gset
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT pulse.signal(:run, 'two', '"never"', 'never') AS a4 \gset
SELECT pulse.cancel(:run) AS a5 \gset
ROLLBACK TO s;
SELECT pulse.signal(:run, 'two', '1', 'x') AS a3 \gset
SELECT pulse.signal(:run, 'two', '2', 'z') AS a6 \gset
COMMIT;
SELECT status, output::text FROM pulse.wait(:run, '60 s') \gset
INSERT INTO told (run, id, name, payload) VALUES (:run::uuid, :a1::text || :a2::text || :a3::text || :a6::text, :status, :output::jsonb);
]);
append_to_file("$scripts/cancel.sql", q[
SELECT pulse.submit('talk') AS run \gset
SELECT pulse.pause(:run) AS p \gset
SELECT pulse.signal(:run, 'one') AS s \gset
SELECT pulse.resume(:run) AS q \gset
SELECT pulse.cancel(:run, 'enough') AS c \gset
SELECT status FROM pulse.wait(:run, '60 s') \gset
INSERT INTO told (run, id, name) VALUES (:run::uuid, 'cancel', :status);
]);
my $start = time;
$node->command_ok([ 'pgbench', '-n', '-M', 'prepared', '-c', 8, '-j', 2, '-t', 40, '-f', "$scripts/talk.sql\@4", '-f', "$scripts/cancel.sql\@1", 'postgres' ],
	'eight sessions, 320 runs');
note(sprintf('%.1f s', time - $start));
is($node->safe_psql('postgres', 'SELECT count(*) FROM told'), '320', 'all have come back');
is($node->safe_psql('postgres', q[SELECT DISTINCT id || ' ' || name || ' ' || payload FROM told WHERE id <> 'cancel']),
	'acceptedacceptedduplicateaccepted completed [0, 1, 2]', 'runs have heard their signals, in order');
is($node->safe_psql('postgres', q[SELECT DISTINCT name FROM told WHERE id = 'cancel']), 'cancelled', 'the others are cancelled');
ok(until_sql($node, 'postgres', q[SELECT count(*) = 0 FROM pulse.signals WHERE state = 'pending']), 'no signal is left pending');
is($node->safe_psql('postgres', q[
	SELECT count(*) FILTER (WHERE state = 'consumed') = 3 * (SELECT count(*) FROM told WHERE id <> 'cancel')
	FROM pulse.signals JOIN told USING (run) WHERE told.id <> 'cancel']), 't', 'each was consumed once');
is($node->safe_psql('postgres', q[SELECT count(*) FROM pulse.signals WHERE id = 'never']), '0', 'what was rolled back was never there');
is($node->safe_psql('postgres', q[SELECT (SELECT count(*) FROM _pulse.inbox) + (SELECT count(*) FROM _pulse.timer)]), '0', 'nothing is left over');

# many waiters of one run
my $run = $node->safe_psql('postgres', q[SELECT pulse.submit('talk')]);
append_to_file("$scripts/wait.sql", qq[SELECT status FROM pulse.wait('$run', '60 s') \\gset
INSERT INTO told (run, id, name) VALUES ('$run', 'waiter', :status);\n]);
my $waiters = IPC::Run::start([ 'pgbench', '-n', '-M', 'prepared', '-c', 30, '-j', 1, '-t', 1, '-f', "$scripts/wait.sql", '-h', $node->host, '-p', $node->port, 'postgres' ],
	'>', '/dev/null', '2>', '/dev/null');
ok(until_sql($node, 'postgres', q[SELECT count(*) = 30 FROM pg_stat_activity WHERE query LIKE '%pulse.wait%' AND state = 'active' AND pid <> pg_backend_pid()]),
	'thirty sessions wait for one run');
$start = time;
$node->safe_psql('postgres', qq[SELECT pulse.cancel('$run')]);
$waiters->finish;
cmp_ok(time - $start, '<', 5, 'all of them wake');
note(sprintf('%.3f s', time - $start));
is($node->safe_psql('postgres', q[SELECT count(*) FROM told WHERE id = 'waiter' AND name = 'cancelled']), '30', '... and see the end');

# CALL pulse.run
is($node->safe_psql('postgres', q[SELECT pulse.define('echo', '{"nodes": {"a": {"pure": {"$": "$.input"}}}}')]), '1', 'another workflow');
is($node->safe_psql('postgres', q[CALL pulse.run('echo', '{"say": "hello"}')]), '{"say": "hello"}', 'CALL pulse.run');
my $keys = $node->safe_psql('postgres', q[SELECT count(*) FROM _pulse.node WHERE node = 'a' AND status = 'completed' AND attempt > 0]);
my $applied = () = $host->entries(outcome => 'applied');
cmp_ok($applied, '>=', $keys, 'each completed call has had its effect');
$host->ledger_ok($applied, 'each effect once');
$node->stop('fast');
$host->stop;
done_testing();
