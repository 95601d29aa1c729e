/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Made by rpc/gen/procs.py from types.procs, small.procs; change those.
 * Decoders of arguments (into zeroed memory), encoders of results and messages: small. */
#include "rpc/small-codec.h"

#include "rpc/shared-codec.h"

static bool get_nested(XdrIn *in, SmallNested *v)
{
    bool present;

    if (!xdr_get_count(in, &v->n_things, SMALL_LIMIT_LIST, 24))
        return false;
    v->things = v->n_things ? arena_array(in->arena, v->n_things, sizeof(*v->things)) : NULL;
    for (uint32_t i = 0; i < v->n_things; i++) {
        if (!remote_get_thing(in, &v->things[i]))
            return false;
    }
    if (!xdr_get_present(in, &present))
        return false;
    v->owner = NULL;
    if (present) {
        v->owner = arena_alloc(in->arena, sizeof(*v->owner));
        if (!remote_get_thing(in, v->owner))
            return false;
    }
    if (!xdr_get_count(in, &v->n_moods, SMALL_LIMIT_LIST, 4))
        return false;
    v->moods = v->n_moods ? arena_array(in->arena, v->n_moods, sizeof(*v->moods)) : NULL;
    for (uint32_t i = 0; i < v->n_moods; i++) {
        if (!xdr_get_int(in, &v->moods[i]))
            return false;
    }
    return true;
}

bool small_decode_thing_suspend(XdrIn *in, void *data)
{
    SmallThingSuspendArgs *v = data;

    if (!remote_get_thing(in, &v->dom))
        return false;
    return true;
}

bool small_decode_thing_get_info(XdrIn *in, void *data)
{
    SmallThingGetInfoArgs *v = data;

    if (!remote_get_thing(in, &v->dom))
        return false;
    if (!xdr_get_uint(in, &v->source))
        return false;
    return true;
}

bool small_encode_thing_get_info(XdrOut *out, const void *data)
{
    const SmallThingGetInfoResult *v = data;
    uint8_t *p;

    p = xdr_reserve(out, 60);
    xdr_store32(p, v->state);
    xdr_store64(p + 4, v->memory);
    xdr_store32(p + 12, (uint32_t)v->id);
    xdr_store64(p + 16, v->fixed.number);
    xdr_store32(p + 24, v->fixed.state);
    for (unsigned k = 0; k < 5; k++)
        xdr_store32(p + 28 + 4 * k, (uint32_t)(signed char)v->fixed.label[k]);
    xdr_store32(p + 48, v->fixed.short_);
    memcpy(p + 52, v->key, 6);
    memset(p + 52 + 6, 0, 2);
    return true;
}

bool small_decode_thing_list_all(XdrIn *in, void *data)
{
    SmallThingListAllArgs *v = data;

    if (!xdr_has(in, 8))
        return false;
    v->need_results = (int32_t)xdr_load32(in->at);
    v->flags = xdr_load32(in->at + 4);
    in->at += 8;
    return true;
}

bool small_encode_thing_list_all(XdrOut *out, const void *data)
{
    const SmallThingListAllResult *v = data;

    if (!xdr_put_encoded(out, &v->things, SMALL_LIMIT_LIST))
        return false;
    xdr_put_uint(out, v->ret);
    return true;
}

bool small_decode_thing_create(XdrIn *in, void *data)
{
    SmallThingCreateArgs *v = data;

    if (!remote_get_thing(in, &v->dom))
        return false;
    if (!xdr_get_count(in, &v->n_names, SMALL_LIMIT_LIST, 4))
        return false;
    v->names = v->n_names ? arena_array(in->arena, v->n_names, sizeof(*v->names)) : NULL;
    for (uint32_t i = 0; i < v->n_names; i++) {
        if (!xdr_get_string(in, (char **)&v->names[i], REMOTE_LIMIT_STRING))
            return false;
    }
    if (!xdr_has(in, 16))
        return false;
    memcpy(v->uuid, in->at, 16);
    in->at += 16;
    return true;
}

bool small_decode_thing_create_flags(XdrIn *in, void *data)
{
    SmallThingCreateFlagsArgs *v = data;
    bool present;

    if (!remote_get_thing(in, &v->dom))
        return false;
    if (!xdr_get_count(in, &v->n_names, SMALL_LIMIT_LIST, 4))
        return false;
    v->names = v->n_names ? arena_array(in->arena, v->n_names, sizeof(*v->names)) : NULL;
    for (uint32_t i = 0; i < v->n_names; i++) {
        if (!xdr_get_string(in, (char **)&v->names[i], REMOTE_LIMIT_STRING))
            return false;
    }
    if (!xdr_has(in, 20))
        return false;
    memcpy(v->uuid, in->at, 16);
    v->flags = xdr_load32(in->at + 16);
    in->at += 20;
    if (!xdr_get_present(in, &present))
        return false;
    v->extra = NULL;
    if (present) {
        if (!xdr_get_string(in, (char **)&v->extra, REMOTE_LIMIT_STRING))
            return false;
    }
    return true;
}

