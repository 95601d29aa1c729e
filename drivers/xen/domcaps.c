/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What guests of one kind can have, as a document for clients: the table of offer.h, and which firmware and device model
 * lie on this host. Runs on workers, since it looks for files; no lock. */
#include "drivers/xen/xen.h"

#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "conf/capabilities.h"
#include "drivers/common/op.h"
#include "drivers/xen/offer.h"

/* Where distributions put what Xen brings along; %s: its version. */
static const char *const boot_folders[] = { "/usr/lib/xen-%s/boot", "/usr/lib/xen/boot", "/usr/libexec/xen/boot" };
static const char *const device_models[] = {
    "/usr/libexec/xen-qemu-system-i386", "/usr/lib/xen-%s/bin/qemu-system-i386", "/usr/lib/xen/bin/qemu-system-i386",
    "/usr/libexec/xen/bin/qemu-system-i386", "/usr/bin/qemu-system-i386",
};

/* --- what was asked --------------------------------------------------------------------------- */

/* NULL and an error: Xen has no such machine. */
static const XenOffer *find_machine(Op *op, const char *machine)
{
    if (!machine)
        return &xen_offers[XEN_PV];
    for (unsigned i = 0; i < G_N_ELEMENTS(xen_offers); i++)
        if (strcmp(xen_offers[i].machine, machine) == 0)
            return &xen_offers[i];
    op_fail(op, VIR_ERR_INVALID_ARG, _("'%s' is no machine of Xen's, which are xenpv, xenpvh and xenfv"), machine);
    return NULL;
}

/* Of this host's family only, since no guest of another one can run here. */
static int check_arch(Op *op, const char *arch)
{
    int value = arch ? element_value(&arch_words, arch) : ARCH_X86_64;

    if (value < 0)
        return op_fail(op, VIR_ERR_INVALID_ARG, _("unknown architecture: %s"), arch);
    if (value != ARCH_X86_64 && value != ARCH_I686)
        return op_fail(op, VIR_ERR_INVALID_ARG, _("guests with arch='%s' can't run here"), arch);
    return 0;
}

/* --- what there is ---------------------------------------------------------------------------- */

/* The first file that is there, in the call's memory; NULL: none is. */
static const char *find_file(Op *op, const char *const *patterns, unsigned n, const char *name)
{
    const XenVersion *version = &xen_host(op->host)->version;
    g_autofree char *number = g_strdup_printf("%u.%u", version->major, version->minor);

    for (unsigned i = 0; i < n; i++) {
        g_auto(GStrv) around = g_strsplit(patterns[i], "%s", 2);
        g_autofree char *path = g_strjoinv(number, around);
        g_autofree char *file = name ? g_build_filename(path, name, NULL) : g_strdup(path);

        if (access(file, F_OK) == 0)
            return arena_strdup(op->arena, file);
    }
    return NULL;
}

static void add_firmware(Op *op, DomainCaps *caps, const XenOffer *offer)
{
    static const char *const files[] = { "hvmloader", "ovmf.bin" }, *const readonly[] = { "yes", NULL };
    CapsLoader *loader = ELEMENT_NEW(op->arena, CapsLoader);

    caps->os = ELEMENT_NEW(op->arena, CapsOs);
    caps->os->supported = TRISTATE_YES;
    caps->os->loader = loader;
    loader->supported = offer->loaders ? TRISTATE_YES : TRISTATE_NO;
    if (!offer->loaders)
        return;
    capabilities_add_enum(&caps->os->enums, &caps->os->n_enums, "firmware", &firmware_type_words, offer->firmwares,
                          op->arena);
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        CapsText *text = ELEMENT_NEW(op->arena, CapsText);

        text->value = find_file(op, boot_folders, G_N_ELEMENTS(boot_folders), files[i]);
        if (text->value)
            element_list_add(op->arena, (void ***)&loader->values, &loader->n_values, text);
    }
    capabilities_add_enum(&loader->enums, &loader->n_enums, "type", &loader_type_words, offer->loaders, op->arena);
    capabilities_add_names(&loader->enums, &loader->n_enums, "readonly", readonly, op->arena);
}

static void add_cpu_modes(Op *op, DomainCaps *caps, const XenOffer *offer)
{
    static const CpuMode modes[] = { CPU_MODE_HOST_PASSTHROUGH, CPU_MODE_MAXIMUM, CPU_MODE_HOST_MODEL, CPU_MODE_CUSTOM };

    caps->cpu = ELEMENT_NEW(op->arena, CapsCpuModes);
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++)
        capabilities_add_mode(caps->cpu, modes[i], offer_has(offer->cpu_modes, modes[i]), op->arena);
}

