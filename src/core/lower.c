/*
 * lower.c
 *		What composite nodes do in a run: lowering, collecting, rounds, and failures inside.
 *
 * Owns what choose, map and repeat mean for the state; the structure of the graph is
 * graph_lower.c's, which items of a map run at once is state.c's.  A growth is recorded
 * by the commands of the step that makes it.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/step_private.h"

#include "core/graph_lower.h"
#include "core/replay.h"

/* What a round counts towards the cut of a long step. */
#define ROUND_WEIGHT 32

/* Nodes of a graph whose every revision gets a hash: it costs a walk over the graph. */
#define SMALL_GRAPH 256

static void
put(PulseJsonPair *pairs, uint32 *n, const char *key, const PulseJson *value)
{
	pairs[(*n)++] = (PulseJsonPair){ key, (uint32) strlen(key), value };
}

/*
 * ---------------------------------------------------------------------
 * Lowering
 * ---------------------------------------------------------------------
 */

/* What comes in within a round goes with it, mostly before anybody looks. */
static bool
in_round(const PulseNode *node)
{
	return pulse_scope_of(node, PULSE_SCOPE_ROUND) != NULL;
}

/* Puts the instances into the graph and lets them run; detail is what is recorded of it. */
static void
lower(PulseStep *step, PulseRunState *run, int node, PulseLowering *low, const char *form,
	  const PulseJson *detail)
{
	PulseGraph *graph = pulse_state_own_graph(run);
	PulseGrowthRecord *record = pulse_step_record(step, run, node, form);
	PulseNodeState *anchor;
	bool ready; /* of whoever had the number before: an entry is in the heap still, */
	bool dirty; /* and a command in the list */
	int32 listed;

	record->detail = detail;
	pulse_step_admit(step, run, record);
	low->out = node;
	low->origin = record->id;

	/* the number is another node's from here on */
	pulse_step_seal(step, run);
	pulse_graph_lower(graph, low);
	pulse_state_make_room(run);
	memset(run->scopes + low->first_scope, 0, sizeof(PulseScopeState) * (size_t) low->n);

	/* the composite node takes its state along */
	if (run->nodes[node].dirty)
		pulse_step_unlist(step, run, node);
	anchor = &run->nodes[low->anchor];
	ready = anchor->ready;
	dirty = anchor->dirty;
	listed = anchor->listed;
	*anchor = run->nodes[node];
	anchor->ready = ready;
	anchor->dirty = dirty;
	anchor->listed = listed;

	/* what comes in first, so that no scope is taken for ended in between */
	pulse_state_grown(run, low->new_nodes, low->n_new);
	pulse_state_grown(run, &low->out, 1);
	pulse_step_rewritten(step, run, low->anchor, &pulse_json_null);
	if (low->kind == PULSE_SCOPE_ITEM)
		pulse_state_start_items(run, graph->scopes[low->first_scope]);
	step->activated += low->n_new;

	/* while the graph is small, each of its revisions has a hash */
	if (pulse_graph_size(graph) <= SMALL_GRAPH && !in_round(graph->nodes[low->anchor]))
		pulse_step_hash(step, run);
}

static const PulseJson *
detail_of(PulseStep *step, const char *key, const PulseJson *value)
{
	PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, sizeof(PulseJsonPair));
	uint32 n = 0;

	put(pairs, &n, key, value);
	return pulse_json_object(step->scratch, pairs, n);
}

/* False, and the node has failed, if the graph has no room for so many nodes. */
static bool
room_for(PulseStep *step, PulseRunState *run, int node, int64 n)
{
	/* and the collecting node */
	if (pulse_graph_has_room(run->graph, n + 1))
		return true;
	pulse_step_fail(step, run, node,
					pulse_step_error(step, "graph_too_large",
									 "the graph of the run would have more than %d nodes",
									 PULSE_MAX_LIVE_NODES));
	return false;
}

void
pulse_activate_choose(PulseStep *step, PulseRunState *run, int node, const PulseJson *root)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseLowering low = { .kind = PULSE_SCOPE_BRANCH, .n = 1 };

	for (int i = 0; i < def->n_choices; i++)
	{
		const PulseChoice *choice = &def->choices[i];
		PulseTruth truth = PULSE_TRUE;
		const char *why;

		if (choice->when != NULL &&
			!pulse_expr_match(choice->when, root, step->scratch, step->max_expr_steps,
							  &truth, &why))
		{
			pulse_step_fail(step, run, node,
							pulse_step_error(step, "expression", "choose[%d].when: %s", i, why));
			return;
		}
		if (truth != PULSE_TRUE)
			continue;
		if (!room_for(step, run, node, choice->body->graph->n_nodes))
			return;
		low.body = choice->body;
		low.index = i;
		lower(step, run, node, &low, "choose",
			  detail_of(step, "branch", pulse_json_int(step->scratch, i)));
		return;
	}
	pulse_step_complete(step, run, node, &pulse_json_null);
}

