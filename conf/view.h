/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The published answer to every question about a domain: immutable, reference counted,
 * replaced as a whole by conf/list.h when a job publishes a change. Readable by any thread
 * that holds a reference, without a lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "conf/config.h"

typedef struct DomainView {
    int refs;                    /* atomic */
    int id;                      /* -1: not running */
    int state, reason;           /* virDomainState and its reason */
    unsigned vcpus, max_vcpus;
    uint64_t memory, max_memory; /* KiB */
    uint32_t filter;             /* the VIR_CONNECT_LIST_DOMAINS_* bits that this domain matches, one of each group */
    uint32_t handle_size;        /* bytes of `handle` */
    bool persistent, autostart, updated, managed_save, has_snapshots, has_checkpoints;
    int64_t started;             /* clock_real() at the start; 0: not running */
    uint64_t bound_to;           /* the client with whose connection it ends; 0: nobody's, and when not running */
    const DomainConfig *active;      /* NULL when not running */
    const DomainConfig *persistent_config;    /* NULL when transient */
    Uuid uuid;
    char *name;
    char **labels;               /* NULL-terminated; NULL: none (conf/label.h) */
    void *driver_facts;          /* the driver's own immutable facts; freed by free_facts */
    void (*free_facts)(void *facts);
    uint8_t handle[];            /* the domain's handle as it goes over the wire: name, uuid, id */
} DomainView;

/* What a new view is made of. Pointers are borrowed for the call: configs are referenced,
 * `driver_facts` is taken over. Name and uuid come from the configs (active first). */
typedef struct DomainFacts {
    int id, state, reason;
    bool autostart, updated, managed_save, has_snapshots, has_checkpoints;
    int64_t started;
    uint64_t bound_to;
    const DomainConfig *active, *persistent;
    uint64_t memory;             /* 0: from the config */
    unsigned vcpus;              /* 0: from the config */
    void *driver_facts;
    void (*free_facts)(void *facts);
} DomainFacts;

/* One reference, the caller's. */
DomainView *domain_view_new(const DomainFacts *facts);
/* The facts of a view, to be changed and made into the next one (borrowed pointers; driver_facts NULL). */
DomainFacts domain_view_facts(const DomainView *view);
DomainView *domain_view_ref(DomainView *view);
void domain_view_unref(DomainView *view);    /* NULL is fine */

/* The config that a question without further flags means: active, else persistent. */
static inline const DomainConfig *domain_view_config(const DomainView *view)
{
    return view->active ? view->active : view->persistent_config;
}

/* True when the view passes all groups of VIR_CONNECT_LIST_DOMAINS_* bits in `flags`
 * (inside a group any bit, an empty group is no condition). */
bool domain_filter_match(uint32_t filter, uint32_t flags);
/* `flags` without the groups that are there as a whole and so exclude nobody ("list --all" sends active and
 * inactive). */
uint32_t domain_filter_reduce(uint32_t flags);
/* All the bits that domain_filter_match knows. */
extern const uint32_t domain_filter_known;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainView, domain_view_unref)
