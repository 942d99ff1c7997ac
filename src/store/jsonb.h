/*
 * jsonb.h
 *		jsonb of the server <-> JSON values of the kernel.
 */
#ifndef PULSE_STORE_JSONB_H
#define PULSE_STORE_JSONB_H

#include "utils/jsonb.h"

#include "core/json.h"

/*
 * A kernel value, in arena; texts are copied, so jb may go. Throws 54000 for
 * numbers or nestings beyond the kernel's limits.
 */
extern const PulseJson *pulse_jsonb_read(PulseArena *arena, Jsonb *jb);

/* palloc'd in the current context. */
extern Jsonb *pulse_jsonb_write(const PulseJson *value);

#endif
