/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the document to the typed object.
 * Any thread, no lock. A draft is put together whose texts point into the tree or the parse's arena, and is packed
 * into one allocation at the end. Each element is looked at once; of elements that are there twice the first
 * counts (of <features> and <devices> all), as libvirt has it, and what libvirt doesn't know is left out. */
#include <string.h>

#include <libxml/parser.h>

#include "base/auto.h"
#include "base/i18n.h"
#include "conf/config-private.h"
#include "conf/xml.h"

#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"
#define VCPUS_MAX 65535    /* as in the schema: more would cost memory per vCPU everywhere */

/* The elements below <domain>, in libvirt's order, and where they are kept. */
#define TYPED DOMAIN_PLACES
#define ELEMENTS(X)                                                                                          \
    X(NAME, "name", TYPED) X(UUID, "uuid", TYPED) X(GENID, "genid", DOMAIN_AFTER_UUID)                       \
    X(TITLE, "title", TYPED) X(DESCRIPTION, "description", TYPED) X(METADATA, "metadata", TYPED)             \
    X(MAX_MEMORY, "maxMemory", DOMAIN_BEFORE_MEMORY)                                                         \
    X(MEMORY, "memory", TYPED) X(CURRENT_MEMORY, "currentMemory", TYPED)                                     \
    X(BLKIOTUNE, "blkiotune", DOMAIN_AFTER_MEMORY) X(MEMTUNE, "memtune", DOMAIN_AFTER_MEMORY)                \
    X(MEMORY_BACKING, "memoryBacking", DOMAIN_AFTER_MEMORY)                                                  \
    X(VCPU, "vcpu", TYPED)                                                                                   \
    X(VCPUS, "vcpus", DOMAIN_AFTER_VCPU) X(IOTHREADS, "iothreads", DOMAIN_AFTER_VCPU)                        \
    X(IOTHREADIDS, "iothreadids", DOMAIN_AFTER_VCPU)                                                         \
    X(DEFAULTIOTHREAD, "defaultiothread", DOMAIN_AFTER_VCPU)                                                 \
    X(CPUTUNE, "cputune", DOMAIN_AFTER_VCPU) X(NUMATUNE, "numatune", DOMAIN_AFTER_VCPU)                      \
    X(RESOURCE, "resource", DOMAIN_AFTER_VCPU) X(SYSINFO, "sysinfo", DOMAIN_AFTER_VCPU)                      \
    X(BOOTLOADER, "bootloader", DOMAIN_AFTER_VCPU) X(BOOTLOADER_ARGS, "bootloader_args", DOMAIN_AFTER_VCPU)  \
    X(OS, "os", TYPED)                                                                                       \
    X(IDMAP, "idmap", DOMAIN_AFTER_OS) X(FEATURES, "features", DOMAIN_AFTER_OS)                              \
    X(CPU, "cpu", DOMAIN_AFTER_OS) X(CLOCK, "clock", DOMAIN_AFTER_OS)                                        \
    X(ON_POWEROFF, "on_poweroff", TYPED) X(ON_REBOOT, "on_reboot", TYPED) X(ON_CRASH, "on_crash", TYPED)     \
    X(ON_LOCKFAILURE, "on_lockfailure", DOMAIN_AFTER_ACTIONS) X(PM, "pm", DOMAIN_AFTER_ACTIONS)              \
    X(PERF, "perf", DOMAIN_AFTER_ACTIONS)                                                                    \
    X(DEVICES, "devices", TYPED)                                                                             \
    X(SECLABEL, "seclabel", DOMAIN_AFTER_DEVICES) X(KEYWRAP, "keywrap", DOMAIN_AFTER_DEVICES)                \
    X(LAUNCH_SECURITY, "launchSecurity", DOMAIN_AFTER_DEVICES)

typedef enum Element {
#define X(id, name, place) ELEMENT_##id,
    ELEMENTS(X)
#undef X
    N_ELEMENTS
} Element;

static const struct {
    const char *name;
    DomainPlace place;
} elements[N_ELEMENTS] = {
#define X(id, name, place) [ELEMENT_##id] = { name, place },
    ELEMENTS(X)
#undef X
};

typedef struct Parse {
    xmlDoc *doc;
    xmlNode *root;
    xmlNode *first[N_ELEMENTS];    /* of each kind; NULL when there is none */
    bool stored;                   /* from our own store: rules about values are not applied */
    Arena arena;
    DomainConfig draft;
    Error *error;
} Parse;

