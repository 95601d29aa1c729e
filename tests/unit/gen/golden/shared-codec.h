/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs; change those.
 * Encoders and decoders of the shared types. */
#pragma once

#include <stdbool.h>

#include "rpc/shared-types.h"
#include "rpc/xdr.h"

/* Decoders write every member; encoders fail when a limit is broken (XdrOut.failed says which). */
bool remote_get_thing(XdrIn *in, RemoteThing *v);
bool remote_put_thing(XdrOut *out, const RemoteThing *v);
bool remote_get_value(XdrIn *in, RemoteValue *v);
bool remote_put_value(XdrOut *out, const RemoteValue *v);
bool remote_get_param(XdrIn *in, RemoteParam *v);
bool remote_put_param(XdrOut *out, const RemoteParam *v);
