/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rule about redirected USB devices: the guest must have a USB controller.
 * A pure function of the config: any thread, no lock. */
#include "base/i18n.h"
#include "conf/rules/rules.h"

int rule_redirdevs(DomainConfig *config, DomainCheck *check)
{
    const Devices *devices = &config->devices;

    if (devices->n_redirdevs == 0)
        return 0;
    for (unsigned i = 0; i < devices->n_controllers; i++)
        if (devices->controllers[i]->type == CONTROLLER_TYPE_USB &&
            devices->controllers[i]->usb_model != USB_MODEL_NONE)
            return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("A <redirdev> with bus='usb' needs a USB controller, the domain has none"));
}
