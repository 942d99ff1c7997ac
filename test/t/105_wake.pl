# A commit wakes the worker, whatever form it takes; what is rolled back wakes nobody.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

# The safety poll is as slow as it may be: what comes at once came by a wake-up.
my $node = cluster('wake', 'max_prepared_transactions = 5', 'pulse.poll_interval = 5s');
install($node, 'postgres');
is(run_one($node, 'postgres'), 'completed', 'warm');

# wake-ups: most runs of a series end long before a poll could have found them
my $start = time;
foreach my $n (1 .. 20)
{
	run_one($node, 'postgres');
}
cmp_ok(time - $start, '<', 20 * 2.5, 'twenty runs did not wait for twenty polls');

# savepoints
my $out = $node->safe_psql('postgres', q[
	BEGIN;
	SAVEPOINT a;
	SELECT pulse.submit('one') AS gone \gset
	ROLLBACK TO a;
	SAVEPOINT b;
	SELECT pulse.submit('one') AS outer_id \gset
	SAVEPOINT c;
	SELECT pulse.submit('one') AS inner_id \gset
	RELEASE c;
	RELEASE b;
	COMMIT;
	SELECT (SELECT status FROM pulse.wait(:'outer_id', '30 s')),
		(SELECT status FROM pulse.wait(:'inner_id', '30 s')),
		(SELECT count(*) FROM pulse.runs WHERE run = :'gone');]);
is($out, 'completed|completed|0', 'runs of savepoints');

$out = $node->safe_psql('postgres', q[
	CREATE FUNCTION attempt(fail boolean) RETURNS uuid LANGUAGE plpgsql AS $$
	DECLARE id uuid;
	BEGIN
		BEGIN
			id := pulse.submit('one');
			IF fail THEN RAISE division_by_zero; END IF;
		EXCEPTION WHEN division_by_zero THEN
			RETURN NULL;
		END;
		RETURN id;
	END $$;
	SELECT attempt(true) IS NULL AS none, attempt(false) AS id \gset
	SELECT status FROM pulse.wait(:'id', '30 s');]);
is($out, 'completed', 'a run submitted in an exception block');

# two-phase commit
my $waits = $node->safe_psql('postgres', q[
	BEGIN;
	SELECT pulse.submit('one') AS id \gset
	PREPARE TRANSACTION 'p';
	SELECT :'id';]);
is($node->safe_psql('postgres', "SELECT count(*) FROM pulse.runs WHERE run = '$waits'"), '0',
	'nothing to be seen of a prepared transaction');
$node->safe_psql('postgres', q[COMMIT PREPARED 'p']);
is(finished($node, 'postgres', $waits), 'completed', 'COMMIT PREPARED wakes');

$waits = $node->safe_psql('postgres', q[
	BEGIN;
	SELECT pulse.submit('one') AS id \gset
	PREPARE TRANSACTION 'p';
	SELECT :'id';]);
$node->safe_psql('postgres', q[ROLLBACK PREPARED 'p']);
is($node->safe_psql('postgres', "SELECT count(*) FROM pulse.runs WHERE run = '$waits'"), '0',
	'ROLLBACK PREPARED leaves nothing');

# a prepared transaction survives a crash, and wakes in the new server
$waits = $node->safe_psql('postgres', q[
	BEGIN;
	SELECT pulse.submit('one') AS id \gset
	PREPARE TRANSACTION 'p';
	SELECT :'id';]);
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', q[COMMIT PREPARED 'p']);
is(finished($node, 'postgres', $waits), 'completed', 'COMMIT PREPARED after a crash');

# the extension itself in a prepared transaction
$node->safe_psql('postgres', 'CREATE DATABASE twophase');
$node->safe_psql('twophase', q[BEGIN; CREATE EXTENSION pulse; PREPARE TRANSACTION 'e';]);
$node->safe_psql('twophase', q[COMMIT PREPARED 'e']);
$node->safe_psql('twophase', q[SELECT pulse.define('one', '{"nodes": {"n": {"noop": true}}}')]);
is(run_one($node, 'twophase'), 'completed', 'CREATE EXTENSION by COMMIT PREPARED');

# those who wait are many, and answer to interrupts
my $late = $node->safe_psql('postgres', q[
	SELECT pulse.define('late', '{"nodes": {"d": {"delay": "1 day"}}}');
	SELECT pulse.submit('late');]);
$late = (split /\n/, $late)[-1];
my ($rc, $stdout, $stderr) = $node->psql('postgres',
	"SET statement_timeout = '300ms'; SELECT status FROM pulse.wait('$late')");
like($stderr, qr/statement timeout/, 'a wait can be cancelled');
my @sessions = map { $node->background_psql('postgres') } 1 .. 5;
foreach my $s (@sessions)
{
	$s->query_until(qr/go/, "\\echo go\nSELECT 'ended ' || status FROM pulse.wait('$late');\n");
}
$node->poll_query_until('postgres', q[SELECT count(*) = 5 FROM pg_stat_activity
	WHERE query LIKE '%pulse.wait%' AND wait_event_type = 'Extension' AND pid <> pg_backend_pid()]);
$node->safe_psql('postgres', "SELECT pulse.cancel('$late')");
foreach my $s (@sessions)
{
	my $answer = $s->query('SELECT 1');

	like($answer, qr/ended cancelled/, 'a waiting session has been told');
	$s->quit;
}

$node->stop;
done_testing();