void
pulse_activate_map(PulseStep *step, PulseRunState *run, int node, const PulseJson *root)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseLowering low = { .kind = PULSE_SCOPE_ITEM, .body = def->body };
	const char *why;
	const PulseJson *over = pulse_expr_value(def->over, root, step->scratch,
											 step->max_expr_steps, &why);

	if (over == NULL)
	{
		pulse_step_fail(step, run, node, pulse_step_error(step, "expression", "over: %s", why));
		return;
	}
	if (over->type != PULSE_JSON_ARRAY)
	{
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "expression", "over: the value is no array"));
		return;
	}
	if (over->len == 0)
	{
		pulse_step_complete(step, run, node, over);
		return;
	}
	if (over->len > (uint32) def->max_items)
	{
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "map_too_large",
										 "the array has %u items, and max_items is %d",
										 over->len, def->max_items));
		return;
	}
	if (step->max_output_bytes > 0 && (int64) pulse_json_size(over) > step->max_output_bytes)
	{
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "output_too_large",
										 "the array is larger than pulse.max_output_bytes"));
		return;
	}
	if (!room_for(step, run, node, (int64) over->len * def->body->graph->n_nodes))
		return;
	low.n = (int) over->len;
	low.items = over->u.items;
	lower(step, run, node, &low, "map", detail_of(step, "items", over));
}

void
pulse_activate_repeat(PulseStep *step, PulseRunState *run, int node)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseLowering low = { .kind = PULSE_SCOPE_ROUND, .body = def->body, .n = 1, .index = 1 };

	if (!room_for(step, run, node, def->body->graph->n_nodes))
		return;
	lower(step, run, node, &low, "repeat",
		  detail_of(step, "round", pulse_json_int(step->scratch, 1)));
}

/*
 * ---------------------------------------------------------------------
 * Results
 * ---------------------------------------------------------------------
 */

/* Behind "<composite>:", "<composite>:item_<i>:" or "<composite>:iter_<i>:". */
static size_t
prefix_len(const PulseNode *composite, const PulseNode *node)
{
	size_t len = composite->id_len + 1;

	if (composite->kind != PULSE_KIND_CHOOSE)
		len = (size_t) (strchr(node->id + len, ':') - node->id) + 1;
	return len;
}

/* The result of an instance with these exits. */
static const PulseJson *
result_of(PulseStep *step, const PulseRunState *run, const PulseNode *composite,
		  const int *exits, int n)
{
	PulseJsonPair *pairs;
	uint32 filled = 0;

	if (n == 1)
		return pulse_status_has_output(run->nodes[exits[0]].status) ? run->nodes[exits[0]].output : &pulse_json_null;
	pairs = pulse_arena_alloc(step->scratch, sizeof(PulseJsonPair) * (size_t) n);
	for (int i = 0; i < n; i++)
	{
		const PulseNode *exit = pulse_node_shown(run->graph, run->graph->nodes[exits[i]]);
		size_t skip = prefix_len(composite, exit);

		if (pulse_status_has_output(run->nodes[exits[i]].status))
			pairs[filled++] = (PulseJsonPair){ exit->id + skip, exit->id_len - (uint32) skip,
											   run->nodes[exits[i]].output };
	}
	return pulse_json_object(step->scratch, pairs, filled);
}

/* The item of this map that a node belongs to. */
static const PulseScope *
item_of(const PulseNode *node, int out)
{
	const PulseScope *scope = node->scope;

	while (scope->out != out)
		scope = scope->parent;
	return scope;
}

/* The nodes whose errors stand for the results of items that failed. */
void
pulse_collect_needs(PulseStep *step, PulseRunState *run, int node)
{
	const PulseGraph *graph = run->graph;
	const PulseNode *def = graph->nodes[node];

	if (graph->nodes[def->collects]->kind != PULSE_KIND_MAP)
		return;
	for (int p = 0; p < def->n_preds; p++)
	{
		const PulseScope *item = item_of(graph->nodes[def->preds[p]], node);
		int failed = run->scopes[item->number].failed - 1;

		if (failed >= 0 && run->nodes[failed].error == NULL)
			pulse_step_need(step, run, failed);
	}
}

