/*
 * run_main.c
 *		pulse-run run: a graph run to its end in memory.
 *
 * Owns the command line of `run`, and what commands answer; run_job.c owns their
 * processes, the kernel everything else.  One arena holds the documents for the life of the
 * process.
 */
#include "postgres_fe.h"

#include "cli/run_main.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/findings.h"
#include "cli/input.h"
#include "cli/run_job.h"
#include "core/budget.h"
#include "core/local.h"
#include "core/timetext.h"
#include "mb/pg_wchar.h"

#define EXIT_COMPLETED	0
#define EXIT_INVALID	1
#define EXIT_USAGE		2
#define EXIT_FAILED		3
#define EXIT_SUSPENDED	4

#define MAX_JOBS		1000

static const char usage_text[] =
	"pulse-run run runs a workflow to its end in memory, without a server.\n"
	"\n"
	"Usage:\n"
	"  pulse-run run GRAPH [OPTION ...]\n"
	"\n"
	"Options:\n"
	"  --input FILE           input of the run; by default standard input, unless it is a\n"
	"                         terminal; no input at all is null\n"
	"  --bind ACTION=ANSWER   how an action is answered; may be given for each action\n"
	"  --signal NAME=JSON     a signal that is there from the start; may be repeated\n"
	"  --workflow NAME=FILE   the graph that workflow nodes of this name run; may be repeated\n"
	"  --budget JSON          of rewrites, such as {\"nodes\": 40, \"operations\": 8}; what is not\n"
	"                         given is that of the graph, or the default\n"
	"  --trace FILE           writes what happened, as a JSON array\n"
	"  --jobs N               runs up to N commands at once (default 1)\n"
	"  --now TIME             where the virtual clock starts (default 2000-01-01T00:00:00Z)\n"
	"  --seed N               seed of the jitter of retries (default 0)\n"
	"\n"
	"ANSWER is JSON, a value, {\"$\": \"expression\"}, {\"$error\": {...}}, a stage result, or a list of\n"
	"them; or else a command for /bin/sh. A command reads the request of the action from standard\n"
	"input (its input is .data.input) and writes its answer, JSON or a stage result, to standard\n"
	"output. An exit status other than 0 is a failure.\n"
	"\n"
	"Time is virtual: delays and the waits of retries pass at once. The result is printed as JSON.\n"
	"\n"
	"Exit status: 0 completed, 1 invalid (findings as JSON), 2 usage, 3 failed, 4 suspended;\n"
	"130 after SIGINT, 143 after SIGTERM.\n";

typedef struct BoundCommand
{
	const char *action;
	const char *command;
} BoundCommand;

typedef struct GivenWorkflow
{
	const char *name;
	const char *file;
} GivenWorkflow;

typedef struct RunCall
{
	PulseArena *arena;
	PulseDiag	diag;
	const char *graph;
	const char *input;
	const char *trace;
	int			jobs;
	PulseLocalOptions options;
	PulseJsonPair *bindings;	/* answers given as JSON */
	uint32		n_bindings;
	BoundCommand *commands;
	int			n_commands;
	const PulseJson **signals;
	uint32		n_signals;
	GivenWorkflow *workflows;
	int			n_workflows;
	bool		standard_taken; /* standard input is one of the files */
} RunCall;

static int	pg_attribute_printf(1, 2)
usage_error(const char *fmt,...)
{
	va_list		ap;

	fputs("pulse-run: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry \"pulse-run run --help\".\n", stderr);
	return EXIT_USAGE;
}

/* Writes a text and a line end; false with a message if that fails. */
static bool
write_line(FILE *file, const char *name, const PulseJson *value)
{
	StringInfoData out;
	bool		ok;

	initStringInfo(&out);
	pulse_json_write(&out, value);
	appendStringInfoChar(&out, '\n');
	ok = fwrite(out.data, 1, (size_t) out.len, file) == (size_t) out.len && fflush(file) == 0;
	if (!ok)
		fprintf(stderr, "pulse-run: could not write \"%s\": %s\n", name, strerror(errno));
	pfree(out.data);
	return ok;
}

static int
print_findings(const PulseDiag *diag)
{
	StringInfoData out;

	initStringInfo(&out);
	pulse_findings_write(&out, diag);
	if (fwrite(out.data, 1, (size_t) out.len, stdout) != (size_t) out.len || fflush(stdout) != 0)
	{
		fprintf(stderr, "pulse-run: could not write the answer: %s\n", strerror(errno));
		return EXIT_USAGE;
	}
	pfree(out.data);
	return EXIT_INVALID;
}

