/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain documents to and from the files in which Xen's own tools describe a guest: "xen-xl" for xl, and "xen-xm" for
 * its predecessor xm. What the files can't say is left out, what the document can't say as well.
 * Pure functions: any thread, no lock. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "conf/config.h"

typedef enum XenDialect { XEN_DIALECT_XL, XEN_DIALECT_XM } XenDialect;

#define XEN_CONFIG_LIMIT (1u << 20)    /* bytes of such a file */

/* The file as text, owned by the caller. NULL and VIR_ERR_CONFIG_UNSUPPORTED for what Xen doesn't have,
 * VIR_ERR_NO_SUPPORT for a storage protocol, VIR_ERR_NO_NETWORK for an interface that doesn't name a bridge. */
char *xen_config_format(const DomainConfig *config, XenDialect dialect, Error *error);

/* `text`: UTF-8, at most XEN_CONFIG_LIMIT bytes, lists at most eight deep. Only what the file says is in the config,
 * and what Xen gives to every guest; no rule of ours judges it, as it is not defined yet.
 * NULL and VIR_ERR_CONF_SYNTAX (the file is no such file, or a value can't be read), VIR_ERR_INTERNAL_ERROR (a value is
 * missing or of another type, as libvirt has it), VIR_ERR_CONFIG_UNSUPPORTED (a value that isn't known), or what
 * domain_config_parse refuses. */
DomainConfig *xen_config_parse(const char *text, size_t size, XenDialect dialect, Error *error);
