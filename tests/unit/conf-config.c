/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What conf/config.h promises: documents in, documents out, and which are refused and how. */
#include "conf/config.h"

#include <string.h>

#include "base/clock.h"
#include "conf/rules/rules.h"

#define UUID "<uuid>11111111-2222-3333-4444-555555555555</uuid>"
#define MEMORY "<memory>8192</memory>"
#define OS "<os><type>hvm</type></os>"

/* A small good document around what a test is about. */
#define DOCUMENT(name, uuid, memory, os, more) "<domain type='test'>" name uuid memory os more "</domain>"
#define WITH(more) DOCUMENT("<name>x</name>", UUID, MEMORY, OS, more)
#define WITH_MEMORY(memory) DOCUMENT("<name>x</name>", UUID, memory, OS, "")
#define WITH_NAME(name) DOCUMENT(name, UUID, MEMORY, OS, "")
#define WITH_OS(os) DOCUMENT("<name>x</name>", UUID, MEMORY, os, "")

static const DomainRules rules = { .default_arch = "i686" };

static DomainConfig *parse_flags(const char *document, unsigned flags)
{
    Error error = ERROR_INIT;
    DomainConfig *config = domain_config_parse(document, strlen(document), &rules, flags, &error);

    g_assert_cmpstr(error.message, ==, NULL);
    g_assert_nonnull(config);
    return config;
}

static DomainConfig *parse(const char *document)
{
    return parse_flags(document, 0);
}

static void assert_refused_sized(const char *document, size_t size, unsigned flags, int code)
{
    Error error = ERROR_INIT;

    g_assert_null(domain_config_parse(document, size, &rules, flags, &error));
    g_test_message("%s", error.message);
    g_assert_cmpint(error.code, ==, code);
    g_assert_cmpstr(error.message, !=, "");
    error_clear(&error);
}

static void assert_refused(const char *document, int code)
{
    assert_refused_sized(document, strlen(document), 0, code);
}

static char *format(const char *document)
{
    g_autoptr(DomainConfig) config = parse(document);

    return domain_config_format(config, -1, DOMAIN_FORMAT_SECURE);
}

static void assert_has(const char *document, const char *part)
{
    g_autofree char *text = format(document);

    g_test_message("%s", text);
    g_assert_nonnull(strstr(text, part));
}

/* --- out ------------------------------------------------------------------------------------ */

static void the_smallest_document_gets_the_usual_defaults(void)
{
    g_autofree char *text = format(WITH(""));

    g_assert_cmpstr(text, ==,
                    "<domain type='test'>\n"
                    "  <name>x</name>\n"
                    "  <uuid>11111111-2222-3333-4444-555555555555</uuid>\n"
                    "  <memory unit='KiB'>8192</memory>\n"
                    "  <currentMemory unit='KiB'>8192</currentMemory>\n"
                    "  <vcpu placement='static'>1</vcpu>\n"
                    "  <os>\n"
                    "    <type arch='i686'>hvm</type>\n"
                    "    <boot dev='hd'/>\n"
                    "  </os>\n"
                    "  <clock offset='utc'/>\n"
                    "  <on_poweroff>destroy</on_poweroff>\n"
                    "  <on_reboot>restart</on_reboot>\n"
                    "  <on_crash>destroy</on_crash>\n"
                    "  <devices>\n"
                    "  </devices>\n"
                    "</domain>\n");
}

static void elements_come_in_libvirts_order_whatever_order_they_were_given_in(void)
{
    static const char *const order[] = {
        "<name>", "<uuid>", "<genid>", "<title>", "<description>", "<metadata>", "<maxMemory", "<memory",
        "<currentMemory", "<blkiotune>", "<memtune>", "<memoryBacking>", "<vcpu ", "<iothreads>", "<cputune>",
        "<numatune>", "<resource>", "<sysinfo", "<os>", "<features>", "<cpu ", "<clock", "<on_poweroff>", "<on_reboot>",
        "<on_crash>", "<pm>", "<perf>", "<devices>", "<seclabel", "<launchSecurity",
    };
    g_autofree char *text = format(WITH(
        "<launchSecurity type='s390-pv'/><seclabel type='none'/><perf><event name='cmt' enabled='yes'/></perf>"
        "<pm><suspend-to-mem enabled='yes'/></pm><cpu mode='host-model'/><features><acpi/></features>"
        "<sysinfo type='smbios'/><resource><partition>/m</partition></resource>"
        "<numatune><memory mode='strict' nodeset='0'/></numatune><cputune><shares>5</shares></cputune>"
        "<iothreads>2</iothreads><memoryBacking><locked/></memoryBacking>"
        "<memtune><hard_limit unit='KiB'>10</hard_limit></memtune><blkiotune><weight>500</weight></blkiotune>"
        "<maxMemory slots='1' unit='KiB'>9000</maxMemory><metadata><a:a xmlns:a='urn:a'/></metadata>"
        "<description>d</description><title>t</title><genid>43dc0cf8-809b-4adb-9bea-a9abb5f3d90e</genid>"));
    const char *at = text;

    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
        at = strstr(at, order[i]);
        if (!at)
            g_test_message("no %s in its place in %s", order[i], text);
        g_assert_nonnull(at);
    }
}

