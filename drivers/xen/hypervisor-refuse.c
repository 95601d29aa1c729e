/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a document may ask for that Xen, or libxl, has no word for, and that a guest or its owner would miss. Devices have
 * checks of their own. Pure functions: any thread, no lock. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/elements.h"
#include "drivers/xen/offer.h"

int config_refuse(char **why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *why = g_strdup_vprintf(format, args);
    va_end(args);
    return -ENOTSUP;
}

/* A part of a document that is there and can't be had. */
typedef struct Wish {
    bool there;
    const char *element;
} Wish;

static int refuse_first(const Wish *wishes, unsigned n, char **why)
{
    for (unsigned i = 0; i < n; i++)
        if (wishes[i].there)
            return config_refuse(why, _("Xen guests can't have %s"), wishes[i].element);
    return 0;
}

static int check_resources(const DomainConfig *config, char **why)
{
    const CpuTune *tune = config->cputune;
    const Wish wishes[] = {
        { config->max_memory, "<maxMemory>" },
        { config->memory.dump_core == TRISTATE_NO, "<memory dumpCore='off'>" },
        { config->memory_backing, "<memoryBacking>" },
        { config->memtune, "<memtune>" },
        { config->blkiotune, "<blkiotune>" },
        { config->numatune, "<numatune>" },
        { config->resource, "<resource>" },
        { config->has_iothreads || config->iothreadids || config->defaultiothread, "<iothreads>" },
        { tune && (tune->has_period || tune->has_quota || tune->has_global_period || tune->has_global_quota),
          "<cputune> <period>, <quota>" },
        { tune && (tune->has_emulator_period || tune->has_emulator_quota || tune->emulatorpin || tune->emulatorsched),
          "<cputune> <emulatorpin>" },
        { tune && (tune->has_iothread_period || tune->has_iothread_quota || tune->n_iothreadpins || tune->n_iothreadscheds),
          "<cputune> <iothreadpin>" },
        { tune && (tune->n_vcpuscheds || tune->n_cachetunes || tune->n_memorytunes),
          "<cputune> <vcpusched>, <cachetune>, <memorytune>" },
    };

    return refuse_first(wishes, G_N_ELEMENTS(wishes), why);
}

static int check_cpus(const DomainConfig *config, char **why)
{
    const XenOffer *offer = xen_offer_of(config);
    unsigned n = domain_config_max_vcpus(config);
    const Cpu *cpu = config->cpu;

    if (n > offer->vcpus)
        return config_refuse(why, _("%u virtual CPUs are more than the %u that such a guest of Xen can have"), n,
                             offer->vcpus);
    if (!cpu)
        return 0;
    if (cpu->topology || cpu->cache || cpu->maxphysaddr || cpu->numa || cpu->vendor)
        return config_refuse(why, _("Xen guests can't have %s"),
                             "<cpu> <topology>, <cache>, <maxphysaddr>, <numa>, <vendor>");
    if (cpu->mode && !offer_has(offer->cpu_modes, cpu->mode) && (cpu->mode != CPU_MODE_CUSTOM || cpu->model))
        return config_refuse(why, _("Xen guests see the CPU of their host, not one with <cpu mode='%s'>"),
                             element_word(&cpu_mode_words, cpu->mode));
    if (cpu->model)
        return config_refuse(why, _("Xen guests see the CPU of their host, not a <model>"));
    for (unsigned i = 0; i < cpu->n_features; i++) {
        const char *name = cpu->features[i]->name;

        if (strcmp(name, "vmx") != 0 && strcmp(name, "svm") != 0)
            return config_refuse(why, _("the CPU feature '%s' can't be changed for guests of Xen"), name);
    }
    return 0;
}

