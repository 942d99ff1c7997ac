/*
 * growth.c
 *		Growth within a step: its records, and what proposals of rewrites come to.
 *
 * Owns semantics section 7 from an answer to the new revision: admission, rejection, calls
 * again with the reason, and what is done when these are exhausted.  Whether a rewrite may be is
 * rewrite.c's, how the graph changes graph_grow.c's.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/step_private.h"

#include "core/graph_grow.h"
#include "core/replay.h"
#include "core/rewrite.h"

/* Larger graphs get a hash only when a proposal is admitted: it costs a walk over them. */
#define HASH_NODES 4096

static void
put(PulseJsonPair *pairs, uint32 *n, const char *key, const PulseJson *value)
{
	pairs[(*n)++] = (PulseJsonPair){ key, (uint32) strlen(key), value };
}

/*
 * ---------------------------------------------------------------------
 * Records
 * ---------------------------------------------------------------------
 */

PulseGrowthRecord *
pulse_step_record(PulseStep *step, PulseRunState *run, int node, const char *form)
{
	PulseGrowthRecord *record = pulse_arena_zalloc(step->scratch, sizeof(PulseGrowthRecord));
	const PulseNode *def = run->graph->nodes[node];
	PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_GROWTH, node);

	record->id = ++run->n_records;
	record->form = form;
	record->anchor = pulse_arena_strndup(step->scratch, def->id, def->id_len);
	cmd->growth = record;
	cmd->id = record->anchor;
	if (def->scope != NULL)
		pulse_scope_add_record(def->scope, record->id);
	return record;
}

void
pulse_step_admit(PulseStep *step, PulseRunState *run, PulseGrowthRecord *record)
{
	record->admitted = true;
	record->revision = ++run->revision;
	step->grown = true;
	step->last_growth = record;
}

/* The GROWTH command of this record in this step, or NULL. Mostly one of the last. */
static PulseCommand *
find_record(PulseStep *step, int id)
{
	for (int i = step->n_commands - 1; i >= 0; i--)
	{
		PulseCommand *cmd = &step->commands[i];

		if (cmd->growth != NULL && cmd->growth->id == id)
			return cmd;
	}
	return NULL;
}

void
pulse_step_renew(PulseStep *step, PulseRunState *run, int id, const char *anchor,
				 const PulseJson *detail)
{
	PulseCommand *cmd = find_record(step, id);
	PulseGrowthRecord *record;

	if (cmd != NULL)
		record = (PulseGrowthRecord *) cmd->growth;
	else
	{
		cmd = pulse_step_command(step, PULSE_CMD_GROWTH, -1);
		record = pulse_arena_zalloc(step->scratch, sizeof(PulseGrowthRecord));
		record->id = id;
		record->form = "repeat";
		record->anchor = pulse_arena_strdup(step->scratch, anchor);
		record->renewed = true;
		cmd->growth = record;
		cmd->id = record->anchor;
	}
	record->detail = detail;
	record->hash = NULL;

	/* proposals of rounds that are over are forgotten, but not what they have cost */
	if (run->spent)
		record->budget_after = pulse_budget_json(&run->budget, step->scratch);
	pulse_step_admit(step, run, record);
}

/* A child run that was to start and to be cancelled in this step does neither. */
static void
void_child(PulseStep *step, int start)
{
	step->commands[start].kind = PULSE_CMD_VOID;
	for (int i = start + 1; i < step->n_commands; i++)
	{
		PulseCommand *cmd = &step->commands[i];

		if (cmd->kind == PULSE_CMD_CHILD_CANCEL &&
			memcmp(&cmd->activation, &step->commands[start].activation, sizeof(PulseUuid)) == 0)
			cmd->kind = PULSE_CMD_VOID;
	}
}

void
pulse_step_void(PulseStep *step, const PulseRunState *run, const char *prefix)
{
	size_t len = strlen(prefix);

	for (int i = 0; i < step->n_commands; i++)
	{
		PulseCommand *cmd = &step->commands[i];

		if (cmd->kind != PULSE_CMD_ATTEMPT && cmd->kind != PULSE_CMD_GROWTH &&
			cmd->kind != PULSE_CMD_DISPATCH && cmd->kind != PULSE_CMD_CHILD)
			continue;
		if (strncmp(pulse_command_node(run, cmd), prefix, len) != 0)
			continue;

		/* the input of a call or child run may lie in the memory of the nodes that go */
		if (cmd->kind == PULSE_CMD_CHILD)
			void_child(step, i);
		else
			cmd->kind = PULSE_CMD_VOID;
	}
}