static void a_running_domain_is_written_with_its_id(void)
{
    g_autoptr(DomainConfig) config = parse(WITH(""));
    g_autofree char *text = domain_config_format(config, 7, 0);

    g_assert_true(g_str_has_prefix(text, "<domain type='test' id='7'>\n"));
}

static void passwords_are_written_only_when_asked_for(void)
{
    g_autoptr(DomainConfig) config = parse(WITH(
        "<devices><graphics type='vnc' passwd='s3cret' port='-1'/>"
        "<graphics type='spice' port='5900' passwd='an&apos;other'/></devices>"));
    g_autofree char *all = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE);
    g_autofree char *some = domain_config_format(config, -1, 0);

    g_assert_nonnull(strstr(all, "passwd='s3cret'"));
    g_assert_nonnull(strstr(all, "passwd='an&apos;other'"));
    g_assert_null(strstr(some, "passwd"));
    g_assert_null(strstr(some, "other"));
    g_assert_nonnull(strstr(some, "<graphics type='vnc' port='-1' autoport='yes'>"));
    g_assert_nonnull(strstr(some, "<graphics type='spice' port='5900'"));
}

static void metadata_is_kept_as_it_was_with_the_namespaces_it_needs(void)
{
    assert_has("<domain type='test' xmlns:b='urn:b'><name>x</name>" MEMORY OS
               "<metadata><a:x xmlns:a=\"urn:a\" k=\"d'q\"><a:y>  t &amp; </a:y></a:x><b:z/></metadata></domain>",
               "  <metadata xmlns:b=\"urn:b\">\n"
               "    <a:x xmlns:a=\"urn:a\" k=\"d'q\">\n"
               "      <a:y>  t &amp; </a:y>\n"
               "    </a:x>\n"
               "    <b:z/>\n"
               "  </metadata>\n");
}

static void metadata_has_one_element_of_each_namespace(void)
{
    assert_has(WITH("<metadata>text<a:x xmlns:a='urn:a'/><plain/><b:y xmlns:b='urn:a'/></metadata>"),
               "  <metadata>\n    <a:x xmlns:a=\"urn:a\"/>\n  </metadata>\n");
}

static void a_namespace_may_have_any_characters_in_its_name(void)
{
    assert_has(WITH("<metadata><a:x xmlns:a='http://a/?b=1&amp;c=&lt;&#10;'/></metadata>"),
               "xmlns:a=\"http://a/?b=1&amp;c=&lt;&#10;\"");
}

static void elements_without_content_are_left_out(void)
{
    g_autofree char *text = format(WITH("<pm><!-- nothing --></pm><cputune/><features><!-- none --></features>"));

    g_assert_null(strstr(text, "<pm"));
    g_assert_null(strstr(text, "<cputune"));
    g_assert_null(strstr(text, "<features"));
}

static void what_was_written_is_read_as_the_same(void)
{
    g_autofree char *once = format(WITH(
        "<title>a &lt;&#13;</title><description>\n two\n\tlines</description><vcpu cpuset='3,1-2' current='1'>4</vcpu>"
        "<metadata><a:x xmlns:a='urn:a' k='&#10;&#228;'>t<a:y/>\n</a:x></metadata><clock offset='utc' adjustment='5'/>"
        "<devices><a b='&#9;&#10;&#13;'> </a><c><d/>text</c></devices><seclabel model='a'/><seclabel model='b'/>"
        "<features><apic/></features><features><acpi/><apic/></features><devices><e/></devices>"));
    g_autofree char *twice = format(once);

    g_assert_cmpstr(once, ==, twice);
}

