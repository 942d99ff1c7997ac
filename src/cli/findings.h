/*
 * findings.h
 *		Findings as JSON, as pulse-run prints them.
 */
#ifndef PULSE_CLI_FINDINGS_H
#define PULSE_CLI_FINDINGS_H

#include "core/json.h"

/*
 * Appends {"valid": …, "findings": [{severity, path, code, message, hint,
 * column?}, …]} and a line end; "omitted" counts errors beyond those kept.
 */
extern void pulse_findings_write(StringInfo out, const PulseDiag *diag);

#endif
