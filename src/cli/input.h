/*
 * input.h
 *		Documents from files or standard input.
 */
#ifndef PULSE_CLI_INPUT_H
#define PULSE_CLI_INPUT_H

#include "core/json.h"

/* No document of any size limit comes near it. */
#define PULSE_INPUT_MAX (64 * 1024 * 1024)

/*
 * Reads all bytes of a file, or of standard input for "-", into buf (made here;
 * the caller frees its data). False: it could not be read, and a message was printed.
 */
extern bool pulse_input_text(const char *name, StringInfo buf);

/*
 * Reads the document in a file, or standard input for "-". False: the file
 * could not be read, and a message was printed. Else *document is NULL if the
 * text is no JSON (or has a key twice); findings are added with paths that
 * begin with root.
 */
extern bool pulse_input_read(const char *name, const char *root, PulseArena *arena,
							 const PulseJson **document, PulseDiag *diag);

#endif
