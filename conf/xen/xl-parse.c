/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the file that xl or xm reads to a domain's config: what concerns the whole guest; the devices are in
 * xl-parse-device.c and disk.c. The file is turned into the document that a client would write for such a guest, which
 * then goes the way of all documents: no second reader has to know what the elements mean.
 * Pure functions of the text, but for UUIDs and MAC addresses that it doesn't say: any thread, no lock. */
#include "conf/xen/xl.h"

#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/rules/rules.h"
#include "conf/xen/xen-private.h"

#define MEMORY_USUAL 128    /* MiB, of a file that doesn't say how much */
#define FIRMWARE_DIR "/usr/lib/xen/boot"

/* --- for all that write ------------------------------------------------------------------------ */

void xen_write(XenParse *parse, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_markup_vprintf_escaped(format, arguments);
    va_end(arguments);
    g_string_append(parse->out, text);
}

void xen_write_leaf(XenParse *parse, const char *name, const char *text)
{
    if (text)
        xen_write(parse, "<%s>%s</%s>\n", name, text, name);
}

void xen_write_attribute(XenParse *parse, const char *name, const char *value)
{
    if (value)
        xen_write(parse, " %s='%s'", name, value);
}

void xen_write_part(XenParse *parse, const char *name, const char *value, size_t size)
{
    g_autofree char *part = g_strndup(value, size);

    xen_write_attribute(parse, name, part);
}

bool xen_pairs_next(XenPairs *pairs, char **key, char **value)
{
    char *part = pairs->rest, *end;

    if (!part)
        return false;
    part += strspn(part, " \t");
    end = strchr(part, ',');
    pairs->rest = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    if (!end && *part == '\0')
        return false;
    *key = part;
    *value = strchr(part, '=');
    if (*value)
        *(*value)++ = '\0';
    return true;
}

int xen_refuse(XenParse *parse, const char *setting, const char *text)
{
    return error_set(parse->error, FROM, VIR_ERR_INTERNAL_ERROR, _("the setting '%s' can't have the value '%s'"),
                     setting, text);
}

static int get_text(XenParse *parse, const char *name, const char **text)
{
    return xen_get_text(&parse->settings, name, text, parse->error);
}

/* --- the guest ------------------------------------------------------------------------------- */

static int write_identity(XenParse *parse)
{
    const char *name = NULL, *uuid = NULL;
    Uuid checked;

    if (get_text(parse, "name", &name) < 0 || get_text(parse, "uuid", &uuid) < 0)
        return -1;
    if (!name)
        return error_set(parse->error, FROM, VIR_ERR_INTERNAL_ERROR, _("the setting 'name' is missing"));
    if (uuid && !uuid_parse(uuid, &checked))
        return error_set(parse->error, FROM, VIR_ERR_CONF_SYNTAX, _("the setting uuid='%s' is no UUID"), uuid);
    xen_write_leaf(parse, "name", name);
    xen_write_leaf(parse, "uuid", uuid);
    return 0;
}

static int write_memory(XenParse *parse)
{
    uint64_t memory = MEMORY_USUAL, maximum;

    if (xen_get_number(&parse->settings, "memory", &memory, parse->error) < 0)
        return -1;
    maximum = memory;
    if (xen_get_number(&parse->settings, "maxmem", &maximum, parse->error) < 0)
        return -1;
    xen_write(parse, "<memory unit='MiB'>%" PRIu64 "</memory><currentMemory unit='MiB'>%" PRIu64 "</currentMemory>\n",
              maximum,
              memory);
    return 0;
}

static int write_cpus(XenParse *parse)
{
    uint64_t n = 1, maximum;
    const char *cpus = NULL;

    if (xen_get_number(&parse->settings, "vcpus", &n, parse->error) < 0)
        return -1;
    maximum = n;
    if (xen_get_number(&parse->settings, "maxvcpus", &maximum, parse->error) < 0 || get_text(parse, "cpus", &cpus) < 0)
        return -1;
    if (n == 0 || maximum == 0)
        return error_set(parse->error, FROM, VIR_ERR_CONFIG_UNSUPPORTED, _("A guest can't have 0 virtual CPUs"));
    xen_write(parse, "<vcpu current='%" PRIu64 "'", MIN(n, maximum));
    xen_write_attribute(parse, "cpuset", cpus);
    xen_write(parse, ">%" PRIu64 "</vcpu>\n", maximum);
    return 0;
}

