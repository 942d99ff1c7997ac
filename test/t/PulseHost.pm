# The test host in the hands of a TAP test: one process, its ledger, and the SQL that
# registers it. Waiting is for facts, with a limit, and never for time to pass.
package PulseHost;

use strict;
use warnings;

use Exporter 'import';
use HTTP::Tiny;
use JSON::PP;
use POSIX ':sys_wait_h';
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(until_true until_sql);

our $SECRET = 'whsec_' . 'cHVsc2UgdGVzdCBzZWNyZXQgb2YgMzIgYnl0ZXMgIQ==';

# Calls $what until it gives something true, which is returned; undef after $limit seconds.
sub until_true
{
	my ($what, $limit) = @_;
	my $end = time + ($limit // 60);

	while (1)
	{
		my $value = $what->();

		return $value if $value;
		return undef if time > $end;
		sleep 0.01;
	}
}

# The same for a query that gives t; errors (the server is away) count as not yet.
sub until_sql
{
	my ($node, $db, $sql, $limit) = @_;

	return until_true(
		sub {
			# psql may be gone before it has read the query
			my ($rc, $out) = eval { $node->psql($db, $sql, timeout => 30) };
			return defined $rc && $rc == 0 && $out eq 't';
		}, $limit);
}

# PulseHost->start(name): further options of the host may follow.
sub start
{
	my ($class, $name, @options) = @_;
	my $dir = "$PostgreSQL::Test::Utils::tmp_check/$name.host";
	my $self = bless { name => $name, dir => $dir, options => \@options, port => 0 }, $class;

	mkdir $dir;
	$self->{ledger} = "$dir/ledger.jsonl";
	unlink $self->{ledger};
	$self->begin;
	return $self;
}

# Starts the process, again on the same port if there was one.
sub begin
{
	my ($self) = @_;
	my $port_file = "$self->{dir}/port";
	my $pid;

	unlink $port_file;
	$pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', "$self->{dir}/log");
		open(STDERR, '>&', \*STDOUT);
		exec('python3', '-B', $ENV{PULSE_TEST_HOST}, '--port', $self->{port}, '--port-file', $port_file,
			'--ledger', $self->{ledger}, '--secret', $SECRET, @{ $self->{options} })
		  or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	until_true(sub { -s $port_file }, 30) or BAIL_OUT("the test host does not start, see $self->{dir}/log");
	$self->{port} = 0 + slurp_file($port_file);
	return;
}

sub stop
{
	my ($self) = @_;

	return unless $self->{pid};
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = undef;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local $?;

	$self->stop;
	return;
}

sub url
{
	my ($self) = @_;

	return "http://127.0.0.1:$self->{port}/";
}

# Registers the host as h with credential c, and these actions.
sub register
{
	my ($self, $node, $db, @actions) = @_;
	my $url = $self->url;

	$node->safe_psql($db, qq[
		SELECT pulse.set_credential('c', 'hmac', '$SECRET');
		SELECT pulse.register_host('h', '$url', credential => 'c', max_in_flight => 200);]);
	$node->safe_psql($db, "SELECT pulse.register_action('$_', 'h')") foreach @actions;
	return;
}

# Entries of the ledger, as hashes; those for which all given members are equal.
sub entries
{
	my ($self, %like) = @_;
	my @found;

	open(my $fh, '<', $self->{ledger}) or return ();
	while (my $line = <$fh>)
	{
		last if $line !~ /\n\z/;
		my $e = decode_json($line);

		push @found, $e unless grep { ($e->{$_} // '') ne $like{$_} } keys %like;
	}
	close $fh;
	return @found;
}

# Waits until so many entries are there.
sub until_entries
{
	my ($self, $n, %like) = @_;

	return until_true(sub { scalar($self->entries(%like)) >= $n }, 60);
}

sub control
{
	my ($self, $order) = @_;
	my $answer = HTTP::Tiny->new->post($self->url . '_control', { content => encode_json($order) });

	die "control: $answer->{status}" unless $answer->{success};
	return;
}

sub stats
{
	my ($self) = @_;

	return decode_json(HTTP::Tiny->new->get($self->url . '_stats')->{content});
}

# A test: the ledger holds no violation and exactly so many applied keys.
sub ledger_ok
{
	my ($self, $keys, $name, @options) = @_;
	my $program = $ENV{PULSE_TEST_HOST} =~ s/[^\/]*$/ledger.py/r;
	my ($out, $err);

	IPC::Run::run([ 'python3', '-B', $program, $self->{ledger}, '--expect-keys', $keys, @options ],
		'>', \$out, '2>', \$err);
	my $ok = $? == 0;
	ok($ok, $name) or diag(substr("$out$err", 0, 2000));
	note((split /\n/, $out)[0] // '');
	return;
}

1;
