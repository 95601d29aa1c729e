/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents to and from the files of Xen's own tools. Asks nobody: on workers, since files may be long. */
#include "drivers/xen/xen.h"

#include <string.h>

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "conf/xen/xl.h"
#include "drivers/common/op.h"

static int dialect_of(Op *op, const char *format, XenDialect *dialect)
{
    if (strcmp(format, "xen-xl") == 0)
        *dialect = XEN_DIALECT_XL;
    else if (strcmp(format, "xen-xm") == 0)
        *dialect = XEN_DIALECT_XM;
    else
        return op_fail(op, VIR_ERR_INVALID_ARG, _("unsupported config type %s"), format);
    return 0;
}

int xen_connect_domain_xml_from_native(Op *op, const RemoteConnectDomainXmlFromNativeArgs *args,
                                       RemoteConnectDomainXmlFromNativeResult *result)
{
    g_autoptr(DomainConfig) config = NULL;
    XenDialect dialect;

    if (op_check_flags(op, args->flags, 0) < 0 || dialect_of(op, args->nativeFormat, &dialect) < 0)
        return -1;
    config = xen_config_parse(args->nativeConfig, strlen(args->nativeConfig), dialect, op->error);
    if (!config)
        return -1;
    result->domainXml = op_keep_memory(op, domain_config_format(config, -1, DOMAIN_FORMAT_INACTIVE));
    return 0;
}

int xen_connect_domain_xml_to_native(Op *op, const RemoteConnectDomainXmlToNativeArgs *args,
                                     RemoteConnectDomainXmlToNativeResult *result)
{
    g_autoptr(DomainConfig) config = NULL;
    XenDialect dialect;
    char *text;

    if (op_check_flags(op, args->flags, 0) < 0 || dialect_of(op, args->nativeFormat, &dialect) < 0)
        return -1;
    config = domain_config_parse(args->domainXml, strlen(args->domainXml), &xen_domain_rules, 0, op->error);
    text = config ? xen_config_format(config, dialect, op->error) : NULL;
    if (!text)
        return -1;
    result->nativeConfig = op_keep_memory(op, text);
    return 0;
}
