# Processes end in all ways; work goes on without anybody's help.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $limit = 6;					# promised are 2 s on an idle machine

my $node = cluster('restarts', 'restart_after_crash = on');
install($node, 'postgres');

sub resumes
{
	my ($what) = @_;
	my $start = time;
	my $run = submit_one($node, 'postgres');
	my $status = finished($node, 'postgres', $run, '60 s');

	is($status, 'completed', "a run after $what");
	cmp_ok(time - $start, '<', $limit, "... soon");
	note(sprintf('%s: %.3f s', $what, time - $start));
	return;
}

# signals
foreach my $n (1 .. 3)
{
	my ($pid) = pids($node, 'worker');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
	resumes("pg_terminate_backend, $n");
}
my ($pid) = pids($node, 'worker');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($_)") foreach pids($node, 'worker');
resumes('pg_cancel_backend');
is((pids($node, 'worker'))[0], $pid, 'a cancel ends nobody who waits');
$node->reload;
resumes('reload');

# the launcher is not needed for work, and finds its children again
my @workers = pids($node, 'worker');
($pid) = pids($node, 'launcher');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
resumes('the end of the launcher');
$node->poll_query_until('postgres', q[
	SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pulse launcher'])
  or BAIL_OUT('no launcher');
is_deeply([ pids($node, 'worker') ], \@workers, 'its workers have gone on');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($workers[0], 10000)");
workers_ready($node, 'postgres', 2);
isnt((pids($node, 'worker'))[0], $workers[0], 'a new launcher starts workers anew');
resumes('the end of a worker under a new launcher');

# crash of a worker: the server restarts itself
foreach my $n (1 .. 3)
{
	($pid) = pids($node, 'worker');
	my $run = submit_one($node, 'postgres');
	kill 'KILL', $pid;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
	$node->poll_query_until('postgres', 'SELECT true');
	is(finished($node, 'postgres', $run), 'completed', "a run from before the crash, $n");
	resumes("kill -9 of a worker, $n");
}

# crash and restart of the server
my $run = submit_one($node, 'postgres');
$node->stop('immediate');
$node->start;
is(finished($node, 'postgres', $run), 'completed', 'a run from before the immediate stop');
resumes('an immediate stop');

# the marks of parts tell an orderly end
workers_ready($node, 'postgres', 2);
$node->safe_psql('postgres', 'ALTER SYSTEM SET pulse.enabled = off');
$node->reload;
workers_gone($node, 'postgres');
is($node->safe_psql('postgres', 'SELECT count(*) FROM _pulse.part WHERE unclean'), '0',
	'parts were left in order');
my $start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', $limit, 'fast stop');
$node->start;
is(scalar pids($node, 'worker'), 0, 'pulse.enabled = off holds over a restart');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pulse.enabled');
$node->reload;
resumes('pulse.enabled = on');

$start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', $limit, 'fast stop with workers');
done_testing();
