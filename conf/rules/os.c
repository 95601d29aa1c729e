/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules about what the guest boots: the kind of guest, its firmware, and the order of boot devices; and that the
 * machine's UUID in <sysinfo> is the domain's.
 * Pure functions of the config: any thread, no lock. */
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/device-walk.h"
#include "conf/rules/common.h"

/* --- the kind of guest ------------------------------------------------------------------------- */

/* A boot loader of the host is for paravirtual guests, unless something else is said. */
int rule_os_type(DomainConfig *config, DomainCheck *check)
{
    OsType *type = &config->os.type;

    if (!type->name && !config->bootloader)
        return domain_fail(check, VIR_ERR_XML_ERROR, _("<os> has no element <type>"));
    if (!type->name)
        type->name = config->type == DOMAIN_TYPE_XEN ? OS_TYPE_NAME_LINUX : OS_TYPE_NAME_XEN;
    if (!type->arch && check->rules->default_arch) {
        int arch = element_value(&arch_words, check->rules->default_arch);

        g_assert(arch > 0);
        type->arch = (Arch)arch;
    }
    config->has_os = config->os.has_type = true;
    return 0;
}

int rule_os_init(DomainConfig *config, DomainCheck *check)
{
    if (config->os.type.name == OS_TYPE_NAME_EXE && !config->os.init)
        return domain_fail(check, VIR_ERR_XML_ERROR, _("<os> of type 'exe' has no element <init>"));
    return 0;
}

/* --- firmware ---------------------------------------------------------------------------------- */

static int refuse_with_firmware(const char *attribute, const char *element, DomainCheck *check)
{
    return domain_fail(check, VIR_ERR_XML_DETAIL,
                       _("The attribute '%s' of <%s> can't be given when <os> has the attribute 'firmware'"), attribute,
                       element);
}

/* A firmware that the host chooses leaves little to say. */
static int check_chosen_firmware(const Os *os, DomainCheck *check)
{
    const Loader *loader = &os->loader;

    if (loader->readonly)
        return refuse_with_firmware("readonly", "loader", check);
    if (loader->type)    /* which a path brings along */
        return refuse_with_firmware("type", "loader", check);
    if (loader->secure == TRISTATE_NO)
        return refuse_with_firmware("secure", "loader", check);
    if (os->nvram.template)
        return refuse_with_firmware("template", "nvram", check);
    if (os->firmware == FIRMWARE_TYPE_BIOS && (os->nvram.path || os->nvram.type))
        return domain_fail(check, VIR_ERR_XML_DETAIL, _("<os firmware='bios'> can't have <nvram>"));
    if (os->firmware == FIRMWARE_TYPE_BIOS && loader->stateless == TRISTATE_NO)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("The attribute 'stateless' of <loader> can't be 'no' with <os firmware='bios'>"));
    return 0;
}

static int check_given_firmware(const Os *os, DomainCheck *check)
{
    const Loader *loader = &os->loader;

    if (!loader->path)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("<loader> has no path, and <os> has no attribute 'firmware'"));
    if (loader->type == LOADER_TYPE_ROM && loader->stateless == TRISTATE_NO)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("The attribute 'stateless' of <loader> can't be 'no' when its type is 'rom'"));
    return 0;
}

/* Can't be for a firmware without variables. */
static int check_stateless(const Os *os, DomainCheck *check)
{
    if (os->loader.stateless != TRISTATE_YES)
        return 0;
    if (os->nvram.template)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("<nvram> can't have the attribute 'template' when <loader> has stateless='yes'"));
    if (os->nvram.path || os->nvram.type)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("<os> can't have <nvram> when <loader> has stateless='yes'"));
    return 0;
}

static int check_features(const OsFirmware *features, DomainCheck *check)
{
    bool enrolled = false, insecure = false;

    for (unsigned i = 0; features && i < features->n_features; i++) {
        const FirmwareFeature *feature = features->features[i];

        enrolled |= feature->name == FIRMWARE_FEATURE_NAME_ENROLLED_KEYS && feature->enabled == TRISTATE_YES;
        insecure |= feature->name == FIRMWARE_FEATURE_NAME_SECURE_BOOT && feature->enabled == TRISTATE_NO;
    }
    if (enrolled && insecure)
        return domain_fail(check, VIR_ERR_XML_DETAIL,
                           _("The firmware feature 'enrolled-keys' can't be enabled without 'secure-boot'"));
    return 0;
}