void
pulse_step_forget(PulseStep *step, int id)
{
	/* nothing to forget of what has never been stored */
	if (id <= step->first_record)
		pulse_step_command(step, PULSE_CMD_GROWTH_GONE, -1)->number = id;
}

void
pulse_step_hash(PulseStep *step, PulseRunState *run)
{
	PulseGrowthRecord *record = step->last_growth;

	if (!step->grown)
		return;
	step->grown = false;
	if (record->revision != run->revision || record->hash != NULL ||
		pulse_graph_size(run->graph) > HASH_NODES)
		return;
	pulse_graph_settle(run->graph);
	record->hash = pulse_arena_strdup(step->scratch, run->graph->hash);
}

/*
 * ---------------------------------------------------------------------
 * Rejections
 * ---------------------------------------------------------------------
 */

static const PulseJson *
errors_json(PulseStep *step, const PulseRewritePlan *plan)
{
	int n = plan->errors.n;
	const PulseJson **items = pulse_arena_alloc(step->scratch, sizeof(PulseJson *) * (size_t) n);

	for (int i = 0; i < n; i++)
	{
		const PulseRewriteError *e = &plan->errors.items[i];
		PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, sizeof(PulseJsonPair) * 3);
		uint32 k = 0;

		put(pairs, &k, "code", pulse_json_string(step->scratch, e->code));
		if (e->node != NULL)
			put(pairs, &k, "node", pulse_json_string(step->scratch, e->node));
		put(pairs, &k, "message", pulse_json_string(step->scratch, e->message));
		items[i] = pulse_json_object(step->scratch, pairs, k);
	}
	return pulse_json_array(step->scratch, items, (uint32) n);
}

static const PulseJson *
exceeded_json(PulseStep *step, const PulseRewritePlan *plan)
{
	const PulseJson **items = pulse_arena_alloc(step->scratch, sizeof(PulseJson *) * PULSE_BUDGET_DIMS);

	for (int i = 0; i < plan->n_exceeded; i++)
	{
		PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, sizeof(PulseJsonPair) * 3);
		uint32 k = 0;

		put(pairs, &k, "dimension", pulse_json_string(step->scratch, plan->exceeded[i].dimension));
		put(pairs, &k, "requested", pulse_json_int(step->scratch, plan->exceeded[i].requested));
		put(pairs, &k, "remaining", pulse_json_int(step->scratch, plan->exceeded[i].remaining));
		items[i] = pulse_json_object(step->scratch, pairs, k);
	}
	return pulse_json_array(step->scratch, items, (uint32) plan->n_exceeded);
}

/* An answer that does not count: the node fails, and the attempt goes on record as such. */
static void
fail_answer(PulseStep *step, PulseRunState *run, int node, const PulseOutcome *o,
			const char *outcome, const PulseJson *error)
{
	if (run->graph->nodes[node]->kind == PULSE_KIND_ACTION)
	{
		PulseOutcome *detail = pulse_arena_alloc(step->scratch, sizeof(PulseOutcome));

		*detail = *o;
		detail->class = pulse_json_get(error, "class")->u.text;
		detail->error = error;
		pulse_step_attempt(step, run, node, run->nodes[node].attempt, outcome, detail);
	}
	pulse_step_fail(step, run, node, error);
}

