/*
 * findings.c
 *		Findings as JSON.
 */
#include "postgres_fe.h"

#include "cli/findings.h"

static void
put_member(StringInfo out, const char *key, const char *value, bool first)
{
	appendStringInfo(out, "%s\"%s\": ", first ? "" : ", ", key);
	if (value == NULL)
		appendStringInfoString(out, "null");
	else
		pulse_json_write_string(out, value, strlen(value));
}

void
pulse_findings_write(StringInfo out, const PulseDiag *diag)
{
	int kept_errors = 0;

	appendStringInfo(out, "{\"valid\": %s, \"findings\": [",
					 diag->n_errors == 0 ? "true" : "false");
	for (int i = 0; i < diag->n; i++)
	{
		const PulseFinding *f = &diag->items[i];
		bool error = f->severity == PULSE_SEV_ERROR;

		kept_errors += error;
		appendStringInfoString(out, i == 0 ? "{" : ", {");
		put_member(out, "severity", error ? "error" : "warning", true);
		put_member(out, "path", f->path, false);
		put_member(out, "code", f->code, false);
		put_member(out, "message", f->message, false);
		put_member(out, "hint", f->hint, false);
		if (f->column > 0)
			appendStringInfo(out, ", \"column\": %d", f->column);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, ']');
	if (diag->n_errors > kept_errors)
		appendStringInfo(out, ", \"omitted\": %d", diag->n_errors - kept_errors);
	appendStringInfoString(out, "}\n");
}
