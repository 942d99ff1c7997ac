/*
 * work.c
 *		From facts to commands: the middle of a batch.
 *
 * Runs inside the batch's transaction.  It loads the runs concerned and lets the
 * kernel fold their facts; the kernel's commands become the batch's writes in write.c.
 * It sends nothing: calls and aborts are done after the commit, from the same commands.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "base/clock.h"
#include "base/guc.h"
#include "miscadmin.h"
#include "store/jsonb.h"
#include "utils/timestamp.h"

/* What the payload of an inbox row says. Throws if it is beyond the kernel's limits. */
static void
read_payload(PulseEngine *e, PulseFact *fact, Jsonb *jb)
{
	const PulseJson *payload = pulse_jsonb_read(e->scratch, jb);
	const PulseJson *reason;

	if (fact->kind == PULSE_FACT_SIGNAL || fact->kind == PULSE_FACT_CHILD)
	{
		fact->payload = payload;
		return;
	}
	reason = pulse_json_get(payload, "reason");
	if (reason != NULL && reason->type == PULSE_JSON_STRING)
		fact->reason = reason->u.text;
	fact->payload = pulse_json_get(payload, "output");
}

static PulseFact *
resolve_facts(PulseEngine *e, PulseRun *run, int *n)
{
	PulseFact *facts = palloc(sizeof(PulseFact) * (size_t) (run->n_raw + 1));
	int k = 0;

	if (run->loaded)
	{
		memset(&facts[k], 0, sizeof(PulseFact));
		facts[k].kind = PULSE_FACT_RECOVER;
		facts[k].node = -1;
		k++;
	}
	for (int i = 0; i < run->n_raw; i++)
	{
		facts[k] = run->raw[i].fact;
		if (run->raw[i].payload != NULL)
			read_payload(e, &facts[k], run->raw[i].payload);
		if (run->raw[i].node != NULL)
		{
			facts[k].node = pulse_graph_find(run->state->graph, run->raw[i].node,
											 strlen(run->raw[i].node));

			/* a node that a rewrite took away: its timer or answer is void */
			if (facts[k].node < 0 && facts[k].kind >= PULSE_FACT_TIMER)
				continue;
		}
		k++;
	}
	*n = k;
	return facts;
}

/*
 * A cancel among the facts ends a run whatever its state is: without it a run with
 * damaged rows could never be got rid of. True if there is one.
 */
static bool
abandon_if_asked(PulseEngine *e, PulseRun *run)
{
	for (int i = 0; i < run->n_raw; i++)
	{
		PulseFact fact = run->raw[i].fact;
		const PulseJson *error;
		PulseAbandoned who;
		PulseJsonPair *pairs;

		if (fact.kind != PULSE_FACT_CANCEL)
			continue;
		if (run->raw[i].payload != NULL)
			read_payload(e, &fact, run->raw[i].payload);
		pairs = pulse_arena_alloc(e->scratch, 2 * sizeof(*pairs));
		pairs[0] = (PulseJsonPair){ "class", 5, pulse_json_string(e->scratch, "cancelled") };
		pairs[1] = (PulseJsonPair){ "message", 7, pulse_json_string(e->scratch, fact.reason ? fact.reason : "cancelled") };
		error = pulse_json_object(e->scratch, pairs, 2);
		if (pulse_abandon_run(&run->id, pulse_jsonb_write(error), e->now, &who))
			pulse_children_abandoned(e, &run->id, &who, error);
		pulse_writes_log(&e->writes, &run->id, NULL, 0, "operator", fact.actor,
						 fact.reason ? psprintf("cancel: %s", fact.reason) : "cancel", NULL, e->now);
		if (run->part >= 0)
			e->ended |= UINT64CONST(1) << run->part;
		run->dropped = true;
		return true;
	}
	return false;
}

/* Tells whoever reads the run's row what is wrong with it, and stops touching it. */
void
pulse_work_quarantine(PulseEngine *e, PulseRun *run, const char *class_,
					  const char *message, int sqlstate)
{
	PulseJsonPair pairs[3];
	PulseJsonPair *copy = pulse_arena_alloc(e->scratch, sizeof(pairs));
	const PulseJson *error;
	char id[PULSE_UUID_TEXT + 1];

	if (abandon_if_asked(e, run))
		return;
	pairs[0] = (PulseJsonPair){ "class", 5, pulse_json_string(e->scratch, class_) };
	pairs[1] = (PulseJsonPair){ "message", 7, pulse_json_string(e->scratch, message) };
	pairs[2] = (PulseJsonPair){ "sqlstate", 8, pulse_json_string(e->scratch, unpack_sql_state(sqlstate)) };
	memcpy(copy, pairs, sizeof(pairs));
	error = pulse_json_object(e->scratch, copy, 3);

	pulse_quarantine_run(&run->id, pulse_jsonb_write(error), e->now);
	run->dropped = true;
	ereport(LOG,
			(errcode(sqlstate),
			 errmsg("run %s is quarantined: %s",
					pulse_uuid_text((const PulseUuid *) &run->id, id), message),
			 errhint("See pulse.runs.error; SELECT pulse.release('%s') lets it go on.", id)));
}

