# Attacks that need more than one session, the server log, or a dump: secrets that must not
# be found, rights that must not outlive their end.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use PulseHost;
use PulseTest;
use Test::More;

my $canary = 'CaNaRy0123456789abcdefghijklmnop';
my $node = cluster('attacks', 'pulse.workers = 1', 'max_prepared_transactions = 5', 'log_statement = none');

install($node, 'postgres', 1);
$node->safe_psql('postgres', q[
	CREATE ROLE reader LOGIN; CREATE ROLE gone; CREATE ROLE admin LOGIN;
	SELECT pulse.grant_access('reader', 'read', '{acme}'), pulse.grant_access('gone', 'admin'), pulse.grant_access('admin', 'admin');
	SELECT pulse.define('ask', '{"nodes": {"s": {"signal": "go"}}, "output": "the secret of acme"}', tenant => 'acme')]);

# What a statement that fails says to the log: never the secret, wherever it is called.
my $hmac = "whsec_$canary";
my @failing = (
	"SELECT pulse.set_credential('c', 'hmac', '$canary')",
	"SELECT pulse.set_credential('c', 'hmac', 'whsec_$canary!')",
	"SELECT pulse.set_credential('c', 'bearer', '$canary $canary')",
	"SELECT pulse.set_credential('c', '$canary', 'x')",
	"SELECT pulse.set_credential(E'c\\n', 'bearer', '$canary')",
	"SELECT pulse.set_credential('c', 'bearer', '$canary', '/etc/$canary')",
	"DO \$\$BEGIN PERFORM pulse.set_credential('c', 'hmac', '$canary'); END\$\$",
	"DO \$\$BEGIN EXECUTE 'SELECT pulse.set_credential(''c'', ''hmac'', ''$canary'')'; END\$\$",
	"BEGIN READ ONLY; SELECT pulse.set_credential('c', 'bearer', '$canary')",
	"PREPARE p AS SELECT pulse.set_credential('c', 'hmac', \$1); EXECUTE p('$canary')");
my $offset = -s $node->logfile;
my $failed = 0;

for my $sql (@failing)
{
	my ($rc) = $node->psql('postgres', $sql);

	$failed++ if $rc != 0;
}
is($failed, scalar @failing, 'all of them fail');
my $log = substr(slurp_file($node->logfile), $offset);
like($log, qr/hmac secret is not acceptable/, 'the log tells of them');
unlike($log, qr/\Q$canary\E/, '... without the secret');

# Set for good: not in dumps, not in what the workers and the statistics say.
$node->safe_psql('postgres', "SELECT pulse.set_credential('c', 'bearer', '$canary'), pulse.set_credential('c', 'hmac', '$hmac')");
$node->safe_psql('postgres', q[SELECT pulse.register_host('h', 'https://h.invalid', credential => 'c'), pulse.register_action('h.do', 'h')]);
$node->safe_psql('postgres', q[DROP OWNED BY gone; DROP ROLE gone]);
my ($dump, $all) = ('', '');
IPC::Run::run([ 'pg_dump', '-d', $node->connstr('postgres') ], '>', \$dump) or BAIL_OUT('no dump');
IPC::Run::run([ 'pg_dumpall', '-d', $node->connstr('postgres') ], '>', \$all) or BAIL_OUT('no dump of all');
like($dump, qr/COPY _pulse\.access/, 'a dump has the levels');
unlike("$dump$all", qr/\Q$canary\E/, '... and no secret');
my ($rows) = $dump =~ /COPY _pulse\.access [^\n]*\n(.*?)\n\\\./s;
unlike($rows, qr/^\d+\t/m, '... and no role that is gone');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%$canary%' AND pid <> pg_backend_pid()"),
	'0', 'no secret in pg_stat_activity');

# Restored, the levels are what they were, and the right to execute with them.
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE template0');
my $file = "$PostgreSQL::Test::Utils::tmp_check/attacks.sql";
append_to_file($file, $dump);
my ($rc, $out, $err) = $node->psql('copy', "\\i $file", on_error_stop => 1);
is($err, '', 'the dump can be restored');
is($node->safe_psql('copy', 'SET ROLE reader; SELECT pulse.readable_tenants()'), '{acme}', 'levels are restored');
($rc, $out, $err) = $node->psql('copy', 'SET ROLE reader; SELECT pulse.submit($$ask$$, tenant => $$acme$$)', on_error_stop => 1);
like($err, qr/permission denied/, '... and no more than that');
($rc, $out, $err) = $node->psql('copy', 'SET ROLE reader; SELECT * FROM _pulse.credential', on_error_stop => 1);
like($err, qr/permission denied/, 'the state is closed in the copy as well');

# Rights that end while their owner waits.
my $run = $node->safe_psql('postgres', q[SELECT pulse.submit('ask', tenant => 'acme')]);
my ($result, $error) = ('', '');
my $waiter = IPC::Run::start([ 'psql', '-X', '-At', '-U', 'reader', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'),
		'-c', "SELECT output FROM pulse.wait('$run', '60 s')" ], '>', \$result, '2>', \$error);
ok(until_sql($node, 'postgres', q[SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active'
	AND query LIKE '%pulse.wait%' AND wait_event IS NOT NULL]), 'a reader waits');
$node->safe_psql('postgres', q[SELECT pulse.revoke_access('reader')]);
$node->safe_psql('postgres', "SELECT pulse.signal('$run', 'go')");
$waiter->finish;
unlike($result, qr/secret of acme/, 'who has lost the right meanwhile gets nothing');
like($error, qr/42704/, '... but the answer of a run that is not there');

# A right given in a transaction that is prepared is none before it is committed.
$node->safe_psql('postgres', q[BEGIN; SELECT pulse.grant_access('reader', 'read', '{acme}'); PREPARE TRANSACTION 'grant']);
($rc, $out, $err) = $node->psql('postgres', 'SET ROLE reader; SELECT count(*) FROM pulse.runs', on_error_stop => 1);
like($err, qr/permission denied/, 'a grant that is prepared only');
$node->safe_psql('postgres', q[COMMIT PREPARED 'grant']);
is($node->safe_psql('postgres', 'SET ROLE reader; SELECT count(*) FROM pulse.runs'), '1', '... and committed');

# The schema is somebody's already: nothing is taken over.
$node->safe_psql('postgres', 'CREATE DATABASE taken OWNER reader');
$node->safe_psql('taken', q[SET ROLE reader; CREATE SCHEMA pulse; CREATE FUNCTION pulse.readable_tenants() RETURNS text[] LANGUAGE sql AS $$SELECT '{*}'::text[]$$]);
($rc, $out, $err) = $node->psql('taken', 'CREATE EXTENSION pulse', on_error_stop => 1);
like($err, qr/schema "pulse" already exists/, 'a schema in the way is an error');
($rc, $out, $err) = $node->psql('taken', 'SET ROLE reader; DROP SCHEMA pulse CASCADE; CREATE EXTENSION pulse', on_error_stop => 1);
like($err, qr/permission denied to create extension/, 'the owner of a database does not create it');

$node->stop;
done_testing();