static void find_elements(Parse *parse)
{
    for (xmlNode *child = xml_element(parse->root->children); child; child = xml_element(child->next))
        for (unsigned i = 0; i < N_ELEMENTS; i++)
            if (xml_is(child, elements[i].name)) {
                if (!parse->first[i])
                    parse->first[i] = child;
                break;
            }
}

/* The text of an element; NULL when it is absent or empty. The tree's texts are only read. */
static char *text_of(Parse *parse, Element element)
{
    const char *text = xml_text(parse->first[element], &parse->arena);

    return text && *text ? (char *)text : NULL;
}

static char *attribute_of(Parse *parse, const xmlNode *node, const char *name)
{
    const char *text = xml_attribute(node, name, &parse->arena);

    return text && *text ? (char *)text : NULL;
}

static bool is_one_of(const char *text, const char *const *known)
{
    return g_strv_contains(known, text);
}

static int refuse_value(Parse *parse, const char *what, const char *value)
{
    return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_CONFIG_UNSUPPORTED, _("Unknown %s '%s'"), what, value);
}

static int refuse_number(Parse *parse, const char *what, const char *value)
{
    return error_set(parse->error, VIR_FROM_XML, VIR_ERR_XML_ERROR, _("Invalid value '%s' for %s"), value, what);
}

/* --- identity ------------------------------------------------------------------------------- */

static int parse_type(Parse *parse)
{
    static const char *const types[] = {
        "qemu", "kqemu", "kvm", "xen", "lxc", "uml", "openvz", "test", "vmware", "hyperv", "vbox", "phyp",
        "parallels", "bhyve", "vz", "hvf", "none", NULL,
    };
    char *type = attribute_of(parse, parse->root, "type");

    if (!type)
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_INTERNAL_ERROR,
                         _("The domain document has no attribute 'type'"));
    if (!parse->stored && !is_one_of(type, types))
        return refuse_value(parse, "domain type", type);
    parse->draft.type = type;
    return 0;
}

static int parse_name(Parse *parse)
{
    char *name = text_of(parse, ELEMENT_NAME);

    if (!name)
        return error_set_plain(parse->error, VIR_FROM_DOMAIN, VIR_ERR_NO_NAME);
    if (strchr(name, '/'))
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_XML_ERROR,
                         _("The domain name '%s' contains '/'"), name);
    if (strchr(name, '\n'))
        return error_set(parse->error, VIR_FROM_XML, VIR_ERR_XML_DETAIL,
                         _("The domain name contains a line feed: %s"), name);
    parse->draft.name = name;
    return 0;
}

static int parse_uuid(Parse *parse)
{
    const char *uuid = text_of(parse, ELEMENT_UUID);

    if (!uuid) {
        uuid_generate(&parse->draft.uuid);
        parse->draft.uuid_generated = true;
        return 0;
    }
    if (!uuid_parse(uuid, &parse->draft.uuid))
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_INTERNAL_ERROR,
                         _("Malformed UUID '%s' of domain '%s'"), uuid, parse->draft.name);
    return 0;
}

/* Only children with a namespace, and of each namespace the first, as clients store them. */
static void strip_metadata(xmlNode *metadata)
{
    xmlNode *next;

    for (xmlNode *child = metadata->children; child; child = next) {
        bool kept = child->type == XML_ELEMENT_NODE && child->ns;

        next = child->next;
        for (xmlNode *before = child->prev; kept && before; before = before->prev)
            kept = !xmlStrEqual(before->ns->href, child->ns->href);
        if (!kept) {
            xmlUnlinkNode(child);
            xmlFreeNode(child);
        }
    }
}

/* libxml2 writes the names of namespaces as they are, which is no XML when there is an '&' in one: they are
 * escaped beforehand, in a tree that is only written. */
static void escape_namespaces(xmlNode *node)
{
    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        for (xmlNs *ns = node->nsDef; ns; ns = ns->next) {
            g_autoptr(GString) escaped = NULL;

            if (!ns->href || !strpbrk((const char *)ns->href, "&<\r\n\t"))
                continue;
            escaped = g_string_new(NULL);
            xml_put_attribute(escaped, "", (const char *)ns->href);
            /* Without the " ='" before it and the "'" behind it. */
            xmlFree((xmlChar *)ns->href);
            ns->href = xmlStrndup((const xmlChar *)escaped->str + 3, (int)escaped->len - 4);
        }
        escape_namespaces(node->children);
    }
}