/* --- in ------------------------------------------------------------------------------------- */

static void units_of_memory_are_understood_and_rounded_up(void)
{
    static const struct {
        const char *unit;
        uint64_t kib;
    } units[] = {
        { "b", 977 }, { "bytes", 977 }, { "Byte", 977 }, { "k", 1000000 }, { "KB", 976563 }, { "KiB", 1000000 },
        { "", 1000000 }, { "M", 1024000000 }, { "MB", 976562500 }, { "mib", 1024000000 }, { "GB", 976562500000 },
        { "G", 1048576000000 }, { "TiB", 1073741824000000 }, { "TB", 976562500000000 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(units); i++) {
        g_autofree char *document = g_strdup_printf(WITH_MEMORY("<memory unit='%s'>1000000</memory>"), units[i].unit);
        g_autoptr(DomainConfig) config = parse(document);

        g_assert_cmpuint(domain_config_max_memory(config), ==, units[i].kib);
        g_assert_cmpuint(domain_config_memory(config), ==, units[i].kib);
    }
}

static void memory_that_overflows_is_refused(void)
{
    assert_refused(WITH_MEMORY("<memory unit='EiB'>100</memory>"), VIR_ERR_OVERFLOW);
    assert_refused(WITH_MEMORY("<memory>9007199254740992</memory>"), VIR_ERR_OVERFLOW);
    assert_refused(WITH_MEMORY("<memory>99999999999999999999</memory>"), VIR_ERR_XML_ERROR);
    domain_config_unref(parse(WITH_MEMORY("<memory>9007199254740991</memory>")));
}

static void memory_that_is_no_number_is_refused(void)
{
    static const char *const bad[] = { "abc", "-1", "1.5", "0x10", "8192 ", "8192 k" };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *document = g_strdup_printf(WITH_MEMORY("<memory>%s</memory>"), bad[i]);

        assert_refused(document, VIR_ERR_XML_ERROR);
    }
    assert_refused(WITH_MEMORY("<memory unit='parsec'>1</memory>"), VIR_ERR_INVALID_ARG);
}

static void missing_memory_is_refused_unless_numa_cells_have_some(void)
{
    assert_refused(WITH_MEMORY(""), VIR_ERR_XML_ERROR);
    assert_refused(WITH_MEMORY("<memory>0</memory>"), VIR_ERR_XML_ERROR);
    assert_has(WITH_MEMORY("<cpu><numa><cell memory='1' unit='MiB'/><cell memory='1024'/></numa></cpu>"),
               "<memory unit='KiB'>2048</memory>");
}

static void current_memory_is_never_more_than_memory(void)
{
    g_autoptr(DomainConfig) less = parse(WITH("<currentMemory unit='b'>5000000</currentMemory>"));
    g_autoptr(DomainConfig) more = parse(WITH("<currentMemory>9000</currentMemory>"));

    g_assert_cmpuint(domain_config_memory(less), ==, 4883);
    g_assert_cmpuint(domain_config_memory(more), ==, 8192);
}

static void vcpus_and_their_placement_are_read(void)
{
    g_autoptr(DomainConfig) config = parse(WITH("<vcpu placement='static' cpuset=' 1 - 3,^2, 7' current='2'>4</vcpu>"));

    g_assert_cmpuint(domain_config_max_vcpus(config), ==, 4);
    g_assert_cmpuint(domain_config_vcpus(config), ==, 2);
    g_assert_cmpstr(config->vcpu.cpuset, ==, "1,3,7");
    assert_has(WITH("<vcpu cpuset='0-3' placement='auto'>2</vcpu>"), "  <vcpu placement='auto'>2</vcpu>\n");
}

