/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages: what lists and statistics read of a whole shard, in one piece of memory that never
 * changes. Made under LOCK_LIST_UUID by whoever first asks after a change (a publisher drops the
 * page and makes none), so that a burst of changes costs nothing and an idle shard one reference.
 * Any thread; nothing here waits or visits a domain that didn't change. */
#include "conf/list.h"

#include <string.h>

#include <glib.h>
#include <libvirt/libvirt.h>

#include "conf/list-private.h"

static void page_fill(DomainPage *page, DomainEntry *entry)
{
    DomainView *view = domain_view_ref(entry->view);

    *entry = (DomainEntry){
        .view = view,
        .filter = view->filter,
        .handle_at = (uint32_t)page->handles_size,
        .handle_size = view->handle_size,
        .state = view->state,
        .reason = view->reason,
        .memory = view->memory,
        .max_memory = view->max_memory,
        .vcpus = view->vcpus,
        .max_vcpus = view->max_vcpus,
    };
    memcpy(page->handles + page->handles_size, view->handle, view->handle_size);
    page->handles_size += view->handle_size;
    page->all_filters |= view->filter;
}

/* Domains and views lie anywhere in memory: all are asked for before the first is used, because taking a
 * reference waits for what was asked for before it and would let one come after the other. */
static DomainPage *page_new_locked(const UuidShard *shard)
{
    size_t entries_size = shard->listed * sizeof(DomainEntry);
    DomainPage *page = g_malloc(sizeof *page + entries_size + shard->handles_size);

    lock_assert_held(&shard->lock);
    *page = (DomainPage){ .refs = 1, .entries = (DomainEntry *)(page + 1) };
    page->handles = (uint8_t *)(page->entries + shard->listed);
    for (uint32_t i = 0; i < shard->domains.size; i++) {
        const Domain *domain = shard->domains.slots[i].item;

        if (domain && domain->view) {
            page->entries[page->n++].view = domain->view;
            __builtin_prefetch(domain->view);
            __builtin_prefetch(domain->view->handle);
        }
    }
    for (uint32_t i = 0; i < page->n; i++)
        page_fill(page, &page->entries[i]);
    g_assert(page->n == shard->listed && page->handles_size == shard->handles_size);
    return page;
}

/* NULL for a shard without domains. */
static DomainPage *shard_page(UuidShard *shard)
{
    LOCK_SCOPE(&shard->lock);
    if (shard->listed == 0)
        return NULL;
    if (!shard->page)
        shard->page = page_new_locked(shard);
    g_atomic_int_inc(&shard->page->refs);
    return shard->page;
}

unsigned domain_list_pages(DomainList *list, DomainPage **pages, unsigned max)
{
    unsigned n = 0;

    g_assert(max == DOMAIN_LIST_SHARDS);
    for (unsigned i = 0; i < DOMAIN_LIST_SHARDS; i++) {
        DomainPage *page = shard_page(&list->uuids[i]);

        if (page)
            pages[n++] = page;
    }
    return n;
}

void domain_page_unref(DomainPage *page)
{
    if (!page || !g_atomic_int_dec_and_test(&page->refs))
        return;
    for (uint32_t i = 0; i < page->n; i++)
        domain_view_unref(page->entries[i].view);
    g_free(page);
}

static unsigned page_count(const DomainPage *page, uint32_t flags)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < page->n; i++)
        n += domain_filter_match(page->entries[i].filter, flags);
    return n;
}

unsigned domain_list_count(DomainList *list, uint32_t flags)
{
    const uint32_t both = VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE;
    uint64_t counts = atomic_load_explicit(&list->counts, memory_order_acquire);
    uint32_t active = (uint32_t)(counts >> 32), inactive = (uint32_t)counts;
    unsigned n = 0;

    flags &= domain_filter_known;
    if (flags == 0 || flags == both)
        return active + inactive;
    if (flags == VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        return active;
    if (flags == VIR_CONNECT_LIST_DOMAINS_INACTIVE)
        return inactive;
    for (unsigned i = 0; i < DOMAIN_LIST_SHARDS; i++) {
        DomainPage *page = shard_page(&list->uuids[i]);

        if (page)
            n += page_count(page, flags);
        domain_page_unref(page);
    }
    return n;
}