static void parse_metadata(Parse *parse)
{
    xmlNode *metadata = parse->first[ELEMENT_METADATA];
    g_autoptr(xmlBuffer) text = NULL;

    if (!metadata)
        return;
    /* A copy declares the namespaces that it uses from further up. */
    metadata = xmlDocCopyNode(metadata, parse->doc, 1);
    text = xmlBufferCreate();
    if (!metadata || !text)
        g_error("out of memory for the metadata of a domain");
    strip_metadata(metadata);
    escape_namespaces(metadata);
    xmlNodeDump(text, parse->doc, metadata, 1, 1);
    xmlFreeNode(metadata);
    parse->draft.metadata = arena_strdup(&parse->arena, (const char *)xmlBufferContent(text));
}

static int parse_identity(Parse *parse)
{
    if (parse_type(parse) < 0 || parse_name(parse) < 0 || parse_uuid(parse) < 0)
        return -1;
    parse->draft.title = text_of(parse, ELEMENT_TITLE);
    parse->draft.description = text_of(parse, ELEMENT_DESCRIPTION);
    if (parse->draft.title && strchr(parse->draft.title, '\n') && !parse->stored)
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_XML_ERROR,
                         _("The title of domain '%s' contains a line feed"), parse->draft.name);
    parse_metadata(parse);
    return 0;
}

/* --- memory --------------------------------------------------------------------------------- */

static int parse_amount(Parse *parse, const xmlNode *node, uint64_t *kib)
{
    const char *text = xml_text(node, &parse->arena);

    if (!text || *text == '\0')
        return 0;
    return scalar_parse_memory(text, attribute_of(parse, node, "unit"), (const char *)node->name, kib, parse->error);
}

/* The sum of <cpu><numa><cell memory=…>, for a document without <memory>. */
static int parse_numa_memory(Parse *parse, uint64_t *kib)
{
    const xmlNode *numa = xml_child(parse->first[ELEMENT_CPU], "numa");

    for (xmlNode *cell = xml_child(numa, "cell"); cell; cell = xml_element(cell->next)) {
        const char *memory = attribute_of(parse, cell, "memory");
        uint64_t more;

        if (!memory || !xml_is(cell, "cell"))
            continue;
        if (scalar_parse_memory(memory, attribute_of(parse, cell, "unit"), "cell", &more, parse->error) < 0)
            return -1;
        if (__builtin_add_overflow(*kib, more, kib) || *kib > (uint64_t)INT64_MAX / 1024)
            return error_set(parse->error, VIR_FROM_NONE, VIR_ERR_OVERFLOW,
                             _("The NUMA cells of domain '%s' have too much memory"), parse->draft.name);
    }
    return 0;
}

static int parse_memory(Parse *parse)
{
    DomainConfig *draft = &parse->draft;
    const xmlNode *memory = parse->first[ELEMENT_MEMORY];
    const char *dump = xml_attribute(memory, "dumpCore", &parse->arena);

    if (parse_amount(parse, memory, &draft->max_memory) < 0
        || parse_amount(parse, parse->first[ELEMENT_CURRENT_MEMORY], &draft->memory) < 0)
        return -1;
    if (draft->max_memory == 0 && parse_numa_memory(parse, &draft->max_memory) < 0)
        return -1;
    if (draft->max_memory == 0)
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_XML_ERROR,
                         _("Domain '%s' has no memory: neither in <memory> nor in NUMA cells"), draft->name);
    if (draft->memory == 0 || draft->memory > draft->max_memory)
        draft->memory = draft->max_memory;
    if (dump && strcmp(dump, "on") != 0 && strcmp(dump, "off") != 0)
        return refuse_number(parse, "attribute 'dumpCore' of element 'memory'", dump);
    draft->dump_core = (char *)dump;
    return 0;
}

/* --- vcpus ---------------------------------------------------------------------------------- */

