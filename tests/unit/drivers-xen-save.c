/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saving, dumping and describing guests of a double, and what is left behind by what fails. */
#include "xen-calls.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/xen/stream.h"

/* The folder of one test, removed with all in it. */
typedef struct Folder {
    char *path, *image;
} Folder;

static Folder folder_new(void)
{
    char *path = g_dir_make_tmp("drover-save-XXXXXX", NULL);

    g_assert_nonnull(path);
    return (Folder){ .path = path, .image = g_build_filename(path, "image", NULL) };
}

static unsigned files_in(const Folder *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder->path, 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void folder_free(Folder *folder)
{
    g_unlink(folder->image);
    g_assert_cmpint(g_rmdir(folder->path), ==, 0);
    g_free(folder->path);
    g_free(folder->image);
}

static int save_as(Fixture *fixture, const char *name, const char *path, const char *document, uint32_t flags)
{
    const RemoteDomainSaveFlagsArgs args = { .to = path, .dxml = document, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.save_flags", name, domain_save_flags, &args);
}

static int dump(Fixture *fixture, const char *name, const char *path, unsigned format, uint32_t flags)
{
    const RemoteDomainCoreDumpWithFormatArgs args = { .to = path, .dumpformat = format, .flags = flags };

    return FIXTURE_CALL(fixture, "domain.core_dump_with_format", name, domain_core_dump_with_format, &args);
}

/* --- save ------------------------------------------------------------------------------------ */

static void saved_guest_is_off_and_its_image_is_whole(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();
    g_auto(SaveImage) image = SAVE_IMAGE_INIT;
    struct stat found;

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    g_assert_null(double_find(double_of(fixture), 5));
    g_assert_cmpint(listed(fixture), ==, 10);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 -1 5 4\n");
    g_assert_cmpint(xen_reader_open(&image, folder.image, NULL), ==, 0);
    g_assert_cmpstr(image.config->name, ==, "guest-00005");
    g_assert_cmpstr(image.config->os.kernel, ==, "/k5");
    g_assert_true(image.running);
    g_assert_cmpuint(image.state_size, ==, DOUBLE_STATE_SIZE);
    g_assert_cmpint(stat(folder.image, &found), ==, 0);
    g_assert_cmpuint(found.st_mode & 0777, ==, 0600);
    g_assert_cmpuint(files_in(&folder), ==, 1);
    folder_free(&folder);
    fixture_free(fixture);
}

static void save_that_fails_lets_the_guest_go_on_and_leaves_no_file(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    double_fail_saves(double_of(fixture), ENOSPC);
    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpuint(files_in(&folder), ==, 0);
    g_assert_false(double_find(double_of(fixture), 5)->shutdown);
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "running/7");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 5 4 0\n");
    folder_free(&folder);
    fixture_free(fixture);
}

static void save_that_fails_leaves_the_older_image_alone(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();
    g_auto(SaveImage) image = SAVE_IMAGE_INIT;

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    double_fail_saves(double_of(fixture), ENOSPC);
    g_assert_cmpint(save_as(fixture, "guest-00006", folder.image, NULL, 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(xen_reader_open(&image, folder.image, NULL), ==, 0);
    g_assert_cmpstr(image.config->name, ==, "guest-00005");
    folder_free(&folder);
    fixture_free(fixture);
}

static void look_and_ask(Fixture *fixture)
{
    g_assert_cmpint(listed(fixture), ==, 11);
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "paused/3");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\n");
}

static void questions_during_a_save_are_answered_and_settle_nothing(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    double_during_save(fixture, look_and_ask);
    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 -1 5 4\n");
    folder_free(&folder);
    fixture_free(fixture);
}

static void destroy_now(Fixture *fixture)
{
    g_assert_cmpint(fixture_destroy(fixture, "guest-00005"), ==, VIR_ERR_OK);
}

static void destroy_during_a_save_breaks_it(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    double_during_save(fixture, destroy_now);
    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OPERATION_ABORTED);
    g_assert_cmpuint(files_in(&folder), ==, 0);
    g_assert_cmpint(listed(fixture), ==, 10);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 -1 5 1\n");
    folder_free(&folder);
    fixture_free(fixture);
}

static void end_it(Fixture *fixture)
{
    double_destroy(double_of(fixture), 5, true);
}

static void guest_that_others_end_during_a_save_is_off(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    double_during_save(fixture, end_it);
    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpuint(files_in(&folder), ==, 0);
    g_assert_cmpint(listed(fixture), ==, 10);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 -1 5 1\n");
    folder_free(&folder);
    fixture_free(fixture);
}

static void what_cannot_be_saved_is_refused_untouched(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    g_assert_cmpint(save_as(fixture, "Domain-0", folder.image, NULL, 0), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 1 << 20), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL,
                            VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED), ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpint(save_as(fixture, "guest-00005", folder.path, NULL, 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(save_as(fixture, "guest-00005", "image", NULL, 0), ==, VIR_ERR_INVALID_ARG);
    double_find(double_of(fixture), 5)->paused = true;
    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpuint(files_in(&folder), ==, 0);
    g_assert_nonnull(double_find(double_of(fixture), 5));
    folder_free(&folder);
    fixture_free(fixture);
}

static void image_says_how_the_guest_will_be(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();
    g_auto(SaveImage) image = SAVE_IMAGE_INIT;

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, VIR_DOMAIN_SAVE_PAUSED), ==, VIR_ERR_OK);
    g_assert_cmpint(xen_reader_open(&image, folder.image, NULL), ==, 0);
    g_assert_false(image.running);
    folder_free(&folder);
    fixture_free(fixture);
}