/* --- what it starts -------------------------------------------------------------------------- */

/* cmdline= says all of it; without it root= and extra= are put together. */
static int write_command_line(XenParse *parse)
{
    const char *whole = NULL, *root = NULL, *extra = NULL;
    g_autofree char *joined = NULL;

    if ((parse->dialect == XEN_DIALECT_XL && get_text(parse, "cmdline", &whole) < 0) || get_text(parse, "root",
                                                                                                 &root) < 0
        || get_text(parse, "extra", &extra) < 0)
        return -1;
    if (!whole && root)
        joined = extra ? g_strdup_printf("root=%s %s", root, extra) : g_strdup_printf("root=%s", root);
    xen_write_leaf(parse, "cmdline", whole ? whole : joined ? joined : extra);
    return 0;
}

static int write_kernel(XenParse *parse)
{
    const char *kernel = NULL, *ramdisk = NULL;

    if (get_text(parse, "kernel", &kernel) < 0 || get_text(parse, "ramdisk", &ramdisk) < 0)
        return -1;
    xen_write_leaf(parse, "kernel", kernel);
    xen_write_leaf(parse, "initrd", ramdisk);
    return write_command_line(parse);
}

static int write_boot(XenParse *parse)
{
    const char *boot = "c";

    if (get_text(parse, "boot", &boot) < 0)
        return -1;
    for (unsigned i = 0; i < 4 && boot[i]; i++)
        xen_write(parse, "<boot dev='%s'/>",
                  boot[i] == 'a' ? "fd" : boot[i] == 'd' ? "cdrom" : boot[i] == 'n' ? "network" : "hd");
    return 0;
}

static int write_xl_machine(XenParse *parse)
{
    const char *bios = NULL, *path = NULL, *tables = NULL;

    if (get_text(parse, "bios", &bios) < 0 || get_text(parse, "bios_path_override", &path) < 0
        || get_text(parse, "acpi_firmware", &tables) < 0)
        return -1;
    if (bios && strcmp(bios, "ovmf") == 0)
        xen_write(parse, "<loader readonly='yes' type='pflash'>%s</loader>", path ? path : FIRMWARE_DIR "/ovmf.bin");
    else
        xen_write(parse, "<loader type='rom'>" FIRMWARE_DIR "/hvmloader</loader>");
    if (tables)
        xen_write(parse, "<acpi><table type='slic'>%s</table></acpi>", tables);
    return write_kernel(parse) < 0 ? -1 : write_boot(parse);
}

static int write_xm_machine(XenParse *parse)
{
    const char *kernel = NULL;

    if (get_text(parse, "kernel", &kernel) < 0)
        return -1;
    if (!kernel)
        return error_set(parse->error, FROM, VIR_ERR_INTERNAL_ERROR, _("the setting 'kernel' is missing"));
    xen_write(parse, "<loader type='rom'>%s</loader>", kernel);
    return write_boot(parse);
}

static int write_bootloader(XenParse *parse)
{
    const char *bootloader = NULL, *arguments = NULL;

    if (parse->is_machine)
        return 0;
    if (get_text(parse, "bootloader", &bootloader) < 0 || get_text(parse, "bootargs", &arguments) < 0)
        return -1;
    xen_write_leaf(parse, "bootloader", bootloader);
    xen_write_leaf(parse, "bootloader_args", arguments);
    return 0;
}

static int write_os(XenParse *parse)
{
    const char *machine = parse->is_machine ? "xenfv" : parse->os == OS_TYPE_NAME_XENPVH ? "xenpvh" : "xenpv";
    int rc;

    if (write_bootloader(parse) < 0)
        return -1;
    xen_write(parse, "<os><type arch='x86_64' machine='%s'>%s</type>", machine, element_word(&os_type_name_words,
                                                                                             parse->os));
    if (!parse->is_machine)
        rc = write_kernel(parse);
    else
        rc = parse->dialect == XEN_DIALECT_XL ? write_xl_machine(parse) : write_xm_machine(parse);
    xen_write(parse, "</os>\n");
    return rc;
}

