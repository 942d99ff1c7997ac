# A standby is quiet; promoted, it takes over.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $primary = cluster('primary');
install($primary, 'postgres');
is(run_one($primary, 'postgres'), 'completed', 'a run on the primary');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

is(scalar pids($standby, 'launcher') + scalar pids($standby, 'worker'), 0,
	'nobody works on a standby');
is($standby->safe_psql('postgres', q[SELECT count(*) > 0 FROM pulse.runs WHERE status = 'completed']),
	't', 'views can be read there');
my ($rc, $out, $err) = $standby->psql('postgres', q[SELECT pulse.submit('one')]);
like($err, qr/read-only|recovery/, 'a submit is refused there');

# a run that waits, and one that the primary has not got to
$primary->safe_psql('postgres', 'ALTER SYSTEM SET pulse.enabled = off');
$primary->reload;
workers_gone($primary, 'postgres');
my $run = submit_one($primary, 'postgres');
$primary->wait_for_catchup($standby);
$primary->stop('immediate');

my $start = time;
$standby->promote;
is(finished($standby, 'postgres', $run), 'completed', 'the promoted standby takes over');
note(sprintf('promotion to end of run: %.3f s', time - $start));
is(run_one($standby, 'postgres'), 'completed', 'and goes on');

# beside a server that goes on, as in point-in-time recovery
$standby->append_conf('postgresql.conf', "pulse.hold_on_new_timeline = on\n");
$standby->backup('second');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($standby, 'second', has_streaming => 1);
$copy->start;
$standby->wait_for_catchup($copy);
$copy->promote;
$copy->poll_query_until('postgres', q[
	SELECT count(*) = 2 FROM pg_stat_activity
	WHERE backend_type = 'pulse worker' AND query LIKE '%held%'])
  or BAIL_OUT('not held');
$run = submit_one($copy, 'postgres');
is(finished($copy, 'postgres', $run, '100 ms'), 'pending', 'held on a new timeline');
is($copy->safe_psql('postgres', 'SELECT pulse.adopt()'), 't', 'adopted');
is(finished($copy, 'postgres', $run), 'completed', 'and goes on');

$copy->stop;
$standby->stop;
done_testing();
