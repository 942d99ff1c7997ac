/*
 * activate.c
 *		What happens to a node that has become ready, and to a run that is done.
 *
 * Owns the rules of activation (semantics section 3) and the context `$` that
 * expressions see.  It folds no facts.  The context holds only what the node's own
 * expressions refer to, so that no output is loaded in vain.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/step_private.h"

#include "core/graph_grow.h"
#include "core/outcome.h"
#include "core/timetext.h"

#define MAX_DELAY PULSE_MAX_DELAY_US

/* Activations between two looks at whether somebody wants us to stop. */
#define INTERRUPT_EVERY 256

/* A step that activates more than this goes on in another one. */
#define CUT_AFTER 20000

/*
 * ---------------------------------------------------------------------
 * What an evaluation needs
 * ---------------------------------------------------------------------
 */

void
pulse_step_need(PulseStep *step, PulseRunState *run, int node)
{
	if (run->nodes[node].needed)
		return;
	run->nodes[node].needed = true;
	if (step->n_need == step->cap_need)
	{
		int cap = Max(16, step->cap_need * 2);

		step->need = pulse_arena_grow(step->scratch, step->need,
									  sizeof(int) * (size_t) step->n_need,
									  sizeof(int) * (size_t) cap);
		step->cap_need = cap;
	}
	step->need[step->n_need++] = node;
}

/* What was asked for is there, or nobody asks any more. */
static void
forget_needs(PulseStep *step, PulseRunState *run)
{
	for (int i = 0; i < step->n_need; i++)
		run->nodes[step->need[i]].needed = false;
	step->n_need = 0;
}

static void
need_outputs(PulseStep *step, PulseRunState *run, const int *nodes, int n)
{
	for (int i = 0; i < n; i++)
	{
		const PulseNodeState *s = &run->nodes[nodes[i]];

		if (pulse_status_has_output(s->status) && s->output == NULL)
			pulse_step_need(step, run, nodes[i]);
	}
}

/*
 * A composite node that was lowered is known by its collecting node. Only the body of a repeat
 * sees the node itself, which has the result of the last round.
 */
static bool
stands_back(const PulseRunState *run, const PulseNode *reader, int node)
{
	const PulseNode *def = run->graph->nodes[node];
	const PulseScope *scope = reader != NULL ? reader->scope : NULL;

	if (!pulse_kind_composite(def->kind) || run->nodes[node].status != PULSE_REWRITTEN)
		return false;
	while (scope != NULL && scope->anchor != node)
		scope = scope->parent;
	return scope == NULL || scope->kind != PULSE_SCOPE_ROUND;
}

/* The nodes whose outputs $.nodes holds for this node, and by which keys (NULL: their ids). */
static void
visible_nodes(PulseStep *step, const PulseRunState *run, int node,
			  int **nodes, const char ***names, int *n)
{
	const PulseNode *def = run->graph->nodes[node];
	int *anc;
	int n_anc;
	int kept = 0;

	if (!def->refs_all)
	{
		*nodes = def->refs;
		*names = def->ref_names;
		*n = def->n_refs;
		return;
	}
	pulse_graph_ancestors(run->graph, node, step->scratch, &anc, &n_anc);
	for (int i = 0; i < n_anc; i++)
	{
		if (!stands_back(run, def, anc[i]))
			anc[kept++] = anc[i];
	}
	n_anc = kept;
	*nodes = anc;
	*names = NULL;
	*n = n_anc;
	if (def->ref_names == NULL)
		return;

	/* all by their ids, and some by the names that the fragment has for them */
	*n = n_anc + def->n_refs;
	*nodes = pulse_arena_alloc(step->scratch, sizeof(int) * (size_t) *n);
	*names = pulse_arena_alloc(step->scratch, sizeof(char *) * (size_t) *n);
	for (int i = 0; i < *n; i++)
	{
		(*nodes)[i] = i < n_anc ? anc[i] : def->refs[i - n_anc];
		(*names)[i] = i < n_anc ? pulse_node_shown(run->graph, run->graph->nodes[anc[i]])->id : def->ref_names[i - n_anc];
	}
}

