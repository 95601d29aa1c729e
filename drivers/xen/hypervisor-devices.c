/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a document to libxl's devices. None can be made yet: a document that has some is refused. Consoles of Xen's are
 * not among them, since libxl gives one to every guest. Pure functions: any thread, no lock. */
#include "drivers/xen/real.h"

#include <errno.h>

#include "base/i18n.h"

int config_devices(const DomainConfig *config, libxl_domain_config *made, char **why)
{
    const Devices *devices = &config->devices;

    if (devices->n_disks + devices->n_interfaces + devices->n_hostdevs + devices->n_channels + devices->n_graphics == 0)
        return 0;
    *why = g_strdup(_("guests with disks, interfaces, screens, channels or devices of the host can't be made yet"));
    return -ENOTSUP;
}