static void managed_save_of_a_transient_domain_is_refused(void)
{
    Fixture *fixture = double_open(10);
    const RemoteDomainManagedSaveArgs args = { .flags = 0 };
    Folder folder = folder_new();

    fixture->host.state_dir = folder.path;
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.managed_save", "guest-00005", domain_managed_save, &args), ==,
                    VIR_ERR_OPERATION_INVALID);
    g_assert_nonnull(double_find(double_of(fixture), 5));
    {
        g_autofree char *inner = g_build_filename(folder.path, "xen", "save", NULL);
        g_autofree char *outer = g_build_filename(folder.path, "xen", NULL);

        g_assert_cmpint(g_rmdir(inner), ==, 0);
        g_assert_cmpint(g_rmdir(outer), ==, 0);
    }
    folder_free(&folder);
    fixture_free(fixture);
}

/* --- images ---------------------------------------------------------------------------------- */

/* Saves a guest, lets `spoil` change the bytes of its image, and expects that nobody reads it. */
static void expect_refused(void (*spoil)(char **data, size_t *size))
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();
    SaveImage image = SAVE_IMAGE_INIT;
    Error error = ERROR_INIT;
    g_autofree char *data = NULL;
    size_t size;

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    g_assert_true(g_file_get_contents(folder.image, &data, &size, NULL));
    spoil(&data, &size);
    g_assert_true(g_file_set_contents(folder.image, data, (gssize)size, NULL));
    g_assert_cmpint(xen_reader_open(&image, folder.image, &error), ==, -1);
    g_assert_cmpint(error.code, ==, VIR_ERR_OPERATION_FAILED);
    error_clear(&error);
    folder_free(&folder);
    fixture_free(fixture);
}

static void cut(char **data, size_t *size)
{
    *size -= 1;
}

static void image_that_was_cut_is_refused(void)
{
    expect_refused(cut);
}

static void alter_state(char **data, size_t *size)
{
    (*data)[*size - DOUBLE_STATE_SIZE / 2] ^= 1;
}

static void image_whose_state_was_altered_is_refused(void)
{
    expect_refused(alter_state);
}

static void alter_document(char **data, size_t *size)
{
    char *at = g_strstr_len(*data + 120, (gssize)*size - 120, "guest-00005");

    g_assert_nonnull(at);
    at[10] = '6';
}

static void image_whose_document_was_altered_is_refused(void)
{
    expect_refused(alter_document);
}

/* --- restore --------------------------------------------------------------------------------- */

static int restore(Fixture *fixture, const char *path, const char *document, uint32_t flags)
{
    const RemoteDomainRestoreFlagsArgs args = { .from = path, .dxml = document, .flags = flags };

    return fixture_restore(fixture, &args);
}

static void restored_guest_goes_on(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    fixture_events(fixture);
    g_assert_cmpint(restore(fixture, folder.image, NULL, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, 5);
    g_assert_false(double_find(double_of(fixture), 5)->paused);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "running/3");
    xen_observe(xen_host(&fixture->host), true);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 2 2\n");
    g_assert_cmpint(restore(fixture, folder.image, NULL, 0), ==, VIR_ERR_OPERATION_INVALID);
    folder_free(&folder);
    fixture_free(fixture);
}

