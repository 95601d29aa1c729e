/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The persistent side of the test driver's domains, and what outlives the host in a store. */
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>

#include "drivers-fixture.h"
#include "drivers/test/driver.h"

/* A host with a store in a fresh directory, and a way to open it again. */
typedef struct Kept {
    char *directory;
    char *uri;
    Fixture *fixture;
} Kept;

static void kept_open(Kept *kept)
{
    kept->fixture = fixture_new(&test_driver, kept->uri);
}

static void kept_reopen(Kept *kept)
{
    fixture_free(kept->fixture);
    kept_open(kept);
}

static void kept_init(Kept *kept)
{
    kept->directory = g_dir_make_tmp("drover-XXXXXX", NULL);
    g_assert_nonnull(kept->directory);
    kept->uri = g_strdup_printf("test:///default?store=%s", kept->directory);
    kept_open(kept);
}

static void remove_below(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);

        remove_below(inner);
    }
    if (dir)
        g_dir_close(dir);
    g_remove(path);
}

static void kept_clear(Kept *kept)
{
    fixture_free(kept->fixture);
    remove_below(kept->directory);
    g_free(kept->directory);
    g_free(kept->uri);
}

static int define(Fixture *fixture, const char *name, unsigned number)
{
    g_autofree char *document = fixture_document(name, number, NULL);

    return fixture_define(fixture, document);
}

static int set_autostart(Fixture *fixture, const char *name, bool autostart)
{
    const RemoteDomainSetAutostartArgs args = { .autostart = autostart };

    return FIXTURE_CALL(fixture, "domain.set_autostart", name, domain_set_autostart, &args);
}

static int rename_to(Fixture *fixture, const char *name, const char *new_name)
{
    const RemoteDomainRenameArgs args = { .new_name = new_name };
    RemoteDomainRenameResult result = { .retcode = 0 };

    return FIXTURE_CALL(fixture, "domain.rename", name, domain_rename, &args, &result);
}

static int undefine_with(Fixture *fixture, const char *name, uint32_t flags)
{
    const RemoteDomainUndefineFlagsArgs args = { .flags = flags };

    return FIXTURE_CALL(fixture, "domain.undefine_flags", name, domain_undefine_flags, &args);
}

/* --- define and undefine --------------------------------------------------------------------- */

static void define_adds_and_then_updates(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(define(fixture, "vm", 1), ==, VIR_ERR_OK);
    g_assert_cmpint(define(fixture, "vm", 1), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "vm"), ==, "shutoff/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle vm -1 0 0\nlifecycle vm -1 0 1\n");
    fixture_free(fixture);
}

