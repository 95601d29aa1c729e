/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of what every device may carry: names that must differ, and addresses that only some may have.
 * Pure functions of the config: any thread, no lock. */
#include "conf/rules/rules.h"

#include <string.h>

#include "base/i18n.h"

/* One device as these rules see it. */
typedef struct Carrier {
    const char *element;
    const DeviceInfo *info;
} Carrier;

/* All devices that have a DeviceInfo, in an array of the check's arena. */
static Carrier *collect(const Devices *devices, unsigned *n, DomainCheck *check)
{
    Carrier *carriers;
    unsigned most = 5;    /* those that a guest has once */

#define LISTS(EACH)                                                                                            \
    EACH(disks, "disk") EACH(controllers, "controller") EACH(filesystems, "filesystem")                        \
    EACH(interfaces, "interface") EACH(smartcards, "smartcard") EACH(serials, "serial")                        \
    EACH(parallels, "parallel") EACH(consoles, "console") EACH(channels, "channel") EACH(inputs, "input")      \
    EACH(tpms, "tpm") EACH(sounds, "sound") EACH(videos, "video") EACH(hostdevs, "hostdev")                    \
    EACH(redirdevs, "redirdev") EACH(hubs, "hub") EACH(rngs, "rng") EACH(panics, "panic") EACH(shmems, "shmem") \
    EACH(memories, "memory")
#define COUNT(list, name) most += devices->n_##list;
#define TAKE(list, name)                                                                                       \
    for (unsigned i = 0; i < devices->n_##list; i++)                                                           \
        carriers[(*n)++] = (Carrier){ name, &devices->list[i]->info };
#define TAKE_ONE(member)                                                                                       \
    if (devices->member)                                                                                       \
        carriers[(*n)++] = (Carrier){ #member, &devices->member->info };

    LISTS(COUNT)
    carriers = arena_array(check->arena, most, sizeof *carriers);
    *n = 0;
    LISTS(TAKE)
    TAKE_ONE(watchdog)
    TAKE_ONE(memballoon)
    TAKE_ONE(nvram)
    TAKE_ONE(iommu)
    TAKE_ONE(vsock)
#undef LISTS
#undef COUNT
#undef TAKE
#undef TAKE_ONE
    return carriers;
}

/* The first console may be the first serial port by another name; then the names of both are free. */
static bool is_console_of_serial(const Devices *devices, const DeviceInfo *info)
{
    if (devices->n_serials == 0 || devices->n_consoles == 0 ||
        devices->consoles[0]->target.type != CONSOLE_TARGET_TYPE_SERIAL)
        return false;
    return info == &devices->serials[0]->info || info == &devices->consoles[0]->info;
}

int rule_device_aliases(DomainConfig *config, DomainCheck *check)
{
    g_autoptr(GHashTable) found = g_hash_table_new(g_str_hash, g_str_equal);
    unsigned n;
    const Carrier *carriers = collect(&config->devices, &n, check);

    for (unsigned i = 0; i < n; i++) {
        const DeviceAlias *alias = carriers[i].info->alias;

        if (!alias || !alias->name || strncmp(alias->name, "ua-", 3) != 0 ||
            is_console_of_serial(&config->devices, carriers[i].info))
            continue;
        if (!g_hash_table_add(found, (gpointer)alias->name))
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("A <%s> has <alias name='%s'>, as another device has"), carriers[i].element,
                               alias->name);
    }
    return 0;
}

/* Only what is passed through may stay away from the guest. */
int rule_device_unassigned(DomainConfig *config, DomainCheck *check)
{
    unsigned n;
    const Carrier *carriers = collect(&config->devices, &n, check);

    for (unsigned i = 0; i < n; i++) {
        const Address *address = carriers[i].info->address;

        if (address && address->type == ADDRESS_TYPE_UNASSIGNED && strcmp(carriers[i].element, "hostdev") != 0)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("A <%s> can't have an <address> with type='unassigned', only a <hostdev> can"),
                               carriers[i].element);
    }
    return 0;
}
