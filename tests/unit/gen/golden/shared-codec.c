/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs; change those.
 * Encoders and decoders of the shared types. */
#include "rpc/shared-codec.h"

bool remote_get_thing(XdrIn *in, RemoteThing *v)
{
    if (!xdr_get_string(in, (char **)&v->name, REMOTE_LIMIT_STRING))
        return false;
    if (!xdr_has(in, 20))
        return false;
    memcpy(v->uuid, in->at, 16);
    v->id = (int32_t)xdr_load32(in->at + 16);
    in->at += 20;
    return true;
}

bool remote_put_thing(XdrOut *out, const RemoteThing *v)
{
    uint8_t *p;

    if (!xdr_put_string(out, v->name, REMOTE_LIMIT_STRING))
        return false;
    p = xdr_reserve(out, 20);
    memcpy(p, v->uuid, 16);
    xdr_store32(p + 16, (uint32_t)v->id);
    return true;
}

bool remote_get_value(XdrIn *in, RemoteValue *v)
{
    if (!xdr_get_int(in, &v->type))
        return false;
    switch (v->type) {
    case 1:
        if (!xdr_get_int(in, &v->i))
            return false;
        return true;
    case 5:
        if (!xdr_get_double(in, &v->d))
            return false;
        return true;
    case 7:
        if (!xdr_get_string(in, (char **)&v->s, REMOTE_LIMIT_STRING))
            return false;
        return true;
    default:
        return xdr_fail(in, "unknown kind of value");
    }
}

bool remote_put_value(XdrOut *out, const RemoteValue *v)
{
    xdr_put_int(out, v->type);
    switch (v->type) {
    case 1:
        xdr_put_int(out, v->i);
        return true;
    case 5:
        xdr_put_double(out, v->d);
        return true;
    case 7:
        if (!xdr_put_string(out, v->s, REMOTE_LIMIT_STRING))
            return false;
        return true;
    default:
        return xdr_out_fail(out, "unknown kind of value");
    }
}

bool remote_get_param(XdrIn *in, RemoteParam *v)
{
    if (!xdr_get_string(in, (char **)&v->field, REMOTE_LIMIT_STRING))
        return false;
    if (!remote_get_value(in, &v->value))
        return false;
    return true;
}

bool remote_put_param(XdrOut *out, const RemoteParam *v)
{
    if (!xdr_put_string(out, v->field, REMOTE_LIMIT_STRING))
        return false;
    if (!remote_put_value(out, &v->value))
        return false;
    return true;
}
