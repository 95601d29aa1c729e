/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of leases (lease.def) can't say: in which order its parts are missed.
 * A pure function of the element: any thread, no lock. */
#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"

int lease_parsed(void *self, ElementParse *parse)
{
    const Lease *lease = self;

    if (!lease->lockspace)
        return element_fail(parse, VIR_ERR_INTERNAL_ERROR, _("<lease> needs the element <lockspace>"));
    if (!lease->target)
        return element_fail(parse, VIR_ERR_XML_ERROR, _("<lease> needs the element <target>"));
    return 0;
}
