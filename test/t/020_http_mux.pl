# The HTTP layer alone, against the test host: every way an exchange can end.
#
# Builds test/core/mux_probe from src/http and libcurl, and nothing else: a call of the
# server's API from src/http does not link.

use strict;
use warnings;
use Cwd qw(abs_path);
use Digest::SHA qw(hmac_sha256_base64);
use File::Basename;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use POSIX ();
use Socket;
use Test::More;
use Time::HiRes qw(time);

my $root = abs_path(dirname(__FILE__) . '/../..');
my $tmp = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->canonical;
my $cc = $ENV{CC} || 'cc';
my $cflags = $ENV{PROBE_CFLAGS} // '-O1 -g';
my $secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $python = $ENV{PYTHON} || 'python3';
my $serial = 0;
my @hosts;

sub run_ok
{
	my ($name, $command) = @_;
	my $out = `$command 2>&1`;
	my $rc = $?;
	ok($rc == 0, $name) or diag($out);
	return $rc == 0;
}

END
{
	my $status = $?;
	foreach my $host (@hosts)
	{
		next unless $host->{pid};
		kill 'TERM', $host->{pid};
		waitpid($host->{pid}, 0);
	}
	$? = $status;
}

# Starts a test host; returns it once it listens.
sub start_host
{
	my ($name, @options) = @_;
	my $file = "$tmp/$name.port." . ++$serial;
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>>', "$tmp/$name.err");
		exec($python, '-B', "$root/test/host/pulse_test_host.py", '--ledger', "$tmp/$name.ledger",
			'--port-file', $file, '--port', '0', @options) or POSIX::_exit(127);
	}
	my $host = { pid => $pid, ledger => "$tmp/$name.ledger" };
	push @hosts, $host;
	my $end = time + 20;
	until (-e $file)
	{
		die "the test host did not start" if time > $end || waitpid($pid, POSIX::WNOHANG()) == $pid;
		select(undef, undef, undef, 0.02);
	}
	open(my $f, '<', $file) or die;
	chomp($host->{port} = <$f>);
	close $f;
	return $host;
}

