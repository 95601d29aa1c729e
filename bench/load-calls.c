/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loads: what each kind of call asks and how its traces are removed. Encoders run on the worker that owns the
 * slot, undo functions on the main thread when the workers have ended. No locks; nothing here waits but undo. */
#include "load-calls.h"

#include <stdio.h>

enum { STATS_STATE = 1, STATS_ALL = 0 };

static uint32_t next_random(Slot *slot)
{
    uint32_t x = slot->random;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return slot->random = x;
}

static const Domain *any_domain(Slot *slot)
{
    return slot->target->domains + next_random(slot) % slot->target->count;
}

static uint32_t encode_version(Slot *slot, Out *out)
{
    return PROC_LIB_VERSION;
}

static uint32_t encode_info(Slot *slot, Out *out)
{
    const Domain *domain = any_domain(slot);

    out_bytes(out, domain->handle, domain->handle_len);
    return PROC_INFO;
}

static uint32_t encode_lookup_name(Slot *slot, Out *out)
{
    out_string(out, any_domain(slot)->name);
    return PROC_LOOKUP_NAME;
}

static uint32_t encode_lookup_uuid(Slot *slot, Out *out)
{
    out_bytes(out, any_domain(slot)->uuid, 16);
    return PROC_LOOKUP_UUID;
}

static uint32_t encode_lookup_id(Slot *slot, Out *out)
{
    out_u32(out, (uint32_t)slot->target->running[next_random(slot) % slot->target->running_count]->id);
    return PROC_LOOKUP_ID;
}

static uint32_t encode_list(Slot *slot, Out *out)
{
    out_u32(out, 1);
    out_u32(out, 0);
    return PROC_LIST_ALL;
}

static uint32_t encode_dumpxml(Slot *slot, Out *out)
{
    const Domain *domain = any_domain(slot);

    out_bytes(out, domain->handle, domain->handle_len);
    out_u32(out, 0);
    return PROC_DUMPXML;
}

static uint32_t encode_stats(Out *out, uint32_t groups)
{
    out_u32(out, 0);
    out_u32(out, groups);
    out_u32(out, 0);
    return PROC_STATS;
}

static uint32_t encode_domstats(Slot *slot, Out *out)
{
    return encode_stats(out, STATS_STATE);
}

static uint32_t encode_domstats_all(Slot *slot, Out *out)
{
    return encode_stats(out, STATS_ALL);
}

static uint32_t encode_define_of(Slot *slot, Out *out, const OwnDomain *domain)
{
    out_document(out, slot->target, domain);
    return PROC_DEFINE;
}

static uint32_t encode_define(Slot *slot, Out *out)
{
    OwnDomain domain = own_domain(slot->prefix, slot->number + 1, slot->turn);

    return encode_define_of(slot, out, &domain);
}

static uint32_t encode_redefine(Slot *slot, Out *out)
{
    OwnDomain domain = own_domain(slot->prefix, slot->number + 1, 0);

    return encode_define_of(slot, out, &domain);
}

static uint32_t encode_define_undefine(Slot *slot, Out *out)
{
    OwnDomain domain = own_domain(slot->prefix, slot->number + 1, slot->turn / 2);

    if (slot->turn % 2 == 0)
        return encode_define_of(slot, out, &domain);
    out_handle(out, &domain);
    return PROC_UNDEFINE;
}

static uint32_t encode_fill(Slot *slot, Out *out)
{
    uint32_t number = slot->turn * slot->stride + slot->number;

    if (number >= slot->limit)
        return 0;
    OwnDomain domain = own_domain(slot->prefix, 0, number);
    return encode_define_of(slot, out, &domain);
}

static uint32_t encode_start_destroy(Slot *slot, Out *out)
{
    const Domain *domain = slot->target->stopped[slot->number];

    out_bytes(out, domain->handle, domain->handle_len);
    return slot->turn % 2 == 0 ? PROC_CREATE : PROC_DESTROY;
}

static uint32_t encode_connect(Slot *slot, Out *out)
{
    switch (slot->turn % 3) {
    case 0:
        return PROC_AUTH_LIST;
    case 1:
        out_u32(out, 1);
        out_string(out, slot->target->uri);
        out_u32(out, 0);
        return PROC_OPEN;
    default:
        return PROC_CLOSE;
    }
}

/* What a busy host's clients ask when they don't list: of 20 calls 10 info, 6 lookups, 2 versions, 2 documents. */
static uint32_t encode_mixed(Slot *slot, Out *out)
{
    uint32_t pick = next_random(slot) % 20;

    if (pick < 10)
        return encode_info(slot, out);
    if (pick < 13)
        return encode_lookup_name(slot, out);
    if (pick < 16)
        return encode_lookup_uuid(slot, out);
    return pick < 18 ? encode_version(slot, out) : encode_dumpxml(slot, out);
}

