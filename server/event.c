/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: who wants which, and how an announcement gets to them.
 * An event is encoded once by the thread that announces it and handed to the I/O threads, which look
 * at their own clients' subscriptions: registering, matching and delivering take no lock, and nobody
 * who makes events waits for anybody who reads them. The order of announcements is kept. */
#include "server/server.h"

#include "base/i18n.h"
#include "base/log.h"
#include "rpc/remote-rows.h"
#include "server/event.h"

LOG_SOURCE("server.event");

/* What one client asked for; a list in its session, owned by its I/O thread. */
struct Subscription {
    Subscription *next;
    int callback_id;
    const ProcEvent *event;
    bool legacy;              /* in the older form, without a callback id */
    bool one_object;          /* only events about `uuid` */
    Uuid uuid;
    uint64_t since;           /* announcements up to this one were made before it was registered */
};

typedef struct EventBroadcast {
    Broadcast base;
    Host *host;               /* referenced */
    const ProcEvent *event;
    Uuid uuid;
    DomainView *view;         /* of the domain that it is about; referenced; NULL: it is about none, or that has gone */
    char *name;               /* the domain's; NULL: it is about none; owned */
    uint64_t order;
    size_t size, legacy_size;
    uint8_t *legacy_body;     /* behind `body` */
    uint8_t body[];
} EventBroadcast;

static const ProcEvent *find_event(uint16_t number)
{
    for (unsigned i = 0; i < REMOTE_EVENTS; i++)
        if (remote_events[i].number == number)
            return &remote_events[i];
    return NULL;
}

const ProcEvent *event_find(EventFamily family, int id)
{
    for (unsigned i = 0; i < REMOTE_EVENTS; i++)
        if (remote_events[i].family == family && remote_events[i].id == id)
            return &remote_events[i];
    return NULL;
}

/* Events carry serial 1, as the peer's do. */
static void put_event(XdrOut *out, uint16_t number, const int *callback_id, const uint8_t *body, size_t size)
{
    FrameHeader header = {
        .program = remote_program.number, .version = remote_program.version, .proc = number, .type = FRAME_MESSAGE,
        .serial = 1, .status = FRAME_OK,
    };
    size_t begin = frame_begin(out, &header);

    if (callback_id)
        xdr_put_int(out, *callback_id);
    memcpy(xdr_reserve(out, size), body, size);
    frame_end(out, begin);
}

/* Whether the rules of access let the client know of the domain. */
static bool may_know(const EventBroadcast *broadcast, Session *session)
{
    g_autoptr(Policy) policy = broadcast->name ? rules_get(session->server) : NULL;
    const DomainView *view = broadcast->view;
    PolicyObject object = { .name = broadcast->name, .uuid = &broadcast->uuid, .labels_unknown = !view };
    PolicySubject subject;

    if (G_LIKELY(!policy))
        return true;
    if (view)
        object.labels = (const char *const *)view->labels;
    rules_subject(session, session_read_only(session, broadcast->host), &subject);
    return policy_ask(policy, &subject, "domain", "getattr", &object, NULL) == POLICY_ALLOWED;
}

static void append(Broadcast *base, Client *client, XdrOut *out)
{
    EventBroadcast *broadcast = (EventBroadcast *)base;
    Session *session = client_session(client);

    if (session_host(session) != broadcast->host || !session->subscriptions || !may_know(broadcast, session))
        return;
    for (Subscription *s = session->subscriptions; s; s = s->next) {
        if (s->event != broadcast->event || s->since >= broadcast->order
            || (s->one_object && !uuid_equal(&s->uuid, &broadcast->uuid)))
            continue;
        if (s->legacy)
            put_event(out, s->event->legacy, NULL, broadcast->legacy_body, broadcast->legacy_size);
        else
            put_event(out, s->event->number, s->event->family == EVENT_FAMILY_CLOSE ? NULL : &s->callback_id,
                      broadcast->body, broadcast->size);
    }
}

static void free_broadcast(Broadcast *base)
{
    EventBroadcast *broadcast = (EventBroadcast *)base;

    host_unref(broadcast->host);
    domain_view_unref(broadcast->view);
    g_free(broadcast->name);
    g_free(broadcast);
}

/* Both forms, the newer one's size in between; false: a limit is broken. */
static bool encode(XdrOut *out, const ProcEvent *row, const void *message, size_t *size)
{
    if (!program_proc(&remote_program, row->number)->encode(out, message))
        return false;
    *size = out->size;
    return !row->legacy
        || program_proc(&remote_program, row->legacy)->encode(out, (const char *)message + row->legacy_at);
}

