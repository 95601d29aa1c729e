/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For conf/list.c alone: a hash table of pointers, and the keyed hash that feeds it.
 * Open addressing with the whole hash beside each pointer: 16 bytes a slot, nothing else is
 * allocated, and a search compares keys only when all 64 bits agree. It owns no item. No lock:
 * the shard that holds the table has one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct IndexSlot {
    uint64_t hash;
    void *item;           /* NULL: free */
} IndexSlot;

/* All zero is an empty table. */
typedef struct Index {
    IndexSlot *slots;
    uint32_t size;        /* a power of two, or 0 */
    uint32_t used;
} Index;

/* What makes hashes unpredictable to whoever chooses names. */
typedef struct IndexKey {
    uint64_t a, b;
} IndexKey;

/* A random key from the kernel. */
void index_key_init(IndexKey *key);
/* SipHash with one round a word and three at the end. */
uint64_t index_hash(const IndexKey *key, const void *data, size_t size);

void index_clear(Index *index);
/* The item with this hash for which same(item, key) holds, or NULL. */
void *index_find(const Index *index, uint64_t hash, bool (*same)(const void *item, const void *key), const void *key);
/* The item must not be in it yet. */
void index_insert(Index *index, uint64_t hash, void *item);
/* The very item must be in it. */
void index_remove(Index *index, uint64_t hash, const void *item);
/* Puts `item` into the place of `old`, which must be in it. */
void index_replace(Index *index, uint64_t hash, const void *old, void *item);