bool small_encode_thing_create_flags(XdrOut *out, const void *data)
{
    const SmallThingCreateFlagsResult *v = data;

    if (!remote_put_thing(out, &v->dom))
        return false;
    return true;
}

bool small_decode_thing_put(XdrIn *in, void *data)
{
    SmallThingPutArgs *v = data;
    bool present;

    if (!xdr_get_double(in, &v->default_))
        return false;
    if (!xdr_get_count(in, &v->n_params, SMALL_LIMIT_LIST, 12))
        return false;
    v->params = v->n_params ? arena_array(in->arena, v->n_params, sizeof(*v->params)) : NULL;
    for (uint32_t i = 0; i < v->n_params; i++) {
        if (!remote_get_param(in, &v->params[i]))
            return false;
    }
    if (!get_nested(in, &v->nested))
        return false;
    if (!xdr_get_opaque(in, &v->blob, SMALL_LIMIT_BLOB))
        return false;
    if (!xdr_get_int(in, &v->mood))
        return false;
    if (!xdr_get_present(in, &present))
        return false;
    v->number = NULL;
    if (present) {
        v->number = arena_alloc(in->arena, sizeof(*v->number));
        if (!xdr_get_hyper(in, &(*v->number)))
            return false;
    }
    if (!xdr_get_present(in, &present))
        return false;
    v->fixed = NULL;
    if (present) {
        v->fixed = arena_alloc(in->arena, sizeof(*v->fixed));
        if (!xdr_has(in, 36))
            return false;
        v->fixed->number = xdr_load64(in->at);
        v->fixed->state = (uint8_t)xdr_load32(in->at + 8);
        for (unsigned k = 0; k < 5; k++)
            v->fixed->label[k] = (char)xdr_load32(in->at + 12 + 4 * k);
        v->fixed->short_ = (uint16_t)xdr_load32(in->at + 32);
        in->at += 36;
    }
    if (!xdr_get_uint(in, &v->flags))
        return false;
    return true;
}

bool small_encode_thing_put(XdrOut *out, const void *data)
{
    const SmallThingPutResult *v = data;
    uint8_t *p;

    if (!xdr_put_count(out, v->n_all, SMALL_LIMIT_LIST))
        return false;
    for (uint32_t i = 0; i < v->n_all; i++) {
        p = xdr_reserve(out, 36);
        xdr_store64(p, v->all[i].number);
        xdr_store32(p + 8, v->all[i].state);
        for (unsigned k = 0; k < 5; k++)
            xdr_store32(p + 12 + 4 * k, (uint32_t)(signed char)v->all[i].label[k]);
        xdr_store32(p + 32, v->all[i].short_);
    }
    if (!xdr_put_count(out, v->n_letters, SMALL_LIMIT_BLOB))
        return false;
    for (uint32_t i = 0; i < v->n_letters; i++)
        xdr_put_char(out, v->letters[i]);
    return true;
}

bool small_decode_thing_move(XdrIn *in, void *data)
{
    SmallThingMoveArgs *v = data;

    if (!xdr_get_string(in, (char **)&v->to, REMOTE_LIMIT_STRING))
        return false;
    return true;
}

bool small_decode_connect_open(XdrIn *in, void *data)
{
    SmallConnectOpenArgs *v = data;
    bool present;

    if (!xdr_get_present(in, &present))
        return false;
    v->name = NULL;
    if (present) {
        if (!xdr_get_string(in, (char **)&v->name, REMOTE_LIMIT_STRING))
            return false;
    }
    if (!xdr_get_uint(in, &v->flags))
        return false;
    return true;
}

bool small_encode_thing_event_old(XdrOut *out, const void *data)
{
    const SmallFixed *v = data;
    uint8_t *p;

    p = xdr_reserve(out, 36);
    xdr_store64(p, v->number);
    xdr_store32(p + 8, v->state);
    for (unsigned k = 0; k < 5; k++)
        xdr_store32(p + 12 + 4 * k, (uint32_t)(signed char)v->label[k]);
    xdr_store32(p + 32, v->short_);
    return true;
}

bool small_encode_thing_event_new(XdrOut *out, const void *data)
{
    const SmallThingEventNewMsg *v = data;
    uint8_t *p;

    p = xdr_reserve(out, 40);
    xdr_store32(p, (uint32_t)v->reason);
    xdr_store64(p + 4, v->msg.number);
    xdr_store32(p + 12, v->msg.state);
    for (unsigned k = 0; k < 5; k++)
        xdr_store32(p + 16 + 4 * k, (uint32_t)(signed char)v->msg.label[k]);
    xdr_store32(p + 36, v->msg.short_);
    return true;
}

bool small_encode_thing_event_gone(XdrOut *out, const void *data)
{
    const SmallThingEventGoneMsg *v = data;

    if (!remote_put_thing(out, &v->dom))
        return false;
    return true;
}
