/*
 * graph_codes.c
 *		The list of the codes of findings about documents.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_codes.h"

const PulseCodeInfo pulse_graph_codes[] = {
	/* of the text */
	{"json_syntax", false, "The text is not JSON."},
	{"json_unicode", false, "The text is not valid UTF-8, or an escape stands for no character or for NUL."},
	{"json_number", false, "A number has more than 1,000 digits."},
	{"json_depth", false, "The document is nested more than 100 deep."},
	{"duplicate_key", false, "An object has the same key twice."},

	/* of sizes */
	{"limit_bytes", false, "The document is larger than 1 MiB."},
	{"limit_depth", false, "The document is nested more than 100 deep."},
	{"limit_nodes", false, "The document has more than 10,000 nodes."},
	{"limit_edges", false, "The document has more than 50,000 edges."},
	{"limit_nesting", false, "Fragments are nested more than 16 deep."},

	/* of keys and values */
	{"unknown_key", false, "The format has no such key here."},
	{"missing_key", false, "A key that must be given is missing."},
	{"wrong_type", false, "The value has another JSON type than the key demands."},
	{"bad_value", false, "The value is none of those that the key allows."},
	{"bad_id", false, "A node id is empty, too long (also when it is composed at run time), or has a character that ids may not have."},
	{"bad_name", false, "The name of an action, signal or workflow is empty, too long, or has a control character."},
	{"reserved_name", false, "Signal names that begin with \"pulse.\" belong to the engine."},
	{"bad_duration", false, "The text is no duration, or one outside the bounds of the key."},
	{"bad_timestamp", false, "The text is no timestamp with a time zone."},
	{"bad_retry", false, "A value of a retry policy is outside its bounds."},
	{"bad_budget", false, "A dimension of the budget is no natural number."},

	/* of node kinds */
	{"no_kind", false, "The node has none of the keys that say what it does."},
	{"many_kinds", false, "The node has more than one of the keys that say what it does."},
	{"kind_unavailable", false, "The format knows this kind or key, but this version cannot execute it yet."},
	{"key_not_allowed", false, "The key belongs to nodes of another kind."},

	/* of the structure */
	{"duplicate_node", false, "The same node is listed twice."},
	{"duplicate_entry", false, "The same predecessor, edge or entry is listed twice."},
	{"unknown_node", false, "The document has no node with this id."},
	{"self_edge", false, "A node comes after itself."},
	{"cycle", false, "Nodes wait for each other in a circle; the message spells it out."},
	{"handler_shared", false, "Two nodes name the same error handler."},
	{"handler_has_after", false, "An error handler has another predecessor than the node it guards."},

	/* of fragments */
	{"fragment_empty", false, "A fragment has no nodes."},
	{"fragment_cycle", false, "Nodes of a fragment wait for each other in a circle."},
	{"undefined_node", false, "An edge of a fragment names a node that the fragment does not have."},
	{"no_entries", false, "A fragment has no entries."},
	{"no_exits", false, "A fragment has no exits."},
	{"duplicate_exit", false, "The same exit is listed twice."},
	{"entry_outside", false, "An entry is no node of the fragment."},
	{"exit_outside", false, "An exit is no node of the fragment."},
	{"orphan", false, "A node of a fragment is not on a path from an entry to an exit."},
	{"reserved_id", false, "The local id out is taken in the fragments of a choose."},

	/* of expressions */
	{"bad_expression", false, "The text is no expression; the column says where."},
	{"expression_unsupported", false, "The expression uses a feature outside of the subset."},
	{"bad_template", false, "An object with the key \"$\" or \"$literal\" is no template."},
	{"not_ancestor", false, "The expression reads the output of a node that need not have run before."},
	{"member_unavailable", false, "The expression reads something that only exists elsewhere, such as $.error outside of an error handler."},

	/* of states given to inspect */
	{"unknown_status", false, "There is no such status."},

	/* warnings */
	{"unknown_member", true, "The expression reads a member that $ never has, so it gives nothing."},
	{"no_effect", true, "The key has no effect on a node of this kind."},

	{ NULL, false, NULL }
};

bool
pulse_graph_code_known(const char *code)
{
	for (const PulseCodeInfo *info = pulse_graph_codes; info->code != NULL; info++)
	{
		if (strcmp(info->code, code) == 0)
			return true;
	}
	return false;
}
