# pulse.run_local where nothing of pulse runs: not preloaded, without workers, on a standby.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('alone');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'not preloaded');

my $question = q{SELECT r ->> 'status', r ->> 'output', r ->> 'elapsed' FROM pulse.run_local(
	'{"nodes": {"a": {"action": "x", "retry": {"jitter": 0}}, "b": {"delay": "1 h", "after": ["a"]},
	"c": {"pure": {"$": "$.nodes.a + $.input"}, "after": ["b"]}}}',
	'2', '{"x": [{"$error": {"class": "server"}}, 40]}') r};
is($node->safe_psql('postgres', $question), 'completed|42|3601', 'a run in memory without workers');

my $growing = q{SELECT r ->> 'status', r ->> 'output', r -> 'remaining_budget' ->> 'nodes', r ->> 'elapsed' FROM pulse.run_local(
	'{"nodes": {"m": {"map": {"over": "$.input", "as": {"nodes": {"a": {"action": "x"}, "w": {"workflow": "c", "after": ["a"]}}}}}}}',
	'[1, 2]', '{"x": {"result": "rewrite", "output": 1, "rewrite": {"form": "append", "fragment": {"nodes": {"n": {"pure": {"$": "$.item * 10"}}}}}}}',
	options => '{"workflows": {"c": {"nodes": {"d": {"delay": "1 h"}, "p": {"pure": {"$": "$.input"}, "after": ["d"]}}}}}') r};
is($node->safe_psql('postgres', $growing), 'completed|[{"m:item_0:a:n": 10}, {"m:item_1:a:n": 20}]|14|3600',
	'also one that grows, with child runs');

# a statement that takes long can be cancelled
my ($status, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '200ms';
	SELECT count(pulse.run_local('{"nodes": {"a": {"noop": true}}}')) FROM generate_series(1, 1000000000)});
like($err, qr/statement timeout/, 'statement_timeout holds');
($status, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '200ms';
	WITH g AS (SELECT jsonb_build_object('nodes', jsonb_object_agg('n' || i,
		'{"pure": {"$": "$.input[*] ? (@ > 5 && exists(@ ? (@ > 7)))"}}'::jsonb)) AS graph FROM generate_series(1, 9000) i)
	SELECT pulse.run_local(graph, (SELECT jsonb_agg(i) FROM generate_series(1, 5000) i), options => '{"trace": false}') FROM g});
like($err, qr/statement timeout/, 'also in the middle of one run');
($status, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '100ms';
	SELECT pulse.run_local('{"nodes": {"r": {"repeat": {"body": {"nodes": {"n": {"pure": {"$": "$.round"}}}}, "while": "$.nodes.n > 0", "max": 1000000000}}}}',
		options => '{"trace": false}')});
like($err, qr/statement timeout|too large/, 'and in a loop that does not end');
is($node->safe_psql('postgres', $question), 'completed|42|3601', 'and nothing is the worse for it');

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'a standby');
is($standby->safe_psql('postgres', $question), 'completed|42|3601', 'runs graphs in memory too');
like($standby->safe_psql('postgres', $growing), qr/^completed\|/, 'and those that grow');

$standby->stop;
$node->stop;
done_testing();
