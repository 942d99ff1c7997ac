/*
 * graph_codes.h
 *		The stable codes of findings about documents, in one list.
 *
 * The reference in docs is made from it, and a unit test holds that no
 * finding uses a code outside of it.
 */
#ifndef PULSE_CORE_GRAPH_CODES_H
#define PULSE_CORE_GRAPH_CODES_H

#include <stdbool.h>

typedef struct PulseCodeInfo
{
	const char *code;
	bool warning;		 /* does not make the document invalid */
	const char *meaning; /* one sentence */
} PulseCodeInfo;

/* Ends with an entry whose code is NULL. */
extern const PulseCodeInfo pulse_graph_codes[];

extern bool pulse_graph_code_known(const char *code);

#endif
