/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domains of one hypervisor, found by UUID, name and id without visiting any other.
 *
 * Sharded: names, UUIDs and ids each have their own shards with a lock and a hash table.
 * Order of locks: name shard, UUID shard, id shard; never a domain's job inside.
 * Questions get a reference to a published view and hold no lock while they use it.
 * A list is answered from each shard's *page*: an immutable array with what lists and
 * statistics need, made when it is first asked for after a change of the shard. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "conf/config.h"
#include "conf/job.h"
#include "conf/view.h"

typedef struct DomainList DomainList;

typedef struct Domain {
    /* fixed after creation */
    Uuid uuid;
    DomainList *list;
    int refs;                 /* atomic */
    JobQueue jobs;            /* has its own lock */
    /* published: swapped whole under LOCK_LIST_UUID, read through domain_list_* and domain_view */
    DomainView *view;         /* NULL: claimed and not yet published, or gone */
    /* owned by the running job */
    bool gone;                /* removed from the list; a job that waited must look the domain up again */
    const DomainConfig *persistent;    /* NULL: transient */
    const DomainConfig *active;        /* NULL: shut off */
    void *driver_data;        /* the driver's */
    void (*free_driver_data)(void *data);
    /* changed by the running job under the name and the UUID shard: each alone is enough to read it */
    const char *name;         /* what it is listed under */
    struct DomainName *named, *reserved;    /* private to conf/list.c: that name, and the one that a renaming holds */
    /* under the UUID shard */
    unsigned claims;          /* not yet given back; counts only until the first view is published */
} Domain;

DomainList *domain_list_new(void);
void domain_list_free(DomainList *list);    /* no job may run */

/* --- questions: any thread, never wait for a domain ---------------------------------------- */

/* Each gives an owned reference to a view or NULL; no error is set, the caller knows what it asked. */
DomainView *domain_list_view_by_uuid(DomainList *list, const Uuid *uuid);
DomainView *domain_list_view_by_name(DomainList *list, const char *name);
DomainView *domain_list_view_by_id(DomainList *list, int id);
/* The domain itself (owned reference) for a change; claimed ones are not found. */
Domain *domain_list_find(DomainList *list, const Uuid *uuid);
DomainView *domain_view(Domain *domain);    /* owned reference; NULL when gone */
Domain *domain_ref(Domain *domain);
void domain_unref(Domain *domain);

typedef struct DomainEntry {
    DomainView *view;         /* kept alive by the page */
    uint32_t filter;          /* as in the view */
    uint32_t handle_at, handle_size;    /* in the page's handles */
    int32_t state, reason;
    uint64_t memory, max_memory;
    uint32_t vcpus, max_vcpus;
} DomainEntry;

typedef struct DomainPage {
    int refs;                 /* atomic */
    uint32_t n;
    uint32_t all_filters;     /* AND of all filters' groups is not kept; this is the OR of all `filter` */
    size_t handles_size;
    uint8_t *handles;         /* the handles one after another, as they go over the wire */
    DomainEntry *entries;
} DomainPage;

/* The pages of all shards: owned references in `pages[0 .. returned-1]`; `max` must be DOMAIN_LIST_SHARDS.
 * Domains come in no particular order. */
#define DOMAIN_LIST_SHARDS 128
unsigned domain_list_pages(DomainList *list, DomainPage **pages, unsigned max);
void domain_page_unref(DomainPage *page);
/* How many domains match VIR_CONNECT_LIST_DOMAINS_* `flags` (0: all). */
unsigned domain_list_count(DomainList *list, uint32_t flags);

/* --- changes: called inside a job of the domain, or (claim) before it ------------------------ */

/* Finds the domain with this uuid and name or reserves both for a new one, visiting nobody else.
 * Owned reference. `*fresh`: true when it was made here; it is invisible until published.
 * NULL and VIR_ERR_OPERATION_FAILED when the name belongs to another uuid or the uuid to another name.
 *
 * Two calls may claim the same new domain, and either may get its job first, so `fresh` tells nobody what he will
 * find in the job. Whoever runs looks there: `gone` means removed meanwhile, a `name` that isn't the claimed one
 * means renamed meanwhile: end the job and claim anew. A NULL `view` means that it is his to define, fresh or not. */
Domain *domain_list_claim(DomainList *list, const Uuid *uuid, const char *name, bool *fresh, Error *error);
/* Gives one claim back that didn't end in domain_publish: exactly once, inside the job or without one (refused,
 * cancelled, never begun), and nothing owned by the job is touched after. When the domain was never published and
 * nobody else claims it, name and uuid are free again. Does nothing to a domain that was published or is gone. */
void domain_list_release(Domain *domain);
/* Swaps the view (reference is taken over) and keeps the indexes by id and name right. */
void domain_publish(Domain *domain, DomainView *view);
/* Takes the domain out of all indexes and marks it gone; parked calls find out when their turn comes. */
void domain_remove(Domain *domain);
/* Reserves `name` for this domain beside its present one: VIR_ERR_OPERATION_FAILED when taken.
 * The next published view with that name ends the renaming; domain_rename_abort gives it back. */
int domain_rename_begin(Domain *domain, const char *name, Error *error);
void domain_rename_abort(Domain *domain, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Domain, domain_unref)