static int parse_placement(Parse *parse, const xmlNode *vcpu)
{
    const char *placement = xml_attribute(vcpu, "placement", &parse->arena);
    const char *cpuset = xml_attribute(vcpu, "cpuset", &parse->arena);
    g_autofree char *ranges = NULL;

    parse->draft.vcpu_auto = placement && strcmp(placement, "auto") == 0;
    if (placement && !parse->draft.vcpu_auto && strcmp(placement, "static") != 0)
        return refuse_number(parse, "attribute 'placement' of element 'vcpu'", placement);
    if (!cpuset || parse->draft.vcpu_auto)
        return 0;
    ranges = scalar_parse_cpuset(cpuset, parse->error);
    if (!ranges)
        return -1;
    parse->draft.cpuset = arena_strdup(&parse->arena, ranges);
    return 0;
}

/* How many of <vcpus><vcpu enabled=…> are on; 0 when there is none. */
static unsigned count_enabled(Parse *parse)
{
    unsigned n = 0;

    if (!parse->first[ELEMENT_VCPUS])
        return 0;
    for (xmlNode *vcpu = xml_element(parse->first[ELEMENT_VCPUS]->children); vcpu; vcpu = xml_element(vcpu->next))
        n += g_strcmp0(xml_attribute(vcpu, "enabled", &parse->arena), "yes") == 0;
    return n;
}

static int parse_vcpus(Parse *parse)
{
    const xmlNode *vcpu = parse->first[ELEMENT_VCPU];
    const char *text = xml_text(vcpu, &parse->arena);
    const char *current = xml_attribute(vcpu, "current", &parse->arena);
    unsigned enabled = count_enabled(parse);
    uint64_t most = 1, now;

    if (text && (!scalar_parse_uint(text, &most) || most > VCPUS_MAX))
        return refuse_number(parse, "element 'vcpu'", text);
    if (most == 0)
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_INTERNAL_ERROR,
                         _("Domain '%s' has no virtual CPU"), parse->draft.name);
    now = enabled ? enabled : most;
    if (current && !enabled && !scalar_parse_uint(current, &now))
        return refuse_number(parse, "attribute 'current' of element 'vcpu'", current);
    if (now > most)
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_CONFIG_UNSUPPORTED,
                         _("Domain '%s' has more current virtual CPUs than it has at most"), parse->draft.name);
    parse->draft.max_vcpus = (unsigned)most;
    parse->draft.vcpus = (unsigned)now;
    return parse_placement(parse, vcpu);
}

/* --- operating system ----------------------------------------------------------------------- */

static const XmlOrder os_before_boot[] = {
    { "firmware" }, { "init" }, { "initarg", true }, { "initenv", true }, { "initdir" }, { "inituser" },
    { "initgroup" }, { "loader" }, { "nvram" }, { "kernel" }, { "initrd" }, { "cmdline" }, { "dtb" }, { "root" },
    { "acpi" }, { NULL },
};
static const XmlOrder os_boot[] = { { "boot", true }, { NULL } };
static const XmlOrder os_after_boot[] = { { "bootmenu" }, { "bios" }, { "smbios" }, { NULL } };

static int parse_arch(Parse *parse, const xmlNode *type)
{
    static const char *const archs[] = {
        "alpha", "armv6l", "armv7l", "armv7b", "aarch64", "cris", "i686", "ia64", "lm32", "m68k", "microblaze",
        "microblazeel", "mips", "mipsel", "mips64", "mips64el", "openrisc", "parisc", "parisc64", "ppc", "ppc64",
        "ppc64le", "ppcemb", "riscv32", "riscv64", "s390", "s390x", "sh4", "sh4eb", "sparc", "sparc64",
        "unicore32", "x86_64", "xtensa", "xtensaeb", NULL,
    };
    char *arch = attribute_of(parse, type, "arch");

    if (arch && !parse->stored && !is_one_of(arch, archs))
        return refuse_value(parse, "architecture", arch);
    /* What the test hypervisor has; other hosts' drivers know theirs. */
    if (!arch && strcmp(parse->draft.type, "test") == 0)
        arch = (char *)"i686";
    parse->draft.os_arch = arch;
    parse->draft.os_machine = attribute_of(parse, type, "machine");
    return 0;
}

