# What the tests of launcher and workers share: a cluster with pulse, waiting for
# workers, running one small workflow. Everything waits for a condition with a limit.
package PulseTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(cluster install workers_ready workers_gone pids run_one submit_one
  finished within);

# A started cluster; further lines of configuration may be given. TEMP_CONFIG preloads pulse.
sub cluster
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', join("\n", 'autovacuum = off', @conf) . "\n");
	$node->start;
	return $node;
}

# CREATE EXTENSION and a workflow of one node; returns when the workers are there.
sub install
{
	my ($node, $db, $n) = @_;

	$node->safe_psql($db, 'CREATE EXTENSION pulse');
	$node->safe_psql($db, q[SELECT pulse.define('one', '{"nodes": {"n": {"noop": true}}}')]);
	workers_ready($node, $db, $n // 2) if !defined $n || $n > 0;
	return;
}

# Exactly n workers are there and wait for work.
sub workers_ready
{
	my ($node, $db, $n) = @_;

	return $node->poll_query_until('postgres', qq[
		SELECT count(*) = $n AND count(*) FILTER (WHERE query LIKE '%waiting%') = $n
		FROM pg_stat_activity WHERE backend_type = 'pulse worker' AND datname = '$db'])
	  || BAIL_OUT("no $n workers in $db");
}

# Nobody is connected to the database on pulse's behalf.
sub workers_gone
{
	my ($node, $db) = @_;

	return $node->poll_query_until('postgres', qq[
		SELECT count(*) = 0 FROM pg_stat_activity
		WHERE backend_type = 'pulse worker' AND datname = '$db']);
}

sub pids
{
	my ($node, $what) = @_;

	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'pulse $what' ORDER BY pid");
}

sub submit_one
{
	my ($node, $db) = @_;

	return $node->safe_psql($db, q[SELECT pulse.submit('one')]);
}

# Waits for the end of a run; returns its status.
sub finished
{
	my ($node, $db, $run, $limit) = @_;

	$limit //= '30 s';
	return $node->safe_psql($db, "SELECT status FROM pulse.wait('$run', '$limit')");
}

sub run_one
{
	my ($node, $db) = @_;

	return finished($node, $db, submit_one($node, $db));
}

# Runs a statement; a test that it succeeds within so many seconds.
sub within
{
	my ($node, $db, $sql, $limit, $name) = @_;
	my $start = time;
	my ($rc, $out, $err) = $node->psql($db, $sql);
	my $took = time - $start;

	ok($rc == 0 && $took < $limit, $name)
	  or diag(sprintf("status %d after %.3f s: %s", $rc, $took, $err));
	note(sprintf("%s: %.3f s", $name, $took));
	return $out;
}

1;
