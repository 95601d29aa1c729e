/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/moment.h promises of snapshots, and of what all three kinds of documents have in common. */
#include "conf/moment.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "conf/rules/rules.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define DISK(target, path) "<disk><source file='" path "'/><target dev='" target "' bus='virtio'/></disk>"
#define GUEST_OF(uuid, memory, inside)                                                             \
    "<domain type='test'><name>x</name><uuid>" uuid "</uuid><memory>" memory "</memory>"           \
    "<os><type>hvm</type></os><devices>" inside "</devices></domain>"
#define GUEST(inside) GUEST_OF(UUID, "8192", inside)
#define TWO_DISKS GUEST(DISK("vda", "/images/a.qcow2") DISK("vdb", "/images/b.qcow2"))
#define SNAPSHOT(inside) "<domainsnapshot>" inside "</domainsnapshot>"
#define NAMED(inside) SNAPSHOT("<name>s</name>" inside)
#define PAST(state, inside) NAMED("<creationTime>5</creationTime><state>" state "</state>" inside)

static const DomainRules rules = { .default_arch = "i686" };

/* --- helpers --------------------------------------------------------------------------------- */

static DomainConfig *guest_of(const char *document)
{
    Error error = ERROR_INIT;
    DomainConfig *guest = domain_config_parse(document, strlen(document), &rules, 0, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    return guest;
}

static SnapshotConfig *read_snapshot(const char *document, unsigned flags)
{
    Error error = ERROR_INIT;
    SnapshotConfig *snapshot = snapshot_config_parse(document, strlen(document), &rules, flags, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    return snapshot;
}

static void assert_not_read(const char *document, unsigned flags, int code)
{
    Error error = ERROR_INIT;

    g_assert_null(snapshot_config_parse(document, strlen(document), &rules, flags, &error));
    g_test_message("%s", error.message);
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
}

/* A new snapshot of a guest, made whole; NULL when that was refused with `code`. */
static SnapshotConfig *take(const char *guest, const char *document, SnapshotState state, bool uniform, int code)
{
    g_autoptr(DomainConfig) config = guest_of(guest);
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(document, 0);
    Error error = ERROR_INIT;
    int rc;

    moment_set_domain(snapshot, config, NULL);
    rc = snapshot_config_complete(snapshot, state, false, uniform, &error);
    g_test_message("%s", error.message ? error.message : "no error");
    g_assert_cmpint(error.code, ==, code);
    g_assert_cmpint(rc, ==, code ? -1 : 0);
    error_clear(&error);
    return rc == 0 ? g_steal_pointer(&snapshot) : NULL;
}

static void assert_not_taken(const char *guest, const char *document)
{
    g_assert_null(take(guest, document, SNAPSHOT_STATE_RUNNING, true, VIR_ERR_CONFIG_UNSUPPORTED));
}

/* "vda=internal vdb=no" */
static char *places(const SnapshotConfig *snapshot)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; snapshot->disks && i < snapshot->disks->n_disks; i++)
        g_string_append_printf(text, "%s%s=%s", i ? " " : "", snapshot->disks->disks[i]->name,
                               element_word(&disk_snapshot_words, snapshot->disks->disks[i]->snapshot));
    return g_string_free(text, FALSE);
}

static void assert_places(const char *guest, const char *document, bool uniform, const char *expected)
{
    g_autoptr(SnapshotConfig) snapshot = take(guest, document, SNAPSHOT_STATE_RUNNING, uniform, VIR_ERR_OK);
    g_autofree char *found = places(snapshot);

    g_assert_cmpstr(found, ==, expected);
}

static int redefine(SnapshotConfig *snapshot, const SnapshotConfig *other, int code)
{
    Error error = ERROR_INIT;
    Uuid uuid;
    int rc;

    g_assert_true(uuid_parse(UUID, &uuid));
    rc = snapshot_config_redefine(snapshot, other, &uuid, false, &error);
    g_test_message("%s", error.message ? error.message : "no error");
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
    return rc;
}

static void assert_not_redefined(const char *document, const char *other, int code)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(document, MOMENT_PARSE_REDEFINE);
    g_autoptr(SnapshotConfig) replaced = other ? read_snapshot(other, MOMENT_PARSE_REDEFINE) : NULL;

    g_assert_cmpint(redefine(snapshot, replaced, code), ==, -1);
}

static void assert_written(const SnapshotConfig *snapshot, unsigned flags, const char *expected)
{
    g_autofree char *text = snapshot_config_format(snapshot, NULL, flags);

    g_assert_cmpstr(text, ==, expected);
}