/* The action is called again, with the reason; or the policy decides. */
static void
reject(PulseStep *step, PulseRunState *run, int node, const PulseOutcome *o,
	   const PulseGrowthRecord *record)
{
	PulseNodeState *n = &run->nodes[node];
	const PulseNode *def = run->graph->nodes[node];
	PulseJsonPair *pairs;
	uint32 k = 0;

	/* what a pure node proposes would be the same again */
	if (def->kind != PULSE_KIND_ACTION || n->reexecutions >= def->max_reexecutions)
	{
		if (def->degrade)
		{
			pulse_step_complete(step, run, node, o->output);
			return;
		}
		pairs = pulse_arena_alloc(step->scratch, 5 * sizeof(PulseJsonPair));
		put(pairs, &k, "class", pulse_json_string(step->scratch, "rewrite_exhausted"));
		put(pairs, &k, "message",
			pulse_json_string(step->scratch,
							  pulse_arena_printf(step->scratch, "the rewrite was rejected (%s), also after %d calls more",
												 record->code, n->reexecutions)));
		put(pairs, &k, "code", pulse_json_string(step->scratch, record->code));
		if (record->exceeded != NULL)
			put(pairs, &k, "exceeded", record->exceeded);
		if (record->reason != NULL)
			put(pairs, &k, "reason", record->reason);
		fail_answer(step, run, node, o, "rejected", pulse_json_object(step->scratch, pairs, k));
		return;
	}
	pulse_step_attempt(step, run, node, n->attempt, "rejected", o);
	n->reexecutions++;
	pairs = pulse_arena_alloc(step->scratch, 6 * sizeof(PulseJsonPair));
	put(pairs, &k, "code", pulse_json_string(step->scratch, record->code));
	put(pairs, &k, "reexecution", pulse_json_int(step->scratch, n->reexecutions));
	put(pairs, &k, "max_reexecutions", pulse_json_int(step->scratch, def->max_reexecutions));
	put(pairs, &k, "budget", record->budget_before);
	if (record->exceeded != NULL)
		put(pairs, &k, "exceeded", record->exceeded);
	if (record->reason != NULL)
		put(pairs, &k, "reason", record->reason);
	n->rejection = pulse_json_object(step->scratch, pairs, k);

	/* another body, hence another activation, for which the policy counts anew */
	n->has_activation = false;
	n->outcome_unknown = false;
	n->tries = 0;
	n->error = NULL;
	pulse_state_set(run, node, PULSE_PENDING, PULSE_REASON_NONE);
	pulse_step_touch(step, run, node);
	pulse_state_push_ready(run, node);
}

/*
 * ---------------------------------------------------------------------
 * Proposals
 * ---------------------------------------------------------------------
 */

static PulseGrowthRecord *
record_proposal(PulseStep *step, PulseRunState *run, int node, const PulseOutcome *o,
				const char *form)
{
	PulseNodeState *n = &run->nodes[node];
	PulseGrowthRecord *record = pulse_step_record(step, run, node, form);

	record->has_activation = n->has_activation;
	record->activation = n->activation;
	record->attempt = n->attempt;
	record->rewrite = o->rewrite;
	record->output = o->output;
	record->budget_before = record->budget_after = pulse_budget_json(&run->budget, step->scratch);
	return record;
}

/* The node's outcome, the new revision and all that is new of it: one step, one transaction. */
static void
admit(PulseStep *step, PulseRunState *run, int node, const PulseOutcome *o,
	  PulseRewritePlan *plan, PulseGrowthRecord *record)
{
	PulseRewriteEffects *effects = &plan->effects;

	record->cost = pulse_budget_json(&plan->cost, step->scratch);
	record->budget_after = pulse_budget_json(&plan->remaining, step->scratch);
	run->budget = plan->remaining;
	run->spent = true;
	pulse_step_admit(step, run, record);

	pulse_step_seal(step, run);
	plan->growth.origin = record->id;
	if (plan->growth.replace)
	{
		/* the node leaves the graph: its row goes, the number is another node's */
		if (step->leaving != NULL)
			step->leaving(step->leaving_arg, run, node);
		if (run->nodes[node].has_row)
			pulse_step_command(step, PULSE_CMD_NODE_GONE, -1)->id = record->anchor;
		pulse_step_clear_timer(step, run, node);
		pulse_step_seal(step, run);
		if (run->nodes[node].dirty)
			pulse_step_unlist(step, run, node);
		step->nodes_done++;
	}
	pulse_rewrite_apply(plan, pulse_state_own_graph(run));
	if (effects->anchor_gone)
		pulse_state_replaced(run, node, effects->pending, effects->n_pending);
	else
	{
		pulse_state_grown(run, effects->pending, effects->n_pending);
		pulse_step_rewritten(step, run, node, o->output);
	}
	for (int i = 0; i < effects->n_followers; i++)
		pulse_state_recount(run, effects->followers[i]);
	pulse_graph_settle(run->graph);
	record->hash = pulse_arena_strdup(step->scratch, run->graph->hash);
}

