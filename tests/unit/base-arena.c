/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What base/arena.c promises: alignment, no overlap, everything back at once, the first block kept. */
#include "base/arena.h"

#include <string.h>

static void what_is_allocated_is_aligned_and_does_not_overlap(void)
{
    enum { COUNT = 2000 };
    _Alignas(16) uint8_t first[512];
    uint8_t *parts[COUNT];
    Arena arena;

    arena_init(&arena, first, sizeof first);
    for (int i = 0; i < COUNT; i++) {
        parts[i] = arena_alloc(&arena, (size_t)(i % 97));
        g_assert_cmpuint((uintptr_t)parts[i] & 15, ==, 0);
        memset(parts[i], i & 0xff, (size_t)(i % 97));
    }
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < i % 97; j++)
            g_assert_cmpuint(parts[i][j], ==, i & 0xff);
    arena_reset(&arena);
}

static void the_first_block_is_used_first_and_again_after_a_reset(void)
{
    _Alignas(16) uint8_t first[256];
    Arena arena;

    arena_init(&arena, first, sizeof first);
    g_assert_true(arena_alloc(&arena, 256) == first);
    g_assert_false(arena_alloc(&arena, 16) == first);
    arena_reset(&arena);
    g_assert_true(arena_alloc(&arena, 1) == first);
    g_assert_cmpuint(arena.used, ==, 16);
    arena_reset(&arena);
}

static void an_arena_without_first_block_serves_too(void)
{
    Arena arena;

    arena_init(&arena, NULL, 0);
    g_assert_nonnull(arena_alloc(&arena, 0x100));
    arena_reset(&arena);
    g_assert_null(arena.blocks);
    g_assert_nonnull(arena_alloc(&arena, 1));
    arena_reset(&arena);
}

static void a_reset_gives_every_block_back(void)
{
    Arena arena;

    arena_init(&arena, NULL, 0);
    for (int i = 0; i < 100; i++)
        memset(arena_alloc(&arena, 100000), i, 100000);
    g_assert_cmpuint(arena.used, ==, 100 * 100000);
    arena_reset(&arena);
    g_assert_null(arena.blocks);
    g_assert_cmpuint(arena.used, ==, 0);
}

static void a_block_is_kept_for_the_next_call_of_the_thread(void)
{
    Arena arena, other;
    void *block;

    arena_init(&arena, NULL, 0);
    arena_init(&other, NULL, 0);
    block = arena_alloc(&arena, 1000);
    arena_reset(&arena);
    g_assert_true(arena_alloc(&other, 1000) == block);
    arena_reset(&other);
}

static void a_large_allocation_leaves_the_rest_of_the_block_in_use(void)
{
    _Alignas(16) uint8_t first[4096];
    uint8_t *small;
    Arena arena;

    arena_init(&arena, first, sizeof first);
    small = arena_alloc(&arena, 16);
    memset(arena_alloc(&arena, (size_t)3 << 20), 1, (size_t)3 << 20);
    g_assert_true(arena_alloc(&arena, 16) == small + 16);
    arena_reset(&arena);
}

static void zalloc_clears_what_was_used_before(void)
{
    _Alignas(16) uint8_t first[64];
    uint8_t *zeros;
    Arena arena;

    memset(first, 0xff, sizeof first);
    arena_init(&arena, first, sizeof first);
    zeros = arena_zalloc(&arena, 40);
    for (int i = 0; i < 40; i++)
        g_assert_cmpuint(zeros[i], ==, 0);
}

static void texts_and_bytes_are_copied(void)
{
    Arena arena;
    char *text;

    arena_init(&arena, NULL, 0);
    text = arena_strdup(&arena, "hello");
    g_assert_cmpstr(text, ==, "hello");
    g_assert_null(arena_strdup(&arena, NULL));
    g_assert_cmpmem(arena_memdup(&arena, "a\0b", 3), 3, "a\0b", 3);
    g_assert_nonnull(arena_memdup(&arena, NULL, 0));
    arena_reset(&arena);
}

static void printf_fits_at_every_rest_of_a_block(void)
{
    for (size_t rest = 0; rest <= 64; rest += 16) {
        _Alignas(16) uint8_t first[64];
        Arena arena;

        arena_init(&arena, first, sizeof first);
        arena_alloc(&arena, sizeof first - rest);
        g_assert_cmpstr(arena_printf(&arena, "%s-%d", "fifteen letters", 42), ==, "fifteen letters-42");
        g_assert_cmpstr(arena_printf(&arena, "%s", ""), ==, "");
        arena_reset(&arena);
    }
}

static void an_array_whose_size_overflows_aborts(void)
{
    if (g_test_subprocess()) {
        Arena arena;

        arena_init(&arena, NULL, 0);
        arena_array(&arena, SIZE_MAX / 4, 8);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*an array of*");
}

static void an_allocation_of_half_the_address_space_aborts(void)
{
    if (g_test_subprocess()) {
        Arena arena;

        arena_init(&arena, NULL, 0);
        arena_alloc(&arena, SIZE_MAX - 3);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*an allocation of*");
}

#define ADD(name) g_test_add_func("/base/arena/" #name, name)

/* A text that fits into the rest of a block, but not with what an allocation is rounded to. */
static void a_text_is_whole_at_the_end_of_an_uneven_block(void)
{
    uint8_t first[64] __attribute__((aligned(16)));

    for (size_t size = 1; size <= sizeof first; size++)
        for (int length = 0; length < 70; length++) {
            Arena arena;
            char *text;

            arena_init(&arena, first, size);
            text = arena_printf(&arena, "%*s", length, "x");
            g_assert_cmpuint(strlen(text), ==, MAX(length, 1));
            g_assert_cmpint(text[MAX(length, 1) - 1], ==, 'x');
            arena_reset(&arena);
        }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(what_is_allocated_is_aligned_and_does_not_overlap);
    ADD(the_first_block_is_used_first_and_again_after_a_reset);
    ADD(an_arena_without_first_block_serves_too);
    ADD(a_reset_gives_every_block_back);
    ADD(a_block_is_kept_for_the_next_call_of_the_thread);
    ADD(a_large_allocation_leaves_the_rest_of_the_block_in_use);
    ADD(zalloc_clears_what_was_used_before);
    ADD(texts_and_bytes_are_copied);
    ADD(printf_fits_at_every_rest_of_a_block);
    ADD(a_text_is_whole_at_the_end_of_an_uneven_block);
    ADD(an_array_whose_size_overflows_aborts);
    ADD(an_allocation_of_half_the_address_space_aborts);
    return g_test_run();
}
