/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which hosts there are by their URIs, and how one is opened and closed.
 * Runs on workers and the main thread; opening may read files and directories, the stored domains with
 * several threads at once. Nobody else knows the host until test_open has returned, so no job is needed. */
#include "drivers/test/driver.h"

#include <stdlib.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "base/log.h"
#include "drivers/common/change.h"
#include "drivers/test/test.h"

LOG_SOURCE("drivers.test.host");

#define DEFAULT_PATH "/default"
enum { LOAD_THREADS_MAX = 8 };

/* The domain that a host without a store begins with. */
static const char first_document[] =
    "<domain type='test'>"
    "<name>test</name>"
    "<uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>"
    "<memory unit='KiB'>8388608</memory>"
    "<currentMemory unit='KiB'>2097152</currentMemory>"
    "<vcpu>2</vcpu>"
    "<os><type arch='" TEST_ARCH "'>hvm</type><boot dev='hd'/></os>"
    "<clock offset='utc'/>"
    "<devices>"
    "<disk type='file' device='disk'><source file='/guest/diskimage1'/><target dev='vda' bus='virtio'/>"
    "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></disk>"
    "<interface type='network'><mac address='aa:bb:cc:dd:ee:ff'/><source network='default'/>"
    "<target dev='testnet0'/><address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/></interface>"
    "<memballoon model='virtio'><address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>"
    "</memballoon>"
    "</devices>"
    "</domain>";

/* --- URIs ------------------------------------------------------------------------------------ */

typedef struct TestUri {
    char *path;
    char *store;      /* canonical directory; NULL: none */
} TestUri;

static void test_uri_clear(TestUri *uri)
{
    g_free(uri->path);
    g_free(uri->store);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestUri, test_uri_clear)

static int bad_uri(Error *error, const char *uri, const char *why)
{
    return error_set(error, VIR_FROM_TEST, VIR_ERR_INVALID_ARG, "'%s': %s", uri, why);
}

/* One directory has one name, also before it exists. */
static char *canonical_directory(const char *path)
{
    char *real = realpath(path, NULL);
    char *text = real ? g_strdup(real) : g_canonicalize_filename(path, "/");

    free(real);
    return text;
}

static int parse_query(const char *text, const char *query, TestUri *uri, Error *error)
{
    g_autoptr(GHashTable) params = query ? g_uri_parse_params(query, -1, "&;", G_URI_PARAMS_NONE, NULL) : NULL;
    GHashTableIter iter;
    void *name, *value;

    if (!query || !*query)
        return 0;
    if (!params)
        return bad_uri(error, text, _("what stands behind '?' can't be understood"));
    g_hash_table_iter_init(&iter, params);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        if (strcmp(name, "store") != 0)
            return bad_uri(error, text, _("the test driver knows no parameter but 'store'"));
        if (!g_path_is_absolute(value))
            return bad_uri(error, text, _("the directory of a store is given by its absolute path"));
        uri->store = canonical_directory(value);
    }
    if (uri->store && strcmp(uri->path, DEFAULT_PATH) != 0)
        return bad_uri(error, text, _("only test:///default can have a store"));
    return 0;
}

/* 0; 1 without an error when another driver may want it; -1 and an error. */
static int parse_uri(const char *text, TestUri *uri, Error *error)
{
    g_autoptr(GUri) parts = g_uri_parse(text, G_URI_FLAGS_ENCODED_QUERY, NULL);
    const char *host;

    if (!parts)
        return bad_uri(error, text, _("this is no URI"));
    host = g_uri_get_host(parts);
    if (host && *host)
        return 1;
    uri->path = g_strdup(g_uri_get_path(parts));
    if (!g_path_is_absolute(uri->path) || strcmp(uri->path, "/") == 0)
        return bad_uri(error, text, _("give the path of a node file, or use test:///default"));
    return parse_query(text, g_uri_get_query(parts), uri, error);
}

bool test_claims(const char *uri, char **key, Error *error)
{
    g_auto(TestUri) parts = { .path = NULL };

    if (parse_uri(uri, &parts, error) != 0)
        return false;
    if (strcmp(parts.path, DEFAULT_PATH) != 0)
        *key = NULL;
    else if (parts.store)
        *key = g_strdup_printf("test:///default?store=%s", parts.store);
    else
        *key = g_strdup("test:///default");
    return true;
}

/* --- domains --------------------------------------------------------------------------------- */

static void free_test_domain(void *data)
{
    TestDomain *test = data;

    lock_deinit(&test->lock);
    g_free(test);
}

void test_domain_attach(Domain *domain)
{
    TestDomain *test;

    if (domain->driver_data)
        return;
    test = g_new0(TestDomain, 1);
    lock_init(&test->lock, LOCK_TEST_HOST);
    domain->driver_data = test;
    domain->free_driver_data = free_test_domain;
}

