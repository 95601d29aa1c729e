/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of what every device may carry: names that must differ, and addresses that only some may have.
 * Pure functions of the config: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/device-walk.h"
#include "conf/rules/rules.h"

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
    g_autoptr(GHashTable) found = NULL;
    DeviceWalk walk = { .devices = &config->devices };

    while (device_walk_next(&walk)) {
        const DeviceAlias *alias = walk.info->alias;

        if (!alias || !alias->name || strncmp(alias->name, "ua-", 3) != 0 ||
            is_console_of_serial(&config->devices, walk.info))
            continue;
        if (!found)
            found = g_hash_table_new(g_str_hash, g_str_equal);
        if (!g_hash_table_add(found, (gpointer)alias->name))
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("A <%s> has <alias name='%s'>, as another device has"), walk.element, alias->name);
    }
    return 0;
}

/* Only what is passed through may stay away from the guest. */
int rule_device_unassigned(DomainConfig *config, DomainCheck *check)
{
    DeviceWalk walk = { .devices = &config->devices };

    while (device_walk_next(&walk)) {
        const Address *address = walk.info->address;

        if (address && address->type == ADDRESS_TYPE_UNASSIGNED && strcmp(walk.element, "hostdev") != 0)
            return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                               _("A <%s> can't have an <address> with type='unassigned', only a <hostdev> can"),
                               walk.element);
    }
    return 0;
}
