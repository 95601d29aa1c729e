/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of the small devices: input devices, panic devices, memory modules, shared memory, IOMMU and vsock; and
 * that a guest without USB has no USB devices.
 * Pure functions of the config: any thread, no lock. */
#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/rules/common.h"

/* --- USB --------------------------------------------------------------------------------------- */

static bool usb_is_disabled(const Devices *devices)
{
    for (unsigned i = 0; i < devices->n_controllers; i++)
        if (devices->controllers[i]->usb_model == USB_MODEL_NONE)
            return true;
    return false;
}

int rule_device_usb(DomainConfig *config, DomainCheck *check)
{
    const Devices *devices = &config->devices;
    const char *unwanted = NULL;

    if (!usb_is_disabled(devices))
        return 0;
    for (unsigned i = 0; i < devices->n_inputs; i++)
        if (devices->inputs[i]->bus == INPUT_BUS_USB)
            unwanted = "input";
    for (unsigned i = 0; i < devices->n_hostdevs; i++)
        if (devices->hostdevs[i]->type == HOSTDEV_TYPE_USB)
            unwanted = "hostdev";
    if (devices->n_hubs > 0)
        unwanted = "hub";
    if (!unwanted)
        return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("A <%s> needs USB, which a USB controller with model='none' switches off"), unwanted);
}

/* --- input devices ----------------------------------------------------------------------------- */

static bool is_container_of_vz(const DomainConfig *config)
{
    return config->type == DOMAIN_TYPE_VZ || config->type == DOMAIN_TYPE_PARALLELS;
}

/* The buses of a whole machine. */
static InputBus machine_bus(InputType type, Arch arch)
{
    bool s390 = arch == ARCH_S390 || arch == ARCH_S390X;
    bool x86 = arch == ARCH_I686 || arch == ARCH_X86_64 || arch == ARCH_ABSENT;

    if (x86 && (type == INPUT_TYPE_MOUSE || type == INPUT_TYPE_KEYBOARD))
        return INPUT_BUS_PS2;
    if (s390 || type == INPUT_TYPE_PASSTHROUGH)
        return INPUT_BUS_VIRTIO;
    return type == INPUT_TYPE_EVDEV ? INPUT_BUS_NONE : INPUT_BUS_USB;
}

int rule_input_bus(DomainConfig *config, DomainCheck *check)
{
    const OsType *os = &config->os.type;

    (void)check;
    for (unsigned i = 0; i < config->devices.n_inputs; i++) {
        Input *input = config->devices.inputs[i];

        if (input->bus)
            continue;
        if (os->name == OS_TYPE_NAME_HVM)
            input->bus = machine_bus(input->type, os->arch);
        else if (os->name == OS_TYPE_NAME_XEN || os->name == OS_TYPE_NAME_LINUX || os->name == OS_TYPE_NAME_XENPVH)
            input->bus = INPUT_BUS_XEN;
        else if (is_container_of_vz(config))
            input->bus = INPUT_BUS_PARALLELS;
    }
    return 0;
}

int rule_input_address(DomainConfig *config, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_inputs; i++) {
        const Input *input = config->devices.inputs[i];
        const Address *address = input->info.address;

        if (input->bus == INPUT_BUS_USB && address && address->type != ADDRESS_TYPE_USB)
            return domain_fail(check, VIR_ERR_XML_ERROR,
                               _("An <input> with bus='usb' can't have an <address> with type='%s'"),
                               element_word(&address_type_words, address->type));
    }
    return 0;
}

/* Whether the kind of guest has input devices on that bus, and of that type there. */
static bool bus_is_right(const Input *input, const DomainConfig *config)
{
    bool plain = input->type == INPUT_TYPE_MOUSE || input->type == INPUT_TYPE_KEYBOARD;

    switch (config->os.type.name) {
    case OS_TYPE_NAME_HVM:
        return input->bus != INPUT_BUS_XEN && (input->bus != INPUT_BUS_PS2 || plain);
    case OS_TYPE_NAME_XEN:
    case OS_TYPE_NAME_LINUX:
    case OS_TYPE_NAME_XENPVH:
        return input->bus == INPUT_BUS_XEN && plain;
    default:
        return is_container_of_vz(config) && input->bus == INPUT_BUS_PARALLELS && plain;
    }
}

static const char *bus_word(const Input *input)
{
    return input->bus ? element_word(&input_bus_words, input->bus) : "";
}