/* --- snapshots: what a document must have ---------------------------------------------------- */

static void a_new_snapshot_without_a_name_gets_the_time(void)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(SNAPSHOT(""), 0);
    g_autofree char *time = g_strdup_printf("%" G_GINT64_FORMAT, snapshot->creation_time);

    g_assert_cmpstr(snapshot->name, ==, time);
    g_assert_cmpint(ABS(snapshot->creation_time - g_get_real_time() / G_USEC_PER_SEC), <, 60);
}

static void a_new_snapshot_takes_time_state_and_parent_from_nobody(void)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(PAST("nonsense", "<parent><name>p</name></parent><domain/>"), 0);

    g_assert_cmpint(snapshot->creation_time, >, 5);
    g_assert_cmpint(snapshot->state, ==, SNAPSHOT_STATE_ABSENT);
    g_assert_null(snapshot->parent);
    g_assert_null(snapshot->head.domain);
}

static void a_redefined_snapshot_must_have_name_time_and_state(void)
{
    assert_not_read(SNAPSHOT("<creationTime>5</creationTime><state>running</state>"), MOMENT_PARSE_REDEFINE,
                    VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<state>running</state>"), MOMENT_PARSE_REDEFINE, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(NAMED("<creationTime>soon</creationTime><state>running</state>"), MOMENT_PARSE_REDEFINE,
                    VIR_ERR_INTERNAL_ERROR);
    assert_not_read(NAMED("<creationTime>5</creationTime>"), MOMENT_PARSE_REDEFINE, VIR_ERR_XML_ERROR);
    assert_not_read(PAST("nostate", ""), MOMENT_PARSE_REDEFINE, VIR_ERR_CONFIG_UNSUPPORTED);
}

static void another_root_is_refused(void)
{
    assert_not_read("<domain/>", 0, VIR_ERR_XML_ERROR);
    assert_not_read("<domainsnapshot", 0, VIR_ERR_XML_DETAIL);
}

static void a_document_that_is_too_long_is_refused(void)
{
    g_autofree char *spaces = g_strnfill(4 << 20, ' ');
    g_autofree char *document = g_strconcat("<domainsnapshot>", spaces, "</domainsnapshot>", NULL);
    g_autofree char *quotes = g_strnfill(3 << 20, '"');
    g_autofree char *grows = g_strconcat("<domainsnapshot><description>", quotes, "</description></domainsnapshot>",
                                         NULL);

    assert_not_read(document, 0, VIR_ERR_XML_DETAIL);
    assert_not_read(grows, 0, VIR_ERR_XML_DETAIL);
}

static void memory_goes_where_it_is_said_or_nowhere(void)
{
    assert_not_read(NAMED("<memory snapshot='external'/>"), 0, VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<memory snapshot='internal' file='/m'/>"), 0, VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<memory snapshot='internal' file=''/>"), 0, VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<memory snapshot='manual'/>"), 0, VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<memory file='m'/>"), 0, VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<memory snapshot='internal'/>"), MOMENT_PARSE_DISK_ONLY, VIR_ERR_XML_ERROR);
    assert_not_read(PAST("shutoff", "<memory file='/m'/>"), MOMENT_PARSE_REDEFINE, VIR_ERR_XML_ERROR);
}

static void disks_must_be_places_for_images(void)
{
    assert_not_read(NAMED("<disks><disk/></disks>"), 0, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(NAMED("<disks><disk name='vda' type='dir'/></disks>"), 0, VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<disks><disk name='vda' type='volume'/></disks>"), 0, VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<disks><disk name='vda'><source file='a'/></disk></disks>"), 0, VIR_ERR_XML_ERROR);
    assert_not_read(NAMED("<disks><disk name='vda'><driver type='cuneiform'/></disk></disks>"), 0,
                    VIR_ERR_CONFIG_UNSUPPORTED);
}

static void whatever_is_in_disks_is_a_disk(void)
{
    assert_places(TWO_DISKS, NAMED("<disks><a:b xmlns:a='urn:a' name='vda' snapshot='no'/></disks>"), false,
                  "vda=no vdb=internal");
}

static bool has_schema(const char *path)
{
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return true;
    g_test_skip("libvirt's schemas are not installed");
    return false;
}