static void flags_say_how_the_guest_goes_on(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, VIR_DOMAIN_SAVE_PAUSED), ==, VIR_ERR_OK);
    g_assert_cmpint(restore(fixture, folder.image, NULL, 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "paused/1");
    g_assert_cmpint(fixture_destroy(fixture, "guest-00005"), ==, VIR_ERR_OK);
    g_assert_cmpint(restore(fixture, folder.image, NULL, VIR_DOMAIN_SAVE_RUNNING), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "running/3");
    folder_free(&folder);
    fixture_free(fixture);
}

#define OTHER(name, uuid, vcpus)                                                                                     \
    "<domain type='xen'><name>" name "</name><uuid>00000000-0000-4000-8000-000000000" uuid "</uuid>"                 \
    "<memory unit='KiB'>131072</memory><vcpu>" vcpus "</vcpu>"                                                       \
    "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/k</kernel></os></domain>"

static void one_image_serves_many_guests(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(restore(fixture, folder.image, OTHER("first", "901", "2"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(restore(fixture, folder.image, OTHER("second", "902", "2"), 0), ==, VIR_ERR_OK);
    g_assert_cmpint(by_name(fixture, "first"), ==, 5);
    g_assert_cmpint(by_name(fixture, "second"), ==, 11);
    g_assert_cmpint(by_uuid(fixture, 902), ==, 11);
    g_assert_cmpint(restore(fixture, folder.image, OTHER("third", "903", "3"), 0), ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_cmpint(restore(fixture, folder.image, OTHER("first", "904", "2"), 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(listed(fixture), ==, 12);
    folder_free(&folder);
    fixture_free(fixture);
}

static void nothing_is_built_from_an_image_that_was_cut(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    fixture_events(fixture);
    g_assert_cmpint(truncate(folder.image, DOUBLE_STATE_SIZE / 2), ==, 0);
    double_asked(fixture);
    g_assert_cmpint(restore(fixture, folder.image, NULL, 0), ==, VIR_ERR_OPERATION_FAILED);
    expect_asked(fixture, 0, 0);
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, -2);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    folder_free(&folder);
    fixture_free(fixture);
}

static void restore_that_fails_leaves_nothing_but_the_image(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    fixture_events(fixture);
    double_fail_builds(double_of(fixture), EIO, true);
    g_assert_cmpint(restore(fixture, folder.image, NULL, 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_null(double_find(double_of(fixture), 5));
    g_assert_cmpint(by_name(fixture, "guest-00005"), ==, -2);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    double_fail_builds(double_of(fixture), 0, false);
    g_assert_cmpint(restore(fixture, folder.image, NULL, 0), ==, VIR_ERR_OK);
    folder_free(&folder);
    fixture_free(fixture);
}

static void document_in_an_image_is_shown_and_replaced(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();
    const char *document = OTHER("guest-00005", "005", "2");
    const RemoteDomainSaveImageDefineXmlArgs define = { .file = folder.image, .dxml = document, .flags = 0 };
    const RemoteDomainSaveImageDefineXmlArgs other = { .file = folder.image, .dxml = OTHER("guest-00005", "005", "3") };
    const RemoteDomainSaveImageGetXmlDescArgs get = { .file = folder.image };
    RemoteDomainSaveImageGetXmlDescResult result = { 0 };
    FixtureCall call;

    g_assert_cmpint(save_as(fixture, "guest-00005", folder.image, NULL, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.save_image_define_xml", NULL, domain_save_image_define_xml, &other),
                    ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.save_image_define_xml", NULL, domain_save_image_define_xml, &define),
                    ==, VIR_ERR_OK);
    fixture_begin(fixture, &call, "domain.save_image_get_xml_desc", NULL);
    g_assert_cmpint(xen_domain_save_image_get_xml_desc(&call.op, &get, &result), ==, 0);
    g_assert_nonnull(strstr(result.xml, "<kernel>/k</kernel>"));
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
    g_assert_cmpint(restore(fixture, folder.image, NULL, 0), ==, VIR_ERR_OK);
    folder_free(&folder);
    fixture_free(fixture);
}

/* --- managed save ---------------------------------------------------------------------------- */

/* A host that keeps what must last in the folder, with a domain "kept" that is defined and runs. */
static Fixture *open_keeping(const Folder *folder)
{
    Fixture *fixture = double_open(1);

    fixture->host.state_dir = folder->path;
    g_assert_cmpint(fixture_define(fixture, OTHER("kept", "905", "2")), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "kept", 0), ==, VIR_ERR_OK);
    fixture_events(fixture);
    return fixture;
}

static void close_keeping(Fixture *fixture, Folder *folder)
{
    g_autofree char *inner = g_build_filename(folder->path, "xen", "save", NULL);
    g_autofree char *outer = g_build_filename(folder->path, "xen", NULL);

    g_assert_cmpint(g_rmdir(inner), ==, 0);
    g_assert_cmpint(g_rmdir(outer), ==, 0);
    folder_free(folder);
    fixture_free(fixture);
}

static int managed_save(Fixture *fixture)
{
    const RemoteDomainManagedSaveArgs args = { .flags = 0 };

    return FIXTURE_CALL(fixture, "domain.managed_save", "kept", domain_managed_save, &args);
}

static bool has_image(Fixture *fixture)
{
    g_autoptr(DomainView) view = domain_list_view_by_name(fixture->host.domains, "kept");

    g_assert_cmpint(view->managed_save, ==, xen_managed_exists(xen_host(&fixture->host), &view->uuid));
    return view->managed_save;
}

static void next_start_goes_on_from_a_managed_save_once(void)
{
    Folder folder = folder_new();
    Fixture *fixture = open_keeping(&folder);

    g_assert_cmpint(managed_save(fixture), ==, VIR_ERR_OK);
    g_assert_true(has_image(fixture));
    g_assert_cmpstr(fixture_state(fixture, "kept"), ==, "shutoff/5");
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle kept 2 3 0\nlifecycle kept -1 5 4\n");
    g_assert_cmpint(fixture_start(fixture, "kept", 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle kept 3 2 2\n");
    g_assert_false(has_image(fixture));
    g_assert_cmpint(fixture_destroy(fixture, "kept"), ==, VIR_ERR_OK);
    g_assert_cmpint(fixture_start(fixture, "kept", 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "kept"), ==, "running/1");
    close_keeping(fixture, &folder);
}

static void start_that_fails_keeps_the_managed_save(void)
{
    Folder folder = folder_new();
    Fixture *fixture = open_keeping(&folder);

    g_assert_cmpint(managed_save(fixture), ==, VIR_ERR_OK);
    double_fail_builds(double_of(fixture), EIO, true);
    g_assert_cmpint(fixture_start(fixture, "kept", 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_true(has_image(fixture));
    double_fail_builds(double_of(fixture), 0, false);
    g_assert_cmpint(fixture_start(fixture, "kept", VIR_DOMAIN_START_FORCE_BOOT), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "kept"), ==, "running/1");
    g_assert_false(has_image(fixture));
    close_keeping(fixture, &folder);
}

static void end_kept(XenDouble *xen)
{
    double_destroy(xen, 3, false);
}

/* It ends at the moment in which it is to run: its state is used up. */
static void start_that_fails_at_last_leaves_no_managed_save(void)
{
    Folder folder = folder_new();
    Fixture *fixture = open_keeping(&folder);

    g_assert_cmpint(managed_save(fixture), ==, VIR_ERR_OK);
    double_then(double_of(fixture), end_kept);
    g_assert_cmpint(fixture_start(fixture, "kept", 0), ==, VIR_ERR_OPERATION_FAILED);
    g_assert_false(has_image(fixture));
    g_assert_cmpint(fixture_undefine(fixture, "kept"), ==, VIR_ERR_OK);
    close_keeping(fixture, &folder);
}

static void managed_save_can_be_removed(void)
{
    Folder folder = folder_new();
    Fixture *fixture = open_keeping(&folder);
    const RemoteDomainManagedSaveRemoveArgs args = { .flags = 0 };

    g_assert_cmpint(managed_save(fixture), ==, VIR_ERR_OK);
    g_assert_cmpint(FIXTURE_CALL(fixture, "domain.managed_save_remove", "kept", domain_managed_save_remove, &args), ==,
                    VIR_ERR_OK);
    g_assert_false(has_image(fixture));
    g_assert_cmpint(fixture_start(fixture, "kept", 0), ==, VIR_ERR_OK);
    g_assert_cmpstr(fixture_state(fixture, "kept"), ==, "running/1");
    close_keeping(fixture, &folder);
}

/* --- dump ------------------------------------------------------------------------------------ */

static void dump_pauses_the_guest_meanwhile(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();
    g_autofree char *text = NULL;

    g_assert_cmpint(dump(fixture, "guest-00005", folder.image, VIR_DOMAIN_CORE_DUMP_FORMAT_RAW, 0), ==, VIR_ERR_OK);
    g_assert_true(g_file_get_contents(folder.image, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "memory");
    g_assert_false(double_find(double_of(fixture), 5)->paused);
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 5 4 0\n");
    folder_free(&folder);
    fixture_free(fixture);
}

static void dump_of_a_crash_ends_the_guest(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    g_assert_cmpint(dump(fixture, "guest-00005", folder.image, VIR_DOMAIN_CORE_DUMP_FORMAT_RAW, VIR_DUMP_CRASH), ==,
                    VIR_ERR_OK);
    g_assert_null(double_find(double_of(fixture), 5));
    g_assert_cmpstr(fixture_events(fixture), ==, "lifecycle guest-00005 5 3 0\nlifecycle guest-00005 -1 5 2\n");
    folder_free(&folder);
    fixture_free(fixture);
}

static void dump_that_fails_leaves_no_file_and_a_running_guest(void)
{
    Fixture *fixture = double_open(10);
    Folder folder = folder_new();

    double_fail_saves(double_of(fixture), EIO);
    g_assert_cmpint(dump(fixture, "guest-00005", folder.image, VIR_DOMAIN_CORE_DUMP_FORMAT_RAW, VIR_DUMP_CRASH), ==,
                    VIR_ERR_OPERATION_FAILED);
    g_assert_cmpint(dump(fixture, "guest-00005", folder.image, VIR_DOMAIN_CORE_DUMP_FORMAT_KDUMP_ZLIB, 0), ==,
                    VIR_ERR_OPERATION_UNSUPPORTED);
    g_assert_cmpuint(files_in(&folder), ==, 0);
    g_assert_false(double_find(double_of(fixture), 5)->paused);
    g_assert_cmpstr(fixture_state(fixture, "guest-00005"), ==, "running/5");
    folder_free(&folder);
    fixture_free(fixture);
}

/* --- describe -------------------------------------------------------------------------------- */

static void document_of_a_guest_is_asked_for_once(void)
{
    Fixture *fixture = double_open(10);
    g_autofree char *first = NULL, *second = NULL;

    listed(fixture);
    double_asked(fixture);
    first = fixture_xml(fixture, "guest-00005", 0);
    expect_asked(fixture, 1 + 1 + 2 + 2, 1);    /* how it is; its weight; for its pins, the host's CPUs and each of its own */
    g_assert_nonnull(strstr(first, "<kernel>/k5</kernel>"));
    g_assert_nonnull(strstr(first, "<name>guest-00005</name>"));
    g_assert_nonnull(strstr(first, "<uuid>00000000-0000-4000-8000-000000000005</uuid>"));
    second = fixture_xml(fixture, "guest-00005", 0);
    expect_asked(fixture, 3, 0);
    g_assert_cmpstr(first, ==, second);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
    fixture_free(fixture);
}

static void document_of_a_guest_has_its_pins(void)
{
    Fixture *fixture = double_open(10);
    Hypervisor *hv = xen_host(&fixture->host)->hv;
    const uint8_t all = 0xf, some = 0x5;
    g_autofree char *free = NULL, *pinned = NULL;

    g_assert_cmpint(hv->ops->set_affinity(hv, 5, 0, &all, 1), ==, 0);
    free = fixture_xml(fixture, "guest-00005", 0);
    g_assert_null(strstr(free, "<vcpupin"));
    g_assert_cmpint(hv->ops->set_affinity(hv, 6, 0, &some, 1), ==, 0);
    pinned = fixture_xml(fixture, "guest-00006", 0);
    g_assert_nonnull(strstr(pinned, "<vcpupin vcpu='0' cpuset='0,2'/>"));
    fixture_free(fixture);
}

static void document_is_answered_while_the_domain_is_busy(void)
{
    Fixture *fixture = double_open(10);
    g_autofree char *busy = NULL, *later = NULL;
    FixtureCall call;

    fixture_begin(fixture, &call, "domain.suspend", "guest-00005");
    busy = fixture_xml(fixture, "guest-00005", 0);
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
    xen_observe(xen_host(&fixture->host), false);
    later = fixture_xml(fixture, "guest-00005", 0);
    g_assert_nonnull(strstr(busy, "<kernel>/k5</kernel>"));
    g_assert_cmpstr(busy, ==, later);
    fixture_free(fixture);
}

static void first_domain_of_which_nothing_is_kept_is_sketched(void)
{
    Fixture *fixture = double_open(1);
    g_autofree char *text = fixture_xml(fixture, "Domain-0", 0);

    g_assert_nonnull(strstr(text, "<name>Domain-0</name>"));
    g_assert_null(strstr(text, "<kernel>"));
    fixture_free(fixture);
}

/* --- files of Xen's tools -------------------------------------------------------------------- */

static void documents_and_files_of_xl_become_each_other(void)
{
    Fixture *fixture = double_open(0);
    const RemoteConnectDomainXmlToNativeArgs to = { .nativeFormat = "xen-xl", .domainXml = OTHER("one", "906", "2") };
    const RemoteConnectDomainXmlToNativeArgs unknown = { .nativeFormat = "xen-xs", .domainXml = OTHER("one", "906", "2") };
    RemoteConnectDomainXmlFromNativeArgs from = { .nativeFormat = "xen-xl" };
    RemoteConnectDomainXmlToNativeResult file = { 0 };
    RemoteConnectDomainXmlFromNativeResult document = { 0 };
    FixtureCall call;

    g_assert_cmpint(FIXTURE_CALL(fixture, "connect.domain_xml_to_native", NULL, connect_domain_xml_to_native, &unknown,
                                 &file), ==, VIR_ERR_INVALID_ARG);
    fixture_begin(fixture, &call, "connect.domain_xml_to_native", NULL);
    g_assert_cmpint(xen_connect_domain_xml_to_native(&call.op, &to, &file), ==, 0);
    g_assert_nonnull(strstr(file.nativeConfig, "name = \"one\""));
    from.nativeConfig = file.nativeConfig;
    g_assert_cmpint(xen_connect_domain_xml_from_native(&call.op, &from, &document), ==, 0);
    g_assert_nonnull(strstr(document.domainXml, "<kernel>/k</kernel>"));
    g_assert_cmpint(fixture_end(&call, 0), ==, VIR_ERR_OK);
    fixture_free(fixture);
}

#define CLAIM(name) g_test_add_func("/drivers-xen-save/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    CLAIM(saved_guest_is_off_and_its_image_is_whole);
    CLAIM(save_that_fails_lets_the_guest_go_on_and_leaves_no_file);
    CLAIM(save_that_fails_leaves_the_older_image_alone);
    CLAIM(questions_during_a_save_are_answered_and_settle_nothing);
    CLAIM(destroy_during_a_save_breaks_it);
    CLAIM(guest_that_others_end_during_a_save_is_off);
    CLAIM(what_cannot_be_saved_is_refused_untouched);
    CLAIM(image_says_how_the_guest_will_be);
    CLAIM(managed_save_of_a_transient_domain_is_refused);
    CLAIM(image_that_was_cut_is_refused);
    CLAIM(image_whose_state_was_altered_is_refused);
    CLAIM(image_whose_document_was_altered_is_refused);
    CLAIM(restored_guest_goes_on);
    CLAIM(flags_say_how_the_guest_goes_on);
    CLAIM(one_image_serves_many_guests);
    CLAIM(nothing_is_built_from_an_image_that_was_cut);
    CLAIM(restore_that_fails_leaves_nothing_but_the_image);
    CLAIM(document_in_an_image_is_shown_and_replaced);
    CLAIM(next_start_goes_on_from_a_managed_save_once);
    CLAIM(start_that_fails_keeps_the_managed_save);
    CLAIM(start_that_fails_at_last_leaves_no_managed_save);
    CLAIM(managed_save_can_be_removed);
    CLAIM(dump_pauses_the_guest_meanwhile);
    CLAIM(dump_of_a_crash_ends_the_guest);
    CLAIM(dump_that_fails_leaves_no_file_and_a_running_guest);
    CLAIM(document_of_a_guest_is_asked_for_once);
    CLAIM(document_of_a_guest_has_its_pins);
    CLAIM(document_is_answered_while_the_domain_is_busy);
    CLAIM(first_domain_of_which_nothing_is_kept_is_sketched);
    CLAIM(documents_and_files_of_xl_become_each_other);
    return g_test_run();
}
