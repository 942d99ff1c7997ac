# Doing nothing costs nothing: no WAL, no growth, no processor time worth mentioning.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseTest;
use Test::More;

my $node = cluster('idle', 'pulse.poll_interval = 20ms');
install($node, 'postgres');
is(run_one($node, 'postgres'), 'completed', 'warm');

# Waits until each worker has polled so many times more.
sub polled
{
	my ($n) = @_;
	my $min = $node->safe_psql('postgres', 'SELECT min(polls) FROM pulse.stat_workers') + $n;

	ok($node->poll_query_until('postgres',
			"SELECT min(polls) >= $min FROM pulse.stat_workers"), "$n polls");
	return;
}

# bytes of memory of the workers, as the system sees them
sub memory
{
	my $sum = 0;

	foreach my $pid (pids($node, 'worker'))
	{
		open my $fh, '<', "/proc/$pid/statm" or return undef;
		my @pages = split ' ', <$fh>;
		$sum += ($pages[1] - $pages[2]) * 4096;		# resident, not shared
		close $fh;
	}
	return $sum;
}

polled(50);
$node->safe_psql('postgres', 'CHECKPOINT');
polled(10);
my $lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
my $before = memory();
polled(200);
my $wal = $node->safe_psql('postgres',
	"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$lsn')");
cmp_ok($wal, '<', 1000, 'polls write no WAL');
my $after = memory();
SKIP:
{
	skip 'no /proc', 1 unless defined $before && defined $after;
	cmp_ok($after - $before, '<', 512 * 1024, 'memory does not grow');
}

$node->stop;
done_testing();
