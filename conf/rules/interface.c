/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules about network interfaces: names for their devices on the host, and settings that only some kinds of
 * interface can have. Those about the host device that an interface may be are in hostdev.c.
 * Pure functions of the config: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/rules/common.h"

/* --- names ------------------------------------------------------------------------------------- */

/* Which of the numbers below n an interface has in a name with that prefix. */
static void mark_taken(const Devices *devices, const char *prefix, bool *taken, unsigned n)
{
    for (unsigned i = 0; i < devices->n_interfaces; i++) {
        const char *dev = devices->interfaces[i]->target.dev;
        const char *digits = dev && g_str_has_prefix(dev, prefix) ? dev + strlen(prefix) : "";
        guint64 number;

        if (g_ascii_isdigit(*digits) && (*digits != '0' || digits[1] == '\0') &&
            g_ascii_string_to_unsigned(digits, 10, 0, n - 1, &number, NULL))
            taken[number] = true;
    }
}

/* Gives each interface without a name the driver's prefix and the next free number. */
int rule_interface_names(DomainConfig *config, DomainCheck *check)
{
    Devices *devices = &config->devices;
    const char *prefix = check->rules->interface_prefix;
    unsigned n = devices->n_interfaces, next = 0;
    bool *taken;

    if (n == 0 || !prefix)
        return 0;
    taken = arena_zalloc(check->arena, n * sizeof *taken);
    mark_taken(devices, prefix, taken, n);
    for (unsigned i = 0; i < n; i++) {
        InterfaceTarget *target = &devices->interfaces[i]->target;

        if (target->dev)
            continue;
        while (taken[next])
            next++;
        target->dev = arena_printf(check->arena, "%s%u", prefix, next++);
        devices->interfaces[i]->has_target = true;
    }
    return 0;
}

/* --- what only some kinds have ----------------------------------------------------------------- */

static int check_host_side(const Interface *interface, DomainCheck *check)
{
    const char *type = element_word(&interface_type_words, interface->type);
    bool addressed = interface->source.n_ips || interface->source.n_routes || interface->device.n_ips ||
                     interface->device.n_routes;

    if (addressed && interface->type != INTERFACE_TYPE_ETHERNET)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("The <source> of an interface of type='%s' can't have <ip> and <route>, only "
                             "type='ethernet' can"),
                           type);
    if (interface->target.managed == TRISTATE_NO && interface->type != INTERFACE_TYPE_ETHERNET)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("An interface of type='%s' can't have the attribute managed='no' in <target>, only "
                             "type='ethernet' can"),
                           type);
    return 0;
}

static int check_teaming(const Teaming *teaming, DomainCheck *check)
{
    if (!teaming)
        return 0;
    if (teaming->type == TEAMING_TYPE_TRANSIENT && !teaming->persistent)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<teaming type='transient'> needs the attribute 'persistent'"));
    if (teaming->type == TEAMING_TYPE_PERSISTENT && teaming->persistent)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("<teaming type='persistent'> can't have the attribute persistent='%s'"),
                           teaming->persistent);
    return 0;
}

static int check_port(const Interface *interface, DomainCheck *check)
{
    if (interface->port.isolated != TRISTATE_YES)
        return 0;
    if (interface->type != INTERFACE_TYPE_NETWORK && interface->type != INTERFACE_TYPE_BRIDGE)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("An interface of type='%s' can't have <port isolated='yes'/>, only 'network' and "
                             "'bridge' can"),
                           element_word(&interface_type_words, interface->type));
    if (interface->virtualport && interface->virtualport->type)
        return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                           _("An interface with <virtualport type='%s'> can't have <port isolated='yes'/>"),
                           element_word(&virtual_port_type_words, interface->virtualport->type));
    return 0;
}

static int check_options(const Interface *interface, DomainCheck *check)
{
    const VirtioOptions *options = interface->type == INTERFACE_TYPE_HOSTDEV ? &interface->hostdev_driver.options
                                                                             : &interface->other_driver.options;

    const char *option = virtio_option(options);

    if (!option || interface->model.virtio)
        return 0;
    return domain_fail(check, VIR_ERR_CONFIG_UNSUPPORTED,
                       _("The attribute '%s' of <driver> needs an interface with a virtio <model>"), option);
}

int rule_interfaces(DomainConfig *config, DomainCheck *check)
{
    for (unsigned i = 0; i < config->devices.n_interfaces; i++) {
        const Interface *interface = config->devices.interfaces[i];

        if (check_host_side(interface, check) < 0 || check_teaming(interface->teaming, check) < 0 ||
            check_port(interface, check) < 0 || check_options(interface, check) < 0)
            return -1;
    }
    return 0;
}