/* A graph of many thousand pure nodes must not keep a DROP DATABASE waiting. */
static void
serve_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Nodes whose outputs were asked for: numbers, and what they meant then. */
typedef struct Needed
{
	int n;
	int cap;
	int *nodes;
	const char **ids;
} Needed;

static void
load_needed(PulseEngine *e, PulseRun *run, const PulseStep *step, Needed *needed)
{
	if (needed->n + step->n_need > needed->cap)
	{
		int cap = Max(needed->n + step->n_need, needed->cap * 2);

		needed->nodes = pulse_arena_grow(e->scratch, needed->nodes,
										 sizeof(int) * (size_t) needed->n, sizeof(int) * (size_t) cap);
		needed->ids = pulse_arena_grow(e->scratch, needed->ids,
									   sizeof(char *) * (size_t) needed->n, sizeof(char *) * (size_t) cap);
		needed->cap = cap;
	}
	for (int i = 0; i < step->n_need; i++)
	{
		needed->nodes[needed->n] = step->need[i];
		needed->ids[needed->n++] = pulse_arena_strdup(e->scratch,
													  run->state->graph->nodes[step->need[i]]->id);
	}
	pulse_cache_values(e, run, step->need, step->n_need);
}

/* A number that has come to mean another node since has none of these values. */
static void
touch_needed(PulseRun *run, const Needed *needed)
{
	const PulseGraph *graph = run->state->graph;

	for (int i = 0; i < needed->n; i++)
	{
		int node = needed->nodes[i];

		if (node < graph->n_nodes && strcmp(graph->nodes[node]->id, needed->ids[i]) == 0)
			pulse_write_touched(run, node);
	}
}

/* Folds; what a graph grows by has its memory beside that of the state. */
static PulseStepResult
fold(PulseEngine *e, PulseRun *run, PulseStep *step, PulseFact *facts, int n_facts)
{
	Needed needed = { 0 };
	PulseStepResult result = pulse_step(step, run->state, facts, n_facts);

	while (result == PULSE_STEP_NEED)
	{
		load_needed(e, run, step, &needed);
		result = pulse_step_continue(step, run->state);
	}
	touch_needed(run, &needed);
	return result;
}

static void
step_run(PulseEngine *e, PulseRun *run)
{
	PulseStep step = { 0 };
	PulseStepResult result;
	PulseFact *facts;
	int n_facts;

	step.scratch = e->scratch;
	step.now = pulse_time_to_unix(e->now);
	step.prng = &e->prng;
	step.max_expr_steps = PULSE_EXPR_MAX_STEPS;
	step.max_output_bytes = (int64) pulse_guc_max_output_bytes;
	step.action = pulse_hosts_action_info;
	step.action_arg = e;
	step.workflow = pulse_children_workflow;
	step.workflow_arg = e;
	step.interrupt = serve_interrupts;

	facts = resolve_facts(e, run, &n_facts);
	result = fold(e, run, &step, facts, n_facts);
	e->stats.nodes += step.nodes_done;
	if (result == PULSE_STEP_STUCK)
	{
		pulse_work_quarantine(e, run, "stuck", step.stuck, ERRCODE_INTERNAL_ERROR);
		return;
	}
	run->commands = step.commands;
	run->n_commands = step.n_commands;
	pulse_write_commands(e, run);
	pulse_write_flush_if_full(e);
}

/*
 * Loads, folds and writes these runs. Throws on any error; then nothing of the
 * runs' states may be used any more.
 */
void
pulse_work(PulseEngine *e, PulseRun **runs, int n)
{
	pulse_cache_load(e, runs, n);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		pulse_write_consumed(e, runs[i]);
		if (!runs[i]->missing && !runs[i]->dropped)
			step_run(e, runs[i]);
		runs[i]->done = true;
	}
	pulse_writes_flush(&e->writes);
}
