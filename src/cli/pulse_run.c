/*
 * pulse_run.c
 *		pulse-run: the kernel as a program, without a server.
 *
 * Owns the command line. Every command reads documents, asks the kernel, prints
 * one answer to standard output and ends with 0; with 1 if a document is not
 * valid, then the answer is the list of findings; with 2, and a message on
 * standard error, if it was not called properly or a file cannot be read.
 *
 * Memory is one arena for the life of the process.
 */
#include "postgres_fe.h"

#include "cli/findings.h"
#include "cli/input.h"
#include "cli/run_main.h"
#include "core/draw.h"
#include "core/format.h"
#include "core/inspect.h"
#include "core/rewrite.h"

#ifndef PULSE_VERSION
#define PULSE_VERSION "unknown"
#endif

#define EXIT_VALID 0
#define EXIT_INVALID 1
#define EXIT_USAGE 2

#define MAX_FILES 5

/* plan-rewrite GRAPH STATE ANCHOR REWRITE [BUDGET]: the one word that is no file */
#define ANCHOR_WORD 2

typedef struct Call
{
	PulseArena *arena;
	const char *files[MAX_FILES];
	int n_files;
	PulseDrawFormat format;
} Call;

typedef struct Command
{
	const char *name;
	int min_files;
	int max_files;
	bool takes_format;
	bool takes_anchor;
	int (*run)(const Call *call);
} Command;

static const char usage_text[] =
	"pulse-run checks, draws and runs workflows of pulse without a server.\n"
	"\n"
	"Usage:\n"
	"  pulse-run validate FILE\n"
	"  pulse-run inspect GRAPH [STATE]\n"
	"  pulse-run plan-rewrite GRAPH STATE ANCHOR REWRITE [BUDGET]\n"
	"  pulse-run draw FILE [--format text|mermaid|dot|svg]\n"
	"  pulse-run fmt FILE\n"
	"  pulse-run run GRAPH [OPTION ...]\n"
	"  pulse-run --help | --version\n"
	"\n"
	"Commands:\n"
	"  validate       checks a workflow as pulse.define would\n"
	"  inspect        says what would run next in a state of a graph, and why not more\n"
	"  plan-rewrite   says whether the node ANCHOR may put a fragment into the graph, what\n"
	"                 that costs, and what comes of it; 0 also if it may not\n"
	"  draw           draws a workflow\n"
	"  fmt            prints a workflow in its canonical form\n"
	"  run            runs a workflow in memory; \"pulse-run run --help\" says how\n"
	"\n"
	"FILE, GRAPH, STATE, REWRITE and BUDGET are JSON documents; \"-\" is standard input.\n"
	"Exit status: 0 valid, 1 invalid (findings as JSON on standard output), 2 usage.\n";

/* Prints the answer and frees it; the exit status is `status` if that worked. */
static int
print(StringInfo out, int status)
{
	if (fwrite(out->data, 1, (size_t) out->len, stdout) != (size_t) out->len ||
		fflush(stdout) != 0)
	{
		fprintf(stderr, "pulse-run: could not write the answer: %s\n", strerror(errno));
		status = EXIT_USAGE;
	}
	pfree(out->data);
	return status;
}

static int
print_findings(const PulseDiag *diag)
{
	StringInfoData out;

	initStringInfo(&out);
	pulse_findings_write(&out, diag);
	return print(&out, diag->n_errors == 0 ? EXIT_VALID : EXIT_INVALID);
}

static int
print_answer(const PulseJson *answer)
{
	StringInfoData out;

	initStringInfo(&out);
	pulse_json_write(&out, answer);
	appendStringInfoChar(&out, '\n');
	return print(&out, EXIT_VALID);
}

static int
run_validate(const Call *call)
{
	const PulseJson *doc;
	PulseDiag diag;

	pulse_diag_init(&diag, call->arena);
	if (!pulse_input_read(call->files[0], "$", call->arena, &doc, &diag))
		return EXIT_USAGE;
	if (doc != NULL)
		pulse_graph_free(pulse_graph_read(doc, PULSE_GRAPH_DEFINE, &diag));
	return print_findings(&diag);
}

static int
run_inspect(const Call *call)
{
	const PulseJson *graph;
	const PulseJson *state = NULL;
	const PulseJson *answer = NULL;
	PulseDiag diag;

	pulse_diag_init(&diag, call->arena);
	if (!pulse_input_read(call->files[0], "$graph", call->arena, &graph, &diag))
		return EXIT_USAGE;
	if (call->n_files > 1 &&
		!pulse_input_read(call->files[1], "$state", call->arena, &state, &diag))
		return EXIT_USAGE;
	if (diag.n_errors == 0)
		answer = pulse_inspect(graph, state, call->arena, &diag);
	if (answer == NULL)
		return print_findings(&diag);
	return print_answer(answer);
}

/* False for bytes that could not be printed within JSON. */
static bool
is_text(PulseArena *arena, const char *word)
{
	StringInfoData quoted;
	PulseDiag diag;
	bool valid;

	initStringInfo(&quoted);
	pulse_json_write_string(&quoted, word, strlen(word));
	pulse_diag_init(&diag, arena);
	valid = pulse_json_parse(arena, quoted.data, (size_t) quoted.len, &diag) != NULL;
	pfree(quoted.data);
	return valid;
}