static void a_name_or_uuid_of_another_domain_is_refused(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(define(fixture, "vm", 1), ==, VIR_ERR_OK);
    g_assert_cmpint(define(fixture, "vm", 2), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(define(fixture, "other", 1), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpstr(fixture_state(fixture, "other"), ==, "none");
    fixture_free(fixture);
}

static void defining_a_running_domain_waits_for_its_next_start(void)
{
    g_autofree char *document = fixture_document("vm", 1, "<console type='pty'/>");
    g_autofree char *live = NULL, *next = NULL;
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(define(fixture, "vm", 1), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "vm", 0), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    live = fixture_xml(fixture, "vm", 0);
    next = fixture_xml(fixture, "vm", VIR_DOMAIN_XML_INACTIVE);
    g_assert_null(strstr(live, "<console"));
    g_assert_nonnull(strstr(next, "<console"));
    fixture_free(fixture);
}

static void defining_a_running_transient_domain_makes_it_persistent(void)
{
    g_autofree char *document = fixture_document("vm", 1, NULL);
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_create(fixture, document, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_define(fixture, document), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_destroy(fixture, "vm"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "vm"), ==, "shutoff/2");
    fixture_free(fixture);
}

static void undefine_removes_a_domain_that_is_off(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(define(fixture, "vm", 1), ==, VIR_ERR_OK);
    fixture_events(fixture);
    g_assert_cmpint(fixture_undefine(fixture, "vm"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "vm"), ==, "none");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle vm -1 1 0\n");
    fixture_free(fixture);
}

static void undefine_leaves_a_running_domain_transient(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(fixture_undefine(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "test"), ==, "running/0");
    g_assert_cmpint(fixture_undefine(fixture, "test"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(set_autostart(fixture, "test", true), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(fixture_destroy(fixture, "test"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "test"), ==, "none");
    fixture_free(fixture);
}

static void undefine_can_not_both_keep_and_remove(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(undefine_with(fixture, "test", VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM), ==,
                    VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(undefine_with(fixture, "test", 1u << 30), ==, VIR_ERR_INVALID_ARG);
    fixture_free(fixture);
}

/* --- rename ---------------------------------------------------------------------------------- */

static void rename_is_announced_under_both_names(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(define(fixture, "old", 1), ==, VIR_ERR_OK);
    fixture_events(fixture);
    g_assert_cmpint(rename_to(fixture, "old", "new"), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "old"), ==, "none");
    g_assert_cmpstr(fixture_state(fixture, "new"), ==, "shutoff/0");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle old -1 1 1\nlifecycle new -1 0 2\n");
    fixture_free(fixture);
}

static void rename_refuses_what_is_no_free_name(void)
{
    Fixture *fixture = fixture_new(&test_driver, "test:///default");

    g_assert_cmpint(define(fixture, "vm", 1), ==, VIR_ERR_OK);
    g_assert_cmpint(rename_to(fixture, "vm", "vm"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(rename_to(fixture, "vm", "test"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(rename_to(fixture, "vm", "a/b"), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpint(rename_to(fixture, "vm", ""), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(rename_to(fixture, "vm", "\xff"), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(rename_to(fixture, "test", "running"), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(fixture_state(fixture, "vm"), ==, "shutoff/0");
    g_assert_cmpint(define(fixture, "a name that was never taken", 2), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

/* --- what is kept ---------------------------------------------------------------------------- */

static void a_store_begins_empty(void)
{
    Kept kept;

    kept_init(&kept);
    g_assert_cmpuint(domain_list_count(kept.fixture->host.domains, 0), ==, 0);
    kept_clear(&kept);
}

static void definitions_outlive_the_host(void)
{
    Kept kept;

    kept_init(&kept);
    g_assert_cmpint(define(kept.fixture, "stays", 1), ==, VIR_ERR_OK);
    g_assert_cmpint(define(kept.fixture, "goes", 2), ==, VIR_ERR_OK);
    g_assert_cmpint(define(kept.fixture, "old", 3), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_undefine(kept.fixture, "goes"), ==, VIR_ERR_OK);
    g_assert_cmpint(rename_to(kept.fixture, "old", "new"), ==, VIR_ERR_OK);
    kept_reopen(&kept);
    g_assert_cmpstr(fixture_state(kept.fixture, "stays"), ==, "shutoff/0");
    g_assert_cmpstr(fixture_state(kept.fixture, "goes"), ==, "none");
    g_assert_cmpstr(fixture_state(kept.fixture, "old"), ==, "none");
    g_assert_cmpstr(fixture_state(kept.fixture, "new"), ==, "shutoff/0");
    kept_clear(&kept);
}

static void marked_domains_start_with_the_host(void)
{
    Kept kept;

    kept_init(&kept);
    g_assert_cmpint(define(kept.fixture, "marked", 1), ==, VIR_ERR_OK);
    g_assert_cmpint(define(kept.fixture, "other", 2), ==, VIR_ERR_OK);
    g_assert_cmpint(set_autostart(kept.fixture, "marked", true), ==, VIR_ERR_OK);
    g_assert_cmpint(set_autostart(kept.fixture, "other", true), ==, VIR_ERR_OK);
    g_assert_cmpint(set_autostart(kept.fixture, "other", false), ==, VIR_ERR_OK);
    kept_reopen(&kept);
    g_assert_cmpstr(fixture_state(kept.fixture, "marked"), ==, "running/1");
    g_assert_cmpstr(fixture_state(kept.fixture, "other"), ==, "shutoff/0");
    kept_clear(&kept);
}

static void what_the_store_refuses_has_not_happened(void)
{
    g_autofree char *endless = g_strnfill(300, 'x');
    Kept kept;

    kept_init(&kept);
    g_assert_cmpint(define(kept.fixture, endless, 1), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpstr(fixture_state(kept.fixture, endless), ==, "none");
    g_assert_cmpint(define(kept.fixture, "vm", 1), ==, VIR_ERR_OK);
    fixture_events(kept.fixture);
    g_assert_cmpint(rename_to(kept.fixture, "vm", endless), ==, VIR_ERR_XML_ERROR);
    g_assert_cmpstr(fixture_state(kept.fixture, "vm"), ==, "shutoff/0");
    g_assert_cmpstr(fixture_state(kept.fixture, endless), ==, "none");
    g_assert_cmpstr(fixture_events(kept.fixture), ==, "");
    kept_reopen(&kept);
    g_assert_cmpstr(fixture_state(kept.fixture, "vm"), ==, "shutoff/0");
    kept_clear(&kept);
}

static void transient_domains_are_not_kept(void)
{
    g_autofree char *document = fixture_document("vm", 1, NULL);
    Kept kept;

    kept_init(&kept);
    g_assert_cmpint(fixture_create(kept.fixture, document, 0), ==, VIR_ERR_OK);
    kept_reopen(&kept);
    g_assert_cmpstr(fixture_state(kept.fixture, "vm"), ==, "none");
    kept_clear(&kept);
}

static void a_file_that_holds_another_domain_is_left_alone(void)
{
    g_autofree char *document = fixture_document("inside", 1, NULL);
    g_autofree char *path = NULL;
    Kept kept;

    kept_init(&kept);
    path = g_build_filename(kept.directory, "outside.xml", NULL);
    g_assert_true(g_file_set_contents(path, document, -1, NULL));
    kept_reopen(&kept);
    g_assert_cmpuint(domain_list_count(kept.fixture->host.domains, 0), ==, 0);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    kept_clear(&kept);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/drivers/test/define/" #claim, claim)
    ADD(define_adds_and_then_updates);
    ADD(a_name_or_uuid_of_another_domain_is_refused);
    ADD(defining_a_running_domain_waits_for_its_next_start);
    ADD(defining_a_running_transient_domain_makes_it_persistent);
    ADD(undefine_removes_a_domain_that_is_off);
    ADD(undefine_leaves_a_running_domain_transient);
    ADD(undefine_can_not_both_keep_and_remove);
    ADD(rename_is_announced_under_both_names);
    ADD(rename_refuses_what_is_no_free_name);
    ADD(a_store_begins_empty);
    ADD(definitions_outlive_the_host);
    ADD(marked_domains_start_with_the_host);
    ADD(what_the_store_refuses_has_not_happened);
    ADD(transient_domains_are_not_kept);
    ADD(a_file_that_holds_another_domain_is_left_alone);
    return g_test_run();
}