static int parse_os_type(Parse *parse, const xmlNode *type)
{
    static const char *const types[] = { "hvm", "xen", "linux", "exe", "uml", "xenpvh", NULL };
    const char *text = xml_text(type, &parse->arena);

    if ((!text || *text == '\0') && parse->first[ELEMENT_BOOTLOADER])
        text = strcmp(parse->draft.type, "xen") == 0 ? "linux" : "xen";
    if (!text || *text == '\0')
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_XML_ERROR,
                         _("The operating system type of domain '%s' is missing"), parse->draft.name);
    if (!parse->stored && !is_one_of(text, types))
        return refuse_value(parse, "operating system type", text);
    parse->draft.os_type = (char *)text;
    return parse_arch(parse, type);
}

static bool is_booted_by_device(Parse *parse)
{
    const xmlNode *devices = parse->first[ELEMENT_DEVICES];

    if (!devices)
        return false;
    for (xmlNode *device = xml_element(devices->children); device; device = xml_element(device->next))
        if (xml_attribute(xml_child(device, "boot"), "order", &parse->arena))
            return true;
    return false;
}

/* The order of boot devices is for full virtualization; without any the disk is first. */
static int put_boot(Parse *parse, const xmlNode *os, GString *out)
{
    static const char *const devices[] = { "fd", "hd", "cdrom", "network", NULL };

    if (strcmp(parse->draft.os_type, "hvm") != 0 || parse->first[ELEMENT_BOOTLOADER])
        return 0;
    for (xmlNode *boot = xml_child(os, "boot"); boot; boot = xml_element(boot->next)) {
        const char *device = xml_attribute(boot, "dev", &parse->arena);

        if (xml_is(boot, "boot") && !parse->stored && (!device || !is_one_of(device, devices)))
            return refuse_number(parse, "attribute 'dev' of element 'boot'", device ? device : "");
    }
    if (!xml_put_ordered(out, os, 2, os_boot) && !is_booted_by_device(parse))
        g_string_append(out, "    <boot dev='hd'/>\n");
    return 0;
}

static int parse_os(Parse *parse)
{
    const xmlNode *os = parse->first[ELEMENT_OS];
    g_autoptr(GString) rest = g_string_new(NULL);

    if (parse_os_type(parse, xml_child(os, "type")) < 0)
        return -1;
    parse->draft.os_firmware = attribute_of(parse, os, "firmware");
    if (!parse->stored && strcmp(parse->draft.os_type, "exe") == 0 && !xml_child(os, "init"))
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_XML_ERROR,
                         _("The init program of domain '%s' is missing"), parse->draft.name);
    if (os)
        xml_put_ordered(rest, os, 2, os_before_boot);
    if (put_boot(parse, os, rest) < 0)
        return -1;
    if (os)
        xml_put_ordered(rest, os, 2, os_after_boot);
    if (rest->len)
        parse->draft.rest_os = arena_strdup(&parse->arena, rest->str);
    return 0;
}

/* --- actions -------------------------------------------------------------------------------- */

static int parse_action(Parse *parse, Element element, const char *standard, char **action)
{
    static const char *const crash_only[] = { "coredump-destroy", "coredump-restart", NULL };
    static const char *const actions[] = {
        "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", NULL,
    };

    *action = text_of(parse, element);
    if (!*action)
        *action = (char *)standard;
    else if (!parse->stored
             && (!is_one_of(*action, actions) || (element != ELEMENT_ON_CRASH && is_one_of(*action, crash_only))))
        return refuse_value(parse, elements[element].name, *action);
    return 0;
}

static int parse_actions(Parse *parse)
{
    if (parse_action(parse, ELEMENT_ON_POWEROFF, "destroy", &parse->draft.on_poweroff) < 0
        || parse_action(parse, ELEMENT_ON_REBOOT, "restart", &parse->draft.on_reboot) < 0
        || parse_action(parse, ELEMENT_ON_CRASH, "destroy", &parse->draft.on_crash) < 0)
        return -1;
    return 0;
}

/* --- what is kept as it was given ----------------------------------------------------------- */

static const XmlOrder features[] = {
    { "acpi" }, { "apic" }, { "pae" }, { "hap" }, { "viridian" }, { "privnet" }, { "hyperv" }, { "kvm" },
    { "pvspinlock" }, { "capabilities" }, { "pmu" }, { "vmport" }, { "gic" }, { "smm" }, { "ioapic" }, { "hpt" },
    { "vmcoreinfo" }, { "htm" }, { "nested-hv" }, { "msrs" }, { "ccf-assist" }, { "xen" }, { "cfpc" }, { "sbbc" },
    { "ibs" }, { "tcg" }, { NULL },
};

