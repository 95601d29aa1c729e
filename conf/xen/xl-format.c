/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a domain's config to the file that xl or xm reads: what concerns the whole guest. The devices are in
 * xl-format-device.c and disk.c. The order of the settings is libvirt's.
 * Pure functions of the config: any thread, no lock. */
#include "conf/xen/xl.h"

#include <string.h>

#include "base/i18n.h"
#include "conf/xen/xen-private.h"

#define DIVIDE_UP(value, by) (((value) + (by) - 1) / (by))

/* --- the guest ------------------------------------------------------------------------------- */

static int put_identity(XenFormat *format)
{
    char uuid[UUID_TEXT_SIZE];

    xen_set_text(&format->settings, "name", format->config->name);
    xen_set_text(&format->settings, "uuid", uuid_format(&format->config->uuid, uuid));
    return 0;
}

static int put_memory(XenFormat *format)
{
    xen_set_number(&format->settings, "maxmem", (int64_t)DIVIDE_UP(domain_config_max_memory(format->config), 1024));
    xen_set_number(&format->settings, "memory", (int64_t)DIVIDE_UP(domain_config_memory(format->config), 1024));
    return 0;
}

static int put_cpus(XenFormat *format)
{
    unsigned n = domain_config_vcpus(format->config), max = domain_config_max_vcpus(format->config);

    if (n < max)
        xen_set_number(&format->settings, "maxvcpus", max);
    xen_set_number(&format->settings, "vcpus", n);
    if (format->config->vcpu.cpuset)
        xen_set_text(&format->settings, "cpus", format->config->vcpu.cpuset);
    return 0;
}

/* A 64-bit machine has PAE whatever is said, and tells its NUMA cells by ACPI. */
static void put_machine_features(XenFormat *format, const Features *features)
{
    const DomainConfig *config = format->config;
    bool is_wide = config->os.type.arch == ARCH_X86_64;
    bool has_cells = config->cpu && config->cpu->numa && config->cpu->numa->n_cells > 0;

    xen_set_number(&format->settings, "pae", features->pae || is_wide);
    xen_set_number(&format->settings, "acpi", features->acpi || (is_wide && has_cells));
    xen_set_number(&format->settings, "apic", features->has_apic);
    if (features->has_hap && features->hap.state == TRISTATE_NO)
        xen_set_number(&format->settings, "hap", 0);
    xen_set_number(&format->settings, "viridian", features->viridian);
}

static void put_passthrough(XenFormat *format, const XenPassthrough *passthrough)
{
    const char *mode = element_word(&xen_passthrough_mode_words, passthrough->mode);

    if (passthrough->state == TRISTATE_YES)
        xen_set_text(&format->settings, "passthrough", mode ? mode : "enabled");
}

static int put_features(XenFormat *format)
{
    static const Features none;
    const Features *features = format->config->features ? format->config->features : &none;
    const XenFeatures *xen = features->xen;

    if (format->is_machine)
        put_machine_features(format, features);
    else if (xen && xen->has_e820_host && xen->e820_host.state == TRISTATE_YES)
        xen_set_number(&format->settings, "e820_host", 1);
    if (xen && xen->has_passthrough)
        put_passthrough(format, &xen->passthrough);
    return 0;
}

/* --- time ------------------------------------------------------------------------------------ */

static const char *tsc_mode(TimerMode mode)
{
    switch (mode) {
    case TIMER_MODE_NATIVE:
        return "native";
    case TIMER_MODE_PARAVIRT:
        return "native_paravirt";
    case TIMER_MODE_EMULATE:
        return "always_emulate";
    default:
        return "default";
    }
}

static int put_timers(XenFormat *format)
{
    const Clock *clock = &format->config->clock;

    for (unsigned i = 0; i < clock->n_timers; i++) {
        const ClockTimer *timer = clock->timers[i];

        if (timer->name == TIMER_NAME_TSC)
            xen_set_text(&format->settings, "tsc_mode", tsc_mode(timer->mode));
        else if (timer->name == TIMER_NAME_HPET && format->is_machine)
            xen_set_number(&format->settings, "hpet", timer->present != TRISTATE_NO);
        else
            return error_set(format->error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                             _("Xen has no <timer> with name='%s' for such a guest"),
                             element_word(&timer_name_words, timer->name));
    }
    return 0;
}

static int refuse_clock(XenFormat *format, const char *attribute, const char *value)
{
    return error_set(format->error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                     _("Xen has no <clock> with %s='%s' for such a guest"),
                     attribute, value);
}

/* A paravirtual guest has no clock of its own that could be set. */
static int put_clock(XenFormat *format)
{
    const Clock *clock = &format->config->clock;
    bool variable = clock->offset == CLOCK_OFFSET_VARIABLE && format->is_machine;
    bool local = variable ? clock->basis == CLOCK_BASIS_LOCALTIME : clock->offset == CLOCK_OFFSET_LOCALTIME;

    if (!variable && clock->offset != CLOCK_OFFSET_UTC && clock->offset != CLOCK_OFFSET_LOCALTIME)
        return refuse_clock(format, "offset", element_word(&clock_offset_words, clock->offset));
    if (!variable && format->is_machine && clock->reset)
        return refuse_clock(format, "adjustment", element_word(&clock_reset_words, clock->reset));
    if (format->is_machine)
        xen_set_number(&format->settings, "rtc_timeoffset", variable ? (int)clock->adjustment : 0);
    xen_set_number(&format->settings, "localtime", local);
    return 0;
}

