/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that belongs to one call and goes all at once.
 * An arena is used by one thread at a time and hands over with its call; it has no lock.
 * Allocation can't fail: running out of memory ends the process, as GLib does. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    uint8_t *at, *end;     /* what is left of the current block */
    ArenaBlock *blocks;    /* further blocks, newest first; freed by reset */
    uint8_t *first;        /* the first block: the owner's memory, or NULL */
    size_t first_size;
    size_t used;           /* bytes handed out since the last reset */
} Arena;

/* `first` (may be NULL, aligned to 16) is used before any block is allocated, and stays the caller's. */
void arena_init(Arena *arena, void *first, size_t first_size);
/* Gives everything back; the first block stays ready for use. */
void arena_reset(Arena *arena);

void *arena_alloc_slow(Arena *arena, size_t size);

/* Uninitialised, aligned to 16. */
static inline void *arena_alloc(Arena *arena, size_t size)
{
    size_t need = (size + 15) & ~(size_t)15;

    if (G_LIKELY(need >= size && need <= (size_t)(arena->end - arena->at))) {
        void *p = arena->at;

        arena->at += need;
        arena->used += need;
        return p;
    }
    return arena_alloc_slow(arena, size);
}

void *arena_zalloc(Arena *arena, size_t size);
/* n * size with the overflow checked: an overflow is a bug of ours and aborts. */
void *arena_array(Arena *arena, size_t n, size_t size);
/* NULL gives NULL. */
char *arena_strdup(Arena *arena, const char *text);
void *arena_memdup(Arena *arena, const void *data, size_t size);
char *arena_printf(Arena *arena, const char *format, ...) G_GNUC_PRINTF(2, 3);