static int
run_plan_rewrite(const Call *call)
{
	static const char *const roots[MAX_FILES] = { "$graph", "$state", NULL, "$rewrite", "$budget" };
	const PulseJson *docs[MAX_FILES] = { NULL };
	const PulseJson *answer = NULL;
	PulseDiag diag;

	pulse_diag_init(&diag, call->arena);
	for (int i = 0; i < call->n_files; i++)
	{
		if (i != ANCHOR_WORD &&
			!pulse_input_read(call->files[i], roots[i], call->arena, &docs[i], &diag))
			return EXIT_USAGE;
	}
	if (!is_text(call->arena, call->files[ANCHOR_WORD]))
	{
		fputs("pulse-run: the anchor is not valid UTF-8\n", stderr);
		return EXIT_USAGE;
	}
	if (diag.n_errors == 0)
		answer = pulse_plan_rewrite(docs[0], docs[1], call->files[ANCHOR_WORD], docs[3], docs[4],
									call->arena, &diag);
	return answer == NULL ? print_findings(&diag) : print_answer(answer);
}

static int
run_draw(const Call *call)
{
	const PulseJson *doc;
	PulseGraph *graph = NULL;
	PulseDiag diag;
	StringInfoData out;

	pulse_diag_init(&diag, call->arena);
	if (!pulse_input_read(call->files[0], "$", call->arena, &doc, &diag))
		return EXIT_USAGE;
	if (doc != NULL)
		graph = pulse_graph_read(doc, PULSE_GRAPH_LIVE, &diag);
	if (graph == NULL)
		return print_findings(&diag);

	if (!pulse_draw_fits(graph, call->format))
	{
		fprintf(stderr,
				"pulse-run: the graph has %d nodes, svg is drawn of %d at most; "
				"try --format dot\n",
				graph->n_nodes, PULSE_DRAW_SVG_MAX);
		pulse_graph_free(graph);
		return EXIT_USAGE;
	}
	initStringInfo(&out);
	pulse_draw(&out, graph, NULL, call->format);
	pulse_graph_free(graph);
	return print(&out, EXIT_VALID);
}

static int
run_fmt(const Call *call)
{
	const PulseJson *doc;
	PulseGraph *graph = NULL;
	PulseDiag diag;
	StringInfoData out;

	pulse_diag_init(&diag, call->arena);
	if (!pulse_input_read(call->files[0], "$", call->arena, &doc, &diag))
		return EXIT_USAGE;
	if (doc != NULL)
		graph = pulse_graph_read(doc, PULSE_GRAPH_DEFINE, &diag);
	if (graph == NULL)
		return print_findings(&diag);

	initStringInfo(&out);
	pulse_graph_format(&out, graph);
	pulse_graph_free(graph);
	return print(&out, EXIT_VALID);
}

static const Command commands[] = {
	{ "validate", 1, 1, false, false, run_validate },
	{ "inspect", 1, 2, false, false, run_inspect },
	{ "plan-rewrite", 4, 5, false, true, run_plan_rewrite },
	{ "draw", 1, 1, true, false, run_draw },
	{ "fmt", 1, 1, false, false, run_fmt },
};

static int pg_attribute_printf(1, 2)
	usage_error(const char *fmt, ...)
{
	va_list ap;

	fputs("pulse-run: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry \"pulse-run --help\".\n", stderr);
	return EXIT_USAGE;
}

static const Command *
find_command(const char *name)
{
	for (size_t i = 0; i < lengthof(commands); i++)
	{
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* Fills the call from the words after the command; 0 or the exit status. */
static int
parse_words(const Command *command, int argc, char **argv, Call *call)
{
	bool only_files = false;
	int standard = 0;

	for (int i = 2; i < argc; i++)
	{
		const char *word = argv[i];
		const char *format = NULL;

		if (only_files || word[0] != '-' || word[1] == '\0')
		{
			if (call->n_files == command->max_files)
				return usage_error("%s takes no more than %d file%s", command->name,
								   command->max_files, command->max_files == 1 ? "" : "s");
			standard += strcmp(word, "-") == 0 &&
						!(command->takes_anchor && call->n_files == ANCHOR_WORD);
			call->files[call->n_files++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0)
		{
			only_files = true;
			continue;
		}
		if (command->takes_format && strncmp(word, "--format=", 9) == 0)
			format = word + 9;
		else if (command->takes_format && strcmp(word, "--format") == 0)
		{
			if (++i == argc)
				return usage_error("--format needs a value: " PULSE_DRAW_FORMATS);
			format = argv[i];
		}
		else
			return usage_error("%s has no option \"%s\"", command->name, word);
		if (!pulse_draw_format_parse(format, &call->format))
			return usage_error("there is no format \"%s\", only " PULSE_DRAW_FORMATS, format);
	}
	if (call->n_files < command->min_files)
		return usage_error("%s needs %s", command->name,
						   command->takes_anchor ? "a graph, a state, the id of a node and a rewrite"
												 : "a file");
	if (standard > 1)
		return usage_error("standard input can be given once only");
	return 0;
}

int
main(int argc, char **argv)
{
	const Command *command;
	Call call = { .format = PULSE_DRAW_TEXT };
	int status;

	if (argc < 2)
		return usage_error("a command is missing");
	if (strcmp(argv[1], "run") == 0)
		return pulse_run_main(argc, argv);
	for (int i = 1; i < argc; i++)
	{
		StringInfoData out;
		bool help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;

		if (strcmp(argv[i], "--") == 0)
			break;
		if (!help && (i > 1 || (strcmp(argv[i], "--version") != 0 && strcmp(argv[i], "-V") != 0)))
			continue;
		initStringInfo(&out);
		appendStringInfoString(&out, help ? usage_text : "pulse-run " PULSE_VERSION "\n");
		return print(&out, EXIT_VALID);
	}

	command = find_command(argv[1]);
	if (command == NULL)
		return usage_error("there is no command \"%s\"", argv[1]);
	status = parse_words(command, argc, argv, &call);
	if (status != 0)
		return status;
	call.arena = pulse_arena_create(0);
	status = command->run(&call);
	pulse_arena_free(call.arena);
	return status;
}
