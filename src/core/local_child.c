/*
 * local_child.c
 *		Runs in memory: child runs, which workflow nodes of other runs start.
 *
 * Owns the tree of units. A child is begun by a command of its parent, starts as an event
 * of the same time, and tells its end by another one; it is forgotten then, and what is
 * kept of it has been copied.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/local.h"

#include "core/local_private.h"

static const PulseLocalWorkflow *
find_workflow(const PulseLocalRun *r, const char *name)
{
	for (int i = 0; i < r->options->n_workflows; i++)
	{
		if (strcmp(r->options->workflows[i].name, name) == 0)
			return &r->options->workflows[i];
	}
	return NULL;
}

const PulseWorkflowInfo *
pulse_local_workflow(void *arg, const PulseRunState *run, const char *name, int version)
{
	PulseLocalUnit *unit = arg;
	PulseWorkflowInfo *info = pulse_arena_zalloc(unit->arena, sizeof(*info));
	const PulseLocalWorkflow *workflow = find_workflow(unit->all, name);

	info->name = name;
	info->version = Max(version, 1);
	if (workflow == NULL)
		info->refused = pulse_arena_printf(unit->arena, "no workflow \"%s\" is given", name);
	else
		info->deadline = workflow->graph->deadline;
	return info;
}

/*
 * ---------------------------------------------------------------------
 * The tree
 * ---------------------------------------------------------------------
 */

/* Ids are random but for their beginning. */
static PulseLocalUnit **
bucket_of(const PulseLocalRun *r, const PulseUuid *id)
{
	uint32		hash;

	memcpy(&hash, id->b + sizeof(id->b) - sizeof(hash), sizeof(hash));
	return &r->buckets[hash & (uint32) (r->n_buckets - 1)];
}

static void
grow_buckets(PulseLocalRun *r)
{
	PulseLocalUnit **old = r->buckets;
	int			n = r->n_buckets;

	r->n_buckets = Max(16, n * 2);
	r->buckets = pulse_arena_zalloc(r->arena, sizeof(PulseLocalUnit *) * (size_t) r->n_buckets);
	for (int i = 0; i < n; i++)
	{
		for (PulseLocalUnit *unit = old[i], *next; unit != NULL; unit = next)
		{
			PulseLocalUnit **bucket = bucket_of(r, &unit->id);

			next = unit->collision;
			unit->collision = *bucket;
			*bucket = unit;
		}
	}
}

static void
enter_tree(PulseLocalUnit *child)
{
	PulseLocalRun *r = child->all;
	PulseLocalUnit *parent = child->parent;
	PulseLocalUnit **bucket;

	if (r->n_children++ >= r->n_buckets)
		grow_buckets(r);
	bucket = bucket_of(r, &child->id);
	child->collision = *bucket;
	*bucket = child;

	child->older = parent->children;
	if (child->older != NULL)
		child->older->newer = child;
	parent->children = child;
}

static void
leave_tree(PulseLocalUnit *child)
{
	PulseLocalUnit **link = bucket_of(child->all, &child->id);

	while (*link != child)
		link = &(*link)->collision;
	*link = child->collision;
	child->all->n_children--;

	if (child->older != NULL)
		child->older->newer = child->newer;
	if (child->newer != NULL)
		child->newer->older = child->older;
	else
		child->parent->children = child->older;
	child->over = true;
}

PulseLocalUnit *
pulse_local_child_find(const PulseLocalUnit *parent, const PulseUuid *id)
{
	PulseLocalUnit *child;

	if (parent->all->n_children == 0)
		return NULL;
	for (child = *bucket_of(parent->all, id); child != NULL; child = child->collision)
	{
		if (memcmp(&child->id, id, sizeof(*id)) == 0)
			return child;
	}
	return NULL;
}

/*
 * ---------------------------------------------------------------------
 * From begin to end
 * ---------------------------------------------------------------------
 */