static int add_first_domain(Host *host, Error *error)
{
    g_autoptr(DomainConfig) config = domain_config_parse(first_document, sizeof first_document - 1,
                                                         &test_domain_rules, 0, error);
    g_autoptr(Domain) domain = NULL;
    DomainFacts facts;
    bool fresh;

    domain = config ? domain_list_claim(host->domains, &config->uuid, config->name, &fresh, error) : NULL;
    if (!domain)
        return -1;
    facts = change_facts(domain);
    facts.persistent = config;
    test_domain_attach(domain);
    change_publish(domain, &facts);
    return test_start(host, domain, config, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_UNKNOWN, 0, error);
}

/* Called from several threads at once; the list's locks and the claim keep two files apart. */
static bool take_stored(void *data, const StoredDocument *document, Error *error)
{
    Host *host = data;
    g_autoptr(DomainConfig) config =
        domain_config_parse(document->document, document->size, &test_domain_rules, DOMAIN_PARSE_STORED, error);
    g_autoptr(Domain) domain = NULL;
    DomainFacts facts;
    bool fresh;

    if (!config)
        return false;
    if (strcmp(config->name, document->name) != 0) {
        error_set(error, VIR_FROM_TEST, VIR_ERR_XML_ERROR, _("the file '%s.xml' holds the domain '%s'"),
                  document->name, config->name);
        return false;
    }
    domain = domain_list_claim(host->domains, &config->uuid, config->name, &fresh, error);
    if (!domain)
        return false;
    facts = change_facts(domain);
    facts.persistent = config;
    facts.autostart = document->autostart;
    test_domain_attach(domain);
    change_publish(domain, &facts);
    return true;
}

/* Starts those that are to start with the host; one that doesn't is named in the log. */
static void start_marked(Host *host)
{
    DomainPage *pages[DOMAIN_LIST_SHARDS];
    unsigned n = domain_list_pages(host->domains, pages, DOMAIN_LIST_SHARDS);
    Error error = ERROR_INIT;

    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; k < pages[i]->n; k++) {
            const DomainView *view = pages[i]->entries[k].view;
            g_autoptr(Domain) domain = view->autostart ? domain_list_find(host->domains, &view->uuid) : NULL;

            if (domain && test_start(host, domain, domain->persistent, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED,
                                     0, &error) < 0)
                log_warning("domain '%s' doesn't start with its host: %s", view->name, error.message);
            error_clear(&error);
        }
        domain_page_unref(pages[i]);
    }
}

static int open_store(Host *host, const char *directory, bool read_only, Error *error)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int n;

    if (read_only)
        return error_set(error, VIR_FROM_TEST, VIR_ERR_OPERATION_DENIED,
                         _("a read-only connection can't open the store in '%s'"), directory);
    host->store = store_open(directory, error);
    if (!host->store)
        return -1;
    n = store_load(host->store, (unsigned)CLAMP(processors, 1, LOAD_THREADS_MAX), take_stored, host, error);
    if (n < 0)
        return -1;
    log_info("%d domains were loaded from %s", n, directory);
    start_marked(host);
    return 0;
}

/* --- open and close -------------------------------------------------------------------------- */

static int fill(Host *host, const TestUri *uri, bool read_only, Error *error)
{
    if (strcmp(uri->path, DEFAULT_PATH) != 0) {
        /* The file may name others, which the daemon can read and its reader perhaps can't. */
        if (read_only)
            return error_set(error, VIR_FROM_TEST, VIR_ERR_OPERATION_DENIED,
                             _("a read-only connection can't open the node file '%s'"), uri->path);
        return test_load_node_file(host, uri->path, error);
    }
    if (uri->store)
        return open_store(host, uri->store, read_only, error);
    return add_first_domain(host, error);
}

int test_open(Host *host, const char *text, bool read_only, Error *error)
{
    g_auto(TestUri) uri = { .path = NULL };
    g_autofree char *escaped = NULL;
    TestHost *test;

    if (parse_uri(text, &uri, error) != 0)
        return -1;
    test = g_new0(TestHost, 1);
    test->node = test_default_node;
    test->next_id = 1;
    lock_init(&test->lock, LOCK_TEST_HOST);
    host->data = test;
    escaped = g_uri_escape_string(uri.path, "/", false);
    host->uri = g_strconcat("test://", escaped, NULL);
    if (fill(host, &uri, read_only, error) < 0) {
        test_close(host);
        return -1;
    }
    test->capabilities = test_capabilities(&test->node);
    return 0;
}

void test_close(Host *host)
{
    TestHost *test = test_host(host);

    host->data = NULL;
    lock_deinit(&test->lock);
    g_free(test->capabilities);
    g_free(test);
}