/* <clock> with the attributes that its offset has, and UTC when nothing is said. */
static int put_clock(Parse *parse, const xmlNode *clock, GString *out)
{
    static const char *const offsets[] = { "utc", "localtime", "variable", "timezone", "absolute", NULL };
    const char *offset = attribute_of(parse, clock, "offset");
    const char *adjustment = attribute_of(parse, clock, "adjustment");
    const char *needed = NULL;
    uint64_t unused;

    if (offset && !is_one_of(offset, offsets) && !parse->stored)
        return refuse_value(parse, "clock offset", offset);
    if (!offset)
        offset = "utc";
    /* A fixed offset with an amount is a variable one with a basis. */
    if (adjustment && g_ascii_isdigit(*adjustment) && scalar_parse_uint(adjustment, &unused)
        && (strcmp(offset, "utc") == 0 || strcmp(offset, "localtime") == 0)) {
        g_string_append_printf(out, "  <clock offset='variable' adjustment='%s' basis='%s'", adjustment, offset);
    } else {
        g_string_append(out, "  <clock");
        xml_put_attribute(out, "offset", offset);
        if (strcmp(offset, "variable") == 0) {
            const char *basis = attribute_of(parse, clock, "basis");

            xml_put_attribute(out, "adjustment", adjustment ? adjustment : "0");
            xml_put_attribute(out, "basis", basis ? basis : "utc");
        } else if (strcmp(offset, "timezone") == 0) {
            needed = "timezone";
        } else if (strcmp(offset, "absolute") == 0) {
            needed = "start";
        } else {
            xml_put_attribute(out, "adjustment", adjustment);
        }
    }
    if (needed && !attribute_of(parse, clock, needed) && !parse->stored)
        return error_set(parse->error, VIR_FROM_DOMAIN, VIR_ERR_INTERNAL_ERROR,
                         _("The clock of domain '%s' has no attribute '%s'"), parse->draft.name, needed);
    if (needed)
        xml_put_attribute(out, needed, attribute_of(parse, clock, needed));
    if (clock && xml_element(clock->children)) {
        g_string_append(out, ">\n");
        xml_put_children(out, clock, 2);
        g_string_append(out, "  </clock>\n");
    } else {
        g_string_append(out, "/>\n");
    }
    return 0;
}

/* Gives the first element the children of the further ones of its name. */
static void merge(xmlNode *first)
{
    for (xmlNode *node = first->next; node; node = node->next) {
        xmlNode *next;

        if (node->type != XML_ELEMENT_NODE || node->ns || !xml_is(node, (const char *)first->name))
            continue;
        for (xmlNode *child = node->children; child; child = next) {
            next = child->next;
            if (child->type != XML_ELEMENT_NODE)
                continue;
            xmlUnlinkNode(child);
            xmlAddChild(first, child);
        }
    }
}

/* The element, unless it would be written as <name/>: false. */
static bool put_unless_empty(const xmlNode *node, GString *out)
{
    size_t start = out->len;
    g_autofree char *empty = NULL;

    if (!node)
        return false;
    empty = g_strdup_printf("  <%s/>\n", (const char *)node->name);
    xml_put_element(out, node, 1);
    if (strcmp(out->str + start, empty) != 0)
        return true;
    g_string_truncate(out, start);
    return false;
}

static void put_features(xmlNode *node, GString *out)
{
    size_t start = out->len;

    if (!node)
        return;
    merge(node);
    g_string_append(out, "  <features>\n");
    if (xml_put_ordered(out, node, 2, features))
        g_string_append(out, "  </features>\n");
    else
        g_string_truncate(out, start);
}

static int put_kept(Parse *parse, Element element, GString *out)
{
    xmlNode *node = parse->first[element];
    char uuid[UUID_TEXT_SIZE];
    Uuid fresh;

    switch (element) {
    case ELEMENT_CLOCK:
        return put_clock(parse, node, out);
    case ELEMENT_FEATURES:
        put_features(node, out);
        break;
    case ELEMENT_GENID:
        if (!put_unless_empty(node, out) && node) {
            uuid_generate(&fresh);
            g_string_append_printf(out, "  <genid>%s</genid>\n", uuid_format(&fresh, uuid));
        }
        break;
    case ELEMENT_NUMATUNE:
        if (!put_unless_empty(node, out) && parse->draft.vcpu_auto)
            g_string_append(out, "  <numatune>\n    <memory mode='strict' placement='auto'/>\n  </numatune>\n");
        break;
    case ELEMENT_SECLABEL:
        for (; node; node = xml_element(node->next))
            if (xml_is(node, "seclabel"))
                put_unless_empty(node, out);
        break;
    default:
        put_unless_empty(node, out);
    }
    return 0;
}