/* --- features and time ------------------------------------------------------------------------- */

static int write_switch(XenParse *parse, const char *name, bool usual, bool shown_when, const char *element)
{
    bool value = usual;

    if (xen_get_bool(&parse->settings, name, &value, parse->error) < 0)
        return -1;
    if (value == shown_when)
        g_string_append(parse->out, element);
    return 0;
}

/* xl's words: disabled, enabled, and the two modes. What it doesn't know it ignores, as libvirt does. */
static int write_passthrough(XenParse *parse)
{
    const char *text = NULL;

    if (get_text(parse, "passthrough", &text) < 0)
        return -1;
    if (!text)
        return 0;
    if (strcmp(text, "enabled") == 0)
        xen_write(parse, "<passthrough state='on'/>");
    else if (strcmp(text, "sync_pt") == 0 || strcmp(text, "share_pt") == 0)
        xen_write(parse, "<passthrough state='on' mode='%s'/>", text);
    return 0;
}

static int write_xen_features(XenParse *parse)
{
    size_t start, before = parse->out->len;
    int rc = 0;

    xen_write(parse, "<xen>");
    start = parse->out->len;
    if (!parse->is_machine)
        rc = write_switch(parse, "e820_host", false, true, "<e820_host state='on'/>");
    if (rc == 0)
        rc = write_passthrough(parse);
    if (parse->out->len > start)
        xen_write(parse, "</xen>");
    else
        g_string_truncate(parse->out, before);
    return rc;
}

/* Every whole machine has the page tables that pae= asks for; ACPI tells it of its NUMA cells. */
static int write_features(XenParse *parse)
{
    bool cells = parse->dialect == XEN_DIALECT_XL && xen_get_list(&parse->settings, "vnuma");

    xen_write(parse, "<features>");
    if (parse->is_machine
        && (write_switch(parse, "acpi", true, true, "<acpi/>") < 0 || write_switch(parse, "apic", true, true,
                                                                                   "<apic/>") < 0
            || write_switch(parse, "pae", true, true, "") < 0
            || write_switch(parse, "hap", true, false, "<hap state='off'/>") < 0
            || write_switch(parse, "viridian", false, true, "<viridian/>") < 0))
        return -1;
    if (parse->is_machine)
        xen_write(parse, cells ? "<pae/><acpi/>" : "<pae/>");
    if (write_xen_features(parse) < 0)
        return -1;
    xen_write(parse, "</features>\n");
    return 0;
}

/* The offset in seconds may be negative: as a number, or as a text that means one of 64 bits. */
static int get_offset(XenParse *parse, int *offset)
{
    const XenValue *found = xen_setting(&parse->settings, "rtc_timeoffset");
    uint64_t value = 0;

    if (found && found->type == XEN_NUMBER) {
        *offset = (int)found->number;
        return 0;
    }
    if (xen_get_number(&parse->settings, "rtc_timeoffset", &value, parse->error) < 0)
        return -1;
    *offset = (int)(int64_t)value;
    return 0;
}

static int write_clock(XenParse *parse)
{
    bool local = false;
    int offset = 0;

    if (xen_get_bool(&parse->settings, "localtime", &local, parse->error) < 0)
        return -1;
    if (!parse->is_machine) {
        xen_write(parse, "<clock offset='%s' adjustment='reset'>", local ? "localtime" : "utc");
        return 0;
    }
    if (get_offset(parse, &offset) < 0)
        return -1;
    xen_write(parse, "<clock offset='variable' adjustment='%d' basis='%s'>", offset, local ? "localtime" : "utc");
    return 0;
}

static const char *tsc_mode(const char *text)
{
    if (strcmp(text, "always_emulate") == 0)
        return "emulate";
    if (strcmp(text, "native") == 0)
        return "native";
    return strcmp(text, "native_paravirt") == 0 ? "paravirt" : "auto";
}

