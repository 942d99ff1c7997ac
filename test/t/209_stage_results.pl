# Stage results of a real host: rewrites admitted and rejected, calls again with the reason,
# reject_rewrite, suspend, fail, and malformed ones; and the bodies of these calls.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PulseHost;
use PulseTest;
use Test::More;

my $node = cluster('stages', 'pulse.workers = 1');
my $host = PulseHost->start('stages');
my $keys = 0;
my $run;

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$host->register($node, 'postgres', qw(test.a test.b));
$node->safe_psql('postgres', q[
	SELECT pulse.define('one', '{"nodes": {"a": {"action": "test.a", "retry": {"initial": "10 ms"}},
		"b": {"action": "test.b", "after": ["a"], "input": {"of": {"$": "$.nodes.a"}}}}, "budget": {"nodes": 6, "operations": 4}}');
	SELECT pulse.define('degrade', '{"nodes": {"a": {"action": "test.a", "rewrite": {"max_reexecutions": 1, "on_exhausted": "degrade"}}}}');]);
workers_ready($node, 'postgres', 1);

sub sql
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $query);
}

sub run
{
	my ($workflow, $input) = @_;

	$run = sql("SELECT pulse.submit('$workflow', \$q\$" . encode_json($input) . "\$q\$)");
	return finished($node, 'postgres', $run);
}

# Applied calls of the run, and what they were told.
sub calls
{
	my @applied = $host->entries(run => $run, outcome => 'applied');

	$keys += @applied;
	return @applied;
}

sub rewrites
{
	return sql(qq[SELECT coalesce(string_agg(concat_ws(' ', state, anchor, form, code), ', ' ORDER BY rewrite), 'none')
		FROM pulse.rewrites WHERE run = '$run']);
}

sub error
{
	return sql(qq[SELECT concat_ws(' ', error ->> 'class', error ->> 'node', error ->> 'message') FROM pulse.runs WHERE run = '$run']);
}

# rewrites, of what rewrites have brought too
is(run('one', { __grow => 2 }), 'completed', 'an action that proposes rewrites, twice');
is(rewrites(), 'admitted a append, admitted a:next append', '... which are admitted');
is(join(' ', map { "$_->{node}" . ($_->{stage} ? "/$_->{stage}" : '') } calls()), 'a/rewrite a:next/rewrite a:next:next b',
	'... and their nodes called');
is(sql(qq[SELECT (remaining_budget ->> 'nodes') || ' ' || (remaining_budget ->> 'operations') FROM pulse.runs WHERE run = '$run']),
	'4 2', '... at their cost');
is(run('one', { __rewrite => { form => 'retain', fragment => { nodes => { x => { pure => { '$' => '$.nodes.a.v' } } } } }, v => 5 }),
	'completed', 'retain');
is(sql(qq[SELECT output FROM pulse.nodes WHERE run = '$run' AND node = 'a:x']), '5', '... its entry reads the anchor');
calls();

# over budget: called again with the reason, as another activation
is(run('one', { __grow => { times => 1, width => 9 } }), 'failed', 'one that is over budget, again and again');
my @calls = calls();
is(scalar @calls, 3, '... is called twice more');
is($calls[0]{rejection}, undef, '... the first call knows of no rejection');
is($calls[1]{rejection}{code}, 'budget_exceeded', '... the second one does');
is_deeply([ map { "$_->{dimension} $_->{requested}/$_->{remaining}" } @{ $calls[1]{rejection}{exceeded} } ],
	[ 'nodes 9/6', 'frontier 8/4' ], '... with what was exceeded');
is($calls[2]{rejection}{reexecution}, 2, '... and counts them');
is(scalar(keys %{ { map { $_->{activation} => 1 } @calls } }), 3, '... each is an activation of its own');
like(error(), qr/^rewrite_exhausted a /, '... and fails in the end');
is(rewrites(), join(', ', ('rejected a append budget_exceeded') x 3), '... all of them are kept');
is(sql(qq[SELECT string_agg(outcome, ' ' ORDER BY attempt) FROM pulse.attempts WHERE run = '$run']), 'rejected rejected rejected',
	'... as attempts too');

