/*
 * arena.h
 *		Bump allocator: the only source of memory of the kernel.
 *
 * An arena is created for one owner (a graph, a run, a batch, a question) and
 * is freed as a whole; single allocations are never freed.  In the server its
 * blocks come from the memory context that was current at creation, so an arena
 * also dies with that context; elsewhere they come from malloc.
 *
 * Out of memory: in the server the usual ERROR; in a front-end program a
 * message and exit status 1, as pg_malloc does.
 */
#ifndef PULSE_CORE_ARENA_H
#define PULSE_CORE_ARENA_H

#include <stddef.h>

typedef struct PulseArena PulseArena;

/* A new arena; first_block is a hint in bytes (0: default). */
extern PulseArena *pulse_arena_create(size_t first_block);

/*
 * The same where `other` has its memory, not in the current context: for what is
 * to live as long as that. NULL: as pulse_arena_create.
 */
extern PulseArena *pulse_arena_create_beside(const PulseArena *other, size_t first_block);

/* Frees the arena and everything in it. NULL is allowed. */
extern void pulse_arena_free(PulseArena *arena);

/* Forgets all allocations but keeps the first block. */
extern void pulse_arena_reset(PulseArena *arena);

/* MAXALIGNed memory, not zeroed / zeroed. size 0 gives a valid pointer. */
extern void *pulse_arena_alloc(PulseArena *arena, size_t size);
extern void *pulse_arena_zalloc(PulseArena *arena, size_t size);

/* Copies; the text is NUL-terminated. */
extern char *pulse_arena_strdup(PulseArena *arena, const char *s);
extern char *pulse_arena_strndup(PulseArena *arena, const char *s, size_t len);
extern char *pulse_arena_printf(PulseArena *arena, const char *fmt,...) pg_attribute_printf(2, 3);

/*
 * A larger copy of an array: for vectors that grow by doubling (the old copy
 * stays behind as garbage of the arena).
 */
extern void *pulse_arena_grow(PulseArena *arena, const void *old,
							  size_t old_size, size_t new_size);

/* Bytes held, for cache limits. */
extern size_t pulse_arena_size(const PulseArena *arena);

#endif
