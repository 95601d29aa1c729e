/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hash tables of the domain list. Linear probing; a removal moves later items of the same
 * run back, so that there are no tombstones and a search ends at the first free slot. At most
 * three quarters are used, and a table that has become nearly empty shrinks.
 * Runs under the lock of the shard that holds the table; takes none. */
#include "conf/index.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <glib.h>

#define INDEX_SMALLEST 8u

void index_key_init(IndexKey *key)
{
    ssize_t got;

    do
        got = getrandom(key, sizeof *key, 0);
    while (got < 0 && errno == EINTR);
    g_assert(got == (ssize_t)sizeof *key);
}

static uint64_t rotate(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t index_hash(const IndexKey *key, const void *data, size_t size)
{
    uint64_t v[4] = {
        key->a ^ UINT64_C(0x736f6d6570736575),
        key->b ^ UINT64_C(0x646f72616e646f6d),
        key->a ^ UINT64_C(0x6c7967656e657261),
        key->b ^ UINT64_C(0x7465646279746573),
    };
    const uint8_t *at = data;
    uint64_t word;

    for (size_t left = size; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sip_word(v, word);
    }
    word = 0;
    memcpy(&word, at, size % sizeof word);
    sip_word(v, word | (uint64_t)size << 56);
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void index_clear(Index *index)
{
    g_free(index->slots);
    *index = (Index){ NULL, 0, 0 };
}

void *index_find(const Index *index, uint64_t hash, bool (*same)(const void *item, const void *key), const void *key)
{
    if (index->used == 0)
        return NULL;

    uint32_t mask = index->size - 1;

    for (uint32_t i = hash & mask; index->slots[i].item; i = (i + 1) & mask) {
        const IndexSlot *slot = &index->slots[i];

        if (slot->hash == hash && same(slot->item, key))
            return slot->item;
    }
    return NULL;
}

static void put(IndexSlot *slots, uint32_t mask, uint64_t hash, void *item)
{
    uint32_t i = hash & mask;

    while (slots[i].item)
        i = (i + 1) & mask;
    slots[i] = (IndexSlot){ hash, item };
}

static void resize(Index *index, uint32_t size)
{
    IndexSlot *slots = g_new0(IndexSlot, size);

    for (uint32_t i = 0; i < index->size; i++) {
        if (index->slots[i].item)
            put(slots, size - 1, index->slots[i].hash, index->slots[i].item);
    }
    g_free(index->slots);
    index->slots = slots;
    index->size = size;
}

void index_insert(Index *index, uint64_t hash, void *item)
{
    g_assert(item);
    if ((index->used + 1) * 4 > index->size * 3)
        resize(index, MAX(index->size * 2, INDEX_SMALLEST));
    put(index->slots, index->size - 1, hash, item);
    index->used++;
}

static uint32_t place_of(const Index *index, uint64_t hash, const void *item)
{
    g_assert(index->used > 0);

    uint32_t mask = index->size - 1;
    uint32_t i = hash & mask;

    while (index->slots[i].item != item) {
        g_assert(index->slots[i].item);
        i = (i + 1) & mask;
    }
    return i;
}

/* The hole travels to the end of its run: an item may fill it when its own first place is
 * not between the hole and where it stands. */
static void close_hole(Index *index, uint32_t hole)
{
    uint32_t mask = index->size - 1;

    for (uint32_t i = (hole + 1) & mask; index->slots[i].item; i = (i + 1) & mask) {
        uint32_t home = index->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            index->slots[hole] = index->slots[i];
            hole = i;
        }
    }
    index->slots[hole] = (IndexSlot){ 0, NULL };
}

void index_remove(Index *index, uint64_t hash, const void *item)
{
    close_hole(index, place_of(index, hash, item));
    index->used--;
    if (index->used == 0)
        index_clear(index);
    else if (index->size > INDEX_SMALLEST && index->used * 8 < index->size)
        resize(index, index->size / 2);
}

void index_replace(Index *index, uint64_t hash, const void *old, void *item)
{
    index->slots[place_of(index, hash, old)].item = item;
}
