# docs/graph.schema.json against the validator: it accepts whatever the validator
# accepts, and refuses what is wrong with the structure of a document.
# The program is $PULSE_RUN, or ./pulse-run; the root of the tree $PULSE_ROOT, or .
use strict;
use warnings;

use B ();
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $program = abs_path($ENV{PULSE_RUN} // './pulse-run');
BAIL_OUT("no program: set PULSE_RUN") unless defined $program && -x $program;
my $root = $ENV{PULSE_ROOT} // '.';
my $dir = tempdir(CLEANUP => 1);
my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my $schema = $json->decode(slurp("$root/docs/graph.schema.json"));

sub slurp
{
	my ($name) = @_;
	open my $fh, '<:raw', $name or die "$name: $!";
	local $/;
	return scalar <$fh>;
}

sub type_of
{
	my ($v) = @_;
	return 'null' unless defined $v;
	return 'boolean' if JSON::PP::is_bool($v);
	return ref $v eq 'HASH' ? 'object' : 'array' if ref $v;
	my $flags = B::svref_2object(\$v)->FLAGS;
	return 'string' if $flags & B::SVf_POK;
	return $v == int $v ? 'integer' : 'number';
}

# True if the schema accepts the value. Dies of a keyword it does not know.
sub accepts
{
	my ($s, $v) = @_;
	my $type = type_of($v);
	my $text = $json->encode($v);

	for my $word (keys %$s)
	{
		my $arg = $s->{$word};
		my $good =
		    $word =~ /^(title|description|default|definitions|\$schema)$/ ? 1
		  : $word eq '$ref' ? accepts($schema->{definitions}{ $arg =~ s{^#/definitions/}{}r } // die($arg), $v)
		  : $word eq 'type' ? $type eq $arg || $arg eq 'number' && $type eq 'integer'
		  : $word eq 'const' ? $text eq $json->encode($arg)
		  : $word eq 'enum' ? scalar(grep { $text eq $json->encode($_) } @$arg)
		  : $word eq 'anyOf' ? scalar(grep { accepts($_, $v) } @$arg)
		  : $word eq 'oneOf' ? 1 == grep { accepts($_, $v) } @$arg
		  : $word eq 'not' ? !accepts($arg, $v)
		  : $word =~ /^(minLength|maxLength|pattern)$/ ? $type ne 'string'
			|| ($word eq 'pattern' ? $v =~ /$arg/ : $word eq 'minLength' ? length $v >= $arg : length $v <= $arg)
		  : $word =~ /^(minimum|maximum)$/ ? $type !~ /^(number|integer)$/
			|| ($word eq 'minimum' ? $v >= $arg : $v <= $arg)
		  : $word =~ /^(items|minItems|maxItems|uniqueItems)$/ ? $type ne 'array'
			|| ($word eq 'items' ? !grep { !accepts($arg, $_) } @$v
			  : $word eq 'minItems' ? @$v >= $arg
			  : $word eq 'maxItems' ? @$v <= $arg
			  : keys %{ { map { $json->encode($_) => 1 } @$v } } == @$v)
		  : $word eq 'required' ? $type ne 'object' || !grep { !exists $v->{$_} } @$arg
		  : $word eq 'dependencies' ? $type ne 'object'
			|| !grep { my $k = $_; exists $v->{$k} && grep { !exists $v->{$_} } @{ $arg->{$k} } } keys %$arg
		  : $word eq 'minProperties' ? $type ne 'object' || keys %$v >= $arg
		  : $word eq 'propertyNames' ? $type ne 'object' || !grep { !accepts($arg, $_) } keys %$v
		  : $word eq 'properties' ? $type ne 'object' || !grep { exists $v->{$_} && !accepts($arg->{$_}, $v->{$_}) } keys %$arg
		  : $word eq 'additionalProperties' ? $type ne 'object'
			|| !grep { !exists(($s->{properties} // {})->{$_}) && (ref $arg eq 'HASH' ? !accepts($arg, $v->{$_}) : !$arg) } keys %$v
		  : die "unknown keyword $word";
		return 0 unless $good;
	}
	return 1;
}

# The codes of the errors that the validator finds.
sub errors
{
	my ($text) = @_;
	open my $fh, '>:raw', "$dir/x" or die;
	print $fh $text;
	close $fh or die;
	my $out = `'$program' validate '$dir/x'`;
	return map { $_->{code} } grep { $_->{severity} eq 'error' } @{ $json->decode($out)->{findings} };
}

my %structural = map { $_ => 1 } qw(unknown_key missing_key wrong_type bad_value bad_id
  reserved_name bad_retry bad_budget no_kind many_kinds kind_unavailable key_not_allowed);

my @good = (
	slurp("$root/test/demo/order.json"),
	'{"nodes": {}}',
	'{"description": "x", "nodes": {"a": {"action": "x", "input": {"$": "$.input.a"}, "config": {"b": 1},
	   "retry": {"max_attempts": 5, "initial": "1 s", "factor": 1.5, "max": "1 min", "jitter": 0, "retry_on": ["x"], "no_retry_on": ["y"]},
	   "timeout": "1 s", "total_timeout": "1 min", "on_error": {"goto": "h"}, "on_skip": "run", "when": "$.input.a > 1",
	   "rewrite": {"max_reexecutions": 2, "on_exhausted": "degrade"}, "description": "y"},
	  "h": {"pure": null}, "d": {"delay": "5 min", "after": ["a"]}, "e": {"delay": {"$": "$.input.d"}}, "f": {"delay": "$.input.d"},
	  "u": {"until": "2026-11-21T10:00:00Z"}, "s": {"signal": "go", "timeout": "1 day", "on_timeout": "complete", "on_error": "skip"},
	  "n": {"noop": true, "after": ["d", "e"]}},
	  "output": {"$": "$.nodes.n"}, "config": {}, "deadline": "2 days", "budget": {"nodes": 1, "edges": 2, "depth": 3, "frontier": 4, "operations": 5}}',
	'{"nodes": {"c": {"choose": [{"when": "$.input.a == 1", "then": {"nodes": {"a": {"noop": true}, "b": {"pure": 1}},
	   "edges": [["a", "b"]], "entries": ["a"], "exits": ["b"]}}, {"else": {"nodes": {"a": {"workflow": "w", "version": 2, "input": {}}}}}]},
	  "m": {"map": {"over": "$.input.list", "as": {"nodes": {"a": {"pure": {"$": "$.item"}}}}, "max_parallel": 2, "max_items": 10, "tolerate": 0.5}, "on_error": "skip"},
	  "r": {"repeat": {"body": {"nodes": {"a": {"pure": {"result": "complete"}, "result": true}}}, "while": "$.round < 3", "max": 5}, "on_exhausted": "complete"}}}',
	'{"steps": [{"name": "a", "type": "action", "action": "x", "input": 1, "retry_policy": {"max_attempts": 2, "backoff_ms": 100}, "timeout_ms": 5, "config": {}},
	  {"name": "c", "type": "condition", "when": "$.nodes.a == 1", "on_false": "skip"}, {"name": "d", "type": "condition", "action": "y", "timeout_ms": 7, "on_false": 1},
	  {"name": "e", "type": "delay", "delay_ms": 9, "description": "z"},
	  {"name": "p", "type": "parallel", "branches": [[{"name": "q", "type": "action"}], [{"name": "s", "type": "condition", "when": "$.input.x"}, {"name": "t", "type": "action"}]]}],
	  "output": {"$": "$.nodes.p"}}');