is(run('one', { __rewrite => [ { form => 'append', fragment => { nodes => { map { ("n$_" => { noop => JSON::PP::true }) } 1 .. 7 } } } ] }),
	'completed', 'one that does not insist');
is(rewrites(), 'rejected a append budget_exceeded', '... completes at the second call');
calls();

# reject_rewrite
is(run('one', { __reject => { times => 1, reason => { why => 'later' } } }), 'completed', 'reject_rewrite once');
is((calls())[1]{rejection}{code}, 'rejected_by_host', '... is told to the next call');
is(sql(qq[SELECT reason FROM pulse.rewrites WHERE run = '$run']), '{"why": "later"}', '... and kept with its reason');
is(run('degrade', { __reject => 'never', v => 1 }), 'completed', 'again and again, with degrade');
is(sql(qq[SELECT output ->> 'v' FROM pulse.nodes WHERE run = '$run']), '1', '... the last output counts');
is(scalar(calls()), 2, '... after max_reexecutions calls more');

# invalid ones fail at once
is(run('one', { __rewrite => { form => 'append', fragment => { nodes => { x => { noop => JSON::PP::true, after => ['x'] } } } } }),
	'failed', 'an invalid rewrite');
like(error(), qr/^rewrite_invalid a .*fragment_cycle/, '... fails at once');
is(sql(qq[SELECT errors -> 0 ->> 'code' FROM pulse.rewrites WHERE run = '$run']), 'fragment_cycle', '... and is kept with its errors');
is(scalar(calls()), 1, '... after one call');

# suspend
$run = sql(q[SELECT pulse.submit('one', '{"__suspend": "go"}')]);
ok(until_sql($node, 'postgres', qq[SELECT count(*) = 1 FROM pulse.nodes WHERE run = '$run' AND node = 'a' AND status = 'waiting'
	AND reason = 'signal']), 'an action that suspends waits for its signal');
sql(qq[SELECT pulse.signal('$run', 'go', '{"n": 7}')]);
is(finished($node, 'postgres', $run), 'completed', '... and goes on with it');
is(sql(qq[SELECT output FROM pulse.nodes WHERE run = '$run' AND node = 'b']), '{"of": {"n": 7}}', '... its payload is the output');
calls();

# fail
is(run('one', { __result => { result => 'fail', error => { code => 'empty', detail => 'nothing left' } } }), 'failed', 'fail');
is(error(), 'action a nothing left', '... with its words');
calls();

# malformed ones, by their paths
my @malformed = (
	[ [], '$: must be an object' ],
	[ {}, '$: the key "result" is missing' ],
	[ { result => 'compleat' }, '$.result: ' ],
	[ { result => 'complete', otput => 1 }, '$.otput: unknown key' ],
	[ { result => 'suspend' }, '$: the key "signal" is missing' ],
	[ { result => 'suspend', signal => 'pulse.x' }, '$.signal: ' ],
	[ { result => 'rewrite', output => 1 }, '$: the key "rewrite" is missing' ],
	[ { result => 'rewrite', rewrite => { form => 'apend', fragment => { nodes => {} } } }, '$.rewrite.form: ' ],
	[ { result => 'rewrite', rewrite => { form => 'append' } }, '$.rewrite: the key "fragment" is missing' ],
	[ { result => 'rewrite', rewrite => { form => 'append', fragment => { nodes => { x => 5 } } } }, '$.rewrite.fragment.nodes.x: ' ],
	[ { result => 'complete', logs => [ {}, 'x' ] }, '$.logs[1]: ' ]);

foreach my $case (@malformed)
{
	my ($stage, $where) = @$case;
	my $text = encode_json($stage);

	# a list stands for one a call
	is(run('one', { __result => [$stage] }), 'failed', $text);
	like(error(), qr/^bad_response a malformed stage result: \Q$where\E/, '... says where');
	is(scalar(calls()), 1, '... and is final');
}
is(run('one', { v => 1, __fault => { type => 'application/vnd.pulse.result+json', body => '{"result": ' } }), 'failed', 'no JSON at all');
like(error(), qr/^bad_response a /, '... is a bad response too');
calls();

$host->ledger_ok($keys, 'every call had one effect, with one body');
$node->stop;
done_testing();