/* Of 20 calls one list and one of statistics, of all domains; the rest is quick. */
static uint32_t encode_noise(Slot *slot, Out *out)
{
    uint32_t pick = next_random(slot) % 20;

    if (pick == 0)
        return encode_list(slot, out);
    return pick == 1 ? encode_domstats(slot, out) : encode_info(slot, out);
}

/* Sends a call about one domain and doesn't mind its failing: undoing what may not have been done. */
static void quiet_call(int fd, uint32_t procedure, const uint8_t *handle, size_t len)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    Out out = { 0 };
    size_t begin = frame_begin(&out, procedure, 9);

    out_bytes(&out, handle, len);
    frame_end(&out, begin);
    g_free(wire_call(fd, &out, body));
    out_clear(&out);
}

/* Undefines the first @count domains of the slot's series, so many calls at a time that it doesn't take as long again. */
static void undefine_series(Slot *slot, int fd, uint32_t count)
{
    enum { AT_ONCE = 32 };
    g_autoptr(GByteArray) body = g_byte_array_new();
    Out out = { 0 };
    FrameHead head;

    for (uint32_t i = 0; i < count; i += AT_ONCE) {
        uint32_t last = MIN(count, i + AT_ONCE);
        for (uint32_t j = i; j < last; j++) {
            OwnDomain domain = own_domain(slot->prefix, slot->number + 1, j);
            size_t begin = frame_begin(&out, PROC_UNDEFINE, j);
            out_handle(&out, &domain);
            frame_end(&out, begin);
        }
        if (!wire_send(fd, &out))
            break;
        for (uint32_t j = i; j < last; j++)
            if (!wire_receive(fd, &head, body))
                fail("the connection broke while domains of the load were undefined");
    }
    out_clear(&out);
}

static void undo_define(Slot *slot, int fd)
{
    undefine_series(slot, fd, slot->turn);
}

static void undo_redefine(Slot *slot, int fd)
{
    undefine_series(slot, fd, 1);
}

static void undo_define_undefine(Slot *slot, int fd)
{
    if (slot->turn % 2 == 0)
        return;
    OwnDomain domain = own_domain(slot->prefix, slot->number + 1, slot->turn / 2);
    Out out = { 0 };
    out_handle(&out, &domain);
    quiet_call(fd, PROC_UNDEFINE, out.data, out.len);
    out_clear(&out);
}

static void undo_start_destroy(Slot *slot, int fd)
{
    const Domain *domain = slot->target->stopped[slot->number];

    if (slot->turn % 2 == 1)
        quiet_call(fd, PROC_DESTROY, domain->handle, domain->handle_len);
}

static const Load loads[] = {
    { "version", "getLibVersion: nothing but the way there and back", encode_version, 8 },
    { "info", "state, memory and CPU time of one domain", encode_info, 32 },
    { "lookup-name", "a domain by its name", encode_lookup_name, 24 },
    { "lookup-uuid", "a domain by its UUID", encode_lookup_uuid, 24 },
    { "lookup-id", "a running domain by its id", encode_lookup_id, 24, .needs_running = true },
    { "listall", "the handles of all domains", encode_list, 8 + 28 },
    { "dumpxml", "the document of one domain", encode_dumpxml, 64 },
    { "domstats", "the state group of all domains", encode_domstats, 4 + 28 },
    { "domstats-all", "all groups of statistics of all domains", encode_domstats_all, 4 + 28 },
    { "define", "a new domain each time (undefined after the run)", encode_define, 24, .undo = undo_define },
    { "redefine", "the same domain again", encode_redefine, 24, .undo = undo_redefine },
    { "define-undefine", "a new domain, then away with it", encode_define_undefine, 0, .undo = undo_define_undefine },
    { "start-destroy", "a stopped domain of its own: start, destroy", encode_start_destroy, 0, .needs_stopped = true,
      .undo = undo_start_destroy },
    { "connect", "connect, list authentication, open, close", encode_connect, 0, .steps = 3, .reconnects = true },
    { "mixed", "info, lookups, versions and documents", encode_mixed, 8 },
    { "noise", "of 20 calls a list and statistics of all domains, and 18 info", encode_noise, 8 },
    { NULL },
};

const Load load_fill = { "fill", "domains that stay", encode_fill, 24 };

const Load *load_table(void)
{
    return loads;
}

const Load *load_find(const char *name)
{
    for (const Load *load = loads; load->name; load++)
        if (strcmp(load->name, name) == 0)
            return load;
    return NULL;
}
