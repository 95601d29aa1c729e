/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the server answers itself about a connection: open and close, features,
 * registrations for events. Everything but connect.open runs on the client's I/O thread and waits for
 * nothing; connect.open runs on a worker, since opening a hypervisor may read a disk. */
#include "server/ops/ops.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "server/event.h"

/* The release of the protocol that we speak, as clients ask for it to know what they may use. */
#define LIB_VERSION 9000000

/* Numbers of features that clients ask for; others are unknown and answered with 0. */
enum {
    FEATURE_FD_PASSING = 8,
    FEATURE_TYPED_PARAM_STRING = 9,
    FEATURE_KEEPALIVE = 10,
    FEATURE_EVENT_CALLBACK = 14,
    FEATURE_CLOSE_CALLBACK = 15,
    FEATURE_NETWORK_UPDATE_ORDER = 16,
};


static Session *session_of(Op *op)
{
    return serve_of(op)->session;
}

int connect_open(Op *op, const void *data, void *result)
{
    const RemoteConnectOpenArgs *args = data;
    Session *session = session_of(op);
    int idle = 0;
    Host *host;

    if (!args->name)
        return error_set(op->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("a connection needs a name to open"));
    if (session_host(session)
        || !__atomic_compare_exchange_n(&session->opening, &idle, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return error_set(op->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("connection already open"));
    host = host_open(session->server->hosts, args->name,
                     (args->flags & VIR_CONNECT_RO) || client_identity(session->client)->read_only_socket, op->error);
    if (host) {
        session->read_only = args->flags & VIR_CONNECT_RO;
        __atomic_store_n(&session->host, host, __ATOMIC_RELEASE);
        return 0;    /* `opening` stays: another connect.open may be between its look for a host and that */
    }
    __atomic_store_n(&session->opening, 0, __ATOMIC_RELEASE);
    return -1;
}

int connect_close(Op *op, const void *args, void *result)
{
    event_forget(session_of(op));
    client_close_after_replies(session_of(op)->client);
    return 0;
}

int connect_supports_feature(Op *op, const void *data, void *out)
{
    const RemoteConnectSupportsFeatureArgs *args = data;
    RemoteConnectSupportsFeatureResult *result = out;

    switch (args->feature) {
    case FEATURE_KEEPALIVE:
        client_enable_keepalive(session_of(op)->client);
        result->supported = 1;
        break;
    case FEATURE_FD_PASSING:
    case FEATURE_TYPED_PARAM_STRING:
    case FEATURE_EVENT_CALLBACK:
    case FEATURE_CLOSE_CALLBACK:
    case FEATURE_NETWORK_UPDATE_ORDER:
        result->supported = 1;
        break;
    default:
        result->supported = op->host && op->host->driver->supports_feature
            && op->host->driver->supports_feature(op->host, args->feature);
        break;
    }
    return 0;
}

int connect_get_type(Op *op, const void *args, void *out)
{
    RemoteConnectGetTypeResult *result = out;

    result->type = op->host->driver->type;
    return 0;
}

int connect_get_uri(Op *op, const void *args, void *out)
{
    RemoteConnectGetUriResult *result = out;

    result->uri = op->host->uri;
    return 0;
}

int connect_get_lib_version(Op *op, const void *args, void *out)
{
    RemoteConnectGetLibVersionResult *result = out;

    result->lib_ver = LIB_VERSION;
    return 0;
}

/* A client learns that the hypervisor behind the server was lost. No driver can lose one yet, so there is nothing to
 * remember; clients register all the same, repeatedly and without unregistering, and get a good answer. */
int close_callback_accept(Op *op, const void *args, void *out)
{
    return 0;
}

/* --- events ------------------------------------------------------------------------------------ */

static int unknown_event(Op *op, int id)
{
    return error_set(op->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("there is no event %d"), id);
}

/* Registers in the newer style; `handle_uuid` NULL: for all objects. */
static int subscribe(Op *op, EventFamily family, int id, const uint8_t *handle_uuid, int32_t *callback_id)
{
    const ProcEvent *event = id < 0 ? NULL : event_find(family, id);
    Uuid uuid;
    int r;

    if (!event)
        return unknown_event(op, id);
    if (handle_uuid)
        memcpy(uuid.bytes, handle_uuid, sizeof uuid.bytes);
    r = event_subscribe(session_of(op), event, false, handle_uuid ? &uuid : NULL, op->error);
    if (r < 0)
        return -1;
    *callback_id = r;
    return 0;
}

int domain_event_register_any(Op *op, const void *data, void *out)
{
    const RemoteConnectDomainEventCallbackRegisterAnyArgs *args = data;
    RemoteConnectDomainEventCallbackRegisterAnyResult *result = out;

    return subscribe(op, EVENT_FAMILY_DOMAIN, args->eventID, args->dom ? args->dom->uuid : NULL, &result->callbackID);
}

int domain_event_deregister_any(Op *op, const void *data, void *out)
{
    const RemoteConnectDomainEventCallbackDeregisterAnyArgs *args = data;

    return event_unsubscribe(session_of(op), args->callbackID, EVENT_FAMILY_DOMAIN, op->error);
}

static const ProcEvent *legacy_event(int id)
{
    const ProcEvent *event = id < 0 ? NULL : event_find(EVENT_FAMILY_DOMAIN, id);

    return event && event->legacy ? event : NULL;
}

int domain_event_register_legacy(Op *op, const void *data, void *out)
{
    const RemoteConnectDomainEventRegisterAnyArgs *args = data;
    const ProcEvent *event = legacy_event(args->eventID);

    if (!event)
        return unknown_event(op, args->eventID);
    return event_subscribe(session_of(op), event, true, NULL, op->error) < 0 ? -1 : 0;
}

int domain_event_deregister_legacy(Op *op, const void *data, void *out)
{
    const RemoteConnectDomainEventDeregisterAnyArgs *args = data;
    const ProcEvent *event = legacy_event(args->eventID);

    if (!event)
        return unknown_event(op, args->eventID);
    return event_unsubscribe_legacy(session_of(op), event, op->error);
}

int domain_event_register_oldest(Op *op, const void *args, void *out)
{
    const ProcEvent *event = legacy_event(VIR_DOMAIN_EVENT_ID_LIFECYCLE);

    return event_subscribe(session_of(op), event, true, NULL, op->error) < 0 ? -1 : 0;
}

int domain_event_deregister_oldest(Op *op, const void *args, void *out)
{
    return event_unsubscribe_legacy(session_of(op), legacy_event(VIR_DOMAIN_EVENT_ID_LIFECYCLE), op->error);
}