for my $text (@good)
{
	is_deeply([ errors($text) ], [], 'valid');
	ok(accepts($schema, $json->decode($text)), 'and accepted');
}

# Every value of these documents is replaced and left out, and every object gets
# a key more.
my @values = map { $json->decode($_) } ('null', 'true', '0', '-1', '1.5', '"x"', '"1 s"', '""', '[]', '["x", "x"]', '{}', '{"$": "$.input"}', '{"goto": "a"}');
my ($n, @strict, @lax) = (0);

sub compare
{
	my ($text) = @_;
	my @codes = errors($text);
	my $accepted = accepts($schema, $json->decode($text));
	push @strict, $text if !@codes && !$accepted;
	push @lax, "@codes: $text" if $accepted && grep { $structural{$_} } @codes;
	$n++;
}

sub mutate
{
	my ($doc, $v) = @_;
	return unless ref $v && !JSON::PP::is_bool($v);
	my @keys = ref $v eq 'HASH' ? sort keys %$v : 0 .. $#$v;
	for my $key (@keys)
	{
		my $slot = ref $v eq 'HASH' ? \$v->{$key} : \$v->[$key];
		my $old = $$slot;
		for my $new (@values)
		{
			$$slot = $new;
			compare($json->encode($doc));
		}
		$$slot = $old;
		mutate($doc, $old);
		next unless ref $v eq 'HASH';
		delete $v->{$key};
		compare($json->encode($doc));
		$v->{$key} = $old;
	}
	return unless ref $v eq 'HASH';
	for my $key (qw(noop timeout on_timeout rewrite a:b map goto))
	{
		next if exists $v->{$key};
		$v->{$key} = JSON::PP::true;
		compare($json->encode($doc));
		delete $v->{$key};
	}
}

for my $text (@good)
{
	my $doc = $json->decode($text);
	mutate($doc, $doc);
}
cmp_ok($n, '>', 1000, "$n mutations");
is(scalar @strict, 0, 'the schema refuses nothing that is valid') or diag(join "\n", splice @strict, 0, 5);
is(scalar @lax, 0, 'the schema refuses what is wrong with the structure') or diag(join "\n", splice @lax, 0, 12);

done_testing();
