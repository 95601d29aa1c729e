/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/xen promises: domain documents to and from the files of Xen's own tools. */
#include "conf/xen/xl.h"

#include <string.h>

#include "conf/rules/rules.h"
#include "conf/xen/value.h"

#define UUID "c7a5fdbd-edaf-9455-926a-d65c16db1809"
#define IDENTITY "name = \"x\"\nuuid = \"" UUID "\"\n"
#define MACHINE IDENTITY "builder = \"hvm\"\n"
#define GUEST_OF(type, os, devices)                                                                         \
    "<domain type='xen' xmlns:xen='http://libvirt.org/schemas/domain/xen/1.0'><name>x</name>"              \
    "<uuid>" UUID "</uuid><memory unit='MiB'>64</memory><os><type>" type "</type>" os "</os>"              \
    "<devices>" devices "</devices>"
#define MACHINE_GUEST(devices) GUEST_OF("hvm", "", devices) "</domain>"
#define PV_GUEST(devices) GUEST_OF("linux", "", devices) "</domain>"

static const DomainRules rules = { .default_arch = "x86_64", .namespaces = NAMESPACE_XEN };

/* --- helpers --------------------------------------------------------------------------------- */

static char *native(const char *document, XenDialect dialect, int code)
{
    Error error = ERROR_INIT;
    g_autoptr(DomainConfig) config = domain_config_parse(document, strlen(document), &rules, 0, &error);
    char *text;

    g_assert_cmpstr(error.message, ==, NULL);
    text = xen_config_format(config, dialect, &error);
    g_test_message("%s", error.message ? error.message : "no error");
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
    return text;
}

/* The file has this line. */
static void assert_says(const char *document, XenDialect dialect, const char *line)
{
    g_autofree char *text = native(document, dialect, VIR_ERR_OK);
    g_autofree char *wanted = g_strconcat("\n", line, "\n", NULL);

    if (!strstr(text, wanted))
        g_error("'%s' is not in:\n%s", line, text);
}

static void assert_silent(const char *document, XenDialect dialect, const char *name)
{
    g_autofree char *text = native(document, dialect, VIR_ERR_OK);
    g_autofree char *unwanted = g_strconcat("\n", name, " = ", NULL);

    g_assert_null(strstr(text, unwanted));
}

static void assert_not_said(const char *document, XenDialect dialect, int code)
{
    g_assert_null(native(document, dialect, code));
}

static DomainConfig *read_native(const char *text, XenDialect dialect, int code)
{
    Error error = ERROR_INIT;
    DomainConfig *config = xen_config_parse(text, strlen(text), dialect, &error);

    g_test_message("%s", error.message ? error.message : "no error");
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
    return config;
}

/* The document that comes of it has this. */
static void assert_read(const char *text, XenDialect dialect, const char *part)
{
    g_autoptr(DomainConfig) config = read_native(text, dialect, VIR_ERR_OK);
    g_autofree char *document = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE | DOMAIN_FORMAT_INACTIVE);

    if (!strstr(document, part))
        g_error("'%s' is not in:\n%s", part, document);
}

static void assert_not_read(const char *text, XenDialect dialect, int code)
{
    g_assert_null(read_native(text, dialect, code));
}

/* --- syntax ---------------------------------------------------------------------------------- */

static char *rewritten(const char *text, int code)
{
    Arena arena;
    XenSettings settings = { .arena = &arena };
    Error error = ERROR_INIT;
    char *again = NULL;

    arena_init(&arena, NULL, 0);
    if (xen_settings_parse(&settings, text, strlen(text), &error) == 0)
        again = xen_settings_format(&settings);
    g_assert_cmpint(error.code, ==, code);
    error_clear(&error);
    arena_reset(&arena);
    return again;
}

static void assert_rewritten(const char *text, const char *expected)
{
    g_autofree char *again = rewritten(text, VIR_ERR_OK);

    g_assert_cmpstr(again, ==, expected);
}

static void assert_no_syntax(const char *text)
{
    g_assert_null(rewritten(text, VIR_ERR_CONF_SYNTAX));
}

static void lines_blanks_and_comments_are_read(void)
{
    assert_rewritten("# a\n\n  a=1 # b\n\tb_2 = -5; c='t'\r\n#d", "a = 1\nb_2 = -5\nc = \"t\"\n");
    assert_rewritten("", "");
    assert_rewritten(" \n", "");
}

static void texts_stand_in_three_kinds_of_quotes(void)
{
    assert_rewritten("a = 'x\"y'\nb = \"x'y\"\nc = \"\"\"x\n\"y'\"\"\"\nd = ''",
                     "a = 'x\"y'\nb = \"x'y\"\nc = \"\"\"x\n\"y'\"\"\"\nd = \"\"\n");
}

static void lists_go_over_lines_and_into_each_other(void)
{
    assert_rewritten("a = [ ]\nb=[1,\n 'x',\n[ 2 ] ,\n]\n", "a = [  ]\nb = [ 1, \"x\", [ 2 ] ]\n");
}

