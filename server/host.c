/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hypervisors that clients have open, by what their URI means. One that several connections can
 * share stays open as long as the server runs; one of a single connection goes with it.
 * Takes LOCK_HOSTS; opening runs without it, and who wants the same host waits meanwhile.
 * Runs on workers and the main thread: opening may read a disk. */
#include "server/server.h"

#include "base/i18n.h"
#include "base/log.h"

LOG_SOURCE("server.host");

/* Shared hosts that clients may have opened by URI at one time. */
enum { SHARED_HOSTS_MAX = 64 };

struct Hosts {
    /* fixed */
    Server *server;
    /* by hosts_open_own and hosts_free alone */
    GThread *opener;          /* opens the hypervisor that this machine runs on; NULL: there is none */
    /* under LOCK_HOSTS */
    Lock lock;
    Cond opened;
    GHashTable *by_key;       /* key → Host, one reference; the Host is NULL while it is being opened */
    GHashTable *all;          /* every Host, those of single connections too; no references */
};

Hosts *hosts_new(Server *server)
{
    Hosts *hosts = g_new0(Hosts, 1);

    hosts->server = server;
    lock_init(&hosts->lock, LOCK_HOSTS);
    cond_init(&hosts->opened);
    hosts->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    hosts->all = g_hash_table_new(NULL, NULL);
    return hosts;
}

void hosts_free(Hosts *hosts)
{
    GHashTableIter iter;
    void *host;

    if (hosts->opener)
        g_thread_join(hosts->opener);
    g_hash_table_iter_init(&iter, hosts->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &host))
        if (host)
            host_unref(host);
    g_assert(g_hash_table_size(hosts->all) == 0);
    g_hash_table_unref(hosts->by_key);
    g_hash_table_unref(hosts->all);
    cond_deinit(&hosts->opened);
    lock_deinit(&hosts->lock);
    g_free(hosts);
}

/* Asks whatever runs on a domain of these hosts to stop, and refuses what waits for one. */
static void interrupt_host(Host *host)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n = domain_list_pages(host->domains, pages, G_N_ELEMENTS(pages));

    for (unsigned i = 0; i < n; i++) {
        for (uint32_t j = 0; j < pages[i]->n; j++) {
            Domain *domain = domain_list_find(host->domains, &pages[i]->entries[j].view->uuid);

            if (!domain)
                continue;
            job_drain(&domain->jobs);
            job_interrupt(&domain->jobs, true);
            domain_unref(domain);
        }
        domain_page_unref(pages[i]);
    }
}