/* True if everything the activation of this node may read is in memory. */
static bool
have_inputs(PulseStep *step, PulseRunState *run, int node)
{
	const PulseNode *def = run->graph->nodes[node];
	int *nodes;
	const char **names;
	int n;

	forget_needs(step, run);
	visible_nodes(step, run, node, &nodes, &names, &n);
	need_outputs(step, run, nodes, n);
	if (((def->kind == PULSE_KIND_ACTION || def->kind == PULSE_KIND_WORKFLOW) && def->input == NULL) ||
		def->kind == PULSE_KIND_COLLECT)
		need_outputs(step, run, def->preds, def->n_preds);
	if (def->kind == PULSE_KIND_COLLECT)
		pulse_collect_needs(step, run, node);
	if (def->guards >= 0 && run->nodes[def->guards].status == PULSE_SKIPPED &&
		run->nodes[def->guards].error == NULL)
		pulse_step_need(step, run, def->guards);
	return step->n_need == 0;
}

/*
 * ---------------------------------------------------------------------
 * The context `$`
 * ---------------------------------------------------------------------
 */

/* The outputs of these nodes that have one, by these names or (NULL) by id. */
static const PulseJson *
outputs_object(PulseStep *step, const PulseRunState *run, const int *nodes,
			   const char *const *names, int n)
{
	PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, sizeof(*pairs) * (size_t) Max(n, 1));
	uint32 filled = 0;

	for (int i = 0; i < n; i++)
	{
		const PulseNodeState *s = &run->nodes[nodes[i]];
		const PulseNode *def = pulse_node_shown(run->graph, run->graph->nodes[nodes[i]]);

		if (!pulse_status_has_output(s->status))
			continue;
		pairs[filled] = (PulseJsonPair){ def->id, def->id_len, s->output };
		if (names != NULL)
		{
			pairs[filled].key = names[i];
			pairs[filled].key_len = (uint32) strlen(names[i]);
		}
		filled++;
	}
	return pulse_json_object(step->scratch, pairs, filled);
}

static const PulseJson *
run_member(PulseRunState *run)
{
	PulseArena *arena = run->arena;
	PulseJsonPair *pairs;
	char text[64];

	if (run->run_member != NULL)
		return run->run_member;
	pairs = pulse_arena_alloc(arena, 5 * sizeof(*pairs));
	pairs[0] = (PulseJsonPair){ "id", 2, pulse_json_string(arena, pulse_uuid_text(&run->id, text)) };
	pulse_timestamp_format(run->started_at, text);
	pairs[1] = (PulseJsonPair){ "started_at", 10, pulse_json_string(arena, text) };
	pairs[2] = (PulseJsonPair){ "tenant", 6, pulse_json_string(arena, run->tenant ? run->tenant : "") };
	pairs[3] = (PulseJsonPair){ "version", 7, pulse_json_int(arena, run->version) };
	pairs[4] = (PulseJsonPair){ "workflow", 8, pulse_json_string(arena, run->workflow ? run->workflow : "") };
	run->run_member = pulse_json_object(arena, pairs, 5);
	return run->run_member;
}

/*
 * error may be NULL: not in a handler; scope: where the node is, or NULL. Keys are given in
 * jsonb order.
 */