static void validation_refuses_what_the_schema_does_not_know(void)
{
    if (!has_schema("/usr/share/libvirt/schemas/domainsnapshot.rng"))
        return;
    assert_not_read(NAMED("<foo/>"), MOMENT_PARSE_VALIDATE, VIR_ERR_XML_INVALID_SCHEMA);
    moment_unref(read_snapshot(NAMED(""), MOMENT_PARSE_VALIDATE));
    moment_unref(read_snapshot(NAMED("<foo/>"), 0));
}

/* --- snapshots: disks ------------------------------------------------------------------------ */

static void each_disk_gets_an_entry_in_the_guests_order(void)
{
    assert_places(TWO_DISKS, NAMED(""), true, "vda=internal vdb=internal");
    assert_places(TWO_DISKS, NAMED("<disks><disk name='vdb'/></disks>"), true, "vda=internal vdb=internal");
    assert_places(GUEST(""), NAMED(""), true, "");
}

static void the_guests_own_document_says_what_is_usual(void)
{
    const char *guest = GUEST("<disk snapshot='no'><source file='/a'/><target dev='vda'/></disk>"
                              "<disk><source file='/b'/><target dev='vdb' bus='virtio'/><readonly/></disk>"
                              "<disk device='cdrom'><target dev='hda'/></disk>" DISK("vdc", "/c"));

    assert_places(guest, NAMED(""), true, "vda=no hda=no vdb=no vdc=internal");
}

static void a_disk_is_known_by_the_path_of_its_contents(void)
{
    assert_places(TWO_DISKS, NAMED("<disks><disk name='/images/b.qcow2' snapshot='no'/></disks>"), false,
                  "vda=internal vdb=no");
    assert_not_taken(GUEST(DISK("vda", "/a") DISK("vdb", "/a")), NAMED("<disks><disk name='/a'/></disks>"));
}

static void unknown_disks_and_doubles_are_refused(void)
{
    assert_not_taken(TWO_DISKS, NAMED("<disks><disk name='vdx'/></disks>"));
    assert_not_taken(TWO_DISKS, NAMED("<disks><disk name='vda'/><disk name='/images/a.qcow2'/></disks>"));
    assert_not_taken(TWO_DISKS, NAMED("<disks><disk name='vda'/><disk name='vdb'/><disk name='vdc'/></disks>"));
}

static void a_hypervisor_may_keep_all_disks_or_none(void)
{
    assert_not_taken(TWO_DISKS, NAMED("<disks><disk name='vda' snapshot='no'/></disks>"));
    assert_not_taken(TWO_DISKS, NAMED("<disks><disk name='vda'><source file='/s'/></disk></disks>"));
    assert_places(TWO_DISKS, NAMED("<disks><disk name='vda'><source file='/s'/></disk></disks>"), false,
                  "vda=external vdb=internal");
}

static void a_source_needs_an_external_snapshot(void)
{
    g_assert_null(take(TWO_DISKS,
                       NAMED("<disks><disk name='vda' snapshot='internal'><source file='/s'/></disk></disks>"),
                       SNAPSHOT_STATE_RUNNING, false, VIR_ERR_CONFIG_UNSUPPORTED));
}

static void the_state_of_the_guest_says_what_becomes_of_memory(void)
{
    g_autoptr(SnapshotConfig) on = take(TWO_DISKS, NAMED(""), SNAPSHOT_STATE_PAUSED, true, VIR_ERR_OK);
    g_autoptr(SnapshotConfig) off = take(TWO_DISKS, NAMED(""), SNAPSHOT_STATE_SHUTOFF, true, VIR_ERR_OK);

    g_assert_cmpint(on->state, ==, SNAPSHOT_STATE_PAUSED);
    g_assert_cmpint(on->memory->snapshot, ==, DISK_SNAPSHOT_INTERNAL);
    g_assert_cmpint(off->memory->snapshot, ==, DISK_SNAPSHOT_NO);
}

/* A guest with one disk, whose image is a file that there is. */
static char *guest_with_file(const char *path)
{
    return g_strdup_printf(GUEST(DISK("vda", "%s")), path);
}