static int parse_rest(Parse *parse)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (unsigned i = 0; i < N_ELEMENTS; i++) {
        DomainPlace place = elements[i].place;

        if (place != TYPED && put_kept(parse, i, out) < 0)
            return -1;
        /* The elements of one place may have typed ones between them, but no other place. */
        if (out->len == 0 || place == TYPED || (i + 1 < N_ELEMENTS && elements[i + 1].place == place))
            continue;
        parse->draft.rest[place] = arena_strdup(&parse->arena, out->str);
        g_string_truncate(out, 0);
    }
    return 0;
}

static void parse_devices(Parse *parse)
{
    xmlNode *devices = parse->first[ELEMENT_DEVICES];
    g_autoptr(GString) out = NULL;

    if (!devices)
        return;
    out = g_string_sized_new(8192);
    merge(devices);
    xml_put_children(out, devices, 2);
    if (out->len)
        parse->draft.devices = arena_strdup(&parse->arena, out->str);
    parse->draft.has_secrets = strstr(out->str, "<graphics ") && strstr(out->str, " passwd='");
}

/* --- the whole ------------------------------------------------------------------------------ */

static int validate(xmlDoc *doc, Error *error)
{
    static void *schema;    /* shared by all documents, read once; see xml_validate */

    return xml_validate(doc, SCHEMA, &schema, error);
}

static int parse_tree(Parse *parse)
{
    if (!xml_is(parse->root, "domain"))
        return error_set(parse->error, VIR_FROM_XML, VIR_ERR_XML_ERROR,
                         _("Expected the root element 'domain', not '%s'"), (const char *)parse->root->name);
    find_elements(parse);
    if (parse_identity(parse) < 0 || parse_memory(parse) < 0 || parse_vcpus(parse) < 0 || parse_os(parse) < 0
        || parse_actions(parse) < 0 || parse_rest(parse) < 0)
        return -1;
    parse_devices(parse);
    return 0;
}

/* A short text can be long when written out: deep indentation, escapes. What is accepted can be stored and
 * sent, so it is measured, but only when it could be too long. */
static int check_length(const DomainConfig *config, size_t limit, Error *error)
{
    g_autofree char *text = NULL;
    size_t most = (size_t)config->block * 6 + 4096;
    size_t size = most > limit ? 0 : most;

    if (size == 0 && config->block <= limit) {
        text = domain_config_format(config, INT32_MAX, DOMAIN_FORMAT_SECURE);
        size = strlen(text);
    }
    if (size > 0 && size <= limit)
        return 0;
    return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_XML_DETAIL,
                     _("(domain_definition): the document would have more than %zu bytes when written out"), limit);
}

DomainConfig *domain_config_parse(const char *document, size_t size, unsigned flags, Error *error)
{
    size_t limit = flags & DOMAIN_PARSE_STORED ? DOMAIN_STORED_TEXT_LIMIT : DOMAIN_TEXT_LIMIT;
    Parse parse = { .error = error, .stored = flags & DOMAIN_PARSE_STORED };
    uint8_t first[4096] __attribute__((aligned(16)));
    g_autoptr(DomainConfig) config = NULL;
    g_autoptr(xmlDoc) doc = NULL;

    doc = xml_parse(document, size, limit, "domain_definition", VIR_FROM_DOMAIN, error);
    if (!doc || (flags & DOMAIN_PARSE_VALIDATE && validate(doc, error) < 0))
        return NULL;
    /* The texts that we keep are UTF-8, whatever the document was in. */
    g_clear_pointer((xmlChar **)&doc->encoding, xmlFree);
    parse.doc = doc;
    parse.root = xmlDocGetRootElement(doc);
    arena_init(&parse.arena, first, sizeof first);
    if (parse_tree(&parse) == 0)
        config = domain_config_pack(&parse.draft);
    arena_reset(&parse.arena);
    if (config && check_length(config, limit, error) < 0)
        return NULL;
    return g_steal_pointer(&config);
}
