# pulse-run as a program: files, standard input, exit statuses, bad usage.
# The program is $PULSE_RUN, or ./pulse-run.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $program = abs_path($ENV{PULSE_RUN} // './pulse-run');
BAIL_OUT("no program: set PULSE_RUN") unless defined $program && -x $program;

my $dir = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->utf8->allow_nonref;

# Runs with these arguments and standard input; (status, stdout, stderr).
# Both outputs go to files, so that no pipe can fill up.
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

sub refused
{
	my ($args, $pattern, $name) = @_;
	my ($status, $out, $err) = run('{"nodes":{}}', @$args);
	is($status, 2, "$name: status 2");
	is($out, '', "$name: nothing on standard output");
	like($err, $pattern, "$name: message");
}

my $good = spew("$dir/good.json",
	'{"nodes": {"a": {"noop": true}, "b": {"action": "x", "after": ["a"], "input": {"$": "$.nodes.a"}}}}');
my $bad = spew("$dir/bad.json",
	'{"nodes": {"a": {"noop": true}, "b": {"action": "x", "aftr": ["a"], "when": "$.input >"}}}');
my $spec = spew("$dir/spec.json", '{"edges": [["a","b"],["a","c"],["b","d"],["c","d"]]}');
my $state = spew("$dir/state.json", '{"a": {"status": "completed", "output": 1}, "b": "running"}');

# validate
my ($status, $out, $err) = run(undef, 'validate', $good);
is($status, 0, 'a valid file');
is($err, '', 'no noise');
is_deeply($json->decode($out), { valid => JSON::PP::true, findings => [] }, 'says so');

($status, $out) = run(slurp($good), 'validate', '-');
is($status, 0, 'standard input');

($status, $out, $err) = run(undef, 'validate', $bad);
is($status, 1, 'an invalid file');
is($err, '', 'findings are no errors of the program');
my $answer = $json->decode($out);
ok(!$answer->{valid}, 'not valid');
my %by_code = map { $_->{code} => $_ } @{ $answer->{findings} };
is($by_code{unknown_key}{path}, '$.nodes.b.aftr', 'path of the unknown key');
is($by_code{unknown_key}{hint}, 'Perhaps you meant "after".', 'hint');
is($by_code{unknown_key}{severity}, 'error', 'severity');
is($by_code{bad_expression}{path}, '$.nodes.b.when', 'path of the bad expression');
cmp_ok($by_code{bad_expression}{column}, '>', 0, 'column');

for my $case (
	[ '{"nodes": {}', 'json_syntax', 'cut off' ],
	[ '', 'json_syntax', 'empty' ],
	[ "{\"nodes\": {\"a\": {\"pure\": \"\xff\"}}}", 'json_unicode', 'not UTF-8' ],
	[ '{"nodes": {"a": {"pure": "\u0000"}}}', 'json_unicode', 'NUL' ],
	[ '{"nodes": {"a": {"noop": true}, "a": {"noop": true}}}', 'duplicate_key', 'a key twice' ],
	[ '{"nodes": {"a": {"pure": ' . ('[' x 200) . (']' x 200) . '}}}', 'json_depth', 'deep' ],
	[ '{"nodes": {"a": {"pure": "' . ('x' x 2_000_000) . '"}}}', 'limit_bytes', 'large' ],
	[ '{"nodes": {"a": {"noop": true, "after": ["b"]}, "b": {"noop": true, "after": ["a"]}}}', 'cycle', 'a cycle' ],
	[ '{"edges": [["a","b"]]}', 'missing_key', 'the short form is no definition' ],
  )
{
	my ($text, $code, $name) = @$case;
	($status, $out, $err) = run($text, 'validate', '-');
	is($status, 1, "$name: status 1");
	my $found = eval { $json->decode($out) } // { findings => [] };
	ok((grep { $_->{code} eq $code } @{ $found->{findings} }), "$name: $code") or diag($out);
}

# inspect
($status, $out) = run(undef, 'inspect', $spec, $state);
is($status, 0, 'inspect');
$answer = $json->decode($out);
like(delete $answer->{hash}, qr/^[0-9a-f]{64}$/, 'a hash');
is_deeply(
	$answer,
	{
		classification => 'progressing',
		frontier => ['c'],
		closed => {},
		blocked => { d => { pending => [ 'b', 'c' ] } },
		inputs => { c => { a => 1 } },
		recovered => { b => 'pending' },
		violations => []
	},
	'the answer of the specification');