static void what_is_no_syntax_is_refused(void)
{
    const char *const texts[] = {
        "=", "a", "a =", "a = b", "1 = 2", "a = 1 2", "a = 'x", "a = \"x\ny\"", "a = \"\"\"x\"\"", "a = [ 1", "a = [ 1 2 ]",
        "a = [ , ]", "a = +", "a = 1x", "a = 99999999999999999999", "a = [[[[[[[[[1]]]]]]]]]", "a = ]",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
        assert_no_syntax(texts[i]);
}

static void a_file_is_bounded_text(void)
{
    g_autofree char *long_text = g_strnfill(XEN_CONFIG_LIMIT + 1, '\n');

    assert_not_read(long_text, XEN_DIALECT_XL, VIR_ERR_CONF_SYNTAX);
    assert_not_read(IDENTITY "a = '\xff'", XEN_DIALECT_XL, VIR_ERR_CONF_SYNTAX);
    assert_not_read(IDENTITY "a = '\x01'", XEN_DIALECT_XL, VIR_ERR_CONF_SYNTAX);
}

static void a_text_that_no_quotes_hold_is_not_written(void)
{
    assert_not_said(GUEST_OF("linux", "<cmdline>a'\"\"\"; b = 1</cmdline>", "") "</domain>", XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_said(GUEST_OF("linux", "<cmdline>a'\"</cmdline>", "") "</domain>", XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_says(GUEST_OF("linux", "<cmdline>a\"b'c</cmdline>", "") "</domain>", XEN_DIALECT_XL,
                "cmdline = \"\"\"a\"b'c\"\"\"");
}

/* --- the guest ------------------------------------------------------------------------------- */

static void a_paravirtual_guest_is_written_in_libvirts_order(void)
{
    g_autofree char *text = native(
        "<domain type='xen'><name>x</name><uuid>" UUID "</uuid><memory unit='MiB'>64</memory>"
        "<currentMemory unit='MiB'>32</currentMemory><vcpu cpuset='0-3,^1' current='1'>2</vcpu>"
        "<bootloader>/usr/bin/pygrub</bootloader><bootloader_args>-q</bootloader_args>"
        "<os><type>linux</type><kernel>/k</kernel><initrd>/r</initrd><cmdline>root=/dev/xvda1</cmdline></os>"
        "<features><xen><e820_host state='on'/></xen></features><clock offset='localtime'/>"
        "<on_crash>preserve</on_crash><devices>"
        "<disk type='block'><driver name='phy'/><source dev='/dev/v/x'/><target dev='xvda'/></disk>"
        "<interface type='bridge'><mac address='00:16:3e:00:00:01'/><source bridge='br0'/></interface>"
        "</devices></domain>", XEN_DIALECT_XL, VIR_ERR_OK);

    g_assert_cmpstr(text, ==,
                    "name = \"x\"\n"
                    "uuid = \"" UUID "\"\n"
                    "maxmem = 64\n"
                    "memory = 32\n"
                    "maxvcpus = 2\n"
                    "vcpus = 1\n"
                    "cpus = \"0,2-3\"\n"
                    "e820_host = 1\n"
                    "localtime = 1\n"
                    "on_poweroff = \"destroy\"\n"
                    "on_reboot = \"restart\"\n"
                    "on_crash = \"preserve\"\n"
                    "vif = [ \"mac=00:16:3e:00:00:01,bridge=br0,script=vif-bridge\" ]\n"
                    "bootloader = \"/usr/bin/pygrub\"\n"
                    "bootargs = \"-q\"\n"
                    "kernel = \"/k\"\n"
                    "ramdisk = \"/r\"\n"
                    "cmdline = \"root=/dev/xvda1\"\n"
                    "disk = [ \"format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/v/x\" ]\n");
}

static void a_paravirtual_guest_is_read_with_what_xen_gives_it(void)
{
    g_autoptr(DomainConfig) config = read_native(
        IDENTITY "memory = 64\nkernel = '/k'\nroot = '/dev/xvda1'\nextra = 'quiet'\nlocaltime = 1\n"
        "disk = [ '/images/a,qcow2,xvda,w' ]\n", XEN_DIALECT_XL, VIR_ERR_OK);
    g_autofree char *document = domain_config_format(config, -1, DOMAIN_FORMAT_INACTIVE);

    g_assert_cmpstr(document, ==,
                    "<domain type='xen'>\n"
                    "  <name>x</name>\n"
                    "  <uuid>" UUID "</uuid>\n"
                    "  <memory unit='KiB'>65536</memory>\n"
                    "  <currentMemory unit='KiB'>65536</currentMemory>\n"
                    "  <vcpu placement='static'>1</vcpu>\n"
                    "  <os>\n"
                    "    <type arch='x86_64' machine='xenpv'>linux</type>\n"
                    "    <kernel>/k</kernel>\n"
                    "    <cmdline>root=/dev/xvda1 quiet</cmdline>\n"
                    "  </os>\n"
                    "  <clock offset='localtime' adjustment='reset'/>\n"
                    "  <on_poweroff>destroy</on_poweroff>\n"
                    "  <on_reboot>restart</on_reboot>\n"
                    "  <on_crash>restart</on_crash>\n"
                    "  <devices>\n"
                    "    <disk type='file' device='disk'>\n"
                    "      <driver name='qemu' type='qcow2'/>\n"
                    "      <source file='/images/a'/>\n"
                    "      <target dev='xvda' bus='xen'/>\n"
                    "    </disk>\n"
                    "    <controller type='xenbus' index='0'/>\n"
                    "    <console type='pty'>\n"
                    "      <target type='xen' port='0'/>\n"
                    "    </console>\n"
                    "    <input type='mouse' bus='xen'/>\n"
                    "    <input type='keyboard' bus='xen'/>\n"
                    "    <memballoon model='xen'/>\n"
                    "  </devices>\n"
                    "</domain>\n");
}

static void a_guest_needs_a_name_and_may_lack_a_uuid(void)
{
    g_autoptr(DomainConfig) config = read_native("name = 'x'\n", XEN_DIALECT_XL, VIR_ERR_OK);

    g_assert_true(config->has_uuid);
    g_assert_cmpuint(config->memory.value, ==, 128 << 10);
    assert_not_read("", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read("name = 1\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read("name = 'x'\nuuid = 'mine'\n", XEN_DIALECT_XL, VIR_ERR_CONF_SYNTAX);
}

static void values_of_another_type_are_refused(void)
{
    assert_not_read(IDENTITY "memory = 'much'\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(IDENTITY "memory = -1\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(IDENTITY "localtime = [ 1 ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(IDENTITY "on_crash = 'weep'\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(IDENTITY "vcpus = 0\n", XEN_DIALECT_XL, VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_read(IDENTITY "type = 'hybrid'\n", XEN_DIALECT_XL, VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_read(IDENTITY "cpus = 'x'\n", XEN_DIALECT_XL, VIR_ERR_INVALID_ARG);
}

static void a_number_may_stand_in_quotes(void)
{
    assert_read(IDENTITY "memory = '64'\nvcpus = '3'\nmaxvcpus = 4\n", XEN_DIALECT_XL, "current='3'>4</vcpu>");
}

static void three_kinds_of_guests_are_known(void)
{
    assert_read(IDENTITY "type = 'pvh'\n", XEN_DIALECT_XL, "machine='xenpvh'>xenpvh</type>");
    assert_read(IDENTITY "type = 'pv'\nbuilder = 'hvm'\n", XEN_DIALECT_XL, "machine='xenpv'>linux</type>");
    assert_read(IDENTITY "type = 'hvm'\n", XEN_DIALECT_XL, "machine='xenfv'>hvm</type>");
    assert_says(GUEST_OF("xenpvh", "<kernel>/k</kernel>", "") "</domain>", XEN_DIALECT_XL, "type = \"pvh\"");
    assert_says(MACHINE_GUEST(""), XEN_DIALECT_XL, "builder = \"hvm\"");
}

static void a_command_line_is_whole_or_in_two_parts(void)
{
    assert_read(IDENTITY "cmdline = 'a'\nroot = 'b'\nextra = 'c'\n", XEN_DIALECT_XL, "<cmdline>a</cmdline>");
    assert_read(IDENTITY "cmdline = 'a'\nroot = 'b'\nextra = 'c'\n", XEN_DIALECT_XM, "<cmdline>root=b c</cmdline>");
    assert_read(IDENTITY "root = 'b'\n", XEN_DIALECT_XL, "<cmdline>root=b</cmdline>");
    assert_says(GUEST_OF("linux", "<cmdline>a</cmdline>", "") "</domain>", XEN_DIALECT_XM, "extra = \"a\"");
}

static void a_machine_starts_from_devices_in_order(void)
{
    assert_read(MACHINE "boot = 'dnac'\n", XEN_DIALECT_XL,
                "<boot dev='cdrom'/>\n    <boot dev='network'/>\n    <boot dev='fd'/>\n    <boot dev='hd'/>\n");
    assert_says(GUEST_OF("hvm", "<boot dev='network'/><boot dev='cdrom'/>", "") "</domain>", XEN_DIALECT_XL,
                "boot = \"nd\"");
}

static void a_machines_firmware_is_said(void)
{
    assert_read(MACHINE "bios = 'ovmf'\nbios_path_override = '/o'\n", XEN_DIALECT_XL,
                "<loader readonly='yes' type='pflash'>/o</loader>");
    assert_read(MACHINE, XEN_DIALECT_XL, "<loader type='rom'>/usr/lib/xen/boot/hvmloader</loader>");
    assert_says(GUEST_OF("hvm", "<loader type='pflash'>/o</loader>", "") "</domain>", XEN_DIALECT_XL,
                "bios = \"ovmf\"");
    assert_read(MACHINE "kernel = '/h'\n", XEN_DIALECT_XM, "<loader type='rom'>/h</loader>");
    assert_not_read(MACHINE, XEN_DIALECT_XM, VIR_ERR_INTERNAL_ERROR);
}

static void a_machines_features_are_said(void)
{
    assert_read(MACHINE "acpi = 0\napic = 0\nhap = 0\nviridian = 1\n", XEN_DIALECT_XL,
                "<features>\n    <pae/>\n    <hap state='off'/>\n    <viridian/>\n  </features>");
    assert_says("<domain type='xen'><name>x</name><memory>1</memory><os><type>hvm</type></os><features><acpi/>"
                "<hap state='off'/></features></domain>", XEN_DIALECT_XL, "hap = 0");
    assert_read(IDENTITY "passthrough = 'share_pt'\n", XEN_DIALECT_XL, "<passthrough state='on' mode='share_pt'/>");
}

static void a_machines_clock_may_go_wrong_on_purpose(void)
{
    assert_read(MACHINE "rtc_timeoffset = -3600\nlocaltime = 1\n", XEN_DIALECT_XL,
                "<clock offset='variable' adjustment='-3600' basis='localtime'/>");
    assert_says("<domain type='xen'><name>x</name><memory>1</memory><os><type>hvm</type></os>"
                "<clock offset='variable' adjustment='-3600' basis='utc'/></domain>", XEN_DIALECT_XL,
                "rtc_timeoffset = -3600");
    assert_not_said("<domain type='xen'><name>x</name><memory>1</memory><os><type>linux</type></os>"
                    "<clock offset='variable' adjustment='1' basis='utc'/></domain>", XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_said("<domain type='xen'><name>x</name><memory>1</memory><os><type>hvm</type></os>"
                    "<clock offset='utc'><timer name='pit' tickpolicy='delay'/></clock></domain>", XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
}

static void timers_are_said(void)
{
    const char *document = "<domain type='xen'><name>x</name><memory>1</memory><os><type>hvm</type></os>"
                           "<clock offset='utc'><timer name='tsc' mode='paravirt'/><timer name='hpet' present='no'/></clock>"
                           "</domain>";

    assert_says(document, XEN_DIALECT_XL, "tsc_mode = \"native_paravirt\"");
    assert_says(document, XEN_DIALECT_XL, "hpet = 0");
    assert_read(MACHINE "tsc_mode = 'native'\nhpet = 1\n", XEN_DIALECT_XL,
                "<timer name='tsc' present='yes' mode='native'/>\n    <timer name='hpet' present='yes'/>");
}

static void a_cpu_is_the_hosts_with_differences(void)
{
    const char *cpu = "<cpu mode='host-passthrough'>"
                      "<feature policy='disable' name='vmx'/><feature policy='force' name='pni'/></cpu>";
    g_autofree char *document = g_strconcat(GUEST_OF("hvm", "", ""), cpu, "</domain>", NULL);

    assert_says(document, XEN_DIALECT_XL, "nestedhvm = 0");
    assert_says(document, XEN_DIALECT_XL, "cpuid = \"host,sse3=1\"");
    assert_silent(document, XEN_DIALECT_XM, "cpuid");
    assert_read(MACHINE "nestedhvm = 1\ncpuid = 'host,sse3=0,x=s'\n", XEN_DIALECT_XL,
                "<cpu mode='host-passthrough'>\n    <feature policy='disable' name='pni'/>\n"
                "    <feature policy='optional' name='x'/>\n  </cpu>");
    assert_not_read(MACHINE "cpuid = '0:eax=x'\n", XEN_DIALECT_XL, VIR_ERR_CONF_SYNTAX);
    assert_not_read(MACHINE "cpuid = 'host,x=2'\n", XEN_DIALECT_XL, VIR_ERR_CONF_SYNTAX);
}

#define CELLS "vnuma = [ [ \"pnode=0\", \"size=32\", \"vcpus=0\", \"vdistances=10,21\" ],"           \
              " [ \"pnode=1\", \"size=32\", \"vcpus=1\", \"vdistances=21,10\" ] ]"

static void numa_cells_are_lists_in_a_list(void)
{
    g_autofree char *document = NULL;

    {
        g_autoptr(DomainConfig) config = read_native(MACHINE "vcpus = 2\n" CELLS "\n", XEN_DIALECT_XL, VIR_ERR_OK);

        g_assert_cmpuint(config->cpu->numa->n_cells, ==, 2);
        document = domain_config_format(config, -1, DOMAIN_FORMAT_INACTIVE);
    }
    assert_says(document, XEN_DIALECT_XL, CELLS);
    assert_not_read(MACHINE "vnuma = [ [ 'pnode=0', 'size=32' ] ]\n", XEN_DIALECT_XL, VIR_ERR_CONF_SYNTAX);
    assert_not_read(MACHINE "vnuma = [ [ 'pnode=1', 'size=32', 'vcpus=0' ] ]\n", XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_read(MACHINE "vnuma = [ [ 'pnode=0', 'size=32', 'vcpus=0', 'vdistances=10,20' ] ]\n", XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_read(MACHINE "vnuma = [ 'pnode=0' ]\n", XEN_DIALECT_XL, VIR_ERR_CONF_SYNTAX);
}

static void arguments_for_the_emulator_are_a_list(void)
{
    assert_says(GUEST_OF("hvm", "", "") "<xen:commandline><xen:arg value='-a'/><xen:arg value='b c'/></xen:commandline>"
                "</domain>", XEN_DIALECT_XL, "device_model_args = [ \"-a\", \"b c\" ]");
    assert_read(MACHINE "device_model_args = [ '-a', 'b' ]\n", XEN_DIALECT_XL,
                "<xen:commandline>\n    <xen:arg value='-a'/>\n    <xen:arg value='b'/>\n  </xen:commandline>");
    assert_says(MACHINE_GUEST("<emulator>/e</emulator>"), XEN_DIALECT_XL, "device_model_override = \"/e\"");
}

/* --- disks ----------------------------------------------------------------------------------- */

#define DISK_OF(type, driver, source) \
    "<disk type='" type "'><driver " driver "/><source " source "/><target dev='xvda'/></disk>"

static void a_disk_is_written_with_its_target_last(void)
{
    assert_says(PV_GUEST(DISK_OF("file", "name='qemu' type='qcow2'", "file='/a,b'")), XEN_DIALECT_XL,
                "disk = [ \"format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/a,b\" ]");
    assert_says(PV_GUEST(DISK_OF("block", "name='phy' type='raw'", "dev='/d'")), XEN_DIALECT_XM,
                "disk = [ \"phy:/d,xvda,w\" ]");
    assert_says(PV_GUEST(DISK_OF("file", "name='tap' type='qcow'", "file='/a'")), XEN_DIALECT_XM,
                "disk = [ \"tap:qcow:/a,xvda,w\" ]");
    assert_says(PV_GUEST("<disk><source file='/a'/><target dev='xvda'/><readonly/></disk>"), XEN_DIALECT_XM,
                "disk = [ \"file:/a,xvda,r\" ]");
}

static void an_empty_drive_has_no_target(void)
{
    const char *document = MACHINE_GUEST("<disk device='cdrom'><target dev='hdc'/></disk>");

    assert_says(document, XEN_DIALECT_XL, "disk = [ \"format=raw,vdev=hdc,access=ro,devtype=cdrom\" ]");
    assert_says(document, XEN_DIALECT_XM, "disk = [ \",hdc:cdrom,r\" ]");
    assert_silent(MACHINE_GUEST("<disk device='floppy'><source file='/f'/><target dev='fda'/></disk>"), XEN_DIALECT_XL,
                  "disk");
}

static void what_xen_has_no_disk_of_is_refused(void)
{
    assert_not_said(PV_GUEST(DISK_OF("volume", "name='qemu'", "pool='p' volume='v'")), XEN_DIALECT_XL,
                    VIR_ERR_INTERNAL_ERROR);
    assert_not_said(PV_GUEST("<disk type='network'><source protocol='nbd'><host name='h'/></source><target dev='xvda'/></disk>"),
                    XEN_DIALECT_XL, VIR_ERR_NO_SUPPORT);
    assert_not_said(PV_GUEST("<disk><source file='/a'/><target dev='xvda'/><transient/></disk>"), XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
}

static void an_image_of_ceph_keeps_its_hosts(void)
{
    const char *line = "disk = [ \"format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=rbd:pool/image:auth_supported=none"
                       ":mon_host=a\\\\:6789\\\\;[\\:\\:1]\\\\:6790\" ]";
    g_autofree char *text = g_strconcat(IDENTITY, line, "\n", NULL);

    assert_says(PV_GUEST("<disk type='network'><driver name='qemu' type='raw'/><source protocol='rbd' name='pool/image'>"
                         "<host name='a' port='6789'/><host name='::1' port='6790'/></source><target dev='xvda'/></disk>"),
                XEN_DIALECT_XL, line);
    assert_read(text, XEN_DIALECT_XL,
                "<source protocol='rbd' name='pool/image'>\n        <host name='a' port='6789'/>\n"
                "        <host name='::1' port='6790'/>\n");
}

static void a_disk_is_read_by_places_and_by_names(void)
{
    assert_read(MACHINE "disk = [ '/a,qcow2,hda,r' ]\n", XEN_DIALECT_XL,
                "<driver name='qemu' type='qcow2'/>\n      <source file='/a'/>\n      <target dev='hda' bus='ide'/>\n"
                "      <readonly/>");
    assert_read(MACHINE "disk = [ 'vdev=hda, backendtype=phy, target=/a,b' ]\n", XEN_DIALECT_XL,
                "<driver name='phy' type='raw'/>\n      <source dev='/a,b'/>");
    assert_read(MACHINE "disk = [ 'phy:/a,hda,w' ]\n", XEN_DIALECT_XL, "<source file='/a'/>\n      <target dev='hda'");
    assert_read(MACHINE "disk = [ ',,hdc,,cdrom' ]\n", XEN_DIALECT_XL, "<disk type='file' device='cdrom'>");
    assert_read(MACHINE "disk = [ '/a,raw,sda' ]\n", XEN_DIALECT_XL, "<target dev='sda' bus='scsi'/>");
}

static void a_disk_that_xl_does_not_take_is_refused(void)
{
    const char *const disks[] = {
        "", "/a", "/a,raw", "/a,clay,hda", "/a,raw,hda,x", "/a,raw,hda,w,more", "format=raw,format=raw,vdev=hda,target=/a",
        "unknown=1,vdev=hda,target=/a", "vdev=hda", "vdev=hda,backendtype=magic,target=/a", "/a,raw,hda:tape",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(disks); i++) {
        g_autofree char *text = g_strdup_printf(MACHINE "disk = [ '%s' ]\n", disks[i]);

        assert_not_read(text, XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    }
}

static void a_disk_that_xm_does_not_take_is_left_out(void)
{
    g_autoptr(DomainConfig) config = read_native(
        IDENTITY "disk = [ 'phy:/a', 'tap:x:/a,xvda,w', 'tap:aio:/b,xvdb,r', 'file:/c,ioemu:xvdc:cdrom,w!' ]\n", XEN_DIALECT_XM,
        VIR_ERR_OK);

    g_assert_cmpuint(config->devices.n_disks, ==, 2);
    g_assert_cmpstr(config->devices.disks[0]->source->storage.file, ==, "/b");
    g_assert_true(config->devices.disks[0]->readonly);
    g_assert_cmpstr(config->devices.disks[1]->target.dev, ==, "xvdc");
    g_assert_true(config->devices.disks[1]->shareable);
}

static void disks_keep_the_files_order(void)
{
    assert_read(MACHINE "disk = [ '/b,raw,hdb,w', '/a,raw,hda,w' ]\n", XEN_DIALECT_XL, "<target dev='hdb'");
    {
        g_autoptr(DomainConfig) config = read_native(MACHINE "disk = [ '/b,raw,hdb,w', '/a,raw,hda,w' ]\n",
                                                     XEN_DIALECT_XL,
                                                     VIR_ERR_OK);

        g_assert_cmpstr(config->devices.disks[0]->target.dev, ==, "hdb");
    }
}

/* --- interfaces ------------------------------------------------------------------------------ */

#define NIC(type, inside) \
    "<interface type='" type "'><mac address='00:16:3e:00:00:01'/>" inside "</interface>"
#define VIF(rest) "vif = [ \"mac=00:16:3e:00:00:01," rest "\" ]"

static void an_interface_is_said_in_pairs(void)
{
    assert_says(PV_GUEST(NIC("bridge", "<source bridge='b'/><script path='/s'/><target dev='n'/><model type='e1000'/>"
                                       "<ip address='10.0.0.1'/><bandwidth><outbound average='5'/></bandwidth>")),
                XEN_DIALECT_XL, VIF("bridge=b,ip=10.0.0.1,script=/s,model=e1000,vifname=n,rate=5KB/s"));
    assert_says(MACHINE_GUEST(NIC("ethernet", "<model type='netfront'/>")), XEN_DIALECT_XL, VIF("type=vif"));
    assert_says(MACHINE_GUEST(NIC("ethernet", "<model type='netfront'/>")), XEN_DIALECT_XM, VIF("type=netfront"));
    assert_says(PV_GUEST(NIC("bridge",
                             "<source bridge='b'/><vlan><tag id='5'/></vlan><virtualport type='openvswitch'/>")),
                XEN_DIALECT_XL, VIF("bridge=b.5,script=vif-openvswitch"));
    assert_says(PV_GUEST(NIC("bridge", "<source bridge='b'/><vlan trunk='yes'><tag id='5'/><tag id='6'/></vlan>"
                                       "<virtualport type='openvswitch'/>")),
                XEN_DIALECT_XL, VIF("bridge=b:5:6,script=vif-openvswitch"));
}

static void an_interface_without_a_bridge_may_be_refused(void)
{
    assert_not_said(PV_GUEST(NIC("network", "<source network='default'/>")), XEN_DIALECT_XL, VIR_ERR_NO_NETWORK);
    assert_not_said(PV_GUEST(NIC("user", "")), XEN_DIALECT_XL, VIR_ERR_CONFIG_UNSUPPORTED);
}

static void an_interface_is_read_from_pairs(void)
{
    assert_read(IDENTITY "vif = [ 'mac=00:16:3e:00:00:01, bridge=b,script=/s,ip=10.0.0.1 ::1,vifname=n,rate=80Mb/s@50ms' ]\n",
                XEN_DIALECT_XL,
                "<source bridge='b'/>\n      <bandwidth>\n        <outbound average='10240'/>\n      </bandwidth>\n"
                "      <ip address='10.0.0.1' family='ipv4'/>\n      <ip address='::1' family='ipv6'/>\n"
                "      <script path='/s'/>\n      <target dev='n'/>");
    assert_read(IDENTITY "vif = [ 'bridge=b:5:6' ]\n", XEN_DIALECT_XL, "<vlan trunk='yes'>\n        <tag id='5'/>");
    assert_read(IDENTITY "vif = [ 'bridge=b.5' ]\n", XEN_DIALECT_XL,
                "<source bridge='b'/>\n      <vlan>\n        <tag id='5'/>");
    assert_read(IDENTITY "vif = [ '' ]\n", XEN_DIALECT_XL, "<mac address='00:16:3e:");
    assert_not_read(IDENTITY "vif = [ 'bridge' ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(IDENTITY "vif = [ 'mac=1' ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(IDENTITY "vif = [ 'rate=fast' ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(IDENTITY "vif = [ 'bridge=b.x' ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
}

/* --- other devices --------------------------------------------------------------------------- */

static void a_machines_screen_is_several_settings(void)
{
    const char *vnc = MACHINE_GUEST("<graphics type='vnc' port='5903' passwd='p' keymap='de' listen='::1'/>");

    assert_says(vnc, XEN_DIALECT_XL, "vncdisplay = 3");
    assert_says(vnc, XEN_DIALECT_XL, "vnclisten = \"::1\"");
    assert_says(vnc, XEN_DIALECT_XL, "vncpasswd = \"p\"");
    assert_says(MACHINE_GUEST("<graphics type='sdl' display=':0'/>"), XEN_DIALECT_XL, "display = \":0\"");
    assert_read(MACHINE "vnc = 1\nvncunused = 0\nvncdisplay = 3\nvncpasswd = 'p'\n", XEN_DIALECT_XL,
                "<graphics type='vnc' port='5903' autoport='no' passwd='p'>");
    assert_read(MACHINE "vnc = 1\n", XEN_DIALECT_XL, "<graphics type='vnc' port='-1' autoport='yes'>");
    assert_read(MACHINE "vnc = 1\n", XEN_DIALECT_XL, "<model type='cirrus' vram='8192'");
    assert_read(MACHINE "sdl = 1\ndisplay = ':0'\n", XEN_DIALECT_XL, "<graphics type='sdl' display=':0'/>");
    assert_not_said(MACHINE_GUEST("<graphics type='rdp'/>"), XEN_DIALECT_XL, VIR_ERR_CONFIG_UNSUPPORTED);
}

static void spice_is_for_machines_of_xl(void)
{
    const char *spice = MACHINE_GUEST("<graphics type='spice' port='5900' passwd='p'><mouse mode='client'/>"
                                      "<clipboard copypaste='yes'/></graphics>");

    assert_says(spice, XEN_DIALECT_XL, "spiceport = 5900");
    assert_says(spice, XEN_DIALECT_XL, "spicedisable_ticketing = 0");
    assert_says(spice, XEN_DIALECT_XL, "spicevdagent = 1");
    assert_silent(spice, XEN_DIALECT_XM, "spice");
    assert_read(MACHINE "spice = 1\nspicedisable_ticketing = 1\nspiceport = 5900\n", XEN_DIALECT_XL,
                "<graphics type='spice' port='5900' autoport='no'>");
    assert_not_read(MACHINE "spice = 1\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
}

static void a_paravirtual_screen_is_one_text(void)
{
    assert_says(PV_GUEST("<graphics type='vnc' port='5903' passwd='p'/>"), XEN_DIALECT_XL,
                "vfb = [ \"type=vnc,vncunused=0,vncdisplay=3,vncpasswd=p\" ]");
    assert_says(PV_GUEST("<graphics type='sdl' display=':0' xauth='/x'/>"), XEN_DIALECT_XM,
                "vfb = [ \"type=sdl,display=:0,xauthority=/x\" ]");
    assert_read(IDENTITY "vfb = [ 'type=vnc,vncunused=1,vnclisten=::1' ]\n", XEN_DIALECT_XL,
                "<graphics type='vnc' port='-1' autoport='yes' listen='::1'>");
    assert_read(IDENTITY "vfb = [ 'type=sdl,display=:0' ]\n", XEN_DIALECT_XL, "<model type='xen' vram='4096'");
    assert_not_read(IDENTITY "vfb = [ 'type=vnc,vncdisplay=x' ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
}

#define SERIAL(type, source, port) "<serial type='" type "'>" source "<target port='" port "'/></serial>"

static void what_a_serial_port_is_connected_to_is_one_text(void)
{
    assert_says(MACHINE_GUEST(SERIAL("pty", "", "0")), XEN_DIALECT_XL, "serial = \"pty\"");
    assert_says(MACHINE_GUEST(SERIAL("dev", "<source path='/dev/ttyS0'/>", "0")), XEN_DIALECT_XM,
                "serial = \"/dev/ttyS0\"");
    assert_says(MACHINE_GUEST(SERIAL("file", "<source path=\"/a'b\"/>", "0")), XEN_DIALECT_XL,
                "serial = \"file:/a\\'b\"");
    assert_says(MACHINE_GUEST(SERIAL("tcp", "<source mode='bind' host='h' service='5'/>", "0")), XEN_DIALECT_XL,
                "serial = \"tcp:h:5,server,nowait\"");
    assert_says(MACHINE_GUEST(SERIAL("udp",
                                     "<source mode='connect' host='h' service='5'/><source mode='bind' service='6'/>", "0")),
                XEN_DIALECT_XL, "serial = \"udp:h:5@:6\"");
    assert_says(MACHINE_GUEST(SERIAL("unix", "<source mode='bind' path='/s'/>", "0")), XEN_DIALECT_XL,
                "serial = \"unix:/s,server,nowait\"");
    assert_says(MACHINE_GUEST("<parallel type='null'/>"), XEN_DIALECT_XL, "parallel = \"null\"");
    assert_not_said(MACHINE_GUEST(SERIAL("nmdm", "<source master='/a' slave='/b'/>", "0")), XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
}

static void several_serial_ports_are_a_list_for_xl(void)
{
    const char *document = MACHINE_GUEST(SERIAL("pty", "", "0") SERIAL("null", "", "2"));

    assert_says(document, XEN_DIALECT_XL, "serial = [ \"pty\", \"none\", \"null\" ]");
    assert_not_said(document, XEN_DIALECT_XM, VIR_ERR_CONFIG_UNSUPPORTED);
    assert_read(MACHINE "serial = [ 'none', 'pty' ]\n", XEN_DIALECT_XL,
                "<serial type='pty'>\n      <target port='1'/>");
    assert_not_read(MACHINE "kernel = '/h'\nserial = [ 'pty' ]\n", XEN_DIALECT_XM, VIR_ERR_CONFIG_UNSUPPORTED);
}

static void a_serial_port_is_read_from_a_text(void)
{
    assert_read(MACHINE "serial = '/dev/ttyS0'\n", XEN_DIALECT_XL,
                "<serial type='dev'>\n      <source path='/dev/ttyS0'/>");
    assert_read(MACHINE "serial = 'telnet:h:5,server'\n", XEN_DIALECT_XL,
                "<source mode='bind' host='h' service='5'/>\n      <protocol type='telnet'/>");
    assert_read(MACHINE "serial = 'udp:h:5@g:6'\n", XEN_DIALECT_XL,
                "<source mode='bind' host='g' service='6'/>\n      <source mode='connect' host='h' service='5'/>");
    assert_read(MACHINE "serial = 'unix:/s'\n", XEN_DIALECT_XL, "<source mode='connect' path='/s'/>");
    assert_not_read(MACHINE "serial = 'tin:can'\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(MACHINE "serial = 'tcp:h'\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
}

static void channels_have_names(void)
{
    assert_says(PV_GUEST("<channel type='unix'><source mode='bind' path='/s'/><target type='xen' name='a'/></channel>"
                         "<channel type='pty'><target type='xen' name='b'/></channel>"), XEN_DIALECT_XL,
                "channel = [ \"connection=socket,path=/s,name=a\", \"connection=pty,name=b\" ]");
    assert_read(IDENTITY "channel = [ 'connection=socket,path=/s,name=a' ]\n", XEN_DIALECT_XL,
                "<channel type='unix'>\n      <source mode='bind' path='/s'/>\n      <target type='xen' name='a'/>");
    assert_not_read(IDENTITY "channel = [ 'name=a' ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
}

static void input_devices_of_usb_are_said(void)
{
    const char *two = MACHINE_GUEST("<input type='tablet' bus='usb'/><input type='mouse' bus='usb'/>");

    assert_says(MACHINE_GUEST("<input type='tablet' bus='usb'/>"), XEN_DIALECT_XL, "usbdevice = \"tablet\"");
    assert_says(two, XEN_DIALECT_XL, "usbdevice = [ \"tablet\", \"mouse\" ]");
    assert_says(two, XEN_DIALECT_XM, "usbdevice = \"tablet\"");
    assert_read(MACHINE "usbdevice = [ 'tablet', 'what' ]\n", XEN_DIALECT_XL,
                "<input type='tablet' bus='usb'/>\n    <input type='mouse' bus='ps2'/>\n    <input type='keyboard' bus='ps2'/>");
    assert_not_read(MACHINE "usbdevice = [ 1 ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
}

#define USB_HOSTDEV "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='31'/></source></hostdev>"

static void devices_of_the_host_are_said(void)
{
    assert_says(PV_GUEST("<hostdev mode='subsystem' type='pci'><source writeFiltering='no'>"
                         "<address domain='0' bus='1' slot='0x1f' function='2'/></source></hostdev>"), XEN_DIALECT_XM,
                "pci = [ \"0000:01:1f.2,permissive=1\" ]");
    assert_says(PV_GUEST("<controller type='usb' model='qusb1' ports='15'/>" USB_HOSTDEV), XEN_DIALECT_XL,
                "usbdev = [ \"hostbus=1,hostaddr=1f\" ]");
    assert_says(PV_GUEST("<controller type='usb' model='qusb1' ports='15'/>"), XEN_DIALECT_XL,
                "usbctrl = [ \"type=qusb,version=1,ports=f\" ]");
    assert_not_said(PV_GUEST("<controller type='usb' model='nec-xhci'/>"), XEN_DIALECT_XL, VIR_ERR_CONFIG_UNSUPPORTED);
}

static void devices_of_the_host_are_read(void)
{
    assert_read(IDENTITY "pci = [ '01:1f.2,permissive=1' ]\n", XEN_DIALECT_XM,
                "<driver name='xen'/>\n      <source writeFiltering='no'>\n"
                "        <address domain='0x0000' bus='0x01' slot='0x1f' function='0x2'/>");
    assert_read(IDENTITY "usbdev = [ 'hostbus=1,hostaddr=1f', 'nothing' ]\nusbctrl = [ 'version=1' ]\n", XEN_DIALECT_XL,
                "<address bus='1' device='31'/>");
    assert_read(IDENTITY "usbctrl = [ 'version=1' ]\n", XEN_DIALECT_XL,
                "<controller type='usb' index='0' model='qusb1' ports='8'/>");
    assert_read(IDENTITY "max_grant_frames = 64\nmax_event_channels = 9\n", XEN_DIALECT_XL,
                "<controller type='xenbus' index='0' maxGrantFrames='64' maxEventChannels='9'/>");
    assert_not_read(IDENTITY "pci = [ '01:1f' ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(IDENTITY "pci = [ '01:1f.2,permissive' ]\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
}

static void sound_cards_are_one_text(void)
{
    assert_says(MACHINE_GUEST("<sound model='sb16'/><sound model='ac97'/>"), XEN_DIALECT_XL, "soundhw = \"sb16,ac97\"");
    assert_read(MACHINE "soundhw = 'all'\n", XEN_DIALECT_XL, "<sound model='sb16'/>\n    <sound model='es1370'/>");
    assert_not_read(MACHINE "soundhw = 'lute'\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
}

static void what_is_written_is_read_as_the_same(void)
{
    const char *document = MACHINE_GUEST(
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a'/><target dev='hda'/></disk>"
        NIC("bridge", "<source bridge='b'/><model type='e1000'/>") SERIAL("pty", "", "0")
        "<graphics type='vnc' port='5903'/><sound model='ac97'/>");

    for (XenDialect dialect = XEN_DIALECT_XL; dialect <= XEN_DIALECT_XM; dialect++) {
        g_autofree char *text = native(document, dialect, VIR_ERR_OK);
        g_autofree char *whole = g_strconcat(text, dialect == XEN_DIALECT_XM ? "kernel = \"/h\"\n" : "", NULL);
        g_autoptr(DomainConfig) config = read_native(whole, dialect, VIR_ERR_OK);
        Error error = ERROR_INIT;
        g_autofree char *again = xen_config_format(config, dialect, &error);

        if (dialect == XEN_DIALECT_XL)
            g_assert_cmpstr(again, ==, text);
        else
            g_assert_nonnull(strstr(again, "disk = [ \"qemu:/a,hda,w\" ]"));
    }
}

#define TEST(name) g_test_add_func("/conf-xen/" #name, name)

static void a_comma_in_a_value_is_not_written(void)
{
    assert_not_said(PV_GUEST(NIC("bridge", "<source bridge='b,script=/x'/>")), XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_said(PV_GUEST(NIC("ethernet", "<target dev='a,rate=1'/>")), XEN_DIALECT_XL, VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_said(PV_GUEST("<graphics type='vnc' passwd='p,vncunused=1'/>"), XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_said(PV_GUEST("<channel type='pty'><target type='xen' name='a,path=/x'/></channel>"), XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_said(PV_GUEST("<disk type='file'><source file='/a'/><target dev='sda,access=rw' bus='scsi'/>"
                             "<address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>"), XEN_DIALECT_XL,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_not_said(PV_GUEST("<disk type='file'><source file='/a,b'/><target dev='xvda'/></disk>"), XEN_DIALECT_XM,
                    VIR_ERR_CONFIG_UNSUPPORTED);
    assert_says(PV_GUEST("<disk type='file'><source file='/a,b'/><target dev='xvda'/></disk>"), XEN_DIALECT_XL,
                "disk = [ \"format=raw,vdev=xvda,access=rw,target=/a,b\" ]");
    assert_says(MACHINE_GUEST("<graphics type='vnc' passwd='p,q'/>"), XEN_DIALECT_XL, "vncpasswd = \"p,q\"");
}

static void a_screens_number_is_one_of_a_port(void)
{
    assert_not_read(MACHINE "vnc = 1\nvncunused = 0\nvncdisplay = 2147483647\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(MACHINE "vnc = 1\nvncunused = 0\nvncdisplay = 4294967296\n", XEN_DIALECT_XL, VIR_ERR_INTERNAL_ERROR);
    assert_not_read(MACHINE "spice = 1\nspicedisable_ticketing = 1\nspiceport = 4294967297\n", XEN_DIALECT_XL,
                    VIR_ERR_INTERNAL_ERROR);
    assert_not_read(MACHINE "spice = 1\nspicedisable_ticketing = 1\nspicetls_port = 4294967297\n", XEN_DIALECT_XL,
                    VIR_ERR_INTERNAL_ERROR);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(lines_blanks_and_comments_are_read);
    TEST(texts_stand_in_three_kinds_of_quotes);
    TEST(lists_go_over_lines_and_into_each_other);
    TEST(what_is_no_syntax_is_refused);
    TEST(a_file_is_bounded_text);
    TEST(a_text_that_no_quotes_hold_is_not_written);
    TEST(a_paravirtual_guest_is_written_in_libvirts_order);
    TEST(a_paravirtual_guest_is_read_with_what_xen_gives_it);
    TEST(a_guest_needs_a_name_and_may_lack_a_uuid);
    TEST(values_of_another_type_are_refused);
    TEST(a_number_may_stand_in_quotes);
    TEST(three_kinds_of_guests_are_known);
    TEST(a_command_line_is_whole_or_in_two_parts);
    TEST(a_machine_starts_from_devices_in_order);
    TEST(a_machines_firmware_is_said);
    TEST(a_machines_features_are_said);
    TEST(a_machines_clock_may_go_wrong_on_purpose);
    TEST(timers_are_said);
    TEST(a_cpu_is_the_hosts_with_differences);
    TEST(numa_cells_are_lists_in_a_list);
    TEST(arguments_for_the_emulator_are_a_list);
    TEST(a_disk_is_written_with_its_target_last);
    TEST(an_empty_drive_has_no_target);
    TEST(what_xen_has_no_disk_of_is_refused);
    TEST(an_image_of_ceph_keeps_its_hosts);
    TEST(a_disk_is_read_by_places_and_by_names);
    TEST(a_disk_that_xl_does_not_take_is_refused);
    TEST(a_disk_that_xm_does_not_take_is_left_out);
    TEST(disks_keep_the_files_order);
    TEST(an_interface_is_said_in_pairs);
    TEST(an_interface_without_a_bridge_may_be_refused);
    TEST(an_interface_is_read_from_pairs);
    TEST(a_machines_screen_is_several_settings);
    TEST(spice_is_for_machines_of_xl);
    TEST(a_paravirtual_screen_is_one_text);
    TEST(what_a_serial_port_is_connected_to_is_one_text);
    TEST(several_serial_ports_are_a_list_for_xl);
    TEST(a_serial_port_is_read_from_a_text);
    TEST(channels_have_names);
    TEST(input_devices_of_usb_are_said);
    TEST(devices_of_the_host_are_said);
    TEST(devices_of_the_host_are_read);
    TEST(sound_cards_are_one_text);
    TEST(a_comma_in_a_value_is_not_written);
    TEST(a_screens_number_is_one_of_a_port);
    TEST(what_is_written_is_read_as_the_same);
    return g_test_run();
}
