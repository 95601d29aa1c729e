/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/save-image.h promises: images of saved domains, whole or refused. */
#include "conf/save-image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <xxhash.h>
#include <zlib.h>

#include "base/auto.h"
#include "conf/rules/rules.h"

#define GUEST(memory, inside)                                                                                \
    "<domain type='test'><name>x</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"                    \
    "<memory>" memory "</memory><os><type>hvm</type></os>" inside "</domain>"
#define STATE "what was in the guest's memory"

static const DomainRules rules = { .default_arch = "i686" };

/* --- helpers --------------------------------------------------------------------------------- */

static DomainConfig *guest_of(const char *document)
{
    Error error = ERROR_INIT;
    DomainConfig *guest = domain_config_parse(document, strlen(document), &rules, 0, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    return guest;
}

/* A directory with an image in it. */
typedef struct Place {
    char *directory, *path;
} Place;

static void write_image(const char *path, const char *document, bool running, bool with_checksum, bool finish)
{
    g_autoptr(DomainConfig) guest = guest_of(document);
    AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    Error error = ERROR_INIT;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(save_image_begin(fd, path, "test", guest, running, &error), ==, 0);
    g_assert_cmpint(write(fd, STATE, strlen(STATE)), ==, strlen(STATE));
    if (finish)
        g_assert_cmpint(save_image_finish(fd, path, with_checksum ? &(StateSum){ 0 } : NULL, &error), ==, 0);
}

static void place_init(Place *place, const char *document, bool running, bool with_checksum)
{
    place->directory = g_dir_make_tmp("drover-XXXXXX", NULL);
    place->path = g_build_filename(place->directory, "image", NULL);
    write_image(place->path, document, running, with_checksum, true);
}

static void place_clear(Place *place)
{
    g_unlink(place->path);
    g_assert_cmpint(g_rmdir(place->directory), ==, 0);    /* nothing was left aside */
    g_free(place->path);
    g_free(place->directory);
}

static void assert_refused(const char *path, const char *driver, int code)
{
    SaveImage image = SAVE_IMAGE_INIT;
    Error error = ERROR_INIT;

    g_assert_cmpint(save_image_open(path, driver, &rules, &image, &error), ==, -1);
    g_assert_cmpint(error.code, ==, code);
    g_assert_null(image.config);
    g_assert_cmpint(image.fd, ==, -1);
    error_clear(&error);
}

static void assert_image(const char *path, const char *document, bool running)
{
    g_autoptr(DomainConfig) guest = guest_of(document);
    SaveImage image = SAVE_IMAGE_INIT;
    char state[sizeof STATE] = "";
    Error error = ERROR_INIT;

    g_assert_cmpint(save_image_open(path, "test", &rules, &image, &error), ==, 0);
    g_assert_true(element_equal(&domain_config_type, image.config, guest));
    g_assert_cmpint(image.running, ==, running);
    g_assert_cmpuint(image.state_size, ==, strlen(STATE));
    g_assert_cmpint(read(image.fd, state, sizeof state), ==, strlen(STATE));
    g_assert_cmpstr(state, ==, STATE);
    save_image_clear(&image);
    g_assert_cmpint(image.fd, ==, -1);
}

static void replace(const char *path, const char *document, Tristate running, int code)
{
    Error error = ERROR_INIT;
    size_t size = document ? strlen(document) : 0;

    g_assert_cmpint(save_image_replace(path, "test", &rules, document, size, running, &error), ==, code ? -1 : 0);
    g_test_message("%s", error.message ? error.message : "no error");
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
}

/* --- open ------------------------------------------------------------------------------------ */

static void what_is_saved_is_opened_again(void)
{
    Place place;

    place_init(&place, GUEST("8192", ""), true, false);
    assert_image(place.path, GUEST("8192", ""), true);
    place_clear(&place);
    place_init(&place, GUEST("8192", ""), false, true);
    assert_image(place.path, GUEST("8192", ""), false);
    place_clear(&place);
}

static void secrets_are_in_an_image(void)
{
    const char *guest = GUEST("8192", "<devices><graphics type='vnc' passwd='p'/></devices>");
    Place place;

    place_init(&place, guest, true, true);
    assert_image(place.path, guest, true);
    place_clear(&place);
}

static void an_image_that_was_not_finished_is_refused(void)
{
    Place place;

    place_init(&place, GUEST("8192", ""), true, true);
    write_image(place.path, GUEST("8192", ""), true, true, false);
    assert_refused(place.path, "test", VIR_ERR_OPERATION_FAILED);
    place_clear(&place);
}

static void each_altered_byte_is_noticed(void)
{
    AUTO_FD fd = -1;
    Place place;
    char byte;

    place_init(&place, GUEST("8192", ""), true, true);
    fd = open(place.path, O_RDWR | O_CLOEXEC);
    for (off_t i = 0; pread(fd, &byte, 1, i) == 1; i++) {
        char other = byte ^ 0x20;

        g_assert_cmpint(pwrite(fd, &other, 1, i), ==, 1);
        assert_refused(place.path, "test", VIR_ERR_OPERATION_FAILED);
        g_assert_cmpint(pwrite(fd, &byte, 1, i), ==, 1);
    }
    assert_image(place.path, GUEST("8192", ""), true);
    place_clear(&place);
}

static void each_cut_is_noticed(void)
{
    struct stat found;
    Place place;

    place_init(&place, GUEST("8192", ""), true, false);
    g_assert_cmpint(stat(place.path, &found), ==, 0);
    while (found.st_size-- > 0) {
        g_assert_cmpint(truncate(place.path, found.st_size), ==, 0);
        assert_refused(place.path, "test", VIR_ERR_OPERATION_FAILED);
    }
    place_clear(&place);
}

static void what_is_added_is_noticed(void)
{
    Place place;
    FILE *file;

    place_init(&place, GUEST("8192", ""), true, false);
    file = fopen(place.path, "a");
    g_assert_cmpint(fputc('x', file), ==, 'x');
    fclose(file);
    assert_refused(place.path, "test", VIR_ERR_OPERATION_FAILED);
    place_clear(&place);
}

static void an_image_of_another_driver_is_refused(void)
{
    Place place;

    place_init(&place, GUEST("8192", ""), true, false);
    assert_refused(place.path, "xen", VIR_ERR_OPERATION_FAILED);
    place_clear(&place);
}

static void what_is_no_image_is_refused(void)
{
    Place place;

    place_init(&place, GUEST("8192", ""), true, false);
    assert_refused(place.directory, "test", VIR_ERR_OPERATION_FAILED);
    g_unlink(place.path);
    assert_refused(place.path, "test", VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpint(mkfifo(place.path, 0600), ==, 0);
    assert_refused(place.path, "test", VIR_ERR_OPERATION_FAILED);    /* and nobody waits for a writer */
    place_clear(&place);
}

/* --- replace --------------------------------------------------------------------------------- */

static void a_document_the_guest_does_not_notice_takes_the_others_place(void)
{
    const char *titled = GUEST("8192", "<title>a longer document</title>");
    Place place;
    struct stat found;

    place_init(&place, GUEST("8192", ""), true, true);
    replace(place.path, titled, TRISTATE_ABSENT, VIR_ERR_OK);
    assert_image(place.path, titled, true);
    g_assert_cmpint(stat(place.path, &found), ==, 0);
    g_assert_cmpuint(found.st_mode & 0777, ==, 0640);
    place_clear(&place);
}

static void whether_the_guest_will_run_can_change_alone(void)
{
    Place place;

    place_init(&place, GUEST("8192", ""), true, false);
    replace(place.path, NULL, TRISTATE_NO, VIR_ERR_OK);
    assert_image(place.path, GUEST("8192", ""), false);
    replace(place.path, NULL, TRISTATE_ABSENT, VIR_ERR_OK);
    assert_image(place.path, GUEST("8192", ""), false);
    replace(place.path, NULL, TRISTATE_YES, VIR_ERR_OK);
    assert_image(place.path, GUEST("8192", ""), true);
    place_clear(&place);
}

static void a_document_the_guest_would_notice_is_refused(void)
{
    Place place;

    place_init(&place, GUEST("8192", ""), true, true);
    replace(place.path, GUEST("8193", ""), TRISTATE_NO, VIR_ERR_CONFIG_UNSUPPORTED);
    replace(place.path, "<domain", TRISTATE_NO, VIR_ERR_XML_DETAIL);
    assert_image(place.path, GUEST("8192", ""), true);
    place_clear(&place);
}

/* A state of two pieces and something; what was summed of it while it was written isn't read again. Whoever has summed more
 * than is there, or something else, leaves no image that could be opened. */
static void what_was_summed_while_it_was_written_counts(void)
{
    enum { SIZE = 2 * STATE_SUM_PIECE + 1000 };
    g_autoptr(DomainConfig) guest = guest_of(GUEST("8192", ""));
    g_autofree char *state = g_malloc0(SIZE);
    const uint64_t first = XXH64(state, STATE_SUM_PIECE, 0), second = XXH64(state, STATE_SUM_PIECE, 1);
    const struct {
        StateSum sum;
        bool finished, good;
    } cases[] = {
        { { 0, 0 }, true, true },
        { { STATE_SUM_PIECE, first }, true, true },
        { { 2 * STATE_SUM_PIECE, first + second }, true, true },
        { { STATE_SUM_PIECE, second }, true, false },
        { { STATE_SUM_PIECE - 1, XXH64(state, STATE_SUM_PIECE - 1, 0) }, false, false },
        { { SIZE + 1, 0 }, false, false },
    };
    Place place;

    place_init(&place, GUEST("8192", ""), true, true);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO_FD fd = open(place.path, O_RDWR | O_TRUNC | O_CLOEXEC);
        SaveImage image = SAVE_IMAGE_INIT;
        Error error = ERROR_INIT;

        g_assert_cmpint(save_image_begin(fd, place.path, "test", guest, true, &error), ==, 0);
        g_assert_cmpint(write(fd, state, SIZE), ==, SIZE);
        g_assert_cmpint(save_image_finish(fd, place.path, &cases[i].sum, &error), ==, cases[i].finished ? 0 : -1);
        error_clear(&error);
        if (!cases[i].good) {
            assert_refused(place.path, "test", VIR_ERR_OPERATION_FAILED);
            continue;
        }
        g_assert_cmpint(save_image_open(place.path, "test", &rules, &image, &error), ==, 0);
        g_assert_cmpuint(image.state_size, ==, SIZE);
        save_image_clear(&image);
    }
    place_clear(&place);
}

/* --- what an older drover has written ----------------------------------------------------------- */

static void put_number(int fd, uint64_t number, size_t size, off_t at)
{
    number = GUINT64_TO_LE(number);
    g_assert_cmpint(pwrite(fd, &number, size, at), ==, size);
}

/* Makes an image one of version 2 (or of another one): the CRC-32 of the state is in the place of the sum. */
static void write_older(const char *path, uint32_t version)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t head[64], digest[32];
    gsize length = sizeof digest;
    char document[4096];
    uint64_t size;

    put_number(fd, version, 4, 8);
    put_number(fd, crc32_z(0, (const Bytef *)STATE, strlen(STATE)), 8, 56);
    g_assert_cmpint(pread(fd, &size, sizeof size, 32), ==, sizeof size);
    size = GUINT64_FROM_LE(size);
    g_assert_cmpuint(size, <, sizeof document);
    g_assert_cmpint(pread(fd, head, sizeof head, 0), ==, sizeof head);
    g_assert_cmpint(pread(fd, document, size, 96), ==, size);
    g_checksum_update(sum, head, sizeof head);
    g_checksum_update(sum, (const guchar *)document, (gssize)size);
    g_checksum_get_digest(sum, digest, &length);
    g_assert_cmpint(pwrite(fd, digest, sizeof digest, 64), ==, sizeof digest);
}

