/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * The client's side, for tools and tests: encoders of arguments, decoders of results: small. */
#pragma once

#include <stdbool.h>

#include "rpc/client-proc.h"
#include "rpc/small-types.h"
#include "rpc/xdr.h"

bool small_call_thing_suspend(XdrOut *out, const void *data);
bool small_call_thing_get_info(XdrOut *out, const void *data);
bool small_reply_thing_get_info(XdrIn *in, void *data);
bool small_call_thing_list_all(XdrOut *out, const void *data);
bool small_reply_thing_list_all(XdrIn *in, void *data);
bool small_call_thing_create(XdrOut *out, const void *data);
bool small_call_thing_create_flags(XdrOut *out, const void *data);
bool small_reply_thing_create_flags(XdrIn *in, void *data);
bool small_call_thing_put(XdrOut *out, const void *data);
bool small_reply_thing_put(XdrIn *in, void *data);
bool small_call_thing_move(XdrOut *out, const void *data);
bool small_call_connect_open(XdrOut *out, const void *data);
bool small_reply_thing_event_old(XdrIn *in, void *data);
bool small_reply_thing_event_new(XdrIn *in, void *data);
bool small_reply_thing_event_gone(XdrIn *in, void *data);

/* What thing.list_all answers, decoded. */
typedef struct SmallThingListAllReply {
    uint32_t n_things;
    RemoteThing *things;
    uint32_t ret;
} SmallThingListAllReply;

/* By number. */
extern const ClientProc small_client[12];