static int check_input(const Input *input, const DomainConfig *config, DomainCheck *check)
{
    if (!bus_is_right(input, config))
        return domain_fail(check, VIR_ERR_INTERNAL_ERROR,
                           _("A guest of this kind can't have an <input> with type='%s' and bus='%s'"),
                           element_word(&input_type_words, input->type), bus_word(input));
    if (input->type == INPUT_TYPE_PASSTHROUGH && input->bus != INPUT_BUS_VIRTIO)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("An <input> with type='passthrough' can't have bus='%s', only 'virtio'"),
                           bus_word(input));
    if (input->type == INPUT_TYPE_EVDEV && input->bus != INPUT_BUS_NONE)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("An <input> with type='evdev' can't have bus='%s'"), bus_word(input));
    if (input->model && input->bus != INPUT_BUS_VIRTIO)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("An <input> with model='%s' can't have bus='%s', only 'virtio'"),
                           element_word(&virtio_model_words, input->model), bus_word(input));
    return 0;
}

int rule_input_check(DomainConfig *config, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_inputs; i++)
        if (check_input(config->devices.inputs[i], config, check) < 0)
            return -1;
    return 0;
}

/* --- panic devices ----------------------------------------------------------------------------- */

static bool says_nothing(const Panic *panic)
{
    static const Panic nothing;

    return element_equal(&panic_type, panic, &nothing);
}

/* One of each model. Of one about which nothing is known nothing is kept. */
int rule_panic(DomainConfig *config, DomainCheck *check)
{
    Devices *devices = &config->devices;
    bool found[PANIC_MODEL_S390 + 1] = { false };

    for (unsigned i = 0; i < devices->n_panics; i++) {
        PanicModel model = devices->panics[i]->model;

        if (found[model])
            return domain_fail(check, VIR_ERR_XML_ERROR, _("There are two <panic> with model='%s'"),
                               model ? element_word(&panic_model_words, model) : "");
        found[model] = true;
    }
    for (unsigned i = devices->n_panics; i-- > 0;)
        if (says_nothing(devices->panics[i]))
            element_list_remove((void **)devices->panics, &devices->n_panics, i);
    return 0;
}

/* --- memory modules ---------------------------------------------------------------------------- */

static bool is_ppc64(const DomainConfig *config)
{
    return config->os.type.arch == ARCH_PPC64 || config->os.type.arch == ARCH_PPC64LE;
}

int rule_module_fill(DomainConfig *config, DomainCheck *check)
{
    (void)check;
    for (unsigned i = 0; i < config->devices.n_memories; i++) {
        MemoryDevice *module = config->devices.memories[i];

        if (module->model == MODULE_MODEL_VIRTIO_PMEM && !module->access)
            module->access = MODULE_ACCESS_SHARED;
        if (module->model == MODULE_MODEL_NVDIMM && is_ppc64(config) && !module->has_uuid) {
            uuid_generate(&module->uuid);
            module->has_uuid = true;
        }
    }
    return 0;
}

static int check_node(const ModuleTarget *target, const DomainConfig *config, DomainCheck *check)
{
    unsigned n = domain_cell_count(config);

    if (!target->has_node || target->node < n)
        return 0;
    return domain_fail(check, VIR_ERR_XML_DETAIL,
                       _("The <node> of a memory module is %u, but the guest has %u NUMA nodes"), target->node, n);
}

static int check_path(const MemoryDevice *module, DomainCheck *check)
{
    if (module->source && module->source->path)
        return 0;
    return domain_fail(check, VIR_ERR_XML_DETAIL, _("A memory module with model='%s' needs a <path> in its <source>"),
                       element_word(&module_model_words, module->model));
}

static int check_discard(const MemoryDevice *module, DomainCheck *check)
{
    if (module->discard != TRISTATE_YES)
        return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("A memory module with model='%s' can't have discard='yes'"),
                       element_word(&module_model_words, module->model));
}

static int check_nvdimm(const MemoryDevice *module, const DomainConfig *config, DomainCheck *check)
{
    const ModuleLabel *label = module->target.label;

    if (check_path(module, check) < 0 || check_discard(module, check) < 0)
        return -1;
    if (is_ppc64(config) && (!label || label->size == 0))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("A memory module with model='nvdimm' needs a <label> on this architecture"));
    if (!is_ppc64(config) && module->has_uuid)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("A memory module with model='nvdimm' can't have a <uuid> on this architecture"));
    return 0;
}

static int check_pmem(const MemoryDevice *module, DomainCheck *check)
{
    if (check_path(module, check) < 0 || check_discard(module, check) < 0)
        return -1;
    if (module->access != MODULE_ACCESS_SHARED)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("A memory module with model='virtio-pmem' can't have access='private'"));
    if (module->target.has_node)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("A memory module with model='virtio-pmem' can't have a <node>"));
    return 0;
}