/* Which domain it is about; each message about one begins with its handle, in the older form at least. */
static void note_domain(EventBroadcast *broadcast, const ProcEvent *row, const void *message)
{
    const RemoteDomain *handle = (const void *)((const char *)message + row->legacy_at);

    if (row->family != EVENT_FAMILY_DOMAIN)
        return;
    broadcast->name = g_strdup(handle->name);
    broadcast->view = domain_list_view_by_uuid(broadcast->host->domains, &broadcast->uuid);
}

void event_announce(Host *host, const DriverEvent *event)
{
    Server *server = host->server;
    const ProcEvent *row = find_event(event->proc);
    const Proc *proc = program_proc(&remote_program, event->proc);
    uint8_t space[2048];
    XdrOut out;
    size_t size;
    EventBroadcast *broadcast;

    g_assert(row && proc && proc->encode);
    if (!rpc_has_subscribers(server->rpc))
        return;    /* who registers from now on doesn't hear of what was before */
    xdr_out_init(&out, space, sizeof space);
    if (!encode(&out, row, event->message, &size)) {
        log_error("event %s is larger than the protocol allows (%s), nobody is told", proc->name, out.failed);
        xdr_out_deinit(&out);
        return;
    }
    broadcast = g_malloc(sizeof *broadcast + out.size);
    memset(broadcast, 0, sizeof *broadcast);
    broadcast->base.append = append;
    broadcast->base.free = free_broadcast;
    broadcast->host = host_ref(host);
    broadcast->event = row;
    broadcast->uuid = event->uuid;
    broadcast->size = size;
    broadcast->legacy_size = out.size - size;
    broadcast->legacy_body = broadcast->body + size;
    memcpy(broadcast->body, out.data, out.size);
    xdr_out_deinit(&out);
    if (__atomic_load_n(&server->ruled, __ATOMIC_RELAXED))
        note_domain(broadcast, row, event->message);
    broadcast->order = __atomic_add_fetch(&server->announced, 1, __ATOMIC_RELAXED);
    rpc_broadcast(server->rpc, &broadcast->base);
}

/* Counts up; after the largest number it begins anew, and passes those in use. */
static int new_callback_id(Session *session)
{
    for (;;) {
        const Subscription *s = session->subscriptions;
        int id = session->next_callback;

        session->next_callback = id == G_MAXINT ? 1 : id + 1;
        while (s && s->callback_id != id)
            s = s->next;
        if (!s)
            return id;
    }
}

int event_subscribe(Session *session, const ProcEvent *event, bool legacy, const Uuid *uuid, Error *error)
{
    Subscription *subscription, **end = &session->subscriptions;
    unsigned n = 0;

    for (; *end; end = &(*end)->next, n++)
        if ((*end)->event == event && (*end)->legacy == legacy && (*end)->one_object == (uuid != NULL)
            && (!uuid || uuid_equal(&(*end)->uuid, uuid)))
            return error_set(error, VIR_FROM_NONE, VIR_ERR_INVALID_ARG,
                             _("event %d is registered on this connection already"), event->id);
    if (n >= EVENT_SUBSCRIPTIONS_MAX)
        return error_set(error, VIR_FROM_RPC, VIR_ERR_OPERATION_FAILED,
                         _("this connection has %u event registrations, no more are allowed"), n);
    subscription = g_new0(Subscription, 1);
    subscription->callback_id = new_callback_id(session);
    subscription->event = event;
    subscription->legacy = legacy;
    subscription->one_object = uuid != NULL;
    if (uuid)
        subscription->uuid = *uuid;
    subscription->since = __atomic_load_n(&session->server->announced, __ATOMIC_RELAXED);
    *end = subscription;
    client_set_subscribed(session->client, true);
    return subscription->callback_id;
}

static void remove_at(Session *session, Subscription **at)
{
    Subscription *subscription = *at;

    *at = subscription->next;
    g_free(subscription);
    if (!session->subscriptions)
        client_set_subscribed(session->client, false);
}

int event_unsubscribe(Session *session, int callback_id, EventFamily family, Error *error)
{
    for (Subscription **at = &session->subscriptions; *at; at = &(*at)->next)
        if (!(*at)->legacy && (*at)->callback_id == callback_id && (*at)->event->family == family) {
            remove_at(session, at);
            return 0;
        }
    return error_set(error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("no event callback has the number %d"),
                     callback_id);
}

int event_unsubscribe_legacy(Session *session, const ProcEvent *event, Error *error)
{
    for (Subscription **at = &session->subscriptions; *at; at = &(*at)->next)
        if ((*at)->legacy && (*at)->event == event) {
            remove_at(session, at);
            return 0;
        }
    return error_set(error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("event %d is not registered"), event->id);
}

void event_forget(Session *session)
{
    while (session->subscriptions)
        remove_at(session, &session->subscriptions);
}