static void
propose(PulseStep *step, PulseRunState *run, int node, const PulseOutcome *o)
{
	PulseGraph *graph = pulse_state_own_graph(run);
	PulseGrowthRecord *record;
	PulseRewritePlan *plan;
	PulseRewrite rewrite;
	PulseDiag diag;

	pulse_diag_init(&diag, step->scratch);
	if (!pulse_rewrite_read(o->rewrite, "$.rewrite", step->scratch, &rewrite, &diag))
	{
		/* who made the outcome has read it before */
		fail_answer(step, run, node, o, "failed",
					pulse_step_error(step, "bad_response", "%s: %s",
									 diag.items[0].path, diag.items[0].message));
		return;
	}
	record = record_proposal(step, run, node, o, pulse_rewrite_form_name(rewrite.form));
	pulse_graph_order(graph);
	plan = pulse_rewrite_plan(graph, node, graph->nodes[node]->id,
							  (PulseStatus) run->nodes[node].status, &rewrite, &run->budget);
	if (plan->errors.n > 0)
	{
		PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, 3 * sizeof(PulseJsonPair));
		uint32 k = 0;

		record->code = "rewrite_invalid";
		record->errors = errors_json(step, plan);
		put(pairs, &k, "class", pulse_json_string(step->scratch, "rewrite_invalid"));
		put(pairs, &k, "message",
			pulse_json_string(step->scratch,
							  pulse_arena_printf(step->scratch, "%s: %s", plan->errors.items[0].code,
												 plan->errors.items[0].message)));
		put(pairs, &k, "errors", record->errors);
		fail_answer(step, run, node, o, "failed", pulse_json_object(step->scratch, pairs, k));
	}
	else if (plan->admitted)
		admit(step, run, node, o, plan, record);
	else
	{
		record->code = "budget_exceeded";
		record->cost = pulse_budget_json(&plan->cost, step->scratch);
		record->exceeded = exceeded_json(step, plan);
		reject(step, run, node, o, record);
	}
	pulse_rewrite_free(plan);
}

/* The node waits for a signal; one that is there already is taken at once. */
static void
suspend(PulseStep *step, PulseRunState *run, int node, const char *signal)
{
	PulseNodeState *n = &run->nodes[node];

	n->signal = pulse_arena_strdup(step->scratch, signal);
	n->tries = 0;
	n->holds = 0;
	if (!pulse_step_take_signal(step, run, node, signal))
		pulse_step_wait(step, run, node, PULSE_REASON_SIGNAL, n->total_deadline);
}

static bool
too_large(PulseStep *step, PulseRunState *run, int node, const PulseOutcome *o,
		  const PulseJson *value)
{
	if (step->max_output_bytes <= 0 || value == NULL ||
		(int64) pulse_json_size(value) <= step->max_output_bytes)
		return false;
	fail_answer(step, run, node, o, "failed",
				pulse_step_error(step, "output_too_large",
								 "the output is larger than pulse.max_output_bytes"));
	return true;
}

void
pulse_step_side(PulseStep *step, int node, const PulseOutcome *o, int attempt)
{
	PulseOutcome *detail;
	PulseCommand *cmd;

	if (o->progress == NULL && o->cost == NULL && o->logs == NULL)
		return;
	detail = pulse_arena_alloc(step->scratch, sizeof(PulseOutcome));
	*detail = *o;
	cmd = pulse_step_command(step, PULSE_CMD_SIDE, node);
	cmd->attempt = attempt;
	cmd->detail = detail;
}

void
pulse_step_stage(PulseStep *step, PulseRunState *run, int node, const PulseOutcome *o)
{
	PulseGrowthRecord *record;

	if (too_large(step, run, node, o, o->output) || too_large(step, run, node, o, o->rewrite))
		return;
	switch (o->stage)
	{
		case PULSE_STAGE_COMPLETE:
			pulse_step_complete(step, run, node, o->output);
			break;
		case PULSE_STAGE_SUSPEND:
			suspend(step, run, node, o->signal);
			break;
		case PULSE_STAGE_REWRITE:
			propose(step, run, node, o);
			break;
		case PULSE_STAGE_REJECT:
			record = record_proposal(step, run, node, o, "reject");
			record->code = "rejected_by_host";
			record->reason = o->reason;
			reject(step, run, node, o, record);
			break;
	}
}
