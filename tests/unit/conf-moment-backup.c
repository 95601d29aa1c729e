/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/moment.h promises of backups. */
#include "conf/moment.h"

#include <string.h>

#include "conf/rules/rules.h"

#define UUID "11111111-2222-3333-4444-555555555555"
#define DISK(target, path) "<disk><source file='" path "'/><target dev='" target "' bus='virtio'/></disk>"
#define GUEST(inside)                                                                             \
    "<domain type='test'><name>x</name><uuid>" UUID "</uuid><memory>8192</memory>"                 \
    "<os><type>hvm</type></os><devices>" inside "</devices></domain>"
#define TWO_DISKS GUEST(DISK("vda", "/images/a.qcow2") DISK("vdb", "/images/b.qcow2"))

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

static BackupConfig *read_backup(const char *document, unsigned flags, int code)
{
    Error error = ERROR_INIT;
    BackupConfig *backup = backup_config_parse(document, strlen(document), flags, &error);

    g_test_message("%s", error.message ? error.message : "no error");
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
    return backup;
}

static void assert_backup(const char *guest, const char *document, const char *expected)
{
    g_autoptr(DomainConfig) config = guest_of(guest);
    g_autoptr(BackupConfig) backup = read_backup(document, 0, VIR_ERR_OK);
    g_autofree char *text = NULL;
    Error error = ERROR_INIT;

    if (backup_config_align(backup, config, "now", &error) == 0)
        text = backup_config_format(backup, 0);
    else
        g_assert_cmpint(error.code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_test_message("%s", error.message ? error.message : "no error");
    error_clear(&error);
    g_assert_cmpstr(text, ==, expected);
}

static void a_backup_without_disks_is_of_all_that_can_be_written(void)
{
    assert_backup(GUEST(DISK("vda", "/a") "<disk><source file='/b'/><target dev='vdb' bus='virtio'/><readonly/></disk>"
                        "<disk device='cdrom'><target dev='hda'/></disk>"),
                  "<domainbackup/>",
                  "<domainbackup mode='push'>\n"
                  "  <disks>\n"
                  "    <disk name='vda' backup='yes' type='file' backupmode='full'>\n"
                  "      <target file='/a.now'/>\n"
                  "    </disk>\n"
                  "    <disk name='vdb' backup='no'/>\n"
                  "    <disk name='hda' backup='no'/>\n"
                  "  </disks>\n"
                  "</domainbackup>\n");
}

static void a_backup_with_disks_is_of_those(void)
{
    assert_backup(TWO_DISKS,
                  "<domainbackup mode='pull'><incremental>c</incremental><server name='localhost' port='10809'/><disks>"
                  "<disk name='vdb' type='file' exportname='b' exportbitmap='m'><driver type='qcow2'/>"
                  "<scratch file='/s'/></disk></disks></domainbackup>",
                  "<domainbackup mode='pull'>\n"
                  "  <incremental>c</incremental>\n"
                  "  <server transport='tcp' name='localhost' port='10809'/>\n"
                  "  <disks>\n"
                  "    <disk name='vdb' backup='yes' type='file' backupmode='incremental' incremental='c' exportname='b'"
                  " exportbitmap='m'>\n"
                  "      <driver type='qcow2'/>\n"
                  "      <scratch file='/s'/>\n"
                  "    </disk>\n"
                  "    <disk name='vda' backup='no'/>\n"
                  "  </disks>\n"
                  "</domainbackup>\n");
}

static void a_backup_needs_disks_with_contents(void)
{
    const char *guest = GUEST(DISK("vda", "/a") "<disk device='cdrom'><target dev='hda'/></disk>");

    assert_backup(GUEST(""), "<domainbackup/>", NULL);
    assert_backup(guest, "<domainbackup><disks><disk name='vdx' type='file'/></disks></domainbackup>", NULL);
    assert_backup(guest, "<domainbackup><disks><disk name='hda' type='file'/></disks></domainbackup>", NULL);
    assert_backup(guest, "<domainbackup><disks><disk name='vda' backup='no'/><disk name='vda' backup='no'/></disks>"
                         "</domainbackup>", NULL);
    assert_backup(guest, "<domainbackup><disks><disk name='vda' type='file' backupmode='incremental'/></disks>"
                         "</domainbackup>", NULL);
    assert_backup(GUEST("<disk type='block'><source dev='/dev/x'/><target dev='vda'/></disk>"), "<domainbackup/>",
                  NULL);
}

static void where_a_client_reads_must_be_said_in_full(void)
{
#define SERVED(mode, server) "<domainbackup mode='" mode "'><server " server "/></domainbackup>"
    unsigned stored = MOMENT_PARSE_STORED;    /* not held against the schema */

    g_assert_null(read_backup(SERVED("push", "name='h'"), stored, VIR_ERR_CONFIG_UNSUPPORTED));
    g_assert_null(read_backup(SERVED("pull", "transport='rdma' name='h'"), stored, VIR_ERR_CONFIG_UNSUPPORTED));
    g_assert_null(read_backup(SERVED("pull", "transport='unix'"), stored, VIR_ERR_XML_ERROR));
    g_assert_null(read_backup(SERVED("pull", "transport='unix' socket='s'"), stored, VIR_ERR_XML_ERROR));
    g_assert_null(read_backup(SERVED("pull", "transport='tcp'"), stored, VIR_ERR_XML_ERROR));
    g_assert_null(read_backup(SERVED("sideways", "name='h'"), stored, VIR_ERR_CONFIG_UNSUPPORTED));
    g_assert_null(read_backup("<domainbackup><disks><disk name='vda' type='dir'/></disks></domainbackup>", stored,
                              VIR_ERR_XML_ERROR));
#undef SERVED
}

static void how_far_a_backup_is_stays_in_our_own_store(void)
{
    g_autoptr(BackupConfig) backup = read_backup("<domainbackup><disks><disk name='vda' state='running' index='3'>"
                                                 "<target file='/t'/></disk></disks></domainbackup>",
                                                 MOMENT_PARSE_STORED, VIR_ERR_OK);
    g_autofree char *text = backup_config_format(backup, MOMENT_FORMAT_STORED);
    g_autofree char *shown = backup_config_format(backup, 0);

    g_assert_cmpint(backup->disks->disks[0]->state, ==, BACKUP_STATE_RUNNING);
    g_assert_nonnull(strstr(text, "<disk name='vda' backup='yes' state='running' type='file' index='3'>"));
    g_assert_nonnull(strstr(shown, "<disk name='vda' backup='yes' type='file'>"));
}

static void backups_are_held_against_the_schema_unasked(void)
{
    if (!has_schema("/usr/share/libvirt/schemas/domainbackup.rng"))
        return;
    g_assert_null(read_backup("<domainbackup mode='sideways'/>", 0, VIR_ERR_XML_INVALID_SCHEMA));
}

#define TEST(name) g_test_add_func("/conf-moment-backup/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_backup_without_disks_is_of_all_that_can_be_written);
    TEST(a_backup_with_disks_is_of_those);
    TEST(a_backup_needs_disks_with_contents);
    TEST(where_a_client_reads_must_be_said_in_full);
    TEST(how_far_a_backup_is_stays_in_our_own_store);
    TEST(backups_are_held_against_the_schema_unasked);
    return g_test_run();
}
