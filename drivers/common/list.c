/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of a host's domains, made from the pages of the domain list: the handles are on the wire's
 * form there already, so that a list is a handful of pointers into pages which the call keeps alive.
 * Visits no domain and holds no lock; runs inline for small hosts, on a worker for large ones. */
#include "drivers/common/common.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"
#include "drivers/common/pages.h"

typedef struct Pages {
    unsigned n;
    DomainPage *page[DOMAIN_LIST_SHARDS];
} Pages;

static void release_pages(void *data)
{
    Pages *pages = data;

    for (unsigned i = 0; i < pages->n; i++)
        domain_page_unref(pages->page[i]);
}

unsigned op_pages(Op *op, DomainPage *const **pages)
{
    Pages *held = arena_alloc(op->arena, sizeof *held);

    held->n = domain_list_pages(op->host->domains, held->page, DOMAIN_LIST_SHARDS);
    op_keep(op, held, release_pages);
    *pages = held->page;
    return held->n;
}

int op_too_many(Op *op, size_t n)
{
    return error_set(op->error, VIR_FROM_RPC, VIR_ERR_RPC,
                     _("%zu domains are more than the %d that one reply can hold; ask for fewer with a filter"),
                     n, REMOTE_LIMIT_DOMAIN_LIST);
}

/* Whether a list with this filter has the entry. */
static bool is_listed(Op *op, const DomainEntry *entry, uint32_t filter)
{
    return domain_filter_match(entry->filter, filter) && (!op->may_see || op->may_see(op, entry->view));
}

/* Counts what matches, and the runs of neighbours in which it stands. */
static size_t count_matches(Op *op, DomainPage *const *pages, unsigned n_pages, uint32_t filter, size_t *n_runs)
{
    size_t n = 0, runs = 0;

    for (unsigned i = 0; i < n_pages; i++) {
        bool before = false;

        for (uint32_t k = 0; k < pages[i]->n; k++) {
            bool match = is_listed(op, &pages[i]->entries[k], filter);

            n += match;
            runs += match && !before;
            before = match;
        }
    }
    *n_runs = runs;
    return n;
}

/* How many domains a list with this filter has. */
static uint32_t count(Op *op, uint32_t filter)
{
    DomainPage *const *pages;
    unsigned n_pages;
    size_t runs;

    if (!op->may_see)
        return domain_list_count(op->host->domains, filter);
    n_pages = op_pages(op, &pages);
    return (uint32_t)count_matches(op, pages, n_pages, filter, &runs);
}

/* Appends one piece for each run of matching neighbours of a page; returns the place behind the last. */
static XdrPiece *put_runs(Op *op, XdrPiece *piece, const DomainPage *page, uint32_t filter)
{
    bool before = false;

    for (uint32_t k = 0; k < page->n; k++) {
        const DomainEntry *entry = &page->entries[k];
        bool match = is_listed(op, entry, filter);

        if (match && !before)
            *piece++ = (XdrPiece){ .data = page->handles + entry->handle_at };
        if (match)
            piece[-1].size += entry->handle_size;
        before = match;
    }
    return piece;
}

static int list_whole(Op *op, DomainPage *const *pages, unsigned n_pages, XdrEncoded *domains)
{
    XdrPiece *piece = arena_array(op->arena, MAX(n_pages, 1), sizeof *piece);
    size_t n = 0;

    domains->pieces = piece;
    for (unsigned i = 0; i < n_pages; i++) {
        if (!pages[i]->n)
            continue;
        n += pages[i]->n;
        *piece++ = (XdrPiece){ .data = pages[i]->handles, .size = pages[i]->handles_size };
    }
    if (n > REMOTE_LIMIT_DOMAIN_LIST)
        return op_too_many(op, n);
    domains->n = (uint32_t)n;
    domains->n_pieces = (uint32_t)(piece - domains->pieces);
    return 0;
}

