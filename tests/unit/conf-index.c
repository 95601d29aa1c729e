/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/index.h promises: what was put in and not taken out is found, whatever the order. */
#include "conf/index.h"

#include <string.h>

#include <glib.h>

static bool same_number(const void *item, const void *key)
{
    return *(const unsigned *)item == *(const unsigned *)key;
}

/* All in a few runs, so that they collide, wrap around and move back. */
static uint64_t bad_hash(unsigned n)
{
    return n % 5;
}

static void *find(const Index *index, unsigned n)
{
    return index_find(index, bad_hash(n), same_number, &n);
}

static void empty_table_finds_nothing(void)
{
    Index index = { 0 };

    g_assert_null(find(&index, 3));
}

static void random_inserts_and_removals_leave_what_is_left(void)
{
    enum { N = 300 };
    Index index = { 0 };
    unsigned items[N];
    bool in[N] = { false };

    for (unsigned i = 0; i < N; i++)
        items[i] = i;
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)g_test_rand_int_range(0, N);

        if (in[i])
            index_remove(&index, bad_hash(i), &items[i]);
        else
            index_insert(&index, bad_hash(i), &items[i]);
        in[i] = !in[i];
        i = (unsigned)g_test_rand_int_range(0, N);
        g_assert_true(find(&index, i) == (in[i] ? &items[i] : NULL));
    }
    for (unsigned i = 0; i < N; i++)
        g_assert_true(find(&index, i) == (in[i] ? &items[i] : NULL));
    index_clear(&index);
}

static void table_shrinks_when_it_empties(void)
{
    enum { N = 1000 };
    Index index = { 0 };
    unsigned items[N];

    for (unsigned i = 0; i < N; i++) {
        items[i] = i;
        index_insert(&index, i * UINT64_C(0x9e3779b97f4a7c15), &items[i]);
    }
    g_assert_cmpuint(index.size, >=, N);
    for (unsigned i = 0; i < N; i++)
        index_remove(&index, i * UINT64_C(0x9e3779b97f4a7c15), &items[i]);
    g_assert_null(index.slots);
}

static void replaced_item_stands_for_the_old_one(void)
{
    Index index = { 0 };
    unsigned old = 4, new = 4;

    index_insert(&index, bad_hash(4), &old);
    index_replace(&index, bad_hash(4), &old, &new);
    g_assert_true(find(&index, 4) == &new);
    index_remove(&index, bad_hash(4), &new);
    g_assert_null(find(&index, 4));
}

/* Names that differ in one character at the end fill all 128 shards evenly. */
static void hash_spreads_similar_names(void)
{
    enum { SHARDS = 128, N = SHARDS * 100 };
    unsigned shards[SHARDS] = { 0 };
    IndexKey key;

    index_key_init(&key);
    for (unsigned i = 0; i < N; i++) {
        char name[16];

        g_snprintf(name, sizeof name, "vm-%u", i);
        shards[(index_hash(&key, name, strlen(name)) >> 32) % SHARDS]++;
    }
    for (unsigned i = 0; i < SHARDS; i++) {
        g_assert_cmpuint(shards[i], >, 30);
        g_assert_cmpuint(shards[i], <, 190);
    }
}

static void hash_depends_on_the_key_and_every_byte(void)
{
    IndexKey a, b;
    uint8_t data[24] = { 0 };
    uint64_t plain;

    index_key_init(&a);
    index_key_init(&b);
    plain = index_hash(&a, data, sizeof data);
    g_assert_cmphex(plain, !=, index_hash(&b, data, sizeof data));
    for (size_t i = 0; i < sizeof data; i++) {
        g_assert_cmphex(index_hash(&a, data, i), !=, plain);
        data[i] = 1;
        g_assert_cmphex(index_hash(&a, data, sizeof data), !=, plain);
        data[i] = 0;
    }
    g_assert_cmphex(index_hash(&a, data, sizeof data), ==, plain);
}

#define TEST(function) g_test_add_func("/conf/index/" #function, function)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(empty_table_finds_nothing);
    TEST(random_inserts_and_removals_leave_what_is_left);
    TEST(table_shrinks_when_it_empties);
    TEST(replaced_item_stands_for_the_old_one);
    TEST(hash_spreads_similar_names);
    TEST(hash_depends_on_the_key_and_every_byte);
    return g_test_run();
}
