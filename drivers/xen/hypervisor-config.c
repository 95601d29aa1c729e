/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a document to libxl's configuration of a guest, all but its devices (hypervisor-devices.c): kind, identity, memory,
 * CPUs, what it boots, time, features. What Xen has no word for, and a guest would notice, is refused with a sentence
 * (hypervisor-refuse.c); a feature that every guest of its kind has, or none can have, is no reason.
 * Pure functions: any thread, no lock. What they fill in is libxl's to free, with free(), as GLib's memory may be. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "base/i18n.h"
#include "conf/cpuset.h"
#include "conf/elements.h"

static bool is_machine(const DomainConfig *config)
{
    return config->os.type.name == OS_TYPE_NAME_HVM;
}

/* --- who it is ------------------------------------------------------------------------------- */

static int config_identity(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    libxl_domain_create_info *info = &made->c_info;
    char **words;

    switch (config->os.type.name) {
    case OS_TYPE_NAME_HVM:
        info->type = LIBXL_DOMAIN_TYPE_HVM;
        break;
    case OS_TYPE_NAME_XENPVH:
        info->type = LIBXL_DOMAIN_TYPE_PVH;
        break;
    case OS_TYPE_NAME_LINUX:
    case OS_TYPE_NAME_XEN:
        info->type = LIBXL_DOMAIN_TYPE_PV;
        break;
    default:
        return config_refuse(why, _("Xen has no guests with <os><type>%s"),
                             element_word(&os_type_name_words, config->os.type.name));
    }
    libxl_domain_build_info_init_type(&made->b_info, info->type);
    info->name = g_strdup(config->name);
    memcpy(&info->uuid, config->uuid.bytes, sizeof config->uuid.bytes);
    /* With the name, in one transaction: from the first moment on the guest is known for one that drover builds. */
    words = g_new0(char *, 3);
    words[0] = g_strdup(XEN_WORD);
    words[1] = g_strdup(XEN_WORD_BUILDING);
    info->xsdata = words;
    return 0;
}

/* --- memory and CPUs ------------------------------------------------------------------------- */

