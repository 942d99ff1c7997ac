/*
 * children.c
 *		Runs that start runs: what goes from a parent to its children and back.
 *
 * Owns the rows that a run writes for other runs, which are parts of the batch's
 * transaction: a child run with the node that waits for it, the word of an end with the
 * end, a cancel with what led to it.  So nothing of it can get lost, or be without the
 * other.  Whose runs these are is not asked: the owner of the part finds the rows as it
 * finds those of users.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "base/clock.h"
#include "core/timetext.h"
#include "store/child_store.h"
#include "store/jsonb.h"
#include "store/part.h"
#include "store/workflow_store.h"
#include "utils/timestamp.h"

/* What is known of a workflow, for this batch only: the next one may see another version. */
struct PulseChildWorkflow
{
	PulseWorkflowInfo info; /* first: commands point to it */
	const char *tenant;
	int asked; /* 0: the enabled version */
	Jsonb *labels; /* defaults, or NULL */
	Jsonb *budget;
	struct PulseChildWorkflow *next;
};

static void
read_defaults(PulseEngine *e, struct PulseChildWorkflow *w, Jsonb *defaults)
{
	const PulseJson *json = pulse_jsonb_read(e->scratch, defaults);
	const PulseJson *value;

	if ((value = pulse_json_get(json, "labels")) != NULL)
		w->labels = pulse_jsonb_write(value);
	if ((value = pulse_json_get(json, "budget")) != NULL)
		w->budget = pulse_jsonb_write(value);
}

static struct PulseChildWorkflow *
find_workflow(PulseEngine *e, const char *tenant, const char *name, int asked)
{
	struct PulseChildWorkflow *w = palloc0(sizeof(*w));
	PulseWorkflowRow row = { 0 };
	const char *why;

	w->tenant = pstrdup(tenant);
	w->asked = asked;
	w->info.name = pstrdup(name);
	if (!pulse_workflow_find(tenant, name, asked, &row))
		w->info.refused = psprintf("workflow \"%s\" does not exist", name);
	else if (!row.enabled)
	{
		w->info.refused = psprintf("workflow \"%s\" is disabled", name);
		if (row.disabled_reason != NULL)
			w->info.refused = psprintf("%s: %s", w->info.refused, row.disabled_reason);
	}
	else if (row.version == 0)
		w->info.refused = psprintf("workflow \"%s\" has no version %d", name, asked);
	else
	{
		w->info.version = row.version;
		if (row.deadline != NULL &&
			!pulse_duration_parse(row.deadline, strlen(row.deadline), &w->info.deadline, &why))
			elog(ERROR, "stored deadline \"%s\" is no duration: %s", row.deadline, why);
		if (row.defaults != NULL)
			read_defaults(e, w, row.defaults);
	}
	return w;
}

/* PulseStep.workflow. */
const PulseWorkflowInfo *
pulse_children_workflow(void *engine, const PulseRunState *run, const char *name, int version)
{
	PulseEngine *e = engine;
	struct PulseChildWorkflow *w;
	MemoryContext old;

	for (w = e->workflows; w != NULL; w = w->next)
	{
		if (w->asked == version && strcmp(w->info.name, name) == 0 &&
			strcmp(w->tenant, run->tenant) == 0)
			return &w->info;
	}
	old = MemoryContextSwitchTo(e->batch);
	w = find_workflow(e, run->tenant, name, version);
	MemoryContextSwitchTo(old);
	w->next = e->workflows;
	e->workflows = w;
	return &w->info;
}

/* The owner of the part is to look, once this is committed. */
static void
tell_inbox(PulseEngine *e, int part)
{
	e->told.inbox |= UINT64CONST(1) << part;
}

static void
send_row(PulseEngine *e, const pg_uuid_t *run, const char *kind, const char *node,
	 const PulseJson *payload)
{
	pg_uuid_t *target = palloc(sizeof(pg_uuid_t));
	int part = pulse_part_of(run);

	*target = *run;
	pulse_writes_message(&e->writes, target, part, kind, node, pulse_jsonb_write(payload), e->now);
	tell_inbox(e, part);
}

