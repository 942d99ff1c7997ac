# A wrong secret: nobody burns attempts, everything waits, and goes on when it is mended.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PulseHost;
use PulseTest;
use Test::More;
use Time::HiRes qw(time);

my $node = cluster('circuit');
my $host = PulseHost->start('circuit', '--bearer', 'right-token');
my $url = $host->url;

$node->safe_psql('postgres', 'CREATE EXTENSION pulse');
$node->safe_psql('postgres', qq[
	SELECT pulse.set_credential('c', 'hmac', 'whsec_d3JvbmcgcHVsc2UgdGVzdCBzZWNyZXQgISEhISEhISE=');
	SELECT pulse.register_host('h', '$url', credential => 'c');
	SELECT pulse.register_action('test.a', 'h');
	SELECT pulse.define('one', '{"nodes": {"a": {"action": "test.a", "retry": {"max_attempts": 1}}}}');
	SELECT count(pulse.submit('one', to_jsonb(i))) FROM generate_series(1, 50) AS i]);
ok(until_sql($node, 'postgres', q[SELECT count(*) = 50 FROM pulse.waiting WHERE waits_for = 'host']), 'all are held');
is($node->safe_psql('postgres', q[SELECT DISTINCT circuit FROM pulse.stat_hosts]), 'open', 'the circuit is open');
like($node->safe_psql('postgres', q[SELECT string_agg(DISTINCT cause, ' ') FROM pulse.runs r, pulse.why(r.run)]),
	qr/circuit open/, 'why says so');
is($node->safe_psql('postgres', q[SELECT max(tries) FROM pulse.nodes]), '0', 'no attempt is burned');
my $refused = scalar $host->entries;
cmp_ok($refused, '<=', 50, 'few calls have been made');

# the signature is right now, the bearer is missing
$node->safe_psql('postgres', "SELECT pulse.set_credential('c', 'hmac', '$PulseHost::SECRET')");
ok($host->until_entries($refused + 1), 'tried at once');
ok(until_sql($node, 'postgres', q[SELECT count(*) = 50 FROM pulse.waiting WHERE waits_for = 'host']), 'all are held again');

# mended
my $start = time;
$node->safe_psql('postgres', q[SELECT pulse.set_credential('c', 'bearer', 'right-token')]);
ok(until_sql($node, 'postgres', q[SELECT count(*) = 50 FROM pulse.runs WHERE status = 'completed']), 'mended: all have ended well');
cmp_ok(time - $start, '<', 10, '... at once, not when the circuit would be tried again');
note(sprintf('%.3f s', time - $start));
is($node->safe_psql('postgres', q[SELECT count(*) FROM pulse.stat_hosts WHERE circuit <> 'closed']), '0', 'the circuit is closed');
$host->ledger_ok(50, 'each effect once', '--allow-rejected');

# a secret that changes while the host knows both
$node->safe_psql('postgres', qq[
	SELECT pulse.alter_host('h', enable => false, reason => 'closed for today');
	SELECT pulse.submit('one', '"held"')]);
ok(until_sql($node, 'postgres', q[SELECT count(*) = 1 FROM pulse.waiting WHERE error ->> 'message' = 'closed for today']), 'a disabled host');
$node->safe_psql('postgres', q[SELECT pulse.alter_host('h', enable => true)]);
ok(until_sql($node, 'postgres', q[SELECT count(*) = 51 FROM pulse.runs WHERE status = 'completed']), 'enabled again');

# the secrets are nowhere to be read
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/right-token/, 'no token in the log')
  if $node->safe_psql('postgres', 'SHOW log_statement') eq 'none';
unlike($node->safe_psql('postgres', q[SELECT string_agg(error::text, ' ') FROM pulse.attempts]), qr/right-token|whsec_/, 'nor in an error');
$node->stop('fast');
$host->stop;
done_testing();
