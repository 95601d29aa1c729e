/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * The client's side, for tools and tests: encoders of arguments, decoders of results: small. */
#include "rpc/small-client.h"

#include "rpc/shared-codec.h"

static bool put_nested(XdrOut *out, const SmallNested *v)
{
    if (!xdr_put_count(out, v->n_things, SMALL_LIMIT_LIST))
        return false;
    for (uint32_t i = 0; i < v->n_things; i++) {
        if (!remote_put_thing(out, &v->things[i]))
            return false;
    }
    xdr_put_uint(out, v->owner != NULL);
    if (v->owner) {
        if (!remote_put_thing(out, v->owner))
            return false;
    }
    if (!xdr_put_count(out, v->n_moods, SMALL_LIMIT_LIST))
        return false;
    for (uint32_t i = 0; i < v->n_moods; i++)
        xdr_put_int(out, v->moods[i]);
    return true;
}

bool small_call_thing_suspend(XdrOut *out, const void *data)
{
    const SmallThingSuspendArgs *v = data;

    if (!remote_put_thing(out, &v->dom))
        return false;
    return true;
}

bool small_call_thing_get_info(XdrOut *out, const void *data)
{
    const SmallThingGetInfoArgs *v = data;

    if (!remote_put_thing(out, &v->dom))
        return false;
    xdr_put_uint(out, v->source);
    return true;
}

bool small_reply_thing_get_info(XdrIn *in, void *data)
{
    SmallThingGetInfoResult *v = data;

    if (!xdr_has(in, 60))
        return false;
    v->state = (uint8_t)xdr_load32(in->at);
    v->memory = xdr_load64(in->at + 4);
    v->id = (int32_t)xdr_load32(in->at + 12);
    v->fixed.number = xdr_load64(in->at + 16);
    v->fixed.state = (uint8_t)xdr_load32(in->at + 24);
    for (unsigned k = 0; k < 5; k++)
        v->fixed.label[k] = (char)xdr_load32(in->at + 28 + 4 * k);
    v->fixed.short_ = (uint16_t)xdr_load32(in->at + 48);
    memcpy(v->key, in->at + 52, 6);
    in->at += 60;
    return true;
}

bool small_call_thing_list_all(XdrOut *out, const void *data)
{
    const SmallThingListAllArgs *v = data;
    uint8_t *p;

    p = xdr_reserve(out, 8);
    xdr_store32(p, (uint32_t)v->need_results);
    xdr_store32(p + 4, v->flags);
    return true;
}

bool small_reply_thing_list_all(XdrIn *in, void *data)
{
    SmallThingListAllReply *v = data;

    if (!xdr_get_count(in, &v->n_things, SMALL_LIMIT_LIST, 24))
        return false;
    v->things = v->n_things ? arena_array(in->arena, v->n_things, sizeof(*v->things)) : NULL;
    for (uint32_t i = 0; i < v->n_things; i++) {
        if (!remote_get_thing(in, &v->things[i]))
            return false;
    }
    if (!xdr_get_uint(in, &v->ret))
        return false;
    return true;
}

bool small_call_thing_create(XdrOut *out, const void *data)
{
    const SmallThingCreateArgs *v = data;

    if (!remote_put_thing(out, &v->dom))
        return false;
    if (!xdr_put_count(out, v->n_names, SMALL_LIMIT_LIST))
        return false;
    for (uint32_t i = 0; i < v->n_names; i++) {
        if (!xdr_put_string(out, v->names[i], REMOTE_LIMIT_STRING))
            return false;
    }
    xdr_put_opaque_fixed(out, v->uuid, 16);
    return true;
}

bool small_call_thing_create_flags(XdrOut *out, const void *data)
{
    const SmallThingCreateFlagsArgs *v = data;
    uint8_t *p;

    if (!remote_put_thing(out, &v->dom))
        return false;
    if (!xdr_put_count(out, v->n_names, SMALL_LIMIT_LIST))
        return false;
    for (uint32_t i = 0; i < v->n_names; i++) {
        if (!xdr_put_string(out, v->names[i], REMOTE_LIMIT_STRING))
            return false;
    }
    p = xdr_reserve(out, 20);
    memcpy(p, v->uuid, 16);
    xdr_store32(p + 16, v->flags);
    xdr_put_uint(out, v->extra != NULL);
    if (v->extra) {
        if (!xdr_put_string(out, v->extra, REMOTE_LIMIT_STRING))
            return false;
    }
    return true;
}

bool small_reply_thing_create_flags(XdrIn *in, void *data)
{
    SmallThingCreateFlagsResult *v = data;

    if (!remote_get_thing(in, &v->dom))
        return false;
    return true;
}

