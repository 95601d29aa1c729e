/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes published views: one allocation each, holding the struct, the handle as it goes over
 * the wire and, behind it, the name. A view is written here once, before anybody else sees it,
 * and never again. Any thread; takes no lock. */
#include "conf/view.h"

#include <string.h>

#include <glib.h>
#include <libvirt/libvirt.h>

#include "conf/label.h"

#define FILTER_ACTIVE (VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE)
#define FILTER_PERSISTENT (VIR_CONNECT_LIST_DOMAINS_PERSISTENT | VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
#define FILTER_STATE                                                                            \
    (VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED |                       \
     VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_OTHER)
#define FILTER_SAVE (VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE | VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE)
#define FILTER_AUTOSTART (VIR_CONNECT_LIST_DOMAINS_AUTOSTART | VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART)
#define FILTER_SNAPSHOT (VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT | VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT)
#define FILTER_CHECKPOINT (VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT | VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT)

static const uint32_t filter_groups[] = {
    FILTER_ACTIVE, FILTER_PERSISTENT, FILTER_STATE, FILTER_SAVE, FILTER_AUTOSTART, FILTER_SNAPSHOT, FILTER_CHECKPOINT,
};

const uint32_t domain_filter_known = FILTER_ACTIVE | FILTER_PERSISTENT | FILTER_STATE | FILTER_SAVE |
                                     FILTER_AUTOSTART | FILTER_SNAPSHOT | FILTER_CHECKPOINT;

bool domain_filter_match(uint32_t filter, uint32_t flags)
{
    flags &= domain_filter_known;
    if (flags == 0)
        return true;
    for (unsigned i = 0; i < G_N_ELEMENTS(filter_groups); i++) {
        uint32_t wanted = flags & filter_groups[i];

        if (wanted && !(wanted & filter))
            return false;
    }
    return true;
}

uint32_t domain_filter_reduce(uint32_t flags)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(filter_groups); i++)
        if ((flags & filter_groups[i]) == filter_groups[i])
            flags &= ~filter_groups[i];
    return flags;
}

static uint32_t state_filter(int state)
{
    switch (state) {
    case VIR_DOMAIN_RUNNING:
        return VIR_CONNECT_LIST_DOMAINS_RUNNING;
    case VIR_DOMAIN_PAUSED:
        return VIR_CONNECT_LIST_DOMAINS_PAUSED;
    case VIR_DOMAIN_SHUTOFF:
        return VIR_CONNECT_LIST_DOMAINS_SHUTOFF;
    default:
        return VIR_CONNECT_LIST_DOMAINS_OTHER;
    }
}

static uint32_t either(bool condition, uint32_t yes, uint32_t no)
{
    return condition ? yes : no;
}

static uint32_t view_filter(const DomainFacts *facts)
{
    return either(facts->id >= 0, VIR_CONNECT_LIST_DOMAINS_ACTIVE, VIR_CONNECT_LIST_DOMAINS_INACTIVE) |
           either(facts->persistent, VIR_CONNECT_LIST_DOMAINS_PERSISTENT, VIR_CONNECT_LIST_DOMAINS_TRANSIENT) |
           state_filter(facts->state) |
           either(facts->managed_save, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE) |
           either(facts->autostart, VIR_CONNECT_LIST_DOMAINS_AUTOSTART, VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART) |
           either(facts->has_snapshots, VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT, VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT) |
           either(facts->has_checkpoints, VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT,
                  VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT);
}

static uint8_t *put_uint32(uint8_t *at, uint32_t value)
{
    uint32_t wire = GUINT32_TO_BE(value);

    memcpy(at, &wire, sizeof wire);
    return at + sizeof wire;
}

/* The struct of a domain on the wire: name (length, bytes, padding to four), uuid, id. */
static void write_handle(DomainView *view, size_t length)
{
    uint8_t *at = put_uint32(view->handle, (uint32_t)length);
    size_t padded = (length + 3) & ~(size_t)3;

    memset(at, 0, padded);
    memcpy(at, view->name, length);
    at += padded;
    memcpy(at, view->uuid.bytes, sizeof view->uuid.bytes);
    at += sizeof view->uuid.bytes;
    at = put_uint32(at, (uint32_t)view->id);
    g_assert(at == view->handle + view->handle_size);
}

DomainView *domain_view_new(const DomainFacts *facts)
{
    const DomainConfig *config = facts->active ? facts->active : facts->persistent;

    g_assert(config);
    g_assert(facts->id >= -1);

    size_t length = strlen(config->name);
    size_t handle_size = 4 + ((length + 3) & ~(size_t)3) + sizeof config->uuid.bytes + 4;

    g_assert(length < UINT32_MAX / 2);

    DomainView *view = g_malloc(sizeof *view + handle_size + length + 1);

    *view = (DomainView){
        .refs = 1,
        .id = facts->id,
        .state = facts->state,
        .reason = facts->reason,
        .vcpus = facts->vcpus ? facts->vcpus : domain_config_vcpus(config),
        .max_vcpus = domain_config_max_vcpus(config),
        .memory = facts->memory ? facts->memory : domain_config_memory(config),
        .max_memory = domain_config_max_memory(config),
        .filter = view_filter(facts),
        .handle_size = (uint32_t)handle_size,
        .persistent = facts->persistent != NULL,
        .autostart = facts->autostart,
        .updated = facts->updated,
        .managed_save = facts->managed_save,
        .has_snapshots = facts->has_snapshots,
        .has_checkpoints = facts->has_checkpoints,
        .started = facts->started,
        .bound_to = facts->active ? facts->bound_to : 0,
        .active = facts->active ? domain_config_ref(facts->active) : NULL,
        .persistent_config = facts->persistent ? domain_config_ref(facts->persistent) : NULL,
        .uuid = config->uuid,
        .name = (char *)view->handle + handle_size,
        .labels = domain_config_labels(config),
        .driver_facts = facts->driver_facts,
        .free_facts = facts->free_facts,
    };
    memcpy(view->name, config->name, length + 1);
    write_handle(view, length);
    return view;
}

DomainFacts domain_view_facts(const DomainView *view)
{
    return (DomainFacts){
        .id = view->id,
        .state = view->state,
        .reason = view->reason,
        .autostart = view->autostart,
        .updated = view->updated,
        .managed_save = view->managed_save,
        .has_snapshots = view->has_snapshots,
        .has_checkpoints = view->has_checkpoints,
        .started = view->started,
        .bound_to = view->bound_to,
        .active = view->active,
        .persistent = view->persistent_config,
        .memory = view->memory,
        .vcpus = view->vcpus,
    };
}

DomainView *domain_view_ref(DomainView *view)
{
    g_atomic_int_inc(&view->refs);
    return view;
}

void domain_view_unref(DomainView *view)
{
    if (!view || !g_atomic_int_dec_and_test(&view->refs))
        return;
    if (view->free_facts)
        view->free_facts(view->driver_facts);
    domain_config_unref(view->active);
    domain_config_unref(view->persistent_config);
    g_strfreev(view->labels);
    g_free(view);
}