static void impossible_vcpus_are_refused(void)
{
    assert_refused(WITH("<vcpu>0</vcpu>"), VIR_ERR_INTERNAL_ERROR);
    assert_refused(WITH("<vcpu>x</vcpu>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH("<vcpu/>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH("<vcpu>-1</vcpu>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH("<vcpu>4294967295</vcpu>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH("<vcpu current='3'>2</vcpu>"), VIR_ERR_CONFIG_UNSUPPORTED);
    assert_refused(WITH("<vcpu current='x'>2</vcpu>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH("<vcpu placement='x'>2</vcpu>"), VIR_ERR_XML_ERROR);
}

static void sets_of_cpus_that_make_no_sense_are_refused(void)
{
    static const char *const bad[] = { "", "foo", "1-", "5-1", ",1", "1,,2", "0x1", "+1", "16384", "1 2", "1-2,^1-2" };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *document = g_strdup_printf(WITH("<vcpu cpuset='%s'>2</vcpu>"), bad[i]);

        assert_refused(document, VIR_ERR_INVALID_ARG);
    }
    assert_refused(WITH("<vcpu cpuset='1,^1'>2</vcpu>"), VIR_ERR_CONFIG_UNSUPPORTED);
}

static void the_boot_order_is_for_full_virtualization(void)
{
    g_autofree char *linux_text = format(WITH_OS("<os><type>linux</type><boot dev='hd'/></os>"));
    g_autofree char *by_device = format(WITH("<devices><disk type='file'><source file='/a'/><target dev='vda'/><boot order='1'/></disk></devices>"));

    g_assert_null(strstr(linux_text, "<boot"));
    g_assert_null(strstr(by_device, "<boot dev"));
    assert_has(WITH_OS("<os><bootmenu enable='yes'/><boot dev='cdrom'/><boot dev='hd'/><kernel>/k</kernel>"
                       "<type arch='x86_64' machine='pc'>hvm</type></os>"),
               "    <type arch='x86_64' machine='pc'>hvm</type>\n    <kernel>/k</kernel>\n    <boot dev='cdrom'/>\n"
               "    <boot dev='hd'/>\n    <bootmenu enable='yes'/>\n");
}

static void a_clock_has_the_attributes_of_its_offset(void)
{
    assert_has(WITH("<clock offset='localtime' foo='x'/>"), "  <clock offset='localtime'/>\n");
    assert_has(WITH("<clock offset='variable' adjustment='10'/>"),
               "  <clock offset='variable' adjustment='10' basis='utc'/>\n");
    assert_has(WITH("<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>"),
               "  <clock offset='utc'>\n    <timer name='rtc' tickpolicy='catchup'/>\n  </clock>\n");
    assert_refused(WITH("<clock offset='timezone'/>"), VIR_ERR_INTERNAL_ERROR);
    assert_refused(WITH("<clock offset='moon'/>"), VIR_ERR_CONFIG_UNSUPPORTED);
}

static void of_elements_that_are_there_twice_the_first_counts(void)
{
    g_autoptr(DomainConfig) config = parse(WITH("<title>a</title><title>b</title><name>y</name><memory>1</memory>"));

    g_assert_cmpstr(config->title, ==, "a");
    g_assert_cmpstr(config->name, ==, "x");
    g_assert_cmpuint(domain_config_max_memory(config), ==, 8192);
}

static void a_document_without_a_uuid_gets_a_new_one(void)
{
    g_autoptr(DomainConfig) a = parse(DOCUMENT("<name>x</name>", "", MEMORY, OS, ""));
    g_autoptr(DomainConfig) b = parse(DOCUMENT("<name>x</name>", "<uuid/>", MEMORY, OS, ""));
    g_autoptr(DomainConfig) c = parse(WITH(""));

    g_assert_false(uuid_equal(&a->uuid, &b->uuid));
    g_assert_cmpuint(c->uuid.bytes[0], ==, 0x11);
}

/* --- refused -------------------------------------------------------------------------------- */

static void what_is_not_xml_is_refused_with_its_line(void)
{
    Error error = ERROR_INIT;

    assert_refused("", VIR_ERR_XML_DETAIL);
    assert_refused("hello", VIR_ERR_XML_DETAIL);
    assert_refused("<domain>", VIR_ERR_XML_DETAIL);
    assert_refused(WITH("") "<a/>", VIR_ERR_XML_DETAIL);
    assert_refused(WITH("<title>\xff</title>"), VIR_ERR_XML_DETAIL);
    assert_refused(WITH("<title>&#1;</title>"), VIR_ERR_XML_DETAIL);
    assert_refused_sized("<a/>\0<b", 7, 0, VIR_ERR_XML_DETAIL);
    g_assert_null(domain_config_parse("<domain>\n\n</doman>", 18, NULL, 0, &error));
    g_assert_nonnull(strstr(error.message, ":3:"));
    error_clear(&error);
}

static void common_mistakes_have_libvirts_codes(void)
{
    assert_refused("<network/>", VIR_ERR_XML_ERROR);
    assert_refused("<domain><name>x</name></domain>", VIR_ERR_INTERNAL_ERROR);
    assert_refused("<domain type='foo'><name>x</name></domain>", VIR_ERR_CONFIG_UNSUPPORTED);
    assert_refused(WITH_NAME(""), VIR_ERR_NO_NAME);
    assert_refused(WITH_NAME("<name></name>"), VIR_ERR_NO_NAME);
    assert_refused(WITH_NAME("<name>a/b</name>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH_NAME("<name>a\nb</name>"), VIR_ERR_XML_DETAIL);
    assert_refused(DOCUMENT("<name>x</name>", "<uuid>zz</uuid>", MEMORY, OS, ""), VIR_ERR_INTERNAL_ERROR);
    assert_refused(WITH_OS(""), VIR_ERR_XML_ERROR);
    assert_refused(WITH_OS("<os/>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH_OS("<os><type>foo</type></os>"), VIR_ERR_CONFIG_UNSUPPORTED);
    assert_refused(WITH_OS("<os><type>exe</type></os>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH_OS("<os><type arch='foo'>hvm</type></os>"), VIR_ERR_CONFIG_UNSUPPORTED);
    assert_refused(WITH_OS("<os><type>hvm</type><boot dev='foo'/></os>"), VIR_ERR_XML_ERROR);
    assert_refused(WITH("<on_crash>foo</on_crash>"), VIR_ERR_CONFIG_UNSUPPORTED);
    assert_refused(WITH("<on_poweroff>coredump-restart</on_poweroff>"), VIR_ERR_CONFIG_UNSUPPORTED);
    assert_refused(WITH("<title>a\nb</title>"), VIR_ERR_XML_ERROR);
}

static void our_own_store_is_read_without_the_rules_that_only_refuse(void)
{
    const char *document = WITH("<devices><disk type='file' device='disk' sgio='filtered'><target dev='sda' bus='scsi'/>"
                                "</disk><disk type='file'><target dev='sda' bus='scsi'/></disk></devices>");

    assert_refused(document, VIR_ERR_CONFIG_UNSUPPORTED);
    domain_config_unref(parse_flags(document, DOMAIN_PARSE_STORED));
}

static void what_is_not_written_is_not_missed_in_our_own_store(void)
{
    g_autofree char *written = format(WITH(
        "<cpu><numa><cell id='0' memory='8192'><cache level='1' associativity='none' policy='none'>"
        "<size value='1'/><line value='0'/></cache></cell></numa></cpu>"));

    assert_refused(written, VIR_ERR_XML_ERROR);
    domain_config_unref(parse_flags(written, DOMAIN_PARSE_STORED));
}

static void entities_are_never_expanded(void)
{
    int64_t start = clock_now();
    g_autoptr(GString) bomb = g_string_new("<!DOCTYPE domain [<!ENTITY a0 \"aaaaaaaaaa\">");

    for (int i = 1; i < 30; i++)
        g_string_append_printf(bomb, "<!ENTITY a%d \"&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;\">", i, i - 1, i - 1, i - 1,
                               i - 1, i - 1, i - 1, i - 1, i - 1);
    g_string_append(bomb, "]>" WITH("<title>&a29;</title>"));
    assert_refused(bomb->str, VIR_ERR_XML_DETAIL);
    assert_refused("<!DOCTYPE domain [<!ENTITY % p SYSTEM 'file:///etc/passwd'>%p;]>" WITH(""), VIR_ERR_XML_DETAIL);
    assert_refused("<!DOCTYPE domain [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" WITH("<title>&e;</title>"),
                   VIR_ERR_XML_DETAIL);
    domain_config_unref(parse("<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>" WITH("")));
    assert_refused(WITH("<title>&unknown;</title>"), VIR_ERR_XML_DETAIL);
    g_assert_cmpint(clock_now() - start, <, 60 * CLOCK_S);
}

static char *repeat(const char *text, size_t n)
{
    GString *out = g_string_new(NULL);

    while (n-- > 0)
        g_string_append(out, text);
    return g_string_free(out, FALSE);
}

static void documents_that_are_too_deep_are_refused(void)
{
    g_autofree char *deep = repeat("<a>", 300);
    g_autofree char *document = g_strconcat("<domain type='test'>", deep, NULL);

    assert_refused(document, VIR_ERR_XML_DETAIL);
}

static void documents_that_are_too_long_are_refused_as_given_and_as_written(void)
{
    g_autofree char *spaces = repeat(" ", 4 << 20);
    g_autofree char *quotes = repeat("'", 1 << 20);
    g_autofree char *too_long = g_strconcat(WITH(""), spaces, NULL);
    g_autofree char *longer_when_written = g_strdup_printf(WITH("<description>%s</description>"), quotes);
    g_autofree char *half = repeat("'", 110000);
    g_autofree char *many = g_strdup_printf(
        WITH("<vcpu>65535</vcpu><vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/></vcpus><title>%s</title>"), half);

    assert_refused(too_long, VIR_ERR_XML_DETAIL);
    assert_refused(longer_when_written, VIR_ERR_XML_DETAIL);
    assert_refused(many, VIR_ERR_XML_DETAIL);
    domain_config_unref(parse_flags(longer_when_written, DOMAIN_PARSE_STORED));
}

/* What is filled in or escaped may bring a document that was accepted above a bound. */
static void what_was_accepted_is_read_from_the_store(void)
{
    g_autoptr(GString) wide = g_string_new("<metadata><a:a xmlns:a='urn:a'");
    g_autoptr(GString) many = g_string_new("<metadata><a:a xmlns:a='urn:a'>");
    g_autofree char *part = repeat("<b c=''/>", 100);
    const GString *metadata[] = { wide, many };

    for (int i = 0; i < 5500; i++)
        g_string_append_printf(wide, " b%d='>'", i);
    g_string_append(wide, "/></metadata>");
    for (int i = 0; i < 1999; i++)
        g_string_append(many, part);
    for (int i = 0; i < 180; i++)
        g_string_append(many, "<b/>");
    g_string_append(many, "</a:a></metadata>");
    for (unsigned i = 0; i < G_N_ELEMENTS(metadata); i++) {
        g_autofree char *document = g_strdup_printf(WITH("%s"), metadata[i]->str);
        g_autoptr(DomainConfig) config = parse(document);
        g_autofree char *text = domain_config_format(config, -1, DOMAIN_FORMAT_SECURE | DOMAIN_FORMAT_INACTIVE);
        g_autoptr(DomainConfig) again = parse_flags(text, DOMAIN_PARSE_STORED);

        g_assert_cmpstr(again->metadata, ==, config->metadata);
    }
}

/* --- schema --------------------------------------------------------------------------------- */

static bool has_schema(void)
{
    if (g_file_test("/usr/share/libvirt/schemas/domain.rng", G_FILE_TEST_EXISTS))
        return true;
    g_test_skip("libvirt's schemas are not installed");
    return false;
}

static void validation_refuses_what_the_schema_does_not_know(void)
{
    if (!has_schema())
        return;
    domain_config_unref(parse(WITH("<foo/>")));
    domain_config_unref(parse_flags(WITH("<title>t</title>"), DOMAIN_PARSE_VALIDATE));
    assert_refused_sized(WITH("<foo/>"), strlen(WITH("<foo/>")), DOMAIN_PARSE_VALIDATE, VIR_ERR_XML_INVALID_SCHEMA);
}

static void a_document_that_would_keep_the_checker_busy_is_refused_in_time(void)
{
    const char *document =
        WITH("<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' error_policy='stop'"
             " rerror_policy='report' io='threads' ioeventfd='on' event_idx='on' copy_on_read='off' discard='unmap'"
             " detect_zeroes='off' queues='4' queue_size='256' iommu='on' ats='on' packed='on' page_per_vq='off'/>"
             "<source file='/a'/><target dev='vda' bus='virtio'/></disk></devices>");
    int64_t start = clock_now();

    if (!has_schema())
        return;
    domain_config_unref(parse(document));
    assert_refused_sized(document, strlen(document), DOMAIN_PARSE_VALIDATE, VIR_ERR_XML_INVALID_SCHEMA);
    g_assert_cmpint(clock_now() - start, <, 70 * CLOCK_S);
}

static gpointer validate_some(gpointer unused)
{
    for (int i = 0; i < 5; i++)
        domain_config_unref(parse_flags(WITH(""), DOMAIN_PARSE_VALIDATE));
    return NULL;
}

static void threads_validate_side_by_side(void)
{
    GThread *threads[4];

    if (!has_schema())
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("validate", validate_some, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

/* --- the object ----------------------------------------------------------------------------- */

static void a_copy_can_be_edited_and_the_original_stays(void)
{
    g_autoptr(DomainConfig) config = parse(WITH("<title>old</title>"));
    g_autoptr(DomainConfig) copy = domain_config_copy(config);
    g_autofree char *text = NULL;

    domain_config_set_text(copy, &copy->title, "new");
    domain_config_set_text(copy, &copy->title, "newer");
    domain_config_set_text(copy, &copy->description, "more");
    copy->on_crash = LIFECYCLE_ACTION_RESTART;
    domain_config_set_memory(copy, 1);
    text = domain_config_format(copy, -1, 0);
    g_assert_nonnull(strstr(text, "<title>newer</title>\n  <description>more</description>"));
    g_assert_nonnull(strstr(text, "<on_crash>restart</on_crash>"));
    g_assert_cmpstr(config->title, ==, "old");
    g_assert_null(config->description);
    g_assert_cmpuint(domain_config_memory(config), ==, 8192);
    domain_config_set_text(copy, &copy->title, NULL);
    g_assert_null(copy->title);
}

static void a_copy_of_an_edited_one_has_everything(void)
{
    g_autoptr(DomainConfig) config = parse(WITH(""));
    g_autoptr(DomainConfig) copy = NULL;

    domain_config_set_text(config, &config->os.type.machine, "pc");
    copy = domain_config_copy(config);
    domain_config_set_text(config, &config->os.type.machine, NULL);
    g_assert_cmpstr(copy->os.type.machine, ==, "pc");
}

static void the_last_reference_frees_it(void)
{
    DomainConfig *config = parse(WITH(""));

    g_assert_true(domain_config_ref(config) == config);
    domain_config_unref(config);
    g_assert_cmpstr(config->name, ==, "x");
    domain_config_unref(config);
    domain_config_unref(NULL);
}

static void a_config_takes_little_more_than_its_document(void)
{
    g_autoptr(DomainConfig) config = parse(WITH(""));
    g_autofree char *text = domain_config_format(config, -1, 0);

    size_t size;
    g_autofree void *packed = element_pack(&domain_config_type, config, &size);

    g_test_message("%zu bytes for a document of %zu", size, strlen(text));
    g_assert_cmpuint(size, <, strlen(text) + 2048);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(claim) g_test_add_func("/conf/config/" #claim, claim)
    ADD(the_smallest_document_gets_the_usual_defaults);
    ADD(elements_come_in_libvirts_order_whatever_order_they_were_given_in);
    ADD(a_running_domain_is_written_with_its_id);
    ADD(passwords_are_written_only_when_asked_for);
    ADD(metadata_is_kept_as_it_was_with_the_namespaces_it_needs);
    ADD(metadata_has_one_element_of_each_namespace);
    ADD(a_namespace_may_have_any_characters_in_its_name);
    ADD(elements_without_content_are_left_out);
    ADD(what_was_written_is_read_as_the_same);
    ADD(units_of_memory_are_understood_and_rounded_up);
    ADD(memory_that_overflows_is_refused);
    ADD(memory_that_is_no_number_is_refused);
    ADD(missing_memory_is_refused_unless_numa_cells_have_some);
    ADD(current_memory_is_never_more_than_memory);
    ADD(vcpus_and_their_placement_are_read);
    ADD(impossible_vcpus_are_refused);
    ADD(sets_of_cpus_that_make_no_sense_are_refused);
    ADD(the_boot_order_is_for_full_virtualization);
    ADD(a_clock_has_the_attributes_of_its_offset);
    ADD(of_elements_that_are_there_twice_the_first_counts);
    ADD(a_document_without_a_uuid_gets_a_new_one);
    ADD(what_is_not_xml_is_refused_with_its_line);
    ADD(common_mistakes_have_libvirts_codes);
    ADD(our_own_store_is_read_without_the_rules_that_only_refuse);
    ADD(what_is_not_written_is_not_missed_in_our_own_store);
    ADD(entities_are_never_expanded);
    ADD(documents_that_are_too_deep_are_refused);
    ADD(documents_that_are_too_long_are_refused_as_given_and_as_written);
    ADD(what_was_accepted_is_read_from_the_store);
    ADD(validation_refuses_what_the_schema_does_not_know);
    ADD(a_document_that_would_keep_the_checker_busy_is_refused_in_time);
    ADD(threads_validate_side_by_side);
    ADD(a_copy_can_be_edited_and_the_original_stays);
    ADD(a_copy_of_an_edited_one_has_everything);
    ADD(the_last_reference_frees_it);
    ADD(a_config_takes_little_more_than_its_document);
    return g_test_run();
}
