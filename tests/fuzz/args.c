/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzzes every generated decoder: arguments as the server reads them, results and messages as a client does.
 * Byte 0 picks the program, bytes 1 and 2 the procedure, bit 7 of byte 0 the direction; the rest is the message.
 * What decodes is encoded, and that encoding must decode completely and encode to the same bytes again. */
#include <stdlib.h>

#include <glib.h>

#include "rpc/admin-client.h"
#include "rpc/admin-rows.h"
#include "rpc/lxc-client.h"
#include "rpc/lxc-rows.h"
#include "rpc/proc.h"
#include "rpc/qemu-client.h"
#include "rpc/qemu-rows.h"
#include "rpc/remote-client.h"
#include "rpc/remote-rows.h"

#define HEAD 3
#define FROM_SERVER 0x80

typedef struct Way {
    bool (*decode)(XdrIn *in, void *value);
    bool (*encode)(XdrOut *out, const void *value);
    size_t size;
} Way;

static const struct {
    const Program *program;
    const ClientProc *client;
} programs[] = {
    { &remote_program, remote_client }, { &qemu_program, qemu_client }, { &lxc_program, lxc_client },
    { &admin_program, admin_client },
};

/* False: there is nothing to decode. */
static bool choose(const uint8_t *data, Way *way)
{
    unsigned p = (data[0] & ~FROM_SERVER) % G_N_ELEMENTS(programs);
    const Program *program = programs[p].program;
    const Proc *proc = program_proc(program, (data[1] << 8 | data[2]) % (int)program->n_procs);
    const ClientProc *client;

    if (!proc)
        return false;
    client = &programs[p].client[proc->number];
    if (data[0] & FROM_SERVER) {
        *way = (Way){ client->reply, proc->encode, client->reply_size };
        /* The server holds these results encoded; a client decodes them to another struct. */
        if (p == 0 && (proc->number == REMOTE_PROC_CONNECT_LIST_ALL_DOMAINS
                       || proc->number == REMOTE_PROC_CONNECT_GET_ALL_DOMAIN_STATS))
            way->encode = NULL;
    } else {
        *way = (Way){ proc->decode, client->call, proc->args_size };
    }
    return way->decode != NULL;
}

/* Decodes a copy of its own; encodes to `out` when that worked. Returns how many bytes were read, or -1. */
static ssize_t pass(const Way *way, const uint8_t *bytes, size_t size, XdrOut *out)
{
    uint8_t *copy = g_memdup2(bytes, size);
    void *value = g_malloc0(way->size);
    ssize_t used = -1;
    Arena arena;
    XdrIn in;

    arena_init(&arena, NULL, 0);
    in = (XdrIn){ .at = copy, .end = copy + size, .arena = &arena };
    if (way->decode(&in, value)) {
        used = in.at - copy;
        if (way->encode && !way->encode(out, value))
            abort();
    } else if (!in.failed) {
        abort();
    }
    arena_reset(&arena);
    g_free(value);
    g_free(copy);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    XdrOut first, second;
    Way way;

    if (size <= HEAD || !choose(data, &way))
        return 0;
    xdr_out_init(&first, NULL, 0);
    xdr_out_init(&second, NULL, 0);
    if (pass(&way, data + HEAD, size - HEAD, &first) >= 0 && way.encode && first.size > 0) {
        if (pass(&way, first.data, first.size, &second) != (ssize_t)first.size || second.size != first.size
            || memcmp(first.data, second.data, first.size) != 0)
            abort();
    }
    xdr_out_deinit(&first);
    xdr_out_deinit(&second);
    return 0;
}