static const PulseJson *
context(PulseStep *step, PulseRunState *run, const PulseScope *scope, const int *nodes,
		const char *const *names, int n, const PulseJson *error)
{
	PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, 8 * sizeof(*pairs));
	const PulseScope *item = scope;
	const PulseScope *round = scope;
	uint32 k = 0;

	while (item != NULL && item->kind != PULSE_SCOPE_ITEM)
		item = item->parent;
	while (round != NULL && round->kind != PULSE_SCOPE_ROUND)
		round = round->parent;
	pairs[k++] = (PulseJsonPair){ "run", 3, run_member(run) };
	if (item != NULL)
		pairs[k++] = (PulseJsonPair){ "item", 4, item->item };
	if (error != NULL)
		pairs[k++] = (PulseJsonPair){ "error", 5, error };
	if (item != NULL)
		pairs[k++] = (PulseJsonPair){ "index", 5, pulse_json_int(step->scratch, item->index) };
	pairs[k++] = (PulseJsonPair){ "input", 5, run->input };
	pairs[k++] = (PulseJsonPair){ "nodes", 5, outputs_object(step, run, nodes, names, n) };
	if (round != NULL)
		pairs[k++] = (PulseJsonPair){ "round", 5, pulse_json_int(step->scratch, round->index) };
	if (run->graph->config != NULL)
		pairs[k++] = (PulseJsonPair){ "config", 6, run->graph->config };
	return pulse_json_object(step->scratch, pairs, k);
}

/* That of a node; `while` of a repeat is evaluated within its round. */
static const PulseJson *
node_context(PulseStep *step, PulseRunState *run, int node, const PulseJson *error)
{
	const PulseGraph *graph = run->graph;
	const PulseNode *def = graph->nodes[node];
	const PulseScope *scope = def->scope;
	int *nodes;
	const char **names;
	int n;

	if (def->kind == PULSE_KIND_COLLECT)
	{
		for (scope = graph->nodes[def->preds[0]]->scope; scope->out != node;)
			scope = scope->parent;
	}
	visible_nodes(step, run, node, &nodes, &names, &n);
	return context(step, run, scope, nodes, names, n, error);
}

const PulseJson *
pulse_step_context(PulseStep *step, PulseRunState *run, int node)
{
	return node_context(step, run, node, NULL);
}

/*
 * ---------------------------------------------------------------------
 * Activation by kind
 * ---------------------------------------------------------------------
 */

static void
fail_expression(PulseStep *step, PulseRunState *run, int node,
				const char *where, const char *why)
{
	pulse_step_fail(step, run, node,
					pulse_step_error(step, "expression", "%s: %s", where, why));
}

static void
activate_pure(PulseStep *step, PulseRunState *run, int node, const PulseJson *root)
{
	const PulseNode *def = run->graph->nodes[node];
	const char *why;
	const PulseJson *value = pulse_template_eval(def->pure, root, step->scratch,
												 step->max_expr_steps, &why);
	PulseOutcome outcome;

	if (value == NULL)
		fail_expression(step, run, node, "pure", why);
	else if (def->result)
	{
		pulse_outcome_from_stage_result(step->scratch, value, &outcome);
		pulse_step_side(step, node, &outcome, 0);
		if (outcome.kind == PULSE_OUTCOME_SUCCEEDED)
			pulse_step_stage(step, run, node, &outcome);
		else
			pulse_step_fail(step, run, node, outcome.error);
	}
	else if (step->max_output_bytes > 0 &&
			 (int64) pulse_json_size(value) > step->max_output_bytes)
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "output_too_large", "the value is larger than pulse.max_output_bytes"));
	else
		pulse_step_complete(step, run, node, value);
}

/* The moment a delay node is due; false: *why says what is wrong. */
static bool
delay_due(PulseStep *step, const PulseNode *def, const PulseJson *root,
		  int64 *due, const char **why)
{
	const PulseJson *value;
	int64 usec;

	if (def->delay_expr == NULL)
	{
		*due = def->until ? def->until_at : step->now + def->delay;
		return true;
	}
	value = pulse_expr_value(def->delay_expr, root, step->scratch,
							 step->max_expr_steps, why);
	if (value == NULL)
		return false;
	if (value->type != PULSE_JSON_STRING)
	{
		*why = def->until ? "the value is no timestamp text" : "the value is no interval text";
		return false;
	}
	if (def->until)
		return pulse_timestamp_parse(value->u.text, value->len, due, why);
	if (!pulse_duration_parse(value->u.text, value->len, &usec, why))
		return false;
	/* what is too long stays so, without an overflow */
	*due = step->now + Min(Max(usec, 0), MAX_DELAY + 1);
	return true;
}

