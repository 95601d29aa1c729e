/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of small numbers: from the text of a document and back, and how two of them lie to each other.
 * Pure functions, any thread. A set is a bitmap of fixed size: it may stand on the stack. */
#include "conf/cpuset.h"

#include <string.h>

#include <glib.h>

#define WORDS (CPUSET_SIZE / 64)

/* --- text ------------------------------------------------------------------------------------ */

static const char *skip_space(const char *text)
{
    while (g_ascii_isspace(*text))
        text++;
    return text;
}

/* A number at `*at`, which moves behind it and the white space after it. */
static bool take_number(const char **at, unsigned *number)
{
    unsigned value = 0;

    if (!g_ascii_isdigit(**at))
        return false;
    for (; g_ascii_isdigit(**at); (*at)++) {
        value = value * 10 + (unsigned)(**at - '0');
        if (value >= CPUSET_SIZE)
            return false;
    }
    *at = skip_space(*at);
    *number = value;
    return true;
}

/* The bits of a word from `first` to `last`, both within it. */
static uint64_t mask_of(unsigned first, unsigned last)
{
    return ~UINT64_C(0) << first & ~UINT64_C(0) >> (63 - last);
}

static void put_range(CpuSet *set, unsigned first, unsigned last, bool is_in)
{
    for (unsigned i = first / 64; i <= last / 64; i++) {
        uint64_t mask = mask_of(i == first / 64 ? first % 64 : 0, i == last / 64 ? last % 64 : 63);

        set->words[i] = is_in ? set->words[i] | mask : set->words[i] & ~mask;
    }
}

/* One "5", "^5" or "5-7" at `*at`. */
static bool take_range(const char **at, CpuSet *set)
{
    unsigned first, last;
    bool without = **at == '^';

    if (without)
        (*at)++;
    if (!take_number(at, &first))
        return false;
    last = first;
    if (!without && **at == '-') {
        *at = skip_space(*at + 1);
        if (!take_number(at, &last) || last < first)
            return false;
    }
    put_range(set, first, last, !without);
    return true;
}

bool cpuset_parse(const char *text, CpuSet *set)
{
    const char *at = skip_space(text);
    bool good;

    memset(set, 0, sizeof *set);
    do
        good = take_range(&at, set);
    while (good && *at == ',' && *(at = skip_space(at + 1)) != '\0');
    return good && *at == '\0';
}

/* The last of the numbers that follow `first`, which is in the set, without a gap. */
static unsigned end_of_range(const CpuSet *set, unsigned first)
{
    unsigned i = first / 64;
    uint64_t missing = ~set->words[i] & mask_of(first % 64, 63);

    while (missing == 0) {
        if (++i == WORDS)
            return CPUSET_SIZE - 1;
        missing = ~set->words[i];
    }
    return i * 64 + (unsigned)__builtin_ctzll(missing) - 1;
}

const char *cpuset_format(const CpuSet *set, Arena *arena)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int first = cpuset_next(set, 0);

    while (first >= 0) {
        unsigned last = end_of_range(set, (unsigned)first);

        g_string_append_printf(text, text->len ? ",%d" : "%d", first);
        if (last > (unsigned)first)
            g_string_append_printf(text, "-%u", last);
        first = cpuset_next(set, last + 1);
    }
    return arena_strdup(arena, text->str);
}

/* --- sets ------------------------------------------------------------------------------------ */

bool cpuset_contains(const CpuSet *set, unsigned number)
{
    return number < CPUSET_SIZE && (set->words[number / 64] >> number % 64 & 1);
}

int cpuset_next(const CpuSet *set, unsigned from)
{
    for (unsigned i = from / 64; i < WORDS; i++) {
        uint64_t word = set->words[i];

        if (i == from / 64)
            word &= mask_of(from % 64, 63);
        if (word)
            return (int)(i * 64) + __builtin_ctzll(word);
    }
    return -1;
}

bool cpuset_overlaps(const CpuSet *a, const CpuSet *b)
{
    for (unsigned i = 0; i < WORDS; i++)
        if (a->words[i] & b->words[i])
            return true;
    return false;
}

bool cpuset_covers(const CpuSet *whole, const CpuSet *part)
{
    for (unsigned i = 0; i < WORDS; i++)
        if (part->words[i] & ~whole->words[i])
            return false;
    return true;
}

void cpuset_unite(CpuSet *set, const CpuSet *more)
{
    for (unsigned i = 0; i < WORDS; i++)
        set->words[i] |= more->words[i];
}

void cpuset_limit(CpuSet *set, unsigned limit)
{
    for (unsigned i = limit / 64; i < WORDS; i++)
        set->words[i] &= i == limit / 64 ? ~(~UINT64_C(0) << limit % 64) : 0;
}
