/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UUIDs from text, to text, and new ones.
 * Pure functions for any thread: no lock, no allocation; uuid_generate waits only while a machine
 * that has just booted has no randomness yet. */
#include "base/uuid.h"

#include <errno.h>
#include <sys/random.h>

#include <glib.h>

bool uuid_parse(const char *text, Uuid *uuid)
{
    Uuid parsed;

    while (g_ascii_isspace(*text))
        text++;
    for (size_t i = 0; i < sizeof parsed.bytes; i++) {
        int high, low;

        while (*text == '-' || *text == ' ')
            text++;
        high = g_ascii_xdigit_value(text[0]);
        low = high < 0 ? -1 : g_ascii_xdigit_value(text[1]);
        if (low < 0)
            return false;
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    while (g_ascii_isspace(*text))
        text++;
    if (*text)
        return false;
    *uuid = parsed;
    return true;
}

char *uuid_format(const Uuid *uuid, char text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *at = text;

    for (size_t i = 0; i < sizeof uuid->bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[uuid->bytes[i] >> 4];
        *at++ = digits[uuid->bytes[i] & 15];
    }
    *at = '\0';
    return text;
}

void uuid_generate(Uuid *uuid)
{
    ssize_t got;

    do
        got = getrandom(uuid->bytes, sizeof uuid->bytes, 0);
    while (got < 0 && errno == EINTR);
    g_assert(got == sizeof uuid->bytes);
    uuid->bytes[6] = (uuid->bytes[6] & 0x0f) | 0x40;
    uuid->bytes[8] = (uuid->bytes[8] & 0x3f) | 0x80;
}