/* PULSE_CMD_CHILD: the run that a node waits for. */
void
pulse_children_start(PulseEngine *e, PulseRun *run, const PulseCommand *cmd)
{
	const struct PulseChildWorkflow *w = (const struct PulseChildWorkflow *) cmd->workflow;
	const PulseRunState *s = run->state;
	PulseChildWrite row = { 0 };

	row.id = (const pg_uuid_t *) &cmd->activation;
	row.part = pulse_part_of(row.id);
	row.priority = run->priority;
	row.version = w->info.version;
	row.tenant = s->tenant;
	row.workflow = w->info.name;
	row.submitted_at = e->now;
	if (w->info.deadline > 0 && w->info.deadline < DT_NOEND - e->now &&
		IS_VALID_TIMESTAMP(e->now + w->info.deadline))
		row.deadline = e->now + w->info.deadline;
	row.traceparent = s->traceparent;
	row.input = pulse_jsonb_write(cmd->input ? cmd->input : &pulse_json_null);
	row.labels = w->labels;
	row.budget = w->budget;
	row.parent = &run->id;
	row.parent_node = pulse_command_node(s, cmd);
	row.depth = s->depth + 1;
	pulse_writes_child(&e->writes, &row);
	e->told.runs[row.priority] |= UINT64CONST(1) << row.part;
}

static void
cancel_child(PulseEngine *e, const pg_uuid_t *child, const char *reason)
{
	PulseJsonPair *pairs = pulse_arena_alloc(e->scratch, sizeof(*pairs));

	pairs[0] = (PulseJsonPair){ "reason", 6, pulse_json_string(e->scratch, reason) };
	send_row(e, child, "cancel", NULL, pulse_json_object(e->scratch, pairs, 1));
}

/* PULSE_CMD_CHILD_CANCEL: of no effect if it has ended. */
void
pulse_children_cancel(PulseEngine *e, const PulseCommand *cmd)
{
	cancel_child(e, (const pg_uuid_t *) &cmd->activation,
				 cmd->message ? cmd->message : "the parent run does not wait for it");
}

/* Who waits for this run hears of its end. */
static void
tell_parent(PulseEngine *e, const pg_uuid_t *run, const pg_uuid_t *parent, const char *node,
			const char *status, const char *key, const PulseJson *value)
{
	PulseJsonPair *pairs = pulse_arena_alloc(e->scratch, 3 * sizeof(*pairs));
	char id[PULSE_UUID_TEXT + 1];

	(void) pulse_uuid_text((const PulseUuid *) run, id);
	pairs[0] = (PulseJsonPair){ "run", 3, pulse_json_string(e->scratch, id) };
	pairs[1] = (PulseJsonPair){ "status", 6, pulse_json_string(e->scratch, status) };
	pairs[2] = (PulseJsonPair){ key, (uint32) strlen(key), value ? value : &pulse_json_null };
	send_row(e, parent, "child", node, pulse_json_object(e->scratch, pairs, 3));
}

/* The run has ended: tells its parent, if it has one. */
void
pulse_children_ended(PulseEngine *e, PulseRun *run)
{
	const PulseRunState *s = run->state;
	bool completed = s->status == PULSE_RUN_COMPLETED;

	if (s->parent_node != NULL)
		tell_parent(e, &run->id, (const pg_uuid_t *) &s->parent, s->parent_node,
					pulse_run_status_name(s->status), completed ? "output" : "error",
					completed ? s->output : s->error);
}

/* It was given up, whatever its state: its parent and its children must not wait for ever. */
void
pulse_children_abandoned(PulseEngine *e, const pg_uuid_t *run, const PulseAbandoned *who,
					  const PulseJson *error)
{
	if (who->has_parent)
		tell_parent(e, run, &who->parent, who->parent_node, "cancelled", "error", error);
	for (int i = 0; i < who->n_children; i++)
		cancel_child(e, &who->children[i], "the parent run was cancelled");
}

/*
 * After the batch: rows in parts of our own are looked for by the next one, the owners of
 * the others are to be woken.
 */
void
pulse_children_told(PulseEngine *e, PulseHints *others)
{
	uint64 mine = 0;

	for (int i = 0; i < e->n_parts; i++)
		mine |= UINT64CONST(1) << e->parts[i];
	pulse_streams_hint(e->streams, &e->told);
	others->inbox = e->told.inbox & ~mine;
	for (int p = 0; p < PULSE_PRIORITIES; p++)
		others->runs[p] = e->told.runs[p] & ~mine;
}