static int put_events(XenFormat *format)
{
    const DomainConfig *config = format->config;

    xen_set_text(&format->settings, "on_poweroff", element_word(&stop_action_words, config->on_poweroff));
    xen_set_text(&format->settings, "on_reboot", element_word(&stop_action_words, config->on_reboot));
    xen_set_text(&format->settings, "on_crash", element_word(&lifecycle_action_words, config->on_crash));
    return 0;
}

static int put_emulator(XenFormat *format)
{
    if (format->config->devices.emulator)
        xen_set_text(&format->settings, "device_model_override", format->config->devices.emulator);
    return 0;
}

/* --- what it starts -------------------------------------------------------------------------- */

static void put_optional(XenFormat *format, const char *name, const char *text)
{
    if (text)
        xen_set_text(&format->settings, name, text);
}

static void put_kernel(XenFormat *format, const char *command_line)
{
    const Os *os = &format->config->os;

    put_optional(format, "kernel", os->kernel);
    put_optional(format, "ramdisk", os->initrd);
    put_optional(format, command_line, os->cmdline);
}

static void put_boot(XenFormat *format)
{
    static const char letters[] = { [BOOT_DEV_FD] = 'a', [BOOT_DEV_CDROM] = 'd', [BOOT_DEV_HD] = 'c',
                                    [BOOT_DEV_NETWORK] = 'n' };
    const Os *os = &format->config->os;
    char order[8] = "c";

    for (unsigned i = 0; i < MIN(os->n_boots, sizeof order - 1); i++)
        order[i] = letters[os->boots[i]->dev];
    xen_set_text(&format->settings, "boot", order);
}

/* Of a CPU that is the host's: is it told of the host's virtualization? */
static void put_nested(XenFormat *format)
{
    const Cpu *cpu = format->config->cpu;
    bool nested = true;

    if (!cpu || cpu->mode != CPU_MODE_HOST_PASSTHROUGH)
        return;
    for (unsigned i = 0; i < cpu->n_features; i++) {
        const CpuFeature *feature = cpu->features[i];

        if ((feature->policy == CPU_POLICY_DISABLE || feature->policy == CPU_POLICY_FORBID)
            && (strcmp(feature->name, "vmx") == 0 || strcmp(feature->name, "svm") == 0))
            nested = false;
    }
    xen_set_number(&format->settings, "nestedhvm", nested);
}

static int put_xl_machine(XenFormat *format)
{
    const Os *os = &format->config->os;

    xen_set_text(&format->settings, "builder", "hvm");
    if (os->has_loader && os->loader.type == LOADER_TYPE_PFLASH) {
        xen_set_text(&format->settings, "bios", "ovmf");
        put_optional(format, "bios_path_override", os->loader.path);
    }
    if (os->acpi && os->acpi->n_tables > 0)
        xen_set_text(&format->settings, "acpi_firmware", os->acpi->tables[0]->path);
    put_kernel(format, "cmdline");
    put_boot(format);
    put_nested(format);
    return 0;
}

static int put_xm_machine(XenFormat *format)
{
    const Os *os = &format->config->os;

    xen_set_text(&format->settings, "builder", "hvm");
    put_optional(format, "kernel", os->has_loader ? os->loader.path : NULL);
    put_boot(format);
    return 0;
}

static int put_os(XenFormat *format)
{
    bool xl = format->dialect == XEN_DIALECT_XL;

    if (format->is_machine)
        return xl ? put_xl_machine(format) : put_xm_machine(format);
    if (xl && format->config->os.type.name == OS_TYPE_NAME_XENPVH)
        xen_set_text(&format->settings, "type", "pvh");
    put_optional(format, "bootloader", format->config->bootloader);
    put_optional(format, "bootargs", format->config->bootloader ? format->config->bootloader_args : NULL);
    put_kernel(format, xl ? "cmdline" : "extra");
    return 0;
}

/* --- CPU and NUMA: xl only --------------------------------------------------------------------- */

static const char *feature_value(CpuPolicy policy)
{
    if (policy == CPU_POLICY_OPTIONAL)
        return "x";
    return policy == CPU_POLICY_DISABLE || policy == CPU_POLICY_FORBID ? "0" : "1";
}

/* Other CPUs than the host's can't be said. */
static int put_cpuid(XenFormat *format)
{
    const Cpu *cpu = format->config->cpu;
    g_autoptr(GString) text = NULL;

    if (!cpu || cpu->mode != CPU_MODE_HOST_PASSTHROUGH)
        return 0;
    text = g_string_new("host");
    for (unsigned i = 0; i < cpu->n_features; i++) {
        const char *name = xen_feature_name(cpu->features[i]->name);

        if (strcmp(name, "vmx") != 0 && strcmp(name, "svm") != 0)    /* these are nestedhvm */
            g_string_append_printf(text, ",%s=%s", name, feature_value(cpu->features[i]->policy));
    }
    if (text->len > strlen("host"))
        xen_set_text(&format->settings, "cpuid", text->str);
    return 0;
}