/* False: its last user is just closing it. Under LOCK_HOSTS. */
static bool ref_unless_closing(Host *host)
{
    int refs = __atomic_load_n(&host->refs, __ATOMIC_RELAXED);

    while (refs > 0)
        if (__atomic_compare_exchange_n(&host->refs, &refs, refs + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
    return false;
}

void hosts_interrupt(Hosts *hosts)
{
    g_autoptr(GPtrArray) open = g_ptr_array_new_with_free_func((GDestroyNotify)host_unref);
    GHashTableIter iter;
    void *host;

    lock_acquire(&hosts->lock);
    g_hash_table_iter_init(&iter, hosts->all);
    while (g_hash_table_iter_next(&iter, &host, NULL))
        if (ref_unless_closing(host))
            g_ptr_array_add(open, host);
    lock_release(&hosts->lock);
    for (unsigned i = 0; i < open->len; i++)
        interrupt_host(g_ptr_array_index(open, i));
}

GPtrArray *hosts_shared(Hosts *hosts)
{
    GPtrArray *shared = g_ptr_array_new();
    GHashTableIter iter;
    void *host;

    LOCK_SCOPE(&hosts->lock);
    g_hash_table_iter_init(&iter, hosts->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &host))
        if (host)
            g_ptr_array_add(shared, host);
    return shared;
}

Host *host_ref(Host *host)
{
    __atomic_add_fetch(&host->refs, 1, __ATOMIC_RELAXED);
    return host;
}

/* Its driver has closed it, or could not open it. */
static void host_free(Host *host)
{
    domain_list_free(host->domains);
    store_close(host->store);
    g_free(host->uri);
    g_free(host->key);
    g_free(host);
}

void host_unref(Host *host)
{
    Hosts *hosts = ((Server *)host->server)->hosts;

    if (__atomic_sub_fetch(&host->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    lock_acquire(&hosts->lock);
    g_hash_table_remove(hosts->all, host);
    lock_release(&hosts->lock);
    host->driver->close(host);
    host_free(host);
}

static const Driver *find_driver(Server *server, const char *uri)
{
    g_autofree char *scheme = g_uri_parse_scheme(uri);

    for (const Driver *const *driver = server->drivers; scheme && *driver; driver++)
        if (strcmp((*driver)->scheme, scheme) == 0)
            return *driver;
    return NULL;
}

/* A new host with one reference, or NULL and an error. */
static Host *open_new(Server *server, const Driver *driver, const char *uri, const char *key, bool read_only,
                      Error *error)
{
    Host *host = g_new0(Host, 1);

    host->refs = 1;
    host->driver = driver;
    host->key = g_strdup(key);
    host->error_domain = driver->error_domain;
    host->timers = server->timers;
    host->wrap = server->wrap;
    host->announce = event_announce;
    host->server = server;
    host->state_dir = server->config->state_dir;
    host->domains = domain_list_new();
    if (driver->open(host, uri, read_only, error) == 0) {
        lock_acquire(&server->hosts->lock);
        g_hash_table_add(server->hosts->all, host);
        lock_release(&server->hosts->lock);
        log_info("%s is open", uri);
        return host;
    }
    host_free(host);
    return NULL;
}

/* The shared host of this key, opened by whoever comes first. */
static Host *open_shared(Hosts *hosts, const Driver *driver, const char *uri, const char *key, bool read_only,
                         Error *error)
{
    void *found;
    Host *host;

    lock_acquire(&hosts->lock);
    while (g_hash_table_lookup_extended(hosts->by_key, key, NULL, &found) && !found)
        cond_wait(&hosts->opened, &hosts->lock);
    found = g_hash_table_lookup(hosts->by_key, key);
    if (found) {
        host_ref(found);
        lock_release(&hosts->lock);
        return found;
    }
    if (g_hash_table_size(hosts->by_key) >= SHARED_HOSTS_MAX) {
        lock_release(&hosts->lock);
        error_set(error, VIR_FROM_RPC, VIR_ERR_OPERATION_FAILED, _("%u hypervisors are open, '%s' is one too many"),
                  SHARED_HOSTS_MAX, uri);
        return NULL;
    }
    g_hash_table_insert(hosts->by_key, g_strdup(key), NULL);
    lock_release(&hosts->lock);
    host = open_new(hosts->server, driver, uri, key, read_only, error);
    lock_acquire(&hosts->lock);
    if (host)
        g_hash_table_insert(hosts->by_key, g_strdup(key), host_ref(host));
    else
        g_hash_table_remove(hosts->by_key, key);
    cond_broadcast(&hosts->opened);
    lock_release(&hosts->lock);
    return host;
}

Host *host_open(Hosts *hosts, const char *uri, bool read_only, Error *error)
{
    Server *server = hosts->server;
    const Driver *driver;
    g_autofree char *key = NULL;

    if (!*uri)
        uri = server->config->default_uri;
    driver = find_driver(server, uri);
    if (driver && driver->claims(uri, &key, error)) {
        if (key)
            return open_shared(hosts, driver, uri, key, read_only, error);
        return open_new(server, driver, uri, NULL, read_only, error);
    }
    if (!error_is_set(error))
        error_set(error, VIR_FROM_NONE, VIR_ERR_NO_CONNECT, _("no driver of this server serves '%s'"), uri);
    return NULL;
}

/* A thread, since it may take long when there are many guests, and others needn't wait for it. */
static void *open_own(void *data)
{
    Hosts *hosts = data;

    for (const Driver *const *driver = hosts->server->drivers; *driver; driver++) {
        const char *uri = (*driver)->own_host ? (*driver)->own_host() : NULL;
        Error error = ERROR_INIT;
        Host *host = uri ? host_open(hosts, uri, false, &error) : NULL;

        if (host)
            host_unref(host);
        else if (uri)
            log_warning("%s can't be opened: %s", uri, error.message ? error.message : "");
        error_clear(&error);
    }
    return NULL;
}

void hosts_open_own(Hosts *hosts)
{
    for (const Driver *const *driver = hosts->server->drivers; *driver && !hosts->opener; driver++)
        if ((*driver)->own_host && (*driver)->own_host())
            hosts->opener = g_thread_new("own-hosts", open_own, hosts);
}