static void an_older_image_is_read(void)
{
    const char *titled = GUEST("8192", "<title>another</title>");
    AUTO_FD fd = -1;
    Place place;
    char byte;
    off_t end;

    place_init(&place, GUEST("8192", ""), true, true);
    write_older(place.path, 2);
    assert_image(place.path, GUEST("8192", ""), true);
    replace(place.path, titled, TRISTATE_ABSENT, VIR_ERR_OK);
    assert_image(place.path, titled, true);
    fd = open(place.path, O_RDWR | O_CLOEXEC);
    end = lseek(fd, 0, SEEK_END);
    for (off_t i = 0; i < end; i++) {
        g_assert_cmpint(pread(fd, &byte, 1, i), ==, 1);
        byte ^= 0x20;
        g_assert_cmpint(pwrite(fd, &byte, 1, i), ==, 1);
        assert_refused(place.path, "test", VIR_ERR_OPERATION_FAILED);
        byte ^= 0x20;
        g_assert_cmpint(pwrite(fd, &byte, 1, i), ==, 1);
    }
    assert_image(place.path, titled, true);
    place_clear(&place);
}

static void an_image_of_a_later_drover_is_refused(void)
{
    Place place;

    place_init(&place, GUEST("8192", ""), true, true);
    write_older(place.path, 4);
    assert_refused(place.path, "test", VIR_ERR_OPERATION_FAILED);
    place_clear(&place);
}

