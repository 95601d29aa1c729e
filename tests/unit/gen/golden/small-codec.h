/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * Decoders of arguments (into zeroed memory), encoders of results and messages: small. */
#pragma once

#include <stdbool.h>

#include "rpc/small-types.h"
#include "rpc/xdr.h"

bool small_decode_thing_suspend(XdrIn *in, void *data);
bool small_decode_thing_get_info(XdrIn *in, void *data);
bool small_encode_thing_get_info(XdrOut *out, const void *data);
bool small_decode_thing_list_all(XdrIn *in, void *data);
bool small_encode_thing_list_all(XdrOut *out, const void *data);
bool small_decode_thing_create(XdrIn *in, void *data);
bool small_decode_thing_create_flags(XdrIn *in, void *data);
bool small_encode_thing_create_flags(XdrOut *out, const void *data);
bool small_decode_thing_put(XdrIn *in, void *data);
bool small_encode_thing_put(XdrOut *out, const void *data);
bool small_decode_thing_move(XdrIn *in, void *data);
bool small_decode_connect_open(XdrIn *in, void *data);
bool small_encode_thing_event_old(XdrOut *out, const void *data);
bool small_encode_thing_event_new(XdrOut *out, const void *data);
bool small_encode_thing_event_gone(XdrOut *out, const void *data);
