# pulse-run run: graphs that grow, with commands as actions, and child runs.
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
	my ($name, $nodes, %more) = @_;
	return spew("$dir/$name.json", $json->encode({ nodes => $nodes, %more }));
}

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

# commands that propose, are rejected, and are told why
my $one = graph('one', { a => { action => 'x' }, b => { pure => { '$' => '$.nodes.a' }, after => ['a'] } });
my $rewrite = spew("$dir/rewrite", $json->encode({ result => 'rewrite', output => 1,
	rewrite => { form => 'append', fragment => { nodes => { n => { pure => { '$' => '$.nodes.a' } } } } } }));

run(undef, $one, '--bind', "x=cat $rewrite");
is($status, 0, 'a command proposes a rewrite');
is($result->{statuses}{'a:n'}, 'completed', 'it is admitted');
is($result->{rewrites}{admitted}[0]{anchor}, 'a', 'and told of');
is($result->{remaining_budget}{nodes}, 15, 'and charged');

my $wide = spew("$dir/wide", $json->encode({ result => 'rewrite', output => 1,
	rewrite => { form => 'append', fragment => { nodes => { map { ("n$_" => { noop => JSON::PP::true }) } 1 .. 9 } } } }));
run(undef, $one, '--bind', "x=cat >$dir/request.\$(ls $dir | grep -c request); test -e $dir/request.1 && echo 7 || cat $wide");
is($status, 0, 'one over budget is called again');
is($result->{output}, 7, 'and may answer something else');
is($json->decode(slurp("$dir/request.0"))->{data}{rejection}, undef, 'the first request knows of no rejection');
my $rejection = $json->decode(slurp("$dir/request.1"))->{data}{rejection};
is($rejection->{code}, 'budget_exceeded', 'the second one has the code');
is($rejection->{exceeded}[0]{dimension}, 'frontier', 'and what was exceeded');
is($rejection->{reexecution}, 1, 'and which call it is');
isnt($json->decode(slurp("$dir/request.0"))->{data}{activation}, $json->decode(slurp("$dir/request.1"))->{data}{activation},
	'it is another activation');

run(undef, $one, '--bind', "x=cat $wide", '--budget', '{"frontier": 8, "edges": 90}');
is($status, 0, 'a larger budget admits it');
is($result->{remaining_budget}{frontier}, 0, 'to the last');
is($result->{remaining_budget}{nodes}, 7, 'the other dimensions have their defaults');
run(undef, $one, '--budget', '{"nods": 8}');
is($status, 2, 'a budget of something else');
like($err, qr/--budget needs/, 'is refused');

run(undef, $one, '--bind', 'x=echo \'{"result": "rewrite", "rewrite": {"form": "append", "fragment": {"nods": {}}}}\'');
is($status, 3, 'a malformed stage result');
is($result->{error}{class}, 'bad_response', 'is a bad response');
like($result->{error}{message}, qr/\$\.rewrite\.fragment/, 'with its path');
run(undef, $one, '--bind', 'x=echo \'{"result": "suspend", "signal": "go"}\'');
is($status, 4, 'a command suspends its node');
is($result->{waiting}{a}{signal}, 'go', 'on a signal');
run(undef, $one, '--bind', 'x=echo \'{"result": "suspend", "signal": "go"}\'', '--signal', 'go=5');
is($result->{output}, 5, 'which may be there');

# a map of commands, several at once: the result does not depend on how many
my $map = graph('map', { m => { map => { over => '$.input', as => { nodes => {
	a => { action => 'x', input => { '$' => '$.item' } }, w => { workflow => 'child', after => ['a'], input => { a => { '$' => '$.nodes.a' } } } } } } } });
my $child = graph('child', { k => { action => 'y', input => { '$' => '$.input.a' } } });
my @commands = ('--bind', 'x=sed \'s/.*"input":\([0-9]*\).*/\1/\'', '--bind', 'y=sed \'s/.*"input":\([0-9]*\).*/\10/\'');

{
	run('[1, 2, 3, 4, 5]', $map, @commands, '--workflow', "child=$child", '--trace', "$dir/trace1");
	is($status, 0, 'a map of commands and child runs');
	is_deeply($result->{output}, [ 10, 20, 30, 40, 50 ], 'in input order');
	my $first = $out;
	run('[1, 2, 3, 4, 5]', $map, @commands, '--workflow', "child=$child", '--trace', "$dir/trace3", '--jobs', 3);
	is($out, $first, 'three at once: the same result');
	is(slurp("$dir/trace3"), slurp("$dir/trace1"), 'and the same trace');
	run('[1]', $map, @commands);
	is($status, 3, 'a workflow that is not given');
	is($result->{error}{class}, 'unknown_workflow', 'has a class of its own');
	run('[1]', $map, @commands, '--workflow', 'child=' . spew("$dir/bad.json", '{"nodes": {"a": {"acton": 1}}}'));
	is($status, 1, 'one that is not valid');
	is($result->{findings}[0]{path}, '$workflows["child"].nodes.a', 'is told with its path');
	run('[1]', $map, '--workflow', 'child');
	is($status, 2, 'one without a file');
	like($err, qr/NAME=FILE/, 'says how');
	run('[1]', $map, '--workflow', "child=$child", '--workflow', "child=$child");
	is($status, 2, 'one given twice');
}

# what nobody waits for any more is stopped: one item fails, which ends the others
my $race = graph('race', { m => { map => { over => '$.input', as => { nodes => { a => { action => 'x',
	input => { '$' => '$.item' }, retry => { max_attempts => 1 } } } } }, on_error => 'skip' }, z => { pure => 1, after => ['m'], on_skip => 'run' } });
run('[1, 2]', $race, '--jobs', 2, '--bind', 'x=if grep -q \'"input":1\'; then'
	. " until [ -s $dir/pid ]; do sleep 0.02; done; exit 1; else echo \$\$ >$dir/pid; exec sleep 1000; fi");
is($status, 0, 'a map that is ended by one of its items');
is($result->{statuses}{'m:item_1:a'}, 'skipped', 'ends the others');
ok(!(grep { kill 0 => $_ } split ' ', slurp("$dir/pid")), 'and their commands');

# SIGINT within a child run, and in a loop without an end
my $parent = graph('parent', { w => { workflow => 'child' } });
unlink "$dir/pid";
my $pid = start('{"a": 1}', $parent, '--workflow', "child=$child", '--bind', "y=echo \$\$ >>$dir/pid; exec sleep 1000");
ok(await("$dir/pid"), 'a command of a child run is under way');
kill INT => $pid;
finish($pid);
is($status, 130, 'SIGINT ends the run');
is($result->{statuses}{w}, 'interrupted', 'with its child');
ok(!(grep { kill 0 => $_ } split ' ', slurp("$dir/pid")), 'no command is left');

my $loop = graph('loop', { a => { action => 'x' }, r => { after => ['a'], repeat => { body => { nodes => { n => { pure => 1 } } },
	while => '$.nodes.n == 1', max => 1_000_000_000 } } });
unlink "$dir/pid";
$pid = start(undef, $loop, '--bind', "x=echo \$\$ >$dir/pid; echo 1");
ok(await("$dir/pid"), 'a loop');
kill TERM => $pid;
finish($pid);
is($status, 143, 'SIGTERM ends it');
is($result->{error}{class}, 'cancelled', 'cleanly');

done_testing();
