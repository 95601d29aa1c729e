/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which URIs are which hosts, node files, and what a connection can ask about the host. */
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>

#include "drivers-fixture.h"
#include "drivers/test/driver.h"

/* The key, "own" for a host of the connection's own, "E" and the code, or "not mine"; static storage. */
static const char *claimed(const char *uri)
{
    g_autofree char *key = NULL, *failure = NULL;
    Error error = ERROR_INIT;
    const char *text;

    if (test_driver.claims(uri, &key, &error)) {
        text = key ? key : "own";
    } else {
        failure = g_strdup_printf("E%d", error.code);
        text = error.code ? failure : "not mine";
    }
    text = g_intern_string(text);
    error_clear(&error);
    return text;
}

static void uris_say_who_shares_a_host(void)
{
    g_assert_cmpstr(claimed("test:///default"), ==, "test:///default");
    g_assert_cmpstr(claimed("test:///some/file.xml"), ==, "own");
    g_assert_cmpstr(claimed("test:///default?store=/no/such/directory"), ==,
                    "test:///default?store=/no/such/directory");
    g_assert_cmpstr(claimed("test:///default?store=%2Fno%2Fsuch/../such/directory/"), ==,
                    "test:///default?store=/no/such/directory");
    g_assert_cmpstr(claimed("test://elsewhere/default"), ==, "not mine");
}

static void uris_that_mean_nothing_are_refused(void)
{
    g_assert_cmpstr(claimed("test:///"), ==, "E8");
    g_assert_cmpstr(claimed("test:default"), ==, "E8");
    g_assert_cmpstr(claimed("test:///default?stroe=/x"), ==, "E8");
    g_assert_cmpstr(claimed("test:///default?store=relative"), ==, "E8");
    g_assert_cmpstr(claimed("test:///file.xml?store=/x"), ==, "E8");
}