/*
 * ---------------------------------------------------------------------
 * The command line
 * ---------------------------------------------------------------------
 */

/* "name=rest": the name, in arena, and the rest; NULL if there is no name. */
static const char *
split(RunCall *call, const char *value, const char **rest)
{
	const char *equals = strchr(value, '=');
	size_t		len = strlen(value);

	if (equals == NULL || equals == value || equals[1] == '\0' ||
		(size_t) pg_encoding_verifymbstr(PG_UTF8, value, (int) len) != len)
		return NULL;
	*rest = equals + 1;
	return pulse_arena_strndup(call->arena, value, (size_t) (equals - value));
}

static const PulseJson *
parse(RunCall *call, const char *text, PulseDiag *diag)
{
	pulse_diag_init(diag, call->arena);
	return pulse_json_parse(call->arena, text, strlen(text), diag);
}

static int
add_binding(RunCall *call, const char *value)
{
	const char *text;
	const char *action = split(call, value, &text);
	const PulseJson *answer;
	PulseDiag	diag;

	if (action == NULL)
		return usage_error("--bind needs ACTION=ANSWER, not \"%s\"", value);
	for (uint32 i = 0; i < call->n_bindings; i++)
	{
		if (strcmp(call->bindings[i].key, action) == 0)
			return usage_error("action \"%s\" is bound twice; a list [...] gives one answer after the other", action);
	}
	for (int i = 0; i < call->n_commands; i++)
	{
		if (strcmp(call->commands[i].action, action) == 0)
			return usage_error("action \"%s\" is bound twice", action);
	}
	answer = parse(call, text, &diag);
	if (answer != NULL)
	{
		call->bindings[call->n_bindings++] = (PulseJsonPair) {action, (uint32) strlen(action), answer};
		return 0;
	}

	/* no shell has commands that look like this */
	if (text[0] == '{' && text[1 + strspn(text + 1, " \t\r\n")] == '"')
		return usage_error("the answer of action \"%s\" is no JSON: %s", action,
						   diag.n > 0 ? diag.items[0].message : "malformed");
	call->commands[call->n_commands++] = (BoundCommand) {action, text};
	return 0;
}

static int
add_workflow(RunCall *call, const char *value)
{
	const char *file;
	const char *name = split(call, value, &file);

	if (name == NULL)
		return usage_error("--workflow needs NAME=FILE, not \"%s\"", value);
	for (int i = 0; i < call->n_workflows; i++)
	{
		if (strcmp(call->workflows[i].name, name) == 0)
			return usage_error("workflow \"%s\" is given twice", name);
	}
	call->workflows[call->n_workflows++] = (GivenWorkflow) {name, file};
	return 0;
}

static int
add_signal(RunCall *call, const char *value)
{
	const char *text;
	const char *name = split(call, value, &text);
	const PulseJson *payload;
	PulseJsonPair *pairs;
	PulseDiag	diag;

	if (name == NULL)
		return usage_error("--signal needs NAME=JSON, not \"%s\"", value);
	payload = parse(call, text, &diag);
	if (payload == NULL)
		return usage_error("the payload of signal \"%s\" is no JSON: %s", name,
						   diag.n > 0 ? diag.items[0].message : "malformed");
	pairs = pulse_arena_alloc(call->arena, 2 * sizeof(*pairs));
	pairs[0] = (PulseJsonPair) {"name", 4, pulse_json_string(call->arena, name)};
	pairs[1] = (PulseJsonPair) {"payload", 7, payload};
	call->signals[call->n_signals++] = pulse_json_object(call->arena, pairs, 2);
	return 0;
}

/* A whole number in a range; false: it is none. */
static bool
parse_number(const char *text, long long min, long long max, long long *out)
{
	char	   *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *out >= min && *out <= max;
}

static int
set_budget(RunCall *call, const char *value)
{
	PulseDiag	diag;
	const PulseJson *budget = parse(call, value, &diag);

	if (budget == NULL || !pulse_budget_read(budget, "$", call->arena, &call->options.budget, &diag))
		return usage_error("--budget needs an object of numbers by dimension: %s",
						   diag.n > 0 ? pulse_arena_printf(call->arena, "%s at %s",
														   diag.items[0].message, diag.items[0].path)
						   : "malformed");
	return 0;
}

