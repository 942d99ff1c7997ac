# pulse-run run: workflows run to their end in memory, with commands as actions.
# The program is $PULSE_RUN, or ./pulse-run. Nothing here waits for a clock but
# for processes that end by themselves or are ended.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $program = abs_path($ENV{PULSE_RUN} // './pulse-run');
BAIL_OUT("no program: set PULSE_RUN") unless defined $program && -x $program;

my $dir = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my ($status, $out, $err, $result);

sub spew
{
	my ($name, $text) = @_;
	open my $fh, '>:raw', $name or die "$name: $!";
	print $fh $text;
	close $fh or die;
	return $name;
}

sub slurp
{
	my ($name) = @_;
	open my $fh, '<:raw', $name or die "$name: $!";
	local $/;
	return scalar <$fh> // '';
}

# Starts the program with these arguments and standard input; its process id.
sub start
{
	my ($input, @args) = @_;

	spew("$dir/in", $input // '');
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN, '<', "$dir/in" or die;
		open STDOUT, '>', "$dir/out" or die;
		open STDERR, '>', "$dir/err" or die;
		exec { $program } $program, 'run', @args or die;
	}
	return $pid;
}

sub finish
{
	my ($pid) = @_;
	waitpid $pid, 0;
	$status = $? & 127 ? "signal " . ($? & 127) : $? >> 8;
	($out, $err) = (slurp("$dir/out"), slurp("$dir/err"));
	$result = eval { $json->decode($out) };
	return;
}

sub run
{
	finish(start(@_));
	return;
}

sub graph
{
	my ($nodes, %more) = @_;
	return spew("$dir/graph.json", $json->encode({ nodes => $nodes, %more }));
}

# Waits until somebody has written something into a file.
sub await
{
	my ($name) = @_;
	for (1 .. 600)
	{
		return 1 if -s $name;
		select undef, undef, undef, 0.05;
	}
	return 0;
}

sub refused
{
	my ($args, $pattern, $name) = @_;
	run(undef, @$args);
	is($status, 2, "$name: status 2");
	is($out, '', "$name: nothing on standard output");
	like($err, $pattern, "$name: message");
	return;
}

# the whole of it
my $graph = graph({
	price => { action => 'shop.price', input => { item => { '$' => '$.input.item' } } },
	approve => { signal => 'approve', after => ['price'], when => '$.nodes.price > 100' },
	pause => { delay => '3 days', after => ['approve'] },
	ship => { action => 'shop.ship', after => [ 'pause', 'price' ] } });

run('{"item": "lamp"}', $graph, '--bind', 'shop.price=120', '--bind',
	'shop.ship=cat >' . "$dir/request" . '; echo \'{"tracking": "t-1"}\'',
	'--signal', 'approve={"by": "eve"}', '--trace', "$dir/trace");
is($status, 0, 'a run that completes');
is($err, '', 'no noise');
is($result->{mode}, 'in_memory', 'the mode');
is($result->{status}, 'completed', 'the status');
is_deeply($result->{output}, { tracking => 't-1' }, 'the output');
is_deeply($result->{outputs}{approve}, { by => 'eve' }, 'the signal');
is($result->{elapsed}, 3 * 86400, 'the delay has passed in virtual time');
is($result->{trace}, undef, 'the trace is not in the result');
my $trace = $json->decode(slurp("$dir/trace"));
is($trace->[0]{event}, 'start', 'it is in its file');
is_deeply($trace->[-1], { at => 3 * 86400, event => 'run', status => 'completed' }, 'to the end');
my $request = $json->decode(slurp("$dir/request"));
is($request->{type}, 'pulse.action.run.v1', 'a command gets the request of the protocol');
is_deeply($request->{data}{input}, { pause => undef, price => 120 }, 'with the input of the action');
is($request->{data}{node}, 'ship', 'and its node');
like($request->{data}{activation}, qr/^[0-9a-f-]{36}$/, 'and its activation');

my $first = $out;
run('{"item": "lamp"}', $graph, '--bind', 'shop.price=120', '--bind', 'shop.ship=echo \'{"tracking": "t-1"}\'',
	'--signal', 'approve={"by": "eve"}');
