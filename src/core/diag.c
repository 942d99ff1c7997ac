/*
 * diag.c
 *		Lists of findings.
 *
 * Owns how findings are kept: the first PULSE_DIAG_MAX of them, copied into the
 * arena of the list; further errors are only counted.  It judges nothing and
 * prints nothing.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/diag.h"

#include <stdarg.h>

void
pulse_diag_init(PulseDiag *diag, PulseArena *arena)
{
	memset(diag, 0, sizeof(*diag));
	diag->arena = arena;
}

void
pulse_diag_add(PulseDiag *diag, const PulseFinding *finding)
{
	PulseFinding *item;

	if (finding->severity == PULSE_SEV_ERROR)
		diag->n_errors++;
	if (diag->n >= PULSE_DIAG_MAX)
		return;

	if (diag->n == diag->cap)
	{
		int			cap = diag->cap == 0 ? 4 : diag->cap * 2;

		diag->items = pulse_arena_grow(diag->arena, diag->items,
									   sizeof(PulseFinding) * (size_t) diag->n,
									   sizeof(PulseFinding) * (size_t) cap);
		diag->cap = cap;
	}

	item = &diag->items[diag->n++];
	*item = *finding;
	item->path = finding->path == NULL ? "$"
		: pulse_arena_strdup(diag->arena, finding->path);
	item->message = pulse_arena_strdup(diag->arena, finding->message);
	if (finding->hint != NULL)
		item->hint = pulse_arena_strdup(diag->arena, finding->hint);
}

static void pg_attribute_printf(6, 0)
add_formatted(PulseDiag *diag, PulseSeverity severity, const char *code,
			  const char *path, const char *hint, const char *fmt, va_list ap)
{
	char		message[2048];
	PulseFinding finding;

	vsnprintf(message, sizeof(message), fmt, ap);
	finding.severity = severity;
	finding.code = code;
	finding.path = path;
	finding.message = message;
	finding.hint = hint;
	finding.column = 0;
	pulse_diag_add(diag, &finding);
}

void
pulse_diag_error(PulseDiag *diag, const char *code, const char *path,
				 const char *hint, const char *fmt,...)
{
	va_list		ap;

	va_start(ap, fmt);
	add_formatted(diag, PULSE_SEV_ERROR, code, path, hint, fmt, ap);
	va_end(ap);
}

void
pulse_diag_warning(PulseDiag *diag, const char *code, const char *path,
				   const char *hint, const char *fmt,...)
{
	va_list		ap;

	va_start(ap, fmt);
	add_formatted(diag, PULSE_SEV_WARNING, code, path, hint, fmt, ap);
	va_end(ap);
}