($status, $out) = run(undef, 'inspect', $spec);
is_deeply($json->decode($out)->{frontier}, ['a'], 'without a state');
($status, $out) = run(slurp($spec), 'inspect', '-', $state);
is_deeply($json->decode($out)->{frontier}, ['c'], 'graph from standard input');
($status, $out) = run(slurp($state), 'inspect', $spec, '-');
is_deeply($json->decode($out)->{frontier}, ['c'], 'state from standard input');
($status, $out) = run('{"a": "dome"}', 'inspect', $spec, '-');
is($status, 1, 'a bad state');
is($json->decode($out)->{findings}[0]{path}, '$state.a', 'its path');
($status, $out) = run('{"a": ', 'inspect', $spec, '-');
is($status, 1, 'a state that is no JSON');
like($json->decode($out)->{findings}[0]{path}, qr/^\$state/, 'its path');
($status, $out) = run('{"edges": [["a","a"]]}', 'inspect', '-');
is($json->decode($out)->{findings}[0]{path}, '$graph.edges[0]', 'path of a bad graph');

# draw
($status, $out) = run(undef, 'draw', $spec);
is($status, 0, 'draw');
like($out, qr/\xe2\x97\x8b   a  noop\n/, 'as text');
($status, my $same) = run(undef, 'draw', '--format', 'text', $spec);
is($same, $out, 'text is the default');
($status, $out) = run(undef, 'draw', $spec, '--format=mermaid');
like($out, qr/^flowchart TD\n/, 'as Mermaid');
($status, $out) = run(undef, 'draw', $spec, '--format=dot');
like($out, qr/^digraph pulse \{\n.*n0 -> n1;\n.*\}\n\z/s, 'for Graphviz');
($status, $out) = run(undef, 'draw', $bad);
is($status, 1, 'draw of an invalid file');
ok(!$json->decode($out)->{valid}, 'gives findings');

# fmt
($status, $out, $err) = run(undef, 'fmt', $good);
is($status, 0, 'fmt');
is($err, '', 'no noise');
is_deeply($json->decode($out), $json->decode(slurp($good)), 'says the same');
is($out, <<'EOT', 'in canonical form');
{
  "nodes": {
    "a": {"noop": true},
    "b": {"action": "x", "input": {"$": "$.nodes.a"}, "after": ["a"]}
  }
}
EOT
($status, $same) = run($out, 'fmt', '-');
is($same, $out, 'of which the canonical form is the same');
($status, $out) = run(undef, 'fmt', $bad);
is($status, 1, 'fmt of an invalid file');
ok(!$json->decode($out)->{valid}, 'gives findings');
refused([ 'fmt', $good, $good ], qr/no more than 1 file/, 'fmt of two files');

($status, $out) = run(undef, 'draw', $spec, '--format', 'svg');
is($status, 0, 'draw as SVG');
like($out, qr/^<svg .*<\/svg>\n\z/s, 'a picture');

# help and version
for my $args ([qw(--help)], [qw(-h)], [qw(draw --help)])
{
	($status, $out, $err) = run(undef, @$args);
	is($status, 0, "@$args");
	like($out, qr/Usage:/, 'usage on standard output');
}
($status, $out) = run(undef, '--version');
is($status, 0, 'version');
like($out, qr/^pulse-run \S+\n$/, 'name and version');

# bad usage
refused([], qr/command is missing/, 'no command');
refused(['frobnicate'], qr/no command "frobnicate"/, 'unknown command');
refused(['--frobnicate'], qr/no command/, 'unknown option');
refused(['validate'], qr/needs a file/, 'no file');
refused([ 'validate', $good, $good ], qr/no more than 1 file/, 'too many files');
refused([ 'inspect', $spec, $state, $state ], qr/no more than 2 files/, 'too many files');
refused([ 'inspect', '-', '-' ], qr/once/, 'standard input twice');
refused([ 'validate', '--format', 'text', $good ], qr/no option "--format"/, 'an option of another command');
refused([ 'draw', $good, '--format' ], qr/needs a value/, 'format without value');
refused([ 'draw', $good, '--format', 'png' ], qr/no format "png"/, 'unknown format');
my $wide = spew("$dir/wide.json", $json->encode({ nodes => { map { ("n$_" => { noop => JSON::PP::true }) } 1 .. 201 } }));
refused([ 'draw', $wide, '--format', 'svg' ], qr/has 201 nodes, svg is drawn of 200 at most/, 'too large for a picture');
refused([ 'validate', "$dir/none.json" ], qr/could not open/, 'no such file');
refused([ 'validate', $dir ], qr/could not (open|read)/, 'a directory');
refused([ 'draw', '--', '--help' ], qr/could not open/, 'a file named like an option');

done_testing();