static int write_time(XenParse *parse)
{
    const char *text = NULL;
    bool hpet;

    if (write_clock(parse) < 0 || get_text(parse, "tsc_mode", &text) < 0)
        return -1;
    if (text)
        xen_write(parse, "<timer name='tsc' present='yes' mode='%s'/>", tsc_mode(text));
    if (parse->is_machine && xen_setting(&parse->settings, "hpet")) {
        if (xen_get_bool(&parse->settings, "hpet", &hpet, parse->error) < 0)
            return -1;
        xen_write(parse, "<timer name='hpet' present='%s'/>", hpet ? "yes" : "no");
    }
    xen_write(parse, "</clock>\n");
    return 0;
}

static int write_events(XenParse *parse)
{
    static const struct {
        const char *name, *usual;
    } events[] = { { "on_poweroff", "destroy" }, { "on_reboot", "restart" }, { "on_crash", "restart" } };

    for (unsigned i = 0; i < G_N_ELEMENTS(events); i++) {
        const char *text = events[i].usual;

        if (get_text(parse, events[i].name, &text) < 0)
            return -1;
        if (element_value(&lifecycle_action_words, text) <= 0)
            return xen_refuse(parse, events[i].name, text);
        xen_write_leaf(parse, events[i].name, text);
    }
    return 0;
}

/* --- CPU and NUMA: xl only --------------------------------------------------------------------- */

/* The names that libvirt and libxl have for the same thing. */
static const struct {
    const char *libvirt, *xen;
} features[] = {
    { "cx16", "cmpxchg16" }, { "cid", "cntxid" }, { "ds_cpl", "dscpl" }, { "pclmuldq", "pclmulqdq" }, { "pni", "sse3" },
    { "ht", "htt" }, { "pn", "psn" }, { "clflush", "clfsh" }, { "sep", "sysenter" }, { "cx8", "cmpxchg8" },
    { "nodeid_msr", "nodeid" }, { "cr8legacy", "altmovcr8" }, { "lahf_lm", "lahfsahf" }, { "cmp_legacy", "cmplegacy" },
    { "fxsr_opt", "ffxsr" }, { "pdpe1gb", "page1gb" }, { "spec-ctrl", "ibrsb" },
};

const char *xen_feature_name(const char *libvirt)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++)
        if (strcmp(features[i].libvirt, libvirt) == 0)
            return features[i].xen;
    return libvirt;
}

const char *xen_feature_from(const char *xen)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++)
        if (strcmp(features[i].xen, xen) == 0)
            return features[i].libvirt;
    return xen;
}

static int write_feature(XenParse *parse, const char *name, const char *value)
{
    static const char *const policies[][2] = {
        { "1", "force" }, { "0", "disable" }, { "x", "optional" }, { "k", "optional" }, { "s", "optional" },
    };

    for (unsigned i = 0; value && i < G_N_ELEMENTS(policies); i++)
        if (strcmp(policies[i][0], value) == 0) {
            xen_write(parse, "<feature policy='%s' name='%s'/>", policies[i][1], xen_feature_from(name));
            return 0;
        }
    return error_set(parse->error, FROM, VIR_ERR_CONF_SYNTAX,
                     _("the setting 'cpuid' has '%s', whose value isn't known"), name);
}

static int write_cpuid(XenParse *parse, const char *cpuid)
{
    g_autofree char *copy = g_strdup(cpuid);
    XenPairs pairs = { copy };
    char *name, *value;

    if (!xen_pairs_next(&pairs, &name, &value))
        return 0;
    if (value || strcmp(name, "host") != 0)
        return error_set(parse->error, FROM, VIR_ERR_CONF_SYNTAX,
                         _("the setting cpuid='%s' doesn't begin with 'host': xend's way to say it isn't known"),
                         cpuid);
    while (xen_pairs_next(&pairs, &name, &value))
        if (write_feature(parse, name, value) < 0)
            return -1;
    return 0;
}

typedef struct Cell {
    uint64_t node, size;
    const char *cpus, *distances;
    bool has_node;
} Cell;

static int fail_cell(XenParse *parse, int code, unsigned i)
{
    return error_set(parse->error, FROM, code, _("the setting 'vnuma' doesn't say all of cell %u, or what can't be"),
                     i);
}

