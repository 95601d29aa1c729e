/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenlab-domains: many domains that exist and never run, for measuring how questions grow with their number.
 *
 *   xenlab-domains make COUNT [PREFIX]     makes them, named PREFIX0, PREFIX1, … (PREFIX: "many-")
 *   xenlab-domains announce COUNT [PREFIX] the same, and tells xenstored, as for a real guest: watchers are woken
 *   xenlab-domains put ID NAME             makes one that has this id, which must be free: as if the ids had come round
 *   xenlab-domains remove [PREFIX]         ends and forgets all of that prefix
 *   xenlab-domains show                    all of them, a line each: id, UUID, and "-" and a letter for each of paused,
 *                                          shut down, suspended, dying
 *   xenlab-domains list [ROUNDS]           the best time that the hypervisor takes to list all, in microseconds
 *
 * Such a domain is a PV domain with an id, a UUID, one virtual CPU and the nodes in xenstore that xl writes for a guest.
 * It has no memory; an announced one has the single page through which it would talk to xenstored. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <xenctrl.h>
#include <xenguest.h>
#include <xenstore.h>

#define BATCH 1024

typedef struct Host {
    xc_interface *xc;
    struct xs_handle *xs;
} Host;

static G_NORETURN void give_up(const char *what)
{
    fprintf(stderr, "xenlab-domains: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* All domains in the order of their ids; one hypercall for 1024. */
static GArray *list_domains(Host *host)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(xc_domaininfo_t));
    int got;

    do {
        guint had = all->len;
        uint32_t first = had ? g_array_index(all, xc_domaininfo_t, had - 1).domain + 1 : 0;

        g_array_set_size(all, had + BATCH);
        got = xc_domain_getinfolist(host->xc, first, BATCH, &g_array_index(all, xc_domaininfo_t, had));
        if (got < 0)
            give_up("listing the domains");
        g_array_set_size(all, had + got);
    } while (got == BATCH);
    return all;
}

static char *uuid_text(const xen_domain_handle_t h)
{
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1], h[2], h[3],
                           h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]);
}

/* Writes one node of a transaction; false when that can't be done. */
static bool put(Host *host, xs_transaction_t t, const char *folder, const char *node, const char *value)
{
    g_autofree char *path = g_strdup_printf("%s/%s", folder, node);

    return xs_write(host->xs, t, path, value, strlen(value));
}

static void write_nodes(Host *host, uint32_t id, const char *uuid, const char *name)
{
    g_autofree char *number = g_strdup_printf("%u", id);
    g_autofree char *domain = g_strdup_printf("/local/domain/%u", id);
    g_autofree char *vm = g_strdup_printf("/vm/%s", uuid);
    g_autofree char *libxl = g_strdup_printf("/libxl/%u", id);
    bool done;

    do {
        xs_transaction_t t = xs_transaction_start(host->xs);

        if (t == XBT_NULL ||
            !put(host, t, vm, "name", name) || !put(host, t, vm, "uuid", uuid) || !put(host, t, vm, "image/ostype", "linux") ||
            !put(host, t, domain, "vm", vm) || !put(host, t, domain, "name", name) ||
            !put(host, t, domain, "domid", number) || !put(host, t, domain, "cpu/0/availability", "online") ||
            !put(host, t, domain, "memory/static-max", "4096") || !put(host, t, domain, "memory/target", "4096") ||
            !put(host, t, domain, "control/shutdown", "") || !put(host, t, libxl, "type", "pv"))
            give_up("writing a domain's nodes");
        done = xs_transaction_end(host->xs, t, false);
        if (!done && errno != EAGAIN)
            give_up("ending a transaction");
    } while (!done);
}

/* One page, known to xenstored as the domain's ring: @introduceDomain fires. */
static void announce(Host *host, uint32_t id)
{
    xen_pfn_t page = 0;
    int port;

    if (xc_domain_setmaxmem(host->xc, id, 64) || xc_domain_populate_physmap_exact(host->xc, id, 1, 0, 0, &page))
        give_up("a domain's page");
    port = xc_evtchn_alloc_unbound(host->xc, id, 0);
    if (port < 0 || xc_dom_gnttab_seed(host->xc, id, false, (xen_pfn_t)-1, page, 0, 0))
        give_up("a domain's event channel and grant");
    if (!xs_introduce_domain(host->xs, id, page, port))
        give_up("announcing a domain");
}

