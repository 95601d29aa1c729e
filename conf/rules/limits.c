/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much of anything a document may hold, so that what follows is bounded; runs before all other rules.
 * Pure functions of a config that nobody else has: any thread, no lock. */
#include "base/i18n.h"
#include "conf/device.h"
#include "conf/rules/rules.h"

#define DEVICES_MAX 16384    /* a guest has some dozens; the rules compare them with one another */

int rule_device_count(DomainConfig *config, DomainCheck *check)
{
    unsigned n = domain_config_count_devices(config);

    if (n <= DEVICES_MAX || check->flags & ELEMENT_STORED)
        return 0;
    return domain_fail(check, VIR_ERR_XML_ERROR, _("Domain '%s' has %u devices, more than %u"), config->name, n, DEVICES_MAX);
}