static int
set_option(RunCall *call, const char *name, const char *value)
{
	const char *why;
	long long	n;

	if (strcmp(name, "--input") == 0)
		call->input = value;
	else if (strcmp(name, "--trace") == 0)
	{
		if (strcmp(value, "-") == 0)
			return usage_error("--trace needs a file: standard output is for the result");
		call->trace = value;
	}
	else if (strcmp(name, "--bind") == 0)
		return add_binding(call, value);
	else if (strcmp(name, "--signal") == 0)
		return add_signal(call, value);
	else if (strcmp(name, "--workflow") == 0)
		return add_workflow(call, value);
	else if (strcmp(name, "--budget") == 0)
		return set_budget(call, value);
	else if (strcmp(name, "--jobs") == 0)
	{
		if (!parse_number(value, 1, MAX_JOBS, &n))
			return usage_error("--jobs needs a number from 1 to %d, not \"%s\"", MAX_JOBS, value);
		call->jobs = (int) n;
	}
	else if (strcmp(name, "--seed") == 0)
	{
		if (!parse_number(value, PG_INT64_MIN, PG_INT64_MAX, &n))
			return usage_error("--seed needs a whole number, not \"%s\"", value);
		call->options.seed = n;
	}
	else if (!pulse_timestamp_parse(value, strlen(value), &call->options.now, &why))
		return usage_error("--now needs a time with its zone, such as 2026-11-21T10:00:00Z: %s", why);
	return 0;
}

/* 0 or the exit status. */
static int
parse_words(int argc, char **argv, RunCall *call)
{
	static const char *const names[] = {
		"--input", "--bind", "--signal", "--workflow", "--budget", "--trace", "--jobs", "--now", "--seed"
	};
	bool		only_files = false;
	int			standard = 0;

	for (int i = 2; i < argc; i++)
	{
		const char *word = argv[i];
		size_t		len = strcspn(word, "=");
		const char *name = NULL;
		int			status;

		if (!only_files && strcmp(word, "--") == 0)
		{
			only_files = true;
			continue;
		}
		if (only_files || word[0] != '-' || word[1] == '\0')
		{
			if (call->graph != NULL)
				return usage_error("run takes one graph; \"%s\" is one too many", word);
			call->graph = word;
			continue;
		}
		for (int k = 0; k < (int) lengthof(names); k++)
		{
			if (strlen(names[k]) == len && strncmp(word, names[k], len) == 0)
				name = names[k];
		}
		if (name == NULL)
			return usage_error("run has no option \"%s\"", word);
		if (word[len] == '\0' && i + 1 == argc)
			return usage_error("%s needs a value", name);
		status = set_option(call, name, word[len] == '=' ? word + len + 1 : argv[++i]);
		if (status != 0)
			return status;
	}
	if (call->graph == NULL)
		return usage_error("run needs a graph");
	standard = (strcmp(call->graph, "-") == 0) + (call->input != NULL && strcmp(call->input, "-") == 0);
	for (int i = 0; i < call->n_workflows; i++)
		standard += strcmp(call->workflows[i].file, "-") == 0;
	call->standard_taken = standard > 0;
	if (standard > 1)
		return usage_error("standard input can be given once only");
	return 0;
}

/*
 * ---------------------------------------------------------------------
 * Commands as answers
 * ---------------------------------------------------------------------
 */

static const char *
find_command(const RunCall *call, const char *action)
{
	for (int i = 0; i < call->n_commands; i++)
	{
		if (strcmp(call->commands[i].action, action) == 0)
			return call->commands[i].command;
	}
	return NULL;
}

static bool
knows(void *arg, const char *action)
{
	return find_command(arg, action) != NULL;
}

/* False: it could not be started, and that is its outcome. */
static bool
start_job(const RunCall *run, PulseLocalCall *call, PulseArena *arena)
{
	const char *body = pulse_json_text(arena, pulse_local_body(call, arena));
	const char *why;

	call->handle = pulse_job_start(find_command(run, call->action), body, strlen(body),
								   call->timeout, &why);
	if (call->handle == NULL)
		pulse_local_outcome_error(arena, "local", NULL,
								  pulse_arena_printf(arena, "the command could not be started: %s", why),
								  true, &call->outcome);
	return call->handle != NULL;
}

/* Keeps as many commands running as there may be, those asked for first before others. */
static void
start_ahead(const RunCall *run, PulseLocalCall **calls, int n, PulseArena *arena)
{
	int			running = 0;

	for (int i = 0; i < n && running < run->jobs; i++)
	{
		const PulseJob *job = calls[i]->handle;

		running += job != NULL && job->pid != 0;
	}
	for (int i = 1; i < n && running < run->jobs; i++)
	{
		if (calls[i]->bound || calls[i]->handle != NULL || !knows(unconstify(RunCall *, run), calls[i]->action))
			continue;
		/* one that cannot be started is tried again when its turn comes */
		if (!start_job(run, calls[i], arena))
			break;
		running++;
	}
}