/* An item with one list of values. */
static CapsItem *one_list(Op *op, const char *name, const ElementWords *words, uint64_t values)
{
    CapsItem *item = capabilities_item(values != 0, op->arena);

    if (values)
        capabilities_add_enum(&item->enums, &item->n_enums, name, words, values, op->arena);
    return item;
}

static CapsItem *hostdevs(Op *op, const XenOffer *offer)
{
    static const char *const policies[] = { "default", "mandatory", NULL };
    CapsItem *item = one_list(op, "mode", &hostdev_mode_words, OFFER(HOSTDEV_MODE_SUBSYSTEM));

    capabilities_add_names(&item->enums, &item->n_enums, "startupPolicy", policies, op->arena);
    capabilities_add_enum(&item->enums, &item->n_enums, "subsysType", &hostdev_type_words, offer->hostdevs, op->arena);
    capabilities_add_enum(&item->enums, &item->n_enums, "capsType", &hostdev_type_words, 0, op->arena);
    capabilities_add_enum(&item->enums, &item->n_enums, "pciBackend", &hostdev_driver_name_words,
                          offer_has(offer->hostdevs, HOSTDEV_TYPE_PCI) ? OFFER(HOSTDEV_DRIVER_NAME_XEN) : 0, op->arena);
    return item;
}

static void add_devices(Op *op, DomainCaps *caps, const XenOffer *offer)
{
    CapsDevices *devices = caps->devices = ELEMENT_NEW(op->arena, CapsDevices);
    CapsItem *disk = one_list(op, "diskDevice", &disk_device_words, offer->disk_devices);

    capabilities_add_enum(&disk->enums, &disk->n_enums, "bus", &disk_bus_words,
                          offer->disk_buses & ~OFFER(DISK_BUS_ABSENT), op->arena);
    capabilities_add_enum(&disk->enums, &disk->n_enums, "model", &disk_model_words, 0, op->arena);
    devices->disk = disk;
    devices->graphics = one_list(op, "type", &graphics_type_words, offer->graphics);
    devices->video = one_list(op, "modelType", &video_type_words, offer->videos);
    devices->hostdev = hostdevs(op, offer);
    devices->channel = one_list(op, "type", &char_type_words, offer->channels);
    devices->rng = capabilities_item(false, op->arena);
    devices->filesystem = capabilities_item(false, op->arena);
    devices->tpm = capabilities_item(false, op->arena);
    devices->redirdev = capabilities_item(false, op->arena);
}

static void add_features(Op *op, DomainCaps *caps, const XenOffer *offer)
{
    CapsFeatures *features = caps->features = ELEMENT_NEW(op->arena, CapsFeatures);

    features->gic = capabilities_item(false, op->arena);
    features->vmcoreinfo = capabilities_support(false, op->arena);
    features->genid = capabilities_support(offer->genid, op->arena);
    features->sev = ELEMENT_NEW(op->arena, CapsSev);
    features->sev->supported = TRISTATE_NO;
    features->sgx = ELEMENT_NEW(op->arena, CapsSgx);
    features->sgx->supported = TRISTATE_NO;
}

int xen_connect_get_domain_capabilities(Op *op, const RemoteConnectGetDomainCapabilitiesArgs *args,
                                        RemoteConnectGetDomainCapabilitiesResult *result)
{
    DomainCaps caps = { .domain = "xen", .arch = args->arch ? args->arch : "x86_64" };
    const XenOffer *offer;

    if (op_check_flags(op, args->flags, 0) < 0)
        return -1;
    if (args->virttype && strcmp(args->virttype, "xen") != 0)
        return op_fail(op, VIR_ERR_INVALID_ARG, _("unknown virttype: %s"), args->virttype);
    offer = check_arch(op, args->arch) < 0 ? NULL : find_machine(op, args->machine);
    if (!offer)
        return -1;
    caps.path = args->emulatorbin ? args->emulatorbin
        : find_file(op, device_models, G_N_ELEMENTS(device_models), NULL);
    caps.machine = offer->machine;
    caps.vcpu = ELEMENT_NEW(op->arena, CapsVcpu);
    caps.vcpu->has_max = true;
    caps.vcpu->max = offer->vcpus;
    caps.iothreads = capabilities_support(false, op->arena);
    add_firmware(op, &caps, offer);
    add_cpu_modes(op, &caps, offer);
    caps.memory_backing = capabilities_item(false, op->arena);
    add_devices(op, &caps, offer);
    add_features(op, &caps, offer);
    result->capabilities = op_keep_memory(op, domain_capabilities_format(&caps));
    return 0;
}