static int list_filtered(Op *op, DomainPage *const *pages, unsigned n_pages, uint32_t filter, XdrEncoded *domains)
{
    size_t runs, n = count_matches(op, pages, n_pages, filter, &runs);
    XdrPiece *piece;

    if (n > REMOTE_LIMIT_DOMAIN_LIST)
        return op_too_many(op, n);
    domains->pieces = piece = arena_array(op->arena, MAX(runs, 1), sizeof *piece);
    domains->n = (uint32_t)n;
    domains->n_pieces = (uint32_t)runs;
    for (unsigned i = 0; i < n_pages; i++)
        piece = put_runs(op, piece, pages[i], filter);
    return 0;
}

int common_connect_list_all_domains(Op *op, const RemoteConnectListAllDomainsArgs *args,
                                    RemoteConnectListAllDomainsResult *result)
{
    DomainPage *const *pages;
    unsigned n_pages;
    uint32_t flags;
    int rc;

    if (op_check_flags(op, args->flags, domain_filter_known) < 0)
        return -1;
    if (!args->need_results) {
        result->ret = count(op, args->flags);
        return 0;
    }
    n_pages = op_pages(op, &pages);
    flags = domain_filter_reduce(args->flags);
    rc = flags || op->may_see ? list_filtered(op, pages, n_pages, flags, &result->domains)
                              : list_whole(op, pages, n_pages, &result->domains);
    result->ret = result->domains.n;
    return rc;
}

int common_connect_num_of_domains(Op *op, RemoteConnectNumOfDomainsResult *result)
{
    result->num = (int32_t)count(op, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    return 0;
}

int common_connect_num_of_defined_domains(Op *op, RemoteConnectNumOfDefinedDomainsResult *result)
{
    result->num = (int32_t)count(op, VIR_CONNECT_LIST_DOMAINS_INACTIVE);
    return 0;
}

static int check_maximum(Op *op, int32_t max)
{
    if (max >= 0 && max <= REMOTE_LIMIT_DOMAIN_LIST)
        return 0;
    return error_set(op->error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR,
                     _("a list of at most %d domains was asked for; the limit is %d"), max, REMOTE_LIMIT_DOMAIN_LIST);
}

int common_connect_list_domains(Op *op, const RemoteConnectListDomainsArgs *args,
                                RemoteConnectListDomainsResult *result)
{
    DomainPage *const *pages;
    unsigned n_pages;

    if (check_maximum(op, args->maxids) < 0)
        return -1;
    n_pages = op_pages(op, &pages);
    result->ids = arena_array(op->arena, (size_t)args->maxids + 1, sizeof *result->ids);
    for (unsigned i = 0; i < n_pages; i++) {
        for (uint32_t k = 0; k < pages[i]->n && result->n_ids < (uint32_t)args->maxids; k++) {
            const DomainEntry *entry = &pages[i]->entries[k];

            if (is_listed(op, entry, VIR_CONNECT_LIST_DOMAINS_ACTIVE))
                result->ids[result->n_ids++] = entry->view->id;
        }
    }
    return 0;
}

int common_connect_list_defined_domains(Op *op, const RemoteConnectListDefinedDomainsArgs *args,
                                        RemoteConnectListDefinedDomainsResult *result)
{
    DomainPage *const *pages;
    unsigned n_pages;

    if (check_maximum(op, args->maxnames) < 0)
        return -1;
    n_pages = op_pages(op, &pages);
    result->names = arena_array(op->arena, (size_t)args->maxnames + 1, sizeof *result->names);
    for (unsigned i = 0; i < n_pages; i++) {
        for (uint32_t k = 0; k < pages[i]->n && result->n_names < (uint32_t)args->maxnames; k++) {
            const DomainEntry *entry = &pages[i]->entries[k];

            if (is_listed(op, entry, VIR_CONNECT_LIST_DOMAINS_INACTIVE))
                result->names[result->n_names++] = entry->view->name;
        }
    }
    return 0;
}