/* id 0: the hypervisor chooses. */
static void make_one(Host *host, uint32_t id, const char *name, bool announced)
{
    struct xen_domctl_createdomain how = {
        .max_vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = announced ? 4 : 1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    g_autofree char *uuid = NULL;

    for (unsigned byte = 0; byte < sizeof how.handle; byte++)
        how.handle[byte] = g_random_int_range(0, 256);
    uuid = uuid_text(how.handle);
    if (xc_domain_create(host->xc, &id, &how) || xc_domain_max_vcpus(host->xc, id, 1))
        give_up("making a domain");
    write_nodes(host, id, uuid, name);
    if (announced)
        announce(host, id);
}

static void make(Host *host, unsigned count, const char *prefix, bool announced)
{
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf("%s%u", prefix, i);

        make_one(host, 0, name, announced);
    }
}

static void remove_all(Host *host, const char *prefix)
{
    g_autoptr(GArray) all = list_domains(host);

    for (guint i = 0; i < all->len; i++) {
        const xc_domaininfo_t *info = &g_array_index(all, xc_domaininfo_t, i);
        g_autofree char *domain = g_strdup_printf("/local/domain/%u", info->domain);
        g_autofree char *libxl = g_strdup_printf("/libxl/%u", info->domain);
        g_autofree char *uuid = uuid_text(info->handle);
        g_autofree char *vm = g_strdup_printf("/vm/%s", uuid);
        g_autofree char *path = g_strdup_printf("%s/name", domain);
        char *name = xs_read(host->xs, XBT_NULL, path, NULL);    /* from malloc */

        if (info->domain && name && g_str_has_prefix(name, prefix)) {
            xs_release_domain(host->xs, info->domain);    /* fails when it was not announced */
            if (xc_domain_destroy(host->xc, info->domain))
                give_up("ending a domain");
            xs_rm(host->xs, XBT_NULL, domain);
            xs_rm(host->xs, XBT_NULL, libxl);
            xs_rm(host->xs, XBT_NULL, vm);
        }
        free(name);
    }
}

static void show(Host *host)
{
    g_autoptr(GArray) all = list_domains(host);

    for (guint i = 0; i < all->len; i++) {
        const xc_domaininfo_t *info = &g_array_index(all, xc_domaininfo_t, i);
        unsigned why = (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
        bool shut = info->flags & XEN_DOMINF_shutdown;
        g_autofree char *uuid = uuid_text(info->handle);

        printf("%u %s -%s%s%s%s\n", info->domain, uuid, info->flags & XEN_DOMINF_paused ? "p" : "", shut ? "s" : "",
               shut && why == SHUTDOWN_suspend ? "u" : "", info->flags & XEN_DOMINF_dying ? "d" : "");
    }
}

static void time_list(Host *host, unsigned rounds)
{
    gint64 best = G_MAXINT64;

    for (unsigned i = 0; i < rounds; i++) {
        gint64 start = g_get_monotonic_time();
        g_autoptr(GArray) all = list_domains(host);

        best = MIN(best, g_get_monotonic_time() - start);
    }
    printf("%" G_GINT64_FORMAT "\n", best);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "", *first = argc > 2 ? argv[2] : NULL;
    unsigned count = first ? strtoul(first, NULL, 10) : 0;
    Host host = { xc_interface_open(NULL, NULL, 0), xs_open(0) };

    if (!host.xc || !host.xs)
        give_up("reaching Xen and xenstored (is this a dom0?)");
    if (count && (g_str_equal(verb, "make") || g_str_equal(verb, "announce"))) {
        make(&host, count, argc > 3 ? argv[3] : "many-", g_str_equal(verb, "announce"));
    } else if (count && g_str_equal(verb, "put") && argc == 4) {
        make_one(&host, count, argv[3], false);
    } else if (g_str_equal(verb, "remove")) {
        remove_all(&host, first ? first : "many-");
    } else if (g_str_equal(verb, "show")) {
        show(&host);
    } else if (g_str_equal(verb, "list")) {
        time_list(&host, count ? count : 20);
    } else {
        fprintf(stderr, "usage: xenlab-domains make|announce COUNT [PREFIX] | put ID NAME | remove [PREFIX] | show "
                "| list [ROUNDS]\n");
        return 2;
    }
    return 0;
}