/* What the end of a command means. */
static void
take_outcome(const PulseLocalCall *call, const PulseJob *job, PulseArena *arena,
			 PulseOutcome *outcome)
{
	const char *text = job->output.data;
	size_t		len = (size_t) job->output.len;
	int			code = WIFEXITED(job->status) ? WEXITSTATUS(job->status) : 0;
	char		time[40];

	if (job->timed_out)
	{
		pulse_duration_format(call->timeout, time);
		pulse_local_outcome_error(arena, "timeout", NULL,
								  pulse_arena_printf(arena, "the command did not end within %s", time),
								  true, outcome);
	}
	else if (job->too_large)
		pulse_local_outcome_error(arena, "bad_response", NULL, "the command wrote too much",
								  false, outcome);
	else if (WIFSIGNALED(job->status))
		pulse_local_outcome_error(arena, "action",
								  pulse_arena_printf(arena, "signal_%d", WTERMSIG(job->status)),
								  pulse_arena_printf(arena, "the command was ended by signal %d",
													 WTERMSIG(job->status)),
								  true, outcome);
	else if (code == 0 || pulse_local_text_fails(arena, text, len))
		pulse_local_outcome_text(arena, text, len, outcome);
	else
		pulse_local_outcome_error(arena, code == 126 || code == 127 ? "local" : "action",
								  pulse_arena_printf(arena, "exit_%d", code),
								  pulse_arena_printf(arena, "the command ended with status %d", code),
								  code != 126 && code != 127, outcome);
}

static bool
answer(void *arg, PulseLocalCall **calls, int n, PulseArena *arena)
{
	const RunCall *run = arg;
	PulseLocalCall *call = calls[0];
	PulseJob   *job;

	if (pulse_jobs_interrupted())
		return false;
	if (call->handle == NULL && !start_job(run, call, arena))
		return true;
	job = call->handle;
	while (job->pid != 0)
	{
		start_ahead(run, calls, n, arena);
		if (!pulse_jobs_wait())
			return false;
	}
	take_outcome(call, job, arena, &call->outcome);
	pulse_job_free(job);
	call->handle = NULL;
	return true;
}

static void
abort_call(void *arg, PulseLocalCall *call, bool all)
{
	/* all at once, so that they share the time they are given */
	if (all)
		pulse_jobs_stop();
	pulse_job_free(call->handle);
	call->handle = NULL;
}

static bool
interrupted(void *arg)
{
	return pulse_jobs_interrupted() != 0;
}

/*
 * ---------------------------------------------------------------------
 * The run
 * ---------------------------------------------------------------------
 */

/* The input; *status is 0 or the exit status. */
static const PulseJson *
read_input(RunCall *call, int *status)
{
	const char *name = call->input;
	const PulseJson *value = NULL;
	StringInfoData buf;
	PulseDiag	own;

	*status = 0;
	if (name == NULL)
	{
		if (call->standard_taken || isatty(STDIN_FILENO))
			return NULL;
		name = "-";
	}
	if (!pulse_input_text(name, &buf))
	{
		*status = EXIT_USAGE;
		return NULL;
	}
	pulse_diag_init(&own, call->arena);
	if (strspn(buf.data, " \t\r\n") < (size_t) buf.len)
		value = pulse_json_parse(call->arena, buf.data, (size_t) buf.len, &own);
	for (int i = 0; i < own.n; i++)
	{
		PulseFinding f = own.items[i];

		f.path = pulse_arena_printf(call->arena, "$input%s", f.path + 1);
		pulse_diag_add(&call->diag, &f);
	}
	pfree(buf.data);
	return value;
}

/* The graphs of workflow nodes; 0 or the exit status. */
static int
read_workflows(RunCall *call)
{
	for (int i = 0; i < call->n_workflows; i++)
	{
		const GivenWorkflow *given = &call->workflows[i];
		const char *path = pulse_arena_printf(call->arena, "$workflows[\"%s\"]", given->name);
		const PulseJson *document;

		if (!pulse_input_read(given->file, path, call->arena, &document, &call->diag))
			return EXIT_USAGE;
		if (document != NULL)
			(void) pulse_local_options_workflow(&call->options, given->name, document, path,
												&call->diag);
	}
	return 0;
}

