/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a document's interfaces to libxl's; hypervisor-devices.c has the rules of all such files. Pure functions of their
 * arguments but for the question whether our hotplug program is there: any thread, no lock. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "conf/elements.h"
#include "drivers/xen/settings.h"

enum { RATE_INTERVAL = 50000 };    /* us: how often a guest is given new credit, as Xen's tools have it */

static int check_interface(const Interface *interface, char **why)
{
    const Bandwidth *bandwidth = interface->bandwidth;
    const BandwidthRate *rate = bandwidth ? bandwidth->outbound : NULL;
    const char *refused = setting_refused_interface(interface);

    if (refused)
        return config_refuse(why, _("an interface has %s, which Xen can't do"), refused);
    if (interface->type == INTERFACE_TYPE_NETWORK)
        return config_refuse(why, _("an interface is on the network '%s', there are no networks here; name a bridge"),
                             interface->source.network);
    if (interface->type != INTERFACE_TYPE_BRIDGE && interface->type != INTERFACE_TYPE_ETHERNET)
        return config_refuse(why, _("an interface is of type='%s', Xen has only bridge and ethernet"),
                             element_word(&interface_type_words, interface->type));
    if (interface->filterref)
        return config_refuse(why, _("an interface has <filterref>, there are no filters here"));
    if ((bandwidth && bandwidth->inbound) || (rate && (rate->peak || rate->burst || rate->floor)))
        return config_refuse(why, _("an interface has limits in <bandwidth> other than <outbound average=…>,"
                                    " which Xen can't do"));
    if (interface->has_link && interface->link.state == LINK_STATE_DOWN)
        return config_refuse(why, _("an interface has its link down, which Xen can't do"));
    if (interface->virtualport && interface->virtualport->type != VIRTUAL_PORT_TYPE_OPENVSWITCH)
        return config_refuse(why, _("an interface has a <virtualport> other than one of Open vSwitch"));
    if (interface->vlan && !interface->virtualport)
        return config_refuse(why, _("an interface has <vlan>, which only Open vSwitch does"));
    return 0;
}

/* Open vSwitch has its script, which reads "bridge.5" or "bridge:5:6". */
static char *bridge_name(const Interface *interface)
{
    const Vlan *vlan = interface->vlan;
    GString *text = g_string_new(interface->source.bridge);
    bool trunk = vlan && (vlan->trunk || vlan->n_tags > 1);

    for (unsigned i = 0; vlan && i < vlan->n_tags; i++)
        g_string_append_printf(text, "%c%u", trunk ? ':' : '.', vlan->tags[i]->id);
    return g_string_free(text, FALSE);
}

static char *addresses(const Interface *interface)
{
    GString *text;

    if (interface->n_ips == 0)
        return NULL;
    text = g_string_new(NULL);
    for (unsigned i = 0; i < interface->n_ips; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", interface->ips[i]->address);
    return g_string_free(text, FALSE);
}

/* A script that the document names is run as it is. Ours puts the interface on a bridge and nothing else, so that one
 * with an address, whose packets Xen's script filters by it, keeps Xen's. */
static void interface_script(const Interface *interface, libxl_device_nic *out)
{
    if (interface->script)
        out->script = g_strdup(interface->script->path);
    else if (interface->virtualport)
        out->script = g_strdup("vif-openvswitch");
    else if (interface->type == INTERFACE_TYPE_BRIDGE && interface->n_ips == 0 && !interface->backenddomain)
        out->script = hotplug_bridge_program();
}

/* A machine has an emulated card beside its paravirtual one unless it asks for that alone. */
static void interface_model(const Interface *interface, bool machine, libxl_device_nic *out)
{
    const char *model = interface->has_model ? interface->model.type : NULL;

    out->nictype = LIBXL_NIC_TYPE_VIF;
    if (!machine || (model && strcmp(model, "netfront") == 0))
        return;
    out->nictype = LIBXL_NIC_TYPE_VIF_IOEMU;
    out->model = g_strdup(model);
}

int device_interface(const Interface *interface, bool machine, libxl_device_nic *out, char **why)
{
    const BandwidthRate *rate = interface->bandwidth ? interface->bandwidth->outbound : NULL;

    libxl_device_nic_init(out);
    if (check_interface(interface, why) < 0)
        return -ENOTSUP;
    if (!machine && interface->has_model && interface->model.type && strcmp(interface->model.type, "netfront") != 0)
        return config_refuse(why, _("an interface has the model '%s', this guest can only have 'netfront'"),
                             interface->model.type);
    memcpy(out->mac, interface->mac.address.bytes, sizeof out->mac);
    interface_model(interface, machine, out);
    if (interface->type == INTERFACE_TYPE_BRIDGE)
        out->bridge = bridge_name(interface);
    out->ip = addresses(interface);
    out->ifname = interface->has_target ? g_strdup(interface->target.dev) : NULL;
    if (interface->has_mtu)
        out->mtu = (int)interface->mtu.size;
    interface_script(interface, out);
    if (interface->backenddomain)
        out->backend_domname = g_strdup(interface->backenddomain->name);
    if (rate && rate->average) {
        out->rate_bytes_per_interval = rate->average * 1024 * RATE_INTERVAL / 1000000;
        out->rate_interval_usecs = RATE_INTERVAL;
    }
    return 0;
}

int config_interfaces(const DomainConfig *config, libxl_domain_config *out, char **why)
{
    const Devices *devices = &config->devices;
    bool machine = config->os.type.name == OS_TYPE_NAME_HVM;

    out->nics = g_new0(libxl_device_nic, devices->n_interfaces);
    for (unsigned i = 0; i < devices->n_interfaces; i++) {
        if (device_interface(devices->interfaces[i], machine, &out->nics[out->num_nics++], why) < 0)
            return -ENOTSUP;
        out->nics[i].devid = (libxl_devid)i;
    }
    return 0;
}