/* "pnode=0", "size=2048" in MiB, "vcpus=0-1", "vdistances=10,20" */
static int read_cell(XenParse *parse, const XenValue *list, unsigned i, unsigned n, Cell *cell)
{
    for (unsigned k = 0; k < list->n_items && list->items[k]->type == XEN_TEXT; k++) {
        const char *text = list->items[k]->text, *value = strrchr(text, '=');

        if (!value)
            return fail_cell(parse, VIR_ERR_INTERNAL_ERROR, i);
        if (*++value == '\0')
            continue;
        if (g_str_has_prefix(text, "pnode")) {
            cell->has_node = xen_read_number(value, 10, &cell->node) && cell->node < n;
            if (!cell->has_node)
                return fail_cell(parse, VIR_ERR_CONFIG_UNSUPPORTED, i);
        } else if (g_str_has_prefix(text, "size")) {
            if (!xen_read_number(value, 10, &cell->size))
                return fail_cell(parse, VIR_ERR_INTERNAL_ERROR, i);
        } else if (g_str_has_prefix(text, "vcpus")) {
            cell->cpus = value;
        } else if (g_str_has_prefix(text, "vdistances")) {
            cell->distances = value;
        } else {
            return fail_cell(parse, VIR_ERR_CONF_SYNTAX, i);
        }
    }
    if (!cell->has_node || !cell->cpus || cell->size == 0)
        return fail_cell(parse, VIR_ERR_CONF_SYNTAX, i);
    return 0;
}

static int write_cell(XenParse *parse, const XenValue *list, unsigned i, unsigned n)
{
    g_auto(GStrv) distances = NULL;
    Cell cell = { 0 };

    if (read_cell(parse, list, i, n, &cell) < 0)
        return -1;
    xen_write(parse, "<cell id='%u' cpus='%s' memory='%" PRIu64 "' unit='MiB'>", i, cell.cpus, cell.size);
    if (cell.distances) {
        distances = g_strsplit(cell.distances, ",", -1);
        if (g_strv_length(distances) != n)
            return fail_cell(parse, VIR_ERR_CONFIG_UNSUPPORTED, i);
        xen_write(parse, "<distances>");
        for (unsigned other = 0; other < n; other++)
            xen_write(parse, "<sibling id='%u' value='%s'/>", other, distances[other]);
        xen_write(parse, "</distances>");
    }
    xen_write(parse, "</cell>");
    return 0;
}

/* Each cell is a list of its own. */
static int write_cells(XenParse *parse, const XenValue *cells)
{
    xen_write(parse, "<numa>");
    for (unsigned i = 0; i < cells->n_items; i++) {
        if (cells->items[i]->type != XEN_LIST)
            return fail_cell(parse, VIR_ERR_CONF_SYNTAX, i);
        if (write_cell(parse, cells->items[i], i, cells->n_items) < 0)
            return -1;
    }
    xen_write(parse, "</numa>");
    return 0;
}

/* A CPU is said to be the host's as soon as anything is said of it but for NUMA. */
static int write_cpu(XenParse *parse)
{
    const XenValue *cells = xen_get_list(&parse->settings, "vnuma");
    const char *cpuid = NULL;
    bool has_nested = parse->is_machine && xen_setting(&parse->settings, "nestedhvm"), nested = true;

    if (parse->dialect == XEN_DIALECT_XM)
        return 0;
    if (get_text(parse, "cpuid", &cpuid) < 0
        || (has_nested && xen_get_bool(&parse->settings, "nestedhvm", &nested, parse->error) < 0))
        return -1;
    if (cells && cells->n_items == 0)
        cells = NULL;
    if (!cells && !cpuid && !has_nested)
        return 0;
    xen_write(parse, cpuid || has_nested ? "<cpu mode='host-passthrough'>" : "<cpu>");
    if (!nested)
        xen_write(parse, "<feature policy='disable' name='vmx'/>");
    if ((cpuid && write_cpuid(parse, cpuid) < 0) || (cells && write_cells(parse, cells) < 0))
        return -1;
    xen_write(parse, "</cpu>\n");
    return 0;
}

