/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The labels that an administrator has given a domain, for rules of access: what the <label> elements say inside the
 * element of our namespace in <metadata>. Any thread; takes no lock. */
#pragma once

#include "conf/config.h"

#define DOMAIN_LABELS_NAMESPACE "urn:drover:labels"

/* NULL-terminated, owned by the caller (g_strfreev); NULL when there are none, which is found out without parsing. */
char **domain_config_labels(const DomainConfig *config);
