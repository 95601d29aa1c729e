/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/moment.h promises of checkpoints. */
#include "conf/moment.h"

#include <string.h>

#include "conf/rules/rules.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define DISK(target, path) "<disk><source file='" path "'/><target dev='" target "' bus='virtio'/></disk>"
#define GUEST(inside)                                                                             \
    "<domain type='test'><name>x</name><uuid>" UUID "</uuid><memory>8192</memory>"                 \
    "<os><type>hvm</type></os><devices>" inside "</devices></domain>"
#define TWO_DISKS GUEST(DISK("vda", "/images/a.qcow2") DISK("vdb", "/images/b.qcow2"))
#define CHECKPOINT(inside) "<domaincheckpoint>" inside "</domaincheckpoint>"
#define PAST_CHECKPOINT(inside) CHECKPOINT("<name>c</name><creationTime>5</creationTime>" inside)

static const DomainRules rules = { .default_arch = "i686" };

static DomainConfig *guest_of(const char *document)
{
    Error error = ERROR_INIT;
    DomainConfig *guest = domain_config_parse(document, strlen(document), &rules, 0, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    return guest;
}

static bool has_schema(const char *path)
{
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return true;
    g_test_skip("libvirt's schemas are not installed");
    return false;
}

static CheckpointConfig *read_checkpoint(const char *document, unsigned flags, int code)
{
    Error error = ERROR_INIT;
    CheckpointConfig *checkpoint = checkpoint_config_parse(document, strlen(document), &rules, flags, &error);

    g_test_message("%s", error.message ? error.message : "no error");
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
    return checkpoint;
}

/* "vda=c vdb=-"; NULL when it was refused. */
static char *notes(const char *guest, const char *document)
{
    g_autoptr(DomainConfig) config = guest_of(guest);
    g_autoptr(CheckpointConfig) checkpoint = read_checkpoint(document, 0, VIR_ERR_OK);
    Error error = ERROR_INIT;
    GString *text;

    moment_set_domain(checkpoint, config, NULL);
    if (checkpoint_config_complete(checkpoint, &error) < 0) {
        g_assert_cmpint(error.code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
        error_clear(&error);
        return NULL;
    }
    text = g_string_new(NULL);
    for (unsigned i = 0; i < checkpoint->disks->n_disks; i++) {
        const CheckpointDisk *disk = checkpoint->disks->disks[i];

        g_string_append_printf(text, "%s%s=%s", i ? " " : "", disk->name,
                               disk->checkpoint == CHECKPOINT_KIND_BITMAP ? disk->bitmap : "-");
    }
    return g_string_free(text, FALSE);
}

static void assert_notes(const char *guest, const char *document, const char *expected)
{
    g_autofree char *found = notes(guest, document);

    g_assert_cmpstr(found, ==, expected);
}

static void a_checkpoint_without_disks_notes_all_that_can_change(void)
{
    assert_notes(GUEST(DISK("vda", "/a") "<disk><source file='/b'/><target dev='vdb' bus='virtio'/><readonly/></disk>"
                       "<disk device='cdrom'><target dev='hda'/></disk>"),
                 CHECKPOINT("<name>c</name>"), "vda=c vdb=- hda=-");
}

static void a_checkpoint_with_disks_notes_those(void)
{
    assert_notes(TWO_DISKS, CHECKPOINT("<name>c</name><disks><disk name='vdb' bitmap='b'/></disks>"), "vda=- vdb=b");
    assert_notes(TWO_DISKS, CHECKPOINT("<name>c</name><disks><disk name='vda' checkpoint='no'/></disks>"),
                 "vda=- vdb=-");
}

static void what_cannot_change_cannot_be_noted(void)
{
    const char *guest = GUEST("<disk><source file='/b'/><target dev='vdb' bus='virtio'/><readonly/></disk>");

    assert_notes(guest, CHECKPOINT("<name>c</name><disks><disk name='vdb'/></disks>"), NULL);
    assert_notes(guest, CHECKPOINT("<name>c</name><disks><disk name='vdb' checkpoint='no'/></disks>"), "vdb=-");
}

static void a_checkpoint_needs_disks_that_there_are(void)
{
    assert_notes(GUEST(""), CHECKPOINT("<name>c</name>"), NULL);
    assert_notes(TWO_DISKS, CHECKPOINT("<name>c</name><disks><disk name='vdx'/></disks>"), NULL);
    assert_notes(TWO_DISKS, CHECKPOINT("<name>c</name><disks><disk name='vda'/><disk name='vda'/></disks>"), NULL);
    assert_notes(TWO_DISKS,
                 CHECKPOINT("<name>c</name><disks><disk name='vda'/><disk name='vdb'/><disk name='vdc'/></disks>"),
                 NULL);
}

static void a_redefined_checkpoint_needs_no_guest(void)
{
    g_autoptr(CheckpointConfig) checkpoint = read_checkpoint(PAST_CHECKPOINT("<disks><disk name='vdz'/></disks>"),
                                                             MOMENT_PARSE_REDEFINE, VIR_ERR_OK);
    g_autofree char *text = NULL;
    Uuid uuid;

    g_assert_true(uuid_parse(UUID, &uuid));
    g_assert_cmpint(checkpoint_config_redefine(checkpoint, &uuid, NULL), ==, 0);
    text = checkpoint_config_format(checkpoint, 0);
    g_assert_cmpstr(text, ==,
                    "<domaincheckpoint>\n"
                    "  <name>c</name>\n"
                    "  <creationTime>5</creationTime>\n"
                    "  <disks>\n"
                    "    <disk name='vdz' checkpoint='bitmap' bitmap='c'/>\n"
                    "  </disks>\n"
                    "</domaincheckpoint>\n");
}

static void a_redefined_checkpoint_must_have_name_and_time(void)
{
    g_assert_null(read_checkpoint(CHECKPOINT("<creationTime>5</creationTime>"), MOMENT_PARSE_REDEFINE,
                                  VIR_ERR_XML_ERROR));
    g_assert_null(read_checkpoint(CHECKPOINT("<name>c</name>"), MOMENT_PARSE_REDEFINE, VIR_ERR_INTERNAL_ERROR));
}

static void a_checkpoint_can_be_shown_without_its_guest(void)
{
    g_autoptr(CheckpointConfig) checkpoint = read_checkpoint(PAST_CHECKPOINT(TWO_DISKS), MOMENT_PARSE_REDEFINE,
                                                             VIR_ERR_OK);
    g_autofree char *with = checkpoint_config_format(checkpoint, 0);
    g_autofree char *without = checkpoint_config_format(checkpoint, MOMENT_FORMAT_NO_DOMAIN);

    g_assert_nonnull(strstr(with, "  <domain type='test'>\n"));
    g_assert_null(strstr(without, "domain type"));
}

static void checkpoints_are_held_against_the_schema_unasked(void)
{
    if (!has_schema("/usr/share/libvirt/schemas/domaincheckpoint.rng"))
        return;
    g_assert_null(read_checkpoint(CHECKPOINT("<name>.c</name>"), 0, VIR_ERR_XML_INVALID_SCHEMA));
    g_assert_null(read_checkpoint(CHECKPOINT("<foo/>"), 0, VIR_ERR_XML_INVALID_SCHEMA));
}

#define TEST(name) g_test_add_func("/conf-moment-checkpoint/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_checkpoint_without_disks_notes_all_that_can_change);
    TEST(a_checkpoint_with_disks_notes_those);
    TEST(what_cannot_change_cannot_be_noted);
    TEST(a_checkpoint_needs_disks_that_there_are);
    TEST(a_redefined_checkpoint_needs_no_guest);
    TEST(a_redefined_checkpoint_must_have_name_and_time);
    TEST(a_checkpoint_can_be_shown_without_its_guest);
    TEST(checkpoints_are_held_against_the_schema_unasked);
    return g_test_run();
}