/* What the hypervisor takes when nothing is said: 10 inside of a cell, 20 to another one. */
static unsigned distance(const Numa *numa, unsigned from, unsigned to)
{
    const NumaDistances *distances = numa->cells[from]->distances;

    for (unsigned i = 0; distances && i < distances->n_siblings; i++)
        if (distances->siblings[i]->id == to && distances->siblings[i]->value)
            return distances->siblings[i]->value;
    return from == to ? 10 : 20;
}

static XenValue *cell_value(XenFormat *format, const Numa *numa, unsigned i)
{
    const NumaCell *cell = numa->cells[i];
    XenValue *value = xen_new_list(format->arena);
    g_autoptr(GString) distances = g_string_new("vdistances=");

    xen_add_text(&format->settings, value, arena_printf(format->arena, "pnode=%u", i));
    xen_add_text(&format->settings, value, arena_printf(format->arena, "size=%" G_GUINT64_FORMAT, cell->memory / 1024));
    xen_add_text(&format->settings, value, arena_printf(format->arena, "vcpus=%s", cell->cpus));
    for (unsigned other = 0; other < numa->n_cells; other++)
        g_string_append_printf(distances, "%s%u", other ? "," : "", distance(numa, i, other));
    xen_add_text(&format->settings, value, distances->str);
    return value;
}

static int put_numa(XenFormat *format)
{
    const Numa *numa = format->config->cpu ? format->config->cpu->numa : NULL;
    XenValue *list;

    if (!numa || numa->n_cells == 0)
        return 0;
    list = xen_new_list(format->arena);
    for (unsigned i = 0; i < numa->n_cells; i++) {
        if (!numa->cells[i]->cpus)
            return error_set(format->error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                             _("The NUMA <cell> %u has no attribute 'cpus', which Xen needs"), i);
        xen_add_value(list, cell_value(format, numa, i), format->arena);
    }
    xen_set_value(&format->settings, "vnuma", list);
    return 0;
}

static int put_limits(XenFormat *format)
{
    const Devices *devices = &format->config->devices;

    for (unsigned i = 0; i < devices->n_controllers; i++) {
        const Controller *controller = devices->controllers[i];

        if (controller->type != CONTROLLER_TYPE_XENBUS)
            continue;
        if (controller->has_max_event_channels && controller->max_event_channels > 0)
            xen_set_number(&format->settings, "max_event_channels", controller->max_event_channels);
        if (controller->has_max_grant_frames && controller->max_grant_frames > 0)
            xen_set_number(&format->settings, "max_grant_frames", controller->max_grant_frames);
    }
    return 0;
}

static int put_arguments(XenFormat *format)
{
    const XenCommandline *command_line = format->config->xen_commandline;
    XenValue *list;

    if (!command_line || command_line->n_args == 0)
        return 0;
    list = xen_new_list(format->arena);
    for (unsigned i = 0; i < command_line->n_args; i++)
        xen_add_text(&format->settings, list, command_line->args[i]->value);
    xen_set_value(&format->settings, "device_model_args", list);
    return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int put_all(XenFormat *format, XenPut *const *puts)
{
    for (; *puts; puts++)
        if ((*puts)(format) < 0)
            return -1;
    return 0;
}

static int put_guest(XenFormat *format)
{
    static XenPut *const common[] = {
        put_identity, put_memory, put_cpus, put_features, put_timers, put_clock, put_events, put_emulator,
        xen_put_graphics, xen_put_interfaces, xen_put_pci, xen_put_serials, xen_put_sounds, put_os, NULL,
    };
    static XenPut *const xl[] = {
        put_cpuid, put_numa, put_limits, xen_put_disks, xen_put_spice, xen_put_inputs, xen_put_usb, xen_put_channels,
        put_arguments, NULL,
    };
    static XenPut *const xm[] = { xen_put_disks, xen_put_inputs, NULL };

    if (put_all(format, common) < 0)
        return -1;
    return put_all(format, format->dialect == XEN_DIALECT_XL ? xl : xm);
}

char *xen_config_format(const DomainConfig *config, XenDialect dialect, Error *error)
{
    Arena arena;
    XenFormat format = {
        .config = config, .dialect = dialect, .is_machine = config->os.type.name == OS_TYPE_NAME_HVM,
        .settings = { .arena = &arena }, .arena = &arena, .error = error,
    };
    char *text = NULL;

    arena_init(&arena, NULL, 0);
    if (put_guest(&format) == 0) {
        if (format.settings.unwritable)
            error_set(error, FROM, VIR_ERR_CONFIG_UNSUPPORTED,
                      _("Xen's configuration can't have the text '%s': no quotes hold it"),
                      format.settings.unwritable);
        else
            text = xen_settings_format(&format.settings);
    }
    arena_reset(&arena);
    return text;
}