void
pulse_local_child_begin(PulseLocalUnit *parent, const PulseCommand *cmd)
{
	PulseLocalRun *r = parent->all;
	int			number = pulse_local_number(parent->state, cmd);
	const PulseNode *node;
	PulseLocalEvent event = {r->now};
	PulseLocalUnit *child;

	if (number < 0)
		return;					/* it was taken back in the same step */
	node = parent->state->graph->nodes[number];
	child = pulse_arena_zalloc(r->arena, sizeof(*child));
	child->all = r;
	child->parent = parent;
	child->parent_node = number;
	child->parent_id = pulse_arena_strndup(r->arena, node->id, node->id_len);
	child->path = parent->path == NULL ? child->parent_id :
		pulse_arena_printf(r->arena, "%s/%s", parent->path, child->parent_id);
	child->id = cmd->activation;
	child->workflow = find_workflow(r, node->name);
	child->version = cmd->workflow->version;
	child->input = cmd->input;
	enter_tree(child);

	event.kind = PULSE_LOCAL_START;
	event.unit = child;
	pulse_local_push(r, event);
}

void
pulse_local_child_start(PulseLocalUnit *child)
{
	PulseLocalRun *r = child->all;
	PulseRunState *above = child->parent->state;
	PulseRunState *state = pulse_state_create(child->workflow->graph);
	PulseFact	fact = {0};

	pulse_local_unit_prepare(child, state);
	state->id = child->id;
	state->parent = above->id;
	state->parent_node = child->parent_id;
	state->depth = above->depth + 1;
	state->workflow = child->workflow->name;
	state->version = child->version;
	state->input = child->input;

	if (r->options->trace)
		pulse_local_trace_start(child);
	fact.kind = PULSE_FACT_START;
	fact.node = -1;
	fact.at = r->now;
	pulse_local_fold(child, &fact, 1);
}

void
pulse_local_child_cancel(PulseLocalUnit *parent, const PulseUuid *id)
{
	PulseLocalUnit *child = pulse_local_child_find(parent, id);
	PulseFact	fact = {0};

	if (child == NULL)
		return;
	if (child->state == NULL)
	{
		leave_tree(child);		/* it has not even started */
		return;
	}
	fact.kind = PULSE_FACT_CANCEL;
	fact.node = -1;
	fact.at = child->all->now;
	fact.reason = "the run that started it does not wait for it any more";
	pulse_local_fold(child, &fact, 1);
}

/* What the parent is told; it lives as long as the whole. */
static const PulseJson *
make_payload(const PulseLocalUnit *child)
{
	PulseArena *arena = child->all->arena;
	const PulseRunState *state = child->state;
	PulseLocalMembers m = pulse_local_members(arena, 3);
	char		text[PULSE_UUID_TEXT + 1];

	pulse_local_put_text(&m, "run", pulse_uuid_text(&state->id, text));
	pulse_local_put_text(&m, "status", pulse_run_status_name(state->status));
	if (state->status == PULSE_RUN_COMPLETED)
		pulse_local_put(&m, "output", pulse_json_copy(arena, state->output));
	else if (state->error != NULL)
		pulse_local_put(&m, "error", pulse_json_copy(arena, state->error));
	return pulse_local_object(&m);
}

void
pulse_local_child_end(PulseLocalUnit *child)
{
	PulseLocalRun *r = child->all;
	PulseLocalEvent event = {r->now};

	/* the kernel has cancelled all of them; this is for what it cannot know */
	while (child->children != NULL)
	{
		PulseLocalUnit *below = child->children;

		pulse_local_child_cancel(child, &below->id);
		if (!below->over)
		{
			leave_tree(below);
			pulse_state_free(below->state);
			below->state = NULL;
		}
	}

	event.kind = PULSE_LOCAL_CHILD_ENDED;
	event.unit = child->parent;
	event.index = child->parent_node;
	event.id = child->parent_id;
	event.child = child->id;
	event.payload = make_payload(child);
	if (r->options->trace)
		pulse_local_trace_child(child, event.payload);
	pulse_local_push(r, event);

	leave_tree(child);
	pulse_state_free(child->state);
	child->state = NULL;
}
