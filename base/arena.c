/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that belongs to one call and goes all at once: what happens when the first block is full.
 * Runs on whichever thread owns the arena; takes no lock and never waits.
 * Blocks grow with what was used. Each thread keeps one block of ordinary size that a reset left
 * over, so that calls that follow each other don't go to malloc; larger blocks go back at once, so
 * that one huge list makes neither a thread nor an idle client heavy. */
#include "base/arena.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_LEAST ((size_t)8 << 10)
#define BLOCK_MOST ((size_t)1 << 20)     /* a block holds more only for one allocation that needs it */
#define SPARE_MOST ((size_t)256 << 10)   /* a thread keeps no block above this */

struct ArenaBlock {
    ArenaBlock *next;    /* older */
    size_t size;         /* of data */
    _Alignas(16) uint8_t data[];
};

/* The block this thread has left over; given back when the thread ends. */
static GPrivate thread_spare = G_PRIVATE_INIT(g_free);

void arena_init(Arena *arena, void *first, size_t first_size)
{
    g_assert(((uintptr_t)first & 15) == 0);
    /* Whole units of what an allocation is rounded to, so that what seems to fit does. */
    *arena = (Arena){ .first = first, .first_size = first ? first_size & ~(size_t)15 : 0 };
    arena->at = arena->first;
    arena->end = arena->first ? arena->first + arena->first_size : NULL;
}

static void arena_block_retire(ArenaBlock *block)
{
    ArenaBlock *spare;

    if (block->size > SPARE_MOST) {
        g_free(block);
        return;
    }
    spare = g_private_get(&thread_spare);
    if (spare && spare->size >= block->size) {
        g_free(block);
        return;
    }
    g_free(spare);
    g_private_set(&thread_spare, block);
}

static ArenaBlock *arena_block_new(size_t size)
{
    ArenaBlock *spare = g_private_get(&thread_spare);
    ArenaBlock *block;

    if (spare && spare->size >= size) {
        g_private_set(&thread_spare, NULL);
        return spare;
    }
    block = g_malloc(sizeof *block + size);
    block->size = size;
    return block;
}

void arena_reset(Arena *arena)
{
    arena->at = arena->first;
    arena->end = arena->first ? arena->first + arena->first_size : NULL;
    arena->used = 0;
    if (G_LIKELY(!arena->blocks))
        return;
    while (arena->blocks) {
        ArenaBlock *block = arena->blocks;

        arena->blocks = block->next;
        arena_block_retire(block);
    }
}

/* As much again as was used so far, in powers of two. */
static size_t arena_next_size(const Arena *arena)
{
    size_t size = BLOCK_LEAST;

    while (size < arena->used && size < BLOCK_MOST)
        size *= 2;
    return size;
}

void *arena_alloc_slow(Arena *arena, size_t size)
{
    size_t need, block_size = arena_next_size(arena);
    ArenaBlock *block;

    if (size > SIZE_MAX / 2)
        g_error("an allocation of %zu bytes in an arena", size);
    need = (size + 15) & ~(size_t)15;
    block = arena_block_new(MAX(need, block_size));
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used += need;
    /* What is the smaller rest, of the old block or of the new one, is given up. */
    if (block->size - need >= (size_t)(arena->end - arena->at)) {
        arena->at = block->data + need;
        arena->end = block->data + block->size;
    }
    return block->data;
}

void *arena_zalloc(Arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

void *arena_array(Arena *arena, size_t n, size_t size)
{
    size_t bytes;

    if (!g_size_checked_mul(&bytes, n, size))
        g_error("an array of %zu × %zu bytes in an arena", n, size);
    return arena_alloc(arena, bytes);
}

char *arena_strdup(Arena *arena, const char *text)
{
    return text ? arena_memdup(arena, text, strlen(text) + 1) : NULL;
}

void *arena_memdup(Arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size);

    if (size)
        memcpy(copy, data, size);
    return copy;
}

/* Tries the rest of the current block first: most texts are short, and then one pass is enough. */
char *arena_printf(Arena *arena, const char *format, ...)
{
    size_t left = arena->end - arena->at;
    char *text = (char *)arena->at;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(left ? text : NULL, left, format, args);
    va_end(args);
    g_assert(length >= 0);
    if ((size_t)length < left)
        return arena_alloc(arena, (size_t)length + 1);
    text = arena_alloc(arena, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}