static void an_image_gets_a_name_from_the_old_one(void)
{
    g_autofree char *directory = g_dir_make_tmp("drover-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "disk.qcow2", NULL);
    g_autofree char *guest = guest_with_file(path);
    g_autofree char *expected = g_build_filename(directory, "disk.s", NULL);
    g_autoptr(SnapshotConfig) snapshot = NULL;

    assert_not_taken(guest, NAMED("<memory file='/m'/>"));    /* there is no such file */
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    snapshot = take(guest, NAMED("<memory file='/m'/>"), SNAPSHOT_STATE_RUNNING, true, VIR_ERR_OK);
    g_assert_cmpstr(snapshot->disks->disks[0]->source->file, ==, expected);
    g_assert_true(snapshot_config_is_external(snapshot));
    assert_not_taken(guest,
                     NAMED("<memory file='/m'/><disks><disk name='vda' snapshot='external' type='block'/></disks>"));
    g_unlink(path);
    g_rmdir(directory);
}

static void two_images_never_get_one_name(void)
{
    g_autofree char *directory = g_dir_make_tmp("drover-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "disk.qcow2", NULL);
    g_autofree char *guest = g_strdup_printf(GUEST(DISK("vda", "%s") DISK("vdb", "%s")), path, path);

    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    assert_not_taken(guest, NAMED("<memory file='/m'/>"));
    g_unlink(path);
    g_rmdir(directory);
}

/* --- snapshots: redefined -------------------------------------------------------------------- */

static void a_redefined_snapshot_is_written_as_libvirt_has_it(void)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(
        PAST("running", "<parent><name>p</name></parent><description>d&amp;</description><foo/>"
             "<disks><disk name='vda'><driver type='qcow2'/><source file='/s'/><snapshotDeleteInProgress/></disk></disks>"
             GUEST_OF(UUID, "1", DISK("vda", "/a"))), MOMENT_PARSE_REDEFINE);

    g_assert_cmpint(redefine(snapshot, NULL, VIR_ERR_OK), ==, 0);
    assert_written(snapshot, 0,
                   "<domainsnapshot>\n"
                   "  <name>s</name>\n"
                   "  <description>d&amp;</description>\n"
                   "  <state>running</state>\n"
                   "  <parent>\n"
                   "    <name>p</name>\n"
                   "  </parent>\n"
                   "  <creationTime>5</creationTime>\n"
                   "  <memory snapshot='internal'/>\n"
                   "  <disks>\n"
                   "    <disk name='vda' snapshot='external' type='file'>\n"
                   "      <snapshotDeleteInProgress/>\n"
                   "      <driver type='qcow2'/>\n"
                   "      <source file='/s'/>\n"
                   "    </disk>\n"
                   "  </disks>\n"
                   "  <domain type='test'>\n"
                   "    <name>x</name>\n"
                   "    <uuid>" UUID "</uuid>\n"
                   "    <memory unit='KiB'>1</memory>\n"
                   "    <currentMemory unit='KiB'>1</currentMemory>\n"
                   "    <vcpu placement='static'>1</vcpu>\n"
                   "    <os>\n"
                   "      <type arch='i686'>hvm</type>\n"
                   "      <boot dev='hd'/>\n"
                   "    </os>\n"
                   "    <clock offset='utc'/>\n"
                   "    <on_poweroff>destroy</on_poweroff>\n"
                   "    <on_reboot>restart</on_reboot>\n"
                   "    <on_crash>destroy</on_crash>\n"
                   "    <devices>\n"
                   "      <disk type='file' device='disk'>\n"
                   "        <source file='/a'/>\n"
                   "        <target dev='vda' bus='virtio'/>\n"
                   "      </disk>\n"
                   "    </devices>\n"
                   "  </domain>\n"
                   "</domainsnapshot>\n");
}

static void a_snapshot_of_another_guest_is_refused(void)
{
    assert_not_redefined(PAST("running", GUEST_OF("11111111-2222-3333-4444-555555555556", "1", "")), NULL,
                         VIR_ERR_INVALID_ARG);
}

static void a_snapshot_must_say_what_the_guest_was(void)
{
    assert_not_redefined(PAST("running", ""), NULL, VIR_ERR_INTERNAL_ERROR);
    assert_not_redefined(PAST("running", "<domain><uuid>" UUID "</uuid></domain>"), NULL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(PAST("running", "<domain type='test'><uuid>" UUID "</uuid></domain>"), MOMENT_PARSE_REDEFINE,
                    VIR_ERR_NO_NAME);
}

static void what_is_replaced_says_what_the_guest_was(void)
{
    g_autoptr(SnapshotConfig) old = read_snapshot(PAST("running", TWO_DISKS), MOMENT_PARSE_REDEFINE);
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(PAST("paused", ""), MOMENT_PARSE_REDEFINE);
    g_autofree char *found = NULL;

    g_assert_cmpint(redefine(snapshot, old, VIR_ERR_OK), ==, 0);
    g_assert_true(snapshot->head.domain == old->head.domain);
    found = places(snapshot);
    g_assert_cmpstr(found, ==, "vda=internal vdb=internal");
}

static void a_snapshot_keeps_its_kind(void)
{
    assert_not_redefined(PAST("shutoff", TWO_DISKS), PAST("running", TWO_DISKS), VIR_ERR_INVALID_ARG);
    assert_not_redefined(PAST("blocked", TWO_DISKS), PAST("running", TWO_DISKS), VIR_ERR_INVALID_ARG);
    assert_not_redefined(PAST("disk-snapshot", TWO_DISKS), PAST("shutoff", TWO_DISKS), VIR_ERR_INVALID_ARG);
    assert_not_redefined(PAST("running", GUEST_OF(UUID, "1", "")), PAST("running", GUEST_OF(UUID, "2", "")),
                         VIR_ERR_CONFIG_UNSUPPORTED);
}

static void a_guest_without_memory_in_it_is_shown_by_its_uuid(void)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(PAST("shutoff", ""), MOMENT_PARSE_REDEFINE);
    g_autofree char *text = NULL;
    Uuid uuid;

    g_assert_true(uuid_parse(UUID, &uuid));
    text = snapshot_config_format(snapshot, &uuid, 0);
    g_assert_cmpstr(text, ==,
                    "<domainsnapshot>\n"
                    "  <name>s</name>\n"
                    "  <state>shutoff</state>\n"
                    "  <creationTime>5</creationTime>\n"
                    "  <memory snapshot='no'/>\n"
                    "  <domain>\n"
                    "    <uuid>" UUID "</uuid>\n"
                    "  </domain>\n"
                    "</domainsnapshot>\n");
}

static void the_next_start_is_kept_beside_the_running_guest(void)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(
        PAST("running", GUEST("") "<inactiveDomain type='test'><name>x</name><uuid>" UUID "</uuid><memory>7</memory>"
             "<os><type>hvm</type></os></inactiveDomain>"), MOMENT_PARSE_REDEFINE);
    g_autofree char *text = snapshot_config_format(snapshot, NULL, 0);

    g_assert_cmpuint(snapshot->head.inactive->memory.value, ==, 7);
    g_assert_nonnull(strstr(text, "  </domain>\n  <inactiveDomain type='test'>\n    <name>x</name>\n"));
}