static void
activate_delay(PulseStep *step, PulseRunState *run, int node, const PulseJson *root)
{
	const PulseNode *def = run->graph->nodes[node];
	const char *why;
	int64 due;

	if (!delay_due(step, def, root, &due, &why))
		fail_expression(step, run, node, def->until ? "until" : "delay", why);
	else if (due - step->now > MAX_DELAY)
		fail_expression(step, run, node, def->until ? "until" : "delay",
						"a delay can be 365 days at most");
	else if (due <= step->now)
		pulse_step_complete(step, run, node, &pulse_json_null);
	else
		pulse_step_wait(step, run, node, PULSE_REASON_TIMER, due);
}

static void
activate_signal(PulseStep *step, PulseRunState *run, int node)
{
	const PulseNode *def = run->graph->nodes[node];

	if (pulse_step_take_signal(step, run, node, def->name))
		return;
	pulse_step_wait(step, run, node, PULSE_REASON_SIGNAL,
					def->timeout > 0 ? step->now + def->timeout : 0);
}

/* What goes to an action or child run; NULL: the node has failed. */
static const PulseJson *
node_input(PulseStep *step, PulseRunState *run, int node, const PulseJson *root)
{
	const PulseNode *def = run->graph->nodes[node];
	const PulseJson *input;
	const char *why;

	if (def->input == NULL)
		return def->n_preds == 0 ? run->input : outputs_object(step, run, def->preds, NULL, def->n_preds);
	input = pulse_template_eval(def->input, root, step->scratch, step->max_expr_steps, &why);
	if (input == NULL)
		fail_expression(step, run, node, "input", why);
	return input;
}

static void
activate_action(PulseStep *step, PulseRunState *run, int node, const PulseJson *root)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseNodeState *n = &run->nodes[node];
	PulseCommand *cmd;
	const PulseJson *input;

	/* after a long stop or pause: no call for which no time is left */
	if (n->total_deadline != 0 && step->now >= n->total_deadline)
	{
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "timeout", "total_timeout has passed"));
		return;
	}
	input = node_input(step, run, node, root);
	if (input == NULL)
		return;
	if (!n->has_activation)
	{
		n->activation = pulse_uuid7(step->now, step->prng);
		n->has_activation = true;
		n->outcome_unknown = false;
		n->action_version = step->action(step->action_arg, def->name).version;
	}
	if (def->total_timeout > 0 && n->total_deadline == 0)
		n->total_deadline = step->now + def->total_timeout;
	n->attempt_at = step->now;
	n->attempt++;
	n->tries++;
	pulse_state_set(run, node, PULSE_RUNNING, PULSE_REASON_NONE);
	pulse_step_touch(step, run, node);

	cmd = pulse_step_command(step, PULSE_CMD_DISPATCH, node);
	cmd->attempt = n->attempt;
	cmd->activation = n->activation;
	cmd->input = input;
}

