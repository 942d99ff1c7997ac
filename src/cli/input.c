/*
 * input.c
 *		Reads documents for pulse-run.
 *
 * Owns file access, and nothing else: what a document means is the kernel's
 * business.
 */
#include "postgres_fe.h"

#include "cli/input.h"

#include <errno.h>

/* All bytes into buf; false with a message if that fails. */
static bool
read_all(FILE *file, const char *name, StringInfo buf)
{
	char chunk[65536];
	size_t n;

	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
	{
		if (buf->len + n > PULSE_INPUT_MAX)
		{
			fprintf(stderr, "pulse-run: \"%s\" is larger than %d MiB\n",
					name, PULSE_INPUT_MAX / (1024 * 1024));
			return false;
		}
		appendBinaryStringInfo(buf, chunk, (int) n);
	}
	if (ferror(file))
	{
		fprintf(stderr, "pulse-run: could not read \"%s\": %s\n", name, strerror(errno));
		return false;
	}
	return true;
}

bool
pulse_input_text(const char *name, StringInfo buf)
{
	bool standard = strcmp(name, "-") == 0;
	FILE *file = standard ? stdin : fopen(name, "rb");
	bool ok;

	if (file == NULL)
	{
		fprintf(stderr, "pulse-run: could not open \"%s\": %s\n", name, strerror(errno));
		return false;
	}
	initStringInfo(buf);
	ok = read_all(file, standard ? "standard input" : name, buf);
	if (!standard)
		fclose(file);
	if (!ok)
		pfree(buf->data);
	return ok;
}

bool
pulse_input_read(const char *name, const char *root, PulseArena *arena,
				 const PulseJson **document, PulseDiag *diag)
{
	StringInfoData buf;
	PulseDiag own;

	if (!pulse_input_text(name, &buf))
		return false;

	pulse_diag_init(&own, arena);
	*document = pulse_json_parse_strict(arena, buf.data, (size_t) buf.len, &own);
	if (own.n_errors > 0)
		*document = NULL;
	for (int i = 0; i < own.n; i++)
	{
		PulseFinding f = own.items[i];

		f.path = pulse_arena_printf(arena, "%s%s", root, f.path + 1);
		pulse_diag_add(diag, &f);
	}
	diag->n_errors += own.n_errors - own.n;
	pfree(buf.data);
	return true;
}