static void a_read_only_connection_makes_no_store(void)
{
    g_autofree char *directory = g_dir_make_tmp("drover-XXXXXX", NULL);
    g_autofree char *inner = g_build_filename(directory, "store", NULL);
    g_autofree char *uri = g_strdup_printf("test:///default?store=%s", inner);
    Error error = ERROR_INIT;

    g_assert_null(fixture_open(&test_driver, uri, true, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_DENIED);
    g_assert_false(g_file_test(inner, G_FILE_TEST_EXISTS));
    error_clear(&error);
    g_rmdir(directory);
}

/* --- node files ------------------------------------------------------------------------------ */

typedef struct Files {
    char *directory, *node, *beside, *uri;
} Files;

static void files_init(Files *files, const char *node, const char *beside)
{
    files->directory = g_dir_make_tmp("drover-XXXXXX", NULL);
    files->node = g_build_filename(files->directory, "node.xml", NULL);
    files->beside = g_build_filename(files->directory, "beside.xml", NULL);
    files->uri = g_strconcat("test://", files->node, NULL);
    g_assert_true(g_file_set_contents(files->node, node, -1, NULL));
    g_assert_true(g_file_set_contents(files->beside, beside ? beside : "", -1, NULL));
}

static void files_clear(Files *files)
{
    g_remove(files->node);
    g_remove(files->beside);
    g_rmdir(files->directory);
    g_free(files->directory);
    g_free(files->node);
    g_free(files->beside);
    g_free(files->uri);
}

/* Opens it and gives the error's code. */
static int refused(const char *node, const char *beside)
{
    Error error = ERROR_INIT;
    Fixture *fixture;
    Files files;
    int code;

    files_init(&files, node, beside);
    fixture = fixture_open(&test_driver, files.uri, false, &error);
    code = error.code;
    if (fixture)
        fixture_free(fixture);
    error_clear(&error);
    files_clear(&files);
    return code;
}

#define NAMESPACE " xmlns:test='http://libvirt.org/schemas/domain/test/1.0'"
#define BODY(name) "<name>" name "</name><memory>1024</memory><os><type>hvm</type></os>"

static void a_node_file_gives_domains_and_their_states(void)
{
    Fixture *fixture;
    Files files;

    files_init(&files, "<node" NAMESPACE ">"
                       "<domain type='test'>" BODY("runs") "</domain>"
                       "<domain type='test'>" BODY("off") "<test:runstate>5</test:runstate></domain>"
                       "<domain type='test'>" BODY("paused") "<test:runstate>3</test:runstate></domain>"
                       "<domain type='test'>" BODY("passing") "<test:transient/></domain>"
                       "<domain type='test'>" BODY("saved") "<test:runstate>5</test:runstate><test:hasmanagedsave/>"
                       "</domain>"
                       "<domain file='beside.xml'/>"
                       "</node>", "<domain type='test'>" BODY("beside") "</domain>");
    fixture = fixture_new(&test_driver, files.uri);
    g_assert_cmpstr(fixture->host.uri, ==, files.uri);
    g_assert_cmpstr(fixture_state(fixture, "runs"), ==, "running/0");
    g_assert_cmpstr(fixture_state(fixture, "off"), ==, "shutoff/0");
    g_assert_cmpstr(fixture_state(fixture, "paused"), ==, "paused/0");
    g_assert_cmpstr(fixture_state(fixture, "beside"), ==, "running/0");
    g_assert_cmpuint(domain_list_count(fixture->host.domains, VIR_CONNECT_LIST_DOMAINS_TRANSIENT), ==, 1);
    g_assert_cmpuint(domain_list_count(fixture->host.domains, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE), ==, 1);
    g_assert_cmpuint(domain_list_count(fixture->host.domains, 0), ==, 6);
    fixture_free(fixture);
    files_clear(&files);
}

static void what_is_for_the_test_driver_alone_is_not_in_the_document(void)
{
    g_autofree char *document = NULL;
    Fixture *fixture;
    Files files;

    files_init(&files, "<node" NAMESPACE "><domain type='test'>" BODY("off") "<test:runstate>5</test:runstate></domain>"
                       "</node>", NULL);
    fixture = fixture_new(&test_driver, files.uri);
    document = fixture_xml(fixture, "off", 0);
    g_assert_null(strstr(document, "runstate"));
    fixture_free(fixture);
    files_clear(&files);
}

static void a_node_file_that_is_none_is_refused(void)
{
    g_assert_cmpint(refused("<node", NULL), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpint(refused("<domain/>", NULL), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpint(refused("<node><domain file='missing.xml'/></node>", NULL), ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpint(refused("<node><domain file='beside.xml'/></node>", "<network/>"), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpint(refused("<node><cpu><nodes>0</nodes></cpu></node>", NULL), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpint(refused("<node><memory>much</memory></node>", NULL), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpint(refused("<node><domain type='test'>" BODY("a") "</domain>"
                            "<domain type='test'>" BODY("a") "</domain></node>", NULL), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(refused("<node/>", NULL), ==, VIR_ERR_OK);
}

static void a_pipe_is_no_node_file_and_nobody_waits_for_it(void)
{
    g_autofree char *directory = g_dir_make_tmp("drover-XXXXXX", NULL);
    g_autofree char *pipe = g_build_filename(directory, "pipe", NULL);
    g_autofree char *uri = g_strconcat("test://", pipe, NULL);
    Error error = ERROR_INIT;

    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
    g_assert_null(fixture_open(&test_driver, uri, false, &error));
    g_assert_cmpint(error.code, ==, VIR_ERR_XML_ERROR);
    error_clear(&error);
    g_remove(pipe);
    g_rmdir(directory);
}

/* --- the node -------------------------------------------------------------------------------- */

static void the_default_node_is_the_one_that_clients_know(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    RemoteNodeGetInfoResult info = { .cpus = 0 };
    RemoteConnectGetVersionResult version = { .hv_ver = 0 };

    g_assert_cmpint(FIXTURE_CALL(fixture, "node.get_info", NULL, node_get_info, &info), ==, VIR_ERR_OK);
    g_assert_cmpstr(info.model, ==, "i686");
    g_assert_cmpuint(info.memory, ==, 3145728);
    g_assert_cmpint(info.cpus, ==, 16);
    g_assert_cmpint(info.mhz, ==, 1400);
    g_assert_cmpint(info.nodes * info.sockets * info.cores * info.threads, ==, 16);
    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.get_version", NULL, connect_get_version, &version), ==, VIR_ERR_OK);
    g_assert_cmpuint(version.hv_ver, ==, 2);
    fixture_free(fixture);
}

static void a_node_file_describes_its_node(void)
{
    RemoteNodeGetInfoResult info = { .cpus = 0 };
    Fixture *fixture;
    Files files;

    files_init(&files, "<node><cpu><model>ppc64</model><mhz>6000</mhz><active>50</active><nodes>4</nodes></cpu>"
                       "<memory>192000</memory></node>", NULL);
    fixture = fixture_new(&test_driver, files.uri);
    g_assert_cmpint(FIXTURE_CALL(fixture, "node.get_info", NULL, node_get_info, &info), ==, VIR_ERR_OK);
    g_assert_cmpstr(info.model, ==, "ppc64");
    g_assert_cmpuint(info.memory, ==, 192000);
    g_assert_cmpint(info.cpus, ==, 50);
    g_assert_cmpint(info.nodes, ==, 4);
    g_assert_cmpint(info.cores, ==, 2);
    fixture_free(fixture);
    files_clear(&files);
}

static void cells_are_counted_from_the_first_one_asked_for(void)
{
    const RemoteNodeGetCellsFreeMemoryArgs second = { .startCell = 1, .maxcells = 9 };
    const RemoteNodeGetCellsFreeMemoryArgs beyond = { .startCell = 2, .maxcells = 1 };
    Fixture *fixture = fixture_new(&test_driver, "test:///default");
    RemoteNodeGetCellsFreeMemoryResult result = { .n_cells = 0 };

    g_assert_cmpint(FIXTURE_CALL(fixture, "node.get_cells_free_memory", NULL, node_get_cells_free_memory, &second,
                                 &result), ==, VIR_ERR_OK);
    g_assert_cmpuint(result.n_cells, ==, 1);
    g_assert_cmpint(FIXTURE_CALL(fixture, "node.get_cells_free_memory", NULL, node_get_cells_free_memory, &beyond,
                                 &result), ==, VIR_ERR_INTERNAL_ERROR);
    fixture_free(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/test/host/" #claim, claim)
    ADD(uris_say_who_shares_a_host);
    ADD(uris_that_mean_nothing_are_refused);
    ADD(a_read_only_connection_makes_no_store);
    ADD(a_node_file_gives_domains_and_their_states);
    ADD(what_is_for_the_test_driver_alone_is_not_in_the_document);
    ADD(a_node_file_that_is_none_is_refused);
    ADD(a_pipe_is_no_node_file_and_nobody_waits_for_it);
    ADD(the_default_node_is_the_one_that_clients_know);
    ADD(a_node_file_describes_its_node);
    ADD(cells_are_counted_from_the_first_one_asked_for);
    return g_test_run();
}