/* What a host's huge page has: memory is given and taken in no smaller steps. */
#define BLOCK_KIB_LEAST 2048

static int check_virtio_mem(const ModuleTarget *target, DomainCheck *check)
{
    if (target->requested > target->size)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("The <requested> memory of a module, %" PRIu64 " KiB, is more than its <size> "
                             "of %" PRIu64 " KiB"),
                           target->requested, target->size);
    if (target->block == 0 || (target->block & (target->block - 1)) != 0)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("The <block> of a memory module is %" PRIu64 " KiB, which is no power of two"),
                           target->block);
    if (target->block < BLOCK_KIB_LEAST)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("The <block> of a memory module is %" PRIu64 " KiB, it must be at least %d KiB"),
                           target->block, BLOCK_KIB_LEAST);
    if (target->requested % target->block != 0)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("The <requested> memory of a module, %" PRIu64 " KiB, is no multiple of its "
                             "<block> of %" PRIu64 " KiB"),
                           target->requested, target->block);
    return 0;
}

static int check_module(const MemoryDevice *module, const DomainConfig *config, DomainCheck *check)
{
    if (check_node(&module->target, config, check) < 0)
        return -1;
    switch (module->model) {
    case MODULE_MODEL_NVDIMM:
        return check_nvdimm(module, config, check);
    case MODULE_MODEL_VIRTIO_PMEM:
        return check_pmem(module, check);
    case MODULE_MODEL_VIRTIO_MEM:
        return check_virtio_mem(&module->target, check);
    case MODULE_MODEL_SGX_EPC:
        if (!module->info.address)
            return 0;
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("A memory module with model='sgx-epc' can't have an <address>"));
    case MODULE_MODEL_DIMM:
    case MODULE_MODEL_ABSENT:
        break;
    }
    return 0;
}

int rule_module_check(DomainConfig *config, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_memories; i++)
        if (check_module(config->devices.memories[i], config, check) < 0)
            return -1;
    return 0;
}

/* --- shared memory, vsock, IOMMU --------------------------------------------------------------- */

/* The name becomes one of a file. */
int rule_shmem_name(DomainConfig *config, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_shmems; i++) {
        const char *name = config->devices.shmems[i]->name;

        if (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("The attribute name='%s' of <shmem> can't have a '/' and can't be '.' or '..'"), name);
    }
    return 0;
}

#define GUEST_CID_LEAST 3    /* below it are the hypervisor and the host */

int rule_vsock(DomainConfig *config, DomainCheck *check)
{
    const Vsock *vsock = config->devices.vsock;
    const char *option;

    if (!vsock)
        return 0;
    if (vsock->cid.has_address && vsock->cid.address < GUEST_CID_LEAST)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute 'address' of <cid> is %u, it must be at least %d"), vsock->cid.address,
                           GUEST_CID_LEAST);
    option = vsock->driver ? virtio_option(&vsock->driver->virtio) : NULL;
    if (!vsock->model && option)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The <driver> of a <vsock> can't have the attribute '%s' without a virtio model"), option);
    return 0;
}

static int check_iommu_interrupts(const IommuDriver *driver, const DomainConfig *config, DomainCheck *check)
{
    bool split = config->features && config->features->ioapic.driver == IOAPIC_DRIVER_QEMU;

    if (driver->intremap == TRISTATE_YES && !split)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("An <iommu> with intremap='on' needs <ioapic driver='qemu'/> among the features"));
    if (driver->eim == TRISTATE_YES && driver->intremap != TRISTATE_YES)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED, _("An <iommu> with eim='on' needs intremap='on'"));
    return 0;
}

int rule_iommu(DomainConfig *config, DomainCheck *check)
{
    const Iommu *iommu = config->devices.iommu;
    const IommuDriver *driver = iommu ? iommu->driver : NULL;

    if (!iommu)
        return 0;
    if (driver && iommu->model != IOMMU_MODEL_INTEL &&
        (driver->intremap || driver->caching_mode || driver->eim || driver->iotlb || driver->aw_bits))
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("An <iommu> with model='%s' has no settings in <driver>"),
                           element_word(&iommu_model_words, iommu->model));
    if (iommu->model != IOMMU_MODEL_VIRTIO && iommu->info.address)
        return domain_fail(check, VIR_ERR_XML_ERROR, _("An <iommu> with model='%s' can't have an <address>"),
                           element_word(&iommu_model_words, iommu->model));
    return driver ? check_iommu_interrupts(driver, config, check) : 0;
}