static void the_notes_of_applications_keep_their_shape_further_in(void)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(
        PAST("running", "<domain type='test'><name>x</name><uuid>" UUID "</uuid><metadata><a:b xmlns:a='urn:a&amp;b'>"
             "<a:c> d </a:c></a:b></metadata><memory>7</memory><os><type>hvm</type></os></domain>"), MOMENT_PARSE_REDEFINE);
    g_autofree char *text = snapshot_config_format(snapshot, NULL, 0);

    g_assert_nonnull(strstr(text,
                            "    <metadata>\n"
                            "      <a:b xmlns:a=\"urn:a&amp;b\">\n"
                            "        <a:c> d </a:c>\n"
                            "      </a:b>\n"
                            "    </metadata>\n"));
}

static void secrets_are_for_those_who_may_see_them(void)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(
        PAST("running", "<disks><disk name='vda' type='network'><source protocol='https' name='n'><host name='h'/>"
             "<cookies><cookie name='c'>v</cookie></cookies></source></disk></disks>"
             GUEST("<graphics type='vnc' passwd='p'/>")), MOMENT_PARSE_REDEFINE);
    g_autofree char *open = snapshot_config_format(snapshot, NULL, 0);
    g_autofree char *secure = snapshot_config_format(snapshot, NULL, MOMENT_FORMAT_SECURE);
    g_autofree char *stored = NULL;

    g_assert_null(strstr(open, "passwd"));
    g_assert_nonnull(strstr(secure, "passwd='p'"));
    g_assert_null(strstr(secure, "cookie"));    /* libvirt never shows those of a snapshot's own disks */
    snapshot->active = 0;
    snapshot->has_active = true;
    stored = snapshot_config_format(snapshot, NULL, MOMENT_FORMAT_STORED);
    g_assert_nonnull(strstr(stored, "<cookie name='c'>v</cookie>"));
}