static void
activate(PulseStep *step, PulseRunState *run, int node)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseNodeState *n = &run->nodes[node];
	const PulseJson *error = NULL;
	const PulseJson *root = NULL;
	const PulseJson *input;
	const char *why;

	/* 1. by what came before */
	if (def->guards >= 0)
	{
		const PulseNodeState *guarded = &run->nodes[def->guards];

		if (guarded->status != PULSE_SKIPPED || guarded->reason != PULSE_REASON_ERROR)
		{
			pulse_step_skip(step, run, node, PULSE_REASON_UPSTREAM, NULL);
			return;
		}
		error = guarded->error;
	}
	else if (def->n_preds > 0 && n->skipped_preds == def->n_preds && !def->run_on_skip)
	{
		pulse_step_skip(step, run, node, PULSE_REASON_UPSTREAM, NULL);
		return;
	}

	if (n->started_at == 0)
		n->started_at = step->now;
	if (def->when != NULL || def->input != NULL || def->pure != NULL ||
		def->delay_expr != NULL || def->n_choices > 0 || def->over != NULL)
		root = node_context(step, run, node, error);

	/* 2. by its condition; a node that is called again has passed it */
	if (def->when != NULL && n->attempt == 0)
	{
		PulseTruth truth;

		if (!pulse_expr_match(def->when, root, step->scratch, step->max_expr_steps,
							  &truth, &why))
		{
			fail_expression(step, run, node, "when", why);
			return;
		}
		if (truth != PULSE_TRUE)
		{
			pulse_step_skip(step, run, node, PULSE_REASON_WHEN, NULL);
			return;
		}
	}

	/* 3. */
	switch (def->kind)
	{
		case PULSE_KIND_NOOP:
			pulse_step_complete(step, run, node, &pulse_json_null);
			break;
		case PULSE_KIND_PURE:
			activate_pure(step, run, node, root);
			break;
		case PULSE_KIND_DELAY:
			activate_delay(step, run, node, root);
			break;
		case PULSE_KIND_SIGNAL:
			activate_signal(step, run, node);
			break;
		case PULSE_KIND_ACTION:
			activate_action(step, run, node, root);
			break;
		case PULSE_KIND_CHOOSE:
			pulse_activate_choose(step, run, node, root);
			break;
		case PULSE_KIND_MAP:
			pulse_activate_map(step, run, node, root);
			break;
		case PULSE_KIND_REPEAT:
			pulse_activate_repeat(step, run, node);
			break;
		case PULSE_KIND_COLLECT:
			pulse_activate_collect(step, run, node);
			break;
		case PULSE_KIND_WORKFLOW:
			input = node_input(step, run, node, root);
			if (input != NULL)
				pulse_activate_workflow(step, run, node, input);
			break;
	}
}

/*
 * ---------------------------------------------------------------------
 * The end of a run
 * ---------------------------------------------------------------------
 */

/*
 * The nodes that the output of a run is made of where its graph does not say: the sinks, but for
 * what was put behind a node of a body that only its error handler follows.
 */
static int *
ends(PulseStep *step, const PulseGraph *graph, int *n)
{
	int *list = pulse_arena_alloc(step->scratch, sizeof(int) * (size_t) Max(graph->n_sinks, 1));

	*n = 0;
	for (int i = 0; i < graph->n_sinks; i++)
	{
		if (graph->nodes[graph->sinks[i]]->scope == NULL)
			list[(*n)++] = graph->sinks[i];
	}
	return list;
}

/* True if all outputs the run's output is made of are in memory. */
static bool
have_results(PulseStep *step, PulseRunState *run)
{
	const PulseGraph *graph = run->graph;

	forget_needs(step, run);
	pulse_graph_order(graph);
	if (graph->output == NULL)
	{
		int n;
		const int *list = ends(step, graph, &n);

		need_outputs(step, run, list, n);
	}
	else if (!graph->output_refs_all)
		need_outputs(step, run, graph->output_refs, graph->n_output_refs);
	else
	{
		for (int i = 0; i < graph->n_nodes; i++)
		{
			if (pulse_node_exists(graph->nodes[i]) && !stands_back(run, NULL, i))
				need_outputs(step, run, &i, 1);
		}
	}
	return step->n_need == 0;
}

