/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents of domains that drover didn't make. What the hypervisor tells is put into a copy of a small document of
 * the same kind of guest; devices are not in it. A document read from what libxl keeps of a guest takes its place
 * where that is there. Pure functions of what they get: any thread, no lock. */
#include "drivers/xen/xen.h"

#include <libvirt/libvirt.h>

#include "conf/rules/rules.h"

#define SAMPLE(os)                                                                              \
    "<domain type='xen'><name>sample</name><uuid>00000000-0000-4000-8000-000000000001</uuid>"   \
    "<memory unit='KiB'>1</memory><vcpu>1</vcpu><os>" os "</os>"                                \
    "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash></domain>"

const DomainRules xen_domain_rules = { .default_arch = "x86_64", .namespaces = NAMESPACE_XEN };

static const char *const samples[] = {
    [XEN_PV] = SAMPLE("<type arch='x86_64' machine='xenpv'>linux</type>"),
    [XEN_PVH] = SAMPLE("<type arch='x86_64' machine='xenpvh'>xenpvh</type>"),
    [XEN_HVM] = SAMPLE("<type arch='x86_64' machine='xenfv'>hvm</type>"),
};

int xen_samples_make(XenHost *xen, Error *error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(samples); i++) {
        /* stored: what the common rules want of a new definition is not the hypervisor's to know */
        xen->samples[i] = domain_config_parse(samples[i], strlen(samples[i]), &xen_domain_rules, DOMAIN_PARSE_STORED,
                                              error);
        if (!xen->samples[i])
            return -1;
    }
    return 0;
}

void xen_samples_free(XenHost *xen)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(samples); i++)
        domain_config_unref(xen->samples[i]);
}

DomainConfig *xen_document_now(const DomainConfig *from, const XenInfo *info)
{
    DomainConfig *config = domain_config_copy(from);
    uint64_t max_memory = MAX(xen_max_memory(info), 1);

    domain_config_set_max_memory(config, max_memory);
    domain_config_set_memory(config, CLAMP(info->memory, 1, max_memory));
    domain_config_set_max_vcpus(config, MAX(info->max_vcpus, 1));
    domain_config_set_vcpus(config, CLAMP(info->vcpus, 1, MAX(info->max_vcpus, 1)));
    return config;
}

DomainConfig *xen_document(const XenHost *xen, const XenInfo *info, const char *name)
{
    DomainConfig *config = xen_document_now(xen->samples[info->kind], info);

    config->uuid = info->uuid;
    domain_config_set_text(config, &config->name, name);
    return config;
}