static void set_bit(libxl_bitmap *bitmap, unsigned bit)
{
    bitmap->map[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static libxl_bitmap new_bitmap(unsigned bits)
{
    uint32_t size = (bits + 7) / 8;

    return (libxl_bitmap){ .size = size, .map = g_malloc0(size) };
}

static bool is_online(const DomainConfig *config, unsigned vcpu)
{
    const Vcpus *vcpus = config->vcpus;

    for (unsigned i = 0; vcpus && i < vcpus->n_entries; i++)
        if (vcpus->entries[i]->id == vcpu)
            return vcpus->entries[i]->enabled != TRISTATE_NO;
    return vcpu < domain_config_vcpus(config);
}

/* Which CPUs of the host a virtual one may run on; NULL: all. */
static const char *affinity(const DomainConfig *config, unsigned vcpu)
{
    const CpuTune *tune = config->cputune;

    for (unsigned i = 0; tune && i < tune->n_vcpupins; i++)
        if (tune->vcpupins[i]->vcpu == vcpu)
            return tune->vcpupins[i]->cpuset;
    return config->vcpu.cpuset;
}

static int config_affinity(const DomainConfig *config, libxl_domain_build_info *info, char **why)
{
    unsigned n = domain_config_max_vcpus(config);
    bool any = config->vcpu.cpuset || (config->cputune && config->cputune->n_vcpupins);

    if (!any)
        return 0;
    info->vcpu_hard_affinity = g_new0(libxl_bitmap, n);
    info->num_vcpu_hard_affinity = (int)n;
    for (unsigned vcpu = 0; vcpu < n; vcpu++) {
        const char *text = affinity(config, vcpu);
        libxl_bitmap *bitmap = &info->vcpu_hard_affinity[vcpu];
        CpuSet set;

        *bitmap = new_bitmap(CPUSET_SIZE);
        if (!text) {
            memset(bitmap->map, 0xff, bitmap->size);
            continue;
        }
        if (!cpuset_parse(text, &set))
            return config_refuse(why, _("'%s' is no set of CPUs"), text);
        for (int cpu = cpuset_next(&set, 0); cpu >= 0; cpu = cpuset_next(&set, (unsigned)cpu + 1))
            set_bit(bitmap, (unsigned)cpu);
    }
    libxl_defbool_set(&info->numa_placement, false);
    return 0;
}

/* Its share of the CPUs, as the schedulers credit and credit2 take it. */
static int config_weight(const DomainConfig *config, libxl_domain_build_info *info, char **why)
{
    enum { WEIGHT_MOST = 65535 };

    if (!config->cputune || !config->cputune->has_shares)
        return 0;
    if (config->cputune->shares < 1 || config->cputune->shares > WEIGHT_MOST)
        return config_refuse(why, _("<shares> is a weight from 1 to %d on Xen"), WEIGHT_MOST);
    info->sched_params.weight = (int)config->cputune->shares;
    return 0;
}

static int config_size(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    libxl_domain_build_info *info = &made->b_info;
    unsigned n = domain_config_max_vcpus(config);

    info->max_vcpus = (int)n;
    info->avail_vcpus = new_bitmap(n);
    for (unsigned vcpu = 0; vcpu < n; vcpu++)
        if (is_online(config, vcpu))
            set_bit(&info->avail_vcpus, vcpu);
    info->max_memkb = domain_config_max_memory(config);
    info->target_memkb = domain_config_memory(config);
    if (config_weight(config, info, why) < 0)
        return -ENOTSUP;
    return config_affinity(config, info, why);
}

/* --- what it boots --------------------------------------------------------------------------- */

static int config_bootloader(const DomainConfig *config, libxl_domain_build_info *info, char **why)
{
    g_auto(GStrv) words = NULL;
    g_autoptr(GError) mistake = NULL;
    char **arguments = NULL;

    /* A guest without a kernel has it on its disk, and Xen's own boot loader finds it there. */
    if (!config->bootloader && config->os.kernel)
        return 0;
    info->bootloader = g_strdup(config->bootloader ? config->bootloader : "pygrub");
    if (!config->bootloader_args || !*config->bootloader_args)
        return 0;
    if (!g_shell_parse_argv(config->bootloader_args, NULL, &words, &mistake))
        return config_refuse(why, _("the arguments of the boot loader can't be read: %s"), mistake->message);
    arguments = g_steal_pointer(&words);
    info->bootloader_args = arguments;
    return 0;
}

/* Devices that say when they are tried. Of each kind only the first can be started from, so there are three of them at most;
 * `letters` gets those, in their order, as the device model takes them. */
typedef struct BootOrder {
    unsigned order;
    char letter;
} BootOrder;

static int add_boot(const DeviceInfo *info, char letter, bool possible, BootOrder *orders, unsigned *n, char **why)
{
    unsigned i;

    if (!info->boot || !info->boot->has_order)
        return 0;
    if (!possible)
        return config_refuse(why, _("<boot order='%u'> is of a device that such a guest of Xen can't be started from"),
                             info->boot->order);
    for (i = *n; i > 0 && orders[i - 1].order > info->boot->order; i--)
        orders[i] = orders[i - 1];
    orders[i] = (BootOrder){ info->boot->order, letter };
    ++*n;
    return 0;
}

static int device_boots(const DomainConfig *config, char *letters, char **why)
{
    const Devices *devices = &config->devices;
    bool machine = is_machine(config), disk_seen = false, drive_seen = false;
    BootOrder orders[3];
    unsigned n = 0;

    for (unsigned i = 0; i < devices->n_disks; i++) {
        const Disk *disk = devices->disks[i];
        bool drive = disk->device == DISK_DEVICE_CDROM, *seen = drive ? &drive_seen : &disk_seen;

        if (add_boot(&disk->info, drive ? 'd' : 'c', !*seen && (machine || !drive), orders, &n, why) < 0)
            return -ENOTSUP;
        *seen = true;
    }
    for (unsigned i = 0; i < devices->n_interfaces; i++)
        if (add_boot(&devices->interfaces[i]->info, 'n', machine && i == 0, orders, &n, why) < 0)
            return -ENOTSUP;
    for (unsigned i = 0; i < n; i++)
        letters[i] = orders[i].letter;
    letters[n] = '\0';
    return 0;
}

/* The device model takes letters. */
static void config_boot_order(const DomainConfig *config, const char *devices, libxl_domain_build_info *info)
{
    static const char letters[] = { [BOOT_DEV_FD] = 'a', [BOOT_DEV_CDROM] = 'd', [BOOT_DEV_HD] = 'c',
                                    [BOOT_DEV_NETWORK] = 'n' };
    char order[8] = "";
    unsigned n = 0;

    for (unsigned i = 0; i < config->os.n_boots && n < sizeof order - 1; i++)
        if (config->os.boots[i]->dev)
            order[n++] = letters[config->os.boots[i]->dev];
    info->u.hvm.boot = g_strdup(*devices ? devices : n ? order : "c");
}

static void config_firmware(const DomainConfig *config, libxl_domain_build_info *info)
{
    const Os *os = &config->os;
    g_autofree char *file = os->has_loader && os->loader.path ? g_path_get_basename(os->loader.path) : NULL;

    if (os->firmware == FIRMWARE_TYPE_EFI)
        info->u.hvm.bios = LIBXL_BIOS_TYPE_OVMF;
    if (file && os->loader.type == LOADER_TYPE_PFLASH) {
        info->u.hvm.bios = LIBXL_BIOS_TYPE_OVMF;
        info->u.hvm.system_firmware = g_strdup(os->loader.path);
    } else if (file && strcmp(file, "hvmloader") != 0) {
        /* hvmloader is Xen's own: documents name it, with the path of the Xen that they were written for. */
        info->u.hvm.firmware = g_strdup(os->loader.path);
    }
    if (os->acpi && os->acpi->n_tables > 0)
        info->u.hvm.acpi_firmware = g_strdup(os->acpi->tables[0]->path);
}

static int config_os(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    libxl_domain_build_info *info = &made->b_info;
    char boots[4];

    if (device_boots(config, boots, why) < 0)
        return -ENOTSUP;
    info->kernel = g_strdup(config->os.kernel);
    info->ramdisk = g_strdup(config->os.initrd);
    info->cmdline = config->os.root ?
        g_strdup_printf("root=%s %s", config->os.root, config->os.cmdline ? config->os.cmdline : "") :
        g_strdup(config->os.cmdline);
    if (!is_machine(config))
        return config_bootloader(config, info, why);
    config_boot_order(config, boots, info);
    config_firmware(config, info);
    return 0;
}

/* --- time ------------------------------------------------------------------------------------ */

static int config_timers(const DomainConfig *config, libxl_domain_build_info *info, char **why)
{
    for (unsigned i = 0; i < config->clock.n_timers; i++) {
        const ClockTimer *timer = config->clock.timers[i];

        if (timer->name == TIMER_NAME_HPET && is_machine(config) && !timer->tickpolicy) {
            libxl_defbool_set(&info->u.hvm.hpet, timer->present != TRISTATE_NO);
            continue;
        }
        if (timer->name != TIMER_NAME_TSC || timer->present == TRISTATE_NO || timer->frequency || timer->tickpolicy)
            return config_refuse(why, _("Xen has no such <timer> with name='%s' for this kind of guest"),
                                 element_word(&timer_name_words, timer->name));
        if (timer->mode == TIMER_MODE_NATIVE)
            info->tsc_mode = LIBXL_TSC_MODE_NATIVE;
        else if (timer->mode == TIMER_MODE_PARAVIRT)
            info->tsc_mode = LIBXL_TSC_MODE_NATIVE_PARAVIRT;
        else if (timer->mode == TIMER_MODE_EMULATE)
            info->tsc_mode = LIBXL_TSC_MODE_ALWAYS_EMULATE;
        else if (timer->mode == TIMER_MODE_SMPSAFE)
            return config_refuse(why, _("Xen has no <timer> with mode='%s'"), element_word(&timer_mode_words, timer->mode));
    }
    return 0;
}

static int config_clock(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    libxl_domain_build_info *info = &made->b_info;
    const Clock *clock = &config->clock;
    bool local = clock->offset == CLOCK_OFFSET_LOCALTIME;

    if (clock->offset == CLOCK_OFFSET_VARIABLE && is_machine(config)) {
        if (clock->adjustment < INT32_MIN || clock->adjustment > INT32_MAX)
            return config_refuse(why, _("a clock can't be off by more than %d seconds"), INT32_MAX);
        info->rtc_timeoffset = (uint32_t)clock->adjustment;
        local = clock->basis == CLOCK_BASIS_LOCALTIME;
    } else if (clock->offset && clock->offset != CLOCK_OFFSET_UTC && !local) {
        return config_refuse(why, _("Xen has no <clock> with offset='%s' for this kind of guest"),
                             element_word(&clock_offset_words, clock->offset));
    }
    if (clock->reset)
        return config_refuse(why, _("Xen has no <clock> with adjustment='%s'"),
                             element_word(&clock_reset_words, clock->reset));
    libxl_defbool_set(&info->localtime, local);
    return config_timers(config, info, why);
}

/* --- features -------------------------------------------------------------------------------- */

/* A whole machine has what its document lists, and nothing else. */
static void config_machine_features(const DomainConfig *config, libxl_domain_config *made)
{
    static const Features none;
    const Features *features = config->features ? config->features : &none;
    const PowerManagement *pm = config->pm;
    libxl_domain_build_info *info = &made->b_info;

    libxl_defbool_set(&info->u.hvm.pae, features->pae);
    libxl_defbool_set(&info->apic, features->has_apic);
    libxl_defbool_set(&info->acpi, features->acpi);
    libxl_defbool_set(&info->u.hvm.viridian, features->viridian);
    if (pm && pm->has_suspend_to_mem && pm->suspend_to_mem.enabled)
        libxl_defbool_set(&info->u.hvm.acpi_s3, pm->suspend_to_mem.enabled == TRISTATE_YES);
    if (pm && pm->has_suspend_to_disk && pm->suspend_to_disk.enabled)
        libxl_defbool_set(&info->u.hvm.acpi_s4, pm->suspend_to_disk.enabled == TRISTATE_YES);
    if (config->has_genid)
        memcpy(info->u.hvm.ms_vm_genid.bytes, config->genid.bytes, sizeof info->u.hvm.ms_vm_genid.bytes);
}

static void config_passthrough(const XenFeatures *xen, libxl_domain_create_info *info)
{
    if (!xen || !xen->has_passthrough)
        return;
    if (xen->passthrough.state == TRISTATE_NO)
        info->passthrough = LIBXL_PASSTHROUGH_DISABLED;
    else if (xen->passthrough.mode == XEN_PASSTHROUGH_MODE_SYNC_PT)
        info->passthrough = LIBXL_PASSTHROUGH_SYNC_PT;
    else if (xen->passthrough.mode == XEN_PASSTHROUGH_MODE_SHARE_PT)
        info->passthrough = LIBXL_PASSTHROUGH_SHARE_PT;
    else
        info->passthrough = LIBXL_PASSTHROUGH_ENABLED;
}

/* A CPU that is the host's has the host's virtualization too, unless the document takes that away. */
static void config_nested(const DomainConfig *config, libxl_domain_build_info *info)
{
    const Cpu *cpu = config->cpu;
    bool nested = true;

    if (!cpu || cpu->mode != CPU_MODE_HOST_PASSTHROUGH || !is_machine(config))
        return;
    for (unsigned i = 0; i < cpu->n_features; i++)
        if (cpu->features[i]->policy == CPU_POLICY_DISABLE || cpu->features[i]->policy == CPU_POLICY_FORBID)
            nested = false;    /* only vmx and svm get here */
    libxl_defbool_set(&info->nested_hvm, nested);
}

static int config_features(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    const Features *features = config->features;
    const XenFeatures *xen = features ? features->xen : NULL;

    if (is_machine(config))
        config_machine_features(config, made);
    if (features && features->has_hap && made->c_info.type != LIBXL_DOMAIN_TYPE_PV)
        libxl_defbool_set(&made->c_info.hap, features->hap.state != TRISTATE_NO);
    if (xen && xen->has_e820_host) {
        if (made->c_info.type != LIBXL_DOMAIN_TYPE_PV && xen->e820_host.state == TRISTATE_YES)
            return config_refuse(why, _("only a paravirtual guest can see the host's memory map (e820_host)"));
        if (made->c_info.type == LIBXL_DOMAIN_TYPE_PV)
            libxl_defbool_set(&made->b_info.u.pv.e820_host, xen->e820_host.state == TRISTATE_YES);
    }
    config_passthrough(xen, &made->c_info);
    config_nested(config, &made->b_info);
    return 0;
}

/* --- the rest -------------------------------------------------------------------------------- */

static libxl_action_on_shutdown action(LifecycleAction wanted)
{
    switch (wanted) {
    case LIFECYCLE_ACTION_RESTART:
        return LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    case LIFECYCLE_ACTION_PRESERVE:
        return LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
    case LIFECYCLE_ACTION_COREDUMP_DESTROY:
        return LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_DESTROY;
    case LIFECYCLE_ACTION_COREDUMP_RESTART:
        return LIBXL_ACTION_ON_SHUTDOWN_COREDUMP_RESTART;
    default:
        return LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    }
}

/* The words of StopAction, which stand for the same as those of LifecycleAction. */
static libxl_action_on_shutdown stop_action(StopAction wanted)
{
    if (wanted == STOP_ACTION_RESTART)
        return LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    return wanted == STOP_ACTION_PRESERVE ? LIBXL_ACTION_ON_SHUTDOWN_PRESERVE : LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
}

/* Only for whoever asks xl: ends.c does what is wanted. */
static int config_actions(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    made->on_poweroff = stop_action(config->on_poweroff);
    made->on_reboot = stop_action(config->on_reboot);
    made->on_crash = made->on_watchdog = action(config->on_crash);
    made->on_soft_reset = made->on_reboot;
    return 0;
}

static int config_model(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    const XenCommandline *line = config->xen_commandline;

    if (config->devices.emulator && is_machine(config))
        made->b_info.device_model = g_strdup(config->devices.emulator);
    if (!line || line->n_args == 0)
        return 0;
    made->b_info.extra = g_new0(char *, line->n_args + 1);
    for (unsigned i = 0; i < line->n_args; i++)
        made->b_info.extra[i] = g_strdup(line->args[i]->value);
    return 0;
}

int config_make(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    static int (*const parts[])(const DomainConfig *config, libxl_domain_config *made, char **why) = {
        config_identity, config_size, config_os, config_clock, config_features, config_actions, config_model, config_devices,
    };
    int r = config_expressible(config, why);

    for (unsigned i = 0; r == 0 && i < G_N_ELEMENTS(parts); i++)
        r = parts[i](config, made, why);
    return r;
}