static void our_own_store_knows_the_current_snapshot(void)
{
    g_autoptr(SnapshotConfig) snapshot = read_snapshot(PAST("running", TWO_DISKS "<active>1</active>"),
                                                       MOMENT_PARSE_STORED);
    g_autofree char *text = snapshot_config_format(snapshot, NULL, MOMENT_FORMAT_STORED);
    g_autoptr(SnapshotConfig) again = read_snapshot(text, MOMENT_PARSE_STORED);
    g_autofree char *same = snapshot_config_format(again, NULL, MOMENT_FORMAT_STORED);
    g_autofree char *shown = snapshot_config_format(again, NULL, MOMENT_FORMAT_SECURE);

    g_assert_cmpuint(again->active, ==, 1);
    g_assert_cmpstr(text, ==, same);
    g_assert_null(strstr(shown, "active"));
    assert_not_read(PAST("running", TWO_DISKS), MOMENT_PARSE_STORED, VIR_ERR_INTERNAL_ERROR);
}

/* --- parents --------------------------------------------------------------------------------- */

static bool find_parent(void *moments, const char *name, const char **parent)
{
    static const char *const known[][2] = { { "root", NULL }, { "child", "root" }, { "grandchild", "child" },
                                            { "lost", "gone" } };

    (void)moments;
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++)
        if (strcmp(known[i][0], name) == 0) {
            *parent = known[i][1];
            return true;
        }
    return false;
}

static void assert_parent(const char *name, const char *parent, int code)
{
    Error error = ERROR_INIT;

    g_assert_cmpint(moment_check_parent(name, parent, find_parent, NULL, &error), ==, code ? -1 : 0);
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
}

static void nothing_comes_from_itself(void)
{
    assert_parent("new", "new", VIR_ERR_INVALID_ARG);
    assert_parent("root", "child", VIR_ERR_INVALID_ARG);
    assert_parent("root", "grandchild", VIR_ERR_INVALID_ARG);
}

static void a_parent_must_be_known(void)
{
    assert_parent("new", "nobody", VIR_ERR_INVALID_ARG);
    assert_parent("new", "grandchild", VIR_ERR_OK);
    assert_parent("new", "lost", VIR_ERR_OK);
    assert_parent("new", NULL, VIR_ERR_OK);
}

/* --- sharing --------------------------------------------------------------------------------- */

static void an_object_lives_as_long_as_anyone_has_it(void)
{
    SnapshotConfig *snapshot = read_snapshot(NAMED(""), 0);
    SnapshotConfig *shared = moment_ref(snapshot);

    moment_unref(snapshot);
    g_assert_cmpstr(shared->name, ==, "s");
    moment_unref(shared);
    moment_unref(NULL);
}

#define TEST(name) g_test_add_func("/conf-moment/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_new_snapshot_without_a_name_gets_the_time);
    TEST(a_new_snapshot_takes_time_state_and_parent_from_nobody);
    TEST(a_redefined_snapshot_must_have_name_time_and_state);
    TEST(another_root_is_refused);
    TEST(a_document_that_is_too_long_is_refused);
    TEST(memory_goes_where_it_is_said_or_nowhere);
    TEST(disks_must_be_places_for_images);
    TEST(whatever_is_in_disks_is_a_disk);
    TEST(validation_refuses_what_the_schema_does_not_know);
    TEST(each_disk_gets_an_entry_in_the_guests_order);
    TEST(the_guests_own_document_says_what_is_usual);
    TEST(a_disk_is_known_by_the_path_of_its_contents);
    TEST(unknown_disks_and_doubles_are_refused);
    TEST(a_hypervisor_may_keep_all_disks_or_none);
    TEST(a_source_needs_an_external_snapshot);
    TEST(the_state_of_the_guest_says_what_becomes_of_memory);
    TEST(an_image_gets_a_name_from_the_old_one);
    TEST(two_images_never_get_one_name);
    TEST(a_redefined_snapshot_is_written_as_libvirt_has_it);
    TEST(a_snapshot_of_another_guest_is_refused);
    TEST(a_snapshot_must_say_what_the_guest_was);
    TEST(what_is_replaced_says_what_the_guest_was);
    TEST(a_snapshot_keeps_its_kind);
    TEST(a_guest_without_memory_in_it_is_shown_by_its_uuid);
    TEST(the_next_start_is_kept_beside_the_running_guest);
    TEST(the_notes_of_applications_keep_their_shape_further_in);
    TEST(secrets_are_for_those_who_may_see_them);
    TEST(our_own_store_knows_the_current_snapshot);
    TEST(nothing_comes_from_itself);
    TEST(a_parent_must_be_known);
    TEST(an_object_lives_as_long_as_anyone_has_it);
    return g_test_run();
}
