/*
 * arena.c
 *		The bump allocator of the kernel.
 *
 * Owns the layout of blocks and nothing else.  The header of the arena lies in
 * its first block, so an arena costs one allocation while it is small; further
 * blocks are chained to it.  An arena lives until
 * pulse_arena_free or, in the server, until the memory context that was current
 * at its creation goes.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/arena.h"

#ifndef FRONTEND
#include "utils/memutils.h"
#endif

#define DEFAULT_BLOCK	8192
#define SMALLEST_BLOCK	512
#define LARGEST_BLOCK	(1024 * 1024)

typedef struct ArenaBlock
{
	struct ArenaBlock *older;
	size_t		size;			/* of the whole block, this header included */
} ArenaBlock;

struct PulseArena
{
	char	   *next;			/* first free byte of the newest block */
	char	   *end;			/* past its last byte */
	ArenaBlock *first;			/* the block that holds this struct */
	ArenaBlock *newest;			/* chain of the others, newest first */
	size_t		held;			/* bytes in all blocks */
	size_t		next_size;		/* of the next regular block */
#ifndef FRONTEND
	MemoryContext context;
#endif
};

#define BLOCK_HEADER	MAXALIGN(sizeof(ArenaBlock))
#define ARENA_HEADER	MAXALIGN(sizeof(PulseArena))

/* Larger requests could not be served by any means and hint at an overflow. */
#define MAX_REQUEST		(SIZE_MAX / 4)

static void *
block_get(const PulseArena *arena, size_t size)
{
#ifdef FRONTEND
	void	   *block = size > MAX_REQUEST ? NULL : malloc(size);

	(void) arena;
	if (block == NULL)
	{
		fprintf(stderr, "out of memory\n");
		exit(EXIT_FAILURE);
	}
	return block;
#else
	if (size > MAX_REQUEST)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return MemoryContextAllocHuge(arena != NULL ? arena->context
								  : CurrentMemoryContext, size);
#endif
}

static void
block_put(ArenaBlock *block)
{
#ifdef FRONTEND
	free(block);
#else
	pfree(block);
#endif
}

PulseArena *
pulse_arena_create(size_t first_block)
{
	return pulse_arena_create_beside(NULL, first_block);
}

PulseArena *
pulse_arena_create_beside(const PulseArena *other, size_t first_block)
{
	size_t		size = first_block == 0 ? DEFAULT_BLOCK : first_block;
	ArenaBlock *block;
	PulseArena *arena;

	size = Min(Max(size, SMALLEST_BLOCK), LARGEST_BLOCK);
	size = MAXALIGN(size);
	block = block_get(other, size);
	block->older = NULL;
	block->size = size;

	arena = (PulseArena *) ((char *) block + BLOCK_HEADER);
	arena->first = block;
	arena->next = (char *) arena + ARENA_HEADER;
	arena->end = (char *) block + size;
	arena->newest = NULL;
	arena->held = size;
	arena->next_size = Min(size * 2, LARGEST_BLOCK);
#ifndef FRONTEND
	arena->context = other != NULL ? other->context : CurrentMemoryContext;
#endif
	return arena;
}

static void
free_others(PulseArena *arena)
{
	ArenaBlock *block = arena->newest;

	while (block != NULL)
	{
		ArenaBlock *older = block->older;

		block_put(block);
		block = older;
	}
	arena->newest = NULL;
}

void
pulse_arena_free(PulseArena *arena)
{
	if (arena == NULL)
		return;
	free_others(arena);
	block_put(arena->first);
}

void
pulse_arena_reset(PulseArena *arena)
{
	ArenaBlock *first = arena->first;

	free_others(arena);
	arena->held = first->size;
	arena->next = (char *) arena + ARENA_HEADER;
	arena->end = (char *) first + first->size;
	arena->next_size = Min(first->size * 2, LARGEST_BLOCK);
#ifdef USE_ASSERT_CHECKING
	memset(arena->next, 0x7f, (size_t) (arena->end - arena->next));
#endif
}

/*
 * The slow path: a new block.  A request that is large against the regular size
 * gets a block of its own, and the rest of the current one stays in use.
 */
static void *
alloc_block(PulseArena *arena, size_t size)
{
	bool		own = size > arena->next_size / 2;
	size_t		block_size = own ? BLOCK_HEADER + size : arena->next_size;
	ArenaBlock *block = block_get(arena, block_size);
	char	   *result = (char *) block + BLOCK_HEADER;

	block->size = block_size;
	block->older = arena->newest;
	arena->newest = block;
	arena->held += block_size;
	if (!own)
	{
		arena->next_size = Min(block_size * 2, LARGEST_BLOCK);
		arena->next = result + size;
		arena->end = (char *) block + block_size;
	}
	return result;
}

void *
pulse_arena_alloc(PulseArena *arena, size_t size)
{
	char	   *result = arena->next;

	if (unlikely(size > MAX_REQUEST))
		return block_get(arena, size);	/* does not return */

#if defined(FRONTEND) && defined(__SANITIZE_ADDRESS__)
	/* a block for each request, unpadded: overruns are seen */
	{
		size_t		block_size = BLOCK_HEADER + size;
		ArenaBlock *block = block_get(arena, block_size);

		block->size = block_size;
		block->older = arena->newest;
		arena->newest = block;
		arena->held += block_size;
		return (char *) block + BLOCK_HEADER;
	}
#endif

	size = MAXALIGN(size);
	if (likely(size <= (size_t) (arena->end - result)))
	{
		arena->next = result + size;
		return result;
	}
	return alloc_block(arena, size);
}

void *
pulse_arena_zalloc(PulseArena *arena, size_t size)
{
	void	   *result = pulse_arena_alloc(arena, size);

	return memset(result, 0, size);
}

char *
pulse_arena_strndup(PulseArena *arena, const char *s, size_t len)
{
	char	   *result = pulse_arena_alloc(arena, len + 1);

	if (len > 0)
		memcpy(result, s, len);
	result[len] = '\0';
	return result;
}

char *
pulse_arena_strdup(PulseArena *arena, const char *s)
{
	return pulse_arena_strndup(arena, s, strlen(s));
}

char *
pulse_arena_printf(PulseArena *arena, const char *fmt,...)
{
	char		buf[256];
	va_list		ap;
	int			len;
	char	   *result;

	va_start(ap, fmt);
	len = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (len < 0)
		return pulse_arena_strdup(arena, "");
	if ((size_t) len < sizeof(buf))
		return pulse_arena_strndup(arena, buf, (size_t) len);

	result = pulse_arena_alloc(arena, (size_t) len + 1);
	va_start(ap, fmt);
	vsnprintf(result, (size_t) len + 1, fmt, ap);
	va_end(ap);
	return result;
}

void *
pulse_arena_grow(PulseArena *arena, const void *old, size_t old_size,
				 size_t new_size)
{
	void	   *result = pulse_arena_alloc(arena, new_size);

	if (old_size > 0)
		memcpy(result, old, old_size);
	return result;
}

size_t
pulse_arena_size(const PulseArena *arena)
{
	return arena->held;
}