bool small_call_thing_put(XdrOut *out, const void *data)
{
    const SmallThingPutArgs *v = data;
    uint8_t *p;

    xdr_put_double(out, v->default_);
    if (!xdr_put_count(out, v->n_params, SMALL_LIMIT_LIST))
        return false;
    for (uint32_t i = 0; i < v->n_params; i++) {
        if (!remote_put_param(out, &v->params[i]))
            return false;
    }
    if (!put_nested(out, &v->nested))
        return false;
    if (!xdr_put_opaque(out, &v->blob, SMALL_LIMIT_BLOB))
        return false;
    xdr_put_int(out, v->mood);
    xdr_put_uint(out, v->number != NULL);
    if (v->number)
        xdr_put_hyper(out, (*v->number));
    xdr_put_uint(out, v->fixed != NULL);
    if (v->fixed) {
        p = xdr_reserve(out, 36);
        xdr_store64(p, v->fixed->number);
        xdr_store32(p + 8, v->fixed->state);
        for (unsigned k = 0; k < 5; k++)
            xdr_store32(p + 12 + 4 * k, (uint32_t)(signed char)v->fixed->label[k]);
        xdr_store32(p + 32, v->fixed->short_);
    }
    xdr_put_uint(out, v->flags);
    return true;
}

bool small_reply_thing_put(XdrIn *in, void *data)
{
    SmallThingPutResult *v = data;

    if (!xdr_get_count(in, &v->n_all, SMALL_LIMIT_LIST, 36))
        return false;
    v->all = v->n_all ? arena_array(in->arena, v->n_all, sizeof(*v->all)) : NULL;
    for (uint32_t i = 0; i < v->n_all; i++) {
        if (!xdr_has(in, 36))
            return false;
        v->all[i].number = xdr_load64(in->at);
        v->all[i].state = (uint8_t)xdr_load32(in->at + 8);
        for (unsigned k = 0; k < 5; k++)
            v->all[i].label[k] = (char)xdr_load32(in->at + 12 + 4 * k);
        v->all[i].short_ = (uint16_t)xdr_load32(in->at + 32);
        in->at += 36;
    }
    if (!xdr_get_count(in, &v->n_letters, SMALL_LIMIT_BLOB, 4))
        return false;
    v->letters = v->n_letters ? arena_array(in->arena, v->n_letters, sizeof(*v->letters)) : NULL;
    for (uint32_t i = 0; i < v->n_letters; i++) {
        if (!xdr_get_char(in, &v->letters[i]))
            return false;
    }
    return true;
}

bool small_call_thing_move(XdrOut *out, const void *data)
{
    const SmallThingMoveArgs *v = data;

    if (!xdr_put_string(out, v->to, REMOTE_LIMIT_STRING))
        return false;
    return true;
}

bool small_call_connect_open(XdrOut *out, const void *data)
{
    const SmallConnectOpenArgs *v = data;

    xdr_put_uint(out, v->name != NULL);
    if (v->name) {
        if (!xdr_put_string(out, v->name, REMOTE_LIMIT_STRING))
            return false;
    }
    xdr_put_uint(out, v->flags);
    return true;
}

bool small_reply_thing_event_old(XdrIn *in, void *data)
{
    SmallFixed *v = data;

    if (!xdr_has(in, 36))
        return false;
    v->number = xdr_load64(in->at);
    v->state = (uint8_t)xdr_load32(in->at + 8);
    for (unsigned k = 0; k < 5; k++)
        v->label[k] = (char)xdr_load32(in->at + 12 + 4 * k);
    v->short_ = (uint16_t)xdr_load32(in->at + 32);
    in->at += 36;
    return true;
}

bool small_reply_thing_event_new(XdrIn *in, void *data)
{
    SmallThingEventNewMsg *v = data;

    if (!xdr_has(in, 40))
        return false;
    v->reason = (int32_t)xdr_load32(in->at);
    v->msg.number = xdr_load64(in->at + 4);
    v->msg.state = (uint8_t)xdr_load32(in->at + 12);
    for (unsigned k = 0; k < 5; k++)
        v->msg.label[k] = (char)xdr_load32(in->at + 16 + 4 * k);
    v->msg.short_ = (uint16_t)xdr_load32(in->at + 36);
    in->at += 40;
    return true;
}

bool small_reply_thing_event_gone(XdrIn *in, void *data)
{
    SmallThingEventGoneMsg *v = data;

    if (!remote_get_thing(in, &v->dom))
        return false;
    return true;
}

const ClientProc small_client[12] = {
    [1] = { small_call_thing_suspend, NULL, 0 },
    [2] = { small_call_thing_get_info, small_reply_thing_get_info, sizeof(SmallThingGetInfoResult) },
    [3] = { small_call_thing_list_all, small_reply_thing_list_all, sizeof(SmallThingListAllReply) },
    [4] = { small_call_thing_create, NULL, 0 },
    [5] = { small_call_thing_create_flags, small_reply_thing_create_flags, sizeof(SmallThingCreateFlagsResult) },
    [6] = { small_call_thing_put, small_reply_thing_put, sizeof(SmallThingPutResult) },
    [7] = { small_call_thing_move, NULL, 0 },
    [8] = { small_call_connect_open, NULL, 0 },
    [9] = { NULL, small_reply_thing_event_old, sizeof(SmallFixed) },
    [10] = { NULL, small_reply_thing_event_new, sizeof(SmallThingEventNewMsg) },
    [11] = { NULL, small_reply_thing_event_gone, sizeof(SmallThingEventGoneMsg) },
};
