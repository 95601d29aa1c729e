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
    expect_asked(fixture, 1, 1);
    g_assert_nonnull(strstr(first, "<kernel>/k5</kernel>"));
    g_assert_nonnull(strstr(first, "<name>guest-00005</name>"));
    g_assert_nonnull(strstr(first, "<uuid>00000000-0000-4000-8000-000000000005</uuid>"));
    second = fixture_xml(fixture, "guest-00005", 0);
    expect_asked(fixture, 1, 0);
    g_assert_cmpstr(first, ==, second);
    g_assert_cmpstr(fixture_events(fixture), ==, "");
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
    CLAIM(dump_pauses_the_guest_meanwhile);
    CLAIM(dump_of_a_crash_ends_the_guest);
    CLAIM(dump_that_fails_leaves_no_file_and_a_running_guest);
    CLAIM(document_of_a_guest_is_asked_for_once);
    CLAIM(document_is_answered_while_the_domain_is_busy);
    CLAIM(first_domain_of_which_nothing_is_kept_is_sketched);
    return g_test_run();
}