int rule_os_firmware(DomainConfig *config, DomainCheck *check)
{
    const Os *os = &config->os;

    if (os->firmware && check_features(os->features, check) < 0)
        return -1;
    if (!os->has_loader && !os->has_nvram)
        return 0;
    if ((os->firmware ? check_chosen_firmware(os, check) : check_given_firmware(os, check)) < 0)
        return -1;
    return check_stateless(os, check);
}

/* --- boot devices ------------------------------------------------------------------------------ */

int rule_os_boot_limits(DomainConfig *config, DomainCheck *check)
{
    const BootMenu *menu = &config->os.bootmenu;
    const Bios *bios = &config->os.bios;

    if (menu->has_timeout && menu->timeout > UINT16_MAX)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute 'timeout' of <bootmenu> is %u, it can't be above 65535"), menu->timeout);
    if (bios->has_reboot_timeout && (bios->reboot_timeout < -1 || bios->reboot_timeout > UINT16_MAX))
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The attribute 'rebootTimeout' of <bios> is %d, it must be from -1 to 65535"),
                           bios->reboot_timeout);
    return 0;
}

/* Writes the boot orders of all devices that have one, unless `orders` is NULL; returns how many there are. */
static unsigned boot_orders(const Devices *devices, unsigned *orders)
{
    DeviceWalk walk = { .devices = devices };
    unsigned n = 0;

    while (device_walk_next(&walk)) {
        if (!walk.info->boot)    /* only devices that can boot have kept it */
            continue;
        if (orders)
            orders[n] = walk.info->boot->order;
        n++;
    }
    return n;
}

/* A whole machine starts from its first hard disk if nothing is said. */
int rule_os_boot(DomainConfig *config, DomainCheck *check)
{
    Os *os = &config->os;
    BootDevice *disk;

    if (os->type.name != OS_TYPE_NAME_HVM || os->n_boots > 0 || boot_orders(&config->devices, NULL) > 0)
        return 0;
    disk = ELEMENT_NEW(check->arena, BootDevice);
    disk->dev = BOOT_DEV_HD;
    element_list_add(check->arena, (void ***)&os->boots, &os->n_boots, disk);
    return 0;
}

static int compare_orders(const void *a, const void *b)
{
    return number_order(*(const unsigned *)a, *(const unsigned *)b);
}

/* A whole machine starts from kinds of devices or from devices, each at its own place. */
int rule_os_boot_order(DomainConfig *config, DomainCheck *check)
{
    unsigned n, *orders;

    if (config->os.type.name != OS_TYPE_NAME_HVM)
        return 0;
    n = boot_orders(&config->devices, NULL);
    if (n == 0)
        return 0;
    orders = arena_array(check->arena, n, sizeof *orders);
    boot_orders(&config->devices, orders);
    qsort(orders, n, sizeof *orders, compare_orders);
    for (unsigned i = 1; i < n; i++)
        if (orders[i] == orders[i - 1])
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("The attribute 'order' of <boot> is %u in two devices"), orders[i]);
    if (config->os.n_boots > 0)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED, _("<os> can't have <boot> when devices have it, too"));
    return 0;
}

/* --- system information ------------------------------------------------------------------------ */

static const char *machine_uuid(const Sysinfo *sysinfo)
{
    for (unsigned i = 0; sysinfo->system && i < sysinfo->system->n_entries; i++)
        if (sysinfo->system->entries[i]->name == SMBIOS_FIELD_UUID)
            return sysinfo->system->entries[i]->value;
    return NULL;
}

/* A domain without a UUID of its own gets the machine's; else they are the same. */
int rule_sysinfo_uuid(DomainConfig *config, DomainCheck *check)
{
    for (unsigned i = 0; i < config->n_sysinfos; i++) {
        const char *text = machine_uuid(config->sysinfos[i]);
        char own[UUID_TEXT_SIZE];

        if (text && config->head.uuid_generated) {
            uuid_parse(text, &config->uuid);
            config->has_uuid = true;
        } else if (text && !(check->flags & ELEMENT_STORED) && strcmp(text, uuid_format(&config->uuid, own)) != 0) {
            return domain_fail(check, VIR_ERR_XML_DETAIL,
                               _("The UUID of the system in <sysinfo> is %s, the domain's is %s"), text, own);
        }
    }
    return 0;
}
