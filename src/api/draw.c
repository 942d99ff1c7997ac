/*
 * draw.c
 *		Drawing a graph, a workflow, or a run with the statuses of its nodes.
 *
 * The argument may be of any of the types that can mean one of these; text is read as
 * the id of a run, a graph or the name of a workflow, whichever it looks like.
 */
#include "postgres.h"

#include "api/api.h"
#include "api/look.h"
#include "catalog/pg_type.h"
#include "core/draw.h"
#include "core/uuid.h"
#include "store/jsonb.h"
#include "store/workflow_store.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pulse_sql_draw);

typedef struct Drawing
{
	PulseDrawFormat format;
	StringInfoData out;
} Drawing;

/* Frees nothing: what the kernel holds goes with the transaction. run may be NULL. */
static void
draw_graph(Drawing *d, const PulseGraph *graph, const PulseDrawRun *run)
{
	if (!pulse_draw_fits(graph, d->format))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("graph is too large to be drawn as svg"),
				 errdetail("It has %d nodes, svg is drawn of %d at most.",
						   graph->n_nodes, PULSE_DRAW_SVG_MAX),
				 errhint("Use the format dot, and Graphviz.")));
	if (run == NULL)
		pulse_draw(&d->out, graph, NULL, d->format);
	else
		pulse_draw_run(&d->out, graph, run, d->format);
}

static void
draw_json(Drawing *d, PulseArena *arena, const PulseJson *document, PulseDiag *diag)
{
	PulseGraph *graph = document ? pulse_graph_read(document, PULSE_GRAPH_LIVE, diag) : NULL;

	if (graph == NULL)
		pulse_throw_findings(diag);
	draw_graph(d, graph, NULL);
	pulse_graph_free(graph);
	pulse_arena_free(arena);
}

static void
draw_jsonb(Drawing *d, Jsonb *jb)
{
	PulseArena *arena = pulse_arena_create(0);
	PulseDiag	diag;

	pulse_diag_init(&diag, arena);
	draw_json(d, arena, pulse_jsonb_read(arena, jb), &diag);
}

/* As written, so that keys given twice are seen. */
static void
draw_json_text(Drawing *d, const char *text)
{
	PulseArena *arena = pulse_arena_create(0);
	size_t		len = strlen(text);
	PulseDiag	diag;

	pulse_diag_init(&diag, arena);
	if (len > 4 * (size_t) PULSE_MAX_GRAPH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("graph is too large"),
				 errdetail("It has %zu bytes.", len)));
	draw_json(d, arena, pulse_json_parse_strict(arena, text, len, &diag), &diag);
}

/* With who has added what, and the runs that its nodes have started. */
static void
draw_run(Drawing *d, const pg_uuid_t *id)
{
	PulseRunNodes *nodes = pulse_look_nodes(id);
	size_t		n = (size_t) Max(nodes->graph->n_nodes, 1);
	const char **notes = palloc0(sizeof(char *) * n);
	bool	   *failed = palloc0(sizeof(bool) * n);
	PulseDrawGrowth *growths = palloc(sizeof(PulseDrawGrowth) * (size_t) Max(nodes->n_growths, 1));
	PulseDrawRun run = {.status = nodes->shown, .notes = notes, .failed = failed, .growths = growths};
	PulseChildView *children;
	int			n_children;

	for (int i = 0; i < nodes->n_growths; i++)
	{
		const PulseGrowthRow *row = &nodes->growths[i];

		if (row->revision > 0)
			growths[run.n_growths++] = (PulseDrawGrowth) {row->id, row->anchor, row->form};
	}
	children = pulse_view_children(id, &n_children);
	for (int i = 0; i < n_children; i++)
	{
		int			at = pulse_graph_find(nodes->graph, children[i].node, strlen(children[i].node));

		if (at >= 0)
			notes[at] = psprintf("child %s, %s", children[i].status, children[i].run);
	}
	for (int i = 0; i < nodes->graph->n_nodes; i++)
	{
		failed[i] = nodes->stored[i] == PULSE_SKIPPED && nodes->reason[i] != NULL &&
			strcmp(nodes->reason[i], pulse_reason_name(PULSE_REASON_ERROR)) == 0;
		if (failed[i] && notes[i] == NULL)
			notes[i] = "after an error";
	}
	draw_graph(d, nodes->graph, &run);
}

static void
draw_workflow(Drawing *d, const char *name, const char *tenant)
{
	Jsonb	   *source = NULL;

	if (pulse_access_has(PULSE_LEVEL_READ, tenant))
		source = pulse_workflow_graph(tenant, name, 0, NULL);
	if (source == NULL)
		pulse_throw_no_workflow(name, tenant);
	draw_jsonb(d, source);
}

static void
draw_text(Drawing *d, const char *text, const char *tenant)
{
	PulseUuid	uuid;
	const char *p = text;

	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	if (*p == '{')
		draw_json_text(d, text);
	else if (pulse_uuid_parse(text, &uuid))
	{
		pg_uuid_t	id;

		memcpy(id.data, uuid.b, UUID_LEN);
		draw_run(d, &id);
	}
	else
	{
		pulse_check_name(text, "name of the workflow");
		draw_workflow(d, text, tenant);
	}
}

Datum
pulse_sql_draw(PG_FUNCTION_ARGS)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	char	   *format;
	char	   *tenant;
	Drawing		d;

	pulse_api_begin();
	pulse_access_require_some(PULSE_LEVEL_READ, "draw a graph");
	pulse_arg_require(fcinfo, 0, "what to draw");
	format = pulse_arg_name_opt(fcinfo, 1, "format");
	if (!pulse_draw_format_parse(format ? format : "text", &d.format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no format \"%s\"", format),
				 errdetail("Formats are " PULSE_DRAW_FORMATS ".")));
	tenant = pulse_arg_tenant(fcinfo, 2);
	initStringInfo(&d.out);
	switch (type)
	{
		case JSONBOID:
			draw_jsonb(&d, PG_GETARG_JSONB_P(0));
			break;
		case JSONOID:
			draw_json_text(&d, text_to_cstring(PG_GETARG_TEXT_PP(0)));
			break;
		case UUIDOID:
			draw_run(&d, PG_GETARG_UUID_P(0));
			break;
		case TEXTOID:
		case VARCHAROID:
			draw_text(&d, text_to_cstring(PG_GETARG_TEXT_PP(0)), tenant);
			break;
		case UNKNOWNOID:
		case CSTRINGOID:
			draw_text(&d, PG_GETARG_CSTRING(0), tenant);
			break;
		case NAMEOID:
			draw_text(&d, NameStr(*PG_GETARG_NAME(0)), tenant);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("cannot draw a value of type %s", format_type_be(type)),
					 errdetail("A graph is jsonb, a workflow text, a run uuid.")));
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(d.out.data, d.out.len));
}