/* The result as it is printed: the trace goes into a file of its own. */
static const PulseJson *
without_trace(RunCall *call, const PulseJson *result)
{
	PulseJsonPair *pairs = pulse_arena_alloc(call->arena, sizeof(*pairs) * result->len);

	memcpy(pairs, result->u.pairs, sizeof(*pairs) * result->len);
	for (uint32 i = 0; i < result->len; i++)
	{
		if (strcmp(pairs[i].key, "trace") == 0)
			pairs[i].value = &pulse_json_null;
	}
	return pulse_json_object(call->arena, pairs, result->len);
}

static int
report(RunCall *call, FILE *trace, PulseLocalRun *run)
{
	static const int statuses[] = {EXIT_COMPLETED, EXIT_FAILED, EXIT_SUSPENDED};
	const PulseJson *result = pulse_local_result(run);
	bool		ok = true;

	if (trace != NULL)
		ok = write_line(trace, call->trace, pulse_json_get(result, "trace"));
	ok = write_line(stdout, "standard output", without_trace(call, result)) && ok;
	if (pulse_local_interrupted(run))
		return 128 + pulse_jobs_interrupted();
	return ok ? statuses[pulse_local_status(run)] : EXIT_USAGE;
}

static int
run_graph(RunCall *call, const PulseGraph *graph, const PulseJson *input)
{
	PulseLocalHost host = {call, knows, answer, abort_call, interrupted};
	PulseLocal	local = {graph, input};
	PulseLocalSignals signals;
	PulseLocalRun *run;
	FILE	   *trace = NULL;
	const char *why;
	int			status;

	local.bindings = pulse_local_bindings_read(call->arena,
											   pulse_json_object(call->arena, call->bindings, call->n_bindings),
											   "$bindings", &call->diag);
	(void) pulse_local_signals_read(call->arena,
									pulse_json_array(call->arena, call->signals, call->n_signals),
									"$signals", &signals, &call->diag);
	if (call->diag.n_errors > 0)
		return print_findings(&call->diag);
	local.signals = &signals;
	local.options = &call->options;
	local.host = &host;

	if (call->trace != NULL && (trace = fopen(call->trace, "wb")) == NULL)
	{
		fprintf(stderr, "pulse-run: could not open \"%s\": %s\n", call->trace, strerror(errno));
		return EXIT_USAGE;
	}
	if (!pulse_jobs_init(&why))
	{
		fprintf(stderr, "pulse-run: could not prepare to run commands: %s\n", why);
		return EXIT_USAGE;
	}
	call->options.trace = trace != NULL;
	run = pulse_local_run(&local);
	status = report(call, trace, run);
	pulse_local_free(run);
	if (trace != NULL && fclose(trace) != 0)
	{
		fprintf(stderr, "pulse-run: could not write \"%s\": %s\n", call->trace, strerror(errno));
		status = EXIT_USAGE;
	}
	return status;
}

int
pulse_run_main(int argc, char **argv)
{
	RunCall		call = {0};
	const PulseJson *document;
	const PulseJson *input = NULL;
	PulseGraph *graph = NULL;
	int			status;

	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
	{
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return fputs(usage_text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_USAGE : 0;
	}

	call.arena = pulse_arena_create(0);
	call.jobs = 1;
	pulse_diag_init(&call.diag, call.arena);
	pulse_local_options_defaults(&call.options);
	call.bindings = pulse_arena_alloc(call.arena, sizeof(*call.bindings) * (size_t) argc);
	call.commands = pulse_arena_alloc(call.arena, sizeof(*call.commands) * (size_t) argc);
	call.signals = pulse_arena_alloc(call.arena, sizeof(*call.signals) * (size_t) argc);
	call.workflows = pulse_arena_alloc(call.arena, sizeof(*call.workflows) * (size_t) argc);

	status = parse_words(argc, argv, &call);
	if (status == 0 && !pulse_input_read(call.graph, "$", call.arena, &document, &call.diag))
		status = EXIT_USAGE;
	if (status == 0 && document != NULL)
		graph = pulse_graph_read(document, PULSE_GRAPH_DEFINE, &call.diag);
	if (status == 0)
		status = read_workflows(&call);
	if (status == 0)
		input = read_input(&call, &status);
	if (status == 0)
		status = graph == NULL || call.diag.n_errors > 0 ? print_findings(&call.diag) :
			run_graph(&call, graph, input);
	pulse_local_options_free(&call.options);
	pulse_graph_free(graph);
	pulse_arena_free(call.arena);
	return status;
}
