/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/uuid.c promises about text and randomness. */
#include "base/uuid.h"

#include <glib.h>

#define TEXT "6695eb01-f6a4-8304-79aa-97f2502e193f"

static void text_goes_in_and_comes_out_the_same(void)
{
    char text[UUID_TEXT_SIZE];
    Uuid uuid;

    g_assert_true(uuid_parse(TEXT, &uuid));
    g_assert_cmpuint(uuid.bytes[0], ==, 0x66);
    g_assert_cmpuint(uuid.bytes[15], ==, 0x3f);
    g_assert_cmpstr(uuid_format(&uuid, text), ==, TEXT);
}

static void every_spelling_clients_use_is_understood(void)
{
    static const char *const spellings[] = {
        "6695eb01f6a4830479aa97f2502e193f", "6695EB01-F6A4-8304-79AA-97F2502E193F", ("  " TEXT "\n"),
        "66-95-eb-01f6a4830479aa97f250--2e193f", "\t6695eb01f6a4-8304-79aa97f2502e193f ", ("-" TEXT), "6695eb01 f6a4 8304 79aa 97f2502e193f",
    };
    Uuid expected, uuid;

    g_assert_true(uuid_parse(TEXT, &expected));
    for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++) {
        memset(&uuid, 0, sizeof uuid);
        g_assert_true(uuid_parse(spellings[i], &uuid));
        g_assert_true(uuid_equal(&uuid, &expected));
    }
}

static void what_is_no_uuid_is_refused_and_changes_nothing(void)
{
    static const char *const wrong[] = {
        "", " ", "zz", "6695eb01-f6a4-8304-79aa-97f2502e193", (TEXT "0"), (TEXT "-"), (TEXT " x"),
        "6-695eb01f6a4830479aa97f2502e193f", "6695eb01-f6a4-8304-79aa-97f2502e193g", "6",
    };
    Uuid uuid, before;

    memset(&before, 0xa5, sizeof before);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        uuid = before;
        if (uuid_parse(wrong[i], &uuid))
            g_error("'%s' was taken for a UUID", wrong[i]);
        g_assert_true(uuid_equal(&uuid, &before));
    }
}

static void new_ones_are_random_and_of_version_4(void)
{
    enum { COUNT = 1000 };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    char text[UUID_TEXT_SIZE];
    Uuid uuid;

    for (int i = 0; i < COUNT; i++) {
        uuid_generate(&uuid);
        uuid_format(&uuid, text);
        g_assert_cmpint(text[14], ==, '4');
        g_assert_nonnull(strchr("89ab", text[19]));
        g_assert_true(g_hash_table_add(seen, g_strdup(text)));
    }
}

static void hashes_of_neighbours_spread_over_64_shards(void)
{
    enum { COUNT = 64 * 100 };

    for (size_t byte = 0; byte < 15; byte++) {
        unsigned shards[64] = { 0 };
        Uuid uuid = { 0 };

        for (unsigned i = 0; i < COUNT; i++) {
            uuid.bytes[byte] = (uint8_t)(i >> 8);
            uuid.bytes[byte + 1] = (uint8_t)i;
            shards[uuid_hash(&uuid) % 64]++;
        }
        for (int i = 0; i < 64; i++) {
            g_assert_cmpuint(shards[i], >, 25);
            g_assert_cmpuint(shards[i], <, 400);
        }
    }
}

#define ADD(name) g_test_add_func("/base/uuid/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(text_goes_in_and_comes_out_the_same);
    ADD(every_spelling_clients_use_is_understood);
    ADD(what_is_no_uuid_is_refused_and_changes_nothing);
    ADD(new_ones_are_random_and_of_version_4);
    ADD(hashes_of_neighbours_spread_over_64_shards);
    return g_test_run();
}