is($out, $first, 'the same input gives the same result');

run(undef, $graph, '--bind', 'shop.price=120');
is($status, 4, 'a run that is suspended');
is($result->{status}, 'suspended', 'says so');
is_deeply($result->{waiting}, { approve => { for => 'signal', signal => 'approve' } }, 'and what it waits for');
like($result->{note}, qr/cannot be resumed/, 'and that it cannot be resumed');

# input
$graph = graph({ a => { pure => { '$' => '$.input' } } });
run('[1, 2.50]', $graph);
is($json->encode($result->{output}), '[1,2.5]', 'input from standard input');
like($out, qr/2\.50/, 'with its digits');
run('', $graph);
is($out =~ /"output": null/ ? 1 : 0, 1, 'no input is null');
spew("$dir/input", '{"n": 1}');
run('ignored', $graph, '--input', "$dir/input");
is_deeply($result->{output}, { n => 1 }, 'input from a file');
run('7', $graph, '--input=-');
is($result->{output}, 7, 'standard input by name');
run('{"nodes": {"a": {"pure": 3}}}', '-');
is($result->{output}, 3, 'the graph from standard input');

# commands
$graph = graph({ a => { action => 'x', retry => { jitter => 0 } } });
run(undef, $graph, '--bind', 'x=exec true');
is($status, 0, 'nothing written is an answer');
is($out =~ /"output": null/ ? 1 : 0, 1, 'which is null');
run(undef, $graph, '--bind', 'x=echo \'{"result": "complete", "output": 5}\'');
is($result->{output}, 5, 'a stage result');
run(undef, $graph, '--bind', 'x=echo no json');
is($status, 3, 'what is no JSON fails');
is($result->{error}{class}, 'bad_response', 'class bad_response');
run(undef, $graph, '--bind', "x=echo x >>$dir/tries; test \$(wc -l <$dir/tries) -ge 3 && echo 1", '--trace', "$dir/trace");
is($status, 0, 'a command that fails is tried again');
is(slurp("$dir/tries"), "x\nx\nx\n", 'as its policy says');
is($result->{elapsed}, 3, 'waits are virtual');
$trace = $json->decode(slurp("$dir/trace"));
is_deeply([ map { $_->{error}{code} } grep { $_->{event} eq 'attempt' } @$trace ], [ 'exit_1', 'exit_1' ],
	'the attempts that failed are in the trace');
run(undef, $graph, '--bind', 'x=exit 7');
is($status, 3, 'and fails in the end');
is_deeply($result->{error}{error}, { class => 'action', code => 'exit_7', message => 'the command ended with status 7' },
	'with its exit status');
run(undef, $graph, '--bind', "x=echo x >>$dir/once; echo '{\"result\": \"fail\", \"error\": {\"code\": \"empty\"}}'; exit 1");
is($result->{error}{error}{code}, 'empty', 'a stage result that fails counts, whatever the exit status');
is(slurp("$dir/once"), "x\n", 'and is final if it does not say that it is retryable');
run(undef, $graph, '--bind', 'x=kill -9 $$');
is($result->{error}{error}{code}, 'signal_9', 'a command that is killed');
run(undef, $graph, '--bind', 'x=/does/not/exist');
is($result->{error}{error}{code}, 'exit_127', 'a command that is not there');
is($result->{error}{class}, 'local', 'is our own fault');
is($result->{elapsed}, 0, 'and not tried again');
run(undef, $graph);
is($status, 3, 'an action without a binding fails');
like($result->{error}{message}, qr/"x" has no binding/, 'and says why');
my $large = 'x' x 300_000;
run($json->encode($large), $graph, '--bind', 'x=sed "s/.*\"input\":\"\([^\"]*\)\".*/\"\1\"/"');
is($result->{output}, $large, 'large requests and answers');
run($json->encode($large), $graph, '--bind', 'x=echo 1');
is($result->{output}, 1, 'a command need not read its request');

