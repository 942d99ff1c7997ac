/*
 * template.h
 *		Templates: JSON with expressions in it.
 *
 * {"$": "expr"} stands for the value of the expression, {"$literal": x} for
 * x itself, everything else is copied.  A template is compiled once, when the
 * graph is read; constant subtrees are shared with the document, not copied.
 */
#ifndef PULSE_CORE_TEMPLATE_H
#define PULSE_CORE_TEMPLATE_H

#include "core/expr.h"

typedef struct PulseTemplate PulseTemplate;

/* NULL on failure (errors added under path). The template shares `source`. */
extern PulseTemplate *pulse_template_compile(PulseArena *arena, const PulseJson *source,
											 const char *path, PulseDiag *diag);

/* Union over all its expressions. */
extern const PulseExprRefs *pulse_template_refs(const PulseTemplate *tpl);

/* True if it has no expression: evaluation gives a shared constant. */
extern bool pulse_template_is_constant(const PulseTemplate *tpl);

/* The value, built in arena; NULL on error with *error set. */
extern const PulseJson *pulse_template_eval(const PulseTemplate *tpl, const PulseJson *root,
											PulseArena *arena, int64 max_steps,
											const char **error);

#endif