static const PulseJson *
map_result(PulseStep *step, PulseRunState *run, int node)
{
	const PulseGraph *graph = run->graph;
	const PulseNode *def = graph->nodes[node];
	const PulseNode *map = graph->nodes[def->collects];
	int n = item_of(graph->nodes[def->preds[0]], node)->n_items;
	int *start = pulse_arena_zalloc(step->scratch, sizeof(int) * ((size_t) n + 2));
	int *exits = pulse_arena_alloc(step->scratch, sizeof(int) * (size_t) def->n_preds);
	int *failed = pulse_arena_alloc(step->scratch, sizeof(int) * (size_t) n);
	const PulseJson **items = pulse_arena_alloc(step->scratch, sizeof(PulseJson *) * (size_t) n);

	/* exits by item: a counting sort, which keeps their order within each */
	for (int p = 0; p < def->n_preds; p++)
		start[item_of(graph->nodes[def->preds[p]], node)->index + 2]++;
	for (int i = 2; i < n + 2; i++)
		start[i] += start[i - 1];
	for (int p = 0; p < def->n_preds; p++)
	{
		const PulseScope *item = item_of(graph->nodes[def->preds[p]], node);

		exits[start[item->index + 1]++] = def->preds[p];
		failed[item->index] = run->scopes[item->number].failed - 1;
	}
	for (int i = 0; i < n; i++)
	{
		if (failed[i] >= 0)
			items[i] = detail_of(step, "error", run->nodes[failed[i]].error);
		else
			items[i] = result_of(step, run, map, exits + start[i], start[i + 1] - start[i]);
	}
	return pulse_json_array(step->scratch, items, (uint32) n);
}

static bool
too_large(PulseStep *step, PulseRunState *run, int node, const PulseJson *value)
{
	if (step->max_output_bytes <= 0 || (int64) pulse_json_size(value) <= step->max_output_bytes)
		return false;
	pulse_step_fail(step, run, node,
					pulse_step_error(step, "output_too_large",
									 "the result is larger than pulse.max_output_bytes"));
	return true;
}

/*
 * ---------------------------------------------------------------------
 * Rounds
 * ---------------------------------------------------------------------
 */

typedef struct Leaving
{
	PulseStep *step;
	PulseRunState *run;
} Leaving;

static void
leave(void *arg, int node)
{
	Leaving *l = arg;

	if (l->step->leaving != NULL)
		l->step->leaving(l->step->leaving_arg, l->run, node);
	if (l->run->nodes[node].has_row)
		pulse_step_command(l->step, PULSE_CMD_NODE_GONE, node)->id =
			pulse_arena_strdup(l->step->scratch, l->run->graph->nodes[node]->id);
	if (l->run->nodes[node].dirty)
		pulse_step_unlist(l->step, l->run, node);
	pulse_state_gone(l->run, node);
}

/* The records of growths inside a round that is over are not kept. */
static void
forget_records(PulseStep *step, const PulseScope *scope)
{
	for (const PulseScope *child = scope->child; child != NULL; child = child->sibling)
		forget_records(step, child);
	for (int i = 0; i < scope->n_records; i++)
		pulse_step_forget(step, scope->records[i]);
}

/* The round is over and the next one takes its place. */
static void
next_round(PulseStep *step, PulseRunState *run, int node, PulseScope *round)
{
	PulseGraph *graph = pulse_state_own_graph(run);
	const PulseNode *out = graph->nodes[node];
	const PulseNode *repeat = graph->nodes[out->collects];
	PulseLowering low = {
		.out = node,
		.anchor = out->collects,
		.origin = out->origin,
		.body = repeat->body,
		.kind = PULSE_SCOPE_ROUND,
		.n = 1,
		.index = round->index + 1
	};
	Leaving leaving = { step, run };
	const char *prefix = pulse_arena_printf(step->scratch, "%s:iter_%d:", repeat->id, round->index);

	/* whoever listens is told of the nodes while all that happened to them is there */
	pulse_step_seal(step, run);
	pulse_scope_walk(graph, round, leave, &leaving);
	pulse_step_void(step, run, prefix);
	forget_records(step, round);
	pulse_graph_next_round(graph, round, &low);
	pulse_step_renew(step, run, out->origin, repeat->id,
					 detail_of(step, "round", pulse_json_int(step->scratch, low.index)));
	pulse_state_grown(run, low.new_nodes, low.n_new);
	pulse_state_recount(run, node);
	step->activated += ROUND_WEIGHT + low.n_new;
}

static void
collect_round(PulseStep *step, PulseRunState *run, int node)
{
	const PulseGraph *graph = run->graph;
	const PulseNode *def = graph->nodes[node];
	const PulseNode *repeat = graph->nodes[def->collects];
	PulseScope *round = (PulseScope *) item_of(graph->nodes[def->preds[0]], node);
	const PulseJson *result = result_of(step, run, repeat, def->preds, def->n_preds);
	PulseTruth again;
	const char *why;

	if (too_large(step, run, node, result))
		return;

	/* from here on `$.nodes.<repeat>` means this round, also for its successor */
	run->nodes[def->collects].output = result;
	pulse_step_touch(step, run, def->collects);
	if (!pulse_expr_match(repeat->body->again, pulse_step_context(step, run, node), step->scratch,
						  step->max_expr_steps, &again, &why))
		pulse_step_fail(step, run, node, pulse_step_error(step, "expression", "while: %s", why));
	else if (again != PULSE_TRUE)
		pulse_step_complete(step, run, node, result);
	else if (round->index < repeat->max_rounds)
	{
		/* parts of it (keys, items) may lie in the memory of the round */
		run->nodes[def->collects].output = pulse_json_copy(step->scratch, result);
		next_round(step, run, node, round);
	}
	else if (repeat->exhausted_completes)
		pulse_step_complete(step, run, node, result);
	else
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "repeat_exhausted",
										 "the condition still holds after %d rounds",
										 repeat->max_rounds));
}