# The line that starts a signed call of an action.
sub call
{
	my ($host, $name, $fault, %o) = @_;
	my $activation = $o{activation} // sprintf('%s-%d', $name, ++$serial);
	my $body = $json->encode({ type => 'pulse.action.run.v1', timestamp => '2026-01-01T00:00:00Z',
			data => { activation => $activation, action => $o{action} // 'echo', tenant => 't',
				run => { id => 'r1', workflow => 'w' }, node => 'n',
				input => defined $fault ? { __fault => $fault } : { x => 1 } } });
	my $stamp = int(time);
	my $key = decode_base64(substr($secret, 6));
	my $signature = hmac_sha256_base64("act_$activation.$stamp.$body", $key);
	$signature .= '=' while length($signature) % 4;
	my $scheme = $o{scheme} // 'http';
	my $where = $o{host} // '127.0.0.1';
	my $port = ref $host ? $host->{port} : $host;
	my @line = ('start', "name=$name", "url=$scheme://$where:$port/", "body=$body",
		'H=Content-Type: application/json', "H=webhook-id: act_$activation",
		"H=webhook-timestamp: $stamp", "H=webhook-signature: v1,$signature",
		"H=Idempotency-Key: \"act_$activation\"", 'H=ce-type: pulse.action.run.v1',
		'H=Pulse-Attempt: ' . ($o{attempt} // 1), 'H=Pulse-Protocol: 1');
	foreach my $k (qw(timeout connect max fresh loopback net ca repeat))
	{
		push @line, "$k=$o{$k}" if defined $o{$k};
	}
	return join("\t", @line);
}

# Runs a script through the probe; returns its lines, parsed.
sub probe
{
	my ($script, %env) = @_;
	my $in = "$tmp/script." . ++$serial;
	open(my $f, '>', $in) or die;
	print $f "$_\n" foreach @$script;
	close $f;
	local @ENV{ keys %env } = values %env;
	my $start = time;
	my @lines = `$tmp/mux_probe < $in 2>$tmp/probe.err`;
	my $result = { rc => $?, took => time - $start, done => {}, all => [], lines => \@lines };
	foreach my $line (@lines)
	{
		chomp $line;
		my ($what, @fields) = split /\t/, $line;
		my %h = map { split(/=/, $_, 2) } @fields;
		$_ //= '' foreach values %h;
		if ($what eq 'done')
		{
			$result->{done}{ $h{name} } = \%h;
			push @{ $result->{all} }, \%h;
		}
		else
		{
			push @{ $result->{$what} }, \%h;
		}
	}
	return $result;
}

sub ledger
{
	my ($host) = @_;
	open(my $f, '<', $host->{ledger}) or die;
	return map { $json->decode($_) } <$f>;
}

# Looks at an outcome: transport (several, with "|", where releases of curl differ),
# status, and whether a byte may have left.
sub outcome_is
{
	my ($result, $name, $transport, $status, $sent) = @_;
	my $d = $result->{done}{$name};
	like($d ? "$d->{transport} $d->{status} sent=$d->{sent}" : 'nothing',
		qr/^(?:$transport) $status sent=$sent$/, $name)
	  or diag($d ? $d->{error} : join("\n", @{ $result->{lines} }));
	return $d;
}

# ---- build

run_ok('src/http links with libcurl alone',
	"$cc -std=gnu99 -D_GNU_SOURCE -Wall -Wextra $cflags -I$root/src $root/test/core/mux_probe.c"
	  . " $root/src/http/mux.c $root/src/http/transfer.c $root/src/http/address.c"
	  . " $root/src/http/request.c -lcurl -lpthread -o $tmp/mux_probe")
  or BAIL_OUT('no probe');
my $faults = run_ok('faults below it',
	"$cc -shared -fPIC $cflags $root/test/core/mux_faults.c -ldl -o $tmp/mux_faults.so");
my $preload = join(':', grep { defined && length } $ENV{PROBE_PRELOAD}, "$tmp/mux_faults.so");

my $host = start_host('main', '--secret', $secret);

# ---- the fault matrix, all at once: nobody disturbs anybody

my %expected = (
	ok => ['ok', 200, 1], reset => ['broken', 0, 1], reset_after => ['broken', 0, 1],
	close => ['broken', 0, 1], close_after => ['broken', 0, 1], hang => ['timeout', 0, 1],
	half => ['broken', 200, 1], half_reset => ['broken', 200, 1], half_head => ['broken', 200, 1],
	stall => ['timeout', 200, 1], drip => ['timeout', 0, 1], huge => ['too_large', 200, 1],
	endless => ['too_large', 200, 1], gzip => ['ok', 200, 1], many_headers => ['headers', 200, 1],
	big_header => ['headers', 200, 1], early_hints => ['headers', 0, 1],
	junk => ['protocol', 0, 1], http09 => ['protocol', 0, 1], lying_long => ['broken', 200, 1],
	lying_short => ['ok', 200, 1], two_lengths => ['broken|protocol', 200, 1],
	negative_length => ['protocol', 200, 1], redirect => ['ok', 302, 1], html => ['ok', 200, 1],
	empty => ['ok', 200, 1], no_type => ['ok', 200, 1], no_content => ['ok', 204, 1],
	accepted => ['ok', 202, 1]);

my $r = probe([ (map { call($host, $_, { mode => $_ }, timeout => 1500) } sort keys %expected),
	'wait', 'stats' ]);
outcome_is($r, $_, @{ $expected{$_} }) foreach sort keys %expected;
is($r->{rc}, 0, 'the probe ends well');
is($r->{bye}[0]{fds}, 0, 'every socket was accounted for');
is($r->{stats}[0]{buffered}, 0, 'no body is left behind');
cmp_ok($r->{took}, '<', 10, 'within the deadline');
cmp_ok($r->{end}[0]{longest}, '<', 200_000, 'no single call took 200 ms');
cmp_ok($r->{done}{huge}{body_len}, '<=', 1048576, 'a huge body is cut at the cap');
cmp_ok($r->{done}{gzip}{body_len}, '<', 65536, 'a compression bomb is not decompressed');
is($r->{done}{lying_short}{body}, '{"ok":true}', 'bytes behind the body are dropped');
is($r->{done}{redirect}{location}, '/elsewhere', 'a redirect is reported');
is(scalar(grep { ($_->{fault} // '') eq 'redirect' } ledger($host)), 1, 'but not followed');
is($r->{done}{ok}{version}, '1', 'version of the action');
is($r->{done}{accepted}{retry_after}, '1', 'Retry-After');

# ---- connections that cannot be made

my $closed = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
my $closed_port = $closed->sockport;
close $closed;
my $black = IO::Socket::INET->new(Listen => 0, LocalAddr => '127.0.0.1');
my @fill;
foreach (1 .. 8)
{
	# Fill the backlog, so that the next SYN is not answered.
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $black->sockport,
		Blocking => 0);
	push @fill, $s if $s;
}
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');

$r = probe([ call($closed_port, 'refused', undef),
	call($black->sockport, 'black_hole', undef, timeout => 3000, connect => 500),
	call($silent->sockport, 'tls_stalled', undef, scheme => 'https', timeout => 700),
	call($host, 'tls_to_plain', undef, scheme => 'https', timeout => 3000),
	call($host, 'loopback_not_meant', undef, loopback => 0),
	call($host, 'loopback_listed', undef, loopback => 0, net => '127.0.0.0/8'),
	call($host, 'any_name', undef, host => 'localhost', loopback => 0),
	call($host, 'unspecified', undef, host => '0.0.0.0'),
	call($host, 'mapped', undef, host => '[::ffff:127.0.0.1]', loopback => 0),
	call(80, 'metadata', undef, host => '169.254.169.254', timeout => 500),
	call(80, 'private', undef, host => '10.1.2.3', timeout => 500),
	call($host, 'no_name', undef, host => 'nowhere.invalid', timeout => 5000),
	"start\tname=no_url\turl=:::", "start\tname=scheme\turl=file:///etc/passwd",
	"start\tname=user\turl=http://me:pw\@127.0.0.1:$host->{port}/", 'wait' ]);
is($r->{bye}[0]{fds}, 0, 'every socket was accounted for');
outcome_is($r, 'refused', 'connect', 0, 0);
my $d = outcome_is($r, 'black_hole', 'timeout', 0, 0);
cmp_ok($d->{t_total}, '<', 1_500_000, 'the connect timeout counts');
$d = outcome_is($r, 'tls_stalled', 'timeout', 0, 0);
is("$d->{connected} $d->{tls_done}", '1 0', 'stuck in the handshake');
outcome_is($r, 'tls_to_plain', 'tls', 0, 0);
outcome_is($r, 'loopback_not_meant', 'refused_address', 0, 0);
like($r->{done}{loopback_not_meant}{error}, qr/address is loopback/, 'says why');
outcome_is($r, 'loopback_listed', 'ok', 200, 1);
outcome_is($r, 'any_name', 'refused_address', 0, 0);
outcome_is($r, $_, 'refused_address', 0, 0) foreach qw(unspecified mapped metadata private);
$d = $r->{done}{no_name};
ok($d->{transport} =~ /^(dns|timeout)$/ && !$d->{sent}, 'a name that does not exist');
outcome_is($r, $_, 'local', 0, 0) foreach qw(no_url user);
ok($r->{done}{scheme}{transport} ne 'ok' && !$r->{done}{scheme}{sent}, 'no other schemes');
ok(!(grep { $_->{node} && $_->{key} =~ /mapped|any_name|not_meant/ } ledger($host)),
	'nothing of it reached the host');

# The environment must not lend a proxy.
$r = probe([ call($host, 'proxy', undef), 'wait' ],
	http_proxy => "http://127.0.0.1:$closed_port", ALL_PROXY => "http://127.0.0.1:$closed_port");
outcome_is($r, 'proxy', 'ok', 200, 1);

# ---- a kept connection: policy, silent repetition

# The first call leaves a connection behind that dies on its next request.
$r = probe([ call($host, 'first', { mode => 'poison' }), 'wait',
	call($host, 'second', undef, activation => 'resent'), 'wait' ]);
outcome_is($r, 'second', 'ok', 200, 1);
is($r->{done}{second}{sends}, 2, 'curl sent it again by itself, and we know it');
is(scalar(grep { $_->{key} eq 'act_resent' && $_->{outcome} eq 'applied' } ledger($host)), 1,
	'the key makes that harmless');

$r = probe([ call($host, 'first', { mode => 'poison' }), 'wait',
	call($host, 'second', undef, activation => 'once', fresh => 1), 'wait', 'stats' ]);
outcome_is($r, 'second', 'ok', 200, 1);
is($r->{done}{second}{sends}, 1, 'a fresh connection is never sent twice');
is(scalar(grep { $_->{key} eq 'act_once' } ledger($host)), 1, 'one delivery');
is($r->{stats}[0]{sockets}, 1, 'and is not kept');

$r = probe([ call($host, 'first', undef), 'wait',
	call($host, 'second', undef, loopback => 0), 'wait' ]);
outcome_is($r, 'second', 'refused_address', 0, 0);

$r = probe([ (map { (call($host, "n$_", undef), 'wait') } 1 .. 20), 'stats' ]);
is($r->{stats}[0]{connections}, 1, 'twenty calls, one connection');
$r = probe([ (map { (call($host, "n$_", { mode => 'idle_close' }), 'wait') } 1 .. 5) ]);
is(scalar(grep { $_->{transport} eq 'ok' } @{ $r->{all} }), 5, 'connections closed while idle');

# ---- many at once, and stopping

my $t0 = time;
$r = probe([ (map { call($host, "m$_", { delay_ms => 300 }, timeout => 20000) } 1 .. 500), 'wait',
	'stats' ]);
is(scalar(grep { $_->{transport} eq 'ok' && $_->{status} == 200 } @{ $r->{all} }), 500,
	'500 calls at once');
cmp_ok($r->{end}[0]{longest}, '<', 500_000, 'no long call among them');
cmp_ok($r->{stats}[0]{sockets}, '<=', 64, 'idle connections are bounded');
diag(sprintf('500 calls of 300 ms in %.2f s, longest call into the mux %d us', time - $t0,
		$r->{end}[0]{longest}));

$r = probe([ (map { call($host, 'stop', { mode => 'hang' }) } 1 .. 50), 'run	ms=300', "abort\tname=stop",
	'stats', call($host, 'after', undef), 'wait' ]);
is($r->{aborted}[0]{n}, 50, 'fifty were stopped');
cmp_ok($r->{aborted}[0]{took}, '<', 100_000, 'at once');
is($r->{stats}[0]{active}, 0, 'none is left');
outcome_is($r, 'after', 'ok', 200, 1);

$r = probe([ call($black->sockport, 'stop', undef), 'run	ms=100', "abort\tname=stop",
	call($host, 'stop', undef), "abort\tname=stop", 'stats' ]);
is($r->{stats}[0]{active}, 0, 'stopped while connecting, and before it began');
is($r->{bye}[0]{fds}, 0, 'their sockets are closed');

# ---- lack of descriptors and of memory

$r = probe([ "fds\tlimit=3", (map { call($host, "f$_", { delay_ms => 200 }) } 1 .. 6), 'wait',
	"fds\tlimit=100", call($host, 'later', undef), 'wait' ]);
is(scalar(grep { $_->{transport} eq 'ok' } @{ $r->{all} }), 4, 'with three descriptors, three go');
is(scalar(grep { $_->{transport} eq 'local' && !$_->{sent} } @{ $r->{all} }), 3,
	'the others were not sent');
outcome_is($r, 'later', 'ok', 200, 1);

$r = probe([ call($host, 'big', { mode => 'huge', bytes => 900000 }), 'wait',
	call($host, 'small', undef), 'wait', 'stats' ], PROBE_MAX_BUFFERED => 200000);
outcome_is($r, 'big', 'local', 200, 1);
outcome_is($r, 'small', 'ok', 200, 1);
is($r->{stats}[0]{buffered}, 0, 'the buffer was given back');

# ---- names that take long

SKIP:
{
	skip 'nothing to preload', 6 unless $faults;
	$r = probe([ call(80, 'slow', undef, host => 'slow.example', timeout => 400),
		call($host, 'beside', undef), 'wait' ],
		LD_PRELOAD => $preload, SLOW_RESOLVER_MS => 3000);
	outcome_is($r, 'slow', 'timeout', 0, 0);
	outcome_is($r, 'beside', 'ok', 200, 1);
	cmp_ok($r->{end}[0]{longest}, '<', 200_000, 'resolving blocks nobody');
	open(my $f, '<', "$tmp/probe.err");
	like(join('', <$f>), qr/TERM blocked USR1 blocked ALRM blocked/,
		'its thread runs no signal handlers');
	close $f;

	$r = probe([ call(80, 'slow', undef, host => 'slow.example', timeout => 10000), 'run	ms=100',
		"abort\tname=slow", 'stats' ],
		LD_PRELOAD => $preload, SLOW_RESOLVER_MS => 3000);
	cmp_ok($r->{aborted}[0]{took}, '<', 100_000, 'stopping does not wait for the resolver');
	is($r->{stats}[0]{active}, 0, 'stopped');
}

# ---- the machine and the library fail

SKIP:
{
	skip 'nothing to preload', 1 unless $faults;
	foreach my $n (1 .. 4)
	{
		$r = probe([ (map { call($host, "e$_", undef) } 1 .. 3), 'wait', 'stats' ],
			LD_PRELOAD => $preload, EPOLL_FAIL => $n);
		is("$r->{rc} $r->{bye}[0]{fds} " . scalar(@{ $r->{all} }), '0 0 3',
			"no room in the epoll set (change $n): every transfer ends");
		ok(!(grep { $_->{transport} !~ /^(ok|local)$/ } @{ $r->{all} }), '... with a reason');
	}
	foreach my $n (1 .. 8)
	{
		$r = probe([ (map { call($host, "b$_", undef, activation => "b$n-$_") } 1 .. 3), 'wait',
			call($host, 'next', undef), 'wait', call($host, 'last', undef), 'wait', 'stats' ],
			LD_PRELOAD => $preload, MULTI_FAIL => $n);
		is("$r->{rc} $r->{bye}[0]{fds} " . scalar(@{ $r->{all} }), '0 0 5',
			"libcurl reports an internal error (call $n): every transfer ends");
		ok(!(grep { $_->{transport} !~ /^(ok|local|broken)$/ || ($_->{transport} eq 'broken' && !$_->{sent}) }
				@{ $r->{all} }), '... with a reason');
		outcome_is($r, 'last', 'ok', 200, 1);
	}
	if ($cflags !~ /sanitize/)
	{
		my ($good, $starved) = (0, 0);
		foreach my $n (2 .. 60)
		{
			$r = probe([ (map { call($host, "s$_", undef, activation => "s$n-$_", timeout => 1000) } 1 .. 4), 'wait', 'stats' ],
				LD_PRELOAD => "$preload", MALLOC_FAIL => $n * 3, MALLOC_FAIL_AFTER => 60 + 7 * $n);
			my $ended = scalar(@{ $r->{all} }) + scalar(@{ $r->{nomemory} // [] });
			if ($r->{failed} || ($r->{rc} == 0 && $ended == 4 && $r->{bye}[0]{fds} == 0))
			{
				$good++;
			}
			else
			{
				diag("MALLOC_FAIL $n: rc $r->{rc}, $ended ended\n" . join("\n", @{ $r->{lines} }));
			}
			# which of the allocations fails depends on the release of curl
			$starved++ if $r->{failed} || @{ $r->{nomemory} // [] }
			  || grep { $_->{transport} ne 'ok' } @{ $r->{all} };
		}
		is($good, 59, 'without memory every transfer still ends, and nothing crashes');
		cmp_ok($starved, '>', 5, "and that was tried ($starved)");
	}
}

# ---- TLS

SKIP:
{
	my $made = system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
		  . " -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
		  . " -keyout $tmp/key.pem -out $tmp/cert.pem >/dev/null 2>&1") == 0;
	skip 'no openssl', 6 unless $made;
	my $tls = start_host('tls', '--secret', $secret, '--tls', "$tmp/cert.pem", "$tmp/key.pem");
	$r = probe([ call($tls, 'self_signed', undef, scheme => 'https'),
		call($tls, 'trusted', undef, scheme => 'https', ca => "$tmp/cert.pem"),
		call($tls, 'wrong_name', undef, scheme => 'https', host => 'localhost',
			ca => "$tmp/cert.pem"),
		call($tls, 'no_ca_file', undef, scheme => 'https', ca => "$tmp/none.pem"),
		call($tls, 'plain_to_tls', undef), 'wait' ]);
	outcome_is($r, 'self_signed', 'tls', 0, 0);
	outcome_is($r, 'trusted', 'ok', 200, 1);
	is($r->{done}{trusted}{tls_done}, 1, 'handshake seen');
	outcome_is($r, 'wrong_name', 'tls', 0, 0);
	outcome_is($r, 'no_ca_file', 'tls', 0, 0);
	ok($r->{done}{plain_to_tls}{transport} ne 'ok', 'plain HTTP to a TLS port');
}

# ---- the host itself: keys, restart, ledger

$r = probe([ call($host, 'a', undef, activation => 'same'), 'wait',
	call($host, 'b', undef, activation => 'same', attempt => 2), 'wait' ]);
is($r->{done}{a}{body}, $r->{done}{b}{body}, 'the same key gets the same answer');
my $again = start_host('main', '--secret', $secret);
$r = probe([ call($again, 'c', undef, activation => 'same', attempt => 3), 'wait' ]);
outcome_is($r, 'c', 'ok', 200, 1);
my @same = grep { $_->{key} eq 'act_same' } ledger($host);
is(join(' ', map { $_->{outcome} } @same), 'applied repeated repeated',
	'a restarted host remembers its keys');

my $bad = call($host, 'tampered', undef);
$bad =~ s/"x":1/"x":2/;
$r = probe([ $bad, 'wait' ]);
outcome_is($r, 'tampered', 'ok', 401, 1);
ok(run_ok('the ledger is sound', "$python -B $root/test/host/ledger.py --allow-rejected $host->{ledger}"));

done_testing();
