# pulse-run plan-rewrite as a program: files, standard input, the anchor as plain text,
# exit statuses, and the answer of the specification.
# The program is $PULSE_RUN, or ./pulse-run.
use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $program = abs_path($ENV{PULSE_RUN} // './pulse-run');
BAIL_OUT("no program: set PULSE_RUN") unless defined $program && -x $program;

my $dir = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my $files = 0;

# Runs with these arguments and standard input; (status, stdout, stderr).
sub run
{
	my ($input, @args) = @_;
	my ($in_name, $out_name, $err_name) = map { "$dir/$_" } qw(in out err);

	spew($in_name, $input // '');
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN, '<', $in_name or die;
		open STDOUT, '>', $out_name or die;
		open STDERR, '>', $err_name or die;
		exec { $program } $program, @args or die;
	}
	waitpid $pid, 0;
	return ($? & 127 ? "signal " . ($? & 127) : $? >> 8, slurp($out_name), slurp($err_name));
}

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

# A document in a file.
sub file
{
	my ($value) = @_;
	return spew("$dir/doc" . $files++ . ".json", ref $value ? $json->encode($value) : $value);
}

# The answer about documents given as values; status 0.
sub planned
{
	my ($graph, $state, $anchor, $rewrite, @budget) = @_;
	my ($status, $out, $err) = run(undef, 'plan-rewrite', file($graph), file($state), $anchor,
		file($rewrite), map { file($_) } @budget);
	is($status, 0, 'status 0') or diag($out, $err);
	is($err, '', 'no noise');
	return eval { $json->decode($out) } // {};
}

# The hash of nodes and edges, made here.
sub hash_of
{
	my ($graph) = @_;
	my @ids = sort keys %{ $graph->{nodes} };
	my @edges;
	for my $to (@ids)
	{
		push @edges, [ $_, $to ] for @{ $graph->{nodes}{$to}{after} // [] };
	}
	@edges = sort { $a->[0] cmp $b->[0] || $a->[1] cmp $b->[1] } @edges;
	return sha256_hex($json->encode([ \@ids, \@edges ]));
}

my $true = JSON::PP::true;
my $false = JSON::PP::false;
my $noop = { noop => $true };
my $graph = { edges => [ [ 'p', 'a' ], [ 'a', 's' ] ] };
my $two = { nodes => { x => $noop, y => { noop => $true, after => ['x'] } } };

# the three forms
my $answer = planned($graph, { p => 'completed' }, 'a', { form => 'replace', fragment => $two });
is_deeply([ sort keys %$answer ], [ sort qw(admitted cost remaining exceeded errors graph hash) ], 'the keys of the answer');
is_deeply(
	{ map { $_ => $answer->{$_} } qw(admitted cost remaining exceeded errors graph) },
	{
		admitted => $true,
		cost => { nodes => 2, edges => 3, depth => 1, frontier => 0, operations => 1 },
		remaining => { nodes => 14, edges => 29, depth => 5, frontier => 4, operations => 3 },
		exceeded => [],
		errors => [],
		graph => {
			nodes => {
				p => $noop,
				'a:x' => { noop => $true, after => ['p'] },
				'a:y' => { noop => $true, after => ['a:x'] },
				s => { noop => $true, after => ['a:y'] }
			}
		}
	},
	'replace');
is($answer->{hash}, hash_of($answer->{graph}), 'the hash of the result');
for my $form (qw(retain append))
{
	$answer = planned($graph, {}, 'a', { form => $form, fragment => $two });
	is_deeply($answer->{graph}{nodes}{'a:x'}, { noop => $true, after => ['a'] }, "$form: the anchor stays");
	is_deeply($answer->{cost}, { nodes => 2, edges => 3, depth => 2, frontier => 0, operations => 1 }, "$form: cost");
	is($answer->{hash}, hash_of($answer->{graph}), "$form: hash");
}

# an answer is a graph for the next question
my $next = planned($answer->{graph}, { p => 'completed', a => 'rewritten' },
	'a:x', { form => 'replace', fragment => { nodes => { z => $noop } } }, $answer->{remaining});
ok(exists $next->{graph}{nodes}{'a:x:z'}, 'ids nest');
is_deeply($next->{remaining}, { nodes => 13, edges => 27, depth => 4, frontier => 4, operations => 2 }, 'the budget goes on');

# not admitted is an answer too
$answer = planned($graph, {}, 'a', { form => 'append', fragment => $two }, { nodes => 1, operations => 0 });
is($answer->{admitted}, $false, 'over budget');
is_deeply(
	$answer->{exceeded},
	[
		{ dimension => 'nodes', requested => 2, remaining => 1 },
		{ dimension => 'operations', requested => 1, remaining => 0 }
	],
	'every dimension, in order');
is_deeply($answer->{remaining}, { nodes => 1, edges => 32, depth => 6, frontier => 4, operations => 0 }, 'the budget unchanged');
is_deeply($answer->{graph}, $graph, 'the graph unchanged');
$answer = planned($graph, { a => 'completed' }, 'a', { form => 'append', fragment => { nodes => {} } });
is_deeply([ map { [ $_->{code}, $_->{node} ] } @{ $answer->{errors} } ], [ [ 'anchor_not_proposer', 'a' ] ], 'one group after the other');
$answer = planned($graph, {}, 'a', { form => 'append', fragment => { nodes => { 'x:y' => $noop, '' => $noop } } });
is_deeply([ map { $_->{code} } @{ $answer->{errors} } ], [qw(empty_id reserved_id)], 'errors of a group accumulate');
is($answer->{cost}, undef, 'then there is no cost');
is($answer->{hash}, hash_of({ nodes => { p => {}, a => { after => ['p'] }, s => { after => ['a'] } } }), 'and the hash is that of the graph');
$answer = planned($graph, {}, '-', { form => 'append', fragment => $two });
is($answer->{errors}[0]{code}, 'anchor_unknown', 'a dash is an anchor, not standard input');

# standard input, for any one of the documents
my @words = (file($graph), file({}), 'a', file({ form => 'append', fragment => $two }), file({ nodes => 9 }));
for my $i (0, 1, 3, 4)
{
	my @args = @words;
	my $text = slurp($args[$i]);
	$args[$i] = '-';
	my ($status, $out) = run($text, 'plan-rewrite', @args);
	is($status, 0, "word $i from standard input");
	is($json->decode($out)->{remaining}{nodes}, 7, 'the same answer');
}

# bad documents: findings with paths, status 1
for my $case (
	[ 0, '{"edges": [["a", "a"]]}', 'self_edge', '$graph.edges[0]' ],
	[ 0, '{"nodes": {"a": {"nop": true}}}', 'unknown_key', '$graph.nodes.a.nop' ],
	[ 1, '{"a": "asleep"}', 'unknown_status', '$state.a' ],
	[ 3, '{"form": "grow", "fragment": {"nodes": {}}}', 'bad_value', '$rewrite.form' ],
	[ 3, '{"form": "append", "fragment": {"nodes": {}, "exit": []}}', 'unknown_key', '$rewrite.fragment.exit' ],
	[ 3, '{"form": "append"', 'json_syntax', '$rewrite' ],
	[ 3, '{"form": "append", "form": "retain", "fragment": {"nodes": {}}}', 'duplicate_key', '$rewrite.form' ],
	[ 4, '{"nodes": -1}', 'bad_budget', '$budget.nodes' ],
	[ 4, '{"node": 1}', 'unknown_key', '$budget.node' ])
{
	my ($i, $text, $code, $path) = @$case;
	my @args = @words;
	$args[$i] = file($text);
	my ($status, $out, $err) = run(undef, 'plan-rewrite', @args);
	my $found = eval { $json->decode($out) } // {};
	is($status, 1, "$code: status 1");
	ok((grep { $_->{code} eq $code && $_->{path} eq $path } @{ $found->{findings} // [] }), "$code at $path")
	  or diag($out, $err);
}

# bad usage: status 2, a message, nothing on standard output
for my $case (
	[ [ @words[ 0 .. 2 ] ], qr/needs a graph, a state, the id of a node and a rewrite/, 'too few words' ],
	[ [ @words, $words[4] ], qr/no more than 5/, 'too many words' ],
	[ [ '-', '-', 'a', $words[3] ], qr/once/, 'standard input twice' ],
	[ [ $words[0], '-', 'a', $words[3], '-' ], qr/once/, 'standard input twice, apart' ],
	[ [ "$dir/none", @words[ 1 .. 3 ] ], qr/could not open/, 'no such file' ],
	[ [ @words[ 0, 1 ], "\xff", $words[3] ], qr/not valid UTF-8/, 'an anchor that is no text' ],
	[ [ @words[ 0, 1 ], '--a', $words[3] ], qr/no option "--a"/, 'an option' ])
{
	my ($args, $pattern, $name) = @$case;
	my ($status, $out, $err) = run('{}', 'plan-rewrite', @$args);
	is($status, 2, "$name: status 2");
	is($out, '', "$name: nothing on standard output");
	like($err, $pattern, "$name: message");
}
my ($status, $out) = run(undef, 'plan-rewrite', @words[ 0, 1 ], '--', '--a', $words[3]);
is($status, 0, 'after -- an anchor may look like an option');

done_testing();