static int write_arguments(XenParse *parse)
{
    const XenValue *list = xen_get_list(&parse->settings, "device_model_args");

    if (!list || parse->dialect == XEN_DIALECT_XM)
        return 0;
    xen_write(parse, "<xen:commandline>");
    for (unsigned i = 0; i < list->n_items; i++)
        if (list->items[i]->type == XEN_TEXT)
            xen_write(parse, "<xen:arg value='%s'/>", list->items[i]->text);
    xen_write(parse, "</xen:commandline>\n");
    return 0;
}

/* --- devices --------------------------------------------------------------------------------- */

static int write_emulator(XenParse *parse)
{
    const char *emulator = NULL;

    if (get_text(parse, "device_model_override", &emulator) < 0)
        return -1;
    xen_write_leaf(parse, "emulator", emulator);
    return 0;
}

static int write_all(XenParse *parse, XenWrite *const *writes)
{
    for (; *writes; writes++)
        if ((*writes)(parse) < 0)
            return -1;
    return 0;
}

static int write_devices(XenParse *parse)
{
    static XenWrite *const devices[] = {
        write_emulator, xen_write_disks, xen_write_controllers, xen_write_interfaces, xen_write_characters,
        xen_write_inputs, xen_write_graphics, xen_write_sounds, xen_write_hostdevs, NULL,
    };

    xen_write(parse, "<devices>\n");
    if (write_all(parse, devices) < 0)
        return -1;
    xen_write(parse, "<memballoon model='xen'/></devices>\n");
    return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int find_kind(XenParse *parse)
{
    const char *type = NULL, *builder = NULL;

    parse->os = OS_TYPE_NAME_LINUX;
    if (get_text(parse, "type", &type) < 0 || (!type && get_text(parse, "builder", &builder) < 0))
        return -1;
    if (type && strcmp(type, "pvh") == 0)
        parse->os = OS_TYPE_NAME_XENPVH;
    else if ((type && strcmp(type, "hvm") == 0) || (builder && strcmp(builder, "hvm") == 0))
        parse->os = OS_TYPE_NAME_HVM;
    else if (type && strcmp(type, "pv") != 0)
        return error_set(parse->error, FROM, VIR_ERR_CONFIG_UNSUPPORTED, _("the setting type='%s' isn't known"), type);
    parse->is_machine = parse->os == OS_TYPE_NAME_HVM;
    return 0;
}

static int write_document(XenParse *parse)
{
    static XenWrite *const all[] = {
        write_identity, write_memory, write_cpus, write_os, write_features, write_cpu, write_time, write_events,
        write_devices, write_arguments, NULL,
    };

    if (find_kind(parse) < 0)
        return -1;
    xen_write(parse, "<domain type='xen' xmlns:xen='http://libvirt.org/schemas/domain/xen/1.0'>\n");
    if (write_all(parse, all) < 0)
        return -1;
    xen_write(parse, "</domain>\n");
    return 0;
}

/* What XML can't hold is in no file that xl reads. */
static bool is_plain(const char *text, size_t size)
{
    if (!g_utf8_validate(text, (gssize)size, NULL))
        return false;
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] < ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r')
            return false;
    return true;
}

DomainConfig *xen_config_parse(const char *text, size_t size, XenDialect dialect, Error *error)
{
    static const DomainRules rules = { .default_arch = "x86_64", .namespaces = NAMESPACE_XEN };
    g_autoptr(GString) document = g_string_new(NULL);
    Arena arena;
    XenParse parse = {
        .settings = { .arena = &arena }, .dialect = dialect, .out = document, .arena = &arena, .error = error,
    };
    DomainConfig *config = NULL;

    if (size > XEN_CONFIG_LIMIT || !is_plain(text, size)) {
        error_set(error, FROM, VIR_ERR_CONF_SYNTAX, _("the configuration is no UTF-8 text of at most %u bytes"),
                  XEN_CONFIG_LIMIT);
        return NULL;
    }
    arena_init(&arena, NULL, 0);
    /* As from a store, so that the disks stay in the file's order and nothing is judged. */
    if (xen_settings_parse(&parse.settings, text, size, error) == 0 && write_document(&parse) == 0)
        config = domain_config_parse(document->str, document->len, &rules, DOMAIN_PARSE_STORED, error);
    arena_reset(&arena);
    return config;
}