static const PulseJson *
run_output(PulseStep *step, PulseRunState *run, const char **why)
{
	const PulseGraph *graph = run->graph;
	const PulseJson *root;

	if (graph->output == NULL)
	{
		int n_ends;
		const int *list = ends(step, graph, &n_ends);

		if (n_ends == 1)
			return pulse_status_has_output(run->nodes[list[0]].status) ? run->nodes[list[0]].output : &pulse_json_null;
		return outputs_object(step, run, list, NULL, n_ends);
	}

	if (!graph->output_refs_all)
		root = context(step, run, NULL, graph->output_refs, NULL, graph->n_output_refs, NULL);
	else
	{
		int *all = pulse_arena_alloc(step->scratch, sizeof(int) * (size_t) Max(graph->n_nodes, 1));
		int n = 0;

		for (int i = 0; i < graph->n_nodes; i++)
		{
			if (pulse_node_exists(graph->nodes[i]) && !stands_back(run, NULL, i))
				all[n++] = i;
		}
		root = context(step, run, NULL, all, NULL, n, NULL);
	}
	return pulse_template_eval(graph->output, root, step->scratch,
							   step->max_expr_steps, why);
}

static void
finish(PulseStep *step, PulseRunState *run)
{
	const char *why = NULL;
	const PulseJson *output = run_output(step, run, &why);

	if (output == NULL)
		pulse_step_end_run(step, run, PULSE_RUN_FAILED, NULL,
						   pulse_step_error(step, "expression", "output of the workflow: %s", why),
						   PULSE_REASON_NONE);
	else if (step->max_output_bytes > 0 &&
			 (int64) pulse_json_size(output) > step->max_output_bytes)
		pulse_step_end_run(step, run, PULSE_RUN_FAILED, NULL,
						   pulse_step_error(step, "output_too_large", "the run's output is larger than pulse.max_output_bytes"),
						   PULSE_REASON_NONE);
	else
		pulse_step_end_run(step, run, PULSE_RUN_COMPLETED, output, NULL,
						   PULSE_REASON_NONE);
}

PulseStepResult
pulse_step_advance(PulseStep *step, PulseRunState *run)
{
	int node;
	int ended;
	int looked_at = step->activated;

	/* not begun, or held: what is ready stays in the heap */
	if (run->status != PULSE_RUN_PENDING || run->started_at == 0)
		return PULSE_STEP_DONE;

	while (run->status == PULSE_RUN_PENDING &&
		   (node = pulse_state_pop_ready(run)) >= 0)
	{
		if (step->activated >= CUT_AFTER || !have_inputs(step, run, node))
		{
			pulse_state_push_ready(run, node);
			if (step->activated < CUT_AFTER)
				return PULSE_STEP_NEED;

			/* others want their turn, and a transaction its end */
			pulse_step_run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_CONTINUE, step->now);
			return PULSE_STEP_DONE;
		}
		step->activated++;
		activate(step, run, node);
		if (step->interrupt != NULL && step->activated - looked_at >= INTERRUPT_EVERY)
		{
			looked_at = step->activated;
			step->interrupt();
		}
	}
	if (run->status != PULSE_RUN_PENDING)
		return PULSE_STEP_DONE;

	ended = run->counts[PULSE_COMPLETED] + run->counts[PULSE_REWRITTEN] +
		run->counts[PULSE_SKIPPED];
	if (ended == pulse_graph_size(run->graph))
	{
		if (!have_results(step, run))
			return PULSE_STEP_NEED;
		finish(step, run);
		return PULSE_STEP_DONE;
	}
	if (run->counts[PULSE_RUNNING] + run->counts[PULSE_WAITING] > 0)
		return PULSE_STEP_DONE;

	step->stuck = pulse_arena_printf(step->scratch,
									 "no cause of progress: %d pending, %d interrupted, %d failed of %d nodes",
									 run->counts[PULSE_PENDING],
									 run->counts[PULSE_INTERRUPTED],
									 run->counts[PULSE_FAILED],
									 pulse_graph_size(run->graph));
	return PULSE_STEP_STUCK;
}