static void a_long_state_is_kept(void)
{
    g_autoptr(DomainConfig) guest = guest_of(GUEST("8192", ""));
    g_autofree char *state = g_malloc(3 << 20), *found = g_malloc(3 << 20);
    SaveImage image = SAVE_IMAGE_INIT;
    Error error = ERROR_INIT;
    Place place;

    for (size_t i = 0; i < 3 << 20; i++)
        state[i] = (char)(i * 7 >> 3);
    place_init(&place, GUEST("8192", ""), true, true);
    {
        AUTO_FD fd = open(place.path, O_RDWR | O_TRUNC | O_CLOEXEC);

        g_assert_cmpint(save_image_begin(fd, place.path, "test", guest, true, &error), ==, 0);
        g_assert_cmpint(write(fd, state, 3 << 20), ==, 3 << 20);
        g_assert_cmpint(save_image_finish(fd, place.path, &(StateSum){ 0 }, &error), ==, 0);
    }
    replace(place.path, GUEST("8192", "<title>t</title>"), TRISTATE_NO, VIR_ERR_OK);
    g_assert_cmpint(save_image_open(place.path, "test", &rules, &image, &error), ==, 0);
    g_assert_cmpuint(image.state_size, ==, 3 << 20);
    g_assert_cmpint(read(image.fd, found, 3 << 20), ==, 3 << 20);
    g_assert_cmpint(memcmp(state, found, 3 << 20), ==, 0);
    save_image_clear(&image);
    place_clear(&place);
}

#define TEST(name) g_test_add_func("/conf-save-image/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(what_is_saved_is_opened_again);
    TEST(secrets_are_in_an_image);
    TEST(an_image_that_was_not_finished_is_refused);
    TEST(each_altered_byte_is_noticed);
    TEST(each_cut_is_noticed);
    TEST(what_is_added_is_noticed);
    TEST(an_image_of_another_driver_is_refused);
    TEST(what_is_no_image_is_refused);
    TEST(a_document_the_guest_does_not_notice_takes_the_others_place);
    TEST(whether_the_guest_will_run_can_change_alone);
    TEST(a_document_the_guest_would_notice_is_refused);
    TEST(what_was_summed_while_it_was_written_counts);
    TEST(an_older_image_is_read);
    TEST(an_image_of_a_later_drover_is_refused);
    TEST(a_long_state_is_kept);
    return g_test_run();
}
