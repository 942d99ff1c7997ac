# Expressions of the kernel against jsonb_path_query and jsonb_path_match of the
# server, over a generated corpus. Needs the program test/core/expr_diff (or
# PULSE_EXPR_DIFF) and no extension. PULSE_PARITY_SEED and PULSE_PARITY_PAIRS
# choose another corpus.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $program = $ENV{PULSE_EXPR_DIFF} // 'test/core/expr_diff';
my $seed = $ENV{PULSE_PARITY_SEED} // 20261121;
my $pairs = $ENV{PULSE_PARITY_PAIRS} // 20000;

plan skip_all => "$program is not built" unless -x $program;
note("seed $seed, $pairs pairs");

my $dir = PostgreSQL::Test::Utils::tempdir;
run_command_to_file("$dir/pairs.tsv", $program, 'generate', $seed, $pairs);

my $node = PostgreSQL::Test::Cluster->new('parity');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "fsync = off\nstatement_timeout = 0\n");
$node->start;

$node->safe_psql('postgres', q{
	CREATE TABLE pairs (id int, expr text, doc text);
	CREATE TABLE results (id int, expr text, doc text, cast_state text,
		query text, query_state text, match text, match_state text);
	CREATE FUNCTION evaluate() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		p record;
		path jsonpath;
		r results;
	BEGIN
		FOR p IN SELECT * FROM pairs ORDER BY id LOOP
			r := ROW(p.id, p.expr, p.doc, 'ok', '', 'ok', '', 'ok');
			BEGIN
				path := p.expr::jsonpath;
				-- an empty text is no path and gives null
				IF path IS NULL THEN
					r.cast_state := 'null';
				END IF;
			EXCEPTION WHEN OTHERS THEN
				r.cast_state := SQLSTATE;
			END;
			IF r.cast_state = 'ok' THEN
				BEGIN
					r.query := jsonb_path_query_array(p.doc::jsonb, path);
				EXCEPTION WHEN OTHERS THEN
					r.query_state := SQLSTATE;
				END;
				BEGIN
					r.match := CASE jsonb_path_match(p.doc::jsonb, path)
						WHEN true THEN 't' WHEN false THEN 'f' ELSE 'n' END;
				EXCEPTION WHEN OTHERS THEN
					r.match_state := SQLSTATE;
				END;
			END IF;
			INSERT INTO results SELECT r.*;
		END LOOP;
	END $$;
});
$node->safe_psql('postgres', "\\copy pairs FROM '$dir/pairs.tsv'");
is($node->safe_psql('postgres', 'SELECT count(*) FROM pairs'), $pairs,
	'the corpus is loaded');
$node->safe_psql('postgres', 'SELECT evaluate()');
$node->safe_psql('postgres',
	"\\copy (SELECT * FROM results ORDER BY id) TO '$dir/results.tsv'");
$node->stop;

my ($stdout, $stderr) = run_command([ $program, 'compare', "$dir/results.tsv" ]);
is($stderr, '', 'nothing on stderr');

# pass on the tests of the program, and what it says of them
my $failed = $stdout =~ /^not ok/m;
for my $line (split /\n/, $stdout)
{
	if (my ($not, $name) = $line =~ /^(not )?ok \d+ - (.*)/)
	{
		ok(!$not, $name);
	}
	elsif (my ($comment) = $line =~ /^# ?(.*)/)
	{
		$failed ? diag($comment) : note($comment);
	}
}
like($stdout, qr/^1\.\.5$/m, 'the comparison came to its end');

done_testing();

# Runs a program with its standard output in a file.
sub run_command_to_file
{
	my ($file, @command) = @_;

	my $result = IPC::Run::run(\@command, '>', $file);
	BAIL_OUT("@command failed") unless $result;
	return;
}