void
pulse_activate_collect(PulseStep *step, PulseRunState *run, int node)
{
	const PulseNode *def = run->graph->nodes[node];
	const PulseNode *composite = run->graph->nodes[def->collects];
	const PulseJson *result;

	if (composite->kind == PULSE_KIND_REPEAT)
	{
		collect_round(step, run, node);
		return;
	}
	if (composite->kind == PULSE_KIND_MAP)
		result = map_result(step, run, node);
	else
		result = result_of(step, run, composite, def->preds, def->n_preds);
	if (!too_large(step, run, node, result))
		pulse_step_complete(step, run, node, result);
}

/*
 * ---------------------------------------------------------------------
 * Failures inside
 * ---------------------------------------------------------------------
 */

/* Ends whatever of an instance has not ended; nothing of it will run any more. */
static void
end_inside(void *arg, int node)
{
	Leaving *l = arg;
	PulseStatus status = l->run->nodes[node].status;

	if (pulse_status_terminal(status))
		return;
	if (status == PULSE_RUNNING || status == PULSE_WAITING)
		pulse_step_interrupt(l->step, l->run, node, PULSE_REASON_SIBLING);
	pulse_step_skip(l->step, l->run, node, PULSE_REASON_UPSTREAM, NULL);
}

/* All instances of the composite node that collects at `out` end. */
static void
end_instances(PulseStep *step, PulseRunState *run, const PulseScope *one)
{
	Leaving leaving = { step, run };
	int first = one->kind == PULSE_SCOPE_ITEM ? one->number - one->index : one->number;
	int n = one->kind == PULSE_SCOPE_ITEM ? one->n_items : 1;

	for (int i = 0; i < n; i++)
		pulse_scope_walk(run->graph, run->graph->scopes[first + i], end_inside, &leaving);
}

/* An item has failed, which the map tolerates up to a share. */
static void
fail_item(PulseStep *step, PulseRunState *run, const PulseScope *item, int node,
		  const PulseJson *error)
{
	const PulseNode *map = run->graph->nodes[item->anchor];
	PulseScopeState *first = &run->scopes[item->number - item->index];
	Leaving leaving = { step, run };
	int out = item->out;

	run->scopes[item->number].failed = node + 1;
	first->failures++;
	pulse_step_skip(step, run, node, PULSE_REASON_ERROR, error);
	pulse_scope_walk(run->graph, item, end_inside, &leaving);
	if (first->failures > (int) (map->tolerate * item->n_items + 1e-9))
	{
		PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, 5 * sizeof(PulseJsonPair));
		uint32 n = 0;

		end_instances(step, run, item);
		put(pairs, &n, "class", pulse_json_string(step->scratch, "map_failed"));
		put(pairs, &n, "message",
			pulse_json_string(step->scratch,
							  pulse_arena_printf(step->scratch, "%d of %d items have failed",
												 first->failures, item->n_items)));
		put(pairs, &n, "failed", pulse_json_int(step->scratch, first->failures));
		put(pairs, &n, "items", pulse_json_int(step->scratch, item->n_items));
		put(pairs, &n, "last", error);
		pulse_step_fail(step, run, out, pulse_json_object(step->scratch, pairs, n));
	}
}

bool
pulse_step_caught(PulseStep *step, PulseRunState *run, int node, const PulseJson *error)
{
	const PulseGraph *graph = run->graph;

	for (const PulseScope *scope = graph->nodes[node]->scope; scope != NULL; scope = scope->parent)
	{
		if (scope->kind == PULSE_SCOPE_ITEM && graph->nodes[scope->anchor]->tolerate >= 0)
		{
			fail_item(step, run, scope, node, error);
			return true;
		}
		if (graph->nodes[scope->out]->on_error != PULSE_ON_ERROR_FAIL)
		{
			int out = scope->out;

			pulse_step_skip(step, run, node, PULSE_REASON_ERROR, error);
			end_instances(step, run, scope);
			pulse_step_skip(step, run, out, PULSE_REASON_ERROR, error);
			return true;
		}
	}
	return false;
}