# timeouts end the whole process group
$graph = graph({ a => { action => 'x', timeout => '200 ms', retry => { max_attempts => 1 } } });
run(undef, $graph, '--bind', "x=sleep 1000 & echo \$! >$dir/pid; wait");
is($status, 3, 'a command that takes too long');
is($result->{error}{class}, 'timeout', 'fails by class timeout');
is($result->{elapsed}, 0.2, 'after its timeout');
chomp(my $child = slurp("$dir/pid"));
my $gone = 0;
for (1 .. 600)
{
	my $stat = eval { slurp("/proc/$child/stat") } // '';
	last if $gone = $stat eq '' || $stat =~ /\) Z /;
	select undef, undef, undef, 0.05;
}
ok($gone || !-d '/proc/self', 'what it had started is gone');

# several at once: each waits for the other
$graph = graph({ map { ($_ => { action => 'x', timeout => '30 s' }) } qw(a b c) });
my $meet = "x=n=\$(sed 's/.*\"node\":\"\\([^\"]*\\)\".*/\\1/'); echo 1 >$dir/meet.\$n;"
	. " until [ -s $dir/meet.a ] && [ -s $dir/meet.b ] && [ -s $dir/meet.c ]; do sleep 0.02; done; echo '\"'\$n'\"'";
run(undef, $graph, '--bind', $meet, '--jobs', 3, '--trace', "$dir/trace3");
is($status, 0, 'three commands at once');
is_deeply($result->{output}, { a => 'a', b => 'b', c => 'c' }, 'each with its own answer');
my $three = $out;
run(undef, $graph, '--bind', $meet, '--trace', "$dir/trace1");
is($out, $three, 'one at a time gives the same result');
is(slurp("$dir/trace1"), slurp("$dir/trace3"), 'and the same trace');

# SIGINT
$graph = graph({ map { ($_ => { action => 'x' }) } qw(a b) });
unlink "$dir/pid";
my $pid = start(undef, $graph, '--bind', "x=echo \$\$ >>$dir/pid; exec sleep 1000", '--jobs', 2);
ok(await("$dir/pid"), 'commands are under way');
kill INT => $pid;
finish($pid);
is($status, 130, 'SIGINT ends the run');
is($result->{mode}, 'in_memory', 'which still has a result');
is($result->{status}, 'failed', 'it has failed');
is($result->{error}{class}, 'cancelled', 'because it was cancelled');
ok(!(grep { kill 0 => $_ } split ' ', slurp("$dir/pid")), 'no command is left');

# what is not valid
run(undef, spew("$dir/bad.json", '{"nodes": {"a": {"acton": "x"}}}'));
is($status, 1, 'an invalid graph');
is($result->{valid}, JSON::PP::false, 'gives findings');
run('{', $graph);
is($status, 1, 'an invalid input');
like($result->{findings}[0]{path}, qr/^\$input/, 'with its path');
run(undef, $graph, '--bind', 'x={"$": "$.nodes"}');
is($status, 1, 'an invalid binding');
is($result->{findings}[0]{path}, '$bindings["x"]', 'with its path');

# usage
refused([], qr/needs a graph/, 'no graph');
refused([ $graph, $graph ], qr/one too many/, 'two graphs');
refused([ "$dir/none" ], qr/could not open/, 'a graph that is not there');
refused([ $graph, '--fast' ], qr/no option "--fast"/, 'an unknown option');
refused([ $graph, '--bind' ], qr/needs a value/, 'an option without a value');
refused([ $graph, '--bind', 'x' ], qr/ACTION=ANSWER/, 'a binding without an answer');
refused([ $graph, '--bind', 'x=1', '--bind', 'x=2' ], qr/bound twice/, 'a binding given twice');
refused([ $graph, '--bind', 'x={"a": 1' ], qr/no JSON/, 'an answer that is half a document');
refused([ $graph, '--signal', 'go=x' ], qr/no JSON/, 'a signal that is no JSON');
refused([ $graph, '--jobs', '0' ], qr/number from 1/, 'no jobs');
refused([ $graph, '--now', 'today' ], qr/time with its zone/, 'a time that is none');
refused([ $graph, '--trace', '-' ], qr/needs a file/, 'a trace on standard output');
refused([ '-', '--input', '-' ], qr/once only/, 'standard input twice');
run(undef, '--help');
is($status, 0, 'help');
like($out, qr/Exit status: 0 completed/, 'says what there is to say');

done_testing();
