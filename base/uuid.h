/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UUIDs stay 16 bytes; text is made only for people. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define UUID_TEXT_SIZE 37

typedef struct Uuid {
    uint8_t bytes[16];
} Uuid;

/* libuuid has functions with these two names, and Xen's libraries call them: what droverd exports to its modules would
 * take their place, so the linker is given others. */
#define uuid_parse drover_uuid_parse
#define uuid_generate drover_uuid_generate

/* Accepts 32 hex digits with '-' and ' ' anywhere before a byte and white space around, as libvirt's
 * clients send it; false leaves *uuid alone. */
bool uuid_parse(const char *text, Uuid *uuid);
/* Lower case with dashes; returns `text`. */
char *uuid_format(const Uuid *uuid, char text[UUID_TEXT_SIZE]);
/* A random one (version 4). */
void uuid_generate(Uuid *uuid);

static inline bool uuid_equal(const Uuid *a, const Uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Spreads also those that differ in a few bits only, wherever these are: each multiplication
 * carries a difference up, each shift brings it down again. */
static inline uint64_t uuid_hash(const Uuid *uuid)
{
    uint64_t a, b;

    memcpy(&a, uuid->bytes, 8);
    memcpy(&b, uuid->bytes + 8, 8);
    a = (a ^ (a >> 32)) * UINT64_C(0x9e3779b97f4a7c15) ^ b;
    a = (a ^ (a >> 32)) * UINT64_C(0xff51afd7ed558ccd);
    a = (a ^ (a >> 29)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return a ^ (a >> 32);
}