static int check_os(const DomainConfig *config, char **why)
{
    const Os *os = &config->os;
    const XenOffer *offer = xen_offer_of(config);
    bool machine = os->type.name == OS_TYPE_NAME_HVM, pvh = os->type.name == OS_TYPE_NAME_XENPVH;
    const Wish wishes[] = {
        { os->has_nvram, "<nvram>" },
        { os->features, "<os> <firmware> <feature>" },
        { os->dtb, "<dtb>" },
        { os->has_bootmenu && os->bootmenu.enable == TRISTATE_YES, "<bootmenu enable='yes'>" },
        { os->has_bios && (os->bios.useserial == TRISTATE_YES || os->bios.has_reboot_timeout), "<bios>" },
        { os->has_smbios && os->smbios.mode && os->smbios.mode != SMBIOS_MODE_EMULATE, "<smbios>" },
        { os->firmware && !offer_has(offer->firmwares, os->firmware), "<os firmware=…> but in a whole machine" },
        { !offer->loaders && os->has_loader && os->loader.path, "<loader> but in a whole machine" },
        { os->has_loader && os->loader.secure == TRISTATE_YES, "<loader secure='yes'>" },
        { machine && config->bootloader, "<bootloader> in a whole machine" },
        { config->n_sysinfos, "<sysinfo>" },
    };

    if (os->type.arch && os->type.arch != ARCH_X86_64 && os->type.arch != ARCH_I686)
        return config_refuse(why, _("guests with arch='%s' can't run here"), element_word(&arch_words, os->type.arch));
    if (os->type.machine && strcmp(os->type.machine, offer->machine) != 0)
        return config_refuse(why, _("Xen has no machine='%s' for guests of this <type>"), os->type.machine);
    if (pvh && !os->kernel && !config->bootloader)
        return config_refuse(why, _("a guest of the type xenpvh needs a <kernel> or a <bootloader>"));
    return refuse_first(wishes, G_N_ELEMENTS(wishes), why);
}

static int check_features(const DomainConfig *config, char **why)
{
    static const Features none;
    const Features *features = config->features ? config->features : &none;
    const Wish wishes[] = {
        { features->apic.eoi, "<apic eoi=…>" },
        { features->viridian && config->os.type.name != OS_TYPE_NAME_HVM, "<viridian> but in a whole machine" },
        { features->privnet, "<privnet>" },
        { features->hyperv, "<hyperv>" },
        { features->kvm, "<kvm>" },
        { features->capabilities, "<capabilities>" },
        { features->has_pvspinlock, "<pvspinlock>" },
        { features->has_pmu, "<pmu>" },
        { features->has_vmport, "<vmport>" },
        { features->has_gic, "<gic>" },
        { features->has_smm, "<smm>" },
        { features->has_ioapic, "<ioapic>" },
        { features->has_hpt || features->has_htm || features->has_nested_hv || features->has_ccf_assist ||
          features->has_cfpc || features->has_sbbc || features->has_ibs, "features of pSeries guests" },
        { features->has_vmcoreinfo, "<vmcoreinfo>" },
        { features->has_msrs, "<msrs>" },
        { features->has_tcg, "<tcg>" },
    };

    return refuse_first(wishes, G_N_ELEMENTS(wishes), why);
}

static int check_rest(const DomainConfig *config, char **why)
{
    bool machine = config->os.type.name == OS_TYPE_NAME_HVM;
    const Wish wishes[] = {
        { config->idmap, "<idmap>" },
        { config->perf, "<perf>" },
        { config->pm && !machine, "<pm> but in a whole machine" },
        { config->has_genid && !xen_offer_of(config)->genid, "<genid> but in a whole machine" },
        { config->keywrap, "<keywrap>" },
        { config->launch_security, "<launchSecurity>" },
        { config->on_lockfailure, "<on_lockfailure>" },
    };

    for (unsigned i = 0; i < config->n_seclabels; i++)
        if (config->seclabels[i]->type != SECURITY_LABEL_TYPE_NONE)
            return config_refuse(why, _("Xen guests can't have %s"), "<seclabel>");
    return refuse_first(wishes, G_N_ELEMENTS(wishes), why);
}

int config_expressible(const DomainConfig *config, char **why)
{
    static int (*const checks[])(const DomainConfig *config, char **why) = {
        check_os, check_resources, check_cpus, check_features, check_rest,
    };
    int r = 0;

    for (unsigned i = 0; r == 0 && i < G_N_ELEMENTS(checks); i++)
        r = checks[i](config, why);
    return r;
}
